/** A guest's memory as calls of preview 1 read and write it: little-endian, each place checked. What lies outside throws the fault EFAULT, before anything else is done. */
import { errno, fault } from "./errno.ts";
import { vectorsMax } from "./functions.ts";
import type { Output } from "./streams.ts";

/** Bytes of a path that are looked at; a path that has as many is too long. */
const pathBytesMax = 4096;
const noBytes = new Uint8Array(0);

export class GuestMemory {
  /** Undefined until the guest was started: calls of a start function find none. */
  #memory: Pick<WebAssembly.Memory, "buffer"> | undefined;
  #bytes = noBytes;
  #view = new DataView(noBytes.buffer);
  #text = Buffer.from(noBytes.buffer);

  attach(memory: Pick<WebAssembly.Memory, "buffer">): void {
    this.#memory = memory;
    this.refresh();
  }

  /** To be called when the guest may have run since: a memory that grew has other bytes. */
  refresh(): void {
    if (this.#bytes.length > 0 || this.#memory === undefined) return;
    this.#bytes = new Uint8Array(this.#memory.buffer);
    this.#view = new DataView(this.#memory.buffer);
    this.#text = Buffer.from(this.#memory.buffer);
  }

  get view(): DataView {
    return this.#view;
  }

  check(at: number, length: number): void {
    if ((at >>> 0) + (length >>> 0) > this.#bytes.length) throw fault(errno.fault);
  }

  /** The memory itself, not a copy. */
  part(at: number, length: number): Uint8Array {
    this.check(at, length);
    const start = at >>> 0;
    return this.#bytes.subarray(start, start + (length >>> 0));
  }

  u8(at: number): number {
    this.check(at, 1);
    return this.#view.getUint8(at >>> 0);
  }

  u16(at: number): number {
    this.check(at, 2);
    return this.#view.getUint16(at >>> 0, true);
  }

  u32(at: number): number {
    this.check(at, 4);
    return this.#view.getUint32(at >>> 0, true);
  }

  u64(at: number): bigint {
    this.check(at, 8);
    return this.#view.getBigUint64(at >>> 0, true);
  }

  setU32(at: number, value: number): void {
    this.check(at, 4);
    this.#view.setUint32(at >>> 0, value, true);
  }

  setU64(at: number, value: bigint): void {
    this.check(at, 8);
    this.#view.setBigUint64(at >>> 0, value, true);
  }

  /** A whole number from 0 to 2^53 - 1 in eight bytes: a BigInt that is made for it takes longer than all the rest of a call. */
  setWhole(at: number, value: number): void {
    this.check(at, 8);
    this.#view.setUint32(at >>> 0, value, true);
    this.#view.setUint32((at >>> 0) + 4, Math.floor(value / 2 ** 32), true);
  }

  /** Zeros, for a record that is then filled. */
  clear(at: number, length: number): void {
    this.part(at, length).fill(0);
  }

  /** The parts that scatter-gather vectors name. */
  vectors(at: number, count: number): Uint8Array[] {
    const parts: Uint8Array[] = [];
    this.checkVectors(at, count);
    for (let each = 0; each < count; each++)
      parts.push(this.part(this.vectorFrom(at, each), this.vectorBytes(at, each)));
    return parts;
  }

  /** Looks at such vectors, and at what they name. */
  checkVectors(at: number, count: number): void {
    if (count >>> 0 > vectorsMax) throw fault(errno.inval);
    this.check(at, count * 8);
    for (let each = 0; each < count; each++) this.check(this.vectorFrom(at, each), this.vectorBytes(at, each));
  }

  /** Where the part begins that a vector names; `checkVectors` has looked at it. */
  vectorFrom(at: number, each: number): number {
    return this.#view.getUint32((at >>> 0) + each * 8, true);
  }

  /** How long it is. */
  vectorBytes(at: number, each: number): number {
    return this.#view.getUint32((at >>> 0) + each * 8 + 4, true);
  }

  /** Appends a part that was looked at to a stream. */
  appendTo(stream: Output, from: number, length: number): void {
    stream.append(this.#bytes, from, length);
  }

  /** A path, a char a byte. */
  path(at: number, length: number): string {
    if (length >>> 0 > pathBytesMax) throw fault(errno.nametoolong);
    this.check(at, length);
    return this.#text.toString("latin1", at >>> 0, (at >>> 0) + (length >>> 0));
  }
}
