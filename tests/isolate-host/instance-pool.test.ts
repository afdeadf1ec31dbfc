/** Instances that are made ahead of their execution. */
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
