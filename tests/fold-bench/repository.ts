/**
 * What is measured of a repository, each task in a process of its own: called with one task as JSON, prints what it came to as JSON. Making the repository is a task apart,
 * so that peak memory is the fold's.
 */
import { readFileSync } from "node:fs";
import { openEngine, type Oid, type RunResult, type TreeEntry } from "../../src/engine.ts";
import { openStore } from "../../src/store/store.ts";
import { decodeTree, encodeTree } from "../../src/store/tree.ts";
import { measuredApart } from "./apart.ts";
import { foldDirectly, leaves } from "./direct.ts";
import { syntheticTree, type Target } from "./fixtures.ts";
import type { Timed, TimedFold } from "./row.ts";
import { warmUp } from "./warm-up.ts";

/** Puts a synthetic tree into a store, which may hold things already, and a worker when its module is named. */
interface MakeTask {
  readonly store: string;
  readonly files: number;
  readonly module?: string;
}

export interface Made {
  readonly tree: Oid;
  readonly worker: Oid | undefined;
}

interface FoldTask {
  readonly store: string;
  readonly tree: Oid;
  /** The visitor: a name in the standard library, or an oid. */
  readonly post: string;
  readonly executors?: number;
}

export interface Folded {
  readonly cold: TimedFold;
  readonly warm: TimedFold;
  /** After one file's edit. */
  readonly edited: TimedFold;
  /** Of the process, everything included. */
  readonly peakBytes: number;
  /** The store after the cold fold. */
  readonly storeBytes: number;
}

interface DirectTask {
  readonly store: string;
  readonly tree: Oid;
  readonly leaf: keyof typeof leaves;
}

export interface FoldedDirectly {
  readonly cold: Timed;
  /** After the same edit; all is folded again. */
  readonly edited: Timed;
}

export function madeApart(task: MakeTask): Made {
  return measuredApart("repository.ts", { make: task }) as Made;
}

export function foldedApart(task: FoldTask): Folded {
  return measuredApart("repository.ts", { fold: task }) as Folded;
}

export function foldedDirectlyApart(task: DirectTask): FoldedDirectly {
  return measuredApart("repository.ts", { direct: task }) as FoldedDirectly;
}

async function make({ store, files, module }: MakeTask): Promise<Made> {
  const engine = openEngine({ store });
  const tree = syntheticTree(engine, files);
  const worker = module === undefined ? undefined : engine.addWorker(readFileSync(module));
  engine.stats();
  await engine.close();
  return { tree, worker };
}

async function fold({ store, tree, post, executors }: FoldTask): Promise<Folded> {
  const engine = openEngine({ store, ...(executors === undefined ? {} : { executors }) });
  await warmUp(engine, post, executors);
  const cold = await timed(() => engine.fold({ in: tree, post }));
  const storeBytes = engine.stats().bytes;
  const warm = await timed(() => engine.fold({ in: tree, post }));
  const target: Editable = {
    putBlob: (bytes) => engine.putBlob(bytes),
    putTree: (entries) => engine.putTree(entries),
    list: (name) => engine.list(name),
    read: (name) => engine.get(name).body,
  };
  const other = editOne(target, tree);
  const edited = await timed(() => engine.fold({ in: other, post }));
  await engine.close();
  return { cold, warm, edited, storeBytes, peakBytes: process.resourceUsage().maxRSS * 1024 };
}

async function timed(work: () => Promise<RunResult>): Promise<TimedFold> {
  const usedBefore = process.cpuUsage();
  const startedMs = performance.now();
  const { outcome, jobs } = await work();
  const ms = performance.now() - startedMs;
  const { user, system } = process.cpuUsage(usedBefore);
  return {
    ms,
    cpuMs: (user + system) / 1000,
    jobs: jobs.executed,
    oid: outcome.kind === "failed" ? outcome.message : outcome.oid,
  };
}

function foldPlainly({ store: path, tree, leaf }: DirectTask): FoldedDirectly {
  const store = openStore(path);
  const timedFold = (name: Oid): Timed => {
    const startedMs = performance.now();
    const oid = foldDirectly(store, name, leaves[leaf]);
    store.flush();
    return { ms: performance.now() - startedMs, jobs: 0, oid };
  };
  const cold = timedFold(tree);
  const target: Editable = {
    putBlob: (bytes) => store.put("blob", bytes),
    putTree: (entries) => store.put("tree", encodeTree(entries)),
    list: (name) => decodeTree(store.get(name).body),
    read: (name) => store.get(name).body,
  };
  const edited = timedFold(editOne(target, tree));
  store.close();
  return { cold, edited };
}

interface Editable extends Target {
  list(tree: Oid): TreeEntry[];
  read(blob: Oid): Uint8Array;
}

/** The tree with a line more in its last file. */
function editOne(target: Editable, tree: Oid): Oid {
  const entries = target.list(tree);
  const last = entries.at(-1);
  if (last === undefined) return tree;
  const oid =
    last.mode === "40000"
      ? editOne(target, last.oid)
      : target.putBlob(Buffer.concat([target.read(last.oid), Buffer.from("one more\n")]));
  return target.putTree([...entries.slice(0, -1), { ...last, oid }]);
}

type Task = { readonly make: MakeTask } | { readonly fold: FoldTask } | { readonly direct: DirectTask };

if (import.meta.main) {
  const task = JSON.parse(process.argv[2] ?? "") as Task;
  const measured =
    "make" in task ? await make(task.make) : "fold" in task ? await fold(task.fold) : foldPlainly(task.direct);
  console.log(JSON.stringify(measured));
}
