/** The codec that both ends of the pipe read and write with. */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import {
  MalformedMessage,
  MessageReader,
  readNumber,
  readUtf8,
  utf8BytesMost,
  writeNumber,
  writeUtf8,
} from "../../../src/isolate-host/script/protocol.ts";

const encoded = (text: string) => {
  const bytes = new Uint8Array(utf8BytesMost(text));
  return bytes.subarray(0, writeUtf8(text, bytes, 0));
};

test("text is written as Node writes it, halves of pairs too", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      expect(Buffer.from(encoded(text))).toEqual(Buffer.from(text, "utf8"));
    }),
  );
  const units = fc.array(fc.constantFrom(0xd800, 0xdbff, 0xdc00, 0xdfff, 0x41, 0xe9, 0x20ac));
  fc.assert(
    fc.property(units, (codes) => {
      const text = String.fromCharCode(...codes);
      expect(Buffer.from(encoded(text))).toEqual(Buffer.from(text, "utf8"));
    }),
  );
});

test("any bytes are read as the Encoding Standard has it, and strictly not when they are malformed", () => {
  const lead = fc.constantFrom(
    0x00,
    0x41,
    0x7f,
    0x80,
    0xbf,
    0xc0,
    0xc2,
    0xe0,
    0xe2,
    0xed,
    0xef,
    0xf0,
    0xf4,
    0xf5,
    0xff,
    0x9f,
    0xa0,
    0x8f,
    0x90,
  );
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  fc.assert(
    fc.property(fc.array(lead, { maxLength: 24 }), (numbers) => {
      const bytes = Uint8Array.from(numbers);
      const text = decoder.decode(bytes);
      expect(readUtf8(bytes, false)).toBe(text);
      const isSound = Buffer.from(text, "utf8").equals(bytes);
      expect(readUtf8(bytes, true)).toBe(isSound ? text : undefined);
    }),
    { numRuns: 3000 },
  );
  const long = "é😀a".repeat(5000);
  expect(readUtf8(encoded(long), true)).toBe(long);
});

test("numbers of 32 bits come back", () => {
  fc.assert(
    fc.property(fc.nat({ max: 2 ** 32 - 1 }), (value) => {
      const bytes = new Uint8Array(6);
      writeNumber(bytes, 1, value);
      expect(readNumber(bytes, 1)).toBe(value);
      expect(Buffer.from(bytes).readUInt32LE(1)).toBe(value);
    }),
  );
});

test.each<[string, number[], (reader: MessageReader) => unknown]>([
  ["a byte that is not there", [], (reader) => reader.byte()],
  ["half a number", [1, 2, 3], (reader) => reader.number()],
  ["half an oid", Array.from({ length: 19 }, () => 1), (reader) => reader.oid()],
  ["bytes without a length", [1], (reader) => reader.lengthAndBytes()],
  ["bytes shorter than their length", [2, 0, 0, 0, 7], (reader) => reader.lengthAndBytes()],
  ["a length beyond any message", [255, 255, 255, 255, 7], (reader) => reader.lengthAndBytes()],
  ["more than was read", [7], (reader) => reader.end()],
])("%s is a malformed message", (_what, bytes, read) => {
  expect(() => read(new MessageReader(Uint8Array.from(bytes), 0))).toThrow(MalformedMessage);
});
