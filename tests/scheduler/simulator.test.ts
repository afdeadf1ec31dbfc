/**
 * Random graphs of requests (shared children, circles, failing nodes, nodes that come to a non-answer) settled by the real settler, plan and scheduler, with JavaScript
 * functions as guests, and compared with a recursive model. No thread, no store; a failure names its seed.
 */
import { describe, expect, test } from "vitest";
import { NonAnswerError } from "../../src/abi/non-answer.ts";
import { Scheduler } from "../../src/scheduler/scheduler.ts";
import { decodeTrace } from "../../src/scheduler/trace.ts";
import { ModelExecutors } from "./model-executors.ts";
import { model, name, nodeOf, randomGraph, type Graph } from "./model.ts";
import { dice } from "./seeded.ts";

async function settleTop(graph: Graph, framesMax: number, executors: number, seed: number) {
  const runner = new ModelExecutors(graph, { executors, framesMax, random: dice(seed), dies: false });
  const scheduler = new Scheduler(runner, { outcome: (request) => runner.memos.get(request) });
  const run = scheduler.settle(name(0), { run: 1 }).catch((error: unknown) => {
    if (!(error instanceof NonAnswerError)) throw error;
    return undefined;
  });
  for (let steps = 0; runner.isRunning; steps++) {
    expect(steps, `seed ${seed} goes on for ever`).toBeLessThan(10_000);
    runner.step();
    await new Promise<void>((resolve) => void setImmediate(resolve));
  }
  return { runner, settled: await run };
}

const graphs = 400;
describe.each([
  [1, 1],
  [2, 1],
  [3, 1],
  [5, 1],
  [64, 1],
  [1, 2],
  [3, 2],
  [64, 2],
  [64, 4],
])("with %i nested frames on %i executors", (framesMax, executors) => {
  test("random graphs come to the model's outcomes by executing the model's requests, each once", async () => {
    for (let seed = 0; seed < graphs; seed++) {
      const graph = randomGraph(seed, false, false);
      const expected = model(graph, 0);
      const { runner, settled } = await settleTop(graph, framesMax, executors, seed);
      expect(settled?.outcome, `seed ${seed}`).toEqual(expected.outcome);
      expect(new Set(runner.executions.keys()), `seed ${seed}`).toEqual(expected.executed);
      expect(settled?.counts.executed, `seed ${seed}`).toBe(expected.executed.size);
    }
  });

  test("circles and non-answers end the run, whatever was nested, and nothing wrong is remembered", async () => {
    for (let seed = 0; seed < graphs; seed++) {
      const graph = randomGraph(seed, true, true);
      const expected = model(graph, 0);
      const { runner, settled } = await settleTop(graph, framesMax, executors, seed);
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
  const { runner } = await settleTop(graph, 64, 1, 0);
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
