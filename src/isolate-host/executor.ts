/**
 * An executor: a worker thread that settles dispatched requests, one at a time, with what they nest. It has a handle of its own on the store, and
 * commits before it tells of an outcome that leaves the process.
 */
import { parentPort, workerData, type MessagePort } from "node:worker_threads";
import { MalformedRequest, readRequest } from "../abi/request.ts";
import { NonAnswerError, type NonAnswer } from "../abi/non-answer.ts";
import type { Dispatch, LogLine, Report } from "../scheduler/runner.ts";
import { Settler, type Job } from "../scheduler/settle.ts";
import { TraceBuffer } from "../scheduler/trace.ts";
import {
  CollidingObject,
  CorruptObject,
  MissingObject,
  OversizeObject,
  QuarantinedMemo,
  StaleStore,
  StoreFailure,
  openStore,
  type Store,
} from "../store/store.ts";
import type { ExecutorStart, FromExecutor, ToExecutor } from "./message.ts";
import { StatusBoard } from "./status-board.ts";
import { WasmGuests } from "./wasm-guests.ts";

/** Log lines that one report carries; later ones are dropped, and the last says so. */
const reportedLinesMax = 100_000;
/** Events that are collected before they go to the store's buffer. */
const traceEventsMax = 16_384;

class Executor {
  readonly #store: Store;
  readonly #settler: Settler;
  readonly #trace = new TraceBuffer();
  #logs: LogLine[] | undefined;
  #run = 0;

  constructor(start: ExecutorStart) {
    this.#store = openStore(start.storePath);
    const store = this.#store;
    const board = new StatusBoard(start.status);
    const guests = new WasmGuests({
      objects: store,
      settleNested: (job, requests) => this.#settler.settleNested(job, requests),
      onLog: (job, lines) => this.#addLines(job, lines),
    });
    this.#settler = new Settler({
      // Each dispatch and each flush looks at the file; a lookup in between need not.
      memos: {
        outcome: (request) => store.seenOutcome(request),
        remember: (request, memo, run) => store.remember(request, memo, run),
      },
      guests,
      trace: this.#trace,
      framesMax: start.nestedFramesMax,
      isCancelled: () => board.cancelled,
      watch: {
        enter: (job) => board.enter(job.depth, job.request, store.get(job.request.args).body),
        leave: (job) => {
          board.leave(job.depth);
          if (this.#trace.length >= traceEventsMax) store.addTrace(this.#run, this.#trace.take());
        },
        executed: () => board.countExecuted(),
      },
    });
  }

  dispatch({ request, run, rerun, logs, commit }: Dispatch): Report {
    this.#logs = logs ? [] : undefined;
    this.#run = run;
    const ended = this.#settle(request, run, rerun);
    this.#store.addTrace(run, this.#trace.take());
    // A join may close a circle, which ends the run: its requests are shown to a person then, and what finished is kept.
    const isLeaving =
      ended.how === "ended" ||
      (ended.how === "settled" ? commit : ended.frames.some(({ misses }) => misses.some(({ join }) => join)));
    const fault = isLeaving ? asNonAnswer(() => this.#store.flush()) : undefined;
    const common = { counts: this.#settler.takeCounts(), logs: this.#logs ?? [] };
    return fault === undefined ? { ...ended, ...common } : { how: "ended", answer: fault, ...common };
  }

  #settle(request: Dispatch["request"], run: number, rerun: boolean) {
    let settled: ReturnType<Settler["settle"]> | undefined;
    const answer = asNonAnswer(() => {
      this.#store.refresh();
      settled = this.#settler.settle(readRequest(this.#store, request), run, rerun);
    });
    if (answer !== undefined) return { how: "ended", answer } as const;
    return settled as NonNullable<typeof settled>;
  }

  #addLines({ request }: Job, lines: readonly string[]): void {
    for (const line of lines) {
      if (this.#logs === undefined || this.#logs.length > reportedLinesMax) return;
      const isLast = this.#logs.length === reportedLinesMax;
      this.#logs.push({ request: request.oid, line: isLast ? "(further log lines are not shown)" : line });
    }
  }

  close(): void {
    this.#store.close();
  }
}

const hostErrors = [StoreFailure, CorruptObject, CollidingObject, StaleStore, OversizeObject, MalformedRequest];

/** The non-answer that a thrown error means; undefined when nothing was thrown. A bug is thrown on. */
function asNonAnswer(work: () => void): NonAnswer | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    if (error instanceof NonAnswerError) return error.answer;
    if (error instanceof MissingObject) return { kind: "missing", oid: error.oid };
    if (error instanceof QuarantinedMemo) return { kind: "quarantine", request: error.request };
    if (hostErrors.some((each) => error instanceof each)) return { kind: "host", message: (error as Error).message };
    throw error;
  }
}

function serve(port: MessagePort): void {
  const executor = new Executor(workerData as ExecutorStart);
  const send = (message: FromExecutor) => port.postMessage(message);
  port.on("message", (message: ToExecutor) => {
    switch (message.type) {
      case "dispatch":
        send({ type: "report", report: executor.dispatch(message.dispatch) });
        return;
      case "close":
        executor.close();
        port.close();
        return;
    }
  });
  send({ type: "ready" });
}

// A thread started by executor-pool.ts has a port; whoever imports this file for its types has not.
if (parentPort !== null) serve(parentPort);
