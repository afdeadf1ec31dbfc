/** Functions of WebAssembly modules, instruction by instruction. */
import { uleb } from "../guests/bytes.ts";
import type { Letter } from "./plain-instructions.ts";

export type ValueType = Letter | "funcref" | "externref";
export interface FunctionType {
  readonly params: readonly ValueType[];
  readonly results: readonly ValueType[];
}
export const typeBytes: Readonly<Record<ValueType | "exnref", number>> = {
  i: 0x7f,
  I: 0x7e,
  f: 0x7d,
  F: 0x7c,
  v: 0x7b,
  funcref: 0x70,
  externref: 0x6f,
  exnref: 0x69,
};
export const letters: readonly Letter[] = ["i", "I", "f", "F", "v"];
export const scalars: readonly Letter[] = ["i", "I", "f", "F"];

/** Instructions that are written by name, apart from the engine's own list, so that a wrong number in either is found; the plain ones have a table of their own (plain-instructions.ts). */
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
  tableGet: 0x25,
  tableSet: 0x26,
  i64Load: 0x29,
  i32Load8U: 0x2d,
  i32Store: 0x36,
  i64Store: 0x37,
  f32Store: 0x38,
  f64Store: 0x39,
  i32Store8: 0x3a,
  memorySize: 0x3f,
  memoryGrow: 0x40,
  i32Const: 0x41,
  i64Const: 0x42,
  f32Const: 0x43,
  f64Const: 0x44,
  i32Eqz: 0x45,
  i32Eq: 0x46,
  i32Ne: 0x47,
  i32LtU: 0x49,
  i32GtU: 0x4b,
  i32Add: 0x6a,
  i32Sub: 0x6b,
  i32Mul: 0x6c,
  i32DivU: 0x6e,
  i32RemU: 0x70,
  i32And: 0x71,
  i32Or: 0x72,
  i32Shl: 0x74,
  i64Mul: 0x7e,
  i64And: 0x83,
  i64Or: 0x84,
  i64Xor: 0x85,
  i64ShrU: 0x88,
  i64Rotl: 0x89,
  i32WrapI64: 0xa7,
  i64ExtendI32S: 0xac,
  i64ExtendI32U: 0xad,
  f32ConvertI32S: 0xb2,
  f64ConvertI32S: 0xb7,
  i32ReinterpretF32: 0xbc,
  i64ReinterpretF64: 0xbd,
  refNull: 0xd0,
  refIsNull: 0xd1,
  refFunc: 0xd2,
  memoryInit: 0xfc0008,
  dataDrop: 0xfc0009,
  memoryCopy: 0xfc000a,
  memoryFill: 0xfc000b,
  tableInit: 0xfc000c,
  elemDrop: 0xfc000d,
  tableCopy: 0xfc000e,
  tableGrow: 0xfc000f,
  tableSize: 0xfc0010,
  tableFill: 0xfc0011,
  v128Store: 0xfd000b,
  v128Const: 0xfd000c,
  i8x16Shuffle: 0xfd000d,
  i64x2ExtractLane: 0xfd001d,
  i8x16AllTrue: 0xfd0063,
} as const;

/** A signed LEB128 number. */
export function sleb(value: bigint): number[] {
  const low = Number(value & 0x7fn);
  const rest = value >> 7n;
  if ((rest === 0n && (low & 0x40) === 0) || (rest === -1n && (low & 0x40) !== 0)) return [low];
  return [low | 0x80, ...sleb(rest)];
}

/** A function's instructions as they are written. */
export class Code {
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
    return this.op(op.i32Const, ...sleb(BigInt(value | 0)));
  }

  i64(value: bigint): this {
    return this.op(op.i64Const, ...sleb(BigInt.asIntN(64, value)));
  }

  access(opcode: number, align: number, offset: number, ...more: readonly number[]): this {
    return this.op(opcode, align, ...uleb(offset), ...more);
  }

  get(local: number): this {
    return this.at(op.localGet, local);
  }
  set(local: number): this {
    return this.at(op.localSet, local);
  }
  call(func: number): this {
    return this.at(op.call, func);
  }
  end(): this {
    return this.op(op.end);
  }
}
