/**
 * A verifier: a worker thread that executes remembered requests again and compares what they come to, outcome and fuel, with what is remembered. A request that it consumed is answered by its memo, never by an execution;
 * one that it did not ask for before is executed, as it would be by an executor, and not remembered. It writes nothing, but for a result that differs.
 */
import { parentPort, workerData, type MessagePort } from "node:worker_threads";
import { readRequest } from "../abi/request.ts";
import { scriptMarker, wasiMarker, wasmMarker } from "../abi/worker.ts";
import type { Dispatch, Report } from "../scheduler/runner.ts";
import { settleDispatch, type Place } from "../scheduler/settle-dispatch.ts";
import { Settler } from "../scheduler/settle.ts";
import { TraceBuffer } from "../scheduler/trace.ts";
import type { Oid } from "../store/oid.ts";
import { sameOutcome, type Memo, type Outcome } from "../store/outcome.ts";
import { openStore, type Store } from "../store/store.ts";
import { askedChildren } from "./asked-child.ts";
import type { FrameHost } from "./frame.ts";
import type { ExecutorStart, FromExecutor, ToExecutor, Verdict } from "./message.ts";
import { Runtimes, type Runtime } from "./runtimes.ts";
import { ScratchObjects } from "./scratch-objects.ts";
import { ScriptGuests } from "./script-guests.ts";
import { StatusBoard } from "./status-board.ts";
import { asNonAnswer } from "./thrown-answer.ts";
import { WasiGuests } from "./wasi-guests.ts";
import { WasmGuests } from "./wasm-guests.ts";

/** How often it is told how far a dispatch is. */
const progressEveryMs = 100;

class Verifier {
  readonly #store: Store;
  readonly #objects: ScratchObjects;
  readonly #place: Place;
  readonly #scripts: ScriptGuests;
  readonly #board: StatusBoard;
  readonly #trace = new TraceBuffer();
  readonly #send: (message: FromExecutor) => void;
  /** What is verified, and what it came to. */
  #request: Oid | undefined;
  #found: Memo | undefined;
  /** What was asked for now and not before. */
  readonly #others = new Map<Oid, Outcome>();
  #progressFromMs = 0;

  constructor(start: ExecutorStart, port: MessagePort) {
    this.#send = (message) => port.postMessage(message);
    this.#store = openStore(start.storePath);
    this.#board = new StatusBoard(start.status);
    this.#objects = new ScratchObjects(this.#store);
    const [store, objects, board] = [this.#store, this.#objects, this.#board];
    const host: FrameHost = {
      objects,
      settleNested: (job, requests) => settler.settleNested(job, requests),
      upcoming: (job, countMax, known) => settler.upcoming(job, countMax, known),
      onLog: () => undefined,
      prepares: (isPreparing) => (board.prepares = isPreparing),
    };
    this.#scripts = new ScriptGuests(host, askedChildren(port, board));
    const runtimes = new Map<string, Runtime>([
      [wasmMarker, new WasmGuests(host)],
      [wasiMarker, new WasiGuests(host)],
      [scriptMarker, this.#scripts],
    ]);
    const settler = new Settler({
      memos: {
        outcome: (request) =>
          request === this.#request ? undefined : (this.#others.get(request) ?? store.seenOutcome(request)),
        remember: (request, memo) => {
          if (request === this.#request) this.#found = memo;
          else this.#others.set(request, memo.outcome);
        },
      },
      guests: new Runtimes(objects, runtimes),
      trace: this.#trace,
      framesMax: start.nestedFramesMax,
      isCancelled: () => board.cancelled,
      watch: {
        enter: (job) => board.enter(job.depth, job.request, objects.get(job.request.args).body),
        leave: (job) => board.leave(job.depth),
      },
    });
    this.#place = { settler, neighbours: undefined, read: (request) => readRequest(objects, request) };
  }

  /** Runs a dispatch, and reports. */
  serve(dispatch: Dispatch, alone: boolean): void {
    this.#send({ type: "report", report: this.#dispatch(dispatch, alone) });
  }

  #dispatch(dispatch: Dispatch, alone: boolean): Report {
    this.#progressFromMs = performance.now() + progressEveryMs;
    let verified = 0;
    for (const request of dispatch.requests) {
      if (this.#board.cancelled) break;
      const verdict = this.#verify(request, dispatch, alone);
      if (verdict !== undefined) this.#send({ type: "verdict", verdict });
      verified++;
      const nowMs = performance.now();
      if (nowMs < this.#progressFromMs) continue;
      this.#progressFromMs = nowMs + progressEveryMs;
      this.#send({ type: "progress", executed: verified });
    }
    const counts = this.#place.settler.takeCounts();
    if (this.#board.cancelled) return { how: "ended", answer: { kind: "cancelled" }, counts, logs: [] };
    return { how: "served", counts, logs: [] };
  }

  /** Undefined when the memo is confirmed. */
  #verify(request: Oid, dispatch: Dispatch, alone: boolean): Verdict | undefined {
    let verdict: Verdict | undefined;
    const answer = asNonAnswer(() => {
      this.#request = request;
      this.#found = undefined;
      this.#others.clear();
      this.#objects.clear();
      const memo = this.#store.memo(request);
      const forgotten = memo === undefined ? request : this.#forgottenOf(memo);
      if (memo === undefined || forgotten !== undefined) {
        verdict = { how: "unverified", request, why: { kind: "forgotten", request: forgotten ?? request } };
        return;
      }
      settleDispatch(this.#place, { ...dispatch, requests: [request], rerun: true }, alone);
      const found = this.#found as Memo | undefined;
      if (found === undefined) throw new Error("a request was settled and has come to nothing");
      if (sameOutcome(found.outcome, memo.outcome) && found.fuel === memo.fuel) return;
      if (found.outcome.kind !== "failed") this.#objects.keep(found.outcome);
      verdict = { how: "differs", request, found };
    });
    this.#trace.take();
    return answer === undefined ? verdict : { how: "unverified", request, why: answer };
  }

  /** A nested request that a memo consumed and that nothing is remembered of. */
  #forgottenOf({ children }: Memo): Oid | undefined {
    return children.find((child) => this.#store.seenOutcome(child) === undefined);
  }

  close(): void {
    this.#scripts.close();
    this.#store.close();
  }
}

function serve(port: MessagePort): void {
  const verifier = new Verifier(workerData as ExecutorStart, port);
  port.on("message", (message: ToExecutor) => {
    switch (message.type) {
      case "dispatch":
        verifier.serve(message.dispatch, message.alone);
        return;
      case "child":
      case "noChild":
        throw new Error("nothing here has asked for a process");
      case "close":
        verifier.close();
        port.close();
        return;
    }
  });
}

// A thread started by executor-seat.ts has a port.
if (parentPort !== null) serve(parentPort);
