/** How a command's args and results are spelled, and what is refused. */
import { constantFrom, dictionary, array, assert, property, string } from "fast-check";
import { describe, expect, test } from "vitest";
import {
  MalformedCommand,
  decodeEnvironment,
  decodeStrings,
  encodeEnvironment,
  encodeStrings,
  putCommandArgs,
  putCommandResult,
  readCommandArgs,
  readCommandResult,
} from "../../src/abi/command.ts";
import { emptyBlob, emptyTree, hashObject, type GitObject, type ObjectKind } from "../../src/store/object.ts";
import { MissingObject } from "../../src/store/errors.ts";
import type { Oid } from "../../src/store/oid.ts";
import { encodeTree, type TreeEntry } from "../../src/store/tree.ts";

class Memory {
  readonly #objects = new Map<Oid, GitObject>();
  get(name: Oid): GitObject {
    const object = this.#objects.get(name);
    if (object === undefined) throw new MissingObject(name);
    return object;
  }
  kindOf(name: Oid): ObjectKind | undefined {
    return this.#objects.get(name)?.kind;
  }
  put(kind: ObjectKind, body: Uint8Array): Oid {
    const name = hashObject(kind, body);
    this.#objects.set(name, { kind, body });
    return name;
  }
  putRequest(): never {
    throw new Error("no request is put here");
  }
}

const objects = new Memory();
const blob = (text: string) => objects.put("blob", Buffer.from(text, "latin1"));
blob("");
objects.put("tree", new Uint8Array(0));
const sound = { argv: ["cat", "a b", ""], env: { B: "2", A: "1=1" }, stdin: emptyBlob, in: emptyTree, cwd: "/src/x" };

test("args are a tree of five, byte for byte", () => {
  const args = putCommandArgs(objects, sound);
  expect(args).toBe("fb98982e503cb6197b2bb816a8dad3d5bee012c0");
  const read = readCommandArgs(objects, args);
  if (typeof read === "string") throw new Error(read);
  expect(Buffer.from(read.argv).toString("latin1")).toBe("cat\0a b\0\0");
  expect(Buffer.from(read.env).toString("latin1")).toBe("A=1=1\0B=2\0");
  expect([read.stdin, read.in, read.cwd]).toEqual([emptyBlob, emptyTree, "/src/x"]);
});

test("decoding what was encoded gives it back, whatever the bytes", () => {
  const text = string({ unit: constantFrom("a", "é", "=", "\n", "\udcff", "😀", "/") });
  assert(
    property(array(text), (list) => {
      expect(decodeStrings(encodeStrings(list))).toEqual(list);
    }),
  );
  const key = string({ unit: constantFrom("a", "-", "é", "\udcfe"), minLength: 1 });
  assert(
    property(dictionary(key, text), (env) => {
      expect(decodeEnvironment(encodeEnvironment(env))).toEqual({ ...env });
    }),
  );
});

test("equal environments are equal bytes", () => {
  expect(encodeEnvironment({ A: "1", "A-B": "2" })).toEqual(encodeEnvironment({ "A-B": "2", A: "1" }));
  expect(encodeEnvironment({ A: "1", "A-B": "2" }).toString("latin1")).toBe("A-B=2\0A=1\0");
});

describe("what no args can spell is refused", () => {
  test.each([
    [{ argv: [] }, "argv is empty, and the command's name is its first"],
    [{ argv: ["a\0b"] }, '"a\\u0000b" holds a NUL'],
    [{ argv: ["\ud800"] }, '"\\ud800" is not well-formed'],
    [{ env: { "": "1" } }, `"" can't be the name of an environment variable`],
    [{ env: { "A=B": "1" } }, `"A=B" can't be the name of an environment variable`],
    [{ env: { A: "1\0" } }, '"A=1\\u0000" holds a NUL'],
    ...["", "src", "/src/", "//", "/a//b", "/a/./b", "/..", "/a\nb"].map(
      (cwd) => [{ cwd }, `${JSON.stringify(cwd)} can't be the folder that a command runs in`] as const,
    ),
  ] as const)("%j", (change, reason) => {
    expect(() => putCommandArgs(objects, { ...sound, ...change })).toThrow(new MalformedCommand(reason));
  });
});

const entry = (name: string, oid: Oid, mode: TreeEntry["mode"] = "100644"): TreeEntry => ({ mode, name, oid });
const treeOf = (entries: Readonly<Record<string, TreeEntry | undefined>>) =>
  objects.put("tree", encodeTree(Object.values(entries).filter((each) => each !== undefined)));

test("more arguments than anybody should hold are refused by their number and size alone", () => {
  const tooMany = new MalformedCommand("argv has more than 1048576 strings, or 67108864 bytes");
  const most = Array.from({ length: 1 << 20 }, () => "");
  expect(objects.kindOf(putCommandArgs(objects, { ...sound, argv: most }))).toBe("tree");
  expect(() => putCommandArgs(objects, { ...sound, argv: [...most, ""] })).toThrow(tooMany);
  expect(() => putCommandArgs(objects, { ...sound, argv: ["a".repeat(64 << 20)] })).toThrow(tooMany);
});

describe("malformed args", () => {
  const entries = {
    argv: entry("argv", blob("cat\0")),
    cwd: entry("cwd", blob("/")),
    env: entry("env", emptyBlob),
    in: entry("in", emptyTree, "40000"),
    stdin: entry("stdin", emptyBlob),
  };
  test("these are sound", () => expect(readCommandArgs(objects, treeOf(entries))).toHaveProperty("cwd", "/"));
  test.each([
    ["no args at all", treeOf({}), "notACommand"],
    ["args that are a blob", emptyBlob, "notACommand"],
    ["without stdin", treeOf({ ...entries, stdin: undefined }), "notACommand"],
    ["with one more", treeOf({ ...entries, salt: entry("salt", emptyBlob) }), "notACommand"],
    ["in as a blob", treeOf({ ...entries, in: entry("in", emptyBlob) }), "notACommand"],
    ["argv as a tree", treeOf({ ...entries, argv: entry("argv", emptyTree, "40000") }), "notACommand"],
    ["argv that is said to be a blob", treeOf({ ...entries, argv: entry("argv", emptyTree) }), "notACommand"],
    ["no argv", treeOf({ ...entries, argv: entry("argv", emptyBlob) }), "badArgv"],
    ["argv of NULs alone", treeOf({ ...entries, argv: entry("argv", blob("\0".repeat(1 << 24))) }), "tooManyArguments"],
    ["an endless env", treeOf({ ...entries, env: entry("env", blob("=".repeat((64 << 20) + 1))) }), "tooManyArguments"],
    ["a cwd of slashes alone", treeOf({ ...entries, cwd: entry("cwd", blob("/".repeat(1 << 24))) }), "badCwd"],
    ["argv without its NUL", treeOf({ ...entries, argv: entry("argv", blob("cat\0a")) }), "badArgv"],
    ...["A=1", "A\0", "=1\0", "B=1\0A=1\0", "A=1\0A=2\0", "A=1\0A=1\0", "\0"].map(
      (env) => [`env ${JSON.stringify(env)}`, treeOf({ ...entries, env: entry("env", blob(env)) }), "badEnv"] as const,
    ),
    ...["", "a", "/a/", "//", "/a//b", "/.", "/a/..", "/a\n", "/a\0"].map(
      (cwd) => [`cwd ${JSON.stringify(cwd)}`, treeOf({ ...entries, cwd: entry("cwd", blob(cwd)) }), "badCwd"] as const,
    ),
  ] as const)("%s", (_what, args, fault) => expect(readCommandArgs(objects, args)).toBe(fault));

  test("an object that is not here is no fault of theirs", () => {
    const absent = entry("argv", hashObject("blob", Buffer.from("absent")));
    expect(() => readCommandArgs(objects, treeOf({ ...entries, argv: absent }))).toThrow(MissingObject);
  });
});

describe("results", () => {
  const put = objects.put.bind(objects);
  test.each([0, 1, 125, 255])("with exit status %i are read as they were put", (exit) => {
    const result = { exit, stdout: blob("out"), stderr: emptyBlob, out: emptyTree };
    expect(readCommandResult(objects, putCommandResult(put, result))).toEqual(result);
  });

  const entries = (exit: string) => ({
    exit: entry("exit", blob(exit)),
    out: entry("out", emptyTree, "40000"),
    stderr: entry("stderr", emptyBlob),
    stdout: entry("stdout", emptyBlob),
  });
  test.each(["", "256", "-1", "00", "01", "1\n", "1e2", "0x1", "9999999"])("%j is no exit status", (exit) => {
    expect(readCommandResult(objects, treeOf(entries(exit)))).toBeUndefined();
  });

  test("other trees are none", () => {
    const { stderr: _absent, ...three } = entries("0");
    expect(readCommandResult(objects, treeOf(three))).toBeUndefined();
    expect(readCommandResult(objects, treeOf({ ...entries("0"), zzz: entry("zzz", emptyBlob) }))).toBeUndefined();
    expect(readCommandResult(objects, treeOf({ ...entries("0"), out: entry("out", emptyBlob) }))).toBeUndefined();
    expect(readCommandResult(objects, emptyBlob)).toBeUndefined();
  });
});
