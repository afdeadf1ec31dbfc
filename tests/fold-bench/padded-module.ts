/**
 * Guests of any size: a real module without its custom sections, and behind its functions as many generated ones as it takes, no two alike. Each has straight-line arithmetic, a loop, a load and a
 * call; a start function calls every tenth, and with those the ones that they call, as a program comes by a part of what it is linked from. Results don't change.
 */
import { counted, moduleOf, sections, uleb } from "../guests/bytes.ts";

const startSection = 8;
const i32 = 0x7f;
/** Every how many generated functions one is called by the start function. */
const calledEvery = 10;

/** The module, padded to at least `bytesMin` bytes if it isn't that large by itself. */
export function paddedModule(module: Uint8Array, bytesMin: number): Uint8Array {
  const parts = readSections(module);
  const types = vector(parts, sections.type);
  const functions = vector(parts, sections.function);
  const bodiesBefore = vector(parts, sections.code);
  const numbered = vector(parts, sections.import).count + functions.count;
  const bodies: number[][] = [];
  for (let size = 0; size + module.length < bytesMin; size += bodies.at(-1)?.length ?? 0) {
    bodies.push(generated(bodies.length, numbered));
  }
  const paddedType = types.count;
  const startType = types.count + 1;
  const start = startBody(parts.get(startSection) ?? [], bodies.length, numbered);
  const padded = new Map<number, Iterable<number>>([
    ...parts,
    [sections.type, [...uleb(types.count + 2), ...types.items, 0x60, 1, i32, 1, i32, 0x60, 0, 0]],
    [
      sections.function,
      [
        ...uleb(functions.count + bodies.length + 1),
        ...functions.items,
        ...bodies.flatMap(() => uleb(paddedType)),
        ...uleb(startType),
      ],
    ],
    [startSection, uleb(numbered + bodies.length)],
    [
      sections.code,
      [...uleb(bodiesBefore.count + bodies.length + 1), ...bodiesBefore.items, ...bodies.flat(), ...start],
    ],
  ]);
  return moduleOf(...[...padded].toSorted(([a], [b]) => place(a) - place(b)));
}

/** Where a section stands: the count of data segments comes before the code. */
function place(section: number): number {
  return section === 12 ? sections.code - 0.5 : section;
}

/** Instructions, with a place where one has a fixed one: the parameter is local 0, what is computed local 1, and local 2 counts. */
const code = {
  getParameter: [0x20, 0],
  getValue: [0x20, 1],
  setValue: [0x21, 1],
  getCount: [0x20, 2],
  setCount: [0x21, 2],
  teeCount: [0x22, 2],
  load: [0x28, 2, 0],
  loop: [0x03, 0x40],
  again: [0x0d, 0],
  if: [0x04, 0x40],
  else: [0x05],
  end: [0x0b],
  drop: [0x1a],
  add: [0x6a],
  sub: [0x6b],
  mul: [0x6c],
  and: [0x71],
  xor: [0x73],
  rotate: [0x77],
} as const;
const constant = (value: number) => [0x41, ...sleb(value)];
const call = (target: number) => [0x10, ...uleb(target)];
const mixing = [code.add, code.mul, code.xor, code.rotate] as const;

/** Function `index` of `(i32) -> i32`. */
function generated(index: number, first: number): number[] {
  let seed = Math.imul(index + 1, 0x9e3779b1) >>> 0;
  const next = (below: number) => (seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0) % below;
  const step = () => [
    ...code.getValue,
    ...constant(next(2 ** 31)),
    ...(mixing[next(4)] ?? code.add),
    ...code.getParameter,
    ...code.add,
    ...code.setValue,
  ];
  const steps = (count: number) => Array.from({ length: count }, step);
  // A tree of calls, so that none goes deep.
  const calling = index === 0 ? [] : [code.getValue, call(first + ((index - 1) >> 1)), code.setValue];
  const loading = [code.getValue, constant(0xffc), code.and, code.load, code.getValue, code.xor, code.setValue];
  const loop = [constant(1 + next(7)), code.setCount, code.loop, ...steps(2 + next(6))];
  const again = [code.getCount, constant(1), code.sub, code.teeCount, code.again, code.end];
  const odd = [code.getValue, constant(1), code.and, code.if, ...steps(1 + next(4)), code.else];
  const even = [...steps(1 + next(4)), code.end];
  const result = [code.getValue, code.end];
  const body = [...steps(3 + next(8)), ...loading, ...loop, ...again, ...odd, ...even, ...calling, ...result];
  return counted([1, 2, i32, ...body.flat()]);
}

/** Calls what the module started with, then every tenth of the generated functions. */
function startBody(before: readonly number[], generatedCount: number, first: number): number[] {
  const calls: number[] = before.length === 0 ? [] : [0x10, ...before];
  for (let index = 0; index < generatedCount; index += calledEvery) {
    calls.push(...constant(index), ...call(first + index), ...code.drop);
  }
  return counted([0, ...calls, ...code.end]);
}

/** A signed LEB128 number, from 0. */
function sleb(value: number): number[] {
  return value < 64 ? [value] : [(value % 128) + 128, ...sleb(Math.floor(value / 128))];
}

/** Bodies by section, custom ones left out. */
function readSections(module: Uint8Array): Map<number, number[]> {
  const parts = new Map<number, number[]>();
  for (let at = 8; at < module.length;) {
    const id = module[at] as number;
    const { value: length, end } = readUleb(module, at + 1);
    if (id !== sections.custom) parts.set(id, [...module.subarray(end, end + length)]);
    at = end + length;
  }
  return parts;
}

function vector(parts: ReadonlyMap<number, readonly number[]>, section: number): { count: number; items: number[] } {
  const body = parts.get(section);
  if (body === undefined) return { count: 0, items: [] };
  const { value, end } = readUleb(body, 0);
  return { count: value, items: body.slice(end) };
}

function readUleb(bytes: ArrayLike<number>, from: number): { value: number; end: number } {
  let value = 0;
  let at = from;
  for (let scale = 1; ; scale *= 128) {
    const byte = bytes[at++] as number;
    value += (byte % 128) * scale;
    if (byte < 128) return { value, end: at };
  }
}
