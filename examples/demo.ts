/**
 * `npm run demo [-- PATH]`: folds a git repository (this one, unless told otherwise) with `language-stats`, on a store of its own, cold; then once more.
 * Prints what the repository is written in, what ran, and what was remembered.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openEngine, type Engine, type RunResult } from "../src/engine.ts";

interface Language {
  readonly files: number;
  readonly lines: number;
  readonly bytes: number;
}

const path = process.argv[2] ?? join(import.meta.dirname, "..");
const folder = mkdtempSync(join(tmpdir(), "coppice-demo-"));
const store = join(folder, "store.sqlite");

/** Imports and folds in an engine of its own, as another process would. */
async function foldOnce(): Promise<{ importMs: number; result: RunResult; report: Record<string, Language> }> {
  const engine = openEngine({ store, environment: process.env });
  try {
    const startedMs = performance.now();
    const imported = await engine.importTree(path);
    const importMs = performance.now() - startedMs;
    const result = await engine.fold({ in: imported.oid, post: "language-stats" });
    return { importMs, result, report: readReport(engine, result) };
  } finally {
    await engine.close();
  }
}

function readReport(engine: Engine, { outcome, detail }: RunResult): Record<string, Language> {
  if (outcome.kind === "failed")
    throw new Error(`the fold failed: ${outcome.message} (${detail ?? "no more is known"})`);
  return JSON.parse(Buffer.from(engine.get(outcome.oid).body).toString("utf8")) as Record<string, Language>;
}

function printReport(report: Record<string, Language>): void {
  const rows = Object.entries(report).toSorted(([, a], [, b]) => b.lines - a.lines || b.files - a.files);
  const most = Math.max(1, ...rows.map(([, { lines }]) => lines));
  console.log(`${"language".padEnd(18)}${"files".padStart(8)}${"lines".padStart(10)}${"bytes".padStart(13)}`);
  for (const [name, { files, lines, bytes }] of rows) {
    const bar = "█".repeat(Math.round((lines / most) * 24));
    console.log(
      `${name.padEnd(18)}${String(files).padStart(8)}${String(lines).padStart(10)}${String(bytes).padStart(13)}  ${bar}`,
    );
  }
}

function printRun(label: string, importMs: number, { jobs, ms, outcome, cid }: RunResult): void {
  const name = outcome.kind === "failed" ? "" : outcome.oid;
  console.log(
    `${label}: ${jobs.executed} jobs executed, ${jobs.memoized} remembered, in ${ms.toFixed(1)} ms (import ${importMs.toFixed(1)} ms)`,
  );
  console.log(`        result ${name}  ${cid ?? ""}`);
}

try {
  const cold = await foldOnce();
  printReport(cold.report);
  console.log();
  printRun("cold ", cold.importMs, cold.result);
  const warm = await foldOnce();
  printRun("again", warm.importMs, warm.result);
  console.log(`request ${warm.result.request}: forget it, and it grows back to the same bytes`);
} catch (error) {
  console.error(`demo: ${(error as Error).message}`);
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
