/**
 * A seat for an executor: a thread that is started when first needed, told what to run, watched, and replaced when it dies.
 *
 * A guest that runs longer than the wall clock allows, without any frame starting or ending, is a non-answer; its clock starts when it does, not while its module is compiled or its process starts. A script is ended with its process, and its thread comes back; any other guest takes the thread with it. (A thread that
 * started a process and is ended before that is leaves one that nobody can wait for, as long as this process lives.) A thread that dies by itself has its dispatch run once more by a new one, with nothing nested, so that a second death names the guest. What an executor had not committed is lost with it, and computed again when it is asked for.
 */
import { extname } from "node:path";
import { setFlagsFromString } from "node:v8";
import { Worker } from "node:worker_threads";
import { NonAnswerError, type NonAnswer } from "../abi/non-answer.ts";
import type { Dispatch, Report } from "../scheduler/runner.ts";
import type { ExecutorStart, FromExecutor, ToExecutor } from "./message.ts";
import { residentBytes } from "./script/resident-bytes.ts";
import {
  childBytesMax,
  closeChildEnds,
  defaultTurnMsMax,
  killProcess,
  openScriptChild,
  scriptHeapMbMax,
  type OpenedChild,
} from "./script/script-child.ts";
import { StatusBoard, type ShownFrame } from "./status-board.ts";

/** How often a running executor is looked at. */
const watchEveryMs = 100;
/** How long what a guest needs may take to be made, where a guest may not run for longer itself: none of it is the guest's time. */
const preparingMsMax = 60_000;
/** How long an executor that is to stop may take to do so by itself, before its process is killed or its thread is ended. */
const stopGraceMs = 500;
/** How long a thread whose process was killed may take to come back: one that waits for it does at once, where the machine lets it. */
const comeBackGraceMs = 2000;
/** How long a killed process may take to give back its memory, a gigabyte of it on a busy machine: its pipe ends only then, and nobody who waits for it comes back before. */
const goneGraceMs = 30_000;
/** Stack of an executor's thread: 64 nested frames of guests that use little; one that needs more is run alone. */
const stackMb = 32;
/** Young objects of an executor's heap. V8's own bound of 96 MB and more is soon reached and never given back: a fold of 200,000 files peaks 165 MB lower so, and runs as fast. */
const youngMbMax = 24;

/**
 * V8 compiles a function of its own for an import that has been called this often, in place of one that serves all of its type, and frees it with the last instance that has it. In Node 24 that now and then ends the
 * process, where several threads do so (a check of the table of compiled code that all of them share; nodejs/node#64500 tells of the same). So it is put off for ever, at 40 ns a call.
 */
const importWrapperFlag = "--wasm-wrapper-tiering-budget=2000000000";

export interface SeatOptions {
  readonly storePath: string;
  /** A guest that runs longer than this on its own ends as a non-answer. */
  readonly wallClockMsMax: number;
  readonly nestedFramesMax: number;
  /** What its thread runs: executors settle requests, verifiers execute again what is remembered. */
  readonly program: "executor" | "verifier";
  /** Flags of V8 for processes that run scripts. */
  readonly scriptFlags: readonly string[];
  /** Says where a guest was when it was stopped, in a sentence for a person. */
  readonly describeStack: (stack: readonly ShownFrame[]) => string;
  readonly claims: ExecutorStart["claims"];
  /** Whether a script is to run soon and nobody has started a process for it. */
  readonly takeScriptWish: () => boolean;
  /** Told of what an executor says before its report. */
  readonly onNews: (dispatch: Dispatch, news: Exclude<FromExecutor, { type: "report" | "childClosed" }>) => void;
  /** Does what is to be done once a thread has ended: nobody may wait for its claims. */
  readonly bury: () => Promise<void>;
}

interface Running {
  readonly dispatch: Dispatch;
  readonly alone: boolean;
  readonly settle: (report: Report) => void;
  readonly reject: (error: unknown) => void;
  turns: number;
  sinceMs: number;
}

export class ExecutorSeat {
  readonly #options: SeatOptions;
  readonly #board = new StatusBoard();
  #worker: Worker | undefined;
  #running: Running | undefined;
  #watch: NodeJS.Timeout | undefined;
  /** Why the running dispatch is to end, whatever its executor says of that, and when it has had the time to. */
  #ending: { readonly answer: NonAnswer; untilMs: number } | undefined;
  /** The process that was killed so that the thread comes back. */
  #killed: { readonly pid: number; readonly sinceMs: number } | undefined;
  /** Told when the running dispatch has ended, by `close`. */
  #onIdle: (() => void) | undefined;

  constructor(options: SeatOptions) {
    this.#options = options;
  }

  get isBusy(): boolean {
    return this.#running !== undefined;
  }

  get hasThread(): boolean {
    return this.#worker !== undefined;
  }

  start(dispatch: Dispatch): Promise<Report> {
    if (this.#running !== undefined) throw new Error("an executor runs one dispatch at a time");
    this.#board.cancelled = false;
    this.#ending = undefined;
    this.#killed = undefined;
    return new Promise((settle, reject) => this.#send({ dispatch, alone: false, settle, reject }));
  }

  cancel(dispatch: Dispatch): void {
    if (this.#running?.dispatch === dispatch) this.#cancelRunning();
  }

  #cancelRunning(): void {
    if (this.#ending === undefined) this.#askToStop({ kind: "cancelled" }, stopGraceMs);
  }

  #askToStop(answer: NonAnswer, graceMs: number): void {
    this.#board.cancelled = true;
    this.#ending = { answer, untilMs: performance.now() + graceMs };
  }

  async close(): Promise<void> {
    const { promise: idle, resolve: tellIdle } = Promise.withResolvers<void>();
    if (this.#running === undefined) tellIdle();
    else {
      this.#cancelRunning();
      this.#onIdle = tellIdle;
    }
    await idle;
    const worker = this.#worker;
    if (worker === undefined) return;
    this.#worker = undefined;
    const ended = new Promise((resolve) => worker.once("exit", resolve));
    worker.ref();
    worker.postMessage({ type: "close" } satisfies ToExecutor);
    await ended;
  }

  #send(task: Pick<Running, "dispatch" | "alone" | "settle" | "reject">): void {
    // Its process starts while the thread does, and takes as long.
    const wants = this.#worker === undefined && this.#options.takeScriptWish();
    const child = wants ? openedChild(turnMsFor(this.#options.wallClockMsMax)) : undefined;
    const worker = this.#worker ?? this.#spawn();
    worker.ref();
    if (child !== undefined) giveScriptChild(worker, child);
    this.#worker = worker;
    this.#running = { ...task, turns: this.#board.turns, sinceMs: performance.now() };
    this.#watch = setInterval(() => this.#look(), watchEveryMs);
    worker.postMessage({ type: "dispatch", dispatch: task.dispatch, alone: task.alone } satisfies ToExecutor);
  }

  #spawn(): Worker {
    // A thread that was stopped has left its frames on the board.
    this.#board.leave(0);
    this.#board.hearsOut = false;
    this.#board.prepares = false;
    this.#board.waits = false;
    const { storePath, nestedFramesMax, claims, program, scriptFlags, wallClockMsMax } = this.#options;
    // Beside this file as a source, as a built module, and in a bundle. An executor is bundled for built modules, too, since its thread's start is mostly modules being found, linked and compiled.
    const extension = extname(import.meta.url);
    const isAbove = extension === ".js" && program === "executor";
    const file = isAbove ? "../executor.cjs" : `./${program}${extension}`;
    const status = this.#board.shared;
    const scriptTurnMs = turnMsFor(wallClockMsMax);
    const start: ExecutorStart = { storePath, status, nestedFramesMax, claims, scriptFlags, scriptTurnMs };
    // Before any thread has run a module: it is the process's, and read when an instance is made.
    setFlagsFromString(importWrapperFlag);
    const worker = new Worker(new URL(file, import.meta.url), {
      workerData: start,
      resourceLimits: { stackSizeMb: stackMb, maxYoungGenerationSizeMb: youngMbMax },
      // A thread takes over the process's flags, and one that says how a program's text was given would end it. (Those that are for processes only can't be passed on by hand.)
      ...(process.execArgv.some((flag) => flag.startsWith("--input-type")) ? { execArgv: [] } : {}),
      // Guests see nothing of the host; the host's own code needs nothing of the environment here.
      env: {},
    });
    worker.on("message", (message: FromExecutor) => {
      // What a stopped thread still says comes too late: its seat is not free before its claims are.
      if (this.#worker !== worker) return;
      if (message.type === "report") this.#finish((running) => running.settle(this.#asAsked(message.report)));
      else if (message.type !== "childClosed" && this.#running !== undefined)
        this.#options.onNews(this.#running.dispatch, message);
    });
    worker.on("error", (error: Error & { code?: string }) => {
      if (this.#worker !== worker) return;
      this.#worker = undefined;
      if (error.code === "ERR_WORKER_OUT_OF_MEMORY") void this.#died("an executor ran out of memory");
      else void this.#failed(error);
    });
    worker.on("exit", (code) => {
      if (this.#worker !== worker) return;
      this.#worker = undefined;
      void this.#died(`an executor ended with code ${code}`);
    });
    return worker;
  }

  #look(): void {
    const running = this.#running;
    if (running === undefined) return;
    this.#weighChild();
    const nowMs = performance.now();
    if (this.#ending !== undefined) {
      if (this.#isProcessLeaving(nowMs)) this.#ending.untilMs = nowMs + comeBackGraceMs;
      else if (nowMs > this.#ending.untilMs) this.#stop(this.#ending.answer);
      return;
    }
    const turns = this.#board.turns;
    // While no frame is live the thread is starting or settling, and no guest is to blame.
    if (turns !== running.turns || this.#board.depth === 0) {
      running.turns = turns;
      running.sinceMs = nowMs;
    } else if (nowMs - running.sinceMs <= this.#mostMs) {
      return;
    } else if (this.#board.hearsOut) {
      // The guest on the stack has not started: it is started again in a process of its own.
      this.#killChild();
      running.sinceMs = nowMs;
    } else {
      const where = this.#options.describeStack(this.#board.stack());
      const stoppedAfterMs = this.#mostMs;
      const message = `${where} ran for more than ${stoppedAfterMs / 1000} s and was stopped`;
      this.#stop({ kind: "host", message, stoppedAfterMs });
    }
  }

  /** Milliseconds for which nothing need happen. */
  get #mostMs(): number {
    const { wallClockMsMax } = this.#options;
    return this.#board.prepares ? Math.max(wallClockMsMax, preparingMsMax) : wallClockMsMax;
  }

  /** Ends what the thread does: the process that it waits for, or the thread itself, with the process. */
  #stop(answer: NonAnswer): void {
    // First, so that no other process is started in the place of the one that is killed.
    this.#board.cancelled = true;
    const { waits, prepares, hearsOut } = this.#board;
    // A thread that computes itself does not come back for that, be there a process or not.
    if (this.#killChild() && (waits || prepares || hearsOut)) {
      this.#askToStop(answer, comeBackGraceMs);
      return;
    }
    const worker = this.#worker;
    this.#worker = undefined;
    clearInterval(this.#watch);
    void this.#ended(worker, answer);
  }

  async #ended(worker: Worker | undefined, answer: NonAnswer): Promise<void> {
    this.#killChild();
    await worker?.terminate();
    await this.#options.bury();
    this.#finish((running) => running.settle(endedBy(answer)));
  }

  /** Ends the process that runs scripts when it takes too much: V8's own bound comes late, or not at all. Its executor finds out, and runs the job alone or gives it up. */
  #weighChild(): void {
    const { child } = this.#board;
    if (child !== 0 && (residentBytes(child) ?? 0) > childBytesMax) this.#killChild();
  }

  /** Ends the process that a thread may be waiting for, which is how a thread that waits comes back. False when there is none. */
  #killChild(): boolean {
    const { child } = this.#board;
    if (child === 0) return false;
    this.#board.child = 0;
    killProcess(child);
    this.#killed = { pid: child, sinceMs: performance.now() };
    return true;
  }

  #isProcessLeaving(nowMs: number): boolean {
    if (this.#killed === undefined) return false;
    const { pid, sinceMs } = this.#killed;
    return nowMs - sinceMs < goneGraceMs && residentBytes(pid) !== undefined;
  }

  /** What an executor that was to stop says of its end may be of its process that was killed. */
  #asAsked(report: Report): Report {
    return report.how === "ended" && this.#ending !== undefined ? { ...report, answer: this.#ending.answer } : report;
  }

  /** A bug ended the thread. */
  async #failed(error: Error): Promise<void> {
    clearInterval(this.#watch);
    this.#killChild();
    await this.#options.bury();
    this.#finish((running) => running.reject(error));
  }

  /** The thread is gone by itself. */
  async #died(how: string): Promise<void> {
    const running = this.#running;
    const stack = this.#board.stack();
    clearInterval(this.#watch);
    this.#killChild();
    // With nothing to do it had no claims, and those of the next thread are not to be dropped.
    if (running === undefined) return;
    await this.#options.bury();
    const ending = this.#ending;
    if (!running.alone && ending === undefined) {
      this.#send({ ...running, alone: true });
      return;
    }
    const answer: NonAnswer = ending?.answer ?? {
      kind: "host",
      message: `${how}, twice, while ${this.#options.describeStack(stack)} ran`,
    };
    this.#finish(({ settle }) => settle(endedBy(answer)));
  }

  #finish(tell: (running: Running) => void): void {
    const running = this.#running;
    clearInterval(this.#watch);
    this.#running = undefined;
    this.#worker?.unref();
    if (running !== undefined) tell(running);
    this.#onIdle?.();
  }
}

/** A process of scripts ends itself later than it would be stopped. */
function turnMsFor(wallClockMsMax: number): number {
  return Math.max(defaultTurnMsMax, wallClockMsMax + stopGraceMs + comeBackGraceMs);
}

/** Starts a process for scripts; undefined where that does not go: the thread will try as well, and tells. */
function openedChild(turnMs: number): OpenedChild | undefined {
  try {
    return openScriptChild({ heapMb: scriptHeapMbMax, turnMs });
  } catch (error) {
    if (error instanceof NonAnswerError) return undefined;
    throw error;
  }
}

/** Gives a thread a process for its scripts. Its pipes are this thread's to close: a thread may be ended before it could, and may not close what another one opened. */
function giveScriptChild(worker: Worker, child: OpenedChild): void {
  let isOpen = true;
  const close = () => {
    if (isOpen) closeChildEnds(child);
    isOpen = false;
  };
  worker.on("message", ({ type }: FromExecutor) => {
    if (type === "childClosed") close();
  });
  worker.once("exit", close);
  worker.postMessage({ type: "child", child } satisfies ToExecutor);
}

function endedBy(answer: NonAnswer): Report {
  return { how: "ended", answer, counts: { executed: 0, frames: 0, asked: 0 }, logs: [] };
}
