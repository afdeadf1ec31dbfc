/**
 * What was asked for last and remembered, for `--last`. A run that a memo answers writes nothing to the store, since a commit costs a sync of the disk; so the request stands in a file beside it, `STORE-last`, whose time says
 * when. It is told to people and nothing else: losing it loses nothing.
 */
import { closeSync, constants, openSync, readFileSync, statSync, writeSync } from "node:fs";
import { parseOid, type Engine, type Oid } from "../engine.ts";

const fileOf = (store: string) => `${store}-last`;

export interface LastAsked {
  readonly request: Oid;
  /** Milliseconds since 1970; undefined when the run has a record, which says so itself. */
  readonly askedMs: number | undefined;
}

/** Notes a request that a memo answered. Where it can't be written, `--last` tells of what was asked for before. */
export function noteAsked(store: string, request: Oid): void {
  try {
    // Written over: to cut a file short makes some file systems write it to the disk at once.
    const file = openSync(fileOf(store), constants.O_WRONLY | constants.O_CREAT, 0o666);
    try {
      writeSync(file, `${request}\n`, 0);
    } finally {
      closeSync(file);
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).syscall === undefined) throw error;
  }
}

/** The request of whichever was later: the newest run, or what a memo answered. */
export function lastAsked(store: string, engine: Engine): LastAsked | undefined {
  const run = engine.lastRunRecord();
  const noted = readNote(store, engine);
  if (noted !== undefined && noted.askedMs > (run?.startedMs ?? 0)) return noted;
  return run === undefined ? undefined : { request: run.request, askedMs: undefined };
}

function readNote(store: string, engine: Engine): (LastAsked & { readonly askedMs: number }) | undefined {
  const file = fileOf(store);
  const entry = statSync(file, { throwIfNoEntry: false });
  const request = entry?.isFile() === true ? parseOid(readFileSync(file, "latin1").slice(0, 40)) : undefined;
  // The store may be another one by now.
  if (entry === undefined || request === undefined || engine.kindOf(request) !== "tree") return undefined;
  return { request, askedMs: entry.mtimeMs };
}
