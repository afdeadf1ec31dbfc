/** A process that verifies and dies: whoever waits is told, and what can't live is not started for ever. */
import { expect, test } from "vitest";
import { VerifyingPool } from "../../src/isolate-host/verifying-pool.ts";
import { oid } from "../../src/store/oid.ts";

test("where no process can live, each request is told so, and after some deaths none is started", async () => {
  const pool = new VerifyingPool({
    storePath: "",
    executors: 1,
    wallClockMsMax: 60_000,
    nestedFramesMax: 64,
    scriptFlags: [],
    // Node ends at once.
    flags: ["--no-such-flag"],
  });
  const messages: string[] = [];
  for (let times = 0; times < 5; times++) {
    const answer = await pool.verify(
      0,
      [oid("1".repeat(40))],
      () => undefined,
      () => undefined,
    );
    // A process that ended before it was written to is told of by the write.
    const message = answer?.kind === "host" ? answer.message : "";
    messages.push(message.replace(/failed: (?:write EPIPE|Channel closed)$/, "ended with code 9"));
  }
  const died = "the process that verified ended with code 9";
  const given = "no process that verifies lives: 3 have ended";
  expect(messages).toEqual([died, died, died, given, given]);
  await pool.close();
});
