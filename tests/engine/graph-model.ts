/** Random graphs of requests, and the semantics of settling them, recursively, in a page: the oracle that engines are compared with. */
import { failureTexts } from "../../src/abi/error-texts.ts";
import type { NonAnswer } from "../../src/abi/non-answer.ts";
import { hashObject } from "../../src/store/object.ts";
import { oidFromBytes, type Oid } from "../../src/store/oid.ts";
import { failure, type Outcome } from "../../src/store/outcome.ts";
import { encodeRequest } from "../../src/store/request-tree.ts";
import { encodeTree } from "../../src/store/tree.ts";
import { absentOf, encodeGraph, encodeNode, u32, type Ending, type Graph, type GraphNode } from "../guests/graph.ts";
import type { Dice } from "../scheduler/seeded.ts";

/** What may be in a random graph. */
export interface GraphKind {
  readonly cycles: boolean;
  readonly missing: boolean;
  readonly hang: boolean;
  /** Turns of the heaviest nodes' loops. */
  readonly turnsMax: number;
}

const shapes = ["bushy", "bushy", "wide", "chain"] as const;

/** A random graph whose top is node 0. Without cycles, children have higher numbers. */
export function randomGraph(random: Dice, { cycles, missing, hang, turnsMax }: GraphKind): Graph {
  const shape = shapes[random.below(shapes.length)] as (typeof shapes)[number];
  const size = 2 + random.below({ bushy: 40, wide: 120, chain: 140 }[shape]);
  const turns = () =>
    random.below(3) === 0 ? random.below(2 ** random.below(1 + Math.floor(Math.log2(turnsMax)))) : 0;
  const below = (node: number) => node + 1 + random.below(Math.max(1, size - node - 1));
  const child = (node: number) => (cycles && random.below(3 * size) === 0 ? random.below(size) : below(node));
  const batch = (node: number) => {
    const length = shape === "wide" && node === 0 ? 64 : random.below(shape === "chain" ? 3 : 5);
    const all = Array.from({ length }, () => child(node));
    if (shape === "chain" && random.below(8) > 0) all.splice(random.below(all.length + 1), 0, node + 1);
    return all.filter((each) => each < size);
  };
  const hangs = hang ? 1 + random.below(size - 1) : -1;
  const ending = (node: number): Ending => {
    if (node === hangs) return "hang";
    const chance = random.below(30);
    if (chance < 2) return "failure";
    if (chance === 2) return "silence";
    return missing && random.below(size) === 0 ? "missing" : "result";
  };
  return Array.from({ length: size }, (_, node): GraphNode => {
    const batches = Array.from({ length: node === 0 ? 1 + random.below(2) : random.below(3) }, () => batch(node));
    if (shape === "chain" && batches.length === 0 && node + 1 < size) batches.push([node + 1]);
    return { turns: [turns(), turns()], batches, ends: ending(node) };
  });
}

/** What every node of a graph comes to; undefined when that is no answer. */
export function outcomesOf(graph: Graph): readonly (Outcome | undefined)[] {
  const known = new Map<number, Outcome | undefined>();
  const settle = (node: number): Outcome | undefined => {
    if (known.has(node)) return known.get(node);
    // Until it is known, whoever asks for it closes a circle.
    known.set(node, undefined);
    const { batches, ends } = graph[node] as GraphNode;
    const seen: Buffer[] = [u32(node)];
    for (const batch of batches) {
      const outcomes = batch.map(settle);
      if (!outcomes.every((each) => each !== undefined)) return undefined;
      seen.push(answered(outcomes));
    }
    const outcome = ended(ends, Buffer.concat(seen));
    known.set(node, outcome);
    return outcome;
  };
  return graph.map((_, node) => settle(node));
}

function ended(ends: Ending, seen: Buffer): Outcome | undefined {
  const oid = hashObject("blob", seen);
  if (ends === "result") return { kind: "blob", oid };
  if (ends === "failure") return failure("trap", `it saw ${oid}`);
  return ends === "silence" ? failure("abi", failureTexts.noResult) : undefined;
}

/** What `run_many` answers, and the messages behind it. */
function answered(outcomes: readonly Outcome[]): Buffer {
  const messages = outcomes.map((each) => Buffer.from(each.kind === "failed" ? each.message : ""));
  const answers = outcomes.map((each, at) => {
    if (each.kind !== "failed") return Buffer.concat([u32(each.kind === "blob" ? 0 : 1), Buffer.from(each.oid, "hex")]);
    const place = Buffer.concat(messages.slice(0, at)).length;
    return u32(2, place, (messages[at] as Buffer).length, 0, 0, 0);
  });
  return Buffer.concat([...answers, ...messages]);
}

export interface Reach {
  /** The nodes that settling one can start, and what each of them can ask for. */
  readonly asked: ReadonlyMap<number, ReadonlySet<number>>;
  /** Those of them that get to their own end. */
  readonly ending: ReadonlySet<number>;
}

export function reachOf({ graph, outcomes }: Pick<Expected, "graph" | "outcomes">, top: number): Reach {
  const asked = new Map<number, Set<number>>([[top, new Set()]]);
  const ending = new Set<number>();
  for (const [node, children] of asked) {
    const isSettled = (graph[node] as GraphNode).batches.every((batch) => {
      for (const child of batch) {
        children.add(child);
        if (!asked.has(child)) asked.set(child, new Set());
      }
      return batch.every((child) => outcomes[child] !== undefined);
    });
    if (isSettled) ending.add(node);
  }
  return { asked, ending };
}

function blob(content: string | Buffer): Oid {
  return hashObject("blob", Buffer.from(content));
}

/** A graph, the requests of its nodes, and what they come to. */
export interface Expected {
  readonly graph: Graph;
  readonly bytes: Buffer;
  readonly requests: readonly Oid[];
  readonly outcomes: readonly (Outcome | undefined)[];
}

/** `workers` are the oids of the runtime nodes of even and of odd nodes, `std` the library in which they are called `graph0` and `graph1`. */
export function expectedOf(graph: Graph, workers: readonly [Oid, Oid], std: Oid): Expected {
  const bytes = encodeGraph(graph);
  const requests = graph.map((_, node) => {
    const args = encodeTree([
      { mode: "100644", name: "graph", oid: blob(bytes) },
      { mode: "100644", name: "node", oid: blob(encodeNode(node)) },
    ]);
    return hashObject(
      "tree",
      encodeRequest(hashObject("tree", args), blob(workers[(node % 2) as 0 | 1]), blob(""), blob(std)),
    );
  });
  return { graph, bytes, requests, outcomes: outcomesOf(graph) };
}

/** What is wrong with a non-answer to a node that has no outcome; undefined when the graph explains it. Host answers are for whoever disturbed the engine. */
export function nonAnswerFault(expected: Expected, top: number, answer: NonAnswer): string | undefined {
  const { graph, requests } = expected;
  const { asked, ending } = reachOf(expected, top);
  switch (answer.kind) {
    case "missing": {
      const isExplained = [...ending].some(
        (node) => graph[node]?.ends === "missing" && oidFromBytes(absentOf(node)) === answer.oid,
      );
      return isExplained ? undefined : `${answer.oid} is missing, which nothing below asks for`;
    }
    case "cycle": {
      const circle = answer.requests.map((each) => requests.indexOf(each));
      const isCircle = circle.every((node, at) => {
        const next = circle[(at + 1) % circle.length] as number;
        return asked.get(node)?.has(next) === true;
      });
      const isSimple = circle.length > 0 && new Set(circle).size === circle.length;
      return isCircle && isSimple ? undefined : `${circle.join(" > ")} is no circle below`;
    }
    case "host": {
      const hanging = [...ending].filter((node) => graph[node]?.ends === "hang");
      const isExplained = hanging.some((node) =>
        answer.message.includes(`(request ${requests[node]}) ran for more than`),
      );
      return isExplained ? undefined : answer.message;
    }
    case "cancelled":
    case "quarantine":
      return `it came to ${JSON.stringify(answer)}`;
  }
}
