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
