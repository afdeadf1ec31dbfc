import { chmodSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { emptyTree, hashObject } from "../../src/store/object.ts";
import type { Oid } from "../../src/store/oid.ts";
import { decodeTree, encodeTree, type TreeEntry } from "../../src/store/tree.ts";
import { treeChanges, type TreeChange } from "../../src/store/tree-changes.ts";
import { git, gitOid, opened, put, repositoryWith } from "./git/git.ts";

const letters = { A: "added", M: "modified", D: "deleted", T: "typechange" } as const;

/** What git says of two trees of a repository. */
function gitChanges(folder: string, before: Oid, after: Oid): TreeChange[] {
  const words = git(folder, ["diff-tree", "-r", "-z", "--no-renames", "--name-status", before, after]).split("\0");
  const changes: TreeChange[] = [];
  for (let at = 0; at + 1 < words.length; at += 2) {
    changes.push({ status: letters[words[at] as keyof typeof letters], path: words[at + 1] as string });
  }
  return changes;
}

function ownChanges(folder: string, before: Oid, after: Oid): TreeChange[] {
  const { objects } = opened(folder);
  return [...treeChanges(before, after, (tree) => decodeTree(objects.read(tree)?.body as Uint8Array))];
}

function written(folder: string): Oid {
  git(folder, ["add", "-A"]);
  return gitOid(folder, ["write-tree"]);
}

describe("the changes between two trees are git's, in git's order", () => {
  test("for edits, new and deleted files and folders, exec bits, and what changes its kind", () => {
    const folder = repositoryWith({
      "a/deep/er/f": "1",
      "a.txt": "a",
      "becomes-folder": "x",
      "becomes-folder.txt": "x",
      "becomes-link": "x",
      "folder-becomes-file/one": "1",
      "folder-becomes-file/two": "2",
      "gone/one": "1",
      same: "same",
      "sh.sh": "#!/bin/sh",
      é: "1",
    });
    const before = written(folder);
    put(folder, "a/deep/er/f", "2");
    put(folder, "a/new", "new");
    rmSync(join(folder, "becomes-folder"));
    put(folder, "becomes-folder/inner", "x");
    put(folder, "becomes-folder.txt", "y");
    rmSync(join(folder, "becomes-link"));
    symlinkSync("same", join(folder, "becomes-link"));
    rmSync(join(folder, "folder-becomes-file"), { recursive: true });
    put(folder, "folder-becomes-file", "now a file");
    rmSync(join(folder, "gone"), { recursive: true });
    chmodSync(join(folder, "sh.sh"), 0o755);
    put(folder, "é", "2");
    put(folder, "\u{1f332}/\uffee", "tree");
    const commit = gitOid(folder, ["rev-parse", "HEAD"]);
    git(folder, ["update-index", "--add", "--cacheinfo", `160000,${commit},module`]);
    git(folder, ["add", "--all", "--", ":!module"]);
    const after = gitOid(folder, ["write-tree"]);
    const changes = gitChanges(folder, before, after);
    expect(new Set(changes.map(({ status }) => status))).toEqual(new Set(Object.values(letters)));
    expect(ownChanges(folder, before, after)).toEqual(changes);
    expect(ownChanges(folder, after, before)).toEqual(gitChanges(folder, after, before));
    git(folder, ["mktree"]);
    expect(ownChanges(folder, emptyTree, after)).toEqual(gitChanges(folder, emptyTree, after));
    expect(ownChanges(folder, after, after)).toEqual([]);
  });

  test("for random trees", () => {
    const folder = repositoryWith({});
    const blobs = ["1", "2", "3"].map((text) => gitOid(folder, ["hash-object", "-w", "--stdin"], text));
    const name = fc.constantFrom("a", "a.b", "a0", "a-b", "ab", "b", "Z");
    const { node } = fc.letrec<{ node: unknown }>((tie) => ({
      node: fc.oneof(
        { maxDepth: 3, withCrossShrink: true },
        fc.tuple(fc.constantFrom("100644", "100755", "120000"), fc.constantFrom(...blobs)),
        fc.dictionary(name, tie("node"), { maxKeys: 4, noNullPrototype: true }),
      ),
    }));
    const write = (value: unknown): Oid => {
      const lines = Object.entries(value as Record<string, unknown>).map(([at, child]) =>
        Array.isArray(child)
          ? `${String(child[0])} blob ${String(child[1])}\t${at}`
          : `040000 tree ${write(child)}\t${at}`,
      );
      return gitOid(folder, ["mktree"], `${lines.join("\n")}${lines.length > 0 ? "\n" : ""}`);
    };
    const tree = fc.dictionary(name, node, { maxKeys: 5, noNullPrototype: true });
    fc.assert(
      fc.property(tree, tree, (left, right) => {
        const [before, after] = [write(left), write(right)];
        expect(ownChanges(folder, before, after)).toEqual(gitChanges(folder, before, after));
      }),
      { numRuns: 25 },
    );
  });
});

const blob = (text: string) => hashObject("blob", Buffer.from(text));

test("what did not change is not read, and depth is no limit", () => {
  const trees = new Map<Oid, readonly TreeEntry[]>();
  const read: Oid[] = [];
  const store = (entries: readonly TreeEntry[]): Oid => {
    const name = hashObject("tree", encodeTree(entries));
    trees.set(name, entries);
    return name;
  };
  const chain = (text: string, levels: number) => {
    let at = store([{ mode: "100644", name: "f", oid: blob(text) }]);
    for (let level = 0; level < levels; level++) at = store([{ mode: "40000", name: "d", oid: at }]);
    return at;
  };
  const same = chain("same", 3);
  const around = (text: string) =>
    store([
      { mode: "40000", name: "changed", oid: chain(text, 20_000) },
      { mode: "40000", name: "same", oid: same },
    ]);
  const changes = treeChanges(around("1"), around("2"), (tree) => {
    read.push(tree);
    return trees.get(tree) as readonly TreeEntry[];
  });
  expect([...changes]).toEqual([{ status: "modified", path: `changed/${"d/".repeat(20_000)}f` }]);
  expect(read).not.toContain(same);
});
