/** Guests that take all the memory, stack or time there is: each ends as an error, in a bounded time and memory, and the next job on a new child is unharmed. */
import { Worker } from "node:worker_threads";
import { afterAll, beforeAll, expect, test } from "vitest";
import { residentBytes } from "../../../src/isolate-host/script/resident-bytes.ts";
import { ScriptChildDied } from "../../../src/isolate-host/script/script-child.ts";
import { hashObject } from "../../../src/store/object.ts";
import { bombs } from "./bombs.ts";
import { endText, jobOf, MemoryFrame, runToEnd } from "./memory-frame.ts";
import { OwnChild } from "./own-child.ts";

const shared = new Int32Array(new SharedArrayBuffer(8));
let watcher: Worker;
beforeAll(async () => {
  const workerData = { shared, bytesMost: 700 << 20, looksMost: 60 };
  watcher = new Worker(new URL("watch.ts", import.meta.url), { workerData });
  await new Promise((resolve) => watcher.once("online", resolve));
});
afterAll(() => watcher.terminate());

/** How a job ends that a new child runs, watched; for as long as it takes, unless it `takesAll`. */
function end(body: string, takesAll: boolean): string {
  const frame = new MemoryFrame();
  const child = new OwnChild({ heapMb: 64 });
  child.awaitReady();
  const pid = child.process.pid as number;
  Atomics.store(shared, 1, takesAll ? 0 : -1e9);
  Atomics.store(shared, 0, pid);
  try {
    return endText(runToEnd(child, frame, jobOf(frame, `exports.default = async (job) => {${body}\n};`)));
  } catch (error) {
    if (error instanceof ScriptChildDied) return "gone";
    throw error;
  } finally {
    Atomics.compareExchange(shared, 0, pid, 0);
    child.close();
  }
}

test.each(bombs)("a guest that %s ends as an error", (_what, body, expected) => {
  // What ends by itself may take long on a busy machine.
  expect(end(body, expected === "gone")).toBe(expected);
  expect(end("return 'unharmed'", false)).toBe("unharmed");
});

test.each(["log('x')", "putBlob('x')", "putBlob(big)", "text(small)", "putTree({ x: 'y' })", "run('a')"])(
  "a job whose stack ends about job.%s comes to no outcome, though it catches that, and the child goes on",
  (op) => {
    const frame = new MemoryFrame();
    const child = new OwnChild({ heapMb: 64 });
    const body = `
      const big = 'x'.repeat(300_000), small = job.putBlob('y'); let tries = 0;
      const go = () => { try { go() } catch {} if (tries++ < 300) try { job.${op} } catch {} };
      go(); return 'an end'`;
    const turn = child.run(jobOf(frame, `exports.default = async (job) => {${body}}`), frame).turn;
    expect(endText(turn)).toBe("exhausted: the stack ended where the job called the host");
    expect(endText(runToEnd(child, frame, jobOf(frame, "exports.default = () => 'sound'")))).toBe("sound");
    child.close();
  },
);

test.each(["job.putBlob('y')", "Math.random()"])(
  "what is loaded when a job first wants %s finds the stack that it needs, though the guest has none left, and the child goes on",
  (op) => {
    const frame = new MemoryFrame();
    const child = new OwnChild({ heapMb: 64 });
    const body = `let tries = 0; const go = () => { try { go() } catch {} if (tries++ < 300) try { ${op} } catch {} }; go(); return 'an end'`;
    const turn = child.run(jobOf(frame, `exports.default = async (job) => {${body}}`), frame).turn;
    expect(endText(turn)).toBe("exhausted: the stack ended where the job called the host");
    const next = jobOf(frame, "exports.default = (job) => job.putBlob('x' + (Math.random() < 1)).oid");
    expect(endText(runToEnd(child, frame, next))).toBe(hashObject("blob", Buffer.from("xtrue")));
    child.close();
  },
);

test.each(["for (;;);", "for (;;) try { for (;;); } catch {} finally { continue }", "for (;;) await null"])(
  "a process that nobody kills ends itself: %s",
  (body) => {
    const frame = new MemoryFrame();
    const child = new OwnChild({ heapMb: 64, turnMs: 50 });
    expect(() => child.run(jobOf(frame, `exports.default = async () => {${body}}`), frame)).toThrow(ScriptChildDied);
  },
);

test("a process that is gone holds no memory that could be asked for", () => {
  expect(residentBytes(process.pid)).toBeGreaterThan(1 << 20);
  expect(residentBytes(2 ** 30)).toBeUndefined();
});
