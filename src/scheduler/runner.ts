/**
 * The seam to whatever runs requests: executors in threads today, other processes or machines later. Plain values throughout, since they cross threads.
 */
import type { NonAnswer } from "../abi/non-answer.ts";
import type { Oid } from "../store/oid.ts";
import type { Outcome } from "../store/outcome.ts";
import type { SuspendedFrame } from "./plan.ts";

/** *executed*: distinct requests settled by running; *frames*: executions started, replays included; *memoized*: lookups that a memo answered. */
export interface Counts {
  readonly executed: number;
  readonly frames: number;
  readonly memoized: number;
}

/** A line that a guest logged, of the execution that completed. */
export interface LogLine {
  readonly request: Oid;
  readonly line: string;
}

/** What is to be run. */
export interface Dispatch {
  readonly request: Oid;
  /** Number of the run that it belongs to in the trace. */
  readonly run: number;
  /** Execute even if there is a memo; what comes of it is compared with the memo. */
  readonly rerun: boolean;
  /** Whether somebody outside is told of the outcome, so that it must be committed first. */
  readonly commit: boolean;
  /** Whether the log lines of completed executions are wanted in the report. */
  readonly logs: boolean;
}

/** How a dispatched request went. An outcome is committed where the dispatch asked for it. */
export type Report = {
  readonly counts: Counts;
  readonly logs: readonly LogLine[];
} & (
  | { readonly how: "settled"; readonly outcome: Outcome }
  /** The frames that unwound, innermost first, the dispatched request's last. */
  | { readonly how: "suspended"; readonly frames: readonly SuspendedFrame[] }
  | { readonly how: "ended"; readonly answer: NonAnswer }
);

export interface Runner {
  /** How many requests may run at a time. */
  readonly slots: number;
  /** Runs the request, and what it nests. Rejects only for a bug. */
  start(dispatch: Dispatch): Promise<Report>;
  /** Makes a running request end as cancelled soon, keeping what was computed. */
  cancel(request: Oid): void;
  /** Ends all executors. */
  close(): Promise<void>;
}
