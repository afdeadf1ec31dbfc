/**
 * The scheduler: takes the requests that callers want settled, keeps the plan, and drives the runner until each has an outcome or a non-answer.
 * Single flight: a request that is in flight already is joined. Everything that it says was committed before.
 */
import { NonAnswerError, type NonAnswer } from "../abi/non-answer.ts";
import type { Oid } from "../store/oid.ts";
import type { Outcome } from "../store/outcome.ts";
import { Plan } from "./plan.ts";
import type { Along, Counts, Dispatch, LeafEnd, Report, RunHearer, Runner, Tally } from "./runner.ts";

/** The run of a leaf: of a request that asks for no others, and is executed before anything is committed of it. */
export interface LeafRun {
  /** What an executor needs to be sent; undefined where it can't be, and the request is to be committed first. */
  along(): Along | undefined;
  /** The run's number, once the request is committed. Throws the store's errors. */
  number(): number;
  /** Commits what it came to. Answers what an error of the store means. */
  keep(end: LeafEnd, counts: Counts): NonAnswer | undefined;
}

export interface SettleOptions {
  /** Number of the run in the trace, or a leaf's. */
  readonly run: number | LeafRun;
  readonly rerun?: boolean;
  readonly hearer?: RunHearer;
  readonly signal?: AbortSignal | undefined;
}

export interface SettledRun {
  readonly outcome: Outcome;
  readonly counts: Counts;
}

interface Caller {
  readonly request: Oid;
  readonly options: SettleOptions;
  readonly tally: { executed: number; frames: number; asked: number };
  readonly resolve: (run: SettledRun) => void;
  readonly reject: (error: unknown) => void;
  readonly cancel: () => void;
  /** What its request settled to. It is told when those who served it by offers have told their counts, too. */
  outcome: Outcome | undefined;
}

/** What the scheduler asks of the store: outcomes that executors have committed. A quarantined memo is none: whoever runs its request finds out. */
export interface CommittedMemos {
  outcome(request: Oid): Outcome | undefined;
}

/** A part of what an executor has before it. */
interface Offer {
  /** The dispatch that will get there. */
  readonly by: Dispatch;
  readonly parent: Oid;
  readonly requests: readonly [Oid, ...Oid[]];
}

/** What a slot is busy with. */
interface Flight {
  readonly dispatch: Dispatch;
  /** The request that needs it: the dispatched one, or that of the dispatch which offered it. */
  readonly neededBy: Oid;
  readonly caller: Caller | undefined;
  /** As far as the runner has told; what its report says counts in its place. */
  executed: number;
}

export class Scheduler {
  readonly #runner: Runner;
  readonly #memos: CommittedMemos;
  readonly #plan = new Plan();
  readonly #callers = new Set<Caller>();
  readonly #flights = new Map<Dispatch, Flight>();
  #offers: Offer[] = [];

  constructor(runner: Runner, memos: CommittedMemos) {
    this.#runner = runner;
    this.#memos = memos;
    runner.news = {
      progressed: (by, executed) => this.#progressed(by, executed),
      wrote: (by, output) => this.#flights.get(by)?.caller?.options.hearer?.wrote?.(output),
      offered: (by, parent, requests) => this.#take(by, parent, requests),
      released: () => this.#goOn(),
    };
  }

  /** Settles a request that has no memo (the caller looked), or with `rerun` one that has. Rejects with NonAnswerError. */
  settle(request: Oid, options: SettleOptions): Promise<SettledRun> {
    return new Promise((resolve, reject) => {
      if (options.signal?.aborted === true) {
        reject(new NonAnswerError({ kind: "cancelled" }));
        return;
      }
      const tally = { executed: 0, frames: 0, asked: 0 };
      const cancel = () => this.#cancel(caller);
      const caller: Caller = { request, options, tally, resolve, reject, cancel, outcome: undefined };
      this.#callers.add(caller);
      options.signal?.addEventListener("abort", cancel);
      this.#plan.ask(request);
      this.#drive();
    });
  }

  /** Fills the runner's slots: with what is ready, then with what executors offer. */
  #drive(): void {
    while (this.#flights.size < this.#runner.slots) {
      const request = this.#plan.next();
      const offer = request === undefined ? this.#offers.shift() : undefined;
      if (request !== undefined) this.#tryRequest(request);
      else if (offer !== undefined) this.#startOffer(offer);
      else return;
    }
  }

  /** Where its run's record can't be begun, whoever waits for it is told. */
  #tryRequest(request: Oid): void {
    try {
      this.#startRequest(request);
    } catch (error) {
      this.#refuse(request, error);
    }
  }

  /** Gives an error to whoever waits for a request. */
  #refuse(request: Oid, error: unknown): void {
    const asked = new Set(this.#plan.ended(request));
    for (const each of this.#callers) {
      if (asked.has(each.request)) this.#leave(each, () => each.reject(error));
    }
    this.#cancelUnwanted();
  }

  #startRequest(request: Oid): void {
    const caller = this.#callerOf(request);
    // The request that a caller asked for, or one that this is in need of.
    const own = caller?.request === request ? caller : undefined;
    const along = leafOf(own)?.along();
    const dispatch: Dispatch = {
      requests: [request],
      isOffer: false,
      parent: this.#plan.waiterOf(request),
      run: caller === undefined || along !== undefined ? 0 : numberOf(caller),
      along,
      rerun: own?.options.rerun === true,
      logs: caller?.options.hearer?.wantsLogs === true,
      output: own?.options.hearer?.wrote !== undefined,
    };
    this.#start(dispatch, request, caller);
  }

  #startOffer({ by, parent, requests }: Offer): void {
    const from = this.#flights.get(by);
    if (from === undefined) return;
    const { neededBy, caller } = from;
    const { run, logs } = by;
    this.#start({ requests, isOffer: true, parent, rerun: false, run, logs }, neededBy, caller);
  }

  #start(dispatch: Dispatch, neededBy: Oid, caller: Caller | undefined): void {
    const flight = { dispatch, neededBy, caller, executed: 0 };
    this.#flights.set(dispatch, flight);
    void this.#fly(flight);
  }

  async #fly(flight: Flight): Promise<void> {
    const { dispatch, neededBy, caller } = flight;
    try {
      const report = await this.#runner.start(dispatch);
      this.#land(flight);
      if (caller !== undefined) {
        for (const key of ["executed", "frames", "asked"] as const) caller.tally[key] += report.counts[key];
        for (const line of report.logs) caller.options.hearer?.logged(line);
      }
      if (dispatch.isOffer) this.#takeServed(neededBy, report);
      else this.#takeReport(neededBy, kept(report, caller));
    } catch (error) {
      this.#land(flight);
      this.#fail(error);
      this.#plan.stopped(neededBy);
      return;
    } finally {
      if (dispatch.along !== undefined) this.#runner.kept(dispatch);
    }
    // Its claims are given back.
    this.#goOn();
  }

  #progressed(by: Dispatch, executed: number): void {
    const flight = this.#flights.get(by);
    if (flight?.caller === undefined) return;
    const { caller } = flight;
    flight.executed = executed;
    let sum = caller.tally.executed;
    for (const each of this.#flights.values()) if (each.caller === caller) sum += each.executed;
    caller.options.hearer?.progressed(sum);
  }

  #goOn(): void {
    try {
      this.#takeBack();
      this.#drive();
      if (this.#flights.size === 0 && this.#plan.size > 0) throw new Error("requests are wanted and none can run");
    } catch (error) {
      this.#fail(error);
    }
  }

  /** A bug, or a store that can't be read: everybody who waits is told, and nothing is started any more on their behalf. */
  #fail(error: unknown): void {
    for (const each of this.#callers) {
      this.#plan.unask(each.request);
      this.#leave(each, () => each.reject(error));
    }
  }

  #land({ dispatch }: Flight): void {
    this.#flights.delete(dispatch);
    this.#offers = this.#offers.filter(({ by }) => by !== dispatch);
  }

  #takeReport(request: Oid, report: Report): void {
    switch (report.how) {
      case "settled":
        this.#settled(request, report.outcome);
        return;
      case "waiting":
        for (const circle of this.#plan.suspended([{ request, misses: report.misses }])) {
          // Whoever waits for one of the circle waits for all of it.
          if (circle[0] !== undefined) this.#end(circle[0], { kind: "cycle", requests: circle });
        }
        // It may have been given up while it ran.
        if (!this.#plan.isWanted(request)) this.#plan.unask(request);
        return;
      case "elsewhere":
        this.#plan.elsewhere(request, report.epoch);
        return;
      case "served":
        throw new Error("a request that somebody waits for was served as an offer is");
      case "ended":
        // It was stopped because nobody wanted it; somebody may have asked for it since.
        if (report.answer.kind === "cancelled" && this.#plan.isWanted(request)) this.#plan.stopped(request);
        else this.#end(request, report.answer);
        return;
    }
  }

  /** An offered piece is done. What came to no answer is needed by the request whose executor offered it, and so is the rest. */
  #takeServed(neededBy: Oid, report: Report): void {
    if (report.how === "ended" && report.answer.kind !== "cancelled") this.#end(neededBy, report.answer);
    this.#tellSettled();
  }

  #settled(request: Oid, outcome: Outcome): void {
    this.#plan.settled(request);
    for (const each of this.#callers) {
      if (each.request === request) each.outcome = outcome;
    }
    this.#tellSettled();
  }

  #tellSettled(): void {
    const flights = [...this.#flights.values()];
    for (const each of this.#callers) {
      const { outcome, tally } = each;
      if (outcome === undefined || flights.some(({ dispatch, caller }) => dispatch.isOffer && caller === each))
        continue;
      this.#leave(each, () => each.resolve({ outcome, counts: countsOf(tally) }));
    }
  }

  /** An executor offers what it has before it: to each slot that has nothing to do a piece, to be worked through from its end. */
  #take(by: Dispatch, parent: Oid, requests: readonly [Oid, ...Oid[]]): void {
    if (!this.#flights.has(by)) return;
    const idle = Math.max(1, this.#runner.slots - this.#flights.size);
    const length = Math.ceil(requests.length / idle);
    for (let at = 0; at < requests.length; at += length) {
      const [first, ...others] = requests.slice(at, at + length).toReversed();
      if (first !== undefined) this.#offers.push({ by, parent, requests: [first, ...others] });
    }
    this.#drive();
  }

  /** Looks again for what other executors had: it has an outcome, or is to be run. */
  #takeBack(): void {
    for (const request of this.#plan.elsewhereBefore(this.#runner.epoch)) {
      const isRerun = [...this.#callers].some((each) => each.request === request && each.options.rerun === true);
      const outcome = isRerun ? undefined : this.#memos.outcome(request);
      if (outcome === undefined) this.#plan.takeBack(request);
      else this.#settled(request, outcome);
    }
  }

  #end(request: Oid, answer: NonAnswer): void {
    this.#refuse(request, new NonAnswerError(answer));
  }

  #cancel(caller: Caller): void {
    if (!this.#callers.has(caller)) return;
    this.#leave(caller, () => caller.reject(new NonAnswerError({ kind: "cancelled" })));
    const isWanted = [...this.#callers].some((each) => each.request === caller.request);
    if (!isWanted) this.#plan.unask(caller.request);
    this.#cancelUnwanted();
  }

  /** What runs for nobody is not worth finishing. */
  #cancelUnwanted(): void {
    for (const { dispatch, neededBy } of this.#flights.values()) {
      if (!this.#plan.isWanted(neededBy)) this.#runner.cancel(dispatch);
    }
  }

  #leave(caller: Caller, tell: () => void): void {
    this.#callers.delete(caller);
    caller.options.signal?.removeEventListener("abort", caller.cancel);
    tell();
  }

  /** The caller on whose behalf a request runs; when that one has left, any of those who remain. */
  #callerOf(request: Oid): Caller | undefined {
    const cause = this.#plan.causeOf(request);
    let first: Caller | undefined;
    for (const each of this.#callers) {
      if (each.request === cause) return each;
      first ??= each;
    }
    return first;
  }
}

/** The report, once what a leaf came to is committed. */
function kept(report: Report, caller: Caller | undefined): Report {
  const answer = report.leaf && leafOf(caller)?.keep(report.leaf, countsOf(report.counts));
  return answer === undefined ? report : { how: "ended", answer, counts: report.counts, logs: report.logs };
}

function leafOf(caller: Caller | undefined): LeafRun | undefined {
  const run = caller?.options.run;
  return typeof run === "number" ? undefined : run;
}

/** The caller asked for one. */
function countsOf({ executed, frames, asked }: Tally): Counts {
  return { executed, frames, memoized: Math.max(0, asked + 1 - executed) };
}

/** Throws the store's errors. */
function numberOf({ options: { run } }: Caller): number {
  return typeof run === "number" ? run : run.number();
}
