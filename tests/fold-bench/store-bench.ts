/**
 * `node tests/fold-bench/store-bench.ts [--jobs N] [--held N] [--runs N] [--json]`: the store's share of a job, without guests. It does what a fold makes the store do
 * (fifty leaves formed, looked up, answered and remembered, then their folder), on an empty store and on one that holds `--held` jobs already, and prints
 * microseconds a job by part (medians over runs), bytes a job, lookups hot and cold, and the process's peak memory.
 */
import { copyFileSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { putRequestOf, putSurroundings, requestForm, type Surroundings } from "../../src/abi/request.ts";
import { emptyTree } from "../../src/store/object.ts";
import { oid, type Oid } from "../../src/store/oid.ts";
import { openStore, type Store } from "../../src/store/store.ts";
import { encodeTree } from "../../src/store/tree.ts";
import { row, type Row } from "./row.ts";

const leavesPerFolder = 50;
const parts = ["form", "look up", "result", "remember", "flush", "all"] as const;
type Part = (typeof parts)[number];
type Costs = Record<Part, number>;

const image = oid("11".repeat(20));

/** Stores the files that jobs will be about, distinct by `seed`, and what stands in all requests. */
function putFiles(store: Store, jobs: number, seed: string): { files: Oid[]; around: Surroundings } {
  const files: Oid[] = [];
  for (let at = 0; at < jobs; at++) {
    files.push(store.put("blob", Buffer.from(`${seed} ${at}\n${"a line\n".repeat(at % 7)}`)));
  }
  const around = putSurroundings(store, oid("22".repeat(20)), "");
  store.put("tree", Buffer.alloc(0));
  store.flush();
  return { files, around };
}

/** Plays the jobs of a fold over the files. Returns microseconds by part, flushes apart from the call in which they happen, and the requests. */
function playJobs(
  store: Store,
  files: readonly Oid[],
  around: Surroundings,
): { costs: Costs; requests: Oid[]; results: Oid[] } {
  const costs: Costs = { form: 0, "look up": 0, result: 0, remember: 0, flush: 0, all: 0 };
  const requests: Oid[] = [];
  const allResults: Oid[] = [];
  const flush = store.flush.bind(store);
  let flushed = 0;
  // Calls flush on their own, so flushing is timed from inside and taken off the part that it fell into.
  store.flush = () => {
    const start = performance.now();
    flush();
    flushed += performance.now() - start;
  };
  const timed = <T>(part: Part, work: () => T): T => {
    const before = flushed;
    const start = performance.now();
    const value = work();
    costs[part] += performance.now() - start - (flushed - before);
    return value;
  };
  const worker = requestForm(store, image, around);
  const form = (file: Oid, children: Oid) => {
    const args = store.put(
      "tree",
      encodeTree([
        { mode: "40000", name: "children", oid: children },
        { mode: "100644", name: "in", oid: file },
      ]),
    );
    return [args, putRequestOf(store, worker, args).oid] as const;
  };
  const answer = (
    formed: readonly (readonly [args: Oid, request: Oid])[],
    read: readonly Oid[],
    below: readonly Oid[],
  ) => {
    timed("look up", () => {
      for (const [, request] of formed) if (store.seenOutcome(request) !== undefined) throw new Error("known already");
    });
    const results = timed("result", () =>
      formed.map((_, at) => store.put("blob", Buffer.from(`${(at + below.length) % 97}`))),
    );
    timed("remember", () => {
      for (const [at, [args, request]] of formed.entries()) {
        const reads = [args, read[at] as Oid];
        const outcome = { kind: "blob", oid: results[at] as Oid } as const;
        store.remember(request, { outcome, detail: undefined, fuel: 1000 + at, reads, children: below }, 1);
      }
    });
    for (const [, request] of formed) requests.push(request);
    allResults.push(...results);
    return results;
  };
  const start = performance.now();
  for (let first = 0; first < files.length; first += leavesPerFolder) {
    const leaves = files.slice(first, first + leavesPerFolder);
    const formed = timed("form", () => leaves.map((file) => form(file, emptyTree)));
    const results = answer(formed, leaves, []);
    const folder = timed("form", () => {
      const entries = results.map((result, at) => ({ mode: "100644", name: `f${at}`, oid: result }) as const);
      return form(leaves[0] as Oid, store.put("tree", encodeTree(entries)));
    });
    answer(
      [folder],
      [leaves[0] as Oid],
      formed.map(([, request]) => request),
    );
  }
  store.flush();
  costs.flush = flushed;
  costs.all = performance.now() - start;
  store.flush = flush;
  for (const part of parts) costs[part] = (costs[part] * 1000) / requests.length;
  return { costs, requests, results: allResults };
}

/** A request that a store remembers, and what it came to. */
interface Remembered {
  readonly request: Oid;
  readonly result: Oid;
}

export interface Filled {
  /** Some 20,000, from all over the store; strewn, so that neighbours in the file don't follow each other. */
  readonly strewn: readonly Remembered[];
  /** As many, in the order in which they were remembered. */
  readonly neighbours: readonly Remembered[];
}

const keptMax = 20_000;

/** Fills a new store with jobs as a fold leaves them. */
export function fillStore(path: string, held: number): Filled {
  const store = openStore(path);
  const kept: Remembered[] = [];
  const neighbours: Remembered[] = [];
  const step = 100_000;
  const stride = Math.max(1, Math.floor(held / keptMax));
  for (let first = 0; first < held; first += step) {
    const { files, around } = putFiles(store, Math.min(step, held - first), `held ${first}`);
    const { requests, results } = playJobs(store, files, around);
    for (const [at, request] of requests.entries()) {
      const remembered = { request, result: results[at] as Oid };
      if (first === 0 && at < keptMax) neighbours.push(remembered);
      if (at % stride === 0) kept.push(remembered);
    }
  }
  store.close();
  return { strewn: kept.map((_, at) => kept[(at * 7919) % kept.length] as Remembered), neighbours };
}

export interface StoreBenchOptions {
  readonly jobs: number;
  /** Jobs that the larger store holds beforehand. */
  readonly held: number;
  readonly runs: number;
}

export function storeBench({ jobs, held, runs }: StoreBenchOptions): Row[] {
  const folder = mkdtempSync(join(tmpdir(), "coppice-store-bench-"));
  try {
    const full = join(folder, "full.sqlite");
    const start = performance.now();
    const filled = fillStore(full, held);
    const rows = [
      row(`filling ${held} jobs and their files`, "µs/job", [((performance.now() - start) * 1000) / held]),
      row(`store of ${held} jobs and their files`, "bytes/job", [statSync(full).size / held]),
    ];
    rows.push(...measure(folder, "empty", undefined, { jobs, held, runs }));
    rows.push(...measure(folder, `${held} held`, full, { jobs, held, runs }));
    rows.push(...lookups(full, filled, runs));
    rows.push(row("peak memory of the process", "MiB", [process.resourceUsage().maxRSS / 1024]));
    return rows;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function measure(folder: string, name: string, base: string | undefined, { jobs, runs }: StoreBenchOptions): Row[] {
  const file = join(folder, "run.sqlite");
  const all: Costs[] = [];
  const bytes: number[] = [];
  const files: number[] = [];
  for (let run = 0; run < runs; run++) {
    for (const suffix of ["", "-wal", "-shm"]) rmSync(file + suffix, { force: true });
    if (base !== undefined) copyFileSync(base, file);
    const store = openStore(file);
    const start = performance.now();
    const { files: blobs, around } = putFiles(store, jobs, `run ${run}`);
    files.push(((performance.now() - start) * 1000) / jobs);
    const before = store.stats().bytes;
    const played = playJobs(store, blobs, around);
    all.push(played.costs);
    bytes.push((store.stats().bytes - before) / played.requests.length);
    store.close();
  }
  return [
    ...parts.map((part) =>
      row(
        `${name}: ${part}`,
        "µs/job",
        all.map((costs) => costs[part]),
      ),
    ),
    row(`${name}: growth`, "bytes/job", bytes),
    row(`${name}: a file put`, "µs", files),
  ];
}

/** Lookups on a handle that has just been opened: of requests from all over the store, and of requests as a fold asks for them. */
function lookups(path: string, { strewn, neighbours }: Filled, runs: number): Row[] {
  const cold: number[] = [];
  const inOrder: number[] = [];
  const hot: number[] = [];
  const missing: number[] = [];
  for (let run = 0; run < runs; run++) {
    const store = openStore(path);
    cold.push(lookUpAll(store, strewn));
    hot.push(lookUpAll(store, strewn));
    const unknown = strewn.map(({ request }) => (request.slice(20) + request.slice(0, 20)) as Oid);
    const start = performance.now();
    for (const request of unknown) store.outcome(request);
    missing.push(((performance.now() - start) * 1000) / unknown.length);
    store.close();
    const other = openStore(path);
    inOrder.push(lookUpAll(other, neighbours));
    other.close();
  }
  return [
    row("memo hit, cold, strewn", "µs", cold),
    row("memo hit, cold, neighbours", "µs", inOrder),
    row("memo hit, hot", "µs", hot),
    row("memo miss", "µs", missing),
  ];
}

/** Microseconds a lookup. Throws when one does not come to its result. */
function lookUpAll(store: Store, asked: readonly Remembered[]): number {
  const start = performance.now();
  const outcomes = asked.map(({ request }) => store.outcome(request));
  const spent = performance.now() - start;
  for (const [at, { request, result }] of asked.entries()) {
    const outcome = outcomes[at];
    if (outcome?.kind !== "blob" || outcome.oid !== result) throw new Error(`${request} did not come to ${result}`);
  }
  return (spent * 1000) / asked.length;
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      jobs: { type: "string", default: "100000" },
      held: { type: "string", default: "1000000" },
      runs: { type: "string", default: "5" },
      json: { type: "boolean" },
    },
  });
  const rows = storeBench({ jobs: Number(values.jobs), held: Number(values.held), runs: Number(values.runs) });
  if (values.json === true) console.log(JSON.stringify({ rows }));
  else {
    for (const { name, value, min, max, unit } of rows) {
      const figures = [value, min, max].map((each) => each.toPrecision(3).padStart(9)).join(" ");
      console.log(`${name.padEnd(44)} ${figures} ${unit}`);
    }
  }
}
