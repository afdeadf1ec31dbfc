/**
 * awk, as POSIX has it, with what mawk, gawk and the one true awk all add: `RS` that is a regular expression, `FS=""`, `**`, `delete ARRAY`, `nextfile`, `fflush`, `length ARRAY`, `func`, `/dev/stdout`, `/dev/stderr`, and of
 * gawk's gensub, strftime, systime, mktime and the functions of bits. A text is bytes, in the C locale.
 *
 * A program becomes functions that call each other. What it starts (`print | COMMAND`, `COMMAND | getline`, system) is one of the commands that `run` knows, or its end.
 */
import { AwkFault, faultAt, regexAt, unescaped, wordAt, type Word } from "./awk-words.ts";
import { formatted } from "./c-format.ts";
import { regexOf, RegexFault, type Regex } from "./regex.ts";

/** Calls of functions within each other. */
export const callDepthMax = 1000;
/** Turns of all loops of one run: a loop without end ends here. */
export const turnsMax = 100_000_000;
/** Bytes that are printed. */
export const printedBytesMax = 256 * 1024 * 1024;
/** Fields of one record. */
export const fieldsMax = 1_000_000;

export interface AwkFiles {
  /** A file's bytes. Undefined where it can't be read. */
  readonly read: (path: string) => string | undefined;
  /** Puts a file in the place of what was there. False where it can't. */
  readonly write: (path: string, content: string) => boolean;
  readonly stdin: string;
  /** What a command line comes to; undefined when it can't be run. */
  readonly run: (line: string, stdin: string) => Ended | undefined;
}

interface Ended {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number;
}

export interface AwkCall {
  readonly program: string;
  readonly operands: readonly string[];
  /** In order: name and value as they were typed. */
  readonly variables: readonly (readonly [name: string, value: string])[];
  readonly separator: string | undefined;
  readonly env: ReadonlyMap<string, string>;
}

/** Text that came from outside: it is a number where it looks like one. */
class Input {
  readonly text: string;
  #number: number | undefined;
  constructor(text: string) {
    this.text = text;
  }
  /** The number that it looks like, NaN when it looks like none. */
  get number(): number {
    return (this.#number ??=
      /^[ \t\n\r\f\v]*[-+]?(?:\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?|(?<=[-+])(?:inf|nan))[ \t\n\r\f\v]*$/i.test(
        this.text,
      )
        ? numberIn(this.text)
        : Number.NaN);
  }
}

/** Undefined is what nothing was assigned to. */
type Value = number | string | Input | undefined;
type Table = Map<string, Value>;

/** A variable. What it holds is known when it is first used: a value or a table. */
interface Cell {
  value: Value | Table | Loan;
}

/** A variable of a caller's that nothing is known of: it becomes a table when a function uses its parameter as one. */
class Loan {
  readonly of: Cell;
  constructor(of: Cell) {
    this.of = of;
  }
}

interface Expression {
  readonly get: () => Value;
  readonly set?: (value: Value) => void;
  /** Of a name alone. */
  readonly cell?: () => Cell;
  /** Of a regular expression alone. */
  readonly regex?: Regex;
  /** Of `(a, b)`. */
  readonly list?: readonly Expression[];
  readonly isGetline?: boolean;
}

/** How a statement ends. */
const [goesOn, breaks, continues, nexts, nextFiles, exits, returns] = [0, 1, 2, 3, 4, 5, 6];
type Statement = () => number;

class Leave {
  readonly how: number;
  constructor(how: number) {
    this.how = how;
  }
}

interface AwkFunction {
  readonly parameters: readonly string[];
  body: Statement;
}

interface Rule {
  readonly is: "BEGIN" | "END" | "each";
  readonly matches: () => boolean;
  readonly body: Statement;
}

/** What is read record by record. */
interface Reader {
  readonly text: string;
  at: number;
}

export function numberIn(text: string): number {
  const [found] =
    /^[ \t\n\r\f\v]*[-+]?(?:\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?|(?<=[-+])(?:inf|nan)(?![a-z]))/i.exec(
      text,
    ) ?? [];
  if (found === undefined) return 0;
  if (/[in]/i.test(found)) return /n$/i.test(found) ? Number.NaN : found.trim().startsWith("-") ? -Infinity : Infinity;
  return Number(found);
}

const isTrue = (value: Value): boolean => {
  if (typeof value === "number") return value !== 0;
  if (typeof value === "string") return value !== "";
  if (value === undefined) return false;
  const { number } = value;
  return Number.isNaN(number) ? value.text !== "" : number !== 0;
};

const valued = (get: () => Value): Expression => ({ get });

const counted = (get: () => number): Expression => ({ get });

const decided = (get: () => boolean): Expression => ({ get: () => (get() ? 1 : 0) });

const changed = (sign: string, a: number, b: number): number => {
  switch (sign) {
    case "+":
      return a + b;
    case "-":
      return a - b;
    case "*":
      return a * b;
    case "/":
      return a / b;
    case "%":
      return a % b;
    default:
      return a ** b;
  }
};

function assignTo(cell: Cell, given: Value): void {
  if (cell.value instanceof Map) throw new AwkFault("a table is assigned to");
  cell.value = given;
}

/** What takes the place of a match: `&` and, of gensub, `\1` are what matched. */
function replaced(by: string, text: string, spans: readonly number[], hasGroups: boolean): string {
  const [start = 0, end = 0] = spans;
  if (!/[\\&]/.test(by)) return by;
  return by.replaceAll(/\\([\\&0-9])|&/g, (whole: string, char?: string) => {
    if (char === undefined) return text.slice(start, end);
    if (char === "\\" || char === "&") return char;
    if (!hasGroups) return whole;
    const [from = -1, to = -1] = [spans[2 * Number(char)], spans[2 * Number(char) + 1]];
    return from < 0 ? "" : text.slice(from, to);
  });
}

function splitBy(text: string, regex: Regex): string[] {
  const parts: string[] = [];
  let start = 0;
  for (let at = 0; at <= text.length;) {
    const [from = -1, to = -1] = regex.find(text, at) ?? [];
    if (from < 0) break;
    if (from === to) {
      at = from + 1;
      continue;
    }
    parts.push(text.slice(start, from));
    at = start = to;
  }
  parts.push(text.slice(start));
  return parts;
}

const always = () => true;

/** Runs a program. Throws AwkFault for one that is none. */
export function awk(call: AwkCall, files: AwkFiles): Ended {
  return machineOf(call, files);
}

function machineOf({ program, operands, variables, separator, env }: AwkCall, files: AwkFiles): Ended {
  const out: string[] = [];
  /** What is written after a command was started is shown when that has ended, if none was started later. */
  let unflushed: string[] = [];
  let stderr = "";
  let exitCode = 0;

  // Variables.
  const globals = new Map<string, Cell>();
  const functions = new Map<string, AwkFunction>();
  const global = (name: string): Cell => {
    let cell = globals.get(name);
    if (cell === undefined) globals.set(name, (cell = { value: undefined }));
    return cell;
  };
  const initially = (name: string, value: Value): Cell => {
    const cell = global(name);
    cell.value = value;
    return cell;
  };
  const fs = initially("FS", " ");
  const ofs = initially("OFS", " ");
  const rs = initially("RS", "\n");
  const ors = initially("ORS", "\n");
  const nr = initially("NR", 0);
  const fnr = initially("FNR", 0);
  const subsep = initially("SUBSEP", "\x1c");
  const convfmt = initially("CONVFMT", "%.6g");
  const ofmt = initially("OFMT", "%.6g");
  const rstart = initially("RSTART", 0);
  const rlength = initially("RLENGTH", -1);
  const filename = initially("FILENAME", undefined);
  const argc = initially("ARGC", operands.length + 1);
  const argv: Table = new Map<string, Value>([["0", "awk"]]);
  for (const [at, operand] of operands.entries()) argv.set(String(at + 1), new Input(operand));
  global("ARGV").value = argv;
  global("ENVIRON").value = new Map([...env].map(([name, value]): [string, Value] => [name, new Input(value)]));
  let frame: Cell[] = [];
  let depth = 0;

  // Values.
  const regexes = new Map<string, Regex>();
  const regexFor = (text: string): Regex => {
    let regex = regexes.get(text);
    if (regex !== undefined) return regex;
    try {
      regex = regexOf(text, { isExtended: true, escapes: "everywhere" });
    } catch (error) {
      if (error instanceof RegexFault) throw new AwkFault(`the regular expression ${text}: ${error.message}`);
      throw error;
    }
    regexes.set(text, regex);
    return regex;
  };
  const numberText = (value: number, format: Cell): string => {
    if (Number.isInteger(value) && Math.abs(value) < 2 ** 63)
      return Math.abs(value) < 1e15 ? String(value) : BigInt(value).toString();
    if (!Number.isFinite(value)) return Number.isNaN(value) ? "-nan" : value > 0 ? "inf" : "-inf";
    return formatted(textOf(scalar(format)), { number: () => value, text: () => String(value), char: () => "" });
  };
  const textOf = (value: Value): string => {
    if (typeof value === "string") return value;
    if (value === undefined) return "";
    return typeof value === "number" ? numberText(value, convfmt) : value.text;
  };
  const numberOf = (value: Value): number => {
    if (typeof value === "number") return value;
    if (value === undefined) return 0;
    if (typeof value === "string") return numberIn(value);
    const { number } = value;
    return Number.isNaN(number) ? numberIn(value.text) : number;
  };
  const isNumeric = (value: Value): boolean =>
    typeof value === "number" || value === undefined || (value instanceof Input && !Number.isNaN(value.number));
  const compared = (a: Value, b: Value): number => {
    if (isNumeric(a) && isNumeric(b)) {
      const [left, right] = [numberOf(a), numberOf(b)];
      return left < right ? -1 : left === right ? 0 : 1;
    }
    const [left, right] = [textOf(a), textOf(b)];
    return left < right ? -1 : left === right ? 0 : 1;
  };
  const subscript = (value: Value): string =>
    typeof value === "number" && Number.isInteger(value) ? textOf(value) : textOf(value);
  const scalar = (cell: Cell): Value => {
    const { value } = cell;
    if (value instanceof Map) throw new AwkFault("a table is used as a value");
    return value instanceof Loan ? undefined : value;
  };
  const tableOf = (cell: Cell): Table => {
    const { value } = cell;
    if (value instanceof Map) return value;
    if (value instanceof Loan) return (cell.value = tableOf(value.of));
    if (value !== undefined) throw new AwkFault("a value is used as a table");
    return (cell.value = new Map());
  };

  // The record and its fields.
  let line = "";
  let lineInput: Input | undefined = new Input("");
  let lineFs = " ";
  let lineIsParagraph = false;
  let fields: Value[] | undefined = [];
  let isLineStale = false;
  const setLine = (text: string): void => {
    line = text;
    lineInput = undefined;
    fields = undefined;
    isLineStale = false;
    lineFs = textOf(scalar(fs));
    lineIsParagraph = textOf(scalar(rs)) === "";
  };
  const split = (): Value[] => (fields ??= partsOf(line, lineFs, lineIsParagraph).map((part) => new Input(part)));
  const wholeLine = (): string => {
    if (isLineStale) {
      line = split()
        .map(textOf)
        .join(textOf(scalar(ofs)));
      lineInput = undefined;
      isLineStale = false;
    }
    return line;
  };
  function partsOf(text: string, by: string, isParagraph = false): string[] {
    if (text === "") return [];
    if (by === " ") {
      const parts = text.split(/[ \t\n]+/);
      if (parts[0] === "") parts.shift();
      if (parts.at(-1) === "") parts.pop();
      return parts;
    }
    if (by === "") return Array.from(text);
    if (by.length === 1 && by !== "\\" && !isParagraph) return text.split(by);
    const one = by.length === 1 ? by.replace(/[\\^$.[\]|()*+?{}]/, "\\$&") : by;
    return splitBy(text, regexFor(isParagraph ? `(${one})|\n` : one));
  }
  const field = (at: number): Value => {
    if (at === 0) {
      wholeLine();
      return (lineInput ??= new Input(line));
    }
    if (!(at > 0)) throw new AwkFault(`$${at} is no field`);
    return split()[Math.trunc(at) - 1];
  };
  const setField = (given: number, value: Value): void => {
    const at = Math.trunc(given);
    if (at === 0) {
      setLine(textOf(value));
      if (value instanceof Input) lineInput = value;
      return;
    }
    if (!(at > 0) || at > fieldsMax) throw new AwkFault(`$${at} is no field`);
    const all = split();
    while (all.length < at) all.push(undefined);
    all[at - 1] = typeof value === "number" ? value : (value ?? "");
    isLineStale = true;
  };
  const setFieldCount = (given: number): void => {
    const count = Math.trunc(given);
    if (!(count >= 0) || count > fieldsMax) throw new AwkFault(`NF can't be ${given}`);
    const all = split();
    all.length = Math.min(all.length, count);
    while (all.length < count) all.push(undefined);
    isLineStale = true;
  };

  // Records.
  const readRecord = (reader: Reader): string | undefined => {
    const by = textOf(scalar(rs));
    const { text } = reader;
    if (by === "") {
      while (text[reader.at] === "\n") reader.at++;
      if (reader.at >= text.length) return undefined;
      const end = text.indexOf("\n\n", reader.at);
      const record = text.slice(reader.at, end < 0 ? (text.endsWith("\n") ? -1 : text.length) : end);
      reader.at = end < 0 ? text.length : end + 2;
      return record;
    }
    if (reader.at >= text.length) return undefined;
    let [start, end] = [-1, -1];
    if (by.length === 1) {
      start = text.indexOf(by, reader.at);
      end = start + 1;
    } else {
      const regex = regexFor(by);
      for (let at = reader.at; at <= text.length; at = start + 1) {
        [start = -1, end = -1] = regex.find(text, at) ?? [];
        if (start < 0 || end > start) break;
      }
    }
    const from = reader.at;
    reader.at = start < 0 ? text.length : end;
    return text.slice(from, start < 0 ? text.length : start);
  };
  const readers = new Map<string, Reader>();
  const outputs = new Map<string, { readonly kind: "file" | "pipe"; readonly chunks: string[] }>();
  let stdinReader: Reader | undefined;
  const stdin = (): Reader => (stdinReader ??= { text: files.stdin, at: 0 });
  /** What is written to files stands in them before anybody reads. */
  const flushFiles = (): void => {
    for (const [name, { kind, chunks }] of outputs) {
      if (kind !== "file") continue;
      const content = chunks.join("");
      chunks.splice(0, chunks.length, content);
      if (!files.write(name, content)) throw new AwkFault(`${name} can't be written`);
    }
  };
  const readerOf = (path: string): Reader | undefined => {
    if (path === "-" || path === "/dev/stdin") return stdin();
    flushFiles();
    const text = files.read(path);
    return text === undefined ? undefined : { text, at: 0 };
  };
  let operand = 0;
  let current: Reader | undefined;
  let wasFile = false;
  const assign = (text: string): boolean => {
    const [whole, name = "", value = ""] = /^([A-Za-z_]\w*)=([^]*)$/.exec(text) ?? [];
    if (whole === undefined || functions.has(name)) return false;
    setNamed(name, new Input(unescaped(value)));
    return true;
  };
  const setNamed = (name: string, value: Value): void => {
    if (name === "NF") setFieldCount(numberOf(value));
    else global(name).value = value;
  };
  /** The next of the operands that is a file, or stdin where there is none; undefined at their end. */
  const nextFile = (): Reader | undefined => {
    const count = numberOf(scalar(argc));
    while (++operand < count) {
      const text = textOf(argv.get(String(operand)));
      if (text === "" || assign(text)) continue;
      wasFile = true;
      const reader = readerOf(text);
      if (reader === undefined) {
        // As mawk, which ends there; others go on.
        throw new AwkFault(`cannot open ${text} (No such file or directory)`);
      }
      filename.value = text;
      fnr.value = 0;
      return reader;
    }
    if (wasFile) return undefined;
    wasFile = true;
    return stdin();
  };
  const nextRecord = (): string | undefined => {
    for (;;) {
      current ??= nextFile();
      if (current === undefined) return undefined;
      const record = readRecord(current);
      if (record !== undefined) {
        nr.value = numberOf(scalar(nr)) + 1;
        fnr.value = numberOf(scalar(fnr)) + 1;
        return record;
      }
      current = undefined;
    }
  };

  // Output.
  let printedBytes = 0;
  const weigh = (text: string): void => {
    printedBytes += text.length;
    if (printedBytes > printedBytesMax) throw new AwkFault(`it prints more than ${printedBytesMax} bytes`);
  };
  const print = (text: string): void => {
    weigh(text);
    (outputs.size > 0 ? unflushed : out).push(text);
  };
  const flushOut = (): void => {
    out.push(...unflushed);
    unflushed = [];
  };
  /** What a command reads that nothing is written to: stdin, unless that was read. */
  const inherited = (): string => {
    if (stdinReader !== undefined) return "";
    stdinReader = { text: "", at: 0 };
    return files.stdin;
  };
  const commandEnds = (command: string, input: string): Ended => {
    const ended = files.run(command, input);
    if (ended === undefined)
      throw new AwkFault(
        `the command ${JSON.stringify(command)} can't be run: a command starts no others here but sort, cat and the like`,
      );
    stderr += ended.stderr;
    return ended;
  };
  const write = (name: string, how: string, text: string): void => {
    if (how !== "|") {
      if (name === "/dev/stdout" || name === "-") return print(text);
      if (name === "/dev/stderr") {
        stderr += text;
        return;
      }
    }
    let output = outputs.get(name);
    if (output === undefined) {
      flushOut();
      const before = how === ">>" ? (files.read(name) ?? "") : "";
      outputs.set(name, (output = { kind: how === "|" ? "pipe" : "file", chunks: [before] }));
    }
    weigh(text);
    output.chunks.push(text);
  };
  const close = (name: string): number => {
    const isRead = readers.delete(name);
    const output = outputs.get(name);
    if (output === undefined) return isRead ? 0 : -1;
    if (output.kind === "file") flushFiles();
    outputs.delete(name);
    if (output.kind === "file") return 0;
    const ended = commandEnds(name, output.chunks.join(""));
    out.push(ended.stdout);
    return ended.exitCode;
  };

  // The parser.
  let word = wordAt(program, 0);
  let locals: readonly string[] = [];
  let isInFunction = false;
  let isInLoop = 0;
  /** `>` is where output goes. */
  let noGreater = false;
  const fault = (what = `unexpected ${word.is === "newline" ? "end of line" : word.text}`) =>
    faultAt(program, word.at, what);
  const next = (): Word => {
    const was = word;
    word = wordAt(program, word.end);
    return was;
  };
  const isMark = (...texts: readonly string[]) => word.is === "mark" && texts.includes(word.text);
  const isKeyword = (text: string) => word.is === "keyword" && word.text === text;
  const take = (text: string): boolean => {
    if (!isMark(text)) return false;
    next();
    return true;
  };
  const expect = (text: string): void => {
    if (!take(text)) throw fault();
  };
  const skipLines = (): void => {
    while (word.is === "newline") next();
  };
  const skipEnds = (): void => {
    while (word.is === "newline" || isMark(";")) next();
  };
  const within = <T>(parse: () => T): T => {
    const before = noGreater;
    noGreater = false;
    const made = parse();
    noGreater = before;
    return made;
  };
  const matcherOf = ({ regex, get }: Expression): (() => Regex) =>
    regex === undefined ? () => regexFor(textOf(get())) : () => regex;

  function expressions(closing: string): Expression[] {
    const all: Expression[] = [];
    skipLines();
    while (!isMark(closing)) {
      all.push(expression());
      skipLines();
      if (!take(",")) break;
      skipLines();
    }
    return all;
  }

  function expression(): Expression {
    const condition = either();
    if (!isMark("?")) return condition;
    next();
    skipLines();
    const yes = within(expression);
    skipLines();
    expect(":");
    skipLines();
    const no = expression();
    return valued(() => (isTrue(condition.get()) ? yes.get() : no.get()));
  }

  function either(): Expression {
    let left = both();
    while (isMark("||")) {
      next();
      skipLines();
      const [a, b] = [left, both()];
      left = decided(() => isTrue(a.get()) || isTrue(b.get()));
    }
    return left;
  }

  function both(): Expression {
    let left = membership();
    while (isMark("&&")) {
      next();
      skipLines();
      const [a, b] = [left, membership()];
      left = decided(() => isTrue(a.get()) && isTrue(b.get()));
    }
    return left;
  }

  function membership(): Expression {
    let left = matching();
    while (isKeyword("in")) {
      next();
      const table = tableNamed();
      const key = keyOf(left.list ?? [left]);
      left = decided(() => table().has(key()));
    }
    return left;
  }

  function keyOf(list: readonly Expression[]): () => string {
    const [first] = list;
    if (list.length === 1 && first !== undefined) return () => subscript(first.get());
    return () => list.map((each) => subscript(each.get())).join(textOf(scalar(subsep)));
  }

  function tableNamed(): () => Table {
    if (word.is !== "name") throw fault();
    const cell = cellNamed(next().text);
    return () => tableOf(cell());
  }

  function cellNamed(name: string): () => Cell {
    const local = locals.indexOf(name);
    if (local >= 0) return () => frame[local] as Cell;
    const cell = global(name);
    return () => cell;
  }

  function matching(): Expression {
    let left = comparison();
    while (isMark("~", "!~")) {
      const isNot = next().text === "!~";
      const text = left;
      const regex = matcherOf(comparison());
      left = decided(() => regex().test(textOf(text.get())) !== isNot);
    }
    return left;
  }

  function comparison(): Expression {
    const left = piped();
    if (!isMark("<", "<=", "==", "!=", ">", ">=") || (isMark(">") && noGreater)) return left;
    const sign = next().text;
    const right = piped();
    const order = () => compared(left.get(), right.get());
    switch (sign) {
      case "<":
        return decided(() => order() < 0);
      case "<=":
        return decided(() => order() <= 0);
      case "==":
        return decided(() => order() === 0);
      case "!=":
        return decided(() => order() !== 0);
      case ">":
        return decided(() => order() > 0);
      default:
        return decided(() => order() >= 0);
    }
  }

  /** `COMMAND | getline`. */
  function piped(): Expression {
    let left = concatenation();
    while (isMark("|") && wordAt(program, word.end).text === "getline") {
      next();
      next();
      const command = left;
      const target = getlineTarget();
      left = counted(() => {
        const name = textOf(command.get());
        let reader = readers.get(name);
        if (reader === undefined) {
          flushOut();
          flushFiles();
          readers.set(name, (reader = { text: commandEnds(name, inherited()).stdout, at: 0 }));
        }
        const record = readRecord(reader);
        if (record === undefined) return 0;
        nr.value = numberOf(scalar(nr)) + 1;
        if (target === undefined) setLine(record);
        else target.set?.(new Input(record));
        return 1;
      });
    }
    return left;
  }

  function getlineTarget(): Expression | undefined {
    if (!isMark("$") && word.is !== "name") return undefined;
    return primary(false);
  }

  /** Whether what comes next can be joined to what was there. */
  function startsOperand(): boolean {
    if (
      word.is === "number" ||
      word.is === "string" ||
      word.is === "name" ||
      word.is === "call" ||
      word.is === "builtin"
    )
      return true;
    return isMark("$", "(", "-", "+", "!", "++", "--") && !isMark("-", "+");
  }

  function concatenation(): Expression {
    let left = sum();
    while (startsOperand() && !isKeyword("in")) {
      const [a, b] = [left, sum()];
      left = valued(() => {
        const first = textOf(a.get());
        return first + textOf(b.get());
      });
    }
    return left;
  }

  function sum(): Expression {
    let left = product();
    while (isMark("+", "-")) {
      const isPlus = next().text === "+";
      const [a, b] = [left, product()];
      left = counted(
        isPlus ? () => numberOf(a.get()) + numberOf(b.get()) : () => numberOf(a.get()) - numberOf(b.get()),
      );
    }
    return left;
  }

  function product(): Expression {
    let left = signed();
    while (isMark("*", "/", "%")) {
      const sign = next().text;
      const [a, b] = [left, signed()];
      left = counted(() => {
        const first = numberOf(a.get());
        const second = numberOf(b.get());
        return sign === "*" ? first * second : sign === "/" ? first / second : first % second;
      });
    }
    return left;
  }

  function signed(): Expression {
    if (isMark("!")) {
      next();
      const of = signed();
      return decided(() => !isTrue(of.get()));
    }
    if (isMark("-", "+")) {
      const isMinus = next().text === "-";
      const of = signed();
      return counted(isMinus ? () => -numberOf(of.get()) : () => numberOf(of.get()));
    }
    return power();
  }

  function power(): Expression {
    const base = primary(true);
    if (!isMark("^")) return base;
    next();
    const exponent = isMark("-", "+", "!") ? signed() : power();
    return counted(() => numberOf(base.get()) ** numberOf(exponent.get()));
  }

  /** An operand; with `isWhole`, with `++` behind it, or what is assigned to it. */
  function primary(isWhole: boolean): Expression {
    const made = operandExpression();
    if (!isWhole || made.set === undefined) return made;
    const { get, set } = made;
    if (isMark("++", "--")) {
      const by = next().text === "++" ? 1 : -1;
      return counted(() => {
        const before = numberOf(get());
        set(before + by);
        return before;
      });
    }
    if (!isMark("=", "+=", "-=", "*=", "/=", "%=", "^=")) return made;
    const sign = next().text;
    skipLines();
    const right = expression();
    if (sign === "=") {
      return valued(() => {
        const given = right.get();
        set(given);
        return given;
      });
    }
    return counted(() => {
      const given = numberOf(right.get());
      const result = changed(sign.slice(0, -1), numberOf(get()), given);
      set(result);
      return result;
    });
  }

  function operandExpression(): Expression {
    const { is, text } = word;
    switch (is) {
      case "number": {
        next();
        const constant = Number(text);
        return counted(() => constant);
      }
      case "string":
        next();
        return valued(() => text);
      case "call":
        return userCall(next().text);
      case "builtin":
        return builtin(next().text);
      case "name":
        next();
        return variable(text);
      case "keyword":
        if (text === "getline") return getline();
        throw fault();
      case "mark":
        return marked(text);
      case "newline":
      case "end":
        throw fault();
    }
  }

  function marked(text: string): Expression {
    if (text === "(") {
      next();
      const list = within(() => expressions(")"));
      expect(")");
      const [first] = list;
      if (first === undefined) throw fault("() holds nothing");
      if (list.length > 1) return { get: () => textOf(first.get()), list };
      // What is in parentheses is assigned nothing, and stands for no table.
      return first.regex === undefined ? valued(first.get) : first;
    }
    if (text === "/" || text === "/=") {
      const { text: pattern, end } = regexAt(program, word.at);
      word = wordAt(program, end);
      const regex = regexFor(pattern);
      return { get: () => (regex.test(wholeLine()) ? 1 : 0), regex };
    }
    if (text === "$") {
      next();
      const of = isMark("-", "+", "!") ? signed() : isMark("++", "--") ? operandExpression() : primary(false);
      return {
        get: () => field(numberOf(of.get())),
        set: (given) => setField(numberOf(of.get()), given),
      };
    }
    if (text === "++" || text === "--") {
      next();
      const { get, set } = primary(false);
      if (set === undefined) throw fault();
      const by = text === "++" ? 1 : -1;
      return counted(() => {
        const after = numberOf(get()) + by;
        set(after);
        return after;
      });
    }
    if (text === "-" || text === "+" || text === "!") return signed();
    throw fault();
  }

  function variable(name: string): Expression {
    if (isMark("[")) {
      const cell = cellNamed(name);
      next();
      const key = keyOf(within(() => expressions("]")));
      expect("]");
      return {
        get: () => {
          const table = tableOf(cell());
          const at = key();
          const found = table.get(at);
          if (found === undefined && !table.has(at)) table.set(at, undefined);
          return found;
        },
        set: (given) => {
          tableOf(cell()).set(key(), given);
        },
      };
    }
    if (name === "NF" && !locals.includes(name))
      return { get: () => split().length, set: (given) => setFieldCount(numberOf(given)) };
    const local = locals.indexOf(name);
    if (local >= 0) {
      const cell = () => frame[local] as Cell;
      return { get: () => scalar(cell()), set: (given) => assignTo(cell(), given), cell };
    }
    const cell = global(name);
    return { get: () => scalar(cell), set: (given) => assignTo(cell, given), cell: () => cell };
  }

  /** `getline`, `getline NAME`, `getline < FILE`. */
  function getline(): Expression {
    next();
    const target = getlineTarget();
    const put = (record: string) => {
      if (target === undefined) setLine(record);
      else target.set?.(new Input(record));
    };
    if (!isMark("<")) {
      return counted(() => {
        const record = nextRecord();
        if (record === undefined) return 0;
        put(record);
        return 1;
      });
    }
    next();
    const from = primary(false);
    return counted(() => {
      const name = textOf(from.get());
      let reader = readers.get(name);
      if (reader === undefined) {
        reader = readerOf(name);
        if (reader === undefined) return -1;
        readers.set(name, reader);
      }
      const record = readRecord(reader);
      if (record === undefined) return 0;
      put(record);
      return 1;
    });
  }

  function userCall(name: string): Expression {
    const { at } = word;
    expect("(");
    const given = within(() => expressions(")"));
    expect(")");
    called.push({ name, at, count: given.length });
    return valued(() => {
      const target = functions.get(name) as AwkFunction;
      const cells = target.parameters.map((_, place): Cell => {
        const each = given[place];
        if (each === undefined) return { value: undefined };
        const cell = each.cell?.();
        if (cell === undefined) return { value: each.get() };
        if (cell.value instanceof Map) return { value: cell.value };
        return { value: cell.value === undefined || cell.value instanceof Loan ? new Loan(cell) : cell.value };
      });
      if (++depth > callDepthMax) throw new AwkFault(`functions call each other more than ${callDepthMax} deep`);
      const before = frame;
      frame = cells;
      returned = undefined;
      const how = target.body();
      frame = before;
      depth--;
      if (how === nexts || how === nextFiles || how === exits) throw new Leave(how);
      const result = returned;
      returned = undefined;
      return result;
    });
  }
  let returned: Value;
  const called: { readonly name: string; readonly at: number; readonly count: number }[] = [];

  let seed = 0;
  let random = 0n;
  const sow = (value: number): void => {
    seed = value;
    random = BigInt.asUintN(
      64,
      BigInt(Math.trunc(Number.isFinite(value) ? value : 0)) * 0x9e3779b97f4a7c15n + 0x1234567n,
    );
  };
  sow(0);
  /** A number of 53 bits below 1, by splitmix64. */
  const rand = (): number => {
    random = BigInt.asUintN(64, random + 0x9e3779b97f4a7c15n);
    let z = random;
    z = BigInt.asUintN(64, (z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n);
    z = BigInt.asUintN(64, (z ^ (z >> 27n)) * 0x94d049bb133111ebn);
    return Number((z ^ (z >> 31n)) >> 11n) / 2 ** 53;
  };

  function sprintf(format: string, given: readonly Expression[]): string {
    let at = 0;
    const one = (): Value => {
      const each = given[at++];
      if (each === undefined) throw new AwkFault(`not enough arguments passed to printf(${JSON.stringify(format)})`);
      return each.get();
    };
    return formatted(format, {
      number: () => numberOf(one()),
      text: () => {
        const each = one();
        return textOf(each);
      },
      char: () => {
        const each = one();
        if (typeof each === "number" || (each instanceof Input && !Number.isNaN(each.number)))
          return String.fromCharCode(Math.trunc(numberOf(each)) & 255);
        return textOf(each).slice(0, 1);
      },
    });
  }

  /** The text with the matches replaced that `isMeant` by their number, and how many they were. */
  function substituted(
    text: string,
    regex: Regex,
    by: string,
    isMeant: (count: number) => boolean,
    isLast: (count: number) => boolean,
    hasGroups = false,
  ) {
    let [made, at, behind, count, done] = ["", 0, -1, 0, 0];
    while (at <= text.length) {
      const spans = hasGroups ? regex.groupsOf(text, at) : regex.find(text, at);
      if (spans === undefined) break;
      const [start = 0, end = 0] = spans;
      made += text.slice(at, start);
      const isEmpty = start === end;
      if (!isEmpty || start !== behind) {
        if (isMeant(++count)) {
          made += replaced(by, text, spans, hasGroups);
          done++;
        } else made += text.slice(start, end);
      }
      if (isEmpty) made += text.slice(end, end + 1);
      at = isEmpty ? end + 1 : end;
      behind = end;
      if (isLast(count)) break;
    }
    return { text: made + text.slice(at), count: done };
  }

  function builtin(name: string): Expression {
    const hasParentheses = isMark("(");
    if (!hasParentheses && name !== "length") throw fault(`${name} takes its arguments in parentheses`);
    let given: readonly Expression[] = [];
    if (hasParentheses) {
      next();
      given = within(() => expressions(")"));
      expect(")");
    }
    const wrong = () => fault(`wrong number of arguments in call to ${name}`);
    const needs = (from: number, to = from) => {
      if (given.length < from || given.length > to) throw wrong();
    };
    const text = (at: number): string => textOf(given[at]?.get());
    const num = (at: number): number => numberOf(given[at]?.get());
    const matcher = (at: number): (() => Regex) => matcherOf(given[at] as Expression);
    switch (name) {
      case "length": {
        needs(0, 1);
        const [of] = given;
        if (of === undefined) return counted(() => wholeLine().length);
        return counted(() => {
          const held = of.cell?.().value;
          if (held instanceof Map) return held.size;
          if (held instanceof Loan && held.of.value instanceof Map) return held.of.value.size;
          return textOf(of.get()).length;
        });
      }
      case "substr":
        needs(2, 3);
        return valued(() => {
          const whole = text(0);
          const from = num(1);
          const count = given.length > 2 ? num(2) : Infinity;
          const start = roundedEven(from);
          const end = count === Infinity ? Infinity : roundedEven(from + count);
          if (Number.isNaN(start) || Number.isNaN(end)) return "";
          return whole.slice(Math.max(0, start - 1), Math.max(0, end - 1));
        });
      case "index":
        needs(2);
        return counted(() => text(0).indexOf(text(1)) + 1);
      case "split": {
        needs(2, 3);
        const cell = given[1]?.cell;
        if (cell === undefined) throw fault("split puts into a table");
        const by = given[2];
        return counted(() => {
          const whole = text(0);
          const between = by?.regex === undefined ? textOf(by === undefined ? scalar(fs) : by.get()) : "";
          const parts =
            by?.regex === undefined ? partsOf(whole, between) : whole === "" ? [] : splitBy(whole, by.regex);
          const table = tableOf(cell());
          table.clear();
          for (const [at, part] of parts.entries()) table.set(String(at + 1), new Input(part));
          return parts.length;
        });
      }
      case "sub":
      case "gsub": {
        needs(2, 3);
        const target = given[2] ?? { get: () => field(0), set: (made: Value) => setField(0, made) };
        const regex = matcher(0);
        return counted(() => {
          const found = regex();
          const by = text(1);
          const whole = textOf(target.get());
          if (!found.test(whole)) return 0;
          const isOne = name === "sub";
          const made = substituted(
            whole,
            found,
            by,
            () => true,
            () => isOne,
          );
          target.set?.(made.text);
          return made.count;
        });
      }
      case "gensub": {
        needs(3, 4);
        const regex = matcher(0);
        return valued(() => {
          const how = text(2);
          const wanted = /^[gG]/.test(how) ? 0 : Math.max(1, Math.trunc(numberIn(how)));
          const whole = given.length > 3 ? text(3) : wholeLine();
          return substituted(
            whole,
            regex(),
            text(1),
            (count) => wanted === 0 || count === wanted,
            (count) => wanted > 0 && count >= wanted,
            true,
          ).text;
        });
      }
      case "match": {
        needs(2);
        const regex = matcher(1);
        return counted(() => {
          const [start = -1, end = -2] = regex().find(text(0)) ?? [];
          rstart.value = start + 1;
          rlength.value = start < 0 ? -1 : end - start;
          return start + 1;
        });
      }
      case "sprintf":
        if (given.length === 0) throw wrong();
        return valued(() => sprintf(text(0), given.slice(1)));
      case "sin":
      case "cos":
      case "exp":
      case "log":
      case "sqrt":
        needs(1);
        return counted(() => Math[name](num(0)));
      case "atan2":
        needs(2);
        return counted(() => Math.atan2(num(0), num(1)));
      case "int":
        needs(1);
        return counted(() => Math.trunc(num(0)));
      case "rand":
        needs(0);
        return counted(rand);
      case "srand":
        needs(0, 1);
        return counted(() => {
          const before = seed;
          sow(given.length === 0 ? startSeconds : num(0));
          return before;
        });
      case "tolower":
        needs(1);
        return valued(() => text(0).replaceAll(/[A-Z]+/g, (letters) => letters.toLowerCase()));
      case "toupper":
        needs(1);
        return valued(() => text(0).replaceAll(/[a-z]+/g, (letters) => letters.toUpperCase()));
      case "system":
        needs(1);
        return counted(() => {
          const command = text(0);
          flushOut();
          flushFiles();
          if (command.trim() === "") return 0;
          const ended = commandEnds(command, inherited());
          out.push(ended.stdout);
          return ended.exitCode;
        });
      case "close":
        needs(1, 2);
        return counted(() => close(text(0)));
      case "fflush":
        needs(0, 1);
        return counted(() => {
          flushOut();
          flushFiles();
          return 0;
        });
      case "systime":
        needs(0);
        return counted(() => startSeconds);
      case "strftime":
        needs(0, 3);
        return valued(() => dateText(given.length > 0 ? text(0) : "%c", given.length > 1 ? num(1) : startSeconds));
      case "mktime":
        needs(1);
        return counted(() => {
          const [year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0] = text(0)
            .trim()
            .split(/\s+/)
            .map(Number);
          const made = Date.UTC(year, month - 1, day, hour, minute, second) / 1000;
          return Number.isNaN(made) ? -1 : made;
        });
      default: {
        needs(name === "compl" ? 1 : 2, name === "compl" ? 1 : name.endsWith("shift") ? 2 : Infinity);
        return counted(() =>
          Number(
            bits(
              name,
              given.map((each) => BigInt(Math.trunc(numberOf(each.get())))),
            ),
          ),
        );
      }
    }
  }

  // Statements.
  function block(): Statement {
    expect("{");
    const all: Statement[] = [];
    skipEnds();
    while (!isMark("}")) {
      if (word.is === "end") throw fault("a } is missing");
      all.push(statement());
      skipEnds();
    }
    next();
    return inOrder(all);
  }

  function inOrder(all: readonly Statement[]): Statement {
    const [first] = all;
    if (all.length === 1 && first !== undefined) return first;
    return () => {
      for (const each of all) {
        const how = each();
        if (how !== goesOn) return how;
      }
      return goesOn;
    };
  }

  function endSimple(): void {
    if (isMark(";") || word.is === "newline") next();
    else if (!isMark("}") && word.is !== "end") throw fault();
  }

  /** A statement behind `if (…)`, `while (…)` and the like. */
  function inner(): Statement {
    if (take(";")) return () => goesOn;
    skipLines();
    return statement();
  }

  /** The body of a loop, which counts its turns. */
  function looped(parse: () => Statement): Statement {
    isInLoop++;
    const made = parse();
    isInLoop--;
    return () => {
      if (++turns > turnsMax) throw new AwkFault(`its loops turn more than ${turnsMax} times`);
      return made();
    };
  }
  let turns = 0;

  function statement(): Statement {
    if (isMark("{")) return block();
    if (word.is === "keyword") {
      switch (word.text) {
        case "if":
          return ifStatement();
        case "while": {
          next();
          const condition = inParentheses();
          const body = looped(inner);
          return () => {
            while (isTrue(condition.get())) {
              const how = body();
              if (how === breaks) break;
              if (how > continues) return how;
            }
            return goesOn;
          };
        }
        case "do":
          return doStatement();
        case "for":
          return forStatement();
        default:
      }
    }
    if (take(";")) return () => goesOn;
    const made = simple();
    endSimple();
    return made;
  }

  function inParentheses(): Expression {
    expect("(");
    const made = within(expression);
    expect(")");
    return made;
  }

  function ifStatement(): Statement {
    next();
    const condition = inParentheses();
    const yes = inner();
    const behind = word;
    skipEnds();
    if (!isKeyword("else")) {
      word = behind;
      return () => (isTrue(condition.get()) ? yes() : goesOn);
    }
    next();
    const no = inner();
    return () => (isTrue(condition.get()) ? yes() : no());
  }

  function doStatement(): Statement {
    next();
    const body = looped(inner);
    skipEnds();
    if (!isKeyword("while")) throw fault();
    next();
    const condition = inParentheses();
    endSimple();
    return () => {
      do {
        const how = body();
        if (how === breaks) break;
        if (how > continues) return how;
      } while (isTrue(condition.get()));
      return goesOn;
    };
  }

  function forStatement(): Statement {
    next();
    expect("(");
    if (word.is === "name" || isMark("(")) {
      const before = word;
      const isParenthesised = take("(");
      const name = word;
      if (word.is === "name") {
        next();
        const closes = !isParenthesised || take(")");
        if (closes && isKeyword("in")) {
          next();
          if (word.is === "name") {
            const table = tableNamed();
            if (isMark(")")) {
              next();
              const { set } = variable(name.text);
              const body = looped(inner);
              return () => {
                for (const key of Array.from(table().keys())) {
                  set?.(new Input(key));
                  const how = body();
                  if (how === breaks) break;
                  if (how > continues) return how;
                }
                return goesOn;
              };
            }
          }
        }
      }
      word = before;
    }
    const start = isMark(";") ? undefined : simple();
    expect(";");
    skipLines();
    const condition = isMark(";") ? undefined : expression();
    expect(";");
    skipLines();
    const step = isMark(")") ? undefined : simple();
    expect(")");
    const body = looped(inner);
    return () => {
      start?.();
      for (; ; step?.()) {
        if (condition !== undefined && !isTrue(condition.get())) break;
        const how = body();
        if (how === breaks) break;
        if (how > continues) return how;
      }
      return goesOn;
    };
  }

  function simple(): Statement {
    if (word.is !== "keyword") return evaluated();
    const isEnd = () => isMark(";", "}") || word.is === "newline" || word.is === "end";
    switch (word.text) {
      case "print":
      case "printf":
        return printing();
      case "next":
        next();
        return () => nexts;
      case "nextfile":
        next();
        return () => nextFiles;
      case "break":
        if (isInLoop === 0) throw fault("break outside of a loop");
        next();
        return () => breaks;
      case "continue":
        if (isInLoop === 0) throw fault("continue outside of a loop");
        next();
        return () => continues;
      case "exit": {
        next();
        const status = isEnd() ? undefined : expression();
        return () => {
          if (status !== undefined) exitCode = Math.trunc(numberOf(status.get()));
          return exits;
        };
      }
      case "return": {
        if (!isInFunction) throw fault("return outside of a function");
        next();
        const result = isEnd() ? undefined : expression();
        return () => {
          returned = result?.get();
          return returns;
        };
      }
      case "delete": {
        next();
        const table = tableNamed();
        if (!isMark("[")) {
          return () => {
            table().clear();
            return goesOn;
          };
        }
        next();
        const key = keyOf(within(() => expressions("]")));
        expect("]");
        return () => {
          table().delete(key());
          return goesOn;
        };
      }
      default:
        return evaluated();
    }
  }

  function evaluated(): Statement {
    const { get } = expression();
    return () => {
      get();
      return goesOn;
    };
  }

  function printing(): Statement {
    const isFormat = next().text === "printf";
    noGreater = true;
    const given: Expression[] = [];
    const isEnd = () => isMark(";", "}", ">", ">>", "|") || word.is === "newline" || word.is === "end";
    if (!isEnd()) {
      do {
        skipLines();
        given.push(expression());
      } while (take(","));
    }
    noGreater = false;
    const [only] = given;
    const all = given.length === 1 && only?.list !== undefined ? only.list : given;
    if (isFormat && all.length === 0) throw fault("printf without a format");
    let put: (text: string) => void = print;
    if (isMark(">", ">>", "|")) {
      const how = next().text;
      noGreater = true;
      const target = concatenation();
      noGreater = false;
      put = (text) => write(textOf(target.get()), how, text);
    }
    if (isFormat) {
      const [format, ...others] = all as readonly [Expression, ...Expression[]];
      return () => {
        put(sprintf(textOf(format.get()), others));
        return goesOn;
      };
    }
    const shown = (each: Value) => (typeof each === "number" ? numberText(each, ofmt) : textOf(each));
    return () => {
      const text = all.length === 0 ? wholeLine() : all.map((each) => shown(each.get())).join(textOf(scalar(ofs)));
      put(text + textOf(scalar(ors)));
      return goesOn;
    };
  }

  function functionItem(): void {
    next();
    if (word.is !== "name" && word.is !== "call") throw fault();
    const { text: name } = next();
    expect("(");
    const parameters: string[] = [];
    while (!isMark(")")) {
      skipLines();
      if (word.is !== "name") throw fault();
      parameters.push(next().text);
      skipLines();
      if (!take(",")) break;
    }
    expect(")");
    skipLines();
    if (functions.has(name)) throw fault(`the function ${name} is there twice`);
    const made: AwkFunction = { parameters, body: () => goesOn };
    functions.set(name, made);
    [locals, isInFunction] = [parameters, true];
    made.body = block();
    [locals, isInFunction] = [[], false];
  }

  function rule(): Rule {
    if (isKeyword("BEGIN") || isKeyword("END")) {
      const is = next().text as "BEGIN" | "END";
      if (!isMark("{")) throw fault(`${is} wants a {`);
      return { is, matches: always, body: block() };
    }
    let matches = always;
    if (!isMark("{")) {
      const first = expression();
      matches = () => isTrue(first.get());
      if (take(",")) {
        skipLines();
        const last = expression();
        let isOn = false;
        matches = () => {
          if (!isOn && !isTrue(first.get())) return false;
          isOn = !isTrue(last.get());
          return true;
        };
      }
    }
    if (isMark("{")) return { is: "each", matches, body: block() };
    return {
      is: "each",
      matches,
      body: () => {
        print(wholeLine() + textOf(scalar(ors)));
        return goesOn;
      },
    };
  }

  const rules: Rule[] = [];
  for (skipEnds(); word.is !== "end"; skipEnds()) {
    if (isKeyword("function")) functionItem();
    else rules.push(rule());
  }
  for (const { name, at, count } of called) {
    const target = functions.get(name);
    if (target === undefined) throw faultAt(program, at, `function ${name} never defined`);
    if (count > target.parameters.length) throw faultAt(program, at, `function ${name} takes fewer arguments`);
  }
  if (separator !== undefined) fs.value = unescaped(separator);
  for (const [name, given] of variables) setNamed(name, new Input(unescaped(given)));

  const ending = (run: Statement): number => {
    try {
      return run();
    } catch (error) {
      if (!(error instanceof Leave)) throw error;
      frame = [];
      depth = 0;
      return error.how;
    }
  };
  const each = inOrder(
    rules
      .filter(({ is }) => is === "each")
      .map(
        ({ matches, body }) =>
          () =>
            matches() ? body() : goesOn,
      ),
  );
  const run = (): void => {
    for (const { is, body } of rules) if (is === "BEGIN" && ending(body) === exits) return atEnd();
    if (rules.every(({ is }) => is === "BEGIN")) return;
    for (;;) {
      const record = nextRecord();
      if (record === undefined) break;
      setLine(record);
      const how = ending(each);
      if (how === exits) break;
      if (how === nextFiles) current = undefined;
    }
    atEnd();
  };
  const atEnd = (): void => {
    for (const { is, body } of rules) if (is === "END" && ending(body) === exits) return;
  };
  const finish = (): void => {
    for (const name of Array.from(outputs.keys())) close(name);
    flushOut();
  };
  try {
    run();
    finish();
  } catch (error) {
    if (!(error instanceof AwkFault) && !(error instanceof RegexFault)) throw error;
    flushOut();
    return { stdout: out.join(""), stderr: `${stderr}awk: ${error.message}\n`, exitCode: 2 };
  }
  return { stdout: out.join(""), stderr, exitCode: exitCode & 255 };
}

/** The clock of a job that nobody has read. */
const startSeconds = 1_000_000_000;

/** Half goes to the even one. */
function roundedEven(value: number): number {
  const floor = Math.floor(value);
  return value - floor === 0.5 ? (floor % 2 === 0 ? floor : floor + 1) : Math.round(value);
}

function bits(name: string, of: readonly bigint[]): bigint {
  const [first = 0n, ...others] = of;
  switch (name) {
    case "and":
      return others.reduce((a, b) => a & b, first);
    case "or":
      return others.reduce((a, b) => a | b, first);
    case "xor":
      return others.reduce((a, b) => a ^ b, first);
    case "compl":
      return BigInt.asUintN(53, ~first);
    case "lshift":
      return BigInt.asUintN(64, first << BigInt.asUintN(6, others[0] ?? 0n));
    default:
      return BigInt.asUintN(64, first) >> BigInt.asUintN(6, others[0] ?? 0n);
  }
}

const days = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"] as const;
const months = [
  "January",
  "February",
  "March",
  "April",
  "May",
  "June",
  "July",
  "August",
  "September",
  "October",
  "November",
  "December",
] as const;

const two = (value: number) => String(value).padStart(2, "0");

/** A date of UTC as strftime writes it in the C locale. */
function dateText(format: string, seconds: number): string {
  const date = new Date(seconds * 1000);
  const dayOfYear = Math.floor((date.getTime() - Date.UTC(date.getUTCFullYear(), 0, 1)) / 86_400_000) + 1;
  const [day, month] = [days[date.getUTCDay()] ?? "", months[date.getUTCMonth()] ?? ""];
  const hour12 = date.getUTCHours() % 12 === 0 ? 12 : date.getUTCHours() % 12;
  const known: Readonly<Record<string, () => string>> = {
    a: () => day.slice(0, 3),
    A: () => day,
    b: () => month.slice(0, 3),
    B: () => month,
    c: () => dateText("%a %b %e %H:%M:%S %Y", seconds),
    d: () => two(date.getUTCDate()),
    D: () => dateText("%m/%d/%y", seconds),
    e: () => String(date.getUTCDate()).padStart(2),
    F: () => dateText("%Y-%m-%d", seconds),
    h: () => month.slice(0, 3),
    H: () => two(date.getUTCHours()),
    I: () => two(hour12),
    j: () => String(dayOfYear).padStart(3, "0"),
    m: () => two(date.getUTCMonth() + 1),
    M: () => two(date.getUTCMinutes()),
    n: () => "\n",
    p: () => (date.getUTCHours() < 12 ? "AM" : "PM"),
    R: () => dateText("%H:%M", seconds),
    s: () => String(Math.trunc(seconds)),
    S: () => two(date.getUTCSeconds()),
    t: () => "\t",
    T: () => dateText("%H:%M:%S", seconds),
    u: () => String(date.getUTCDay() === 0 ? 7 : date.getUTCDay()),
    w: () => String(date.getUTCDay()),
    x: () => dateText("%m/%d/%y", seconds),
    X: () => dateText("%H:%M:%S", seconds),
    y: () => two(date.getUTCFullYear() % 100),
    Y: () => String(date.getUTCFullYear()),
    z: () => "+0000",
    Z: () => "UTC",
    "%": () => "%",
  };
  return format.replaceAll(/%([^])/g, (whole: string, letter: string) => known[letter]?.() ?? whole);
}
