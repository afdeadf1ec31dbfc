/** Hard links, made by ln and link, and by the shell in place of a known ln. */
import { ended, type Ended } from "../shell/call.ts";
import { refusalOf, type TreeFiles } from "../shell/files.ts";

/**
 * `ln [-f] [-T] FILE … NAME or FOLDER` without -s: a tree has no links but symlinks, so it is the same object under another name. It is done here since the known tool's C library hands on its second path for both. Undefined for what is a
 * symlink, or else to be told by the tool.
 */
export async function hardLinks(files: TreeFiles, cwd: string, args: readonly string[]): Promise<Ended | undefined> {
  const end = args.indexOf("--");
  const [words, rest] = end < 0 ? [args, []] : [args.slice(0, end), args.slice(end + 1)];
  if (words.some((arg) => isOption(arg) && arg !== "-f" && arg !== "-T")) return undefined;
  const operands = [...words.filter((arg) => !isOption(arg)), ...rest];
  if (operands.length === 1) operands.push(".");
  const target = operands.pop();
  if (target === undefined) return undefined;
  const at = (path: string) => files.resolvePath(cwd, path);
  const isFolder =
    !words.includes("-T") &&
    (await files.stat(at(target)).then(
      (found) => found.isDirectory,
      () => false,
    ));
  if (operands.length > 1 && !isFolder) return undefined;
  let stderr = "";
  for (const from of operands) {
    const to = isFolder ? `${target.replace(/\/+$/, "")}/${from.replace(/^.*\/(?=[^/])/, "")}` : target;
    const fault = await hardLink(files, [from, to], [at(from), at(to)], words.includes("-f"));
    if (fault !== undefined) stderr += `ln: ${fault}\n`;
  }
  return ended("", stderr, stderr === "" ? 0 : 1);
}

function isOption(arg: string): boolean {
  return /^-./.test(arg);
}

/** Makes one, and says what is wrong with it. */
async function hardLink(
  files: TreeFiles,
  [from, to]: readonly [string, string],
  [source, place]: readonly [string, string],
  replaces: boolean,
): Promise<string | undefined> {
  let what = `failed to access '${from}'`;
  try {
    if ((await files.lstat(source)).isDirectory) return `${from}: hard link not allowed for directory`;
    what = `failed to create hard link '${to}'`;
    if (replaces && source === place) return `'${from}' and '${to}' are the same file`;
    if (replaces) await files.rm(place, { force: true });
    await files.link(source, place);
    return undefined;
  } catch (error) {
    const refusal = refusalOf(error);
    if (refusal === undefined) throw error;
    return `${what}: ${refusal}`;
  }
}
