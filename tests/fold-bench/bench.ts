/**
 * `npm run bench [-- --json] [-- --small] [-- --huge] [-- --only GROUP]`: what a job costs. Each row is the median of several runs, with the fastest and the slowest, and beside it the oid of what
 * was computed, checked against a plain function's or a recorded one, so that a wrong answer can't be fast. Stores are files, the trace is on, contents are distinct; `direct` is the same fold as a
 * plain function over the same store, and ratios are to it. `--small` takes seconds; `--huge` adds a million files, and jobs on a store that holds a million.
 */
import { availableParallelism, loadavg } from "node:os";
import { parseArgs } from "node:util";
import { commandRows } from "./command-rows.ts";
import { executorRows } from "./executor-rows.ts";
import { fixtureRows, steadyFixtureRows } from "./fixture-rows.ts";
import { importRows } from "./import-rows.ts";
import { memoRows } from "./memo-rows.ts";
import { moduleRows } from "./module-rows.ts";
import { table, type Row } from "./row.ts";
import { scriptRows } from "./script-rows.ts";
import { toolRows } from "./tool-rows.ts";
import { sizeRows, type Size } from "./size-rows.ts";

/** `small` is for tests: the same rows, few runs, few files. */
export type Scale = "small" | "usual" | "huge";

type Group = (scale: Scale) => Promise<Row[]>;

const usualSizes: readonly Size[] = [
  { files: 1_000, runs: 5 },
  { files: 10_000, runs: 5 },
  { files: 100_000, runs: 3 },
];
const sizes: Readonly<Record<Scale, readonly Size[]>> = {
  small: [
    { files: 100, runs: 1 },
    { files: 300, runs: 1 },
  ],
  usual: usualSizes,
  huge: [...usualSizes, { files: 1_000_000, runs: 1 }],
};
const memoSizes = {
  small: { held: 1_000, files: 100, runs: 1 },
  usual: { held: 100_000, files: 0, runs: 5 },
  huge: { held: 1_000_000, files: 100_000, runs: 3 },
} as const;

const groups: Readonly<Record<string, Group>> = {
  fixture: async (scale) => {
    const runs = scale === "small" ? 2 : 15;
    return [
      ...(await fixtureRows("file-count", runs)),
      ...(await fixtureRows("line-count", runs)),
      ...(await steadyFixtureRows("line-count", runs)),
    ];
  },
  command: (scale) => commandRows(scale === "small" ? 1 : 15),
  modules: (scale) => moduleRows(scale === "small" ? 1 : 5),
  sizes: (scale) => sizeRows(sizes[scale]),
  executors: (scale) =>
    executorRows(
      scale === "small"
        ? { plainFiles: 300, busyFiles: 20, runs: 1 }
        : { plainFiles: 100_000, busyFiles: 3_000, runs: 3 },
    ),
  import: (scale) => (scale === "small" ? importRows(300, 1) : importRows(100_000, 5)),
  memos: (scale) => memoRows(memoSizes[scale]),
  tools: (scale) =>
    toolRows(
      scale === "small"
        ? { rounds: 1, calls: 2, warmUp: 1, names: ["true", "grep, 128 KB"] }
        : { rounds: 15, calls: 10, warmUp: 60 },
    ),
  scripts: (scale) =>
    scriptRows(
      scale === "small"
        ? { batch: 100, waiting: 100, runs: 1, isFromSources: true }
        : { batch: 10_000, waiting: 10_000, runs: 3, isFromSources: false },
    ),
};

/** Measures everything, or one group of rows. `tell` hears each group's rows as they are there. */
export async function bench(
  scale: Scale,
  only?: string,
  tell: (rows: readonly Row[]) => void = () => {},
): Promise<Row[]> {
  if (only !== undefined && groups[only] === undefined) {
    throw new RangeError(`no group of rows is called ${only}; there are ${Object.keys(groups).join(", ")}`);
  }
  const rows: Row[] = [];
  for (const [name, measure] of Object.entries(groups)) {
    if (only !== undefined && only !== name) continue;
    const measured = await measure(scale);
    rows.push(...measured);
    tell(measured);
  }
  return rows;
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      json: { type: "boolean", default: false },
      small: { type: "boolean", default: false },
      huge: { type: "boolean", default: false },
      only: { type: "string" },
    },
  });
  const scale = values.small ? "small" : values.huge ? "huge" : "usual";
  const rows = await bench(scale, values.only, (each) => {
    // Of the last minute, the benchmark's own included: where it is far above what a fold keeps busy, others had a part in the figures.
    const load = `load ${(loadavg()[0] ?? 0).toFixed(1)} on ${availableParallelism()} cores`;
    if (!values.json) console.log(`${table(each)}\n(${load})\n`);
  });
  if (values.json) console.log(JSON.stringify({ rows }));
}
