/** Public builds of everyday tools, run as requests over a tree. */
import { readFileSync } from "node:fs";
import { beforeAll, expect, test } from "vitest";
import type { Oid } from "../../../src/store/oid.ts";
import { listed, putLayout, runCommand, type Given, type Layout, type Told } from "../../guests/command.ts";
import { sharedRoom } from "../../guests/room.ts";

const room = sharedRoom({ executors: 1 });
const places = { cat: "coreutils", echo: "coreutils", ls: "coreutils", true: "coreutils", wc: "coreutils" } as const;
const packages = { ...places, cp: "coreutils", grep: "grep", mkdir: "coreutils", rm: "coreutils" } as const;
type Tool = keyof typeof packages;
const workers = new Map<Tool, Oid>();

beforeAll(async () => {
  for (const [name, from] of Object.entries(packages) as [Tool, string][]) {
    const file = new URL(`../../../node_modules/@rivet-dev/agent-os-${from}/wasm/${name}`, import.meta.url);
    workers.set(name, await room.engine.addCommand(readFileSync(file)));
  }
});

const files: Layout = {
  "a.txt": "hello\nTODO one\nworld\n",
  src: { "b.c": "int main;\n// TODO two\n", link: { link: "../a.txt" } },
  "run.sh": { program: "#!/bin/sh\n" },
};
const run = (name: Tool, args: readonly string[], given: Given = {}): Promise<Told> =>
  runCommand(room.engine, workers.get(name) as Oid, { argv: [name, ...args], in: files, ...given });
const said = async (name: Tool, args: readonly string[], given?: Given) => {
  const { exit, stdout, stderr } = await run(name, args, given);
  return [exit, stdout, stderr];
};

test("a tool reads its arguments, its files and its input, and tells by its streams and its exit status", async () => {
  expect(await said("true", [])).toEqual([0, "", ""]);
  expect(await said("echo", ["a", "b"])).toEqual([0, "a b\n", ""]);
  expect(await said("cat", ["a.txt", "/src/b.c", "src/link"])).toEqual([
    0,
    "hello\nTODO one\nworld\nint main;\n// TODO two\nhello\nTODO one\nworld\n",
    "",
  ]);
  expect(await said("cat", ["nope"])).toEqual([1, "", "cat: nope: No such file or directory\n"]);
  expect(await said("cat", [], { stdin: "given\n" })).toEqual([0, "given\n", ""]);
  expect(await said("ls", [])).toEqual([0, "a.txt\nrun.sh\nsrc\n", ""]);
  expect(await said("wc", ["a.txt"])).toEqual([0, " 3  4 21 a.txt\n", ""]);
  expect(await said("wc", [], { stdin: "a b\nc\n" })).toEqual([0, "      2       3       6\n", ""]);
  expect(await said("grep", ["-n", "TODO", "a.txt", "src/b.c"])).toEqual([
    0,
    "a.txt:2:TODO one\nsrc/b.c:2:// TODO two\n",
    "",
  ]);
  expect(await said("grep", ["o"], { stdin: "foo\nbar\n" })).toEqual([0, "foo\n", ""]);
  expect(await said("grep", ["nothing", "a.txt"])).toEqual([1, "", ""]);
});

test("what a tool only reads comes out as it went in; what it changes is another tree", async () => {
  const tree = putLayout(room.engine, files);
  expect((await run("grep", ["TODO", "a.txt"])).out).toBe(tree);
  const before = listed(room.engine, tree);
  const after = async (name: Tool, ...args: string[]) => listed(room.engine, (await run(name, args)).out);
  expect(await after("cp", "run.sh", "src/new")).toEqual({ ...before, "src/new": before["run.sh"] });
  expect(await after("mkdir", "-p", "x/y")).toEqual({ ...before, "x/": ["40000", ""], "x/y/": ["40000", ""] });
  const { "a.txt": _gone, ...without } = before;
  expect(await after("rm", "a.txt")).toEqual(without);
  // The symlink's target keeps its mode.
  expect(await after("cp", "-r", "src", "two")).toEqual({
    ...before,
    "two/": ["40000", ""],
    "two/b.c": before["src/b.c"],
    "two/link": before["src/link"],
  });
});

test("a relative path starts in the folder that the tool runs in", async () => {
  expect(await said("cat", ["b.c"], { cwd: "/src" })).toEqual([0, "int main;\n// TODO two\n", ""]);
  expect(await said("ls", [], { cwd: "/src" })).toEqual([0, "b.c\nlink\n", ""]);
  expect(await said("cat", ["../a.txt"], { cwd: "/src" })).toEqual([0, "hello\nTODO one\nworld\n", ""]);
});

test("in another folder than the root, paths that are given from the root start there", async () => {
  const here = { cwd: "/src" };
  expect(await said("cat", ["/a.txt", "b.c"], here)).toEqual([
    0,
    "hello\nTODO one\nworld\nint main;\n// TODO two\n",
    "",
  ]);
  expect(await said("cat", ["/src/b.c", "link"], here)).toEqual([
    0,
    "int main;\n// TODO two\nhello\nTODO one\nworld\n",
    "",
  ]);
  expect(await said("ls", ["/"], here)).toEqual([0, "a.txt\nrun.sh\nsrc\n", ""]);
  expect(await said("ls", ["/src", "."], here)).toEqual([0, ".:\nb.c\nlink\n\n/src:\nb.c\nlink\n", ""]);
  // What is only in the root is not found by a relative path.
  expect(await said("cat", ["a.txt"], here)).toEqual([1, "", "cat: a.txt: No such file or directory\n"]);
  const made = listed(room.engine, (await run("mkdir", ["-p", "/new/folder", "here"], here)).out);
  expect(Object.keys(made).filter((path) => path.includes("new") || path.includes("here"))).toEqual([
    "new/",
    "new/folder/",
    "src/here/",
  ]);
});
