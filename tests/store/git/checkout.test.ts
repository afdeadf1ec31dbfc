import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { checkoutTree, FolderInUse, UnsafeName } from "../../../src/store/git/checkout.ts";
import { importTree } from "../../../src/store/git/import-tree.ts";
import { resolveTree } from "../../../src/store/git/revision.ts";
import { decodeName, encodeTree, MalformedTree, type Mode } from "../../../src/store/tree.ts";
import { emptyTree, hashObject } from "../../../src/store/object.ts";
import { oid, type Oid } from "../../../src/store/oid.ts";
import { git, MapSink, opened, repositoryWith, temporaryFolder } from "./git.ts";

class Source extends MapSink {
  add(kind: "blob" | "tree", body: Uint8Array): Oid {
    const name = hashObject(kind, body);
    if (this.kindOf(name) === undefined) this.putChecked(name, kind, body);
    return name;
  }

  tree(...entries: readonly (readonly [Mode, string, Oid])[]): Oid {
    return this.add("tree", encodeTree(entries.map(([mode, name, at]) => ({ mode, name, oid: at }))));
  }
}

/** A tree's row for the name `a`. */
function row(mode: string, name: Oid): Buffer {
  return Buffer.concat([Buffer.from(`${mode} a\0`), Buffer.from(name, "hex")]);
}

function emptyFolder(): string {
  return join(temporaryFolder(), "out");
}

describe("a checkout", () => {
  test("gives back what git would store as the same tree", () => {
    const folder = repositoryWith({ "a/b/c.txt": "1", "a/x": "", "z.sh": "#!/bin/sh\n" });
    git(folder, ["update-index", "--chmod=+x", "z.sh"]);
    symlinkSync("../nowhere", join(folder, "a/link"));
    writeFileSync(Buffer.concat([Buffer.from(`${folder}/a/`), Buffer.from([0x66, 0xff])]), "odd");
    git(folder, ["add", "a"]);
    git(folder, ["commit", "-qm", "x"]);
    const repository = opened(folder);
    const { oid: tree } = resolveTree(repository, "HEAD");
    const source = new Source();
    importTree(repository.objects, tree, source);
    const out = emptyFolder();
    expect(checkoutTree(source, tree, out)).toEqual({ files: 5, folders: 2 });
    git(out, ["init", "-q"]);
    git(out, ["add", "-A"]);
    expect(git(out, ["write-tree"])).toBe(tree);
    expect(readlinkSync(join(out, "a/link"))).toBe("../nowhere");
    const names = readdirSync(join(out, "a"), { encoding: "buffer" }).map((name) => decodeName(name));
    expect(names).toContain("f\udcff");
  });

  test("makes an empty folder of a gitlink and of the empty tree", () => {
    const source = new Source();
    const commit = oid("0123456789012345678901234567890123456789");
    const out = emptyFolder();
    checkoutTree(source, source.tree(["160000", "sub", commit]), out);
    expect(readdirSync(join(out, "sub"))).toEqual([]);
    source.add("tree", Buffer.alloc(0));
    const other = join(temporaryFolder(), "not/there/yet");
    expect(checkoutTree(source, emptyTree, other)).toEqual({ files: 0, folders: 0 });
    expect(readdirSync(other)).toEqual([]);
  });

  test("writes to an empty folder and refuses one in use", () => {
    const source = new Source();
    const tree = source.tree(["100644", "f", source.add("blob", Buffer.from("1"))]);
    const out = emptyFolder();
    mkdirSync(out);
    checkoutTree(source, tree, out);
    expect(() => checkoutTree(source, tree, out)).toThrow(FolderInUse);
    expect(() => checkoutTree(source, tree, join(out, "f"))).toThrow(FolderInUse);
    expect(() => checkoutTree(source, tree, join(out, "f/g"))).toThrow(FolderInUse);
    expect(readFileSync(join(out, "f"), "utf8")).toBe("1");
  });

  const unsafe = [
    ".GIT",
    ".Git",
    "git~1",
    "GIT~1",
    ".git ",
    ".git.",
    ".git . .",
    ".git::$INDEX_ALLOCATION",
    ".g\u200cit",
  ];
  unsafe.push(".git\\config", "\ufeff.git");
  for (const name of unsafe) {
    test(`refuses the name ${JSON.stringify(name)} wherever it stands`, () => {
      const source = new Source();
      const blob = source.add("blob", Buffer.from("1"));
      for (const root of [
        source.tree(["100644", name, blob]),
        source.tree(["40000", "d", source.tree(["40000", name, source.tree(["100644", "x", blob])])]),
      ]) {
        const out = emptyFolder();
        expect(() => checkoutTree(source, root, out)).toThrow(UnsafeName);
        expect(existsSync(out)).toBe(false);
      }
    });
  }

  test("writes names that only look like .git", () => {
    const source = new Source();
    const blob = source.add("blob", Buffer.from("1"));
    const names = [".gitignore", ".git2", "git", "a.git", "git~2", "back\\slash", "colon:x"];
    const out = emptyFolder();
    checkoutTree(source, source.tree(...names.map((name) => ["100644", name, blob] as const)), out);
    expect(readdirSync(out).toSorted()).toEqual(names.toSorted());
  });

  test("never writes through a symlink", () => {
    const source = new Source();
    const outside = temporaryFolder();
    const link = source.add("blob", Buffer.from(outside));
    const inner = source.tree(["100644", "f", source.add("blob", Buffer.from("1"))]);
    // A hostile tree: the same name as a symlink and as a folder; the codec refuses it, whatever wrote it.
    const body = Buffer.concat([row("120000", link), row("40000", inner)]);
    const root = hashObject("tree", body);
    source.objects.set(root, { kind: "tree", body });
    expect(() => checkoutTree(source, root, emptyFolder())).toThrow(MalformedTree);
    expect(readdirSync(outside)).toEqual([]);
  });

  test("that fails takes away what it made and nothing else", () => {
    const source = new Source();
    const blob = source.add("blob", Buffer.from("1"));
    const bad = source.tree(["100644", "f", blob], ["40000", "g", source.tree(["100644", ".GIT", blob])]);
    const parent = temporaryFolder();
    writeFileSync(join(parent, "kept"), "1");
    const empty = join(parent, "empty");
    mkdirSync(empty);
    expect(() => checkoutTree(source, bad, empty)).toThrow(UnsafeName);
    expect(readdirSync(empty)).toEqual([]);
    expect(() => checkoutTree(source, bad, join(parent, "new/deep"))).toThrow(UnsafeName);
    expect(readdirSync(parent).toSorted()).toEqual(["empty", "kept"]);
  });

  test("keeps exec bits within what the umask allows", () => {
    const source = new Source();
    const blob = source.add("blob", Buffer.from("1"));
    const out = emptyFolder();
    checkoutTree(source, source.tree(["100755", "x", blob], ["100644", "y", blob]), out);
    expect(lstatSync(join(out, "x")).mode & 0o100).toBe(0o100);
    expect(lstatSync(join(out, "y")).mode & 0o111).toBe(0);
  });
});
