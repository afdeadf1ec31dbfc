/** A small campaign of kills with a fixed seed; `node tests/crash/campaign.ts` is the large one. */
import { expect, test } from "vitest";
import { runCampaign } from "./campaign.ts";

test("killed at any moment, alone or beside another process, a store keeps every promise and the next run ends with the same oid", async () => {
  const lines: string[] = [];
  const summary = await runCampaign({
    kills: 4,
    pairs: 1,
    seed: 7,
    folders: 20,
    files: 40,
    print: (line) => void lines.push(line),
  });
  expect(summary.faults, lines.join("\n")).toEqual([]);
  expect(summary).toMatchObject({ kills: 4, pairs: 1, jobs: 20 * 40 + 2 * 20 + 2 });
});
