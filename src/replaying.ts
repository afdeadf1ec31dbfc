/**
 * Replays a bundle: its objects go into a store of their own, its request runs there with nothing remembered, and what each job came to is compared with what the bundle says. Nothing else is read: no other store,
 * no repository, no standard library of this package, no network.
 *
 * A bundle that lacks what a job asks for, or that is not what was written, is an UnfitBundle; a job that came to something else is a difference, which is no error.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setImmediate as breathe } from "node:timers/promises";
import { NonAnswerError } from "./abi/non-answer.ts";
import { MalformedRequest, readRequest } from "./abi/request.ts";
import { workerName } from "./abi/worker.ts";
import { Executing } from "./executing.ts";
import { firstDifference } from "./first-difference.ts";
import { executorsMax } from "./scheduler/claims.ts";
import type { Counts, LogLine } from "./scheduler/runner.ts";
import { nestedFramesMax } from "./scheduler/settle.ts";
import type { SettledRun } from "./scheduler/scheduler.ts";
import { NoStandardLibrary, putStandardLibrary } from "./standard-library.ts";
import { CarReader, MalformedCar } from "./store/car.ts";
import { lstatOf } from "./store/git/file-path.ts";
import { monotonicMs } from "./store/monotonic.ts";
import type { Oid } from "./store/oid.ts";
import { sameOutcome, type Outcome } from "./store/outcome.ts";
import { CollidingObject, MissingObject, StoreFailure, openStore, type Store } from "./store/store.ts";
import {
  MalformedManifest,
  NamesDigest,
  bundleOf,
  decodeManifest,
  manifestBytesMax,
  type Manifest,
  type RecordedJob,
} from "./replay-bundle.ts";
import { UnfitBundle } from "./unfit-bundle.ts";

/** Objects that are taken in between two looks at whether the replay was cancelled. */
const objectsAtATime = 10_000;

/** Milliseconds that a guest may run on its own before it is taken for a runaway, as an engine's are. */
const replayWallClockMsMax = 60_000;

export interface ReplayOptions {
  /** A file to keep the replay's store in; nothing may be there yet, and nothing is left there by a replay that came to no end. Default: a temporary one, removed at the end. */
  readonly store?: string;
  /** Threads that run guests, from 1. Default: as many as the machine has cores for this process. */
  readonly executors?: number;
  /** A guest that runs longer than this, nested requests not counted, ends as a non-answer. Default: a minute. */
  readonly wallClockMsMax?: number;
  /** Ends the replay as cancelled. */
  readonly signal?: AbortSignal;
  /** Hears what guests log. */
  readonly onLog?: (line: LogLine) => void;
}

/** A job that did not come to what the bundle says. */
export interface ReplayDifference {
  readonly request: Oid;
  /** A name in the request's standard library or this package's, or `worker OID`. */
  readonly worker: string;
  /** What the bundle says; undefined for a job that it does not list. */
  readonly recorded: RecordedJob | undefined;
  /** What the job came to here; undefined for one that nobody asked for. */
  readonly replayed: RecordedJob | undefined;
  /** Where two results of one kind differ first, for people: `at byte N`, `at PATH`. */
  readonly where: string | undefined;
}

export interface Replay {
  readonly request: Oid;
  /** What the request came to here. */
  readonly outcome: Outcome;
  /** How many jobs the bundle lists. */
  readonly jobs: number;
  readonly counts: Counts;
  /** How many jobs differ; 0 for a replay that went as recorded. */
  readonly differing: number;
  /** One that differs and asked for none that does: where to look first. */
  readonly first: ReplayDifference | undefined;
  /**
   * Whether a bundle of this replay would be this very bundle; undefined where jobs differ. If not, somebody added objects that no job needs or took away some that jobs make anew, or the version of the engine that wrote the
   * bundle notes other objects as read.
   */
  readonly isExact: boolean | undefined;
  readonly ms: number;
}

/** Replays the bundle in a file. Rejects with UnfitBundle, NonAnswerError, StoreFailure, or what the file system says. */
export async function replay(file: string, options: ReplayOptions = {}): Promise<Replay> {
  const path = options.store === undefined ? undefined : resolve(options.store);
  if (path !== undefined && lstatOf(path) !== undefined)
    throw new StoreFailure(path, "unusable", "a replay starts from nothing, and something is there already");
  const car = openCar(file);
  try {
    if (path !== undefined)
      return await orNothing([path, `${path}-wal`, `${path}-shm`], false, () => replayInto(path, car, file, options));
    const folder = mkdtempSync(join(tmpdir(), "coppice-replay-"));
    return await orNothing([folder], true, () => replayInto(join(folder, "store.sqlite"), car, file, options));
  } finally {
    car.close();
  }
}

/** Does the work, and removes what stands at these paths if it fails, or in any case; also where the process ends meanwhile. */
async function orNothing<T>(paths: readonly string[], isTemporary: boolean, work: () => Promise<T>): Promise<T> {
  const remove = () => {
    for (const path of paths) rmSync(path, { recursive: true, force: true });
  };
  process.once("exit", remove);
  let isWhole = false;
  try {
    const done = await work();
    isWhole = true;
    return done;
  } finally {
    process.off("exit", remove);
    if (isTemporary || !isWhole) remove();
  }
}

async function replayInto(path: string, car: CarReader, file: string, options: ReplayOptions): Promise<Replay> {
  const startedMs = monotonicMs();
  const store = openStore(path);
  try {
    // Trees may be here without all that they name, and what they lack is in no other place than the bundle.
    store.addSource(resolve(file));
    const manifest = await takeIn(store, car, file, options.signal);
    const settled = await execute(store, manifest.request, file, options);
    store.refresh();
    const { differing, first } = compare(store, manifest);
    const { request, jobs } = manifest;
    const isExact = differing > 0 ? undefined : bundleOf(store, request).root === car.root;
    const { outcome, counts } = settled;
    return { request, outcome, jobs: jobs.length, counts, differing, first, isExact, ms: monotonicMs() - startedMs };
  } finally {
    store.close();
  }
}

function openCar(file: string): CarReader {
  return refusing(file, () => new CarReader(file));
}

/** Runs `work`; what it finds wrong with the bundle's bytes becomes an UnfitBundle. */
function refusing<T>(file: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof MissingObject) throw new UnfitBundle(file, `it lacks object ${error.oid}`, error);
    const isBundles = [MalformedCar, MalformedManifest, MalformedRequest, CollidingObject].some(
      (each) => error instanceof each,
    );
    if (isBundles) throw new UnfitBundle(file, (error as Error).message, error);
    throw error;
  }
}

/** Checks the bundle from its first byte to its last, and puts its objects into the store. */
async function takeIn(store: Store, car: CarReader, file: string, signal: AbortSignal | undefined): Promise<Manifest> {
  const manifest = refusing(file, () => readManifest(car));
  const digest = new NamesDigest();
  let count = 0;
  let last: Oid | undefined;
  const takeNext = (): boolean => {
    // What follows may be anything, so it is not taken for a block.
    if (count === manifest.objects && car.at < car.size)
      throw new MalformedCar("there is more in it than its manifest counts", car.at);
    const block = car.next();
    if (block === undefined) return false;
    const { name, object, at } = block;
    if (last !== undefined && last >= name) throw new MalformedCar(`object ${name} is out of order`, at);
    count++;
    last = name;
    digest.add(name);
    store.putChecked(name, object.kind, object.body);
    return true;
  };
  while (refusing(file, takeNext)) {
    if (count % objectsAtATime !== 0) continue;
    await breathe();
    if (signal?.aborted === true) throw new NonAnswerError({ kind: "cancelled" });
  }
  refusing(file, () => {
    if (count !== manifest.objects)
      throw new MalformedManifest(
        `it is cut short: its manifest counts ${manifest.objects} objects, and it has ${count}`,
      );
    if (digest.take() !== manifest.digest)
      throw new MalformedManifest("its objects are not those that its manifest names");
    checkJobs(store, manifest);
  });
  store.flush();
  return manifest;
}

function readManifest(car: CarReader): Manifest {
  const first = car.next(manifestBytesMax);
  if (first === undefined) throw new MalformedManifest("it is cut short before its manifest");
  if (first.name !== car.root)
    throw new MalformedCar("its first object is not the one that its header names", first.at);
  if (first.object.kind !== "blob") throw new MalformedManifest(`its manifest is a ${first.object.kind}`);
  return decodeManifest(first.object.body);
}

/** What a manifest names is there, and is what it says. */
function checkJobs(store: Store, { jobs }: Manifest): void {
  for (const { request, outcome } of jobs) {
    readRequest(store, request);
    if (outcome.kind !== "failed" && store.kindOf(outcome.oid) !== outcome.kind)
      throw new MalformedManifest(`it lacks the ${outcome.kind} ${outcome.oid}, the result of request ${request}`);
  }
}

/** Runs the request as the engine would, in a store where nothing is remembered. */
async function execute(store: Store, request: Oid, file: string, options: ReplayOptions): Promise<SettledRun> {
  const {
    executors = Math.min(availableParallelism(), executorsMax),
    signal,
    onLog,
    wallClockMsMax = replayWallClockMsMax,
  } = options;
  const executing = new Executing(
    {
      storePath: store.path,
      wallClockMsMax,
      nestedFramesMax,
      executors,
      describeStack: (stack) => {
        const last = stack.at(-1);
        if (last === undefined) return "the executor";
        return `${nameOfWorker(store, undefined, last.image)} (request ${last.request})`;
      },
    },
    { outcome: (each) => store.outcome(each) },
  );
  const hearer = { wantsLogs: onLog !== undefined, logged: onLog ?? (() => undefined), progressed: () => undefined };
  const startedMs = monotonicMs();
  const run = store.beginRun(request, Date.now());
  let settled: SettledRun | undefined;
  let ending = "bug";
  try {
    settled = await executing.settle(request, { run, signal, hearer });
    ending = settled.outcome.kind === "failed" ? "failed" : "result";
    return settled;
  } catch (error) {
    if (!(error instanceof NonAnswerError)) throw error;
    const { answer } = error;
    ending = answer.kind;
    if (answer.kind !== "missing") throw error;
    throw new UnfitBundle(file, `it lacks object ${answer.oid}, which a job asked for`, error);
  } finally {
    await executing.close();
    const counts = settled?.counts ?? { executed: 0, frames: 0, memoized: 0 };
    store.endRun(run, { micros: (monotonicMs() - startedMs) * 1000, ...counts, ending });
  }
}

function compare(store: Store, { request, jobs }: Manifest): Pick<Replay, "differing" | "first"> {
  const recorded = new Map(jobs.map((job) => [job.request, job]));
  const differing: Oid[] = [];
  for (const job of jobs) {
    const replayed = replayedJob(store, job.request);
    if (replayed === undefined || replayed.fuel !== job.fuel || !sameOutcome(replayed.outcome, job.outcome))
      differing.push(job.request);
  }
  for (const { request: each } of store.memos()) if (!recorded.has(each)) differing.push(each);
  if (differing.length === 0) return { differing: 0, first: undefined };
  const first = firstCause(store, request, new Set(differing));
  return { differing: differing.length, first: describe(store, first, recorded.get(first)) };
}

function replayedJob(store: Store, request: Oid): RecordedJob | undefined {
  const memo = store.memo(request);
  return memo === undefined ? undefined : { request, outcome: memo.outcome, fuel: memo.fuel };
}

/** A job that differs and asked for none that does, the first in the order of asking. Those that differ and were not asked for here come last. */
function firstCause(store: Store, top: Oid, differing: ReadonlySet<Oid>): Oid {
  const childrenOf = (request: Oid) => store.memo(request)?.children ?? [];
  const met = new Set<Oid>([top]);
  const open = [{ request: top, children: childrenOf(top), next: 0 }];
  for (let last = open.at(-1); last !== undefined; last = open.at(-1)) {
    const child = last.children[last.next++];
    if (child === undefined) {
      if (differing.has(last.request)) return last.request;
      open.pop();
    } else if (!met.has(child)) {
      met.add(child);
      open.push({ request: child, children: childrenOf(child), next: 0 });
    }
  }
  return [...differing].toSorted()[0] as Oid;
}

function describe(store: Store, request: Oid, recorded: RecordedJob | undefined): ReplayDifference {
  const { image, std } = readRequest(store, request);
  const replayed = replayedJob(store, request);
  const where =
    recorded === undefined || replayed === undefined ? undefined : placeOfDifference(store, recorded, replayed);
  return { request, worker: nameOfWorker(store, std, image), recorded, replayed, where };
}

/** A bundle has no more of the request's library than jobs read. Workers of this package's are known all the same. */
function nameOfWorker(store: Store, std: Oid | undefined, image: Oid): string {
  const name = workerName(store, std, image);
  if (name !== `worker ${image}`) return name;
  const library = openStore(":memory:");
  try {
    return workerName(library, putStandardLibrary(library), image);
  } catch (error) {
    if (error instanceof NoStandardLibrary) return name;
    throw error;
  } finally {
    library.close();
  }
}

/** Where two results differ first; undefined where they are the same, or of two kinds. */
function placeOfDifference(store: Store, before: RecordedJob, after: RecordedJob): string | undefined {
  const { how, path, at } = firstDifference(before, after, (name) => store.get(name));
  if (how === "bytes") return path === "." ? `at byte ${at}` : `at byte ${at} of ${path}`;
  return how === "entry" ? `at ${path}` : undefined;
}
