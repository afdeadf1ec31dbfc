/** Writes WebAssembly's bytes: a buffer that grows, and the encodings of its numbers. */

const firstBytes = 1024;

export class Writer {
  #bytes: Uint8Array;
  #end = 0;

  constructor(bytes: number = firstBytes) {
    this.#bytes = new Uint8Array(Math.max(bytes, 16));
  }

  /** What was written; valid until the next write. */
  get written(): Uint8Array {
    return this.#bytes.subarray(0, this.#end);
  }

  /** Forgets what was written. */
  clear(): void {
    this.#end = 0;
  }

  byte(value: number): void {
    if (this.#end === this.#bytes.length) this.#grow(1);
    this.#bytes[this.#end++] = value;
  }

  bytes(from: Uint8Array): void {
    if (this.#bytes.length - this.#end < from.length) this.#grow(from.length);
    this.#bytes.set(from, this.#end);
    this.#end += from.length;
  }

  /** `from[start..end)`; a loop is faster than `set` for the few bytes of an instruction. */
  slice(from: Uint8Array, start: number, end: number): void {
    const length = end - start;
    if (this.#bytes.length - this.#end < length) this.#grow(length);
    if (length > 16) this.#bytes.set(from.subarray(start, end), this.#end);
    else for (let at = 0; at < length; at++) this.#bytes[this.#end + at] = from[start + at] as number;
    this.#end += length;
  }

  u32(value: number): void {
    let rest = value;
    for (; rest > 0x7f; rest >>>= 7) this.byte((rest & 0x7f) | 0x80);
    this.byte(rest);
  }

  /** A signed number, for i32.const and i64.const; a safe integer. */
  signed(value: number): void {
    let rest = value;
    for (;;) {
      const low = ((rest % 128) + 128) % 128;
      rest = (rest - low) / 128;
      if ((rest === 0 && low < 64) || (rest === -1 && low >= 64)) return this.byte(low);
      this.byte(low | 0x80);
    }
  }

  name(text: string): void {
    const bytes = Buffer.from(text, "utf8");
    this.u32(bytes.length);
    this.bytes(bytes);
  }

  /** Length and bytes of what another writer holds. */
  sized(from: Writer): void {
    this.u32(from.#end);
    this.bytes(from.written);
  }

  #grow(more: number): void {
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#end + more));
    grown.set(this.written);
    this.#bytes = grown;
  }
}
