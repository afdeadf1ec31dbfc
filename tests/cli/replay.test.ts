/** `bundle` and `replay` as a user meets them: a file made here runs in a fresh folder, without network, PATH and HOME. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { NonAnswerError, type Oid } from "../../src/engine.ts";
import { openStore } from "../../src/store/store.ts";
import { bundleInto, forged, partsOf } from "../engine/bundle-forge.ts";
import { guest } from "../guests/assemble.ts";
import {
  absent,
  commandFile,
  ended,
  jsonError,
  jsonResult,
  runsBegun,
  sharedRoom,
  smallRepository,
  type Said,
} from "./room.ts";

const room = sharedRoom();
let request = "";
let result = "";
let file = "";
beforeAll(async () => {
  room.makeRepository("repository", smallRepository);
  ({ request, oid: result } = jsonResult(await room.call("fold", ".", "--post", "line-count", "--json")));
  file = room.path("request.car");
});

/** Whether a process may have a network of its own that leads nowhere. */
const canUnshare = spawnSync("unshare", ["-rn", "true"]).status === 0;

/** Calls `coppice` in an empty folder with an empty environment, and no network where that can be had. */
async function callAway(...args: readonly string[]): Promise<Said & { readonly left: readonly string[] }> {
  const cwd = room.path("elsewhere");
  mkdirSync(cwd);
  const command = [process.execPath, commandFile, ...args];
  const emptied = ["env", "-i", ...command];
  const [first = "", ...rest] = canUnshare ? ["unshare", "-rn", ...emptied] : emptied;
  const said = await ended(room.start({ cwd }, first, ...rest));
  const left = readdirSync(cwd);
  rmSync(cwd, { recursive: true });
  return { ...said, left };
}

describe("bundle", () => {
  it("writes a file, says what it holds, and replaces none", async () => {
    const said = await room.call("bundle", request, file);
    expect(said).toMatchObject({ status: 0, out: "" });
    expect(said.err).toMatch(/^11 jobs, \d+ objects, \d+ bytes\n$/);
    const bytes = readFileSync(file);
    expect(await room.call("bundle", request, file)).toEqual({
      status: 2,
      out: "",
      err: `error: ${file} is there already\n`,
    });
    expect(readFileSync(file).equals(bytes)).toBe(true);
    expect(readdirSync(room.path()).filter((name) => name.startsWith(".coppice"))).toEqual([]);
  });

  it("with --json prints what the file holds", async () => {
    const other = room.path("figures.car");
    const said = await room.call("bundle", request, other, "--json");
    expect([said.status, said.err]).toEqual([0, ""]);
    expect(JSON.parse(said.out)).toEqual({
      request,
      root: expect.stringMatching(/^[0-9a-f]{40}$/) as string,
      jobs: 11,
      objects: expect.any(Number) as number,
      bytes: readFileSync(other).length,
      file: other,
    });
  });

  it("tells of the file as it was named where that can't be written", async () => {
    const long = room.path("a".repeat(256));
    expect(await room.call("bundle", request, long)).toMatchObject({
      status: 2,
      err: `error: ${long}: name too long\n`,
    });
    // No longer than any other file's name may be.
    expect(await room.call("bundle", request, room.path(`${"a".repeat(251)}.car`))).toMatchObject({ status: 0 });
  });

  it("refuses what can't be bundled, and leaves no file", async () => {
    const other = room.path("other.car");
    expect(await room.call("bundle", absent, other)).toMatchObject({
      status: 2,
      err: `error: nothing is known of request ${absent}: it never ran in this store\n`,
    });
    expect(await room.call("bundle", request, room.path("no", "x.car"))).toMatchObject({ status: 2 });
    expect(await room.call("bundle", request, "")).toMatchObject({ status: 2 });
    // What only the repository had, and no job has read.
    const repository = room.makeRepository("gone", { "a.txt": "only here\n" });
    const counted = await room.callIn({ cwd: repository }, "fold", ".", "--post", "file-count", "--json");
    rmSync(repository, { recursive: true });
    const said = await room.call("bundle", jsonResult(counted).request, other);
    expect(said).toMatchObject({ status: 3, out: "" });
    expect(said.err).toContain("(the folder is gone)");
    expect(said.err.trim().split("\n")).toHaveLength(1);
    expect(readdirSync(room.path()).filter((name) => name.startsWith("other.car"))).toEqual([]);
  });
});

describe("replay", () => {
  it("runs the jobs again in an empty folder, without network, PATH and HOME, and leaves nothing there", async () => {
    expect(await callAway("replay", file)).toEqual({
      status: 0,
      out: `same: 11 jobs, blob ${result}\n`,
      err: "",
      left: [],
    });
  });

  it("prints one JSON object with --json", async () => {
    const { status, out } = await room.call("replay", file, "--json");
    expect(status).toBe(0);
    expect(JSON.parse(out)).toEqual({
      same: true,
      request,
      outcome: { kind: "blob", oid: result },
      jobs: { recorded: 11, executed: 11, differing: 0 },
      exact: true,
      ms: expect.any(Number) as number,
    });
  });

  it("keeps its store where it is told to, and never in one that is there", async () => {
    const store = room.path("kept.sqlite");
    expect(await room.call("replay", file, "--store", store)).toMatchObject({ status: 0 });
    expect((await room.call("cat", result, "--store", store)).out).toBe((await room.call("cat", result)).out);
    expect(await room.call("replay", file, "--store", room.store)).toMatchObject({
      status: 2,
      err: `error: ${room.store} is there already; a replay starts from nothing\n`,
    });
  });

  it("that is cancelled says so, and leaves nothing of the store that it was to keep", async () => {
    const store = room.path("long.sqlite");
    const endless = room.path("endless.car");
    const origin = room.path("endless.sqlite");
    await room.withEngine(async (engine) => {
      const worker = engine.addWorker(guest("(loop $again (br $again))"));
      await expect(engine.run({ worker, signal: AbortSignal.abort() })).rejects.toThrow(NonAnswerError);
      const never = engine.lastRunRecord()?.request as Oid;
      // Somebody says that it came to an end.
      const opened = openStore(origin);
      const outcome = { kind: "failed", code: "trap", message: "unreachable" } as const;
      opened.remember(never, { outcome, detail: undefined, fuel: 1, reads: [], children: [] }, 1);
      opened.close();
      await bundleInto(engine, never, endless);
    }, origin);
    const child = room.start({}, process.execPath, commandFile, "replay", endless, "--store", store, "--json");
    const ending = ended(child);
    await vi.waitUntil(() => runsBegun(store) > 0, { timeout: 250_000, interval: 5 });
    child.kill("SIGINT");
    const said = await ending;
    const message = "cancelled; a replay starts from nothing, and nothing of this one is kept";
    expect([said.status, said.err]).toEqual([130, `error: ${message}\n`]);
    expect(jsonError(said)).toEqual({ error: { kind: "cancelled", message } });
    expect(readdirSync(room.path()).filter((name) => name.startsWith("long.sqlite"))).toEqual([]);
  });

  it("ends with 4 when a job comes to something else, and names the first to look at", async () => {
    const { manifest, objects } = partsOf(file);
    const other = manifest.jobs.find(({ outcome }) => outcome.kind === "blob" && outcome.oid !== result);
    if (other === undefined) throw new Error("all jobs have one result");
    const jobs = manifest.jobs.map((job) => (job.request === request ? { ...job, outcome: other.outcome } : job));
    const altered = room.write("altered.car", forged({ manifest: { ...manifest, jobs }, objects }));
    const said = await room.call("replay", altered);
    expect(said.status).toBe(4);
    expect(said.out).toBe(`different: 11 jobs, blob ${result}\n`);
    expect(room.masked(said).err).toMatch(
      /^error: 1 job of the replay went otherwise than recorded; the first to look at is request <request> \(fold-wasm\): recorded is blob [0-9a-f]{40}, here it is blob [0-9a-f]{40}, which differ first at byte \d+\n$/,
    );
    const { status, out } = await room.call("replay", altered, "--json");
    expect(status).toBe(4);
    expect(JSON.parse(out)).toMatchObject({ same: false, jobs: { differing: 1 }, first: { request } });
  });

  it("refuses a file that was cut, lengthened or altered, in one sentence with the place", async () => {
    const bytes = readFileSync(file);
    const altered = Buffer.from(bytes);
    altered[bytes.length - 3] = (altered[bytes.length - 3] as number) ^ 1;
    for (const [name, content, words] of [
      ["cut.car", bytes.subarray(0, bytes.length - 1), "it is cut short (at byte "],
      [
        "long.car",
        Buffer.concat([bytes, Buffer.of(0)]),
        `there is more in it than its manifest counts (at byte ${bytes.length})`,
      ],
      [
        "letter.car",
        Buffer.concat([bytes, Buffer.from("a")]),
        `there is more in it than its manifest counts (at byte ${bytes.length})`,
      ],
      ["bit.car", altered, "have another hash (at byte "],
      ["text.car", Buffer.from("some text"), "it does not begin as a CAR file of one git object does (at byte 0)"],
    ] as const) {
      const said = await room.call("replay", room.write(name, content));
      expect(said, name).toMatchObject({ status: 2, out: "" });
      expect(said.err, name).toContain(`error: ${room.path(name)} can't be replayed: `);
      expect(said.err, name).toContain(words);
      expect(said.err.trim().split("\n"), name).toHaveLength(1);
    }
    writeFileSync(room.path("empty.car"), "");
    expect(jsonError(await room.call("replay", room.path("empty.car"), "--json"))).toMatchObject({
      error: { kind: "usage" },
    });
    expect(await room.call("replay", room.path("absent.car"))).toMatchObject({ status: 2 });
    expect(await room.call("replay", room.path())).toMatchObject({ status: 2 });
    expect(existsSync(room.path("absent.car"))).toBe(false);
  });
});
