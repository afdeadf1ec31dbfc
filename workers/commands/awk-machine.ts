/** What an awk program is made of, and what changes while it runs: one record of state, with a room for each part of it (awk-record.ts, awk-input.ts, awk-output.ts). */
import { Written } from "./awk-text.ts";
import { AwkFault, unescaped } from "./awk-words.ts";
import { Input, isNumeric, numberOf, scalar, type Cell, type Loan, type Table, type Value } from "./awk-values.ts";
import { formatted } from "./c-format.ts";
import { regexOf, RegexFault, type Regex } from "./regex.ts";

/** Turns of all loops of one run, and calls of functions: a loop without end ends here, and so does a function that calls itself twice. */
export const turnsMax = 100_000_000;

export interface AwkFiles {
  /** A file's bytes. Undefined where it can't be read. */
  readonly read: (path: string) => string | undefined;
  /** Puts a file in the place of what was there. False where it can't. */
  readonly write: (path: string, content: string) => boolean;
  readonly stdin: string;
  /** What a command line comes to; undefined when it can't be run. */
  readonly run: (line: string, stdin: string) => Ended | undefined;
}

export interface Ended {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number;
}

export interface Expression {
  readonly get: () => Value;
  readonly set?: (value: Value) => void;
  /** Of a name alone. */
  readonly cell?: () => Cell;
  /** Of a regular expression alone. */
  readonly regex?: Regex;
  /** Of `(a, b)`. */
  readonly list?: readonly Expression[];
}

/** How a statement ends. */
export const [goesOn, breaks, continues, nexts, nextFiles, exits, returns] = [0, 1, 2, 3, 4, 5, 6];
export type Statement = () => number;

/** Ends what runs, functions and all, as a statement in one of them did. */
export class Leave {
  readonly how: number;
  constructor(how: number) {
    this.how = how;
  }
}

export interface AwkFunction {
  readonly parameters: readonly string[];
  body: Statement;
}

/** What is read record by record. */
export interface Reader {
  readonly text: string;
  at: number;
}

/** What is written to, until it is closed. */
export interface Output {
  readonly kind: "file" | "pipe";
  readonly written: Written;
  /** The file holds all of it. */
  isStored: boolean;
}

export interface Machine {
  readonly files: AwkFiles;

  // Variables.
  readonly globals: Map<string, Cell>;
  readonly functions: Map<string, AwkFunction>;
  readonly fs: Cell;
  readonly ofs: Cell;
  readonly rs: Cell;
  readonly ors: Cell;
  readonly nr: Cell;
  readonly fnr: Cell;
  readonly subsep: Cell;
  readonly convfmt: Cell;
  readonly ofmt: Cell;
  readonly rstart: Cell;
  readonly rlength: Cell;
  readonly filename: Cell;
  readonly argc: Cell;
  readonly argv: Table;
  readonly regexes: Map<string, Regex>;

  // Calls and loops.
  /** The parameters of the function that runs. */
  frame: Cell[];
  depth: number;
  turns: number;
  returned: Value;
  exitCode: number;
  seed: number;
  random: bigint;

  // The record.
  line: string;
  lineInput: Input | undefined;
  /** What FS was, and whether RS was empty, when the record came. */
  lineFs: string;
  lineIsParagraph: boolean;
  /** Undefined until somebody asks. */
  fields: Value[] | undefined;
  /** A field was assigned to, and the line is not made of them yet. */
  isLineStale: boolean;

  // What is read.
  readonly readers: Map<string, Reader>;
  stdinReader: Reader | undefined;
  /** The operand that was read last. */
  operand: number;
  current: Reader | undefined;
  wasFile: boolean;

  // What is written.
  readonly out: Written;
  /** What is written after a command was started is shown when that has ended, if none was started later. */
  unflushed: Written;
  stderr: string;
  printedBytes: number;
  readonly outputs: Map<string, Output>;
}

/** A machine before its program runs. */
export function machineFor(operands: readonly string[], env: ReadonlyMap<string, string>, files: AwkFiles): Machine {
  const globals = new Map<string, Cell>();
  const initially = (name: string, value: Value | Table | Loan): Cell => {
    const cell: Cell = { value };
    globals.set(name, cell);
    return cell;
  };
  const argv: Table = new Map<string, Value>([["0", "awk"]]);
  for (const [at, operand] of operands.entries()) argv.set(String(at + 1), new Input(operand));
  initially("ARGV", argv);
  initially("ENVIRON", new Map([...env].map(([name, value]): [string, Value] => [name, new Input(value)])));
  return {
    files,
    globals,
    functions: new Map(),
    fs: initially("FS", " "),
    ofs: initially("OFS", " "),
    rs: initially("RS", "\n"),
    ors: initially("ORS", "\n"),
    nr: initially("NR", 0),
    fnr: initially("FNR", 0),
    subsep: initially("SUBSEP", "\x1c"),
    convfmt: initially("CONVFMT", "%.6g"),
    ofmt: initially("OFMT", "%.6g"),
    rstart: initially("RSTART", 0),
    rlength: initially("RLENGTH", -1),
    filename: initially("FILENAME", undefined),
    argc: initially("ARGC", operands.length + 1),
    argv,
    regexes: new Map(),
    frame: [],
    depth: 0,
    turns: 0,
    returned: undefined,
    exitCode: 0,
    seed: 0,
    random: 0n,
    line: "",
    lineInput: new Input(""),
    lineFs: " ",
    lineIsParagraph: false,
    fields: [],
    isLineStale: false,
    readers: new Map(),
    stdinReader: undefined,
    operand: 0,
    current: undefined,
    wasFile: false,
    out: new Written(),
    unflushed: new Written(),
    stderr: "",
    printedBytes: 0,
    outputs: new Map(),
  };
}

/** Throws AwkFault when there were too many. */
export function countTurn(machine: Machine): void {
  if (++machine.turns > turnsMax)
    throw new AwkFault(`its loops turn and its functions are called more than ${turnsMax} times`);
}

export function global({ globals }: Machine, name: string): Cell {
  let cell = globals.get(name);
  if (cell === undefined) globals.set(name, (cell = { value: undefined }));
  return cell;
}

/** The regular expression of a text. Throws AwkFault for one that is none. */
export function regexFor({ regexes }: Machine, text: string): Regex {
  let regex = regexes.get(text);
  if (regex !== undefined) return regex;
  try {
    regex = regexOf(text, { isExtended: true, reader: "awk" });
  } catch (error) {
    if (error instanceof RegexFault) throw new AwkFault(`the regular expression ${text}: ${error.message}`);
    throw error;
  }
  regexes.set(text, regex);
  return regex;
}

/** What an expression matches with: itself, or what its text says. */
export function matcherOf(machine: Machine, { regex, get }: Expression): () => Regex {
  return regex === undefined ? () => regexFor(machine, textOf(machine, get())) : () => regex;
}

/** A number as text, by CONVFMT or OFMT where it is not whole. */
export function numberText(machine: Machine, value: number, format: Cell): string {
  if (Number.isInteger(value) && Math.abs(value) < 2 ** 63)
    return Math.abs(value) < 1e15 ? String(value) : BigInt(value).toString();
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "-nan" : value > 0 ? "inf" : "-inf";
  return formatted(textOf(machine, scalar(format)), {
    number: () => value,
    text: () => String(value),
    char: () => "",
  });
}

export function textOf(machine: Machine, value: Value): string {
  if (typeof value === "string") return value;
  if (value === undefined) return "";
  return typeof value === "number" ? numberText(machine, value, machine.convfmt) : value.text;
}

/** Less than 0 where `a` comes before `b`: numbers by their size, all else by its bytes. */
export function compared(machine: Machine, a: Value, b: Value): number {
  if (isNumeric(a) && isNumeric(b)) {
    const [left, right] = [numberOf(a), numberOf(b)];
    return left < right ? -1 : left === right ? 0 : 1;
  }
  const [left, right] = [textOf(machine, a), textOf(machine, b)];
  return left < right ? -1 : left === right ? 0 : 1;
}

/** Assigns what stands on a command line: its escapes are characters. */
export function typedValue(text: string): Input {
  return new Input(unescaped(text));
}
