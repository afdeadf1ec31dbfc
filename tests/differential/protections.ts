/**
 * What keeps outcomes from depending on anything but the request, each with the words of the engine's sources that switch it off, and the ways of the matrix between which that must then show. A
 * campaign that finds nothing proves something only because it finds each of these.
 */
import type { Edit } from "./edited-engine.ts";
import { plainWay, scriptWays, wasmWays, type Jobs, type Way } from "./matrix.ts";

export interface Protection {
  readonly name: string;
  readonly jobs: Jobs;
  /** Switches it off. */
  readonly edits: readonly Edit[];
  /** What is compared; one way alone where the loss shows by itself, as no answer. */
  readonly ways: readonly [Way, ...Way[]];
}

const module = "isolate-host/wasm/module.ts";
const pool = "isolate-host/instance-pool.ts";
const settle = "scheduler/settle.ts";
const virtual = "abi/virtual.ts";
const realm = "isolate-host/script/guest/realm.ts";
const jobsFile = "isolate-host/script/guest/jobs.ts";

function named(ways: readonly Way[], name: string): Way {
  const found = ways.find((way) => way.name === name);
  if (found === undefined) throw new Error(`there is no way ${JSON.stringify(name)}`);
  return found;
}
const wasm = (name: string) => named(wasmWays, name);
const script = (name: string) => named(scriptWays, name);

const modules = (firstSeed: number, count: number): Jobs => ({ guests: "wasm", firstSeed, count });
const scripts = (firstSeed: number, count: number): Jobs => ({ guests: "script", firstSeed, count });

/** What was asked for and remembered comes before what had to be executed: an order of completion. */
const completionOrder: Edit = {
  file: settle,
  find: "outcomes.push(this.#settleChild(job, request));",
  replace: `const isKnown = this.#options.memos.outcome(request.oid) !== undefined;
      const outcome = this.#settleChild(job, request);
      if (isKnown) outcomes.unshift(outcome);
      else outcomes.push(outcome);`,
};

export const protections: readonly Protection[] = [
  {
    name: "canonical NaNs",
    jobs: modules(1, 4),
    edits: [{ file: module, find: "nan: true", replace: "nan: false" }],
    ways: [wasm("baseline compiler alone"), wasm("optimizing compiler alone")],
  },
  {
    name: "counted depth, so that no call overflows the native stack",
    jobs: modules(107, 1),
    edits: [{ file: module, find: "depth: true", replace: "depth: false" }],
    ways: [plainWay],
  },
  {
    name: "counted fuel, so that no loop meets the wall clock",
    jobs: modules(102, 1),
    edits: [{ file: module, find: "fuel: true", replace: "fuel: false" }],
    ways: [{ ...plainWay, wallClockMsMax: 1000 }],
  },
  {
    name: "a memory's bound of our own",
    jobs: modules(17, 4),
    edits: [
      {
        file: module,
        find: "const most = flags === 1 ? reader.u32() : pagesMax;",
        replace: "const most = 65_536; if (flags === 1) reader.u32();",
      },
      { file: module, find: "Math.min(most, pagesMax)", replace: "most" },
    ],
    ways: [plainWay, wasm("a lesser machine far away")],
  },
  {
    name: "the reset of memory before an instance is used again",
    jobs: modules(1, 8),
    edits: [
      { file: pool, find: "guest.bytes.fill(0, image.bytes.length);", replace: "" },
      { file: pool, find: "guest.bytes.set(image.bytes);", replace: "" },
    ],
    ways: [plainWay, wasm("fresh instances")],
  },
  {
    name: "the reset of globals before an instance is used again",
    jobs: modules(1, 8),
    edits: [
      {
        // All but the last, which is the fuel.
        file: pool,
        find: "for (const [at, global] of guest.globals.entries()) global",
        replace: "for (const [at, global] of [...guest.globals.entries()].slice(-1)) global",
      },
    ],
    ways: [plainWay, wasm("fresh instances")],
  },
  {
    name: "fuel that starts afresh with each execution",
    jobs: modules(1, 8),
    edits: [
      {
        file: pool,
        find: "for (const [at, global] of guest.globals.entries()) global",
        replace: "for (const [at, global] of [...guest.globals.entries()].slice(0, -1)) global",
      },
    ],
    ways: [plainWay, wasm("fresh instances")],
  },
  {
    name: "outcomes in the order of the requests",
    jobs: modules(1, 8),
    edits: [completionOrder],
    ways: [plainWay, wasm("nothing nested, all replayed")],
  },
  {
    name: "the virtual clock",
    jobs: modules(1, 8),
    edits: [{ file: virtual, find: ": 0n) + this.#elapsedNs;", replace: ": 0n) + process.hrtime.bigint();" }],
    ways: [plainWay, plainWay],
  },
  {
    name: "a clock that starts afresh with each execution",
    jobs: modules(1, 8),
    edits: [
      {
        file: virtual,
        find: "#elapsedNs = 0n;",
        replace:
          "static elapsedNs = 0n; get #elapsedNs() { return VirtualClock.elapsedNs; } set #elapsedNs(ns) { VirtualClock.elapsedNs = ns; }",
      },
    ],
    ways: [plainWay, wasm("nothing nested, all replayed")],
  },
  {
    name: "random bytes that the request keys",
    jobs: modules(1, 8),
    edits: [
      {
        file: virtual,
        find: 'import { createHash } from "node:crypto";',
        replace: 'import { createHash, randomFillSync } from "node:crypto";',
      },
      { file: virtual, find: "let at = 0;", replace: "let at = target.length; randomFillSync(target);" },
    ],
    ways: [plainWay, plainWay],
  },
  {
    name: "a stream of random bytes that starts afresh with each execution",
    jobs: modules(1, 8),
    edits: [
      {
        file: virtual,
        find: "#counter = 0n;",
        replace:
          "static counter = 0n; get #counter() { return RandomStream.counter; } set #counter(n) { RandomStream.counter = n; }",
      },
    ],
    ways: [plainWay, wasm("nothing nested, all replayed")],
  },
  {
    name: "a script's virtual clock",
    jobs: scripts(1, 6),
    edits: [
      {
        file: realm,
        find: "const now = () => realtimeStartMs + Math.floor(virtual.readClock() / 1000);",
        replace: "const now = () => RealDate.now();",
      },
    ],
    ways: [plainWay, plainWay],
  },
  {
    name: "a script's random numbers",
    jobs: scripts(1, 6),
    edits: [{ file: realm, find: 'define(Math, "random"', replace: 'define({}, "random"' }],
    ways: [plainWay, plainWay],
  },
  {
    name: "a script's time zone and language",
    jobs: scripts(1, 6),
    edits: [
      {
        file: "isolate-host/script/script-process.ts",
        find: 'env: { TZ: "UTC", LC_ALL: "C" }',
        replace: "env: process.env",
      },
    ],
    ways: [plainWay, script("far away")],
  },
  {
    name: "NaNs that a script writes",
    jobs: scripts(17, 16),
    edits: [{ file: realm, find: "number === number ? number : NaN", replace: "number" }],
    ways: [script("interpreted"), script("optimized at once")],
  },
  {
    name: "a script's promises, which settle in the order of its calls",
    jobs: scripts(1, 6),
    edits: [
      {
        file: jobsFile,
        find: "let current: Job | undefined;",
        replace: "let current: Job | undefined; const chance = Math.random;",
      },
      {
        file: jobsFile,
        find: "const told = job.outcomes.shift();\n  const [call] = job.calls;",
        replace:
          "const at = Math.floor(chance() * job.outcomes.length);\n  const told = job.outcomes.splice(at, 1)[0];\n  const call = job.calls[at];",
      },
      { file: jobsFile, find: "job.calls.shift();", replace: "job.calls.splice(at, 1);" },
    ],
    ways: [plainWay, plainWay],
  },
  {
    name: "outcomes in the order of a script's requests",
    jobs: scripts(1, 6),
    edits: [completionOrder],
    ways: [plainWay, script("nothing nested, all replayed")],
  },
];
