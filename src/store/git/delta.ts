/**
 * Git's deltas: how a packed object differs from its base. Any bytes are safe to apply: a delta that reads outside
 * of its base or makes another size than it says is refused before the result is allocated.
 *
 * Layout: SOURCE-SIZE RESULT-SIZE, both little-endian base 128, then instructions:
 *   1xxxxxxx [offset, 0-4 bytes] [length, 0-3 bytes]  copy from the base; bits 0-3 say which bytes of the offset
 *                                                     follow, bits 4-6 which of the length; length 0 is 65,536
 *   0nnnnnnn n bytes                                  insert them; n = 0 is reserved
 * Source: git's Documentation/gitformat-pack.txt.
 */
import { objectBytesMax } from "./inflate.ts";

/** A delta that can't be applied to its base. */
export class BadDelta extends Error {
  override readonly name = "BadDelta";
  constructor(reason: string) {
    super(`bad delta: ${reason}`);
  }
}

interface Size {
  readonly value: number;
  readonly next: number;
}

/** The object that `delta` makes out of `base`. Throws BadDelta. */
export function applyDelta(base: Uint8Array, delta: Uint8Array): Buffer {
  const source = readSize(delta, 0);
  const result = readSize(delta, source.next);
  if (source.value !== base.length) throw new BadDelta("its base has another size");
  if (result.value > objectBytesMax) throw new BadDelta("its result is too large");
  checkInstructions(delta, result.next, base.length, result.value);
  return build(base, delta, result.next, result.value);
}

function readSize(delta: Uint8Array, at: number): Size {
  let value = 0;
  let scale = 1;
  for (let next = at; next < delta.length && next < at + 7; next++) {
    const byte = delta[next] as number;
    value += (byte & 0x7f) * scale;
    scale *= 128;
    if (byte < 0x80) return { value, next: next + 1 };
  }
  throw new BadDelta("its sizes are cut short");
}

/** Everything that can be wrong is found here, so that `build` need not look. */
function checkInstructions(delta: Uint8Array, start: number, baseSize: number, resultSize: number): void {
  let at = start;
  let made = 0;
  while (at < delta.length) {
    const op = delta[at++] as number;
    if (op === 0) throw new BadDelta("reserved instruction");
    let length = op;
    if (op >= 0x80) {
      const width = argumentBytes[op & 0x7f] as number;
      if (at + width > delta.length) throw new BadDelta("cut short");
      const offset = copyOffset(delta, at, op);
      length = copyLength(delta, at + (argumentBytes[op & 0x0f] as number), op);
      if (offset + length > baseSize) throw new BadDelta("copies from outside of its base");
      at += width;
    } else {
      at += op;
      if (at > delta.length) throw new BadDelta("cut short");
    }
    made += length;
    if (made > resultSize) throw new BadDelta("makes more than it says");
  }
  if (made !== resultSize) throw new BadDelta("makes less than it says");
}

function build(base: Uint8Array, delta: Uint8Array, start: number, resultSize: number): Buffer {
  const result = Buffer.allocUnsafe(resultSize);
  let at = start;
  let made = 0;
  while (at < delta.length) {
    const op = delta[at++] as number;
    if (op >= 0x80) {
      const offset = copyOffset(delta, at, op);
      const length = copyLength(delta, at + (argumentBytes[op & 0x0f] as number), op);
      at += argumentBytes[op & 0x7f] as number;
      result.set(base.subarray(offset, offset + length), made);
      made += length;
    } else {
      result.set(delta.subarray(at, at + op), made);
      at += op;
      made += op;
    }
  }
  return result;
}

function copyOffset(delta: Uint8Array, from: number, op: number): number {
  let at = from;
  let offset = 0;
  if ((op & 0x01) !== 0) offset = delta[at++] as number;
  if ((op & 0x02) !== 0) offset |= (delta[at++] as number) << 8;
  if ((op & 0x04) !== 0) offset |= (delta[at++] as number) << 16;
  if ((op & 0x08) !== 0) offset += (delta[at++] as number) * 0x1000000;
  return offset;
}

function copyLength(delta: Uint8Array, from: number, op: number): number {
  let at = from;
  let length = 0;
  if ((op & 0x10) !== 0) length = delta[at++] as number;
  if ((op & 0x20) !== 0) length |= (delta[at++] as number) << 8;
  if ((op & 0x40) !== 0) length |= (delta[at++] as number) << 16;
  return length === 0 ? 0x10000 : length;
}

/** How many argument bytes a copy instruction has: the number of its low bits that are set. */
const argumentBytes = Uint8Array.from({ length: 128 }, (_, op) => op.toString(2).replaceAll("0", "").length);
