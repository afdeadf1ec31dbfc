import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { GitFailed } from "../../../src/store/git/git-process.ts";
import { MalformedIndex, parseIndex } from "../../../src/store/git/index-file.ts";
import { insideWorkTree, PathNotTracked, UnsupportedRepository } from "../../../src/store/git/repository.ts";
import { untrackedPaths } from "../../../src/store/git/untracked.ts";
import {
  DeletedPath,
  readWorkTree,
  UnmergedPath,
  UnstorableFile,
  type WorkTreeResult,
} from "../../../src/store/git/work-tree.ts";
import { decodeTree } from "../../../src/store/tree.ts";
import { emptyTree } from "../../../src/store/object.ts";
import { git, host, MapSink, numbersFrom, opened, put, repositoryWith, temporaryFolder } from "./git.ts";

function read(folder: string, path = "", sink = new MapSink()): WorkTreeResult {
  return readWorkTree(opened(folder), path, sink, host);
}

/** What `git add -u && git write-tree` gives, in a copy of the index so that the index under test stays. */
function treeByGit(folder: string, path = ""): string {
  const index = git(folder, ["rev-parse", "--absolute-git-dir"]) + "/index";
  const kept = readFileSync(index);
  const times = git(folder, ["rev-parse", "--absolute-git-dir"]) + "/kept";
  // `mv` keeps the time that the index's racy entries are judged by.
  renameSync(index, times);
  writeFileSync(index, kept);
  utimesSync(index, 1, 1);
  git(folder, ["add", "-u", "."]);
  const tree = git(folder, ["write-tree", ...(path === "" ? [] : [`--prefix=${path}/`])]);
  renameSync(times, index);
  return tree;
}

/** Everything reachable from the result is in the sink; the sink's checks prove the order. */
function expectSame(folder: string, path = ""): void {
  const sink = new MapSink();
  const result = read(folder, path, sink);
  expect(result.oid).toBe(treeByGit(folder, path));
  expect(sink.kindOf(result.oid)).toBe("tree");
  expect(result.objects).toBe(sink.objects.size);
}

const files = { "a.txt": "a", "d/b.txt": "b", "d/e/c.txt": "c", "d/e/empty": "", "z/y.txt": "y" };

describe("a work tree", () => {
  test("without edits is the commit's tree", () => {
    const folder = repositoryWith(files);
    expect(read(folder).oid).toBe(git(folder, ["rev-parse", "HEAD^{tree}"]));
    expect(read(folder, "d").oid).toBe(git(folder, ["rev-parse", "HEAD:d"]));
    expect(read(folder, "a.txt")).toMatchObject({ mode: "100644", oid: git(folder, ["rev-parse", "HEAD:a.txt"]) });
    expectSame(folder);
  });

  test("imports nothing that the sink has", () => {
    const folder = repositoryWith(files);
    const sink = new MapSink();
    read(folder, "", sink);
    expect(read(folder, "", sink)).toMatchObject({ objects: 0, bytes: 0 });
    put(folder, "d/b.txt", "edited");
    expect(read(folder, "", sink).objects).toBe(3);
  });

  const edits: Record<string, (folder: string) => void> = {
    "an edited file": (folder) => put(folder, "d/e/c.txt", "edited"),
    "a file of the same size edited at once": (folder) => put(folder, "a.txt", "b"),
    "a deleted file": (folder) => rmSync(join(folder, "a.txt")),
    "a deleted folder": (folder) => rmSync(join(folder, "d"), { recursive: true }),
    "everything deleted": (folder) => {
      for (const name of ["a.txt", "d", "z"]) rmSync(join(folder, name), { recursive: true });
    },
    "an exec bit": (folder) => chmodSync(join(folder, "a.txt"), 0o755),
    "a file that became a symlink": (folder) => {
      rmSync(join(folder, "a.txt"));
      symlinkSync("d/b.txt", join(folder, "a.txt"));
    },
    "a file that became a folder": (folder) => {
      rmSync(join(folder, "a.txt"));
      put(folder, "a.txt/inner", "x");
    },
    "a folder that became a file": (folder) => {
      rmSync(join(folder, "d"), { recursive: true });
      put(folder, "d", "x");
    },
    "a folder that became a symlink to a like one": (folder) => {
      renameSync(join(folder, "d"), join(folder, "moved"));
      symlinkSync("moved", join(folder, "d"));
    },
    "an untracked file": (folder) => put(folder, "d/new.txt", "new"),
    "a file that became a repository": (folder) => {
      rmSync(join(folder, "a.txt"));
      mkdirSync(join(folder, "a.txt"));
      git(join(folder, "a.txt"), ["init", "-q"]);
      git(join(folder, "a.txt"), ["commit", "-q", "--allow-empty", "-m", "x"]);
    },
    "a staged edit": (folder) => {
      put(folder, "d/b.txt", "staged");
      git(folder, ["add", "-A"]);
    },
    "a staged file that was edited again": (folder) => {
      put(folder, "d/n.txt", "staged");
      git(folder, ["add", "-A"]);
      put(folder, "d/n.txt", "edited");
    },
    "an intention to add": (folder) => {
      put(folder, "d/n.txt", "meant");
      git(folder, ["add", "-N", "d/n.txt"]);
    },
    "an intention to add an empty file": (folder) => {
      put(folder, "d/n.txt", "");
      git(folder, ["add", "-N", "d/n.txt"]);
    },
    "an intention to add that was given up": (folder) => {
      put(folder, "d/n.txt", "meant");
      git(folder, ["add", "-N", "d/n.txt"]);
      rmSync(join(folder, "d/n.txt"));
    },
    "a file that need not be looked at": (folder) => {
      git(folder, ["update-index", "--assume-unchanged", "a.txt"]);
      put(folder, "a.txt", "unseen");
    },
    "a file that is not in the work tree": (folder) => {
      git(folder, ["update-index", "--skip-worktree", "d/e/c.txt"]);
      rmSync(join(folder, "d/e/c.txt"));
    },
    "exec bits that don't count": (folder) => {
      git(folder, ["config", "core.fileMode", "false"]);
      chmodSync(join(folder, "a.txt"), 0o755);
      put(folder, "a.txt", "edited");
    },
    "symlinks that are files": (folder) => {
      symlinkSync("x", join(folder, "link"));
      git(folder, ["add", "-A"]);
      git(folder, ["config", "core.symlinks", "false"]);
      rmSync(join(folder, "link"));
      put(folder, "link", "elsewhere");
    },
    "a name that is not UTF-8": (folder) => {
      const name = Buffer.concat([Buffer.from(`${folder}/d/`), Buffer.from([0x66, 0xff, 0xfe])]);
      writeFileSync(name, "1");
      git(folder, ["add", "-A"]);
      writeFileSync(name, "edited");
    },
    "names that sort oddly": (folder) => {
      for (const name of ["d.txt", "d-x/f", "d0", "d/e.txt", "d/e-x", "\u{1f600}", "\uff5e", "é"])
        put(folder, name, name);
      git(folder, ["add", "-A"]);
      put(folder, "d/e-x", "edited");
    },
  };
  for (const version of [2, 4]) {
    for (const [what, edit] of Object.entries(edits)) {
      test(`with ${what} is what git would write (index version ${version})`, () => {
        const folder = repositoryWith(files);
        git(folder, ["update-index", "--index-version", String(version)]);
        edit(folder);
        expectSame(folder);
      });
    }
  }

  for (const attributes of ["", "* text=auto\n"]) {
    for (const seed of [1, 2, 3, 4]) {
      test(`after random edits is what git would write (${attributes === "" ? "plain" : "converted"}, seed ${seed})`, () => {
        const next = numbersFrom(seed);
        const folder = repositoryWith({ ...files, ...(attributes === "" ? {} : { ".gitattributes": attributes }) });
        for (let round = 0; round < 8; round++) {
          for (let i = 0; i < 1 + next(5); i++) editAtRandom(folder, next);
          if (next(3) === 0) git(folder, ["add", "-A"]);
          if (next(4) === 0) git(folder, ["update-index", "--index-version", ["2", "3", "4"][next(3)] as string]);
          if (next(4) === 0) git(folder, ["commit", "-q", "--allow-empty", "-m", "x"]);
          expectSame(folder);
        }
      });
    }
  }

  test("has folders with edits that are what git would write for them alone", () => {
    const folder = repositoryWith({ ...files, "d.txt": "beside", "d/e.txt": "beside" });
    put(folder, "d/e/c.txt", "edited");
    rmSync(join(folder, "d/e.txt"));
    put(folder, "z/y.txt", "edited elsewhere");
    for (const path of ["d", "d/e", "z"]) expectSame(folder, path);
    expect(read(folder, "d/e/c.txt").oid).toBe(git(folder, ["hash-object", "d/e/c.txt"]));
  });

  test("that is nothing but deletions is the empty tree", () => {
    const folder = repositoryWith({ "a/b.txt": "1" });
    rmSync(join(folder, "a"), { recursive: true });
    const sink = new MapSink();
    expect(read(folder, "", sink).oid).toBe(emptyTree);
    expect(sink.kindOf(emptyTree)).toBe("tree");
    expect(() => read(folder, "a")).toThrow(DeletedPath);
    expect(() => read(folder, "a/b.txt")).toThrow(DeletedPath);
  });

  test("of a repository without a commit or an index is the empty tree", () => {
    const folder = temporaryFolder();
    git(folder, ["init", "-q"]);
    expect(read(folder).oid).toBe(emptyTree);
  });

  test("refuses a path that is not tracked", () => {
    const folder = repositoryWith(files);
    put(folder, "new/untracked.txt", "x");
    for (const path of ["new", "new/untracked.txt", "nope", "a", "a.txt/b"]) {
      expect(() => read(folder, path), path).toThrow(PathNotTracked);
    }
    expect(() => read(folder, "new")).toThrow("new: git tracks nothing there");
  });

  test("leaves the user's repository as it was", () => {
    const folder = repositoryWith({ ...files, ".gitattributes": "* text=auto\n" });
    put(folder, "a.txt", "edited\r\n");
    const before = readFileSync(join(folder, ".git/index"));
    const objects = git(folder, ["count-objects", "-v"]);
    read(folder);
    expect(readFileSync(join(folder, ".git/index")).equals(before)).toBe(true);
    expect(git(folder, ["count-objects", "-v"])).toBe(objects);
    expect(existsSync(join(folder, ".git/index.lock"))).toBe(false);
  });

  test("names a path in conflict", () => {
    const folder = repositoryWith(files);
    git(folder, ["checkout", "-q", "-b", "other"]);
    put(folder, "d/b.txt", "theirs");
    git(folder, ["commit", "-qam", "x"]);
    git(folder, ["checkout", "-q", "main"]);
    put(folder, "d/b.txt", "ours");
    git(folder, ["commit", "-qam", "x"]);
    expect(() => git(folder, ["merge", "-q", "other"])).toThrow();
    expect(() => read(folder)).toThrow(UnmergedPath);
    expect(() => read(folder)).toThrow("d/b.txt has a merge conflict that is not resolved");
    expect(read(folder, "z").oid).toBe(git(folder, ["rev-parse", "HEAD:z"]));
  });

  test("names what is neither file nor symlink nor folder", () => {
    const folder = repositoryWith(files);
    rmSync(join(folder, "a.txt"));
    git(folder, ["-c", "alias.fifo=!mkfifo a.txt", "fifo"]);
    expect(() => read(folder)).toThrow(UnstorableFile);
  });

  test("in a linked work tree is that work tree's", () => {
    const folder = repositoryWith(files);
    const linked = join(temporaryFolder(), "linked");
    git(folder, ["worktree", "add", "-q", "-b", "linked", linked]);
    put(linked, "a.txt", "linked");
    expectSame(linked);
    expect(read(folder).oid).toBe(git(folder, ["rev-parse", "HEAD^{tree}"]));
  });

  test("has a submodule's checked-out commit, and the index's where none is checked out", () => {
    const inner = repositoryWith({ "i.txt": "1" });
    const folder = repositoryWith(files);
    git(folder, ["submodule", "--quiet", "add", inner, "sub"]);
    git(folder, ["commit", "-qm", "sub"]);
    put(folder, "sub/i.txt", "2");
    git(join(folder, "sub"), ["commit", "-qam", "moved on"]);
    expectSame(folder);
    expect(read(folder).submodules).toEqual(["sub"]);
    expect(read(folder, "d").submodules).toEqual([]);
    expect(read(folder, "sub")).toMatchObject({
      mode: "160000",
      oid: git(join(folder, "sub"), ["rev-parse", "HEAD"]),
      submodules: [],
    });
    const submodule = opened(join(folder, "sub"));
    expect(insideWorkTree(submodule, join(folder, "sub"))).toBe("");
    expect(readWorkTree(submodule, "", new MapSink(), host).oid).toBe(
      git(join(folder, "sub"), ["rev-parse", "HEAD^{tree}"]),
    );
    git(folder, ["submodule", "--quiet", "deinit", "-f", "sub"]);
    expectSame(folder);
    rmSync(join(folder, "sub"), { recursive: true });
    expectSame(folder);
  });
});

function editAtRandom(folder: string, next: (bound: number) => number): void {
  const names = ["a.txt", "d/b.txt", "d/e/c.txt", "d/e/empty", "z/y.txt", "z/new", "q/r/s"];
  const name = names[next(names.length)] as string;
  const file = join(folder, name);
  switch (next(6)) {
    case 0:
      rmSync(file, { force: true, recursive: true });
      break;
    case 1:
      rmSync(file, { force: true, recursive: true });
      put(folder, name, "");
      chmodSync(file, 0o755);
      break;
    case 2:
      rmSync(file, { force: true, recursive: true });
      put(folder, name, "");
      rmSync(file);
      symlinkSync(["x", "d", "."][next(3)] as string, file);
      break;
    default:
      rmSync(file, { force: true, recursive: true });
      put(folder, name, ["same\r\n", "size\r\n", "other\n", `${next(10)}\r\nmixed\n`, "\0bin\r\n"][next(5)] as string);
  }
}

describe("a racy file", () => {
  test("changed in the second in which the index was written is read", () => {
    const folder = repositoryWith({ "a.txt": "one" });
    const index = join(folder, ".git/index");
    const then = 1_500_000_000;
    utimesSync(join(folder, "a.txt"), then, then);
    git(folder, ["update-index", "--refresh"]);
    utimesSync(index, then, then);
    writeFileSync(join(folder, "a.txt"), "two");
    utimesSync(join(folder, "a.txt"), then, then);
    git(folder, ["config", "core.trustctime", "false"]);
    expect(read(folder, "a.txt").oid).toBe(git(folder, ["hash-object", "a.txt"]));
    utimesSync(index, then + 5, then + 5);
    expect(read(folder, "a.txt").oid).toBe(git(folder, ["rev-parse", "HEAD:a.txt"]));
    git(folder, ["config", "core.trustctime", "true"]);
    expect(read(folder, "a.txt").oid).toBe(git(folder, ["hash-object", "a.txt"]));
  });
});

describe("a file that git converts", () => {
  const crlf = "one\r\ntwo\r\n";
  const conversions: Record<string, (folder: string) => void> = {
    "core.autocrlf": (folder) => git(folder, ["config", "core.autocrlf", "true"]),
    "core.autocrlf=input": (folder) => git(folder, ["config", "core.autocrlf", "input"]),
    "text=auto": (folder) => put(folder, ".gitattributes", "* text=auto\n"),
    "text in a folder's own attributes": (folder) => put(folder, "d/.gitattributes", "*.txt text\n"),
    "attributes in the index alone": (folder) => {
      put(folder, "d/.gitattributes", "*.txt text\n");
      git(folder, ["add", "d/.gitattributes"]);
      rmSync(join(folder, "d/.gitattributes"));
    },
    "attributes that are deleted": (folder) => {
      put(folder, ".gitattributes", "*.txt text\n");
      git(folder, ["add", ".gitattributes"]);
      rmSync(join(folder, ".gitattributes"));
    },
    "info/attributes": (folder) => put(folder, ".git/info/attributes", "*.txt eol=lf\n"),
    "core.attributesFile": (folder) => {
      put(folder, ".git/more", "*.txt crlf\n");
      git(folder, ["config", "core.attributesFile", join(folder, ".git/more")]);
    },
    "a macro": (folder) => put(folder, ".gitattributes", "[attr]mine text\n*.txt mine\n"),
    ident: (folder) => put(folder, ".gitattributes", "*.txt ident\n"),
    "a clean filter": (folder) => {
      put(folder, ".gitattributes", "*.txt filter=up\n");
      git(folder, ["config", "filter.up.clean", "tr a-z A-Z"]);
    },
    "an included file": (folder) => {
      put(folder, ".git/more", "[core]\nautocrlf = true\n");
      git(folder, ["config", "include.path", "more"]);
    },
    "a conditionally included file": (folder) => {
      put(folder, ".git/more", "[core]\nautocrlf = true\n");
      git(folder, ["config", "includeIf.gitdir:/**.path", "more"]);
    },
  };
  for (const [what, set] of Object.entries(conversions)) {
    test(`by ${what} enters as git stores it`, () => {
      const folder = repositoryWith({ "d/b.txt": "old", "c.txt": "old" });
      set(folder);
      put(folder, "d/b.txt", `${crlf}$Id: x$\n`);
      put(folder, "c.txt", crlf);
      expectSame(folder);
    });
  }

  test("keeps its CRLF when it was committed with it under text=auto", () => {
    const folder = repositoryWith({ "a.txt": crlf });
    put(folder, ".gitattributes", "* text=auto\n");
    put(folder, "a.txt", `${crlf}three\r\n`);
    expectSame(folder);
    expect(read(folder, "a.txt").oid).toBe(git(folder, ["hash-object", "--no-filters", "a.txt"]));
  });

  test("has any name", () => {
    const folder = repositoryWith({ "a\nb": "1", ' "q': "1" });
    git(folder, ["config", "core.autocrlf", "true"]);
    put(folder, "a\nb", crlf);
    put(folder, ' "q', crlf);
    expectSame(folder);
  });

  test("is told from the user's own settings", () => {
    const folder = repositoryWith({ "a.txt": "1" });
    put(folder, "a.txt", crlf);
    const home = temporaryFolder();
    const variables: Record<string, string> = { ...host.variables, HOME: home };
    delete variables["GIT_CONFIG_GLOBAL"];
    const readAtHome = (): string => readWorkTree(opened(folder), "a.txt", new MapSink(), { variables, home }).oid;
    const plain = git(folder, ["hash-object", "--no-filters", "a.txt"]);
    expect(readAtHome()).toBe(plain);
    put(home, ".gitconfig", "[core]\nautocrlf = input\n");
    expect(readAtHome()).not.toBe(plain);
    rmSync(join(home, ".gitconfig"));
    put(home, ".config/git/attributes", "* text\n");
    expect(readAtHome()).not.toBe(plain);
  });

  test("is refused by name when there is no git to ask, and only then", () => {
    const folder = repositoryWith({ "a.txt": "1", "b.txt": "2" });
    const lonely = { variables: { ...host.variables, PATH: "/nonexistent" }, home: undefined };
    const readAlone = (): WorkTreeResult => readWorkTree(opened(folder), "", new MapSink(), lonely);
    utimesSync(join(folder, "a.txt"), 1_500_000_000, 1_500_000_000);
    git(folder, ["update-index", "--refresh"]);
    put(folder, "b.txt", crlf);
    expect(readAlone().mode).toBe("40000");
    git(folder, ["config", "core.autocrlf", "true"]);
    expect(readAlone).toThrow(UnstorableFile);
    expect(readAlone).toThrow("b.txt can't be stored: git might convert it, and there is no git here to ask");
  });

  test("is refused when its filter fails", () => {
    const folder = repositoryWith({ "a.txt": "1" });
    put(folder, ".gitattributes", "*.txt filter=bad\n");
    git(folder, ["config", "filter.bad.clean", "false"]);
    git(folder, ["config", "filter.bad.required", "true"]);
    put(folder, "a.txt", "2");
    expect(() => read(folder)).toThrow(GitFailed);
  });

  test("starts no hook", () => {
    const folder = repositoryWith({ "a.txt": "1" });
    git(folder, ["config", "core.autocrlf", "true"]);
    put(folder, ".git/hooks/post-index-change", "#!/bin/sh\ntouch hooked\n");
    chmodSync(join(folder, ".git/hooks/post-index-change"), 0o755);
    put(folder, "a.txt", crlf);
    expectSame(folder);
    rmSync(join(folder, "hooked"), { force: true });
    read(folder);
    expect(existsSync(join(folder, "hooked"))).toBe(false);
  });
});

describe("untracked files", () => {
  test("are told without the ignored ones, folders as one", async () => {
    const folder = repositoryWith({ "a.txt": "1", ".gitignore": "*.o\n", "d/b.txt": "1" });
    put(folder, "x.o", "");
    put(folder, "new.txt", "");
    put(folder, "d/n/1", "");
    put(folder, "d/n/2", "");
    expect(await untrackedPaths(opened(folder), "", host)).toEqual(["d/n/", "new.txt"]);
    expect(await untrackedPaths(opened(folder), "d", host)).toEqual(["d/n/"]);
  });

  test.skipIf(process.platform === "win32")(
    "are told with the pipes that are not ignored, which git passes by",
    async () => {
      const folder = repositoryWith({ "a.txt": "1", ".gitignore": "*.o\nignored\n", "d/b.txt": "1" });
      for (const inside of ["new/deep", "ignored/deep", "empty", "other"])
        mkdirSync(join(folder, inside), { recursive: true });
      put(folder, "new/x", "");
      put(folder, "ignored/x", "");
      git(folder, ["init", "--quiet", "other"]);
      const pipes = ["top", "top.o", "d/p", "new/p", "new/deep/p", "new/deep/p.o", "ignored/p", "empty/p", "other/p"];
      spawnSync("mkfifo", pipes, { cwd: folder });
      expect(await untrackedPaths(opened(folder), "", host, "files")).toEqual([
        "new/x",
        "other/",
        "d/p",
        "empty/p",
        "new/deep/p",
        "new/p",
        "top",
      ]);
      expect(await untrackedPaths(opened(folder), "", host)).toEqual(["empty/", "new/", "other/", "d/p", "top"]);
      expect(await untrackedPaths(opened(folder), "new", host, "files")).toEqual(["new/x", "new/deep/p", "new/p"]);
      expect(await untrackedPaths(opened(folder), "d", host)).toEqual(["d/p"]);
    },
  );

  const gitless = { ...host, variables: { PATH: "/nonexistent" } };

  test("are none, and no git is asked, where all that is there is tracked", async () => {
    const folder = repositoryWith({ ...files, "d/n/1": "" });
    const asked = (path: string) => untrackedPaths(opened(folder), path, gitless);
    for (const path of ["", "d", "d/n"]) expect(await asked(path), path).toEqual([]);
    rmSync(join(folder, "d/n"), { recursive: true });
    expect(await asked("")).toEqual([]);
  });

  test.each<[string, (folder: string) => void]>([
    ["a file", (folder) => put(folder, "d/n/2", "")],
    ["an empty folder", (folder) => mkdirSync(join(folder, "d/n/e"))],
    ["an ignored file", (folder) => put(folder, "ignored", "")],
    [
      "a file where a folder was",
      (folder) => (rmSync(join(folder, "d/n"), { recursive: true }), put(folder, "d/n", "")),
    ],
    ["a folder where a file was", (folder) => (rmSync(join(folder, "d/n/1")), put(folder, "d/n/1/2", ""))],
    [
      "a symlink where a folder was",
      (folder) => (rmSync(join(folder, "d/n"), { recursive: true }), symlinkSync("..", join(folder, "d/n"))),
    ],
    ["another repository", (folder) => git(folder, ["init", "d/n"])],
    ["a name that is not UTF-8", (folder) => writeFileSync(Buffer.from(`${folder}/d/\xff`, "latin1"), "")],
  ])("are git's to say where there is %s", async (_, change) => {
    const folder = repositoryWith({ ...files, "d/n/1": "", ".gitignore": "ignored\n" });
    change(folder);
    expect(await untrackedPaths(opened(folder), "", gitless)).toBeUndefined();
    const said = git(folder, [
      "-c",
      "core.quotePath=false",
      "ls-files",
      "--others",
      "--exclude-standard",
      "--directory",
    ]);
    expect((await untrackedPaths(opened(folder), "", host))?.length).toBe(said === "" ? 0 : said.split("\n").length);
  });
});

describe("an index", () => {
  test("that is split is refused with the command that joins it", () => {
    const folder = repositoryWith(files);
    git(folder, ["update-index", "--split-index"]);
    expect(() => read(folder)).toThrow(UnsupportedRepository);
    expect(() => read(folder)).toThrow("git update-index --no-split-index");
    git(folder, ["update-index", "--no-split-index"]);
    expectSame(folder);
  });

  test("that is sparse is refused with the command that fills it", () => {
    const folder = repositoryWith(files);
    git(folder, ["sparse-checkout", "set", "--cone", "--sparse-index", "z"]);
    expect(() => read(folder)).toThrow(UnsupportedRepository);
    expect(() => read(folder)).toThrow("git sparse-checkout reapply --no-sparse-index");
    git(folder, ["sparse-checkout", "reapply", "--no-sparse-index"]);
    expect(read(folder).oid).toBe(git(folder, ["rev-parse", "HEAD^{tree}"]));
  });

  test("without a checksum is read, with a wrong one refused", () => {
    const folder = repositoryWith(files);
    const bytes = readFileSync(join(folder, ".git/index"));
    const unsummed = Buffer.concat([bytes.subarray(0, -20), Buffer.alloc(20)]);
    expect(parseIndex(unsummed, "index", 0).entries.map(({ path }) => path)).toEqual(Object.keys(files));
    bytes[bytes.length - 1] = 0xff - (bytes.at(-1) ?? 0);
    expect(() => parseIndex(bytes, "index", 0)).toThrow(MalformedIndex);
  });

  test("that is damaged anywhere is read or refused, and never leads out of the work tree", () => {
    const next = numbersFrom(11);
    const folder = repositoryWith(files);
    for (const version of ["2", "4"]) {
      git(folder, ["update-index", "--index-version", version]);
      const whole = readFileSync(join(folder, ".git/index"));
      for (let round = 0; round < 2000; round++) {
        const length = next(3) === 0 ? next(whole.length) : whole.length;
        const bytes = Buffer.from(whole.subarray(0, length));
        for (let i = 0; i < 3; i++) if (length > 40) bytes[next(length)] = next(256);
        bytes.fill(0, Math.max(0, length - 20));
        try {
          for (const { path } of parseIndex(bytes, "index", 0).entries) {
            expect(path.split("/").some((part) => part === ".." || part === "" || part === ".git")).toBe(false);
          }
        } catch (error) {
          expect(error instanceof MalformedIndex || error instanceof UnsupportedRepository).toBe(true);
        }
      }
    }
  });

  test("whose paths lead out of the work tree is refused", () => {
    for (const name of ["../x", "a/../b", ".git/config", "a/.GIT/b", "/abs", "a//b"]) {
      const entry = Buffer.alloc(62 + name.length + 1);
      entry.writeUInt32BE(0o100644, 24);
      entry.writeUInt16BE(name.length, 60);
      entry.write(name, 62);
      const padded = Buffer.concat([entry, Buffer.alloc((8 - (entry.length % 8)) % 8)]);
      const head = Buffer.from("444952430000000200000001", "hex");
      expect(() => parseIndex(Buffer.concat([head, padded, Buffer.alloc(20)]), "index", 0)).toThrow(MalformedIndex);
    }
  });

  test("with cached trees that lie about their size gives the right tree", () => {
    const folder = repositoryWith(files);
    git(folder, ["update-index", "--refresh"]);
    const file = join(folder, ".git/index");
    const bytes = readFileSync(file);
    const at = bytes.indexOf("TREE") + 8;
    const text = bytes.toString("latin1", at);
    const forged = Buffer.from(text.replace("\u00005 2\n", "\u00004 2\n"), "latin1");
    expect(forged.equals(bytes.subarray(at))).toBe(false);
    forged.copy(bytes, at);
    bytes.fill(0, bytes.length - 20);
    writeFileSync(file, bytes);
    expect(read(folder).oid).toBe(git(folder, ["rev-parse", "HEAD^{tree}"]));
  });
});

test("objects that were pruned from a tree are rebuilt from the index", () => {
  const folder = repositoryWith(files);
  put(folder, "d/b.txt", "staged");
  git(folder, ["add", "-A"]);
  const tree = git(folder, ["write-tree"]);
  rmSync(join(folder, ".git/objects", tree.slice(0, 2), tree.slice(2)), { force: true });
  const sink = new MapSink();
  expect(read(folder, "", sink).oid).toBe(tree);
  expect(decodeTree(sink.get(read(folder).oid).body).map(({ name }) => name)).toEqual(["a.txt", "d", "z"]);
});
