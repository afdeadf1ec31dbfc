/** `coppice verify`, and `--verify` of what runs: what is printed, and the exit status. */
import { readFileSync } from "node:fs";
import { PassThrough } from "node:stream";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { NonAnswerError, type Oid, type Verified } from "../../src/engine.ts";
import type { Printer } from "../../src/cli/output.ts";
import { Session } from "../../src/cli/session.ts";
import { verifyExecuted } from "../../src/cli/verify-command.ts";
import { openStore } from "../../src/store/store.ts";
import { syntheticTree } from "../fold-bench/fixtures.ts";
import { guest } from "../guests/assemble.ts";
import { absent, commandFile, emptyTree, ended, jsonError, sharedRoom, smallRepository, type Said } from "./room.ts";

const room = sharedRoom();
beforeAll(() => {
  room.makeRepository("repository", smallRepository);
});
let stores = 0;
let store = "";

/** A fold in a store of its own. */
async function folded(): Promise<Said> {
  store = room.path(`store-${++stores}.sqlite`);
  return call("fold", ".", "--post", "line-count", "--json");
}
const call = (...args: readonly string[]) => room.call(...args, "--store", store);

/** Has the store remember another outcome of the job that counted `sub/b.txt`, as a wrong execution would have. */
function plant(): Oid {
  const opened = openStore(store);
  try {
    const two = opened.put("blob", Buffer.from("2\n"));
    const found = [...opened.memos()].find(
      ({ memo }) => memo.children.length === 0 && memo.outcome.kind === "blob" && memo.outcome.oid === two,
    );
    if (found === undefined) throw new Error("nothing came to 2");
    opened.forget(found.request);
    const three = opened.put("blob", Buffer.from("3\n"));
    opened.remember(found.request, { ...found.memo, outcome: { kind: "blob", oid: three } }, 1);
    return found.request;
  } finally {
    opened.close();
  }
}

/** Times and names that differ from machine to machine or commit to commit, taken out. */
const plain = ({ status, out, err }: Said) => ({
  status,
  out: out.replaceAll(/\d+\.\d s/g, "_ s").replaceAll(/fuel \d+/g, "fuel _"),
  err: err.replaceAll(/^\[[#.]+\].*\n/gm, "").replaceAll(/\d+\.\d s/g, "_ s"),
});
const named = (text: string, request: Oid) => text.replaceAll(request, "REQUEST");

describe("verify --all", () => {
  it("of a sound store finds nothing and ends with 0", async () => {
    await folded();
    expect(plain(await call("verify", "--all"))).toEqual({
      status: 0,
      out: "",
      err: "11 memos confirmed under --liftoff-only and --no-liftoff, 0 differed, _ s\n",
    });
  });

  it("names the one wrong memo, where it is and what differs, and ends with 4; then it is listed, settled, and grown again", async () => {
    const whole = await folded();
    const request = plant();
    const said = plain(await call("verify", "--all"));
    expect(said.status).toBe(4);
    expect(named(said.out, request)).toMatchInlineSnapshot(`
      "request REQUEST differs: line-count at sub/b.txt, executed again (--liftoff-only)
        remembered: blob 00750edc07d6415dcc07ae0351e9397b0222b7ba (fuel _)
        found:      blob 0cfbf08886fca9a91cb753ec8734c84fcbe52c9f (fuel _)
        first difference at byte 0: remembered "3\\n" (end), found "2\\n" (end)
        quarantined with it: 2 memos that consumed it
        settle it: coppice verify --resolve REQUEST --keep memo|new|none
      "
    `);
    expect(said.err).toMatchInlineSnapshot(`
      "8 memos confirmed under --liftoff-only and --no-liftoff, 1 differed, _ s
      "
    `);
    expect(plain(await call("stats")).out).toMatch(/3 quarantined\)\ndiffered 1 request /);
    // Nothing differs any more, and nothing is settled either.
    const later = plain(await call("verify", "--all"));
    expect(later.status).toBe(4);
    expect(later.err).toContain("0 differed, 1 quarantined before");
    const refused = await call("fold", ".", "--post", "line-count", "--json");
    expect([refused.status, jsonError(refused).error.kind]).toEqual([4, "divergent"]);
    expect(jsonError(refused).error.message).toContain(`coppice verify --resolve ${request}`);
    const consumer = (JSON.parse(whole.out) as { request: string }).request;
    expect(await call("verify", "--resolve", consumer)).toMatchObject({
      status: 2,
      err: expect.stringContaining(
        `is quarantined because it consumed ${request}, whose executions differed`,
      ) as string,
    });
    const listed = plain(await call("verify", "--resolve"));
    expect(named(listed.out, request)).toMatchInlineSnapshot(`
      "request REQUEST differs: line-count, executed again (verify --liftoff-only)
        remembered: blob 00750edc07d6415dcc07ae0351e9397b0222b7ba (fuel _)
        found:      blob 0cfbf08886fca9a91cb753ec8734c84fcbe52c9f (fuel _)
        first difference at byte 0: remembered "3\\n" (end), found "2\\n" (end)
      "
    `);
    expect(listed.status).toBe(0);
    expect(plain(await call("verify", "--resolve", request, "--keep", "new"))).toEqual({
      status: 0,
      out: "",
      err: "kept new; of what consumed it, 0 memos released, 2 forgotten\n",
    });
    const again = await call("fold", ".", "--post", "line-count", "--json");
    const { oid } = JSON.parse(again.out) as { oid: string };
    expect(oid).toBe((JSON.parse(whole.out) as { oid: string }).oid);
    expect(await call("verify", "--resolve")).toEqual({
      status: 0,
      out: "",
      err: "nothing is to be settled: no executions have differed, or all that did are settled\n",
    });
  });

  it("with --json prints one object", async () => {
    await folded();
    const request = plant();
    const said = await call("verify", "--all", "--json");
    expect(said.status).toBe(4);
    expect(JSON.parse(said.out)).toMatchObject({
      confirmed: 8,
      divergences: [
        { request, worker: "line-count", path: "sub/b.txt", consumers: 2, difference: { how: "bytes", at: 0 } },
      ],
      unverified: [],
      quarantined: [],
      flags: ["--liftoff-only", "--no-liftoff"],
      isComplete: true,
    });
  });

  it("ends with 130 at Ctrl-C, and says what was confirmed until then", async () => {
    store = room.path("long.sqlite");
    // One memo is of a guest that never returns, so verifying goes on until it is ended.
    await room.withEngine(async (engine) => {
      const worker = engine.addWorker(guest("(loop $again (br $again))"));
      await expect(engine.run({ worker, signal: AbortSignal.abort() })).rejects.toThrow(NonAnswerError);
      const never = engine.lastRunRecord()?.request as Oid;
      await engine.fold({ in: engine.putTree([]), post: "line-count" });
      const opened = openStore(store);
      const outcome = { kind: "failed", code: "trap", message: "unreachable" } as const;
      opened.remember(never, { outcome, detail: undefined, fuel: 1, reads: [], children: [] }, 1);
      opened.close();
    }, store);
    const child = room.start({}, process.execPath, commandFile, "verify", "--all", "--store", store, "--jobs", "1");
    const ending = ended(child);
    // Its process holds the store open from its first job on.
    await vi.waitUntil(() => verifiersOf(child.pid ?? 0) > 0, { timeout: 250_000, interval: 5 });
    child.kill("SIGINT");
    const said = await ending;
    expect(said.status).toBe(130);
    expect(said.err).toMatch(/^cancelled; what was found is kept; \d+ memos? confirmed/m);
  });
});

/** Processes that a process has started, as far as this system tells. */
function verifiersOf(pid: number): number {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean).length;
  } catch {
    return 0;
  }
}

describe("verify REQUEST", () => {
  it("verifies it with all that it consumed", async () => {
    const { out } = await folded();
    const { request } = JSON.parse(out) as { request: string };
    const said = plain(await call("verify", request));
    expect(said).toMatchObject({ status: 0, err: expect.stringMatching(/^11 memos confirmed/) as string });
  });

  it("of which nothing is remembered any more could not be verified, which is 3", async () => {
    const { out } = await folded();
    const { request } = JSON.parse(out) as { request: string };
    await call("forget", request);
    expect(plain(await call("verify", request))).toEqual({
      status: 3,
      out: `request ${request} could not be verified: nothing is remembered of it\n`,
      err: "0 memos confirmed under --liftoff-only and --no-liftoff, 0 differed, 1 could not be verified, _ s\n",
    });
  });
});

it("a sample is told with its seed", async () => {
  await folded();
  const said = plain(await call("verify", "--sample", "3", "--seed", "x"));
  expect(said.err).toBe(
    "3 memos confirmed under --liftoff-only and --no-liftoff, 0 differed, _ s; the sample's --seed is x\n",
  );
});

it("--verify of a fold confirms a share of what it executed before the result is told", async () => {
  store = room.path("share.sqlite");
  const said = plain(await call("fold", ".", "--post", "line-count", "--verify", "100%"));
  expect(said).toMatchObject({ status: 0, out: "5\n" });
  expect(said.err).toMatch(/^11 memos confirmed .*\n11 jobs executed/);
});

describe("--verify with --json, of what is not confirmed, prints the error in place of the result, and what was found", () => {
  const differing = {
    request: absent,
    worker: "line-count",
    path: "a.txt",
    found: "--no-liftoff",
    remembered: { outcome: { kind: "blob", oid: emptyTree }, fuel: 1 },
    came: { outcome: { kind: "blob", oid: emptyTree }, fuel: 2 },
    difference: { how: "fuel", path: ".", remembered: "fuel 1", found: "fuel 2" },
    consumers: 3,
  } as const;
  const sound = {
    confirmed: 1,
    divergences: [],
    unverified: [],
    quarantined: [],
    flags: ["--x"],
    isComplete: true,
    ms: 1,
  };
  const kinds = [
    [
      { divergences: [differing] },
      4,
      "divergent",
      `request ${absent} differs when it is executed again; settle it: coppice verify --resolve`,
    ],
    [{ quarantined: [absent] }, 4, "divergent", `request ${absent} is quarantined`],
    [
      { unverified: [{ request: absent, reason: "it died" }] },
      3,
      "missing",
      `request ${absent} could not be verified: it died`,
    ],
    [
      { isComplete: false },
      130,
      "cancelled",
      `cancelled before what ran was verified; what it came to is remembered, and \`coppice verify ${emptyTree}\` verifies it`,
    ],
  ] as const;

  it.each(kinds)("%j", async (found, status, kind, message) => {
    const verified: Verified = { ...sound, ...found };
    for (const isJson of [true, false]) {
      const [out, err] = [new PassThrough(), new PassThrough()];
      const printer = { out, err, isColourful: false, cids: false } as unknown as Printer;
      const session = new Session({ store }, {}, printer);
      expect(await verifyExecuted(session, emptyTree, isJson, async () => verified)).toBe(false);
      expect(session.status).toBe(status);
      const [said, told] = [out.read() as Buffer | null, String(err.read())];
      expect(told).toContain(`error: ${message}`);
      if (!isJson) expect(said).toBeNull();
      else
        expect(JSON.parse(String(said))).toMatchObject({
          error: { kind, message: expect.stringContaining(message) as string },
          verified: { confirmed: 1 },
        });
    }
  });

  it("at Ctrl-C", async () => {
    let files = 2000;
    let said = await interruptedShare(files);
    // Where all was verified before a process was seen to verify, it was too little.
    while (said.status === 0 || said.status === null) said = await interruptedShare((files *= 4));
    expect(said.status).toBe(130);
    expect(jsonError(said)).toMatchObject({ error: { kind: "cancelled" }, verified: { isComplete: false } });
  });
});

/** Folds so many files, has all of it verified, and presses Ctrl-C when that has begun. */
async function interruptedShare(files: number): Promise<Said> {
  store = room.path(`long-share-${files}.sqlite`);
  const root = await room.withEngine((engine) => syntheticTree(engine, files), store);
  const run = ["run", "fold-wasm", `--in:hash=${root}`, "--post=/cas/std/line-count", "--json", "--jobs", "1"];
  const child = room.start({}, process.execPath, commandFile, ...run, "--verify", "1", "--store", store);
  const ending = ended(child);
  await vi.waitUntil(() => verifiersOf(child.pid ?? 0) > 0 || child.exitCode !== null, {
    timeout: 250_000,
    interval: 5,
  });
  child.kill("SIGINT");
  return ending;
}

it("what can't be asked for is a usage error that says what can", async () => {
  const { out } = await folded();
  const { request } = JSON.parse(out) as { request: string };
  const cases = [
    [["verify"], "name requests, or give one of --all, --sample N and --resolve"],
    [["verify", "--all", absent], "name requests, or give one of"],
    [["verify", "--sample", "0"], "--sample wants a whole number"],
    [["verify", "--all", "--keep", "memo"], "--keep goes with --resolve REQUEST"],
    [["verify", "--resolve", absent, "--keep", "both"], "--keep wants memo, new or none"],
    [["verify", request, "--all"], "name requests, or give one of"],
    [["verify", request, "--seed", "x"], "--seed goes with --sample N"],
    [["verify", "--resolve", request, "--keep", "memo"], `no executions of request ${request} have differed`],
    [["fold", ".", "--post", "line-count", "--verify", "2"], "--verify wants a share from 0 to 1"],
  ] as const;
  for (const [args, words] of cases) {
    const said = await call(...args);
    expect([said.status, said.err]).toEqual([2, expect.stringContaining(words)]);
  }
});
