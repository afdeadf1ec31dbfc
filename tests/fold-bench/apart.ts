/** What the benchmark does outside of its own process, so that peak memory, warm compilers and open stores are each measurement's own. */
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const checkout = fileURLToPath(new URL("../..", import.meta.url));

export interface Ran {
  readonly ms: number;
  readonly output: string;
  /** What it said beside its output. */
  readonly told: string;
}

/** A process of this Node in the checkout, from start to end. Throws when it fails. */
export function startedNode(args: readonly string[]): Ran {
  const startedMs = performance.now();
  const ran = spawnSync(process.execPath, args, { encoding: "utf8", cwd: checkout });
  const ms = performance.now() - startedMs;
  if (ran.status !== 0) throw new Error(`${args.join(" ")} exited with ${ran.status ?? ran.signal}: ${ran.stderr}`);
  return { ms, output: ran.stdout, told: ran.stderr };
}

/** What `file`, one of this folder's, prints as JSON when it is given the task. */
export function measuredApart(file: string, task: unknown): unknown {
  return JSON.parse(startedNode([join(import.meta.dirname, file), JSON.stringify(task)]).output);
}

/** Runs `work` with a folder that is gone afterwards. */
export async function withFolder<T>(work: (folder: string) => T | Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "coppice-bench-"));
  try {
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Runs `work` with a copy of a store that nobody has open, and removes the copy. */
export function onCopy<T>(made: string, work: (store: string) => T): T {
  const copy = `${made}.copy`;
  copyFileSync(made, copy);
  try {
    return work(copy);
  } finally {
    for (const suffix of ["", "-wal", "-shm"]) rmSync(copy + suffix, { force: true });
  }
}
