/** What crosses between the engine's thread and an executor's, and the memory that both see. Plain values. */
import type { Dispatch, Report } from "../scheduler/runner.ts";

/** Given to an executor when it starts. */
export interface ExecutorStart {
  readonly storePath: string;
  /** Bytes of a StatusBoard. */
  readonly status: SharedArrayBuffer;
  readonly nestedFramesMax: number;
}

export type ToExecutor = { readonly type: "dispatch"; readonly dispatch: Dispatch } | { readonly type: "close" };

export type FromExecutor = { readonly type: "ready" } | { readonly type: "report"; readonly report: Report };
