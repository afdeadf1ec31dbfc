/**
 * Loose objects: `objects/XX/YYYY...`, each a zlib stream of `KIND SP LENGTH NUL BODY`. Guarantees: an object is read
 * whole or refused, and never takes more memory than its header says.
 */
import { closeSync, openSync, readFileSync, readSync } from "node:fs";
import { constants, inflateSync } from "node:zlib";
import type { GitObject, ObjectKind } from "../object.ts";
import { isAbsent } from "./file-path.ts";
import { BadStream, inflateAtMost, objectBytesMax } from "./inflate.ts";

/** `commit 1000000000` and a NUL fit. */
const headerBytesMax = 32;

/** So much of a file holds the header, deflated. */
const peekedBytes = 256;

/** Deflate makes at most 1,032 bytes out of one, so a file this short needs no look at its header first. */
const shortFileBytes = 16 * 1024;
const shortOutputBytesMax = shortFileBytes * 1032;

/** The object in a loose file, its name not checked yet; undefined when there is no such file. Throws BadStream. */
export function readLoose(file: string): GitObject | undefined {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
  if (bytes.length <= shortFileBytes) return splitHeader(inflateAtMost(bytes, shortOutputBytesMax));
  const { size, start } = parseHeader(peek(bytes));
  return splitHeader(inflateAtMost(bytes, start + size));
}

/** The kind that a loose file's header says, the rest not looked at; undefined when there is no such file. Throws BadStream. */
export function readLooseKind(file: string): ObjectKind | undefined {
  let fd: number;
  try {
    fd = openSync(file, "r");
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
  try {
    const bytes = Buffer.alloc(peekedBytes);
    return parseHeader(peek(bytes.subarray(0, readSync(fd, bytes)))).kind;
  } finally {
    closeSync(fd);
  }
}

/** The first bytes of a stream whose end is cut off on purpose. */
function peek(bytes: Buffer): Buffer {
  try {
    return inflateSync(bytes.subarray(0, peekedBytes), { finishFlush: constants.Z_SYNC_FLUSH });
  } catch (cause) {
    throw new BadStream("no zlib stream", false, cause);
  }
}

function splitHeader(bytes: Buffer): GitObject {
  const { kind, size, start } = parseHeader(bytes);
  if (bytes.length - start !== size) throw new BadStream("shorter or longer than its header says", false);
  return { kind, body: bytes.subarray(start) };
}

function parseHeader(bytes: Buffer): { readonly kind: ObjectKind; readonly size: number; readonly start: number } {
  const head = bytes.toString("latin1", 0, headerBytesMax);
  const match = /^(blob|tree|commit|tag) (0|[1-9][0-9]{0,11})\0/.exec(head);
  if (match === null) throw new BadStream("no object header", false);
  const size = Number(match[2]);
  if (size > objectBytesMax) throw new BadStream("too large", false);
  return { kind: match[1] as ObjectKind, size, start: match[0].length };
}
