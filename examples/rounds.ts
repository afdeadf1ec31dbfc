/**
 * What the examples share: an engine on a store of its own, an edit of a tree that leaves its folder alone, and the names of the jobs that a run executed.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { importFault } from "../src/importing.ts";
import { openEngine, type Engine, type Oid, type RunResult } from "../src/engine.ts";

/** Workers by the name that people know them by. */
export type Workers = Readonly<Record<string, Oid>>;

/** What an example can't be shown on. */
export class Unusable extends Error {
  override readonly name = "Unusable";
}

/** Works with an engine on a fresh store, and removes the store. What is thrown becomes the process's failure, in one line; its exit status is 2 when another PATH would do. */
export async function onFreshStore(work: (engine: Engine) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "coppice-example-"));
  const engine = openEngine({ store: join(folder, "store.sqlite"), environment: process.env });
  try {
    await work(engine);
  } catch (error) {
    console.error((error as Error).message);
    process.exitCode = error instanceof Unusable || importFault(error) === "usage" ? 2 : 1;
  } finally {
    await engine.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The tree of what git tracks at a path, with files in it. Rejects with Unusable, or as `borrowTree`. */
export async function folderAt(engine: Engine, path: string): Promise<Oid> {
  const { kind, oid } = await engine.borrowTree(path);
  if (kind !== "tree") throw new Unusable(`${path} is a file, and a folder is wanted`);
  if (filesOf(engine, oid).next().done === true) throw new Unusable(`${path} has no files that git tracks`);
  return oid;
}

/** The tree with the blob at `path` changed. Throws when there is none. */
export function edited(engine: Engine, tree: Oid, path: string, change: (text: string) => string): Oid {
  const [name = "", ...below] = path.split("/");
  const entries = engine.list(tree);
  if (!entries.some((entry) => entry.name === name)) throw new Error(`there is no ${name} in ${tree}`);
  const changed = (oid: Oid) =>
    below.length > 0
      ? edited(engine, oid, below.join("/"), change)
      : engine.putBlob(Buffer.from(change(text(engine, oid))));
  return engine.putTree(entries.map((entry) => (entry.name === name ? { ...entry, oid: changed(entry.oid) } : entry)));
}

/** Paths of the files of a tree, in git's order, with their oids. */
export function* filesOf(engine: Engine, tree: Oid, above = ""): Generator<readonly [path: string, oid: Oid]> {
  for (const { name, mode, oid } of engine.list(tree)) {
    if (mode === "40000") yield* filesOf(engine, oid, `${above}${name}/`);
    else if (mode !== "160000") yield [`${above}${name}`, oid];
  }
}

/** A blob's text. */
export function text(engine: Engine, oid: Oid): string {
  return Buffer.from(engine.get(oid).body).toString("utf8");
}

/** The oid of a run's result. Throws what a failed run says. */
export function resultOf({ outcome }: RunResult): Oid {
  if (outcome.kind === "failed") throw new Error(outcome.message);
  return outcome.oid;
}

/**
 * The jobs that the engine's last run executed, sorted: the worker's name, and what it was called with: the argument `name` if there is one, else the path that its argument `in` has in `tree`. A worker that is
 * neither a standard one nor among `workers` goes by its oid.
 */
export function executedJobs(engine: Engine, { request, jobs }: RunResult, workers: Workers, tree: Oid): string[] {
  const last = engine.lastRun();
  // A run that is remembered as a whole leaves no trace.
  if (jobs.executed === 0 || last?.run.request !== request) return [];
  const standard = engine.list(engine.std).map(({ name, oid }) => [oid, name] as const);
  const names = new Map([...standard, ...Object.entries(workers).map(([name, oid]) => [oid, name] as const)]);
  const paths = pathsIn(engine, tree);
  return last.events
    .filter(({ how }) => how === "run")
    .map((event) => {
      const { image = "", args = "" } = entriesByName(engine, event.request);
      const worker = text(engine, image as Oid);
      const { name, in: given = "" } = entriesByName(engine, args as Oid);
      const subject = name === undefined ? paths.get(given) : text(engine, name);
      return [names.get(worker as Oid) ?? worker, ...(subject === undefined ? [] : [subject])].join(" ");
    })
    .toSorted();
}

/** Prints what a run cost. */
export function printRound(label: string, { jobs, ms }: Pick<RunResult, "jobs" | "ms">): void {
  console.log(
    `${label.padEnd(14)} ${String(jobs.executed).padStart(5)} jobs executed, ${String(jobs.memoized).padStart(5)} remembered, in ${ms.toFixed(1)} ms`,
  );
}

function entriesByName(engine: Engine, tree: Oid): Readonly<Record<string, Oid>> {
  return Object.fromEntries(engine.list(tree).map(({ name, oid }) => [name, oid]));
}

/** Of equal objects the first path counts. */
function pathsIn(engine: Engine, tree: Oid, above = "", paths = new Map<string, string>()): Map<string, string> {
  if (!paths.has(tree)) paths.set(tree, above === "" ? "." : above.slice(0, -1));
  for (const { name, mode, oid } of engine.list(tree)) {
    if (mode === "40000") pathsIn(engine, oid, `${above}${name}/`, paths);
    else if (!paths.has(oid)) paths.set(oid, `${above}${name}`);
  }
  return paths;
}
