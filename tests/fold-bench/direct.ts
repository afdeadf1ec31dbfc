/**
 * The limit that the engine is compared with: a visitor that counts, folded by a plain recursive function over the same store. It reads the same objects, computes the same
 * results, and writes the same results durably; it has no requests, no memos, no sandbox and no trace.
 */
import type { Oid } from "../../src/store/oid.ts";
import type { Store } from "../../src/store/store.ts";
import { decodeTree, encodeTree, type TreeEntry } from "../../src/store/tree.ts";

/** A leaf's number. */
export type Leaf = (content: Uint8Array) => number;

/** What visitors make of a file; of a folder all of them make the sum. */
export const leaves = {
  "line-count": countNewlines,
  "file-count": () => 1,
  busy: hashBusily,
} as const satisfies Record<string, Leaf>;

/** The result's oid for the object, stored with all results below it; committed when `store.flush` is. */
export function foldDirectly(store: Store, name: Oid, leaf: Leaf = countNewlines): Oid {
  const { kind, body } = store.get(name);
  if (kind !== "tree") return putNumber(store, leaf(body));
  const children = decodeTree(body).map((entry): TreeEntry => ({
    mode: "100644",
    name: entry.name,
    oid: foldDirectly(store, entry.oid, leaf),
  }));
  const results = store.put("tree", encodeTree(children));
  let sum = 0;
  for (const entry of decodeTree(store.get(results).body)) {
    sum += Number.parseInt(Buffer.from(store.get(entry.oid).body).toString("latin1"), 10);
  }
  return putNumber(store, sum);
}

function putNumber(store: Store, value: number): Oid {
  return store.put("blob", Buffer.from(`${value}\n`, "latin1"));
}

function countNewlines(bytes: Uint8Array): number {
  let count = 0;
  for (let at = bytes.indexOf(0x0a); at >= 0; at = bytes.indexOf(0x0a, at + 1)) count++;
  return count;
}

/** As workers/test-guests/busy.ts. */
function hashBusily(content: Uint8Array): number {
  let value = 0x811c9dc5 | 0;
  let at = 0;
  for (let step = 0; step < 800_000 && content.length > 0; step++) {
    value = Math.imul(value ^ (content[at] as number), 0x01000193);
    if (++at === content.length) at = 0;
  }
  return value >>> 0;
}
