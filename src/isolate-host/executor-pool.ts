/**
 * Executors as the scheduler sees them: threads that are started when first needed, told what to run, watched, and replaced when they die.
 *
 * A guest that runs longer than the wall clock allows, without any frame starting or ending, takes its thread with it: a non-answer. What the
 * executor had not committed by then is lost, and computed again when it is asked for.
 */
import { extname } from "node:path";
import { Worker } from "node:worker_threads";
import type { NonAnswer } from "../abi/non-answer.ts";
import type { Oid } from "../store/oid.ts";
import type { Dispatch, Report, Runner } from "../scheduler/runner.ts";
import type { ExecutorStart, FromExecutor, ToExecutor } from "./message.ts";
import { StatusBoard, type ShownFrame } from "./status-board.ts";

/** How often a running executor is looked at. */
const watchEveryMs = 100;
/** How long a cancelled executor may take to stop by itself, before its thread is ended. */
const cancelGraceMs = 500;
/** Stack of an executor's thread: 64 nested frames of guests that use little; one that needs more is run alone. */
const stackMb = 32;

export interface ExecutorPoolOptions {
  readonly storePath: string;
  /** A guest that runs longer than this on its own ends as a non-answer. */
  readonly wallClockMsMax: number;
  readonly nestedFramesMax: number;
  /** Says where a guest was when it was stopped, in a sentence for a person. */
  readonly describeStack: (stack: readonly ShownFrame[]) => string;
}

interface Running {
  readonly request: Oid;
  readonly settle: (report: Report) => void;
  readonly reject: (error: unknown) => void;
  turns: number;
  sinceMs: number;
}

export class ExecutorPool implements Runner {
  readonly slots = 1;
  readonly #options: ExecutorPoolOptions;
  readonly #board = new StatusBoard();
  #worker: Worker | undefined;
  #running: Running | undefined;
  #watch: NodeJS.Timeout | undefined;
  #cancelledMs: number | undefined;
  /** Told when the running request has ended, by `close`. */
  #onIdle: (() => void) | undefined;

  constructor(options: ExecutorPoolOptions) {
    this.#options = options;
  }

  /** Jobs executed since the pool was made, as far as executors have told. */
  get executed(): number {
    return this.#board.executed;
  }

  start(dispatch: Dispatch): Promise<Report> {
    if (this.#running !== undefined) throw new Error("an executor runs one request at a time");
    this.#board.cancelled = false;
    this.#cancelledMs = undefined;
    const worker = (this.#worker ??= this.#spawn());
    worker.ref();
    return new Promise<Report>((settle, reject) => {
      this.#running = {
        request: dispatch.request,
        settle,
        reject,
        turns: this.#board.turns,
        sinceMs: performance.now(),
      };
      this.#watch = setInterval(() => this.#look(), watchEveryMs);
      worker.postMessage({ type: "dispatch", dispatch } satisfies ToExecutor);
    });
  }

  cancel(request: Oid): void {
    if (this.#running?.request === request) this.#cancelRunning();
  }

  #cancelRunning(): void {
    this.#board.cancelled = true;
    this.#cancelledMs ??= performance.now();
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

  #spawn(): Worker {
    // A thread that was stopped has left its frames on the board.
    this.#board.leave(0);
    // Beside this file as a source, as a built module, and in a bundle.
    const file = `./executor${extname(import.meta.url)}`;
    const start: ExecutorStart = {
      storePath: this.#options.storePath,
      status: this.#board.shared,
      nestedFramesMax: this.#options.nestedFramesMax,
    };
    const worker = new Worker(new URL(file, import.meta.url), {
      workerData: start,
      resourceLimits: { stackSizeMb: stackMb },
      // Guests see nothing of the host; the host's own code needs nothing of the environment here.
      env: {},
    });
    worker.on("message", (message: FromExecutor) => {
      if (message.type === "report") this.#finish((running) => running.settle(message.report));
    });
    worker.on("error", (error: Error & { code?: string }) => {
      if (this.#worker !== worker) return;
      this.#worker = undefined;
      if (error.code === "ERR_WORKER_OUT_OF_MEMORY") {
        this.#finish((running) => running.settle(endedBy({ kind: "host", message: "an executor ran out of memory" })));
      } else this.#finish((running) => running.reject(error));
    });
    worker.on("exit", (code) => {
      if (this.#worker !== worker) return;
      this.#worker = undefined;
      this.#finish((running) =>
        running.settle(endedBy({ kind: "host", message: `an executor ended with code ${code}` })),
      );
    });
    return worker;
  }

  #look(): void {
    const running = this.#running;
    if (running === undefined) return;
    const nowMs = performance.now();
    if (this.#cancelledMs !== undefined && nowMs - this.#cancelledMs > cancelGraceMs) {
      this.#stop({ kind: "cancelled" });
      return;
    }
    const turns = this.#board.turns;
    // While no frame is live the thread is starting or settling, and no guest is to blame.
    if (turns !== running.turns || this.#board.depth === 0) {
      running.turns = turns;
      running.sinceMs = nowMs;
    } else if (nowMs - running.sinceMs > this.#options.wallClockMsMax) {
      const where = this.#options.describeStack(this.#board.stack());
      const seconds = this.#options.wallClockMsMax / 1000;
      this.#stop({ kind: "host", message: `${where} ran for more than ${seconds} s and was stopped` });
    }
  }

  /** Ends the thread, whatever it does. */
  #stop(answer: NonAnswer): void {
    const worker = this.#worker;
    this.#worker = undefined;
    const ended = worker?.terminate() ?? Promise.resolve(0);
    void ended.then(() => this.#finish((running) => running.settle(endedBy(answer))));
    clearInterval(this.#watch);
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

function endedBy(answer: NonAnswer): Report {
  return { how: "ended", answer, counts: { executed: 0, frames: 0, memoized: 0 }, logs: [] };
}
