import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { assert, nat, property } from "fast-check";
import { describe, expect, test } from "vitest";
import { importInto } from "../../src/importing.ts";
import { hashObject } from "../../src/store/object.ts";
import type { Oid } from "../../src/store/oid.ts";
import { CorruptObject, MissingObject, openStore, type Store } from "../../src/store/store.ts";
import { decodeTree, encodeTree, kindOfMode, type TreeEntry } from "../../src/store/tree.ts";
import { inspectStore } from "../crash/inspect.ts";
import { git, gitOid, host, numbersFrom, put, repositoryWith } from "./git/git.ts";
import { collect } from "./surgery.ts";
import { temporaryFiles } from "./temporary.ts";

const file = temporaryFiles();
const files = { README: "read me\n", "src/a.txt": "a\n", "src/b.txt": "b\n", "src/deep/c.txt": "c\n" };
const request = (store: Store, text = "a request") => store.put("blob", Buffer.from(text));
const textOf = (store: Store, name: Oid) => Buffer.from(store.get(name).body).toString();
const named = (folder: string, what: string) => gitOid(folder, ["rev-parse", `HEAD:${what}`]);
const borrow = (store: Store, folder: string) => importInto(store, folder, "HEAD", "borrowing", host);
const copy = (store: Store, folder: string) => importInto(store, folder, "HEAD", "copying", host);
const memoOf = (kind: "blob" | "tree", oid: Oid) => ({
  outcome: { kind, oid },
  reads: [],
  children: [],
  fuel: 0,
  detail: undefined,
});

/** Works with a store in a file of its own, closes it, and checks the file by all that the store guarantees. */
function withStore<T>(work: (store: Store) => T, path = file()): T {
  const store = openStore(path);
  try {
    return work(store);
  } finally {
    store.close();
    expect(inspectStore(path).faults).toEqual([]);
  }
}

const countsOf = (store: Store) => {
  const { blob, tree } = store.stats().objects;
  return { blob, tree };
};

describe("a store that reads from a repository", () => {
  test("names what is there without copying it", () =>
    withStore((store) => {
      const folder = repositoryWith(files);
      const { kind, oid, objects } = borrow(store, folder);
      expect({ kind, oid, objects }).toEqual({
        kind: "tree",
        oid: gitOid(folder, ["rev-parse", "HEAD^{tree}"]),
        objects: 0,
      });
      expect(store.kindOf(oid)).toBe("tree");
      expect(store.kindOf(named(folder, "src/a.txt"))).toBe("blob");
      expect(countsOf(store)).toEqual({ blob: 0, tree: 0 });
      expect(store.stats().sources).toEqual([join(folder, ".git", "objects")]);
    }));

  test("tells the size of what is there by reading it, and then has it", () =>
    withStore((store) => {
      const folder = repositoryWith({ small: "a\n", large: "b".repeat(50_000) });
      borrow(store, folder);
      const names = [named(folder, "small"), named(folder, "large")];
      expect(names.map((name) => store.sizeOf(name))).toEqual([2, 50_000]);
      expect(countsOf(store)).toEqual({ blob: 2, tree: 0 });
    }));

  test("copies the edits of a work tree, which git has not", () =>
    withStore((store) => {
      const folder = repositoryWith(files);
      put(folder, "src/a.txt", "edited\n");
      const { oid, objects } = importInto(store, folder, undefined, "borrowing", host);
      git(folder, ["add", "-u"]);
      expect(oid).toBe(gitOid(folder, ["write-tree"]));
      // The file, src and the root.
      expect(objects).toBe(3);
      rmSync(folder, { recursive: true });
      expect(textOf(store, hashObject("blob", Buffer.from("edited\n")))).toBe("edited\n");
    }));

  test("keeps what was read, and only that", () => {
    const path = file();
    const folder = repositoryWith(files);
    const [root, src, a, b] = ["", "src", "src/a.txt", "src/b.txt"].map((what) => named(folder, what)) as [
      Oid,
      Oid,
      Oid,
      Oid,
    ];
    withStore((store) => {
      borrow(store, folder);
      for (const name of [root, src, a]) store.get(name);
    }, path);
    rmSync(folder, { recursive: true });
    withStore((store) => {
      expect(decodeTree(store.get(root).body).map(({ name }) => name)).toEqual(["README", "src"]);
      expect(textOf(store, a)).toBe("a\n");
      expect(() => store.get(b)).toThrow(MissingObject);
      expect(() => store.get(b)).toThrow(
        `no object ${b} in the store or in ${folder}/.git/objects (the folder is gone), from which it reads`,
      );
      expect(store.kindOf(b)).toBeUndefined();
    }, path);
  });

  test("has a result with all that it names, whatever becomes of the repository", () => {
    const path = file();
    const folder = repositoryWith(files);
    const src = named(folder, "src");
    const result = withStore((store) => {
      borrow(store, folder);
      const made = store.put("tree", encodeTree([{ name: "copy", mode: "40000", oid: src }]));
      store.remember(request(store), memoOf("tree", made), 1);
      return made;
    }, path);
    rmSync(folder, { recursive: true });
    withStore((store) => {
      expect(store.outcome(request(store))).toEqual({ kind: "tree", oid: result });
      const copied = decodeTree(store.get(result).body)[0] as TreeEntry;
      expect(decodeTree(store.get(copied.oid).body).map(({ name }) => name)).toEqual(["a.txt", "b.txt", "deep"]);
      expect(textOf(store, hashObject("blob", Buffer.from("c\n")))).toBe("c\n");
      // Whole, so an import of it has nothing to do.
      expect(store.copying.kindOf(result)).toBe("tree");
    }, path);
  });

  test("has what a ref names with all that it names", () => {
    const path = file();
    const folder = repositoryWith(files);
    withStore((store) => {
      const { oid } = borrow(store, folder);
      store.setRef("kept", oid);
    }, path);
    rmSync(folder, { recursive: true });
    withStore((store) => expect(countsOf(store)).toEqual({ blob: 4, tree: 3 }), path);
  });

  test("imports all of a tree that it has read in part", () => {
    const path = file();
    const folder = repositoryWith(files);
    withStore((store) => {
      store.get(borrow(store, folder).oid);
      store.get(named(folder, "src"));
      store.flush();
      // README, a, b, c, and deep; two trees are here already.
      expect(copy(store, folder).objects).toBe(7);
      expect(copy(store, folder).objects).toBe(0);
    }, path);
    rmSync(folder, { recursive: true });
    withStore((store) => expect(countsOf(store)).toEqual({ blob: 4, tree: 3 }), path);
  });

  test("asks each of its repositories, also one that another handle added", () => {
    const path = file();
    const [one, other] = [repositoryWith({ x: "one\n" }), repositoryWith({ x: "other\n" })];
    withStore((store) => {
      borrow(store, one);
      withStore((second) => borrow(second, other), path);
      expect(textOf(store, named(one, "x"))).toBe("one\n");
      expect(textOf(store, named(other, "x"))).toBe("other\n");
      expect(store.stats().sources).toHaveLength(2);
    }, path);
  });

  test("forgets a repository that is gone when another one comes", () =>
    withStore((store) => {
      const gone = repositoryWith({ x: "gone\n" });
      borrow(store, gone);
      rmSync(gone, { recursive: true });
      const folder = repositoryWith({ x: "here\n" });
      borrow(store, folder);
      expect(store.stats().sources).toEqual([join(folder, ".git", "objects")]);
    }));

  test("finds what git packed anew meanwhile", () =>
    withStore((store) => {
      const folder = repositoryWith(files);
      git(folder, ["repack", "-adq"]);
      borrow(store, folder);
      expect(store.kindOf(named(folder, "README"))).toBe("blob");
      put(folder, "later", "later\n");
      git(folder, ["add", "later"]);
      git(folder, ["commit", "-qm", "second"]);
      // The pack that was listed goes; it was opened or not.
      git(folder, ["repack", "-adq"]);
      git(folder, ["prune-packed", "-q"]);
      for (const what of ["README", "src/a.txt", "later"]) expect(store.get(named(folder, what)).kind).toBe("blob");
    }));

  test("opens no pack that is gone before it was opened", () =>
    withStore((store) => {
      const folder = repositoryWith(files);
      const readme = named(folder, "README");
      git(folder, ["repack", "-adq"]);
      store.addSource(join(folder, ".git", "objects"));
      // Lists the packs, and finds nothing in them.
      expect(store.kindOf(hashObject("blob", Buffer.from("nowhere")))).toBeUndefined();
      const pack = readFileSync(onlyPack(folder));
      for (const name of readdirSync(packsOf(folder))) rmSync(join(packsOf(folder), name));
      git(folder, ["unpack-objects", "-q"], pack);
      expect(textOf(store, readme)).toBe("read me\n");
    }));

  test("stores nothing damaged, and says where it stands", () => {
    const path = file();
    const folder = repositoryWith(files);
    git(folder, ["repack", "-adq"]);
    const readme = named(folder, "README");
    withStore((store) => borrow(store, folder), path);
    withStore((store) => {
      const pack = onlyPack(folder);
      const bytes = readFileSync(pack);
      for (let at = 12; at < bytes.length - 20; at++) bytes[at] = (bytes[at] as number) ^ 0xff;
      rmSync(pack);
      writeFileSync(pack, bytes);
      expect(() => store.get(readme)).toThrow(CorruptObject);
      expect(() => store.get(readme)).toThrow(`(in ${folder}/.git/objects)`);
      expect(countsOf(store)).toEqual({ blob: 0, tree: 0 });
      // Another repository that has it will do.
      const other = repositoryWith(files);
      borrow(store, other);
      expect(textOf(store, readme)).toBe("read me\n");
    }, path);
  });

  test("brings what a result names again when somebody deleted it meanwhile", () => {
    const path = file();
    const folder = repositoryWith(files);
    const c = named(folder, "src/deep/c.txt");
    withStore((store) => {
      const { oid } = borrow(store, folder);
      store.get(c);
      store.flush();
      const made = store.put("tree", encodeTree([{ name: "all", mode: "40000", oid }]));
      // Nothing more has to be copied of the file that is here.
      store.remember(request(store), memoOf("tree", made), 1);
      collect(path, c);
      store.flush();
      expect(store.outcome(request(store))).toEqual({ kind: "tree", oid: made });
    }, path);
    rmSync(folder, { recursive: true });
    withStore((store) => expect(textOf(store, c)).toBe("c\n"), path);
  });
});

const packsOf = (folder: string) => join(folder, ".git", "objects", "pack");

function onlyPack(folder: string): string {
  const [name, ...others] = readdirSync(packsOf(folder)).filter((each) => each.endsWith(".pack"));
  if (name === undefined || others.length > 0) throw new Error("there is not one pack");
  return join(packsOf(folder), name);
}

test("whatever is read, put, remembered and imported in whatever order, results are whole and nothing half is taken for whole", () => {
  const folder = repositoryWith({ ...files, "src/deep/er/d.txt": "d\n", "other/a.txt": "a\n", "other/e/f.txt": "f\n" });
  const all = git(folder, ["ls-tree", "-rt", "HEAD"])
    .split("\n")
    .map((line) => /^\d+ (\w+) (\w+)\t/.exec(line) as RegExpExecArray)
    .map(([, kind, name]) => ({ kind: kind as "blob" | "tree", oid: name as Oid }));
  assert(
    property(nat(), (seed) => {
      const random = numbersFrom(seed);
      const path = file();
      let store = openStore(path);
      borrow(store, folder);
      const known = [...all];
      const any = () => known[random(known.length)] as (typeof all)[number];
      for (let step = 0; step < 30; step++) {
        const { kind, oid } = any();
        switch (random(7)) {
          case 0:
          case 1:
            store.get(oid);
            break;
          case 2: {
            const entries = ["a", "b"].map((name): TreeEntry => {
              const { kind: kindOf, oid: of } = any();
              return { name, mode: kindOf === "tree" ? "40000" : "100644", oid: of };
            });
            known.push({ kind: "tree", oid: store.put("tree", encodeTree(entries)) });
            break;
          }
          case 3:
            store.remember(request(store, `${seed} ${step}`), memoOf(kind, oid), 1);
            break;
          case 4:
            store.flush();
            break;
          case 5:
            store.close();
            store = openStore(path);
            break;
          case 6:
            if (kind === "tree" && store.copying.kindOf(oid) !== undefined) expectWhole(store, oid);
            if (random(10) === 0) copy(store, folder);
            break;
        }
      }
      store.close();
      expect(inspectStore(path).faults).toEqual([]);
      rmSync(path);
    }),
    { numRuns: 40 },
  );
});

/** Nothing that the tree reaches is to be had from a repository alone. */
function expectWhole(store: Store, tree: Oid): void {
  for (const { mode, oid } of decodeTree(store.get(tree).body)) {
    const kind = kindOfMode(mode);
    expect(store.copying.kindOf(oid)).toBe(kind);
    if (kind === "tree") expectWhole(store, oid);
  }
}
