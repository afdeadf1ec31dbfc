/**
 * Strict UTF-8: what is not well-formed is refused, never replaced, so that a string stands for one
 * sequence of bytes only. (The standard library's decoder neither checks nor reports.)
 */

/** The string that `length` bytes at `at` spell, or null when they are not UTF-8. */
export function decodeUtf8(at: usize, length: i32): string | null {
  const end = at + length;
  let units = 0;
  let from = at;
  while (from < end) {
    const size = sequence(from, end);
    if (size == 0) return null;
    units += size == 4 ? 2 : 1;
    from += size;
  }
  let to = __new((<usize>units) << 1, idof<string>());
  const text = changetype<string>(to);
  from = at;
  while (from < end) {
    const lead = <u32>load<u8>(from);
    if (lead < 0x80) {
      store<u16>(to, lead);
      from += 1;
    } else if (lead < 0xe0) {
      store<u16>(to, ((lead & 0x1f) << 6) | tail(from, 1));
      from += 2;
    } else if (lead < 0xf0) {
      store<u16>(to, ((lead & 0x0f) << 12) | (tail(from, 1) << 6) | tail(from, 2));
      from += 3;
    } else {
      const point = ((lead & 0x07) << 18) | (tail(from, 1) << 12) | (tail(from, 2) << 6) | tail(from, 3);
      store<u16>(to, 0xd7c0 + (point >> 10));
      to += 2;
      store<u16>(to, 0xdc00 | (point & 0x3ff));
      from += 4;
    }
    to += 2;
  }
  return text;
}

/** The string that a name's bytes spell, without loss: a byte that is no UTF-8 stands as the lone surrogate U+DC00 + byte (Python's PEP 383). */
export function decodeName(at: usize, length: i32): string {
  const whole = decodeUtf8(at, length);
  if (whole != null) return whole;
  const end = at + length;
  let text = "";
  for (let from = at; from < end;) {
    const size = sequence(from, end);
    text += size == 0 ? String.fromCharCode(0xdc00 + <i32>load<u8>(from)) : decodeUtf8(from, size)!;
    from += max(size, 1);
  }
  return text;
}

/** The UTF-8 of a string. A lone surrogate becomes U+FFFD, which is as long as UTF-8 gets for one unit. */
export function encodeUtf8(text: string): Uint8Array {
  const buffer = changetype<ArrayBuffer>(__new(3 * <usize>text.length, idof<ArrayBuffer>()));
  const start = changetype<usize>(buffer);
  let to = start;
  for (let index = 0; index < text.length;) {
    const point = pointAt(text, index);
    index += point < 0x10000 ? 1 : 2;
    to += encodePoint(to, point);
  }
  return Uint8Array.wrap(buffer, 0, <i32>(to - start));
}

/** The code point at `index`; a lone surrogate is given as itself. */
export function pointAt(text: string, index: i32): u32 {
  const unit: u32 = text.charCodeAt(index);
  if ((unit & 0xfc00) != 0xd800 || index + 1 == text.length) return unit;
  const low: u32 = text.charCodeAt(index + 1);
  return (low & 0xfc00) == 0xdc00 ? 0x10000 + ((unit & 0x3ff) << 10) + (low & 0x3ff) : unit;
}

/** Writes code point `point` at `to`; returns its length in bytes. A lone surrogate becomes U+FFFD. */
export function encodePoint(to: usize, point: u32): i32 {
  if (point < 0x80) {
    store<u8>(to, point);
    return 1;
  }
  if (point < 0x800) {
    store<u8>(to, 0xc0 | (point >> 6));
    store<u8>(to, 0x80 | (point & 0x3f), 1);
    return 2;
  }
  if (point < 0x10000) {
    if ((point & 0xf800) == 0xd800) point = 0xfffd;
    store<u8>(to, 0xe0 | (point >> 12));
    store<u8>(to, 0x80 | ((point >> 6) & 0x3f), 1);
    store<u8>(to, 0x80 | (point & 0x3f), 2);
    return 3;
  }
  store<u8>(to, 0xf0 | (point >> 18));
  store<u8>(to, 0x80 | ((point >> 12) & 0x3f), 1);
  store<u8>(to, 0x80 | ((point >> 6) & 0x3f), 2);
  store<u8>(to, 0x80 | (point & 0x3f), 3);
  return 4;
}

function tail(at: usize, index: usize): u32 {
  return load<u8>(at + index) & 0x3f;
}

/** Length of the well-formed sequence at `at` (Unicode, table 3-7), or 0. */
function sequence(at: usize, end: usize): i32 {
  const lead = load<u8>(at);
  if (lead < 0x80) return 1;
  if (lead < 0xc2 || lead > 0xf4) return 0;
  const size = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  if (at + size > end) return 0;
  const second = load<u8>(at, 1);
  const low: u8 = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
  const high: u8 = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
  if (second < low || second > high) return 0;
  for (let index = 2; index < size; index++) {
    if ((load<u8>(at + index) & 0xc0) != 0x80) return 0;
  }
  return size;
}
