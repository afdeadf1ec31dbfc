/** The first difference between two outcomes, as a person is told it. */
import { expect, test } from "vitest";
import { bytesDifference, describeDifference, firstDifference, type Execution } from "../../src/first-difference.ts";
import { hashObject, type GitObject } from "../../src/store/object.ts";
import type { Oid } from "../../src/store/oid.ts";
import { failure, type Outcome } from "../../src/store/outcome.ts";
import { MissingObject } from "../../src/store/store.ts";
import { encodeTree, type Mode, type TreeEntry } from "../../src/store/tree.ts";

const objects = new Map<Oid, GitObject>();
const read = (name: Oid): GitObject => {
  const object = objects.get(name);
  if (object === undefined) throw new MissingObject(name);
  return object;
};
function put(kind: "blob" | "tree", body: Uint8Array): Oid {
  const name = hashObject(kind, body);
  objects.set(name, { kind, body });
  return name;
}
const blob = (text: string): Outcome => ({ kind: "blob", oid: put("blob", Buffer.from(text)) });
const entry = (name: string, text: string, mode: Mode = "100644"): TreeEntry => ({
  name,
  mode,
  oid: put("blob", Buffer.from(text)),
});
const tree = (...entries: readonly TreeEntry[]): Oid => put("tree", encodeTree(entries));
const folder = (name: string, ...entries: readonly TreeEntry[]): TreeEntry => ({
  name,
  mode: "40000",
  oid: tree(...entries),
});
const treeOf = (...entries: readonly TreeEntry[]): Outcome => ({ kind: "tree", oid: tree(...entries) });
const execution = (outcome: Outcome, fuel = 1): Execution => ({ outcome, fuel });
const told = (a: Outcome, b: Outcome) => describeDifference(firstDifference(execution(a), execution(b), read));

test("of two blobs is a byte, with what stands around it in both", () => {
  expect(told(blob("one\ntwo\nthree\n"), blob("one\ntwo\nfour\n"))).toBe(
    'first difference at byte 8: remembered "one\\ntwo\\nthree\\n" (end), found "one\\ntwo\\nfour\\n" (end)',
  );
});

test("of a blob and a longer one is where the shorter one ends", () => {
  expect(bytesDifference(Buffer.from("ab"), Buffer.from("abc"))).toEqual({
    how: "bytes",
    at: 2,
    remembered: '"ab" (end)',
    found: '"abc" (end)',
  });
  expect(bytesDifference(Buffer.alloc(0), Buffer.from("x"))).toMatchObject({ at: 0, remembered: '"" (end)' });
});

test("of bytes that are no text is shown in hex, a few before and behind", () => {
  const [a, b] = [Buffer.alloc(100), Buffer.alloc(100)];
  b[50] = 0xff;
  expect(bytesDifference(a, b)).toEqual({
    how: "bytes",
    at: 50,
    remembered: `…${"00".repeat(32)}…`,
    found: `…${"00".repeat(16)}ff${"00".repeat(15)}…`,
  });
});

test("of two trees is the first path at which they differ, in git's order", () => {
  const a = treeOf(entry("a", "same"), folder("b", entry("x", "1"), entry("y", "2")), entry("z", "3"));
  const b = treeOf(entry("a", "same"), folder("b", entry("x", "1"), entry("y", "5")), entry("z", "4"));
  expect(told(a, b)).toBe('first difference at byte 0 in b/y: remembered "2" (end), found "5" (end)');
});

test.each([
  [
    "that only the remembered one has",
    [entry("a", "1"), entry("b", "2")],
    [entry("b", "2")],
    /in a: remembered 100644 \w+, found no such entry/,
  ],
  [
    "that only the other one has",
    [entry("b", "2")],
    [entry("b", "2"), entry("c", "3")],
    /in c: remembered no such entry, found 100644/,
  ],
  [
    "of another mode",
    [entry("a", "1")],
    [entry("a", "1", "100755")],
    /in a: remembered 100644 (\w+), found 100755 \1$/,
  ],
  ["of another kind", [entry("a", "1")], [folder("a")], /in a: remembered 100644 \w+, found 40000 /],
] as const)("of two trees may be an entry %s", (_, a, b, words) => {
  expect(told(treeOf(...a), treeOf(...b))).toMatch(words);
});

test("of two failures, or of a failure and a result, are both texts", () => {
  expect(told(failure("trap", "x"), failure("trap", "y"))).toBe(
    "remembered: failed (trap): x; found: failed (trap): y",
  );
  expect(told(blob("x"), failure("limit", "too much"))).toMatch(
    /^remembered: blob \w{40}; found: failed \(limit\): too much$/,
  );
  expect(told(blob("x"), treeOf())).toMatch(/^remembered: blob \w{40}; found: tree \w{40}$/);
});

test("of one outcome at two costs is the fuel", () => {
  const [a, b] = [execution(blob("x"), 5), execution(blob("x"), 6)];
  expect(describeDifference(firstDifference(a, b, read))).toBe(
    "the same outcome at another cost: remembered fuel 5, found fuel 6",
  );
  expect(firstDifference(a, a, read).how).toBe("none");
});

test("that can't be read says so", () => {
  const gone: Outcome = { kind: "blob", oid: hashObject("blob", Buffer.from("gone")) };
  expect(told(blob("x"), gone)).toMatch(/^the first difference can't be shown: .*no object/);
});

test("thousands of folders deep is found all the same", () => {
  const deep = (text: string) => {
    let at = entry("f", text);
    for (let level = 0; level < 3000; level++) at = folder("d", at);
    return treeOf(at);
  };
  expect(told(deep("1"), deep("2"))).toMatch(/at byte 0 in (d\/){3000}f:/);
});
