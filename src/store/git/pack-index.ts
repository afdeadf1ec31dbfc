/**
 * A pack's index (.idx), versions 1 and 2: from oids to offsets in the pack. Lookups never read outside of the
 * file; a wrong offset in it is found where the object is read, since every object's hash is checked there.
 *
 * Version 2, numbers big-endian:
 *   FF 't' 'O' 'c'  00000002
 *   256 x u32       fan-out: how many oids have a first byte <= i; the last is the count n
 *   n x 20          oids, sorted
 *   n x u32         CRC-32 of the packed bytes
 *   n x u32         offset; with the top bit set, the rest is a place in the next table
 *   m x u64         offsets of 2 GiB and more
 *   20, 20          SHA-1 of the pack, SHA-1 of this file
 * Version 1 has no magic: the fan-out, n x (u32 offset, 20-byte oid), and the two sums.
 * Source: git's Documentation/gitformat-pack.txt.
 */
import { oidBytes, oidFromBytes, type Oid } from "../oid.ts";

export interface PackIndex {
  readonly bytes: Buffer;
  readonly version: 1 | 2;
  readonly count: number;
  /** Where the fan-out table starts. */
  readonly fanOut: number;
  /** Where the first oid stands, and the distance to the next. */
  readonly oids: number;
  readonly stride: number;
}

/** A pack or its index that is not what git writes; `file` is the path. */
export class MalformedPack extends Error {
  override readonly name = "MalformedPack";
  readonly file: string;
  readonly reason: string;
  constructor(file: string, reason: string) {
    super(`${file} is damaged: ${reason}`);
    this.file = file;
    this.reason = reason;
  }
}

const fanOutBytes = 1024;
const magic = 0xff744f63;

/** Takes an index's bytes, whose tables must fit the file. Throws MalformedPack naming `file`. */
export function parsePackIndex(bytes: Buffer, file: string): PackIndex {
  const second = bytes.length >= 8 && bytes.readUInt32BE(0) === magic;
  const fanOut = second ? 8 : 0;
  if (bytes.length < fanOut + fanOutBytes + 2 * oidBytes) throw new MalformedPack(file, "its index is cut short");
  if (second && bytes.readUInt32BE(4) !== 2) throw new MalformedPack(file, "its index has an unknown version");
  let count = 0;
  for (let i = 0; i < 256; i++) {
    const next = bytes.readUInt32BE(fanOut + 4 * i);
    if (next < count) throw new MalformedPack(file, "its index's fan-out is not ascending");
    count = next;
  }
  const start = fanOut + fanOutBytes;
  const least = start + count * (second ? oidBytes + 8 : oidBytes + 4) + 2 * oidBytes;
  const spare = bytes.length - least;
  if (spare < 0) throw new MalformedPack(file, "its index is cut short");
  if (second ? spare % 8 !== 0 || spare / 8 > count : spare !== 0) {
    throw new MalformedPack(file, "its index has another size than its count asks for");
  }
  return second
    ? { bytes, version: 2, count, fanOut, oids: start, stride: oidBytes }
    : { bytes, version: 1, count, fanOut, oids: start + 4, stride: oidBytes + 4 };
}

/** The offset of the object that the 20 bytes of `name` name, or undefined when it is not in the pack. */
export function findOffset(index: PackIndex, name: Buffer): number | undefined {
  const at = lowerBound(index, name);
  if (at >= index.count || compareOid(index, at, name) !== 0) return undefined;
  return offsetAt(index, at);
}

/** Oids whose hex begins with `prefix` (lower case), at most `limit` of them. */
export function oidsStartingWith(index: PackIndex, prefix: string, limit: number): Oid[] {
  const least = Buffer.from(prefix.padEnd(2 * oidBytes, "0"), "hex");
  const found: Oid[] = [];
  for (let at = lowerBound(index, least); at < index.count && found.length < limit; at++) {
    const name = oidFromBytes(index.bytes, index.oids + at * index.stride);
    if (!name.startsWith(prefix)) break;
    found.push(name);
  }
  return found;
}

function lowerBound(index: PackIndex, name: Buffer): number {
  const first = name[0] as number;
  let low = first === 0 ? 0 : index.bytes.readUInt32BE(index.fanOut + 4 * (first - 1));
  let high = index.bytes.readUInt32BE(index.fanOut + 4 * first);
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareOid(index, middle, name) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

function compareOid(index: PackIndex, at: number, name: Buffer): number {
  const start = index.oids + at * index.stride;
  return index.bytes.compare(name, 0, oidBytes, start, start + oidBytes);
}

function offsetAt(index: PackIndex, at: number): number | undefined {
  const { bytes, count } = index;
  if (index.version === 1) return bytes.readUInt32BE(index.oids + at * index.stride - 4);
  const offsets = index.oids + count * (oidBytes + 4);
  const small = bytes.readUInt32BE(offsets + 4 * at);
  if (small < 0x80000000) return small;
  const large = offsets + 4 * count + 8 * (small - 0x80000000);
  if (large + 8 > bytes.length - 2 * oidBytes) return Number.MAX_SAFE_INTEGER; // outside of any pack: reported as such
  return bytes.readUInt32BE(large) * 0x100000000 + bytes.readUInt32BE(large + 4);
}
