/** WASI preview 1 as a guest meets it: pinned, and the same in every execution. */
import { readFileSync } from "node:fs";
import { array, assert, integer, property } from "fast-check";
import { describe, expect, test } from "vitest";
import { RandomStream, VirtualClock } from "../../src/abi/virtual.ts";
import { wasiFunctions, wasiModule } from "../../src/isolate-host/wasi.ts";
import type { RunOptions } from "../../src/engine.ts";
import { parseOid, type Oid } from "../../src/store/oid.ts";
import { assemble, quoted } from "../guests/assemble.ts";
import { run } from "../guests/children.ts";
import { lines, sharedRoom, withEngine } from "../guests/room.ts";
import { json, script, type Step } from "../guests/script.ts";

const room = sharedRoom();

const errno = { success: 0, badf: 8, fault: 21, inval: 28, nosys: 52, spipe: 70 };
const valueTypes: Readonly<Record<string, string>> = { i: "i32", I: "i64", f: "f32", F: "f64" };
const nameOf = (key: string) => key.slice(wasiModule.length + 1);
/** Every function, imported under its own name. */
const imports = Array.from(wasiFunctions, ([key, type]) => {
  const [parameters = "", results = ""] = type.split(":");
  const values = (letters: string) => Array.from(letters, (letter) => valueTypes[letter]).join(" ");
  const name = nameOf(key);
  return `(import "${wasiModule}" "${name}" (func $${name} (param ${values(parameters)}) (result ${values(results)})))`;
}).join("\n");

/** Calls a function and notes its errno. */
const ask = (name: string, ...args: readonly (number | string)[]): Step => ({
  wat: `(call $note_number (call $${name} ${args.map((arg) => (typeof arg === "number" ? `(i32.const ${arg})` : arg)).join(" ")}))`,
});
/** Notes the u32 at an address. */
const peek = (at: number): Step => ({ wat: `(call $note_number (i32.load (i32.const ${at})))` });
/** Notes a u64: its upper half, then its lower half. */
const peekLong = (at: number): Step[] => [peek(at + 4), peek(at)];
const poke = (at: number, value: number): Step => ({ wat: `(i32.store (i32.const ${at}) (i32.const ${value}))` });
const pageEnd = "(call $page_end)";

async function numbers(steps: readonly Step[], fields = "", options: RunOptions = {}): Promise<number[]> {
  const told = await room.answers(steps, { imports, fields }, options);
  return told.map((each) => Number.parseInt(each, 16));
}

const zeros = (type: string) =>
  Array.from(type.split(":")[0] ?? "", (letter) => (letter === "I" ? "(i64.const 0)" : 3));

const text = (at: number, content: string | Uint8Array) =>
  `(data (i32.const ${at}) "${quoted(typeof content === "string" ? Buffer.from(content) : content)}")`;

test("every function of preview 1 can be imported, and none traps on odd arguments", async () => {
  const calls = Array.from(wasiFunctions)
    .filter(([key]) => nameOf(key) !== "proc_exit")
    .map(([key, type]) => {
      const parameters = type.split(":")[0] ?? "";
      return ask(nameOf(key), ...Array.from(parameters, (letter) => (letter === "I" ? "(i64.const -1)" : -1)));
    });
  const known = Object.values(errno);
  for (const answer of await numbers(calls)) expect(known).toContain(answer);
});

test("all of preview 1 is there, and each function is answered here, ENOSYS or EBADF", () => {
  // The witx files' 46; what answers is in the tests below.
  expect(wasiFunctions.size).toBe(46);
  const answered = ["args", "clock", "environ", "fd", "proc_exit", "random", "sched"];
  const others = Array.from(wasiFunctions.keys(), nameOf).filter(
    (name) => !answered.some((each) => name.startsWith(each)),
  );
  expect(others.every((name) => /^(path_|poll_oneoff|sock_|proc_raise)/.test(name))).toBe(true);
});

test("two executions of a request see the same bytes and instants, in other stores and threads, too; another request sees other bytes at the same instants", async () => {
  const look = [
    ask("clock_time_get", 0, "(i64.const 0)", 64),
    ...peekLong(64),
    ask("random_get", 80, 8),
    ...peekLong(80),
    ask("sched_yield"),
    ask("environ_sizes_get", 64, 68),
    ...peekLong(64),
    ask("poll_oneoff", 64, 96, 1, 128),
    ask("clock_time_get", 1, "(i64.const 0)", 64),
    ...peekLong(64),
  ];
  const module = script(look, { imports });
  const first = await room.run(module);
  const seen = lines(room.engine, first);
  const again = await room.run(module, {}, { rerun: true });
  expect(again.outcome).toEqual(first.outcome);
  const elsewhere = await withEngine({ executors: 2 }, async (engine) =>
    lines(engine, await engine.run({ worker: engine.addWorker(module) })),
  );
  expect(elsewhere).toEqual(seen);
  const salted = lines(room.engine, await room.run(module, {}, { salt: "another" }));
  const differing = seen.flatMap((line, index) => (line === salted[index] ? [] : [index]));
  expect(differing).toEqual([4, 5]);
  expect(seen[10]).toBe("00000034");
});

test("the functions that the contract promises are there", () => {
  const promised = ["fd_write", "environ_get", "environ_sizes_get", "args_get", "args_sizes_get", "clock_time_get"];
  const more = ["random_get", "proc_exit", "fd_close", "fd_fdstat_get", "sched_yield"];
  for (const name of [...promised, ...more]) expect(wasiFunctions.has(`${wasiModule}.${name}`), name).toBe(true);
});

test("what is not offered answers ENOSYS, and what asks for a descriptor EBADF", async () => {
  const absent = Array.from(wasiFunctions).filter(([key]) => /\.(path_|poll_|sock_|proc_raise)/.test(key));
  expect(absent).toHaveLength(16);
  expect(await numbers(absent.map(([key, type]) => ask(nameOf(key), ...zeros(type))))).toEqual(
    absent.map(() => errno.nosys),
  );
  const files = Array.from(wasiFunctions).filter(([key]) => key.includes(".fd_"));
  expect(await numbers(files.map(([key, type]) => ask(nameOf(key), ...zeros(type))))).toEqual(
    files.map(() => errno.badf),
  );
});

describe("clocks", () => {
  const read = (clock: number, at: number) => ask("clock_time_get", clock, "(i64.const 0)", at);

  test("start at 1,000,000,000 s and at 0, and each reading advances all by 1 µs", async () => {
    const ids = [0, 1, 0, 2, 3, 1, 0];
    const told = await numbers(ids.flatMap((id) => [read(id, 64), ...peekLong(64)]));
    const times = ids.map((_, index) => (BigInt(told[index * 3 + 1] ?? 0) << 32n) + BigInt(told[index * 3 + 2] ?? 0));
    expect(ids.map((_, index) => told[index * 3])).toEqual(ids.map(() => errno.success));
    const epoch = 1_000_000_000_000_000_000n;
    expect(times).toEqual([epoch, 1000n, epoch + 2000n, 3000n, 4000n, 5000n, epoch + 6000n]);
  });

  test("have a resolution of 1 µs, and looking at it is no reading", async () => {
    expect(
      await numbers([
        ...[0, 1, 2, 3].flatMap((id) => [ask("clock_res_get", id, 64), ...peekLong(64)]),
        read(1, 64),
        ...peekLong(64),
      ]),
    ).toEqual([...[0, 1, 2, 3].flatMap(() => [0, 0, 1000]), 0, 0, 0]);
  });

  test("that there are not are EINVAL, places outside of memory EFAULT; neither advances a clock", async () => {
    expect(
      await numbers([
        read(4, 64),
        read(-1, 64),
        ask("clock_res_get", 4, 64),
        ask("clock_time_get", 0, "(i64.const 0)", pageEnd),
        ask("clock_time_get", 0, "(i64.const 0)", `(i32.sub ${pageEnd} (i32.const 7))`),
        ask("clock_time_get", 0, "(i64.const 0)", -8),
        ask("clock_res_get", 0, -1),
        ask("clock_time_get", 1, "(i64.const 0)", `(i32.sub ${pageEnd} (i32.const 8))`),
        read(1, 64),
        ...peekLong(64),
      ]),
    ).toEqual([28, 28, 28, 21, 21, 21, 21, 0, 0, 0, 1000]);
  });

  test("start afresh with every execution, replays included", async () => {
    const told = await Promise.all(
      [1, 64].map((nestedFramesMax) =>
        withEngine({ nestedFramesMax }, async (engine) => {
          const child = engine.addWorker(script([read(0, 64), ...peekLong(64)], { imports }));
          const parent = script([read(1, 64), run(child), read(1, 64), ...peekLong(64)], { imports });
          return lines(engine, await engine.run({ worker: engine.addWorker(parent) }));
        }),
      ),
    );
    expect(told[0]?.slice(2)).toEqual(["00000000", "00000000", "000003e8"]);
    expect(told[1]).toEqual(told[0]);
  });

  test("are plain counts of readings", () => {
    const clock = new VirtualClock();
    expect([clock.read("other"), clock.read("other"), clock.read("realtime")]).toEqual([0n, 1000n, 10n ** 18n + 2000n]);
  });
});

describe("random bytes", () => {
  const vectors = JSON.parse(readFileSync(new URL("../vectors.json", import.meta.url), "utf8")) as {
    readonly random: { readonly request: string; readonly first_64_bytes: string };
  };

  test("are the vector's for its request", () => {
    const bytes = Buffer.alloc(64);
    new RandomStream(parseOid(vectors.random.request) as Oid).fill(bytes);
    expect(Buffer.from(bytes).toString("hex")).toBe(vectors.random.first_64_bytes);
  });

  test("are one stream, in whatever pieces they are read", () => {
    const whole = Buffer.alloc(1000);
    const request = parseOid(vectors.random.request) as Oid;
    new RandomStream(request).fill(whole);
    assert(
      property(array(integer({ min: 0, max: 80 }), { maxLength: 12 }), (sizes) => {
        const stream = new RandomStream(request);
        let at = 0;
        for (const size of sizes) {
          const piece = Buffer.alloc(size);
          stream.fill(piece);
          expect(piece).toEqual(whole.subarray(at, at + size));
          at += size;
        }
      }),
      { seed: 20263, numRuns: 100 },
    );
  });

  test("reach a guest as its own request's stream, also in odd pieces", async () => {
    const sizes = [0, 1, 2, 3, 5, 31, 32, 33, 64, 7, 100];
    const total = sizes.reduce((sum, size) => sum + size, 0);
    let at = 0;
    const reads = sizes.map((size) => ask("random_get", (at += size) - size + 64, size));
    const notes = Array.from({ length: Math.ceil(total / 4) }, (_, word) => peek(64 + word * 4));
    const module = script([...reads, ...notes], { imports });
    const result = await room.run(module);
    const expected = Buffer.alloc(Math.ceil(total / 4) * 4);
    new RandomStream(result.request).fill(expected.subarray(0, total));
    const words = Array.from({ length: expected.length / 4 }, (_, word) => expected.readUInt32LE(word * 4));
    expect(lines(room.engine, result).map((each) => Number.parseInt(each, 16))).toEqual([
      ...sizes.map(() => 0),
      ...words,
    ]);
    const salted = await room.run(module, {}, { salt: "other" });
    expect(salted.outcome).not.toEqual(result.outcome);
  });

  test("for a place outside of memory are EFAULT, and more than 16 MiB at once EINVAL; the stream stays where it was", async () => {
    const module = script(
      [
        ask("random_get", -1, 2),
        ask("random_get", `(i32.sub ${pageEnd} (i32.const 1))`, 2),
        ask("random_get", 0, 0x100_0001),
        ask("random_get", 0, -1),
        ask("random_get", 64, 4),
        peek(64),
        ask("random_get", pageEnd, 0),
      ],
      { imports },
    );
    const result = await room.run(module);
    const first = Buffer.alloc(4);
    new RandomStream(result.request).fill(first);
    expect(lines(room.engine, result).map((each) => Number.parseInt(each, 16))).toEqual([
      21,
      21,
      28,
      28,
      0,
      first.readUInt32LE(0),
      0,
    ]);
  });
});

describe("arguments and environment", () => {
  test("are empty", async () => {
    const sizes = (name: string) => [poke(64, -1), poke(68, -1), ask(name, 64, 68), peek(64), peek(68)];
    expect(
      await numbers([
        ...sizes("args_sizes_get"),
        ...sizes("environ_sizes_get"),
        ask("args_get", 0, 0),
        ask("environ_get", 0, 0),
      ]),
    ).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
  });

  test("have sizes only where memory is", async () => {
    expect(
      await numbers([
        ask("args_sizes_get", 64, -4),
        ask("args_sizes_get", `(i32.sub ${pageEnd} (i32.const 3))`, 64),
        ask("environ_sizes_get", pageEnd, 64),
        ask("environ_sizes_get", `(i32.sub ${pageEnd} (i32.const 4))`, 64),
      ]),
    ).toEqual([21, 21, 21, 0]);
  });
});

describe("descriptors", () => {
  test("0 to 2 are open and of a character device; only the outputs can be written", async () => {
    const status = (fd: number) => [ask("fd_fdstat_get", fd, 64), ...[64, 68, 72, 76, 80, 84].map((at) => peek(at))];
    expect(await numbers([...status(0), ...status(1), ...status(2)])).toEqual(
      [
        [0, 2, 0, 0, 0, 0, 0],
        [0, 2, 0, 64, 0, 0, 0],
        [0, 2, 0, 64, 0, 0, 0],
      ].flat(),
    );
    expect(
      await numbers([ask("fd_fdstat_get", 3, 64), ask("fd_fdstat_get", -1, 64), ask("fd_fdstat_get", 1, -20)]),
    ).toEqual([8, 8, 21]);
  });

  test("can be closed, can't be moved in, and have no folders behind them", async () => {
    expect(
      await numbers([
        ask("fd_close", 1),
        ask("fd_close", 3),
        ask("fd_seek", 1, "(i64.const 0)", 0, 64),
        ask("fd_seek", 3, "(i64.const 0)", 0, 64),
        ask("fd_tell", 1, 64),
        ask("fd_prestat_get", 3, 64),
        ask("fd_prestat_dir_name", 3, 64, 8),
        ask("sched_yield"),
      ]),
    ).toEqual([0, 8, 70, 8, 70, 8, 8, 0]);
  });

  test("standard input is at its end", async () => {
    expect(
      await numbers([
        poke(64, -1),
        ask("fd_read", 0, 0, 0, 64),
        peek(64),
        ask("fd_read", 1, 0, 0, 64),
        ask("fd_read", 0, 0, 0, -1),
      ]),
    ).toEqual([0, 0, 8, 21]);
  });
});

describe("fd_write", () => {
  /** Writes these [address, length] pieces; their vectors stand at 32. */
  const write = (fd: number, ...pieces: readonly (readonly [at: number, length: number])[]): Step[] => [
    ...pieces.flatMap(([at, length], index) => [poke(32 + index * 8, at), poke(36 + index * 8, length)]),
    ask("fd_write", fd, 32, pieces.length, 16),
  ];
  async function heard(steps: readonly Step[], fields: string): Promise<{ answers: number[]; log: string[] }> {
    const log: string[] = [];
    const answers = await numbers(steps, fields, { onLog: ({ line }) => log.push(line) });
    return { answers, log };
  }

  test("to 1 and 2 goes to the log line by line, a rest at the end, each stream on its own", async () => {
    const fields = text(512, "one\ntwo\nthr") + text(600, "ee\nrest of 1") + text(700, "err\n\nrest of 2");
    const steps = [
      ...write(1, [512, 11]),
      peek(16),
      ...write(2, [700, 14]),
      ...write(1, [600, 3], [603, 0], [603, 9]),
      peek(16),
    ];
    expect(await heard(steps, fields)).toEqual({
      answers: [0, 11, 0, 0, 12],
      log: ["one", "two", "err", "", "three", "rest of 1", "rest of 2"],
    });
  });

  test("of nothing writes nothing", async () => {
    expect(await heard([...write(1), peek(16), ...write(2, [512, 0]), peek(16)], "")).toEqual({
      answers: [0, 0, 0, 0],
      log: [],
    });
  });

  test("of bytes that are no UTF-8 logs replacement characters, and joins a character that was cut", async () => {
    const fields = text(512, Buffer.from("a\xffb\xe2\x82", "latin1")) + text(600, Buffer.from("\xac\n", "latin1"));
    expect(await heard([...write(1, [512, 5]), ...write(1, [600, 2])], fields)).toMatchObject({ log: ["a\ufffdb€"] });
  });

  test("to any other descriptor is EBADF and writes nothing", async () => {
    const steps = [0, 3, 4, -1].flatMap((fd) => write(fd, [512, 4]));
    expect(await heard(steps, text(512, "no!\n"))).toEqual({ answers: [8, 8, 8, 8], log: [] });
  });

  test("with a vector, its text or the place for the count outside of memory is EFAULT, and nothing of it is logged", async () => {
    const steps = [
      ...write(1, [512, 4], [-4, 8]),
      ...write(1, [512, 4], [512, -1]),
      ask("fd_write", 1, `(i32.sub ${pageEnd} (i32.const 7))`, 1, 16),
      ask("fd_write", 1, -8, 1, 16),
      ask("fd_write", 1, 32, 1, -1),
      ask("fd_write", 1, pageEnd, 0, 16),
    ];
    expect(await heard(steps, text(512, "no!\n"))).toEqual({ answers: [21, 21, 21, 21, 21, 0], log: [] });
  });

  test("with too many vectors is EINVAL", async () => {
    expect(await heard([ask("fd_write", 1, 1024, 1025, 16), ask("fd_write", 1, 1024, 1024, 16)], "")).toEqual({
      answers: [28, 0],
      log: [],
    });
  });

  test("of more than a log may hold fails the job, however much more", async () => {
    const all = `(local $at i32) (drop (memory.grow (i32.sub (i32.const 4096) (memory.size))))
      (loop $next
        (i32.store offset=4 (local.get $at) (i32.const 0x10000000))
        (br_if $next (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 8))) (i32.const 8192))))
      (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1024) (i32.const 16384)))`;
    const module = assemble(`(module ${imports} (memory (export "memory") 1) (func (export "caos_run") ${all}))`);
    expect((await room.run(module)).outcome).toEqual({
      kind: "failed",
      code: "limit",
      message: "the guest logged too much",
    });
  });

  test("gives the message when the guest traps, from a line that nothing ended too", async () => {
    const module = script([...write(2, [512, 8]), { wat: "unreachable" }], { imports, fields: text(512, "fatal: x") });
    expect((await room.run(module)).outcome).toEqual({ kind: "failed", code: "trap", message: "fatal: x" });
  });

  test("is heard once although the frame was replayed, in the order of the completing execution", async () => {
    await withEngine({ nestedFramesMax: 1 }, async (engine) => {
      const child = engine.addWorker(script([...write(1, [512, 6])], { imports, fields: text(512, "child\n") }));
      const parent = script(
        [json({ op: "log", msg: "by log" }), ...write(1, [512, 7]), run(child), ...write(1, [519, 6])],
        { imports, fields: text(512, "before\nafter\n") },
      );
      const log: string[] = [];
      const result = await engine.run({ worker: engine.addWorker(parent), onLog: ({ line }) => log.push(line) });
      expect(result.jobs).toMatchObject({ executed: 2, frames: 3 });
      expect(log).toEqual(["child", "by log", "before", "after"]);
    });
  });
});

test("before the guest has a memory, in its start function, everything is EFAULT", async () => {
  const fields = `(global $told (mut i32) (i32.const 0))
    (func $early (global.set $told (call $fd_write (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0)))) (start $early)`;
  expect(await numbers([{ wat: "(call $note_number (global.get $told))" }], fields)).toEqual([errno.fault]);
});
