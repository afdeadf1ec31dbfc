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

// It starts some thirty processes, which takes a while on a machine that does other things, too.
it(
  "a small run of the benchmark computes the same at each run, the same as a plain function, and executes nothing when warm",
  { timeout: 900_000 },
  async () => {
    const rows = await bench("small");
    // Which native commands there are is the machine's.
    const shown = rows
      .filter(({ name }) => !name.includes("native"))
      .map(({ name, jobs, oid }) => `${name}: ${jobs ?? "-"} jobs, ${oid ?? "-"}`);
    expect(shown).toMatchInlineSnapshot(`
    [
      "bench fixture, file-count, cold: 200 jobs, 52bd8e43afb01d0c9747f1fedf2fc94684ee4cc4",
      "bench fixture, file-count, warm: 0 jobs, 52bd8e43afb01d0c9747f1fedf2fc94684ee4cc4",
      "bench fixture, file-count, direct: 0 jobs, 52bd8e43afb01d0c9747f1fedf2fc94684ee4cc4",
      "bench fixture, line-count, cold: 200 jobs, 52bd8e43afb01d0c9747f1fedf2fc94684ee4cc4",
      "bench fixture, line-count, warm: 0 jobs, 52bd8e43afb01d0c9747f1fedf2fc94684ee4cc4",
      "bench fixture, line-count, direct: 0 jobs, 52bd8e43afb01d0c9747f1fedf2fc94684ee4cc4",
      "bench fixture, line-count, steady, cold: 200 jobs, 52bd8e43afb01d0c9747f1fedf2fc94684ee4cc4",
      "bench fixture, line-count, steady, warm: 0 jobs, 52bd8e43afb01d0c9747f1fedf2fc94684ee4cc4",
      "command line, bench fixture, cold: 200 jobs, 52bd8e43afb01d0c9747f1fedf2fc94684ee4cc4",
      "command line, bench fixture, cold, to the bare start: - jobs, 52bd8e43afb01d0c9747f1fedf2fc94684ee4cc4",
      "command line, bench fixture, warm: 0 jobs, 52bd8e43afb01d0c9747f1fedf2fc94684ee4cc4",
      "command line, bench fixture, warm, to the bare start: - jobs, 52bd8e43afb01d0c9747f1fedf2fc94684ee4cc4",
      "command line, bench fixture, warm, --json: 0 jobs, 52bd8e43afb01d0c9747f1fedf2fc94684ee4cc4",
      "node -e '': - jobs, -",
      "module of 5 KB, first result: 1 jobs, a0e998e3ed3672c5950c9eab392057acfd29efd2",
      "module of 5 KB, reading and rewriting: 1 jobs, a0e998e3ed3672c5950c9eab392057acfd29efd2",
      "module of 5 KB, compiling: 1 jobs, a0e998e3ed3672c5950c9eab392057acfd29efd2",
      "module of 5 KB, running: 1 jobs, a0e998e3ed3672c5950c9eab392057acfd29efd2",
      "module of 150 KB, first result: 1 jobs, a0e998e3ed3672c5950c9eab392057acfd29efd2",
      "module of 150 KB, reading and rewriting: 1 jobs, a0e998e3ed3672c5950c9eab392057acfd29efd2",
      "module of 150 KB, compiling: 1 jobs, a0e998e3ed3672c5950c9eab392057acfd29efd2",
      "module of 150 KB, running: 1 jobs, a0e998e3ed3672c5950c9eab392057acfd29efd2",
      "module of 1 MB, first result: 1 jobs, a0e998e3ed3672c5950c9eab392057acfd29efd2",
      "module of 1 MB, reading and rewriting: 1 jobs, a0e998e3ed3672c5950c9eab392057acfd29efd2",
      "module of 1 MB, compiling: 1 jobs, a0e998e3ed3672c5950c9eab392057acfd29efd2",
      "module of 1 MB, running: 1 jobs, a0e998e3ed3672c5950c9eab392057acfd29efd2",
      "100 files, cold: 108 jobs, e537bfeb042b06bec13048a692de0f9ebac66f03",
      "100 files, cold, a job: 108 jobs, e537bfeb042b06bec13048a692de0f9ebac66f03",
      "100 files, cold, computing a job: 108 jobs, e537bfeb042b06bec13048a692de0f9ebac66f03",
      "100 files, cold, jobs a second: 108 jobs, e537bfeb042b06bec13048a692de0f9ebac66f03",
      "100 files, direct: 0 jobs, e537bfeb042b06bec13048a692de0f9ebac66f03",
      "100 files, warm: 0 jobs, e537bfeb042b06bec13048a692de0f9ebac66f03",
      "100 files, one file edited: 7 jobs, 4391a3343395552806c91a380a71dcbc6ea9e4b2",
      "100 files, peak memory: - jobs, e537bfeb042b06bec13048a692de0f9ebac66f03",
      "100 files, store: - jobs, e537bfeb042b06bec13048a692de0f9ebac66f03",
      "300 files, cold: 316 jobs, 34a5f9bcac300c3fdf6416424c4a4ff09aa74be2",
      "300 files, cold, a job: 316 jobs, 34a5f9bcac300c3fdf6416424c4a4ff09aa74be2",
      "300 files, cold, computing a job: 316 jobs, 34a5f9bcac300c3fdf6416424c4a4ff09aa74be2",
      "300 files, cold, jobs a second: 316 jobs, 34a5f9bcac300c3fdf6416424c4a4ff09aa74be2",
      "300 files, direct: 0 jobs, 34a5f9bcac300c3fdf6416424c4a4ff09aa74be2",
      "300 files, warm: 0 jobs, 34a5f9bcac300c3fdf6416424c4a4ff09aa74be2",
      "300 files, one file edited: 7 jobs, 5a978087647bfa9798bf7ae6e56117626cea77e8",
      "300 files, peak memory: - jobs, 34a5f9bcac300c3fdf6416424c4a4ff09aa74be2",
      "300 files, store: - jobs, 34a5f9bcac300c3fdf6416424c4a4ff09aa74be2",
      "300 files, cold, a job, to 100 files: - jobs, 34a5f9bcac300c3fdf6416424c4a4ff09aa74be2",
      "300 files, line-count, one executor: 316 jobs, 34a5f9bcac300c3fdf6416424c4a4ff09aa74be2",
      "300 files, line-count, one executor, a job: 316 jobs, 34a5f9bcac300c3fdf6416424c4a4ff09aa74be2",
      "300 files, line-count, one executor, computing a job: 316 jobs, 34a5f9bcac300c3fdf6416424c4a4ff09aa74be2",
      "300 files, line-count, one executor, jobs a second: 316 jobs, 34a5f9bcac300c3fdf6416424c4a4ff09aa74be2",
      "300 files, line-count, all executors: 316 jobs, 34a5f9bcac300c3fdf6416424c4a4ff09aa74be2",
      "300 files, line-count, all executors, a job: 316 jobs, 34a5f9bcac300c3fdf6416424c4a4ff09aa74be2",
      "300 files, line-count, all executors, computing a job: 316 jobs, 34a5f9bcac300c3fdf6416424c4a4ff09aa74be2",
      "300 files, line-count, all executors, jobs a second: 316 jobs, 34a5f9bcac300c3fdf6416424c4a4ff09aa74be2",
      "300 files, line-count, one executor to all: - jobs, 34a5f9bcac300c3fdf6416424c4a4ff09aa74be2",
      "20 files, busy, one executor: 26 jobs, 54a5a2571287246b3dc49322056e62881d5ced44",
      "20 files, busy, one executor, a job: 26 jobs, 54a5a2571287246b3dc49322056e62881d5ced44",
      "20 files, busy, one executor, computing a job: 26 jobs, 54a5a2571287246b3dc49322056e62881d5ced44",
      "20 files, busy, one executor, jobs a second: 26 jobs, 54a5a2571287246b3dc49322056e62881d5ced44",
      "20 files, busy, all executors: 26 jobs, 54a5a2571287246b3dc49322056e62881d5ced44",
      "20 files, busy, all executors, a job: 26 jobs, 54a5a2571287246b3dc49322056e62881d5ced44",
      "20 files, busy, all executors, computing a job: 26 jobs, 54a5a2571287246b3dc49322056e62881d5ced44",
      "20 files, busy, all executors, jobs a second: 26 jobs, 54a5a2571287246b3dc49322056e62881d5ced44",
      "20 files, busy, one executor to all: - jobs, 54a5a2571287246b3dc49322056e62881d5ced44",
      "import of 300 packed files: 0 jobs, 7ed15e2a55d9e00edfaae4a920b56ed87ce7fe56",
      "import of 300 packed files, again: 0 jobs, 7ed15e2a55d9e00edfaae4a920b56ed87ce7fe56",
      "300 imported files, file-count: 316 jobs, 697cb3a26d77d1625ea445520e6e1e7bae966fe1",
      "300 imported files, file-count, a job: 316 jobs, 697cb3a26d77d1625ea445520e6e1e7bae966fe1",
      "300 imported files, file-count, computing a job: 316 jobs, 697cb3a26d77d1625ea445520e6e1e7bae966fe1",
      "300 imported files, file-count, jobs a second: 316 jobs, 697cb3a26d77d1625ea445520e6e1e7bae966fe1",
      "300 packed files borrowed: 0 jobs, 7ed15e2a55d9e00edfaae4a920b56ed87ce7fe56",
      "300 borrowed files, file-count: 316 jobs, 697cb3a26d77d1625ea445520e6e1e7bae966fe1",
      "300 borrowed files, file-count, a job: 316 jobs, 697cb3a26d77d1625ea445520e6e1e7bae966fe1",
      "300 borrowed files, file-count, computing a job: 316 jobs, 697cb3a26d77d1625ea445520e6e1e7bae966fe1",
      "300 borrowed files, file-count, jobs a second: 316 jobs, 697cb3a26d77d1625ea445520e6e1e7bae966fe1",
      "memo hit among 1000, store, cold: 0 jobs, 3805b6fc4313b9d4a5a96ff26873af02e4a5f1b6",
      "memo hit among 1000, store, hot: 0 jobs, 3805b6fc4313b9d4a5a96ff26873af02e4a5f1b6",
      "memo hit among 1000, engine, cold: 0 jobs, 3805b6fc4313b9d4a5a96ff26873af02e4a5f1b6",
      "memo hit among 1000, engine, hot: 0 jobs, 3805b6fc4313b9d4a5a96ff26873af02e4a5f1b6",
      "108 jobs, one executor, empty store, a job: 108 jobs, e537bfeb042b06bec13048a692de0f9ebac66f03",
      "108 jobs, one executor, empty store, computing a job: 108 jobs, e537bfeb042b06bec13048a692de0f9ebac66f03",
      "108 jobs, one executor, empty store, jobs a second: 108 jobs, e537bfeb042b06bec13048a692de0f9ebac66f03",
      "108 jobs, one executor, 1000 held, a job: 108 jobs, e537bfeb042b06bec13048a692de0f9ebac66f03",
      "108 jobs, one executor, 1000 held, computing a job: 108 jobs, e537bfeb042b06bec13048a692de0f9ebac66f03",
      "108 jobs, one executor, 1000 held, jobs a second: 108 jobs, e537bfeb042b06bec13048a692de0f9ebac66f03",
      "108 jobs, one executor, 1000 held, to empty: - jobs, e537bfeb042b06bec13048a692de0f9ebac66f03",
      "true, not remembered: 1 jobs, 9873bea39e9b6a4973d0191e3cf3a5445e3bfae2",
      "true, remembered: 0 jobs, 9873bea39e9b6a4973d0191e3cf3a5445e3bfae2",
      "grep, 128 KB, not remembered: 1 jobs, f118f758addf28efcfdbe885f0071d5bc7d37397",
      "grep, 128 KB, remembered: 0 jobs, f118f758addf28efcfdbe885f0071d5bc7d37397",
      "first script job of a process, from opening the engine: 1 jobs, be6b29a19fe933b8a640663bf3e599b28321d844",
      "first script job of a process, from asking: 1 jobs, be6b29a19fe933b8a640663bf3e599b28321d844",
      "100 scripts of a line in a batch, one executor, a job: 101 jobs, cc3a6f99d5ee6bb132d9a5afaa230bf95549fd15",
      "100 scripts of a line in a batch, all executors, a job: 101 jobs, cc3a6f99d5ee6bb132d9a5afaa230bf95549fd15",
      "idle script process: - jobs, -",
      "100 scripts that wait, each: - jobs, -",
    ]
  `);
    // What a native command takes in a shell's loop is a difference of two times, which noise may turn round.
    const times = rows.filter(({ name }) => !name.endsWith("in a shell's loop"));
    expect(times.filter(({ value, min, max }) => !(min >= 0 && min <= value && value <= max))).toEqual([]);
  },
);
