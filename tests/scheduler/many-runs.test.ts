/**
 * Many runs at once over one random graph, by the real settler, plan and scheduler: asked at random times, some given up, while executors die between dispatches and
 * are replaced by ones that know nothing of what is in flight. Whatever the order, each run that is not given up is told what the recursive model says, and
 * nobody waits for ever. A failure names its seed.
 */
import { describe, expect, test } from "vitest";
import { NonAnswerError } from "../../src/abi/non-answer.ts";
import type { Dispatch, Report, Runner } from "../../src/scheduler/runner.ts";
import { Scheduler } from "../../src/scheduler/scheduler.ts";
import { Settler, type FrameEnd, type Job } from "../../src/scheduler/settle.ts";
import { TraceBuffer } from "../../src/scheduler/trace.ts";
import type { Oid } from "../../src/store/oid.ts";
import type { Outcome } from "../../src/store/outcome.ts";
import { combine, model, name, nodeOf, randomGraph, requestOf, type Graph, type Node } from "./model.ts";
import { dice, type Dice } from "./seeded.ts";

/** One executor that answers a dispatch when the simulator says so. */
class SteppedRunner implements Runner {
  readonly slots = 1;
  readonly memos = new Map<Oid, Outcome>();
  readonly #graph: Graph;
  readonly #framesMax: number;
  #settler: Settler;
  #pending: { dispatch: Dispatch; isCancelled: boolean; resolve: (report: Report) => void } | undefined;

  constructor(graph: Graph, framesMax: number) {
    this.#graph = graph;
    this.#framesMax = framesMax;
    this.#settler = this.#freshSettler();
  }

  start(dispatch: Dispatch): Promise<Report> {
    expect(this.#pending, "one request runs at a time").toBeUndefined();
    return new Promise((resolve) => {
      this.#pending = { dispatch, isCancelled: false, resolve };
    });
  }

  cancel(request: Oid): void {
    if (this.#pending?.dispatch.request === request) this.#pending.isCancelled = true;
  }

  async close(): Promise<void> {}

  get isRunning(): boolean {
    return this.#pending !== undefined;
  }

  /** The executor's thread is replaced: what it knew of suspended frames is gone. */
  replaceExecutor(): void {
    this.#settler = this.#freshSettler();
  }

  /** The running request goes on to its report. */
  step(random: Dice): void {
    const pending = this.#pending;
    if (pending === undefined) return;
    this.#pending = undefined;
    const { dispatch, isCancelled, resolve } = pending;
    const common = { counts: { executed: 0, frames: 0, memoized: 0 }, logs: [] };
    // A request that is being stopped may still be quicker.
    if (isCancelled && random.below(2) === 0) resolve({ how: "ended", answer: { kind: "cancelled" }, ...common });
    else {
      try {
        resolve({ ...this.#settler.settle(requestOf(nodeOf(dispatch.request)), dispatch.run, false), ...common });
      } catch (error) {
        if (!(error instanceof NonAnswerError)) throw error;
        resolve({ how: "ended", answer: error.answer, ...common });
      }
    }
  }

  #freshSettler(): Settler {
    return new Settler({
      memos: {
        outcome: (request) => this.memos.get(request),
        remember: (request, { outcome }) => {
          expect(this.memos.has(request), "a request is completed once").toBe(false);
          this.memos.set(request, outcome);
        },
      },
      guests: { memoryBytes: () => 0, execute: (job) => this.#execute(job) },
      trace: new TraceBuffer(),
      isCancelled: () => false,
      framesMax: this.#framesMax,
    });
  }

  #execute(job: Job): FrameEnd {
    const node = nodeOf(job.request.oid);
    const { batches, ends } = this.#graph[node] as Node;
    const children: Outcome[] = [];
    for (const batch of batches) {
      const outcomes = this.#settler.settleNested(job, batch.map(requestOf));
      if (outcomes === undefined) return { how: "missed" };
      children.push(...outcomes);
    }
    if (ends === "non-answer") throw new NonAnswerError({ kind: "host", message: `node ${node}` });
    const outcome = combine(node, ends, children);
    return { how: "completed", memo: { outcome, detail: undefined, fuel: 0, reads: [] } };
  }
}

interface Asked {
  readonly node: number;
  readonly abort: AbortController;
  isGivenUp: boolean;
  /** What it was told: an outcome, "non-answer", "cancelled"; undefined as long as it waits. */
  told: Outcome | "non-answer" | "cancelled" | undefined;
}

const settleDown = () => new Promise<void>((resolve) => void setImmediate(resolve));

/** Asks, gives up, kills executors and steps, in an order that the seed fixes. */
async function simulate(seed: number, framesMax: number, dies: boolean): Promise<void> {
  const random = dice(seed);
  const graph = randomGraph(seed, seed % 2 === 0, seed % 3 === 0);
  const runner = new SteppedRunner(graph, framesMax);
  const scheduler = new Scheduler(runner);
  const runs: Asked[] = [];
  const ask = (node: number) => {
    const asked: Asked = { node, abort: new AbortController(), isGivenUp: false, told: undefined };
    runs.push(asked);
    scheduler.settle(name(node), { run: runs.length, signal: asked.abort.signal }).then(
      ({ outcome }) => (asked.told = outcome),
      (error: unknown) => {
        if (!(error instanceof NonAnswerError)) throw error;
        asked.told = error.answer.kind === "cancelled" ? "cancelled" : "non-answer";
      },
    );
    return asked;
  };
  const check = (asked: Asked) => {
    const label = `seed ${seed}, node ${asked.node}`;
    if (asked.isGivenUp) expect(asked.told, label).toBeDefined();
    else expect(asked.told, label).toEqual(model(graph, asked.node).outcome ?? "non-answer");
  };
  const finish = async () => {
    // Each node takes few dispatches; a bound, so that a scheduler that starts one thing for ever fails instead of hanging.
    for (let steps = 0; runner.isRunning; steps++) {
      expect(steps, `seed ${seed} goes on for ever`).toBeLessThan(10_000);
      runner.step(random);
      await settleDown();
    }
  };
  for (let turn = 0; turn < 30; turn++) {
    const verb = random.below(8);
    if (verb < 2) ask(random.below(graph.length));
    else if (verb === 2) {
      const given = runs[random.below(Math.max(1, runs.length))];
      if (given !== undefined && given.told === undefined) {
        given.isGivenUp = true;
        given.abort.abort();
      }
    } else if (verb === 3 && dies) runner.replaceExecutor();
    else runner.step(random);
    await settleDown();
  }
  await finish();
  for (const asked of runs) check(asked);
  // Nothing that ended has left anything behind on which a later run would wait.
  for (const node of graph.keys()) {
    if (runner.memos.has(name(node))) continue;
    const asked = ask(node);
    await settleDown();
    await finish();
    check(asked);
  }
  for (const [request, outcome] of runner.memos) expect(model(graph, nodeOf(request)).outcome).toEqual(outcome);
}

describe.each([1, 2, 3, 4, 6])("with %i nested frames", (framesMax) => {
  test("every run is told what the model says, and none waits for ever", async () => {
    for (let seed = 0; seed < 150; seed++) await simulate(seed, framesMax, false);
  });

  test("also when executors die between dispatches", async () => {
    for (let seed = 1000; seed < 1150; seed++) await simulate(seed, framesMax, true);
  });
});
