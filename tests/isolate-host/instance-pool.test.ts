/** Instances that are made ahead of their execution, and that serve again. */
import { describe, expect, test } from "vitest";
import { InstancePool } from "../../src/isolate-host/instance-pool.ts";
import { assemble } from "../guests/assemble.ts";

/** A pool of a module that imports a function, and what its entry is called. */
function poolOf(imports: Record<string, Record<string, unknown>>): InstancePool {
  const module = new WebAssembly.Module(
    assemble('(module (import "host" "f" (func)) (memory (export "memory") 1) (func (export "_start") (call 0)))'),
  );
  return new InstancePool(module, imports, "_start", undefined);
}

describe("an instance that is made ahead", () => {
  test("is the next one that is taken, and no other", () => {
    const pool = poolOf({ host: { f: () => {} } });
    pool.prepare();
    const first = pool.take();
    expect(pool.take()).not.toBe(first);
    pool.prepare();
    pool.prepare();
    expect(pool.take()).not.toBe(first);
  });

  test("and has no memory is left to whoever takes one, who hears of it", () => {
    let hasMemory = false;
    const pool = poolOf({
      host: {
        get f() {
          if (!hasMemory) throw new RangeError("out of memory");
          return () => {};
        },
      },
    });
    pool.prepare();
    expect(() => pool.take()).toThrow("out of memory");
    pool.prepare();
    hasMemory = true;
    expect(pool.take()).toBeDefined();
  });

  test("and can't be made at all is told at once", () => {
    expect(() => poolOf({ host: {} }).prepare()).toThrow(WebAssembly.LinkError);
  });
});

describe("an instance that is given back", () => {
  /** Writes to its memory and counts in a global. */
  const module = new WebAssembly.Module(
    assemble(`(module (memory (export "memory") 1) (data (i32.const 8) "whole") (global $count (export "count") (mut i32) (i32.const 7))
      (func (export "_start")
        (i32.store (i32.const 8) (i32.const 0)) (i32.store (i32.const 60000) (i32.const 9))
        (global.set $count (i32.add (global.get $count) (i32.const 1)))))`),
  );

  test.each([false, true])(
    "is as it was when it had been started when it is taken again (prepared: %s)",
    (prepared) => {
      const pool = new InstancePool(module, {}, "_start", ["count"]);
      const first = pool.start(pool.take(), () => false);
      const whole = Buffer.from(first.memory.buffer.slice(0));
      first.run();
      expect(pool.give(first)).toBe(true);
      if (prepared) pool.prepare();
      const again = pool.take() as typeof first & { readonly globals: readonly WebAssembly.Global[] };
      expect(again).toBe(first);
      expect(Buffer.from(again.memory.buffer).equals(whole)).toBe(true);
      expect(again.globals.map(({ value }) => value as unknown)).toEqual([7]);
      again.run();
      expect(Buffer.from(again.memory.buffer).equals(whole)).toBe(false);
      pool.give(again);
      expect(Buffer.from(pool.take().memory.buffer).equals(whole)).toBe(true);
    },
  );
});
