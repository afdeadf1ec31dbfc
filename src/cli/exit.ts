/** What an error means to whoever called the command: the kind in `--json`, the exit status, and one sentence. */
import { CommanderError } from "commander";
import {
  CorruptObject,
  MalformedArgs,
  MalformedRequest,
  MissingObject,
  NoStandardLibrary,
  NonAnswerError,
  NothingRemembered,
  OversizeBundle,
  OversizeObject,
  QuarantinedMemo,
  StaleRun,
  StaleStore,
  StoreFailure,
  UnfitBundle,
  UnfitScript,
  UnfitWorker,
  UnknownWorker,
} from "../engine.ts";
import { CommandNotFound, UnfitTool, UnstartableFile } from "../tools/tool-errors.ts";

export type ErrorKind = "failed" | "usage" | "host" | "missing" | "divergent" | "cycle" | "cancelled";

/** The one table of exit statuses; 0 is a result. The README shows it. */
export const exitStatus = {
  failed: 1,
  cycle: 1,
  usage: 2,
  host: 3,
  missing: 3,
  divergent: 4,
  cancelled: 130,
} as const satisfies Record<ErrorKind, number>;
/** `exec` ends with the status of its command; what is no answer of a command has the statuses that container tools give. The README shows these, too. */
export const execStatus = { noAnswer: 125, notStarted: 126, notFound: 127, cancelled: exitStatus.cancelled } as const;

/** The status that `exec` ends with for an error of this kind. */
export function execStatusOf(error: unknown, kind: ErrorKind): number {
  if (error instanceof CommandNotFound) return execStatus.notFound;
  if (error instanceof UnstartableFile) return execStatus.notStarted;
  return kind === "cancelled" ? execStatus.cancelled : execStatus.noAnswer;
}

/** A bug of ours (EX_SOFTWARE of sysexits). */
export const bugStatus = 70;

/** Bytes can't be written to where they were to go: the disk is full, say. */
export class OutputFailure extends Error {
  override readonly name = "OutputFailure";
  constructor(place: string, cause: Error) {
    super(`can't write to ${place}: ${wordsOf(cause)}`, { cause });
  }
}

/** Ctrl-C, where something else is to be said than of a run, which goes on from what it has computed. */
export class Cancelled extends Error {
  override readonly name = "Cancelled";
}

/** Input that can't be used: said in one sentence, nothing done. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

const usageErrors = [
  UsageError,
  CommanderError,
  UnknownWorker,
  MalformedArgs,
  MalformedRequest,
  NothingRemembered,
  UnfitBundle,
  UnfitScript,
  UnfitWorker,
  CommandNotFound,
  UnfitTool,
  UnstartableFile,
] as const;
const hostErrors = [
  OutputFailure,
  StoreFailure,
  CorruptObject,
  StaleStore,
  OversizeBundle,
  StaleRun,
  OversizeObject,
  NoStandardLibrary,
] as const;
/** System calls that fail because of what the user named, rather than the machine's state. */
const pathFaults = new Set([
  "ENOENT",
  "ENOTDIR",
  "EISDIR",
  "EEXIST",
  "EACCES",
  "EPERM",
  "ELOOP",
  "ENAMETOOLONG",
  "ENOTEMPTY",
  "EROFS",
]);

/** The kind of an error that can be told to a user; undefined for a bug. */
export async function kindOfError(error: unknown): Promise<ErrorKind | undefined> {
  if (error instanceof NonAnswerError) {
    return error.answer.kind === "quarantine" ? "divergent" : error.answer.kind;
  }
  if (error instanceof Cancelled) return "cancelled";
  if (usageErrors.some((each) => error instanceof each)) return "usage";
  if (error instanceof MissingObject) return "missing";
  if (error instanceof QuarantinedMemo) return "divergent";
  if (hostErrors.some((each) => error instanceof each)) return "host";
  // Loaded only now: most commands import nothing.
  const { importFault } = await import("../importing.ts");
  const fault = importFault(error);
  if (fault !== undefined) return fault;
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  if (code === undefined || (error as NodeJS.ErrnoException).syscall === undefined) return undefined;
  return pathFaults.has(code) ? "usage" : "host";
}

/** What an error says to a person. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof CommanderError) return error.message.replace(/^error: /, "");
  if (error instanceof NonAnswerError && error.answer.kind === "cancelled") {
    return "cancelled; what was computed is kept, and the same command goes on from there";
  }
  if (error instanceof NonAnswerError && error.answer.kind === "host" && error.answer.stoppedAfterMs !== undefined) {
    return `${error.message}; --timeout SECONDS lets it run longer`;
  }
  const { path, syscall } = error as NodeJS.ErrnoException;
  if (syscall === undefined) return error.message;
  return path === undefined ? wordsOf(error) : `${path}: ${wordsOf(error)}`;
}

/** The system's words, without its codes: "ENOENT: no such file or directory, open 'x'" holds "no such file or directory". */
function wordsOf({ message }: Error): string {
  return /^[A-Z0-9]+: ([^,]+), /.exec(message)?.[1] ?? message;
}

/** One line for a person: whatever a message holds, it can't break out of its line or steer a terminal. */
export function sentence(text: string): string {
  // eslint-disable-next-line no-control-regex
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f]+/g, " ").trim();
}

/** What `--json` prints in place of a result, with what else is known. */
export function errorJson(kind: ErrorKind, message: string, more: object = {}): string {
  return `${JSON.stringify({ error: { kind, message: sentence(message) }, ...more })}\n`;
}
