/**
 * `npm run example:history [-- PATH [COMMITS [SVG]]]`: lines by kind of file over the newest commits of a git repository, drawn to build/history.svg: cold, again, and after an edit.
 * Prints what the first commit cost, and what each of the others did.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { edited, filesOf, onFreshStore, printRound, resultOf, text } from "../rounds.ts";
import { addHistoryWorkers, foldHistory, newestCommits, type History } from "./pipeline.ts";

const [path = ".", commitsMax = "100", drawing = "build/history.svg"] = process.argv.slice(2);

await onFreshStore(async (engine) => {
  const workers = await addHistoryWorkers(engine);
  const trees = [];
  for (const commit of newestCommits(path, Number(commitsMax))) trees.push((await engine.borrowTree(path, commit)).oid);

  const cold = await foldHistory(engine, workers, trees);
  mkdirSync(dirname(drawing), { recursive: true });
  writeFileSync(drawing, text(engine, resultOf(cold.chart)));
  const [first = 0, ...later] = cold.folds.map(({ jobs }) => jobs.executed);
  const sorted = later.toSorted((a, b) => a - b);
  console.log(`${trees.length} commits, drawn to ${drawing}`);
  console.log(
    `jobs executed: ${first} for the oldest commit; for each later one ${sorted[sorted.length >> 1] ?? 0} (median), at most ${sorted.at(-1) ?? 0}\n`,
  );
  printRound("cold", total(cold));
  printRound("again", total(await foldHistory(engine, workers, trees)));
  const newest = trees.at(-1);
  const [last] = newest === undefined ? [] : [...filesOf(engine, newest)].slice(-1);
  if (newest === undefined || last === undefined) throw new Error("the newest commit has no files");
  const changed = edited(engine, newest, last[0], (was) => `${was}One more line.\n`);
  printRound("one edit", total(await foldHistory(engine, workers, [...trees, changed])));
});

function total({ folds, chart }: History): {
  jobs: { executed: number; frames: number; memoized: number };
  ms: number;
} {
  const sum = (of: (run: (typeof folds)[number]) => number) => [...folds, chart].reduce((all, run) => all + of(run), 0);
  return {
    jobs: {
      executed: sum(({ jobs }) => jobs.executed),
      frames: sum(({ jobs }) => jobs.frames),
      memoized: sum(({ jobs }) => jobs.memoized),
    },
    ms: sum(({ ms }) => ms),
  };
}
