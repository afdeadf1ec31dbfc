/** `full-disk-child.ts FOLDER delete|prlimit`: fills a store in a folder of little room, makes room, goes on; prints a FullDiskReport. */
import { execFileSync } from "node:child_process";
import { closeSync, openSync, rmSync, statSync, truncateSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { Oid } from "../../src/store/oid.ts";
import { StoreFailure, openStore, type Store } from "../../src/store/store.ts";
import { inspectStore } from "../crash/inspect.ts";

interface Failure {
  readonly name: string;
  readonly fault: string;
  readonly message: string;
}

export interface FullDiskReport {
  /** The first flush that failed, and the one after it. */
  readonly filling: Failure | undefined;
  readonly again: Failure | undefined;
  /** Opening another handle while the disk is full. */
  readonly opening: Failure | undefined;
  /** Opening a store that nobody has open, on a disk with 0, 4, 8, … KiB of room: the failures. */
  readonly openings: readonly Failure[];
  /** Objects that flushes stored, of those how many could be read by the same handle and by another, and how many writes failed. */
  readonly flushed: number;
  readonly readableWhileFull: number;
  readonly readableElsewhere: number;
  readonly refused: number;
  /** Objects when there was room again, and what is wrong with the file. */
  readonly inTheEnd: number;
  readonly faultsInTheEnd: readonly string[];
}

const [folder, way] = process.argv.slice(2) as [string, string];
const path = join(folder, "store.sqlite");
const ballast = join(folder, "ballast");

/** What the work failed with, or undefined. Anything but a StoreFailure is a bug and ends the child. */
function failureOf(work: () => void): Failure | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    if (!(error instanceof StoreFailure)) throw error;
    const { name, fault, message } = error;
    return { name, fault, message };
  }
}

/** Fills what is left of the disk with a file. */
function fillDisk(): void {
  const handle = openSync(ballast, "a");
  try {
    for (;;) writeSync(handle, Buffer.alloc(4096, 1));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
  } finally {
    closeSync(handle);
  }
}

const openings: Failure[] = [];
if (way === "delete") {
  const closed = join(folder, "closed.sqlite");
  openStore(closed).close();
  for (let room = 0; room < 64 << 10; room += 4 << 10) {
    fillDisk();
    if (room > 0) truncateSync(ballast, statSync(ballast).size - room);
    const failure = failureOf(() => openStore(closed).close());
    if (failure !== undefined) openings.push(failure);
    rmSync(ballast);
  }
  // Room that can be made later, for what did not fit.
  const handle = openSync(ballast, "w");
  writeSync(handle, Buffer.alloc(512 << 10, 1));
  closeSync(handle);
}

const store = openStore(path);
const stored: Oid[] = [];
const isReadable = (handle: Store, name: Oid) => handle.get(name).body.length === 5000;
const put = (at: number) => store.put("blob", Buffer.alloc(5000, `${at} `));
let filling: Failure | undefined;
let refused = 0;
for (let at = 0; filling === undefined && at < 10_000; at++) {
  let name: Oid | undefined;
  filling = failureOf(() => {
    name = put(at);
    store.flush();
  });
  if (filling === undefined && name !== undefined) stored.push(name);
  else refused++;
}
const again = failureOf(() => store.flush());
const readableWhileFull = stored.filter((name) => isReadable(store, name)).length;
let readableElsewhere = 0;
const opening = failureOf(() => {
  const other = openStore(path);
  readableElsewhere = stored.filter((name) => isReadable(other, name)).length;
  other.close();
});

if (way === "delete") rmSync(ballast);
else execFileSync("prlimit", ["--pid", `${process.pid}`, "--fsize=unlimited:unlimited"]);
put(-1);
store.flush();
const inTheEnd = store.stats().objects.blob;
store.close();
const report: FullDiskReport = {
  filling,
  again,
  opening,
  openings,
  flushed: stored.length,
  readableWhileFull,
  readableElsewhere,
  refused,
  inTheEnd,
  faultsInTheEnd: inspectStore(path).faults,
};
process.stdout.write(JSON.stringify(report));
