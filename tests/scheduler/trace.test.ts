/** The trace's bytes, there and back. */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { TraceBuffer, decodeTrace, eventBytes, type How, type TraceEvent } from "../../src/scheduler/trace.ts";
import { oid } from "../../src/store/oid.ts";

const one = oid("1".repeat(40));
const two = oid("2".repeat(40));

/** A time of this thread's clock that is so many milliseconds after 1970. */
const since1970 = (ms: number) => ms - performance.timeOrigin;

test("an event has 64 bytes, literally these", () => {
  const trace = new TraceBuffer(7);
  trace.add(one, two, "suspended", since1970(2 ** 32 / 1000), since1970(2 ** 32 / 1000) + 0.258, 2 ** 32 + 3);
  expect(trace.take().toString("hex")).toBe(`${one}${two}02070000020100000300000001000000000000000000f041`);
  trace.addHit(one, undefined);
  expect(trace.take().toString("hex")).toBe(`${one}${"0".repeat(40)}00070000${"0".repeat(40)}`);
});

test("events come back in the order in which they were added, each once, whenever they are taken", () => {
  const oids = fc.uint8Array({ minLength: 20, maxLength: 20 }).map((bytes) => oid(Buffer.from(bytes).toString("hex")));
  const event = fc.record({
    request: oids,
    parent: fc.option(
      oids.filter((name) => !/^0+$/.test(name)),
      { nil: undefined },
    ),
    how: fc.constantFrom<How>("run", "suspended", "ended"),
    micros: fc.nat(0xffff_ffff),
    fuel: fc.maxSafeNat(),
    // Whole seconds, so that the sums with the clock's origin lose nothing.
    startMicros: fc.integer({ min: 1, max: 4e9 }).map((seconds) => seconds * 1e6),
    executor: fc.constant(3),
  });
  const hit = fc
    .record({ request: oids, parent: fc.constant(one) })
    .map((asked): TraceEvent => ({ ...asked, how: "hit", micros: 0, fuel: 0, startMicros: undefined, executor: 3 }));
  fc.assert(
    fc.property(fc.array(fc.array(fc.oneof(event, hit), { maxLength: 20 }), { maxLength: 5 }), (parts) => {
      const trace = new TraceBuffer(3);
      const taken = parts.map((events) => {
        for (const { request, parent, how, micros, fuel, startMicros } of events) {
          const startedMs = since1970((startMicros ?? 0) / 1000);
          if (startMicros === undefined) trace.addHit(request, parent);
          else trace.add(request, parent, how, startedMs, startedMs + micros / 1000, fuel);
        }
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
  for (let at = 0; at < 5000; at++) trace.add(one, undefined, "run", 0, at / 1000, 0);
  const taken = trace.take();
  for (let at = 0; at < 5000; at++) trace.addHit(two, two);
  expect(decodeTrace(taken).map(({ micros }) => micros)).toEqual(Array.from({ length: 5000 }, (_, at) => at));
  expect(trace.length).toBe(5000);
});

test("time is rounded to microseconds and saturates", () => {
  const trace = new TraceBuffer();
  for (const micros of [1.4, 1.6, 2 ** 32, 1e12]) trace.add(one, undefined, "run", 0, micros / 1000, 0);
  expect(decodeTrace(trace.take()).map(({ micros }) => micros)).toEqual([1, 2, 0xffff_ffff, 0xffff_ffff]);
});

test("bytes that are no whole number of events, or that ended in no known way, are refused", () => {
  expect(() => decodeTrace(Buffer.alloc(63))).toThrow(RangeError);
  const bytes = Buffer.alloc(eventBytes);
  bytes[40] = 4;
  expect(() => decodeTrace(bytes)).toThrow(RangeError);
  expect(decodeTrace(Buffer.alloc(0))).toEqual([]);
});
