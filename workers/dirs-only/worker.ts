/**
 * A fold's `pre`: `in` with nothing but its folders, so that a fold descends and visits no file. What is no
 * tree has none: the empty tree.
 */
import { Entry, Kind, job, out, putTree, tree } from "../sdk/guest";

export function caos_run(): void {
  const node = job.arg("in");
  const folders: Entry[] = [];
  if (node.isTree) {
    const entries = tree(node.oid);
    for (let index = 0; index < entries.length; index++) {
      if (entries[index].isTree) folders.push(entries[index]);
    }
  }
  out(Kind.Tree, putTree(folders));
}
