/** examples/history: each commit executes what it changed. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { addHistoryWorkers, foldHistory, newestCommits } from "../../examples/history/pipeline.ts";
import { executedJobs, resultOf, text } from "../../examples/rounds.ts";
import { git, put, repositoryWith } from "../store/git/git.ts";
import { printed, sharedEngine } from "./room.ts";

const engine = sharedEngine();

/** Three commits: two files in folders of their own, a change of one, and a third file. */
function repositoryOfThree(): string {
  const repository = repositoryWith({ "a/x.ts": "1\n", "b/y.md": "1\n2\n" });
  put(repository, "a/x.ts", "1\n2\n3\n");
  git(repository, ["commit", "-qam", "second"]);
  put(repository, "b/z.ts", "a third file\n");
  git(repository, ["add", "b/z.ts"]);
  git(repository, ["commit", "-qm", "third"]);
  return repository;
}

async function treesOf(repository: string, commitsMax = 10) {
  const trees = [];
  for (const commit of newestCommits(repository, commitsMax))
    trees.push((await engine.borrowTree(repository, commit)).oid);
  return trees;
}

test("each commit executes the folders and files that it changed, and a second run executes nothing", async () => {
  const workers = await addHistoryWorkers(engine);
  const repository = repositoryOfThree();
  const trees = await treesOf(repository);
  expect(trees).toHaveLength(3);

  const executed: (readonly string[])[] = [];
  for (const tree of trees) {
    const run = await engine.fold({ in: tree, post: workers["visitor"] ?? "" });
    executed.push(executedJobs(engine, run, workers, tree));
  }
  expect(executed).toEqual([
    [
      "fold-wasm .",
      "fold-wasm a",
      "fold-wasm b",
      "visitor .",
      "visitor a",
      "visitor a/x.ts",
      "visitor b",
      "visitor b/y.md",
    ],
    ["fold-wasm .", "fold-wasm a", "visitor .", "visitor a", "visitor a/x.ts"],
    ["fold-wasm .", "fold-wasm b", "visitor .", "visitor b", "visitor b/z.ts"],
  ]);

  const first = await foldHistory(engine, workers, trees);
  expect(first.folds.map((each) => JSON.parse(text(engine, resultOf(each))) as unknown)).toEqual([
    { md: 2, ts: 1 },
    { md: 2, ts: 3 },
    { md: 2, ts: 4 },
  ]);
  expect(text(engine, resultOf(first.chart))).toMatchInlineSnapshot(`
    "<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 960 360" font-family="sans-serif" font-size="13">
    <polygon fill="#2f6f4f" points="0.0,360.0 420.0,360.0 840.0,360.0 840.0,133.3 420.0,190.0 0.0,303.3"/>
    <polygon fill="#74a57f" points="0.0,303.3 420.0,190.0 840.0,133.3 840.0,20.0 420.0,76.7 0.0,190.0"/>
    <polygon fill="#c9b458" points="0.0,190.0 420.0,76.7 840.0,20.0 840.0,20.0 420.0,76.7 0.0,190.0"/>
    <text x="848" y="352" fill="#2f6f4f">.ts 4</text>
    <text x="848" y="332" fill="#74a57f">.md 2</text>
    <text x="848" y="312" fill="#c9b458">others 0</text>
    </svg>
    "
  `);
  const again = await foldHistory(engine, workers, trees);
  expect([...again.folds, again.chart].map(({ jobs }) => jobs.executed)).toEqual([0, 0, 0, 0]);
});

test("the command says what the commits cost", () => {
  const repository = repositoryOfThree();
  const drawing = join(repository, "history.svg");
  const said = printed("history/history.ts", repository, "2", drawing);
  expect(readFileSync(drawing, "utf8")).toMatch(/^<svg [^]*<\/svg>\n$/);
  expect(said.replace(repository, "REPOSITORY")).toMatchInlineSnapshot(`
    "2 commits, drawn to REPOSITORY/history.svg
    jobs executed: 8 for the oldest commit; for each later one 5 (median), at most 5

    cold              14 jobs executed,     2 remembered, in N ms
    again              0 jobs executed,     3 remembered, in N ms
    one edit           6 jobs executed,     4 remembered, in N ms
    "
  `);
});
