/**
 * Runs scripts (`coppice-script/1`): each job in the sealed isolate of a child process that this executor owns (script/script-child.ts). A script's nested requests are settled here, as a wasm guest's are, while it waits in
 * the child; jobs that they nest run in the same child.
 *
 * What the machine does to a script is no outcome: a child that dies, and a script that overflows its stack or its memory, is run again alone, and then is a non-answer. What waits in a child that died is lost and replayed.
 */
import { errorText } from "../abi/error-numbers.ts";
import { NonAnswerError } from "../abi/non-answer.ts";
import type { NestedCall } from "../abi/call.ts";
import type { Request } from "../abi/request.ts";
import { placeInModule } from "../abi/script-place.ts";
import { workerName, type RuntimeNode } from "../abi/worker.ts";
import type { FrameEnd, Job } from "../scheduler/settle.ts";
import type { Oid } from "../store/oid.ts";
import { failure, type Outcome } from "../store/outcome.ts";
import { decodeTree } from "../store/tree.ts";
import { Frame, GuestFailed, Unwind, type FrameHost } from "./frame.ts";
import type { Runtime } from "./runtimes.ts";
import {
  ScriptChild,
  ScriptChildBroken,
  ScriptChildDied,
  scriptHeapMbMax,
  type OpenedChild,
  type ScriptJob,
  type ScriptTurn,
} from "./script/script-child.ts";

/** How many blobs come with a job, and how long each may be. */
const nearBlobsMax = 8;
const nearBytesMax = 1024;

/** How children are run, and whoever has to end one that runs too long while this thread waits for it. */
export interface ChildWatch {
  /** Told the process's id as it starts, and 0 once it is gone. */
  childIs(pid: number): void;
  /** Flags of V8 for the process. */
  readonly flags: readonly string[];
}

export class ScriptGuests implements Runtime {
  readonly #host: FrameHost;
  readonly #watch: ChildWatch;
  #child: ScriptChild | undefined;

  constructor(host: FrameHost, watch: ChildWatch) {
    this.#host = host;
    this.#watch = watch;
  }

  /** A child's memory is bounded by itself. */
  memoryBytes(): number {
    return 0;
  }

  execute(job: Job, node: RuntimeNode): FrameEnd {
    const frame = new Frame(this.#host, job, node.limits);
    const child = this.#openChild();
    let number: number | undefined;
    try {
      const { request } = job;
      const { objects } = this.#host;
      const args = objects.get(request.args).body;
      const started = child.run(
        {
          request,
          args,
          near: this.#near(args),
          module: node.module,
          moduleBytes: () => objects.get(node.module).body,
        },
        frame,
      );
      number = started.job;
      return this.#follow(child, number, started.turn, frame, node.module);
    } catch (error) {
      return this.#end(child, number, frame, error);
    }
  }

  /** Small arguments that are in memory, as those that were made for this very job are: asking for one costs as much as all else of a small job. */
  #near(args: Uint8Array): ScriptJob["near"] {
    const near: { readonly oid: Oid; readonly bytes: Uint8Array }[] = [];
    for (const { mode, oid } of decodeTree(args).slice(0, nearBlobsMax)) {
      const object = mode === "100644" ? this.#host.objects.near(oid) : undefined;
      if (object?.kind === "blob" && object.body.length <= nearBytesMax) near.push({ oid, bytes: object.body });
    }
    return near;
  }

  /** Ends the child; the next job starts another one. */
  close(): void {
    this.#child?.close();
    this.#lost();
  }

  #openChild(): ScriptChild {
    if (this.#child?.isOpen === true) return this.#child;
    this.#child = new ScriptChild({ heapMb: scriptHeapMbMax, flags: this.#watch.flags });
    this.#watch.childIs(this.#child.pid ?? 0);
    return this.#child;
  }

  /** Takes over a process that was started for this executor; its pipes are closed by whoever opened them. */
  adopt(opened: OpenedChild, closeEnds: () => void): void {
    this.close();
    this.#child = new ScriptChild(opened, closeEnds);
    this.#watch.childIs(opened.pid ?? 0);
  }

  #lost(): void {
    this.#child = undefined;
    this.#watch.childIs(0);
  }

  /** From turn to turn. */
  #follow(child: ScriptChild, number: number, first: ScriptTurn, frame: Frame, module: Oid): FrameEnd {
    for (let turn = first; ;) {
      switch (turn.how) {
        case "waits":
          turn = child.settle(number, settled(frame, turn.calls), frame);
          break;
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
        case "failed":
          return this.#finished(frame, failure(turn.code, turn.message), this.#place(frame, module, turn.detail));
        case "exhausted":
          return { how: "needs-empty-stack", why: `${this.#nameOf(frame)}: ${turn.message}` };
      }
    }
  }

  /** What a thrown thing means for the frame. */
  #end(child: ScriptChild, number: number | undefined, frame: Frame, error: unknown): FrameEnd {
    if (error instanceof ScriptChildDied || error instanceof ScriptChildBroken) {
      if (this.#child === child) this.#lost();
      if (error instanceof ScriptChildBroken) {
        throw new NonAnswerError({ kind: "host", message: `${error.message} while ${this.#nameOf(frame)} ran` }, error);
      }
      return {
        how: "needs-empty-stack",
        why: `${error.message}: ${this.#nameOf(frame)} ran in it, and it may have run out of memory`,
      };
    }
    if (number !== undefined) child.drop(number);
    if (error instanceof Unwind) return { how: "missed" };
    if (error instanceof GuestFailed) return this.#finished(frame, error.failure, error.detail);
    throw error;
  }

  #finished(frame: Frame, outcome: Outcome, detail?: string): FrameEnd {
    if (frame.log.length > 0) this.#host.onLog(frame.job, frame.log);
    return { how: "completed", memo: { outcome, detail, fuel: 0, reads: [...frame.reads] } };
  }

  #place(frame: Frame, module: Oid, detail: string): string {
    return /^\d+:\d+$/.test(detail)
      ? placeInModule(detail, module)
      : `${detail === "" ? "" : `${detail}, `}in ${this.#nameOf(frame)}`;
  }

  #nameOf({ job }: Frame): string {
    return workerName(this.#host.objects, job.request.std, job.request.image);
  }
}

/** The outcomes of a script's calls; a malformed one fails by itself, since a script awaits each by itself. Throws Unwind. */
function settled(frame: Frame, calls: readonly NestedCall[]): Outcome[] {
  frame.countRuns(calls.length);
  const formed = calls.map((call) => frame.request(call));
  const requests = formed.filter((each): each is Request => typeof each !== "number");
  const outcomes = frame.settle(requests).values();
  return formed.map((each) =>
    typeof each === "number" ? failure("abi", errorText(each)) : (outcomes.next().value as Outcome),
  );
}
