/** Standard streams: input that is read once, like a pipe's, and output that is only appended to. */

/** Bytes that are read from the front. They are loaded when they are first asked for. */
export class Input {
  readonly #load: () => Uint8Array;
  #bytes: Uint8Array | undefined;
  #at = 0;

  constructor(load: () => Uint8Array) {
    this.#load = load;
  }

  get left(): number {
    return this.#loaded().length - this.#at;
  }

  /** How many bytes were read; 0 at the end. */
  read(target: Uint8Array): number {
    const bytes = this.#loaded();
    const length = Math.min(target.length, bytes.length - this.#at);
    if (length > 0) target.set(bytes.subarray(this.#at, this.#at + length));
    this.#at += length;
    return length;
  }

  #loaded(): Uint8Array {
    this.#bytes ??= this.#load();
    return this.#bytes;
  }
}

const firstBytes = 512;
/** Most commands write line by line: a view of so few bytes takes longer than a loop over them. */
const loopBytesMax = 64;

export class Output {
  #bytes: Buffer = Buffer.alloc(0);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** Appends so many of the bytes, from a place on. */
  append(bytes: Uint8Array, from: number, count: number): void {
    const length = this.#length + count;
    if (length > this.#bytes.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(firstBytes, length, this.#bytes.length * 2));
      grown.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = grown;
    }
    if (count > loopBytesMax) this.#bytes.set(bytes.subarray(from, from + count), this.#length);
    else for (let at = 0; at < count; at++) this.#bytes[this.#length + at] = bytes[from + at] as number;
    this.#length = length;
  }

  /** What was written: the stream's own bytes, so nothing may be appended any more. */
  bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }
}
