/**
 * A run's jobs as the tree of who asked for whom, read off its trace and cut to what is looked at.
 *
 * Measured are a frame's beginning and its duration, which includes what it waited for: nested jobs and, now and then, other executors. A job's time is the sum over its frames. A hit is not measured.
 */
import { RunRecords, type JobName } from "./run-records.ts";
import type { TraceEvent } from "./scheduler/trace.ts";
import type { Oid } from "./store/oid.ts";
import type { RunRecord, Store } from "./store/store.ts";

/** Jobs that are shown at most. */
const shownJobsMax = 10_000;
/** Levels that are shown at most. */
const shownLevelsMax = 256;

export interface TreeOptions {
  /** Levels below the request that are shown, at most 256. Default: as many. */
  readonly depth?: number;
  /** Jobs below one that are shown; of all together at most 10,000 are. Default: all. */
  readonly width?: number;
  /** Which of them come first: those that took longest, or those that were asked for first. Default: call. */
  readonly order?: "slow" | "call";
}

/** What became of a request at this place. A job that was executed for somebody else of the run is a hit where it was asked for again. */
export interface TreeNode extends JobName {
  readonly how: "run" | "hit" | "ended" | "suspended";
  /** Of all frames, nested jobs included; 0 for a hit. */
  readonly micros: number;
  readonly frames: number;
  readonly fuel: number;
  readonly children: readonly TreeNode[];
  /** Of the children that are not shown; how many of them were executed, and their time. */
  readonly hidden: { readonly count: number; readonly executed: number; readonly micros: number };
}

export interface RunTree {
  readonly run: RunRecord;
  /** The newest run for the request, if it executed nothing of it: it was cancelled at once, say. */
  readonly idle: RunRecord | undefined;
  /** The trace is cut short: what ended last is not in it. */
  readonly isCut: boolean;
  readonly root: TreeNode;
}

/** The newest run in which the request was executed, if its trace is kept. */
export function executingRun(records: RunRecords, request: Oid): RunRecord | undefined {
  return records
    .before(undefined)
    .find((run) => records.trace(run).knows(request) && records.trace(run).eventsOf(request).some(isFrame));
}

export function isFrame({ how }: TraceEvent): boolean {
  return how !== "hit";
}

/** The tree below a request; undefined when no trace of its execution is kept. */
export function runTree(store: Store, library: Oid, request: Oid, options: TreeOptions): RunTree | undefined {
  const records = new RunRecords(store, library);
  const run = executingRun(records, request);
  if (run === undefined) return undefined;
  const trace = records.trace(run);
  const way = records.wayTo(run, request);
  const { path } = records.nameOf(way ?? [request]);
  const builder = new TreeBuilder(records, run, options);
  const newest = records.before(undefined).find((each) => each.request === request);
  return {
    run,
    idle: newest !== undefined && newest.id > run.id ? newest : undefined,
    isCut: !trace.knows(run.request),
    root: builder.node(request, trace.eventsOf(request).filter(isFrame), path, 0),
  };
}

/** What became of one child. */
interface Child {
  readonly request: Oid;
  readonly events: readonly TraceEvent[];
}

class TreeBuilder {
  readonly #records: RunRecords;
  readonly #run: RunRecord;
  readonly #depth: number;
  readonly #width: number;
  readonly #order: "slow" | "call";
  #shown = 0;

  constructor(records: RunRecords, run: RunRecord, { depth, width, order }: TreeOptions) {
    this.#records = records;
    this.#run = run;
    this.#depth = Math.min(depth ?? Infinity, shownLevelsMax);
    this.#width = width ?? Infinity;
    this.#order = order ?? "call";
  }

  node(request: Oid, events: readonly TraceEvent[], path: string | undefined, depth: number): TreeNode {
    this.#shown++;
    const frames = events.filter(isFrame);
    const below = frames.length === 0 ? [] : this.#childrenOf(request);
    const isDeep = depth >= this.#depth;
    const first = isDeep ? [] : below.slice(0, this.#width);
    const children: TreeNode[] = [];
    for (const child of first) {
      if (this.#shown >= shownJobsMax) break;
      const name = this.#records.nameBelow(path, request, child.request);
      children.push(this.node(child.request, child.events, name.path, depth + 1));
    }
    const rest = below.slice(children.length);
    return {
      ...this.#records.nameAt(request, path),
      how: howOf(frames),
      micros: microsOf(frames),
      frames: frames.length,
      fuel: frames.reduce((sum, { fuel }) => sum + fuel, 0),
      children,
      hidden: {
        count: rest.length,
        executed: rest.filter((each) => each.events.some(isFrame)).length,
        micros: rest.reduce((sum, each) => sum + microsOf(each.events), 0),
      },
    };
  }

  #childrenOf(request: Oid): readonly Child[] {
    const children = new Map<Oid, TraceEvent[]>();
    for (const event of this.#records.trace(this.#run).eventsBelow(request)) {
      const known = children.get(event.request);
      if (known === undefined) children.set(event.request, [event]);
      else known.push(event);
    }
    const list = Array.from(children, ([name, events]) => ({ request: name, events }));
    if (this.#order === "slow") return list.toSorted((a, b) => microsOf(b.events) - microsOf(a.events));
    const calls = new Map(this.#records.children(this.#run, request).map((name, at) => [name, at]));
    const rank = (name: Oid) => calls.get(name) ?? Infinity;
    return list.toSorted((a, b) => (rank(a.request) < rank(b.request) ? -1 : 1));
  }
}

function microsOf(events: readonly TraceEvent[]): number {
  return events.reduce((sum, { micros }) => sum + micros, 0);
}

function howOf(frames: readonly TraceEvent[]): TreeNode["how"] {
  if (frames.length === 0) return "hit";
  for (const how of ["run", "ended"] as const) if (frames.some((frame) => frame.how === how)) return how;
  return "suspended";
}
