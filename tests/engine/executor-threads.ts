/** The executors of engines in this thread, seen and ended from outside: every Worker that is made after `watchExecutors` is recorded, its messages are counted. */
import { syncBuiltinESMExports } from "node:module";
import workerThreads, { type WorkerOptions } from "node:worker_threads";
import type { ExecutorStart, FromExecutor, ToExecutor } from "../../src/isolate-host/message.ts";

/** The threads of one seat, one after the other. */
interface Seat {
  isBusy: boolean;
  /** Threads that the dispatch under way has lost. */
  deaths: number;
}

export class ExecutorThreads {
  readonly #live = new Set<workerThreads.Worker>();
  readonly #seats = new Map<SharedArrayBuffer, Seat>();
  readonly #seatOf = new Map<workerThreads.Worker, Seat>();
  readonly #killed = new Set<workerThreads.Worker>();
  readonly #ending: Promise<number>[] = [];
  kills = 0;
  /** Kills that took a dispatch's thread. */
  deaths = 0;
  /** Whether some dispatch lost its thread twice. */
  hasDiedTwice = false;
  spawned = 0;
  offers = 0;
  /** Jobs that were executed by whoever took an offer. */
  servedJobs = 0;

  /** Threads that have not ended, and were not killed. */
  get live(): readonly workerThreads.Worker[] {
    return [...this.#live];
  }

  /** Ends a thread wherever it is. */
  kill(worker: workerThreads.Worker): void {
    if (!this.#live.delete(worker)) return;
    this.kills++;
    this.#killed.add(worker);
    this.#ending.push(worker.terminate());
  }

  /** Once no killed thread lives, and the engine knows. */
  async allKilledEnded(): Promise<void> {
    await Promise.all(this.#ending);
    await new Promise((resolve) => void setImmediate(resolve));
  }

  add(worker: workerThreads.Worker, { status }: ExecutorStart): void {
    const seat = this.#seats.get(status) ?? { isBusy: false, deaths: 0 };
    this.#seats.set(status, seat);
    this.#seatOf.set(worker, seat);
    this.#live.add(worker);
    this.spawned++;
    // Before the engine hears of it. A thread that had nothing to do may have been given something since it was killed.
    worker.on("exit", () => {
      this.#live.delete(worker);
      if (!this.#killed.has(worker) || !seat.isBusy) return;
      this.deaths++;
      seat.deaths++;
      this.hasDiedTwice ||= seat.deaths > 1;
    });
    worker.on("message", (message: FromExecutor) => {
      if (message.type === "offer") this.offers++;
      if (message.type !== "report") return;
      seat.isBusy = false;
      if (message.report.how === "served") this.servedJobs += message.report.counts.executed;
    });
  }

  sent(worker: workerThreads.Worker, message: ToExecutor): void {
    const seat = this.#seatOf.get(worker);
    if (seat === undefined || message.type !== "dispatch") return;
    seat.isBusy = true;
    if (!message.alone) seat.deaths = 0;
  }
}

/** Records executors while `work` goes on. */
export async function watchExecutors<T>(work: (threads: ExecutorThreads) => Promise<T>): Promise<T> {
  const { Worker } = workerThreads;
  const threads = new ExecutorThreads();
  workerThreads.Worker = class extends Worker {
    constructor(file: string | URL, options: WorkerOptions) {
      super(file, options);
      if (/\/executor\.c?[jt]s$/.test(String(file))) threads.add(this, options.workerData as ExecutorStart);
    }
    override postMessage(message: ToExecutor): void {
      threads.sent(this, message);
      super.postMessage(message);
    }
  };
  syncBuiltinESMExports();
  try {
    return await work(threads);
  } finally {
    workerThreads.Worker = Worker;
    syncBuiltinESMExports();
  }
}
