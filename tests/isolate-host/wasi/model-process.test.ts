/** What V8 compiled for the calls of preview 1 must outlive a collection of the whole heap between two commands: its code depends on kinds of objects of which it forgets those that no object has. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterAll, beforeAll, expect, test } from "vitest";
import { modelProcess } from "../../../src/isolate-host/wasi/model-process.ts";
import { preview1 } from "../../../src/isolate-host/wasi/preview1.ts";
import type { Process } from "../../../src/isolate-host/wasi/process.ts";

/** As V8's runtime.h has it. */
const optimizedBit = 1 << 4;

interface Natives {
  readonly collect: () => void;
  readonly prepare: (code: unknown) => void;
  readonly optimize: (code: unknown) => void;
  readonly status: (code: unknown) => number;
}
let natives: Natives;

beforeAll(() => {
  setFlagsFromString("--allow-natives-syntax");
  setFlagsFromString("--expose-gc");
  natives = runInNewContext(`({
    collect: gc,
    prepare: (code) => { %PrepareFunctionForOptimization(code); },
    optimize: (code) => { %OptimizeFunctionOnNextCall(code); },
    status: (code) => %GetOptimizationStatus(code),
  })`) as Natives;
});

afterAll(() => {
  setFlagsFromString("--no-allow-natives-syntax");
  setFlagsFromString("--no-expose-gc");
});

type Call = (process: Process, ...args: readonly number[]) => number;
const fd_write = preview1.fd_write as Call;
const fd_read = preview1.fd_read as Call;
/** Where the model's own vectors stand in its memory, and a file that it has open. */
const [answerAt, vectorAt, fileFd] = [0, 8, 4] as const;

/** Has both calls compiled for processes of which none is left. */
function optimizeCalls(): void {
  const run = () => {
    const process = modelProcess();
    for (const fd of [1, 2]) expect(fd_write(process, fd, vectorAt, 1, answerAt)).toBe(0);
    for (const fd of [0, fileFd]) expect(fd_read(process, fd, vectorAt, 1, answerAt)).toBe(0);
  };
  for (const call of [fd_write, fd_read]) natives.prepare(call);
  for (let times = 0; times < 100; times++) run();
  for (const call of [fd_write, fd_read]) natives.optimize(call);
  run();
}

const areOptimized = () => [fd_write, fd_read].map((call) => (natives.status(call) & optimizedBit) !== 0);

/** Several times, since V8 keeps what compiled code depends on for two; in turns of their own, since what was used in one may live until its end. */
async function collectAll(): Promise<void> {
  for (let times = 0; times < 5; times++) {
    await new Promise((resolve) => void setImmediate(resolve));
    natives.collect();
  }
}

// Without a model they are mostly forgotten, but what V8 holds on to by itself is not to be foreseen.
test("calls stay compiled over a collection while the model lives", async () => {
  const model = modelProcess();
  optimizeCalls();
  expect(areOptimized()).toEqual([true, true]);
  await collectAll();
  expect(areOptimized()).toEqual([true, true]);
  expect(model.descriptors.at(fileFd).kind).toBe("file");
});
