/**
 * Vectors of `coppice_v1` (design/abi-binary.md): what a guest is answered, call by call and byte by byte, in the engine and in the model. `p` is a
 * page of the guest's own, `e` the end of its memory (workers/test-guests/edges.ts).
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openEngine, type Engine } from "../../src/engine.ts";
import { emptyBlob, emptyTree, hashObject } from "../../src/store/object.ts";
import { oid, type Oid } from "../../src/store/oid.ts";
import type { Outcome } from "../../src/store/outcome.ts";
import { decodeTree, encodeTree, type TreeEntry } from "../../src/store/tree.ts";
import { createModelHost, type ModelHost } from "./model-host.ts";
import { testGuest } from "./standard-library.ts";

const folder = mkdtempSync(join(tmpdir(), "coppice-binary-"));
let edges: Uint8Array;
let picky: Uint8Array;
let engine: Engine;
let model: ModelHost;
beforeAll(async () => {
  edges = await testGuest("edges");
  picky = await testGuest("picky");
  engine = openEngine({ store: join(folder, "store.sqlite") });
  model = createModelHost({ std: { edges, picky }, salt: "salted" });
});
afterAll(async () => {
  await engine.close();
  rmSync(folder, { recursive: true, force: true });
});

type Arg = string | Buffer | readonly TreeEntry[];

function said(outcome: Outcome, get: (name: Oid) => Uint8Array): string {
  return outcome.kind === "failed" ? `failed: ${outcome.message}` : Buffer.from(get(outcome.oid)).toString("utf8");
}

/** What the guest is answered to these calls; the engine and the model must agree to the byte. */
async function answers(calls: readonly string[], args: Readonly<Record<string, Arg>> = {}): Promise<string[]> {
  const given = { ...args, do: calls.join("\n") };
  const run = (put: Pick<ModelHost, "putBlob" | "putTree">) =>
    Object.entries(given).map(([name, arg]): TreeEntry => {
      if (typeof arg === "string" || Buffer.isBuffer(arg)) return { mode: "100644", name, oid: put.putBlob(arg) };
      return { mode: "40000", name, oid: put.putTree(arg) };
    });

  const asked = model.request("/cas/std/edges", model.putTree(run(model)));
  const modelled = said(model.settle(asked), (name) => model.objects.get(name)?.body ?? Buffer.alloc(0));

  for (const { kind, body } of model.objects.values()) if (kind === "blob") engine.putBlob(body);
  const std = engine.putTree(
    [
      ["edges", engine.addWorker(edges)],
      ["picky", engine.addWorker(picky)],
    ].map(([name, worker]) => ({ mode: "40000", name, oid: worker }) as TreeEntry),
  );
  const entries = run({
    putBlob: (content) => engine.putBlob(Buffer.from(content)),
    putTree: (each) => engine.putTree(each),
  });
  const result = await engine.run({
    worker: "edges",
    args: Object.fromEntries(entries.map(({ name, oid: each }) => [name, { oid: each }])),
    salt: "salted",
    std,
  });
  expect(result.request).toBe(asked.oid);
  expect(said(result.outcome, (name) => engine.get(name).body)).toBe(modelled);
  return modelled.split("\n").slice(0, -1);
}

const treeBytes = (...entries: readonly TreeEntry[]) => encodeTree(entries).toString("hex");
const outside = "-1";

describe("what is kept", () => {
  test("is read in parts, from anywhere, as far as it goes", async () => {
    const told = await answers(
      [
        "oid text p0",
        "blob p0",
        "read p4096 0 100",
        "read p4096 2 2",
        "read p4096 5 1",
        "read p4096 6 9",

        "read p4096 -1 9",
        "read p4096 0 0",
        "read e5 0 5",
        "read e4 0 5",
        "read e0 5 9",
        "read -1 0 1",
        "read -1 5 0",
        "read p4096 0 -1",
      ],
      { text: "hello" },
    );
    expect(told).toEqual([
      "blob 5",
      "read 5 68656c6c6f",
      "read 2 6c6c",
      "read 0",
      "read 0",
      "read 0",
      "read 0",
      "read 5",
      `read ${outside}`,
      "read 0",
      `read ${outside}`,
      `read ${outside}`,
      "read 5 68656c6c6f",
    ]);
  });

  test("is read into memory as it is after growing", async () => {
    const calls = ["oid text p0", "blob p0", "read e5 0 5", "grow", "read p4096 0 9", "read e5 0 5", "read e4 0 5"];
    expect(await answers(calls, { text: "hello" })).toEqual([
      "blob 5",
      "read 5",
      "read 5 68656c6c6f",
      "read 5",
      `read ${outside}`,
    ]);
  });

  test("is nothing at first, and stays through calls that keep nothing or fail", async () => {
    const told = await answers(
      [
        "oid text p0",
        "oid folder p20",
        "blob p0",
        "tree p0",
        "blob p20",
        "put_blob p0 1 p64",
        "log p0 0",
        "read p4096 0 9",
        "tree p20",
        "read p4096 0 9",
        "blob e19",
        "read p4096 0 9",
      ],
      { text: "hello", folder: [] },
    );
    expect(told).toEqual([
      "blob 5",
      "tree -25",
      "blob -24",
      "put_blob 0",
      "log 0",
      "read 5 68656c6c6f",
      "tree 0",
      "read 0",
      `blob ${outside}`,
      "read 0",
    ]);
  });

  test("is the text of an error when that is asked for, and nothing for a number that is none", async () => {
    expect(
      await answers([
        "error_text -25",
        "read p4096 0 60",
        "error_text 0",
        "read p4096 0 9",
        "error_text -99",
        "error_text 5",
      ]),
    ).toEqual([
      "error_text 24",
      `read 24 ${Buffer.from("the object is not a tree").toString("hex")}`,
      "error_text 0",
      "read 0",
      "error_text 0",
      "error_text 0",
    ]);
  });
});

describe("a job", () => {
  test("is told its args, its std and itself, and keeps the salt", async () => {
    const calls = ["job p4096", "read p4096 0 60", "job e59", "job -1", "job e60"];
    const told = await answers(calls);
    const args = model.putTree([{ mode: "100644", name: "do", oid: model.putBlob(calls.join("\n")) }]);
    const request = model.request("/cas/std/edges", args).oid;
    const [, std] = /^job 6 .{40}(.{40})/.exec(told[0] ?? "") ?? [];
    expect(told).toEqual([
      `job 6 ${args}${std}${request}`,
      `read 6 ${Buffer.from("salted").toString("hex")}`,
      `job ${outside}`,
      `job ${outside}`,
      "job 6",
    ]);
    expect(model.objects.get(oid(std ?? ""))?.kind).toBe("tree");
  });

  test("has args that are a tree like any other", async () => {
    const calls = ["args", "read p4096 0 31"];
    const [, args] = [
      await answers(calls),
      treeBytes({ mode: "100644", name: "do", oid: model.putBlob(calls.join("\n")) }),
    ];
    expect(await answers(calls)).toEqual(["args 30", `read 30 ${args}`]);
  });
});

describe("a tree", () => {
  const old = Buffer.concat([Buffer.from("100664 old\0"), Buffer.from(emptyBlob, "hex")]);
  test("is handed over as its own bytes, whatever its modes and names", async () => {
    const entries: TreeEntry[] = [
      { mode: "100755", name: "\udcff", oid: emptyBlob },
      { mode: "160000", name: "m", oid: oid("3".repeat(40)) },
    ];
    model.putBlob("");
    expect(await answers(["oid odd p0", "tree p0", "read p4096 0 60", "read p4096 60 60"], { odd: entries })).toEqual([
      "tree 58",
      `read 58 ${treeBytes(...entries)}`,
      "read 0",
    ]);
    expect(old.length).toBe(31);
  });

  test("is put in any order, and named at the address given", async () => {
    const blob = Buffer.from(emptyBlob, "hex");
    const a = Buffer.concat([Buffer.from("100644 a-b\0"), blob]);
    const b = Buffer.concat([Buffer.from("40000 a\0"), Buffer.from(emptyTree, "hex")]);
    model.putBlob("");
    model.putTree([]);
    engine.putTree([]);
    const name = hashObject("tree", Buffer.concat([a, b]));
    const args = { ab: Buffer.concat([a, b]), ba: Buffer.concat([b, a]), aa: Buffer.concat([a, a]), old };
    expect(
      await answers(
        [
          "content ab p0",
          "put_tree p0 59 p4096",
          "content ba p0",
          "put_tree p0 59 p4096",
          "put_tree p0 0 p4096",
          "put_tree p0 58 p4096",
          "content aa p0",
          "put_tree p0 62 p4096",
          "content old p0",
          "put_tree p0 31 p4096",
          "put_tree e4 5 p4096",
          "put_tree p0 31 e19",
          "put_tree p0 -1 p4096",
          "put_tree -1 -1 -1",
        ],
        args,
      ),
    ).toEqual([
      `put_tree 0 ${name}`,
      `put_tree 0 ${name}`,
      `put_tree 0 ${emptyTree}`,
      "put_tree -26",
      "put_tree -29",
      "put_tree -18",
      `put_tree ${outside}`,
      `put_tree ${outside}`,
      `put_tree ${outside}`,
      `put_tree ${outside}`,
    ]);
  });

  test("must name objects of the kind that its modes say", async () => {
    const wrong = Buffer.concat([Buffer.from("40000 a\0"), Buffer.from(emptyBlob, "hex")]);
    const other = Buffer.concat([Buffer.from("120000 a\0"), Buffer.from(emptyTree, "hex")]);
    const commit = Buffer.concat([Buffer.from("160000 a\0"), Buffer.alloc(20, 0x33)]);
    expect(
      await answers(
        [
          "content wrong p0",
          "put_tree p0 28 p4096",
          "content other p0",
          "put_tree p0 29 p4096",
          "content commit p0",
          "put_tree p0 29 p4096",
        ],
        { wrong, other, commit },
      ),
    ).toEqual(["put_tree -30", "put_tree -30", `put_tree 0 ${hashObject("tree", commit)}`]);
  });
});

describe("a blob", () => {
  test("is put from anywhere in memory, and named at the address given", async () => {
    expect(
      await answers(
        [
          "content text p0",
          "put_blob p0 5 p4096",
          "put_blob p0 0 p4096",
          "put_blob e0 0 p4096",
          "put_blob e0 1 p4096",
          "put_blob p0 1 e19",
        ],
        { text: "hello" },
      ),
    ).toEqual([
      `put_blob 0 ${hashObject("blob", Buffer.from("hello"))}`,
      `put_blob 0 ${emptyBlob}`,
      `put_blob 0 ${emptyBlob}`,
      `put_blob ${outside}`,
      `put_blob ${outside}`,
    ]);
  });
});

describe("run_many", () => {
  const image = "/cas/std/picky";
  const children = Buffer.concat([Buffer.from("40000 children\0"), Buffer.from(emptyTree, "hex")]);
  const good = Buffer.concat([children, entry("in", "good")]);
  const bad = Buffer.concat([entry("in", "bad é"), children]);
  const args = { image, good, bad, named: oidOf(good), text: "good", other: "bad é" };
  /** Places of what the scripts below use, and the item for an image and args. */
  const setUp = ["content image p0", "content good p100", "content bad p200", "content named p300"];
  const usual = ["p0", image.length] as const;

  test("answers each request by itself, args in any order or by name, messages kept in a row", async () => {
    for (const put of [model, engine]) {
      put.putTree([]);
      put.putBlob(Buffer.from("good"));
      put.putTree(decodeTree(good));
    }
    const fine = hashObject("blob", Buffer.from("fine"));
    expect(
      await answers(
        [
          ...setUp,
          ...item(1000, [...usual, "p100", good.length]),
          ...item(1016, [...usual, "p200", bad.length]),

          "run_many p1000 2 p4096",
          "read p4096 0 60",
          "run_many p1000 0 p4096",
          "run_many p1000 1 p4096",
          "read p4096 0 9",
          ...item(1016, [...usual, "p300", 20]),
          "run_many p1016 1 p4096",
        ],
        args,
      ),
    ).toEqual([
      `run_many 6 00000000${fine}020000000000000006000000${"00".repeat(12)}`,
      `read 6 ${Buffer.from("bad é").toString("hex")}`,
      "run_many 0",
      `run_many 0 00000000${fine}`,
      "read 0",
      `run_many 0 00000000${fine}`,
    ]);
  });

  test("checks the kinds in each item's args, however like the ones before they are", async () => {
    for (const put of [model, engine]) put.putTree([]);
    const aTree = Buffer.from(emptyTree, "hex");
    const lying = Buffer.concat([children, Buffer.from("100644 in\0"), aTree]);
    // From its second entry on, the bytes of this tree are those of the one before it, where they are the end of a name, and the oid of a tree.
    const shifted = Buffer.concat([entry("a", "good"), Buffer.from("100644 b\0"), aTree]);
    const [first] = decodeTree(shifted).map(({ name }) => `100644 ${name}\0`.length + 20);
    const name = `${"x".repeat((first ?? 0) - "40000 ".length)}100644 b`;
    const around = Buffer.concat([Buffer.from(`40000 ${name}\0`), aTree]);
    expect(around.subarray(first).equals(shifted.subarray(first))).toBe(true);
    const asked = (one: string, oneBytes: Buffer, other: string, otherBytes: Buffer) => [
      `content ${one} p100`,
      `content ${other} p200`,
      ...item(1000, [...usual, "p100", oneBytes.length]),
      ...item(1016, [...usual, "p200", otherBytes.length]),
      "run_many p1000 2 p4096",
    ];
    expect(
      await answers(
        ["content image p0", ...asked("good", good, "lying", lying), ...asked("around", around, "shifted", shifted)],
        { ...args, lying, shifted, around },
      ),
    ).toEqual(["run_many -30", "run_many -30"]);
  });

  test("starts nothing when one item is malformed, or the answers would not lie in memory", async () => {
    const before = model.executed.length;
    const second = (...parts: readonly (string | number)[]) => [...item(1016, parts), "run_many p1000 2 p4096"];
    expect(
      await answers(
        [
          ...setUp,
          "u32 p400 1852399949",
          "u32 p404 255",
          "oid text p500",
          ...item(1000, [...usual, "p200", bad.length]),
          ...second("p400", 4, "p100", good.length),
          ...second(...usual, "p100", good.length - 1),
          ...second(...usual, "p500", 20),
          ...second("e4", 5, "p100", good.length),
          ...second(...usual, "e0", 1),
          ...second("p404", 1, "p100", good.length),
          "run_many p1000 1 e23",
          "run_many e15 1 p4096",
          "run_many p1000 1048577 p4096",
          "run_many -16 1 p4096",
        ],
        args,
      ),
    ).toEqual([
      "run_many -33",
      "run_many -26",
      "run_many -32",
      `run_many ${outside}`,
      `run_many ${outside}`,
      "run_many -3",
      `run_many ${outside}`,
      `run_many ${outside}`,
      `run_many ${outside}`,
      `run_many ${outside}`,
    ]);
    expect(model.executed.length).toBe(before + 1);
  });
});

describe("out and log", () => {
  test("out wants a kind that the object is of", async () => {
    expect(await answers(["oid text p0", "out 1 p0", "out 2 p0", "out -1 p0", "out 0 e19"], { text: "x" })).toEqual([
      "out -30",
      "out -14",
      "out -14",
      `out ${outside}`,
    ]);
  });

  test("a second result fails the job", async () => {
    expect(await answers(["oid text p0", "out 0 p0"], { text: "x" })).toEqual([]);
  });

  test("log takes UTF-8 alone", async () => {
    expect(await answers(["content text p0", "log p0 3", "log p0 2", "log e0 1", "log p0 0"], { text: "aé" })).toEqual([
      "log 0",
      "log -3",
      `log ${outside}`,
      "log 0",
    ]);
  });
});

/** The name of a tree, as its twenty bytes. */
function oidOf(tree: Uint8Array): Buffer {
  return Buffer.from(hashObject("tree", tree), "hex");
}

function entry(name: string, content: string): Buffer {
  return Buffer.concat([Buffer.from(`100644 ${name}\0`), Buffer.from(hashObject("blob", Buffer.from(content)), "hex")]);
}

/** Lines that store an item of run_many. */
function item(at: number, parts: readonly (string | number)[]): string[] {
  return parts.map((part, index) => `u32 p${at + index * 4} ${part}`);
}
