/**
 * tar, as GNU's: archives in its format, of files, folders and symlinks with their exec bits; archives of others (ustar, pax, v7) are read. An archive follows from the tree: all in it is root's, of the time that every file
 * has, and what is in a folder goes by the order of names, so it has the bytes of `tar --sort=name --owner=root:0 --group=root:0 --mtime=@1000000000`.
 */
import { escapedInC, permissionLetters } from "../shell/bytes.ts";
import { globRegex } from "./glob.ts";
import { GzipFault, gunzipped, gzipped, isGzip } from "./gzip-bytes.ts";
import { OptionFault, readWords, type Known, type ReadWords } from "./options.ts";
import type { OwnCall, OwnEnded, OwnFiles } from "./call.ts";
import { refusalOf } from "../shell/files.ts";

/** What tar does to the tree, by paths as they were typed. Throws what the file system refuses. */
export interface TarTree {
  readonly makeFolder: (path: string) => Promise<void>;
  readonly makeFile: (path: string, content: string, isExecutable: boolean) => Promise<void>;
  readonly makeLink: (path: string, target: string) => Promise<void>;
  readonly copy: (from: string, to: string) => Promise<void>;
}

const known: Known = {
  flags: "cxtrvzpkOPhmSaijJolwW",
  valued: "fCTXbgH",
  long: {
    create: "c",
    extract: "x",
    get: "x",
    list: "t",
    append: "r",
    verbose: "v",
    gzip: "z",
    gunzip: "z",
    ungzip: "z",
    bzip2: "j",
    xz: "J",
    "same-permissions": "p",
    "preserve-permissions": "p",
    "no-same-permissions": "o",
    "no-same-owner": "o",
    "same-owner": "o",
    "keep-old-files": "k",
    "skip-old-files": "skip-old",
    overwrite: "overwrite",
    "to-stdout": "O",
    "absolute-names": "P",
    dereference: "h",
    touch: "m",
    "auto-compress": "a",
    "file=": "f",
    "directory=": "C",
    "files-from=": "T",
    "exclude-from=": "X",
    "exclude=": "exclude",
    "strip-components=": "strip",
    "no-recursion": "no-recursion",
    recursion: "o",
    "numeric-owner": "numeric",
    "owner=": "o",
    "group=": "o",
    "mtime=": "o",
    "sort=": "o",
    "format=": "H",
    "blocking-factor=": "b",
    wildcards: "wildcards",
    "no-wildcards": "o",
    null: "null",
    "warning=": "o",
    "force-local": "o",
  },
};

const block = 512;
/** Of an archive, in blocks. */
const recordBlocks = 20;
const seconds = 1_000_000_000;
/** The last second that a date has here; of a time beyond it, or that is no number, a listing shows the first. */
const lastSecond = 8_640_000_000_000;

interface Member {
  readonly name: string;
  readonly type: string;
  readonly mode: number;
  readonly link: string;
  readonly content: string;
  readonly size: number;
  readonly owner: string;
  readonly mtime: number;
}

/** Status 2: something is wrong. */
export async function tar(call: OwnCall, tree: TarTree): Promise<OwnEnded> {
  const out: string[] = [];
  const err: string[] = [];
  try {
    const status = await run(call, tree, out, err);
    if (status !== 0) err.push("tar: Exiting with failure status due to previous errors\n");
    return { stdout: out.join(""), stderr: err.join(""), exitCode: status };
  } catch (error) {
    if (!(error instanceof OptionFault) && !(error instanceof GzipFault) && !(error instanceof TarFault)) throw error;
    return { stdout: out.join(""), stderr: `${err.join("")}tar: ${error.message}\n`, exitCode: 2 };
  }
}

class TarFault extends Error {
  override readonly name = "TarFault";
}

/** A first word without a dash is letters, and their values follow it in order. */
function dashed(args: readonly string[]): readonly string[] {
  const [first = "", ...rest] = args;
  if (first === "" || first.startsWith("-")) return args;
  const words: string[] = [];
  for (const letter of first) {
    words.push(`-${letter}`);
    if (known.valued.includes(letter)) {
      const value = rest.shift();
      if (value === undefined) throw new OptionFault(`Old option '${letter}' requires an argument.`);
      words.push(value);
    }
  }
  return [...words, ...rest];
}

async function run(
  { args, files, stdin, readPattern }: OwnCall,
  tree: TarTree,
  out: string[],
  err: string[],
): Promise<number> {
  const words = dashed(args);
  const read = readWords(words, known);
  const { options, has, value } = read;
  const modes = ["c", "x", "t", "r"].filter(has);
  if (modes.length !== 1)
    throw new OptionFault(
      modes.length === 0
        ? "You must specify one of the '-Acdtrux', '--delete' or '--test-label' options"
        : "You may not specify more than one '-Acdtrux' option",
    );
  for (const letter of ["j", "J", "w", "W", "S"]) if (has(letter)) throw new OptionFault(`-${letter} is not known`);
  const format = value("H") ?? "gnu";
  if (format !== "gnu" && format !== "oldgnu" && modes[0] !== "x" && modes[0] !== "t")
    throw new OptionFault(`the format ${format} is not written`);
  const archive = value("f") ?? "-";
  const isNull = has("null");
  const list = (path: string): string[] => {
    const text = readPattern(path);
    if (text === undefined) throw new OptionFault(`${path}: Cannot open: No such file or directory`);
    return text.split(isNull ? "\0" : "\n").filter((each) => each !== "");
  };
  const excluded = options
    .flatMap(({ letter, value: given = "" }) => (letter === "exclude" ? [given] : letter === "X" ? list(given) : []))
    .map((pattern) => excludes(pattern));
  const strip = Number(value("strip") ?? 0);
  if (!Number.isSafeInteger(strip) || strip < 0) throw new OptionFault("invalid number of elements");
  const widths: Widths = { widest: 19 };
  const isVerbose = options.filter(({ letter }) => letter === "v").length;

  if (modes[0] === "c" || modes[0] === "r") {
    const places = placesOf(read, list);
    if (places.length === 0 && modes[0] === "c") throw new OptionFault("Cowardly refusing to create an empty archive");
    const blocks: string[] = [];
    if (modes[0] === "r") {
      if (has("z")) throw new OptionFault("Cannot update compressed archives");
      const before = archive === "-" ? "" : (files.text(archive) ?? "");
      for (const { raw } of before === "" ? [] : membersOf(before)) blocks.push(raw);
    }
    const status = written(
      places,
      { files, blocks, err, excluded, archive, follows: has("h"), keepsRoot: has("P"), isFlat: has("no-recursion") },
      (name, member) => {
        if (isVerbose > 0)
          (archive === "-" ? err : out).push(`${isVerbose > 1 ? longLine(member, false, widths) : shown(name)}\n`);
      },
    );
    const plain = blocks.join("") + "\0".repeat(2 * block);
    const whole = plain.padEnd(Math.ceil(plain.length / (recordBlocks * block)) * recordBlocks * block, "\0");
    const packs = has("z") || (has("a") && /\.(?:tgz|taz|gz)$/.test(archive));
    const bytes = packs ? gzipped(whole) : whole;
    if (archive === "-") out.push(bytes);
    else if (!files.put(archive, bytes)) throw new TarFault(`${archive}: Cannot open: No such file or directory`);
    return status;
  }

  const text = archive === "-" ? stdin() : files.text(archive);
  if (text === undefined) throw new TarFault(`${archive}: Cannot open: No such file or directory`);
  const plain = has("z") || isGzip(text) ? gunzipped(text) : text;
  if (has("z") && !isGzip(text)) throw new TarFault("gzip: stdin: not in gzip format");
  const folder = options.flatMap(({ letter, value: given = "" }) => (letter === "C" ? [given] : [])).reduce(below, "");
  if (folder !== "" && files.look(folder, true)?.isDirectory !== true)
    throw new TarFault(`${folder}: Cannot open: No such file or directory`);
  const wanted = [
    ...read.operands,
    ...options.flatMap(({ letter, value: given = "" }) => (letter === "T" ? list(given) : [])),
  ];
  const unseen = new Set(wanted);
  let status = 0;
  const isWanted = (name: string): boolean => {
    if (wanted.length === 0) return true;
    const bare = name.replace(/\/+$/, "");
    let isFound = false;
    for (const each of wanted) {
      const asked = each.replace(/\/+$/, "");
      if (has("wildcards") ? excludes(asked, true)(bare) : bare === asked || bare.startsWith(`${asked}/`)) {
        unseen.delete(each);
        isFound = true;
      }
    }
    return isFound;
  };
  for (const { member } of membersOf(plain)) {
    const { name } = member;
    if (!isWanted(name) || excluded.some((each) => each(name.replace(/\/+$/, "")))) continue;
    const line = `${isVerbose > (modes[0] === "t" ? 0 : 1) ? longLine(member, has("numeric"), widths) : shown(name)}\n`;
    if (modes[0] === "t") {
      out.push(line);
      continue;
    }
    const parts = name.split("/").filter((part) => part !== "" && part !== ".");
    if (parts.includes("..") && !has("P")) {
      err.push(`tar: ${name}: Member name contains '..'\n`);
      status = 2;
      continue;
    }
    const kept = parts.slice(strip);
    if (strip > 0 && kept.length === 0) continue;
    if (isVerbose > 0) (has("O") ? err : out).push(line);
    if (has("O")) {
      if (isFile(member)) out.push(member.content);
      continue;
    }
    const path = below(folder, kept.join("/"));
    if (
      (has("k") || has("skip-old")) &&
      member.type !== "5" &&
      files.look(path === "" ? "." : path, false) !== undefined
    ) {
      if (has("k")) {
        err.push(`tar: ${name}: Cannot open: File exists\n`);
        status = 2;
      }
      continue;
    }
    try {
      await extracted(
        member,
        path,
        below(
          folder,
          member.link
            .split("/")
            .filter((part) => part !== "")
            .slice(strip)
            .join("/"),
        ),
        tree,
      );
    } catch (error) {
      const refusal = refusalOf(error);
      if (refusal === undefined) throw error;
      err.push(`tar: ${name}: Cannot open: ${refusal}\n`);
      status = 2;
    }
  }
  for (const each of unseen) {
    err.push(`tar: ${each}: Not found in archive\n`);
    status = 2;
  }
  return status;
}

function isFile({ type }: Member): boolean {
  return type === "0" || type === "\0" || type === "7";
}

async function extracted(member: Member, path: string, linked: string, tree: TarTree): Promise<void> {
  if (member.type === "5" || (isFile(member) && member.name.endsWith("/")))
    return path === "" ? undefined : tree.makeFolder(path);
  if (member.type === "2") return tree.makeLink(path, member.link);
  if (member.type === "1") return tree.copy(linked, path);
  // What is no file, folder or link has no place in a tree.
  if (isFile(member)) return tree.makeFile(path, member.content, (member.mode & 0o100) !== 0);
}

function below(folder: string, path: string): string {
  return path.startsWith("/") || folder === "" ? path : path === "" ? folder : `${folder}/${path}`;
}

interface Place {
  readonly folder: string;
  readonly name: string;
}

/** The operands, each with the folder that -C names for it. */
function placesOf({ inOrder }: ReadWords, list: (path: string) => string[]): Place[] {
  const places: Place[] = [];
  let folder = "";
  for (const each of inOrder) {
    if (typeof each === "string") places.push({ folder, name: each });
    else if (each.letter === "C") folder = below(folder, each.value ?? "");
    else if (each.letter === "T") for (const name of list(each.value ?? "")) places.push({ folder, name });
  }
  return places;
}

interface Writing {
  readonly files: OwnFiles;
  readonly blocks: string[];
  readonly err: string[];
  readonly excluded: readonly ((name: string) => boolean)[];
  readonly archive: string;
  readonly follows: boolean;
  readonly keepsRoot: boolean;
  readonly isFlat: boolean;
}

/** Writes members into the blocks, and gives the status. */
function written(places: readonly Place[], writing: Writing, tell: (name: string, member: Member) => void): number {
  const { files, blocks, err, excluded, archive, follows, keepsRoot, isFlat } = writing;
  const own = files.real(archive);
  let status = 0;
  const add = (path: string, name: string): void => {
    if (excluded.some((each) => each(name.replace(/\/+$/, "")))) return;
    const found = files.look(path, follows);
    if (found === undefined) {
      err.push(`tar: ${path}: Cannot stat: No such file or directory\n`);
      status = 2;
      return;
    }
    if (found.isFile && own !== undefined && archive !== "-" && files.real(path) === own) {
      err.push(`tar: ${path}: file is the archive; not dumped\n`);
      return;
    }
    const type = found.isDirectory ? "5" : found.isSymbolicLink ? "2" : "0";
    const stored = (keepsRoot ? name : name.replace(/^\/+/, "")) + (type === "5" && !name.endsWith("/") ? "/" : "");
    const content = type === "0" ? (files.text(path) ?? "") : "";
    const link = type === "2" ? (files.target(path) ?? "") : "";
    const member: Member = {
      name: stored === "" ? "./" : stored,
      type,
      mode: found.mode,
      link,
      content,
      size: content.length,
      owner: "root/root",
      mtime: seconds,
    };
    blocks.push(packed(member));
    tell(member.name, member);
    if (type !== "5" || isFlat) return;
    for (const each of files.names(path))
      add(
        below(path.replace(/\/+$/, "") || (path.startsWith("/") ? "/" : path), each),
        `${name.replace(/\/+$/, "")}/${each}`,
      );
  };
  for (const { folder, name } of places) add(below(folder, name), name);
  return status;
}

/** A number in octal digits that end with NUL. */
function octal(value: number, width: number): string {
  return `${value.toString(8).padStart(width - 1, "0")}\0`;
}

/** A member's header and content, in GNU's format. */
function packed(member: Member): string {
  const long = (type: string, text: string) =>
    text.length > 99
      ? header({
          name: "././@LongLink",
          type,
          mode: 0o644,
          link: "",
          content: "",
          size: text.length + 1,
          owner: "",
          mtime: 0,
        }) + filled(`${text}\0`)
      : "";
  return long("K", member.link) + long("L", member.name) + header(member) + filled(member.content);
}

function filled(content: string): string {
  return content.padEnd(Math.ceil(content.length / block) * block, "\0");
}

/** A text in a field of so many bytes. */
const fieldOf = (given: string, width: number) => given.slice(0, width).padEnd(width, "\0");

function header({ name, type, mode, link, size, mtime }: Member): string {
  const sizes = size < 8 ** 11 ? octal(size, 12) : `\x80${"\0".repeat(3)}${bigEndian(size)}`;
  const [shortName, shortLink] = [name.slice(0, 100), link.slice(0, 100)];
  const numbers = octal(mode, 8) + root + root + sizes + octal(mtime, 12);
  // Most of a header is NULs and what all have in common.
  const sum = sumOf(shortName) + sumOf(numbers) + blankSum + sumOf(type) + sumOf(shortLink) + tailSum;
  const sums = `${sum.toString(8).padStart(6, "0")}\0 `;
  return fieldOf(shortName, 100) + numbers + sums + type + fieldOf(shortLink, 100) + tail;
}

function sumOf(text: string): number {
  let sum = 0;
  for (let at = 0; at < text.length; at++) sum += text.charCodeAt(at);
  return sum;
}

/** Root, as user and as group. */
const root = octal(0, 8);
/** What a header ends with. */
const tail = `ustar  \0${fieldOf("root", 32)}${fieldOf("root", 32)}`.padEnd(block - 257, "\0");
const tailSum = sumOf(tail);
/** The sum's own field counts as blanks. */
const blankSum = sumOf(" ".repeat(8));

function bigEndian(value: number): string {
  let text = "";
  for (let rest = BigInt(value), at = 0; at < 8; at++, rest >>= 8n)
    text = String.fromCharCode(Number(rest & 255n)) + text;
  return text;
}

const textIn = (given: string) => given.split("\0")[0] as string;

function numberIn(given: string): number {
  if (given.charCodeAt(0) >= 128) {
    let value = given.charCodeAt(0) & 127;
    for (const char of given.slice(1)) value = value * 256 + char.charCodeAt(0);
    return value;
  }
  return Number.parseInt(/[0-7]+/.exec(given)?.[0] ?? "0", 8);
}

/** What is in an archive, with the bytes that it had there. Throws TarFault. */
function* membersOf(text: string): Generator<{ readonly member: Member; readonly raw: string }> {
  let at = 0;
  let from = 0;
  let [longName, longLink] = ["", ""];
  let pax = new Map<string, string>();
  while (at + block <= text.length) {
    const head = text.slice(at, at + block);
    if (/^\0*$/.test(head)) return;
    let sum = 0;
    for (let place = 0; place < block; place++) sum += place >= 148 && place < 156 ? 32 : head.charCodeAt(place);
    if (numberIn(head.slice(148, 156)) !== sum)
      throw new TarFault(at === 0 ? "This does not look like a tar archive" : "Skipping to next header");
    const size = numberIn(head.slice(124, 136));
    const type = head[156] as string;
    const end = at + block + Math.ceil(size / block) * block;
    if (at + block + size > text.length) throw new TarFault("Unexpected EOF in archive");
    const content = text.slice(at + block, at + block + size);
    at = end;
    if (type === "L") longName = textIn(content);
    else if (type === "K") longLink = textIn(content);
    else if (type === "x") pax = paxOf(content);
    else if (type !== "g") {
      const prefix = head.startsWith("ustar\0", 257) ? textIn(head.slice(345, 500)) : "";
      const short = textIn(head.slice(0, 100));
      const name = pax.get("path") ?? (longName === "" ? (prefix === "" ? short : `${prefix}/${short}`) : longName);
      const link = pax.get("linkpath") ?? (longLink === "" ? textIn(head.slice(157, 257)) : longLink);
      const [user, group] = [textIn(head.slice(265, 297)), textIn(head.slice(297, 329))];
      const owner = `${user === "" ? numberIn(head.slice(108, 116)) : user}/${group === "" ? numberIn(head.slice(116, 124)) : group}`;
      const isData = type === "0" || type === "\0" || type === "7";
      const member: Member = {
        name,
        type,
        mode: numberIn(head.slice(100, 108)) & 0o7777,
        link,
        content: isData ? content : "",
        size: isData ? size : 0,
        owner,
        mtime: Math.trunc(Number(pax.get("mtime") ?? numberIn(head.slice(136, 148)))),
      };
      yield { member, raw: text.slice(from, end) };
      from = end;
      [longName, longLink, pax] = ["", "", new Map()];
    }
  }
  if (at === 0) throw new TarFault("This does not look like a tar archive");
}

function paxOf(content: string): Map<string, string> {
  const found = new Map<string, string>();
  for (let at = 0; at < content.length;) {
    const [whole, length = "0"] = /^(\d+) /.exec(content.slice(at, at + 20)) ?? [];
    if (whole === undefined || Number(length) === 0) break;
    const record = content.slice(at + whole.length, at + Number(length) - 1);
    const mark = record.indexOf("=");
    found.set(record.slice(0, mark), record.slice(mark + 1));
    at += Number(length);
  }
  return found;
}

/** A name as a listing shows it. */
function shown(name: string): string {
  // oxlint-disable-next-line no-control-regex
  return name.replaceAll(/[\u0000-\u001f\\\u007f-\u00ff]/g, escapedInC);
}

/** How wide owner and size have been so far in a listing. */
interface Widths {
  widest: number;
}

/** A line of `tar -tv`. */
function longLine(member: Member, isNumeric: boolean, widths: Widths): string {
  const { type, mode, size, name, link, mtime } = member;
  const kind = type === "5" ? "d" : type === "2" ? "l" : type === "1" ? "h" : "-";
  const owner = isNumeric ? "0/0" : member.owner;
  const digits = String(size);
  widths.widest = Math.max(widths.widest, owner.length + 1 + digits.length);
  const time = new Date(Math.abs(mtime) <= lastSecond ? mtime * 1000 : 0).toISOString().slice(0, 16).replace("T", " ");
  const behind = type === "2" ? ` -> ${shown(link)}` : type === "1" ? ` link to ${shown(link)}` : "";
  return `${kind}${permissionLetters(mode)} ${owner}${digits.padStart(widths.widest - owner.length)} ${time} ${shown(name)}${behind}`;
}

/** Whether a name, or a folder that it is in, is meant by a pattern; without a slash in it, by any part of the name. */
function excludes(pattern: string, isWhole = false): (name: string) => boolean {
  const regex = globRegex(pattern.replace(/\/+$/, ""), { inFolder: true, anyPart: !isWhole });
  return (name) => regex.test(name);
}
