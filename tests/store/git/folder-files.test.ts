import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { importFolderInto } from "../../../src/importing.ts";
import { NoWorkTree } from "../../../src/store/git/repository.ts";
import { UnstorableFile } from "../../../src/store/git/work-tree.ts";
import { openStore } from "../../../src/store/store.ts";
import { decodeTree } from "../../../src/store/tree.ts";
import { git, repositoryWith, temporaryFolder } from "./git.ts";

const host = { variables: { PATH: process.env["PATH"] }, home: undefined };

/** Imports a folder into a store of its own. */
async function imported(folder: string) {
  const store = openStore(":memory:");
  const found = await importFolderInto(store, folder, host);
  const list = (tree: typeof found.oid, prefix = ""): string[] =>
    decodeTree(store.get(tree).body).flatMap(({ mode, name, oid }) =>
      mode === "40000" ? [`${prefix}${name}/`, ...list(oid, `${prefix}${name}/`)] : [`${mode} ${prefix}${name}`],
    );
  return { ...found, paths: list(found.oid) };
}

describe("a folder as it stands", () => {
  test("is in a work tree what `git add -A` would take", async () => {
    const folder = repositoryWith({ "a/tracked.txt": "1", "a/gone.txt": "2", ".gitignore": "*.log\n", "b.txt": "3" });
    writeFileSync(join(folder, "b.txt"), "edited");
    execFileSync("rm", [join(folder, "a/gone.txt")]);
    mkdirSync(join(folder, "new/deep"), { recursive: true });
    writeFileSync(join(folder, "new/deep/file.sh"), "x");
    chmodSync(join(folder, "new/deep/file.sh"), 0o755);
    writeFileSync(join(folder, "new/ignored.log"), "x");
    symlinkSync("nowhere", join(folder, "link"));
    const { oid, how, isComplete } = await imported(folder);
    git(folder, ["add", "-A"]);
    expect({ oid, how, isComplete }).toEqual({ oid: git(folder, ["write-tree"]), how: "work tree", isComplete: true });
  });

  test("below a work tree is the same tree's part, and one that git tracks nothing in has its files", async () => {
    const folder = repositoryWith({ "a/b/c.txt": "1" });
    mkdirSync(join(folder, "fresh"));
    writeFileSync(join(folder, "fresh/x"), "x");
    const below = await imported(join(folder, "a"));
    expect(below.oid).toBe(git(folder, ["rev-parse", "HEAD:a"]));
    expect(await imported(join(folder, "fresh"))).toMatchObject({ how: "work tree", paths: ["100644 x"] });
  });

  test("is all that is in it where git ignores it, or there is no repository", async () => {
    const folder = repositoryWith({ ".gitignore": "out/\n" });
    mkdirSync(join(folder, "out/empty"), { recursive: true });
    writeFileSync(join(folder, "out/x"), "x");
    expect(await imported(join(folder, "out"))).toMatchObject({ how: "whole", paths: ["empty/", "100644 x"] });
    const plain = temporaryFolder();
    writeFileSync(Buffer.concat([Buffer.from(`${plain}/`), Buffer.from([0x66, 0xff])]), "odd");
    symlinkSync("/etc", join(plain, "link"));
    expect((await imported(plain)).paths).toEqual(["100644 f\udcff", "120000 link"]);
  });

  test("of a repository in another one is left out of that one's", async () => {
    const folder = repositoryWith({ "a.txt": "1" });
    mkdirSync(join(folder, "inner"));
    git(join(folder, "inner"), ["init", "-q"]);
    writeFileSync(join(folder, "inner/x"), "x");
    expect((await imported(folder)).paths).toEqual(["100644 a.txt"]);
  });

  test("is without what no tree can hold, which is told, in a work tree, too, of which git knows nothing", async () => {
    const plain = temporaryFolder();
    mkdirSync(join(plain, "a"));
    writeFileSync(join(plain, "a/file"), "x");
    execFileSync("mkfifo", [join(plain, "a/pipe")]);
    expect(await imported(plain)).toMatchObject({ paths: ["a/", "100644 a/file"], unstorable: ["a/pipe"] });
    git(plain, ["init", "-q"]);
    expect(await imported(plain)).toMatchObject({ paths: ["a/", "100644 a/file"], unstorable: ["a/pipe"] });
    git(plain, ["add", "-A"]);
    expect((await imported(plain)).oid).toBe(git(plain, ["write-tree"]));
    // Where git tracks a file, a pipe is refused, as git refuses it.
    rmSync(join(plain, "a/file"));
    execFileSync("mkfifo", [join(plain, "a/file")]);
    await expect(imported(plain)).rejects.toThrow(UnstorableFile);
    await expect(imported(plain)).rejects.toThrow("a/file can't be stored");
  });

  test("tells of folders that git may not look into", async () => {
    const folder = repositoryWith({ "a.txt": "1" });
    writeFileSync(join(folder, "new"), "x");
    const bin = temporaryFolder();
    // Whoever may do everything is denied nothing, so git says here what it says to others.
    const words = "warning: could not open directory 'closed/': Permission denied";
    const real = execFileSync("sh", ["-c", "command -v git"], { encoding: "utf8" }).trim();
    writeFileSync(join(bin, "git"), `#!/bin/sh\necho "${words}" >&2\nexec ${real} "$@"\n`, { mode: 0o755 });
    const store = openStore(":memory:");
    const variables = { PATH: `${bin}:${process.env["PATH"]}` };
    const found = await importFolderInto(store, folder, { variables, home: undefined });
    expect(found).toMatchObject({ how: "work tree", unread: ["closed"] });
  });

  test("is not to be had from a bare repository", async () => {
    const folder = repositoryWith({ "a.txt": "1" });
    await expect(imported(join(folder, ".git"))).rejects.toThrow(NoWorkTree);
  });
});
