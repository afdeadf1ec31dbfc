/** The trace's bytes, there and back. */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { TraceBuffer, decodeTrace, type How } from "../../src/scheduler/trace.ts";
import { oid } from "../../src/store/oid.ts";

const one = oid("1".repeat(40));
const two = oid("2".repeat(40));

test("an event has 56 bytes, literally these", () => {
  const trace = new TraceBuffer();
  trace.add(one, two, "suspended", 258, 2 ** 32 + 3);
  expect(trace.take().toString("hex")).toBe(`${one}${two}02000000020100000300000001000000`);
  trace.add(one, undefined, "hit", 0, 0);
  expect(trace.take().toString("hex")).toBe(`${one}${"0".repeat(72)}`);
});

test("events come back in the order in which they were added, each once, whenever they are taken", () => {
  const oids = fc.uint8Array({ minLength: 20, maxLength: 20 }).map((bytes) => oid(Buffer.from(bytes).toString("hex")));
  const event = fc.record({
    request: oids,
    parent: fc.option(
      oids.filter((name) => !/^0+$/.test(name)),
      { nil: undefined },
    ),
    how: fc.constantFrom<How>("hit", "run", "suspended", "ended"),
    micros: fc.nat(0xffff_ffff),
    fuel: fc.maxSafeNat(),
  });
  fc.assert(
    fc.property(fc.array(fc.array(event, { maxLength: 20 }), { maxLength: 5 }), (parts) => {
      const trace = new TraceBuffer();
      const taken = parts.map((events) => {
        for (const { request, parent, how, micros, fuel } of events) trace.add(request, parent, how, micros, fuel);
        expect(trace.length).toBe(events.length);
        return trace.take();
      });
      expect(decodeTrace(Buffer.concat(taken))).toEqual(parts.flat());
      expect(trace.length).toBe(0);
    }),
  );
});

test("a buffer grows as it must, and what was taken does not change afterwards", () => {
  const trace = new TraceBuffer();
  for (let at = 0; at < 5000; at++) trace.add(one, undefined, "run", at, 0);
  const taken = trace.take();
  for (let at = 0; at < 5000; at++) trace.add(two, two, "hit", 0, 0);
  expect(decodeTrace(taken).map(({ micros }) => micros)).toEqual(Array.from({ length: 5000 }, (_, at) => at));
  expect(trace.length).toBe(5000);
});

test("time is rounded to microseconds and saturates", () => {
  const trace = new TraceBuffer();
  for (const micros of [1.4, 1.6, 2 ** 32, 1e12]) trace.add(one, undefined, "run", micros, 0);
  expect(decodeTrace(trace.take()).map(({ micros }) => micros)).toEqual([1, 2, 0xffff_ffff, 0xffff_ffff]);
});

test("bytes that are no whole number of events, or that ended in no known way, are refused", () => {
  expect(() => decodeTrace(Buffer.alloc(55))).toThrow(RangeError);
  const bytes = Buffer.alloc(56);
  bytes[40] = 4;
  expect(() => decodeTrace(bytes)).toThrow(RangeError);
  expect(decodeTrace(Buffer.alloc(0))).toEqual([]);
});
