/** Commands that take a request elsewhere: `bundle` writes all that it needs to one file, `replay` runs that file and compares. */
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { setImmediate as breathe } from "node:timers/promises";
import {
  NonAnswerError,
  replayBundle,
  type Outcome,
  type Replay,
  type ReplayDifference,
  type ReplayOptions,
} from "../engine.ts";
import { addCommand, examplesText, timeoutOption, type Commands } from "./command.ts";
import { Cancelled, OutputFailure, UsageError, exitStatus } from "./exit.ts";
import { isFolder, isPath, requestNamed } from "./naming.ts";
import { printError, printNote, write } from "./output.ts";
import { executorCount } from "./run-commands.ts";
import type { CommonOptions, RunningLimits, Session } from "./session.ts";

/** Bytes that are written at a time. */
const pieceBytes = 1 << 20;

const bundleExamples = ["bundle REQUEST request.car"];
const replayExamples = ["replay request.car", "replay request.car --store kept.sqlite --json"];

const inexactText =
  "the jobs went as recorded, but the file is not the bundle that they make: it holds objects that none of them needs, or lacks some that they make anew";

interface ReplayingOptions extends RunningLimits {
  readonly store?: string;
  readonly json?: true;
  readonly log?: true;
}

/** By their first word. */
export const bundleCommands: Commands = {
  bundle: (session, parent) => {
    addCommand(
      parent,
      "bundle",
      "write a remembered request, all that its jobs read, and what they came to, to one file that `coppice replay` runs anywhere",
      bundleExamples,
    )
      .argument("<REQUEST>", "the request's oid or CID, as `run` and `fold` print it")
      .argument("<FILE>", "a file that is not there yet; it becomes a CAR file")
      .option("--json", "print one JSON object: what the file holds, or the error")
      .action((text: string, file: string, options: CommonOptions & { readonly json?: true }) =>
        bundle(session, text, file, options),
      );
  },
  replay: (session, parent) => {
    parent
      .command("replay")
      .description(
        "run a bundle's request with nothing remembered, and compare what each job comes to with the bundle; no store, repository or network is used",
      )
      .addHelpText("after", examplesText(replayExamples))
      .argument("<FILE>", "what `coppice bundle` wrote")
      .option("--store <FILE>", "keep the replay's store in a file that is not there yet (else a temporary one)")
      .option("--jobs <N>", "executors that run jobs at a time (else one for each core)", executorCount)
      .option(...timeoutOption)
      .option("--json", "print one JSON object: what came of it, or the error")
      .option("--log", "print what guests log, on stderr")
      .action((file: string, options: ReplayingOptions) => replay(session, file, options));
  },
};

async function bundle(
  session: Session,
  text: string,
  file: string,
  options: CommonOptions & { readonly json?: true },
): Promise<void> {
  if (file === "") throw new UsageError("bundle wants a file's path, and it is empty");
  if (!isFolder(dirname(resolve(file))))
    throw new UsageError(`${file}: there is no folder ${dirname(file)} to write to`);
  if (isPath(file)) throw new UsageError(`${file} is there already`);
  await session.withStore(options, async (engine) => {
    const { request, root, jobs, objects, bytes } = await engine.bundle(requestNamed(engine, text));
    const length = await writeWhole(file, bytes);
    if (options.json) {
      const held = { request, root, jobs, objects, bytes: length, file };
      await write(session.printer.out, `${JSON.stringify(held)}\n`);
    } else printNote(session.printer, `${counted(jobs, "job")}, ${counted(objects, "object")}, ${length} bytes`);
  });
}

/** Writes a file under another name, and gives it its own when it is whole. Returns its length. */
async function writeWhole(file: string, bytes: Iterable<Uint8Array>): Promise<number> {
  // As long as no other name would be too long.
  const part = join(dirname(file), `.coppice-${process.pid}`);
  let isCancelled = false;
  const stop = () => {
    isCancelled = true;
  };
  process.on("SIGINT", stop);
  let length = 0;
  try {
    const fd = openSync(part, "wx");
    try {
      for (const piece of piecesOf(bytes)) {
        writePiece(fd, file, piece);
        length += piece.length;
        await breathe();
        if (isCancelled) throw new Cancelled("cancelled; no file is left");
      }
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    if (isPath(file)) throw new UsageError(`${file} is there already`);
    renameSync(part, file);
    return length;
  } catch (error) {
    rmSync(part, { force: true });
    const { path } = error as NodeJS.ErrnoException;
    // Nobody else knows the other name.
    throw path === part ? Object.assign(error as Error, { path: file }) : error;
  } finally {
    process.off("SIGINT", stop);
  }
}

function* piecesOf(bytes: Iterable<Uint8Array>): Iterable<Uint8Array> {
  let waiting: Uint8Array[] = [];
  let length = 0;
  for (const each of bytes) {
    waiting.push(each);
    length += each.length;
    if (length < pieceBytes) continue;
    yield Buffer.concat(waiting);
    waiting = [];
    length = 0;
  }
  if (length > 0) yield Buffer.concat(waiting);
}

function writePiece(fd: number, path: string, piece: Uint8Array): void {
  try {
    for (let at = 0; at < piece.length;) at += writeSync(fd, piece, at);
  } catch (error) {
    throw new OutputFailure(path, error as Error);
  }
}

async function replay(session: Session, file: string, options: ReplayingOptions): Promise<void> {
  const { printer } = session;
  const { store, jobs, timeout, log, json } = options;
  if (store === "") throw new UsageError("--store wants a file's path, and it is empty");
  if (store !== undefined && isPath(store))
    throw new UsageError(`${store} is there already; a replay starts from nothing`);
  const abort = new AbortController();
  const stop = () => {
    if (abort.signal.aborted) process.exit(exitStatus.cancelled);
    abort.abort();
  };
  process.on("SIGINT", stop);
  const replaying: ReplayOptions = {
    signal: abort.signal,
    ...(store === undefined ? {} : { store }),
    ...(jobs === undefined ? {} : { executors: jobs }),
    ...(timeout === undefined ? {} : { wallClockMsMax: timeout * 1000 }),
    ...(log === undefined ? {} : { onLog: ({ line }) => printNote(printer, line) }),
  };
  try {
    const replayed = await replayBundle(file, replaying);
    if (json === true) await write(printer.out, `${JSON.stringify(figures(replayed))}\n`);
    const { first, differing } = replayed;
    if (first === undefined) {
      if (json !== true) await write(printer.out, `same: ${summaryOf(replayed)}\n`);
      if (replayed.isExact === true) return;
      session.status = exitStatus.divergent;
      printError(printer, inexactText);
      return;
    }
    session.status = exitStatus.divergent;
    if (json !== true) await write(printer.out, `different: ${summaryOf(replayed)}\n`);
    printError(printer, `${counted(differing, "job")} of the replay went otherwise than recorded; ${told(first)}`);
  } catch (error) {
    if (!(error instanceof NonAnswerError) || error.answer.kind !== "cancelled") throw error;
    throw new Cancelled("cancelled; a replay starts from nothing, and nothing of this one is kept", { cause: error });
  } finally {
    process.off("SIGINT", stop);
  }
}

function summaryOf({ jobs, outcome }: Replay): string {
  return `${counted(jobs, "job")}, ${outcomeText(outcome)}`;
}

/** A difference in one clause. */
function told({ request, worker, recorded, replayed, where }: ReplayDifference): string {
  const job = `request ${request} (${worker})`;
  if (recorded === undefined) return `${job} is not in the record, and was asked for here`;
  if (replayed === undefined) return `${job} is in the record, and nobody asked for it here`;
  const [before, after] = [outcomeText(recorded.outcome), outcomeText(replayed.outcome)];
  if (before === after)
    return `${job} spent ${recorded.fuel} fuel as recorded and ${replayed.fuel} here, for the same ${before}`;
  const first = where === undefined ? "" : `, which differ first ${where}`;
  return `the first to look at is ${job}: recorded is ${before}, here it is ${after}${first}`;
}

function outcomeText(outcome: Outcome): string {
  return outcome.kind === "failed" ? `failed (${outcome.code}): ${outcome.message}` : `${outcome.kind} ${outcome.oid}`;
}

function figures({ request, outcome, jobs, counts, differing, first, isExact, ms }: Replay) {
  return {
    same: first === undefined,
    request,
    outcome,
    jobs: { recorded: jobs, executed: counts.executed, differing },
    ...(first === undefined ? {} : { first }),
    exact: isExact,
    ms: Math.round(ms * 1000) / 1000,
  };
}

function counted(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? "" : "s"}`;
}
