import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { openEngine, type Engine, type Oid, type RunResult } from "../../src/engine.ts";
import { silent } from "../guests/children.ts";

const folder = mkdtempSync(join(tmpdir(), "coppice-executed-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let stores = 0;

async function withEngine(work: (engine: Engine) => Promise<void>, executors = 1): Promise<void> {
  const engine = openEngine({ store: join(folder, `${stores++}.sqlite`), executors });
  try {
    await work(engine);
  } finally {
    await engine.close();
  }
}

type Files = { readonly [name: string]: string | Files };

function tree(engine: Engine, files: Files): Oid {
  return engine.putTree(
    Object.entries(files).map(([name, content]) =>
      typeof content === "string"
        ? { mode: "100644", name, oid: engine.putBlob(Buffer.from(content)) }
        : { mode: "40000", name, oid: tree(engine, content) },
    ),
  );
}

const named = (engine: Engine, result: RunResult, countMax = 1000) =>
  engine.executedJobs(result, countMax).map(({ worker, path }) => `${worker} at ${path}`);

for (const executors of [1, 3]) {
  it(`the jobs of a fold are named by worker and place, by ${executors} executors`, async () => {
    await withEngine(async (engine) => {
      const result = await engine.fold({
        in: tree(engine, { "a.txt": "a\n", sub: { "b.txt": "b\n", deep: { "c.txt": "c\n" } } }),
        post: "line-count",
      });
      expect(named(engine, result).toSorted()).toEqual([
        "fold-wasm at .",
        "fold-wasm at sub",
        "fold-wasm at sub/deep",
        "line-count at .",
        "line-count at a.txt",
        "line-count at sub",
        "line-count at sub/b.txt",
        "line-count at sub/deep",
        "line-count at sub/deep/c.txt",
      ]);
    }, executors);
  });
}

const files = (text: string) => ({ sub: { deep: { a: text, b: "b\n" } }, other: { c: "c\n" } });

it("after an edit they are those on its path, in the order in which they ended", async () => {
  await withEngine(async (engine) => {
    await engine.fold({ in: tree(engine, files("1\n")), post: "line-count" });
    const result = await engine.fold({ in: tree(engine, files("1\n2\n")), post: "line-count" });
    expect(named(engine, result)).toEqual([
      "line-count at sub/deep/a",
      "line-count at sub/deep",
      "fold-wasm at sub/deep",
      "line-count at sub",
      "fold-wasm at sub",
      "line-count at .",
      "fold-wasm at .",
    ]);
    expect(named(engine, result, 2)).toEqual(["line-count at sub/deep/a", "line-count at sub/deep"]);
  });
});

it("a gitlink is named, although what is folded there is a blob of its commit's digits", async () => {
  await withEngine(async (engine) => {
    const inner = engine.putTree([{ mode: "160000", name: "module", oid: tree(engine, { a: "not looked at" }) }]);
    const result = await engine.fold({
      in: engine.putTree([{ mode: "40000", name: "sub", oid: inner }]),
      post: "file-count",
    });
    expect(named(engine, result)).toContain("file-count at sub/module");
  });
});

it("nothing is named of a run that a memo answered, nor of one whose trace is displaced", async () => {
  await withEngine(async (engine) => {
    const worker = engine.addWorker(silent);
    const first = await engine.run({ worker });
    expect(engine.executedJobs(await engine.run({ worker }), 10)).toEqual([]);
    expect(engine.executedJobs(first, 10)).toHaveLength(1);
    for (let salt = 0; salt < 20; salt++) await engine.run({ worker, salt: String(salt) });
    expect(engine.executedJobs(first, 10)).toEqual([]);
  });
});

it("a worker of one's own is named by its oid, and without an `in` there is no place", async () => {
  await withEngine(async (engine) => {
    const worker = engine.addWorker(silent);
    const { request } = await engine.run({ worker, args: { text: "x" } });
    const result = await engine.settle(request, { rerun: true });
    expect(engine.executedJobs(result, 10)).toEqual([{ request, worker: `worker ${worker}`, path: undefined }]);
  });
});

it("changes between two trees are told by path, and what is no tree is refused", async () => {
  await withEngine(async (engine) => {
    const before = tree(engine, { a: "1", sub: { b: "1", c: "1" } });
    const after = tree(engine, { a: "1", sub: { b: "2", d: "1" } });
    expect([...engine.changes(before, after)]).toEqual([
      { status: "modified", path: "sub/b" },
      { status: "deleted", path: "sub/c" },
      { status: "added", path: "sub/d" },
    ]);
    expect(() => [...engine.changes(before, engine.putBlob(Buffer.from("1")))]).toThrow(/is a blob, not a tree/);
    await Promise.resolve();
  });
});
