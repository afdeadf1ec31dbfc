/**
 * What the metering needs to know of a function's body: where fuel is charged and how much, and how large its frame can get.
 *
 * **Charging.** A function's code is cut into *regions*: all of a region's instructions are charged at once, where it starts. A region starts at the function's entry, at each
 * loop's header, and where a branch may have led elsewhere: in the arms of an `if`, after a `br_if`, in a case of a `br_table`, after a block that something inside leaves for
 * further out. What follows a block that can only be left at its end belongs to the region before the block. A region is charged in full even if it is left early (by a trap, or
 * by a branch out of the innermost loop, which happens once for all the loop's turns), so what is charged is never less than what runs. A small region is
 * charged with the one before it, as far as that does not distort the sum: a check costs more than a few instructions.
 *
 * **Frame.** A static bound in slots of eight bytes: parameters, locals, the highest operand stack, what making NaNs canonical takes, and what a call and a compiler need besides.
 *
 * All of it is part of what the runtime's marker means: a change here changes what fuel a job spends and how deep a recursion goes.
 */
import { bulkCharge, fuelOf, heightChange, loopTurnFuel } from "./instruction-facts.ts";
import { floatKind, nanKindOf, type FloatKind } from "./float-facts.ts";
import { catchLabels, op, tableLabels, walkInstructions, type Instruction } from "./instructions.ts";
import { Reader, UnfitModule } from "./reader.ts";

/** Values in and out, as bytes of value types. */
export interface FunctionType {
  readonly params: Uint8Array;
  readonly results: Uint8Array;
}

/** What a body's instructions refer to. */
export interface Surroundings {
  readonly types: readonly FunctionType[];
  /** Type of each function, imported ones first. */
  readonly functions: readonly FunctionType[];
  readonly importedCount: number;
  /** Type of each tag. */
  readonly tags: readonly FunctionType[];
  /** Told of each encoding of exceptions that code has. */
  readonly usesExceptions: (encoding: ExceptionEncoding) => void;
}

/** `try` with its handlers; or `try_table`, and references to exceptions. */
export type ExceptionEncoding = "try" | "try_table";

/** The type of references to exceptions. */
export const exnref = 0x69;
/** As a block's type. */
const exnrefBlock = exnref - 0x80;

/** `cost` units of fuel are charged in front of the instruction at `at`. A checked charge is one that a guest can't do without end between two of. */
export interface Charge {
  readonly at: number;
  readonly cost: number;
  readonly isChecked: boolean;
}

export interface BodyFacts {
  /** In the order of their places. */
  readonly charges: readonly Charge[];
  readonly frameSlots: number;
  /** Calls of functions of the module; the host's don't count. */
  readonly calls: boolean;
  readonly hasLoop: boolean;
  readonly hasBulk: boolean;
  readonly hasIndirect: boolean;
  /** It has handlers of exceptions. */
  readonly catches: boolean;
  /** It changes what no reset of an instance can reach: a table, or a segment that is dropped. */
  readonly isUnresettable: boolean;
  /** Kinds of NaNs that it may make. */
  readonly nanKinds: ReadonlySet<FloatKind>;
}

/** A region that costs no more is charged with the one before it... */
const smallRegionFuel = 12;
/** ...which takes in so much at most. */
const absorbedFuelMax = 32;
/** Slots that a frame needs whatever its function is: return address, frame pointer, instance, and what a compiler saves. */
const frameSlotsMin = 10;
/** An optimizing compiler may keep more values than a function has locals and operands, and more the longer the function is: a slot for so many instructions. */
const instructionsPerSlot = 8;
/** Nesting of blocks: far above what any toolchain writes, and below what V8 refuses. */
const nestingMax = 10_000;

/** Instructions that change what no reset can reach. */
const unresettable = new Set<number>([
  op.tableSet,
  op.tableInit,
  op.tableCopy,
  op.tableGrow,
  op.tableFill,
  op.dataDrop,
  op.elemDrop,
]);

interface Region {
  readonly at: number;
  cost: number;
  absorbed: number;
  /** The region that is charged before this one whenever this one runs; undefined where a charge must stand here. */
  readonly parent: Region | undefined;
}

interface Block {
  readonly kind: number;
  readonly base: number;
  readonly type: Arity;
  /** The region in front of the block; undefined when nothing leads here. */
  readonly before: Region | undefined;
  isTarget: boolean;
  /** Outermost level that something inside leaves for. */
  leavesTo: number;
  hasElse: boolean;
}

interface Arity {
  readonly params: number;
  readonly results: number;
}

const v128 = 0x7b;

/** Slots of values: a vector takes two. */
export function slotsOf(values: Uint8Array): number {
  return values.reduce((sum, type) => sum + (type === v128 ? 2 : 1), 0);
}

/** Walks the instructions of the function of that type from `start` to `end`, after its locals, which take `localSlots`. Throws UnfitModule. */
export function readBody(
  bytes: Uint8Array,
  start: number,
  end: number,
  type: FunctionType,
  localSlots: number,
  surroundings: Surroundings,
): BodyFacts {
  const walk = new BodyWalk(bytes, start, type, surroundings);
  const reader = new Reader(bytes, start, end);
  walkInstructions(reader, (instruction) => walk.visit(instruction));
  if (!reader.isDone) throw new UnfitModule("notWasm", "a function has instructions after its end");
  return walk.facts(slotsOf(type.params) + localSlots);
}

class BodyWalk {
  readonly #bytes: Uint8Array;
  readonly #surroundings: Surroundings;
  readonly #regions: Region[] = [];
  readonly #blocks: Block[] = [];
  /** Levels of the loops around. */
  readonly #loops: number[] = [];
  /** Where costs go; undefined in code that nothing leads to. */
  #region: Region | undefined;
  #height = 0;
  #heightMax = 0;
  #instructions = 0;
  #calls = false;
  #hasLoop = false;
  #hasBulk = false;
  #hasIndirect = false;
  #catches = false;
  #isUnresettable = false;
  #hasVectors = false;
  readonly #nanKinds = new Set<FloatKind>();

  constructor(bytes: Uint8Array, start: number, type: FunctionType, surroundings: Surroundings) {
    this.#bytes = bytes;
    this.#surroundings = surroundings;
    this.#region = this.#start(start, undefined);
    this.#push(op.block, { params: 0, results: type.results.length });
  }

  facts(variableSlots: number): BodyFacts {
    // Children come after their parents, so a region's own small ones are in it before it is looked at.
    for (const region of this.#regions.toReversed()) {
      const { parent, cost } = region;
      if (parent === undefined || cost > smallRegionFuel || parent.absorbed + cost > absorbedFuelMax) continue;
      parent.cost += cost;
      parent.absorbed += cost;
      region.cost = 0;
    }
    // What calls or loops can go on without end, and is checked each time; what doesn't is over soon, and its caller is checked.
    const isChecked = this.#calls || this.#hasLoop;
    const charges = this.#regions
      .filter(({ cost }) => cost > 0)
      .map(({ at, cost, parent }) => ({ at, cost, isChecked: isChecked && parent === undefined }));
    const operandSlots = this.#heightMax * (this.#hasVectors ? 2 : 1);
    const compilerSlots = Math.floor(this.#instructions / instructionsPerSlot);
    const nanSlots = Array.from(this.#nanKinds, (kind) => (kind === floatKind.f32 || kind === floatKind.f64 ? 1 : 2));
    return {
      charges,
      frameSlots: nanSlots.reduce(
        (sum, slots) => sum + slots,
        frameSlotsMin + variableSlots + operandSlots + compilerSlots,
      ),
      calls: this.#calls,
      hasLoop: this.#hasLoop,
      hasBulk: this.#hasBulk,
      hasIndirect: this.#hasIndirect,
      catches: this.#catches,
      isUnresettable: this.#isUnresettable,
      nanKinds: this.#nanKinds,
    };
  }

  visit(instruction: Instruction): void {
    const { opcode, operand } = instruction;
    const isHostCall = (opcode === op.call || opcode === op.returnCall) && operand < this.#surroundings.importedCount;
    this.#instructions++;
    if (this.#region !== undefined) this.#region.cost += fuelOf(opcode, isHostCall);
    if (opcode > 0xfd_0000) this.#hasVectors = true;
    switch (opcode) {
      case op.block:
        return this.#push(opcode, this.#blockType(operand));
      case op.try:
        this.#catches = true;
        this.#surroundings.usesExceptions("try");
        return this.#push(opcode, this.#blockType(operand));
      case op.loop:
        this.#push(opcode, this.#blockType(operand));
        this.#hasLoop = true;
        if (this.#region !== undefined) this.#region = this.#start(instruction.end, undefined, loopTurnFuel);
        this.#loops.push(this.#blocks.length - 1);
        return;
      case op.if:
        this.#change(-1);
        this.#push(opcode, this.#blockType(operand));
        return this.#divide(instruction.end);
      case op.tryTable: {
        this.#catches = true;
        this.#surroundings.usesExceptions("try_table");
        const level = this.#blocks.length - 1;
        for (const label of catchLabels(this.#bytes, instruction)) this.#branch(level - label);
        return this.#push(opcode, this.#blockType(operand));
      }
      case op.else:
        return this.#arm(instruction.end, this.#top().type.params, true);
      case op.catch:
        return this.#arm(instruction.end, this.#typeOf(this.#surroundings.tags, operand).params.length, false);
      case op.catchAll:
        return this.#arm(instruction.end, 0, false);
      case op.end:
      case op.delegate:
        return this.#pop(instruction.end);
      case op.br:
        this.#branch(this.#level(operand));
        return this.#leave();
      case op.brIf:
        this.#change(-1);
        if (this.#branch(this.#level(operand))) this.#divide(instruction.end);
        return;
      case op.brTable:
        for (const label of tableLabels(this.#bytes, instruction)) this.#branch(this.#level(label));
        return this.#leave();
      case op.return:
      case op.throw:
      case op.rethrow:
      case op.throwRef:
        if (opcode === op.throwRef) this.#surroundings.usesExceptions("try_table");
        this.#branch(0);
        return this.#leave();
      case op.unreachable:
        return this.#leave();
      case op.call:
      case op.returnCall:
        return this.#call(this.#typeOf(this.#surroundings.functions, operand), 0, isHostCall, opcode === op.returnCall);
      case op.callIndirect:
      case op.returnCallIndirect:
        this.#hasIndirect = true;
        return this.#call(this.#typeOf(this.#surroundings.types, operand), 1, false, opcode === op.returnCallIndirect);
      default: {
        const nanKind = nanKindOf(opcode);
        if (nanKind !== undefined) this.#nanKinds.add(nanKind);
        if (bulkCharge(opcode) !== undefined) this.#hasBulk = true;
        if (unresettable.has(opcode)) this.#isUnresettable = true;
        if (
          (opcode === op.refNull && operand === exnref) ||
          (opcode === op.selectTyped && this.#bytes[instruction.end - 1] === exnref)
        )
          this.#surroundings.usesExceptions("try_table");
        this.#change(heightChange(opcode));
      }
    }
  }

  #call(type: FunctionType, index: 0 | 1, isHostCall: boolean, isTail: boolean): void {
    if (!isHostCall) this.#calls = true;
    this.#change(type.results.length - type.params.length - index);
    if (!isTail) return;
    this.#branch(0);
    this.#leave();
  }

  /** A region starts at `at`. With a parent it may be charged there. */
  #start(at: number, parent: Region | undefined, cost = 0): Region {
    const region: Region = { at, cost, absorbed: 0, parent };
    this.#regions.push(region);
    return region;
  }

  /** What follows may be skipped, so it is a region of its own. */
  #divide(at: number): void {
    if (this.#region !== undefined) this.#region = this.#start(at, this.#region);
  }

  #leave(): void {
    this.#region = undefined;
  }

  #push(kind: number, type: Arity): void {
    if (this.#blocks.length > nestingMax) throw new UnfitModule("notWasm", "a function's blocks are nested too deep");
    this.#blocks.push({
      kind,
      base: Math.max(0, this.#height - type.params),
      type,
      before: this.#region,
      isTarget: false,
      leavesTo: this.#blocks.length,
      hasElse: false,
    });
  }

  /** Another way through the innermost block. */
  #arm(at: number, height: number, isElse: boolean): void {
    const block = this.#top();
    if (this.#region !== undefined) block.isTarget = true;
    block.hasElse ||= isElse;
    this.#setHeight(block.base + height);
    this.#region = block.before === undefined ? undefined : this.#start(at, block.before);
  }

  #pop(at: number): void {
    const block = this.#blocks.pop();
    if (block === undefined) throw new UnfitModule("notWasm", "a function has too many ends");
    const level = this.#blocks.length;
    const outer = this.#blocks.at(-1);
    const isLoop = block.kind === op.loop;
    if (isLoop) this.#loops.pop();
    if (outer === undefined) return;
    const isReached =
      this.#region !== undefined ||
      block.isTarget ||
      (block.kind === op.if && !block.hasElse && block.before !== undefined);
    this.#setHeight(block.base + block.type.results);
    const isSkippable = block.leavesTo < level && this.#leavesFor(block.leavesTo);
    if (!isReached || block.before === undefined) this.#region = undefined;
    else this.#region = isSkippable ? this.#start(at, block.before) : block.before;
  }

  /** A branch from here to a level. Like `#leavesFor`, true when what follows here is a region of its own. */
  #branch(level: number): boolean {
    if (this.#region === undefined) return false;
    const target = this.#blocks[level];
    if (target === undefined) throw new UnfitModule("notWasm", "a label names no block");
    if (target.kind !== op.loop) target.isTarget = true;
    return this.#leavesFor(level);
  }

  /**
   * Notes that from within the innermost block a way leads to a level. False when what follows still counts as run: the way leaves the innermost loop, so it is taken once for all
   * of the loop's turns.
   */
  #leavesFor(level: number): boolean {
    const loop = this.#loops.at(-1);
    const leavesLoop = loop !== undefined && level < loop;
    const from = leavesLoop ? this.#blocks[loop] : this.#blocks.at(-1);
    if (from !== undefined) from.leavesTo = Math.min(from.leavesTo, level);
    return !leavesLoop;
  }

  #level(label: number): number {
    return this.#blocks.length - 1 - label;
  }

  #top(): Block {
    const top = this.#blocks.at(-1);
    if (top === undefined) throw new UnfitModule("notWasm", "a function has too many ends");
    return top;
  }

  #change(by: number): void {
    if (this.#region !== undefined) this.#setHeight(this.#height + by);
  }

  #setHeight(height: number): void {
    this.#height = Math.max(0, height);
    if (this.#height > this.#heightMax) this.#heightMax = this.#height;
  }

  #typeOf(types: readonly FunctionType[], index: number): FunctionType {
    const type = types[index];
    if (type === undefined) throw new UnfitModule("notWasm", "an index names nothing");
    return type;
  }

  #blockType(type: number): Arity {
    if (type === exnrefBlock) this.#surroundings.usesExceptions("try_table");
    if (type < 0) return type === -64 ? { params: 0, results: 0 } : { params: 0, results: 1 };
    const { params, results } = this.#typeOf(this.#surroundings.types, type);
    return { params: params.length, results: results.length };
  }
}
