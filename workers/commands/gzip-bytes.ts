/** gzip's format (RFC 1951 and 1952) over texts of one character a byte, for tar: what others packed, and a packing that is quick to make. */

/** Bytes of what is unpacked. */
export const unpackedBytesMax = 512 * 1024 * 1024;

/** What is no gzip, or damaged. */
export class GzipFault extends Error {
  override readonly name = "GzipFault";
}

export function isGzip(text: string): boolean {
  return text.startsWith("\x1f\x8b\x08");
}

const lengthBase = [
  3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258,
];
const lengthBits = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];
const distanceBase = [
  1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145,
  8193, 12_289, 16_385, 24_577,
];
const distanceBits = [0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13];
const codeOrder = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/** A code by the number of codes of each length, and the symbols in order of their codes. */
interface Code {
  readonly counts: Uint16Array;
  readonly symbols: Uint16Array;
}

function codeOf(lengths: readonly number[]): Code {
  const counts = new Uint16Array(16);
  for (const length of lengths) counts[length] = (counts[length] as number) + 1;
  counts[0] = 0;
  const starts = new Uint16Array(16);
  for (let length = 1; length < 15; length++)
    starts[length + 1] = (starts[length] as number) + (counts[length] as number);
  const symbols = new Uint16Array(lengths.length);
  for (const [symbol, length] of lengths.entries()) {
    if (length === 0) continue;
    symbols[starts[length] as number] = symbol;
    starts[length] = (starts[length] as number) + 1;
  }
  return { counts, symbols };
}

const fixedLengths = Array.from({ length: 288 }, (_, at) => (at < 144 ? 8 : at < 256 ? 9 : at < 280 ? 7 : 8));
const fixedDistances = Array.from({ length: 30 }, () => 5);

/** All members of a gzip, one behind the other. Throws GzipFault. */
export function gunzipped(text: string): string {
  let at = 0;
  let buffer = 0;
  let held = 0;
  let out = new Uint8Array(Math.max(1024, text.length * 4));
  let size = 0;
  const byte = (): number => {
    if (at >= text.length) throw new GzipFault("unexpected end of file");
    return text.charCodeAt(at++) & 255;
  };
  const bits = (count: number): number => {
    while (held < count) {
      buffer |= byte() << held;
      held += 8;
    }
    const value = buffer & ((1 << count) - 1);
    buffer >>>= count;
    held -= count;
    return value;
  };
  const put = (value: number): void => {
    if (size === out.length) {
      if (size >= unpackedBytesMax) throw new GzipFault("more than 512 MiB");
      const larger = new Uint8Array(size * 2);
      larger.set(out);
      out = larger;
    }
    out[size++] = value;
  };
  const symbol = ({ counts, symbols }: Code): number => {
    let [code, first, index] = [0, 0, 0];
    for (let length = 1; length <= 15; length++) {
      code |= bits(1);
      const count = counts[length] as number;
      if (code - count < first) return symbols[index + code - first] as number;
      index += count;
      first = (first + count) << 1;
      code <<= 1;
    }
    throw new GzipFault("invalid compressed data");
  };
  const coded = (literals: Code, distances: Code): void => {
    for (;;) {
      const found = symbol(literals);
      if (found < 256) put(found);
      else if (found === 256) return;
      else {
        const length = (lengthBase[found - 257] ?? 0) + bits(lengthBits[found - 257] ?? 0);
        const which = symbol(distances);
        const distance = (distanceBase[which] ?? 0) + bits(distanceBits[which] ?? 0);
        if (distance > size || distance === 0) throw new GzipFault("invalid compressed data");
        for (let left = length; left > 0; left--) put(out[size - distance] as number);
      }
    }
  };
  const dynamic = (): void => {
    const [literalCount, distanceCount, lengthCount] = [bits(5) + 257, bits(5) + 1, bits(4) + 4];
    const lengths = Array.from({ length: 19 }, () => 0);
    for (let place = 0; place < lengthCount; place++) lengths[codeOrder[place] as number] = bits(3);
    const code = codeOf(lengths);
    const all: number[] = [];
    while (all.length < literalCount + distanceCount) {
      const found = symbol(code);
      if (found < 16) all.push(found);
      else {
        const repeated = found === 16 ? (all.at(-1) ?? 0) : 0;
        const count = found === 16 ? 3 + bits(2) : found === 17 ? 3 + bits(3) : 11 + bits(7);
        for (let left = count; left > 0; left--) all.push(repeated);
      }
    }
    coded(codeOf(all.slice(0, literalCount)), codeOf(all.slice(literalCount, literalCount + distanceCount)));
  };
  const header = (): void => {
    if (byte() !== 31 || byte() !== 139 || byte() !== 8) throw new GzipFault("not in gzip format");
    const flags = byte();
    for (let skip = 0; skip < 6; skip++) byte();
    if ((flags & 4) !== 0) for (let left = byte() + byte() * 256; left > 0; left--) byte();
    if ((flags & 8) !== 0) while (byte() !== 0);
    if ((flags & 16) !== 0) while (byte() !== 0);
    if ((flags & 2) !== 0) for (let skip = 0; skip < 2; skip++) byte();
  };
  while (isGzip(text.slice(at, at + 3))) {
    header();
    const start = size;
    for (let isLast = false; !isLast;) {
      isLast = bits(1) === 1;
      const kind = bits(2);
      if (kind === 0) {
        [buffer, held] = [0, 0];
        const length = byte() + byte() * 256;
        for (let skip = 0; skip < 2; skip++) byte();
        for (let left = length; left > 0; left--) put(byte());
      } else if (kind === 1) coded(codeOf(fixedLengths), codeOf(fixedDistances));
      else if (kind === 2) dynamic();
      else throw new GzipFault("invalid compressed data");
    }
    [buffer, held] = [0, 0];
    let sum = 0;
    for (let shift = 0; shift < 32; shift += 8) sum |= byte() << shift;
    if (sum >>> 0 !== crc(out, start, size)) throw new GzipFault("invalid compressed data: crc error");
    for (let skip = 0; skip < 4; skip++) byte();
  }
  return textIn(out, size);
}

/** The first bytes as a text. */
function textIn(bytes: Uint8Array, size: number): string {
  const pieces: string[] = [];
  for (let place = 0; place < size; place += 4096)
    pieces.push(
      String.fromCharCode.apply(undefined, bytes.subarray(place, Math.min(size, place + 4096)) as unknown as number[]),
    );
  return pieces.join("");
}

const crcs = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let step = 0; step < 8; step++) value = (value & 1) === 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value;
});

function crc(bytes: Uint8Array, from: number, to: number): number {
  let sum = 0xffffffff;
  for (let at = from; at < to; at++) sum = (crcs[(sum ^ (bytes[at] as number)) & 255] as number) ^ (sum >>> 8);
  return (sum ^ 0xffffffff) >>> 0;
}

/** A gzip that names no file and no time: matches are looked for at the last place of the same three bytes, and codes are the fixed ones. */
export function gzipped(text: string): string {
  const input = new Uint8Array(text.length);
  for (let at = 0; at < input.length; at++) input[at] = text.charCodeAt(at);
  // No byte takes more than nine bits.
  const out = new Uint8Array(64 + Math.ceil((input.length * 9) / 8));
  out.set([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]);
  let size = 10;
  let [buffer, held] = [0, 0];
  const bits = (value: number, count: number): void => {
    buffer |= value << held;
    held += count;
    while (held >= 8) {
      out[size++] = buffer & 255;
      buffer >>>= 8;
      held -= 8;
    }
  };
  const reversed = (value: number, count: number): void => {
    for (let at = count - 1; at >= 0; at--) bits((value >> at) & 1, 1);
  };
  const literal = (symbol: number): void => {
    if (symbol < 144) reversed(48 + symbol, 8);
    else if (symbol < 256) reversed(400 + symbol - 144, 9);
    else if (symbol < 280) reversed(symbol - 256, 7);
    else reversed(192 + symbol - 280, 8);
  };
  bits(3, 3);
  const last = new Int32Array(1 << 15).fill(-1);
  for (let at = 0; at < input.length;) {
    let length = 0;
    let distance = 0;
    if (at + 2 < input.length) {
      const key =
        (((input[at] as number) << 10) ^ ((input[at + 1] as number) << 5) ^ (input[at + 2] as number)) & 0x7fff;
      const before = last[key] as number;
      last[key] = at;
      distance = at - before;
      if (before >= 0 && distance <= 32_768)
        while (length < 258 && at + length < input.length && input[before + length] === input[at + length]) length++;
    }
    if (length < 3) {
      literal(input[at++] as number);
      continue;
    }
    const which = lengthBase.findLastIndex((base) => base <= length);
    literal(257 + which);
    bits(length - (lengthBase[which] as number), lengthBits[which] as number);
    const far = distanceBase.findLastIndex((base) => base <= distance);
    reversed(far, 5);
    bits(distance - (distanceBase[far] as number), distanceBits[far] as number);
    at += length;
  }
  literal(256);
  if (held > 0) bits(0, 8 - held);
  for (const word of [crc(input, 0, input.length), input.length])
    for (let shift = 0; shift < 32; shift += 8) out[size++] = word >>> shift;
  return textIn(out, size);
}
