import { spawnSync } from "node:child_process";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { openStore } from "../../src/store/store.ts";
import { syntheticTree } from "../fold-bench/fixtures.ts";
import { guest } from "../guests/assemble.ts";
import { countless, silent } from "../guests/children.ts";
import { commandFile, ended, jsonError, jsonResult, quoted, runsBegun, sharedRoom, smallRepository } from "./room.ts";

const room = sharedRoom();
beforeAll(() => {
  room.makeRepository("repository", smallRepository);
  room.write("endless.wasm", guest("(loop $again (br $again))"));
});

/** Memos in a store that another process works on. */
function memosIn(path: string): number {
  if (runsBegun(path) === 0) return 0;
  const store = openStore(path);
  try {
    return store.stats().memos;
  } finally {
    store.close();
  }
}

const until = (condition: () => boolean) => vi.waitUntil(condition, { timeout: 250_000, interval: 5 });

/** Folds so many files in a store of its own, and presses Ctrl-C once something of it is kept. */
async function interruptedFold(files: number) {
  const store = room.path(`long-${files}.sqlite`);
  const root = await room.withEngine((engine) => syntheticTree(engine, files), store);
  const command = ["run", "fold-wasm", `--in:hash=${root}`, "--post=/cas/std/line-count", "--json", "--store", store];
  const child = room.start({}, process.execPath, commandFile, ...command);
  const ending = ended(child);
  await until(() => memosIn(store) > 0);
  child.kill("SIGINT");
  return { said: await ending, store, command };
}

describe("Ctrl-C", () => {
  it("ends a fold as cancelled, keeps what was computed, and the next run goes on from there", async () => {
    let files = 12_000;
    let interrupted = await interruptedFold(files);
    // Where the fold had ended before it was seen to go on, it was too short.
    while (interrupted.said.status === 0 || interrupted.said.status === null)
      interrupted = await interruptedFold((files *= 4));
    const { said, store, command } = interrupted;
    expect(said.status).toBe(130);
    expect(jsonError(said)).toEqual({
      error: {
        kind: "cancelled",
        message: "cancelled; what was computed is kept, and the same command goes on from there",
      },
    });
    expect(said.err).toBe("error: cancelled; what was computed is kept, and the same command goes on from there\n");
    const kept = memosIn(store);
    expect(kept).toBeGreaterThan(0);
    const next = jsonResult(await room.call(...command));
    const all = memosIn(store);
    expect(kept).toBeLessThan(all);
    expect(next.jobs.executed).toBe(all - kept);
    const count = await room.call("cat", next.oid, "--store", store);
    expect(count.out).toMatch(/^\d+\n$/);
  });

  it("ends a guest that never returns", async () => {
    const store = room.path("endless.sqlite");
    const child = room.start({}, process.execPath, commandFile, "run", "../endless.wasm", "--store", store);
    const ending = ended(child);
    await until(() => runsBegun(store) > 0);
    child.kill("SIGINT");
    expect(await ending).toEqual({
      status: 130,
      out: "",
      err: "error: cancelled; what was computed is kept, and the same command goes on from there\n",
    });
    expect(await room.call("stats", "--store", store)).toMatchObject({ status: 0 });
    expect(memosIn(store)).toBe(0);
  });

  it("pressed twice ends the process at once, and the store still opens", async () => {
    const store = room.path("twice.sqlite");
    const child = room.start({}, process.execPath, commandFile, "run", "../endless.wasm", "--store", store);
    const ending = ended(child);
    await until(() => runsBegun(store) > 0);
    child.kill("SIGINT");
    child.kill("SIGINT");
    expect((await ending).status).toBe(130);
    expect(await room.call("stats", "--store", store)).toMatchObject({ status: 0 });
  });
});

const { status: scriptStatus, stdout: scriptVersion } = spawnSync("script", ["--version"], { encoding: "utf8" });

/** Runs a line of the shell in a terminal of its own; what is typed is sent once `prompt` was shown. */
async function inTerminal(
  line: string,
  environment: Readonly<Record<string, string>> = {},
  typed?: { readonly after: RegExp; readonly keys: string },
): Promise<{ status: number | null; shown: string }> {
  const command = `${quoted(process.execPath)} ${quoted(commandFile)} ${line}`;
  const child = room.start({ environment }, "script", "--quiet", "--return", "--command", command, "/dev/null");
  let shown = "";
  let isTyped = false;
  child.stdout.on("data", (chunk: Buffer) => {
    shown += chunk.toString("utf8");
    if (typed !== undefined && !isTyped && typed.after.test(shown)) {
      isTyped = true;
      child.stdin.write(typed.keys);
    }
  });
  const status = await new Promise<number | null>((resolve) => child.on("close", resolve));
  child.stdin.end();
  // The escape character is written as it is often shown, for the sake of whoever reads the tests.
  return { status, shown: shown.replaceAll("\u001b", "^[") };
}

// A terminal for a child process comes from util-linux's `script`.
describe.skipIf(scriptStatus !== 0 || !scriptVersion.includes("util-linux"))("a terminal", () => {
  it("shows a progress line on long work, takes it away, and Ctrl-C works", async () => {
    const { status, shown } = await inTerminal(
      `run ../endless.wasm --store ${quoted(room.path("terminal.sqlite"))}`,
      {},
      { after: /jobs\/s/, keys: "\u0003" },
    );
    expect(status).toBe(130);
    expect(shown).toMatch(/\r\^\[\[K0 jobs, 0 jobs\/s/);
    expect(shown).toMatch(/\r\^\[\[K\^\[\[31merror:\^\[\[0m cancelled; [^\r\n]*\r\n$/);
  });

  it("counts the jobs in it while they are executed", async () => {
    const store = room.path("counting.sqlite");
    const worker = await room.withEngine((engine) => {
      engine.putTree([]);
      return engine.addWorker(countless(engine.addWorker(silent)));
    }, store);
    const { status, shown } = await inTerminal(
      `run ${worker} --store ${quoted(store)}`,
      {},
      { after: /K[1-9]\d* jobs, [1-9]\d* jobs\/s.*K[1-9]\d* jobs, /s, keys: "\u0003" },
    );
    expect(status).toBe(130);
    const counts = Array.from(shown.matchAll(/(\d+) jobs, \d+ jobs\/s/g), ([, jobs]) => Number(jobs));
    expect(counts).toEqual(counts.toSorted((a, b) => a - b));
  });

  it("shows colour, and none with NO_COLOR", async () => {
    const { status, shown } = await inTerminal("fold");
    expect(status).toBe(2);
    expect(shown).toBe(`^[[31merror:^[[0m missing required argument 'PATH|REV:PATH|OID'\r\n`);
    const plain = await inTerminal("fold", { NO_COLOR: "1" });
    expect(plain.shown).toBe(`error: missing required argument 'PATH|REV:PATH|OID'\r\n`);
  });

  it("gets the note of what ran dimmed, and nothing else is left", async () => {
    const { shown } = await inTerminal("fold HEAD --post line-count");
    // On a busy machine even this is long enough for a progress line, which is taken away.
    expect(shown.replace(/^(?:\r\^\[\[K[^\r\n^]*)*\r\^\[\[K/, "")).toMatch(
      /^5\r\n\^\[\[2m11 jobs executed, [^\r\n]*\^\[\[0m\r\n$/,
    );
  });
});

it("without a terminal there is no progress line and no colour, however long it takes", async () => {
  const store = room.path("piped.sqlite");
  const root = await room.withEngine((engine) => syntheticTree(engine, 4000), store);
  const said = await room.call("run", "fold-wasm", `--in:hash=${root}`, "--post=/cas/std/line-count", "--store", store);
  expect(said.status).toBe(0);
  expect(said.err).toMatch(/^[^\n\r]+\n$/);
  expect(said.err).not.toContain("\u001b");
});
