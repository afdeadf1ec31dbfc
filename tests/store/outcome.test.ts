/** Failed outcomes: cut deterministically, written canonically, read back only when nothing else could have written them. */
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { oid } from "../../src/store/oid.ts";
import {
  decodeFailure,
  encodeOutcome,
  failure,
  failureBytesMax,
  failureCodes,
  sameOutcome,
} from "../../src/store/outcome.ts";

const bytesOf = (message: string) => encodeOutcome(failure("trap", message)).length;

test("a failure's bytes are canonical JSON, literally", () => {
  expect(encodeOutcome(failure("limit", 'a "b"\n\u0001é\u{1f600}')).toString("utf8")).toBe(
    '{"code":"limit","message":"a \\"b\\"\\n\\u0001é\u{1f600}"}',
  );
});

test("a result's bytes are its oid's", () => {
  const name = oid("0123456789abcdef0123456789abcdef01234567");
  expect(encodeOutcome({ kind: "tree", oid: name }).toString("hex")).toBe(name);
});

describe("a message that is too long", () => {
  const room = failureBytesMax - bytesOf("");

  test.each([
    ["ASCII", "x", 1],
    ["two-byte characters", "é", 2],
    ["three-byte characters", "€", 3],
    ["surrogate pairs", "\u{1f600}", 4],
    ["short escapes", "\n", 2],
    ["quotes", '"', 2],
    ["long escapes", "\u0001", 6],
  ])("is cut to as many whole characters as fit: %s", (_, character, width) => {
    const { message } = failure("trap", character.repeat(10_000));
    expect(message).toBe(character.repeat(Math.floor(room / width)));
    expect(failure("trap", message).message).toBe(message);
  });

  test.each([1, 2, 3])("is cut before a surrogate pair that has only %i bytes of room", (left) => {
    const prefix = "x".repeat(room - left);
    expect(failure("trap", `${prefix}\u{1f600}`).message).toBe(prefix);
  });

  test("is kept whole when it fits to the byte", () => {
    for (const whole of ["x".repeat(room), `${"x".repeat(room - 4)}\u{1f600}`]) {
      expect(failure("trap", whole).message).toBe(whole);
      expect(bytesOf(whole)).toBe(failureBytesMax);
    }
  });

  test("is cut by the room that its code leaves", () => {
    const lengths = failureCodes.map((code) => encodeOutcome(failure(code, "x".repeat(5000))).length);
    expect(new Set(lengths)).toEqual(new Set([failureBytesMax]));
  });
});

test("halves of surrogate pairs become the replacement character, whether they are cut or not", () => {
  expect(failure("trap", "a\ud800b\udc00").message).toBe("a\ufffdb\ufffd");
  const { message } = failure("trap", "\udc00".repeat(5000));
  expect(message).toMatch(/^\ufffd+$/);
  expect(message.isWellFormed()).toBe(true);
});

const code = fc.constantFrom(...failureCodes);
const anyText = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.string({ unit: "grapheme", maxLength: 3000 }),
  fc.array(fc.nat(0xffff), { maxLength: 5000 }).map((units) => String.fromCharCode(...units)),
);

test("whatever the message, a failure fits, is a prefix, is the longest that fits, and reads back", () => {
  fc.assert(
    fc.property(code, anyText, (each, text) => {
      const failed = failure(each, text);
      const whole = text.toWellFormed();
      expect(whole.startsWith(failed.message)).toBe(true);
      expect(failed.message.isWellFormed()).toBe(true);
      const bytes = encodeOutcome(failed);
      expect(bytes.length).toBeLessThanOrEqual(failureBytesMax);
      if (failed.message !== whole) {
        const next = String.fromCodePoint(whole.codePointAt(failed.message.length) as number);
        expect(encodeOutcome({ ...failed, message: failed.message + next }).length).toBeGreaterThan(failureBytesMax);
      }
      expect(decodeFailure(bytes)).toEqual(failed);
    }),
    { numRuns: 300 },
  );
});

describe("no failure is", () => {
  const canonical = encodeOutcome(failure("trap", "aé"));
  test.each([
    ["nothing", Buffer.alloc(0)],
    ["a result's oid", Buffer.alloc(20)],
    ["JSON cut short", canonical.subarray(0, -1)],
    ["null", Buffer.from("null")],
    ["a list", Buffer.from('["trap","a"]')],
    ["one without a message", Buffer.from('{"code":"trap"}')],
    ["one of an unknown code", Buffer.from('{"code":"odd","message":"a"}')],
    ["one with a numeric message", Buffer.from('{"code":"trap","message":1}')],
    ["one in another order", Buffer.from('{"message":"a","code":"trap"}')],
    ["one with more in it", Buffer.from('{"code":"trap","message":"a","more":1}')],
    ["one with white space", Buffer.from('{"code": "trap","message":"a"}')],
    ["one with another escape", Buffer.from('{"code":"trap","message":"\\u0061"}')],
    ["one with a byte order mark", Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), canonical])],
    [
      "one that is not UTF-8",
      Buffer.concat([Buffer.from('{"code":"trap","message":"'), Buffer.of(0xff), Buffer.from('"}')]),
    ],
    ["one that is longer than a failure can be", Buffer.from(`{"code":"trap","message":"${"x".repeat(5000)}"}`)],
  ])("%s", (_, bytes) => expect(decodeFailure(bytes)).toBeUndefined());

  test("any canonical one with a byte changed, unless the changed bytes are canonical too", () => {
    fc.assert(
      fc.property(fc.nat(canonical.length - 1), fc.nat(255), (at, byte) => {
        const bytes = Buffer.from(canonical);
        bytes[at] = byte;
        const read = decodeFailure(bytes);
        if (read !== undefined) expect(encodeOutcome(read)).toEqual(bytes);
      }),
      { numRuns: 2000 },
    );
  });
});

test("outcomes are the same when kind and bytes are", () => {
  const name = oid("1".repeat(40));
  expect(sameOutcome({ kind: "blob", oid: name }, { kind: "blob", oid: name })).toBe(true);
  expect(sameOutcome({ kind: "blob", oid: name }, { kind: "tree", oid: name })).toBe(false);
  expect(sameOutcome(failure("trap", "a"), failure("trap", "a"))).toBe(true);
  expect(sameOutcome(failure("trap", "a"), failure("exit", "a"))).toBe(false);
  expect(sameOutcome(failure("trap", "a"), failure("trap", "b"))).toBe(false);
});
