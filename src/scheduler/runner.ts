/**
 * The seam to whatever runs requests: executors in threads today, other processes or machines later. Plain values throughout, since they cross threads.
 */
import type { NonAnswer } from "../abi/non-answer.ts";
import type { Oid } from "../store/oid.ts";
import type { NamedObject } from "../store/object.ts";
import type { Memo, Outcome } from "../store/outcome.ts";
import type { Miss } from "./plan.ts";

/**
 * *executed*: distinct requests settled by running; *frames*: executions started, replays included; *memoized*: requests asked for, by the caller or by executions that completed, and not executed for it. None but
 * `frames` depends on how many executors there are, or on what was run again.
 */
export interface Counts {
  readonly executed: number;
  readonly frames: number;
  readonly memoized: number;
}

/** Counts of a dispatch. Which of the requests asked for were executed is known only of the whole run. */
export interface Tally {
  readonly executed: number;
  readonly frames: number;
  /** Requests that executions asked for that completed, each as often as it was asked for. */
  readonly asked: number;
}

/** A line that a guest logged, of the execution that completed. */
export interface LogLine {
  readonly request: Oid;
  readonly line: string;
}

/** What a command that runs long has written so far and was not told yet: the bytes of that stream from `at` on. Told out of what will be its result, so it says nothing that the result does not. */
export interface CommandOutput {
  readonly stream: "stdout" | "stderr";
  readonly at: number;
  readonly bytes: Uint8Array;
}

/** What is sent along with a request that asks for no others, a *leaf*, so that it runs before anything of it is committed. */
export interface Along {
  /** What the store's file lacks. */
  readonly objects: readonly NamedObject[];
  /** Of the store (`Store.generation`), as whoever sends it has seen it. */
  readonly generation: number;
  /** `Runner.epoch` right before the request was found not to be remembered: while it is the same, no executor has committed it. */
  readonly epoch: number;
}

/** What a leaf came to, yet to be committed: what it has made that is not in the store's file, its memo if it completed, and its events in the trace. */
export interface LeafEnd {
  readonly objects: readonly NamedObject[];
  readonly memo: Memo | undefined;
  readonly events: Uint8Array;
}

/** What is to be run: a request that somebody waits for, or requests that an executor offers to others. */
export interface Dispatch {
  /** One, or several that were offered: they are settled in this order until one is met that another executor has. */
  readonly requests: readonly [Oid, ...Oid[]];
  readonly isOffer: boolean;
  /** A request that asked for these, for the trace; undefined for what a caller asked for. */
  readonly parent: Oid | undefined;
  /** Number of the run that it belongs to in the trace; 0 where that is to be known when it has ended, as a leaf's. */
  readonly run: number;
  /** Of one request, a leaf that is not remembered. Its executor leaves it to the engine's thread to commit what it came to. */
  readonly along?: Along | undefined;
  /** Execute even if there is a memo; what comes of it is compared with the memo. */
  readonly rerun: boolean;
  /** Whether the log lines of completed executions are wanted in the report. */
  readonly logs: boolean;
  /** Whether what the request, a command, writes is wanted while it runs. */
  readonly output?: boolean;
}

/** How a dispatch went. What completed is committed, but for a leaf. */
export type Report = {
  readonly counts: Tally;
  readonly logs: readonly LogLine[];
  /** Of a dispatch with objects along. */
  readonly leaf?: LeafEnd;
} & (
  | { readonly how: "settled"; readonly outcome: Outcome }
  /** It can't go on without requests that other executors have; no frame of it is live. */
  | { readonly how: "waiting"; readonly misses: readonly Miss[] }
  /** Another executor has the request itself, at that epoch of the claims. */
  | { readonly how: "elsewhere"; readonly epoch: number }
  /** What was offered has been served, as far as it was not met elsewhere or had to wait. */
  | { readonly how: "served" }
  | { readonly how: "ended"; readonly answer: NonAnswer }
);

/** Whoever follows a run. */
export interface RunHearer {
  /** Asked at each dispatch, since collecting lines has its cost. */
  readonly wantsLogs: boolean;
  /** Told in the order of logging, when a dispatch has ended. */
  logged(line: LogLine): void;
  /** Told what the request asked for, a command, writes, if it runs for a while. An executor that died starts again at 0. */
  readonly wrote?: ((output: CommandOutput) => void) | undefined;
  /** Jobs executed so far on behalf of the run. Fewer than before when an executor died. */
  progressed(executed: number): void;
}

/** What a runner tells while requests run. */
export interface RunnerNews {
  /** So many requests that dispatch has executed so far. Told now and then, while there are any. */
  progressed(by: Dispatch, executed: number): void;
  /** The command that was asked for has written this. */
  wrote(by: Dispatch, output: CommandOutput): void;
  /** The executor of that dispatch offers requests, which `parent` asked for, to others. It runs them itself unless somebody is faster. */
  offered(by: Dispatch, parent: Oid, requests: readonly [Oid, ...Oid[]]): void;
  /** Claims that somebody waited for were given back: the epoch is another one. */
  released(): void;
}

export interface Runner {
  /** How many dispatches may run at a time. */
  readonly slots: number;
  /** Changes whenever an executor gave back claims. */
  readonly epoch: number;
  /** Who is told; set once, before the first start. */
  news: RunnerNews | undefined;
  /** Runs the request, and what it nests. Rejects only for a bug. */
  start(dispatch: Dispatch): Promise<Report>;
  /** Hears that what a dispatched leaf came to is committed, or won't be: others may have its request. */
  kept(dispatch: Dispatch): void;
  /** Makes a running dispatch end as cancelled soon, keeping what was computed. */
  cancel(dispatch: Dispatch): void;
  /** Ends all executors. */
  close(): Promise<void>;
}
