/**
 * Executors as the scheduler sees them: seats for as many threads as may run at a time, the claims that they share, and the hunger by which those that are busy learn that others are not.
 * A run that is over soon never pays for a second thread.
 */
import type { Dispatch, Report, Runner, RunnerNews } from "../scheduler/runner.ts";
import { Claims, claimTable } from "../scheduler/claims.ts";
import type { Oid } from "../store/oid.ts";
import { ExecutorSeat, type SeatOptions } from "./executor-seat.ts";

/** How long somebody must have been busy before those who are idle ask for work: a thread takes longer than that to start. */
const hungryAfterMs = 20;
/** What an offer must have taken to have been worth its commit. After one that took less, those who are idle wait before they ask again, each time twice as long. */
const worthMs = 10;
const patienceMs = { first: 4, last: 512 } as const;
/** How often the claims of a dead executor are asked for, when another one died with the lock. */
const buryEveryMs = 10;

export interface ExecutorPoolOptions extends Pick<
  SeatOptions,
  "storePath" | "wallClockMsMax" | "nestedFramesMax" | "describeStack"
> {
  /** Threads that may run at a time. */
  readonly executors: number;
}

export class ExecutorPool implements Runner {
  readonly slots: number;
  news: RunnerNews | undefined;
  readonly #seats: readonly ExecutorSeat[];
  /** Undefined where there is nobody to share with. */
  readonly #claims: Claims | undefined;
  #busySinceMs: number | undefined;
  /** How long idle executors wait before they ask for work again. */
  #patienceMs = 0;
  #hunger: NodeJS.Timeout | undefined;
  #isScriptWished = false;
  /** Which executor has left the claim of a leaf that it completed. */
  readonly #left = new Map<Dispatch, number>();

  constructor({ executors, ...options }: ExecutorPoolOptions) {
    this.slots = executors;
    const table = executors > 1 ? claimTable(executors) : undefined;
    // The engine's thread comes after all executors.
    this.#claims = table === undefined ? undefined : new Claims(table, executors);
    this.#seats = Array.from({ length: executors }, (_, owner) => {
      const claims = table === undefined ? undefined : { table, owner };
      return new ExecutorSeat({
        ...options,
        claims,
        program: "executor",
        scriptFlags: [],
        takeScriptWish: () => {
          const wish = this.#isScriptWished;
          this.#isScriptWished = false;
          return wish;
        },
        bury: () => this.#bury(owner),
        onNews: (dispatch, news) => {
          switch (news.type) {
            case "offer":
              this.news?.offered(dispatch, news.parent, news.requests);
              return;
            case "progress":
              this.news?.progressed(dispatch, news.executed);
              return;
            case "output":
              this.news?.wrote(dispatch, news.output);
              return;
            case "released":
              this.news?.released();
              return;
            case "verdict":
              throw new Error("an executor that settles has verified");
          }
        },
      });
    });
  }

  /** Says that a script is to run next: a thread that starts for it has its process started meanwhile. */
  expectScript(): void {
    this.#isScriptWished = !this.#seats.some((seat) => seat.hasThread);
  }

  get epoch(): number {
    return this.#claims?.epoch ?? 0;
  }

  async start(dispatch: Dispatch): Promise<Report> {
    const idle = this.#seats.filter((seat) => !seat.isBusy);
    const seat = idle.find((each) => each.hasThread) ?? idle[0];
    if (seat === undefined) throw new Error("all executors are busy");
    const startedMs = performance.now();
    const report = seat.start(dispatch);
    this.#feel();
    try {
      const ended = await report;
      if (ended.leaf?.memo !== undefined) this.#left.set(dispatch, this.#seats.indexOf(seat));
      return ended;
    } finally {
      if (dispatch.isOffer) {
        const wasWorth = performance.now() - startedMs >= worthMs;
        this.#patienceMs = wasWorth ? 0 : Math.min(patienceMs.last, Math.max(patienceMs.first, 2 * this.#patienceMs));
      }
      this.#feel();
    }
  }

  kept(dispatch: Dispatch): void {
    const owner = this.#left.get(dispatch);
    this.#left.delete(dispatch);
    if (owner !== undefined) this.#giveBack(owner, dispatch.requests[0]);
  }

  #giveBack(owner: number, request: Oid): void {
    const wasWanted = this.#claims?.giveBackLeft(owner, request);
    if (wasWanted === true) this.news?.released();
    // Another thread has the lock, or died with it.
    if (wasWanted === undefined && this.#claims !== undefined)
      setTimeout(() => this.#giveBack(owner, request), buryEveryMs);
  }

  cancel(dispatch: Dispatch): void {
    for (const seat of this.#seats) seat.cancel(dispatch);
  }

  async close(): Promise<void> {
    await Promise.all(this.#seats.map((seat) => seat.close()));
  }

  /** Tells busy executors how many are idle, once they have been busy for a while. */
  #feel(): void {
    if (this.#claims === undefined) return;
    clearTimeout(this.#hunger);
    const claims = this.#claims;
    const busy = this.#seats.filter((seat) => seat.isBusy).length;
    const idle = busy === 0 ? 0 : this.slots - busy;
    this.#busySinceMs = busy === 0 ? undefined : (this.#busySinceMs ?? performance.now());
    if (busy === 0) this.#patienceMs = 0;
    const afterMs = Math.max((this.#busySinceMs ?? 0) + hungryAfterMs - performance.now(), this.#patienceMs);
    if (idle === 0 || afterMs <= 0) claims.hunger = idle;
    else this.#hunger = setTimeout(() => (claims.hunger = idle), afterMs).unref();
  }

  async #bury(owner: number): Promise<void> {
    while (this.#claims?.drop(owner) === false) {
      await new Promise((resolve) => void setTimeout(resolve, buryEveryMs));
    }
    this.news?.released();
  }
}
