/**
 * An executor: a worker thread that settles dispatched requests, one at a time, with what they nest. It has a handle of its own on the store, and
 * commits before it tells of an outcome that leaves the process; what a leaf came to the engine's thread commits.
 */
import { availableParallelism } from "node:os";
import { parentPort, workerData, type MessagePort } from "node:worker_threads";
import { readRequest } from "../abi/request.ts";
import { scriptMarker, wasiMarker, wasmMarker } from "../abi/worker.ts";
import type { Along, Dispatch, LeafEnd, LogLine, Report } from "../scheduler/runner.ts";
import { settleDispatch, type Dispatched, type Place } from "../scheduler/settle-dispatch.ts";
import { Settler, type Job, type Neighbours } from "../scheduler/settle.ts";
import { Claims } from "../scheduler/claims.ts";
import { TraceBuffer } from "../scheduler/trace.ts";
import type { Oid } from "../store/oid.ts";
import type { Memo, Outcome } from "../store/outcome.ts";
import { openStore, type Store } from "../store/store.ts";
import { askedChildren } from "./asked-child.ts";
import type { ExecutorStart, FromExecutor, ToExecutor } from "./message.ts";
import type { FrameHost, HearsOutput } from "./frame.ts";
import { Runtimes, type Runtime } from "./runtimes.ts";
import { ScriptGuests } from "./script-guests.ts";
import type { ScriptPipes } from "./script/script-process.ts";
import { StatusBoard } from "./status-board.ts";
import { asNonAnswer } from "./thrown-answer.ts";
import { WasiGuests } from "./wasi-guests.ts";
import { WasmGuests } from "./wasm-guests.ts";

/** Log lines that one report carries; later ones are dropped, and the last says so. */
const reportedLinesMax = 100_000;
/** Events that are collected before they go to the store's buffer. */
const traceEventsMax = 16_384;
/** How often hungry neighbours are offered work: what one offer brings takes longer than the commit that it costs. */
const offerEveryMs = 2;
/** How long a frame waits at a time for neighbours that are about to commit. */
const commitWaitMs = 5;
/** Commands that end sooner tell what they wrote by their result alone, and later ones now and then. */
const outputAfterMs = 100;
const outputEveryMs = 30;
/** Bytes of what a leaf has made that are left to the engine's thread to commit: copying more takes longer than committing it here. */
const leftBytesMax = 64 << 10;
/** How often it is told how far a dispatch is, whoever listens: a message costs as much as a job or two. */
const progressEveryMs = 100;

const cores = availableParallelism();

class Executor {
  readonly #store: Store;
  readonly #settler: Settler;
  readonly #place: Place;
  readonly #claims: Claims | undefined;
  readonly #send: (message: FromExecutor) => void;
  readonly #trace: TraceBuffer;
  readonly #commands: WasiGuests;
  readonly #scripts: ScriptGuests;
  #logs: LogLine[] | undefined;
  #tellsOutput = false;
  #run = 0;
  #progressFromMs = 0;
  #offersFromMs = 0;
  #lookedAtEpoch = 0;
  /** Set while a leaf runs, with what it came to. */
  #leaf: { memo: Memo | undefined } | undefined;

  constructor(start: ExecutorStart, port: MessagePort) {
    this.#store = openStore(start.storePath);
    this.#send = (message) => port.postMessage(message);
    this.#trace = new TraceBuffer(start.claims?.owner);
    const store = this.#store;
    const board = new StatusBoard(start.status);
    const host: FrameHost = {
      objects: store,
      settleNested: (job, requests) => this.#settler.settleNested(job, requests),
      upcoming: (job, countMax, known) => this.#settler.upcoming(job, countMax, known),
      onLog: (job, lines) => this.#addLines(job, lines),
      outputOf: ({ depth }) =>
        this.#tellsOutput && depth === 0 ? outputTeller((message) => this.#send(message)) : undefined,
      prepares: (isPreparing) => (board.prepares = isPreparing),
    };
    this.#scripts = new ScriptGuests(host, askedChildren(port, board));
    this.#commands = new WasiGuests(host);
    const guests = new Runtimes(
      store,
      new Map<string, Runtime>([
        [wasmMarker, new WasmGuests(host)],
        [wasiMarker, this.#commands],
        [scriptMarker, this.#scripts],
      ]),
    );
    this.#claims = start.claims === undefined ? undefined : new Claims(start.claims.table, start.claims.owner);
    const neighbours = this.#claims === undefined ? undefined : this.#neighbours(this.#claims);
    this.#settler = new Settler({
      memos: {
        outcome: (request) => this.#outcome(request),
        remember: (request, memo, run) => {
          if (this.#leaf === undefined) store.remember(request, memo, run);
          else this.#leaf.memo = memo;
        },
      },
      guests,
      trace: this.#trace,
      framesMax: start.nestedFramesMax,
      isCancelled: () => board.cancelled,
      neighbours,
      watch: {
        enter: (job) => board.enter(job.depth, job.request, store.get(job.request.args).body),
        leave: (job, endedMs) => {
          board.leave(job.depth);
          if (endedMs >= this.#progressFromMs) this.#tellProgress(endedMs);
          if (this.#trace.length >= traceEventsMax && this.#leaf === undefined)
            store.addTrace(this.#run, this.#trace.take());
        },
      },
    });
    this.#place = { settler: this.#settler, neighbours, read: (request) => readRequest(store, request) };
  }

  /** Runs a dispatch, and reports. */
  serve(dispatch: Dispatch, alone: boolean): void {
    this.#send({ type: "report", report: this.#dispatch(dispatch, alone) });
  }

  #dispatch(dispatch: Dispatch, alone: boolean): Report {
    this.#logs = dispatch.logs ? [] : undefined;
    this.#tellsOutput = dispatch.output === true;
    this.#scripts.forgetBusyShare();
    // A run that is made of many short dispatches tells, too.
    if (this.#run !== dispatch.run) this.#progressFromMs = performance.now() + progressEveryMs;
    this.#run = dispatch.run;
    this.#leaf = dispatch.along === undefined ? undefined : { memo: undefined };
    let dispatched: Dispatched | undefined;
    const answer = asNonAnswer(() => {
      if (dispatch.along === undefined) this.#store.refresh();
      else this.#take(dispatch.along);
      dispatched = settleDispatch(this.#place, dispatch, alone);
    });
    const events = this.#trace.take();
    let leaf: LeafEnd | undefined;
    const fault = asNonAnswer(() => {
      if (dispatch.along !== undefined) leaf = this.#leave(dispatch.along, events);
      else {
        this.#store.addTrace(dispatch.run, events);
        this.#store.flush();
      }
    });
    // Also when nothing could be committed: whoever waits is to find out for himself.
    if (leaf?.memo === undefined) this.#giveBackDone();
    else this.#claims?.leaveDone();
    this.#leaf = undefined;
    const common = { counts: this.#settler.takeCounts(), logs: this.#logs ?? [], ...(leaf && { leaf }) };
    const ending = answer ?? fault;
    if (ending !== undefined) return { how: "ended", answer: ending, ...common };
    return { ...(dispatched as NonNullable<typeof dispatched>), ...common };
  }

  /** Takes in what a leaf needs that is not in the file. What others committed is looked at where something is looked up. */
  #take({ objects, generation }: Along): void {
    if (generation !== this.#store.generation) this.#store.refresh();
    this.#lookedAtEpoch = -1;
    for (const { name, kind, body } of objects) this.#store.putChecked(name, kind, body);
  }

  /** What is left of a leaf to the engine's thread. */
  #leave({ objects: given }: Along, events: Uint8Array): LeafEnd {
    const memo = this.#leaf?.memo;
    if (memo === undefined) {
      this.#store.flush();
      return { objects: [], memo, events };
    }
    const known = new Set(given.map(({ name }) => name));
    const made = this.#store.handOver(memo.outcome, leftBytesMax).filter(({ name }) => !known.has(name));
    return { objects: made, memo, events };
  }

  /** Looks at the file once after each commit of a neighbour, and each dispatch; a lookup in between need not. */
  #outcome(request: Oid): Outcome | undefined {
    const epoch = this.#claims?.epoch ?? 0;
    if (epoch !== this.#lookedAtEpoch) this.#store.refresh();
    this.#lookedAtEpoch = epoch;
    return this.#store.seenOutcome(request);
  }

  #neighbours(claims: Claims): Neighbours {
    const commit = () => {
      // What a leaf came to is not here to be committed.
      if (this.#leaf !== undefined) return;
      this.#store.flush();
      this.#giveBackDone();
    };
    return {
      claims,
      commit,
      tell: () => this.#send({ type: "released" }),
      awaitCommit: (epoch) => claims.await(epoch, commitWaitMs),
      areHungry: () => {
        if (claims.hunger === 0) return false;
        const nowMs = performance.now();
        if (nowMs < this.#offersFromMs) return false;
        this.#offersFromMs = nowMs + offerEveryMs;
        return !this.#needsAllCores(claims);
      },
      offer: (parent, requests) => {
        const [first, ...others] = requests;
        if (first === undefined || !claims.takeHunger()) return false;
        // Others see what is committed.
        commit();
        this.#send({ type: "offer", parent, requests: [first, ...others] });
        return true;
      },
    };
  }

  /**
   * Whether quick scripts run here and no two cores are left for another executor and its process: sharing them would cost more than it brings (design/parallel.md). A thread that computes for a third of the time or more
   * keeps its process from its work for about as long, so the two fill their cores; one that mostly waits for long jobs leaves a core to others.
   */
  #needsAllCores(claims: Claims): boolean {
    if (!this.#scripts.hasChild || cores >= 2 * (claims.executors - claims.hunger + 1)) return false;
    const share = this.#scripts.busyShare();
    return share === undefined || share > 1 / 3;
  }

  /** Gives back the claims of what completed, and tells whoever waits for any. */
  #giveBackDone(): void {
    if (this.#claims?.giveBackDone() === true) this.#send({ type: "released" });
  }

  #tellProgress(nowMs: number): void {
    this.#progressFromMs = nowMs + progressEveryMs;
    this.#send({ type: "progress", executed: this.#settler.executed });
  }

  #addLines({ request }: Job, lines: readonly string[]): void {
    for (const line of lines) {
      if (this.#logs === undefined || this.#logs.length > reportedLinesMax) return;
      const isLast = this.#logs.length === reportedLinesMax;
      this.#logs.push({ request: request.oid, line: isLast ? "(further log lines are not shown)" : line });
    }
  }

  /** What can be done for later dispatches while there is none, bit by bit. */
  prepare(): void {
    this.#commands.collect();
    if (this.#commands.prepare()) setImmediate(() => this.prepare());
  }

  adopt(pipes: ScriptPipes): void {
    this.#scripts.adopt(pipes);
  }

  close(): void {
    this.#scripts.close();
    this.#store.close();
  }
}

/** Tells what a command writes once it has run for a while. */
function outputTeller(send: (message: FromExecutor) => void): HearsOutput {
  let fromMs = performance.now() + outputAfterMs;
  const told = { stdout: 0, stderr: 0 };
  return (stream, length, from) => {
    const nowMs = performance.now();
    if (nowMs < fromMs) return;
    fromMs = nowMs + outputEveryMs;
    const at = told[stream];
    told[stream] = length;
    send({ type: "output", output: { stream, at, bytes: Uint8Array.from(from(at)) } });
  };
}

function serve(port: MessagePort): void {
  const executor = new Executor(workerData as ExecutorStart, port);
  port.on("message", (message: ToExecutor) => {
    switch (message.type) {
      case "dispatch":
        executor.serve(message.dispatch, message.alone);
        setImmediate(() => executor.prepare());
        return;
      case "child":
        executor.adopt(message.pipes);
        return;
      case "noChild":
        throw new Error("nothing here has asked for a process");
      case "close":
        executor.close();
        port.close();
        return;
    }
  });
}

// A thread started by executor-pool.ts has a port; whoever imports this file for its types has not.
if (parentPort !== null) serve(parentPort);
