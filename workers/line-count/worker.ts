/**
 * Visitor: how many lines there are, as digits and a newline. A line ends with a newline, as for `wc -l`; an
 * unfinished last line does not count. So the count of two texts joined is the sum of their counts, and a
 * symlink or gitlink, whose leaf is a name without a newline, counts as none.
 */
import { bytes, job } from "../sdk/guest";
import { newlines } from "../sdk/lines";
import { isLeaf, outNumber, sum } from "../sdk/visit";

export function caos_run(): void {
  outNumber(isLeaf() ? newlines(bytes(job.arg("in").oid)) : sum());
}
