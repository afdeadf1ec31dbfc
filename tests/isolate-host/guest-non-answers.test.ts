/** Non-answers that guests bring about: never remembered, never seen by a guest, told to whoever asked for the run. */
import { describe, expect, test } from "vitest";
import type { Engine } from "../../src/engine.ts";
import { maximalGuestLimits } from "../../src/abi/limits.ts";
import { NonAnswerError } from "../../src/abi/non-answer.ts";
import { emptyTree } from "../../src/store/object.ts";
import type { Oid } from "../../src/store/oid.ts";
import { guest, abiImports, assemble } from "../guests/assemble.ts";
import { library, run, runMany, silent } from "../guests/children.ts";
import { blobOid, lines, nonAnswer, sharedRoom, withEngine } from "../guests/room.ts";
import { json, script } from "../guests/script.ts";

const room = sharedRoom();
const depths = [1, 2, 3, 64];
const looping = guest("(loop $again (br $again))");
const get = (hash: string) => json({ op: "get", hash });

/** Workers that each run one of the library by name, on no args. */
function circle(engine: Engine, names: Readonly<Record<string, string>>): Oid {
  const workers = Object.entries(names).map(([name, next]) => {
    const module = script([run(`/cas/std/${next}`), json({ op: "log", msg: name })]);
    return [name, engine.addWorker(module)] as const;
  });
  return library(engine, Object.fromEntries(workers));
}

function imageOf(engine: Engine, std: Oid, request: Oid): string | undefined {
  const image = engine.list(request).find(({ name }) => name === "image");
  const worker = image === undefined ? "" : Buffer.from(engine.get(image.oid).body).toString("latin1");
  return engine.list(std).find(({ oid }) => oid === worker)?.name;
}

/** An engine with a short limit whose executor has started already. */
function impatient(work: (engine: Engine) => Promise<void>, options: { nestedFramesMax?: number } = {}): Promise<void> {
  return withEngine({ wallClockMsMax: 1000, ...options }, async (engine) => {
    await engine.run({ worker: engine.addWorker(silent) });
    await work(engine);
  });
}

const data = (at: number, text: string) => `(data (i32.const ${at}) "${text.replaceAll('"', String.raw`\"`)}")`;

describe("an object that is not here", () => {
  const absent = blobOid("absent from every store");
  test.each([
    ["get", get(absent)],
    ["tree", json({ op: "tree", hash: absent })],
    ["put_tree", json({ op: "put_tree", entries: [{ name: "a", kind: "blob", hash: absent }] })],
    ["out", json({ op: "out", kind: "blob", hash: absent })],
    ["the args of run", run(emptyTree.replace("4b", "4c"))],
    ["the image of run", run(absent)],
    ["the args of an item of run_many", runMany({ image: absent })],
  ])("ends the run as missing, with its oid, when a guest names it: %s", async (what, step) => {
    const named = what === "the args of run" ? emptyTree.replace("4b", "4c") : absent;
    expect(await nonAnswer(room.run(script([step])))).toEqual({ kind: "missing", oid: named });
  });

  test("as args of a nested request is named", async () => {
    const worker = room.engine.addWorker(silent);
    expect(await nonAnswer(room.run(script([run(worker, absent)])))).toEqual({ kind: "missing", oid: absent });
  });

  test("is no error for a gitlink, which names a commit elsewhere", async () => {
    const entries = [{ name: "a", kind: "blob", mode: "160000", hash: absent }];
    expect(await room.answer(json({ op: "put_tree", entries }))).toMatch(/^\{"hash":"[0-9a-f]{40}"\}$/);
  });

  test.each(depths)(
    "ends every frame above, whatever it catches; siblings that finished are kept (%i frames)",
    async (nestedFramesMax) => {
      await withEngine({ nestedFramesMax }, async (engine) => {
        const content = "comes later";
        const child = engine.addWorker(script([get(blobOid(content))]));
        const sibling = engine.addWorker(silent);
        const request = runMany({ image: sibling }, { image: child });
        const catching = script([{ wat: `(try (do (call $ask_children)) (catch_all (call $finish)))` }], {
          proposals: ["exceptions"],
          fields: `(data (i32.const 64) "${request.replaceAll('"', String.raw`\"`)}")
          (func $ask_children (call $ask (i32.const 64) (i32.const ${request.length})))`,
        });
        const worker = engine.addWorker(script([run(engine.addWorker(catching))]));
        expect(await nonAnswer(engine.run({ worker }))).toEqual({ kind: "missing", oid: blobOid(content) });
        expect(engine.stats()).toMatchObject({ memos: 1 });
        engine.putBlob(Buffer.from(content));
        const result = await engine.run({ worker });
        expect(result.outcome.kind).toBe("blob");
        expect(result.jobs.executed).toBe(3);
        expect((await engine.run({ worker })).jobs.executed).toBe(0);
      });
    },
  );
});

describe("a cycle", () => {
  test.each(depths)("of one request that asks for itself is listed (%i frames)", async (nestedFramesMax) => {
    await withEngine({ nestedFramesMax }, async (engine) => {
      engine.putTree([]);
      const std = circle(engine, { a: "a" });
      const answer = await nonAnswer(engine.run({ worker: "a", std }));
      expect(answer.kind).toBe("cycle");
      if (answer.kind !== "cycle") return;
      expect(answer.requests).toHaveLength(1);
      expect(engine.stats().memos).toBe(0);
      expect(await nonAnswer(engine.settle(answer.requests[0] as Oid))).toEqual(answer);
    });
  });

  test("of more requests is listed in the order of asking, the same however deep frames nest", async () => {
    const answers = await Promise.all(
      depths.map((nestedFramesMax) =>
        withEngine({ nestedFramesMax }, async (engine) => {
          engine.putTree([]);
          const std = circle(engine, { top: "a", a: "b", b: "c", c: "d", d: "e", e: "a" });
          const answer = await nonAnswer(engine.run({ worker: "top", std }));
          expect(engine.stats().memos).toBe(0);
          const images = answer.kind === "cycle" ? answer.requests.map((name) => imageOf(engine, std, name)) : [];
          const again = await nonAnswer(engine.run({ worker: "top", std }));
          return { answer, images, again };
        }),
      ),
    );
    for (const { answer, images, again } of answers) {
      expect(new Set(images)).toEqual(new Set(["a", "b", "c", "d", "e"]));
      expect(images).toHaveLength(5);
      // Each asks for the next one, and the last for the first.
      const next = new Map([
        ["a", "b"],
        ["b", "c"],
        ["c", "d"],
        ["d", "e"],
        ["e", "a"],
      ]);
      expect(images.map((name) => next.get(name ?? ""))).toEqual([...images.slice(1), images[0]]);
      expect(again).toMatchObject({ kind: "cycle" });
      expect(answer).toMatchObject({ kind: "cycle" });
    }
  });

  test("names the requests in one sentence", async () => {
    const std = circle(room.engine, { a: "b", b: "a" });
    room.engine.putTree([]);
    await expect(room.engine.run({ worker: "a", std })).rejects.toThrow(
      /^the requests wait for each other: ([0-9a-f]{40}) -> [0-9a-f]{40} -> \1$/,
    );
  });

  test.each(depths)(
    "that only one item of a batch closes leaves what finished remembered (%i frames)",
    async (nestedFramesMax) => {
      await withEngine({ nestedFramesMax }, async (engine) => {
        engine.putTree([]);
        const good = engine.addWorker(silent);
        const back = engine.addWorker(script([run("/cas/std/top")]));
        const top = engine.addWorker(script([runMany({ image: good }, { image: back })]));
        const std = library(engine, { top });
        expect(await nonAnswer(engine.run({ worker: "top", std }))).toMatchObject({ kind: "cycle" });
        expect(engine.stats().memos).toBe(1);
        expect((await engine.run({ worker: good, std })).jobs.executed).toBe(0);
      });
    },
  );
});

describe("a guest that runs without end", () => {
  test("is stopped and named; nothing is remembered, and the engine goes on", async () => {
    await impatient(async (engine) => {
      const worker = engine.addWorker(looping);
      const before = engine.stats().memos;
      const answer = await nonAnswer(engine.run({ worker }));
      expect(answer.kind === "host" ? answer.message : "").toMatch(
        new RegExp(`^worker ${worker} \\(request [0-9a-f]{40}\\) ran for more than 1 s and was stopped$`),
      );
      expect(engine.stats().memos).toBe(before);
      const next = await engine.run({ worker: engine.addWorker(script([json({ op: "log", msg: "after" })])) });
      expect(lines(engine, next)).toEqual(["{}"]);
    });
  });

  test("is stopped as well when it calls the host all the time", async () => {
    await impatient(async (engine) => {
      const calling = assemble(`(module ${abiImports} (memory (export "memory") 1)
        (func (export "caos_run") (loop $again (drop (call $call (i32.const 0) (i32.const 1))) (br $again))))`);
      expect(await nonAnswer(engine.run({ worker: engine.addWorker(calling) }))).toMatchObject({ kind: "host" });
    });
  });

  test("is stopped in its start function too", async () => {
    await impatient(async (engine) => {
      const starting = assemble(`(module (memory (export "memory") 1) (func (export "caos_run"))
        (func $begin (loop $again (br $again))) (start $begin))`);
      expect(await nonAnswer(engine.run({ worker: engine.addWorker(starting) }))).toMatchObject({ kind: "host" });
    });
  });

  test("inside a fold is named with its place in the folded tree", async () => {
    await impatient(async (engine) => {
      const worker = engine.addWorker(looping);
      const file = engine.putBlob(Buffer.from("content"));
      const inner = engine.putTree([{ mode: "100644", name: "some file", oid: file }]);
      const outer = engine.putTree([{ mode: "40000", name: "sub", oid: inner }]);
      const answer = await nonAnswer(engine.fold({ in: outer, post: worker }));
      expect(answer.kind === "host" ? answer.message : "").toMatch(
        new RegExp(
          `^worker ${worker} at sub/some file \\(request [0-9a-f]{40}\\) ran for more than 1 s and was stopped$`,
        ),
      );
    });
  });

  test("below frames that unwound is named with what it looked at", async () => {
    await impatient(
      async (engine) => {
        const worker = engine.addWorker(looping);
        const file = engine.putBlob(Buffer.from("content"));
        const outer = engine.putTree([{ mode: "100644", name: "some file", oid: file }]);
        const answer = await nonAnswer(engine.fold({ in: outer, post: worker }));
        expect(answer.kind === "host" ? answer.message : "").toMatch(`worker ${worker} at ${file} (request `);
      },
      { nestedFramesMax: 1 },
    );
  });

  test("is not confused with an executor that is starting, be it the first or the one after a runaway", async () => {
    // Far less than a thread needs to start.
    await withEngine({ wallClockMsMax: 1 }, async (engine) => {
      const worker = engine.addWorker(silent);
      /** On a busy machine even a guest that does nothing may run for longer than that; then it is the one that is named, and the next try finds another executor starting. */
      const isDone = async (salt: string) => {
        try {
          expect((await engine.run({ worker, salt })).outcome.kind).toBe("blob");
          return true;
        } catch (error) {
          if (!(error instanceof NonAnswerError) || error.answer.kind !== "host") throw error;
          expect(error.answer.message).toMatch(`worker ${worker} (request `);
          return false;
        }
      };
      while (!(await isDone("1")));
      const runaway = engine.addWorker(looping);
      expect(await nonAnswer(engine.run({ worker: runaway }))).toMatchObject({
        kind: "host",
        message: expect.stringContaining(`worker ${runaway} (request `) as string,
      });
      while (!(await isDone("2")));
    });
  });
});

describe("the native stack", () => {
  test("is enough for a guest that fits alone, though it does not fit on top of those that ask for it", async () => {
    const out = json({ op: "out", kind: "tree", hash: emptyTree });
    const deep = (asking: string | undefined) =>
      assemble(`(module ${abiImports} (memory (export "memory") 1) ${data(0, out)} ${data(512, asking ?? out)}
        (func $deeper (param $left i32) (param i64 i64 i64 i64 i64 i64 i64 i64) (result i64)
          (if (result i64) (i32.eqz (local.get $left))
            (then ${asking === undefined ? "" : `(drop (call $call (i32.const 512) (i32.const ${asking.length})))`} (i64.const 1))
            (else (i64.add (i64.xor (i64.mul (local.get 1) (local.get 2)) (i64.mul (local.get 3) (local.get 4)))
              (i64.add (i64.xor (i64.mul (local.get 5) (local.get 6)) (i64.mul (local.get 7) (local.get 8)))
                (call $deeper (i32.sub (local.get $left) (i32.const 1))
                  (local.get 2) (local.get 3) (local.get 4) (local.get 5) (local.get 6) (local.get 7) (local.get 8) (local.get 1)))))))
        (func (export "caos_run")
          (drop (call $deeper (i32.const 55000) (i64.const 1) (i64.const 2) (i64.const 3) (i64.const 4) (i64.const 5) (i64.const 6) (i64.const 7) (i64.const 8)))
          (drop (call $call (i32.const 0) (i32.const ${out.length})))))`);
    const limits = { depth: maximalGuestLimits.depth };
    let asking: string | undefined;
    let worker: Oid | undefined;
    // Together they are far beyond the stack's 32 MiB.
    for (let level = 0; level < 8; level++) {
      worker = room.engine.addWorker(deep(asking), limits);
      asking = run(worker);
    }
    room.engine.putTree([]);
    const result = await room.engine.run({ worker: worker as Oid });
    expect(result.outcome).toEqual({ kind: "tree", oid: emptyTree });
    expect(result.jobs.executed).toBe(8);
    expect(result.jobs.frames).toBeGreaterThan(8);
  });
});

test("a non-answer is an error with its cause as fields", async () => {
  const absent = blobOid("still absent");
  const ended = await room.run(script([get(absent)])).catch((error: unknown) => error);
  expect(ended).toBeInstanceOf(NonAnswerError);
  expect((ended as Error).message).toBe(`object ${absent} is needed and not in the store`);
});
