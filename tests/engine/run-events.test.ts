/** What is told of a run while it goes on. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, it, vi } from "vitest";
import {
  NonAnswerError,
  UnknownWorker,
  openEngine,
  type Engine,
  type EngineOptions,
  type Run,
  type RunEvent,
  type RunResult,
} from "../../src/engine.ts";
import { startRun, type RunTold } from "../../src/run.ts";
import { emptyBlob } from "../../src/store/object.ts";
import { oid } from "../../src/store/oid.ts";
import { syntheticTree, wideFixture } from "../fold-bench/fixtures.ts";
import { countless, run as runCall, silent } from "../guests/children.ts";
import { json as call, script } from "../guests/script.ts";

const folder = mkdtempSync(join(tmpdir(), "coppice-events-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(() => void vi.useRealTimers());
let stores = 0;

async function withEngine(
  work: (engine: Engine, store: string) => Promise<void>,
  options: Partial<EngineOptions> = {},
): Promise<void> {
  const store = join(folder, `${stores++}.sqlite`);
  const engine = openEngine({ ...options, store });
  try {
    await work(engine, store);
  } finally {
    await engine.close();
  }
}

/** A run that goes on until it is cancelled, and executes all the time. */
function runForEver(engine: Engine, salt = ""): { readonly run: Run; readonly abort: AbortController } {
  engine.putTree([]);
  const worker = engine.addWorker(countless(engine.addWorker(silent)));
  const abort = new AbortController();
  return { run: engine.run({ worker, salt, signal: abort.signal }), abort };
}

async function allOf(run: Run): Promise<RunEvent[]> {
  const events: RunEvent[] = [];
  for await (const event of run.events) events.push(event);
  return events;
}

/** The next so many events of progress. */
async function progressOf(run: Run, count: number): Promise<number[]> {
  const told: number[] = [];
  for await (const event of run.events) {
    if (event.type === "progress") told.push(event.executed);
    if (told.length === count) break;
  }
  return told;
}

const rising = (numbers: readonly number[]) => numbers.toSorted((a, b) => a - b);
const cancelled = { answer: { kind: "cancelled" } };

describe("the events of a run", () => {
  it("of a fold are its start, progress that rises, and its result", async () => {
    await withEngine(async (engine) => {
      const run = engine.fold({ in: syntheticTree(engine, 4000), post: "line-count" });
      const events = await allOf(run);
      const result = await run;
      expect(events[0]).toEqual({ type: "started", request: result.request });
      expect(events.at(-1)).toEqual({ type: "done", result });
      const between = events.slice(1, -1).map((event) => (event.type === "progress" ? event.executed : event));
      expect(between).toEqual(rising(between as number[]));
      for (const executed of between) expect(executed).toBeLessThanOrEqual(result.jobs.executed);
      expect(new Set(between).size).toBe(between.length);
    });
  });

  it("come while an executor is busy, and with every timer of this thread stopped: nobody polls", async () => {
    await withEngine(async (engine) => {
      vi.useFakeTimers({ toFake: ["setTimeout", "setInterval", "setImmediate"] });
      const { run, abort } = runForEver(engine);
      const told = await progressOf(run, 3);
      expect(told).toHaveLength(3);
      expect(told).toEqual(rising(told));
      abort.abort();
      await expect(run).rejects.toMatchObject(cancelled);
    });
  });

  it("of two runs at once count what is executed for each", async () => {
    await withEngine(
      async (engine) => {
        const { run, abort } = runForEver(engine);
        await progressOf(run, 1);
        const fold = engine.fold({ in: wideFixture(engine), post: "file-count" });
        const finite = await allOf(fold);
        expect(finite.at(-1)).toMatchObject({ type: "done", result: { jobs: { executed: 61 } } });
        for (const event of finite) if (event.type === "progress") expect(event.executed).toBeLessThanOrEqual(61);
        expect(await progressOf(run, 2)).toHaveLength(2);
        abort.abort();
        await expect(run).rejects.toMatchObject(cancelled);
      },
      { executors: 2 },
    );
  });

  it("of a run that a memo answers are its start and its result", async () => {
    await withEngine(async (engine) => {
      const worker = engine.addWorker(silent);
      const { request } = await engine.run({ worker });
      const run = engine.run({ worker });
      expect(await allOf(run)).toEqual([
        { type: "started", request },
        { type: "done", result: await run },
      ]);
      expect((await run).jobs).toEqual({ executed: 0, frames: 0, memoized: 1 });
    });
  });

  it("have what guests log, without any function that hears it", async () => {
    await withEngine(async (engine) => {
      engine.putTree([]);
      const child = engine.addWorker(script([call({ op: "log", msg: "child" })]));
      const worker = engine.addWorker(script([runCall(child), call({ op: "log", msg: "parent" })]));
      const run = engine.run({ worker });
      const lines = (await allOf(run)).filter((event) => event.type === "log");
      expect(lines.map(({ line }) => line)).toEqual(["child", "parent"]);
      expect(lines[1]).toEqual({ type: "log", request: (await run).request, line: "parent" });
    });
  });

  it("are there for several iterations, and for one that begins when all is over", async () => {
    await withEngine(async (engine) => {
      const run = engine.fold({ in: wideFixture(engine), post: "file-count" });
      const both = await Promise.all([allOf(run), allOf(run)]);
      const result = await run;
      for (const events of [...both, await allOf(run)]) {
        expect(events[0]).toEqual({ type: "started", request: result.request });
        expect(events.at(-1)).toEqual({ type: "done", result });
      }
    });
  });
});

describe("an iteration", () => {
  it("that is left early ends nothing", async () => {
    await withEngine(async (engine) => {
      const run = engine.fold({ in: wideFixture(engine), post: "file-count" });
      for await (const event of run.events) {
        expect(event.type).toBe("started");
        break;
      }
      expect((await run).jobs.executed).toBe(61);
    });
  });

  it("of a run that is cancelled ends with the error that the promise has", async () => {
    await withEngine(async (engine) => {
      const { run, abort } = runForEver(engine);
      const types = new Set<string>();
      const iteration = (async () => {
        for await (const event of run.events) {
          types.add(event.type);
          if (event.type === "progress") abort.abort();
        }
      })();
      const thrown: unknown = await iteration.catch((error: unknown) => error);
      expect(thrown).toBeInstanceOf(NonAnswerError);
      expect(thrown).toMatchObject(cancelled);
      expect(types).toEqual(new Set(["started", "progress"]));
      await expect(run).rejects.toBe(thrown);
      await expect(allOf(run)).rejects.toBe(thrown);
    });
  });

  it("in whose midst the run rejects is told when it goes on", async () => {
    await withEngine(async (engine) => {
      const { run } = runForEver(engine);
      const iteration = (async () => {
        for await (const event of run.events) {
          // Who closes waits for threads: meanwhile Node looks for rejections that nobody handles.
          if (event.type === "progress") await engine.close();
        }
      })();
      await expect(iteration).rejects.toMatchObject(cancelled);
    });
  });

  it("of a request that can't be formed throws at once", async () => {
    await withEngine(async (engine) => {
      const { events } = engine.run({ worker: "nobody" });
      await expect(events[Symbol.asyncIterator]().next()).rejects.toThrow(UnknownWorker);
    });
  });
});

describe("a slow reader", () => {
  const result: RunResult = {
    request: oid("1".repeat(40)),
    outcome: { kind: "blob", oid: emptyBlob },
    cid: undefined,
    detail: undefined,
    jobs: { executed: 1, frames: 1, memoized: 0 },
    ms: 1,
    run: 1,
  };
  const { request } = result;

  /** The events that a reader gets who has read that the run started, and no more before all of `tell` was told. */
  async function readLate(tell: (told: RunTold) => void): Promise<RunEvent[]> {
    const gate = Promise.withResolvers<void>();
    const run = startRun(undefined, async (told) => {
      told.started(request);
      await gate.promise;
      tell(told);
      return result;
    });
    const events: RunEvent[] = [];
    for await (const event of run.events) {
      events.push(event);
      gate.resolve();
      await run;
    }
    return events;
  }

  it("gets the newest progress, and none that falls", async () => {
    const events = await readLate((told) => {
      for (const executed of [1, 2, 900, 3]) told.progressed(executed);
    });
    expect(events).toEqual([
      { type: "started", request },
      { type: "progress", executed: 900 },
      { type: "done", result },
    ]);
  });

  it("gets 100,000 lines of a log, and a note that there were more", async () => {
    const events = await readLate((told) => {
      for (let line = 0; line < 100_010; line++) told.logged({ request, line: String(line) });
    });
    expect(events).toHaveLength(100_003);
    expect(events[100_000]).toEqual({ type: "log", request, line: "99999" });
    expect(events[100_001]).toEqual({ type: "log", request, line: "(further log lines are not shown)" });
    expect(events.at(-1)).toEqual({ type: "done", result });
  });

  it("is what lines are collected for: without one, and without a function that hears them, they are not", async () => {
    const tolds: RunTold[] = [];
    const work = async (told: RunTold) => {
      tolds.push(told);
      told.started(request);
      return result;
    };
    const { events } = startRun(undefined, work);
    const wanted = [tolds[0]?.wantsLogs];
    for await (const event of events) {
      expect(event.type).toBe("started");
      wanted.push(tolds[0]?.wantsLogs);
      break;
    }
    wanted.push(tolds[0]?.wantsLogs);
    await startRun(() => undefined, work);
    wanted.push(tolds[1]?.wantsLogs);
    expect(wanted).toEqual([false, true, false, true]);
  });
});

describe("a process", () => {
  const engineUrl = new URL("../../src/engine.ts", import.meta.url).href;

  function play(store: string, text: string): { status: number | null; out: string; err: string } {
    const program = `import { openEngine } from ${JSON.stringify(engineUrl)};
      const engine = openEngine({ store: ${JSON.stringify(store)} });
      ${text}`;
    const file = join(folder, "program.mjs");
    writeFileSync(file, program);
    const { status, stdout, stderr } = spawnSync(process.execPath, [file], { encoding: "utf8" });
    return { status, out: stdout, err: stderr };
  }

  it("ends by itself after a run that was iterated, with the engine open and an iteration left in its midst", () => {
    const said = play(
      join(folder, "ends.sqlite"),
      `const run = engine.fold({ in: engine.putTree([]), post: "line-count" });
       const left = run.events[Symbol.asyncIterator]();
       await left.next();
       for await (const event of run.events) console.log(event.type);`,
    );
    expect(said).toMatchObject({ status: 0, err: "" });
    expect(said.out).toMatch(/^started\n(progress\n)*done\n$/);
  });

  it("in which nobody awaits a run that rejects, nor iterates it, ends as with any promise", () => {
    const said = play(join(folder, "rejects.sqlite"), `engine.run({ worker: "nobody" });`);
    expect(said.status).toBe(1);
    expect(said.err).toContain("UnknownWorker");
  });
});
