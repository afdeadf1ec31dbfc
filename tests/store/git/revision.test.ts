import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { MalformedConfig, parseConfig } from "../../../src/store/git/config.ts";
import {
  insideWorkTree,
  NotARepository,
  openRepository,
  PathNotTracked,
  UnsupportedRepository,
} from "../../../src/store/git/repository.ts";
import { AmbiguousRevision, resolveRevision, resolveTree, UnknownRevision } from "../../../src/store/git/revision.ts";
import { git, opened, put, repositoryWith, temporaryFolder } from "./git.ts";

function history(): string {
  const folder = repositoryWith({ "a/b.txt": "1", run: "2" });
  git(folder, ["checkout", "-q", "-b", "side/one"]);
  put(folder, "side.txt", "s");
  git(folder, ["add", "-A"]);
  git(folder, ["commit", "-q", "-m", "side"]);
  git(folder, ["checkout", "-q", "main"]);
  git(folder, ["merge", "-q", "--no-ff", "-m", "merge", "side/one"]);
  git(folder, ["tag", "light"]);
  git(folder, ["tag", "-a", "-m", "t", "v1"]);
  git(folder, ["tag", "-a", "-m", "t", "v2", "v1"]);
  git(folder, ["tag", "-a", "-m", "t", "blob", "HEAD:run"]);
  git(folder, ["update-ref", "refs/remotes/origin/main", "HEAD"]);
  git(folder, ["symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main"]);
  return folder;
}

describe("revisions", () => {
  const revisions =
    "HEAD @ main side/one light v1 v2 origin origin/main refs/heads/main heads/main tags/v1 HEAD~ HEAD^ HEAD^2 HEAD~1 " +
    "HEAD^0 v2^{} v2^{commit} v2^{tree} v2~1^{tree} HEAD^2~1 v1^{tag} blob^{blob} HEAD^{object}";

  for (const packed of [false, true]) {
    test(`name what git says they name, refs being ${packed ? "packed" : "loose"}`, () => {
      const folder = history();
      if (packed) git(folder, ["pack-refs", "--all"]);
      const repository = opened(folder);
      const asked = [
        ...revisions.split(" "),
        git(folder, ["rev-parse", "HEAD"]),
        git(folder, ["rev-parse", "--short=7", "HEAD"]),
      ];
      for (const rev of asked) {
        expect([rev, resolveRevision(repository, rev).oid]).toEqual([rev, git(folder, ["rev-parse", rev])]);
      }
    });
  }

  test("with a path name an entry with its mode", () => {
    const folder = history();
    const repository = opened(folder);
    for (const spec of ["HEAD:a/b.txt", "v2:a", "main:", "HEAD~:a/"]) {
      expect([spec, resolveTree(repository, spec).oid]).toEqual([spec, git(folder, ["rev-parse", spec])]);
    }
    expect(resolveTree(repository, "HEAD:run").mode).toBe("100644");
    expect(resolveTree(repository, "blob").mode).toBe("100644");
    expect(resolveTree(repository, "v2")).toEqual({ mode: "40000", oid: git(folder, ["rev-parse", "HEAD^{tree}"]) });
    expect(() => resolveTree(repository, "HEAD:nope")).toThrow(PathNotTracked);
    expect(() => resolveTree(repository, "HEAD:run/deeper")).toThrow(PathNotTracked);
  });

  test("that name nothing are refused in one sentence", () => {
    const repository = opened(history());
    const bad = ["nope", "", "HEAD^3", "HEAD~9", "HEAD^{blob}", "HEAD^{", "main@{1}", ":a", "^HEAD", "../../config"];
    bad.push("0123456789012345678901234567890123456789", "refs/../config", "HEAD^{/text}", "abcd", "config");
    for (const rev of bad) expect(() => resolveTree(repository, rev), rev).toThrow(UnknownRevision);
    expect(() => resolveTree(repository, "nope")).toThrow(
      "the revision nope is unknown: no branch, tag or object has that name",
    );
  });

  test("of a repository without commits say so", () => {
    const folder = temporaryFolder();
    git(folder, ["init", "-q"]);
    expect(() => resolveRevision(opened(folder), "HEAD")).toThrow("there is no commit yet");
  });

  test("that several objects share are refused with the candidates", () => {
    const folder = repositoryWith({});
    const names: string[] = [];
    for (let i = 0; i < 3000; i++) names.push(String(i));
    put(folder, "n", "");
    for (const name of names) writeFileSync(join(folder, "n", "..", `f${name}`), name);
    git(folder, ["add", "-A"]);
    const listed = git(folder, ["cat-file", "--batch-check=%(objectname)", "--batch-all-objects"]).split("\n");
    const shared = listed.find((name, at) => listed[at + 1]?.slice(0, 4) === name.slice(0, 4)) as string;
    expect(() => resolveRevision(opened(folder), shared.slice(0, 4))).toThrow(AmbiguousRevision);
  });

  test("follow symbolic refs that loop to an end", () => {
    const folder = repositoryWith({});
    writeFileSync(join(folder, ".git/refs/heads/loop"), "ref: refs/heads/loop\n");
    expect(() => resolveRevision(opened(folder), "loop")).toThrow(UnknownRevision);
  });
});

describe("opening a repository", () => {
  test("works from any path in it, there or not", () => {
    const folder = repositoryWith({ "a/b/c.txt": "1" });
    for (const inside of ["", "a", "a/b/c.txt", "gone/for/good"]) {
      const repository = opened(join(folder, inside));
      expect(repository.workTree).toBe(folder);
      expect(insideWorkTree(repository, join(folder, inside))).toBe(inside);
    }
    expect(() => insideWorkTree(opened(folder), temporaryFolder())).toThrow(PathNotTracked);
  });

  test("works through a symlink from outside", () => {
    const folder = repositoryWith({ "a/b.txt": "1" });
    const link = join(temporaryFolder(), "link");
    symlinkSync(join(folder, "a"), link);
    expect(insideWorkTree(opened(link), link)).toBe("a");
  });

  test("works for bare repositories and linked work trees", () => {
    const folder = repositoryWith({ "a.txt": "1" });
    const bare = join(temporaryFolder(), "bare.git");
    git(folder, ["clone", "-q", "--bare", folder, bare]);
    expect(opened(bare).workTree).toBeUndefined();
    expect(resolveRevision(opened(bare), "main").oid).toBe(git(folder, ["rev-parse", "main"]));
    const linked = join(temporaryFolder(), "linked");
    for (const main of [folder, bare]) {
      git(main, ["worktree", "add", "-q", "-b", `branch`, linked]);
      put(linked, "b.txt", "2");
      git(linked, ["add", "-A"]);
      git(linked, ["commit", "-q", "-m", "linked"]);
      const repository = opened(join(linked, "b.txt"));
      expect(repository.workTree).toBe(linked);
      expect(resolveRevision(repository, "HEAD").oid).toBe(git(linked, ["rev-parse", "HEAD"]));
      expect(resolveRevision(repository, "main").oid).toBe(git(main, ["rev-parse", "main"]));
      git(main, ["worktree", "remove", "--force", linked]);
    }
  });

  test("is refused outside of any", () => {
    const folder = temporaryFolder();
    expect(() => openRepository(folder)).toThrow(NotARepository);
    expect(() => openRepository(join(folder, "x"))).toThrow(`${folder}/x is in no git repository`);
    mkdirSync(join(folder, ".git"));
    expect(() => openRepository(folder)).toThrow(NotARepository);
  });

  const unsupported: Record<string, readonly string[]> = {
    "extensions.objectFormat=sha256": ["extensions.objectFormat", "sha256"],
    "extensions.refStorage=reftable": ["extensions.refStorage", "reftable"],
    "an extension from the future": ["extensions.fromTheFuture", "true"],
  };
  for (const [what, [key, value]] of Object.entries(unsupported)) {
    test(`is refused with ${what}`, () => {
      const folder = repositoryWith({});
      git(folder, ["config", "core.repositoryFormatVersion", "1"]);
      git(folder, ["config", key as string, value as string]);
      expect(() => openRepository(folder)).toThrow(UnsupportedRepository);
    });
  }

  test("is refused when .git is a file that points nowhere", () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, ".git"), "gitdir: ../gone\n");
    expect(() => openRepository(folder)).toThrow(UnsupportedRepository);
    writeFileSync(join(folder, ".git"), "nonsense");
    expect(() => openRepository(folder)).toThrow(UnsupportedRepository);
  });
});

describe("configuration", () => {
  test("is read as git reads it", () => {
    const folder = repositoryWith({});
    const text = `[core]\n\tbare = false ; no\n[A "Some \\"Sub\\""] key = "x ; y" z # c\n  on\n[b.SUB]\nlong = a \\\n  b\nesc = \\t\\"q\\"\nempty =\n`;
    writeFileSync(join(folder, "config"), text);
    const listed = git(folder, ["config", "-f", "config", "--list", "-z"]);
    const theirs = listed.split("\0").filter((line) => line !== "");
    const ours = parseConfig(text, "config").map(({ key, value }) => (value === undefined ? key : `${key}\n${value}`));
    expect(ours).toEqual(theirs);
  });

  test("that is malformed is refused by its line", () => {
    for (const text of ["\nkey = 1", '\n[a]\nb = "x', "\n[a\n", "[a]\nb = \\q", "[a]\n1 = 2"]) {
      expect(() => parseConfig(text, "f"), text).toThrow(MalformedConfig);
    }
  });
});
