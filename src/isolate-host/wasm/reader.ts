/** Reads a WebAssembly module's bytes (format: WebAssembly Core Specification 2.0, chapter 5). Every read past the end or malformed number is UnfitModule. */

/** A module that can't be a guest. `fault` chooses the fixed text for the guest's parent; the message is for people and names what was found. */
export class UnfitModule extends Error {
  override readonly name = "UnfitModule";
  readonly fault: "notWasm" | "unknownImport" | "noEntry" | "memoryTooLarge";
  constructor(fault: UnfitModule["fault"], detail: string) {
    super(detail);
    this.fault = fault;
  }
}

export class Reader {
  readonly bytes: Uint8Array;
  readonly end: number;
  at: number;

  /** Reads `bytes` from `at` to `end`. */
  constructor(bytes: Uint8Array, at = 0, end = bytes.length) {
    this.bytes = bytes;
    this.at = at;
    this.end = end;
  }

  get isDone(): boolean {
    return this.at >= this.end;
  }

  byte(): number {
    if (this.at >= this.end) throw new UnfitModule("notWasm", "it is cut short");
    return this.bytes[this.at++] as number;
  }

  skip(count: number): void {
    if (count > this.end - this.at) throw new UnfitModule("notWasm", "it is cut short");
    this.at += count;
  }

  u32(): number {
    const first = this.byte();
    if (first < 0x80) return first;
    let value = first & 0x7f;
    for (let shift = 7; shift < 35; shift += 7) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) {
        if (value > 0xffff_ffff) break;
        return value;
      }
    }
    throw new UnfitModule("notWasm", "a number is malformed");
  }

  /** Skips a signed number of at most `bits` bits; its value is V8's to check. */
  skipSigned(bits: 32 | 33 | 64): void {
    for (let left = Math.ceil(bits / 7); left > 0; left--) if (this.byte() < 0x80) return;
    throw new UnfitModule("notWasm", "a number is malformed");
  }

  /** A signed number that fits into 33 bits: a block's type. */
  s33(): number {
    let value = 0;
    let scale = 1;
    for (let left = 5; left > 0; left--) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      scale *= 128;
      if (byte < 0x80) return byte & 0x40 ? value - scale : value;
    }
    throw new UnfitModule("notWasm", "a number is malformed");
  }

  /** A count of things that each take a byte at least, so that a lie can't ask for more than the module is long. */
  count(): number {
    const count = this.u32();
    if (count > this.end - this.at) throw new UnfitModule("notWasm", "a count is larger than the module");
    return count;
  }

  name(): string {
    const length = this.count();
    const text = Buffer.from(this.bytes.subarray(this.at, this.at + length)).toString("utf8");
    this.at += length;
    return text;
  }
}
