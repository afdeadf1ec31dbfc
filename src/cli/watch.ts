/**
 * `coppice watch fold` and `coppice watch run`: what is looked at, what is run, and what is told of each run. Results go to stdout, all else to stderr; with
 * `--json` each run that came to an end is one line on stdout. When it looks again stands in watch-loop.ts.
 */
import { readFileSync, realpathSync, statSync } from "node:fs";
import { isAbsolute, relative } from "node:path";
import {
  MalformedArgs,
  MissingObject,
  NonAnswerError,
  parseOid,
  type Arg,
  type Engine,
  type ExecutedJob,
  type FoldInput,
  type Oid,
  type Run,
  type RunOptions,
  type RunResult,
  type TreeChange,
} from "../engine.ts";
import { hashObject } from "../store/object.ts";
import { OutputFailure, exitStatus, kindOfError, messageOf, sentence } from "./exit.ts";
import { FolderChanges, pollMs, watchFolder } from "./folder-changes.ts";
import { argumentsNamed, importNamed, isWorkerFile, workerNamed } from "./naming.ts";
import {
  failureMessage,
  nameOf,
  printError,
  printNote,
  printObject,
  resultFigures,
  shortList,
  summary,
  withProgress,
  write,
  type Printer,
} from "./output.ts";
import { nameSources, placeIn, watchable, type NamedTask, type Source, type WatchTask } from "./watch-sources.ts";
import { watchLoop, type Clock, type Look, type Watched } from "./watch-loop.ts";

/** Paths and jobs that are told of a run. */
const toldMax = 256;

interface WatchOptions {
  readonly salt?: string;
  readonly json?: true;
  readonly log?: true;
  readonly poll?: true;
}

interface Surroundings {
  readonly engine: Engine;
  readonly printer: Printer;
  readonly platform: NodeJS.Platform;
  /** Tells what was left out, after the first run. */
  readonly noteOthers: () => Promise<void>;
}

const clock: Clock = {
  nowMs: () => performance.now(),
  after: (ms, call) => {
    const timer = setTimeout(call, ms);
    return () => clearTimeout(timer);
  },
};

/** Runs the task, and again whenever what it depends on has changed, until Ctrl-C or until nobody reads stdout any more. Returns the exit status. Rejects with what is wrong with the task from the start. */
export async function watch(task: WatchTask, options: WatchOptions, surroundings: Surroundings): Promise<number> {
  const { engine, printer, platform } = surroundings;
  const stop = new AbortController();
  const interrupt = () => {
    if (stop.signal.aborted) process.exit(exitStatus.cancelled);
    stop.abort("interrupted");
  };
  const unread = () => stop.abort("unread");
  process.on("SIGINT", interrupt);
  printer.out.on("error", unread);
  try {
    const named = nameSources(task);
    const changes = new FolderChanges({
      watchable: () => watchable(engine, named),
      clock,
      platform,
      isPolling: options.poll === true,
      onPolling: (reason) => printNote(printer, `looking for changes every ${pollMs / 1000} s: ${reason}`),
      watchFolder,
    });
    await watchLoop(new WatchedTask(named, options, surroundings, stop.signal), changes, clock, stop.signal);
  } finally {
    process.off("SIGINT", interrupt);
    printer.out.off("error", unread);
  }
  return stop.signal.reason === "interrupted" ? exitStatus.cancelled : 0;
}

/** Something that may change. */
interface Input {
  readonly label: string;
  readonly oid: string;
  /** Where something in it is, as a person would write it. Undefined where nothing can be in it. */
  readonly placeOf: ((path: string) => string) | undefined;
  /** The files that it is made of, when it is a worker's file: what each one's bytes are named. */
  readonly files: FileNames | undefined;
}

type FileNames = ReadonlyMap<string, Oid | undefined>;

/** What a look found, and how to run it. */
interface Finding extends Look {
  readonly inputs: readonly Input[];
  readonly importMs: number;
  start(common: RunOptions): Run;
}

interface Told<T> {
  readonly first: readonly T[];
  readonly count: number;
}

const none: Told<TreeChange> = { first: [], count: 0 };

class WatchedTask implements Watched<Finding> {
  readonly #named: NamedTask;
  readonly #options: WatchOptions;
  readonly #surroundings: Surroundings;
  readonly #stop: AbortSignal;
  /** By the text that names it: the files of a worker, and the worker that they are. */
  readonly #workers = new Map<string, { readonly files: FileNames; readonly worker: string }>();
  #isFirst = true;
  /** What the last look that failed said, unless a run was told since. */
  #lastFault: string | undefined;
  /** What the run that goes on, or went on last, is for. */
  #changes = none;

  constructor(named: NamedTask, options: WatchOptions, surroundings: Surroundings, stop: AbortSignal) {
    this.#named = named;
    this.#options = options;
    this.#surroundings = surroundings;
    this.#stop = stop;
  }

  async look(): Promise<Finding> {
    const { engine } = this.#surroundings;
    const { task, sources } = this.#named;
    // Once for each, since a file may be another one a moment later.
    const workers = new Map<string, string>();
    for (const text of this.#named.workers) workers.set(text, await this.#worker(text));
    const startedMs = performance.now();
    const { oids, start } = await (task.how === "fold" ? this.#fold(task, workers) : this.#run(task, workers));
    const importMs = performance.now() - startedMs;
    const inputs: Input[] = [
      ...sources.map((source, at) => ({
        label: source.label,
        oid: oids[at] as Oid,
        placeOf: (path: string) => placeIn(source, path),
        files: undefined,
      })),
      ...Array.from(workers, ([label, oid]) => ({
        label,
        oid,
        placeOf: undefined,
        files: this.#workers.get(label)?.files,
      })),
    ];
    return {
      key: JSON.stringify(inputs.map(({ oid }) => oid)),
      inputs,
      importMs,
      start: (common) => start(engine, common),
    };
  }

  async #fold({ post, pre }: WatchTask & { how: "fold" }, workers: ReadonlyMap<string, string>) {
    const source = this.#named.sources[0] as Source;
    const { oid } = await importNamed(this.#surroundings.engine, source.text, "borrowing");
    const preWorker = pre === undefined ? undefined : workers.get(pre);
    const input: FoldInput = {
      in: oid,
      post: workers.get(post) as string,
      ...(preWorker === undefined ? {} : { pre: preWorker }),
    };
    return { oids: [oid], start: (at: Engine, common: RunOptions) => at.fold({ ...input, ...common }) };
  }

  async #run({ worker: text, args: texts }: WatchTask & { how: "run" }, workers: ReadonlyMap<string, string>) {
    const { engine } = this.#surroundings;
    const worker = workers.get(text) as string;
    const args = await argumentsNamed(engine, texts);
    const oidOf = (arg: Arg | undefined): Oid => {
      if (typeof arg === "object" && "oid" in arg) return arg.oid;
      return engine.putBlob(typeof arg === "string" ? Buffer.from(arg) : (arg ?? new Uint8Array()));
    };
    return {
      oids: this.#named.sources.map(({ name }) => oidOf(args[name])),
      start: (at: Engine, common: RunOptions) => at.run({ worker, args, ...common }),
    };
  }

  /** The worker of that name; a file is looked at as a worker only when its bytes, or those of what it imports, have changed. */
  async #worker(text: string): Promise<string> {
    const { engine } = this.#surroundings;
    if (!isWorkerFile(engine, text) || statSync(text, { throwIfNoEntry: false })?.isFile() !== true)
      return workerNamed(engine, text);
    const known = this.#workers.get(text);
    if (known !== undefined && isSame(known.files, namesOf([...known.files.keys()]))) return known.worker;
    // Named before the worker is made: what changes in between is seen at the next look.
    const files = namesOf(this.#named.scripts.get(text) ?? [text]);
    const worker = await workerNamed(engine, text);
    this.#workers.set(text, { files, worker });
    return worker;
  }

  async run(finding: Finding, told: Finding | undefined, signal: AbortSignal): Promise<void> {
    const { printer } = this.#surroundings;
    const { salt, log, json } = this.#options;
    this.#changes = told === undefined ? none : this.#changesSince(told, finding);
    if (json === undefined && this.#changes.count > 0) {
      const { first, count } = this.#changes;
      printNote(
        printer,
        `changed: ${shortList(
          first.map(({ status, path }) => `${status} ${path}`),
          count,
        )}`,
      );
    }
    const common: RunOptions = {
      ...(salt === undefined ? {} : { salt }),
      ...(log === undefined ? {} : { onLog: ({ line }) => printNote(printer, line) }),
      signal,
    };
    let result: RunResult;
    try {
      result = await withProgress(printer, finding.start(common));
    } catch (error) {
      // Whoever aborts it has something newer to tell, unless that is the end.
      const isOutdated = signal.aborted && !this.#stop.aborted;
      if (isOutdated && error instanceof NonAnswerError && error.answer.kind === "cancelled") return;
      throw error;
    }
    if (!signal.aborted) await this.#tell(finding, result);
  }

  async #tell(finding: Finding, result: RunResult): Promise<void> {
    const { engine, printer, noteOthers } = this.#surroundings;
    const { outcome } = result;
    const jobs = this.#jobsOf(finding, result);
    this.#lastFault = undefined;
    if (outcome.kind === "failed") printError(printer, failureMessage(printer, result, outcome));
    if (this.#options.json) {
      const said =
        outcome.kind === "failed"
          ? { error: { kind: "failed", message: sentence(failureMessage(printer, result, outcome)) } }
          : resultFigures(result, outcome, finding.importMs);
      await this.#writeJson({ ...said, ran: jobs.map(({ worker, path }) => ({ worker, path })) }, this.#changes);
    } else {
      if (outcome.kind !== "failed") await printObject(printer, engine, outcome.oid);
      const name = outcome.kind === "failed" ? "" : `; ${outcome.kind} ${nameOf(printer, outcome.oid)}`;
      printNote(printer, `${summary(printer, result)}${name}`);
      const ran = jobs.map(({ worker, path }) => (path === undefined ? worker : `${worker} at ${path}`));
      if (ran.length > 0) printNote(printer, `ran: ${shortList(ran, result.jobs.executed)}`);
    }
    if (!this.#isFirst || this.#options.json) return;
    this.#isFirst = false;
    await noteOthers();
    if (!this.#stop.aborted) printNote(printer, "watching for changes; Ctrl-C ends it");
  }

  async failed(error: unknown, during: "look" | "run", isFirst: boolean): Promise<void> {
    const { printer } = this.#surroundings;
    const kind = await kindOfError(error);
    if (kind === undefined || error instanceof OutputFailure) throw error;
    if (isFirst && (during === "look" || kind === "usage")) throw error;
    const message = messageOf(error);
    if (during === "look" && message === this.#lastFault) return;
    this.#lastFault = during === "look" ? message : undefined;
    printError(printer, message);
    const changes = during === "run" ? this.#changes : none;
    if (this.#options.json) await this.#writeJson({ error: { kind, message: sentence(message) }, ran: [] }, changes);
  }

  #writeJson(said: object, { first, count }: Told<TreeChange>): Promise<void> {
    return write(this.#surroundings.printer.out, `${JSON.stringify({ ...said, changed: { count, paths: first } })}\n`);
  }

  #changesSince(told: Finding, finding: Finding): Told<TreeChange> {
    const first: TreeChange[] = [];
    let count = 0;
    const add = (change: TreeChange) => {
      if (count++ < toldMax) first.push(change);
    };
    for (const [at, input] of finding.inputs.entries()) {
      const before = told.inputs[at];
      if (before === undefined || before.oid === input.oid) continue;
      const changes = this.#changesOf(before, input) ?? [];
      // Something that is in none of its files may decide what a script is, as its package.json does.
      if (changes.length === 0) add({ status: "modified", path: input.label });
      else for (const change of changes) add(change);
    }
    return { first, count };
  }

  /** What in an input has changed; undefined where that is not to be told. */
  #changesOf(before: Input, { label, oid, placeOf, files }: Input): readonly TreeChange[] | undefined {
    if (before.files !== undefined && files !== undefined) return fileChanges(label, before.files, files);
    const changes = placeOf === undefined ? undefined : this.#treeChanges(before.oid, oid);
    return changes?.map(({ status, path }) => ({ status, path: placeOf?.(path) ?? path }));
  }

  /** Undefined unless both are trees that are still to be had. */
  #treeChanges(before: string, after: string): readonly TreeChange[] | undefined {
    const [from, to] = [parseOid(before), parseOid(after)];
    if (from === undefined || to === undefined) return undefined;
    try {
      return [...this.#surroundings.engine.changes(from, to)];
    } catch (error) {
      if (error instanceof MalformedArgs || error instanceof MissingObject) return undefined;
      throw error;
    }
  }

  /** What ran, as a person would look for it: the deepest first, and last the frames of the fold itself, which ran because something below them did. */
  #jobsOf({ inputs }: Finding, result: RunResult): ExecutedJob[] {
    const files = new Map(Array.from(this.#workers, ([text, { worker }]) => [`worker ${worker}`, text]));
    const at = this.#named.sources.findIndex(({ name }) => name === "in");
    const place = inputs[at]?.placeOf ?? ((path: string) => path);
    return this.#surroundings.engine
      .executedJobs(result, toldMax)
      .toSorted(compareJobs)
      .map(({ request, worker, path }) => ({
        request,
        worker: files.get(worker) ?? worker,
        path: path === undefined ? undefined : place(path),
      }));
  }
}

function compareJobs(a: ExecutedJob, b: ExecutedJob): number {
  return Number(isFrame(a)) - Number(isFrame(b)) || depthOf(b) - depthOf(a) || compareTexts(a.path ?? "", b.path ?? "");
}

/** What the bytes of each file are named; those of one that is gone have no name. */
function namesOf(files: readonly string[]): FileNames {
  return new Map(
    files.map((file) => [
      file,
      statSync(file, { throwIfNoEntry: false })?.isFile() === true ? hashObject("blob", readFileSync(file)) : undefined,
    ]),
  );
}

function isSame(a: FileNames, b: FileNames): boolean {
  return a.size === b.size && [...a].every(([file, name]) => b.get(file) === name);
}

/** Which of a worker's files differ: its own as the command line names it, others as seen from the current folder, or absolute as it is. What it imports no more, or did not before, goes without saying: who imports it differs. */
function fileChanges(label: string, before: FileNames, after: FileNames): TreeChange[] {
  const shown = (file: string) => (isAbsolute(label) ? file : relative(process.cwd(), file));
  const own = statSync(label, { throwIfNoEntry: false }) === undefined ? label : realpathSync(label);
  return [...after]
    .filter(([file, name]) => before.has(file) && before.get(file) !== name)
    .map(([file]) => ({ status: "modified", path: file === own || file === label ? label : shown(file) }));
}

function isFrame({ worker }: ExecutedJob): boolean {
  return worker === "fold-wasm";
}

function depthOf({ path }: ExecutedJob): number {
  return path === undefined || path === "." ? 0 : path.split("/").length;
}

function compareTexts(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
