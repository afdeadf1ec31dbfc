/** Which modules are guests, what of them is changed (the memory's maximum, nothing else), and that no bytes whatever get past or crash it. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { defaultGuestLimits } from "../../src/abi/limits.ts";
import { UnfitWorker } from "../../src/engine.ts";
import { prepareModule } from "../../src/isolate-host/wasm-guests.ts";
import { wasiFunctions } from "../../src/isolate-host/wasi.ts";
import { fitModule } from "../../src/isolate-host/wasm/module.ts";
import { UnfitModule } from "../../src/isolate-host/wasm/reader.ts";
import { abiImports, assemble } from "../guests/assemble.ts";
import { idleGuest, moduleOf, named, sections, uleb } from "../guests/bytes.ts";
import { echo, recurring, silent, unchecked } from "../guests/children.ts";
import { sharedRoom } from "../guests/room.ts";
import { script, type Step } from "../guests/script.ts";

const room = sharedRoom();
const { memoryPages } = defaultGuestLimits;
const failed = (message: string) => ({ kind: "failed", code: "module", message });
const notWasm = failed("the module is not valid WebAssembly");
const unknownImport = failed("the module imports what no guest can have");
const noEntry = failed("the module does not export memory and caos_run");
const tooLarge = failed("the module asks for more memory than a guest can have");
const offered = new Map([["caos_abi_v1.call", "ii:i"], ["caos_abi_v1.read", "i:"], ...wasiFunctions]);
const wordCount = new Uint8Array(readFileSync(new URL("../guests/c/word-count.wasm", import.meta.url)));

const fit = (module: Uint8Array) => fitModule(module, offered, defaultGuestLimits).bytes;

/** A module that is a guest but for these fields. */
const idle = (fields: string, memory = '(memory (export "memory") 1)', entry = '(func (export "caos_run"))') =>
  assemble(`(module ${fields} ${memory} ${entry})`, "threads", "memory64", "exceptions", "relaxed_simd");
/** The idle guest with other sections in place of its own. */
function altered(changes: Readonly<Record<number, readonly number[]>>): Uint8Array {
  const all = new Map<number, readonly number[]>(idleGuest());
  for (const [id, body] of Object.entries(changes)) all.set(Number(id), body);
  return moduleOf(...[...all].toSorted(([a], [b]) => a - b));
}
/** What comes of a module that nobody has looked at before it runs. */
async function outcomeOf(module: Uint8Array) {
  return (await room.engine.run({ worker: unchecked(room.engine, module) })).outcome;
}

/** Notes what growing by so many pages answers, and the pages there are then. */
const grow = (pages: number): Step => ({
  wat: `(call $note_number (memory.grow (i32.const ${pages}))) (call $note_number (memory.size))`,
});

describe("a module is refused, as a worker and as a failed outcome when it is run all the same,", () => {
  const imported = (field: string) => idle(field);
  const cases: readonly (readonly [what: string, module: Uint8Array, outcome: object])[] = [
    ["that is empty", new Uint8Array(0), notWasm],
    ["that is text", Buffer.from("(module)"), notWasm],
    ["of another version", Uint8Array.of(0, 0x61, 0x73, 0x6d, 2, 0, 0, 0), notWasm],
    ["that is a component", Uint8Array.of(0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0), notWasm],
    ["of nothing but a header", moduleOf(), noEntry],
    ["with a section that does not exist", moduleOf(...idleGuest(), [99, []]), notWasm],
    ["with a section twice", moduleOf(...idleGuest(), [sections.code, [1, 2, 0, 0x0b]]), notWasm],
    ["with sections out of order", moduleOf(...[...idleGuest()].toReversed()), notWasm],
    ["with a body that does not type-check", altered({ [sections.code]: [1, 3, 0, 0x1a, 0x0b] }), notWasm],
    ["that exports a memory it has not", altered({ [sections.memory]: [0] }), notWasm],
    ["with a section longer than its content", altered({ [sections.function]: [1, 0, 0] }), notWasm],
    ["with a number of six bytes", altered({ [sections.function]: [0x81, 0x80, 0x80, 0x80, 0x80, 0, 0] }), notWasm],
    ["with counts that lie", altered({ [sections.type]: [0xff, 0xff, 0xff, 0xff, 0x0f, 0x60, 0, 0] }), notWasm],
    ["without memory", idle("", ""), noEntry],
    ["whose memory is not exported", idle("", "(memory 1)"), noEntry],
    ["whose memory has another name", idle("", '(memory (export "mem") 1)'), noEntry],
    ["that exports a function as memory", idle("", '(func (export "memory"))'), noEntry],
    ["that exports a global as memory", idle("", '(memory 1) (global (export "memory") i32 (i32.const 0))'), noEntry],
    ["without caos_run", idle("", undefined, ""), noEntry],
    ["whose caos_run is not exported", idle("", undefined, "(func $caos_run)"), noEntry],
    ["whose caos_run is a memory", assemble('(module (memory (export "memory") (export "caos_run") 1))'), noEntry],
    ["whose caos_run takes a number", idle("", undefined, '(func (export "caos_run") (param i32))'), noEntry],
    [
      "whose caos_run gives a number",
      idle("", undefined, '(func (export "caos_run") (result i32) i32.const 0)'),
      noEntry,
    ],
    ["with more memory at the start than a guest can have", idle("", '(memory (export "memory") 4097)'), tooLarge],
    ["with all memory at the start", idle("", '(memory (export "memory") 65536)'), tooLarge],
    ["whose memory has a maximum below its start", altered({ [sections.memory]: [1, 1, 2, 1] }), notWasm],
    ["whose memory is shared", idle("", '(memory (export "memory") 1 1 shared)'), notWasm],
    ["whose memory is 64-bit", idle("", '(memory (export "memory") i64 1)'), notWasm],
    ["whose memory is shared and 64-bit", altered({ [sections.memory]: [1, 7, 1, 1] }), notWasm],
    ["whose memory has pages of one byte", altered({ [sections.memory]: [1, 8, 1, 0] }), notWasm],
    ["with two memories", altered({ [sections.memory]: [2, 0, 1, 0, 1] }), notWasm],
    ["that imports from elsewhere", imported('(import "env" "now" (func (result i32)))'), unknownImport],
    ["that imports what the ABI has not", imported('(import "caos_abi_v1" "write" (func (param i32)))'), unknownImport],
    ["that imports from another version", imported('(import "caos_abi_v2" "read" (func (param i32)))'), unknownImport],
    [
      "that imports from older WASI",
      imported('(import "wasi_unstable" "sched_yield" (func (result i32)))'),
      unknownImport,
    ],
    [
      "that imports what WASI has not",
      imported('(import "wasi_snapshot_preview1" "fork" (func (result i32)))'),
      unknownImport,
    ],
    [
      "that imports call with three numbers",
      imported('(import "caos_abi_v1" "call" (func (param i32 i32 i32) (result i32)))'),
      unknownImport,
    ],
    [
      "that imports call without a result",
      imported('(import "caos_abi_v1" "call" (func (param i32 i32)))'),
      unknownImport,
    ],
    ["that imports read with a long", imported('(import "caos_abi_v1" "read" (func (param i64)))'), unknownImport],
    ["that imports read with a float", imported('(import "caos_abi_v1" "read" (func (param f32)))'), unknownImport],
    ["that imports its memory", idle('(import "env" "memory" (memory 1))', ""), unknownImport],
    ["that imports call as a memory", idle('(import "caos_abi_v1" "call" (memory 1))', ""), unknownImport],
    ["that imports a table", imported('(import "env" "table" (table 1 funcref))'), unknownImport],
    ["that imports a global", imported('(import "caos_abi_v1" "read" (global i32))'), unknownImport],
    ["that imports a tag", imported('(import "caos_abi_v1" "read" (tag (param i32)))'), unknownImport],
  ];
  test.each(cases)("%s", async (_what, module, outcome) => {
    expect(() => room.engine.addWorker(module)).toThrow(UnfitWorker);
    expect(await outcomeOf(module)).toEqual(outcome);
  });

  test("that uses relaxed SIMD, whose results differ between machines", async () => {
    const body = `(func (export "caos_run") (drop (i8x16.relaxed_swizzle (v128.const i64x2 0 0) (v128.const i64x2 -1 -1))))`;
    const module = idle("", undefined, body);
    expect(() => room.engine.addWorker(module)).toThrow(UnfitWorker);
    expect(await outcomeOf(module)).toEqual(notWasm);
  });

  test("or taken, but never anything else, with very many imports", () => {
    const each = [...named("caos_abi_v1"), ...named("read"), 0, 1];
    const imports = [...uleb(150_000), ...Array.from({ length: 150_000 }, () => each).flat()];
    const module = altered({
      [sections.type]: [2, 0x60, 0, 0, 0x60, 1, 0x7f, 0],
      [sections.import]: imports,
      [sections.export]: [2, ...named("memory"), 2, 0, ...named("caos_run"), 0, ...uleb(150_000)],
    });
    expect(["module", "outcome"]).toContain(Object.keys(prepareModule(module))[0]);
  });
});

describe("a module is a guest", () => {
  test("with the sections that a guest needs, and nothing else", async () => {
    expect(await outcomeOf(altered({}))).toEqual({
      kind: "failed",
      code: "abi",
      message: "the guest returned without a result",
    });
  });

  test("with custom sections before, between and behind the others", async () => {
    const custom = [sections.custom, [...named("note"), 1, 2, 3]] as const;
    const parts = [...idleGuest()].flatMap((part) => [custom, part]);
    expect(await outcomeOf(moduleOf(...parts, custom))).toMatchObject({ code: "abi" });
  });

  test("with imports twice, other exports, tables, and numbers written longer than they need be", async () => {
    const module = idle(
      `${abiImports} (import "caos_abi_v1" "read" (func (param i32))) (table (export "t") 3 funcref) (global (export "g") i32 (i32.const 1))`,
    );
    expect(await outcomeOf(module)).toMatchObject({ code: "abi" });
    expect(await outcomeOf(altered({ [sections.function]: [0x81, 0, 0x80, 0] }))).toMatchObject({ code: "abi" });
  });
});

describe("memory", () => {
  const sized = (declared: string, steps: readonly Step[]) => {
    const text = script(steps);
    const [pages = 0] = memoryOf(text);
    const [, maximum] = declared.split(" ").map(Number);
    return withMemory(text, pages, maximum);
  };

  test.each([
    ["that declares no maximum", "0"],
    ["that declares the largest maximum", "0 65536"],
    ["that declares just the limit", "0 4096"],
  ])("of a module %s grows to 4096 pages and no further", async (_what, declared) => {
    const module = sized(declared, [
      { wat: "(call $note_number (memory.size))" },
      grow(0),
      grow(5000),
      { wat: "(drop (memory.grow (i32.sub (i32.const 4095) (memory.size)))) (call $note_number (memory.size))" },
      grow(2),
      grow(1),
      grow(1),
      grow(-1),
      grow(0),
    ]);
    const [start = 0] = memoryOf(module);
    const told = await room.engine.run({ worker: room.engine.addWorker(module) });
    const text = told.outcome.kind === "failed" ? "" : Buffer.from(room.engine.get(told.outcome.oid).body).toString();
    const numbers = text
      .split("\n")
      .slice(0, -1)
      .map((each) => Number.parseInt(each, 16) | 0);
    expect(numbers).toEqual([
      start,
      start,
      start,
      -1,
      start,
      4095,
      -1,
      4095,
      4095,
      4096,
      -1,
      4096,
      -1,
      4096,
      4096,
      4096,
    ]);
  });

  test("keeps a smaller maximum that the module declares", async () => {
    const module = idle("", '(memory (export "memory") 1 3)');
    expect(memoryOf(fit(module))).toEqual([1, 3]);
  });

  test("is zero where the module lays nothing, also behind what it grew, in every execution", async () => {
    const sum: Step = {
      wat: `(drop (memory.grow (i32.const 2)))
        (call $note_number (call $sum))
        (memory.fill (i32.const 0) (i32.const 255) (i32.const 65536))
        (memory.fill (i32.sub (call $page_end) (i32.const 65536)) (i32.const 255) (i32.const 65536))`,
    };
    const fields = `(func $sum (result i32) (local $at i32) (local $sum i32)
      (local.set $at (i32.sub (call $page_end) (i32.const 131072)))
      (loop $next
        (local.set $sum (i32.or (local.get $sum) (i32.load (local.get $at))))
        (br_if $next (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 4))) (call $page_end))))
      (i32.or (local.get $sum) (i32.load (i32.const 128))))`;
    for (const salt of ["1", "2", "3"]) expect(await room.answers([sum], { fields }, { salt })).toEqual(["00000000"]);
  });
});

describe("a module cut short at any byte", () => {
  test("is refused as a worker, unless what is left is a module by itself", () => {
    const whole = echo;
    for (let length = 0; length < whole.length; length++) {
      const cut = whole.slice(0, length);
      const prepared = prepareModule(cut);
      if (!("module" in prepared)) expect(() => room.engine.addWorker(cut), `${length}`).toThrow(UnfitWorker);
      // Only sections that a module can do without stand behind its code.
      else expect(sectionsOf(cut).map(([id]) => id)).toContain(sections.code);
    }
  });

  test("fails its job as no module when it is run all the same", async () => {
    const whole = altered({});
    for (let length = 0; length < whole.length; length++) {
      const outcome = await outcomeOf(whole.slice(0, length));
      expect(outcome, `${length}`).toMatchObject({ kind: "failed", code: "module" });
    }
  });
});

describe("fitting a module", () => {
  const samples: readonly (readonly [string, Uint8Array])[] = [
    ["an idle guest", altered({})],
    ["a script", silent],
    ["a recursion", recurring],
    ["a program in C", wordCount],
    [
      "exceptions, tables and globals",
      idle(
        "(tag $t (param i64)) (table 2 funcref) (global (mut f64) (f64.const 1)) (func $f (throw $t (i64.const 1))) (elem (i32.const 0) $f $f)",
      ),
    ],
  ];

  test.each(samples)("lowers the memory's maximum, and V8 takes what comes of it: %s", (_what, module) => {
    const fitted = fit(module);
    const [pages, maximum = memoryPages] = memoryOf(module);
    expect(memoryOf(fitted)).toEqual([pages, Math.min(maximum, memoryPages)]);
    expect(WebAssembly.validate(fitted)).toBe(true);
  });

  test.each(samples)("gives the same bytes each time: %s", (_what, module) => {
    expect(Buffer.from(fit(module)).equals(fit(module))).toBe(true);
  });

  test.each(samples)(
    "of random bytes in it ends as a module or as a refusal, whatever they are: %s",
    (_what, module) => {
      const next = randomNumbers(0x5eed);
      for (let round = 0; round < 800; round++) {
        const bytes = mutated(module, next);
        const original = Buffer.from(bytes);
        const fitted = outcomeOfFitting(bytes);
        const prepared = prepareModule(bytes);
        expect(original.equals(bytes), "the bytes were written to").toBe(true);
        if (fitted === undefined) expect(prepared).toHaveProperty("outcome");
        if ("module" in prepared) {
          const [pages = 0, maximum = 0] = memoryOf(fitted ?? new Uint8Array());
          expect(pages <= maximum && maximum <= memoryPages).toBe(true);
        } else expect(prepared.outcome).toMatchObject({ kind: "failed", code: "module" });
      }
    },
  );

  function outcomeOfFitting(bytes: Uint8Array): Uint8Array | undefined {
    try {
      return fit(bytes);
    } catch (error) {
      expect(error).toBeInstanceOf(UnfitModule);
      return undefined;
    }
  }
});

/** Numbers from 0 to 2^32 - 1 that follow from the seed (mulberry32). */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
}

/** The module with one to four changes: a byte replaced, a bit flipped, bytes dropped, doubled or put in; half of them where its sections are declared. */
function mutated(module: Uint8Array, next: () => number): Uint8Array {
  let bytes = Buffer.from(module);
  for (let left = 1 + (next() % 4); left > 0; left--) {
    const at = next() % (next() % 2 === 0 ? Math.min(bytes.length, 200) : bytes.length);
    const length = 1 + (next() % 8);
    const [before, behind] = [bytes.subarray(0, at), bytes.subarray(at)];
    switch (next() % 5) {
      case 0:
        bytes[at] = next() % 256;
        break;
      case 1:
        bytes[at] = (bytes[at] ?? 0) ^ (1 << (next() % 8));
        break;
      case 2:
        bytes = Buffer.concat([before, behind.subarray(length)]);
        break;
      case 3:
        bytes = Buffer.concat([before, behind.subarray(0, length), behind]);
        break;
      default:
        bytes = Buffer.concat([
          before,
          Buffer.from(Array.from({ length }, () => (next() % 3 === 0 ? 0xff : next() % 256))),
          behind,
        ]);
    }
  }
  return Uint8Array.from(bytes);
}

/** A module's sections, each with its body. */
function sectionsOf(module: Uint8Array): [id: number, body: Buffer][] {
  const bytes = Buffer.from(module);
  const found: [number, Buffer][] = [];
  for (let at = 8; at < bytes.length;) {
    const id = bytes[at] ?? 0;
    const [length, start] = number(bytes, at + 1);
    found.push([id, bytes.subarray(start, start + length)]);
    at = start + length;
  }
  return found;
}

/** Pages of a module's memory: at the start, and at most where the module says so. */
function memoryOf(module: Uint8Array): number[] {
  const body = sectionsOf(module).find(([id]) => id === sections.memory)?.[1] ?? Buffer.alloc(0);
  const [pages, behind] = number(body, 2);
  return body[1] === 1 ? [pages, number(body, behind)[0]] : [pages];
}

function withMemory(module: Uint8Array, pages: number, maximum: number | undefined): Uint8Array {
  const limits = maximum === undefined ? [0, ...uleb(pages)] : [1, ...uleb(pages), ...uleb(maximum)];
  const parts = sectionsOf(module).map(([id, body]) => [id, id === sections.memory ? [1, ...limits] : body] as const);
  return moduleOf(...parts);
}

function number(bytes: Buffer, from: number): [value: number, behind: number] {
  let value = 0;
  let at = from;
  for (let shift = 0; ; shift += 7, at++) {
    value += ((bytes[at] ?? 0) & 0x7f) * 2 ** shift;
    if ((bytes[at] ?? 0) < 0x80) return [value, at + 1];
  }
}
