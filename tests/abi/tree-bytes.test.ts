import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { errorNumbers } from "../../src/abi/error-numbers.ts";
import { entryKind, entryOidAt, isTree, orderedTree } from "../../src/abi/tree-bytes.ts";
import { emptyBlob } from "../../src/store/object.ts";
import { MalformedTree, decodeTree, encodeName, encodeTree, kindOfMode, type Mode } from "../../src/store/tree.ts";

const oid = Buffer.from(emptyBlob, "hex");
const entry = (mode: string, name: string | Uint8Array, at: Uint8Array = oid) =>
  Buffer.concat([Buffer.from(`${mode} `), Buffer.from(name), Buffer.of(0), at]);
const tree = (...entries: readonly Uint8Array[]) => Buffer.concat(entries);

const modes: readonly Mode[] = ["40000", "100644", "100755", "120000", "160000"];
/** Names that meet in git's order in every way. */
const name = fc.oneof(
  fc.constantFrom(
    "a",
    "a-",
    "a-b",
    "a.",
    "a.b",
    "a0",
    "ab",
    "b",
    ".gi",
    ".gitx",
    "...",
    "é",
    "\udcff",
    "a\udcff",
    "😀",
  ),
  fc
    .array(fc.constantFrom("a", "-", ".", "0", "é", "\udcff"), { minLength: 1, maxLength: 3 })
    .map((parts) => parts.join(""))
    .filter((each) => each !== "." && each !== ".."),
);
const entries = fc.array(fc.record({ mode: fc.constantFrom(...modes), name, oid: fc.constant(emptyBlob) }), {
  maxLength: 8,
});

function decodes(bytes: Uint8Array): boolean {
  try {
    decodeTree(bytes);
    return true;
  } catch (error) {
    if (error instanceof MalformedTree) return false;
    throw error;
  }
}

describe("a tree", () => {
  test("is one exactly when the store's own decoder takes it", () => {
    fc.assert(
      fc.property(entries, fc.boolean(), (given, sorted) => {
        const bytes = tree(...given.map((each) => entry(each.mode, encodeName(each.name))));
        const made = sorted ? orderedTree(bytes) : bytes;
        if (typeof made !== "number") expect(isTree(made)).toBe(decodes(made));
      }),
      { numRuns: 2000 },
    );
  });

  test("that is damaged anywhere is judged as the store's own decoder judges it", () => {
    const whole = encodeTree([
      { mode: "100755", name: "a-b", oid: emptyBlob },
      { mode: "40000", name: "a", oid: emptyBlob },
      { mode: "100644", name: "ab", oid: emptyBlob },
      { mode: "120000", name: "é", oid: emptyBlob },
    ]);
    for (let at = 0; at < whole.length; at++) {
      for (const byte of [0, 0x20, 0x2d, 0x2e, 0x2f, 0x30, 0x31, 0x34, 0x36, 0x37, 0x61, 0xff]) {
        const damaged = Buffer.from(whole);
        damaged[at] = byte;
        expect([at, byte, isTree(damaged)]).toEqual([at, byte, decodes(damaged)]);
      }
      expect([at, isTree(whole.subarray(0, at))]).toEqual([at, decodes(whole.subarray(0, at))]);
    }
  });

  test("of an old git is one as it stands", () => {
    for (const mode of ["040000", "100664", "0100644", "100600"]) expect(isTree(entry(mode, "a"))).toBe(true);
  });
});

describe("entries in any order", () => {
  test("come to the tree that the store's own encoder makes, unless a name stands twice", () => {
    fc.assert(
      fc.property(entries, (given) => {
        const bytes = tree(...given.map((each) => entry(each.mode, encodeName(each.name))));
        const isTwice = new Set(given.map((each) => each.name)).size < given.length;
        expect(orderedTree(bytes)).toEqual(isTwice ? errorNumbers.duplicateName : encodeTree(given));
      }),
      { numRuns: 2000 },
    );
  });

  test("that are in order are not copied", () => {
    const bytes = tree(entry("100644", "a"), entry("40000", "b"));
    expect(orderedTree(bytes)).toBe(bytes);
  });

  test("are walked entry by entry, each with its kind", () => {
    const bytes = tree(...modes.map((mode, at) => entry(mode, `name ${at}`, Buffer.alloc(20, at))));
    const walked: string[] = [];
    for (let at = 0; at < bytes.length;) {
      const oidAt = entryOidAt(bytes, at);
      walked.push(`${entryKind(bytes, at)} ${bytes[oidAt]}`);
      at = oidAt + 20;
    }
    expect(walked).toEqual(modes.map((mode, at) => `${kindOfMode(mode)} ${at}`));
  });

  test.each([
    ["an entry cut in its mode", Buffer.from("100644"), "malformedTree"],
    ["an entry cut in its name", Buffer.from("100644 abc"), "malformedTree"],
    ["an entry cut in its oid", entry("100644", "a").subarray(0, -1), "malformedTree"],
    ["a byte behind the last entry", tree(entry("100644", "a"), Buffer.of(0)), "malformedTree"],
    ["one zero", Buffer.of(0), "malformedTree"],
    ["an old mode", entry("100664", "a"), "badMode"],
    ["a folder's mode with a zero before it", entry("040000", "a"), "badMode"],
    ["no mode", entry("", "a"), "badMode"],
    ["a mode in digits that are not octal", entry("100698", "a"), "badMode"],
    ["a name that is empty", entry("100644", ""), "reservedName"],
    ["a name with a slash", entry("100644", "a/b"), "reservedName"],
    ["the name .", entry("100644", "."), "reservedName"],
    ["the name ..", entry("40000", ".."), "reservedName"],
    ["the name .git", entry("40000", ".git"), "reservedName"],
    ["a file twice", tree(entry("100644", "a"), entry("100644", "a")), "duplicateName"],
    ["a file and a folder of one name", tree(entry("100644", "a"), entry("40000", "a")), "duplicateName"],
    [
      "a file and a folder of one name, another between them",
      tree(entry("100644", "a"), entry("100644", "a-"), entry("40000", "a")),
      "duplicateName",
    ],
  ] as const)("%s is refused", (_, bytes, error) => {
    expect(orderedTree(bytes)).toBe(errorNumbers[error]);
  });
});
