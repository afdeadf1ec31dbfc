/**
 * Calls of the binary ABI as the arg `do` lists them, to the letter: what the SDK would never ask. Each is a line `FUNCTION A B C`. A number is decimal; `p` and a
 * number counts from a page that nothing else uses, `e` and a number back from the end of memory. Further lines are `grow` (by a page), `u32 AT VALUE` (stores a number), `oid NAME AT` (an arg's
 * name), `content NAME AT` (what is in the arg, a blob). The result is a line for each call: its answer, and in hex what it wrote to the sixty bytes at `p4096`.
 */
import * as host from "../sdk/coppice_v1";
import { Kind, bytes, fail, job, out, putText, text } from "../sdk/guest";

/** Pages that the heap may use before it meets the scripts' own. */
const heapPages = 15;
const page: i32 = heapPages << 16;
const probeAt: i32 = page + 4096;
const probeBytes = 60;

export function caos_run(): void {
  if (memory.grow(heapPages + 2 - memory.size()) < 0) fail("no memory");
  const script = text(job.arg("do").oid).split("\n");
  let said = "";
  for (let index = 0; index < script.length; index++) {
    if (script[index].length > 0) said += step(script[index].split(" "));
  }
  out(Kind.Blob, putText(said));
}

function step(words: string[]): string {
  const what = words[0];
  const a = number(words, 1);
  const b = number(words, 2);
  const c = number(words, 3);
  if (what == "grow") return memory.grow(1) < 0 ? "no memory\n" : "";
  if (what == "u32") {
    store<u32>(a, b);
    return "";
  }
  if (what == "oid" || what == "content") {
    const oid = job.arg(words[1]).oid;
    if (what == "oid") memory.copy(b, oid, 20);
    else memory.copy(b, bytes(oid).dataStart, <i32>bytes(oid).length);
    return "";
  }
  memory.fill(probeAt, 0xee, probeBytes);
  const answer = call(what, a, b, c);
  let shown = "";
  let written = probeBytes;
  while (written > 0 && load<u8>(probeAt + written - 1) == 0xee) written--;
  for (let index = 0; index < written; index++) {
    const byte = load<u8>(probeAt + index);
    shown += "0123456789abcdef".charAt(byte >> 4) + "0123456789abcdef".charAt(byte & 15);
  }
  return what + " " + answer.toString() + (written > 0 ? " " + shown : "") + "\n";
}

/** The number that a word spells, as 32 bits; 0 for one that is not there. */
function number(words: string[], at: i32): i32 {
  if (at >= words.length) return 0;
  const word = words[at];
  if (word.startsWith("p")) return page + <i32>I64.parseInt(word.substring(1));
  if (word.startsWith("e")) return (memory.size() << 16) - <i32>I64.parseInt(word.substring(1));
  return <i32>I64.parseInt(word);
}

function call(what: string, a: i32, b: i32, c: i32): i32 {
  if (what == "job") return host.job(a);
  if (what == "args") return host.args();
  if (what == "tree") return host.tree(a);
  if (what == "blob") return host.blob(a);
  if (what == "read") return host.read(a, b, c);
  if (what == "put_blob") return host.put_blob(a, b, c);
  if (what == "put_tree") return host.put_tree(a, b, c);
  if (what == "run_many") return host.run_many(a, b, c);
  if (what == "out") return host.out(a, b);
  if (what == "log") return host.log(a, b);
  if (what == "error_text") return host.error_text(a);
  fail("unknown: " + what);
  return 0;
}
