/** A run's jobs as a tree, and as Chrome's trace format. */
import { expect, test } from "vitest";
import { NonAnswerError, type ChromeEvent, type Engine, type Oid, type TreeNode } from "../../src/engine.ts";
import { withEngine } from "../guests/room.ts";

function wide(engine: Engine, folders: number, files: number): Oid {
  const blob = (text: string) => engine.putBlob(Buffer.from(text));
  const folder = (name: string) =>
    engine.putTree(
      Array.from({ length: files }, (_, at) => ({ mode: "100644", name: `f${at}`, oid: blob(`${name} ${at}\n`) })),
    );
  return engine.putTree(
    Array.from({ length: folders }, (_, at) => ({ mode: "40000", name: `d${at}`, oid: folder(`d${at}`) })),
  );
}

function* nodes(node: TreeNode): Generator<TreeNode> {
  yield node;
  for (const child of node.children) yield* nodes(child);
}

for (const executors of [1, 3]) {
  test(`each job of a run is in its tree once, under the one that asked for it, by ${executors} executors`, async () => {
    await withEngine({ executors }, async (engine) => {
      const { request, jobs } = await engine.fold({ in: wide(engine, 4, 5), post: "line-count" });
      const tree = await engine.trace(request);
      const all = tree === undefined ? [] : [...nodes(tree.root)];
      const ran = all.filter(({ how }) => how === "run");
      expect(ran.map(({ request: name }) => name)).toHaveLength(new Set(ran.map((node) => node.request)).size);
      expect(ran).toHaveLength(jobs.executed);
      expect(tree?.isCut).toBe(false);
      expect(tree?.root.children.map(({ path }) => path)).toEqual(["d0", "d1", "d2", "d3", "."]);
      for (const node of all) {
        if (node.how === "run") expect(node.fuel).toBeGreaterThan(0);
        else expect([node.micros, node.children.length]).toEqual([0, 0]);
        for (const child of node.children)
          if (node.path !== ".") expect(child.path).toMatch(new RegExp(`^${node.path}`));
      }
    });
  });
}

test("what is not shown is counted, and what took longest can come first", async () => {
  await withEngine({ executors: 1 }, async (engine) => {
    const { request } = await engine.fold({ in: wide(engine, 4, 5), post: "line-count" });
    const cut = await engine.trace(request, { depth: 1, width: 2, order: "slow" });
    const { children = [], hidden } = cut?.root ?? {};
    expect(children).toHaveLength(2);
    expect(hidden).toMatchObject({ count: 3, executed: 3 });
    const [first, second] = children;
    expect(first?.micros).toBeGreaterThanOrEqual(second?.micros ?? Infinity);
    expect(first?.hidden.count).toBeGreaterThan(0);
    expect((await engine.trace(request, { depth: 0 }))?.root).toMatchObject({ children: [], hidden: { count: 5 } });
    // A nested request has a tree of its own, with its place in the whole.
    const [below] = await engine.jobsAt(request, "d2");
    expect((await engine.trace(below as Oid))?.root).toMatchObject({
      request: below,
      path: "d2",
      hidden: { count: 0 },
    });
  });
});

test("a run that executed nothing, as it was cancelled at once, is told with the one that did", async () => {
  await withEngine({ executors: 1 }, async (engine) => {
    const input = { in: wide(engine, 1, 1), post: "line-count" };
    const { request, run } = await engine.fold(input);
    expect(await engine.trace(request)).toMatchObject({ run: { id: run }, idle: undefined });
    engine.forget(request);
    await expect(engine.fold({ ...input, signal: AbortSignal.abort() })).rejects.toThrow(NonAnswerError);
    expect(await engine.trace(request)).toMatchObject({
      run: { id: run },
      idle: { totals: { ending: "cancelled" } },
    });
  });
});

/** What the format asks of each kind of event (Trace Event Format: complete, instant and metadata events). */
function expectWellFormed(events: readonly ChromeEvent[]): void {
  for (const event of events) {
    expect(typeof event.name).toBe("string");
    expect([event.pid, event.tid].every((id) => Number.isInteger(id) && id >= 0)).toBe(true);
    if (event.ph === "M") expect(event.args.name).toMatch(/./);
    else expect(Number.isInteger(event.ts) && event.ts >= 0).toBe(true);
    if (event.ph === "X") expect(Number.isInteger(event.dur) && event.dur >= 0).toBe(true);
    if (event.ph === "i") expect(event.s).toBe("t");
  }
}

for (const executors of [1, 3]) {
  test(`Chrome's format has each frame as a complete event, those of a thread nested like a stack, by ${executors} executors`, async () => {
    await withEngine({ executors }, async (engine) => {
      await engine.fold({ in: wide(engine, 2, 20), post: "line-count" });
      const { request, jobs } = await engine.fold({ in: wide(engine, 20, 20), post: "line-count" });
      const trace = await engine.chromeTrace(request);
      const events = JSON.parse(JSON.stringify(trace?.traceEvents)) as ChromeEvent[];
      expectWellFormed(events);
      const frames = events.filter((event) => event.ph === "X");
      expect(frames.filter(({ cat }) => cat === "run")).toHaveLength(jobs.executed);
      expect(Math.min(...frames.map(({ ts }) => ts))).toBe(0);
      expect(frames.map(({ name }) => name)).toContain("line-count at d19/f3");
      expect(events.filter(({ ph }) => ph === "i").length).toBeGreaterThan(0);
      const threads = new Set(events.filter(({ ph }) => ph === "M").map(({ tid }) => tid));
      for (const tid of threads) {
        const own = frames.filter((frame) => frame.tid === tid).toSorted((a, b) => a.ts - b.ts || b.dur - a.dur);
        const open: number[] = [];
        for (const { ts, dur } of own) {
          while (ts >= (open.at(-1) ?? Infinity)) open.pop();
          expect(ts + dur).toBeLessThanOrEqual(open.at(-1) ?? Infinity);
          open.push(ts + dur);
        }
      }
      const [below] = await engine.jobsAt(request, "d3");
      const part = await engine.chromeTrace(below as Oid);
      expect(part?.traceEvents.filter(({ ph }) => ph === "X")).toHaveLength(2 + 20 - hitsOf(part?.traceEvents ?? []));
    });
  });
}

function hitsOf(events: readonly ChromeEvent[]): number {
  const ran = new Set(events.flatMap((event) => (event.ph === "X" ? [event.args.request] : [])));
  return new Set(
    events.flatMap((event) => (event.ph === "i" && !ran.has(event.args.request) ? [event.args.request] : [])),
  ).size;
}
