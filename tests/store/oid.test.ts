/** Names of objects, in hex, in bytes and as CIDs. */
import * as fc from "fast-check";
import { CID } from "multiformats/cid";
import { base58btc } from "multiformats/bases/base58";
import { create } from "multiformats/hashes/digest";
import { describe, expect, test } from "vitest";
import { cidOf, oidOfCid } from "../../src/store/cid.ts";
import { oid, oidFromBytes, oidToBytes, parseOid } from "../../src/store/oid.ts";

const bytesOfOid = fc.uint8Array({ minLength: 20, maxLength: 20 });

test("an oid is its 20 bytes and back, at any offset", () => {
  fc.assert(
    fc.property(bytesOfOid, fc.nat(7), (bytes, offset) => {
      const shifted = Buffer.concat([Buffer.alloc(offset), bytes]).subarray(offset);
      const name = oidFromBytes(shifted);
      expect(oidToBytes(name)).toEqual(Buffer.from(bytes));
      expect(oidFromBytes(Buffer.concat([Buffer.alloc(offset), bytes]), offset)).toBe(name);
      expect(parseOid(name)).toBe(name);
    }),
  );
});

test.each([
  ["nothing", ""],
  ["39 digits", "a".repeat(39)],
  ["41 digits", "a".repeat(41)],
  ["capitals", "A".repeat(40)],
  ["another letter", `${"a".repeat(39)}g`],
  ["a newline behind", `${"a".repeat(40)}\n`],
  ["a newline before", `\n${"a".repeat(40)}`],
  ["two lines", `${"a".repeat(40)}\n${"a".repeat(40)}`],
  ["digits that only look like digits", "\uff11".repeat(40)],
])("%s is no oid", (_, text) => {
  expect(parseOid(text)).toBeUndefined();
  expect(() => oid(text)).toThrow(RangeError);
});

test("fewer than 20 bytes are no oid, and neither is a place outside", () => {
  expect(() => oidFromBytes(Buffer.alloc(19))).toThrow(RangeError);
  expect(() => oidFromBytes(Buffer.alloc(20), 1)).toThrow(RangeError);
  expect(() => oidFromBytes(Buffer.alloc(40), -1)).toThrow(RangeError);
});

describe("a CID", () => {
  const emptyTree = oid("4b825dc642cb6eb9a060e54bf8d69288fbee4904");
  const literal = "baf4bcfclqjo4mqwln242ayhfjp4nneui7pxesba";

  test("of the empty tree is literally this one", () => {
    expect(cidOf(emptyTree)).toBe(literal);
    expect(oidOfCid(literal)).toBe(emptyTree);
  });

  test("names the oid that it was made of, in base32 and in base58", () => {
    fc.assert(
      fc.property(bytesOfOid, (bytes) => {
        const name = oidFromBytes(bytes);
        expect(oidOfCid(cidOf(name))).toBe(name);
        expect(oidOfCid(base58(name))).toBe(name);
      }),
    );
  });

  const digest = create(0x11, oidToBytes(emptyTree));
  test.each([
    ["nothing", ""],
    ["an oid", emptyTree],
    ["a CID cut short", literal.slice(0, -1)],
    ["a CID with more behind", `${literal}a`],
    ["a CID in capitals", literal.toUpperCase()],
    ["a CID with a newline behind", `${literal}\n`],
    ["a CID of raw bytes", CID.createV1(0x55, digest).toString()],
    ["a CID over SHA-256", CID.createV1(0x78, create(0x12, Buffer.alloc(32))).toString()],
    ["a CID of a short hash", CID.createV1(0x78, create(0x11, Buffer.alloc(19))).toString()],
    ["a CID of version 0", "QmdfTbBqBPQ7VNxZEYEj14VmRuZBkqFbiwReogJgS1zR1n"],
    ["characters that base32 has not", `b${"1".repeat(40)}`],
  ])("that names a git object is not %s", (_, text) => expect(oidOfCid(text)).toBeUndefined());

  test("is read from any text without an exception", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[bz][0-9A-Za-z]{20,80}$/)), (text) => {
        const named = oidOfCid(text);
        expect(named === undefined || parseOid(named) === named).toBe(true);
      }),
    );
  });
});

function base58(name: ReturnType<typeof oid>): string {
  return CID.parse(cidOf(name)).toString(base58btc);
}
