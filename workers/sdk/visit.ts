/**
 * For visitors, which a fold calls with `in` (what stands at the node) and `children` (a tree: name → the
 * visitor's result for that child). A number is kept as a blob: decimal digits and a newline.
 */
import { Entry, Kind, Oid, bytes, emptyTree, fail, hex, isSameOid, job, out, putText, tree } from "./guest";

/** Whether nothing stands below this node: `in` is no tree and nothing unfolded it. */
export function isLeaf(): bool {
  return !job.arg("in").isTree && children().length == 0;
}

let read: Entry[] | null = null;

/** The results of the nodes below, in the order of git. */
export function children(): Entry[] {
  if (read == null) {
    const oid = job.arg("children").oid;
    // Every leaf has this one, and its name says what it holds.
    read = isSameOid(oid, emptyTree) ? [] : tree(oid);
  }
  return read!;
}

/** The number in a blob. Ends the job when there is none. */
export function number(oid: Oid): u64 {
  const content = bytes(oid);
  const digits = content.length - 1;
  let value: u64 = 0;
  let good = digits > 0 && digits <= 19 && content[digits] == 0x0a;
  for (let index = 0; good && index < digits; index++) {
    const digit = <u32>content[index] - 0x30;
    good = digit < 10;
    value = value * 10 + digit;
  }
  if (!good) fail("not a number: " + hex(oid));
  return value;
}

/** The sum of the numbers of the nodes below. */
export function sum(): u64 {
  const entries = children();
  let total: u64 = 0;
  for (let index = 0; index < entries.length; index++) total += number(entries[index].oid);
  return total;
}

/** Makes a number the job's result. */
export function outNumber(value: u64): void {
  out(Kind.Blob, putText(value.toString() + "\n"));
}
