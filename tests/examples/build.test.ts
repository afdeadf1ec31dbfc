/** examples/build: which steps an edit executes, where it ends, and what a mistake says. */
import { readdirSync, readFileSync } from "node:fs";
import { runInNewContext } from "node:vm";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { addSteps, build } from "../../examples/build/pipeline.ts";
import { executedJobs, filesOf, resultOf, text, type Workers } from "../../examples/rounds.ts";
import type { Oid } from "../../src/engine.ts";
import { put, repositoryWith } from "../store/git/git.ts";
import { examples, printed, sharedEngine } from "./room.ts";

const engine = sharedEngine();
const fixture = join(examples, "build", "fixture");
const files: Readonly<Record<string, string>> = Object.fromEntries(
  readdirSync(fixture, { recursive: true, encoding: "utf8", withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => {
      const path = join(parentPath, name);
      return [path.slice(fixture.length + 1), readFileSync(path, "utf8")];
    }),
);
const [split, coreTest] = ["packages/core/src/split.ts", "packages/core/test/core.test.ts"];

let steps: Workers;
beforeAll(async () => {
  steps = await addSteps(engine);
});

/** Builds the fixture with some files changed; undefined removes one. */
async function built(
  changes: Readonly<Record<string, (was: string) => string>> = {},
  repository = repositoryWith(files),
) {
  for (const [path, change] of Object.entries(changes)) put(repository, path, change(files[path] ?? ""));
  const { oid } = await engine.borrowTree(repository);
  const run = await build(engine, steps, oid);
  return { run, executed: executedJobs(engine, run, steps, oid) };
}

const append = (line: string) => (was: string) => `${was}${line}\n`;

test("a build executes each step once for each file or package, and the same build executes nothing", async () => {
  const { run, executed } = await built();
  const sources = Object.keys(files).filter((path) => path.endsWith(".ts"));
  const packages = ["core", "report", "tally"];
  expect(sources).toHaveLength(9);
  expect(executed).toEqual(
    [
      "build .",
      "order",
      "size",
      ...packages.flatMap((folder) => [`bundle ${folder}`, `package packages/${folder}`, `test ${folder}`]),
      ...sources.map((path) => `compile ${path}`),
    ].toSorted(),
  );
  expect(JSON.parse(text(engine, fileOf(resultOf(run), "tests")))).toEqual({
    core: { passed: 2, failed: [], skipped: [] },
    report: { passed: 1, failed: [], skipped: [] },
    tally: { passed: 1, failed: [], skipped: [] },
  });

  const again = await built();
  expect(again.executed).toEqual([]);
  expect(again.run).toMatchObject({ outcome: run.outcome, jobs: { executed: 0, frames: 0 } });
});

test("a bundle is a script of its own", async () => {
  const { run } = await built();
  const module = { exports: {} as { report?: (text: string) => string } };
  runInNewContext(text(engine, fileOf(resultOf(run), "bundles/report")), { module });
  expect(module.exports.report?.("an oak, an oak, a birch")).toBe("6 words\n  ## oak\n   # birch");
});

describe("after a build, an edit", () => {
  beforeAll(async () => {
    await built();
  });

  test("of a comment stops at the file whose output stays equal, and the result is the same object", async () => {
    const before = await built();
    const { run, executed } = await built({ [split]: (was) => `// A comment, and an empty line.\n\n${was}` });
    expect(executed).toEqual(["build .", `compile ${split}`, "package packages/core"]);
    expect(run.outcome).toEqual(before.run.outcome);
  });

  test("of code executes the steps of that package, and those that have its code in what they take", async () => {
    const { executed } = await built({ "packages/tally/src/index.ts": append("export const added = 1;") });
    expect(executed).toEqual([
      "build .",
      "bundle report",
      "bundle tally",
      "compile packages/tally/src/index.ts",
      "package packages/tally",
      "size",
      "test report",
      "test tally",
    ]);
  });

  test("of a test compiles and runs that package's tests, and bundles nothing", async () => {
    const { executed } = await built({ [coreTest]: append('test("one more", () => {});') });
    expect(executed).toEqual(["build .", `compile ${coreTest}`, "package packages/core", "test core"]);
  });

  test("of imports asks for the packages' order again", async () => {
    const bar = "packages/report/src/bar.ts";
    const { executed } = await built({ [bar]: append('import "@elsewhere/none";') });
    expect(executed).toEqual([
      "build .",
      "bundle report",
      `compile ${bar}`,
      "order",
      "package packages/report",
      "size",
      "test report",
    ]);
  });

  test("that is taken back executes nothing", async () => {
    const repository = repositoryWith(files);
    await built({ [split]: append("export const other = 2;") }, repository);
    expect((await built({ [split]: (was) => was }, repository)).executed).toEqual([]);
  });
});

describe("a build fails and says the file and the line", () => {
  const message = async (changes: Parameters<typeof built>[0]) => {
    const { outcome } = (await built(changes)).run;
    return outcome.kind === "failed" ? outcome.message : outcome.kind;
  };

  test("of what is no TypeScript", async () => {
    expect(await message({ [split]: append("const = 1;") })).toBe(
      `Error: ${split}:5:7: Variable declaration expected.`,
    );
  });

  test("of a test that fails", async () => {
    expect(await message({ [split]: (was) => was.replace(".toLowerCase()", "") })).toBe(
      `Error: ${coreTest}:5: "words are split at anything that is no letter" failed: ` +
        'expected ["the","forest\'s","edge","the","oak"], found ["The","forest\'s","edge","the","Oak"]',
    );
  });

  test("of an import that leads nowhere", async () => {
    expect(await message({ [split]: append('import "./none.ts";') })).toBe(
      `Error: ${split}: there is no "./none.ts", which it imports`,
    );
  });

  test("of packages that import each other", async () => {
    expect(await message({ [split]: append('import "@fixture/report";') })).toBe(
      "WorkerFailed: Error: packages import each other: core imports report imports core",
    );
  });
});

test("the command says what each round executed", () => {
  expect(printed("build/build.ts", repositoryWith(files))).toMatchInlineSnapshot(`
    "package           modules    bytes   bundle
    core                    3      885     1578
    report                  2      655     3135
    tally                   1      512     2218

    core: 2 tests passed, 0 failed, 0 files skipped
    report: 1 tests passed, 0 failed, 0 files skipped
    tally: 1 tests passed, 0 failed, 0 files skipped

    The steps were bundled in N ms.
    cold              21 jobs executed,     0 remembered, in N ms
    again              0 jobs executed,     1 remembered, in N ms

    Lines added to packages/core/src/common.ts:
    a comment          3 jobs executed,    13 remembered, in N ms
      build .
      compile packages/core/src/common.ts
      package packages/core
    code              10 jobs executed,     6 remembered, in N ms
      build .
      bundle core
      bundle report
      bundle tally
      compile packages/core/src/common.ts
      package packages/core
      size
      test core
      test report
      test tally
    a mistake          3 jobs executed,     5 remembered, in N ms
      build .
      compile packages/core/src/common.ts
      package packages/core
      Error: packages/core/src/common.ts:6:14: Variable declaration expected.
    "
  `);
});

function fileOf(tree: Oid, path: string): Oid {
  const found = new Map(filesOf(engine, tree)).get(path);
  if (found === undefined) throw new Error(`there is no ${path}`);
  return found;
}
