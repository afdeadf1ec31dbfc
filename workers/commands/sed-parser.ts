/** Reads sed scripts, as GNU sed does: what is wrong is told with the place up to which was read. */
import { regexOf, RegexFault } from "./regex.ts";
import {
  plainLetters,
  type Action,
  type Address,
  type Command,
  type Expression,
  type PlainLetter,
  type Substitution,
} from "./sed-commands.ts";
import type { LineReader } from "./sed-input.ts";
import type { Output } from "./sed-output.ts";
import { replacementOf } from "./sed-replacement.ts";
import {
  faultIn,
  putBack,
  SedFault,
  take,
  takeDelimited,
  takeLabel,
  takeLine,
  takeNonblank,
  takeNumber,
  unescaped,
  type Source,
} from "./sed-words.ts";

/** How a script is read, by the options in front of it. */
export interface Reading {
  readonly isExtended: boolean;
  readonly isPosix: boolean;
  readonly isSandboxed: boolean;
  /** Lines end with NUL. */
  readonly isNul: boolean;
}

/** What a script opens when it is read. Throw SedFault. */
export interface Opened {
  readonly output: (path: string, isPosix: boolean) => Output;
  readonly reader: (path: string, isPosix: boolean) => LineReader;
}

type TextAction = Extract<Action, { is: "text" }>;
type JumpAction = Extract<Action, { is: "jump" }>;

/** A script as far as it was read. */
export interface Script {
  readonly commands: Command[];
  readonly opened: Opened;
  readonly labels: Map<string, number>;
  readonly jumps: { readonly action: JumpAction; readonly label: string }[];
  /** Braces that are open, and where each is. */
  readonly blocks: { readonly action: JumpAction; readonly source: Source }[];
  /** A text that goes on in the next piece. */
  unended: { readonly action: TextAction; text: string } | undefined;
  /** Whether its first line is `#n`. */
  isQuiet: boolean;
  /** The last piece. */
  source: Source | undefined;
}

export function newScript(opened: Opened): Script {
  return {
    commands: [],
    opened,
    labels: new Map(),
    jumps: [],
    blocks: [],
    unended: undefined,
    isQuiet: false,
    source: undefined,
  };
}

/** Reads a piece of a script behind those that were read. Throws SedFault. */
export function readScript(script: Script, source: Source, reading: Reading, isFirst: boolean): void {
  script.source = source;
  if (script.unended !== undefined) readText(script, source, script.unended.action, script.unended.text);
  if (isFirst && /^#n(?:\n|$)/.test(source.text)) script.isQuiet = true;
  for (;;) {
    const char = take(source);
    if (char === "") return;
    if (char !== ";" && !/\s/.test(char)) readCommand(script, source, reading, char);
  }
}

/** Ends a script: braces are closed, jumps lead somewhere. Throws SedFault. */
export function endScript(script: Script): void {
  const { commands, labels, jumps, blocks, unended } = script;
  if (unended !== undefined) unended.action.text = unended.text;
  const [open] = blocks;
  if (open !== undefined) throw faultIn(open.source, "unmatched `{'", 0);
  for (const { action, label } of jumps) {
    const to = label === "" ? commands.length : labels.get(label);
    if (to === undefined) throw new SedFault(`can't find label for jump to \`${label}'`, 4);
    action.to = to;
  }
}

function readCommand(script: Script, source: Source, reading: Reading, first: string): void {
  let char = first;
  let to: Address | undefined;
  const from = readAddress(source, reading, char);
  if (from !== undefined) {
    if (from.is === "more" || from.is === "multiple") {
      if (addressNumber(from) > 0) throw faultIn(source, "invalid usage of +N or ~N as first address");
    }
    char = takeNonblank(source);
    if (char === ",") {
      to = readAddress(source, reading, takeNonblank(source));
      if (to === undefined) throw faultIn(source, "unexpected `,'");
      char = takeNonblank(source);
    }
  }
  // A file may be read in front of the first line.
  const isFit = to?.is === "match" || (to === undefined && char === "r");
  if (from?.is === "line" && from.line === 0 && (!isFit || reading.isPosix))
    throw faultIn(source, "invalid usage of line address 0");
  const isNegated = char === "!";
  if (isNegated) {
    char = takeNonblank(source);
    if (char === "!") throw faultIn(source, "multiple `!'s");
  }
  const action = readAction(script, source, reading, char, from, to);
  if (action === undefined) return;
  const isAddress = from !== undefined && from.is !== "more" && from.is !== "multiple";
  const start: Address | undefined = isInFront(from, to) ? { is: "line", line: 1 } : isAddress ? from : undefined;
  script.commands.push({ from: start, to, isNegated, action, range: "out", end: 0 });
}

/** Whether a command is for what stands in front of the first line. */
function isInFront(from: Address | undefined, to: Address | undefined): boolean {
  return from?.is === "line" && from.line === 0 && to === undefined;
}

function addressNumber(address: Address): number {
  return address.is === "more" ? address.count : address.is === "multiple" ? address.of : 0;
}

function readAddress(source: Source, reading: Reading, char: string): Address | undefined {
  if (char === "/" || char === "\\") return readMatch(source, reading, char === "\\" ? take(source) : char);
  if (/^\d$/.test(char)) {
    const line = takeNumber(source, char);
    const next = takeNonblank(source);
    if (next === "~" && !reading.isPosix) {
      const step = takeNumber(source, takeNonblank(source));
      return step > 0 ? { is: "step", line, step } : { is: "line", line };
    }
    putBack(source, next);
    return { is: "line", line };
  }
  if ((char === "+" || char === "~") && !reading.isPosix) {
    const number = takeNumber(source, takeNonblank(source));
    return char === "+" ? { is: "more", count: number } : { is: "multiple", of: number };
  }
  return char === "$" ? { is: "last" } : undefined;
}

function readMatch(source: Source, reading: Reading, delimiter: string): Address {
  const text = takeDelimited(source, delimiter, true);
  if (text === undefined) throw faultIn(source, "unterminated address regex");
  let [ignoresCase, isMultiline] = [false, false];
  for (;;) {
    const char = takeNonblank(source);
    if (char === "I" && !reading.isPosix) ignoresCase = true;
    else if (char === "M" && !reading.isPosix) isMultiline = true;
    else {
      putBack(source, char);
      return { is: "match", by: expressionOf(source, reading, text, ignoresCase, isMultiline) };
    }
  }
}

/** Throws SedFault for an expression that can't be used. */
function expressionOf(
  source: Source,
  { isExtended, isNul }: Reading,
  text: string,
  ignoresCase: boolean,
  isMultiline: boolean,
): Expression {
  if (text === "") {
    if (ignoresCase || isMultiline) throw faultIn(source, "cannot specify modifiers on empty regexp");
    return { regex: undefined };
  }
  try {
    const pattern = unescaped(source, text, "expression");
    return {
      regex: regexOf(pattern, {
        isExtended,
        ignoresCase,
        isMultiline,
        reader: "sed",
        ...(isNul ? { between: "\0" } : {}),
      }),
    };
  } catch (error) {
    if (!(error instanceof RegexFault)) throw error;
    // GNU sed says this one without a place.
    if (error.message.startsWith("character class syntax")) throw new SedFault(error.message, 4);
    throw faultIn(source, error.message);
  }
}

/** What is left of a command is blanks, and what ends it. */
function endCommand(source: Source): void {
  const char = takeNonblank(source);
  if (char === "}" || char === "#") putBack(source, char);
  else if (char !== "" && char !== "\n" && char !== ";") throw faultIn(source, "extra characters after command");
}

/** The command of a letter; undefined for what does nothing when it is come to. */
function readAction(
  script: Script,
  source: Source,
  reading: Reading,
  letter: string,
  from: Address | undefined,
  to: Address | undefined,
): Action | undefined {
  const hasOneAddress = () => {
    if (to !== undefined) throw faultIn(source, "command only uses one address");
  };
  switch (letter) {
    case "":
      throw faultIn(source, "missing command");
    case "#":
      if (from !== undefined) throw faultIn(source, "comments don't accept any addresses");
      takeLine(source);
      return undefined;
    case ":": {
      if (from !== undefined) throw faultIn(source, ": doesn't want any addresses");
      const label = takeLabel(source);
      if (label === "") throw faultIn(source, '":" lacks a label');
      script.labels.set(label, script.commands.length);
      return undefined;
    }
    case "{": {
      const action: JumpAction = { is: "jump", when: "{", to: 0 };
      script.blocks.push({ action, source });
      return action;
    }
    case "}": {
      const block = script.blocks.pop();
      if (block === undefined) throw faultIn(source, "unexpected `}'");
      if (from !== undefined) throw faultIn(source, "`}' doesn't want any addresses");
      endCommand(source);
      block.action.to = script.commands.length;
      return undefined;
    }
    case "a":
    case "c":
    case "i":
      return readTextCommand(script, source, reading, letter);
    case "b":
    case "t":
    case "T": {
      const action: JumpAction = { is: "jump", when: letter, to: 0 };
      script.jumps.push({ action, label: takeLabel(source) });
      return action;
    }
    case "q":
    case "Q": {
      hasOneAddress();
      const status = readCount(source, reading) ?? 0;
      endCommand(source);
      return { is: "exit", prints: letter === "q", status: status & 255 };
    }
    case "l": {
      const width = readCount(source, reading);
      endCommand(source);
      return { is: "list", width };
    }
    case "r":
      return { is: "read", path: readPath(source, reading), isBefore: isInFront(from, to) };
    case "R":
      return { is: "readLine", reader: script.opened.reader(readPath(source, reading), reading.isPosix) };
    case "w":
    case "W": {
      const output = script.opened.output(readPath(source, reading), reading.isPosix);
      return { is: "write", output, onlyFirst: letter === "W" };
    }
    case "s":
      return { is: "substitute", what: readSubstitution(script, source, reading) };
    case "y":
      return { is: "translate", bytes: readTranslation(source) };
    case "v":
      readVersion(source);
      return undefined;
    case "e":
      if (reading.isSandboxed) throw faultIn(source, "e/r/w commands disabled in sandbox mode");
      throw faultIn(source, "no command is run here");
    default: {
      const plain = plainLetters.find((each) => each === letter);
      if (plain === undefined) throw faultIn(source, `unknown command: \`${letter}'`);
      endCommand(source);
      return { is: "plain", letter: plain satisfies PlainLetter };
    }
  }
}

/** The number behind a command's letter, if there is one. */
function readCount(source: Source, reading: Reading): number | undefined {
  const char = takeNonblank(source);
  if (/^\d$/.test(char) && !reading.isPosix) return takeNumber(source, char);
  putBack(source, char);
  return undefined;
}

function readPath(source: Source, reading: Reading): string {
  if (reading.isSandboxed) throw faultIn(source, "e/r/w commands disabled in sandbox mode");
  const path = takeLine(source);
  if (path === "") throw faultIn(source, "missing filename in r/R/w/W commands");
  return path;
}

/** A version is later than ours where it is so in its first number that is another. */
function readVersion(source: Source): void {
  const label = takeLabel(source);
  if (label === "") return;
  const [own, asked] = [[4, 9], label.split(".")];
  for (const [at, part] of asked.entries()) {
    const number = /^\d+$/.test(part) ? Number(part) : Infinity;
    if (number > (own[at] ?? -1)) throw faultIn(source, "expected newer version of sed");
    if (number < (own[at] ?? -1)) return;
  }
}

function readTextCommand(script: Script, source: Source, reading: Reading, how: "a" | "i" | "c"): Action {
  const action: TextAction = { is: "text", how, text: "" };
  const char = takeNonblank(source);
  if (char === "") throw faultIn(source, "expected \\ after `a', `c' or `i'");
  if (char !== "\\") {
    if (reading.isPosix) throw faultIn(source, "expected \\ after `a', `c' or `i'");
    putBack(source, char);
    readText(script, source, action, "");
    return action;
  }
  // The text begins on the next line or here; its first letter then makes no escape with this backslash.
  const head = take(source);
  if (head === "") script.unended = { action, text: "" };
  else {
    if (head === "\\") putBack(source, head);
    readText(script, source, action, head === "\n" || head === "\\" ? "" : head);
  }
  return action;
}

/** The lines of a text behind what was read of it: one that a backslash ends goes on, in the next piece of the script if need be. */
function readText(script: Script, source: Source, action: TextAction, before: string): void {
  let text = before;
  script.unended = undefined;
  for (let char = take(source); char !== "" && char !== "\n"; char = take(source)) {
    text += char;
    if (char !== "\\") continue;
    const next = take(source);
    if (next === "") {
      script.unended = { action, text: `${text.slice(0, -1)}\n` };
      return;
    }
    text += next;
  }
  action.text = unescaped(source, `${text}\n`, "text");
}

function readSubstitution(script: Script, source: Source, reading: Reading): Substitution {
  const delimiter = take(source);
  const pattern = takeDelimited(source, delimiter, true);
  const text = pattern === undefined ? undefined : takeDelimited(source, delimiter, false);
  if (pattern === undefined || text === undefined) throw faultIn(source, "unterminated `s' command");
  const replacement = replacementOf(unescaped(source, text, "replacement"));
  const flags = readFlags(script, source, reading);
  const by = expressionOf(source, reading, pattern, flags.ignoresCase, flags.isMultiline);
  if (by.regex !== undefined && replacement.groups > by.regex.groups)
    throw faultIn(source, `invalid reference \\${replacement.groups} on \`s' command's RHS`);
  const { isGlobal, prints, number, output } = flags;
  return { by, replacement, isGlobal, prints, number: number ?? 1, output };
}

interface Flags {
  ignoresCase: boolean;
  isMultiline: boolean;
  isGlobal: boolean;
  prints: boolean;
  number: number | undefined;
  output: Output | undefined;
}

function readFlags(script: Script, source: Source, reading: Reading): Flags {
  const flags: Flags = {
    ignoresCase: false,
    isMultiline: false,
    isGlobal: false,
    prints: false,
    number: undefined,
    output: undefined,
  };
  const once = (has: boolean, what: string) => {
    if (has) throw faultIn(source, `multiple ${what} options to \`s' command`);
  };
  for (;;) {
    const char = takeNonblank(source);
    switch (reading.isPosix && /[iImMe]/.test(char) ? "?" : char) {
      case "i":
      case "I":
        flags.ignoresCase = true;
        break;
      case "m":
      case "M":
        flags.isMultiline = true;
        break;
      case "e":
        throw faultIn(source, "no command is run here");
      case "p":
        once(flags.prints, "`p'");
        flags.prints = true;
        break;
      case "g":
        once(flags.isGlobal, "`g'");
        flags.isGlobal = true;
        break;
      case "w":
        flags.output = script.opened.output(readPath(source, reading), reading.isPosix);
        return flags;
      case "}":
      case "#":
        putBack(source, char);
        return flags;
      case "":
      case "\n":
      case ";":
        return flags;
      case "\r":
        if (take(source) === "\n") return flags;
        throw faultIn(source, "unknown option to `s'");
      default:
        if (!/^\d$/.test(char)) throw faultIn(source, "unknown option to `s'");
        once(flags.number !== undefined, "number");
        flags.number = takeNumber(source, char);
        if (flags.number === 0) throw faultIn(source, "number option to `s' command may not be zero");
    }
  }
}

function readTranslation(source: Source): ReadonlyMap<string, string> {
  const delimiter = take(source);
  const from = takeDelimited(source, delimiter, false);
  const to = from === undefined ? undefined : takeDelimited(source, delimiter, false);
  if (from === undefined || to === undefined) throw faultIn(source, "unterminated `y' command");
  // A backslash that was written by its number is one.
  const bytes = (text: string) =>
    Array.from(unescaped(source, text, "replacement").matchAll(/\\?([^])/g), ([, char]) => char as string);
  const [left, right] = [bytes(from), bytes(to)];
  if (left.length !== right.length) throw faultIn(source, "strings for `y' command are different lengths");
  endCommand(source);
  return new Map(left.map((char, at) => [char, right[at] as string]));
}
