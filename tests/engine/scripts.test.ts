/** Scripts as workers, through the whole engine: what they are given, what they may return, how they fail, and what they can't do to the engine. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import {
  NonAnswerError,
  UnfitScript,
  UnfitWorker,
  openEngine,
  type Arg,
  type Engine,
  type Oid,
  type RunResult,
} from "../../src/engine.ts";
import { putRuntimeNode, scriptMarker } from "../../src/abi/worker.ts";
import { hashObject } from "../../src/store/object.ts";
import { openStore } from "../../src/store/store.ts";
import { guest } from "../guests/assemble.ts";
import { silent } from "../guests/children.ts";
import { nonAnswer, withEngine } from "../guests/room.ts";
import { watchExecutors } from "./executor-threads.ts";

let folder = "";
let files = 0;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "coppice-scripts-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Writes a worker's source and adds it. */
function add(engine: Engine, source: string, name = "worker.ts"): Promise<Oid> {
  const file = join(folder, String(files++), name);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, source);
  writeFileSync(join(dirname(file), "other.ts"), "console.log('other');\n");
  return engine.addScript(file);
}

const body = (text: string) => `export default async (job: any) => { ${text} };`;

async function run(engine: Engine, text: string, args: Record<string, Arg> = {}): Promise<RunResult> {
  return engine.run({ worker: await add(engine, body(text)), args });
}

async function textOf(engine: Engine, running: Promise<RunResult>): Promise<string> {
  const { outcome, detail } = await running;
  if (outcome.kind === "failed") throw new Error(`failed: ${outcome.message} (${detail})`);
  return Buffer.from(engine.get(outcome.oid).body).toString("utf8");
}

const blob = (text: string) => hashObject("blob", Buffer.from(text));

test("an entry stands in a tree as it is asked to, where git has such an entry", async () => {
  await withEngine({}, async (engine) => {
    const worker = await add(
      engine,
      body(`
        const { oid } = job.putBlob("x");
        const refused = [["tree", "100644"], ["blob", "40000"], ["blob", "160000"], ["blob", 1]].filter(([kind, mode]) => {
          try { job.entry(kind, oid, mode); return false; } catch { return true; }
        });
        if (refused.length !== 4) throw new Error("not refused");
        return new Map([["exec", job.entry("blob", oid, "100755")], ["file", job.entry("blob", oid, "100644")], ["link", job.entry("blob", oid, "120000")]]);`),
    );
    const { outcome } = await engine.run({ worker });
    const x = engine.putBlob(Buffer.from("x"));
    expect(outcome).toMatchObject({
      kind: "tree",
      oid: engine.putTree([
        { mode: "100755", name: "exec", oid: x },
        { mode: "100644", name: "file", oid: x },
        { mode: "120000", name: "link", oid: x },
      ]),
    });
  });
});

test("a script reads its arguments, puts objects, runs workers and logs", async () => {
  await withEngine({}, async (engine) => {
    const source = engine.putTree([
      { mode: "100644", name: "a.json", oid: engine.putBlob(Buffer.from('{"b":[1]}')) },
      { mode: "100644", name: "c", oid: engine.putBlob(Buffer.from("c\nc\n")) },
    ]);
    const logged: string[] = [];
    const worker = await add(
      engine,
      body(`
        const [a, c] = job.tree(job.args.in);
        job.log("names", a.name, c.name);
        const lines = await job.run("line-count", { in: c, children: new Map() });
        const [again, copy] = await job.runMany([{ worker: "line-count", args: { in: c, children: new Map() } }, { worker: "byte-count", args: { in: c, children: {} } }].slice(0, 1).concat([{ worker: "line-count", args: { in: job.putBlob("1\\n"), children: new Map() } }]));
        return { first: job.json(a).b[0], lines: job.text(lines), same: again.oid === lines.oid, copy: job.text(copy), bytes: job.bytes(c).length, kind: job.args.in.kind };`),
    );
    const running = engine.run({ worker, args: { in: { oid: source } }, onLog: ({ line }) => logged.push(line) });
    expect(JSON.parse(await textOf(engine, running))).toEqual({
      first: 1,
      lines: "2\n",
      same: true,
      copy: "1\n",
      bytes: 4,
      kind: "tree",
    });
    expect(logged).toEqual(["names a.json c"]);
  });
});

test.each([
  ["text", "return 'x'", { kind: "blob", oid: blob("x") }],
  ["bytes", "return Uint8Array.of(1, 2)", { kind: "blob", oid: hashObject("blob", Buffer.of(1, 2)) }],
  ["a value", "return { b: 1, a: [true, null] }", { kind: "blob", oid: blob('{"a":[true,null],"b":1}') }],
  ["entries", "return new Map([['f', 'x']])", { kind: "tree", oid: "a7c06a3e0b0a7e8f8a9e3b2ac1d06db6a2dd61f9" }],
  ["an entry", "return job.args.in", { kind: "blob", oid: blob("in") }],
  ["an oid", `return job.entry("blob", "${blob("in")}")`, { kind: "blob", oid: blob("in") }],
])("a result may be %s", async (_, text, outcome) => {
  await withEngine({ executors: 1 }, async (engine) => {
    const found = (await run(engine, text, { in: "in" })).outcome;
    if (outcome.kind === "blob") expect(found).toEqual(outcome);
    else
      expect(found.kind === "tree" && engine.list(found.oid)).toMatchObject([
        { name: "f", mode: "100644", oid: blob("x") },
      ]);
  });
});

test("a fold written in TypeScript asks the same visitors for the same, and comes to the same, as the fold in wasm", async () => {
  await withEngine({}, async (engine) => {
    const inner = engine.putTree([{ mode: "100755", name: "x", oid: engine.putBlob(Buffer.from("1\n2\n")) }]);
    const tree = engine.putTree([
      { mode: "100644", name: "a", oid: engine.putBlob(Buffer.from("1\n")) },
      { mode: "40000", name: "b", oid: inner },
      { mode: "40000", name: "empty", oid: engine.putTree([]) },
    ]);
    const fold = await add(
      engine,
      body(`
        const { in: node, post, self } = job.args;
        const entries = node.kind === "tree" ? job.tree(node) : [];
        const image = job.text(post);
        const results = await job.runMany(entries.map((child) => child.kind === "tree"
          ? { worker: job.text(self), args: { in: child, post, self } }
          : { worker: image, args: { in: child, children: new Map() } }));
        const children = job.putTree(new Map(entries.map(({ name }, at) => [name, results[at]])));
        return job.run(image, { in: node, children });`),
    );
    for (const post of ["line-count", "file-count", "language-stats"]) {
      const wasm = await engine.fold({ in: tree, post });
      const script = await engine.run({
        worker: fold,
        args: { in: { oid: tree }, post: `/cas/std/${post}`, self: fold },
      });
      expect(script.outcome).toEqual(wasm.outcome);
      // Three folders were folded; each of their visitors was remembered.
      expect(script.jobs.executed).toBe(3);
    }
  });
});

test("whoever comes first of a remembered and a new nested run does not tell which was remembered", async () => {
  await withEngine({ executors: 1 }, async (engine) => {
    const leaf = await add(engine, body("return job.text(job.args.in)"));
    const race = body(`
      const run = (text) => job.run("${leaf}", { in: text }).then((ref) => job.text(ref));
      return Promise.race([run("new"), run("remembered")]);`);
    await engine.run({ worker: leaf, args: { in: "remembered" } });
    expect(await textOf(engine, engine.run({ worker: await add(engine, race) }))).toBe("new");
  });
});

describe("a failure", () => {
  test("is told with the author's file, line and column", async () => {
    await withEngine({ executors: 1 }, async (engine) => {
      const source =
        "interface A { b: number }\n\nexport default (job: any) => {\n  throw new Error('no ' + job.salt);\n};\n";
      const { outcome, detail } = await engine.run({ worker: await add(engine, source, "mine.ts") });
      expect(outcome).toMatchObject({ kind: "failed", code: "trap" });
      expect(detail).toBe("mine.ts:4:9");
    });
  });

  test("of a nested run can be caught, and is handed on with its origin when it is not", async () => {
    await withEngine({ executors: 1 }, async (engine) => {
      const bad = await add(engine, "\nexport default () => { throw new TypeError('bad'); };", "bad.ts");
      const caught = body(
        `try { await job.run("${bad}") } catch (error) { return [error.name, error.code, error.message] }`,
      );
      expect(JSON.parse(await textOf(engine, engine.run({ worker: await add(engine, caught) })))).toEqual([
        "WorkerFailed",
        "trap",
        "TypeError: bad",
      ]);
      const { outcome, detail } = await run(engine, `return job.run("${bad}")`);
      expect(outcome).toMatchObject({ kind: "failed", message: "WorkerFailed: TypeError: bad" });
      expect(detail).toBe("bad.ts:2:30");
    });
  });

  test.each([
    ["that returned nothing", "", "in mine.ts"],
    ["whose result is no JSON", "return { a: 1n }", "in mine.ts"],
    ["that waits for ever", "await new Promise(() => {})", "in mine.ts"],
    ["that asked for what is no worker", "return job.run('lnie-count')", 'it asked for "lnie-count", in mine.ts'],
  ])("of a worker %s is told with its file", async (_, text, detail) => {
    await withEngine({ executors: 1 }, async (engine) => {
      const found = await engine.run({ worker: await add(engine, `import './other.ts';\n${body(text)}`, "mine.ts") });
      expect(found).toMatchObject({ outcome: { kind: "failed" }, detail });
    });
  });

  test.each([
    ["without a result", "", "abi", "the guest returned without a result"],
    ["waiting for ever", "await new Promise(() => {})", "abi", "the worker waits for a promise that nothing settles"],
  ])("%s", async (_, text, code, message) => {
    await withEngine({ executors: 1 }, async (engine) => {
      expect((await run(engine, text)).outcome).toEqual({ kind: "failed", code, message });
    });
  });

  test.each([
    ["logBytes", "job.log('12345678')", "the guest logged too much"],
    ["resultBytes", "return '12345678'", "the guest's result is too large"],
    [
      "nestedRuns",
      "await Promise.all([1, 2, 3, 4, 5].map((n) => job.run('line-count', { in: '' + n, children: new Map() })))",
      "the guest asked for too many nested requests",
    ],
  ])("at a limit of its own: %s", async (name, text, message) => {
    await withEngine({ executors: 1 }, async (engine) => {
      const file = join(folder, `${name}.ts`);
      writeFileSync(file, body(text));
      const worker = await engine.addScript(file, { [name]: 4 });
      const { outcome, detail } = await engine.run({ worker });
      expect(outcome).toEqual({ kind: "failed", code: "limit", message });
      expect(detail).toContain(`its limit ${name} of 4`);
    });
  });
});

describe("what can't be a worker", () => {
  test("is told before anything is stored", async () => {
    await withEngine({}, async (engine) => {
      await expect(add(engine, 'import "node:fs";\nexport default () => 1;')).rejects.toThrow(UnfitScript);
      await expect(add(engine, "export const a = 1;")).rejects.toThrow("default");
      const file = join(folder, "limits.ts");
      writeFileSync(file, body("return 1"));
      await expect(engine.addScript(file, { fuel: 3 })).rejects.toThrow(UnfitWorker);
    });
  });

  test("a script for another V8 is a non-answer that says which", async () => {
    await withEngine({ executors: 1 }, async (engine, storePath) => {
      const store = openStore(storePath);
      const marker = scriptMarker.replace(/v8\/.*/, "v8/9.9.9");
      const worker = putRuntimeNode(store, marker, store.put("blob", Buffer.from("module.exports = () => 'x'")));
      store.close();
      const answer = await nonAnswer(engine.run({ worker }));
      expect(answer).toMatchObject({ kind: "host" });
      expect(answer.kind === "host" && answer.message).toMatch(/wants V8 9\.9\.9, and this Node \(v\d+/);
    });
  });
});

describe("whatever a script does, the engine goes on", () => {
  /** Other scripts and wasm guests run beside it, before and after. */
  async function survives(engine: Engine, harm: () => PromiseLike<unknown>): Promise<void> {
    const leaf = await add(engine, body("return job.text(job.args.in) + '!'"));
    /** Asked for again where a busy machine did not let it run within the wall clock. */
    const text = async (salt: string): Promise<string> => {
      try {
        return await textOf(engine, engine.run({ worker: leaf, args: { in: "x" }, salt }));
      } catch (error) {
        const answer = error instanceof NonAnswerError ? error.answer : undefined;
        if (answer?.kind === "host" && answer.stoppedAfterMs !== undefined) return text(salt);
        throw error;
      }
    };
    const before = text("before");
    const beside = harm();
    expect(await text("beside")).toBe("x!");
    await beside;
    expect(await before).toBe("x!");
    expect(await text("after")).toBe("x!");
    expect((await engine.run({ worker: engine.addWorker(silent) })).outcome.kind).toBe("blob");
  }

  test.each([
    ["an endless loop", "for (;;);"],
    ["a regular expression that backtracks for ever", "return String(/^(a+)+$/.test('a'.repeat(64) + 'b'))"],
    ["a loop of promises", "const again = () => Promise.resolve().then(again); await again();"],
  ])("%s is stopped by the wall clock", async (_, text) => {
    await withEngine({ executors: 2, wallClockMsMax: 3000 }, async (engine) => {
      await survives(engine, async () => {
        const answer = await nonAnswer(run(engine, text));
        expect(answer).toMatchObject({ kind: "host" });
        expect(answer.kind === "host" && answer.message).toMatch(
          /^[\w./-]+\.ts \(request [0-9a-f]{40}\) ran for more than 3 s and was stopped/,
        );
      });
    });
  });

  test.each([
    ["filling a huge array", "return String(new Array(1e9).fill(1).length)"],
    ["many Maps", "const maps = []; for (;;) maps.push(new Map(Array.from({ length: 1e5 }, (_, i) => [i, { i }])));"],
    ["deep recursion", "const f = (n) => 1 + f(n + 1); return String(f(0));"],
  ])("%s is a non-answer", async (_, text) => {
    await withEngine({ executors: 2, wallClockMsMax: 20_000 }, async (engine) => {
      await survives(engine, async () => {
        const answer = await nonAnswer(run(engine, text));
        expect(answer).toMatchObject({ kind: "host" });
      });
    });
  });

  test("a run of a script that never ends can be cancelled", async () => {
    await withEngine({ executors: 1 }, async (engine) => {
      const worker = await add(engine, body("for (;;);"));
      const abort = new AbortController();
      const running = engine.run({ worker, signal: abort.signal });
      for await (const { type } of running.events) {
        if (type === "started") break;
      }
      abort.abort();
      expect(await nonAnswer(running)).toEqual({ kind: "cancelled" });
      expect(await textOf(engine, run(engine, "return 'on'"))).toBe("on");
    });
  });

  test("a process that is killed while jobs wait in it is replaced, and they come to what they would have", async () => {
    await withEngine({ executors: 1 }, async (engine) => {
      const leaf = await add(
        engine,
        body("let sum = 0; for (let i = 0; i < 3e6; i++) sum += i; return job.text(job.args.in) + sum"),
      );
      const many = body(
        `const refs = await job.runMany(Array.from({ length: 200 }, (_, i) => ({ worker: "${leaf}", args: { in: "" + i } }))); return refs.map((ref) => job.text(ref)).join()`,
      );
      const worker = await add(engine, many);
      const running = engine.run({ worker });
      let kills = 0;
      for await (const { type } of running.events) {
        if (type === "progress" && kills < 3 && killChildren()) kills++;
      }
      const text = await textOf(engine, running);
      expect(text.split(",")).toHaveLength(200);
      expect(text).toBe(await textOf(engine, engine.run({ worker, rerun: true })));
      expect(kills).toBeGreaterThan(0);
    });
  });
});

test("a script whose process somebody ends beforehand gets another one", async () => {
  await withEngine({ executors: 1 }, async (engine) => {
    expect(await textOf(engine, engine.run({ worker: await add(engine, body("return 'first'")) }))).toBe("first");
    expect(killChildren()).toBe(true);
    expect(await textOf(engine, engine.run({ worker: await add(engine, body("return 'second'")) }))).toBe("second");
  });
});

test("a process that was started for a thread's scripts is gone with the thread, though it dies before it can take it over", async () => {
  await watchExecutors(async (threads) => {
    await withEngine({ executors: 1 }, async (engine) => {
      const running = run(engine, "return 'x'");
      while (threads.live[0] === undefined) await nextTurn();
      threads.kill(threads.live[0]);
      expect(await textOf(engine, running)).toBe("x");
    });
    while (children().length > 0) await nextTurn();
    expect([threads.kills, threads.spawned]).toEqual([1, 2]);
  });
});

test("a thread that is ended because of a guest in WebAssembly leaves nothing of the process of its scripts, not even in the system's table", async () => {
  await withEngine({ executors: 1, wallClockMsMax: 1000 }, async (engine) => {
    // The thread is there when it first wants a process.
    await engine.run({ worker: engine.addWorker(silent) });
    expect(await textOf(engine, run(engine, "return 'before'"))).toBe("before");
    const pid = Number(children()[0]);
    // Signal 0 is for whatever is in the table.
    expect(process.kill(pid, 0)).toBe(true);
    const endless = engine.addWorker(guest("(loop $again (br $again))"));
    expect(await nonAnswer(engine.run({ worker: endless }))).toMatchObject({ kind: "host" });
    for (let isThere = true; isThere; await nextTurn()) {
      try {
        process.kill(pid, 0);
      } catch {
        isThere = false;
      }
    }
    expect(await textOf(engine, run(engine, "return 'after'"))).toBe("after");
  });
});

test("where no process can be started a run says why, and the next one that can has one", async () => {
  const missing = join(folder, "missing");
  vi.stubEnv("TMPDIR", missing);
  const engine = openEngine({ store: join(folder, "no-folder.sqlite"), executors: 1 });
  try {
    const sentence = /^no process for scripts can be started: ENOENT: no such file or directory, mkdtemp /;
    await expect(run(engine, "return 'x'")).rejects.toThrow(sentence);
    mkdirSync(missing);
    expect(await textOf(engine, run(engine, "return 'x'"))).toBe("x");
  } finally {
    vi.unstubAllEnvs();
    await engine.close();
  }
});

const nextTurn = () => new Promise((resolve) => void setImmediate(resolve));

/** The script children of this process that live. */
function children(): string[] {
  try {
    return execFileSync("pgrep", ["-P", String(process.pid), "-f", "script/child"], { encoding: "utf8" }).split("\n");
  } catch {
    return []; // pgrep found none
  }
}

/** Kills the script children of this process; false when there is none. */
function killChildren(): boolean {
  try {
    execFileSync("pkill", ["-KILL", "-P", String(process.pid), "-f", "script/child"]);
    return true;
  } catch {
    return false; // pkill found none
  }
}
