/** How busy a thread is, by clocks that stand still until they are moved. */
import { expect, test } from "vitest";
import { BusyShare } from "../../src/isolate-host/busy-share.ts";

/** A thread, and what it does: for `ms` it computes that share of the time, and ends so many jobs. */
function thread() {
  const at = { nowMs: 0, computedMs: 0 };
  const busy = new BusyShare({ nowMs: () => at.nowMs, computedMs: () => at.computedMs });
  const runs = (ms: number, share: number, jobs: number) => {
    at.nowMs += ms;
    at.computedMs += ms * share;
    for (let job = 0; job < jobs; job++) busy.end();
  };
  return { busy, runs };
}

test("the share is known ten milliseconds after it was first asked for, and again after it was forgotten", () => {
  const { busy, runs } = thread();
  runs(1000, 0.9, 10);
  expect(busy.share()).toBeUndefined();
  runs(9, 0.5, 90);
  expect(busy.share()).toBeUndefined();
  runs(1, 0.5, 10);
  expect(busy.share()).toBeCloseTo(0.5);
  busy.forget();
  expect(busy.share()).toBeUndefined();
  runs(20, 0.25, 1);
  expect(busy.share()).toBeCloseTo(0.25);
});

test("a thread that waits for one job is not busy, whatever it computes meanwhile", () => {
  const { busy, runs } = thread();
  expect(busy.share()).toBeUndefined();
  runs(1000, 0.8, 0);
  expect(busy.share()).toBe(0);
});

test("long jobs that follow a minute of quick ones are seen as soon as the first of them has ended", () => {
  const { busy, runs } = thread();
  for (let ms = 0; ms < 60_000; ms += 2) {
    busy.share();
    runs(2, 0.5, 40);
  }
  expect(busy.share()).toBeCloseTo(0.5);
  runs(1000, 0.01, 1);
  expect(busy.share()).toBeLessThan(0.2);
});

test("where a spell has just begun the last one's share holds", () => {
  const { busy, runs } = thread();
  busy.share();
  runs(300, 0.5, 1);
  expect(busy.share()).toBeCloseTo(0.5);
  runs(9, 0, 1);
  expect(busy.share()).toBeCloseTo(0.5);
  runs(1, 0, 1);
  expect(busy.share()).toBe(0);
});
