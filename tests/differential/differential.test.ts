/**
 * A small differential campaign with fixed seeds; `npm run differential` is the large one. And the proof that it would find something: with any one protection switched off, it does.
 */
import { describe, expect, test } from "vitest";
import { acceptedInstructions } from "../../src/isolate-host/wasm/instructions.ts";
import { otherNodeOf, possible, runCampaign } from "./campaign.ts";
import { coverage } from "./coverage.ts";
import { differences, faultsOf, runWay, scriptWays, wasmWays, type Way } from "./matrix.ts";
import { protections } from "./protections.ts";

const timeout = 900_000;
const otherNode = otherNodeOf(process.env);
const atOnce = 2;

async function play(guests: "wasm" | "script", count: number, ways: readonly Way[]) {
  const lines: string[] = [];
  const jobs = { guests, firstSeed: 1, count };
  const print = (line: string) => void lines.push(line);
  const summary = await runCampaign({ jobs, ways: possible(ways, otherNode), atOnce, otherNode, print });
  expect(summary.faults, lines.join("\n")).toEqual([]);
  return summary;
}

test(
  `random modules come to the same in every way to run them (${otherNode === undefined ? "no other Node: COPPICE_OTHER_NODE names none" : otherNode})`,
  async () => {
    const { requests, results } = await play("wasm", 16, wasmWays);
    expect(results).toBeGreaterThan(requests / 2);
  },
  timeout,
);

test(
  "random scripts come to the same in every way to run them",
  async () => {
    const { requests, results } = await play("script", 8, scriptWays);
    expect(results).toBeGreaterThan(requests / 2);
  },
  timeout,
);

test("sixty modules have every instruction that a guest may have", () => {
  const covered = coverage(1, 60);
  const missing = [...acceptedInstructions].filter(([opcode]) => !covered.has(opcode));
  expect(missing).toEqual([]);
  const unknown = [...covered.keys()].filter((opcode) => !acceptedInstructions.has(opcode));
  expect(unknown).toEqual([]);
});

describe("with one protection switched off, the campaign fails:", () => {
  test.each(protections)(
    "$name",
    async ({ jobs, edits, ways: [first, ...others] }) => {
      const lines = await runWay(first, jobs, otherNode, edits);
      const found = faultsOf(lines);
      for (const way of others) found.push(...differences(way, lines, await runWay(way, jobs, otherNode, edits)));
      expect(found).not.toEqual([]);
    },
    timeout,
  );
});
