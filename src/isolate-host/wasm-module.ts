/**
 * Reads and rewrites the sections of a WebAssembly module, as far as a guest's limits and imports need it (format: WebAssembly Core
 * Specification 2.0, chapter 5). V8 validates what comes out; this file decides what a guest may be at all:
 *
 * - it exports `memory` and `caos_run: () -> ()`;
 * - it defines one memory of its own, 32-bit and not shared, whose maximum is at most `pagesMax` (set here: the host's own bound must never be seen);
 * - it imports only functions that the host offers, with their exact types (V8 would convert arguments of any other type silently).
 */

/** A module that can't be a guest. `text` is fixed per cause; `detail` is for people and names what was found. */
export class UnfitModule extends Error {
  override readonly name = "UnfitModule";
  readonly fault: "notWasm" | "unknownImport" | "noEntry" | "memoryTooLarge";
  constructor(fault: UnfitModule["fault"], detail: string) {
    super(detail);
    this.fault = fault;
  }
}

/** Types of the functions that a guest may import, as `module.name` -> e.g. "ii:i" (i = i32, I = i64, f = f32, F = f64; params, then results). */
export type OfferedFunctions = ReadonlyMap<string, string>;

const section = { type: 1, import: 2, function: 3, memory: 5, export: 7 } as const;
const external = { function: 0, memory: 2 } as const;
const magic = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];
/** Sections of a module: far above what any toolchain writes. */
const sectionsMax = 10_000;

/** The module with its memory bounded. Throws UnfitModule. */
export function fitModule(bytes: Uint8Array, offered: OfferedFunctions, pagesMax: number): Uint8Array {
  const reader = new Reader(bytes);
  if (!magic.every((byte, at) => bytes[at] === byte))
    throw new UnfitModule("notWasm", "it does not start as a WebAssembly module does");
  reader.at = magic.length;
  const parts: Uint8Array[] = [bytes.subarray(0, magic.length)];
  let types: readonly string[] = [];
  const functions: (string | undefined)[] = [];
  const exported = new Map<string, string | undefined>();
  for (let count = 0; reader.at < bytes.length; count++) {
    if (count > sectionsMax) throw new UnfitModule("notWasm", "it has too many sections");
    const start = reader.at;
    const id = reader.byte();
    const end = reader.u32() + reader.at;
    if (end > bytes.length) throw new UnfitModule("notWasm", "a section is cut short");
    const body = reader.at;
    if (id === section.type) types = readTypes(reader);
    if (id === section.import) for (const type of checkImports(reader, types, offered)) functions.push(type);
    if (id === section.function) for (let left = reader.count(); left > 0; left--) functions.push(types[reader.u32()]);
    if (id === section.export) readExports(reader, functions, exported);
    if (id === section.memory) {
      const bounded = boundMemory(reader, pagesMax);
      parts.push(Uint8Array.of(id), uleb(bounded.length), bounded);
    } else parts.push(bytes.subarray(start, end));
    if (reader.at > end) throw new UnfitModule("notWasm", "a section runs over its end");
    reader.at = Math.max(end, body);
  }
  if (exported.get("memory") !== "memory" || exported.get("caos_run") !== ":") {
    throw new UnfitModule(
      "noEntry",
      "it does not export a memory `memory` and a function `caos_run` without parameters or results",
    );
  }
  return Buffer.concat(parts);
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
  for (let left = reader.u32(); left > 0; left--) {
    if (reader.byte() !== 0x60) return types; // a recursive or struct type: none of ours, and the rest can't be told apart
    const values = () => Array.from({ length: reader.count() }, () => valueTypes.get(reader.byte()) ?? "?").join("");
    const parameters = values();
    types.push(`${parameters}:${values()}`);
  }
  return types;
}

/** The types of the imported functions, which come first in the space of functions. */
function checkImports(reader: Reader, types: readonly string[], offered: OfferedFunctions): string[] {
  const imported: string[] = [];
  for (let left = reader.u32(); left > 0; left--) {
    const name = `${reader.name()}.${reader.name()}`;
    const kind = reader.byte();
    const wanted = offered.get(name);
    if (kind !== external.function || wanted === undefined)
      throw new UnfitModule("unknownImport", `it imports ${name}, which no guest can have`);
    if (types[reader.u32()] !== wanted)
      throw new UnfitModule("unknownImport", `it imports ${name} with another type than the host's`);
    imported.push(wanted);
  }
  return imported;
}

/** Exported functions by their type, memories as "memory". */
function readExports(
  reader: Reader,
  functions: readonly (string | undefined)[],
  exported: Map<string, string | undefined>,
): void {
  for (let left = reader.u32(); left > 0; left--) {
    const name = reader.name();
    const kind = reader.byte();
    const index = reader.u32();
    if (kind === external.function) exported.set(name, functions[index]);
    if (kind === external.memory) exported.set(name, "memory");
  }
}

/** The memory section with the maximum lowered to `pagesMax`. */
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

function uleb(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 0x7f) {
    bytes.push((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  return Uint8Array.from([...bytes, rest]);
}

class Reader {
  readonly #bytes: Uint8Array;
  at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  byte(): number {
    const byte = this.#bytes[this.at++];
    if (byte === undefined) throw new UnfitModule("notWasm", "it is cut short");
    return byte;
  }

  u32(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) {
        if (value > 0xffff_ffff) break;
        return value;
      }
    }
    throw new UnfitModule("notWasm", "a number is malformed");
  }

  /** A count of things that each take a byte at least, so that a lie can't ask for more than the module is long. */
  count(): number {
    const count = this.u32();
    if (count > this.#bytes.length) throw new UnfitModule("notWasm", "a count is larger than the module");
    return count;
  }

  name(): string {
    const length = this.count();
    const text = Buffer.from(this.#bytes.subarray(this.at, this.at + length)).toString("utf8");
    this.at += length;
    return text;
  }
}
