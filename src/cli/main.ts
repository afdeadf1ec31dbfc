/** The command line: parses, calls the engine, prints. Every command is one function below; what an exit status means stands in exit.ts. */
import { readFileSync, writeFileSync } from "node:fs";
import { Command, CommanderError } from "commander";
import { cidOf, openEngine, type Engine, type RunOptions, type RunResult } from "../engine.ts";
import { UsageError, bugStatus, exitStatus, kindOfError, sentence, type ErrorKind } from "./exit.ts";
import { argumentsNamed, importNamed, objectNamed, workerNamed } from "./naming.ts";
import { listing, nameOf, printError, printNote, summary, withProgress, write, type Printer } from "./output.ts";
import { readSettings, type Settings } from "./settings.ts";

interface CommonOptions {
  readonly store?: string;
  readonly cid?: true;
}

interface RunningOptions extends CommonOptions {
  readonly out?: string;
  readonly salt?: string;
  readonly json?: true;
  readonly rerun?: true;
  readonly log?: true;
}

interface FoldOptions extends RunningOptions {
  readonly post: string;
  readonly pre?: string;
}

/** Runs the command line and returns the exit status. */
export async function main(argv: readonly string[], environment: NodeJS.ProcessEnv): Promise<number> {
  const settings = readSettings(environment, process.platform);
  const printer: Printer = {
    out: process.stdout,
    err: process.stderr,
    isColourful: settings.isColourful,
    cids: argv.includes("--cid"),
  };
  // A reader that stops early (`| head`) is no error of ours.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
  });
  const session = new Session(settings, environment, printer);
  try {
    await program(session).parseAsync([...argv], { from: "user" });
    return session.status;
  } catch (error) {
    // Help and the version end the parsing by an error too.
    if (error instanceof CommanderError && error.exitCode === 0) return 0;
    return report(error, printer, argv.includes("--json"));
  }
}

async function report(error: unknown, printer: Printer, isJson: boolean): Promise<number> {
  const kind = await kindOfError(error);
  if (kind === undefined) {
    printer.err.write(
      `coppice: this is a bug of Coppice; please report it with what follows\n${(error as Error).stack ?? String(error)}\n`,
    );
    return bugStatus;
  }
  const message = error instanceof Error ? error.message.replace(/^error: /, "") : String(error);
  // Commander has printed its own message already.
  if (!(error instanceof CommanderError)) printError(printer, message);
  if (isJson) await write(printer.out, errorJson(kind, message));
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

  /** Opens the engine for `work`, and closes it whatever happens. */
  async withEngine<T>({ store }: CommonOptions, work: (engine: Engine) => Promise<T> | T): Promise<T> {
    const engine = openEngine({ store: store ?? this.#settings.store, environment: this.#environment });
    try {
      return await work(engine);
    } finally {
      await engine.close();
    }
  }
}

function program(session: Session): Command {
  const coppice = new Command("coppice")
    .description("A deterministic, content-addressed compute engine: sealed jobs over git trees, remembered for ever.")
    .version(version())
    .exitOverride()
    .showSuggestionAfterError()
    .configureHelp({ showGlobalOptions: true })
    .addHelpText("after", examples);
  const command = (usage: string, description: string) =>
    coppice
      .command(usage)
      .description(description)
      .option(
        "--store <FILE>",
        "the store's file (else COPPICE_STORE, else coppice/store.sqlite in the user's cache folder)",
      )
      .option("--cid", "print CIDs in place of oids");

  runningOptions(command("fold", "fold a tree: call a worker at each node, after its children"))
    .argument(
      "<PATH|REV:PATH>",
      "a path in a git work tree (what git tracks there, with its uncommitted edits), or a path in a revision",
    )
    .requiredOption(
      "--post <WORKER>",
      "called at each node with `in` and `children`: a standard name, a .wasm file, or an oid",
    )
    .option("--pre <WORKER>", "chooses each node's children")
    .action((text: string, options: FoldOptions) => fold(session, text, options));
  runningOptions(command("run", "run a worker"))
    .argument("<WORKER>", "a standard name, a .wasm file, or an oid")
    .argument(
      "[--NAME=TEXT | --NAME:@=PATH | --NAME:hash=OID...]",
      "the worker's arguments (--NAME:text=TEXT where NAME is an option)",
    )
    .allowUnknownOption()
    .action((worker: string, args: string[], options: RunningOptions) => run(session, worker, args, options));
  command("import", "import a path or revision, and print its oid")
    .argument("<PATH|REV>")
    .action((text: string, options: CommonOptions) =>
      session.withEngine(options, async (engine) => {
        const imported = await importNamed(engine, text);
        await write(session.printer.out, `${nameOf(session.printer, imported.oid)}\n`);
        if (imported.isWorkTree) await noteUntracked(session.printer, engine, text);
      }),
    );
  command("cat", "print a blob's bytes, or a tree's listing")
    .argument("<OID>")
    .action((text: string, options: CommonOptions) =>
      session.withEngine(options, (engine) => printObject(session.printer, engine, objectNamed(text))),
    );
  command("ls", "list a tree")
    .argument("<OID>")
    .action((text: string, options: CommonOptions) =>
      session.withEngine(options, (engine) =>
        write(session.printer.out, listing(session.printer, engine.list(objectNamed(text)))),
      ),
    );
  command("checkout", "write a tree to a folder that is empty or not there yet")
    .argument("<OID>")
    .argument("<DIR>")
    .action((text: string, folder: string, options: CommonOptions) =>
      session.withEngine(options, async (engine) => {
        await engine.checkout(objectNamed(text), folder);
      }),
    );
  command("worker", "store a worker: `coppice worker add FILE.wasm` prints its oid")
    .argument("<add>")
    .argument("<FILE.wasm>")
    .action((verb: string, file: string, options: CommonOptions) => {
      if (verb !== "add")
        throw new UsageError(`there is no \`coppice worker ${verb}\`; write \`coppice worker add FILE.wasm\``);
      return session.withEngine(options, (engine) =>
        write(session.printer.out, `${nameOf(session.printer, engine.addWorker(readFileSync(file)))}\n`),
      );
    });
  command("forget", "drop what is remembered of a request, a failure included")
    .argument("<REQUEST>")
    .action((text: string, options: CommonOptions) =>
      session.withEngine(options, (engine) => {
        const request = objectNamed(text);
        if (!engine.forget(request)) throw new UsageError(`nothing is remembered of request ${request}`);
      }),
    );
  command("stats", "print the store's figures")
    .option("--json", "as one JSON object")
    .action((options: CommonOptions & { readonly json?: true }) =>
      session.withEngine(options, (engine) => stats(session.printer, engine, options.json === true)),
    );
  return coppice;
}

function runningOptions(command: Command): Command {
  return command
    .option("--out <DIR>", "write the result there: a tree to a folder, a blob to a file; neither may be there yet")
    .option("--salt <TEXT>", "separates this run from what is remembered under another salt")
    .option("--json", "print one JSON object: the result's names, jobs and milliseconds, or the error")
    .option("--rerun", "execute the top request even if it is remembered, and compare")
    .option("--log", "print what guests log, on stderr");
}

async function fold(session: Session, text: string, options: FoldOptions): Promise<void> {
  await session.withEngine(options, async (engine) => {
    const post = workerNamed(engine, options.post);
    const pre = options.pre === undefined ? {} : { pre: workerNamed(engine, options.pre) };
    const startedMs = performance.now();
    const imported = await importNamed(engine, text);
    const importMs = performance.now() - startedMs;
    const result = await running(session, engine, options, (common) =>
      engine.fold({ in: imported.oid, post, ...pre, ...common }),
    );
    await finish(session, engine, result, importMs, options);
    if (imported.isWorkTree && options.json === undefined) await noteUntracked(session.printer, engine, text);
  });
}

async function run(session: Session, worker: string, texts: readonly string[], options: RunningOptions): Promise<void> {
  await session.withEngine(options, async (engine) => {
    const named = workerNamed(engine, worker);
    const startedMs = performance.now();
    const args = await argumentsNamed(engine, texts);
    const importMs = performance.now() - startedMs;
    const result = await running(session, engine, options, (common) => engine.run({ worker: named, args, ...common }));
    await finish(session, engine, result, importMs, options);
  });
}

/** Runs with progress and a Ctrl-C that ends the run and keeps what was computed; a second one ends the process. */
async function running(
  { printer }: Session,
  engine: Engine,
  { salt, rerun, log }: RunningOptions,
  start: (common: RunOptions) => Promise<RunResult>,
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
    return await withProgress(printer, engine, () => start(common));
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
): Promise<void> {
  const { printer } = session;
  const { request, outcome, cid, detail, jobs, ms } = result;
  if (outcome.kind === "failed") {
    const cause = detail === undefined ? "" : ` (${detail})`;
    const message = `request ${nameOf(printer, request)} failed: ${outcome.message}${cause}`;
    printError(printer, message);
    if (options.json) await write(printer.out, errorJson("failed", message));
    session.status = exitStatus.failed;
    return;
  }
  if (options.out !== undefined) {
    if (outcome.kind === "tree") await engine.checkout(outcome.oid, options.out);
    else writeFileSync(options.out, engine.get(outcome.oid).body, { flag: "wx" });
  }
  if (options.json) {
    const { executed, memoized } = jobs;
    const figures = { jobs: { executed, memoized }, ms: { import: importMs, run: ms } };
    await write(printer.out, `${JSON.stringify({ request, kind: outcome.kind, oid: outcome.oid, cid, ...figures })}\n`);
    return;
  }
  if (options.out === undefined) await printObject(printer, engine, outcome.oid);
  printNote(printer, `${summary(printer, result)}; ${outcome.kind} ${printer.cids ? cidOf(outcome.oid) : outcome.oid}`);
}

async function printObject(printer: Printer, engine: Engine, name: ReturnType<typeof objectNamed>): Promise<void> {
  const { kind, body } = engine.get(name);
  await write(printer.out, kind === "tree" ? listing(printer, engine.list(name)) : body);
}

async function noteUntracked(printer: Printer, engine: Engine, path: string): Promise<void> {
  const paths = await engine.untracked(path);
  if (paths === undefined) printNote(printer, "untracked files, if any, are left out");
  else if (paths.length > 0) printNote(printer, `left out, since git does not track them: ${shortList(paths)}`);
}

function shortList(paths: readonly string[]): string {
  const shown = paths.slice(0, 3).join(", ");
  return paths.length <= 3 ? shown : `${shown} and ${paths.length - 3} more`;
}

async function stats(printer: Printer, engine: Engine, isJson: boolean): Promise<void> {
  const { objects, memos, failed, quarantined, runs, bytes } = engine.stats();
  if (isJson) {
    await write(printer.out, `${JSON.stringify({ objects, memos, failed, quarantined, runs, bytes })}\n`);
    return;
  }
  const lines = [
    `objects  ${objects.blob} blobs, ${objects.tree} trees`,
    `memos    ${memos} (${failed} failed, ${quarantined} quarantined)`,
    `runs     ${runs}`,
    `size     ${(bytes / 1e6).toFixed(1)} MB`,
  ];
  await write(printer.out, `${lines.join("\n")}\n`);
}

function version(): string {
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}

const examples = `
Examples:
  $ coppice fold . --post language-stats          what this repository is written in
  $ coppice fold v1.0:src --post line-count       lines below src at a tag
  $ coppice fold . --post file-count --pre dirs-only
  $ coppice run line-count --in:@=README.md --children:hash=4b825dc642cb6eb9a060e54bf8d69288fbee4904
  $ coppice import HEAD
  $ coppice cat OID

Exit status: 0 a result, 1 a failed outcome or a cycle, 2 usage, 3 no answer (the machine, a missing object), 130 cancelled.
`;
