/**
 * Looks at a store's file by the guarantees that src/store states: nothing half-written, every object what its name says and found by it, every tree
 * and every memo with all that it needs.
 */
import { createHash } from "node:crypto";
import Database from "better-sqlite3";
import type { ObjectKind } from "../../src/store/object.ts";
import { oidFromBytes, type Oid } from "../../src/store/oid.ts";
import { isRequestTree, requestParts } from "../../src/store/request-tree.ts";
import { openStore, type Store } from "../../src/store/store.ts";
import { decodeTree, kindOfMode } from "../../src/store/tree.ts";

export interface Inspection {
  readonly memos: number;
  readonly objects: number;
  /** A sentence each; none when the store keeps its promises. */
  readonly faults: readonly string[];
}

const kinds: readonly (ObjectKind | undefined)[] = [undefined, "blob", "tree", "commit", "tag"];

export function inspectStore(path: string): Inspection {
  const faults: string[] = [];
  inspectFile(path, faults);
  const store = openStore(path);
  try {
    const here = inspectObjects(store, mayBePartial(path, store), faults);
    const { memos, quarantined } = store.stats();
    if (quarantined !== 0) faults.push(`${quarantined} memos are quarantined`);
    inspectMemos(store, here, faults);
    return { memos, objects: here.size, faults };
  } catch (error) {
    // What the store can't read it says by throwing.
    return { memos: 0, objects: 0, faults: [...faults, String(error)] };
  } finally {
    store.close();
  }
}

/** Trees that need not have all that they name here: in a store that reads from repositories those that it says, requests and their args. */
function mayBePartial(path: string, store: Store): ReadonlySet<Oid> {
  const partial = new Set<Oid>();
  if (store.stats().sources.length === 0) return partial;
  const database = new Database(path);
  const rows = database.prepare<[], Buffer>("SELECT oid FROM partial_trees").pluck().all();
  database.close();
  for (const row of rows) partial.add(oidFromBytes(row));
  for (const { name, object } of store.objects()) {
    if (object.kind === "tree" && isRequestTree(object.body)) partial.add(name).add(requestParts(object.body).args);
  }
  return partial;
}

/** What SQLite alone can tell. */
function inspectFile(path: string, faults: string[]): void {
  const database = new Database(path);
  try {
    const integrity = database.pragma("integrity_check", { simple: true });
    if (integrity !== "ok") faults.push(`integrity_check: ${String(integrity)}`);
    type Row = { readonly oid: Buffer; readonly kind: number; readonly digest: Buffer; readonly body: Buffer };
    for (const row of database.prepare<[], Row>("SELECT oid, kind, digest, body FROM objects").iterate()) {
      const header = `${kinds[row.kind]} ${row.body.length}\0`;
      const digest = createHash("sha256").update(header, "latin1").update(row.body).digest();
      if (!digest.equals(row.digest)) faults.push(`object ${oidFromBytes(row.oid)} has another digest`);
    }
  } finally {
    database.close();
  }
}

function inspectObjects(store: Store, partial: ReadonlySet<Oid>, faults: string[]): Map<Oid, ObjectKind> {
  const here = new Map<Oid, ObjectKind>();
  const named: [tree: Oid, name: Oid, kind: ObjectKind][] = [];
  for (const { name, object } of store.objects()) {
    if (here.has(name)) faults.push(`object ${name} stands twice`);
    here.set(name, object.kind);
    if (object.kind !== "tree") continue;
    for (const entry of decodeTree(object.body)) {
      if (kindOfMode(entry.mode) !== "commit") named.push([name, entry.oid, kindOfMode(entry.mode)]);
    }
  }
  for (const [name, kind] of here)
    if (store.kindOf(name) !== kind) faults.push(`object ${name} is not found by its name`);
  for (const [tree, name, kind] of named) {
    if (here.get(name) !== kind && !partial.has(tree))
      faults.push(`tree ${tree} names ${name}, a ${kind} that is not here`);
  }
  return here;
}

function inspectMemos(store: Store, here: ReadonlyMap<Oid, ObjectKind>, faults: string[]): void {
  const all = [...store.memos()];
  const whole = new Set<Oid>();
  for (const { request, memo } of all) {
    const { outcome, reads, children } = memo;
    if (store.outcome(request) === undefined) faults.push(`the memo of ${request} is not found by its name`);
    if (outcome.kind !== "failed" && here.get(outcome.oid) !== outcome.kind) {
      faults.push(`the memo of ${request} names a result that is not here`);
    } else if (outcome.kind === "tree" && !isWhole(store, outcome.oid, here, whole)) {
      faults.push(`the memo of ${request} names a result that is not here whole`);
    }
    for (const name of [request, ...reads, ...children]) {
      if (!here.has(name)) faults.push(`the memo of ${request} relies on what is not here`);
    }
  }
}

/** Whether all that a tree reaches is here; `whole` remembers what is. */
function isWhole(store: Store, tree: Oid, here: ReadonlyMap<Oid, ObjectKind>, whole: Set<Oid>): boolean {
  const open = [tree];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (whole.has(name)) continue;
    whole.add(name);
    for (const { mode, oid } of decodeTree(store.get(name).body)) {
      const kind = kindOfMode(mode);
      if (kind === "commit") continue;
      if (here.get(oid) !== kind) return false;
      if (kind === "tree") open.push(oid);
    }
  }
  return true;
}
