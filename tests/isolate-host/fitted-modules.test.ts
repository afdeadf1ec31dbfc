/** Rewritten modules are kept for later processes, and nothing that a guest does depends on it. */
import { createHash } from "node:crypto";
import { afterAll, expect, test } from "vitest";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defaultGuestLimits } from "../../src/abi/limits.ts";
import { fittedModule, fittingVersion } from "../../src/isolate-host/fitted-modules.ts";
import { fitModule } from "../../src/isolate-host/wasm/module.ts";
import { openStore } from "../../src/store/store.ts";
import { assemble } from "../guests/assemble.ts";

const folder = mkdtempSync(join(tmpdir(), "coppice-fitted-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A guest with a table, globals, loops, calls, floats, and so much data. */
const guestOf = (dataBytes: number) =>
  assemble(`(module
    (memory (export "memory") 8)
    (table 2 funcref) (elem (i32.const 0) $next $twice)
    (global $turns (mut i32) (i32.const 0))
    (data (i32.const 0) "${"x".repeat(dataBytes)}")
    (func $next (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))
    (func $twice (param i32) (result i32) (call $next (call $next (local.get 0))))
    (func (export "caos_run") (local $sum i64)
      (loop $again
        (local.set $sum (i64.add (local.get $sum) (i64.const 3)))
        (global.set $turns (call_indirect (param i32) (result i32) (global.get $turns) (i32.const 1)))
        (br_if $again (i32.lt_u (global.get $turns) (i32.const 100))))
      (f64.store (i32.const 8) (f64.sqrt (f64.convert_i64_s (local.get $sum))))
      (v128.store (i32.const 16) (f32x4.div (v128.load (i32.const 16)) (f32x4.splat (f32.demote_f64 (f64.load (i32.const 8))))))
      (memory.fill (i32.const 0) (i32.const 1) (i32.wrap_i64 (local.get $sum)))))`);
const fit = (bytes: Uint8Array) => fitModule(bytes, new Map(), defaultGuestLimits);
const digest = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

test("the version goes up when a module is rewritten into other bytes", () => {
  expect([fittingVersion, digest(fit(guestOf(10)).bytes)]).toMatchInlineSnapshot(`
    [
      2,
      "c24dc727ff74e58d73aa5ca57849fdfa4a2de3ed5c6a4004868fd2c3b849bea0",
    ]
  `);
});

test("a large module is rewritten once for all handles of a store, a small one each time, and the bytes are the same", () => {
  const path = join(folder, "store.sqlite");
  for (const [dataBytes, times] of [
    [100_000, 1],
    [1000, 2],
  ] as const) {
    const module = guestOf(dataBytes);
    let rewritten = 0;
    const seen = [1, 2].map(() => {
      const store = openStore(path);
      const name = store.put("blob", module);
      store.flush();
      const fitted = fittedModule(store, name, defaultGuestLimits, (bytes) => {
        rewritten++;
        return fit(bytes);
      });
      store.close();
      return [digest(fitted.bytes), fitted.resettable];
    });
    expect(rewritten).toBe(times);
    expect(seen[1]).toEqual(seen[0]);
    expect(seen[0]).toEqual([digest(fit(module).bytes), fit(module).resettable]);
  }
});

test("other limits are another rewriting", () => {
  const store = openStore(join(folder, "limits.sqlite"));
  const name = store.put("blob", guestOf(100_000));
  const small = { ...defaultGuestLimits, memoryPages: 9 };
  const of = (limits: typeof small) =>
    fittedModule(store, name, limits, (bytes) => fitModule(bytes, new Map(), limits));
  const texts = [defaultGuestLimits, small, defaultGuestLimits, small].map((limits) => digest(of(limits).bytes));
  expect(texts[0]).not.toBe(texts[1]);
  expect(texts.slice(2)).toEqual(texts.slice(0, 2));
  store.close();
});
