import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CarReader as IndependentReader } from "@ipld/car";
import * as fc from "fast-check";
import { afterAll, expect, it } from "vitest";
import { CarReader, carBlock, carHeader, type CarBlock } from "../../src/store/car.ts";
import { cidOf } from "../../src/store/cid.ts";
import { hashObject, type GitObject, type ObjectKind } from "../../src/store/object.ts";
import { oid } from "../../src/store/oid.ts";

const folder = mkdtempSync(join(tmpdir(), "coppice-car-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function carOf(objects: readonly GitObject[]): Buffer {
  const names = objects.map(({ kind, body }) => hashObject(kind, body));
  const blocks = objects.flatMap((object, at) => carBlock(names[at] as never, object));
  return Buffer.concat([carHeader(names[0] as never), ...blocks]);
}

function read(bytes: Uint8Array, bodyBytesMax?: number): CarBlock[] {
  const file = join(folder, "file.car");
  writeFileSync(file, bytes);
  const reader = new CarReader(file);
  try {
    const blocks: CarBlock[] = [];
    for (let block = reader.next(bodyBytesMax); block !== undefined; block = reader.next(bodyBytesMax))
      blocks.push(block);
    return blocks;
  } finally {
    reader.close();
  }
}

const hello: GitObject = { kind: "blob", body: Buffer.from("hello\n") };
const helloName = oid("ce013625030ba8dba906f756967f9e9ca394464a");
const headerHex = `2ea265726f6f747381d82a58190001781114${helloName}6776657273696f6e01`;
const headHex = Buffer.from("blob 6\0", "latin1").toString("hex");
const blockHex = `2501781114${helloName}${headHex}${Buffer.from("hello\n").toString("hex")}`;

it("one object is these bytes", () => {
  expect(carOf([hello]).toString("hex")).toBe(headerHex + blockHex);
  expect(read(Buffer.from(headerHex + blockHex, "hex"))).toEqual([{ name: helloName, object: hello, at: 47 }]);
});

it("a reader that others wrote finds the same root and objects", async () => {
  const objects: GitObject[] = [
    hello,
    { kind: "tree", body: Buffer.alloc(0) },
    { kind: "blob", body: Buffer.alloc(300_000, 7) },
  ];
  const reader = await IndependentReader.fromBytes(carOf(objects));
  expect((await reader.getRoots()).map(String)).toEqual([cidOf(helloName)]);
  const found: { cid: string; bytes: Buffer }[] = [];
  for await (const { cid, bytes } of reader.blocks()) found.push({ cid: cid.toString(), bytes: Buffer.from(bytes) });
  expect(found).toEqual(
    objects.map(({ kind, body }) => ({
      cid: cidOf(hashObject(kind, body)),
      bytes: Buffer.concat([Buffer.from(`${kind} ${body.length}\0`), body]),
    })),
  );
});

it("what is written is read again, whatever the objects' kinds and lengths", () => {
  const kinds: ObjectKind[] = ["blob", "tree", "commit", "tag"];
  const lengths = fc.oneof(fc.nat(300), fc.nat(70_000), fc.integer({ min: 262_000, max: 263_000 }));
  const object = fc
    .tuple(fc.constantFrom(...kinds), lengths, fc.nat(255))
    .map(([kind, length, fill]): GitObject => ({ kind, body: Buffer.alloc(length, fill) }));
  fc.assert(
    fc.property(fc.array(object, { minLength: 1, maxLength: 6 }), (objects) => {
      expect(read(carOf(objects)).map((block) => block.object)).toEqual(objects);
    }),
    { numRuns: 20 },
  );
});

const block = (length: string, rest: string) => `${headerHex}${length}${rest}`;
const named = (object: string) => hashOf(Buffer.from(object, "latin1"));
function hashOf(bytes: Buffer): string {
  const name = createHash("sha1").update(bytes).digest("hex");
  const rest = `01781114${name}${bytes.toString("hex")}`;
  return block((rest.length / 2).toString(16).padStart(2, "0"), rest);
}

it.each([
  ["nothing", "", "it does not begin as a CAR file of one git object does (at byte 0)"],
  ["a header cut short", headerHex.slice(0, -2), "it does not begin as a CAR file of one git object does (at byte 0)"],
  [
    "two roots",
    headerHex.replace("81d82a", "82d82a"),
    "it does not begin as a CAR file of one git object does (at byte 0)",
  ],
  ["version 2", headerHex.replace(/01$/, "02"), "it does not begin as a CAR file of one git object does (at byte 0)"],
  [
    "a root of another codec",
    headerHex.replace("017811", "015511"),
    "it does not begin as a CAR file of one git object does (at byte 0)",
  ],
  [
    "a header's length in two bytes",
    `ae00${headerHex.slice(2)}`,
    "a length is not written the shortest way (at byte 0)",
  ],
  ["a block cut short", block("25", blockHex.slice(2, -2)), "it is cut short (at byte 47)"],
  ["a byte after the last block", `${headerHex}${blockHex}25`, "it is cut short (at byte 85)"],
  ["a zero after the last block", `${headerHex}${blockHex}00`, "a block is too short for a name (at byte 85)"],
  ["a length cut short", `${headerHex}a5`, "it is cut short (at byte 47)"],
  ["a length in two bytes", block("a500", blockHex.slice(2)), "a length is not written the shortest way (at byte 47)"],
  ["a length of seven bytes", block("ffffffffffff01", ""), "a length is too large (at byte 47)"],
  ["a length that no object has", block("ffffffff7f", ""), "a block is too long (at byte 47)"],
  ["a length that the file has not", block("ffff7f", blockHex), "it is cut short (at byte 47)"],
  [
    "a block of another codec",
    block("25", blockHex.slice(2).replace("017811", "015511")),
    "a block is named by something else than the CID of a git object (at byte 47)",
  ],
  [
    "another content",
    block("25", blockHex.slice(2).replace(/0a$/, "0b")),
    `the bytes of ${helloName} have another hash (at byte 47)`,
  ],
  ["an object of no kind", named("bulb 6\0hello\n"), "is no git object (at byte 47)"],
  ["an object of another length", named("blob 7\0hello\n"), "is no git object (at byte 47)"],
  ["a length with a zero before", named("blob 06\0hello\n"), "is no git object (at byte 47)"],
  ["an object without a header", named("hello\n"), "is no git object (at byte 47)"],
  ["an empty object", named(""), "is no git object (at byte 47)"],
])("%s is refused", (_, hex, words) => {
  expect(() => read(Buffer.from(hex, "hex"))).toThrow(words);
});

it("an object is refused by its length before it is read", () => {
  expect(() => read(carOf([{ kind: "blob", body: Buffer.alloc(200) }]), 100)).toThrow(
    "a block is too long (at byte 47)",
  );
});

it("a pipe that nobody writes to is refused, and not waited for", () => {
  const pipe = join(folder, "pipe");
  execFileSync("mkfifo", [pipe]);
  expect(() => new CarReader(pipe)).toThrow("it is no regular file (at byte 0)");
});
