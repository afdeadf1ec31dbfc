/** A folder of more children than one call asks for: several batches of one fold. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { openEngine, type TreeEntry } from "../../src/engine.ts";
import { testGuest } from "../workers/standard-library.ts";

const folder = mkdtempSync(join(tmpdir(), "coppice-wide-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("folds, and the first failure in entry order is named once all children have finished, those of later batches, too", async () => {
  const engine = openEngine({ store: join(folder, "store.sqlite") });
  const picky = engine.addWorker(await testGuest("picky"));
  const foldOf = (special: Readonly<Record<number, string>>) => {
    const same = engine.putBlob(Buffer.from("same"));
    const entries = Array.from({ length: 70_000 }, (_, index): TreeEntry => {
      const text = special[index];
      const oid = text === undefined ? same : engine.putBlob(Buffer.from(text));
      return { name: `f${String(index).padStart(5, "0")}`, mode: "100644", oid };
    });
    return engine.fold({ in: engine.putTree(entries), post: picky });
  };
  const sound = await foldOf({});
  expect(sound.outcome.kind).toBe("blob");
  expect(sound.jobs).toMatchObject({ executed: 3, memoized: 69_999 });
  const failed = await foldOf({ 3: "bad first", 4: "bad second", 69_998: "bad third", 69_999: "last" });
  expect(failed.outcome).toMatchObject({ kind: "failed", message: "./f00003: bad first" });
  // Three that failed, the last one, and the fold itself.
  expect(failed.jobs.executed).toBe(5);
  await engine.close();
});
