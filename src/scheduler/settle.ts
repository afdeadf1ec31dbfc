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
import { claimsMax, type Claim, type Claims } from "./claims.ts";
import type { Miss, SuspendedFrame } from "./plan.ts";
import type { Tally } from "./runner.ts";
import type { How, TraceBuffer } from "./trace.ts";

/** Frames that may be live at once on one executor. */
export const nestedFramesMax = 64;
/** Bytes of guest memory beyond which no further frame is nested. */
export const nestedMemoryBytesMax = 1 << 30;

/** Completed requests whose claims are kept before they are committed. */
const doneClaimsMax = claimsMax / 2;

/** Times that a frame looks for what neighbours have and finds nothing new, before it unwinds. */
const vainLooksMax = 4;

/** Requests that are settled one after another. */
export interface Batch {
  readonly requests: readonly Request[];
  /** The one that is settled at the moment. */
  at: number;
  /** How many of them were begun, or offered to others. */
  begun: number;
}
const noBatch: Batch = { requests: [], at: 0, begun: 0 };

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
  /** What it asks for at the moment. */
  batch: Batch;
  /** What it was asked for with; undefined when it was asked for alone. */
  readonly from: Batch | undefined;
  /** Requests asked for so far, repeated ones included. */
  asked: number;
}

/** A job that has not started yet. */
export function newJob(request: Request, parent: Job | undefined, from: Batch | undefined): Job {
  const depth = parent === undefined ? 0 : parent.depth + 1;
  return { request, parent, depth, from, children: new Set(), misses: [], batch: noBatch, asked: 0 };
}

/** How an execution ended: with what is to be remembered; unwound by its own misses; or unwound because it can't run nested at all. */
export type FrameEnd =
  | { readonly how: "completed"; readonly memo: Omit<Memo, "children"> }
  | { readonly how: "missed" }
  | { readonly how: "needs-empty-stack"; readonly why: string };

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

/** The other executors of an engine, as one of them deals with them. */
export interface Neighbours {
  readonly claims: Claims;
  /** Commits what completed here and gives its claims back. */
  commit(): void;
  /** Tells whoever waits that a claim was given back without an outcome. */
  tell(): void;
  /** Waits for a moment, at most, until claims are given back after that epoch. */
  awaitCommit(epoch: number): void;
  /** Whether somebody idle should be offered work now. */
  areHungry(): boolean;
  /** Offers requests that `parent` asked for and that will be settled here unless another executor starts them first. False when somebody else was faster to offer. */
  offer(parent: Oid, requests: readonly Oid[]): boolean;
}

export interface SettlerOptions {
  readonly memos: Memos;
  readonly guests: Guests;
  readonly trace: TraceBuffer;
  /** True once the run is to end. */
  readonly isCancelled: () => boolean;
  /** Told of each frame as it starts and ends. */
  readonly watch?: FrameWatch;
  readonly framesMax?: number;
  /** Undefined for an executor that is alone. */
  readonly neighbours?: Neighbours | undefined;
}

/** Whoever shows what is going on. */
export interface FrameWatch {
  enter(job: Job): void;
  /** With the time at which it ended, by `performance.now`: reading the clock has its cost. */
  leave(job: Job, endedMs: number): void;
}

/** How a request went that was settled on an empty stack. */
export type Settled =
  | { readonly how: "settled"; readonly outcome: Outcome }
  /** Frames unwound, innermost first. */
  | { readonly how: "suspended"; readonly frames: readonly SuspendedFrame[] }
  /** Another executor has it; the epoch is that of the claims when this was seen. */
  | { readonly how: "elsewhere"; readonly epoch: number };

export interface SettleHow {
  /** Who asked for the request, for the trace. */
  readonly parent: Oid | undefined;
  /** Number of the run in the trace. */
  readonly run: number;
  /** Don't look up the request's own memo. */
  readonly rerun: boolean;
  /** Don't look it up either: whoever asks has looked, and no executor has committed anything since. */
  readonly isNew?: boolean;
  /** Nothing is nested: each frame is alone on its stack. */
  readonly alone: boolean;
  /** Whether a request that is in flight here, suspended, is joined and not executed. */
  readonly isSuspended: (request: Oid) => boolean;
  /** What the request is settled with, if it is one of several. */
  readonly batch?: Batch | undefined;
}

export class Settler {
  readonly #options: SettlerOptions;
  readonly #framesMax: number;
  readonly #running = new Map<Oid, Job>();
  #how: SettleHow = { parent: undefined, run: 0, rerun: false, alone: false, isSuspended: () => false };
  /** Frames that unwound since the stack was empty, innermost first. */
  readonly #unwound = new Map<Oid, SuspendedFrame>();
  #executed = 0;
  #frames = 0;
  #asked = 0;

  constructor(options: SettlerOptions) {
    this.#options = options;
    this.#framesMax = options.framesMax ?? nestedFramesMax;
  }

  /** Requests executed since `takeCounts`. */
  get executed(): number {
    return this.#executed;
  }

  /** Counts since the last call. */
  takeCounts(): Tally {
    const counts = { executed: this.#executed, frames: this.#frames, asked: this.#asked };
    this.#executed = this.#frames = this.#asked = 0;
    return counts;
  }

  /** Settles a request on an empty stack. Throws NonAnswerError. */
  settle(request: Request, how: SettleHow): Settled {
    if (this.#options.isCancelled()) throw new NonAnswerError({ kind: "cancelled" });
    this.#how = how;
    this.#unwound.clear();
    try {
      const epoch = this.#epoch;
      const outcome =
        (how.rerun || how.isNew === true ? undefined : this.#lookup(request, undefined)) ??
        this.#run(request, undefined, epoch);
      if (outcome === "elsewhere") return { how: "elsewhere", epoch };
      return outcome === "unwound"
        ? { how: "suspended", frames: [...this.#unwound.values()] }
        : { how: "settled", outcome };
    } finally {
      this.#running.clear();
    }
  }

  /**
   * The outcomes of the requests that a job asks for, in their order; undefined when one is missing and the frame must unwind.
   * The rest of the batch has run by then. Throws NonAnswerError.
   */
  settleNested(job: Job, requests: readonly Request[]): readonly Outcome[] | undefined {
    const { neighbours } = this.#options;
    const outcomes: (Outcome | undefined)[] = [];
    job.asked += requests.length;
    const batch: Batch = { requests, at: 0, begun: 0 };
    job.batch = batch;
    for (const [at, request] of requests.entries()) {
      batch.at = at;
      batch.begun = Math.max(batch.begun, at + 1);
      if (neighbours?.areHungry() === true) this.#offer(neighbours);
      job.children.add(request.oid);
      outcomes.push(this.#settleChild(job, request));
    }
    if (neighbours !== undefined && job.misses.length > 0) this.#lookAgain(job, requests, outcomes, neighbours);
    return job.misses.length === 0 ? (outcomes as Outcome[]) : undefined;
  }

  /**
   * Neighbours that share a batch end with it at about the same time, and what they have is then a commit away. Unwinding would repeat all that the frame did, so it looks again for as long as each look finds something, or
   * a neighbour may be about to commit. That is bounded whatever they do: nobody waits for what somebody computes.
   */
  #lookAgain(job: Job, requests: readonly Request[], outcomes: (Outcome | undefined)[], neighbours: Neighbours): void {
    // They may need what is done here.
    neighbours.commit();
    for (
      let looks = 0;
      job.misses.length > 0 && job.misses.every(({ elsewhere }) => elsewhere !== undefined);
      looks++
    ) {
      const epoch = this.#epoch;
      const before = job.misses.length;
      job.misses.length = 0;
      for (const [at, request] of requests.entries()) {
        if (outcomes[at] !== undefined) continue;
        outcomes[at] = this.#lookup(request, job);
        if (outcomes[at] === undefined) job.misses.push({ request: request.oid, join: true, elsewhere: epoch });
      }
      if (job.misses.length === 0) return;
      if (job.misses.length < before) looks = 0;
      if (looks >= vainLooksMax) return;
      neighbours.awaitCommit(epoch);
    }
  }

  /** Those of the next so many requests in the job's batch that are not among `known`: up to the first that is of another image, remembered, running or suspended. Others may take some of them first. */
  upcoming({ from, request: { image } }: Job, countMax: number, known: readonly Oid[]): readonly Request[] {
    const upcoming: Request[] = [];
    if (from === undefined) return upcoming;
    const next = from.at + 1;
    for (const request of from.requests.slice(next, next + countMax)) {
      // Looking a name up takes longer than looking for it here.
      if (known.includes(request.oid)) continue;
      if (request.image !== image || this.#running.has(request.oid) || this.#isSuspended(request)) break;
      if (this.#options.memos.outcome(request.oid) !== undefined) break;
      upcoming.push(request);
    }
    return upcoming;
  }

  #settleChild(job: Job, request: Request): Outcome | undefined {
    if (this.#options.isCancelled()) throw new NonAnswerError({ kind: "cancelled" });
    const epoch = this.#epoch;
    const remembered = this.#lookup(request, job);
    if (remembered !== undefined) return remembered;
    if (this.#running.has(request.oid))
      throw new NonAnswerError({ kind: "cycle", requests: this.#circle(request.oid) });
    const isNesting =
      !this.#how.alone && job.depth + 1 < this.#framesMax && this.#options.guests.memoryBytes() < nestedMemoryBytesMax;
    const join = this.#isSuspended(request);
    const outcome = isNesting && !join ? this.#run(request, job, epoch) : "unwound";
    if (outcome === "elsewhere") job.misses.push({ request: request.oid, join: true, elsewhere: epoch });
    else if (outcome === "unwound") job.misses.push({ request: request.oid, join });
    else return outcome;
    return undefined;
  }

  #isSuspended({ oid }: Request): boolean {
    return this.#unwound.has(oid) || this.#how.isSuspended(oid);
  }

  #lookup(request: Request, parent: Job | undefined): Outcome | undefined {
    const outcome = this.#options.memos.outcome(request.oid);
    if (outcome === undefined) return undefined;
    this.#options.trace.addHit(request.oid, parent?.request.oid ?? this.#how.parent);
    return outcome;
  }

  get #epoch(): number {
    return this.#options.neighbours?.claims.epoch ?? 0;
  }

  /** Executes a request that had no memo at that epoch, unless another executor has it. */
  #run(request: Request, parent: Job | undefined, epoch: number): Outcome | "unwound" | "elsewhere" {
    const { neighbours } = this.#options;
    if (neighbours === undefined) return this.#execute(request, parent) ?? "unwound";
    const { claims } = neighbours;
    const claim = claims.claim(request.oid);
    if (claim === undefined) return "elsewhere";
    let isCompleted = false;
    try {
      // Who had it may have committed and given it back between the look and the claim.
      const committed =
        claims.epoch === epoch || (this.#how.rerun && parent === undefined) ? undefined : this.#lookup(request, parent);
      if (committed !== undefined) return committed;
      const outcome = this.#execute(request, parent);
      isCompleted = outcome !== undefined;
      return outcome ?? "unwound";
    } finally {
      if (isCompleted) this.#completed(neighbours, claim);
      else if (claims.giveBack(claim)) neighbours.tell();
    }
  }

  #completed(neighbours: Neighbours, claim: Claim): void {
    const { claims } = neighbours;
    const isWanted = claims.complete(claim);
    if (isWanted || claims.takeWanted() || claims.doneCount >= doneClaimsMax) neighbours.commit();
  }

  /** Offers what the outermost frame that has anything left has left: the largest pieces. */
  #offer(neighbours: Neighbours): void {
    for (const { request, batch } of this.#running.values()) {
      const rest = batch.requests.slice(batch.begun);
      if (rest.length === 0) continue;
      const names = rest.map(({ oid }) => oid);
      if (neighbours.offer(request.oid, names)) batch.begun = batch.requests.length;
      return;
    }
  }

  /** Runs a frame. Undefined when it unwound; it is suspended then, and in the report. */
  #execute(request: Request, parent: Job | undefined): Outcome | undefined {
    const { guests, memos, trace, watch } = this.#options;
    const job = newJob(request, parent, parent === undefined ? this.#how.batch : parent.batch);
    const startedMs = performance.now();
    this.#frames++;
    this.#running.set(request.oid, job);
    watch?.enter(job);
    let how: How = "ended";
    let fuel = 0;
    try {
      const end = guests.execute(job);
      if (end.how === "completed") {
        memos.remember(request.oid, { ...end.memo, children: [...job.children] }, this.#how.run);
        this.#executed++;
        this.#asked += job.asked;
        how = "run";
        fuel = end.memo.fuel;
        return end.memo.outcome;
      }
      if (end.how === "needs-empty-stack" && parent === undefined) {
        throw new NonAnswerError({ kind: "host", message: end.why });
      }
      how = "suspended";
      this.#unwound.set(request.oid, { request: request.oid, misses: end.how === "missed" ? job.misses : [] });
      return undefined;
    } finally {
      const endedMs = performance.now();
      trace.add(request.oid, parent?.request.oid ?? this.#how.parent, how, startedMs, endedMs, fuel);
      this.#running.delete(request.oid);
      watch?.leave(job, endedMs);
    }
  }

  /** From the running job of that name up the stack, in the order of asking. */
  #circle(request: Oid): readonly Oid[] {
    const names = [...this.#running.keys()];
    return names.slice(names.indexOf(request));
  }
}
