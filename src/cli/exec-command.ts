/**
 * `coppice exec`: a command over a tree. What it writes to stdout and stderr is written on byte for byte, and its exit status is ours; an error of Coppice's own is one sentence and 125, a file of the tree that can't be started 126, a command that is
 * not to be had 127, as container tools have it. Nothing of the machine is seen by the command but the tree, its arguments and the environment that stands here.
 */
import { isUtf8 } from "node:buffer";
import { readFileSync, statSync } from "node:fs";
import { posix } from "node:path";
import type { Command } from "commander";
import type { CommandOutput, CommandResult, Engine, Oid, RunResult } from "../engine.ts";
import { OversizeObject, objectBytesMax } from "../store/errors.ts";
import { addCommand, timeoutOption, type Commands } from "./command.ts";
import { UsageError, execStatus, errorJson } from "./exit.ts";
import { noteAsked } from "./last-asked.ts";
import { importNamed, isFolder, isPath, leftOutNotes, submoduleNotes } from "./naming.ts";
import { failureMessage, printError, printNote, write, type Printer } from "./output.ts";
import { executorCount, refuseTaken, running } from "./run-commands.ts";
import type { CommonOptions, RunningLimits, Session } from "./session.ts";

interface ExecOptions extends CommonOptions, RunningLimits {
  readonly C: string;
  readonly env?: readonly string[];
  readonly stdin?: string;
  readonly cwd?: string;
  readonly out?: string;
  readonly inPlace?: true;
  readonly json?: true;
  readonly salt?: string;
  readonly rerun?: true;
}

/** Bytes of stdout or stderr that `--json` shows as text. */
const jsonTextBytesMax = 65_536;

const execExamples = [
  "exec -- grep -rn TODO src                 in a copy of this folder; the same call is remembered",
  "exec -C HEAD -- wc -l README.md           in a tree as committed",
  "exec --in-place -- sed -i s/old/new/ a.txt   what it changed is written back",
  "exec --out sorted -- sort -o names.txt names.txt",
  "exec --stdin - --json -- jq .version < package.json",
];

/** By their first word. */
export const execCommands: Commands = {
  exec: (session, parent) => {
    // So that an option that stands after COMMAND is the command's.
    parent.enablePositionalOptions();
    execOptions(
      addCommand(
        parent,
        "exec",
        "run a command (grep, sort, sed, awk, jq, ...) over a tree, sealed: it sees a copy of the tree and nothing else; what it prints, its exit status and the tree it leaves are remembered",
        execExamples,
      ),
    ).action((command: string, args: string[], options: ExecOptions) => exec(session, [command, ...args], options));
  },
};

function execOptions(command: Command): Command {
  return command
    .argument(
      "<COMMAND>",
      "its name (`coppice tool list` shows those that are known), or the path of a script of the tree; PATH (--env) may name the tree's folders in front of /bin, where the commands are",
    )
    .argument("[ARG...]", "all that follows is the command's")
    .passThroughOptions()
    .option(
      "-C <PATH|REV:PATH|OID>",
      "the tree: a folder (in a git work tree without what git ignores, else with all that is in it), a path in a revision, or a tree of the store",
      ".",
    )
    .option(
      "--env <NAME=VALUE>",
      "a variable of its environment, beside PATH, HOME, PWD, LANG and TZ, which are always the same; may be given several times",
      (text: string, before: readonly string[] | undefined) => [...(before ?? []), text],
    )
    .option(
      "--stdin <FILE>",
      "what it reads from stdin: a file, or `-` for all of the stdin of this call (else nothing)",
    )
    .option("--cwd <DIR>", "the folder that it starts in, from the tree's root (else the root)")
    .option("--out <DIR>", "write the tree that it leaves there; nothing but an empty folder may be there")
    .option("--in-place", "write what it created, changed and deleted back to the folder that -C names")
    .option(
      "--json",
      "print one JSON object: request, exit, stdout, stderr, the tree's oid, and whether it was remembered",
    )
    .option("--salt <TEXT>", "separates this run from what is remembered under another salt")
    .option("--rerun", "execute it even if it is remembered, and compare")
    .option(
      "--jobs <N>",
      "executors that run jobs at a time (else one for each core); no result depends on it",
      executorCount,
    )
    .option(...timeoutOption);
}

async function exec(session: Session, argv: readonly string[], options: ExecOptions): Promise<void> {
  const folder = targetFolder(options);
  if (options.out !== undefined) refuseTaken(options.out);
  await session.withEngine(options, async (engine) => {
    const { printer } = session;
    const root = await treeNamed(session, engine, options.C);
    const { toolFolders } = await import("../tools/find-tool.ts");
    const { namedCommand } = await import("../tools/named-command.ts");
    const cwd = posix.resolve("/", options.cwd ?? "");
    const stdin = await stdinNamed(options.stdin);
    const env = environmentNamed(options.env);
    const named = namedCommand(engine, toolFolders(process.cwd()), { argv, in: root, cwd, env, stdin });
    const written = new ShownOutput(printer);
    const onOutput = options.json === true ? {} : { onOutput: (output: CommandOutput) => written.take(output) };
    const result = await running(session, engine, { ...options, progress: false }, (common) =>
      named.run({ ...common, ...onOutput }),
    );
    if (result.run === undefined) noteAsked(session.storePath(options), result.request);
    if (result.outcome.kind === "failed") {
      const message = failureMessage(printer, result, result.outcome);
      printError(printer, message);
      if (options.json) await write(printer.out, errorJson("failed", message));
      session.status = execStatus.noAnswer;
      return;
    }
    const said = named.resultOf(result.outcome.oid);
    const keep = async () => {
      if (options.out !== undefined) await engine.checkout(said.out, options.out);
      if (folder !== undefined && said.out !== root) await engine.writeBack(folder, root, said.out);
    };
    if (options.json) {
      await keep();
      await write(printer.out, `${JSON.stringify(execJson(engine, result, said))}\n`);
    } else {
      await write(printer.out, engine.get(said.stdout).body.subarray(written.bytes.stdout));
      await write(printer.err, engine.get(said.stderr).body.subarray(written.bytes.stderr));
      await keep();
    }
    session.status = said.exit;
  });
}

/** What of a command's output was written on while it ran. An executor that died begins again, and what it says then is shown already. */
class ShownOutput {
  readonly bytes = { stdout: 0, stderr: 0 };
  readonly #printer: Printer;

  constructor(printer: Printer) {
    this.#printer = printer;
  }

  take({ stream, at, bytes }: CommandOutput): void {
    const known = this.bytes[stream] - at;
    if (known < 0 || known >= bytes.length) return;
    (stream === "stdout" ? this.#printer.out : this.#printer.err).write(bytes.subarray(known));
    this.bytes[stream] = at + bytes.length;
  }
}

/** The folder that `--in-place` writes to. */
function targetFolder({ C: text, inPlace, out }: ExecOptions): string | undefined {
  if (inPlace === undefined) return undefined;
  if (out !== undefined) throw new UsageError("--out and --in-place exclude each other");
  if (!isFolder(text)) throw new UsageError(`--in-place writes to a folder, and ${JSON.stringify(text)} is none`);
  return text;
}

async function treeNamed({ printer }: Session, engine: Engine, text: string): Promise<Oid> {
  if (isPath(text) && isFolder(text)) {
    const imported = await engine.importFolder(text);
    for (const note of leftOutNotes(imported)) printNote(printer, note);
    return imported.oid;
  }
  const { kind, oid, submodules } = await importNamed(engine, text, "borrowing");
  if (kind !== "tree") throw new UsageError(`-C wants a tree, and ${JSON.stringify(text)} is a ${kind}`);
  for (const note of submoduleNotes(submodules)) printNote(printer, note);
  return oid;
}

/** Rejects with OversizeObject for more than the store takes, before all of it is read. */
async function stdinNamed(text: string | undefined): Promise<Uint8Array> {
  if (text === undefined) return new Uint8Array();
  if (text !== "-") {
    const found = statSync(text);
    if (found.isDirectory()) throw new UsageError(`--stdin wants a file, and ${JSON.stringify(text)} is a folder`);
    const { size } = found;
    if (size > objectBytesMax) throw new OversizeObject(size);
    return readFileSync(text);
  }
  // By its stream: a pipe may be one that does not block, and reading that at once fails while it is empty.
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > objectBytesMax) throw new OversizeObject(bytes);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function environmentNamed(texts: readonly string[] = []): Readonly<Record<string, string>> {
  return Object.fromEntries(
    texts.map((text) => {
      const equals = text.indexOf("=");
      if (equals < 1) throw new UsageError(`--env wants NAME=VALUE, not ${JSON.stringify(text)}`);
      return [text.slice(0, equals), text.slice(equals + 1)];
    }),
  );
}

function execJson(engine: Engine, { request, jobs, run }: RunResult, { exit, stdout, stderr, out }: CommandResult) {
  return {
    request,
    exit,
    stdout: shown(engine, stdout),
    stderr: shown(engine, stderr),
    out,
    remembered: run === undefined,
    executed: jobs.executed,
  };
}

/** Text, or where the bytes are found that are none, or many. */
function shown(engine: Engine, name: Oid): string | { readonly oid: Oid; readonly bytes: number } {
  const { body } = engine.get(name);
  if (body.length > jsonTextBytesMax || !isUtf8(body)) return { oid: name, bytes: body.length };
  return Buffer.from(body).toString("utf8");
}
