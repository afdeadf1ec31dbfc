/** Scripts: the first job of a process, jobs of a line in one batch, and what the process that runs them holds, idle and with jobs that wait. What a start costs is taken of the built package, as users have it. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { openEngine, type Engine, type Oid } from "../../src/engine.ts";
import type * as ScriptChildModule from "../../src/isolate-host/script/script-child.ts";
import type * as ScriptProcessModule from "../../src/isolate-host/script/script-process.ts";
import { hashObject } from "../../src/store/object.ts";
import { encodeTree } from "../../src/store/tree.ts";
import { jobOf, MemoryFrame } from "../isolate-host/script/memory-frame.ts";
import { withFolder } from "./apart.ts";
import { firstScriptApart, type FirstScript } from "./first-script.ts";
import { mustBe, row, timedRow, type Row, type Timed } from "./row.ts";

const leafFile = fileURLToPath(new URL("./script-leaf.ts", import.meta.url));
const batchFile = fileURLToPath(new URL("./script-batch.ts", import.meta.url));

const perJob = ({ ms, jobs }: Timed) => (ms * 1000) / jobs;

export interface ScriptSizes {
  /** Jobs in a batch. */
  readonly batch: number;
  /** Jobs that wait at once in one process. */
  readonly waiting: number;
  readonly runs: number;
  /** Starts are those of the sources: for tests, which nobody built a package for. */
  readonly isFromSources: boolean;
}

/** A module of the package, by its place in src without extension. Throws where it is not built. */
function moduleOf(name: string, isFromSources: boolean): string {
  const url = new URL(isFromSources ? `../../src/${name}.ts` : `../../dist/${name}.js`, import.meta.url);
  if (!existsSync(url)) throw new Error("there is no built package to measure: `npm run build` makes it");
  return url.href;
}

export function scriptRows({ batch, waiting, runs, isFromSources }: ScriptSizes): Promise<Row[]> {
  return withFolder(async (folder) => {
    const first: FirstScript[] = [];
    const engineModule = moduleOf("engine", isFromSources);
    for (let run = 0; run < 3 * runs; run++)
      first.push(firstScriptApart(engineModule, join(folder, `first-${run}.sqlite`), leafFile));
    const one: Timed[] = [];
    const all: Timed[] = [];
    for (let run = 0; run < runs; run++) {
      for (const [samples, executors] of [
        [one, { executors: 1 }],
        [all, {}],
      ] as const) {
        const engine = openEngine({
          store: join(folder, `${run}-${samples === one ? "one" : "all"}.sqlite`),
          ...executors,
        });
        samples.push(await batchOf(engine, batch));
        await engine.close();
      }
    }
    const name = `${batch} scripts of a line in a batch`;
    mustBe(name, [...one, ...all], { oid: expectedBatch(batch), jobs: batch + 1 });

    return [
      timedRow(
        "first script job of a process, from opening the engine",
        first.map(({ whole }) => whole),
      ),
      timedRow(
        "first script job of a process, from asking",
        first.map(({ asking }) => asking),
      ),
      timedRow(`${name}, one executor, a job`, one, "µs", perJob),
      timedRow(`${name}, all executors, a job`, all, "µs", perJob),
      ...(await processRows(waiting, runs, isFromSources)),
    ];
  });
}

/** A second batch: in the first one V8 has not compiled anything yet. */
async function batchOf(engine: Engine, batch: number): Promise<Timed> {
  const leaf = await engine.addScript(leafFile);
  const worker = await engine.addScript(batchFile);
  await engine.run({ worker, args: { count: String(batch), leaf }, salt: "warm" });
  return timed(engine, worker, { count: String(batch), leaf });
}

async function timed(engine: Engine, worker: Oid, args: Readonly<Record<string, string>>): Promise<Timed> {
  const startedMs = performance.now();
  const { outcome, jobs } = await engine.run({ worker, args });
  const ms = performance.now() - startedMs;
  return { ms, jobs: jobs.executed, oid: outcome.kind === "failed" ? outcome.message : outcome.oid };
}

function expectedBatch(batch: number): Oid {
  const entries = Array.from({ length: batch }, (_, at) => ({
    name: `x${at}`,
    mode: "100644" as const,
    oid: hashObject("blob", Buffer.from(`X${at}`)),
  }));
  return hashObject("tree", encodeTree(entries));
}

/** Jobs that a process has before those that are weighed: what it loads and V8 makes room for with the first ones is no job's. */
const firstJobs = 100;

/** What the process holds as the machine sees it; where that is not to be known, there are no rows. */
async function processRows(waiting: number, runs: number, isFromSources: boolean): Promise<Row[]> {
  const loaded = (await import(
    moduleOf("isolate-host/script/script-child", isFromSources)
  )) as typeof ScriptChildModule;
  const started = (await import(
    moduleOf("isolate-host/script/script-process", isFromSources)
  )) as typeof ScriptProcessModule;
  const idle: number[] = [];
  const each: number[] = [];
  for (let run = 0; run < runs; run++) {
    const process = new started.ScriptProcess({ heapMb: 512 });
    const child = new loaded.ScriptChild(process.pipes, { onClosed: () => process.release() });
    child.awaitReady();
    const untouched = process.residentBytes();
    const frame = new MemoryFrame();
    const job = jobOf(frame, "module.exports = async (job) => job.run('a', { in: 'x' });");
    for (let at = 0; at < firstJobs; at++) child.run(job, frame);
    const before = process.residentBytes();
    for (let at = 0; at < waiting; at++) child.run(job, frame);
    const after = process.residentBytes();
    child.close();
    if (untouched === undefined || before === undefined || after === undefined) return [];
    idle.push(untouched / 1e6);
    each.push((after - before) / waiting / 1000);
  }
  return [row("idle script process", "MB", idle), row(`${waiting} scripts that wait, each`, "KB", each)];
}
