/**
 * Recursions and loops whose fuel and depth must be the same in every tier of V8's compilers: run by limits.test.ts in processes with other flags, and printed there as JSON. The recursions keep
 * much alive across the call, in ways that make frames large in one tier or the other.
 */
import { Worker, isMainThread } from "node:worker_threads";
import { maximalGuestLimits } from "../../src/abi/limits.ts";
import { fuelLeft } from "../../src/isolate-host/wasm/meter.ts";
import { fitModule, fuelExport } from "../../src/isolate-host/wasm/module.ts";
import { assemble } from "../guests/assemble.ts";

const times = (count: number, text: (index: number) => string) =>
  Array.from({ length: count }, (_, at) => text(at)).join(" ");
const count = "(global.set $levels (i32.add (global.get $levels) (i32.const 1)))";
const kept = (type: string, bytes: number, many: number) => `
  (func $deeper ${times(many, (at) => `(local $l${at} ${type})`)} ${count}
    ${times(many, (at) => `(local.set $l${at} (${type}.load offset=${at * bytes} (i32.const 0)))`)}
    (call $deeper)
    ${times(many, (at) => `(${type}.store offset=${at * bytes} (i32.const 0) (local.get $l${at}))`)})
  (func (export "caos_run") (call $deeper))`;
const products = times(
  100,
  (at) => `(i32.store offset=${at * 4} (i32.const 0) (i32.mul (local.get 0) (i32.const ${at * 2 + 3})))`,
);

const recursions: Readonly<Record<string, string>> = {
  nothing: `(func $deeper ${count} (call $deeper)) (func (export "caos_run") (call $deeper))`,
  "a hundred integers": kept("i64", 8, 100),
  floats: kept("f64", 8, 60),
  vectors: kept("v128", 16, 60),
  operands: `
    (func $deeper (result i32) ${count} ${times(80, (at) => `(i32.load offset=${at * 4} (i32.const 0))`)} (call $deeper) ${times(80, () => "i32.add")})
    (func (export "caos_run") (drop (call $deeper)))`,
  "what an optimizer keeps for later": `
    (func $deeper (param i32) ${count} ${products} (call $deeper (i32.add (local.get 0) (i32.const 1))) ${products})
    (func (export "caos_run") (call $deeper (i32.const 1)))`,
  parameters: `
    (func $deeper ${times(50, (at) => `(param $p${at} i64)`)} (result i64) ${count}
      (i64.add (call $deeper ${times(50, (at) => `(i64.add (local.get $p${(at + 1) % 50}) (i64.const ${at}))`)}) (local.get $p3)))
    (func (export "caos_run") (drop (call $deeper ${times(50, () => "(i64.const 1)")})))`,
  "calls through a table, and handlers": `
    (type $t (func (param i64) (result i64))) (table 1 funcref) (elem (i32.const 0) $deeper)
    (func $deeper (type $t) ${count}
      (try (result i64) (do (i64.add (call_indirect (type $t) (local.get 0) (i32.const 0)) (local.get 0))) (catch_all (i64.const 0))))
    (func (export "caos_run") (drop (call $deeper (i64.const 1))))`,
};

const loops: Readonly<Record<string, string>> = {
  "a loop": `(func (export "caos_run") (local i32)
    (loop $on (local.set 0 (i32.add (local.get 0) (i32.const 1))) (br_if $on (i32.lt_u (local.get 0) (i32.const 200000)))))`,
  "a recursion that ends": `(func $fib (param i32) (result i32)
      (if (result i32) (i32.lt_u (local.get 0) (i32.const 2)) (then (local.get 0))
        (else (i32.add (call $fib (i32.sub (local.get 0) (i32.const 1))) (call $fib (i32.sub (local.get 0) (i32.const 2)))))))
    (func (export "caos_run") (global.set $levels (call $fib (i32.const 24))))`,
  "a trap in a loop": `(func (export "caos_run") (local i32)
    (loop $on (local.set 0 (i32.add (local.get 0) (i32.const 1))) (i32.store (i32.mul (local.get 0) (i32.const 16)) (i32.const 1)) (br $on)))`,
};

/** What came of each, by name. */
function runAll(): Record<string, object> {
  const seen: Record<string, object> = {};
  for (const [name, text] of Object.entries({ ...recursions, ...loops })) {
    const module = assemble(
      `(module (memory (export "memory") 1) (global $levels (export "levels") (mut i32) (i32.const 0)) ${text})`,
      "exceptions",
    );
    const fuel = 2 ** 40;
    // The most that a worker may ask for: what fits for it fits for all.
    const fit = fitModule(module, new Map(), { fuel, depth: maximalGuestLimits.depth, memoryPages: 16 });
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(fit.bytes), {});
    let ended = "returned";
    try {
      (exports["caos_run"] as () => void)();
    } catch (error) {
      ended = (error as Error).name;
    }
    const levels = (exports["levels"] as WebAssembly.Global).value;
    seen[name] = { ended, levels, ...fuelLeft(exports[fuelExport] as WebAssembly.Global, fuel) };
  }
  return seen;
}

// An executor's thread has this stack (executor-pool.ts).
if (isMainThread) {
  const worker = new Worker(new URL(import.meta.url), { resourceLimits: { stackSizeMb: 32 } });
  worker.on("error", (error) => {
    throw error;
  });
} else process.stdout.write(JSON.stringify(runAll()));
