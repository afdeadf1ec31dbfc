/**
 * What an executor and its script child say to each other, over two pipes; both ends read and write it with this file, which runs in Node and inside the sealed isolate alike (so it uses
 * nothing but the language). All is synchronous: the host asks, and then reads until the turn that it asked for ends; jobs ahead have their turns meanwhile, and are read when their time comes.
 *
 *     message  = length u32 (of what follows), type u8, fields
 *     numbers  = u32, little-endian                 oid = 20 bytes
 *     bytes    = length u32, the bytes               text = bytes of UTF-8
 *     objects along = count u32, per object kind u8 (0 blob, 1 tree), oid, bytes: the job need not ask for them. It has those of `run` and `settled` until it waits, those of an answer until another one brings some
 *
 *     host to child
 *     1 run        job u32, request oid, args oid, std oid (zeros: none), salt text, args' tree bytes, objects along, module oid, module bytes (empty when this child has had that module)
 *     2 settled    job u32, count u32, then per call in the order of `wait`: kind u8 (0 blob, 1 tree, 2 failed), then an oid, or a code and a message, texts; objects along
 *     3 answer     status u8 (0 ok, 1 an error, 2 the job is abandoned), bytes (of the answer, of the error's UTF-8, none), objects along
 *     4 drop       job u32. Only for a job that waits; nothing comes back
 *     5 run ahead  as `run`, of a module that this child has had: the job's turn begins once the job before it in the pipe has completed, failed or was abandoned. Where that one waits or is exhausted, all jobs ahead
 *                  that stand behind it are forgotten, until the next `run` or `settled`
 *
 *     child to host, in a turn of a job
 *     16 get       job u32, oid. Answered: a blob's bytes
 *     17 tree      job u32, oid. Answered: a tree's bytes
 *     18 put blob  job u32, bytes. Answered: an oid
 *     19 put tree  job u32, entries as git has them, in any order. Answered: an oid
 *     20 log       job u32, text. Not answered
 *     21 put small job u32, bytes of a blob of at most smallBlobBytes. Not answered: the child names it itself
 *     22 read      job u32, kind u8, oid of an object that came along and was read now. Not answered
 *     child to host, the end of a turn
 *     32 wait      job u32, count u32, then per call that is not settled, in the order of calling: image text, kind u8 (0 oid, 1 entries), bytes
 *     33 completed job u32, kind u8 (0 blob, 1 tree, 2 a blob's bytes), bytes (20 of an oid, or the blob's)
 *     34 failed    job u32, code u8 (0 trap, 1 abi, 2 module), message text, detail text (for people: never part of an outcome)
 *     35 abandoned job u32: the job was told so by an answer, and its turn is over
 *     36 exhausted job u32, text: this job can't be answered by this child, for the machine's sake (stack, memory); the child may be gone next
 *     37 ready     no fields: the realm is sealed. Once, first
 *
 * Malformed bytes from the child mean that its isolate was broken out of: the child is killed. Malformed bytes from the host are a bug.
 */

export const fromHost = { run: 1, settled: 2, answer: 3, drop: 4, ahead: 5 } as const;
export const fromChild = {
  get: 16,
  tree: 17,
  putBlob: 18,
  putTree: 19,
  log: 20,
  putSmall: 21,
  read: 22,
  wait: 32,
  completed: 33,
  failed: 34,
  abandoned: 35,
  exhausted: 36,
  ready: 37,
} as const;
export const failedCodes = { trap: 0, abi: 1, module: 2 } as const;
export const kindCodes = { blob: 0, tree: 1 } as const;
export const answerStatus = { ok: 0, error: 1, abandon: 2 } as const;

/** Length and type. */
export const headerBytes = 5;
/** Length of a message without its header's length field: an object of the largest size, and what stands around it. */
export const messageBytesMax = (256 << 20) + (1 << 20);
/** A blob up to here is named by the child itself, so that putting it costs no round trip. */
export const smallBlobBytes = 1 << 15;
const oidLength = 20;

/** Thrown by a reader: the message says more or less than its length. */
export class MalformedMessage extends Error {
  override readonly name = "MalformedMessage";
  constructor() {
    super("a malformed message");
  }
}

/** Reads the fields of one message, which is all of `bytes`. */
export class MessageReader {
  readonly bytes: Uint8Array;
  at: number;
  constructor(bytes: Uint8Array, at: number) {
    this.bytes = bytes;
    this.at = at;
  }

  byte(): number {
    const value = this.bytes[this.at++];
    if (value === undefined) throw new MalformedMessage();
    return value;
  }

  number(): number {
    const { bytes, at } = this;
    if (at + 4 > bytes.length) throw new MalformedMessage();
    this.at = at + 4;
    return readNumber(bytes, at);
  }

  /** The next 20 bytes, in place. */
  oid(): Uint8Array {
    return this.#take(oidLength);
  }

  /** In place. */
  lengthAndBytes(): Uint8Array {
    return this.#take(this.number());
  }

  /** Throws when something is left. */
  end(): void {
    if (this.at !== this.bytes.length) throw new MalformedMessage();
  }

  #take(length: number): Uint8Array {
    const end = this.at + length;
    if (end > this.bytes.length) throw new MalformedMessage();
    const taken = this.bytes.subarray(this.at, end);
    this.at = end;
    return taken;
  }
}

export function readNumber(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] as number) |
      ((bytes[at + 1] as number) << 8) |
      ((bytes[at + 2] as number) << 16) |
      ((bytes[at + 3] as number) << 24)) >>>
    0
  );
}

export function writeNumber(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
}

/** Bytes that the UTF-8 of a text takes at most. */
export function utf8BytesMost(text: string): number {
  return text.length * 3;
}

/** Writes a text as UTF-8 at `at` and returns where it ends; a lone surrogate becomes U+FFFD. */
export function writeUtf8(text: string, bytes: Uint8Array, at: number): number {
  let to = at;
  for (let from = 0; from < text.length; from++) {
    let code = text.charCodeAt(from);
    if (code < 0x80) {
      bytes[to++] = code;
      continue;
    }
    if (code >= 0xd800 && code <= 0xdfff) {
      const next = code < 0xdc00 ? text.charCodeAt(from + 1) : 0;
      if (next >= 0xdc00 && next <= 0xdfff) {
        code = 0x10000 + ((code - 0xd800) << 10) + (next - 0xdc00);
        from++;
      } else code = 0xfffd;
    }
    if (code < 0x800) bytes[to++] = 0xc0 | (code >> 6);
    else {
      if (code < 0x10000) bytes[to++] = 0xe0 | (code >> 12);
      else {
        bytes[to++] = 0xf0 | (code >> 18);
        bytes[to++] = 0x80 | ((code >> 12) & 0x3f);
      }
      bytes[to++] = 0x80 | ((code >> 6) & 0x3f);
    }
    bytes[to++] = 0x80 | (code & 0x3f);
  }
  return to;
}

/** The text of bytes as the Encoding Standard decodes them (each malformed sequence is one U+FFFD, a byte order mark stays); undefined when they are malformed and `strict`. */
export function readUtf8(bytes: Uint8Array, strict: boolean): string | undefined {
  let text = "";
  let units: number[] = [];
  for (let at = 0; at < bytes.length;) {
    const lead = bytes[at++] as number;
    let code = lead;
    if (lead >= 0x80) {
      let more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
      let isSound = lead >= 0xc2 && lead <= 0xf4;
      if (isSound) {
        code = lead & (0x3f >> more);
        // The second byte's range rules out overlong forms, surrogates, and what lies beyond Unicode.
        let low = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
        let high = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
        for (; more > 0; more--) {
          const next = bytes[at];
          if (next === undefined || next < low || next > high) break;
          code = (code << 6) | (next & 0x3f);
          low = 0x80;
          high = 0xbf;
          at++;
        }
        isSound = more === 0;
      }
      if (!isSound) {
        if (strict) return undefined;
        code = 0xfffd;
      }
    }
    if (code >= 0x10000) {
      units.push(0xd800 + ((code - 0x10000) >> 10), 0xdc00 + ((code - 0x10000) & 0x3ff));
    } else units.push(code);
    if (units.length >= 4096) {
      text += Reflect.apply(String.fromCharCode, undefined, units);
      units = [];
    }
  }
  return text + Reflect.apply(String.fromCharCode, undefined, units);
}
