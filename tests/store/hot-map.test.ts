import * as fc from "fast-check";
import { expect, test } from "vitest";
import { HotMap } from "../../src/store/hot-map.ts";

test("an entry read lately survives, one long unread is dropped, and a read one is what was set last", () => {
  const map = new HotMap<string, number>(2);
  map.set("a", 1);
  map.set("b", 2);
  map.set("c", 3);
  expect(map.get("a")).toBe(1); // of the older generation, and young again
  map.set("d", 4);
  map.set("e", 5);
  expect(map.get("a")).toBe(1);
  expect(map.get("b")).toBeUndefined();
});

test("a deleted entry is gone from both generations", () => {
  const map = new HotMap<string, number>(1);
  map.set("a", 1);
  map.set("b", 2);
  map.set("a", 3);
  map.delete("a");
  expect(map.get("a")).toBeUndefined();
  map.clear();
  expect(map.get("b")).toBeUndefined();
});

test("it forgets, and never lies: whatever it gives was set last, and the newest entries are there", () => {
  const step = fc.record({ verb: fc.constantFrom("set", "get", "delete"), key: fc.nat(12) });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5 }), fc.array(step, { maxLength: 200 }), (entriesMax, steps) => {
      const map = new HotMap<number, number>(entriesMax);
      const model = new Map<number, number>();
      for (const [at, { verb, key }] of steps.entries()) {
        if (verb === "set") {
          map.set(key, at);
          model.set(key, at);
          expect(map.get(key)).toBe(at);
        } else if (verb === "delete") {
          map.delete(key);
          model.delete(key);
        } else {
          const found = map.get(key);
          if (found !== undefined) expect(found).toBe(model.get(key));
        }
      }
      const kept = [...model.keys()].filter((key) => map.get(key) !== undefined);
      expect(kept.length).toBeLessThanOrEqual(2 * entriesMax);
    }),
  );
});
