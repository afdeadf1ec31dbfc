import { expect, it } from "vitest";
import { storeBench } from "./store-bench.ts";

it("a small run of the store's benchmark measures every part, on both stores", () => {
  const rows = storeBench({ jobs: 200, held: 1000, runs: 1 });
  expect(rows.filter(({ value }) => !(value >= 0))).toEqual([]);
  expect(rows.map(({ name }) => name)).toMatchInlineSnapshot(`
    [
      "filling 1000 jobs and their files",
      "store of 1000 jobs and their files",
      "empty: form",
      "empty: look up",
      "empty: result",
      "empty: remember",
      "empty: flush",
      "empty: all",
      "empty: growth",
      "empty: a file put",
      "1000 held: form",
      "1000 held: look up",
      "1000 held: result",
      "1000 held: remember",
      "1000 held: flush",
      "1000 held: all",
      "1000 held: growth",
      "1000 held: a file put",
      "memo hit, cold, strewn",
      "memo hit, cold, neighbours",
      "memo hit, hot",
      "memo miss",
      "peak memory of the process",
    ]
  `);
});
