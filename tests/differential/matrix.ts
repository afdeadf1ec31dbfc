/**
 * The matrix of the differential campaign: ways to run the same jobs that must all come to the same, in outcomes, fuel, objects read and children. A way is a process of its own; the first one is what the others
 * are compared with.
 */
import { spawn } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ChildStart, Line } from "./child.ts";
import { withEngine, type Edit } from "./edited-engine.ts";

/** A way to run jobs. What it leaves out is as in the first one: one executor, 64 nested frames, instances reused, each request executed once, UTC. */
export interface Way {
  readonly name: string;
  /** Node's. */
  readonly flags?: readonly string[];
  /** Of the other Node. */
  readonly isOtherNode?: boolean;
  readonly environment?: Readonly<Record<string, string>>;
  readonly executors?: number;
  readonly nestedFramesMax?: number;
  readonly again?: number;
  readonly edits?: readonly Edit[];
  readonly wallClockMsMax?: number;
}

export const plainWay: Way = { name: "as it comes" };

const freshInstances: Edit = {
  file: "isolate-host/executor.ts",
  find: "new WasmGuests(host)",
  replace: "new WasmGuests(host, false)",
};

const farAway = { TZ: "Asia/Kathmandu", LANG: "tr_TR.UTF-8", LC_ALL: "tr_TR.UTF-8" };

/** Ways to run wasm guests. */
export const wasmWays: readonly Way[] = [
  { name: "baseline compiler alone", flags: ["--liftoff-only"] },
  { name: "optimizing compiler alone", flags: ["--no-liftoff"] },
  // What is compiled is optimized when it is called for the first time or the second.
  { name: "hot compiler, each twice", flags: ["--wasm-tiering-budget=1", "--wasm-sync-tier-up"], again: 1 },
  { name: "cold compiler", flags: ["--no-wasm-tier-up", "--no-wasm-lazy-compilation"] },
  { name: "four executors", executors: 4 },
  { name: "nothing nested, all replayed", nestedFramesMax: 1 },
  { name: "two frames at a time", nestedFramesMax: 2 },
  { name: "fresh instances", edits: [freshInstances] },
  {
    name: "a lesser machine far away",
    // Not without AVX: V8's baseline compiler has bugs there (design/differential.md).
    flags: [
      ...["avx2", "fma3", "bmi1", "bmi2", "lzcnt", "popcnt"].map((extension) => `--no-enable-${extension}`),
      "--wasm-max-mem-pages=64",
      "--wasm-max-table-size=1048576",
    ],
    environment: farAway,
  },
  { name: "the other Node", isOtherNode: true },
  { name: "the other Node, optimizing", isOtherNode: true, flags: ["--no-liftoff"] },
];

/** Flags for the process in which scripts run. */
const scriptFlags = (...flags: readonly string[]): Edit => ({
  file: "isolate-host/script/script-process.ts",
  find: '"--no-node-snapshot",',
  replace: `"--no-node-snapshot", ${flags.map((flag) => JSON.stringify(flag)).join(", ")},`,
});

/** Ways to run scripts. Never on another Node: V8's version is part of a script's request. */
export const scriptWays: readonly Way[] = [
  { name: "interpreted", edits: [scriptFlags("--no-opt", "--no-sparkplug", "--no-maglev")] },
  { name: "optimized at once", edits: [scriptFlags("--always-turbofan", "--no-lazy-feedback-allocation")] },
  {
    name: "optimized soon",
    edits: [scriptFlags("--stress-maglev", "--always-sparkplug", "--invocation-count-for-turbofan=3")],
  },
  {
    name: "other hashes, and a small heap",
    edits: [scriptFlags("--hash-seed=12345", "--random-seed=77", "--semi-space-growth-factor=1")],
  },
  { name: "each three times", again: 2 },
  { name: "four executors", executors: 4 },
  { name: "nothing nested, all replayed", nestedFramesMax: 1 },
  { name: "two frames at a time", nestedFramesMax: 2 },
  { name: "far away", environment: farAway },
];

export interface Jobs {
  readonly guests: "wasm" | "script";
  readonly firstSeed: number;
  readonly count: number;
}

/** A guest that runs longer than that is a fault: each has fuel for less than a second. */
const defaultWallClockMsMax = 30_000;
const program = fileURLToPath(new URL("child.ts", import.meta.url));

/** What the jobs come to in that way, in the order of the list. `otherNode` is a Node's file. Rejects when the process fails. */
export function runWay(
  way: Way,
  jobs: Jobs,
  otherNode: string | undefined,
  sabotage: readonly Edit[] = [],
): Promise<Line[]> {
  return withEngine([...sabotage, ...(way.edits ?? [])], async (modules) => {
    const start: ChildStart = {
      modules,
      ...jobs,
      executors: way.executors ?? 1,
      nestedFramesMax: way.nestedFramesMax ?? 64,
      again: way.again ?? 0,
      wallClockMsMax: way.wallClockMsMax ?? defaultWallClockMsMax,
    };
    const node = way.isOtherNode === true ? otherNode : process.execPath;
    if (node === undefined) throw new Error("there is no other Node");
    const output = await outputOf(node, [...(way.flags ?? []), program, JSON.stringify(start)], {
      TZ: "UTC",
      // Sources are stripped of their types once, not once a process.
      NODE_COMPILE_CACHE: join(tmpdir(), "coppice-differential-cache"),
      ...way.environment,
    });
    return output
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Line);
  });
}

function outputOf(command: string, args: readonly string[], env: Readonly<Record<string, string>>): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { env, stdio: ["ignore", "pipe", "pipe"] });
    const [output, errors]: [Buffer[], Buffer[]] = [[], []];
    child.stdout.on("data", (bytes: Buffer) => output.push(bytes));
    child.stderr.on("data", (bytes: Buffer) => errors.push(bytes));
    child.on("error", reject);
    child.on("close", (code, signal) => {
      if (code === 0) resolve(Buffer.concat(output).toString("utf8"));
      else
        reject(new Error(`a way ended with ${code ?? signal}: ${Buffer.concat(errors).toString("utf8").slice(-2000)}`));
    });
  });
}

/** What is wrong with the lines of the first way, by themselves: a generated guest is always fit, and always comes to an answer. */
export function faultsOf(lines: readonly Line[]): string[] {
  return lines
    .filter(({ seen }) => /^(?:module:|no answer|nothing)/.test(seen))
    .toSorted((a, b) => a.n - b.n)
    .map((line) => `${describe(line)}: ${shortened(line.seen)}`);
}

/** How the lines of a way differ from those of the first one. Those come first that ran no other guest, so that the difference is their own. */
export function differences(way: Way, expected: readonly Line[], found: readonly Line[]): string[] {
  if (expected.length !== found.length) return [`${way.name}: ${found.length} lines, not ${expected.length}`];
  const pairs = expected.map((line, at) => [line, found[at] as Line] as const);
  return pairs
    .filter(([a, b]) => a.seed !== b.seed || a.n !== b.n || a.request !== b.request || a.seen !== b.seen)
    .toSorted(([a], [b]) => a.n - b.n)
    .map(
      ([line, other]) =>
        `${describe(line)}, ${way.name}: ${shortened(other.seen)}; ${plainWay.name}: ${shortened(line.seen)}`,
    );
}

function describe({ seed, n }: Line): string {
  return `seed ${seed}, argument ${n}`;
}

const shortened = (text: string) => (text.length > 200 ? `${text.slice(0, 200)}…` : text);
