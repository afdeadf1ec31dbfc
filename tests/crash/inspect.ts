/**
 * Looks at a store's file with SQLite alone, by the guarantees that src/store states: nothing half-written, every object what its name says, every tree
 * and every memo with all that it needs.
 */
import { createHash } from "node:crypto";
import Database from "better-sqlite3";
import { hashObject, type ObjectKind } from "../../src/store/object.ts";
import { oidBytes, oidFromBytes } from "../../src/store/oid.ts";
import { decodeFailure } from "../../src/store/outcome.ts";
import { decodeTree, kindOfMode } from "../../src/store/tree.ts";

export interface Inspection {
  readonly memos: number;
  readonly objects: number;
  /** A sentence each; none when the store keeps its promises. */
  readonly faults: readonly string[];
}

interface ObjectRow {
  readonly oid: Buffer;
  readonly kind: number;
  readonly digest: Buffer;
  readonly body: Buffer;
}

interface MemoRow {
  readonly request: Buffer;
  readonly kind: number;
  readonly outcome: Buffer;
  readonly reads: Buffer;
  readonly children: Buffer;
  readonly quarantined: number;
}

const kinds: readonly (ObjectKind | undefined)[] = [undefined, "blob", "tree", "commit", "tag"];

export function inspectStore(path: string): Inspection {
  const faults: string[] = [];
  const database = new Database(path);
  try {
    const integrity = database.pragma("integrity_check", { simple: true });
    if (integrity !== "ok") faults.push(`integrity_check: ${String(integrity)}`);
    const here = new Map<string, ObjectKind>();
    const named: [tree: string, name: string, kind: string][] = [];
    for (const row of database.prepare<[], ObjectRow>("SELECT oid, kind, digest, body FROM objects").iterate()) {
      const name = oidFromBytes(row.oid);
      const kind = kinds[row.kind];
      if (kind === undefined || hashObject(kind, row.body) !== name) {
        faults.push(`object ${name} is not what its name says`);
        continue;
      }
      const digest = createHash("sha256").update(`${kind} ${row.body.length}\0`, "latin1").update(row.body).digest();
      if (!digest.equals(row.digest)) faults.push(`object ${name} has another digest`);
      here.set(name, kind);
      if (kind !== "tree") continue;
      for (const entry of decodeTree(row.body)) {
        if (kindOfMode(entry.mode) !== "commit") named.push([name, entry.oid, kindOfMode(entry.mode)]);
      }
    }
    for (const [tree, name, kind] of named) {
      if (here.get(name) !== kind) faults.push(`tree ${tree} names ${name}, a ${kind} that is not here`);
    }
    let memos = 0;
    const columns = "request, kind, outcome, reads, children, quarantined";
    for (const row of database.prepare<[], MemoRow>(`SELECT ${columns} FROM memos`).iterate()) {
      memos++;
      const request = oidFromBytes(row.request);
      if (row.quarantined !== 0) faults.push(`the memo of ${request} is quarantined`);
      if (row.kind === 3 ? decodeFailure(row.outcome) === undefined : row.outcome.length !== oidBytes) {
        faults.push(`the memo of ${request} is malformed`);
      } else if (row.kind !== 3 && here.get(oidFromBytes(row.outcome)) !== kinds[row.kind]) {
        faults.push(`the memo of ${request} names a result that is not here`);
      }
      for (const list of [row.request, row.reads, row.children]) {
        for (let at = 0; at < list.length; at += oidBytes) {
          if (!here.has(oidFromBytes(list, at))) faults.push(`the memo of ${request} relies on what is not here`);
        }
      }
    }
    return { memos, objects: here.size, faults };
  } finally {
    database.close();
  }
}
