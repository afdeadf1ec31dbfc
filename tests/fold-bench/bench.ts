/**
 * `npm run bench [-- --json] [-- --small] [-- --huge]`: what a job costs. Each row is the median of several runs, with the fastest and the slowest, and beside it the oid of what
 * was computed, so that a wrong answer can't be fast. Stores are files, the trace is on, contents are distinct; `direct` is the same fold as a plain function over
 * the same store, and ratios are to it. `--huge` adds a million files.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, utimesSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { openEngine } from "../../src/engine.ts";
import { benchFixture } from "./fixtures.ts";
import type { Measured, Timed } from "./repository.ts";

export interface Row {
  readonly name: string;
  /** The median. */
  readonly value: number;
  readonly unit: string;
  readonly min: number;
  readonly max: number;
  readonly runs: number;
  /** Jobs executed in one run. */
  readonly jobs?: number;
  readonly oid?: string;
  readonly ratioToDirect?: number;
}

export interface BenchOptions {
  readonly small: boolean;
  readonly huge: boolean;
}

/** Measures everything. `small` is for tests: the same rows, few runs, few files. */
export async function bench({ small, huge }: BenchOptions): Promise<Row[]> {
  const sizes = small ? [300] : [1_000, 10_000, 100_000, ...(huge ? [1_000_000] : [])];
  const rows = [
    ...(await fixtureRows("file-count", small ? 2 : 15)),
    ...(await fixtureRows("line-count", small ? 2 : 15)),
    ...(await commandRows(small ? 1 : 15)),
    ...(await importRows(small ? 300 : 100_000, small ? 1 : 5)),
  ];
  for (const files of sizes) rows.push(...repositoryRows(files, small ? 1 : files >= 1_000_000 ? 1 : 3));
  return rows;
}

/** The bench fixture in process: an executor that has run before, nothing remembered; then everything. */
async function fixtureRows(post: string, runs: number): Promise<Row[]> {
  const cold: Timed[] = [];
  const warm: Timed[] = [];
  await withFolder(async (folder) => {
    for (let run = 0; run < runs; run++) {
      const engine = openEngine({ store: join(folder, `${run}.sqlite`) });
      // Starting the thread and compiling the modules are out of the way before.
      await engine.fold({ in: engine.putTree([]), post });
      const tree = benchFixture(engine);
      for (const samples of [cold, warm]) {
        const startedMs = performance.now();
        const { outcome, jobs } = await engine.fold({ in: tree, post });
        const oid = outcome.kind === "failed" ? outcome.message : outcome.oid;
        samples.push({ ms: performance.now() - startedMs, jobs: jobs.executed, oid });
      }
      await engine.close();
    }
  });
  return [timedRow(`bench fixture, ${post}, cold`, cold), timedRow(`bench fixture, ${post}, warm`, warm)];
}

/** The command's whole process, against Node's own start. */
async function commandRows(runs: number): Promise<Row[]> {
  const samples = { warm: [] as Timed[], untold: [] as Timed[], bare: [] as Timed[] };
  await withFolder(async (folder) => {
    const store = join(folder, "store.sqlite");
    const repository = join(folder, "repository");
    await makeRepository(repository, store);
    const command = fileURLToPath(new URL("../../bin/coppice.js", import.meta.url));
    const fold = [command, "fold", repository, "--post", "file-count", "--store", store];
    started(fold);
    // In turn, so that all three see the same machine.
    for (let run = 0; run < runs; run++) {
      samples.warm.push(started(fold));
      samples.untold.push({ ...started([...fold, "--json"]), oid: "" });
      samples.bare.push(started(["-e", ""]));
    }
  });
  return [
    timedRow("command line, bench fixture, warm", samples.warm, false),
    timedRow("the same with --json", samples.untold, false),
    timedRow("node -e ''", samples.bare, false),
  ];
}

/** The bench fixture as a repository whose files git need not read to see that they are unchanged. */
async function makeRepository(folder: string, store: string): Promise<void> {
  const engine = openEngine({ store });
  await engine.checkout(benchFixture(engine), folder);
  await engine.close();
  for (const path of readdirSync(folder, { recursive: true, encoding: "utf8" })) utimesSync(join(folder, path), 1, 1);
  const person = ["-c", "user.name=A Person", "-c", "user.email=person@example.org"];
  git(folder, "", "init");
  git(folder, "", "add", "--all");
  git(folder, "", ...person, "commit", "--message=fixture");
}

/** A packed repository of small files into a new store, then again, when the tree is here. */
async function importRows(files: number, runs: number): Promise<Row[]> {
  const first: Timed[] = [];
  const again: Timed[] = [];
  await withFolder(async (folder) => {
    const repository = join(folder, "repository");
    git(folder, "", "init", "--bare", repository);
    git(repository, packedCommit(files), "fast-import");
    for (let run = 0; run < runs; run++) {
      const engine = openEngine({ store: join(folder, `${run}.sqlite`) });
      for (const samples of [first, again]) {
        const startedMs = performance.now();
        const { oid } = await engine.importTree(repository, "main");
        samples.push({ ms: performance.now() - startedMs, jobs: 0, oid });
      }
      await engine.close();
      rmSync(join(folder, `${run}.sqlite`));
    }
  });
  return [timedRow(`import of ${files} packed files`, first), timedRow("again", again)];
}

/** A commit for fast-import of files of a few lines, no two alike, fifty to a folder, a hundred folders to a folder above. */
function packedCommit(files: number): string {
  const lines = [
    "feature done",
    "commit refs/heads/main",
    "committer A Person <person@example.org> 0 +0000",
    "data 0",
    "",
  ];
  for (let file = 0; file < files; file++) {
    const content = `file ${file}\n${"a line\n".repeat(file % 7)}`;
    const path = `g${Math.floor(file / 5000)}/d${Math.floor(file / 50)}/f${file}.txt`;
    lines.push(`M 100644 inline ${path}`, `data ${content.length}`, content);
  }
  return `${lines.join("\n")}\ndone\n`;
}

function git(folder: string, input: string, ...args: readonly string[]): void {
  // Few objects would be left loose otherwise.
  const packed = ["-c", "fastimport.unpackLimit=0"];
  const { status, stderr } = spawnSync("git", [...packed, ...args], { cwd: folder, input, encoding: "utf8" });
  if (status !== 0) throw new Error(`git ${args.join(" ")}: ${stderr}`);
}

/** A process of this Node, from start to end; throws when it fails. */
function started(args: readonly string[]): Timed {
  const startedMs = performance.now();
  const ran = spawnSync(process.execPath, args, {
    encoding: "utf8",
    cwd: fileURLToPath(new URL("../..", import.meta.url)),
  });
  if (ran.status !== 0) throw new Error(`${args.join(" ")} exited with ${ran.status}: ${ran.stderr}`);
  return { ms: performance.now() - startedMs, jobs: 0, oid: ran.stdout.trim() };
}

function repositoryRows(files: number, runs: number): Row[] {
  const child = fileURLToPath(new URL("./repository.ts", import.meta.url));
  const measured = Array.from({ length: runs }, (): Measured => {
    const ran = spawnSync(process.execPath, [child, String(files)], { encoding: "utf8" });
    if (ran.status !== 0) throw new Error(`measuring ${files} files failed: ${ran.stderr}`);
    return JSON.parse(ran.stdout) as Measured;
  });
  const name = `${files} files`;
  const cold = measured.map((each) => each.cold);
  const direct = timedRow(
    `${name}, direct`,
    measured.map((each) => each.direct),
  );
  const jobs = cold[0]?.jobs ?? 0;
  if (new Set([...cold, ...measured.map((each) => each.direct)].map(({ oid }) => oid)).size !== 1) {
    throw new Error(`${name}: the engine and the plain function came to different results`);
  }
  return [
    { ...timedRow(`${name}, cold`, cold), ratioToDirect: median(cold.map(({ ms }) => ms)) / direct.value },
    row(
      `${name}, cold, a job`,
      "µs",
      cold.map(({ ms }) => (ms * 1000) / jobs),
    ),
    direct,
    timedRow(
      `${name}, warm`,
      measured.map((each) => each.warm),
    ),
    timedRow(
      `${name}, one file edited`,
      measured.map((each) => each.edited),
    ),
    row(
      `${name}, peak memory`,
      "MB",
      measured.map(({ peakBytes }) => peakBytes / 1e6),
    ),
    row(
      `${name}, store`,
      "MB",
      measured.map(({ storeBytes }) => storeBytes / 1e6),
    ),
  ];
}

function timedRow(name: string, samples: readonly Timed[], showsOid = true): Row {
  const oids = new Set(samples.map(({ oid }) => oid));
  if (oids.size !== 1) throw new Error(`${name}: runs came to different results: ${[...oids].join(", ")}`);
  const [first] = samples;
  if (first === undefined) throw new RangeError("a row needs a sample");
  const figures = row(
    name,
    "ms",
    samples.map(({ ms }) => ms),
  );
  return showsOid ? { ...figures, jobs: first.jobs, oid: first.oid } : figures;
}

function row(name: string, unit: string, values: readonly number[]): Row {
  return { name, value: median(values), unit, min: Math.min(...values), max: Math.max(...values), runs: values.length };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] as number;
}

async function withFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "coppice-bench-"));
  try {
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function print(rows: readonly Row[]): void {
  const width = Math.max(...rows.map(({ name }) => name.length)) + 1;
  console.log(
    `${"".padEnd(width)}${"median".padStart(12)}${"min".padStart(12)}${"max".padStart(12)}${"runs".padStart(6)}${"to direct".padStart(11)}${"jobs".padStart(10)}  result`,
  );
  for (const { name, value, min, max, unit, runs, ratioToDirect, jobs, oid } of rows) {
    const figure = (each: number) => `${each >= 100 ? each.toFixed(0) : each.toPrecision(3)} ${unit}`.padStart(12);
    const ratio = (ratioToDirect === undefined ? "" : ratioToDirect.toFixed(1)).padStart(11);
    console.log(
      `${name.padEnd(width)}${figure(value)}${figure(min)}${figure(max)}${String(runs).padStart(6)}${ratio}${String(jobs ?? "").padStart(10)}  ${oid ?? ""}`,
    );
  }
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: { json: { type: "boolean" }, small: { type: "boolean" }, huge: { type: "boolean" } },
  });
  const rows = await bench({ small: values.small === true, huge: values.huge === true });
  if (values.json === true) console.log(JSON.stringify({ rows }));
  else print(rows);
}
