/**
 * Visitor: how many bytes of content there are, as digits and a newline. A symlink counts as git counts it,
 * with the length of its text. A gitlink has no content here and counts as none; only the folder it stands in
 * can see that it is one, so a fold over nothing but a gitlink's leaf counts the 40 bytes that it is handed.
 */
import { Lookup, Mode, job, size, tree } from "../sdk/guest";
import { children, isLeaf, number, outNumber } from "../sdk/visit";

export function caos_run(): void {
  const node = job.arg("in");
  if (isLeaf()) {
    outNumber(size(node.oid));
    return;
  }
  const entries = new Lookup(node.isTree ? tree(node.oid) : []);
  const results = children();
  let total: u64 = 0;
  for (let index = 0; index < results.length; index++) {
    const result = results[index];
    const entry = entries.find(result);
    if (entry != null && entry.mode == Mode.Gitlink) continue;
    total += number(result.oid);
  }
  outNumber(total);
}
