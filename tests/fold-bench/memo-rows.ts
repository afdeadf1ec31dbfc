/**
 * A store that holds many jobs already, made through the store's calls alone: memo hits given the request's oid, cold and hot, by the store and by the engine; and how jobs cost on it,
 * beside jobs on a store that holds none.
 */
import { join } from "node:path";
import { openEngine } from "../../src/engine.ts";
import { hashObject } from "../../src/store/object.ts";
import { openStore } from "../../src/store/store.ts";
import { onCopy, withFolder } from "./apart.ts";
import { syntheticJobs } from "./fixtures.ts";
import { foldedApart, foldedDirectlyApart, madeApart } from "./repository.ts";
import { jobRows, mustBe, ratioRow, timedRow, type Row, type Timed, type TimedFold } from "./row.ts";
import { fillStore, type Filled } from "./store-bench.ts";

export interface MemoSizes {
  /** Jobs that the store holds. */
  readonly held: number;
  /** Files of the fold that runs on it; 0 for none. */
  readonly files: number;
  readonly runs: number;
}

export function memoRows({ held, files, runs }: MemoSizes): Promise<Row[]> {
  return withFolder(async (folder) => {
    const full = join(folder, "full.sqlite");
    const filled = fillStore(full, held);
    const hits = await hitRows(full, filled, `memo hit among ${held}`, runs);
    return files === 0 ? hits : [...hits, ...fullRows(full, join(folder, "empty.sqlite"), { held, files, runs })];
  });
}

/** Hits that follow an oid alone: strewn over the store on a handle that was just opened, and the same ones again. */
async function hitRows(full: string, { strewn }: Filled, name: string, runs: number): Promise<Row[]> {
  // The engine's take longer each, and as many would tell no more.
  const fewer = strewn.slice(0, 2_000);
  const samples = { cold: [] as Timed[], hot: [] as Timed[], engineCold: [] as Timed[], engineHot: [] as Timed[] };
  for (let run = 0; run < runs; run++) {
    const store = openStore(full);
    for (const each of [samples.cold, samples.hot]) {
      const startedMs = performance.now();
      const outcomes = strewn.map(({ request }) => store.outcome(request));
      const ms = (performance.now() - startedMs) / strewn.length;
      each.push({ ms, jobs: 0, oid: digest(outcomes.map((outcome) => (outcome?.kind === "blob" ? outcome.oid : ""))) });
    }
    store.close();
    const engine = openEngine({ store: full });
    for (const each of [samples.engineCold, samples.engineHot]) {
      const results: string[] = [];
      let executed = 0;
      const startedMs = performance.now();
      for (const { request } of fewer) {
        const { outcome, jobs } = await engine.settle(request);
        executed += jobs.executed;
        results.push(outcome.kind === "failed" ? outcome.message : outcome.oid);
      }
      each.push({ ms: (performance.now() - startedMs) / fewer.length, jobs: executed, oid: digest(results) });
    }
    await engine.close();
  }
  const oid = digest(strewn.map(({ result }) => result));
  mustBe(name, [...samples.cold, ...samples.hot], { oid, jobs: 0 });
  const fewerOid = digest(fewer.map(({ result }) => result));
  mustBe(name, [...samples.engineCold, ...samples.engineHot], { oid: fewerOid, jobs: 0 });
  return [
    timedRow(`${name}, store, cold`, samples.cold, "µs", micros),
    timedRow(`${name}, store, hot`, samples.hot, "µs", micros),
    timedRow(`${name}, engine, cold`, samples.engineCold, "µs", micros),
    timedRow(`${name}, engine, hot`, samples.engineHot, "µs", micros),
  ];
}

function micros({ ms }: Timed): number {
  return ms * 1000;
}

/** Names all the results of many hits at once. */
function digest(results: readonly string[]): string {
  return hashObject("blob", Buffer.from(results.join("\n"), "latin1"));
}

/** The same distinct jobs by one executor on a store that holds none and on the full one, in turn. */
function fullRows(full: string, empty: string, { held, files, runs }: MemoSizes): Row[] {
  const { tree } = madeApart({ store: empty, files });
  madeApart({ store: full, files });
  const few: TimedFold[] = [];
  const many: TimedFold[] = [];
  for (let run = 0; run < runs; run++) {
    for (const [samples, made] of [
      [few, empty],
      [many, full],
    ] as const) {
      samples.push(onCopy(made, (store) => foldedApart({ store, tree, post: "line-count", executors: 1 })).cold);
    }
  }
  const direct = onCopy(empty, (store) => foldedDirectlyApart({ store, tree, leaf: "line-count" })).cold;
  const jobs = syntheticJobs(files);
  mustBe("jobs on stores empty and full", [...few, ...many], { oid: direct.oid, jobs });
  const fewName = `${jobs} jobs, one executor, empty store`;
  const manyName = `${jobs} jobs, one executor, ${held} held`;
  return [...jobRows(fewName, few), ...jobRows(manyName, many), ratioRow(`${manyName}, to empty`, many, few)];
}
