/**
 * The binary ABI, `coppice_v1`: calls without JSON (design/abi-binary.md says what each means, and has every layout byte by byte). This file is its
 * layouts: what a guest hands over to typed values, and answers to bytes. Pure: whether what a call names exists is for whoever serves it.
 *
 * Numbers are u32, little-endian. A guest's memory comes as a Buffer over it, and every address and length as an unsigned number. Whoever calls a
 * reader or writer below with a `…At` has checked that it lies inside (`lies`).
 */
import { isUtf8 } from "node:buffer";
import { oidBytes, oidFromBytes } from "../store/oid.ts";
import type { Outcome } from "../store/outcome.ts";
import { answerBytesMax } from "./answer.ts";
import { batchMax, callBytesMax, type NestedCall } from "./call.ts";
import { errorNumbers, type ErrorNumber } from "./error-numbers.ts";
import type { Request } from "./request.ts";

export const binaryModule = "coppice_v1";

/** Types of the functions, as the isolate host checks them: parameters, then results; i = i32. */
export const binaryFunctions = {
  job: "i:i",
  args: ":i",
  tree: "i:i",
  blob: "i:i",
  read: "iii:i",
  put_blob: "iii:i",
  put_tree: "iii:i",
  run_many: "iii:i",
  out: "ii:i",
  log: "ii:i",
  error_text: "i:i",
} as const;

/** Length of what `job` writes: args, std (zeros when there is none), the request itself. */
export const jobBytes = 3 * oidBytes;
/** Length of an item of `run_many`: address and length of the image's text, address and length of the args. */
export const itemBytes = 16;
/** Length of an answer of `run_many`: what it is, then the oid; or, for a failed one, where its message stands and how long it is. */
export const answerBytes = 4 + oidBytes;

const kinds = ["blob", "tree"] as const;
const kindCodes = { blob: 0, tree: 1, failed: 2 } as const satisfies Record<Outcome["kind"], number>;

/** Whether `length` bytes from `at` lie inside a memory. */
export function lies(memory: Uint8Array, at: number, length: number): boolean {
  return at + length <= memory.length;
}

/** A copy of what lies there, for whoever keeps it. */
export function copyOf(memory: Buffer, at: number, length: number): Buffer {
  const copy = Buffer.allocUnsafe(length);
  memory.copy(copy, 0, at, at + length);
  return copy;
}

/** The kind that `out` names, or undefined. */
export function readKind(code: number): "blob" | "tree" | undefined {
  return kinds[code];
}

/** A line for the log, or what is wrong with it. */
export function readText(memory: Buffer, at: number, length: number): string | ErrorNumber {
  if (!lies(memory, at, length)) return errorNumbers.outOfMemory;
  if (length > callBytesMax) return errorNumbers.tooLong;
  const bytes = memory.subarray(at, at + length);
  return isUtf8(bytes) ? bytes.toString("utf8") : errorNumbers.notUtf8;
}

/** What `job` writes. The salt, of any length, is not part of it. */
export function writeJob({ args, std, oid }: Request, memory: Buffer, to: number): void {
  memory.write(args, to, "hex");
  if (std === undefined) memory.fill(0, to + oidBytes, to + 2 * oidBytes);
  else memory.write(std, to + oidBytes, "hex");
  memory.write(oid, to + 2 * oidBytes, "hex");
}

/**
 * The items of a `run_many`, or what is wrong with one of them. Items may share bytes, but what they name comes to no more than a call's length, each item
 * counted.
 */
export function readItems(memory: Buffer, at: number, count: number): NestedCall[] | ErrorNumber {
  if (count > batchMax) return errorNumbers.tooMany;
  if (!lies(memory, at, count * itemBytes)) return errorNumbers.outOfMemory;
  const items: NestedCall[] = [];
  let bytes = 0;
  let image = "";
  let lastAt = -1;
  let lastLength = -1;
  for (let item = at; item < at + count * itemBytes; item += itemBytes) {
    const imageAt = memory.readUInt32LE(item);
    const imageLength = memory.readUInt32LE(item + 4);
    const argsAt = memory.readUInt32LE(item + 8);
    const argsLength = memory.readUInt32LE(item + 12);
    bytes += imageLength + argsLength;
    if (!lies(memory, imageAt, imageLength) || !lies(memory, argsAt, argsLength)) return errorNumbers.outOfMemory;
    if (bytes > callBytesMax) return errorNumbers.tooLong;
    // Most items of a call have one image, at one place.
    if (imageAt !== lastAt || imageLength !== lastLength) {
      const text = readText(memory, imageAt, imageLength);
      if (typeof text === "number") return text;
      image = text;
      lastAt = imageAt;
      lastLength = imageLength;
    }
    // No tree is as long as an oid: an entry alone takes 28 bytes.
    const args = argsLength === oidBytes ? oidFromBytes(memory, argsAt) : copyOf(memory, argsAt, argsLength);
    items.push({ image, args });
  }
  return items;
}

/** Writes the answers of `run_many` and returns the messages of those that failed, one behind the other; or writes nothing, when those are too long for any guest. */
export function writeOutcomes(outcomes: readonly Outcome[], memory: Buffer, to: number): Buffer | ErrorNumber {
  const messages: Buffer[] = [];
  let length = 0;
  for (const outcome of outcomes) {
    if (outcome.kind !== "failed") continue;
    const message = Buffer.from(outcome.message, "utf8");
    length += message.length;
    if (length > answerBytesMax) return errorNumbers.tooLarge;
    messages.push(message);
  }
  let next = 0;
  let messageAt = 0;
  let at = to;
  for (const outcome of outcomes) {
    memory.writeUInt32LE(kindCodes[outcome.kind], at);
    if (outcome.kind === "failed") {
      const messageLength = (messages[next++] as Buffer).length;
      memory.writeUInt32LE(messageAt, at + 4);
      memory.writeUInt32LE(messageLength, at + 8);
      memory.fill(0, at + 12, at + answerBytes);
      messageAt += messageLength;
    } else memory.write(outcome.oid, at + 4, "hex");
    at += answerBytes;
  }
  return length === 0 ? noBytes : Buffer.concat(messages, length);
}
const noBytes = Buffer.alloc(0);
