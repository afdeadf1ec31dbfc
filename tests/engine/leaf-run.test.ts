/** A command's run, which is executed before anything of it is committed, leaves what every run leaves: its memo, its record and its trace, all at once. */
import { describe, expect, test, vi } from "vitest";
import { openEngine, type Oid } from "../../src/engine.ts";
import { openStore, QuarantinedMemo } from "../../src/store/store.ts";
import { encodeTree } from "../../src/store/tree.ts";
import { assemble } from "../guests/assemble.ts";
import { readCommandResult } from "../../src/abi/command.ts";
import { StaleStore } from "../../src/store/errors.ts";
import { collect } from "../store/surgery.ts";
import { putLayout, startCommand } from "../guests/command.ts";
import { temporaryFiles } from "../store/temporary.ts";

const file = temporaryFiles();

/** Counts for a while, then writes `bytes` bytes of stdout. */
const writer = (turns: number, bytes: number) => `(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 8)
  (func (export "_start") (local $turn i32)
    (loop $turns
      (local.set $turn (i32.add (local.get $turn) (i32.const 1)))
      (br_if $turns (i32.lt_u (local.get $turn) (i32.const ${turns}))))
    (i32.store (i32.const 0) (i32.const 100))
    (i32.store (i32.const 4) (i32.const ${bytes}))
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))`;
const quick = assemble(writer(1, 3));
const slow = assemble(writer(400_000_000, 3));

async function opened(executors = 2) {
  const path = file();
  const engine = openEngine({ store: path, executors });
  return { path, engine };
}

describe("a command's run", () => {
  test("is over in the store, for others too, when its caller is told: memo, record and trace", async () => {
    const { path, engine } = await opened();
    const worker = await engine.addCommand(quick);
    // The first waits for a thread, and so has a record before it ends.
    await startCommand(engine, worker, {}, { salt: "first" });
    const { request, outcome, run } = await startCommand(engine, worker, {});
    const other = openStore(path);
    expect(other.outcome(request)).toEqual(outcome);
    expect(other.lastRun()).toMatchObject({
      id: run,
      request,
      totals: { executed: 1, frames: 1, memoized: 0, ending: "result" },
    });
    expect(other.trace(run as number).length).toBe(64);
    expect(other.evidence(request)?.run).toBe(run);
    // What its result names is here for whoever asks for it.
    if (outcome.kind === "failed") throw new Error(outcome.message);
    expect(engine.commandResult(outcome.oid)).toMatchObject({ exit: 0 });
    expect(other.get(outcome.oid).kind).toBe("tree");
    other.close();
    await engine.close();
  });

  test("that makes more than is handed from thread to thread is there whole", async () => {
    const { path, engine } = await opened();
    const worker = await engine.addCommand(assemble(writer(1, 400_000)));
    const tree = putLayout(engine, { "large.txt": "x".repeat(200_000) });
    const { outcome } = await startCommand(engine, worker, { in: tree });
    await engine.close();
    const other = openStore(path);
    if (outcome.kind === "failed") throw new Error(outcome.message);
    const names = [...other.objects()].map(({ name }) => name);
    expect(names).toContain(outcome.oid);
    expect(names).toContain(tree);
    other.close();
  });

  test("has a record from early on where it takes long, and one that is cancelled says so", async () => {
    const { path, engine } = await opened();
    const worker = await engine.addCommand(slow);
    const abort = new AbortController();
    const running = startCommand(engine, worker, {}, { signal: abort.signal });
    const other = openStore(path);
    await vi.waitFor(() => expect(other.lastRun()).toBeDefined(), { timeout: 60_000, interval: 5 });
    expect(other.lastRun()?.totals).toBeUndefined();
    abort.abort();
    await expect(running).rejects.toMatchObject({ answer: { kind: "cancelled" } });
    await engine.close();
    expect(other.lastRun()).toMatchObject({ totals: { executed: 0, ending: "cancelled" } });
    expect(other.stats()).toMatchObject({ memos: 0, runs: 1 });
    other.close();
  });

  test("that is cancelled before it has a record says so, also where its record can't be made", async () => {
    const { path, engine } = await opened();
    const worker = await engine.addCommand(slow);
    await startCommand(engine, await engine.addCommand(quick), {}, { salt: "first" });
    const gone = engine.putBlob(Buffer.from("gone"));
    engine.stats();
    const abort = new AbortController();
    const running = startCommand(engine, worker, {}, { signal: abort.signal });
    await new Promise((resolve) => void setTimeout(resolve, 5));
    // What is buffered can't be committed now: it names what was deleted.
    collect(path, gone);
    engine.putTree([{ mode: "100644", name: "gone", oid: gone }]);
    abort.abort();
    await expect(running).rejects.toMatchObject({ answer: { kind: "cancelled" } });
    await engine.close().catch((error: unknown) => expect(error).toBeInstanceOf(StaleStore));
  });

  test("is joined by one that asks for the same meanwhile: executed once, two records, one memo", async () => {
    const { path, engine } = await opened();
    const worker = await engine.addCommand(slow);
    const both = await Promise.all([startCommand(engine, worker, {}), startCommand(engine, worker, {})]);
    expect(both[0].outcome).toEqual(both[1].outcome);
    expect(both[0].run).not.toBe(both[1].run);
    await engine.close();
    const other = openStore(path);
    expect(other.stats()).toMatchObject({ memos: 1, runs: 2 });
    expect(other.runs(undefined, 9).every(({ totals }) => totals?.ending === "result")).toBe(true);
    other.close();
  });

  test.each([0, 120])(
    "goes on for whoever joined it when its first caller leaves after %d ms, whose record says that he did",
    async (afterMs) => {
      const { path, engine } = await opened();
      const worker = await engine.addCommand(slow);
      await startCommand(engine, await engine.addCommand(quick), {}, { salt: "first" });
      const abort = new AbortController();
      const first = startCommand(engine, worker, {}, { signal: abort.signal });
      const second = startCommand(engine, worker, {});
      if (afterMs > 0) await new Promise((resolve) => void setTimeout(resolve, afterMs));
      abort.abort();
      await expect(first).rejects.toMatchObject({ answer: { kind: "cancelled" } });
      const { request, outcome, run } = await second;
      expect(outcome.kind).toBe("tree");
      expect((await engine.settle(request)).jobs.executed).toBe(0);
      await engine.close();
      const other = openStore(path);
      const endings = other.runs(undefined, 9).map(({ id, totals }) => [id === run, totals?.ending]);
      expect(endings).toContainEqual([true, "result"]);
      expect(endings).toContainEqual([false, "cancelled"]);
      other.close();
    },
  );

  test("that another process settled otherwise meanwhile ends as quarantined", async () => {
    const { path, engine } = await opened();
    const worker = await engine.addCommand(slow);
    const running = startCommand(engine, worker, {}, {});
    const failed = running.catch((error: unknown) => error);
    const other = openStore(path);
    await vi.waitFor(() => expect(other.lastRun()).toBeDefined(), { timeout: 60_000, interval: 5 });
    const request = other.lastRun()?.request as Oid;
    const wrong = { kind: "tree", oid: other.put("tree", encodeTree([])) } as const;
    other.remember(request, { outcome: wrong, detail: undefined, fuel: 0, reads: [], children: [] }, 1);
    other.flush();
    expect(await failed).toMatchObject({ answer: { kind: "quarantine", request } });
    expect(() => other.outcome(request)).toThrow(QuarantinedMemo);
    await engine.close();
    expect(other.runs(undefined, 9)).toMatchObject([{ totals: { executed: 0, ending: "quarantine" } }]);
    other.close();
  });
});

test.each([1, 2])(
  "a command that is asked for many times at once is executed once (executors: %i)",
  async (executors) => {
    const { path, engine } = await opened(executors);
    const worker = await engine.addCommand(quick);
    const salts = Array.from({ length: 60 }, (_, at) => `${at % 3}`);
    const runs = await Promise.all(salts.map((salt) => startCommand(engine, worker, {}, { salt })));
    expect(new Set(runs.map(({ request }) => request)).size).toBe(3);
    await engine.close();
    const other = openStore(path);
    const executed = other.runs(undefined, 99).map(({ totals }) => totals?.executed ?? 0);
    expect(executed.reduce((sum, each) => sum + each)).toBe(3);
    other.close();
  },
);

describe("an error of the store while a command runs", () => {
  test("that drops what was buffered leaves no memo without what it names", async () => {
    const { path, engine } = await opened(1);
    const copy = assemble(`(module
      (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
      (memory (export "memory") 1)
      (func (export "_start")
        (i32.store (i32.const 0) (i32.const 100)) (i32.store (i32.const 4) (i32.const 64))
        (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
        (i32.store (i32.const 4) (i32.load (i32.const 8)))
        (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))`);
    const worker = await engine.addCommand(copy);
    await startCommand(engine, worker, {}, { salt: "first" });
    const gone = engine.putBlob(Buffer.from("gone"));
    engine.stats();
    const running = startCommand(engine, worker, { stdin: "what it prints again" });
    // What the engine holds is dropped by an error that is nothing of the command's.
    collect(path, gone);
    engine.putTree([{ mode: "100644", name: "gone", oid: gone }]);
    expect(() => engine.stats()).toThrow(StaleStore);
    const { request, outcome } = await running;
    if (outcome.kind === "failed") throw new Error(outcome.message);
    await engine.close();
    const other = openStore(path);
    expect(other.outcome(request)).toEqual(outcome);
    expect(other.get(request).kind).toBe("tree");
    const said = readCommandResult(other, outcome.oid);
    expect(Buffer.from(other.get(said?.stdout as Oid).body).toString()).toBe("what it prints again");
    other.close();
  });
});
