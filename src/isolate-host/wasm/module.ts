/**
 * Reads a WebAssembly module's sections and decides what a guest may be at all (V8 validates the rest):
 *
 * - it exports `memory` and `caos_run: () -> ()`;
 * - it defines one memory of its own, 32-bit and not shared, whose maximum is at most `pagesMax` (set here: the host's own bound must never be seen);
 * - it imports only functions that the host offers, with their exact types (V8 would convert arguments of any other type silently);
 * - it has no instruction outside of our list (instructions.ts).
 *
 * And it says whether an instance can be reset and used again: everything that a guest can change must be within our reach. Memory is; mutable globals of number types are, once
 * they are exported (appended here under names that no toolchain writes); tables and dropped segments are not, so a module that touches those is not reusable.
 */
import { op, walkInstructions } from "./instructions.ts";
import { Reader, UnfitModule } from "./reader.ts";

/** Types of the functions that a guest may import, as `module.name` -> e.g. "ii:i" (i = i32, I = i64, f = f32, F = f64; params, then results). */
export type OfferedFunctions = ReadonlyMap<string, string>;

/** A module that fits. */
export interface FitModule {
  readonly bytes: Uint8Array;
  /** Export names of its mutable globals, when an instance can be reset; undefined when it can't. */
  readonly resettable: readonly string[] | undefined;
}

const section = { custom: 0, type: 1, import: 2, function: 3, memory: 5, global: 6, export: 7, code: 10 } as const;
const external = { function: 0, memory: 2, global: 3 } as const;
const magic = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];
/** Sections of a module: far above what any toolchain writes. */
const sectionsMax = 10_000;
/** Mutable globals beyond which resetting an instance costs more than a fresh one. */
const resetGlobalsMax = 64;
const globalPrefix = "coppice global ";

interface Facts {
  types: readonly string[];
  readonly functions: (string | undefined)[];
  readonly exported: Map<string, string | undefined>;
  mutableGlobals: readonly number[];
  /** Why an instance can't be reset, once something says so. */
  isResettable: boolean;
}

/** The module with its memory bounded. Throws UnfitModule. */
export function fitModule(bytes: Uint8Array, offered: OfferedFunctions, pagesMax: number): FitModule {
  if (!magic.every((byte, at) => bytes[at] === byte)) {
    throw new UnfitModule("notWasm", "it does not start as a WebAssembly module does");
  }
  const facts: Facts = { types: [], functions: [], exported: new Map(), mutableGlobals: [], isResettable: true };
  const parts: Uint8Array[] = [bytes.subarray(0, magic.length)];
  const reader = new Reader(bytes, magic.length);
  let exportsAt: number | undefined;
  for (let count = 0; !reader.isDone; count++) {
    if (count > sectionsMax) throw new UnfitModule("notWasm", "it has too many sections");
    const start = reader.at;
    const id = reader.byte();
    const length = reader.u32();
    const body = reader.at;
    reader.skip(length);
    const inner = new Reader(bytes, body, reader.at);
    if (id === section.export) exportsAt = parts.length;
    parts.push(readSection(id, inner, facts, offered, pagesMax) ?? bytes.subarray(start, reader.at));
  }
  if (facts.exported.get("memory") !== "memory" || facts.exported.get("caos_run") !== ":") {
    throw new UnfitModule(
      "noEntry",
      "it does not export a memory `memory` and a function `caos_run` without parameters or results",
    );
  }
  const names = facts.mutableGlobals.map((index) => `${globalPrefix}${index}`);
  const canReset =
    facts.isResettable && names.length <= resetGlobalsMax && !names.some((name) => facts.exported.has(name));
  if (canReset && exportsAt !== undefined)
    parts[exportsAt] = withExports(parts[exportsAt] as Uint8Array, facts.mutableGlobals, names);
  return { bytes: Buffer.concat(parts), resettable: canReset ? names : undefined };
}

/** Takes note of a section; returns another one where it is rewritten. */
function readSection(
  id: number,
  reader: Reader,
  facts: Facts,
  offered: OfferedFunctions,
  pagesMax: number,
): Uint8Array | undefined {
  switch (id) {
    case section.type:
      facts.types = readTypes(reader);
      return undefined;
    case section.import:
      for (const type of readImports(reader, facts.types, offered)) facts.functions.push(type);
      return undefined;
    case section.function:
      for (let left = reader.count(); left > 0; left--) facts.functions.push(facts.types[reader.u32()]);
      return undefined;
    case section.memory:
      return writeSection(section.memory, boundMemory(reader, pagesMax));
    case section.global:
      readGlobals(reader, facts);
      return undefined;
    case section.export:
      readExports(reader, facts);
      return undefined;
    case section.code:
      readCode(reader, facts);
      return undefined;
    default:
      return undefined;
  }
}

const valueTypes = new Map([
  [0x7f, "i"],
  [0x7e, "I"],
  [0x7d, "f"],
  [0x7c, "F"],
]);

/** One text a type; types that aren't plain functions over numbers stand as "?", which no offered function has. */
function readTypes(reader: Reader): string[] {
  const types: string[] = [];
  for (let left = reader.count(); left > 0; left--) {
    if (reader.byte() !== 0x60) throw new UnfitModule("notWasm", "it has a type that is no function type");
    const values = () => Array.from({ length: reader.count() }, () => valueTypes.get(reader.byte()) ?? "?").join("");
    const parameters = values();
    types.push(`${parameters}:${values()}`);
  }
  return types;
}

/** The types of the imported functions, which come first in the space of functions. */
function readImports(reader: Reader, types: readonly string[], offered: OfferedFunctions): string[] {
  const imported: string[] = [];
  for (let left = reader.count(); left > 0; left--) {
    const name = `${reader.name()}.${reader.name()}`;
    const kind = reader.byte();
    const wanted = offered.get(name);
    if (kind !== external.function || wanted === undefined) {
      throw new UnfitModule("unknownImport", `it imports ${name}, which no guest can have`);
    }
    if (types[reader.u32()] !== wanted) {
      throw new UnfitModule("unknownImport", `it imports ${name} with another type than the host's`);
    }
    imported.push(wanted);
  }
  return imported;
}

/** The memory section's content with the maximum lowered to `pagesMax`. */
function boundMemory(reader: Reader, pagesMax: number): Uint8Array {
  const count = reader.u32();
  if (count === 0) return Uint8Array.of(0);
  if (count > 1) throw new UnfitModule("notWasm", "it has more than one memory");
  const flags = reader.byte();
  if (flags > 1) throw new UnfitModule("notWasm", "its memory is shared or 64-bit");
  const pagesMin = reader.u32();
  const declared = flags === 1 ? reader.u32() : pagesMax;
  if (pagesMin > pagesMax) {
    throw new UnfitModule("memoryTooLarge", `its memory starts at ${pagesMin} pages; a guest can have ${pagesMax}`);
  }
  return Buffer.concat([Uint8Array.of(1, 1), uleb(pagesMin), uleb(Math.min(declared, pagesMax))]);
}

function readGlobals(reader: Reader, facts: Facts): void {
  const mutable: number[] = [];
  const count = reader.count();
  for (let index = 0; index < count; index++) {
    const isNumber = valueTypes.has(reader.byte());
    const isMutable = reader.byte() === 1;
    walkInstructions(reader, () => {});
    if (!isMutable) continue;
    mutable.push(index);
    // A reference or a vector can't be read and written back from outside.
    if (!isNumber) facts.isResettable = false;
  }
  // No global can be imported, so these are their indexes.
  facts.mutableGlobals = mutable;
}

/** Exported functions by their type, memories as "memory". */
function readExports(reader: Reader, facts: Facts): void {
  for (let left = reader.count(); left > 0; left--) {
    const name = reader.name();
    const kind = reader.byte();
    const index = reader.u32();
    facts.exported.set(
      name,
      kind === external.function ? facts.functions[index] : kind === external.memory ? "memory" : undefined,
    );
  }
}

/** Instructions that change what no reset can reach. */
const unresettable = new Set<number>([
  op.tableSet,
  op.tableInit,
  op.tableCopy,
  op.tableGrow,
  op.tableFill,
  op.dataDrop,
  op.elemDrop,
]);

function readCode(reader: Reader, facts: Facts): void {
  for (let left = reader.count(); left > 0; left--) {
    const length = reader.u32();
    const start = reader.at;
    reader.skip(length);
    const body = new Reader(reader.bytes, start, reader.at);
    for (let groups = body.count(); groups > 0; groups--) {
      body.u32();
      body.byte();
    }
    walkInstructions(body, ({ opcode }) => {
      if (unresettable.has(opcode)) facts.isResettable = false;
    });
    if (!body.isDone) throw new UnfitModule("notWasm", "a function goes on after its end");
  }
}

/** An export section with globals appended. */
function withExports(whole: Uint8Array, indexes: readonly number[], names: readonly string[]): Uint8Array {
  const reader = new Reader(whole, 1);
  reader.u32();
  const count = reader.u32();
  const added = indexes.map((index, at) => {
    const name = Buffer.from(names[at] as string, "latin1");
    return Buffer.concat([uleb(name.length), name, Uint8Array.of(external.global), uleb(index)]);
  });
  return writeSection(section.export, Buffer.concat([uleb(count + added.length), whole.subarray(reader.at), ...added]));
}

function writeSection(id: number, body: Uint8Array): Uint8Array {
  return Buffer.concat([Uint8Array.of(id), uleb(body.length), body]);
}

function uleb(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 0x7f) {
    bytes.push((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  return Uint8Array.from([...bytes, rest]);
}
