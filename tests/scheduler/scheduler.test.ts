/** The scheduler over a runner that records what was started and lets the test say how it went. */
import { describe, expect, test } from "vitest";
import { NonAnswerError } from "../../src/abi/non-answer.ts";
import type { Dispatch, LeafEnd, Report, RunHearer, Runner, RunnerNews } from "../../src/scheduler/runner.ts";
import { Scheduler, type LeafRun, type SettledRun } from "../../src/scheduler/scheduler.ts";
import { oid, type Oid } from "../../src/store/oid.ts";
import type { Memo, Outcome } from "../../src/store/outcome.ts";

const r = (n: number): Oid => oid(n.toString(16).padStart(40, "0"));
const result = (n: number): Outcome => ({ kind: "blob", oid: r(n) });
const common = { counts: { executed: 1, frames: 1, asked: 0 }, logs: [] };
const settledTo = (n: number): Report => ({ how: "settled", outcome: result(n), ...common });

class RecordingRunner implements Runner {
  readonly slots: number;
  readonly epoch = 0;
  news: RunnerNews | undefined;
  readonly started: Dispatch[] = [];
  readonly cancelled: Oid[] = [];
  readonly keptNames: Oid[] = [];
  /** Of the dispatch started last. */
  #end: PromiseWithResolvers<Report> | undefined;

  constructor(slots: number) {
    this.slots = slots;
  }

  start(dispatch: Dispatch): Promise<Report> {
    this.started.push(dispatch);
    this.#end = Promise.withResolvers<Report>();
    return this.#end.promise;
  }

  /** What was started last went so. */
  async report(report: Report): Promise<void> {
    this.#end?.resolve(report);
    await settleDown();
  }

  async fail(error: Error): Promise<void> {
    this.#end?.reject(error);
    await settleDown();
  }

  kept(dispatch: Dispatch): void {
    this.keptNames.push(dispatch.requests[0]);
  }

  cancel(dispatch: Dispatch): void {
    this.cancelled.push(dispatch.requests[0]);
  }

  async close(): Promise<void> {}

  get startedNames(): number[] {
    return this.started.map(({ requests }) => Number.parseInt(requests[0], 16));
  }
}

/** Lets all that is ready to go on do so. */
const settleDown = () => new Promise<void>((resolve) => void setImmediate(resolve));

function setUp(slots = 1) {
  const runner = new RecordingRunner(slots);
  return { runner, scheduler: new Scheduler(runner, { outcome: () => undefined }) };
}

/** Hears nothing. */
const deafened: RunHearer = { wantsLogs: false, logged: () => undefined, progressed: () => undefined };

test("two runs of one request start it once and both are told", async () => {
  const { runner, scheduler } = setUp();
  const both = [scheduler.settle(r(1), { run: 1 }), scheduler.settle(r(1), { run: 2 })];
  await runner.report(settledTo(9));
  expect(runner.startedNames).toEqual([1]);
  for (const each of await Promise.all(both)) expect(each.outcome).toEqual(result(9));
});

test("what a suspended request missed is started next, then the request itself", async () => {
  const { runner, scheduler } = setUp();
  const run = scheduler.settle(r(1), { run: 1 });
  await runner.report({
    how: "waiting",
    misses: [{ request: r(2), join: false }],
    ...common,
  });
  await runner.report(settledTo(8));
  await runner.report(settledTo(9));
  expect(runner.startedNames).toEqual([1, 2, 1]);
  expect((await run).counts.executed).toBe(3);
});

test("a non-answer reaches every run that needs the request, and no other", async () => {
  const { runner, scheduler } = setUp();
  const needing = scheduler.settle(r(1), { run: 1 });
  const other = scheduler.settle(r(2), { run: 2 });
  await runner.report({
    how: "waiting",
    misses: [{ request: r(3), join: false }],
    ...common,
  });
  const told = expect(needing).rejects.toMatchObject({ answer: { kind: "host", message: "no disk" } });
  await runner.report({ how: "ended", answer: { kind: "host", message: "no disk" }, ...common });
  await told;
  await runner.report(settledTo(9));
  expect((await other).outcome).toEqual(result(9));
});

test("a circle through suspended requests ends the run and lists them", async () => {
  const { runner, scheduler } = setUp();
  const run = scheduler.settle(r(1), { run: 1 });
  const told = expect(run).rejects.toThrow(new NonAnswerError({ kind: "cycle", requests: [r(1), r(2)] }).message);
  await runner.report({
    how: "waiting",
    misses: [{ request: r(2), join: false }],
    ...common,
  });
  await runner.report({
    how: "waiting",
    misses: [{ request: r(1), join: true }],
    ...common,
  });
  await told;
});

describe("a run that is cancelled", () => {
  test("is told at once, and what ran for it alone is stopped", async () => {
    const { runner, scheduler } = setUp();
    const abort = new AbortController();
    const run = scheduler.settle(r(1), { run: 1, signal: abort.signal });
    abort.abort();
    await expect(run).rejects.toMatchObject({ answer: { kind: "cancelled" } });
    expect(runner.cancelled).toEqual([r(1)]);
  });

  test("never stops what another run awaits", async () => {
    const { runner, scheduler } = setUp();
    const abort = new AbortController();
    const given = scheduler.settle(r(1), { run: 1, signal: abort.signal });
    const kept = scheduler.settle(r(1), { run: 2 });
    abort.abort();
    await expect(given).rejects.toMatchObject({ answer: { kind: "cancelled" } });
    expect(runner.cancelled).toEqual([]);
    await runner.report(settledTo(9));
    expect((await kept).outcome).toEqual(result(9));
  });

  test("does not cancel a run that asks for the same request while it is being stopped", async () => {
    const { runner, scheduler } = setUp();
    const abort = new AbortController();
    const given = scheduler.settle(r(1), { run: 1, signal: abort.signal });
    abort.abort();
    await expect(given).rejects.toMatchObject({ answer: { kind: "cancelled" } });
    const again = scheduler.settle(r(1), { run: 2 });
    await runner.report({ how: "ended", answer: { kind: "cancelled" }, ...common });
    expect(runner.startedNames).toEqual([1, 1]);
    await runner.report(settledTo(9));
    expect((await again).outcome).toEqual(result(9));
  });

  test("before it started is never started", async () => {
    const { runner, scheduler } = setUp();
    await expect(scheduler.settle(r(1), { run: 1, signal: AbortSignal.abort() })).rejects.toMatchObject({
      answer: { kind: "cancelled" },
    });
    expect(runner.started).toEqual([]);
  });
});

test("log lines and counts go to the run on whose behalf a request ran", async () => {
  const { runner, scheduler } = setUp();
  const lines: string[] = [];
  const hearer: RunHearer = { ...deafened, wantsLogs: true, logged: ({ line }) => void lines.push(line) };
  const heard = scheduler.settle(r(1), { run: 1, hearer });
  const deaf = scheduler.settle(r(2), { run: 2 });
  expect(runner.started[0]).toMatchObject({ requests: [r(1)], run: 1, logs: true });
  await runner.report({ ...settledTo(8), logs: [{ request: r(1), line: "one" }] });
  expect(runner.started[1]).toMatchObject({ requests: [r(2)], run: 2, logs: false });
  await runner.report({ ...settledTo(9), counts: { executed: 5, frames: 6, asked: 11 } });
  expect(lines).toEqual(["one"]);
  expect((await heard).counts).toEqual({ executed: 1, frames: 1, memoized: 0 });
  expect((await deaf).counts).toEqual({ executed: 5, frames: 6, memoized: 7 });
});

test("progress is the sum of what all executors did for the run, and of nothing that they did for another", async () => {
  const { runner, scheduler } = setUp(3);
  const told: Record<string, number[]> = { first: [], second: [] };
  const hearer = (name: string): RunHearer => ({
    ...deafened,
    progressed: (executed) => void told[name]?.push(executed),
  });
  for (const [at, name] of ["first", "second"].entries()) {
    follow(scheduler.settle(r(at + 1), { run: at + 1, hearer: hearer(name) }));
  }
  const [one, two] = runner.started as [Dispatch, Dispatch];
  runner.news?.progressed(one, 5);
  runner.news?.progressed(two, 100);
  runner.news?.offered(one, r(1), [r(3)]);
  const offered = runner.started[2] as Dispatch;
  expect(offered.isOffer).toBe(true);
  runner.news?.progressed(offered, 3);
  await runner.report({ how: "served", ...common, counts: { executed: 4, frames: 4, asked: 0 } });
  runner.news?.progressed(one, 6);
  // It has landed, and what it did is counted.
  runner.news?.progressed(offered, 4);
  expect(told).toEqual({ first: [5, 8, 10], second: [100] });
});

test("a rerun is asked of the very request, and not of what it missed", async () => {
  const { runner, scheduler } = setUp();
  const run = scheduler.settle(r(1), { run: 1, rerun: true });
  await runner.report({
    how: "waiting",
    misses: [{ request: r(2), join: false }],
    ...common,
  });
  await runner.report(settledTo(8));
  await runner.report(settledTo(9));
  await run;
  expect(runner.started.map(({ rerun }) => rerun)).toEqual([true, false, true]);
});

test("a bug in the runner is told to everybody who waits", async () => {
  const { runner, scheduler } = setUp();
  const both = [scheduler.settle(r(1), { run: 1 }), scheduler.settle(r(2), { run: 2 })];
  const told = Promise.all(both.map((each) => expect(each).rejects.toThrow("broken")));
  await runner.fail(new Error("broken"));
  await told;
});

function throwing(): never {
  throw new Error("the caller's");
}

/** What a run was told by now: its outcome, the kind of its non-answer, or a bug's message; undefined as long as it waits. */
interface Followed {
  told: Outcome | string | undefined;
}

function follow(run: Promise<SettledRun>): Followed {
  const followed: Followed = { told: undefined };
  run.then(
    ({ outcome }) => (followed.told = outcome),
    (error: unknown) => (followed.told = error instanceof NonAnswerError ? error.answer.kind : String(error)),
  );
  return followed;
}

/** A dispatch that can't go on without these requests, and without those that were in flight before. */
const waiting = (misses: readonly number[], joins: readonly number[] = []): Report => ({
  how: "waiting",
  misses: [
    ...misses.map((miss) => ({ request: r(miss), join: false })),
    ...joins.map((miss) => ({ request: r(miss), join: true })),
  ],
  ...common,
});

describe("nobody waits for ever", () => {
  test("when one report closes two circles", async () => {
    const { runner, scheduler } = setUp();
    const one = follow(scheduler.settle(r(1), { run: 1 }));
    await runner.report(waiting([3, 4]));
    const other = follow(scheduler.settle(r(5), { run: 2 }));
    await runner.report(settledTo(9));
    expect(runner.startedNames).toEqual([1, 3, 5]);
    await runner.report(waiting([], [4]));
    await runner.report(waiting([], [1, 5]));
    expect([one.told, other.told]).toEqual(["cycle", "cycle"]);
    // What was part of the circles is gone: asked for again, it is started again.
    const again = follow(scheduler.settle(r(4), { run: 3 }));
    await runner.report(settledTo(8));
    expect(again.told).toEqual(result(8));
    expect(runner.startedNames).toEqual([1, 3, 5, 4, 4]);
  });

  test("when the circle is closed on an executor that does not know what was in flight", async () => {
    const { runner, scheduler } = setUp();
    const run = follow(scheduler.settle(r(1), { run: 1 }));
    await runner.report(waiting([2]));
    await runner.report(waiting([1]));
    expect(run.told).toBe("cycle");
  });

  test("when a request is asked for again after a bug", async () => {
    const { runner, scheduler } = setUp();
    const first = follow(scheduler.settle(r(1), { run: 1 }));
    await runner.fail(new Error("broken"));
    expect(first.told).toBe("Error: broken");
    const again = follow(scheduler.settle(r(1), { run: 2 }));
    await runner.report(settledTo(9));
    expect(again.told).toEqual(result(9));
    expect(runner.startedNames).toEqual([1, 1]);
  });

  test("when a caller's own log function throws: the request can be asked for again", async () => {
    const { runner, scheduler } = setUp();
    const first = follow(scheduler.settle(r(1), { run: 1, hearer: { ...deafened, logged: throwing } }));
    await runner.report({ ...settledTo(9), logs: [{ request: r(1), line: "x" }] });
    expect(first.told).toBe("Error: the caller's");
    const again = follow(scheduler.settle(r(1), { run: 2 }));
    await runner.report(settledTo(9));
    expect(again.told).toEqual(result(9));
    expect(runner.startedNames).toEqual([1, 1]);
  });
});

describe("nothing is started for nobody", () => {
  test("after a bug: what was ready for those who were told is forgotten", async () => {
    const { runner, scheduler } = setUp();
    const both = [follow(scheduler.settle(r(1), { run: 1 })), follow(scheduler.settle(r(2), { run: 2 }))];
    await runner.fail(new Error("broken"));
    expect(both.map(({ told }) => told)).toEqual(["Error: broken", "Error: broken"]);
    const later = follow(scheduler.settle(r(3), { run: 3 }));
    await runner.report(settledTo(9));
    expect(later.told).toEqual(result(9));
    expect(runner.startedNames).toEqual([1, 3]);
  });

  test("when a request that was given up suspends before it can be stopped", async () => {
    const { runner, scheduler } = setUp();
    const abort = new AbortController();
    const given = follow(scheduler.settle(r(1), { run: 1, signal: abort.signal }));
    abort.abort();
    await runner.report(waiting([3, 4]));
    expect(given.told).toBe("cancelled");
    expect(runner.startedNames).toEqual([1]);
  });

  test("when it suspends, except what another run awaits", async () => {
    const { runner, scheduler } = setUp();
    const abort = new AbortController();
    const given = follow(scheduler.settle(r(1), { run: 1, signal: abort.signal }));
    const kept = follow(scheduler.settle(r(4), { run: 2 }));
    abort.abort();
    await runner.report(waiting([2, 4, 3]));
    await runner.report(settledTo(9));
    expect([given.told, kept.told]).toEqual(["cancelled", result(9)]);
    expect(runner.startedNames).toEqual([1, 4]);
  });
});

describe("a leaf", () => {
  const along = { objects: [], generation: 1, epoch: 0 };
  const memo: Memo = { outcome: result(9), detail: undefined, fuel: 0, reads: [], children: [] };
  const leafEnd: LeafEnd = { objects: [], memo, events: Buffer.alloc(0) };
  const ended: Report = { ...settledTo(9), leaf: leafEnd };

  test("is dispatched with what goes along and no number; what it came to is kept before anybody is told, and then its claim given back", async () => {
    const { runner, scheduler } = setUp();
    const told: string[] = [];
    const run: LeafRun = {
      along: () => along,
      number: () => expect.unreachable("nobody needs it"),
      keep: (end, counts) => void told.push(`kept ${end === leafEnd} ${counts.executed} ${runner.keptNames.length}`),
    };
    const settled = scheduler.settle(r(1), { run }).then(() => void told.push(`told ${runner.keptNames.length}`));
    expect(runner.started).toMatchObject([{ requests: [r(1)], run: 0, along }]);
    await runner.report(ended);
    await settled;
    expect(told).toEqual(["kept true 1 0", "told 1"]);
    expect(runner.keptNames).toEqual([r(1)]);
  });

  test("that can't be kept is no answer, and its claim is given back all the same", async () => {
    const { runner, scheduler } = setUp();
    const answer = { kind: "host", message: "the disk is full" } as const;
    const run: LeafRun = { along: () => along, number: () => 1, keep: () => answer };
    const failed = scheduler.settle(r(1), { run }).catch((error: unknown) => error);
    await runner.report(ended);
    expect(await failed).toMatchObject({ answer });
    expect(runner.keptNames).toEqual([r(1)]);
  });

  test("whose record can't be begun is refused, and can be asked for again", async () => {
    const { runner, scheduler } = setUp();
    let isFull = true;
    const number = () => {
      if (isFull) throw new Error("the disk is full");
      return 7;
    };
    const run: LeafRun = { along: () => undefined, number, keep: () => expect.unreachable() };
    await expect(scheduler.settle(r(1), { run })).rejects.toThrow("the disk is full");
    expect(runner.started).toEqual([]);
    isFull = false;
    const again = scheduler.settle(r(1), { run });
    await runner.report(settledTo(9));
    expect((await again).outcome).toEqual(result(9));
  });

  test("that needs too much to go along is dispatched as all others are", async () => {
    const { runner, scheduler } = setUp();
    const run: LeafRun = { along: () => undefined, number: () => 7, keep: () => expect.unreachable() };
    const settled = scheduler.settle(r(1), { run });
    expect(runner.started).toMatchObject([{ run: 7, along: undefined }]);
    await runner.report(settledTo(9));
    expect((await settled).outcome).toEqual(result(9));
    expect(runner.keptNames).toEqual([]);
  });
});
