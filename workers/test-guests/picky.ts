/** A visitor that fails on a file that begins with "bad", with its text, and on a folder with a child "no". */
import { Kind, fail, job, out, putText, text } from "../sdk/guest";
import { children } from "../sdk/visit";

export function caos_run(): void {
  const node = job.arg("in");
  if (job.find("children") == null) fail("no children: cannot tell");
  const below = children();
  for (let index = 0; index < below.length; index++) if (below[index].isNamed("no")) fail("a child is called no");
  if (!node.isTree) {
    const content = text(node.oid);
    if (content.startsWith("bad")) fail(content);
    if (content == "trap") unreachable();
  }
  out(Kind.Blob, putText("fine"));
}
