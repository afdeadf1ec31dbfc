/**
 * Runs scripts (`coppice-script/1`): each job in the sealed isolate of a child process that this executor owns (script/script-child.ts). A script's nested requests are settled here, as a wasm guest's are, while it waits in
 * the child; jobs that they nest run in the same child.
 *
 * What the machine does to a script is no outcome: a script whose child dies, or that overflows its stack or its memory, is run again on an empty stack, in a child that has run nothing else, and then is a non-answer. What waits in a child that died is lost and replayed.
 */
import { decodeStrings, typedText } from "../abi/command.ts";
import { errorText } from "../abi/error-numbers.ts";
import { NonAnswerError } from "../abi/non-answer.ts";
import type { NestedCall } from "../abi/call.ts";
import type { Request } from "../abi/request.ts";
import { isTree } from "../abi/tree-bytes.ts";
import { placeInModule } from "../abi/script-place.ts";
import { workerName, type RuntimeNode } from "../abi/worker.ts";
import type { FrameEnd, Job } from "../scheduler/settle.ts";
import type { Oid } from "../store/oid.ts";
import { failure, type Outcome } from "../store/outcome.ts";
import { decodeTree, kindOfMode } from "../store/tree.ts";
import { BusyShare } from "./busy-share.ts";
import { Frame, GuestFailed, Unwind, type FrameHost } from "./frame.ts";
import type { Runtime } from "./runtimes.ts";
import type { AlongObject } from "./script/read-ahead.ts";
import {
  ScriptChild,
  ScriptChildBroken,
  ScriptChildDied,
  type ScriptJob,
  type ScriptTurn,
} from "./script/script-child.ts";
import { childBytesMax, scriptHeapMbMax, type ScriptPipes } from "./script/script-process.ts";

/** How many arguments come with a job, and how long each may be. */
const nearObjectsMax = 16;
const nearBytesMax = 1024;
/** A longer tree of one that is not sent ahead: it has the pipe for itself. */
const nearTreeBytesMax = 4096;

/** Jobs that are sent to a child before they are asked for: enough that it seldom waits for the next one. */
const aheadJobsMax = 32;

/** Whoever has processes for scripts, and watches over them. */
export interface ChildSource {
  /** Waits for a process that is this thread's until `closed`. Throws NonAnswerError where there is none. */
  open(): ScriptPipes;
  /** The process is of no more use, and to end. */
  closed(): void;
  /** Told true while nothing is waited for but jobs that nobody asks for any more: no guest on the stack is to blame then. */
  hearsOut(isHearing: boolean): void;
  /** Told true before a turn of a script is waited for, and false after it: what the script asks for runs on this thread in between. */
  waits(isWaiting: boolean): void;
  /** Whether what runs is to end: the process may have been killed for that, and none is to take its place. */
  isCancelled(): boolean;
}

export class ScriptGuests implements Runtime {
  readonly #host: FrameHost;
  readonly #source: ChildSource;
  #child: ScriptChild | undefined;
  /** The module of the last job that ended without waiting for others: its like are worth sending ahead. */
  #quickModule: Oid | undefined;
  readonly #busy = new BusyShare({ nowMs: () => performance.now(), computedMs: threadCpuMs });

  constructor(host: FrameHost, source: ChildSource) {
    this.#host = host;
    this.#source = source;
  }

  get hasChild(): boolean {
    return this.#child !== undefined;
  }

  /** How busy this thread is, since a script asked for many jobs or the share was forgotten (busy-share.ts). */
  busyShare(): number | undefined {
    return this.#busy.share();
  }

  forgetBusyShare(): void {
    this.#busy.forget();
  }

  /** A child's memory is bounded by itself. */
  memoryBytes(): number {
    return 0;
  }

  execute(job: Job, node: RuntimeNode): FrameEnd {
    const isNew = this.#openChild().isNew;
    const end = this.#executeOnce(job, node);
    const isFinal = end.how !== "needs-empty-stack" || job.parent !== undefined || isNew;
    if (isFinal || this.#source.isCancelled()) return end;
    // Others may have left too little of the process, or someone ended it: alone it has all that there is.
    this.close();
    return this.#executeOnce(job, node);
  }

  #executeOnce(job: Job, node: RuntimeNode): FrameEnd {
    const frame = new Frame(this.#host, job, node.limits);
    const child = this.#openChild();
    let number: number | undefined;
    try {
      number = child.takeUp(job.request.oid) ?? this.#started(child, job.request, node.module);
      if (this.#quickModule === node.module) this.#sendAhead(child, job, node.module);
      const given = number;
      const turn = this.#waited(() => child.turn(given, frame));
      this.#quickModule = turn.how === "waits" ? undefined : node.module;
      return this.#follow(child, number, turn, frame, node.module);
    } catch (error) {
      return this.#end(child, number, frame, error);
    }
  }

  /** What is sent to a process that still starts waits in the pipe; until it is ready no time is the script's. */
  #started(child: ScriptChild, request: Request, module: Oid): number {
    if (child.isReady) return child.start(this.#scriptJob(request, module, nearTreeBytesMax));
    this.#host.prepares?.(true);
    try {
      const number = child.start(this.#scriptJob(request, module, nearTreeBytesMax));
      child.awaitReady();
      return number;
    } finally {
      this.#host.prepares?.(false);
    }
  }

  #scriptJob(request: Request, module: Oid, treeBytesMax: number): ScriptJob {
    const { objects } = this.#host;
    const args = objects.get(request.args).body;
    return { request, args, near: this.#near(args, treeBytesMax), module, moduleBytes: () => objects.get(module).body };
  }

  /** In batches, since each look at what comes next and each write costs. */
  #sendAhead(child: ScriptChild, job: Job, module: Oid): void {
    const sent = child.ahead;
    if (sent.length > aheadJobsMax / 2) return;
    const upcoming = this.#host.upcoming(job, aheadJobsMax, sent);
    child.sendAhead(upcoming.map((request) => this.#scriptJob(request, module, nearBytesMax)));
  }

  /** Small arguments: asking for one costs more than all else of a small job. */
  #near(args: Uint8Array, treeBytesMax: number): ScriptJob["near"] {
    const near: AlongObject[] = [];
    for (const { mode, oid } of decodeTree(args).slice(0, nearObjectsMax)) {
      const kind = kindOfMode(mode);
      if (kind === "commit") continue;
      const object = this.#host.objects.near(oid);
      if (object?.kind !== kind) continue;
      if (object.body.length > (kind === "tree" ? treeBytesMax : nearBytesMax)) continue;
      if (kind === "blob" || isTree(object.body)) near.push({ oid, kind, bytes: object.body });
    }
    return near;
  }

  /** Ends the child; the next job has another one. */
  close(): void {
    this.#child?.close();
    this.#child = undefined;
  }

  #openChild(): ScriptChild {
    if (this.#child?.isOpen !== true) this.adopt(this.#source.open());
    return this.#child as ScriptChild;
  }

  /** Takes over a process that was started for this executor before it asked. */
  adopt(pipes: ScriptPipes): void {
    this.close();
    this.#child = new ScriptChild(pipes, {
      onHearing: (isHearing) => this.#source.hearsOut(isHearing),
      onClosed: () => this.#source.closed(),
    });
  }

  #waited(turn: () => ScriptTurn): ScriptTurn {
    this.#source.waits(true);
    try {
      return turn();
    } finally {
      this.#source.waits(false);
    }
  }

  /** From turn to turn. */
  #follow(child: ScriptChild, number: number, first: ScriptTurn, frame: Frame, module: Oid): FrameEnd {
    /** For people, what the script asked for that is no worker, by the fixed text that it was told. */
    const refused = new Map<string, string>();
    for (let turn = first; ;) {
      switch (turn.how) {
        case "waits": {
          if (turn.calls.length > aheadJobsMax) this.forgetBusyShare();
          const outcomes = settled(frame, turn.calls, refused);
          turn = this.#waited(() => child.settle(number, outcomes, frame));
          break;
        }
        case "returned": {
          const oid = frame.putBlob(turn.bytes);
          const fault = typeof oid === "number" ? oid : frame.out("blob", oid);
          return this.#finished(frame, fault === undefined ? frame.finish() : failure("abi", errorText(fault)));
        }
        case "completed": {
          const { kind, oid } = turn.result;
          const fault = frame.out(kind, oid);
          return this.#finished(frame, fault === undefined ? frame.finish() : failure("abi", errorText(fault)));
        }
        case "failed": {
          const { code, message } = turn;
          const image = [...refused].find(([text]) => message.includes(text))?.[1];
          const detail = image === undefined ? turn.detail : `it asked for ${JSON.stringify(image)}`;
          return this.#finished(frame, failure(code, message), this.#place(frame, module, detail));
        }
        case "exhausted":
          return { how: "needs-empty-stack", why: `${this.#nameOf(frame)}: ${turn.message}` };
      }
    }
  }

  /** What a thrown thing means for the frame. */
  #end(child: ScriptChild, number: number | undefined, frame: Frame, error: unknown): FrameEnd {
    if (error instanceof ScriptChildDied || error instanceof ScriptChildBroken) {
      if (this.#child === child) this.close();
      if (error instanceof ScriptChildBroken) {
        throw new NonAnswerError({ kind: "host", message: `${error.message} while ${this.#nameOf(frame)} ran` }, error);
      }
      return {
        how: "needs-empty-stack",
        why: `${error.message}: ${this.#calledAs(frame)} ran in it, and it may have run out of memory (${scriptHeapMbMax} MiB of the script's, ${childBytesMax >> 20} in all); fewer or smaller files at a time take less`,
      };
    }
    if (number !== undefined) child.drop(number);
    if (error instanceof Unwind) return { how: "missed" };
    if (error instanceof GuestFailed) return this.#finished(frame, error.failure, error.detail);
    throw error;
  }

  #finished(frame: Frame, outcome: Outcome, detail?: string): FrameEnd {
    this.#busy.end();
    if (frame.log.length > 0) this.#host.onLog(frame.job, frame.log);
    return { how: "completed", memo: { outcome, detail, fuel: 0, reads: [...frame.reads] } };
  }

  #place(frame: Frame, module: Oid, detail: string): string {
    return placeInModule(detail, this.#nameOf(frame), module);
  }

  /** A command as it would be typed, any other script by its name. */
  #calledAs(frame: Frame): string {
    const { objects } = this.#host;
    const argv = decodeTree(objects.get(frame.job.request.args).body).find(({ name }) => name === "argv")?.oid;
    const words =
      argv !== undefined && objects.kindOf(argv) === "blob" ? decodeStrings(objects.get(argv).body) : undefined;
    return words === undefined ? this.#nameOf(frame) : typedText(words);
  }

  #nameOf({ job }: Frame): string {
    return workerName(this.#host.objects, job.request.std, job.request.image);
  }
}

/** A worker as a script's author named it. */
function shownImage({ image }: NestedCall): string {
  return image.replace(/^\/cas\/std\//, "");
}

/** The outcomes of a script's calls; a malformed one fails by itself, since a script awaits each by itself, and is noted in `refused`. Throws Unwind. */
function settled(frame: Frame, calls: readonly NestedCall[], refused: Map<string, string>): Outcome[] {
  frame.countRuns(calls.length);
  const formed = calls.map((call) => frame.request(call));
  for (const [at, each] of formed.entries())
    if (typeof each === "number") refused.set(errorText(each), shownImage(calls[at] as NestedCall));
  const requests = formed.filter((each): each is Request => typeof each !== "number");
  const outcomes = frame.settle(requests).values();
  return formed.map((each) =>
    typeof each === "number" ? failure("abi", errorText(each)) : (outcomes.next().value as Outcome),
  );
}

/** Milliseconds that this thread has computed. */
function threadCpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}
