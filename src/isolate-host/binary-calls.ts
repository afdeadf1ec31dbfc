/**
 * The functions of the binary ABI (abi/binary.ts) on a frame. Every address is checked before anything is done or written, so that a call that answers with
 * an error has changed nothing: neither the guest's memory nor what is kept for `read`.
 */
import {
  answerBytes,
  copyOf,
  jobBytes,
  lies,
  readItems,
  readKind,
  readText,
  writeJob,
  writeOutcomes,
} from "../abi/binary.ts";
import { errorNumbers, errorText, type ErrorNumber } from "../abi/error-numbers.ts";
import { oidBytes, oidFromBytes, type Oid } from "../store/oid.ts";
import type { Frame } from "./frame.ts";

/** A guest that calls. */
export interface BinaryCaller {
  readonly frame: Frame;
  /** Its memory as it is now; empty before there is one. */
  readonly bytes: Buffer;
  /** What `read` gives. */
  kept: Uint8Array;
}

type Call = (caller: BinaryCaller, a: number, b: number, c: number) => number;

/** The functions by name; addresses and lengths come as unsigned numbers. They throw what the frame's operations throw. */
export const binaryCalls: Readonly<Record<string, Call>> = {
  job(caller, to) {
    if (!lies(caller.bytes, to, jobBytes)) return errorNumbers.outOfMemory;
    const { request } = caller.frame.job;
    writeJob(request, caller.bytes, to);
    return keep(caller, Buffer.from(request.salt, "utf8"));
  },
  args(caller) {
    return keep(caller, caller.frame.tree(caller.frame.job.request.args));
  },
  tree(caller, at) {
    if (!lies(caller.bytes, at, oidBytes)) return errorNumbers.outOfMemory;
    return keep(caller, caller.frame.tree(oidFromBytes(caller.bytes, at)));
  },
  blob(caller, at) {
    if (!lies(caller.bytes, at, oidBytes)) return errorNumbers.outOfMemory;
    return keep(caller, caller.frame.blob(oidFromBytes(caller.bytes, at)));
  },
  read({ bytes, kept }, to, from, length) {
    const copied = Math.max(0, Math.min(length, kept.length - from));
    if (!lies(bytes, to, copied)) return errorNumbers.outOfMemory;
    bytes.set(copied === kept.length ? kept : kept.subarray(from, from + copied), to);
    return copied;
  },
  put_blob({ frame, bytes }, at, length, to) {
    if (!lies(bytes, at, length) || !lies(bytes, to, oidBytes)) return errorNumbers.outOfMemory;
    return name(bytes, to, frame.putBlob(copyOf(bytes, at, length)));
  },
  put_tree({ frame, bytes }, at, length, to) {
    if (!lies(bytes, at, length) || !lies(bytes, to, oidBytes)) return errorNumbers.outOfMemory;
    return name(bytes, to, frame.putTree(copyOf(bytes, at, length)));
  },
  run_many(caller, at, count, to) {
    const { frame, bytes } = caller;
    if (!lies(bytes, to, count * answerBytes)) return errorNumbers.outOfMemory;
    const items = readItems(bytes, at, count);
    if (typeof items === "number") return items;
    const outcomes = frame.run(items);
    return typeof outcomes === "number" ? outcomes : keep(caller, writeOutcomes(outcomes, bytes, to));
  },
  out({ frame, bytes }, code, at) {
    if (!lies(bytes, at, oidBytes)) return errorNumbers.outOfMemory;
    const kind = readKind(code);
    return kind === undefined ? errorNumbers.badKind : (frame.out(kind, frame.nameAt(bytes, at)) ?? 0);
  },
  log({ frame, bytes }, at, length) {
    const text = readText(bytes, at, length);
    if (typeof text === "number") return text;
    frame.addLine(text);
    return 0;
  },
  error_text(caller, number) {
    return keep(caller, Buffer.from(errorText(number | 0) ?? "", "latin1"));
  },
};

/** Keeps bytes for `read` and answers their length; an error changes nothing. */
function keep(caller: BinaryCaller, bytes: Uint8Array | ErrorNumber): number {
  if (typeof bytes === "number") return bytes;
  caller.kept = bytes;
  return bytes.length;
}

/** Writes a name, or passes on why there is none. */
function name(bytes: Buffer, to: number, named: Oid | ErrorNumber): number {
  if (typeof named === "number") return named;
  bytes.write(named, to, "hex");
  return 0;
}
