import { appendFileSync, copyFileSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import type { Answer } from "../../src/server/answer.ts";
import { readObjects, readTranscript, TranscriptWriter } from "../../src/server/transcript.ts";
import type { Oid } from "../../src/store/oid.ts";
import { absent, emptyTree, jsonError, sharedRoom, smallRepository, type Said } from "../cli/room.ts";
import { guest } from "../guests/assemble.ts";
import { withServer, type Calls } from "./client.ts";

const room = sharedRoom();
let own = "";

beforeAll(async () => {
  room.makeRepository("repository", smallRepository);
  own = await room.withEngine((engine) => engine.addWorker(guest("(unreachable)")));
});

interface Replayed {
  readonly same: boolean;
  readonly calls: number;
  readonly compared: number;
  readonly jobs: { readonly executed: number; readonly remembered: number };
  readonly first?: Readonly<Record<string, unknown>>;
}

const replay = (file: string, store: string): Promise<Said> =>
  room.callIn({ cwd: room.path() }, "replay-calls", file, "--json", "--store", room.path(store));
const replayedOf = ({ out }: Said) => JSON.parse(out) as Replayed;

/** Works with a server that writes a transcript, and gives the transcript's path. */
async function session(name: string, work: (call: Calls) => Promise<void>): Promise<string> {
  const file = room.path(name);
  await withServer(room, ["--root", room.repository, "--transcript", file], ({ call }) => work(call));
  return file;
}

/** Fifty calls of all sorts, each on what calls before came to. */
async function fiftyCalls(call: Calls): Promise<void> {
  for (let round = 0; round < 5; round++) {
    writeFileSync(room.path("repository", "a.txt"), "alpha\n".repeat(round + 1));
    const { tree } = (await call("import", {})).facts;
    const exec = async (root: string, ...argv: readonly string[]) => {
      const { facts, isError } = await call("exec", { tree: root, argv });
      expect(isError).toBe(false);
      return facts;
    };
    const made = await exec(tree, "mkdir", `made-${round}`);
    const copied = await exec(made.tree, "cp", "a.txt", `made-${round}/copy.txt`);
    const counted = await exec(copied.tree, "wc", "-l", "a.txt", `made-${round}/copy.txt`);
    await call("exec", { command: "sort -r | head -n 1", stdin: { oid: counted.stdout.blob } });
    expect((await exec(copied.tree, "cat", "none")).exit).toBe(1);
    const { request } = (await call("fold", { tree: copied.tree, post: "line-count" })).facts;
    expect((await call("explain", { request })).isError).toBe(false);
    await call("diff", { from: tree, to: copied.tree });
    expect((await call("read", { tree: copied.tree, path: `made-${round}/copy.txt` })).facts["lines"]).toBe(round + 1);
  }
}

describe("a session of 50 calls", () => {
  let file = "";
  beforeAll(async () => {
    file = await session("fifty.jsonl", fiftyCalls);
  });

  it("comes to the same requests and trees on an empty store, and executes nothing the second time", async () => {
    const first = await replay(file, "empty.sqlite");
    expect(first).toMatchObject({ status: 0, err: "" });
    expect(replayedOf(first)).toMatchObject({ same: true, calls: 50, compared: 50 });
    expect(replayedOf(first).jobs.executed).toBeGreaterThan(20);
    const second = await replay(file, "empty.sqlite");
    expect(replayedOf(second)).toEqual({
      same: true,
      calls: 50,
      compared: 50,
      passedBy: { checkout: 0, refused: 0, unanswered: 0 },
      // All that are no imports, diffs, explanations and looks into files.
      jobs: { executed: 0, remembered: 30 },
    });
  });

  it("comes to the same on the store that it was on, where all is remembered", async () => {
    const said = await room.callIn({ cwd: room.path() }, "replay-calls", file);
    expect(said).toEqual({
      status: 0,
      out: "same: 50 of 50 calls compared, 0 jobs executed, 30 remembered\n",
      err: "",
    });
  });

  it("is a line for each call, behind one with the format's version", () => {
    const lines = readFileSync(file, "utf8").trimEnd().split("\n");
    expect(lines).toHaveLength(51);
    expect(JSON.parse(lines[0] as string)).toEqual({ coppice: "transcript", version: 1 });
    expect(JSON.parse(lines[1] as string)).toMatchObject({
      tool: "import",
      arguments: {},
      answer: { request: null, result: { kind: "tree" } },
    });
  });

  it("that is altered is told at the first call that differs, with status 4", async () => {
    const lines = readFileSync(file, "utf8").split("\n");
    const at = lines.findIndex((line) => line.includes('"argv":["wc"'));
    const { request } = (JSON.parse(lines[at] as string) as { answer: { request: string } }).answer;
    const altered = room.path("altered.jsonl");
    writeFileSync(altered, lines.with(at, (lines[at] as string).replace(request, absent)).join("\n"));
    copyFileSync(`${file}.car`, `${altered}.car`);
    const said = await room.callIn({ cwd: room.path() }, "replay-calls", altered);
    expect(said.status).toBe(4);
    expect(said.out).toMatch(/^different: 4 of 4 calls compared, /);
    expect(said.err).toBe(
      `error: call ${at} (exec) differs: recorded is request ${absent}, here is request ${request}\n`,
    );
    expect(replayedOf(await replay(altered, "empty.sqlite"))).toMatchObject({
      same: false,
      first: { call: at, tool: "exec", what: "request", recorded: `request ${absent}`, here: `request ${request}` },
    });
  });

  it("in which a text was altered that was shown is told, too, with both as they begin to differ", async () => {
    const lines = readFileSync(file, "utf8").split("\n");
    const at = lines.findIndex((line) => line.includes('"argv":["wc"'));
    const altered = room.path("altered-text.jsonl");
    writeFileSync(altered, lines.with(at, (lines[at] as string).replace("total", "totem")).join("\n"));
    copyFileSync(`${file}.car`, `${altered}.car`);
    const said = await replay(altered, "empty.sqlite");
    expect(said.status).toBe(4);
    const { first } = replayedOf(said);
    expect(first).toMatchObject({ call: at, what: "text of stdout" });
    expect(first?.["recorded"]).toMatch(/^text of stdout ".* totem\\n" \(from character \d+ on\)$/);
    expect(first?.["here"]).toMatch(/^text of stdout ".* total\\n" \(from character \d+ on\)$/);
  });

  it("whose objects are lost says which is lacking and where it was", async () => {
    const alone = room.path("alone.jsonl");
    copyFileSync(file, alone);
    const said = await room.callIn({ cwd: room.path() }, "replay-calls", alone, "--store", room.path("none.sqlite"));
    expect(said.status).toBe(4);
    expect(said.err).toMatch(/^error: call 1 \(import\) differs: recorded is tree [0-9a-f]{40}, here is no answer: /);
    expect(said.err).toContain(`the store has no object`);
    expect(said.err).toContain(`(${alone}.car is not there, which had the objects)`);
  });
});

describe("a transcript", () => {
  it("has what the session did not make: a worker of the user's, and trees of an earlier session", async () => {
    let earlier = "";
    await withServer(room, ["--root", room.repository], async ({ call }) => {
      earlier = (await call("import", { revision: "HEAD", path: "sub" })).facts.tree;
    });
    const file = await session("outside.jsonl", async (call) => {
      expect((await call("run", { worker: own })).isError).toBe(true);
      expect((await call("fold", { tree: earlier, post: "line-count" })).facts.output.text).toBe("3\n");
    });
    expect(replayedOf(await replay(file, "outside.sqlite"))).toMatchObject({ same: true, calls: 2, compared: 2 });
    const altered = room.path("failing.jsonl");
    writeFileSync(altered, readFileSync(file, "utf8").replace('"code":"trap"', '"code":"abi"'));
    copyFileSync(`${file}.car`, `${altered}.car`);
    const said = await room.callIn({ cwd: room.path() }, "replay-calls", altered);
    expect(said.status).toBe(4);
    expect(said.err).toMatch(
      /^error: call 1 \(run\) differs: recorded is failed \(abi\): .*, here is failed \(trap\): /,
    );
  });

  it("has calls that were refused or written to folders, which are not repeated", async () => {
    const out = room.path("outs");
    const file = room.path("refused.jsonl");
    rmSync(out, { recursive: true, force: true });
    await room.shell(`mkdir ${out}`);
    await withServer(room, ["--transcript", file, "--checkout-root", out], async ({ call }) => {
      await call("fold", { tree: absent, post: "line-count" });
      await call("nonesuch", {});
      expect((await call("checkout", { tree: emptyTree, folder: "x" })).isError).toBe(false);
      await call("fold", { tree: emptyTree, post: "line-count" });
    });
    expect(replayedOf(await replay(file, "refused.sqlite"))).toMatchObject({
      same: true,
      calls: 4,
      compared: 1,
      passedBy: { checkout: 1, refused: 2, unanswered: 0 },
    });
    const said = await room.callIn({ cwd: room.path() }, "replay-calls", file);
    expect(said.out).toMatch(/^same: 1 of 4 calls compared \(1 wrote to a folder, 2 were refused\), /);
  });

  it("goes on in a later session, and writes no object twice", async () => {
    const once = await session("later.jsonl", async (call) => void (await call("import", { revision: "HEAD" })));
    const { size } = statSync(`${once}.car`);
    await session("later.jsonl", async (call) => {
      const { tree } = (await call("import", { revision: "HEAD" })).facts;
      await call("fold", { tree, post: "line-count" });
    });
    expect(statSync(`${once}.car`).size).toBe(size);
    expect(replayedOf(await replay(once, "later.sqlite"))).toMatchObject({ same: true, calls: 3 });
  });

  it("whose writer was killed in the midst of a line and an object goes on from the last whole ones", async () => {
    const file = await session("torn.jsonl", async (call) => void (await call("import", { revision: "HEAD" })));
    const [lines, objects] = [readFileSync(file), readFileSync(`${file}.car`)];
    appendFileSync(file, '{"tool":"fold","argu');
    truncateSync(`${file}.car`, objects.length - 3);
    expect(replayedOf(await replay(file, "torn.sqlite"))).toMatchObject({ error: { kind: "usage" } });
    await session("torn.jsonl", async (call) => void (await call("import", { revision: "HEAD" })));
    expect(readFileSync(file).subarray(0, lines.length)).toEqual(lines);
    expect(readFileSync(`${file}.car`)).toEqual(objects);
    expect(replayedOf(await replay(file, "torn.sqlite"))).toMatchObject({ same: true, calls: 2 });
  });

  it("that ends within a line is replayed as far as its whole lines go, and that is said", async () => {
    const file = await session("cut.jsonl", async (call) => void (await call("import", { revision: "HEAD" })));
    appendFileSync(file, '{"tool":"fold","argu');
    const ended = await replay(file, "cut.sqlite");
    expect(replayedOf(ended)).toMatchObject({ same: true, calls: 1 });
    expect(ended.err).toContain("ends within a line, which is no call and was left out");
  });

  it("that is none is refused, by the server and by the replay", async () => {
    const cases: readonly [text: string, says: RegExp][] = [
      ["", /it is empty/],
      ["hello\n", /its first line is not that of a transcript/],
      ['{"coppice":"transcript","version":2}\n', /its version is 2, and this Coppice reads version 1/],
      ['{"coppice":"transcript","version":1}\n{"tool":1}\n', /line 2 is no call with its answer/],
      ['{"coppice":"transcript","version":1}\nnull\n', /line 2 is no call with its answer/],
    ];
    for (const [at, [text, says]] of cases.entries()) {
      const file = room.write(`none-${at}.jsonl`, text);
      const said = await replay(file, "none.sqlite");
      expect(said.status).toBe(2);
      expect(jsonError(said).error.message).toMatch(says);
    }
    const file = room.write("other.jsonl", "hello\n");
    const said = await room.callIn({ cwd: room.path() }, "mcp", "--transcript", file);
    expect(said).toMatchObject({ status: 2, out: "" });
    expect(readFileSync(file, "utf8")).toBe("hello\n");
    const missing = await replay(room.path("nonesuch.jsonl"), "none.sqlite");
    expect(missing.status).toBe(2);
    expect(jsonError(missing).error.message).toMatch(/no such file or directory/);
  });

  it("can't be where an import would find it", async () => {
    for (const name of ["calls.jsonl", "sub/calls.jsonl", "./sub/../calls.jsonl"]) {
      const said = await room.call("mcp", "--root", ".", "--transcript", name);
      expect(said).toMatchObject({ status: 2, out: "" });
      expect(said.err).toContain(`--transcript ${name} is below --root, so each import would find it changed`);
    }
    expect(await room.call("mcp", "--transcript", "none/calls.jsonl")).toMatchObject({
      status: 2,
      err: "error: --transcript none/calls.jsonl: there is no folder none\n",
    });
  });

  it("whose objects were altered is refused with the place", async () => {
    const file = await session("bitten.jsonl", async (call) => void (await call("import", { revision: "HEAD" })));
    const bytes = readFileSync(`${file}.car`);
    bytes.writeUInt8(bytes.readUInt8(bytes.length - 5) ^ 1, bytes.length - 5);
    writeFileSync(`${file}.car`, bytes);
    const said = await replay(file, "bitten.sqlite");
    expect(said.status).toBe(2);
    expect(jsonError(said).error.message).toMatch(/the bytes of [0-9a-f]{40} have another hash \(at byte \d+\)/);
  });
});

it("a commit that a client names is none of the transcript's objects, and the calls beside it replay elsewhere", async () => {
  const commit = room.git(room.repository, "rev-parse", "HEAD").trim();
  const file = await session("commit.jsonl", async (call) => {
    const { tree } = (await call("import", { revision: "HEAD" })).facts;
    expect((await call("ls", { tree: commit })).isError).toBe(true);
    expect((await call("fold", { tree, post: "line-count" })).isError).toBe(false);
  });
  const said = await replay(file, "elsewhere-commit.sqlite");
  expect(said).toMatchObject({ status: 0 });
  expect(replayedOf(said)).toMatchObject({ same: true, calls: 3, compared: 2 });
});

it("a call that can't be written leaves the transcript as it was, and the next one is written", async () => {
  const file = room.path("full-disk.jsonl");
  await room.withEngine((engine) => {
    const [first, second] = ["one", "two"].map((text) => engine.putBlob(Buffer.from(text)));
    const tree = engine.putTree([
      { mode: "100644", name: "a", oid: first as Oid },
      { mode: "100644", name: "b", oid: second as Oid },
    ]);
    let isFull = true;
    const failing = new Proxy(engine, {
      get: (of, key) => (key === "get" ? get : Reflect.get(of, key).bind(of)),
    });
    const get = (name: Oid) => {
      if (isFull && name === first) throw new Error("no space left");
      return engine.get(name);
    };
    const writer = new TranscriptWriter(failing, file);
    const call = { tool: "ls", arguments: { tree } } as const;
    const facts = { request: null, tree, remembered: false, executed: 0, text: "a\nb" };
    const answer = { facts, texts: [] } as unknown as Answer;
    const sizes = () => [file, `${file}.car`].map((path) => statSync(path).size);
    const before = sizes();
    expect(() => writer.record(call, answer)).toThrow("no space left");
    expect(sizes()).toEqual(before);
    isFull = false;
    writer.record(call, answer);
    writer.close();
    expect([...readTranscript(file)]).toHaveLength(1);
    expect([...readObjects(file)].map(({ name }) => name)).toEqual(expect.arrayContaining([first, second, tree]));
  });
});
