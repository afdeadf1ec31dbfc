/**
 * JSON (RFC 8259) without a document tree: a writer into a buffer, and a reader that walks the bytes.
 *
 * The reader takes any JSON: white space, keys in any order, every escape. Malformed text throws. It is
 * destructive: strings with escapes are unescaped in place, so a text is walked once.
 * Lone surrogates, which UTF-8 cannot say, are read and written as U+FFFD.
 */
import { base64Bytes, base64Length, decodeBase64, encodeBase64 } from "./base64";
import { decodeUtf8, encodePoint, pointAt } from "./utf8";

/** Small enough for one page of memory, large enough for the messages of nearly every job. */
const writerBytesMin = 1024;

export class JsonWriter {
  private at: usize;
  private capacity: i32;
  /** Bytes written so far. */
  length: i32 = 0;

  // Spelt out: the compiler (0.28) crashes when an allocation's failure, which ends in `log`, leads back to
  // an implicit constructor that it is at work on.
  constructor() {
    this.at = heap.alloc(writerBytesMin);
    this.capacity = writerBytesMin;
  }

  /** Where the bytes stand, until the next write. */
  get start(): usize {
    return this.at;
  }

  clear(): void {
    this.length = 0;
  }

  /** Writes text that is JSON already, and ASCII. */
  raw(text: string): void {
    const to = this.room(text.length);
    for (let index = 0; index < text.length; index++) store<u8>(to + index, text.charCodeAt(index));
    this.length += text.length;
  }

  /** Writes a string with its quotes. */
  string(text: string): void {
    // A control character takes the most: six bytes, \u00XX.
    const start = this.room(2 + 6 * <i64>text.length);
    let to = start;
    store<u8>(to++, 0x22);
    for (let index = 0; index < text.length;) {
      const point = pointAt(text, index);
      index += point < 0x10000 ? 1 : 2;
      if (point == 0x22 || point == 0x5c) {
        store<u8>(to, 0x5c);
        store<u8>(to, point, 1);
        to += 2;
      } else if (point < 0x20) {
        to += escapeControl(to, point);
      } else {
        to += encodePoint(to, point);
      }
    }
    store<u8>(to++, 0x22);
    this.length += <i32>(to - start);
  }

  number(value: u64): void {
    let digits = 1;
    for (let rest = value / 10; rest != 0; rest /= 10) digits++;
    const to = this.room(digits);
    for (let index = digits - 1; index >= 0; index--) {
      store<u8>(to + index, 0x30 + <u32>(value % 10));
      value /= 10;
    }
    this.length += digits;
  }

  /** Writes `length` bytes at `from` as a string of base64. */
  base64(from: usize, length: i32): void {
    const size = base64Length(length);
    const to = this.room(size + 2);
    store<u8>(to, 0x22);
    encodeBase64(to + 1, from, length);
    store<u8>(to + 1 + size, 0x22);
    this.length += size + 2;
  }

  /** A copy of what was written. */
  bytes(): Uint8Array {
    const copy = new Uint8Array(this.length);
    memory.copy(copy.dataStart, this.at, this.length);
    return copy;
  }

  /** Where the next `more` bytes can go. */
  private room(more: i64): usize {
    const needed = this.length + more;
    if (needed > this.capacity) {
      if (needed > i32.MAX_VALUE / 2) throw new Error("a message is too long");
      this.capacity = max(<i32>needed, this.capacity * 2);
      this.at = heap.realloc(this.at, this.capacity);
    }
    return this.at + this.length;
  }
}

/** Walks `length` bytes at `at`, which must stay as they are until the walk ends. */
export class JsonReader {
  private readonly end: usize;
  /** The string read last, unescaped. */
  private stringAt: usize = 0;
  private stringLength: i32 = 0;
  /** No member or item of the object or array just entered was read yet. */
  private first: bool = false;

  constructor(
    private at: usize,
    length: i32,
  ) {
    this.end = at + length;
  }

  /** Enters an object or array: `{` or `[`. */
  enter(bracket: u8): void {
    if (this.next() != bracket) malformed();
    this.at++;
    this.first = true;
  }

  /** Goes to the value of the object's next member, whose key `keyIs` tests; false at the object's end. */
  member(): bool {
    if (!this.another(0x7d)) return false;
    this.span();
    if (this.next() != 0x3a) malformed();
    this.at++;
    return true;
  }

  /** Goes to the array's next item; false at the array's end. */
  item(): bool {
    return this.another(0x5d);
  }

  /** Whether the member's key is `key`, which is ASCII. To be asked before its value is read. */
  keyIs(key: string): bool {
    if (key.length != this.stringLength) return false;
    for (let index = 0; index < key.length; index++) {
      if (load<u8>(this.stringAt + index) != key.charCodeAt(index)) return false;
    }
    return true;
  }

  /** The member's key. To be asked before its value is read. */
  key(): string {
    return this.text();
  }

  /** The first byte of the value ahead, which tells its type. */
  ahead(): u8 {
    return this.next();
  }

  string(): string {
    this.next();
    this.span();
    return this.text();
  }

  /** A string of base64 as its bytes, decoded where they stand: `bytesAt` says where. Returns their number. */
  base64(): i32 {
    this.next();
    this.span();
    const length = decodeBase64(this.stringAt, this.stringAt, this.stringLength);
    if (length < 0) malformed();
    return length;
  }

  get bytesAt(): usize {
    return this.stringAt;
  }

  /** How many bytes a string of base64 stands for, without decoding it. */
  base64Length(): i32 {
    this.next();
    this.span();
    const length = base64Bytes(this.stringAt, this.stringLength);
    if (length < 0) malformed();
    return length;
  }

  /** A whole number that is not negative, without fraction or exponent. */
  number(): u64 {
    let digit = <u32>this.next() - 0x30;
    const from = this.at;
    let value: u64 = 0;
    while (digit < 10) {
      if (value > (u64.MAX_VALUE - digit) / 10) malformed();
      value = value * 10 + digit;
      this.at++;
      if (this.at == this.end) break;
      digit = <u32>load<u8>(this.at) - 0x30;
    }
    if (this.at == from || (load<u8>(from) == 0x30 && this.at > from + 1)) malformed();
    return value;
  }

  boolean(): bool {
    const yes = this.next() == 0x74;
    this.word(yes ? "true" : "false");
    return yes;
  }

  /** Passes over a value of any type, nested ones too. */
  skip(): void {
    let depth = 0;
    do {
      const byte = this.next();
      if (byte == 0x22) this.span();
      else if (byte == 0x7b || byte == 0x5b) {
        depth++;
        this.at++;
      } else if (byte == 0x7d || byte == 0x5d) {
        depth--;
        this.at++;
      } else if (byte == 0x2c || byte == 0x3a) this.at++;
      else if (byte == 0x74) this.word("true");
      else if (byte == 0x66) this.word("false");
      else if (byte == 0x6e) this.word("null");
      else {
        const from = this.at;
        while (this.at < this.end && isNumeric(load<u8>(this.at))) this.at++;
        if (this.at == from) malformed();
      }
    } while (depth > 0);
    if (depth < 0) malformed();
  }

  /** Nothing but white space may follow. */
  finish(): void {
    this.blank();
    if (this.at != this.end) malformed();
  }

  private another(close: u8): bool {
    const byte = this.next();
    if (byte == close) {
      this.at++;
      this.first = false;
      return false;
    }
    if (!this.first) {
      if (byte != 0x2c) malformed();
      this.at++;
      this.next();
    }
    this.first = false;
    return true;
  }

  private blank(): void {
    while (this.at < this.end) {
      const byte = load<u8>(this.at);
      if (byte != 0x20 && byte != 0x0a && byte != 0x0d && byte != 0x09) break;
      this.at++;
    }
  }

  private next(): u8 {
    this.blank();
    if (this.at == this.end) malformed();
    return load<u8>(this.at);
  }

  private word(text: string): void {
    for (let index = 0; index < text.length; index++, this.at++) {
      if (this.at == this.end || load<u8>(this.at) != text.charCodeAt(index)) malformed();
    }
  }

  private text(): string {
    const text = decodeUtf8(this.stringAt, this.stringLength);
    if (text == null) malformed();
    return text!;
  }

  /** Reads a string token and leaves its content in stringAt and stringLength. */
  private span(): void {
    let from = this.at;
    if (from == this.end || load<u8>(from) != 0x22) malformed();
    from++;
    const start = from;
    while (true) {
      if (from >= this.end) malformed();
      const byte = load<u8>(from);
      if (byte == 0x22) break;
      if (byte < 0x20) malformed();
      if (byte == 0x5c) {
        this.unescape(start, from);
        return;
      }
      from++;
    }
    this.stringAt = start;
    this.stringLength = <i32>(from - start);
    this.at = from + 1;
  }

  /** Goes on with a string from its first backslash on; no escape is shorter than what it stands for. */
  private unescape(start: usize, from: usize): void {
    let to = from;
    while (true) {
      if (from >= this.end) malformed();
      const byte = load<u8>(from++);
      if (byte == 0x22) break;
      if (byte < 0x20) malformed();
      if (byte != 0x5c) {
        store<u8>(to++, byte);
        continue;
      }
      if (from >= this.end) malformed();
      const escape = load<u8>(from++);
      if (escape != 0x75) {
        store<u8>(to++, unescaped(escape));
        continue;
      }
      let point = this.hex(from);
      from += 4;
      if ((point & 0xfc00) == 0xd800 && from + 6 <= this.end && load<u16>(from) == 0x755c) {
        const low = this.hex(from + 2);
        if ((low & 0xfc00) == 0xdc00) {
          point = 0x10000 + ((point & 0x3ff) << 10) + (low & 0x3ff);
          from += 6;
        }
      }
      to += encodePoint(to, point);
    }
    this.stringAt = start;
    this.stringLength = <i32>(to - start);
    this.at = from;
  }

  private hex(at: usize): u32 {
    if (at + 4 > this.end) malformed();
    let value: u32 = 0;
    for (let index: usize = 0; index < 4; index++) {
      const byte = <u32>load<u8>(at + index);
      const letter = (byte | 0x20) - 0x61;
      if (byte - 0x30 < 10) value = (value << 4) | (byte - 0x30);
      else if (letter < 6) value = (value << 4) | (letter + 10);
      else malformed();
    }
    return value;
  }
}

function malformed(): void {
  throw new Error("malformed JSON");
}

function isNumeric(byte: u8): bool {
  return <u32>byte - 0x30 < 10 || byte == 0x2d || byte == 0x2b || byte == 0x2e || (byte | 0x20) == 0x65;
}

function unescaped(escape: u8): u8 {
  switch (escape) {
    case 0x22:
    case 0x5c:
    case 0x2f:
      return escape;
    case 0x62:
      return 0x08;
    case 0x66:
      return 0x0c;
    case 0x6e:
      return 0x0a;
    case 0x72:
      return 0x0d;
    case 0x74:
      return 0x09;
    default:
      malformed();
      return 0;
  }
}

function escapeControl(to: usize, point: u32): i32 {
  store<u8>(to, 0x5c);
  store<u8>(to, 0x75, 1);
  store<u8>(to, 0x30, 2);
  store<u8>(to, 0x30, 3);
  store<u8>(to, 0x30 + (point >> 4), 4);
  const low = point & 15;
  store<u8>(to, low < 10 ? 0x30 + low : 0x57 + low, 5);
  return 6;
}
