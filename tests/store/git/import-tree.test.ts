import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { importTree, UnimportableObject, type ObjectReader } from "../../../src/store/git/import-tree.ts";
import { resolveTree } from "../../../src/store/git/revision.ts";
import { encodeTree } from "../../../src/store/tree.ts";
import { emptyTree, hashObject, type GitObject, type ObjectKind } from "../../../src/store/object.ts";
import { oid, type Oid } from "../../../src/store/oid.ts";
import { git, gitOid, MapSink, opened, put, repositoryWith, temporaryFolder } from "./git.ts";

/** A repository in memory that notes what is read. */
class Memory implements ObjectReader {
  readonly objects = new Map<Oid, GitObject>();
  readonly asked: Oid[] = [];

  add(kind: ObjectKind, body: Uint8Array): Oid {
    const name = hashObject(kind, body);
    this.objects.set(name, { kind, body });
    return name;
  }

  read(name: Oid): GitObject | undefined {
    this.asked.push(name);
    return this.objects.get(name);
  }

  inStorageOrder(names: readonly Oid[]): Oid[] {
    return names.toReversed();
  }
}

describe("an import", () => {
  test("puts every object that the tree reaches, as git counts them, with its bytes", () => {
    const files: Record<string, string> = {};
    for (let i = 0; i < 300; i++) files[`d${i % 7}/e${i % 3}/f${i}.txt`] = `file ${i % 100}`;
    const folder = repositoryWith(files);
    git(folder, ["repack", "-adfq"]);
    const sink = new MapSink();
    const repository = opened(folder);
    const { oid: tree } = resolveTree(repository, "HEAD");
    const told: number[] = [];
    const counts = importTree(repository.objects, tree, sink, (count) => told.push(count));
    const listed = git(folder, ["rev-list", "--objects", "--no-object-names", tree]).split("\n");
    expect([...sink.objects.keys()].toSorted()).toEqual(listed.toSorted());
    expect(counts.objects).toBe(listed.length);
    expect(counts.bytes).toBe([...sink.objects.values()].reduce((sum, { body }) => sum + body.length, 0));
    expect(told).toEqual([listed.length]);
    expect(importTree(repository.objects, tree, sink)).toEqual({ objects: 0, bytes: 0 });
  });

  test("skips a tree that is here without reading it or what is below", () => {
    const memory = new Memory();
    const blob = memory.add("blob", Buffer.from("1"));
    const inner = memory.add("tree", encodeTree([{ mode: "100644", name: "f", oid: blob }]));
    const root = memory.add("tree", encodeTree([{ mode: "40000", name: "d", oid: inner }]));
    const sink = new MapSink();
    importTree(memory, inner, sink);
    memory.asked.length = 0;
    expect(importTree(memory, root, sink).objects).toBe(1);
    expect(memory.asked).toEqual([root]);
    expect(importTree(memory, root, sink).objects).toBe(0);
    expect(memory.asked).toEqual([root]);
  });

  test("does not follow gitlinks", () => {
    const memory = new Memory();
    const commit = oid("0123456789012345678901234567890123456789");
    const root = memory.add("tree", encodeTree([{ mode: "160000", name: "sub", oid: commit }]));
    expect(importTree(memory, root, new MapSink()).objects).toBe(1);
  });

  test("of a chain of 100,000 folders takes no stack", () => {
    const memory = new Memory();
    let at = memory.add("tree", encodeTree([{ mode: "100644", name: "f", oid: memory.add("blob", Buffer.from("1")) }]));
    for (let i = 0; i < 100_000; i++) at = memory.add("tree", encodeTree([{ mode: "40000", name: "d", oid: at }]));
    const sink = new MapSink();
    expect(importTree(memory, at, sink).objects).toBe(100_002);
    expect(sink.kindOf(at)).toBe("tree");
  });

  test("of a tree whose paths are exponentially many visits each object once", () => {
    const memory = new Memory();
    let at = memory.add("tree", Buffer.alloc(0));
    for (let i = 0; i < 200; i++) {
      at = memory.add(
        "tree",
        encodeTree([
          { mode: "40000", name: "a", oid: at },
          { mode: "40000", name: "b", oid: at },
        ]),
      );
    }
    expect(importTree(memory, at, new MapSink()).objects).toBe(201);
    expect(importTree(memory, emptyTree, new MapSink()).objects).toBe(1);
  });

  test("of more than waits at once keeps children before parents", () => {
    const memory = new Memory();
    const folders = Array.from({ length: 100 }, (_, i) => {
      const entries = Array.from({ length: 450 }, (__, j) => ({
        mode: "100644" as const,
        name: `f${j}`,
        oid: memory.add("blob", Buffer.from(`${i} ${j}`)),
      }));
      return { mode: "40000" as const, name: `d${i}`, oid: memory.add("tree", encodeTree(entries)) };
    });
    const root = memory.add("tree", encodeTree(folders));
    const told: number[] = [];
    const counts = importTree(memory, root, new MapSink(), (count) => told.push(count));
    expect(counts.objects).toBe(45_101);
    expect(told.slice(0, 3)).toEqual([1000, 2000, 3000]);
  });

  test("refuses what is malformed or missing, naming the path", () => {
    const cases: [string, (memory: Memory) => { mode: "40000" | "100644"; oid: Oid }][] = [
      ["a malformed tree", (memory) => ({ mode: "40000", oid: memory.add("tree", Buffer.from("nonsense")) })],
      ["a missing blob", () => ({ mode: "100644", oid: hashObject("blob", Buffer.from("gone")) })],
      ["a missing tree", () => ({ mode: "40000", oid: hashObject("tree", Buffer.from("gone")) })],
      ["a blob for a tree", (memory) => ({ mode: "40000", oid: memory.add("blob", Buffer.from("x")) })],
      ["a tree for a blob", (memory) => ({ mode: "100644", oid: memory.add("tree", Buffer.alloc(0)) })],
    ];
    for (const [what, make] of cases) {
      const memory = new Memory();
      const inner = memory.add("tree", encodeTree([{ ...make(memory), name: "b" }]));
      const root = memory.add("tree", encodeTree([{ mode: "40000", name: "a", oid: inner }]));
      const sink = new MapSink();
      expect(() => importTree(memory, root, sink), what).toThrow(UnimportableObject);
      expect(() => importTree(memory, root, sink), what).toThrow("can't import a/b (git object ");
      expect(sink.kindOf(root)).toBeUndefined();
      expect(sink.kindOf(inner)).toBeUndefined();
    }
  });

  test("refuses a tree with a name that the contract forbids", () => {
    const memory = new Memory();
    const blob = memory.add("blob", Buffer.from("x"));
    const body = Buffer.concat([Buffer.from("100644 .git\0"), Buffer.from(blob, "hex")]);
    const root = memory.add("tree", body);
    expect(() => importTree(memory, root, new MapSink())).toThrow("name is reserved");
  });

  test("keeps the bytes of trees with historic modes and of names that are not UTF-8", () => {
    const folder = repositoryWith({});
    const blob = gitOid(folder, ["hash-object", "-w", "--stdin"], "x");
    const raw = (mode: string, name: Buffer): Buffer =>
      Buffer.concat([Buffer.from(`${mode} `), name, Buffer.of(0), Buffer.from(blob, "hex")]);
    const body = Buffer.concat([
      raw("100664", Buffer.from("a")),
      raw("100600", Buffer.from("b")),
      raw("100755", Buffer.from([0x66, 0xe9])),
    ]);
    const tree = gitOid(folder, ["hash-object", "-w", "-t", "tree", "--literally", "--stdin"], body);
    const sink = new MapSink();
    importTree(opened(folder).objects, tree, sink);
    expect(Buffer.compare(sink.get(tree).body, body)).toBe(0);
  });

  test("of a shallow clone reaches the whole tree of its commit", () => {
    const folder = repositoryWith({ "a/b.txt": "1" });
    put(folder, "c.txt", "2");
    git(folder, ["add", "-A"]);
    git(folder, ["commit", "-q", "-m", "second"]);
    const shallow = join(temporaryFolder(), "shallow");
    git(folder, ["clone", "-q", "--depth=1", `file://${folder}`, shallow]);
    const repository = opened(shallow);
    const tree = resolveTree(repository, "HEAD").oid;
    expect(importTree(repository.objects, tree, new MapSink()).objects).toBe(4);
    expect(() => resolveTree(repository, "HEAD~")).toThrow("is it a shallow or partial clone?");
  });
});
