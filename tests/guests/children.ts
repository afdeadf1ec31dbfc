/** Small guests that others run, each for one way in which a request can come out. */
import type { Engine } from "../../src/engine.ts";
import { wasmMarker } from "../../src/abi/worker.ts";
import { emptyTree } from "../../src/store/object.ts";
import type { Oid } from "../../src/store/oid.ts";
import { guest } from "./assemble.ts";
import { json, script } from "./script.ts";

/** Gives an empty blob, whatever it is asked. */
export const silent = script([]);
export const trapping = guest("unreachable");
export const exiting = script([{ wat: "(call $proc_exit (i32.const 1))" }], {
  imports: '(import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))',
});

/** Logs a line, then traps: its message is the line. */
export function failing(line: string): Uint8Array {
  return script([json({ op: "log", msg: line }), { wat: "unreachable" }]);
}

/** Gives its own args tree: reads nothing but its job. */
export const echo = script(
  [
    {
      wat: `
    (drop (call $call (i32.const 0) (i32.const 12)))
    (call $read (i32.const 1024))
    (memory.copy (i32.const 47) (i32.const 1033) (i32.const 40))
    (drop (call $call (i32.const 13) (i32.const 76)))`,
    },
  ],
  {
    finish: false,
    // The args' oid starts behind `{"args":"` of the answer.
    fields: `(data (i32.const 0) ${text(`{"op":"job"} {"op":"out","kind":"tree","hash":"${" ".repeat(40)}"}`)})`,
  },
);

/** A request for a nested run, with no args unless given. */
export function run(image: string, args: string = emptyTree): string {
  return json({ op: "run", image, args });
}

export function runMany(...reqs: readonly { readonly image: string; readonly args?: string }[]): string {
  return json({ op: "run_many", reqs: reqs.map(({ image, args = emptyTree }) => ({ image, args })) });
}

/** A runtime node put by hand: nobody has looked whether its module is a guest. */
export function unchecked(engine: Engine, module: Uint8Array, marker: string = wasmMarker): Oid {
  return engine.putTree([
    { mode: "100644", name: ".caos-runtime", oid: engine.putBlob(Buffer.from(marker)) },
    { mode: "100644", name: "module", oid: engine.putBlob(module) },
  ]);
}

/** A request without args, library or salt, put by hand. */
export function emptyRequest(engine: Engine, module: Uint8Array): Oid {
  return requestOf(engine, engine.addWorker(module), emptyTree);
}

/** A request without library or salt whose image is this text, put by hand. */
export function requestOf(engine: Engine, image: string, args: Oid): Oid {
  const none = engine.putBlob(Buffer.alloc(0));
  engine.putTree([]);
  return engine.putTree([
    { mode: "40000", name: "args", oid: args },
    { mode: "100644", name: "image", oid: engine.putBlob(Buffer.from(image)) },
    { mode: "100644", name: "salt", oid: none },
    { mode: "100644", name: "std", oid: none },
  ]);
}

/** A curry of `base` (an oid or a std name), put by hand. */
export function curry(engine: Engine, base: string, bound: Readonly<Record<string, string>>): Oid {
  const args = Object.entries(bound).map(([name, content]) => ({
    mode: "100644" as const,
    name,
    oid: engine.putBlob(Buffer.from(content)),
  }));
  return engine.putTree([
    { mode: "100644", name: ".caos-curry", oid: engine.putBlob(Buffer.from("1")) },
    { mode: "40000", name: "args", oid: engine.putTree(args) },
    { mode: "100644", name: "base", oid: engine.putBlob(Buffer.from(base)) },
  ]);
}

/** A library of these workers. */
export function library(engine: Engine, workers: Readonly<Record<string, Oid>>): Oid {
  return engine.putTree(Object.entries(workers).map(([name, oid]) => ({ mode: "40000", name, oid })));
}

/** Runs a worker again and again, each time with other args, until somebody stops it. */
export function countless(worker: Oid): Uint8Array {
  const hash = " ".repeat(40);
  const putBlob = json({ op: "put_blob", bytes_b64: "AAAAAAAA" });
  const putTree = json({ op: "put_tree", entries: [{ name: "n", kind: "blob", hash }] });
  const runIt = run(worker, hash);
  const treeAt = putBlob.length;
  const runAt = treeAt + putTree.length;
  // Six digits of the count, as letters.
  const digits = Array.from(
    { length: 6 },
    (_, at) => `(i32.store8 (i32.const ${putBlob.indexOf("AAAA") + at})
      (i32.add (i32.const 65) (i32.and (i32.shr_u (global.get $count) (i32.const ${4 * at})) (i32.const 15))))`,
  );
  const wat = `(loop $again
    (global.set $count (i32.add (global.get $count) (i32.const 1)))
    ${digits.join("\n")}
    (drop (call $call (i32.const 0) (i32.const ${putBlob.length})))
    (call $take_hash (i32.const ${treeAt + putTree.indexOf(hash)}))
    (drop (call $call (i32.const ${treeAt}) (i32.const ${putTree.length})))
    (call $take_hash (i32.const ${runAt + runIt.indexOf(hash)}))
    (drop (call $call (i32.const ${runAt}) (i32.const ${runIt.length})))
    (br $again))`;
  const fields = `(global $count (mut i32) (i32.const 0)) (data (i32.const 0) ${text(putBlob + putTree + runIt)})
    (func $take_hash (param $to i32)
      (call $read (i32.const 1024))
      (memory.copy (local.get $to) (i32.const ${1024 + '{"hash":"'.length}) (i32.const 40)))`;
  return script([{ wat }], { finish: false, fields });
}

const listed = '{"name":"a","kind":"tree","hash":"';
const listedEnd = '","mode":"40000"},';
const asked = '{"image":"/cas/std/recur","args":"';
const askedHead = '{"op":"run_many","reqs":[';

/**
 * Runs `/cas/std/recur`, which it is to be itself, on each entry of its args (trees, with names of one letter), and gives what it was answered. Equal subtrees are
 * equal requests.
 */
export const recurring = script(
  [
    {
      wat: `
    (global.set $len (call $call (i32.const 0) (i32.const 12)))
    (call $read (i32.const 1024))
    (memory.copy (i32.const 35) (i32.const 1033) (i32.const 40))
    (global.set $len (call $call (i32.const 14) (i32.const 63)))
    (call $read (i32.const 4096))
    (global.set $from (i32.const ${4096 + '{"entries":['.length}))
    (global.set $to (i32.const ${8192 + askedHead.length}))
    (memory.copy (i32.const 8192) (i32.const 512) (i32.const ${askedHead.length}))
    (block $done (loop $next
      (br_if $done (i32.ge_u (i32.add (global.get $from) (i32.const 4)) (i32.add (i32.const 4096) (global.get $len))))
      (memory.copy (global.get $to) (i32.const ${512 + askedHead.length}) (i32.const ${asked.length}))
      (global.set $to (i32.add (global.get $to) (i32.const ${asked.length})))
      (memory.copy (global.get $to) (i32.add (global.get $from) (i32.const ${listed.length})) (i32.const 40))
      (i32.store (i32.add (global.get $to) (i32.const 40)) (i32.const 0x002c7d22))
      (global.set $to (i32.add (global.get $to) (i32.const 43)))
      (global.set $from (i32.add (global.get $from) (i32.const ${listed.length + 40 + listedEnd.length})))
      (br $next)))
    (if (i32.eq (i32.load8_u (i32.sub (global.get $to) (i32.const 1))) (i32.const 44))
      (then (global.set $to (i32.sub (global.get $to) (i32.const 1)))))
    (i32.store16 (global.get $to) (i32.const 0x7d5d))
    (call $ask (i32.const 8192) (i32.sub (i32.add (global.get $to) (i32.const 2)) (i32.const 8192)))`,
    },
  ],
  {
    fields: `(global $len (mut i32) (i32.const 0)) (global $from (mut i32) (i32.const 0)) (global $to (mut i32) (i32.const 0))
      (data (i32.const 0) ${text('{"op":"job"}  {"op":"tree","hash":"')}) (data (i32.const 75) ${text('"}')})
      (data (i32.const 512) ${text(askedHead + asked)})`,
  },
);

function text(content: string): string {
  return `"${content.replaceAll('"', String.raw`\"`)}"`;
}
