/** What find asks of one file: kind, size, age and the like. Times are those that every file has, the clock's start; everything belongs to root. */
import { startSeconds } from "./awk-dates.ts";
import type { OwnFiles } from "./call.ts";
import { fromEmacs } from "./emacs-regex.ts";
import { globRegex } from "./glob.ts";
import { regexOf, type RegexSyntax } from "./regex.ts";

/** A file that find came to. */
export interface Found {
  /** As it is told: the start as it was typed, and what is below it. */
  readonly path: string;
  readonly start: string;
  readonly depth: number;
  readonly kind: Kind;
  /** Whether symlinks are followed to it. */
  readonly follows: boolean;
}

/** A file, a folder, a symlink. */
export type Kind = "f" | "d" | "l";

export type Ask = (file: Found) => boolean;

/** An expression that can't be used, with what is wrong with it. */
export class FindFault extends Error {
  override readonly name = "FindFault";
}

/** What the tests are asked in. */
export interface Surroundings {
  readonly files: OwnFiles;
  /** The end of the day counts in place of now: -daystart. */
  readonly startsToday: boolean;
  readonly regexType: string;
}

/** A test of one word by its name; undefined for what is none. `next` is the word behind it, and throws where there is none. */
export function testOf(
  name: string,
  next: () => string,
  { files, startsToday, regexType }: Surroundings,
): Ask | undefined {
  const number = (): ((value: number) => boolean) => comparison(name, next());
  switch (name) {
    case "true":
      return () => true;
    case "false":
    case "nouser":
    case "nogroup":
      return () => false;
    case "name":
    case "iname": {
      const regex = globRegex(next(), { ignoresCase: name === "iname" });
      return ({ path }) => regex.test(baseOf(path));
    }
    case "path":
    case "wholename":
    case "ipath":
    case "iwholename": {
      const regex = globRegex(next(), { ignoresCase: name.startsWith("i") });
      return ({ path }) => regex.test(path);
    }
    case "lname":
    case "ilname": {
      const regex = globRegex(next(), { ignoresCase: name === "ilname" });
      return ({ path, kind }) => kind === "l" && regex.test(files.target(path) ?? "");
    }
    case "regex":
    case "iregex": {
      const regex = wholeRegex(next(), regexType, name === "iregex");
      return ({ path }) => regex.test(path);
    }
    case "type":
    case "xtype": {
      const kinds = kindsOf(name, next());
      if (name === "type") return ({ kind }) => kinds.has(kind);
      return ({ path, follows }) => kinds.has(kindAt(files, path, !follows) ?? kindAt(files, path, false) ?? "f");
    }
    case "size": {
      const [, sign = "", count = "", unit = "b"] = /^([-+]?)(\d+)([bcwkMG]?)$/.exec(next()) ?? [];
      if (count === "") throw new FindFault("invalid -size");
      const bytes = { b: 512, c: 1, w: 2, k: 1024, M: 2 ** 20, G: 2 ** 30 }[unit === "" ? "b" : unit] ?? 512;
      const is = comparison(name, sign + count);
      return (file) => is(Math.ceil(sizeOf(files, file) / bytes));
    }
    case "empty":
      return (file) =>
        file.kind === "d" ? files.names(file.path).length === 0 : file.kind === "f" && sizeOf(files, file) === 0;
    case "perm": {
      const is = permissions(next());
      return ({ path, follows }) => is(modeOf(files, path, follows));
    }
    case "executable":
      return ({ path }) => (modeOf(files, path, true) & 0o111) !== 0;
    case "readable":
    case "writable":
      return ({ path }) => files.look(path, true) !== undefined;
    case "links": {
      const is = number();
      return () => is(1);
    }
    case "user":
    case "group": {
      const owner = next();
      if (!/^(?:\d+|root)$/.test(owner)) throw new FindFault(`'${owner}' is not the name of a known ${name}`);
      return () => owner === "root" || Number(owner) === 0;
    }
    case "uid":
    case "gid": {
      const is = number();
      return () => is(0);
    }
    case "samefile": {
      const other = next();
      const place = files.real(other);
      if (place === undefined) throw new FindFault(`'${other}': No such file or directory`);
      return ({ path, kind, follows }) => (follows || kind !== "l") && files.real(path) === place;
    }
    case "mtime":
    case "atime":
    case "ctime":
    case "mmin":
    case "amin":
    case "cmin":
      return aged(name, next(), startsToday);
    case "newer":
    case "anewer":
    case "cnewer":
      return newerThan(files, next());
    default: {
      const [, reference] = /^newer[aBcm]([aBcmt])$/.exec(name) ?? [];
      if (reference === undefined) return undefined;
      if (reference !== "t") return newerThan(files, next());
      const than = secondsOf(next());
      return () => startSeconds > than;
    }
  }
}

/** What is at a path, symlinks followed or not. */
export function kindAt(files: OwnFiles, path: string, follows: boolean): Kind | undefined {
  const found = files.look(path, follows);
  if (found === undefined) return undefined;
  return found.isDirectory ? "d" : found.isSymbolicLink ? "l" : "f";
}

/** The last name of a path, as basename has it. */
export function baseOf(path: string): string {
  const bare = path.replace(/(?!^)\/+$/, "");
  return bare.slice(bare.lastIndexOf("/", bare.length - 2) + 1);
}

export function sizeOf(files: OwnFiles, { path, follows }: Found): number {
  return (files.look(path, follows) ?? files.look(path, false))?.size ?? 0;
}

export function modeOf(files: OwnFiles, path: string, follows: boolean): number {
  return (files.look(path, follows) ?? (follows ? undefined : files.look(path, false)))?.mode ?? 0;
}

/** `N`, `+N` for more and `-N` for less. */
function comparison(name: string, text: string): (value: number) => boolean {
  const [, sign, digits] = /^([-+]?)(\d+)$/.exec(text) ?? [];
  if (digits === undefined) throw new FindFault(`non-numeric argument to -${name}: '${text}'`);
  const wanted = Number(digits);
  return sign === "+"
    ? (value) => value > wanted
    : sign === "-"
      ? (value) => value < wanted
      : (value) => value === wanted;
}

function kindsOf(name: string, text: string): ReadonlySet<string> {
  const kinds = text.split(",");
  const unknown = kinds.find((each) => !/^[bcdpflsD]$/.test(each));
  if (unknown !== undefined) throw new FindFault(`Unknown argument to -${name}: ${unknown}`);
  return new Set(kinds);
}

/** `-perm`: these bits and no others, all of them with `-`, any of them with `/`. */
function permissions(text: string): (mode: number) => boolean {
  const [, sign, bits = ""] = /^([-/]?)(.*)$/s.exec(text) ?? [];
  const wanted = /^[0-7]+$/.test(bits) ? Number.parseInt(bits, 8) : symbolicMode(bits);
  if (wanted === undefined) throw new FindFault(`invalid mode '${text}'`);
  if (sign === "-") return (mode) => (mode & wanted) === wanted;
  if (sign === "/") return (mode) => wanted === 0 || (mode & wanted) !== 0;
  return (mode) => (mode & 0o7777) === wanted;
}

/** The bits of `u=rw,g+x` and the like, beginning with none. */
function symbolicMode(text: string): number | undefined {
  let mode = 0;
  for (const clause of text.split(",")) {
    const [, who, actions] = /^([ugoa]*)((?:[-+=][rwxXst]*)+)$/.exec(clause) ?? [];
    if (who === undefined || actions === undefined) return undefined;
    const all = who === "" || who.includes("a") ? "ugo" : who;
    const shifts = { u: 6, g: 3, o: 0 } as const;
    for (const [, action, letters = ""] of actions.matchAll(/([-+=])([rwxXst]*)/g)) {
      let bits = 0;
      for (const each of new Set(all)) {
        const shift = shifts[each as keyof typeof shifts];
        if (letters.includes("r")) bits |= 4 << shift;
        if (letters.includes("w")) bits |= 2 << shift;
        if (letters.includes("x")) bits |= 1 << shift;
        if (letters.includes("s") && each !== "o") bits |= each === "u" ? 0o4000 : 0o2000;
        if (action === "=") mode &= ~(7 << shift);
      }
      if (letters.includes("t")) bits |= 0o1000;
      mode = action === "-" ? mode & ~bits : mode | bits;
    }
  }
  return mode;
}

const daySeconds = 86_400;

/** `-mtime` and the like: all files are equally old. */
function aged(name: string, text: string, startsToday: boolean): Ask {
  const [, sign, digits] = /^([-+]?)(\d+(?:\.\d+)?)$/.exec(text) ?? [];
  if (digits === undefined) throw new FindFault(`invalid argument '${text}' to '-${name}'`);
  const now = Date.now() / 1000;
  const age = (startsToday ? (Math.floor(now / daySeconds) + 1) * daySeconds : now) - startSeconds;
  const isDays = name.endsWith("time");
  const unit = isDays ? daySeconds : 60;
  const wanted = Number(digits) * unit;
  if (sign === "-") return () => age < wanted;
  if (sign === "+") return () => age > wanted + (isDays ? unit : 0);
  // A day that has begun counts from its end, a minute from its start.
  const from = isDays ? wanted : wanted - unit;
  return () => age >= from && age < from + unit;
}

/** No file is newer than another one. */
function newerThan(files: OwnFiles, other: string): Ask {
  if (files.look(other, false) === undefined) throw new FindFault(`'${other}': No such file or directory`);
  return () => false;
}

/** A point in time as `-newermt` takes it: `@SECONDS`, or a date of UTC. */
function secondsOf(text: string): number {
  const seconds = text.startsWith("@")
    ? Number(text.slice(1))
    : Date.parse(`${text.trim().replace(" ", "T")}${/T|\s/.test(text.trim()) ? "" : "T00:00"}Z`.replace(/ZZ$/, "Z")) /
      1000;
  if (Number.isNaN(seconds)) throw new FindFault(`I cannot figure out how to interpret '${text}' as a date or time`);
  return seconds;
}

const extended = new Set(["posix-extended", "egrep", "posix-egrep", "awk", "gnu-awk", "posix-awk"]);
const basic = new Set(["posix-basic", "grep", "sed", "ed", "posix-minimal-basic"]);
const emacs = new Set(["emacs", "findutils-default"]);
const quoting = new Set(["awk", "gnu-awk", "posix-awk"]);

export function checkRegexType(type: string): void {
  if (![extended, basic, emacs].some((each) => each.has(type))) {
    throw new FindFault(`Unknown regular expression type '${type}'`);
  }
}

function wholeRegex(pattern: string, type: string, ignoresCase: boolean) {
  const isEmacs = emacs.has(type);
  const brackets = isEmacs ? "emacs" : quoting.has(type) ? "quoting" : undefined;
  const syntax: RegexSyntax = {
    isExtended: extended.has(type),
    ignoresCase,
    within: "text",
    ...(brackets === undefined ? {} : { brackets }),
  };
  return regexOf(isEmacs ? fromEmacs(pattern, type !== "emacs") : pattern, syntax);
}
