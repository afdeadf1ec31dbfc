/**
 * A run that begins. Its request is sent to an executor as it is, before anything of it is committed, so that one commit does for what took three, by a thread that has the file's pages in memory (design/hot-path.md).
 *
 * The request of a *leaf* asks for no others, as a command's does: what it came to is sent back, and is committed here with its request and the run's record, begun and ended. Of any other the executor begins the record with what it commits first.
 */
import type { NonAnswer } from "./abi/non-answer.ts";
import { asNonAnswer } from "./isolate-host/thrown-answer.ts";
import type { Along, Counts, LeafEnd } from "./scheduler/runner.ts";
import type { NewRun } from "./scheduler/scheduler.ts";
import { monotonicMs } from "./store/monotonic.ts";
import type { Oid } from "./store/oid.ts";
import { StoreFailure, type RunTotals, type Store } from "./store/store.ts";

/** Bytes that are sent along with a request: copying more takes longer than committing it. */
const alongBytesMax = 64 << 10;
/** A leaf that takes longer has a record from then on, by which others see it. */
const unrecordedMs = 50;

export interface Beginning {
  readonly isLeaf: boolean;
  /** When it was asked for, by `monotonicMs`. */
  readonly since: number;
  /** `Runner.epoch` before it was looked up. */
  readonly epoch: number;
  /** Told when the store has an end of its record that is to be committed. */
  readonly onEnd: () => void;
}

export class BeginningRun implements NewRun {
  readonly #store: Store;
  readonly #request: Oid;
  readonly #beginning: Beginning;
  readonly #startedMs = Date.now();
  readonly #overdue: NodeJS.Timeout | undefined;
  #number: number | undefined;
  /** Whether an executor may be about to begin its record. */
  #isSent = false;
  /** How it ended, while that is so. */
  #totals: RunTotals | undefined;
  #isRecorded = false;

  constructor(store: Store, request: Oid, beginning: Beginning) {
    const { isLeaf } = beginning;
    this.#store = store;
    this.#request = request;
    this.#beginning = beginning;
    this.#overdue = isLeaf ? setTimeout(() => this.#recordNow(), unrecordedMs).unref() : undefined;
  }

  along(): Along | undefined {
    const objects = this.#number === undefined ? this.#store.uncommitted(alongBytesMax) : undefined;
    if (objects === undefined) return undefined;
    const { isLeaf, epoch } = this.#beginning;
    this.#isSent = !isLeaf;
    return { objects, generation: this.#store.generation, epoch, startedMs: isLeaf ? undefined : this.#startedMs };
  }

  number(): number {
    clearTimeout(this.#overdue);
    return (this.#number ??= this.#store.beginRun(this.#request, this.#startedMs));
  }

  begun(number: number): void {
    this.#number ??= number;
    this.landed();
  }

  landed(): void {
    this.#isSent = false;
    if (this.#totals !== undefined) this.end(this.#totals);
  }

  /** Closes its record, once there is one. */
  end(totals: RunTotals): void {
    // A record of its own would stand beside the executor's.
    this.#totals = this.#isSent ? totals : undefined;
    if (this.#isSent || this.#isRecorded) return;
    this.#store.endRun(this.number(), totals);
    this.#isRecorded = true;
    this.#beginning.onEnd();
  }

  keep({ objects, memo, events }: LeafEnd, counts: Counts): NonAnswer | undefined {
    return asNonAnswer(() => {
      for (const { name, kind, body } of objects) this.#store.putChecked(name, kind, body);
      if (memo === undefined) this.#store.addTrace(this.number(), events);
      else if (this.#number === undefined) {
        clearTimeout(this.#overdue);
        const ending = memo.outcome.kind === "failed" ? "failed" : "result";
        const totals = { ...counts, micros: (monotonicMs() - this.#beginning.since) * 1000, ending };
        this.#number = this.#store.addRun({ request: this.#request, startedMs: this.#startedMs, memo, events, totals });
        this.#isRecorded = true;
      } else {
        this.#store.remember(this.#request, memo, this.#number);
        this.#store.addTrace(this.#number, events);
        this.#store.flush();
      }
    });
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
