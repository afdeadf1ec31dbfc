/** The process of scripts that a thread has, as the thread sees it that started it and waits for its end. A thread has one at a time, and gives it back or dies. */
import { childBytesMax, ScriptProcess, type ScriptPipes, type ScriptProcessOptions } from "./script/script-process.ts";

/** How long a killed process may take to give back its memory, a gigabyte of it on a busy machine: its pipe ends only then, and nobody who waits for it comes back before. */
export const goneGraceMs = 30_000;

export class HeldProcess {
  readonly #options: ScriptProcessOptions;
  #process: ScriptProcess | undefined;
  #killedMs: number | undefined;
  readonly #running: Set<ScriptProcess>;

  /** `running` has each process from its start to its end. */
  constructor(options: ScriptProcessOptions, running: Set<ScriptProcess>) {
    this.#options = options;
    this.#running = running;
  }

  /** Starts a process for the thread. Throws NonAnswerError. */
  start(): ScriptPipes {
    this.release();
    const started = new ScriptProcess(this.#options);
    this.#process = started;
    this.#running.add(started);
    void started.ended.then(() => this.#running.delete(started));
    return started.pipes;
  }

  /** Ends the process that the thread may be waiting for, which is how a thread that waits comes back. False when there is none, or it was killed before. */
  kill(): boolean {
    if (this.#process === undefined || this.#killedMs !== undefined) return false;
    this.#process.kill();
    this.#killedMs = performance.now();
    return true;
  }

  /** Ends it when it takes too much: V8's own bound comes late, or not at all. Its executor finds out, and runs the job alone or gives it up. */
  weigh(): void {
    if ((this.#process?.residentBytes() ?? 0) > childBytesMax) this.kill();
  }

  /** Whether it was killed, and has not given back its memory yet. */
  isLeaving(nowMs: number): boolean {
    if (this.#process === undefined || this.#killedMs === undefined) return false;
    return nowMs - this.#killedMs < goneGraceMs && !this.#process.hasEnded;
  }

  /** For when its thread does not use it any more, or is gone. */
  release(): void {
    this.#process?.release();
    this.#process = undefined;
    this.#killedMs = undefined;
  }
}
