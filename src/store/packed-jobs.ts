/**
 * The table of packs: jobs' records by place, read through a small cache, appended and replaced in the transaction of whoever owns the handle.
 *
 * What the cache holds is exact as of the owner's last look at the file; it is forgotten (`cool`) when somebody committed since.
 */
import type Database from "better-sqlite3";
import { HotMap } from "./hot-map.ts";
import { PackWriter, decodeRecord, isRecordOf, recordFlags, recordStarts, type JobRecord } from "./job-pack.ts";
import type { Oid } from "./oid.ts";
import { placeOf, rowOf, slotOf } from "./place.ts";

/** Packs in memory, 5 KB each; a hot map holds up to twice as many. Neighbours in a fold are neighbours in a pack. */
const hotPacksMax = 256;
/** Surroundings in memory: one for each worker and run with a salt of its own. */
const hotSurroundingsMax = 4096;

interface Pack {
  readonly bytes: Buffer;
  readonly starts: Uint32Array;
  readonly ends: Uint32Array;
}

/** What packs hold in all. */
export interface JobCounts {
  readonly requests: number;
  readonly args: number;
  readonly memos: number;
  readonly failed: number;
  readonly quarantined: number;
}

export class PackedJobs {
  readonly #sql: ReturnType<typeof prepareStatements>;
  readonly #packs = new HotMap<number, Pack>(hotPacksMax);
  readonly #surroundings = new HotMap<number, Buffer>(hotSurroundingsMax);
  readonly #numbers = new HotMap<string, number>(hotSurroundingsMax);
  #lastSurroundings: { readonly bytes: Buffer; readonly number: number } | undefined;
  readonly #writer = new PackWriter();
  /** The row that the writer's pack becomes; 0 before the first record of a transaction. */
  #row = 0;
  /** Packs with a replaced record, all records decoded. */
  readonly #edited = new Map<number, JobRecord[]>();

  constructor(database: Database.Database) {
    this.#sql = prepareStatements(database);
  }

  /** The record at a place when it is the request's. Throws MalformedPack. */
  recordOf(request: Oid, place: number): JobRecord | undefined {
    const pack = this.#pack(rowOf(place));
    const start = pack?.starts[slotOf(place)];
    if (pack === undefined || start === undefined || !isRecordOf(request, pack.bytes, start)) return undefined;
    return this.#decode(pack, slotOf(place));
  }

  /** The record at a place, whosever it is. Throws MalformedPack. */
  recordAt(place: number): JobRecord | undefined {
    const pack = this.#pack(rowOf(place));
    return pack === undefined || slotOf(place) >= pack.starts.length ? undefined : this.#decode(pack, slotOf(place));
  }

  /** Adds a record with the next `write`; where it will stand, for a role. */
  append(record: JobRecord, role: number): number {
    if (this.#row === 0) this.#row = (this.#sql.lastRow.get() as number) + 1;
    if (this.#writer.isFull) this.#writePack();
    const place = placeOf(this.#row, this.#writer.records, role);
    this.#writer.add(record);
    return place;
  }

  /** Puts another record in the place of one that `recordOf` gave in this transaction. */
  replace(place: number, record: JobRecord): void {
    const row = rowOf(place);
    let records = this.#edited.get(row);
    if (records === undefined) {
      const pack = this.#pack(row) as Pack;
      records = Array.from(pack.starts, (_, slot) => this.#decode(pack, slot));
      this.#edited.set(row, records);
    }
    records[slotOf(place)] = record;
  }

  /** Writes what was appended and replaced. Call it in a transaction, and afterwards `settle` or `discard`. */
  write(): void {
    if (this.#writer.records > 0) this.#writePack();
    for (const [row, records] of this.#edited) {
      for (const record of records) this.#writer.add(record);
      this.#sql.updatePack.run(this.#writer.take(), row);
    }
  }

  settle(): void {
    for (const row of this.#edited.keys()) this.#packs.delete(row);
    this.#edited.clear();
    this.#row = 0;
  }

  discard(): void {
    this.settle();
    this.#writer.take();
    // Numbers given out in a transaction that was rolled back are nobody's.
    this.#forgetSurroundings();
  }

  /** Forgets what was read of packs. */
  cool(): void {
    this.#packs.clear();
  }

  /** The number of a request's surroundings, given one if they have none; in a transaction. */
  numberOf(surroundings: Uint8Array): number {
    if (this.#lastSurroundings?.bytes.equals(surroundings) === true) return this.#lastSurroundings.number;
    const bytes = Buffer.from(surroundings);
    const key = bytes.toString("latin1");
    const number =
      this.#numbers.get(key) ??
      (this.#sql.numberOf.get(bytes) as number | undefined) ??
      Number(this.#sql.insertSurroundings.run(bytes).lastInsertRowid);
    this.#numbers.set(key, number);
    this.#lastSurroundings = { bytes, number };
    return number;
  }

  /** The surroundings of that number, or undefined. */
  surroundings(number: number): Buffer | undefined {
    const known = this.#surroundings.get(number);
    if (known !== undefined) return known;
    const bytes = this.#sql.surroundings.get(number) as Buffer | undefined;
    if (bytes !== undefined) this.#surroundings.set(number, bytes);
    return bytes;
  }

  /** Every record, in the order in which they were appended. Throws MalformedPack. */
  *records(): Iterable<JobRecord> {
    for (const bytes of this.#sql.packs.iterate() as Iterable<Buffer>) {
      const pack = { bytes, ...recordStarts(bytes) };
      for (let slot = 0; slot < pack.starts.length; slot++) yield this.#decode(pack, slot);
    }
  }

  /** Reads all packs, and of each record what is to be counted. */
  counts(): JobCounts {
    const counts = { requests: 0, args: 0, memos: 0, failed: 0, quarantined: 0 };
    for (const bytes of this.#sql.packs.iterate() as Iterable<Buffer>) {
      const { starts, ends } = recordStarts(bytes);
      for (const [slot, start] of starts.entries()) {
        const { kind, quarantined, tree } = recordFlags(bytes, start);
        if (kind !== 0) counts.memos++;
        if (kind === 3) counts.failed++;
        if (quarantined) counts.quarantined++;
        if (!tree) continue;
        counts.requests++;
        if (typeof decodeRecord(bytes, start, ends[slot] as number).tree?.args !== "string") counts.args++;
      }
    }
    return counts;
  }

  #pack(row: number): Pack | undefined {
    const known = this.#packs.get(row);
    if (known !== undefined) return known;
    const bytes = this.#sql.pack.get(row) as Buffer | undefined;
    if (bytes === undefined) return undefined;
    const pack = { bytes, ...recordStarts(bytes) };
    this.#packs.set(row, pack);
    return pack;
  }

  #decode({ bytes, starts, ends }: Pack, slot: number): JobRecord {
    return decodeRecord(bytes, starts[slot] as number, ends[slot] as number);
  }

  #writePack(): void {
    this.#sql.insertPack.run(this.#row, this.#writer.take());
    this.#row++;
  }

  #forgetSurroundings(): void {
    this.#surroundings.clear();
    this.#numbers.clear();
    this.#lastSurroundings = undefined;
  }
}

function prepareStatements(database: Database.Database) {
  const sql = (text: string) => database.prepare(text);
  return {
    lastRow: sql("SELECT coalesce(max(id), 0) FROM packs").pluck(),
    pack: sql("SELECT records FROM packs WHERE id = ?").pluck(),
    packs: sql("SELECT records FROM packs ORDER BY id").pluck(),
    insertPack: sql("INSERT INTO packs (id, records) VALUES (?, ?)"),
    updatePack: sql("UPDATE packs SET records = ? WHERE id = ?"),
    numberOf: sql("SELECT id FROM surroundings WHERE bytes = ?").pluck(),
    surroundings: sql("SELECT bytes FROM surroundings WHERE id = ?").pluck(),
    insertSurroundings: sql("INSERT INTO surroundings (bytes) VALUES (?)"),
  };
}
