/** ln and link, as GNU's. A tree has no links but symlinks, so a hard link is the same object under another name: a copy, whatever is done to either later. */
import { refusalOf, type TreeFiles } from "../shell/files.ts";
import { hardLinks } from "./hard-link.ts";
import { OptionFault, readWords, type Known } from "./options.ts";
import type { OwnCall, OwnEnded } from "./call.ts";

const known: Known = {
  flags: "sfnrvTPLbid",
  valued: "tS",
  long: {
    symbolic: "s",
    force: "f",
    "no-dereference": "n",
    relative: "r",
    verbose: "v",
    "no-target-directory": "T",
    "target-directory=": "t",
    physical: "P",
    logical: "L",
    interactive: "i",
  },
};

/** Undefined where there are no operands to link. */
export async function linked(
  { name, args, files }: OwnCall,
  tree: TreeFiles,
  cwd: string,
): Promise<OwnEnded | undefined> {
  if (name === "link")
    return args.length === 2 && args.every((arg) => arg !== "--") ? hardLinks(tree, cwd, ["-T", ...args]) : undefined;
  const { operands, has, value } = (() => {
    try {
      return readWords(args, known);
    } catch (error) {
      if (!(error instanceof OptionFault)) throw error;
      return { operands: [], has: () => false, value: () => undefined };
    }
  })();
  if (operands.length === 0) return undefined;
  for (const letter of ["b", "i", "L", "S"])
    if (has(letter)) return { stdout: "", stderr: `ln: -${letter} is not known\n`, exitCode: 1 };
  const folder = value("t");
  const sources = [...operands];
  const target = folder ?? (operands.length === 1 ? undefined : sources.pop()) ?? ".";
  const found = files.look(target, !has("n"));
  const isFolder = !has("T") && found?.isDirectory === true;
  if (!isFolder && (folder !== undefined || sources.length > 1))
    return { stdout: "", stderr: `ln: target '${target}' is not a directory\n`, exitCode: 1 };
  let [stdout, stderr] = ["", ""];
  for (const from of sources) {
    const to = isFolder ? `${target.replace(/\/+$/, "")}/${from.replace(/\/+$/, "").replace(/^.*\//s, "")}` : target;
    const place = tree.resolvePath(cwd, to);
    if (!has("s")) {
      const done = await hardLinks(tree, cwd, [...(has("f") ? ["-f"] : []), "-T", "--", from, to]);
      stderr += done?.stderr ?? "";
      if (done?.stderr === "" && has("v")) stdout += `'${to}' => '${from}'\n`;
      continue;
    }
    try {
      if (has("f") && tree.look(place, false)?.isDirectory === false) await tree.rm(place);
      await tree.symlink(has("r") ? relative(tree.resolvePath(place, ".."), tree.resolvePath(cwd, from)) : from, place);
      if (has("v")) stdout += `'${to}' -> '${from}'\n`;
    } catch (error) {
      const refusal = refusalOf(error);
      if (refusal === undefined) throw error;
      stderr += `ln: failed to create symbolic link '${to}': ${refusal}\n`;
    }
  }
  return { stdout, stderr, exitCode: stderr === "" ? 0 : 1 };
}

function relative(folder: string, path: string): string {
  const [from, to] = [folder, path].map((each) => each.split("/").filter((part) => part !== "")) as [
    string[],
    string[],
  ];
  let common = 0;
  while (common < from.length && common < to.length && from[common] === to[common]) common++;
  return [...from.slice(common).map(() => ".."), ...to.slice(common)].join("/") || ".";
}
