/**
 * Names the place in a folded tree where a guest was: from frame to frame, the entry of the outer `in` that is the inner `in`. Works for any worker that
 * passes an entry of its `in` on as `in`; where that breaks off, so does the path.
 */
import type { ShownFrame } from "./isolate-host/status-board.ts";
import type { Oid } from "./store/oid.ts";
import type { Store } from "./store/store.ts";
import { MalformedTree, decodeTree, type TreeEntry } from "./store/tree.ts";

/** Where the last frame's `in` is: its path from the first frame's, "." when they are the same. */
export interface FoldedPath {
  readonly from: Oid;
  readonly path: string;
}

/** Undefined when it can't be told. */
export function foldedPath(store: Store, frames: readonly ShownFrame[]): FoldedPath | undefined {
  const [first, ...inner] = frames.map((frame) => entriesOf(frame.args)?.find((entry) => entry.name === "in"));
  if (first === undefined) return undefined;
  const names: string[] = [];
  let at = first;
  for (const next of inner) {
    if (next === undefined) return undefined;
    if (next.oid === at.oid) continue;
    const within = store.kindOf(at.oid) === "tree" ? entriesOf(store.get(at.oid).body) : undefined;
    const found = within?.find((entry) => entry.oid === next.oid);
    if (found === undefined) return undefined;
    names.push(found.name);
    at = next;
  }
  return { from: first.oid, path: names.length === 0 ? "." : names.join("/") };
}

function entriesOf(tree: Uint8Array): TreeEntry[] | undefined {
  try {
    return decodeTree(tree);
  } catch (error) {
    if (error instanceof MalformedTree) return undefined;
    throw error;
  }
}
