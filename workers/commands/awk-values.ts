/** awk's values: numbers, texts, and texts that came from outside, which are numbers where they look like ones; the variables that hold them, and tables of them. */
import { AwkFault } from "./awk-words.ts";

/** Text that came from outside: it is a number where it looks like one. */
export class Input {
  readonly text: string;
  #number: number | undefined;
  constructor(text: string) {
    this.text = text;
  }
  /** The number that it looks like, NaN when it looks like none. */
  get number(): number {
    return (this.#number ??=
      /^[ \t\n\r\f\v]*[-+]?(?:\d+(?:\.\d*)?(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?|(?<=[-+])(?:inf|nan))[ \t\n\r\f\v]*$/i.test(
        this.text,
      )
        ? numberIn(this.text)
        : Number.NaN);
  }
}

/** Undefined is what nothing was assigned to. */
export type Value = number | string | Input | undefined;
export type Table = Map<string, Value>;

/** A variable. What it holds is known when it is first used: a value or a table. */
export interface Cell {
  value: Value | Table | Loan;
}

/** A variable of a caller's that nothing is known of: it becomes a table when a function uses its parameter as one. */
export class Loan {
  readonly of: Cell;
  constructor(of: Cell) {
    this.of = of;
  }
}

/** The number with which a text begins, 0 where it begins with none. */
export function numberIn(text: string): number {
  const [found] =
    /^[ \t\n\r\f\v]*[-+]?(?:\d+(?:\.\d*)?(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?|(?<=[-+])(?:inf|nan)(?![a-z]))/i.exec(
      text,
    ) ?? [];
  if (found === undefined) return 0;
  if (/[in]/i.test(found)) return /n$/i.test(found) ? Number.NaN : found.trim().startsWith("-") ? -Infinity : Infinity;
  return Number(found);
}

export function numberOf(value: Value): number {
  if (typeof value === "number") return value;
  if (value === undefined) return 0;
  if (typeof value === "string") return numberIn(value);
  const { number } = value;
  return Number.isNaN(number) ? numberIn(value.text) : number;
}

export function isTrue(value: Value): boolean {
  if (typeof value === "number") return value !== 0;
  if (typeof value === "string") return value !== "";
  if (value === undefined) return false;
  const { number } = value;
  return Number.isNaN(number) ? value.text !== "" : number !== 0;
}

/** Whether it is compared as a number. */
export function isNumeric(value: Value): boolean {
  return typeof value === "number" || value === undefined || (value instanceof Input && !Number.isNaN(value.number));
}

/** What a variable holds. Throws AwkFault for a table. */
export function scalar({ value }: Cell): Value {
  if (value instanceof Map) throw new AwkFault("a table is used as a value");
  return value instanceof Loan ? undefined : value;
}

/** The table that a variable holds, or now does. Throws AwkFault for a value. */
export function tableOf(cell: Cell): Table {
  const { value } = cell;
  if (value instanceof Map) return value;
  if (value instanceof Loan) return (cell.value = tableOf(value.of));
  if (value !== undefined) throw new AwkFault("a value is used as a table");
  return (cell.value = new Map());
}

/** Throws AwkFault where the variable holds a table. */
export function assignTo(cell: Cell, given: Value): void {
  if (cell.value instanceof Map) throw new AwkFault("a table is assigned to");
  cell.value = given;
}
