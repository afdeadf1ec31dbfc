/**
 * Guests that follow a script: they make the calls that a test lists and give back, as their result, what they were answered, byte for byte.
 *
 * Memory of such a guest: page 0 is free for a script's own instructions; then the requests, then the transcript (each answer and a newline),
 * and behind it whatever is built while running. The transcript becomes a blob by `put_blob`, and that blob the result by `out`.
 */
import { abiImports, assemble, quoted, type Proposal } from "./assemble.ts";

/** One thing that a guest does: a request as it is handed over, a request that is built of a repeated part, or instructions. */
export type Step = string | Uint8Array | Repeated | Instructions;

/** The request `head`, `item` so many times, `tail`: for requests too long to write down. Its answer is left out of the transcript when `isQuiet`. */
export interface Repeated {
  readonly head: string;
  readonly item: string;
  readonly times: number;
  readonly tail: string;
  readonly isQuiet?: boolean;
}

/**
 * Instructions in WebAssembly text. They can call
 * `$ask ptr len` (call, and note the answer), `$take len` (note the kept answer), `$note ptr len` (note bytes of memory), `$note_number i32` (8 hex digits and
 * a newline), `$page_end` (-> i32, the length of memory), `$finish` (give the transcript as the result).
 */
export interface Instructions {
  readonly wat: string;
}

export interface ScriptOptions {
  /** Whether the guest gives the transcript as its result when the script is done. Default: true. */
  readonly finish?: boolean;
  /** More of the module: imports come first, so they are apart. */
  readonly imports?: string;
  readonly fields?: string;
  readonly proposals?: readonly Proposal[];
  /** Bytes that all answers together may take. Default: 128 KiB. */
  readonly answerBytesMax?: number;
}

const pageBytes = 65536;
const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const putHead = '{"op":"put_blob","bytes_b64":"';
const outHead = '{"op":"out","kind":"blob","hash":"';
const answerHead = '{"hash":"';

/** The module that makes these calls, in order. */
export function script(steps: readonly Step[], options: ScriptOptions = {}): Uint8Array {
  const { finish = true, imports = "", fields = "", proposals = [], answerBytesMax = 2 * pageBytes } = options;
  const segments = new Segments(pageBytes);
  const table = segments.add(alphabet);
  const digits = segments.add("0123456789abcdef");
  const put = segments.add(putHead);
  const out = segments.add(`${outHead}${" ".repeat(40)}"}`);
  const body = steps.map((step) => instructions(segments, step)).join("\n");
  const transcript = segments.end;
  const pages = Math.ceil((transcript + answerBytesMax * 3) / pageBytes);
  return assemble(
    `(module
  ${abiImports}
  ${imports}
  (memory (export "memory") ${pages})
  ${segments.text()}
  (global $end (mut i32) (i32.const ${transcript}))
  (global $built (mut i32) (i32.const 0))
  ${fields}
  (func $page_end (result i32) (i32.mul (memory.size) (i32.const ${pageBytes})))
  (func $note (param $ptr i32) (param $len i32)
    (memory.copy (global.get $end) (local.get $ptr) (local.get $len))
    (global.set $end (i32.add (global.get $end) (local.get $len))))
  (func $line (i32.store8 (global.get $end) (i32.const 10)) (global.set $end (i32.add (global.get $end) (i32.const 1))))
  (func $note_number (param $number i32) (local $shift i32)
    (local.set $shift (i32.const 32))
    (loop $next
      (local.set $shift (i32.sub (local.get $shift) (i32.const 4)))
      (call $note
        (i32.add (i32.const ${digits.at}) (i32.and (i32.shr_u (local.get $number) (local.get $shift)) (i32.const 15)))
        (i32.const 1))
      (br_if $next (local.get $shift)))
    (call $line))
  (func $take (param $len i32)
    (call $read (global.get $end))
    (global.set $end (i32.add (global.get $end) (local.get $len)))
    (call $line))
  (func $ask (param $ptr i32) (param $len i32) (call $take (call $call (local.get $ptr) (local.get $len))))
  (func $build (param $ptr i32) (param $len i32) (param $times i32)
    (if (i32.and (i32.ne (local.get $len) (i32.const 0)) (i32.ne (local.get $times) (i32.const 0))) (then
      (block $room
        (br_if $room (i32.lt_u (i32.add (global.get $built) (i32.mul (local.get $len) (local.get $times))) (call $page_end)))
        (br_if $room (i32.ne (i32.const -1) (memory.grow
          (i32.add (i32.const 1) (i32.div_u (i32.mul (local.get $len) (local.get $times)) (i32.const ${pageBytes}))))))
        unreachable)
      (loop $next
        (memory.copy (global.get $built) (local.get $ptr) (local.get $len))
        (global.set $built (i32.add (global.get $built) (local.get $len)))
        (br_if $next (local.tee $times (i32.sub (local.get $times) (i32.const 1))))))))
  (func $sextet (param $bits i32) (param $shift i32) (result i32)
    (i32.load8_u (i32.add (i32.const ${table.at}) (i32.and (i32.shr_u (local.get $bits) (local.get $shift)) (i32.const 63)))))
  (func $finish (local $from i32) (local $left i32) (local $to i32) (local $bits i32) (local $base i32)
    (local.set $base (i32.add (global.get $end) (i32.const 8)))
    (memory.copy (local.get $base) (i32.const ${put.at}) (i32.const ${put.length}))
    (local.set $to (i32.add (local.get $base) (i32.const ${put.length})))
    (local.set $from (i32.const ${transcript}))
    (memory.fill (global.get $end) (i32.const 0) (i32.const 3))
    (block $done (loop $next
      (br_if $done (i32.ge_u (local.get $from) (global.get $end)))
      (local.set $left (i32.sub (global.get $end) (local.get $from)))
      (local.set $bits (i32.or (i32.or
        (i32.shl (i32.load8_u (local.get $from)) (i32.const 16))
        (i32.shl (i32.load8_u offset=1 (local.get $from)) (i32.const 8)))
        (i32.load8_u offset=2 (local.get $from))))
      (i32.store8 (local.get $to) (call $sextet (local.get $bits) (i32.const 18)))
      (i32.store8 offset=1 (local.get $to) (call $sextet (local.get $bits) (i32.const 12)))
      (i32.store8 offset=2 (local.get $to)
        (select (call $sextet (local.get $bits) (i32.const 6)) (i32.const 61) (i32.gt_u (local.get $left) (i32.const 1))))
      (i32.store8 offset=3 (local.get $to)
        (select (call $sextet (local.get $bits) (i32.const 0)) (i32.const 61) (i32.gt_u (local.get $left) (i32.const 2))))
      (local.set $from (i32.add (local.get $from) (i32.const 3)))
      (local.set $to (i32.add (local.get $to) (i32.const 4)))
      (br $next)))
    (i32.store16 (local.get $to) (i32.const 0x7d22))
    (drop (call $call (local.get $base) (i32.sub (i32.add (local.get $to) (i32.const 2)) (local.get $base))))
    (call $read (local.get $base))
    (memory.copy (i32.const ${out.at + outHead.length}) (i32.add (local.get $base) (i32.const ${answerHead.length})) (i32.const 40))
    (drop (call $call (i32.const ${out.at}) (i32.const ${out.length}))))
  (func $main (export "caos_run")
    ${body}
    ${finish ? "(call $finish)" : ""}))`,
    ...proposals,
  );
}

function instructions(segments: Segments, step: Step): string {
  if (typeof step === "string" || step instanceof Uint8Array) {
    const { at, length } = segments.add(step);
    return `(call $ask (i32.const ${at}) (i32.const ${length}))`;
  }
  if ("wat" in step) return step.wat;
  const built = [
    [segments.add(step.head), 1],
    [segments.add(step.item), step.times],
    [segments.add(step.tail), 1],
  ] as const;
  const calls = built.map(
    ([part, times]) => `(call $build (i32.const ${part.at}) (i32.const ${part.length}) (i32.const ${times}))`,
  );
  // Built in fresh pages behind all else, which the next such request uses again.
  return `
    (if (i32.eqz (global.get $start)) (then (global.set $start (call $page_end)) (drop (memory.grow (i32.const 1)))))
    (global.set $built (global.get $start))
    ${calls.join("\n")}
    (${step.isQuiet === true ? "drop" : "call $take"}
      (call $call (global.get $start) (i32.sub (global.get $built) (global.get $start))))`;
}

interface Part {
  readonly at: number;
  readonly length: number;
}

/** Constant bytes, one after the other from some address on. */
class Segments {
  readonly #first: number;
  readonly #parts: Uint8Array[] = [];
  end: number;

  constructor(first: number) {
    this.#first = first;
    this.end = first;
  }

  add(content: string | Uint8Array): Part {
    const bytes = typeof content === "string" ? Buffer.from(content, "utf8") : content;
    const part = { at: this.end, length: bytes.length };
    this.#parts.push(bytes);
    this.end += bytes.length;
    return part;
  }

  text(): string {
    return `(data (i32.const ${this.#first}) "${quoted(Buffer.concat(this.#parts))}") (global $start (mut i32) (i32.const 0))`;
  }
}

/** A request in JSON. */
export function json(request: object): string {
  return JSON.stringify(request);
}
