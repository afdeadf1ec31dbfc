import { appendFileSync, existsSync, mkdirSync, readFileSync, readlinkSync, rmSync, statSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import { hashObject } from "../../src/store/object.ts";
import { failing } from "../guests/children.ts";
import { guest } from "../guests/assemble.ts";
import { absent, jsonError, jsonResult, sharedRoom, smallRepository } from "./room.ts";

const room = sharedRoom();
beforeAll(() => {
  room.makeRepository("repository", smallRepository);
  room.git(room.repository, "tag", "v1");
});

const countOf = (text: string) => hashObject("blob", Buffer.from(text));
const fold = (...args: readonly string[]) => room.call("fold", ...args);
const jsonOf = async (...args: readonly string[]) => jsonResult(await fold(...args, "--json"));

describe("what is folded", () => {
  it("a work tree: its result goes to stdout, what ran to stderr", async () => {
    expect(room.masked(await fold(".", "--post", "line-count"))).toMatchInlineSnapshot(`
      {
        "err": "11 jobs executed, 0 remembered, _ ms (_ jobs/s); request <request>; blob 7ed6ff82de6bcc2a78243fc9c54d3ef5ac14da69
      ",
        "out": "5
      ",
        "status": 0,
      }
    `);
  });

  it("the same once more executes nothing, in a process of its own", async () => {
    expect(room.masked(await fold(".", "--post", "line-count"))).toMatchInlineSnapshot(`
      {
        "err": "0 jobs executed, 1 remembered, _ ms; request <request>; blob 7ed6ff82de6bcc2a78243fc9c54d3ef5ac14da69
      ",
        "out": "5
      ",
        "status": 0,
      }
    `);
  });

  const places = [
    ["a folder", ["sub"], "3\n"],
    ["a file", ["a.txt"], "1\n"],
    ["a symlink, which is a leaf", ["link"], "0\n"],
    ["a revision", ["HEAD"], "5\n"],
    ["a tag", ["v1"], "5\n"],
    ["a folder in a revision", ["HEAD:sub"], "3\n"],
    ["a file in a revision", ["v1:sub/b.txt"], "2\n"],
  ] as const;
  for (const [what, args, count] of places) {
    it(`${what}: ${args.join(" ")}`, async () => {
      expect(await fold(...args, "--post", "line-count")).toMatchObject({ status: 0, out: count });
    });
  }

  it("a path from another folder, absolute or relative", async () => {
    const cwd = room.path("home");
    expect(await room.callIn({ cwd }, "fold", room.repository, "--post", "line-count")).toMatchObject({ out: "5\n" });
    expect(await room.callIn({ cwd }, "fold", "../repository/sub", "--post", "line-count")).toMatchObject({
      out: "3\n",
    });
    const below = room.path("repository", "sub");
    expect(await room.callIn({ cwd: below }, "fold", ".", "--post", "line-count")).toMatchObject({ out: "3\n" });
    expect(await room.callIn({ cwd: below }, "fold", "HEAD", "--post", "line-count")).toMatchObject({ out: "5\n" });
  });

  it("a path from the folder that -C names, as are the store and --out; a second -C goes on from the first", async () => {
    const cwd = room.path("home");
    const count = ["--post", "line-count", "--store", "../c.sqlite", "--out", "../c.txt"];
    expect(await room.callIn({ cwd }, "-C", "../repository", "fold", "sub", ...count)).toMatchObject({ status: 0 });
    expect(readFileSync(room.path("c.txt"), "utf8")).toBe("3\n");
    expect(existsSync(room.path("c.sqlite"))).toBe(true);
    const twice = ["-C", "..", "-C", "repository/sub", "fold", "deep", "--post", "line-count"];
    expect(await room.callIn({ cwd, environment: { COPPICE_STORE: "../../c.sqlite" } }, ...twice)).toMatchObject({
      status: 0,
      out: "1\n",
      err: expect.stringMatching(/^0 jobs executed/) as string,
    });
    const revision = ["-C", room.repository, "fold", "HEAD:sub", "--post", "line-count"];
    expect(await room.callIn({ cwd }, ...revision)).toMatchObject({ status: 0, out: "3\n" });
  });

  it("an object of the store by its oid or CID, from anywhere, when its repository is gone, too", async () => {
    const folder = room.makeRepository("passing", { "only/here.txt": "1\n2\n" });
    const cwd = room.path("home");
    const imported = (await room.callIn({ cwd: folder }, "import", ".")).out.trim();
    const cid = (await room.callIn({ cwd: folder }, "import", "only/here.txt", "--cid")).out.trim();
    const commit = room.git(folder, "rev-parse", "HEAD");
    expect(await room.callIn({ cwd: folder }, "fold", commit, "--post", "line-count")).toMatchObject({ out: "2\n" });
    rmSync(folder, { recursive: true });
    for (const name of [imported, cid]) {
      expect(await room.callIn({ cwd }, "fold", name, "--post", "byte-count")).toMatchObject({ out: "4\n" });
    }
    expect(room.masked(await room.callIn({ cwd }, "cat", absent)).err).toMatch(
      /^error: no object 1{40} in the store or in <room>\/passing\/\.git\/objects \(the folder is gone\) and 1 more, from which it reads\n$/,
    );
    const arg = await room.callIn({ cwd }, "run", "dirs-only", `--in:@=${imported}`);
    expect(arg.out).toMatch(/^040000 tree \w{40}\tonly\n$/);
    expect(await room.callIn({ cwd }, "fold", commit, "--post", "line-count")).toMatchObject({
      status: 2,
      err: `error: there is no path "${commit}", no such object in the store, and as a revision: the current folder is in no git repository\n`,
    });
  });

  it("what no job read is missing once its repository is gone, and what is remembered is there", async () => {
    const folder = room.makeRepository("fleeting", { "some/where.txt": "unread\n" });
    const cwd = room.path("home");
    const tree = room.git(folder, "rev-parse", "HEAD^{tree}");
    const first = await room.callIn({ cwd: folder }, "fold", ".", "--post", "file-count", "--json");
    rmSync(folder, { recursive: true });
    const again = jsonResult(await room.callIn({ cwd }, "fold", tree, "--post", "file-count", "--json"));
    expect(again).toMatchObject({ request: jsonResult(first).request, jobs: { executed: 0 } });
    const unread = await room.callIn({ cwd }, "fold", tree, "--post", "line-count");
    expect(unread.status).toBe(3);
    expect(unread.err).toContain("(the folder is gone)");
  });

  it("an oid that is in the store and a file's name is the file", async () => {
    const { out } = await room.call("import", "sub");
    const folder = room.makeRepository("namesake", { [out.trim()]: "1\n" });
    expect(await room.callIn({ cwd: folder }, "fold", out.trim(), "--post", "line-count")).toMatchObject({
      out: "1\n",
    });
  });

  it("a revision in a bare repository and in .git, where HEAD is a file, too", async () => {
    const bare = room.path("bare.git");
    room.git(room.repository, "clone", "--quiet", "--bare", ".", bare);
    for (const cwd of [bare, room.path("repository", ".git")]) {
      const said = await room.callIn({ cwd }, "fold", "HEAD", "--post", "line-count");
      expect(room.masked(said)).toMatchObject({ status: 0, out: "5\n" });
      expect(said.err).not.toContain("left out");
      expect(await room.callIn({ cwd }, "fold", "HEAD:sub", "--post", "line-count")).toMatchObject({ out: "3\n" });
      expect(await room.callIn({ cwd }, "fold", ".", "--post", "line-count")).toMatchObject({
        status: 2,
        err: "error: .: the repository has no work tree; HEAD: names what is committed\n",
      });
      expect((await room.callIn({ cwd }, "fold", "config", "--post", "line-count")).err).toMatch(
        /^error: config: the repository has no work tree; HEAD: names what is committed; as a revision: the revision config is unknown/,
      );
    }
  });

  it("a path that is tracked and deleted says where it still is; one that git leaves out of a sparse work tree is as in the index", async () => {
    const folder = room.makeRepository("sparse", smallRepository);
    room.git(folder, "update-index", "--skip-worktree", "sub/b.txt");
    for (const gone of ["a.txt", "sub/b.txt", "sub/deep"]) rmSync(room.path("sparse", gone), { recursive: true });
    const cwd = room.path("sparse", "sub");
    for (const text of ["deep", "./deep", room.path("sparse", "sub", "deep")]) {
      expect(await room.callIn({ cwd }, "fold", text, "--post", "line-count")).toMatchObject({
        status: 2,
        err: "error: sub/deep: deleted in the work tree; HEAD:sub/deep names it as it was committed\n",
      });
    }
    expect(await room.callIn({ cwd }, "fold", "HEAD:sub/deep", "--post", "line-count")).toMatchObject({ out: "1\n" });
    expect(await room.callIn({ cwd }, "fold", "b.txt", "--post", "line-count")).toMatchObject({ out: "2\n" });
  });

  it("an edited file counts as it is, and costs its path to the root alone", async () => {
    const folder = room.makeRepository("edited", smallRepository);
    await room.callIn({ cwd: folder }, "fold", ".", "--post", "line-count");
    appendFileSync(room.path("edited", "sub", "b.txt"), "three\n");
    const said = await room.callIn({ cwd: folder }, "fold", ".", "--post", "line-count", "--json");
    const { oid, jobs } = jsonResult(said);
    expect(oid).toBe(countOf("6\n"));
    // The file's visitor; of each of its two folders the fold's frame and the visitor.
    expect(jobs.executed).toBe(5);
    expect(await room.callIn({ cwd: folder }, "fold", "HEAD", "--post", "line-count")).toMatchObject({ out: "5\n" });
  });

  it("untracked files are left out, and it says so", async () => {
    const folder = room.makeRepository("untidy", smallRepository);
    for (const name of ["new-1", "new-2", "sub/new-3", "zebra"]) room.write(`untidy/${name}`, "x\n");
    const said = await room.callIn({ cwd: folder }, "fold", ".", "--post", "line-count");
    expect(room.masked(said)).toMatchInlineSnapshot(`
      {
        "err": "0 jobs executed, 1 remembered, _ ms; request <request>; blob 7ed6ff82de6bcc2a78243fc9c54d3ef5ac14da69
      left out, since git does not track them: new-1, new-2, sub/new-3 and 1 more
      ",
        "out": "5
      ",
        "status": 0,
      }
    `);
    const json = await room.callIn({ cwd: folder }, "fold", ".", "--post", "line-count", "--json");
    expect([json.err, jsonResult(json).leftOut]).toEqual(["", 4]);
    const below = await room.callIn({ cwd: folder }, "fold", "sub", "--post", "line-count");
    expect(below.err).toMatch(/\nleft out, since git does not track them: sub\/new-3\n$/);
    const committed = await room.callIn({ cwd: folder }, "fold", "HEAD", "--post", "line-count");
    expect(committed.err).not.toContain("left out");
  });
});

describe("options of a fold", () => {
  it("--pre chooses the children: with dirs-only no file is visited", async () => {
    const { jobs } = await jsonOf(".", "--post", "file-count", "--pre", "dirs-only");
    // Three folders: at each the fold's frame, the pre and the post.
    expect(jobs.executed).toBe(9);
    expect(await fold(".", "--post", "file-count", "--pre", "dirs-only")).toMatchObject({ status: 0 });
  });

  it("--json prints exactly one object of the shape that is documented, and nothing else", async () => {
    const said = await fold("HEAD", "--post", "byte-count", "--json");
    expect(said).toMatchObject({ status: 0, err: "" });
    const result = jsonResult(said);
    expect(Object.keys(result)).toEqual(["request", "kind", "oid", "cid", "jobs", "ms", "leftOut"]);
    expect(result).toEqual({
      request: expect.stringMatching(/^[0-9a-f]{40}$/) as string,
      kind: "blob",
      oid: countOf("35\n"),
      cid: expect.stringMatching(/^baf4bc[a-z2-7]+$/) as string,
      jobs: { executed: 11, memoized: expect.any(Number) as number },
      ms: { import: expect.any(Number) as number, run: expect.any(Number) as number },
      leftOut: 0,
    });
    const cat = await room.call("cat", result.cid);
    expect(cat).toEqual({ status: 0, out: "35\n", err: "" });
  });

  it("--jobs says how many executors run, which changes no result and no count", async () => {
    const one = await jsonOf("sub", "--post", "line-count", "--salt", "jobs", "--jobs", "1");
    const three = await jsonOf("sub", "--post", "line-count", "--salt", "jobs", "--jobs", "3", "--rerun");
    expect([three.request, three.oid]).toEqual([one.request, one.oid]);
  });

  it("--salt separates runs, and one salt's run is remembered under that salt", async () => {
    await jsonOf("sub", "--post", "line-count");
    const cold = await jsonOf("sub", "--post", "line-count", "--salt", "x");
    const again = await jsonOf("sub", "--post", "line-count", "--salt=x");
    const other = await jsonOf("sub", "--post", "line-count");
    expect([cold, again, other].map(({ jobs }) => jobs.executed)).toEqual([6, 0, 0]);
    expect(again.request).toBe(cold.request);
    expect(other.request).not.toBe(cold.request);
    expect(other.oid).toBe(cold.oid);
  });

  it("--rerun executes the top request alone and compares", async () => {
    await jsonOf("HEAD", "--post", "line-count");
    expect((await jsonOf("HEAD", "--post", "line-count", "--rerun")).jobs.executed).toBe(1);
  });

  it("--cid prints CIDs where oids stand otherwise", async () => {
    const { err } = await fold("HEAD", "--post", "line-count", "--cid");
    expect(err).toMatch(/; request baf4bc[a-z2-7]{33,}; blob baf4bc[a-z2-7]{33,}\n$/);
    expect(err).not.toMatch(/[0-9a-f]{40}/);
  });

  it("--store wins over COPPICE_STORE", async () => {
    await fold("HEAD", "--post", "line-count");
    const elsewhere = room.path("elsewhere", "deeper", "store.sqlite");
    expect((await jsonOf("HEAD", "--post", "line-count", "--store", elsewhere)).jobs.executed).toBe(11);
    expect(existsSync(elsewhere)).toBe(true);
    expect((await jsonOf("HEAD", "--post", "line-count")).jobs.executed).toBe(0);
  });

  it("without both, the store is in the user's cache folder", async () => {
    const cache = room.path("cache");
    const environment = { COPPICE_STORE: "", XDG_CACHE_HOME: cache };
    expect(await room.callIn({ environment }, "fold", "a.txt", "--post", "line-count")).toMatchObject({ out: "1\n" });
    const expected = process.platform === "linux" ? "coppice/store.sqlite" : undefined;
    if (expected !== undefined) expect(existsSync(room.path("cache", expected))).toBe(true);
  });
});

describe("--out", () => {
  it("writes a blob to a file, and stdout stays empty", async () => {
    const said = await fold("HEAD", "--post", "line-count", "--out", room.path("count.txt"));
    expect(said).toMatchObject({ status: 0, out: "" });
    expect(readFileSync(room.path("count.txt"), "utf8")).toBe("5\n");
  });

  it("writes a tree to a folder; without it a tree is listed", async () => {
    // The pre of the fold is run alone: its result is a tree.
    const listed = await room.call("run", "dirs-only", "--in:@=HEAD");
    expect(listed.out).toBe(`040000 tree ${room.git(room.repository, "rev-parse", "HEAD:sub")}\tsub\n`);
    mkdirSync(room.path("empty"));
    for (const target of ["out", "empty"]) {
      const said = await room.call("run", "dirs-only", "--in:@=HEAD", "--out", room.path(target));
      expect(said).toMatchObject({ status: 0, out: "" });
      expect(readFileSync(room.path(target, "sub", "deep", "c.txt"), "utf8")).toBe("three\n");
    }
  });

  it("refuses a target that is there before anything runs, and changes nothing", async () => {
    const taken = room.write("taken.txt", "mine");
    const said = await fold("HEAD", "--post", "line-count", "--salt", "out", "--out", taken);
    expect(room.masked(said)).toEqual({ status: 2, out: "", err: "error: <room>/taken.txt is there already\n" });
    expect(readFileSync(taken, "utf8")).toBe("mine");
    const refused = await fold("HEAD", "--post", "line-count", "--salt", "out", "--out", room.path(), "--json");
    expect(jsonError(refused).error.kind).toBe("usage");
    expect((await jsonOf("HEAD", "--post", "line-count", "--salt", "out")).jobs.executed).toBe(11);
    const folder = await room.call("run", "dirs-only", "--in:@=HEAD", "--out", room.repository);
    expect(room.masked(folder)).toMatchObject({
      status: 2,
      err: "error: <room>/repository is there already\n",
    });
  });

  it("a blob can't take an empty folder's place, and is remembered", async () => {
    const folder = room.path("vacant");
    mkdirSync(folder);
    const said = await fold("HEAD", "--post", "line-count", "--out", folder);
    expect(room.masked(said)).toMatchObject({ status: 2, err: "error: <room>/vacant: file already exists\n" });
    expect((await jsonOf("HEAD", "--post", "line-count")).jobs.executed).toBe(0);
  });

  it("says so at once when the folder around it is not there", async () => {
    const out = ["--salt", "nowhere", "--out", room.path("nowhere", "count.txt")];
    const said = await fold("HEAD", "--post", "line-count", ...out);
    expect(room.masked(said)).toMatchObject({
      status: 2,
      err: "error: <room>/nowhere/count.txt: there is no folder <room>/nowhere to write to\n",
    });
    expect((await jsonOf("HEAD", "--post", "line-count", "--salt", "nowhere")).jobs.executed).toBe(11);
  });
});

describe("a fold that fails", () => {
  it("exits 1, names the path and says why; the failure is remembered until it is forgotten", async () => {
    const worker = room.write("failing.wasm", failing("no luck"));
    const said = await fold("sub", "--post", worker);
    expect(room.masked(said)).toMatchInlineSnapshot(`
      {
        "err": "error: request <request> failed: ./b.txt: no luck (unreachable in function main of worker e74afca024ce2667a6618eb8ab4596e96090cb6d)
      ",
        "out": "",
        "status": 1,
      }
    `);
    const request = /request ([0-9a-f]{40}) failed/.exec(said.err)?.[1] as string;
    const again = await fold("sub", "--post", worker, "--json");
    expect(again.status).toBe(1);
    expect(jsonError(again)).toEqual({
      error: { kind: "failed", message: said.err.replace(/^error: /, "").trimEnd() },
    });
    expect(await room.call("forget", request)).toEqual({ status: 0, out: "", err: "" });
    expect(await room.call("forget", request)).toMatchObject({
      status: 2,
      err: `error: nothing is remembered of request ${request}\n`,
    });
    expect((await fold("sub", "--post", worker)).status).toBe(1);
  });

  it("names the function at which the guest trapped", async () => {
    const worker = room.write("trapping.wasm", guest("unreachable"));
    expect(room.masked(await fold("a.txt", "--post", worker)).err).toMatch(
      /^error: request <request> failed: .* \(unreachable in function main of worker [0-9a-f]{40}\)\n$/,
    );
  });

  it("--log prints what guests log on stderr, and only with it", async () => {
    const worker = room.write("talking.wasm", failing("a line of the guest"));
    const quiet = await fold("a.txt", "--post", worker, "--salt", "quiet");
    const loud = await fold("a.txt", "--post", worker, "--salt", "loud", "--log");
    expect(quiet.err.split("\n").filter((line) => line === "a line of the guest")).toHaveLength(0);
    expect(loud.err.split("\n").filter((line) => line === "a line of the guest")).toHaveLength(1);
  });
});

it("checkout writes files, exec bits, symlinks and folders, and refuses a folder that is in use", async () => {
  const { out } = await room.call("import", "HEAD");
  const target = room.path("checkout");
  expect(await room.call("checkout", out.trim(), target)).toEqual({ status: 0, out: "", err: "" });
  expect(readFileSync(room.path("checkout", "sub", "deep", "c.txt"), "utf8")).toBe("three\n");
  expect(readlinkSync(room.path("checkout", "link"))).toBe("a.txt");
  expect(statSync(room.path("checkout", "run.sh")).mode & 0o111).not.toBe(0);
  expect(statSync(room.path("checkout", "a.txt")).mode & 0o111).toBe(0);
  expect(room.masked(await room.call("checkout", out.trim(), target))).toEqual({
    status: 2,
    out: "",
    err: "error: <room>/checkout is there already and is no empty folder\n",
  });
  rmSync(target, { recursive: true });
  expect((await room.call("checkout", out.trim(), target)).status).toBe(0);
});
