/** The standard library as it is built now, and test guests compiled against its SDK. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildWorkers, compileWorker, readSources, stdFolder, workerNames } from "../../workers/build.ts";

/** Builds what is out of date and returns all modules by name. */
export async function standardLibrary(): Promise<Record<string, Uint8Array>> {
  await buildWorkers();
  return Object.fromEntries(workerNames().map((name) => [name, readFileSync(join(stdFolder, `${name}.wasm`))]));
}

/** Compiles workers/test-guests/NAME.ts, a guest that only tests use. */
export async function testGuest(name: string): Promise<Uint8Array> {
  return compileWorker(name, `test-guests/${name}.ts`, readSources(["test-guests"]));
}

/** Runs `task` with a folder that is gone afterwards. */
export async function withTemporaryFolder(task: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "coppice-workers-"));
  try {
    await task(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
