/** hexdump and hd, as util-linux has them: bytes in lines of 16, by twos or one by one. Lines that are alike are one with a `*`. */
import type { OwnCall, OwnEnded } from "./call.ts";
import { hexOf, printable } from "./digits.ts";
import { OptionFault, readWords, type Known } from "./options.ts";

const known: Known = {
  flags: "bcCdoxvX",
  valued: "ns",
  long: {
    "one-byte-octal": "b",
    "one-byte-hex": "X",
    "one-byte-char": "c",
    canonical: "C",
    "two-bytes-decimal": "d",
    "two-bytes-octal": "o",
    "two-bytes-hex": "x",
    "no-squeezing": "v",
    "length=": "n",
    "skip=": "s",
  },
};

/** Bytes of a line. */
const lineBytes = 16;
const named: Readonly<Record<number, string>> = {
  0: "\\0",
  7: "\\a",
  8: "\\b",
  9: "\\t",
  10: "\\n",
  11: "\\v",
  12: "\\f",
  13: "\\r",
};

/** One way of writing a line: what stands behind the place, and where that is padded to. */
interface Form {
  readonly of: (line: string) => string;
  readonly width: number;
  readonly placeDigits: number;
}

function ofBytes(one: (byte: number) => string, placeDigits = 7): Form {
  const cells = (line: string) => Array.from(line, (char) => one(char.charCodeAt(0)));
  return { of: (line) => cells(line).join(""), width: one(0).length * lineBytes, placeDigits };
}

/** The first byte of two is the lower one; where there is none, the other is 0. */
function ofWords(one: (word: number) => string): Form {
  const words = (line: string) =>
    Array.from({ length: Math.ceil(line.length / 2) }, (_, at) =>
      one(line.charCodeAt(2 * at) + 256 * (2 * at + 1 < line.length ? line.charCodeAt(2 * at + 1) : 0)),
    );
  return { of: (line) => words(line).join(""), width: (one(0).length * lineBytes) / 2, placeDigits: 7 };
}

const canonical: Form = {
  of: (line) => {
    const cells = Array.from(line, (char) => ` ${hexOf(char)}`);
    const text = ` ${cells.slice(0, 8).join("").padEnd(24)} ${cells.slice(8).join("").padEnd(24)}`;
    return `${text}  |${printable(line)}|`;
  },
  width: 0,
  placeDigits: 8,
};

const forms: ReadonlyMap<string, Form> = new Map([
  ["b", ofBytes((byte) => ` ${byte.toString(8).padStart(3, "0")}`)],
  [
    "c",
    ofBytes(
      (byte) =>
        ` ${(named[byte] ?? (byte > 31 && byte < 127 ? String.fromCharCode(byte) : byte.toString(8).padStart(3, "0"))).padStart(3)}`,
    ),
  ],
  ["C", canonical],
  ["d", ofWords((word) => `   ${String(word).padStart(5, "0")}`)],
  ["o", ofWords((word) => `  ${word.toString(8).padStart(6, "0")}`)],
  ["x", ofWords((word) => `    ${word.toString(16).padStart(4, "0")}`)],
  ["X", ofBytes((byte) => `  ${byte.toString(16).padStart(2, "0")}`)],
]);
const usual = ofWords((word) => ` ${word.toString(16).padStart(4, "0")}`);

/** Status 1: something could not be read, or is not known. */
export function hexdump({ name, args, files, stdin }: OwnCall): OwnEnded {
  try {
    const { options, operands, has, value } = readWords(args, known);
    const given = options.flatMap(({ letter }) => forms.get(letter) ?? []);
    const shown = given.length > 0 ? given : [name === "hd" ? canonical : usual];
    let [all, stderr] = ["", ""];
    let [isRead, hasAll] = [false, true];
    for (const path of operands.length === 0 ? ["-"] : operands) {
      const text = path === "-" && operands.length === 0 ? stdin() : files.text(path);
      const isThere = text !== undefined || files.look(path, true) !== undefined;
      if (text === undefined)
        stderr += `${name}: ${path}: ${isThere ? "Is a directory" : "No such file or directory"}\n`;
      isRead ||= isThere;
      hasAll &&= isThere;
      all += text ?? "";
    }
    if (!isRead) return { stdout: "", stderr: `${stderr}${name}: all input file arguments failed\n`, exitCode: 1 };
    const skip = sizeOf(value("s") ?? "0", "skip");
    const most = value("n") === undefined ? Infinity : sizeOf(value("n") as string, "length");
    const bytes = all.slice(skip, skip + most);
    return {
      stdout: dumped(bytes, Math.min(skip, all.length), shown, has("v")),
      stderr,
      exitCode: hasAll ? 0 : 1,
    };
  } catch (error) {
    if (!(error instanceof OptionFault)) throw error;
    const hint = /'e'|'f'/.test(error.message) ? "; formats are not known here (od -t has some)" : "";
    return { stdout: "", stderr: `${name}: ${error.message}${hint}\n`, exitCode: 1 };
  }
}

function sizeOf(text: string, what: string): number {
  const [, number, unit = ""] = /^(0x[0-9a-f]+|\d+)([bkmg]|[kmg]i?b)?$/i.exec(text) ?? [];
  if (number === undefined) throw new OptionFault(`failed to parse ${what}: '${text}'`);
  const size = /^0[0-7]+$/.test(number) ? Number.parseInt(number, 8) : Number(number);
  const power = " kmg".indexOf(unit.charAt(0).toLowerCase());
  if (unit === "b") return size * 512;
  return unit === "" ? size : size * (/^.b$/i.test(unit) ? 1000 : 1024) ** power;
}

function dumped(bytes: string, skip: number, shown: readonly Form[], isWhole: boolean): string {
  const out: string[] = [];
  let before: string | undefined;
  let isSqueezed = false;
  const placeOf = (at: number, { placeDigits }: Form) => (skip + at).toString(16).padStart(placeDigits, "0");
  for (let at = 0; at < bytes.length; at += lineBytes) {
    const line = bytes.slice(at, at + lineBytes);
    if (!isWhole && line === before) {
      if (!isSqueezed) out.push("*\n");
      isSqueezed = true;
      continue;
    }
    [before, isSqueezed] = [line, false];
    for (const form of shown) out.push(`${placeOf(at, form)}${form.of(line).padEnd(form.width)}\n`);
  }
  if (bytes.length > 0 || skip > 0) out.push(`${placeOf(bytes.length, shown.at(-1) as Form)}\n`);
  return out.join("");
}
