/**
 * The jobs that a run had about a path of what it folds: people know paths, not oids. Goes down from the run's own request, from those that ask to those that are asked.
 *
 * A folder may have a hundred thousand entries, so its fold as many children. Reading the request of each takes seconds; so it is first guessed what the wanted one is called: as one beside it, but for its `in`.
 */
import { entryNamed, foldedSteps } from "./folded-path.ts";
import type { Subject } from "./job-names.ts";
import { RunRecords } from "./run-records.ts";
import { hashObject } from "./store/object.ts";
import type { Oid } from "./store/oid.ts";
import { hashRequest, requestSurroundings } from "./store/request-tree.ts";
import type { Store } from "./store/store.ts";
import { encodeTree } from "./store/tree.ts";

/** Children from which the name of another one is guessed, as many of the first as of the last. */
const samplesMax = 16;
/** Children that are looked at for one about what their parent is about, as many of the first as of the last: a fold calls its visitor first and last. */
const ownChildrenMax = 4096;

/**
 * Jobs of the newest run of `top` about a path in what that folds (`.` for that itself), those that ask before those that are asked. None where nothing is recorded of the run, or nothing stands at that
 * path.
 */
export function jobsAt(store: Store, library: Oid, top: Oid, path: string): readonly Oid[] {
  const records = new RunRecords(store, library);
  const run = records.newestWith(top);
  const childrenOf = (request: Oid) =>
    run === undefined ? (records.evidence(request)?.memo.children ?? []) : records.children(run, request);
  const aboutSame = (jobs: readonly Oid[], about: Oid): readonly Oid[] => {
    const all = new Set(jobs);
    for (const job of all) {
      for (const child of ends(childrenOf(job), ownChildrenMax)) {
        if (records.names.subjectOf(child)?.in === about) all.add(child);
      }
    }
    return [...all];
  };
  let about = records.names.subjectOf(top)?.in;
  if (about === undefined) return [];
  let jobs = aboutSame([top], about);
  for (const name of foldedSteps(path)) {
    about = entryNamed(store, about, name);
    if (about === undefined) return [];
    const entry = about;
    const below = jobs.flatMap((job) => childrenAbout(records, childrenOf(job), entry));
    jobs = aboutSame([...new Set(below)], entry);
  }
  return jobs;
}

/** Those of a job's children that are about an entry. */
function childrenAbout({ names, store }: RunRecords, children: readonly Oid[], about: Oid): readonly Oid[] {
  const isAbout = (child: Oid) => names.subjectOf(child)?.in === about;
  if (children.length <= ownChildrenMax) return children.filter(isAbout);
  const known = new Set(children);
  const guessed = new Set<Oid>();
  for (const sample of ends(children, samplesMax)) {
    const subject = names.subjectOf(sample);
    const name = subject === undefined ? undefined : requestAbout(store, subject, about);
    if (name !== undefined && known.has(name)) guessed.add(name);
  }
  return guessed.size > 0 ? [...guessed] : children.filter(isAbout);
}

/** The name of the same request about something else. */
function requestAbout(store: Store, { request, args }: Subject, about: Oid): Oid {
  const mode = store.kindOf(about) === "tree" ? "40000" : "100644";
  const changed = args.map((entry) => (entry.name === "in" ? ({ ...entry, mode, oid: about } as const) : entry));
  return hashRequest(hashObject("tree", encodeTree(changed)), requestSurroundings(store.get(request.oid).body));
}

/** All of a list, or its first and its last elements. */
function ends<T>(list: readonly T[], countMax: number): readonly T[] {
  return list.length <= countMax ? list : [...list.slice(0, countMax / 2), ...list.slice(-countMax / 2)];
}
