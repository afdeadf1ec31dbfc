/**
 * Random graphs of requests (shared children, circles, failing nodes, nodes that come to a non-answer) settled by the real settler, plan and scheduler, with JavaScript
 * functions as guests, and compared with a recursive model. No thread, no store; a failure names its seed.
 */
import { describe, expect, test } from "vitest";
import { NonAnswerError } from "../../src/abi/non-answer.ts";
import type { Request } from "../../src/abi/request.ts";
import type { Dispatch, Report, Runner } from "../../src/scheduler/runner.ts";
import { Scheduler } from "../../src/scheduler/scheduler.ts";
import { Settler, type FrameEnd, type Job } from "../../src/scheduler/settle.ts";
import { TraceBuffer, decodeTrace } from "../../src/scheduler/trace.ts";
import { emptyBlob, emptyTree } from "../../src/store/object.ts";
import { oid, type Oid } from "../../src/store/oid.ts";
import { failure, type Memo, type Outcome } from "../../src/store/outcome.ts";
import { dice } from "./seeded.ts";

/** What a node does after its batches of children: gives a result made of theirs, fails, or comes to a non-answer. */
interface Node {
  readonly batches: readonly (readonly number[])[];
  readonly ends: "result" | "failure" | "non-answer";
}
type Graph = readonly Node[];

const name = (node: number): Oid => oid((node + 1).toString(16).padStart(40, "0"));
const nodeOf = (request: Oid): number => Number.parseInt(request, 16) - 1;
const requestOf = (node: number): Request => ({
  oid: name(node),
  args: emptyTree,
  image: emptyTree,
  std: undefined,
  stdBlob: emptyBlob,
  salt: "",
  saltBlob: emptyBlob,
});

/** An outcome that shows what it was made of. */
function combine(node: number, ends: Node["ends"], children: readonly Outcome[]): Outcome {
  const seen = children.map((each) => (each.kind === "failed" ? each.message : nodeOf(each.oid) + 1));
  if (ends === "failure") return failure("trap", `${node} after ${seen.join()}`);
  const sum = seen.reduce<number>(
    (total, each) => (total * 31 + (typeof each === "number" ? each : each.length)) % 1e9,
    node + 7,
  );
  return { kind: "blob", oid: name(sum) };
}

/** What settling a node comes to, and which requests are executed for it: the semantics, recursively. Undefined: a non-answer. */
function model(graph: Graph, top: number): { outcome: Outcome | undefined; executed: Set<number> } {
  const outcomes = new Map<number, Outcome>();
  const executed = new Set<number>();
  const settle = (node: number, above: readonly number[]): Outcome | undefined => {
    const known = outcomes.get(node);
    if (known !== undefined) return known;
    if (above.includes(node)) return undefined;
    const { batches, ends } = graph[node] as Node;
    const children: Outcome[] = [];
    for (const batch of batches) {
      for (const child of batch) {
        const outcome = settle(child, [...above, node]);
        if (outcome === undefined) return undefined;
        children.push(outcome);
      }
    }
    if (ends === "non-answer") return undefined;
    const outcome = combine(node, ends, children);
    outcomes.set(node, outcome);
    executed.add(node);
    return outcome;
  };
  return { outcome: settle(top, []), executed };
}

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

/** A random graph; `mayCycle` lets edges go back up. */
function randomGraph(seed: number, mayCycle: boolean, mayEnd: boolean): Graph {
  const next = dice(seed);
  const size = 2 + next.below(24);
  return Array.from({ length: size }, (_, node): Node => {
    const batches = Array.from({ length: next.below(3) }, () =>
      Array.from({ length: next.below(5) }, () =>
        mayCycle && next.below(12) === 0 ? next.below(size) : node + 1 + next.below(Math.max(1, size - node - 1)),
      ).filter((child) => child < size),
    );
    const chance = next.below(10);
    return { batches, ends: chance === 0 ? "failure" : chance === 1 && mayEnd ? "non-answer" : "result" };
  });
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
