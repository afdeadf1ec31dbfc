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
    for (let at = piece; at < piece + got; at++) {
      last = load<u8>(at);
      if (last - 0x20 > 0x5e && last != newline && last != 0x09) return false;
    }
    from += got;
  }
  return last == newline;
}
