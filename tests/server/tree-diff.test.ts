import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Engine, Mode, Oid, TreeEntry } from "../../src/engine.ts";
import { diffOf, placesIn } from "../../src/server/tree-diff.ts";
import { sharedRoom } from "../guests/room.ts";

const room = sharedRoom();

type File = readonly [mode: Mode, content: string];
/** Files by their names; a folder is another such record. */
interface Folder {
  readonly [name: string]: File | Folder;
}

function put(engine: Engine, folder: Folder): Oid {
  const entries = Object.entries(folder).map(([name, what]): TreeEntry => {
    if (!Array.isArray(what)) return { name, mode: "40000", oid: put(engine, what as Folder) };
    const [mode, content] = what as File;
    return { name, mode, oid: engine.putBlob(Buffer.from(content, "latin1")) };
  });
  return engine.putTree(entries);
}

async function textOf(engine: Engine, from: Oid, to: Oid, path = ""): Promise<string> {
  const [before, after] = placesIn(engine, from, to, path);
  return (await diffOf(engine, before, after)).text;
}

/** What git makes of a folder when it applies a patch to it: the tree's name. */
async function applied(engine: Engine, from: Oid, patch: string): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "coppice-diff-"));
  const git = (args: readonly string[], input = "") =>
    execFileSync("git", args, { cwd: join(folder, "tree"), input, encoding: "utf8" }).trim();
  try {
    await engine.checkout(from, join(folder, "tree"));
    git(["init", "--quiet"]);
    git(["add", "--all", "--force"]);
    if (patch !== "") git(["apply", "--cached", "--whitespace=nowarn"], patch);
    return git(["write-tree"]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const numbered = (word: string, lines: number) =>
  Array.from({ length: lines }, (_, line) => `${word} ${line}\n`).join("");

const folderOf = (below: fc.Arbitrary<File | Folder>) =>
  fc.dictionary(fc.constantFrom("a", "b c", "é", "d"), below, { minKeys: 1, maxKeys: 3, noNullPrototype: true });

describe("a diff of trees", () => {
  it("is what git prints, for files that come, go and change", async () => {
    const { engine } = room;
    const from = put(engine, {
      "a b.txt": ["100644", "one\ntwo\n"],
      gone: ["100644", "x\n"],
      long: ["100644", numbered("line", 12)],
      "run.sh": ["100644", "#!/bin/sh\n"],
      sub: { open: ["100644", "no newline"] },
    });
    const to = put(engine, {
      "a b.txt": ["100644", "one\n2\n"],
      empty: ["100644", ""],
      long: ["100644", numbered("line", 12).replace("line 1\n", "").replace("line 10\n", "line ten\n")],
      "run.sh": ["100755", "#!/bin/sh\n"],
      sub: { open: ["100644", "no newline\n"], tür: ["100644", "new\n"] },
    });
    const folder = mkdtempSync(join(tmpdir(), "coppice-diff-"));
    try {
      const git = (...args: readonly string[]) => execFileSync("git", args, { cwd: folder, encoding: "utf8" });
      git("init", "--quiet");
      for (const tree of [from, to]) {
        for (const each of reached(engine, tree)) {
          const { kind, body } = engine.get(each);
          execFileSync("git", ["hash-object", "-w", "--stdin", "-t", kind], { cwd: folder, input: body });
        }
      }
      expect(await textOf(engine, from, to)).toBe(
        git("diff-tree", "-p", "--no-renames", "--full-index", from, to).replaceAll(/^(@@ .* @@).*$/gm, "$1"),
      );
      expect(await textOf(engine, from, to, "sub/open")).toBe(
        git("diff-tree", "-p", "--full-index", from, to, "--", "sub/open").replaceAll(/^(@@ .* @@).*$/gm, "$1"),
      );
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it("is applied by git to the one and gives the other, whatever they are", async () => {
    const { engine } = room;
    const lines = fc.array(fc.constantFrom("a", "b", "c", "", "\r", " x"), { maxLength: 12 });
    const content = fc
      .tuple(lines, fc.boolean())
      .map(([all, isOpen]) => all.join("\n") + (isOpen || all.length === 0 ? "" : "\n"));
    const file = fc.oneof(
      fc.tuple(fc.constantFrom<Mode>("100644", "100755"), content),
      fc.tuple(fc.constant<Mode>("120000"), fc.constantFrom("a", "../b")),
    );
    const any = folderOf(fc.oneof(file, folderOf(file))) as fc.Arbitrary<Folder>;
    await fc.assert(
      fc.asyncProperty(any, any, async (before, after) => {
        const [from, to] = [put(engine, before), put(engine, after)];
        expect(await applied(engine, from, await textOf(engine, from, to))).toBe(to);
      }),
      { numRuns: 25 },
    );
  });

  it("of files that have little in common takes all of one out, and puts all of the other in", async () => {
    const { engine } = room;
    const from = put(engine, { f: ["100644", numbered("old", 4000)] });
    const to = put(engine, { f: ["100644", numbered("new", 4000)] });
    const patch = await textOf(engine, from, to);
    expect(patch).toContain("@@ -1,4000 +1,4000 @@\n-old 0\n");
    expect(await applied(engine, from, patch)).toBe(to);
  });

  it("names binary files and what is too large, and shows nothing of them", async () => {
    const { engine } = room;
    const from = put(engine, { bin: ["100644", "a\0b"], latin: ["100644", "\xe9\n"] });
    const to = put(engine, {
      bin: ["100644", "a\0c"],
      latin: ["100644", "\xe8\n"],
      big: ["100644", "x".repeat(5 << 20)],
    });
    const text = await textOf(engine, from, to);
    expect(text).toContain("Binary files a/bin and b/bin differ (3 bytes, 3 bytes)\n");
    expect(text).toContain("Binary files a/latin and b/latin differ (2 bytes, 2 bytes)\n");
    expect(text).toContain(
      "Files /dev/null and b/big differ, and are too large to be compared by line (0 bytes, 5242880 bytes)\n",
    );
    expect(text.length).toBeLessThan(1000);
  });

  it("at a path that is a file in one and a folder in the other takes out the one and puts in the other", async () => {
    const { engine } = room;
    const from = put(engine, { a: ["100644", "x\n"] });
    const to = put(engine, { a: { b: ["100644", "y\n"] } });
    const paths = async (before: Oid, after: Oid) => {
      const [old, now] = placesIn(engine, before, after, "a");
      return (await diffOf(engine, old, now)).changes.map(({ status, path }) => `${status} ${path}`);
    };
    expect(await paths(from, to)).toEqual(["deleted a", "added a/b"]);
    expect(await paths(to, from)).toEqual(["deleted a/b", "added a"]);
    expect(await paths(from, from)).toEqual([]);
  });
});

function reached(engine: Engine, tree: Oid): readonly Oid[] {
  const below = engine.list(tree).flatMap(({ mode, oid }) => (mode === "40000" ? reached(engine, oid) : [oid]));
  return [...below, tree];
}
