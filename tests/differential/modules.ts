/**
 * Random modules: a seed stands for a guest that does a bit of everything that a guest can do (floats, SIMD, memory, tables, references, control flow, exceptions, tail calls, recursion, traps, clock, random
 * bytes, nested runs by both ABIs) and then gives all of its state as its result, so that whatever differs shows in the result's oid. All of them are valid, whatever the seed; a few run out of fuel or of depth.
 *
 * How a guest is called, and whom it runs: batches.ts.
 *
 * What a guest has seen is folded into a number, `sum`, as it goes on. It is logged now and then, and the last line is the message of a guest that traps. The result: sum, a digest of the memory, its size, and
 * each global's bits.
 *
 * Memory below 0x2000 is the generator's own (layout.ts); what is random reads and writes beyond.
 */
import { counted, named, uleb } from "../guests/bytes.ts";
import { dice, type Dice } from "../scheduler/seeded.ts";
import { argTrees, batchGuests, guestName, variants } from "./batches.ts";
import { Body, recursion, type Plan, type Signature } from "./bodies.ts";
import { Code, letters, op, scalars, sleb, typeBytes, type FunctionType, type ValueType } from "./code.ts";
import {
  factor,
  firstRandom,
  fixedGlobals,
  global,
  importIndex,
  importNames,
  imports,
  nameBytes,
  oidBytes,
  ownIndex,
  place,
} from "./layout.ts";
import { lettersOf, type Letter } from "./plain-instructions.ts";

export interface GeneratedModule {
  readonly bytes: Uint8Array;
  /** Opcodes in its functions. */
  readonly opcodes: ReadonlySet<number>;
  readonly limits: { readonly depth: number; readonly fuel: number; readonly memoryPages: number };
}

/** The guest that a seed stands for. */
export function generateModule(seed: number): GeneratedModule {
  return new Generator(seed).generate();
}

const resultLists: readonly (readonly Letter[])[] = [
  [],
  ["i"],
  ["I"],
  ["F"],
  ["f"],
  ["v"],
  ["i", "F"],
  ["I", "f", "v"],
];
class Generator implements Plan {
  readonly seed: number;
  readonly random: Dice;
  readonly opcodes = new Set<number>();
  readonly types: FunctionType[] = [];
  readonly signatures: Signature[] = [];
  readonly bodies: number[][] = [];
  readonly costs: number[] = [];
  readonly globals: { readonly type: ValueType; readonly isMutable: boolean; readonly init: number[] }[] = [];
  readonly tags: FunctionType[] = [];
  /** With which of the two encodings exceptions are written: no module has both. */
  readonly hasLegacyExceptions: boolean;
  /** What no reset reaches is rare, so that most instances are reused. */
  readonly changesTables: boolean;
  readonly grows: boolean;
  /** Operands for which an instruction traps are let through now and then. */
  readonly isRash: boolean;
  readonly runsAway: "loop" | "recursion" | undefined;

  constructor(seed: number) {
    this.seed = seed;
    this.random = dice(seed * 7919 + 17);
    this.hasLegacyExceptions = this.chance(50);
    this.changesTables = this.chance(30);
    this.grows = this.chance(35);
    this.isRash = this.chance(35);
    this.runsAway = this.chance(2) ? "recursion" : this.chance(1) ? "loop" : undefined;
  }

  below(bound: number): number {
    return this.random.below(bound);
  }
  chance(percent: number): boolean {
    return this.random.below(100) < percent;
  }
  isRisked(percent: number): boolean {
    return this.isRash && this.chance(percent);
  }
  pick<T>(from: readonly T[]): T {
    return from[this.random.below(from.length)] as T;
  }

  typeIndex(params: readonly ValueType[], results: readonly (ValueType | "exnref")[]): number {
    const key = `${params.join()}:${results.join()}`;
    const found = this.types.findIndex((each) => `${each.params.join()}:${each.results.join()}` === key);
    return found >= 0 ? found : this.types.push({ params, results: results as readonly ValueType[] }) - 1;
  }

  generate(): GeneratedModule {
    this.#chooseGlobals();
    for (let tag = 0; tag < 3; tag++) {
      this.tags.push({ params: Array.from({ length: tag }, () => this.pick(letters)), results: [] });
    }
    const count = 3 + this.below(4);
    for (let at = 0; at < count; at++) {
      const isRecursive = at === count - 1 || this.chance(20);
      const params = Array.from({ length: this.below(4) }, () => this.pick(letters));
      this.signatures.push({
        params: isRecursive ? ["i", ...params] : params,
        results: this.pick(resultLists),
        isRecursive,
      });
    }
    // What is called comes behind its callers, and its cost is known when they are written.
    for (let at = count - 1; at >= 0; at--) {
      const body = new Body(this, at);
      this.bodies[at] = body.write();
      this.costs[at] = body.cost * (this.signatures[at]?.isRecursive === true ? recursion.shallow : 1);
    }
    const runaway = this.runsAway === "recursion";
    const limits = runaway
      ? { depth: 1 << 20, fuel: 100_000_000, memoryPages: 8 }
      : { depth: 20_000 + this.below(100_000), fuel: 3_000_000, memoryPages: 2 + this.below(8) };
    const bytes = this.#module(limits.memoryPages);
    return { bytes, opcodes: this.opcodes, limits };
  }

  #chooseGlobals(): void {
    this.globals.push({ type: "I", isMutable: true, init: new Code(this.opcodes).i64(BigInt(this.seed)).bytes });
    for (let fixed = 1; fixed < fixedGlobals; fixed++) {
      this.globals.push({ type: "i", isMutable: true, init: new Code(this.opcodes).i32(0).bytes });
    }
    for (const type of scalars) this.#addGlobal(type, true);
    for (let more = this.below(5); more > 0; more--) this.#addGlobal(this.pick(scalars), this.chance(70));
    if (this.chance(15)) this.#addGlobal("v", true);
    if (this.chance(10)) {
      this.globals.push({ type: "funcref", isMutable: true, init: new Code(this.opcodes).op(op.refNull, 0x70).bytes });
    }
  }

  globalsOf(type: Letter): readonly number[] {
    const known = this.#globalsOf.get(type);
    if (known !== undefined) return known;
    const found = this.globals.flatMap((each, index) => (each.type === type ? [index] : []));
    this.#globalsOf.set(type, found);
    return found;
  }
  readonly #globalsOf = new Map<Letter, readonly number[]>();

  #addGlobal(type: Letter, isMutable: boolean): void {
    let init = this.#initial(type);
    // The bits of a NaN don't survive the host, so a mutable one keeps an instance from being reused.
    if (isMutable) while (isNaNConstant(type, init) && this.chance(90)) init = this.#initial(type);
    this.globals.push({ type, isMutable, init });
  }

  #initial(type: Letter): number[] {
    const code = new Code(this.opcodes);
    this.constant(code, type);
    return code.bytes;
  }

  constant(code: Code, type: Letter): void {
    const word = () => this.below(0x1_0000_0000);
    switch (type) {
      case "i":
        code.i32(this.pick([0, 1, -1, 0x7fff_ffff, -0x8000_0000, 2, 31, this.below(1000), word(), word()]));
        return;
      case "I": {
        const any = (BigInt(word()) << 32n) | BigInt(word());
        code.i64(this.pick([0n, 1n, -1n, 1n << 63n, (1n << 63n) - 1n, 63n, BigInt(this.below(1000)), any, any]));
        return;
      }
      case "f":
        code.op(op.f32Const, ...this.floatBytes(4));
        return;
      case "F":
        code.op(op.f64Const, ...this.floatBytes(8));
        return;
      case "v": {
        const parts = this.pick([
          () => Array.from({ length: 16 }, () => this.below(256)),
          () => [0, 1, 2, 3].flatMap(() => this.floatBytes(4)),
          () => [0, 1].flatMap(() => this.floatBytes(8)),
        ])();
        code.op(op.v128Const, ...parts);
      }
    }
  }

  /** NaNs of any payload and sign, infinities, zeros, the smallest and the largest, plain numbers, and any bits. */
  floatBytes(length: 4 | 8): number[] {
    const bytes = Buffer.alloc(length);
    const sign = this.chance(50) ? 0x80 : 0;
    const any = () => Array.from({ length }, () => this.below(256));
    const top = (high: number, next: number) => {
      bytes[length - 1] = high | sign;
      bytes[length - 2] = next;
    };
    switch (this.below(8)) {
      case 0: // a quiet NaN, with a payload or without
        if (this.chance(60)) bytes.set(any());
        top(0x7f, length === 4 ? 0xc0 | this.below(64) : 0xf8 | this.below(8));
        break;
      case 1: // a signalling NaN
        bytes.set(any());
        bytes[0] = 1;
        top(0x7f, length === 4 ? 0x80 | this.below(64) : 0xf0 | this.below(8));
        break;
      case 2: // an infinity
        top(0x7f, length === 4 ? 0x80 : 0xf0);
        break;
      case 3: // zero, or next to it
        bytes[0] = this.below(2);
        top(0, 0);
        break;
      case 4:
        bytes.set(any());
        break;
      default: {
        const value = (this.below(2001) - 1000) * this.pick([1, 0.5, 1e-3, 1e6, 1e30]);
        if (length === 4) bytes.writeFloatLE(value);
        else bytes.writeDoubleLE(value);
      }
    }
    return [...bytes];
  }

  #module(memoryPages: number): Uint8Array {
    const types = importNames.map((name) => this.#typeOfText(imports[name][2]));
    const ownTypes = ["I:", ":", ":I", "ii:", "i:", ":I", ":I", ":"].map((text) => this.#typeOfText(text));
    const randomTypes = this.signatures.map(({ params, results }) => this.typeIndex(params, results));
    const functions = [...this.#ownBodies(memoryPages), ...this.bodies];
    const hasStart = this.chance(20);
    if (hasStart) functions.push(this.#start());
    const functionTypes = [...ownTypes, ...randomTypes, ...(hasStart ? [this.typeIndex([], [])] : [])];
    const tagTypes = this.tags.map(({ params }) => this.typeIndex(params, []));
    const refs = this.signatures.map((_, at) => uleb(firstRandom + at));
    const pages = 1 + this.below(2);
    const tableMax = 20;
    return Uint8Array.from([
      0,
      0x61,
      0x73,
      0x6d,
      1,
      0,
      0,
      0,
      ...section(1, list(this.types.map(({ params, results }) => [0x60, ...values(params), ...values(results)]))),
      ...section(
        2,
        list(
          importNames.map((name, at) => [
            ...named(imports[name][0]),
            ...named(imports[name][1]),
            0,
            ...uleb(types[at] as number),
          ]),
        ),
      ),
      ...section(3, list(functionTypes.map((type) => uleb(type)))),
      // For calls, which nothing changes; functions, changed at random; references to the host's, all null.
      ...section(
        4,
        list([
          [0x70, 0, ...uleb(this.signatures.length)],
          [0x70, 1, 8, tableMax],
          [0x6f, 0, 4],
        ]),
      ),
      ...section(5, list([this.chance(50) ? [0, pages] : [1, pages, pages + this.below(20)]])),
      ...section(13, list(tagTypes.map((type) => [0, ...uleb(type)]))),
      ...section(
        6,
        list(this.globals.map(({ type, isMutable, init }) => [typeBytes[type], isMutable ? 1 : 0, ...init, 0x0b])),
      ),
      ...section(
        7,
        list([
          [...named("memory"), 2, 0],
          [...named("caos_run"), 0, ...uleb(ownIndex("run"))],
        ]),
      ),
      ...(hasStart ? section(8, uleb(importNames.length + functions.length - 1)) : []),
      ...section(
        9,
        list([
          [0, 0x41, 0, 0x0b, ...list(refs)],
          // Passive, for table.init.
          [1, 0, ...list(refs.slice(0, 4))],
        ]),
      ),
      ...section(12, uleb(this.#segments().length)),
      ...section(10, list(functions.map((body) => [...uleb(body.length), ...body]))),
      ...section(11, list(this.#segments())),
    ]);
  }

  /** Segment 0 is passive, for memory.init. */
  #segments(): number[][] {
    const names = Array.from({ length: batchGuests }, (_, guest) => `/cas/std/${guestName(guest)}`);
    return [
      [1, ...counted(Array.from({ length: 32 }, (_, byte) => (byte * 37 + this.seed) & 255))],
      segment(place.argOids, Buffer.from(argTrees.join(""), "hex")),
      segment(place.names, Buffer.from(names.join(""))),
      segment(place.digits, Buffer.from("0123456789abcdef")),
      segment(place.calls, Buffer.from(this.calls().join(""))),
      segment(
        place.free,
        Array.from({ length: 64 }, (_, byte) => (byte * 91 + this.seed * 13) & 255),
      ),
    ];
  }

  /** Calls in JSON; the last one runs a guest of the lowest level. */
  calls(): readonly string[] {
    const at = this.seed % batchGuests;
    return [
      '{"op":"job"}',
      `{"op":"tree","hash":"${argTrees[0]}"}`,
      '{"op":"get","hash":"nonsense"}',
      `{"op":"run","image":"/cas/std/${guestName(at)}","args":"${argTrees[this.seed % variants]}"}`,
    ];
  }

  #typeOfText(text: string): number {
    const [params = "", results = ""] = text.split(":");
    return this.typeIndex(lettersOf(params), lettersOf(results));
  }

  #start(): number[] {
    const code = new Code(this.opcodes);
    code.i32(place.free + 100).i64(BigInt(this.seed) * factor);
    code.access(op.i64Store, 3, 0);
    for (const [index, { type, isMutable }] of this.globals.entries()) {
      if (index < fixedGlobals || !isMutable || type === "funcref" || type === "externref" || this.chance(50)) continue;
      this.#startConstant(code, type, index);
    }
    return [0, ...code.end().bytes];
  }

  #startConstant(code: Code, type: Letter, index: number): void {
    if (type === "v") this.constant(code, type);
    else if (type === "i") code.i32(this.below(1000));
    else if (type === "I") code.i64(BigInt(this.below(1000)));
    else if (type === "f") code.op(op.f32Const, 0, 0, 0x80, 0x3f);
    else code.op(op.f64Const, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f);
    code.at(op.globalSet, index);
  }

  #ownBodies(memoryPages: number): number[][] {
    const code = () => new Code(this.opcodes);
    // sum = rotl((sum ^ param) * factor, 29)
    const fold = code()
      .at(op.globalGet, global.sum)
      .get(0)
      .op(op.i64Xor)
      .i64(factor)
      .op(op.i64Mul)
      .i64(29n)
      .op(op.i64Rotl)
      .at(op.globalSet, global.sum)
      .end();
    // A line of 16 hex digits. Locals: the sum, where the next digit goes.
    const tell = code();
    tell
      .at(op.globalGet, global.sum)
      .set(0)
      .i32(place.line + 16)
      .set(1);
    tell.op(op.loop, 0x40);
    tell.get(1).i32(1).op(op.i32Sub).at(op.localTee, 1);
    tell
      .get(0)
      .i64(15n)
      .op(op.i64And)
      .op(op.i32WrapI64)
      .access(op.i32Load8U, 0, place.digits)
      .access(op.i32Store8, 0, 0);
    tell.get(0).i64(4n).op(op.i64ShrU).set(0);
    tell.get(1).i32(place.line).op(op.i32GtU).at(op.brIf, 0).end();
    tell.i32(place.line).i32(16).call(importIndex("log")).op(op.drop).end();
    // Locals: address, digest.
    const digest = code();
    digest.op(op.loop, 0x40);
    digest
      .get(1)
      .get(0)
      .access(op.i64Load, 3, 0)
      .op(op.i64Xor)
      .i64(factor)
      .op(op.i64Mul)
      .i64(23n)
      .op(op.i64Rotl)
      .set(1);
    digest
      .i32(8)
      .i32(64)
      .get(0)
      .i32(place.thinFrom)
      .op(op.i32LtU)
      .op(op.select)
      .get(0)
      .op(op.i32Add)
      .at(op.localTee, 0);
    digest.op(op.memorySize, 0).i32(16).op(op.i32Shl).op(op.i32LtU).at(op.brIf, 0).end();
    digest.get(1).end();
    return [
      [0, ...fold.bytes],
      [2, 1, 0x7e, 1, 0x7f, ...tell.bytes],
      [2, 1, 0x7f, 1, 0x7e, ...digest.bytes],
      this.#nestedBody(),
      this.#askBody(),
      [0, ...this.#readWord(code().i32(0).i64(0n).i32(place.word).call(importIndex("clock")))],
      [0, ...this.#readWord(code().i32(place.word).i32(8).call(importIndex("random")))],
      [0, ...this.#runBody(memoryPages)],
    ];
  }

  #readWord(code: Code): number[] {
    return code.op(op.drop).i32(place.word).access(op.i64Load, 3, 0).end().bytes;
  }

  /** Parameters: which guest is first, how many (1 to 4). Asks for them in one batch, at the level below, and folds what they came to. */
  #nestedBody(): number[] {
    const code = new Code(this.opcodes);
    const [first, count, at, item] = [0, 1, 2, 3];
    code.at(op.globalGet, global.level).op(op.i32Eqz).op(op.if, 0x40).op(op.return).end();
    code.op(op.loop, 0x40);
    code.i32(place.items).get(at).i32(16).op(op.i32Mul).op(op.i32Add).set(item);
    code.get(item);
    code
      .get(first)
      .get(at)
      .i32(5)
      .op(op.i32Mul)
      .op(op.i32Add)
      .i32(batchGuests - 1)
      .op(op.i32And);
    code.i32(nameBytes).op(op.i32Mul).i32(place.names).op(op.i32Add).access(op.i32Store, 2, 0);
    code.get(item).i32(nameBytes).access(op.i32Store, 2, 4);
    code.get(item);
    code.at(op.globalGet, global.level).i32(1).op(op.i32Sub).i32(variants).op(op.i32Mul);
    code.get(first).get(at).op(op.i32Add).i32(variants).op(op.i32RemU).op(op.i32Add);
    code.i32(oidBytes).op(op.i32Mul).i32(place.argOids).op(op.i32Add).access(op.i32Store, 2, 8);
    code.get(item).i32(oidBytes).access(op.i32Store, 2, 12);
    code.get(at).i32(1).op(op.i32Add).at(op.localTee, at).get(count).op(op.i32LtU).at(op.brIf, 0).end();
    code
      .i32(place.items)
      .get(count)
      .i32(place.answers)
      .call(importIndex("runMany"))
      .op(op.i64ExtendI32S)
      .call(ownIndex("fold"));
    // Messages of those that failed.
    code.i32(place.answer).i32(0).i32(128).call(importIndex("read")).op(op.i64ExtendI32S).call(ownIndex("fold"));
    code.i32(0).set(at);
    code.op(op.loop, 0x40);
    code.get(at).access(op.i64Load, 3, place.answers).call(ownIndex("fold"));
    code
      .get(at)
      .i32(8)
      .op(op.i32Add)
      .at(op.localTee, at)
      .get(count)
      .i32(24)
      .op(op.i32Mul)
      .op(op.i32LtU)
      .at(op.brIf, 0)
      .end();
    return [1, 2, 0x7f, ...code.end().bytes];
  }

  /** Parameter: which of the calls in JSON. The last one runs a guest, which one of the lowest level may not. */
  #askBody(): number[] {
    const code = new Code(this.opcodes);
    let at: number = place.calls;
    const calls = this.calls();
    for (const [index, text] of calls.entries()) {
      code.get(0).i32(index).op(op.i32Eq);
      if (index === calls.length - 1) code.at(op.globalGet, global.level).i32(0).op(op.i32Ne).op(op.i32And);
      code.op(op.if, 0x40);
      code.i32(at).i32(text.length).call(importIndex("call")).op(op.i64ExtendI32S).call(ownIndex("fold"));
      code.i32(place.answer).call(importIndex("readAnswer")).end();
      at += text.length;
    }
    return [0, ...code.end().bytes];
  }

  #runBody(memoryPages: number): number[] {
    const code = new Code(this.opcodes);
    code.call(importIndex("args")).op(op.drop);
    code.i32(place.args).i32(0).i32(64).call(importIndex("read")).op(op.drop);
    code
      .i32(place.args + "100644 n\0".length)
      .call(importIndex("blob"))
      .op(op.drop);
    code.i32(place.n).i32(0).i32(1).call(importIndex("read")).op(op.drop);
    code.i32(0).access(op.i32Load8U, 0, place.n).at(op.globalSet, global.n);
    code.at(op.globalGet, global.n).i32(variants).op(op.i32DivU).at(op.globalSet, global.level);
    code.at(op.globalGet, global.n).op(op.i64ExtendI32U).call(ownIndex("fold"));
    const body = new Body(this, undefined, code);
    for (const at of this.signatures.keys()) {
      code.call(ownIndex("tell"));
      body.callRandom(at);
      if (this.chance(40)) body.nested();
    }
    if (this.runsAway === "loop") code.op(op.loop, 0x40).at(op.br, 0).end();
    if (this.grows && this.chance(50)) {
      // Beyond the worker's limit, and what the module says itself.
      code
        .i32(this.pick([1, 2, memoryPages, 60_000]))
        .op(op.memoryGrow, 0)
        .op(op.i64ExtendI32S)
        .call(ownIndex("fold"));
    }
    for (const [index, { type }] of this.globals.entries()) {
      code.i32(place.state + index * 16).at(op.globalGet, index);
      switch (type) {
        case "i":
          code.access(op.i32Store, 2, 0);
          break;
        case "I":
          code.access(op.i64Store, 3, 0);
          break;
        case "f":
          code.access(op.f32Store, 2, 0);
          break;
        case "F":
          code.access(op.f64Store, 3, 0);
          break;
        case "v":
          code.access(op.v128Store, 4, 0);
          break;
        case "funcref":
        case "externref":
          code.op(op.refIsNull).access(op.i32Store, 2, 0);
      }
    }
    code.i32(place.stateTail).op(op.memorySize, 0).op(op.i64ExtendI32U).access(op.i64Store, 3, 0);
    code
      .i32(place.stateTail + 8)
      .at(op.tableSize, 1)
      .op(op.i64ExtendI32U)
      .access(op.i64Store, 3, 0);
    code
      .i32(place.stateTail + 16)
      .call(ownIndex("digest"))
      .access(op.i64Store, 3, 0);
    code
      .i32(place.state)
      .i32(place.stateEnd - place.state)
      .i32(place.oid)
      .call(importIndex("putBlob"))
      .op(op.drop);
    code.i32(0).i32(place.oid).call(importIndex("out")).op(op.drop);
    return code.end().bytes;
  }
}

function list(items: readonly (readonly number[])[]): number[] {
  return [...uleb(items.length), ...items.flat()];
}

/** Types of values behind their count. */
function values(types: readonly ValueType[]): number[] {
  return counted(types.map((each) => typeBytes[each]));
}

/** An active segment of data. */
function segment(address: number, bytes: Iterable<number>): number[] {
  return [0, op.i32Const, ...sleb(BigInt(address)), op.end, ...counted(bytes)];
}

function section(id: number, body: readonly number[]): number[] {
  return [id, ...uleb(body.length), ...body];
}

function isNaNConstant(type: Letter, bytes: readonly number[]): boolean {
  if (type !== "f" && type !== "F") return false;
  const value = Buffer.from(bytes.slice(1));
  return Number.isNaN(type === "f" ? value.readFloatLE() : value.readDoubleLE());
}
