/** The literal oids that every implementation of the contract must arrive at. They were computed with git. */
import { describe, expect, test } from "vitest";
import { parseCall } from "../../src/abi/call.ts";
import { putRequest, putSurroundings, readRequest } from "../../src/abi/request.ts";
import { putCurry, putRuntimeNode, wasmMarker } from "../../src/abi/worker.ts";
import { RandomStream } from "../../src/abi/virtual.ts";
import { emptyBlob, emptyTree, hashObject } from "../../src/store/object.ts";
import { oid, parseOid } from "../../src/store/oid.ts";
import { encodeTree, type Mode } from "../../src/store/tree.ts";
import vectors from "../vectors.json" with { type: "json" };
import { MemoryObjects } from "./memory-objects.ts";

test("the empty blob and the empty tree have git's oids", () => {
  expect([emptyBlob, emptyTree]).toEqual([vectors.empty_blob, vectors.empty_tree]);
  expect(hashObject("blob", Buffer.alloc(0))).toBe(vectors.empty_blob);
  expect(hashObject("tree", encodeTree([]))).toBe(vectors.empty_tree);
});

test("a leaf's args are `in` and empty `children`", () => {
  const { in: leaf, children, args } = vectors.args_leaf;
  const objects = new MemoryObjects();
  expect(objects.tree(["in", oid(leaf)], ["children", oid(children), "40000"])).toBe(args);
});

describe("requests", () => {
  test("the file holds some", () => expect(vectors.requests.length).toBe(3));
  for (const { image, args, std, salt, oid: expected } of vectors.requests) {
    test(`with std "${std}" and salt "${salt}" is ${expected}, and reads back`, () => {
      const objects = new MemoryObjects();
      const around = putSurroundings(objects, parseOid(std), salt);
      const request = putRequest(objects, oid(image), oid(args), around);
      expect(request.oid).toBe(expected);
      expect(readRequest(objects, request.oid)).toEqual(request);
      expect(request).toMatchObject({ image, args, salt, std: std === "" ? undefined : std });
    });
  }
});

test("a curry of one blob", () => {
  const objects = new MemoryObjects();
  const bound = Object.entries(vectors.curry.bind).map(([name, text]) => ({
    name,
    mode: "100644" as const,
    oid: objects.blob(text),
  }));
  expect(putCurry(objects, vectors.curry.base, bound)).toBe(vectors.curry.oid);
});

test("a runtime node whose marker is another tree's text", () => {
  const objects = new MemoryObjects();
  const module = objects.put("blob", Buffer.from(vectors.runtime_node.module_hex, "hex"));
  expect(putRuntimeNode(objects, vectors.runtime_node.marker, module)).toBe(vectors.runtime_node.oid);
});

test("a runtime node of plain wasm is marked coppice-wasm/3", () => {
  const objects = new MemoryObjects();
  const module = objects.blob("module");
  const marker = objects.blob("coppice-wasm/3");
  expect(wasmMarker).toBe("coppice-wasm/3");
  expect(putRuntimeNode(objects, wasmMarker, module)).toBe(objects.tree([".caos-runtime", marker], ["module", module]));
});

for (const [name, vector] of [
  ["a tree with a folder and a symlink", vectors.put_tree],
  ["a folder sorts as if its name ended in a slash", vectors.git_order],
] as const) {
  const entries = vector.entries as [string, Mode, string][];
  test(`${name}, in whatever order its entries come`, () => {
    expect(new MemoryObjects().files(entries)).toBe(vector.oid);
    expect(new MemoryObjects().files(entries.toReversed())).toBe(vector.oid);
  });
}

test("put_tree's entries, as a guest sends them, make the same tree", () => {
  const objects = new MemoryObjects();
  const folder = objects.files([["z.txt", "100644", "zulu"]]);
  const entries = [
    { name: "sub", kind: "tree", hash: folder },
    { name: "link", kind: "blob", hash: objects.blob("a.txt"), mode: "120000" },
    { name: "b.txt", kind: "blob", hash: objects.blob("bravo") },
    { name: "a.txt", kind: "blob", hash: objects.blob("alpha"), mode: "100644" },
  ];
  const call = parseCall(Buffer.from(JSON.stringify({ op: "put_tree", entries })));
  if (typeof call === "string" || call.op !== "put_tree") throw new Error("not parsed as put_tree");
  expect(hashObject("tree", encodeTree(call.entries))).toBe(vectors.put_tree.oid);
});

test("a gitlink is passed as a blob of the commit's 40 hex digits", () => {
  expect(new MemoryObjects().blob(vectors.gitlink_in.commit)).toBe(vectors.gitlink_in.in);
});

test("the first random bytes of a request", () => {
  const bytes = Buffer.alloc(64);
  const stream = new RandomStream(oid(vectors.random.request));
  stream.fill(bytes);
  expect(bytes.toString("hex")).toBe(vectors.random.first_64_bytes);
});
