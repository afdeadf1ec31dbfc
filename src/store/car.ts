/**
 * CAR version 1 files of git objects (https://ipld.io/specs/transport/car/carv1/), as this engine writes them: a subset with one spelling of everything, so that a file's bytes follow from what it holds.
 *
 *   header   varint, length of the rest | DAG-CBOR of {"roots": [CID], "version": 1}: one root, and nothing else
 *   block    varint, length of the rest | CID | the object as git hashes it: KIND SP LENGTH NUL BODY
 *   CID      01 78 11 14 and the oid's 20 bytes: version 1, codec git-raw, multihash sha1 of 20 bytes (cid.ts)
 *   varint   LEB128 without superfluous bytes
 *
 * Reading guarantees: an object's bytes hash to its name; no length is believed beyond what the file has left and an object may have, so memory is bounded by the largest object; any bytes are safe to read. Other
 * CAR files, though their objects may be git's, are refused: what the standard leaves open (several roots, several spellings of a number) would be bytes that nobody vouches for.
 */
import { hash } from "node:crypto";
import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { objectBytesMax } from "./errors.ts";
import type { GitObject, ObjectKind } from "./object.ts";
import { oidBytes, oidFromBytes, oidToBytes, type Oid } from "./oid.ts";

/** What every CID begins with. */
const cidHead = Buffer.of(0x01, 0x78, 0x11, 0x14);
const cidBytes = cidHead.length + oidBytes;

/** {"roots": [42(h'00 CID')], "version": 1}, before the root's CID and after it. */
const headerHead = Buffer.concat([
  Buffer.of(0xa2, 0x65),
  Buffer.from("roots", "latin1"),
  Buffer.of(0x81, 0xd8, 0x2a, 0x58, 1 + cidBytes, 0x00),
]);
const headerTail = Buffer.concat([Buffer.of(0x67), Buffer.from("version", "latin1"), Buffer.of(0x01)]);
const headerBytes = headerHead.length + cidBytes + headerTail.length;

/** Git's header before an object: `commit`, a length, two separators. */
const objectHeadBytesMax = 32;

/** Bytes of a varint. A longer one would be no length that anything may have. */
const varintBytesMax = 6;

/** What is read from the file at a time. */
const windowBytes = 1 << 18;

/** A file that is not what `carHeader` and `carBlock` write. */
export class MalformedCar extends Error {
  override readonly name = "MalformedCar";
  readonly reason: string;
  /** Where in the file what is wrong begins. */
  readonly at: number;
  constructor(reason: string, at: number) {
    super(`${reason} (at byte ${at})`);
    this.reason = reason;
    this.at = at;
  }
}

/** The bytes that a file begins with. */
export function carHeader(root: Oid): Buffer {
  return Buffer.concat([varint(headerBytes), headerHead, cidHead, oidToBytes(root), headerTail]);
}

/** The bytes of an object's block; the object's body is one of them, not copied. */
export function carBlock(name: Oid, { kind, body }: GitObject): readonly [head: Buffer, body: Uint8Array] {
  const head = Buffer.from(`${kind} ${body.length}\0`, "latin1");
  return [Buffer.concat([varint(cidBytes + head.length + body.length), cidHead, oidToBytes(name), head]), body];
}

export interface CarBlock {
  readonly name: Oid;
  readonly object: GitObject;
  /** Where its block begins in the file. */
  readonly at: number;
}

/** Reads a file from its beginning to its end. */
export class CarReader {
  readonly #fd: number;
  readonly #size: number;
  #window = Buffer.alloc(0);
  /** Where the window begins in the file. */
  #windowAt = 0;
  #at = 0;
  readonly root: Oid;

  /** Throws MalformedCar, or what the file system says. To be closed. */
  constructor(path: string) {
    // A pipe without a writer would be waited for.
    this.#fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const stat = fstatSync(this.#fd);
      if (!stat.isFile()) throw new MalformedCar("it is no regular file", 0);
      this.#size = stat.size;
      this.root = this.#header();
    } catch (error) {
      closeSync(this.#fd);
      throw error;
    }
  }

  /** Bytes of the file. */
  get size(): number {
    return this.#size;
  }

  /** Where the next block begins. */
  get at(): number {
    return this.#at;
  }

  /** The next object, of at most so many bytes; undefined at the file's end. Its bytes are nobody else's. Throws MalformedCar. */
  next(bodyBytesMax: number = objectBytesMax): CarBlock | undefined {
    if (this.#at === this.#size) return undefined;
    const at = this.#at;
    const length = this.#varint();
    if (length < cidBytes) throw new MalformedCar("a block is too short for a name", at);
    if (length > cidBytes + objectHeadBytesMax + bodyBytesMax) throw new MalformedCar("a block is too long", at);
    const bytes = this.#take(length, at);
    if (!bytes.subarray(0, cidHead.length).equals(cidHead)) {
      throw new MalformedCar("a block is named by something else than the CID of a git object", at);
    }
    const name = oidFromBytes(bytes, cidHead.length);
    const whole = bytes.subarray(cidBytes);
    if (hash("sha1", whole, "hex") !== name) throw new MalformedCar(`the bytes of ${name} have another hash`, at);
    return { name, object: parseObject(whole, name, at), at };
  }

  close(): void {
    closeSync(this.#fd);
  }

  #header(): Oid {
    const noCar = () => new MalformedCar("it does not begin as a CAR file of one git object does", 0);
    if (this.#size < 1 + headerBytes || this.#varint() !== headerBytes) throw noCar();
    const bytes = this.#take(headerBytes, 0);
    const root = oidFromBytes(bytes, headerHead.length + cidHead.length);
    if (!carHeader(root).subarray(1).equals(bytes)) throw noCar();
    return root;
  }

  #varint(): number {
    const at = this.#at;
    let value = 0;
    let scale = 1;
    for (let bytes = 1; bytes <= varintBytesMax; bytes++) {
      const byte = this.#view(1, at)[0] as number;
      this.#at++;
      value += (byte & 0x7f) * scale;
      scale *= 0x80;
      if (byte >= 0x80) continue;
      if (byte === 0 && bytes > 1) throw new MalformedCar("a length is not written the shortest way", at);
      return value;
    }
    throw new MalformedCar("a length is too large", at);
  }

  /** The next bytes, a copy. */
  #take(length: number, from: number): Buffer {
    if (length > windowBytes) {
      this.#mustHave(length, from);
      const bytes = Buffer.allocUnsafeSlow(length);
      this.#fill(bytes, this.#at);
      this.#at += length;
      return bytes;
    }
    const bytes = Buffer.from(this.#view(length, from));
    this.#at += length;
    return bytes;
  }

  /** The next bytes, a view that holds until the next call; not passed. */
  #view(length: number, from: number): Buffer {
    this.#mustHave(length, from);
    const start = this.#at - this.#windowAt;
    if (start + length > this.#window.length || start < 0) {
      this.#window = Buffer.allocUnsafeSlow(Math.min(windowBytes, this.#size - this.#at));
      this.#fill(this.#window, this.#at);
      this.#windowAt = this.#at;
      return this.#window.subarray(0, length);
    }
    return this.#window.subarray(start, start + length);
  }

  #mustHave(length: number, from: number): void {
    if (this.#at + length > this.#size) throw new MalformedCar("it is cut short", from);
  }

  #fill(bytes: Buffer, at: number): void {
    for (let got = 0; got < bytes.length;) {
      const read = readSync(this.#fd, bytes, got, bytes.length - got, at + got);
      if (read === 0) throw new MalformedCar("it became shorter while it was read", at + got);
      got += read;
    }
  }
}

const objectHead = /^(blob|tree|commit|tag) (0|[1-9]\d*)$/;

function parseObject(whole: Buffer, name: Oid, at: number): GitObject {
  const nul = whole.subarray(0, objectHeadBytesMax).indexOf(0);
  const [, kind, length] = objectHead.exec(whole.toString("latin1", 0, Math.max(nul, 0))) ?? [];
  const body = whole.subarray(nul + 1);
  if (kind === undefined || Number(length) !== body.length) throw new MalformedCar(`${name} is no git object`, at);
  return { kind: kind as ObjectKind, body };
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push(0x80 | (rest % 0x80));
  bytes.push(rest);
  return Buffer.from(bytes);
}
