/**
 * Two jobs of a child never observe each other, and no job observes the host: each case tries to, with known ways out of isolates and realms. All cases share one child, so what one leaves behind would be seen by the next.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ScriptChild } from "../../../src/isolate-host/script/script-child.ts";
import { hashObject } from "../../../src/store/object.ts";
import type { Outcome } from "../../../src/store/outcome.ts";
import { endText, jobOf, MemoryFrame, runToEnd } from "./memory-frame.ts";
import { OwnChild } from "./own-child.ts";

let child: ScriptChild;
beforeAll(() => {
  child = new OwnChild({ heapMb: 128 });
});
afterAll(() => child.close());

const blob: Outcome = { kind: "blob", oid: hashObject("blob", Buffer.from("a")) };

const failed: Outcome = { kind: "failed", code: "abi", message: "no" };

/** Sloppy code, which may do more than strict code may. */
function end(body: string, args: Readonly<Record<string, string>> = {}): string {
  const frame = new MemoryFrame();
  return endText(
    runToEnd(child, frame, jobOf(frame, `exports.default = async (job) => {${body}\n};`, args), (image) =>
      image === "bad" ? failed : blob,
    ),
  );
}

/** Guest code: everything that can be reached from a global, from what syntax makes, or from what calling any of that gives. */
const walk = `
  const seen = new Set(), queue = [];
  let depth = 0;
  const add = (value) => {
    if ((typeof value !== 'object' && typeof value !== 'function') || value === null || seen.has(value) || seen.size > 20_000) return;
    seen.add(value); queue.push([value, depth]);
  };
  const attempt = (work) => { try { return work() } catch (error) { add(error) } };
  const roots = [
    (function () { return this })(), globalThis, job, job.args, job.argsTree, attempt,
    async () => {}, function* () {}, async function* () {}, (function* () {})(), (async function* () {})(),
    [], {}, /a/, '', 0, 1n, true, Symbol.iterator, new Map(), new Set(), new WeakMap(), new WeakSet(), new Date(), new Error('e'), Promise.resolve(),
    [].keys(), new Map().keys(), new Set().keys(), ''[Symbol.iterator](), 'a'.matchAll(/a/g), [].values().map((x) => x), Iterator.from({next() {}}), new Proxy({}, {}),
    new Intl.Segmenter().segment('a'), new Intl.Segmenter().segment('a')[Symbol.iterator](), new Uint8Array(1), new DataView(new ArrayBuffer(1)), new Intl.DateTimeFormat(),
    (function () { return arguments })(), (function () { 'use strict'; return arguments })(), String.raw\`a\`, ((strings) => strings)\`a\`, import('x').catch((error) => error), Proxy.revocable({}, {}),
    attempt(() => null.x), attempt(() => job.text('x')), attempt(() => eval('1 +')), job.putBlob('x'), job.tree(job.argsTree), job.bytes(job.args.in), await job.run('bad').catch((error) => error), job.run('good'),
  ];
  for (const root of roots) { add(root); add(Object(root)); }
  while (queue.length > 0) {
    const [value, below] = queue.shift();
    depth = below + 1;
    add(attempt(() => Object.getPrototypeOf(value)));
    for (const key of attempt(() => Reflect.ownKeys(value)) ?? []) {
      const found = attempt(() => Reflect.getOwnPropertyDescriptor(value, key)) ?? {};
      add(found.value); add(found.get); add(found.set);
      if (found.get) { add(attempt(() => found.get.call(value))); add(attempt(() => found.get.call(Object.create(value)))) }
    }
    // What calls give is looked at, and its methods once more: without an end there would be new objects for ever.
    if (typeof value !== 'function' || below > 4 || /^(log|run|runMany|walk)$/.test(value.name)) continue;
    for (const work of [() => new value(), () => value(), () => value({}), () => value.call([])]) add(attempt(work));
  }
`;

describe("what jobs share", () => {
  test("nothing that a job can reach and change is reached by another", () => {
    const first = end(
      `${walk}
      for (const value of seen) {
        attempt(() => { value.leak = 'leaked' });
        attempt(() => Object.defineProperty(value, 'leak', { value: 'leaked' }));
        for (const key of attempt(() => Reflect.ownKeys(value)) ?? []) attempt(() => { value[key] = 'leaked' });
        attempt(() => Object.setPrototypeOf(value, { leak: 'leaked' }));
        for (const method of ['set', 'add', 'push', 'unshift', 'fill']) attempt(() => Object(value)[method]({leak: 'leaked'}, 'leaked'));
      }
      return seen.size > 1500`,
      { in: "a" },
    );
    expect(first).toBe("true");
    const second = end(
      `${walk}
      const leaks = [];
      for (const value of seen) {
        if (attempt(() => Object.prototype.hasOwnProperty.call(value, 'leak'))) leaks.push('a property of ' + (value.name ?? typeof value));
        for (const key of attempt(() => Reflect.ownKeys(value)) ?? []) {
          if (attempt(() => Reflect.getOwnPropertyDescriptor(value, key).value) === 'leaked') leaks.push(String(key));
        }
      }
      return leaks`,
      { in: "a" },
    );
    expect(second).toBe("[]");
  });

  test("every object that two jobs both reach is frozen: the walk finds no other that can be extended and is not its own", () => {
    // Each job stamps what it can extend with a name of its own; a stamp of another's would be found.
    const stamp = `${walk}
      const key = Symbol.for('stamp'); const foreign = [];
      for (const value of seen) {
        if (attempt(() => Reflect.getOwnPropertyDescriptor(value, key)) !== undefined) foreign.push(String(value));
        attempt(() => Object.defineProperty(value, key, { value: 1 }));
      }
      return foreign`;
    expect([end(stamp, { in: "a" }), end(stamp, { in: "a" })]).toEqual(["[]", "[]"]);
  });

  test.each<[string, string, string, string]>([
    ["a sloppy global", "leak = 1", "return typeof leak", "undefined"],
    [
      "a property of the global object",
      "globalThis.leak = 1; this && (this.leak = 1)",
      "return [typeof leak, globalThis.leak === undefined]",
      '["undefined",true]',
    ],
    [
      "a global by eval",
      "try { (0, eval)('var leak = 1; function leaky() {}') } catch {} (0, eval)('let leak2 = 1')",
      "return [typeof leak, typeof leaky, typeof leak2]",
      '["undefined","undefined","undefined"]',
    ],
    ["a global by a Function", "try { Function('leak = 1')() } catch {}", "return typeof leak", "undefined"],
    [
      "a polluted prototype",
      "({}).__proto__.leak = 1; [].__proto__.leak = 1; ({}).constructor.prototype.leak = 1",
      "return [({}).leak, [].leak]"
        .replace("return", "return JSON.stringify")
        .replace("[({}).leak, [].leak]", "([({}).leak ?? 0, [].leak ?? 0])"),
      "[0,0]",
    ],
    [
      "a replaced method",
      "Array.prototype.map = () => 'leaked'; JSON.parse = () => 'leaked'; Promise.prototype.then = () => {}",
      "return [[1].map((x) => x + 1), JSON.parse('3')]",
      "[[2],3]",
    ],
    [
      "the last match",
      "/(leak)/.exec('leak')",
      "return [RegExp.$1, RegExp.lastMatch, RegExp.input, RegExp['$&']].map(String)",
      '["undefined","undefined","undefined","undefined"]',
    ],
    [
      "an error of a nested request",
      "const error = await job.run('bad').catch((e) => e); const other = Object.getPrototypeOf(error.constructor); other.leak = 1; Object.getPrototypeOf(other).leak = 1",
      "const error = await job.run('bad').catch((e) => e); return [Object.getPrototypeOf(error.constructor) === Error, String(Error.leak), error.stack]",
      '[true,"undefined","WorkerFailed: no"]',
    ],
    ["a symbol's registry", "Symbol.for('a').leak = 1", "return String(Symbol.for('a').leak)", "undefined"],
    [
      "a template's strings",
      "const f = (s) => s; try { f`a`.leak = 1 } catch {}",
      "const f = (s) => s; return String(f`a`.leak)",
      "undefined",
    ],
    [
      "how errors are spelled",
      "Error.stackTraceLimit = 0; Error.prepareStackTrace = () => 'leaked'; Object.getPrototypeOf(TypeError).prepareStackTrace = () => 'leaked'",
      "return [Error.stackTraceLimit, String(Error.prepareStackTrace), new Error('a').stack]",
      '[10,"undefined","Error: a"]',
    ],
    [
      "a species",
      "try { Array[Symbol.species] = class extends Array { leak() {} } } catch {}",
      "return typeof [].map((x) => x).leak",
      "undefined",
    ],
    [
      "a getter of an error's stack",
      "Object.getOwnPropertyDescriptor(new Error('a'), 'stack').get.leak = 1",
      "return String(Object.getOwnPropertyDescriptor(new Error('a'), 'stack').get.leak)",
      "undefined",
    ],
    [
      "a bound format",
      "const f = new Intl.DateTimeFormat('en').format; f.leak = 1",
      "return String(new Intl.DateTimeFormat('en').format.leak)",
      "undefined",
    ],
  ])("a job leaves nothing behind by %s", (_what, leave, look, expected) => {
    end(leave);
    expect(end(look)).toBe(expected);
  });

  test("a module is evaluated anew for each job", () => {
    const frame = new MemoryFrame();
    const module =
      "let count = 0; const held = {}; exports.default = async () => { held.seen = (held.seen ?? 0) + 1; return [++count, held.seen] }";
    const ends = ["a", "b"].map((salt) => endText(runToEnd(child, frame, jobOf(frame, module, {}, salt))));
    expect(ends).toEqual(["[1,1]", "[1,1]"]);
  });

  test.each([
    "}); let leak = 1; (function () {",
    "} let leak = 1; {",
    "/*",
    "`${",
    "<!-- }); let leak = 1; (() => {\n});",
    "return 1",
    "new.target",
    "}\n}); globalThis.leak = 1; ({ a() {",
  ])("a module's text can't leave its function: %s", (text) => {
    const frame = new MemoryFrame();
    expect(endText(child.run(jobOf(frame, text), frame).turn)).toMatch(/^failed: /);
    expect(end("return typeof leak")).toBe("undefined");
  });

  test("what a job leaves running ends with it: no later job sees its promises, thenables or rejections go on", () => {
    const frame = new MemoryFrame();
    const late = `
      exports.default = async (job) => {
        const go = async () => { for (let turn = 0; turn < 50; turn++) { await null; Math.random(); try { job.log('late') } catch {} } };
        void go(); job.run('never').then(go);
        Promise.reject(Object.defineProperty(new Error('unhandled'), 'message', { get() { Promise.resolve().then(go); Math.random(); Date.now(); return 'm' } }));
        return { get a() { void go(); return 1 }, b: 2 };
      }`;
    expect(endText(child.run(jobOf(frame, late), frame).turn)).toBe('{"a":1,"b":2}');
    const heard = frame.lines.length;
    const look = jobOf(
      frame,
      "exports.default = async () => { for (let turn = 0; turn < 99; turn++) await null; return [performance.now(), Math.random()] }",
    );
    const seen = endText(child.run(look, frame).turn);
    const other = new OwnChild({ heapMb: 128 });
    expect(endText(other.run(look, frame).turn)).toBe(seen);
    other.close();
    expect(frame.lines.length).toBe(heard);
  });

  test("what a job does between its small result and the end of its turn changes neither that result nor the next job's", () => {
    const frame = new MemoryFrame();
    const before = [
      "const late = () => { for (const work of [() => job.log('late'), () => job.putBlob('late'), () => job.putTree({ late: 'x' }), () => job.run('late'), () => job.text(job.args.in), () => console.log('late'), () => Math.random(), () => crypto.getRandomValues(new Uint8Array(4096)), () => new TextEncoder().encode('late'), () => { throw new Error('late') }]) try { work() } catch {} };",
      "const later = async (turns) => { for (let turn = 0; turn < turns; turn++) { await null; late() } throw new Error('unhandled') };",
    ].join("\n");
    const bodies = [
      "void later(60); return 'small'",
      "void later(60); return { then(resolve) { resolve('small'); late(); resolve('another'); throw new Error('late') } }",
      "return { get a() { job.log('in time'); void later(9); return job.putBlob('x'.repeat(40_000)).kind }, get b() { late(); return 2 } }",
      "void later(60); throw 'small'",
    ];
    const ends = bodies.map((body) => {
      const module = `exports.default = async (job) => { ${before}\n${body} };`;
      return endText(child.run(jobOf(frame, module, { in: "x" }), frame).turn);
    });
    const alone = new OwnChild({ heapMb: 128 });
    const aloneEnds = bodies.toReversed().map((body) => {
      const module = `exports.default = async (job) => { ${before}\n${body} };`;
      return endText(alone.run(jobOf(frame, module, { in: "x" }), frame).turn);
    });
    alone.close();
    expect(ends).toEqual(aloneEnds.toReversed());
    expect(ends).toEqual(["small", "small", '{"a":"blob","b":2}', "failed: small"]);
    expect(end("return 'next'")).toBe("next");
  });

  test("a job can't use the job object of another, nor its own once it has ended", () => {
    expect(end("let later; const kept = job; Promise.resolve().then(() => {}); return kept === job")).toBe("true");
    const frame = new MemoryFrame();
    const module =
      "exports.default = (job) => ({ then(resolve) { resolve('done'); Promise.resolve().then(() => {}).then(() => {}).then(() => { try { job.putBlob('late') } catch {} }) } })";
    expect(endText(child.run(jobOf(frame, module), frame).turn)).toBe("done");
  });
});

describe("the host", () => {
  test.each<[string, string, string]>([
    [
      "Node's names",
      "return ['process', 'require', 'module_', 'Buffer', 'global', 'setTimeout', 'setImmediate', 'fetch', 'WebAssembly', 'SharedArrayBuffer', 'Atomics', 'WeakRef', 'FinalizationRegistry', 'Temporal', 'ivm', 'gc'].filter((name) => { try { return typeof (0, eval)(name) !== 'undefined' } catch { return false } })",
      "[]",
    ],
    [
      "a constructor's constructor",
      "return [job, job.log, job.run, console.log, Math.random, Date, crypto.getRandomValues].map((each) => { try { return each.constructor.constructor('return typeof process + typeof require')() } catch (error) { return error.name } })",
      JSON.stringify(Array.from({ length: 7 }, () => "undefinedundefined")),
    ],
    ["an import", "return import('fs').catch((error) => error instanceof Error)", "true"],
    [
      "an import by eval",
      "return Function('return import(\"node:fs\")')().catch((error) => error instanceof Error)",
      "true",
    ],
    [
      "the caller",
      "const f = function f() { const { caller } = f; return typeof caller === 'function' ? caller.toString() : String(caller) }; return f().startsWith('async (job)') || f()",
      "true",
    ],
    [
      "the caller of a callback",
      "let seen; const f = function f() { seen = f.caller; return 'x' }; job.putTree(Object.defineProperty({}, 'x', { get: f, enumerable: true })); return String(seen)",
      "null",
    ],
    [
      "call sites",
      "let sites; const saved = Error.prepareStackTrace; Error.prepareStackTrace = (error, given) => { sites = given }; void new Error('a').stack; return String(sites)",
      "undefined",
    ],
    [
      "an error of the host's",
      "try { job.text('bad') } catch (error) { return [error instanceof Error, /isolate|node:|\\.ts|\\//.test(error.stack + error.message)] }",
      "[true,false]",
    ],
    [
      "an error of a module that is missing",
      "try { require('x') } catch (error) { return error.stack }",
      "ReferenceError: require is not defined",
    ],
    ["a stack with places", "return (function deep() { return new Error('a').stack })()", "Error: a"],
    ["what captureStackTrace gives", "const into = {}; Error.captureStackTrace(into); return into.stack", "Error: "],
    [
      "memory shared with the host",
      "const all = []; for (const key of Reflect.ownKeys(job)) if (ArrayBuffer.isView(job[key])) all.push(key); return [all.length, job.bytes(job.args.in).buffer.constructor.name, job.bytes(job.args.in).buffer.byteLength]",
      '[0,"ArrayBuffer",1]',
    ],
    [
      "locales and zones",
      "return [new Intl.DateTimeFormat().resolvedOptions().timeZone, new Intl.DateTimeFormat().resolvedOptions().locale, new Date(0).getTimezoneOffset(), (1234.5).toLocaleString(), 'b'.localeCompare('A')]",
      '["UTC","en-US",0,"1,234.5",1]',
    ],
  ])("is not seen by %s", (_what, body, expected) => {
    expect(end(body, { in: "a" })).toBe(expected);
  });
});

describe("what crosses", () => {
  test.each<[string, string, string]>([
    ["a Proxy for a result", "return new Proxy({ a: 1 }, {})", '{"a":1}'],
    [
      "a Proxy whose traps throw",
      "return new Proxy({}, { ownKeys() { throw new Error('trap') } })",
      "failed: Error: trap",
    ],
    [
      "a Proxy of an object of the store",
      "return new Proxy(job.args.in, {})",
      '{"kind":"blob","mode":"100644","oid":"2e65efe2a145dda7ee51d1741299f848e5bf752e"}',
    ],
    [
      "what forges an object of the store",
      "const ref = job.putBlob('x'), like = { kind: ref.kind, oid: ref.oid, mode: ref.mode }; const attempt = (value) => { try { job.putTree({ x: job.text(value) }); return 'taken' } catch (error) { return error.name } }; return [like, Object.create(ref), Object.setPrototypeOf(like, ref), new Proxy(ref, {}), structured(ref), Reflect.construct(Object.getPrototypeOf(ref).constructor, [like]), Reflect.construct(Object, [], function () { return ref })].map(attempt); function structured(value) { return JSON.parse(JSON.stringify(value)) }",
      JSON.stringify(Array.from({ length: 7 }, () => "TypeError")),
    ],
    [
      "a Map and bytes that say they are plain",
      "return [new Map([['a', 'b']]), new ArrayBuffer(2)].map((value) => Object.setPrototypeOf(value, null))",
      "[{},{}]",
    ],
    [
      "a species of bytes",
      "class Mine extends Uint8Array { static get [Symbol.species]() { throw new Error('asked') } get length() { throw new Error('asked') } slice() { throw new Error('asked') } }; return Mine.of(97, 98)",
      "ab",
    ],
    [
      "what a segmenter gives, by every way to it",
      "const { segment } = Intl.Segmenter.prototype; class Mine extends Intl.Segmenter { segment(text) { return super.segment(text) } } const all = [Reflect.apply(segment, new Intl.Segmenter(), ['a']), new Mine().segment('a'), new Intl.Segmenter().segment({ toString: () => { all0 = new Intl.Segmenter().segment('b'); return 'a' } })]; var all0; return [...all, all0].flatMap((each) => [each, each[Symbol.iterator]()]).map((each) => Object.isFrozen(Object.getPrototypeOf(each)))",
      JSON.stringify(Array.from({ length: 8 }, () => true)),
    ],
    [
      "a Proxy of bytes",
      "return new Proxy(new Uint8Array(1), {})",
      "failed: UnfitJson: value is an instance of Uint8Array, which JSON can't say",
    ],
    [
      "a Proxy of a Map",
      "return new Proxy(new Map(), {})",
      "failed: UnfitJson: value is an instance of Map, which JSON can't say",
    ],
    [
      "a look-alike of an object of the store",
      "return { kind: 'blob', oid: job.args.in.oid, mode: '100644' }.kind",
      "blob",
    ],
    [
      "a thenable that settles twice",
      "return { then(ok, bad) { ok('first'); bad(new Error('second')); ok('third') } }",
      "first",
    ],
    [
      "a promise with a then of its own",
      "const made = Promise.resolve('a'); Object.defineProperty(made, 'then', { value: (ok) => { ok('mine'); ok('again') } }); return made",
      "mine",
    ],
    [
      "a getter that runs the job's own functions",
      "return { get a() { return job.text(job.putBlob('x')) } }",
      '{"a":"x"}',
    ],
    [
      "a getter that waits for ever in microtasks it makes",
      "return { get a() { void Promise.resolve().then(() => job.log('x')); return 1 } }",
      '{"a":1}',
    ],
    [
      "bytes whose length lies",
      "const bytes = new Uint8Array([1, 104]); Object.defineProperty(bytes, 'byteLength', { value: 1e9 }); Object.defineProperty(bytes, 'byteOffset', { value: 7 }); Object.defineProperty(bytes, 'buffer', { value: new ArrayBuffer(9) }); return job.bytes(job.putBlob(bytes)).length",
      "2",
    ],
    [
      "bytes that are gone",
      "const bytes = new Uint8Array(8); bytes.buffer.transfer(); return job.bytes(job.putBlob(bytes)).length",
      "failed: TypeError: Cannot perform Construct on a detached ArrayBuffer",
    ],
    [
      "bytes that change while they are put",
      "const buffer = new ArrayBuffer(8, { maxByteLength: 16 }); const bytes = new Uint8Array(buffer); buffer.resize(4); return job.bytes(job.putBlob(bytes)).length",
      "4",
    ],
    [
      "a Map whose methods are replaced",
      "const map = new Map([['a', '1']]); map.forEach = () => { throw new Error('mine') }; map[Symbol.iterator] = null; return job.tree(job.putTree(map)).length",
      "1",
    ],
    [
      "a name that is not a string",
      "return job.putTree(new Map([[{ toString() { return 'a' } }, 'x']]))",
      "failed: TypeError: a name is not a string",
    ],
    [
      "a name with a NUL",
      "return job.putTree({ 'a\\0b': 'x' })",
      "failed: TypeError: a name is empty, reserved, or has a slash or NUL",
    ],
    [
      "an oid with a toString",
      "return job.text({ toString() { return job.args.in.oid } })",
      "failed: TypeError: malformed oid",
    ],
    [
      "arguments named as prototypes are",
      "return [Object.keys(job.args), job.text(job.args.__proto__)]",
      '[["__proto__","in"],"p"]',
    ],
    ["a thrown Proxy", "throw new Proxy(new Error('a'), { get() { throw 1 } })", "failed: an error that can't be read"],
    ["a thrown null", "throw null", "failed: null"],
    ["a thrown symbol", "throw Symbol('a')", "failed: a symbol"],
    [
      "an error whose text is a getter",
      "throw Object.defineProperty(new Error('a'), 'message', { get() { return 'mine' } })",
      "failed: Error: mine",
    ],
    [
      "floats that are not a number",
      "return job.bytes(job.putBlob(new Float64Array([-NaN, 0 / 0, Infinity - Infinity]))).join('').replaceAll('0', '')",
      "248127248127248127",
    ],
    [
      "floats of four and two bytes that are not a number",
      "const bits = new Uint32Array([0xffc00001]); const half = new Uint16Array([0xfe01]); return [new Float32Array(bits.buffer), new Float16Array(half.buffer), bits].map((each) => job.bytes(job.putBlob(each)).join())",
      '["0,0,192,127","0,126","1,0,192,255"]',
    ],
    [
      "NaNs through a view",
      "const view = new DataView(new ArrayBuffer(8)); view.setFloat64(0, Infinity - Infinity); return [...new Uint8Array(view.buffer)]",
      "[127,248,0,0,0,0,0,0]",
    ],
  ])("%s does no harm", (_what, body, expected) => {
    expect(
      end(
        body,
        Object.fromEntries([
          ["__proto__", "p"],
          ["in", "a"],
        ]),
      ),
    ).toBe(expected);
  });
});

test.each<[string, string, string]>([
  [
    "sets toString, name and constructor of its own",
    "function A() {} A.prototype = {}; A.prototype.constructor = A; A.prototype.toString = () => 'a'; const f = () => {}; f.toString = () => 'f'; class E extends Error { constructor() { super('m'); this.name = 'E'; this.message = 'n' } } return [String(new A()), String(f), String(new E()), new A().constructor === A]",
    '["a","f","E: n",true]',
  ],
  [
    "inherits from arrays, errors and promises",
    "class L extends Array {} class P extends Promise {} const list = L.from([1, 2]).map((x) => x + 1); return [list instanceof L, list.length, await P.resolve(3), new P(() => {}) instanceof P]",
    "[true,2,3,true]",
  ],
  [
    "asks for Error.captureStackTrace and sets its limit",
    "'use strict'; Error.stackTraceLimit = 50; class E extends Error { constructor(m) { super(m); Error.captureStackTrace(this, E) } } return new E('a').stack",
    "Error: a",
  ],
  [
    "sets names on its global object",
    "'use strict'; globalThis.process ??= { env: {} }; return [typeof globalThis.process, globalThis.globalThis === globalThis]",
    '["object",true]',
  ],
  [
    "is a date's",
    "class D extends Date {} return [new D(5).getTime(), new D() instanceof Date, new Date(2000, 0, 1).toISOString(), Date.length]",
    '[5,true,"2000-01-01T00:00:00.000Z",7]',
  ],
])("code that %s works in the sealed realm", (_what, body, expected) => {
  expect(end(body)).toBe(expected);
});

test("V8 looks up what texts and numbers inherit as quickly as in a realm that nobody sealed", () => {
  const natives = new OwnChild({ heapMb: 128, flags: ["--allow-natives-syntax"] });
  try {
    const frame = new MemoryFrame();
    const text = `exports.default = () =>
      [String, Number, BigInt, Boolean, Symbol, Array, Map].filter((each) => !%HasFastProperties(each.prototype)).map(({ name }) => name)`;
    expect(endText(runToEnd(natives, frame, jobOf(frame, text)))).toBe("[]");
  } finally {
    natives.close();
  }
});
