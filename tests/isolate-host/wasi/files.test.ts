/** The file system over a tree. What it answers to every kind of operation is compared with a real one in files-differential.test.ts; here stands what a real one does not show. */
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { realtimeStartNs } from "../../../src/abi/virtual.ts";
import { putBytesMax } from "../../../src/isolate-host/frame.ts";
import { errno, fault, Fault } from "../../../src/isolate-host/wasi/errno.ts";
import {
  FilesTooLarge,
  TooManyEntries,
  type File,
  type Folder,
  type Node,
  type OpenHow,
} from "../../../src/isolate-host/wasi/files.ts";
import { emptyTree } from "../../../src/store/object.ts";
import { oid, type Oid } from "../../../src/store/oid.ts";
import { MissingObject } from "../../../src/store/store.ts";
import { decodeTree, type Mode } from "../../../src/store/tree.ts";
import { fileRoom, type FileRoom, type RoomObjects } from "./file-room.ts";

const absent = oid("f".repeat(40));
const plain: OpenHow = { follow: true, create: false, exclusive: false, folder: false, truncate: false };
const making: OpenHow = { ...plain, create: true };

/** What is no error. */
function sound<T>(answer: T): Exclude<T, Fault> {
  if (answer instanceof Fault) throw new Error(`error ${answer.errno}`);
  return answer as Exclude<T, Fault>;
}

const opened = ({ files }: FileRoom, path: string, how: OpenHow = plain) =>
  sound(files.open(files.root, path, how)) as File;
const folder = ({ files }: FileRoom, path: string) => sound(files.find(files.root, path, true)) as Folder;
const write = (room: FileRoom, path: string, text: string, at = 0) => {
  const file = opened(room, path, making);
  expect(room.files.write(file, at, Buffer.from(text))).toBe(text.length);
  room.files.close(file);
};
const textOf = ({ files }: FileRoom, node: Node) => {
  const target = Buffer.alloc(1 << 16);
  return target.toString("latin1", 0, sound(files.read(node as File, 0, target)));
};
const names = ({ files }: FileRoom, path = "/") =>
  sound(files.list(sound(files.find(files.root, path, true)) as Folder)).map(({ name }) => name);

const source = (objects: RoomObjects) =>
  objects.files([
    ["a", "100644", "text of a"],
    ["link", "120000", "sub/b"],
    ["run", "100755", "#!"],
    ["sub/b", "100644", "text of b"],
    ["sub/deep/c", "100644", "text of c"],
  ]);

/** Ten files, twice. */
const twiceTen = (objects: RoomObjects) => {
  const ten = objects.files(Array.from({ length: 10 }, (_, each) => [`f${each}`, "100644", ""] as const));
  return objects.tree(["one", ten, "40000"], ["other", ten, "40000"]);
};

/** All that a tree names, itself included. */
function namedBy(objects: RoomObjects, root: Oid, found = new Set<Oid>()): Set<Oid> {
  found.add(root);
  for (const entry of decodeTree(objects.get(root).body)) {
    if (entry.mode === "40000") namedBy(objects, entry.oid, found);
    else found.add(entry.oid);
  }
  return found;
}

describe("reading", () => {
  test("a tree is decoded when somebody looks into it, a blob read when a byte of it is wanted", () => {
    const room = fileRoom(source);
    const { files, objects } = room;
    objects.read.length = 0;
    const read = () => objects.read.splice(0).length;
    sound(files.find(files.root, ".", true));
    expect(read()).toBe(0);
    const b = opened(room, "link");
    // The root, the link's text, the folder.
    expect(read()).toBe(3);
    sound(files.find(files.root, "sub/deep", true));
    expect(read()).toBe(0);
    expect(textOf(room, b)).toBe("text of b");
    expect(read()).toBe(1);
    expect(textOf(room, b)).toBe("text of b");
    expect(files.stat(b).size).toBe(9);
    expect(read()).toBe(0);
    expect(objects.sized).toEqual([]);
  });

  test("a file's size is asked for, once, and its blob not read", () => {
    const room = fileRoom(source);
    const a = sound(room.files.find(room.files.root, "a", true));
    const link = sound(room.files.find(room.files.root, "link", false));
    expect([room.files.stat(a).size, room.files.stat(a).size, room.files.stat(link).size]).toEqual([9, 9, 5]);
    expect(room.objects.sized.length).toBe(2);
  });

  test("what is not here is missing, and no error that a guest sees", () => {
    const room = fileRoom((objects) => objects.tree(["a", absent], ["l", absent, "120000"], ["t", absent, "40000"]));
    const { files } = room;
    expect(names(room)).toEqual(["a", "l", "t"]);
    const a = opened(room, "a");
    for (const look of [
      () => files.stat(a),
      () => files.read(a, 0, Buffer.alloc(1)),
      () => files.write(a, 1, Buffer.alloc(1)),
      () => files.find(files.root, "l", true),
      () => files.find(files.root, "t/x", true),
    ]) {
      expect(look).toThrow(MissingObject);
    }
    // What needs no byte of it works.
    expect(files.resize(opened(room, "a"), 0)).toBeUndefined();
    expect(files.stat(a).size).toBe(0);
  });

  test("what a tree names wrongly is an error of input and output", () => {
    const room = fileRoom((objects) => {
      const blob = objects.blob("no tree");
      const tree = objects.tree(["x", blob]);
      return objects.tree(["blob", blob, "40000"], ["file", tree], ["link", tree, "120000"]);
    });
    const { files } = room;
    expect(files.find(files.root, "blob/x", true)).toBe(fault(errno.io));
    expect(files.list(folder(room, "blob"))).toBe(fault(errno.io));
    expect(files.removeFolder(files.root, "blob")).toBe(fault(errno.io));
    expect(files.read(opened(room, "file"), 0, Buffer.alloc(1))).toBe(fault(errno.io));
    expect(files.write(opened(room, "file"), 0, Buffer.alloc(1))).toBe(fault(errno.io));
    expect(files.readLink(files.root, "link")).toBe(fault(errno.io));
    expect(files.finish()).toBe(room.root);
  });

  test("inodes are numbered as nodes are seen, the root first, and a node with two names has one", () => {
    const room = fileRoom(source);
    const { files } = room;
    const inode = (path: string) => files.stat(sound(files.find(files.root, path, false))).inode;
    expect(inode("/")).toBe(1);
    expect(["a", "link", "run", "sub", "sub/b", "sub/deep"].map(inode)).toEqual([2, 3, 4, 5, 6, 7]);
    expect(files.link(files.root, "a", false, files.root, "again")).toBeUndefined();
    write(room, "new", "");
    expect([inode("again"), inode("new")]).toEqual([2, 8]);
    expect(files.stat(opened(room, "a")).links).toBe(2);
  });

  test("a list is sorted by bytes, whatever git's order, and tells what came since", () => {
    const room = fileRoom((objects) =>
      objects.files([
        ["a/x", "100644", ""],
        ["a.", "100644", ""],
        ["é", "100644", ""],
      ]),
    );
    expect(names(room)).toEqual(["a", "a.", "Ã©"]);
    write(room, "B", "");
    expect(names(room)).toEqual(["B", "a", "a.", "Ã©"]);
    expect(room.files.unlink(room.files.root, "a.")).toBeUndefined();
    expect(names(room)).toEqual(["B", "a", "Ã©"]);
  });
});

describe("times", () => {
  const timesOf = ({ files }: FileRoom, path: string) => {
    const { accessedNs, modifiedNs, changedNs } = files.stat(sound(files.find(files.root, path, false)));
    return [accessedNs, modifiedNs, changedNs];
  };
  const start = realtimeStartNs;

  test("are the clock's start for what came, and the present for what is written", () => {
    const room = fileRoom(source);
    const { files, clock } = room;
    const { nowNs: now } = clock;
    expect(timesOf(room, "sub/b")).toEqual([start, start, start]);
    textOf(room, opened(room, "a"));
    expect(timesOf(room, "a")).toEqual([start, start, start]);
    write(room, "a", "x");
    expect(timesOf(room, "a")).toEqual([start, now, now]);
    write(room, "sub/new", "x");
    expect(timesOf(room, "sub/new")).toEqual([now, now, now]);
    expect(timesOf(room, "sub")).toEqual([start, now, now]);
    expect(timesOf(room, "/")).toEqual([start, start, start]);
    files.setExecutable(opened(room, "sub/b"), true);
    expect(timesOf(room, "sub/b")).toEqual([start, start, now]);
    expect(files.rename(files.root, "run", files.root, "ran")).toBeUndefined();
    expect(timesOf(room, "ran")).toEqual([start, start, now]);
    expect(timesOf(room, "/")).toEqual([start, now, now]);
  });

  test("that are set are had again, and what is not given stays", () => {
    const room = fileRoom(source);
    const link = sound(room.files.find(room.files.root, "link", false));
    room.files.setTimes(link, 5n, undefined);
    expect(timesOf(room, "link")).toEqual([5n, start, room.clock.nowNs]);
    room.files.setTimes(link, undefined, 6n);
    expect(timesOf(room, "link")).toEqual([5n, 6n, room.clock.nowNs]);
    expect(room.files.finish()).toBe(room.root);
  });
});

describe("writing", () => {
  test("copies: the bytes given can be used for something else", () => {
    const room = fileRoom(source);
    const bytes = Buffer.from("one");
    const file = opened(room, "a");
    room.files.write(file, 0, bytes);
    bytes.fill(0);
    expect(textOf(room, file)).toBe("onet of a");
    expect(Buffer.from(room.objects.get(room.objects.blob("text of a")).body).toString()).toBe("text of a");
  });

  test("behind the end leaves zeros, also where a file was longer before", () => {
    const room = fileRoom(source);
    const file = opened(room, "a");
    room.files.write(file, 12, Buffer.from("x"));
    expect(textOf(room, file)).toBe("text of a\0\0\0x");
    room.files.resize(file, 2);
    room.files.write(file, 5, Buffer.from("y"));
    expect(textOf(room, file)).toBe("te\0\0\0y");
    room.files.resize(file, 1);
    room.files.resize(file, 4);
    expect(textOf(room, file)).toBe("t\0\0\0");
  });

  test("byte by byte copies each byte a few times at most", () => {
    const room = fileRoom(source);
    const file = opened(room, "new", making);
    const rooms = new Set<number>();
    for (let at = 0; at < 100_000; at++) {
      room.files.write(file, at, Buffer.of(at));
      rooms.add(file.bytes.length);
    }
    expect(rooms.size).toBeLessThan(20);
    expect(room.files.bytesHeld).toBeGreaterThanOrEqual(100_000);
  });

  test("a file that was unlinked is there for whoever has it open, and counts until it is closed", () => {
    const room = fileRoom(source);
    const { files } = room;
    write(room, "new", "some text");
    const one = opened(room, "new");
    const other = opened(room, "new");
    const held = files.bytesHeld;
    expect(files.unlink(files.root, "new")).toBeUndefined();
    expect([textOf(room, one), files.stat(one).links]).toEqual(["some text", 0]);
    files.close(one);
    expect(held - files.bytesHeld).toBeLessThanOrEqual(512);
    files.close(other);
    expect(files.bytesHeld).toBe(0);
    // Nobody should; the bytes are there nevertheless, and count again.
    files.write(other, 9, Buffer.from("."));
    expect([textOf(room, other), files.bytesHeld]).toEqual(["some text.", 10]);
    expect(files.finish()).toBe(room.root);
  });

  test("more than may be held is thrown, and nothing of it is done", () => {
    const room = fileRoom(source);
    const { files, bounds } = room;
    const file = opened(room, "a");
    bounds.bytesMax = 1000;
    files.write(file, 9, Buffer.alloc(991));
    expect(files.bytesHeld).toBe(1000);
    for (const grow of [
      () => files.write(file, 1000, Buffer.of(1)),
      () => files.resize(file, 1001),
      () => files.open(files.root, "b", making),
      () => files.makeFolder(files.root, "b"),
      () => files.symlink("x", files.root, "b"),
      () => files.link(files.root, "a", true, files.root, "b"),
      () => files.write(opened(room, "sub/b"), 0, Buffer.of(1)),
    ]) {
      expect(grow).toThrow(FilesTooLarge);
      expect(files.bytesHeld).toBe(1000);
    }
    expect([files.stat(file).size, files.stat(file).links, names(room).includes("b")]).toEqual([1000, 1, false]);
    // What is there can be written over, and room be made.
    files.write(file, 0, Buffer.of(1));
    files.resize(file, 10);
    expect(files.bytesHeld).toBe(10);
    files.write(opened(room, "sub/b"), 0, Buffer.of(1));
    expect(files.bytesHeld).toBe(19);
  });

  test("names that are made and removed again are free", () => {
    const room = fileRoom(source);
    const { files, bounds } = room;
    bounds.bytesMax = 4096;
    for (let times = 0; times < 100; times++) {
      write(room, "f", "x");
      expect(files.link(files.root, "f", false, files.root, "g")).toBeUndefined();
      expect(files.makeFolder(files.root, "d")).toBeUndefined();
      expect(files.symlink("x".repeat(100), files.root, "l")).toBeUndefined();
      expect(files.rename(files.root, "f", files.root, "d/f")).toBeUndefined();
      for (const path of ["d/f", "g", "l"]) expect(files.unlink(files.root, path)).toBeUndefined();
      expect(files.removeFolder(files.root, "d")).toBeUndefined();
      expect(files.bytesHeld).toBe(0);
    }
    expect(files.finish()).toBe(room.root);
  });

  test("a file that is cut gives back its room: what it keeps is at most as much again as what counts", () => {
    const room = fileRoom(source);
    const { files } = room;
    const file = opened(room, "a");
    files.write(file, 0, Buffer.alloc(1 << 20, "x"));
    for (const size of [1_000_000, 600_000, 500_000, 100, 99, 1, 0]) {
      expect(files.resize(file, size)).toBeUndefined();
      expect(file.bytes.length).toBeLessThanOrEqual(2 * size);
      expect(textOf(room, file)).toBe("x".repeat(Math.min(size, 1 << 16)));
      expect(files.bytesHeld).toBe(size);
    }
    files.write(file, 3, Buffer.from("y"));
    expect(textOf(room, file)).toBe("\0\0\0y");
  });

  test("a file's bytes are part of no pool, which the last of them would keep", () => {
    const room = fileRoom(source);
    for (const name of ["x", "y"]) write(room, name, "some text");
    expect(opened(room, "x").bytes.buffer.byteLength).toBe(9);
  });

  test("a listing counts while somebody reads it, once for all who read it, and keeps nothing that was removed", () => {
    const room = fileRoom(source);
    const { files } = room;
    const sub = folder(room, "sub");
    const [one, other] = [sound(files.openListing(sub)), sound(files.openListing(sub))];
    const held = files.bytesHeld;
    expect([one, held]).toEqual([other, 2 * 64 + "b".length + "deep".length]);
    files.unlink(files.root, "sub/b");
    const later = sound(files.openListing(sub));
    expect([one, later].map(({ entries }) => entries.map(({ name }) => name))).toEqual([["b", "deep"], ["deep"]]);
    expect(Object.values(one.entries[0] as object).map((each) => typeof each)).toEqual(["string", "number", "string"]);
    files.closeListing(one);
    expect(files.bytesHeld).toBe(held + 64 + "deep".length);
    for (const listing of [other, later]) files.closeListing(listing);
    expect(files.bytesHeld).toBe(0);
    room.bounds.bytesMax = 100;
    expect(() => files.openListing(folder(room, "."))).toThrow(FilesTooLarge);
  });

  test("a folder that was removed counts for as long as it, or one that was in it, is open: each knows the way up", () => {
    const room = fileRoom(source);
    const { files } = room;
    const paths = ["x", "x/y", "x/y/z"];
    for (const path of paths) expect(files.makeFolder(files.root, path)).toBeUndefined();
    const deepest = sound(files.open(files.root, "x/y/z", plain));
    const middle = sound(files.open(files.root, "x/y", plain));
    const held = files.bytesHeld;
    for (const path of paths.toReversed()) expect(files.removeFolder(files.root, path)).toBeUndefined();
    expect(files.bytesHeld).toBe(held);
    files.close(middle);
    expect(files.bytesHeld).toBe(held);
    expect(files.pathOf(deepest as Folder)).toBe("/x/y/z");
    files.close(deepest);
    expect(files.bytesHeld).toBe(0);
    expect(files.finish()).toBe(room.root);
  });

  test("a long text of a link is read each time; of a short one, and one that was made, it is kept", () => {
    const [long, short] = ["x/".repeat(200), "x/".repeat(20)];
    const room = fileRoom((objects) =>
      objects.files([
        ["long", "120000", long],
        ["short", "120000", short],
      ]),
    );
    const { files, objects } = room;
    expect(files.symlink(long, files.root, "made")).toBeUndefined();
    objects.read.length = 0;
    for (const [name, text, reads] of [
      ["long", long, 2],
      ["short", short, 1],
      ["made", long, 0],
    ] as const) {
      for (let times = 0; times < 2; times++) expect(files.readLink(files.root, name)).toBe(text);
      expect(objects.read.splice(0)).toHaveLength(reads);
    }
  });

  test("folders with more entries than may be made are not decoded; each folder counts where it stands", () => {
    const { files } = fileRoom(twiceTen, 12);
    const look = (path: string) => files.find(files.root, path, true);
    for (let times = 0; times < 3; times++) expect(look("one/f9")).toHaveProperty("kind", "file");
    expect(look("other")).toHaveProperty("kind", "folder");
    for (const tooMuch of [
      () => look("other/f0"),
      () => files.list(look("other") as Folder),
      () => files.makeFolder(files.root, "other/new"),
      () => files.rename(files.root, "one/f0", files.root, "other/new"),
      () => files.removeFolder(files.root, "other"),
    ]) {
      expect(tooMuch).toThrow(TooManyEntries);
    }
    // What was looked into stays counted, though it is gone.
    for (let each = 0; each < 10; each++) expect(files.unlink(files.root, `one/f${each}`)).toBeUndefined();
    expect(() => look("other/f0")).toThrow(TooManyEntries);
    expect(files.makeFolder(files.root, "one/new")).toBeUndefined();
  });

  test("a file larger than a blob may be is refused before anything is taken", () => {
    const room = fileRoom(source);
    const file = opened(room, "a");
    expect(room.files.write(file, putBytesMax, Buffer.of(1))).toBe(fault(errno.fbig));
    expect(room.files.write(file, Number.MAX_SAFE_INTEGER, Buffer.of(1))).toBe(fault(errno.fbig));
    expect(room.files.resize(file, putBytesMax + 1)).toBe(fault(errno.fbig));
    expect(room.files.finish()).toBe(room.root);
  });
});

describe("a path", () => {
  test("of the root alone is the root, wherever it is used", () => {
    const room = fileRoom(source);
    const { files } = room;
    const { root } = files;
    for (const path of ["/", "///", "/.", "/..", "..", "sub/../..", "/sub/deep/../../../.."]) {
      expect(files.find(root, path, false), path).toBe(root);
    }
    // What Linux answers.
    expect(files.makeFolder(root, "/")).toBe(fault(errno.exist));
    expect(files.removeFolder(root, "/")).toBe(fault(errno.busy));
    expect(files.removeFolder(root, "/..")).toBe(fault(errno.notempty));
    expect(files.unlink(root, "/")).toBe(fault(errno.isdir));
    expect(files.rename(root, "/", root, "x")).toBe(fault(errno.busy));
    expect(files.rename(root, "a", root, "/")).toBe(fault(errno.busy));
    expect(files.open(root, "/", making)).toBe(fault(errno.isdir));
    expect(files.open(root, "/", { ...making, exclusive: true })).toBe(fault(errno.exist));
    expect(files.symlink("x", root, "/")).toBe(fault(errno.exist));
    expect(files.link(root, "/", false, root, "x")).toBe(fault(errno.perm));
  });

  test("leads over 40 symlinks and no more", () => {
    const room = fileRoom((objects) =>
      objects.tree(
        ["0", objects.blob("")],
        ...Array.from({ length: 41 }, (_, at): [string, Oid, Mode] => [`${at + 1}`, objects.blob(`${at}`), "120000"]),
      ),
    );
    const { files } = room;
    expect(sound(files.find(files.root, "40", true)).kind).toBe("file");
    expect(files.find(files.root, "41", true)).toBe(fault(errno.loop));
    expect(sound(files.find(files.root, "41", false)).kind).toBe("link");
    expect(files.open(files.root, "41", plain)).toBe(fault(errno.loop));
  });

  test("by a blob longer than a symlink's text can be is an error", () => {
    const { files } = fileRoom((given) => given.tree(["long", given.blob("x".repeat(4096)), "120000"]));
    expect(files.readLink(files.root, "long")).toBe(fault(errno.nametoolong));
    expect(files.find(files.root, "long", true)).toBe(fault(errno.nametoolong));
    expect(files.stat(sound(files.find(files.root, "long", false))).size).toBe(4096);
  });

  test("that is too long, has a NUL, or goes by a symlink without a text, is an error", () => {
    const room = fileRoom((objects) =>
      objects.tree(
        ["empty", objects.blob(""), "120000"],
        ["nul", objects.blob("a\0b"), "120000"],
        ["long", objects.blob("./".repeat(3000)), "120000"],
      ),
    );
    const { files } = room;
    const find = (path: string) => files.find(files.root, path, true);
    expect(find("")).toBe(fault(errno.noent));
    expect(sound(find(`.${"/".repeat(4094)}`))).toBe(files.root);
    expect(find(`.${"/".repeat(4095)}`)).toBe(fault(errno.nametoolong));
    expect(find("x\0")).toBe(fault(errno.inval));
    expect(find("empty")).toBe(fault(errno.noent));
    expect(find("nul")).toBe(fault(errno.inval));
    expect(find("long")).toBe(fault(errno.nametoolong));
    expect(files.symlink("", files.root, "x")).toBe(fault(errno.noent));
    expect(files.symlink("x".repeat(4096), files.root, "x")).toBe(fault(errno.nametoolong));
    expect(files.finish()).toBe(room.root);
  });

  test("that names what no git tree can hold is refused where it would be made", () => {
    const room = fileRoom(source);
    const { files } = room;
    const { root } = files;
    const refused = fault(errno.inval);
    expect(files.find(root, ".git", true)).toBe(fault(errno.noent));
    expect(files.makeFolder(root, "sub/.git/")).toBe(refused);
    expect(files.open(root, ".git", making)).toBe(refused);
    expect(files.symlink("x", root, ".git")).toBe(refused);
    expect(files.link(root, "a", false, root, ".git")).toBe(refused);
    expect(files.rename(root, "sub", root, ".git")).toBe(refused);
    expect(files.open(root, "x", { ...making, folder: true })).toBe(refused);
    expect(files.finish()).toBe(room.root);
  });

  test("from a folder that moved or was removed begins where that is, or was", () => {
    const room = fileRoom(source);
    const { files } = room;
    const deep = folder(room, "sub/deep");
    expect(files.pathOf(deep)).toBe("/sub/deep");
    expect(files.rename(files.root, "sub", files.root, "other")).toBeUndefined();
    expect([files.pathOf(deep), files.pathOf(files.root)]).toEqual(["/other/deep", "/"]);
    expect(files.parent(deep)).toBe(folder(room, "other"));
    expect(files.unlink(deep, "c")).toBeUndefined();
    expect(files.removeFolder(files.root, "other/deep")).toBeUndefined();
    expect(files.open(deep, "x", making)).toBe(fault(errno.noent));
    expect(files.makeFolder(deep, "x")).toBe(fault(errno.noent));
    expect(sound(files.find(deep, "../b", true)).kind).toBe("file");
    expect(files.stat(deep).links).toBe(0);
  });
});

describe("the tree that is left", () => {
  test("of reading is the tree that was, and nothing is put", () => {
    const room = fileRoom(source);
    textOf(room, opened(room, "link"));
    names(room, "sub/deep");
    room.objects.put = () => {
      throw new Error("nothing is to be put");
    };
    expect(room.files.finish()).toBe(room.root);
  });

  test("names what did not change as it was, and looks into nothing that nobody looked into", () => {
    const room = fileRoom((objects) =>
      objects.tree(["a", objects.blob("a")], ["far", absent, "40000"], ["module", absent, "160000"]),
    );
    write(room, "b", "text");
    expect(decodeTree(room.objects.get(room.files.finish()).body)).toEqual([
      { mode: "100644", name: "a", oid: room.objects.blob("a") },
      { mode: "100644", name: "b", oid: room.objects.blob("text") },
      { mode: "40000", name: "far", oid: absent },
      { mode: "160000", name: "module", oid: absent },
    ]);
  });

  test("of what was undone is the tree that was, in git's older spellings, too", () => {
    const body = Buffer.concat([Buffer.from("100664 a\0"), Buffer.from(absent, "hex")]);
    const room = fileRoom((objects) => objects.tree(["old", objects.put("tree", body), "40000"]));
    write(room, "old/b", "");
    expect(room.files.unlink(room.files.root, "old/b")).toBeUndefined();
    expect(room.files.finish()).toBe(room.root);
  });

  test("keeps empty folders, and gitlinks into which nothing was put", () => {
    const room = fileRoom((objects) =>
      objects.tree(["a", absent, "160000"], ["b", absent, "160000"], ["c", absent, "160000"]),
    );
    const { files } = room;
    expect(files.list(folder(room, "a"))).toEqual([]);
    expect(files.rename(files.root, "a", files.root, "moved")).toBeUndefined();
    write(room, "b/x", "text");
    expect(files.removeFolder(files.root, "c")).toBeUndefined();
    expect(files.makeFolder(files.root, "c")).toBeUndefined();
    expect(decodeTree(room.objects.get(files.finish()).body)).toEqual([
      { mode: "40000", name: "b", oid: room.objects.files([["x", "100644", "text"]]) },
      { mode: "40000", name: "c", oid: emptyTree },
      { mode: "160000", name: "moved", oid: absent },
    ]);
  });

  test("has the bits, links and names that were made", () => {
    const room = fileRoom(() => emptyTree);
    room.objects.tree();
    const { files } = room;
    write(room, "\xe9", "latin");
    write(room, "Ã©", "utf");
    files.setExecutable(opened(room, "Ã©"), true);
    expect(files.symlink("a/\xff", files.root, "l")).toBeUndefined();
    expect(files.link(files.root, "l", false, files.root, "m")).toBeUndefined();
    const link = room.objects.put("blob", Buffer.from("a/\xff", "latin1"));
    expect(decodeTree(room.objects.get(files.finish()).body)).toEqual([
      { mode: "120000", name: "l", oid: link },
      { mode: "120000", name: "m", oid: link },
      { mode: "100755", name: "é", oid: room.objects.blob("utf") },
      { mode: "100644", name: "\udce9", oid: room.objects.blob("latin") },
    ]);
  });

  test("may be as deep as you like", () => {
    const room = fileRoom(source);
    const { files } = room;
    let at = files.root;
    for (let depth = 0; depth < 20_000; depth++) {
      expect(files.makeFolder(at, "d")).toBeUndefined();
      at = sound(files.find(at, "d", true)) as Folder;
    }
    expect(files.pathOf(at).length).toBe(40_000);
    expect(files.rename(files.root, "d", at, "e")).toBe(fault(errno.inval));
    expect(sound(files.finish())).not.toBe(room.root);
  });
});

describe("nothing outside of the tree is named", () => {
  const step = fc.constantFrom("..", "..", ".", "a", "b", "link", "sub", "deep", "secret", "");
  const path = fc
    .tuple(fc.boolean(), fc.array(step, { maxLength: 12 }))
    .map(([isAbsolute, steps]) => (isAbsolute ? "/" : "") + steps.join("/"));
  const text = fc.oneof(path, fc.constantFrom("/", "..", "../../../..", "/..", "/../secret", "//"));

  test("by any path, through any symlink, from any folder: what is read is what the root names, and what is found is below it", () => {
    const operations = fc.array(fc.record({ text, path, to: path, base: path, kind: fc.nat({ max: 6 }) }), {
      minLength: 1,
      maxLength: 30,
      size: "max",
    });
    fc.assert(
      fc.property(operations, (sequence) => {
        const room = fileRoom((objects) => {
          // The tree that commands get stands in another, as a request's does.
          objects.files([
            ["secret", "100644", "outside"],
            ["in/a", "100644", "text of a"],
          ]);
          return source(objects);
        });
        const { files, objects, root } = room;
        const inside = namedBy(objects, root);
        objects.read.length = 0;
        const bases = new Set([files.root]);
        for (const { text: target, path: from, to, base: basePath, kind } of sequence) {
          const found = files.find(files.root, basePath, true);
          const base = found instanceof Fault || found.kind !== "folder" ? files.root : found;
          bases.add(base);
          switch (kind) {
            case 0:
            case 1:
              files.symlink(target, base, from);
              break;
            case 2:
              files.makeFolder(base, from);
              break;
            case 3:
              files.rename(base, from, files.root, to);
              break;
            case 4:
              files.removeFolder(base, from);
              break;
            case 5: {
              const node = files.open(base, from, making);
              if (!(node instanceof Fault) && node.kind === "file") files.read(node, 0, Buffer.alloc(20));
              break;
            }
            default: {
              const node = files.find(base, from, true);
              if (!(node instanceof Fault) && node.kind === "folder") bases.add(node);
            }
          }
        }
        expect(objects.read.filter((name) => !inside.has(name))).toEqual([]);
        for (let base of bases) {
          // Each folder's way up ends at the root.
          for (let steps = 0; base !== files.root; steps++) {
            expect(steps).toBeLessThan(1000);
            base = files.parent(base);
          }
        }
        expect(names(room)).toEqual([...new Set(names(room))].toSorted());
      }),
      { numRuns: 500 },
    );
  });

  test("a symlink above the root ends at the root, also for what is made", () => {
    const room = fileRoom(source);
    const { files } = room;
    expect(files.symlink("../../../..", files.root, "sub/up")).toBeUndefined();
    expect(files.find(files.root, "sub/up", true)).toBe(files.root);
    write(room, "sub/up/made", "x");
    expect(files.symlink("/../../made2", files.root, "sub/out")).toBeUndefined();
    write(room, "sub/out", "y");
    expect(names(room)).toEqual(["a", "link", "made", "made2", "run", "sub"]);
  });
});

test("a file system knows what it loaded only for a while: more than is kept is read again, with the same bytes", () => {
  const large = 150 << 20;
  const room = fileRoom((objects) =>
    objects.tree(
      ["a", objects.put("blob", new Uint8Array(large))],
      ["b", objects.put("blob", new Uint8Array(large).fill(1))],
    ),
  );
  const { files } = room;
  const [a, b] = [opened(room, "a"), opened(room, "b")];
  const target = Buffer.alloc(1);
  room.objects.read.length = 0;
  for (let times = 0; times < 3; times++) {
    expect(files.read(a, large - 1, target)).toBe(1);
    expect(target[0]).toBe(0);
  }
  expect(room.objects.read.length).toBe(1);
  expect(files.read(b, 0, target)).toBe(1);
  expect(target[0]).toBe(1);
  expect(files.read(a, 0, target)).toBe(1);
  expect(room.objects.read.length).toBe(3);
});
