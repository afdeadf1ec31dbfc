/** From a guest's bytes to a call, or to the text that the guest is told. */
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { batchMax, callBytesMax, callNestingMax, parseCall, type GuestCall } from "../../src/abi/call.ts";
import { errorTexts } from "../../src/abi/error-texts.ts";
import { oid, type Oid } from "../../src/store/oid.ts";
import { nameFault, type Mode } from "../../src/store/tree.ts";

const hash = "1".repeat(40);
const parse = (text: string) => parseCall(Buffer.from(text, "utf8"));
const entry = (fields: object) => JSON.stringify({ op: "put_tree", entries: [fields] });
const put = (bytes_b64: unknown) => JSON.stringify({ op: "put_blob", bytes_b64 });
/** A call whose JSON is that many levels deep. */
const nested = (depth: number) => `{"op":"job","x":${"[".repeat(depth - 1)}${"]".repeat(depth - 1)}}`;
const good = { name: "a", kind: "blob", hash };

const refused: readonly (readonly [what: string, input: string, text: keyof typeof errorTexts])[] = [
  ["nothing", "", "notJson"],
  ["half an object", '{"op":"job"', "notJson"],
  ["two objects", '{"op":"job"}{}', "notJson"],
  ["a byte order mark", '\ufeff{"op":"job"}', "notJson"],
  ["a NUL behind the object", '{"op":"job"}\0', "notJson"],
  ["a trailing comma", '{"op":"job",}', "notJson"],
  ["single quotes", "{'op':'job'}", "notJson"],
  ["a number that JSON has not", '{"op":"job","x":NaN}', "notJson"],
  ["a raw control character in a string", '{"op":"log","msg":"\n"}', "notJson"],
  ["a string", '"job"', "notAnObject"],
  ["a list", '[{"op":"job"}]', "notAnObject"],
  ["null", "null", "notAnObject"],
  ["a number", "1", "notAnObject"],
  ["no op", "{}", "badOp"],
  ["an op that only a prototype has", '{"__proto__":{"op":"job"}}', "badOp"],
  ["a numeric op", '{"op":1}', "badOp"],
  ["the op null", '{"op":null}', "badOp"],
  ["an empty op", '{"op":""}', "unknownOp"],
  ["an op in capitals", '{"op":"JOB"}', "unknownOp"],
  ["an op named as a method of objects", '{"op":"toString"}', "unknownOp"],
  ["tree without hash", '{"op":"tree"}', "badHash"],
  ["tree with a numeric hash", '{"op":"tree","hash":1}', "badHash"],
  ["get with a short oid", `{"op":"get","hash":"${"1".repeat(39)}"}`, "malformedOid"],
  ["get with a long oid", `{"op":"get","hash":"${"1".repeat(41)}"}`, "malformedOid"],
  ["get with an oid in capitals", `{"op":"get","hash":"${"A".repeat(40)}"}`, "malformedOid"],
  ["get with a newline behind the oid", `{"op":"get","hash":"${hash}\\n"}`, "malformedOid"],
  ["get with a CID", '{"op":"get","hash":"baf4bcfcudm5br2imsadpudu3kk4lsi3ndpffavq"}', "malformedOid"],
  ["put_blob without bytes", '{"op":"put_blob"}', "badBytes"],
  ["put_blob with a list", put([1]), "badBytes"],
  ["base64 without padding", put("YQ"), "malformedBase64"],
  ["base64 padded short", put("YQ="), "malformedBase64"],
  ["base64 padded long", put("YWJj===="), "malformedBase64"],
  ["base64 that is padding alone", put("===="), "malformedBase64"],
  ["base64 of the URL alphabet", put("-_-_"), "malformedBase64"],
  ["base64 with white space", put("YW Jj"), "malformedBase64"],
  ["base64 with a newline", put("YWJj\n"), "malformedBase64"],
  ["base64 with padding in the middle", put("YQ==YQ=="), "malformedBase64"],
  ["base64 with bits left over behind one byte", put("YR=="), "malformedBase64"],
  ["base64 with bits left over behind two bytes", put("YWJ="), "malformedBase64"],
  ["base64 with a character beyond ASCII", put("YWJé"), "malformedBase64"],
  ["put_tree without entries", '{"op":"put_tree"}', "badEntries"],
  ["put_tree with an object of entries", '{"op":"put_tree","entries":{}}', "badEntries"],
  ["put_tree with a string entry", '{"op":"put_tree","entries":["a"]}', "badEntry"],
  ["put_tree with a null entry", '{"op":"put_tree","entries":[null]}', "badEntry"],
  ["put_tree with a list entry", '{"op":"put_tree","entries":[[]]}', "badEntry"],
  ["an entry without a name", entry({ kind: "blob", hash }), "badName"],
  ["an entry with a numeric name", entry({ ...good, name: 1 }), "badName"],
  ["an empty name", entry({ ...good, name: "" }), "reservedName"],
  ["a name with a slash", entry({ ...good, name: "a/b" }), "reservedName"],
  ["a name with NUL", entry({ ...good, name: "a\0" }), "reservedName"],
  ["the name .", entry({ ...good, name: "." }), "reservedName"],
  ["the name ..", entry({ ...good, name: ".." }), "reservedName"],
  ["the name .git", entry({ ...good, name: ".git" }), "reservedName"],
  [
    "a name that is half a surrogate pair",
    `{"op":"put_tree","entries":[{"name":"\\ud800","kind":"blob","hash":"${hash}"}]}`,
    "reservedName",
  ],
  [
    "a name that would stand for a byte",
    `{"op":"put_tree","entries":[{"name":"\\udcff","kind":"blob","hash":"${hash}"}]}`,
    "reservedName",
  ],
  ["a name twice", JSON.stringify({ op: "put_tree", entries: [good, { ...good, kind: "tree" }] }), "duplicateName"],
  ["an entry without kind", entry({ name: "a", hash }), "badKind"],
  ["an entry without kind though it has a mode", entry({ name: "a", hash, mode: "100644" }), "badKind"],
  ["an entry of another kind", entry({ ...good, kind: "commit" }), "badKind"],
  ["an entry with a mode that git has not", entry({ ...good, mode: "100645" }), "badMode"],
  ["an entry with an old file mode", entry({ ...good, mode: "100664" }), "badMode"],
  ["an entry with an empty mode", entry({ ...good, mode: "" }), "badMode"],
  ["an entry with a numeric mode", entry({ ...good, mode: 40000 }), "badMode"],
  ["an entry with the mode null", entry({ ...good, mode: null }), "badMode"],
  ["an entry without hash", entry({ name: "a", kind: "blob" }), "badHash"],
  ["an entry with a malformed hash", entry({ ...good, hash: "" }), "malformedOid"],
  ["run without image", `{"op":"run","args":"${hash}"}`, "badImage"],
  ["run without args", `{"op":"run","image":"${hash}"}`, "badArgs"],
  ["run with malformed args", `{"op":"run","image":"${hash}","args":"x"}`, "malformedOid"],
  ["run_many without reqs", '{"op":"run_many"}', "badReqs"],
  ["run_many with an object", '{"op":"run_many","reqs":{}}', "badReqs"],
  ["run_many with a string item", `{"op":"run_many","reqs":["${hash}"]}`, "badReq"],
  [
    "run_many whose second item is malformed",
    `{"op":"run_many","reqs":[{"image":"${hash}","args":"${hash}"},{"image":1,"args":"${hash}"}]}`,
    "badImage",
  ],
  ["out without kind", `{"op":"out","hash":"${hash}"}`, "badKind"],
  ["out of a commit", `{"op":"out","kind":"commit","hash":"${hash}"}`, "badKind"],
  ["out without hash", '{"op":"out","kind":"blob"}', "badHash"],
  ["log without msg", '{"op":"log"}', "badMsg"],
  ["log with an object", '{"op":"log","msg":{}}', "badMsg"],
  ["the last of two equal keys counts", '{"op":"job","op":"nope"}', "unknownOp"],
];

describe("a malformed call is told why", () => {
  test.each(refused)("%s", (_, input, text) => expect(parse(input)).toBe(errorTexts[text]));

  test.each([
    ["a byte that UTF-8 has not", Buffer.from([0xff])],
    ["a string cut inside a character", Buffer.from('{"op":"log","msg":"é"}').subarray(0, 20)],
    ["an overlong encoding", Buffer.from([0x22, 0xc0, 0xaf, 0x22])],
    ["a surrogate in UTF-8", Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22])],
  ])("not UTF-8: %s", (_, bytes) => expect(parseCall(bytes)).toBe(errorTexts.notUtf8));

  test("nesting is bounded, whatever the rest holds; brackets in strings do not count", () => {
    expect(parse(nested(callNestingMax))).toEqual({ op: "job" });
    expect(parse(nested(callNestingMax + 1))).toBe(errorTexts.tooDeep);
    expect(parse("[".repeat(100_000))).toBe(errorTexts.tooDeep);
    expect(parse(`{"op":"log","msg":"${"[".repeat(1000)}\\"{"}`)).toEqual({ op: "log", msg: `${"[".repeat(1000)}"{` });
  });

  test("length is bounded", () => {
    const call = Buffer.alloc(callBytesMax + 1, " ");
    call.write('{"op":"job"}');
    expect(parseCall(call)).toBe(errorTexts.tooLong);
    expect(parseCall(call.subarray(0, callBytesMax))).toEqual({ op: "job" });
  });

  test("a batch is bounded, and the bound is found before its items are looked at", () => {
    const items = `${"0,".repeat(batchMax)}0`;
    expect(parse(`{"op":"run_many","reqs":[${items}]}`)).toBe(errorTexts.tooMany);
  });
});

describe("a valid call", () => {
  test("ignores unknown fields", () => {
    expect(parse('{"op":"job","hash":5,"more":[1]}')).toEqual({ op: "job" });
    expect(parse(` { "x" : 1, "op" : "get", "hash" : "${hash}" } `)).toEqual({ op: "get", hash });
  });

  test("takes the last of two equal keys", () => {
    expect(parse('{"op":"nope","op":"job"}')).toEqual({ op: "job" });
  });

  test("may carry no bytes, no entries and no requests", () => {
    expect(parse(put(""))).toEqual({ op: "put_blob", bytes: Buffer.alloc(0) });
    expect(parse('{"op":"put_tree","entries":[]}')).toEqual({ op: "put_tree", entries: [] });
    expect(parse('{"op":"run_many","reqs":[]}')).toEqual({ op: "run_many", calls: [] });
  });

  const modes: readonly (readonly [kind: string, mode: string | undefined, Mode])[] = [
    ["tree", undefined, "40000"],
    ["blob", undefined, "100644"],
    ["blob", "040000", "40000"],
    ["blob", "40000", "40000"],
    ["tree", "100644", "100644"],
    ["blob", "100755", "100755"],
    ["blob", "120000", "120000"],
    ["blob", "160000", "160000"],
  ];
  test.each(modes)("an entry of kind %s and mode %s has mode %s: the mode wins", (kind, mode, expected) => {
    expect(parse(entry({ ...good, kind, mode }))).toEqual({
      op: "put_tree",
      entries: [{ name: "a", mode: expected, oid: hash }],
    });
  });

  test("leaves the image as it was written: whether it names a worker is seen later", () => {
    const call = { image: " /cas/std/\ud800", args: hash };
    expect(parse(JSON.stringify({ op: "run", ...call }))).toEqual({ op: "run", call });
  });

  test("logs half a surrogate pair as the replacement character", () => {
    expect(parse('{"op":"log","msg":"a\\ud800b"}')).toEqual({ op: "log", msg: "a\ufffdb" });
  });

  test("may name an entry as JavaScript names its own things", () => {
    const text = `{"op":"put_tree","entries":[{"name":"__proto__","kind":"blob","hash":"${hash}"}]}`;
    expect(parse(text)).toEqual({ op: "put_tree", entries: [{ name: "__proto__", mode: "100644", oid: hash }] });
  });
});

describe("for all inputs", () => {
  const texts: ReadonlySet<unknown> = new Set(Object.values(errorTexts));
  const isAnswer = (bytes: Uint8Array) => {
    const call = parseCall(bytes);
    return typeof call === "string" ? texts.has(call) : typeof call.op === "string";
  };

  test("any bytes give a call or a text of the list, and never an exception", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), isAnswer), { numRuns: 2000 });
  });

  test("so does any JSON, and any JSON with the keys of calls", () => {
    const op = fc.constantFrom("job", "tree", "get", "put_blob", "put_tree", "run", "run_many", "out", "log");
    const field = fc.oneof(
      fc.jsonValue(),
      fc.constantFrom(hash, "blob", "tree", [good], [{ image: hash, args: hash }]),
    );
    const names = ["hash", "bytes_b64", "entries", "image", "args", "reqs", "kind", "msg", "mode", "name"];
    const call = fc
      .tuple(op, fc.dictionary(fc.constantFrom(...names), field))
      .map(([name, fields]) => ({ op: name, ...fields }));
    fc.assert(
      fc.property(fc.oneof(fc.jsonValue(), call), (value) => isAnswer(Buffer.from(JSON.stringify(value)))),
      { numRuns: 2000 },
    );
  });

  test("so does a valid call with one byte changed", () => {
    const text = JSON.stringify({ op: "put_tree", entries: [good, { ...good, name: "é", mode: "100755" }] });
    fc.assert(
      fc.property(fc.nat(text.length), fc.nat(255), (at, byte) => {
        const bytes = Buffer.from(text);
        bytes[at % bytes.length] = byte;
        return isAnswer(bytes);
      }),
      { numRuns: 2000 },
    );
  });

  test("a valid call, written as JSON, is read back as it was", () => {
    fc.assert(
      fc.property(validCalls(), (call) => {
        expect(parseCall(Buffer.from(JSON.stringify(written(call))))).toEqual(call);
      }),
      { numRuns: 300 },
    );
  });
});

function oids(): fc.Arbitrary<Oid> {
  return fc.uint8Array({ minLength: 20, maxLength: 20 }).map((bytes) => oid(Buffer.from(bytes).toString("hex")));
}

function validCalls(): fc.Arbitrary<GuestCall> {
  const name = fc
    .string({ unit: "binary", minLength: 1, maxLength: 12 })
    .filter((text) => nameFault(text) === undefined);
  const mode = fc.constantFrom<Mode>("40000", "100644", "100755", "120000", "160000");
  const entries = fc.uniqueArray(fc.record({ name, mode, oid: oids() }), { selector: (each) => each.name });
  const nestedCall = fc.record({ image: fc.string({ unit: "binary" }), args: oids() });
  return fc.oneof(
    fc.constant({ op: "job" } as const),
    fc.record({ op: fc.constantFrom("tree" as const, "get" as const), hash: oids() }),
    fc.uint8Array().map((bytes) => ({ op: "put_blob" as const, bytes: Buffer.from(bytes) })),
    entries.map((list) => ({ op: "put_tree" as const, entries: list })),
    nestedCall.map((call) => ({ op: "run" as const, call })),
    fc.array(nestedCall).map((calls) => ({ op: "run_many" as const, calls })),
    fc.record({
      op: fc.constant("out" as const),
      kind: fc.constantFrom("blob" as const, "tree" as const),
      hash: oids(),
    }),
    fc.string({ unit: "binary" }).map((msg) => ({ op: "log" as const, msg })),
  );
}

/** The JSON that stands for a call, by the contract's table. */
function written(call: GuestCall): object {
  switch (call.op) {
    case "put_blob":
      return { op: call.op, bytes_b64: Buffer.from(call.bytes).toString("base64") };
    case "put_tree":
      return {
        op: call.op,
        entries: call.entries.map(({ name, mode, oid: named }) => ({ name, kind: "blob", hash: named, mode })),
      };
    case "run":
      return { op: call.op, ...call.call };
    case "run_many":
      return { op: call.op, reqs: call.calls };
    case "job":
    case "tree":
    case "get":
    case "out":
    case "log":
      return call;
  }
}
