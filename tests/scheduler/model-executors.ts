/**
 * Executors without threads: the real settler, claims and plans over a graph of the model's, with JavaScript functions as guests. What a seed decides: who goes on when, and in the middle of whose
 * frame (another executor's dispatch then runs there from start to end), when somebody is hungry, when an executor commits early, and when one dies.
 */
import { expect } from "vitest";
import { NonAnswerError } from "../../src/abi/non-answer.ts";
import { Claims, claimTable } from "../../src/scheduler/claims.ts";
import type { Dispatch, Report, Runner, RunnerNews } from "../../src/scheduler/runner.ts";
import { settleDispatch, type Place } from "../../src/scheduler/settle-dispatch.ts";
import { Settler, type FrameEnd, type Job, type Neighbours } from "../../src/scheduler/settle.ts";
import { TraceBuffer } from "../../src/scheduler/trace.ts";
import type { Oid } from "../../src/store/oid.ts";
import type { Outcome } from "../../src/store/outcome.ts";
import { combine, nodeOf, requestOf, type Graph, type Node } from "./model.ts";
import type { Dice } from "./seeded.ts";

export interface ModelOptions {
  readonly executors: number;
  readonly framesMax: number;
  /** Decides who goes on when. */
  readonly random: Dice;
  /** Whether executors die. */
  readonly dies: boolean;
}

interface Pending {
  readonly dispatch: Dispatch;
  readonly alone: boolean;
  isCancelled: boolean;
  readonly resolve: (report: Report) => void;
}

/** What ends an executor. */
class Killed extends Error {}

export class ModelExecutors implements Runner {
  readonly slots: number;
  news: RunnerNews | undefined;
  /** What is committed. */
  readonly memos = new Map<Oid, Outcome>();
  /** Nodes executed to an outcome that was not lost, and how often. */
  readonly executions = new Map<number, number>();
  readonly trace = new TraceBuffer();
  /** What happened that a test may want to have seen. */
  readonly seen = { offers: 0, shared: 0, kills: 0, elsewhere: 0 };
  readonly #options: ModelOptions;
  readonly #seats: Seat[];
  readonly #claims: Claims | undefined;

  constructor(graph: Graph, options: ModelOptions) {
    this.#options = options;
    this.slots = options.executors;
    const table = options.executors > 1 ? claimTable(options.executors) : undefined;
    this.#claims = table && new Claims(table, options.executors);
    this.#seats = Array.from({ length: options.executors }, (_, owner) => new Seat(this, graph, options, table, owner));
  }

  get epoch(): number {
    return this.#claims?.epoch ?? 0;
  }

  get isRunning(): boolean {
    return this.#seats.some((seat) => seat.pending !== undefined);
  }

  start(dispatch: Dispatch): Promise<Report> {
    const seat = this.#seats.find((each) => each.pending === undefined && !each.isRunning);
    if (seat === undefined) throw new Error("all executors are busy");
    return new Promise((resolve) => {
      seat.pending = { dispatch, alone: false, isCancelled: false, resolve };
    });
  }

  kept(): void {}

  cancel(dispatch: Dispatch): void {
    for (const { pending } of this.#seats) if (pending?.dispatch === dispatch) pending.isCancelled = true;
  }

  async close(): Promise<void> {}

  /** One of those that have something to do does it, and others in its midst. */
  step(): void {
    const { random } = this.#options;
    const busy = this.#seats.filter((seat) => seat.pending !== undefined && !seat.isRunning);
    const seat = busy[random.below(busy.length || 1)];
    if (seat === undefined) return;
    if (this.#claims !== undefined && random.below(3) === 0) this.#claims.hunger = 1;
    seat.run();
  }

  /** The executor of that number is gone: its claims are taken back. */
  bury(owner: number): void {
    this.seen.kills++;
    expect(this.#claims?.drop(owner) ?? true).toBe(true);
    this.news?.released();
  }

  /** Whether any executor has an outcome of the request, committed or not. */
  has(request: Oid): boolean {
    return this.memos.has(request) || this.#seats.some((seat) => seat.buffer.has(request));
  }
}

class Seat {
  pending: Pending | undefined;
  isRunning = false;
  readonly buffer = new Map<Oid, Outcome>();
  readonly #all: ModelExecutors;
  readonly #graph: Graph;
  readonly #options: ModelOptions;
  readonly #table: SharedArrayBuffer | undefined;
  readonly #owner: number;
  #claims: Claims | undefined;
  #place: Place;
  #current: Pending | undefined;

  constructor(
    all: ModelExecutors,
    graph: Graph,
    options: ModelOptions,
    table: SharedArrayBuffer | undefined,
    owner: number,
  ) {
    this.#all = all;
    this.#graph = graph;
    this.#options = options;
    this.#table = table;
    this.#owner = owner;
    this.#place = this.#freshPlace();
  }

  run(): void {
    const { pending } = this;
    if (pending === undefined) return;
    this.isRunning = true;
    this.#current = pending;
    let report: Report | undefined;
    try {
      report = this.#reportOf(pending);
    } catch (error) {
      if (!(error instanceof Killed)) throw error;
    }
    this.isRunning = false;
    if (report === undefined) {
      this.buffer.clear();
      this.#place = this.#freshPlace();
      this.#all.bury(this.#owner);
      this.pending = { ...pending, alone: true };
      return;
    }
    this.pending = undefined;
    if (report.how === "elsewhere" || report.how === "waiting") this.#all.seen.elsewhere++;
    if (pending.dispatch.isOffer && report.counts.executed > 0) this.#all.seen.shared++;
    pending.resolve(report);
  }

  #reportOf({ dispatch, alone, isCancelled }: Pending): Report {
    const { settler } = this.#place;
    // A dispatch that is being stopped may still be quicker.
    if (isCancelled && this.#options.random.below(2) === 0) {
      return { how: "ended", answer: { kind: "cancelled" }, counts: settler.takeCounts(), logs: [] };
    }
    let ending: Omit<Extract<Report, { how: "ended" }>, "counts" | "logs"> | ReturnType<typeof settleDispatch>;
    try {
      ending = settleDispatch(this.#place, dispatch, alone);
    } catch (error) {
      if (!(error instanceof NonAnswerError)) throw error;
      ending = { how: "ended", answer: error.answer };
    }
    this.#commit();
    return { ...ending, counts: settler.takeCounts(), logs: [] };
  }

  #commit(): void {
    for (const [request, outcome] of this.buffer) {
      this.#all.memos.set(request, outcome);
      const node = nodeOf(request);
      this.#all.executions.set(node, (this.#all.executions.get(node) ?? 0) + 1);
    }
    this.buffer.clear();
    if (this.#claims?.giveBackDone() === true) this.#all.news?.released();
  }

  #freshPlace(): Place {
    this.#claims = this.#table && new Claims(this.#table, this.#owner);
    const neighbours = this.#claims === undefined ? undefined : this.#neighbours(this.#claims);
    const settler = new Settler({
      memos: {
        outcome: (request) => this.buffer.get(request) ?? this.#all.memos.get(request),
        remember: (request, { outcome }) => {
          expect(this.#all.has(request), "a request is completed once").toBe(false);
          this.buffer.set(request, outcome);
        },
      },
      guests: { memoryBytes: () => 0, execute: (job) => this.#execute(job) },
      trace: this.#all.trace,
      isCancelled: () => this.#current?.isCancelled === true,
      framesMax: this.#options.framesMax,
      neighbours,
    });
    return { settler, neighbours, read: (request) => requestOf(nodeOf(request)) };
  }

  #neighbours(claims: Claims): Neighbours {
    return {
      claims,
      commit: () => this.#commit(),
      tell: () => this.#all.news?.released(),
      awaitCommit: () => this.#all.step(),
      areHungry: () => claims.hunger > 0,
      offer: (parent, requests) => {
        const [first, ...others] = requests;
        if (first === undefined || !claims.takeHunger() || this.#current === undefined) return false;
        this.#commit();
        this.#all.seen.offers++;
        this.#all.news?.offered(this.#current.dispatch, parent, [first, ...others]);
        return true;
      },
    };
  }

  #execute(job: Job): FrameEnd {
    const { random, dies } = this.#options;
    // Others go on in the midst of this frame; who dies does so before its outcome is remembered.
    if (random.below(3) === 0) this.#all.step();
    if (dies && this.#current?.alone === false && random.below(20) === 0) throw new Killed();
    const node = nodeOf(job.request.oid);
    const { batches, ends } = this.#graph[node] as Node;
    const children: Outcome[] = [];
    for (const batch of batches) {
      const outcomes = this.#place.settler.settleNested(job, batch.map(requestOf));
      if (outcomes === undefined) return { how: "missed" };
      children.push(...outcomes);
    }
    if (ends === "non-answer") throw new NonAnswerError({ kind: "host", message: `node ${node}` });
    const outcome = combine(node, ends, children);
    return { how: "completed", memo: { outcome, detail: undefined, fuel: 0, reads: [] } };
  }
}
