/**
 * Makes NaNs canonical: finds the float operations of a function's body behind which a NaN has to be given its one bit pattern, and writes what does that.
 *
 * WebAssembly leaves the sign and the payload of a NaN that arithmetic makes to the machine, and V8's tiers differ in them. Whatever can *move* bits (loads, constants, locals, `select`, `neg`, `abs`, `copysign`,
 * reinterpretation, pmin and pmax, lanes) is fixed by the specification and stays as it is, so a guest that keeps values of its own in the payloads of NaNs is not disturbed. Canonical is what is positive and has the
 * highest bit of the payload alone: 0x7fc00000, 0x7ff8000000000000.
 *
 * An operation is left as it is where nothing can see its NaN's bits: where all that its result ever comes to is arithmetic, a comparison or a conversion to an integer of the same width, directly or through locals.
 * The analysis follows each value of the operand stack to its uses, and takes all that a local ever holds for one value. A block's parameters and results, calls, memory and globals see bits.
 *
 * Source: WebAssembly Core Specification 2.0, section 4.3.3 (NaN propagation).
 */
import type { FunctionType, Surroundings } from "./body.ts";
import { floatKind, floatRole, inSimd, span, use, type FloatKind } from "./float-facts.ts";
import { heightChange } from "./instruction-facts.ts";
import { catchLabels, op, tableLabels, walkInstructions, type Instruction } from "./instructions.ts";
import { Reader, UnfitModule } from "./reader.ts";
import type { Writer } from "./writer.ts";

/** Behind the instruction that ends at `at`, the result is made canonical. */
export interface NanFix {
  readonly at: number;
  readonly kind: FloatKind;
}

/** Instructions without control flow that give no result. */
const withoutResult = new Set<number>([
  op.nop,
  op.drop,
  op.localSet,
  op.globalSet,
  op.tableSet,
  ...span(0x36, 0x3e),
  op.memoryInit,
  op.dataDrop,
  op.memoryCopy,
  op.memoryFill,
  op.tableInit,
  op.elemDrop,
  op.tableCopy,
  op.tableFill,
  ...inSimd(0x0b, 0x58, 0x59, 0x5a, 0x5b),
]);

/**
 * Where NaNs are made canonical in the function of that type whose instructions stand from `start` to `end`, after its locals, of which there are so many (parameters not counted). In the order of their places.
 * The instructions must have been read once without a fault (readBody). Throws UnfitModule.
 */
export function nanFixes(
  bytes: Uint8Array,
  start: number,
  end: number,
  type: FunctionType,
  localCount: number,
  surroundings: Surroundings,
): NanFix[] {
  const walk = new NanWalk(bytes, type, localCount, surroundings);
  walkInstructions(new Reader(bytes, start, end), (instruction) => walk.visit(instruction));
  return walk.fixes();
}

interface Block {
  readonly kind: number;
  readonly base: number;
  readonly params: number;
  readonly results: number;
}

/** A value that makes no NaN and comes from none. */
const plain = 0;

/** Follows values: each is a *node*, and so is each local. An edge says that what sees the one sees the other. */
class NanWalk {
  readonly #bytes: Uint8Array;
  readonly #surroundings: Surroundings;
  readonly #stack: number[] = [];
  readonly #blocks: Block[];
  /** How each node is used; the node `plain`, then the locals, then values. */
  readonly #uses: number[];
  /** Nodes whose bits are a node's. */
  readonly #sources: (number[] | undefined)[] = [];
  readonly #made: { readonly node: number; readonly fix: NanFix }[] = [];
  /** In code that nothing leads to: how many blocks were opened in it. Undefined elsewhere. */
  #dead: number | undefined;

  constructor(bytes: Uint8Array, type: FunctionType, localCount: number, surroundings: Surroundings) {
    this.#bytes = bytes;
    this.#surroundings = surroundings;
    this.#uses = Array.from<number>({ length: 1 + type.params.length + localCount }).fill(0);
    this.#blocks = [{ kind: op.block, base: 0, params: 0, results: type.results.length }];
  }

  fixes(): NanFix[] {
    const changed = this.#uses.flatMap((uses, node) => (uses === 0 ? [] : [node]));
    for (let node = changed.pop(); node !== undefined; node = changed.pop()) {
      const uses = this.#uses[node] as number;
      for (const source of this.#sources[node] ?? []) {
        if (this.#use(source, uses)) changed.push(source);
      }
    }
    const sees = (node: number, kind: FloatKind) => ((this.#uses[node] as number) & ~widthOf(kind)) !== 0;
    return this.#made.filter(({ node, fix }) => sees(node, fix.kind)).map(({ fix }) => fix);
  }

  visit(instruction: Instruction): void {
    const { opcode, operand } = instruction;
    if (this.#dead !== undefined && !this.#revives(opcode)) return;
    switch (opcode) {
      case op.block:
      case op.loop:
      case op.try:
      case op.tryTable:
        if (opcode === op.tryTable) this.#branchAll(catchLabels(this.#bytes, instruction));
        return this.#open(opcode, operand);
      case op.if:
        this.#pop();
        return this.#open(opcode, operand);
      case op.else:
        return this.#arm(this.#top().params);
      case op.catch:
        return this.#arm(typeAt(this.#surroundings.tags, operand).params.length);
      case op.catchAll:
        return this.#arm(0);
      case op.end:
      case op.delegate:
        return this.#close();
      case op.br:
        this.#branch(operand);
        return this.#leave();
      case op.brIf:
        this.#pop();
        return this.#branch(operand);
      case op.brTable:
        this.#pop();
        this.#branchAll(tableLabels(this.#bytes, instruction));
        return this.#leave();
      case op.return:
        this.#branch(this.#blocks.length - 1);
        return this.#leave();
      case op.throw:
        this.#see(typeAt(this.#surroundings.tags, operand).params.length);
        return this.#leave();
      case op.rethrow:
      case op.throwRef:
      case op.unreachable:
        return this.#leave();
      case op.call:
      case op.returnCall:
        return this.#call(typeAt(this.#surroundings.functions, operand), opcode === op.returnCall);
      case op.callIndirect:
      case op.returnCallIndirect:
        this.#pop();
        return this.#call(typeAt(this.#surroundings.types, operand), opcode === op.returnCallIndirect);
      default:
        this.#compute(instruction);
    }
  }

  #compute({ opcode, operand, end }: Instruction): void {
    switch (opcode) {
      case op.localGet:
        this.#stack.push(1 + operand);
        return;
      case op.localSet:
        return this.#link(1 + operand, this.#pop());
      case op.localTee:
        return this.#link(1 + operand, this.#stack.at(-1) ?? plain);
      case op.drop:
        this.#pop();
        return;
      case op.select:
      case op.selectTyped:
        this.#pop();
        return this.#move(2, 0);
      case op.f32Copysign:
      case op.f64Copysign:
        // The sign of a NaN comes to be that of a number.
        this.#use(this.#pop(), use.bits);
        return this.#move(1, opcode === op.f32Copysign ? use.of32 : use.of64);
    }
    const role = floatRole(opcode);
    if (role === undefined) {
      const hasResult = !withoutResult.has(opcode);
      for (let left = (hasResult ? 1 : 0) - heightChange(opcode); left > 0; left--) this.#use(this.#pop(), use.bits);
      if (hasResult) this.#stack.push(plain);
      return;
    }
    if (role.does === "move") return this.#move(role.operands, role.uses);
    for (let left = role.operands; left > 0; left--) this.#use(this.#pop(), role.uses);
    if (role.does === "look") this.#stack.push(plain);
    else {
      const node = this.#node();
      this.#made.push({ node, fix: { at: end, kind: role.kind } });
      this.#stack.push(node);
    }
  }

  /** A value that is made of so many on the stack. */
  #move(operands: number, uses: number): void {
    const node = this.#node();
    for (let left = operands; left > 0; left--) {
      const source = this.#pop();
      this.#use(source, uses);
      this.#link(node, source);
    }
    this.#stack.push(node);
  }

  #node(): number {
    return this.#uses.push(0) - 1;
  }

  /** What sees the one sees the other. */
  #link(node: number, source: number): void {
    if (source === plain || source === node) return;
    const sources = this.#sources[node];
    if (sources === undefined) this.#sources[node] = [source];
    else sources.push(source);
  }

  /** True when the node was not used so before. */
  #use(node: number, uses: number): boolean {
    const before = this.#uses[node] as number;
    if (node === plain || (before | uses) === before) return false;
    this.#uses[node] = before | uses;
    return true;
  }

  #pop(): number {
    const node = this.#stack.pop();
    if (node === undefined) throw new UnfitModule("notWasm", "an instruction finds too few operands");
    return node;
  }

  /** The bits of so many values on top of the stack are seen. */
  #see(count: number): void {
    const top = this.#stack.length;
    for (let at = Math.max(this.#top().base, top - count); at < top; at++)
      this.#use(this.#stack[at] as number, use.bits);
  }

  #branch(label: number): void {
    const block = this.#blocks[this.#blocks.length - 1 - label];
    if (block === undefined) throw new UnfitModule("notWasm", "a label names no block");
    this.#see(block.kind === op.loop ? block.params : block.results);
  }

  #branchAll(labels: Iterable<number>): void {
    for (const label of labels) this.#branch(label);
  }

  #call({ params, results }: FunctionType, isTail: boolean): void {
    this.#see(params.length);
    if (isTail) return this.#leave();
    this.#setHeight(this.#stack.length - params.length);
    this.#setHeight(this.#stack.length + results.length);
  }

  #open(kind: number, type: number): void {
    const { params, results } = arityOf(type, this.#surroundings);
    this.#see(params);
    const base = Math.max(0, this.#stack.length - params);
    this.#blocks.push({ kind, base, params, results });
    this.#setHeight(base);
    this.#setHeight(base + params);
  }

  #arm(values: number): void {
    const { base, results } = this.#top();
    this.#see(results);
    this.#setHeight(base);
    this.#setHeight(base + values);
  }

  #close(): void {
    const { base, results } = this.#top();
    this.#see(results);
    this.#blocks.pop();
    this.#setHeight(base);
    this.#setHeight(base + results);
  }

  #leave(): void {
    this.#setHeight(this.#top().base);
    this.#dead = 0;
  }

  /** In code that nothing leads to: true where it ends. */
  #revives(opcode: number): boolean {
    const opened = this.#dead as number;
    switch (opcode) {
      case op.block:
      case op.loop:
      case op.if:
      case op.try:
      case op.tryTable:
        this.#dead = opened + 1;
        return false;
      case op.else:
      case op.catch:
      case op.catchAll:
        if (opened > 0) return false;
        break;
      case op.end:
      case op.delegate:
        if (opened > 0) {
          this.#dead = opened - 1;
          return false;
        }
        break;
      default:
        return false;
    }
    this.#dead = undefined;
    return true;
  }

  #top(): Block {
    const top = this.#blocks.at(-1);
    if (top === undefined) throw new UnfitModule("notWasm", "a function has too many ends");
    return top;
  }

  /** What is added are values that make no NaN. */
  #setHeight(height: number): void {
    while (this.#stack.length > height) this.#stack.pop();
    while (this.#stack.length < height) this.#stack.push(plain);
  }
}

function widthOf(kind: FloatKind): number {
  return kind === floatKind.f32 || kind === floatKind.f32x4 ? use.of32 : use.of64;
}

function arityOf(type: number, { types }: Surroundings): { readonly params: number; readonly results: number } {
  if (type < 0) return { params: 0, results: type === -64 ? 0 : 1 };
  const { params, results } = typeAt(types, type);
  return { params: params.length, results: results.length };
}

function typeAt(types: readonly FunctionType[], index: number): FunctionType {
  const type = types[index];
  if (type === undefined) throw new UnfitModule("notWasm", "an index names nothing");
  return type;
}

/** Type of the local that a fix of this kind needs: f32, f64, v128. */
export const fixLocalType = {
  [floatKind.f32]: 0x7d,
  [floatKind.f64]: 0x7c,
  [floatKind.f32x4]: 0x7b,
  [floatKind.f64x2]: 0x7b,
} as const;

const canonical32 = [0x00, 0x00, 0xc0, 0x7f];
const canonical64 = [0, 0, 0, 0, 0, 0, 0xf8, 0x7f];
const canonicalConstant = {
  [floatKind.f32]: Uint8Array.of(0x43, ...canonical32),
  [floatKind.f64]: Uint8Array.of(0x44, ...canonical64),
  [floatKind.f32x4]: Uint8Array.of(0xfd, 0x0c, ...canonical32, ...canonical32, ...canonical32, ...canonical32),
  [floatKind.f64x2]: Uint8Array.of(0xfd, 0x0c, ...canonical64, ...canonical64),
} as const;
/**
 * Chooses between the value and the canonical one: for a scalar `le` and `select` (a number is at most itself; one jump in V8's code, where `eq` takes two), for a vector `eq` and `bitselect`.
 */
const choice = {
  [floatKind.f32]: Uint8Array.of(0x5f, 0x1b),
  [floatKind.f64]: Uint8Array.of(0x65, 0x1b),
  [floatKind.f32x4]: Uint8Array.of(0xfd, 0x41, 0xfd, 0x52),
  [floatKind.f64x2]: Uint8Array.of(0xfd, 0x47, 0xfd, 0x52),
} as const;

/** Makes the value on top of the stack canonical, by way of a local of its type. */
export function writeFix(into: Writer, kind: FloatKind, local: number): void {
  into.byte(op.localTee);
  into.u32(local);
  into.bytes(canonicalConstant[kind]);
  into.byte(op.localGet);
  into.u32(local);
  into.byte(op.localGet);
  into.u32(local);
  into.bytes(choice[kind]);
}
