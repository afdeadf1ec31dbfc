/* oxlint-disable typescript/unbound-method -- methods are taken apart from their objects on purpose: what an object of a guest says of itself is not asked */
/**
 * Guests' jobs inside the sealed isolate: the `job` object that a module's default export is called with, the order in which its promises settle, and the child's end of the protocol. Runs after realm.ts
 * has frozen everything that is shared, so the built-ins used here are what they were.
 *
 * One job has its turn at a time: from a message of the host until the microtask queue is empty and `endTurn` has said how the turn ended. In between nothing else runs, so `current` is the job whose code runs.
 *
 * Promises settle one at a time, lowest call first, and only when the queue is empty: `endTurn` is called then, settles one, and is called again. Calls that have no outcome yet go to the host together, once
 * every outcome that is here was told.
 */
import {
  answerStatus,
  failedCodes,
  fromChild,
  fromHost,
  headerBytes,
  kindCodes,
  MessageReader,
  messageBytesMax,
  readUtf8,
  smallBlobBytes,
  utf8BytesMost,
  writeNumber,
  writeUtf8,
} from "../protocol.ts";
import { canonicalJson, UnfitJson } from "../../../abi/canonical-json.ts";
import { endLengthAt, halfBytes, type ModuleFactory, type Ports } from "./ports.ts";
import { sealRealm, show, typedArrayName, viewOf, type Virtual } from "./realm.ts";

const oidBytes = 20;
const blockBytes = 32;
/** How deep a value may be nested that becomes trees. */
const valueNestingMax = 256;

type Kind = "blob" | "tree";

/** An object of the store as guests hold it: made here alone, so that a result that is one can't be mistaken for a plain object. */
interface Ref {
  readonly kind: Kind;
  readonly oid: string;
  readonly mode: string;
}
/** Marks them with a private field, which no guest sees; a WeakSet of all would take a twentieth of a small job's time, most of it the collector's. */
class Brand extends (function (given: object) {
  return given;
} as unknown as new (given: object) => object) {
  // oxlint-disable-next-line eslint/no-unused-private-class-members -- it is asked for by `in`
  #isRef = true;
  static add(ref: Ref): Ref {
    return Object.freeze(new Brand(ref)) as unknown as Ref;
  }
  static has(value: object): boolean {
    return #isRef in value;
  }
}
const isRef = (value: unknown): value is Ref => typeof value === "object" && value !== null && Brand.has(value);

/** What is asked of the host. */
interface Asking {
  readonly image: string;
  readonly args: { readonly isOid: boolean; readonly bytes: Uint8Array };
}

interface Call {
  /** Until the host was asked. */
  readonly asking: Asking | undefined;
  /** Which of the calls that were made together. */
  readonly index: number;
  readonly resolve: (ref: Ref) => void;
  readonly reject: (error: Error) => void;
}

type Told = { readonly ref: Ref } | { readonly code: string; readonly message: string };

/** An object that came along. */
interface NearObject {
  readonly kind: number;
  readonly oid: Uint8Array;
  readonly bytes: Uint8Array<ArrayBuffer>;
}
const noObjects: readonly NearObject[] = [];
/** Shared, since an array of its own takes 400 bytes of a job that waits. */
const noBytes = new Uint8Array();

interface Job {
  readonly number: number;
  /** Its oid's text: bytes would keep the message in which they came. */
  readonly request: string;
  clockReadings: number;
  /** Random bytes drawn and not used yet, and the next block's number. */
  random: Uint8Array;
  nextBlock: number;
  /** What came with the job, or with the outcomes that it waited for; until it waits. */
  near: readonly NearObject[];
  /** What came with an answer. */
  along: readonly NearObject[];
  /** Not settled, in the order of calling. */
  calls: Call[];
  /** Outcomes that have come for the first of `calls`. */
  outcomes: Told[];
  state: "runs" | "ended" | "abandoned";
  /** The stack ended where the job called the host, or nearly: what it does follows from the machine now. */
  hasOverflowed: boolean;
  /** The end, once there is one. */
  end: (() => number) | undefined;
}

/** Thrown where a job goes on that the host has given up. Nothing that it does then is heard. */
class Abandoned extends Error {
  override readonly name = "Abandoned";
}

const waiting = new Map<number, Job>();
/** Whether jobs ahead are forgotten: they were to follow one that is not done. */
let forgetsAhead = false;
/** By oid; a text says why there is none. */
const modules = new Map<string, ModuleFactory | string>();
let current: Job | undefined;
/** Where errors were thrown; filled when their stack is asked for. */
const origins = new WeakMap<object, string>();

let ports: Ports;
let window: Uint8Array;
/** The out half. */
let out: Uint8Array;
/** Bytes of whole messages that stand in the out half and were not sent. */
let held = 0;
/** True while a message is on its way in pieces. A stack that ends just then leaves half a message in the pipe, and the child is of no use. */
let isTorn = false;

/** Takes the ports and seals the realm. */
export function open(
  shared: SharedArrayBuffer,
  send: Ports["send"],
  exchange: Ports["exchange"],
  nameBlob: Ports["nameBlob"],
  randomBlocks: Ports["randomBlocks"],
  moduleName: string,
): void {
  window = new Uint8Array(shared);
  out = window.subarray(halfBytes, endLengthAt);
  const virtual: Virtual = {
    readClock: () => (current as Job).clockReadings++,
    fillRandom,
    log: (line) => {
      checkRuns(current as Job);
      log(current as Job, line);
    },
    noteOrigin: (error, place) => origins.set(error, place),
  };
  sealRealm(virtual, moduleName, { encode: utf8, decode: readUtf8 });
  freezeShared();
  warmUp();
  ports = { send, exchange, nameBlob, randomBlocks };
}

/** An object along: kind, oid, length. */
const warmUpAlong = 1 + oidBytes + 4;

/**
 * Does once, with nobody at the other end, all that a guest can have done. Functions are compiled when they are first called, which takes far more stack than calling them, and a guest may call when little
 * is left. (The process is started so that what was compiled is kept.)
 */
function warmUp(): void {
  ports = {
    send: () => {},
    exchange: () => {
      // Empty bytes, and along with them an empty blob.
      window.fill(0, headerBytes, headerBytes + 9 + warmUpAlong);
      window[headerBytes] = answerStatus.ok;
      window[headerBytes + 5] = 1;
      return headerBytes + 9 + warmUpAlong;
    },
    nameBlob: () => {},
    randomBlocks: () => {},
  };
  const job = newJob(0, "0".repeat(2 * oidBytes));
  const none = newRef("tree", "0".repeat(2 * oidBytes), "40000");
  const object = new JobObject(job, { args: {}, argsTree: none, std: undefined, salt: "" });
  current = job;
  object.log(object.text(none), object.tree(none), object.bytes(none));
  object.putTree(new Map([["a", { a: [1, "a", null] }]]));
  object.putBlob("\u00e9");
  // In pieces, as what does not fit.
  object.putBlob(new Uint8Array(halfBytes));
  void object.run("", { a: new Float64Array(1) });
  void object.runMany([{ worker: none, args: none }]);
  crypto.getRandomValues(new Uint8Array(1));
  void (Math.random() + Date.now());
  job.calls = [];
  current = undefined;
  held = 0;
}

/** Begins a turn: `message` is a message's length in the window, or its bytes; `module` what a module that comes with it makes, or why it makes nothing. */
export function begin(message: number | ArrayBuffer, module: ModuleFactory | string | undefined): void {
  // What is kept of a message is copied out of the window.
  const bytes = typeof message === "number" ? window.subarray(0, message) : new Uint8Array(message);
  const reader = new MessageReader(bytes, headerBytes);
  const type = bytes[headerBytes - 1];
  held = 0;
  tellEnd(0);
  const number = reader.number();
  if (type === fromHost.drop) {
    waiting.delete(number);
    current = undefined;
    return;
  }
  if (type === fromHost.ahead && forgetsAhead) {
    current = undefined;
    return;
  }
  forgetsAhead = false;
  if (type === fromHost.settled) {
    const job = waiting.get(number);
    // A host that settles what does not wait would wait for ever.
    if (job === undefined) isTorn = true;
    else takeOutcomes(job, reader);
  } else start(number, reader, module);
}

/** Goes on with the turn, now that the microtask queue is empty: 0 when it was moved on and is to be called again; else the bytes of the out half that end the turn, -1 when there is nothing to say, or -2 when the pipe is spoilt. */
export function endTurn(): number {
  if (isTorn) return -2;
  const length = moveOn();
  // Whoever is told a length sends all that stands there.
  held = 0;
  return length;
}

function moveOn(): number {
  const job = current;
  if (job === undefined) return -1;
  if (job.state === "abandoned") {
    current = undefined;
    return bare(fromChild.abandoned, job);
  }
  if (job.hasOverflowed) {
    current = undefined;
    return writeExhausted(job, "the stack ended where the job called the host");
  }
  if (job.end !== undefined) {
    current = undefined;
    return job.end();
  }
  const told = job.outcomes.shift();
  const [call] = job.calls;
  if (told !== undefined && call !== undefined) {
    job.calls.shift();
    if ("ref" in told) call.resolve(told.ref);
    else call.reject(new WorkerFailed(told.code, told.message, call.index));
    return 0;
  }
  if (call === undefined) {
    failed(job, failedCodes.abi, "the worker waits for a promise that nothing settles", "");
    return 0;
  }
  waiting.set(job.number, job);
  current = undefined;
  forgetsAhead = true;
  return writeWait(job);
}

/** Empties the microtask queue: being called is all there is to it. */
export function drain(): void {}

/** A nested request's failed outcome. */
class WorkerFailed extends Error {
  override readonly name: string = "WorkerFailed";
  readonly code: string;
  readonly index: number;
  constructor(code: string, message: string, index: number) {
    super(message);
    this.code = code;
    this.index = index;
  }
}

function start(number: number, reader: MessageReader, module: ModuleFactory | string | undefined): void {
  const request = reader.oid();
  const argsOid = reader.oid();
  const std = reader.oid();
  const salt = reader.lengthAndBytes();
  const args = reader.lengthAndBytes();
  const near = readAlong(reader);
  const moduleOid = hex(reader.oid());
  if (module !== undefined) modules.set(moduleOid, module);
  const factory = modules.get(moduleOid) as ModuleFactory | string;
  const job = newJob(number, hex(request));
  job.near = near;
  current = job;
  if (typeof factory === "string") {
    failed(job, failedCodes.module, "the module is not valid JavaScript", factory);
    return;
  }
  try {
    const given = Object.create(null) as Record<string, Ref>;
    for (const [name, ref] of entriesOf(args)) given[name] = ref;
    const object = new JobObject(job, {
      args: Object.freeze(given),
      argsTree: newRef("tree", hex(argsOid), "40000"),
      std: std.every((byte) => byte === 0) ? undefined : newRef("tree", hex(std), "40000"),
      salt: readUtf8(salt, false) as string,
    });
    const main = mainOf(factory);
    if (main === undefined) failed(job, failedCodes.module, "the worker's module exports no function", "");
    else {
      void new Promise((resolve) => {
        resolve(main(object));
      }).then(
        (value) => finish(job, value),
        (error: unknown) => failedBy(job, error),
      );
    }
  } catch (error) {
    failedBy(job, error);
  }
}

/** Objects that come along, copied out of the window in one piece. */
function readAlong(reader: MessageReader): readonly NearObject[] {
  const count = reader.number();
  if (count === 0) return noObjects;
  const copy = new MessageReader(reader.bytes.slice(reader.at), 0);
  const objects: NearObject[] = [];
  for (let left = count; left > 0; left--)
    objects.push({ kind: copy.byte(), oid: copy.oid(), bytes: copy.lengthAndBytes() as Uint8Array<ArrayBuffer> });
  reader.at += copy.at;
  return objects;
}

function newJob(number: number, request: string): Job {
  return {
    number,
    request,
    clockReadings: 0,
    random: noBytes,
    nextBlock: 0,
    near: noObjects,
    along: noObjects,
    calls: [],
    outcomes: [],
    state: "runs",
    hasOverflowed: false,
    end: undefined,
  };
}

/** The function that a module exports, made anew by its factory. */
function mainOf(factory: ModuleFactory): ((job: object) => unknown) | undefined {
  const module: { exports: unknown } = { exports: {} };
  const own = Object.create(globalThis, {}) as object;
  Object.defineProperty(own, "globalThis", { value: own, writable: true, configurable: true });
  Reflect.apply(factory, own, [module, module.exports, own]);
  const made = module.exports as { default?: unknown } | ((job: object) => unknown) | null | undefined;
  const main = typeof made === "function" ? made : made?.default;
  return typeof main === "function" ? (main as (job: object) => unknown) : undefined;
}

interface Given {
  readonly args: object;
  readonly argsTree: Ref;
  readonly std: Ref | undefined;
  readonly salt: string;
}

/** What a module's function is called with. Its functions need no `this`, so that a guest may take them apart; each is made when it is asked for, since most jobs use few, and a job that waits keeps what it has. */
class JobObject {
  readonly #job: Job;
  readonly args: object;
  readonly argsTree: Ref;
  readonly std: Ref | undefined;
  readonly salt: string;

  constructor(job: Job, { args, argsTree, std, salt }: Given) {
    this.#job = job;
    this.args = args;
    this.argsTree = argsTree;
    this.std = std;
    this.salt = salt;
    Object.freeze(this);
  }

  get request() {
    return this.#job.request;
  }

  get tree() {
    const job = this.#job;
    return (of: unknown) =>
      Object.freeze(entriesOf(read(job, fromChild.tree, of)).map(([name, ref]) => treeEntry(name, ref)));
  }

  get bytes() {
    const job = this.#job;
    return (of: unknown) => read(job, fromChild.get, of);
  }

  get text() {
    const job = this.#job;
    return (of: unknown) => textOf(read(job, fromChild.get, of));
  }

  get json() {
    const job = this.#job;
    return (of: unknown): unknown => JSON.parse(textOf(read(job, fromChild.get, of)));
  }

  get putBlob() {
    const job = this.#job;
    return (value: unknown) => {
      checkRuns(job);
      return putBlob(job, typeof value === "string" ? utf8(value) : bytesOf(value));
    };
  }

  get putTree() {
    const job = this.#job;
    return (entries: unknown) => {
      checkRuns(job);
      return putTree(job, entriesFrom(job, entries, 0));
    };
  }

  get entry() {
    return entryOf;
  }

  get run() {
    const job = this.#job;
    return (worker: unknown, args: unknown) => run(job, worker, args);
  }

  get runMany() {
    const job = this.#job;
    return (items: unknown) => runMany(job, items);
  }

  get log() {
    const job = this.#job;
    return (...values: unknown[]) => {
      checkRuns(job);
      log(job, values.map(show).join(" "));
    };
  }
}

/** Freezes what all jobs have of ours. None may make a job's object, either. */
function freezeShared(): void {
  const shared: object = JobObject.prototype;
  // They were made before the realm had the Error that guests know.
  const errors = [WorkerFailed, Abandoned, UnfitJson];
  for (const each of errors) Object.setPrototypeOf(each, Error);
  Reflect.deleteProperty(shared, "constructor");
  for (const { get } of Object.values(Object.getOwnPropertyDescriptors(shared))) Object.freeze(get);
  for (const each of [shared, entryOf, ...errors, ...errors.map(({ prototype }) => prototype as object)])
    Object.freeze(each);
}

const entryOf = (kind: unknown, oid: unknown, mode?: unknown): Ref => {
  if (kind !== "blob" && kind !== "tree") throw new TypeError("the kind of an object is blob or tree");
  const plain = kind === "tree" ? "40000" : "100644";
  if (mode === undefined || mode === plain) return newRef(kind, hex(unhex(oid)), plain);
  if (kind !== "blob" || (mode !== "100755" && mode !== "120000")) throw new TypeError(`no ${kind} has that mode`);
  return newRef(kind, hex(unhex(oid)), mode);
};

function runMany(job: Job, items: unknown): Promise<Ref[]> {
  checkRuns(job);
  if (!Array.isArray(items)) throw new TypeError("runMany takes a list of {worker, args}");
  const prepared = Array.from(items, (item: unknown) => {
    if (typeof item !== "object" || item === null) throw new TypeError("runMany takes a list of {worker, args}");
    const { worker, args } = item as { worker?: unknown; args?: unknown };
    return [imageOf(worker), argsOf(job, args)] as const;
  });
  return Promise.all(prepared.map(([image, args], index) => addCall(job, image, args, index)));
}

function textOf(bytes: Uint8Array): string {
  const text = readUtf8(bytes, true);
  if (text === undefined) throw new TypeError("the blob is not UTF-8");
  return text;
}

// Values

/** An entry of a tree: what it names, and how it stands there. */
function treeEntry(name: string, { kind, oid, mode }: Ref): Ref {
  const entry = { name, kind, oid, mode };
  return Brand.add(entry);
}

function newRef(kind: Kind, oid: string, mode: string): Ref {
  return Brand.add({ kind, oid, mode });
}

function hex(bytes: Uint8Array): string {
  for (let at = 0; at < oidBytes; at++) {
    const byte = bytes[at] as number;
    digits[2 * at] = hexDigits[byte >> 4] as number;
    digits[2 * at + 1] = hexDigits[byte & 15] as number;
  }
  // A text put together piece by piece keeps its pieces, some 600 bytes.
  return Reflect.apply(String.fromCharCode, undefined, digits);
}
const digits: number[] = Array.from({ length: 2 * oidBytes }, () => 0);
const hexDigits: readonly number[] = Array.from("0123456789abcdef", (digit) => digit.charCodeAt(0));

function unhex(given: unknown): Uint8Array<ArrayBuffer> {
  if (isRef(given)) return unhexSound(given.oid);
  // What an argument or an entry is that isn't there.
  if (given === undefined) throw new TypeError("an oid or an entry is wanted, and this is undefined");
  if (typeof given !== "string" || !/^[0-9a-f]{40}$/.test(given)) throw new TypeError("malformed oid");
  return unhexSound(given);
}

function unhexSound(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(oidBytes);
  for (let at = 0; at < oidBytes; at++)
    bytes[at] = (nibble(text.charCodeAt(2 * at)) << 4) | nibble(text.charCodeAt(2 * at + 1));
  return bytes;
}

function nibble(digit: number): number {
  return digit < 0x3a ? digit - 0x30 : digit - 0x57;
}

function utf8(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(utf8BytesMost(text));
  return bytes.slice(0, writeUtf8(text, bytes, 0));
}

/** A copy of the bytes that a guest hands over. NaNs of an array of floats get one pattern. */
function bytesOf(value: unknown): Uint8Array<ArrayBuffer> {
  if (typeof value !== "object" || value === null || !isBytes(value)) {
    throw new TypeError("bytes are a typed array, a view or a buffer");
  }
  const name = typedArrayName(value);
  const isBuffer = name === undefined && !ArrayBuffer.isView(value);
  const { buffer, byteOffset, byteLength } = isBuffer ? viewOf(new Uint8Array(value as ArrayBuffer)) : viewOf(value);
  const copy = new Uint8Array(byteLength);
  copy.set(new Uint8Array(buffer, byteOffset, byteLength));
  const nan = name === undefined || !Object.hasOwn(nans, name) ? undefined : nans[name];
  if (nan !== undefined) {
    const Floats = (globalThis as unknown as Record<string, new (buffer: ArrayBuffer) => ArrayLike<number>>)[
      name as string
    ];
    if (Floats !== undefined) canonical(copy, new Floats(copy.buffer), nan);
  }
  return copy;
}

/** The NaN that a literal is, for each array of floats: the bytes of one, little-endian as all machines of ours are. */
const nans: Readonly<Record<string, readonly number[]>> = Object.freeze({
  Float64Array: [0, 0, 0, 0, 0, 0, 0xf8, 0x7f],
  Float32Array: [0, 0, 0xc0, 0x7f],
  Float16Array: [0, 0x7e],
});

/** Gives the NaNs among floats one pattern; `floats` lie over all of `bytes`. */
function canonical(bytes: Uint8Array, floats: ArrayLike<number>, nan: readonly number[]): void {
  for (let at = 0; at < floats.length; at++) if (Number.isNaN(floats[at])) bytes.set(nan, at * nan.length);
}

function isBytes(value: object): boolean {
  if (ArrayBuffer.isView(value)) return true;
  if (isPlain(value)) return false;
  try {
    Reflect.apply(bufferLength, value, []);
    return true;
  } catch {
    return false; // no buffer
  }
}
const bufferLength = Object.getOwnPropertyDescriptor(ArrayBuffer.prototype, "byteLength")?.get as () => number;

/** Whether it inherits from nothing, or right from what all objects do: most that are no buffers and no Maps, of which V8 is asked by what throws, and that takes longer than a small job. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}

const isMap = (value: object): value is Map<unknown, unknown> => {
  if (isPlain(value)) return false;
  try {
    Reflect.apply(mapSize, value, []);
    return true;
  } catch {
    return false; // no map
  }
};
const mapSize = Object.getOwnPropertyDescriptor(Map.prototype, "size")?.get as () => number;
const eachOfMap = Map.prototype.forEach;

/** The object that a value becomes: itself, a blob of bytes or text, a tree of a Map, else a blob of canonical JSON. */
function refOf(job: Job, value: unknown, depth: number): Ref {
  if (isRef(value)) return value;
  if (typeof value === "string") return putBlob(job, utf8(value));
  if (typeof value === "object" && value !== null) {
    if (isBytes(value)) return putBlob(job, bytesOf(value));
    if (isMap(value)) return putTree(job, entriesFrom(job, value, depth));
  }
  return putBlob(job, utf8(canonicalJson(value)));
}

/** Entries as git has them, in the order that they are given: of a Map or a plain object of name to value. */
function entriesFrom(
  job: Job,
  given: unknown,
  depth: number,
  as: (job: Job, ref: Ref) => Ref = (_, ref) => ref,
): Uint8Array<ArrayBuffer> {
  if (depth > valueNestingMax) throw new TypeError("the value is nested too deep");
  if (depth > 0) checkStack(job);
  if (typeof given !== "object" || given === null)
    throw new TypeError("entries are a Map, or an object, of name to value");
  const named: [string, unknown][] = [];
  const add = (value: unknown, name: unknown) => {
    if (typeof name !== "string") throw new TypeError("a name is not a string");
    named.push([name, value]);
  };
  if (isMap(given)) Reflect.apply(eachOfMap, given, [add]);
  else for (const key of Object.keys(given)) add((given as Record<string, unknown>)[key], key);
  const parts: [Uint8Array, Uint8Array][] = [];
  let length = 0;
  for (const [name, value] of named) {
    if (name.includes("\0")) throw new TypeError("a name is empty, reserved, or has a slash or NUL");
    const ref = as(job, refOf(job, value, depth + 1));
    const head = utf8(`${ref.mode} ${name}\0`);
    parts.push([head, unhex(ref)]);
    length += head.length + oidBytes;
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const [head, oid] of parts) {
    bytes.set(head, at);
    bytes.set(oid, at + head.length);
    at += head.length + oidBytes;
  }
  return bytes;
}

function entriesOf(bytes: Uint8Array): [string, Ref][] {
  const entries: [string, Ref][] = [];
  for (let at = 0; at < bytes.length;) {
    const space = bytes.indexOf(0x20, at);
    const end = bytes.indexOf(0, space);
    const mode = isPlainFile(bytes, at) ? "100644" : String.fromCharCode(...bytes.subarray(at, space));
    const name = readUtf8(bytes.subarray(space + 1, end), false) as string;
    const oid = hex(bytes.subarray(end + 1, end + 1 + oidBytes));
    entries.push([name, newRef(mode === "40000" ? "tree" : "blob", oid, mode)]);
    at = end + 1 + oidBytes;
  }
  return entries;
}

const plainFile: readonly number[] = Array.from("100644 ", (digit) => digit.charCodeAt(0));

function isPlainFile(bytes: Uint8Array, at: number): boolean {
  for (let digit = 0; digit < plainFile.length; digit++) if (bytes[at + digit] !== plainFile[digit]) return false;
  return true;
}

// Nested requests

function run(job: Job, worker: unknown, args: unknown): Promise<Ref> {
  checkRuns(job);
  return addCall(job, imageOf(worker), argsOf(job, args), 0);
}

function addCall(job: Job, image: string, args: Asking["args"], index: number): Promise<Ref> {
  checkState(job);
  return new Promise((resolve, reject) => {
    job.calls.push({ asking: { image, args }, index, resolve, reject });
  });
}

function imageOf(worker: unknown): string {
  if (isRef(worker)) return worker.oid;
  if (typeof worker !== "string") throw new TypeError("a worker is an oid, an entry, or the name of a standard worker");
  return /^[0-9a-f]{40}$/.test(worker) || worker.startsWith("/cas/std/") ? worker : `/cas/std/${worker}`;
}

function argsOf(job: Job, args: unknown): Asking["args"] {
  checkState(job);
  if (isRef(args)) return { isOid: true, bytes: unhex(args) };
  return { isOid: false, bytes: entriesFrom(job, args ?? {}, 0, asArgument) };
}

/** An argument is a folder or a plain file, whatever it was where it comes from, so that equal content gives equal requests; a submodule is the text of its commit's name. */
function asArgument(job: Job, { kind, oid, mode }: Ref): Ref {
  if (mode === "160000") return putBlob(job, utf8(oid));
  return mode === "100755" || mode === "120000" ? newRef(kind, oid, "100644") : newRef(kind, oid, mode);
}

function takeOutcomes(job: Job, reader: MessageReader): void {
  waiting.delete(job.number);
  current = job;
  const count = reader.number();
  for (let at = 0; at < count; at++) {
    const kind = reader.byte();
    if (kind === 2) {
      const [code, message] = [reader.lengthAndBytes(), reader.lengthAndBytes()];
      job.outcomes.push({ code: readUtf8(code, false) as string, message: readUtf8(message, false) as string });
    } else if (kind === 1) job.outcomes.push({ ref: newRef("tree", hex(reader.oid()), "40000") });
    else job.outcomes.push({ ref: newRef("blob", hex(reader.oid()), "100644") });
  }
  job.near = readAlong(reader);
}

function writeWait(job: Job): number {
  // The host has settled all that it was asked for, so all of these are new to it.
  const asked = job.calls.map(({ asking }) => asking as Asking);
  const texts = asked.map(({ image }) => utf8(image));
  const length = asked.reduce((sum, { args }, at) => sum + 9 + (texts[at] as Uint8Array).length + args.bytes.length, 8);
  const message = beginMessage(fromChild.wait, length);
  message.number(job.number);
  message.number(asked.length);
  for (const [at, { args }] of asked.entries()) {
    message.bytes(texts[at] as Uint8Array);
    message.byte(args.isOid ? 0 : 1);
    message.bytes(args.bytes);
  }
  // What it keeps while it waits counts ten thousand times.
  job.calls = job.calls.map(({ index, resolve, reject }) => ({ asking: undefined, index, resolve, reject }));
  job.near = noObjects;
  job.along = noObjects;
  return message.end();
}

// Ends

function finish(job: Job, value: unknown): void {
  if (job.state !== "runs") return;
  try {
    if (value === undefined) {
      failed(job, failedCodes.abi, "the guest returned without a result", "");
      return;
    }
    const isBlob = !isRef(value) && !(typeof value === "object" && value !== null && !isBytes(value) && isMap(value));
    if (isBlob) {
      const bytes =
        typeof value === "string"
          ? utf8(value)
          : typeof value === "object" && value !== null && isBytes(value)
            ? bytesOf(value)
            : utf8(canonicalJson(value));
      checkRuns(job);
      completed(job, 2, bytes);
      return;
    }
    const ref = refOf(job, value, 0);
    completed(job, ref.kind === "tree" ? 1 : 0, unhex(ref));
  } catch (error) {
    failedBy(job, error);
  }
}

function settle(job: Job, end: () => number): void {
  // Reading a result may have run code of the guest's that ended the job.
  if (job.state !== "runs") return;
  job.state = "ended";
  job.end = end;
}

/** Ends a job that has a result. A small one's message is written at once, and its length told: when the microtask queue is empty the child sends it, and need not call in here again, which takes longer than all else of a small job. */
function completed(job: Job, kind: 0 | 1 | 2, bytes: Uint8Array): void {
  const end = () => writeCompleted(job, kind, bytes);
  settle(job, end);
  if (job.end === end && bytes.length <= smallBlobBytes && !job.hasOverflowed && !isTorn) tellEnd(end());
}

/** Tells the child what ends the turn: bytes of the out half, or 0 where it is to ask. */
function tellEnd(length: number): void {
  writeNumber(window, endLengthAt, length);
}

function failed(job: Job, code: number, message: string, detail: string): void {
  settle(job, () => {
    const texts = [utf8(message.slice(0, 65_536)), utf8(detail.slice(0, 65_536))] as const;
    const to = beginMessage(fromChild.failed, 13 + texts[0].length + texts[1].length);
    to.number(job.number);
    to.byte(code);
    for (const text of texts) to.bytes(text);
    return to.end();
  });
}

function failedBy(job: Job, error: unknown): void {
  const { text, place, isMachines } = described(error);
  if (!isMachines) {
    failed(job, failedCodes.trap, text, place);
    return;
  }
  settle(job, () => writeExhausted(job, text));
}

function writeExhausted(job: Job, text: string): number {
  forgetsAhead = true;
  const bytes = utf8(text);
  const message = beginMessage(fromChild.exhausted, 8 + bytes.length);
  message.number(job.number);
  message.bytes(bytes);
  return message.end();
}

/** What V8 says where the machine is at its end and not the program: how deep the stack goes and what memory there is follows from no request. */
const machineTexts = ["Maximum call stack size exceeded", "Array buffer allocation failed", "Out of memory"];

function described(error: unknown): { text: string; place: string; isMachines: boolean } {
  if (typeof error !== "object" || error === null) return { text: shortText(error), place: "", isMachines: false };
  try {
    const { name, message } = error as { name?: unknown; message?: unknown };
    const isMachines =
      Object.getPrototypeOf(error) === RangeError.prototype && machineTexts.some((text) => message === text);
    // Asked for its stack, V8 says where it was made.
    void (error as { stack?: unknown }).stack;
    const place = origins.get(error) ?? "";
    const said = `${typeof name === "string" ? name : "Error"}: ${typeof message === "string" ? message : ""}`;
    return { text: said, place, isMachines };
  } catch {
    return { text: "an error that can't be read", place: "", isMachines: false }; // its properties are the guest's
  }
}

function shortText(value: unknown): string {
  return typeof value === "symbol" || typeof value === "function" ? `a ${typeof value}` : String(value);
}

function writeCompleted(job: Job, kind: 0 | 1 | 2, bytes: Uint8Array): number {
  const message = beginMessage(fromChild.completed, 9 + bytes.length);
  message.number(job.number);
  message.byte(kind);
  message.bytes(bytes);
  return message.end();
}

function bare(type: number, job: Job): number {
  const message = beginMessage(type, 4);
  message.number(job.number);
  return message.end();
}

// Calls of the host

/** Throws when the job has ended: nothing it does is heard any more. */
function checkRuns(job: Job): void {
  checkState(job);
  checkStack(job);
}

/** The same for what an operation does whose stack was looked at where it began. */
function checkState(job: Job): void {
  if (isTorn) throw new Abandoned("the job is over");
  if (job.state === "abandoned") throw new Abandoned("the job is over");
  if (job.state === "ended" || job !== current) throw new Error("the job has ended");
}

/** As many arguments as take the stack of any operation of ours here, and more: 8 KiB. (The child's own code has its own, later end: child.ts.) */
const stackProbe: readonly number[] = Array.from({ length: 1024 }, () => 0);
const nothing = () => {};

/** Throws before anything is begun where the stack might end within it. A guest may catch that, but its job will come to no outcome. */
function checkStack(job: Job): void {
  try {
    Reflect.apply(nothing, undefined, stackProbe);
  } catch (error) {
    job.hasOverflowed = true;
    tellEnd(0);
    throw error;
  }
}

function read(job: Job, type: number, of: unknown): Uint8Array<ArrayBuffer> {
  checkRuns(job);
  const oid = unhex(of);
  const kind = type === fromChild.tree ? kindCodes.tree : kindCodes.blob;
  const near = nearObject(job.along, kind, oid) ?? nearObject(job.near, kind, oid);
  if (near === undefined) {
    const message = beginMessage(type, 4 + oidBytes);
    message.number(job.number);
    message.raw(oid);
    return ask(job, message.end());
  }
  const message = beginMessage(fromChild.read, 5 + oidBytes);
  message.number(job.number);
  message.byte(kind);
  message.raw(oid);
  held = message.end();
  return near.bytes.slice();
}

function nearObject(objects: readonly NearObject[], kind: number, oid: Uint8Array): NearObject | undefined {
  for (const object of objects) if (object.kind === kind && isSameOid(object.oid, oid)) return object;
  return undefined;
}

function isSameOid(a: Uint8Array, b: Uint8Array): boolean {
  for (let at = 0; at < oidBytes; at++) if (a[at] !== b[at]) return false;
  return true;
}

function putBlob(job: Job, bytes: Uint8Array): Ref {
  checkState(job);
  const isSmall = bytes.length <= smallBlobBytes;
  const message = beginMessage(isSmall ? fromChild.putSmall : fromChild.putBlob, 8 + bytes.length);
  message.number(job.number);
  message.bytes(bytes);
  const end = message.end();
  if (!isSmall) return newRef("blob", hex(ask(job, end)), "100644");
  held = end;
  ports.nameBlob(end - bytes.length, bytes.length);
  return newRef("blob", hex(window), "100644");
}

function putTree(job: Job, entries: Uint8Array): Ref {
  checkState(job);
  const message = beginMessage(fromChild.putTree, 8 + entries.length);
  message.number(job.number);
  message.bytes(entries);
  return newRef("tree", hex(ask(job, message.end())), "40000");
}

function log(job: Job, line: string): void {
  checkState(job);
  const bytes = utf8(line);
  const message = beginMessage(fromChild.log, 8 + bytes.length);
  message.number(job.number);
  message.bytes(bytes);
  held = message.end();
}

/** Sends what stands in the out half, and gives the answer's bytes. */
function ask(job: Job, length: number): Uint8Array<ArrayBuffer> {
  held = 0;
  isTorn = true;
  const got = ports.exchange(length);
  isTorn = false;
  const bytes = typeof got === "number" ? window.subarray(headerBytes, got) : new Uint8Array(got, headerBytes);
  const reader = new MessageReader(bytes, 0);
  const status = reader.byte();
  const answer = reader.lengthAndBytes().slice();
  if (status === answerStatus.ok) {
    const along = readAlong(reader);
    if (along.length > 0) job.along = along;
    return answer;
  }
  if (status === answerStatus.abandon) {
    job.state = "abandoned";
    throw new Abandoned("the job is over");
  }
  throw new Error(readUtf8(answer, false));
}

function fillRandom(target: Uint8Array): void {
  const job = current as Job;
  checkStack(job);
  for (let at = 0; at < target.length;) {
    if (job.random.length === 0) {
      const count = Math.min(64, job.nextBlock === 0 ? 1 : job.nextBlock);
      window.set(unhex(job.request));
      ports.randomBlocks(job.nextBlock, count);
      job.random = window.slice(0, count * blockBytes);
      job.nextBlock += count;
    }
    const taken = job.random.subarray(0, target.length - at);
    target.set(taken, at);
    job.random = job.random.subarray(taken.length);
    at += taken.length;
  }
}

/** Begins a message of that many bytes of fields. What does not fit the out half goes out in pieces as it is written. */
function beginMessage(type: number, length: number): MessageWriter {
  if (length + 1 > messageBytesMax) throw new RangeError("the object is too large");
  if (held + headerBytes + length > out.length) flush();
  writeNumber(out, held, length + 1);
  out[held + headerBytes - 1] = type;
  return new MessageWriter(held + headerBytes);
}

function flush(): void {
  if (held === 0) return;
  isTorn = true;
  ports.send(held);
  isTorn = false;
  held = 0;
}

/** Writes fields to the out half from `at` on. */
class MessageWriter {
  #at: number;
  constructor(at: number) {
    this.#at = at;
  }

  byte(value: number): void {
    this.#ensure(1);
    out[this.#at++] = value;
  }

  number(value: number): void {
    this.#ensure(4);
    writeNumber(out, this.#at, value);
    this.#at += 4;
  }

  bytes(bytes: Uint8Array): void {
    this.number(bytes.length);
    this.raw(bytes);
  }

  raw(bytes: Uint8Array): void {
    for (let from = 0; from < bytes.length;) {
      if (this.#at === out.length) this.#flush();
      const piece = bytes.subarray(from, from + out.length - this.#at);
      out.set(piece, this.#at);
      this.#at += piece.length;
      from += piece.length;
    }
  }

  /** Where the message ends in the out half: all before it is to be sent. */
  end(): number {
    isTorn = false;
    return this.#at;
  }

  #ensure(length: number): void {
    if (this.#at + length > out.length) this.#flush();
  }

  #flush(): void {
    isTorn = true;
    ports.send(this.#at);
    this.#at = 0;
  }
}
