/** The functions that awk has built in: each makes of its arguments an expression. */
import { dateText, secondsOf, startSeconds } from "./awk-dates.ts";
import { inherited } from "./awk-input.ts";
import { matcherOf, textOf, type Expression, type Machine } from "./awk-machine.ts";
import { close, commandEnds, flushFiles, flushOut } from "./awk-output.ts";
import { field, partsOf, setField, wholeLine } from "./awk-record.ts";
import { splitBy, substituted } from "./awk-text.ts";
import { Input, Loan, numberIn, numberOf, scalar, tableOf, type Value } from "./awk-values.ts";
import { AwkFault } from "./awk-words.ts";
import { formatted } from "./c-format.ts";

/** A call, with its arguments as they are when it runs. */
interface Call {
  readonly machine: Machine;
  readonly given: readonly Expression[];
  readonly text: (at: number) => string;
  readonly number: (at: number) => number;
}

interface Builtin {
  readonly least: number;
  readonly most: number;
  /** Undefined where an argument is not of the kind that it takes. */
  readonly get: (call: Call) => (() => Value) | undefined;
}

const taking = (least: number, most: number, get: Builtin["get"]): Builtin => ({ least, most, get });
const numeric = (of: (value: number) => number): Builtin =>
  taking(
    1,
    1,
    ({ number }) =>
      () =>
        of(number(0)),
  );
const bitwise = (most: number, of: (first: bigint, ...others: bigint[]) => bigint): Builtin =>
  taking(Math.min(most, 2), most, ({ given, number }) => () => {
    const [first = 0n, ...others] = given.map((_, at) => wholeNumber(number(at)));
    return Number(of(first, ...others));
  });

const builtins: Readonly<Record<string, Builtin>> = {
  length: taking(0, 1, lengthCall),
  substr: taking(2, 3, substrCall),
  index: taking(
    2,
    2,
    ({ text }) =>
      () =>
        text(0).indexOf(text(1)) + 1,
  ),
  split: taking(2, 3, splitCall),
  sub: taking(2, 3, (call) => substitution(call, 1)),
  gsub: taking(2, 3, (call) => substitution(call, 0)),
  gensub: taking(3, 4, gensubCall),
  match: taking(2, 2, matchCall),
  sprintf: taking(
    1,
    Infinity,
    ({ machine, given, text }) =>
      () =>
        sprintf(machine, text(0), given.slice(1)),
  ),
  sin: numeric(Math.sin),
  cos: numeric(Math.cos),
  exp: numeric(Math.exp),
  log: numeric(Math.log),
  sqrt: numeric(Math.sqrt),
  int: numeric(Math.trunc),
  atan2: taking(
    2,
    2,
    ({ number }) =>
      () =>
        Math.atan2(number(0), number(1)),
  ),
  rand: taking(
    0,
    0,
    ({ machine }) =>
      () =>
        rand(machine),
  ),
  srand: taking(0, 1, ({ machine, given, number }) => () => {
    const before = machine.seed;
    sow(machine, given.length === 0 ? startSeconds : number(0));
    return before;
  }),
  tolower: taking(
    1,
    1,
    ({ text }) =>
      () =>
        text(0).replaceAll(/[A-Z]+/g, (letters) => letters.toLowerCase()),
  ),
  toupper: taking(
    1,
    1,
    ({ text }) =>
      () =>
        text(0).replaceAll(/[a-z]+/g, (letters) => letters.toUpperCase()),
  ),
  system: taking(1, 1, systemCall),
  close: taking(
    1,
    2,
    ({ machine, text }) =>
      () =>
        close(machine, text(0)),
  ),
  fflush: taking(0, 1, ({ machine }) => () => {
    flushOut(machine);
    flushFiles(machine);
    return 0;
  }),
  systime: taking(0, 0, () => () => startSeconds),
  strftime: taking(
    0,
    3,
    ({ given, text, number }) =>
      () =>
        dateText(given.length > 0 ? text(0) : "%c", given.length > 1 ? number(1) : startSeconds),
  ),
  mktime: taking(
    1,
    1,
    ({ text }) =>
      () =>
        secondsOf(text(0)),
  ),
  and: bitwise(Infinity, (first, ...others) => others.reduce((a, b) => a & b, first)),
  or: bitwise(Infinity, (first, ...others) => others.reduce((a, b) => a | b, first)),
  xor: bitwise(Infinity, (first, ...others) => others.reduce((a, b) => a ^ b, first)),
  compl: bitwise(1, (first) => BigInt.asUintN(53, ~first)),
  lshift: bitwise(2, (first, by = 0n) => BigInt.asUintN(64, first << BigInt.asUintN(6, by))),
  rshift: bitwise(2, (first, by = 0n) => BigInt.asUintN(64, first) >> BigInt.asUintN(6, by)),
};

/** A number without its fraction. Throws AwkFault for one that is none. */
function wholeNumber(value: number): bigint {
  if (!Number.isFinite(value)) throw new AwkFault(`${value} has no bits`);
  return BigInt(Math.trunc(value));
}

/** What a call comes to; undefined where its arguments are too many, too few or of another kind. */
export function builtinCall(machine: Machine, name: string, given: readonly Expression[]): Expression | undefined {
  const { least, most, get: make } = builtins[name] as Builtin;
  if (given.length < least || given.length > most) return undefined;
  const get = make({
    machine,
    given,
    text: (at) => textOf(machine, given[at]?.get()),
    number: (at) => numberOf(given[at]?.get()),
  });
  return get === undefined ? undefined : { get };
}

function lengthCall({ machine, given: [of] }: Call): () => Value {
  if (of === undefined) return () => wholeLine(machine).length;
  return () => {
    const held = of.cell?.().value;
    if (held instanceof Map) return held.size;
    if (held instanceof Loan && held.of.value instanceof Map) return held.of.value.size;
    return textOf(machine, of.get()).length;
  };
}

/** Half goes to the even one. */
function roundedEven(value: number): number {
  const floor = Math.floor(value);
  return value - floor === 0.5 ? (floor % 2 === 0 ? floor : floor + 1) : Math.round(value);
}

function substrCall({ given, text, number }: Call): () => Value {
  return () => {
    const whole = text(0);
    const from = number(1);
    const count = given.length > 2 ? number(2) : Infinity;
    const start = roundedEven(from);
    const end = count === Infinity ? Infinity : roundedEven(from + count);
    if (Number.isNaN(start) || Number.isNaN(end)) return "";
    return whole.slice(Math.max(0, start - 1), Math.max(0, end - 1));
  };
}

function splitCall({ machine, given: [, into, by], text }: Call): (() => Value) | undefined {
  const cell = into?.cell;
  if (cell === undefined) return undefined;
  return () => {
    const whole = text(0);
    const between = by?.regex === undefined ? textOf(machine, by === undefined ? scalar(machine.fs) : by.get()) : "";
    const parts =
      by?.regex === undefined ? partsOf(machine, whole, between) : whole === "" ? [] : splitBy(whole, by.regex);
    const table = tableOf(cell());
    table.clear();
    for (const [at, part] of parts.entries()) table.set(String(at + 1), new Input(part));
    return parts.length;
  };
}

/** `sub` and `gsub`: their first match, or with 0 all. */
function substitution({ machine, given: [pattern, , into], text }: Call, wanted: number): () => Value {
  const target = into ?? { get: () => field(machine, 0), set: (made: Value) => setField(machine, 0, made) };
  const regex = matcherOf(machine, pattern as Expression);
  return () => {
    const found = regex();
    const by = text(1);
    const whole = textOf(machine, target.get());
    if (!found.test(whole)) return 0;
    const made = substituted(whole, found, by, wanted);
    target.set?.(made.text);
    return made.count;
  };
}

function gensubCall({ machine, given, text }: Call): () => Value {
  const regex = matcherOf(machine, given[0] as Expression);
  return () => {
    const how = text(2);
    const wanted = /^[gG]/.test(how) ? 0 : Math.max(1, Math.trunc(numberIn(how)));
    const whole = given.length > 3 ? text(3) : wholeLine(machine);
    return substituted(whole, regex(), text(1), wanted, true).text;
  };
}

function matchCall({ machine, given, text }: Call): () => Value {
  const regex = matcherOf(machine, given[1] as Expression);
  return () => {
    const [start = -1, end = -2] = regex().find(text(0)) ?? [];
    machine.rstart.value = start + 1;
    machine.rlength.value = start < 0 ? -1 : end - start;
    return start + 1;
  };
}

function systemCall({ machine, text }: Call): () => Value {
  return () => {
    const command = text(0);
    flushOut(machine);
    flushFiles(machine);
    if (command.trim() === "") return 0;
    const ended = commandEnds(machine, command, inherited(machine));
    machine.out.push(ended.stdout);
    return ended.exitCode;
  };
}

/** A format with its arguments put in. Throws AwkFault where these are too few. */
export function sprintf(machine: Machine, format: string, given: readonly Expression[]): string {
  let at = 0;
  const one = (): Value => {
    const each = given[at++];
    if (each === undefined) throw new AwkFault(`not enough arguments passed to printf(${JSON.stringify(format)})`);
    return each.get();
  };
  return formatted(format, {
    number: () => numberOf(one()),
    text: () => textOf(machine, one()),
    char: () => {
      const each = one();
      if (typeof each === "number" || (each instanceof Input && !Number.isNaN(each.number)))
        return String.fromCharCode(Math.trunc(numberOf(each)) & 255);
      return textOf(machine, each).slice(0, 1);
    },
  });
}

/** Begins the random numbers that belong to a seed. */
export function sow(machine: Machine, seed: number): void {
  machine.seed = seed;
  machine.random = BigInt.asUintN(
    64,
    BigInt(Math.trunc(Number.isFinite(seed) ? seed : 0)) * 0x9e3779b97f4a7c15n + 0x1234567n,
  );
}

/** A number of 53 bits below 1, by splitmix64. */
function rand(machine: Machine): number {
  machine.random = BigInt.asUintN(64, machine.random + 0x9e3779b97f4a7c15n);
  let z = machine.random;
  z = BigInt.asUintN(64, (z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n);
  z = BigInt.asUintN(64, (z ^ (z >> 27n)) * 0x94d049bb133111ebn);
  return Number((z ^ (z >> 31n)) >> 11n) / 2 ** 53;
}
