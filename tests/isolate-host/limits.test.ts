/** Counted limits of guests: what passes one is a failed outcome, whatever tier compiled the guest and however it was run, and a person is told which limit and how to raise it. */
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import {
  defaultGuestLimits,
  formatGuestLimits,
  guestLimitNames,
  maximalGuestLimits,
  parseGuestLimits,
  type GuestLimits,
} from "../../src/abi/limits.ts";
import { UnfitWorker, type RunResult } from "../../src/engine.ts";
import { fuelLeft } from "../../src/isolate-host/wasm/meter.ts";
import { fuelExport, rewriteModule } from "../../src/isolate-host/wasm/module.ts";
import { emptyTree } from "../../src/store/object.ts";
import { abiImports, assemble, guest } from "../guests/assemble.ts";
import { run, runMany, silent } from "../guests/children.ts";
import { sharedRoom, withEngine } from "../guests/room.ts";
import { json, script } from "../guests/script.ts";

const room = sharedRoom();

const failed = (message: string) => ({ kind: "failed", code: "limit", message });
const outOfFuel = failed("the guest ran out of fuel");
const tooDeep = failed("the guest's calls were nested too deep");

function limited(module: Uint8Array, limits: Partial<GuestLimits>): Promise<RunResult> {
  return room.engine.run({ worker: room.engine.addWorker(module, limits) });
}

/** Fuel that a run of a guest without nested requests spends. */
async function spent(module: Uint8Array, limits: Partial<GuestLimits> = {}): Promise<number> {
  await room.engine.run({ worker: room.engine.addWorker(module, limits), rerun: true });
  const event = room.engine.lastRun()?.events.at(-1);
  if (event?.how !== "run") throw new Error("the guest was not executed");
  return event.fuel;
}

const filling = (bytes: number) => guest(`(memory.fill (i32.const 0) (i32.const 1) (i32.const ${bytes}))`);

describe("fuel", () => {
  test("that is spent ends the guest, and what it caught makes no difference", async () => {
    for (const body of [
      "(loop $on (br $on))",
      "(call $main)",
      "(loop $on (try (do (loop $in (br $in))) (catch_all)) (br $on))",
      "(loop $on (memory.fill (i32.const 0) (i32.const 0) (i32.const 65536)) (br $on))",
      "(loop $on (drop (memory.grow (i32.const 0))) (br $on))",
      "(loop $on (drop (call $call (i32.const 0) (i32.const 0))) (br $on))",
      "(loop $on (try (do (throw $t)) (catch_all (br $on))))",
    ]) {
      const module = assemble(
        `(module ${abiImports} (tag $t) (memory (export "memory") 1) (func $main (export "caos_run") ${body}))`,
        "exceptions",
      );
      const result = await limited(module, { fuel: 50_000 });
      expect(result.outcome, body).toEqual(outOfFuel);
      expect(result.detail).toMatch(
        /^worker [0-9a-f]{40}: it passed its limit fuel of 50000; a worker may have up to \d+: `coppice worker add FILE --limits '\{"fuel":200000\}'`$/,
      );
      expect(room.engine.lastRun()?.events.at(-1)?.fuel).toBe(50_000);
    }
  });

  test("is charged by the length of what fills or copies memory", async () => {
    expect((await spent(filling(65_536))) - (await spent(filling(0)))).toBe(65_536 / 8);
  });

  test("is never less than the instructions that ran", async () => {
    const module = guest(`(local i32) (loop $on
      (if (i32.and (local.get 0) (i32.const 1)) (then (i32.store (i32.const 8) (i32.const 1))))
      (local.set 0 (i32.add (local.get 0) (i32.const 1)))
      (br_if $on (i32.lt_u (local.get 0) (i32.const 1000))))`);
    const fuel = await spent(module);
    expect(fuel).toBeGreaterThan(12_000);
    expect(fuel).toBeLessThan(30_000);
  });

  test("suffices to the unit, and one less does not", async () => {
    const module = guest(`(local i32) (loop $on (local.set 0 (i32.add (local.get 0) (i32.const 1)))
      (br_if $on (i32.lt_u (local.get 0) (i32.const 100))))`);
    const fuel = await spent(module);
    expect((await limited(module, { fuel })).outcome).toMatchObject({ code: "abi" });
    expect((await limited(module, { fuel: fuel - 1 })).outcome).toEqual(outOfFuel);
  });

  test("starts afresh with each execution: nested or replayed, a job spends the same", async () => {
    const perDepth: number[][] = [];
    for (const nestedFramesMax of [64, 2, 1]) {
      await withEngine({ nestedFramesMax }, async (engine) => {
        const leaf = engine.addWorker(script([json({ op: "log", msg: "leaf" })]));
        const inner = engine.addWorker(script([run(leaf), run(leaf, engine.putTree([]))]));
        const outer = engine.addWorker(script([runMany({ image: inner }, { image: leaf })]));
        engine.putTree([]);
        await engine.run({ worker: outer });
        const fuels = new Map(
          engine.lastRun()?.events.flatMap(({ how, request, fuel }) => (how === "run" ? [[request, fuel]] : [])),
        );
        perDepth.push([...fuels].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, fuel]) => fuel));
      });
    }
    expect(perDepth[0]).toHaveLength(3);
    expect(Math.min(...(perDepth[0] ?? []))).toBeGreaterThan(0);
    expect(perDepth[1]).toEqual(perDepth[0]);
    expect(perDepth[2]).toEqual(perDepth[0]);
  });
});

describe("call depth", () => {
  test("that is passed ends the guest, and what it caught makes no difference", async () => {
    for (const body of ["(call $main)", "(try (do (call $main)) (catch_all))"]) {
      const result = await room.run(guest(body, "exceptions"));
      expect(result.outcome, body).toEqual(tooDeep);
      expect(result.detail).toContain(
        `it passed its limit depth of ${defaultGuestLimits.depth}; a worker may have up to`,
      );
    }
  });

  test("is free again whichever way a function is left", async () => {
    const ways = [
      "",
      "return",
      "(br 0)",
      "(block (br_if 1 (i32.const 1)))",
      "(throw $t)",
      "(return_call $deep (i32.const 3))",
      "(return_call_indirect (type $none) (i32.const 0))",
    ];
    for (const way of ways) {
      const module = assemble(
        `(module ${abiImports} (type $none (func)) (tag $t) (memory (export "memory") 1) (table 1 funcref) (elem (i32.const 0) $nothing)
          (data (i32.const 0) "${json({ op: "out", kind: "tree", hash: emptyTree }).replaceAll('"', String.raw`\"`)}")
          (func $nothing)
          (func $deep (param i32) (if (local.get 0) (then (call $deep (i32.sub (local.get 0) (i32.const 1))))))
          (func $left ${way})
          (func (export "caos_run") (local i32)
            (loop $on (try (do (call $left)) (catch_all)) (local.set 0 (i32.add (local.get 0) (i32.const 1)))
              (br_if $on (i32.lt_u (local.get 0) (i32.const 5000))))
            (drop (call $call (i32.const 0) (i32.const ${json({ op: "out", kind: "tree", hash: emptyTree }).length})))))`,
        "exceptions",
        "tail_call",
      );
      room.engine.putTree([]);
      expect((await limited(module, { depth: 1000 })).outcome, way).toEqual({ kind: "tree", oid: emptyTree });
    }
  });

  test("does not grow with tail calls", async () => {
    const module = guest("", "tail_call");
    const turning = assemble(
      `(module (memory (export "memory") 1)
        (func $turn (param i32) (if (local.get 0) (then (return_call $turn (i32.sub (local.get 0) (i32.const 1))))))
        (func (export "caos_run") (call $turn (i32.const 1000000))))`,
      "tail_call",
    );
    expect((await limited(turning, { depth: 100 })).outcome).toEqual((await room.run(module)).outcome);
  });
});

test("fuel and depth are the same in each tier of the compiler, and the native stack is never the first to end", () => {
  const file = fileURLToPath(new URL("tier-guests.ts", import.meta.url));
  const seen = [[], ["--liftoff-only"], ["--no-liftoff"], ["--no-wasm-inlining"]].map(
    (flags) =>
      JSON.parse(execFileSync(process.execPath, [...flags, file], { encoding: "utf8" })) as Record<string, object>,
  );
  const [first = {}, ...others] = seen;
  expect(Object.values(first).filter((each) => "passed" in each && each.passed === "depth")).toHaveLength(8);
  expect(Object.values(first).map((each) => ("ended" in each ? each.ended : ""))).not.toContain("RangeError");
  for (const other of others) expect(other).toEqual(first);
});

describe("other limits of a worker", () => {
  test("are those of its runtime node, and the message says which was passed", async () => {
    const logging = script([json({ op: "log", msg: "0123456789" })]);
    const asking = script([run(room.engine.addWorker(silent))]);
    const writing = script(["{}"]);
    const growing = script([
      { wat: "(call $note_number (memory.grow (i32.const 1))) (call $note_number (memory.grow (i32.const 100)))" },
    ]);
    const cases = [
      [logging, { logBytes: 11 }, { logBytes: 10 }, "the guest logged too much"],
      [asking, { nestedRuns: 2 }, { nestedRuns: 1 }, "the guest asked for too many nested requests"],
      [writing, { resultBytes: 100 }, { resultBytes: 10 }, "the guest's result is too large"],
    ] as const;
    for (const [module, enough, less, message] of cases) {
      const twice =
        module === asking ? script([run(room.engine.addWorker(silent)), run(room.engine.addWorker(silent))]) : module;
      expect((await limited(twice, enough)).outcome.kind).not.toBe("failed");
      const result = await limited(twice, less);
      expect(result.outcome).toEqual(failed(message));
      const [[name, value] = []] = Object.entries(less);
      expect(result.detail).toContain(`it passed its limit ${name} of ${value}; a worker may have up to`);
    }
    const { outcome } = await limited(growing, { memoryPages: 40 });
    expect(outcome.kind).toBe("blob");
  });

  test("make another worker, and so another request", () => {
    const plain = room.engine.addWorker(silent);
    const other = room.engine.addWorker(silent, { fuel: 1_000_000 });
    expect(other).not.toBe(plain);
    expect(room.engine.list(other).map(({ name }) => name)).toEqual([".caos-runtime", "limits", "module"]);
    expect(room.engine.addWorker(silent, { fuel: 1_000_000 })).toBe(other);
  });

  test("are refused by name where a worker is added", () => {
    const add = (limits: object) => () => room.engine.addWorker(silent, limits);
    expect(add({ speed: 1 })).toThrow(UnfitWorker);
    expect(add({ speed: 1 })).toThrow('there is no limit "speed"; there are depth, fuel, logBytes, memoryPages');
    for (const fuel of [0, -1, 1.5, Number.NaN, Infinity, 2 ** 53, "1", null]) {
      expect(add({ fuel })).toThrow("fuel must be a whole number from 1 to 9007199254740991");
    }
  });

  test("that are not written as they must be make no worker", async () => {
    const parts = new Map(room.engine.list(room.engine.addWorker(silent)).map((entry) => [entry.name, entry]));
    const malformed = [
      "",
      "{",
      "null",
      "[]",
      "1",
      '{"fuel":0}',
      '{"fuel":1.5}',
      '{"fuel":"1"}',
      '{"fuel":1e3}',
      '{"fuel": 1}',
      '{"fuel":1}\n',
      '{"fuel":1,"fuel":1}',
      '{"fuel":1,"depth":1}',
      '{"speed":1}',
      `{"memoryPages":${maximalGuestLimits.memoryPages + 1}}`,
      `{"fuel":1${" ".repeat(2000)}}`,
    ];
    for (const text of malformed) {
      expect(parseGuestLimits(Buffer.from(text)), text).toBeUndefined();
      const limits = { mode: "100644", name: "limits", oid: room.blob(text) } as const;
      const worker = room.engine.putTree([...parts.values(), limits].toSorted((a, b) => (a.name < b.name ? -1 : 1)));
      expect(await room.answer(run(worker)), text).toBe('{"error":"the image is not a worker"}');
    }
  });

  test("are read as they were written", () => {
    for (const limits of [{}, maximalGuestLimits, ...guestLimitNames.map((name) => ({ [name]: 1 }))]) {
      expect(parseGuestLimits(Buffer.from(formatGuestLimits(limits)))).toEqual({ ...defaultGuestLimits, ...limits });
    }
  });
});

describe("rewriting changes nothing that a module computes", () => {
  const seeds = Array.from({ length: 150 }, (_, index) => 7000 + index * 13);

  test.each(seeds)("seed %i", (seed) => {
    const text = randomProgram(seed);
    const module = assemble(text, "exceptions", "tail_call");
    const fuels: (number | undefined)[] = [];
    const results = [false, true].flatMap((fuel) =>
      [false, true].map((depth) => {
        const limits = { fuel: 2 ** 40, depth: 1 << 16, memoryPages: 1 };
        const { bytes } = rewriteModule(module, undefined, limits, { fuel, depth, nan: fuel === depth }, false);
        const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), {});
        let ended = "returned";
        try {
          (exports["caos_run"] as () => void)();
        } catch (error) {
          ended = (error as Error).message;
        }
        const left = exports[fuelExport] as WebAssembly.Global | undefined;
        fuels.push(fuel && left !== undefined ? fuelLeft(left, limits.fuel).spent : undefined);
        return { ended, sum: (exports["sum"] as WebAssembly.Global).value };
      }),
    );
    for (const result of results) expect(result, text).toEqual(results[0]);
    const [, , alone, withDepth] = fuels;
    expect(alone, text).toBeGreaterThan(0);
    expect(withDepth, text).toBe(alone);
  });
});

/** Functions of random control flow that add up the way they took; loops and calls end. */
function randomProgram(seed: number): string {
  let state = seed >>> 0;
  const next = (below: number) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
  const functions = 4;
  const step = () =>
    `(global.set $sum (i64.add (i64.mul (global.get $sum) (i64.const 31)) (i64.extend_i32_u (i32.add (local.get $n) (i32.const ${next(1000)})))))`;
  const condition = () => `(i32.and (i32.wrap_i64 (global.get $sum)) (i32.const ${1 << next(4)}))`;
  const statements = (func: number, level: number, labels: number): string =>
    Array.from({ length: 1 + next(5) }, () => statement(func, level, labels)).join("\n");
  const callee = (func: number) => func + 1 + next(functions - func - 1);
  const statement = (func: number, level: number, labels: number): string => {
    const inner = level < 4;
    const calls = func < functions - 1;
    const turns = "(local.set $turns (i32.add (local.get $turns) (i32.const 1)))";
    switch (next(16)) {
      case 0:
        return inner ? `(block ${statements(func, level + 1, labels + 1)})` : step();
      case 1:
      case 2:
        return inner
          ? `(loop ${turns} ${statements(func, level + 1, labels + 1)} (br_if 0 (i32.lt_u (local.get $turns) (i32.const ${next(30)}))))`
          : step();
      case 3:
      case 4:
        return inner
          ? `(if ${condition()} (then ${statements(func, level + 1, labels + 1)}) ${next(2) === 0 ? "" : `(else ${statements(func, level + 1, labels + 1)})`})`
          : step();
      case 5:
        // Backward branches end by the count of turns.
        return `(if (i32.lt_u (local.get $turns) (i32.const 40)) (then ${turns} ${step()} (br_if ${1 + next(labels)} ${condition()})))`;
      case 6:
        return inner
          ? `(block (block (block (br_table 0 1 2 (i32.and (i32.wrap_i64 (global.get $sum)) (i32.const 3)))) ${statements(func, level + 3, labels + 2)}) ${statements(func, level + 2, labels + 1)})`
          : step();
      case 7:
        return calls ? `(global.set $sum (call $f${callee(func)} (local.get $n) (global.get $sum)))` : step();
      case 8:
        return calls
          ? `(global.set $sum (call_indirect (type $t) (local.get $n) (global.get $sum) (i32.const ${callee(func)})))`
          : step();
      case 9:
        return `(if ${condition()} (then (return (i64.add (global.get $sum) (i64.const ${next(100)})))))`;
      case 10:
        return calls && next(3) === 0
          ? `(if ${condition()} (then (return_call $f${callee(func)} (i32.const ${next(9)}) (global.get $sum))))`
          : step();
      case 11:
        return inner
          ? `(try (do ${statements(func, level + 1, labels + 1)} (if ${condition()} (then (throw $thrown (i32.const ${next(50)}))))) (catch $thrown (local.set $n)) (catch_all ${step()}))`
          : step();
      case 12:
        return `(i64.store (i32.and (i32.wrap_i64 (global.get $sum)) (i32.const 0xff8)) (global.get $sum))`;
      case 13:
        return "(global.set $sum (i64.xor (global.get $sum) (i64.load (i32.const 64))))";
      default:
        return step();
    }
  };
  const bodies = Array.from(
    { length: functions },
    (_, func) =>
      `(func $f${func} (type $t) (param $n i32) (param $m i64) (result i64) (local $turns i32) (block ${statements(func, 0, 1)}) (i64.add (global.get $sum) (local.get $m)))`,
  );
  return `(module (type $t (func (param i32 i64) (result i64))) (tag $thrown (param i32)) (memory (export "memory") 1)
    (table ${functions} funcref) (elem (i32.const 0) ${Array.from({ length: functions }, (_, func) => `$f${func}`).join(" ")})
    (global $sum (export "sum") (mut i64) (i64.const ${seed}))
    ${bodies.join("\n")}
    (func (export "caos_run") (local i32)
      (loop $on (global.set $sum (call $f0 (local.get 0) (global.get $sum))) (local.set 0 (i32.add (local.get 0) (i32.const 1)))
        (br_if $on (i32.lt_u (local.get 0) (i32.const 5))))))`;
}
