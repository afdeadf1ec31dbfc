import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";
import { memoryFolder } from "./tests/memory-folder.ts";

const root = import.meta.dirname;
const { isFresh } = createRequire(import.meta.url)("./bin/bundle.js") as {
  readonly isFresh: (root: string) => boolean;
};

/**
 * What was built (`npm run build`) is what tests run, as it is what users do: its command, threads and processes start in half the time, and starting them is most of what tests do. Where it is older
 * than a source, as after an edit, they run the sources.
 */
const built = { find: /^(?:\.\.\/)+src\/(.+)\.ts$/, replacement: join(root, "dist", "$1.js") };

/** Files that take long, the longest first. A checkout that ran no tests yet knows only their sizes, and would start some of these last. */
const long = [
  "engine/graphs",
  "differential/differential",
  "cli/exec",
  "engine/scripts",
  "fold-bench/fold-bench",
  "engine/bombs",
  "cli/run",
  "tools/native",
  "examples/build",
  "isolate-host/script/bombs",
  "crash/crash",
].map((name) => join(root, "tests", `${name}.test.ts`));

class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    // oxlint-disable-next-line unicorn/no-array-sort -- it is the sequencer's
    const others = await super.sort(files.filter(({ moduleId }) => !long.includes(moduleId)));
    const place = ({ moduleId }: TestSpecification) => long.indexOf(moduleId);
    return [...files.filter((file) => place(file) >= 0).toSorted((a, b) => place(a) - place(b)), ...others];
  }
}

const temporary = memoryFolder();

export default defineConfig({
  resolve: { alias: isFresh(root) ? [built] : [] },
  test: {
    include: ["tests/**/*.test.ts"],
    // For what hangs: ten times what the longest ones take, since a machine may have much else to do.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    maxWorkers: "100%",
    setupFiles: ["tests/seeded-properties.ts"],
    // For the processes that tests start: sources are stripped of their types once, and not by each of them.
    env: {
      NODE_COMPILE_CACHE: join(tmpdir(), "coppice-tests-cache"),
      ...(temporary === undefined ? {} : { TMPDIR: temporary }),
    },
    globalSetup: ["tests/memory-folder.ts"],
    sequence: { sequencer: LongFirst },
  },
});
