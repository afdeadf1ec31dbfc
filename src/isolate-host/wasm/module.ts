/**
 * Reads a WebAssembly module's sections, decides what a guest may be at all (V8 validates the rest), and writes the module that is compiled in its place:
 *
 * - it exports `memory` and its entry, `() -> ()`: `caos_run`, or a command's `_start`;
 * - it defines one memory of its own, 32-bit and not shared, whose maximum is at most `memoryPages`, and tables whose maximum is at most `tableElementsMax`: both are set here, since the
 *   host's own bounds must never be seen;
 * - it imports only functions that the host offers, with their exact types (V8 would convert arguments of any other type silently);
 * - it has no instruction, no type and no custom section but names outside of our list (instructions.ts), and passes no bound of V8's, since ours are lower;
 * - its functions count fuel and depth, and the NaNs that they make are canonical (meter.ts). Exported functions are replaced by entries that start with the whole depth; the start function is exported in place of being
 *   started, so that whoever starts it has the instance, and with it the fuel, even if it traps.
 *
 * And it says whether an instance can be reset and used again: everything that a guest can change must be within our reach. Memory is; mutable globals of number types are, once
 * they are exported (under names that no toolchain writes); tables and dropped segments are not, so a module that touches those is not reusable.
 */
import { checkValue, op, walkInstructions } from "./instructions.ts";
import { meterBody, valueType, writeEntry, writeStandIn, type MeterContext, type Metering } from "./meter.ts";
import { exnref, type ExceptionEncoding, type FunctionType } from "./body.ts";
import { Reader, UnfitModule } from "./reader.ts";
import { Writer } from "./writer.ts";

/** Types of the functions that a guest may import, as `module.name` -> e.g. "ii:i" (i = i32, I = i64, f = f32, F = f64; params, then results); where there is a choice, with a bar between: "ii:i|iii:i". */
export type OfferedFunctions = ReadonlyMap<string, string>;

/** Limits that are written into the module. */
export interface ModuleLimits {
  readonly depth: number;
  readonly fuel: number;
  readonly memoryPages: number;
}

/** A module that fits. */
export interface FitModule {
  readonly bytes: Uint8Array;
  /** Export names of its mutable globals, the fuel's among them, when an instance can be reset; undefined when it can't. */
  readonly resettable: readonly string[] | undefined;
}

/** Export names of what is added. The start function is there when the module has one. */
export const fuelExport = "coppice fuel";
export const startExport = "coppice start";

/** All of it. */
export const fullMetering: Metering = { fuel: true, depth: true, nan: true };

const section = {
  custom: 0,
  type: 1,
  import: 2,
  function: 3,
  table: 4,
  memory: 5,
  global: 6,
  export: 7,
  start: 8,
  element: 9,
  code: 10,
  data: 11,
  dataCount: 12,
  tag: 13,
} as const;
/** The order in which sections stand. */
const order = [1, 2, 3, 4, 5, 13, 6, 7, 8, 9, 12, 10, 11] as const;
/** The part of the name section that names functions. */
const functionNames = 1;
const external = { function: 0, table: 1, memory: 2, global: 3, tag: 4 } as const;
const magic = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];
/** Sections of a module: far above what any toolchain writes. */
const sectionsMax = 10_000;
/** Parameters or results of a function; one parameter is added, and V8's bound of 1,000 must never be seen. */
const valuesMax = 900;
/** Elements of a table, and tables. */
const tableElementsMax = 1 << 20;
const tablesMax = 16;
/** Bytes of a module, and of what it is written into; V8's bound is 1 GiB. */
const moduleBytesMax = 256 << 20;
const writtenBytesMax = 1_000_000_000;
/** Bytes of a function, and of what it is written into; V8's bound is 7,654,321. */
const functionBytesMax = 7_000_000;
const writtenFunctionBytesMax = 7_600_000;
/** Types; each is written twice, and those of blocks come behind. V8's bound on what is written is 1,000,000, as on functions, exports, globals and tags. */
const typesMax = 300_000;
/** Functions, imported ones among them; what is exported or imported is written twice. */
const functionsMax = 400_000;
const exportsMax = 900_000;
const globalsMax = 900_000;
const tagsMax = 900_000;
/** Segments of elements and of data; V8's bounds are 10,000,000 and 100,000. */
const elementSegmentsMax = 900_000;
const dataSegmentsMax = 90_000;
/** Bytes of a name that is imported or exported; V8's bound is 100,000. */
const nameBytesMax = 90_000;
/** Mutable globals beyond which resetting an instance costs more than a fresh one. */
const resetGlobalsMax = 64;
const globalPrefix = "coppice global ";

/** Export names of the functions by which guests are run: a worker's, and a command's. */
export type EntryName = "caos_run" | "_start";

/** The module with its memory bounded and its functions metered. Throws UnfitModule. */
export function fitModule(
  bytes: Uint8Array,
  offered: OfferedFunctions,
  limits: ModuleLimits,
  entry: EntryName = "caos_run",
): FitModule {
  const rewriting = new Rewriting(bytes, offered, limits, fullMetering);
  rewriting.checkEntry(entry);
  return rewriting.write();
}

/**
 * The module rewritten, whose imported functions are among those offered (any, when none are given); a guest has the exports that a guest must have. With other `metering` and imports it serves to measure.
 * Throws UnfitModule.
 */
export function rewriteModule(
  bytes: Uint8Array,
  offered: OfferedFunctions | undefined,
  limits: ModuleLimits,
  metering: Metering,
  isGuest: boolean,
): FitModule {
  const rewriting = new Rewriting(bytes, offered, limits, metering);
  if (isGuest) rewriting.checkEntry("caos_run");
  return rewriting.write();
}

interface TypeOfFunction extends FunctionType {
  readonly index: number;
  readonly text: string;
}

interface Export {
  readonly name: string;
  readonly kind: number;
  readonly index: number;
}

interface Place {
  readonly start: number;
  readonly end: number;
}

class Rewriting {
  readonly #bytes: Uint8Array;
  readonly #limits: ModuleLimits;
  readonly #metering: Metering;
  /** Contents of the sections, by number. */
  readonly #places = new Map<number, Place>();
  /** The custom section of names. Others are left out: they may hold advice to the compiler, and their places in the code are wrong by now. */
  #names: Place | undefined;
  readonly #types: TypeOfFunction[];
  /** Types that are added behind the metered ones. */
  readonly #addedTypes: { readonly key: string; readonly params: Uint8Array; readonly results: Uint8Array }[] = [];
  readonly #functions: readonly TypeOfFunction[];
  readonly #importedCount: number;
  readonly #tags: TypeOfFunction[];
  readonly #exports: readonly Export[];
  readonly #startFunction: number | undefined;
  readonly #globalCount: number;
  readonly #mutableGlobals: readonly number[];
  #isResettable = true;
  readonly #exceptions = new Set<ExceptionEncoding>();
  /** Code makes values of functions, which have to be declared. */
  #hasFunctionReferences = false;

  constructor(bytes: Uint8Array, offered: OfferedFunctions | undefined, limits: ModuleLimits, metering: Metering) {
    this.#bytes = bytes;
    this.#limits = limits;
    this.#metering = metering;
    bounded("bytes", bytes.length, moduleBytesMax);
    if (!magic.every((byte, at) => bytes[at] === byte)) {
      throw new UnfitModule("notWasm", "it does not start as a WebAssembly module does");
    }
    this.#readSections();
    this.#types = this.#list(section.type, "types", typesMax, (reader) => readType(reader)).map((type, index) => ({
      ...type,
      index,
    }));
    const imported = this.#list(section.import, "imports", functionsMax, (reader) => this.#readImport(reader, offered));
    this.#importedCount = imported.length;
    const own = this.#list(section.function, "functions", functionsMax, (reader) => this.#typeAt(reader.u32()));
    this.#functions = [...imported, ...own];
    bounded("functions", this.#functions.length, functionsMax);
    this.#tags = this.#list(section.tag, "tags", tagsMax, (reader) => {
      reader.byte();
      return this.#typeAt(reader.u32());
    });
    const globals = this.#list(section.global, "globals", globalsMax, readGlobal);
    this.#globalCount = globals.length;
    this.#mutableGlobals = globals.flatMap(({ isMutable }, index) => (isMutable ? [index] : []));
    // A reference or a vector can't be read and written back from outside.
    if (globals.some(({ isException }) => isException)) this.#exceptions.add("try_table");
    if (globals.some(({ isMutable, isNumber }) => isMutable && !isNumber)) this.#isResettable = false;
    this.#exports = this.#list(section.export, "exports", exportsMax, readExport);
    bounded("data segments", this.#reader(section.data).count(), dataSegmentsMax);
    const start = this.#places.get(section.start);
    this.#startFunction = start === undefined ? undefined : new Reader(bytes, start.start, start.end).u32();
  }

  checkEntry(entry: EntryName): void {
    const isExported = (name: string, fits: (each: Export) => boolean) =>
      this.#exports.some((each) => each.name === name && fits(each));
    const hasMemory = isExported("memory", ({ kind }) => kind === external.memory);
    const hasRun = isExported(
      entry,
      ({ kind, index }) => kind === external.function && this.#functions[index]?.text === ":",
    );
    if (hasMemory && hasRun) return;
    throw new UnfitModule(
      "noEntry",
      `it does not export a memory \`memory\` and a function \`${entry}\` without parameters or results`,
    );
  }

  write(): FitModule {
    const { fuel, depth } = this.#metering;
    const fuelGlobal = this.#globalCount;
    const context: MeterContext = {
      types: this.#types,
      functions: this.#functions,
      importedCount: this.#importedCount,
      tags: this.#tags,
      metering: this.#metering,
      fuelGlobal,
      meteredType: (type) => type + this.#types.length,
      asValue: (func) => {
        this.#hasFunctionReferences = true;
        return this.#asValue(func);
      },
      blockType: (results) => this.#addedType(new Uint8Array(0), results),
      usesExceptions: (encoding) => this.#exceptions.add(encoding),
    };
    // Functions are added in this order: stand-ins of the host's, then entries.
    const entries: number[] = depth ? this.#entered() : [];
    const code = this.#writeCode(context, entries);
    const written = new Map<number, Writer>([
      [section.code, code],
      [section.function, this.#writeFunctions(entries)],
      [section.table, this.#writeTables()],
      [section.memory, this.#writeMemory()],
      [section.global, this.#writeGlobals()],
      [section.element, this.#writeElements(entries)],
    ]);
    this.#checkExceptions();
    const names = this.#mutableGlobals.map((index) => `${globalPrefix}${index}`);
    const added = new Set([fuelExport, startExport, ...names]);
    const canReset =
      this.#isResettable && names.length < resetGlobalsMax && !this.#exports.some(({ name }) => added.has(name));
    written.set(section.export, this.#writeExports(entries, canReset ? names : [], fuelGlobal));
    // Last, since writing the others asks for types.
    written.set(section.type, this.#writeTypes());
    return {
      bytes: this.#assemble(written),
      resettable: canReset ? [...names, ...(fuel || depth ? [fuelExport] : [])] : undefined,
    };
  }

  /** One encoding of exceptions is enough for a module: V8 took both in one until it did not (Node 24 does, Node 26 does not). */
  #checkExceptions(): void {
    const hasReferences = this.#types.some(
      ({ params, results }) => params.includes(exnref) || results.includes(exnref),
    );
    if (hasReferences) this.#exceptions.add("try_table");
    if (this.#exceptions.size < 2) return;
    throw new UnfitModule("notWasm", "it has both encodings of exceptions, try and try_table; a guest can have one");
  }

  #readSections(): void {
    const reader = new Reader(this.#bytes, magic.length);
    let last = 0;
    for (let count = 0; !reader.isDone; count++) {
      if (count > sectionsMax) throw new UnfitModule("notWasm", "it has too many sections");
      const id = reader.byte();
      const length = reader.u32();
      const start = reader.at;
      reader.skip(length);
      const place: Place = { start, end: reader.at };
      if (id === section.custom) {
        if (new Reader(this.#bytes, start, place.end).name() === "name") this.#names ??= place;
      } else {
        const rank = order.findIndex((each) => each === id);
        if (rank < 0 || this.#places.has(id) || rank < order.findIndex((each) => each === last)) {
          throw new UnfitModule("notWasm", "its sections are unknown or out of order");
        }
        this.#places.set(id, place);
        last = id;
      }
    }
  }

  /** The items of a section that is a list; none when there is no such section. */
  #list<T>(id: number, what: string, itemsMax: number, read: (reader: Reader) => T): T[] {
    const reader = this.#reader(id);
    const items: T[] = [];
    for (let left = bounded(what, reader.count(), itemsMax); left > 0; left--) items.push(read(reader));
    if (!reader.isDone) throw new UnfitModule("notWasm", "a section is longer than what it holds");
    return items;
  }

  /** A section that is not there reads as an empty list. */
  #reader(id: number): Reader {
    const place = this.#places.get(id);
    return place === undefined ? new Reader(Uint8Array.of(0)) : new Reader(this.#bytes, place.start, place.end);
  }

  #typeAt(index: number): TypeOfFunction {
    const type = this.#types[index];
    if (type === undefined) throw new UnfitModule("notWasm", "an index names no type");
    return type;
  }

  #functionAt(index: number): TypeOfFunction {
    const type = this.#functions[index];
    if (type === undefined) throw new UnfitModule("notWasm", "an index names no function");
    return type;
  }

  #readImport(reader: Reader, offered: OfferedFunctions | undefined): TypeOfFunction {
    const name = `${readName(reader)}.${readName(reader)}`;
    if (reader.byte() !== external.function) {
      throw new UnfitModule("unknownImport", `it imports ${name}, which no guest can have`);
    }
    const type = this.#typeAt(reader.u32());
    if (offered !== undefined && offered.get(name)?.split("|").includes(type.text) !== true) {
      const why = offered.has(name) ? "with another type than the host's" : "which no guest can have";
      throw new UnfitModule("unknownImport", `it imports ${name}, ${why}`);
    }
    return type;
  }

  /** A function as others may refer to it: the host's have a stand-in behind the module's own. */
  #asValue(func: number): number {
    if (!this.#metering.depth) return func;
    return func < this.#importedCount ? this.#functions.length + func : func;
  }

  #standIns(): number {
    return this.#metering.depth ? this.#importedCount : 0;
  }

  /** Functions that are called from outside, each once. */
  #entered(): number[] {
    const exported = this.#exports.filter(({ kind }) => kind === external.function).map(({ index }) => index);
    const all = this.#startFunction === undefined ? exported : [...exported, this.#startFunction];
    for (const func of all) this.#functionAt(func);
    // The host's own, exported again, are called as they are.
    return [...new Set(all)].filter((func) => func >= this.#importedCount);
  }

  /** The function to call from outside for a function. */
  #entryOf(func: number, entries: readonly number[]): number {
    const at = entries.indexOf(func);
    return at < 0 ? func : this.#functions.length + this.#standIns() + at;
  }

  #addedType(params: Uint8Array, results: Uint8Array): number {
    const key = `${Buffer.from(params).toString("hex")}:${Buffer.from(results).toString("hex")}`;
    let at = this.#addedTypes.findIndex((each) => each.key === key);
    if (at < 0) at = this.#addedTypes.push({ key, params, results }) - 1;
    return this.#types.length * 2 + at;
  }

  #writeTypes(): Writer {
    const out = new Writer();
    const metered = this.#types.map(({ params, results }) => ({
      params: this.#metering.depth ? Uint8Array.of(...params, valueType.i32) : params,
      results,
    }));
    const all = [...this.#types, ...metered, ...this.#addedTypes];
    out.u32(all.length);
    for (const { params, results } of all) {
      out.byte(0x60);
      out.u32(params.length);
      out.bytes(params);
      out.u32(results.length);
      out.bytes(results);
    }
    return out;
  }

  #writeFunctions(entries: readonly number[]): Writer {
    const out = new Writer();
    const own = this.#functions.slice(this.#importedCount);
    const standIns = this.#functions.slice(0, this.#standIns());
    out.u32(own.length + standIns.length + entries.length);
    for (const { index } of [...own, ...standIns]) out.u32(index + this.#types.length);
    for (const func of entries) out.u32(this.#functionAt(func).index);
    return out;
  }

  #writeTables(): Writer {
    const out = new Writer();
    const reader = this.#reader(section.table);
    const count = reader.count();
    out.u32(bounded("tables", count, tablesMax));
    for (let left = count; left > 0; left--) this.#writeTable(reader, out);
    return out;
  }

  #writeTable(reader: Reader, out: Writer): void {
    let type = reader.byte();
    const hasInitializer = type === 0x40;
    if (hasInitializer) {
      if (reader.byte() !== 0) throw new UnfitModule("notWasm", "a table is malformed");
      out.bytes(Uint8Array.of(0x40, 0));
      type = reader.byte();
    }
    checkValue(type);
    if (type === exnref) this.#exceptions.add("try_table");
    out.byte(type);
    const flags = reader.byte();
    if (flags > 1) throw new UnfitModule("notWasm", `a table is ${describeFlags(flags)}, which no guest's can be`);
    const least = reader.u32();
    const most = flags === 1 ? reader.u32() : tableElementsMax;
    if (least > tableElementsMax) {
      throw new UnfitModule("notWasm", `a table starts with ${least} elements; a guest can have ${tableElementsMax}`);
    }
    out.byte(1);
    out.u32(least);
    out.u32(Math.min(most, tableElementsMax));
    if (hasInitializer) this.#writeConstant(reader, out);
  }

  #writeMemory(): Writer {
    const pagesMax = this.#limits.memoryPages;
    const out = new Writer();
    const reader = this.#reader(section.memory);
    const count = reader.count();
    out.u32(count);
    if (count === 0) return out;
    if (count > 1) throw new UnfitModule("notWasm", "it has more than one memory");
    const flags = reader.byte();
    if (flags > 1) throw new UnfitModule("notWasm", `its memory is ${describeFlags(flags)}, which no guest's can be`);
    const least = reader.u32();
    const most = flags === 1 ? reader.u32() : pagesMax;
    if (least > pagesMax) {
      throw new UnfitModule("memoryTooLarge", `its memory starts at ${least} pages; a guest can have ${pagesMax}`);
    }
    out.byte(1);
    out.u32(least);
    out.u32(Math.min(most, pagesMax));
    return out;
  }

  #writeGlobals(): Writer {
    const out = new Writer();
    const reader = this.#reader(section.global);
    const { fuel, depth } = this.#metering;
    const added = fuel || depth ? 1 : 0;
    const count = reader.count();
    out.u32(count + added);
    for (let left = count; left > 0; left--) {
      out.byte(reader.byte());
      out.byte(reader.byte());
      this.#writeConstant(reader, out);
    }
    if (added === 0) return out;
    out.byte(valueType.i64);
    out.byte(1);
    out.byte(op.i64Const);
    out.signed(this.#limits.fuel);
    out.byte(op.end);
    return out;
  }

  #writeExports(entries: readonly number[], names: readonly string[], fuelGlobal: number): Writer {
    const out = new Writer();
    const { fuel, depth } = this.#metering;
    const all: Export[] = this.#exports.map(({ name, kind, index }) => ({
      name,
      kind,
      index: kind === external.function ? this.#entryOf(index, entries) : index,
    }));
    for (const [at, name] of names.entries()) {
      all.push({ name, kind: external.global, index: this.#mutableGlobals[at] as number });
    }
    if (fuel || depth) all.push({ name: fuelExport, kind: external.global, index: fuelGlobal });
    if (this.#startFunction !== undefined) {
      all.push({ name: startExport, kind: external.function, index: this.#entryOf(this.#startFunction, entries) });
    }
    out.u32(all.length);
    for (const { name, kind, index } of all) {
      out.name(name);
      out.byte(kind);
      out.u32(index);
    }
    return out;
  }

  #writeElements(entries: readonly number[]): Writer {
    const out = new Writer();
    const reader = this.#reader(section.element);
    const count = bounded("element segments", reader.count(), elementSegmentsMax);
    // A function that was declared as a value by being exported isn't exported any more: its entry is.
    const declared = this.#hasFunctionReferences
      ? [...entries, ...Array.from({ length: this.#standIns() }, (_, func) => this.#asValue(func))]
      : [];
    out.u32(count + (declared.length > 0 ? 1 : 0));
    for (let left = count; left > 0; left--) this.#writeElement(reader, out);
    if (declared.length > 0) {
      out.byte(3);
      out.byte(0);
      out.u32(declared.length);
      for (const func of declared) out.u32(func);
    }
    return out;
  }

  #writeElement(reader: Reader, out: Writer): void {
    const flags = reader.u32();
    if (flags > 7) throw new UnfitModule("notWasm", "an element segment is malformed");
    out.u32(flags);
    const isActive = (flags & 1) === 0;
    if (isActive && (flags & 2) !== 0) out.u32(reader.u32());
    if (isActive) this.#writeConstant(reader, out);
    if ((flags & 3) !== 0) out.byte(readElementKind(reader, (flags & 4) !== 0));
    const count = bounded("elements in a segment", reader.count(), tableElementsMax);
    out.u32(count);
    for (let left = count; left > 0; left--) {
      if ((flags & 4) === 0) out.u32(this.#asValue(reader.u32()));
      else this.#writeConstant(reader, out);
    }
  }

  /** A constant expression, in which functions are values. */
  #writeConstant(reader: Reader, out: Writer): void {
    walkInstructions(reader, ({ opcode, operand, start, end }) => {
      if (opcode === op.refFunc) {
        out.byte(opcode);
        out.u32(this.#asValue(operand));
      } else out.slice(this.#bytes, start, end);
    });
  }

  #writeCode(context: MeterContext, entries: readonly number[]): Writer {
    const out = new Writer(this.#bytes.length * 2);
    const reader = this.#reader(section.code);
    const count = reader.count();
    if (count !== this.#functions.length - this.#importedCount) {
      throw new UnfitModule("notWasm", "it has functions without bodies, or bodies without functions");
    }
    out.u32(count + this.#standIns() + entries.length);
    const body = new Writer();
    for (let func = this.#importedCount; func < this.#functions.length; func++) {
      const length = reader.u32();
      const start = reader.at;
      reader.skip(length);
      body.clear();
      if (this.#meterFunction(func, start, reader.at, context, body)) this.#isResettable = false;
      out.sized(body);
    }
    for (let func = 0; func < this.#standIns(); func++) {
      body.clear();
      writeStandIn(body, this.#functionAt(func).params.length, func);
      out.sized(body);
    }
    for (const func of entries) {
      body.clear();
      writeEntry(body, this.#functionAt(func).params.length, func, this.#limits.depth);
      out.sized(body);
    }
    return out;
  }

  /** True when it changes tables. What it throws names the function. */
  #meterFunction(func: number, start: number, end: number, context: MeterContext, into: Writer): boolean {
    try {
      bounded("bytes in a function", end - start, functionBytesMax);
      const changesTables = meterBody(this.#bytes, start, end, this.#functionAt(func), context, into);
      bounded("bytes in a function once it is written anew", into.written.length, writtenFunctionBytesMax);
      return changesTables;
    } catch (error) {
      if (!(error instanceof UnfitModule)) throw error;
      const name = functionName(this.#bytes, this.#names, func);
      throw new UnfitModule(
        error.fault,
        `${error.message}, in function ${func}${name === undefined ? "" : ` (${name})`}`,
      );
    }
  }

  #assemble(written: ReadonlyMap<number, Writer>): Uint8Array {
    const out = new Writer(this.#bytes.length * 2);
    out.bytes(Uint8Array.from(magic));
    for (const id of order) {
      const place = this.#places.get(id);
      const rewritten = written.get(id);
      if (rewritten !== undefined) {
        // An empty list is written where there was one, or where nothing was: then it is left out.
        if (place !== undefined || rewritten.written[0] !== 0) {
          out.byte(id);
          out.sized(rewritten);
        }
      } else if (place !== undefined && id !== section.start) {
        out.byte(id);
        out.u32(place.end - place.start);
        out.slice(this.#bytes, place.start, place.end);
      }
    }
    if (this.#names !== undefined) {
      out.byte(section.custom);
      out.u32(this.#names.end - this.#names.start);
      out.slice(this.#bytes, this.#names.start, this.#names.end);
    }
    bounded("bytes once it is written anew", out.written.length, writtenBytesMax);
    return out.written;
  }
}

const valueLetters = new Map([
  [0x7f, "i"],
  [0x7e, "I"],
  [0x7d, "f"],
  [0x7c, "F"],
]);

/** The count. Throws UnfitModule when it is beyond the bound. */
function bounded(what: string, count: number, countMax: number): number {
  if (count > countMax) throw new UnfitModule("notWasm", `it has more than ${countMax} ${what}`);
  return count;
}

function readName(reader: Reader): string {
  const start = reader.at;
  const name = reader.name();
  bounded("bytes in a name", reader.at - start, nameBytesMax);
  return name;
}

/** The type of a segment's elements; without expressions it is written as the one kind that there is, 0. */
function readElementKind(reader: Reader, isType: boolean): number {
  const kind = reader.byte();
  if (isType) checkValue(kind);
  else if (kind !== 0) throw new UnfitModule("notWasm", "an element segment is malformed");
  return kind;
}

/** What a memory's or a table's flags say beyond having a maximum. */
function describeFlags(flags: number): string {
  if ((flags & 2) !== 0) return "shared";
  if ((flags & 4) !== 0) return "64-bit";
  return (flags & 8) !== 0 ? "of another page size" : `of an unknown sort (0x${flags.toString(16)})`;
}

/** What the name section calls a function, if it does; for people. */
function functionName(bytes: Uint8Array, names: Place | undefined, func: number): string | undefined {
  if (names === undefined) return undefined;
  try {
    const reader = new Reader(bytes, names.start, names.end);
    reader.name();
    while (!reader.isDone) {
      const isOfFunctions = reader.byte() === functionNames;
      const length = reader.u32();
      const end = reader.at + length;
      for (let left = isOfFunctions ? reader.count() : 0; left > 0; left--) {
        const index = reader.u32();
        const name = reader.name();
        if (index === func) return name;
      }
      reader.skip(end - reader.at);
    }
  } catch (error) {
    // A damaged name section is no fault of a module's.
    if (!(error instanceof UnfitModule)) throw error;
  }
  return undefined;
}

/** Types that are refused. */
const formNames: ReadonlyMap<number, string> = new Map([
  [0x5f, "struct"],
  [0x5e, "array"],
  [0x5d, "cont"],
  [0x50, "sub"],
  [0x4f, "sub final"],
  [0x4e, "rec"],
  [0x65, "shared"],
]);

/** With a text like "ii:i"; values that aren't numbers stand as "?", which no offered function has. */
function readType(reader: Reader): Omit<TypeOfFunction, "index"> {
  const form = reader.byte();
  if (form !== 0x60) {
    const name = formNames.get(form) ?? `0x${form.toString(16).padStart(2, "0")}`;
    throw new UnfitModule("notWasm", `it has a type that is no function type (${name}), which no guest can have`);
  }
  const values = () => {
    const count = reader.count();
    if (count > valuesMax)
      throw new UnfitModule("notWasm", `a function has more than ${valuesMax} parameters or results`);
    const types = Uint8Array.from({ length: count }, () => reader.byte());
    for (const type of types) checkValue(type);
    return types;
  };
  const params = values();
  const results = values();
  const letters = (types: Uint8Array) => Array.from(types, (type) => valueLetters.get(type) ?? "?").join("");
  return { params, results, text: `${letters(params)}:${letters(results)}` };
}

interface Global {
  readonly isMutable: boolean;
  readonly isNumber: boolean;
  readonly isException: boolean;
}

function readGlobal(reader: Reader): Global {
  const type = reader.byte();
  checkValue(type);
  const isMutable = reader.byte() === 1;
  walkInstructions(reader, () => {});
  return { isMutable, isNumber: valueLetters.has(type), isException: type === exnref };
}

function readExport(reader: Reader): Export {
  return { name: readName(reader), kind: reader.byte(), index: reader.u32() };
}
