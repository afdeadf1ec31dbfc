/**
 * Settling a request where it is asked for, inside an executor (spec, section 2): memo, circle, in flight, execute. Nested first: a child runs as a call
 * on the same thread. What can't be answered right there becomes a *miss*; when a frame's batch has a miss, the frame unwinds
 * and its request is suspended until all that it missed is settled. A suspended frame holds nothing: it is a name and a list of names.
 *
 * One settler serves one executor, and its methods are re-entrant through `Guests.execute`.
 */
import { NonAnswerError } from "../abi/non-answer.ts";
import type { Request } from "../abi/request.ts";
import type { Oid } from "../store/oid.ts";
import type { Memo, Outcome } from "../store/outcome.ts";
import type { Miss, SuspendedFrame } from "./plan.ts";
import type { Counts } from "./runner.ts";
import type { How, TraceBuffer } from "./trace.ts";

/** Frames that may be live at once on one executor. */
export const nestedFramesMax = 64;
/** Bytes of guest memory beyond which no further frame is nested. */
export const nestedMemoryBytesMax = 1 << 30;

/** One live run of a request. */
export interface Job {
  readonly request: Request;
  readonly parent: Job | undefined;
  /** Frames below it on this executor's stack. */
  readonly depth: number;
  /** Requests asked for so far, each once, in order. */
  readonly children: Set<Oid>;
  /** Children that could not be answered; when there is one, the frame unwinds. */
  readonly misses: Miss[];
}

/** How an execution ended: with what is to be remembered; unwound by its own misses; or unwound because it can't run nested at all. */
export type FrameEnd =
  | { readonly how: "completed"; readonly memo: Omit<Memo, "children"> }
  | { readonly how: "missed" }
  | { readonly how: "needs-empty-stack" };

/** What executes guests; the isolate host, or a model in tests. */
export interface Guests {
  /** Runs the job's guest to its end. Throws NonAnswerError. */
  execute(job: Job): FrameEnd;
  /** Guest memory that live frames hold, in bytes. */
  memoryBytes(): number;
}

/** What the settler needs of the store. */
export interface Memos {
  outcome(request: Oid): Outcome | undefined;
  remember(request: Oid, memo: Memo, run: number): void;
}

export interface SettlerOptions {
  readonly memos: Memos;
  readonly guests: Guests;
  readonly trace: TraceBuffer;
  /** True once the run is to end. */
  readonly isCancelled: () => boolean;
  /** Told of each frame as it starts and ends, and of each outcome that running brought. */
  readonly watch?: FrameWatch;
  readonly framesMax?: number;
}

/** Whoever shows what is going on. */
export interface FrameWatch {
  enter(job: Job): void;
  leave(job: Job): void;
  executed(job: Job): void;
}

/** How the dispatched request ended here, if it ended at all. */
export type Settled =
  | { readonly how: "settled"; readonly outcome: Outcome }
  | { readonly how: "suspended"; readonly frames: readonly SuspendedFrame[] };

export class Settler {
  readonly #options: SettlerOptions;
  readonly #framesMax: number;
  readonly #running = new Map<Oid, Job>();
  /** Requests whose frame unwound and which the plan will dispatch again. */
  readonly #suspended = new Set<Oid>();
  #report: SuspendedFrame[] = [];
  #run = 0;
  #executed = 0;
  #frames = 0;
  #memoized = 0;

  constructor(options: SettlerOptions) {
    this.#options = options;
    this.#framesMax = options.framesMax ?? nestedFramesMax;
  }

  /** Counts since the last call. */
  takeCounts(): Counts {
    const counts = { executed: this.#executed, frames: this.#frames, memoized: this.#memoized };
    this.#executed = this.#frames = this.#memoized = 0;
    return counts;
  }

  /** Settles a dispatched request on an empty stack. With `rerun` its own memo is not looked up. Throws NonAnswerError. */
  settle(request: Request, run: number, rerun: boolean): Settled {
    this.#run = run;
    this.#report = [];
    this.#suspended.delete(request.oid);
    try {
      const outcome = (rerun ? undefined : this.#lookup(request, undefined)) ?? this.#execute(request, undefined);
      return outcome === undefined ? { how: "suspended", frames: this.#report } : { how: "settled", outcome };
    } finally {
      this.#running.clear();
    }
  }

  /**
   * The outcomes of the requests that a job asks for, in their order; undefined when one is missing and the frame must unwind.
   * The rest of the batch has run by then. Throws NonAnswerError.
   */
  settleNested(job: Job, requests: readonly Request[]): readonly Outcome[] | undefined {
    const outcomes: Outcome[] = [];
    for (const request of requests) {
      job.children.add(request.oid);
      const outcome = this.#settleChild(job, request);
      if (outcome !== undefined) outcomes.push(outcome);
    }
    return job.misses.length === 0 ? outcomes : undefined;
  }

  #settleChild(job: Job, request: Request): Outcome | undefined {
    if (this.#options.isCancelled()) throw new NonAnswerError({ kind: "cancelled" });
    const remembered = this.#lookup(request, job);
    if (remembered !== undefined) return remembered;
    if (this.#running.has(request.oid))
      throw new NonAnswerError({ kind: "cycle", requests: this.#circle(request.oid) });
    if (this.#suspended.has(request.oid)) {
      job.misses.push({ request: request.oid, join: true });
      return undefined;
    }
    const canNest = job.depth + 1 < this.#framesMax && this.#options.guests.memoryBytes() < nestedMemoryBytesMax;
    const outcome = canNest ? this.#execute(request, job) : undefined;
    if (outcome === undefined) job.misses.push({ request: request.oid, join: false });
    return outcome;
  }

  #lookup(request: Request, parent: Job | undefined): Outcome | undefined {
    const outcome = this.#options.memos.outcome(request.oid);
    if (outcome === undefined) return undefined;
    this.#memoized++;
    this.#options.trace.add(request.oid, parent?.request.oid, "hit", 0, 0);
    return outcome;
  }

  /** Runs a frame. Undefined when it unwound; it is suspended then, and in the report. */
  #execute(request: Request, parent: Job | undefined): Outcome | undefined {
    const { guests, memos, trace, watch } = this.#options;
    const depth = parent === undefined ? 0 : parent.depth + 1;
    const job: Job = { request, parent, depth, children: new Set(), misses: [] };
    const startedMs = performance.now();
    const traced = (how: How, fuel: number) =>
      trace.add(request.oid, parent?.request.oid, how, (performance.now() - startedMs) * 1000, fuel);
    this.#frames++;
    this.#running.set(request.oid, job);
    watch?.enter(job);
    let how: How = "ended";
    let fuel = 0;
    try {
      const end = guests.execute(job);
      if (end.how === "completed") {
        memos.remember(request.oid, { ...end.memo, children: [...job.children] }, this.#run);
        this.#executed++;
        watch?.executed(job);
        how = "run";
        fuel = end.memo.fuel;
        return end.memo.outcome;
      }
      if (end.how === "needs-empty-stack" && parent === undefined) {
        throw new NonAnswerError({ kind: "host", message: `request ${request.oid} overflowed the native stack` });
      }
      how = "suspended";
      this.#suspended.add(request.oid);
      this.#report.push({ request: request.oid, misses: end.how === "missed" ? job.misses : [] });
      return undefined;
    } finally {
      traced(how, fuel);
      this.#running.delete(request.oid);
      watch?.leave(job);
    }
  }

  /** From the running job of that name up the stack, in the order of asking. */
  #circle(request: Oid): readonly Oid[] {
    const names = [...this.#running.keys()];
    return names.slice(names.indexOf(request));
  }
}
