/** Why a request ran: what is compared with what, and what is told when nothing is there to compare. */
import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { NonAnswerError, type Cause, type Engine, type Oid, type RunResult } from "../../src/engine.ts";
import { emptyTree, hashObject } from "../../src/store/object.ts";
import { openStore } from "../../src/store/store.ts";
import { echo, silent } from "../guests/children.ts";
import { withEngine } from "../guests/room.ts";
import { json, script } from "../guests/script.ts";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "coppice-explain-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

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

const files = (a: string, more: Files = {}) => ({ "readme.md": "r\n", src: { "a.ts": a, "b.ts": "b\n", ...more } });

const fold = (engine: Engine, content: Files, post = "line-count", salt = "") =>
  engine.fold({ in: tree(engine, content), post, salt });

/** Where it comes from and what differs, a line each. */
function told(cause: Cause | undefined): readonly string[] {
  if (cause === undefined) return ["nothing"];
  if (!("differences" in cause)) return [cause.why];
  return [
    `${cause.why} since run ${cause.run}`,
    ...cause.differences.first.map((difference) => {
      if (difference.what === "worker")
        return `${difference.path}: ${difference.before} -> ${difference.after} (${difference.changed.join()})`;
      const { path, before, after } = difference;
      return before === undefined
        ? `${path} ${"status" in difference ? difference.status : ""}`
        : `${path}: ${before} -> ${after}`;
    }),
  ];
}

const why = async (engine: Engine, request: Oid) => told((await engine.explain(request)).cause);

/** Why each of the jobs ran that a run had about a path. */
async function whyAt(engine: Engine, { request }: RunResult, path: string): Promise<Record<string, readonly string[]>> {
  const reasons = new Map<string, readonly string[]>();
  for (const job of await engine.jobsAt(request, path)) {
    reasons.set((await engine.explain(job)).worker, await why(engine, job));
  }
  return Object.fromEntries(reasons);
}

test("a run after an edit names the changed file, and so does each job above it", async () => {
  await withEngine({ executors: 2 }, async (engine) => {
    const first = await fold(engine, files("1\n"));
    expect(await why(engine, first.request)).toEqual(["first"]);
    const edited = await fold(engine, files("1\n2\n"));
    expect(await why(engine, edited.request)).toEqual(["changed since run 1", "args/in/src/a.ts modified"]);
    expect(await whyAt(engine, edited, "src")).toEqual({
      "fold-wasm": ["changed since run 1", "args/in/a.ts modified"],
      "line-count": ["changed since run 1", "args/children/a.ts modified", "args/in/a.ts modified"],
    });
    expect(await whyAt(engine, edited, "src/a.ts")).toEqual({
      "line-count": ["changed since run 1", "args/in modified"],
    });
    expect(await engine.explain(edited.request)).toMatchObject({
      how: "run",
      path: ".",
      made: { run: 2, children: { count: 3 } },
    });
    // What was not edited was asked for, and remembered from the first run.
    const [leaf] = await engine.jobsAt(edited.request, "readme.md");
    expect(await engine.explain(leaf as Oid)).toMatchObject({
      how: "hit",
      run: { id: 2 },
      path: "readme.md",
      made: { run: 1, outcome: { kind: "blob" } },
      cause: { why: "first" },
    });
    expect(await engine.jobsAt(edited.request, "src/none.ts")).toEqual([]);
  });
});

test("files that come and go are told as such, and what stands nowhere before is new", async () => {
  await withEngine({ executors: 1 }, async (engine) => {
    await fold(engine, files("1\n"));
    const added = await fold(engine, files("1\n", { "c.ts": "c\nc\n", inner: { d: "d\nd\nd\n" } }));
    expect(await why(engine, added.request)).toEqual([
      "changed since run 1",
      "args/in/src/c.ts added",
      "args/in/src/inner/d added",
    ]);
    for (const [path, at] of [
      ["src/c.ts", "src/c.ts"],
      ["src/inner/d", "src/inner"],
    ] as const) {
      const [job] = await engine.jobsAt(added.request, path);
      const { cause, askedBy } = await engine.explain(job as Oid);
      expect(cause).toMatchObject({ why: "new", run: 1, at: { path: at }, latest: { run: 1 } });
      expect(askedBy).toMatchObject({ worker: "fold-wasm" });
    }
    const removed = await fold(engine, files("1\n", { "c.ts": "c\nc\n" }));
    expect(await why(engine, removed.request)).toEqual(["changed since run 2", "args/in/src/inner/d deleted"]);
  });
});

test("another salt, another visitor and another argument are told with what they were", async () => {
  await withEngine({ executors: 1 }, async (engine) => {
    await fold(engine, files("1\n"));
    const salted = await fold(engine, files("1\n"), "line-count", "b");
    expect(await why(engine, salted.request)).toEqual(["changed since run 1", "salt:  -> b"]);
    expect((await whyAt(engine, salted, "src/a.ts"))["line-count"]).toEqual(["changed since run 1", "salt:  -> b"]);
    const other = await fold(engine, files("1\n"), "byte-count", "b");
    expect(await why(engine, other.request)).toEqual([
      "changed since run 2",
      "args/post: line-count -> byte-count (module)",
    ]);
    const worker = engine.addWorker(echo);
    await engine.run({ worker, args: { name: "Ada", same: "x" } });
    const renamed = await engine.run({ worker, args: { name: "Bob", same: "x" } });
    expect(await why(engine, renamed.request)).toEqual(["changed since run 4", "args/name: Ada -> Bob"]);
    const more = await engine.run({
      worker,
      args: { name: "Bob", same: "x", more: { oid: tree(engine, { f: "1" }) } },
    });
    expect(await why(engine, more.request)).toEqual(["changed since run 5", "args/more added"]);
  });
});

test("another module, other limits and another library are told as such", async () => {
  await withEngine({ executors: 1 }, async (engine) => {
    const args = { name: "x" };
    await engine.run({ worker: engine.addWorker(silent), args });
    const limited = await engine.run({ worker: engine.addWorker(silent, { fuel: 1000 }), args });
    expect((await why(engine, limited.request))[1]).toMatch(
      /^worker: worker [0-9a-f]{40} -> worker [0-9a-f]{40} \(limits\)$/,
    );
    const changed = await engine.run({ worker: engine.addWorker(echo, { fuel: 1000 }), args });
    expect((await why(engine, changed.request))[1]).toMatch(/\(module\)$/);
    const std = engine.putTree(engine.list(engine.std).filter(({ name }) => name !== "byte-count"));
    const trimmed = await engine.run({ worker: engine.addWorker(echo, { fuel: 1000 }), args, std });
    expect(await why(engine, trimmed.request)).toEqual(["changed since run 3", "std/byte-count deleted"]);
  });
});

test("of several runs before, the one is compared that is most alike", async () => {
  await withEngine({ executors: 1 }, async (engine) => {
    await fold(engine, files("1\n"));
    await fold(engine, { "other.c": "another repository\n", lib: { x: "x" } });
    await fold(engine, files("1\n"), "byte-count");
    const edited = await fold(engine, files("2\n"));
    expect(await why(engine, edited.request)).toEqual(["changed since run 1", "args/in/src/a.ts modified"]);
  });
});

test("a command is compared with the call that has most words in common, and with no other command", async () => {
  await withEngine({ executors: 1 }, async (engine) => {
    const source = join(folder, "command.ts");
    writeFileSync(
      source,
      `export default (job: any) => new Map([["exit", "0"], ["out", job.args.in], ["stderr", ""], ["stdout", ""]]);`,
    );
    const worker = await engine.addScript(source);
    const [one, two] = [tree(engine, files("1\n")), tree(engine, files("2\n"))];
    const call = async (typed: string, root: Oid) =>
      (await engine.exec({ worker, argv: typed.split(" "), in: root, cwd: "/", env: {} })).request;
    await call("grep -n old a.txt", one);
    await call("grep -c other b.txt", one);
    await call("sort -n old a.txt", two);
    const words = await call("grep -n new a.txt", one);
    expect(await why(engine, words)).toEqual(["changed since run 1", expect.stringMatching(/^args\/argv/)]);
    await call("grep -c other c.txt", two);
    // A word of four and the tree are less than all words.
    const both = await call("grep -n old b.txt", two);
    expect((await why(engine, both))[0]).toBe("changed since run 1");
    // Nothing of that command was there, whatever the worker.
    expect(await why(engine, await call("uniq -n old a.txt", two))).toEqual(["first"]);
  });
});

test("what was forgotten, and what was executed although it was remembered, is told", async () => {
  await withEngine({ executors: 1 }, async (engine) => {
    const { request } = await fold(engine, files("1\n"));
    await engine.settle(request, { rerun: true });
    expect(await engine.explain(request)).toMatchObject({
      how: "run",
      run: { id: 2 },
      cause: { why: "again", run: 1 },
    });
    const [leaf] = await engine.jobsAt(request, "src/a.ts");
    for (const job of [...(await engine.jobsAt(request, ".")), ...(await engine.jobsAt(request, "src")), leaf as Oid])
      engine.forget(job);
    expect((await engine.explain(request)).made).toBeUndefined();
    await engine.settle(request);
    expect(await why(engine, request)).toEqual(["forgotten"]);
    expect(await why(engine, leaf as Oid)).toEqual(["forgotten"]);
  });
});

test("what was executed although it was remembered, and then forgotten, is told as both", async () => {
  await withEngine({ executors: 1 }, async (engine) => {
    const { request } = await fold(engine, files("1\n"));
    await engine.settle(request, { rerun: true });
    engine.forget(request);
    const { run, forgottenMs, made, cause } = await engine.explain(request);
    expect([run?.id, made, cause]).toEqual([2, undefined, { why: "again", run: 1 }]);
    expect(forgottenMs).toBeGreaterThanOrEqual(run?.startedMs ?? Infinity);
  });
});

test("what a settled quarantine left and what it dropped are told as such", async () => {
  await withEngine({ executors: 1 }, async (engine, path) => {
    const { request } = await fold(engine, files("1\n"));
    const [leaf] = (await engine.jobsAt(request, "src/a.ts")) as readonly [Oid];
    engine.stats();
    const store = openStore(path);
    const known = store.evidence(leaf);
    if (known === undefined) throw new Error("the leaf is not remembered");
    const outcome = { kind: "blob", oid: store.put("blob", Buffer.from("9\n")) } as const;
    store.keepDivergence(leaf, { ...known.memo, outcome }, 0, "verify");
    store.settleQuarantine(leaf, "new");
    store.close();
    expect(await engine.explain(leaf)).toMatchObject({
      how: "run",
      made: { run: 0, outcome },
      cause: { why: "first" },
    });
    expect(await engine.explain(request)).toMatchObject({
      how: "run",
      made: undefined,
      forgottenMs: expect.any(Number) as number,
    });
    await engine.settle(request);
    expect(await why(engine, request)).toEqual(["forgotten"]);
    const [, visited] = await engine.jobsAt(request, "src");
    expect(await why(engine, visited as Oid)).toEqual(["changed since run 1", "args/children/a.ts modified"]);
  });
});

test("once notes of what was forgotten are displaced, nothing is said of why it was not remembered", async () => {
  await withEngine({ executors: 1 }, async (engine, path) => {
    const { request } = await fold(engine, files("1\n"));
    engine.forget(request);
    const store = openStore(path);
    const outcome = { kind: "blob", oid: store.put("blob", Buffer.from("x")) } as const;
    const others = Array.from({ length: 4097 }, (_, at) => hashObject("blob", Buffer.from(`${at}`)));
    for (const other of others)
      store.remember(other, { outcome, detail: undefined, fuel: 0, reads: [], children: [] }, 1);
    for (const other of others) store.forget(other);
    store.close();
    await engine.settle(request);
    expect((await engine.explain(request)).cause).toEqual({ why: "gone", run: 1 });
  });
});

test("an attempt that came to no answer is told of all that it had begun", async () => {
  await withEngine({ executors: 1 }, async (engine) => {
    const text = Buffer.from("comes late\n");
    const child = engine.addWorker(script([json({ op: "get", hash: hashObject("blob", text) })]));
    const worker = engine.addWorker(script([json({ op: "run", image: child, args: emptyTree })]));
    engine.putTree([]);
    const run = engine.run({ worker });
    await expect(run).rejects.toThrow(NonAnswerError);
    const top = engine.lastRunRecord()?.request as Oid;
    expect(await engine.explain(top)).toMatchObject({
      how: "unanswered",
      run: { totals: { ending: "missing" } },
      made: undefined,
    });
    engine.putBlob(text);
    await engine.settle(top);
    const unanswered = { why: "unanswered", run: 1, ending: "missing", isReached: true };
    const { cause, made } = await engine.explain(top);
    expect(cause).toEqual(unanswered);
    expect((await engine.explain(made?.children.first[0]?.request as Oid)).cause).toEqual(unanswered);
  });
});

test("a run that was cancelled before it came to a job is told as the reason why that runs in the next", async () => {
  await withEngine({ executors: 1 }, async (engine) => {
    const input = { in: tree(engine, files("1\n")), post: "line-count" };
    await expect(engine.fold({ ...input, signal: AbortSignal.abort() })).rejects.toThrow(NonAnswerError);
    const { request } = await engine.fold(input);
    const [leaf] = await engine.jobsAt(request, "src/a.ts");
    expect((await engine.explain(leaf as Oid)).cause).toEqual({
      why: "unanswered",
      run: 1,
      ending: "cancelled",
      isReached: false,
    });
  });
});

test("a quarantined request is told with both outcomes", async () => {
  await withEngine({ executors: 1 }, async (engine, path) => {
    const { request, outcome } = await engine.run({ worker: engine.addWorker(silent) });
    const other = engine.putBlob(Buffer.from("another"));
    engine.stats();
    const store = openStore(path);
    store.remember(
      request,
      { outcome: { kind: "blob", oid: other }, detail: undefined, fuel: 0, reads: [], children: [] },
      7,
    );
    expect(() => store.flush()).toThrow();
    store.close();
    expect(await engine.explain(request)).toMatchObject({
      how: "quarantined",
      made: { run: 1, outcome },
      others: [{ run: 7, outcome: { kind: "blob", oid: other } }],
      quarantinedBy: request,
    });
  });
});

test("what is quarantined because of another request names that one", async () => {
  await withEngine({ executors: 1 }, async (engine, path) => {
    const { request } = await fold(engine, files("1\n"));
    const [leaf] = (await engine.jobsAt(request, "src/a.ts")) as readonly [Oid];
    engine.stats();
    const store = openStore(path);
    const known = store.evidence(leaf);
    if (known === undefined) throw new Error("the leaf is not remembered");
    store.keepDivergence(leaf, { ...known.memo, fuel: 1 }, 0, "verify");
    store.close();
    expect(await engine.explain(request)).toMatchObject({ how: "quarantined", quarantinedBy: leaf, others: [] });
    expect([request, leaf].map((each) => engine.quarantineCause(each))).toEqual([leaf, leaf]);
  });
});

test("a job that stands at two places is told at the one that is asked about, with where it was executed", async () => {
  await withEngine({ executors: 1 }, async (engine) => {
    const { request } = await fold(engine, files("r\n"));
    const [job] = (await engine.jobsAt(request, "./src//a.ts")) as readonly [Oid];
    expect(await engine.jobsAt(request, "readme.md")).toEqual([job]);
    const placeOf = async (path?: string) => {
      const how = path === undefined ? {} : { path };
      const { path: at, executedAt } = await engine.explain(job, how);
      return [at, executedAt];
    };
    expect(await placeOf("readme.md")).toEqual(["readme.md", undefined]);
    expect(await placeOf("./src//a.ts")).toEqual(["src/a.ts", "readme.md"]);
    expect(await placeOf()).toEqual(["readme.md", undefined]);
  });
});

test("of what never ran here nothing is known", async () => {
  await withEngine({ executors: 1 }, async (engine) => {
    const absent = hashObject("blob", Buffer.from("absent"));
    expect(await engine.explain(absent)).toMatchObject({
      how: "unknown",
      run: undefined,
      made: undefined,
      cause: undefined,
    });
    expect(await engine.trace(absent)).toBeUndefined();
    expect(await engine.jobsAt(absent, ".")).toEqual([]);
  });
});

async function addScripts(engine: Engine, leaf: string): Promise<{ root: Oid; leaf: Oid }> {
  const write = (name: string, source: string) => {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), source);
    return engine.addScript(join(folder, name));
  };
  return {
    root: await write(
      "root.ts",
      `export default async (job: any) => {
        const each = job.tree(job.args.source).map((file: any) => ({ worker: job.text(job.args.leaf), args: { file } }));
        const parts = await job.runMany(each);
        return job.text(await job.run(job.text(job.args.leaf), { file: parts.map((part: any) => job.text(part)).join("+") }));
      };`,
    ),
    leaf: await write("leaf.ts", leaf),
  };
}

test("in a pipeline of scripts it is told which script changed, and down to which argument of which call", async () => {
  await withEngine({ executors: 1 }, async (engine) => {
    const run = async (content: Files, scripts: { root: Oid; leaf: Oid }) =>
      engine.run({ worker: scripts.root, args: { source: { oid: tree(engine, content) }, leaf: scripts.leaf } });
    const scripts = await addScripts(engine, `export default (job: any) => job.text(job.args.file).trim() + "!";`);
    await run({ a: "1", b: "2", c: "3" }, scripts);
    const edited = await run({ a: "1", b: "20", c: "3" }, scripts);
    expect(await why(engine, edited.request)).toEqual(["changed since run 1", "args/source/b modified"]);
    const { made, worker } = await engine.explain(edited.request);
    expect(worker).toBe("root.ts");
    const calls = made?.children.first ?? [];
    expect(calls.map((each) => each.worker)).toEqual(["leaf.ts", "leaf.ts", "leaf.ts", "leaf.ts"]);
    expect((await engine.explain(calls[0]?.request as Oid)).how).toBe("hit");
    expect(await why(engine, calls[1]?.request as Oid)).toEqual(["changed since run 1", "args/file: 2 -> 20"]);
    expect(await why(engine, calls[3]?.request as Oid)).toEqual([
      "changed since run 1",
      "args/file: 1!+2!+3! -> 1!+20!+3!",
    ]);
    const later = await addScripts(engine, `export default (job: any) => job.text(job.args.file).trim() + "?";`);
    const rewritten = await run({ a: "1", b: "20", c: "3" }, later);
    expect(await why(engine, rewritten.request)).toEqual([
      "changed since run 2",
      "args/leaf: leaf.ts -> leaf.ts (module)",
    ]);
    const [first] = (await engine.explain(rewritten.request)).made?.children.first ?? [];
    expect(await why(engine, first?.request as Oid)).toEqual([
      "changed since run 2",
      "worker: leaf.ts -> leaf.ts (module)",
    ]);
  });
});
