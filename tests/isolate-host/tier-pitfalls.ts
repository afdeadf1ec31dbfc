/**
 * What V8 alone makes of modules that the specification leaves it room for, and what comes of the same modules once they are fitted: run by pitfalls.test.ts in processes with other flags, and printed there as JSON.
 */
import { fitModule } from "../../src/isolate-host/wasm/module.ts";
import { assemble } from "../guests/assemble.ts";

const quiet = "(f64.load (i32.const 0))";
const negative = "(f64.load (i32.const 8))";
const signalling = "(f64.load (i32.const 16))";
const nan = "(f64.const nan:0x4000000001234)";
/** Expressions that come to a NaN. */
const nans: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    ["add", "sub", "mul", "div", "min", "max"].flatMap((name) => [
      [`${name} of a constant`, `(f64.${name} ${nan} ${negative})`],
      [`${name} by a constant`, `(f64.${name} ${quiet} ${nan})`],
      [`${name} of constants`, `(f64.${name} (f64.const nan:0x7) (f64.const 1))`],
      [`${name} of two`, `(f64.${name} ${quiet} ${negative})`],
      [`${name} with a number`, `(f64.${name} ${signalling} (f64.const 1))`],
    ]),
  ),
  ...Object.fromEntries(
    ["ceil", "floor", "trunc", "nearest", "sqrt"].map((name) => [
      `${name} of a constant`,
      `(f64.${name} (f64.const nan:0x7))`,
    ]),
  ),
  "0/0": "(f64.div (f64.const 0) (f64.const 0))",
  "demote and promote": `(f64.promote_f32 (f32.demote_f64 ${signalling}))`,
};

const module =
  assemble(`(module (memory (export "memory") 1 2048) (global $levels (export "levels") (mut i32) (i32.const 0))
  (data (i32.const 0) "\\34\\12\\00\\00\\00\\00\\fc\\7f" "\\21\\43\\00\\00\\00\\00\\fc\\ff" "\\07\\00\\00\\00\\00\\00\\f0\\7f")
  ${Object.values(nans)
    .map((text, index) => `(func (export "nan ${index}") (f64.store (i32.const 64) ${text}))`)
    .join("\n")}
  (func $deeper (param i64) (result i64) (global.set $levels (i32.add (global.get $levels) (i32.const 1)))
    (i64.add (call $deeper (i64.mul (local.get 0) (i64.const 3))) (local.get 0)))
  (func (export "deeper") (drop (call $deeper (i64.const 1))))
  (func (export "grow") (result i32)
    (loop $on (br_if $on (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))) (memory.size))
  (func (export "caos_run")))`);

/** The bits of each NaN, at how many levels the recursion ended, and to how many pages the memory grew. */
function seenOf(bytes: Uint8Array): object {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), {});
  const call = (name: string) => (exports[name] as () => unknown)();
  const { buffer } = exports["memory"] as WebAssembly.Memory;
  const memory = new DataView(buffer);
  const bits = Object.keys(nans).map((name, index) => {
    call(`nan ${index}`);
    return [name, memory.getBigUint64(64, true).toString(16)];
  });
  // Before the recursion, which leaves no fuel to a fitted instance.
  const pages = call("grow");
  try {
    call("deeper");
  } catch (error) {
    if (!(error instanceof RangeError || error instanceof WebAssembly.RuntimeError)) throw error;
  }
  const levels = (exports["levels"] as WebAssembly.Global).value;
  return { bits: Object.fromEntries(bits) as object, levels, pages };
}

const fitted = fitModule(module, new Map(), { fuel: 2 ** 40, depth: 20_000, memoryPages: 16 }).bytes;
process.stdout.write(JSON.stringify({ plain: seenOf(module), fitted: seenOf(fitted) }));
