/** `coppice explain` and `coppice trace`, as a person meets them. */
import { readFileSync, writeFileSync } from "node:fs";
import { beforeAll, expect, test } from "vitest";
import type { ChromeTrace, Explanation, RunTree } from "../../src/engine.ts";
import { openStore } from "../../src/store/store.ts";
import { absent, jsonResult, sharedRoom, smallRepository, type Said } from "./room.ts";

const room = sharedRoom();
beforeAll(() => {
  room.makeRepository("repository", smallRepository);
});

/** Without what differs from machine to machine and build to build: names, times, fuel. */
function maskedText(text: string): string {
  return text
    .replaceAll(/[0-9a-f]{40}/g, "<oid>")
    .replaceAll(/\d+-\d+-\d+ \d+:\d+:\d+ UTC \([^)]* ago\)/g, "<time>")
    .replaceAll(/fuel [\d,]+/g, "fuel <n>")
    .replaceAll(/^ +\d+\.\d +[\d,]+ /gm, "<ms> <fuel> ")
    .replaceAll(/^ +\d+\.\d {2}/gm, "<ms>  ")
    .replaceAll(/\d+\.\d ms/g, "_ ms");
}

/** What was printed, masked. */
function masked({ status, out, err }: Said): Said {
  return { status, out: maskedText(out), err: maskedText(err) };
}

const jobsOf = ({ out }: Said) => (JSON.parse(out) as { readonly jobs: readonly Explanation[] }).jobs;
const edit = (path: string, text: string) => writeFileSync(room.path("repository", path), text);

test("before anything ran, and for what is no request, it says so", async () => {
  expect(await room.call("explain", "--last")).toMatchObject({
    status: 2,
    err: expect.stringContaining("there is no store"),
  });
  await room.call("import", ".");
  expect(await room.call("explain", "--last")).toMatchObject({
    status: 2,
    err: "error: nothing was run in this store yet\n",
  });
  expect(await room.call("explain")).toMatchObject({ status: 2, err: expect.stringContaining("or say --last") });
});

test("after an edit, it names the file that changed: of the run, and of the jobs about a path", async () => {
  const store = ["--store", room.path("edited.sqlite")];
  await room.call("fold", ".", "--post", "line-count", "--jobs", "1", ...store);
  expect(masked(await room.call("explain", "--last", ...store))).toMatchInlineSnapshot(`
    {
      "err": "",
      "out": "request   <oid>
    job       fold-wasm at .
    ran       in run 1, <time>: _ ms
    outcome   blob <oid>
    spent     fuel <n> 8 objects read
    asked for 5 requests: line-count at a.txt, line-count at link, line-count at run.sh, fold-wasm at sub, line-count at .
    why       first time for this worker
    ",
      "status": 0,
    }
  `);
  edit("sub/deep/c.txt", "three\nfour\n");
  await room.call("fold", ".", "--post", "line-count", "--jobs", "1", ...store);
  expect(masked(await room.call("explain", "--last", ...store))).toMatchInlineSnapshot(`
    {
      "err": "",
      "out": "request   <oid>
    job       fold-wasm at .
    ran       in run 2, <time>: _ ms
    outcome   blob <oid>
    spent     fuel <n> 8 objects read
    asked for 5 requests: line-count at a.txt, line-count at link, line-count at run.sh, fold-wasm at sub, line-count at .
    why       run 1 had another request at its place, <oid>:
                args/in/sub/deep/c.txt modified
    ",
      "status": 0,
    }
  `);
  expect(masked(await room.call("explain", "--last", "sub", ...store))).toMatchInlineSnapshot(`
    {
      "err": "",
      "out": "request   <oid>
    job       fold-wasm at sub
    ran       in run 2, <time>: _ ms
    outcome   blob <oid>
    spent     fuel <n> 8 objects read
    asked for 3 requests: line-count at sub/b.txt, fold-wasm at sub/deep, line-count at sub
    asked by  fold-wasm at .
    why       run 1 had another request at its place, <oid>:
                args/in/deep/c.txt modified

    request   <oid>
    job       line-count at sub
    ran       in run 2, <time>: _ ms
    outcome   blob <oid>
    spent     fuel <n> 3 objects read
    asked for nothing
    asked by  fold-wasm at sub
    why       run 1 had another request at its place, <oid>:
                args/children/deep modified
                args/in/deep/c.txt modified
    ",
      "status": 0,
    }
  `);
  expect(masked(await room.call("explain", "--last", "a.txt", ...store))).toMatchInlineSnapshot(`
    {
      "err": "",
      "out": "request   <oid>
    job       line-count at a.txt
    hit       a memo answered in run 2, <time>; nothing was executed for it
    made      by run 1, <time>
    outcome   blob <oid>
    spent     fuel <n> 2 objects read
    asked for nothing
    asked by  fold-wasm at .
    ran then  first time for this worker
    ",
      "status": 0,
    }
  `);
  expect(masked(await room.call("trace", "--last", "--order", "call", ...store))).toMatchInlineSnapshot(`
    {
      "err": "",
      "out": "run 2, request <oid>, <time>: result; 7 executed, 4 remembered, _ ms
              ms            fuel
    <ms> <fuel>  fold-wasm at .
             hit                  ├─ line-count at a.txt
             hit                  ├─ line-count at link
             hit                  ├─ line-count at run.sh
    <ms> <fuel>  ├─ fold-wasm at sub
             hit                  │  ├─ line-count at sub/b.txt
    <ms> <fuel>  │  ├─ fold-wasm at sub/deep
    <ms> <fuel>  │  │  ├─ line-count at sub/deep/c.txt
    <ms> <fuel>  │  │  └─ line-count at sub/deep
    <ms> <fuel>  │  └─ line-count at sub
    <ms> <fuel>  └─ line-count at .
    ",
      "status": 0,
    }
  `);
  expect(masked(await room.call("trace", "--last", "--order", "call", "--depth", "1", "--width", "2", ...store)))
    .toMatchInlineSnapshot(`
    {
      "err": "",
      "out": "run 2, request <oid>, <time>: result; 7 executed, 4 remembered, _ ms
              ms            fuel
    <ms> <fuel>  fold-wasm at .
             hit                  ├─ line-count at a.txt
             hit                  ├─ line-count at link
    <ms>                  └─ … and 3 more, 2 executed
    ",
      "status": 0,
    }
  `);
  // The run before is still there, by its request.
  const [now] = jobsOf(await room.call("explain", "--last", "--json", ...store));
  const before = now?.cause?.why === "changed" ? now.cause.request : absent;
  expect(jobsOf(await room.call("explain", before, "--json", ...store))).toMatchObject([
    { how: "run", cause: { why: "first" } },
  ]);
  expect(await room.call("explain", "--last", "sub/none", ...store)).toMatchObject({
    status: 2,
    err: expect.stringContaining("sub/none"),
  });
});

test("--last is what was asked for last, be it remembered or not, and its trace is that of the run that made it", async () => {
  const store = ["--store", room.path("warm.sqlite")];
  const args = ["run", "file-count", "--in=x", "--children=y"];
  const count = async () => (await room.call("stats", "--json", ...store)).out;
  await room.call(...args, ...store);
  await room.call(...args, "--salt", "b", ...store);
  const runs = await count();
  expect(jobsOf(await room.call("explain", "--last", "--json", ...store))).toMatchObject([
    { how: "run", run: { id: 2 } },
  ]);
  await room.call(...args, ...store);
  expect(await count()).toBe(runs);
  expect(jobsOf(await room.call("explain", "--last", "--json", ...store))).toMatchObject([
    { how: "hit", made: { run: 1 } },
  ]);
  expect(masked(await room.call("explain", "--last", ...store))).toMatchInlineSnapshot(`
    {
      "err": "",
      "out": "request   <oid>
    job       file-count at .
    hit       a memo answered; nothing was executed for it
    made      by run 1, <time>
    outcome   failed (trap): the object is not a tree (unreachable in function sdk/abi/checked of file-count)
    spent     fuel <n> 2 objects read
    asked for nothing
    ran then  first time for this worker
    ",
      "status": 0,
    }
  `);
  const tree = JSON.parse((await room.call("trace", "--last", "--json", ...store)).out) as RunTree;
  expect(tree).toMatchObject({ run: { id: 1, totals: { executed: 1 } }, root: { how: "run", worker: "file-count" } });
  await room.call(...args, "--salt", "c", ...store);
  expect(masked(await room.call("explain", "--last", ...store)).out).toContain(`salt "b" -> "c"`);
});

test("a script whose text changed is named by its file", async () => {
  const store = ["--store", room.path("script.sqlite")];
  const script = (text: string) => room.write("count.ts", `export default (job: any) => ${text};\n`);
  await room.call("run", script(`"one"`), "--name=Ada", ...store);
  await room.call("run", script(`"two"`), "--name=Ada", ...store);
  expect(masked(await room.call("explain", "--last", ...store)).out).toContain("worker count.ts: module changed");
});

test("a path is told as it was asked, though an equal job elsewhere was the one that ran", async () => {
  room.makeRepository("twice", { "a.txt": "same\n", "sub/b.txt": "same\n" });
  const store = ["--store", room.path("twice.sqlite")];
  await room.call("fold", room.path("twice"), "--post", "line-count", "--jobs", "1", ...store);
  expect((await room.call("explain", "--last", "a.txt", ...store)).out).toContain("line-count at a.txt\nran ");
  const { out } = await room.call("explain", "--last", "sub/b.txt", ...store);
  expect(out).toContain("job       line-count at sub/b.txt\n");
  expect(out).toContain("same as   line-count at a.txt, where it was executed\n");
});

test("a run that a quarantine stopped is the last one, and is named with the cause", async () => {
  const path = room.path("stopped.sqlite");
  const store = ["--store", path];
  const fold = ["fold", ".", "--post", "line-count", "--jobs", "1", ...store];
  const { request } = jsonResult(await room.call(...fold, "--json"));
  await room.call("run", "file-count", "--in=x", "--children=y", ...store);
  const [{ request: leaf } = { request: absent }] = jobsOf(
    await room.call("explain", request, "a.txt", "--json", ...store),
  );
  const opened = openStore(path);
  const known = opened.evidence(leaf);
  if (known === undefined) throw new Error("the leaf is not remembered");
  opened.keepDivergence(leaf, { ...known.memo, fuel: 1 }, 0, "verify");
  opened.close();
  // Refused before there is a run.
  expect(await room.call(...fold)).toMatchObject({ status: 4 });
  const refused = `no answer executions of ${leaf}, which it consumed, differed, so`;
  expect((await room.call("explain", "--last", ...store)).out).toContain(
    `request   ${request}\njob       fold-wasm at .\n${refused}`,
  );
  // Stopped on its way.
  writeFileSync(room.path("repository", "new.txt"), "new\n");
  room.git(room.repository, "add", "new.txt");
  expect(await room.call(...fold)).toMatchObject({ status: 4 });
  room.git(room.repository, "rm", "--quiet", "--force", "new.txt");
  const stopped = maskedText((await room.call("explain", "--last", ...store)).out);
  expect(stopped).toMatch(/^no answer in run 3, <time>: what was remembered of a request is quarantined/m);
  expect((await room.call("trace", "--last", ...store)).out).toMatch(/^run 3, .* quarantine; /);
});

test("a run that was cancelled before anything of it was executed has no trace, and says so", async () => {
  const path = room.path("early.sqlite");
  const store = ["--store", path];
  await room.withEngine(async (engine) => {
    const run = engine.run({ worker: "file-count", args: { in: "x" }, signal: AbortSignal.abort() });
    await expect(run).rejects.toThrow("cancelled");
  }, path);
  const none = await room.call("trace", "--last", ...store);
  expect([none.status, maskedText(none.err)]).toEqual([
    2,
    "error: there is no trace: run 1, <time>, executed nothing of it (it was cancelled)\n",
  ]);
  await room.call("run", "file-count", "--in=x", ...store);
  await room.withEngine(async (engine) => {
    const request = engine.lastRunRecord()?.request ?? absent;
    await expect(engine.settle(request, { rerun: true, signal: AbortSignal.abort() })).rejects.toThrow("cancelled");
  }, path);
  expect(maskedText((await room.call("trace", "--last", ...store)).out)).toMatch(
    /^run 3, <time>, executed nothing of it \(it was cancelled\); the run that last did:\nrun 2, /,
  );
});

test("--chrome writes a file that trace viewers read", async () => {
  const store = ["--store", room.path("chrome.sqlite")];
  await room.call("fold", ".", "--post", "line-count", ...store);
  const file = room.path("trace.json");
  expect(await room.call("trace", "--last", "--chrome", file, ...store)).toMatchObject({ status: 0, out: "" });
  const { traceEvents } = JSON.parse(readFileSync(file, "utf8")) as ChromeTrace;
  expect(traceEvents.filter(({ ph }) => ph === "X").length).toBeGreaterThanOrEqual(11);
  expect(await room.call("trace", "--last", "--order", "none", ...store)).toMatchObject({ status: 2 });
  // Over an earlier trace, to stdout, and to no file that is something else.
  const figures = await room.call("trace", "--last", "--chrome", file, "--json", ...store);
  expect(JSON.parse(figures.out)).toMatchObject({ run: 1, file, events: traceEvents.length });
  const piped = await room.call("trace", "--last", "--chrome", "-", ...store);
  expect(piped).toMatchObject({ status: 0, err: "", out: readFileSync(file, "utf8") });
  expect(await room.call("trace", "--last", "--chrome", "-", "--json", ...store)).toMatchObject({ status: 2 });
  const precious = room.write("precious.txt", "precious\n");
  expect(await room.call("trace", "--last", "--chrome", precious, ...store)).toEqual({
    status: 2,
    out: "",
    err: `error: ${precious} is there already, and is no trace\n`,
  });
  expect(readFileSync(precious, "utf8")).toBe("precious\n");
});

test("trace --oids names the request of each job, which other commands take", async () => {
  const store = ["--store", room.path("oids.sqlite")];
  await room.call("fold", "sub", "--post", "line-count", "--jobs", "1", ...store);
  const { out } = await room.call(
    "trace",
    "--last",
    "--oids",
    "--order",
    "call",
    "--depth",
    "1",
    "--width",
    "1",
    ...store,
  );
  expect(maskedText(out)).toMatchInlineSnapshot(`
    "run 1, request <oid>, <time>: result; 6 executed, 0 remembered, _ ms
              ms            fuel  request
    <ms> <fuel>  <oid>  fold-wasm at .
    <ms> <fuel>  <oid>  ├─ line-count at b.txt
    <ms>                                                            └─ … and 2 more, 2 executed
    "
  `);
  const [, request] = /([0-9a-f]{40}) {2}[│├└─ ]*line-count at b\.txt/.exec(out) ?? [];
  expect((await room.call("explain", request ?? "", ...store)).out).toContain("line-count at b.txt");
});

test("a request and --last are not given both, and counts say which one is wrong", async () => {
  const store = ["--store", room.path("chrome.sqlite")];
  for (const [args, words] of [
    [["explain", absent, "--last"], "REQUEST and --last each name a request"],
    [["explain", absent, "a.txt", "--last"], "REQUEST and --last each name a request"],
    [["trace", absent, "--last"], "REQUEST and --last each name a request"],
    [["trace", "--last", "--depth", "x"], "--depth wants a whole number"],
    [["trace", "--last", "--width", "-1"], "--width wants a whole number"],
  ] as const) {
    const said = await room.call(...args, ...store);
    expect([said.status, said.err]).toEqual([2, expect.stringContaining(words)]);
  }
});
