/**
 * The differential campaign: random guests, each run in every way of the matrix (matrix.ts); whatever a run comes to must be the same in all of them.
 *
 *   npm run differential -- [--seed S] [--modules N] [--scripts N] [--at-once N]
 *
 * Another Node's file in COPPICE_OTHER_NODE adds its ways; without it they are left out, and a line says so. A difference names its seed, writes the guest to a file, and says how to run
 * its batch again. Ends with 1 when there is one.
 */
import { writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { acceptedInstructions } from "../../src/isolate-host/wasm/instructions.ts";
import { batchGuests } from "./batches.ts";
import { coverage } from "./coverage.ts";
import { differences, faultsOf, plainWay, runWay, scriptWays, wasmWays, type Jobs, type Way } from "./matrix.ts";
import { generateModule } from "./modules.ts";
import { generateScript } from "./scripts.ts";
import { wholeNumber } from "../whole-number.ts";

/** Guests that a process runs: its start takes as long as some fifty. */
const chunkGuests = 320;

export interface CampaignOptions {
  readonly jobs: Jobs;
  readonly ways: readonly Way[];
  /** Processes that run at the same time. */
  readonly atOnce: number;
  readonly otherNode: string | undefined;
  readonly print: (line: string) => void;
}

export interface CampaignSummary {
  readonly guests: number;
  /** Requests in each way. */
  readonly requests: number;
  /** Requests whose outcome is a result; the others are failed outcomes. */
  readonly results: number;
  readonly faults: readonly string[];
}

/** Runs guests in all of the ways, some hundred at a time, and stops behind the first of those that show a difference. */
export async function runCampaign(options: CampaignOptions): Promise<CampaignSummary> {
  const { jobs, ways, atOnce, otherNode } = options;
  const startedMs = performance.now();
  const faults: string[] = [];
  let guests = 0;
  let requests = 0;
  let results = 0;
  const last = jobs.firstSeed + jobs.count;
  for (let firstSeed = jobs.firstSeed; firstSeed < last; firstSeed += chunkGuests) {
    const chunk: Jobs = { ...jobs, firstSeed, count: Math.min(chunkGuests, last - firstSeed) };
    const expected = runWay(plainWay, chunk, otherNode);
    const waiting = [...ways];
    const lane = async () => {
      for (let way = waiting.shift(); way !== undefined; way = waiting.shift()) {
        const found = await runWay(way, chunk, otherNode);
        faults.push(...differences(way, await expected, found));
      }
    };
    await Promise.all([expected, ...Array.from({ length: atOnce }, lane)]);
    const lines = await expected;
    faults.push(...faultsOf(lines));
    guests += chunk.count;
    requests += lines.length;
    results += lines.filter(({ seen }) => /^[0-9a-f]{40},/.test(seen)).length;
    const seconds = Math.round((performance.now() - startedMs) / 1000);
    options.print(
      `seeds ${jobs.firstSeed} to ${firstSeed + chunk.count - 1}: ${requests} requests in ${ways.length + 1} ways, ${faults.length} faults, ${seconds} s`,
    );
    if (faults.length > 0) break;
  }
  for (const fault of faults.slice(0, 10)) options.print(fault);
  const [seed] = /(?<=seed )\d+/.exec(faults[0] ?? "") ?? [];
  if (seed !== undefined) {
    const batch = Number(seed) - ((Number(seed) - jobs.firstSeed) % batchGuests);
    const option = jobs.guests === "wasm" ? "modules" : "scripts";
    options.print(
      `its guest: ${writeGuest(jobs.guests, Number(seed))}; its batch again: --seed ${batch} --${option} ${batchGuests}`,
    );
  }
  return { guests, requests, results, faults };
}

/** Writes the guest of a seed to a file and names it. */
function writeGuest(kind: Jobs["guests"], seed: number): string {
  const file = join(tmpdir(), `coppice-seed-${seed}.${kind === "wasm" ? "wasm" : "js"}`);
  writeFileSync(file, kind === "wasm" ? generateModule(seed).bytes : generateScript(seed));
  return file;
}

/** The other Node that the environment names. */
export function otherNodeOf(environment: NodeJS.ProcessEnv): string | undefined {
  return environment["COPPICE_OTHER_NODE"];
}

/** The ways that there is a Node for. */
export function possible(ways: readonly Way[], otherNode: string | undefined): readonly Way[] {
  return ways.filter(({ isOtherNode }) => isOtherNode !== true || otherNode !== undefined);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      seed: { type: "string", default: "1" },
      modules: { type: "string", default: "320" },
      scripts: { type: "string", default: "64" },
      "at-once": { type: "string", default: "2" },
    },
  });
  const number = (name: keyof typeof values) => wholeNumber(name, values[name]);
  const otherNode = otherNodeOf(process.env);
  if (otherNode === undefined) print("COPPICE_OTHER_NODE names no Node: its ways are left out");
  const firstSeed = number("seed");
  let faults = 0;
  const all = [
    { guests: "wasm", ways: wasmWays, count: number("modules") },
    { guests: "script", ways: scriptWays, count: number("scripts") },
  ] as const;
  for (const { guests, ways, count } of all) {
    if (count === 0) continue;
    const jobs = { guests, firstSeed, count };
    const summary = await runCampaign({
      jobs,
      ways: possible(ways, otherNode),
      atOnce: number("at-once"),
      otherNode,
      print,
    });
    print(`${guests}, from seed ${firstSeed}: ${JSON.stringify({ ...summary, faults: summary.faults.length })}`);
    faults += summary.faults.length;
  }
  const covered = coverage(firstSeed, number("modules"));
  for (const [opcode, name] of acceptedInstructions) print(`${name}: in ${covered.get(opcode) ?? 0} modules`);
  process.exit(faults > 0 ? 1 : 0);
}
