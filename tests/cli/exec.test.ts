import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { assemble } from "../guests/assemble.ts";
import { jsonError, sharedRoom, smallRepository } from "./room.ts";

const room = sharedRoom();

interface ExecJson {
  readonly request: string;
  readonly exit: number;
  readonly stdout: string | { readonly oid: string; readonly bytes: number };
  readonly stderr: string | { readonly oid: string; readonly bytes: number };
  readonly out: string;
  readonly remembered: boolean;
  readonly executed: number;
}

const exec = (...args: readonly string[]) => room.call("exec", ...args);
const execJson = async (...args: readonly string[]) => JSON.parse((await exec("--json", ...args)).out) as ExecJson;

/** A command of the user's own in WebAssembly text: `body` is what it does. */
function command(body: string, more = ""): Buffer {
  return assemble(`(module
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1) ${more}
    (func (export "_start") ${body}))`) as Buffer;
}

beforeAll(async () => {
  room.makeRepository("repository", smallRepository);
  room.write("trap.wasm", command("unreachable"));
  room.write("endless.wasm", command("(loop $again (br $again))"));
  room.write("status.wasm", command("(call $exit (i32.const 125))"));
  // Two bytes that are no UTF-8.
  room.write(
    "bytes.wasm",
    command(
      "(drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16)))",
      String.raw`(data (i32.const 0) "\08\00\00\00\02\00\00\00\ff\fe")`,
    ),
  );
  room.write("idle.wasm", assemble(`(module (memory (export "memory") 1))`));
  room.write("text.wasm", "no module\n");
  for (const name of ["trap", "status", "bytes"]) {
    const { status, err } = await room.call("tool", "add", name, room.path(`${name}.wasm`));
    if (status !== 0) throw new Error(err);
  }
  const limits = `{"fuel":100000}`;
  await room.call("tool", "add", "endless", room.path("endless.wasm"), "--limits", limits);
  await room.call("tool", "add", "slow", room.path("endless.wasm"), "--limits", `{"fuel":9007199254740991}`);
});

describe("exec", () => {
  it("writes what the command writes and nothing else, and ends with its status", async () => {
    expect(await exec("--", "grep", "-n", "t", "a.txt", "sub/b.txt", "nowhere")).toMatchSnapshot();
    expect(await exec("--", "cat", "a.txt")).toEqual({ status: 0, out: "alpha\n", err: "" });
    expect(await exec("--", "grep", "nothing", "a.txt")).toEqual({ status: 1, out: "", err: "" });
  });

  it("passes on bytes that are no text", async () => {
    const line = `coppice exec -- bytes | od -An -tx1`;
    expect((await room.shell(line)).out).toBe(" ff fe\n");
  });

  it("takes all that follows COMMAND for the command's, with and without --", async () => {
    expect((await exec("echo", "--json", "-C", "x", "--help")).out).toBe("--json -C x --help\n");
    expect((await exec("--", "echo", "--json", "--", "x")).out).toBe("--json -- x\n");
  });

  it("answers from the memo the second time, and executes what changed", async () => {
    const first = await execJson("--", "wc", "-c", "a.txt");
    expect(first).toMatchObject({ exit: 0, stdout: "6 a.txt\n", stderr: "", remembered: false, executed: 1 });
    const again = await execJson("--", "wc", "-c", "a.txt");
    expect(again).toEqual({ ...first, remembered: true, executed: 0 });
    expect(await execJson("--salt", "x", "--", "wc", "-c", "a.txt")).toMatchObject({ remembered: false });
    expect(await execJson("--rerun", "--", "wc", "-c", "a.txt")).toEqual(first);
  });

  it("shows text as text, and the oid of what is none or long", async () => {
    const bytes = await execJson("--", "bytes");
    expect(bytes.stdout).toMatchObject({ bytes: 2 });
    const long = await execJson("--", "seq", "1", "20000");
    expect(long.stdout).toMatchObject({ bytes: 108_894 });
    const { oid } = long.stdout as { readonly oid: string };
    expect((await room.call("cat", oid)).out).toMatch(/^1\n2\n/);
  });

  it("gives lines that end with CR as they are", async () => {
    const folder = room.path("lines");
    mkdirSync(folder);
    writeFileSync(join(folder, "crlf"), "one a\r\ntwo\r\n");
    for (const words of [
      ["grep", "a", "crlf"],
      ["sh", "-c", "grep a crlf"],
    ]) {
      expect((await exec("-C", folder, "--", ...words)).out).toBe("one a\r\n");
    }
  });

  it("runs shell scripts, whose commands are requests of their own", async () => {
    const script = "cat sub/*.txt | sort -r | head -n 1 && echo new > made.txt && ls";
    // A salt of their own, so that what other tests ran is not remembered: the shell, its four commands, and a look whether what sort reads is plain text.
    const said = await execJson("--salt", "alone", "--", "sh", "-c", script);
    expect(said).toMatchObject({ exit: 0, stdout: "two\na.txt\nlink\nmade.txt\nrun.sh\nsub\n", executed: 6 });
    const again = await execJson("--salt", "alone", "--", "bash", "-c", `${script}; exit 3`);
    expect(again).toMatchObject({ exit: 3, executed: 1 });
  });

  it("starts a script of the tree by its path, and gives its output and status", async () => {
    const folder = room.path("scripts");
    mkdirSync(join(folder, "sub"), { recursive: true });
    writeFileSync(join(folder, "run.sh"), '#!/bin/bash -eu\necho "$0 $# $2"; cat a.txt\nfalse\necho never\n', {
      mode: 0o755,
    });
    writeFileSync(join(folder, "sub", "a.txt"), "here\n");
    const call = ["-C", folder, "--cwd", "sub", "--", "../run.sh", "one", "two  words"];
    const said = await execJson(...call);
    expect(said).toMatchObject({ exit: 1, stdout: "../run.sh 2 two  words\nhere\n", stderr: "" });
    expect(await execJson(...call)).toMatchObject({ remembered: true, exit: 1 });
    expect(await exec("-C", folder, "--", "/run.sh")).toMatchObject({ status: 1 });
  });

  it("sees a few variables, always the same, and those that are given", async () => {
    const said = await exec("--env", "A=1=2", "--env", "TZ=CET", "--cwd", "sub", "--", "printenv");
    expect(said.out.split("\n").toSorted()).toEqual([
      "",
      "A=1=2",
      "HOME=/",
      "LANG=C.UTF-8",
      "PATH=/bin",
      "PWD=/sub",
      "TZ=CET",
    ]);
  });

  it("starts in the folder that --cwd names", async () => {
    for (const cwd of ["sub", "/sub", "./sub/", "sub/deep/.."])
      expect((await exec("--cwd", cwd, "--", "cat", "b.txt")).out).toBe("one\ntwo\n");
  });

  it("reads stdin only if it is asked for", async () => {
    expect(await room.shell("echo hello | coppice exec -- cat")).toEqual({ status: 0, out: "", err: "" });
    expect((await room.shell("echo hello | coppice exec --stdin - -- cat")).out).toBe("hello\n");
    // More than a pipe holds, so it is empty now and then.
    expect(await room.shell("head -c 20000000 /dev/zero | coppice exec --stdin - -- wc -c")).toEqual({
      status: 0,
      out: "20000000\n",
      err: "",
    });
    expect((await exec("--stdin", "sub/b.txt", "--", "wc", "-l")).out.trim()).toBe("2");
  });

  it("ends a command that runs too long, named as it would be typed, and says how it may run longer", async () => {
    // The shell has a turn of its own, for which a busy machine takes its time.
    for (const [seconds, words] of [
      ["0.3", ["slow", "a b"]],
      ["3", ["sh", "-c", "slow 'a b' | cat"]],
    ] as const) {
      const said = await exec("--timeout", seconds, "--", ...words);
      expect(said).toMatchObject({ status: 125, out: "" });
      expect(said.err).toMatch(
        /^error: slow 'a b' \(request [0-9a-f]{40}\) ran for more than [0-9.]+ s and was stopped; --timeout SECONDS lets it run longer\n$/,
      );
    }
    const loop = await exec(
      "--timeout",
      "0.3",
      "--",
      "sh",
      "-c",
      "x=aa; while :; do x=${x//a/aa}; x=${x//aaaaaaaaaa/a}; done",
    );
    expect(loop.err).toMatch(/^error: sh -c 'x=aa; while :; .*' \(request [0-9a-f]{40}\) ran for more than 0\.3 s/);
    const json = await exec("--json", "--timeout", "0.3", "--", "slow");
    expect(jsonError(json).error).toMatchObject({ kind: "host", message: expect.stringMatching(/^slow \(/) as string });
    expect(await exec("--timeout", "600", "--", "cat", "a.txt")).toMatchObject({ status: 0, out: "alpha\n" });
  });

  it("tells of a trap and of a limit in a sentence, with 125", async () => {
    for (const [name, message] of [
      ["trap", "the guest trapped"],
      ["endless", "the guest ran out of fuel"],
    ] as const) {
      const said = await exec("--", name);
      expect(said).toMatchObject({ status: 125, out: "" });
      expect(said.err).toMatch(new RegExp(`^error: request [0-9a-f]{40} failed: ${message}.*\n$`));
      const json = await exec("--json", "--", name);
      expect(json.status).toBe(125);
      expect(jsonError(json).error.kind).toBe("failed");
    }
    expect(await exec("--", "status")).toEqual({ status: 125, out: "", err: "" });
  });
});

/** What is said of submodules, and where write-back leaves them alone. */
const submoduleNote = (paths: string) => `left out, since submodules are empty folders here: what is in ${paths}\n`;

const refusedSubmodule = (which: string) =>
  `error: nothing was written: ${which}, an empty folder to the command, into which it can put nothing, and which it can't move or remove while something is in it\n`;

describe("the tree that a command sees", () => {
  it("is the current folder as it stands, untracked files included and ignored ones not", async () => {
    const folder = room.makeRepository("untracked", { "a.txt": "1", ".gitignore": "*.log\n" });
    writeFileSync(join(folder, "new.txt"), "2");
    writeFileSync(join(folder, "x.log"), "3");
    writeFileSync(join(folder, "a.txt"), "edited");
    expect((await room.callIn({ cwd: folder }, "exec", "--", "ls")).out).toBe("a.txt\nnew.txt\n");
    expect((await room.callIn({ cwd: folder }, "exec", "--", "cat", "a.txt")).out).toBe("edited");
    const json = await room.callIn({ cwd: folder }, "exec", "--json", "--", "true");
    room.git(folder, "add", "-A");
    expect((JSON.parse(json.out) as ExecJson).out).toBe(room.git(folder, "write-tree"));
  });

  it("is a folder outside of a repository, whole", async () => {
    const folder = room.path("plain");
    mkdirSync(join(folder, "sub"), { recursive: true });
    writeFileSync(join(folder, "sub/x.log"), "1");
    expect((await exec("-C", folder, "--", "find", ".", "-type", "f")).out).toBe("./sub/x.log\n");
  });

  it("is without what git does not know, empty folders and other repositories, which a note tells of", async () => {
    const folder = room.makeRepository("hollow", { "a.txt": "1", ".gitignore": "ignored/\n", "emptied/x": "2" });
    for (const each of ["e/f/g", "e/h", "new/hollow", "ignored/i", "emptied/j", "other"])
      mkdirSync(join(folder, each), { recursive: true });
    writeFileSync(join(folder, "new/b.txt"), "3");
    rmSync(join(folder, "emptied/x"));
    room.git(join(folder, "other"), "init", "--quiet");
    const said = await room.callIn({ cwd: folder }, "exec", "--", "find", ".");
    expect(said).toEqual({
      status: 0,
      out: ".\n./.gitignore\n./a.txt\n./new\n./new/b.txt\n",
      err: "left out, since git does not track them: e/, emptied/j/, new/hollow/ and 1 more\n",
    });
    const told = (await room.callIn({ cwd: folder }, "fold", ".", "--post", "file-count")).err;
    expect(told).toContain("left out, since git does not track them: e/, emptied/j/, new/ and 1 more\n");
    const below = await room.callIn({ cwd: folder }, "exec", "-C", "new", "--", "ls");
    expect(below).toEqual({ status: 0, out: "b.txt\n", err: "left out, since git does not track them: new/hollow/\n" });
    // Of nothing but folders git says nothing at all, so all are there.
    const hollow = await room.callIn({ cwd: folder }, "exec", "-C", "e", "--", "find", ".");
    expect(hollow).toEqual({ status: 0, out: ".\n./f\n./f/g\n./h\n", err: "" });
  });

  it("has submodules as empty folders, which a note tells of once", async () => {
    const inner = room.makeRepository("inner", { nums: "1\n" });
    const folder = room.makeRepository("outer", { "a.txt": "1", "lib/a.txt": "2" });
    for (const path of ["lib/one", "ä b"])
      room.git(folder, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", inner, path);
    room.git(folder, "commit", "--quiet", "--message=submodules");
    const [one, two] = ["lib/one/", "ä b/"];
    const call = (...args: readonly string[]) => room.callIn({ cwd: folder }, "exec", ...args);
    const found = ".\n./.gitmodules\n./a.txt\n./lib\n./lib/a.txt\n./lib/one\n./ä b\n";
    const all = { status: 0, out: found, err: submoduleNote(`${one}, ${two}`) };
    expect(await call("--", "find", ".")).toEqual(all);
    expect(
      (await call("-C", "HEAD", "--", "find", ".")).err.slice(0, -1).split(": what is in ")[1]?.split(", ").toSorted(),
    ).toEqual([one, two]);
    const below = { status: 0, out: ".\n./a.txt\n./one\n", err: submoduleNote(one) };
    expect(await call("-C", "lib", "--", "find", ".")).toEqual(below);
    for (const path of ["HEAD:lib", "HEAD:lib/"]) expect(await call("-C", path, "--", "find", ".")).toEqual(below);
    // What `.gitmodules` names and is none, and a tree without.
    room.git(folder, "mv", "lib/one", "moved");
    room.git(folder, "rm", "--quiet", "--cached", "ä b");
    room.git(folder, "commit", "--quiet", "--message=one");
    expect((await call("-C", "HEAD", "--", "true")).err).toBe(submoduleNote("moved/"));
    expect((await call("-C", "HEAD:lib", "--", "true")).err).toBe("");
    expect((await call("-C", "lib", "--", "true")).err).toBe("");
    writeFileSync(join(folder, ".gitmodules"), "no configuration\n");
    room.git(folder, "commit", "--quiet", "--message=malformed", ".gitmodules");
    expect(await call("-C", "HEAD", "--", "ls", "moved")).toEqual({ status: 0, out: "", err: "" });
  });

  it("is without pipes and sockets, which a note tells of", async () => {
    const folder = room.path("pipes");
    mkdirSync(join(folder, "sub"), { recursive: true });
    await room.shell("mkfifo ../pipes/one ../pipes/sub/two");
    const said = await exec("-C", folder, "--", "find", ".");
    expect(said).toEqual({
      status: 0,
      out: ".\n./sub\n",
      err: "left out, since no tree can hold a pipe, a socket or a device: one, sub/two\n",
    });
    expect(await exec("--in-place", "-C", folder, "--", "touch", "one")).toMatchObject({
      status: 125,
      err: expect.stringContaining('"one" changed meanwhile') as string,
    });
    room.git(folder, "init", "--quiet");
    room.write("pipes/tracked", "x");
    room.git(folder, "add", "tracked");
    const inRepository = await exec("-C", folder, "--", "ls");
    expect(inRepository).toEqual({ status: 0, out: "tracked\n", err: said.err });
    expect((await room.call("fold", folder, "--post", "file-count")).err).toContain(
      "left out, since git does not track them: sub/, one\n",
    );
  });

  it("may have more files than a call has arguments, also for grep -r", async () => {
    const tree = await room.withEngine((engine) => {
      const oid = engine.putBlob(Buffer.from("TODO\n"));
      const entries = Array.from({ length: 1500 }, (_, at) => ({ mode: "100644" as const, name: `f${at}`, oid }));
      const folder = engine.putTree(entries);
      return engine.putTree(Array.from({ length: 100 }, (_, at) => ({ mode: "40000", name: `d${at}`, oid: folder })));
    });
    expect(await exec("--timeout", "600", "-C", tree, "--", "grep", "-rl", "nothing", ".")).toEqual({
      status: 1,
      out: "",
      err: "",
    });
  });

  it("is a path in a revision, or a tree of the store", async () => {
    expect((await exec("-C", "HEAD:sub", "--", "ls")).out).toBe("b.txt\ndeep\n");
    const tree = room.git(room.repository, "rev-parse", "HEAD:sub/deep");
    await room.call("import", ".");
    expect((await exec("-C", tree, "--", "ls")).out).toBe("c.txt\n");
  });
});

describe("what a command leaves", () => {
  let folder = "";
  let count = 0;
  beforeEach(() => {
    folder = room.makeRepository(`left-${++count}`, {
      "a.txt": "b\na\n",
      "run.sh": "x\n",
      "sub/b.txt": "1\n",
      ".gitignore": "out/\n",
    });
  });
  const inPlace = (...args: readonly string[]) => room.callIn({ cwd: folder }, "exec", "--in-place", "--", ...args);

  it("is written to --out as a checkout is", async () => {
    const target = room.path("sorted");
    const said = await room.callIn({ cwd: folder }, "exec", "--out", target, "--", "sort", "-o", "a.txt", "a.txt");
    expect(said).toEqual({ status: 0, out: "", err: "" });
    expect(readFileSync(join(target, "a.txt"), "utf8")).toBe("a\nb\n");
    expect(readFileSync(join(folder, "a.txt"), "utf8")).toBe("b\na\n");
  });

  it("is written back with --in-place: what was created, changed and deleted", async () => {
    expect(await inPlace("sort", "-o", "a.txt", "a.txt")).toEqual({ status: 0, out: "", err: "" });
    expect(await inPlace("cp", "-r", "sub", "copy")).toMatchObject({ status: 0 });
    expect(await inPlace("rm", "-r", "sub", "run.sh")).toMatchObject({ status: 0 });
    expect(room.git(folder, "status", "--short")).toBe("M a.txt\n D run.sh\n D sub/b.txt\n?? copy/");
    expect(readFileSync(join(folder, "a.txt"), "utf8")).toBe("a\nb\n");
  });

  it("is written back from a remembered run, too, and whatever its status", async () => {
    await room.callIn({ cwd: folder }, "exec", "--", "rm", "a.txt", "nowhere");
    expect((await inPlace("rm", "a.txt", "nowhere")).status).toBe(1);
    expect(existsSync(join(folder, "a.txt"))).toBe(false);
  });

  it("keeps the line ends of a file that git stores with others", async () => {
    writeFileSync(join(folder, ".gitattributes"), "*.txt eol=crlf\n");
    const [a, b] = [join(folder, "a.txt"), join(folder, "sub/b.txt")];
    writeFileSync(a, "b\r\na\r\n");
    writeFileSync(b, "1\r\n");
    expect((await room.callIn({ cwd: folder }, "exec", "--", "wc", "-c", "a.txt")).out).toBe("4 a.txt\n");
    expect(await inPlace("sort", "-o", "a.txt", "a.txt")).toEqual({ status: 0, out: "", err: "" });
    expect(readFileSync(a, "utf8")).toBe("a\r\nb\r\n");
    // What the command itself gives other ends stays as it left it.
    expect(await inPlace("sh", "-c", String.raw`printf 'x\r\ny\n' > a.txt; rm sub/b.txt`)).toMatchObject({ status: 0 });
    expect([readFileSync(a, "utf8"), existsSync(b)]).toEqual(["x\r\ny\n", false]);
    writeFileSync(a, "mixed\r\nends\n");
    const mixed = await inPlace("sort", "-o", "a.txt", "a.txt");
    expect(mixed).toMatchObject({
      status: 125,
      err: expect.stringContaining('git stores "a.txt" in another') as string,
    });
    expect(readFileSync(a, "utf8")).toBe("mixed\r\nends\n");
  });

  it.each([
    ["a filter", "*.txt filter=strip\n", "secret\nb\n"],
    ["a filter that keeps the length", "*.txt filter=turn\n", "n\no\n"],
    ["ident", "*.txt ident\n", "$Id: 123 $\nb\n"],
    ["an encoding", "*.txt working-tree-encoding=UTF-16LE\n", "b\0\n\0a\0\n\0"],
  ])("writes nothing over a file that %s converts, and says so", async (_what, attributes, text) => {
    room.git(folder, "config", "filter.strip.clean", "sed /secret/d");
    room.git(folder, "config", "filter.strip.required", "true");
    room.git(folder, "config", "filter.turn.clean", "tr a-z n-za-m");
    writeFileSync(join(folder, ".gitattributes"), attributes);
    writeFileSync(join(folder, "a.txt"), text);
    room.git(folder, "add", "-A");
    for (const words of [
      ["sh", "-c", "echo more >> a.txt; echo x > new.txt"],
      ["mv", "a.txt", "c.txt"],
      ["rm", "a.txt"],
    ]) {
      expect(await inPlace(...words)).toEqual({
        status: 125,
        out: "",
        err: 'error: nothing was written: git stores "a.txt" in another form than the folder has (by a filter, `ident` or an encoding), and the command saw that form\n',
      });
      expect(readFileSync(join(folder, "a.txt"), "utf8")).toBe(text);
    }
    expect(existsSync(join(folder, "new.txt"))).toBe(false);
    expect(await inPlace("touch", "new.txt")).toEqual({ status: 0, out: "", err: "" });
  });

  it("overwrites nothing that was not read: then nothing at all is written, and it says so", async () => {
    mkdirSync(join(folder, "out"));
    writeFileSync(join(folder, "out/b.txt"), "mine");
    const refused = await inPlace("mv", "sub", "out");
    expect(refused).toEqual({
      status: 125,
      out: "",
      err: 'error: nothing was written: "out/b.txt" changed meanwhile, or is there and not part of what was read\n',
    });
    expect(readFileSync(join(folder, "out/b.txt"), "utf8")).toBe("mine");
    expect(readFileSync(join(folder, "sub/b.txt"), "utf8")).toBe("1\n");
    expect(room.git(folder, "status", "--short")).toBe("");
  });

  it("leaves submodules alone: what was put into one, or would remove or move it, is refused", async () => {
    const inner = room.makeRepository(`inner-${count}`, { nums: "1\n" });
    const add = ["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", inner];
    room.git(folder, ...add, "lib/one");
    room.git(folder, ...add, "two");
    room.git(folder, "commit", "--quiet", "--message=submodules");
    for (const [line, which] of [
      ["echo x > b.txt; echo x > two/new", '"two" is a submodule'],
      ["rm -rf two a.txt", '"two" is a submodule'],
      ["rm -rf lib; echo x > lib", '"lib/one" is a submodule'],
      ["mv lib a", '"lib/one", "a/one" are submodules'],
      ["rm -rf *", '"lib/one", "two" are submodules'],
    ] as const) {
      const said = await inPlace("sh", "-c", line);
      expect(said).toMatchObject({ status: 125, out: "" });
      expect(said.err.slice(said.err.indexOf("error"))).toBe(refusedSubmodule(which));
      expect(room.git(folder, "status", "--short", "--ignored")).toBe("");
    }
    expect(await inPlace("sh", "-c", "echo x > lib/new; rm a.txt")).toMatchObject({ status: 0 });
    expect(room.git(folder, "status", "--short")).toBe("D a.txt\n?? lib/new");
    // Into an empty folder nothing can be put either: git would track nothing of it. It may go.
    room.git(folder, "submodule", "--quiet", "deinit", "-f", "two");
    expect((await inPlace("touch", "two/new")).err).toContain(refusedSubmodule('"two" is a submodule'));
    expect((await inPlace("mv", "two", "three")).err).toContain(refusedSubmodule('"three" is a submodule'));
    expect(await inPlace("rm", "-r", "two")).toMatchObject({ status: 0, out: "" });
    expect(room.git(folder, "status", "--short", "two")).toBe("D two");
  });

  it("overwrites no edit that git is told not to look at, and ends at no file that git is told to be missing", async () => {
    room.git(folder, "update-index", "--assume-unchanged", "a.txt");
    writeFileSync(join(folder, "a.txt"), "mine");
    expect(await inPlace("sort", "-o", "a.txt", "a.txt")).toMatchObject({ status: 125 });
    expect(readFileSync(join(folder, "a.txt"), "utf8")).toBe("mine");
    room.git(folder, "update-index", "--skip-worktree", "sub/b.txt");
    rmSync(join(folder, "sub/b.txt"));
    const refused = await inPlace("rm", "-r", "run.sh", "sub");
    expect(refused.err).toContain('nothing was written: "sub/b.txt" changed meanwhile');
    expect(existsSync(join(folder, "run.sh"))).toBe(true);
    expect(await inPlace("cp", "run.sh", "copy.sh")).toMatchObject({ status: 0 });
    expect(existsSync(join(folder, "copy.sh"))).toBe(true);
  });
});

describe("bad input is told in one sentence, and nothing runs", () => {
  const cases: readonly (readonly [what: string, args: readonly string[], status: number, message: string])[] = [
    ["no command", [], 125, "missing required argument 'COMMAND'"],
    ["an unknown option", ["--nope", "ls"], 125, "unknown option '--nope'"],
    [
      "an unknown command",
      ["--", "nope"],
      127,
      `"nope": command not found; \`coppice tool list\` shows those that are known, \`coppice tool add NAME FILE.wasm\` adds one`,
    ],
    ["a file that may not be executed", ["--", "./a.txt"], 126, "has no exec bit (chmod +x ./a.txt)"],
    ["another file so", ["--cwd", "sub", "--", "../a.txt"], 126, "without one: coppice exec -- sh ../a.txt"],
    ["a folder as a command", ["--", "./sub"], 126, `"./sub" can't be started: it is a folder`],
    ["a file that is not there", ["--", "./nope"], 127, `"./nope": command not found; the tree has no such file`],
    ["what a shell does itself", ["--", "time", "ls"], 127, `a shell has it: coppice exec -- sh -c "time ls"`],
    ["a line in one word", ["--", "ls | wc"], 127, `a line is for a shell: coppice exec -- sh -c "ls | wc"`],
    ["a command's path", ["--", "/usr/bin/ls"], 127, "commands go by their names alone: coppice exec -- ls"],
    ["what others do", ["--", "install", "a", "b"], 127, `command not found; cp, mkdir -p and chmod do what it does`],
    ["another name of a command", ["--", "gawk"], 127, `"gawk": command not found; there is awk`],
    ["a path that is not there", ["-C", "./x", "--", "ls"], 125, `there is no path "./x"`],
    ["a file in place of a tree", ["-C", "a.txt", "--", "ls"], 125, `-C wants a tree, and "a.txt" is a blob`],
    ["a folder that is not there", ["--cwd", "x", "--", "ls"], 125, `there is no folder "/x" in the tree`],
    ["a file in place of a folder", ["--cwd", "a.txt", "--", "ls"], 125, `there is no folder "/a.txt" in the tree`],
    ["a variable without a value", ["--env", "A", "--", "ls"], 125, `--env wants NAME=VALUE, not "A"`],
    ["a variable without a name", ["--env", "=A", "--", "ls"], 125, `--env wants NAME=VALUE, not "=A"`],
    ["stdin from nowhere", ["--stdin", "x", "--", "cat"], 125, "x: no such file or directory"],
    ["stdin from a folder", ["--stdin", "sub", "--", "cat"], 125, `--stdin wants a file, and "sub" is a folder`],
    [
      "both places to write to",
      ["--out", "x", "--in-place", "--", "ls"],
      125,
      "--out and --in-place exclude each other",
    ],
    [
      "a revision in place",
      ["--in-place", "-C", "HEAD", "--", "ls"],
      125,
      `--in-place writes to a folder, and "HEAD" is none`,
    ],
    ["a place that is taken", ["--out", "sub", "--", "ls"], 125, "sub"],
    ["no number of executors", ["--jobs", "0", "--", "ls"], 125, "--jobs wants a whole number"],
    ...["0", "-1", "x", "1e3", "86401", ""].map(
      (text) =>
        [
          `the time ${JSON.stringify(text)}`,
          ["--timeout", text, "--", "ls"],
          125,
          `--timeout wants seconds, more than 0 and at most 86400, not ${JSON.stringify(text)}`,
        ] as const,
    ),
  ];
  it.each(cases)("%s", async (_what, args, status, message) => {
    const said = await exec(...args);
    expect(said.err).toMatch(/^error: [^\n]+\n$/);
    expect(said.err).toContain(message);
    expect(said).toMatchObject({ status, out: "" });
    const json = await exec("--json", ...args);
    expect(json.status).toBe(status);
    expect(jsonError(json).error.message).toContain(message);
  });

  const tools: readonly (readonly [what: string, args: readonly string[], message: string])[] = [
    [
      "a name with a slash",
      ["add", "a/b", "FILE"],
      "can't be a command's name: it has a space, a slash or a control character",
    ],
    ["a file that is not there", ["add", "x", "nowhere.wasm"], "no such file or directory"],
    ["a folder", ["add", "x", "sub"], "sub can't be a command: it is no file"],
    ["what is no module", ["add", "x", "TEXT"], "can't be a command"],
    ["a module without a start", ["add", "x", "IDLE"], "can't be a command"],
    ["limits that are no JSON", ["add", "x", "FILE", "--limits", "x"], "--limits takes a JSON object"],
    ["a limit that there is not", ["add", "x", "FILE", "--limits", `{"x":1}`], "x"],
    ["a command that was not added", ["remove", "cat"], `no command "cat" was added`],
  ];
  it.each(tools)("tool: %s", async (_what, args, message) => {
    const named: Readonly<Record<string, string>> = { FILE: "trap.wasm", TEXT: "text.wasm", IDLE: "idle.wasm" };
    const said = await room.call(
      "tool",
      ...args.map((each) => (named[each] === undefined ? each : room.path(named[each]))),
    );
    expect(said.err).toMatch(/^error: [^\n]+\n$/);
    expect(said.err).toContain(message);
    expect(said).toMatchObject({ status: 2, out: "" });
  });
});

describe("tool", () => {
  it("adds, lists and removes a command", async () => {
    const added = await room.call("tool", "add", "hello", room.path("status.wasm"));
    expect(added).toMatchObject({ status: 0, err: "" });
    const { out } = await room.call("tool", "list");
    expect(out).toContain(`hello         worker ${added.out}`);
    expect(out).toMatch(/^gzip +@rivet-dev\/agent-os-gzip@0\.0\.260331072558$/m);
    expect(out).toMatch(/^grep +coppice$/m);
    expect((await exec("--", "hello")).status).toBe(125);
    expect(await room.call("tool", "remove", "hello")).toEqual({ status: 0, out: "", err: "" });
    expect((await exec("--", "hello")).status).toBe(127);
  });
});

describe("explain and trace", () => {
  it("call a command's job by its arguments, and tell what was another", async () => {
    const folder = room.makeRepository("explained", { "a.txt": "1\n" });
    const call = (...args: readonly string[]) => room.callIn({ cwd: folder }, ...args);
    const explained = async () => (await call("explain", "--last")).out;
    await call("exec", "--", "grep", "-n", "it's", "a.txt");
    expect(await explained()).toMatch(/^job +grep -n 'it'\\''s' a\.txt$/m);
    await call("exec", "--", "grep", "-c", "1", "a.txt");
    expect(await explained()).toContain(`args/argv "grep -n 'it'\\\\''s' a.txt" -> "grep -c 1 a.txt"`);
    await call("exec", "--env", "A=1", "--", "grep", "-c", "1", "a.txt");
    expect(await explained()).toContain("args/env/A added");
    writeFileSync(join(folder, "a.txt"), "1\n1\n");
    await call("exec", "--", "grep", "-c", "1", "a.txt");
    expect(await explained()).toContain("args/in/a.txt modified");
    expect((await call("trace", "--last")).out).toMatch(/ grep -c 1 a\.txt$/m);
    await call("exec", "--", "sh", "-c", "cat a.txt | grep 1");
    expect(await explained()).toMatch(/^asked for 3 requests: cat a\.txt, plain-text, grep 1$/m);
    expect((await call("trace", "--last")).out).toMatch(/ plain-text$/m);
  });
});
