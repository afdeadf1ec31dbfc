import { describe, expect, test } from "vitest";
import { Plan, type SuspendedFrame } from "../../src/scheduler/plan.ts";
import { oid, type Oid } from "../../src/store/oid.ts";

/** The request called `n`. */
const r = (n: number): Oid => oid(n.toString(16).padStart(40, "0"));
const frame = (request: number, ...misses: (number | `${number} in flight`)[]): SuspendedFrame => ({
  request: r(request),
  misses: misses.map((miss) =>
    typeof miss === "number"
      ? { request: r(miss), join: false }
      : { request: r(Number.parseInt(miss, 10)), join: true },
  ),
});

/** All that is ready, in the order in which it would be run. */
function drain(plan: Plan): number[] {
  const order: number[] = [];
  for (let next = plan.next(); next !== undefined; next = plan.next()) order.push(Number.parseInt(next, 16));
  return order;
}

function planOf(...asked: number[]): Plan {
  const plan = new Plan();
  for (const each of asked) plan.ask(r(each));
  return plan;
}

test("a request that is asked for twice is given out once", () => {
  const plan = planOf(1, 1);
  expect(drain(plan)).toEqual([1]);
  expect(drain(plan)).toEqual([]);
  plan.settled(r(1));
  expect(plan.size).toBe(0);
});

test("what a suspended frame missed comes before what was ready earlier, in the order in which it was asked for", () => {
  const plan = planOf(1, 2);
  expect(plan.next()).toBe(r(2));
  plan.suspended([frame(2, 3, 4)]);
  expect(drain(plan)).toEqual([3, 4, 1]);
});

test("a frame is ready again when all that it missed is settled, and not before", () => {
  const plan = planOf(1);
  plan.next();
  plan.suspended([frame(1, 2, 3)]);
  expect(drain(plan)).toEqual([2, 3]);
  plan.settled(r(2));
  expect(drain(plan)).toEqual([]);
  plan.settled(r(3));
  expect(drain(plan)).toEqual([1]);
});

test("a chain of frames that unwound wakes from the innermost to the outermost", () => {
  const plan = planOf(1);
  plan.next();
  plan.suspended([frame(3, 4), frame(2, 3), frame(1, 2)]);
  for (const each of [4, 3, 2, 1]) {
    expect(drain(plan)).toEqual([each]);
    plan.settled(r(each));
  }
  expect(plan.size).toBe(0);
});

test("a frame that unwound without a miss is run again alone", () => {
  const plan = planOf(1);
  plan.next();
  plan.suspended([frame(2), frame(1, 2)]);
  expect(drain(plan)).toEqual([2]);
});

describe("a circle", () => {
  test("is found at the join that closes it, and named in the order of asking", () => {
    const plan = planOf(1);
    plan.next();
    expect(plan.suspended([frame(2, 3), frame(1, 2)])).toEqual([]);
    expect(plan.next()).toBe(r(3));
    expect(plan.suspended([frame(3, "1 in flight")])).toEqual([[r(1), r(2), r(3)]]);
  });

  test("of two runs that wait for each other's requests is found", () => {
    const plan = planOf(1, 2);
    plan.next();
    expect(plan.suspended([frame(2, "1 in flight")])).toEqual([]);
    expect(plan.next()).toBe(r(1));
    expect(plan.suspended([frame(1, "2 in flight")])).toEqual([[r(2), r(1)]]);
  });

  test("is none where two frames wait for one request", () => {
    const plan = planOf(1);
    plan.next();
    expect(plan.suspended([frame(2, 4), frame(3, "4 in flight"), frame(1, 2, 3)])).toEqual([]);
    expect(drain(plan)).toEqual([4]);
    plan.settled(r(4));
    expect(new Set(drain(plan))).toEqual(new Set([2, 3]));
  });
});

describe("a non-answer", () => {
  test("ends all that wait for it, and tells which of them runs asked for", () => {
    const plan = planOf(1, 2);
    plan.next();
    plan.suspended([frame(2, 5)]);
    plan.next();
    plan.next();
    plan.suspended([frame(1, "5 in flight")]);
    expect(plan.ended(r(5)).toSorted()).toEqual([r(1), r(2)]);
    expect(plan.size).toBe(0);
  });

  test("takes with it what only it needed, and leaves what others need", () => {
    const plan = planOf(1, 2);
    plan.next();
    plan.suspended([frame(2, 3)]);
    expect(plan.next()).toBe(r(3));
    expect(plan.next()).toBe(r(1));
    plan.suspended([frame(1, "3 in flight", 4, 5)]);
    expect(plan.next()).toBe(r(4));
    expect(plan.ended(r(4))).toEqual([r(1)]);
    expect(plan.has(r(5))).toBe(false);
    expect(plan.has(r(3))).toBe(true);
    plan.settled(r(3));
    expect(drain(plan)).toEqual([2]);
  });

  test("of a request that nobody knows concerns nobody", () => {
    expect(planOf(1).ended(r(9))).toEqual([]);
  });
});

describe("a run that is given up", () => {
  test("leaves nothing behind that only it wanted", () => {
    const plan = planOf(1);
    plan.next();
    plan.suspended([frame(1, 2, 3)]);
    plan.unask(r(1));
    expect(drain(plan)).toEqual([]);
    expect(plan.size).toBe(0);
  });

  test("does not touch what another run waits for", () => {
    const plan = planOf(1, 2);
    plan.next();
    plan.suspended([frame(2, 3)]);
    plan.unask(r(1));
    expect(plan.has(r(1))).toBe(false);
    expect(drain(plan)).toEqual([3]);
  });

  test("leaves what is running until it says how it went; asked for again meanwhile, it is run again", () => {
    const plan = planOf(1);
    plan.next();
    plan.unask(r(1));
    expect(plan.isWanted(r(1))).toBe(false);
    plan.ask(r(1));
    expect(plan.isWanted(r(1))).toBe(true);
    expect(drain(plan)).toEqual([]);
    plan.stopped(r(1));
    expect(drain(plan)).toEqual([1]);
    plan.unask(r(1));
    plan.stopped(r(1));
    expect(plan.size).toBe(0);
  });
});

test("the cause of a request is that of the run that it was first wanted for", () => {
  const plan = planOf(1);
  plan.next();
  plan.suspended([frame(3, 4), frame(2, 3), frame(1, 2)]);
  expect(plan.causeOf(r(4))).toBe(r(1));
});
