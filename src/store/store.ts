/**
 * The store: git objects, memos, refs and traces in one SQLite file.
 *
 * Guarantees:
 * - An object is named by its content: `put` computes the name, `putChecked` trusts a caller that just did, `get` checks it again.
 * - A tree is here only when all that it names is here or in a repository that the store reads from (gitlinks excepted), and a memo only when its result is here, whole. Both hold after a
 *   crash at any moment: writes are buffered in memory and flushed in one transaction, objects in the order they came, then memos.
 * - What is read from a repository is stored, so that it is here for ever.
 * - What is buffered is visible through this handle at once, and to other handles after `flush`.
 * - A memo is never overwritten: an equal second one is dropped, a different one is kept as evidence and the memo quarantined, with all that consumed it (quarantine.ts).
 *
 * Errors: errors.ts. How it is built: a buffer of what was given (write-buffer.ts), what the file holds by name (contents.ts), and how the one becomes the other (commit.ts).
 *
 * A handle is used by one thread; any number of handles, threads and processes share the file, and SQLite's write lock is held only to flush.
 */
import type Database from "better-sqlite3";
import { commitBuffer, DivergentMemo, type Committed } from "./commit.ts";
import { Contents, type ContentFigures } from "./contents.ts";
import { storedOid } from "./damage.ts";
import { openDatabase } from "./database.ts";
import {
  CollidingObject,
  CorruptObject,
  MissingObject,
  OversizeObject,
  QuarantinedMemo,
  StaleRun,
  StaleStore,
  guarded,
  objectBytesMax,
} from "./errors.ts";
import { HotMap } from "./hot-map.ts";
import type { JobRecord } from "./job-record.ts";
import { hashObject, type GitObject, type NamedObject, type ObjectKind } from "./object.ts";
import { oidToBytes, type Oid } from "./oid.ts";
import { sameOutcome, type Memo, type Outcome } from "./outcome.ts";
import type { ObjectSink } from "./git/object-sink.ts";
import { packedBodyBytesMax } from "./packed-objects.ts";
import { Quarantine, type Divergence, type Keep, type Settlement } from "./quarantine.ts";
import { Sources } from "./sources.ts";
import { Wholes } from "./wholes.ts";
import { hashRequest } from "./request-tree.ts";
import { Runs, type RunOver, type RunRecord, type RunTotals } from "./runs.ts";
import { keptMemo, storedOutcome } from "./stored-memo.ts";
import { WriteBuffer, type BufferedObject } from "./write-buffer.ts";

export {
  CollidingObject,
  CorruptObject,
  MissingObject,
  OversizeObject,
  QuarantinedMemo,
  StaleRun,
  StaleStore,
  StoreFailure,
  objectBytesMax,
} from "./errors.ts";
export type { Divergence, Keep, Settlement } from "./quarantine.ts";
export { traceBytesMax, type RunOver, type RunRecord, type RunTotals } from "./runs.ts";

/** Entries of the hot maps: kinds and sizes (0.1 KB each), outcomes (0.2 KB each). A map holds up to twice as many. */
const hotKindsMax = 50_000;
const hotSizesMax = 50_000;
const hotOutcomesMax = 25_000;

/** What a flush came to: the refused requests, with the causes of the quarantines that stand against them. */
interface Flushed extends Committed {
  readonly refused: ReadonlyMap<Oid, Oid>;
}
const noneRefused: Flushed["refused"] = new Map();

/** Whatever is buffered is dropped with what these say. */
const neverCommitted = [StaleStore, StaleRun, CollidingObject, CorruptObject] as const;

/** Figures of a whole store. */
export interface StoreStats extends ContentFigures {
  /** Requests whose executions differed: because of them memos are quarantined. */
  readonly divergent: number;
  readonly runs: number;
  /** Size of the database, its write-ahead log not counted. */
  readonly bytes: number;
  /** Object folders of git repositories that it reads from, newest first. */
  readonly sources: readonly string[];
}

/** What is kept of a request's executions. */
export interface Evidence {
  /** The number of the run that made the memo. */
  readonly run: number;
  readonly memo: Memo;
  readonly isQuarantined: boolean;
  /** What other executions came to, where that differs. */
  readonly others: readonly { readonly run: number; readonly outcome: Outcome }[];
}

/** Opens the store in the file at `path` (":memory:" for one that nobody else sees); makes it, and its folder, if need be. Throws StoreFailure. */
export function openStore(path: string): Store {
  const database = openDatabase(path);
  try {
    return new Store(database, path);
  } catch (error) {
    database.close();
    throw error;
  }
}

export class Store {
  readonly path: string;
  readonly #database: Database.Database;
  readonly #sql: ReturnType<typeof prepareStatements>;
  readonly #buffer = new WriteBuffer();
  readonly #contents: Contents;
  readonly #runs: Runs;
  readonly #quarantine: Quarantine;
  readonly #sources: Sources;
  readonly #wholes: Wholes;
  readonly #hotKinds = new HotMap<Oid, ObjectKind>(hotKindsMax);
  /** Of objects that are read from rows of their own, and were. */
  readonly #hotSizes = new HotMap<Oid, number>(hotSizesMax);
  readonly #hotOutcomes = new HotMap<Oid, Outcome>(hotOutcomesMax);
  /** Of the contents, when the hot maps were last known to say nothing that is gone. */
  #generation: number;

  /** Use `openStore`. */
  constructor(database: Database.Database, path: string) {
    this.path = path;
    this.#database = database;
    this.#sql = guarded(path, () => prepareStatements(database));
    this.#runs = guarded(path, () => new Runs(database));
    this.#contents = guarded(path, () => new Contents(database, path));
    this.#quarantine = guarded(path, () => new Quarantine(database, this.#contents));
    this.#sources = guarded(path, () => new Sources(database));
    this.#wholes = guarded(path, () => new Wholes(database, this.#contents, this.#buffer));
    this.#generation = this.#contents.generation();
  }

  /** Stores an object and returns its name. The bytes are kept, not copied: don't write to them afterwards. */
  put(kind: ObjectKind, body: Uint8Array): Oid {
    const name = hashObject(kind, body);
    this.putChecked(name, kind, body);
    return name;
  }

  /** Stores the request of these args, which are here, and surroundings, which are kept, not copied; returns its name. */
  putRequest(args: Oid, surroundings: Uint8Array): Oid {
    const name = hashRequest(args, surroundings);
    if (this.#buffer.objects.has(name) || this.#hotKinds.get(name) !== undefined) return name;
    this.#buffer.addRequest(name, { args, surroundings });
    if (this.#buffer.isDue) this.flush();
    return name;
  }

  /** Stores an object whose name was computed from these bytes just now; what a tree names must have been put before it. */
  putChecked(name: Oid, kind: ObjectKind, body: Uint8Array): void {
    if (body.length > objectBytesMax) throw new OversizeObject(body.length);
    if (this.#buffer.objects.has(name) || this.#hotKinds.get(name) !== undefined) return;
    this.#buffer.addObject(name, kind, body);
    if (this.#buffer.isDue) this.flush();
  }

  /**
   * An object's kind, or undefined when neither the store nor a repository has it. A repository's word is its header's: whoever is told another kind than he wants has to `get` the object to
   * be sure.
   */
  kindOf(name: Oid): ObjectKind | undefined {
    const near = this.#buffer.objects.get(name)?.kind ?? this.#hotKinds.get(name) ?? this.#contents.hotBody(name)?.kind;
    if (near !== undefined) return near;
    const here = this.#kindInFile(name) ?? this.#kindBorrowed(name);
    if (here !== undefined || !this.#contents.look()) return here;
    return this.#kindInFile(name) ?? this.#kindBorrowed(name);
  }

  #kindBorrowed(name: Oid): ObjectKind | undefined {
    return this.#borrowing ? this.#sources.kindOf(name) : undefined;
  }

  #kindInFile(name: Oid): ObjectKind | undefined {
    const kind = this.#contents.kindInFile(name);
    // Only what has no body in memory: a map of all files' kinds makes each lookup that finds nothing a miss of the processor's cache.
    if (kind !== undefined && this.#contents.hotBody(name) === undefined) this.#hotKinds.set(name, kind);
    return kind;
  }

  /** The object of that name, checked against it; one that a repository has is stored. Throws MissingObject or CorruptObject. */
  get(name: Oid): GitObject {
    const here = this.#here(name);
    if (here !== undefined) return here;
    const fetched = this.#fetch(name);
    if (this.#buffer.isDue) this.flush();
    return fetched;
  }

  /**
   * Length of that object's body, of bytes that hashed to the name: a large object is read for it once, and its size remembered. A length that a row or a header claims is not believed.
   * Throws what `get` throws.
   */
  sizeOf(name: Oid): number {
    const known = this.#hotSizes.get(name);
    if (known !== undefined) return known;
    const size = (this.near(name) ?? this.get(name)).body.length;
    if (size > packedBodyBytesMax) this.#hotSizes.set(name, size);
    return size;
  }

  /** The object of that name if having it costs microseconds: it is in memory, or small and in the file. */
  near(name: Oid): GitObject | undefined {
    return this.#buffer.objects.get(name) ?? this.#contents.small(name);
  }

  #here(name: Oid): GitObject | undefined {
    return this.#buffer.objects.get(name) ?? this.#contents.object(name);
  }

  /** An object that is not here as far as this handle has looked. */
  #fetch(name: Oid): GitObject {
    const fetched =
      this.#borrow(name) ?? (this.#contents.look() ? (this.#contents.object(name) ?? this.#borrow(name)) : undefined);
    if (fetched === undefined) throw new MissingObject(name, this.#sources.paths);
    return fetched;
  }

  /** An object that a repository has, buffered. */
  #borrow(name: Oid): GitObject | undefined {
    const object = this.#borrowing ? this.#sources.read(name) : undefined;
    if (object === undefined) return undefined;
    if (object.body.length > objectBytesMax) throw new OversizeObject(object.body.length);
    this.#buffer.addObject(name, object.kind, object.body);
    return object;
  }

  /** Whether this store has ever read from a repository: trees may be partial then. */
  get #borrowing(): boolean {
    const { changes } = this.#contents;
    if (changes !== this.#sources.asOf) guarded(this.path, () => this.#sources.catchUp(changes));
    return !this.#sources.isEmpty;
  }

  /** Reads from an `objects` folder of a git repository, from now on, what is not here. Committed before this returns. */
  addSource(objectsFolder: string): void {
    this.#contents.look();
    if (this.#borrowing && this.#sources.paths.includes(objectsFolder)) return;
    // What is buffered is whole, and is not to be taken for partial.
    this.flush();
    this.#contents.transact(() => this.#sources.add(objectsFolder));
  }

  /** Where importing puts what is to be here whole, whatever repositories the store reads from. */
  get copying(): ObjectSink {
    return {
      kindOf: (name) => {
        if (!this.#borrowing) return this.kindOf(name);
        const kind = this.#buffer.objects.get(name)?.kind ?? this.#kindInFile(name);
        return kind !== "tree" || this.#wholes.isWhole(name) ? kind : undefined;
      },
      putChecked: (name, kind, body) => {
        this.putChecked(name, kind, body);
        if (kind === "tree" && this.#borrowing) this.#wholes.mark(name);
      },
    };
  }

  /** What the request settled to, or undefined. Throws QuarantinedMemo. */
  outcome(request: Oid): Outcome | undefined {
    return this.seenOutcome(request) ?? (this.#contents.look() ? this.seenOutcome(request) : undefined);
  }

  /**
   * What the request settled to as far as this handle has looked: since its last `refresh` or flush others may have committed a memo. Whoever then runs the
   * request does so in vain, no more: the memos are compared. Spares looking at the file (2 µs). Throws QuarantinedMemo.
   */
  seenOutcome(request: Oid): Outcome | undefined {
    const tree = this.#buffer.objects.get(request);
    const near = this.#buffer.memoOf(request, tree)?.memo.outcome ?? this.#hotOutcomes.get(request);
    if (near !== undefined) return near;
    if (!this.#contents.mayKnow(request)) {
      if (tree !== undefined) tree.absentAt = this.#contents.changes;
      return undefined;
    }
    const record = this.#contents.job(request)?.record;
    if (record?.memo === undefined) return undefined;
    if (record.memo.quarantined) throw this.#quarantined(request);
    const outcome = storedOutcome(request, record.memo);
    this.#hotOutcomes.set(request, outcome);
    if (tree !== undefined) this.#dropRemembered(request, tree, record);
    return outcome;
  }

  /** A buffered request that is remembered stands in the record that says so, as do its args: compared here, they need not be looked for again when the buffer is flushed (half of what an edit of one file in many costs). */
  #dropRemembered(request: Oid, { parts }: BufferedObject, { tree: stored }: JobRecord): void {
    if (parts === undefined || stored === undefined) return;
    if (!this.#contents.isSurroundedBy(stored, parts.surroundings)) return;
    if (typeof stored.args === "string") {
      if (stored.args === parts.args) this.#buffer.remove(request);
      return;
    }
    const args = this.#buffer.objects.get(parts.args);
    if (args?.kind !== "tree" || Buffer.compare(args.body, stored.args) !== 0) return;
    this.#buffer.remove(request);
    this.#buffer.remove(parts.args);
  }

  /** All that is remembered of a request, or undefined. Throws QuarantinedMemo. */
  memo(request: Oid): Memo | undefined {
    const buffered = this.#buffer.memoOf(request, this.#buffer.objects.get(request));
    if (buffered !== undefined) return buffered.memo;
    this.#contents.look();
    const stored = this.#contents.job(request)?.record.memo;
    if (stored === undefined) return undefined;
    if (stored.quarantined) throw this.#quarantined(request);
    const memo = keptMemo(request, stored);
    this.#hotOutcomes.set(request, memo.outcome);
    return memo;
  }

  /** The request because of whose executions this one is quarantined: itself, or one that it consumed. Undefined when it is not. */
  quarantineCause(request: Oid): Oid | undefined {
    this.flush();
    this.#contents.look();
    return this.#contents.job(request)?.record.memo?.quarantined === true
      ? this.#quarantined(request).origin
      : undefined;
  }

  #quarantined(request: Oid): QuarantinedMemo {
    return new QuarantinedMemo(
      request,
      guarded(this.path, () => this.#quarantine.originOf(request)),
    );
  }

  /** What is kept of a request's executions, quarantined or not: never an answer to the request. */
  evidence(request: Oid): Evidence | undefined {
    this.flush();
    this.#contents.look();
    const stored = this.#contents.job(request)?.record.memo;
    if (stored === undefined) return undefined;
    const { run, quarantined: isQuarantined } = stored;
    const others = this.divergences(request).map((each) => ({ run: each.run, outcome: each.memo.outcome }));
    return { run, memo: keptMemo(request, stored), isQuarantined, others };
  }

  /** What executions came to that differ from memos, in the order in which they were found; of one request, or of all. */
  divergences(request?: Oid): readonly Divergence[] {
    return guarded(this.path, () => this.#quarantine.divergences(request));
  }

  /**
   * Keeps what another execution of a remembered request came to, and quarantines its memo with all that consumed it, in one transaction. The result must be here, whole. Returns how many consumers there are;
   * undefined, and nothing happens, where there is no memo any more, or one of the same outcome and fuel.
   */
  keepDivergence(request: Oid, memo: Memo, run: number, found: string): number | undefined {
    this.flush();
    const { outcome } = memo;
    if (outcome.kind !== "failed" && this.kindOf(outcome.oid) !== outcome.kind) throw new MissingObject(outcome.oid);
    const consumers = this.#contents.transact(() => this.#quarantine.keep(request, memo, run, found));
    this.#hotOutcomes.clear();
    return consumers;
  }

  /**
   * Settles a quarantine at its cause, in one transaction. With the memo kept, its consumers are served again, unless another cause stands against them; otherwise they are forgotten, and so is what runs under way have not committed.
   * When that was is noted of each, as of what people forget. Undefined when no executions of the request differed.
   */
  settleQuarantine(request: Oid, keep: Keep, atMs: number = Date.now()): Settlement | undefined {
    this.flush();
    const settled = this.#contents.transact(() => {
      const found = this.#quarantine.settle(request, keep);
      if (found !== undefined) this.#runs.noteForgotten([...found.dropped], atMs);
      return found;
    });
    this.#hotOutcomes.clear();
    return settled?.settlement;
  }

  /**
   * Remembers what an execution of `request` came to. Its result must be here. A memo that exists already is compared, here or when flushed:
   * a different one is kept as evidence and QuarantinedMemo thrown (from here, or from the flush).
   */
  remember(request: Oid, memo: Memo, run: number): void {
    this.#mustHold(memo.outcome);
    const buffered = this.#buffer.memoOf(request, this.#buffer.objects.get(request));
    if (buffered !== undefined) {
      if (sameOutcome(buffered.memo.outcome, memo.outcome)) return;
      this.flush();
    }
    this.#buffer.addMemo(request, memo, run);
    if (this.#buffer.isDue) this.flush();
  }

  /** Sees to it that what a request came to is here, whole. */
  #mustHold(outcome: Outcome): void {
    if (outcome.kind === "failed") return;
    if (this.kindOf(outcome.oid) !== outcome.kind) throw new MissingObject(outcome.oid);
    this.#complete(outcome.oid);
  }

  /** Sees to it that an object is here with all that it names. */
  #complete(name: Oid): void {
    if (this.#borrowing) this.#wholes.complete(name, (each) => this.get(each));
  }

  /** Drops a request's memo, a quarantined one included, with its evidence and all that consumed it, and notes when; false when there was none. */
  forget(request: Oid, atMs: number = Date.now()): boolean {
    this.flush();
    this.#hotOutcomes.delete(request);
    return this.#contents.transact(() => {
      const found = this.#contents.job(request);
      if (found?.record.memo === undefined) return false;
      if (found.record.memo.quarantined) {
        this.#runs.noteForgotten([...this.#quarantine.forget(request)], atMs);
        this.#hotOutcomes.clear();
        return true;
      }
      // The request's tree, which stands in the same record, stays.
      this.#contents.setMemo(found, undefined);
      this.#runs.noteForgotten([request], atMs);
      // Other handles may hold this memo in a hot map.
      this.#contents.bumpGeneration();
      return true;
    });
  }

  /**
   * Takes note of what other handles committed since, and forgets hot entries when something was deleted. Call it before work that relies on memos.
   */
  refresh(): void {
    this.#contents.look();
    const generation = this.#contents.generation();
    if (generation === this.#generation) return;
    this.flush();
    this.#cool();
    this.#generation = generation;
    this.#contents.look();
  }

  /** The oid that a ref names, or undefined. */
  ref(name: string): Oid | undefined {
    return guarded(this.path, () => {
      const bytes = this.#sql.ref.get(name);
      return bytes === undefined ? undefined : storedOid(bytes, "a ref");
    });
  }

  /** Points a ref at an object, which is here whole from then on; committed before this returns. */
  setRef(name: string, target: Oid): void {
    this.#complete(target);
    this.flush();
    this.#contents.transact(() => {
      if (this.#contents.kindInFile(target) === undefined) throw new MissingObject(target);
      this.#sql.setRef.run(name, oidToBytes(target));
    });
  }

  /** Takes a ref away; false when there was none. What it named stays. Committed before this returns. */
  dropRef(name: string): boolean {
    this.flush();
    let dropped = 0;
    this.#contents.transact(() => (dropped = this.#sql.dropRef.run(name).changes));
    return dropped > 0;
  }

  /** The refs whose names begin so, in order of their names' bytes. */
  refs(prefix: string): ReadonlyMap<string, Oid> {
    return guarded(this.path, () => {
      const rows = this.#sql.refs.all(prefix, prefix) as { readonly name: string; readonly oid: Buffer }[];
      return new Map(rows.map(({ name, oid: bytes }) => [name, storedOid(bytes, "a ref")]));
    });
  }

  /** How often something had been deleted when this handle looked last. */
  get generation(): number {
    return this.#generation;
  }

  /** What is buffered, if that is little and objects alone: what another handle needs of it may go there by hand. */
  uncommitted(bytesMax: number): readonly NamedObject[] | undefined {
    return this.#buffer.fewObjects(bytesMax);
  }

  /** Gives away what is buffered, if that is little and objects alone, for another handle to commit with this outcome. Otherwise it is committed, and what a repository has of the outcome's result. */
  handOver(outcome: Outcome, bytesMax: number): readonly NamedObject[] {
    const few = this.#borrowing ? undefined : this.uncommitted(bytesMax);
    if (few === undefined) {
      this.#mustHold(outcome);
      this.flush();
    } else this.#buffer.clear();
    return few ?? [];
  }

  /** Opens the record of a run, drops the traces of runs long past, and commits that with all that is buffered. Throws as `flush`. */
  beginRun(request: Oid, startedMs: number): number {
    let run = 0;
    this.#flush(() => (run = this.#runs.begin(request, startedMs)));
    return run;
  }

  /**
   * Commits a run that is over: its record, what its request came to, which asked for no others, and its events, with all that is buffered, in one transaction. `onRecord` is told its number once that is committed, also where a
   * quarantine then stands against the memo (QuarantinedMemo). Throws as `remember` and `flush`; of the run nothing is kept then.
   */
  addRun(over: RunOver, onRecord: (number: number) => void): void {
    this.#mustHold(over.memo.outcome);
    const memo = this.#buffer.addMemo(over.request, over.memo, 0);
    try {
      this.#flush(() => (memo.run = this.#runs.add(over)));
    } catch (error) {
      if (this.#buffer.memos.at(-1) === memo) this.#buffer.removeLastMemo();
      if (error instanceof QuarantinedMemo) onRecord(memo.run);
      throw error;
    }
    onRecord(memo.run);
  }

  /** Closes the record of a run, with the next flush or `flushEnds`. */
  endRun(run: number, totals: RunTotals): void {
    this.#runs.end(run, totals);
  }

  /** Commits how runs ended, and nothing else that is buffered. Throws StoreFailure, and then they wait for the next flush. */
  flushEnds(): void {
    if (!this.#runs.hasEnded) return;
    this.#contents.transact(() => this.#runs.writeEnds());
    this.#runs.clearEnds();
  }

  /** Adds encoded events to a run's trace, with the next flush. */
  addTrace(run: number, events: Uint8Array): void {
    this.#runs.addTrace(run, events);
  }

  /** A run's events, in the order in which they were added. */
  trace(run: number): Buffer {
    return guarded(this.path, () => this.#runs.trace(run));
  }

  /** The newest run, or undefined. */
  lastRun(): RunRecord | undefined {
    return this.runs(undefined, 1)[0];
  }

  /** The newest runs that are older than `before` (all, when it is undefined), newest first, at most so many. */
  runs(before: number | undefined, countMax: number): readonly RunRecord[] {
    this.flush();
    return guarded(this.path, () => this.#runs.list(before, countMax));
  }

  /** The run of that number, or undefined. */
  runOf(id: number): RunRecord | undefined {
    this.flush();
    return guarded(this.path, () => this.#runs.record(id));
  }

  /** When a request's memo was forgotten, the last time before that time: milliseconds since 1970. Undefined when it was not, or so long ago that it is forgotten, too. */
  forgottenMs(request: Oid, beforeMs: number): number | undefined {
    return guarded(this.path, () => this.#runs.forgottenMs(request, beforeMs));
  }

  /** Whether `forgottenMs` tells of whatever was forgotten since that time. */
  tellsForgottenSince(ms: number): boolean {
    return guarded(this.path, () => this.#runs.tellsForgottenSince(ms));
  }

  /**
   * Commits what is buffered, in one transaction. On an error nothing of it is in the file; a StoreFailure leaves all of it buffered, for the next flush. What
   * can never be committed (StaleStore, StaleRun, CollidingObject, CorruptObject) is dropped with all else, so that it does not stand in the way of what comes after
   * it: running again computes it anew. A memo that a quarantine stands against is dropped, all else is committed, and QuarantinedMemo thrown.
   */
  flush(): void {
    if (!this.#buffer.isEmpty || this.#runs.hasWaiting) this.#flush(undefined);
  }

  /** What is to be done before in that transaction may be done again, if the first was rolled back. */
  #flush(begin: (() => void) | undefined): void {
    const { alone, refused } = this.#commit(begin);
    this.#wholes.settle();
    this.#buffer.clear();
    this.#runs.clear();
    // Results come again and again: the next time the name alone says that it is here.
    for (const [name, kind] of alone) this.#hotKinds.set(name, kind);
    const [first] = refused;
    if (first === undefined) return;
    this.#hotOutcomes.clear();
    throw new QuarantinedMemo(...first);
  }

  #commit(begin: (() => void) | undefined): Flushed {
    try {
      if (begin === undefined && this.#isHereAlready()) return { alone: new Map(), newTrees: [], refused: noneRefused };
      try {
        return this.#transactBuffer(false, begin);
      } catch (error) {
        if (!(error instanceof DivergentMemo)) throw error;
        this.#buffer.unplace();
        return this.#transactBuffer(true, begin);
      }
    } catch (error) {
      if (neverCommitted.some((each) => error instanceof each)) {
        this.#cool();
        this.#buffer.clear();
        this.#runs.dropEvents();
      } else this.#buffer.unplace();
      throw error;
    }
  }

  /** Memos are looked at one by one only where a quarantine may stand against them. */
  #transactBuffer(isDivergent: boolean, begin: (() => void) | undefined): Flushed {
    return this.#contents.transact(() => {
      this.#recheck();
      begin?.();
      const { memos } = this.#buffer;
      let refused = noneRefused;
      if (memos.length > 0) {
        const { isEmpty, settledRun } = this.#quarantine.state();
        if (memos.some(({ run }) => run <= settledRun)) throw new StaleRun(this.path);
        if (isDivergent || !isEmpty) refused = this.#quarantine.sift(memos);
      }
      const committed = commitBuffer(this.#contents, this.#buffer);
      if (this.#borrowing) this.#wholes.write(committed.newTrees);
      this.#runs.write();
      return { alone: committed.alone, newTrees: committed.newTrees, refused };
    });
  }

  /** Whether a commit would add nothing, as when a request that is remembered is asked for again: then the file is only read. */
  #isHereAlready(): boolean {
    if (this.#buffer.memos.length > 0 || this.#runs.hasWaiting || this.#wholes.hasWaiting) return false;
    this.#contents.look();
    for (const [name, object] of this.#buffer.objects) if (!this.#contents.isHere(name, object)) return false;
    return true;
  }

  /** When somebody deleted since this handle looked last, whatever the buffer relies on must still be here. Throws StaleStore. */
  #recheck(): void {
    const generation = this.#contents.generation();
    if (generation === this.#generation) return;
    this.#cool();
    this.#contents.look();
    for (const name of this.#buffer.needs()) {
      if (this.#buffer.objects.has(name) || this.#contents.kindInFile(name) !== undefined) continue;
      if (this.#borrowing && this.#sources.kindOf(name) !== undefined) continue;
      throw new StaleStore(this.path, name);
    }
    if (this.#borrowing) this.#recomplete();
    this.#generation = generation;
  }

  /** Brings again what results need and somebody deleted. */
  #recomplete(): void {
    for (const { memo } of this.#buffer.memos) {
      if (memo.outcome.kind === "failed") continue;
      this.#wholes.complete(memo.outcome.oid, (name) => this.#here(name) ?? this.#fetch(name));
    }
  }

  /** Forgets what was found to be here. */
  #cool(): void {
    this.#sources.cool();
    this.#wholes.discard();
    this.#hotKinds.clear();
    this.#hotSizes.clear();
    this.#hotOutcomes.clear();
    this.#contents.cool();
  }

  stats(): StoreStats {
    this.flush();
    return guarded(this.path, () => {
      const pages = this.#database.pragma("page_count", { simple: true }) as number;
      const pageBytes = this.#database.pragma("page_size", { simple: true }) as number;
      const sources = this.#borrowing ? this.#sources.paths : [];
      const divergent = this.#quarantine.causes();
      return { ...this.#contents.figures(), divergent, runs: this.#runs.count(), bytes: pages * pageBytes, sources };
    });
  }

  /** Every object that is committed, in no order that means anything, each once. Throws CorruptObject or StoreFailure. Nothing may be written meanwhile. */
  objects(): Iterable<{ readonly name: Oid; readonly object: GitObject }> {
    return this.#contents.objects();
  }

  /** Every memo that is committed and not quarantined, in no order that means anything. Throws CorruptObject or StoreFailure. Nothing may be written meanwhile. */
  *memos(): Iterable<{ readonly request: Oid; readonly memo: Memo }> {
    for (const { request, memo } of this.#contents.jobs()) {
      if (memo !== undefined && !memo.quarantined) yield { request, memo: keptMemo(request, memo) };
    }
  }

  /** Flushes and closes. */
  close(): void {
    if (!this.#database.open) return;
    try {
      this.flush();
    } finally {
      this.#sources.close();
      this.#database.close();
    }
  }
}

function prepareStatements(database: Database.Database) {
  return {
    ref: database.prepare("SELECT oid FROM refs WHERE name = ?").pluck(),
    dropRef: database.prepare("DELETE FROM refs WHERE name = ?"),
    refs: database.prepare("SELECT name, oid FROM refs WHERE substr(name, 1, length(?)) = ? ORDER BY name"),
    setRef: database.prepare("INSERT INTO refs (name, oid) VALUES (?, ?) ON CONFLICT DO UPDATE SET oid = excluded.oid"),
  };
}
