/** What an execution comes to: results, failed outcomes and their messages, what is remembered of them, and what cannot be caught. */
import { describe, expect, test } from "vitest";
import { emptyBlob, emptyTree } from "../../src/store/object.ts";
import { encodeOutcome, failureBytesMax } from "../../src/store/outcome.ts";
import { assemble, guest } from "../guests/assemble.ts";
import { counted, idleGuest, moduleOf, named, sections } from "../guests/bytes.ts";
import { failing, run, silent } from "../guests/children.ts";
import { blobOid, lines, sharedRoom, withEngine } from "../guests/room.ts";
import { json, script, type Step } from "../guests/script.ts";

const room = sharedRoom();
const failed = (code: string, message: string) => ({ kind: "failed", code, message });
const trapped = failed("trap", "the guest trapped");
const out = (kind: string, hash: string) => json({ op: "out", kind, hash });
const log = (msg: string) => json({ op: "log", msg });
const empty = json({ op: "put_blob", bytes_b64: "" });
const trap: Step = { wat: "unreachable" };
const unfinished = { finish: false };
const exit = (code: number): Step => ({ wat: `(call $proc_exit (i32.const ${code}))` });
const exits = {
  finish: false,
  imports: '(import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))',
};
const outcome = async (...parameters: Parameters<typeof script>) => (await room.run(script(...parameters))).outcome;

const logged = (length: number, times = 1) =>
  Array.from({ length: times }, () => ({
    head: '{"op":"log","msg":"',
    item: "x",
    times: length,
    tail: '"}',
    isQuiet: true,
  }));

const holder = (body: string, fields = "") =>
  assemble(`(module (type $none (func)) (type $other (func (param i64))) (table 2 2 funcref) (elem (i32.const 0) $main)
    (memory (export "memory") 1) ${fields} (func $main (export "caos_run") ${body.replace("(type $other)", "(type $other) (i64.const 0)")}))`);

describe("a result", () => {
  test("is the object that the only valid out names, when the guest returns", async () => {
    expect(await outcome([empty, out("blob", emptyBlob)], unfinished)).toEqual({ kind: "blob", oid: emptyBlob });
    expect(await outcome([out("tree", emptyTree)], unfinished)).toEqual({ kind: "tree", oid: emptyTree });
  });

  test("needs an out: a guest that returns without one has failed", async () => {
    expect(await outcome([empty], unfinished)).toEqual(failed("abi", "the guest returned without a result"));
    expect((await room.run(guest(""))).outcome).toEqual(failed("abi", "the guest returned without a result"));
  });

  test("is not made by an invalid out, which does not count either", async () => {
    const invalid = [out("tree", emptyBlob), out("file", emptyBlob), out("blob", "0"), json({ op: "out" })];
    expect(await outcome([empty, ...invalid], unfinished)).toEqual(
      failed("abi", "the guest returned without a result"),
    );
    expect(await outcome([empty, ...invalid, out("blob", emptyBlob), ...invalid], unfinished)).toEqual({
      kind: "blob",
      oid: emptyBlob,
    });
  });

  test("is lost by a second valid out, also of the same object", async () => {
    const twice = failed("abi", "out was called twice");
    expect(await outcome([empty, out("blob", emptyBlob), out("blob", emptyBlob)], unfinished)).toEqual(twice);
    expect(await outcome([empty, out("blob", emptyBlob), out("tree", emptyTree), log("x")], unfinished)).toEqual(twice);
  });

  test("is discarded by a trap, an exit or an exception that comes after out", async () => {
    expect(await outcome([out("tree", emptyTree), trap], unfinished)).toEqual(trapped);
    expect(await outcome([out("tree", emptyTree), exit(0)], exits)).toEqual(
      failed("exit", "the guest exited without a result"),
    );
    const thrown = await outcome([out("tree", emptyTree), { wat: "(throw $t)" }], {
      finish: false,
      fields: "(tag $t)",
      proposals: ["exceptions"],
    });
    expect(thrown).toEqual(failed("trap", "the guest threw an exception"));
  });
});

describe("proc_exit", () => {
  test.each([0, 1, -1])("%i ends the guest at once as failed", async (code) => {
    expect(await outcome([exit(code), log("never"), empty, out("blob", emptyBlob)], exits)).toEqual(
      failed("exit", "the guest exited without a result"),
    );
  });

  test("gives the last line as the message", async () => {
    expect(await outcome([log("first"), log("last words"), exit(3)], exits)).toEqual(failed("exit", "last words"));
  });

  test("is not caught by a guest that catches everything", async () => {
    const steps = [{ wat: `(try (do (call $proc_exit (i32.const 0))) (catch_all (call $finish)))` }];
    expect(await outcome(steps, { ...exits, proposals: ["exceptions"] })).toEqual(
      failed("exit", "the guest exited without a result"),
    );
  });
});

describe("the message of a failure", () => {
  test("is the last line that was logged", async () => {
    expect(await outcome([log("one"), log("two"), trap])).toEqual(failed("trap", "two"));
    expect(await outcome([log("why"), empty], unfinished)).toEqual(failed("abi", "why"));
  });

  test("is an error's text where nothing was logged, whatever was called before", async () => {
    expect(await outcome(["{", trap])).toEqual(trapped);
  });

  test("keeps quotes, control characters and text beyond ASCII", async () => {
    const message = '"\\\n\u0000é\u2028😀';
    expect(await outcome([log(message), trap])).toEqual(failed("trap", message));
  });

  test("has replacement characters for lone surrogates", async () => {
    expect(await outcome([String.raw`{"op":"log","msg":"a\ud800b"}`, trap])).toEqual(failed("trap", "a\ufffdb"));
  });

  test.each([
    ["ASCII", "x", 1],
    ["quotes", '"', 2],
    ["controls", "\u0001", 6],
    ["emoji", "😀", 4],
  ])("is cut where the outcome would pass 4 KiB: %s", async (_what, unit, bytes) => {
    const cut = await outcome([log(unit.repeat(8000)), trap]);
    if (cut.kind !== "failed") throw new Error("it was to fail");
    const length = encodeOutcome(cut).length;
    expect(length).toBeLessThanOrEqual(failureBytesMax);
    expect(length).toBeGreaterThan(failureBytesMax - bytes);
    expect(cut.message).toBe(unit.repeat(cut.message.length / unit.length));
  });
});

describe("a log", () => {
  const tooMuch = failed("limit", "the guest logged too much");

  test("may have lines of 64 KiB, and no longer ones", async () => {
    expect(await outcome(logged(65_536))).toMatchObject({ kind: "blob" });
    expect(await outcome(logged(65_537))).toEqual(tooMuch);
  });

  test("may have 1 MiB, line ends included, and no byte more", async () => {
    expect(await outcome(logged(65_535, 16))).toMatchObject({ kind: "blob" });
    expect(await outcome([...logged(65_535, 16), log("")])).toEqual(tooMuch);
  });

  test("that grows too much by the rest of a line when the guest traps is a failed outcome too", async () => {
    const fd_write = `(i32.store (i32.const 0) (i32.const 16)) (i32.store (i32.const 4) (i32.const 1))
      (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))`;
    const module = script([...logged(65_535, 16), { wat: fd_write }, trap], {
      finish: false,
      imports: '(import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))',
    });
    expect((await room.run(module)).outcome).toEqual(tooMuch);
  });
});

describe("a trap", () => {
  const bodies: readonly (readonly [what: string, body: string])[] = [
    ["unreachable", "unreachable"],
    ["a division by zero", "(drop (i32.div_s (i32.const 1) (i32.load (i32.const 0))))"],
    [
      "a division that overflows",
      "(drop (i32.div_s (i32.const 0x80000000) (i32.sub (i32.load (i32.const 0)) (i32.const 1))))",
    ],
    ["a conversion of NaN", "(drop (i32.trunc_f32_s (f32.const nan)))"],
    ["a load out of bounds", "(drop (i32.load (i32.const 65533)))"],
    ["a store out of bounds", "(i32.store (i32.const -1) (i32.const 0))"],
    ["a copy out of bounds", "(memory.copy (i32.const 0) (i32.const 1) (i32.const 65536))"],
    ["an indirect call of another type", "(call_indirect (type $other) (i32.const 0))"],
    ["an indirect call of nothing", "(call_indirect (type $none) (i32.const 1))"],
    ["an indirect call past the table", "(call_indirect (type $none) (i32.const 9))"],
  ];

  test.each(bodies)(
    "by %s has the fixed message; its detail names the function and the worker",
    async (_what, body) => {
      const result = await room.run(holder(body));
      const worker = room.engine.addWorker(holder(body));
      expect(result.outcome).toEqual(trapped);
      expect(result.detail).toMatch(new RegExp(`^\\S.* in function main of worker ${worker}$`));
    },
  );

  test.each([
    ["data", '(data (i32.const 65535) "ab")'],
    ["element", "(elem (i32.const 2) $main)"],
    ["start", "(func $begin unreachable) (start $begin)"],
  ])("while the instance is made is the guest's: %s", async (_what, field) => {
    const result = await room.run(holder("", field));
    expect(result.outcome).toEqual(trapped);
    expect(result.detail).toContain("of worker ");
  });

  test("has a detail that names a worker of the library by its name there", async () => {
    const { engine } = room;
    const std = engine.putTree([{ mode: "40000", name: "breaker", oid: engine.addWorker(holder("unreachable")) }]);
    expect((await engine.run({ worker: "breaker", std })).detail).toBe("unreachable in function main of breaker");
  });

  test("keeps its detail for whoever asks for a run that hands the message on", async () => {
    const child = room.engine.addWorker(script([log("deep inside"), trap]));
    const parent = script([run(child), log("deep inside"), trap]);
    const result = await room.run(parent);
    expect(result.outcome).toEqual(failed("trap", "deep inside"));
    expect(result.detail).toBe(`unreachable in function main of worker ${child}`);
  });

  test.each([
    ["plain", "fail_here"],
    ["with spaces", "<alloc::string::String as core::fmt::Write>::write_str"],
    ["with brackets", "operator()(int, char)"],
  ])("names a function %s as the name section has it", async (_what, name) => {
    const parts = [...idleGuest()].map(([id, body]) => [id, id === sections.code ? [1, 3, 0, 0, 0x0b] : body] as const);
    const names = [...named("name"), 1, ...counted([1, 0, ...named(name)])];
    const module = moduleOf(...parts, [sections.custom, names]);
    expect((await room.run(module)).detail).toBe(
      `unreachable in function ${name} of worker ${room.engine.addWorker(module)}`,
    );
  });

  test("without a name section is told by the function's number", async () => {
    const parts = [...idleGuest()].map(([id, body]) => [id, id === sections.code ? [1, 3, 0, 0, 0x0b] : body] as const);
    expect((await room.run(moduleOf(...parts))).detail).toMatch(/^unreachable in function 0 of worker /);
  });

  test("is a failed outcome whatever the request's library is, since the guest never named it", async () => {
    const module = holder("unreachable");
    const worker = room.engine.addWorker(module);
    const blob = room.blob("no tree");
    expect(await room.engine.run({ worker, std: blob }).catch(String)).toMatchObject({ outcome: trapped });
  });
});

describe("an exception", () => {
  test("of the guest's own can be caught by it", async () => {
    const answers = await room.answers(
      [
        { wat: "(try (do (throw $t (i32.const 7))) (catch $t (call $note_number)))" },
        { wat: "(try (do (throw $t (i32.const 7))) (catch_all (call $note_number (i32.const 9))))" },
      ],
      { fields: "(tag $t (param i32))", proposals: ["exceptions"] },
    );
    expect(answers).toEqual(["00000007", "00000009"]);
  });

  test("handler cannot catch a trap", async () => {
    const steps = [{ wat: "(try (do unreachable) (catch_all (call $finish)))" }];
    expect(await outcome(steps, { finish: false, proposals: ["exceptions"] })).toEqual(trapped);
  });

  test("handler around run sees nothing of a frame that unwinds, and gets nowhere with calls of its own", async () => {
    const trying = (child: string) => ({
      steps: [
        log("before"),
        { wat: "(global.set $caught (i32.const 0))" },
        {
          wat: `(try (do (call $ask_child)) (catch_all
            (loop $again (drop (call $call (i32.const 0) (i32.const 12))) (br $again))))`,
        },
        { wat: "(call $note_number (global.get $caught))" },
        log("after"),
      ] as readonly Step[],
      options: {
        proposals: ["exceptions"] as const,
        fields: `(global $caught (mut i32) (i32.const 0))
          (data (i32.const 0) "{\\"op\\":\\"job\\"}") (data (i32.const 64) "${run(child).replaceAll('"', String.raw`\"`)}")
          (func $ask_child (call $ask (i32.const 64) (i32.const ${run(child).length})))`,
      },
    });
    const told = await Promise.all(
      [1, 64].map((nestedFramesMax) =>
        withEngine({ nestedFramesMax }, async (engine) => {
          const child = engine.addWorker(silent);
          const { steps, options } = trying(child);
          const heard: string[] = [];
          const worker = engine.addWorker(script(steps, options));
          const result = await engine.run({ worker, onLog: ({ line }) => heard.push(line) });
          return { answers: lines(engine, result), heard, executed: result.jobs.executed, frames: result.jobs.frames };
        }),
      ),
    );
    const answers = ["{}", `{"kind":"blob","hash":"${emptyBlob}"}`, "00000000", "{}"];
    const common = { answers, heard: ["before", "after"], executed: 2 };
    expect(told).toEqual([
      { ...common, frames: 3 },
      { ...common, frames: 2 },
    ]);
  });
});

describe("memos", () => {
  test("a result is remembered: nothing is executed the second time", async () => {
    const module = script([run(room.engine.addWorker(silent)), log("remembered")]);
    const first = await room.run(module);
    const second = await room.run(module);
    expect(first.jobs).toMatchObject({ executed: 2, frames: 2 });
    expect(second.jobs).toEqual({ executed: 0, frames: 0, memoized: 1 });
    expect(second.outcome).toEqual(first.outcome);
  });

  test("a failed outcome is remembered with its detail, until it is forgotten", async () => {
    const module = failing("remember me");
    const first = await room.run(module);
    const second = await room.run(module);
    expect(second).toMatchObject({ outcome: first.outcome, detail: first.detail, jobs: { executed: 0, frames: 0 } });
    expect(room.engine.forget(first.request)).toBe(true);
    expect(room.engine.forget(first.request)).toBe(false);
    const third = await room.run(module);
    expect(third).toMatchObject({ outcome: first.outcome, detail: first.detail, jobs: { executed: 1, frames: 1 } });
  });

  test("a failed child is remembered too, so that its parent is run again without it", async () => {
    const child = room.engine.addWorker(failing("child of two"));
    const parent = script([run(child)]);
    const first = await room.run(parent);
    room.engine.forget(first.request);
    const again = await room.run(parent);
    expect(again.jobs).toEqual({ executed: 1, frames: 1, memoized: 1 });
    expect(lines(room.engine, again)).toEqual(['{"error":"child of two"}']);
  });

  test("a forgotten child runs again when its parent does", async () => {
    const child = room.engine.addWorker(failing("forgotten child"));
    const top = await room.engine.run({ worker: child });
    const parent = script([run(child), log("parent of the forgotten")]);
    expect((await room.run(parent)).jobs).toMatchObject({ executed: 1, memoized: 1 });
    room.engine.forget(top.request);
    const rerun = await room.run(parent, {}, { rerun: true });
    expect(rerun.jobs).toEqual({ executed: 2, frames: 2, memoized: 0 });
  });

  test("rerun executes a request that has a memo, what it asks for not included", async () => {
    const module = script([run(room.engine.addWorker(silent)), log("rerun me")]);
    const first = await room.run(module);
    const again = await room.run(module, {}, { rerun: true });
    expect(again.jobs).toEqual({ executed: 1, frames: 1, memoized: 1 });
    expect(again.outcome).toEqual(first.outcome);
  });

  test("another salt is another request, also for all below", async () => {
    const module = script([run(room.engine.addWorker(silent)), log("salted")]);
    const plain = await room.run(module);
    const salted = await room.run(module, {}, { salt: "1" });
    expect(salted.request).not.toBe(plain.request);
    expect(salted.jobs).toMatchObject({ executed: 2 });
  });
});

test("a batch asks a child of each request once, however often it is named", async () => {
  const child = room.engine.addWorker(script([log("once")]));
  const heard: string[] = [];
  const steps = [
    run(child),
    json({ op: "run_many", reqs: Array.from({ length: 5 }, () => ({ image: child, args: emptyTree })) }),
  ];
  const result = await room.run(script(steps), {}, { onLog: ({ line }) => heard.push(line) });
  expect(result.jobs).toEqual({ executed: 2, frames: 2, memoized: 5 });
  expect(heard).toEqual(["once"]);
  expect(lines(room.engine, result)[0]).toBe(`{"kind":"blob","hash":"${blobOid("{}\n")}"}`);
});
