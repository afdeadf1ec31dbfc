/**
 * `npm run example:build [-- PATH]`: builds a folder of TypeScript packages, `packages/NAME` with a package.json and sources in src (three small ones, unless told otherwise): cold, again, after an edit of a comment and after one of code, and once with a mistake.
 * Prints what each run executed.
 */
import { join } from "node:path";
import {
  Unusable,
  edited,
  executedJobs,
  filesOf,
  folderAt,
  onFreshStore,
  printRound,
  resultOf,
  text,
} from "../rounds.ts";
import type { Oid } from "../../src/engine.ts";
import type { Summary } from "./steps/test.ts";
import { addSteps, build } from "./pipeline.ts";

type Summaries = Readonly<Record<string, Summary>>;

await onFreshStore(async (engine) => {
  const place = process.argv[2] ?? join(import.meta.dirname, "fixture");
  const tree = await folderAt(engine, place);
  const [path] = [...filesOf(engine, tree)].find(([each]) => /^packages\/[^/]+\/src\/.*\.ts$/.test(each)) ?? [];
  if (path === undefined)
    throw new Unusable(
      `${place} has no packages: wanted are folders packages/NAME with a package.json and TypeScript in src`,
    );
  const startedMs = performance.now();
  const steps = await addSteps(engine);
  const bundlingMs = performance.now() - startedMs;
  const cold = await build(engine, steps, tree);
  const files = new Map(filesOf(engine, resultOf(cold)));
  console.log(text(engine, files.get("sizes") as Oid));
  for (const [folder, summary] of Object.entries(JSON.parse(text(engine, files.get("tests") as Oid)) as Summaries)) {
    const { passed, failed, skipped } = summary;
    console.log(`${folder}: ${passed} tests passed, ${failed.length} failed, ${skipped.length} files skipped`);
  }
  console.log(`\nThe steps were bundled in ${bundlingMs.toFixed(1)} ms.`);
  printRound("cold", cold);
  printRound("again", await build(engine, steps, tree));

  const edits = [
    ["a comment", "// Nothing that runs.\n"],
    ["code", "export const added = 1;\n"],
    ["a mistake", "export const = 1;\n"],
  ] as const;
  console.log(`\nLines added to ${path}:`);
  for (const [label, line] of edits) {
    const changed = edited(engine, tree, path, (was) => was + line);
    const run = await build(engine, steps, changed);
    printRound(label, run);
    for (const name of executedJobs(engine, run, steps, changed)) console.log(`  ${name}`);
    if (run.outcome.kind === "failed") console.log(`  ${run.outcome.message}`);
  }
});
