/**
 * Verifying: remembered requests are executed again in fresh processes, once under each of some sets of V8's flags, and what they come to is compared with what is remembered, outcome and fuel.
 *
 * Bottom-up: a request is executed after those that it consumed, over their remembered outcomes. What differs is the cause, and quarantined at once with all that consumed it (store/quarantine.ts); a consumer is not executed.
 * So where one memo is wrong, that one is named. What can't be executed as it was is told with the reason, and what consumed it is verified all the same.
 */
import { describeNonAnswer } from "./abi/non-answer.ts";
import { MalformedRequest, readRequest, type Request } from "./abi/request.ts";
import { firstDifference, type Difference, type Execution } from "./first-difference.ts";
import { foldedPath } from "./folded-path.ts";
import { JobNames } from "./job-names.ts";
import type { Unverified, Verdict } from "./isolate-host/message.ts";
import { VerifyingPool } from "./isolate-host/verifying-pool.ts";
import type { VerifyingStart } from "./isolate-host/verifying-process.ts";
import { monotonicMs } from "./store/monotonic.ts";
import { hashObject } from "./store/object.ts";
import type { Oid } from "./store/oid.ts";
import type { Memo } from "./store/outcome.ts";
import { MissingObject, type Store } from "./store/store.ts";

/** Flags under which all is executed: the two compilers of V8 for WebAssembly, each alone; scripts without the optimizing compiler, and as usual. */
const flagSets = [
  { flags: ["--liftoff-only"], scriptFlags: ["--no-opt"] },
  { flags: ["--no-liftoff"], scriptFlags: [] },
] as const;

/** Requests that a verifier is given at a time: many enough that a message costs nothing, few enough that all have something to do. */
const batchRequestsMax = 256;

export type Selection =
  | "all"
  /** So many, which the seed chooses. */
  | { readonly count: number; readonly seed: string }
  /** These, with all that they consumed; or as a sample: these alone. */
  | { readonly requests: readonly Oid[]; readonly as: "closure" | "sample" };

export interface VerifyingOptions {
  readonly start: Omit<VerifyingStart, "scriptFlags">;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: VerifyingProgress) => void;
}

/** How far it is: executions of all that are due, under all flags. Rises; `due` may, too. */
export interface VerifyingProgress {
  readonly done: number;
  readonly due: number;
}

/** Two executions of a request differed, told to people. */
export interface DescribedDivergence {
  readonly request: Oid;
  /** A name in a standard library, the file of a script that was bundled here, or `worker OID`; undefined when its request is not here any more. */
  readonly worker: string | undefined;
  /** From the `in` of the outermost request that consumed it, with slashes, `.` for that itself; undefined when it can't be told. */
  readonly path: string | undefined;
  /** What the second execution was: of a run, or under which flags. */
  readonly found: string;
  readonly remembered: Execution;
  readonly came: Execution;
  readonly difference: Difference;
}

/** One that was found just now. */
export interface FoundDivergence extends DescribedDivergence {
  /** Memos that were quarantined with it, since they consumed it. */
  readonly consumers: number;
}

export interface Verified {
  /** Requests whose memos were confirmed under all flags. */
  readonly confirmed: number;
  readonly divergences: readonly FoundDivergence[];
  readonly unverified: readonly { readonly request: Oid; readonly reason: string }[];
  /** Memos that were quarantined before, and not executed: of named requests those that are met, else the causes alone, without what consumed them. */
  readonly quarantined: readonly Oid[];
  /** The sets of flags, each as a text. */
  readonly flags: readonly string[];
  /** False when it was cancelled: what was verified until then counts. */
  readonly isComplete: boolean;
  readonly ms: number;
}

/** Verifies, and quarantines what differs. Nothing else is written. Workers are named by `library`. */
export async function verify(
  store: Store,
  library: Oid,
  selection: Selection,
  options: VerifyingOptions,
): Promise<Verified> {
  const startedMs = monotonicMs();
  store.flush();
  const verification = new Verification(store, library, options);
  // Who asks whether the store can be believed is told of what is known not to be.
  if (selection === "all" || "count" in selection) verification.noteUnsettled();
  if (selection === "all") await verification.run(new Graph(allMemos(store)), true);
  else if ("count" in selection) await verification.sample(sampled(store, selection.count, selection.seed));
  else if (selection.as === "sample") await verification.sample(selection.requests);
  else await verification.run(verification.closure(selection.requests), true);
  return { ...verification.verified(), ms: monotonicMs() - startedMs };
}

/** The share of requests, 0 to 1, that `--verify RATE` takes: the same ones each time. */
export function isInSample(request: Oid, rate: number): boolean {
  return Number.parseInt(request.slice(0, 8), 16) < rate * 2 ** 32;
}

/** Both executions with the first difference between them; `way` leads from the outermost request that consumed it down to it. */
export function describeDivergence(
  store: Store,
  library: Oid,
  request: Oid,
  way: readonly Oid[],
  remembered: Memo,
  came: Memo,
  found: string,
): DescribedDivergence {
  const requests = way.map((each) => requestOf(store, each));
  const frames = requests.flatMap((each) =>
    each === undefined ? [] : [{ request: each.oid, image: each.image, args: store.get(each.args).body }],
  );
  const last = requests.at(-1);
  return {
    request,
    worker: last && new JobNames(store, library).workerName(last.image, last.std),
    path: frames.length === way.length ? foldedPath(store, frames)?.path : undefined,
    found,
    remembered: { outcome: remembered.outcome, fuel: remembered.fuel },
    came: { outcome: came.outcome, fuel: came.fuel },
    difference: firstDifference(remembered, came, (name) => store.get(name)),
  };
}

function requestOf(store: Store, name: Oid): Request | undefined {
  try {
    return readRequest(store, name);
  } catch (error) {
    if (error instanceof MissingObject || error instanceof MalformedRequest) return undefined;
    throw error;
  }
}

interface Link {
  readonly request: Oid;
  readonly children: readonly Oid[];
}

function* allMemos(store: Store): Iterable<Link> {
  for (const { request, memo } of store.memos()) yield { request, children: memo.children };
}

/** Some of what is remembered, each as likely as any other. */
function sampled(store: Store, count: number, seed: string): readonly Oid[] {
  const ranks: { readonly request: Oid; readonly rank: string }[] = [];
  for (const { request } of store.memos()) {
    ranks.push({ request, rank: hashObject("blob", Buffer.from(`${seed} ${request}`, "utf8")) });
  }
  ranks.sort((a, b) => (a.rank < b.rank ? -1 : 1));
  return ranks.slice(0, count).map(({ request }) => request);
}

/** Requests that are to be verified, numbered, with who consumed whom among them. */
class Graph {
  readonly names: Oid[] = [];
  readonly parents: number[][];
  /** Numbers of requests by how many others stand below them: each level consumed none but lower ones. */
  readonly levels: readonly (readonly number[])[];
  readonly numbers = new Map<Oid, number>();

  constructor(links: Iterable<Link>) {
    const children: (readonly Oid[])[] = [];
    for (const link of links) {
      if (this.numbers.has(link.request)) continue;
      this.numbers.set(link.request, this.names.length);
      this.names.push(link.request);
      children.push(link.children);
    }
    this.parents = this.names.map(() => []);
    const waits = new Uint32Array(this.names.length);
    for (const [number, names] of children.entries()) {
      for (const child of new Set(names)) {
        const below = this.numbers.get(child);
        if (below === undefined) continue;
        (this.parents[below] as number[]).push(number);
        waits[number] = (waits[number] as number) + 1;
      }
    }
    const levels: number[][] = [];
    for (let level = [...this.names.keys()].filter((at) => waits[at] === 0); level.length > 0;) {
      levels.push(level);
      const next: number[] = [];
      for (const number of level) {
        for (const parent of this.parents[number] as number[]) {
          waits[parent] = (waits[parent] as number) - 1;
          if (waits[parent] === 0) next.push(parent);
        }
      }
      // In the order of the records, which are read again.
      level = next.toSorted((a, b) => a - b);
    }
    this.levels = levels;
  }

  name(number: number): Oid {
    return this.names[number] as Oid;
  }

  /** From some request that nobody here consumed down to this one. */
  wayTo(number: number): Oid[] {
    const way: number[] = [];
    for (let at: number | undefined = number; at !== undefined; at = this.parents[at]?.[0]) way.push(at);
    return way.map((each) => this.name(each)).toReversed();
  }
}

class Verification {
  readonly #store: Store;
  readonly #library: Oid;
  readonly #options: VerifyingOptions;
  readonly #divergences = new Map<Oid, FoundDivergence>();
  readonly #unverified = new Map<Oid, string>();
  readonly #quarantined = new Set<Oid>();
  /** By request: under how many sets of flags it was confirmed. */
  readonly #confirmed = new Map<Oid, number>();
  #done = 0;
  #due = 0;

  constructor(store: Store, library: Oid, options: VerifyingOptions) {
    this.#store = store;
    this.#library = library;
    this.#options = options;
  }

  verified(): Omit<Verified, "ms"> {
    let confirmed = 0;
    for (const times of this.#confirmed.values()) if (times >= flagSets.length) confirmed++;
    return {
      confirmed,
      divergences: [...this.#divergences.values()],
      unverified: Array.from(this.#unverified, ([request, reason]) => ({ request, reason })),
      quarantined: [...this.#quarantined],
      flags: flagSets.map(({ flags }) => flags.join(" ")),
      isComplete: !this.#options.signal.aborted,
    };
  }

  /** Notes requests that differed before, and that nobody has settled. */
  noteUnsettled(): void {
    for (const { request } of this.#store.divergences()) this.#quarantined.add(request);
  }

  /** These and all that they consumed, as far as it is remembered. */
  closure(requests: readonly Oid[]): Graph {
    return new Graph(this.#links(requests, true));
  }

  *#links(requests: readonly Oid[], isClosure: boolean): Iterable<Link> {
    const seen = new Set(requests);
    for (const request of seen) {
      const known = this.#store.evidence(request);
      if (known === undefined)
        this.#unverified.set(request, describeUnverified(request, { kind: "forgotten", request }));
      else if (known.isQuarantined) this.#quarantined.add(request);
      else {
        yield { request, children: known.memo.children };
        if (isClosure) for (const child of known.memo.children) seen.add(child);
      }
    }
  }

  /** Executes these alone. Only where one differs, what it consumed is verified too, before it is said to be the cause. */
  async sample(requests: readonly Oid[]): Promise<void> {
    const graph = new Graph(this.#links(requests, false));
    const differing = await this.run(graph, false);
    if (differing.length === 0 || this.#options.signal.aborted) return;
    await this.run(this.closure(differing.map(({ request }) => request)), true);
    for (const { request, flags, found } of differing) {
      // It differed once, whether or not it did so again.
      if (this.#store.evidence(request)?.isQuarantined === false) this.#keep(graph, request, flags, found);
    }
  }

  /** Executes all of a graph under each set of flags. What differs is kept, or only returned. */
  async run(graph: Graph, isKept: boolean): Promise<readonly { request: Oid; flags: string; found: Memo }[]> {
    const { signal, start } = this.#options;
    const differing = new Map<number, { request: Oid; flags: string; found: Memo }>();
    /** What differs or could not be executed, and what consumed the former: none of it is executed any more. */
    const barred = new Set<number>();
    this.#due += graph.names.length * flagSets.length;
    this.#tell(0);
    const { storePath, wallClockMsMax, nestedFramesMax } = start;
    const executors = Math.max(1, Math.min(start.executors, graph.names.length));
    const common = { storePath, wallClockMsMax, nestedFramesMax, executors };
    for (const { flags, scriptFlags } of flagSets) {
      if (signal.aborted) break;
      const pool = new VerifyingPool({ ...common, flags, scriptFlags });
      const shownFlags = flags.join(" ");
      const hear = (verdict: Verdict) => {
        const number = graph.numbers.get(verdict.request);
        if (number === undefined || differing.has(number) || barred.has(number)) return;
        barred.add(number);
        if (verdict.how === "unverified") {
          this.#hearUnverified(verdict);
          return;
        }
        const { request, found } = verdict;
        differing.set(number, { request, flags: shownFlags, found });
        if (!isKept) return;
        this.#keep(graph, request, shownFlags, found);
        for (const each of consumersOf(graph, number)) barred.add(each);
      };
      try {
        await this.#runUnder(pool, graph, barred, hear);
      } finally {
        await pool.close();
      }
    }
    return [...differing.values()];
  }

  async #runUnder(
    pool: VerifyingPool,
    graph: Graph,
    barred: Set<number>,
    hear: (verdict: Verdict) => void,
  ): Promise<void> {
    const { signal } = this.#options;
    for (const level of graph.levels) {
      const due = level.filter((number) => !barred.has(number));
      this.#tell(level.length - due.length);
      const size = Math.min(batchRequestsMax, Math.max(1, Math.ceil(due.length / (4 * pool.seats))));
      let from = 0;
      const seated = async (seat: number) => {
        while (from < due.length && !signal.aborted) {
          const batch = due.slice(from, from + size);
          from += size;
          await this.#runBatch(pool, seat, graph, batch, hear);
          if (signal.aborted) return;
          for (const number of batch) if (!barred.has(number)) this.#confirm(graph.name(number));
        }
      };
      const onAbort = () => void pool.close();
      signal.addEventListener("abort", onAbort);
      try {
        await Promise.all(Array.from({ length: pool.seats }, (_, seat) => seated(seat)));
      } finally {
        signal.removeEventListener("abort", onAbort);
      }
      if (signal.aborted) return;
    }
  }

  /** A batch; where its thread or process dies, its requests one by one. */
  async #runBatch(
    pool: VerifyingPool,
    seat: number,
    graph: Graph,
    batch: readonly number[],
    hear: (verdict: Verdict) => void,
  ): Promise<void> {
    const { signal } = this.#options;
    const [first, ...others] = batch.map((number) => graph.name(number));
    if (first === undefined) return;
    let told = 0;
    const tell = (done: number) => {
      this.#tell(Math.max(0, done - told));
      told = Math.max(told, done);
    };
    const answer = await pool.verify(seat, [first, ...others], hear, tell);
    if (answer !== undefined && !signal.aborted) {
      if (others.length === 0) hear({ how: "unverified", request: first, why: answer });
      else for (const number of batch) await this.#runBatch(pool, seat, graph, [number], hear);
    }
    if (answer === undefined || others.length === 0) tell(batch.length);
  }

  #hearUnverified({ request, why }: Extract<Verdict, { how: "unverified" }>): void {
    if (why.kind === "cancelled") return;
    // What was quarantined meanwhile, by this verification or by a run, was not wrong for itself.
    if (why.kind === "quarantine") {
      if (!this.#divergences.has(why.origin)) this.#quarantined.add(request);
      return;
    }
    this.#unverified.set(request, describeUnverified(request, why));
  }

  #keep(graph: Graph, request: Oid, flags: string, found: Memo): void {
    const remembered = this.#store.evidence(request)?.memo;
    const consumers = this.#store.keepDivergence(request, found, 0, `verify ${flags}`);
    // It was forgotten meanwhile.
    if (remembered === undefined || consumers === undefined) return;
    const way = graph.wayTo(graph.numbers.get(request) as number);
    const described = describeDivergence(this.#store, this.#library, request, way, remembered, found, flags);
    this.#divergences.set(request, { ...described, consumers });
  }

  #confirm(request: Oid): void {
    this.#confirmed.set(request, (this.#confirmed.get(request) ?? 0) + 1);
  }

  #tell(done: number): void {
    this.#done += done;
    this.#options.onProgress({ done: this.#done, due: this.#due });
  }
}

function consumersOf(graph: Graph, number: number): ReadonlySet<number> {
  const reached = new Set(graph.parents[number]);
  for (const each of reached) for (const parent of graph.parents[each] as number[]) reached.add(parent);
  return reached;
}

function describeUnverified(request: Oid, why: Unverified): string {
  if (why.kind !== "forgotten") return describeNonAnswer(why);
  return why.request === request
    ? "nothing is remembered of it"
    : `nothing is remembered of ${why.request}, which it consumed: forget this one too, and run again what needs it`;
}
