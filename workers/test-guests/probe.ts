/** Does what the arg `do` says with the arg `in`: each a part of the SDK that visitors use only in part. */
import {
  Entry,
  Kind,
  Mode,
  Request,
  bytes,
  fail,
  job,
  log,
  out,
  putBlob,
  putText,
  putTree,
  run,
  runMany,
  size,
  text,
  tree,
} from "../sdk/guest";
import { JsonReader, JsonWriter } from "../sdk/json";

export function caos_run(): void {
  const what = text(job.arg("do").oid);
  const node = job.arg("in");
  if (what == "log") log(text(node.oid));
  if (what == "tree") out(Kind.Tree, putTree(tree(node.oid).reverse()));
  else out(Kind.Blob, what == "bytes" ? putBlob(bytes(node.oid)) : putText(answer(what, node)));
}

function answer(what: string, node: Entry): string {
  if (what == "text" || what == "log") return text(node.oid);
  if (what == "size") return size(node.oid).toString();
  if (what == "throw") throw new Error(text(node.oid));
  if (what == "fail") fail(text(node.oid));
  if (what == "index") return [node][text(node.oid).length].name;
  if (what == "modes") return modes(tree(node.oid));
  if (what == "run") return told(run(text(node.oid), []).error);
  if (what == "none") return runMany([]).length.toString();
  if (what == "many") return many(text(node.oid));
  return json(what, bytes(node.oid));
}

function told(error: string): string {
  return "told: " + error;
}

/** Two nested requests, the second for an image that is the text; the first fails for want of an arg. */
function many(image: string): string {
  const answers = runMany([
    new Request("/cas/std/probe", []),
    new Request(image, [Entry.of("in", Kind.Tree, putTree([]))]),
  ]);
  return (answers[0].ok ? "ok" : answers[0].error) + ", " + (answers[1].ok ? "ok" : answers[1].error);
}

function modes(entries: Entry[]): string {
  let said = "";
  for (let index = 0; index < entries.length; index++) {
    const mode = entries[index].mode;
    if (mode == Mode.File) said += "file ";
    else if (mode == Mode.Executable) said += "executable ";
    else if (mode == Mode.Symlink) said += "symlink ";
    else if (mode == Mode.Gitlink) said += "gitlink ";
    else said += "folder ";
  }
  return said;
}

function json(what: string, content: Uint8Array): string {
  const reader = new JsonReader(content.dataStart, content.length);
  const writer = new JsonWriter();
  if (what == "json-string") writer.string(reader.string());
  else if (what == "json-number") writer.number(reader.number());
  else if (what == "json-base64") {
    const length = reader.base64();
    writer.base64(reader.bytesAt, length);
  } else if (what == "json-skip") {
    reader.skip();
    writer.raw("skipped");
  } else fail("unknown: " + what);
  reader.finish();
  return text(putBlob(writer.bytes()));
}
