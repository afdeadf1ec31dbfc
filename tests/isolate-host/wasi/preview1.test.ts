/**
 * WASI preview 1 as a command meets it: every function, and every errno that it tells. Guests assert for themselves (tests/guests/wasi-script.ts). Where Linux and preview 1's other hosts differ, Linux is what is asserted (design/wasi.md).
 */
import { describe, expect, test } from "vitest";
import { functionTypes } from "../../../src/isolate-host/wasi/functions.ts";
import { runCommand } from "../../guests/command.ts";
import { sharedRoom } from "../../guests/room.ts";
import { leaves, passes } from "../../guests/wasi-runs.ts";
import {
  WasiScript,
  append,
  bufferAt,
  oflags,
  reads,
  writes,
  type Call,
  type Given,
} from "../../guests/wasi-script.ts";

const room = sharedRoom({ executors: 1 });
const files = {
  "a.txt": "hello, world\n",
  empty: "",
  src: { "b.c": "int main;\n", deep: { c: "3\n" } },
  link: { link: "a.txt" },
  dangling: { link: "nowhere" },
  loop: { link: "loop" },
  "to-src": { link: "src" },
  root: { link: "/src/b.c" },
  up: { link: "../../a.txt" },
  run: { program: "#!/bin/sh\n" },
} as const;
const outside = 0x7fffffff;
const statAt = bufferAt + 0x1000;

test("places outside of memory are EFAULT for every function that has one, and nothing is done", async () => {
  const script = new WasiScript();
  const open = script.open("new", { how: oflags.create, rights: reads | writes });
  const bad: [Call, Given[]][] = [
    ["args_get", [outside, outside]],
    ["args_sizes_get", [outside, 0]],
    ["args_sizes_get", [0, outside]],
    ["environ_sizes_get", [outside, outside]],
    ["clock_res_get", [0, outside]],
    ["clock_time_get", [0, 0n, outside]],
    ["random_get", [outside, 1]],
    ["random_get", [bufferAt, 0x100000]],
    ["fd_fdstat_get", [0, outside]],
    ["fd_filestat_get", [open, outside]],
    ["fd_filestat_get", [1, outside]],
    ["fd_pread", [open, outside, 1, 0n, 0]],
    ["fd_pread", [open, 0, 0, 0n, outside]],
    ["fd_prestat_get", [3, outside]],
    ["fd_prestat_dir_name", [3, outside, 1]],
    ["fd_pwrite", [open, outside, 1, 0n, 0]],
    ["fd_read", [open, outside, 1, 0]],
    ["fd_read", [0, 0, 0, outside]],
    ["fd_readdir", [3, outside, 100, 0n, 0]],
    ["fd_readdir", [3, bufferAt, 100, 0n, outside]],
    ["fd_seek", [open, 0n, 0, outside]],
    ["fd_tell", [open, outside]],
    ["fd_write", [open, outside, 1, 0]],
    ["fd_write", [1, 0, 0, outside]],
    ["path_create_directory", [3, outside, 1]],
    ["path_filestat_get", [3, 0, "new", outside]],
    ["path_filestat_get", [3, 0, outside, 1, statAt]],
    ["path_filestat_set_times", [3, 0, outside, 1, 0n, 0n, 0]],
    ["path_link", [3, 0, outside, 1, 3, "x"]],
    ["path_link", [3, 0, "new", 3, outside, 1]],
    ["path_open", [3, 0, outside, 1, 1, 0n, 0n, 0, 0]],
    ["path_open", [3, 0, "other", 1, 0n, 0n, 0, outside]],
    ["path_readlink", [3, outside, 1, bufferAt, 8, 0]],
    ["path_readlink", [3, "link", outside, 8, 0]],
    ["path_readlink", [3, "link", bufferAt, 8, outside]],
    ["path_remove_directory", [3, outside, 1]],
    ["path_rename", [3, "new", 3, outside, 1]],
    ["path_symlink", [outside, 1, 3, "x"]],
    ["path_unlink_file", [3, outside, 1]],
    ["poll_oneoff", [outside, 0, 1, 0]],
    ["poll_oneoff", [0, outside, 1, 0]],
    ["poll_oneoff", [0, 0, 1, outside]],
  ];
  for (const [name, given] of bad) script.call(name, given, "fault");
  await leaves(room, script, { in: { link: { link: "x" } } }, { link: "x", new: "" });
});

test("what a descriptor is asked for that is not open is EBADF", async () => {
  const script = new WasiScript();
  for (const [name, type] of Object.entries(functionTypes) as [Call, string][]) {
    const isDescriptor = /^(fd_|sock_)/.test(name) || (name.startsWith("path_") && name !== "path_symlink");
    if (!isDescriptor) continue;
    for (const fd of [4, 77, 1024, -1]) {
      const rest = Array.from((type.split(":")[0] as string).slice(1), (letter) => (letter === "I" ? 0n : 0));
      script.call(name, [fd, ...rest], "badf");
    }
  }
  script.call("path_symlink", ["x", 9, "y"], "badf");
  await passes(room, script);
});

test("sockets and signals there are none", async () => {
  const script = new WasiScript();
  script.call("sock_accept", [3, 0, 0], "notsup").call("sock_shutdown", [1, 0], "notsup");
  script.call("sock_recv", [0, 0, 0, 0, 0, 0], "notsup").call("sock_send", [1, 0, 0, 0, 0], "notsup");
  await passes(room, script.call("proc_raise", [6], "nosys").call("sched_yield", []));
});

describe("a command's start", () => {
  test("has its arguments and its environment, byte for byte", async () => {
    const script = new WasiScript();
    const [count, bytes] = [script.slot(), script.slot()];
    script.call("args_sizes_get", [count, bytes]).isU32(count, 3, "arguments").isU32(bytes, 14, "their bytes");
    script.call("args_get", [bufferAt, bufferAt + 64]).holds(bufferAt + 64, "name\0\0größe\0");
    for (const [each, place] of [64, 69, 70].entries()) script.isU32(bufferAt + each * 4, bufferAt + place, "a place");
    script.call("environ_sizes_get", [count, bytes]).isU32(count, 2, "variables").isU32(bytes, 13, "their bytes");
    script.call("environ_get", [bufferAt, bufferAt + 64]).holds(bufferAt + 64, "A=1\0B=2=3, 4\0");
    script.isU32(bufferAt + 4, bufferAt + 68, "the second one's place");
    await passes(room, script, {
      argv: ["name", "", "größe"],
      env: { B: "2=3, 4", A: "1" },
    });
  });

  test("has none of them when none are given", async () => {
    const script = new WasiScript();
    const [count, bytes] = [script.slot(), script.slot()];
    script.call("environ_sizes_get", [count, bytes]).isU32(count, 0, "variables").isU32(bytes, 0, "their bytes");
    await passes(room, script.call("environ_get", [bufferAt, bufferAt]), { argv: [""] });
  });

  test("has one preopen, the root; and one more where it runs in another folder", async () => {
    const preopen = (script: WasiScript, fd: number, name: string) => {
      script
        .call("fd_prestat_get", [fd, statAt])
        .isU8(statAt, 0, "tag")
        .isU32(statAt + 4, name.length, "length");
      script.call("fd_prestat_dir_name", [fd, bufferAt, name.length]).holds(bufferAt, name);
      return script.call("fd_prestat_dir_name", [fd, bufferAt, name.length - 1], "nametoolong");
    };
    const inRoot = preopen(new WasiScript(), 3, "/").call("fd_prestat_get", [4, statAt], "badf");
    await passes(
      room,
      inRoot.call("fd_prestat_get", [0, statAt], "badf").call("fd_prestat_dir_name", [1, 0, 9], "badf"),
    );
    const elsewhere = preopen(preopen(new WasiScript(), 3, "/"), 4, ".").call("fd_prestat_get", [5, statAt], "badf");
    const fd = elsewhere.open("b.c", { folder: 4 });
    await passes(room, elsewhere.read(fd, 99, "int main;\n").file("src/b.c", "int main;\n"), {
      in: files,
      cwd: "/src",
    });
  });

  test("finds its root by a second number, where newer builds of tools look for it", async () => {
    const again = 0x4000_0000;
    const script = new WasiScript();
    script
      .call("fd_prestat_get", [again + 3, statAt])
      .isU32(statAt + 4, 1, "length")
      .call("fd_prestat_get", [again + 4, statAt], "badf");
    script.read(script.open("a.txt", { folder: again + 3 }), 5, "hello").call("fd_tell", [again + 1, statAt], "badf");
    script
      .call("fd_close", [again + 3], "badf")
      .call("fd_renumber", [again + 3, 5], "badf")
      .call("fd_close", [3]);
    await passes(room, script.call("fd_prestat_get", [again + 3, statAt], "badf"), { in: files, cwd: "/src" });
  });

  test("may be in a folder that a symlink names", async () => {
    const script = new WasiScript();
    await passes(room, script.read(script.open("c", { folder: 4 }), 9, "3\n"), { in: files, cwd: "/to-src/deep" });
  });
});

describe("an exit status", () => {
  test.each([
    [0, 0],
    [1, 1],
    [255, 255],
    [256, 0],
    [-1, 255],
  ])("%i is %i to the caller", async (code, exit) => {
    const script = new WasiScript().raw(`(call $proc_exit (i32.const ${code})) unreachable`);
    const worker = await room.engine.addCommand(script.module());
    expect((await runCommand(room.engine, worker, {})).exit).toBe(exit);
  });

  test("is 0 for a command that returns", async () => {
    expect((await passes(room, new WasiScript())).exit).toBe(0);
  });

  test("can't be kept from ending the command by catching all", async () => {
    const script = new WasiScript().raw("(call $proc_exit (i32.const 3))").write(1, "after");
    const { exit, stdout } = await passes(room, script);
    expect([exit, stdout]).toEqual([3, ""]);
  });
});

describe("standard streams", () => {
  test("are pipes: no position, no size, no terminal", async () => {
    const script = new WasiScript();
    for (const [fd, rights] of [
      [0, 2n],
      [1, 64n],
      [2, 64n],
    ] as const) {
      script.call("fd_seek", [fd, 0n, 0, statAt], "spipe").call("fd_tell", [fd, statAt], "spipe");
      script.call("fd_pread", [fd, 0, 0, 0n, statAt], "spipe").call("fd_pwrite", [fd, 0, 0, 0n, statAt], "spipe");
      script.call("fd_advise", [fd, 0n, 0n, 0], "spipe").call("fd_allocate", [fd, 0n, 1n], "spipe");
      script.call("fd_filestat_set_size", [fd, 0n], "inval").call("fd_sync", [fd], "inval");
      script.call("fd_readdir", [fd, 0, 0, 0n, statAt], "notdir");
      script.call("fd_fdstat_get", [fd, statAt]).isU8(statAt, 0, "file type");
      // Reading or writing, fdstat_set_flags, filestat_get, poll.
      script
        .isU64(statAt + 8, rights | (1n << 3n) | (1n << 21n) | (1n << 27n), "rights")
        .isU64(statAt + 16, 0n, "rights below");
      script
        .call("fd_filestat_get", [fd, statAt])
        .isU8(statAt + 16, 0, "file type")
        .isU64(statAt + 8, BigInt(fd), "inode");
      script.isU64(statAt + 32, 0n, "size").call("fd_filestat_set_times", [fd, 0n, 0n, 10]);
    }
    await passes(room, script.call("fd_read", [1, 0, 0, statAt], "badf").call("fd_write", [0, 0, 0, statAt], "badf"));
  });

  test("input is read once, in whatever pieces; at its end there are 0 bytes", async () => {
    const script = new WasiScript();
    script.read(0, 3, "one").read(0, 1, " ");
    const [vectors, done] = [script.slot(), script.slot()];
    script.slot();
    script.store32(vectors, bufferAt).store32(vectors + 4, 2);
    script.store32(vectors + 8, bufferAt + 2).store32(vectors + 12, 100);
    // Two vectors; the second has room for more than there is.
    script
      .call("fd_read", [0, vectors, 2, done + 8])
      .isU32(done + 8, 5, "bytes")
      .holds(bufferAt, "two\n3");
    await passes(room, script.read(0, 5, "").read(0, 5, ""), { stdin: "one two\n3" });
  });

  test("output is what was written, also by way of descriptors that were renumbered and closed", async () => {
    const script = new WasiScript().write(1, "one ").write(2, "err").write(1, "two");
    script.call("fd_renumber", [2, 1]).write(1, "or").call("fd_write", [2, 0, 0, statAt], "badf");
    const { exit, stdout, stderr } = await passes(room, script.call("fd_close", [1]).call("fd_close", [1], "badf"));
    expect([exit, stdout, stderr]).toEqual([0, "one two", "error"]);
  });

  test("vectors are written in their order, as one; too many are EINVAL", async () => {
    const script = new WasiScript();
    const [at] = script.text("abc");
    for (let each = 0; each < 3; each++)
      script.store32(bufferAt + each * 8, at + 2 - each).store32(bufferAt + each * 8 + 4, 1);
    script
      .call("fd_write", [1, bufferAt, 3, statAt])
      .isU32(statAt, 3, "bytes")
      .call("fd_write", [1, bufferAt, 1025, statAt], "inval");
    expect((await passes(room, script)).stdout).toBe("cba");
  });
});

describe("opening", () => {
  test("finds what the path names: through folders, dots, slashes and symlinks", async () => {
    const script = new WasiScript();
    const deep = [
      "src/deep/c",
      "src/.//deep/../deep///./c",
      "/src/deep/c",
      "./src/deep/c",
      "../../src/deep/c",
      "to-src/deep/c",
      "src/../to-src/./deep/c",
    ];
    for (const path of deep) script.file(path, "3\n");
    for (const path of ["link", "up", "src/../link"]) script.file(path, "hello, world\n");
    await passes(room, script.file("root", "int main;\n").file("src/../../../a.txt", "hello, world\n"), { in: files });
  });

  test("tells why it can't", async () => {
    const script = new WasiScript();
    const create = { how: oflags.create, rights: writes };
    script.open("nope", {}, "noent");
    script.open("", {}, "noent");
    script.open("", create, "noent");
    script.open("nope/x", create, "noent");
    script.open("a.txt/x", {}, "notdir");
    script.open("a.txt/x", create, "notdir");
    script.open("a.txt/", {}, "notdir");
    script.open("a.txt/.", {}, "notdir");
    script.open("link/", {}, "notdir");
    script.open("a.txt\0", {}, "inval");
    script.open("dangling", {}, "noent");
    script.open("loop", {}, "loop");
    script.open("link", { follow: false }, "loop");
    script.open("loop/x", {}, "loop");
    script.open("a".repeat(256), create, "nametoolong");
    script.open("a/".repeat(2048), {}, "nametoolong");
    script.open("a.txt", { how: oflags.folder }, "notdir");
    script.open("link", { how: oflags.folder }, "notdir");
    script.open("src", { rights: writes }, "isdir");
    script.open("src", { how: oflags.create }, "isdir");
    script.open("src", { how: oflags.truncate }, "isdir");
    script.open("new/", create, "isdir");
    script.open("a.txt", { how: oflags.create | oflags.exclusive }, "exist");
    script.open("dangling", { how: oflags.create | oflags.exclusive, rights: writes }, "exist");
    script.open("src", { how: oflags.create | oflags.exclusive }, "exist");
    script.open("new", { how: oflags.create | oflags.folder }, "inval");
    script.open(".git", create, "inval");
    script.open("a.txt", { how: 16 }, "inval");
    script.open("a.txt", { flags: 32 }, "inval");
    script.open("a.txt", { folder: 1 }, "notdir");
    const { out } = await passes(room, script, { in: files });
    expect(out).toBe((await passes(room, new WasiScript(), { in: files })).out);
  });

  test("creates, truncates, and makes what a dangling symlink names", async () => {
    const script = new WasiScript().put("new", "1").put("a.txt", "bye").put("dangling", "now there");
    script.open("x", { how: oflags.create | oflags.exclusive });
    // As on Linux, also where nothing is to be written.
    script.open("empty2", { how: oflags.truncate });
    await leaves(
      room,
      script,
      { in: { "a.txt": "hello", dangling: { link: "nowhere" }, empty2: "full" } },
      { "a.txt": "bye", dangling: "nowhere", empty2: "", new: "1", nowhere: "now there", x: "" },
    );
  });

  test("gives the lowest number that is free, and EMFILE at 1024", async () => {
    const script = new WasiScript(24);
    const first = script.open("a.txt");
    const second = script.open("a.txt");
    script.is(first, 4, "the first").is(second, 5, "the second").call("fd_close", [first]);
    script.is(script.open("a.txt"), 4, "the next").call("fd_close", [0]).is(script.open("a.txt"), 0, "the one after");
    const [at, length] = script.text("a.txt");
    const loop = (count: number) => `(local.set $n (i32.const ${count})) (loop $again
      (call $must (call $path_open (i32.const 3) (i32.const 1) (i32.const ${at}) (i32.const ${length}) (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const ${statAt})) (i32.const 0) (i32.const 0))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))`;
    script.raw(`(call $fill)`).open("new", { how: oflags.create | oflags.exclusive, rights: writes }, "mfile");
    script.call("fd_close", [77]).is(script.open("a.txt"), 77, "the one that was closed");
    const fill = `(func $fill (local $n i32) ${loop(1024 - 6)})`;
    const { out } = await passes(room, Object.assign(script, { functions: fill }), { in: files });
    expect(out).toBe((await passes(room, new WasiScript(), { in: files })).out);
  });

  test("says what was opened: type, flags, and what can be done", async () => {
    const script = new WasiScript();
    const rights = (fd: Given, type: number, flags: number, has: bigint, lacks: bigint) => {
      script
        .call("fd_fdstat_get", [fd, statAt])
        .isU8(statAt, type, "type")
        .isU16(statAt + 2, flags, "flags");
      for (let bit = 0n; bit < 30n; bit++) {
        const byte = {
          wat: `(i32.and (i32.shr_u (i32.load8_u (i32.const ${statAt + 8 + Number(bit / 8n)})) (i32.const ${bit % 8n})) (i32.const 1))`,
        };
        if ((has & (1n << bit)) !== 0n) script.is(byte, 1, `right ${bit}`);
        if ((lacks & (1n << bit)) !== 0n) script.is(byte, 0, `right ${bit}`);
      }
    };
    const [seek, tell, readdir, pathOpen, setSize, allocate] = [
      1n << 2n,
      1n << 5n,
      1n << 14n,
      1n << 13n,
      1n << 22n,
      1n << 8n,
    ];
    rights(script.open("a.txt"), 4, 0, reads | seek | tell, writes | readdir | pathOpen | setSize | allocate);
    rights(
      script.open("a.txt", { rights: writes, flags: append }),
      4,
      append,
      writes | setSize | allocate,
      reads | readdir,
    );
    rights(script.open("a.txt", { rights: reads | writes, flags: 31 }), 4, 31, reads | writes | seek, readdir);
    rights(script.open("a.txt", { rights: 0n }), 4, 0, tell, reads | writes);
    rights(script.open("src", { rights: reads }), 3, 0, readdir | pathOpen, reads | writes | seek | tell);
    rights(3, 3, 0, readdir | pathOpen, reads | writes | seek | tell);
    await passes(room, script, { in: files });
  });
});

describe("reading and writing", () => {
  test("go on from a position, which seeking moves and positioned calls do not", async () => {
    const script = new WasiScript();
    const fd = script.open("a.txt", { rights: reads | writes });
    const at = (place: bigint) => script.call("fd_tell", [fd, statAt]).isU64(statAt, place, "position");
    const seek = (offset: bigint, whence: number, place: bigint) =>
      script.call("fd_seek", [fd, offset, whence, statAt]).isU64(statAt, place, "new position");
    script.read(fd, 5, "hello");
    at(5n).read(fd, 3, "llo", 2n);
    at(5n).write(fd, "HE", 0n);
    at(5n);
    seek(2n, 1, 7n);
    script.read(fd, 99, "world\n");
    at(13n).read(fd, 5, "").read(fd, 9, "", 100n);
    seek(-6n, 2, 7n);
    script.write(fd, "there, ").write(fd, "you\n");
    seek(0n, 0, 0n);
    script.read(fd, 99, "HEllo, there, you\n");
    // Beyond the end: nothing is there until something is written, and then zeros are between.
    seek(3n, 2, 21n);
    script
      .read(fd, 9, "")
      .call("fd_filestat_get", [fd, statAt])
      .isU64(statAt + 32, 18n, "size");
    script
      .write(fd, "!")
      .call("fd_filestat_get", [fd, statAt])
      .isU64(statAt + 32, 22n, "size")
      .read(fd, 9, "\n\0\0\0!", 17n);
    for (const [offset, whence] of [
      [-1n, 0],
      [-23n, 1],
      [-23n, 2],
      [0n, 3],
      [0n, -1],
      [1n << 62n, 0],
    ] as const) {
      script.call("fd_seek", [fd, offset, whence, statAt], "inval");
    }
    at(22n).call("fd_pread", [fd, 0, 0, -1n, statAt], "inval").call("fd_pwrite", [fd, 0, 0, -1n, statAt], "inval");
    await leaves(room, script, { in: { "a.txt": "hello, world\n" } }, { "a.txt": "HEllo, there, you\n\0\0\0!" });
  });

  test("need what the file was opened for: EBADF", async () => {
    const script = new WasiScript();
    const reading = script.open("a.txt");
    const writing = script.open("a.txt", { rights: writes });
    const neither = script.open("a.txt", { rights: 0n });
    for (const fd of [reading, neither]) {
      script.call("fd_write", [fd, 0, 0, statAt], "badf").call("fd_pwrite", [fd, 0, 0, 0n, statAt], "badf");
      script.call("fd_filestat_set_size", [fd, 1n], "inval").call("fd_allocate", [fd, 0n, 1n], "badf");
    }
    for (const fd of [writing, neither]) {
      script.call("fd_read", [fd, 0, 0, statAt], "badf").call("fd_pread", [fd, 0, 0, 0n, statAt], "badf");
    }
    await passes(room, script, { in: files });
  });

  test("append, wherever the position is; positioned writes, too, as on Linux", async () => {
    const script = new WasiScript();
    const fd = script.open("a.txt", { rights: reads | writes, flags: append });
    script
      .write(fd, "1")
      .call("fd_tell", [fd, statAt])
      .isU64(statAt, 4n, "position")
      .call("fd_seek", [fd, 0n, 0, statAt]);
    script.write(fd, "2").read(fd, 9, "").read(fd, 2, "bc", 1n).write(fd, "3", 0n);
    script
      .call("fd_fdstat_set_flags", [fd, 0])
      .write(fd, "A", 0n)
      .call("fd_fdstat_set_flags", [fd, append])
      .write(fd, "4");
    await leaves(
      room,
      script.call("fd_fdstat_set_flags", [fd, 32], "inval"),
      { in: { "a.txt": "abc" } },
      { "a.txt": "Abc1234" },
    );
  });

  test("share the file: what one descriptor writes another one reads, also when its name is gone", async () => {
    const script = new WasiScript();
    const [one, two] = [script.open("a.txt", { rights: reads | writes }), script.open("a.txt")];
    script.write(one, "HE").read(two, 5, "HEllo").call("path_unlink_file", [3, "a.txt"]);
    script
      .call("path_filestat_get", [3, 0, "a.txt", statAt], "noent")
      .write(one, "LL")
      .read(two, 3, ", w")
      .read(two, 4, "HELL", 0n);
    script.call("fd_filestat_get", [two, statAt]).isU64(statAt + 24, 0n, "links");
    await leaves(room, script.put("a.txt", "new"), { in: { "a.txt": "hello, world" } }, { "a.txt": "new" });
  });

  test("resize: cut, grow with zeros, allocate only growth", async () => {
    const script = new WasiScript();
    const fd = script.open("a.txt", { rights: reads | writes });
    script
      .call("fd_filestat_set_size", [fd, 2n])
      .read(fd, 9, "he")
      .call("fd_filestat_set_size", [fd, 4n])
      .read(fd, 9, "\0\0");
    script
      .call("fd_allocate", [fd, 1n, 2n])
      .read(fd, 9, "he\0\0", 0n)
      .call("fd_allocate", [fd, 2n, 4n])
      .read(fd, 9, "he\0\0\0\0", 0n);
    script
      .call("fd_allocate", [fd, 0n, 0n], "inval")
      .call("fd_filestat_set_size", [fd, -1n], "fbig")
      .call("fd_allocate", [fd, 1n << 62n, 1n], "fbig");
    script
      .call("fd_advise", [fd, 0n, 9n, 5])
      .call("fd_advise", [fd, 0n, 9n, 6], "inval")
      .call("fd_sync", [fd])
      .call("fd_datasync", [fd]);
    await leaves(room, script, { in: { "a.txt": "hello" } }, { "a.txt": "he\0\0\0\0" });
  });

  test("of a folder are EISDIR and EBADF, and it has no position", async () => {
    const script = new WasiScript();
    const fd = script.open("src");
    script.call("fd_read", [fd, 0, 0, statAt], "isdir").call("fd_pread", [fd, 0, 0, 0n, statAt], "isdir");
    script.call("fd_write", [fd, 0, 0, statAt], "badf").call("fd_pwrite", [fd, 0, 0, 0n, statAt], "badf");
    script.call("fd_seek", [fd, 0n, 0, statAt], "badf").call("fd_tell", [fd, statAt], "badf");
    script.call("fd_advise", [fd, 0n, 0n, 0], "badf").call("fd_allocate", [fd, 0n, 1n], "badf");
    script.call("fd_filestat_set_size", [fd, 0n], "inval").call("fd_sync", [fd]).call("fd_datasync", [fd]);
    await passes(room, script, { in: files });
  });
});

describe("renumbering", () => {
  test("closes what had the number, and frees the other one", async () => {
    const script = new WasiScript();
    const [one, two] = [script.open("a.txt"), script.open("src/b.c")];
    script
      .read(one, 3, "hel")
      .call("fd_renumber", [two, one])
      .read(one, 99, "int main;\n")
      .call("fd_read", [two, 0, 0, statAt], "badf");
    script.call("fd_renumber", [one, one]).call("fd_renumber", [one, 9], "badf").call("fd_renumber", [9, one], "badf");
    script.is(script.open("a.txt"), 5, "the number that became free").call("fd_renumber", [5, 3]).read(3, 5, "hello");
    await passes(
      room,
      script.call("fd_prestat_get", [3, statAt], "badf").call("path_unlink_file", [3, "a.txt"], "notdir"),
      { in: files },
    );
  });
});

describe("rights", () => {
  test("can be given away and not taken, and what lacks one is ENOTCAPABLE", async () => {
    const script = new WasiScript();
    const fd = script.open("a.txt", { rights: reads | writes });
    const readOnly = reads | (1n << 21n);
    script
      .call("fd_fdstat_set_rights", [fd, reads | (1n << 13n), 0n], "notcapable")
      .call("fd_fdstat_set_rights", [fd, reads, 1n], "notcapable");
    script
      .call("fd_fdstat_set_rights", [fd, readOnly, 0n])
      .read(fd, 3, "hel")
      .call("fd_write", [fd, 0, 0, statAt], "notcapable");
    script
      .call("fd_seek", [fd, 0n, 0, statAt], "notcapable")
      .call("fd_tell", [fd, statAt], "notcapable")
      .call("fd_filestat_set_size", [fd, 0n], "notcapable");
    script
      .call("fd_pread", [fd, 0, 0, 0n, statAt], "notcapable")
      .call("fd_fdstat_set_flags", [fd, 0], "notcapable")
      .call("fd_sync", [fd], "notcapable");
    script
      .call("fd_fdstat_get", [fd, statAt])
      .isU64(statAt + 8, readOnly, "rights")
      .call("fd_fdstat_set_rights", [fd, reads | writes, 0n], "notcapable");
    await passes(room, script, { in: files });
  });

  test("of a folder bound what is opened through it", async () => {
    const script = new WasiScript();
    const folder = script.open("src");
    const [pathOpen, mkdir] = [1n << 13n, 1n << 9n];
    script.call("fd_fdstat_set_rights", [folder, pathOpen | mkdir, reads | (1n << 2n)]);
    script.call("path_unlink_file", [folder, "b.c"], "notcapable").call("path_create_directory", [folder, "x"]);
    script.open("b.c", { folder, rights: writes }, "notcapable");
    script.open("b.c", { folder, rights: reads, below: writes }, "notcapable");
    script.open("b.c", { folder, how: oflags.truncate }, "notcapable");
    script.open("new", { folder, how: oflags.create }, "notcapable");
    const file = script.open("b.c", { folder });
    script
      .read(file, 3, "int")
      .call("fd_filestat_get", [file, statAt], "notcapable")
      .call("fd_seek", [file, 0n, 0, statAt]);
    await passes(room, script, { in: files });
  });
});

describe("stat", () => {
  const start = 1_000_000_000_000_000_000n;

  test("tells type, links, size and times", async () => {
    const script = new WasiScript();
    const stat = (path: string, follow: number, type: number, size: bigint) => {
      script
        .call("path_filestat_get", [3, follow, path, statAt])
        .isU64(statAt, 1n, "device")
        .isU8(statAt + 16, type, "type");
      script.isU64(statAt + 24, 1n, "links").isU64(statAt + 32, size, "size");
      for (const at of [40, 48, 56]) script.isU64(statAt + at, start, "time");
    };
    stat("a.txt", 0, 4, 13n);
    stat("link", 0, 7, 5n);
    stat("link", 1, 4, 13n);
    stat("dangling", 0, 7, 7n);
    stat("src", 0, 3, 0n);
    stat("to-src", 0, 7, 3n);
    stat("to-src/", 0, 3, 0n);
    stat(".", 0, 3, 0n);
    stat("..", 0, 3, 0n);
    stat("/", 0, 3, 0n);
    script
      .call("path_filestat_get", [3, 1, "dangling", statAt], "noent")
      .call("path_filestat_get", [3, 1, "loop", statAt], "loop");
    script
      .call("path_filestat_get", [3, 0, "a.txt/", statAt], "notdir")
      .call("path_filestat_get", [3, 0, "", statAt], "noent");
    await passes(room, script, { in: files });
  });

  test("has one inode for one node, others for others", async () => {
    const script = new WasiScript();
    const inode = (path: string) => {
      const at = script.slot();
      script
        .call("path_filestat_get", [3, 1, path, statAt])
        .raw(`(i64.store (i32.const ${at}) (i64.load (i32.const ${statAt + 8})))`);
      return at;
    };
    const same = (a: number, b: number, is: number) =>
      script.is({ wat: `(i64.eq (i64.load (i32.const ${a})) (i64.load (i32.const ${b})))` }, is, "sameness");
    script.call("path_link", [3, 0, "a.txt", 3, "hard"]);
    const [file, again, hard, other, root] = ["a.txt", "link", "hard", "empty", "."].map(inode) as [
      number,
      number,
      number,
      number,
      number,
    ];
    same(file, again, 1);
    same(file, hard, 1);
    same(file, other, 0);
    same(root, other, 0);
    script.call("path_filestat_get", [3, 0, "hard", statAt]).isU64(statAt + 24, 2n, "links");
    await passes(
      room,
      script
        .call("path_unlink_file", [3, "a.txt"])
        .call("path_filestat_get", [3, 0, "hard", statAt])
        .isU64(statAt + 24, 1n, "links"),
      { in: files },
    );
  });

  test("has times that can be set, and that writing sets to the present", async () => {
    const script = new WasiScript();
    const times = (path: string, accessed: bigint, modified: bigint) => {
      script
        .call("path_filestat_get", [3, 0, path, statAt])
        .isU64(statAt + 40, accessed, "accessed")
        .isU64(statAt + 48, modified, "modified");
    };
    script.call("path_filestat_set_times", [3, 1, "link", 5n, 7n, 1 | 4]);
    times("a.txt", 5n, 7n);
    times("link", start, start);
    script.call("path_filestat_set_times", [3, 0, "link", 1n, 2n, 4]);
    times("link", start, 2n);
    const fd = script.open("a.txt", { rights: writes });
    script.call("fd_filestat_set_times", [fd, 9n, -1n, 4]);
    times("a.txt", 5n, 2n ** 64n - 1n);
    // Two readings of the clock, 1 µs each.
    script
      .call("clock_time_get", [0, 0n, statAt])
      .call("clock_time_get", [1, 0n, statAt])
      .call("fd_filestat_set_times", [fd, 0n, 0n, 2]);
    times("a.txt", start + 2000n, 2n ** 64n - 1n);
    script.write(fd, "x");
    times("a.txt", start + 2000n, start + 2000n);
    script
      .call("fd_filestat_set_times", [fd, 0n, 0n, 3], "inval")
      .call("fd_filestat_set_times", [fd, 0n, 0n, 12], "inval")
      .call("fd_filestat_set_times", [fd, 0n, 0n, 16], "inval");
    script
      .call("path_filestat_set_times", [3, 1, "dangling", 0n, 0n, 1], "noent")
      .call("path_filestat_set_times", [3, 0, "src", 0n, 0n, 8]);
    await passes(room, script, { in: files });
  });
});

describe("listing", () => {
  /** Names from a cookie on, with what is told of them, by a call with room for all of them. */
  const lists = (
    script: WasiScript,
    fd: Given,
    cookie: bigint,
    names: readonly (readonly [string, number])[],
    from = Number(cookie),
  ) => {
    script.call("fd_readdir", [fd, bufferAt, 4096, cookie, statAt]);
    let at = bufferAt;
    for (const [each, [name, type]] of names.entries()) {
      script
        .isU64(at, BigInt(from + each + 1), "next cookie")
        .isU32(at + 16, name.length, `length of ${name}`)
        .isU8(at + 20, type, `type of ${name}`);
      script.holds(at + 24, name);
      at += 24 + name.length;
    }
    script.isU32(statAt, at - bufferAt, "bytes used");
  };
  const all = [
    [".", 3],
    ["..", 3],
    ["a.txt", 4],
    ["link", 7],
    ["src", 3],
  ] as const;
  const folder = { "a.txt": "", link: { link: "x" }, src: { b: "" } };

  test("is sorted, with . and .. before all, and goes on from any cookie", async () => {
    const script = new WasiScript();
    lists(script, 3, 0n, all);
    for (let cookie = 0; cookie <= all.length; cookie++) lists(script, 3, BigInt(cookie), all.slice(cookie));
    lists(script, 3, 99n, []);
    lists(script, 3, -1n, []);
    // A descriptor that was not listed from the start.
    lists(script, script.open("src"), 2n, [["b", 4]]);
    await passes(room, script, { in: folder });
  });

  test("cuts the last entry where the room ends", async () => {
    const script = new WasiScript();
    for (const length of [0, 1, 24, 25, 26, 49, 50, 51, 70]) {
      script.raw(`(memory.fill (i32.const ${bufferAt}) (i32.const 255) (i32.const 128))`);
      script
        .call("fd_readdir", [3, bufferAt, length, 0n, statAt])
        .isU32(statAt, length, "bytes used")
        .isU8(bufferAt + length, 255, "the byte behind");
      if (length >= 26) script.holds(bufferAt + 24, ".").isU8(bufferAt + 25, 2, "the second one's cookie");
    }
    await passes(room, script, { in: folder });
  });

  test("stays what it was when it began, whatever comes and goes, until it begins again", async () => {
    const script = new WasiScript();
    lists(script, 3, 0n, all);
    script.call("path_unlink_file", [3, "a.txt"]).put("b", "");
    lists(script, 3, 2n, all.slice(2));
    lists(script, 3, 0n, [
      [".", 3],
      ["..", 3],
      ["b", 4],
      ["link", 7],
      ["src", 3],
    ]);
    await passes(room, script, { in: folder });
  });

  test("of a folder that was removed is empty; of a file ENOTDIR", async () => {
    const script = new WasiScript();
    const fd = script.open("gone");
    script.call("path_remove_directory", [3, "gone"]).call("path_create_directory", [fd, "x"], "noent");
    script.open("y", { folder: fd, how: oflags.create }, "noent");
    script
      .call("fd_filestat_get", [fd, statAt])
      .isU8(statAt + 16, 3, "type")
      .call("fd_readdir", [script.open("a.txt"), bufferAt, 99, 0n, statAt], "notdir");
    lists(script, fd, 2n, []);
    await passes(room, script.call("path_create_directory", [3, "gone"]), { in: { "a.txt": "", gone: {} } });
  });
});

describe("names", () => {
  test("of folders are made and removed", async () => {
    const script = new WasiScript();
    const make = (path: string, answer: Parameters<WasiScript["call"]>[2] = "success") =>
      script.call("path_create_directory", [3, path], answer);
    const remove = (path: string, answer: Parameters<WasiScript["call"]>[2] = "success") =>
      script.call("path_remove_directory", [3, path], answer);
    make("x").call("path_create_directory", [3, "x/y"]);
    make("slashed/");
    make("x", "exist");
    make("a.txt", "exist");
    make("dangling", "exist");
    make("nope/x", "noent");
    make("a.txt/x", "notdir");
    make("", "noent");
    make(".", "exist");
    make("/", "exist");
    make("src/.git", "inval");
    remove("x", "notempty");
    remove("a.txt", "notdir");
    remove("to-src", "notdir");
    remove("nope", "noent");
    remove("x/y/.", "inval");
    remove("x/y/..", "notempty");
    remove("/", "busy");
    remove("x/y/").call("path_remove_directory", [3, "x"]);
    const { out } = await passes(room, script.call("path_remove_directory", [3, "slashed"]), { in: files });
    expect(out).toBe((await passes(room, new WasiScript(), { in: files })).out);
  });

  test("of files are removed", async () => {
    const script = new WasiScript();
    const unlink = (path: string, answer: Parameters<WasiScript["call"]>[2] = "success") =>
      script.call("path_unlink_file", [3, path], answer);
    unlink("src", "isdir");
    unlink("src/", "isdir");
    unlink(".", "isdir");
    unlink("a.txt/", "notdir");
    unlink("nope", "noent");
    unlink("src/b.c/x", "notdir");
    unlink("to-src/b.c").call("path_unlink_file", [3, "dangling"]);
    unlink("link");
    await leaves(
      room,
      script,
      {
        in: {
          "a.txt": "1",
          dangling: { link: "x" },
          link: { link: "a.txt" },
          src: { "b.c": "" },
          "to-src": { link: "src" },
        },
      },
      { "a.txt": "1", "src/": "", "to-src": "src" },
    );
  });

  test("are moved, over what may be replaced", async () => {
    const script = new WasiScript();
    const move = (from: string, to: string, answer: Parameters<WasiScript["call"]>[2] = "success") =>
      script.call("path_rename", [3, from, 3, to], answer);
    move("nope", "x", "noent");
    move("a", "nope/x", "noent");
    move("a", "full", "isdir");
    move("full", "a", "notdir");
    move("full", "full/new", "inval");
    move("other", "full", "notempty");
    move("a", "a/b", "notdir");
    move("a", "x/", "notdir");
    move(".", "x", "busy");
    move("full", ".git", "inval");
    move("a", "a").call("path_rename", [3, "a", 3, "b"]);
    move("other", "hollow");
    move("link", "l2");
    await leaves(
      room,
      script,
      { in: { a: "1", b: "2", full: { x: "3" }, hollow: {}, link: { link: "b" }, other: { y: "4" } } },
      { b: "1", "full/": "", "full/x": "3", "hollow/": "", "hollow/y": "4", l2: "b" },
    );
  });

  test("are linked, and a file with two stays as one", async () => {
    const script = new WasiScript();
    const link = (from: string, to: string, follow: number, answer: Parameters<WasiScript["call"]>[2] = "success") =>
      script.call("path_link", [3, follow, from, 3, to], answer);
    link("src", "x", 0, "perm");
    link("a", "src", 0, "exist");
    link("nope", "x", 0, "noent");
    link("dangling", "x", 1, "noent");
    link("a", "nope/x", 0, "noent");
    link("a", "x/", 0, "noent");
    link("a", "hard", 0).put("hard", "both");
    link("to-a", "symbolic", 0);
    link("to-a", "followed", 1).file("followed", "both");
    await leaves(
      room,
      script,
      { in: { a: "1", dangling: { link: "x" }, src: {}, "to-a": { link: "a" } } },
      { a: "both", dangling: "x", followed: "both", hard: "both", "src/": "", symbolic: "a", "to-a": "a" },
    );
  });

  test("of symlinks are made with any text, and read into whatever room there is", async () => {
    const script = new WasiScript();
    const link = (content: string, path: string, answer: Parameters<WasiScript["call"]>[2] = "success") =>
      script.call("path_symlink", [content, 3, path], answer);
    link("nowhere", "new").call("path_symlink", ["/a", 3, "absolute"]);
    link("x", "a", "exist");
    link("x", "nope/x", "noent");
    link("", "empty", "noent");
    link("x", "slashed/", "noent");
    for (const length of [0, 1, 6, 7, 99]) {
      const used = Math.min(length, 7);
      script.raw(`(memory.fill (i32.const ${bufferAt}) (i32.const 255) (i32.const 128))`);
      script
        .call("path_readlink", [3, "new", bufferAt, length, statAt])
        .isU32(statAt, used, "bytes")
        .isU8(bufferAt + used, 255, "the byte behind");
      script.holds(bufferAt, "nowhere".slice(0, used));
    }
    script
      .file("absolute", "1")
      .call("path_readlink", [3, "a", bufferAt, 9, statAt], "inval")
      .call("path_readlink", [3, "nope", bufferAt, 9, statAt], "noent");
    await leaves(
      room,
      script.call("path_readlink", [3, "src", bufferAt, 9, statAt], "inval"),
      { in: { a: "1", src: {} } },
      { a: "1", absolute: "/a", new: "nowhere", "src/": "" },
    );
  });
});

/** A subscription with nothing but its userdata and its type. */
const subscribe = (script: WasiScript, at: number, userdata: bigint, type: number) => {
  script.raw(`(memory.fill (i32.const ${at}) (i32.const 0) (i32.const 48))`);
  return script.store64(at, userdata).raw(`(i32.store8 (i32.const ${at + 8}) (i32.const ${type}))`);
};

describe("polling", () => {
  const sleeps = (script: WasiScript, at: number, userdata: bigint, clock: number, ns: bigint, flags = 0) =>
    subscribe(script, at, userdata, 0)
      .store32(at + 16, clock)
      .store64(at + 24, ns)
      .store32(at + 40, flags);
  const awaits = (script: WasiScript, at: number, userdata: bigint, type: number, fd: Given) =>
    subscribe(script, at, userdata, type).store32(at + 16, fd as number);
  const event = (
    script: WasiScript,
    index: number,
    userdata: bigint,
    error: number,
    type: number,
    bytes = 0n,
    flags = 0,
  ) => {
    const at = statAt + index * 32;
    script
      .isU64(at, userdata, "userdata")
      .isU16(at + 8, error, "error")
      .isU8(at + 10, type, "type")
      .isU64(at + 16, bytes, "bytes")
      .isU16(at + 24, flags, "flags");
  };
  const poll = (script: WasiScript, count: number, events: number) => {
    const done = script.slot();
    return script.call("poll_oneoff", [bufferAt, statAt, count, done]).isU32(done, events, "events");
  };
  const start = 1_000_000_000_000_000_000n;
  const now = (script: WasiScript, clock: number, ns: bigint) =>
    script.call("clock_time_get", [clock, 0n, statAt]).isU64(statAt, ns, "time");

  test("sleeps by advancing every clock, at once", async () => {
    const script = new WasiScript();
    sleeps(script, bufferAt, 7n, 1, 3_600_000_000_000n);
    poll(script, 1, 1);
    event(script, 0, 7n, 0, 0);
    now(script, 1, 3_600_000_000_000n);
    now(script, 0, start + 3_600_000_001_000n);
    // Until a time: one that is over makes nothing advance.
    sleeps(script, bufferAt, 8n, 0, start + 7_200_000_000_000n, 1);
    poll(script, 1, 1);
    now(script, 0, start + 7_200_000_000_000n);
    sleeps(script, bufferAt, 9n, 0, start, 1);
    poll(script, 1, 1);
    now(script, 1, 7_200_000_001_000n);
    await passes(room, script);
  });

  test("wakes at the earliest of many, in the order of the subscriptions", async () => {
    const script = new WasiScript();
    for (const [each, ns] of [5000n, 3000n, 9000n, 3000n].entries())
      sleeps(script, bufferAt + each * 48, BigInt(each), 1, ns);
    poll(script, 4, 2);
    event(script, 0, 1n, 0, 0);
    event(script, 1, 3n, 0, 0);
    now(script, 1, 3000n);
    await passes(room, script);
  });

  test("finds descriptors ready, and does not sleep then", async () => {
    const script = new WasiScript();
    const fd = script.open("a.txt");
    script.read(fd, 5, "hello");
    sleeps(script, bufferAt, 1n, 1, 5000n);
    awaits(script, bufferAt + 48, 2n, 1, 0);
    awaits(script, bufferAt + 96, 3n, 2, 1);
    subscribe(script, bufferAt + 144, 4n, 1).raw(`(i32.store (i32.const ${bufferAt + 160}) ${fd.wat})`);
    awaits(script, bufferAt + 192, 5n, 1, 99);
    sleeps(script, bufferAt + 240, 6n, 4, 0n);
    sleeps(script, bufferAt + 288, 7n, 0, 0n, 1);
    poll(script, 7, 6);
    event(script, 0, 2n, 0, 1, 5n);
    event(script, 1, 3n, 0, 2);
    event(script, 2, 4n, 0, 1, 8n);
    event(script, 3, 5n, 8, 1);
    event(script, 4, 6n, 28, 0);
    event(script, 5, 7n, 0, 0);
    now(script, 1, 0n);
    script.read(0, 9, "input");
    awaits(script, bufferAt, 2n, 1, 0);
    poll(script, 1, 1);
    event(script, 0, 2n, 0, 1, 0n, 1);
    await passes(room, script, { in: files, stdin: "input" });
  });

  test("of nothing, of too much, of an unknown sort is EINVAL", async () => {
    const script = new WasiScript();
    script
      .call("poll_oneoff", [bufferAt, statAt, 0, 0], "inval")
      .call("poll_oneoff", [bufferAt, statAt, 4097, 0], "inval");
    subscribe(script, bufferAt, 0n, 3);
    await passes(room, script.call("poll_oneoff", [bufferAt, statAt, 1, 0], "inval"));
  });
});
