/**
 * What differs between two trees, by path: what `git diff-tree -r --no-renames --name-status` lists, in its order.
 * Subtrees of the same oid are not read, so the cost is that of what changed.
 */
import type { Oid } from "./oid.ts";
import { compareEntries, type Mode, type TreeEntry } from "./tree.ts";

/** A file, symlink or gitlink that differs. A `typechange` is from one of these to another; an exec bit alone is a modification. */
export interface TreeChange {
  readonly status: "added" | "modified" | "deleted" | "typechange";
  /** From the trees' root, with slashes. */
  readonly path: string;
}

interface Level {
  readonly prefix: string;
  readonly before: readonly TreeEntry[];
  readonly after: readonly TreeEntry[];
  /** How many of each are done with. */
  atBefore: number;
  atAfter: number;
}

const nothing: readonly TreeEntry[] = [];

/** The changes from one tree to another, found as they are asked for. Throws what `entriesOf` throws. */
export function* treeChanges(
  before: Oid,
  after: Oid,
  entriesOf: (tree: Oid) => readonly TreeEntry[],
): Generator<TreeChange, undefined> {
  if (before === after) return undefined;
  const level = (prefix: string, old: Oid | undefined, now: Oid | undefined): Level => ({
    prefix,
    before: old === undefined ? nothing : entriesOf(old),
    after: now === undefined ? nothing : entriesOf(now),
    atBefore: 0,
    atAfter: 0,
  });
  // Trees from a revision may be nested deeper than the native stack.
  const open = [level("", before, after)];
  for (let top = open.at(-1); top !== undefined; top = open.at(-1)) {
    const next = nextPair(top);
    if (next === undefined) {
      open.pop();
      continue;
    }
    const [old, now] = next;
    const entry = (old ?? now) as TreeEntry;
    if (old?.oid === now?.oid && old?.mode === now?.mode) continue;
    const path = top.prefix + entry.name;
    if (entry.mode === "40000") open.push(level(`${path}/`, old?.oid, now?.oid));
    else yield { status: statusOf(old, now), path };
  }
  return undefined;
}

/** The next entries of one name and folderness, of which one may be missing. */
function nextPair(level: Level): readonly [TreeEntry | undefined, TreeEntry | undefined] | undefined {
  const old = level.before[level.atBefore];
  const now = level.after[level.atAfter];
  if (old === undefined && now === undefined) return undefined;
  const order = old === undefined ? 1 : now === undefined ? -1 : compareEntries(old, now);
  if (order <= 0) level.atBefore++;
  if (order >= 0) level.atAfter++;
  return [order <= 0 ? old : undefined, order >= 0 ? now : undefined];
}

function statusOf(old: TreeEntry | undefined, now: TreeEntry | undefined): TreeChange["status"] {
  if (old === undefined) return "added";
  if (now === undefined) return "deleted";
  return isRegular(old.mode) === isRegular(now.mode) && (isRegular(old.mode) || old.mode === now.mode)
    ? "modified"
    : "typechange";
}

function isRegular(mode: Mode): boolean {
  return mode === "100644" || mode === "100755";
}
