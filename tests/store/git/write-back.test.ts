import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { array, assert, constantFrom, property, tuple } from "fast-check";
import { describe, expect, test } from "vitest";
import { UnsafeName } from "../../../src/store/git/checkout.ts";
import { putFolder } from "../../../src/store/git/folder-files.ts";
import { ChangedMeanwhile, SubmoduleChanged, writeBack } from "../../../src/store/git/write-back.ts";
import { hashObject } from "../../../src/store/object.ts";
import type { Oid } from "../../../src/store/oid.ts";
import { encodeTree, type Mode } from "../../../src/store/tree.ts";
import { MapSink, temporaryFolder } from "./git.ts";

class Objects extends MapSink {
  put(kind: "blob" | "tree", body: Uint8Array): Oid {
    const name = hashObject(kind, body);
    if (this.kindOf(name) === undefined) this.putChecked(name, kind, body);
    return name;
  }

  tree(...entries: readonly (readonly [Mode, string, Oid])[]): Oid {
    return this.put("tree", encodeTree(entries.map(([mode, name, oid]) => ({ mode, name, oid }))));
  }
}

/** What stands at a path: a text, `*` before it for a program, `>` for a symlink's; `/` for a folder. */
type Files = Readonly<Record<string, string>>;

function lay(folder: string, files: Files): void {
  mkdirSync(folder, { recursive: true });
  for (const [path, text] of Object.entries(files)) {
    const place = join(folder, path);
    mkdirSync(text === "/" ? place : dirname(place), { recursive: true });
    if (text === "/") continue;
    if (text.startsWith(">")) symlinkSync(text.slice(1), place);
    else writeFileSync(place, text, { mode: text.startsWith("*") ? 0o755 : 0o644 });
  }
}

/** A folder of these files, and what a command made of them. */
function edited(before: Files, after: Files) {
  const source = new Objects();
  const folder = join(temporaryFolder(), "work");
  const target = join(temporaryFolder(), "after");
  lay(folder, before);
  lay(target, after);
  const trees = { before: putFolder(source, folder), after: putFolder(source, target) };
  return {
    source,
    folder,
    trees,
    write: () => writeBack(source, folder, { ...trees, now: putFolder(source, folder) }),
  };
}

describe("what a command changed", () => {
  test("is created, changed and deleted in the folder, and nothing else is touched", () => {
    const { folder, write } = edited(
      { "same.txt": "1", "old.txt": "1", "a/gone.txt": "1", "a/b/gone.txt": "1", program: "x" },
      { "same.txt": "1", "old.txt": "2", "c/d/new.txt": "*3", link: ">nowhere", empty: "/", program: "*x" },
    );
    const { ino } = lstatSync(join(folder, "same.txt"));
    expect(write()).toEqual({ created: 2, changed: 2, deleted: 2 });
    expect(lstatSync(join(folder, "same.txt")).ino).toBe(ino);
    expect(readdirSync(folder).toSorted()).toEqual(["c", "empty", "link", "old.txt", "program", "same.txt"]);
    expect(readFileSync(join(folder, "old.txt"), "utf8")).toBe("2");
    expect(readlinkSync(join(folder, "link"))).toBe("nowhere");
    expect(lstatSync(join(folder, "c/d/new.txt")).mode & 0o100).toBe(0o100);
  });

  test("is written under a name as long as names can be", () => {
    const name = "n".repeat(255);
    const { folder, write } = edited({ [name]: "1", gone: "1" }, { [name]: "2" });
    expect(write()).toEqual({ created: 0, changed: 1, deleted: 1 });
    expect(readFileSync(join(folder, name), "utf8")).toBe("2");
    expect(readdirSync(folder)).toEqual([name]);
  });

  test("keeps what a person forbade others", () => {
    const { folder, write } = edited({ "secret.txt": "1" }, { "secret.txt": "2" });
    chmodSync(join(folder, "secret.txt"), 0o600);
    write();
    expect(lstatSync(join(folder, "secret.txt")).mode & 0o777).toBe(0o600);
  });

  const kinds: readonly (readonly [what: string, before: Files, after: Files])[] = [
    ["a file becomes a folder", { a: "1" }, { "a/b": "2" }],
    ["a folder becomes a file", { "a/b/c": "1" }, { a: "2" }],
    ["a file becomes a symlink", { a: "1" }, { a: ">b" }],
    ["a symlink becomes a folder", { a: ">/etc" }, { "a/passwd": "2" }],
    ["a folder becomes a symlink", { "a/b": "1" }, { a: ">/etc" }],
    ["a program becomes a file", { a: "*1" }, { a: "x*1" }],
    ["everything goes", { "a/b": "1", c: "2" }, {}],
  ];
  test.each(kinds)("is written where %s", (_what, before, after) => {
    const { source, folder, trees, write } = edited(before, after);
    write();
    expect(putFolder(source, folder)).toBe(trees.after);
  });

  test("is written whatever it is", () => {
    const path = array(constantFrom("a", "b", "c"), { minLength: 1, maxLength: 3 }).map((parts) => parts.join("/"));
    const files = array(tuple(path, constantFrom("1", "2", "*3", ">a", "/"))).map((entries) => {
      const kept = entries.filter(([at], index) =>
        entries.every(
          ([other], otherIndex) =>
            otherIndex === index || (!`${other}/`.startsWith(`${at}/`) && !`${at}/`.startsWith(`${other}/`)),
        ),
      );
      return Object.fromEntries(kept);
    });
    assert(
      property(files, files, (before, after) => {
        const { source, folder, trees, write } = edited(before, after);
        write();
        expect(putFolder(source, folder)).toBe(trees.after);
        rmSync(dirname(folder), { recursive: true });
      }),
      { numRuns: 200 },
    );
  });
});

describe("nothing is written at all", () => {
  const meanwhile: readonly (readonly [what: string, act: (folder: string) => void])[] = [
    ["a file that was to change has changed", (folder) => writeFileSync(join(folder, "old.txt"), "mine")],
    ["a file that was to change is gone", (folder) => rmSync(join(folder, "old.txt"))],
    ["a file that was to change is a program now", (folder) => chmodSync(join(folder, "old.txt"), 0o755)],
    ["a file that was to go has changed", (folder) => writeFileSync(join(folder, "a/gone.txt"), "mine")],
    ["a file stands where one was to be made", (folder) => writeFileSync(join(folder, "new.txt"), "mine")],
    ["a folder stands where a file was to be made", (folder) => mkdirSync(join(folder, "new.txt"))],
    ["a file stands where a folder was to be made", (folder) => writeFileSync(join(folder, "c"), "mine")],
    ["a symlink stands where a folder was to be made", (folder) => symlinkSync("/tmp", join(folder, "c"))],
    [
      "a folder on the way has become a symlink",
      (folder) => {
        rmSync(join(folder, "d"), { recursive: true });
        symlinkSync("/tmp", join(folder, "d"));
      },
    ],
  ];
  test.each(meanwhile)("when %s", (_what, act) => {
    const { source, folder, write } = edited(
      { "old.txt": "1", "a/gone.txt": "1", "d/x": "1" },
      { "old.txt": "2", "new.txt": "3", "c/new.txt": "4", "d/x": "1", "d/y": "2" },
    );
    act(folder);
    const now = putFolder(source, folder);
    expect(write).toThrow(ChangedMeanwhile);
    expect(putFolder(source, folder)).toBe(now);
  });

  test("over a file that was not read, as one that git ignores", () => {
    const { source, folder, trees } = edited({ "a.txt": "1" }, { "a.txt": "2", "out/x": "3" });
    lay(folder, { "out/x": "ignored", "out/y": "ignored" });
    expect(() => writeBack(source, folder, { ...trees, now: trees.before })).toThrow(
      `nothing was written: "out/x" changed meanwhile, or is there and not part of what was read`,
    );
    expect(readFileSync(join(folder, "a.txt"), "utf8")).toBe("1");
  });

  test("where a file is to stand in place of a folder with more in it than was read", () => {
    const { source, folder, trees } = edited({ "a/b": "1" }, { a: "2" });
    lay(folder, { "a/ignored": "mine" });
    expect(() => writeBack(source, folder, { ...trees, now: trees.before })).toThrow(ChangedMeanwhile);
    expect(readdirSync(join(folder, "a"))).toEqual(["b", "ignored"]);
  });

  test("in a submodule, be it empty or not; an empty one may go, or become a file", () => {
    const source = new Objects();
    const file = source.put("blob", Buffer.from("x"));
    const [commit, other] = [hashObject("blob", Buffer.from("1")), hashObject("blob", Buffer.from("2"))];
    const before = source.tree(["160000", "m", commit]);
    const folder = temporaryFolder();
    const write = (after: Oid) => writeBack(source, folder, { before, after, now: before });
    const filled = source.tree(["40000", "m", source.tree(["100644", "new", file])]);
    const moved = source.tree(["160000", "n", commit]);
    const another = source.tree(["160000", "m", other]);
    const replaced = source.tree(["100644", "m", file]);
    for (const here of [{ m: "/" }, { "m/x": "mine" }]) {
      lay(folder, here);
      for (const after of [filled, moved, another]) expect(() => write(after)).toThrow(SubmoduleChanged);
    }
    for (const after of [source.tree(), replaced]) expect(() => write(after)).toThrow(SubmoduleChanged);
    expect(readFileSync(join(folder, "m/x"), "utf8")).toBe("mine");
    rmSync(join(folder, "m/x"));
    write(source.tree());
    expect(readdirSync(folder)).toEqual([]);
    lay(folder, { m: "/" });
    write(replaced);
    expect(readFileSync(join(folder, "m"), "utf8")).toBe("x");
  });

  test("by a name that could be taken for .git", () => {
    const source = new Objects();
    const folder = temporaryFolder();
    const before = source.tree();
    const after = source.tree(["100644", ".GIT", source.put("blob", Buffer.from("x"))]);
    expect(() => writeBack(source, folder, { before, after, now: before })).toThrow(UnsafeName);
    expect(readdirSync(folder)).toEqual([]);
  });
});

test("a folder that was deleted stays while something is in it that was not read", () => {
  const { source, folder, trees } = edited({ "a/b": "1", "a/c/d": "2" }, {});
  lay(folder, { "a/c/ignored": "mine" });
  expect(writeBack(source, folder, { ...trees, now: trees.before })).toEqual({ created: 0, changed: 0, deleted: 2 });
  expect(existsSync(join(folder, "a/b"))).toBe(false);
  expect(readdirSync(join(folder, "a/c"))).toEqual(["ignored"]);
});
