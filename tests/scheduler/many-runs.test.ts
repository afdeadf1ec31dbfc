/**
 * Many runs at once over one random graph, by the real settler, plans, claims and scheduler: asked at random times, some given up, on executors that take turns in each other's midst,
 * share work and die. Whatever the order, each run that is not given up is told what the recursive model says, and
 * nobody waits for ever. A failure names its seed.
 */
import { describe, expect, test } from "vitest";
import { NonAnswerError } from "../../src/abi/non-answer.ts";
import { Scheduler } from "../../src/scheduler/scheduler.ts";
import type { Outcome } from "../../src/store/outcome.ts";
import { ModelExecutors } from "./model-executors.ts";
import { model, name, nodeOf, randomGraph } from "./model.ts";
import { dice } from "./seeded.ts";

interface Asked {
  readonly node: number;
  readonly abort: AbortController;
  isGivenUp: boolean;
  /** What it was told: an outcome, "non-answer", "cancelled"; undefined as long as it waits. */
  told: Outcome | "non-answer" | "cancelled" | undefined;
}

const settleDown = () => new Promise<void>((resolve) => void setImmediate(resolve));

/** Asks, gives up, kills executors and steps, in an order that the seed fixes. */
async function simulate(seed: number, framesMax: number, executors: number, dies: boolean): Promise<ModelExecutors> {
  const random = dice(seed);
  const graph = randomGraph(seed, seed % 2 === 0, seed % 3 === 0);
  const runner = new ModelExecutors(graph, { executors, framesMax, random, dies });
  const scheduler = new Scheduler(runner, { outcome: (request) => runner.memos.get(request) });
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
      runner.step();
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
    } else runner.step();
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
  for (const [request, outcome] of runner.memos) {
    expect(model(graph, nodeOf(request)).outcome, `seed ${seed}`).toEqual(outcome);
    expect(runner.executions.get(nodeOf(request)), `seed ${seed}`).toBe(1);
  }
  return runner;
}

describe.each([1, 2, 3, 4])("with %i executors", (executors) => {
  describe.each([1, 2, 3, 4, 6])("and %i nested frames", (framesMax) => {
    test("every run is told what the model says, and none waits for ever", async () => {
      for (let seed = 0; seed < 80; seed++) await simulate(seed, framesMax, executors, false);
    });

    test("also when executors die", async () => {
      for (let seed = 1000; seed < 1080; seed++) await simulate(seed, framesMax, executors, true);
    });
  });
});

test("what the simulator is for does happen", async () => {
  const seen = { offers: 0, shared: 0, kills: 0, elsewhere: 0 };
  for (let seed = 1000; seed < 1200; seed++) {
    const runner = await simulate(seed, 4, 3, true);
    for (const key of Object.keys(seen) as (keyof typeof seen)[]) seen[key] += runner.seen[key];
  }
  for (const [key, times] of Object.entries(seen)) expect(times, key).toBeGreaterThan(20);
});
