/** The command line: parses, calls the engine, prints. Every command is one function below; what an exit status means stands in exit.ts. */
import { readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { Command, CommanderError } from "commander";
import {
  executorsMax,
  guestLimitNames,
  openEngine,
  type Engine,
  type Run,
  type RunOptions,
  type RunResult,
} from "../engine.ts";
import { packageFolder } from "../package-folder.ts";
import { monotonicMs } from "../store/monotonic.ts";
import {
  OutputFailure,
  UsageError,
  bugStatus,
  exitStatus,
  kindOfError,
  messageOf,
  sentence,
  type ErrorKind,
} from "./exit.ts";
import {
  addWorkerFile,
  argumentsNamed,
  importNamed,
  isPath,
  objectNamed,
  workerAndArguments,
  workerNamed,
} from "./naming.ts";
import {
  failureMessage,
  listing,
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
import { isColourful, readSettings, type Settings } from "./settings.ts";
import type { WatchTask } from "./watch-sources.ts";

interface CommonOptions {
  readonly store?: string;
  readonly cid?: true;
}

interface RunningOptions extends CommonOptions {
  readonly jobs?: number;
  readonly out?: string;
  readonly salt?: string;
  readonly json?: true;
  readonly rerun?: true;
  readonly log?: true;
}

type WatchingOptions = Omit<RunningOptions, "out" | "rerun"> & { readonly poll?: true };

interface FoldOptions extends RunningOptions {
  readonly post?: string;
  readonly pre?: string;
}

/** Runs the command line and returns the exit status. The process's current folder is changed by `-C`. */
export async function main(argv: readonly string[], environment: NodeJS.ProcessEnv): Promise<number> {
  const printer: Printer = {
    out: process.stdout,
    err: process.stderr,
    isColourful: isColourful(environment),
    cids: argv.includes("--cid"),
  };
  // `write` tells of what goes wrong on stdout; where stderr can't be written, there is nobody to tell.
  process.stdout.on("error", () => undefined);
  process.stderr.on("error", () => undefined);
  try {
    const words = enterFolders(argv);
    const session = new Session(readSettings(environment, process.platform), environment, printer);
    await program(session, words).parseAsync([...words], { from: "user" });
    return session.status;
  } catch (error) {
    // Help and the version end the parsing by an error too.
    if (error instanceof CommanderError && error.exitCode === 0) return 0;
    return report(error, printer, argv.includes("--json"));
  }
}

/** As git's `-C DIR`, before the command: goes to the folder, so that every path of the call is one from there. Returns what follows. */
function enterFolders(argv: readonly string[]): readonly string[] {
  let at = 0;
  for (; argv[at] === "-C"; at += 2) {
    const folder = argv[at + 1];
    if (folder === undefined) throw new UsageError("-C wants the folder to start in");
    if (!isFolder(folder)) throw new UsageError(`-C ${folder}: there is no such folder`);
    process.chdir(folder);
  }
  return argv.slice(at);
}

async function report(error: unknown, printer: Printer, isJson: boolean): Promise<number> {
  const kind = await kindOfError(error);
  if (kind === undefined) {
    printer.err.write(
      `coppice: this is a bug of Coppice; please report it with what follows\n${(error as Error).stack ?? String(error)}\n`,
    );
    return bugStatus;
  }
  const message = messageOf(error);
  // Called without a command, it has printed the help in place of an error.
  const isHelp = error instanceof CommanderError && error.code === "commander.help";
  if (!isHelp) printError(printer, message);
  if (isJson) {
    try {
      await write(printer.out, errorJson(kind, message));
    } catch (failure) {
      if (!(failure instanceof OutputFailure)) throw failure;
      if (!(error instanceof OutputFailure)) printError(printer, failure.message);
    }
  }
  return exitStatus[kind];
}

function errorJson(kind: ErrorKind, message: string): string {
  return `${JSON.stringify({ error: { kind, message: sentence(message) } })}\n`;
}

/** What one call of the command works with. */
class Session {
  readonly printer: Printer;
  status = 0;
  readonly #settings: Settings;
  readonly #environment: NodeJS.ProcessEnv;

  constructor(settings: Settings, environment: NodeJS.ProcessEnv, printer: Printer) {
    this.#settings = settings;
    this.#environment = environment;
    this.printer = printer;
  }

  /** `withEngine`, for what only looks at a store: one that is not there is not made. */
  async withStore<T>(options: CommonOptions, work: (engine: Engine) => Promise<T> | T): Promise<T> {
    const path = this.#storePath(options);
    if (!isPath(path)) throw new UsageError(`there is no store ${path}; what runs or imports makes one`);
    return this.withEngine(options, work);
  }

  #storePath({ store }: CommonOptions): string {
    if (store === "") throw new UsageError("--store wants a file's path, and it is empty");
    return store === undefined ? this.#settings.store : resolve(store);
  }

  /** Opens the engine for `work`, and closes it whatever happens. */
  async withEngine<T>(
    options: CommonOptions & Pick<RunningOptions, "jobs">,
    work: (engine: Engine) => Promise<T> | T,
  ): Promise<T> {
    const { jobs } = options;
    const path = this.#storePath(options);
    const executors = jobs === undefined ? {} : { executors: jobs };
    const engine = openEngine({ store: path, environment: this.#environment, ...executors });
    try {
      return await work(engine);
    } finally {
      await engine.close();
    }
  }
}

type Commands = Readonly<Record<string, (session: Session, parent: Command) => void>>;

/** What the parser is told of each command. */
const commands: Commands = {
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
  import: (session, parent) => {
    cidOption(
      addCommand(parent, "import", "copy a path or revision whole into the store, and print its oid", importExamples),
      "print the CID in place of the oid",
    )
      .argument("<PATH|REV>", "a path in a git work tree, or a revision, or REV:PATH")
      .action((text: string, options: CommonOptions) =>
        session.withEngine(options, async (engine) => {
          const untracked = isPath(text) ? askUntracked(engine, text) : undefined;
          const { oid } = await importNamed(engine, text, "copying");
          await write(session.printer.out, `${nameOf(session.printer, oid)}\n`);
          if (untracked !== undefined) await noteUntracked(session.printer, untracked);
        }),
      );
  },
  cat: (session, parent) => {
    cidOption(
      addCommand(parent, "cat", "print a blob's bytes, or a tree's listing", catExamples),
      "list CIDs in place of oids",
    )
      .argument("<OID>", "a blob or tree of the store, by oid or CID")
      .action((text: string, options: CommonOptions) =>
        session.withStore(options, (engine) => printObject(session.printer, engine, objectNamed(engine, text))),
      );
  },
  ls: (session, parent) => {
    cidOption(addCommand(parent, "ls", "list a tree, as `git ls-tree` does", lsExamples), "list CIDs in place of oids")
      .argument("<OID>", "a tree of the store, by oid or CID")
      .action((text: string, options: CommonOptions) =>
        session.withStore(options, (engine) =>
          write(session.printer.out, listing(session.printer, engine.list(objectNamed(engine, text)))),
        ),
      );
  },
  checkout: (session, parent) => {
    addCommand(parent, "checkout", "write a tree to a folder", checkoutExamples)
      .argument("<OID>", "a tree of the store, by oid or CID")
      .argument("<DIR>", "a folder that is empty or not there yet")
      .action((text: string, folder: string, options: CommonOptions) =>
        session.withStore(options, async (engine) => {
          await engine.checkout(objectNamed(engine, text), folder);
        }),
      );
  },
  worker: (session, parent) => {
    const worker = parent
      .command("worker")
      .description("store workers (see `coppice worker add --help`)")
      .addHelpText("after", examplesText(workerExamples));
    cidOption(
      addCommand(
        worker,
        "add",
        "store a script or a WebAssembly module as a worker, and print the worker's oid",
        workerExamples,
      ),
      "print the CID in place of the oid",
    )
      .argument(
        "<FILE>",
        "a .ts, .js or .mjs file whose default export is `async (job) => result`, or a .wasm module that exports `memory` and `caos_run`",
      )
      .option("--limits <JSON>", `other limits than the defaults: an object with some of ${guestLimitNames.join(", ")}`)
      .action((file: string, options: CommonOptions & { readonly limits?: string }) =>
        session.withEngine(options, async (engine) => {
          const added = await addWorkerFile(engine, file, options.limits);
          await write(session.printer.out, `${nameOf(session.printer, added)}\n`);
        }),
      );
  },
  forget: (session, parent) => {
    addCommand(parent, "forget", "drop what is remembered of a request, a failure included", forgetExamples)
      .argument("<REQUEST>", "the request's oid or CID, as `run` and `fold` print it")
      .action((text: string, options: CommonOptions) =>
        session.withStore(options, (engine) => {
          const request = objectNamed(engine, text);
          if (!engine.forget(request)) throw new UsageError(`nothing is remembered of request ${request}`);
        }),
      );
  },
  stats: (session, parent) => {
    addCommand(parent, "stats", "print the store's figures", statsExamples)
      .option("--json", "as one JSON object")
      .action((options: CommonOptions & { readonly json?: true }) =>
        session.withStore(options, (engine) => stats(session.printer, engine, options.json === true)),
      );
  },
};

/** The parser for `argv`: with the one command that it names, since making the others takes 2 ms, else with all. */
function program(session: Session, argv: readonly string[]): Command {
  const coppice = new Command("coppice")
    .description("A deterministic, content-addressed compute engine: sealed jobs over git trees, remembered for ever.")
    .version(version())
    .exitOverride()
    .showSuggestionAfterError()
    // `report` prints errors, the parser's like all others.
    .configureOutput({ outputError: () => undefined })
    .addHelpText("after", () => `${examplesText(examples)}\n\nExit status: ${exitText}`);
  const named = Object.entries(commands).filter(([name]) => name === argv[0]);
  // Only to be shown: `enterFolders` has taken it away.
  if (named.length === 0) coppice.option("-C <DIR>", "run as if started in DIR; stands before the command");
  for (const [, add] of named.length > 0 ? named : Object.entries(commands)) add(session, coppice);
  return coppice;
}

function addCommand(parent: Command, name: string, description: string, example: readonly string[]): Command {
  return parent
    .command(name)
    .description(description)
    .addHelpText("after", examplesText(example))
    .option(
      "--store <FILE>",
      "the store's file (else COPPICE_STORE, else coppice/store.sqlite in the user's cache folder)",
    );
}

/** For what prints names. With --json they stay as they are, and the result's CID stands beside its oid. */
function cidOption(command: Command, what: string): Command {
  return command.option("--cid", what);
}

function runningOptions(command: Command): Command {
  return commonOptions(
    command.option(
      "--out <PATH>",
      "write the result there: a tree to a folder, a blob to a file; nothing but an empty folder may be there",
    ),
  )
    .option("--json", "print one JSON object: the result's names, jobs and milliseconds, or the error")
    .option("--rerun", "execute the top request even if it is remembered, and compare");
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
    .option("--salt <TEXT>", "separates this run from what is remembered under another salt")
    .option("--log", "print what guests log, on stderr");
}

function foldOptions(command: Command): Command {
  return (
    command
      .argument(
        "<PATH|REV:PATH>",
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
      "[--NAME=TEXT | --NAME:@=PATH | --NAME:hash=OID...]",
      "the worker's arguments: a text, a path or REV:PATH, or an object of the store (--NAME:text=TEXT where --NAME is an option)",
    )
    .allowUnknownOption();
}

function executorCount(text: string): number {
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
    const result = await running(session, options, (common) =>
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
    const result = await running(session, options, (common) => engine.run({ worker: named, args, ...common }));
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
async function running(
  { printer }: Session,
  { salt, rerun, log }: RunningOptions,
  start: (common: RunOptions) => Run,
): Promise<RunResult> {
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
    return await withProgress(printer, start(common));
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
function refuseTaken(path: string): void {
  if (path === "") throw new UsageError("--out wants a path, and it is empty");
  if (!isFolder(dirname(resolve(path))))
    throw new UsageError(`${path}: there is no folder ${dirname(path)} to write to`);
  const isFree = isFolder(path) ? readdirSync(path).length === 0 : !isPath(path);
  if (!isFree) throw new UsageError(`${path} is there already`);
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
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

/** Asks git, which takes as long as a warm fold does; the answer is taken up when there is nothing else left to do. */
function askUntracked(engine: Engine, path: string): Promise<readonly string[] | undefined> {
  const untracked = untrackedOf(engine, path);
  // Importing the same path tells better what is wrong with it, and nobody may be left to hear of it here.
  untracked.catch(() => undefined);
  return untracked;
}

async function noteUntracked(printer: Printer, untracked: Promise<readonly string[] | undefined>): Promise<void> {
  const paths = await untracked;
  if (paths === undefined) printNote(printer, "untracked files, if any, are left out");
  else if (paths.length > 0) printNote(printer, `left out, since git does not track them: ${shortList(paths)}`);
}

/** Undefined when git can't say: none is installed, or it refuses (a repository of another user). The import itself asked no git. */
async function untrackedOf(engine: Engine, path: string): Promise<readonly string[] | undefined> {
  try {
    return await engine.untracked(path);
  } catch (error) {
    if ((await kindOfError(error)) === "host") return undefined;
    throw error;
  }
}

async function stats(printer: Printer, engine: Engine, isJson: boolean): Promise<void> {
  const { objects, memos, failed, quarantined, runs, bytes, sources } = engine.stats();
  if (isJson) {
    await write(printer.out, `${JSON.stringify({ objects, memos, failed, quarantined, runs, bytes, sources })}\n`);
    return;
  }
  const lines = [
    `objects  ${objects.blob} blobs, ${objects.tree} trees`,
    `memos    ${memos} (${failed} failed, ${quarantined} quarantined)`,
    `runs     ${runs}`,
    `size     ${(bytes / 1e6).toFixed(1)} MB`,
    ...sources.map((source) => `reads    ${source}`),
  ];
  await write(printer.out, `${lines.join("\n")}\n`);
}

function version(): string {
  const text = readFileSync(new URL("package.json", packageFolder), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}

const exitText =
  "0 a result, 1 a failed outcome or a cycle, 2 usage, 3 no answer (the machine, a missing object), 70 a bug of Coppice, 130 cancelled.";

function examplesText(examples: readonly string[]): string {
  return `\nExamples:\n${examples.map((example) => `  $ coppice ${example}`).join("\n")}`;
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
const importExamples = ["import .", "import HEAD", "import HEAD:src"];
const catExamples = ["cat 4b825dc642cb6eb9a060e54bf8d69288fbee4904", "cat OID > FILE"];
const lsExamples = ["ls OID", "ls OID --cid"];
const checkoutExamples = ["checkout OID DIR"];
const workerExamples = ["worker add worker.wasm", `worker add worker.wasm --limits '{"fuel":1000000}'`];
const forgetExamples = ["forget REQUEST"];
const statsExamples = ["stats", "stats --json"];
const examples = [...foldExamples, runExamples[0] as string, "import HEAD", "cat OID"];
