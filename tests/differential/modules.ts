/**
 * Random modules: a seed stands for a guest that does a bit of everything that a guest can do (floats, SIMD, memory, tables, references, control flow, exceptions, tail calls, recursion, traps, clock, random
 * bytes, nested runs by both ABIs) and then gives all of its state as its result, so that whatever differs shows in the result's oid. All of them are valid, whatever the seed; a few run out of fuel or of depth.
 *
 * How a guest is called: its args are `{n: blob of one byte}`, a level times `variants` and a variant. A guest of a level above 0 runs other guests of its batch, which are its standard library under the names
 * `g00`, `g01`, …, with the level below. So the requests of a batch are few, are asked for many times, and never make a circle.
 *
 * What a guest has seen is folded into a number, `sum`, as it goes on. It is logged now and then, and the last line is the message of a guest that traps. The result: sum, a digest of the memory, its size, and
 * each global's bits.
 *
 * Memory below 0x2000 is the generator's own (`place`); what is random reads and writes beyond.
 */
import { hashObject } from "../../src/store/object.ts";
import type { Oid } from "../../src/store/oid.ts";
import { counted, moduleOf, named, uleb } from "../guests/bytes.ts";
import { dice, type Dice } from "../scheduler/seeded.ts";
import { plainInstructions, type Letter, type PlainInstruction } from "./plain-instructions.ts";

/** Guests of a batch, and what each can be asked. */
export const batchGuests = 16;
export const levels = 3;
export const variants = 2;
/** The arguments of a batch's requests. */
export const argBytes: readonly Uint8Array[] = Array.from({ length: levels * variants }, (_, n) => Uint8Array.of(n));

/** The trees `{n: blob}` that they are. */
const argTrees: readonly Oid[] = argBytes.map((bytes) => {
  const blob = hashObject("blob", bytes);
  return hashObject("tree", Buffer.concat([Buffer.from("100644 n\0", "latin1"), Buffer.from(blob, "hex")]));
});

/** Name of a batch's guest in its standard library. */
export function guestName(at: number): string {
  return `g${String(at).padStart(2, "0")}`;
}

export interface GeneratedModule {
  readonly bytes: Uint8Array;
  /** Opcodes in its functions. */
  readonly opcodes: ReadonlySet<number>;
  readonly limits: { readonly depth: number; readonly fuel: number; readonly memoryPages: number };
}

type ValueType = Letter | "funcref" | "externref";
interface FunctionType {
  readonly params: readonly ValueType[];
  readonly results: readonly ValueType[];
}
const typeBytes: Readonly<Record<ValueType | "exnref", number>> = {
  i: 0x7f,
  I: 0x7e,
  f: 0x7d,
  F: 0x7c,
  v: 0x7b,
  funcref: 0x70,
  externref: 0x6f,
  exnref: 0x69,
};
const letters: readonly Letter[] = ["i", "I", "f", "F", "v"];
const scalars: readonly Letter[] = ["i", "I", "f", "F"];

const imports = {
  args: ["coppice_v1", "args", ":i"],
  blob: ["coppice_v1", "blob", "i:i"],
  read: ["coppice_v1", "read", "iii:i"],
  putBlob: ["coppice_v1", "put_blob", "iii:i"],
  runMany: ["coppice_v1", "run_many", "iii:i"],
  out: ["coppice_v1", "out", "ii:i"],
  log: ["coppice_v1", "log", "ii:i"],
  clock: ["wasi_snapshot_preview1", "clock_time_get", "iIi:i"],
  random: ["wasi_snapshot_preview1", "random_get", "ii:i"],
  call: ["caos_abi_v1", "call", "ii:i"],
  readAnswer: ["caos_abi_v1", "read", "i:"],
} as const;
const importNames = Object.keys(imports) as (keyof typeof imports)[];
const importIndex = (name: keyof typeof imports) => importNames.indexOf(name);

/** Functions of every module, behind the imports; then come the random ones. */
const own = { fold: 0, tell: 1, digest: 2, nested: 3, ask: 4, clock: 5, random: 6, run: 7 } as const;
const ownCount = Object.keys(own).length;
const ownIndex = (name: keyof typeof own) => importNames.length + own[name];
const firstRandom = importNames.length + ownCount;

/** Addresses. */
const place = {
  argOids: 0,
  names: 0x100,
  line: 0x200,
  digits: 0x210,
  items: 0x240,
  answers: 0x280,
  args: 0x300,
  n: 0x340,
  word: 0x348,
  oid: 0x360,
  state: 0x400,
  stateTail: 0x700,
  stateEnd: 0x718,
  calls: 0x740,
  answer: 0xc00,
  free: 0x2000,
  /** From here on, where hardly anything is written, the digest takes every eighth word. */
  thinFrom: 0x8000,
} as const;
const nameBytes = 12;
const oidBytes = 20;
const itemBytes = 16;
/** What is random lies in this many bytes from `place.free` on: within the first page. */
const freeMask = 0x3fff;

/** Globals of every module: what was seen, and the argument. */
const global = { sum: 0, level: 1, n: 2 } as const;
const fixedGlobals = 3;
const factor = 0x9e3779b97f4a7c15n - (1n << 64n);

/** Fuel that a function may take by what is known of it, so that few guests run out. */
const functionCostMax = 12_000;
/** A function that calls itself does so up to this many times, but seldom up to `deep`. */
const recursion = { shallow: 9, deep: 200 } as const;

function sleb(value: bigint): number[] {
  const low = Number(value & 0x7fn);
  const rest = value >> 7n;
  if ((rest === 0n && (low & 0x40) === 0) || (rest === -1n && (low & 0x40) !== 0)) return [low];
  return [low | 0x80, ...sleb(rest)];
}

/** A function's instructions as they are written. */
class Code {
  readonly bytes: number[] = [];
  readonly opcodes: Set<number>;
  constructor(opcodes: Set<number>) {
    this.opcodes = opcodes;
  }

  op(opcode: number, ...immediates: readonly number[]): this {
    this.opcodes.add(opcode);
    if (opcode < 0x100) this.bytes.push(opcode);
    else this.bytes.push(opcode >> 16, ...uleb(opcode & 0xffff));
    this.bytes.push(...immediates);
    return this;
  }

  /** With an index or a label. */
  at(opcode: number, index: number): this {
    return this.op(opcode, ...uleb(index));
  }

  i32(value: number): this {
    return this.op(0x41, ...sleb(BigInt(value | 0)));
  }

  i64(value: bigint): this {
    return this.op(0x42, ...sleb(BigInt.asIntN(64, value)));
  }

  access(opcode: number, align: number, offset: number, ...more: readonly number[]): this {
    return this.op(opcode, align, ...uleb(offset), ...more);
  }

  get(local: number): this {
    return this.at(0x20, local);
  }
  set(local: number): this {
    return this.at(0x21, local);
  }
  call(func: number): this {
    return this.at(0x10, func);
  }
  end(): this {
    return this.op(0x0b);
  }
}

/** The requests of a batch, in the order in which `batchModule` asks for them: from the top, so that those below are nested first. */
export function batchRequests(guests: number): readonly { readonly guest: number; readonly n: number }[] {
  return [...argBytes.keys()].toReversed().flatMap((n) => Array.from({ length: guests }, (_, guest) => ({ guest, n })));
}

/** A guest that asks for all requests of a batch of so many guests at once. */
export function batchModule(guests: number): Uint8Array {
  const requests = batchRequests(guests);
  const names = requests.length * itemBytes;
  const oids = names + batchGuests * nameBytes;
  const answers = oids + argTrees.length * oidBytes;
  const result = answers + requests.length * 24;
  const items = Buffer.alloc(names);
  for (const [at, { guest, n }] of requests.entries()) {
    const fields = [names + guest * nameBytes, nameBytes, oids + n * oidBytes, oidBytes];
    for (const [field, value] of fields.entries()) items.writeUInt32LE(value, at * itemBytes + field * 4);
  }
  const texts = Array.from({ length: batchGuests }, (_, guest) => `/cas/std/${guestName(guest)}`).join("");
  const bytes = Buffer.concat([items, Buffer.from(texts), Buffer.from(argTrees.join(""), "hex")]);
  const code = new Code(new Set());
  code.i32(0).i32(requests.length).i32(answers).call(0).op(0x1a);
  code
    .i32(answers)
    .i32(requests.length * 24)
    .i32(result)
    .call(1)
    .op(0x1a);
  code.i32(0).i32(result).call(2).op(0x1a).end();
  const imported = (name: string, type: number) => [...named("coppice_v1"), ...named(name), 0, type];
  return moduleOf(
    [1, [3, 0x60, 3, 0x7f, 0x7f, 0x7f, 1, 0x7f, 0x60, 2, 0x7f, 0x7f, 1, 0x7f, 0x60, 0, 0]],
    [2, [3, ...imported("run_many", 0), ...imported("put_blob", 0), ...imported("out", 1)]],
    [3, [1, 2]],
    [5, [1, 0, 1]],
    [7, [2, ...named("memory"), 2, 0, ...named("caos_run"), 0, 3]],
    [10, [1, ...counted([0, ...code.bytes])]],
    [11, [1, 0, 0x41, 0, 0x0b, ...counted(bytes)]],
  );
}

/** The guest that a seed stands for. */
export function generateModule(seed: number): GeneratedModule {
  return new Generator(seed).generate();
}

interface Signature extends FunctionType {
  /** It calls itself as often as its first parameter says. */
  readonly isRecursive: boolean;
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
/** Instructions that take or give one result, by what they give. */
const byResult = new Map<Letter, PlainInstruction[]>();
for (const each of plainInstructions) {
  if (each.result !== undefined) byResult.set(each.result, [...(byResult.get(each.result) ?? []), each]);
}
const stores = plainInstructions.filter(({ result }) => result === undefined);
/** How many instructions each module has for certain, by turns. */
const certainCount = 16;

class Generator {
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
      this.globals.push({ type: "funcref", isMutable: true, init: new Code(this.opcodes).op(0xd0, 0x70).bytes });
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
    const code = new Code(this.opcodes);
    // The bits of a NaN don't survive the host, so a mutable one keeps an instance from being reused.
    do {
      code.bytes.length = 0;
      this.constant(code, type);
    } while (isMutable && (type === "f" || type === "F") && isNaNConstant(code.bytes) && this.chance(90));
    this.globals.push({ type, isMutable, init: code.bytes });
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
        code.op(0x43, ...this.floatBytes(4));
        return;
      case "F":
        code.op(0x44, ...this.floatBytes(8));
        return;
      case "v": {
        const parts = this.pick([
          () => Array.from({ length: 16 }, () => this.below(256)),
          () => [0, 1, 2, 3].flatMap(() => this.floatBytes(4)),
          () => [0, 1].flatMap(() => this.floatBytes(8)),
        ])();
        code.op(0xfd000c, ...parts);
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
    const values = (types_: readonly (ValueType | "exnref")[]) => counted(types_.map((each) => typeBytes[each]));
    const list = (items: readonly (readonly number[])[]) => [...uleb(items.length), ...items.flat()];
    const pages = 1 + this.below(2);
    const section = (id: number, body: readonly number[]) => [id, ...uleb(body.length), ...body];
    const tableMax = 20;
    return Uint8Array.from([
      ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
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
    const at = (address: number, bytes: Iterable<number>) => [
      0,
      0x41,
      ...sleb(BigInt(address)),
      0x0b,
      ...counted(bytes),
    ];
    const names = Array.from({ length: batchGuests }, (_, guest) => `/cas/std/${guestName(guest)}`);
    return [
      [1, ...counted(Array.from({ length: 32 }, (_, byte) => (byte * 37 + this.seed) & 255))],
      at(place.argOids, Buffer.from(argTrees.join(""), "hex")),
      at(place.names, Buffer.from(names.join(""))),
      at(place.digits, Buffer.from("0123456789abcdef")),
      at(place.calls, Buffer.from(this.calls().join(""))),
      at(
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
    return this.typeIndex([...params] as Letter[], [...results] as Letter[]);
  }

  #start(): number[] {
    const code = new Code(this.opcodes);
    code.i32(place.free + 100).i64(BigInt(this.seed) * factor);
    code.access(0x37, 3, 0);
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
    else if (type === "f") code.op(0x43, 0, 0, 0x80, 0x3f);
    else code.op(0x44, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f);
    code.at(0x24, index);
  }

  #ownBodies(memoryPages: number): number[][] {
    const code = () => new Code(this.opcodes);
    const sumOf = (c: Code) => c.at(0x23, global.sum);
    // sum = rotl((sum ^ param) * factor, 29)
    const fold = sumOf(code()).get(0).op(0x85).i64(factor).op(0x7e).i64(29n).op(0x89).at(0x24, global.sum).end();
    // A line of 16 hex digits. Locals: the sum, where the next digit goes.
    const tell = code();
    sumOf(tell)
      .set(0)
      .i32(place.line + 16)
      .set(1);
    tell.op(0x03, 0x40);
    tell.get(1).i32(1).op(0x6b).at(0x22, 1);
    tell.get(0).i64(15n).op(0x83).op(0xa7).access(0x2d, 0, place.digits).access(0x3a, 0, 0);
    tell.get(0).i64(4n).op(0x88).set(0);
    tell.get(1).i32(place.line).op(0x4b).at(0x0d, 0).end();
    tell.i32(place.line).i32(16).call(importIndex("log")).op(0x1a).end();
    // Locals: address, digest.
    const digest = code();
    digest.op(0x03, 0x40);
    digest.get(1).get(0).access(0x29, 3, 0).op(0x85).i64(factor).op(0x7e).i64(23n).op(0x89).set(1);
    digest.i32(8).i32(64).get(0).i32(place.thinFrom).op(0x49).op(0x1b).get(0).op(0x6a).at(0x22, 0);
    digest.op(0x3f, 0).i32(16).op(0x74).op(0x49).at(0x0d, 0).end();
    digest.get(1).end();
    return [
      [0, ...fold.bytes],
      [2, 1, 0x7e, 1, 0x7f, ...tell.bytes],
      [2, 1, 0x7f, 1, 0x7e, ...digest.bytes],
      this.#nestedBody(),
      this.#askBody(),
      [...[0], ...this.#readWord(code().i32(0).i64(0n).i32(place.word).call(importIndex("clock")))],
      [...[0], ...this.#readWord(code().i32(place.word).i32(8).call(importIndex("random")))],
      [0, ...this.#runBody(memoryPages)],
    ];
  }

  #readWord(code: Code): number[] {
    return code.op(0x1a).i32(place.word).access(0x29, 3, 0).end().bytes;
  }

  /** Parameters: which guest is first, how many (1 to 4). Asks for them in one batch, at the level below, and folds what they came to. */
  #nestedBody(): number[] {
    const code = new Code(this.opcodes);
    const [first, count, at, item] = [0, 1, 2, 3];
    code.at(0x23, global.level).op(0x45).op(0x04, 0x40).op(0x0f).end();
    code.op(0x03, 0x40);
    code.i32(place.items).get(at).i32(16).op(0x6c).op(0x6a).set(item);
    code.get(item);
    code
      .get(first)
      .get(at)
      .i32(5)
      .op(0x6c)
      .op(0x6a)
      .i32(batchGuests - 1)
      .op(0x71);
    code.i32(nameBytes).op(0x6c).i32(place.names).op(0x6a).access(0x36, 2, 0);
    code.get(item).i32(nameBytes).access(0x36, 2, 4);
    code.get(item);
    code.at(0x23, global.level).i32(1).op(0x6b).i32(variants).op(0x6c);
    code.get(first).get(at).op(0x6a).i32(variants).op(0x70).op(0x6a);
    code.i32(oidBytes).op(0x6c).i32(place.argOids).op(0x6a).access(0x36, 2, 8);
    code.get(item).i32(oidBytes).access(0x36, 2, 12);
    code.get(at).i32(1).op(0x6a).at(0x22, at).get(count).op(0x49).at(0x0d, 0).end();
    code.i32(place.items).get(count).i32(place.answers).call(importIndex("runMany")).op(0xac).call(ownIndex("fold"));
    // Messages of those that failed.
    code.i32(place.answer).i32(0).i32(128).call(importIndex("read")).op(0xac).call(ownIndex("fold"));
    code.i32(0).set(at);
    code.op(0x03, 0x40);
    code.get(at).access(0x29, 3, place.answers).call(ownIndex("fold"));
    code.get(at).i32(8).op(0x6a).at(0x22, at).get(count).i32(24).op(0x6c).op(0x49).at(0x0d, 0).end();
    return [1, 2, 0x7f, ...code.end().bytes];
  }

  /** Parameter: which of the calls in JSON. The last one runs a guest, which one of the lowest level may not. */
  #askBody(): number[] {
    const code = new Code(this.opcodes);
    let at: number = place.calls;
    const calls = this.calls();
    for (const [index, text] of calls.entries()) {
      code.get(0).i32(index).op(0x46);
      if (index === calls.length - 1) code.at(0x23, global.level).i32(0).op(0x47).op(0x71);
      code.op(0x04, 0x40);
      code.i32(at).i32(text.length).call(importIndex("call")).op(0xac).call(ownIndex("fold"));
      code.i32(place.answer).call(importIndex("readAnswer")).end();
      at += text.length;
    }
    return [0, ...code.end().bytes];
  }

  #runBody(memoryPages: number): number[] {
    const code = new Code(this.opcodes);
    code.call(importIndex("args")).op(0x1a);
    code.i32(place.args).i32(0).i32(64).call(importIndex("read")).op(0x1a);
    code
      .i32(place.args + "100644 n\0".length)
      .call(importIndex("blob"))
      .op(0x1a);
    code.i32(place.n).i32(0).i32(1).call(importIndex("read")).op(0x1a);
    code.i32(0).access(0x2d, 0, place.n).at(0x24, global.n);
    code.at(0x23, global.n).i32(variants).op(0x6e).at(0x24, global.level);
    code.at(0x23, global.n).op(0xad).call(ownIndex("fold"));
    const body = new Body(this, undefined, code);
    for (const at of this.signatures.keys()) {
      code.call(ownIndex("tell"));
      body.callRandom(at);
      if (this.chance(40)) body.nested();
    }
    if (this.runsAway === "loop") code.op(0x03, 0x40).at(0x0c, 0).end();
    if (this.grows && this.chance(50)) {
      // Beyond the worker's limit, and what the module says itself.
      code
        .i32(this.pick([1, 2, memoryPages, 60_000]))
        .op(0x40, 0)
        .op(0xac)
        .call(ownIndex("fold"));
    }
    for (const [index, { type }] of this.globals.entries()) {
      code.i32(place.state + index * 16).at(0x23, index);
      switch (type) {
        case "i":
          code.access(0x36, 2, 0);
          break;
        case "I":
          code.access(0x37, 3, 0);
          break;
        case "f":
          code.access(0x38, 2, 0);
          break;
        case "F":
          code.access(0x39, 3, 0);
          break;
        case "v":
          code.access(0xfd000b, 4, 0);
          break;
        default:
          code.op(0xd1).access(0x36, 2, 0);
      }
    }
    code.i32(place.stateTail).op(0x3f, 0).op(0xad).access(0x37, 3, 0);
    code
      .i32(place.stateTail + 8)
      .at(0xfc0010, 1)
      .op(0xad)
      .access(0x37, 3, 0);
    code
      .i32(place.stateTail + 16)
      .call(ownIndex("digest"))
      .access(0x37, 3, 0);
    code
      .i32(place.state)
      .i32(place.stateEnd - place.state)
      .i32(place.oid)
      .call(importIndex("putBlob"))
      .op(0x1a);
    code.i32(0).i32(place.oid).call(importIndex("out")).op(0x1a);
    return code.end().bytes;
  }
}

function isNaNConstant(bytes: readonly number[]): boolean {
  const value = Buffer.from(bytes.slice(1));
  return Number.isNaN(value.length === 4 ? value.readFloatLE() : value.readDoubleLE());
}

/** A function that is being written: its parameters and locals, the labels around, and what it costs so far. */
class Body {
  readonly #generator: Generator;
  readonly #code: Code;
  /** Undefined for `caos_run`. */
  readonly #at: number | undefined;
  readonly #signature: Signature;
  readonly #locals: (ValueType | "exnref")[];
  /** How often what is written now runs, in all loops around. */
  #times = 1;
  #labels = 0;
  cost = 0;
  readonly #costMax: number;

  constructor(generator: Generator, at: number | undefined, code = new Code(generator.opcodes)) {
    this.#generator = generator;
    this.#code = code;
    this.#at = at;
    this.#signature =
      at === undefined ? { params: [], results: [], isRecursive: false } : (generator.signatures[at] as Signature);
    this.#costMax = functionCostMax / (this.#signature.isRecursive ? recursion.shallow : 1);
    this.#locals = at === undefined ? [] : [...this.#signature.params, ...letters, ...letters];
  }

  write(): number[] {
    const { below, certain } = { below: (bound: number) => this.#generator.below(bound), certain: this.#certain() };
    const code = this.#code;
    const { params, results, isRecursive } = this.#signature;
    if (isRecursive) this.#recursion();
    const statements = 2 + below(4);
    for (let left = statements; left > 0; left--) this.#statement(2);
    for (const each of certain) this.#certainly(each);
    for (const type of results) this.#expression(type as Letter, 2);
    code.end();
    const added = this.#locals.slice(params.length);
    return [...uleb(added.length), ...added.flatMap((type) => [1, typeBytes[type]]), ...code.bytes];
  }

  /** The instructions that this function has for certain: by turns with the seed, so that few modules have them all. */
  #certain(): PlainInstruction[] {
    const { seed, signatures } = this.#generator;
    const all = Array.from(
      { length: certainCount },
      (_, each) =>
        plainInstructions[((seed * certainCount + each) * 89) % plainInstructions.length] as PlainInstruction,
    );
    return all.filter((_, each) => each % signatures.length === this.#at);
  }

  #certainly(instruction: PlainInstruction): void {
    this.#plain(instruction, 1);
    if (instruction.result !== undefined) this.#sink(instruction.result);
  }

  #spend(cost: number): void {
    this.cost += cost * this.#times;
  }

  /** Folds what is on top of the stack into the sum. */
  #sink(type: ValueType | "exnref"): void {
    const code = this.#code;
    this.#spend(15);
    switch (type) {
      case "i":
        code.op(this.#generator.chance(50) ? 0xac : 0xad);
        break;
      case "I":
        break;
      case "f":
        code.op(0xbc).op(0xad);
        break;
      case "F":
        code.op(0xbd);
        break;
      case "v": {
        const local = this.#local("v");
        code.at(0x22, local).op(0xfd001d, 0).call(ownIndex("fold"));
        code.get(local).op(0xfd001d, 1);
        break;
      }
      case "exnref":
        code.op(0x1a);
        return;
      default:
        code.op(0xd1).op(0xad);
    }
    code.call(ownIndex("fold"));
  }

  /** A local of that type that nothing else holds anything in for long. */
  #local(type: Letter): number {
    const found = this.#locals.flatMap((each, index) => (each === type ? [index] : []));
    return this.#generator.pick(found);
  }

  /** A local of its own. */
  #ownLocal(type: ValueType | "exnref"): number {
    return this.#locals.push(type) - 1;
  }

  #leaf(type: Letter): void {
    const generator = this.#generator;
    const code = this.#code;
    this.#spend(1);
    const choice = generator.below(10);
    if (choice < 4) code.get(this.#local(type));
    else if (choice < 6 && type !== "v") code.at(0x23, generator.pick(generator.globalsOf(type)));
    else generator.constant(code, type);
  }

  #expression(type: Letter, depth: number): void {
    const generator = this.#generator;
    const code = this.#code;
    if (depth <= 0 || this.cost > this.#costMax) return this.#leaf(type);
    const choice = generator.below(100);
    if (choice < 12) this.#leaf(type);
    else if (choice < 80) this.#plain(generator.pick(byResult.get(type) as PlainInstruction[]), depth - 1);
    else if (choice < 84) {
      this.#expression(type, depth - 1);
      this.#expression(type, depth - 1);
      this.#expression("i", depth - 1);
      if (generator.chance(60)) code.op(0x1b);
      else code.op(0x1c, 1, typeBytes[type]);
    } else if (choice < 88) {
      this.#expression(type, depth - 1);
      code.at(0x22, this.#assignable(type));
    } else if (choice < 92) {
      this.#condition();
      code.op(0x04, typeBytes[type]);
      this.#labels++;
      this.#expression(type, depth - 1);
      code.op(0x05);
      this.#expression(type, depth - 1);
      code.end();
      this.#labels--;
    } else if (choice < 95) {
      code.op(0x02, typeBytes[type]);
      this.#labels++;
      this.#expression(type, depth - 1);
      this.#condition();
      code.at(0x0d, 0);
      this.#sink(type);
      this.#expression(type, depth - 1);
      code.end();
      this.#labels--;
    } else if (type === "v") {
      this.#expression("v", depth - 1);
      this.#expression("v", depth - 1);
      code.op(0xfd000d, ...Array.from({ length: 16 }, () => generator.below(32)));
    } else if (type === "i" && choice < 97) code.op(0x3f, 0);
    else if (type === "I" && choice < 97) code.call(ownIndex(generator.pick(["clock", "random"] as const)));
    else this.#leaf(type);
  }

  /** Locals that statements may assign: not the counters. */
  #assignable(type: Letter): number {
    const { params } = this.#signature;
    const found = this.#locals.flatMap((each, index) =>
      each === type && index < params.length + 2 * letters.length && !(index === 0 && this.#signature.isRecursive)
        ? [index]
        : [],
    );
    return this.#generator.pick(found);
  }

  /** An i32 that is as often zero as not. */
  #condition(): void {
    this.#expression("i", 1);
    this.#code.i32(1 + this.#generator.below(3)).op(0x71);
  }

  #plain(instruction: PlainInstruction, depth: number): void {
    const { opcode, operands, accesses, lanes, traps } = instruction;
    const generator = this.#generator;
    const code = this.#code;
    const isCareful = !generator.isRisked(2);
    this.#spend(traps === "division" ? 8 : 2);
    for (const [at, operand] of operands.entries()) {
      if (accesses !== undefined && at === 0) this.#address(depth - 1, isCareful);
      else if (traps === "truncation" && isCareful) this.#smallFloat(operand, depth - 1);
      else this.#expression(operand, depth);
      if (traps === "division" && at === 1 && isCareful) {
        if (operand === "i") code.i32(1).op(0x72);
        else code.i64(1n).op(0x84);
      }
    }
    if (accesses === undefined) code.op(opcode, ...(lanes === undefined ? [] : [generator.below(lanes)]));
    else {
      const align = generator.below(Math.log2(accesses) + 1);
      const lane = lanes === undefined ? [] : [generator.below(lanes)];
      code.access(opcode, align, place.free + generator.below(0x1000), ...lane);
    }
  }

  #address(depth: number, isCareful: boolean): void {
    this.#expression("i", depth);
    if (isCareful) this.#code.i32(freeMask).op(0x71);
  }

  /** A float that every integer type can hold. */
  #smallFloat(type: Letter, depth: number): void {
    this.#expression("i", depth);
    this.#code
      .i32(0xffff)
      .op(0x71)
      .op(type === "f" ? 0xb2 : 0xb7);
  }

  #statement(depth: number): void {
    const generator = this.#generator;
    const code = this.#code;
    const type = generator.pick(letters);
    if (this.cost > this.#costMax) return;
    const flat: (() => void)[] = [
      () => {
        this.#expression(type, 3);
        this.#sink(type);
      },
      () => {
        this.#expression(type, 3);
        code.set(this.#assignable(type));
      },
      () => this.#plain(generator.pick(stores), 2),
      () => {
        const found = generator.globals.flatMap((each, index) =>
          each.isMutable && index >= fixedGlobals ? [index] : [],
        );
        const index = generator.pick(found);
        const { type: of } = generator.globals[index] as { type: ValueType };
        if (of === "funcref") code.at(0xd2, firstRandom + generator.below(generator.signatures.length));
        else this.#expression(of as Letter, 2);
        code.at(0x24, index);
      },
      () => {
        this.#expression(type, 2);
        code.op(generator.chance(20) ? 0x01 : 0x1a);
        if (code.bytes.at(-1) === 0x01) code.op(0x1a);
      },
      () => this.#bulk(),
      () => this.#references(),
      () => this.#callSome(),
      () => this.#rarely(),
    ];
    const nesting: (() => void)[] = [
      () => this.#if(depth),
      () => this.#loop(depth),
      () => this.#countedLoop(depth),
      () => this.#switch(depth),
      () => this.#manyValues(depth),
      () => (generator.hasLegacyExceptions ? this.#legacyTry(depth) : this.#tryTable(depth)),
    ];
    generator.pick(depth > 0 && generator.chance(45) ? nesting : flat)();
  }

  #statements(depth: number): void {
    for (let left = 1 + this.#generator.below(3); left > 0; left--) this.#statement(depth);
  }

  #if(depth: number): void {
    this.#condition();
    this.#code.op(0x04, 0x40);
    this.#labels++;
    this.#statements(depth - 1);
    if (this.#generator.chance(60)) {
      this.#code.op(0x05);
      this.#statements(depth - 1);
    }
    this.#code.end();
    this.#labels--;
  }

  /** With a counter in a local. */
  #loop(depth: number): void {
    const code = this.#code;
    const counter = this.#ownLocal("i");
    const turns = 2 + this.#generator.below(12);
    code.i32(turns).set(counter);
    code.op(0x02, 0x40).op(0x03, 0x40);
    this.#labels += 2;
    this.#times *= turns;
    this.#statements(depth - 1);
    if (this.#generator.chance(30)) {
      this.#condition();
      code.at(0x0d, 1);
    }
    code.get(counter).i32(1).op(0x6b).at(0x22, counter).at(0x0d, 0).end().end();
    this.#times /= turns;
    this.#labels -= 2;
  }

  /** With the counter on the stack, as a parameter of the loop. */
  #countedLoop(depth: number): void {
    const code = this.#code;
    const counter = this.#ownLocal("i");
    const turns = 2 + this.#generator.below(12);
    code.i32(turns);
    code.op(0x03, ...sleb(BigInt(this.#generator.typeIndex(["i"], ["i"]))));
    this.#labels++;
    this.#times *= turns;
    code.i32(1).op(0x6b).set(counter);
    this.#statements(depth - 1);
    code.get(counter).get(counter).at(0x0d, 0).end();
    this.#times /= turns;
    this.#labels--;
    this.#sink("i");
  }

  #switch(depth: number): void {
    const code = this.#code;
    const cases = 2 + this.#generator.below(4);
    for (let each = 0; each < cases; each++) code.op(0x02, 0x40);
    this.#expression("i", 2);
    if (this.#generator.chance(70)) code.i32(7).op(0x71);
    const labels = Array.from({ length: 1 + this.#generator.below(6) }, () => this.#generator.below(cases));
    code.op(0x0e, ...counted(labels), this.#generator.below(cases));
    for (let each = 0; each < cases; each++) {
      code.end();
      this.#labels += cases - 1 - each;
      this.#statement(depth - 1);
      if (each < cases - 1 && this.#generator.chance(50)) code.at(0x0c, this.#generator.below(cases - 1 - each));
      this.#labels -= cases - 1 - each;
    }
  }

  /** A block that takes and gives several values. */
  #manyValues(depth: number): void {
    const generator = this.#generator;
    const code = this.#code;
    const params = Array.from({ length: 1 + generator.below(3) }, () => generator.pick(letters));
    const results = Array.from({ length: generator.below(4) }, () => generator.pick(letters));
    for (const type of params) this.#expression(type, 2);
    code.op(0x02, ...sleb(BigInt(generator.typeIndex(params, results))));
    this.#labels++;
    for (const type of params.toReversed()) this.#sink(type);
    this.#statements(depth - 1);
    for (const type of results) this.#expression(type, 2);
    if (generator.chance(30)) code.at(0x0c, 0);
    code.end();
    this.#labels--;
    for (const type of results.toReversed()) this.#sink(type);
  }

  #throw(isSometimes: boolean): void {
    const generator = this.#generator;
    const tag = generator.below(generator.tags.length);
    if (isSometimes) {
      this.#condition();
      this.#code.op(0x04, 0x40);
    }
    this.#spend(1000);
    for (const type of (generator.tags[tag] as FunctionType).params) this.#expression(type as Letter, 1);
    this.#code.at(0x08, tag);
    if (isSometimes) this.#code.end();
  }

  #legacyTry(depth: number): void {
    const generator = this.#generator;
    const code = this.#code;
    const rethrows = generator.chance(40);
    code.op(0x06, 0x40);
    this.#labels++;
    if (generator.chance(40)) {
      // What is thrown in the inner one goes to the outer one's handlers.
      code.op(0x06, 0x40);
      this.#labels++;
      this.#statement(depth - 1);
      this.#throw(true);
      code.at(0x18, 0);
      this.#labels--;
    }
    if (rethrows) {
      code.op(0x06, 0x40);
      this.#labels++;
    }
    this.#statements(depth - 1);
    this.#throw(true);
    const tag = generator.below(generator.tags.length);
    const { params } = generator.tags[tag] as FunctionType;
    code.at(0x07, tag);
    for (const type of params.toReversed()) this.#sink(type);
    if (rethrows) {
      code.at(0x09, 0);
      code.end();
      this.#labels--;
    } else this.#statement(depth - 1);
    code.op(0x19);
    this.#statement(depth - 1);
    code.end();
    this.#labels--;
  }

  /** `block $out (block $handler … (try_table (catch…) …) (br $out)) … end`: whoever is thrown at comes out of the inner block with what was thrown. */
  #tryTable(depth: number): void {
    const generator = this.#generator;
    const code = this.#code;
    const throwsAgain = generator.chance(40);
    if (throwsAgain) {
      code.op(0x02, 0x40).op(0x1f, 0x40, 1, 2, 0);
      this.#labels += 2;
    }
    const tag = generator.below(generator.tags.length);
    const { params } = generator.tags[tag] as FunctionType;
    const kind = generator.below(4);
    const hasTag = kind < 2;
    const hasReference = (kind & 1) === 1;
    const caught = [...(hasTag ? params : []), ...(hasReference ? ["exnref" as const] : [])];
    code.op(0x02, 0x40);
    code.op(0x02, ...sleb(BigInt(generator.typeIndex([], caught))));
    // Labels of a clause are counted from around the try_table.
    code.op(
      0x1f,
      0x40,
      ...(hasTag && generator.chance(50) ? [2, kind, tag, 0, 2, 1] : [1, kind, ...(hasTag ? [tag] : []), 0]),
    );
    this.#labels += 3;
    this.#statements(depth - 1);
    this.#throw(true);
    code.end();
    code.at(0x0c, 1);
    code.end();
    this.#labels -= 2;
    if (hasReference) {
      if (throwsAgain) {
        const held = this.#ownLocal("exnref");
        code.set(held);
        for (const type of params.toReversed()) if (hasTag) this.#sink(type);
        code.get(held).op(0x0a);
        code.end();
        this.#labels--;
        code.end().end();
        this.#labels -= 2;
        return;
      }
      this.#sink("exnref");
    }
    if (hasTag) for (const type of params.toReversed()) this.#sink(type);
    code.end();
    this.#labels--;
    if (throwsAgain) {
      code.end().end();
      this.#labels -= 2;
    }
  }

  #bulk(): void {
    const generator = this.#generator;
    const code = this.#code;
    const isCareful = !generator.isRisked(4);
    const length = () => {
      this.#expression("i", 1);
      if (isCareful) code.i32(0xff).op(0x71);
    };
    const address = () => {
      this.#address(1, isCareful);
      code.i32(place.free).op(0x6a);
    };
    this.#spend(60);
    const kinds: (() => void)[] = [
      () => {
        address();
        this.#expression("i", 1);
        length();
        code.op(0xfc000b, 0);
      },
      () => {
        address();
        address();
        length();
        code.op(0xfc000a, 0, 0);
      },
      () => {
        address();
        this.#small(20, isCareful);
        this.#small(12, isCareful);
        code.op(0xfc0008, ...uleb(0), 0);
      },
    ];
    if (generator.changesTables) kinds.push(() => code.op(0xfc0009, 0));
    if (generator.grows) {
      kinds.push(() => {
        code.i32(generator.pick([0, 1, 1, 2, 70_000])).op(0x40, 0);
        this.#spend(1000);
        this.#sink("i");
      });
    }
    generator.pick(kinds)();
  }

  /** An i32 from 0 to that many, most often. */
  #small(most: number, isCareful: boolean): void {
    this.#expression("i", 1);
    if (isCareful) this.#code.i32(most + 1).op(0x70);
  }

  #references(): void {
    const generator = this.#generator;
    const code = this.#code;
    const isCareful = !generator.isRisked(4);
    const some = () => {
      if (generator.chance(50)) code.op(0xd0, 0x70);
      else code.at(0xd2, firstRandom + generator.below(generator.signatures.length));
    };
    this.#spend(100);
    const kinds: (() => void)[] = [
      () => {
        this.#small(7, isCareful);
        code.at(0x25, 1).op(0xd1);
        this.#sink("i");
      },
      () => {
        some();
        code.op(0xd1);
        this.#sink("i");
      },
      () => {
        code.op(0xd0, 0x6f).op(0xd0, 0x6f);
        this.#condition();
        code.op(0x1c, 1, 0x6f).op(0xd1);
        this.#sink("i");
      },
      () => {
        code.at(0xfc0010, 1);
        this.#sink("i");
      },
      () => {
        this.#small(3, isCareful);
        code.at(0x25, 2).op(0xd1);
        this.#sink("i");
      },
    ];
    if (generator.changesTables) {
      kinds.push(
        () => {
          this.#small(7, isCareful);
          some();
          code.at(0x26, 1);
        },
        () => {
          some();
          code.i32(generator.below(4)).at(0xfc000f, 1);
          this.#sink("i");
        },
        () => {
          this.#small(4, isCareful);
          some();
          this.#small(3, isCareful);
          code.at(0xfc0011, 1);
        },
        () => {
          this.#small(4, isCareful);
          this.#small(2, isCareful);
          this.#small(2, isCareful);
          code.op(0xfc000c, 1, 1);
        },
        () => {
          this.#small(4, isCareful);
          this.#small(2, isCareful);
          this.#small(2, isCareful);
          code.op(0xfc000e, 1, generator.below(2));
        },
        () => code.op(0xfc000d, 1),
      );
    }
    generator.pick(kinds)();
  }

  /** What ends the function or the guest, behind a condition that seldom holds. */
  #rarely(): void {
    const generator = this.#generator;
    const code = this.#code;
    this.#expression("i", 2);
    code.i32(63).op(0x71).op(0x45);
    code.op(0x04, 0x40);
    this.#labels++;
    const tail = this.#tailCallee();
    const kinds: (() => void)[] = [
      ...(generator.isRash ? [() => void code.op(0x00)] : []),
      () => this.#return(),
      () => this.#return(),
      () => {
        // To the function's own label.
        for (const type of this.#signature.results) this.#expression(type as Letter, 1);
        code.at(0x0c, this.#labels);
      },
      ...(tail === undefined
        ? []
        : [() => this.#tailCall(tail), () => this.#tailCall(tail), () => this.#tailCall(tail)]),
      () => this.#throw(false),
    ];
    generator.pick(kinds)();
    code.end();
    this.#labels--;
  }

  #return(): void {
    for (const type of this.#signature.results) this.#expression(type as Letter, 1);
    this.#code.op(0x0f);
  }

  /** A function behind this one with the same results. */
  #tailCallee(): number | undefined {
    const { signatures, costs } = this.#generator;
    const found = signatures.flatMap(({ results }, at) =>
      this.#at !== undefined &&
      at > this.#at &&
      results.join() === this.#signature.results.join() &&
      this.cost + this.#times * (costs[at] as number) < this.#costMax
        ? [at]
        : [],
    );
    return found.length === 0 ? undefined : this.#generator.pick(found);
  }

  #tailCall(callee: number): void {
    const { generator, code } = { generator: this.#generator, code: this.#code };
    this.#arguments(callee, 1);
    this.#spend(generator.costs[callee] as number);
    if (generator.chance(50)) code.at(0x12, firstRandom + callee);
    else {
      this.#slot(callee);
      const { params, results } = generator.signatures[callee] as Signature;
      code.op(0x13, ...uleb(generator.typeIndex(params, results)), 0);
    }
  }

  /** Where a function stands in the table for calls; seldom somewhere else, where the types don't match or nothing is. */
  #slot(callee: number): void {
    const generator = this.#generator;
    if (generator.isRisked(3)) this.#expression("i", 1);
    else {
      this.#expression("i", 1);
      this.#code.i32(0).op(0x71).i32(callee).op(0x6a);
    }
  }

  #arguments(callee: number, depth: number): void {
    const { params, isRecursive } = this.#generator.signatures[callee] as Signature;
    for (const [at, type] of params.entries()) {
      if (isRecursive && at === 0) this.#code.i32(this.#generator.below(recursion.shallow));
      else this.#expression(type as Letter, depth);
    }
  }

  #callSome(): void {
    const generator = this.#generator;
    const from = this.#at === undefined ? 0 : this.#at + 1;
    const found = generator.costs.flatMap((cost, at) =>
      at >= from && this.cost + this.#times * cost < this.#costMax ? [at] : [],
    );
    const choice = generator.below(6);
    if (found.length === 0 || choice === 0) {
      if (this.cost + this.#times * 300 > this.#costMax) return;
      if (generator.chance(30)) this.#ask();
      else if (generator.chance(30) && this.#times === 1) this.nested();
      else {
        this.#code.call(ownIndex(generator.pick(["clock", "random"] as const)));
        this.#spend(220);
        this.#sink("I");
      }
      return;
    }
    this.callRandom(generator.pick(found));
  }

  #ask(): void {
    this.#code.i32(this.#generator.below(this.#generator.calls().length)).call(ownIndex("ask"));
    this.#spend(300);
  }

  /** Runs a few guests of the batch. */
  nested(): void {
    const code = this.#code;
    code.at(0x23, global.n).i32(this.#generator.below(1000)).op(0x6a);
    code.i32(1 + this.#generator.below(4)).call(ownIndex("nested"));
    this.#spend(500);
  }

  /** Calls a random function and folds what it gives. */
  callRandom(callee: number): void {
    const generator = this.#generator;
    const code = this.#code;
    const { params, results } = generator.signatures[callee] as Signature;
    // `caos_run` has no locals, and nobody catches there what a function throws: guests may end so, too.
    const catches = this.#at === undefined && generator.chance(80);
    if (catches && generator.hasLegacyExceptions) code.op(0x06, 0x40);
    else if (catches) code.op(0x02, 0x40).op(0x1f, 0x40, 1, 2, 0);
    if (this.#at === undefined) this.#plainArguments(callee);
    else this.#arguments(callee, 2);
    this.#spend(20 + (generator.costs[callee] as number));
    if (generator.chance(60)) code.call(firstRandom + callee);
    else {
      if (this.#at === undefined) code.i32(callee);
      else this.#slot(callee);
      code.op(0x11, ...uleb(generator.typeIndex(params, results)), 0);
    }
    for (const type of results.toReversed()) {
      if (this.#at === undefined && type === "v") code.op(0xfd0063).op(0xad).call(ownIndex("fold"));
      else this.#sink(type);
    }
    if (catches && generator.hasLegacyExceptions) code.op(0x19).i64(77n).call(ownIndex("fold")).end();
    else if (catches) code.end().end();
  }

  #plainArguments(callee: number): void {
    const generator = this.#generator;
    const { params, isRecursive } = generator.signatures[callee] as Signature;
    const code = this.#code;
    for (const [at, type] of params.entries()) {
      const isDepth = isRecursive && at === 0;
      // Down to 200 calls, or for as long as it is let.
      if (isDepth)
        code.i32(
          generator.runsAway === "recursion"
            ? -1
            : generator.below(generator.chance(10) ? recursion.deep : recursion.shallow),
        );
      else if (type === "i") code.at(0x23, global.n).i32(generator.below(1000)).op(0x6a);
      else if (type === "F") code.at(0x23, global.n).op(0xb7);
      else generator.constant(code, type as Letter);
    }
  }

  /** Calls itself with one less, as long as its first parameter is not zero. */
  #recursion(): void {
    const generator = this.#generator;
    const code = this.#code;
    const at = this.#at as number;
    const { params, results } = this.#signature;
    code.get(0).op(0x04, 0x40);
    code.get(0).i32(1).op(0x6b);
    for (const index of params.keys()) if (index > 0) code.get(index);
    if (generator.chance(70)) code.call(firstRandom + at);
    else code.i32(at).op(0x11, ...uleb(generator.typeIndex(params, results)), 0);
    for (const type of results.toReversed()) this.#sink(type);
    code.end();
  }
}
