/**
 * What verifying costs: a synthetic tree is folded, all that is remembered then is verified, and verified again with one wrong memo planted.
 *
 *   node tests/fold-bench/verify-bench.ts [--files N] [--executors N]
 *
 * A line for each: wall-clock time and, where the system tells, what the processor spent, those processes included that were started. Exits with 1 when a sound store is not confirmed, or the wrong memo is not the one that is named.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { openEngine, type Oid } from "../../src/engine.ts";
import { openStore } from "../../src/store/store.ts";
import { syntheticTree } from "./fixtures.ts";

const { values } = parseArgs({
  options: { files: { type: "string", default: "100000" }, executors: { type: "string", default: "2" } },
});
const folder = mkdtempSync(join(tmpdir(), "coppice-verify-"));
const path = join(folder, "store.sqlite");

/** Seconds of the processor, of this process and of those that it started and that have ended. */
function processorSeconds(): number {
  const { userCPUTime, systemCPUTime } = process.resourceUsage();
  const own = (userCPUTime + systemCPUTime) / 1e6;
  try {
    const fields = readFileSync("/proc/self/stat", "utf8")
      .replace(/^.*\) /s, "")
      .split(" ");
    // cutime and cstime, in hundredths.
    return own + (Number(fields[13]) + Number(fields[14])) / 100;
  } catch {
    return own;
  }
}

async function timed<T>(name: string, work: () => T | Promise<T>): Promise<T> {
  const [startedMs, before] = [performance.now(), processorSeconds()];
  const value = await work();
  const wall = (performance.now() - startedMs) / 1000;
  const computed = processorSeconds() - before;
  const load = (loadavg()[0] as number).toFixed(1);
  process.stdout.write(`${name}: ${wall.toFixed(2)} s, ${computed.toFixed(2)} s computed (load ${load})\n`);
  return value;
}

/** Has the store remember another outcome of some leaf, as a wrong execution would have. */
function plant(): Oid {
  const store = openStore(path);
  const [leaf] = [...store.memos()].filter(({ memo }) => memo.children.length === 0 && memo.outcome.kind === "blob");
  if (leaf === undefined) throw new Error("there is no leaf");
  store.forget(leaf.request);
  const wrong = store.put("blob", Buffer.from("wrong"));
  store.remember(leaf.request, { ...leaf.memo, outcome: { kind: "blob", oid: wrong } }, 1);
  store.close();
  return leaf.request;
}

try {
  const engine = openEngine({ store: path, executors: Number(values.executors) });
  const tree = syntheticTree(engine, Number(values.files));
  const { jobs } = await timed("fold", () => engine.fold({ in: tree, post: "line-count" }));
  const sound = await timed(`verify ${jobs.executed} memos`, () => engine.verify("all"));
  const wrong = plant();
  const store = openStore(path);
  const memo = store.evidence(wrong)?.memo;
  if (memo === undefined) throw new Error("what was planted is gone");
  await timed("quarantine, and settle it again", () => {
    store.keepDivergence(wrong, { ...memo, fuel: 0 }, 0, "bench");
    store.settleQuarantine(wrong, "memo");
  });
  store.close();
  const planted = await timed("verify with one wrong memo", () => engine.verify("all"));
  const named = planted.divergences.map(({ request }) => request);
  process.stdout.write(
    `confirmed ${sound.confirmed} of ${jobs.executed}; named ${named.length}, with ${planted.divergences[0]?.consumers} consumers\n`,
  );
  await engine.close();
  const isRight = sound.confirmed === jobs.executed && named.length === 1 && named[0] === wrong;
  process.exitCode = isRight ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
