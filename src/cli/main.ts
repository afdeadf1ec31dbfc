/** The command line: parses, has a command done, reports. The commands stand in files by what they do; what an exit status means stands in exit.ts. */
import { Command, CommanderError } from "commander";
import { version } from "./version.ts";
import { bundleCommands } from "./bundle-commands.ts";
import { examplesText, type Commands } from "./command.ts";
import {
  OutputFailure,
  UsageError,
  bugStatus,
  errorJson,
  execStatusOf,
  exitStatus,
  kindOfError,
  messageOf,
} from "./exit.ts";
import { execCommands } from "./exec-command.ts";
import { explainCommands } from "./explain-commands.ts";
import { mcpCommands } from "./mcp-commands.ts";
import { isFolder } from "./naming.ts";
import { printError, write, type Printer } from "./output.ts";
import { runCommands } from "./run-commands.ts";
import { Session } from "./session.ts";
import { isColourful, readSettings } from "./settings.ts";
import { storeCommands } from "./store-commands.ts";
import { toolCommands } from "./tool-commands.ts";
import { verifyCommands } from "./verify-command.ts";

const commands: Commands = {
  ...runCommands,
  ...execCommands,
  ...storeCommands,
  ...explainCommands,
  ...verifyCommands,
  ...bundleCommands,
  ...mcpCommands,
  ...toolCommands,
};

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
    return report(error, printer, argv);
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

async function report(error: unknown, printer: Printer, argv: readonly string[]): Promise<number> {
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
  if (wantsJson(argv)) {
    try {
      await write(printer.out, errorJson(kind, message));
    } catch (failure) {
      if (!(failure instanceof OutputFailure)) throw failure;
      if (!(error instanceof OutputFailure)) printError(printer, failure.message);
    }
  }
  return isExec(argv) ? execStatusOf(error, kind) : exitStatus[kind];
}

/** Whether the command is `exec`, whose errors have statuses of their own. */
function isExec(argv: readonly string[]): boolean {
  let at = 0;
  while (argv[at] === "-C") at += 2;
  return argv[at] === "exec";
}

/** What follows `--` is not ours. */
function wantsJson(argv: readonly string[]): boolean {
  const end = isExec(argv) ? argv.indexOf("--") : -1;
  return argv.slice(0, end < 0 ? argv.length : end).includes("--json");
}

/** The parser for `words`: with the one command that they name, since making the others takes 2 ms, else with all. */
function program(session: Session, words: readonly string[]): Command {
  const coppice = new Command("coppice")
    .description("A deterministic, content-addressed compute engine: sealed jobs over git trees, remembered for ever.")
    .version(version())
    .exitOverride((error) => {
      throw misplacedOption(coppice, words, error) ?? error;
    })
    .showSuggestionAfterError()
    // `report` prints errors, the parser's like all others.
    .configureOutput({ outputError: () => undefined })
    .addHelpText("after", () => `${examplesText(examples)}\n\nExit status: ${exitText}`);
  const named = Object.entries(commands).filter(([name]) => name === words[0]);
  // Only to be shown: `enterFolders` has taken it away.
  if (named.length === 0) coppice.option("-C <DIR>", "run as if started in DIR; stands before the command");
  for (const [, add] of named.length > 0 ? named : Object.entries(commands)) add(session, coppice);
  return coppice;
}

/** Undefined but for an option that a command has, and that stands before it. */
function misplacedOption(coppice: Command, words: readonly string[], error: CommanderError): UsageError | undefined {
  const [, option = ""] = /^error: unknown option '(--?[^'=]+)/.exec(error.message) ?? [];
  if (error.code !== "commander.unknownOption" || words[0]?.startsWith("-") !== true) return undefined;
  const isKnown = ({ options, commands: inner }: Command): boolean =>
    options.some((each) => each.short === option || each.long === option) || inner.some(isKnown);
  if (!coppice.commands.some(isKnown)) return undefined;
  return new UsageError(`option '${option}' stands behind the command: coppice COMMAND ${option} ...`);
}

const exitText =
  "0 a result, 1 a failed outcome or a cycle, 2 usage, 3 no answer (the machine, a missing object), 4 two executions differed, 70 a bug of Coppice, 130 cancelled; `exec` ends with its command's.";

const examples = [
  "fold . --post language-stats             what this repository is written in",
  "fold HEAD --post line-count              lines as committed; HEAD:src, below src",
  "fold . --post file-count --pre dirs-only --json",
  "run line-count --in:@=README.md --children:hash=4b825dc642cb6eb9a060e54bf8d69288fbee4904",
  "exec -- wc -l README.md                  a command over a copy of this folder, remembered",
  "import HEAD",
  "cat OID",
  "explain --last                           why that ran, or did not",
];
