/** Verifying what is remembered: what is confirmed, what is named as a cause, and what is told of the rest. */
import { describe, expect, test } from "vitest";
import type { Engine, Oid, Verified } from "../../src/engine.ts";
import type { Memo } from "../../src/store/outcome.ts";
import { openStore } from "../../src/store/store.ts";
import { edit } from "../store/surgery.ts";
import { benchFixture } from "../fold-bench/fixtures.ts";
import { withEngine } from "../guests/room.ts";

const folded = async (engine: Engine) => {
  const tree = benchFixture(engine);
  const { request, outcome } = await engine.fold({ in: tree, post: "line-count" });
  return { request, outcome };
};

/** Has the store remember something else of a request, as a wrong execution would have. */
function plant(path: string, which: (memo: Memo) => boolean, change: (memo: Memo, wrong: Oid) => Memo): Oid {
  const store = openStore(path);
  try {
    const memos = [...store.memos()];
    const isConsumed = (request: Oid) => memos.some(({ memo }) => memo.children.includes(request));
    const candidates = memos.filter(({ memo }) => which(memo));
    // One that is consumed by way of another one, if there is any.
    const found =
      candidates.find(({ request }) =>
        memos.some((each) => each.memo.children.includes(request) && isConsumed(each.request)),
      ) ?? candidates[0];
    if (found === undefined) throw new Error("there is no such memo");
    const { request, memo } = found;
    store.forget(request);
    store.remember(request, change(memo, store.put("blob", Buffer.from("999\n"))), 1);
    return request;
  } finally {
    store.close();
  }
}
const isLeaf = ({ children, outcome }: Memo) => children.length === 0 && outcome.kind === "blob";
const wrongly = (memo: Memo, wrong: Oid): Memo => ({ ...memo, outcome: { kind: "blob", oid: wrong } });
const consumersOf = (path: string, request: Oid): Oid[] => {
  const store = openStore(path);
  const found = [...store.memos()].filter(({ memo }) => memo.children.includes(request));
  store.close();
  return found.map((each) => each.request);
};
const shown = ({ confirmed, divergences, unverified, quarantined, isComplete }: Verified) => ({
  confirmed,
  differing: divergences.map(({ request }) => request),
  unverified: unverified.length,
  quarantined: quarantined.length,
  isComplete,
});
const nothing = { differing: [], unverified: 0, quarantined: 0, isComplete: true };

test("all memos of a fold and of scripts are confirmed under both compilers, progress is told, and nothing is written", async () => {
  await withEngine({ executors: 2 }, async (engine) => {
    await folded(engine);
    const script = await engine.addScript(new URL("verified-script.ts", import.meta.url).pathname);
    await engine.run({ worker: script, args: { in: "a\nb\n" } });
    await engine.run({ worker: "line-count" });
    const before = engine.stats();
    expect(before).toMatchObject({ memos: 200 + 4, failed: 2 });
    const told: [number, number][] = [];
    const verified = await engine.verify("all", { onProgress: ({ done, due }) => void told.push([done, due]) });
    expect(verified.unverified).toEqual([]);
    expect(shown(verified)).toEqual({ ...nothing, confirmed: 204 });
    expect(verified.flags).toEqual(["--liftoff-only", "--no-liftoff"]);
    expect(told.at(-1)).toEqual([408, 408]);
    expect(told.map(([done]) => done)).toEqual(told.map(([done]) => done).toSorted((a, b) => a - b));
    expect(engine.stats()).toEqual(before);
  });
});

describe("one wrong memo", () => {
  test("is named as the cause, with its place and what differs, and all that consumed it is quarantined and not executed", async () => {
    await withEngine({ executors: 2 }, async (engine, path) => {
      const { request, outcome } = await folded(engine);
      const wrong = plant(path, isLeaf, wrongly);
      const verified = await engine.verify("all");
      const consumers = engine.stats().quarantined - 1;
      expect(consumers).toBeGreaterThan(1);
      expect(shown(verified)).toEqual({ ...nothing, confirmed: 200 - 1 - consumers, differing: [wrong] });
      expect(verified.divergences[0]).toMatchObject({
        worker: "line-count",
        path: expect.stringMatching(/^d\d/) as string,
        found: "--liftoff-only",
        consumers,
        difference: { how: "bytes", at: 0, remembered: '"999\\n" (end)' },
      });
      await expect(engine.settle(request)).rejects.toMatchObject({ answer: { kind: "quarantine", origin: wrong } });
      // A second look finds no more, and says what is known.
      for (const selection of ["all", { count: 5, seed: "1" }] as const)
        expect(shown(await engine.verify(selection))).toMatchObject({ differing: [], quarantined: 1 });
      expect(shown(await engine.verify({ requests: [request], as: "closure" }))).toMatchObject({ quarantined: 1 });
      expect(await engine.divergences()).toMatchObject([{ request: wrong, found: "verify --liftoff-only" }]);
      // What was found is true here, and everything regrows from it.
      expect(engine.settleQuarantine(wrong, "new")).toEqual({ released: 0, forgotten: consumers });
      const again = await engine.settle(request).catch(() => undefined);
      expect(again?.outcome).toEqual(outcome);
      expect(again?.jobs.executed).toBe(consumers);
    });
  });

  test("of a script is told by the script's file", async () => {
    await withEngine({ executors: 1 }, async (engine, path) => {
      const worker = await engine.addScript(new URL("verified-script.ts", import.meta.url).pathname);
      const { request } = await engine.run({ worker, args: { in: "a\nb\n" } });
      engine.stats();
      const store = openStore(path);
      const known = store.evidence(request);
      if (known === undefined) throw new Error("it is not remembered");
      store.keepDivergence(request, { ...known.memo, fuel: 1 }, 0, "verify");
      store.close();
      expect(await engine.divergences()).toMatchObject([{ request, worker: "verified-script.ts" }]);
    });
  });

  test("of other fuel alone is a divergence too", async () => {
    await withEngine({}, async (engine, path) => {
      await folded(engine);
      const wrong = plant(path, isLeaf, (memo) => ({ ...memo, fuel: memo.fuel + 1 }));
      const { divergences } = await engine.verify({ requests: [wrong], as: "closure" });
      expect(divergences).toMatchObject([{ request: wrong, difference: { how: "fuel" } }]);
    });
  });

  test("that a sampled consumer shows is looked for below it", async () => {
    await withEngine({ executors: 2 }, async (engine, path) => {
      await folded(engine);
      const wrong = plant(path, isLeaf, wrongly);
      const [consumer] = consumersOf(path, wrong);
      if (consumer === undefined) throw new Error("nobody consumed it");
      const verified = await engine.verify({ requests: [consumer], as: "sample" });
      expect(shown(verified)).toMatchObject({ differing: [wrong], isComplete: true });
    });
  });

  test("that is a failure is told with both texts", async () => {
    await withEngine({}, async (engine, path) => {
      await engine.run({ worker: "line-count" });
      const wrong = plant(path, ({ outcome }) => outcome.kind === "failed", wrongly);
      const { divergences } = await engine.verify("all");
      expect(divergences).toMatchObject([
        { request: wrong, came: { outcome: { kind: "failed" } }, difference: { how: "outcome" } },
      ]);
    });
  });
});

test("what can't be executed as it was is told with the reason, and the rest is verified", async () => {
  await withEngine({}, async (engine, path) => {
    const { request } = await folded(engine);
    const long = engine.putBlob(Buffer.alloc(5000, "x\n"));
    const reader = await engine.run({
      worker: "line-count",
      args: { in: { oid: long }, children: { oid: engine.putTree([]) } },
    });
    const store = openStore(path);
    const forgotten = store.memo(request)?.children[0];
    store.close();
    if (forgotten === undefined) throw new Error("a fold has children");
    engine.forget(forgotten);
    edit(path, (database) => database.exec("DELETE FROM objects WHERE length(body) = 5000"));
    const verified = await engine.verify("all");
    expect(verified.divergences).toEqual([]);
    const reasons = new Map(verified.unverified.map((each) => [each.request, each.reason]));
    expect(reasons.get(request)).toBe(
      `nothing is remembered of ${forgotten}, which it consumed: forget this one too, and run again what needs it`,
    );
    expect(reasons.get(reader.request)).toContain(long);
    expect(reasons.size).toBe(2);
    expect(verified.confirmed).toBe(201 - 3);
    const absent = "1".repeat(40) as Oid;
    expect((await engine.verify({ requests: [absent], as: "closure" })).unverified).toEqual([
      { request: absent, reason: "nothing is remembered of it" },
    ]);
  });
});

test("cancelled, it keeps what it found and says that it is not complete", async () => {
  await withEngine({ executors: 1 }, async (engine, path) => {
    await folded(engine);
    const wrong = plant(path, isLeaf, wrongly);
    const abort = new AbortController();
    const verified = await engine.verify("all", {
      signal: abort.signal,
      onProgress: ({ done }) => {
        if (done >= 200) abort.abort();
      },
    });
    expect(shown(verified)).toMatchObject({ differing: [wrong], isComplete: false, confirmed: 0 });
    expect(engine.stats().divergent).toBe(1);
  });
});

test("a sample is that of its seed, and of a run the jobs that it executed", async () => {
  await withEngine({ executors: 1 }, async (engine) => {
    const tree = benchFixture(engine);
    const result = await engine.fold({ in: tree, post: "file-count" });
    expect(shown(await engine.verify({ count: 10, seed: "x" }))).toEqual({ ...nothing, confirmed: 10 });
    const share = await engine.verifyRun(result, 0.25);
    expect(share.confirmed).toBeGreaterThan(20);
    expect(share.confirmed).toBeLessThan(90);
    const again = await engine.fold({ in: tree, post: "file-count" });
    expect((await engine.verifyRun(again, 1)).confirmed).toBe(0);
  });
});
