/**
 * The store: git objects, memos, refs and traces in one SQLite file.
 *
 * Guarantees:
 * - An object is named by its content: `put` computes the name, `putChecked` trusts a caller that just did, `get` checks it again.
 * - A tree is here only when all that it names is here (gitlinks excepted), and a memo only when its result is. Both hold after a crash at any
 *   moment: writes are buffered in memory and flushed in one transaction, objects in the order they came, then memos.
 * - What is buffered is visible through this handle at once, and to other handles after `flush`.
 * - A memo is never overwritten: an equal second one is dropped, a different one is kept as evidence and the memo quarantined.
 *
 * A handle is used by one thread; any number of handles, threads and processes share the file, and SQLite's write lock is held only to flush.
 */
import { createHash, hash } from "node:crypto";
import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import Database from "better-sqlite3";
import { HotMap } from "./hot-map.ts";
import { hashObject, type GitObject, type ObjectKind } from "./object.ts";
import { oidBytes, oidFromBytes, oidToBytes, type Oid } from "./oid.ts";
import { decodeFailure, encodeOutcome, sameOutcome, type Memo, type Outcome } from "./outcome.ts";
import { applicationId, schema, schemaVersion } from "./schema.ts";
import { decodeTree, kindOfMode } from "./tree.ts";

/** Rows, bytes and milliseconds after which a buffer is flushed: large enough to amortize a transaction (130 µs), small enough to lose little. */
const pendingRowsMax = 10_000;
const pendingBytesMax = 32 << 20;
const pendingMsMax = 100;
/** How long a flush waits for another process's write lock. */
const lockWaitMsMax = 60_000;
/** Entries of the hot maps: kinds (0.1 KB each), outcomes (0.3 KB each). */
const hotKindsMax = 200_000;
const hotOutcomesMax = 100_000;
/** Hot bodies: how many, and the largest that is kept. */
const hotBodiesMax = 20_000;
const hotBodyBytesMax = 4096;
/** The largest object; SQLite's own bound for a value is 1e9 bytes. */
export const objectBytesMax = 512 << 20;
/** Runs whose trace is kept, and the bytes of events kept of one run. */
const tracedRunsMax = 16;
export const traceBytesMax = 16 << 20;

const kindCodes = { blob: 1, tree: 2, commit: 3, tag: 4 } as const satisfies Record<ObjectKind, number>;
const kindNames: readonly (ObjectKind | undefined)[] = [undefined, "blob", "tree", "commit", "tag"];
const outcomeCodes = { blob: 1, tree: 2, failed: 3 } as const satisfies Record<Outcome["kind"], number>;

/** The store has no object of that name. */
export class MissingObject extends Error {
  override readonly name = "MissingObject";
  readonly oid: Oid;
  constructor(name: Oid) {
    super(`no object ${name} in the store`);
    this.oid = name;
  }
}

/** What the store holds under that name is not what was put there. */
export class CorruptObject extends Error {
  override readonly name = "CorruptObject";
  readonly oid: Oid;
  readonly reason: string;
  constructor(name: Oid, reason: string) {
    super(`object ${name} in the store is corrupt: ${reason}`);
    this.oid = name;
    this.reason = reason;
  }
}

/** Two contents of one name: a SHA-1 collision, refused. */
export class CollidingObject extends Error {
  override readonly name = "CollidingObject";
  readonly oid: Oid;
  constructor(name: Oid) {
    super(`two different objects have the SHA-1 name ${name}; the second was refused`);
    this.oid = name;
  }
}

/** The memo is not to be believed: two executions of the request differed. */
export class QuarantinedMemo extends Error {
  override readonly name = "QuarantinedMemo";
  readonly request: Oid;
  constructor(request: Oid) {
    super(`two executions of request ${request} differed, so its memo is quarantined (both outcomes are kept)`);
    this.request = request;
  }
}

/** Objects that buffered work relies on were deleted by someone else; the buffer was dropped, and running again computes it anew. */
export class StaleStore extends Error {
  override readonly name = "StaleStore";
  readonly path: string;
  readonly oid: Oid;
  constructor(path: string, missing: Oid) {
    super(`${path}: object ${missing} was deleted while it was in use; run again`);
    this.path = path;
    this.oid = missing;
  }
}

/** An object larger than the store takes. */
export class OversizeObject extends Error {
  override readonly name = "OversizeObject";
  readonly bytes: number;
  constructor(bytes: number) {
    super(`an object of ${bytes} bytes is larger than the store takes (${objectBytesMax})`);
    this.bytes = bytes;
  }
}

/** The file can't serve as a store: the disk is full, the file is damaged, not ours, or written by a newer version. */
export class StoreFailure extends Error {
  override readonly name = "StoreFailure";
  readonly path: string;
  readonly fault: StoreFault;
  constructor(path: string, fault: StoreFault, detail: string, cause?: unknown) {
    super(`store ${path}: ${faultTexts[fault]}${detail === "" ? "" : ` (${detail})`}`, { cause });
    this.path = path;
    this.fault = fault;
  }
}
export type StoreFault = "full" | "damaged" | "foreign" | "newer" | "locked" | "unusable";
const faultTexts = {
  full: "the disk is full; nothing that was stored is lost",
  damaged: "the file is damaged; move it away, and what it held is computed again",
  foreign: "the file is not a Coppice store",
  newer: "the file was written by a newer version of Coppice",
  locked: "another process holds its write lock",
  unusable: "the file can't be used",
} as const satisfies Record<StoreFault, string>;

function faultOf(code: string): StoreFault {
  // The second is how a full disk shows when the index of the write-ahead log is made.
  if (code.startsWith("SQLITE_FULL") || code === "SQLITE_IOERR_SHMSIZE") return "full";
  if (code.startsWith("SQLITE_CORRUPT") || code.startsWith("SQLITE_NOTADB")) return "damaged";
  if (code.startsWith("SQLITE_BUSY") || code.startsWith("SQLITE_LOCKED")) return "locked";
  return "unusable";
}

/** Figures of a whole store. */
export interface StoreStats {
  readonly objects: Readonly<Record<ObjectKind, number>>;
  readonly memos: number;
  readonly failed: number;
  readonly quarantined: number;
  readonly runs: number;
  /** Size of the database, its write-ahead log not counted. */
  readonly bytes: number;
}

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

interface PendingMemo {
  readonly request: Oid;
  readonly memo: Memo;
  readonly run: number;
}

interface ObjectRow {
  kind: number;
  body: Buffer;
}
interface MemoRow {
  kind: number;
  outcome: Buffer;
  detail: string | null;
  fuel: number;
  reads: Buffer;
  children: Buffer;
  digest: Buffer;
  quarantined: number;
}

/** Opens the store in the file at `path` (":memory:" for one that nobody else sees); makes it, and its folder, if need be. Throws StoreFailure. */
export function openStore(path: string): Store {
  if (path !== ":memory:") {
    try {
      mkdirSync(dirname(path), { recursive: true });
    } catch (error) {
      throw new StoreFailure(path, "unusable", "its folder can't be made", error);
    }
  }
  return guarded(path, () => {
    const database = new Database(path, { timeout: lockWaitMsMax });
    try {
      prepareDatabase(database, path);
      return new Store(database, path);
    } catch (error) {
      database.close();
      throw error;
    }
  });
}

function prepareDatabase(database: Database.Database, path: string): void {
  const pragma = (name: string) => database.pragma(name, { simple: true });
  const isOurs = () => pragma("application_id") === applicationId;
  if (!isOurs()) {
    // An empty file becomes a store; two processes may try at once, so the look and the making are one transaction.
    database
      .transaction(() => {
        if (isOurs()) return;
        const tables = database.prepare("SELECT count(*) FROM sqlite_schema").pluck().get();
        if (tables !== 0) throw new StoreFailure(path, "foreign", "");
        database.exec(schema);
        database.pragma(`application_id = ${applicationId}`);
        database.pragma(`user_version = ${schemaVersion}`);
      })
      .immediate();
  }
  const version = pragma("user_version") as number;
  if (version > schemaVersion) {
    throw new StoreFailure(path, "newer", `its schema is version ${version}, this one knows ${schemaVersion}`);
  }
  database.pragma("journal_mode = WAL");
  // A power cut may lose the last commits and never their consistency; a killed process loses nothing that was committed.
  database.pragma("synchronous = NORMAL");
  database.pragma("cache_size = -65536");
  database.pragma("wal_autocheckpoint = 8000");
}

/** Runs `work`; an SQLite error becomes a StoreFailure that says what a person can do. */
function guarded<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof Database.SqliteError) throw new StoreFailure(path, faultOf(error.code), error.message, error);
    throw error;
  }
}

export class Store {
  readonly path: string;
  readonly #database: Database.Database;
  readonly #sql: ReturnType<typeof prepareStatements>;
  readonly #pendingObjects = new Map<Oid, GitObject>();
  readonly #pendingMemos = new Map<Oid, PendingMemo>();
  #pendingTrace: { run: number; events: Uint8Array }[] = [];
  #pendingBytes = 0;
  #pendingSinceMs = 0;
  readonly #hotKinds = new HotMap<Oid, ObjectKind>(hotKindsMax);
  readonly #hotOutcomes = new HotMap<Oid, Outcome>(hotOutcomesMax);
  readonly #hotBodies = new HotMap<Oid, GitObject>(hotBodiesMax);
  #generation: number;

  /** Use `openStore`. */
  constructor(database: Database.Database, path: string) {
    this.path = path;
    this.#database = database;
    this.#sql = prepareStatements(database);
    this.#generation = this.#sql.generation.get() as number;
  }

  /** Stores an object and returns its name. The bytes are kept, not copied: don't write to them afterwards. */
  put(kind: ObjectKind, body: Uint8Array): Oid {
    const name = hashObject(kind, body);
    this.putChecked(name, kind, body);
    return name;
  }

  /** Stores an object whose name was computed from these bytes just now; what a tree names must have been put before it. */
  putChecked(name: Oid, kind: ObjectKind, body: Uint8Array): void {
    if (body.length > objectBytesMax) throw new OversizeObject(body.length);
    if (this.#hotKinds.get(name) !== undefined) return;
    this.#hotKinds.set(name, kind);
    this.#pendingObjects.set(name, { kind, body });
    this.#pendingBytes += body.length;
    this.#wrote();
  }

  /** An object's kind, or undefined when the store does not have it. */
  kindOf(name: Oid): ObjectKind | undefined {
    const hot = this.#hotKinds.get(name) ?? this.#pendingObjects.get(name)?.kind;
    if (hot !== undefined) return hot;
    const code = guarded(this.path, () => this.#sql.kindOf.get(oidToBytes(name))) as number | undefined;
    const kind = code === undefined ? undefined : kindNames[code];
    if (kind !== undefined) this.#hotKinds.set(name, kind);
    return kind;
  }

  /** The object of that name, checked against it. Throws MissingObject or CorruptObject. */
  get(name: Oid): GitObject {
    const near = this.#pendingObjects.get(name) ?? this.#hotBodies.get(name);
    if (near !== undefined) return near;
    const row = guarded(this.path, () => this.#sql.object.get(oidToBytes(name))) as ObjectRow | undefined;
    if (row === undefined) throw new MissingObject(name);
    const kind = kindNames[row.kind];
    if (kind === undefined) throw new CorruptObject(name, `unknown kind ${row.kind}`);
    if (hashObject(kind, row.body) !== name) throw new CorruptObject(name, "its bytes have another hash");
    const object = { kind, body: row.body };
    this.#hotKinds.set(name, kind);
    if (row.body.length <= hotBodyBytesMax) this.#hotBodies.set(name, object);
    return object;
  }

  /** What the request settled to, or undefined. Throws QuarantinedMemo. */
  outcome(request: Oid): Outcome | undefined {
    return this.#hotOutcomes.get(request) ?? this.memo(request)?.outcome;
  }

  /** All that is remembered of a request, or undefined. Throws QuarantinedMemo. */
  memo(request: Oid): Memo | undefined {
    const pending = this.#pendingMemos.get(request);
    if (pending !== undefined) return pending.memo;
    const row = guarded(this.path, () => this.#sql.memo.get(oidToBytes(request))) as MemoRow | undefined;
    if (row === undefined) return undefined;
    if (row.quarantined !== 0) throw new QuarantinedMemo(request);
    const isWhole = [row.outcome, row.reads, row.children, row.digest].every((each) => Buffer.isBuffer(each));
    if (!isWhole || !digestOfMemo(oidToBytes(request), row).equals(row.digest)) {
      throw new CorruptObject(request, "its memo is not what was stored");
    }
    const memo = {
      outcome: decodeOutcome(request, row.kind, row.outcome),
      detail: row.detail ?? undefined,
      fuel: row.fuel,
      reads: unpackOids(request, row.reads),
      children: unpackOids(request, row.children),
    };
    this.#hotOutcomes.set(request, memo.outcome);
    return memo;
  }

  /**
   * Remembers what an execution of `request` came to. Its result must be here. A memo that exists already is compared, here or when flushed:
   * a different one is kept as evidence and QuarantinedMemo thrown (from here, or from the flush).
   */
  remember(request: Oid, memo: Memo, run: number): void {
    if (memo.outcome.kind !== "failed" && this.kindOf(memo.outcome.oid) !== memo.outcome.kind) {
      throw new MissingObject(memo.outcome.oid);
    }
    const pending = this.#pendingMemos.get(request);
    if (pending !== undefined) {
      if (sameOutcome(pending.memo.outcome, memo.outcome)) return;
      this.flush();
    }
    this.#pendingMemos.set(request, { request, memo, run });
    this.#pendingBytes += (memo.reads.length + memo.children.length) * oidBytes;
    this.#hotOutcomes.set(request, memo.outcome);
    this.#wrote();
  }

  /** Drops a request's memo, a quarantined one and its evidence included; false when there was none. */
  forget(request: Oid): boolean {
    this.flush();
    this.#hotOutcomes.delete(request);
    return guarded(this.path, () =>
      this.#database
        .transaction(() => {
          const name = oidToBytes(request);
          const { changes } = this.#sql.deleteMemo.run(name);
          this.#sql.deleteDivergences.run(name);
          // Other handles may hold this memo in a hot map.
          if (changes > 0) this.#sql.bumpGeneration.run();
          return changes > 0;
        })
        .immediate(),
    );
  }

  /** Takes note of what other handles deleted since: forgets hot entries when something was. Call it before work that relies on memos. */
  refresh(): void {
    const generation = guarded(this.path, () => this.#sql.generation.get()) as number;
    if (generation === this.#generation) return;
    this.flush();
    this.#cool();
    this.#generation = generation;
  }

  /** The oid that a ref names, or undefined. */
  ref(name: string): Oid | undefined {
    const bytes = guarded(this.path, () => this.#sql.ref.get(name)) as Buffer | undefined;
    return bytes === undefined ? undefined : oidFromBytes(bytes);
  }

  /** Points a ref at an object that is here; committed before this returns. */
  setRef(name: string, target: Oid): void {
    this.flush();
    const { changes } = guarded(this.path, () => this.#sql.setRef.run({ name, oid: oidToBytes(target) }));
    if (changes === 0) throw new MissingObject(target);
  }

  /** Opens the record of a run and drops the traces of runs long past. */
  beginRun(request: Oid, startedMs: number): number {
    return guarded(this.path, () =>
      this.#database
        .transaction(() => {
          const id = Number(this.#sql.beginRun.run(oidToBytes(request), startedMs).lastInsertRowid);
          this.#sql.dropTrace.run(id - tracedRunsMax);
          return id;
        })
        .immediate(),
    );
  }

  endRun(run: number, totals: RunTotals): void {
    const { micros, executed, frames, memoized, ending } = totals;
    guarded(this.path, () => this.#sql.endRun.run(Math.round(micros), executed, frames, memoized, ending, run));
  }

  /** Adds encoded events to a run's trace, with the next flush. */
  addTrace(run: number, events: Uint8Array): void {
    if (events.length > 0) this.#pendingTrace.push({ run, events });
  }

  /** A run's events, in the order in which they were added. */
  trace(run: number): Buffer {
    const parts = guarded(this.path, () => this.#sql.trace.all(run)) as Buffer[];
    if (!parts.every((part) => Buffer.isBuffer(part)))
      throw new StoreFailure(this.path, "damaged", "a trace is no bytes");
    return Buffer.concat(parts);
  }

  /** The newest run, or undefined. */
  lastRun(): RunRecord | undefined {
    const row = guarded(this.path, () => this.#sql.lastRun.get()) as
      | { id: number; request: Buffer; started_ms: number }
      | undefined;
    if (row === undefined) return undefined;
    return { id: row.id, request: oidFromBytes(row.request), startedMs: row.started_ms };
  }

  /** Commits what is buffered: objects, then memos, in one transaction. On an error nothing of it is in the file and all of it is still buffered, unless the error is StaleStore. */
  flush(): void {
    if (this.#pendingObjects.size === 0 && this.#pendingMemos.size === 0 && this.#pendingTrace.length === 0) return;
    const divergent: Oid[] = [];
    guarded(this.path, () => this.#database.transaction(() => this.#commit(divergent)).immediate());
    for (const [name, object] of this.#pendingObjects) {
      if (object.body.length <= hotBodyBytesMax) this.#hotBodies.set(name, object);
    }
    this.#dropPending();
    const [first] = divergent;
    for (const request of divergent) this.#hotOutcomes.delete(request);
    if (first !== undefined) throw new QuarantinedMemo(first);
  }

  #commit(divergent: Oid[]): void {
    const generation = this.#sql.generation.get() as number;
    if (generation !== this.#generation) this.#recheck(generation);
    for (const [name, { kind, body }] of this.#pendingObjects) {
      const key = oidToBytes(name);
      const digest = digestOf(kind, body);
      if (this.#sql.insertObject.run(key, kindCodes[kind], digest, body).changes === 0) {
        if (!digest.equals(this.#sql.digest.get(key) as Buffer)) throw new CollidingObject(name);
      }
    }
    for (const { request, memo, run } of this.#pendingMemos.values()) {
      const key = oidToBytes(request);
      const kind = outcomeCodes[memo.outcome.kind];
      const outcome = encodeOutcome(memo.outcome);
      const detail = memo.detail ?? null;
      const { fuel } = memo;
      const reads = packOids(memo.reads);
      const children = packOids(memo.children);
      const digest = digestOfMemo(key, { kind, outcome, detail, fuel, reads, children });
      const { changes } = this.#sql.insertMemo.run(key, kind, outcome, detail, fuel, reads, children, digest, run);
      if (changes > 0) continue;
      const stored = this.#sql.memo.get(key) as MemoRow;
      if (stored.kind === kind && stored.outcome.equals(outcome)) continue;
      this.#sql.insertDivergence.run(key, kind, outcome, run);
      this.#sql.quarantine.run(key);
      divergent.push(request);
    }
    if (divergent.length > 0) this.#sql.bumpGeneration.run();
    for (const { run, events } of this.#pendingTrace) {
      const { seq, bytes, isFull } = this.#sql.traceEnd.get(run) as { seq: number; bytes: number; isFull: number };
      // The first part that does not fit ends the trace, with an empty one in its place, so that there are no holes.
      if (isFull === 0) this.#sql.insertTrace.run(run, seq, bytes + events.length <= traceBytesMax ? events : noEvents);
    }
  }

  /** Somebody deleted since this handle looked last: whatever the buffer relies on must still be here, else it is dropped and StaleStore thrown. */
  #recheck(generation: number): void {
    this.#cool();
    const isHere = (name: Oid) =>
      this.#pendingObjects.has(name) || this.#sql.kindOf.get(oidToBytes(name)) !== undefined;
    for (const name of namedBy(this.#pendingObjects.values(), this.#pendingMemos.values())) {
      if (isHere(name)) continue;
      this.#dropPending();
      throw new StaleStore(this.path, name);
    }
    this.#generation = generation;
  }

  #cool(): void {
    this.#hotKinds.clear();
    this.#hotOutcomes.clear();
    this.#hotBodies.clear();
  }

  #dropPending(): void {
    this.#pendingObjects.clear();
    this.#pendingMemos.clear();
    this.#pendingTrace = [];
    this.#pendingBytes = 0;
    this.#pendingSinceMs = 0;
  }

  #wrote(): void {
    const rows = this.#pendingObjects.size + this.#pendingMemos.size;
    const nowMs = performance.now();
    if (this.#pendingSinceMs === 0) this.#pendingSinceMs = nowMs;
    if (
      rows >= pendingRowsMax ||
      this.#pendingBytes >= pendingBytesMax ||
      nowMs - this.#pendingSinceMs >= pendingMsMax
    ) {
      this.flush();
    }
  }

  stats(): StoreStats {
    this.flush();
    return guarded(this.path, () => {
      const objects = { blob: 0, tree: 0, commit: 0, tag: 0 };
      for (const row of this.#sql.countObjects.all() as { kind: number; count: number }[]) {
        const kind = kindNames[row.kind];
        if (kind !== undefined) objects[kind] = row.count;
      }
      const memos = this.#sql.countMemos.get() as { memos: number; failed: number; quarantined: number; runs: number };
      const pages = this.#database.pragma("page_count", { simple: true }) as number;
      const pageBytes = this.#database.pragma("page_size", { simple: true }) as number;
      return { objects, ...memos, bytes: pages * pageBytes };
    });
  }

  /** Flushes and closes. */
  close(): void {
    if (!this.#database.open) return;
    try {
      this.flush();
    } finally {
      this.#database.close();
    }
  }
}

/** The objects that must be here for these to be true. */
function* namedBy(objects: Iterable<GitObject>, memos: Iterable<PendingMemo>): Iterable<Oid> {
  for (const { kind, body } of objects) {
    if (kind !== "tree") continue;
    for (const entry of decodeTree(body)) if (kindOfMode(entry.mode) !== "commit") yield entry.oid;
  }
  for (const { memo } of memos) if (memo.outcome.kind !== "failed") yield memo.outcome.oid;
}

function decodeOutcome(request: Oid, kind: number, bytes: Buffer): Outcome {
  if (kind === outcomeCodes.failed) {
    const failed = decodeFailure(bytes);
    if (failed !== undefined) return failed;
  } else if ((kind === outcomeCodes.blob || kind === outcomeCodes.tree) && bytes.length === oidBytes) {
    return { kind: kind === outcomeCodes.blob ? "blob" : "tree", oid: oidFromBytes(bytes) };
  }
  throw new CorruptObject(request, "its memo's outcome is malformed");
}

function digestOf(kind: ObjectKind, body: Uint8Array): Buffer {
  const header = `${kind} ${body.length}\0`;
  if (body.length > 16_384) return createHash("sha256").update(header, "latin1").update(body).digest();
  const whole = Buffer.allocUnsafe(header.length + body.length);
  whole.write(header, 0, "latin1");
  whole.set(body, header.length);
  return hash("sha256", whole, "buffer");
}

/** SHA-256 over `REQUEST KIND FUEL and the lengths that follow NUL OUTCOME READS CHILDREN DETAIL`; no detail has length -1. */
function digestOfMemo(
  request: Buffer,
  { kind, outcome, detail, fuel, reads, children }: Omit<MemoRow, "digest" | "quarantined">,
): Buffer {
  const text = Buffer.from(detail ?? "", "utf8");
  const lengths = [kind, fuel, outcome.length, reads.length, children.length, detail === null ? -1 : text.length];
  const head = Buffer.from(`${lengths.join(" ")}\0`, "latin1");
  return hash("sha256", Buffer.concat([request, head, outcome, reads, children, text]), "buffer");
}

function packOids(names: readonly Oid[]): Buffer {
  const bytes = Buffer.allocUnsafe(names.length * oidBytes);
  for (let at = 0; at < names.length; at++) bytes.write(names[at] as Oid, at * oidBytes, "hex");
  return bytes;
}

function unpackOids(request: Oid, bytes: Buffer): Oid[] {
  if (bytes.length % oidBytes !== 0) throw new CorruptObject(request, "its memo's list of oids is cut short");
  const names: Oid[] = [];
  for (let at = 0; at < bytes.length; at += oidBytes) names.push(oidFromBytes(bytes, at));
  return names;
}

function prepareStatements(database: Database.Database) {
  const sql = (text: string) => database.prepare(text);
  return {
    generation: sql("SELECT value FROM counters WHERE name = 'generation'").pluck(),
    bumpGeneration: sql("UPDATE counters SET value = value + 1 WHERE name = 'generation'"),
    kindOf: sql("SELECT kind FROM objects WHERE oid = ?").pluck(),
    object: sql("SELECT kind, body FROM objects WHERE oid = ?"),
    digest: sql("SELECT digest FROM objects WHERE oid = ?").pluck(),
    insertObject: sql("INSERT INTO objects (oid, kind, digest, body) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"),
    memo: sql("SELECT kind, outcome, detail, fuel, reads, children, digest, quarantined FROM memos WHERE request = ?"),
    insertMemo: sql(
      "INSERT INTO memos (request, kind, outcome, detail, fuel, reads, children, digest, run) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
    ),
    deleteMemo: sql("DELETE FROM memos WHERE request = ?"),
    insertDivergence: sql("INSERT INTO divergences (request, kind, outcome, run) VALUES (?, ?, ?, ?)"),
    deleteDivergences: sql("DELETE FROM divergences WHERE request = ?"),
    quarantine: sql("UPDATE memos SET quarantined = 1 WHERE request = ?"),
    ref: sql("SELECT oid FROM refs WHERE name = ?").pluck(),
    // Looks at the file itself: what a handle remembers may be gone by now.
    setRef: sql(
      "INSERT INTO refs (name, oid) SELECT $name, oid FROM objects WHERE oid = $oid ON CONFLICT DO UPDATE SET oid = excluded.oid",
    ),
    beginRun: sql("INSERT INTO runs (request, started_ms) VALUES (?, ?)"),
    endRun: sql("UPDATE runs SET micros = ?, executed = ?, frames = ?, memoized = ?, ending = ? WHERE id = ?"),
    lastRun: sql("SELECT id, request, started_ms FROM runs ORDER BY id DESC LIMIT 1"),
    dropTrace: sql("DELETE FROM trace WHERE run <= ?"),
    trace: sql("SELECT events FROM trace WHERE run = ? ORDER BY seq").pluck(),
    traceEnd: sql(
      "SELECT count(*) AS seq, coalesce(sum(length(events)), 0) AS bytes, coalesce(min(length(events)) = 0, 0) AS isFull FROM trace WHERE run = ?",
    ),
    insertTrace: sql("INSERT INTO trace (run, seq, events) VALUES (?, ?, ?)"),
    countObjects: sql("SELECT kind, count(*) AS count FROM objects GROUP BY kind"),
    countMemos: sql(
      "SELECT count(*) AS memos, count(*) FILTER (WHERE kind = 3) AS failed, count(*) FILTER (WHERE quarantined = 1) AS quarantined, (SELECT count(*) FROM runs) AS runs FROM memos",
    ),
  };
}
