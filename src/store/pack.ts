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
import { oid, oidBytes, oidFromBytes, writeOid, type Oid } from "./oid.ts";

/** The name of a record that was deleted. */
export const deletedName = oid("0".repeat(2 * oidBytes));

/** Records in a pack: as many as a place can tell apart. */
const packRecordsMax = 64;

/** A seal: the first bytes of a SHA-256. Nobody who can write the file is kept out by it, so half of the digest is plenty. */
const sealBytes = 16;

/** Collects records in one buffer, which grows. */
export class PackWriter {
  readonly #bytesMax: number;
  #bytes = Buffer.allocUnsafe(16_384);
  #end = 0;
  #records = 0;
  /** Where the last record begins, its length included; and where what its length counts does. */
  #last = 0;
  #lastBody = 0;

  /** A pack is at most so long, unless it is a single record. */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get records(): number {
    return this.#records;
  }

  /** Begins a record. */
  begin(first: number, name: Oid): void {
    this.#last = this.#end;
    this.#room(8 + 1 + oidBytes);
    // Most lengths take two bytes; `finish` moves the record when its own does not.
    this.#end += 2;
    this.#lastBody = this.#end;
    this.#bytes[this.#end++] = first;
    this.oid(name);
  }

  number(value: number): void {
    this.#room(8);
    let rest = value;
    while (rest >= 0x80) {
      this.#bytes[this.#end++] = 0x80 | (rest % 0x80);
      rest = Math.floor(rest / 0x80);
    }
    this.#bytes[this.#end++] = rest;
  }

  oid(name: Oid): void {
    this.#room(oidBytes);
    writeOid(name, this.#bytes, this.#end);
    this.#end += oidBytes;
  }

  bytes(bytes: Uint8Array): void {
    this.#room(bytes.length);
    this.#bytes.set(bytes, this.#end);
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
    const digest = digestOf(this.#bytes.subarray(this.#lastBody, this.#end));
    for (let at = 0; at < sealBytes; at++) this.#bytes[this.#end++] = digest.charCodeAt(at);
  }

  /** Ends the record. What it returns is a pack of all records before this one, when they have no room together. */
  finish(): Buffer | undefined {
    const length = this.#end - this.#lastBody;
    const shift = this.#last + numberBytes(length) - this.#lastBody;
    if (shift !== 0) {
      this.#room(8);
      this.#bytes.copyWithin(this.#lastBody + shift, this.#lastBody, this.#end);
    }
    this.#end = this.#last;
    this.number(length);
    this.#end += length;
    this.#records++;
    if (this.#records === 1 || (this.#records <= packRecordsMax && this.#end <= this.#bytesMax)) return undefined;
    const full = Buffer.from(this.#bytes.subarray(0, this.#last));
    this.#bytes.copyWithin(0, this.#last, this.#end);
    this.#end -= this.#last;
    this.#records = 1;
    return full;
  }

  /** The pack so far, a copy; the writer is empty afterwards. */
  take(): Buffer {
    const taken = Buffer.from(this.#bytes.subarray(0, this.#end));
    this.#end = 0;
    this.#records = 0;
    return taken;
  }

  #room(bytes: number): void {
    if (this.#end + bytes <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(2 * this.#bytes.length, this.#end + bytes));
    larger.set(this.#bytes.subarray(0, this.#end));
    this.#bytes = larger;
  }
}

/** As a string of bytes, which takes a third of the time that a buffer does. */
const digestOf = (bytes: Uint8Array) => hash("sha256", bytes, "binary");

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

/** The record of a slot. Throws Damage. */
export function recordAt(pack: Buffer, slot: number): RecordReader {
  const { start, end } = boundsOf(pack, slot);
  return new RecordReader(pack, start, end);
}

/** The pack with another record, its length included, in a slot. Throws Damage. */
export function withRecord(pack: Buffer, slot: number, record: Uint8Array): Buffer {
  const { whole, end } = boundsOf(pack, slot);
  return Buffer.concat([pack.subarray(0, whole), record, pack.subarray(end)]);
}

/** All records of a pack. Throws Damage. */
export function* recordsOf(pack: Buffer): Iterable<RecordReader> {
  for (let at = 0; at < pack.length;) {
    const { start, end } = boundsAt(pack, at);
    yield new RecordReader(pack, start, end);
    at = end;
  }
}

function boundsOf(pack: Buffer, slot: number): Bounds {
  // From the front, since a pack has some dozens: 10 ns each, where a table of all would cost a microsecond.
  let bounds = boundsAt(pack, 0);
  for (let before = 0; before < slot; before++) bounds = boundsAt(pack, bounds.end);
  return bounds;
}

function boundsAt(pack: Buffer, whole: number): Bounds {
  const reader = new RecordReader(pack, whole, pack.length);
  const length = reader.number();
  return { whole, start: reader.at, end: reader.endOf(length) };
}
