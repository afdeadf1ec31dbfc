/** What executes requests, wired: loaded when a run first finds no memo, since most of a warm command's time would be loading it. */
import pLimit from "p-limit";
import { NonAnswerError } from "./abi/non-answer.ts";
import type { Oid } from "./store/oid.ts";
import { ExecutorPool, type ExecutorPoolOptions } from "./isolate-host/executor-pool.ts";
import { Scheduler, type CommittedMemos, type SettleOptions, type SettledRun } from "./scheduler/scheduler.ts";

/** Runs that execute at a time; further ones wait their turn, first come first served, since the plan serves the newest first. */
const concurrentRunsMax = 16;

export class Executing {
  readonly #pool: ExecutorPool;
  readonly #scheduler: Scheduler;
  readonly #admit = pLimit(concurrentRunsMax);

  constructor(options: ExecutorPoolOptions, memos: CommittedMemos) {
    this.#pool = new ExecutorPool(options);
    this.#scheduler = new Scheduler(this.#pool, memos);
  }

  /** Says that the next request is a script's. */
  expectScript(): void {
    this.#pool.expectScript();
  }

  /** As `Runner.epoch`. */
  get epoch(): number {
    return this.#pool.epoch;
  }

  /** Settles a request that has no memo, as `Scheduler.settle` does, once its turn has come. Who leaves before that is told at once. */
  settle(request: Oid, options: SettleOptions): Promise<SettledRun> {
    const { signal } = options;
    return new Promise((resolve, reject) => {
      const leave = () => reject(new NonAnswerError({ kind: "cancelled" }));
      if (signal?.aborted === true) leave();
      signal?.addEventListener("abort", leave);
      const turn = this.#admit(() => {
        signal?.removeEventListener("abort", leave);
        return this.#scheduler.settle(request, options);
      });
      turn.then(resolve, reject);
    });
  }

  /** Cancels what runs and ends all executors. */
  close(): Promise<void> {
    return this.#pool.close();
  }
}
