/**
 * Instructions that take operands from the stack, give one result at most, and are no control flow: what the generator of modules (modules.ts) needs to write one. A table of our own, so that
 * the engine's is checked against it. Opcodes are numbered as the engine does: `prefix << 16 | number`.
 *
 * Letters of values: i i32, I i64, f f32, F f64, v v128.
 *
 * Source: WebAssembly Core Specification 2.0, sections 3.3 and 5.4.
 */

export type Letter = "i" | "I" | "f" | "F" | "v";

export interface PlainInstruction {
  readonly opcode: number;
  readonly operands: readonly Letter[];
  /** Undefined for a store. */
  readonly result: Letter | undefined;
  /** Bytes of memory that it reads or writes at the address on the stack. */
  readonly accesses: number | undefined;
  /** Lanes that its last immediate chooses from. */
  readonly lanes: number | undefined;
  /** Kind of operands for which it traps, which the generator avoids most of the time. */
  readonly traps: "division" | "truncation" | undefined;
}

/** `first opcode in hex, +how many, operands:result`, and then `@bytes` of memory, `#lanes`, `!` when it traps. */
const rows = `
45 +1 i:i, 46 +10 ii:i, 50 +1 I:i, 51 +10 II:i, 5b +6 ff:i, 61 +6 FF:i, 67 +3 i:i, 6a +3 ii:i, 6d +4 ii:i !d, 71 +8 ii:i, 79 +3 I:I, 7c +3 II:I, 7f +4 II:I !d, 83 +8 II:I,
8b +7 f:f, 92 +7 ff:f, 99 +7 F:F, a0 +7 FF:F, a7 +1 I:i, a8 +2 f:i !t, aa +2 F:i !t, ac +2 i:I, ae +2 f:I !t, b0 +2 F:I !t, b2 +2 i:f, b4 +2 I:f, b6 +1 F:f, b7 +2 i:F, b9 +2 I:F, bb +1 f:F,
bc +1 f:i, bd +1 F:I, be +1 i:f, bf +1 I:F, c0 +2 i:i, c2 +3 I:I, fc0000 +2 f:i, fc0002 +2 F:i, fc0004 +2 f:I, fc0006 +2 F:I,
28 +1 i:i @4, 29 +1 i:I @8, 2a +1 i:f @4, 2b +1 i:F @8, 2c +2 i:i @1, 2e +2 i:i @2, 30 +2 i:I @1, 32 +2 i:I @2, 34 +2 i:I @4,
36 +1 ii: @4, 37 +1 iI: @8, 38 +1 if: @4, 39 +1 iF: @8, 3a +1 ii: @1, 3b +1 ii: @2, 3c +1 iI: @1, 3d +1 iI: @2, 3e +1 iI: @4,
fd0000 +1 i:v @16, fd0001 +6 i:v @8, fd0007 +1 i:v @1, fd0008 +1 i:v @2, fd0009 +1 i:v @4, fd000a +1 i:v @8, fd000b +1 iv: @16, fd000e +1 vv:v, fd000f +3 i:v, fd0012 +1 I:v, fd0013 +1 f:v,
fd0014 +1 F:v, fd0015 +2 v:i #16, fd0017 +1 vi:v #16, fd0018 +2 v:i #8, fd001a +1 vi:v #8, fd001b +1 v:i #4, fd001c +1 vi:v #4, fd001d +1 v:I #2, fd001e +1 vI:v #2, fd001f +1 v:f #4,
fd0020 +1 vf:v #4, fd0021 +1 v:F #2, fd0022 +1 vF:v #2, fd0023 +42 vv:v, fd004d +1 v:v, fd004e +4 vv:v, fd0052 +1 vvv:v, fd0053 +1 v:i,
fd0054 +1 iv:v @1 #16, fd0055 +1 iv:v @2 #8, fd0056 +1 iv:v @4 #4, fd0057 +1 iv:v @8 #2, fd0058 +1 iv: @1 #16, fd0059 +1 iv: @2 #8, fd005a +1 iv: @4 #4, fd005b +1 iv: @8 #2,
fd005c +1 i:v @4, fd005d +1 i:v @8, fd005e +5 v:v, fd0063 +2 v:i, fd0065 +2 vv:v, fd0067 +4 v:v, fd006b +3 vi:v, fd006e +6 vv:v, fd0074 +2 v:v, fd0076 +4 vv:v, fd007a +1 v:v, fd007b +1 vv:v,
fd007c +6 v:v, fd0082 +1 vv:v, fd0083 +2 v:i, fd0085 +2 vv:v, fd0087 +4 v:v, fd008b +3 vi:v, fd008e +6 vv:v, fd0094 +1 v:v, fd0095 +5 vv:v, fd009b +5 vv:v, fd00a0 +2 v:v, fd00a3 +2 v:i,
fd00a7 +4 v:v, fd00ab +3 vi:v, fd00ae +1 vv:v, fd00b1 +1 vv:v, fd00b5 +6 vv:v, fd00bc +4 vv:v, fd00c0 +2 v:v, fd00c3 +2 v:i, fd00c7 +4 v:v, fd00cb +3 vi:v, fd00ce +1 vv:v, fd00d1 +1 vv:v,
fd00d5 +11 vv:v, fd00e0 +2 v:v, fd00e3 +1 v:v, fd00e4 +8 vv:v, fd00ec +2 v:v, fd00ef +1 v:v, fd00f0 +8 vv:v, fd00f8 +8 v:v`;

export const plainInstructions: readonly PlainInstruction[] = rows.split(",").flatMap((row) => {
  const [first = "", count = "", type = "", ...marks] = row.trim().split(" ");
  const [operands = "", result = ""] = type.split(":");
  const numbered = (mark: string) => {
    const found = marks.find((each) => each.startsWith(mark));
    return found === undefined ? undefined : Number(found.slice(1));
  };
  return Array.from({ length: Number(count) }, (_, at) => ({
    opcode: Number.parseInt(first, 16) + at,
    operands: lettersOf(operands),
    result: result === "" ? undefined : (result as Letter),
    accesses: numbered("@"),
    lanes: numbered("#"),
    traps: marks.includes("!d") ? ("division" as const) : marks.includes("!t") ? ("truncation" as const) : undefined,
  }));
});

/** A text of letters. */
export function lettersOf(text: string): readonly Letter[] {
  return Array.from(text) as Letter[];
}
