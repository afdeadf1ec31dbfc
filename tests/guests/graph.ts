/**
 * A guest that interprets a graph of requests: its args are `graph`, a blob that tells of all nodes, and `node`, the number of its own. It asks for the nodes of each of its
 * batches by `/cas/std/graph0` when the node's number is even and by `/cas/std/graph1` when it is odd, which are to be it, or its likes of another runtime (graph-script.ts), and then ends as the graph says. What two nodes have in common is one request, and a node that asks for one
 * above it asks for the very request that runs.
 *
 * Bytes of a graph, u32 little-endian: for each node the place of its record; records: turns of a loop before the batches, turns after them, how it ends, number of
 * batches; for each batch its length, and its nodes.
 *
 * What it has seen, in a blob: its number, then for each batch what `run_many` answered and the messages of those that failed (design/abi-binary.md).
 */
import { assemble } from "./assemble.ts";

/** How a node ends: with a blob of what it saw; with a trap, and that blob's name in its message; without a result; by reading what is nowhere; never. */
export const endings = ["result", "failure", "silence", "missing", "hang"] as const;
export type Ending = (typeof endings)[number];

export interface GraphNode {
  /** Turns of a loop, some nanoseconds each, before the first batch and after the last. */
  readonly turns: readonly [before: number, after: number];
  readonly batches: readonly (readonly number[])[];
  readonly ends: Ending;
}
export type Graph = readonly GraphNode[];

export function encodeGraph(graph: Graph): Buffer {
  const records = graph.map(({ turns, batches, ends }) => [
    ...turns,
    endings.indexOf(ends),
    batches.length,
    ...batches.flatMap((batch) => [batch.length, ...batch]),
  ]);
  let at = 4 * graph.length;
  const places = records.map((record) => {
    const place = at;
    at += 4 * record.length;
    return place;
  });
  return u32(...places, ...records.flat());
}

export function encodeNode(node: number): Buffer {
  return u32(node);
}

export function u32(...numbers: readonly number[]): Buffer {
  return Buffer.from(Uint32Array.from(numbers).buffer);
}

/** The name of what a node reads that is nowhere. */
export function absentOf(node: number): Buffer {
  return Buffer.concat([Buffer.alloc(16, 0xee), u32(node)]);
}

const argsLength = 65;
// Where in the args the names stand.
const graphAt = 13;
const nodeAt = 45;

/** Of the memory: args 64, own number 160, the absent name 200, a message 256, items 1024, their args 8192, what was seen 65536, the graph 131072. */
export const graphGuest = assemble(`(module
  (import "coppice_v1" "args" (func $args (result i32)))
  (import "coppice_v1" "blob" (func $blob (param i32) (result i32)))
  (import "coppice_v1" "read" (func $read (param i32 i32 i32) (result i32)))
  (import "coppice_v1" "put_blob" (func $put_blob (param i32 i32 i32) (result i32)))
  (import "coppice_v1" "run_many" (func $run_many (param i32 i32 i32) (result i32)))
  (import "coppice_v1" "out" (func $out (param i32 i32) (result i32)))
  (import "coppice_v1" "log" (func $log (param i32 i32) (result i32)))
  (memory (export "memory") 4)
  (data (i32.const 0) "/cas/std/graph0")
  (data (i32.const 16) "/cas/std/graph1")
  (data (i32.const 200) "\\ee\\ee\\ee\\ee\\ee\\ee\\ee\\ee\\ee\\ee\\ee\\ee\\ee\\ee\\ee\\ee")
  (data (i32.const 256) "it saw ")
  (data (i32.const 320) "0123456789abcdef")
  (global $at (mut i32) (i32.const 0))
  (global $end (mut i32) (i32.const 65540))
  (global $sink (mut i32) (i32.const 1))
  (func $check (param $answer i32) (result i32)
    (if (i32.lt_s (local.get $answer) (i32.const 0)) (then unreachable))
    (local.get $answer))
  (func $next (result i32)
    (global.set $at (i32.add (global.get $at) (i32.const 4)))
    (i32.load (i32.sub (global.get $at) (i32.const 4))))
  (func $burn (param $turns i32)
    (block $done (loop $again
      (br_if $done (i32.eqz (local.get $turns)))
      (local.set $turns (i32.sub (local.get $turns) (i32.const 1)))
      (global.set $sink (i32.add (i32.mul (global.get $sink) (i32.const 1664525)) (local.get $turns)))
      (br $again))))
  (func $batch (local $count i32) (local $item i32) (local $args i32) (local $left i32) (local $length i32)
    (local.set $count (call $next))
    (local.set $left (local.get $count))
    (local.set $item (i32.const 1024))
    (local.set $args (i32.const 8192))
    (block $done (loop $again
      (br_if $done (i32.eqz (local.get $left)))
      (local.set $left (i32.sub (local.get $left) (i32.const 1)))
      (memory.copy (local.get $args) (i32.const 64) (i32.const ${argsLength}))
      (drop (call $check (call $put_blob (global.get $at) (i32.const 4) (i32.add (local.get $args) (i32.const ${nodeAt})))))
      (i32.store (local.get $item) (i32.mul (i32.const 16) (i32.and (i32.const 1) (call $next))))
      (i32.store offset=4 (local.get $item) (i32.const 15))
      (i32.store offset=8 (local.get $item) (local.get $args))
      (i32.store offset=12 (local.get $item) (i32.const ${argsLength}))
      (local.set $item (i32.add (local.get $item) (i32.const 16)))
      (local.set $args (i32.add (local.get $args) (i32.const ${argsLength})))
      (br $again)))
    (local.set $length (call $check (call $run_many (i32.const 1024) (local.get $count) (global.get $end))))
    (global.set $end (i32.add (global.get $end) (i32.mul (i32.const 24) (local.get $count))))
    (drop (call $check (call $read (global.get $end) (i32.const 0) (local.get $length))))
    (global.set $end (i32.add (global.get $end) (local.get $length))))
  (func $fail (local $digit i32) (local $byte i32)
    (block $done (loop $again
      (br_if $done (i32.eq (local.get $digit) (i32.const 40)))
      (local.set $byte (i32.load8_u offset=176 (i32.shr_u (local.get $digit) (i32.const 1))))
      (if (i32.eqz (i32.and (local.get $digit) (i32.const 1)))
        (then (local.set $byte (i32.shr_u (local.get $byte) (i32.const 4)))))
      (i32.store8 offset=263 (local.get $digit)
        (i32.load8_u offset=320 (i32.and (local.get $byte) (i32.const 15))))
      (local.set $digit (i32.add (local.get $digit) (i32.const 1)))
      (br $again)))
    (drop (call $check (call $log (i32.const 256) (i32.const 47))))
    unreachable)
  (func $main (export "caos_run") (local $after i32) (local $ends i32) (local $batches i32)
    (drop (call $check (call $args)))
    (drop (call $read (i32.const 64) (i32.const 0) (i32.const ${argsLength})))
    (drop (call $check (call $blob (i32.const ${64 + nodeAt}))))
    (drop (call $read (i32.const 160) (i32.const 0) (i32.const 4)))
    (i32.store (i32.const 65536) (i32.load (i32.const 160)))
    (i32.store (i32.const 216) (i32.load (i32.const 160)))
    (drop (call $check (call $read (i32.const 131072) (i32.const 0) (call $check (call $blob (i32.const ${64 + graphAt}))))))
    (global.set $at (i32.add (i32.const 131072)
      (i32.load offset=131072 (i32.mul (i32.const 4) (i32.load (i32.const 160))))))
    (call $burn (call $next))
    (local.set $after (call $next))
    (local.set $ends (call $next))
    (local.set $batches (call $next))
    (block $done (loop $again
      (br_if $done (i32.eqz (local.get $batches)))
      (local.set $batches (i32.sub (local.get $batches) (i32.const 1)))
      (call $batch)
      (br $again)))
    (call $burn (local.get $after))
    (drop (call $check (call $put_blob (i32.const 65536) (i32.sub (global.get $end) (i32.const 65536)) (i32.const 176))))
    (if (i32.eq (local.get $ends) (i32.const ${endings.indexOf("result")}))
      (then (drop (call $check (call $out (i32.const 0) (i32.const 176))))))
    (if (i32.eq (local.get $ends) (i32.const ${endings.indexOf("failure")})) (then (call $fail)))
    (if (i32.eq (local.get $ends) (i32.const ${endings.indexOf("missing")}))
      (then (drop (call $blob (i32.const 200)))))
    (if (i32.eq (local.get $ends) (i32.const ${endings.indexOf("hang")})) (then (loop $ever (br $ever))))))`);
