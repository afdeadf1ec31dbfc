/* oxlint-disable typescript/unbound-method -- methods are taken apart from their objects on purpose: what an object of a guest says of itself is not asked */
/**
 * Seals the realm in which all guests of a child run, one after the other and interleaved: after `sealRealm` nothing that two guests share can be changed, and nothing that is left tells the time, the machine, or what other
 * guests do. What a guest may change, it makes itself.
 *
 * Runs inside the isolate, as the first code there is; nothing of Node's exists. Every object that a program can reach without making it is walked and frozen: the globals, and what only
 * syntax reaches. Frozen prototypes have a well-known trap: `sub.toString = f` fails when `toString` is a read-only property of what `sub` inherits from. Properties that programs do assign
 * to on their own objects are therefore accessors here, which define a property of the object that is assigned to.
 */

/** What the current job answers when the realm's clock, random numbers, and console are used. */
export interface Virtual {
  /** Readings of the virtual clock before this one: a microsecond each. */
  readClock(): number;
  fillRandom(target: Uint8Array): void;
  log(line: string): void;
  /** Where an error was thrown, for people. */
  noteOrigin(error: object, place: string): void;
}

interface CallSite {
  getScriptNameOrSourceURL(): unknown;
  getLineNumber(): number | null;
  getColumnNumber(): number | null;
}

const realtimeStartMs = 1_000_000_000_000;

/** Globals that a guest may not have: what sees garbage collection, threads or other isolates, or makes code that is not JavaScript. */
const removed = ["WeakRef", "FinalizationRegistry", "SharedArrayBuffer", "Atomics", "WebAssembly", "Temporal"];

/** State that V8 keeps a realm: the last match of any regular expression. */
const legacyMatches =
  "input $_ lastMatch $& lastParen $+ leftContext $` rightContext $' $1 $2 $3 $4 $5 $6 $7 $8 $9".split(" ");

type Realm = Record<string, unknown>;

/** Seals the realm of the caller. `moduleName` is the name of guests' scripts, in whose frames an error's place is looked for. */
export function sealRealm(virtual: Virtual, moduleName: string, encoding: Encoding): void {
  const realm = globalThis as unknown as Realm;
  for (const name of removed) delete realm[name];
  for (const name of legacyMatches) delete (RegExp as unknown as Realm)[name];
  pinClock(realm, virtual);
  pinRandom(realm, virtual);
  pinErrors(virtual, moduleName);
  pinFloats();
  sealSegmentsLate();
  addEncoding(realm, encoding);
  addConsole(realm, virtual);
  define(realm, "queueMicrotask", (work: () => unknown) => {
    void (async () => {
      await Promise.resolve();
      work();
    })();
  });
  freezeAll(realm);
  quickenPrimitives();
}

function define(owner: object, key: PropertyKey, value: unknown): void {
  Object.defineProperty(owner, key, { value, writable: true, enumerable: false, configurable: true });
}

function pinClock(realm: Realm, virtual: Virtual): void {
  const RealDate = Date;
  const now = () => realtimeStartMs + Math.floor(virtual.readClock() / 1000);
  // Called without new it is a text; made with no arguments it is the present; else it is V8's own.
  const VirtualDate = function (this: unknown, ...parts: unknown[]): unknown {
    if (new.target === undefined) return new RealDate(now()).toString();
    return Reflect.construct(RealDate, parts.length === 0 ? [now()] : parts, new.target);
  };
  Object.defineProperty(VirtualDate, "name", { value: "Date" });
  Object.defineProperty(VirtualDate, "length", { value: 7 });
  Object.defineProperty(VirtualDate, "prototype", { value: RealDate.prototype, writable: false });
  define(VirtualDate, "now", now);
  define(VirtualDate, "parse", RealDate.parse);
  define(VirtualDate, "UTC", RealDate.UTC);
  define(RealDate.prototype, "constructor", VirtualDate);
  define(realm, "Date", VirtualDate);

  // Formatting "no date" formats the present.
  const prototype = Intl.DateTimeFormat.prototype as unknown as Realm;
  const realFormat = Object.getOwnPropertyDescriptor(prototype, "format")?.get as () => (date: unknown) => string;
  const bound = new WeakMap<object, (date: unknown) => string>();
  Object.defineProperty(prototype, "format", {
    get(this: object) {
      const format = Reflect.apply(realFormat, this, []);
      const known = bound.get(format);
      if (known !== undefined) return known;
      const pinned = (date: unknown) => format(date === undefined ? now() : date);
      bound.set(format, pinned);
      return pinned;
    },
    enumerable: false,
    configurable: true,
  });
  const realParts = prototype["formatToParts"] as (date: unknown) => unknown;
  define(prototype, "formatToParts", function formatToParts(this: object, date: unknown) {
    return Reflect.apply(realParts, this, [date === undefined ? now() : date]);
  });
  define(realm, "performance", { now: () => virtual.readClock() / 1000, timeOrigin: realtimeStartMs });
}

function twoDigits(byte: number): string {
  return byte.toString(16).padStart(2, "0");
}

function pinRandom(realm: Realm, virtual: Virtual): void {
  const eight = new Uint8Array(8);
  const word = new DataView(eight.buffer);
  define(Math, "random", () => {
    virtual.fillRandom(eight);
    return (word.getUint32(4, true) * 2 ** 21 + (word.getUint32(0, true) >>> 11)) * 2 ** -53;
  });
  define(realm, "crypto", {
    getRandomValues(target: ArrayBufferView) {
      const { buffer, byteOffset, byteLength } = viewOf(target);
      virtual.fillRandom(new Uint8Array(buffer, byteOffset, byteLength));
      return target;
    },
    randomUUID() {
      const bytes = new Uint8Array(16);
      virtual.fillRandom(bytes);
      bytes[6] = ((bytes[6] as number) & 0x0f) | 0x40;
      bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80;
      const digits = Array.from(bytes, twoDigits).join("");
      return [
        [0, 8],
        [8, 12],
        [12, 16],
        [16, 20],
        [20, 32],
      ]
        .map(([from, to]) => digits.slice(from, to))
        .join("-");
    },
  });
}

const typedArray = Object.getPrototypeOf(Uint8Array.prototype) as object;
const accessor = (owner: object, key: string) =>
  Object.getOwnPropertyDescriptor(owner, key)?.get as (this: unknown) => unknown;
const bufferOfArray = accessor(typedArray, "buffer");
const offsetOfArray = accessor(typedArray, "byteOffset");
const lengthOfArray = accessor(typedArray, "byteLength");
const bufferOfView = accessor(DataView.prototype, "buffer");
const offsetOfView = accessor(DataView.prototype, "byteOffset");
const lengthOfView = accessor(DataView.prototype, "byteLength");

/** Where a view's bytes are, asked of V8 and not of the object, whose properties a guest may have defined. Throws a TypeError when it is no view, or one whose buffer is gone. */
export function viewOf(view: object): { buffer: ArrayBuffer; byteOffset: number; byteLength: number } {
  const [buffer, offset, length] = ArrayBuffer.isView(view)
    ? isTypedArray(view)
      ? [bufferOfArray, offsetOfArray, lengthOfArray]
      : [bufferOfView, offsetOfView, lengthOfView]
    : [];
  if (buffer === undefined || offset === undefined || length === undefined) throw new TypeError("not a view of bytes");
  return {
    buffer: Reflect.apply(buffer, view, []) as ArrayBuffer,
    byteOffset: Reflect.apply(offset, view, []) as number,
    byteLength: Reflect.apply(length, view, []) as number,
  };
}

const arrayTag = accessor(typedArray, Symbol.toStringTag as unknown as string);

/** The name of a typed array's type; undefined for anything else. */
export function typedArrayName(value: unknown): string | undefined {
  return Reflect.apply(arrayTag, value, []) as string | undefined;
}

function isTypedArray(value: unknown): boolean {
  return typedArrayName(value) !== undefined;
}

/** What an error's stack is for guests: no place, since which frames there are depends on what was inlined. */
function stackText(error: object): string {
  try {
    const { name, message } = error as { name?: unknown; message?: unknown };
    return `${typeof name === "string" ? name : "Error"}: ${typeof message === "string" ? message : ""}`;
  } catch {
    return "Error"; // its properties are the guest's
  }
}

/** Errors have a place for people, and a text for guests that has no place in it. */
function pinErrors(virtual: Virtual, moduleName: string): void {
  const { stringify } = JSON;
  // V8 asks its own Error for how many frames to keep and who spells them. Guests have another one in its place, so that what they assign is neither heard nor shared.
  const RealError = Error;
  define(RealError, "prepareStackTrace", (error: object, sites: readonly CallSite[]) => {
    for (const site of sites) {
      if (site.getScriptNameOrSourceURL() !== moduleName) continue;
      virtual.noteOrigin(error, `${stringify(site.getLineNumber())}:${stringify(site.getColumnNumber())}`);
      break;
    }
    return stackText(error);
  });
  define(RealError, "stackTraceLimit", 10);
  const SealedError = function (...given: unknown[]): unknown {
    return Reflect.construct(RealError, given, new.target ?? SealedError);
  };
  Object.defineProperty(SealedError, "name", { value: "Error" });
  Object.defineProperty(SealedError, "length", { value: 1 });
  Object.defineProperty(SealedError, "prototype", { value: RealError.prototype, writable: false });
  define(SealedError, "captureStackTrace", (target: object) => {
    define(target, "stack", stackText(target));
  });
  for (const [key, value] of [
    ["stackTraceLimit", 10],
    ["prepareStackTrace", undefined],
  ] as const) {
    Object.defineProperty(SealedError, key, { get: () => value, set: () => {}, enumerable: false, configurable: true });
  }
  define(RealError.prototype, "constructor", SealedError);
  const realm = globalThis as unknown as Realm;
  for (const name of Object.getOwnPropertyNames(realm)) {
    const made = realm[name];
    if (typeof made === "function" && Object.getPrototypeOf(made) === RealError)
      Object.setPrototypeOf(made, SealedError);
  }
  define(realm, "Error", SealedError);
  // Nobody reaches it any more; were it reached, there would be nothing to change.
  Reflect.deleteProperty(RealError, "captureStackTrace");
  Object.freeze(Object.getOwnPropertyDescriptor(RealError, "prepareStackTrace")?.value);
  Object.freeze(RealError);
}

/** NaNs written through a DataView have one pattern. */
function pinFloats(): void {
  const view = DataView.prototype as unknown as Record<string, (at: number, value: unknown, little?: boolean) => void>;
  for (const name of ["setFloat16", "setFloat32", "setFloat64"]) {
    const real = view[name];
    if (real === undefined) continue;
    const { [name]: pinned } = {
      [name](this: DataView, at: number, value: unknown, little?: boolean) {
        const number = (value as number) - 0;
        // A literal NaN is one pattern in every tier; what arithmetic makes is not.
        Reflect.apply(real, this, [at, number === number ? number : NaN, little]);
      },
    };
    define(view, name, pinned);
  }
}

/** What a segmenter gives has prototypes that nothing else leads to. Making one loads V8's tables of languages, a tenth of a process's start, so they are frozen when a guest first asks for any, before it has them. */
function sealSegmentsLate(): void {
  const prototype = Intl.Segmenter.prototype as unknown as Realm;
  const real = prototype["segment"] as (text: unknown) => Iterable<unknown>;
  let isSealed = false;
  define(prototype, "segment", function segment(this: object, text: unknown) {
    const segments = Reflect.apply(real, this, [text]);
    if (!isSealed) {
      freezeReachable([Object.getPrototypeOf(segments), Object.getPrototypeOf(segments[Symbol.iterator]())]);
      // Not where the stack ended in between: then nobody has them, and the next call tries again.
      isSealed = true;
    }
    return segments;
  });
}

function addConsole(realm: Realm, virtual: Virtual): void {
  const print = (...values: unknown[]) => {
    virtual.log(values.map(show).join(" "));
  };
  const names = ["log", "info", "warn", "error", "debug", "trace"];
  define(realm, "console", Object.fromEntries(names.map((name) => [name, print])));
}

/** A value as a line of the log has it. */
export function show(value: unknown): string {
  const spelled: (given: unknown) => string = String;
  if (typeof value === "string") return value;
  if (typeof value !== "object" || value === null || value instanceof Error) return spelled(value);
  return JSON.stringify(value) ?? spelled(value);
}

/** The codec of UTF-8; `decode` gives undefined for malformed bytes when `strict`. */
export interface Encoding {
  encode(text: string): Uint8Array<ArrayBuffer>;
  decode(bytes: Uint8Array, strict: boolean): string | undefined;
}

/** UTF-8 alone, as most programs have it. */
function addEncoding(realm: Realm, { encode, decode }: Encoding): void {
  class TextEncoder {
    get encoding() {
      return "utf-8";
    }
    encode(text: unknown = "") {
      return encode(String(text));
    }
  }
  class TextDecoder {
    readonly encoding = "utf-8";
    readonly fatal: boolean;
    readonly ignoreBOM: boolean;
    constructor(label: unknown = "utf-8", options: { fatal?: unknown; ignoreBOM?: unknown } = {}) {
      if (!/^\s*utf-?8\s*$/i.test(String(label))) throw new RangeError("only utf-8 is decoded here");
      this.fatal = Boolean(options.fatal);
      this.ignoreBOM = Boolean(options.ignoreBOM);
    }
    decode(input?: ArrayBuffer | ArrayBufferView) {
      if (input === undefined) return "";
      const { buffer, byteOffset, byteLength } = ArrayBuffer.isView(input)
        ? viewOf(input)
        : { buffer: input, byteOffset: 0, byteLength: input.byteLength };
      const text = decode(new Uint8Array(buffer, byteOffset, byteLength), this.fatal);
      if (text === undefined) throw new TypeError("the bytes are not UTF-8");
      return !this.ignoreBOM && text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
    }
  }
  define(realm, "TextEncoder", TextEncoder);
  define(realm, "TextDecoder", TextDecoder);
}

/** What lib.es2024 does not know yet. */
interface Iterators {
  from(iterable: object): { map(each: (value: unknown) => unknown): object };
}

/** What is reached without a name: by syntax, or by asking an object for what it inherits. */
function hiddenRoots(): unknown[] {
  const proto = Object.getPrototypeOf as (value: unknown) => unknown;
  const text = "a";
  const iterators = (globalThis as unknown as { Iterator: Iterators }).Iterator;
  return [
    function () {}.constructor,
    (async () => {}).constructor,
    function* () {}.constructor,
    async function* () {}.constructor,
    proto(function* () {}),
    proto(async function* () {}),
    proto((function* () {})()),
    proto((async function* () {})()),
    proto([][Symbol.iterator]()),
    proto(new Map()[Symbol.iterator]()),
    proto(new Set()[Symbol.iterator]()),
    proto(text[Symbol.iterator]()),
    proto(text.matchAll(/a/g)),
    proto(iterators.from({ next: () => ({ done: true, value: undefined }) })),
    proto(iterators.from([]).map((each) => each)),
    Object.getOwnPropertyDescriptor(
      (function () {
        "use strict";
        return arguments;
      })(),
      "callee",
    )?.get,
    Object.getOwnPropertyDescriptor(new Error("an error has getters of its own"), "stack")?.get,
    Object.getOwnPropertyDescriptor(new Error("an error has getters of its own"), "stack")?.set,
  ];
}

/** Prototypes of which programs assign any property on objects that inherit from them. */
function overridable(realm: Realm): Map<object, readonly string[] | "all"> {
  const all = new Map<object, readonly string[] | "all">();
  all.set(Object.prototype, "all");
  all.set(Function.prototype, "all");
  for (const name of Object.getOwnPropertyNames(realm)) {
    const made = realm[name];
    if (typeof made !== "function") continue;
    const prototype = (made as { prototype?: unknown }).prototype;
    if (typeof prototype !== "object" || prototype === null || all.has(prototype)) continue;
    // An array's and a promise's constructor are left as they are: V8 is quick with arrays and await only for as long as they are plain properties.
    if (made === Array) all.set(prototype, ["toString", "toLocaleString", "concat", "push"]);
    else if (made === Promise) all.set(prototype, ["toString"]);
    else all.set(prototype, name.endsWith("Error") ? "all" : ["constructor", "toString", "valueOf", "toJSON", "name"]);
  }
  return all;
}

function freezeAll(realm: Realm): void {
  const queue: unknown[] = [realm, ...hiddenRoots()];
  for (const [owner, keys] of overridable(realm)) {
    // What an accessor gives is not seen from outside, and is frozen all the same.
    for (const key of keys === "all" ? Object.getOwnPropertyNames(owner) : keys)
      queue.push(makeOverridable(owner, key));
  }
  freezeReachable(queue);
}

/** Freezes all that the values lead to; empties the queue. */
function freezeReachable(queue: unknown[]): void {
  const seen = new Set<object>();
  for (let value = queue.pop(); queue.length > 0 || value !== undefined; value = queue.pop()) {
    if ((typeof value !== "object" && typeof value !== "function") || value === null || seen.has(value)) continue;
    seen.add(value);
    queue.push(Object.getPrototypeOf(value));
    for (const key of Reflect.ownKeys(value)) {
      const { value: held, get, set } = Object.getOwnPropertyDescriptor(value, key) as PropertyDescriptor;
      for (const each of [held, get, set]) if (each !== undefined) queue.push(each);
    }
  }
  for (const object of seen) Object.freeze(object);
}

/**
 * V8 keeps a prototype that was changed as a dictionary until something is looked up on an object that inherits from it. Texts and numbers are no objects, so each `text.charCodeAt(at)` would go the slow way for as long as the realm lives.
 */
function quickenPrimitives(): void {
  // What V8 compiled and has run a few times counts.
  const lookups = 100;
  for (const wrapped of ["", 0, 0n, true, Symbol.iterator].map(Object) as Realm[]) {
    for (let turn = 0; turn < lookups; turn++) void wrapped["valueOf"];
  }
}

/** Makes an accessor of a property, and answers what it holds. */
function makeOverridable(owner: object, key: string): unknown {
  const descriptor = Object.getOwnPropertyDescriptor(owner, key);
  if (descriptor === undefined || !("value" in descriptor) || !descriptor.configurable) return undefined;
  const value: unknown = descriptor.value;
  Object.defineProperty(owner, key, {
    get: () => value,
    set(this: unknown, assigned: unknown) {
      if (this === owner) throw new TypeError(`${key} of a built-in object can't be changed`);
      if ((typeof this !== "object" && typeof this !== "function") || this === null) return;
      if (Object.hasOwn(this, key)) (this as Realm)[key] = assigned;
      else Object.defineProperty(this, key, { value: assigned, writable: true, enumerable: true, configurable: true });
    },
    enumerable: false,
    configurable: false,
  });
  return value;
}
