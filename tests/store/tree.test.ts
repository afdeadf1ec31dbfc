/** Git's tree format, against git itself, isomorphic-git and an order written down in one line. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { hashBlob, writeObject } from "isomorphic-git";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { emptyBlob, emptyTree, hashObject, type ObjectKind } from "../../src/store/object.ts";
import { oid } from "../../src/store/oid.ts";
import {
  MalformedTree,
  canonicalMode,
  compareEntries,
  decodeName,
  decodeTree,
  encodeName,
  encodeTree,
  kindOfMode,
  nameFault,
  type Mode,
  type TreeEntry,
} from "../../src/store/tree.ts";

const hash = oid("1".repeat(40));
const modes: readonly Mode[] = ["40000", "100644", "100755", "120000", "160000"];

/** Names as bytes: few letters, so that prefixes and near neighbours of `/` are common; any byte, UTF-8 or not. */
const nameBytes = fc
  .oneof(
    fc.array(fc.constantFrom(0x2d, 0x2e, 0x30, 0x61, 0xc3, 0xa9, 0xff, 0xf0, 0x9f, 0x98, 0x80), {
      minLength: 1,
      maxLength: 6,
    }),
    fc.array(fc.integer({ min: 1, max: 255 }), { minLength: 1, maxLength: 12 }),
  )
  .map((bytes) => Buffer.from(bytes))
  .filter((bytes) => nameFault(decodeName(bytes)) === undefined);
const oids = fc.uint8Array({ minLength: 20, maxLength: 20 }).map((bytes) => oid(Buffer.from(bytes).toString("hex")));
const entry = fc.record({ mode: fc.constantFrom(...modes), name: nameBytes.map(decodeName), oid: oids });
const entryLists = fc.uniqueArray(entry, { selector: (each) => each.name, maxLength: 12 });

const sortedAs = ({ mode, name }: TreeEntry) =>
  Buffer.concat([encodeName(name), Buffer.from(mode === "40000" ? "/" : "")]);

/** Git's order, from its definition: bytes, a folder as if its name ended in a slash. */
function gitOrder(a: TreeEntry, b: TreeEntry): number {
  return Buffer.compare(sortedAs(a), sortedAs(b));
}

describe("encoding", () => {
  test("decodes to the same entries, in git's order, whatever order they came in", () => {
    fc.assert(
      fc.property(entryLists, (entries) => {
        const bytes = encodeTree(entries);
        expect(decodeTree(bytes)).toEqual(entries.toSorted(gitOrder));
        expect(encodeTree(entries.toReversed())).toEqual(bytes);
        expect(encodeTree(decodeTree(bytes))).toEqual(bytes);
      }),
      { numRuns: 500 },
    );
  });

  test("compares two entries as git does", () => {
    fc.assert(
      fc.property(entry, entry, (a, b) => {
        expect(Math.sign(compareEntries(a, b))).toBe(gitOrder(a, b));
      }),
      { numRuns: 2000 },
    );
  });

  test("keeps every byte of a name, UTF-8 or not", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 20 }), (bytes) => {
        const name = decodeName(bytes);
        expect(encodeName(name)).toEqual(Buffer.from(bytes));
        expect(name.isWellFormed()).toBe(Buffer.from(Buffer.from(bytes).toString("utf8")).equals(bytes));
      }),
      { numRuns: 2000 },
    );
  });

  test.each([
    ["a", 0x61, "a"],
    ["a byte that UTF-8 has not", 0xff, "\udcff"],
    ["the lowest such byte", 0x80, "\udc80"],
  ])("%s", (_, byte, name) => expect(decodeName(Buffer.of(byte))).toBe(name));

  const refused: readonly (readonly [what: string, reason: string, entries: readonly string[]])[] = [
    ["an empty name", "name is empty", [""]],
    ["a slash", "name has a slash or NUL", ["a/b"]],
    ["NUL", "name has a slash or NUL", ["a\0"]],
    [".", "name is reserved", ["."]],
    ["..", "name is reserved", ["a", ".."]],
    [".git", "name is reserved", [".git"]],
    ["a name twice", "name stands twice", ["a", "b", "a"]],
    ["a surrogate that stands for no byte", "name is not UTF-8", ["\ud800"]],
    ["a surrogate that would stand for ASCII", "name is not UTF-8", ["\udc41"]],
    ["such surrogates among others", "name is not UTF-8", ["a", "\ud800", "b"]],
    // Two spellings of one name: é, and the bytes of é one by one.
    ["a second spelling of a name that is UTF-8", "name is not UTF-8", ["\udcc3\udca9"]],
  ];
  test.each(refused)("refuses %s", (_, reason, names) => {
    const entries = names.map((name) => ({ mode: "100644" as const, name, oid: hash }));
    const error = thrown(() => encodeTree(entries));
    expect(error).toBeInstanceOf(MalformedTree);
    expect(error).toMatchObject({ reason });
  });

  test("refuses a file and a folder of one name, though they sort apart", () => {
    const entries: TreeEntry[] = [
      { mode: "100644", name: "a", oid: hash },
      { mode: "100644", name: "a.b", oid: hash },
      { mode: "40000", name: "a", oid: hash },
    ];
    expect(thrown(() => encodeTree(entries))).toMatchObject({ reason: "name stands twice", entry: "a" });
  });

  test("allows names that only look reserved", () => {
    const names = ["...", ".git ", ".GIT", ".gitignore", " ", "\u200b", "-", "a\\b", "CON"];
    const entries = names.map((name) => ({ mode: "100644" as const, name, oid: hash }));
    expect(decodeTree(encodeTree(entries)).map(({ name }) => name)).toEqual(names.toSorted());
  });
});

/** The bytes of one entry, well formed or not. */
const raw = (mode: string, name: string) =>
  Buffer.concat([Buffer.from(`${mode} `), Buffer.from(name, "latin1"), Buffer.from([0]), Buffer.alloc(20, 1)]);

describe("decoding", () => {
  const refused: readonly (readonly [what: string, reason: string, bytes: Buffer])[] = [
    ["text", "cut short", Buffer.from("garbled")],
    ["a mode alone", "cut short", Buffer.from("100644")],
    ["an entry without NUL", "cut short", Buffer.from("100644 name")],
    ["an entry without an oid", "cut short", Buffer.from("100644 name\0")],
    ["an entry cut in its oid", "cut short", raw("100644", "a").subarray(0, -1)],
    ["a byte behind the last entry", "cut short", Buffer.concat([raw("100644", "a"), Buffer.of(0)])],
    ["no mode", "bad mode", raw("", "a")],
    ["a word for a mode", "bad mode", raw("file", "a")],
    ["a mode with a digit that octal has not", "bad mode", raw("100648", "a")],
    ["a mode of a kind that git has not", "bad mode", raw("140000", "a")],
    ["a mode of nothing", "bad mode", raw("000000", "a")],
    ["a mode with two leading zeros", "bad mode", raw("00100644", "a")],
    ["a signed mode", "bad mode", raw("+40000", "a")],
    ["an empty name", "name is empty", raw("100644", "")],
    ["a slash in a name", "name has a slash or NUL", raw("100644", "a/b")],
    ["the name .", "name is reserved", raw("40000", ".")],
    ["the name ..", "name is reserved", raw("40000", "..")],
    ["the name .git", "name is reserved", raw("40000", ".git")],
    ["a name twice", "name stands twice", Buffer.concat([raw("100644", "a"), raw("100644", "a")])],
    [
      "a file and a folder of one name, apart",
      "name stands twice",
      Buffer.concat([raw("100644", "a"), raw("100644", "a.b"), raw("40000", "a")]),
    ],
    ["names out of order", "entries out of order", Buffer.concat([raw("100644", "b"), raw("100644", "a")])],
    ["a folder sorted as a file", "entries out of order", Buffer.concat([raw("40000", "a"), raw("100644", "a.b")])],
    [
      "names out of order beyond UTF-8",
      "entries out of order",
      Buffer.concat([raw("100644", "\xff"), raw("100644", "\xc3\xa9")]),
    ],
  ];
  test.each(refused)("refuses %s", (_, reason, bytes) => {
    const error = thrown(() => decodeTree(bytes));
    expect(error).toBeInstanceOf(MalformedTree);
    expect(error).toMatchObject({ reason });
  });

  test("reads the modes of old trees as git does", () => {
    const written: readonly (readonly [string, Mode])[] = [
      ["040000", "40000"],
      ["40755", "40000"],
      ["100664", "100644"],
      ["100600", "100644"],
      ["100700", "100755"],
      ["100775", "100755"],
      ["120000", "120000"],
      ["120777", "120000"],
      ["160000", "160000"],
      ["0100644", "100644"],
    ];
    for (const [text, mode] of written) {
      expect(canonicalMode(text), text).toBe(mode);
      expect(decodeTree(raw(text, "a"))).toEqual([{ mode, name: "a", oid: "01".repeat(20) }]);
    }
  });

  test("of any bytes gives entries or MalformedTree, also when a good tree has one byte changed", () => {
    const good = encodeTree([
      { mode: "40000", name: "a", oid: hash },
      { mode: "100644", name: "é", oid: hash },
      { mode: "120000", name: "link", oid: hash },
    ]);
    const decodes = (bytes: Uint8Array) => {
      const error = thrown(() => decodeTree(bytes));
      return error === undefined || error instanceof MalformedTree;
    };
    fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), decodes), { numRuns: 1000 });
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.nat(255), (at, byte) => {
        const bytes = Buffer.from(good);
        bytes[at] = byte;
        return decodes(bytes);
      }),
      { numRuns: 1000 },
    );
  });

  test("looks only at the bytes that it is given, in the middle of a larger buffer", () => {
    const tree = encodeTree([{ mode: "100644", name: "a", oid: hash }]);
    const padded = Buffer.concat([Buffer.alloc(5, 0x31), tree, Buffer.alloc(50, 0x31)]);
    expect(decodeTree(padded.subarray(5, 5 + tree.length))).toEqual([{ mode: "100644", name: "a", oid: hash }]);
    expect(decodeTree(new Uint8Array(padded.buffer, padded.byteOffset + 5, tree.length))).toHaveLength(1);
  });
});

/** What `git mktree --batch -z` reads of one tree. */
const records = (entries: readonly TreeEntry[]) =>
  Buffer.concat([
    ...entries.flatMap(({ mode, name, oid: named }) => [
      Buffer.from(`${mode.padStart(6, "0")} ${kindOfMode(mode)} ${named}\t`),
      encodeName(name),
      Buffer.of(0),
    ]),
    Buffer.of(0), // `mktree --batch` ends each tree with an empty record
  ]);

describe("oids", () => {
  const folder = mkdtempSync(join(tmpdir(), "coppice-tree-"));
  const environment = {
    PATH: process.env["PATH"],
    GIT_CONFIG_NOSYSTEM: "1",
    HOME: folder,
    GIT_DIR: join(folder, ".git"),
  };
  const run = (input: Uint8Array, ...args: string[]) =>
    execFileSync("git", args, { input, env: environment, cwd: folder }).toString("latin1").trim();
  beforeAll(() => void run(Buffer.alloc(0), "init", "--quiet"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const bodies: readonly (readonly [ObjectKind, Buffer])[] = [
    ["blob", Buffer.alloc(0)],
    ["blob", Buffer.from("hello\r\n\0\xff", "latin1")],
    ["blob", Buffer.alloc(16_384, 7)],
    ["blob", Buffer.alloc(16_385, 7)],
    ["blob", Buffer.alloc(1 << 20, 7)],
    ["tree", encodeTree([])],
    ["tree", encodeTree([{ mode: "100644", name: "a", oid: emptyBlob }])],
    [
      "commit",
      Buffer.from(`tree ${emptyTree}\nauthor a <a@example.org> 1 +0000\ncommitter a <a@example.org> 1 +0000\n\nm\n`),
    ],
    ["tag", Buffer.from(`object ${emptyTree}\ntype tree\ntag t\ntagger a <a@example.org> 1 +0000\n\nm\n`)],
  ];
  test.each(bodies)("of a %s are those of git hash-object and of isomorphic-git", async (kind, body) => {
    const name = hashObject(kind, body);
    expect(run(body, "hash-object", "-t", kind, "--stdin")).toBe(name);
    const object = Buffer.concat([Buffer.from(`${kind} ${body.length}\0`), body]);
    expect((await hashBlob({ object: body })).oid).toBe(hashObject("blob", body));
    // isomorphic-git writes a wrapped object under the name that it computes.
    const files = new Map<string, Uint8Array>();
    const written = await writeObject({
      fs: { promises: memoryFiles(files) },
      gitdir: "/git",
      object,
      format: "wrapped",
    });
    expect(written).toBe(name);
  });

  test("of trees with any names, UTF-8 or not, are those of git mktree", () => {
    const here = run(Buffer.alloc(0), "hash-object", "-w", "--stdin");
    const tree = run(Buffer.alloc(0), "mktree");
    expect([here, tree]).toEqual([emptyBlob, emptyTree]);
    const lists = fc.sample(
      fc.uniqueArray(fc.record({ mode: fc.constantFrom(...modes), name: nameBytes.map(decodeName) }), {
        selector: (each) => each.name,
        maxLength: 12,
      }),
      { numRuns: 40, seed: 1 },
    );
    const trees = lists.map((list) =>
      list.map(({ mode, name }) => ({
        mode,
        name,
        oid: mode === "40000" ? emptyTree : mode === "160000" ? hash : emptyBlob,
      })),
    );
    const named = run(Buffer.concat(trees.map(records)), "mktree", "-z", "--batch");
    expect(named.split("\n")).toEqual(trees.map((entries) => hashObject("tree", encodeTree(entries))));
  });
});

function thrown(work: () => unknown): unknown {
  try {
    work();
    return undefined;
  } catch (error) {
    return error;
  }
}

const missing = () => Promise.reject(Object.assign(new Error("no such file"), { code: "ENOENT" }));

/** The few calls of a file system by which isomorphic-git writes an object. */
function memoryFiles(files: Map<string, Uint8Array>) {
  return {
    readFile: (path: string) => (files.has(path) ? Promise.resolve(files.get(path)) : missing()),
    writeFile: (path: string, bytes: Uint8Array) => {
      files.set(path, bytes);
      return Promise.resolve();
    },
    mkdir: () => Promise.resolve(),
    stat: missing,
    lstat: missing,
    readdir: () => Promise.resolve([]),
    unlink: missing,
    rmdir: missing,
    readlink: missing,
    symlink: missing,
  };
}
