/**
 * Where an object or a memo is, given its name: the store's index, kept in blobs of our own rather than in an SQLite index. A b-tree over random keys costs a page
 * written (twice: log and checkpoint) for nearly each row; here a name costs an append now and its share of a merge later (figures: design/store.md).
 *
 *   entry    12 bytes, three little-endian words: bits 0..31 of the name; bits 32..47 of the name << 16 | bits 32..47 of the place; bits 0..31 of the place.
 *            48 bits of a name don't prove it: whoever looks a name up gets *candidates*, and compares the whole name with what stands there.
 *   checksum of a row: CRC-32 of its entries, continued from the row's key, so that a row in another's place is found too. What an index does not tell, nobody
 *            else would: each row is checked when it is read.
 *   recent   entries in the order in which they came, a row of up to some thousand; `at` = how many came before in this epoch. Held in memory by each handle.
 *   buckets  entries sorted by name; a bucket holds the names that begin with the same `depth` bits, its id is 1 followed by those bits.
 *   counters `index_epoch` (bumped by whoever rewrites buckets), `index_depth`, `index_bucketed` (entries in buckets).
 *
 * When `recent` holds more than a share of all, it is merged into the buckets in the same transaction. All is derived from the rows of objects and packs. Entries whose row is
 * gone or another's are harmless.
 */
import { endianness } from "node:os";
import { crc32 } from "node:zlib";
import type Database from "better-sqlite3";
import { Damage, DamagedIndex } from "./damage.ts";
import { hexValue, type Oid } from "./oid.ts";

const entryWords = 3;
const entryBytes = 4 * entryWords;
/** Entries on average in a bucket after a merge: from half of this to this. Half a bucket too few doubles the cost of a merge, twice as many that of reading one (5 µs for 4 KB). */
const bucketEntriesMax = 512;
/** Entries that wait in `recent`: this share of all within these bounds. A merge writes each bucket (16 µs, and its page twice more), a handle that is opened reads all that wait (2 ms for 100,000). */
const recentShare = 1 / 8;
const recentEntriesMin = 1 << 16;
const recentEntriesMax = 1 << 20;
/** Entries of one row of `recent`, beyond which the next commit starts another. */
const recentRowEntriesMax = 1024;
/** Buckets that a handle keeps in memory, 3 to 6 KB each; when there are more, all are forgotten. */
const hotBucketsMax = 16_384;

/** Buckets that are read at once, neighbours, and how many must have been missed one by one before: a program that looks up one name reads one, a fold soon has all. */
const readAheadBuckets = 16;
const missesBeforeReadAhead = 16;

/** Digits of a name that the index knows. */
const indexedDigits = 12;
/** A depth that no file has: 2^31 buckets. */
const depthMax = 31;

/** Names that are looked up in what waits as it stands (1.4 ns an entry each) before it becomes a table (50 to 200 ns an entry, once). A warm fold of the command looks up 16. */
const searchesBeforeTable = 24;

const none: readonly number[] = [];

/** The index leads from a name to another one only when they begin alike. Throws Damage. */
export function mustBeginAlike(found: Oid, sought: Oid): void {
  if (found.slice(0, indexedDigits) !== sought.slice(0, indexedDigits)) {
    throw new Damage("another record stands in its place");
  }
}

/** The index as one handle sees it: exact as of the last `catchUp` or commit of its own. */
export class NameIndex {
  readonly #sql: ReturnType<typeof prepareStatements>;
  readonly #beforeReading: () => void;
  #misses = 0;
  #epoch = -1;
  #depth = 0;
  #bucketed = 0;
  #recent = new EntryTable();
  /** Entries of this epoch that are in `recent`'s rows. */
  #seen = 0;
  #last: RecentRow = noRow;
  #buckets = new HotBuckets();
  #staged = new EntryList();
  /** What the transaction under way wrote; it counts once that is committed. */
  #written: RecentRow | undefined;
  #merged: { depth: number; bucketed: number; buckets: HotBuckets } | undefined;

  /** `beforeReading` is called before `find` reads the file, and leaves a transaction open. */
  constructor(database: Database.Database, beforeReading: () => void) {
    this.#beforeReading = beforeReading;
    if (endianness() !== "LE") throw new RangeError("the store's index is read as little-endian words");
    this.#sql = prepareStatements(database);
  }

  /** Takes note of what others committed. Call it in a transaction. */
  catchUp(): void {
    const epoch = this.#sql.epoch.get() as number;
    if (epoch !== this.#epoch) {
      const [depth, bucketed] = [this.#sql.depth.get(), this.#sql.bucketed.get()];
      if (!isCount(depth) || depth > depthMax || !isCount(bucketed)) throw new DamagedIndex();
      this.#epoch = epoch;
      this.#depth = depth;
      this.#bucketed = bucketed;
      this.#buckets = new HotBuckets();
      this.#clearRecent();
    }
    for (const row of this.#sql.recentFrom.iterate(this.#last.at) as Iterable<[number, unknown, unknown]>) {
      const [at, , checksum] = row;
      // Rows follow one another without a gap.
      if (at !== this.#last.at && at !== this.#seen) throw new DamagedIndex();
      const words = checkedWords(row);
      this.#recent.addAll(words.subarray((this.#seen - at) * entryWords));
      this.#last = { at, checksum: checksum as number };
      this.#seen = at + words.length / entryWords;
    }
  }

  /** Forgets what was read of the file; the next `catchUp` reads it again. */
  cool(): void {
    this.#epoch = -1;
  }

  /** Places at which the name may stand; each is to be checked. Entries staged since the last commit are not among them. */
  find(name: Oid): readonly number[] {
    const high = highBits(name);
    const low = lowBits(name);
    let found = this.#recent.find(high, low, none);
    if (this.#bucketed > 0) found = this.#findInBucket(high, low, found);
    return found;
  }

  #findInBucket(high: number, low: number, found: readonly number[]): readonly number[] {
    const depth = this.#depth;
    const bucket = prefix(high, depth);
    const words = this.#buckets.get(bucket) ?? this.#readBucket(bucket);
    const count = words.length / entryWords;
    // Names are evenly spread, so the place in a sorted bucket can be guessed to within a few entries.
    let at = Math.min(Math.floor((within(high, depth) / 2 ** 32) * count), count - 1);
    while (at > 0 && (words[(at - 1) * entryWords] as number) >= high) at--;
    for (; at < count; at++) {
      const word = words[at * entryWords] as number;
      if (word > high) break;
      if (word === high) found = matching(words, at * entryWords, low, found);
    }
    return found;
  }

  #readBucket(bucket: number): Uint32Array {
    this.#beforeReading();
    // Somebody merged since we looked; what we have in memory and what is in the file are of two epochs.
    if (this.#sql.epoch.get() !== this.#epoch) throw new StaleIndex();
    const all = 2 ** this.#depth;
    const isAhead = ++this.#misses > missesBeforeReadAhead;
    const first = isAhead ? bucket - (bucket % readAheadBuckets) : bucket;
    const last = isAhead ? Math.min(first + readAheadBuckets, all) - 1 : bucket;
    for (let each = first; each <= last; each++) {
      if (this.#buckets.get(each) !== undefined) continue;
      this.#buckets.set(each, this.#storedBucket(all + each));
    }
    return this.#buckets.get(bucket) ?? noWords;
  }

  /** A merge writes all buckets or those that change, so each has a row. */
  #storedBucket(id: number): Uint32Array {
    const row = this.#sql.bucket.get(id) as [number, unknown, unknown] | undefined;
    if (row === undefined) throw new DamagedIndex();
    return checkedWords(row);
  }

  /** Adds a name with the next `write`. */
  stage(name: Oid, place: number): void {
    this.#staged.add(highBits(name), ((lowBits(name) << 16) | (place / 2 ** 32)) >>> 0, place >>> 0);
  }

  /** Writes what is staged. Call it in a transaction that called `catchUp` first, and afterwards `settle` or `discard`. */
  write(): void {
    const staged = this.#staged.words();
    if (staged.length === 0) return;
    const entries = staged.length / entryWords;
    const waitingMax = Math.max(recentEntriesMin, Math.min(recentEntriesMax, this.#bucketed * recentShare));
    if (this.#seen + entries > waitingMax) {
      this.#merge(staged);
      return;
    }
    const bytes = Buffer.from(staged.buffer, staged.byteOffset, staged.byteLength);
    const isRoom = this.#seen > 0 && this.#seen - this.#last.at < recentRowEntriesMax;
    const at = isRoom ? this.#last.at : this.#seen;
    const checksum = crc32(bytes, isRoom ? this.#last.checksum : at);
    if (isRoom) this.#sql.lengthenRecent.run(bytes, checksum, at);
    else this.#sql.insertRecent.run(at, bytes, checksum);
    this.#written = { at, checksum };
  }

  /** The transaction was committed. */
  settle(): void {
    const staged = this.#staged.words();
    const entries = staged.length / entryWords;
    if (this.#merged !== undefined) {
      this.#depth = this.#merged.depth;
      this.#bucketed = this.#merged.bucketed;
      this.#buckets = this.#merged.buckets;
      this.#epoch++;
      this.#clearRecent();
    } else if (this.#written !== undefined) {
      this.#last = this.#written;
      this.#seen += entries;
      this.#recent.addAll(staged.slice());
    }
    this.discard();
  }

  /** The transaction was rolled back, or never was. */
  discard(): void {
    this.#merged = undefined;
    this.#written = undefined;
    this.#staged.clear();
  }

  #clearRecent(): void {
    this.#recent = new EntryTable();
    this.#seen = 0;
    this.#last = noRow;
  }

  /** All that waits goes into the buckets, which are split first when they would grow too large. */
  #merge(staged: Uint32Array): void {
    const fresh = new EntryList();
    this.#recent.addTo(fresh);
    for (let at = 0; at < staged.length; at += entryWords) {
      fresh.add(staged[at] as number, staged[at + 1] as number, staged[at + 2] as number);
    }
    const words = fresh.words();
    const bucketed = this.#bucketed + words.length / entryWords;
    let depth = this.#depth;
    while (bucketed > bucketEntriesMax * 2 ** depth) depth++;
    const splits = 2 ** (depth - this.#depth);
    const groups = groupByPrefix(words, depth);
    const buckets = new HotBuckets();
    for (let old = 0; old < 2 ** this.#depth; old++) {
      const oldId = 2 ** this.#depth + old;
      const oldWords = this.#bucketed === 0 ? noWords : (this.#buckets.get(old) ?? this.#storedBucket(oldId));
      let from = 0;
      for (let split = 0; split < splits; split++) {
        const bucket = old * splits + split;
        let to = from;
        while (to < oldWords.length && prefix(oldWords[to] as number, depth) === bucket) to += entryWords;
        const group = groups.sorted(bucket);
        const id = 2 ** depth + bucket;
        const isChanged = group.length > 0 || splits > 1;
        const made = isChanged ? mergeSorted(oldWords.subarray(from, to), words, group) : oldWords;
        if (isChanged) this.#setBucket(id, Buffer.from(made.buffer, made.byteOffset, made.byteLength));
        buckets.set(bucket, made);
        from = to;
      }
    }
    if (splits > 1) this.#sql.dropBuckets.run(2 ** depth);
    this.#sql.dropRecent.run();
    this.#sql.setCounter.run(this.#epoch + 1, "index_epoch");
    this.#sql.setCounter.run(depth, "index_depth");
    this.#sql.setCounter.run(bucketed, "index_bucketed");
    this.#merged = { depth, bucketed, buckets };
  }

  #setBucket(id: number, entries: Buffer): void {
    this.#sql.setBucket.run(id, entries, crc32(entries, id));
  }
}

/** A row of `recent`: its key, and the checksum of all that stands in it. */
interface RecentRow {
  readonly at: number;
  readonly checksum: number;
}
const noRow: RecentRow = { at: 0, checksum: 0 };

/** The file's index was rewritten by somebody else: `catchUp`, and look again. */
export class StaleIndex extends Error {
  override readonly name = "StaleIndex";
}

/** Buckets by the bits that their names begin with: an array, since a lookup in a Map of numbers takes longer than the search in the bucket. */
class HotBuckets {
  #words: (Uint32Array | undefined)[] = [];
  #count = 0;

  get(bucket: number): Uint32Array | undefined {
    return this.#words[bucket];
  }

  set(bucket: number, words: Uint32Array): void {
    if (this.#count >= hotBucketsMax) {
      this.#words = [];
      this.#count = 0;
    }
    this.#words[bucket] = words;
    this.#count++;
  }
}

/** A growing list of entries, end to end. */
class EntryList {
  #words = new Uint32Array(256 * entryWords);
  #end = 0;

  add(first: number, second: number, third: number): void {
    if (this.#end === this.#words.length) {
      const larger = new Uint32Array(2 * this.#words.length);
      larger.set(this.#words);
      this.#words = larger;
    }
    this.#words[this.#end] = first;
    this.#words[this.#end + 1] = second;
    this.#words[this.#end + 2] = third;
    this.#end += entryWords;
  }

  words(): Uint32Array {
    return this.#words.subarray(0, this.#end);
  }

  clear(): void {
    this.#end = 0;
  }
}

/**
 * Entries in an open hash table, found by the low bits of their first word (the high ones are what buckets go by); at most half full. The first few lookups search what was added as it is: a
 * program that looks up a handful of names would pay 0.1 µs an entry for a table.
 */
class EntryTable {
  #slots = new Uint32Array(1024 * entryWords);
  #used = 0;
  /** Entries that are not in the table yet, end to end. */
  #added: Uint32Array[] = [];
  #searches = 0;

  /** Adds entries that stand end to end; they are kept, not copied. */
  addAll(entries: Uint32Array): void {
    this.#added.push(entries);
  }

  #enter(): void {
    const words = this.#added.reduce((sum, { length }) => sum + length, 0);
    this.#reserve(this.#used + words / entryWords);
    for (const entries of this.#added) {
      for (let at = 0; at < entries.length; at += entryWords) {
        this.#put(entries[at] as number, entries[at + 1] as number, entries[at + 2] as number);
      }
    }
    this.#used += words / entryWords;
    this.#added = [];
  }

  #put(first: number, second: number, third: number): void {
    const slots = this.#slots;
    const mask = slots.length / entryWords - 1;
    let slot = first & mask;
    while (!isFree(slots, slot * entryWords)) slot = (slot + 1) & mask;
    slots[slot * entryWords] = first;
    slots[slot * entryWords + 1] = second;
    slots[slot * entryWords + 2] = third;
  }

  find(first: number, low: number, found: readonly number[]): readonly number[] {
    if (this.#added.length > 0) {
      if (this.#searches < searchesBeforeTable) {
        this.#searches++;
        for (const entries of this.#added) found = searched(entries, first, low, found);
      } else this.#enter();
    }
    const slots = this.#slots;
    const mask = slots.length / entryWords - 1;
    for (let slot = first & mask; !isFree(slots, slot * entryWords); slot = (slot + 1) & mask) {
      if (slots[slot * entryWords] === first) found = matching(slots, slot * entryWords, low, found);
    }
    return found;
  }

  addTo(list: EntryList): void {
    this.#enter();
    const slots = this.#slots;
    for (let at = 0; at < slots.length; at += entryWords) {
      if (!isFree(slots, at)) list.add(slots[at] as number, slots[at + 1] as number, slots[at + 2] as number);
    }
  }

  /** Makes room for so many entries in all, at once. */
  #reserve(entries: number): void {
    const old = this.#slots;
    let length = old.length;
    while (2 * entries * entryWords > length) length *= 2;
    if (length === old.length) return;
    this.#slots = new Uint32Array(length);
    for (let at = 0; at < old.length; at += entryWords) {
      if (!isFree(old, at)) this.#put(old[at] as number, old[at + 1] as number, old[at + 2] as number);
    }
  }
}

/** `found` and the places of entries of that name, which stand in any order. */
function searched(entries: Uint32Array, first: number, low: number, found: readonly number[]): readonly number[] {
  for (let at = entries.indexOf(first); at >= 0; at = entries.indexOf(first, at + 1)) {
    if (at % entryWords === 0) found = matching(entries, at, low, found);
  }
  return found;
}

/** No place is zero, so an entry without one is none. */
function isFree(slots: Uint32Array, at: number): boolean {
  return slots[at + 2] === 0 && ((slots[at + 1] as number) & 0xffff) === 0;
}

/** `found` and the place of the entry at `at`, if its name goes on with these bits. */
function matching(words: Uint32Array, at: number, low: number, found: readonly number[]): readonly number[] {
  const second = words[at + 1] as number;
  if (second >>> 16 !== low) return found;
  return [...found, (second & 0xffff) * 2 ** 32 + (words[at + 2] as number)];
}

/** Entries by bucket, each bucket's sorted; as offsets into `words`. */
function groupByPrefix(words: Uint32Array, depth: number) {
  const ends = new Uint32Array(2 ** depth + 1);
  for (let at = 0; at < words.length; at += entryWords) (ends[prefix(words[at] as number, depth) + 1] as number)++;
  for (let bucket = 1; bucket < ends.length; bucket++) (ends[bucket] as number) += ends[bucket - 1] as number;
  const next = ends.slice();
  const order = new Uint32Array(words.length / entryWords);
  for (let at = 0; at < words.length; at += entryWords) {
    const bucket = prefix(words[at] as number, depth);
    order[next[bucket] as number] = at;
    (next[bucket] as number)++;
  }
  return {
    sorted: (bucket: number): Uint32Array => {
      const group = order.subarray(ends[bucket], ends[bucket + 1]);
      // A bucket's share of a merge is some dozens of entries: insertion beats a sort that calls back.
      for (let done = 1; done < group.length; done++) {
        const entry = group[done] as number;
        let at = done;
        while (at > 0 && (words[group[at - 1] as number] as number) > (words[entry] as number)) {
          group[at] = group[at - 1] as number;
          at--;
        }
        group[at] = entry;
      }
      return group;
    },
  };
}

function mergeSorted(old: Uint32Array, words: Uint32Array, group: Uint32Array): Uint32Array {
  const merged = new Uint32Array(old.length + group.length * entryWords);
  let end = 0;
  let from = 0;
  const takeOld = (to: number) => {
    for (; from < to; from++) merged[end++] = old[from] as number;
  };
  for (const entry of group) {
    let to = from;
    while (to < old.length && (old[to] as number) <= (words[entry] as number)) to += entryWords;
    takeOld(to);
    merged[end] = words[entry] as number;
    merged[end + 1] = words[entry + 1] as number;
    merged[end + 2] = words[entry + 2] as number;
    end += entryWords;
  }
  takeOld(old.length);
  return merged;
}

const noWords = new Uint32Array(0);

/** The entries of a row, checked. Throws DamagedIndex. */
function checkedWords([key, entries, checksum]: readonly [number, unknown, unknown]): Uint32Array {
  const isWhole = Buffer.isBuffer(entries) && entries.length % entryBytes === 0 && crc32(entries, key) === checksum;
  if (!isWhole) throw new DamagedIndex();
  const aligned = entries.byteOffset % 4 === 0 ? entries : Buffer.from(new Uint8Array(entries).buffer);
  return new Uint32Array(aligned.buffer, aligned.byteOffset, aligned.length / 4);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** The first `depth` bits of a name. A shift by 32 is one by 0 in JavaScript. */
const prefix = (high: number, depth: number) => (depth === 0 ? 0 : high >>> (32 - depth));
/** The bits after those, as 32 bits. */
const within = (high: number, depth: number) => (high << depth) >>> 0;

function highBits(name: Oid): number {
  return bitsOf(name, 0, 8);
}

function lowBits(name: Oid): number {
  return bitsOf(name, 8, 12);
}

/** A loop, because `parseInt` of a slice takes four times as long. */
function bitsOf(name: Oid, from: number, to: number): number {
  let bits = 0;
  for (let at = from; at < to; at++) bits = (bits << 4) | hexValue(name, at);
  return bits >>> 0;
}

function prepareStatements(database: Database.Database) {
  const counter = (name: string) => database.prepare(`SELECT value FROM counters WHERE name = '${name}'`).pluck();
  return {
    epoch: counter("index_epoch"),
    depth: counter("index_depth"),
    bucketed: counter("index_bucketed"),
    setCounter: database.prepare("UPDATE counters SET value = ? WHERE name = ?"),
    recentFrom: database.prepare("SELECT at, entries, checksum FROM recent WHERE at >= ? ORDER BY at").raw(),
    insertRecent: database.prepare("INSERT INTO recent (at, entries, checksum) VALUES (?, ?, ?)"),
    lengthenRecent: database.prepare(
      "UPDATE recent SET entries = CAST(entries || ? AS BLOB), checksum = ? WHERE at = ?",
    ),
    dropRecent: database.prepare("DELETE FROM recent"),
    bucket: database.prepare("SELECT id, entries, checksum FROM buckets WHERE id = ?").raw(),
    setBucket: database.prepare(
      "INSERT INTO buckets (id, entries, checksum) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET entries = excluded.entries, checksum = excluded.checksum",
    ),
    dropBuckets: database.prepare("DELETE FROM buckets WHERE id < ?"),
  };
}
