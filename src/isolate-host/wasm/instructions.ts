/**
 * Walks the instructions of a function body or an initializer, without validating types: V8 does that. It knows the immediates of every instruction of WebAssembly 2.0 (SIMD,
 * bulk memory, reference types, sign extension, saturating conversions), of tail calls and of both encodings of exceptions. Any other is UnfitModule by its name: threads, relaxed SIMD, garbage collection, typed
 * references, several memories, memories of 64 bits. The list is ours, whatever V8 accepts, and so are the bounds: each lies below V8's own. Immediates are read exactly as V8 reads them, since a byte that it takes
 * for something else would be code that nobody has looked at.
 *
 * Source: WebAssembly Core Specification 2.0, section 5.4, and the proposals' overviews for tail calls and exceptions.
 */
import { plainNames, prefixedNames, refusedName, simdNames } from "./instruction-names.ts";
import { Reader, UnfitModule } from "./reader.ts";

/**
 * An instruction: its opcode (0xFC and 0xFD instructions as `prefix << 16 | number`), where it starts and ends, and its first immediate where that is an index, a label or a
 * block's type (else 0).
 */
export interface Instruction {
  opcode: number;
  start: number;
  end: number;
  operand: number;
}

/** Opcodes that somebody asks for by name. */
export const op = {
  unreachable: 0x00,
  nop: 0x01,
  block: 0x02,
  loop: 0x03,
  if: 0x04,
  else: 0x05,
  try: 0x06,
  catch: 0x07,
  throw: 0x08,
  rethrow: 0x09,
  throwRef: 0x0a,
  end: 0x0b,
  br: 0x0c,
  brIf: 0x0d,
  brTable: 0x0e,
  return: 0x0f,
  call: 0x10,
  callIndirect: 0x11,
  returnCall: 0x12,
  returnCallIndirect: 0x13,
  delegate: 0x18,
  catchAll: 0x19,
  drop: 0x1a,
  select: 0x1b,
  selectTyped: 0x1c,
  tryTable: 0x1f,
  localGet: 0x20,
  localSet: 0x21,
  localTee: 0x22,
  globalGet: 0x23,
  globalSet: 0x24,
  tableSet: 0x26,
  memoryGrow: 0x40,
  i32Const: 0x41,
  i64Const: 0x42,
  i32LtU: 0x49,
  i64LtS: 0x53,
  i32Sub: 0x6b,
  i64Sub: 0x7d,
  f32Copysign: 0x98,
  f64Copysign: 0xa6,
  i64Or: 0x84,
  i64Shl: 0x86,
  i64ShrU: 0x88,
  i64ExtendI32U: 0xad,
  refNull: 0xd0,
  refFunc: 0xd2,
  memoryInit: 0xfc0008,
  dataDrop: 0xfc0009,
  memoryCopy: 0xfc000a,
  memoryFill: 0xfc000b,
  tableInit: 0xfc000c,
  elemDrop: 0xfc000d,
  tableCopy: 0xfc000e,
  tableGrow: 0xfc000f,
  tableFill: 0xfc0011,
} as const;

/** Every instruction that a guest may have: its name, by its opcode (as in `Instruction`). */
export const acceptedInstructions: ReadonlyMap<number, string> = new Map([
  ...plainNames,
  ...Array.from(prefixedNames, ([number, name]) => [(0xfc << 16) | number, name] as const),
  ...Array.from(simdNames, ([number, name]) => [(0xfd << 16) | number, name] as const),
]);

/** Targets of a `br_table`; V8's bound is 65,520. */
const brTargetsMax = 65_000;
/** Types of values that a guest may have, and what else a byte in a type's place would name. */
const valueNames: ReadonlyMap<number, string> = new Map([
  [0x7f, "i32"],
  [0x7e, "i64"],
  [0x7d, "f32"],
  [0x7c, "f64"],
  [0x7b, "v128"],
  [0x70, "funcref"],
  [0x6f, "externref"],
  [0x69, "exnref"],
]);
const refusedValueNames: ReadonlyMap<number, string> = new Map([
  [0x78, "i8"],
  [0x77, "i16"],
  [0x74, "nullexnref"],
  [0x73, "nullfuncref"],
  [0x72, "nullexternref"],
  [0x71, "nullref"],
  [0x6e, "anyref"],
  [0x6d, "eqref"],
  [0x6c, "i31ref"],
  [0x6b, "structref"],
  [0x6a, "arrayref"],
  [0x68, "contref"],
  [0x64, "a typed reference"],
  [0x63, "a typed reference"],
]);

/** Throws UnfitModule unless the byte is a type of values that a guest may have: numbers, vectors, references to functions, to whatever the host has, and to exceptions. */
export function checkValue(type: number): void {
  if (valueNames.has(type)) return;
  const name = refusedValueNames.get(type) ?? `0x${type.toString(16).padStart(2, "0")}`;
  throw new UnfitModule("notWasm", `it has a type of values that no guest can have (${name})`);
}

/**
 * Reads instructions until the `end` that closes the sequence, and calls `visit` with each, that `end` included. The object passed is reused: copy what is to be kept.
 */
export function walkInstructions(reader: Reader, visit: (instruction: Instruction) => void): void {
  const instruction: Instruction = { opcode: 0, start: 0, end: 0, operand: 0 };
  for (let depth = 1; depth > 0;) {
    instruction.start = reader.at;
    const opcode = readInstruction(reader, instruction);
    instruction.end = reader.at;
    if (opcode === op.end) depth--;
    // block, loop, if; try (legacy), try_table
    else if ((opcode >= 0x02 && opcode <= 0x04) || opcode === 0x06 || opcode === 0x1f) depth++;
    // delegate (legacy) closes a try
    else if (opcode === 0x18) depth--;
    visit(instruction);
  }
}

function readInstruction(reader: Reader, into: Instruction): number {
  const first = reader.byte();
  if (first === 0xfc || first === 0xfd) {
    into.operand = 0;
    into.opcode = first === 0xfc ? readPrefixed(reader) : readSimd(reader);
  } else {
    into.operand = readImmediates(reader, first);
    into.opcode = first;
  }
  return into.opcode;
}

function readImmediates(reader: Reader, opcode: number): number {
  // Comparisons, arithmetic, conversions, sign extensions: nothing follows.
  if (opcode >= 0x45 && opcode <= 0xc4) return 0;
  // Loads and stores: alignment and offset.
  if (opcode >= 0x28 && opcode <= 0x3e) {
    skipMemoryArgument(reader, opcode);
    return 0;
  }
  switch (opcode) {
    case 0x00: // unreachable
    case 0x01: // nop
    case 0x05: // else
    case 0x0a: // throw_ref
    case 0x0b: // end
    case 0x0f: // return
    case 0x19: // catch_all (legacy)
    case 0x1a: // drop
    case 0x1b: // select
    case 0xd1: // ref.is_null
      return 0;
    case 0x02: // block
    case 0x03: // loop
    case 0x04: // if
    case 0x06: // try (legacy)
      return readBlockType(reader);
    case 0x1f: // try_table
    {
      const type = readBlockType(reader);
      for (let left = reader.count(); left > 0; left--) {
        const kind = reader.byte();
        if (kind > 3) throw new UnfitModule("notWasm", "a catch clause is malformed");
        if (kind < 2) reader.u32();
        reader.u32();
      }
      return type;
    }
    case 0x07: // catch (legacy)
    case 0x08: // throw
    case 0x09: // rethrow (legacy)
    case 0x0c: // br
    case 0x0d: // br_if
    case 0x10: // call
    case 0x12: // return_call
    case 0x18: // delegate (legacy)
    case 0x20: // local.get
    case 0x21: // local.set
    case 0x22: // local.tee
    case 0x23: // global.get
    case 0x24: // global.set
    case 0x25: // table.get
    case 0x26: // table.set
    case 0xd2: // ref.func
      return reader.u32();
    case 0x0e: {
      // br_table
      const targets = reader.count();
      if (targets > brTargetsMax) {
        throw new UnfitModule("notWasm", `a branch table has more than ${brTargetsMax} targets`);
      }
      for (let left = targets; left >= 0; left--) reader.u32();
      return 0;
    }
    case 0x11: // call_indirect
    case 0x13: {
      // return_call_indirect
      const type = reader.u32();
      reader.u32();
      return type;
    }
    case 0x1c: // select with types
      for (let left = reader.count(); left > 0; left--) checkValue(reader.byte());
      return 0;
    case 0x3f: // memory.size
    case 0x40: // memory.grow
      checkMemory(reader.u32(), opcode);
      return 0;
    case 0xd0: {
      // ref.null
      const type = reader.byte();
      checkValue(type);
      return type;
    }
    case 0x41: // i32.const
      reader.skipSigned(32);
      return 0;
    case 0x42: // i64.const
      reader.skipSigned(64);
      return 0;
    case 0x43: // f32.const
      reader.skip(4);
      return 0;
    case 0x44: // f64.const
      reader.skip(8);
      return 0;
    default:
      throw refused(...(opcode >= 0xfb ? ([opcode, reader.u32()] as const) : ([0, opcode] as const)));
  }
}

/** 0xFC: saturating conversions, bulk memory and tables. */
function readPrefixed(reader: Reader): number {
  const number = reader.u32();
  const opcode = (0xfc << 16) | number;
  const indexes = [0, 0, 0, 0, 0, 0, 0, 0, 2, 1, 2, 1, 2, 1, 2, 1, 1, 1][number];
  if (indexes === undefined) throw refused(0xfc, number);
  for (let at = 0; at < indexes; at++) {
    const index = reader.u32();
    // memory.init names its segment first.
    if (number >= 8 && number <= 11 && number !== 9 && (number !== 8 || at === 1)) checkMemory(index, opcode);
  }
  return opcode;
}

/** 0xFD: fixed-width SIMD; relaxed SIMD is not ours. */
function readSimd(reader: Reader): number {
  const number = reader.u32();
  if (!simdNames.has(number)) throw refused(0xfd, number);
  if (number <= 0x0b || number === 0x5c || number === 0x5d) skipMemoryArgument(reader, (0xfd << 16) | number);
  else if (number === 0x0c || number === 0x0d) reader.skip(16);
  else if (number >= 0x15 && number <= 0x22) reader.byte();
  else if (number >= 0x54 && number <= 0x5b) {
    skipMemoryArgument(reader, (0xfd << 16) | number);
    reader.byte();
  }
  return (0xfd << 16) | number;
}

/** A block's type: an index, or what its one result is, or -64 when it has none. */
function readBlockType(reader: Reader): number {
  const type = reader.s33();
  if (type < -64) throw new UnfitModule("notWasm", "a block's type is malformed");
  if (type < 0 && type !== -64) checkValue(type & 0x7f);
  return type;
}

function skipMemoryArgument(reader: Reader, opcode: number): void {
  // Bit 6 of the alignment would name a memory; a guest has one.
  const alignment = reader.u32();
  if (alignment >= 64) checkMemory(1, opcode);
  reader.u32();
}

function checkMemory(index: number, opcode: number): void {
  if (index === 0) return;
  throw new UnfitModule(
    "notWasm",
    `it has ${acceptedInstructions.get(opcode) ?? ""} of a second memory, which no guest can have`,
  );
}

function refused(prefix: number, number: number): UnfitModule {
  return new UnfitModule("notWasm", `it has the instruction ${refusedName(prefix, number)}, which no guest can have`);
}

/** The labels of a br_table. */
export function tableLabels(bytes: Uint8Array, { start, end }: Instruction): Set<number> {
  const reader = new Reader(bytes, start + 1, end);
  const labels = new Set<number>();
  for (let left = reader.count(); left >= 0; left--) labels.add(reader.u32());
  return labels;
}

/** The labels of a try_table's clauses, as seen from around it. */
export function catchLabels(bytes: Uint8Array, { start, end }: Instruction): Set<number> {
  const reader = new Reader(bytes, start + 1, end);
  const labels = new Set<number>();
  reader.s33();
  for (let left = reader.count(); left > 0; left--) {
    if (reader.byte() < 2) reader.u32();
    labels.add(reader.u32());
  }
  return labels;
}
