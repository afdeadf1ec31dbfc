import { writeFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import { emptyBlob } from "../../src/store/object.ts";
import { silent } from "../guests/children.ts";
import { emptyTree, jsonResult, sharedRoom, smallRepository } from "./room.ts";

const room = sharedRoom();
let root = "";
beforeAll(() => {
  room.makeRepository("repository", smallRepository);
  root = room.git(room.repository, "rev-parse", "HEAD^{tree}");
});

describe("objects", () => {
  it("import prints git's own oid of a path, a revision and a path in a revision", async () => {
    expect(await room.call("import", ".")).toEqual({ status: 0, out: `${root}\n`, err: "" });
    expect(root).toMatchInlineSnapshot(`"55eefec426fc34235867bf5db2744b903767d064"`);
    const sub = room.git(room.repository, "rev-parse", "HEAD:sub");
    expect(await room.call("import", "sub")).toMatchObject({ out: `${sub}\n` });
    expect(await room.call("import", "HEAD:sub")).toMatchObject({ out: `${sub}\n` });
    expect(await room.call("import", "main")).toMatchObject({ out: `${root}\n` });
    const file = room.git(room.repository, "rev-parse", "HEAD:a.txt");
    expect(await room.call("import", "a.txt")).toMatchObject({ out: `${file}\n` });
  });

  it("ls prints what git ls-tree prints", async () => {
    const { out } = await room.call("ls", root);
    expect(out).toBe(`${room.git(room.repository, "ls-tree", "HEAD")}\n`);
    expect(out).toMatchInlineSnapshot(`
      "100644 blob 4a58007052a65fbc2fc3f910f2855f45a4058e74	a.txt
      120000 blob 8d14cbf983b3fad683171c9418998d9f68340823	link
      100755 blob 1a2485251c33a70432394c93fb89330ef214bfc9	run.sh
      040000 tree 785f149d11e2ad25c79a638e141d2ff01087e734	sub
      "
    `);
  });

  it("ls quotes names as git does: control characters, quotes, and bytes beyond ASCII, UTF-8 or not", async () => {
    const control = Array.from({ length: 31 }, (_, at) => String.fromCharCode(at + 1)).join("");
    const names = ['a"b', String.raw`back\slash`, "line\nbreak", control, "\u007f", "ü €", " ~!#[]^ "];
    const folder = room.makeRepository("odd", Object.fromEntries(names.map((name) => [name, "1"])));
    writeFileSync(Buffer.concat([Buffer.from(`${folder}/`), Buffer.from([0x66, 0xfc, 0x2e])]), "2");
    room.git(folder, "add", "--all");
    const { out } = await room.callIn({ cwd: folder }, "import", ".");
    const { out: listed } = await room.call("ls", out.trim());
    expect(listed).toBe(`${room.git(folder, "ls-tree", room.git(folder, "write-tree"))}\n`);
    expect(listed.split("\n").map((line) => line.split("\t")[1])).toEqual(
      expect.arrayContaining([String.raw`"a\"b"`, String.raw`"line\nbreak"`, String.raw`"f\374."`]) as string[],
    );
  });

  it("cat prints a blob's bytes as they are, and lists a tree", async () => {
    const bytes = Buffer.from([0, 255, 10, 13, 128]);
    const folder = room.makeRepository("binary", { bytes });
    const { out: name } = await room.callIn({ cwd: folder }, "import", "bytes");
    const { out } = await room.shell(`coppice cat ${name.trim()} | od -An -tu1`);
    expect(out.trim()).toBe("0 255  10  13 128");
    expect(await room.call("cat", root)).toEqual(await room.call("ls", root));
  });

  it("CIDs are printed with --cid and taken wherever an oid is", async () => {
    const { out } = await room.call("import", ".", "--cid");
    expect(out).toMatchInlineSnapshot(`
      "baf4bcfcv537mijx4gqrvqz57lwzhis4qg5t5aza
      "
    `);
    expect(await room.call("ls", out.trim())).toEqual(await room.call("ls", root));
    const listed = await room.call("ls", root, "--cid");
    expect(listed.out).not.toMatch(/[0-9a-f]{40}/);
    const blob = /blob (\S+)\ta\.txt/.exec(listed.out)?.[1] as string;
    expect(await room.call("cat", blob)).toMatchObject({ status: 0, out: "alpha\n" });
    expect(await room.call("checkout", out.trim(), room.path("by-cid"))).toMatchObject({ status: 0 });
    const run = ["run", "line-count", `--in:hash=${blob}`, `--children:hash=${emptyTree}`];
    expect(await room.call(...run)).toMatchObject({ status: 0, out: "1\n" });
  });
});

describe("worker add", () => {
  it("prints the worker's oid, the same each time, by which it can be run", async () => {
    const file = room.write("silent.wasm", silent);
    const first = await room.call("worker", "add", file);
    expect(first).toMatchObject({ status: 0, err: "" });
    expect(first.out).toMatch(/^[0-9a-f]{40}\n$/);
    expect(await room.call("worker", "add", file)).toEqual(first);
    const cid = await room.call("worker", "add", file, "--cid");
    for (const worker of [first.out.trim(), cid.out.trim(), file]) {
      const said = await room.call("run", worker, "--json");
      expect(jsonResult(said)).toMatchObject({ kind: "blob", oid: emptyBlob });
    }
  });
});

describe("worker add --limits", () => {
  it("makes another worker, whose limits are told when one is passed", async () => {
    const file = room.write("silent.wasm", silent);
    const plain = await room.call("worker", "add", file);
    const limited = await room.call("worker", "add", file, "--limits", '{"fuel":1}');
    expect(limited).toMatchObject({ status: 0, err: "" });
    expect(limited.out).not.toBe(plain.out);
    const said = await room.call("run", limited.out.trim());
    expect(said.status).toBe(1);
    expect(said.err).toContain("the guest ran out of fuel");
    expect(said.err).toContain(`it passed its limit fuel of 1; a worker may have up to 9007199254740991`);
    expect(said.err).toContain(`--limits '{"fuel":4}'`);
  });

  it("refuses what is no limit", async () => {
    const file = room.write("silent.wasm", silent);
    for (const [text, words] of [
      ["fuel", "--limits takes a JSON object, and this is no JSON: fuel"],
      ["[1]", "--limits takes a JSON object, and this is none: [1]"],
      ['{"speed":1}', 'there is no limit "speed"'],
      ['{"fuel":0}', "fuel must be a whole number from 1 to"],
    ] as const) {
      const said = await room.call("worker", "add", file, "--limits", text);
      expect(said.status, text).toBe(2);
      expect(said.err, text).toContain(words);
    }
  });
});

describe("stats", () => {
  it("prints figures, and with --json one object of them", async () => {
    const store = room.path("stats.sqlite");
    await room.call("fold", ".", "--post", "line-count", "--store", store);
    const said = await room.call("stats", "--store", store);
    expect({ ...said, out: said.out.replace(room.path(), "ROOM").replaceAll(/\d+/g, "_") }).toMatchInlineSnapshot(`
      {
        "err": "",
        "out": "objects  _ blobs, _ trees
      memos    _ (_ failed, _ quarantined)
      runs     _
      size     _._ MB
      reads    ROOM/repository/.git/objects
      ",
        "status": 0,
      }
    `);
    const { out } = await room.call("stats", "--store", store, "--json");
    expect(JSON.parse(out)).toEqual({
      objects: { blob: expect.any(Number) as number, tree: expect.any(Number) as number, commit: 0, tag: 0 },
      memos: 11,
      failed: 0,
      quarantined: 0,
      divergent: 0,
      runs: 1,
      bytes: expect.any(Number) as number,
      sources: [room.path("repository", ".git", "objects")],
    });
  });
});
