/**
 * The engine's front door: opens a store, wires the rooms, and offers what the command line and programs use.
 *
 * Units: times in milliseconds. Errors: NonAnswerError when a run has neither result nor failed outcome; UnknownWorker, MalformedArgs and the errors of
 * importing (src/store/git) for input that can't be used; StoreFailure, MissingObject, CorruptObject from the store.
 */
import { availableParallelism } from "node:os";
import {
  commandLimitsFault,
  defaultGuestLimits,
  guestLimitsFault,
  scriptLimitsFault,
  type CommandLimits,
  type GuestLimits,
} from "./abi/limits.ts";
import {
  typedText,
  MalformedCommand,
  putCommandArgs,
  readCommandResult,
  type Command,
  type CommandResult,
} from "./abi/command.ts";
import { putRequest, putSurroundings, readRequest, type Request } from "./abi/request.ts";
import { NonAnswerError } from "./abi/non-answer.ts";
import { readModulePlace } from "./abi/script-place.ts";
import { bindArgs, putRuntimeNode, resolveImage, scriptMarker, wasiMarker, wasmMarker } from "./abi/worker.ts";
import { failureDetail } from "./failure-origin.ts";
import { executedJobs, type ExecutedJob } from "./executed-jobs.ts";
import { entriesOf, foldedPath, type FoldedPath } from "./folded-path.ts";
import { JobNames, mapRef, namesPrefix } from "./job-names.ts";
import type { Executing } from "./executing.ts";
import type { ExplainOptions, Explanation } from "./explaining.ts";
import type { ChromeTrace } from "./chrome-trace.ts";
import type { RunTree, TreeOptions } from "./run-tree.ts";
import { asNonAnswer } from "./isolate-host/thrown-answer.ts";
import type { Imported, ImportedFolder, WriteBackCounts } from "./importing.ts";
import type { ExecutorPoolOptions } from "./isolate-host/executor-pool.ts";
import type { ShownFrame } from "./isolate-host/status-board.ts";
import { prepareModule } from "./isolate-host/wasm-guests.ts";
import type { CommandOutput, Counts, LogLine } from "./scheduler/runner.ts";
import { executorsMax } from "./scheduler/claims.ts";
import type { SettledRun } from "./scheduler/scheduler.ts";
import { nestedFramesMax } from "./scheduler/settle.ts";
import { decodeTrace, type TraceEvent } from "./scheduler/trace.ts";
import { RunOfLeaf } from "./leaf-run.ts";
import { startRun, type Run, type RunResult, type RunTold } from "./run.ts";
import { putStandardLibrary } from "./standard-library.ts";
import type { ReplayBundle } from "./replay-bundle.ts";
import type { Replay, ReplayOptions } from "./replaying.ts";
import { cidOf } from "./store/cid.ts";
import type { Host } from "./store/git/conversion.ts";
import { monotonicMs } from "./store/monotonic.ts";
import type { GitObject, ObjectKind } from "./store/object.ts";
import { parseOid, type Oid } from "./store/oid.ts";
import type { Outcome } from "./store/outcome.ts";
import {
  MissingObject,
  QuarantinedMemo,
  StoreFailure,
  openStore,
  type Keep,
  type RunRecord,
  type Settlement,
  type Store,
  type StoreStats,
} from "./store/store.ts";
import { decodeTree, encodeTree, entryAt, kindOfMode, nameFault, type TreeEntry } from "./store/tree.ts";
import { treeChanges, type TreeChange } from "./store/tree-changes.ts";
import type { WatchPlaces } from "./store/git/watch-places.ts";
import type { DescribedDivergence, Selection, Verified, VerifyingProgress } from "./verifying.ts";

export { NonAnswerError, type NonAnswer } from "./abi/non-answer.ts";
export {
  commandLimitNames,
  guestLimitNames,
  type CommandLimitName,
  type CommandLimits,
  type GuestLimitName,
  type GuestLimits,
} from "./abi/limits.ts";
export { executorsMax } from "./scheduler/claims.ts";
export type { ExecutedJob } from "./executed-jobs.ts";
export type {
  Cause,
  Compared,
  ExplainOptions,
  Explanation,
  JobName,
  Made,
  RequestDifference,
  RequestDifferences,
  WorkerPart,
} from "./explaining.ts";
export type { ChromeEvent, ChromeTrace } from "./chrome-trace.ts";
export type { RunTree, TreeNode, TreeOptions } from "./run-tree.ts";
export { MalformedRequest } from "./abi/request.ts";
export type { CommandResult } from "./abi/command.ts";
export type { ImportHow, Imported, ImportedFolder, WriteBackCounts } from "./importing.ts";
export type { Run, RunEvent, RunResult } from "./run.ts";
export { NothingRemembered, OversizeBundle, UnfitBundle } from "./unfit-bundle.ts";
export { UnfitScript, isScriptPath } from "./unfit-script.ts";
export type { RecordedJob, ReplayBundle } from "./replay-bundle.ts";
export type { Replay, ReplayDifference, ReplayOptions } from "./replaying.ts";
export { NoStandardLibrary } from "./standard-library.ts";
export { cidOf, oidOfCid } from "./store/cid.ts";
export type { WatchPlace, WatchPlaces } from "./store/git/watch-places.ts";
export type { GitObject, ObjectKind } from "./store/object.ts";
export { parseOid, type Oid } from "./store/oid.ts";
export type { Failure, FailureCode, Memo, Outcome, Result } from "./store/outcome.ts";
export {
  CollidingObject,
  CorruptObject,
  MissingObject,
  OversizeObject,
  QuarantinedMemo,
  StaleRun,
  StaleStore,
  StoreFailure,
  type RunRecord,
  type RunTotals,
  type StoreStats,
} from "./store/store.ts";
export type { Mode, TreeEntry } from "./store/tree.ts";
export type { TreeChange } from "./store/tree-changes.ts";
export type { CommandOutput, Counts, LogLine } from "./scheduler/runner.ts";
export type { Difference, Execution } from "./first-difference.ts";
export type { DescribedDivergence, FoundDivergence, Selection, Verified, VerifyingProgress } from "./verifying.ts";
export type { Keep, Settlement } from "./store/store.ts";
export type { TraceEvent } from "./scheduler/trace.ts";

const noJobs: Counts = { executed: 0, frames: 0, memoized: 0 };

/** Milliseconds that a guest may run on its own before it is taken for a runaway. */
export const defaultWallClockMsMax = 60_000;

export interface EngineOptions {
  /** The store's file; made when it isn't there. */
  readonly store: string;
  /** Environment variables by which git's settings are found (HOME, XDG_CONFIG_HOME, GIT_CONFIG_*), and git itself. Default: none, so only a repository's own settings count. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** A guest that runs longer than this, nested requests not counted, ends as a non-answer. Default: a minute. */
  readonly wallClockMsMax?: number;
  /** Frames that may be live at once on an executor, from 1; deeper ones suspend and replay. Results don't depend on it. Default: 64. */
  readonly nestedFramesMax?: number;
  /** Threads that run guests, from 1. Results don't depend on it. Default: as many as the machine has cores for this process. */
  readonly executors?: number;
}

/** An argument: text and bytes become blobs, an oid names an object that is in the store. */
export type Arg = string | Uint8Array | { readonly oid: Oid };

export interface RunOptions {
  /** Text that separates cold runs from each other. Default: none. */
  readonly salt?: string;
  /** The standard library, a tree `{name: worker}` in the store. Default: the package's own. */
  readonly std?: Oid;
  /** Don't look up the memo of this very request: execute it, and compare. Default: false. */
  readonly rerun?: boolean;
  /** Ends the run as cancelled; what was computed is kept. */
  readonly signal?: AbortSignal;
  /** Hears what executed guests log, in order, once each execution has completed. */
  readonly onLog?: (line: LogLine) => void;
  /** Hears what the command that is asked for writes, if it runs for more than a moment; never more than its result will hold, which has all of it. Not told of what a memo answers, nor of what is in flight already. */
  readonly onOutput?: (output: CommandOutput) => void;
}

export interface RunInput extends RunOptions {
  /** A name in the standard library, or the oid of a worker in the store. */
  readonly worker: string;
  readonly args?: Readonly<Record<string, Arg>>;
}

export interface ExecInput extends RunOptions {
  /** A name in the standard library, or the oid of a worker in the store. */
  readonly worker: string;
  /** The command's name, and what follows it. */
  readonly argv: readonly string[];
  /** The tree that the command sees as `/`. */
  readonly in: Oid;
  /** All that it sees of an environment. Default: nothing. */
  readonly env?: Readonly<Record<string, string>>;
  /** Default: empty. */
  readonly stdin?: Uint8Array | { readonly oid: Oid };
  /** The folder of `in` that it starts in, absolute. Default: `/`. */
  readonly cwd?: string;
}

export interface FoldInput extends RunOptions {
  /** What is folded: a tree or blob in the store. */
  readonly in: Oid;
  /** The worker called at each node with `in` and `children`. */
  readonly post: string;
  /** The worker that chooses each node's children. Default: a tree's entries. */
  readonly pre?: string;
}

export interface VerifyOptions {
  /** Ends it: what was verified until then counts, and what was found is kept. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: VerifyingProgress) => void;
}

/** No worker of that name or oid. */
export class UnknownWorker extends Error {
  override readonly name = "UnknownWorker";
  readonly worker: string;
  readonly known: readonly string[];
  constructor(worker: string, known: readonly string[], reason: string) {
    super(`unknown worker ${JSON.stringify(worker)}: ${reason}; the standard ones are ${known.join(", ")}`);
    this.worker = worker;
    this.known = known;
  }
}

/** Arguments from which no request can be formed. */
export class MalformedArgs extends Error {
  override readonly name = "MalformedArgs";
}

/** A file that is no worker. */
export class UnfitWorker extends Error {
  override readonly name = "UnfitWorker";
}

/** Opens the engine on a store. Throws StoreFailure or NoStandardLibrary. */
export function openEngine(options: EngineOptions): Engine {
  const { executors } = options;
  if (executors !== undefined && !(Number.isInteger(executors) && executors >= 1 && executors <= executorsMax)) {
    throw new RangeError(`executors must be a whole number from 1 to ${executorsMax}, not ${executors}`);
  }
  if (options.store === "" || options.store === ":memory:") {
    throw new StoreFailure(options.store, "unusable", "executors open it too, so it must be a file");
  }
  const store = openStore(options.store);
  try {
    return new Engine(store, options);
  } catch (error) {
    store.close();
    throw error;
  }
}

/**
 * Replays the bundle in a file, in a store of its own: its request runs with nothing remembered, and what each job comes to is compared with the bundle's record. Rejects with UnfitBundle for a file that is no bundle,
 * is damaged or lacks what a job asks for; with NonAnswerError for what can't run here; StoreFailure; or what the file system says.
 */
export async function replayBundle(file: string, options: ReplayOptions = {}): Promise<Replay> {
  const { replay } = await import("./replaying.ts");
  return replay(file, options);
}

export class Engine {
  readonly #store: Store;
  readonly #pooling: ExecutorPoolOptions;
  /** Made by the first run that nothing is remembered of. */
  #executing: Executing | undefined;
  /** Aborted by `close`. */
  readonly #closing = new AbortController();
  /** Runs under way, as promises that never reject, and what each asked for. */
  readonly #runs = new Map<Promise<void>, Oid>();
  /** Verifications under way, as promises that never reject. */
  readonly #verifications = new Set<Promise<void>>();
  #flushing: NodeJS.Immediate | undefined;
  readonly #library: Oid;
  readonly #host: Host;

  /** Use `openEngine`. */
  constructor(store: Store, options: EngineOptions) {
    this.#store = store;
    this.#library = putStandardLibrary(store);
    const variables = options.environment ?? {};
    this.#host = { variables, home: variables["HOME"] };
    this.#pooling = {
      storePath: store.path,
      wallClockMsMax: options.wallClockMsMax ?? defaultWallClockMsMax,
      nestedFramesMax: options.nestedFramesMax ?? nestedFramesMax,
      executors: options.executors ?? Math.min(availableParallelism(), executorsMax),
      describeStack: (stack) => this.#describeStack(stack),
    };
  }

  /** The tree of the standard library: names and workers. */
  get std(): Oid {
    return this.#library;
  }

  /** Runs a worker, or finds what it came to. Rejects with NonAnswerError, UnknownWorker, MalformedArgs. */
  run(input: RunInput): Run {
    return this.#start(input, () => this.#request(input.worker, input.args ?? {}, input));
  }

  /** Folds an object: `post` is called at each node, after its children. Rejects as `run` does. */
  fold(input: FoldInput): Run {
    return this.#start(input, () => {
      const std = input.std ?? this.#library;
      const args: Record<string, Arg> = { in: { oid: input.in }, post: this.#visitorText(input.post, std) };
      if (input.pre !== undefined) args["pre"] = this.#visitorText(input.pre, std);
      return this.#request("fold-wasm", args, input);
    });
  }

  /**
   * Runs a command over a tree: a worker that takes and gives what design/wasi.md says. `cwd` must be a folder of `in`. Rejects as `run` does; a command that ends with another status than 0 has a result.
   */
  exec(input: ExecInput): Run {
    return this.#start(input, () => {
      const { worker, argv, in: root, env = {}, stdin = new Uint8Array(), cwd = "/" } = input;
      const stdinBlob = stdin instanceof Uint8Array ? this.#store.put("blob", stdin) : stdin.oid;
      const args = this.#putCommandArgs({ argv, env, stdin: stdinBlob, in: root, cwd });
      return this.#requestOf(worker, args, input);
    });
  }

  /** What a command came to, from the oid of its result; undefined for a result that is no command's. Throws MissingObject. */
  commandResult(result: Oid): CommandResult | undefined {
    return readCommandResult(this.#store, result);
  }

  /** Settles a request that is in the store already. Rejects with NonAnswerError, MalformedRequest. */
  settle(request: Oid, options: RunOptions = {}): Run {
    return this.#start(options, () => readRequest(this.#store, request));
  }

  /** The object that was given that name by `name`. */
  named(name: string): Oid | undefined {
    return this.#store.ref(namesPrefix + name);
  }

  /** Gives an object that is here a name, in place of what had it. */
  name(name: string, target: Oid): void {
    this.#store.setRef(namesPrefix + name, target);
  }

  /** Takes a name away; false when nothing had it. */
  unname(name: string): boolean {
    return this.#store.dropRef(namesPrefix + name);
  }

  /** Names that begin so, and what has them, in order of names. */
  names(prefix: string): ReadonlyMap<string, Oid> {
    const found = this.#store.refs(namesPrefix + prefix);
    return new Map([...found].map(([name, target]) => [name.slice(namesPrefix.length), target]));
  }

  /** Stores a WebAssembly module as a worker, with other limits than the defaults if they are given, and returns the worker's oid. Throws UnfitWorker. */
  addWorker(module: Uint8Array, limits?: Partial<GuestLimits>): Oid {
    const fault = limits === undefined ? undefined : guestLimitsFault(limits);
    if (fault !== undefined) throw new UnfitWorker(fault);
    const prepared = prepareModule(module, { ...defaultGuestLimits, ...limits });
    if ("outcome" in prepared) throw new UnfitWorker(prepared.detail);
    const worker = putRuntimeNode(this.#store, wasmMarker, this.#store.put("blob", module), limits);
    this.#store.flush();
    return worker;
  }

  /** Stores a WebAssembly module of WASI preview 1 as a command (abi/command.ts says what it is given), with other limits than the defaults if they are given, and returns the worker's oid. Rejects with UnfitWorker. */
  async addCommand(module: Uint8Array, limits?: Partial<CommandLimits>): Promise<Oid> {
    const fault = limits === undefined ? undefined : commandLimitsFault(limits);
    if (fault !== undefined) throw new UnfitWorker(fault);
    const { prepareCommand } = await import("./isolate-host/wasi-guests.ts");
    const prepared = prepareCommand(module, limits);
    if ("outcome" in prepared) throw new UnfitWorker(prepared.detail);
    return this.putCommand(module, limits);
  }

  /** The same without a look at the module or the limits, for one that is known to be a command: of another, each run fails. */
  putCommand(module: Uint8Array, limits?: Partial<CommandLimits>): Oid {
    const worker = putRuntimeNode(this.#store, wasiMarker, this.#store.put("blob", module), limits);
    this.#store.flush();
    return worker;
  }

  /**
   * Bundles a worker's source file (`.ts`, `.js`, `.mjs`, …) with what it imports, stores it as a worker, and returns the worker's oid. Of the limits a script has `logBytes`, `nestedRuns` and `resultBytes`. Rejects
   * with UnfitScript, or UnfitWorker for limits that it can't have.
   */
  async addScript(file: string, limits?: Partial<GuestLimits>): Promise<Oid> {
    const fault = limits === undefined ? undefined : (scriptLimitsFault(limits) ?? guestLimitsFault(limits));
    if (fault !== undefined) throw new UnfitWorker(fault);
    const { bundleScript } = await import("./script-bundle.ts");
    const { code, map } = await bundleScript(file);
    const module = this.#store.put("blob", code);
    const worker = putRuntimeNode(this.#store, scriptMarker, module, limits);
    const mapBlob = this.#store.put("blob", Buffer.from(map, "utf8"));
    if (this.#store.ref(mapRef(module)) !== mapBlob) this.#store.setRef(mapRef(module), mapBlob);
    this.#store.flush();
    return worker;
  }

  /** The files that a script is bundled from, its own and those that it imports, absolute paths: what to watch. Rejects with UnfitScript. */
  async scriptFiles(file: string): Promise<readonly string[]> {
    const { bundleScript } = await import("./script-bundle.ts");
    return (await bundleScript(file)).files;
  }

  /** Stores a blob. */
  putBlob(bytes: Uint8Array): Oid {
    return this.#store.put("blob", bytes);
  }

  /** Stores a tree of objects that are in the store. Throws MalformedTree, MissingObject, or MalformedArgs for an entry of another kind than its mode says. */
  putTree(entries: readonly TreeEntry[]): Oid {
    for (const { mode, name, oid } of entries) {
      const kind = kindOfMode(mode);
      const found = kind === "commit" ? kind : (this.#store.kindOf(oid) ?? this.#store.get(oid).kind);
      if (found !== kind)
        throw new MalformedArgs(`entry ${JSON.stringify(name)} has mode ${mode}, but ${oid} is a ${found}`);
    }
    return this.#store.put("tree", encodeTree(entries));
  }

  /** Stores a blob or tree of these bytes, as they are. Throws MalformedTree, MissingObject where a tree names what is not here, or MalformedArgs for what is neither. */
  putObject({ kind, body }: GitObject): Oid {
    if (kind !== "blob" && kind !== "tree") throw new MalformedArgs(`a ${kind} can't be stored; a blob or a tree can`);
    for (const { mode, oid } of kind === "tree" ? decodeTree(body) : [])
      if (kindOfMode(mode) !== "commit" && this.#store.kindOf(oid) === undefined) throw new MissingObject(oid);
    return this.#store.put(kind, body);
  }

  /** The object of that name, checked. Throws MissingObject or CorruptObject. */
  get(name: Oid): GitObject {
    return this.#store.get(name);
  }

  /** The kind of the object of that name, or undefined when neither the store nor a repository that it reads from has it. A repository's object is not read, so not checked either. */
  kindOf(name: Oid): ObjectKind | undefined {
    return this.#store.kindOf(name);
  }

  /** The entries of a tree, in git order. Throws MalformedArgs when it is no tree. */
  list(name: Oid): TreeEntry[] {
    const { kind, body } = this.#store.get(name);
    if (kind !== "tree") throw new MalformedArgs(`${name} is a ${kind}, not a tree`);
    return decodeTree(body);
  }

  /**
   * Imports a path of a git work tree: what git tracks there, with its uncommitted edits; or with `rev` (`REV` or `REV:PATH`) what that names in
   * the repository that `path` is in. Only what the store lacks is read. Rejects with an error of src/store/git that says what is wrong.
   */
  async importTree(path: string, rev?: string): Promise<Imported> {
    const { importInto } = await import("./importing.ts");
    return importInto(this.#store, path, rev, "copying", this.#host);
  }

  /**
   * Names what `importTree` would import, and copies only edits. The rest is read from the repository when a job first needs it, and stored then: what a job reads and what a
   * result holds is in the store for ever. What nobody has read is missing once the repository loses it. Rejects as `importTree`.
   */
  async borrowTree(path: string, rev?: string): Promise<Imported> {
    const { importInto } = await import("./importing.ts");
    return importInto(this.#store, path, rev, "borrowing", this.#host);
  }

  /** A folder as it stands: in a git work tree all but what git ignores, elsewhere all that is in it. Rejects as `importTree` does, and with what the file system says. */
  async importFolder(path: string): Promise<ImportedFolder> {
    const { importFolderInto } = await import("./importing.ts");
    return importFolderInto(this.#store, path, this.#host);
  }

  /**
   * Writes what differs between two trees into the folder that `before` was imported from. Nothing is written when one of the paths is no more as `before` has it, or something is there that was not
   * imported: rejects with ChangedMeanwhile, UnsafeName, or what the file system says; with ConvertedFile where a path's file is another one to git, with SubmoduleChanged where something is in a submodule or was to be removed with it.
   */
  async writeBack(path: string, before: Oid, after: Oid): Promise<WriteBackCounts> {
    const { importFolderInto, writeBack } = await import("./importing.ts");
    const { oid: now } = await importFolderInto(this.#store, path, this.#host, "at all");
    return writeBack(this.#store, path, { before, after, now });
  }

  /** Paths below `path` that an import leaves out because git does not track them; undefined when no git is installed to say. */
  async untracked(path: string): Promise<readonly string[] | undefined> {
    const { untrackedBelow } = await import("./importing.ts");
    return untrackedBelow(path, this.#host);
  }

  /**
   * Folders, and names in them, where a change may change what `borrowTree` of the same arguments gives. They hold until the index or a ref changes, which is among them. Rejects as
   * `importTree` for what is no repository, or none that can be read.
   */
  async watchPlaces(path: string, rev?: string): Promise<WatchPlaces> {
    const { watchPlaces } = await import("./importing.ts");
    return watchPlaces(path, rev);
  }

  /** Writes a tree to a folder that is empty or not there yet; exec bits and symlinks are kept. Rejects with FolderInUse or UnsafeName. */
  async checkout(tree: Oid, folder: string): Promise<{ readonly files: number; readonly folders: number }> {
    const { checkoutTree } = await import("./importing.ts");
    this.list(tree);
    return checkoutTree(this.#store, tree, folder);
  }

  /** Names of the workers in a standard library. */
  workers(std: Oid = this.#library): readonly string[] {
    return this.list(std).map((entry) => entry.name);
  }

  /** Drops what is remembered of a request; false when nothing was. */
  forget(request: Oid): boolean {
    return this.#store.forget(request);
  }

  /**
   * All that a remembered request needs to run again elsewhere, and what it came to, as the bytes of one file for `replayBundle`. Rejects with NothingRemembered, QuarantinedMemo, MalformedRequest, OversizeBundle or
   * MissingObject; so does taking the bytes, for an object that is gone.
   */
  async bundle(request: Oid): Promise<ReplayBundle> {
    const { bundleOf } = await import("./replay-bundle.ts");
    this.#store.refresh();
    return bundleOf(this.#store, request);
  }

  /**
   * Executes remembered requests again, in fresh processes under other flags of V8, and compares. What differs is quarantined with all that consumed it; else nothing changes. Rejects with StoreFailure or
   * CorruptObject.
   */
  async verify(selection: Selection, options: VerifyOptions = {}): Promise<Verified> {
    const { verify } = await import("./verifying.ts");
    const signals = options.signal === undefined ? [] : [options.signal];
    const verifying = verify(this.#store, this.#library, selection, {
      start: this.#pooling,
      signal: AbortSignal.any([this.#closing.signal, ...signals]),
      onProgress: options.onProgress ?? (() => undefined),
    });
    const ended = verifying.then(
      () => undefined,
      () => undefined,
    );
    this.#verifications.add(ended);
    void ended.then(() => this.#verifications.delete(ended));
    return verifying;
  }

  /** `verify` for a share, 0 to 1, of what a run executed: the same requests each time. Nothing where a memo answered, or the traces of later runs have displaced its own. */
  async verifyRun({ run }: RunResult, share: number, options: VerifyOptions = {}): Promise<Verified> {
    const { isInSample } = await import("./verifying.ts");
    const events = run === undefined ? [] : decodeTrace(this.#store.trace(run));
    const executed = events.flatMap(({ request, how }) =>
      how === "run" && isInSample(request, share) ? [request] : [],
    );
    return this.verify({ requests: executed, as: "sample" }, options);
  }

  /** Requests whose executions differed and that nobody has settled, a difference each, in the order in which they were found; of one request, or all. */
  async divergences(request?: Oid): Promise<readonly DescribedDivergence[]> {
    const { describeDivergence } = await import("./verifying.ts");
    return this.#store.divergences(request).flatMap(({ request: each, memo, found }) => {
      const remembered = this.#store.evidence(each)?.memo;
      if (remembered === undefined) return [];
      return [describeDivergence(this.#store, this.#library, each, [each], remembered, memo, found)];
    });
  }

  /** The request because of whose executions this one is quarantined: itself, or one that it consumed. Undefined when it is not. */
  quarantineCause(request: Oid): Oid | undefined {
    return this.#store.quarantineCause(request);
  }

  /**
   * Settles a quarantine at its cause: keeps the memo, and all that consumed it is served again; or the newest differing outcome, or none, and what consumed the memo is forgotten. Undefined when no executions of the request
   * differed.
   */
  settleQuarantine(request: Oid, keep: Keep): Settlement | undefined {
    return this.#store.settleQuarantine(request, keep);
  }

  stats(): StoreStats {
    return this.#store.stats();
  }

  /** The newest run, and its trace in the order in which jobs ended. */
  lastRun(): { readonly run: RunRecord; readonly events: readonly TraceEvent[] } | undefined {
    const run = this.#store.lastRun();
    return run === undefined ? undefined : { run, events: decodeTrace(this.#store.trace(run.id)) };
  }

  /** The newest run alone. */
  lastRunRecord(): RunRecord | undefined {
    return this.#store.lastRun();
  }

  /** Why a request ran, or did not, in the newest run that asked for it: what it is compared with, and how they differ. Executes nothing. */
  async explain(request: Oid, options: ExplainOptions = {}): Promise<Explanation> {
    const { explain } = await import("./explaining.ts");
    return explain(this.#store, this.#library, request, options);
  }

  /** The jobs that the newest run of `top` had about a path in what it folds, those that ask before those that are asked: none when nothing is recorded, or stands at that path. */
  async jobsAt(top: Oid, path: string): Promise<readonly Oid[]> {
    const { jobsAt } = await import("./jobs-at.ts");
    return jobsAt(this.#store, this.#library, top, path);
  }

  /** What a request asked for in the newest run that executed it, as a tree cut to what a person looks at; undefined when no trace of that is kept. */
  async trace(request: Oid, options: TreeOptions = {}): Promise<RunTree | undefined> {
    const { runTree } = await import("./run-tree.ts");
    return runTree(this.#store, this.#library, request, options);
  }

  /** The same, whole, as Chrome's and Perfetto's trace viewers read it. */
  async chromeTrace(request: Oid): Promise<ChromeTrace | undefined> {
    const { chromeTrace } = await import("./chrome-trace.ts");
    return chromeTrace(this.#store, this.#library, request);
  }

  /** At most so many of the jobs that a run executed, the first that ended: none once the traces of later runs have displaced its own. */
  executedJobs({ run, request }: RunResult, countMax: number): readonly ExecutedJob[] {
    if (run === undefined) return [];
    return executedJobs(this.#store, this.#library, request, decodeTrace(this.#store.trace(run)), countMax);
  }

  /** What differs between two trees, in the order and words of `git diff-tree -r`, found as it is asked for. Throws MissingObject, or MalformedArgs when one is no tree. */
  changes(before: Oid, after: Oid): Iterable<TreeChange> {
    return treeChanges(before, after, (tree) => this.list(tree));
  }

  /** Cancels what runs, keeps what was computed, and closes the store. */
  async close(): Promise<void> {
    this.#closing.abort();
    try {
      // Those that wait for their turn, too: each writes its end to the store.
      await Promise.all([...this.#runs.keys(), ...this.#verifications]);
      await this.#executing?.close();
    } finally {
      clearImmediate(this.#flushing);
      this.#store.close();
    }
  }

  #start(options: RunOptions, form: () => Request): Run {
    return startRun(
      options.onLog,
      (told) => {
        const request = form();
        told.started(request.oid);
        return this.#settle(request, options, told);
      },
      options.onOutput,
    );
  }

  #settle(request: Request, options: RunOptions, told: RunTold): Promise<RunResult> {
    const running = this.#settleNow(request, options, told);
    const ended = running.then(
      () => undefined,
      () => undefined,
    );
    this.#runs.set(ended, request.oid);
    void ended.then(() => this.#runs.delete(ended));
    return running;
  }

  async #settleNow(request: Request, options: RunOptions, hearer: RunTold): Promise<RunResult> {
    const startedMs = monotonicMs();
    const result = async (outcome: Outcome, jobs: Counts): Promise<RunResult> => ({
      request: request.oid,
      outcome,
      run: undefined,
      cid: outcome.kind === "failed" ? undefined : cidOf(outcome.oid),
      detail: outcome.kind === "failed" ? await this.#failureDetail(request.oid) : undefined,
      jobs,
      ms: monotonicMs() - startedMs,
    });
    const epoch = this.#executing?.epoch ?? 0;
    const known = options.rerun === true ? undefined : this.#remembered(request.oid);
    if (known !== undefined) return result(known, { ...noJobs, memoized: 1 });
    const { rerun = false } = options;
    const marker = this.#markerOf(request.image);
    // Executors have handles of their own on the store, so all that they are asked about is committed with the record, or sent to them.
    const leaf =
      marker === wasiMarker && !rerun ? new RunOfLeaf(this.#store, request.oid, startedMs, epoch) : undefined;
    const begun = leaf ?? this.#store.beginRun(request.oid, Date.now());
    const closing = this.#closing.signal;
    const signal = options.signal === undefined ? closing : AbortSignal.any([closing, options.signal]);
    const end = (ending: string, { executed, frames, memoized }: Counts) => {
      if (leaf?.isOver === true) return;
      const micros = (monotonicMs() - startedMs) * 1000;
      this.#store.endRun(leaf?.end() ?? numberOf(begun), { micros, executed, frames, memoized, ending });
      this.#flushEndsSoon();
    };
    let settled: SettledRun;
    try {
      const executing = this.#executing ?? (await this.#startExecuting());
      if (marker === scriptMarker) executing.expectScript();
      settled = await executing.settle(request.oid, { run: begun, rerun, signal, hearer });
    } catch (error) {
      // A record that can't be made or ended is no news beside why the run ended.
      asNonAnswer(() => end(error instanceof NonAnswerError ? error.answer.kind : "bug", noJobs));
      throw error;
    }
    end(settled.outcome.kind === "failed" ? "failed" : "result", settled.counts);
    return { ...(await result(settled.outcome, settled.counts)), run: numberOf(begun) };
  }

  async #startExecuting(): Promise<Executing> {
    const { Executing } = await import("./executing.ts");
    this.#executing ??= new Executing(this.#pooling, { outcome: (each) => this.#committed(each) });
    return this.#executing;
  }

  /**
   * Commits how runs ended once whoever waits for them has been told; `close` does it where it has begun. Nobody could hear an error here, so all else that is buffered waits for somebody who asks for something. Ends that can't be
   * committed wait, too, and the next run, or `close`, says why.
   */
  #flushEndsSoon(): void {
    if (this.#closing.signal.aborted) return;
    this.#flushing ??= setImmediate(() => {
      this.#flushing = undefined;
      try {
        this.#store.flushEnds();
      } catch (error) {
        if (!(error instanceof StoreFailure)) throw error;
      }
    });
  }

  /** What the engine knows of a failure's cause: where a script failed, in its author's file if the script was bundled here. */
  async #failureDetail(request: Oid): Promise<string | undefined> {
    const detail = failureDetail(this.#store, request);
    const place = detail === undefined ? undefined : readModulePlace(detail);
    const map = place === undefined ? undefined : this.#store.ref(mapRef(place.module));
    if (place === undefined || map === undefined) return detail;
    const { positionOf, workerFile } = await import("./script-position.ts");
    const text = Buffer.from(this.#store.get(map).body).toString("utf8");
    if (place.at === undefined) {
      const file = workerFile(text);
      return file === undefined ? detail : `${place.said}in ${file}`;
    }
    const found = positionOf(text, place.at.line, place.at.column);
    return found === undefined ? detail : `${found.file}:${found.line}:${found.column}`;
  }

  /** Which runtime a worker is of; undefined for what is no worker. */
  #markerOf(image: Oid): string | undefined {
    const found = resolveImage(this.#store, image, undefined);
    return "error" in found ? undefined : found.node.marker;
  }

  /** An outcome that executors committed; undefined when there is none, or two. */
  #committed(request: Oid): Outcome | undefined {
    try {
      return this.#store.outcome(request);
    } catch (error) {
      if (error instanceof QuarantinedMemo) return undefined;
      throw error;
    }
  }

  #remembered(request: Oid): Outcome | undefined {
    try {
      this.#store.refresh();
      return this.#store.outcome(request);
    } catch (error) {
      if (error instanceof QuarantinedMemo) {
        throw new NonAnswerError({ kind: "quarantine", request, origin: error.origin }, error);
      }
      throw error;
    }
  }

  #request(
    worker: string,
    given: Readonly<Record<string, Arg>>,
    { std = this.#library, salt = "" }: RunOptions,
  ): Request {
    return this.#requestOf(worker, this.#putArgs(given), { std, salt });
  }

  #requestOf(worker: string, args: Oid, { std = this.#library, salt = "" }: RunOptions): Request {
    const image = resolveImage(this.#store, this.#imageText(worker, std), std);
    if ("error" in image) throw new UnknownWorker(worker, this.workers(std), image.error);
    const bound = bindArgs(this.#store, args, image.bound);
    if (typeof bound !== "string") throw new MalformedArgs(bound.error);
    return putRequest(this.#store, image.node.oid, bound, putSurroundings(this.#store, std, salt.toWellFormed()));
  }

  /** How a request names a worker: an oid, or a name in the standard library. */
  #imageText(worker: string, std: Oid): string {
    const name = parseOid(worker);
    if (name !== undefined) {
      if (this.#store.kindOf(name) !== undefined) return name;
      throw new UnknownWorker(worker, this.workers(std), "no object of that oid is in the store");
    }
    const names = this.workers(std);
    if (!names.includes(worker)) throw new UnknownWorker(worker, names, "it is neither a standard worker nor an oid");
    return `/cas/std/${worker}`;
  }

  /** As `#imageText`, of a worker that the fold asks for: it is looked at now, since later what is no worker would be the fold's failure, and remembered. */
  #visitorText(worker: string, std: Oid): string {
    const text = this.#imageText(worker, std);
    const image = parseOid(text) === undefined ? undefined : resolveImage(this.#store, text, std);
    if (image !== undefined && "error" in image) throw new UnknownWorker(worker, this.workers(std), image.error);
    return text;
  }

  #putCommandArgs(command: Command): Oid {
    const { in: root, stdin, cwd } = command;
    if (this.#store.kindOf(root) !== "tree")
      throw new MalformedArgs(`what a command runs over is a tree, and ${root} is none`);
    if (this.#store.kindOf(stdin) !== "blob")
      throw new MalformedArgs(`a command's stdin is a blob, and ${stdin} is none`);
    try {
      const args = putCommandArgs(this.#store, command);
      if (entryAt((tree) => this.list(tree), root, cwd)?.mode === "40000") return args;
    } catch (error) {
      if (!(error instanceof MalformedCommand)) throw error;
      throw new MalformedArgs(error.reason, { cause: error });
    }
    throw new MalformedArgs(`there is no folder ${JSON.stringify(cwd)} in the tree ${root}`);
  }

  #putArgs(args: Readonly<Record<string, Arg>>): Oid {
    const entries = Object.entries(args).map(([name, value]): TreeEntry => {
      if (nameFault(name) !== undefined || !name.isWellFormed()) {
        throw new MalformedArgs(`${JSON.stringify(name)} can't be the name of an argument`);
      }
      if (typeof value === "string")
        return { name, mode: "100644", oid: this.#store.put("blob", Buffer.from(value, "utf8")) };
      if (value instanceof Uint8Array) return { name, mode: "100644", oid: this.#store.put("blob", value) };
      const kind = this.#store.kindOf(value.oid) ?? this.#store.get(value.oid).kind;
      if (kind !== "blob" && kind !== "tree")
        throw new MalformedArgs(`argument ${JSON.stringify(name)} is a ${kind}; it can be a blob or a tree`);
      return { name, mode: kind === "tree" ? "40000" : "100644", oid: value.oid };
    });
    return this.#store.put("tree", encodeTree(entries));
  }

  #whereabouts(outermost: ShownFrame, folded: FoldedPath | undefined): string {
    if (folded === undefined) return "";
    const { from, path } = folded;
    // What was offered by another executor, or unwound, has its parents elsewhere: its path begins below what the caller folds.
    if (![...this.#runs.values()].includes(outermost.request))
      return path === "." ? ` at ${from}` : ` at ${path} in ${from}`;
    return path === "." ? "" : ` at ${path}`;
  }

  #describeStack(stack: readonly ShownFrame[]): string {
    const [outermost] = stack;
    const last = stack.at(-1);
    if (outermost === undefined || last === undefined) return "the executor";
    const where = this.#whereabouts(outermost, foldedPath(this.#store, stack));
    const names = new JobNames(this.#store, this.#library);
    // A nested command's arguments may be gone with its executor; many, as the shell's, are in no frame that is shown, but in the store when the caller gave them.
    const typed = (frame: ShownFrame) => {
      const shown = frame.args.length === 0 ? undefined : entriesOf(frame.args);
      const argv = names.argvOf({ args: shown ?? names.subjectOf(frame.request)?.args ?? [] });
      return argv === undefined ? undefined : typedText(argv);
    };
    const name = typed(last) ?? `${names.workerName(last.image, undefined)}${inCommand(typed(outermost))}`;
    return `${name}${where} (request ${last.request})`;
  }
}

function numberOf(run: number | RunOfLeaf): number {
  return typeof run === "number" ? run : run.number();
}

function inCommand(typed: string | undefined): string {
  return typed === undefined ? "" : ` in ${typed}`;
}
