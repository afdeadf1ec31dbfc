/** What a command that runs for a while writes is told while it runs, and is the front of what its result holds. */
import { expect, test } from "vitest";
import type { CommandOutput } from "../../src/engine.ts";
import { assemble } from "../guests/assemble.ts";
import { startCommand } from "../guests/command.ts";
import { sharedRoom } from "../guests/room.ts";

const room = sharedRoom({ executors: 1 });

/** Writes a line, alternately to stdout and stderr, and counts to `turns`, ten times. */
const writer = (turns: number) => `(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 100) "0 line\\n")
  (func (export "_start") (local $line i32) (local $turn i32)
    (i32.store (i32.const 0) (i32.const 100))
    (i32.store (i32.const 4) (i32.const 7))
    (loop $lines
      (i32.store8 (i32.const 100) (i32.add (i32.const 48) (local.get $line)))
      (drop (call $write (i32.add (i32.const 1) (i32.and (local.get $line) (i32.const 1))) (i32.const 0) (i32.const 1) (i32.const 8)))
      (local.set $turn (i32.const 0))
      (loop $turns
        (local.set $turn (i32.add (local.get $turn) (i32.const 1)))
        (br_if $turns (i32.lt_u (local.get $turn) (i32.const ${turns}))))
      (local.set $line (i32.add (local.get $line) (i32.const 1)))
      (br_if $lines (i32.lt_u (local.get $line) (i32.const 10))))))`;

async function heardFrom(turns: number, salt: string) {
  const worker = await room.engine.addCommand(assemble(writer(turns)));
  const heard: CommandOutput[] = [];
  const onOutput = (output: CommandOutput) => void heard.push(output);
  const { outcome } = await startCommand(room.engine, worker, {}, { onOutput, salt });
  if (outcome.kind === "failed") throw new Error(outcome.message);
  const said = room.engine.commandResult(outcome.oid);
  if (said === undefined) throw new Error("no command's result");
  return { heard, said: (stream: "stdout" | "stderr") => Buffer.from(room.engine.get(said[stream]).body) };
}

test("a command that counts for long is heard before it ends, each stream from its front and without a gap", async () => {
  const { heard, said } = await heardFrom(200_000_000, "");
  expect(heard.length).toBeGreaterThan(0);
  for (const stream of ["stdout", "stderr"] as const) {
    let at = 0;
    for (const each of heard.filter((output) => output.stream === stream)) {
      expect(each.at).toBe(at);
      at += each.bytes.length;
      expect(Buffer.from(each.bytes).equals(said(stream).subarray(each.at, at))).toBe(true);
    }
  }
  expect(said("stdout").toString()).toBe("0 line\n2 line\n4 line\n6 line\n8 line\n");
});

test("what is remembered is not told again", async () => {
  expect((await heardFrom(200_000_000, "")).heard).toEqual([]);
});
