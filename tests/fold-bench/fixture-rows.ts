/** The bench fixture in process: executors that have run before, nothing remembered; then everything. */
import { join } from "node:path";
import { openEngine } from "../../src/engine.ts";
import { openStore } from "../../src/store/store.ts";
import { encodeTree } from "../../src/store/tree.ts";
import vectors from "../vectors.json" with { type: "json" };
import { withFolder } from "./apart.ts";
import { foldDirectly, leaves } from "./direct.ts";
import { benchFixture } from "./fixtures.ts";
import { mustBe, timedRow, type Row, type Timed } from "./row.ts";
import { warmUp } from "./warm-up.ts";

/** Each of the fixture's 120 files has one line, so both visitors come to the same. */
const { result } = vectors.fixtures.bench;
const fixtureJobs = 200;
/** Folds after which V8 has compiled what they run, and warm folds that are timed together. */
const warmUpFolds = 40;
const warmFolds = 50;

export async function fixtureRows(post: "file-count" | "line-count", runs: number): Promise<Row[]> {
  const cold: Timed[] = [];
  const warm: Timed[] = [];
  const direct: Timed[] = [];
  await withFolder(async (folder) => {
    for (let run = 0; run < runs; run++) {
      const engine = openEngine({ store: join(folder, `${run}.sqlite`) });
      await warmUp(engine, post);
      const tree = benchFixture(engine);
      for (const samples of [cold, warm]) {
        const startedMs = performance.now();
        const { outcome, jobs } = await engine.fold({ in: tree, post });
        const oid = outcome.kind === "failed" ? outcome.message : outcome.oid;
        samples.push({ ms: performance.now() - startedMs, jobs: jobs.executed, oid });
      }
      await engine.close();
      direct.push(foldedDirectly(join(folder, `${run}-direct.sqlite`), post));
    }
  });
  const name = `bench fixture, ${post}`;
  mustBe(name, cold, { oid: result, jobs: fixtureJobs });
  mustBe(name, [...warm, ...direct], { oid: result, jobs: 0 });
  const limit = timedRow(`${name}, direct`, direct);
  const row = timedRow(`${name}, cold`, cold);
  return [{ ...row, ratioToDirect: row.value / limit.value }, timedRow(`${name}, warm`, warm), limit];
}

/** The same in a process that has done it for a while: what a program pays that keeps its engine open. Each cold fold has a salt of its own. */
export async function steadyFixtureRows(post: "file-count" | "line-count", runs: number): Promise<Row[]> {
  const cold: Timed[] = [];
  const warm: Timed[] = [];
  await withFolder(async (folder) => {
    const engine = openEngine({ store: join(folder, "steady.sqlite") });
    const tree = benchFixture(engine);
    for (let run = -warmUpFolds; run < runs; run++) {
      const fold = async (samples: Timed[], times: number) => {
        const startedMs = performance.now();
        let executed = 0;
        let oid = "";
        for (let time = 0; time < times; time++) {
          const { outcome, jobs } = await engine.fold({ in: tree, post, salt: `${run}` });
          executed += jobs.executed;
          oid = outcome.kind === "failed" ? outcome.message : outcome.oid;
        }
        if (run >= 0) samples.push({ ms: (performance.now() - startedMs) / times, jobs: executed, oid });
      };
      await fold(cold, 1);
      await fold(warm, warmFolds);
    }
    await engine.close();
  });
  const name = `bench fixture, ${post}, steady`;
  mustBe(name, cold, { oid: result, jobs: fixtureJobs });
  mustBe(name, warm, { oid: result, jobs: 0 });
  return [timedRow(`${name}, cold`, cold), timedRow(`${name}, warm`, warm)];
}

function foldedDirectly(path: string, post: "file-count" | "line-count"): Timed {
  const store = openStore(path);
  const tree = benchFixture({
    putBlob: (bytes) => store.put("blob", bytes),
    putTree: (entries) => store.put("tree", encodeTree(entries)),
  });
  store.flush();
  const startedMs = performance.now();
  const oid = foldDirectly(store, tree, leaves[post]);
  store.flush();
  const ms = performance.now() - startedMs;
  store.close();
  return { ms, jobs: 0, oid };
}
