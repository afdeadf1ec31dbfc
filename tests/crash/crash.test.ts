/** A small campaign of kills with a fixed seed; `node tests/crash/campaign.ts` is the large one. */
import { expect, test } from "vitest";
import { runCampaign } from "./campaign.ts";

for (const borrowed of [false, true]) {
  const reading = borrowed ? ", while it reads from a repository" : "";
  test(`killed at any moment, alone or beside another process, a store keeps every promise and the next run ends with the same oid${reading}`, async () => {
    const lines: string[] = [];
    const summary = await runCampaign({
      kills: borrowed ? 2 : 4,
      pairs: 1,
      seed: 7,
      folders: 20,
      files: 40,
      borrowed,
      print: (line) => void lines.push(line),
    });
    expect(summary.faults, lines.join("\n")).toEqual([]);
    expect(summary).toMatchObject({ pairs: 1, jobs: 20 * 40 + 2 * 20 + 2 });
  });
}
