/**
 * A run as whoever asked for it holds it: a promise of its result, and what is told of it meanwhile. Nothing is asked of executors for that: they tell, and what is told waits here until it is read.
 *
 * A reader that is slow holds up nothing and costs little: of unread progress it gets the newest, and of unread log lines so many.
 */
import type { CommandOutput, Counts, LogLine, RunHearer } from "./scheduler/runner.ts";
import type { Oid } from "./store/oid.ts";
import type { Outcome } from "./store/outcome.ts";

/** Log lines that wait for an iteration to go on; later ones are dropped, and the last says so. */
const unreadLinesMax = 100_000;

export interface RunResult {
  readonly request: Oid;
  readonly outcome: Outcome;
  /** The outcome's oid in multiformats' words; undefined for a failure. */
  readonly cid: string | undefined;
  /** On a failure, what the engine knows of its cause: for people, not part of the outcome. */
  readonly detail: string | undefined;
  readonly jobs: Counts;
  readonly ms: number;
  /** The number of the run's record in the store; undefined when a memo answered, which leaves no record. */
  readonly run: number | undefined;
}

export type RunEvent =
  /** The first: the request is formed. It may be remembered, or in flight. */
  | { readonly type: "started"; readonly request: Oid }
  /** Jobs executed for this run so far, as `jobs.executed` counts them: a request in flight that the run joined counts for the run that began it. Rises; at most some ten times a second for each executor. */
  | { readonly type: "progress"; readonly executed: number }
  /** What an executed guest logged, once its execution and all that was dispatched with it have completed. */
  | ({ readonly type: "log" } & LogLine)
  /** The last, unless the run comes to no answer. */
  | { readonly type: "done"; readonly result: RunResult };

/** The promise rejects with what the method that began the run says. */
export interface Run extends Promise<RunResult> {
  /**
   * What happens, from the first event on for whoever begins at once; who begins later gets the newest progress, and no lines that were logged before. Can be iterated several times, each for itself.
   *
   * When the run rejects, each iteration throws the same error at its end; for whoever iterates then, the promise's rejection counts as handled. Leaving an iteration ends nothing, and no iteration keeps a
   * process alive.
   */
  readonly events: AsyncIterable<RunEvent>;
}

/** What is told of a run while `work` goes on. */
export interface RunTold extends RunHearer {
  started(request: Oid): void;
}

/** Starts `work` at once; what it throws rejects, and in the end what a hearer has thrown, who hears no more after that: others' runs go on beside this one. */
export function startRun(
  onLog: ((line: LogLine) => void) | undefined,
  work: (told: RunTold) => Promise<RunResult>,
  onOutput?: (output: CommandOutput) => void,
): Run {
  const events = new RunEvents(onLog, onOutput);
  const settle = async () => {
    const settled = await work(events);
    if (events.thrown !== undefined) throw events.thrown.error;
    return settled;
  };
  const result = settle().then(
    (settled) => {
      events.end({ result: settled });
      return settled;
    },
    (error: unknown) => {
      // Who is in the midst of an iteration is told there, and can't await the promise before.
      if (events.isIterated) result.catch(() => undefined);
      events.end({ error });
      throw error;
    },
  );
  return Object.assign(result, { events: { [Symbol.asyncIterator]: () => events.iterate() } });
}

type Ending = { readonly result: RunResult } | { readonly error: unknown };

class RunEvents implements RunTold {
  readonly #onLog: ((line: LogLine) => void) | undefined;
  readonly wrote: ((output: CommandOutput) => void) | undefined;
  #request: Oid | undefined;
  #executed = 0;
  #thrown: { readonly error: unknown } | undefined;
  #ending: Ending | undefined;
  /** What each iteration under way has not read yet. */
  readonly #unread = new Set<LogLine[]>();
  /** What iterations wait for that have read everything. */
  #news: PromiseWithResolvers<void> | undefined;

  constructor(onLog: ((line: LogLine) => void) | undefined, onOutput: ((output: CommandOutput) => void) | undefined) {
    this.#onLog = onLog;
    this.wrote = onOutput && ((output) => this.#hear(() => onOutput(output)));
  }

  /** What a hearer threw. */
  get thrown(): { readonly error: unknown } | undefined {
    return this.#thrown;
  }

  #hear(tell: () => void): void {
    if (this.#thrown !== undefined) return;
    try {
      tell();
    } catch (error) {
      this.#thrown = { error };
    }
  }

  get isIterated(): boolean {
    return this.#unread.size > 0;
  }

  get wantsLogs(): boolean {
    return this.#onLog !== undefined || this.isIterated;
  }

  started(request: Oid): void {
    this.#request = request;
    this.#tell();
  }

  progressed(executed: number): void {
    // What an executor that died had executed is lost, and executed again.
    if (executed <= this.#executed) return;
    this.#executed = executed;
    this.#tell();
  }

  logged(line: LogLine): void {
    this.#hear(() => this.#onLog?.(line));
    for (const lines of this.#unread) {
      if (lines.length < unreadLinesMax) lines.push(line);
      else if (lines.length === unreadLinesMax) lines.push({ ...line, line: "(further log lines are not shown)" });
    }
    this.#tell();
  }

  end(ending: Ending): void {
    this.#ending = ending;
    this.#tell();
  }

  async *iterate(): AsyncGenerator<RunEvent, undefined> {
    const lines: LogLine[] = [];
    this.#unread.add(lines);
    let request: Oid | undefined;
    let executed = 0;
    try {
      for (;;) {
        if (request !== this.#request) {
          request = this.#request;
          if (request !== undefined) yield { type: "started", request };
        } else if (lines.length > 0) {
          for (const line of lines.splice(0)) yield { type: "log", ...line };
        } else if (executed < this.#executed) {
          executed = this.#executed;
          yield { type: "progress", executed };
        } else if (this.#ending !== undefined) {
          if ("error" in this.#ending) throw this.#ending.error;
          yield { type: "done", result: this.#ending.result };
          return undefined;
        } else {
          this.#news ??= Promise.withResolvers();
          await this.#news.promise;
        }
      }
    } finally {
      this.#unread.delete(lines);
    }
  }

  #tell(): void {
    this.#news?.resolve();
    this.#news = undefined;
  }
}
