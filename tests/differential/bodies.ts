/** Random bodies of functions, always valid. What they compute is folded into the module's sum, so that nothing is computed in vain. */
import { counted, uleb } from "../guests/bytes.ts";
import { Code, letters, op, sleb, typeBytes, type FunctionType, type ValueType } from "./code.ts";
import { firstRandom, fixedGlobals, freeMask, global, ownIndex, place } from "./layout.ts";
import { plainInstructions, type Letter, type PlainInstruction } from "./plain-instructions.ts";

/** Fuel that a function may take by what is known of it, so that few guests run out. */
const functionCostMax = 12_000;
/** A function that calls itself does so up to this many times, but seldom up to `deep`. */
export const recursion = { shallow: 9, deep: 200 } as const;

export interface Signature extends FunctionType {
  /** It calls itself as often as its first parameter says. */
  readonly isRecursive: boolean;
}

/** Instructions that take or give one result, by what they give. */
const byResult = new Map<Letter, PlainInstruction[]>();
for (const each of plainInstructions) {
  if (each.result !== undefined) byResult.set(each.result, [...(byResult.get(each.result) ?? []), each]);
}
const stores = plainInstructions.filter(({ result }) => result === undefined);
/** How many instructions each module has for certain, by turns. */
const certainCount = 16;

/** What a function has to know of the module that it is written for. */
export interface Plan {
  readonly seed: number;
  readonly opcodes: Set<number>;
  readonly signatures: readonly Signature[];
  /** Fuel of a call of each function that is written already. */
  readonly costs: readonly number[];
  readonly globals: readonly { readonly type: ValueType; readonly isMutable: boolean }[];
  readonly tags: readonly FunctionType[];
  /** With which of the two encodings exceptions are written: no module has both. */
  readonly hasLegacyExceptions: boolean;
  /** Whether it changes tables and drops segments, which no reset reaches. */
  readonly changesTables: boolean;
  readonly grows: boolean;
  /** Operands for which an instruction traps are let through now and then. */
  readonly isRash: boolean;
  readonly runsAway: "loop" | "recursion" | undefined;
  below(bound: number): number;
  chance(percent: number): boolean;
  /** As `chance`, and never where the module is not rash. */
  isRisked(percent: number): boolean;
  pick<T>(from: readonly T[]): T;
  globalsOf(type: Letter): readonly number[];
  typeIndex(params: readonly ValueType[], results: readonly (ValueType | "exnref")[]): number;
  constant(code: Code, type: Letter): void;
  /** Lengths of the calls in JSON that it can make. */
  calls(): readonly string[];
}

/** A function that is being written: its parameters and locals, the labels around, and what it costs so far. */
export class Body {
  readonly #generator: Plan;
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

  constructor(generator: Plan, at: number | undefined, code = new Code(generator.opcodes)) {
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
        code.op(op.i32ReinterpretF32).op(op.i64ExtendI32U);
        break;
      case "F":
        code.op(op.i64ReinterpretF64);
        break;
      case "v": {
        const local = this.#local("v");
        code.at(op.localTee, local).op(op.i64x2ExtractLane, 0).call(ownIndex("fold"));
        code.get(local).op(op.i64x2ExtractLane, 1);
        break;
      }
      case "exnref":
        code.op(op.drop);
        return;
      case "funcref":
      case "externref":
        code.op(op.refIsNull).op(op.i64ExtendI32U);
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
    else if (choice < 6 && type !== "v") code.at(op.globalGet, generator.pick(generator.globalsOf(type)));
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
      if (generator.chance(60)) code.op(op.select);
      else code.op(op.selectTyped, 1, typeBytes[type]);
    } else if (choice < 88) {
      this.#expression(type, depth - 1);
      code.at(op.localTee, this.#assignable(type));
    } else if (choice < 92) {
      this.#condition();
      code.op(op.if, typeBytes[type]);
      this.#labels++;
      this.#expression(type, depth - 1);
      code.op(op.else);
      this.#expression(type, depth - 1);
      code.end();
      this.#labels--;
    } else if (choice < 95) {
      code.op(op.block, typeBytes[type]);
      this.#labels++;
      this.#expression(type, depth - 1);
      this.#condition();
      code.at(op.brIf, 0);
      this.#sink(type);
      this.#expression(type, depth - 1);
      code.end();
      this.#labels--;
    } else if (type === "v") {
      this.#expression("v", depth - 1);
      this.#expression("v", depth - 1);
      code.op(op.i8x16Shuffle, ...Array.from({ length: 16 }, () => generator.below(32)));
    } else if (type === "i" && choice < 97) code.op(op.memorySize, 0);
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
    this.#code.i32(1 + this.#generator.below(3)).op(op.i32And);
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
        if (operand === "i") code.i32(1).op(op.i32Or);
        else code.i64(1n).op(op.i64Or);
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
    if (isCareful) this.#code.i32(freeMask).op(op.i32And);
  }

  /** A float that every integer type can hold. */
  #smallFloat(type: Letter, depth: number): void {
    this.#expression("i", depth);
    this.#code
      .i32(0xffff)
      .op(op.i32And)
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
        if (of === "funcref") code.at(op.refFunc, firstRandom + generator.below(generator.signatures.length));
        else this.#expression(of as Letter, 2);
        code.at(op.globalSet, index);
      },
      () => {
        this.#expression(type, 2);
        if (generator.chance(20)) code.op(op.nop);
        code.op(op.drop);
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
    this.#code.op(op.if, 0x40);
    this.#labels++;
    this.#statements(depth - 1);
    if (this.#generator.chance(60)) {
      this.#code.op(op.else);
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
    code.op(op.block, 0x40).op(op.loop, 0x40);
    this.#labels += 2;
    this.#times *= turns;
    this.#statements(depth - 1);
    if (this.#generator.chance(30)) {
      this.#condition();
      code.at(op.brIf, 1);
    }
    code.get(counter).i32(1).op(op.i32Sub).at(op.localTee, counter).at(op.brIf, 0).end().end();
    this.#times /= turns;
    this.#labels -= 2;
  }

  /** With the counter on the stack, as a parameter of the loop. */
  #countedLoop(depth: number): void {
    const code = this.#code;
    const counter = this.#ownLocal("i");
    const turns = 2 + this.#generator.below(12);
    code.i32(turns);
    code.op(op.loop, ...sleb(BigInt(this.#generator.typeIndex(["i"], ["i"]))));
    this.#labels++;
    this.#times *= turns;
    code.i32(1).op(op.i32Sub).set(counter);
    this.#statements(depth - 1);
    code.get(counter).get(counter).at(op.brIf, 0).end();
    this.#times /= turns;
    this.#labels--;
    this.#sink("i");
  }

  #switch(depth: number): void {
    const code = this.#code;
    const cases = 2 + this.#generator.below(4);
    for (let each = 0; each < cases; each++) code.op(op.block, 0x40);
    this.#expression("i", 2);
    if (this.#generator.chance(70)) code.i32(7).op(op.i32And);
    const labels = Array.from({ length: 1 + this.#generator.below(6) }, () => this.#generator.below(cases));
    code.op(op.brTable, ...counted(labels), this.#generator.below(cases));
    for (let each = 0; each < cases; each++) {
      code.end();
      this.#labels += cases - 1 - each;
      this.#statement(depth - 1);
      if (each < cases - 1 && this.#generator.chance(50)) code.at(op.br, this.#generator.below(cases - 1 - each));
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
    code.op(op.block, ...sleb(BigInt(generator.typeIndex(params, results))));
    this.#labels++;
    for (const type of params.toReversed()) this.#sink(type);
    this.#statements(depth - 1);
    for (const type of results) this.#expression(type, 2);
    if (generator.chance(30)) code.at(op.br, 0);
    code.end();
    this.#labels--;
    for (const type of results.toReversed()) this.#sink(type);
  }

  #throw(isSometimes: boolean): void {
    const generator = this.#generator;
    const tag = generator.below(generator.tags.length);
    if (isSometimes) {
      this.#condition();
      this.#code.op(op.if, 0x40);
    }
    this.#spend(1000);
    for (const type of (generator.tags[tag] as FunctionType).params) this.#expression(type as Letter, 1);
    this.#code.at(op.throw, tag);
    if (isSometimes) this.#code.end();
  }

  #legacyTry(depth: number): void {
    const generator = this.#generator;
    const code = this.#code;
    const rethrows = generator.chance(40);
    code.op(op.try, 0x40);
    this.#labels++;
    if (generator.chance(40)) {
      // What is thrown in the inner one goes to the outer one's handlers.
      code.op(op.try, 0x40);
      this.#labels++;
      this.#statement(depth - 1);
      this.#throw(true);
      code.at(op.delegate, 0);
      this.#labels--;
    }
    if (rethrows) {
      code.op(op.try, 0x40);
      this.#labels++;
    }
    this.#statements(depth - 1);
    this.#throw(true);
    const tag = generator.below(generator.tags.length);
    const { params } = generator.tags[tag] as FunctionType;
    code.at(op.catch, tag);
    for (const type of params.toReversed()) this.#sink(type);
    if (rethrows) {
      code.at(op.rethrow, 0);
      code.end();
      this.#labels--;
    } else this.#statement(depth - 1);
    code.op(op.catchAll);
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
      code.op(op.block, 0x40).op(op.tryTable, 0x40, 1, 2, 0);
      this.#labels += 2;
    }
    const tag = generator.below(generator.tags.length);
    const { params } = generator.tags[tag] as FunctionType;
    const kind = generator.below(4);
    const hasTag = kind < 2;
    const hasReference = (kind & 1) === 1;
    const caught = [...(hasTag ? params : []), ...(hasReference ? ["exnref" as const] : [])];
    code.op(op.block, 0x40);
    code.op(op.block, ...sleb(BigInt(generator.typeIndex([], caught))));
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
    code.at(op.br, 1);
    code.end();
    this.#labels -= 2;
    if (hasReference) {
      if (throwsAgain) {
        const held = this.#ownLocal("exnref");
        code.set(held);
        for (const type of params.toReversed()) if (hasTag) this.#sink(type);
        code.get(held).op(op.throwRef);
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
      if (isCareful) code.i32(0xff).op(op.i32And);
    };
    const address = () => {
      this.#address(1, isCareful);
      code.i32(place.free).op(op.i32Add);
    };
    this.#spend(60);
    const kinds: (() => void)[] = [
      () => {
        address();
        this.#expression("i", 1);
        length();
        code.op(op.memoryFill, 0);
      },
      () => {
        address();
        address();
        length();
        code.op(op.memoryCopy, 0, 0);
      },
      () => {
        address();
        this.#small(20, isCareful);
        this.#small(12, isCareful);
        code.op(op.memoryInit, ...uleb(0), 0);
      },
    ];
    if (generator.changesTables) kinds.push(() => code.op(op.dataDrop, 0));
    if (generator.grows) {
      kinds.push(() => {
        code.i32(generator.pick([0, 1, 1, 2, 70_000])).op(op.memoryGrow, 0);
        this.#spend(1000);
        this.#sink("i");
      });
    }
    generator.pick(kinds)();
  }

  /** An i32 from 0 to that many, most often. */
  #small(most: number, isCareful: boolean): void {
    this.#expression("i", 1);
    if (isCareful) this.#code.i32(most + 1).op(op.i32RemU);
  }

  #references(): void {
    const generator = this.#generator;
    const code = this.#code;
    const isCareful = !generator.isRisked(4);
    const some = () => {
      if (generator.chance(50)) code.op(op.refNull, 0x70);
      else code.at(op.refFunc, firstRandom + generator.below(generator.signatures.length));
    };
    this.#spend(100);
    const kinds: (() => void)[] = [
      () => {
        this.#small(7, isCareful);
        code.at(op.tableGet, 1).op(op.refIsNull);
        this.#sink("i");
      },
      () => {
        some();
        code.op(op.refIsNull);
        this.#sink("i");
      },
      () => {
        code.op(op.refNull, 0x6f).op(op.refNull, 0x6f);
        this.#condition();
        code.op(op.selectTyped, 1, 0x6f).op(op.refIsNull);
        this.#sink("i");
      },
      () => {
        code.at(op.tableSize, 1);
        this.#sink("i");
      },
      () => {
        this.#small(3, isCareful);
        code.at(op.tableGet, 2).op(op.refIsNull);
        this.#sink("i");
      },
    ];
    if (generator.changesTables) {
      kinds.push(
        () => {
          this.#small(7, isCareful);
          some();
          code.at(op.tableSet, 1);
        },
        () => {
          some();
          code.i32(generator.below(4)).at(op.tableGrow, 1);
          this.#sink("i");
        },
        () => {
          this.#small(4, isCareful);
          some();
          this.#small(3, isCareful);
          code.at(op.tableFill, 1);
        },
        () => {
          this.#small(4, isCareful);
          this.#small(2, isCareful);
          this.#small(2, isCareful);
          code.op(op.tableInit, 1, 1);
        },
        () => {
          this.#small(4, isCareful);
          this.#small(2, isCareful);
          this.#small(2, isCareful);
          code.op(op.tableCopy, 1, generator.below(2));
        },
        () => code.op(op.elemDrop, 1),
      );
    }
    generator.pick(kinds)();
  }

  /** What ends the function or the guest, behind a condition that seldom holds. */
  #rarely(): void {
    const generator = this.#generator;
    const code = this.#code;
    this.#expression("i", 2);
    code.i32(63).op(op.i32And).op(op.i32Eqz);
    code.op(op.if, 0x40);
    this.#labels++;
    const tail = this.#tailCallee();
    const kinds: (() => void)[] = [
      ...(generator.isRash ? [() => void code.op(op.unreachable)] : []),
      () => this.#return(),
      () => this.#return(),
      () => {
        // To the function's own label.
        for (const type of this.#signature.results) this.#expression(type as Letter, 1);
        code.at(op.br, this.#labels);
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
    this.#code.op(op.return);
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
    if (generator.chance(50)) code.at(op.returnCall, firstRandom + callee);
    else {
      this.#slot(callee);
      const { params, results } = generator.signatures[callee] as Signature;
      code.op(op.returnCallIndirect, ...uleb(generator.typeIndex(params, results)), 0);
    }
  }

  /** Where a function stands in the table for calls; seldom somewhere else, where the types don't match or nothing is. */
  #slot(callee: number): void {
    const generator = this.#generator;
    if (generator.isRisked(3)) this.#expression("i", 1);
    else {
      this.#expression("i", 1);
      this.#code.i32(0).op(op.i32And).i32(callee).op(op.i32Add);
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
      const asks = generator.chance(30);
      if (asks) this.#ask();
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
    code.at(op.globalGet, global.n).i32(this.#generator.below(1000)).op(op.i32Add);
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
    if (catches && generator.hasLegacyExceptions) code.op(op.try, 0x40);
    else if (catches) code.op(op.block, 0x40).op(op.tryTable, 0x40, 1, 2, 0);
    if (this.#at === undefined) this.#plainArguments(callee);
    else this.#arguments(callee, 2);
    this.#spend(20 + (generator.costs[callee] as number));
    if (generator.chance(60)) code.call(firstRandom + callee);
    else {
      if (this.#at === undefined) code.i32(callee);
      else this.#slot(callee);
      code.op(op.callIndirect, ...uleb(generator.typeIndex(params, results)), 0);
    }
    for (const type of results.toReversed()) {
      if (this.#at === undefined && type === "v") code.op(op.i8x16AllTrue).op(op.i64ExtendI32U).call(ownIndex("fold"));
      else this.#sink(type);
    }
    if (catches && generator.hasLegacyExceptions) code.op(op.catchAll).i64(77n).call(ownIndex("fold")).end();
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
      else if (type === "i") code.at(op.globalGet, global.n).i32(generator.below(1000)).op(op.i32Add);
      else if (type === "F") code.at(op.globalGet, global.n).op(op.f64ConvertI32S);
      else generator.constant(code, type as Letter);
    }
  }

  /** Calls itself with one less, as long as its first parameter is not zero. */
  #recursion(): void {
    const generator = this.#generator;
    const code = this.#code;
    const at = this.#at as number;
    const { params, results } = this.#signature;
    code.get(0).op(op.if, 0x40);
    code.get(0).i32(1).op(op.i32Sub);
    for (const index of params.keys()) if (index > 0) code.get(index);
    if (generator.chance(70)) code.call(firstRandom + at);
    else code.i32(at).op(op.callIndirect, ...uleb(generator.typeIndex(params, results)), 0);
    for (const type of results.toReversed()) this.#sink(type);
    code.end();
  }
}
