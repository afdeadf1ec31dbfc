import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import { LeftMemories } from "../../src/isolate-host/left-memories.ts";

const pageBytes = 1 << 16;

/** Memories of 4 MB each, by references that keep none of them. */
function leave(left: LeftMemories, count: number): WeakRef<WebAssembly.Memory>[] {
  return Array.from({ length: count }, () => {
    const memory = new WebAssembly.Memory({ initial: (4 << 20) / pageBytes });
    left.add(memory);
    return new WeakRef(memory);
  });
}

/** What a weak reference was asked for stays until the turn ends. */
const turn = () => new Promise((resolve) => void setImmediate(resolve));

function collectAll(): void {
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
  setFlagsFromString("--no-expose-gc");
}

test("what is left is collected once it is much, and not before", async () => {
  const left = new LeftMemories();
  const few = leave(left, 4);
  await turn();
  left.collect();
  expect(few.filter((each) => each.deref() !== undefined)).toHaveLength(4);
  const many = leave(left, 40);
  await turn();
  left.collect();
  expect([...few, ...many].filter((each) => each.deref() !== undefined)).toHaveLength(0);
});

test("what V8 has collected by itself does not count", async () => {
  const left = new LeftMemories();
  const first = leave(left, 20);
  left.collect();
  await turn();
  collectAll();
  // A registry is told in a turn of its own.
  await turn();
  await turn();
  expect(first.filter((each) => each.deref() !== undefined)).toHaveLength(0);
  const second = leave(left, 20);
  await turn();
  left.collect();
  expect(second.filter((each) => each.deref() !== undefined)).toHaveLength(20);
});
