/** What find prints of a file: `-printf` and `-ls`. */
import { dateText, startSeconds } from "./awk-dates.ts";
import { controlCharacters, permissionLetters } from "../shell/bytes.ts";
import type { OwnFiles } from "./call.ts";
import { baseOf, FindFault, kindAt, modeOf, sizeOf, type Found } from "./find-tests.ts";

export type Print = (file: Found) => string;

const escapes: Readonly<Record<string, string>> = { ...controlCharacters, "\\": "\\" };

/** A format of `-printf`. What is no directive stands as it is. */
export function printOf(format: string, files: OwnFiles): Print {
  const parts: Print[] = [];
  const pieces = /\\(c)|\\([0-7]{1,3})|\\(.)|%([-+ #0]*)(\d*)(?:\.(\d+))?(?:([ABCT])(.)|(.))|[^\\%]+|[\\%]/gs;
  for (const [whole, stop, octal, escape, flags = "", width = "", precision, clock, field, letter] of format.matchAll(
    pieces,
  )) {
    if (stop !== undefined) break;
    if (octal !== undefined) {
      const char = String.fromCharCode(Number.parseInt(octal, 8) & 255);
      parts.push(() => char);
    } else if (escape !== undefined) parts.push(() => escapes[escape] ?? whole);
    else if (letter === "%") parts.push(() => "%");
    else {
      const print =
        clock !== undefined && field !== undefined
          ? () => timeText(field)
          : letter === undefined
            ? undefined
            : directive(letter, files);
      parts.push(print === undefined ? () => whole : (file) => padded(print(file), flags, width, precision));
    }
  }
  return (file) => parts.map((part) => part(file)).join("");
}

function padded(text: string, flags: string, width: string, precision: string | undefined): string {
  const cut = precision === undefined ? text : text.slice(0, Number(precision));
  if (flags.includes("-")) return cut.padEnd(Number(width));
  return cut.padStart(Number(width), flags.includes("0") && /^\d+$/.test(cut) ? "0" : " ");
}

/** A field of a time: every file has the same one. */
function timeText(field: string): string {
  switch (field) {
    case "@":
      return `${startSeconds}.0000000000`;
    case "+":
      return dateText("%Y-%m-%d+%H:%M:%S.0000000000", startSeconds);
    case "S":
    case "T":
    case "X":
      return dateText(`%${field}.0000000000`, startSeconds);
    default:
      return dateText(`%${field}`, startSeconds);
  }
}

function directive(letter: string, files: OwnFiles): Print | undefined {
  const size = (file: Found) => sizeOf(files, file);
  const mode = ({ path, follows }: Found) => modeOf(files, path, follows) || modeOf(files, path, false);
  switch (letter) {
    case "p":
      return ({ path }) => path;
    case "P":
      return ({ path, start }) => path.slice(start.length).replace(/^\/+/, "");
    case "H":
      return ({ start }) => start;
    case "f":
      return ({ path }) => (/[^/]\/+$/.test(path) ? `${baseOf(path)}/` : baseOf(path));
    case "h":
      return ({ path }) => folderOf(path);
    case "d":
      return ({ depth }) => String(depth);
    case "l":
      return ({ path, kind }) => (kind === "l" ? (files.target(path) ?? "") : "");
    case "y":
      return ({ kind }) => kind;
    case "Y":
      return ({ path, kind }) => (kind === "l" ? (kindAt(files, path, true) ?? "N") : kind);
    case "s":
      return (file) => String(size(file));
    case "k":
      return (file) => String(blocks(file, size(file)));
    case "b":
      return (file) => String(2 * blocks(file, size(file)));
    case "m":
      return (file) => mode(file).toString(8);
    case "M":
      return (file) => modeText(file.kind, mode(file));
    case "n":
      return () => "1";
    case "u":
    case "g":
      return () => "root";
    case "U":
    case "G":
      return () => "0";
    case "t":
    case "a":
    case "c":
      return () => dateText("%a %b %e %H:%M:%S.0000000000 %Y", startSeconds);
    case "i":
    case "D":
    case "F":
    case "S":
    case "Z":
      throw new FindFault(`-printf %${letter}: a tree has no such thing`);
    default:
      return undefined;
  }
}

/** What is in front of a path's last name. */
export function folderOf(path: string): string {
  const bare = path.replace(/(?!^)\/+$/, "");
  const at = bare.lastIndexOf("/");
  return at < 0 ? "." : at === 0 ? "/" : bare.slice(0, at);
}

/** Kilobytes on a disk of pages of four. */
function blocks({ kind }: Found, size: number): number {
  return kind === "l" ? 0 : 4 * Math.ceil(size / 4096);
}

function modeText(kind: string, mode: number): string {
  return (kind === "f" ? "-" : kind) + permissionLetters(mode);
}

/** A line of `-ls`. The number in front is 0: a tree has no inodes. */
export function listingOf(files: OwnFiles): Print {
  const mode = printOf("%M", files);
  const kilobytes = printOf("%k", files);
  return (file) => {
    const when = dateText("%b %e %H:%M", startSeconds);
    const target = file.kind === "l" ? ` -> ${escaped(files.target(file.path) ?? "")}` : "";
    const size = String(sizeOf(files, file)).padStart(8);
    return `${"0".padStart(9)} ${kilobytes(file).padStart(6)} ${mode(file)}   1 root     root     ${size} ${when} ${escaped(file.path)}${target}\n`;
  };
}

/** Names in a listing have no odd characters. Those that a letter stands for are fewer than in C. */
function escaped(text: string): string {
  const named: Readonly<Record<string, string>> = {
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\t": "\\t",
    "\r": "\\r",
    "\\": "\\\\",
    " ": "\\ ",
    '"': '\\"',
  };
  return text.replaceAll(
    /[^\x21-\x7e]|[\\"]/g,
    (char) => named[char] ?? `\\${char.charCodeAt(0).toString(8).padStart(3, "0")}`,
  );
}
