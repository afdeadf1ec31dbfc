/**
 * The file of one command inside of a package file (`package.aospkg`), read from its bytes alone. Only the index and that file are read, wherever they lie in the 67 MB.
 *
 * Layout, integers little-endian, a text as its length in LEB128 and its bytes:
 *
 *   89 41 4f 53             magic
 *   u32                     version, 1
 *   u32 u32                 bytes of the manifest and of the index, which follow in this order
 *   manifest                not ours to read
 *   index: u16 version 1, count in LEB128, entries
 *   entry: text path, u8 kind (0 a file, 1 a folder), u64 offset, u64 bytes, u32 mode, u32 user, u32 group, u64 time, u8 0
 *   a tar archive           in which a file begins at its entry's offset
 */
import { closeSync, fstatSync, openSync, readSync } from "node:fs";

const magic = 0x53_4f_41_89;
const headBytes = 16;
/** Bytes of a container's index: some 100,000 files. */
const indexBytesMax = 8 * 1024 * 1024;
/** Bytes of a file in a container. */
const containedFileBytesMax = 256 * 1024 * 1024;

/** A file that is no such container, or a damaged one. */
export class MalformedContainer extends Error {
  override readonly name = "MalformedContainer";
  constructor(reason: string) {
    super(`malformed package container: ${reason}`);
  }
}

/** The bytes of the file at `path` in the container (an absolute path there), undefined when it has none. Throws MalformedContainer, or what the file system says. */
export function readContained(container: string, path: string): Buffer | undefined {
  const file = openSync(container, "r");
  try {
    const size = fstatSync(file).size;
    const take = (at: number, bytes: number, what: string): Buffer => {
      if (at + bytes > size) throw new MalformedContainer(`${what} reaches past its end`);
      const buffer = Buffer.alloc(bytes);
      for (let read = 0; read < bytes;) {
        const got = readSync(file, buffer, read, bytes - read, at + read);
        if (got === 0) throw new MalformedContainer(`${what} reaches past its end`);
        read += got;
      }
      return buffer;
    };
    const head = take(0, headBytes, "its head");
    if (head.readUInt32LE(0) !== magic) throw new MalformedContainer("its first bytes are not those of one");
    if (head.readUInt32LE(4) !== 1) throw new MalformedContainer("its version is not 1");
    const [manifestBytes, indexBytes] = [head.readUInt32LE(8), head.readUInt32LE(12)];
    if (indexBytes > indexBytesMax) throw new MalformedContainer("its index is too large");
    const place = placeIn(take(headBytes + manifestBytes, indexBytes, "its index"), path);
    if (place === undefined) return undefined;
    if (place.bytes > containedFileBytesMax) throw new MalformedContainer("a file is too large");
    return take(headBytes + manifestBytes + indexBytes + place.offset, place.bytes, "a file");
  } finally {
    closeSync(file);
  }
}

interface Place {
  readonly offset: number;
  readonly bytes: number;
}

/** After its path: kind, offset, bytes, mode, user, group, time, a zero. */
const entryTailBytes = 1 + 8 + 8 + 4 + 4 + 4 + 8 + 1;

function placeIn(index: Buffer, path: string): Place | undefined {
  let at = 0;
  const need = (bytes: number): number => {
    if (at + bytes > index.length) throw new MalformedContainer("its index is cut short");
    at += bytes;
    return at - bytes;
  };
  const count = (): number => {
    let value = 0;
    // Four groups of seven bits are more than an index may have bytes.
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = index[need(1)] as number;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw new MalformedContainer("a number in its index is too large");
  };
  if (index.readUInt16LE(need(2)) !== 1) throw new MalformedContainer("its index's version is not 1");
  for (let entries = count(); entries > 0; entries--) {
    const bytes = count();
    const name = index.toString("utf8", need(bytes), at);
    const tail = need(entryTailBytes);
    if (index[tail + entryTailBytes - 1] !== 0)
      throw new MalformedContainer("an entry of its index is of another kind");
    if (name !== path || index[tail] !== 0) continue;
    return { offset: whole(index.readBigUInt64LE(tail + 1)), bytes: whole(index.readBigUInt64LE(tail + 9)) };
  }
  return undefined;
}

function whole(value: bigint): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new MalformedContainer("a number in its index is too large");
  return Number(value);
}
