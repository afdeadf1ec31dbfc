/**
 * The recursive fold: result = post({in, children}), where children holds each child's own fold.
 *
 * Arguments: `in` (what to fold), `post` (blob: an image), `pre` (optional blob: an image; the entries of
 * pre({in}) are then the children, for a blob too). Without `pre`, the children of a tree are its entries.
 * Only what decides the requests is read: `in` when it is a tree, the images, never a file.
 *
 * A failure's message is one of
 *
 *     ./sub/file: TEXT    a node below failed with TEXT; the path leads from `in` to it
 *     .: TEXT             this node failed: its `post`, or (as `pre: TEXT`) its `pre`
 *     TEXT                this fold was refused or stopped before it could say so (arguments, limits)
 *
 * The folding parent puts `./NAME` before it, and drops the dot that began it. It looks for that dot only in
 * what folds said; a visitor's text is passed on as it is, whatever it looks like. Names with control
 * characters, quotes or backslashes stand in the path as JSON strings; a byte that is no UTF-8 as \xNN in one.
 */
import { Entry, Kind, Request, argument, fail, job, out, putTree, run, runMany, text, tree } from "../sdk/guest";

const foldImage = "/cas/std/fold-wasm";
/** Children that are asked for at once. A call may have 64 MiB, which is some 600,000 children; of this many, the host holds no more than it needs. */
const batchMax: i32 = 65536;

export function caos_run(): void {
  const node = argument("in", job.arg("in"));
  const post = argument("post", job.arg("post"));
  const preGiven = job.find("pre");
  const pre: Entry | null = preGiven == null ? null : argument("pre", preGiven);
  const postImage = text(post.oid);

  const unfolded = pre == null ? node : unfold(node, text(pre.oid));
  const entries: Entry[] = unfolded.isTree ? tree(unfolded.oid) : [];
  const noChildren = Entry.of("children", Kind.Tree, putTree([]));

  const children = new Array<Entry>(entries.length);
  let failure = "";
  for (let from = 0; from < entries.length; from += batchMax) {
    const count = min(batchMax, entries.length - from);
    const requests = new Array<Request>(count);
    for (let index = 0; index < count; index++) {
      const child = argument("in", entries[from + index]);
      if (pre != null) requests[index] = new Request(foldImage, [child, post, pre]);
      else if (child.isTree) requests[index] = new Request(foldImage, [child, post]);
      else requests[index] = new Request(postImage, [noChildren, child]);
    }
    const answers = runMany(requests);
    for (let index = 0; index < count; index++) {
      const entry = entries[from + index];
      const answer = answers[index];
      if (answer.ok) children[from + index] = answer.entryLike(entry);
      else if (failure.length == 0) {
        failure = "./" + readable(entry.name) + below(answer.error, pre != null || entry.isTree);
      }
    }
  }
  // The first child that fails fails the fold, and its siblings finish, those of later batches, too.
  if (failure.length > 0) fail(failure);

  const folded = entries.length == 0 ? noChildren : Entry.of("children", Kind.Tree, putTree(children));
  const result = run(postImage, [folded, node]);
  if (!result.ok) fail(".: " + result.error);
  out(result.kind, result.oid);
}

/** What `pre` makes of a node. */
function unfold(node: Entry, image: string): Entry {
  const answer = run(image, [node]);
  if (!answer.ok) fail(".: pre: " + answer.error);
  if (answer.kind != Kind.Tree) fail(".: pre: its result is not a tree");
  return answer.entry("in");
}

/** A failed child's message as it goes on behind the child's name. */
function below(message: string, isFold: bool): string {
  if (isFold && (message.startsWith("./") || message.startsWith(".: "))) return message.substring(1);
  return ": " + message;
}

/** A name that is one piece of one line. */
function readable(name: string): string {
  let plain = true;
  for (let index = 0; plain && index < name.length; index++) {
    const unit = name.charCodeAt(index);
    plain = unit >= 0x20 && unit != 0x7f && unit != 0x22 && unit != 0x5c && !isByte(name, index);
  }
  if (plain) return name;
  let quoted = '"';
  for (let index = 0; index < name.length; index++) {
    const unit = name.charCodeAt(index);
    if (unit == 0x0a) quoted += "\\n";
    else if (unit == 0x09) quoted += "\\t";
    else if (isByte(name, index)) quoted += "\\x" + hex((unit >> 4) & 15) + hex(unit & 15);
    else if (unit < 0x20 || unit == 0x7f) quoted += "\\u00" + hex(unit >> 4) + hex(unit & 15);
    else {
      if (unit == 0x22 || unit == 0x5c) quoted += "\\";
      quoted += name.charAt(index);
    }
  }
  return quoted + '"';
}

/** Whether a byte that is no UTF-8 stands at `index`: a low surrogate without a high one. */
function isByte(name: string, index: i32): bool {
  if ((name.charCodeAt(index) & 0xfc00) != 0xdc00) return false;
  return index == 0 || (name.charCodeAt(index - 1) & 0xfc00) != 0xd800;
}

function hex(digit: i32): string {
  return "0123456789abcdef".charAt(digit);
}
