/**
 * The bytes of files: read out of their blobs, and copied when they are first written to. A blob is loaded when a byte of it is first wanted, and not kept for ever: what was loaded is dropped,
 * least lately read first, beyond a bound, and loaded again when it is wanted again.
 *
 * Guarantees: a gap reads as zeros; what is held is counted before it is taken, so it never passes the bound; n bytes written in pieces cost O(n) copies.
 */
import type { GitObject } from "../../store/object.ts";
import type { Oid } from "../../store/oid.ts";
import { putBytesMax } from "../frame.ts";
import { errno, fault, Fault } from "./errno.ts";
import type { File, Node } from "./nodes.ts";

/** Bytes of loaded blobs that are kept; the one that was read last always is. */
const loadedBytesMax = 256 << 20;
/** What a loaded blob counts for at least: an empty one takes memory, too. */
const loadedBytesLeast = 512;
/** What a node that is new, or another name of one, counts for: about what it takes in memory. */
export const nameBytes = 512;

/** Thrown when files would hold more than they may; nothing was done then. */
export class FilesTooLarge extends Error {
  override readonly name = "FilesTooLarge";
  readonly bytesMax: number;
  constructor(bytesMax: number) {
    super(`files would hold more than ${bytesMax} bytes`);
    this.bytesMax = bytesMax;
  }
}

/** What reading files needs of a store. */
interface BlobReader {
  get(name: Oid): GitObject;
  sizeOf(name: Oid): number;
}

export class FileBytes {
  readonly #objects: BlobReader;
  readonly #bounds: { readonly bytesMax: number };
  /** Least lately read first. */
  readonly #loaded = new Map<File, Uint8Array>();
  #loadedBytes = 0;
  /** What was read last. */
  #last: { readonly file: File; readonly body: Uint8Array } | undefined;
  #held = 0;

  /** `bounds` is read at each growth. */
  constructor(objects: BlobReader, bounds: { readonly bytesMax: number }) {
    this.#objects = objects;
    this.#bounds = bounds;
  }

  /** Bytes that count. */
  get held(): number {
    return this.#held;
  }

  /** Counts bytes that no node has, or no more when negative. Throws FilesTooLarge. */
  hold(bytes: number): void {
    const { bytesMax } = this.#bounds;
    if (bytes > 0 && this.#held + bytes > bytesMax) throw new FilesTooLarge(bytesMax);
    this.#held += bytes;
  }

  /** Counts bytes for a node beside those that a file has as its own. Throws FilesTooLarge. */
  count(node: Node, bytes: number): void {
    this.hold(bytes);
    node.counted += bytes;
  }

  /** Counts no more what was counted for one of a node's names, if anything was. */
  uncountName(node: Node): void {
    const bytes = Math.min(nameBytes, node.counted);
    node.counted -= bytes;
    this.#held -= bytes;
  }

  /** Counts nothing any more for a node that nobody can reach; a file that is written to all the same counts again. */
  release(node: Node): void {
    this.#held -= node.counted;
    node.counted = 0;
    if (node.kind !== "file") return;
    this.#held -= node.countedBytes;
    node.countedBytes = 0;
    this.#drop(node);
  }

  sizeOf(file: File): number {
    return (file.size ??= this.#objects.sizeOf(file.blob as Oid));
  }

  /** Copies what a file has at `at` into `target`; returns how much: less than fits at its end, 0 behind it. */
  read(file: File, at: number, target: Uint8Array): number | Fault {
    const body = this.#body(file);
    if (body instanceof Fault) return body;
    if (at >= body.length) return 0;
    const end = Math.min(at + target.length, body.length);
    target.set(at === 0 && end === body.length ? body : body.subarray(at, end));
    return end - at;
  }

  /** Writes all the bytes, which are copied. Throws FilesTooLarge. */
  write(file: File, at: number, bytes: Uint8Array): number | Fault {
    if (bytes.length === 0) return 0;
    const end = at + bytes.length;
    if (end > putBytesMax) return fault(errno.fbig);
    const before = this.sizeOf(file);
    const bad = this.#own(file, Math.max(end, before));
    if (bad !== undefined) return bad;
    if (at > before) file.bytes.fill(0, before, at);
    file.bytes.set(bytes, at);
    return bytes.length;
  }

  /** Cuts a file or appends zeros to it. Throws FilesTooLarge. */
  resize(file: File, size: number): Fault | undefined {
    if (size > putBytesMax) return fault(errno.fbig);
    // Cutting all off takes no look at what there was.
    const before = size === 0 ? file.size : this.sizeOf(file);
    if (size === before) return undefined;
    const bad = this.#own(file, size);
    if (bad !== undefined) return bad;
    if (before !== undefined && size > before) file.bytes.fill(0, before, size);
    return undefined;
  }

  /** The bytes of a file that has its own, to be kept by a store: they must not be written to afterwards. */
  take({ bytes, size }: File): Buffer {
    const whole = bytes.subarray(0, size);
    // Whoever keeps a view keeps the room to grow, too.
    return bytes.length > whole.length * 1.25 ? Buffer.from(whole) : whole;
  }

  /** Makes a file's bytes its own, so many of them; what they are behind its end is for the caller to say. */
  #own(file: File, size: number): Fault | undefined {
    const before = file.blob !== undefined && size > 0 ? this.#body(file) : file.bytes.subarray(0, file.size);
    if (before instanceof Fault) return before;
    this.hold(size - file.countedBytes);
    file.countedBytes = size;
    // Room is at most as much again as what counts, also when a file is cut.
    if (file.blob !== undefined || size > file.bytes.length || file.bytes.length > 2 * size) {
      // The first piece often is all that comes; later ones double.
      const grows = file.bytes.length > 0 && size > file.bytes.length;
      const bytes = ownBytes(grows ? Math.max(size, 2 * file.bytes.length) : size);
      bytes.set(before.subarray(0, size));
      file.bytes = bytes;
    }
    file.size = size;
    file.blob = undefined;
    file.isChanged = true;
    this.#drop(file);
    return undefined;
  }

  #body(file: File): Uint8Array | Fault {
    if (file.blob === undefined) return file.bytes.subarray(0, file.size);
    if (this.#last?.file === file) return this.#last.body;
    const loaded = this.#loaded.get(file);
    const body = loaded ?? this.#load(file.blob);
    if (body instanceof Fault) return body;
    file.size = body.length;
    this.#drop(file);
    this.#last = { file, body };
    this.#loaded.set(file, body);
    this.#loadedBytes += loadedBytes(body);
    for (const oldest of this.#loaded.keys()) {
      if (this.#loadedBytes <= loadedBytesMax || oldest === file) break;
      this.#drop(oldest);
    }
    return body;
  }

  #load(blob: Oid): Uint8Array | Fault {
    const { kind, body } = this.#objects.get(blob);
    return kind === "blob" ? body : fault(errno.io);
  }

  #drop(file: File): void {
    if (this.#last?.file === file) this.#last = undefined;
    const body = this.#loaded.get(file);
    if (body === undefined) return;
    this.#loadedBytes -= loadedBytes(body);
    this.#loaded.delete(file);
  }
}

/** What a loaded blob keeps in memory: with its own bytes those of whatever it is a part of. */
function loadedBytes({ buffer }: Uint8Array): number {
  return Math.max(loadedBytesLeast, buffer.byteLength);
}

/** Room that nobody else shares: of a part of a pool, the last byte would keep the whole of it. */
function ownBytes(length: number): Buffer {
  return Buffer.allocUnsafeSlow(length);
}
