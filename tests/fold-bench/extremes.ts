/**
 * Trees at which a recursive engine may fall over: a chain of folders, and one folder with very many entries.
 *
 *     node tests/fold-bench/extremes.ts deep 100000
 *     node tests/fold-bench/extremes.ts wide 1000000
 *
 * One process makes the tree, another one folds it with `file-count` and prints jobs, time and its own peak memory, so that the making is not counted.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { openEngine, parseOid, type Engine, type Oid, type TreeEntry } from "../../src/engine.ts";

const shapes = { deep: chain, wide: oneFolder } as const;
type Shape = keyof typeof shapes;

/** Each level has a file of its own and the next level. */
function chain(engine: Engine, levels: number): Oid {
  let below: TreeEntry[] = [];
  let top: Oid | undefined;
  for (let level = levels; level > 0; level--) {
    const oid = engine.putBlob(Buffer.from(`level ${level}\n`));
    top = engine.putTree([...below, { name: "f.txt", mode: "100644", oid }]);
    below = [{ name: "d", mode: "40000", oid: top }];
  }
  return top ?? engine.putTree([]);
}

function oneFolder(engine: Engine, files: number): Oid {
  const entries = Array.from({ length: files }, (_, index): TreeEntry => {
    const oid = engine.putBlob(Buffer.from(`file ${index}\n`));
    return { name: `f${String(index).padStart(8, "0")}`, mode: "100644", oid };
  });
  return engine.putTree(entries);
}

async function foldTree(store: string, tree: Oid, executors: number): Promise<string> {
  const engine = openEngine({ store, executors });
  const { outcome, jobs, ms } = await engine.fold({ in: tree, post: "file-count" });
  const text = outcome.kind === "failed" ? outcome.message : Buffer.from(engine.get(outcome.oid).body).toString();
  await engine.close();
  const peakMb = process.resourceUsage().maxRSS / 1000;
  const storeMb = statSync(store).size / 1e6;
  return `${text.trim()} files: ${jobs.executed} jobs, ${jobs.frames} frames, ${(ms / 1000).toFixed(1)} s, peak ${peakMb.toFixed(0)} MB, store ${storeMb.toFixed(0)} MB`;
}

function inProcess(...args: readonly string[]): string {
  const child = spawnSync(process.execPath, [fileURLToPath(import.meta.url), ...args], { encoding: "utf8" });
  if (child.status !== 0) throw new Error(child.stderr);
  return child.stdout.trim();
}

const [verb = "", text = "", store = "", executors = "1"] = process.argv.slice(2);
if (verb === "fold") {
  const tree = parseOid(text);
  if (tree === undefined) throw new Error(`${text} is no oid`);
  console.log(await foldTree(store, tree, Number(executors)));
} else if (verb in shapes) {
  if (store !== "") {
    const engine = openEngine({ store });
    console.log(shapes[verb as Shape](engine, Number(text)));
    await engine.close();
  } else {
    const folder = mkdtempSync(join(tmpdir(), "coppice-extremes-"));
    const file = join(folder, "store.sqlite");
    const tree = inProcess(verb, text, file);
    for (const count of ["1", "2"]) {
      const copy = `${file}.${count}`;
      inProcess(verb, text, copy);
      console.log(`${verb} ${text}, ${count} executors: ${inProcess("fold", tree, copy, count)}`);
    }
    rmSync(folder, { recursive: true });
  }
} else {
  console.error("usage: node tests/fold-bench/extremes.ts deep|wide COUNT");
  process.exitCode = 2;
}
