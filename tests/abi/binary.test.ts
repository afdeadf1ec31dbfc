import { describe, expect, test } from "vitest";
import { binaryFunctions, lies, readItems, readKind, readText, writeJob, writeOutcomes } from "../../src/abi/binary.ts";
import { errorNumbers } from "../../src/abi/error-numbers.ts";
import { emptyBlob, emptyTree } from "../../src/store/object.ts";
import { oid } from "../../src/store/oid.ts";
import { failure } from "../../src/store/outcome.ts";

const room = (length = 256) => Buffer.alloc(length, 0xee);
const u32 = (...values: readonly number[]) => Buffer.from(Uint32Array.from(values).buffer);
/** A memory with these bytes at these places. */
function memory(parts: Readonly<Record<number, Uint8Array>>, length = 256): Buffer {
  const bytes = room(length);
  for (const [at, part] of Object.entries(parts)) bytes.set(part, Number(at));
  return bytes;
}

test("the functions and their types are these, for good", () => {
  expect(binaryFunctions).toMatchInlineSnapshot(`
    {
      "args": ":i",
      "blob": "i:i",
      "error_text": "i:i",
      "job": "i:i",
      "log": "ii:i",
      "out": "ii:i",
      "put_blob": "iii:i",
      "put_tree": "iii:i",
      "read": "iii:i",
      "run_many": "iii:i",
      "tree": "i:i",
    }
  `);
});

test("what reaches beyond a memory's end does not lie in it, however large the numbers", () => {
  const bytes = room(64);
  expect([lies(bytes, 0, 64), lies(bytes, 64, 0), lies(bytes, 44, 20)]).toEqual([true, true, true]);
  const outside = [
    [0, 65],
    [65, 0],
    [45, 20],
    [0xffff_ffff, 1],
    [0xffff_ffff, 0xffff_ffff],
    [1, 0xffff_ffff],
  ] as const;
  for (const [at, length] of outside) expect(lies(bytes, at, length)).toBe(false);
});

describe("job", () => {
  const request = {
    args: emptyTree,
    oid: oid("1".repeat(40)),
    image: emptyTree,
    std: oid("2".repeat(40)),
    stdBlob: emptyBlob,
    salt: "s",
    saltBlob: emptyBlob,
  };

  test("writes args, std and the request, sixty bytes", () => {
    const bytes = room(64);
    writeJob(request, bytes, 2);
    expect(bytes.toString("hex")).toBe(`eeee${emptyTree}${request.std}${request.oid}eeee`);
  });

  test("writes zeros where there is no std", () => {
    const bytes = room(60);
    writeJob({ ...request, std: undefined }, bytes, 0);
    expect(bytes.toString("hex")).toBe(`${emptyTree}${"00".repeat(20)}${request.oid}`);
  });
});

describe("run_many", () => {
  const image = Buffer.from("/cas/std/x");
  const args = Buffer.alloc(28, 0x11);

  test("reads an item: the image as text, the args as a tree's bytes or by name", () => {
    const bytes = memory({ 0: u32(64, 10, 100, 28, 64, 10, 100, 20, 64, 0, 0, 0), 64: image, 100: args });
    expect(readItems(bytes, 0, 3)).toEqual([
      { image: "/cas/std/x", args },
      { image: "/cas/std/x", args: "11".repeat(20) },
      { image: "", args: Buffer.alloc(0) },
    ]);
    expect(readItems(bytes, 256, 0)).toEqual([]);
  });

  test.each([
    ["items beyond the end", 248, 1, {}, "outOfMemory"],
    ["items from beyond the end", 257, 0, {}, "outOfMemory"],
    ["more items than a call can have", 0, (1 << 20) + 1, {}, "tooMany"],
    ["as many items as there are numbers", 0, 0xffff_ffff, {}, "tooMany"],
    ["an image beyond the end", 0, 1, { 0: u32(250, 7, 0, 0) }, "outOfMemory"],
    ["an image of negative length", 0, 1, { 0: u32(0, 0xffff_ffff, 0, 0) }, "outOfMemory"],
    ["an image at a negative address", 0, 1, { 0: u32(0xffff_fff0, 20, 0, 0) }, "outOfMemory"],
    ["args beyond the end", 0, 1, { 0: u32(0, 0, 240, 20) }, "outOfMemory"],
    ["args that wrap around", 0, 1, { 0: u32(0, 0, 0xffff_ffff, 2) }, "outOfMemory"],
    ["a second item's args beyond the end", 0, 2, { 0: u32(0, 0, 0, 0, 0, 0, 256, 1) }, "outOfMemory"],
    ["an image that is not UTF-8", 0, 1, { 0: u32(64, 1, 0, 0), 64: Buffer.of(0xff) }, "notUtf8"],
  ] as const)("%s is an error", (_, at, count, parts, error) => {
    expect(readItems(memory(parts), at, count)).toBe(errorNumbers[error]);
  });

  test("items that name more bytes than a call can have are too long, shared or not", () => {
    const length = 33 << 20;
    const bytes = memory({ 0: u32(0, 0, 0, length, 0, 0, 0, length) }, length);
    expect(readItems(bytes, 0, 1)).toHaveLength(1);
    expect(readItems(bytes, 0, 2)).toBe(errorNumbers.tooLong);
  });

  test("answers with a kind and an oid, or with where a message stands among the kept ones", () => {
    const bytes = room(4 * 24 + 2);
    const outcomes = [
      { kind: "tree", oid: emptyTree },
      failure("trap", "é"),
      { kind: "blob", oid: emptyBlob },
      failure("abi", "no"),
    ] as const;
    expect(writeOutcomes(outcomes, bytes, 1)).toEqual(Buffer.from("éno"));
    expect(bytes.toString("hex")).toBe(
      [
        "ee",
        `01000000${emptyTree}`,
        `020000000000000002000000${"00".repeat(12)}`,
        `00000000${emptyBlob}`,
        `020000000200000002000000${"00".repeat(12)}`,
        "ee",
      ].join(""),
    );
    expect(writeOutcomes([], bytes, 98)).toEqual(Buffer.alloc(0));
  });

  test("writes nothing when the messages are too long for any guest", () => {
    const long = failure("trap", "x".repeat(4000));
    const outcomes = Array.from({ length: Math.ceil((256 << 20) / 4000) + 1 }, () => long);
    const bytes = room(24);
    expect(writeOutcomes(outcomes, bytes, 0)).toBe(errorNumbers.tooLarge);
    expect(bytes).toEqual(room(24));
  });
});

test("a kind is 0 or 1", () => {
  expect([0, 1, 2, 0xffff_ffff].map(readKind)).toEqual(["blob", "tree", undefined, undefined]);
});

test("text is UTF-8, inside of memory, and not too long", () => {
  const bytes = memory({ 0: Buffer.from("aé"), 10: Buffer.of(0xc3) });
  expect([readText(bytes, 0, 3), readText(bytes, 256, 0)]).toEqual(["aé", ""]);
  expect(readText(bytes, 10, 1)).toBe(errorNumbers.notUtf8);
  expect(readText(bytes, 0, 2)).toBe(errorNumbers.notUtf8);
  expect(readText(bytes, 250, 7)).toBe(errorNumbers.outOfMemory);
  expect(readText(bytes, 0xffff_ffff, 1)).toBe(errorNumbers.outOfMemory);
  const long = (64 << 20) + 1;
  expect(readText(Buffer.alloc(long), 0, long)).toBe(errorNumbers.tooLong);
});
