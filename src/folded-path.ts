/**
 * Names the place in a folded tree where a guest was: from frame to frame, the entry of the outer `in` that is the inner `in`. Works for any worker that
 * passes an entry of its `in` on as `in`; where that breaks off, so does the path.
 */
import type { ShownFrame } from "./isolate-host/status-board.ts";
import { hashObject } from "./store/object.ts";
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
  const [first, ...inner] = frames.map(({ args }) => foldedIn(args));
  if (first === undefined) return undefined;
  const names: string[] = [];
  let at = first;
  for (const next of inner) {
    if (next === undefined) return undefined;
    if (next === at) continue;
    const name = entryNames(store, at)?.get(next);
    if (name === undefined) return undefined;
    names.push(name);
    at = next;
  }
  return { from: first, path: names.length === 0 ? "." : names.join("/") };
}

/** What an args tree's bytes name as `in`. */
export function foldedIn(args: Uint8Array): Oid | undefined {
  return entriesOf(args)?.find((entry) => entry.name === "in")?.oid;
}

/** The first name of each object in a tree, as folds pass it on: a gitlink as the blob of its commit's digits. Undefined when it is no tree, or not here. */
export function entryNames(store: Store, tree: Oid): ReadonlyMap<Oid, string> | undefined {
  if (store.kindOf(tree) !== "tree") return undefined;
  const entries = entriesOf(store.get(tree).body);
  return entries && new Map(entries.toReversed().map((entry) => [passedOn(entry), entry.name]));
}

/** What a fold passes on for the entry of that name; undefined when there is none. */
export function entryNamed(store: Store, tree: Oid, name: string): Oid | undefined {
  if (store.kindOf(tree) !== "tree") return undefined;
  const entry = entriesOf(store.get(tree).body)?.find((each) => each.name === name);
  return entry && passedOn(entry);
}

function passedOn({ mode, oid }: TreeEntry): Oid {
  return mode === "160000" ? hashObject("blob", Buffer.from(oid)) : oid;
}

/** The entries that a tree's bytes hold; undefined when they are no tree's. */
export function entriesOf(tree: Uint8Array): TreeEntry[] | undefined {
  try {
    return decodeTree(tree);
  } catch (error) {
    if (error instanceof MalformedTree) return undefined;
    throw error;
  }
}

/** The names in a path that a person wrote: none for what is folded itself. */
export function foldedSteps(path: string): readonly string[] {
  return path.split("/").filter((step) => step !== "" && step !== ".");
}
