/** xxd: bytes as hexadecimal digits, binary ones, a plain row, or an array of C, and back from the first and the plain one. */
import type { OwnCall, OwnEnded } from "./call.ts";
import { hexOf, printable } from "./digits.ts";

type Kind = "normal" | "bits" | "little" | "plain" | "include";

interface Asked {
  readonly kind: Kind;
  readonly columns: number;
  readonly group: number;
  readonly skip: number;
  readonly bytes: number;
  readonly offset: number;
  readonly skipsZeros: boolean;
  readonly isDecimal: boolean;
  readonly isUpper: boolean;
  readonly isCapital: boolean;
  readonly name: string | undefined;
}

/** Columns of a line. */
const columnsMax = 256;
const usual: Readonly<Record<Kind, { readonly columns: number; readonly group: number }>> = {
  normal: { columns: 16, group: 2 },
  bits: { columns: 6, group: 1 },
  little: { columns: 16, group: 4 },
  plain: { columns: 30, group: 0 },
  include: { columns: 12, group: 0 },
};

class Fault extends Error {}

/** Whatever is wrong is told as usage, status 1. */
export function xxd(call: OwnCall): OwnEnded {
  try {
    return run(call);
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    return { stdout: "", stderr: `xxd: ${error.message}\n`, exitCode: 1 };
  }
}

function run({ args, files, stdin }: OwnCall): OwnEnded {
  let kind: Kind = "normal";
  const flags = new Set<string>();
  const values = new Map<string, string>();
  let at = 0;
  // Of an option only the first letter counts; what follows it is its value, unless that is the rest of its name.
  const names: Readonly<Record<string, string>> = { c: "ols", g: "roup", o: "ffset", s: "kip|eek", l: "en", n: "ame" };
  for (; at < args.length; at++) {
    const word = args[at] as string;
    if (word === "--") {
      at++;
      break;
    }
    const text = /^--./.test(word) ? word.slice(1) : word;
    if (!/^-./.test(text)) break;
    const letter = text[1] as string;
    const rest = text.slice(2);
    if (letter === "c" && rest.startsWith("apitalize")) flags.add("C");
    else if (names[letter] !== undefined) {
      const isName =
        rest === "" || names[letter].split("|").some((name) => name.startsWith(rest) || rest.startsWith(name));
      const value = isName ? args[++at] : rest;
      if (value === undefined) throw new Fault(`option requires an argument -- '${letter}'`);
      values.set(letter, value);
    } else if (letter === "b") kind = "bits";
    else if (letter === "e") kind = "little";
    else if (letter === "p") kind = "plain";
    else if (letter === "i") kind = "include";
    else if ("auCdr".includes(letter)) {
      if (letter === "a" && flags.has("a")) flags.delete("a");
      else flags.add(letter);
    } else throw new Fault(`option ${word} is not known`);
  }
  const [from = "-", to, ...more] = args.slice(at);
  if (more.length > 0) throw new Fault("more than an input and an output are named");
  const input = from === "-" ? stdin() : files.text(from);
  if (input === undefined)
    return {
      stdout: "",
      stderr: `xxd: ${from}: ${files.look(from, true) === undefined ? "No such file or directory" : "Is a directory"}\n`,
      exitCode: 2,
    };
  const number = (letter: string) => numberOf(values.get(letter));
  const given = number("c");
  const columns = given === undefined || (given === 0 && kind !== "plain") ? usual[kind].columns : given;
  const most = kind === "plain" || kind === "include" ? Infinity : columnsMax;
  if (columns < (kind === "plain" ? 0 : 1) || columns > most)
    throw new Fault(`invalid number of columns (max. ${columnsMax}).`);
  const group = number("g") ?? usual[kind].group;
  const seek = values.get("s")?.replace(/^\+/, "");
  const wanted = numberOf(seek) ?? 0;
  const skip = wanted < 0 ? input.length + wanted : wanted;
  if (skip < 0 || (skip > input.length && from !== "-")) throw new Fault("Sorry, cannot seek.");
  const asked: Asked = {
    kind,
    columns,
    group: group < 1 || group > columns ? columns : group,
    skip,
    bytes: number("l") ?? -1,
    offset: number("o") ?? 0,
    skipsZeros: flags.has("a"),
    isDecimal: flags.has("d"),
    isUpper: flags.has("u"),
    isCapital: flags.has("C"),
    name: values.get("n") ?? (from === "-" ? undefined : from),
  };
  if (kind === "little" && (asked.group & (asked.group - 1)) !== 0)
    throw new Fault("number of octets per group must be a power of 2 with -e.");
  if (flags.has("r")) {
    if (kind !== "normal" && kind !== "plain") throw new Fault("Sorry, cannot revert this type of hexdump");
    const before = to === undefined || to === "-" ? "" : (files.text(to) ?? "");
    return written(kind === "plain" ? revertedPlain(input) : reverted(input, asked.columns, wanted, before), to, files);
  }
  const bytes = input.slice(skip, asked.bytes < 0 ? undefined : skip + asked.bytes);
  return written(dumped(bytes, asked), to, files);
}

function written(text: string, to: string | undefined, files: OwnCall["files"]): OwnEnded {
  if (to === undefined || to === "-") return { stdout: text, stderr: "", exitCode: 0 };
  return files.put(to, text)
    ? { stdout: "", stderr: "", exitCode: 0 }
    : { stdout: "", stderr: `xxd: ${to} can't be written\n`, exitCode: 3 };
}

/** As strtol reads it: octal after a 0, hexadecimal after 0x. */
function numberOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const [, sign, hex, octal, decimal] = /^\s*([-+]?)(?:0x([0-9a-f]+)|(0[0-7]*)|(\d+))/i.exec(text) ?? [];
  const size =
    hex !== undefined
      ? Number.parseInt(hex, 16)
      : octal !== undefined
        ? Number.parseInt(octal, 8)
        : Number(decimal ?? 0);
  return sign === "-" ? -size : size;
}

function dumped(bytes: string, asked: Asked): string {
  if (asked.kind === "plain") return plain(bytes, asked);
  return asked.kind === "include" ? included(bytes, asked) : lines(bytes, asked);
}

const cased = (digits: string, { isUpper }: Asked) => (isUpper ? digits.toUpperCase() : digits);

function plain(bytes: string, asked: Asked): string {
  const digits = cased(hexOf(bytes), asked);
  if (asked.columns === 0) return `${digits}\n`;
  const width = 2 * asked.columns;
  const rows: string[] = [];
  for (let at = 0; at < digits.length; at += width) rows.push(`${digits.slice(at, at + width)}\n`);
  return rows.join("");
}

function included(bytes: string, asked: Asked): string {
  const { name: given, columns, isCapital } = asked;
  const word = given?.replaceAll(/[^A-Za-z0-9]/g, "_").replace(/^(?=\d)/, "__");
  const name = word !== undefined && isCapital ? word.toUpperCase() : word;
  const digits = Array.from(bytes, (char) => `0${asked.isUpper ? "X" : "x"}${cased(hexOf(char), asked)}`);
  const rows: string[] = [];
  for (let at = 0; at < digits.length; at += columns) rows.push(`  ${digits.slice(at, at + columns).join(", ")}`);
  const body = rows.length === 0 ? "" : `${rows.join(",\n")}\n`;
  if (name === undefined) return body;
  return `unsigned char ${name}[] = {\n${body}};\nunsigned int ${name}_${isCapital ? "LEN" : "len"} = ${bytes.length};\n`;
}

function lines(bytes: string, asked: Asked): string {
  const { columns, group, kind, skip, offset } = asked;
  const width = kind === "bits" ? 8 : 2;
  const groups = Math.ceil(columns / group);
  // Of little-endian ones the last group is written as if it were whole.
  const wide =
    kind === "little" ? groups * group * width + groups + 1 : columns * width + Math.floor((columns - 1) / group) + 2;
  const out: string[] = [];
  /** Lines of zeros so far, and the second of them: it is shown if no third one follows. */
  let zeros = 0;
  let second = "";
  const put = (row: string, is: "zeros" | "shown" | "end") => {
    if (is === "zeros") {
      if (zeros === 1) second = row;
      if (zeros++ === 0) out.push(row);
      return;
    }
    // The last line is shown in any case.
    if (is === "end") zeros--;
    if (zeros === 2) out.push(second);
    if (zeros > 2) out.push("*\n");
    if (is === "shown" || zeros > 0) out.push(row);
    zeros = 0;
  };
  let row = "";
  for (let at = 0; at < bytes.length; at += columns) {
    const part = bytes.slice(at, at + columns);
    const cells = Array.from(part, (char) =>
      kind === "bits" ? char.charCodeAt(0).toString(2).padStart(8, "0") : cased(hexOf(char), asked),
    );
    const texts: string[] = [];
    for (let from = 0; from < cells.length; from += group) {
      const some = cells.slice(from, from + group);
      if (kind !== "little") texts.push(some.join(""));
      else texts.push([...Array.from({ length: group - some.length }, () => "  "), ...some.toReversed()].join(""));
    }
    const place = skip + at + offset;
    const head = (place < 0 ? place + 2 ** 32 : place).toString(asked.isDecimal ? 10 : 16).padStart(8, "0");
    row = `${head}: ${texts.join(" ").padEnd(wide)}${printable(part)}\n`;
    put(row, asked.skipsZeros && part.length === columns && /^\0*$/.test(part) ? "zeros" : "shown");
  }
  if (asked.skipsZeros && bytes.length % columns === 0 && row !== "") put(row, "end");
  return out.join("");
}

function revertedPlain(text: string): string {
  let out = "";
  let high = -1;
  for (let at = 0; at < text.length; at++) {
    const char = text[at] as string;
    if (/[ \n\t\r]/.test(char)) continue;
    const digit = digitOf(char);
    if (digit < 0) {
      // A line that is none is passed by.
      const end = text.indexOf("\n", at);
      if (end < 0) break;
      at = end;
      high = -1;
    } else if (high < 0) high = digit;
    else {
      out += String.fromCharCode(high * 16 + digit);
      high = -1;
    }
  }
  return out;
}

const digitOf = (char: string) => (/^[0-9a-fA-F]$/.test(char) ? Number.parseInt(char, 16) : -1);

/** Each line goes to the place that it names: what is between is zeros, or what was there. */
function reverted(text: string, columns: number, base: number, before: string): string {
  const parts: string[] = [];
  let length = 0;
  for (const line of text.split("\n")) {
    const [head, place] = /^[^0-9a-fA-F]*([0-9a-fA-F]+)/.exec(line) ?? [];
    if (head === undefined || place === undefined || head.length === line.length) continue;
    const at = Number.parseInt(place, 16) + base;
    const bytes = bytesIn(line.slice(head.length + 1), columns);
    if (bytes === "") continue;
    if (at < length) throw new Fault("Sorry, cannot seek backwards.");
    if (at > length) parts.push(before.slice(length, at).padEnd(at - length, "\0"));
    parts.push(bytes);
    length = at + bytes.length;
  }
  return parts.join("") + before.slice(length);
}

/** Bytes of pairs of digits, until there are enough or three characters in a row are none. */
function bytesIn(text: string, columns: number): string {
  let bytes = "";
  let [before, last] = [-1, -1];
  for (const char of text) {
    if (bytes.length >= columns) break;
    const digit = digitOf(char);
    if (digit < 0 && last < 0 && before < 0 && bytes !== "") break;
    if (digit >= 0 && last >= 0) {
      bytes += String.fromCharCode(last * 16 + digit);
      [before, last] = [last, -1];
    } else [before, last] = [last, digit];
  }
  return bytes;
}
