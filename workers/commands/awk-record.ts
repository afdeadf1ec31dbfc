/** awk's record and its fields: a line is split when a field is asked for, and made of its fields again when one was assigned to. */
import { global, regexFor, textOf, type Machine } from "./awk-machine.ts";
import { splitBy } from "./awk-text.ts";
import { Input, numberOf, scalar, type Value } from "./awk-values.ts";
import { AwkFault } from "./awk-words.ts";

/** Fields of one record. */
export const fieldsMax = 1_000_000;

export function setLine(machine: Machine, text: string): void {
  machine.line = text;
  machine.lineInput = undefined;
  machine.fields = undefined;
  machine.isLineStale = false;
  machine.lineFs = textOf(machine, scalar(machine.fs));
  machine.lineIsParagraph = textOf(machine, scalar(machine.rs)) === "";
}

/** The fields, from the first. */
export function fieldsOf(machine: Machine): Value[] {
  return (machine.fields ??= partsOf(machine, machine.line, machine.lineFs, machine.lineIsParagraph).map(
    (part) => new Input(part),
  ));
}

/** `$0` as text. */
export function wholeLine(machine: Machine): string {
  if (machine.isLineStale) {
    machine.line = fieldsOf(machine)
      .map((each) => textOf(machine, each))
      .join(textOf(machine, scalar(machine.ofs)));
    machine.lineInput = undefined;
    machine.isLineStale = false;
  }
  return machine.line;
}

/** A text's parts between what `by` says, as FS does; of a paragraph a line's end is between parts, too. */
export function partsOf(machine: Machine, text: string, by: string, isParagraph = false): string[] {
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
  return splitBy(text, regexFor(machine, isParagraph ? `(${one})|\n` : one));
}

export function field(machine: Machine, at: number): Value {
  if (at === 0) {
    wholeLine(machine);
    return (machine.lineInput ??= new Input(machine.line));
  }
  if (!(at > 0)) throw new AwkFault(`$${at} is no field`);
  return fieldsOf(machine)[Math.trunc(at) - 1];
}

export function setField(machine: Machine, given: number, value: Value): void {
  const at = Math.trunc(given);
  if (at === 0) {
    setLine(machine, textOf(machine, value));
    if (value instanceof Input) machine.lineInput = value;
    return;
  }
  if (!(at > 0) || at > fieldsMax) throw new AwkFault(`$${at} is no field`);
  const all = fieldsOf(machine);
  while (all.length < at) all.push(undefined);
  all[at - 1] = typeof value === "number" ? value : (value ?? "");
  machine.isLineStale = true;
}

/** Assigns to NF. */
export function setFieldCount(machine: Machine, given: number): void {
  const count = Math.trunc(given);
  if (!(count >= 0) || count > fieldsMax) throw new AwkFault(`NF can't be ${given}`);
  const all = fieldsOf(machine);
  all.length = Math.min(all.length, count);
  while (all.length < count) all.push(undefined);
  machine.isLineStale = true;
}

/** Assigns to a variable by its name, as `-v` and operands do. */
export function setNamed(machine: Machine, name: string, value: Value): void {
  if (name === "NF") setFieldCount(machine, numberOf(value));
  else global(machine, name).value = value;
}
