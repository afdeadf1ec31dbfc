/** du, as GNU's: what files take, in blocks as find counts them (a file's and a folder's pages of 4 KiB, a symlink none), or by their sizes. Names in a folder come in the order of their bytes. */
import type { OwnCall, OwnEnded, OwnFiles } from "./call.ts";
import { globRegex } from "./glob.ts";
import { OptionFault, readWords, type Known, type ReadWords } from "./options.ts";

const known: Known = {
  flags: "abcshkmS0DHPxl",
  valued: "dB",
  long: {
    all: "a",
    "apparent-size": "apparent",
    bytes: "b",
    total: "c",
    summarize: "s",
    "human-readable": "h",
    "separate-dirs": "S",
    null: "0",
    "dereference-args": "D",
    "no-dereference": "P",
    "one-file-system": "x",
    "count-links": "l",
    "max-depth=": "d",
    "block-size=": "B",
    "exclude=": "exclude",
  },
};

const pageBytes = 4096;
const units = ["", "K", "M", "G", "T", "P"] as const;

export function du(call: OwnCall): OwnEnded {
  try {
    return run(call, readWords(call.args, known));
  } catch (error) {
    if (!(error instanceof OptionFault)) throw error;
    return { stdout: "", stderr: `du: ${error.message}\nTry 'du --help' for more information.\n`, exitCode: 1 };
  }
}

function run({ files }: OwnCall, given: ReadWords): OwnEnded {
  const { operands, has, value, options } = given;
  if (has("a") && has("s")) throw new OptionFault("cannot both summarize and show all entries");
  const depth = value("d") ?? (has("s") ? "0" : undefined);
  if (depth !== undefined && !/^\d+$/.test(depth)) throw new OptionFault(`invalid maximum depth '${depth}'`);
  if (has("s") && Number(depth) > 0)
    throw new OptionFault(`warning: summarizing conflicts with --max-depth=${depth as string}`);
  const excluded = options
    .filter(({ letter }) => letter === "exclude")
    .map((each) => globRegex(each.value ?? "", { anyPart: true }));
  const shown = shownBy(given);
  const end = has("0") ? "\0" : "\n";
  const walk = new Walk(files, {
    isApparent: has("apparent") || has("b"),
    isSeparate: has("S"),
    isExcluded: (path) => excluded.some((each) => each.test(path)),
    tell: (path, bytes, level, isFolder) => {
      if (level > 0 && (level > Number(depth ?? Infinity) || !(isFolder || has("a")))) return;
      stdout.push(`${shown(bytes)}\t${path}${end}`);
    },
  });
  const stdout: string[] = [];
  let [stderr, total] = ["", 0];
  for (const path of operands.length === 0 ? ["."] : operands) {
    const bytes = walk.of(path, 0, has("D") || has("H"));
    if (bytes === undefined) stderr += `du: cannot access '${path}': No such file or directory\n`;
    else total += bytes;
  }
  if (has("c")) stdout.push(`${shown(total)}\ttotal${end}`);
  return { stdout: stdout.join(""), stderr, exitCode: stderr === "" ? 0 : 1 };
}

/** How a count of bytes is shown: by the last of the options that say so, each rounded up. */
function shownBy({ options }: ReadWords): (bytes: number) => string {
  const last = options.findLast(({ letter }) => "bhkmB".includes(letter));
  switch (last?.letter ?? "k") {
    case "b":
      return String;
    case "h":
      return human;
    case "m":
      return (bytes) => String(Math.ceil(bytes / 1024 ** 2));
    case "B": {
      const [, count = "", unit = ""] = /^(\d*)([KMGTP]?)$/.exec(last?.value ?? "") ?? [];
      const size = Number(count || 1) * 1024 ** units.indexOf(unit as "K");
      if (!(size > 0) || count + unit === "")
        throw new OptionFault(`invalid --block-size argument '${last?.value ?? ""}'`);
      return (bytes) => `${Math.ceil(bytes / size)}${count === "" ? unit : ""}`;
    }
    default:
      return (bytes) => String(Math.ceil(bytes / 1024));
  }
}

function human(bytes: number): string {
  let [value, unit] = [bytes, 0];
  while (value >= 1024 || (unit > 0 && Math.ceil(value) >= 1024)) {
    value /= 1024;
    unit++;
  }
  const tenths = Math.ceil(value * 10);
  const count = unit > 0 && tenths < 100 ? (tenths / 10).toFixed(1) : String(Math.ceil(value));
  return `${count}${units[unit] ?? ""}`;
}

interface Counting {
  readonly isApparent: boolean;
  /** A folder's count has none of the folders in it. */
  readonly isSeparate: boolean;
  readonly isExcluded: (path: string) => boolean;
  readonly tell: (path: string, bytes: number, level: number, isFolder: boolean) => void;
}

class Walk {
  readonly #files: OwnFiles;
  readonly #counting: Counting;
  /** What was counted already, by the path from the root. */
  readonly #seen = new Set<string>();

  constructor(files: OwnFiles, counting: Counting) {
    this.#files = files;
    this.#counting = counting;
  }

  /** The bytes of what is there and below it, told on the way, none of what was counted before; undefined where nothing is. */
  of(path: string, level: number, follows: boolean): number | undefined {
    const files = this.#files;
    const { isApparent, isSeparate, isExcluded, tell } = this.#counting;
    const stat = files.look(path, follows);
    if (stat === undefined) return undefined;
    const place = stat.isSymbolicLink ? `link ${path}` : (files.real(path) ?? path);
    if (this.#seen.has(place)) return 0;
    this.#seen.add(place);
    let bytes = isApparent ? stat.size : stat.isSymbolicLink ? 0 : pageBytes * Math.ceil(stat.size / pageBytes);
    let below = 0;
    if (stat.isDirectory) {
      for (const name of files.names(path)) {
        const inside = path.endsWith("/") ? path + name : `${path}/${name}`;
        if (isExcluded(inside)) continue;
        const found = this.of(inside, level + 1, false) ?? 0;
        if (isSeparate && files.look(inside, false)?.isDirectory === true) below += found;
        else bytes += found;
      }
    }
    tell(path, bytes, level, stat.isDirectory);
    return bytes + below;
  }
}
