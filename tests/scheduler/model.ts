/** Graphs of requests as plain numbers, and what settling them comes to: the semantics, recursively, in a page. */
import type { Request } from "../../src/abi/request.ts";
import { emptyBlob, emptyTree } from "../../src/store/object.ts";
import { oid, type Oid } from "../../src/store/oid.ts";
import { failure, type Outcome } from "../../src/store/outcome.ts";
import { dice } from "./seeded.ts";

/** What a node does after its batches of children: gives a result made of theirs, fails, or comes to a non-answer. */
export interface Node {
  readonly batches: readonly (readonly number[])[];
  readonly ends: "result" | "failure" | "non-answer";
}
export type Graph = readonly Node[];

export const name = (node: number): Oid => oid((node + 1).toString(16).padStart(40, "0"));
export const nodeOf = (request: Oid): number => Number.parseInt(request, 16) - 1;
export const requestOf = (node: number): Request => ({
  oid: name(node),
  args: emptyTree,
  image: emptyTree,
  std: undefined,
  stdBlob: emptyBlob,
  salt: "",
  saltBlob: emptyBlob,
});

/** An outcome that shows what it was made of. */
export function combine(node: number, ends: Node["ends"], children: readonly Outcome[]): Outcome {
  const seen = children.map((each) => (each.kind === "failed" ? each.message : nodeOf(each.oid) + 1));
  if (ends === "failure") return failure("trap", `${node} after ${seen.join()}`);
  const sum = seen.reduce<number>(
    (total, each) => (total * 31 + (typeof each === "number" ? each : each.length)) % 1e9,
    node + 7,
  );
  return { kind: "blob", oid: name(sum) };
}

/** What settling a node comes to, and which requests are executed for it: the semantics, recursively. Undefined: a non-answer. */
export function model(graph: Graph, top: number): { outcome: Outcome | undefined; executed: Set<number> } {
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

/** A random graph; `mayCycle` lets edges go back up. */
export function randomGraph(seed: number, mayCycle: boolean, mayEnd: boolean): Graph {
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
