/** The table of jobs' records (job-record.ts), and of what requests' trees have in common. */
import type Database from "better-sqlite3";
import { Damage, bytesOf } from "./damage.ts";
import { HotMap } from "./hot-map.ts";
import {
  decodeJob,
  encodeJob,
  linkJob,
  outlineJob,
  type JobLink,
  type JobOutline,
  type JobRecord,
} from "./job-record.ts";
import { mustBeginAlike } from "./name-index.ts";
import { hashObject } from "./object.ts";
import type { Oid } from "./oid.ts";
import { PackTable } from "./pack-table.ts";
import { deletedName } from "./pack.ts";
import { surroundingsBytes } from "./request-tree.ts";

/** A pack of jobs: half a page, some twenty jobs. Larger ones cost a little less to write and more to read one memo of. */
const packBytesMax = 4000;
/** Surroundings in memory: one for each worker and run with a salt of its own. */
const hotSurroundingsMax = 4096;

export class PackedJobs {
  readonly #sql: ReturnType<typeof prepareStatements>;
  readonly #table: PackTable;
  readonly #surroundings = new HotMap<number, Buffer>(hotSurroundingsMax);
  readonly #numbers = new HotMap<string, number>(hotSurroundingsMax);
  #lastSurroundings: { readonly bytes: Uint8Array; readonly number: number } | undefined;

  constructor(database: Database.Database) {
    this.#sql = prepareStatements(database);
    this.#table = new PackTable(database, "job_packs", packBytesMax);
  }

  /** The record at a place where the index says that the request may stand; undefined when it is another's. Throws Damage. */
  of(request: Oid, place: number): JobRecord | undefined {
    const job = this.#at(place);
    if (job.request === request) return job;
    if (job.request !== deletedName) mustBeginAlike(job.request, request);
    return undefined;
  }

  /** The bytes of the args' tree that stands in the record at a place, if it is the one of that name. Throws Damage. */
  argsOf(name: Oid, place: number): Uint8Array | undefined {
    const args = this.#at(place).tree?.args;
    if (typeof args !== "object") throw new Damage("another record stands in its place");
    const found = hashObject("tree", args);
    if (found === name) return args;
    mustBeginAlike(found, name);
    return undefined;
  }

  #at(place: number): JobRecord {
    return decodeJob(this.#table.record(place));
  }

  /** Adds a record in the transaction under way; returns its place, for a role. */
  append(job: JobRecord, role: number): number {
    return this.#table.append((writer) => encodeJob(writer, job), role);
  }

  /** Puts another record in the place of one that stood there before the transaction under way. */
  replace(place: number, job: JobRecord): void {
    this.#table.replace(place, (writer) => encodeJob(writer, job));
  }

  /** Writes what was appended and replaced. Call it in the transaction, and afterwards `settle` or `discard`. */
  write(): void {
    this.#table.write();
  }

  settle(): void {
    this.#table.settle();
  }

  discard(): void {
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

  /** The number of a request's surroundings, given one if they have none; in a transaction. The bytes are kept. */
  numberOf(surroundings: Uint8Array): number {
    if (this.#lastSurroundings?.bytes === surroundings) return this.#lastSurroundings.number;
    const bytes = Buffer.from(surroundings);
    const key = bytes.toString("latin1");
    const number =
      this.#numbers.get(key) ??
      (this.#sql.numberOf.get(bytes) as number | undefined) ??
      Number(this.#sql.insertSurroundings.run(bytes).lastInsertRowid);
    this.#numbers.set(key, number);
    this.#lastSurroundings = { bytes: surroundings, number };
    return number;
  }

  /** The surroundings of that number. Throws Damage. */
  surroundings(number: number): Buffer {
    const known = this.#surroundings.get(number);
    if (known !== undefined) return known;
    const bytes = bytesOf(this.#sql.surroundings.get(number), "what surrounds its args");
    if (bytes.length !== surroundingsBytes) throw new Damage("what surrounds its args has another length");
    this.#surroundings.set(number, bytes);
    return bytes;
  }

  /** The outline of every record. Throws Damage. */
  *outlines(): Iterable<JobOutline> {
    for (const record of this.#table.records()) yield outlineJob(record);
  }

  /** What each memo consumed that consumed any. Throws Damage. */
  *links(): Iterable<JobLink> {
    for (const record of this.#table.records()) {
      const link = linkJob(record);
      if (link !== undefined && link.request !== deletedName) yield link;
    }
  }

  /** Every record, in the order in which they were appended. Throws Damage. */
  *all(): Iterable<JobRecord> {
    for (const record of this.#table.records()) {
      const job = decodeJob(record);
      if (job.request !== deletedName) yield job;
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
