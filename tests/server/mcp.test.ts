import { execFileSync, spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { absent, emptyTree, commandFile, jsonResult, sharedRoom, smallRepository } from "../cli/room.ts";
import { syntheticTree } from "../fold-bench/fixtures.ts";
import { assemble, guest } from "../guests/assemble.ts";
import { served, withServer, type Answered, type Served } from "./client.ts";

const room = sharedRoom();
const longLines = Array.from({ length: 20_000 }, (_, line) => `this is line ${line + 1}\n`).join("");
let server: Served;
let root = "";
let spinning = "";

beforeAll(async () => {
  room.makeRepository("repository", {
    ...smallRepository,
    "long.txt": longLines,
    "wide.txt": "\u{1F333}".repeat(30_000),
    "latin.txt": Buffer.from("caf\xe9\n", "latin1"),
    binary: Buffer.from("a\0b"),
  });
  mkdirSync(room.path("out"));
  mkdirSync(room.path("elsewhere"));
  room.makeRepository("other", { secret: "secret\n" });
  symlinkSync(room.path("other"), room.path("repository", "way-out"));
  await room.withEngine((engine) => {
    spinning = engine.addWorker(guest("(loop $again (br $again))"), { fuel: Number.MAX_SAFE_INTEGER });
  });
  server = await served(room, "--root", room.repository, "--checkout-root", room.path("out"));
  root = (await server.call("import", { revision: "HEAD" })).facts.tree;
});

afterAll(() => server.close());

const call = (tool: string, args: Record<string, unknown>): Promise<Answered> => server.call(tool, args);

describe("the tools", () => {
  it("are listed with what a client must know: descriptions, schemas of arguments and answers, and what they change", async () => {
    const { tools } = await server.client.listTools();
    expect(tools.map(({ name }) => name)).toEqual(
      expect.arrayContaining(["import", "exec", "fold", "run", "read", "ls", "diff", "explain", "checkout"]),
    );
    for (const { name, description, inputSchema, outputSchema, annotations } of tools) {
      expect(description?.length).toBeGreaterThan(50);
      expect(inputSchema).toMatchObject({ type: "object", additionalProperties: false });
      expect(outputSchema).toMatchObject({ type: "object" });
      expect(outputSchema?.required).toEqual(
        expect.arrayContaining(["request", "tree", "remembered", "executed", "exit"]),
      );
      expect(annotations).toMatchObject({
        readOnlyHint: name !== "checkout",
        destructiveHint: false,
        openWorldHint: false,
      });
    }
    expect(server.client.getInstructions()).toContain("tree oid");
    expect(server.client.getServerVersion()).toMatchObject({ name: "coppice" });
  });

  it("import gives the tree that git gives, of a revision, a path in it, and the work tree with its edits", async () => {
    const git = (...args: readonly string[]) => room.git(room.repository, ...args);
    expect(root).toBe(git("rev-parse", "HEAD^{tree}"));
    expect((await call("import", { revision: "HEAD", path: "sub" })).facts.tree).toBe(git("rev-parse", "HEAD:sub"));
    writeFileSync(room.path("repository", "a.txt"), "edited\n");
    const edited = await call("import", {});
    git("checkout", "--quiet", "a.txt");
    expect(edited.facts.tree).not.toBe(root);
    const { text } = await call("diff", { from: root, to: edited.facts.tree });
    expect(text).toContain("-alpha\n+edited\n");
    expect((await call("import", { path: "a.txt" })).facts).toMatchObject({
      tree: null,
      result: { kind: "blob", oid: git("rev-parse", "HEAD:a.txt") },
    });
  });

  it("fold and run come to what the command comes to, and are answered from memory the second time", async () => {
    const first = await call("fold", { tree: root, post: "file-count" });
    expect(first.facts).toMatchObject({ tree: root, remembered: false, exit: null, output: { text: "9\n" } });
    expect(first.facts.executed).toBeGreaterThan(5);
    const again = await call("fold", { tree: root, post: "file-count" });
    expect(again.facts).toEqual({ ...first.facts, remembered: true, executed: 0 });
    expect(again.text).toBe(
      `9\nblob ${again.facts.result.oid}\n[tree ${root}, request ${again.facts.request}, remembered]`,
    );
    const said = jsonResult(await room.call("fold", "HEAD", "--post", "file-count", "--json"));
    expect(said).toMatchObject({ request: first.facts.request, jobs: { executed: 0 } });
    const args = { in: { tree: root, path: "sub/b.txt" }, children: { oid: emptyTree } };
    const ran = await call("run", { worker: "line-count", args });
    expect(ran.facts).toMatchObject({ tree: null, result: { kind: "blob" }, output: { text: "2\n" } });
    const salted = await call("run", { worker: "line-count", args, salt: "x" });
    expect(salted.facts).toMatchObject({ remembered: false, result: ran.facts.result });
  });

  it("fold with a visitor that gives trees passes on the tree that came of it", async () => {
    const { facts } = await call("run", { worker: "dirs-only", args: { in: { oid: root } } });
    expect(facts.result.kind).toBe("tree");
    expect(facts.tree).toBe(facts.result.oid);
    expect(facts.output.text).toMatch(/^040000 tree [0-9a-f]{40}\tsub\n/m);
  });

  it("exec runs a command over a tree, and gives what it said, its status and the tree that it left", async () => {
    const found = await call("exec", { tree: root, argv: ["grep", "-n", "t", "sub/b.txt"] });
    expect(found.facts).toMatchObject({ tree: root, exit: 0, remembered: false, executed: 1 });
    expect(found.facts).toMatchObject({ stdout: { text: "2:two\n" }, stderr: { text: "" } });
    expect(found.text).toBe(`2:two\n[exit 0, tree ${root}, request ${found.facts.request}, 1 executed]`);
    const again = await call("exec", { tree: root, argv: ["grep", "-n", "t", "sub/b.txt"] });
    expect(again.facts).toEqual({ ...found.facts, remembered: true, executed: 0 });
    const none = await call("exec", { tree: root, argv: ["grep", "nothing", "a.txt"] });
    expect(none).toMatchObject({ isError: false, facts: { exit: 1, tree: root } });
    const copied = await call("exec", { tree: root, argv: ["cp", "b.txt", "../copy.txt"], cwd: "/sub" });
    const { text } = await call("diff", { from: root, to: copied.facts.tree });
    expect(text).toContain("+++ b/copy.txt\n@@ -0,0 +1,2 @@\n+one\n+two\n");
    // The tree before is as it was, so another branch begins there.
    expect((await call("exec", { tree: root, argv: ["cat", "copy.txt"] })).facts).toMatchObject({
      exit: 1,
      stderr: { text: expect.stringContaining("copy.txt") as string },
    });
  });

  it("exec runs a line of the shell, of which only what changed runs again", async () => {
    const line = await call("exec", { tree: root, command: "grep -rn t sub | sort -r | head -n 2" });
    expect(line.facts).toMatchObject({
      tree: root,
      exit: 0,
      stdout: { text: "sub/deep/c.txt:1:three\nsub/b.txt:2:two\n" },
    });
    const other = await call("exec", { tree: root, command: "grep -rn t sub | sort -r | tail -n 1" });
    expect(other.facts).toMatchObject({ executed: 2, stdout: { text: "sub/b.txt:2:two\n" } });
    const script = "mkdir made && for f in sub/*.txt; do cp $f made; done; echo $WORD >made/word; exit 3";
    const made = await call("exec", { tree: root, command: script, env: { WORD: "x" } });
    expect(made.facts).toMatchObject({ exit: 3, stdout: { text: "" } });
    expect((await call("ls", { tree: made.facts.tree, path: "made" })).text).toMatch(
      /\tmade\/b\.txt\n.*\tmade\/word\n/,
    );
    const wrong = await call("exec", { tree: root, command: "if then" });
    expect(wrong).toMatchObject({ isError: false, facts: { exit: 2, tree: root } });
    expect(wrong.facts.stderr.text).toContain("syntax error");
  });

  it("exec takes an input, variables and no tree, and a blob that an earlier call came to", async () => {
    const counted = await call("exec", { argv: ["seq", "1", "50000"] });
    expect(counted.facts).toMatchObject({ tree: emptyTree, exit: 0, stdout: { bytes: 288_894, encoding: "utf-8" } });
    expect(counted.facts.stdout.leftOut?.lines).toBeGreaterThan(40_000);
    const last = await call("exec", { argv: ["tail", "-n", "1"], stdin: { oid: counted.facts.stdout.blob } });
    expect(last.facts.stdout.text).toBe("50000\n");
    expect((await call("exec", { argv: ["wc", "-c"], stdin: "tür" })).facts.stdout.text.trim()).toBe("4");
    const named = await call("exec", { argv: ["printenv", "PWD", "WORD"], env: { WORD: "x" } });
    expect(named.facts.stdout.text).toBe("/\nx\n");
    const zipped = await call("exec", { argv: ["gzip", "-c"], stdin: "hello\n" });
    expect(zipped.facts.stdout).toMatchObject({ encoding: "binary" });
  });

  it("read shows files, symlinks, ranges of lines, and blobs by their oids", async () => {
    expect((await call("read", { tree: root, path: "sub/b.txt" })).facts).toMatchObject({
      tree: root,
      mode: "100644",
      lines: 2,
      output: { text: "one\ntwo\n", encoding: "utf-8", leftOut: null },
    });
    expect((await call("read", { tree: root, path: "/./sub//deep/../b.txt", from: 2 })).facts.output.text).toBe(
      "two\n",
    );
    expect((await call("read", { tree: root, path: "link" })).facts).toMatchObject({
      mode: "120000",
      output: { text: "a.txt" },
    });
    expect((await call("read", { tree: root, path: "link" })).text).toContain(
      '"link" is a symlink to "a.txt", a file of the tree; its text is:',
    );
    const linked = await call("exec", { tree: root, argv: ["ln", "-s", "../../nope", "sub/astray"] });
    const { text } = await call("read", { tree: linked.facts.tree, path: "sub/astray" });
    expect(text).toContain('"sub/astray" is a symlink to "nope", which is not in the tree; its text is:');
    const { blob } = (await call("read", { tree: root, path: "long.txt" })).facts.output;
    const some = await call("read", { blob, from: 19_999, lines: 5 });
    expect(some.facts.output.text).toBe("this is line 19999\nthis is line 20000\n");
    expect(some.facts).toMatchObject({ tree: null, mode: null, lines: 20_000 });
  });

  it("read cuts what is long from the middle, and the note's call shows what was left out", async () => {
    for (const path of ["long.txt", "wide.txt"]) {
      const { facts, text } = await call("read", { tree: root, path });
      expect(text.length).toBeLessThan(33_000);
      expect(facts.output.leftOut?.bytes).toBeGreaterThan(80_000);
      const named = /\n\[\.\.\. .*; read (\{.*\}) shows them \.\.\.\]\n/.exec(facts.output.text);
      const rest = await call("read", JSON.parse(named?.[1] ?? "") as Record<string, unknown>);
      expect(rest.isError).toBe(false);
      const [before] = facts.output.text.split(named?.[0] as string) as [string];
      const whole = path === "long.txt" ? longLines : "\u{1F333}".repeat(30_000);
      const next = rest.facts.output.text.slice(0, 100);
      expect(whole.startsWith(path === "long.txt" ? `${before}\n${next}` : before + next)).toBe(true);
    }
  });

  it("read says what is no text", async () => {
    expect((await call("read", { tree: root, path: "latin.txt" })).facts.output).toMatchObject({
      encoding: "escaped",
      text: "caf\\xe9\n",
    });
    expect((await call("read", { tree: root, path: "binary" })).facts.output).toMatchObject({
      encoding: "binary",
      text: "[binary: 3 bytes]",
    });
  });

  it("ls lists as git does, as deep as is asked for", async () => {
    const git = (...args: readonly string[]) => `${room.git(room.repository, "ls-tree", ...args)}\n`;
    expect((await call("ls", { tree: root })).facts.output.text).toBe(git("HEAD"));
    expect((await call("ls", { tree: root, path: "sub", depth: 1 })).facts["entries"]).toMatchObject([
      { path: "sub/b.txt", mode: "100644", kind: "blob" },
      { path: "sub/deep", mode: "40000", kind: "tree" },
    ]);
    expect((await call("ls", { tree: root, depth: 9 })).facts.output.text).toBe(git("-r", "-t", "HEAD"));
  });

  it("ls and diff of very many files say that there are more", async () => {
    const many = await room.withEngine((engine) => syntheticTree(engine, 3000));
    const { facts, text } = await call("ls", { tree: many, depth: 64 });
    expect(facts["entries"]).toHaveLength(2000);
    expect(facts).toMatchObject({ isWhole: false });
    expect(text).toContain("[... more than 2000 entries; list a folder in it, or fewer levels ...]");
    const compared = await call("diff", { from: emptyTree, to: many });
    expect(compared.facts).toMatchObject({ count: 3000 });
    expect(compared.facts["changes"]).toHaveLength(1000);
    expect(compared.facts.output.leftOut).not.toBe(null);
    expect(compared.text).toContain("[... 2000 more paths differ ...]");
  });

  it("diff of a tree and itself says that there is no difference", async () => {
    const { facts, text } = await call("diff", { from: root, to: root });
    expect(facts).toMatchObject({ count: 0, changes: [], output: { text: "" } });
    expect(text).toBe(`no difference\n[tree ${root}]`);
    // The first of what a client may show is what was asked for.
    const read = await call("read", { tree: root, path: "sub/b.txt" });
    expect(read.text).toBe(`one\ntwo\n[tree ${root}]`);
  });

  it("explain says why a request ran, and the jobs about a path", async () => {
    const { request } = (await call("fold", { tree: root, post: "byte-count" })).facts;
    const { facts, text } = await call("explain", { request });
    expect(facts).toMatchObject({ request, jobs: [{ request, how: "run" }] });
    expect(text).toContain("fold-wasm at .");
    const below = await call("explain", { request, path: "sub/b.txt" });
    expect(below.text).toContain("byte-count at sub/b.txt");
  });

  it("checkout writes a tree to a new folder, and never into one that has something", async () => {
    const { facts } = await call("checkout", { tree: root, folder: "first/second" });
    expect(facts).toMatchObject({ tree: root, files: 9, folders: 2 });
    expect(readFileSync(room.path("out", "first", "second", "sub", "b.txt"), "utf8")).toBe("one\ntwo\n");
    const again = await call("checkout", { tree: root, folder: "first/second" });
    expect(again).toMatchObject({ isError: true });
    expect(again.text).toContain("is there already and is no empty folder");
  });
});

describe("a call that can't be answered", () => {
  const oneSentence = /^[^\n]+$/;
  const cases: readonly [why: string, tool: string, args: () => Record<string, unknown>, says: RegExp][] = [
    ["no such tool", "remove", () => ({}), /^there is no tool remove; there are import, /],
    ["no arguments", "fold", () => ({}), /^fold can't be called so: tree: .*; post: /],
    ["arguments of another type", "read", () => ({ tree: root, path: 7 }), /path: invalid input: expected string/],
    ["arguments that there are not", "ls", () => ({ tree: root, recursive: true }), /unrecognized key: "recursive"/],
    ["an oid that is none", "ls", () => ({ tree: "HEAD" }), /tree: an oid is 40 lower-case hex digits/],
    ["a tree that the store has not", "ls", () => ({ tree: absent }), /^the store has no object 1{40}; oids come from/],
    [
      "a blob as a tree",
      "fold",
      () => ({ tree: blobOf("a.txt"), post: "line-count" }),
      /is a blob, and a tree is wanted/,
    ],
    ["a tree as a blob", "read", () => ({ blob: root }), /is a tree, and a blob is wanted/],
    ["a path that is not there", "read", () => ({ tree: root, path: "sub/none" }), /^there is no "sub\/none" in tree/],
    ["a path below a file", "read", () => ({ tree: root, path: "a.txt/x" }), /^"a.txt" is a file, so nothing is in it/],
    [
      "a path through a symlink",
      "read",
      () => ({ tree: root, path: "link/x" }),
      /^"link" is a symlink, so nothing is in it/,
    ],
    ["a path out of the tree", "read", () => ({ tree: root, path: "sub/../../x" }), /leads out of the tree/],
    ["a folder to read", "read", () => ({ tree: root, path: "sub" }), /^"sub" is a folder; ls lists it/],
    ["a file to list", "ls", () => ({ tree: root, path: "a.txt" }), /^"a.txt" is a file, not a folder/],
    [
      "a line behind the end",
      "read",
      () => ({ tree: root, path: "a.txt", from: 5 }),
      /^there is no line 5: there are 1/,
    ],
    ["lines and bytes", "read", () => ({ tree: root, path: "a.txt", from: 1, offset: 0 }), /not both/],
    [
      "a tree and a blob",
      "read",
      () => ({ tree: root, path: "a.txt", blob: blobOf("a.txt") }),
      /wants a blob, or a tree/,
    ],
    ["nothing to read", "read", () => ({ path: "a.txt" }), /^read wants a tree and a path, or a blob/],
    ["line 0", "read", () => ({ tree: root, path: "a.txt", from: 0 }), /from: too small/],
    ["too many levels", "ls", () => ({ tree: root, depth: 65 }), /depth: too big/],
    ["nothing to run", "exec", () => ({ tree: root }), /^exec wants a command, or an argv/],
    ["a command and an argv", "exec", () => ({ command: "ls", argv: ["ls"] }), /^exec wants a command, or an argv/],
    ["a command that there is not", "exec", () => ({ argv: ["nonesuch"] }), /^"nonesuch": command not found/],
    ["a folder that is not there", "exec", () => ({ argv: ["ls"], cwd: "none" }), /^there is no folder "\/none" in/],
    ["an argument with a NUL", "exec", () => ({ argv: ["ls", "a\0b"] }), /NUL/],
    ["a variable that can't be", "exec", () => ({ argv: ["ls"], env: { "A=B": "x" } }), /"A=B"/],
    ["an input from nowhere", "exec", () => ({ argv: ["cat"], stdin: { oid: absent } }), /has no object/],
    ["an input that is a tree", "exec", () => ({ argv: ["cat"], stdin: { oid: root } }), /and a blob is wanted/],
    ["a worker that there is not", "fold", () => ({ tree: root, post: "nonesuch" }), /^unknown worker "nonesuch"/],
    ["a worker that is none", "run", () => ({ worker: root }), /unknown worker/],
    [
      "a name that no argument can have",
      "run",
      () => ({ worker: "line-count", args: { "a/b": "x" } }),
      /can't be the name/,
    ],
    [
      "an argument from nowhere",
      "run",
      () => ({ worker: "line-count", args: { in: { oid: absent } } }),
      /has no object/,
    ],
    ["a path in neither tree", "diff", () => ({ from: root, to: root, path: "none" }), /^there is no "none" in tree/],
    ["a request that is a blob", "explain", () => ({ request: blobOf("a.txt") }), /is a blob, and a tree is wanted/],
    [
      "a path that no job was about",
      "explain",
      () => ({ request: root, path: "a" }),
      /is known to have been about "a"/,
    ],
    ["a path out of the root", "import", () => ({ path: "../other/secret" }), /leads out of the folder/],
    ["a path below a file", "import", () => ({ path: "a.txt/x" }), /a\.txt\/x/],
    ["a very long path", "import", () => ({ path: "x".repeat(9000) }), /^.{4000,4100}$/],
    ["an absolute path", "import", () => ({ path: room.path("other") }), /leads out of the folder/],
    ["a symlink out of the root", "import", () => ({ path: "way-out" }), /leads out of the folder/],
    ["a path through that symlink", "import", () => ({ path: "way-out/secret" }), /leads out of the folder/],
    ["a path with a NUL", "import", () => ({ path: "a\0b" }), /leads out of the folder/],
    ["a path that is not tracked", "import", () => ({ path: "none" }), /none/],
    ["a revision that there is not", "import", () => ({ revision: "nonesuch" }), /the revision nonesuch is unknown/],
    ["a revision with a path", "import", () => ({ revision: "HEAD:sub" }), /a revision has no colon/],
    [
      "a folder out of the root",
      "checkout",
      () => ({ tree: root, folder: "../elsewhere/x" }),
      /leads out of the folder/,
    ],
    [
      "an absolute folder",
      "checkout",
      () => ({ tree: root, folder: room.path("out", "x") }),
      /leads out of the folder/,
    ],
  ];
  const blobOf = (path: string) => room.git(room.repository, "rev-parse", `HEAD:${path}`);
  for (const [why, tool, args, says] of cases) {
    it(`because of ${why} is told so in a sentence`, async () => {
      const { isError, text } = await call(tool, args());
      expect(text).toMatch(says);
      expect(text).toMatch(oneSentence);
      expect(isError).toBe(true);
    });
  }

  it("leaves the server as it was", async () => {
    expect((await call("read", { tree: root, path: "a.txt" })).facts.output.text).toBe("alpha\n");
    expect(readdirSync(room.path("elsewhere"))).toEqual([]);
  });

  it("because a command spins is told by the limit that it passed", async () => {
    const wasm = room.write(
      "spin.wasm",
      assemble(`(module (memory (export "memory") 1) (func (export "_start") (loop $again (br $again))))`),
    );
    const added = await room.callIn({ cwd: room.path() }, "tool", "add", "spin", wasm, "--limits", '{"fuel":100000}');
    expect(added).toMatchObject({ status: 0 });
    const { isError, text } = await call("exec", { argv: ["spin"] });
    expect(text).toMatch(/^request [0-9a-f]{40} failed: .*fuel/);
    expect(text).toMatch(oneSentence);
    expect(isError).toBe(true);
  });

  it("because a worker fails names the request, and so does its memo", async () => {
    const trap = await room.withEngine((engine) => engine.addWorker(guest("(unreachable)")));
    const first = await call("run", { worker: trap });
    expect(first).toMatchObject({ isError: true });
    expect(first.text).toMatch(/^request [0-9a-f]{40} failed: .*unreachable/);
    expect(await call("run", { worker: trap })).toEqual(first);
  });

  it("because a symlink that was checked out leads elsewhere writes nothing there", async () => {
    const tree = await room.withEngine((engine) => {
      const link = engine.putBlob(Buffer.from(room.path("elsewhere")));
      const nowhere = engine.putBlob(Buffer.from(room.path("elsewhere", "made")));
      return engine.putTree([
        { mode: "120000", name: "link", oid: link },
        { mode: "120000", name: "nowhere", oid: nowhere },
      ]);
    });
    expect((await call("checkout", { tree, folder: "trap" })).isError).toBe(false);
    for (const folder of ["trap/link/x", "trap/link", "trap/nowhere", "trap/nowhere/y"]) {
      const { isError, text } = await call("checkout", { tree: root, folder });
      expect(text).toContain("leads through a symlink, which the server does not follow");
      expect(isError).toBe(true);
    }
    expect(readdirSync(room.path("elsewhere"))).toEqual([]);
  });
});

it("import tells of submodules, of a folder and of a revision", async () => {
  const inner = room.makeRepository("inner", { nums: "1\n" });
  const outer = room.makeRepository("outer", { "a.txt": "1" });
  room.git(outer, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", inner, "module");
  room.git(outer, "commit", "--quiet", "--message=submodule");
  await withServer(room, ["--root", outer], async (inOuter) => {
    for (const args of [{}, { revision: "HEAD" }]) {
      const { text } = await inOuter.call("import", args);
      expect(text).toContain("left out, since submodules are empty folders here: what is in module/");
    }
    expect((await inOuter.call("import", { revision: "HEAD~" })).text).not.toContain("submodules");
  });
});

describe("a server that was given no folders", () => {
  it("imports nothing, and writes nowhere", async () => {
    await withServer(room, [], async (bare) => {
      expect(await bare.call("import", {})).toMatchObject({
        isError: true,
        text: expect.stringContaining("--root DIR") as string,
      });
      const written = await bare.call("checkout", { tree: emptyTree, folder: "x" });
      expect(written).toMatchObject({ isError: true, text: expect.stringContaining("--checkout-root DIR") as string });
    });
    expect(existsSync(room.path("x"))).toBe(false);
  });

  it("whose root is a part of a repository reads no revision, which would name all of it", async () => {
    await withServer(room, ["--root", room.path("repository", "sub")], async (part) => {
      expect((await part.call("import", {})).facts.tree).toBe(room.git(room.repository, "rev-parse", "HEAD:sub"));
      const { isError, text } = await part.call("import", { revision: "HEAD" });
      expect(text).toContain("is no repository's top folder, so it reads no revision");
      expect(isError).toBe(true);
    });
  });

  it("reads no other repository that files in its root point at", async () => {
    const secret = room.git(room.repository, "rev-parse", "HEAD:long.txt");
    const folder = room.path("pointing");
    for (const part of ["objects", "refs"]) mkdirSync(join(folder, "bare", part), { recursive: true });
    writeFileSync(join(folder, "bare", "HEAD"), "ref: refs/heads/main\n");
    writeFileSync(join(folder, "bare", "commondir"), join(room.repository, ".git"));
    writeFileSync(join(folder, "bare", "file"), "x");
    await withServer(room, ["--root", folder, "--store", room.path("pointing.sqlite")], async (pointed) => {
      for (const path of ["bare/file", "bare"]) expect((await pointed.call("import", { path })).isError).toBe(true);
      expect((await pointed.call("read", { blob: secret })).text).toContain("the store has no object");
    });
  });

  it.each(["objects", ".git"])(
    "whose root is a part of a repository is not fooled by a folder %s in it",
    async (name) => {
      const inner = mkdtempSync(join(room.repository, "inner-"));
      try {
        mkdirSync(join(inner, name));
        await withServer(room, ["--root", inner], async (part) => {
          const { isError, text } = await part.call("import", { revision: "HEAD" });
          expect(text).toContain("is no repository's top folder, so it reads no revision");
          expect(isError).toBe(true);
        });
      } finally {
        rmSync(inner, { recursive: true });
      }
    },
  );
});

describe("a call under way", () => {
  it("that is cancelled ends its run, and the server goes on", async () => {
    const store = room.path("cancelled.sqlite");
    const endless = await room.withEngine(
      (engine) => engine.addWorker(guest("(loop $again (br $again))"), { fuel: Number.MAX_SAFE_INTEGER }),
      store,
    );
    await withServer(room, ["--store", store, "--jobs", "1"], async (other) => {
      const abort = new AbortController();
      const calling = other.call("run", { worker: endless }, { signal: abort.signal });
      const refused = expect(calling).rejects.toThrow();
      // Answered only once the server has read the call before.
      await other.call("ls", { tree: emptyTree });
      abort.abort();
      await refused;
      // The one executor is free again.
      const counted = await other.call("fold", { tree: emptyTree, post: "file-count" });
      expect(counted.facts.output.text).toBe("0\n");
    });
  });

  it("tells its progress to a client that asks for it", async () => {
    const many = await room.withEngine((engine) => syntheticTree(engine, 24_000));
    const told: number[] = [];
    const { facts } = await server.call(
      "fold",
      { tree: many, post: "line-count" },
      { onprogress: ({ progress }) => told.push(progress) },
    );
    expect(facts.executed).toBeGreaterThan(24_000);
    expect(told.length).toBeGreaterThan(0);
    expect(told).toEqual(told.toSorted((a, b) => a - b));
    expect(told.at(-1)).toBeLessThanOrEqual(facts.executed);
  });

  it("is answered though the stream ends right behind it", () => {
    const asked = [
      {
        id: 1,
        method: "initialize",
        params: { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "pipe", version: "1" } },
      },
      { method: "notifications/initialized" },
      { id: 2, method: "tools/call", params: { name: "ls", arguments: { tree: emptyTree } } },
      {
        id: 3,
        method: "tools/call",
        params: { name: "exec", arguments: { tree: emptyTree, argv: ["sh", "-c", "echo late"] } },
      },
      { id: 4, method: "tools/list" },
    ];
    const { stdout, status } = spawnSync(process.execPath, [commandFile, "mcp"], {
      cwd: room.path(),
      env: room.environment,
      input: asked.map((message) => `${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`).join(""),
      encoding: "utf8",
    });
    const answers = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as { id: number; result: Record<string, unknown> });
    expect(answers.map(({ id }) => id).toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4]);
    expect(answers.find(({ id }) => id === 3)?.result).toMatchObject({
      structuredContent: { exit: 0, stdout: { text: "late\n" } },
    });
    expect(status).toBe(0);
  });

  it("ends when its client is gone, and so does the server, with all that ran", async () => {
    const other = await served(room, "--jobs", "1");
    const calling = other.call("run", { worker: spinning }).catch((error: unknown) => error);
    await other.call("ls", { tree: emptyTree });
    expect(await other.close()).toBe("");
    expect(await calling).toBeInstanceOf(Error);
    expect(() => process.kill(other.pid, 0)).toThrow();
  });

  it("ends when the server is told to, and leaves a store that the next one goes on with", async () => {
    const other = await served(room, "--jobs", "1");
    const calling = other.call("run", { worker: spinning, salt: "told" }).catch((error: unknown) => error);
    await other.call("ls", { tree: emptyTree });
    process.kill(other.pid, "SIGTERM");
    expect(await calling).toBeInstanceOf(Error);
    await other.close();
    const ending = await room.withEngine((engine) => engine.lastRunRecord()?.totals?.ending);
    expect(ending).toBe("cancelled");
  });

  it("is one of at most 64; a further one is refused, and no more than that", async () => {
    await withServer(room, ["--jobs", "1"], async (other) => {
      const abort = new AbortController();
      const calls = Array.from({ length: 64 }, (_, at) =>
        other
          .call("run", { worker: spinning, salt: String(at) }, { signal: abort.signal })
          .catch((error: unknown) => error),
      );
      const refused = await other.call("ls", { tree: emptyTree });
      expect(refused.text).toBe("64 calls are under way; call again when one is answered");
      expect(refused.isError).toBe(true);
      abort.abort();
      await Promise.all(calls);
    });
  });
});

describe("two clients on one store", () => {
  it("come to the same, and what one has had computed the other is answered from memory", async () => {
    const store = room.path("shared.sqlite");
    const args = ["--store", store, "--root", room.repository];
    await withServer(room, args, (one) =>
      withServer(room, args, async (two) => {
        const { tree } = (await one.call("import", { revision: "HEAD" })).facts;
        const first = await one.call("fold", { tree, post: "line-count" });
        const second = await two.call("fold", { tree, post: "line-count" });
        expect(second.facts).toEqual({ ...first.facts, remembered: true, executed: 0 });
        const both = await Promise.all([one, two].map((each) => each.call("fold", { tree, post: "language-stats" })));
        const [left, right] = both.map(({ facts }) => [facts.request, facts.result.oid, facts.output.text]);
        expect(left).toEqual(right);
      }),
    );
  });
});

const message = (id: number, method: string, params: object) =>
  `${JSON.stringify({ jsonrpc: "2.0", id, method, params })}\n`;

describe("stdout", () => {
  it("has the protocol alone, whatever comes in", () => {
    const clientInfo = { name: "test", version: "1" };
    const input = [
      "garbage\n",
      '{"jsonrpc":"2.0"}\n',
      message(1, "initialize", { protocolVersion: "2025-06-18", capabilities: {}, clientInfo }),
      message(2, "tools/call", { name: "ls" }),
      message(3, "tools/call", { name: 5 }),
      message(4, "nonesuch", {}),
    ].join("");
    const out = execFileSync(process.execPath, [commandFile, "mcp"], {
      cwd: room.path(),
      env: room.environment,
      input,
      encoding: "utf8",
      stdio: ["pipe", "pipe", "ignore"],
    });
    const answers = out
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as { readonly id: number; readonly error?: object; readonly result?: object });
    expect(answers.map(({ id }) => id)).toContain(1);
    for (const answer of answers) expect(answer).toMatchObject({ jsonrpc: "2.0" });
  });

  it("has nothing when the server can't start: the reason is on stderr, with the status of a usage error", async () => {
    const said = await room.callIn({ cwd: room.path() }, "mcp", "--root", "nowhere");
    expect(said).toEqual({ status: 2, out: "", err: "error: --root nowhere: there is no such folder\n" });
  });
});
