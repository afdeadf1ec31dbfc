/** Commands in AssemblyScript that assert, over many calls, what is easily got wrong between them (workers/test-commands/preview1.ts). */
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import type { Oid } from "../../../src/store/oid.ts";
import { compileWorker } from "../../../workers/build.ts";
import { runCommand } from "../../guests/command.ts";
import { sharedRoom } from "../../guests/room.ts";

const room = sharedRoom({ executors: 1 });
const folder = join(import.meta.dirname, "../../../workers/test-commands");
/** In the place of the SDK's, which logs by the ABI: a command has none. */
const trapped = `export function trapped(message: string | null, file: string | null, line: u32, column: u32): void {
  unreachable();
}`;
let worker: Oid;

beforeAll(async () => {
  const sources = readdirSync(folder).map((file): [string, string] => [
    `test-commands/${file}`,
    readFileSync(join(folder, file), "utf8"),
  ]);
  const all = new Map([["sdk/abi.ts", trapped], ...sources]);
  worker = await room.engine.addCommand(await compileWorker("preview1", "test-commands/preview1.ts", all));
});

test.each([
  "listing",
  "renaming",
  "appending",
  "truncating",
  "symlinks",
  "polling",
  "renumbering",
  "unlinking",
  "linking",
  "positions",
  "folders",
])("%s: every assertion holds", async (name) => {
  const { exit, stderr } = await runCommand(room.engine, worker, { argv: ["preview1", name] });
  expect([exit, stderr]).toEqual([0, ""]);
});

test("a guest that is none says so", async () => {
  expect((await runCommand(room.engine, worker, { argv: ["preview1", "nothing"] })).exit).toBe(255);
});
