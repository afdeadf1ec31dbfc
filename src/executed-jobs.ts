/**
 * Names the jobs that a run executed, for people: the worker, and the place in what is folded, read off the trace. Where a job's `in` is no
 * entry of its parent's, the place is not told. One request that stands at several places is one job, told at the place where it was first asked for.
 */
import { MalformedRequest, readRequest } from "./abi/request.ts";
import { workerName } from "./abi/worker.ts";
import { entryNames, foldedIn } from "./folded-path.ts";
import type { TraceEvent } from "./scheduler/trace.ts";
import type { Oid } from "./store/oid.ts";
import { MissingObject, type Store } from "./store/store.ts";

export interface ExecutedJob {
  readonly request: Oid;
  /** A name in the standard library, or `worker OID`. */
  readonly worker: string;
  /** From the run's own `in`, with slashes, `.` for that itself; undefined when it can't be told. */
  readonly path: string | undefined;
}

/** What a request's job is about: its worker's node, its `in`. */
interface Subject {
  readonly image: Oid;
  readonly in: Oid | undefined;
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
  const subjects = new Map<Oid, Subject | undefined>();
  const subjectOf = (request: Oid) => remembered(subjects, request, () => readSubject(store, request));
  const names = new Map<Oid, ReadonlyMap<Oid, string> | undefined>();
  const nameIn = (tree: Oid, inner: Oid) => remembered(names, tree, () => entryNames(store, tree))?.get(inner);
  /** One step of the path: empty where both are about the same. */
  const stepTo = (request: Oid, parent: Oid): string | undefined => {
    const [outer, inner] = [subjectOf(parent)?.in, subjectOf(request)?.in];
    if (outer === undefined || inner === undefined) return undefined;
    return outer === inner ? "" : nameIn(outer, inner);
  };
  const paths = new Map<Oid, string | undefined>([[top, subjectOf(top)?.in === undefined ? undefined : ""]]);
  const pathOf = (request: Oid): string | undefined => {
    const way: Oid[] = [];
    for (let at: Oid | undefined = request; at !== undefined && !paths.has(at); at = parents.get(at)) way.push(at);
    for (const at of way.toReversed()) {
      const parent = parents.get(at);
      const above = parent === undefined ? undefined : paths.get(parent);
      const step = parent === undefined || above === undefined ? undefined : stepTo(at, parent);
      paths.set(at, above === undefined || step === undefined ? undefined : [above, step].filter(Boolean).join("/"));
    }
    return paths.get(request);
  };
  const workers = new Map<Oid, string>();
  return [...executed].flatMap((request) => {
    const subject = subjectOf(request);
    if (subject === undefined) return [];
    const worker = remembered(workers, subject.image, () => workerName(store, library, subject.image));
    const path = pathOf(request);
    return [{ request, worker, path: path === "" ? "." : path }];
  });
}

function remembered<T>(known: Map<Oid, T>, name: Oid, find: () => T): T {
  if (known.has(name)) return known.get(name) as T;
  const found = find();
  known.set(name, found);
  return found;
}

function readSubject(store: Store, name: Oid): Subject | undefined {
  try {
    const { image, args } = readRequest(store, name);
    return { image, in: foldedIn(store.get(args).body) };
  } catch (error) {
    if (error instanceof MissingObject || error instanceof MalformedRequest) return undefined;
    throw error;
  }
}
