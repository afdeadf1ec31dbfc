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

  test("and can't be made is an error of whoever takes one, and of nobody else", () => {
    const pool = poolOf({ host: {} });
    expect(() => pool.prepare()).not.toThrow();
    expect(() => pool.take()).toThrow(WebAssembly.LinkError);
  });
});
