/** Runs scripts of preview 1 in an engine. */
import { expect } from "vitest";
import { readCommandResult } from "../../src/abi/command.ts";
import type { RunOptions } from "../../src/engine.ts";
import { listed, startCommand, type Given, type Told } from "./command.ts";
import type { Room } from "./room.ts";
import type { WasiScript } from "./wasi-script.ts";

/** Runs a script, all of whose assertions must hold; returns what it told. */
export async function passes(
  room: Room,
  script: WasiScript,
  given: Given = {},
  options: RunOptions = {},
): Promise<Told> {
  const worker = await room.engine.addCommand(script.module());
  const { outcome } = await startCommand(room.engine, worker, given, options);
  if (outcome.kind === "failed") throw new Error(`the guest failed: ${outcome.code}: ${outcome.message}`);
  const result = readCommandResult(room.engine, outcome.oid);
  if (result === undefined) throw new Error("the result is no command's");
  const stderr = room.engine.get(result.stderr).body;
  if (result.exit === 1 && stderr.length >= 8) throw new Error(script.failure(stderr));
  return {
    exit: result.exit,
    stdout: text(room.engine.get(result.stdout).body),
    stderr: text(stderr),
    out: result.out,
  };
}

/** Runs a script, and expects these paths and texts in the tree that it leaves; a folder's path ends in a slash. */
export async function leaves(
  room: Room,
  script: WasiScript,
  given: Given,
  tree: Readonly<Record<string, string>>,
): Promise<void> {
  const { out } = await passes(room, script, given);
  const found = Object.entries(listed(room.engine, out)).map(([path, [, content]]) => [path, content]);
  expect(Object.fromEntries(found)).toEqual(tree);
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("utf8");
}
