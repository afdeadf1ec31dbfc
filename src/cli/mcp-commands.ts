/** Commands for programs that call tools: `mcp` serves them, `replay-calls` repeats what was called. What they do is loaded when they are called. */
import { realpathSync } from "node:fs";
import { dirname, isAbsolute, relative, resolve, sep } from "node:path";
import type { ReplayedCalls } from "../server/replay-calls.ts";
import { addCommand, timeoutOption, type Commands } from "./command.ts";
import { UsageError, exitStatus, sentence } from "./exit.ts";
import { isFolder } from "./naming.ts";
import { printError, printNote, write } from "./output.ts";
import { executorCount } from "./run-commands.ts";
import type { CommonOptions, RunningLimits, Session } from "./session.ts";
import { version } from "./version.ts";

interface ServingOptions extends CommonOptions, RunningLimits {
  readonly root?: string;
  readonly checkoutRoot?: string;
  readonly transcript?: string;
}

interface ReplayingOptions extends CommonOptions, RunningLimits {
  readonly json?: true;
}

const mcpExamples = [
  "mcp --root .                             what a client may import is below this folder",
  "mcp --root . --checkout-root ../out --transcript ../calls.jsonl",
];
const replayExamples = ["replay-calls calls.jsonl", "replay-calls calls.jsonl --store empty.sqlite --json"];
const jobsText = "executors that run jobs at a time (else one for each core); no result depends on it";

/** By their first word. */
export const mcpCommands: Commands = {
  mcp: (session, parent) => {
    addCommand(
      parent,
      "mcp",
      "serve the Model Context Protocol on stdin and stdout: tools over trees, for clients that call tools",
      mcpExamples,
    )
      .option("--root <DIR>", "what clients may import is below DIR (else nothing is)")
      .option("--checkout-root <DIR>", "clients may write trees to new folders below DIR (else nowhere)")
      .option("--transcript <FILE>", "append each call and its answer to FILE, for `coppice replay-calls`")
      .option("--jobs <N>", jobsText, executorCount)
      .option(...timeoutOption)
      .action((options: ServingOptions) => mcp(session, options));
  },
  "replay-calls": (session, parent) => {
    addCommand(
      parent,
      "replay-calls",
      "repeat the calls of a transcript in order, and compare what they come to",
      replayExamples,
    )
      .argument("<FILE>", "what `coppice mcp --transcript` wrote")
      .option("--jobs <N>", jobsText, executorCount)
      .option(...timeoutOption)
      .option("--json", "print one JSON object: what came of it, or the error")
      .action((file: string, options: ReplayingOptions) => replayCalls(session, file, options));
  },
};

async function mcp(session: Session, options: ServingOptions): Promise<void> {
  const folders = {
    root: folderNamed("--root", options.root),
    checkoutRoot: folderNamed("--checkout-root", options.checkoutRoot),
  };
  const transcriptFile = transcriptNamed(options.transcript, folders.root);
  const { printer } = session;
  const { serve } = await import("../server/serve.ts");
  const { toolFolders } = await import("../tools/find-tool.ts");
  await untilStopped(session, ["SIGINT", "SIGTERM"], (signal) =>
    session.withEngine(options, async (engine) => {
      const log = (line: string) => void printer.err.write(`coppice mcp: ${line}\n`);
      const places = { folders, toolFolders: toolFolders(process.cwd()) };
      const serving = { engine, ...places, version: version(), in: process.stdin, out: printer.out, signal, log };
      if (transcriptFile === undefined) return serve(serving);
      const { TranscriptWriter } = await import("../server/transcript.ts");
      const transcript = new TranscriptWriter(engine, transcriptFile);
      try {
        await serve({ ...serving, record: (call, answer) => transcript.record(call, answer) });
      } finally {
        transcript.close();
      }
    }),
  );
}

async function replayCalls(session: Session, file: string, options: ReplayingOptions): Promise<void> {
  const { printer } = session;
  const replaying = await import("../server/replay-calls.ts");
  const { toolFolders } = await import("../tools/find-tool.ts");
  await untilStopped(session, ["SIGINT"], (signal) =>
    session.withEngine(options, async (engine) => {
      const replayed = await replaying.replayCalls({ engine, toolFolders: toolFolders(process.cwd()), signal }, file);
      const { first } = replayed;
      const { isCutShort } = await import("../server/transcript.ts");
      if (isCutShort(file)) printNote(printer, `${file} ends within a line, which is no call and was left out`);
      if (options.json === true) await write(printer.out, `${JSON.stringify(figures(replayed))}\n`);
      else await write(printer.out, `${first === undefined ? "same" : "different"}: ${summaryOf(replayed)}\n`);
      if (first === undefined) return;
      session.status = exitStatus.divergent;
      printError(
        printer,
        `call ${first.call} (${first.tool}) differs: recorded is ${first.recorded}, here is ${first.here}`,
      );
    }),
  );
}

/** Runs `work` with a signal that these abort; a second one ends the process. */
async function untilStopped(
  session: Session,
  stops: readonly NodeJS.Signals[],
  work: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const abort = new AbortController();
  const stop = () => {
    if (abort.signal.aborted) process.exit(exitStatus.cancelled);
    session.status = exitStatus.cancelled;
    abort.abort();
  };
  for (const each of stops) process.on(each, stop);
  try {
    await work(abort.signal);
  } finally {
    for (const each of stops) process.off(each, stop);
  }
}

function folderNamed(option: string, text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  if (!isFolder(filled(option, text))) throw new UsageError(`${option} ${text}: there is no such folder`);
  return realpathSync(resolve(text));
}

/** Where a transcript is written: not where an import would find it, and be another tree after each call. */
function transcriptNamed(text: string | undefined, root: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const file = resolve(filled("--transcript", text));
  if (!isFolder(dirname(file))) throw new UsageError(`--transcript ${text}: there is no folder ${dirname(text)}`);
  const inside = root === undefined ? ".." : relative(root, realpathSync(dirname(file)));
  if (!isAbsolute(inside) && inside.split(sep)[0] !== "..")
    throw new UsageError(
      `--transcript ${text} is below --root, so each import would find it changed; name another place`,
    );
  return file;
}

function filled(option: string, text: string): string {
  if (text === "") throw new UsageError(`${option} wants a path, and it is empty`);
  return text;
}

function summaryOf({ calls, compared, passedBy, executed, remembered }: ReplayedCalls): string {
  const jobs = `${executed} ${executed === 1 ? "job" : "jobs"} executed, ${remembered} remembered`;
  const { checkout, refused, unanswered } = passedBy;
  const others = [
    ...(checkout === 0 ? [] : [`${checkout} wrote to a folder`]),
    ...(refused === 0 ? [] : [`${refused} ${refused === 1 ? "was" : "were"} refused`]),
    ...(unanswered === 0 ? [] : [`${unanswered} came to no answer`]),
  ];
  const why = others.length === 0 ? "" : ` (${others.join(", ")})`;
  return `${compared} of ${calls} ${calls === 1 ? "call" : "calls"} compared${why}, ${jobs}`;
}

function figures({ calls, compared, passedBy, executed, remembered, first }: ReplayedCalls) {
  const difference = first === undefined ? {} : { first: { ...first, here: sentence(first.here) } };
  return { same: first === undefined, calls, compared, passedBy, jobs: { executed, remembered }, ...difference };
}
