/** The table of jobs' records (job-record.ts), and of what requests' trees have in common. */
import type Database from "better-sqlite3";
import { HotMap } from "./hot-map.ts";
import { decodeJob, encodeJob, type JobRecord } from "./job-record.ts";
import type { Oid } from "./oid.ts";
import { PackTable } from "./pack-table.ts";
import { deletedName, recordAt, recordOf, recordsOf, type PackWriter } from "./pack.ts";
import { rowOf, slotOf } from "./place.ts";

/** A pack of jobs: half a page, some twenty jobs. Larger ones cost a little less to write and more to read one memo of. */
const packBytesMax = 4000;
/** Surroundings in memory: one for each worker and run with a salt of its own. */
const hotSurroundingsMax = 4096;

export class PackedJobs {
  readonly #sql: ReturnType<typeof prepareStatements>;
  readonly #table: PackTable;
  readonly #surroundings = new HotMap<number, Buffer>(hotSurroundingsMax);
  readonly #numbers = new HotMap<string, number>(hotSurroundingsMax);
  #lastSurroundings: { readonly bytes: Buffer; readonly number: number } | undefined;
  /** Packs of which a record was replaced in the transaction under way, all records decoded. */
  readonly #edited = new Map<number, JobRecord[]>();

  constructor(database: Database.Database) {
    this.#sql = prepareStatements(database);
    this.#table = new PackTable(database, "job_packs", packBytesMax);
  }

  /** The record at a place when it is the request's. Throws MalformedPack. */
  of(request: Oid, place: number): JobRecord | undefined {
    const pack = this.#table.pack(rowOf(place));
    const record = pack === undefined ? undefined : recordOf(pack, slotOf(place), request);
    return record === undefined ? undefined : decodeJob(record);
  }

  /** The record at a place, whosever it is. Throws MalformedPack. */
  at(place: number): JobRecord | undefined {
    const pack = this.#table.pack(rowOf(place));
    const record = pack === undefined ? undefined : recordAt(pack, slotOf(place));
    return record === undefined ? undefined : decodeJob(record);
  }

  /** Adds a record in the transaction under way; returns its place, for a role. */
  append(job: JobRecord, role: number): number {
    return this.#table.append((writer) => encodeJob(writer, job), role);
  }

  /** Puts another record in the place of one that stood there before the transaction under way. */
  replace(place: number, job: JobRecord): void {
    const row = rowOf(place);
    let jobs = this.#edited.get(row);
    if (jobs === undefined) {
      jobs = Array.from(recordsOf(this.#table.pack(row) as Buffer), decodeJob);
      this.#edited.set(row, jobs);
    }
    jobs[slotOf(place)] = job;
  }

  /** Writes what was appended and replaced. Call it in the transaction, and afterwards `settle` or `discard`. */
  write(): void {
    this.#table.write();
    for (const [row, jobs] of this.#edited) {
      this.#table.rewrite(
        row,
        jobs.map((job) => (writer: PackWriter) => encodeJob(writer, job)),
      );
    }
  }

  settle(): void {
    this.#edited.clear();
    this.#table.settle();
  }

  discard(): void {
    this.#edited.clear();
    this.#table.discard();
    // Numbers given out in a transaction that was rolled back are nobody's.
    this.#surroundings.clear();
    this.#numbers.clear();
    this.#lastSurroundings = undefined;
  }

  /** Forgets what was read of packs. */
  cool(): void {
    this.#table.cool();
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
  *all(): Iterable<JobRecord> {
    for (const pack of this.#table.packs()) {
      for (const record of recordsOf(pack)) {
        const job = decodeJob(record);
        if (job.request !== deletedName) yield job;
      }
    }
  }
}

function prepareStatements(database: Database.Database) {
  const sql = (text: string) => database.prepare(text);
  return {
    numberOf: sql("SELECT id FROM surroundings WHERE bytes = ?").pluck(),
    surroundings: sql("SELECT bytes FROM surroundings WHERE id = ?").pluck(),
    insertSurroundings: sql("INSERT INTO surroundings (bytes) VALUES (?)"),
  };
}
