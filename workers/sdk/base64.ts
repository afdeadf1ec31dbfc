/**
 * Base64 of RFC 4648, section 4: standard alphabet, padded, no line breaks. Anything else is refused.
 */

const alphabet = memory.data<u8>([
  65, 66, 67, 68, 69, 70, 71, 72, 73, 74, 75, 76, 77, 78, 79, 80, 81, 82, 83, 84, 85, 86, 87, 88, 89, 90, 97, 98, 99,
  100, 101, 102, 103, 104, 105, 106, 107, 108, 109, 110, 111, 112, 113, 114, 115, 116, 117, 118, 119, 120, 121, 122, 48,
  49, 50, 51, 52, 53, 54, 55, 56, 57, 43, 47,
]);

/** Values of the characters from `+` to `z`; 64 stands for "not in the alphabet". */
const values = memory.data<u8>([
  62, 64, 64, 64, 63, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 64, 64, 64, 64, 64, 64, 64, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9,
  10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 64, 64, 64, 64, 64, 64, 26, 27, 28, 29, 30, 31, 32,
  33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51,
]);

/** Characters that `length` bytes come to. */
export function base64Length(length: i32): i32 {
  return ((length + 2) / 3) * 4;
}

/** Writes `length` bytes from `from` as base64 to `to`. */
export function encodeBase64(to: usize, from: usize, length: i32): void {
  const end = from + length;
  while (from + 3 <= end) {
    const three = ((<u32>load<u8>(from)) << 16) | ((<u32>load<u8>(from, 1)) << 8) | <u32>load<u8>(from, 2);
    four(to, three);
    from += 3;
    to += 4;
  }
  if (from == end) return;
  const two = from + 2 == end;
  four(to, ((<u32>load<u8>(from)) << 16) | (two ? (<u32>load<u8>(from, 1)) << 8 : 0));
  if (!two) store<u8>(to, 0x3d, 2);
  store<u8>(to, 0x3d, 3);
}

/** How many bytes `length` characters at `from` stand for, by length and padding alone; -1 when that can't be. */
export function base64Bytes(from: usize, length: i32): i32 {
  if ((length & 3) != 0) return -1;
  if (length == 0) return 0;
  const end = from + length;
  const padding = load<u8>(end - 1) != 0x3d ? 0 : load<u8>(end - 2) != 0x3d ? 1 : 2;
  return (length >> 2) * 3 - padding;
}

/**
 * Decodes `length` characters at `from` to `to`, which may be the same address: the bytes never overtake
 * the characters. Returns the number of bytes, or -1 when the text is no base64 (`to` is then spoilt).
 */
export function decodeBase64(to: usize, from: usize, length: i32): i32 {
  const bytes = base64Bytes(from, length);
  if (bytes <= 0) return bytes;
  const whole = from + ((bytes / 3) << 2);
  while (from < whole) {
    const three = group(from, 4);
    if (three < 0) return -1;
    store<u8>(to, three >> 16);
    store<u8>(to, three >> 8, 1);
    store<u8>(to, three, 2);
    from += 4;
    to += 3;
  }
  const rest = bytes % 3;
  if (rest == 0) return bytes;
  const three = group(from, rest + 1);
  // Bits that no byte takes must be zero, else two texts would stand for the same bytes.
  if (three < 0 || (three & (rest == 1 ? 0xffff : 0xff)) != 0) return -1;
  store<u8>(to, three >> 16);
  if (rest == 2) store<u8>(to, three >> 8, 1);
  return bytes;
}

function four(to: usize, three: u32): void {
  store<u8>(to, load<u8>(alphabet + (three >> 18)));
  store<u8>(to, load<u8>(alphabet + ((three >> 12) & 63)), 1);
  store<u8>(to, load<u8>(alphabet + ((three >> 6) & 63)), 2);
  store<u8>(to, load<u8>(alphabet + (three & 63)), 3);
}

/** The 24 bits of the first `count` characters at `at`, or -1. */
function group(at: usize, count: i32): i32 {
  const a = value(at);
  const b = value(at + 1);
  const c = count > 2 ? value(at + 2) : 0;
  const d = count > 3 ? value(at + 3) : 0;
  if (((a | b | c | d) & 64) != 0) return -1;
  return (a << 18) | (b << 12) | (c << 6) | d;
}

function value(at: usize): i32 {
  const index = <u32>load<u8>(at) - 0x2b;
  return index < 80 ? load<u8>(values + index) : 64;
}
