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
import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import Database from "better-sqlite3";
import { Damage, bytesOf } from "./damage.ts";
import { HotMap } from "./hot-map.ts";
import { hashObject, type GitObject, type ObjectKind } from "./object.ts";
import { oidsOf, outcomeCodes, type JobRecord, type StoredMemo, type StoredRequest } from "./job-record.ts";
import { LargeObjects } from "./large-objects.ts";
import { DamagedIndex, NameIndex, StaleIndex } from "./name-index.ts";
import { oidBytes, oidFromBytes, oidToBytes, type Oid } from "./oid.ts";
import { decodeFailure, encodeOutcome, sameOutcome, type Memo, type Outcome } from "./outcome.ts";
import { PackedJobs } from "./packed-jobs.ts";
import { PackedObjects, packedBodyBytesMax } from "./packed-objects.ts";
import { kindOfRole, placeOf, roleOf, roles, rowOf, slotOf } from "./place.ts";
import { isRequestTree, requestArgs, requestSurroundings, requestWith } from "./request-tree.ts";
import { applicationId, schema, schemaVersion } from "./schema.ts";
import { decodeTree, kindOfMode } from "./tree.ts";

/** Rows, bytes and milliseconds after which a buffer is flushed: large enough to amortize a transaction (130 µs), small enough to lose little. */
const pendingRowsMax = 40_000;
const pendingBytesMax = 32 << 20;
const pendingMsMax = 100;
/** How long a flush waits for another process's write lock. */
const lockWaitMsMax = 60_000;
/** Entries of the hot maps: kinds (0.1 KB each), outcomes (0.2 KB each). A map holds up to twice as many. */
const hotKindsMax = 50_000;
const hotOutcomesMax = 25_000;
/** Hot bodies: how many, and the largest that is kept. */
const hotBodiesMax = 4000;
const hotBodyBytesMax = 4096;
/** The largest object; SQLite's own bound for a value is 1e9 bytes. */
export const objectBytesMax = 512 << 20;
/** Runs whose trace is kept, and the bytes of events kept of one run. */
const tracedRunsMax = 16;
export const traceBytesMax = 16 << 20;

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
export type StoreFault = "full" | "damaged" | "foreign" | "newer" | "older" | "locked" | "unusable";
const faultTexts = {
  full: "the disk is full; nothing that was stored is lost",
  damaged: "the file is damaged; move it away, and what it held is computed again",
  foreign: "the file is not a Coppice store",
  newer: "the file was written by a newer version of Coppice",
  older: "the file was written by an older version of Coppice; move it away, and what it held is computed again",
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
  // Two packs of jobs to a page, and an append dirties half as many pages as with SQLite's own 4096.
  database.pragma("page_size = 8192");
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
  if (version < schemaVersion) {
    throw new StoreFailure(path, "older", `its schema is version ${version}, this one writes ${schemaVersion}`);
  }
  database.pragma("journal_mode = WAL");
  // A power cut may lose the last commits and never their consistency; a killed process loses nothing that was committed.
  database.pragma("synchronous = NORMAL");
  database.pragma("cache_size = -16384");
  database.pragma("wal_autocheckpoint = 4000");
}

/** Runs `work`; an SQLite error becomes a StoreFailure that says what a person can do. */
function guarded<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof Database.SqliteError) throw new StoreFailure(path, faultOf(error.code), error.message, error);
    if (error instanceof Damage) throw new StoreFailure(path, "damaged", error.message, error);
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
  readonly #index: NameIndex;
  readonly #jobs: PackedJobs;
  readonly #objects: PackedObjects;
  readonly #large: LargeObjects;
  #generation: number;
  /** How many commits and deletions there were as of the last look: what index and packs hold in memory is exact as of then. */
  #changes = -1;
  /** A lookup that reads many parts of the index has opened a transaction: taking SQLite's locks costs 3 µs, reading a part 4. */
  #isReading = false;

  /** Use `openStore`. */
  constructor(database: Database.Database, path: string) {
    this.path = path;
    this.#database = database;
    this.#sql = prepareStatements(database);
    const beforeReading = () => {
      if (!this.#isReading && !database.inTransaction) {
        this.#sql.begin.run();
        this.#isReading = true;
      }
    };
    this.#index = new NameIndex(database, beforeReading);
    this.#jobs = new PackedJobs(database);
    this.#objects = new PackedObjects(database);
    this.#large = new LargeObjects(database);
    this.#generation = this.#sql.generation.get() as number;
    this.#look();
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
    if (this.#pendingObjects.has(name) || this.#hotKinds.get(name) !== undefined) return;
    this.#pendingObjects.set(name, { kind, body });
    this.#pendingBytes += body.length;
    this.#wrote();
  }

  /** An object's kind, or undefined when the store does not have it. */
  kindOf(name: Oid): ObjectKind | undefined {
    const hot = this.#pendingObjects.get(name)?.kind ?? this.#hotKinds.get(name);
    if (hot !== undefined) return hot;
    const kind = this.#about(name, () => {
      const place = this.#locate(name);
      return place === 0 && this.#look() ? this.#kindAt(this.#locate(name), name) : this.#kindAt(place, name);
    });
    if (kind !== undefined) this.#hotKinds.set(name, kind);
    return kind;
  }

  /** The object of that name, checked against it. Throws MissingObject or CorruptObject. */
  get(name: Oid): GitObject {
    const near = this.#pendingObjects.get(name) ?? this.#hotBodies.get(name);
    if (near !== undefined) return near;
    const object = this.#about(name, () => this.#read(name) ?? (this.#look() ? this.#read(name) : undefined));
    if (object === undefined) throw new MissingObject(name);
    this.#hotKinds.set(name, object.kind);
    if (object.body.length <= hotBodyBytesMax) this.#hotBodies.set(name, object);
    return object;
  }

  /** What the request settled to, or undefined. Throws QuarantinedMemo. */
  outcome(request: Oid): Outcome | undefined {
    return (
      this.seenOutcome(request) ?? (guarded(this.path, () => this.#look()) ? this.seenOutcome(request) : undefined)
    );
  }

  /**
   * What the request settled to as far as this handle has looked: since its last `refresh` or flush others may have committed a memo. Whoever then runs the
   * request does so in vain, no more: the memos are compared. Spares looking at the file (2 µs). Throws QuarantinedMemo.
   */
  seenOutcome(request: Oid): Outcome | undefined {
    const near = this.#pendingMemos.get(request)?.memo.outcome ?? this.#hotOutcomes.get(request);
    if (near !== undefined) return near;
    const stored = this.#about(request, () => this.#record(request)?.record.memo);
    if (stored === undefined) return undefined;
    const outcome = servedOutcome(request, stored);
    this.#hotOutcomes.set(request, outcome);
    return outcome;
  }

  /** All that is remembered of a request, or undefined. Throws QuarantinedMemo. */
  memo(request: Oid): Memo | undefined {
    const pending = this.#pendingMemos.get(request);
    if (pending !== undefined) return pending.memo;
    const stored = this.#about(request, () => {
      this.#look();
      return this.#record(request)?.record.memo;
    });
    if (stored === undefined) return undefined;
    const memo = servedMemo(request, stored);
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
    this.#wrote();
  }

  /** Drops a request's memo, a quarantined one and its evidence included; false when there was none. */
  forget(request: Oid): boolean {
    this.flush();
    this.#hotOutcomes.delete(request);
    return this.#transact(() => {
      this.#sql.deleteDivergences.run(oidToBytes(request));
      const found = this.#record(request);
      if (found?.record.memo === undefined) return false;
      // The request's tree, which stands in the same record, stays.
      this.#jobs.replace(found.place, { ...found.record, memo: undefined });
      // Other handles may hold this memo in a hot map.
      this.#sql.bumpGeneration.run();
      return true;
    });
  }

  /**
   * Takes note of what other handles committed since, and forgets hot entries when something was deleted. Call it before work that relies on memos.
   */
  refresh(): void {
    guarded(this.path, () => this.#look());
    const generation = guarded(this.path, () => this.#sql.generation.get()) as number;
    if (generation === this.#generation) return;
    this.flush();
    this.#cool();
    this.#generation = generation;
    guarded(this.path, () => this.#look());
  }

  /** The oid that a ref names, or undefined. */
  ref(name: string): Oid | undefined {
    return guarded(this.path, () => {
      const bytes = this.#sql.ref.get(name);
      return bytes === undefined ? undefined : storedOid(bytes, "a ref");
    });
  }

  /** Points a ref at an object that is here; committed before this returns. */
  setRef(name: string, target: Oid): void {
    this.flush();
    this.#transact(() => {
      // Looks at the file itself: what a handle remembers may be gone by now.
      if (this.#locate(target) === 0) throw new MissingObject(target);
      this.#sql.setRef.run(name, oidToBytes(target));
    });
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
    return guarded(this.path, () => Buffer.concat(this.#sql.trace.all(run).map((part) => bytesOf(part, "a trace"))));
  }

  /** The newest run, or undefined. */
  lastRun(): RunRecord | undefined {
    return guarded(this.path, () => {
      const row = this.#sql.lastRun.get() as { id: number; request: unknown; started_ms: number } | undefined;
      if (row === undefined) return undefined;
      return { id: row.id, request: storedOid(row.request, "a run's request"), startedMs: row.started_ms };
    });
  }

  /**
   * Commits what is buffered, in one transaction. On an error nothing of it is in the file; a StoreFailure leaves all of it buffered, for the next flush. What
   * can never be committed (StaleStore, CollidingObject, CorruptObject) is dropped with all else, so that it does not stand in the way of what comes after
   * it: running again computes it anew.
   */
  flush(): void {
    if (this.#pendingObjects.size === 0 && this.#pendingMemos.size === 0 && this.#pendingTrace.length === 0) return;
    const divergent: Oid[] = [];
    try {
      this.#transact(() => this.#commit(divergent));
    } catch (error) {
      if (error instanceof StaleStore || error instanceof CollidingObject || error instanceof CorruptObject) {
        this.#cool();
        this.#dropPending();
      }
      throw error;
    }
    this.#dropPending();
    const [first] = divergent;
    for (const request of divergent) this.#hotOutcomes.delete(request);
    if (first !== undefined) throw new QuarantinedMemo(first);
  }

  /** Runs `work` under the write lock with all that others committed in view, and commits what it staged. */
  #transact<T>(work: () => T): T {
    let changes = 0;
    try {
      const value = guarded(this.path, () =>
        this.#database
          .transaction(() => {
            this.#look();
            const worked = work();
            this.#jobs.write();
            this.#objects.write();
            this.#index.write();
            this.#sql.bumpCommits.run();
            changes = this.#sql.changes.get() as number;
            return worked;
          })
          .immediate(),
      );
      this.#index.settle();
      this.#jobs.settle();
      this.#objects.settle();
      this.#changes = changes;
      return value;
    } catch (error) {
      this.#index.discard();
      this.#jobs.discard();
      this.#objects.discard();
      // What was read inside the transaction is committed or ours; it is simplest to read it again.
      this.#coolFile();
      throw error;
    }
  }

  #commit(divergent: Oid[]): void {
    const generation = this.#sql.generation.get() as number;
    if (generation !== this.#generation) this.#recheck(generation);
    /** Args trees that stand in a record of this commit, or that are here already. */
    const placed = new Set<Oid>();
    const remembered = new Set<Oid>();
    for (const [name, object] of this.#pendingObjects) {
      if (object.kind !== "tree" || !isRequestTree(object.body)) continue;
      named(name, () => this.#commitRequest(name, object, placed, remembered));
    }
    for (const [name, object] of this.#pendingObjects) {
      if (!placed.has(name)) named(name, () => this.#commitObject(name, object));
    }
    for (const pending of this.#pendingMemos.values()) {
      const { request } = pending;
      if (remembered.has(request)) continue;
      if (!named(request, () => this.#commitMemo(pending))) divergent.push(request);
    }
    if (divergent.length > 0) this.#sql.bumpGeneration.run();
    for (const { run, events } of this.#pendingTrace) {
      const { seq, bytes, isFull } = this.#sql.traceEnd.get(run) as { seq: number; bytes: number; isFull: number };
      // The first part that does not fit ends the trace, with an empty one in its place, so that there are no holes.
      if (isFull === 0) this.#sql.insertTrace.run(run, seq, bytes + events.length <= traceBytesMax ? events : noEvents);
    }
  }

  /** A request's tree becomes a record, with its args' tree and its memo if they are buffered too and not here yet. */
  #commitRequest(name: Oid, tree: GitObject, placed: Set<Oid>, remembered: Set<Oid>): void {
    // A memo that came without its request has a record, and a request has one record.
    if (this.#index.find(name).length > 0 && (this.#isHere(name, tree) || this.#record(name) !== undefined)) return;
    const argsName = requestArgs(tree.body);
    const args = this.#pendingObjects.get(argsName);
    const isTaken = args?.kind === "tree" && !placed.has(argsName) && !isRequestTree(args.body);
    const isFresh = isTaken && !this.#isHere(argsName, args);
    if (isTaken) placed.add(argsName);
    const pending = this.#pendingMemos.get(name);
    const record = {
      request: name,
      tree: {
        surroundings: this.#jobs.numberOf(requestSurroundings(tree.body)),
        args: isFresh ? args.body : argsName,
      },
      memo: pending === undefined ? undefined : storedMemo(pending),
    };
    const place = this.#jobs.append(record, roles.request);
    this.#index.stage(name, place);
    if (isFresh) this.#index.stage(argsName, placeOf(rowOf(place), slotOf(place), roles.args));
    placed.add(name);
    if (pending !== undefined) remembered.add(name);
  }

  #commitObject(name: Oid, object: GitObject): void {
    const { kind, body } = object;
    // Results come again and again: the next time the name alone says that it is here.
    this.#hotKinds.set(name, kind);
    if (this.#isHere(name, object)) return;
    if (body.length > packedBodyBytesMax) {
      this.#index.stage(name, this.#large.append(name, object));
      return;
    }
    this.#index.stage(name, this.#objects.append(name, object));
    this.#hotBodies.set(name, object);
  }

  /** False when another outcome is remembered already. */
  #commitMemo(pending: PendingMemo): boolean {
    const { request } = pending;
    const memo = storedMemo(pending);
    const found = this.#record(request);
    if (found === undefined) {
      this.#index.stage(request, this.#jobs.append({ request, tree: undefined, memo }, roles.memo));
      return true;
    }
    const { place, record } = found;
    const stored = record.memo;
    if (stored === undefined) {
      this.#jobs.replace(place, { ...record, memo });
      return true;
    }
    if (sameOutcome(decodeOutcome(request, stored), pending.memo.outcome)) return true;
    this.#sql.insertDivergence.run(oidToBytes(request), memo.kind, encodeOutcome(pending.memo.outcome), memo.run);
    this.#jobs.replace(place, { ...record, memo: { ...stored, quarantined: true } });
    return false;
  }

  /** Looks something up. */
  #about<T>(name: Oid, work: () => T): T {
    return guarded(this.path, () => {
      try {
        return named(name, work);
      } finally {
        if (this.#isReading) {
          this.#isReading = false;
          this.#sql.commit.run();
        }
      }
    });
  }

  /** Takes note of what others committed; false when nobody did. What is looked up afterwards is as of now. */
  #look(): boolean {
    if ((this.#sql.changes.get() as number) === this.#changes) return false;
    const catchUp = () => {
      this.#jobs.cool();
      this.#objects.cool();
      this.#index.catchUp();
      this.#changes = this.#sql.changes.get() as number;
    };
    // Counters and entries are to be of one moment.
    if (this.#database.inTransaction) catchUp();
    else this.#database.transaction(catchUp).deferred();
    return true;
  }

  /** Where the name may stand, as of the last look. */
  #find(name: Oid): readonly number[] {
    for (;;) {
      try {
        return this.#index.find(name);
      } catch (error) {
        if (!(error instanceof StaleIndex)) throw error;
        // Whoever rewrites the index counts as a commit.
        if (!this.#look()) throw new DamagedIndex();
      }
    }
  }

  /** Where the object of that name stands, as of the last look; 0 when it is not here. */
  #locate(name: Oid): number {
    for (const place of this.#find(name)) {
      const role = roleOf(place);
      if (role === roles.memo) continue;
      if (role === roles.request) {
        if (this.#jobs.of(name, place) !== undefined) return place;
      } else if (role === roles.args) {
        if (this.#jobs.argsOf(name, place) !== undefined) return place;
      } else if (role === roles.packed) {
        if (this.#objects.of(name, place) !== undefined) return place;
      } else if (this.#large.isAt(name, place)) return place;
    }
    return 0;
  }

  /** The kind of the object of that name, which stands at the place; undefined for 0. */
  #kindAt(place: number, name: Oid): ObjectKind | undefined {
    if (place === 0) return undefined;
    const role = roleOf(place);
    // A packed object's kind is vouched for by its name, the other roles by the index.
    if (role === roles.packed) return this.#readAt(name, place)?.kind;
    return role === roles.request || role === roles.args ? "tree" : kindOfRole(role);
  }

  /** The object of that name, as of the last look. */
  #read(name: Oid): GitObject | undefined {
    for (const place of this.#find(name)) {
      const object = this.#readAt(name, place);
      if (object !== undefined) return object;
    }
    return undefined;
  }

  /** What stands there if it is the object of that name, checked. Throws CorruptObject. */
  #readAt(name: Oid, place: number): GitObject | undefined {
    const object = this.#storedAt(name, place);
    if (object === undefined || hashObject(object.kind, object.body) === name) return object;
    throw new CorruptObject(name, otherHash);
  }

  /** What stands there under that name, not checked against it. A small body is a copy, lest one that is kept keeps its pack. Throws Damage. */
  #storedAt(name: Oid, place: number): GitObject | undefined {
    switch (roleOf(place)) {
      case roles.memo:
        return undefined;
      case roles.request: {
        const record = this.#jobs.of(name, place);
        return record?.tree === undefined ? undefined : { kind: "tree", body: this.#requestBody(record.tree) };
      }
      case roles.args: {
        const args = this.#jobs.argsOf(name, place);
        return args === undefined ? undefined : { kind: "tree", body: new Uint8Array(args) };
      }
      case roles.packed: {
        const object = this.#objects.of(name, place);
        return object === undefined ? undefined : { kind: object.kind, body: new Uint8Array(object.body) };
      }
      default:
        return this.#large.of(name, place);
    }
  }

  /** The tree of a record's request. Throws Damage. */
  #requestBody({ args, surroundings }: StoredRequest): Buffer {
    const name = typeof args === "string" ? args : hashObject("tree", args);
    return requestWith(name, this.#jobs.surroundings(surroundings));
  }

  /** The request's record and its place, as of the last look. */
  #record(request: Oid): { readonly place: number; readonly record: JobRecord } | undefined {
    for (const place of this.#find(request)) {
      const role = roleOf(place);
      if (role !== roles.request && role !== roles.memo) continue;
      const record = this.#jobs.of(request, place);
      if (record !== undefined) return { place, record };
    }
    return undefined;
  }

  /** True when an object that comes (again) is here. Throws CollidingObject when what is here under its name is something else. */
  #isHere(name: Oid, object: GitObject): boolean {
    const place = this.#locate(name);
    if (place === 0) return false;
    const role = roleOf(place);
    if (role !== roles.packed && role !== roles.request && role !== roles.args) {
      if (!this.#large.isSame(place, object)) throw new CollidingObject(name);
      return true;
    }
    const stored = this.#storedAt(name, place);
    const isSame =
      stored === undefined || (stored.kind === object.kind && Buffer.compare(stored.body, object.body) === 0);
    // Damaged bytes are found when they are read.
    if (!isSame && hashObject(stored.kind, stored.body) === name) throw new CollidingObject(name);
    return true;
  }

  /** Somebody deleted since this handle looked last: whatever the buffer relies on must still be here, else it is dropped and StaleStore thrown. */
  #recheck(generation: number): void {
    this.#cool();
    this.#look();
    const isHere = (name: Oid) => this.#pendingObjects.has(name) || this.#locate(name) !== 0;
    for (const name of namedBy(this.#pendingObjects.values(), this.#pendingMemos.values())) {
      if (!isHere(name)) throw new StaleStore(this.path, name);
    }
    this.#generation = generation;
  }

  #cool(): void {
    this.#hotKinds.clear();
    this.#hotOutcomes.clear();
    this.#hotBodies.clear();
    this.#coolFile();
  }

  /** Forgets what was read of index and packs, so that the next look reads it again. */
  #coolFile(): void {
    this.#index.cool();
    this.#jobs.cool();
    this.#objects.cool();
    this.#changes = -1;
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
      const count = (kind: ObjectKind) => this.#large.count(kind);
      const objects = { blob: count("blob"), tree: count("tree"), commit: count("commit"), tag: count("tag") };
      for (const { object } of this.#objects.all()) objects[object.kind]++;
      let [memos, failed, quarantined] = [0, 0, 0];
      for (const { tree, memo } of this.#jobs.all()) {
        if (tree !== undefined) objects.tree += typeof tree.args === "string" ? 1 : 2;
        if (memo === undefined) continue;
        memos++;
        if (memo.kind === outcomeCodes.failed) failed++;
        if (memo.quarantined) quarantined++;
      }
      const runs = this.#sql.countRuns.get() as number;
      const pages = this.#database.pragma("page_count", { simple: true }) as number;
      const pageBytes = this.#database.pragma("page_size", { simple: true }) as number;
      return { objects, memos, failed, quarantined, runs, bytes: pages * pageBytes };
    });
  }

  /** Every object that is committed, in no order that means anything, each once. Throws CorruptObject or StoreFailure. Nothing may be written meanwhile. */
  objects(): Iterable<{ readonly name: Oid; readonly object: GitObject }> {
    return guardedEach(this.path, this.#allObjects());
  }

  *#allObjects(): Iterable<{ readonly name: Oid; readonly object: GitObject }> {
    const checked = (name: Oid, object: GitObject) => {
      if (hashObject(object.kind, object.body) !== name) throw new CorruptObject(name, otherHash);
      return { name, object };
    };
    for (const { name, object } of this.#objects.all()) yield checked(name, object);
    for (const { name, object } of this.#large.all()) yield checked(name, object);
    for (const { request, tree } of this.#jobs.all()) {
      if (tree === undefined) continue;
      const { args } = tree;
      if (typeof args === "object") yield { name: hashObject("tree", args), object: { kind: "tree", body: args } };
      yield checked(request, { kind: "tree", body: this.#requestBody(tree) });
    }
  }

  /** Every memo that is committed and not quarantined, in no order that means anything. Throws CorruptObject or StoreFailure. Nothing may be written meanwhile. */
  memos(): Iterable<{ readonly request: Oid; readonly memo: Memo }> {
    return guardedEach(this.path, this.#allMemos());
  }

  *#allMemos(): Iterable<{ readonly request: Oid; readonly memo: Memo }> {
    for (const { request, memo } of this.#jobs.all()) {
      if (memo !== undefined && !memo.quarantined) yield { request, memo: servedMemo(request, memo) };
    }
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

/** `guarded` for each step of a walk. */
function* guardedEach<T>(path: string, all: Iterable<T>): Iterable<T> {
  const walk = all[Symbol.iterator]();
  for (;;) {
    const { done, value } = guarded(path, () => walk.next());
    if (done === true) return;
    yield value;
  }
}

const otherHash = "its bytes have another hash";

/** Damage found on the way to a name is that name's; that of the index is nobody's. Throws CorruptObject. */
function named<T>(name: Oid, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof Damage && !(error instanceof DamagedIndex)) throw new CorruptObject(name, error.message);
    throw error;
  }
}

/** An oid that a row holds. Throws Damage. */
function storedOid(value: unknown, what: string): Oid {
  const bytes = bytesOf(value, what);
  if (bytes.length !== oidBytes) throw new Damage(`${what} is no oid`);
  return oidFromBytes(bytes);
}

/** The objects that must be here for these to be true. */
function* namedBy(objects: Iterable<GitObject>, memos: Iterable<PendingMemo>): Iterable<Oid> {
  for (const { kind, body } of objects) {
    if (kind !== "tree") continue;
    for (const entry of decodeTree(body)) if (kindOfMode(entry.mode) !== "commit") yield entry.oid;
  }
  for (const { memo } of memos) if (memo.outcome.kind !== "failed") yield memo.outcome.oid;
}

/** A memo's outcome. Throws QuarantinedMemo or CorruptObject. */
function servedOutcome(request: Oid, stored: StoredMemo): Outcome {
  if (stored.quarantined) throw new QuarantinedMemo(request);
  return decodeOutcome(request, stored);
}

/** A memo as it was remembered. Throws QuarantinedMemo or CorruptObject. */
function servedMemo(request: Oid, stored: StoredMemo): Memo {
  const { detail, fuel, reads, children } = stored;
  return { outcome: servedOutcome(request, stored), detail, fuel, reads: oidsOf(reads), children: oidsOf(children) };
}

function decodeOutcome(request: Oid, { kind, result }: StoredMemo): Outcome {
  if (typeof result === "string") return { kind: kind === outcomeCodes.blob ? "blob" : "tree", oid: result };
  const failed = decodeFailure(result);
  if (failed === undefined) throw new CorruptObject(request, "its memo's outcome is malformed");
  return failed;
}

function storedMemo({ memo, run }: PendingMemo): StoredMemo {
  const { outcome, detail, fuel, reads, children } = memo;
  return {
    run,
    kind: outcomeCodes[outcome.kind],
    result: outcome.kind === "failed" ? encodeOutcome(outcome) : outcome.oid,
    detail,
    fuel,
    reads,
    children,
    quarantined: false,
  };
}

function prepareStatements(database: Database.Database) {
  const sql = (text: string) => database.prepare(text);
  return {
    generation: sql("SELECT value FROM counters WHERE name = 'generation'").pluck(),
    bumpGeneration: sql("UPDATE counters SET value = value + 1 WHERE name = 'generation'"),
    begin: sql("BEGIN"),
    commit: sql("COMMIT"),
    changes: sql("SELECT sum(value) FROM counters WHERE name IN ('commits', 'generation')").pluck(),
    bumpCommits: sql("UPDATE counters SET value = value + 1 WHERE name = 'commits'"),
    insertDivergence: sql("INSERT INTO divergences (request, kind, outcome, run) VALUES (?, ?, ?, ?)"),
    deleteDivergences: sql("DELETE FROM divergences WHERE request = ?"),
    ref: sql("SELECT oid FROM refs WHERE name = ?").pluck(),
    setRef: sql("INSERT INTO refs (name, oid) VALUES (?, ?) ON CONFLICT DO UPDATE SET oid = excluded.oid"),
    beginRun: sql("INSERT INTO runs (request, started_ms) VALUES (?, ?)"),
    endRun: sql("UPDATE runs SET micros = ?, executed = ?, frames = ?, memoized = ?, ending = ? WHERE id = ?"),
    lastRun: sql("SELECT id, request, started_ms FROM runs ORDER BY id DESC LIMIT 1"),
    dropTrace: sql("DELETE FROM trace WHERE run <= ?"),
    trace: sql("SELECT events FROM trace WHERE run = ? ORDER BY seq").pluck(),
    traceEnd: sql(
      "SELECT count(*) AS seq, coalesce(sum(length(events)), 0) AS bytes, coalesce(min(length(events)) = 0, 0) AS isFull FROM trace WHERE run = ?",
    ),
    insertTrace: sql("INSERT INTO trace (run, seq, events) VALUES (?, ?, ?)"),
    countRuns: sql("SELECT count(*) FROM runs").pluck(),
  };
}
