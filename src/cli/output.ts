/** What the command prints: results on stdout, everything else on stderr; colour and a progress line only where stderr is a terminal. */
import type { WriteStream } from "node:tty";
import {
  cidOf,
  type Engine,
  type Failure,
  type Oid,
  type Result,
  type Run,
  type RunResult,
  type TreeEntry,
} from "../engine.ts";
import { encodeName } from "../store/tree.ts";
import { OutputFailure, sentence } from "./exit.ts";

export interface Printer {
  readonly out: NodeJS.WriteStream;
  readonly err: NodeJS.WriteStream;
  readonly isColourful: boolean;
  /** Print CIDs where oids stand otherwise. */
  readonly cids: boolean;
}

/** Work shorter than this shows no progress. */
const progressAfterMs = 500;

export function printError({ err, isColourful }: Printer, message: string): void {
  const label = isColourful && err.isTTY ? "\u001b[31merror:\u001b[0m" : "error:";
  err.write(`${label} ${sentence(message)}\n`);
}

export function printNote({ err, isColourful }: Printer, message: string): void {
  const text = sentence(message);
  err.write(isColourful && err.isTTY ? `\u001b[2m${text}\u001b[0m\n` : `${text}\n`);
}

/** An object's name as the user asked for it. */
export function nameOf({ cids }: Pick<Printer, "cids">, name: Oid): string {
  return cids ? cidOf(name) : name;
}

/** A tree as `git ls-tree` prints it. */
export function listing(printer: Pick<Printer, "cids">, entries: readonly TreeEntry[]): string {
  return entries
    .map(({ mode, name, oid }) => {
      const kind = mode === "40000" ? "tree" : mode === "160000" ? "commit" : "blob";
      return `${mode.padStart(6, "0")} ${kind} ${nameOf(printer, oid)}\t${quotedName(name)}\n`;
    })
    .join("");
}

/** As git quotes a name unless core.quotePath is false, so that each entry is one line that can be read back. */
export function quotedName(name: string): string {
  if (/^[ !#-[\]-~]*$/.test(name)) return name;
  const quoted = [...encodeName(name)].map((byte) => {
    const character = String.fromCharCode(byte);
    const escape = escapes[character];
    if (escape !== undefined) return escape;
    return byte < 0x20 || byte > 0x7e ? `\\${byte.toString(8).padStart(3, "0")}` : character;
  });
  return `"${quoted.join("")}"`;
}

const escapes: Readonly<Record<string, string>> = {
  "\u0007": String.raw`\a`,
  "\b": String.raw`\b`,
  "\t": String.raw`\t`,
  "\n": String.raw`\n`,
  "\v": String.raw`\v`,
  "\f": String.raw`\f`,
  "\r": String.raw`\r`,
  '"': String.raw`\"`,
  "\\": String.raw`\\`,
};

/** Writes bytes to stdout and waits until they are taken, since the process may end after. Rejects with OutputFailure. */
export function write(out: NodeJS.WriteStream, bytes: string | Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    out.write(bytes, (error) => {
      // Whoever reads from us may stop early; that is their right.
      if (error && (error as NodeJS.ErrnoException).code !== "EPIPE") reject(new OutputFailure("stdout", error));
      else resolve();
    });
  });
}

/** A blob's bytes, or a tree's listing. Rejects with OutputFailure; throws MissingObject. */
export async function printObject(printer: Printer, engine: Engine, name: Oid): Promise<void> {
  const { kind, body } = engine.get(name);
  await write(printer.out, kind === "tree" ? listing(printer, engine.list(name)) : body);
  // What is said next would stand in the same line for a person, and nobody else is told of a newline that is not there.
  const isOpenLine = kind === "blob" && body.length > 0 && body.at(-1) !== 0x0a;
  if (isOpenLine && (printer.out as { isTTY?: boolean }).isTTY === true) await write(printer.out, "\n");
}

/** What is said of a run that failed. */
export function failureMessage(printer: Printer, { request, detail }: RunResult, { message }: Failure): string {
  const cause = detail === undefined ? "" : ` (${detail})`;
  return `request ${nameOf(printer, request)} failed: ${message}${cause}`;
}

/** What `--json` says of a result. */
export function resultFigures({ request, cid, jobs, ms }: RunResult, { kind, oid }: Result, importMs: number) {
  const { executed, memoized } = jobs;
  const figures = { jobs: { executed, memoized }, ms: { import: roundedMs(importMs), run: roundedMs(ms) } };
  return { request, kind, oid, cid, ...figures };
}

/** To the microsecond. */
function roundedMs(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}

/** A text that can't break out of its line or steer a terminal, its spaces kept. */
export function oneLine(text: string): string {
  return text.replaceAll(/\p{Cc}+/gu, " ");
}

/** The first few of many texts, and how many more there are. */
export function shortList(texts: readonly string[], count = texts.length): string {
  const shown = texts.slice(0, 3).join(", ");
  return count <= 3 ? shown : `${shown} and ${count - 3} more`;
}

/** One sentence of what ran. */
export function summary(printer: Printer, { jobs, ms, request }: RunResult): string {
  const rate = jobs.executed > 0 ? ` (${Math.round((jobs.executed / Math.max(ms, 0.001)) * 1000)} jobs/s)` : "";
  return `${jobs.executed} ${jobs.executed === 1 ? "job" : "jobs"} executed, ${jobs.memoized} remembered, ${ms.toFixed(1)} ms${rate}; request ${nameOf(printer, request)}`;
}

/** Shows jobs and jobs/s on stderr while a run goes on, if that is a terminal. */
export async function withProgress({ err }: Printer, run: Run): Promise<RunResult> {
  if (!err.isTTY) return run;
  const terminal: WriteStream = err;
  const startedMs = performance.now();
  let jobs = 0;
  let isShown = false;
  const show = () => {
    const elapsedMs = performance.now() - startedMs;
    isShown = true;
    terminal.write(`\r\u001b[K${jobs} jobs, ${Math.round((jobs / elapsedMs) * 1000)} jobs/s`);
  };
  // By then there may have been no event: a job that takes long tells nothing before it has ended.
  const first = setTimeout(show, progressAfterMs);
  try {
    for await (const event of run.events) {
      if (event.type !== "progress") continue;
      jobs = event.executed;
      if (isShown) show();
    }
    return await run;
  } finally {
    clearTimeout(first);
    if (isShown) terminal.write("\r\u001b[K");
  }
}
