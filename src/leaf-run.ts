/**
 * The run of a leaf, a request that asks for no others, as a command's does: it is executed before the store's file has anything of it, and then its request, what it came to, and the run's record are committed together. For a short
 * command that is one commit in place of three, by the thread that has the file's pages in memory (design/hot-path.md).
 */
import type { NonAnswer } from "./abi/non-answer.ts";
import { asNonAnswer } from "./isolate-host/thrown-answer.ts";
import type { Along, Counts, LeafEnd } from "./scheduler/runner.ts";
import type { LeafRun } from "./scheduler/scheduler.ts";
import { monotonicMs } from "./store/monotonic.ts";
import type { Oid } from "./store/oid.ts";
import { StoreFailure, type Store } from "./store/store.ts";

/** Bytes that are sent along with a request: copying more takes longer than committing it. */
const alongBytesMax = 64 << 10;
/** A run that takes longer has a record from then on, by which others see it. */
const unrecordedMs = 50;

export class RunOfLeaf implements LeafRun {
  readonly #store: Store;
  readonly #request: Oid;
  readonly #startedMs = Date.now();
  readonly #since: number;
  readonly #epoch: number;
  readonly #overdue: NodeJS.Timeout;
  #number: number | undefined;
  #isOver = false;

  /** `since` is when it was asked for, by `monotonicMs`, and `epoch` was `Runner.epoch` before it was looked up. */
  constructor(store: Store, request: Oid, since: number, epoch: number) {
    this.#store = store;
    this.#request = request;
    this.#since = since;
    this.#epoch = epoch;
    this.#overdue = setTimeout(() => this.#recordNow(), unrecordedMs).unref();
  }

  /** Whether its record is complete. */
  get isOver(): boolean {
    return this.#isOver;
  }

  along(): Along | undefined {
    const objects = this.#number === undefined ? this.#store.uncommitted(alongBytesMax) : undefined;
    return objects && { objects, generation: this.#store.generation, epoch: this.#epoch };
  }

  number(): number {
    this.stopWaiting();
    return (this.#number ??= this.#store.beginRun(this.#request, this.#startedMs));
  }

  keep({ objects, memo, events }: LeafEnd, counts: Counts): NonAnswer | undefined {
    return asNonAnswer(() => {
      for (const { name, kind, body } of objects) this.#store.putChecked(name, kind, body);
      if (memo === undefined) this.#store.addTrace(this.number(), events);
      else if (this.#number === undefined) {
        this.stopWaiting();
        const ending = memo.outcome.kind === "failed" ? "failed" : "result";
        const totals = { ...counts, micros: (monotonicMs() - this.#since) * 1000, ending };
        this.#number = this.#store.addRun({ request: this.#request, startedMs: this.#startedMs, memo, events, totals });
        this.#isOver = true;
      } else {
        this.#store.remember(this.#request, memo, this.#number);
        this.#store.addTrace(this.#number, events);
        this.#store.flush();
      }
    });
  }

  /** Its record is begun no more by itself. */
  stopWaiting(): void {
    clearTimeout(this.#overdue);
  }

  /** Nobody could hear an error here; whoever asks for the number or the outcome does. */
  #recordNow(): void {
    try {
      this.number();
    } catch (error) {
      if (!(error instanceof StoreFailure)) throw error;
    }
  }
}
