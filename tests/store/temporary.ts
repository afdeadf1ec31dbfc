/** Folders in the system's temporary folder, removed when the tests of a file have run. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";

/** A function that names fresh files in one temporary folder. Call it at the top of a test file. */
export function temporaryFiles(): (name?: string) => string {
  const folder = mkdtempSync(join(tmpdir(), "coppice-store-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  let made = 0;
  return (name = "store.sqlite") => join(folder, `${++made}-${name}`);
}
