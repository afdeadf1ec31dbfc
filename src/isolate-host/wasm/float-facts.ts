/**
 * What each instruction does with floats, as far as NaNs go: which make one whose bits the specification leaves open, which only look at numbers, and which move bits.
 *
 * Source: WebAssembly Core Specification 2.0, section 4.3.3 (fpmin and fpmax choose an operand as it is; fabs, fneg and fcopysign change the sign alone).
 */

/** What a NaN can stand in: a scalar, or the lanes of a vector. */
export const floatKind = { f32: 1, f64: 2, f32x4: 3, f64x2: 4 } as const;
export type FloatKind = (typeof floatKind)[keyof typeof floatKind];

/** How a value is used, as a set of bits: as floats of a width, or in a way that sees its bits. */
export const use = { of32: 1, of64: 2, bits: 4 } as const;

/** What an instruction does with floats. What is not here sees the bits of its operands, and makes no NaN. */
export type FloatRole =
  /** Takes floats of the width `uses`, and may make a NaN of that kind. */
  | { readonly does: "make"; readonly operands: number; readonly uses: number; readonly kind: FloatKind }
  /** Takes floats, and gives what depends on no NaN's bits. */
  | { readonly does: "look"; readonly operands: number; readonly uses: number }
  /** Gives the bits of its operands, changed or chosen in ways that the specification fixes. */
  | { readonly does: "move"; readonly operands: number; readonly uses: number };

const simd = 0xfd0000;
const prefixed = 0xfc0000;
const roles = new Map<number, FloatRole>();

function setRoles(opcodes: readonly number[], role: FloatRole): void {
  for (const opcode of opcodes) roles.set(opcode, role);
}

/** From the first to the last of them. */
export function span(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

/** SIMD instructions by their numbers. */
export const inSimd = (...numbers: readonly number[]) => numbers.map((number) => simd + number);

// ceil, floor, trunc, nearest, sqrt; add, sub, mul, div, min, max
setRoles(span(0x8d, 0x91), { does: "make", operands: 1, uses: use.of32, kind: floatKind.f32 });
setRoles(span(0x92, 0x97), { does: "make", operands: 2, uses: use.of32, kind: floatKind.f32 });
setRoles(span(0x9b, 0x9f), { does: "make", operands: 1, uses: use.of64, kind: floatKind.f64 });
setRoles(span(0xa0, 0xa5), { does: "make", operands: 2, uses: use.of64, kind: floatKind.f64 });
// demote, promote
setRoles([0xb6], { does: "make", operands: 1, uses: use.of64, kind: floatKind.f32 });
setRoles([0xbb], { does: "make", operands: 1, uses: use.of32, kind: floatKind.f64 });
setRoles(inSimd(0x5e), { does: "make", operands: 1, uses: use.of64, kind: floatKind.f32x4 });
setRoles(inSimd(0x5f), { does: "make", operands: 1, uses: use.of32, kind: floatKind.f64x2 });
// the same of vectors
setRoles(inSimd(0x67, 0x68, 0x69, 0x6a, 0xe3), {
  does: "make",
  operands: 1,
  uses: use.of32,
  kind: floatKind.f32x4,
});
setRoles(inSimd(...span(0xe4, 0xe9)), { does: "make", operands: 2, uses: use.of32, kind: floatKind.f32x4 });
setRoles(inSimd(0x74, 0x75, 0x7a, 0x94, 0xef), {
  does: "make",
  operands: 1,
  uses: use.of64,
  kind: floatKind.f64x2,
});
setRoles(inSimd(...span(0xf0, 0xf5)), { does: "make", operands: 2, uses: use.of64, kind: floatKind.f64x2 });
// comparisons
setRoles([...span(0x5b, 0x60), ...inSimd(...span(0x41, 0x46))], { does: "look", operands: 2, uses: use.of32 });
setRoles([...span(0x61, 0x66), ...inSimd(...span(0x47, 0x4c))], { does: "look", operands: 2, uses: use.of64 });
// conversions to integers, which trap or give zero
setRoles([0xa8, 0xa9, 0xae, 0xaf, ...[0, 1, 4, 5].map((number) => prefixed + number), ...inSimd(0xf8, 0xf9)], {
  does: "look",
  operands: 1,
  uses: use.of32,
});
setRoles([0xaa, 0xab, 0xb0, 0xb1, ...[2, 3, 6, 7].map((number) => prefixed + number), ...inSimd(0xfc, 0xfd)], {
  does: "look",
  operands: 1,
  uses: use.of64,
});
// abs, neg; splat, a lane of a vector
setRoles([0x8b, 0x8c, ...inSimd(0xe0, 0xe1, 0x13, 0x1f)], { does: "move", operands: 1, uses: use.of32 });
setRoles([0x99, 0x9a, ...inSimd(0xec, 0xed, 0x14, 0x21)], { does: "move", operands: 1, uses: use.of64 });
// pmin, pmax; a lane replaced
setRoles(inSimd(0xea, 0xeb, 0x20), { does: "move", operands: 2, uses: use.of32 });
setRoles(inSimd(0xf6, 0xf7, 0x22), { does: "move", operands: 2, uses: use.of64 });

/** What an instruction does with floats; undefined when it sees the bits of its operands and makes no NaN. */
export function floatRole(opcode: number): FloatRole | undefined {
  return opcode < 0x5b ? undefined : roles.get(opcode);
}

/** The kind of NaN that an instruction may make; undefined when it makes none. */
export function nanKindOf(opcode: number): FloatKind | undefined {
  if (opcode < 0x8d) return undefined;
  const role = roles.get(opcode);
  return role?.does === "make" ? role.kind : undefined;
}
