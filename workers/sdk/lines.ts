/** Counting lines, which are what ends with a newline. */

const newlineEight: u64 = 0x0a0a0a0a0a0a0a0a;
const low7: u64 = 0x7f7f7f7f7f7f7f7f;

/** How many newline bytes there are. */
export function newlines(content: Uint8Array): u64 {
  let at = content.dataStart;
  const end = at + content.length;
  let count: u64 = 0;
  // Eight at a time: a byte of `other` is zero where a newline stands, and the sums never carry into the next.
  for (; at + 8 <= end; at += 8) {
    const other = load<u64>(at) ^ newlineEight;
    count += popcnt(~(((other & low7) + low7) | other | low7));
  }
  for (; at < end; at++) count += u64(load<u8>(at) == 0x0a);
  return count;
}
