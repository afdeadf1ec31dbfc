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
    si: "si",
    "exclude=": "exclude",
  },
};

const pageBytes = 4096;
const letters = "KMGTPEZY";
/** A block of as many bytes is too large, as for GNU's. */
const tooLarge = 2 ** 64;

/** A block's size that is none; GNU's du says no more than what is wrong with it. */
class BlockFault extends Error {
  override readonly name = "BlockFault";
}

export function du(call: OwnCall): OwnEnded {
  try {
    return run(call, readWords(call.args, known));
  } catch (error) {
    if (error instanceof BlockFault) return { stdout: "", stderr: `du: ${error.message}\n`, exitCode: 1 };
    if (!(error instanceof OptionFault)) throw error;
    return { stdout: "", stderr: `du: ${error.message}\nTry 'du --help' for more information.\n`, exitCode: 1 };
  }
}

function run({ files, env }: OwnCall, given: ReadWords): OwnEnded {
  const { operands, has, value, options } = given;
  if (has("a") && has("s")) throw new OptionFault("cannot both summarize and show all entries");
  const depth = value("d") ?? (has("s") ? "0" : undefined);
  if (depth !== undefined && !/^\d+$/.test(depth)) throw new OptionFault(`invalid maximum depth '${depth}'`);
  if (has("s") && Number(depth) > 0)
    throw new OptionFault(`warning: summarizing conflicts with --max-depth=${depth as string}`);
  const excluded = options
    .filter(({ letter }) => letter === "exclude")
    .map((each) => globRegex(each.value ?? "", { anyPart: true }));
  const shown = shownBy(given, env);
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

type Shown = (bytes: number) => string;

/** How a count of bytes is shown: by the last of the options that say so, else by the environment, each rounded up. Throws BlockFault. */
function shownBy({ options }: ReadWords, env: OwnCall["env"]): Shown {
  const last = options.findLast(({ letter }) => letter === "si" || "bhkmB".includes(letter));
  switch (last?.letter) {
    case "b":
      return String;
    case "h":
      return (bytes) => human(bytes, 1024);
    case "si":
      return (bytes) => human(bytes, 1000);
    case "m":
      return inBlocks(1024 ** 2);
    case "B": {
      const text = last?.value ?? "";
      const block = blockOf(text);
      if (typeof block !== "string") return block;
      const option = last?.words[0]?.startsWith("--bl") === true ? "--block-size" : "-B";
      throw new BlockFault(
        block === "large" ? `${option} argument '${text}' too large` : `${block} ${option} argument '${text}'`,
      );
    }
    case "k":
      return inBlocks(1024);
    case undefined:
    default: {
      const text = ["DU_BLOCK_SIZE", "BLOCK_SIZE", "BLOCKSIZE"]
        .map((name) => env.get(name))
        .find((each) => each !== undefined);
      const usual = env.has("POSIXLY_CORRECT") ? 512 : 1024;
      const block = text === undefined ? undefined : blockOf(text);
      return typeof block === "function" ? block : inBlocks(usual);
    }
  }
}

function inBlocks(size: number, unit = ""): Shown {
  return (bytes) => `${Math.ceil(bytes / size)}${unit}`;
}

/** A size as `-B` takes it: a word for sizes with units, or a count, a unit, or both; without a count the unit is shown. Else what is wrong with it. */
function blockOf(given: string): Shown | "invalid" | "invalid suffix in" | "large" {
  const text = given.replace(/^'/, "");
  if (text !== "" && "human-readable".startsWith(text)) return (bytes) => human(bytes, 1024);
  if (text !== "" && "si".startsWith(text)) return (bytes) => human(bytes, 1000);
  const [whole = "", count] = /^[ \t\n\v\f\r]*\+?(0[xX][\da-fA-F]+|\d+)/.exec(text) ?? [];
  const unit = text.slice(whole.length);
  if (count === undefined && !/^[eEgGkKmMpPtTyYzZ]/.test(unit)) return "invalid";
  const [, letter = "", way = ""] = /^(?:([EGgKkMmPTtYZ])(iB|B|D)?)?$/.exec(unit) ?? [];
  if (letter === "" && unit !== "") return "invalid suffix in";
  const exponent = letter === "" ? 0 : letters.indexOf(letter.toUpperCase()) + 1;
  const base = way === "B" || way === "D" ? 1000 : 1024;
  const size = (count === undefined ? 1 : numberOf(count)) * base ** exponent;
  if (size >= tooLarge) return "large";
  if (size === 0) return "invalid";
  if (count !== undefined) return inBlocks(size);
  const shown = base === 1000 && exponent === 1 ? "k" : (letters[exponent - 1] as string);
  return inBlocks(size, shown + (way === "D" ? "" : way));
}

/** As C reads it: octal behind a zero. */
function numberOf(count: string): number {
  if (/^0\d/.test(count)) return Number.parseInt(/^[0-7]+/.exec(count)?.[0] ?? "0", 8);
  return Number(count);
}

function human(bytes: number, base: 1000 | 1024): string {
  let exponent = 0;
  while (bytes >= base ** (exponent + 1)) exponent++;
  if (exponent > 0 && Math.ceil(bytes / base ** exponent) >= base) exponent++;
  const size = base ** exponent;
  const tenths = Math.ceil((bytes * 10) / size);
  const count = exponent > 0 && tenths < 100 ? (tenths / 10).toFixed(1) : String(Math.ceil(bytes / size));
  return count + (exponent === 0 ? "" : base === 1000 && exponent === 1 ? "k" : (letters[exponent - 1] as string));
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
