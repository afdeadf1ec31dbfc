/** Modules that others made, and that programs of others drive, do the same once they are rewritten. */
import { expect, test } from "vitest";
import wabt from "wabt";
import type { Metering } from "../../src/isolate-host/wasm/meter.ts";
import { fullMetering } from "../../src/isolate-host/wasm/module.ts";
import { rewriteAll } from "../fold-bench/rewriting.ts";

/** What work does with WebAssembly as it is, and with every module rewritten. */
async function compared<T>(work: () => Promise<T>): Promise<{ plain: T; rewritten: T; spent: boolean; bytes: number }> {
  const run = async (metering: Metering | undefined) => {
    const rewriting = rewriteAll(metering, 2 ** 52);
    try {
      const made = await work();
      return { made, left: rewriting.fuel(), bytes: rewriting.seen().bytes[0] };
    } finally {
      rewriting.end();
    }
  };
  const plain = await run(undefined);
  const { made, left, bytes } = await run(fullMetering);
  return { plain: plain.made, rewritten: made, spent: left !== undefined && left < 2n ** 52n, bytes };
}

const text = `(module (memory 1) (table 4 funcref) ${Array.from(
  { length: 300 },
  (_, at) =>
    `(func (export "f${at}") (param f64 i32) (result f64) (local f32) (if (result f64) (local.get 1) (then (f64.mul (local.get 0) (f64.const ${at}.5))) (else (f64.promote_f32 (local.get 2)))))`,
).join("\n")})`;

test("an assembler for WebAssembly", async () => {
  const { plain, rewritten, spent, bytes } = await compared(async () => {
    const kit = await wabt();
    const module = kit.parseWat("a.wat", text);
    const binary = module.toBinary({ write_debug_names: true }).buffer;
    const again = kit.readWasm(binary, { readDebugNames: true });
    return { binary: Buffer.from(binary).toString("base64"), text: again.toText({ foldExprs: true }) };
  });
  expect(bytes).toBeGreaterThan(100_000);
  expect(spent).toBe(true);
  expect(plain.text.length).toBeGreaterThan(10_000);
  expect(rewritten).toEqual(plain);
});
