/**
 * Whether the blob `blob` is plain text, as src/tools/plain-call.ts says it: printable ASCII and tabs in lines that are each ended. Gives the empty blob where it is, else "other".
 *
 * The shell asks for it, so that a file's bytes need not come to it and the answer is remembered. No member of the standard library. It reads in pieces, since an instance whose memory has grown serves no other job.
 */
import { blob, read } from "../sdk/coppice_v1";
import { Kind, job, out, putText, size } from "../sdk/guest";

const pieceBytes: i32 = 16384;
const piece = memory.data(16384, 16);
const newline: u8 = 0x0a;
/** In each of eight bytes: one, and the high bit. */
const ones: u64 = 0x0101010101010101;
const highs: u64 = 0x8080808080808080;

export function caos_run(): void {
  const oid = job.arg("blob").oid;
  // What the host refuses ends the job.
  const length = <i32>size(oid);
  out(Kind.Blob, putText(blob(oid) == length && isPlain(length) ? "" : "other"));
}

function isPlain(length: i32): bool {
  let last = newline;
  for (let from: i32 = 0; from < length;) {
    const got = read(piece, from, min(pieceBytes, length - from));
    if (got <= 0) return false;
    let at = piece;
    for (; at + 8 <= piece + got; at += 8) if (!areEightPlain(load<u64>(at))) return false;
    for (; at < piece + got; at++) if (!areEightPlain(<u64>load<u8>(at) | (ones * newline - newline))) return false;
    last = load<u8>(piece + got - 1);
    from += got;
  }
  return last == newline;
}

/** Eight bytes at once. Bit 7 of each is what is known of it; with none of them set, no sum or difference of the others goes beyond its byte. */
function areEightPlain(bytes: u64): bool {
  if ((bytes & highs) != 0) return false;
  const isSpaceOrMore = (bytes | highs) - ones * 0x20;
  const isNoNewline = (bytes ^ (ones * newline)) + ones * 0x7f;
  const isNoTab = (bytes ^ (ones * 0x09)) + ones * 0x7f;
  const isNoDelete = (bytes ^ (ones * 0x7f)) + ones * 0x7f;
  return ((isSpaceOrMore | ~(isNoNewline & isNoTab)) & isNoDelete & highs) == highs;
}
