import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { openEngine } from "../../src/engine.ts";
import vectors from "../vectors.json" with { type: "json" };
import { bench } from "./bench.ts";
import { benchFixture, deepFixture, wideFixture } from "./fixtures.ts";

const folder = mkdtempSync(join(tmpdir(), "coppice-test-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("the spec's fixtures", () => {
  const cases = [
    ["wide", wideFixture, vectors.fixtures.wide, 61],
    ["deep", deepFixture, vectors.fixtures.deep, 72],
    ["bench", benchFixture, vectors.fixtures.bench, 200],
  ] as const;
  for (const [name, build, fixture, jobs] of cases) {
    for (const nestedFramesMax of [1, 2, 64]) {
      it(`${name} folds to the very oid in ${jobs} jobs, and in none the second time, with ${nestedFramesMax} nested frames`, async () => {
        const store = join(folder, `${name}-${nestedFramesMax}.sqlite`);
        const first = openEngine({ store, nestedFramesMax });
        const tree = build(first);
        expect(tree).toBe(fixture.tree);
        const cold = await first.fold({ in: tree, post: "file-count" });
        expect(cold.outcome).toEqual({ kind: "blob", oid: fixture.result });
        expect(cold.jobs.executed).toBe(jobs);
        const text = first.get(fixture.result as typeof tree).body;
        expect(Number.parseInt(Buffer.from(text).toString(), 10)).toBe(fixture.file_count);
        expect((await first.fold({ in: tree, post: "file-count" })).jobs).toEqual({
          executed: 0,
          frames: 0,
          memoized: 1,
        });
        await first.close();
        const second = openEngine({ store });
        const again = await second.fold({ in: tree, post: "file-count" });
        expect(again.outcome).toEqual(cold.outcome);
        expect(again.jobs.executed).toBe(0);
        await second.close();
      });
    }
  }
});

it("a small run of the benchmark computes the same at each run, the same as a plain function, and executes nothing when warm", async () => {
  const rows = await bench({ small: true, huge: false });
  const shown = rows.map(({ name, jobs, oid }) => `${name}: ${jobs ?? "-"} jobs, ${oid ?? "-"}`);
  expect(shown).toMatchInlineSnapshot(`
    [
      "bench fixture, file-count, cold: 200 jobs, 52bd8e43afb01d0c9747f1fedf2fc94684ee4cc4",
      "bench fixture, file-count, warm: 0 jobs, 52bd8e43afb01d0c9747f1fedf2fc94684ee4cc4",
      "bench fixture, line-count, cold: 200 jobs, 52bd8e43afb01d0c9747f1fedf2fc94684ee4cc4",
      "bench fixture, line-count, warm: 0 jobs, 52bd8e43afb01d0c9747f1fedf2fc94684ee4cc4",
      "command line, bench fixture, warm: - jobs, -",
      "the same with --json: - jobs, -",
      "node -e '': - jobs, -",
      "import of 300 packed files: 0 jobs, 7ed15e2a55d9e00edfaae4a920b56ed87ce7fe56",
      "again: 0 jobs, 7ed15e2a55d9e00edfaae4a920b56ed87ce7fe56",
      "300 files, cold: 316 jobs, 34a5f9bcac300c3fdf6416424c4a4ff09aa74be2",
      "300 files, cold, a job: - jobs, -",
      "300 files, direct: 0 jobs, 34a5f9bcac300c3fdf6416424c4a4ff09aa74be2",
      "300 files, warm: 0 jobs, 34a5f9bcac300c3fdf6416424c4a4ff09aa74be2",
      "300 files, one file edited: 7 jobs, 5a978087647bfa9798bf7ae6e56117626cea77e8",
      "300 files, peak memory: - jobs, -",
      "300 files, store: - jobs, -",
    ]
  `);
});
