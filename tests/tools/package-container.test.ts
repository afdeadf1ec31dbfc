import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { MalformedContainer, readContained } from "../../src/tools/package-container.ts";

const folder = mkdtempSync(join(tmpdir(), "coppice-container-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Entry {
  readonly path: string;
  readonly kind?: number;
  readonly offset: number | bigint;
  readonly bytes: number | bigint;
  readonly last?: number;
}

function count(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>= 7) {
    if (rest < 0x80) return Buffer.from([...bytes, rest]);
    bytes.push((rest & 0x7f) | 0x80);
  }
}

function encodeEntry({ path, kind = 0, offset, bytes, last = 0 }: Entry): Buffer {
  const tail = Buffer.alloc(38);
  tail[0] = kind;
  tail.writeBigUInt64LE(BigInt(offset), 1);
  tail.writeBigUInt64LE(BigInt(bytes), 9);
  tail[37] = last;
  return Buffer.concat([count(Buffer.byteLength(path)), Buffer.from(path), tail]);
}

function container(entries: readonly Entry[], archive: Buffer, manifest = Buffer.from("a manifest")): Buffer {
  const index = Buffer.concat([Buffer.from([1, 0]), count(entries.length), ...entries.map(encodeEntry)]);
  const head = Buffer.from("89414f530100000000000000000000000", "hex").subarray(0, 16);
  head.writeUInt32LE(manifest.length, 8);
  head.writeUInt32LE(index.length, 12);
  return Buffer.concat([head, manifest, index, archive]);
}

function read(bytes: Buffer, path: string): string | undefined {
  const file = join(folder, "package");
  writeFileSync(file, bytes);
  return readContained(file, path)?.toString("utf8");
}

const archive = Buffer.from("....one..twotwo");
const good = container(
  [
    { path: "/bin", kind: 1, offset: 0, bytes: 0 },
    { path: "/bin/one", offset: 4, bytes: 3 },
    { path: "/bin/two", offset: 9, bytes: 6 },
    { path: `/${"x".repeat(300)}`, offset: 4, bytes: 3 },
    { path: "/bin/empty", offset: 0, bytes: 0 },
  ],
  archive,
);

test("a file is read from where the index says", () => {
  expect(read(good, "/bin/one")).toBe("one");
  expect(read(good, "/bin/two")).toBe("twotwo");
  expect(read(good, `/${"x".repeat(300)}`)).toBe("one");
  expect(read(good, "/bin/empty")).toBe("");
});

test("a folder is no file, nor is what the index does not name", () => {
  expect(read(good, "/bin")).toBeUndefined();
  expect(read(good, "/bin/three")).toBeUndefined();
});

describe("a malformed container is refused", () => {
  const patched = (at: number, ...bytes: readonly number[]) => {
    const copy = Buffer.from(good);
    copy.set(bytes, at);
    return copy;
  };
  const one = (entry: Partial<Entry>) => container([{ path: "/bin/one", offset: 4, bytes: 3, ...entry }], archive);
  const indexAt = 26;
  const other = (at: number, byte: number) => {
    const bytes = one({ path: "/bin/two" });
    bytes[at] = byte;
    return bytes;
  };
  const cases: readonly (readonly [what: string, bytes: Buffer, message: string])[] = [
    ["an empty file", Buffer.alloc(0), "its head reaches past its end"],
    ["another magic", patched(0, 0), "its first bytes are not those of one"],
    ["another version", patched(4, 2), "its version is not 1"],
    ["a manifest past the end", patched(8, 0xff, 0xff, 0xff, 0xff), "its index reaches past its end"],
    ["a large index", patched(12, 0xff, 0xff, 0xff, 0xff), "its index is too large"],
    ["another version of its index", patched(indexAt, 2), "its index's version is not 1"],
    ["more entries than there are", other(indexAt + 2, 9), "its index is cut short"],
    ["a number without an end", patched(indexAt + 2, 255, 255, 255, 255, 255), "a number in its index is too large"],
    ["a path longer than the index", other(indexAt + 3, 127), "its index is cut short"],
    ["an entry of another kind", one({ last: 1 }), "an entry of its index is of another kind"],
    ["a file that is cut short", good.subarray(0, -12), "a file reaches past its end"],
    ["an offset past the end", one({ offset: 1e9 }), "a file reaches past its end"],
    ["a huge offset", one({ offset: (1n << 64n) - 1n }), "a number in its index is too large"],
    ["a huge file", one({ bytes: 1e12 }), "a file is too large"],
  ];
  test.each(cases)("%s", (_what, bytes, message) => {
    expect(() => read(bytes, "/bin/one")).toThrow(MalformedContainer);
    expect(() => read(bytes, "/bin/one")).toThrow(message);
  });
});
