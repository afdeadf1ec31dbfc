/** A script's job from its module to its result: what `job` offers, in which order its promises settle, what a child does when it is told to stop. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { RandomStream } from "../../../src/abi/virtual.ts";
import { type ScriptChild, ScriptChildDied, type ScriptTurn } from "../../../src/isolate-host/script/script-child.ts";
import { hashObject } from "../../../src/store/object.ts";
import { oid, type Oid } from "../../../src/store/oid.ts";
import type { Outcome } from "../../../src/store/outcome.ts";
import { encodeTree } from "../../../src/store/tree.ts";
import { endText, jobOf, MemoryFrame, runToEnd } from "./memory-frame.ts";
import { OwnChild } from "./own-child.ts";

const heapMb = 128;
let child: ScriptChild;
beforeAll(() => {
  child = new OwnChild({ heapMb });
});
afterAll(() => child.close());

const worker = (body: string) => `"use strict";exports.default = async (job) => {${body}\n};`;
function end(body: string, args: Readonly<Record<string, string>> = {}, frame = new MemoryFrame()): string {
  return endText(runToEnd(child, frame, jobOf(frame, worker(body), args)));
}
const blob = (text: string): Outcome => ({ kind: "blob", oid: hashObject("blob", Buffer.from(text)) });

test.each<[string, string, string]>([
  ["bytes", "return new Uint8Array([104, 105])", "hi"],
  ["the bytes of a part of a buffer", "return new Uint8Array([1, 104, 105, 2]).subarray(1, 3)", "hi"],
  ["a buffer", "return new Uint8Array([104]).buffer", "h"],
  ["a view", "return new DataView(new Uint8Array([1, 104]).buffer, 1)", "h"],
  ["text, as UTF-8", "return 'h\\u00e9\\u{1f600}'", "hé😀"],
  ["text with half a pair", "return 'a\\ud800b'", "a\ufffdb"],
  ["no text", "return ''", ""],
  [
    "a plain object, as canonical JSON",
    "return {b: [1, -0, 1e21, true, null], a: 'x\\n'}",
    '{"a":"x\\n","b":[1,0,1e+21,true,null]}',
  ],
  [
    "keys by their UTF-16 units",
    "return {'\\ufb33': 1, '\\u{1f600}': 2, z: 3, 10: 4, 9: 5}",
    '{"10":4,"9":5,"z":3,"😀":2,"\ufb33":1}',
  ],
  ["an object that inherits nothing", "return Object.assign(Object.create(null), {a: 1})", '{"a":1}'],
  ["a number", "return 0.1 + 0.2", "0.30000000000000004"],
  ["null", "return null", "null"],
  ["nothing", "", "failed: the guest returned without a result"],
  ["what JSON can't say", "return {a: 1n}", "failed: UnfitJson: value.a is a bigint, which JSON can't say"],
  ["not a number", "return [NaN]", "failed: UnfitJson: value[0] is NaN, which JSON can't say"],
  [
    "an object of a class",
    "return new (class A {})()",
    "failed: UnfitJson: value is an instance of A, which JSON can't say",
  ],
  [
    "a circle",
    "const a = []; a.push(a); return a",
    "failed: UnfitJson: value[0] is an object that it is itself a part of, which JSON can't say",
  ],
  ["a blob that was put", "return job.putBlob('hi')", `blob ${hashObject("blob", Buffer.from("hi"))}`],
  ["an argument", "return job.args.in", `blob ${hashObject("blob", Buffer.from("in"))}`],
])("a job may return %s", (_what, body, expected) => {
  expect(end(body, { in: "in" })).toBe(expected);
});

test("a Map is a tree, trees in it too, whatever their order", () => {
  const frame = new MemoryFrame();
  const inner = encodeTree([{ name: "c", mode: "100644", oid: frame.put("blob", Buffer.from("3")) }]);
  const outer = encodeTree([
    { name: "a", mode: "100644", oid: frame.put("blob", Buffer.from("1")) },
    { name: "b", mode: "40000", oid: frame.put("tree", inner) },
  ]);
  const made = end("return new Map([['b', new Map([['c', 3]])], ['a', '1']])", {}, frame);
  expect(made).toBe(`tree ${hashObject("tree", outer)}`);
});

test("a job reads its arguments, trees, blobs, text and JSON", () => {
  const frame = new MemoryFrame();
  const body = `
    const tree = job.tree(job.argsTree);
    return [Object.keys(job.args), tree.map(({ name }) => name), job.bytes(job.args.in).length, job.text(tree.find(({ name }) => name === 'in').oid), job.json(job.args.json), job.salt, job.args.in.kind]`;
  expect(end(body, { in: "é", json: '{"a":[1]}' }, frame)).toBe(
    '[["in","json"],["in","json"],2,"é",{"a":[1]},"","blob"]',
  );
});

test("a blob that comes with a job is read without asking, and is noted as read only then", () => {
  const read: string[] = [];
  class ReadFrame extends MemoryFrame {
    override blob(name: Oid) {
      read.push(name);
      return super.blob(name);
    }
  }
  const frame = new ReadFrame();
  const job = jobOf(
    frame,
    worker(
      "if (job.salt === 'reads') { job.bytes(job.args.a).fill(0); return job.text(job.args.a) + job.text(job.args.b); } return 'none'",
    ),
    { a: "1", b: "2" },
    "reads",
  );
  const [a, b] = ["1", "2"].map((text) => hashObject("blob", Buffer.from(text))) as [Oid, Oid];
  const near = [{ oid: a, kind: "blob", bytes: Buffer.from("1") }] as const;
  expect(endText(child.run({ ...job, near }, frame).turn)).toBe("12");
  expect(read).toEqual([a, a, b]);
  const other = { ...job, request: { ...job.request, salt: "other" } };
  expect(endText(child.run({ ...other, near }, frame).turn)).toBe("none");
  expect(read).toHaveLength(3);
});

test("blobs of every size cross whole, both ways", () => {
  const frame = new MemoryFrame();
  for (const size of [0, 1, 32_767, 32_768, 32_769, 262_100, 262_144, 262_200, 3_000_000]) {
    const bytes = Buffer.alloc(size);
    for (let at = 0; at < size; at += 7) bytes[at] = at;
    const name = frame.put("blob", bytes);
    const job = jobOf(
      frame,
      worker(
        "const bytes = job.bytes(job.text(job.args.of)); bytes.reverse(); job.log(job.putBlob(bytes).oid); return bytes",
      ),
      { of: name },
    );
    const turn = runToEnd(child, frame, job);
    const reversed = Buffer.from(bytes.toReversed());
    expect(turn.how === "returned" && reversed.equals(turn.bytes)).toBe(true);
    expect(frame.lines.pop()).toBe(hashObject("blob", reversed));
    expect(frame.objects.has(hashObject("blob", reversed))).toBe(true);
  }
});

test("an error of an operation is an exception with the contract's text, and the job goes on", () => {
  const body = `
    const told = [];
    for (const op of [() => job.bytes(job.argsTree), () => job.tree(job.args.in), () => job.text('xyz'), () => job.putTree({'a/b': 'x'}), () => job.json(job.args.in), () => job.putBlob([1])])
      try { op() } catch (error) { told.push(error.message) }
    return told`;
  expect(JSON.parse(end(body, { in: "in" }))).toEqual([
    "the object is not a blob",
    "the object is not a tree",
    "malformed oid",
    "a name is empty, reserved, or has a slash or NUL",
    expect.stringContaining("JSON"),
    "bytes are a typed array, a view or a buffer",
  ]);
});

test("a module that throws, exports nothing, or is no JavaScript fails with a place in it", () => {
  const frame = new MemoryFrame();
  const turn = (module: string) => child.run(jobOf(frame, module), frame).turn;
  expect(turn(worker("\n  null.x"))).toEqual({
    how: "failed",
    code: "trap",
    message: "TypeError: Cannot read properties of null (reading 'x')",
    detail: "2:8",
  });
  expect(turn("exports.default = 3")).toMatchObject({ message: "the worker's module exports no function" });
  const broken = { message: "the module is not valid JavaScript", detail: "Unexpected token '}' [worker.js:1:1]" };
  expect(turn("}")).toMatchObject(broken);
  expect(turn("}")).toMatchObject(broken);
  expect(turn("throw 3")).toMatchObject({ message: "3" });
  expect(turn("module.exports = () => 'a function is enough'")).toMatchObject({ how: "returned" });
});

test("calls go to the host together, once nothing else can run", () => {
  const frame = new MemoryFrame();
  const body = `
    const first = job.run('a', {x: '1'});
    await null; await null;
    const second = job.run(job.args.w, job.argsTree);
    return [await first, await second, await job.run('c')].map((ref) => ref.oid)`;
  const begun = child.run(jobOf(frame, worker(body), { w: "w" }), frame);
  const x = encodeTree([{ name: "x", mode: "100644", oid: hashObject("blob", Buffer.from("1")) }]);
  const { args } = jobOf(frame, "", { w: "w" }).request;
  expect(begun.turn).toEqual({
    how: "waits",
    calls: [
      { image: "/cas/std/a", args: Buffer.from(x) },
      { image: hashObject("blob", Buffer.from("w")), args },
    ],
  });
  expect(frame.objects.has(hashObject("blob", Buffer.from("1")))).toBe(true);
  const next = child.settle(begun.job, [blob("1"), { kind: "tree", oid: args }], frame);
  expect(next).toEqual({ how: "waits", calls: [{ image: "/cas/std/c", args: Buffer.alloc(0) }] });
  const last = child.settle(begun.job, [blob("3")], frame);
  expect(JSON.parse(endText(last))).toEqual([
    hashObject("blob", Buffer.from("1")),
    args,
    hashObject("blob", Buffer.from("3")),
  ]);
});

test("outcomes are told one at a time, lowest call first, with all that follows from one before the next", () => {
  const frame = new MemoryFrame();
  const body = `
    const told = [];
    const tell = (name) => async (value) => { told.push(name); await null; await null; told.push(name + ' after'); return value };
    const calls = ['a', 'b', 'c'].map((name) => job.run(name).then(tell(name), tell(name + ' failed')));
    calls[0].then(() => job.run('d')).then(tell('d'));
    const fastest = await Promise.race([calls[2], calls[1]]);
    await Promise.all(calls); await job.run('e');
    return told.concat(fastest === await calls[1])`;
  const turn = runToEnd(child, frame, jobOf(frame, worker(body)), (image) =>
    image === "a" ? { kind: "failed", code: "abi", message: "no" } : blob(image),
  );
  expect(JSON.parse(endText(turn))).toEqual([
    "a failed",
    "a failed after",
    "b",
    "b after",
    "c",
    "c after",
    "d",
    "d after",
    true,
  ]);
});

test("a failed nested request rejects with its message; runMany tells the first of its list that failed", () => {
  const frame = new MemoryFrame();
  const body = `
    const one = await job.run('bad').catch((error) => [error.name, error.message, error instanceof Error]);
    const many = await job.runMany([{worker: 'a'}, {worker: 'bad', args: {}}, {worker: 'worse'}]).catch((error) => error.message);
    const good = await job.runMany([{worker: 'a'}, {worker: 'b'}]);
    return [one, many, good.length]`;
  const turn = runToEnd(child, frame, jobOf(frame, worker(body)), (image) =>
    image.length > 1 ? { kind: "failed", code: "abi", message: `${image} said no` } : blob(image),
  );
  expect(endText(turn)).toBe('[["WorkerFailed","bad said no",true],"bad said no",2]');
});

test("an argument that is not there is told as what it is", () => {
  expect(end("return job.text(job.args.missing)")).toBe(
    "failed: TypeError: an oid or an entry is wanted, and this is undefined",
  );
});

test("a worker that waits for what nothing settles has failed", () => {
  expect(end("await new Promise(() => {})")).toBe("failed: the worker waits for a promise that nothing settles");
});

test("the clock and random bytes are those of the request, in the contract's order", () => {
  const frame = new MemoryFrame();
  const body = `
    const bytes = crypto.getRandomValues(new Uint8Array(100));
    const more = crypto.getRandomValues(new Uint32Array(1000));
    const dates = [Date.now(), new Date().getTime(), performance.now(), new Date().toISOString(), Date(), new Date(5).getTime(), Date.UTC(2000, 0)];
    return { bytes: [...bytes, ...new Uint8Array(more.buffer)], dates, random: Math.random(), text: new Intl.DateTimeFormat('en').format() }`;
  const job = jobOf(frame, worker(body));
  const [first, again] = [0, 1].map(() => endText(runToEnd(child, frame, job)));
  expect(again).toBe(first);
  const made = JSON.parse(first as string) as { bytes: number[]; dates: unknown[]; random: number; text: string };
  const stream = new RandomStream(job.request.oid);
  const expected = new Uint8Array(4100);
  stream.fill(expected);
  expect(made.bytes).toEqual([...expected]);
  const next = Buffer.alloc(8);
  stream.fill(next);
  expect(made.random).toBe(Number(next.readBigUInt64LE() >> 11n) / 2 ** 53);
  const day = "Sun Sep 09 2001 01:46:40 GMT+0000 (Coordinated Universal Time)";
  expect(made.dates).toEqual([1e12, 1e12, 0.002, "2001-09-09T01:46:40.000Z", day, 5, 946684800000]);
  expect(made.text).toBe("9/9/2001");
  const other = JSON.parse(endText(runToEnd(child, frame, jobOf(frame, worker(body), {}, "salt")))) as typeof made;
  expect(other.bytes).not.toEqual(made.bytes);
});

test("a job's clock is not moved by one that runs while it waits", () => {
  const frame = new MemoryFrame();
  const body =
    "const before = performance.now(); if (job.salt === 'waits') await job.run('a'); return [before, performance.now()]";
  const waits = child.run(jobOf(frame, worker(body), {}, "waits"), frame);
  const between = child.run(jobOf(frame, worker(body), {}, "between"), frame).turn;
  const ends = child.settle(waits.job, [blob("a")], frame);
  expect([endText(between), endText(ends)]).toEqual(["[0,0.001]", "[0,0.001]"]);
});

test("lines are heard in order, those of console too", () => {
  const frame = new MemoryFrame();
  end(
    "job.log('a', 1); console.log('b', {c: 1}); console.error(new Error('d')); job.log('x'.repeat(300_000).length, {e: [2]})",
    {},
    frame,
  );
  expect(frame.lines).toEqual(["a 1", 'b {"c":1}', "Error: d", '300000 {"e":[2]}']);
});

test("text is encoded and decoded as the standard has it", () => {
  const body = `
    const encoder = new TextEncoder(), decoder = new TextDecoder();
    return [decoder.decode(encoder.encode('h\\u00e9\\u{1f600}')), decoder.decode(new Uint8Array([0xef, 0xbb, 0xbf, 0x61, 0xff])), encoder.encode('\\ud800').join()]`;
  expect(JSON.parse(end(body))).toEqual(["hé😀", "a\ufffd", "239,191,189"]);
});

test("what a frame throws ends the job without its guest hearing of it, and the child goes on", () => {
  const frame = new MemoryFrame();
  const fault = new Error("the frame unwinds");
  const job = jobOf(
    frame,
    worker(
      "for (let turn = 0; turn < 3; turn++) try { job.text(job.args.in) } catch {} try { await job.run('a') } catch {} return 'never heard'",
    ),
    { in: "in" },
  );
  frame.fault = fault;
  expect(() => child.run(job, frame)).toThrow(fault);
  const logs = jobOf(frame, worker("job.log('one line too many'); return await job.run('a')"));
  expect(() => child.run(logs, frame)).toThrow(fault);
  const puts = jobOf(frame, worker("job.putBlob('small'); return 'x'"));
  expect(() => child.run(puts, frame)).toThrow(fault);
  frame.fault = undefined;
  expect(endText(child.run(puts, frame).turn)).toBe("x");
});

test("a job that waits can be dropped, and others go on", () => {
  const frame = new MemoryFrame();
  const job = jobOf(frame, worker("return (await job.run('a')).oid"));
  const begun = Array.from({ length: 20 }, () => child.run(job, frame).job);
  for (const number of begun.slice(0, -1)) child.drop(number);
  const oidOfA = (blob("a") as { oid: Oid }).oid;
  expect(endText(child.settle(begun.at(-1) ?? 0, [blob("a")], frame))).toBe(oidOfA);
});

test("ten thousand jobs wait at once, and each gets its own outcomes", () => {
  const frame = new MemoryFrame();
  const job = jobOf(frame, worker("return (await job.run('a')).oid"));
  const begun = Array.from({ length: 10_000 }, () => child.run(job, frame));
  expect(begun.every(({ turn }) => turn.how === "waits")).toBe(true);
  const names = begun.map((_, at) => oid(at.toString(16).padStart(40, "0")));
  const ends: ScriptTurn[] = begun.map(({ job: number }, at) =>
    child.settle(number, [{ kind: "blob", oid: names[at] as Oid }], frame),
  );
  expect(ends.map(endText)).toEqual(names);
});

test("a child that is killed is the end of its pipe, and another one runs the job", () => {
  const frame = new MemoryFrame();
  const doomed = new OwnChild({ heapMb });
  const job = jobOf(frame, worker("return (await job.run('a')).oid"));
  const begun = doomed.run(job, frame);
  doomed.process.kill();
  expect(() => doomed.settle(begun.job, [blob("a")], frame)).toThrow(ScriptChildDied);
  expect(doomed.isOpen).toBe(false);
  expect(() => doomed.run(job, frame)).toThrow(ScriptChildDied);
  doomed.close();
  expect(child.run(job, frame).turn.how).toBe("waits");
});

test("settling a job that does not wait ends the child, and nobody waits for it", () => {
  const doomed = new OwnChild({ heapMb });
  expect(() => doomed.settle(7, [], new MemoryFrame())).toThrow(ScriptChildDied);
  doomed.drop(7);
});
