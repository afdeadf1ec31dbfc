import { mkdtempSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { spawnSync } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import {
  MalformedArgs,
  MalformedRequest,
  MissingObject,
  NonAnswerError,
  StoreFailure,
  UnfitWorker,
  UnknownWorker,
  cidOf,
  oidOfCid,
  openEngine,
  type Engine,
  type EngineOptions,
  type LogLine,
  type NonAnswer,
  type Oid,
  type RunResult,
} from "../../src/engine.ts";
import { hashObject } from "../../src/store/object.ts";
import { StaleStore } from "../../src/store/errors.ts";
import { oid } from "../../src/store/oid.ts";
import { openStore } from "../../src/store/store.ts";
import { syntheticTree, wideFixture } from "../fold-bench/fixtures.ts";
import { guest } from "../guests/assemble.ts";
import { curry, echo, failing, library, run as runCall, silent } from "../guests/children.ts";
import { json as call, script } from "../guests/script.ts";
import { collect } from "../store/surgery.ts";
import vectors from "../vectors.json" with { type: "json" };

const folder = mkdtempSync(join(tmpdir(), "coppice-engine-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let stores = 0;

/** Works with an engine on a store of its own, or on the one that is named. */
async function withEngine<T>(
  work: (engine: Engine, store: string) => Promise<T> | T,
  options: Partial<EngineOptions> = {},
): Promise<T> {
  const store = options.store ?? join(folder, `${stores++}.sqlite`);
  const engine = openEngine({ ...options, store });
  try {
    return await work(engine, store);
  } finally {
    await engine.close();
  }
}

const emptyTree = oid(vectors.empty_tree);
const absent = oid("1111111111111111111111111111111111111111");
const endless = guest("(loop $again (br $again))");
const blobOid = (text: string) => hashObject("blob", Buffer.from(text));
const textOf = (engine: Engine, name: Oid) => Buffer.from(engine.get(name).body).toString("utf8");

function resultOf({ outcome }: RunResult): Oid {
  if (outcome.kind === "failed") throw new Error(`failed: ${outcome.message}`);
  return outcome.oid;
}

/** The non-answer that a run comes to. */
async function nonAnswer(run: Promise<RunResult>): Promise<NonAnswer> {
  const error: unknown = await run.then(
    (result) => new Error(`there is an outcome: ${JSON.stringify(result.outcome)}`),
    (thrown: unknown) => thrown,
  );
  if (error instanceof NonAnswerError) return error.answer;
  throw error;
}

function deaf(): never {
  throw new Error("no ears");
}

describe("arguments", () => {
  it("text and bytes become blobs, an oid names a blob or tree of the store, and the mode says which", async () => {
    await withEngine(async (engine) => {
      const tree = engine.putTree([{ mode: "100755", name: "x", oid: engine.putBlob(Buffer.from("x")) }]);
      const args = {
        text: "téxt",
        bytes: Uint8Array.of(0, 255),
        none: "",
        blob: { oid: blobOid("x") },
        tree: { oid: tree },
      };
      const result = await engine.run({ worker: engine.addWorker(echo), args });
      expect(engine.list(resultOf(result))).toEqual([
        { mode: "100644", name: "blob", oid: blobOid("x") },
        { mode: "100644", name: "bytes", oid: hashObject("blob", Uint8Array.of(0, 255)) },
        { mode: "100644", name: "none", oid: vectors.empty_blob },
        { mode: "100644", name: "text", oid: blobOid("téxt") },
        { mode: "40000", name: "tree", oid: tree },
      ]);
    });
  });

  it("the order in which they are given changes nothing", async () => {
    await withEngine(async (engine) => {
      const worker = engine.addWorker(echo);
      const first = await engine.run({ worker, args: { a: "1", b: "2" } });
      const second = await engine.run({ worker, args: { b: "2", a: "1" } });
      expect(second.request).toBe(first.request);
      expect(second.jobs).toEqual({ executed: 0, frames: 0, memoized: 1 });
    });
  });

  it("names that no tree can have, and objects that are not there, are refused", async () => {
    await withEngine(async (engine) => {
      const worker = engine.addWorker(silent);
      for (const name of ["", "a/b", "..", ".git", "a\0b", "\ud800"]) {
        await expect(engine.run({ worker, args: { [name]: "" } })).rejects.toThrow(MalformedArgs);
      }
      await expect(engine.run({ worker, args: { in: { oid: absent } } })).rejects.toThrow(MissingObject);
    });
  });
});

describe("workers", () => {
  it("an unknown one is refused, and the error knows those that there are", async () => {
    await withEngine(async (engine) => {
      const refused = (worker: string) =>
        engine.run({ worker }).then(
          () => undefined,
          (error: unknown) => error,
        );
      expect(await refused("nobody")).toBeInstanceOf(UnknownWorker);
      expect(await refused("nobody")).toMatchObject({ worker: "nobody", known: engine.workers() });
      expect(engine.workers()).toEqual([
        "byte-count",
        "dirs-only",
        "file-count",
        "fold-wasm",
        "language-stats",
        "line-count",
      ]);
      expect(await refused(absent)).toMatchObject({
        message: expect.stringContaining("no object of that oid is in the store") as string,
      });
      expect(await refused(engine.putTree([]))).toMatchObject({
        message: expect.stringContaining("the image is not a worker") as string,
      });
      await expect(engine.fold({ in: emptyTree, post: "nobody" })).rejects.toThrow(UnknownWorker);
      await expect(engine.fold({ in: emptyTree, post: "line-count", pre: "nobody" })).rejects.toThrow(UnknownWorker);
    });
  });

  it("a file that is none is refused", async () => {
    await withEngine((engine) => {
      expect(() => engine.addWorker(Buffer.from("text"))).toThrow(UnfitWorker);
      expect(() => engine.addWorker(new Uint8Array())).toThrow(UnfitWorker);
    });
  });

  it("a curry binds arguments, and those of the call win", async () => {
    await withEngine(async (engine) => {
      const bound = curry(engine, engine.addWorker(echo), { a: "bound", b: "bound" });
      const result = await engine.run({ worker: bound, args: { b: "given" } });
      expect(engine.list(resultOf(result)).map(({ name, oid: value }) => [name, textOf(engine, value)])).toEqual([
        ["a", "bound"],
        ["b", "given"],
      ]);
      const uncurried = await engine.run({ worker: engine.addWorker(echo), args: { a: "bound", b: "given" } });
      expect(uncurried.request).toBe(result.request);
      engine.putTree([]);
      const counting = curry(engine, "/cas/std/line-count", { in: "1\n2\n" });
      expect(
        textOf(engine, resultOf(await engine.run({ worker: counting, args: { children: { oid: emptyTree } } }))),
      ).toBe("2\n");
    });
  });

  it("a standard library of one's own is what names mean, for the run and all that it nests", async () => {
    await withEngine(async (engine) => {
      const std = library(engine, {
        "fold-wasm": engine.list(engine.std).find(({ name }) => name === "fold-wasm")?.oid as Oid,
        quiet: engine.addWorker(silent),
      });
      expect(engine.workers(std)).toEqual(["fold-wasm", "quiet"]);
      const tree = engine.putTree([{ mode: "100644", name: "a", oid: engine.putBlob(Buffer.from("a")) }]);
      const result = await engine.fold({ in: tree, post: "quiet", std });
      expect(resultOf(result)).toBe(vectors.empty_blob);
      await expect(engine.run({ worker: "line-count", std })).rejects.toThrow(UnknownWorker);
    });
  });
});

describe("a run", () => {
  it("gives the request, the outcome, its CID, counts and milliseconds", async () => {
    await withEngine(async (engine) => {
      const result = await engine.run({
        worker: "line-count",
        args: { in: "a\n", children: { oid: engine.putTree([]) } },
      });
      expect(result).toEqual({
        request: result.request,
        outcome: { kind: "blob", oid: blobOid("1\n") },
        cid: cidOf(blobOid("1\n")),
        detail: undefined,
        jobs: { executed: 1, frames: 1, memoized: 0 },
        ms: expect.any(Number) as number,
        run: expect.any(Number) as number,
      });
      expect(oidOfCid(result.cid ?? "")).toBe(blobOid("1\n"));
      expect(engine.list(result.request).map(({ name }) => name)).toEqual(["args", "image", "salt", "std"]);
    });
  });

  it("that fails has an outcome and, apart from it, what people want to know", async () => {
    await withEngine(async (engine) => {
      const result = await engine.run({ worker: engine.addWorker(failing("no luck")) });
      expect(result).toMatchObject({
        outcome: { kind: "failed", code: "trap", message: "no luck" },
        cid: undefined,
        detail: expect.stringContaining("unreachable") as string,
      });
    });
  });

  it("salt separates, forgetting drops one memo, and rerun looks none up for the top request", async () => {
    await withEngine(async (engine) => {
      const worker = engine.addWorker(silent);
      const executed = async (options: { salt?: string; rerun?: boolean }) =>
        (await engine.run({ worker, ...options })).jobs.executed;
      expect([
        await executed({}),
        await executed({}),
        await executed({ salt: "s" }),
        await executed({ rerun: true }),
      ]).toEqual([1, 0, 1, 1]);
      const { request } = await engine.run({ worker });
      expect([engine.forget(request), engine.forget(request)]).toEqual([true, false]);
      expect([await executed({}), await executed({ salt: "s" })]).toEqual([1, 0]);
    });
  });

  it("a failed outcome is remembered until it is forgotten", async () => {
    await withEngine(async (engine) => {
      const worker = engine.addWorker(failing("no"));
      const first = await engine.run({ worker });
      expect((await engine.run({ worker })).jobs.executed).toBe(0);
      expect(engine.stats()).toMatchObject({ memos: 1, failed: 1 });
      expect(engine.forget(first.request)).toBe(true);
      expect((await engine.run({ worker })).jobs.executed).toBe(1);
    });
  });

  it("settle runs a request that is in the store, as run would", async () => {
    await withEngine(async (engine) => {
      const { request, outcome } = await engine.run({ worker: engine.addWorker(silent) });
      engine.forget(request);
      expect(await engine.settle(request)).toMatchObject({ request, outcome, jobs: { executed: 1 } });
      await expect(engine.settle(engine.putTree([]))).rejects.toThrow(MalformedRequest);
      await expect(engine.settle(absent)).rejects.toThrow(MissingObject);
    });
  });

  it("what guests log is heard in order, of executions alone", async () => {
    await withEngine(async (engine) => {
      const child = engine.addWorker(
        script([call({ op: "log", msg: "child 1" }), call({ op: "log", msg: "child 2" })]),
      );
      const worker = engine.addWorker(
        script([call({ op: "log", msg: "before" }), runCall(child), call({ op: "log", msg: "after" })]),
      );
      engine.putTree([]);
      const heard: LogLine[] = [];
      const onLog = (line: LogLine) => void heard.push(line);
      const { request } = await engine.run({ worker, onLog });
      // A frame's lines come when it has completed, so the child's stand before its parent's.
      expect(heard.map(({ line }) => line)).toEqual(["child 1", "child 2", "before", "after"]);
      expect(heard.filter((line) => line.request === request).map(({ line }) => line)).toEqual(["before", "after"]);
      await engine.run({ worker, onLog });
      expect(heard).toHaveLength(4);
    });
  });
});

describe("the trace", () => {
  it("of the wide fixture has a run for each of the 61 jobs, each under the job that asked for it", async () => {
    await withEngine(async (engine) => {
      const tree = wideFixture(engine);
      const { request, jobs } = await engine.fold({ in: tree, post: "file-count" });
      const { run, events } = engine.lastRun() ?? {};
      expect(run?.request).toBe(request);
      const runs = events?.filter(({ how }) => how === "run") ?? [];
      expect(runs).toHaveLength(61);
      expect(jobs.executed).toBe(61);
      // With others who help, a request that they ran is looked up once more.
      const hits = events?.filter(({ how }) => how === "hit") ?? [];
      expect(hits.length).toBeGreaterThanOrEqual(jobs.memoized);
      expect(events).toHaveLength(61 + hits.length);
      expect(new Set(runs.map((event) => event.request)).size).toBe(61);
      const argsOf = (name: Oid) => {
        const args = engine.list(name).find((entry) => entry.name === "args")?.oid as Oid;
        return new Map(engine.list(args).map((entry) => [entry.name, entry.oid]));
      };
      for (const event of events ?? []) {
        if (event.request === request) {
          expect(event.parent).toBeUndefined();
          continue;
        }
        const parent = event.parent as Oid;
        // The parent is a fold whose `in` is this job's `in` (the visitor of a folder) or holds it.
        const below = argsOf(event.request).get("in") as Oid;
        const above = argsOf(parent).get("in") as Oid;
        expect(argsOf(parent).has("post")).toBe(true);
        expect(below === above || engine.list(above).some((entry) => entry.oid === below)).toBe(true);
        // What is asked for ends before who asks.
        const at = (name: Oid) => runs.findIndex((each) => each.request === name);
        if (event.how === "run") expect(at(event.request)).toBeLessThan(at(parent));
      }
      expect(runs.at(-1)?.request).toBe(request);
    });
  });

  it("of a run that a memo answers stays that of the run before", async () => {
    await withEngine(async (engine) => {
      expect(engine.lastRun()).toBeUndefined();
      const worker = engine.addWorker(silent);
      await engine.run({ worker });
      const before = engine.lastRun();
      await engine.run({ worker });
      expect(engine.lastRun()).toEqual(before);
      expect(engine.stats().runs).toBe(1);
    });
  });
});

describe("several runs at once", () => {
  it("of one request are one execution", async () => {
    await withEngine(async (engine) => {
      const tree = wideFixture(engine);
      const results = await Promise.all(Array.from({ length: 5 }, () => engine.fold({ in: tree, post: "file-count" })));
      expect(new Set(results.map(resultOf))).toEqual(new Set([vectors.fixtures.wide.result]));
      expect(results.reduce((sum, { jobs }) => sum + jobs.executed, 0)).toBe(61);
      expect(engine.stats().memos).toBe(61);
    });
  });

  it("of different requests, more than execute at a time, all come to their own results", async () => {
    await withEngine(async (engine) => {
      const worker = engine.addWorker(echo);
      const results = await Promise.all(
        Array.from({ length: 40 }, (_, at) => engine.run({ worker, args: { n: String(at) } })),
      );
      expect(results.map((result) => textOf(engine, engine.list(resultOf(result))[0]?.oid as Oid))).toEqual(
        Array.from({ length: 40 }, (_, at) => String(at)),
      );
    });
  });

  it("one that fails or is cancelled leaves the others alone", async () => {
    await withEngine(async (engine) => {
      const tree = wideFixture(engine);
      const abort = new AbortController();
      const cancelled = engine.fold({ in: tree, post: "file-count", signal: abort.signal });
      const joined = engine.fold({ in: tree, post: "file-count" });
      const failed = engine.run({ worker: engine.addWorker(failing("no")) });
      abort.abort();
      expect(await nonAnswer(cancelled)).toEqual({ kind: "cancelled" });
      expect(resultOf(await joined)).toBe(vectors.fixtures.wide.result);
      expect((await failed).outcome.kind).toBe("failed");
    });
  });
});

describe("what ends a run without an answer", () => {
  it("an abort signal, before and while it runs", async () => {
    await withEngine(async (engine) => {
      const worker = engine.addWorker(endless);
      expect(await nonAnswer(engine.run({ worker, signal: AbortSignal.abort() }))).toEqual({ kind: "cancelled" });
      const abort = new AbortController();
      const running = nonAnswer(engine.run({ worker, signal: abort.signal }));
      abort.abort();
      expect(await running).toEqual({ kind: "cancelled" });
      expect(resultOf(await engine.run({ worker: engine.addWorker(silent) }))).toBe(vectors.empty_blob);
      expect(engine.stats().memos).toBe(1);
    });
  });

  it("an abort signal, while others run and its turn has not come", async () => {
    await withEngine(async (engine) => {
      const worker = engine.addWorker(endless);
      const running = Array.from({ length: 16 }, (_, at) => nonAnswer(engine.run({ worker, salt: String(at) })));
      const abort = new AbortController();
      const waiting = nonAnswer(engine.run({ worker, salt: "last", signal: abort.signal }));
      setImmediate(() => abort.abort());
      expect(await waiting).toEqual({ kind: "cancelled" });
      await engine.close();
      expect(await Promise.all(running)).toEqual(running.map(() => ({ kind: "cancelled" })));
    });
  });

  it("what a hearer throws, which is its own run's error and no other's", async () => {
    await withEngine(async (engine) => {
      const worker = engine.addWorker(script([call({ op: "log", msg: "a line" })]));
      const heard = engine.run({ worker, salt: "heard", onLog: deaf });
      const unheard = engine.run({ worker, salt: "unheard" });
      await expect(heard).rejects.toThrow("no ears");
      expect((await unheard).outcome).toBeDefined();
      // It was computed all the same.
      expect((await engine.run({ worker, salt: "heard" })).jobs.executed).toBe(0);
    });
  });

  it("a guest that runs too long, and the message says which", async () => {
    await withEngine(
      async (engine) => {
        const worker = engine.addWorker(endless);
        const answer = await nonAnswer(engine.run({ worker }));
        expect(answer).toMatchObject({ kind: "host" });
        expect((answer as { message: string }).message).toMatch(
          new RegExp(`^worker ${worker} \\(request [0-9a-f]{40}\\) ran for more than 2 s and was stopped$`),
        );
        expect(resultOf(await engine.run({ worker: engine.addWorker(silent) }))).toBe(vectors.empty_blob);
      },
      { wallClockMsMax: 2000 },
    );
  });

  it("an object that is not to be had, by name", async () => {
    await withEngine(async (engine) => {
      const worker = engine.addWorker(script([call({ op: "get", hash: absent })]));
      expect(await nonAnswer(engine.run({ worker }))).toEqual({ kind: "missing", oid: absent });
      expect(engine.stats().memos).toBe(0);
    });
  });

  it("a circle of requests, listed", async () => {
    await withEngine(async (engine) => {
      engine.putTree([]);
      const self = engine.addWorker(script([runCall("/cas/std/self")]));
      const std = library(engine, { self });
      const answer = await nonAnswer(engine.run({ worker: "self", std }));
      expect(answer.kind).toBe("cycle");
      expect(answer).toMatchObject({ requests: [expect.stringMatching(/^[0-9a-f]{40}$/) as string] });
    });
  });

  it("an unknown runtime", async () => {
    await withEngine(async (engine) => {
      const worker = engine.putTree([
        { mode: "100644", name: ".caos-runtime", oid: engine.putBlob(Buffer.from("lisp/1")) },
        { mode: "100644", name: "module", oid: engine.putBlob(silent) },
      ]);
      const answer = await nonAnswer(engine.run({ worker }));
      expect(answer).toMatchObject({ kind: "host", message: expect.stringContaining("lisp/1") as string });
    });
  });

  it("closing the engine while it runs: the run is cancelled, what was computed is kept", async () => {
    const store = join(folder, "closing.sqlite");
    const engine = openEngine({ store });
    const tree = syntheticTree(engine, 4000);
    const running = nonAnswer(engine.fold({ in: tree, post: "line-count" }));
    await engine.close();
    expect(await running).toEqual({ kind: "cancelled" });
    await engine.close();
    await withEngine(
      async (again) => {
        const before = again.stats().memos;
        const { jobs } = await again.fold({ in: tree, post: "line-count" });
        expect(jobs.executed).toBe(again.stats().memos - before);
      },
      { store },
    );
  });

  it("closing the engine while runs wait for their turn", async () => {
    const engine = openEngine({ store: join(folder, "waiting.sqlite") });
    const worker = engine.addWorker(endless);
    const runs = Array.from({ length: 40 }, (_, at) => nonAnswer(engine.run({ worker, salt: String(at) })));
    await engine.close();
    expect(new Set((await Promise.all(runs)).map(({ kind }) => kind))).toEqual(new Set(["cancelled"]));
  });
});

describe("how a run ended is committed behind its caller's back", () => {
  it("what its caller puts meanwhile and can't be committed is told to whoever asks for something, and to nobody else", async () => {
    await withEngine(async (engine, store) => {
      const name = engine.putBlob(Buffer.from("x"));
      const { run } = await engine.run({ worker: engine.addWorker(silent) });
      collect(store, name);
      engine.putTree([{ mode: "100644", name: "x", oid: name }]);
      await new Promise((resolve) => setImmediate(resolve));
      const other = openStore(store);
      expect(other.lastRun()).toMatchObject({ id: run, totals: { ending: "result" } });
      other.close();
      expect(() => engine.stats()).toThrow(StaleStore);
    });
  });

  it("a run that is asked for while the engine closes rejects, and nothing is left to be committed", async () => {
    const engine = openEngine({ store: join(folder, "late.sqlite") });
    const worker = engine.addWorker(silent);
    const closed = engine.close();
    const late = engine.run({ worker });
    await closed;
    await expect(late).rejects.toThrow();
    await new Promise((resolve) => setImmediate(resolve));
  });
});

describe("objects", () => {
  it("are put, got and listed under git's names", async () => {
    await withEngine((engine) => {
      const { entries, oid: expected } = vectors.put_tree;
      const flat = entries.filter(([name]) => !name?.includes("/"));
      const sub = engine.putTree([{ mode: "100644", name: "z.txt", oid: engine.putBlob(Buffer.from("zulu")) }]);
      const tree = engine.putTree([
        { mode: "40000", name: "sub", oid: sub },
        ...flat.map(([name, mode, text]) => ({
          mode: mode as "100644" | "120000",
          name: name as string,
          oid: engine.putBlob(Buffer.from(text as string)),
        })),
      ]);
      expect(tree).toBe(expected);
      expect(engine.list(tree).map(({ name }) => name)).toEqual(["a.txt", "b.txt", "link", "sub"]);
      expect(engine.get(tree).kind).toBe("tree");
      expect(() => engine.get(absent)).toThrow(MissingObject);
      expect(() => engine.list(absent)).toThrow(MissingObject);
      expect(() => engine.list(blobOid("zulu"))).toThrow(MalformedArgs);
      expect(() => engine.putTree([{ mode: "40000", name: "x", oid: blobOid("zulu") }])).toThrow(MalformedArgs);
      expect(() => engine.putTree([{ mode: "100644", name: "x", oid: absent }])).toThrow(MissingObject);
      expect(engine.putTree([{ mode: "160000", name: "x", oid: absent }])).toMatch(/^[0-9a-f]{40}$/);
    });
  });

  it("a tree is checked out with what it holds, and its counts are told", async () => {
    await withEngine(async (engine) => {
      const target = join(folder, "checked-out");
      expect(await engine.checkout(wideFixture(engine), target)).toEqual({ files: 31, folders: 14 });
      expect(readFileSync(join(target, "d1", "d2", "f1.txt"), "utf8")).toBe("wide/d1/d2/f1.txt\n");
      await expect(engine.checkout(wideFixture(engine), target)).rejects.toThrow("is no empty folder");
      await expect(engine.checkout(blobOid("wide/f1.txt\n"), join(folder, "no"))).rejects.toThrow(MalformedArgs);
      expect(statSync(join(folder, "no"), { throwIfNoEntry: false })).toBeUndefined();
    });
  });

  it("a work tree is imported under git's name, once", async () => {
    const repository = join(folder, "repository");
    mkdirSync(join(repository, "sub"), { recursive: true });
    writeFileSync(join(repository, "sub", "a.txt"), "a\n");
    const environment = { PATH: process.env["PATH"], HOME: folder, GIT_CONFIG_NOSYSTEM: "1" };
    const git = (...args: readonly string[]) =>
      spawnSync("git", args, { cwd: repository, env: environment, encoding: "utf8" }).stdout.trim();
    git("init", "--quiet");
    git("add", ".");
    const tree = oid(git("write-tree"));
    await withEngine(async (engine) => {
      expect(await engine.importTree(repository)).toEqual({
        kind: "tree",
        oid: tree,
        objects: 3,
        bytes: expect.any(Number) as number,
        submodules: [],
      });
      expect(await engine.importTree(repository)).toMatchObject({ kind: "tree", oid: tree, objects: 0, bytes: 0 });
      expect(await engine.importTree(join(repository, "sub"))).toMatchObject({ oid: engine.list(tree)[0]?.oid });
      expect(await engine.importTree(join(repository, "sub", "a.txt"))).toMatchObject({
        kind: "blob",
        oid: blobOid("a\n"),
      });
      await expect(engine.importTree(folder)).rejects.toThrow("is in no git repository");
      await expect(engine.importTree(repository, "nowhere")).rejects.toThrow("nowhere");
    });
  });
});

describe("the store's file", () => {
  it("serves two engines at once: each sees what the other computed, and what it forgot", async () => {
    await withEngine(async (first, store) => {
      await withEngine(
        async (second) => {
          const tree = wideFixture(first);
          const cold = await first.fold({ in: tree, post: "file-count" });
          expect((await second.fold({ in: tree, post: "file-count" })).jobs.executed).toBe(0);
          expect(first.forget(cold.request)).toBe(true);
          expect((await second.fold({ in: tree, post: "file-count" })).jobs.executed).toBe(1);
          expect((await first.fold({ in: tree, post: "file-count" })).jobs.executed).toBe(0);
        },
        { store },
      );
    });
  });

  it("serves two engines that run the same at the same time, with the same result", async () => {
    await withEngine(async (first, store) => {
      await withEngine(
        async (second) => {
          const tree = wideFixture(first);
          wideFixture(second);
          const both = await Promise.all([first, second].map((each) => each.fold({ in: tree, post: "file-count" })));
          expect(both.map(resultOf)).toEqual([vectors.fixtures.wide.result, vectors.fixtures.wide.result]);
          expect(first.stats()).toMatchObject({ memos: 61, quarantined: 0 });
        },
        { store },
      );
    });
  });

  it("that can't be used is said by fault", () => {
    const file = join(folder, "garbage");
    writeFileSync(file, "garbage ".repeat(1000));
    expect(() => openEngine({ store: file })).toThrow(StoreFailure);
    expect(() => openEngine({ store: folder })).toThrow(StoreFailure);
    expect(() => openEngine({ store: join(file, "below") })).toThrow(StoreFailure);
  });

  it("in memory is refused, since executors could not see it", () => {
    expect(() => openEngine({ store: ":memory:" })).toThrow(StoreFailure);
    expect(() => openEngine({ store: "" })).toThrow(StoreFailure);
  });
});

it("two engines in two folders give the same request and result for the same input", async () => {
  const results = await Promise.all(
    [1, 2].map(() => withEngine((engine) => engine.fold({ in: wideFixture(engine), post: "line-count" }))),
  );
  expect(results[0]?.request).toBe(results[1]?.request);
});
