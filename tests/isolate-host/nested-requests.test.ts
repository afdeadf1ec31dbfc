/** `run` and `run_many`: what a guest is answered, which requests they form, and that nothing depends on how deep frames are nested. */
import { describe, expect, test } from "vitest";
import { curryLevelsMax } from "../../src/abi/worker.ts";
import type { Engine } from "../../src/engine.ts";
import { emptyBlob, emptyTree, hashObject } from "../../src/store/object.ts";
import type { Oid } from "../../src/store/oid.ts";
import { openStore, type Store } from "../../src/store/store.ts";
import {
  curry,
  echo,
  failing,
  library,
  recurring,
  requestOf,
  run,
  runMany,
  silent,
  trapping,
  unchecked,
} from "../guests/children.ts";
import { blobOid, lines, nonAnswer, sharedRoom, withEngine } from "../guests/room.ts";
import { json, script } from "../guests/script.ts";

const room = sharedRoom();
const error = (text: string) => `{"error":"${text}"}`;
const empty = `{"kind":"blob","hash":"${emptyBlob}"}`;
const add = (module: Uint8Array) => room.engine.addWorker(module);

const file = (name: string, oid: Oid) => ({ mode: "100644", name, oid }) as const;

const folder = (name: string, oid: Oid) => ({ mode: "40000", name, oid }) as const;

/** A tree of trees: level 0 is empty, and each further one holds the one below thrice and an odd one. */
function nestedTrees(engine: Engine, levels: number): Oid {
  let odd = engine.putTree([]);
  let even = engine.putTree([{ mode: "40000", name: "z", oid: odd }]);
  for (let level = 0; level < levels; level++) {
    const next = engine.putTree(["a", "b", "d"].map((name) => ({ mode: "40000", name, oid: even })));
    const nextOdd = engine.putTree([
      { mode: "40000", name: "a", oid: odd },
      { mode: "40000", name: "b", oid: even },
      { mode: "40000", name: "c", oid: next },
    ]);
    [even, odd] = [nextOdd, next];
  }
  return even;
}

test("results, of a blob or a tree, are answered with their kind and hash", async () => {
  const args = room.engine.putTree([{ mode: "100644", name: "x", oid: room.blob("1") }]);
  expect(await room.answers([run(add(silent)), run(add(echo), args)])).toEqual([
    empty,
    `{"kind":"tree","hash":"${args}"}`,
  ]);
});

test("a failed child is an error with the child's message; its parent goes on", async () => {
  const quoted = 'it said "no"\\ é\u2028\u0001';
  expect(await room.answers([run(add(failing(quoted))), run(add(trapping)), run(add(silent))])).toEqual([
    String.raw`{"error":"it said \"no\"\\ é` + "\u2028" + String.raw`\u0001"}`,
    error("the guest trapped"),
    empty,
  ]);
});

test("run_many answers in the order of the requests, each on its own, repeated ones too", async () => {
  const bad = add(failing("bad"));
  const good = add(silent);
  const same = add(echo);
  const args = room.engine.putTree([{ mode: "100644", name: "order", oid: room.blob("1") }]);
  const result = await room.run(
    script([
      runMany({ image: bad }, { image: same, args }, { image: good }, { image: bad }, { image: same, args }),
      runMany(),
    ]),
  );
  expect(lines(room.engine, result)).toEqual([
    `{"results":[${error("bad")},{"kind":"tree","hash":"${args}"},${empty},${error("bad")},{"kind":"tree","hash":"${args}"}]}`,
    '{"results":[]}',
  ]);
});

test("one item that is no request fails the whole batch before anything starts", async () => {
  const child = (salt: string) => add(failing(`never run: ${salt}`));
  const good = (salt: string) => ({ image: child(salt), args: emptyTree });
  const reserved: readonly (readonly [item: unknown, text: string])[] = [
    [{ image: "nobody", args: emptyTree }, "the image is neither an oid nor a name in std"],
    [{ image: "/cas/std/nobody", args: emptyTree }, "std has no worker of that name"],
    [{ image: emptyTree, args: emptyTree }, "the image is not a worker"],
    [{ image: add(silent), args: emptyBlob }, "args is not a tree"],
    [{ image: add(silent), args: "0" }, "malformed oid"],
    [{ image: add(silent) }, "args is missing or not a string"],
    [{ args: emptyTree }, "image is missing or not a string"],
    [7, "an item of reqs is not an object"],
  ];
  room.blob("");
  const batches = reserved.flatMap(([item], index) => [
    json({ op: "run_many", reqs: [good(`last ${index}`), item] }),
    json({ op: "run_many", reqs: [item, good(`first ${index}`)] }),
  ]);
  const result = await room.run(script(batches));
  expect(lines(room.engine, result)).toEqual(reserved.flatMap(([, text]) => [error(text), error(text)]));
  expect(result.jobs).toEqual({ executed: 1, frames: 1, memoized: 0 });
});

describe("an image", () => {
  test("is an oid, or a name in the job's own library", async () => {
    const std = library(room.engine, { here: add(silent), "with space": add(echo), broken: emptyTree });
    const images = ["/cas/std/here", "/cas/std/with space", "/cas/std/broken", "/cas/std/", "/cas/std/fold-wasm"];
    const steps = [...images, "/cas/std", "cas/std/here", "here", "/cas/std/here/", " ", ""].map((image) => run(image));
    expect(await room.answers(steps, {}, { std })).toEqual([
      empty,
      `{"kind":"tree","hash":"${emptyTree}"}`,
      error("the image is not a worker"),
      error("std has no worker of that name"),
      error("std has no worker of that name"),
      error("the image is neither an oid nor a name in std"),
      error("the image is neither an oid nor a name in std"),
      error("the image is neither an oid nor a name in std"),
      error("std has no worker of that name"),
      error("the image is neither an oid nor a name in std"),
      error("the image is neither an oid nor a name in std"),
    ]);
  });

  test("that is no worker is an error", async () => {
    const { engine } = room;
    const marker = room.blob("coppice-wasm/3");
    const one = room.blob("1");
    const base = room.blob(add(silent));
    const args = engine.putTree([]);
    const trees = [
      engine.putTree([file(".caos-runtime", marker)]),
      engine.putTree([file("module", marker)]),
      engine.putTree([file(".caos-runtime", marker), folder("module", args)]),
      engine.putTree([folder(".caos-runtime", args), file("module", marker)]),
      engine.putTree([file(".caos-curry", one), file("base", base)]),
      engine.putTree([file(".caos-curry", one), folder("args", args)]),
      engine.putTree([file(".caos-curry", one), file("base", base), file("args", one)]),
      engine.putTree([file(".caos-curry", room.blob("2")), file("base", base), folder("args", args)]),
      engine.putTree([file(".caos-curry", room.blob("")), file("base", base), folder("args", args)]),
      engine.putTree([folder(".caos-curry", args), file("base", base), folder("args", args)]),
    ];
    expect(await room.answers([room.blob("no tree"), ...trees].map((image) => run(image)))).toEqual(
      ["", ...trees].map(() => error("the image is not a worker")),
    );
  });

  test("may have white space around its marker, and further entries", async () => {
    const image = room.engine.putTree([
      { mode: "100644", name: ".caos-runtime", oid: room.blob(" coppice-wasm/3\r\n") },
      { mode: "100644", name: "README", oid: room.blob("about") },
      { mode: "100755", name: "module", oid: room.blob(silent) },
    ]);
    expect(await room.answer(run(image))).toBe(empty);
  });

  test("of an unknown runtime is a non-answer that names the marker", async () => {
    const image = unchecked(room.engine, silent, "coppice-wasm/999");
    const answer = await nonAnswer(room.run(script([run(image)])));
    expect(answer).toEqual({
      kind: "host",
      message: `worker ${image} wants the runtime "coppice-wasm/999", which this version does not have`,
    });
  });

  test("of a request must be a runtime node itself: curries are unwrapped before", async () => {
    const { engine } = room;
    const request = requestOf(engine, curry(engine, add(silent), { a: "1" }), emptyTree);
    expect((await engine.settle(request)).outcome).toEqual({
      kind: "failed",
      code: "module",
      message: "the image is not a worker",
    });
  });
});

describe("a curry", () => {
  /** The args that a worker gets through this image. */
  async function bound(image: string, args: Oid, std?: Oid): Promise<Record<string, string>> {
    const [answer = ""] = await room.answers([run(image, args)], {}, std === undefined ? {} : { std });
    const { hash } = JSON.parse(answer) as { hash: Oid };
    const content = (oid: Oid) => Buffer.from(room.engine.get(oid).body).toString("utf8");
    return Object.fromEntries(room.engine.list(hash).map(({ name, oid }) => [name, content(oid)]));
  }
  const argsTree = (args: Readonly<Record<string, string>>) =>
    room.engine.putTree(
      Object.entries(args).map(([name, value]) => ({ mode: "100644" as const, name, oid: room.blob(value) })),
    );

  test("adds its args to those of the call, which win", async () => {
    const image = curry(room.engine, add(echo), { a: "bound", b: "bound" });
    expect(await bound(image, argsTree({ b: "call", c: "call" }))).toEqual({ a: "bound", b: "call", c: "call" });
  });

  test("around another one wins over it", async () => {
    const inner = curry(room.engine, add(echo), { a: "inner", b: "inner", c: "inner" });
    const outer = curry(room.engine, inner, { b: "outer", c: "outer" });
    expect(await bound(outer, argsTree({ c: "call" }))).toEqual({ a: "inner", b: "outer", c: "call" });
  });

  test("may name its base in the library, whose entry may be a curry", async () => {
    const std = library(room.engine, { plain: add(echo), curried: curry(room.engine, "/cas/std/plain", { a: "std" }) });
    const outer = curry(room.engine, "/cas/std/curried", { b: "outer" });
    expect(await bound(outer, argsTree({}), std)).toEqual({ a: "std", b: "outer" });
  });

  test("gives the same request as the args it binds would", async () => {
    const image = curry(room.engine, add(echo), { a: "1" });
    const first = await room.run(script([run(image, argsTree({ z: "same" }))]));
    const second = await room.run(
      script([run(add(echo), argsTree({ a: "1", z: "same" })), json({ op: "log", msg: "" })]),
    );
    expect(first.jobs.executed).toBe(2);
    expect(second.jobs).toEqual({ executed: 1, frames: 1, memoized: 1 });
  });

  test(`of ${curryLevelsMax} levels is unwrapped, and one more level is an error`, async () => {
    const levels = [add(echo)];
    for (let level = 0; level <= curryLevelsMax; level++) {
      levels.push(curry(room.engine, levels[level] ?? "", { [`l${level}`]: "" }));
    }
    const [deepest, tooDeep] = [levels[curryLevelsMax] ?? "", levels[curryLevelsMax + 1] ?? ""];
    expect(Object.keys(await bound(deepest, argsTree({})))).toHaveLength(curryLevelsMax);
    expect(await room.answer(run(tooDeep))).toBe(error("the worker is curried too deep"));
    await expect((async () => room.engine.run({ worker: tooDeep }))()).rejects.toThrow(
      "the worker is curried too deep",
    );
  });

  test("that binds nothing leaves the args unread, however malformed they are; one that binds does not", async () => {
    const store = openStore(room.storePath);
    const entry = Buffer.concat([
      Buffer.from("100644 .git\0", "latin1"),
      Buffer.from(store.put("blob", Buffer.from("x")), "hex"),
    ]);
    const args = store.put("tree", entry);
    store.close();
    const answers = await room.answers([
      run(add(echo), args),
      run(curry(room.engine, add(echo), {}), args),
      run(curry(room.engine, add(echo), { a: "1" }), args),
    ]);
    const same = `{"kind":"tree","hash":"${args}"}`;
    expect(answers).toEqual([same, same, error("args is not a tree")]);
  });

  test("whose request is formed is noted among what the parent read, so that a bundle holds it", async () => {
    const { engine } = room;
    const base = add(silent);
    const image = curry(engine, base, { noted: "yes" });
    const std = library(engine, { it: image });
    const result = await room.run(script([run("/cas/std/it"), run(image)]), {}, { std });
    withStore(room.storePath, (store) => {
      const reads = store.memo(result.request)?.reads ?? [];
      expect(reads).toEqual(expect.arrayContaining([std, image]));
    });
  });
});

describe("however deep frames may nest", () => {
  const depths = [1, 2, 3, 64];

  test("a recursion over shared trees comes to the same outcome and executes each request once", async () => {
    const runs = await Promise.all(
      depths.map((nestedFramesMax) =>
        withEngine({ nestedFramesMax }, async (engine) => {
          const worker = engine.addWorker(recurring);
          const args = nestedTrees(engine, 6);
          const std = library(engine, { recur: worker });
          const names = engine.list(args).map(({ name, oid }) => [name, { oid }] as const);
          const result = await engine.run({ worker: "recur", args: Object.fromEntries(names), std });
          return {
            outcome: result.outcome,
            request: result.request,
            executed: result.jobs.executed,
            frames: result.jobs.frames,
          };
        }),
      ),
    );
    expect(runs.map(({ executed }) => executed)).toEqual(depths.map(() => 14));
    expect(new Set(runs.map(({ outcome, request }) => JSON.stringify([outcome, request])))).toHaveProperty("size", 1);
    expect(runs.at(-1)?.frames).toBe(14);
    expect(runs[0]?.frames).toBeGreaterThan(14);
  });

  test("sequential runs, batches and failures answer the same, and each line is logged once", async () => {
    const runs = await Promise.all(
      depths.map((nestedFramesMax) =>
        withEngine({ nestedFramesMax }, async (engine) => {
          const leaf = engine.addWorker(script([json({ op: "log", msg: "leaf" })]));
          const bad = engine.addWorker(failing("bad leaf"));
          const middle = engine.addWorker(
            script([json({ op: "log", msg: "middle" }), run(leaf), runMany({ image: bad }, { image: leaf }), run(bad)]),
          );
          const top = engine.addWorker(
            script([
              json({ op: "log", msg: "top" }),
              run(middle),
              run(leaf),
              runMany({ image: bad }, { image: middle }, { image: bad }),
              json({ op: "job" }),
            ]),
          );
          const log: string[] = [];
          const result = await engine.run({ worker: top, onLog: ({ line }) => log.push(line) });
          return { answers: lines(engine, result), executed: result.jobs.executed, log: log.toSorted() };
        }),
      ),
    );
    const [first] = runs;
    expect(first).toMatchObject({ executed: 4, log: ["bad leaf", "leaf", "middle", "top"] });
    expect(first?.answers[0]).toBe("{}");
    expect(first?.answers[3]).toBe(`{"results":[${error("bad leaf")},${first?.answers[1]},${error("bad leaf")}]}`);
    for (const each of runs) expect(each).toEqual(first);
  });
});

test("the result of a run names what the child named, whatever its size", async () => {
  const long = "x".repeat(100_000);
  const child = add(
    script(
      [
        json({ op: "put_blob", bytes_b64: Buffer.from(long).toString("base64") }),
        json({ op: "out", kind: "blob", hash: blobOid(long) }),
      ],
      { finish: false },
    ),
  );
  expect(await room.answer(run(child))).toBe(`{"kind":"blob","hash":"${hashObject("blob", Buffer.from(long))}"}`);
});

function withStore(path: string, look: (store: Store) => void): void {
  const store = openStore(path);
  try {
    look(store);
  } finally {
    store.close();
  }
}
