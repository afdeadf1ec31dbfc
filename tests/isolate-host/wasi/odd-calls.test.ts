/** Commands that call whatever they can with whatever arguments: nothing that they do is a fault of the host's, and what they come to is the same each time. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { putCommandArgs, readCommandResult } from "../../../src/abi/command.ts";
import { putRequest, putSurroundings } from "../../../src/abi/request.ts";
import { putRuntimeNode, resolveImage, wasiMarker } from "../../../src/abi/worker.ts";
import type { FrameHost } from "../../../src/isolate-host/frame.ts";
import { WasiGuests } from "../../../src/isolate-host/wasi-guests.ts";
import { functionTypes } from "../../../src/isolate-host/wasi/functions.ts";
import { newJob } from "../../../src/scheduler/settle.ts";
import { emptyBlob } from "../../../src/store/object.ts";
import type { Oid } from "../../../src/store/oid.ts";
import { openStore } from "../../../src/store/store.ts";
import { decodeTree, encodeTree } from "../../../src/store/tree.ts";
import { dice, type Dice } from "../../scheduler/seeded.ts";
import { WasiScript, bufferAt, type Call, type Given } from "../../guests/wasi-script.ts";

const seeds = 150;
const callsPerSeed = 80;

const folder = mkdtempSync(join(tmpdir(), "coppice-odd-calls-"));
const store = openStore(join(folder, "store.sqlite"));
afterAll(() => {
  store.close();
  rmSync(folder, { recursive: true, force: true });
});
const host: FrameHost = { objects: store, settleNested: () => [], upcoming: () => [], onLog: () => {} };
const blob = (text: string) => store.put("blob", Buffer.from(text));
blob("");
const inner = store.put("tree", encodeTree([{ mode: "100755", name: "run", oid: blob("#!") }]));
const tree = store.put(
  "tree",
  encodeTree([
    { mode: "100644", name: "a", oid: blob("one two three") },
    { mode: "120000", name: "l", oid: blob("a") },
    { mode: "160000", name: "m", oid: "1234567890123456789012345678901234567890" as Oid },
    { mode: "40000", name: "s", oid: inner },
  ]),
);

const calls = (Object.keys(functionTypes) as Call[]).filter((name) => name !== "proc_exit");
const paths = [
  "a",
  "b",
  "l",
  "m",
  "s",
  "s/run",
  "s/x",
  ".",
  "..",
  "/",
  "",
  "s/",
  "m/y",
  "../a",
  "a/b",
  "l/",
  ".git",
  "\0",
];
const words = [0, 1, 2, 3, 4, 5, 6, 7, 8, 16, 64, 255, 4096, 0x4000_0003, 0x7fffffff, -1];
const longs = [0n, 1n, 2n, 66n, 4096n, -1n, 1n << 40n, 1n << 62n, -(1n << 63n), 0x3fff_ffffn];
const places = [bufferAt, bufferAt + 8, bufferAt + 64, 0x40000 - 4, 0x40000, 256, 0];

/** Arguments for a call: mostly ones that could be meant, sometimes any. */
function oddScript(numbers: Dice): WasiScript {
  const next = (below: number) => numbers.below(below);
  const pick = <T>(from: readonly T[]) => from[next(from.length)] as T;
  const script = new WasiScript();
  // Vectors, subscriptions and texts, where the buffers are.
  for (let at = bufferAt; at < bufferAt + 128; at += 4) script.store32(at, pick([...places, ...words]));
  for (let count = 0; count < callsPerSeed; count++) {
    const name = pick(calls);
    const given: Given[] = [];
    const type = functionTypes[name].split(":")[0] as string;
    for (let at = 0; at < type.length; at++) {
      const takesPath = name.startsWith("path_") && type.startsWith("ii", at) && at > 0 && next(3) > 0;
      if (takesPath) {
        const [place, length] = script.text(pick(paths));
        given.push(place, length);
        at++;
      } else if (type[at] === "I") given.push(pick(longs));
      else if (at === 0) given.push(next(8) === 0 ? pick(words) : next(9));
      else given.push(next(3) === 0 ? pick(places) : pick(words));
    }
    script.try(name, given.slice(0, type.length));
  }
  return script;
}

function execute(module: Uint8Array) {
  const image = putRuntimeNode(store, wasiMarker, store.put("blob", module), { fileBytes: 1 << 20 });
  const args = putCommandArgs(store, { argv: ["odd", "/a"], env: { A: "1" }, stdin: emptyBlob, in: tree, cwd: "/s" });
  const found = resolveImage(store, image, undefined);
  if ("error" in found) throw new Error(found.error);
  const request = putRequest(store, image, args, putSurroundings(store, undefined, ""));
  const end = new WasiGuests(host).execute(newJob(request, undefined, undefined), found.node);
  if (end.how !== "completed") throw new Error(end.how);
  return end.memo;
}

/** Fails unless a tree can be read, all the way down. */
function walk(oid: Oid): number {
  const entries = decodeTree(store.get(oid).body);
  return entries.reduce((sum, each) => {
    if (each.mode === "40000") return sum + walk(each.oid);
    if (each.mode !== "160000") expect(store.get(each.oid).kind).toBe("blob");
    return sum + 1;
  }, 0);
}

test("whatever is called comes to an outcome, the same each time, and its tree is sound", () => {
  let results = 0;
  for (let seed = 1; seed <= seeds; seed++) {
    const module = oddScript(dice(seed)).module();
    let first: ReturnType<typeof execute>;
    try {
      first = execute(module);
      expect(execute(module), `seed ${seed}`).toEqual(first);
    } catch (error) {
      throw new Error(`seed ${seed}: ${String(error)}`, { cause: error });
    }
    if (first.outcome.kind === "failed") {
      expect(first.outcome.code, `seed ${seed}`).toBe("limit");
      continue;
    }
    const result = readCommandResult(store, first.outcome.oid);
    if (result === undefined) throw new Error(`seed ${seed}: no result`);
    walk(result.out);
    results++;
  }
  expect(results).toBeGreaterThan(seeds / 2);
});
