/**
 * What the metering needs to know of each instruction that is no control flow: how it changes the height of the operand stack, and what it costs in fuel. Part of what the
 * runtime's marker means.
 *
 * Source of the heights: WebAssembly Core Specification 2.0, section 3.3; checked against the heights that blocks declare, over real modules.
 */
import { op } from "./instructions.ts";

const simd = 0xfd0000;
const prefixed = 0xfc0000;

/** SIMD instructions with one operand and one result; what is not named here or below has two operands and one result. */
const simdUnary = [
  0x4d, 0x53, 0x5e, 0x5f, 0x60, 0x61, 0x62, 0x63, 0x64, 0x67, 0x68, 0x69, 0x6a, 0x74, 0x75, 0x7a, 0x94, 0x7c, 0x7d,
  0x7e, 0x7f, 0x80, 0x81, 0x83, 0x84, 0x87, 0x88, 0x89, 0x8a, 0xa0, 0xa1, 0xa3, 0xa4, 0xa7, 0xa8, 0xa9, 0xaa, 0xc0,
  0xc1, 0xc3, 0xc4, 0xc7, 0xc8, 0xc9, 0xca, 0xe0, 0xe1, 0xe3, 0xec, 0xed, 0xef, 0xf8, 0xf9, 0xfa, 0xfb, 0xfc, 0xfd,
  0xfe, 0xff, 0x15, 0x16, 0x18, 0x19, 0x1b, 0x1d, 0x1f, 0x21,
];

/** By opcode: 0xFC's and 0xFD's behind the plain ones. */
const plainHeights = new Int8Array(256);
plainHeights.fill(-1, 0x45, 0xa7);
for (const unary of [0x45, 0x50]) plainHeights[unary] = 0;
for (const [first, last] of [
  [0x67, 0x69],
  [0x79, 0x7b],
  [0x8b, 0x91],
  [0x99, 0x9f],
] as const) {
  plainHeights.fill(0, first, last + 1);
}
plainHeights.fill(-2, 0x36, 0x3f);
for (const one of [0x20, 0x23, 0x3f, 0x41, 0x42, 0x43, 0x44, 0xd0, 0xd2]) plainHeights[one] = 1;
for (const one of [0x1a, 0x21, 0x24]) plainHeights[one] = -1;
for (const one of [0x1b, 0x1c, 0x26]) plainHeights[one] = -2;
const prefixedHeights = [0, 0, 0, 0, 0, 0, 0, 0, -3, 0, -3, -3, -3, 0, -3, -1, 1, -3];
const simdHeights = new Int8Array(256).fill(-1);
simdHeights.fill(0, 0x00, 0x0b);
simdHeights[0x0b] = -2;
simdHeights[0x0c] = 1;
simdHeights.fill(0, 0x0f, 0x15);
simdHeights[0x52] = -2;
simdHeights.fill(-2, 0x58, 0x5c);
simdHeights.fill(0, 0x5c, 0x5e);
for (const unary of simdUnary) simdHeights[unary] = 0;

/** By how much an instruction that is no control flow changes the height of the operand stack. */
export function heightChange(opcode: number): number {
  if (opcode < 256) return plainHeights[opcode] as number;
  if (opcode >= simd) return simdHeights[opcode & 0xff] as number;
  return prefixedHeights[opcode & 0xff] ?? 0;
}

/** Fuel of a call of the host: about what crossing to it costs, in instructions. */
const hostCallFuel = 200;
/** Fuel of one turn of a loop, besides its instructions: the emptiest loop is not to run for much longer than others (it takes a nanosecond a turn). */
export const loopTurnFuel = 8;
/** How a length operand is shifted to give fuel: eight bytes of memory cost a unit, an element of a table 32 (8 ns were measured for one). */
export const bulkBytesShift = 3;
export const bulkElementsShift = 5;

const plainFuel = new Uint16Array(256).fill(1);
for (const none of [
  op.nop,
  op.block,
  op.loop,
  op.else,
  op.end,
  op.try,
  op.tryTable,
  op.catch,
  op.catchAll,
  op.delegate,
]) {
  plainFuel[none] = 0;
}
for (const call of [op.call, op.returnCall]) plainFuel[call] = 10;
for (const call of [op.callIndirect, op.returnCallIndirect]) plainFuel[call] = 15;
for (const slow of [op.throw, op.rethrow, op.throwRef]) plainFuel[slow] = 1000;
// divisions and square roots
for (const slow of [0x6d, 0x6e, 0x6f, 0x70, 0x7f, 0x80, 0x81, 0x82, 0x91, 0x95, 0x9f, 0xa3]) plainFuel[slow] = 8;
// Asks the system for memory.
plainFuel[op.memoryGrow] = 1000;

/** Fuel of an instruction, what its length operand adds apart. */
export function fuelOf(opcode: number, isHostCall: boolean): number {
  if (isHostCall) return hostCallFuel;
  if (opcode < 256) return plainFuel[opcode] as number;
  return opcode >= prefixed + 8 && opcode < simd ? 10 : 1;
}

/** How the operand on top of the stack is charged: the bytes or elements that the instruction works through. */
export function bulkCharge(opcode: number): "bytes" | "elements" | undefined {
  switch (opcode) {
    case op.memoryInit:
    case op.memoryCopy:
    case op.memoryFill:
      return "bytes";
    case op.tableInit:
    case op.tableCopy:
    case op.tableGrow:
    case op.tableFill:
      return "elements";
    default:
      return undefined;
  }
}
