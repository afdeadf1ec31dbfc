/** An engine on a store of its own for the tests of a file, and the examples' commands as a user calls them. */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import { openEngine, type Engine } from "../../src/engine.ts";
import { variables } from "../store/git/git.ts";

export const examples = join(import.meta.dirname, "..", "..", "examples");

/** Closed, and its store removed, when the file's tests are done. */
export function sharedEngine(): Engine {
  const folder = mkdtempSync(join(tmpdir(), "coppice-examples-"));
  const engine = openEngine({ store: join(folder, "store.sqlite"), environment: variables, executors: 2 });
  afterAll(async () => {
    await engine.close();
    rmSync(folder, { recursive: true, force: true });
  });
  return engine;
}

/** What an example prints, without the milliseconds. */
export function printed(file: string, ...args: readonly string[]): string {
  const output = execFileSync(process.execPath, [join(examples, file), ...args], { env: variables, encoding: "utf8" });
  return output.replaceAll(/[\d.]+ ms/g, "N ms");
}

/** How an example ends that can't be shown, and the line that it says. */
export function refused(file: string, ...args: readonly string[]): readonly [status: number | null, said: string] {
  const { status, stderr } = spawnSync(process.execPath, [join(examples, file), ...args], {
    env: variables,
    encoding: "utf8",
  });
  return [status, stderr];
}
