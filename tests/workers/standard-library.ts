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

/** The standard library and test guests by name, over `caos_abi_v1` instead of the ABI that the SDK uses. */
export async function jsonLibrary(testGuests: readonly string[]): Promise<Record<string, Uint8Array>> {
  const modules: Record<string, Uint8Array> = {};
  for (const name of [...workerNames(), ...testGuests]) {
    const isTestGuest = testGuests.includes(name);
    const sources = readSources(["json-abi", isTestGuest ? "test-guests" : name]);
    for (const file of ["abi.ts", "caos_abi_v1.ts"]) {
      sources.set(`sdk/${file}`, sources.get(`json-abi/${file}`) as string);
      sources.delete(`json-abi/${file}`);
    }
    sources.delete("sdk/coppice_v1.ts");
    const entry = isTestGuest ? `test-guests/${name}.ts` : `${name}/worker.ts`;
    modules[name] = await compileWorker(name, entry, sources);
  }
  return modules;
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
