/** Canonical JSON: RFC 8785's own vectors, and what is refused. */
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { UnfitJson, canonicalJson } from "../../src/abi/canonical-json.ts";

const refusalOf = (value: unknown) => {
  try {
    return `accepted: ${canonicalJson(value)}`;
  } catch (error) {
    if (error instanceof UnfitJson) return error.message;
    throw error;
  }
};

describe("RFC 8785", () => {
  test("its example of all kinds of values (3.2.2)", () => {
    const value = {
      numbers: JSON.parse("[333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001]") as unknown,
      string: "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"/",
      literals: [null, true, false],
    };
    expect(canonicalJson(value)).toBe(
      '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
    );
  });

  test("its example of sorting by UTF-16 code units (3.2.3)", () => {
    const value = {
      "\u20ac": "Euro Sign",
      "\r": "Carriage Return",
      "\ufb33": "Hebrew Letter Dalet With Dagesh",
      "1": "One",
      "\u{1f600}": "Emoji: Grinning Face",
      "\u0080": "Control",
      "\u00f6": "Latin Small Letter O With Diaeresis",
    };
    expect([...canonicalJson(value).matchAll(/:"([^"]+)"/g)].map(([, text]) => text)).toEqual([
      "Carriage Return",
      "One",
      "Control",
      "Latin Small Letter O With Diaeresis",
      "Euro Sign",
      "Emoji: Grinning Face",
      "Hebrew Letter Dalet With Dagesh",
    ]);
  });

  test.each([
    ["0000000000000000", "0"],
    ["8000000000000000", "0"],
    ["0000000000000001", "5e-324"],
    ["8000000000000001", "-5e-324"],
    ["7fefffffffffffff", "1.7976931348623157e+308"],
    ["ffefffffffffffff", "-1.7976931348623157e+308"],
    ["4340000000000000", "9007199254740992"],
    ["c340000000000000", "-9007199254740992"],
    ["4430000000000000", "295147905179352830000"],
    ["44b52d02c7e14af5", "9.999999999999997e+22"],
    ["44b52d02c7e14af6", "1e+23"],
    ["44b52d02c7e14af7", "1.0000000000000001e+23"],
    ["444b1ae4d6e2ef4e", "999999999999999700000"],
    ["444b1ae4d6e2ef4f", "999999999999999900000"],
    ["444b1ae4d6e2ef50", "1e+21"],
    ["3eb0c6f7a0b5ed8c", "9.999999999999997e-7"],
    ["3eb0c6f7a0b5ed8d", "0.000001"],
    ["41b3de4355555553", "333333333.3333332"],
    ["41b3de4355555554", "333333333.33333325"],
    ["41b3de4355555555", "333333333.3333333"],
    ["41b3de4355555556", "333333333.3333334"],
    ["41b3de4355555557", "333333333.33333343"],
    ["becbf647612f3696", "-0.0000033333333333333333"],
    ["43143ff3c1cb0959", "1424953923781206.2"],
  ])("its number %s is written %s (appendix B)", (bits, text) => {
    expect(canonicalJson(Buffer.from(bits, "hex").readDoubleBE())).toBe(text);
  });
});

test("keys that look like numbers are sorted as texts", () => {
  expect(canonicalJson({ b: 0, "10": 1, "9": 2, "": 3 })).toBe('{"":3,"10":1,"9":2,"b":0}');
});

test("a key named __proto__ is a key", () => {
  expect(canonicalJson(JSON.parse('{"z":1,"__proto__":{"b":1,"a":2}}'))).toBe('{"__proto__":{"a":2,"b":1},"z":1}');
});

test("objects without a prototype are plain, and so are another realm's", () => {
  expect(canonicalJson(Object.assign(Object.create(null) as object, { b: 1, a: [] }))).toBe('{"a":[],"b":1}');
});

test("the order in which an object was made is not in its text, and the text says the same value", () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.infiniteStream(fc.nat()), (value, random) => {
      const shuffled = (each: unknown): unknown => {
        if (Array.isArray(each)) return each.map(shuffled);
        if (typeof each !== "object" || each === null) return each;
        const entries = Object.entries(each).map(([key, item]) => ({
          key,
          item: shuffled(item),
          at: random.next().value,
        }));
        return Object.fromEntries(entries.toSorted((a, b) => a.at - b.at).map(({ key, item }) => [key, item]));
      };
      const text = canonicalJson(value);
      expect(canonicalJson(shuffled(value))).toBe(text);
      expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
      expect(canonicalJson(JSON.parse(text))).toBe(text);
    }),
  );
});

test("one object in two places is no circle", () => {
  const shared = { a: 1 };
  expect(canonicalJson([shared, shared])).toBe('[{"a":1},{"a":1}]');
});

class Point {
  readonly x = 1;
}
const circle: { list: unknown[] } = { list: [] };
circle.list.push({ back: circle });

test.each<[unknown, string]>([
  [undefined, "value is undefined, which JSON can't say"],
  [{ a: [1, { b: undefined }] }, "value.a[1].b is undefined, which JSON can't say"],
  [Object.assign(Array(3), { 0: 1, 2: 2 }), "value[1] is undefined, which JSON can't say"],
  [{ "a b": Number.NaN }, 'value["a b"] is NaN, which JSON can\'t say'],
  [-Infinity, "value is -Infinity, which JSON can't say"],
  [{ n: 1n }, "value.n is a bigint, which JSON can't say"],
  [{ f: () => 1 }, "value.f is a function, which JSON can't say"],
  [{ toJSON: () => 1 }, "value.toJSON is a function, which JSON can't say"],
  [[Symbol("s")], "value[0] is a symbol, which JSON can't say"],
  [{ [Symbol("s")]: 1 }, "value is an object with the symbol Symbol(s) for a key, which JSON can't say"],
  [{ at: new Date(0) }, "value.at is an instance of Date, which JSON can't say"],
  [new Map(), "value is an instance of Map, which JSON can't say"],
  [new Point(), "value is an instance of Point, which JSON can't say"],
  [[new Uint8Array(1)], "value[0] is an instance of Uint8Array, which JSON can't say"],
  [Object("boxed"), "value is an instance of String, which JSON can't say"],
  ["\ud800", "value is a string with half a surrogate pair, which JSON can't say"],
  [{ "\udc00": 1 }, 'value["\\udc00"] is under a key with half a surrogate pair, which JSON can\'t say'],
  [circle, "value.list[0].back is an object that it is itself a part of, which JSON can't say"],
])("%o is refused with a sentence that says where", (value, message) => {
  expect(refusalOf(value)).toBe(message);
});

const nested = (levels: number) => JSON.parse("[".repeat(levels) + "]".repeat(levels)) as unknown;

test("a thousand levels are written, and one more is refused", () => {
  expect(canonicalJson(nested(1000))).toHaveLength(2000);
  expect(refusalOf(nested(1001))).toContain("is nested deeper than 1000 levels");
});
