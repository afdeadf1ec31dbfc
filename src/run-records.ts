/**
 * What the store recorded of runs and their jobs, as whoever explains them asks for it: which runs knew a request, who asked for it, what it asked for. A trace is read once, when it is first asked for.
 */
import { JobNames, joinedPath } from "./job-names.ts";
import { TraceIndex } from "./scheduler/trace-index.ts";
import type { Oid } from "./store/oid.ts";
import type { Evidence, RunRecord, Store } from "./store/store.ts";

/** Runs that are looked back at; traces are kept of fewer. */
const earlierRunsMax = 64;

/** What a job is called before people. */
export interface JobName {
  readonly request: Oid;
  /** A name in a standard library, the file of a script that was bundled here, or `worker OID`. */
  readonly worker: string;
  /** From the run's own `in`, with slashes, `.` for that itself; undefined when it can't be told. */
  readonly path: string | undefined;
}

export class RunRecords {
  readonly store: Store;
  readonly names: JobNames;
  readonly #traces = new Map<number, TraceIndex>();

  constructor(store: Store, library: Oid) {
    this.store = store;
    this.names = new JobNames(store, library);
  }

  /** Runs older than that one (all, when it is undefined), newest first. */
  before(run: RunRecord | undefined): readonly RunRecord[] {
    return this.store.runs(run?.id, earlierRunsMax);
  }

  /** A run's trace: empty once those of later runs have displaced it. */
  trace({ id }: RunRecord): TraceIndex {
    const known = this.#traces.get(id);
    if (known !== undefined) return known;
    const trace = new TraceIndex(this.store.trace(id));
    this.#traces.set(id, trace);
    return trace;
  }

  /** The newest run, older than that one if it is given, in which a request was asked for, as far as it is recorded. */
  newestWith(request: Oid, before?: RunRecord): RunRecord | undefined {
    return this.before(before).find((run) => run.request === request || this.trace(run).knows(request));
  }

  evidence(request: Oid): Evidence | undefined {
    return this.store.evidence(request);
  }

  /**
   * The requests that one asked for, in the order in which it did; when it came to no outcome, in the order in which they ended. A memo of a later run may have asked for others: what is forgotten comes to something else
   * now and then, once a quarantine is settled.
   */
  children(run: RunRecord, request: Oid): readonly Oid[] {
    const made = this.evidence(request);
    if (made !== undefined && made.run <= run.id) return made.memo.children;
    const traced = new Set(
      this.trace(run)
        .eventsBelow(request)
        .map((event) => event.request),
    );
    return traced.size > 0 ? [...traced] : (made?.memo.children ?? []);
  }

  /** The requests from the run's own to that one, each asked for by the one before; undefined when the trace does not tell. */
  wayTo(run: RunRecord, request: Oid): readonly Oid[] | undefined {
    const trace = this.trace(run);
    const way = [request];
    const seen = new Set(way);
    for (let at = request; at !== run.request;) {
      const events = trace.eventsOf(at);
      // A hit has another parent than the job whose memo it found.
      const parent = (events.find(({ how }) => how !== "hit") ?? events[0])?.parent;
      if (parent === undefined || seen.has(parent)) return undefined;
      seen.add(parent);
      way.push(parent);
      at = parent;
    }
    return way.toReversed();
  }

  /** What the last of these is called, each of which asked for the next. */
  nameOf(way: readonly Oid[]): JobName {
    const request = way.at(-1) as Oid;
    return this.nameAt(request, this.names.pathOf(way));
  }

  /** What a job of that place is called. */
  nameAt(request: Oid, path: string | undefined): JobName {
    const found = this.names.subjectOf(request);
    const worker = found === undefined ? "a worker that is gone" : this.names.jobName(found);
    // A command is about a whole tree, and a place in it is where its arguments say.
    const isCommand = found !== undefined && this.names.argvOf(found) !== undefined;
    return { request, worker, path: isCommand ? undefined : path };
  }

  /** What a job is called whose parent is at that place. */
  nameBelow(path: string | undefined, parent: Oid, request: Oid): JobName {
    const step = path === undefined ? undefined : this.names.step(parent, request);
    return this.nameAt(request, path === undefined || step === undefined ? undefined : joinedPath(path, step));
  }
}
