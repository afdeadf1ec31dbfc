/**
 * Where tests have their temporary files: in memory, where this system offers a folder there that is large enough, else where they are by default. Most of a store's test is a wait for the disk to have
 * written, which proves nothing here, and on a machine whose disk is busy takes a minute.
 */
import { existsSync, mkdirSync, readdirSync, rmSync, statfsSync } from "node:fs";
import { join } from "node:path";
import type { TestProject } from "vitest/node";

const place = "/dev/shm";
/** The type of a file system in memory, as `statfs` tells it. */
const tmpfs = 0x01021994;
/** What the tests of two files hold at a time, several times over. */
const wantedBytes = 4 * 2 ** 30;
const prefix = "coppice-tests-";

/** The folder for the tests that this process runs; undefined where there is none. It is made when they start. */
export function memoryFolder(): string | undefined {
  if (!existsSync(place)) return undefined;
  const { type, bavail, bsize } = statfsSync(place);
  return type === tmpfs && bavail * bsize >= wantedBytes ? join(place, `${prefix}${process.pid}`) : undefined;
}

/** Makes the folder, and removes it when all tests are done, with those of processes that were killed before they did. */
export default function setup({ config }: TestProject): (() => void) | undefined {
  const folder = config.env["TMPDIR"];
  if (folder === undefined) return undefined;
  for (const name of readdirSync(place)) {
    if (name.startsWith(prefix) && !existsSync(`/proc/${name.slice(prefix.length)}`)) remove(join(place, name));
  }
  mkdirSync(folder);
  return () => remove(folder);
}

function remove(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
}
