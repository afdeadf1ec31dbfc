/**
 * What the file holds, found by name: jobs (requests with their args' trees and memos), small objects, large ones, and the index that says where each name stands.
 *
 * Everything is as of the last `look` or `transact`, and checked when it is read. Lookups throw CorruptObject for the name that was asked for, or StoreFailure.
 * What is added or changed is staged in a `transact`, and seen by lookups after it.
 */
import type Database from "better-sqlite3";
import { DamagedIndex } from "./damage.ts";
import { CollidingObject, CorruptObject, asStoreError, guarded, guardedEach, otherHash } from "./errors.ts";
import { HotLarge } from "./hot-large.ts";
import { HotMap } from "./hot-map.ts";
import { outcomeCodes, type JobLink, type JobRecord, type StoredMemo, type StoredRequest } from "./job-record.ts";
import { LargeObjects } from "./large-objects.ts";
import { NameIndex, StaleIndex } from "./name-index.ts";
import { hashObject, type GitObject, type ObjectKind } from "./object.ts";
import type { Oid } from "./oid.ts";
import { PackedJobs } from "./packed-jobs.ts";
import { PackedObjects, packedBodyBytesMax } from "./packed-objects.ts";
import { kindOfRole, placeOf, roleOf, roles, rowOf, slotOf } from "./place.ts";
import { requestWith, type RequestParts } from "./request-tree.ts";

/** Bodies in memory, each of at most `packedBodyBytesMax`; a hot map holds up to twice as many. */
const hotBodiesMax = 4000;

/** A request's record, and where it stands. */
export interface FoundJob {
  readonly place: number;
  readonly record: JobRecord;
}

/** A request's tree that is to be stored: its parts, and its args' tree when that is to stand in the same record. */
export interface NewRequest extends RequestParts {
  readonly argsTree: Uint8Array | undefined;
}

export interface ContentFigures {
  readonly objects: Readonly<Record<ObjectKind, number>>;
  readonly memos: number;
  readonly failed: number;
  readonly quarantined: number;
}

export class Contents {
  readonly #path: string;
  readonly #database: Database.Database;
  readonly #sql: ReturnType<typeof prepareStatements>;
  readonly #index: NameIndex;
  readonly #jobs: PackedJobs;
  readonly #small: PackedObjects;
  readonly #large: LargeObjects;
  readonly #hotBodies = new HotMap<Oid, GitObject>(hotBodiesMax);
  readonly #hotLarge = new HotLarge();
  /** How many commits and deletions there were as of the last look. */
  #changes = -1;
  /** A lookup that reads parts of the index has opened a transaction: taking SQLite's locks costs 3 µs, reading a part 4. */
  #isReading = false;

  /** `path` is for errors. */
  constructor(database: Database.Database, path: string) {
    this.#path = path;
    this.#database = database;
    this.#sql = prepareStatements(database);
    this.#index = new NameIndex(database, () => this.#beginReading());
    this.#jobs = new PackedJobs(database);
    this.#small = new PackedObjects(database);
    this.#large = new LargeObjects(database);
    this.look();
  }

  /** Takes note of what others committed; false when nobody did. */
  look(): boolean {
    return guarded(this.#path, () => {
      if (this.#sql.changes.get() === this.#changes) return false;
      // Counters and entries are to be of one moment.
      if (this.#database.inTransaction) this.#catchUp();
      else this.#database.transaction(() => this.#catchUp()).deferred();
      return true;
    });
  }

  /** How many commits and deletions there were as of the last look: what was not here is not here while this is the same. */
  get changes(): number {
    return this.#changes;
  }

  /** How often something was deleted: what a handle remembers to be here may be gone when this has changed. */
  generation(): number {
    return guarded(this.#path, () => this.#sql.generation.get() as number);
  }

  /** The object of that name, if it is in memory. */
  hotBody(name: Oid): GitObject | undefined {
    return this.#hotBodies.get(name);
  }

  /** The object of that name, unless it has a row of its own, as large ones have, and was not read lately: what costs microseconds to read. */
  small(name: Oid): GitObject | undefined {
    const hot = this.#hotBodies.get(name) ?? this.#hotLarge.get(name);
    return hot ?? this.#lookUp(name, (place) => (isSmallAt(place) ? this.#readSmall(name, place) : undefined));
  }

  /** The kind of the object of that name, by what the file says alone: a body in memory may be one that somebody deleted. A small body is in memory afterwards. */
  kindInFile(name: Oid): ObjectKind | undefined {
    return this.#lookUp(name, (place) => this.#kindAt(name, place));
  }

  /** The kind of the object of that name, if it stands in no job's record. */
  kindAlone(name: Oid): ObjectKind | undefined {
    return this.#lookUp(name, (place) => {
      const role = roleOf(place);
      return role === roles.request || role === roles.args ? undefined : this.#kindAt(name, place);
    });
  }

  /** The object of that name. */
  object(name: Oid): GitObject | undefined {
    return (
      this.#hotBodies.get(name) ??
      this.#hotLarge.get(name) ??
      this.#lookUp(name, (place) => (isSmallAt(place) ? this.#readSmall(name, place) : this.#readLarge(name, place)))
    );
  }

  /** The request's record. */
  job(request: Oid): FoundJob | undefined {
    return this.#lookUp(request, (place) => {
      const role = roleOf(place);
      const record = role === roles.request || role === roles.memo ? this.#jobs.of(request, place) : undefined;
      return record === undefined ? undefined : { place, record };
    });
  }

  /** Whether these bytes are what surrounds a stored request's args. */
  isSurroundedBy({ surroundings: number }: StoredRequest, surroundings: Uint8Array): boolean {
    return guarded(this.#path, () => Buffer.compare(this.#jobs.surroundings(number), surroundings) === 0);
  }

  /** False when surely nothing stands under that name: most of what is committed is new. */
  mayKnow(name: Oid): boolean {
    return this.#lookUp(name, () => true) === true;
  }

  /** True when an object that comes (again) is here. Throws CollidingObject when what is here under its name is something else. */
  isHere(name: Oid, object: GitObject): boolean {
    const isHere = this.#lookUp(name, (place) => {
      if (kindOfRole(roleOf(place)) !== undefined) {
        if (!this.#large.isAt(name, place)) return undefined;
        if (!this.#large.isSame(place, object)) throw new CollidingObject(name);
        return true;
      }
      const stored = this.#smallAt(name, place);
      if (stored === undefined) return undefined;
      const isSame = stored.kind === object.kind && Buffer.compare(stored.body, object.body) === 0;
      // Damaged bytes are found when they are read.
      if (!isSame && hashObject(stored.kind, stored.body) === name) throw new CollidingObject(name);
      return true;
    });
    return isHere === true;
  }

  /** Every object, in no order that means anything, each once. Nothing may be written meanwhile. */
  objects(): Iterable<{ readonly name: Oid; readonly object: GitObject }> {
    return guardedEach(this.#path, this.#allObjects());
  }

  *#allObjects(): Iterable<{ readonly name: Oid; readonly object: GitObject }> {
    for (const { name, object } of this.#small.all()) yield { name, object: checked(name, object) };
    for (const { name, object } of this.#large.all()) yield { name, object: checked(name, object) };
    for (const { request, tree } of this.#jobs.all()) {
      if (tree === undefined) continue;
      const { args } = tree;
      if (typeof args === "object") yield { name: hashObject("tree", args), object: { kind: "tree", body: args } };
      yield { name: request, object: checked(request, { kind: "tree", body: this.#requestBody(tree) }) };
    }
  }

  /** Every record of a job, as `objects`. */
  jobs(): Iterable<JobRecord> {
    return guardedEach(this.#path, this.#jobs.all());
  }

  /** What each memo consumed that consumed any, unchecked: a record that is damaged is found out when it is read, and never served. As `objects`. */
  links(): Iterable<JobLink> {
    return guardedEach(this.#path, this.#jobs.links());
  }

  /** How much there is of what, by what the records say of themselves. */
  figures(): ContentFigures {
    return guarded(this.#path, () => {
      const large = (kind: ObjectKind) => this.#large.count(kind);
      const objects = { blob: large("blob"), tree: large("tree"), commit: large("commit"), tag: large("tag") };
      for (const kind of this.#small.kinds()) objects[kind]++;
      let [memos, failed, quarantined] = [0, 0, 0];
      for (const { trees, outcome, isQuarantined } of this.#jobs.outlines()) {
        objects.tree += trees;
        if (outcome !== 0) memos++;
        if (outcome === outcomeCodes.failed) failed++;
        if (isQuarantined) quarantined++;
      }
      return { objects, memos, failed, quarantined };
    });
  }

  /** Runs `work` under the write lock, with all that others committed in view, and commits what it added. Throws StoreFailure, and then nothing was committed. */
  transact<T>(work: () => T): T {
    try {
      const value = guarded(this.#path, () =>
        this.#database
          .transaction(() => {
            this.look();
            const worked = work();
            this.#jobs.write();
            this.#small.write();
            this.#index.write();
            this.#sql.bumpCommits.run();
            this.#changes = this.#sql.changes.get() as number;
            return worked;
          })
          .immediate(),
      );
      this.#index.settle();
      this.#jobs.settle();
      this.#small.settle();
      return value;
    } catch (error) {
      this.#index.discard();
      this.#jobs.discard();
      this.#small.discard();
      // What was read inside the transaction is committed or ours; it is simplest to read it again.
      this.cool();
      throw error;
    }
  }

  /** Adds an object that is not here. */
  addObject(name: Oid, object: GitObject): void {
    if (object.body.length > packedBodyBytesMax) {
      this.#index.stage(name, this.#large.append(name, object));
      return;
    }
    this.#index.stage(name, this.#small.append(name, object));
    this.#hotBodies.set(name, object);
  }

  /** Adds a job whose request's tree is not here. */
  addRequest(request: Oid, { args, surroundings, argsTree }: NewRequest, memo: StoredMemo | undefined): void {
    const tree = { surroundings: this.#jobs.numberOf(surroundings), args: argsTree ?? args };
    const place = this.#jobs.append({ request, tree, memo }, roles.request);
    this.#index.stage(request, place);
    if (argsTree !== undefined) this.#index.stage(args, placeOf(rowOf(place), slotOf(place), roles.args));
  }

  /** Adds a memo whose request has no record. */
  addMemo(request: Oid, memo: StoredMemo): void {
    this.#index.stage(request, this.#jobs.append({ request, tree: undefined, memo }, roles.memo));
  }

  /** Puts a memo, or none, in the place of the one that a record has. */
  setMemo({ place, record }: FoundJob, memo: StoredMemo | undefined): void {
    this.#jobs.replace(place, { ...record, memo });
  }

  /** Tells other handles that something they may remember is gone. */
  bumpGeneration(): void {
    this.#sql.bumpGeneration.run();
  }

  /** Forgets all that was read. */
  cool(): void {
    this.#hotBodies.clear();
    this.#hotLarge.clear();
    this.#index.cool();
    this.#jobs.cool();
    this.#small.cool();
    this.#changes = -1;
  }

  #catchUp(): void {
    this.#jobs.cool();
    this.#small.cool();
    this.#index.catchUp();
    this.#changes = this.#sql.changes.get() as number;
  }

  /** The first thing that `at` has to say of a place where the name may stand. */
  #lookUp<T>(name: Oid, at: (place: number) => T | undefined): T | undefined {
    try {
      for (const place of this.#find(name)) {
        const found = at(place);
        if (found !== undefined) return found;
      }
      return undefined;
    } catch (error) {
      throw asStoreError(error, this.#path, name);
    } finally {
      if (this.#isReading) {
        this.#isReading = false;
        this.#sql.commit.run();
      }
    }
  }

  #find(name: Oid): readonly number[] {
    for (;;) {
      try {
        return this.#index.find(name);
      } catch (error) {
        if (!(error instanceof StaleIndex)) throw error;
        // Whoever rewrites the index counts as a commit.
        if (!this.look()) throw new DamagedIndex();
      }
    }
  }

  #beginReading(): void {
    if (this.#isReading || this.#database.inTransaction) return;
    this.#sql.begin.run();
    this.#isReading = true;
  }

  #kindAt(name: Oid, place: number): ObjectKind | undefined {
    const kind = kindOfRole(roleOf(place));
    // A large object's kind is vouched for by the index; a small one is asked for soon, so it is read at once.
    if (kind !== undefined) return this.#large.isAt(name, place) ? kind : undefined;
    return this.#readSmall(name, place)?.kind;
  }

  /** The object of a row, if it is the one of that name. */
  #readLarge(name: Oid, place: number): GitObject | undefined {
    const object = this.#large.of(name, place);
    if (object === undefined) return undefined;
    this.#hotLarge.set(name, checked(name, object));
    return object;
  }

  /** The object that stands in a record, if it is the one of that name; kept in memory. */
  #readSmall(name: Oid, place: number): GitObject | undefined {
    const object = this.#smallAt(name, place);
    if (object === undefined) return undefined;
    const { kind, body } = checked(name, object);
    // A copy, lest a small body keeps its pack.
    const kept = { kind, body: Buffer.from(body) };
    if (body.length <= packedBodyBytesMax) this.#hotBodies.set(name, kept);
    return kept;
  }

  /** The same, not checked against its name; its bytes are views of the pack. */
  #smallAt(name: Oid, place: number): GitObject | undefined {
    switch (roleOf(place)) {
      case roles.packed:
        return this.#small.of(name, place);
      case roles.args: {
        const args = this.#jobs.argsOf(name, place);
        return args === undefined ? undefined : { kind: "tree", body: args };
      }
      case roles.request: {
        const tree = this.#jobs.of(name, place)?.tree;
        return tree === undefined ? undefined : { kind: "tree", body: this.#requestBody(tree) };
      }
      default:
        return undefined;
    }
  }

  #requestBody({ args, surroundings }: StoredRequest): Buffer {
    const name = typeof args === "string" ? args : hashObject("tree", args);
    return requestWith(name, this.#jobs.surroundings(surroundings));
  }
}

function checked(name: Oid, object: GitObject): GitObject {
  if (hashObject(object.kind, object.body) !== name) throw new CorruptObject(name, otherHash);
  return object;
}

/** Whether what stands at a place is in a pack, and has no row of its own. */
function isSmallAt(place: number): boolean {
  return kindOfRole(roleOf(place)) === undefined;
}

function prepareStatements(database: Database.Database) {
  const sql = (text: string) => database.prepare(text);
  return {
    begin: sql("BEGIN"),
    commit: sql("COMMIT"),
    generation: sql("SELECT value FROM counters WHERE name = 'generation'").pluck(),
    bumpGeneration: sql("UPDATE counters SET value = value + 1 WHERE name = 'generation'"),
    changes: sql("SELECT sum(value) FROM counters WHERE name IN ('commits', 'generation')").pluck(),
    bumpCommits: sql("UPDATE counters SET value = value + 1 WHERE name = 'commits'"),
  };
}
