import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import { assemble } from "../guests/assemble.ts";
import { echo } from "../guests/children.ts";
import { hashObject } from "../../src/store/object.ts";
import { absent, emptyTree, jsonError, jsonResult, sharedRoom, smallRepository } from "./room.ts";

const room = sharedRoom();
let worker = "";
beforeAll(async () => {
  room.makeRepository("repository", smallRepository);
  // Its result is the tree of its own arguments.
  worker = room.write("echo.wasm", echo);
  await room.call("import", ".");
});

const blob = (text: string) => hashObject("blob", Buffer.from(text));
/** The arguments that the worker got, as `MODE NAME OID`. */
async function got(...args: readonly string[]): Promise<string[]> {
  const said = await room.call("run", worker, ...args);
  if (said.status !== 0) throw new Error(said.err);
  return said.out
    .split("\n")
    .slice(0, -1)
    .map((line) => line.replace(/^(\d+) \w+ (\w+)\t(.*)$/, "$1 $3 $2"));
}

describe("arguments of a run", () => {
  it("--NAME=TEXT is a blob of the text, as it stands", async () => {
    const texts = ["", "plain", "a=b=c", "two\nlines\n", "--json", "ü", " spaced ", ":@=x"];
    const args = texts.map((text, at) => `--n${at}=${text}`);
    expect(await got(...args)).toEqual(texts.map((text, at) => `100644 n${at} ${blob(text)}`));
  });

  it("--NAME:@=PATH is a file or folder of a work tree as git has it, a revision, or a file outside of git", async () => {
    const loose = room.write("loose.txt", "loose\n");
    const sub = room.git(room.repository, "rev-parse", "HEAD:sub");
    expect(
      await got(`--file:@=a.txt`, `--folder:@=sub`, `--loose:@=${loose}`, `--old:@=HEAD:a.txt`, `--rev:@=HEAD`),
    ).toEqual([
      `100644 file ${blob("alpha\n")}`,
      `040000 folder ${sub}`,
      `100644 loose ${blob("loose\n")}`,
      `100644 old ${blob("alpha\n")}`,
      `040000 rev ${room.git(room.repository, "rev-parse", "HEAD^{tree}")}`,
    ]);
  });

  it("an executable or a symlink comes as a plain blob", async () => {
    expect(await got("--script:@=run.sh")).toEqual([`100644 script ${blob("#!/bin/sh\n")}`]);
  });

  it("--NAME:hash=OID is an object of the store; the empty tree is one always", async () => {
    expect(await got(`--a:hash=${blob("alpha\n")}`, `--e:hash=${emptyTree}`)).toEqual([
      `100644 a ${blob("alpha\n")}`,
      `040000 e ${emptyTree}`,
    ]);
    const fresh = room.path("fresh.sqlite");
    const count = ["run", "line-count", "--in=x", `--children:hash=${emptyTree}`, "--store", fresh];
    expect(await room.call(...count)).toMatchObject({ status: 0, out: "0\n" });
  });

  it("--NAME:text=TEXT is for names that are options of the command", async () => {
    const names = ["out", "salt", "json", "store", "cid", "rerun", "log", "help"];
    expect(await got(...names.map((name) => `--${name}:text=x`))).toEqual(
      names.toSorted().map((name) => `100644 ${name} ${blob("x")}`),
    );
    expect(await got(`--out:hash=${blob("alpha\n")}`, "--salt:@=a.txt")).toEqual([
      `100644 out ${blob("alpha\n")}`,
      `100644 salt ${blob("alpha\n")}`,
    ]);
  });

  it("options and the worker may stand before, between and behind the arguments", async () => {
    const orders = [
      ["run", worker, "--a=1", "--json", "--b=2"],
      ["run", "--json", worker, "--a=1", "--b=2"],
      ["run", "--a=1", "--b=2", worker, "--json"],
    ];
    const results = await Promise.all(orders.map(async (order) => jsonResult(await room.call(...order)).oid));
    expect(new Set(results).size).toBe(1);
  });

  it("none at all is fine, and names of JavaScript's own objects are names like others", async () => {
    expect(await got()).toEqual([]);
    expect(await got("--__proto__=x", "--constructor=y")).toHaveLength(2);
  });

  const refused = [
    [["plain"], `"plain" is no option and no argument; write --NAME=TEXT, --NAME:@=PATH or --NAME:hash=OID`],
    [["--in"], `"--in" is no option and no argument; write --NAME=TEXT, --NAME:@=PATH or --NAME:hash=OID`],
    [
      ["--in:hex=00"],
      `"--in:hex=00" is no option and no argument; write --NAME=TEXT, --NAME:@=PATH or --NAME:hash=OID`,
    ],
    [["--in=1", "--in=2"], `argument "in" is given twice`],
    [["--a/b=1"], `"a/b" can't be the name of an argument`],
    [["--.git=1"], `".git" can't be the name of an argument`],
    [["--in:hash=123"], `"123" is no oid (40 lower-case hex digits) and no CID of a git object`],
    [["--in:@="], "an empty text is neither a path nor a revision"],
    [
      ["--in:@=nowhere"],
      `there is no path "nowhere", and as a revision: the revision nowhere is unknown: no branch, tag or object has that name`,
    ],
  ] as const;
  for (const [args, message] of refused) {
    it(`refused: ${args.join(" ")}`, async () => {
      expect(await room.call("run", worker, ...args)).toEqual({ status: 2, out: "", err: `error: ${message}\n` });
    });
  }

  it("a script runs, is remembered, and nothing else is said", async () => {
    const script = room.write("shout.ts", "export default (job: any) => job.text(job.args.in).toUpperCase() + '\\n';");
    const said = await room.call("run", script, "--in=a");
    expect(said.out).toBe("A\n");
    expect(said.err).toMatch(/^1 job executed, 0 remembered[^\n]*\n$/);
    expect((await room.call("run", script, "--in=a")).err).toMatch(/^0 jobs executed, 1 remembered/);
  });

  it("an oid that is not in the store is missing, by name", async () => {
    const orInRepository = ` or in ${room.path("repository", ".git", "objects")}, from which it reads`;
    const said = await room.call("run", worker, `--in:hash=${absent}`, "--json");
    expect(said.status).toBe(3);
    expect(jsonError(said)).toEqual({
      error: { kind: "missing", message: `no object ${absent} in the store${orInRepository}` },
    });
  });
});

describe("the worker of a run", () => {
  it("is a standard name, a file, or an oid", async () => {
    const args = ["--in=x\n", `--children:hash=${emptyTree}`];
    expect(await room.call("run", "line-count", ...args)).toMatchObject({ status: 0, out: "1\n" });
    const byFile = jsonResult(await room.call("run", worker, "--json"));
    const { out } = await room.call("worker", "add", worker);
    const byOid = jsonResult(await room.call("run", out.trim(), "--json"));
    expect(byOid.request).toBe(byFile.request);
    expect(byOid.jobs).toEqual({ executed: 0, memoized: 1 });
  });

  it("a standard name wins over a file of that name", async () => {
    room.write("home/line-count", "no wasm");
    const args = ["line-count", "--in=x\n", `--children:hash=${emptyTree}`];
    expect(await room.callIn({ cwd: room.path("home") }, "run", ...args)).toMatchObject({ status: 0, out: "1\n" });
  });

  it("may be fold-wasm, whose visitors are named by text", async () => {
    const args = ["--in:@=HEAD", "--post=/cas/std/file-count", "--pre=/cas/std/dirs-only"];
    expect(await room.call("run", "fold-wasm", ...args)).toMatchObject({ status: 0, out: "0\n" });
    expect(await room.call("run", "fold-wasm", ...args.slice(0, 2))).toMatchObject({ status: 0, out: "5\n" });
  });

  it("is what design/abi-json.md shows", async () => {
    const page = readFileSync(new URL("../../design/abi-json.md", import.meta.url), "utf8");
    const [, text] = /```wat\n(.*?)```/s.exec(page) as unknown as [string, string];
    const shown = room.write("shown.wasm", assemble(text));
    expect(await room.call("fold", "sub", "--post", shown)).toMatchObject({ status: 0, out: "hi\n" });
  });

  it("none is a usage error", async () => {
    expect(await room.call("run")).toEqual({ status: 2, out: "", err: "error: missing required argument 'WORKER'\n" });
    expect(await room.call("run", "--in=x")).toEqual({
      status: 2,
      out: "",
      err: "error: no worker is named: write `coppice run WORKER --NAME=TEXT`\n",
    });
  });
});

it("one job is said to be one", async () => {
  const said = room.masked(await room.call("run", worker, "--salt=one"));
  expect(said.err).toMatch(
    /^1 job executed, 0 remembered, _ ms \(_ jobs\/s\); request <request>; tree [0-9a-f]{40}\n$/,
  );
});
