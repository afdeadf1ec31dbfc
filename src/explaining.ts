/**
 * Why a request ran, or did not: what the store recorded of it and of runs before, put together. Nothing is executed. What is compared, and what can't be told, stands in design/explain.md.
 *
 * Units: times in milliseconds since 1970, durations in microseconds. Errors: StoreFailure and CorruptObject from the store.
 */
import { counterpart } from "./counterpart.ts";
import { foldedSteps } from "./folded-path.ts";
import type { Subject } from "./job-names.ts";
import { requestDifferences, type RequestDifferences } from "./request-changes.ts";
import { RunRecords, type JobName } from "./run-records.ts";
import { hashObject } from "./store/object.ts";
import type { Oid } from "./store/oid.ts";
import type { Outcome } from "./store/outcome.ts";
import { isRequestTree, requestEntries } from "./store/request-tree.ts";
import type { Evidence, RunRecord, Store } from "./store/store.ts";

export type { RequestDifference, RequestDifferences, WorkerPart } from "./request-changes.ts";
export type { JobName } from "./run-records.ts";

/** Children that are named. */
const namedChildrenMax = 8;
/** Requests that are read to find one of the same worker. */
const alikeLooksMax = 10_000;

/** A request that another one is compared with, and how they differ. */
export interface Compared {
  readonly request: Oid;
  readonly run: number;
  readonly differences: RequestDifferences;
}

/** Why a request had no memo that answered it. */
export type Cause =
  /** Something else stood at its place in an earlier run. */
  | ({ readonly why: "changed" } & Compared)
  /** Nothing stood at its place in that run: `at` is the outermost job of which that is true. `latest` is a request of the same worker, and the same command if it is one. */
  | { readonly why: "new"; readonly run: number; readonly at: JobName; readonly latest: Compared | undefined }
  /** No earlier run is like its run, or its place is not known; this is the latest request of the same worker, and the same command if it is one. */
  | ({ readonly why: "other" } & Compared)
  /** No run that is still recorded had this worker. */
  | { readonly why: "first" }
  /** That run ended without an answer (`ending` is the kind of non-answer, or `unfinished`); with `isReached` the request had been begun. */
  | { readonly why: "unanswered"; readonly run: number; readonly ending: string; readonly isReached: boolean }
  | { readonly why: "forgotten"; readonly ms: number }
  /** It was remembered from that run: `--rerun` was asked for, or two processes ran it at once. */
  | { readonly why: "again"; readonly run: number }
  /** That run had its outcome, which was not remembered any more; why not is not recorded any more, either. */
  | { readonly why: "gone"; readonly run: number };

/** What the execution came to that is remembered. */
export interface Made {
  /** 0 for an execution that verified another one, and was kept in its place. */
  readonly run: number;
  /** Undefined when the record of that run is not in this store. */
  readonly startedMs: number | undefined;
  readonly outcome: Outcome;
  /** What the engine knows of a failure's cause. */
  readonly detail: string | undefined;
  readonly fuel: number;
  /** Objects that were read. */
  readonly reads: number;
  readonly children: { readonly count: number; readonly first: readonly JobName[] };
}

export interface Explanation extends JobName {
  /** In the newest run that asked for it: a memo answered, it was executed, or it came to no answer. Quarantined: executions differed, so no memo answers. Unknown: nothing is recorded. */
  readonly how: "hit" | "run" | "unanswered" | "quarantined" | "unknown";
  /** The newest run that asked for it, as far as that is recorded: undefined when a memo answered the run's own request. */
  readonly run: RunRecord | undefined;
  /** Of its frames in that run, what they waited for included; 0 for a hit. */
  readonly micros: number;
  readonly frames: number;
  /** Where it was executed, if that is another place than the one that is asked about. */
  readonly executedAt: string | undefined;
  /** The request whose executions differed, because of which it is quarantined: itself, or one that it consumed. */
  readonly quarantinedBy: Oid | undefined;
  /** Who asked for it, in the run that executed it. */
  readonly askedBy: JobName | undefined;
  readonly made: Made | undefined;
  /** When that was forgotten, or consumed what differed and went with it; undefined when it is remembered, or was not forgotten as far as is known. */
  readonly forgottenMs: number | undefined;
  /** Outcomes of executions that differ from what was remembered first. */
  readonly others: readonly { readonly run: number; readonly outcome: Outcome }[];
  /** Why it was executed, when it was: of a hit, in the run that made the memo. */
  readonly cause: Cause | undefined;
}

export interface ExplainOptions {
  /** Where it is asked about, from what its run folds: one request may stand at several places. */
  readonly path?: string;
  /** When it was last asked for, if that left no record, as it does when a memo answers a run's own request. */
  readonly askedMs?: number;
}

/** Explains a request. */
export function explain(store: Store, library: Oid, request: Oid, { askedMs = 0, path }: ExplainOptions): Explanation {
  const records = new RunRecords(store, library);
  const evidence = records.evidence(request);
  const newest = records.newestWith(request);
  const how = howOf(records, request, evidence, newest, askedMs);
  const run = how === "hit" && newest !== undefined && askedMs > newest.startedMs ? undefined : newest;
  const executing = how === "hit" ? makerOf(records, request, evidence) : newest;
  const way = executing === undefined ? undefined : records.wayTo(executing, request);
  const executed = records.nameOf(way ?? [request]);
  const name = path === undefined ? executed : { ...executed, path: foldedSteps(path).join("/") || "." };
  const own = run === undefined ? [] : records.trace(run).eventsOf(request);
  const frames = own.filter((event) => event.how !== "hit");
  const forgottenMs = evidence === undefined ? store.forgottenMs(request, Number.MAX_SAFE_INTEGER) : undefined;
  return {
    ...name,
    how,
    run,
    micros: frames.reduce((sum, { micros }) => sum + micros, 0),
    frames: frames.length,
    executedAt: executed.path === name.path ? undefined : executed.path,
    quarantinedBy: how === "quarantined" ? store.quarantineCause(request) : undefined,
    askedBy: way === undefined || way.length < 2 ? undefined : records.nameOf(way.slice(0, -1)),
    made: evidence === undefined ? undefined : madeOf(records, name, evidence),
    forgottenMs: forgottenMs !== undefined && forgottenMs >= (run?.startedMs ?? 0) ? forgottenMs : undefined,
    others: evidence?.others ?? [],
    cause: executing === undefined ? undefined : causeOf(records, request, executing, way, evidence),
  };
}

function howOf(
  records: RunRecords,
  request: Oid,
  evidence: Evidence | undefined,
  newest: RunRecord | undefined,
  askedMs: number,
): Explanation["how"] {
  if (evidence?.isQuarantined === true) return "quarantined";
  if (newest === undefined) return evidence === undefined ? "unknown" : "hit";
  if (evidence !== undefined && askedMs > newest.startedMs) return "hit";
  const events = records.trace(newest).eventsOf(request);
  if (events.some(({ how }) => how === "run")) return "run";
  if (events.some(({ how }) => how === "hit")) return "hit";
  // The run's own request, of a run whose trace is gone or was cut short.
  if (newest.request === request && isAnswered(newest)) return "run";
  return "unanswered";
}

/** The run that made a memo, if it is still recorded that it did. */
function makerOf(records: RunRecords, request: Oid, evidence: Evidence | undefined): RunRecord | undefined {
  const run = evidence === undefined ? undefined : records.store.runOf(evidence.run);
  if (run === undefined) return undefined;
  return run.request === request || records.trace(run).knows(request) ? run : undefined;
}

function madeOf(records: RunRecords, { request, path }: JobName, { run, memo }: Evidence): Made {
  const { outcome, detail, fuel, reads, children } = memo;
  const first = children.slice(0, namedChildrenMax).map((child) => records.nameBelow(path, request, child));
  return {
    run,
    startedMs: records.store.runOf(run)?.startedMs,
    outcome,
    detail,
    fuel,
    reads: reads.length,
    children: { count: children.length, first },
  };
}

function isAnswered({ totals }: RunRecord): boolean {
  return totals?.ending === "result" || totals?.ending === "failed";
}

function endingOf({ totals }: RunRecord): string {
  return totals?.ending ?? "unfinished";
}

/** Why a request was executed in that run. */
function causeOf(
  records: RunRecords,
  request: Oid,
  run: RunRecord,
  way: readonly Oid[] | undefined,
  evidence: Evidence | undefined,
): Cause {
  if (evidence !== undefined && evidence.run > 0 && evidence.run < run.id) return { why: "again", run: evidence.run };
  return (
    historyOf(records, request, run) ??
    placeOf(records, request, run, way) ??
    latestOf(records, request, run) ?? {
      why: "first",
    }
  );
}

/** What became of the same request earlier. */
function historyOf(records: RunRecords, request: Oid, run: RunRecord): Cause | undefined {
  const begun = records
    .trace(run)
    .eventsOf(request)
    .find(({ startMicros }) => startMicros !== undefined);
  const forgottenMs = records.store.forgottenMs(request, (begun?.startMicros ?? run.startedMs * 1000) / 1000);
  const earlier = records.newestWith(request, run);
  if (forgottenMs !== undefined && (earlier === undefined || earlier.startedMs <= forgottenMs))
    return { why: "forgotten", ms: forgottenMs };
  if (earlier === undefined) return undefined;
  const events = records.trace(earlier).eventsOf(request);
  const isSettled =
    events.length === 0 ? isAnswered(earlier) : events.some(({ how }) => how === "run" || how === "hit");
  const ending = endingOf(earlier);
  // What a quarantine stands against is executed, and not remembered.
  if (!isSettled || ending === "quarantine") return { why: "unanswered", run: earlier.id, ending, isReached: true };
  // Events are committed with the memos that they tell of, so it was there unless somebody dropped it.
  return { why: records.store.tellsForgottenSince(earlier.startedMs) ? "again" : "gone", run: earlier.id };
}

/** What stood at the request's place in an earlier run that is like its run. */
function placeOf(
  records: RunRecords,
  request: Oid,
  run: RunRecord,
  way: readonly Oid[] | undefined,
): Cause | undefined {
  const earlier = way === undefined ? undefined : closestRun(records, run);
  if (way === undefined || earlier === undefined) return undefined;
  if (earlier.request === run.request && !isAnswered(earlier))
    return { why: "unanswered", run: earlier.id, ending: endingOf(earlier), isReached: false };
  let [old, now] = [earlier.request, run.request];
  for (const [at, next] of way.slice(1).entries()) {
    const found = counterpart(
      records.names,
      { request: old, children: records.children(earlier, old) },
      { request: now, children: records.children(run, now) },
      next,
    );
    if (found === undefined) {
      const latest = latestOf(records, request, run);
      return { why: "new", run: earlier.id, at: records.nameOf(way.slice(0, at + 2)), latest };
    }
    [old, now] = [found, next];
  }
  if (old === request) return { why: "gone", run: earlier.id };
  const compared = comparedWith(records, old, earlier.id, request);
  return compared === undefined ? undefined : { why: "changed", ...compared };
}

/** The earlier run whose own request differs in the fewest parts (worker, salt, library, each argument, each word of a command); of several those whose folders have anything in common, and of those the newest. */
function closestRun(records: RunRecords, run: RunRecord): RunRecord | undefined {
  const subject = records.names.subjectOf(run.request);
  if (subject === undefined) return undefined;
  let best: { readonly run: RunRecord; readonly distance: number } | undefined;
  for (const earlier of records.before(run)) {
    const other = records.names.subjectOf(earlier.request);
    const distance = other === undefined ? undefined : distanceOf(records, other, subject);
    if (distance !== undefined && distance < (best?.distance ?? Infinity)) best = { run: earlier, distance };
  }
  return best?.run;
}

/**
 * Undefined for requests that have nothing to do with each other, as other commands have though one script be the worker of many. Two for a part that differs, one more where no part has anything in common; of a command's words, which are
 * one part, as much as differ.
 */
function distanceOf(records: RunRecords, a: Subject, b: Subject): number | undefined {
  const isSameWorker = a.request.image === b.request.image;
  const old = new Map(a.args.map((entry) => [entry.name, entry]));
  const now = new Map(b.args.map((entry) => [entry.name, entry]));
  const names = new Set([...old.keys(), ...now.keys()]);
  const changed = [...names].filter((name) => old.get(name)?.oid !== now.get(name)?.oid);
  const [before, after] = [records.names.argvOf(a), records.names.argvOf(b)];
  if (before !== undefined && after !== undefined && before[0] !== after[0]) return undefined;
  if (!isSameWorker) {
    const isNamedAlike = old.size === now.size && names.size === old.size;
    if (!isNamedAlike || callName(records, a) !== callName(records, b)) return undefined;
  }
  const others = [!isSameWorker, a.request.salt !== b.request.salt, a.request.std !== b.request.std];
  const share =
    before === undefined || after === undefined || !changed.includes("argv") ? undefined : changedShare(before, after);
  const parts = changed.length + others.filter(Boolean).length - (share === undefined ? 0 : 1 - share);
  const isRelated = changed.every(
    (name) =>
      (name === "argv" && share !== undefined && share < 1) ||
      haveCommon(records, old.get(name)?.oid, now.get(name)?.oid),
  );
  return 2 * parts + (isRelated ? 0 : 1);
}

/** How much of two commands' words differs, the commands themselves not counted; above 0, since they are not the same, up to 1. */
function changedShare([, ...before]: readonly string[], [, ...after]: readonly string[]): number {
  const left = new Map<string, number>();
  for (const word of before) left.set(word, (left.get(word) ?? 0) + 1);
  let common = 0;
  for (const word of after) {
    const count = left.get(word) ?? 0;
    if (count === 0) continue;
    left.set(word, count - 1);
    common++;
  }
  const words = Math.max(before.length, after.length);
  return words === 0 ? 1 : Math.max(1, words - common) / words;
}

/** What tells apart workers that are not the same: those without a name of their own may each be a later version of the other. */
function callName(records: RunRecords, subject: Subject): string {
  const [command] = records.names.argvOf(subject) ?? [];
  if (command !== undefined) return `command ${command}`;
  const { request } = subject;
  const name = records.names.workerName(request.image, request.std);
  return name.startsWith("worker ") ? "worker" : name;
}

/** Whether two folders have an equal entry. What is no folder has not. */
function haveCommon(records: RunRecords, a: Oid | undefined, b: Oid | undefined): boolean {
  if (a === undefined || b === undefined) return false;
  const [old, now] = [records.names.namesIn(a), records.names.namesIn(b)];
  return old !== undefined && now !== undefined && [...now.keys()].some((entry) => old.has(entry));
}

/** The latest request of the same worker, and of the same command, in an earlier run. */
function latestOf(
  records: RunRecords,
  request: Oid,
  run: RunRecord,
): ({ readonly why: "other" } & Compared) | undefined {
  const subject = records.names.subjectOf(request);
  if (subject === undefined) return undefined;
  const { store } = records;
  const [command] = records.names.argvOf(subject) ?? [];
  const image = hashObject("blob", Buffer.from(subject.request.image, "latin1"));
  const seen = new Set<Oid>([request]);
  for (const earlier of records.before(run)) {
    for (const name of [earlier.request, ...requestsFromLast(records, earlier)]) {
      if (seen.has(name)) continue;
      if (seen.size >= alikeLooksMax) return undefined;
      seen.add(name);
      const body = store.kindOf(name) === "tree" ? store.get(name).body : undefined;
      if (body === undefined || !isRequestTree(body) || requestEntries(body)[1] !== image) continue;
      const other = records.names.subjectOf(name);
      const [another = command] = other === undefined ? [] : (records.names.argvOf(other) ?? []);
      if (another !== command) continue;
      const compared = comparedWith(records, name, earlier.id, request);
      if (compared !== undefined) return { why: "other", ...compared };
    }
  }
  return undefined;
}

function* requestsFromLast(records: RunRecords, run: RunRecord): Generator<Oid> {
  const trace = records.trace(run);
  for (let place = trace.length - 1; place >= 0; place--) yield trace.at(place).request;
}

function comparedWith({ names, store }: RunRecords, old: Oid, run: number, request: Oid): Compared | undefined {
  const [before, after] = [names.subjectOf(old), names.subjectOf(request)];
  if (before === undefined || after === undefined) return undefined;
  return { request: old, run, differences: requestDifferences({ objects: store, names }, before, after) };
}
