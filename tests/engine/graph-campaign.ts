/**
 * The graph campaign: random graphs of requests on real threads, against the recursive model.
 *
 *   node tests/engine/graph-campaign.ts [--seed S] [--sessions N] [--minutes M]
 *
 * A session is an engine on a store of its own, with so many executors and so many nested frames, and some rounds; a round is a random graph of which several
 * nodes are asked for at once, undisturbed, or while threads are killed or runs are cancelled at random moments, or beside a guest that never ends. A run must come to what the model says,
 * or to a non-answer that the graph or the disturbance explains; what is asked for again afterwards must be right; and when the engine is closed the store must be sound, each
 * memo be the model's, and each request that nobody killed have run once. A fault names the session's seed, and `--seed S --sessions 1` runs that session again.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { NonAnswerError, openEngine, type Engine, type NonAnswer, type Oid, type Outcome } from "../../src/engine.ts";
import { decodeTrace } from "../../src/scheduler/trace.ts";
import { openStore } from "../../src/store/store.ts";
import { inspectStore } from "../crash/inspect.ts";
import { library } from "../guests/children.ts";
import { encodeNode, graphGuest } from "../guests/graph.ts";
import { dice, type Dice } from "../scheduler/seeded.ts";
import { watchExecutors, type ExecutorThreads } from "./executor-threads.ts";
import { expectedOf, nonAnswerFault, randomGraph, reachOf, type Expected, type GraphKind } from "./graph-model.ts";
import { wholeNumber } from "../whole-number.ts";

/** What befalls the rounds of a session; a storm is all at once. */
export type Disturbance = "none" | "kills" | "aborts" | "hang" | "storm";

export interface Session {
  readonly seed: number;
  readonly executors: number;
  readonly nestedFramesMax: number;
  readonly rounds: number;
  readonly disturbance: Disturbance;
  /** Of which runtime the graph's guests are; `both`: every other one. */
  readonly guests: "wasm" | "script" | "both";
  /** Undefined: each round has its own. */
  readonly kind?: GraphKind;
}

export interface SessionSummary {
  readonly faults: readonly string[];
  readonly rounds: number;
  readonly runs: number;
  readonly nonAnswers: number;
  /** Requests that were executed. */
  readonly jobs: number;
  readonly threads: Pick<ExecutorThreads, "kills" | "deaths" | "spawned" | "offers" | "servedJobs">;
}

const scriptFile = fileURLToPath(new URL("../guests/graph-script.ts", import.meta.url));

/** How long a round may take before it counts as a stall: far longer than any does, on a machine that has ten times as much to do, too. */
const stallMs = 200_000;
/** How long a hanging guest is let run. */
const wallClockMsMax = 1000;
/** The same where scripts run: on a machine with much else to do a process may take that long to start. */
const scriptWallClockMsMax = 6000;
/** Moments of kills and cancellations lie in this many milliseconds from each other: a round lasts some ten to some hundred, and a thread starts in as many. */
const disturbWithinMs = 80;
const killsMax = 4;

export const executorCounts = [1, 2, 3, 4] as const;
export const nestBounds = [1, 2, 3, 8, 64] as const;

/** Light graphs: executors meet at every step. */
export const lightKind: GraphKind = { cycles: false, missing: false, hang: false, turnsMax: 16 };

/** The session that a seed stands for in a campaign. */
export function sessionOf(seed: number): Session {
  const random = dice(seed);
  const pick = <T>(from: readonly T[]) => from[random.below(from.length)] as T;
  const session = { seed, executors: pick(executorCounts), nestedFramesMax: pick(nestBounds) };
  if (random.below(8) === 0) return { ...session, guests: "wasm", rounds: 40, disturbance: "none", kind: lightKind };
  return {
    ...session,
    guests: pick(["wasm", "wasm", "both", "script"]),
    rounds: 2 + random.below(5),
    disturbance: pick(["none", "none", "none", "kills", "kills", "kills", "aborts", "aborts", "hang", "storm"]),
  };
}

/** Runs a session. The store's file is in the system's temporary folder and is removed. */
export function runSession(session: Session): Promise<SessionSummary> {
  return watchExecutors(async (threads) => {
    const folder = mkdtempSync(join(tmpdir(), "coppice-graphs-"));
    try {
      return await new Rounds(session, threads, join(folder, "store.sqlite")).run();
    } finally {
      // A thread that was killed may still be giving back its files.
      rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
    }
  });
}

class Rounds {
  readonly #session: Session;
  readonly #threads: ExecutorThreads;
  readonly #storePath: string;
  readonly #random: Dice;
  readonly #engine: Engine;
  /** Of even and of odd nodes. */
  #workers: readonly [Oid, Oid] | undefined;
  #std: Oid | undefined;
  readonly #faults: string[] = [];
  /** Graphs so far, and the nodes of each that somebody asked for. */
  readonly #asked: { readonly expected: Expected; readonly tops: Set<number> }[] = [];
  /** How often each request was executed, by the run's number. */
  readonly #executions = new Map<Oid, Map<number, number>>();
  #runs = 0;
  #nonAnswers = 0;
  /** What the runs that came to an answer say was executed for them. */
  #executed = 0;

  constructor(session: Session, threads: ExecutorThreads, storePath: string) {
    this.#session = session;
    this.#threads = threads;
    this.#storePath = storePath;
    this.#random = dice(session.seed + 0x9e37);
    const { executors, nestedFramesMax, disturbance, guests } = session;
    const limits =
      disturbance === "hang" || disturbance === "storm"
        ? { wallClockMsMax: guests === "wasm" ? wallClockMsMax : scriptWallClockMsMax }
        : {};
    this.#engine = openEngine({ store: storePath, executors, nestedFramesMax, ...limits });
  }

  async run(): Promise<SessionSummary> {
    const { seed, rounds, executors, nestedFramesMax, disturbance, guests } = this.#session;
    const wasm = this.#engine.addWorker(graphGuest);
    const script = guests === "wasm" ? wasm : await this.#engine.addScript(scriptFile);
    this.#workers = guests === "script" ? [script, script] : [wasm, script];
    const [graph0, graph1] = this.#workers;
    this.#std = library(this.#engine, { graph0, graph1 });
    let played = 0;
    let isStalled = false;
    for (; played < rounds && !isStalled; played++) isStalled = !(await this.#inTime(this.#round(), `round ${played}`));
    // With nobody at work, and with somebody: a thread that is killed at the same time must not keep an engine open.
    if (disturbance === "kills" || disturbance === "storm")
      for (const worker of this.#threads.live) this.#threads.kill(worker);
    isStalled ||= !(await this.#inTime(this.#engine.close(), "closing"));
    let jobs = 0;
    if (isStalled) for (const worker of this.#threads.live) this.#threads.kill(worker);
    else jobs = this.#inspect();
    const { kills, deaths, spawned, offers, servedJobs } = this.#threads;
    const where = `seed ${seed} (${executors} executors, ${nestedFramesMax} nested frames, ${disturbance}, guests: ${guests})`;
    return {
      faults: this.#faults.map((fault) => `${where}: ${fault}`),
      rounds: played,
      runs: this.#runs,
      nonAnswers: this.#nonAnswers,
      jobs,
      threads: { kills, deaths, spawned, offers, servedJobs },
    };
  }

  /** False when the work does not end. */
  async #inTime(work: Promise<void>, what: string): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    const stall = new Promise<boolean>((resolve) => {
      timer = setTimeout(() => resolve(false), stallMs);
    });
    const isDone = await Promise.race([work.then(() => true), stall]);
    clearTimeout(timer);
    if (!isDone) this.#faults.push(`${what} stalls`);
    return isDone;
  }

  async #round(): Promise<void> {
    const random = this.#random;
    const { disturbance } = this.#session;
    const isStorm = disturbance === "storm";
    const isHang = disturbance === "hang" || (isStorm && random.below(3) === 0);
    const kind = this.#session.kind ?? {
      cycles: !isHang && random.below(3) === 0,
      missing: !isHang && random.below(3) === 0,
      hang: isHang,
      turnsMax: 2 ** (4 + random.below(18)),
    };
    const expected = this.#expect(kind);
    const others = isHang ? [this.#expect({ ...kind, hang: false })] : [];
    const lanes = Array.from({ length: 1 + random.below(4) }, () => this.#tops(expected));
    for (const other of others) lanes.push(this.#tops(other));
    const isOver = new AbortController();
    const disturbing = disturbance === "kills" || isStorm ? this.#kill(isOver.signal) : Promise.resolve();
    // The first lane is left alone.
    const aborted = lanes.map((_, lane) => (disturbance === "aborts" || isStorm) && lane > 0 && random.below(2) === 0);
    await Promise.all(
      lanes.map((tops, lane) => this.#lane(tops, aborted[lane] === true ? this.#abortSoon(isOver.signal) : undefined)),
    );
    isOver.abort();
    await disturbing;
    this.#takeTraces();
    if (disturbance === "none") return;
    await this.#threads.allKilledEnded();
    this.#threads.hasDiedTwice = false;
    // Whatever happened before, what is asked for now is right. A guest that never ends would only take its time again.
    const isWanted = ([{ outcomes }, top]: readonly [Expected, number]) => !isHang || outcomes[top] !== undefined;
    for (const tops of lanes) await this.#lane(tops.filter(isWanted), undefined);
    this.#takeTraces();
  }

  #expect(kind: GraphKind): Expected {
    const expected = expectedOf(randomGraph(this.#random, kind), this.#workers as [Oid, Oid], this.#std as Oid);
    this.#asked.push({ expected, tops: new Set() });
    return expected;
  }

  /** Some nodes of a graph, to be asked for one after the other; the graph's top among them, most often. */
  #tops(expected: Expected): readonly [Expected, number][] {
    const random = this.#random;
    return Array.from({ length: 1 + random.below(2) }, () => [
      expected,
      random.below(3) > 0 ? 0 : random.below(expected.graph.length),
    ]);
  }

  async #lane(tops: readonly [Expected, number][], signal: AbortSignal | undefined): Promise<void> {
    for (const [expected, top] of tops) {
      const fault = await this.#ask(expected, top, signal);
      if (fault !== undefined) this.#faults.push(`node ${top} of graph ${this.#graphName(expected)}: ${fault}`);
    }
  }

  #graphName(expected: Expected): number {
    return this.#asked.findIndex((each) => each.expected === expected);
  }

  /** Runs a node; what is wrong with what it comes to. */
  async #ask(expected: Expected, top: number, signal: AbortSignal | undefined): Promise<string | undefined> {
    this.#runs++;
    this.#asked[this.#graphName(expected)]?.tops.add(top);
    const args = { graph: expected.bytes, node: encodeNode(top) };
    const options = signal === undefined ? {} : { signal };
    const wanted = expected.outcomes[top];
    try {
      const { request, outcome, jobs } = await this.#engine.run({
        worker: `graph${top % 2}`,
        std: this.#std as Oid,
        args,
        ...options,
      });
      this.#executed += jobs.executed;
      if (request !== expected.requests[top]) return `its request is ${request}`;
      return isSame(outcome, wanted) ? undefined : `${tell(outcome)} where the model says ${tell(wanted)}`;
    } catch (error) {
      if (!(error instanceof NonAnswerError)) return `a bug: ${String((error as Error).stack)}`;
      this.#nonAnswers++;
      const { answer } = error;
      if (answer.kind === "cancelled" && signal?.aborted === true) return undefined;
      if (this.#isOfKill(answer)) return undefined;
      if (this.#isCutShort(answer)) return this.#ask(expected, top, signal);
      if (wanted !== undefined) return `${tell(answer)} where the model says ${tell(wanted)}`;
      return nonAnswerFault(expected, top, answer);
    }
  }

  /** Whether this is what becomes of a dispatch whose thread was killed, and that of its second try, too. */
  #isOfKill(answer: NonAnswer): boolean {
    return (
      this.#threads.hasDiedTwice && answer.kind === "host" && /^an executor ended .*, twice, /.test(answer.message)
    );
  }

  /** Whether a node that ends was stopped, by its name: on a busy machine it may not get to run within the wall clock. Whoever asks again is answered. */
  #isCutShort(answer: NonAnswer): boolean {
    if (answer.kind !== "host" || answer.stoppedAfterMs === undefined) return false;
    return this.#asked.some(({ expected: { graph, requests } }) =>
      graph.some(({ ends }, node) => ends !== "hang" && answer.message.includes(`(request ${requests[node]})`)),
    );
  }

  #abortSoon(isOver: AbortSignal): AbortSignal {
    const abort = new AbortController();
    void moment(this.#random, isOver).then(() => abort.abort());
    return abort.signal;
  }

  /** Kills threads at random moments until it is over. */
  async #kill(isOver: AbortSignal): Promise<void> {
    // Dice of its own: how many are thrown depends on how long the round lasts, and what comes after it should not.
    const random = dice(this.#random.below(2 ** 31));
    for (let kills = 1 + random.below(killsMax); kills > 0; kills--) {
      await moment(random, isOver);
      const { live } = this.#threads;
      const victim = live[random.below(live.length)];
      if (isOver.aborted) return;
      if (victim !== undefined) this.#threads.kill(victim);
    }
  }

  /** Counts executions in the traces of the last runs before the store drops them. That of a run that has ended may grow later, when the thread that was started for it gets to work. */
  #takeTraces(): void {
    const store = openStore(this.#storePath);
    try {
      for (let run = 1; run <= (store.lastRun()?.id ?? 0); run++) {
        const times = new Map<Oid, number>();
        for (const { request, how } of decodeTrace(store.trace(run))) {
          if (how === "run") times.set(request, (times.get(request) ?? 0) + 1);
        }
        for (const [request, count] of times) {
          const runs = this.#executions.get(request) ?? new Map<number, number>();
          this.#executions.set(request, runs.set(run, Math.max(count, runs.get(run) ?? 0)));
        }
      }
    } finally {
      store.close();
    }
  }

  /** Looks at what a closed engine has left. Returns how many jobs were executed, as far as the traces tell. */
  #inspect(): number {
    const { disturbance } = this.#session;
    const inspection = inspectStore(this.#storePath);
    this.#faults.push(...inspection.faults);
    const store = openStore(this.#storePath);
    this.#takeTraces();
    const executions = new Map(Array.from(this.#executions, ([request, runs]) => [request, sum(runs.values())]));
    let memos = 0;
    try {
      for (const { expected, tops } of this.#asked) {
        for (const [node, request] of expected.requests.entries()) {
          const outcome = store.outcome(request);
          if (outcome === undefined) continue;
          memos++;
          const wanted = expected.outcomes[node];
          if (!isSame(outcome, wanted)) this.#faults.push(`memo ${tell(outcome)} where the model says ${tell(wanted)}`);
        }
        for (const top of tops) {
          if (expected.outcomes[top] === undefined) continue;
          for (const node of reachOf(expected, top).asked.keys()) {
            const request = expected.requests[node] as Oid;
            if (store.outcome(request) === undefined) this.#faults.push(`node ${node} is below ${top} and has no memo`);
            if (disturbance === "none" && executions.get(request) !== 1) {
              this.#faults.push(`node ${node} was executed ${executions.get(request) ?? 0} times`);
            }
          }
        }
      }
    } finally {
      store.close();
    }
    if (memos !== inspection.memos) this.#faults.push(`${inspection.memos} memos, of which ${memos} are of nodes`);
    const jobs = sum(executions.values());
    // An executor that is killed, for itself or with a guest that hangs, loses what it had not committed.
    if (disturbance === "none" || disturbance === "aborts") {
      const repeated = [...executions.values()].filter((times) => times > 1).length;
      if (repeated > 0) this.#faults.push(`${repeated} requests were executed more than once`);
      if (memos !== jobs) this.#faults.push(`${jobs} executions for ${memos} memos`);
    }
    // What was executed for a run without an answer is in its trace alone.
    const isCounted = this.#nonAnswers === 0 ? this.#executed === jobs : this.#executed <= jobs;
    if (disturbance === "none" && !isCounted) {
      this.#faults.push(`the runs count ${this.#executed} executions, the traces ${jobs}`);
    }
    return jobs;
  }
}

/** Some moment soon, or at once when it is over. */
function moment(random: Dice, isOver: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, random.below(disturbWithinMs));
    isOver.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

function sum(counts: Iterable<number>): number {
  return [...counts].reduce((total, each) => total + each, 0);
}

function isSame(a: Outcome | undefined, b: Outcome | undefined): boolean {
  return tell(a) === tell(b);
}

function tell(answer: Outcome | NonAnswer | undefined): string {
  return answer === undefined ? "that there is none" : JSON.stringify(answer);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      seed: { type: "string", default: "1" },
      sessions: { type: "string", default: "100" },
      minutes: { type: "string", default: "0" },
    },
  });
  const number = (name: keyof typeof values) => wholeNumber(name, values[name]);
  const first = number("seed");
  const untilMs = performance.now() + number("minutes") * 60_000;
  const isMore = (seed: number) =>
    number("minutes") > 0 ? performance.now() < untilMs : seed < first + number("sessions");
  const totals = { sessions: 0, rounds: 0, runs: 0, nonAnswers: 0, jobs: 0, kills: 0, offers: 0, servedJobs: 0 };
  let faults = 0;
  for (let seed = first; isMore(seed); seed++) {
    const startedMs = performance.now();
    const summary = await runSession(sessionOf(seed));
    totals.sessions++;
    for (const key of ["rounds", "runs", "nonAnswers", "jobs"] as const) totals[key] += summary[key];
    for (const key of ["kills", "offers", "servedJobs"] as const) totals[key] += summary.threads[key];
    faults += summary.faults.length;
    for (const fault of summary.faults.slice(0, 10)) print(fault);
    if (performance.now() - startedMs > 20_000)
      print(`seed ${seed} took ${Math.round(performance.now() - startedMs)} ms`);
    if (totals.sessions % 50 === 0) print(`seed ${seed}: ${JSON.stringify(totals)}, ${faults} faults`);
  }
  print(`${JSON.stringify(totals)}, ${faults} faults`);
  process.exit(faults > 0 ? 1 : 0);
}
