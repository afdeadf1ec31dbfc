/** Plain calls by the WebAssembly builds beside the native commands, over folders of random files. The order of `find` is no file system's promise, so its lines are compared sorted. */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Oid } from "../../src/store/oid.ts";
import { findTool, toolFolders } from "../../src/tools/find-tool.ts";
import { plainTools, type PinnedFile } from "../../src/tools/known-tools.ts";
import { readContained } from "../../src/tools/package-container.ts";
import { isPlainText, passesPlain, plainCall, printsPlain } from "../../src/tools/plain-call.ts";
import { putLayout, runCommand, type Layout } from "../guests/command.ts";
import { sharedRoom } from "../guests/room.ts";

const room = sharedRoom({ executors: 1 });
const folder = mkdtempSync(join(tmpdir(), "coppice-plain-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const workers = new Map<string, Oid>();
const packages = { grep: "grep", egrep: "grep", fgrep: "grep", sed: "sed", find: "findutils" } as const;

beforeAll(async () => {
  for (const [name, from] of Object.entries(packages)) {
    const file = new URL(`../../node_modules/@rivet-dev/agent-os-${from}/wasm/${name}`, import.meta.url);
    workers.set(name, await room.engine.addCommand(readFileSync(file)));
  }
  const { package: of, file, within } = plainTools["sort"] as PinnedFile;
  const container = new URL(`../../node_modules/${of.name}/${file}`, import.meta.url).pathname;
  workers.set("sort", await room.engine.addCommand(readContained(container, within as string) as Buffer));
});

test.each([
  ["grep", "-r", "x", "."],
  ["grep", "-o", "x", "a"],
  ["grep", "-l", "x", "a"],
  ["grep", "-h", "x", "a"],
  ["grep", "-H", "x", "a"],
  ["grep", "-m1", "x", "a"],
  ["grep", "a.c", "a"],
  ["grep", "a\\|c", "a"],
  ["grep", "-w", "a b", "a"],
  ["grep", "--color=auto", "x", "a"],
  ["grep"],
  ["fgrep", "naïve", "a"],
  ["sed", "-i", "s/a/b/", "a"],
  ["sed", "s/a\\+/b/", "a"],
  ["sed", "s/a/\\n/", "a"],
  ["sed", "s//b/", "a"],
  ["sed", "G", "a"],
  ["sed", "1,3q", "a"],
  ["sed", "-E", "s/(a)/b/", "a"],
  ["sed", "s/a/b/w out", "a"],
  ["sed", "s/a/b/e", "a"],
  ["sed", "-s", "p", "a"],
  ["sed"],
  ["find", "src/", "-name", "x"],
  ["find", ".", "-path", "*x*"],
  ["find", ".", "-delete"],
  ["find", ".", "-exec", "ls", "{}", ";"],
  ["find", ".", "-name", "a", "-maxdepth", "1", "-mindepth", "1"],
  ["find", ".", "-print0"],
  ["find", ".", "-not", "-name", "x"],
  ["sort", "-c", "a"],
  ["sort", "-V", "a"],
  ["sort", "-o", "a", "a"],
  ["sort", "-k2b,2", "a"],
  ["sort", "--reverse", "a"],
  ["sort", "-k1r", "a"],
  ["sort", "-k", "1nr", "a"],
  ["grep", "-wx", "a", "a"],
  ["grep", "-w", "-x", "a", "a"],
  ["grep", "-E", "-F", "a", "a"],
  ["egrep", "-F", "a", "a"],
  ["fgrep", "-E", "a", "a"],
  ["sed", "s/a/x/2g", "a"],
  ["sed", "s/a/x/g2", "a"],
  ["sed", "s/a/x/pp", "a"],
  ["sed", "-r", "-E", "s/a/x/", "a"],
  ["find", ".", "-name", ".*"],
  ["find", ".", "-name", "*"],
  ["find", ".", "-name", "?"],
  ["find", ".", "-name", "."],
  ["find", ".", "-name", "[]"],
  ["find", ".", "-name", "[a"],
  ["jq", "."],
])("%j is not plain", (...argv) => {
  expect(plainCall(argv)).toBeUndefined();
});

test.each<readonly [readonly string[], readonly string[]]>([
  [
    ["grep", "-in", "todo", "a", "b"],
    ["a", "b"],
  ],
  [["grep", "-e", "one", "--", "-a"], ["-a"]],
  [["grep", "^use "], []],
  [["fgrep", "a.*", "x"], ["x"]],
  [["sed", "-n", "1,5p", "x"], ["x"]],
  [["sed", "s/old/new/g;s,a,/,", "x"], ["x"]],
  [["sort", "-t", ",", "-k2,2nr", "x"], ["x"]],
  [["find", "src", "-name", "*.ts", "-type", "f"], ["src"]],
])("%j is plain", (argv, paths) => {
  expect(plainCall(argv)?.paths).toEqual(paths);
});

test("only a tree without symlinks is searched by the fast build, which follows them", () => {
  const { engine } = room;
  const tree = putLayout(engine, { link: { link: "src" }, src: { "b.txt": "b\n" } });
  const isFast = (...argv: string[]) =>
    findTool(engine, "find", toolFolders("/"), { argv, in: tree, cwd: "/" }).worker !==
    findTool(engine, "find", toolFolders("/")).worker;
  expect(isFast("find", "src", "-type", "f")).toBe(true);
  expect(isFast("find", ".", "-type", "f")).toBe(false);
  expect(isFast("find")).toBe(false);
  expect(isFast("find", "link")).toBe(false);
});

test("only names of ASCII are searched by the fast build, to which a character of others is one", () => {
  const { engine } = room;
  const tree = putLayout(engine, { é: { "a.txt": "a\n" }, src: { "b.txt": "b\n" }, other: { "ü.txt": "u\n" } });
  const isFast = (...argv: string[]) =>
    findTool(engine, "find", toolFolders("/"), { argv, in: tree, cwd: "/" }).worker !==
    findTool(engine, "find", toolFolders("/")).worker;
  expect(isFast("find", "src", "-name", "?.txt")).toBe(true);
  for (const place of [".", "é", "other", "other/ü.txt"]) expect(isFast("find", place, "-name", "?.txt")).toBe(false);
});

const letter = fc.constantFrom("a", "b", "o", "T", "1", " ", ".", "*", "&", "é", "-", "/", "[");
const textLine = fc.array(letter, { maxLength: 12 }).map((letters) => letters.join(""));
const text = fc
  .tuple(fc.array(textLine, { maxLength: 12 }), fc.boolean())
  .map(([lines, isEnded]) => lines.join("\n") + (isEnded && lines.length > 0 ? "\n" : ""));
const files = fc.record({ "a.txt": text, "b.md": text, sub: fc.record({ "a.txt": text, empty: fc.constant("") }) });

const plainWord = fc
  .array(fc.constantFrom("a", "b", "o", "T", "1", " ", "-", "/"), { minLength: 1, maxLength: 3 })
  .map((letters) => letters.join("").replace(/^-+/, "a"));
const anchor = (of: fc.Arbitrary<string>) =>
  fc.tuple(fc.constantFrom("", "^"), of, fc.constantFrom("", "$")).map((parts) => parts.join(""));
const operands = fc.subarray(["a.txt", "b.md", "sub/a.txt", "sub/empty"], { minLength: 0 });

const grep = fc
  .tuple(
    fc.constantFrom("grep", "egrep"),
    fc.subarray(["-c", "-i", "-n", "-q", "-v", "-w", "-x", "-E", "-F", "-in", "-vn"]),
    fc.constantFrom([], ["-m", "2"]),
    anchor(plainWord),
    operands,
  )
  .map(([name, flags, most, pattern, paths]) => [name, ...flags, ...most, pattern, ...paths]);
const fixed = fc
  .tuple(fc.subarray(["-i", "-n", "-v", "-w", "-x", "-E"]), textLine, operands)
  .map(([flags, pattern, paths]) => ["fgrep", ...flags, "-e", pattern, ...paths]);
const sedAddress = fc.constantFrom("1", "2", "$", "/a/", "/o T/", "");
const sedPattern = anchor(
  fc
    .array(fc.constantFrom("a", "b", "o*", ".", ".*", "[ab]", "[^a]*", " "), { minLength: 1, maxLength: 3 })
    .map((each) => each.join("")),
);
const sedCommand = fc.oneof(
  fc.tuple(sedAddress, fc.constantFrom("p", "d", "=", "q")).map((parts) => parts.join("")),
  fc
    .tuple(sedAddress, sedAddress, fc.constantFrom("p", "d", "="))
    .map(([from, to, command]) => (from === "" || to === "" ? command : `${from},${to}${command}`)),
  fc
    .tuple(
      sedAddress,
      sedPattern,
      fc.constantFrom("", "x", "[&]", "a b"),
      fc.constantFrom("", "g", "p", "2", "gI", "2g", "pp", "pgI", "I3p"),
    )
    .map(([at, pattern, by, flags]) => `${at}s/${pattern}/${by}/${flags}`),
);
const sed = fc
  .tuple(fc.subarray(["-n", "-E", "-r"]), fc.array(sedCommand, { minLength: 1, maxLength: 3 }), operands)
  .map(([flags, commands, paths]) => ["sed", ...flags, commands.join(";"), ...paths]);
const find = fc
  .tuple(
    fc.subarray([".", "sub", "a.txt", "./sub"]),
    fc.constantFrom([], ["-maxdepth", "1"], ["-mindepth", "1"], ["-mindepth", "1", "-maxdepth", "2"]),
    fc.array(
      fc.constantFrom(
        ["-name", "*.txt"],
        ["-name", "a*"],
        ["-iname", "A.TXT"],
        ["-name", "[ab].*"],
        ["-name", "*"],
        ["-name", ".*"],
        ["-name", "*.*"],
        ["-name", "?"],
        ["-name", "??"],
        ["-name", "[]"],
        ["-iname", "s[a-z]b"],
        ["-type", "f"],
        ["-type", "d"],
      ),
      { maxLength: 2 },
    ),
    fc.constantFrom([], ["-print"]),
  )
  .map(([paths, depth, tests, print]) => ["find", ...paths, ...depth, ...tests.flat(), ...print]);

const sort = fc
  .tuple(
    fc.subarray(["-r", "-n", "-u", "-nr", "-ru", "-s", "-f", "-b"], { maxLength: 2 }),
    fc.constantFrom([], ["-t", ","], ["-t "]),
    fc.subarray(["-k1,1", "-k1", "-k1n", "-k1r", "-k1nr", "-k2r", "-k2", "-k2,2n", "-k2,3", "-k1,1r", "-k3nr"], {
      maxLength: 2,
    }),
    operands,
  )
  .map(([flags, mark, keys, paths]) => ["sort", ...flags, ...mark, ...keys, ...paths]);

function writeFiles(at: string, layout: Layout): void {
  mkdirSync(at);
  for (const [name, what] of Object.entries(layout)) {
    if (typeof what === "string") writeFileSync(join(at, name), what);
    else writeFiles(join(at, name), what as Layout);
  }
}

function contentAt(layout: Layout, path: string): string {
  return path.split("/").reduce<unknown>((at, part) => (at as Record<string, unknown>)[part], layout) as string;
}

test.each([
  ["cat"],
  ["uniq", "-c"],
  ["uniq", "-cdi"],
  ["uniq"],
  ["head"],
  ["head", "-n", "2"],
  ["head", "-n-1"],
  ["tail", "-2"],
  ["tail", "-n", "1"],
])("%s %s %s prints plain text of plain text", (...argv) => {
  const call = argv.filter((each) => each !== undefined);
  // The native head has no number behind -n-.
  expect(passesPlain(call)).toBe(call[1] !== "-n-1");
  const [name, ...args] = call as [string, ...string[]];
  for (const input of ["", "a\n", "b\nb\na\t~\n\n\nA\na\n"]) {
    expect(isPlainText(spawnSync(name, args, { input }).stdout.toString("latin1"))).toBe(true);
  }
});

test.each([
  ["cat", "file"],
  ["cat", "-A"],
  ["head", "-c", "3"],
  ["head", "-n", "2", "file"],
  ["tail", "-f"],
  ["tail", "+2"],
  ["uniq", "in", "out"],
  ["uniq", "-z"],
  ["tr", "a", "b"],
  ["sort"],
])("of %j it is not said that it prints plain text of plain text", (...argv) => {
  expect(passesPlain(argv)).toBe(false);
});

test("what a plain call is given and may print is looked at, too", () => {
  expect(printsPlain(["grep", "-n", "x", "b.txt", "caf\u00e9"])).toBe(false);
  expect(printsPlain(["sed", "s/a/\u00e9/"])).toBe(false);
  expect(printsPlain(["find", "."])).toBe(false);
  expect(printsPlain(["sort", "caf\u00e9"])).toBe(true);
});

test("a plain call prints what the native command prints, and ends as it ends", async () => {
  let rounds = 0;
  await fc.assert(
    fc.asyncProperty(fc.oneof(grep, fixed, sed, find, sort), files, text, async (argv, layout, stdin) => {
      fc.pre(plainCall(argv) !== undefined);
      const [name, ...args] = argv as [string, ...string[]];
      const real = join(folder, String(rounds++));
      writeFiles(real, layout);
      const native = spawnSync(name, args, {
        cwd: real,
        input: stdin,
        env: { PATH: process.env["PATH"], LC_ALL: "C.UTF-8" },
      });
      rmSync(real, { recursive: true });
      const env = { LANG: "C.UTF-8", PATH: "/bin", PWD: "/" };
      const ours = await runCommand(room.engine, workers.get(name) as Oid, { argv, in: layout, stdin, env });
      const lines = (printed: string) => (name === "find" ? printed.split("\n").toSorted() : printed);
      expect({ exit: ours.exit, stdout: lines(ours.stdout) }).toEqual({
        exit: native.status,
        stdout: lines(native.stdout.toString("utf8")),
      });
      const call = plainCall(argv);
      if (call?.readsText !== true || !printsPlain(argv)) return;
      const read = call.paths.length === 0 ? [stdin] : call.paths.map((path) => contentAt(layout, path));
      const bytes = read.map((content) => Buffer.from(content).toString("latin1"));
      if (bytes.every(isPlainText)) expect(native.stdout.toString("latin1")).toSatisfy(isPlainText);
    }),
    { numRuns: Number(process.env["COPPICE_PLAIN_RUNS"] ?? 150) },
  );
});
