/** Commands that run workers: `fold`, `run`, and `watch` of either. */
import { readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import type { Command } from "commander";
import { NonAnswerError, executorsMax, type Engine, type Run, type RunOptions, type RunResult } from "../engine.ts";
import { monotonicMs } from "../store/monotonic.ts";
import { addCommand, cidOption, examplesText, timeoutOption, type Commands } from "./command.ts";
import { OutputFailure, UsageError, errorJson, exitStatus } from "./exit.ts";
import { noteAsked } from "./last-asked.ts";
import { argumentsNamed, importNamed, isFolder, isPath, workerAndArguments, workerNamed } from "./naming.ts";
import {
  failureMessage,
  nameOf,
  printError,
  printNote,
  printObject,
  resultFigures,
  summary,
  withProgress,
  write,
} from "./output.ts";
import type { CommonOptions, RunningLimits, Session } from "./session.ts";
import { askUntracked, noteUntracked } from "./untracked.ts";
import { verifyExecuted, verifyShare } from "./verify-command.ts";
import type { WatchTask } from "./watch-sources.ts";

interface RunningOptions extends CommonOptions, RunningLimits {
  readonly out?: string;
  readonly salt?: string;
  readonly json?: true;
  readonly rerun?: true;
  readonly log?: true;
  readonly verify?: number;
}

type WatchingOptions = Omit<RunningOptions, "out" | "rerun" | "verify"> & { readonly poll?: true };

interface FoldOptions extends RunningOptions {
  readonly post?: string;
  readonly pre?: string;
}

const foldExamples = [
  "fold . --post language-stats             what this repository is written in",
  "fold HEAD --post line-count              lines as committed; HEAD:src, below src",
  "fold . --post file-count --pre dirs-only --json",
];
const runExamples = [
  "run line-count --in:@=README.md --children:hash=4b825dc642cb6eb9a060e54bf8d69288fbee4904",
  "run ./worker.ts --name=Ada --source:@=HEAD:src --log",
];
const onChange = "whenever what git tracks there, or a worker's file, changes";
const foldAgain = "watch fold . --post line-count          the lines of this repository, and again after each edit";
const runAgain = "watch run ./worker.ts --source:@=src --json";
const watchExamples = [foldAgain, runAgain];

/** By their first word. */
export const runCommands: Commands = {
  fold: (session, parent) => {
    foldOptions(
      runningOptions(
        addCommand(
          parent,
          "fold",
          "fold a tree: call a worker at each node, after its children; what git has is read from the repository as it is needed",
          foldExamples,
        ),
      ),
    ).action((text: string, options: FoldOptions) => fold(session, text, options));
  },
  run: (session, parent) => {
    runArguments(runningOptions(addCommand(parent, "run", "run a worker", runExamples))).action(
      (first: string, rest: string[], options: RunningOptions) => run(session, [first, ...rest], options),
    );
  },
  watch: (session, parent) => {
    const watch = parent
      .command("watch")
      .description("fold or run again whenever what git tracks there changes (see `coppice watch fold --help`)")
      .addHelpText("after", examplesText(watchExamples));
    foldOptions(watchingOptions(addCommand(watch, "fold", `fold a tree, and again ${onChange}`, [foldAgain]))).action(
      (text: string, { post, pre, ...options }: FoldOptions & WatchingOptions) =>
        watchTask(session, { how: "fold", in: text, post: required(post), pre }, options),
    );
    runArguments(watchingOptions(addCommand(watch, "run", `run a worker, and again ${onChange}`, [runAgain]))).action(
      (first: string, rest: string[], options: WatchingOptions) =>
        watchTask(session, { how: "run", ...workerAndArguments([first, ...rest]) }, options),
    );
  },
};

function runningOptions(command: Command): Command {
  return commonOptions(
    command.option(
      "--out <PATH>",
      "write the result there: a tree to a folder, a blob to a file; nothing but an empty folder may be there",
    ),
  )
    .option("--json", "print one JSON object: the result's names, jobs and milliseconds, or the error")
    .option("--rerun", "execute the top request even if it is remembered, and compare")
    .option(
      "--verify <RATE>",
      "execute a share of the jobs that were executed (0 to 1, or N%) again as `verify` does, before the result is told",
      verifyShare,
    );
}

function watchingOptions(command: Command): Command {
  return commonOptions(command)
    .option("--json", "print one JSON object a line for each run: the result or the error, what changed and what ran")
    .option("--poll", "look every second: for file systems that do not tell of changes, as those of networks");
}

function commonOptions(command: Command): Command {
  return cidOption(command, "print CIDs in place of oids; with --json, `cid` is the result's in any case")
    .option(
      "--jobs <N>",
      "executors that run jobs at a time (else one for each core); no result depends on it",
      executorCount,
    )
    .option(...timeoutOption)
    .option("--salt <TEXT>", "separates this run from what is remembered under another salt")
    .option("--log", "print what guests log, on stderr");
}

function foldOptions(command: Command): Command {
  return (
    command
      .argument(
        "<PATH|REV:PATH|OID>",
        "a path in a git work tree (what git tracks there, with its uncommitted edits), a path in a revision, or an object of the store by oid",
      )
      // Required, but a missing PATH is told first.
      .option(
        "--post <WORKER>",
        "called at each node with `in` and `children`: a standard name, a .ts, .js or .wasm file, or an oid",
      )
      .option("--pre <WORKER>", "chooses each node's children")
  );
}

function runArguments(command: Command): Command {
  return command
    .argument("<WORKER>", "a standard name, a .ts, .js or .wasm file, or an oid")
    .argument(
      "[--NAME=VALUE...]",
      "the worker's arguments: --NAME=TEXT, --NAME:@=PATH for a path or REV:PATH, --NAME:hash=OID for an object of the store (--NAME:text=TEXT where --NAME is an option)",
    )
    .allowUnknownOption();
}

/** What `--jobs` says. Throws UsageError. */
export function executorCount(text: string): number {
  const count = Number(text);
  if (/^\d+$/.test(text) && count >= 1 && count <= executorsMax) return count;
  throw new UsageError(`--jobs wants a whole number from 1 to ${executorsMax}, not ${JSON.stringify(text)}`);
}

function required(post: string | undefined): string {
  if (post === undefined) throw new UsageError("required option '--post <WORKER>' not specified");
  return post;
}

async function fold(session: Session, text: string, options: FoldOptions): Promise<void> {
  const worker = required(options.post);
  if (options.out !== undefined) refuseTaken(options.out);
  await session.withEngine(options, async (engine) => {
    const post = await workerNamed(engine, worker);
    const pre = options.pre === undefined ? {} : { pre: await workerNamed(engine, options.pre) };
    const untracked = isPath(text) ? askUntracked(engine, text) : undefined;
    const startedMs = monotonicMs();
    const imported = await importNamed(engine, text, "borrowing");
    const importMs = monotonicMs() - startedMs;
    const result = await running(session, engine, options, (common) =>
      engine.fold({ in: imported.oid, post, ...pre, ...common }),
    );
    if (options.json === undefined) {
      await finish(session, engine, result, importMs, options);
      if (untracked !== undefined) await noteUntracked(session.printer, untracked);
    } else {
      const leftOut = untracked === undefined ? 0 : ((await untracked)?.length ?? null);
      await finish(session, engine, result, importMs, options, { leftOut });
    }
  });
}

async function run(session: Session, texts: readonly string[], options: RunningOptions): Promise<void> {
  const texted = workerAndArguments(texts);
  if (options.out !== undefined) refuseTaken(options.out);
  await session.withEngine(options, async (engine) => {
    const named = await workerNamed(engine, texted.worker);
    const startedMs = monotonicMs();
    const args = await argumentsNamed(engine, texted.args);
    const importMs = monotonicMs() - startedMs;
    const result = await running(session, engine, options, (common) => engine.run({ worker: named, args, ...common }));
    await finish(session, engine, result, importMs, options);
  });
}

async function watchTask(session: Session, task: WatchTask, options: WatchingOptions): Promise<void> {
  // Loaded only now, as watching is.
  const { watch } = await import("./watch.ts");
  await session.withEngine(options, async (engine) => {
    const { printer } = session;
    const noteOthers = async () => {
      if (task.how === "fold" && isPath(task.in)) await noteUntracked(printer, askUntracked(engine, task.in));
    };
    session.status = await watch(task, options, { engine, printer, platform: process.platform, noteOthers });
  });
}

/** Runs with progress and a Ctrl-C that ends the run and keeps what was computed; a second one ends the process. */
export async function running(
  session: Session,
  engine: Engine,
  options: CommonOptions & Pick<RunningOptions, "salt" | "rerun" | "log"> & { readonly progress?: boolean },
  start: (common: RunOptions) => Run,
): Promise<RunResult> {
  const { salt, rerun, log } = options;
  const { printer } = session;
  const startedMs = Date.now();
  const abort = new AbortController();
  const stop = () => {
    if (abort.signal.aborted) process.exit(exitStatus.cancelled);
    abort.abort();
  };
  process.on("SIGINT", stop);
  const common: RunOptions = {
    ...(salt === undefined ? {} : { salt }),
    ...(log === undefined ? {} : { onLog: ({ line }) => printNote(printer, line) }),
    rerun: rerun === true,
    signal: abort.signal,
  };
  try {
    return options.progress === false ? await start(common) : await withProgress(printer, start(common));
  } catch (error) {
    // What is quarantined is refused before there is a run.
    const isRefused = error instanceof NonAnswerError && error.answer.kind === "quarantine";
    if (isRefused && (engine.lastRunRecord()?.startedMs ?? 0) < startedMs)
      noteAsked(session.storePath(options), error.answer.request);
    throw error;
  } finally {
    process.off("SIGINT", stop);
  }
}

async function finish(
  session: Session,
  engine: Engine,
  result: RunResult,
  importMs: number,
  options: RunningOptions,
  furtherJson: object = {},
): Promise<void> {
  const { printer } = session;
  const { outcome } = result;
  if (result.run === undefined) noteAsked(session.storePath(options), result.request);
  const { verify: share } = options;
  if (share !== undefined) {
    const isConfirmed = await verifyExecuted(session, result.request, options.json === true, (how) =>
      engine.verifyRun(result, share, how),
    );
    if (!isConfirmed) return;
  }
  if (outcome.kind === "failed") {
    const message = failureMessage(printer, result, outcome);
    printError(printer, message);
    if (options.json) await write(printer.out, errorJson("failed", message));
    session.status = exitStatus.failed;
    return;
  }
  if (options.out !== undefined) {
    if (outcome.kind === "tree") await engine.checkout(outcome.oid, options.out);
    else writeNewFile(options.out, engine.get(outcome.oid).body);
  }
  if (options.json) {
    await write(printer.out, `${JSON.stringify({ ...resultFigures(result, outcome, importMs), ...furtherJson })}\n`);
    return;
  }
  if (options.out === undefined) await printObject(printer, engine, outcome.oid);
  printNote(printer, `${summary(printer, result)}; ${outcome.kind} ${nameOf(printer, outcome.oid)}`);
}

/** Refuses before anything runs where no result could be written. An empty folder may stand there, since a tree may fill it. */
export function refuseTaken(path: string): void {
  if (path === "") throw new UsageError("--out wants a path, and it is empty");
  if (!isFolder(dirname(resolve(path))))
    throw new UsageError(`${path}: there is no folder ${dirname(path)} to write to`);
  const isFree = isFolder(path) ? readdirSync(path).length === 0 : !isPath(path);
  if (!isFree) throw new UsageError(`${path} is there already`);
}

/** Writes a file that is not there yet, and leaves none that is cut short. */
function writeNewFile(path: string, bytes: Uint8Array): void {
  try {
    writeFileSync(path, bytes, { flag: "wx" });
  } catch (error) {
    // Not before the file was made: one that was there stays.
    if (!(error instanceof Error) || (error as NodeJS.ErrnoException).syscall !== "write") throw error;
    rmSync(path, { force: true });
    throw new OutputFailure(path, error);
  }
}
