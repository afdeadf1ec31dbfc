/** What public tool builds import beside preview 1. */
import { expect, test } from "vitest";
import { hostCalls } from "../../../src/isolate-host/wasi/host-calls.ts";
import { listed } from "../../guests/command.ts";
import { sharedRoom } from "../../guests/room.ts";
import { passes } from "../../guests/wasi-runs.ts";
import { WasiScript, bufferAt, oflags, reads, writes } from "../../guests/wasi-script.ts";

const room = sharedRoom({ executors: 1 });
const valueTypes: Readonly<Record<string, string>> = { i: "i32", I: "i64" };
const list = (letters: string) => Array.from(letters, (letter) => valueTypes[letter]).join(" ");

/** The import of a function in one of its types, as `$name`. */
function imported(key: string, type: string, name: string): string {
  const [module, field] = key.split(".");
  const [params = "", results = ""] = type.split(":");
  return `(import "${module}" "${field}" (func $${name} (param ${list(params)}) (result ${list(results)})))`;
}

/** A script that has one of these functions, as `$host`; `ask` says what a call of it answers. */
function scriptWith(key: string, type = hostCalls[key]?.type ?? "") {
  const script = new WasiScript();
  script.imports = imported(key, type, "host");
  const ask = (args: readonly (number | string | { readonly wat: string })[], answer: number) => {
    const values = args.flatMap((each) => (typeof each === "string" ? script.text(each) : [each]));
    const given = values.map((each) => (typeof each === "object" ? each.wat : `(i32.const ${each})`)).join(" ");
    const call = `(call $host ${given})`;
    return script.is({ wat: type.endsWith("I") ? `(i32.wrap_i64 ${call})` : call }, answer, `${key}(${args.length})`);
  };
  return { script, ask };
}

const files = { file: "12345", run: { program: "#!" }, link: { link: "run" }, src: { deep: "1" } };
const [inval, noent, nosys, perm, badf] = [28, 44, 52, 63, 8];

test("every one of them can be imported in each of its types, and none traps on odd arguments", async () => {
  const script = new WasiScript();
  for (const [index, [key, { type }]] of Object.entries(hostCalls).entries()) {
    for (const [version, each] of type.split("|").entries()) {
      const name = `host_${index}_${version}`;
      script.imports += imported(key, each, name);
      const args = Array.from(each.split(":")[0] ?? "", (letter) => `(${valueTypes[letter]}.const -1)`);
      if (key !== "host_process.sleep_ms") script.raw(`(drop (call $${name} ${args.join(" ")}))`);
    }
  }
  expect((await passes(room, script, { in: files })).exit).toBe(0);
});

test("modes are told of paths and descriptors: from the folder that the command runs in, or from one that is named", async () => {
  const { script, ask } = scriptWith("host_fs.path_mode", "iii:i");
  ask(["deep", 1], 0o100644);
  ask(["/run", 1], 0o100755);
  ask(["/link", 1], 0o100755);
  ask(["/link", 0], 0o120777);
  ask(["..", 1], 0o40755);
  ask(["nope", 1], 0);
  await passes(room, script, { in: files, cwd: "/src" });
  // By the preopen of that folder a path that an argument has from the root starts there, as of every other call.
  const below = scriptWith("host_fs.path_mode", "iiii:i");
  below.ask([4, "deep", 1], 0o100644);
  below.ask([4, "run", 1], 0o100755);
  await passes(room, below.script, { in: files, cwd: "/src", argv: ["command", "/run"] });
  const four = scriptWith("host_fs.path_mode", "iiii:i");
  four.ask([3, "src/deep", 1], 0o100644);
  four.ask([9, "run", 1], 0);
  await passes(room, four.script, { in: files });
  const fd = scriptWith("host_fs.fd_mode");
  fd.ask([0], 0o10600);
  fd.ask([3], 0o40755);
  fd.ask([9], 0);
  fd.ask([fd.script.open("run")], 0o100755);
  await passes(room, fd.script, { in: files });
});

test("chmod sets the executable bit of what it names, and of nothing behind a mode that is a symlink's", async () => {
  const modes = async (type: string, ...asks: readonly (readonly [readonly (number | string)[], number])[]) => {
    const { script, ask } = scriptWith("host_fs.chmod", type);
    for (const [args, answer] of asks) ask(args, answer);
    const { out } = await passes(room, script, { in: files });
    return Object.fromEntries(Object.entries(listed(room.engine, out)).map(([path, [mode]]) => [path, mode]));
  };
  const before = await modes("iii:i");
  expect(
    await modes("iii:i", [["file", 0o755], 0], [["run", 0o100644], 0], [["src", 0o700], 0], [["nope", 0], noent]),
  ).toEqual({
    ...before,
    file: "100755",
    run: "100644",
  });
  expect(await modes("iiii:i", [[3, "link", 0o644], 0], [[9, "file", 0o755], badf])).toEqual({
    ...before,
    run: "100644",
  });
  expect(await modes("iii:i", [["link", 0o120000], 0])).toEqual(before);
  expect(await modes("iii:i", [["link", 0o777], 0], [["run", 0o644], 0], [["link", 0o777], 0])).toEqual(before);
});

test("the bits that every symlink has, given to one that the command made, are a copy of another's, and set nothing", async () => {
  const { script, ask } = scriptWith("host_fs.chmod", "iii:i");
  script.call("path_symlink", ["file", 3, "copied"]);
  ask(["copied", 0o777], 0);
  const { out } = await passes(room, script, { in: files });
  expect(listed(room.engine, out)["file"]).toEqual(["100644", "12345"]);
  const set = scriptWith("host_fs.chmod", "iii:i");
  set.script.call("path_symlink", ["file", 3, "made"]);
  set.ask(["made", 0o755], 0);
  expect(listed(room.engine, (await passes(room, set.script, { in: files })).out)["file"]).toEqual(["100755", "12345"]);
});

test("sizes and owners are told, and an owner stays", async () => {
  const path = scriptWith("host_fs.path_size");
  path.ask([3, "file", 1], 5);
  path.ask([3, "link", 0], 3);
  path.ask([3, "nope", 0], -1);
  await passes(room, path.script, { in: files });
  const fd = scriptWith("host_fs.fd_size");
  fd.ask([0], 0);
  fd.ask([fd.script.open("file")], 5);
  fd.ask([9], -1);
  await passes(room, fd.script, { in: files });
  const owner = scriptWith("host_fs.path_owner");
  owner.script.store32(bufferAt, 7).store32(bufferAt + 4, 7);
  owner.ask([3, "file", 1, bufferAt, bufferAt + 4], 0);
  owner.ask([3, "nope", 1, bufferAt, bufferAt + 4], noent);
  await passes(room, owner.script.isU32(bufferAt, 0, "user").isU32(bufferAt + 4, 0, "group"), { in: files });
  const chown = scriptWith("host_fs.path_chown");
  chown.ask([3, "file", 0, -1, 1], 0);
  chown.ask([3, "file", 7, 0, 1], perm);
  chown.ask([3, "nope", 0, 0, 1], noent);
  await passes(room, chown.script, { in: files });
});

test("ftruncate resizes as preview 1 does", async () => {
  const script = new WasiScript();
  script.imports = imported("host_fs.ftruncate", "iI:i", "host");
  const fd = script.open("file", { rights: writes, how: oflags.create });
  script.is({ wat: `(call $host ${fd.wat} (i64.const 2))` }, 0, "ftruncate").file("file", "12");
  await passes(room, script.is({ wat: `(call $host ${script.open("file").wat} (i64.const 2))` }, inval, "ftruncate"), {
    in: files,
  });
});

test("nothing is a terminal; there are one user and one process, which can start none", async () => {
  const tells = async (key: string, value: number) => {
    const { script, ask } = scriptWith(key);
    script.store32(bufferAt, 7);
    ask([bufferAt], 0);
    await passes(room, script.isU32(bufferAt, value, key));
  };
  for (const name of ["getuid", "geteuid", "getgid", "getegid"]) await tells(`host_user.${name}`, 0);
  await tells("host_process.proc_getpid", 1);
  await tells("host_process.proc_getppid", 0);
  const tty = scriptWith("host_user.isatty");
  tty.script.store32(bufferAt, 7);
  for (const fd of [0, 1, 2]) tty.ask([fd, bufferAt], 0);
  tty.ask([9, bufferAt], badf);
  await passes(room, tty.script.isU32(bufferAt, 0, "terminal"));
  for (const key of [
    "host_process.fd_pipe",
    "host_process.proc_spawn",
    "host_process.proc_waitpid",
    "host_process.proc_kill",
  ]) {
    const type = (hostCalls[key]?.type ?? "").split("|")[0] ?? "";
    const { script, ask } = scriptWith(key, type);
    ask(
      Array.from(type.split(":")[0] ?? "", () => 0),
      nosys,
    );
    await passes(room, script);
  }
});

test("sleeping advances the clock, at once", async () => {
  const { script, ask } = scriptWith("host_process.sleep_ms");
  ask([-1], 0);
  await passes(room, script.call("clock_time_get", [1, 0n, bufferAt]).isU64(bufferAt, 4_294_967_295_000_000n, "time"));
});

test("a duplicate shares its descriptor, position included, until both are closed", async () => {
  const { script, ask } = scriptWith("host_process.fd_dup");
  const fd = script.open("file", { rights: reads });
  ask([fd, bufferAt], 0);
  script.isU32(bufferAt, 5, "the new number").read(fd, 2, "12").read(5, 2, "34").call("fd_close", [fd]).read(5, 2, "5");
  ask([1, bufferAt], 0);
  script.write(4, "said").call("fd_close", [1]).write(4, " more").call("fd_close", [5]);
  ask([9, bufferAt], badf);
  expect((await passes(room, script, { in: files })).stdout).toBe("said more");

  const two = scriptWith("host_process.fd_dup2");
  const file = two.script.open("new", { rights: writes, how: oflags.create });
  two.ask([file, 1], 0);
  two.ask([1, 1], 0);
  two.ask([1, 20], 0);
  two.ask([1, 1024], badf);
  two.ask([9, 1], badf);
  two.script.write(1, "into ").write(20, "the file").call("fd_write", [19, 0, 0, bufferAt], "badf");
  const { out, stdout } = await passes(room, two.script, {});
  expect([stdout, listed(room.engine, out)]).toEqual(["", { new: ["100644", "into the file"] }]);
});
