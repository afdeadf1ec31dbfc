/**
 * `npm run bench [-- --json] [-- --small]`: what a job costs. Each row is the median of several runs, with the fastest and the slowest, and beside it
 * the oid of what was computed, so that a wrong answer can't be fast. Stores are files, the trace is on, contents are distinct.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { openEngine, type Engine, type Oid, type RunResult } from "../../src/engine.ts";
import { benchFixture, syntheticTree } from "./fixtures.ts";

export interface Row {
  readonly name: string;
  /** The median. */
  readonly value: number;
  readonly unit: string;
  readonly min: number;
  readonly max: number;
  readonly runs: number;
  /** Jobs executed in one run. */
  readonly jobs: number;
  readonly oid: string;
}

interface Sample {
  readonly ms: number;
  readonly result: RunResult;
}

/** Measures everything. `small` is for tests: the same rows, few runs, few files. */
export async function bench({ small }: { readonly small: boolean }): Promise<Row[]> {
  const runs = small ? 2 : 9;
  const files = small ? 500 : 98_000;
  return [
    ...(await foldRows("bench fixture, file-count", benchFixture, "file-count", runs)),
    ...(await foldRows("bench fixture, line-count", benchFixture, "line-count", runs)),
    ...(await foldRows(
      `${files} files, line-count`,
      (engine) => syntheticTree(engine, files),
      "line-count",
      small ? 1 : 3,
    )),
  ];
}

/** One row cold (an executor that has run before, nothing remembered) and one warm, in one process. */
async function foldRows(name: string, tree: (engine: Engine) => Oid, post: string, runs: number): Promise<Row[]> {
  const folder = mkdtempSync(join(tmpdir(), "coppice-bench-"));
  const cold: Sample[] = [];
  const warm: Sample[] = [];
  try {
    for (let run = 0; run < runs; run++) {
      const engine = openEngine({ store: join(folder, `${run}.sqlite`) });
      // Starting the thread and compiling the modules is a row of its own one day; here it is out of the way.
      await engine.fold({ in: engine.putTree([]), post });
      const root = tree(engine);
      cold.push(await timed(() => engine.fold({ in: root, post })));
      warm.push(await timed(() => engine.fold({ in: root, post })));
      await engine.close();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  const jobs = (cold[0] as Sample).result.jobs.executed;
  return [
    row(`${name}: cold`, "ms", cold, (ms) => ms),
    row(`${name}: cold, a job`, "µs", cold, (ms) => (ms * 1000) / jobs),
    row(`${name}: warm`, "ms", warm, (ms) => ms),
  ];
}

async function timed(work: () => Promise<RunResult>): Promise<Sample> {
  const startedMs = performance.now();
  const result = await work();
  return { ms: performance.now() - startedMs, result };
}

function row(name: string, unit: string, samples: readonly Sample[], value: (ms: number) => number): Row {
  const values = samples.map(({ ms }) => value(ms)).toSorted((a, b) => a - b);
  const oids = new Set(
    samples.map(({ result: { outcome } }) => (outcome.kind === "failed" ? outcome.message : outcome.oid)),
  );
  if (oids.size !== 1) throw new Error(`${name}: runs came to different results: ${[...oids].join(", ")}`);
  return {
    name,
    unit,
    value: values[values.length >> 1] as number,
    min: values[0] as number,
    max: values.at(-1) as number,
    runs: samples.length,
    jobs: (samples[0] as Sample).result.jobs.executed,
    oid: [...oids][0] as string,
  };
}

function print(rows: readonly Row[]): void {
  const width = Math.max(...rows.map(({ name }) => name.length)) + 2;
  console.log(
    `${"".padEnd(width)}${"median".padStart(12)}${"min".padStart(12)}${"max".padStart(12)}      jobs  result`,
  );
  for (const { name, value, min, max, unit, jobs, oid } of rows) {
    const figure = (each: number) => `${each.toPrecision(3)} ${unit}`.padStart(12);
    console.log(
      `${name.padEnd(width)}${figure(value)}${figure(min)}${figure(max)}${String(jobs).padStart(10)}  ${oid}`,
    );
  }
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { json: { type: "boolean" }, small: { type: "boolean" } } });
  const rows = await bench({ small: values.small === true });
  if (values.json === true) console.log(JSON.stringify({ rows }));
  else print(rows);
}
