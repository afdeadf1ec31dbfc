/** sort, as GNU's in the C locale: keys, kinds of order, merging, checking. Equal lines keep their order with -s, else all of the line decides. */
import { OptionFault, readWords, type Known } from "./options.ts";
import type { OwnCall, OwnEnded } from "./call.ts";

const known: Known = {
  flags: "bdfghinMRVrcCmsuz",
  valued: "kotTS",
  long: {
    "ignore-leading-blanks": "b",
    "dictionary-order": "d",
    "ignore-case": "f",
    "general-numeric-sort": "g",
    "human-numeric-sort": "h",
    "ignore-nonprinting": "i",
    "month-sort": "M",
    "numeric-sort": "n",
    "random-sort": "R",
    "version-sort": "V",
    reverse: "r",
    "check?": "c",
    merge: "m",
    stable: "s",
    unique: "u",
    "zero-terminated": "z",
    "key=": "k",
    "output=": "o",
    "field-separator=": "t",
    "temporary-directory=": "T",
    "buffer-size=": "S",
    "parallel=": "parallel",
    "batch-size=": "parallel",
    "sort=": "sort",
    "files0-from=": "files0",
    "random-source=": "R",
    "compress-program=": "R",
    debug: "R",
  },
};

type Kind = "text" | "n" | "g" | "h" | "M" | "V";

interface Order {
  readonly kind: Kind;
  readonly isReverse: boolean;
  /** Whole lines by their bytes. */
  readonly isPlain: boolean;
  readonly folds: boolean;
  readonly dictionary: boolean;
  readonly printing: boolean;
}

interface Key {
  readonly from: Place;
  readonly to: Place | undefined;
  readonly order: Order;
}

/** A field and a character in it, from 0; of an end, how many characters: 0 for all. */
interface Place {
  readonly field: number;
  readonly char: number;
  readonly skipsBlanks: boolean;
}

interface Asked {
  readonly keys: readonly Key[];
  readonly order: Order;
  readonly separator: string | undefined;
  readonly isStable: boolean;
  readonly isUnique: boolean;
  readonly end: string;
}

const orderLetters = "bdfghinMVr";

function orderOf(letters: string): Order {
  const kinds = [...new Set(Array.from(letters).filter((letter) => "nghMV".includes(letter)))];
  if (kinds.length > 1) throw new OptionFault(`options '-${kinds.join("")}' are incompatible`);
  return {
    kind: (kinds[0] as Kind | undefined) ?? "text",
    isReverse: letters.includes("r"),
    isPlain: !/[bdfginhMV]/.test(letters),
    folds: letters.includes("f"),
    dictionary: letters.includes("d"),
    printing: letters.includes("i"),
  };
}

/** Sorts, checks or merges. Status 1: it is not in order; 2: something is wrong. */
export function sort(call: OwnCall): OwnEnded {
  try {
    return run(call);
  } catch (error) {
    if (!(error instanceof OptionFault)) throw error;
    return { stdout: "", stderr: `sort: ${error.message}\n`, exitCode: 2 };
  }
}

function run({ args, files, stdin }: OwnCall): OwnEnded {
  // `+POS` is no key: POSIX dropped it long ago.
  const { options, operands, has, value } = readWords(args, known);
  if (has("R")) throw new OptionFault("there is no random order here");
  const kinds: Readonly<Record<string, string>> = {
    "general-numeric": "g",
    "human-numeric": "h",
    month: "M",
    numeric: "n",
    version: "V",
  };
  const letters = options
    .map(({ letter, value: given }) => (letter === "sort" ? (kinds[given ?? ""] ?? "") : letter))
    // A name of several letters is no cluster of them.
    .filter((letter) => letter.length === 1)
    .join("");
  const separators = new Set(options.flatMap(({ letter, value: given }) => (letter === "t" ? [given as string] : [])));
  if (separators.size > 1) throw new OptionFault("incompatible tabs");
  const [given] = separators;
  if (given === "") throw new OptionFault("empty tab");
  if (given !== undefined && given.length > 1 && given !== "\\0")
    throw new OptionFault(`multi-character tab '${given}'`);
  const global = Array.from(letters)
    .filter((letter) => orderLetters.includes(letter))
    .join("");
  const order = orderOf(global);
  const asked: Asked = {
    keys: options.flatMap(({ letter, value: text }) => (letter === "k" ? [keyOf(text as string, global)] : [])),
    order,
    separator: given === "\\0" ? "\0" : given,
    isStable: has("s"),
    isUnique: has("u"),
    end: has("z") ? "\0" : "\n",
  };
  const list = value("files0");
  const named =
    list === undefined
      ? operands
      : (list === "-" ? stdin() : (files.text(list) ?? "")).split("\0").filter((each) => each !== "");
  const paths = named.length === 0 ? ["-"] : named;
  const texts: string[] = [];
  for (const path of paths) {
    const text = path === "-" ? stdin() : files.text(path);
    if (text === undefined) {
      const why = files.look(path, true)?.isDirectory === true ? "Is a directory" : "No such file or directory";
      return {
        stdout: "",
        stderr: `sort: ${why === "Is a directory" ? "read failed" : "cannot read"}: ${path}: ${why}\n`,
        exitCode: 2,
      };
    }
    texts.push(text);
  }
  const compare = comparison(asked, global.includes("b"));
  const silent = has("C") || /^(?:quiet|silent)$/.test(value("c") ?? "");
  if (has("c") || has("C")) {
    if (paths.length > 1) throw new OptionFault(`extra operand '${paths[1] as string}' not allowed with -c`);
    return checked(linesOf(texts[0] as string, asked.end), compare, asked, paths[0] as string, silent);
  }
  const lines = texts.flatMap((text) => linesOf(text, asked.end));
  const stdout = sortedLines(lines, asked, compare)
    .map((line) => line + asked.end)
    .join("");
  const target = value("o");
  if (target === undefined) return { stdout, stderr: "", exitCode: 0 };
  if (!files.put(target, stdout)) return { stdout: "", stderr: `sort: open failed: ${target}\n`, exitCode: 2 };
  return { stdout: "", stderr: "", exitCode: 0 };
}

/** Lines in order, of equal ones the first alone where that is asked. */
function sortedLines(lines: string[], asked: Asked, compare: Comparison): readonly string[] {
  const { keys, order, isUnique, isStable } = asked;
  if (keys.length === 0 && order.isPlain) {
    // By their bytes, which is how strings are sorted; a record for each line would take four times as long.
    lines.sort();
    if (order.isReverse) lines.reverse();
    return isUnique ? lines.filter((line, at) => line !== lines[at - 1]) : lines;
  }
  const sorted = lines.map((line) => ({ line, of: compare.prepared(line) }));
  sorted.sort((a, b) => compare.ordered(a.of, b.of) || (isStable || isUnique ? 0 : compare.whole(a.line, b.line)));
  const kept = isUnique
    ? sorted.filter((each, at) => at === 0 || compare.ordered((sorted[at - 1] as typeof each).of, each.of) !== 0)
    : sorted;
  return kept.map(({ line }) => line);
}

function linesOf(text: string, end: string): string[] {
  const lines = text.split(end);
  if (lines.at(-1) === "") lines.pop();
  return lines;
}

function keyOf(text: string, global: string): Key {
  const [whole, fromField = "", fromChar, fromLetters = "", toField, toChar, toLetters = ""] =
    /^[ \t]*(\d+)(?:\.(\d+))?([bdfghinMVr]*)(?:,[ \t]*(\d+)(?:\.(\d+))?([bdfghinMVr]*))?$/.exec(text) ?? [];
  if (whole === undefined) throw new OptionFault(`invalid key '${text}'`);
  if (Number(fromField) === 0 || toField === "0") throw new OptionFault(`field number is zero: '${text}'`);
  if (fromChar === "0") throw new OptionFault(`character offset is zero: '${text}'`);
  const own = fromLetters + toLetters;
  // A key with letters of its own inherits none.
  const letters = own === "" ? global : own;
  return {
    from: {
      field: Number(fromField) - 1,
      char: Number(fromChar ?? 1) - 1,
      skipsBlanks: own === "" ? global.includes("b") : fromLetters.includes("b"),
    },
    to:
      toField === undefined
        ? undefined
        : {
            field: Number(toField) - 1,
            char: Number(toChar ?? 0),
            skipsBlanks: own === "" ? global.includes("b") : toLetters.includes("b"),
          },
    order: orderOf(letters),
  };
}

const isBlank = (char: string | undefined) => char === " " || char === "\t" || char === "\n";

function keyText(line: string, { from, to }: Key, separator: string | undefined): string {
  const start = placeIn(line, from.field, separator, from.skipsBlanks, from.char);
  if (to === undefined) return line.slice(start);
  let end: number;
  // Without a character, as far as the field goes.
  if (to.char === 0) end = fieldEnd(line, to.field, separator);
  else end = placeIn(line, to.field, separator, to.skipsBlanks, to.char);
  return line.slice(start, Math.max(start, end));
}

/** Where a field begins. */
function fieldStart(line: string, field: number, separator: string | undefined): number {
  let at = 0;
  for (let count = 0; count < field && at < line.length; count++) {
    if (separator !== undefined) {
      const next = line.indexOf(separator, at);
      at = next < 0 ? line.length : next + 1;
    } else {
      while (at < line.length && isBlank(line[at])) at++;
      while (at < line.length && !isBlank(line[at])) at++;
    }
  }
  return at;
}

function fieldEnd(line: string, field: number, separator: string | undefined): number {
  let at = fieldStart(line, field, separator);
  if (separator !== undefined) {
    const next = line.indexOf(separator, at);
    return next < 0 ? line.length : next;
  }
  while (at < line.length && isBlank(line[at])) at++;
  while (at < line.length && !isBlank(line[at])) at++;
  return at;
}

function placeIn(
  line: string,
  field: number,
  separator: string | undefined,
  skipsBlanks: boolean,
  char: number,
): number {
  let at = fieldStart(line, field, separator);
  if (skipsBlanks) while (at < line.length && isBlank(line[at])) at++;
  return Math.min(line.length, at + char);
}

type Prepared = readonly (string | number | Numeral | Version)[];

interface Comparison {
  readonly prepared: (line: string) => Prepared;
  readonly ordered: (a: Prepared, b: Prepared) => number;
  /** What decides where the keys don't. */
  readonly whole: (a: string, b: string) => number;
}

const bytes = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

function comparison(asked: Asked, skipsBlanks: boolean): Comparison {
  const { keys, order, separator } = asked;
  const lead = (line: string) => (skipsBlanks ? line.replace(/^[ \t\n]+/, "") : line);
  const of = keys.length === 0 ? [order] : keys.map((key) => key.order);
  return {
    prepared: (line) =>
      keys.length === 0
        ? [prepared(lead(line), order)]
        : keys.map((key) => prepared(keyText(line, key, separator), key.order)),
    ordered: (a, b) => {
      for (const [at, { isReverse, kind }] of of.entries()) {
        const found = compared(a[at], b[at], kind);
        if (found !== 0) return isReverse ? -found : found;
      }
      return 0;
    },
    whole: (a, b) => (order.isReverse ? bytes(b, a) : bytes(a, b)),
  };
}

/** A decimal number of any length: sign, and digits before and behind the point. */
interface Numeral {
  readonly sign: number;
  readonly scale: number;
  readonly whole: string;
  readonly fraction: string;
}

interface Version {
  readonly text: string;
}

function numeral(text: string, isHuman: boolean): Numeral {
  const [, minus = "", digits = "", fraction = "", unit = ""] =
    /^[ \t\n]*(-?)0*(\d*)(?:\.(\d*))?([KMGTPEZYkm]?)/.exec(text) ?? [];
  const [whole, rest] = [digits, fraction.replace(/0+$/, "")];
  const isZero = whole === "" && rest === "";
  const hasDigits = /^[ \t\n]*-?\.?\d/.test(text);
  const order = isHuman && hasDigits ? "kKMGTPEZY".indexOf(unit === "" ? "?" : unit) : -1;
  return {
    sign: isZero ? 0 : minus === "-" ? -1 : 1,
    scale: isZero || unit === "m" ? 0 : order < 0 ? 0 : Math.max(1, order),
    whole,
    fraction: rest,
  };
}

const months = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];

function prepared(text: string, { kind, folds, dictionary, printing }: Order): string | number | Numeral | Version {
  switch (kind) {
    case "n":
    case "h":
      return numeral(text, kind === "h");
    case "g":
      return general(text);
    case "M":
      return months.indexOf(
        text
          .replace(/^[ \t\n]+/, "")
          .slice(0, 3)
          .replaceAll(/[a-z]/g, (letter) => letter.toUpperCase()),
      );
    case "V":
    case "text": {
      let out = text;
      if (dictionary) out = out.replaceAll(/[^A-Za-z0-9 \t\n]/g, "");
      else if (printing) out = out.replaceAll(/[^ -~]/g, "");
      if (folds) out = out.replaceAll(/[a-z]+/g, (letters) => letters.toUpperCase());
      return kind === "V" ? { text: out } : out;
    }
  }
}

/** A number as strtold reads it. What is none comes first, then what is not a number. */
function general(text: string): number | string {
  const [found = ""] =
    /^[ \t\n\v\f\r]*[-+]?(?:0x[0-9a-f]+|\d+\.?\d*(?:e[-+]?\d+)?|\.\d+(?:e[-+]?\d+)?|inf(?:inity)?|nan)/i.exec(text) ??
    [];
  if (found === "") return "";
  const bare = found.trim().toLowerCase();
  if (bare.endsWith("nan")) return "nan";
  if (/inf/.test(bare)) return bare.startsWith("-") ? -Infinity : Infinity;
  const size = Number(bare.replace(/^[-+]/, ""));
  return bare.startsWith("-") ? -size : size;
}

const generalRank = (value: unknown) => (value === "" ? 0 : value === "nan" ? 1 : 2);

function compared(a: Prepared[number] | undefined, b: Prepared[number] | undefined, kind: Kind): number {
  if (kind === "n" || kind === "h") return comparedNumerals(a as Numeral, b as Numeral);
  if (kind === "g") {
    const [left, right] = [generalRank(a), generalRank(b)];
    if (left !== right || left < 2) return left - right;
  }
  if (kind === "V") return comparedVersions((a as Version).text, (b as Version).text);
  return (a as string) < (b as string) ? -1 : (a as string) > (b as string) ? 1 : 0;
}

function comparedNumerals(a: Numeral, b: Numeral): number {
  if (a.sign !== b.sign) return a.sign - b.sign;
  const size =
    a.scale - b.scale ||
    a.whole.length - b.whole.length ||
    (a.whole < b.whole ? -1 : a.whole > b.whole ? 1 : a.fraction < b.fraction ? -1 : a.fraction > b.fraction ? 1 : 0);
  return a.sign < 0 ? -size : size;
}

const special = (text: string) =>
  text === "" ? 0 : text === "." ? 1 : text === ".." ? 2 : text.startsWith(".") ? 3 : 4;
const stem = (text: string) =>
  text.slice(0, text.length - (/(?:\.[A-Za-z~][A-Za-z0-9~]*)*$/.exec(text.slice(1)) ?? [""])[0].length);

/** Order of versions as of file names: `~` before the end, letters before all other characters, numbers by their size; a file's ending decides last. */
function comparedVersions(a: string, b: string): number {
  if (a === b) return 0;
  const [left, right] = [special(a), special(b)];
  if (left !== right) return left - right;
  if (left < 3) return 0;
  const [aStem, bStem] = [stem(a), stem(b)];
  return comparedParts(aStem, bStem) || comparedParts(a, b);
}

const rankOf = (char: string | undefined) => {
  if (char === undefined || /\d/.test(char)) return 0;
  if (char === "~") return -1;
  return char.charCodeAt(0) + (/[A-Za-z]/.test(char) ? 0 : 256);
};

function comparedParts(a: string, b: string): number {
  let [at, beside] = [0, 0];
  while (at < a.length || beside < b.length) {
    while ((at < a.length && !/\d/.test(a[at] as string)) || (beside < b.length && !/\d/.test(b[beside] as string))) {
      const found = rankOf(a[at]) - rankOf(b[beside]);
      if (found !== 0) return found;
      at++;
      beside++;
    }
    const [left = ""] = /^\d*/.exec(a.slice(at)) ?? [];
    const [right = ""] = /^\d*/.exec(b.slice(beside)) ?? [];
    const [x, y] = [left.replace(/^0+/, ""), right.replace(/^0+/, "")];
    const found = x.length - y.length || (x < y ? -1 : x > y ? 1 : 0);
    if (found !== 0) return found;
    at += left.length;
    beside += right.length;
  }
  return 0;
}

function checked(lines: readonly string[], compare: Comparison, asked: Asked, path: string, silent: boolean): OwnEnded {
  for (let at = 1; at < lines.length; at++) {
    const [before, line] = [lines[at - 1] as string, lines[at] as string];
    const keys = compare.ordered(compare.prepared(before), compare.prepared(line));
    const found = keys !== 0 || asked.isStable || asked.isUnique ? keys : compare.whole(before, line);
    if (found < 0 || (found === 0 && !asked.isUnique)) continue;
    return { stdout: "", stderr: silent ? "" : `sort: ${path}:${at + 1}: disorder: ${line}\n`, exitCode: 1 };
  }
  return { stdout: "", stderr: "", exitCode: 0 };
}
