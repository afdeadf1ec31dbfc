/** Runs of the engine and their traces: the last ones, each up to a bound. Events are buffered, and written with whatever else is flushed. */
import type Database from "better-sqlite3";
import { bytesOf, storedOid } from "./damage.ts";
import { oidToBytes, type Oid } from "./oid.ts";

/** Runs whose trace is kept, and the bytes of events kept of one run. */
const tracedRunsMax = 16;
export const traceBytesMax = 16 << 20;

/** A finished or running run of the engine. Times: milliseconds since 1970, microseconds. */
export interface RunRecord {
  readonly id: number;
  readonly request: Oid;
  readonly startedMs: number;
}

export interface RunTotals {
  readonly micros: number;
  readonly executed: number;
  readonly frames: number;
  readonly memoized: number;
  /** How it ended: "result", "failed", or the kind of non-answer. */
  readonly ending: string;
}

const noEvents = Buffer.alloc(0);

export class Runs {
  readonly #database: Database.Database;
  readonly #sql: ReturnType<typeof prepareStatements>;
  #waiting: { readonly run: number; readonly events: Uint8Array }[] = [];

  constructor(database: Database.Database) {
    this.#database = database;
    this.#sql = prepareStatements(database);
  }

  /** Opens a record and drops the traces of runs long past. */
  begin(request: Oid, startedMs: number): number {
    return this.#database
      .transaction(() => {
        const id = Number(this.#sql.begin.run(oidToBytes(request), startedMs).lastInsertRowid);
        this.#sql.dropTrace.run(id - tracedRunsMax);
        return id;
      })
      .immediate();
  }

  end(run: number, { micros, executed, frames, memoized, ending }: RunTotals): void {
    this.#sql.end.run(Math.round(micros), executed, frames, memoized, ending, run);
  }

  /** The newest one, or undefined. Throws Damage. */
  last(): RunRecord | undefined {
    const row = this.#sql.last.get() as { id: number; request: unknown; started_ms: number } | undefined;
    if (row === undefined) return undefined;
    return { id: row.id, request: storedOid(row.request, "a run's request"), startedMs: row.started_ms };
  }

  count(): number {
    return this.#sql.count.get() as number;
  }

  /** A run's events that are committed. Throws Damage. */
  trace(run: number): Buffer {
    return Buffer.concat(this.#sql.trace.all(run).map((part) => bytesOf(part, "a trace")));
  }

  /** Adds encoded events to a run's trace with the next `write`. */
  addTrace(run: number, events: Uint8Array): void {
    if (events.length > 0) this.#waiting.push({ run, events });
  }

  get hasWaiting(): boolean {
    return this.#waiting.length > 0;
  }

  /** Writes the events that wait. Call it in a transaction, and `clear` once that is committed. */
  write(): void {
    for (const { run, events } of this.#waiting) {
      const { seq, bytes, isFull } = this.#sql.traceEnd.get(run) as { seq: number; bytes: number; isFull: number };
      // The first part that does not fit ends the trace, with an empty one in its place, so that there are no holes.
      if (isFull === 0) this.#sql.insertTrace.run(run, seq, bytes + events.length <= traceBytesMax ? events : noEvents);
    }
  }

  /** Forgets the events that wait. */
  clear(): void {
    this.#waiting = [];
  }
}

function prepareStatements(database: Database.Database) {
  const sql = (text: string) => database.prepare(text);
  return {
    begin: sql("INSERT INTO runs (request, started_ms) VALUES (?, ?)"),
    end: sql("UPDATE runs SET micros = ?, executed = ?, frames = ?, memoized = ?, ending = ? WHERE id = ?"),
    last: sql("SELECT id, request, started_ms FROM runs ORDER BY id DESC LIMIT 1"),
    count: sql("SELECT count(*) FROM runs").pluck(),
    dropTrace: sql("DELETE FROM trace WHERE run <= ?"),
    trace: sql("SELECT events FROM trace WHERE run = ? ORDER BY seq").pluck(),
    traceEnd: sql(
      "SELECT count(*) AS seq, coalesce(sum(length(events)), 0) AS bytes, coalesce(min(length(events)) = 0, 0) AS isFull FROM trace WHERE run = ?",
    ),
    insertTrace: sql("INSERT INTO trace (run, seq, events) VALUES (?, ?, ?)"),
  };
}
