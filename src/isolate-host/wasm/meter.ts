/**
 * Writes function bodies anew so that they count fuel and depth (what is counted: body.ts) and make no NaN but the canonical one (canonical-nan.ts).
 *
 * **Fuel** is a mutable global of type i64 that starts at the limit and falls; below zero it is spent. Checked charges trap then, by `unreachable`: no guest can catch a trap. The other charges only
 * subtract, so whoever runs the guest looks at the global in the end, too. A function with a loop, and without handlers of exceptions, keeps the fuel in a local, written back wherever
 * the module's other functions or the host could see it; a trap of the guest's own inside such a function leaves the last written value, which is as deterministic.
 *
 * **Depth** is one more parameter of every function of the module, the last: the slots that are left below the caller. So nothing has to be restored, whichever way a function is left
 * (return, branch, tail call, exception), and it lives in a register. A function that needs more than is left marks the fuel with `depthMark` and traps. Functions that call nothing of
 * the module and are small are not checked: the native stack has room for one. The host's functions keep their types: where one is used as a value, a function of the module stands for it
 * (module.ts). With the added parameter all locals behind the parameters move up by one.
 */
import {
  exnref,
  readBody,
  slotsOf,
  type BodyFacts,
  type Charge,
  type FunctionType,
  type Surroundings,
} from "./body.ts";
import { fixLocalType, nanFixes, writeFix, type NanFix } from "./canonical-nan.ts";
import type { FloatKind } from "./float-facts.ts";
import { bulkBytesShift, bulkCharge, bulkElementsShift } from "./instruction-facts.ts";
import { checkValue, op, walkInstructions, type Instruction } from "./instructions.ts";
import { Reader, UnfitModule } from "./reader.ts";
import { Writer } from "./writer.ts";

/** What is written into functions. All of it, except where the costs are measured apart, or where it is shown what each is for. */
export interface Metering {
  readonly fuel: boolean;
  readonly depth: boolean;
  /** NaNs that arithmetic makes are canonical. */
  readonly nan: boolean;
}

/** What bodies are written against. */
export interface MeterContext extends Surroundings {
  readonly metering: Metering;
  readonly fuelGlobal: number;
  /** Index of the type with the added parameter, for a type. */
  readonly meteredType: (type: number) => number;
  /** The function that stands for a function as a value. */
  readonly asValue: (func: number) => number;
  /** Index of a type without parameters and with these results. */
  readonly blockType: (results: Uint8Array) => number;
}

export const valueType = { i32: 0x7f, i64: 0x7e } as const;
const emptyBlock = 0x40;
/** Or-ed to the fuel when the depth was exceeded: far below whatever a fuel that is spent can come to. */
export const depthMark = -(2 ** 62);
/** Slots of a function that calls nothing, up to which its depth isn't looked at. */
const uncheckedLeafSlotsMax = 256;
/** Locals of a function: V8's bound is 50,000, which must never be seen. */
const localsMax = 40_000;

/**
 * Writes the body at `start` to `end` of a function of that type: locals and instructions. True when the function changes what no reset of an instance can reach.
 * Throws UnfitModule.
 */
export function meterBody(
  bytes: Uint8Array,
  start: number,
  end: number,
  type: FunctionType,
  context: MeterContext,
  into: Writer,
): boolean {
  const { metering } = context;
  const locals = readLocals(new Reader(bytes, start, end));
  if (locals.hasExceptions) context.usesExceptions("try_table");
  const facts = readBody(bytes, locals.end, end, type, locals.slots, context);
  const params = type.params.length;
  const added = metering.depth ? 1 : 0;
  const holdsFuel = metering.fuel && facts.hasLoop && !facts.catches;
  const hasFuelLocal = metering.fuel && (holdsFuel || facts.hasBulk || facts.charges.some((each) => each.isChecked));
  const hasScratch = (metering.depth && facts.hasIndirect) || (metering.fuel && facts.hasBulk);
  const fixes =
    metering.nan && facts.nanKinds.size > 0 ? nanFixes(bytes, locals.end, end, type, locals.count, context) : [];
  const fixTypes = [...new Set(fixes.map(({ kind }) => fixLocalType[kind]))];
  const groups = locals.groups + (hasFuelLocal ? 1 : 0) + (hasScratch ? 1 : 0) + fixTypes.length;
  into.u32(groups);
  into.slice(bytes, locals.start, locals.end);
  const fuelLocal = params + added + locals.count;
  if (hasFuelLocal) writeGroup(into, valueType.i64);
  if (hasScratch) writeGroup(into, valueType.i32);
  for (const each of fixTypes) writeGroup(into, each);
  const scratchLocal = fuelLocal + (hasFuelLocal ? 1 : 0);
  const writing: Writing = {
    bytes,
    into,
    facts,
    context,
    depthLocal: params,
    shiftFrom: metering.depth ? params : Infinity,
    fuelLocal,
    holdsFuel,
    scratchLocal,
    fixes,
    fixLocal: (kind) => scratchLocal + (hasScratch ? 1 : 0) + fixTypes.indexOf(fixLocalType[kind]),
  };
  if (metering.depth) writeDepthCheck(writing);
  if (holdsFuel) {
    into.byte(op.globalGet);
    into.u32(context.fuelGlobal);
    into.byte(op.localSet);
    into.u32(fuelLocal);
    // A branch to the function's own label ends here too, where the fuel is written back.
    into.byte(op.block);
    writeBlockType(into, type.results, context);
  }
  writeInstructions(writing, locals.end, end);
  if (holdsFuel) {
    writeFuelBack(writing);
    into.byte(op.end);
  }
  return facts.isUnresettable;
}

/** What a fuel global says after an execution: what was spent of the limit, and which limit was passed, if any. */
export function fuelLeft(
  fuel: WebAssembly.Global,
  fuelMax: number,
): { readonly spent: number; readonly passed: "fuel" | "depth" | undefined } {
  const left = Number(fuel.value);
  if (left >= 0) return { spent: fuelMax - left, passed: undefined };
  // Never so far below zero by spending: a charge that isn't checked is bounded by a function's length.
  if (left < depthMark / 2) return { spent: fuelMax - Number(BigInt(fuel.value) - BigInt(depthMark)), passed: "depth" };
  return { spent: fuelMax, passed: "fuel" };
}

/** A function that calls another one with the whole depth: for those who call the module from outside. */
export function writeEntry(into: Writer, params: number, func: number, depthSlotsMax: number): void {
  into.u32(0);
  writeParameters(into, params);
  into.byte(op.i32Const);
  into.signed(depthSlotsMax);
  into.byte(op.call);
  into.u32(func);
  into.byte(op.end);
}

/** A function of the module that stands for one of the host: it takes the depth, and drops it. */
export function writeStandIn(into: Writer, params: number, func: number): void {
  into.u32(0);
  writeParameters(into, params);
  into.byte(op.call);
  into.u32(func);
  into.byte(op.end);
}

function writeParameters(into: Writer, params: number): void {
  for (let index = 0; index < params; index++) {
    into.byte(op.localGet);
    into.u32(index);
  }
}

interface Locals {
  readonly groups: number;
  readonly count: number;
  readonly slots: number;
  /** References to exceptions are among them. */
  readonly hasExceptions: boolean;
  /** Where the groups start and end. */
  readonly start: number;
  readonly end: number;
}

function readLocals(reader: Reader): Locals {
  const groups = reader.count();
  const start = reader.at;
  let count = 0;
  let slots = 0;
  let hasExceptions = false;
  for (let left = groups; left > 0; left--) {
    const repeated = reader.u32();
    count += repeated;
    const type = reader.byte();
    checkValue(type);
    if (type === exnref) hasExceptions = true;
    slots += repeated * slotsOf(Uint8Array.of(type));
  }
  if (count > localsMax) throw new UnfitModule("notWasm", `a function has more than ${localsMax} locals`);
  return { groups, count, slots, hasExceptions, start, end: reader.at };
}

function writeGroup(into: Writer, type: number): void {
  into.u32(1);
  into.byte(type);
}

function writeBlockType(into: Writer, results: Uint8Array, context: MeterContext): void {
  if (results.length === 0) into.byte(emptyBlock);
  else if (results.length === 1) into.byte(results[0] as number);
  else into.signed(context.blockType(results));
}

interface Writing {
  readonly bytes: Uint8Array;
  readonly into: Writer;
  readonly facts: BodyFacts;
  readonly context: MeterContext;
  readonly depthLocal: number;
  /** Locals from here on move up. */
  readonly shiftFrom: number;
  readonly fuelLocal: number;
  /** The fuel is in its local, and the global is behind. */
  readonly holdsFuel: boolean;
  readonly scratchLocal: number;
  readonly fixes: readonly NanFix[];
  /** The local by way of which a NaN of a kind is made canonical. */
  readonly fixLocal: (kind: FloatKind) => number;
}

function writeInstructions(writing: Writing, start: number, end: number): void {
  const { bytes, into, facts, context, fixes } = writing;
  const charges = context.metering.fuel ? facts.charges : [];
  let next = 0;
  let copied = start;
  const chargeAt = (at: number) => {
    const charge = charges[next];
    if (charge?.at !== at) return;
    into.slice(bytes, copied, at);
    copied = at;
    writeCharge(writing, charge);
    next++;
  };
  let nextFix = 0;
  const fixAt = (at: number) => {
    const fix = fixes[nextFix];
    if (fix?.at !== at) return;
    into.slice(bytes, copied, at);
    copied = at;
    writeFix(into, fix.kind, writing.fixLocal(fix.kind));
    nextFix++;
  };
  chargeAt(start);
  walkInstructions(new Reader(bytes, start, end), (instruction) => {
    if (needsRewriting(instruction, writing)) {
      into.slice(bytes, copied, instruction.start);
      copied = instruction.end;
      writeInstruction(writing, instruction);
    }
    fixAt(instruction.end);
    chargeAt(instruction.end);
  });
  into.slice(bytes, copied, end);
}

function needsRewriting({ opcode, operand }: Instruction, { context, shiftFrom, holdsFuel }: Writing): boolean {
  const { fuel, depth } = context.metering;
  switch (opcode) {
    case op.localGet:
    case op.localSet:
    case op.localTee:
      return operand >= shiftFrom;
    case op.call:
    case op.returnCall:
    case op.callIndirect:
    case op.returnCallIndirect:
      return depth || holdsFuel;
    case op.return:
    case op.throw:
    case op.rethrow:
    case op.throwRef:
      return holdsFuel;
    case op.refFunc:
      return depth;
    default:
      return fuel && bulkCharge(opcode) !== undefined;
  }
}

function writeInstruction(writing: Writing, instruction: Instruction): void {
  const { bytes, into, context, holdsFuel } = writing;
  const { opcode, operand, start, end } = instruction;
  const copy = () => into.slice(bytes, start, end);
  switch (opcode) {
    case op.localGet:
    case op.localSet:
    case op.localTee:
      into.byte(opcode);
      into.u32(operand + 1);
      return;
    case op.call:
    case op.returnCall: {
      const isOwn = operand >= context.importedCount;
      if (holdsFuel) writeFuelBack(writing);
      if (isOwn) writeDepthArgument(writing, opcode === op.returnCall);
      copy();
      if (holdsFuel && opcode === op.call && isOwn) writeFuelReload(writing);
      return;
    }
    case op.callIndirect:
    case op.returnCallIndirect:
      if (holdsFuel) writeFuelBack(writing);
      writeIndirectCall(writing, instruction);
      if (holdsFuel && opcode === op.callIndirect) writeFuelReload(writing);
      return;
    case op.return:
    case op.throw:
    case op.rethrow:
    case op.throwRef:
      writeFuelBack(writing);
      copy();
      return;
    case op.refFunc:
      into.byte(opcode);
      into.u32(context.asValue(operand));
      return;
    default:
      writeBulkCharge(writing, opcode);
      copy();
  }
}

function writeDepthCheck(writing: Writing): void {
  const { into, facts, context, depthLocal } = writing;
  if (!facts.calls && facts.frameSlots <= uncheckedLeafSlotsMax) return;
  into.byte(op.localGet);
  into.u32(depthLocal);
  into.byte(op.i32Const);
  into.signed(facts.frameSlots);
  into.byte(op.i32LtU);
  into.byte(op.if);
  into.byte(emptyBlock);
  into.byte(op.globalGet);
  into.u32(context.fuelGlobal);
  into.byte(op.i64Const);
  into.signed(depthMark);
  into.byte(op.i64Or);
  into.byte(op.globalSet);
  into.u32(context.fuelGlobal);
  into.byte(op.unreachable);
  into.byte(op.end);
}

/** What is left below this function; a tail call's function takes its place. */
function writeDepthArgument(writing: Writing, isTail: boolean): void {
  const { into, facts, context, depthLocal } = writing;
  if (!context.metering.depth) return;
  into.byte(op.localGet);
  into.u32(depthLocal);
  if (isTail) return;
  into.byte(op.i32Const);
  into.signed(facts.frameSlots);
  into.byte(op.i32Sub);
}

function writeIndirectCall(writing: Writing, { opcode, operand, start, end }: Instruction): void {
  const { bytes, into, context, scratchLocal } = writing;
  if (!context.metering.depth) return into.slice(bytes, start, end);
  into.byte(op.localSet);
  into.u32(scratchLocal);
  writeDepthArgument(writing, opcode === op.returnCallIndirect);
  into.byte(op.localGet);
  into.u32(scratchLocal);
  const table = new Reader(bytes, start + 1, end);
  table.u32();
  into.byte(opcode);
  into.u32(context.meteredType(operand));
  into.u32(table.u32());
}

function writeCharge(writing: Writing, { cost, isChecked }: Charge): void {
  const { into, fuelLocal, holdsFuel } = writing;
  writeFuelGet(writing);
  into.byte(op.i64Const);
  into.signed(cost);
  into.byte(op.i64Sub);
  if (holdsFuel && !isChecked) {
    into.byte(op.localSet);
    into.u32(fuelLocal);
  } else writeFuelSet(writing, isChecked);
}

/** Charges what the length on top of the stack says, and leaves it there. */
function writeBulkCharge(writing: Writing, opcode: number): void {
  const { into, scratchLocal } = writing;
  into.byte(op.localSet);
  into.u32(scratchLocal);
  writeFuelGet(writing);
  into.byte(op.localGet);
  into.u32(scratchLocal);
  into.byte(op.i64ExtendI32U);
  const isBytes = bulkCharge(opcode) === "bytes";
  into.byte(op.i64Const);
  into.signed(isBytes ? bulkBytesShift : bulkElementsShift);
  into.byte(isBytes ? op.i64ShrU : op.i64Shl);
  into.byte(op.i64Sub);
  writeFuelSet(writing, true);
  into.byte(op.localGet);
  into.u32(scratchLocal);
}

function writeFuelGet({ into, context, fuelLocal, holdsFuel }: Writing): void {
  into.byte(holdsFuel ? op.localGet : op.globalGet);
  into.u32(holdsFuel ? fuelLocal : context.fuelGlobal);
}

/** Keeps the fuel on top of the stack; checked, the guest ends when it is below zero. */
function writeFuelSet(writing: Writing, isChecked: boolean): void {
  const { into, context, fuelLocal, holdsFuel } = writing;
  if (!isChecked) {
    into.byte(op.globalSet);
    into.u32(context.fuelGlobal);
    return;
  }
  into.byte(op.localTee);
  into.u32(fuelLocal);
  if (!holdsFuel) {
    into.byte(op.globalSet);
    into.u32(context.fuelGlobal);
    into.byte(op.localGet);
    into.u32(fuelLocal);
  }
  into.byte(op.i64Const);
  into.signed(0);
  into.byte(op.i64LtS);
  into.byte(op.if);
  into.byte(emptyBlock);
  if (holdsFuel) writeFuelBack(writing);
  into.byte(op.unreachable);
  into.byte(op.end);
}

function writeFuelBack({ into, context, fuelLocal }: Writing): void {
  into.byte(op.localGet);
  into.u32(fuelLocal);
  into.byte(op.globalSet);
  into.u32(context.fuelGlobal);
}

function writeFuelReload({ into, context, fuelLocal }: Writing): void {
  into.byte(op.globalGet);
  into.u32(context.fuelGlobal);
  into.byte(op.localSet);
  into.u32(fuelLocal);
}
