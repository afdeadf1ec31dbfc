/** Images to runtime nodes: curries, names in std, and what binding does to args. */
import { describe, expect, test } from "vitest";
import { errorTexts } from "../../src/abi/error-texts.ts";
import { defaultGuestLimits } from "../../src/abi/limits.ts";
import { bindArgs, curryLevelsMax, putCurry, putRuntimeNode, resolveImage } from "../../src/abi/worker.ts";
import { emptyBlob, emptyTree } from "../../src/store/object.ts";
import { oid, type Oid } from "../../src/store/oid.ts";
import { MissingObject } from "../../src/store/store.ts";
import type { TreeEntry } from "../../src/store/tree.ts";
import { MemoryObjects } from "./memory-objects.ts";

const absent = oid("f".repeat(40));

type Build = (parts: ReturnType<typeof room>) => string;
const version = ({ objects }: ReturnType<typeof room>) => objects.blob("1");

function room() {
  const objects = new MemoryObjects();
  objects.tree();
  objects.blob("");
  const module = objects.blob("a module");
  const node = putRuntimeNode(objects, "coppice-wasm/3", module);
  const entry = (name: string, text: string): TreeEntry => ({ name, mode: "100644", oid: objects.blob(text) });
  const curried = (levels: number) => {
    let image: string = node;
    for (let level = 0; level < levels; level++) image = putCurry(objects, image, [entry("level", `${level}`)]);
    return image;
  };
  const resolved = (image: string, std?: Oid) => {
    const found = resolveImage(objects, image, std);
    if ("error" in found) throw new Error(`refused: ${found.error}`);
    return found;
  };
  const boundTexts = (image: string, std?: Oid) =>
    Object.fromEntries(
      [...resolved(image, std).bound].map(([name, { oid: bound }]) => [
        name,
        Buffer.from(objects.get(bound).body).toString(),
      ]),
    );
  return { objects, module, node, entry, curried, resolved, boundTexts };
}

describe("an image", () => {
  test("that is a runtime node resolves to itself, its marker trimmed, with nothing bound", () => {
    const { objects, module, node, resolved } = room();
    expect(resolved(node)).toEqual({
      node: { oid: node, marker: "coppice-wasm/3", module, limits: defaultGuestLimits },
      bound: new Map(),
    });
    const spaced = putRuntimeNode(objects, " coppice-wasm/3\n", module);
    expect(resolved(spaced).node).toEqual({
      oid: spaced,
      marker: "coppice-wasm/3",
      module,
      limits: defaultGuestLimits,
    });
  });

  test("of an unknown runtime resolves: whoever runs it says that it can't", () => {
    const { objects, module, resolved } = room();
    expect(resolved(putRuntimeNode(objects, "other/9", module)).node.marker).toBe("other/9");
  });

  test("of an unknown runtime has whatever limits it likes: what they mean is that runtime's", () => {
    const { objects, module, resolved } = room();
    const entries = [".caos-runtime", "limits", "module"] as const;
    const [marker, limits] = [objects.blob("other/9"), objects.blob("fast")];
    const node = objects.tree([entries[0], marker], [entries[1], limits], [entries[2], module]);
    expect(resolved(node).node).toEqual({ oid: node, marker: "other/9", module, limits: defaultGuestLimits });
  });

  test("may have further entries", () => {
    const { objects, module, resolved } = room();
    const marker = objects.blob("coppice-wasm/3");
    const node = objects.tree([".caos-runtime", marker], ["module", module], ["README", emptyBlob]);
    expect(resolved(node).node.oid).toBe(node);
  });

  test("in std is found by name, also when it is a curry, and std may hold the base of a curry", () => {
    const { objects, node, entry, resolved, boundTexts } = room();
    const inner = objects.tree(["plain", node, "40000"]);
    expect(resolved("/cas/std/plain", inner).node.oid).toBe(node);
    const curry = putCurry(objects, "/cas/std/plain", [entry("a", "1")]);
    const std = objects.tree(["plain", node, "40000"], ["bound", curry, "40000"]);
    expect(resolved("/cas/std/bound", std).node.oid).toBe(node);
    expect(boundTexts("/cas/std/bound", std)).toEqual({ a: "1" });
  });

  test("spelled in a curry's base may have white space around it", () => {
    const { objects, node, resolved } = room();
    expect(resolved(putCurry(objects, ` ${node}\n`, [])).node.oid).toBe(node);
  });

  test(`curried ${curryLevelsMax} times resolves, once more does not`, () => {
    const { objects, node, curried, resolved } = room();
    expect(curryLevelsMax).toBe(64);
    expect(resolved(curried(64)).node.oid).toBe(node);
    expect(resolveImage(objects, curried(65), undefined)).toEqual({ error: errorTexts.curriedTooDeep });
  });

  test("curried in a circle, by way of std, is curried too deep", () => {
    const { objects } = room();
    const std = objects.tree(
      ["a", putCurry(objects, "/cas/std/b", []), "40000"],
      ["b", putCurry(objects, "/cas/std/a", []), "40000"],
    );
    expect(resolveImage(objects, "/cas/std/a", std)).toEqual({ error: errorTexts.curriedTooDeep });
  });

  test("curried twice binds both, and the outer curry wins", () => {
    const { objects, node, entry, boundTexts } = room();
    const inner = putCurry(objects, node, [entry("x", "inner"), entry("y", "inner")]);
    const outer = putCurry(objects, inner, [entry("x", "outer"), entry("z", "outer")]);
    expect(boundTexts(outer)).toEqual({ x: "outer", y: "inner", z: "outer" });
  });

  const refused: readonly (readonly [what: string, text: keyof typeof errorTexts, build: Build])[] = [
    ["an empty text", "notAnImage", () => ""],
    ["a word", "notAnImage", () => "line-count"],
    ["an oid in capitals", "notAnImage", () => "A".repeat(40)],
    ["an oid with white space around it", "notAnImage", ({ node }) => ` ${node}`],
    ["a path elsewhere", "notAnImage", () => "/cas/other/a"],
    ["a name in std, where there is no std", "noSuchWorker", () => "/cas/std/plain"],
    ["a blob", "notAWorker", ({ module }) => module],
    ["the empty tree", "notAWorker", () => emptyTree],
    ["a tree whose bytes are none", "notAWorker", ({ objects }) => objects.put("tree", Buffer.from("garbled"))],
    ["a commit", "notAWorker", ({ objects }) => objects.put("commit", Buffer.from("tree x"))],
    ["a node without a module", "notAWorker", ({ objects }) => objects.tree([".caos-runtime", objects.blob("m")])],
    [
      "a node whose module is a folder",
      "notAWorker",
      ({ objects }) => objects.tree([".caos-runtime", objects.blob("m")], ["module", emptyTree, "40000"]),
    ],
    [
      "a node whose module is a gitlink",
      "notAWorker",
      ({ objects }) => objects.tree([".caos-runtime", objects.blob("m")], ["module", absent, "160000"]),
    ],
    [
      "a node whose marker is a folder",
      "notAWorker",
      ({ objects, module }) => objects.tree([".caos-runtime", emptyTree, "40000"], ["module", module]),
    ],
    [
      "a node whose marker says blob and is a tree",
      "notAWorker",
      ({ objects, module }) => objects.tree([".caos-runtime", emptyTree], ["module", module]),
    ],
    [
      "a curry of another version",
      "notAWorker",
      ({ objects, node }) =>
        objects.tree([".caos-curry", objects.blob("2")], ["args", emptyTree, "40000"], ["base", objects.blob(node)]),
    ],
    [
      "a curry without a base",
      "notAWorker",
      (parts) => parts.objects.tree([".caos-curry", version(parts)], ["args", emptyTree, "40000"]),
    ],
    [
      "a curry without args",
      "notAWorker",
      (parts) => parts.objects.tree([".caos-curry", version(parts)], ["base", parts.objects.blob(parts.node)]),
    ],
    [
      "a curry whose args are a blob",
      "notAWorker",
      (parts) =>
        parts.objects.tree(
          [".caos-curry", version(parts)],
          ["args", emptyBlob],
          ["base", parts.objects.blob(parts.node)],
        ),
    ],
    [
      "a curry whose args say tree and are a blob",
      "notAWorker",
      (parts) =>
        parts.objects.tree(
          [".caos-curry", version(parts)],
          ["args", emptyBlob, "40000"],
          ["base", parts.objects.blob(parts.node)],
        ),
    ],
    ["a curry of no image", "notAnImage", ({ objects }) => putCurry(objects, "nonsense", [])],
    ["a curry of a name, where there is no std", "noSuchWorker", ({ objects }) => putCurry(objects, "/cas/std/a", [])],
    ["a curry of a blob", "notAWorker", ({ objects }) => putCurry(objects, emptyBlob, [])],
  ];
  test.each(refused)("that is %s is refused: %s", (_, text, build) => {
    const parts = room();
    expect(resolveImage(parts.objects, build(parts), undefined)).toEqual({ error: errorTexts[text] });
  });

  test("that std does not have, or a std that is no tree, is no such worker", () => {
    const { objects, node, module } = room();
    const std = objects.tree(["plain", node, "40000"]);
    for (const name of ["", "plai", "plain/", "Plain"]) {
      expect(resolveImage(objects, `/cas/std/${name}`, std)).toEqual({ error: errorTexts.noSuchWorker });
    }
    expect(resolveImage(objects, "/cas/std/plain", module)).toEqual({ error: errorTexts.noSuchWorker });
  });

  test("that is not here is missing, which is no answer: the image, its base, its bound args, its marker", () => {
    const { objects, module } = room();
    const images = [
      absent,
      putCurry(objects, absent, []),
      objects.tree([".caos-curry", objects.blob("1")], ["args", absent, "40000"], ["base", objects.blob(room().node)]),
      objects.tree([".caos-runtime", absent], ["module", module]),
    ];
    for (const image of images)
      expect(() => resolveImage(objects, image, undefined)).toThrow(new MissingObject(absent));
    expect(() => resolveImage(objects, "/cas/std/a", absent)).toThrow(new MissingObject(absent));
  });

  test("is not read beyond its node: a module that is not here is found missing by whoever runs it", () => {
    const { objects, resolved } = room();
    const node = objects.tree([".caos-runtime", objects.blob("m")], ["module", absent]);
    expect(resolved(node).node.module).toBe(absent);
  });
});

describe("args", () => {
  test("are used as they are, unread, when nothing is bound, whatever they are", () => {
    const { objects, node, resolved, module } = room();
    const { bound } = resolved(node);
    objects.read.length = 0;
    for (const args of [emptyTree, module, absent]) expect(bindArgs(objects, args, bound)).toBe(args);
    expect(objects.read).toEqual([]);
  });

  test("a curry that binds nothing binds nothing", () => {
    const { objects, node, resolved } = room();
    expect(bindArgs(objects, absent, resolved(putCurry(objects, node, [])).bound)).toBe(absent);
  });

  test("of the call win over bound ones, and the rest are joined in git order", () => {
    const { objects, node, entry, resolved } = room();
    const { bound } = resolved(putCurry(objects, node, [entry("b", "bound"), entry("c", "bound")]));
    const args = objects.tree(["c", objects.blob("call")], ["a", objects.blob("call")]);
    expect(bindArgs(objects, args, bound)).toBe(
      objects.tree(["a", objects.blob("call")], ["b", objects.blob("bound")], ["c", objects.blob("call")]),
    );
  });

  test("of the call win also when they are a folder where a file was bound", () => {
    const { objects, node, entry, resolved } = room();
    const { bound } = resolved(putCurry(objects, node, [entry("x", "bound")]));
    const args = objects.tree(["x", emptyTree, "40000"]);
    expect(bindArgs(objects, args, bound)).toBe(args);
  });

  test("that are no tree can't be bound to, and missing ones are missing", () => {
    const { objects, node, entry, resolved, module } = room();
    const { bound } = resolved(putCurry(objects, node, [entry("x", "bound")]));
    const garbled = objects.put("tree", Buffer.from("garbled"));
    for (const args of [module, garbled])
      expect(bindArgs(objects, args, bound)).toEqual({ error: errorTexts.argsNotATree });
    expect(() => bindArgs(objects, absent, bound)).toThrow(new MissingObject(absent));
  });
});
