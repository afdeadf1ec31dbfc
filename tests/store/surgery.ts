/** Changes a store's file from outside, as no handle would, to see what handles make of it. */
import { createHash } from "node:crypto";
import Database from "better-sqlite3";
import { oidToBytes, type Oid } from "../../src/store/oid.ts";
import { deletedName } from "../../src/store/pack.ts";
import { openStore } from "../../src/store/store.ts";

const packTables = ["object_packs", "job_packs"] as const;

export function edit<T>(path: string, work: (database: Database.Database) => T): T {
  const database = new Database(path);
  try {
    return work(database);
  } finally {
    database.close();
  }
}

/** Objects and memos in the file. */
export function stored(path: string): [objects: number, memos: number] {
  const store = openStore(path);
  try {
    const { objects, memos } = store.stats();
    return [Object.values(objects).reduce((sum, each) => sum + each, 0), memos];
  } finally {
    store.close();
  }
}

/** Puts other bytes, as many, wherever these stand in a pack. Throws when they stand nowhere. */
export function changeBytes(path: string, from: Uint8Array, to: Uint8Array): void {
  if (from.length !== to.length) throw new RangeError("a record keeps its length");
  let changed = 0;
  edit(path, (database) => {
    for (const table of packTables) {
      const rows = database.prepare(`SELECT id, records FROM ${table}`).all() as { id: number; records: Buffer }[];
      for (const { id, records } of rows) {
        for (let at = records.indexOf(from); at >= 0; at = records.indexOf(from, at + to.length)) {
          records.set(to, at);
          changed++;
        }
        database.prepare(`UPDATE ${table} SET records = ? WHERE id = ?`).run(records, id);
      }
    }
  });
  if (changed === 0) throw new Error("these bytes stand in no pack");
}

export const sealBytes = 16;

/** A job's record as it stands in a pack: its length, itself (short), its seal. */
export function sealed(record: Uint8Array): Buffer {
  const seal = createHash("sha256").update(record).digest().subarray(0, sealBytes);
  return Buffer.concat([Buffer.of(record.length + sealBytes), record, seal]);
}

/** What garbage collection will do to small objects: delete, and say so by the generation. */
export function collect(path: string, ...names: readonly Oid[]): void {
  for (const name of names) changeBytes(path, oidToBytes(name), oidToBytes(deletedName));
  edit(path, (database) => database.exec("UPDATE counters SET value = value + 1 WHERE name = 'generation'"));
}
