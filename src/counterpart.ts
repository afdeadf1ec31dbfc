/**
 * Who stood where a job stands now: the same call in another execution of its parent. Children that both parents asked for are each other's; of the others, one about the entry of the same name, for the
 * same worker or at least with arguments of the same names; where nothing is about an entry, the one with the most equal arguments, and of those the nearest in order.
 */
import type { JobNames, Subject } from "./job-names.ts";
import type { Oid } from "./store/oid.ts";

/** Children of the other parent that are looked at, the nearest in order first. */
const candidatesMax = 4096;

/** A job with the requests that it asked for, in order. */
export interface Caller {
  readonly request: Oid;
  readonly children: readonly Oid[];
}

/** The child of `old` that stood where `child` stands below `now`; undefined when nothing did. */
export function counterpart(names: JobNames, old: Caller, now: Caller, child: Oid): Oid | undefined {
  const oldChildren = new Set(old.children);
  if (oldChildren.has(child)) return child;
  const subject = names.subjectOf(child);
  if (subject === undefined) return undefined;
  const nowChildren = new Set(now.children);
  const rank = now.children.filter((each) => !oldChildren.has(each)).indexOf(child);
  const others = old.children.filter((each) => !nowChildren.has(each));
  const place = names.step(now.request, child);
  let best: { readonly request: Oid; readonly score: number } | undefined;
  for (const request of nearest(others, Math.max(rank, 0), candidatesMax)) {
    const other = names.subjectOf(request);
    if (other === undefined || names.step(old.request, request) !== place) continue;
    const score = likeness(other, subject);
    if (score > (best?.score ?? 0)) best = { request, score };
    // It can't be more alike, but for arguments that say the same: those that are about an entry differ by that.
    if (place !== undefined && best !== undefined && isSameCall(other, subject)) break;
  }
  return best?.request;
}

function isSameCall(a: Subject, b: Subject): boolean {
  return a.request.image === b.request.image && sameNames(a, b);
}

function sameNames(a: Subject, b: Subject): boolean {
  return a.args.length === b.args.length && a.args.every(({ name }, at) => name === b.args[at]?.name);
}

/** 0 for what has nothing to do with it. */
function likeness(a: Subject, b: Subject): number {
  const isSameWorker = a.request.image === b.request.image;
  const isNamedAlike = sameNames(a, b);
  if (!isSameWorker && !isNamedAlike) return 0;
  const oids = new Map(b.args.map(({ name, oid }) => [name, oid]));
  const equal = a.args.filter(({ name, oid }) => oids.get(name) === oid).length;
  // No args tree of a call by hand has so many entries that they weigh more than the worker.
  return (isSameWorker ? 2e6 : 0) + (isNamedAlike ? 1e6 : 0) + equal + 1;
}

/** The elements by their distance from a place. */
function* nearest<T>(list: readonly T[], place: number, countMax: number): Generator<T> {
  let count = 0;
  for (let distance = 0; distance < Math.max(list.length, place + 1) && count < countMax; distance++) {
    for (const at of distance === 0 ? [place] : [place - distance, place + distance]) {
      const element = list[at];
      if (element === undefined) continue;
      count++;
      yield element;
    }
  }
}
