/** Commands as requests: what they are refused for, what ends them, what is remembered of them. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { putCommandArgs, type Command } from "../../../src/abi/command.ts";
import { commandTexts, errorTexts, failureTexts } from "../../../src/abi/error-texts.ts";
import { parseCommandLimits, type CommandLimits } from "../../../src/abi/limits.ts";
import { putRequest, putSurroundings } from "../../../src/abi/request.ts";
import { putRuntimeNode, resolveImage, wasiMarker, wasmMarker } from "../../../src/abi/worker.ts";
import { UnfitWorker, type RunResult } from "../../../src/engine.ts";
import type { FrameHost } from "../../../src/isolate-host/frame.ts";
import { WasiGuests } from "../../../src/isolate-host/wasi-guests.ts";
import { newJob } from "../../../src/scheduler/settle.ts";
import { emptyBlob, emptyTree } from "../../../src/store/object.ts";
import type { Oid } from "../../../src/store/oid.ts";
import { openStore } from "../../../src/store/store.ts";
import { encodeTree } from "../../../src/store/tree.ts";
import { assemble } from "../../guests/assemble.ts";
import { listed, runCommand, startCommand, type Given } from "../../guests/command.ts";
import { blobOid, nonAnswer, sharedRoom, withEngine } from "../../guests/room.ts";
import { leaves, passes } from "../../guests/wasi-runs.ts";
import { WasiScript, bufferAt, oflags, writes } from "../../guests/wasi-script.ts";

const room = sharedRoom({ executors: 1 });
const add = (script: WasiScript, limits?: Partial<CommandLimits>) => room.engine.addCommand(script.module(), limits);
const start = async (script: WasiScript, given: Given = {}, limits?: Partial<CommandLimits>): Promise<RunResult> =>
  startCommand(room.engine, await add(script, limits), given);
const quiet = new WasiScript();
const endless = (body: string) => new WasiScript().raw(`(loop $again ${body} (br $again))`);
/** Writes a page to a descriptor, again and again. */
const flood = (script: WasiScript, fd: string) => {
  const vector = script.vector(0, 65_536);
  return script.raw(
    `(loop $again (drop (call $fd_write ${fd} (i32.const ${vector}) (i32.const 1) (i32.const ${bufferAt}))) (br $again))`,
  );
};
const looks = () => {
  const script = new WasiScript().call("random_get", [bufferAt, 16]).call("clock_time_get", [0, 0n, bufferAt + 16]);
  const [vector, done] = [script.vector(bufferAt, 24), script.slot()];
  return script.call("fd_write", [1, vector, 1, done]);
};
const stats = (path: string) => new WasiScript().try("path_filestat_get", [3, 0, path, bufferAt]);
/** Five bytes to a file, two and three to the streams. */
const writesTen = () => {
  const writing = new WasiScript();
  return writing
    .write(writing.open("file", { rights: writes, how: oflags.truncate }), "12345")
    .write(1, "67")
    .write(2, "890");
};

describe("args that are no command's fail by a fixed text", () => {
  test.each([
    ["none", {}, commandTexts.notACommand],
    ["no argv", { argv: "" }, commandTexts.badArgv],
    ["argv without its end", { argv: "cat" }, commandTexts.badArgv],
    ["an environment out of order", { env: "B=1\0A=1\0" }, commandTexts.badEnv],
    ["a relative folder", { cwd: "src" }, commandTexts.badCwd],
    ["a folder that is not there", { cwd: "/nope" }, commandTexts.badCwd],
    ["a folder that is a file", { cwd: "/file" }, commandTexts.badCwd],
    ["more than five", { more: "" }, commandTexts.notACommand],
  ])("%s", async (what, change, message) => {
    const worker = await add(quiet);
    const tree = room.engine.putTree([{ mode: "100644", name: "file", oid: room.blob("") }]);
    const sound = { argv: "cat\0", env: "", stdin: "", in: { oid: tree }, cwd: "/" };
    const args = what === "none" ? {} : { ...sound, ...change };
    const { outcome } = await room.engine.run({ worker, args });
    expect(outcome).toEqual({ kind: "failed", code: "abi", message });
  });
});

test("an object that is not here is a non-answer, which no command sees; one that nobody looks at is not missed", async () => {
  await withEngine({ executors: 1 }, async (engine, storePath) => {
    const absent = blobOid("comes later");
    const store = openStore(storePath);
    const tree = store.put("tree", encodeTree([{ mode: "100644", name: "late", oid: absent }]));
    store.close();
    const commands = [
      new WasiScript().file("late", "comes later"),
      new WasiScript().call("path_filestat_get", [3, 0, "late", bufferAt]).isU64(bufferAt + 32, 11n, "size"),
      new WasiScript().call("path_rename", [3, "late", 3, "moved"]).call("fd_readdir", [3, bufferAt, 99, 0n, 8]),
    ];
    const starts = await Promise.all(commands.map((script) => engine.addCommand(script.module())));
    const [reading, asking, moving] = starts as [Oid, Oid, Oid];
    for (const worker of [reading, asking]) {
      expect(await nonAnswer(startCommand(engine, worker, { in: tree }))).toEqual({ kind: "missing", oid: absent });
    }
    expect((await runCommand(engine, moving, { in: tree })).exit).toBe(0);
    engine.putBlob(Buffer.from("comes later"));
    for (const worker of [reading, asking]) expect((await runCommand(engine, worker, { in: tree })).exit).toBe(0);
  });
});

describe("modules that are no commands are refused", () => {
  const memory = `(memory (export "memory") 1)`;
  test.each([
    [
      "caos_run",
      `(module ${memory} (func (export "caos_run")))`,
      "it does not export a memory `memory` and a function `_start` without parameters or results",
    ],
    ["_start with a parameter", `(module ${memory} (func (export "_start") (param i32)))`, "`_start`"],
    [
      "an ABI of other guests",
      `(module (import "caos_abi_v1" "read" (func (param i32))) ${memory} (func (export "_start")))`,
      "it imports caos_abi_v1.read, which no guest can have",
    ],
    [
      "another type",
      `(module (import "host_fs" "chmod" (func (param i32 i32) (result i32))) ${memory} (func (export "_start")))`,
      "it imports host_fs.chmod, with another type than the host's",
    ],
    [
      "an unknown function",
      `(module (import "wasi_snapshot_preview1" "fd_dup" (func (param i32) (result i32))) ${memory} (func (export "_start")))`,
      "it imports wasi_snapshot_preview1.fd_dup, which no guest can have",
    ],
  ])("%s", async (_what, wat, why) => {
    const module = assemble(wat);
    await expect(room.engine.addCommand(module)).rejects.toThrow(UnfitWorker);
    await expect(room.engine.addCommand(module)).rejects.toThrow(why);
  });

  test("also when one comes to be run: by a fixed text", async () => {
    await withEngine({ executors: 1 }, async (engine, storePath) => {
      const store = openStore(storePath);
      const module = store.put("blob", assemble(`(module ${memory})`));
      const worker = putRuntimeNode(store, wasiMarker, module);
      store.close();
      const { outcome, detail } = await startCommand(engine, worker, {});
      expect(outcome).toEqual({ kind: "failed", code: "module", message: commandTexts.noStart });
      expect(detail).toContain("`_start`");
    });
  });

  test("what fits as a worker is kept apart from what fits as a command", async () => {
    const filler = `(data (i32.const 0) "${"x".repeat(70_000)}")`;
    const both = assemble(
      `(module (memory (export "memory") 2) ${filler} (func (export "caos_run")) (func (export "_start")))`,
    );
    const onlyWorker = assemble(
      `(module (memory (export "memory") 2) ${filler} (func (export "caos_run") (drop (i32.const 1))))`,
    );
    await withEngine({ executors: 1 }, async (engine) => {
      const worker = engine.addWorker(onlyWorker);
      expect((await engine.run({ worker })).outcome).toEqual({
        kind: "failed",
        code: "abi",
        message: failureTexts.noResult,
      });
      await expect(engine.addCommand(onlyWorker)).rejects.toThrow(UnfitWorker);
      const command = await engine.addCommand(both);
      expect((await runCommand(engine, command, {})).exit).toBe(0);
      expect((await engine.run({ worker: engine.addWorker(both) })).outcome).toHaveProperty("code", "abi");
    });
  });
});

describe("a trap", () => {
  test("fails with the last line of standard error, and what came before is in the log", async () => {
    const script = new WasiScript().write(2, "first\nlast words").raw("unreachable");
    const worker = await add(script);
    const log: string[] = [];
    const { outcome, detail } = await startCommand(room.engine, worker, {}, { onLog: ({ line }) => log.push(line) });
    expect(outcome).toEqual({ kind: "failed", code: "trap", message: "last words" });
    expect(log).toEqual(["first", "last words"]);
    expect(detail).toMatch(/^unreachable in function .* of worker /);
  });

  test.each([
    ["thread 'main' panicked at src/main.rs:2:5:\nwhy\nnote: run with `RUST_BACKTRACE=1`\n", "why"],
    ["said\nthread '<unnamed>' (1) panicked at a.rs:2:5:\nnot equal\n  left: 1\n right: 2\nnote: run\n", "not equal"],
    [
      "thread 'main' panicked at 'why', src/main.rs:2:5\nnote: run\n",
      "thread 'main' panicked at 'why', src/main.rs:2:5",
    ],
    ["thread 'a' panicked at a.rs:1:1:\nfirst\nthread 'a' panicked at b.rs:1:1:\nsecond\nabort\n", "second"],
    ["thread 'main' panicked at a.rs:1:1:\n", "thread 'main' panicked at a.rs:1:1:"],
    ["the thread 'main' panicked at a.rs:1:1:\nlast\n", "last"],
  ])("of a Rust program that said %j fails with its reason", async (stderr, message) => {
    const { outcome } = await start(new WasiScript().write(2, stderr).raw("unreachable"));
    expect(outcome).toEqual({ kind: "failed", code: "trap", message });
  });

  test("fails with a fixed text when nothing was said", async () => {
    const { outcome } = await start(new WasiScript().write(1, "said elsewhere").raw("unreachable"));
    expect(outcome).toEqual({ kind: "failed", code: "trap", message: failureTexts.trapped });
  });

  test("can't be told from another one by much that was said before: the end of it is the message", async () => {
    const fill = `(memory.fill (i32.const ${bufferAt}) (i32.const 120) (i32.const 100000))`;
    const long = new WasiScript().raw(fill);
    const vector = long.vector(bufferAt, 100_000);
    long.call("fd_write", [2, vector, 1, bufferAt - 8]).write(2, "\nend\n");
    const { outcome } = await start(long.raw("unreachable"));
    expect(outcome).toEqual({ kind: "failed", code: "trap", message: "end" });
  });

  test.each([1, 2, 3, 4, 5, 1000, 65_536, 1 << 20])(
    "after bytes that are no text fails as well, with %i bytes of log",
    async (logBytes) => {
      const script = new WasiScript().raw(`(memory.fill (i32.const ${bufferAt}) (i32.const 255) (i32.const 100000))`);
      const vector = script.vector(bufferAt, 100_000);
      const { outcome } = await start(script.call("fd_write", [2, vector, 1, 8]).raw("unreachable"), {}, { logBytes });
      expect(outcome).toHaveProperty("code", "trap");
    },
  );
});

describe("limits", () => {
  const wroteTooMuch = { kind: "failed", code: "limit", message: commandTexts.wroteTooMuch };

  test("of fuel end a loop that never ends", async () => {
    const { outcome, detail } = await start(endless(""), {}, { fuel: 1_000_000 });
    expect(outcome).toEqual({ kind: "failed", code: "limit", message: failureTexts.outOfFuel });
    expect(detail).toContain("it passed its limit fuel of 1000000; a worker may have up to");
    expect(detail).toContain("`coppice tool add NAME FILE --limits '{\"fuel\":4000000}'`");
    // Calls count, too, also when they fail.
    const calls = endless("(drop (call $fd_tell (i32.const 99) (i32.const 0)))");
    expect((await start(calls, {}, { fuel: 1_000_000 })).outcome).toEqual(outcome);
  });

  test("of depth end a recursion", async () => {
    const script = new WasiScript().raw("(call $deep)");
    script.functions = "(func $deep (call $deep))";
    expect((await start(script)).outcome).toEqual({
      kind: "failed",
      code: "limit",
      message: failureTexts.calledTooDeep,
    });
  });

  test("of memory are told to the guest, whose memory does not grow", async () => {
    const script = new WasiScript().is({ wat: "(memory.grow (i32.const 4096))" }, -1, "growth");
    script
      .is({ wat: "(memory.grow (i32.const 4))" }, 4, "growth")
      .is({ wat: "(memory.grow (i32.const 1))" }, -1, "growth");
    const worker = await add(script, { memoryPages: 8 });
    expect((await runCommand(room.engine, worker, {})).exit).toBe(0);
    const { outcome } = await start(new WasiScript(9), {}, { memoryPages: 9 });
    expect(outcome.kind).toBe("tree");
    await expect(add(new WasiScript(9), { memoryPages: 8 })).rejects.toThrow(UnfitWorker);
  });

  test.each([
    ["standard output", (script: WasiScript) => flood(script, "(i32.const 1)")],
    ["standard error", (script: WasiScript) => flood(script, "(i32.const 2)")],
    ["a file", (script: WasiScript) => flood(script, script.open("new", { how: oflags.create, rights: writes }).wat)],
    [
      "a file that is appended to",
      (script: WasiScript) => flood(script, script.open("file", { rights: writes, flags: 1 }).wat),
    ],
    [
      "one size",
      (script: WasiScript) => script.try("fd_filestat_set_size", [script.open("file", { rights: writes }), 1n << 27n]),
    ],
    ["a gap", (script: WasiScript) => script.write(script.open("file", { rights: writes }), "x", 1n << 27n)],
    [
      "an allocation",
      (script: WasiScript) => script.try("fd_allocate", [script.open("file", { rights: writes }), 1n << 27n, 1n]),
    ],
  ])("of bytes end what writes without end: %s", async (_what, write) => {
    const { outcome, detail } = await start(write(new WasiScript()), { in: { file: "abc" } }, { fileBytes: 1 << 20 });
    expect(outcome).toEqual(wroteTooMuch);
    expect(detail).toContain("it passed its limit fileBytes of 1048576; a worker may have up to 536870912");
    expect(detail).toContain("--limits '{\"fileBytes\":4194304}'");
  });

  test("of bytes leave no stream longer than an object can be", async () => {
    const script = new WasiScript();
    const vectors = script.slot();
    for (let each = 0; each < 1024; each++) script.store32(0x30000 + each * 8, 0).store32(0x30004 + each * 8, 1 << 16);
    for (let each = 0; each < 8; each++) script.call("fd_write", [1, 0x30000, 1024, vectors]);
    expect((await start(script)).outcome).toEqual(wroteTooMuch);
  });

  test("of bytes are of files and streams together, to the byte", async () => {
    expect((await start(writesTen(), { in: { file: "" } }, { fileBytes: 10 })).outcome.kind).toBe("tree");
    expect((await start(writesTen(), { in: { file: "" } }, { fileBytes: 9 })).outcome).toEqual(wroteTooMuch);
  });

  test("of bytes bound folders that are made without end, too", async () => {
    const script = new WasiScript();
    const [at] = script.text("x/".repeat(10));
    const make = `(drop (call $path_create_directory (global.get $fd) (i32.const ${at}) (i32.const 1)))
      (drop (call $path_open (global.get $fd) (i32.const 0) (i32.const ${at}) (i32.const 1) (i32.const 0) (i64.const 0) (i64.const 0) (i32.const 0) (i32.const ${bufferAt})))
      (if (i32.ne (global.get $fd) (i32.const 3)) (then (drop (call $fd_close (global.get $fd)))))
      (global.set $fd (i32.load (i32.const ${bufferAt})))`;
    script.functions = "(global $fd (mut i32) (i32.const 3))";
    const { outcome } = await start(script.raw(`(loop $again ${make} (br $again))`), {}, { fileBytes: 1 << 20 });
    expect(outcome).toEqual(wroteTooMuch);
  });

  test("of entries end what walks a tree that a few objects make endless; the same when all of it was read before", async () => {
    const { engine } = room;
    let tree = engine.putTree([{ mode: "100644", name: "file", oid: room.blob("") }]);
    for (let level = 0; level < 40; level++) {
      tree = engine.putTree(["a", "b"].map((name) => ({ mode: "40000", name, oid: tree })));
    }
    const path = `${"b/".repeat(40)}file`;
    const tooMany = { kind: "failed", code: "limit", message: commandTexts.tooManyEntries };
    const started = await Promise.all([
      start(stats(path), { in: tree }, { entries: 81 }),
      start(stats(path), { in: tree }, { entries: 80 }),
      start(stats("b/".repeat(40)), { in: tree }, { entries: 80 }),
    ]);
    expect(started.map(({ outcome }) => outcome)).toEqual([
      { kind: "tree", oid: expect.any(String) as string },
      tooMany,
      { kind: "tree", oid: expect.any(String) as string },
    ]);
    expect(started[1].detail).toContain("it passed its limit entries of 80; a worker may have up to 4194304");
    expect(started[1].detail).toContain("`coppice tool add NAME FILE --limits '{\"entries\":320}'`");
  });

  test("of entries have room for a folder of 200,000 files", async () => {
    const { engine } = room;
    const oid = room.blob("");
    const many = engine.putTree(
      Array.from({ length: 200_000 }, (_, each) => ({ mode: "100644" as const, name: `file ${each}`, oid })),
    );
    const script = new WasiScript().call("path_filestat_get", [3, 0, "many/file 199999", bufferAt]);
    script.call("fd_readdir", [script.open("many"), bufferAt, 4096, 0n, 8]);
    const tree = engine.putTree([{ mode: "40000", name: "many", oid: many }]);
    expect((await start(script, { in: tree })).outcome.kind).toBe("tree");
  });

  test("are spelled in one way, and fileBytes is a command's alone", async () => {
    expect(parseCommandLimits(Buffer.from('{"entries":3,"fileBytes":1,"fuel":2}'))).toMatchObject({
      entries: 3,
      fileBytes: 1,
      fuel: 2,
      depth: 1 << 20,
    });
    for (const text of [
      '{"fuel":1,"fileBytes":1}',
      '{"fileBytes":0}',
      '{"fileBytes":536870913}',
      '{"fileBytes": 1}',
      '{"other":1}',
    ]) {
      expect(parseCommandLimits(Buffer.from(text)), text).toBeUndefined();
    }
    const limits = room.blob('{"fileBytes":1}');
    const node = (marker: string) =>
      room.engine.putTree([
        { mode: "100644", name: ".caos-runtime", oid: room.blob(marker) },
        { mode: "100644", name: "limits", oid: limits },
        { mode: "100644", name: "module", oid: room.blob("module") },
      ]);
    expect(resolveImage(room.engine, node(wasiMarker), undefined)).toHaveProperty("node.limits.fileBytes", 1);
    expect(resolveImage(room.engine, node(wasmMarker), undefined)).toEqual({ error: errorTexts.notAWorker });
    await expect(room.engine.addCommand(quiet.module(), { fileBytes: 0 })).rejects.toThrow(
      "fileBytes must be a whole number from 1 to 536870912",
    );
    expect(() => room.engine.addWorker(quiet.module(), { fileBytes: 1 } as object)).toThrow(
      'there is no limit "fileBytes"',
    );
  });
});

describe("the same command", () => {
  test("comes to the same, bit for bit, also elsewhere; is remembered; and sees other random bytes in another request", async () => {
    const worker = await add(looks());
    const first = await startCommand(room.engine, worker, {});
    expect(first.jobs.executed).toBe(1);
    const again = await startCommand(room.engine, worker, {});
    expect([again.jobs.executed, again.outcome]).toEqual([0, first.outcome]);
    expect((await startCommand(room.engine, worker, {}, { rerun: true })).outcome).toEqual(first.outcome);
    const elsewhere = await withEngine({ executors: 2 }, async (engine) =>
      startCommand(engine, await engine.addCommand(looks().module()), {}),
    );
    expect(elsewhere.outcome).toEqual(first.outcome);
    const other = await startCommand(room.engine, worker, { argv: ["other"] });
    expect(other.outcome).not.toEqual(first.outcome);
  });

  test("is confirmed by verifying, which writes nothing", async () => {
    await withEngine({ executors: 1 }, async (engine) => {
      const script = looks().put("new", "bytes").write(1, "said");
      await startCommand(engine, await engine.addCommand(script.module()), { in: { file: "x" } });
      const verified = await engine.verify("all");
      expect(verified.divergences).toEqual([]);
    });
  });
});

describe("an execution", () => {
  const folder = mkdtempSync(join(tmpdir(), "coppice-commands-"));
  const store = openStore(join(folder, "store.sqlite"));
  afterAll(() => {
    store.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const host: FrameHost = { objects: store, settleNested: () => [], upcoming: () => [], onLog: () => {} };
  const blob = (text: string) => store.put("blob", Buffer.from(text));
  store.put("blob", new Uint8Array(0));
  store.put("tree", new Uint8Array(0));
  const execute = (guests: WasiGuests, module: Uint8Array, command: Partial<Command> = {}) => {
    const image = putRuntimeNode(store, wasiMarker, store.put("blob", module));
    const args = putCommandArgs(store, { argv: ["c"], env: {}, stdin: emptyBlob, in: emptyTree, cwd: "/", ...command });
    const found = resolveImage(store, image, undefined);
    if ("error" in found) throw new Error(found.error);
    const request = putRequest(store, image, args, putSurroundings(store, undefined, ""));
    const end = guests.execute(newJob(request, undefined, undefined), found.node);
    if (end.how !== "completed") throw new Error(end.how);
    return { memo: end.memo, args };
  };

  test("notes what it read: args, the root, folders that it looked into, files that it read or asked the size of, input if it was read", () => {
    const [b, c, d, stdin] = ["bb", "cc", "dd", "input"].map(blob) as [Oid, Oid, Oid, Oid];
    const sub = store.put("tree", encodeTree([{ mode: "100644", name: "d", oid: d }]));
    const tree = store.put(
      "tree",
      encodeTree([
        { mode: "100644", name: "b", oid: b },
        { mode: "100644", name: "c", oid: c },
        { mode: "40000", name: "sub", oid: sub },
      ]),
    );
    const readsOf = (script: WasiScript) => {
      const { memo, args } = execute(new WasiGuests(host), script.module(), { in: tree, stdin });
      return memo.reads.filter((each) => each !== args).filter((each) => [b, c, d, stdin, sub, tree].includes(each));
    };
    expect(readsOf(new WasiScript())).toEqual([tree]);
    expect(readsOf(new WasiScript().file("b", "bb"))).toEqual([tree, b]);
    expect(readsOf(new WasiScript().call("path_filestat_get", [3, 0, "c", bufferAt]))).toEqual([tree, c]);
    expect(readsOf(new WasiScript().call("path_filestat_get", [3, 0, "sub/d", bufferAt]))).toEqual([tree, sub, d]);
    expect(readsOf(new WasiScript().read(0, 9, "input"))).toEqual([tree, stdin]);
    const { memo, args } = execute(new WasiGuests(host), quiet.module(), { in: tree });
    expect(memo.reads).toContain(args);
  });

  test("in an instance that is used again can't be told from one in a fresh instance", () => {
    const script = new WasiScript(1);
    const [at] = [0x2000];
    // Adds what is left of earlier executions, in memory and in a global, to its exit status.
    script.raw(`(i32.store (i32.const ${at}) (i32.add (i32.load (i32.const ${at})) (i32.const 1)))
      (global.set $g (i32.add (global.get $g) (i32.const 1)))
      (call $must (i32.add (i32.load (i32.const ${at})) (global.get $g)) (i32.const 2) (i32.const 0))`);
    script.functions = "(global $g (mut i32) (i32.const 0))";
    const module = Buffer.from(script.module());
    for (const reuses of [true, false]) {
      const guests = new WasiGuests(host, reuses);
      const outcomes = Array.from(
        { length: 5 },
        (_, each) => execute(guests, module, { argv: ["c", String(each)] }).memo.outcome,
      );
      expect(new Set(outcomes.map((outcome) => JSON.stringify(outcome))).size).toBe(1);
    }
  });

  test("in an instance that was made ahead, for one whose memory grew, can't be told from a fresh one", () => {
    const script = new WasiScript(1);
    // Its first page must be untouched and its memory as large as it was declared, before it grows and is scribbled on.
    script.raw(`(call $must (memory.size) (global.get $pages) (i32.const 0))
      (call $must (i32.load (i32.const 0x2000)) (i32.const 0) (i32.const 1))
      (i32.store (i32.const 0x2000) (i32.const 7))
      (call $must (memory.grow (i32.const 1)) (global.get $pages) (i32.const 2))
      (i32.store (i32.mul (global.get $pages) (i32.const 0x10000)) (i32.const 7))`);
    script.functions = "(global $pages i32 (i32.const 1))";
    const module = Buffer.from(script.module());
    const guests = new WasiGuests(host);
    const outcomes = Array.from({ length: 6 }, (_, each) => {
      if (each % 3 > 0) guests.prepare();
      return execute(guests, module, { argv: ["c", String(each)] }).memo.outcome;
    });
    expect(new Set(outcomes.map((outcome) => JSON.stringify(outcome))).size).toBe(1);
    expect(outcomes[0]?.kind).toBe("tree");
  });
});

describe("what a tree has beside files", () => {
  test("an empty folder stays; a gitlink is an empty folder and stays what it was until something is put into it", async () => {
    const commit = "1234567890123456789012345678901234567890" as Oid;
    const tree = room.engine.putTree([
      { mode: "40000", name: "hollow", oid: room.engine.putTree([]) },
      { mode: "160000", name: "module", oid: commit },
      { mode: "160000", name: "other", oid: commit },
    ]);
    const script = new WasiScript()
      .call("path_filestat_get", [3, 0, "module", bufferAt])
      .isU8(bufferAt + 16, 3, "type");
    script
      .call("fd_readdir", [script.open("module"), bufferAt, 99, 2n, 8])
      .isU32(8, 0, "entries")
      .put("other/x", "1")
      .put("new", "2");
    const { out } = await passes(room, script, { in: tree });
    expect(listed(room.engine, out)).toEqual({
      "hollow/": ["40000", ""],
      module: ["160000", commit],
      new: ["100644", "2"],
      "other/": ["40000", ""],
      "other/x": ["100644", "1"],
    });
  });

  test("the executable bit survives what is written, and goes with a rename", async () => {
    const script = new WasiScript().put("run", "changed").call("path_rename", [3, "run", 3, "moved"]);
    const { out } = await passes(room, script, { in: { run: { program: "old" } } });
    expect(listed(room.engine, out)).toEqual({ moved: ["100755", "changed"] });
  });

  test("nothing is changed by what comes to what it was", async () => {
    const given = { in: { a: "1", src: { b: "2" } } };
    const script = new WasiScript().put("a", "3").put("a", "1").put("new", "").call("path_unlink_file", [3, "new"]);
    const { out } = await passes(
      room,
      script.call("path_rename", [3, "src", 3, "x"]).call("path_rename", [3, "x", 3, "src"]),
      given,
    );
    expect(out).toBe((await passes(room, quiet, given)).out);
    await leaves(room, script, given, { a: "1", "src/": "", "src/b": "2" });
  });
});
