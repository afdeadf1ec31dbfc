import { randomFillSync } from "node:crypto";
import { spawnSync } from "node:child_process";
import { chownSync, copyFileSync, existsSync, mkdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import Database from "better-sqlite3";
import { beforeAll, describe, expect, it } from "vitest";
import { abiImports, assemble } from "../guests/assemble.ts";
import { failing, silent } from "../guests/children.ts";
import { json as call, script } from "../guests/script.ts";
import { schemaVersion } from "../../src/store/schema.ts";
import {
  absent,
  commandFile,
  emptyTree,
  jsonError,
  jsonResult,
  quoted,
  sharedRoom,
  smallRepository,
  type JsonError,
  type Said,
} from "./room.ts";
import { changeBytes } from "../store/surgery.ts";

const room = sharedRoom();
beforeAll(async () => {
  room.makeRepository("repository", smallRepository);
  room.write("text.wasm", "no module\n");
  room.write("cut.wasm", silent.subarray(0, silent.length - 40));
  room.write(
    "asking.wasm",
    assemble(
      `(module (import "env" "now" (func (result i64))) (memory (export "memory") 1) (func (export "caos_run")))`,
    ),
  );
  room.write("idle.wasm", assemble(`(module (memory (export "memory") 1))`));
  const { status, err } = await room.call("fold", ".", "--post", "line-count");
  if (status !== 0) throw new Error(err);
});

/** One sentence on stderr that starts with `error:`, nothing on stdout, and no stack trace. */
function expectSentence(said: Said, status: number): void {
  expect(said.err).toMatch(/^error: [^\n]+\n$/);
  expect(said.err).not.toMatch(/\bat .+:\d+:\d+|node:|\b(?:E[A-Z]{4,}|SQLITE_\w+)\b/);
  expect(said).toMatchObject({ status, out: "" });
}

describe("bad input is answered by one sentence and the status of its kind", () => {
  const known = "byte-count, dirs-only, file-count, fold-wasm, language-stats, line-count";
  const unknown = (name: string) =>
    `unknown worker "${name}": there is no such file, and the standard workers are ${known}`;
  const cases: readonly [what: string, args: readonly string[], status: number, message: string][] = [
    [
      "a path that does not exist",
      ["import", "nowhere/x"],
      2,
      `there is no path "nowhere/x", and as a revision: the revision nowhere/x is unknown: no branch, tag or object has that name`,
    ],
    ["an absolute path that does not exist", ["import", "/nowhere/x"], 2, `there is no path "/nowhere/x"`],
    ["a path from here that does not exist", ["fold", "./x", "--post", "line-count"], 2, `there is no path "./x"`],
    [
      "a post by oid that is no worker",
      ["fold", ".", "--post", emptyTree],
      2,
      `unknown worker "${emptyTree}": the image is not a worker; the standard ones are ${known}`,
    ],
    [
      "a pre by oid that is no worker",
      ["fold", ".", "--post", "line-count", "--pre", emptyTree],
      2,
      `unknown worker "${emptyTree}": the image is not a worker; the standard ones are ${known}`,
    ],
    [
      "a revision as an oid",
      ["cat", "HEAD"],
      2,
      `"HEAD" is no oid (40 lower-case hex digits) and no CID of a git object; \`coppice import REV:PATH\` prints the oid of what a revision names, as \`git rev-parse\` does`,
    ],
    ["an empty --out", ["fold", ".", "--post", "line-count", "--out="], 2, "--out wants a path, and it is empty"],
    [
      "a revision that does not exist",
      ["import", "v9:sub"],
      2,
      `there is no path "v9:sub", and as a revision: the revision v9 is unknown: no branch, tag or object has that name`,
    ],
    [
      "a path that a revision does not have",
      ["import", "HEAD:nowhere"],
      2,
      `there is no path "HEAD:nowhere", and as a revision: nowhere: the revision's tree has no such path`,
    ],
    ["an empty path", ["import", ""], 2, "an empty text is neither a path nor a revision"],
    ["an unknown worker", ["fold", ".", "--post", "lines-count"], 2, unknown("lines-count")],
    ["an unknown pre", ["fold", ".", "--post", "line-count", "--pre", "x.wasm"], 2, unknown("x.wasm")],
    [
      "a folder as worker",
      ["fold", ".", "--post", "./sub"],
      2,
      "./sub can't be a worker: it is a folder, and a .wasm, .ts or .js file is wanted",
    ],
    [
      "a folder to add",
      ["worker", "add", "sub"],
      2,
      "sub can't be a worker: it is a folder, and a .wasm, .ts or .js file is wanted",
    ],
    [
      "a file to add that is not there",
      ["worker", "add", "nowhere.wasm"],
      2,
      "nowhere.wasm: no such file or directory",
    ],
    [
      "a file that is no wasm",
      ["run", "../text.wasm"],
      2,
      "../text.wasm can't be a worker: it does not start as a WebAssembly module does",
    ],
    [
      "a file that is no wasm, to add",
      ["worker", "add", "../text.wasm"],
      2,
      "../text.wasm can't be a worker: it does not start as a WebAssembly module does",
    ],
    [
      "a module that is cut short",
      ["worker", "add", "../cut.wasm"],
      2,
      "../cut.wasm can't be a worker: it is cut short",
    ],
    [
      "no number of executors",
      ["run", "line-count", "--jobs", "0"],
      2,
      '--jobs wants a whole number from 1 to 63, not "0"',
    ],
    [
      "a module with an unknown import",
      ["run", "../asking.wasm"],
      2,
      "../asking.wasm can't be a worker: it imports env.now, which no guest can have",
    ],
    [
      "a module without an entry",
      ["run", "../idle.wasm"],
      2,
      "../idle.wasm can't be a worker: it does not export a memory `memory` and a function `caos_run` without parameters or results",
    ],
    [
      "an oid that is no oid",
      ["cat", "4b825DC642cb6eb9a060e54bf8d69288fbee4904"],
      2,
      `"4b825DC642cb6eb9a060e54bf8d69288fbee4904" is no oid (40 lower-case hex digits) and no CID of a git object`,
    ],
    [
      "an oid that is too short",
      ["ls", "4b825d"],
      2,
      `"4b825d" is no oid (40 lower-case hex digits) and no CID of a git object`,
    ],
    [
      "a CID of something else",
      ["cat", "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"],
      2,
      `"bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy" is no oid (40 lower-case hex digits) and no CID of a git object`,
    ],
    ["no store's file", ["import", ".", "--store="], 2, "--store wants a file's path, and it is empty"],
    [
      "a worker that is not in the store",
      ["run", absent],
      2,
      `unknown worker "${absent}": no object of that oid is in the store; the standard ones are ${known}`,
    ],
    [
      "a worker that is none",
      ["run", emptyTree],
      2,
      `unknown worker "${emptyTree}": the image is not a worker; the standard ones are ${known}`,
    ],
    [
      "a blob as a tree",
      ["ls", "4a58007052a65fbc2fc3f910f2855f45a4058e74"],
      2,
      "4a58007052a65fbc2fc3f910f2855f45a4058e74 is a blob, not a tree",
    ],
    [
      "a request that nothing is remembered of",
      ["forget", absent],
      2,
      `nothing is known of request ${absent}: it never ran in this store`,
    ],
    ["a command that there is not", ["flod"], 2, "unknown command 'flod' (Did you mean fold?)"],
    ["a verb that there is not", ["worker", "remove"], 2, "unknown command 'remove'"],
    [
      "an option that there is not",
      ["fold", ".", "--post", "line-count", "--sallt", "x"],
      2,
      "unknown option '--sallt' (Did you mean --salt?)",
    ],
    ["nothing to fold", ["fold"], 2, "missing required argument 'PATH|REV:PATH|OID'"],
    ["--cid where no name is printed", ["stats", "--cid"], 2, "unknown option '--cid'"],
    ["no post", ["fold", "."], 2, "required option '--post <WORKER>' not specified"],
    [
      "an argument too many",
      ["import", ".", "sub"],
      2,
      "too many arguments for 'import'. Expected 1 argument but got 2: ., sub.",
    ],
    ["no argument", ["cat"], 2, "missing required argument 'OID'"],
    ["-C without a folder", ["-C"], 2, "-C wants the folder to start in"],
    ["-C with a folder that is not there", ["-C", "nowhere", "stats"], 2, "-C nowhere: there is no such folder"],
    ["-C with a file", ["-C", "a.txt", "stats"], 2, "-C a.txt: there is no such folder"],
    [
      "a command's option before it",
      ["--store", "x", "stats"],
      2,
      "option '--store' stands behind the command: coppice COMMAND --store ...",
    ],
    [
      "another, with its value, after -C",
      ["-C", "sub", "--timeout=3", "exec", "ls"],
      2,
      "option '--timeout' stands behind the command: coppice COMMAND --timeout ...",
    ],
    ["what is no command's option before a command", ["--nope", "stats"], 2, "unknown option '--nope'"],
    ["-C after the command", ["import", ".", "-C", "sub"], 2, "unknown option '-C'"],
  ];
  for (const [what, args, status, message] of cases) {
    it(what, async () => {
      const said = await room.call(...args);
      expectSentence(said, status);
      expect(said.err).toBe(`error: ${message}\n`);
    });
  }

  it("no repository", async () => {
    const cwd = room.path("home");
    for (const args of [
      ["fold", ".", "--post", "line-count"],
      ["import", "HEAD"],
      ["import", room.path("home")],
    ]) {
      const said = await room.callIn({ cwd }, ...args);
      expectSentence(said, 2);
      expect(said.err).toContain("is in no git repository");
    }
    expect((await room.callIn({ cwd }, "import", "HEAD")).err).toBe(
      `error: there is no path "HEAD", and as a revision: the current folder is in no git repository\n`,
    );
  });

  it("a file that git does not track", async () => {
    room.write("repository/untracked.txt", "x");
    const said = await room.call("import", "untracked.txt");
    expectSentence(said, 2);
    expect(said.err).toContain("untracked.txt: ");
  });

  it("nothing was lost by any of it", async () => {
    const said = await room.call("fold", "HEAD", "--post", "line-count", "--json");
    expect(jsonResult(said).jobs.executed).toBe(0);
  });
});

/** A guest that runs the worker whose oid is the name of its only argument, with its own arguments. */
function asksForItself(): Uint8Array {
  const hole = " ".repeat(40);
  const [job, tree, run] = [
    `{"op":"job"}`,
    `{"op":"tree","hash":"${hole}"}`,
    `{"op":"run","image":"${hole}","args":"${hole}"}`,
  ];
  const at = { job: 0, tree: 64, run: 256, answer: 1024 };
  return assemble(`(module ${abiImports} (memory (export "memory") 1)
    (data (i32.const ${at.job}) ${watText(job)})
    (data (i32.const ${at.tree}) ${watText(tree)})
    (data (i32.const ${at.run}) ${watText(run)})
    (func $ask (param $at i32) (param $length i32)
      (drop (call $call (local.get $at) (local.get $length)))
      (call $read (i32.const ${at.answer})))
    (func $copy (param $to i32) (param $from i32)
      (memory.copy (local.get $to) (i32.add (i32.const ${at.answer}) (local.get $from)) (i32.const 40)))
    (func (export "caos_run")
      (call $ask (i32.const ${at.job}) (i32.const ${job.length}))
      (call $copy (i32.const ${at.tree + tree.indexOf(hole)}) (i32.const ${`{"args":"`.length}))
      (call $copy (i32.const ${at.run + run.lastIndexOf(hole)}) (i32.const ${`{"args":"`.length}))
      (call $ask (i32.const ${at.tree}) (i32.const ${tree.length}))
      (call $copy (i32.const ${at.run + run.indexOf(hole)}) (i32.const ${`{"entries":[{"name":"`.length}))
      (call $ask (i32.const ${at.run}) (i32.const ${run.length}))))`);
}

function watText(text: string): string {
  return `"${text.replaceAll('"', String.raw`\"`)}"`;
}

describe("--json prints exactly one object for each kind of error", () => {
  async function errorOf(...args: readonly string[]): Promise<[number | null, JsonError["error"]]> {
    const said = await room.call(...args, "--json");
    expect(said.err).toMatch(/^error: [^\n]+\n$/);
    const printed = jsonError(said);
    expect(Object.keys(printed)).toEqual(["error"]);
    expect(Object.keys(printed.error)).toEqual(["kind", "message"]);
    expect(said.err).toBe(`error: ${printed.error.message}\n`);
    return [said.status, printed.error];
  }

  it("failed", async () => {
    const [status, error] = await errorOf("run", room.write("failing.wasm", failing("why\nnot")));
    expect([status, error.kind]).toEqual([1, "failed"]);
    expect(error.message).toMatch(/^request [0-9a-f]{40} failed: why not \(unreachable in function main of worker /);
  });

  it("usage, that of the parser included", async () => {
    expect(await errorOf("fold", ".")).toEqual([
      2,
      { kind: "usage", message: "required option '--post <WORKER>' not specified" },
    ]);
    expect((await errorOf("fold", "nowhere", "--post", "line-count"))[1].kind).toBe("usage");
    expect((await errorOf("run", "nothing"))[1].kind).toBe("usage");
    expect(await errorOf("cat", emptyTree)).toEqual([2, { kind: "usage", message: "unknown option '--json'" }]);
  });

  it("missing", async () => {
    const looking = room.write("looking.wasm", script([call({ op: "get", hash: absent })]));
    const [status, { kind, message }] = await errorOf("run", looking);
    expect([status, kind]).toEqual([3, "missing"]);
    // The store may read from the room's repository, as other tests fold there.
    expect(message).toMatch(`object ${absent} is needed and not in the store`);
  });

  it("cycle, listed request by request", async () => {
    const file = room.write("asks-for-itself.wasm", asksForItself());
    const { out: worker } = await room.call("worker", "add", file);
    const [status, error] = await errorOf("run", file, `--${worker.trim()}=x`);
    expect([status, error.kind]).toEqual([1, "cycle"]);
    expect(error.message).toMatch(/^the requests wait for each other: ([0-9a-f]{40}) -> \1$/);
  });

  it("host", async () => {
    const damaged = room.write("damaged.sqlite", "garbage ".repeat(1000));
    const [status, error] = await errorOf("run", "line-count", "--store", damaged);
    expect([status, error.kind]).toEqual([3, "host"]);
  });
});

describe("a store that can't be used", () => {
  const count = ["fold", "HEAD", "--post", "line-count"];

  it("what is no database is called no store, and is left as it is", async () => {
    const garbage = Buffer.alloc(50_000, "not a database ");
    const file = room.write("garbage.sqlite", garbage);
    const said = await room.call(...count, "--store", file);
    expectSentence(said, 3);
    expect(room.masked(said).err).toBe(
      "error: store <room>/garbage.sqlite: the file is not a Coppice store (file is not a database)\n",
    );
    expect(readFileSync(file).equals(garbage)).toBe(true);
  });

  it("a file that was cut short is called damaged", async () => {
    const file = room.path("short.sqlite");
    await room.call(...count, "--store", file);
    truncateSync(file, 20_000);
    const said = await room.call(...count, "--store", file);
    expectSentence(said, 3);
    expect(said.err).toContain("the file is damaged");
  });

  it("an object whose bytes were changed is named", async () => {
    const file = room.path("changed.sqlite");
    copyFileSync(room.store, file);
    const name = "4a58007052a65fbc2fc3f910f2855f45a4058e74";
    changeBytes(file, Buffer.from("alpha\n"), Buffer.from("omega\n"));
    const said = await room.call("cat", name, "--store", file);
    expectSentence(said, 3);
    expect(said.err).toBe(`error: object ${name} in the store is corrupt: its bytes have another hash\n`);
  });

  it("a newer schema and another program's database are refused, unchanged", async () => {
    const newer = room.path("newer.sqlite");
    await room.call("import", ".", "--store", newer);
    const database = new Database(newer);
    database.pragma(`user_version = ${schemaVersion + 1}`);
    database.close();
    const said = await room.call(...count, "--store", newer);
    expectSentence(said, 3);
    expect(said.err).toContain("the file was written by a newer version of Coppice");
    const foreign = room.path("foreign.sqlite");
    const other = new Database(foreign);
    other.exec("CREATE TABLE mine (x)");
    other.close();
    const before = readFileSync(foreign);
    const refused = await room.call(...count, "--store", foreign);
    expectSentence(refused, 3);
    expect(refused.err).toContain("the file is not a Coppice store");
    expect(readFileSync(foreign).equals(before)).toBe(true);
  });

  it("a folder, and a place below a file, can't be a store", async () => {
    expectSentence(await room.call(...count, "--store", room.path("home")), 3);
    const below = await room.call(...count, "--store", room.path("text.wasm", "store.sqlite"));
    expect(below).toMatchObject({ status: 3, out: "" });
    expect(below.err).toMatch(/^error: store [^\n]*\/store\.sqlite: the file can't be used[^\n]*\n$/);
  });

  it.skipIf(!existsSync("/proc/self"))("a place where no folder can be made can't be one, nor take files", async () => {
    const store = await room.call(...count, "--store", "/proc/nowhere/deep/store.sqlite");
    expectSentence(store, 3);
    expect(store.err).toContain("(its folder /proc/nowhere/deep can't be made)");
    const tree = room.git(room.repository, "rev-parse", "HEAD^{tree}");
    await room.call("import", "HEAD");
    expectSentence(await room.call("checkout", tree, "/proc/nowhere/deep"), 2);
  });

  it("what is not there is not made by a look at it", async () => {
    const file = room.path("typo.sqlite");
    for (const look of [
      ["stats"],
      ["cat", absent],
      ["ls", emptyTree],
      ["checkout", emptyTree, "new"],
      ["forget", absent],
    ]) {
      const said = await room.call(...look, "--store", file);
      expectSentence(said, 2);
      expect(said.err).toBe(`error: there is no store ${file}; what runs or imports makes one\n`);
    }
    expect([existsSync(file), existsSync(room.path("repository", "new"))]).toEqual([false, false]);
  });

  it("an object that is not in it is missing, by name", async () => {
    const store = room.path("other.sqlite");
    await room.call("import", ".", "--store", store);
    for (const look of [
      ["cat", absent],
      ["ls", absent],
      ["checkout", absent, "new"],
    ]) {
      const said = await room.call(...look, "--store", store);
      expectSentence(said, 3);
      expect(said.err).toBe(`error: no object ${absent} in the store\n`);
    }
  });

  it("SQLite's names for stores in memory are names of files here", async () => {
    const cwd = room.path("home");
    const said = await room.callIn({ cwd }, "fold", room.repository, "--post", "line-count", "--store", ":memory:");
    expect(said).toMatchObject({ status: 0, out: "5\n" });
    expect(existsSync(join(cwd, ":memory:"))).toBe(true);
  });
});

/** Runs a line of the shell with a small file system of its own mounted at a folder; undefined where that is not allowed. */
const canMount =
  spawnSync("unshare", ["--map-root-user", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"]).status === 0;
function mounted(size: string, line: string): Promise<Said> {
  mkdirSync(room.path("disk"), { recursive: true });
  const inner = `coppice() { ${quoted(process.execPath)} ${quoted(commandFile)} "$@"; }
    mount -t tmpfs -o size=${size} none ${quoted(room.path("disk"))} && ${line}`;
  return room.shell(`unshare --map-root-user --mount bash -c ${quoted(inner)}`);
}

// Mounting takes Linux and user namespaces (or root).
describe.skipIf(!canMount)("a disk", () => {
  it("that is full while importing: said so, and what was stored is kept", async () => {
    const large = Buffer.alloc(3_000_000);
    randomFillSync(large);
    room.makeRepository("large", { large });
    const store = quoted(room.path("disk", "store.sqlite"));
    const said = await mounted(
      "2m",
      `coppice fold HEAD --post line-count --store ${store}; echo "[$?]"
       coppice import ../large --store ${store}; echo "[$?]"
       coppice fold HEAD --post line-count --json --store ${store} | grep -c '"executed":0'`,
    );
    expect(said.out).toBe("5\n[0]\n[3]\n1\n");
    const errors = said.err.split("\n").filter((line) => line.startsWith("error: "));
    expect(errors.map((line) => line.replace(room.path(), "<room>"))).toEqual([
      expect.stringMatching(
        /^error: store <room>\/disk\/store\.sqlite: the disk is full; nothing that was stored is lost/,
      ) as string,
    ]);
  });

  it("that is full while a guest runs: a non-answer, which is not remembered", async () => {
    const head = `{"op":"put_blob","bytes_b64":"`;
    room.write("large.wasm", script([{ head, item: "AAAA", times: 1 << 20, tail: `"}`, isQuiet: true }]));
    const store = quoted(room.path("disk", "store.sqlite"));
    const said = await mounted(
      "2m",
      `coppice run ../large.wasm --json --store ${store}; echo "[$?]"
       coppice stats --store ${store} | grep memos`,
    );
    expect(said.out).toMatch(
      /^\{"error":\{"kind":"host","message":"store \S+: the disk is full; nothing that was stored is lost[^\n]*\}\}\n\[3\]\nmemos {4}0 \(0 failed, 0 quarantined\)\n$/,
    );
    expect(said.err).toMatch(/^error: [^\n]+\n$/);
  });

  it("that is full under --out: no file that is cut short is left, and the result is remembered", async () => {
    const disk = room.path("disk");
    const run = `coppice run line-count --in=x --children:hash=${emptyTree}`;
    const said = await mounted(
      "64k",
      `{ head -c 100000 /dev/zero > ${quoted(join(disk, "filling"))}; } 2>/dev/null
       ${run} --out ${quoted(join(disk, "out"))}; echo "[$?]"
       ${run} --json | grep -c '"executed":0'
       ls ${quoted(disk)}`,
    );
    expect(said.out).toBe("[3]\n1\nfilling\n");
    expect(room.masked(said).err).toBe("error: can't write to <room>/disk/out: no space left on device\n");
  });

  it("that can only be read can hold no store", async () => {
    const folder = quoted(room.path("disk"));
    const said = await mounted(
      "2m",
      `cp ${quoted(room.store)} ${folder}/store.sqlite && mount -o remount,ro ${folder}
       coppice fold HEAD --post line-count --store ${folder}/store.sqlite; echo "[$?]"`,
    );
    expect(said.out).toBe("[3]\n");
    expect(said.err).toMatch(/^error: store \S+: the file can't be used \([^\n]+\)\n$/);
  });
});

describe("standard streams", () => {
  it("a reader that stops early is no error", async () => {
    const large = await room.withEngine((engine) => engine.putBlob(Buffer.alloc(1_000_000, "x")));
    const stopped = await room.shell(`coppice cat ${large} | head -c 1; echo " [\${PIPESTATUS[0]}]"`);
    expect(stopped).toEqual({ status: 0, out: "x [0]\n", err: "" });
    const fold = "coppice fold HEAD --post line-count";
    const unheard = await room.shell(`${fold} 2>&1 >/dev/null | true; echo "[\${PIPESTATUS[0]}]"`);
    expect(unheard).toEqual({ status: 0, out: "[0]\n", err: "" });
  });

  it("a closed stdout or stderr is no error", async () => {
    const line = "coppice fold HEAD --post line-count";
    expect(await room.shell(`${line} >&-; echo "[$?]"`)).toMatchObject({ out: "[0]\n" });
    expect(await room.shell(`${line} 2>&-; echo "[$?]"`)).toMatchObject({ out: "5\n[0]\n" });
  });

  it.skipIf(!existsSync("/dev/full"))(
    "a full disk behind stdout is the machine's fault; behind stderr it is nobody's business",
    async () => {
      for (const option of ["", " --json"]) {
        const said = await room.shell(`coppice fold HEAD --post line-count${option} > /dev/full`);
        expect(said).toEqual({ status: 3, out: "", err: "error: can't write to stdout: no space left on device\n" });
      }
      expect((await room.shell("coppice cat zz --json > /dev/full")).err).toBe(
        "error: unknown option '--json'\nerror: can't write to stdout: no space left on device\n",
      );
      expect(await room.shell("coppice fold HEAD --post line-count 2> /dev/full")).toEqual({
        status: 0,
        out: "5\n",
        err: "",
      });
    },
  );
});

it("two processes on one store at once give the same result, from the very start of the store on", async () => {
  const store = room.path("shared.sqlite");
  const fold = () => room.call("fold", "HEAD", "--post", "language-stats", "--store", store);
  const both = await Promise.all([fold(), fold(), fold()]);
  for (const said of both) expect(said).toMatchObject({ status: 0, out: both[0].out });
  expect(JSON.parse(both[0].out)).toHaveProperty("Shell");
});

// A user other than root can't give files away.
it.skipIf(process.getuid?.() !== 0)(
  "a repository of another user is folded, though git itself would not list its untracked files",
  async () => {
    const folder = room.makeRepository("foreign", smallRepository);
    room.write("foreign/new", "");
    for (const path of [folder, join(folder, ".git")]) chownSync(path, 12_345, 12_345);
    const said = await room.callIn({ cwd: folder }, "fold", ".", "--post", "line-count");
    expect(said).toMatchObject({ status: 0, out: "5\n" });
    expect(said.err).toMatch(/\nuntracked files, if any, are left out\n$/);
  },
);

/** A Node older than 24 that this machine has, other than by the name `node` of this package. */
const oldNode = ["/usr/bin", "/usr/local/bin", ...(process.env["PATH"] ?? "").split(delimiter)]
  .map((folder) => join(folder, "node"))
  .find((file) => {
    const major = /^v(\d+)/.exec(spawnSync(file, ["--version"], { encoding: "utf8" }).stdout ?? "")?.[1];
    return major !== undefined && Number(major) < 24;
  });

// Where every Node is new enough there is nothing to refuse.
it.skipIf(oldNode === undefined)("an older Node says what is wanted in one sentence", async () => {
  const said = await room.shell(`${quoted(oldNode ?? "")} ${quoted(commandFile)} stats`);
  expect(said).toMatchObject({ status: 2, out: "" });
  expect(said.err).toMatch(/^coppice: needs Node 24 or newer, and this is Node [\d.]+; in a checkout, [^\n]+\n$/);
});

it("installing with an older Node is refused in one sentence before a dependency is compiled, unless a newer one is installed beside", async () => {
  const older = room.path("older.cjs");
  writeFileSync(older, `Object.defineProperty(process, "versions", { value: { node: "20.1.0" } });`);
  const installed = room.path("node_modules", "coppice", "bin");
  mkdirSync(installed, { recursive: true });
  const installing = join(installed, "installing.js");
  copyFileSync(join(commandFile, "..", "installing.js"), installing);
  const install = (...flags: readonly string[]) =>
    room.shell([process.execPath, ...flags, installing].map(quoted).join(" "));
  expect(await install()).toEqual({ status: 0, out: "", err: "" });
  expect(await install("--require", older)).toEqual({
    status: 1,
    out: "",
    err: "coppice: needs Node 24 or newer, and this is Node 20.1.0; nothing was installed.\n",
  });
  mkdirSync(room.path("node_modules", `node-${process.platform}-${process.arch}`));
  expect(await install("--require", older)).toEqual({ status: 0, out: "", err: "" });
});

it("an endless name or message can't break the one line", async () => {
  writeFileSync(room.path("esc.wasm"), failing("\u001b[31mred\u001b[0m\r\nsecond"));
  const said = await room.call("run", room.path("esc.wasm"));
  expect(said.err).toMatch(/^error: [^\n]+\n$/);
  expect(said.err).not.toContain("\u001b");
  expectSentence(await room.call("import", "x\n\u001b[2Jy"), 2);
  expectSentence(await room.call("import", "x".repeat(5000)), 2);
});
