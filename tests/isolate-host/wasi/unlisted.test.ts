/** What a command finds beside its tree: the devices of /dev, and /tmp. The public builds of tools that name them are at the end. */
import { expect, test } from "vitest";
import { RandomStream } from "../../../src/abi/virtual.ts";
import { readDevice } from "../../../src/isolate-host/wasi/devices.ts";
import type { Oid } from "../../../src/store/oid.ts";
import { unlistedFor } from "../../../src/isolate-host/wasi/unlisted.ts";
import { encodeStrings } from "../../../src/abi/command.ts";
import { findTool } from "../../../src/tools/find-tool.ts";
import { listed, putLayout, runCommand, type Layout } from "../../guests/command.ts";
import { sharedRoom } from "../../guests/room.ts";
import { leaves, passes } from "../../guests/wasi-runs.ts";
import { WasiScript, bufferAt, oflags, reads, writes } from "../../guests/wasi-script.ts";

const room = sharedRoom({ executors: 1 });
const statAt = bufferAt + 0x1000;
const both = reads | writes;

test("/dev/null is empty and takes all, /dev/zero and /dev/urandom never end", async () => {
  const script = new WasiScript();
  const none = script.open("/dev/null", { rights: both });
  script.read(none, 10, "").write(none, "gone").read(none, 10, "").read(none, 10, "", 5n).write(none, "gone", 7n);
  const cut = script.open("dev/null", { how: oflags.create | oflags.truncate, rights: writes });
  script.write(cut, "gone");
  const done = script.slot();
  const vector = script.vector(bufferAt, 10);
  script.call("fd_read", [cut, vector, 1, done], "badf");
  const zero = script.open("/dev/zero");
  script.read(zero, 4, "\0\0\0\0");
  const random = script.open("/dev/urandom");
  script.call("fd_read", [random, vector, 1, done]).isU32(done, 10, "random bytes");
  script.call("fd_write", [random, vector, 1, done], "badf");
  await leaves(room, script, { in: { a: "1" } }, { a: "1" });
});

test("/dev/random and /dev/urandom are the request's own random stream", () => {
  const request = "0123456789abcdef0123456789abcdef01234567" as Oid;
  const parts = [Buffer.alloc(5), Buffer.alloc(0), Buffer.alloc(40)];
  expect(readDevice("random", parts, new RandomStream(request))).toBe(45);
  const wanted = Buffer.alloc(45);
  new RandomStream(request).fill(wanted);
  expect(Buffer.concat(parts)).toEqual(wanted);
});

test("a device is a character device that no C library takes for a terminal, and the terminal can't be opened", async () => {
  const script = new WasiScript();
  for (const name of ["null", "zero", "random", "urandom", "tty"]) {
    script.call("path_filestat_get", [3, 1, `/dev/${name}`, statAt]).isU8(statAt + 16, 2, `the type of ${name}`);
    script.isU64(statAt + 32, 0n, `the size of ${name}`);
  }
  const none = script.open("/dev/null", { rights: both });
  script.call("fd_filestat_get", [none, statAt]).isU8(statAt + 16, 2, "its type");
  script.call("fd_fdstat_get", [none, statAt]).isU8(statAt, 2, "its type");
  script.isU8(statAt + 8, 0x6e, "its rights, the lowest eight: read, seek, flags, tell, write");
  const at = script.slot();
  script.call("fd_seek", [none, 5n, 0, at]).isU64(at, 0n, "a place that is none").call("fd_tell", [none, at]);
  script.call("fd_sync", [none], "inval").call("fd_advise", [none, 0n, 0n, 0]);
  script.call("fd_readdir", [none, bufferAt, 100, 0n, at], "notdir");
  script.open("/dev/tty", { rights: both }, "nxio");
  script.open("/dev/null", { how: oflags.folder }, "notdir");
  script.open("/dev/null/x", {}, "notdir");
  script.open("/dev/null", { how: oflags.create | oflags.exclusive }, "exist");
  script.open("/dev/nothing", {}, "noent");
  await leaves(room, script, {}, {});
});

test("/dev/stdin and its like, and /dev/fd/N, open again what is open", async () => {
  const script = new WasiScript();
  script.read(script.open("/dev/stdin"), 3, "giv").read(0, 3, "en").read(script.open("/dev/fd/0"), 3, "");
  script.write(script.open("/dev/stdout", { rights: writes }), "out ").write(1, "and ");
  script.write(script.open("/dev/fd/1", { how: oflags.create | oflags.truncate, rights: writes }), "on");
  script.write(script.open("/dev/stderr", { rights: writes }), "said");
  const file = script.open("a.txt");
  script.read(file, 2, "he");
  script.is(file, 9, "the lowest free number");
  script.read(script.open("/dev/fd/9"), 5, "hello").read(file, 3, "llo");
  script.call("path_filestat_get", [3, 1, "/dev/fd/9", statAt]).isU8(statAt + 16, 4, "the type of a file");
  script.call("path_filestat_get", [3, 1, "/dev/stdin", statAt]).isU8(statAt + 16, 2, "the type of a device");
  script.open("/dev/fd/3/a.txt", {}, "notdir");
  script.open("/dev/fd/99", {}, "noent");
  script.open("/dev/fd/01", {}, "noent");
  script.call("fd_close", [0]);
  script.open("/dev/stdin", {}, "noent");
  const told = await passes(room, script, { stdin: "given", in: { "a.txt": "hello" } });
  expect([told.stdout, told.stderr]).toEqual(["out and on", "said"]);
});

test("what stands in no tree is in no listing, can't be removed or renamed, and leaves the tree as it was", async () => {
  const script = new WasiScript();
  const used = script.slot();
  script.call("fd_readdir", [3, bufferAt, 4096, 0n, used]).isU32(used, 3 * 24 + 4, "`.`, `..` and `a`");
  for (const name of ["/dev", "/tmp"]) {
    script.call("path_filestat_get", [3, 1, name, statAt]).isU8(statAt + 16, 3, `the type of ${name}`);
    script.call("path_remove_directory", [3, name], "busy").call("path_rename", [3, name, 3, "b"], "busy");
  }
  script.call("path_unlink_file", [3, "/dev/null"], "busy").call("path_rename", [3, "a", 3, "/dev/null"], "busy");
  script.call("path_rename", [3, "/dev/null", 3, "b"], "busy").call("path_link", [3, 0, "/dev/null", 3, "b"], "perm");
  script.put("/tmp/scratch", "much").file("/tmp/scratch", "much").file("/tmp/../a", "1");
  script.call("path_unlink_file", [3, "/tmp/scratch"]);
  const { out } = await passes(room, script, { in: { a: "1" } });
  expect(out).toBe(putLayout(room.engine, { a: "1" }));
});

test("what is left in /tmp or /dev stands in the tree", async () => {
  const script = new WasiScript().put("/tmp/left", "1").put("/dev/left", "2").put("/dev/fd/left", "3");
  script.put("/dev/null", "nothing");
  await leaves(
    room,
    script,
    {},
    { "tmp/": "", "tmp/left": "1", "dev/": "", "dev/left": "2", "dev/fd/": "", "dev/fd/left": "3" },
  );
});

test("an empty /tmp makes way for what is made in its place, one that is not empty does not", async () => {
  const made = new WasiScript().call("path_create_directory", [3, "tmp"]).call("path_create_directory", [3, "dev"]);
  made.put("/dev/null", "nothing").put("/dev/mine", "1");
  await leaves(room, made, {}, { "dev/": "", "dev/mine": "1", "tmp/": "" });
  await leaves(room, new WasiScript().put("tmp", "a file"), {}, { tmp: "a file" });
  const renamed = new WasiScript().call("path_rename", [3, "src", 3, "tmp"]);
  await leaves(room, renamed, { in: { src: { a: "1" } } }, { "tmp/": "", "tmp/a": "1" });
  const full = new WasiScript().put("/tmp/a", "1").call("path_create_directory", [3, "tmp"], "exist");
  full.call("path_symlink", ["x", 3, "tmp"], "exist").call("path_rename", [3, "src", 3, "tmp"], "notempty");
  await leaves(room, full, { in: { src: { b: "" } } }, { "src/": "", "src/b": "", "tmp/": "", "tmp/a": "1" });
});

test("what the tree has of these names comes before them", async () => {
  const script = new WasiScript().file("/dev/null", "mine");
  const zero = script.open("/dev/zero");
  script.read(zero, 1, "\0").file("/tmp", "a file").open("/tmp/x", { how: oflags.create }, "notdir");
  const tree: Layout = { dev: { null: "mine" }, tmp: "a file" };
  await leaves(room, script, { in: tree }, { "dev/": "", "dev/null": "mine", tmp: "a file" });
});

test("a symlink may lead to a device, and a command may run in /tmp", async () => {
  const script = new WasiScript();
  script.file("empty", "");
  await passes(room, script, { in: { empty: { link: "/dev/null" } } });
  const here = new WasiScript();
  const file = here.open("left", { how: oflags.create, rights: writes, folder: 4 });
  here.write(file, "1");
  await leaves(room, here, { cwd: "/tmp" }, { "tmp/": "", "tmp/left": "1" });
});

test.each([
  ["mv a tmp", "/", ["dev"]],
  ["mv a ./tmp/b", "/", ["dev"]],
  ["cp a ../tmp", "/src", ["dev"]],
  ["cp a tmp", "/src", ["dev", "tmp"]],
  ["cp a /tmp", "/", ["dev", "tmp"]],
  ["cp a b", "/tmp/x", ["dev", "tmp"]],
  ["diff -r main dev", "/", ["tmp"]],
  ["dd if=a of=tmp/x", "/", ["dev"]],
  ["grep dev a /dev/null", "/", ["dev", "tmp"]],
  ["sort a", "/", ["dev", "tmp"]],
  ["tmp dev/x", "/", ["tmp"]],
])("of %s, run in %s, these are seen: %j", (line, cwd, seen) => {
  expect(unlistedFor(encodeStrings(line.split(" ")), cwd)).toEqual(seen);
});

const files = { "a.txt": "one\ntwo\nthree\n", "names.txt": "pear\nfig\napple\n" };

test.each([
  ["grep two a.txt /dev/null", "", 0, "a.txt:two\n", ""],
  ["cat /dev/stdin a.txt", "given\n", 0, "given\none\ntwo\nthree\n", ""],
  ["cat /dev/null", "", 0, "", ""],
  ["head -c 3 /dev/zero", "", 0, "\0\0\0", ""],
  ["tee /dev/stderr", "x\n", 0, "x\n", "x\n"],
  ["wc -l /dev/null", "", 0, "0 /dev/null\n", ""],
  ["sort -T /tmp -S 1K names.txt", "", 0, "apple\nfig\npear\n", ""],
  ["test -e /dev/null", "", 0, "", ""],
  ["diff /dev/null /dev/null", "", 0, "", ""],
  ["ls", "", 0, "a.txt\nnames.txt\n", ""],
  ["grep -n wo /dev/stdin a.txt", "world\n", 0, "/dev/stdin:1:world\na.txt:2:two\n", ""],
  ["sed s/o/0/ /dev/stdin", "go\n", 0, "g0\n", ""],
  ["jq .a /dev/stdin", '{"a":1}', 0, "1\n", ""],
])("%s", async (line, stdin, exit, stdout, stderr) => {
  const argv = line.split(" ");
  const tree = putLayout(room.engine, files);
  const { worker } = findTool(room.engine, argv[0] as string, [process.cwd()], { argv, in: tree, cwd: "/" });
  const env = { HOME: "/", LANG: "C.UTF-8", PATH: "/bin", PWD: "/", TZ: "UTC" };
  const told = await runCommand(room.engine, worker, { argv, stdin, in: tree, env });
  expect(told).toEqual({ exit, stdout, stderr, out: tree });
});

test("diff with /dev/null tells of a new file, cp of it makes an empty one, mktemp leaves its file", async () => {
  const run = async (line: string) => {
    const argv = line.split(" ");
    const tree = putLayout(room.engine, files);
    const { worker } = findTool(room.engine, argv[0] as string, [process.cwd()], { argv, in: tree, cwd: "/" });
    const told = await runCommand(room.engine, worker, { argv, in: tree, env: { PWD: "/" } });
    return { ...told, left: listed(room.engine, told.out) };
  };
  expect((await run("diff -u /dev/null a.txt")).stdout).toContain("@@ -0,0 +1,3 @@\n+one\n+two\n+three\n");
  expect((await run("cp /dev/null empty")).left).toMatchObject({ empty: ["100644", ""] });
  const made = await run("mktemp");
  expect([made.exit, made.stderr]).toEqual([0, ""]);
  expect(made.left[made.stdout.trim().slice(1)]).toEqual(["100644", ""]);
  expect((await run("shuf --random-source=/dev/urandom a.txt")).stdout.length).toBe(files["a.txt"].length);
});
