/**
 * A visitor that computes, for measuring: FNV-1a over a file's bytes, read round and round until so many steps are done (about a millisecond); for a folder, the
 * sum of what stands below.
 */
import { bytes, job } from "../sdk/guest";
import { isLeaf, outNumber, sum } from "../sdk/visit";

const steps = 800_000;

export function caos_run(): void {
  outNumber(isLeaf() ? u64(hash(bytes(job.arg("in").oid))) : sum());
}

function hash(content: Uint8Array): u32 {
  const start = content.dataStart;
  const end = start + content.length;
  let value: u32 = 0x811c9dc5;
  let at = start;
  for (let step = 0; step < steps && start < end; step++) {
    value = (value ^ u32(load<u8>(at))) * 0x01000193;
    if (++at == end) at = start;
  }
  return value;
}
