/**
 * Run before each file of tests: its properties are tried on the same values each time, so that what refuses a change is the change, and not what it happens to meet. `COPPICE_TEST_SEED=N npx vitest run FILE` tries others, and a
 * property that fails names its seed.
 */
import { readFileSync } from "node:fs";
import { expect } from "vitest";

const { testPath } = expect.getState();
// It takes a tenth of a second to load.
if (testPath !== undefined && /from "fast-check"/.test(readFileSync(testPath, "utf8"))) {
  const { configureGlobal } = await import("fast-check");
  configureGlobal({ seed: Number(process.env["COPPICE_TEST_SEED"] ?? 1) });
}
