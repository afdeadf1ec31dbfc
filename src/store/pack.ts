/**
 * Packs: records end to end, some dozens to a row of the database, because a row costs five times what a record does, and because neighbours are wanted together
 * (figures: design/store.md). What a record says is its owner's business (job-record.ts, packed-objects.ts); here is what all have in common.
 *
 *   record   length of what follows | 1 byte of the owner's | 20 bytes, the name that the record is found by | the rest
 *
 * Numbers are LEB128, up to 2^53. Whatever deletes a record puts zeros for its name, so that the others keep their slots.
 */
import { hash } from "node:crypto";
import { Damage } from "./damage.ts";
import { FrontViews } from "./front-views.ts";
import { oid, oidBytes, oidFromBytes, writeOid, type Oid } from "./oid.ts";

/** The name of a record that was deleted. */
export const deletedName = oid("0".repeat(2 * oidBytes));

/** Records in a pack: as many as a place can tell apart. */
const packRecordsMax = 64;

/** A seal: the first bytes of a SHA-256. Nobody who can write the file is kept out by it, so half of the digest is plenty. */
const sealBytes = 16;

/** Collects records, one after the other. */
export class PackWriter {
  readonly #bytesMax: number;
  /** The record under way, without its length. */
  #record = new FrontViews(Buffer.allocUnsafe(4096));
  #end = 0;
  #pack: Buffer = Buffer.allocUnsafe(16_384);
  #packEnd = 0;
  #records = 0;

  /** A pack is at most so long, unless it is a single record. */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get records(): number {
    return this.#records;
  }

  /** Begins a record. */
  begin(first: number, name: Oid): void {
    this.#record.bytes[0] = first;
    this.#end = 1;
    this.oid(name);
  }

  number(value: number): void {
    this.#room(longestNumber);
    this.#end = writeNumber(value, this.#record.bytes, this.#end);
  }

  oid(name: Oid): void {
    this.#room(oidBytes);
    writeOid(name, this.#record.bytes, this.#end);
    this.#end += oidBytes;
  }

  bytes(bytes: Uint8Array): void {
    this.#room(bytes.length);
    this.#record.bytes.set(bytes, this.#end);
    this.#end += bytes.length;
  }

  /** Bytes, their length before them. */
  counted(bytes: Uint8Array): void {
    this.number(bytes.length);
    this.bytes(bytes);
  }

  /** Ends the record's own bytes with a digest of them, for records that nothing else vouches for. */
  seal(): void {
    this.#room(sealBytes);
    const digest = digestOf(this.#record.of(this.#end));
    const { bytes } = this.#record;
    for (let at = 0; at < sealBytes; at++) bytes[this.#end++] = digest.charCodeAt(at);
  }

  /** Ends the record. What it returns is a pack of all records before this one, when they have no room together. */
  finish(): Buffer | undefined {
    const length = numberBytes(this.#end) + this.#end;
    const isFull = this.#records > 0 && (this.#records === packRecordsMax || this.#packEnd + length > this.#bytesMax);
    const full = isFull ? this.take() : undefined;
    if (this.#packEnd + length > this.#pack.length) this.#pack = enlarged(this.#pack, this.#packEnd, length);
    const start = writeNumber(this.#end, this.#pack, this.#packEnd);
    this.#pack.set(this.#record.of(this.#end), start);
    this.#packEnd = start + this.#end;
    this.#records++;
    return full;
  }

  /** The pack so far, a copy; the writer is empty afterwards. */
  take(): Buffer {
    const taken = Buffer.from(this.#pack.subarray(0, this.#packEnd));
    this.#packEnd = 0;
    this.#records = 0;
    return taken;
  }

  #room(bytes: number): void {
    const record = this.#record.bytes;
    if (this.#end + bytes > record.length) this.#record = new FrontViews(enlarged(record, this.#end, bytes));
  }
}

/** A larger buffer with the first bytes of this one, and room for more. */
function enlarged(bytes: Buffer, end: number, room: number): Buffer {
  const larger = Buffer.allocUnsafe(Math.max(2 * bytes.length, end + room));
  larger.set(bytes.subarray(0, end));
  return larger;
}

/** As a string of bytes, which takes a third of the time that a buffer does. */
const digestOf = (bytes: Uint8Array) => hash("sha256", bytes, "binary");

/** Bytes that 2^53 takes. */
const longestNumber = 8;

/** Writes a number at `at` and returns where it ends. */
function writeNumber(value: number, bytes: Buffer, at: number): number {
  let rest = value;
  while (rest >= 0x80) {
    bytes[at++] = 0x80 | (rest % 0x80);
    rest = Math.floor(rest / 0x80);
  }
  bytes[at++] = rest;
  return at;
}

/** Bytes that a number takes. */
function numberBytes(value: number): number {
  let bytes = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes++;
  return bytes;
}

/** Reads a record's parts in their order; its bytes are views of the pack. Each method throws Damage. */
export class RecordReader {
  readonly #pack: Buffer;
  #end: number;
  #at: number;

  constructor(pack: Buffer, start: number, end: number) {
    this.#pack = pack;
    this.#at = start;
    this.#end = end;
  }

  get at(): number {
    return this.#at;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#end;
  }

  /** Where so many further bytes end. */
  endOf(length: number): number {
    const end = this.#at + length;
    if (end > this.#end) throw new Damage("a record is cut short");
    return end;
  }

  /** Checks the record's seal and takes it off; call it before anything is read. */
  unseal(): void {
    const end = this.#end - sealBytes;
    if (end < this.#at) throw new Damage("a record is cut short");
    const digest = digestOf(this.#pack.subarray(this.#at, end));
    for (let at = 0; at < sealBytes; at++) {
      if (this.#pack[end + at] !== digest.charCodeAt(at)) throw new Damage("its record is not what was stored");
    }
    this.#end = end;
  }

  byte(): number {
    this.#at = this.endOf(1);
    return this.#pack[this.#at - 1] as number;
  }

  bytes(length: number): Buffer {
    const start = this.#at;
    this.#at = this.endOf(length);
    return this.#pack.subarray(start, this.#at);
  }

  skip(length: number): void {
    this.#at = this.endOf(length);
  }

  counted(): Buffer {
    return this.bytes(this.number());
  }

  rest(): Buffer {
    return this.bytes(this.#end - this.#at);
  }

  oid(): Oid {
    const start = this.#at;
    this.#at = this.endOf(oidBytes);
    return oidFromBytes(this.#pack, start);
  }

  number(): number {
    let value = 0;
    for (let scale = 1; scale <= 2 ** 49; scale *= 0x80) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
    throw new Damage("a number is too large");
  }
}

/** Where a record begins, with its length and without, and where it ends. */
interface Bounds {
  readonly whole: number;
  readonly start: number;
  readonly end: number;
}

/** Finds records by their slots. It goes on from the last one that it found, since neighbours are asked for one after the other. */
export class RecordFinder {
  #pack: Buffer | undefined;
  #slot = 0;
  #whole = 0;

  /** The record of a slot. Throws Damage. */
  recordAt(pack: Buffer, slot: number): RecordReader {
    const isAhead = pack === this.#pack && slot >= this.#slot;
    const { whole, start, end } = isAhead ? boundsOf(pack, slot - this.#slot, this.#whole) : boundsOf(pack, slot);
    this.#pack = pack;
    this.#slot = slot;
    this.#whole = whole;
    return new RecordReader(pack, start, end);
  }
}

/** The pack with other records, their lengths included, in some slots. Throws Damage. */
export function withRecords(pack: Buffer, edits: ReadonlyMap<number, Uint8Array>): Buffer {
  const parts: Uint8Array[] = [];
  let edited = 0;
  for (let at = 0; at < pack.length;) {
    const { end } = boundsAt(pack, at);
    const edit = edits.get(parts.length);
    if (edit !== undefined) edited++;
    parts.push(edit ?? pack.subarray(at, end));
    at = end;
  }
  if (edited !== edits.size) throw new Damage("a pack has too few records");
  return Buffer.concat(parts);
}

/** All records of a pack. Throws Damage. */
export function* recordsOf(pack: Buffer): Iterable<RecordReader> {
  for (let at = 0; at < pack.length;) {
    const { start, end } = boundsAt(pack, at);
    yield new RecordReader(pack, start, end);
    at = end;
  }
}

/** The bounds of the record that comes so many behind the one that begins at `from`. */
function boundsOf(pack: Buffer, behind: number, from = 0): Bounds {
  // One by one: 10 ns each, where a table of all would cost a microsecond.
  let bounds = boundsAt(pack, from);
  for (let before = 0; before < behind; before++) bounds = boundsAt(pack, bounds.end);
  return bounds;
}

function boundsAt(pack: Buffer, whole: number): Bounds {
  const reader = new RecordReader(pack, whole, pack.length);
  const length = reader.number();
  return { whole, start: reader.at, end: reader.endOf(length) };
}
