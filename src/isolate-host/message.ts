/** What crosses between the engine's thread and an executor's, and the memory that both see. Plain values. */
import type { Dispatch, Report } from "../scheduler/runner.ts";
import type { OpenedChild } from "./script/script-child.ts";
import type { Oid } from "../store/oid.ts";

/** Given to an executor when it starts. */
export interface ExecutorStart {
  readonly storePath: string;
  /** Bytes of a StatusBoard. */
  readonly status: SharedArrayBuffer;
  readonly nestedFramesMax: number;
  /** The claims that all executors share, and which of them this one is; undefined for an executor that is alone. */
  readonly claims: { readonly table: SharedArrayBuffer; readonly owner: number } | undefined;
}

export type ToExecutor =
  /** With `alone` nothing is nested in anything: an executor died of this dispatch before. */
  | { readonly type: "dispatch"; readonly dispatch: Dispatch; readonly alone: boolean }
  /** A process for scripts, which is the executor's from then on. */
  | { readonly type: "child"; readonly child: OpenedChild }
  | { readonly type: "close" };

export type FromExecutor =
  | { readonly type: "offer"; readonly parent: Oid; readonly requests: readonly [Oid, ...Oid[]] }
  /** Requests executed so far of the dispatch. */
  | { readonly type: "progress"; readonly executed: number }
  | { readonly type: "released" }
  /** The process that it was given is of no more use to it. */
  | { readonly type: "childClosed" }
  | { readonly type: "report"; readonly report: Report };
