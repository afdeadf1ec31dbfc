/** A small campaign of bombs; `npm run bombs` is the large one. */
import { expect, test } from "vitest";
import { runBombs } from "./bombs-campaign.ts";

test(
  "guests that take all the memory, stack or time there is end as errors, while the jobs beside them come to what they would have, and nothing is left behind",
  { timeout: 300_000 },
  async () => {
    const lines: string[] = [];
    const summary = await runBombs({
      rounds: 2,
      wallClockMsMax: 1500,
      only: /./,
      print: (line) => void lines.push(line),
    });
    expect(summary.faults, lines.join("\n")).toEqual([]);
    expect(summary).toMatchObject({ bombs: 30, leftBehind: 0 });
  },
);
