/**
 * Runs again when something changed: the loop of `coppice watch`, without a file system, a clock or an engine of its own.
 *
 * Guarantees: what changes after a look began is looked at again. A burst of changes gives one look, once it has been quiet for `quietMs`, or after
 * `burstMsMax` where it does not end; while its source is in the midst of something, once it has been quiet for `unsettledQuietMs`, or after `unsettledMsMax`. A look that finds the same as
 * the one before starts nothing. At most one run goes on at a time: one that is out of date is aborted, and has ended before the next begins.
 */

/** Without a change for so long, a burst has ended. An editor's save and a checkout's files come closer together. */
export const quietMs = 50;
/** Changes that come for so long without a pause are looked at in their midst. */
export const burstMsMax = 2000;
/** The same for a source that says that more will follow. It may be wrong: a lock is left by a process that died, or held while somebody writes a commit's message. */
export const unsettledQuietMs = 1000;
export const unsettledMsMax = 10_000;

export interface Clock {
  /** Milliseconds from anywhere; never goes back. */
  nowMs(): number;
  /** Calls back once, after so many milliseconds. What is returned prevents it. */
  after(ms: number, call: () => void): () => void;
}

/** Tells that something may have changed. */
export interface Changes {
  /** From when this resolves, each change of what is to be looked at now is told by `onChange`. Called before each look. */
  renew(onChange: () => void): Promise<void>;
  /** Whether what changes now is certain to be followed by more. */
  isUnsettled(): boolean;
  close(): void;
}

/** What a look found. Equal keys stand for the same request. */
export interface Look {
  readonly key: string;
}

/** What is looked at, and run. */
export interface Watched<L extends Look> {
  look(): Promise<L>;
  /** Runs what a look found, and tells the result. Once `signal` is aborted it ends soon, and tells no result. `told` is the look whose result was told last. */
  run(look: L, told: L | undefined, signal: AbortSignal): Promise<void>;
  /** Tells what a look or a run threw. Throws it again when it is to end everything. */
  failed(error: unknown, during: "look" | "run", isFirst: boolean): Promise<void>;
}

/** Looks and runs until `stop` is aborted, or `watched.failed` throws. The source is closed, and no run goes on, when this settles. */
export async function watchLoop<L extends Look>(
  watched: Watched<L>,
  changes: Changes,
  clock: Clock,
  stop: AbortSignal,
): Promise<void> {
  let news = Promise.withResolvers<void>();
  const burst = burstEnd(clock, changes, () => news.resolve());
  const onStop = () => news.resolve();
  stop.addEventListener("abort", onStop);
  let told: L | undefined;
  let running: { readonly key: string; readonly abort: AbortController; readonly ended: Promise<void> } | undefined;
  /** The last that was run and told, or runs; undefined when something else was told after it. */
  let latest: string | undefined;
  let fault: { readonly error: unknown } | undefined;

  const end = async () => {
    running?.abort.abort();
    await running?.ended;
  };
  const tellFailure = async (error: unknown, during: "look" | "run", isFirst: boolean) => {
    try {
      await watched.failed(error, during, isFirst);
    } catch (ending) {
      fault ??= { error: ending };
      news.resolve();
    }
  };
  const start = (look: L, isFirst: boolean) => {
    const abort = new AbortController();
    const run = async () => {
      try {
        await watched.run(look, told, abort.signal);
        if (!abort.signal.aborted) told = look;
      } catch (error) {
        await tellFailure(error, "run", isFirst);
      }
    };
    const ended = run().finally(() => {
      if (running?.abort === abort) running = undefined;
    });
    running = { key: look.key, abort, ended };
    latest = look.key;
  };

  try {
    for (let isFirst = true; !isStopped(); isFirst = false) {
      news = Promise.withResolvers();
      try {
        await changes.renew(burst);
        const look = await watched.look();
        if (look.key !== latest) {
          await end();
          if (!isStopped()) start(look, isFirst);
        }
      } catch (error) {
        await tellFailure(error, "look", isFirst);
        // Its end shall be told, even if nothing is found to have changed.
        latest = running?.key;
      }
      if (!isStopped()) await news.promise;
    }
    await end();
    if (fault !== undefined) throw fault.error;
  } finally {
    stop.removeEventListener("abort", onStop);
    changes.close();
    burst.cancel();
  }

  // Both change while others are waited for.
  function isStopped(): boolean {
    return stop.aborted || fault !== undefined;
  }
}

interface Burst {
  /** Something changed. */
  (): void;
  cancel(): void;
}

/** Calls `onEnd` once for all changes of a burst, when it has ended. */
function burstEnd(clock: Clock, changes: Pick<Changes, "isUnsettled">, onEnd: () => void): Burst {
  let beganMs: number | undefined;
  let lastMs = 0;
  let cancelTimer: (() => void) | undefined;
  const wait = (ms: number) => {
    cancelTimer = clock.after(ms, look);
  };
  function look(): void {
    cancelTimer = undefined;
    if (beganMs === undefined) return;
    const nowMs = clock.nowMs();
    const isUnsettled = changes.isUnsettled();
    const leftMs = Math.min(
      lastMs + (isUnsettled ? unsettledQuietMs : quietMs) - nowMs,
      beganMs + (isUnsettled ? unsettledMsMax : burstMsMax) - nowMs,
    );
    if (leftMs > 0) wait(isUnsettled ? Math.min(leftMs, quietMs) : leftMs);
    else {
      beganMs = undefined;
      onEnd();
    }
  }
  const changed = () => {
    lastMs = clock.nowMs();
    beganMs ??= lastMs;
    if (cancelTimer === undefined) wait(quietMs);
  };
  const cancel = () => {
    cancelTimer?.();
    beganMs = undefined;
  };
  return Object.assign(changed, { cancel });
}
