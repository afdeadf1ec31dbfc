/**
 * grep, egrep and fgrep, as GNU's in the C locale: which lines of files, of folders with all that is below them, or of stdin match (grep-pattern.ts), and what is said of them (grep-lines.ts).
 *
 * Below a folder files come in the order of their names' bytes; a native grep takes a folder's order, which no file system promises.
 */
import { globRegex } from "./glob.ts";
import { printLines, selectedLines, type Shown } from "./grep-lines.ts";
import { matcherOf, type Matcher, type PatternKind } from "./grep-pattern.ts";
import { OptionFault, readWords, type Given, type Known, type ReadWords } from "./options.ts";
import type { OwnCall, OwnEnded, OwnFiles } from "./call.ts";
import { RegexFault, type Regex } from "./regex.ts";

/** Bytes that are printed by one call. */
const printedBytesMax = 256 * 1024 * 1024;

const known: Known = {
  flags: "EFGPivwxclLqsobnHhrRzZaITUuyV0123456789",
  valued: "efmABCdD",
  long: {
    "extended-regexp": "E",
    "fixed-strings": "F",
    "fixed-regexp": "F",
    "basic-regexp": "G",
    "perl-regexp": "P",
    "regexp=": "e",
    "file=": "f",
    "ignore-case": "i",
    "no-ignore-case": "cased",
    "invert-match": "v",
    "word-regexp": "w",
    "line-regexp": "x",
    count: "c",
    "files-with-matches": "l",
    "files-without-match": "L",
    quiet: "q",
    silent: "q",
    "no-messages": "s",
    "only-matching": "o",
    "byte-offset": "b",
    "line-number": "n",
    "with-filename": "H",
    "no-filename": "h",
    "max-count=": "m",
    "after-context=": "A",
    "before-context=": "B",
    "context=": "C",
    "group-separator=": "separator",
    "no-group-separator": "joined",
    recursive: "r",
    "dereference-recursive": "R",
    "directories=": "d",
    "devices=": "D",
    "include=": "include",
    "exclude=": "exclude",
    "exclude-dir=": "folders",
    "exclude-from=": "from",
    "null-data": "z",
    null: "Z",
    text: "a",
    "binary-files=": "binary",
    "initial-tab": "T",
    "color?": "color",
    "colour?": "color",
    "label=": "label",
    "line-buffered": "u",
    binary: "U",
    "unix-byte-offsets": "u",
    help: "help",
    version: "V",
  },
};

const usage = "Usage: grep [OPTION]... PATTERNS [FILE]...";

/** What an operand or a name below one is asked. */
interface Glob {
  readonly regex: Regex;
  readonly includes: boolean;
}

type Binary = "text" | "without-match" | "binary";

interface Asked {
  readonly matcher: Matcher;
  readonly shown: Shown;
  /** What is said of a text: its lines, how many they are, its name where there are some or none, or nothing. */
  readonly tells: "lines" | "count" | "matching" | "others" | "nothing";
  readonly most: number;
  readonly binary: Binary;
  readonly directories: "read" | "skip" | "recurse";
  readonly followsBelow: boolean;
  /** Whether names are shown; undefined where a folder's files have them alone. */
  readonly showsNames: boolean | undefined;
  readonly isSilent: boolean;
  readonly hasTab: boolean;
  readonly label: string;
  readonly globs: readonly Glob[];
  readonly folderGlobs: readonly Glob[];
}

/** Status 0: something was selected; 1: nothing; 2: something is wrong. */
export function grep(call: OwnCall): OwnEnded {
  try {
    const read = readWords(wordsOf(call), known);
    if (read.has("help")) return { stdout: `${usage}\n`, stderr: "", exitCode: 0 };
    if (read.has("V")) return { stdout: "grep (Coppice), as GNU grep 3.8\n", stderr: "", exitCode: 0 };
    return run(call, read);
  } catch (error) {
    if (!(error instanceof OptionFault || error instanceof RegexFault)) throw error;
    return { stdout: "", stderr: `grep: ${error.message}\n`, exitCode: 2 };
  }
}

/** `egrep` and `fgrep` are grep with an option. */
function wordsOf({ name, args }: OwnCall): readonly string[] {
  const kind = { egrep: "-E", fgrep: "-F" }[name];
  return kind === undefined ? args : [kind, ...args];
}

function run(call: OwnCall, read: ReadWords): OwnEnded {
  const operands = [...read.operands];
  let isStdinRead = false;
  const stdin = (): string => {
    if (isStdinRead) return "";
    isStdinRead = true;
    return call.stdin();
  };
  const patterns = patternsOf(read.options, operands, call.files, stdin);
  if (patterns === undefined) return { stdout: "", stderr: `${usage}\n`, exitCode: 2 };
  const asked = askedOf(read, patterns, operands.length, call.files);
  if (asked.most === 0 && asked.tells !== "others") return { stdout: "", stderr: "", exitCode: 1 };
  const search = searching(asked, call.files, stdin);
  const isRecursive = asked.directories === "recurse";
  if (operands.length === 0 && isRecursive) search.here();
  for (const operand of operands.length > 0 || isRecursive ? operands : ["-"]) {
    search.operand(operand);
    if (search.isDone()) break;
  }
  return search.ended();
}

/** The patterns given by -e and -f, or by the first operand, which is taken away; undefined where there are none. */
function patternsOf(
  options: readonly Given[],
  operands: string[],
  files: OwnFiles,
  stdin: () => string,
): string[] | undefined {
  const sources = options.filter(({ letter }) => letter === "e" || letter === "f");
  if (sources.length === 0) return operands.shift()?.split("\n");
  return sources.flatMap(({ letter, value = "" }) => {
    if (letter === "e") return value.split("\n");
    const text = value === "-" ? stdin() : files.text(value);
    if (text === undefined) throw new OptionFault(`${value}: ${whyUnread(files, value)}`);
    return text === "" ? [] : text.replace(/\n$/, "").split("\n");
  });
}

function whyUnread(files: OwnFiles, path: string): string {
  return files.look(path, true)?.isDirectory === true ? "Is a directory" : "No such file or directory";
}

function askedOf(read: ReadWords, patterns: readonly string[], operands: number, files: OwnFiles): Asked {
  const { options, has, value } = read;
  const last = (letters: string) => options.findLast(({ letter }) => letters.includes(letter))?.letter;
  const { binary, directories, color } = chosen(options);
  const isLines = !has("z");
  const matcher = matcherOf(patterns, {
    kind: kindOf(options),
    ignoresCase: options.findLast(({ letter }) => ["i", "y", "cased"].includes(letter))?.letter.length === 1,
    within: has("x") ? "text" : has("w") ? "words" : undefined,
    isLines,
  });
  const near = contextOf(read);
  const isNamed = last("Hh");
  const most = value("m");
  return {
    matcher,
    shown: {
      isInverted: has("v"),
      onlyMatches: has("o"),
      hasNumbers: has("n"),
      hasOffsets: has("b"),
      inColor: color === "always" || color === "yes" || color === "force",
      ...near,
      endsNames: has("Z"),
      end: isLines ? "\n" : "\0",
    },
    tells: tellsOf(options),
    most: most === undefined ? Infinity : wholeOf(most, "invalid max count"),
    binary: isLines ? binary : "text",
    directories,
    followsBelow: last("rR") === "R",
    showsNames:
      isNamed !== undefined ? isNamed === "H" : operands > 1 ? true : directories === "recurse" ? undefined : false,
    isSilent: has("s"),
    hasTab: has("T"),
    label: value("label") ?? "(standard input)",
    ...globsOf(options, files),
  };
}

/** The last of the options that choose the kind of patterns; Perl's goes with no other. */
function kindOf(options: readonly Given[]): PatternKind {
  const kinds = options.map(({ letter }) => letter).filter((letter) => letter.length === 1 && "EFGP".includes(letter));
  if (kinds.includes("P") && kinds.some((kind) => kind !== "P"))
    throw new OptionFault("conflicting matchers specified");
  return (kinds.at(-1) as PatternKind | undefined) ?? "G";
}

function tellsOf(options: readonly Given[]): Asked["tells"] {
  const letters = options.map(({ letter }) => letter);
  if (letters.includes("q")) return "nothing";
  const list = letters.findLast((letter) => letter === "l" || letter === "L");
  if (list !== undefined) return list === "l" ? "matching" : "others";
  return letters.includes("c") ? "count" : "lines";
}

/** What the last of the options that choose one of several ways chose. */
function chosen(options: readonly Given[]): Pick<Asked, "binary" | "directories"> & { readonly color: string } {
  let [binary, directories, color]: [Binary, Asked["directories"], string] = ["binary", "read", "never"];
  for (const { letter, value = "" } of options) {
    if (letter === "a") binary = "text";
    else if (letter === "I") binary = "without-match";
    else if (letter === "r" || letter === "R") directories = "recurse";
    else if (letter === "color") color = oneOf(value === "" ? ["auto"] : [value], colorWords, "--color");
    else if (letter === "d") directories = oneOf([value], ["read", "recurse", "skip"] as const, "--directories");
    else if (letter === "D") oneOf([value], ["read", "skip"], "--devices");
    else if (letter === "binary") {
      const found = (["binary", "text", "without-match"] as const).find((each) => each === value);
      if (found === undefined) throw new OptionFault("unknown binary-files type");
      binary = found;
    }
  }
  return { binary, directories, color };
}

const colorWords = ["always", "yes", "force", "never", "no", "none", "auto", "tty", "if-tty"] as const;

function oneOf<T extends string>([value = ""]: readonly string[], allowed: readonly T[], option: string): T {
  const found = allowed.find((each) => each === value);
  if (found === undefined) throw new OptionFault(`invalid argument '${value}' for '${option}'`);
  return found;
}

/** A number of lines; one below 0, or too large, is no limit. */
function wholeOf(text: string, fault: string): number {
  if (!/^\s*[-+]?\d+$/.test(text)) throw new OptionFault(fault);
  const number = Number(text);
  return number < 0 ? Infinity : number;
}

/** Lines of context, by -A, -B, -C or digits: these are one number as far as they stand next to each other in a word. */
function contextOf({ inOrder, has, value }: ReadWords): Pick<Shown, "before" | "after" | "separator"> {
  let [both, digits]: [string | undefined, string | undefined] = [undefined, undefined];
  for (const each of inOrder) {
    const letter = typeof each === "string" ? "" : each.letter;
    if (typeof each !== "string" && /^\d$/.test(letter)) {
      digits = each.words.length > 0 || digits === undefined ? letter : digits + letter;
      both = digits;
      continue;
    }
    digits = undefined;
    if (typeof each !== "string" && letter === "C") both = each.value;
  }
  const lines = (given: string | undefined) => {
    if (given === undefined) return undefined;
    const fault = `${given}: invalid context length argument`;
    if (given.startsWith("-")) throw new OptionFault(fault);
    return wholeOf(given, fault);
  };
  return {
    before: lines(value("B") ?? both),
    after: lines(value("A") ?? both),
    separator: has("joined") ? undefined : (value("separator") ?? "--"),
  };
}

function globsOf(options: readonly Given[], files: OwnFiles): Pick<Asked, "globs" | "folderGlobs"> {
  const globs: Glob[] = [];
  const folderGlobs: Glob[] = [];
  for (const { letter, value = "" } of options) {
    if (letter === "include" || letter === "exclude")
      globs.push({ regex: globRegex(value), includes: letter === "include" });
    else if (letter === "folders")
      folderGlobs.push({ regex: globRegex(value.replace(/(?!^)\/+$/, "")), includes: false });
    else if (letter === "from") {
      const text = files.text(value);
      if (text === undefined) throw new OptionFault(`${value}: ${whyUnread(files, value)}`);
      for (const line of text.split("\n")) {
        const glob = line.trimEnd();
        if (glob !== "" && !glob.startsWith("#")) globs.push({ regex: globRegex(glob), includes: false });
      }
    }
  }
  return { globs, folderGlobs };
}

/** Whether a name is left out: the last glob that it matches says so, or without one the first says the opposite of what it is. Of an operand a glob may match what stands behind any slash. */
function isLeftOut(globs: readonly Glob[], name: string, isOperand: boolean): boolean {
  const [first] = globs;
  if (first === undefined) return false;
  const names = [name];
  if (isOperand) for (const slash of name.matchAll(/\/(?=[^/])/g)) names.push(name.slice(slash.index + 1));
  const found = globs.findLast(({ regex }) => names.some((each) => regex.test(each)));
  return found === undefined ? first.includes : !found.includes;
}

interface Search {
  readonly operand: (path: string) => void;
  /** The current folder, whose name stands in front of none. */
  readonly here: () => void;
  /** Whether nothing that follows would change anything. */
  readonly isDone: () => boolean;
  readonly ended: () => OwnEnded;
}

/** Bytes that a native grep reads at once: it learns of a NUL with those around it, and has shown what stands before. */
const readBytes = 96 * 1024;

function searching(asked: Asked, files: OwnFiles, stdin: () => string): Search {
  const { matcher, shown, tells } = asked;
  const out: string[] = [];
  const state = { hasPrinted: false };
  let [stderr, hasSelected, hasFailed, printed] = ["", false, false, 0];
  const put = (text: string) => {
    printed += text.length;
    if (printed > printedBytesMax) throw new OptionFault(`it prints more than ${printedBytesMax} bytes`);
    out.push(text);
  };
  const fail = (path: string, what: string) => {
    hasFailed = true;
    if (!asked.isSilent) stderr += `grep: ${path}: ${what}\n`;
  };

  /** The number of lines selected in a text, whose lines are printed where that is asked. */
  function searched(text: string, name: string, showsName: boolean): number {
    if (text === "") return 0;
    const nul = asked.binary === "text" ? -1 : text.indexOf("\0");
    if (nul >= 0 && asked.binary === "without-match") return 0;
    let body = text.endsWith(shown.end) ? text.slice(0, -1) : text;
    // Lines of a binary file end at NULs, too.
    if (nul >= 0) body = body.replaceAll("\0", "\n");
    if (tells === "count") return counted(body, asked.most);
    if (tells !== "lines") return counted(body, Math.min(asked.most, 1));
    const source = { name: showsName ? name : undefined, places: asked.hasTab ? placesOf(text, name) : undefined };
    if (nul < 0) return printLines(body, matcher, shown, source, asked.most, state, put);
    const readBefore = Math.floor(nul / readBytes) * readBytes;
    const quiet = readBefore === 0 ? 0 : body.lastIndexOf("\n", readBefore - 1) + 1;
    const before =
      quiet === 0 ? 0 : printLines(body.slice(0, quiet - 1), matcher, shown, source, asked.most, state, put);
    const behind = before < asked.most ? counted(body.slice(quiet), 1) : 0;
    if (behind > 0) stderr += `grep: ${name}: binary file matches\n`;
    return before + behind;
  }

  /** Of a stream nobody knows the length. */
  function placesOf(text: string, name: string): number {
    return name === asked.label ? 19 : String(text.length + (shown.hasNumbers ? 1 : 0)).length;
  }

  function counted(body: string, most: number): number {
    let count = 0;
    const lines = selectedLines(body, matcher, shown);
    while (count < most && lines.next().done !== true) count++;
    return count;
  }

  function told(text: string, name: string, showsName: boolean): void {
    const count = searched(text, name, showsName);
    if (count > 0) hasSelected = true;
    const inColor = (color: string, what: string) =>
      shown.inColor && what !== "" ? `\x1b[${color}m\x1b[K${what}\x1b[m\x1b[K` : what;
    if (tells === "count") {
      const mark = shown.endsNames ? "\0" : inColor("36", ":");
      put(`${showsName ? inColor("35", name) + mark : ""}${count}\n`);
    } else if (tells === (count > 0 ? "matching" : "others"))
      put(inColor("35", name) + (shown.endsNames ? "\0" : "\n"));
  }

  function below(path: string, above: readonly string[]): void {
    const real = files.real(path === "" ? "." : path) ?? path;
    if (above.includes(real)) {
      if (!asked.isSilent) stderr += `grep: ${path}: warning: recursive directory loop\n`;
      return;
    }
    for (const name of files.names(path === "" ? "." : path)) {
      const each = path === "" ? name : path.endsWith("/") ? path + name : `${path}/${name}`;
      const found = files.look(each, asked.followsBelow);
      if (found === undefined) fail(each, "No such file or directory");
      else if (found.isDirectory) {
        if (!isLeftOut(asked.folderGlobs, name, false)) below(each, [...above, real]);
      } else if (found.isFile && !isLeftOut(asked.globs, name, false)) file(each, asked.showsNames ?? true);
      if (isDone()) return;
    }
  }

  function file(path: string, showsName: boolean): void {
    const text = files.text(path);
    if (text === undefined) fail(path, whyUnread(files, path));
    else told(text, path, showsName);
  }

  function operand(path: string): void {
    if (path === "-") return told(stdin(), asked.label, asked.showsNames ?? false);
    if (files.look(path, true)?.isDirectory !== true) {
      if (!isLeftOut(asked.globs, path, true)) file(path, asked.showsNames ?? false);
    } else if (asked.directories === "recurse") {
      if (!isLeftOut(asked.folderGlobs, path, true)) below(path, []);
    } else if (asked.directories === "read") {
      fail(path, "Is a directory");
      told("", path, asked.showsNames ?? false);
    }
  }

  function isDone(): boolean {
    return tells === "nothing" && hasSelected;
  }

  return {
    operand,
    here: () => below("", []),
    isDone,
    ended: () => ({
      stdout: out.join(""),
      stderr,
      exitCode: hasFailed && !isDone() ? 2 : hasSelected ? 0 : 1,
    }),
  };
}
