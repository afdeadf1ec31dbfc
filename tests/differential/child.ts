/**
 * One variant of the differential campaign: runs a seeded list of jobs in a store of its own and prints, for each request, what it came to, a line of JSON each (`Line`). campaign.ts starts it with other
 * flags, another environment, another Node, or another engine (`modules`), and compares.
 *
 *   node child.ts '{"modules":…}'
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { formatGuestLimits } from "../../src/abi/limits.ts";
import { wasmMarker } from "../../src/abi/worker.ts";
import type { Engine, Memo, Oid } from "../../src/engine.ts";
import type { Store } from "../../src/store/store.ts";
import type { EngineModules } from "./edited-engine.ts";
import { argBytes, batchGuests, batchModule, batchRequests, guestName } from "./batches.ts";
import { generateModule } from "./modules.ts";
import { generateScript } from "./scripts.ts";

export interface ChildStart {
  /** Of the engine that runs: this one's, or a copy's with edits. */
  readonly modules: EngineModules;
  readonly guests: "wasm" | "script";
  readonly firstSeed: number;
  readonly count: number;
  readonly executors: number;
  readonly nestedFramesMax: number;
  /** How often each request is executed again once it has its outcome. */
  readonly again: number;
  readonly wallClockMsMax: number;
}

export interface Line {
  /** Of the guest. */
  readonly seed: number;
  /** The argument. */
  readonly n: number;
  readonly request: Oid | undefined;
  /** The outcome, or the non-answer, with fuel, objects read, and children. */
  readonly seen: string;
}

/** A guest that is in the store, by the seed that it comes of. */
interface Guest {
  readonly seed: number;
  readonly worker: Oid;
}

interface Asked {
  readonly seed: number;
  readonly n: number;
  readonly request: Oid | undefined;
  /** What came of it, where that is not what is remembered. */
  readonly unlike: string | undefined;
}

type EngineModule = typeof import("../../src/engine.ts");
type StoreModule = typeof import("../../src/store/store.ts");

async function runAll(start: ChildStart): Promise<Line[]> {
  const { folder: engineFolder, extension } = start.modules;
  const load = (name: string) => import(pathToFileURL(join(engineFolder, `${name}${extension}`)).href);
  const { openEngine } = (await load("engine")) as EngineModule;
  const { openStore } = (await load("store/store")) as StoreModule;
  const folder = mkdtempSync(join(tmpdir(), "coppice-differential-"));
  try {
    const path = join(folder, "store.sqlite");
    const { executors, nestedFramesMax, wallClockMsMax } = start;
    const engine = openEngine({ store: path, executors, nestedFramesMax, wallClockMsMax });
    const store = openStore(path);
    const asked: Asked[] = [];
    try {
      // Guests name them before anybody has asked with them.
      for (const bytes of argBytes) engine.putTree([{ mode: "100644", name: "n", oid: engine.putBlob(bytes) }]);
      const last = start.firstSeed + start.count;
      for (let first = start.firstSeed; first < last; first += batchGuests) {
        const seeds = Array.from({ length: Math.min(batchGuests, last - first) }, (_, at) => first + at);
        asked.push(...(await runBatch(engine, store, start, folder, seeds)));
      }
      store.refresh();
      return asked.map(({ seed, n, request, unlike }) => {
        return { seed, n, request, seen: unlike ?? remembered(store, request) };
      });
    } finally {
      store.close();
      await engine.close();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function addGuests(
  engine: Engine,
  kind: ChildStart["guests"],
  folder: string,
  seeds: readonly number[],
): Promise<Guest[]> {
  const guests: Guest[] = [];
  for (const seed of seeds) {
    if (kind === "wasm") {
      // Added without compiling it here, as `addWorker` would: a module that is unfit shows when it runs.
      const { bytes, limits } = generateModule(seed);
      const entry = (name: string, content: Uint8Array) =>
        ({ mode: "100644", name, oid: engine.putBlob(content) }) as const;
      const worker = engine.putTree([
        entry(".caos-runtime", Buffer.from(wasmMarker)),
        entry("limits", Buffer.from(formatGuestLimits(limits))),
        entry("module", bytes),
      ]);
      guests.push({ seed, worker });
    } else {
      const file = join(folder, `script${seed}.js`);
      writeFileSync(file, generateScript(seed));
      guests.push({ seed, worker: await engine.addScript(file) });
    }
  }
  return guests;
}

/**
 * Runs all requests of a batch: one by one, side by side, where there are several executors; else as what one guest asks for, which costs less. Where that comes to no answer, each by itself, which
 * tells whose it is.
 */
async function runBatch(
  engine: Engine,
  store: Store,
  start: ChildStart,
  folder: string,
  seeds: readonly number[],
): Promise<readonly Asked[]> {
  const guests = await addGuests(engine, start.guests, folder, seeds);
  const guestAt = (at: number) => guests[at % guests.length] as Guest;
  const std = engine.putTree(
    Array.from({ length: batchGuests }, (_, at) => ({ mode: "40000", name: guestName(at), oid: guestAt(at).worker })),
  );
  const jobs = batchRequests(guests.length).map(({ guest, n }) => ({ ...guestAt(guest), n }));
  let requests: readonly Oid[] | undefined;
  if (start.executors === 1) {
    try {
      const { request } = await engine.run({ worker: engine.addWorker(batchModule(guests.length)), std });
      requests = store.memo(request)?.children;
    } catch {
      // A run without an answer; each by itself says why.
    }
  }
  const ask = async (at: number): Promise<Asked> => {
    const { seed, n, worker } = jobs[at] as (typeof jobs)[number];
    const known = requests?.[at];
    const asked = (request: Oid | undefined, unlike?: string) => ({ seed, n, request, unlike });
    try {
      const { request } =
        known === undefined
          ? await engine.run({ worker, std, args: { n: argBytes[n] as Uint8Array } })
          : { request: known };
      for (let times = start.again; times > 0; times--) await engine.settle(request, { rerun: true });
      return asked(request);
    } catch (error) {
      // Whatever the engine rejects with is compared, and is a difference.
      return asked(known, `no answer: ${error instanceof Error ? error.message : String(error)}`);
    }
  };
  if (start.executors > 1) return Promise.all(Array.from(jobs.keys(), ask));
  const all: Asked[] = [];
  for (const at of jobs.keys()) all.push(await ask(at));
  return all;
}

function remembered(store: Store, request: Oid | undefined): string {
  try {
    const memo = request === undefined ? undefined : store.memo(request);
    return memo === undefined ? "nothing" : tell(memo);
  } catch (error) {
    // Two executions of it differed.
    return `no answer: ${(error as Error).message}`;
  }
}

function tell({ outcome, fuel, reads, children }: Memo): string {
  const what = outcome.kind === "failed" ? `${outcome.code}: ${outcome.message}` : outcome.oid;
  return `${what}, fuel ${fuel}, read ${reads.join(" ")}, asked ${children.join(" ")}`;
}

const lines = await runAll(JSON.parse(process.argv[2] ?? "") as ChildStart);
process.stdout.write(lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
