/** Sequences of operations (comparison.ts); `npm run files` compares as many as you want. */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { compare, defaultScratch } from "./comparison.ts";
import { scenario } from "./operations.ts";

// Open folders are named by /proc, and their errors are Linux's.
test.runIf(process.platform === "linux")(
  "file operations come to what they come to on a real file system",
  () => {
    const tally = new Map<string, number>();
    let made = 0;
    fc.assert(
      fc.property(scenario, (each) => compare(each, { tally, isGitAsked: made++ % 20 === 0, scratch: defaultScratch })),
      { numRuns: 1000 },
    );
    for (const answer of ["success", "notdir", "noent", "loop", "busy"]) {
      expect(tally.get(`rename ${answer}`), answer).toBeGreaterThan(0);
    }
  },
  240_000,
);
