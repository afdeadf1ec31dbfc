/** A run whose record the next commit begins, with what else is buffered. Until then its number is not known, and what is buffered of it has 0 in its place. */
import type { Oid } from "./oid.ts";

export class OpeningRun {
  readonly request: Oid;
  readonly startedMs: number;
  readonly #onBegun: (number: number) => void;
  #number = 0;
  /** By the transaction that was tried last, which may have been rolled back. */
  #given = 0;

  constructor(request: Oid, startedMs: number, onBegun: (number: number) => void) {
    this.request = request;
    this.startedMs = startedMs;
    this.#onBegun = onBegun;
  }

  /** 0 until its record is committed. */
  get number(): number {
    return this.#number;
  }

  /** Whether something buffered under that number is this run's. */
  has(number: number): boolean {
    return number === 0 || number === this.#given;
  }

  /** A transaction gives it a number. */
  give(number: number): void {
    this.#given = number;
  }

  /** That transaction is committed. */
  begun(): void {
    this.#number = this.#given;
    this.#onBegun(this.#number);
  }
}
