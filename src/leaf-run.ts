/**
 * The run of a leaf, a request that asks for no others, as a command's does: it is executed before the store's file has anything of it, and then its request, what it came to, and the run's record are committed together. For a short
 * command that is one commit in place of three, by the thread that has the file's pages in memory (design/hot-path.md).
 */
import type { NonAnswer } from "./abi/non-answer.ts";
import { asNonAnswer } from "./isolate-host/thrown-answer.ts";
import type { Along, Counts, LeafEnd } from "./scheduler/runner.ts";
import type { LeafRun } from "./scheduler/scheduler.ts";
import { monotonicMs } from "./store/monotonic.ts";
import type { NamedObject } from "./store/object.ts";
import type { Oid } from "./store/oid.ts";
import type { Store } from "./store/store.ts";

/** Bytes that are sent along with a request: copying more takes longer than committing it. */
const alongBytesMax = 64 << 10;
/** A run that takes longer has a record from then on, by which others see it. */
const unrecordedMs = 50;

export class RunOfLeaf implements LeafRun {
  readonly #store: Store;
  readonly #request: Oid;
  readonly #startedMs = Date.now();
  readonly #since: number;
  /** What goes along; undefined where that is much, and committed. */
  readonly #along: Along | undefined;
  readonly #overdue: NodeJS.Timeout;
  #number: number | undefined;
  #isOver = false;
  #hasEnded = false;

  /** To be made when the request has just been put and looked up. `since` is when it was asked for, by `monotonicMs`, and `epoch` was `Runner.epoch` before it was looked up. Throws the store's errors. */
  constructor(store: Store, request: Oid, since: number, epoch: number) {
    this.#store = store;
    this.#request = request;
    this.#since = since;
    const objects = store.uncommitted(alongBytesMax);
    this.#along = objects && { objects, generation: store.generation, epoch };
    if (objects === undefined) this.#number = store.beginRun(request, this.#startedMs);
    this.#overdue = setTimeout(() => this.#recordNow(), unrecordedMs).unref();
  }

  /** Whether its record is complete. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** To be called when its record is ended, as that of one whose caller leaves; others may still wait for the request. Returns `number`, and throws as that does. */
  end(): number {
    this.#hasEnded = true;
    return this.number();
  }

  along(): Along | undefined {
    return this.#number === undefined ? this.#along : undefined;
  }

  number(): number {
    clearTimeout(this.#overdue);
    if (this.#number === undefined) this.#put(this.#along?.objects);
    return (this.#number ??= this.#store.beginRun(this.#request, this.#startedMs));
  }

  keep({ objects, memo, events }: LeafEnd, counts: Counts): NonAnswer | undefined {
    return asNonAnswer(() => {
      this.#put(this.#along?.objects);
      this.#put(objects);
      if (memo === undefined || this.#hasEnded) {
        if (memo !== undefined) this.#store.remember(this.#request, memo, this.number());
        this.#store.addTrace(this.number(), events);
        this.#store.flush();
        return;
      }
      clearTimeout(this.#overdue);
      const ending = memo.outcome.kind === "failed" ? "failed" : "result";
      const totals = { ...counts, micros: (monotonicMs() - this.#since) * 1000, ending };
      const common = { request: this.#request, startedMs: this.#startedMs, number: this.#number };
      this.#store.addRun({ ...common, memo, events, totals }, (number) => (this.#number = number));
      this.#isOver = true;
    });
  }

  /** Also what went along: an error of the store may have dropped it from the buffer since. */
  #put(objects: readonly NamedObject[] = []): void {
    for (const { name, kind, body } of objects) this.#store.putChecked(name, kind, body);
  }

  /** Nobody could hear an error here; whoever asks for the number or the outcome does. */
  #recordNow(): void {
    asNonAnswer(() => void this.number());
  }
}
