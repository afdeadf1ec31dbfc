/** Bundles through the whole engine: what one holds is enough elsewhere, no more, and the same whoever wrote it; and what is wrong with others is said. */
import { mkdtempSync, rmSync, writeFileSync, existsSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import {
  MissingObject,
  NonAnswerError,
  NothingRemembered,
  QuarantinedMemo,
  StoreFailure,
  UnfitBundle,
  openEngine,
  replayBundle,
  type Engine,
  type EngineOptions,
  type Oid,
  type Replay,
  type RunResult,
} from "../../src/engine.ts";
import { encodeManifest } from "../../src/replay-bundle.ts";
import { emptyTree, hashObject, type GitObject } from "../../src/store/object.ts";
import { oid } from "../../src/store/oid.ts";
import { openStore } from "../../src/store/store.ts";
import { inspectStore } from "../crash/inspect.ts";
import { curry, failing, requestOf, run, runMany, silent, trapping, unchecked } from "../guests/children.ts";
import { startCommand } from "../guests/command.ts";
import { json, script } from "../guests/script.ts";
import { WasiScript } from "../guests/wasi-script.ts";
import { repositoryWith } from "../store/git/git.ts";
import { bundleInto, forged, partsOf, withManifest, type BundleParts } from "./bundle-forge.ts";

const folder = mkdtempSync(join(tmpdir(), "coppice-bundles-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let files = 0;
const fresh = (ending: string) => join(folder, `${files++}${ending}`);

async function withEngine<T>(
  work: (engine: Engine, store: string) => Promise<T>,
  options: Partial<EngineOptions> = {},
): Promise<T> {
  const store = fresh(".sqlite");
  const engine = openEngine({ store, executors: 1, ...options });
  try {
    return await work(engine, store);
  } finally {
    await engine.close();
  }
}

/** Bundles what `work` ran, throws its store away, and replays. */
async function replayed(
  work: (engine: Engine) => PromiseLike<RunResult>,
): Promise<{ replay: Replay; ran: RunResult; parts: BundleParts; file: string }> {
  const file = fresh(".car");
  const ran = await withEngine(async (engine, store) => {
    const result = await work(engine);
    await bundleInto(engine, result.request, file);
    rmSync(store);
    return result;
  });
  const replay = await replayBundle(file, { executors: 1 });
  expect(replay).toMatchObject({ request: ran.request, outcome: ran.outcome, differing: 0, isExact: true });
  expect(replay.counts.executed).toBe(replay.jobs);

  return { replay, ran, parts: partsOf(file), file };
}

async function addScript(engine: Engine, text: string): Promise<Oid> {
  const file = fresh(".ts");
  writeFileSync(file, `export default async (job: any) => { ${text} };`);
  return engine.addScript(file);
}

const text = (value: string) => Buffer.from(value);
const blob = (engine: Engine, value: string) => engine.putBlob(text(value));
const blobName = (value: string) => hashObject("blob", text(value));

describe("a bundle replays where nothing else is", () => {
  test("commands, which look at a part of their tree, or at nothing", async () => {
    const reading = new WasiScript().file("src/read", "read").put("new", "written").write(1, "said");
    for (const each of [reading, new WasiScript()]) {
      await replayed(async (engine) => {
        const given = { in: { other: "not looked at", src: { read: "read" } }, stdin: "not read" };
        return startCommand(engine, await engine.addCommand(each.module()), given);
      });
    }
  });

  test("a fold over a repository that is gone by then", async () => {
    const repository = repositoryWith({ "a.ts": "1\n", "b/c.md": "2\n", "b/d/e.rs": "3\n4\n" });
    const { replay } = await replayed(async (engine) => {
      const { oid: tree } = await engine.borrowTree(repository);
      return engine.fold({ in: tree, post: "language-stats" });
    });
    expect(replay.jobs).toBe(9);
  });

  test("a fold whose visitor never reads the files, and one that skips them", async () => {
    const repository = repositoryWith({ a: "1\n", "b/c": "2\n", "b/d/e": "3\n4\n" });
    const { parts } = await replayed(async (engine) => {
      const { oid: tree } = await engine.borrowTree(repository);
      return engine.fold({ in: tree, post: "file-count" });
    });
    // A job that names an object must have it, though nobody looks into it.
    expect(parts.objects.get(blobName("1\n"))).toBeDefined();
    await replayed(async (engine) => {
      const { oid: tree } = await engine.borrowTree(repository);
      return engine.fold({ in: tree, post: "file-count", pre: "dirs-only" });
    });
  });

  test("a wide folder, and a blob of more than a megabyte", async () => {
    const { replay } = await replayed((engine) => {
      const entries = Array.from({ length: 600 }, (_, at) => ({
        mode: "100644" as const,
        name: `f${at}`,
        oid: blob(engine, `${at}\n`),
      }));
      const big = engine.putBlob(Buffer.alloc(1_500_000, "line\n"));
      return engine.fold({
        in: engine.putTree([...entries, { mode: "100644", name: "big", oid: big }]),
        post: "line-count",
      });
    });
    expect(replay.jobs).toBe(603);
  });

  test("scripts that run each other, a standard worker, and what they put", async () => {
    await replayed(async (engine) => {
      const inner = await addScript(
        engine,
        "return new Map([['copy', job.args.in], ['n', String(job.bytes(job.args.in).length)]])",
      );
      const outer = await addScript(
        engine,
        `const made = await job.runMany([{ worker: "${inner}", args: { in: "one" } }, { worker: "${inner}", args: { in: "two" } }]);
         const lines = await job.run("line-count", { in: "1\\n2\\n", children: new Map() });
         return new Map([["a", made[0]], ["b", made[1]], ["lines", lines]]);`,
      );
      return engine.run({ worker: outer });
    });
  });

  test("a script that reads an object whose name is text in a blob", async () => {
    const { parts } = await replayed(async (engine) => {
      const hidden = blob(engine, "hidden");
      return engine.run({
        worker: await addScript(engine, "return job.text(job.text(job.args.where).trim()) + '!'"),
        args: { where: `${hidden}\n` },
      });
    });
    expect(parts.objects.get(blobName("hidden"))).toBeDefined();
  });

  test("a script that gives trees of its own, with what it never read, to a worker that never looks", async () => {
    const { parts } = await replayed(async (engine) => {
      const ignoring = await addScript(engine, "return 'nothing seen'");
      const hidden = blob(engine, "hidden");
      const outer = await addScript(
        engine,
        `const hidden = job.entry("blob", job.text(job.args.where));
         const given = job.entry("tree", job.text(job.args.tree));
         return job.run("${ignoring}", { deep: new Map([["deeper", new Map([["hidden", hidden], ["given", given]])]]) });`,
      );
      const tree = engine.putTree([{ mode: "100644", name: "x", oid: blob(engine, "x") }]);
      return engine.run({ worker: outer, args: { where: hidden, tree } });
    });
    expect(parts.objects.get(blobName("hidden"))).toBeDefined();
  });

  test("a guest that is told that an object is of another kind", async () => {
    await replayed((engine) => {
      const tree = engine.putTree([{ mode: "100644", name: "x", oid: blob(engine, "x") }]);
      const steps = [
        json({ op: "put_tree", entries: [{ name: "a", kind: "blob", hash: tree }] }),
        json({ op: "get", hash: engine.putTree([{ mode: "40000", name: "t", oid: tree }]) }),
        json({ op: "run", image: engine.addWorker(silent), args: blob(engine, "no tree") }),
      ];
      return engine.run({ worker: engine.addWorker(script(steps)) });
    });
  });

  test("a worker curried twice, and one that a guest finds in the library by name", async () => {
    await replayed((engine) => {
      const once = curry(engine, "/cas/std/line-count", { in: "1\n2\n3\n" });
      const twice = curry(engine, once, { unused: "bound" });
      const children = engine.putTree([{ mode: "40000", name: "children", oid: emptyTree }]);
      const asking = script([run(twice, children), runMany({ image: once, args: children }, { image: twice })]);
      return engine.run({ worker: engine.addWorker(asking) });
    });
  });

  test.each([
    ["that trapped", trapping],
    ["that says why", failing("for a reason")],
    ["that asks for one that fails", undefined],
  ])("a job %s", async (_, module) => {
    const { ran } = await replayed((engine) => {
      const asking = script([run(engine.addWorker(trapping)), { wat: "unreachable" }]);
      return engine.run({ worker: engine.addWorker(module ?? asking) });
    });
    expect(ran.outcome.kind).toBe("failed");
  });

  test("a request whose worker is none, so that it failed", async () => {
    await replayed((engine) => engine.settle(requestOf(engine, blob(engine, "no worker"), emptyTree)));
  });

  test("a tree with a submodule, whose commit is no object", async () => {
    await replayed((engine) => {
      const commit = oid("1".repeat(40));
      const tree = engine.putTree([{ mode: "160000", name: "sub", oid: commit }]);
      return engine.fold({ in: tree, post: "line-count" });
    });
  });
});

test("the bytes are the same from another store, other executors, and another order of runs", async () => {
  const contents = Object.fromEntries(Array.from({ length: 40 }, (_, at) => [`${at % 7}/${at}.txt`, `${at}\n`]));
  const repository = repositoryWith(contents);
  const bundleFrom = (executors: number, how: "borrowTree" | "importTree") =>
    withEngine(
      async (engine) => {
        const { oid: tree } = await engine[how](repository);
        if (executors > 1) await engine.fold({ in: tree, post: "file-count" });
        const { request } = await engine.fold({ in: tree, post: "line-count" });
        return bundleInto(engine, request, fresh(".car"));
      },
      { executors },
    );
  const bytes = await bundleFrom(1, "importTree");
  expect(bytes.equals(await bundleFrom(2, "borrowTree"))).toBe(true);
  expect(bytes.includes(folder)).toBe(false);
});

test("a replay that is kept is a sound store, in which trees may be partial", async () => {
  const { file, ran } = await replayed((engine) => {
    const inner = engine.putTree([{ mode: "100644", name: "x", oid: blob(engine, "x") }]);
    const tree = engine.putTree([{ mode: "40000", name: "unread", oid: inner }]);
    return engine.run({ worker: "file-count", args: { in: { oid: tree }, children: { oid: engine.putTree([]) } } });
  });
  const store = fresh(".sqlite");
  await replayBundle(file, { executors: 1, store });
  expect(inspectStore(store).faults).toEqual([]);
  await withEngine(async () => {
    const kept = openStore(store);
    expect(kept.outcome(ran.request)).toEqual(ran.outcome);
    kept.close();
  });
  await expect(replayBundle(file, { store })).rejects.toThrow(StoreFailure);
});

test("logs are heard, and a replay can be cancelled and leaves nothing behind", async () => {
  const { file } = await replayed((engine) =>
    engine.run({ worker: engine.addWorker(script([json({ op: "log", msg: "a line" })])) }),
  );
  const heard: string[] = [];
  await replayBundle(file, { executors: 1, onLog: ({ line }) => heard.push(line) });
  expect(heard).toEqual(["a line"]);
  const before = readdirSync(tmpdir()).filter((name) => name.startsWith("coppice-replay-"));
  const cancelled = replayBundle(file, { signal: AbortSignal.abort() });
  await expect(cancelled).rejects.toMatchObject({ answer: { kind: "cancelled" } });
  expect(readdirSync(tmpdir()).filter((name) => name.startsWith("coppice-replay-") && !before.includes(name))).toEqual(
    [],
  );
});

describe("what can't be bundled", () => {
  test("a request of which nothing is remembered, or nothing of what it asked for", async () => {
    await withEngine(async (engine) => {
      const { request } = await engine.fold({
        in: engine.putTree([{ mode: "100644", name: "x", oid: blob(engine, "x") }]),
        post: "line-count",
      });
      await expect(engine.bundle(emptyTree)).rejects.toThrow(NothingRemembered);
      const child = engine.lastRun()?.events.find((event) => event.request !== request)?.request as Oid;
      engine.forget(child);
      await expect(engine.bundle(request)).rejects.toThrow(
        `nothing is remembered any more of request ${child}, which request ${request} needed`,
      );
    });
  });

  test("all that is forgotten of a request is named at once, with what to forget too so that it comes again", async () => {
    await withEngine(async (engine) => {
      const file = (name: string) => ({ mode: "100644", name, oid: blob(engine, name) }) as const;
      const inner = engine.putTree([file("a"), file("b")]);
      const root = engine.putTree([{ mode: "40000", name: "inner", oid: inner }, file("x")]);
      const { request } = await engine.fold({ in: root, post: "line-count" });
      const before = await engine.bundle(request);
      const [leaf] = (await engine.jobsAt(request, "inner/a")) as readonly [Oid];
      const [other] = (await engine.jobsAt(request, "x")) as readonly [Oid];
      const [above] = (await engine.jobsAt(request, "inner")) as readonly [Oid];
      engine.forget(leaf);
      engine.forget(other);
      const refused = await engine.bundle(request).then(
        () => undefined,
        (error: unknown) => error as NothingRemembered,
      );
      expect(refused).toMatchObject({ missing: [leaf, other].toSorted(), askers: [request, above] });
      expect(refused?.message).toContain(`coppice forget ${request} ${above}`);
      for (const asker of refused?.askers ?? []) engine.forget(asker);
      await engine.settle(request);
      expect((await engine.bundle(request)).root).toBe(before.root);
    });
  });

  test("a request that needs what only a repository had that is gone", async () => {
    await withEngine(async (engine) => {
      const repository = repositoryWith({ a: "no result\n" });
      const { oid: tree } = await engine.borrowTree(repository);
      const { request } = await engine.fold({ in: tree, post: "file-count" });
      rmSync(repository, { recursive: true });
      const bundle = await engine.bundle(request);
      expect(() => [...bundle.bytes]).toThrow(MissingObject);
    });
  });

  test("a request whose memo is quarantined", async () => {
    await withEngine(async (engine, path) => {
      const { request } = await engine.run({
        worker: "line-count",
        args: { in: "1\n", children: { oid: engine.putTree([]) } },
      });
      const store = openStore(path);
      const other = store.put("blob", text("other"));
      store.remember(
        request,
        { outcome: { kind: "blob", oid: other }, detail: undefined, fuel: 0, reads: [], children: [] },
        1,
      );
      expect(() => store.close()).toThrow(QuarantinedMemo);
      await expect(engine.bundle(request)).rejects.toThrow(QuarantinedMemo);
    });
  });
});

test("a runtime that is not here is a non-answer that names it", async () => {
  const file = fresh(".car");
  await withEngine(async (engine, path) => {
    const worker = unchecked(engine, silent, "other-runtime/7");
    const request = requestOf(engine, worker, emptyTree);
    await engine.close();
    const store = openStore(path);
    const result = store.put("blob", text("result"));
    store.remember(
      request,
      { outcome: { kind: "blob", oid: result }, detail: undefined, fuel: 0, reads: [], children: [] },
      1,
    );
    store.close();
    const again = openEngine({ store: path });
    await bundleInto(again, request, file);
    await again.close();
  });
  const replay = replayBundle(file);
  await expect(replay).rejects.toThrow(NonAnswerError);
  await expect(replay).rejects.toThrow('the runtime "other-runtime/7", which this version does not have');
});

describe("what is not as recorded", () => {
  let parts: BundleParts | undefined;
  let childName = "" as Oid;
  async function sound(): Promise<BundleParts> {
    parts ??= (
      await replayed(async (engine) => {
        const worker = engine.addWorker(script([run(engine.addWorker(silent))]));
        const result = await engine.run({ worker });
        childName = engine.lastRun()?.events.find(({ parent }) => parent !== undefined)?.request as Oid;
        return result;
      })
    ).parts;
    return parts;
  }
  async function replayForged(bytes: Buffer): Promise<Replay> {
    const file = fresh(".car");
    writeFileSync(file, bytes);
    return replayBundle(file, { executors: 1 });
  }
  const withBlob = (objects: BundleParts["objects"], value: string): ReadonlyMap<Oid, GitObject> =>
    new Map([...objects, [blobName(value), { kind: "blob", body: text(value) }]]);

  test("another result of a nested job is told as the first cause, with where it differs", async () => {
    const { manifest, objects } = await sound();
    const other = { kind: "blob", oid: blobName("forged") } as const;
    const jobs = manifest.jobs.map((job) => ({ ...job, outcome: other }));
    const replay = await replayForged(
      forged({ manifest: { ...manifest, jobs }, objects: withBlob(objects, "forged") }),
    );
    expect(replay).toMatchObject({
      differing: 2,
      first: {
        request: childName,
        where: "at byte 0",
        recorded: { outcome: other },
        replayed: { outcome: { kind: "blob" } },
      },
    });
  });

  test("other fuel, a job too many and a job too few are differences", async () => {
    const { manifest, objects } = await sound();
    const fuel = manifest.jobs.map((job) => (job.request === childName ? { ...job, fuel: job.fuel + 1 } : job));
    expect(await replayForged(forged({ manifest: { ...manifest, jobs: fuel }, objects }))).toMatchObject({
      differing: 1,
      first: { request: childName, where: undefined },
    });
    const fewer = manifest.jobs.filter(({ request }) => request !== childName);
    expect(await replayForged(forged({ manifest: { ...manifest, jobs: fewer }, objects }))).toMatchObject({
      differing: 1,
      first: { request: childName, recorded: undefined },
    });
    const child = { ...manifest, request: childName };
    expect(await replayForged(forged({ manifest: child, objects }))).toMatchObject({
      differing: 1,
      first: { request: manifest.request, replayed: undefined },
    });
  });

  test("an object that nobody needs makes the file another than the jobs make", async () => {
    const { manifest, objects } = await sound();
    const replay = await replayForged(forged({ manifest, objects: withBlob(objects, "not needed") }));
    expect(replay).toMatchObject({ differing: 0, isExact: false });
  });

  test("a bundle is refused, in one sentence, when it lacks what its manifest or a job names", async () => {
    const { manifest, objects } = await sound();
    const without = (name: Oid) => ({ manifest, objects: new Map([...objects].filter(([each]) => each !== name)) });
    const faults = new Map<string, number>();
    for (const name of objects.keys()) {
      const ending: unknown = await replayForged(forged(without(name))).catch((error: unknown) => error);
      if (!(ending instanceof UnfitBundle)) {
        // What jobs make anew is not missed.
        expect(ending, name).toMatchObject({ differing: 0, isExact: false });
        continue;
      }
      const { reason } = ending;
      expect(reason, name).toContain(name);
      const kind = reason.replaceAll(/[0-9a-f]{40}/g, "OID");
      faults.set(kind, (faults.get(kind) ?? 0) + 1);
    }
    expect([...faults.keys()].toSorted()).toMatchInlineSnapshot(`
      [
        "it lacks object OID",
        "it lacks object OID, which a job asked for",
        "it lacks the blob OID, the result of request OID",
      ]
    `);
  });

  test("a malformed manifest is refused with what is wrong", async () => {
    const { manifest, objects } = await sound();
    const sane = encodeManifest(manifest).toString("utf8");
    const [first, second] = manifest.jobs as [(typeof manifest.jobs)[number], (typeof manifest.jobs)[number]];
    const edits: readonly (readonly [edit: string, words: string])[] = [
      ["", "its first object is no manifest of a replay bundle"],
      [sane.replace("bundle 1", "bundle 2"), 'its version is "2", and this Coppice reads version 1'],
      [sane.replace("objects ", "objects 0"), "its manifest's head is malformed"],
      [sane.slice(0, -1), "its manifest's head is malformed"],
      [sane.replace("jobs 2", "jobs 3"), "its manifest counts 3 jobs and lists 2"],
      [
        sane.replace(`request ${manifest.request}`, `request ${"1".repeat(40)}`),
        "its manifest does not list its request",
      ],
      [
        encodeManifest({ ...manifest, jobs: [second, first] }).toString("utf8"),
        "job 2 of its manifest is out of order",
      ],
      [encodeManifest({ ...manifest, jobs: [first, first] }).toString("utf8"), "job 2 of its manifest is out of order"],
      [
        sane.replace(`${first.request} ${first.fuel}`, `${first.request} 0${first.fuel}`),
        "job 1 of its manifest is malformed",
      ],
      [
        sane.replace(`${first.request} ${first.fuel}`, `${first.request} 9999999999999999`),
        "job 1 of its manifest is malformed",
      ],
      [
        sane.replace(/ blob [0-9a-f]{40}\n/, ' failed {"message":"x","code":"trap"}\n'),
        "job 1 of its manifest is malformed",
      ],
      [sane.replace(/ blob [0-9a-f]{40}\n/, " blob\n"), "job 1 of its manifest is malformed"],
      [`${sane}\n`, "job 3 of its manifest is malformed"],
      [sane.replace("objects ", "objects 1"), "it is cut short: its manifest counts 1"],
      [sane.replace(manifest.digest, "0".repeat(64)), "its objects are not those that its manifest names"],
    ];
    for (const [edit, words] of edits) {
      const replay = replayForged(withManifest(text(edit), objects));
      await expect(replay, words).rejects.toThrow(words);
      await expect(replay, words).rejects.toThrow(UnfitBundle);
    }
    const notUtf8 = text(sane.replace(/ blob [0-9a-f]{40}\n/, ' failed {"code":"trap","message":"?"}\n'));
    notUtf8[notUtf8.indexOf("?")] = 0xff;
    await expect(replayForged(withManifest(notUtf8, objects))).rejects.toThrow("is not written as it should be");
    const few = encodeManifest({ ...manifest, objects: objects.size - 1 });
    await expect(replayForged(withManifest(few, objects))).rejects.toThrow(
      "there is more in it than its manifest counts",
    );
  });
});

test("a file that is not there stays the file system's error", async () => {
  await expect(replayBundle(join(folder, "absent.car"))).rejects.toMatchObject({ code: "ENOENT" });
  expect(existsSync(join(folder, "absent.car"))).toBe(false);
});
