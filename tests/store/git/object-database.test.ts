import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync, chmodSync } from "node:fs";
import * as fs from "node:fs";
import { join } from "node:path";
import { deflateSync } from "node:zlib";
import { readObject } from "isomorphic-git";
import { describe, expect, test } from "vitest";
import { applyDelta, BadDelta } from "../../../src/store/git/delta.ts";
import { CorruptGitObject, ObjectDatabase } from "../../../src/store/git/object-database.ts";
import { MalformedPack, parsePackIndex } from "../../../src/store/git/pack-index.ts";
import { hashObject } from "../../../src/store/object.ts";
import { oid, type Oid } from "../../../src/store/oid.ts";
import { git, gitOid, numbersFrom, opened, put, repositoryWith, temporaryFolder } from "./git.ts";

/** A history in which files change a little at a time, so that packing makes chains of deltas. */
function historyOf(commits: number): string {
  const next = numbersFrom(7);
  const folder = repositoryWith({ "a/b/one.txt": "x\n", "two.txt": "" });
  const lines = Array.from({ length: 200 }, (_, i) => `line ${i} ${next(1000)}`);
  for (let i = 0; i < commits; i++) {
    lines[next(lines.length)] = `changed in ${i}`;
    put(folder, "a/b/one.txt", lines.join("\n"));
    put(folder, `a/${i}.txt`, `${i}`);
    git(folder, ["add", "-A"]);
    git(folder, ["commit", "-q", "-m", `${i}`]);
  }
  git(folder, ["tag", "-a", "-m", "a tag", "v1"]);
  return folder;
}

function allObjects(folder: string): Oid[] {
  const listed = git(folder, ["cat-file", "--batch-check=%(objectname)", "--batch-all-objects"]);
  return listed.split("\n").map((line) => oid(line));
}

async function expectAllRead(folder: string): Promise<void> {
  const { objects } = opened(folder);
  const names = allObjects(folder);
  expect(names.length).toBeGreaterThan(3);
  const cache = {};
  for (const name of names) {
    const ours = objects.read(name);
    expect(objects.has(name)).toBe(true);
    const theirs = await readObject({ fs, dir: folder, oid: name, format: "content", cache });
    expect(ours?.kind).toBe(theirs.type);
    expect(Buffer.compare(ours?.body as Uint8Array, theirs.object as Uint8Array)).toBe(0);
  }
}

describe("the object database", () => {
  const repacks: Record<string, readonly (readonly string[])[]> = {
    "loose objects": [],
    "one pack with long chains": [["repack", "-adfq", "--depth=50", "--window=50"]],
    "ref-deltas": [["-c", "repack.useDeltaBaseOffset=false", "repack", "-adfq", "--depth=50"]],
    "uncompressed packs": [["-c", "pack.compression=0", "repack", "-adFq"]],
  };
  for (const [what, commands] of Object.entries(repacks)) {
    test(`reads ${what} as isomorphic-git does`, async () => {
      const folder = historyOf(30);
      for (const command of commands) git(folder, command);
      if (commands.length > 0) git(folder, ["prune-packed"]);
      await expectAllRead(folder);
    });
  }

  test("reads an index of version 1 as git does", () => {
    const folder = historyOf(5);
    git(folder, ["-c", "pack.indexVersion=1", "repack", "-adfq"]);
    const { objects } = opened(folder);
    for (const name of allObjects(folder)) {
      const object = objects.read(name);
      expect(object?.kind).toBe(git(folder, ["cat-file", "-t", name]));
      expect(object?.body.length).toBe(Number(git(folder, ["cat-file", "-s", name])));
    }
  });

  test("reads several packs beside loose objects", async () => {
    const folder = historyOf(5);
    git(folder, ["repack", "-dq"]);
    put(folder, "more.txt", "more");
    git(folder, ["add", "-A"]);
    git(folder, ["commit", "-q", "-m", "more"]);
    git(folder, ["repack", "-dq"]);
    put(folder, "loose.txt", "loose");
    git(folder, ["add", "-A"]);
    git(folder, ["commit", "-q", "-m", "loose"]);
    await expectAllRead(folder);
  });

  test("reads offsets of 2 GiB and more from an index's large table", () => {
    const folder = historyOf(3);
    git(folder, ["repack", "-adfq"]);
    const packs = join(folder, ".git/objects/pack");
    const pack = readdirSync(packs).find((name) => name.endsWith(".pack")) as string;
    const idx = pack.replace(".pack", ".idx");
    rmSync(join(packs, idx));
    git(packs, ["index-pack", "--index-version=2,0x20", pack]);
    const { objects } = opened(folder);
    for (const name of allObjects(folder)) expect(objects.read(name)).toBeDefined();
  });

  test("finds objects in alternates, relative and nested ones too", () => {
    const first = repositoryWith({ "one.txt": "1" });
    const folder = temporaryFolder();
    git(folder, ["clone", "-q", "--shared", first, "second"]);
    git(folder, ["clone", "-q", "--shared", "second", "third"]);
    const third = join(folder, "third");
    writeFileSync(join(third, ".git/objects/info/alternates"), "# nested\n../../../second/.git/objects\n");
    const { objects } = opened(third);
    const name = gitOid(first, ["rev-parse", "HEAD:one.txt"]);
    expect(Buffer.from(objects.read(name)?.body as Uint8Array).toString()).toBe("1");
  });

  test("alternates that name each other end", () => {
    const folder = repositoryWith({});
    writeFileSync(join(folder, ".git/objects/info/alternates"), `${folder}/.git/objects\n./\n`);
    expect(opened(folder).objects.has(hashObject("blob", Buffer.from("none")))).toBe(false);
  });

  test("an object that is packed while the database is open is still found", () => {
    const folder = historyOf(3);
    const { objects } = opened(folder);
    const name = gitOid(folder, ["rev-parse", "HEAD"]);
    git(folder, ["repack", "-adfq"]);
    git(folder, ["prune-packed"]);
    expect(objects.read(name)?.kind).toBe("commit");
  });

  test("tells absence from presence", () => {
    const { objects } = opened(historyOf(2));
    const absent = oid("0123456789012345678901234567890123456789");
    expect(objects.read(absent)).toBeUndefined();
    expect(objects.has(absent)).toBe(false);
  });
});

/** An index of version 2. */
function indexOf(names: readonly Oid[], offsets: readonly number[]): Buffer {
  const rows = names
    .map((row, at) => ({ row, offset: offsets[at] as number }))
    .toSorted((a, b) => (a.row < b.row ? -1 : 1));
  const fanOut = Buffer.alloc(1024);
  for (let i = 0; i < 256; i++) {
    fanOut.writeUInt32BE(rows.filter(({ row }) => Number.parseInt(row.slice(0, 2), 16) <= i).length, 4 * i);
  }
  const table = Buffer.alloc(4 * rows.length);
  rows.forEach(({ offset }, at) => table.writeUInt32BE(offset, 4 * at));
  const oids = Buffer.concat(rows.map(({ row }) => Buffer.from(row, "hex")));
  const magic = Buffer.from("ff744f6300000002", "hex");
  return Buffer.concat([magic, fanOut, oids, Buffer.alloc(4 * rows.length), table, Buffer.alloc(40)]);
}

/** An object as a pack holds it: its header, and what follows. */
function entry(type: number, size: number, rest: Buffer): Buffer {
  const bytes: number[] = [];
  let left = Math.floor(size / 16);
  bytes.push((type << 4) | (size % 16) | (left > 0 ? 0x80 : 0));
  while (left > 0) {
    const low = left % 128;
    left = Math.floor(left / 128);
    bytes.push(low | (left > 0 ? 0x80 : 0));
  }
  return Buffer.concat([Buffer.from(bytes), rest]);
}

describe("damaged objects", () => {
  const name = hashObject("blob", Buffer.from("hello"));

  function withLoose(bytes: Buffer): ObjectDatabase {
    const objects = temporaryFolder();
    mkdirSync(join(objects, name.slice(0, 2)));
    writeFileSync(join(objects, name.slice(0, 2), name.slice(2)), bytes);
    return new ObjectDatabase(objects);
  }

  const loose: Record<string, Buffer> = {
    "no zlib": Buffer.from("hello"),
    empty: Buffer.alloc(0),
    truncated: deflateSync("blob 5\0hello").subarray(0, 8),
    "another content": deflateSync("blob 5\0jello"),
    "a longer body than the header says": deflateSync("blob 5\0hello, and more"),
    "a shorter body than the header says": deflateSync("blob 50\0hello"),
    "no header": deflateSync("hello"),
    "an unknown kind": deflateSync("blub 5\0hello"),
    "a size beyond all bounds": deflateSync("blob 99999999999\0hello"),
    "a negative size": deflateSync("blob -5\0hello"),
    "a bomb": deflateSync(Buffer.concat([Buffer.from("blob 5\0"), Buffer.alloc(1 << 26)])),
  };
  for (const [what, bytes] of Object.entries(loose)) {
    test(`a loose object with ${what} is refused`, () => {
      expect(() => withLoose(bytes).read(name)).toThrow(CorruptGitObject);
    });
  }

  test("a loose object that is whole is read", () => {
    expect(withLoose(deflateSync("blob 5\0hello")).read(name)?.kind).toBe("blob");
  });

  /** A database with one pack that holds `entries` and says that `name` stands at the last of them. */
  function withPack(entries: readonly Buffer[], names: readonly Oid[]): ObjectDatabase {
    const head = Buffer.alloc(12);
    head.write("PACK");
    head.writeUInt32BE(2, 4);
    head.writeUInt32BE(entries.length, 8);
    const offsets: number[] = [];
    let at = 12;
    for (const each of entries) {
      offsets.push(at);
      at += each.length;
    }
    const objects = temporaryFolder();
    mkdirSync(join(objects, "pack"));
    writeFileSync(join(objects, "pack", "pack-1.pack"), Buffer.concat([head, ...entries, Buffer.alloc(20)]));
    writeFileSync(join(objects, "pack", "pack-1.idx"), indexOf(names, offsets));
    return new ObjectDatabase(objects);
  }

  const other = oid("ff00000000000000000000000000000000000000");
  const whole = entry(3, 5, deflateSync("hello"));
  const delta = Buffer.from([5, 5, 0x90, 5]);
  const packs: Record<string, readonly [readonly Buffer[], readonly Oid[]]> = {
    "a size that is too small": [[entry(3, 4, deflateSync("hello"))], [name]],
    "a size that is too large": [[entry(3, 6, deflateSync("hello"))], [name]],
    "a size of terabytes": [[entry(3, 2 ** 42, deflateSync("hello"))], [name]],
    "no end to its size": [[Buffer.alloc(40, 0xff)], [name]],
    "a stream that is cut short": [[entry(3, 5, deflateSync("hello").subarray(0, 7))], [name]],
    "nothing after the header": [[entry(3, 5, Buffer.alloc(0))], [name]],
    "an unknown type": [[entry(5, 5, deflateSync("hello"))], [name]],
    "another content": [[entry(3, 5, deflateSync("jello"))], [name]],
    "a delta on itself": [[entry(6, 4, Buffer.concat([Buffer.of(0), deflateSync(delta)]))], [name]],
    "a delta on something before the pack": [
      [entry(6, 4, Buffer.concat([Buffer.of(100), deflateSync(delta)]))],
      [name],
    ],
    "a ref-delta on itself": [[entry(7, 4, Buffer.concat([Buffer.from(name, "hex"), deflateSync(delta)]))], [name]],
    "a ref-delta on what the pack lacks": [
      [entry(7, 4, Buffer.concat([Buffer.from(other, "hex"), deflateSync(delta)]))],
      [name],
    ],
    "two ref-deltas on each other": [
      [
        entry(7, 4, Buffer.concat([Buffer.from(name, "hex"), deflateSync(delta)])),
        entry(7, 4, Buffer.concat([Buffer.from(other, "hex"), deflateSync(delta)])),
      ],
      [other, name],
    ],
    "a bad delta": [
      [whole, entry(6, 4, Buffer.concat([Buffer.of(whole.length), deflateSync(Buffer.from([5, 5, 0x90, 6]))]))],
      [other, name],
    ],
  };
  for (const [what, [entries, names]] of Object.entries(packs)) {
    test(`a packed object with ${what} is refused`, () => {
      const objects = withPack(entries, names);
      expect(() => objects.read(name)).toThrow(CorruptGitObject);
      objects.close();
    });
  }

  test("a packed delta that is whole is read", () => {
    const good = entry(6, 4, Buffer.concat([Buffer.of(whole.length), deflateSync(delta)]));
    const objects = withPack([whole, good], [other, name]);
    expect(objects.read(name)?.kind).toBe("blob");
    objects.close();
  });

  test("a pack that is cut anywhere gives the right objects or a refusal", () => {
    const folder = historyOf(4);
    git(folder, ["repack", "-adfq"]);
    const names = allObjects(folder);
    const from = join(folder, ".git/objects/pack");
    const idx = readdirSync(from).find((file) => file.endsWith(".idx")) as string;
    const pack = readFileSync(join(from, idx.replace(".idx", ".pack")));
    const next = numbersFrom(3);
    for (let round = 0; round < 60; round++) {
      const objects = temporaryFolder();
      mkdirSync(join(objects, "pack"));
      copyFileSync(join(from, idx), join(objects, "pack", idx));
      chmodSync(join(objects, "pack", idx), 0o644);
      const damaged = Buffer.from(pack.subarray(0, round % 2 === 0 ? next(pack.length) : pack.length));
      for (let i = 0; i < 5 && damaged.length > 0; i++) damaged[next(damaged.length)] = next(256);
      writeFileSync(join(objects, "pack", idx.replace(".idx", ".pack")), damaged);
      const database = new ObjectDatabase(objects);
      for (const each of names) {
        try {
          database.read(each); // what it returns was hashed, so nothing wrong can come back
        } catch (error) {
          expect(error).toBeInstanceOf(CorruptGitObject);
        }
      }
      database.close();
    }
  });

  test("an index of a pack that is malformed is refused", () => {
    const good = indexOf([name], [12]);
    const descending = Buffer.from(good);
    descending.writeUInt32BE(9, 8);
    const version = Buffer.from(good);
    version.writeUInt32BE(3, 4);
    const count = Buffer.from(good);
    count.writeUInt32BE(0x7fffffff, 8 + 1020);
    const cases = [Buffer.alloc(0), good.subarray(0, 500), good.subarray(0, -1), descending, version, count];
    cases.push(Buffer.concat([good, Buffer.alloc(3)]));
    expect(parsePackIndex(good, "x.pack").count).toBe(1);
    for (const bytes of cases) expect(() => parsePackIndex(bytes, "x.pack")).toThrow(MalformedPack);
  });
});

describe("deltas", () => {
  const base = Buffer.from("0123456789");

  test("copy and insert", () => {
    expect(applyDelta(base, Buffer.from([10, 7, 0x91, 2, 3, 2, 0x61, 0x62, 0x90, 2])).toString()).toBe("234ab01");
  });

  const bad: Record<string, number[]> = {
    "no sizes": [],
    "a size without end": [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
    "another base size": [9, 1, 0x90, 1],
    "a copy from outside of the base": [10, 4, 0x91, 8, 4],
    "a copy whose arguments are cut short": [10, 4, 0x91, 8],
    "an insertion that is cut short": [10, 4, 4, 0x61],
    "the reserved instruction": [10, 1, 0],
    "more than it says": [10, 1, 0x90, 2],
    "less than it says": [10, 3, 0x90, 2],
    "a result of gigabytes": [10, 0xff, 0xff, 0xff, 0xff, 0x7f, 0x90, 2],
  };
  for (const [what, bytes] of Object.entries(bad)) {
    test(`with ${what} are refused`, () => {
      expect(() => applyDelta(base, Buffer.from(bytes))).toThrow(BadDelta);
    });
  }
});
