/**
 * Jobs as the store writes them: a *record* for each request, holding its tree, the tree of its args and its memo, as far as the store has them; some dozens of
 * records to a *pack*, which is one row. A row a job would cost five times as much (figures: design/store.md).
 *
 * Bytes of a pack: records end to end. Numbers are LEB128 up to 2^53. A record:
 *
 *   length          of what follows
 *   flags           1 byte: 3 the memo's outcome (0 no memo, 1 blob, 2 tree, 3 failed) | 4 quarantined | 8 holds the request's tree | 16 has a detail
 *   request         20 bytes
 *   if 8            number of the request's surroundings (table `surroundings`); length of args, args: 20 bytes are the oid of a tree that stands elsewhere, anything
 *                   else is the tree itself (no tree is 20 bytes long: its shortest entry is 28)
 *   if there is     run; fuel; outcome (20 bytes, or of a failure length and canonical JSON); if 16 length and detail; length of reads, reads;
 *   a memo          length of children, children
 *
 * The trees carry no second digest: their bytes stand here, and are compared themselves when the object comes again.
 */
import { isOidAt, oidBytes, oidFromBytes, unpackOids, writeOid, type Oid } from "./oid.ts";
import type { Outcome } from "./outcome.ts";

/** Records in a pack, and bytes after which no further one is added. */
export const packRecordsMax = 64;
export const packBytesMax = 4000;

export const outcomeCodes = { blob: 1, tree: 2, failed: 3 } as const satisfies Record<Outcome["kind"], number>;

const failedCode = outcomeCodes.failed;
const outcomeMask = 3;
const quarantinedFlag = 4;
const treeFlag = 8;
const detailFlag = 16;

/** Oids, or their bytes end to end, which are what is read: few memos that are looked up are asked for their lists. */
type OidList = readonly Oid[] | Uint8Array;

/** The names that a list holds. */
export function oidsOf(list: OidList): readonly Oid[] {
  return list instanceof Uint8Array ? unpackOids(list) : list;
}

/** A memo as it stands in a record; `result` is an oid, or the canonical JSON of a failure. */
export interface StoredMemo {
  readonly run: number;
  readonly kind: 1 | 2 | 3;
  readonly result: Oid | Uint8Array;
  readonly detail: string | undefined;
  readonly fuel: number;
  readonly reads: OidList;
  readonly children: OidList;
  readonly quarantined: boolean;
}

/** The tree of a request: which surroundings, and its args (an oid, or the bytes of the tree). */
export interface StoredRequest {
  readonly surroundings: number;
  readonly args: Oid | Uint8Array;
}

export interface JobRecord {
  readonly request: Oid;
  readonly tree: StoredRequest | undefined;
  readonly memo: StoredMemo | undefined;
}

/** Bytes that are no pack. */
export class MalformedPack extends Error {
  override readonly name = "MalformedPack";
}

/** Writes records into one buffer, which grows. */
export class PackWriter {
  #bytes = Buffer.allocUnsafe(2 * packBytesMax);
  #end = 0;
  #records = 0;

  get records(): number {
    return this.#records;
  }

  get isFull(): boolean {
    return this.#records >= packRecordsMax || this.#end >= packBytesMax;
  }

  add({ request, tree, memo }: JobRecord): void {
    const start = this.#end;
    // The length is written behind what it counts and then moved in front: it takes one to four bytes.
    this.#room(64);
    const kind = memo?.kind ?? 0;
    const quarantined = memo?.quarantined === true ? quarantinedFlag : 0;
    const detail = memo?.detail === undefined ? undefined : Buffer.from(memo.detail, "utf8");
    this.#bytes[this.#end++] =
      kind | quarantined | (tree === undefined ? 0 : treeFlag) | (detail === undefined ? 0 : detailFlag);
    this.#oid(request);
    if (tree !== undefined) {
      this.#number(tree.surroundings);
      if (typeof tree.args === "string") {
        this.#number(oidBytes);
        this.#oid(tree.args);
      } else this.#counted(tree.args);
    }
    if (memo !== undefined) {
      this.#number(memo.run);
      this.#number(memo.fuel);
      if (typeof memo.result === "string") this.#oid(memo.result);
      else this.#counted(memo.result);
      if (detail !== undefined) this.#counted(detail);
      this.#oids(memo.reads);
      this.#oids(memo.children);
    }
    const length = this.#end - start;
    this.#room(8);
    this.#number(length);
    const prefix = this.#end - start - length;
    this.#bytes.copyWithin(start + prefix, start, start + length);
    this.#end = start;
    this.#number(length);
    this.#end = start + prefix + length;
    this.#records++;
  }

  /** The pack, a copy; the writer is empty afterwards. */
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

  #oid(name: Oid): void {
    this.#room(oidBytes);
    writeOid(name, this.#bytes, this.#end);
    this.#end += oidBytes;
  }

  #number(value: number): void {
    this.#room(8);
    let rest = value;
    while (rest >= 0x80) {
      this.#bytes[this.#end++] = 0x80 | (rest % 0x80);
      rest = Math.floor(rest / 0x80);
    }
    this.#bytes[this.#end++] = rest;
  }

  #raw(bytes: Uint8Array): void {
    this.#room(bytes.length);
    this.#bytes.set(bytes, this.#end);
    this.#end += bytes.length;
  }

  #counted(bytes: Uint8Array): void {
    this.#number(bytes.length);
    this.#raw(bytes);
  }

  #oids(list: OidList): void {
    if (list instanceof Uint8Array) {
      this.#counted(list);
      return;
    }
    this.#number(list.length * oidBytes);
    for (const name of list) this.#oid(name);
  }
}

/** Where each record of a pack begins, its length not counted, and where the last ends. Throws MalformedPack. */
export function recordStarts(pack: Buffer): { readonly starts: Uint32Array; readonly ends: Uint32Array } {
  const starts: number[] = [];
  const ends: number[] = [];
  const reader = new Reader(pack, 0, pack.length);
  while (!reader.isAtEnd) {
    const length = reader.number();
    starts.push(reader.at);
    reader.skip(length);
    ends.push(reader.at);
  }
  return { starts: Uint32Array.from(starts), ends: Uint32Array.from(ends) };
}

/** True when the record that begins there is the request's. */
export function isRecordOf(request: Oid, pack: Buffer, start: number): boolean {
  return start + 1 + oidBytes <= pack.length && isOidAt(request, pack, start + 1);
}

/** The record between these bounds; its bytes are views of the pack. Throws MalformedPack. */
export function decodeRecord(pack: Buffer, start: number, end: number): JobRecord {
  const reader = new Reader(pack, start, end);
  const [flags] = reader.bytes(1) as unknown as [number];
  const request = oidFromBytes(reader.bytes(oidBytes));
  let tree: StoredRequest | undefined;
  if ((flags & treeFlag) !== 0) {
    const surroundings = reader.number();
    const args = reader.counted();
    tree = { surroundings, args: args.length === oidBytes ? oidFromBytes(args) : args };
  }
  let memo: StoredMemo | undefined;
  const kind = flags & outcomeMask;
  if (kind === 1 || kind === 2 || kind === failedCode) {
    memo = {
      run: reader.number(),
      fuel: reader.number(),
      kind,
      result: kind === failedCode ? reader.counted() : oidFromBytes(reader.bytes(oidBytes)),
      detail: (flags & detailFlag) === 0 ? undefined : reader.counted().toString("utf8"),
      reads: reader.oids(),
      children: reader.oids(),
      quarantined: (flags & quarantinedFlag) !== 0,
    };
  }
  if (!reader.isAtEnd) throw new MalformedPack("a record has bytes left over");
  return { request, tree, memo };
}

/** What is counted of a record, without decoding the rest. */
export function recordFlags(pack: Buffer, start: number): { kind: number; quarantined: boolean; tree: boolean } {
  const flags = pack[start] as number;
  return {
    kind: flags & outcomeMask,
    quarantined: (flags & quarantinedFlag) !== 0,
    tree: (flags & treeFlag) !== 0,
  };
}

class Reader {
  readonly #pack: Buffer;
  readonly #end: number;
  at: number;

  constructor(pack: Buffer, start: number, end: number) {
    this.#pack = pack;
    this.at = start;
    this.#end = end;
  }

  get isAtEnd(): boolean {
    return this.at === this.#end;
  }

  skip(length: number): void {
    if (this.at + length > this.#end) throw new MalformedPack("a record is cut short");
    this.at += length;
  }

  bytes(length: number): Buffer {
    this.skip(length);
    return this.#pack.subarray(this.at - length, this.at);
  }

  counted(): Buffer {
    return this.bytes(this.number());
  }

  oids(): Buffer {
    const bytes = this.counted();
    if (bytes.length % oidBytes !== 0) throw new MalformedPack("a list is no whole number of oids");
    return bytes;
  }

  number(): number {
    let value = 0;
    for (let scale = 1; scale <= 2 ** 49; scale *= 0x80) {
      this.skip(1);
      const byte = this.#pack[this.at - 1] as number;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
    throw new MalformedPack("a number is too large");
  }
}
