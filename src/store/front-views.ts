/** Views of a buffer's first bytes, made once for each length that is short: a view costs 0.1 µs with the garbage that it leaves. */
const keptLengths = 1024;

export class FrontViews {
  readonly bytes: Buffer;
  readonly #views: (Buffer | undefined)[] = [];

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  /** The first `length` bytes, not copied. */
  of(length: number): Buffer {
    if (length >= keptLengths) return this.bytes.subarray(0, length);
    return (this.#views[length] ??= this.bytes.subarray(0, length));
  }
}
