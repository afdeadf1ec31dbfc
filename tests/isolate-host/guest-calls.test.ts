/** The calls of `caos_abi_v1`, answer by answer: each compared with its exact bytes. Nested requests have a file of their own. */
import { readFileSync } from "node:fs";
import { sample, shuffledSubarray, uint8Array } from "fast-check";
import { describe, expect, test } from "vitest";
import { emptyBlob, emptyTree, hashObject } from "../../src/store/object.ts";
import { encodeTree, type TreeEntry } from "../../src/store/tree.ts";
import { emptyRequest } from "../guests/children.ts";
import { blobOid, lines, sharedRoom } from "../guests/room.ts";
import { json, script } from "../guests/script.ts";

const room = sharedRoom();
const vectors = JSON.parse(readFileSync(new URL("../vectors.json", import.meta.url), "utf8")) as {
  readonly put_tree: TreeVector;
  readonly git_order: TreeVector;
};
interface TreeVector {
  readonly entries: readonly (readonly [path: string, mode: string, content: string])[];
  readonly oid: string;
}

const error = (text: string) => `{"error":"${text}"}`;
const zeros = "0".repeat(40);

const listed = (name: string, kind: string, hash: string, mode: string) =>
  `{"name":"${name}","kind":"${kind}","hash":"${hash}","mode":"${mode}"}`;

const putBlob = (bytes_b64: string) => json({ op: "put_blob", bytes_b64 });

const putTree = (...entries: readonly object[]) => json({ op: "put_tree", entries });

const treeOid = (...entries: readonly (readonly [mode: string, name: string, hash: string])[]) =>
  hashObject(
    "tree",
    Buffer.concat(
      entries.flatMap(([mode, name, hash]) => [Buffer.from(`${mode} ${name}\0`), Buffer.from(hash, "hex")]),
    ),
  );

const hashed = (oid: string) => `{"hash":"${oid}"}`;

describe("a request's envelope", () => {
  const cases: readonly (readonly [what: string, request: string | Uint8Array, answer: string])[] = [
    ["nothing but white space", " \n\t ", error("the request is not JSON")],
    ["two values", '{"op":"job"} {}', error("the request is not JSON")],
    ["a trailing comma", '{"op":"log","msg":"m",}', error("the request is not JSON")],
    ["a comment", '{"op":"log","msg":"m"}//', error("the request is not JSON")],
    ["single quotes", "{'op':'job'}", error("the request is not JSON")],
    ["a raw newline in a string", '{"op":"log","msg":"a\nb"}', error("the request is not JSON")],
    ["a byte order mark", '\ufeff{"op":"job"}', error("the request is not JSON")],
    ["a NUL behind it", '{"op":"log","msg":"m"}\0', error("the request is not JSON")],
    ["NaN", '{"op":NaN}', error("the request is not JSON")],
    ["a lone continuation byte", Buffer.from('{"op":"log","msg":"\x80"}', "latin1"), error("the request is not UTF-8")],
    ["an overlong slash", Buffer.from('{"op":"log","msg":"\xc0\xaf"}', "latin1"), error("the request is not UTF-8")],
    [
      "a surrogate written in UTF-8",
      Buffer.from('{"op":"log","msg":"\xed\xa0\x80"}', "latin1"),
      error("the request is not UTF-8"),
    ],
    [
      "a character cut short",
      Buffer.from('{"op":"log","msg":"m"}\xe2\x82', "latin1"),
      error("the request is not UTF-8"),
    ],
    ["null", "null", error("the request is not a JSON object")],
    ["true", "true", error("the request is not a JSON object")],
    ["a number", "1", error("the request is not a JSON object")],
    ["a string", '"job"', error("the request is not a JSON object")],
    ["a list", '[{"op":"job"}]', error("the request is not a JSON object")],
    ["no op", '{"OP":"job"}', error("op is missing or not a string")],
    ["op null", '{"op":null}', error("op is missing or not a string")],
    ["op a number", '{"op":1}', error("op is missing or not a string")],
    ["op a list", '{"op":["job"]}', error("op is missing or not a string")],
    ["an op in capitals", '{"op":"JOB"}', error("unknown op")],
    ["an op with a space", '{"op":"job "}', error("unknown op")],
    ["an empty op", '{"op":""}', error("unknown op")],
    ["an op that objects inherit", '{"op":"constructor"}', error("unknown op")],
    ["fields that objects inherit", '{"__proto__":{"op":"job"}}', error("op is missing or not a string")],
    ["white space around all", ' { "op" : "log" , "msg" : "m" } \n', "{}"],
    ["escapes in names and values", String.raw`{"\u006fp":"\u006cog","msg":"\ud83d\ude00"}`, "{}"],
    ["unknown further fields", '{"op":"log","msg":"m","hash":7,"x":{"y":[null]}}', "{}"],
    ["two equal keys: the last counts", '{"op":"job","op":"log","msg":1,"msg":"m"}', "{}"],
    ["two equal keys: the last is wrong", '{"op":"log","msg":"m","msg":1}', error("msg is missing or not a string")],
    ["64 levels", `{"op":"log","msg":"m","x":${"[".repeat(63)}${"]".repeat(63)}}`, "{}"],
    [
      "65 levels",
      `{"op":"log","msg":"m","x":${"[".repeat(64)}${"]".repeat(64)}}`,
      error("the request is nested too deep"),
    ],
    ["65 levels of objects", `${'{"x":'.repeat(65)}0${"}".repeat(65)}`, error("the request is nested too deep")],
    ["brackets inside strings", `{"op":"log","msg":"${"[".repeat(100)}\\"${"{".repeat(100)}"}`, "{}"],
    ["brackets behind an escaped backslash", `{"op":"log","msg":"\\\\","x":"${"[".repeat(99)}"}`, "{}"],
    ["many values side by side", `{"op":"log","msg":"m","x":[${"[],".repeat(200)}[]]}`, "{}"],
    ["brackets that nothing opened", "]]]]{}", error("the request is not JSON")],
    ["open brackets without end", "[".repeat(1000), error("the request is nested too deep")],
  ];
  test.each(cases)("%s", async (_what, request, answer) => {
    expect(await room.answer(request)).toBe(answer);
  });
});

describe("a field that is missing or of another type", () => {
  const wrong = [undefined, null, 0, true, [], {}];
  const cases: readonly (readonly [request: Record<string, unknown>, field: string, text: string])[] = [
    [{ op: "tree", hash: zeros }, "hash", "hash is missing or not a string"],
    [{ op: "get", hash: zeros }, "hash", "hash is missing or not a string"],
    [{ op: "put_blob", bytes_b64: "" }, "bytes_b64", "bytes_b64 is missing or not a string"],
    [{ op: "run", image: zeros, args: zeros }, "image", "image is missing or not a string"],
    [{ op: "run", image: zeros, args: zeros }, "args", "args is missing or not a string"],
    [{ op: "out", kind: "blob", hash: zeros }, "kind", "kind is missing or not blob or tree"],
    [{ op: "out", kind: "blob", hash: zeros }, "hash", "hash is missing or not a string"],
    [{ op: "log", msg: "" }, "msg", "msg is missing or not a string"],
  ];
  test.each(cases)("%j without its %s", async (request, field, text) => {
    const requests = wrong.map((value) => json({ ...request, [field]: value }));
    expect(await room.answers(requests)).toEqual(wrong.map(() => error(text)));
  });

  test("lists: entries and reqs", async () => {
    const bad = [undefined, null, 0, "", {}, "[]"];
    expect(await room.answers(bad.map((entries) => json({ op: "put_tree", entries })))).toEqual(
      bad.map(() => error("entries is missing or not a list")),
    );
    expect(await room.answers(bad.map((reqs) => json({ op: "run_many", reqs })))).toEqual(
      bad.map(() => error("reqs is missing or not a list")),
    );
  });

  test("items of lists, and the fields in them", async () => {
    const items = [null, 0, "", [], [["name", "a"]]];
    expect(await room.answers(items.map((item) => json({ op: "put_tree", entries: [item] })))).toEqual(
      items.map(() => error("an entry is not an object")),
    );
    expect(await room.answers(items.map((item) => json({ op: "run_many", reqs: [item] })))).toEqual(
      items.map(() => error("an item of reqs is not an object")),
    );
    const entry = { name: "a", kind: "blob", hash: emptyBlob, mode: "100644" };
    const fields = [
      ["name", "name is missing or not a string"],
      ["kind", "kind is missing or not blob or tree"],
      ["hash", "hash is missing or not a string"],
    ] as const;
    for (const [field, text] of fields) {
      const requests = wrong.map((value) => json({ op: "put_tree", entries: [{ ...entry, [field]: value }] }));
      expect(await room.answers(requests), field).toEqual(wrong.map(() => error(text)));
    }
    const modes = wrong.slice(1).map((mode) => json({ op: "put_tree", entries: [{ ...entry, mode }] }));
    expect(await room.answers(modes)).toEqual(modes.map(() => error("mode is not a git mode")));
  });
});

describe("an oid", () => {
  const malformed = [
    "",
    "e69de29bb2d1d6434b8b29ae775ad8c2e48c539",
    `${emptyBlob}0`,
    emptyBlob.toUpperCase(),
    `${emptyBlob.slice(0, 39)}g`,
    `${emptyBlob.slice(0, 39)}\n`,
    `${emptyBlob}\n`,
    ` ${emptyBlob.slice(1)}`,
    emptyBlob.slice(0, 7),
    "HEAD",
    "/cas/std/fold-wasm",
  ];
  test("that is malformed is an error to each op that takes one", async () => {
    for (const request of [{ op: "get" }, { op: "tree" }, { op: "out", kind: "blob" }]) {
      const answers = await room.answers(malformed.map((hash) => json({ ...request, hash })));
      expect(answers, request.op).toEqual(malformed.map(() => error("malformed oid")));
    }
    const entries = malformed.map((hash) => json({ op: "put_tree", entries: [{ name: "a", kind: "blob", hash }] }));
    expect(await room.answers(entries)).toEqual(malformed.map(() => error("malformed oid")));
    const runs = malformed.map((args) => json({ op: "run", image: zeros, args }));
    expect(await room.answers(runs)).toEqual(malformed.map(() => error("malformed oid")));
  });
});

describe("job", () => {
  test("tells the args, the library, the salt and the job's own request", async () => {
    const salt = 'quotes " \\ / controls \u0000\u0008\n\r\t\u001f\u007f, é, \u2028, 😀';
    const module = script([json({ op: "job" })]);
    const result = await room.run(module, { in: "x" }, { salt });
    const args = hashObject("tree", encodeTree([{ mode: "100644", name: "in", oid: blobOid("x") }]));
    expect(lines(room.engine, result)).toEqual([
      `{"args":"${args}","std":"${room.engine.std}",` +
        String.raw`"salt":"quotes \" \\ / controls \u0000\b\n\r\t\u001f` +
        `\u007f, é, \u2028, 😀","stack":"${result.request}"}`,
    ]);
  });

  test("tells an empty library where the request has none", async () => {
    const request = emptyRequest(
      room.engine,
      script([json({ op: "job" }), json({ op: "run", image: "/cas/std/fold-wasm", args: emptyTree })]),
    );
    expect(lines(room.engine, await room.engine.settle(request))).toEqual([
      `{"args":"${emptyTree}","std":"","salt":"","stack":"${request}"}`,
      error("std has no worker of that name"),
    ]);
  });
});

describe("get", () => {
  test("gives a blob's bytes in padded base64 of the standard alphabet", async () => {
    const bodies = [
      "",
      "f",
      "fo",
      "foo",
      "foob",
      Buffer.from([0xfb, 0xef, 0xbe]),
      Buffer.from([0xff, 0xff, 0xfe, 0x00]),
    ];
    const answers = await room.answers(bodies.map((body) => json({ op: "get", hash: room.blob(body) })));
    expect(answers).toEqual(
      ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "++++", "///+AA=="].map((text) => `{"bytes_b64":"${text}"}`),
    );
  });

  test("gives any bytes back as they are", async () => {
    const bodies = sample(uint8Array({ maxLength: 300 }), { numRuns: 50, seed: 20260 });
    const answers = await room.answers(bodies.map((body) => json({ op: "get", hash: room.blob(body) })));
    expect(answers).toEqual(bodies.map((body) => `{"bytes_b64":"${Buffer.from(body).toString("base64")}"}`));
  });

  test("of a tree is an error, and so is the tree of a blob", async () => {
    room.blob("");
    expect(await room.answers([json({ op: "get", hash: emptyTree }), json({ op: "tree", hash: emptyBlob })])).toEqual([
      error("the object is not a blob"),
      error("the object is not a tree"),
    ]);
  });
});

describe("tree", () => {
  test("lists in git order, with the kind, the hash and the mode of each entry", async () => {
    const blob = room.blob("x");
    const commit = "2222222222222222222222222222222222222222" as TreeEntry["oid"];
    const sub = room.engine.putTree([{ mode: "100644", name: "f", oid: blob }]);
    const tree = room.engine.putTree([
      { mode: "40000", name: "a", oid: sub },
      { mode: "100644", name: "a-b", oid: blob },
      { mode: "100755", name: "a.sh", oid: blob },
      { mode: "120000", name: "a0", oid: blob },
      { mode: "160000", name: "m", oid: commit },
      { mode: "100644", name: '"\\\u0001é\u2028😀', oid: blob },
    ]);
    expect(await room.answers([json({ op: "tree", hash: tree }), json({ op: "tree", hash: emptyTree })])).toEqual([
      `{"entries":[${[
        listed(String.raw`\"\\\u0001é` + "\u2028😀", "blob", blob, "100644"),
        listed("a-b", "blob", blob, "100644"),
        listed("a.sh", "blob", blob, "100755"),
        listed("a", "tree", sub, "40000"),
        listed("a0", "blob", blob, "120000"),
        listed("m", "blob", commit, "160000"),
      ].join(",")}]}`,
      '{"entries":[]}',
    ]);
  });

  test("with a name that is not UTF-8 is an error, though it can be passed on", async () => {
    const blob = room.blob("x");
    const odd = room.engine.putTree([
      { mode: "100644", name: "plain", oid: blob },
      { mode: "100644", name: "\udcff", oid: blob },
    ]);
    const entries = [{ name: "odd", kind: "tree", hash: odd }];
    const holder = hashObject("tree", encodeTree([{ mode: "40000", name: "odd", oid: odd }]));
    expect(await room.answers([json({ op: "tree", hash: odd }), json({ op: "put_tree", entries })])).toEqual([
      error("the tree has a name that is not UTF-8"),
      `{"hash":"${holder}"}`,
    ]);
  });
});

describe("put_blob", () => {
  test("answers the blob's name, also of an empty one", async () => {
    expect(await room.answers([putBlob(""), putBlob("Zm9v"), putBlob("++++"), putBlob("/w==")])).toEqual([
      `{"hash":"${emptyBlob}"}`,
      `{"hash":"${blobOid("foo")}"}`,
      `{"hash":"${blobOid(Buffer.from([0xfb, 0xef, 0xbe]))}"}`,
      `{"hash":"${blobOid(Buffer.from([0xff]))}"}`,
    ]);
  });

  test("refuses what is not padded base64 of the standard alphabet to the bit", async () => {
    const malformed = [
      ["Z", "Zg", "Zg=", "Zm8", "Zm9vZ", "Zm9vZg", "====", "=", "==", "Zg===", "Z===", "Zm9v===="],
      ["-_-_", "Zm9-", "Zm9_", "Zg==Zg==", "Zm8=Zm9v", "=Zg=", "Z=g=", "Zm=v"],
      [" Zm9v", "Zm9v ", "Zm 9v", "Zm9v\n", "Zm\n9v\n\n\n", "Zm9\0", "Zm9é", "Zm9\uff56", "\ud800aaa"],
      // Bits that padding leaves over.
      ["Zh==", "Zn==", "Z/==", "Zm9=", "Zm+=", "AB==", "AAB=", "//==", "//9=", "Zm9vZh=="],
    ].flat();
    expect(await room.answers(malformed.map(putBlob))).toEqual(malformed.map(() => error("malformed base64")));
  });

  test("then get gives the same bytes back", async () => {
    const bodies = sample(uint8Array({ maxLength: 200 }), { numRuns: 50, seed: 20261 });
    const texts = bodies.map((body) => Buffer.from(body).toString("base64"));
    const answers = await room.answers(
      texts.flatMap((text, index) => [putBlob(text), json({ op: "get", hash: blobOid(bodies[index] ?? "") })]),
    );
    expect(answers).toEqual(
      texts.flatMap((text, index) => [`{"hash":"${blobOid(bodies[index] ?? "")}"}`, `{"bytes_b64":"${text}"}`]),
    );
  });
});

describe("put_tree", () => {
  const blob = { name: "a", kind: "blob", hash: emptyBlob };
  const tree = { name: "a", kind: "tree", hash: emptyTree };
  const commit = "2222222222222222222222222222222222222222";

  test("answers the tree's name for each mode; a mode wins over the kind", async () => {
    room.blob("");
    const requests: readonly (readonly [request: string, answer: string])[] = [
      [putTree(), hashed(emptyTree)],
      [putTree(blob), hashed(treeOid(["100644", "a", emptyBlob]))],
      [putTree(tree), hashed(treeOid(["40000", "a", emptyTree]))],
      [putTree({ ...blob, mode: "100644" }), hashed(treeOid(["100644", "a", emptyBlob]))],
      [putTree({ ...blob, mode: "100755" }), hashed(treeOid(["100755", "a", emptyBlob]))],
      [putTree({ ...blob, mode: "120000" }), hashed(treeOid(["120000", "a", emptyBlob]))],
      [putTree({ ...tree, mode: "40000" }), hashed(treeOid(["40000", "a", emptyTree]))],
      [putTree({ ...tree, mode: "040000" }), hashed(treeOid(["40000", "a", emptyTree]))],
      [putTree({ ...blob, mode: "160000", hash: commit }), hashed(treeOid(["160000", "a", commit]))],
      [putTree({ ...tree, kind: "blob", mode: "40000" }), hashed(treeOid(["40000", "a", emptyTree]))],
      [putTree({ ...blob, kind: "tree", mode: "100755" }), hashed(treeOid(["100755", "a", emptyBlob]))],
      [putTree({ ...blob, kind: "tree", mode: "160000", hash: commit }), hashed(treeOid(["160000", "a", commit]))],
      [putTree({ ...blob, size: 1, mode: undefined }), hashed(treeOid(["100644", "a", emptyBlob]))],
    ];
    expect(await room.answers(requests.map(([request]) => request))).toEqual(requests.map(([, answer]) => answer));
  });

  test("refuses modes and kinds that git does not know", async () => {
    const modes = ["", "644", "100664", "0100644", "00040000", "100600", "0", "40000 ", "blob", "tree", "160644"];
    expect(await room.answers(modes.map((mode) => putTree({ ...blob, mode })))).toEqual(
      modes.map(() => error("mode is not a git mode")),
    );
    const kinds = ["", "commit", "Blob", "file", "link"];
    expect(await room.answers(kinds.map((kind) => putTree({ ...blob, kind })))).toEqual(
      kinds.map(() => error("kind is missing or not blob or tree")),
    );
  });

  test("refuses an object of another kind than the entry says", async () => {
    const requests = [
      putTree({ ...blob, hash: emptyTree }),
      putTree({ ...tree, hash: emptyBlob }),
      putTree({ ...blob, mode: "40000" }),
      putTree({ ...tree, mode: "120000" }),
      putTree(blob, { ...tree, name: "b", hash: emptyBlob }),
    ];
    expect(await room.answers(requests)).toEqual(requests.map(() => error("the object is of another kind")));
  });

  test("refuses names that no tree can have", async () => {
    const names = ["", "/", "a/b", "a/", "/a", "\0", "a\0", ".", "..", ".git", "\ud800", "a\udfffb", "\udcff"];
    expect(await room.answers(names.map((name) => putTree({ ...blob, name })))).toEqual(
      names.map(() => error("a name is empty, reserved, or has a slash or NUL")),
    );
  });

  test("takes names that only look odd", async () => {
    const names = ["...", ".gitignore", ".GIT", "git", " ", "\n", "\\", "a b", "é", "😀", "-", "\u007f"];
    expect(await room.answers(names.map((name) => putTree({ ...blob, name })))).toEqual(
      names.map((name) => hashed(treeOid(["100644", name, emptyBlob]))),
    );
  });

  test("refuses a name that stands twice, whatever the kinds", async () => {
    const requests = [putTree(blob, blob), putTree(blob, tree), putTree(tree, { ...blob, name: "b" }, blob)];
    expect(await room.answers(requests)).toEqual(requests.map(() => error("a name stands twice")));
  });

  test("sorts as git does, in whatever order the entries come", async () => {
    const entries = [
      { ...tree, name: "a" },
      { ...blob, name: "a-b" },
      { ...blob, name: "a.txt" },
      { ...blob, name: "a0" },
      { ...blob, name: "\uffff" },
      { ...blob, name: "😀" },
    ];
    const expected = hashed(
      treeOid(
        ["100644", "a-b", emptyBlob],
        ["100644", "a.txt", emptyBlob],
        ["40000", "a", emptyTree],
        ["100644", "a0", emptyBlob],
        ["100644", "\uffff", emptyBlob],
        ["100644", "😀", emptyBlob],
      ),
    );
    const orders = sample(shuffledSubarray(entries, { minLength: entries.length }), { numRuns: 20, seed: 20262 });
    expect(await room.answers(orders.map((order) => putTree(...order)))).toEqual(orders.map(() => expected));
  });

  test.each(["put_tree", "git_order"] as const)("makes the tree of the vector %s from its files", async (name) => {
    const { steps, oid } = buildVector(vectors[name]);
    expect((await room.answers(steps)).at(-1)).toBe(`{"hash":"${oid}"}`);
  });
});

describe("log and out", () => {
  test("log answers an empty object, for any text", async () => {
    const messages = ["", "line", "two\nlines", "\ud800", "é😀\u0000", '"'];
    expect(await room.answers(messages.map((msg) => json({ op: "log", msg })))).toEqual(messages.map(() => "{}"));
  });

  test("out refuses a kind that the object is not of, and kinds that there are not", async () => {
    room.blob("");
    const requests = [
      { op: "out", kind: "tree", hash: emptyBlob },
      { op: "out", kind: "blob", hash: emptyTree },
      { op: "out", kind: "commit", hash: emptyBlob },
      { op: "out", kind: "", hash: emptyBlob },
    ].map(json);
    expect(await room.answers(requests)).toEqual([
      error("the object is of another kind"),
      error("the object is of another kind"),
      error("kind is missing or not blob or tree"),
      error("kind is missing or not blob or tree"),
    ]);
  });
});

/** The calls that build a vector's tree: its blobs, then its folders, entries backwards. */
function buildVector({ entries, oid }: TreeVector): { steps: string[]; oid: string } {
  const steps: string[] = [];
  const folders = new Map<string, { name: string; kind: string; hash: string; mode?: string }[]>([["", []]]);
  for (const [path, mode, content] of entries.toReversed()) {
    steps.push(json({ op: "put_blob", bytes_b64: Buffer.from(content).toString("base64") }));
    const [folder, name] = path.includes("/") ? (path.split("/") as [string, string]) : ["", path];
    folders.set(folder, [...(folders.get(folder) ?? []), { name, kind: "blob", hash: blobOid(content), mode }]);
  }
  for (const [folder, inside] of folders) {
    if (folder === "") continue;
    steps.push(json({ op: "put_tree", entries: inside }));
    const hash = hashObject(
      "tree",
      encodeTree(inside.map((each) => ({ mode: each.mode, name: each.name, oid: each.hash }) as TreeEntry)),
    );
    folders.get("")?.unshift({ name: folder, kind: "tree", hash });
  }
  steps.push(json({ op: "put_tree", entries: folders.get("") ?? [] }));
  return { steps, oid };
}
