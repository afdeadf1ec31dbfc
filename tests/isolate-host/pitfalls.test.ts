/**
 * Where WebAssembly alone does not fix what a module computes: each of these is seen to change a result on plain V8, in processes that differ in a flag, and not in a fitted module; or it is refused. Clock and random bytes
 * are in wasi.test.ts, refusals one by one in refused-modules.test.ts, instances that are used again in reuse.test.ts.
 */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { beforeAll, expect, test } from "vitest";
import { prepareModule } from "../../src/isolate-host/wasm-guests.ts";
import { abiImports, assemble, type Proposal } from "../guests/assemble.ts";

interface Seen {
  readonly bits: Readonly<Record<string, string>>;
  readonly levels: number;
  readonly pages: number;
}
interface Compared {
  readonly plain: Seen;
  readonly fitted: Seen;
}

const flags = {
  default: [],
  baseline: ["--liftoff-only"],
  optimized: ["--no-liftoff"],
  small: ["--wasm-max-mem-pages=1024"],
};
let seen: Readonly<Record<keyof typeof flags, Compared>>;

beforeAll(async () => {
  const file = fileURLToPath(new URL("tier-pitfalls.ts", import.meta.url));
  const all = Object.entries(flags).map(async ([name, given]) => {
    const { stdout } = await promisify(execFile)(process.execPath, [...given, file], { encoding: "utf8" });
    return [name, JSON.parse(stdout) as Compared] as const;
  });
  seen = Object.fromEntries(await Promise.all(all)) as typeof seen;
});

test("the bits of NaNs differ between V8's compilers, and are canonical in a fitted module", () => {
  const differing = Object.keys(seen.baseline.plain.bits).filter(
    (name) => seen.baseline.plain.bits[name] !== seen.optimized.plain.bits[name],
  );
  expect(differing.length).toBeGreaterThan(5);
  for (const { fitted } of Object.values(seen)) {
    expect(new Set(Object.values(fitted.bits))).toEqual(new Set(["7ff8000000000000"]));
  }
});

test("a recursion ends at another depth in each of V8's compilers, and at one in a fitted module", () => {
  expect(seen.baseline.plain.levels).not.toBe(seen.optimized.plain.levels);
  const levels = new Set(Object.values(seen).map(({ fitted }) => fitted.levels));
  expect(levels.size).toBe(1);
  expect(Math.max(...levels)).toBeLessThan(seen.baseline.plain.levels);
});

test("memory grows as far as the process lets it, and in a fitted module as far as its own maximum", () => {
  expect(seen.small.plain.pages).toBe(1024);
  expect(seen.default.plain.pages).toBe(2048);
  expect(new Set(Object.values(seen).map(({ fitted }) => fitted.pages))).toEqual(new Set([16]));
});

test.each<[what: string, fields: string, body: string, proposal: Proposal, detail: RegExp]>([
  [
    "relaxed SIMD",
    "",
    "(drop (f32x4.relaxed_madd (v128.const i64x2 0 0) (v128.const i64x2 0 0) (v128.const i64x2 0 0)))",
    "relaxed_simd",
    /f32x4\.relaxed_madd.*in function 2 \(main\)/,
  ],
  ["threads", "", "(drop (i32.atomic.load (i32.const 0)))", "threads", /i32\.atomic\.load.*in function 2 \(main\)/],
])("%s, which V8 takes, is refused by name", (_, fields, body, proposal, detail) => {
  const module = assemble(
    `(module ${abiImports} ${fields} (memory (export "memory") 1) (func $main (export "caos_run") ${body}))`,
    proposal,
  );
  expect(WebAssembly.validate(module)).toBe(true);
  const prepared = prepareModule(module);
  expect("detail" in prepared ? prepared.detail : "compiled").toMatch(detail);
});

test("a shared memory, which V8 takes, is refused", () => {
  const module = assemble(`(module (memory (export "memory") 1 1 shared) (func (export "caos_run")))`, "threads");
  expect(WebAssembly.validate(module)).toBe(true);
  const prepared = prepareModule(module);
  expect("detail" in prepared ? prepared.detail : "compiled").toBe("its memory is shared, which no guest's can be");
});
