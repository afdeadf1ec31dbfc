/**
 * Names the jobs that a run executed, for people: the worker, and the place in what is folded, read off the trace. Where a job's `in` is no
 * entry of its parent's, the place is not told. One request that stands at several places is one job, told at the place where it was first asked for.
 */
import { JobNames } from "./job-names.ts";
import type { TraceEvent } from "./scheduler/trace.ts";
import type { Oid } from "./store/oid.ts";
import type { Store } from "./store/store.ts";

export interface ExecutedJob {
  readonly request: Oid;
  /** A name in the standard library, or `worker OID`. */
  readonly worker: string;
  /** From the run's own `in`, with slashes, `.` for that itself; undefined when it can't be told. */
  readonly path: string | undefined;
}

/** The first `countMax` jobs that ended in the trace of a run of `top`. Those whose objects are gone by now are left out. */
export function executedJobs(
  store: Store,
  library: Oid,
  top: Oid,
  events: readonly TraceEvent[],
  countMax: number,
): ExecutedJob[] {
  const executed = new Set<Oid>();
  const parents = new Map<Oid, Oid>();
  for (const { request, parent, how } of events) {
    if (how === "run" && executed.size < countMax) executed.add(request);
    // A hit has another parent than the job whose memo it found.
    if (how !== "hit" && parent !== undefined && !parents.has(request)) parents.set(request, parent);
  }
  const names = new JobNames(store, library);
  const pathOf = names.placesBelow(top, parents);
  return [...executed].flatMap((request) => {
    const subject = names.subjectOf(request);
    if (subject === undefined) return [];
    return [{ request, worker: names.libraryName(subject.request.image, undefined), path: pathOf(request) }];
  });
}
