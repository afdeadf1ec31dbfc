/** What our own list refuses: by name, wherever it stands, whatever V8 would say; and our bounds, which lie below V8's so that V8's are never met. */
import { describe, expect, test } from "vitest";
import { defaultGuestLimits } from "../../src/abi/limits.ts";
import { prepareModule } from "../../src/isolate-host/wasm-guests.ts";
import { acceptedInstructions } from "../../src/isolate-host/wasm/instructions.ts";
import { fitModule } from "../../src/isolate-host/wasm/module.ts";
import { UnfitModule } from "../../src/isolate-host/wasm/reader.ts";
import { counted, idleGuest, moduleOf, named, sections, uleb } from "../guests/bytes.ts";

const fit = (module: Uint8Array) => fitModule(module, new Map(), defaultGuestLimits);

function refusal(module: Uint8Array): string {
  try {
    fit(module);
  } catch (error) {
    if (error instanceof UnfitModule) return error.message;
    throw error;
  }
  return "none";
}

/** The order in which sections stand. */
const order = [1, 2, 3, 4, 5, 13, 6, 7, 8, 9, 12, 10, 11, 0];
/** The idle guest with other sections in place of its own, custom ones last. */
function altered(changes: Readonly<Record<number, Iterable<number>>>): Uint8Array {
  const all = new Map<number, Iterable<number>>(idleGuest());
  for (const [id, body] of Object.entries(changes)) all.set(Number(id), body);
  return moduleOf(...[...all].toSorted(([a], [b]) => order.indexOf(a) - order.indexOf(b)));
}

const many = (count: number, item: readonly number[]) =>
  Buffer.concat([Buffer.from(uleb(count)), ...Array.from({ length: count }, () => Buffer.from(item))]);
/** A function's body in a code section of its own. */
const code = (body: Iterable<number>) => [1, ...counted(body)];
const names = [...named("name"), 1, ...counted([1, 0, ...named("beginning")])];

/** The idle guest whose only function has these instructions. */
const running = (...instructions: number[]) =>
  altered({ [sections.code]: code([0, ...instructions, 0x0b]), [sections.custom]: names });

describe("an instruction is refused by its name and its function's", () => {
  test.each([
    ["i32.atomic.load", [0x41, 0, 0xfe, 0x10, 2, 0]],
    ["i64.atomic.rmw32.cmpxchg_u", [0xfe, 0x4e, 2, 0]],
    ["memory.atomic.wait32", [0xfe, 0x01, 2, 0]],
    ["atomic.fence", [0xfe, 0x03, 0]],
    ["i8x16.relaxed_swizzle", [0xfd, 0x80, 0x02]],
    ["f32x4.relaxed_madd", [0xfd, 0x85, 0x02]],
    ["i32x4.relaxed_dot_i8x16_i7x16_add_s", [0xfd, 0x93, 0x02]],
    ["struct.new", [0xfb, 0x00, 0]],
    ["i31.get_u", [0xfb, 0x1e]],
    ["call_ref", [0x14, 0]],
    ["br_on_non_null", [0xd6, 0]],
    ["cont.new", [0xe0, 0]],
    ["i64.mul_wide_s", [0xfc, 21]],
    ["0xfd 0x9a", [0xfd, 0x9a, 0x01]],
    ["0x27", [0x27]],
    ["0xff 0x01", [0xff, 0x01]],
  ])("%s", (name, instructions) => {
    expect(refusal(running(...instructions))).toBe(
      `it has the instruction ${name}, which no guest can have, in function 0 (beginning)`,
    );
  });

  test("without a name section by the function's number alone", () => {
    const module = altered({ [sections.code]: code([0, 0xfe, 0x03, 0, 0x0b]) });
    expect(refusal(module)).toBe("it has the instruction atomic.fence, which no guest can have, in function 0");
  });

  test("and a person sees that where the worker is added", () => {
    const prepared = prepareModule(running(0xfd, 0x85, 0x02));
    expect(prepared).toMatchObject({
      outcome: { code: "module" },
      detail: "it has the instruction f32x4.relaxed_madd, which no guest can have, in function 0 (beginning)",
    });
  });

  test("also in code that nothing leads to, and in initializers", () => {
    expect(refusal(running(0x00, 0xfe, 0x03, 0))).toContain("atomic.fence");
    const module = altered({ 6: [1, 0x7f, 0, 0xfb, 0x1c, 0x0b] });
    expect(refusal(module)).toBe("it has the instruction ref.i31, which no guest can have");
  });
});

describe("of a second memory", () => {
  test.each([
    ["i32.load", [0x41, 0, 0x28, 0x42, 1, 0, 0x1a]],
    ["v128.store", [0xfd, 0x0b, 0x44, 1, 0]],
    ["memory.size", [0x3f, 1, 0x1a]],
    ["memory.grow", [0x41, 0, 0x40, 1, 0x1a]],
    ["memory.copy", [0xfc, 10, 0, 1]],
    ["memory.init", [0xfc, 8, 0, 1]],
    ["memory.fill", [0xfc, 11, 1]],
  ])("%s is refused", (name, instructions) => {
    expect(refusal(running(...instructions))).toBe(
      `it has ${name} of a second memory, which no guest can have, in function 0 (beginning)`,
    );
  });
});

test("an index that is written longer than it need be is still one: what follows it is the next instruction", () => {
  const loop = [0x03, 0x40, 0x0c, 0, 0x0b];
  for (const instructions of [
    // memory.size, its memory written as two bytes; the second would be `unreachable`
    [0x3f, 0x80, 0x00, 0x1a, ...loop],
    [0x41, 0, 0x40, 0x80, 0x00, 0x1a, ...loop],
    [0x02, 0xc0, 0x7f, 0x0b, ...loop],
  ]) {
    const prepared = prepareModule(running(...instructions), { ...defaultGuestLimits, fuel: 10_000 });
    if ("outcome" in prepared) {
      // Refused is as good.
      expect(prepared.outcome).toMatchObject({ code: "module" });
      continue;
    }
    const { exports } = new WebAssembly.Instance(prepared.module, {});
    expect(() => (exports["caos_run"] as () => void)()).toThrow("unreachable");
    expect((exports["coppice fuel"] as WebAssembly.Global).value).toBeLessThan(0n);
  }
});

describe("a type is refused by its name:", () => {
  test.each([
    [
      "anyref",
      running(0xd0, 0x6e, 0x1a),
      "it has a type of values that no guest can have (anyref), in function 0 (beginning)",
    ],
    [
      "i31ref",
      altered({ [sections.code]: code([1, 1, 0x6c, 0x0b]) }),
      "it has a type of values that no guest can have (i31ref), in function 0",
    ],
    [
      "a typed reference",
      running(0x02, 0x63, 0x70, 0x0b),
      "it has a type of values that no guest can have (a typed reference), in function 0 (beginning)",
    ],
    [
      "a parameter",
      altered({ [sections.type]: [2, 0x60, 0, 0, 0x60, 1, 0x6d, 0] }),
      "it has a type of values that no guest can have (eqref)",
    ],
    [
      "struct",
      altered({ [sections.type]: [2, 0x60, 0, 0, 0x5f, 0] }),
      "it has a type that is no function type (struct), which no guest can have",
    ],
    [
      "rec",
      altered({ [sections.type]: [2, 0x60, 0, 0, 0x4e, 0] }),
      "it has a type that is no function type (rec), which no guest can have",
    ],
  ])("%s", (_, module, message) => {
    expect(refusal(module)).toBe(message);
  });

  test.each([
    ["shared", [1, 3, 1, 1]],
    ["64-bit", [1, 4, 1]],
    ["64-bit", [1, 5, 1, 1]],
    ["of another page size", [1, 8, 1, 0]],
  ])("a memory that is %s", (what, memory) => {
    expect(refusal(altered({ [sections.memory]: memory }))).toBe(`its memory is ${what}, which no guest's can be`);
  });

  test("a shared table, and one of 64 bits", () => {
    for (const [what, flags] of [
      ["shared", 3],
      ["64-bit", 4],
    ] as const) {
      expect(refusal(altered({ 4: [1, 0x70, flags, 0, 0] }))).toBe(`a table is ${what}, which no guest's can be`);
    }
  });
});

test("every accepted instruction has one name, and no two the same but for select's two encodings", () => {
  expect(new Set(acceptedInstructions.values()).size).toBe(acceptedInstructions.size);
  // Of one byte (both encodings of exceptions and tail calls among them), behind 0xFC, behind 0xFD.
  const prefixes = [...acceptedInstructions.keys()].map((opcode) => opcode >> 16);
  expect([0, 0xfc, 0xfd].map((prefix) => prefixes.filter((each) => each === prefix).length)).toEqual([193, 18, 236]);
});

describe("at our bound a module compiles, so that V8's is never met, and beyond it the bound is named:", () => {
  const nothing = Buffer.of(0x0b);
  const table = (targets: number) =>
    running(0x41, 0, 0x0e, ...uleb(targets), ...many(targets, [0]).subarray(uleb(targets).length), 0);
  const locals = (count: number) =>
    altered({ [sections.code]: code(Buffer.concat([Buffer.from([1, ...uleb(count), 0x7f]), nothing])) });
  const long = (bytes: number) =>
    altered({ [sections.code]: code(Buffer.concat([Buffer.of(0), Buffer.alloc(bytes - 2, 0x01), nothing])) });
  const params = (count: number) =>
    altered({ [sections.type]: Buffer.concat([Buffer.of(2, 0x60, 0, 0, 0x60), many(count, [0x7f]), Buffer.of(0)]) });
  const types = (count: number) => altered({ [sections.type]: many(count, [0x60, 0, 0]) });
  const functions = (count: number) =>
    altered({ [sections.function]: many(count, [0]), [sections.code]: many(count, [2, 0, 0x0b]) });
  const globals = (count: number) => altered({ 6: many(count, [0x7f, 0, 0x41, 0, 0x0b]) });
  const dataSegments = (count: number) => altered({ 11: many(count, [1, 0]) });
  const exported = (bytes: number) =>
    altered({
      [sections.export]: [3, ...named("memory"), 2, 0, ...named("caos_run"), 0, 0, ...named("x".repeat(bytes)), 0, 0],
    });
  const nested = (count: number) =>
    running(...Array.from({ length: count }, () => [0x02, 0x40]).flat(), ...Array.from({ length: count }, () => 0x0b));

  test.each([
    [
      "targets of a branch table",
      table,
      65_000,
      "a branch table has more than 65000 targets, in function 0 (beginning)",
    ],
    ["locals", locals, 40_000, "a function has more than 40000 locals, in function 0"],
    ["bytes of a function", long, 7_000_000, "it has more than 7000000 bytes in a function, in function 0"],
    ["parameters", params, 900, "a function has more than 900 parameters or results"],
    ["types", types, 300_000, "it has more than 300000 types"],
    ["functions", functions, 400_000, "it has more than 400000 functions"],
    ["globals", globals, 900_000, "it has more than 900000 globals"],
    ["data segments", dataSegments, 90_000, "it has more than 90000 data segments"],
    ["bytes of a name", exported, 89_997, "it has more than 90000 bytes in a name"],
    ["nested blocks", nested, 10_000, "a function's blocks are nested too deep, in function 0 (beginning)"],
  ])("%s", (_, moduleWith, most, message) => {
    const prepared = prepareModule(moduleWith(most));
    expect("module" in prepared ? "compiled" : prepared.detail).toBe("compiled");
    expect(refusal(moduleWith(most + 1))).toBe(message);
  });
});

describe("a module has one encoding of exceptions: Node 24 takes both in one, Node 26 does not", () => {
  const handler = [0x06, 0x40, 0x19, 0x0b];
  const table = [0x02, 0x40, 0x1f, 0x40, 1, 2, 0, 0x0b, 0x0b];
  const both = "it has both encodings of exceptions, try and try_table; a guest can have one";
  const locals = altered({ [sections.code]: code([1, 1, 0x69, ...handler, 0x0b]) });
  const types = altered({
    [sections.type]: [2, 0x60, 0, 0, 0x60, 1, 0x69, 0],
    [sections.code]: code([0, ...handler, 0x0b]),
  });

  test.each([
    ["try and try_table", running(...handler, ...table)],
    ["try_table and try", running(...table, ...handler)],
    ["try, and throw_ref of nothing", running(...handler, 0xd0, 0x69, 0x0a)],
    ["try, and a null reference", running(...handler, 0xd0, 0x69, 0x1a)],
    ["try, and a block that gives a reference", running(...handler, 0x02, 0x69, 0x00, 0x0b, 0x1a)],
    ["try, and a choice of references where nothing leads", running(...handler, 0x00, 0x1c, 1, 0x69, 0x1a)],
    ["try, and a local for references", locals],
    ["try, and a type of functions that take references", types],
  ])("%s", (_, module) => {
    expect(refusal(module)).toBe(both);
  });

  test("either by itself is a guest's", () => {
    expect("module" in prepareModule(running(...handler))).toBe(true);
    expect("module" in prepareModule(running(...table))).toBe(true);
  });
});
