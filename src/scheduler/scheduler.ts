/**
 * The scheduler: takes the requests that callers want settled, keeps the plan, and drives the runner until each has an outcome or a non-answer.
 * Single flight: a request that is in flight already is joined. Everything that it says was committed before.
 */
import { NonAnswerError, type NonAnswer } from "../abi/non-answer.ts";
import type { Oid } from "../store/oid.ts";
import type { Outcome } from "../store/outcome.ts";
import { Plan } from "./plan.ts";
import type { Counts, LogLine, Report, Runner } from "./runner.ts";

export interface SettleOptions {
  /** Number of the run in the trace. */
  readonly run: number;
  readonly rerun?: boolean;
  readonly onLog?: ((line: LogLine) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface SettledRun {
  readonly outcome: Outcome;
  readonly counts: Counts;
}

interface Caller {
  readonly request: Oid;
  readonly options: SettleOptions;
  readonly counts: { executed: number; frames: number; memoized: number };
  readonly resolve: (run: SettledRun) => void;
  readonly reject: (error: unknown) => void;
  /** Stops hearing of the caller's signal. */
  readonly unhear: AbortController;
}

export class Scheduler {
  readonly #runner: Runner;
  readonly #plan = new Plan();
  readonly #callers = new Set<Caller>();
  readonly #running = new Set<Oid>();

  constructor(runner: Runner) {
    this.#runner = runner;
  }

  /** Settles a request that has no memo (the caller looked), or with `rerun` one that has. Rejects with NonAnswerError. */
  settle(request: Oid, options: SettleOptions): Promise<SettledRun> {
    return new Promise((resolve, reject) => {
      if (options.signal?.aborted === true) {
        reject(new NonAnswerError({ kind: "cancelled" }));
        return;
      }
      const counts = { executed: 0, frames: 0, memoized: 0 };
      const unhear = new AbortController();
      const caller: Caller = { request, options, counts, resolve, reject, unhear };
      this.#callers.add(caller);
      options.signal?.addEventListener("abort", () => this.#cancel(caller), { signal: unhear.signal });
      this.#plan.ask(request);
      this.#drive();
    });
  }

  /** The requests that wait for this one, from one that a run asked for down to it. */
  lineage(request: Oid): readonly Oid[] {
    return this.#plan.lineage(request);
  }

  /** Fills the runner's slots with what is ready. */
  #drive(): void {
    while (this.#running.size < this.#runner.slots) {
      const request = this.#plan.next();
      if (request === undefined) return;
      const caller = this.#callerOf(request);
      this.#running.add(request);
      void this.#run(request, caller);
    }
  }

  async #run(request: Oid, caller: Caller | undefined): Promise<void> {
    const { run = 0, rerun = false, onLog } = caller?.options ?? {};
    const dispatch = {
      request,
      run,
      rerun: rerun && caller?.request === request,
      logs: onLog !== undefined,
      commit: this.#plan.isAsked(request),
    };
    try {
      const report = await this.#runner.start(dispatch);
      this.#running.delete(request);
      this.#take(request, report, caller);
    } catch (error) {
      // A bug: everybody who waits is told, and nothing is started any more on their behalf.
      this.#running.delete(request);
      for (const each of this.#callers) {
        this.#plan.unask(each.request);
        this.#leave(each, () => each.reject(error));
      }
      this.#plan.stopped(request);
      return;
    }
    this.#drive();
  }

  #take(request: Oid, report: Report, caller: Caller | undefined): void {
    if (caller !== undefined) {
      for (const key of ["executed", "frames", "memoized"] as const) caller.counts[key] += report.counts[key];
      for (const line of report.logs) caller.options.onLog?.(line);
    }
    switch (report.how) {
      case "settled": {
        const { outcome } = report;
        this.#plan.settled(request);
        for (const each of this.#callers) {
          if (each.request === request) this.#leave(each, () => each.resolve({ outcome, counts: each.counts }));
        }
        return;
      }
      case "suspended":
        for (const circle of this.#plan.suspended(report.frames)) {
          // Whoever waits for one of the circle waits for all of it.
          if (circle[0] !== undefined) this.#end(circle[0], { kind: "cycle", requests: circle });
        }
        // It may have been given up while it ran.
        if (!this.#plan.isWanted(request)) this.#plan.unask(request);
        return;
      case "ended":
        // It was stopped because nobody wanted it; somebody may have asked for it since.
        if (report.answer.kind === "cancelled" && this.#plan.isWanted(request)) this.#plan.stopped(request);
        else this.#end(request, report.answer);
        return;
    }
  }

  #end(request: Oid, answer: NonAnswer): void {
    const asked = new Set(this.#plan.ended(request));
    for (const each of this.#callers) {
      if (asked.has(each.request)) this.#leave(each, () => each.reject(new NonAnswerError(answer)));
    }
  }

  #cancel(caller: Caller): void {
    if (!this.#callers.has(caller)) return;
    this.#leave(caller, () => caller.reject(new NonAnswerError({ kind: "cancelled" })));
    const isWanted = [...this.#callers].some((each) => each.request === caller.request);
    if (!isWanted) this.#plan.unask(caller.request);
    // What runs for nobody else is not worth finishing.
    for (const request of this.#running) if (!this.#plan.isWanted(request)) this.#runner.cancel(request);
  }

  #leave(caller: Caller, tell: () => void): void {
    this.#callers.delete(caller);
    caller.unhear.abort();
    tell();
  }

  /** The caller on whose behalf a request runs; when that one has left, any of those who remain. */
  #callerOf(request: Oid): Caller | undefined {
    const cause = this.#plan.causeOf(request);
    let first: Caller | undefined;
    for (const each of this.#callers) {
      if (each.request === cause) return each;
      first ??= each;
    }
    return first;
  }
}
