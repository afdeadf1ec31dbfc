/** Runs of the engine and their traces: the last ones, each up to a bound. Events are buffered, and written with whatever else is flushed. */
import type Database from "better-sqlite3";
import { bytesOf, storedOid } from "./damage.ts";
import { oidToBytes, type Oid } from "./oid.ts";
import type { Memo } from "./outcome.ts";

/** Runs whose trace is kept, and the bytes of events kept of one run. */
const tracedRunsMax = 16;
export const traceBytesMax = 16 << 20;
/** What people made the store forget, as far back as it is told. */
const forgottenMax = 4096;

/** A run of one job that is over, of which nothing is committed, or its record alone. */
export interface RunOver {
  readonly request: Oid;
  readonly startedMs: number;
  /** Of the record, where there is one. */
  readonly number: number | undefined;
  readonly memo: Memo;
  readonly events: Uint8Array;
  readonly totals: RunTotals;
}

/** A finished or running run of the engine. Times: milliseconds since 1970, microseconds. */
export interface RunRecord {
  readonly id: number;
  readonly request: Oid;
  readonly startedMs: number;
  /** Undefined while it goes on, and when its process ended before it did. */
  readonly totals: RunTotals | undefined;
}

export interface RunTotals {
  readonly micros: number;
  readonly executed: number;
  readonly frames: number;
  readonly memoized: number;
  /** How it ended: "result", "failed", or the kind of non-answer. */
  readonly ending: string;
}

interface RunRow extends Omit<RunTotals, "ending"> {
  readonly id: number;
  readonly request: unknown;
  readonly started_ms: number;
  readonly ending: string | null;
}

const noEvents = Buffer.alloc(0);

export class Runs {
  readonly #sql: ReturnType<typeof prepareStatements>;
  #waiting: { readonly run: number; readonly events: Uint8Array }[] = [];
  #ended: { readonly run: number; readonly totals: RunTotals }[] = [];

  constructor(database: Database.Database) {
    this.#sql = prepareStatements(database);
  }

  /** Opens a record and drops the traces of runs long past. Call it in a transaction. */
  begin(request: Oid, startedMs: number): number {
    const id = Number(this.#sql.begin.run(oidToBytes(request), startedMs).lastInsertRowid);
    this.#sql.dropTrace.run(id - tracedRunsMax);
    return id;
  }

  /** Adds the record and the trace of a run that is over, or completes the record that was begun. Call it in a transaction. */
  add({ request, startedMs, number, events, totals }: RunOver): number {
    const id = number ?? this.begin(request, startedMs);
    this.#insertTrace(id, events);
    this.#writeEnd(id, totals);
    return id;
  }

  /** Closes a record with the next `write` or `writeEnds`. */
  end(run: number, totals: RunTotals): void {
    this.#ended.push({ run, totals });
  }

  /** The newest ones that are older than `before` (all, when it is undefined), newest first, at most so many. Throws Damage. */
  list(before: number | undefined, countMax: number): RunRecord[] {
    const rows = this.#sql.list.all(before ?? Number.MAX_SAFE_INTEGER, countMax) as readonly RunRow[];
    return rows.map(({ id, request, started_ms: startedMs, ...totals }) => ({
      id,
      request: storedOid(request, "a run's request"),
      startedMs,
      totals: totals.ending === null ? undefined : (totals as RunTotals),
    }));
  }

  /** The run of that number, or undefined. Throws Damage. */
  record(id: number): RunRecord | undefined {
    const [run] = this.list(id + 1, 1);
    return run?.id === id ? run : undefined;
  }

  /** Notes that people dropped memos of requests. Call it in a transaction. */
  noteForgotten(requests: readonly Oid[], atMs: number): void {
    let last = 0;
    // One more than are kept, so that it shows that not all are.
    for (const request of requests.slice(-forgottenMax - 1))
      last = Number(this.#sql.noteForgotten.run(oidToBytes(request), atMs).lastInsertRowid);
    if (last > 0) this.#sql.dropForgotten.run(last - forgottenMax);
  }

  /** Whether notes of all that was forgotten since that time are still here. */
  tellsForgottenSince(ms: number): boolean {
    const first = this.#sql.firstForgotten.get() as { readonly id: number; readonly at_ms: number } | undefined;
    return first === undefined || first.id === 1 || first.at_ms < ms;
  }

  /** When people dropped a request's memo: the last time before that time, in milliseconds since 1970; undefined when they did not, or long ago. */
  forgottenMs(request: Oid, beforeMs: number): number | undefined {
    return (this.#sql.forgotten.get(oidToBytes(request), beforeMs) as number | null) ?? undefined;
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
    return this.#waiting.length > 0 || this.hasEnded;
  }

  /** Whether records wait to be closed. */
  get hasEnded(): boolean {
    return this.#ended.length > 0;
  }

  /** Writes the events and ends that wait. Call it in a transaction, and `clear` once that is committed. */
  write(): void {
    for (const { run, events } of this.#waiting) this.#insertTrace(run, events);
    this.writeEnds();
  }

  #insertTrace(run: number, events: Uint8Array): void {
    if (events.length === 0) return;
    const { seq, bytes, isFull } = this.#sql.traceEnd.get(run) as { seq: number; bytes: number; isFull: number };
    // The first part that does not fit ends the trace, with an empty one in its place, so that there are no holes.
    if (isFull === 0) this.#sql.insertTrace.run(run, seq, bytes + events.length <= traceBytesMax ? events : noEvents);
  }

  /** Closes the records that wait for it. Call it in a transaction, and `clearEnds` once that is committed. */
  writeEnds(): void {
    for (const { run, totals } of this.#ended) this.#writeEnd(run, totals);
  }

  #writeEnd(run: number, { micros, executed, frames, memoized, ending }: RunTotals): void {
    this.#sql.end.run(Math.round(micros), executed, frames, memoized, ending, run);
  }

  /** Forgets what was written. */
  clear(): void {
    this.#waiting = [];
    this.clearEnds();
  }

  clearEnds(): void {
    this.#ended = [];
  }

  /** Forgets the events that wait, which tell of what is never committed. */
  dropEvents(): void {
    this.#waiting = [];
  }
}

function prepareStatements(database: Database.Database) {
  const sql = (text: string) => database.prepare(text);
  return {
    begin: sql("INSERT INTO runs (request, started_ms) VALUES (?, ?)"),
    end: sql("UPDATE runs SET micros = ?, executed = ?, frames = ?, memoized = ?, ending = ? WHERE id = ?"),
    list: sql(
      "SELECT id, request, started_ms, micros, executed, frames, memoized, ending FROM runs WHERE id < ? ORDER BY id DESC LIMIT ?",
    ),
    noteForgotten: sql("INSERT INTO forgotten (request, at_ms) VALUES (?, ?)"),
    dropForgotten: sql("DELETE FROM forgotten WHERE id <= ?"),
    forgotten: sql("SELECT max(at_ms) FROM forgotten WHERE request = ? AND at_ms <= ?").pluck(),
    firstForgotten: sql("SELECT id, at_ms FROM forgotten ORDER BY id LIMIT 1"),
    count: sql("SELECT count(*) FROM runs").pluck(),
    dropTrace: sql("DELETE FROM trace WHERE run <= ?"),
    trace: sql("SELECT events FROM trace WHERE run = ? ORDER BY seq").pluck(),
    traceEnd: sql(
      "SELECT count(*) AS seq, coalesce(sum(length(events)), 0) AS bytes, coalesce(min(length(events)) = 0, 0) AS isFull FROM trace WHERE run = ?",
    ),
    insertTrace: sql("INSERT INTO trace (run, seq, events) VALUES (?, ?, ?)"),
  };
}
