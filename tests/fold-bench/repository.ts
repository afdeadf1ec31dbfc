/**
 * One measurement of a synthetic repository, in a process of its own so that its peak memory is its own. Called by bench.ts with the number of files; prints one
 * JSON line (`Measured`).
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openEngine, type Engine, type Oid, type RunResult } from "../../src/engine.ts";
import { openStore } from "../../src/store/store.ts";
import { foldDirectly } from "./direct.ts";
import { encodeTree } from "../../src/store/tree.ts";
import { syntheticTree, type Target } from "./fixtures.ts";

export interface Timed {
  readonly ms: number;
  readonly jobs: number;
  readonly oid: string;
}

export interface Measured {
  readonly cold: Timed;
  readonly warm: Timed;
  /** After one file's edit. */
  readonly edited: Timed;
  /** foldDirectly over the same tree in a store that holds just that. */
  readonly direct: Timed;
  /** Of the process, everything included. */
  readonly peakBytes: number;
  /** The store after the cold fold. */
  readonly storeBytes: number;
}

const post = "line-count";

async function measure(files: number): Promise<Measured> {
  const folder = mkdtempSync(join(tmpdir(), "coppice-bench-"));
  try {
    const engine = openEngine({ store: join(folder, "store.sqlite") });
    // Starting the thread and compiling the modules are out of the way before.
    await engine.fold({ in: engine.putTree([]), post });
    const tree = syntheticTree(engine, files);
    engine.stats();
    const cold = await timed(() => engine.fold({ in: tree, post }));
    const storeBytes = engine.stats().bytes;
    const warm = await timed(() => engine.fold({ in: tree, post }));
    const other = editOne(engine, tree);
    const edited = await timed(() => engine.fold({ in: other, post }));
    await engine.close();
    const direct = measureDirect(join(folder, "direct.sqlite"), files);
    return { cold, warm, edited, direct, storeBytes, peakBytes: process.resourceUsage().maxRSS * 1024 };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function timed(work: () => Promise<RunResult>): Promise<Timed> {
  const startedMs = performance.now();
  const { outcome, jobs } = await work();
  const ms = performance.now() - startedMs;
  return { ms, jobs: jobs.executed, oid: outcome.kind === "failed" ? outcome.message : outcome.oid };
}

function measureDirect(path: string, files: number): Timed {
  const store = openStore(path);
  const target: Target = {
    putBlob: (bytes) => store.put("blob", bytes),
    putTree: (entries) => store.put("tree", encodeTree(entries)),
  };
  const tree = syntheticTree(target, files);
  store.flush();
  const startedMs = performance.now();
  const oid = foldDirectly(store, tree);
  store.flush();
  const ms = performance.now() - startedMs;
  store.close();
  return { ms, jobs: 0, oid };
}

/** The tree with a line more in one file, three levels down. */
function editOne(engine: Engine, tree: Oid): Oid {
  const entries = engine.list(tree);
  const last = entries.at(-1);
  if (last === undefined) return tree;
  const oid =
    last.mode === "40000"
      ? editOne(engine, last.oid)
      : engine.putBlob(Buffer.concat([engine.get(last.oid).body, Buffer.from("one more\n")]));
  return engine.putTree([...entries.slice(0, -1), { ...last, oid }]);
}

console.log(JSON.stringify(await measure(Number(process.argv[2]))));
