/**
 * A table of packs: read through a small cache, appended to in the transaction of whoever owns the handle. What the cache holds is exact as of the owner's last
 * look at the file, and is forgotten (`cool`) when somebody committed since.
 */
import type Database from "better-sqlite3";
import { bytesOf } from "./damage.ts";
import { HotMap } from "./hot-map.ts";
import { PackWriter, RecordFinder, recordsOf, withRecords, type RecordReader } from "./pack.ts";
import { placeOf, rowOf, slotOf } from "./place.ts";

/** Packs in memory; a hot map holds up to twice as many. Neighbours in a fold are neighbours in a pack. */
const hotPacksMax = 256;

export class PackTable {
  readonly #sql: ReturnType<typeof prepareStatements>;
  readonly #packs = new HotMap<number, Buffer>(hotPacksMax);
  readonly #finder = new RecordFinder();
  readonly #writer: PackWriter;
  /** Writes the records that replace others. */
  readonly #replacing = new PackWriter(Number.POSITIVE_INFINITY);
  /** The row that the writer's pack becomes; 0 before the first record of a transaction. */
  #row = 0;
  /** Records that replace others in the transaction under way, by row and slot. */
  readonly #edited = new Map<number, Map<number, Buffer>>();

  /** `table` has the columns `id` and `records`. */
  constructor(database: Database.Database, table: string, bytesMax: number) {
    this.#sql = prepareStatements(database, table);
    this.#writer = new PackWriter(bytesMax);
  }

  /** The record that stands at a place. Throws Damage. */
  record(place: number): RecordReader {
    return this.#finder.recordAt(this.pack(rowOf(place)), slotOf(place));
  }

  /** The pack in a row. Throws Damage. */
  pack(row: number): Buffer {
    const known = this.#packs.get(row);
    if (known !== undefined) return known;
    const pack = bytesOf(this.#sql.pack.get(row), "its pack");
    this.#packs.set(row, pack);
    return pack;
  }

  /** All records, in the order in which they were appended. Throws Damage. */
  *records(): Iterable<RecordReader> {
    for (const pack of this.#sql.packs.iterate()) yield* recordsOf(bytesOf(pack, "a pack"));
  }

  /** Adds the record that `write` begins and fills, in the transaction under way; returns where it stands, for a role. */
  append(write: (writer: PackWriter) => void, role: number): number {
    if (this.#row === 0) this.#row = (this.#sql.lastRow.get() as number) + 1;
    write(this.#writer);
    const full = this.#writer.finish();
    if (full !== undefined) this.#sql.insert.run(this.#row++, full);
    return placeOf(this.#row, this.#writer.records - 1, role);
  }

  /** Puts the record that `write` begins and fills in the place of one that stood there before the transaction under way. Its neighbours stay, unchecked. Throws Damage when written. */
  replace(place: number, write: (writer: PackWriter) => void): void {
    const row = rowOf(place);
    write(this.#replacing);
    this.#replacing.finish();
    const edits = this.#edited.get(row) ?? new Map<number, Buffer>();
    this.#edited.set(row, edits.set(slotOf(place), this.#replacing.take()));
  }

  /** Writes what was appended and replaced. Call it in the transaction, and afterwards `settle` or `discard`. */
  write(): void {
    if (this.#writer.records > 0) this.#sql.insert.run(this.#row, this.#writer.take());
    for (const [row, edits] of this.#edited) this.#sql.update.run(withRecords(this.pack(row), edits), row);
  }

  /** The transaction was committed. */
  settle(): void {
    for (const row of this.#edited.keys()) this.#packs.delete(row);
    this.#edited.clear();
    this.#row = 0;
  }

  /** The transaction was rolled back, or never was. */
  discard(): void {
    this.#writer.take();
    this.#replacing.take();
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
