/**
 * A pack (.pack) and its index. Guarantees: any bytes on disk are safe to read (a wrong size, a loop of deltas, an
 * offset outside of the file end in MalformedPack, BadDelta or BadStream), and a chain of deltas takes no stack.
 *
 *   'PACK'  u32 version (2 or 3)  u32 count
 *   objects: header, [base], zlib stream
 *     header: 1 bit "more", 3 bits type, 4 bits size; then 1 bit "more", 7 bits size, least significant first
 *     type 1 commit, 2 tree, 3 blob, 4 tag; 6 delta on the object so many bytes before (big-endian base 128, where
 *     each further byte adds one); 7 delta on the object of this 20-byte oid, in the same pack
 *   20-byte SHA-1 of all before
 * Source: git's Documentation/gitformat-pack.txt.
 *
 * Nowhere does a pack say how long a stream is, so the deflated size's bound is read, or what is left of the
 * pack, and zlib stops where the stream ends. One `readSync` for most objects (2 µs when the file is cached) needs no memory that lasts,
 * unlike the whole pack in memory, and no sorted table of offsets, which for one object of a big pack costs seconds.
 */
import { closeSync, fstatSync, openSync, readFileSync, readSync } from "node:fs";
import { oidBytes } from "../oid.ts";
import type { GitObject, ObjectKind } from "../object.ts";
import { HotMap } from "../hot-map.ts";
import { applyDelta } from "./delta.ts";
import type { BaseCache } from "./base-cache.ts";
import { BadStream, inflateExact, objectBytesMax } from "./inflate.ts";
import { findOffset, MalformedPack, parsePackIndex, type PackIndex } from "./pack-index.ts";

/** Longest chain of deltas that is followed; git writes at most 4,095 (OE_DEPTH_BITS). It also ends loops. */
const deltaChainMax = 4096;

/** What is read first: most objects' headers and streams fit. */
const firstReadBytes = 4096;

/** Longest header: 10 bytes of type and size, and an oid. */
const headerBytesMax = 10 + oidBytes;

const packHeaderBytes = 12;

/** Kinds in memory, by offset; a hot map holds up to twice as many. */
const hotKindsMax = 10_000;

const endlessDeltas = "its deltas are chained without end";

interface Header {
  readonly type: number;
  readonly size: number;
  /** Where the zlib stream starts. */
  readonly start: number;
  /** Offset of a delta's base. */
  readonly base: number | undefined;
}

/** One pack; opened at its first use, to be closed by its owner. */
export class Pack {
  readonly file: string;
  readonly #id: number;
  readonly #cache: BaseCache;
  #index: PackIndex | undefined;
  #open: { readonly fd: number; readonly end: number } | undefined;
  #scratch = Buffer.alloc(0);
  readonly #kinds = new HotMap<number, ObjectKind>(hotKindsMax);

  /** `file` is the .pack's path, beside its .idx; `id` tells its objects from other packs' in the shared cache. */
  constructor(file: string, id: number, cache: BaseCache) {
    this.file = file;
    this.#id = id;
    this.#cache = cache;
  }

  get index(): PackIndex {
    this.#index ??= parsePackIndex(readFileSync(this.file.replace(/\.pack$/, ".idx")), this.file);
    return this.#index;
  }

  /** The offset at which the object of that 20-byte name stands, or undefined. */
  find(name: Buffer): number | undefined {
    return findOffset(this.index, name);
  }

  /** The object at an offset that `find` gave; its name is not checked here. */
  read(offset: number): GitObject {
    const deltas: Header[] = [];
    let at = offset;
    let object = this.#cache.get(this.#id, at);
    while (object === undefined) {
      const header = this.#header(at);
      if (header.base === undefined) {
        object = { kind: this.#kind(header.type), body: this.#inflate(header) };
        this.#cache.put(this.#id, at, object);
        break;
      }
      if (deltas.push(header) > deltaChainMax) throw this.#malformed(endlessDeltas);
      at = header.base;
      object = this.#cache.get(this.#id, at);
    }
    for (let i = deltas.length - 1; i >= 0; i--) {
      const body = applyDelta(object.body, this.#inflate(deltas[i] as Header));
      object = { kind: object.kind, body };
      this.#cache.put(this.#id, i === 0 ? offset : ((deltas[i - 1] as Header).base as number), object);
    }
    return object;
  }

  /** The kind of the object at an offset, by its header and those of its deltas' bases. */
  kindOf(offset: number): ObjectKind {
    let at = offset;
    for (let deltas = 0; deltas <= deltaChainMax; deltas++) {
      const known = this.#kinds.get(at);
      const header = known === undefined ? this.#header(at) : undefined;
      if (header?.base !== undefined) {
        at = header.base;
        continue;
      }
      const kind = known ?? this.#kind((header as Header).type);
      // Objects of one chain are asked for one after the other.
      this.#kinds.set(offset, kind);
      this.#kinds.set(at, kind);
      return kind;
    }
    throw this.#malformed(endlessDeltas);
  }

  close(): void {
    if (this.#open !== undefined) closeSync(this.#open.fd);
    this.#open = undefined;
  }

  #header(offset: number): Header {
    const { end } = this.#file();
    if (offset < packHeaderBytes || offset >= end) throw this.#malformed("an offset lies outside of it");
    const bytes = this.#bytes(offset, Math.min(headerBytesMax, end - offset));
    let byte = byteAt(bytes, 0, this.file);
    const type = (byte >> 4) & 7;
    let size = byte & 0x0f;
    let scale = 16;
    let used = 1;
    while (byte >= 0x80) {
      byte = byteAt(bytes, used++, this.file);
      size += (byte & 0x7f) * scale;
      scale *= 128;
      if (size > objectBytesMax) throw this.#malformed("an object is too large");
    }
    if (type === 6) {
      byte = byteAt(bytes, used++, this.file);
      let back = byte & 0x7f;
      while (byte >= 0x80) {
        byte = byteAt(bytes, used++, this.file);
        back = (back + 1) * 128 + (byte & 0x7f);
        if (back > offset) break;
      }
      if (back <= 0 || back > offset) throw this.#malformed("a delta's base lies outside of it");
      return { type, size, start: offset + used, base: offset - back };
    }
    if (type === 7) {
      if (used + oidBytes > bytes.length) throw this.#malformed("it is cut short");
      const base = this.find(bytes.subarray(used, used + oidBytes));
      if (base === undefined) throw this.#malformed("a delta's base is not in it");
      return { type, size, start: offset + used + oidBytes, base };
    }
    return { type, size, start: offset + used, base: undefined };
  }

  #inflate(header: Header): Buffer {
    const left = this.#file().end - header.start;
    if (left <= 0) throw this.#malformed("it is cut short");
    // zlib's own bound for deflate, with room for the odd writer that stores instead of compressing.
    let length = Math.min(left, header.size + (header.size >> 8) + 128);
    for (;;) {
      try {
        return inflateExact(this.#bytes(header.start, length), header.size);
      } catch (error) {
        if (!(error instanceof BadStream) || !error.cutShort || length === left) throw error;
        length = Math.min(left, length * 8);
      }
    }
  }

  /** A view of the pack's bytes that holds until the next call. */
  #bytes(offset: number, length: number): Buffer {
    const { fd, end } = this.#file();
    const from = this.#window;
    if (offset >= from.start && offset + length <= from.start + from.bytes.length) {
      return from.bytes.subarray(offset - from.start, offset - from.start + length);
    }
    const wanted = Math.min(end - offset, Math.max(length, firstReadBytes));
    if (this.#scratch.length < wanted) this.#scratch = Buffer.allocUnsafe(wanted);
    const bytes = this.#scratch.subarray(0, wanted);
    this.#window = { start: 0, bytes: bytes.subarray(0, 0) }; // what it showed is about to be overwritten
    for (let got = 0; got < wanted;) {
      const read = readSync(fd, bytes, got, wanted - got, offset + got);
      if (read === 0) throw this.#malformed("it is cut short");
      got += read;
    }
    this.#window = { start: offset, bytes };
    if (wanted > scratchBytesMax) this.#scratch = Buffer.alloc(0);
    return bytes.subarray(0, length);
  }
  #window: { readonly start: number; readonly bytes: Buffer } = { start: 0, bytes: Buffer.alloc(0) };

  #file(): { readonly fd: number; readonly end: number } {
    if (this.#open !== undefined) return this.#open;
    const fd = openSync(this.file, "r");
    try {
      const end = fstatSync(fd).size - oidBytes;
      const head = Buffer.alloc(packHeaderBytes);
      if (end < packHeaderBytes || readSync(fd, head, 0, packHeaderBytes, 0) !== packHeaderBytes) {
        throw this.#malformed("it is cut short");
      }
      const version = head.readUInt32BE(4);
      if (head.toString("latin1", 0, 4) !== "PACK" || (version !== 2 && version !== 3)) {
        throw this.#malformed("it is no pack of version 2 or 3");
      }
      if (head.readUInt32BE(8) !== this.index.count) throw this.#malformed("its index has another count");
      this.#open = { fd, end };
    } catch (error) {
      closeSync(fd);
      throw error;
    }
    return this.#open;
  }

  #kind(type: number): ObjectKind {
    const kind = kinds[type];
    if (kind === undefined) throw this.#malformed("an object has an unknown type");
    return kind;
  }

  #malformed(reason: string): MalformedPack {
    return new MalformedPack(this.file, reason);
  }
}

/** A buffer that grew beyond this for one big object is not kept. */
const scratchBytesMax = 1024 * 1024;

const kinds: readonly (ObjectKind | undefined)[] = [undefined, "commit", "tree", "blob", "tag"];

function byteAt(bytes: Buffer, at: number, file: string): number {
  const byte = bytes[at];
  if (byte === undefined) throw new MalformedPack(file, "it is cut short");
  return byte;
}
