/** A small campaign of altered bundles with a fixed seed; `npm run mutate-bundles` is the large one. */
import { expect, test } from "vitest";
import { runBundleCampaign } from "./bundle-campaign.ts";

test("a bundle that was altered anywhere, with right hashes or not, is refused, comes to a difference, or is told to be another file", async () => {
  const { faults, endings } = await runBundleCampaign({ count: 30, seed: 3, print: () => undefined });
  expect(faults).toEqual([]);
  expect(endings.size).toBeGreaterThan(10);
});
