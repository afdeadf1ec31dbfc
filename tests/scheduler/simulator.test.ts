/**
 * Random graphs of requests (shared children, circles, failing nodes, nodes that come to a non-answer) settled by the real settler, plan and scheduler, with JavaScript
 * functions as guests, and compared with a recursive model. No thread, no store; a failure names its seed.
 */
import { describe, expect, test } from "vitest";
import { NonAnswerError } from "../../src/abi/non-answer.ts";
import type { Dispatch, Report, Runner } from "../../src/scheduler/runner.ts";
import { Scheduler } from "../../src/scheduler/scheduler.ts";
import { Settler, type FrameEnd, type Job } from "../../src/scheduler/settle.ts";
import { TraceBuffer, decodeTrace } from "../../src/scheduler/trace.ts";
import type { Oid } from "../../src/store/oid.ts";
import type { Memo, Outcome } from "../../src/store/outcome.ts";
import { combine, model, name, nodeOf, randomGraph, requestOf, type Graph, type Node } from "./model.ts";

/** One executor without a thread: it answers a dispatch on the next turn of the event loop. */
class ModelRunner implements Runner {
  readonly slots = 1;
  readonly memos = new Map<Oid, Outcome>();
  readonly executions = new Map<number, number>();
  readonly trace = new TraceBuffer();
  readonly #settler: Settler;

  constructor(graph: Graph, framesMax: number) {
    this.#settler = new Settler({
      memos: {
        outcome: (request) => this.memos.get(request),
        remember: (request, memo: Memo) => {
          expect(this.memos.has(request), "a request is completed once").toBe(false);
          this.memos.set(request, memo.outcome);
          this.executions.set(nodeOf(request), (this.executions.get(nodeOf(request)) ?? 0) + 1);
        },
      },
      guests: { memoryBytes: () => 0, execute: (job) => this.#execute(graph, job) },
      trace: this.trace,
      isCancelled: () => false,
      framesMax,
    });
  }

  #execute(graph: Graph, job: Job): FrameEnd {
    const node = nodeOf(job.request.oid);
    const { batches, ends } = graph[node] as Node;
    const children: Outcome[] = [];
    for (const batch of batches) {
      const outcomes = this.#settler.settleNested(job, batch.map(requestOf));
      if (outcomes === undefined) return { how: "missed" };
      children.push(...outcomes);
    }
    if (ends === "non-answer") throw new NonAnswerError({ kind: "host", message: `node ${node}` });
    return {
      how: "completed",
      memo: { outcome: combine(node, ends, children), detail: undefined, fuel: 0, reads: [] },
    };
  }

  async start({ request, run, rerun }: Dispatch): Promise<Report> {
    await Promise.resolve();
    try {
      const settled = this.#settler.settle(requestOf(nodeOf(request)), run, rerun);
      return { ...settled, counts: this.#settler.takeCounts(), logs: [] };
    } catch (error) {
      if (!(error instanceof NonAnswerError)) throw error;
      return { how: "ended", answer: error.answer, counts: this.#settler.takeCounts(), logs: [] };
    }
  }

  cancel(): void {}

  async close(): Promise<void> {}
}

async function settleTop(graph: Graph, framesMax: number) {
  const runner = new ModelRunner(graph, framesMax);
  const scheduler = new Scheduler(runner);
  const outcome = await scheduler.settle(name(0), { run: 1 }).then(
    (settled) => settled,
    (error: unknown) => {
      if (error instanceof NonAnswerError) return undefined;
      throw error;
    },
  );
  return { runner, settled: outcome };
}

const graphs = 400;
describe.each([1, 2, 3, 5, 64])("with %i nested frames", (framesMax) => {
  test("random graphs come to the model's outcomes by executing the model's requests, each once", async () => {
    for (let seed = 0; seed < graphs; seed++) {
      const graph = randomGraph(seed, false, false);
      const expected = model(graph, 0);
      const { runner, settled } = await settleTop(graph, framesMax);
      expect(settled?.outcome, `seed ${seed}`).toEqual(expected.outcome);
      expect(new Set(runner.executions.keys()), `seed ${seed}`).toEqual(expected.executed);
      expect(settled?.counts.executed, `seed ${seed}`).toBe(expected.executed.size);
    }
  });

  test("circles and non-answers end the run, whatever was nested, and nothing wrong is remembered", async () => {
    for (let seed = 0; seed < graphs; seed++) {
      const graph = randomGraph(seed, true, true);
      const expected = model(graph, 0);
      const { runner, settled } = await settleTop(graph, framesMax);
      expect(settled?.outcome, `seed ${seed}`).toEqual(expected.outcome);
      for (const [request, outcome] of runner.memos) {
        expect(model(graph, nodeOf(request)).outcome, `seed ${seed}, node ${nodeOf(request)}`).toEqual(outcome);
      }
    }
  });
});

test("the trace has a run for each executed request, under the parent that asked", async () => {
  const graph: Graph = [
    { batches: [[1, 2]], ends: "result" },
    { batches: [[2]], ends: "result" },
    { batches: [], ends: "result" },
  ];
  const { runner } = await settleTop(graph, 64);
  const events = decodeTrace(runner.trace.take()).map(({ request, parent, how }) => [
    nodeOf(request),
    parent && nodeOf(parent),
    how,
  ]);
  expect(events).toEqual([
    [2, 1, "run"],
    [1, 0, "run"],
    [2, 0, "hit"],
    [0, undefined, "run"],
  ]);
});
