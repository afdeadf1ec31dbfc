/** examples/fold: what it reports, and which requests an edit executes. */
import { join } from "node:path";
import { expect, test } from "vitest";
import { executedJobs, resultOf, text } from "../../examples/rounds.ts";
import { put, repositoryWith } from "../store/git/git.ts";
import { examples, printed, refused, sharedEngine } from "./room.ts";

const engine = sharedEngine();
const files = { "a/b/x.ts": "one\n// TODO two\n", "a/y.ts": "one\n", "c/z.ts": "// TODO\n", "w.md": "text\n" };

async function folded(repository: string) {
  const visitor = await engine.addScript(join(examples, "fold", "visitor.ts"));
  const { oid } = await engine.borrowTree(repository);
  const run = await engine.fold({ in: oid, post: visitor });
  return {
    report: JSON.parse(text(engine, resultOf(run))) as unknown,
    executed: executedJobs(engine, run, { visitor }, oid),
  };
}

test("an edit executes the visitor and the fold on its way to the root, and nothing is executed for what was folded before", async () => {
  const repository = repositoryWith(files);
  const { report, executed } = await folded(repository);
  expect(report).toEqual({
    lines: 5,
    todo: 2,
    folders: {
      a: { lines: 3, todo: 1, folders: { b: { lines: 2, todo: 1, folders: {} } } },
      c: { lines: 1, todo: 1, folders: {} },
    },
  });
  const folders = [".", "a", "a/b", "c"];
  const all = [...folders, ...Object.keys(files)];
  expect(executed).toEqual(
    [...folders.map((path) => `fold-wasm ${path}`), ...all.map((path) => `visitor ${path}`)].toSorted(),
  );

  expect((await folded(repository)).executed).toEqual([]);

  put(repository, "a/b/x.ts", "one\n// done\n");
  expect((await folded(repository)).executed).toEqual([
    "fold-wasm .",
    "fold-wasm a",
    "fold-wasm a/b",
    "visitor .",
    "visitor a",
    "visitor a/b",
    "visitor a/b/x.ts",
  ]);
});

test("the command says what ran: cold, again, and after an edit", () => {
  expect(printed("fold/fold.ts", repositoryWith(files))).toMatchInlineSnapshot(`
    "┌─────────┬───────┬──────┐
    │ (index) │ lines │ todo │
    ├─────────┼───────┼──────┤
    │ a       │ 3     │ 1    │
    │ c       │ 1     │ 1    │
    └─────────┴───────┴──────┘
    cold              12 jobs executed,     0 remembered, in N ms
    again              0 jobs executed,     1 remembered, in N ms
    one edit           3 jobs executed,     2 remembered, in N ms
    "
  `);
});

test("the command says what a folder without folders comes to, and what it can't be shown on", () => {
  // The word that the example counts.
  expect(printed("fold/fold.ts", repositoryWith({ "a.txt": "TODO\n" }))).toContain(
    "1 lines, 1 TODOs, and no folders\n",
  );
  const empty = repositoryWith({});
  expect(refused("fold/fold.ts", empty)).toEqual([2, `${empty} has no files that git tracks\n`]);
  const file = join(repositoryWith(files), "w.md");
  expect(refused("fold/fold.ts", file)).toEqual([2, `${file} is a file, and a folder is wanted\n`]);
  const flat = repositoryWith({ "a.ts": "1;\n" });
  expect(refused("build/build.ts", flat)).toEqual([
    2,
    `${flat} has no packages: wanted are folders packages/NAME with a package.json and TypeScript in src\n`,
  ]);
  const missing = join(flat, "missing");
  expect(refused("history/history.ts", missing)).toEqual([
    2,
    `${missing} has no history that git can read: cannot change to '${missing}': No such file or directory\n`,
  ]);
});
