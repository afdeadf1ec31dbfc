/**
 * A table of packs: read through a small cache, appended to in the transaction of whoever owns the handle. What the cache holds is exact as of the owner's last
 * look at the file, and is forgotten (`cool`) when somebody committed since.
 */
import type Database from "better-sqlite3";
import { HotMap } from "./hot-map.ts";
import { PackWriter } from "./pack.ts";
import { placeOf } from "./place.ts";

/** Packs in memory; a hot map holds up to twice as many. Neighbours in a fold are neighbours in a pack. */
const hotPacksMax = 256;

export class PackTable {
  readonly #sql: ReturnType<typeof prepareStatements>;
  readonly #packs = new HotMap<number, Buffer>(hotPacksMax);
  readonly #writer: PackWriter;
  /** The row that the writer's pack becomes; 0 before the first record of a transaction. */
  #row = 0;
  readonly #edited: number[] = [];

  /** `table` has the columns `id` and `records`. */
  constructor(database: Database.Database, table: string, bytesMax: number) {
    this.#sql = prepareStatements(database, table);
    this.#writer = new PackWriter(bytesMax);
  }

  /** The pack in that row, or undefined. */
  pack(row: number): Buffer | undefined {
    const known = this.#packs.get(row);
    if (known !== undefined) return known;
    const pack = this.#sql.pack.get(row) as Buffer | undefined;
    if (pack !== undefined) this.#packs.set(row, pack);
    return pack;
  }

  /** All packs, in the order in which they were begun. */
  packs(): Iterable<Buffer> {
    return this.#sql.packs.iterate() as Iterable<Buffer>;
  }

  /** Adds the record that `write` begins and fills, in the transaction under way; returns where it stands, for a role. */
  append(write: (writer: PackWriter) => void, role: number): number {
    if (this.#row === 0) this.#row = (this.#sql.lastRow.get() as number) + 1;
    write(this.#writer);
    const full = this.#writer.finish();
    if (full !== undefined) this.#sql.insert.run(this.#row++, full);
    return placeOf(this.#row, this.#writer.records - 1, role);
  }

  /** Writes a pack anew, as many records as it had; in a transaction. */
  rewrite(row: number, records: readonly ((writer: PackWriter) => void)[]): void {
    const writer = new PackWriter(Number.POSITIVE_INFINITY);
    for (const write of records) {
      write(writer);
      writer.finish();
    }
    this.#sql.update.run(writer.take(), row);
    this.#edited.push(row);
  }

  /** Writes what was appended. Call it in the transaction, and afterwards `settle` or `discard`. */
  write(): void {
    if (this.#writer.records > 0) this.#sql.insert.run(this.#row, this.#writer.take());
  }

  /** The transaction was committed. */
  settle(): void {
    for (const row of this.#edited) this.#packs.delete(row);
    this.#edited.length = 0;
    this.#row = 0;
  }

  /** The transaction was rolled back, or never was. */
  discard(): void {
    this.#writer.take();
    this.settle();
  }

  /** Forgets what was read. */
  cool(): void {
    this.#packs.clear();
  }
}

function prepareStatements(database: Database.Database, table: string) {
  const sql = (text: string) => database.prepare(text);
  return {
    lastRow: sql(`SELECT coalesce(max(id), 0) FROM ${table}`).pluck(),
    pack: sql(`SELECT records FROM ${table} WHERE id = ?`).pluck(),
    packs: sql(`SELECT records FROM ${table} ORDER BY id`).pluck(),
    insert: sql(`INSERT INTO ${table} (id, records) VALUES (?, ?)`),
    update: sql(`UPDATE ${table} SET records = ? WHERE id = ?`),
  };
}
