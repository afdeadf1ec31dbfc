import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openEngine, type Engine, type Mode, type Oid } from "../../src/engine.ts";
import { assemble } from "../guests/assemble.ts";
import { findTool } from "../../src/tools/find-tool.ts";
import {
  knownTools,
  plainTools,
  scriptTools,
  shellNames,
  type PinnedFile,
  type ScriptName,
} from "../../src/tools/known-tools.ts";
import { justBashCommands, ownCommandNames } from "../../workers/shell/command-names.ts";
import { namedCommand } from "../../src/tools/named-command.ts";
import { ownTools, removeOwnTool, setOwnTool, toolNameFault } from "../../src/tools/own-tools.ts";
import { laidOver, takenAway } from "../../src/tools/overlay.ts";
import { CommandNotFound, UnfitTool, UnstartableFile } from "../../src/tools/tool-errors.ts";
import { startingCommands } from "../../src/tools/starting-call.ts";
import { toolsKnown } from "../../src/tools/tool-list.ts";

const top = mkdtempSync(join(tmpdir(), "coppice-tools-"));
const repository = join(import.meta.dirname, "../..");
const nothing = join(top, "nothing");
let engine: Engine;
beforeAll(() => {
  engine = openEngine({ store: join(top, "store.sqlite") });
});
afterAll(async () => {
  await engine.close();
  rmSync(top, { recursive: true, force: true });
});

/** An engine that remembers nothing. */
async function withEngine<T>(work: (fresh: Engine) => T): Promise<T> {
  const fresh = openEngine({ store: join(mkdtempSync(join(top, "store-")), "store.sqlite") });
  try {
    return work(fresh);
  } finally {
    await fresh.close();
  }
}

/** A folder where something lies in place of a package's file. */
function folderWith(pinned: PinnedFile, bytes: string): string {
  const folder = mkdtempSync(join(top, "folder-"));
  const file = join(folder, "node_modules", pinned.package.name, pinned.file);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, bytes);
  return folder;
}

const [gzip, wc, clang] = ["gzip", "wc", "clang"].map((name) => knownTools[name] as PinnedFile) as [
  PinnedFile,
  PinnedFile,
  PinnedFile,
];

const namesOf = (script: ScriptName) => [...scriptTools].flatMap(([name, each]) => (each === script ? [name] : []));

describe("a known command", () => {
  test("is found in the package that is installed, and then without it", async () => {
    await withEngine((fresh) => {
      const { worker } = findTool(fresh, "gzip", [repository]);
      expect(findTool(fresh, "gzip", [nothing])).toEqual({ worker });
    });
  });

  test("is the same worker under each of its names", () => {
    for (const names of [
      ["gzip", "gunzip", "zcat"],
      ["rg", "jq"],
      ["grep", "egrep", "awk", "find", "sed", "sort"],
      ["sh", "bash", "xargs"],
    ]) {
      const workers = names.map((name) => findTool(engine, name, [repository]).worker);
      expect(new Set(workers).size).toBe(1);
    }
  });

  test("is taken from another folder when a nearer one has another file", async () => {
    const folder = folderWith(gzip, "another version");
    await withEngine((fresh) => {
      expect(findTool(fresh, "gzip", [folder, repository])).toEqual(findTool(engine, "gzip", [repository]));
    });
  });

  test("is refused where all that is installed is another file", async () => {
    const folder = folderWith(gzip, "another version");
    await withEngine((fresh) => {
      expect(() => findTool(fresh, "gzip", [folder])).toThrow(UnfitTool);
      const place = join(folder, "node_modules", gzip.package.name, gzip.file);
      expect(() => findTool(fresh, "gzip", [folder])).toThrow(
        `gzip: ${place} is not the file of @rivet-dev/agent-os-gzip@0.0.260331072558 (its SHA-256 is another)`,
      );
    });
  });

  test("that is refused keeps neither the shell nor the script of its name from running", async () => {
    const { grep } = plainTools;
    await withEngine((fresh) => {
      const root = fresh.putTree([]);
      const call = { argv: ["grep", "x"], in: root, cwd: "/" };
      const others = [folderWith(gzip, "another gzip"), folderWith(grep as PinnedFile, "another grep")];
      expect(findTool(fresh, "grep", others, call)).toEqual(findTool(fresh, "grep", [nothing], call));
      expect(findTool(fresh, "sh", others)).toEqual(findTool(fresh, "sh", [nothing]));
    });
  });

  test.each(["a\r\n", "caf\xe9 a\n", "é a\n", "a\0\n", "a"])(
    "is a script where what it reads, %j, is no plain text",
    (text) => {
      const bytes = Buffer.from(text, text.includes("\xe9 a") ? "latin1" : "utf8");
      const file = (body: Uint8Array) => engine.putTree([{ mode: "100644", name: "a", oid: engine.putBlob(body) }]);
      const foundFor = (body: Uint8Array) => [
        findTool(engine, "grep", [repository], { argv: ["grep", "a", "a"], in: file(body), cwd: "/" }).worker,
        findTool(engine, "sed", [repository], { argv: ["sed", "s/a/b/"], in: file(body), cwd: "/", stdin: body })
          .worker,
      ];
      const scripts = ["grep", "sed"].map((name) => findTool(engine, name, [repository]).worker);
      expect(foundFor(bytes)).toEqual(scripts);
      for (const script of scripts) expect(foundFor(Buffer.from("a\n"))).not.toContain(script);
    },
  );

  test("in a container that is damaged is refused", async () => {
    const folder = folderWith(wc, "no container at all");
    await withEngine((fresh) => {
      expect(() => findTool(fresh, "wc", [folder])).toThrow(UnfitTool);
      expect(() => findTool(fresh, "wc", [folder])).toThrow("its first bytes are not those of one");
    });
  });

  test("that is not installed says how it would be", () => {
    expect(() => findTool(engine, "clang", [nothing])).toThrow(CommandNotFound);
    expect(() => findTool(engine, "clang", [nothing])).toThrow(
      `"clang": it comes from the npm package @yowasp/clang, which is not installed: npm install @yowasp/clang@${clang.package.version}`,
    );
  });

  test.each([
    ["a module", "\0asm\x01\0\0\0", "until it is added: coppice tool add a.out ./a.out"],
    ["a machine's program", "\x7fELF\x02\x01", "a program for one kind of machine"],
    ["another language's script", "#! /usr/bin/python3\n", "a script for python3, which is none of the commands"],
    ["another language's script by way of env", "#!/usr/bin/env -S python3 -u\n", "it is a script for python3"],
    ["an interpreter from nowhere", "#!bash\n", "started by what it is written for: coppice exec -- bash ./a.out"],
    ["a line's end of Windows", "#!/bin/sh\r\n", "its first line ends with CR"],
    ["nothing that starts", "\x01\0", "it is no script and no program"],
  ])("that is a file of the tree with %s says what starts it", (_what, content, message) => {
    const oid = engine.putBlob(Buffer.from(content, "latin1"));
    const tree = engine.putTree([{ mode: "100755", name: "a.out", oid }]);
    const find = () => findTool(engine, "./a.out", [repository], { argv: ["./a.out"], in: tree, cwd: "/" });
    expect(find).toThrow(UnstartableFile);
    expect(find).toThrow(message);
  });

  test.each([
    ["a script", "#!/bin/bash -e\n", "coppice exec -- bash ./a.out"],
    ["a script by way of env", "#!/usr/bin/env -S A=1 awk -f\n", "coppice exec -- awk -f ./a.out"],
    ["a script that does not say so", "echo hi\n", "coppice exec -- sh ./a.out"],
  ])("that is a file of the tree with %s is the shell's if it may be executed", (_what, content, message) => {
    const oid = engine.putBlob(Buffer.from(content));
    const link = { mode: "120000", name: "link", oid: engine.putBlob(Buffer.from("/in/../in/a.out")) } as const;
    const treeOf = (mode: Mode) => {
      const folder = engine.putTree([{ mode, name: "a.out", oid }]);
      return engine.putTree([{ mode: "40000", name: "in", oid: folder }, link]);
    };
    const found = (mode: Mode, name: string) =>
      findTool(engine, name, [repository], { argv: [name], in: treeOf(mode), cwd: "/in" });
    const shell = findTool(engine, "sh", [repository]);
    for (const name of ["./a.out", "/in/a.out", "../link"]) expect(found("100755", name)).toEqual(shell);
    expect(() => found("100644", "./a.out")).toThrow(UnstartableFile);
    expect(() => found("100644", "./a.out")).toThrow(
      `permission denied, since it has no exec bit (chmod +x ./a.out); without one: ${message}`,
    );
  });

  test("is none of the names that every object has", () => {
    for (const name of ["constructor", "__proto__", "toString", "nope", ""])
      expect(() => findTool(engine, name, [repository])).toThrow(CommandNotFound);
  });
});

describe("a name that the tree has, too", () => {
  const script = (says: string) => ({
    mode: "100755" as Mode,
    oid: engine.putBlob(Buffer.from(`echo ${says} "$@"\n`)),
  });
  const folder = (entries: Readonly<Record<string, { readonly mode: Mode; readonly oid: Oid }>>) => ({
    mode: "40000" as Mode,
    oid: engine.putTree(Object.entries(entries).map(([name, entry]) => ({ name, ...entry }))),
  });
  const module = () => ({ mode: "100755" as Mode, oid: engine.putBlob(Buffer.from("\0asm\x01\0\0\0", "latin1")) });
  const treeOf = () =>
    folder({
      bin: folder({ ls: script("bin/ls"), mine: script("bin/mine"), wc: { ...script("bin/wc"), mode: "100644" } }),
      sub: folder({ ls: script("sub/ls"), cat: module(), env: script("sub/env") }),
    }).oid;
  const run = async (words: string, env: Readonly<Record<string, string>> = {}, cwd = "/") => {
    const command = namedCommand(engine, [repository], { argv: words.split(" "), in: treeOf(), cwd, env });
    const { outcome } = await command.run({});
    if (outcome.kind === "failed") throw new Error(outcome.message);
    return Buffer.from(engine.get(command.resultOf(outcome.oid).stdout).body).toString();
  };

  test("is the tree's where PATH says so in front of the commands", async () => {
    for (const PATH of ["bin:/usr/bin", "./bin/:/bin", "nowhere:bin:/bin"])
      expect(await run("ls a", { PATH }), PATH).toBe("bin/ls a\n");
    for (const PATH of ["/sub:/bin", "sub:/bin", "/sub/"]) expect(await run("ls a", { PATH }), PATH).toBe("sub/ls a\n");
    for (const PATH of ["", ":/bin", ".:/bin"]) expect(await run("ls a", { PATH }, "/sub"), PATH).toBe("sub/ls a\n");
    expect(await run("env a", { PATH: "sub:/bin" })).toBe("sub/env a\n");
    expect(await run("mine a", { PATH: "/usr/bin:bin" })).toBe("bin/mine a\n");
  });

  test("is the command's in /bin and /usr/bin, and where no executable file of the tree is found", async () => {
    for (const PATH of ["/bin", "/usr/bin/:sub", "/bin:sub", "/nowhere"])
      expect(await run("ls", { PATH }), PATH).toBe("bin\nsub\n");
    expect(await run("wc -l bin/ls", { PATH: "bin:/bin" })).toBe("1 bin/ls\n");
    expect(await run("mine a")).toBe("bin/mine a\n");
    expect(() =>
      findTool(engine, "nope", [repository], { argv: ["nope"], in: treeOf(), cwd: "/", path: "sub" }),
    ).toThrow(CommandNotFound);
  });

  test("is the tree's as a path, in /bin too", async () => {
    for (const path of ["/bin/ls", "bin/ls", "./bin/ls", "//bin/ls"]) expect(await run(`${path} a`)).toBe("bin/ls a\n");
    expect(await run("../bin/ls a", {}, "/sub")).toBe("bin/ls a\n");
    const found = (name: string) => () =>
      findTool(engine, name, [repository], { argv: [name], in: treeOf(), cwd: "/" });
    expect(found("/bin/wc")).toThrow("permission denied, since it has no exec bit");
    expect(found("/bin/cat")).toThrow("commands go by their names alone: coppice exec -- cat");
  });

  test("is refused rather than another where the tree's can't be started", () => {
    const call = { argv: ["cat"], in: treeOf(), cwd: "/", path: "sub:/bin" };
    expect(() => findTool(engine, "cat", [repository], call)).toThrow(UnstartableFile);
    expect(() => findTool(engine, "cat", [repository], call)).toThrow("coppice tool add cat sub/cat");
  });
});

test("every known file that a dependency brings is the one that is pinned", async () => {
  await withEngine((fresh) => {
    for (const [name, tool] of Object.entries(knownTools)) {
      if (tool.package !== clang.package) findTool(fresh, name, [repository]);
    }
  });
});

describe("a command of the user's own", () => {
  const module = assemble(`(module (memory (export "memory") 1) (func (export "_start")))`);

  test("wins over a known one until it is removed", () => {
    const known = findTool(engine, "wc", [repository]);
    const own = engine.putCommand(module);
    setOwnTool(engine, "wc", own);
    expect(findTool(engine, "wc", [repository])).toEqual({ worker: own });
    expect([...ownTools(engine)]).toEqual([["wc", own]]);
    expect(toolsKnown(engine, [repository]).find(({ name }) => name === "wc")).toEqual({
      name: "wc",
      from: `worker ${own}`,
      isInstalled: true,
    });
    expect(removeOwnTool(engine, "wc")).toBe(true);
    expect(removeOwnTool(engine, "wc")).toBe(false);
    expect(findTool(engine, "wc", [repository])).toEqual(known);
  });

  test.each([
    ["", "it is empty"],
    ["a b", "it has a space, a slash or a control character"],
    ["a/b", "it has a space, a slash or a control character"],
    ["a\n", "it has a space, a slash or a control character"],
    ["-x", "it starts with a dash"],
    ["x".repeat(256), "it is longer than 255 bytes"],
    ["hello-2.0", undefined],
    ["[", undefined],
  ])("is not called %j", (name, fault) => {
    expect(toolNameFault(name)).toBe(fault);
  });
});

test("the list has every command once, in order, and says what is not installed", () => {
  const tools = toolsKnown(engine, [nothing]);
  const names = tools.map(({ name }) => name);
  const all = [...Object.keys(knownTools), ...scriptTools.keys(), ...startingCommands, ...shellNames];
  expect(names).toEqual([...new Set(all)].toSorted());
  expect(namesOf("just-bash")).toEqual([...justBashCommands].toSorted());
  expect(namesOf("commands")).toEqual([...ownCommandNames].toSorted());
  expect(tools.find(({ name }) => name === "clang")).toMatchObject({ isInstalled: false });
});

describe("a command that starts others", { timeout: 120_000 }, () => {
  test.each([
    [["env", "-i", "A=1", "env"], "A=1\n"],
    [["xargs", "-n", "2", "echo"], "1 2\n3\n"],
    [["timeout", "5", "wc", "-c"], "6\n"],
    [["tail", "-fn1", "in"], "1 2 3\n"],
    [["env", "expr", "abc", ":", "a\\(.\\)"], "b\n"],
    [["nice", "sh", "-c", "echo $0 $1", "a", "b"], "a b\n"],
    [["find", ".", "-name", "in", "-exec", "cat", "{}", ";", "-exec", "wc", "-c", "{}", ";"], "1 2 3\n6 ./in\n"],
  ])("%j is done by the shell", async (argv, wanted) => {
    const call = {
      argv,
      in: engine.putTree([{ mode: "100644", name: "in", oid: engine.putBlob(Buffer.from("1 2 3\n")) }]),
      cwd: "/",
    };
    const { worker } = findTool(engine, argv[0] as string, [repository], call);
    expect(worker).toBe(findTool(engine, "sh", [repository]).worker);
    const { outcome } = await engine.exec({ ...call, worker, stdin: Buffer.from("1 2 3\n"), env: {} });
    const result = outcome.kind === "tree" ? engine.commandResult(outcome.oid) : undefined;
    expect(Buffer.from(engine.get(result?.stdout as Oid).body).toString()).toBe(wanted);
  });
});

describe("a tree that a command brings", () => {
  const blob = () => engine.putBlob(Buffer.from("x"));
  const overlayOf = () => ({ at: "usr", tree: engine.putTree([{ mode: "100644", name: "h", oid: blob() }]) });

  test("stands in the root and is gone from what it leaves", () => {
    const overlay = overlayOf();
    const root = engine.putTree([{ mode: "100644", name: "a", oid: blob() }]);
    const seen = laidOver(engine, "clang", root, overlay);
    expect(engine.list(seen).map(({ name }) => name)).toEqual(["a", "usr"]);
    expect(takenAway(engine, "clang", seen, overlay)).toBe(root);
    expect([laidOver(engine, "cat", root, undefined), takenAway(engine, "cat", root, undefined)]).toEqual([root, root]);
  });

  test("is refused where the tree has its name, or the command changed it", () => {
    const overlay = overlayOf();
    const taken = engine.putTree([{ mode: "100644", name: "usr", oid: blob() }]);
    expect(() => laidOver(engine, "clang", taken, overlay)).toThrow("clang brings a folder usr of its own");
    expect(() => takenAway(engine, "clang", taken, overlay)).toThrow("clang changed the folder usr that it brings");
  });
});
