/**
 * A reused instance can't be told from a fresh one: random guests, which write memory, grow, trap, run out of limits, and change globals, tables and segments, run in random order on
 * instances that are reused where the engine finds that safe, and on fresh ones. Each first tells what it finds of its state. Everything that can be seen must be the same.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { putRequest, putSurroundings } from "../../src/abi/request.ts";
import { putRuntimeNode, wasmMarker } from "../../src/abi/worker.ts";
import { Runtimes } from "../../src/isolate-host/runtimes.ts";
import { WasmGuests } from "../../src/isolate-host/wasm-guests.ts";
import { newJob, type FrameEnd } from "../../src/scheduler/settle.ts";
import { emptyTree } from "../../src/store/object.ts";
import type { Oid } from "../../src/store/oid.ts";
import { MissingObject, openStore, type Store } from "../../src/store/store.ts";
import { abiImports, assemble } from "../guests/assemble.ts";

const seeds = 30;
const guestsPerSeed = 4;
const jobsPerSeed = 40;

/** A deterministic stream of numbers below a bound (mulberry32). */
function randomNumbers(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}
type Next = (below: number) => number;

const numbers: Readonly<Record<string, readonly string[]>> = {
  i32: ["0", "-1", "0x80000000", "0x7fffffff", "42"],
  i64: ["0", "-1", "0x8000000000000000", "0x7fffffffffffffff", "0x123456789abcdef0"],
  f32: ["0", "-0", "inf", "-inf", "nan", "nan:0x200001", "1.5", "0x1p-149"],
  f64: ["0", "-0", "inf", "-inf", "nan", "-nan:0x4000000000001", "1.5", "0x1p-1074"],
};
const types = Object.keys(numbers);
const toBits: Readonly<Record<string, (value: string) => string>> = {
  i32: (value) => `(i64.extend_i32_u ${value})`,
  i64: (value) => value,
  f32: (value) => `(i64.extend_i32_u (i32.reinterpret_f32 ${value}))`,
  f64: (value) => `(i64.reinterpret_f64 ${value})`,
};

const constant = (type: string, next: Next) => {
  const values = numbers[type] ?? [];
  return `(${type}.const ${values[next(values.length)] ?? "0"})`;
};

/** A module's text: what it starts with, and what it does when the bits of its request say so. */
function randomGuest(next: Next): string {
  const globals = Array.from({ length: next(5) }, () => types[next(types.length)] as string);
  const hasTable = next(3) === 0;
  const drops = next(4) === 0;
  const pages = 1 + next(3);
  const address = () => next(pages * 65_536 - 16);
  const statements: (() => string)[] = [
    () => `(i64.store (i32.const ${address()}) ${constant("i64", next)})`,
    () => `(i32.store8 (i32.const ${address()}) (i32.const ${next(256)}))`,
    () => `(memory.fill (i32.const ${next(60_000)}) (i32.const ${next(256)}) (i32.const ${next(5000)}))`,
    () => `(memory.copy (i32.const ${next(30_000)}) (i32.const ${30_000 + next(30_000)}) (i32.const ${next(5000)}))`,
    () => `(call $note (i64.const ${next(1000)}))`,
    () => `(call $note (i64.load (i32.const ${address()})))`,
  ];
  const rarely: (() => string)[] = [
    () => `(call $note (i64.extend_i32_s (memory.grow (i32.const ${next(3)}))))`,
    () => "unreachable",
    () => "(loop $on (br $on))",
    () => "(call $deeper (i64.const 0))",
    () => "(i32.store (i32.const -4) (i32.const 0))",
    () => "(drop (i32.div_u (i32.const 1) (i32.const 0)))",
    () => "return",
    () => "(throw $thrown)",
  ];
  for (const [index, type] of globals.entries()) {
    statements.push(() => `(global.set $g${index} ${constant(type, next)})`);
  }
  if (hasTable) {
    statements.push(
      () => `(table.set $t (i32.const ${next(4)}) ${next(2) === 0 ? "(ref.null func)" : "(ref.func $deeper)"})`,
      () => `(drop (table.grow $t (ref.null func) (i32.const ${next(3)})))`,
      () => `(table.init $t $e (i32.const ${next(4)}) (i32.const 0) (i32.const ${next(2)}))`,
    );
  }
  statements.push(() => `(memory.init $d (i32.const ${next(60_000)}) (i32.const 0) (i32.const ${next(4)}))`);
  if (drops)
    statements.push(
      () => "(data.drop $d)",
      () => (hasTable ? "(elem.drop $e)" : "nop"),
    );
  const body = Array.from({ length: 3 + next(12) }, () => {
    const list = next(6) === 0 ? rarely : statements;
    return `(if (i32.and (local.get $bits) (i32.const ${1 << next(24)})) (then ${(list[next(list.length)] as () => string)()}))`;
  });
  const found = [
    "(call $note (i64.extend_i32_u (memory.size)))",
    "(call $note (call $sum))",
    ...globals.map(
      (type, index) => `(call $note ${(toBits[type] as (value: string) => string)(`(global.get $g${index})`)})`,
    ),
    ...(hasTable
      ? [
          "(call $note (i64.extend_i32_u (table.size $t)))",
          ...[0, 1, 2, 3].map((at) => `(call $note (i64.extend_i32_u (ref.is_null (table.get $t (i32.const ${at})))))`),
        ]
      : []),
  ];
  const starts = [
    "",
    "(start $start) (func $start (i64.store (i32.const 70) (i64.const -7)))",
    `(start $start) (func $start (i32.store (i32.const 200) (i32.const 9)) ${globals.map((type, index) => `(global.set $g${index} ${constant(type, next)})`).join(" ")})`,
    "(start $start) (func $start (i32.store (i32.const 300) (call $call (i32.const 0) (i32.const 12))))",
    "(start $start) (func $start (drop (memory.grow (i32.const 1))))",
  ];
  return `(module ${abiImports}
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (tag $thrown)
    (memory (export "memory") ${pages} ${pages + next(4)})
    (data (i32.const 0) "{\\"op\\":\\"job\\"}")
    (data (i32.const 16) "{\\"op\\":\\"out\\",\\"kind\\":\\"tree\\",\\"hash\\":\\"${emptyTree}\\"}")
    (data (i32.const 128) "0123456789abcdef")
    (data $d "abcdef")
    ${hasTable ? "(table $t 4 8 funcref) (elem $e func $deeper) (elem (table $t) (i32.const 1) func $deeper)" : ""}
    ${globals.map((type, index) => `(global $g${index} (mut ${type}) ${constant(type, next)})`).join(" ")}
    ${starts[next(starts.length)] ?? ""}
    (func $deeper (param i64) (call $deeper (i64.add (local.get 0) (i64.const 1))))
    (func $note (param $bits i64) (local $at i32)
      (local.set $at (i32.const 15))
      (loop $digit
        (i32.store8 (i32.add (i32.const 4000) (local.get $at))
          (i32.load8_u (i32.add (i32.const 128) (i32.wrap_i64 (i64.and (local.get $bits) (i64.const 15))))))
        (local.set $bits (i64.shr_u (local.get $bits) (i64.const 4)))
        (local.set $at (i32.sub (local.get $at) (i32.const 1)))
        (br_if $digit (i32.ge_s (local.get $at) (i32.const 0))))
      (i32.store8 (i32.const 4016) (i32.const 10))
      (i32.store (i32.const 4020) (i32.const 4000))
      (i32.store (i32.const 4024) (i32.const 17))
      (drop (call $write (i32.const 1) (i32.const 4020) (i32.const 1) (i32.const 4028))))
    (func $sum (result i64) (local $at i32) (local $sum i64)
      (loop $word
        (local.set $sum (i64.add (i64.mul (local.get $sum) (i64.const 31)) (i64.load (local.get $at))))
        (local.set $at (i32.add (local.get $at) (i32.const 8)))
        (br_if $word (i32.lt_u (local.get $at) (i32.const ${pages * 65_536}))))
      (local.get $sum))
    (func $bits (result i32)
      (drop (call $call (i32.const 0) (i32.const 12)))
      (call $read (i32.const 5000))
      (i32.xor (i32.load (i32.const 5009)) (i32.mul (i32.load (i32.const 5013)) (i32.const 0x9e3779b1))))
    (func (export "caos_run") (local $bits i32)
      (call $read (i32.const 5200))
      ${found.join("\n")}
      (local.set $bits (call $bits))
      ${body.join("\n")}
      (drop (call $call (i32.const 16) (i32.const ${`{"op":"out","kind":"tree","hash":"${emptyTree}"}`.length})))))`;
}

/** Everything that can be seen of an execution. */
interface Seen {
  readonly outcome: object;
  readonly fuel: number;
  readonly reads: readonly Oid[];
  readonly log: readonly string[];
}

function runner(store: Store, reusesInstances: boolean): (image: Oid, args: Oid) => Seen {
  let log: readonly string[] = [];
  const wasm = new WasmGuests(
    {
      objects: store,
      settleNested: () => undefined,
      upcoming: () => [],
      onLog: (_job, lines) => {
        log = lines;
      },
    },
    reusesInstances,
  );
  const guests = new Runtimes(store, new Map([[wasmMarker, wasm]]));
  const surroundings = putSurroundings(store, undefined, "");
  return (image, args) => {
    log = [];
    const request = putRequest(store, image, args, surroundings);
    const job = newJob(request, undefined, undefined);
    let end: FrameEnd;
    try {
      end = guests.execute(job);
    } catch (error) {
      // A guest may have written over what it was to name, and name what nobody has.
      if (error instanceof MissingObject) return { outcome: { missing: error.oid }, fuel: 0, reads: [], log };
      throw error;
    }
    if (end.how !== "completed") throw new Error(`a guest without nested requests ${end.how}`);
    const { outcome, fuel, reads } = end.memo;
    return { outcome, fuel, reads, log };
  };
}

describe("reused instances and fresh ones", () => {
  test.each(Array.from({ length: seeds }, (_, index) => 1000 + index * 77))("show the same: seed %i", (seed) => {
    const folder = mkdtempSync(join(tmpdir(), "coppice-reuse-"));
    const store = openStore(join(folder, "store.db"));
    try {
      const next = randomNumbers(seed);
      const limits = { fuel: 3_000_000, depth: 2000 };
      const texts = Array.from({ length: guestsPerSeed }, () => randomGuest(next));
      const images = texts.map((text) =>
        putRuntimeNode(store, wasmMarker, store.put("blob", assemble(text, "exceptions")), limits),
      );
      store.put("tree", Buffer.alloc(0));
      const reused = runner(store, true);
      const fresh = runner(store, false);
      for (let job = 0; job < jobsPerSeed; job++) {
        const guest = next(guestsPerSeed);
        const blob = store.put("blob", Buffer.from(`${seed} ${next(12)}`));
        const args = store.put("tree", Buffer.concat([Buffer.from("100644 n\0", "latin1"), Buffer.from(blob, "hex")]));
        const image = images[guest] as Oid;
        expect(reused(image, args), `seed ${seed}, job ${job}, guest ${texts[guest]}`).toEqual(fresh(image, args));
      }
    } finally {
      store.close();
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
