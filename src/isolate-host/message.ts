/** What crosses between the engine's thread and an executor's, and the memory that both see. Plain values. */
import type { CommandOutput, Dispatch, Report } from "../scheduler/runner.ts";
import type { ScriptPipes } from "./script/script-process.ts";
import type { Oid } from "../store/oid.ts";
import type { Memo } from "../store/outcome.ts";
import type { NonAnswer } from "../abi/non-answer.ts";

/** Given to an executor when it starts. */
export interface ExecutorStart {
  readonly storePath: string;
  /** Bytes of a StatusBoard. */
  readonly status: SharedArrayBuffer;
  readonly nestedFramesMax: number;
  /** The claims that all executors share, and which of them this one is; undefined for an executor that is alone. */
  readonly claims: { readonly table: SharedArrayBuffer; readonly owner: number } | undefined;
}

/** What verifying a remembered request came to that was not confirmed. */
export type Verdict =
  /** Executed again, it comes to this. What the result needs is committed. */
  | { readonly how: "differs"; readonly request: Oid; readonly found: Memo }
  /** It can't be executed as it was. */
  | { readonly how: "unverified"; readonly request: Oid; readonly why: Unverified };

export type Unverified =
  | NonAnswer
  /** There is no memo of it, or none of this nested request, which it consumed. */
  | { readonly kind: "forgotten"; readonly request: Oid };

export type ToExecutor =
  /** With `alone` nothing is nested in anything: an executor died of this dispatch before. */
  | { readonly type: "dispatch"; readonly dispatch: Dispatch; readonly alone: boolean }
  /** A process for scripts, which is the executor's until it says otherwise: it has asked for it, or is about to. */
  | { readonly type: "child"; readonly pipes: ScriptPipes }
  /** There is none for it, although it has asked. */
  | { readonly type: "noChild"; readonly answer: NonAnswer }
  | { readonly type: "close" };

export type FromExecutor =
  | { readonly type: "offer"; readonly parent: Oid; readonly requests: readonly [Oid, ...Oid[]] }
  /** Requests executed so far of the dispatch. */
  | { readonly type: "progress"; readonly executed: number }
  | { readonly type: "output"; readonly output: CommandOutput }
  | { readonly type: "released" }
  /** Of a thread that verifies: what it found of a request whose memo it could not confirm. */
  | { readonly type: "verdict"; readonly verdict: Verdict }
  /** It waits for a process for scripts: `child` or `noChild` is the next thing that it reads. */
  | { readonly type: "childWanted" }
  /** The process that it was given is of no more use to it. */
  | { readonly type: "childClosed" }
  | { readonly type: "report"; readonly report: Report };
