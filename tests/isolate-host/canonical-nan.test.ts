/** A NaN that arithmetic makes has one bit pattern, wherever it goes; bits that are moved stay what they are. */
import { describe, expect, test } from "vitest";
import { binaryFunctions } from "../../src/abi/binary.ts";
import { wasiFunctions } from "../../src/isolate-host/wasi.ts";
import { rewriteModule } from "../../src/isolate-host/wasm/module.ts";
import { assemble } from "../guests/assemble.ts";

type Run = () => void;
interface Started {
  readonly memory: Buffer;
  readonly call: (name: string) => void;
}

function start(module: Uint8Array): Started {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module), {});
  const { buffer } = exports["memory"] as WebAssembly.Memory;
  return { memory: Buffer.from(buffer), call: (name) => (exports[name] as Run)() };
}

const limits = { depth: 1 << 16, fuel: 2 ** 40, memoryPages: 1 };

function canonical(module: Uint8Array, isMetered: boolean): Started {
  const metering = { fuel: isMetered, depth: isMetered, nan: true };
  return start(rewriteModule(module, undefined, limits, metering, false).bytes);
}

interface Width {
  readonly bits: 32 | 64;
  readonly type: "f32" | "f64";
  readonly lanes: 4 | 2;
  readonly canonical: bigint;
  /** Numbers, and NaNs of either sign, quiet and signalling, with payloads large and small. */
  readonly patterns: readonly bigint[];
}

const widths: readonly Width[] = [
  {
    bits: 32,
    type: "f32",
    lanes: 4,
    canonical: 0x7fc0_0000n,
    patterns: [
      0n,
      0x8000_0000n,
      0x3fc0_0000n,
      0xbf80_0000n,
      0x7f80_0000n,
      0xff80_0000n,
      0x7fc0_0000n,
      0xffc0_0000n,
      0x7fc0_1234n,
      0xffff_ffffn,
      0x7f80_0001n,
      0xffa0_4321n,
    ],
  },
  {
    bits: 64,
    type: "f64",
    lanes: 2,
    canonical: 0x7ff8_0000_0000_0000n,
    patterns: [
      0n,
      0x8000_0000_0000_0000n,
      0x3ff8_0000_0000_0000n,
      0xbff0_0000_0000_0000n,
      0x7ff0_0000_0000_0000n,
      0xfff0_0000_0000_0000n,
      0x7ff8_0000_0000_0000n,
      0xfff8_0000_0000_0000n,
      0x7ff8_0000_0000_1234n,
      0xffff_ffff_ffff_ffffn,
      0x7ff0_0000_0000_0001n,
      0xfff4_0000_0000_4321n,
    ],
  },
];
const [narrow, wide] = widths as readonly [Width, Width];

const signOf = ({ bits }: Width) => 1n << BigInt(bits - 1);
const magnitude = (width: Width, value: bigint) => value & (signOf(width) - 1n);
const isNan = (width: Width, value: bigint) =>
  magnitude(width, value) > (width.bits === 32 ? 0x7f80_0000n : 0x7ff0_0000_0000_0000n);

const read = (from: Buffer, width: Width, at: number) =>
  width.bits === 32 ? BigInt(from.readUInt32LE(at)) : from.readBigUInt64LE(at);
function write(to: Buffer, width: Width, at: number, value: bigint): void {
  if (width.bits === 32) to.writeUInt32LE(Number(value), at);
  else to.writeBigUInt64LE(value, at);
}

const unary = ["ceil", "floor", "trunc", "nearest", "sqrt"];
const binary = ["add", "sub", "mul", "div", "min", "max"];

interface Operation {
  readonly name: string;
  readonly operands: 1 | 2;
  readonly from: Width;
  readonly to: Width;
  readonly isVector: boolean;
}

const makers: readonly Operation[] = [
  ...widths.flatMap((width) =>
    [false, true].flatMap((isVector) =>
      [...unary, ...binary].map((name): Operation => {
        const type = isVector ? `${width.type}x${width.lanes}` : width.type;
        return { name: `${type}.${name}`, operands: unary.includes(name) ? 1 : 2, from: width, to: width, isVector };
      }),
    ),
  ),
  { name: "f32.demote_f64", operands: 1, from: wide, to: narrow, isVector: false },
  { name: "f64.promote_f32", operands: 1, from: narrow, to: wide, isVector: false },
  { name: "f32x4.demote_f64x2_zero", operands: 1, from: wide, to: narrow, isVector: true },
  { name: "f64x2.promote_low_f32x4", operands: 1, from: narrow, to: wide, isVector: true },
];

const valueType = ({ isVector }: Operation, { type }: Width) => (isVector ? "v128" : type);
const operand = (operation: Operation, at: number) =>
  `(${valueType(operation, operation.from)}.load (i32.const ${at}))`;
/** The operation on what stands at 0 and at 16; `put` says what becomes of it. */
const applied = (operation: Operation) =>
  `(${operation.name} ${operand(operation, 0)} ${operation.operands === 2 ? operand(operation, 16) : ""})`;
const stored = (operation: Operation) =>
  `(${valueType(operation, operation.to)}.store (i32.const 32) ${applied(operation)})`;

/** Lanes of the result, for operands whose lanes hold different patterns. */
function results({ memory, call }: Started, operation: Operation, name: string): bigint[][] {
  const { from, to, isVector } = operation;
  const lanes = isVector ? from.lanes : 1;
  const { patterns } = from;
  const seconds = operation.operands === 2 ? patterns : [0n];
  return patterns.flatMap((_, first) =>
    seconds.map((second) => {
      for (let lane = 0; lane < lanes; lane++) {
        write(memory, from, (lane * from.bits) / 8, patterns[(first + lane) % patterns.length] as bigint);
        write(memory, from, 16 + (lane * from.bits) / 8, second);
      }
      call(name);
      return Array.from({ length: isVector ? to.lanes : 1 }, (_each, lane) =>
        read(memory, to, 32 + (lane * to.bits) / 8),
      );
    }),
  );
}

const moduleOf = (functions: readonly string[], further = "") =>
  assemble(
    `(module (memory (export "memory") 1) ${further}
      ${functions.map((body, index) => `(func (export "f${index}") ${body})`).join("\n")})`,
    "exceptions",
  );

describe.each([false, true])("with fuel and depth counted: %s", (isMetered) => {
  test.each(makers)("$name gives the canonical NaN, and numbers as ever", (operation) => {
    const module = moduleOf([stored(operation)]);
    const { to } = operation;
    const expected = results(start(module), operation, "f0").map((lanes) =>
      lanes.map((value) => (isNan(to, value) ? to.canonical : value)),
    );
    expect(expected.flat().filter((value) => value === to.canonical).length).toBeGreaterThan(3);
    expect(results(canonical(module, isMetered), operation, "f0")).toEqual(expected);
  });

  test("bits that are moved stay what they are", () => {
    for (const width of widths) {
      const { type, lanes } = width;
      const sign = signOf(width);
      const below = (a: bigint, b: bigint) => {
        const value = (bits: bigint) => {
          const buffer = Buffer.alloc(8);
          write(buffer, width, 0, bits);
          return width.bits === 32 ? buffer.readFloatLE() : buffer.readDoubleLE();
        };
        return value(a) < value(b);
      };
      const movers: readonly (readonly [name: string, model: (a: bigint, b: bigint) => bigint])[] = [
        ["neg", (a) => a ^ sign],
        ["abs", (a) => a & ~sign],
        ["copysign", (a, b) => (a & ~sign) | (b & sign)],
        ["pmin", (a, b) => (below(b, a) ? b : a)],
        ["pmax", (a, b) => (below(a, b) ? b : a)],
      ];
      for (const [name, model] of movers) {
        for (const isVector of name === "copysign" ? [false] : name.startsWith("p") ? [true] : [false, true]) {
          const operation: Operation = {
            name: `${isVector ? `${type}x${lanes}` : type}.${name}`,
            operands: name === "neg" || name === "abs" ? 1 : 2,
            from: width,
            to: width,
            isVector,
          };
          const module = moduleOf([stored(operation)]);
          const { patterns } = width;
          const seconds = operation.operands === 2 ? patterns : [0n];
          const expected = patterns.flatMap((_, first) =>
            seconds.map((second) =>
              Array.from({ length: isVector ? lanes : 1 }, (_each, lane) =>
                model(patterns[(first + lane) % patterns.length] as bigint, second),
              ),
            ),
          );
          expect(results(canonical(module, isMetered), operation, "f0"), operation.name).toEqual(expected);
        }
      }
    }
  });
});

/** Ways on which a NaN of f64 may go before it is stored at 32. NAN stands for an operation that makes one, of unknown sign and payload. */
const ways: Readonly<Record<string, string>> = {
  "straight to memory": "(f64.store (i32.const 32) NAN)",
  "as bits": "(i64.store (i32.const 32) (i64.reinterpret_f64 NAN))",
  "by a local": "(local $x f64) (local.set $x NAN) (f64.store (i32.const 32) (local.get $x))",
  "by a local that two set":
    "(local $x f64) (local.set $x (f64.const 1)) (if (i32.load (i32.const 64)) (then (local.set $x (f64.const 2))) (else (local.set $x NAN))) (f64.store (i32.const 32) (local.get $x))",
  "by two locals and a turn of a loop":
    "(local $x f64) (local $y f64) (local $n i32) (loop $on (local.set $y (local.get $x)) (local.set $x NAN) (br_if $on (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 3)))) (f64.store (i32.const 32) (local.get $y))",
  "kept by tee": "(local $x f64) (drop (local.tee $x NAN)) (f64.store (i32.const 32) (local.get $x))",
  "past tee": "(local $x f64) (f64.store (i32.const 32) (local.tee $x NAN))",
  "by select": "(f64.store (i32.const 32) (select (f64.const 1) NAN (i32.load (i32.const 64))))",
  "by a typed select": "(f64.store (i32.const 32) (select (result f64) (f64.const 1) NAN (i32.load (i32.const 64))))",
  "out of a block": "(f64.store (i32.const 32) (block (result f64) NAN))",
  "into a block": "(f64.store (i32.const 32) NAN (block (param f64) (result f64)))",
  "into a loop": "(i32.const 32) NAN (loop (param f64) (result f64)) (f64.store)",
  "out of an if":
    "(f64.store (i32.const 32) (if (result f64) (i32.load (i32.const 64)) (then (f64.const 1)) (else NAN)))",
  "by a branch": "(f64.store (i32.const 32) (block $out (result f64) (br $out NAN)))",
  "by a branch that may be":
    "(f64.store (i32.const 32) (block $out (result f64) (br_if $out NAN (i32.eqz (i32.load (i32.const 64)))) (drop) (f64.const 1)))",
  "past a branch that may be":
    "(f64.store (i32.const 32) (block $out (result f64) (br_if $out NAN (i32.load (i32.const 64)))))",
  "by a table of branches":
    "(f64.store (i32.const 32) (block $b (result f64) (block $a (result f64) (br_table $a $b NAN (i32.const 7)))))",
  "past a block": "(i32.const 32) NAN (block (drop (i32.load (i32.const 64)))) (f64.store)",
  "to a function and back": "(f64.store (i32.const 32) (call $same NAN))",
  "through a table": "(f64.store (i32.const 32) (call_indirect (param f64) (result f64) NAN (i32.const 0)))",
  "by a global": "(global.set $g NAN) (f64.store (i32.const 32) (global.get $g))",
  "by an exception": "(f64.store (i32.const 32) (try (result f64) (do (throw $t NAN)) (catch $t)))",
  "twice negated": "(f64.store (i32.const 32) (f64.neg (f64.neg NAN)))",
  "as a magnitude": "(f64.store (i32.const 32) (f64.copysign NAN (f64.const 1)))",
  "through further arithmetic":
    "(f64.store (i32.const 32) (f64.sqrt (f64.add (f64.mul NAN (f64.const 2)) (f64.neg NAN))))",
  "through arithmetic and locals":
    "(local $x f64) (local $y f64) (local.set $x NAN) (local.set $y (f64.mul (local.get $x) (local.get $x))) (f64.store (i32.const 32) (f64.max (local.get $y) (local.get $x)))",
  "through both widths": "(f64.store (i32.const 32) (f64.promote_f32 (f32.demote_f64 NAN)))",
  "as both lanes": "(v128.store (i32.const 32) (f64x2.splat NAN))",
  "as a lane":
    "(f64.store (i32.const 32) (f64x2.extract_lane 1 (f64x2.replace_lane 1 (v128.load (i32.const 64)) NAN)))",
  "as a lane of arithmetic":
    "(f64.store (i32.const 32) (f64x2.extract_lane 0 (f64x2.add (f64x2.splat NAN) (f64x2.splat NAN))))",
  shuffled:
    "(v128.store (i32.const 32) (i8x16.swizzle (f64x2.splat NAN) (v128.const i8x16 0 1 2 3 4 5 6 7 0 1 2 3 4 5 6 7)))",
  "chosen bit by bit":
    "(v128.store (i32.const 32) (v128.bitselect (f64x2.splat NAN) (v128.const i64x2 0 0) (v128.const i64x2 -1 -1)))",
  "among all the operands of an instruction that nothing knows":
    "(i64.store (i32.const 32) (i64.add (i64.reinterpret_f64 NAN) (i64.const 0)))",
  "behind what is never run": "(block $out (br $out) (drop (f64.add)) (f64.store)) (f64.store (i32.const 32) NAN)",
  "beside an early return":
    "(if (i32.load (i32.const 64)) (then (return) (drop (f64.add)))) (f64.store (i32.const 32) NAN)",
};
/** What makes one here: other operands, other signs and payloads. */
const sources: Readonly<Record<string, string>> = {
  "0/0": "(f64.div (f64.load (i32.const 72)) (f64.load (i32.const 72)))",
  "a NaN plus 1": "(f64.add (f64.load (i32.const 80)) (f64.const 1))",
  "1 plus a signalling NaN": "(f64.add (f64.const 1) (f64.load (i32.const 88)))",
  constants: "(f64.min (f64.const -nan:0x4000000004321) (f64.const nan:0x1))",
};
const around = `
  (data (i32.const 80) "\\21\\43\\00\\00\\00\\00\\fc\\ff\\07\\00\\00\\00\\00\\00\\f0\\7f")
  (global $g (mut f64) (f64.const 0)) (tag $t (param f64)) (table 1 funcref) (elem (i32.const 0) $same)
  (func $same (param f64) (result f64) (local.get 0))`;

describe.each(Object.entries(sources))("a NaN made of %s", (_, source) => {
  test.each(Object.entries(ways))("is canonical %s", (_way, text) => {
    const module = moduleOf([text.replaceAll("NAN", source)], around);
    for (const isMetered of [false, true]) {
      const { memory, call } = canonical(module, isMetered);
      call("f0");
      expect(memory.readBigUInt64LE(32).toString(16)).toBe(wide.canonical.toString(16));
    }
  });
});

test("no float crosses to the host, whose calls could move other bits", () => {
  const types = [...Object.values(binaryFunctions), ...wasiFunctions.values()];
  expect(types.length).toBeGreaterThan(40);
  expect(types.filter((type) => !/^[iI]*:[iI]?$/.test(type))).toEqual([]);
});

describe("where bits of a NaN come to be seen as something else", () => {
  const bitsAt32 = (text: string) => {
    const { memory, call } = canonical(moduleOf([text], around), true);
    call("f0");
    return memory.readBigUInt64LE(32).toString(16);
  };
  const made = sources["0/0"] as string;

  test("its sign is that of the canonical one", () => {
    expect(bitsAt32(`(f64.store (i32.const 32) (f64.copysign (f64.const 1) ${made}))`)).toBe("3ff0000000000000");
    expect(bitsAt32(`(f64.store (i32.const 32) (f64.neg ${made}))`)).toBe("fff8000000000000");
    const negatedLater = `(local $x f64) (local.set $x ${made}) (f64.store (i32.const 32) (f64.neg (f64.abs (local.get $x))))`;
    expect(bitsAt32(negatedLater)).toBe("fff8000000000000");
  });

  test("lanes of the one width read as the other's hold the canonical bits", () => {
    const ofNarrow = "(f32x4.splat (f32.demote_f64 (f64.load (i32.const 80))))";
    const product = `(f64x2.mul (f32x4.add ${ofNarrow} ${ofNarrow}) (v128.const f64x2 1 1))`;
    // As a double this is a number, which a multiplication by 1 leaves alone.
    expect(bitsAt32(`(v128.store (i32.const 32) ${product})`)).toBe("7fc000007fc00000");
  });
});

describe("random programs store what they store when every operation is made canonical by hand", () => {
  const seeds = Array.from({ length: 150 }, (_, index) => 9000 + index * 17);

  test.each(seeds)("seed %i", (seed) => {
    const text = randomProgram(seed, (_, operation) => operation);
    const byHand = start(
      assemble(
        randomProgram(seed, (kind, operation) => `(call $${kind} ${operation})`),
        "exceptions",
      ),
    );
    byHand.call("run");
    for (const isMetered of [false, true]) {
      const rewritten = canonical(assemble(text, "exceptions"), isMetered);
      rewritten.call("run");
      expect(rewritten.memory.equals(byHand.memory), text).toBe(true);
    }
  });

  test("most of which plain V8 stores otherwise", () => {
    const others = seeds.filter((seed) => {
      const [plain, byHand] = [
        randomProgram(seed, (_, operation) => operation),
        randomProgram(seed, (kind, operation) => `(call $${kind} ${operation})`),
      ].map((text) => start(assemble(text, "exceptions"))) as [Started, Started];
      plain.call("run");
      byHand.call("run");
      return !plain.memory.equals(byHand.memory);
    });
    expect(others.length).toBeGreaterThan(seeds.length / 2);
  });
});

/** A deterministic stream of numbers below a bound (mulberry32). */
function randomNumbers(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** A kilobyte of floats: numbers and NaNs of all sorts. */
function randomBytes(seed: number): Buffer {
  const next = randomNumbers(seed);
  const bytes = Buffer.alloc(1024);
  for (let at = 0; at < bytes.length; at += 8) {
    const width = next(2) === 0 ? narrow : wide;
    for (let lane = 0; lane < 64 / width.bits; lane++) {
      write(bytes, width, at + (lane * width.bits) / 8, width.patterns[next(width.patterns.length)] as bigint);
    }
  }
  return bytes;
}

/** A function `run` of random expressions over floats, with control flow and locals. `made` is given each operation that may make a NaN. */
function randomProgram(seed: number, made: (kind: string, operation: string) => string): string {
  const next = randomNumbers(seed);
  type Type = "f32" | "f64" | "v128";
  const pick = <T>(values: readonly T[]): T => values[next(values.length)] as T;
  const anyType = () => pick<Type>(["f32", "f64", "f64", "v128"]);
  const address = () => `(i32.const ${next(1000)})`;
  const local = (type: Type) => `$${type}${next(3)}`;
  const condition = () => `(i32.and (i32.load ${address()}) (i32.const ${1 << next(4)}))`;
  const expression = (type: Type, level: number): string => {
    if (level <= 0) {
      const leaf = next(3);
      if (leaf === 0) return `(${type}.load ${address()})`;
      if (leaf === 1) return `(local.get ${local(type)})`;
      return type === "v128"
        ? `(v128.load ${address()})`
        : `(${type}.const ${pick(["1.5", "-0", "inf", "nan", "-nan:0x1", "nan:0x200001"])})`;
    }
    const of = (inner: Type) => expression(inner, level - 1 - next(2));
    const choice = next(14);
    if (choice === 0) return `(local.tee ${local(type)} ${of(type)})`;
    if (choice === 1) return `(select ${of(type)} ${of(type)} ${condition()})`;
    if (choice === 2) return `(if (result ${type}) ${condition()} (then ${of(type)}) (else ${of(type)}))`;
    if (choice === 3) {
      return `(block (result ${type}) (br_if 0 ${of(type)} ${condition()}) (drop) ${of(type)})`;
    }
    if (type === "v128") return vector(choice, of);
    const other = type === "f64" ? "f32" : "f64";
    if (choice === 4) return `(${type}.neg ${of(type)})`;
    if (choice === 5) return `(${type}.copysign ${of(type)} ${of(type)})`;
    if (choice === 6) return `(${type}.abs ${of(type)})`;
    if (choice === 7) {
      return made(type, `(${type}.${type === "f64" ? "promote_f32" : "demote_f64"} ${of(other)})`);
    }
    if (choice === 8) {
      return type === "f64"
        ? `(f64x2.extract_lane ${next(2)} ${of("v128")})`
        : `(f32x4.extract_lane ${next(4)} ${of("v128")})`;
    }
    if (choice === 9) return `(${type}.convert_i32_s (${type}.lt ${of(type)} ${of(type)}))`;
    if (choice === 10) return made(type, `(${type}.${pick(unary)} ${of(type)})`);
    return made(type, `(${type}.${pick(binary)} ${of(type)} ${of(type)})`);
  };
  const vector = (choice: number, of: (type: Type) => string): string => {
    const kind = pick(["f32x4", "f64x2"] as const);
    const [scalar, lanes] = kind === "f32x4" ? (["f32", 4] as const) : (["f64", 2] as const);
    if (choice === 4) return `(${kind}.${pick(["neg", "abs"])} ${of("v128")})`;
    if (choice === 5) return `(${kind}.${pick(["pmin", "pmax"])} ${of("v128")} ${of("v128")})`;
    if (choice === 6) return `(${kind}.splat ${of(scalar)})`;
    if (choice === 7) return `(${kind}.replace_lane ${next(lanes)} ${of("v128")} ${of(scalar)})`;
    if (choice === 8) return `(v128.bitselect ${of("v128")} ${of("v128")} ${of("v128")})`;
    if (choice === 9) {
      return kind === "f32x4"
        ? made("f32x4", `(f32x4.demote_f64x2_zero ${of("v128")})`)
        : made("f64x2", `(f64x2.promote_low_f32x4 ${of("v128")})`);
    }
    if (choice === 10) return made(kind, `(${kind}.${pick(unary)} ${of("v128")})`);
    return made(kind, `(${kind}.${pick(binary)} ${of("v128")} ${of("v128")})`);
  };
  const statement = (level: number): string => {
    const type = anyType();
    const choice = next(level > 0 ? 10 : 6);
    if (choice < 2) return `(${type}.store ${address()} ${expression(type, 1 + next(4))})`;
    if (choice < 6) return `(local.set ${local(type)} ${expression(type, 1 + next(4))})`;
    if (choice === 6) {
      return `(local.set $turns${level} (i32.const 0)) (loop $on${level} ${statements(level - 1)} (br_if $on${level} (i32.lt_u (local.tee $turns${level} (i32.add (local.get $turns${level}) (i32.const 1))) (i32.const ${1 + next(4)}))))`;
    }
    if (choice === 7)
      return `(block $out ${statements(level - 1)} (br_if $out ${condition()}) ${statements(level - 1)})`;
    return `(if ${condition()} (then ${statements(level - 1)}) (else ${statements(level - 1)}))`;
  };
  const statements = (level: number): string => Array.from({ length: 2 + next(4) }, () => statement(level)).join("\n");
  const locals = ["f32", "f64", "v128"].flatMap((type) => [0, 1, 2].map((at) => `(local $${type}${at} ${type})`));
  const bytes = Array.from(randomBytes(seed), (byte) => `\\${byte.toString(16).padStart(2, "0")}`).join("");
  const body = Array.from({ length: 4 }, () => statements(2)).join("\n");
  const shown = ["f32", "f64", "v128"].flatMap((type, index) =>
    [0, 1, 2].map((at) => `(${type}.store (i32.const ${1024 + index * 64 + at * 16}) (local.get $${type}${at}))`),
  );
  return `(module (memory (export "memory") 1) (data (i32.const 0) "${bytes}")
    (func $f32 (param f32) (result f32)
      (select (f32.const nan) (local.get 0) (i32.gt_u (i32.and (i32.reinterpret_f32 (local.get 0)) (i32.const 0x7fffffff)) (i32.const 0x7f800000))))
    (func $f64 (param f64) (result f64)
      (select (f64.const nan) (local.get 0) (i64.gt_u (i64.and (i64.reinterpret_f64 (local.get 0)) (i64.const 0x7fffffffffffffff)) (i64.const 0x7ff0000000000000))))
    (func $f32x4 (param v128) (result v128)
      (v128.bitselect (v128.const i32x4 0x7fc00000 0x7fc00000 0x7fc00000 0x7fc00000) (local.get 0)
        (i32x4.gt_u (v128.and (local.get 0) (v128.const i32x4 0x7fffffff 0x7fffffff 0x7fffffff 0x7fffffff)) (v128.const i32x4 0x7f800000 0x7f800000 0x7f800000 0x7f800000))))
    (func $f64x2 (param v128) (result v128)
      (v128.bitselect (v128.const i64x2 0x7ff8000000000000 0x7ff8000000000000) (local.get 0)
        (i64x2.gt_s (v128.and (local.get 0) (v128.const i64x2 0x7fffffffffffffff 0x7fffffffffffffff)) (v128.const i64x2 0x7ff0000000000000 0x7ff0000000000000))))
    (func (export "run") ${locals.join(" ")} (local $turns1 i32) (local $turns2 i32)
      ${body}
      ${shown.join("\n")}))`;
}
