/** The seat of an executor, over threads that do and say what the test wants, and a clock that it sets. */
import { EventEmitter } from "node:events";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Request } from "../../src/abi/request.ts";
import type { Dispatch, Report } from "../../src/scheduler/runner.ts";
import { ExecutorSeat } from "../../src/isolate-host/executor-seat.ts";
import type { ExecutorStart, FromExecutor, ToExecutor } from "../../src/isolate-host/message.ts";
import { StatusBoard } from "../../src/isolate-host/status-board.ts";
import { oid } from "../../src/store/oid.ts";

const { threads, processes } = vi.hoisted(() => ({ threads: [] as FakeThread[], processes: [] as FakeProcess[] }));

class FakeThread extends EventEmitter {
  readonly board: StatusBoard;
  readonly told: ToExecutor[] = [];
  /** Lets a terminated thread end. */
  end: ((code: number) => void) | undefined;

  constructor({ workerData }: { readonly workerData: ExecutorStart }) {
    super();
    this.board = new StatusBoard(workerData.status);
  }

  ref(): void {}
  unref(): void {}
  postMessage(message: ToExecutor): void {
    this.told.push(message);
  }
  terminate(): Promise<number> {
    return new Promise((resolve) => {
      this.end = (code) => {
        this.emit("exit", code);
        resolve(code);
      };
    });
  }
  say(message: FromExecutor): void {
    this.emit("message", message);
  }
}

vi.mock("node:worker_threads", () => ({
  Worker: class {
    constructor(_file: URL, options: { readonly workerData: ExecutorStart }) {
      const thread = new FakeThread(options);
      threads.push(thread);
      // The class that is mocked is what a caller gets.
      return thread as unknown as object;
    }
  },
}));

/** A process of scripts that ends when the test says so. */
class FakeProcess {
  readonly pipes = { toChild: 0, fromChild: 0 };
  hasEnded = false;
  readonly signals: string[] = [];
  readonly #end = Promise.withResolvers<void>();
  readonly ended = this.#end.promise;

  constructor() {
    processes.push(this);
  }
  awaitEnd(): Promise<void> {
    return this.ended;
  }
  residentBytes(): number | undefined {
    return undefined;
  }
  kill(): void {
    this.signals.push("kill");
  }
  release(): void {
    this.signals.push("release");
  }
  end(): void {
    this.hasEnded = true;
    this.#end.resolve();
  }
}

vi.mock(import("../../src/isolate-host/script/script-process.ts"), async (original) => ({
  ...(await original()),
  ScriptProcess: class {
    constructor() {
      return new FakeProcess() as unknown as object;
    }
  } as never,
}));

const noCounts = { executed: 0, frames: 0, asked: 0 };
const request = oid("1111111111111111111111111111111111111111");
const dispatchOf = (run: number): Dispatch => ({
  requests: [request],
  isOffer: false,
  parent: undefined,
  run,
  rerun: false,
  logs: false,
});
const settled: Report = { how: "settled", outcome: { kind: "blob", oid: request }, counts: noCounts, logs: [] };

const lost: Report = {
  how: "ended",
  answer: { kind: "host", message: "the process is gone" },
  counts: noCounts,
  logs: [],
};

/** A seat, and how often its claims were dropped; with `graves` a burial takes until it is told. */
function seatOf(graves?: (() => void)[], wallClockMsMax = 60_000) {
  let burials = 0;
  const news: string[] = [];
  const seat = new ExecutorSeat({
    storePath: "",
    wallClockMsMax,
    nestedFramesMax: 64,
    program: "executor",
    scriptFlags: [],
    describeStack: () => "the executor",
    claims: undefined,
    takeScriptWish: () => false,
    onNews: (_, { type }) => void news.push(type),
    bury: () => {
      burials++;
      return graves === undefined ? Promise.resolve() : new Promise((resolve) => void graves.push(resolve));
    },
  });
  return { seat, news, burials: () => burials };
}

/** A seat whose run is cancelled while its thread waits for a process that it was given. */
function cancelledInItsProcess() {
  const { seat } = seatOf();
  const dispatch = dispatchOf(1);
  const report = seat.start(dispatch);
  const [thread] = threads as [FakeThread];
  thread.say({ type: "childWanted" });
  thread.board.waits = true;
  seat.cancel(dispatch);
  return { seat, report, thread };
}

/** What a promise has come to by now. */
async function state<T>(promise: Promise<T>): Promise<T | "pending"> {
  await vi.advanceTimersByTimeAsync(0);
  return Promise.race([promise, Promise.resolve("pending" as const)]);
}

beforeEach(() => {
  vi.useFakeTimers();
  threads.length = 0;
  processes.length = 0;
});
afterEach(() => {
  vi.useRealTimers();
});

test("a thread that is stopped keeps its seat until it has ended and its claims are dropped, whatever it says meanwhile", async () => {
  const { seat, news, burials } = seatOf();
  const dispatch = dispatchOf(1);
  const report = seat.start(dispatch);
  seat.cancel(dispatch);
  await vi.advanceTimersByTimeAsync(1000);
  const [thread] = threads;
  expect(thread?.end).toBeDefined();
  thread?.say({ type: "offer", parent: request, requests: [request] });
  thread?.say({ type: "report", report: settled });
  expect(await state(report)).toBe("pending");
  expect([seat.isBusy, news, burials()]).toEqual([true, [], 0]);
  thread?.end?.(1);
  expect(await state(report)).toMatchObject({ how: "ended", answer: { kind: "cancelled" } });
  expect(burials()).toBe(1);
  const next = seat.start(dispatchOf(2));
  expect(await state(next)).toBe("pending");
  threads[1]?.say({ type: "report", report: settled });
  expect(await state(next)).toBe(settled);
  expect(threads).toHaveLength(2);
});

test("a thread that waits for a process is stopped by that process's end, and its seat goes on with it", async () => {
  const { seat, burials } = seatOf();
  const dispatch = dispatchOf(1);
  const report = seat.start(dispatch);
  const [thread] = threads as [FakeThread];
  thread.say({ type: "childWanted" });
  const [process] = processes as [FakeProcess];
  expect(thread.told.at(-1)).toEqual({ type: "child", pipes: process.pipes });
  expect(thread.board.answers).toBe(1);
  thread.board.waits = true;
  seat.cancel(dispatch);
  await vi.advanceTimersByTimeAsync(1000);
  expect(process.signals).toEqual(["kill"]);
  process.end();
  thread.say({ type: "childClosed" });
  thread.say({ type: "report", report: { ...lost, counts: { executed: 3, frames: 3, asked: 3 } } });
  expect(await state(report)).toEqual({
    how: "ended",
    answer: { kind: "cancelled" },
    counts: { executed: 3, frames: 3, asked: 3 },
    logs: [],
  });
  const next = seat.start(dispatchOf(2));
  thread.say({ type: "report", report: lost });
  expect(await state(next)).toBe(lost);
  expect([threads.length, thread.end, burials()]).toEqual([1, undefined, 0]);
});

test("a guest's clock starts when what it needs is made, which has a minute of its own", async () => {
  for (const isMade of [true, false]) {
    const { seat } = seatOf(undefined, 1000);
    const report = seat.start(dispatchOf(1));
    const [thread] = threads.splice(0) as [FakeThread];
    thread.board.enter(0, { oid: request, image: request } as Request, Buffer.alloc(0));
    thread.board.prepares = true;
    await vi.advanceTimersByTimeAsync(59_000);
    expect(thread.end).toBeUndefined();
    if (isMade) thread.board.prepares = false;
    await vi.advanceTimersByTimeAsync(1000);
    expect(thread.end).toBeUndefined();
    await vi.advanceTimersByTimeAsync(300);
    thread.end?.(1);
    const message = `the executor ran for more than ${isMade ? 1 : 60} s and was stopped`;
    expect(await state(report)).toMatchObject({ how: "ended", answer: { kind: "host", message } });
  }
});

test("a thread that computes while it has a process is ended at once, with the process", async () => {
  const { seat } = seatOf();
  const report = seat.start(dispatchOf(1));
  const [thread] = threads as [FakeThread];
  thread.say({ type: "childWanted" });
  thread.board.enter(0, { oid: request, image: request } as Request, Buffer.alloc(0));
  await vi.advanceTimersByTimeAsync(60_500);
  expect(processes[0]?.signals).toEqual(["kill"]);
  thread.end?.(1);
  expect(await state(report)).toMatchObject({ how: "ended", answer: { stoppedAfterMs: 60_000 } });
  expect(processes[0]?.signals).toEqual(["kill", "release"]);
});

test("a thread whose process was killed is not ended before the process has given back its memory, and then is, if it does not come back", async () => {
  const { seat } = seatOf();
  const report = seat.start(dispatchOf(1));
  const [thread] = threads as [FakeThread];
  thread.say({ type: "childWanted" });
  const [process] = processes as [FakeProcess];
  thread.board.waits = true;
  thread.board.enter(0, { oid: request, image: request } as Request, Buffer.alloc(0));
  await vi.advanceTimersByTimeAsync(75_000);
  expect([process.signals, thread.end]).toEqual([["kill"], undefined]);
  process.end();
  await vi.advanceTimersByTimeAsync(3000);
  thread.end?.(1);
  const message = "the executor ran for more than 60 s and was stopped";
  expect(await state(report)).toMatchObject({ how: "ended", answer: { kind: "host", message } });
  expect(process.signals).toEqual(["kill", "release"]);
  await seat.close();
});

test("a seat whose thread was ended is closed once its process has ended", async () => {
  const { seat, report, thread } = cancelledInItsProcess();
  await vi.advanceTimersByTimeAsync(40_000);
  thread.end?.(1);
  expect(await state(report)).toMatchObject({ how: "ended", answer: { kind: "cancelled" } });
  const closed = seat.close();
  expect(await state(closed)).toBe("pending");
  processes[0]?.end();
  expect(await state(closed)).toBeUndefined();
});

test("a thread that asks for a process while it is to stop gets none, and its process goes with it", async () => {
  const { report, thread } = cancelledInItsProcess();
  await vi.advanceTimersByTimeAsync(1000);
  thread.say({ type: "childClosed" });
  thread.say({ type: "childWanted" });
  expect(thread.told.at(-1)).toEqual({ type: "noChild", answer: { kind: "cancelled" } });
  expect([processes.length, thread.board.answers]).toEqual([1, 2]);
  thread.say({ type: "report", report: lost });
  expect(await state(report)).toMatchObject({ how: "ended", answer: { kind: "cancelled" } });
});

test("a seat is closed once all processes have ended that its threads had", async () => {
  const { seat } = seatOf();
  const first = seat.start(dispatchOf(1));
  threads[0]?.say({ type: "childWanted" });
  threads[0]?.emit("exit", 1);
  await vi.advanceTimersByTimeAsync(0);
  threads[1]?.say({ type: "childWanted" });
  threads[1]?.say({ type: "report", report: settled });
  expect(await state(first)).toBe(settled);
  const closed = seat.close();
  expect(await state(closed)).toBe("pending");
  threads[1]?.emit("exit", 0);
  processes[1]?.end();
  expect(await state(closed)).toBe("pending");
  expect(processes.map(({ signals }) => signals)).toEqual([["release"], ["release"]]);
  processes[0]?.end();
  expect(await state(closed)).toBeUndefined();
});

test("a thread that ends while it has nothing to do drops no claims: they may be those of the one that follows", async () => {
  const { seat, burials } = seatOf();
  const first = seat.start(dispatchOf(1));
  threads[0]?.say({ type: "report", report: settled });
  expect(await state(first)).toBe(settled);
  threads[0]?.emit("exit", 1);
  const second = seat.start(dispatchOf(2));
  expect(await state(second)).toBe("pending");
  expect([threads.length, burials()]).toEqual([2, 0]);
  threads[1]?.say({ type: "report", report: settled });
  expect(await state(second)).toBe(settled);
});

test("a dispatch whose thread ends is run once more, alone, once the claims are dropped; a second end is a non-answer", async () => {
  const graves: (() => void)[] = [];
  const { seat } = seatOf(graves);
  const report = seat.start(dispatchOf(1));
  threads[0]?.emit("exit", 1);
  expect(await state(report)).toBe("pending");
  expect(threads).toHaveLength(1);
  graves.shift()?.();
  expect(await state(report)).toBe("pending");
  expect(threads[1]?.told).toEqual([{ type: "dispatch", dispatch: dispatchOf(1), alone: true }]);
  threads[1]?.emit("exit", 1);
  expect([await state(report), seat.isBusy]).toEqual(["pending", true]);
  graves.shift()?.();
  const message = "an executor ended with code 1, twice, while the executor ran";
  expect(await state(report)).toMatchObject({ how: "ended", answer: { kind: "host", message } });
  expect(seat.isBusy).toBe(false);
});

test("an error of the engine's own in a thread is told once its claims are dropped, and by nothing else before", async () => {
  const graves: (() => void)[] = [];
  const { seat } = seatOf(graves);
  const dispatch = dispatchOf(1);
  const failure = new Error("a bug");
  const report = seat.start(dispatch).catch((error: unknown) => error);
  threads[0]?.emit("error", failure);
  seat.cancel(dispatch);
  await vi.advanceTimersByTimeAsync(1000);
  expect([await state(report), seat.isBusy]).toEqual(["pending", true]);
  graves.shift()?.();
  expect(await state(report)).toBe(failure);
  expect(graves).toEqual([]);
});
