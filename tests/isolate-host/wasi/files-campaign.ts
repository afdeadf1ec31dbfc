/**
 * The campaign of file operations: random sequences, each on the file system over a tree and on a real folder (comparison.ts), whose tree git names, too.
 *
 *   npm run files -- [--seed S] [--sequences N] [--folder F]
 *
 * Ends with 1 at a difference, with the seed and the shortest sequence that shows it. Linux only.
 */
import * as fc from "fast-check";
import { parseArgs } from "node:util";
import { wholeNumber } from "../../whole-number.ts";
import { compare, defaultScratch } from "./comparison.ts";
import { scenario } from "./operations.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    sequences: { type: "string", default: "1000" },
    folder: { type: "string", default: defaultScratch },
  },
});
const tally = new Map<string, number>();
const startedMs = performance.now();
const seed = values.seed === undefined ? Date.now() % 2 ** 31 : wholeNumber("seed", values.seed);
const details = fc.check(
  fc.property(scenario, (each) => compare(each, { tally, isGitAsked: true, scratch: values.folder })),
  { numRuns: wholeNumber("sequences", values.sequences), seed },
);
for (const answer of [...tally.keys()].toSorted()) console.log(`${tally.get(answer)} ${answer}`);
const operations = [...tally.values()].reduce((sum, times) => sum + times, 0);
const seconds = Math.round((performance.now() - startedMs) / 1000);
console.log(`seed ${seed}: ${details.numRuns} sequences, ${operations} operations compared, ${seconds} s`);
if (details.failed) {
  console.log(JSON.stringify(details.counterexample, undefined, 1));
  console.log(String(details.errorInstance));
  process.exitCode = 1;
}
