/**
 * A run's trace in Chrome's trace event format (an object with `traceEvents`), which Perfetto reads too. A frame is a complete event (`X`) on the thread of its executor, a hit an instant
 * event (`i`); metadata events (`M`) name process and threads. `ts` and `dur` are microseconds, `ts` since the first frame of the run began.
 *
 * Measured are the beginning and the duration of frames, rounded to microseconds, and then cut by at most some microseconds so that each frame lies within the one that it is nested in: the viewers
 * take events of one thread for a stack. No clock is read for a hit; it stands at the end of what its executor told before, within its parent's frame, and says so (`"time": "inferred"`).
 */
import { executingRun, isFrame } from "./run-tree.ts";
import { RunRecords } from "./run-records.ts";
import type { TraceEvent } from "./scheduler/trace.ts";
import type { Oid } from "./store/oid.ts";
import type { Store } from "./store/store.ts";

export type ChromeEvent = { readonly name: string; readonly pid: number; readonly tid: number } & (
  | { readonly ph: "M"; readonly args: { readonly name: string } }
  | {
      readonly ph: "X";
      readonly cat: "run" | "suspended" | "ended";
      readonly ts: number;
      readonly dur: number;
      readonly args: { readonly request: Oid; readonly fuel: number };
    }
  | {
      readonly ph: "i";
      readonly cat: "hit";
      readonly s: "t";
      readonly ts: number;
      readonly args: { readonly request: Oid; readonly time: "inferred" };
    }
);

export interface ChromeTrace {
  readonly traceEvents: readonly ChromeEvent[];
  readonly displayTimeUnit: "ms";
  readonly otherData: { readonly run: number; readonly request: Oid; readonly startedMs: number };
}

interface Span {
  readonly event: TraceEvent;
  start: number;
  end: number;
}

const pid = 1;

/** What the newest run that executed the request did for it; undefined when no trace of that is kept. */
export function chromeTrace(store: Store, library: Oid, request: Oid): ChromeTrace | undefined {
  const records = new RunRecords(store, library);
  const run = executingRun(records, request);
  if (run === undefined) return undefined;
  const trace = records.trace(run);
  const isWhole = request === run.request;
  const wanted = isWhole ? undefined : below(records, run, request);
  const lastEnds = new Map<number, number>();
  const spans: Span[] = [];
  const hits: { readonly event: TraceEvent; readonly after: number }[] = [];
  for (let place = 0; place < trace.length; place++) {
    const event = trace.at(place);
    const { executor, startMicros, micros } = event;
    const end = (startMicros ?? 0) + micros;
    const isWanted = wanted === undefined || wanted.has(event.request);
    if (startMicros === undefined) {
      if (isWanted) hits.push({ event, after: lastEnds.get(executor) ?? 0 });
      continue;
    }
    lastEnds.set(executor, end);
    if (isWanted) spans.push({ event, start: startMicros, end });
  }
  const origin = spans.reduce((least, { start }) => Math.min(least, start), Infinity);
  for (const span of spans) {
    span.start -= origin;
    span.end -= origin;
  }
  const executors = [...new Set(spans.map(({ event }) => event.executor))].toSorted((a, b) => a - b);
  for (const executor of executors) nest(spans.filter(({ event }) => event.executor === executor));
  const begins = new Map<Oid, number>();
  for (const { event, start } of spans) begins.set(event.request, Math.min(start, begins.get(event.request) ?? start));
  const nameOf = labels(records, run.request, trace);
  return {
    traceEvents: [
      { ph: "M", name: "process_name", pid, tid: 0, args: { name: `coppice run ${run.id}` } },
      ...executors.map((tid): ChromeEvent => {
        return { ph: "M", name: "thread_name", pid, tid, args: { name: `executor ${tid + 1}` } };
      }),
      ...spans.map(({ event, start, end }): ChromeEvent => {
        const { request: name, how, executor, fuel } = event;
        const cat = how as "run" | "suspended" | "ended";
        return {
          ph: "X",
          name: nameOf(name),
          cat,
          pid,
          tid: executor,
          ts: start,
          dur: end - start,
          args: { request: name, fuel },
        };
      }),
      ...hits.map(({ event, after }): ChromeEvent => {
        const parent = event.parent === undefined ? undefined : begins.get(event.parent);
        const ts = Math.max(0, after - origin, parent ?? 0);
        const args = { request: event.request, time: "inferred" } as const;
        return { ph: "i", name: nameOf(event.request), cat: "hit", s: "t", pid, tid: event.executor, ts, args };
      }),
    ],
    displayTimeUnit: "ms",
    otherData: { run: run.id, request, startedMs: run.startedMs },
  };
}

/** Makes spans of one thread a stack, cutting what overlaps by rounding. */
function nest(spans: readonly Span[]): void {
  // Of two that began at once the longer is the outer one; of two of one length the one that ended later, so was told later.
  const ordered = spans
    .map((span, told) => ({ span, told }))
    .toSorted((a, b) => a.span.start - b.span.start || b.span.end - a.span.end || b.told - a.told);
  const open: Span[] = [];
  for (const { span } of ordered) {
    for (let outer = open.at(-1); outer !== undefined; outer = open.at(-1)) {
      // What began a microsecond before another one ended, and ended after it, stands beside it.
      const rounding = span.end > outer.end ? 1 : 0;
      if (span.start < outer.end - rounding) break;
      span.start = Math.max(span.start, outer.end);
      open.pop();
    }
    span.end = Math.max(span.start, Math.min(span.end, open.at(-1)?.end ?? Infinity));
    open.push(span);
  }
}

/** All that was asked for on behalf of a request, and the request itself. */
function below(records: RunRecords, run: Parameters<RunRecords["trace"]>[0], request: Oid): ReadonlySet<Oid> {
  const trace = records.trace(run);
  const all = new Set<Oid>([request]);
  for (const each of all) for (const event of trace.eventsBelow(each)) all.add(event.request);
  return all;
}

/** What each request is called: its worker, and its place as the first job that asked for it has it. */
function labels(records: RunRecords, top: Oid, trace: ReturnType<RunRecords["trace"]>): (request: Oid) => string {
  const parents = new Map<Oid, Oid>();
  for (let place = 0; place < trace.length; place++) {
    const event = trace.at(place);
    if (event.parent === undefined || (parents.has(event.request) && !isFrame(event))) continue;
    parents.set(event.request, event.parent);
  }
  const pathOf = records.names.placesBelow(top, parents);
  return (request) => {
    const { worker, path } = records.nameAt(request, pathOf(request));
    return path === undefined ? worker : `${worker} at ${path}`;
  };
}
