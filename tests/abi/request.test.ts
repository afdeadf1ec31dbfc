/** Requests taken apart, and the objects that are none. */
import { describe, expect, test } from "vitest";
import { MalformedRequest, putRequest, putSurroundings, readRequest } from "../../src/abi/request.ts";
import { emptyBlob, emptyTree } from "../../src/store/object.ts";
import { oid, type Oid } from "../../src/store/oid.ts";
import { encodeRequest } from "../../src/store/request-tree.ts";
import { MissingObject } from "../../src/store/store.ts";
import { decodeTree } from "../../src/store/tree.ts";
import { MemoryObjects } from "./memory-objects.ts";

const image = oid("1".repeat(40));
const absent = oid("f".repeat(40));

test("a request's tree has its four entries in git order, and nothing else", () => {
  const [args, imageBlob, salt, std] = ["a", "b", "c", "d"].map((digit) => oid(digit.repeat(40))) as [
    Oid,
    Oid,
    Oid,
    Oid,
  ];
  expect(decodeTree(encodeRequest(args, imageBlob, salt, std))).toEqual([
    { mode: "40000", name: "args", oid: args },
    { mode: "100644", name: "image", oid: imageBlob },
    { mode: "100644", name: "salt", oid: salt },
    { mode: "100644", name: "std", oid: std },
  ]);
});

test("a salt is opaque text: any UTF-8, and white space counts", () => {
  const objects = new MemoryObjects();
  const oids = ["", " ", "\n", "é\0", "\u{1f600}"].map((salt) => {
    const request = putRequest(objects, image, emptyTree, putSurroundings(objects, undefined, salt));
    expect(readRequest(objects, request.oid).salt).toBe(salt);
    return request.oid;
  });
  expect(new Set(oids).size).toBe(oids.length);
});

test("what a request names is not read: args may be missing", () => {
  const objects = new MemoryObjects();
  const request = putRequest(objects, image, absent, putSurroundings(objects, absent, ""));
  expect(readRequest(objects, request.oid)).toEqual(request);
});

test("a request, or one of its blobs, that is not here is missing", () => {
  const objects = new MemoryObjects();
  const here = objects.blob(image);
  expect(() => readRequest(objects, absent)).toThrow(new MissingObject(absent));
  const none = objects.blob("");
  for (const [imageBlob, salt, std] of [
    [absent, none, none],
    [here, absent, none],
    [here, none, absent],
  ] as const) {
    const name = objects.put("tree", encodeRequest(emptyTree, imageBlob, salt, std));
    expect(() => readRequest(objects, name)).toThrow(new MissingObject(absent));
  }
});

describe("no request is", () => {
  type Build = (objects: MemoryObjects, good: Readonly<Record<"args" | "image" | "salt" | "std", Oid>>) => Oid;
  const shape = "its entries are not args, image, salt and std";
  const cases: readonly (readonly [what: string, reason: string, build: Build])[] = [
    ["a blob", "it is a blob, not a tree", (objects) => objects.blob("x")],
    ["a commit", "it is a commit, not a tree", (objects) => objects.put("commit", Buffer.from("x"))],
    ["the empty tree", shape, (objects) => objects.tree()],
    ["garbled bytes", shape, (objects) => objects.put("tree", Buffer.from("garbled"))],
    [
      "a tree of three",
      shape,
      (objects, { args, image: at, salt }) => objects.tree(["args", args, "40000"], ["image", at], ["salt", salt]),
    ],
    [
      "a tree of five",
      shape,
      (objects, { args, image: at, salt, std }) =>
        objects.tree(["args", args, "40000"], ["image", at], ["salt", salt], ["std", std], ["zzz", std]),
    ],
    [
      "a tree of other names",
      shape,
      (objects, { args, image: at, salt, std }) =>
        objects.tree(["args", args, "40000"], ["image", at], ["salt", salt], ["stD", std]),
    ],
    [
      "one whose args are a file",
      shape,
      (objects, { args, image: at, salt, std }) =>
        objects.tree(["args", args], ["image", at], ["salt", salt], ["std", std]),
    ],
    [
      "one whose image is executable",
      shape,
      (objects, { args, image: at, salt, std }) =>
        objects.tree(["args", args, "40000"], ["image", at, "100755"], ["salt", salt], ["std", std]),
    ],
    [
      "one whose args have a mode with a leading zero",
      shape,
      (objects, good) =>
        objects.put(
          "tree",
          Buffer.concat([Buffer.from("0"), encodeRequest(good.args, good.image, good.salt, good.std)]),
        ),
    ],
    [
      "one with a byte behind it",
      shape,
      (objects, good) =>
        objects.put("tree", Buffer.concat([encodeRequest(good.args, good.image, good.salt, good.std), Buffer.of(0)])),
    ],
    [
      "one whose image is a tree",
      "its image is not a blob",
      (objects, { args, salt, std }) => objects.put("tree", encodeRequest(args, objects.tree(), salt, std)),
    ],
    [
      "one whose image is a name",
      "its image is not an oid",
      (objects, { args, salt, std }) => objects.put("tree", encodeRequest(args, objects.blob("/cas/std/a"), salt, std)),
    ],
    [
      "one whose image has a newline",
      "its image is not an oid",
      (objects, { args, salt, std }) => objects.put("tree", encodeRequest(args, objects.blob(`${image}\n`), salt, std)),
    ],
    [
      "one whose image is in capitals",
      "its image is not an oid",
      (objects, { args, salt, std }) =>
        objects.put("tree", encodeRequest(args, objects.blob("A".repeat(40)), salt, std)),
    ],
    [
      "one whose std is a tree",
      "its std is not a blob",
      (objects, { args, image: at, salt }) => objects.put("tree", encodeRequest(args, at, salt, objects.tree())),
    ],
    [
      "one whose std is a space",
      "its std is not an oid",
      (objects, { args, image: at, salt }) => objects.put("tree", encodeRequest(args, at, salt, objects.blob(" "))),
    ],
    [
      "one whose salt is a tree",
      "its salt is not a blob",
      (objects, { args, image: at, std }) => objects.put("tree", encodeRequest(args, at, objects.tree(), std)),
    ],
    [
      "one whose salt is not UTF-8",
      "its salt is not UTF-8",
      (objects, { args, image: at, std }) =>
        objects.put("tree", encodeRequest(args, at, objects.put("blob", Buffer.of(0xff)), std)),
    ],
  ];
  test.each(cases)("%s", (_, reason, build) => {
    const objects = new MemoryObjects();
    const good = { args: objects.tree(), image: objects.blob(image), salt: objects.blob(""), std: objects.blob("") };
    expect(good.salt).toBe(emptyBlob);
    const name = build(objects, good);
    expect(() => readRequest(objects, name)).toThrow(new MalformedRequest(name, reason));
  });
});
