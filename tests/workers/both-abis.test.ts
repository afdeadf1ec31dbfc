/**
 * The same workers, compiled for either ABI, do the same: every request has the same args, outcome, reads and children, once worker names are put for
 * workers' oids (modules differ, so those do). And the engine agrees with the model about each request by its oid.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readRequest } from "../../src/abi/request.ts";
import { openEngine } from "../../src/engine.ts";
import type { Oid } from "../../src/store/oid.ts";
import type { Memo, Outcome } from "../../src/store/outcome.ts";
import { openStore, type Store } from "../../src/store/store.ts";
import { decodeTree, type TreeEntry } from "../../src/store/tree.ts";
import { file, fixtures, folder, gitlink, plant, symlink, type Node } from "./forest.ts";
import { createModelHost, type ModelHost } from "./model-host.ts";
import { jsonLibrary, standardLibrary, testGuest } from "./standard-library.ts";

type Library = Readonly<Record<string, Uint8Array>>;

const testGuests = ["picky", "showing"];
const scratch = mkdtempSync(join(tmpdir(), "coppice-both-"));
let stores = 0;
let binary: Library;
let json: Library;
beforeAll(async () => {
  const guests = await Promise.all(testGuests.map(async (name) => [name, await testGuest(name)] as const));
  binary = { ...(await standardLibrary()), ...Object.fromEntries(guests) };
  json = await jsonLibrary(testGuests);
});
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** What one request came to, in words that hold for both libraries. */
interface Told {
  readonly outcome: Outcome;
  readonly reads: readonly string[];
  readonly children: readonly string[];
}

/** Folds with one library in the engine and in the model, compares the two, and tells what each request came to, by worker and args. */
async function folded(library: Library, node: Node, post: string, pre?: string): Promise<Map<string, Told>> {
  const model = createModelHost({ std: library });
  const root = plant(model, node, "in");
  const args: TreeEntry[] = [
    { ...root, mode: node.is === "folder" ? "40000" : "100644" },
    { mode: "100644", name: "post", oid: model.putBlob(`/cas/std/${post}`) },
  ];
  if (pre !== undefined) args.push({ mode: "100644", name: "pre", oid: model.putBlob(`/cas/std/${pre}`) });
  const top = model.request("/cas/std/fold-wasm", model.putTree(args));

  const path = join(scratch, `${stores++}.sqlite`);
  const store = openStore(path);
  for (const { kind, body } of model.objects.values()) store.put(kind, body);
  store.close();
  const engine = openEngine({ store: path });
  await engine.settle(top.oid);
  await engine.close();
  model.settle(top);

  const settled = openStore(path);
  try {
    const memos = reached(settled, top.oid);
    expect(engineView(memos)).toEqual(modelView(model));
    return told(settled, memos, top.oid);
  } finally {
    settled.close();
  }
}

/** Every memo from a request down. */
function reached(store: Store, top: Oid): Map<Oid, Memo> {
  const found = new Map<Oid, Memo>();
  const queue = [top];
  for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
    const memo = found.get(name) ?? store.memo(name);
    if (memo === undefined) throw new Error(`request ${name} has no memo`);
    if (!found.has(name)) queue.push(...memo.children);
    found.set(name, memo);
  }
  return found;
}

const imports = (module: Uint8Array, name: string) => Buffer.from(module).includes(name);
const byName = (lines: readonly string[]) => lines.toSorted();

function engineView(memos: ReadonlyMap<Oid, Memo>): string[] {
  return byName([...memos].map(([name, { outcome, children }]) => JSON.stringify([name, outcome, children])));
}

function modelView({ memos, traces }: ModelHost): string[] {
  return byName(
    [...memos].map(([name, outcome]) => JSON.stringify([name, outcome, [...(traces.get(name)?.children ?? [])]])),
  );
}

function told(store: Store, memos: ReadonlyMap<Oid, Memo>, top: Oid): Map<string, Told> {
  const { std } = readRequest(store, top);
  const names = new Map<Oid, string>([[std as Oid, "std"]]);
  for (const { name, oid } of decodeTree(store.get(std as Oid).body)) names.set(oid, name);
  const spelt = (request: Oid) => {
    const { image, args } = readRequest(store, request);
    return `${names.get(image)} ${args}`;
  };
  return new Map(
    [...memos].map(([request, { outcome, reads, children }]) => [
      spelt(request),
      { outcome, reads: reads.map((name) => names.get(name) ?? name), children: children.map(spelt) },
    ]),
  );
}

const odd = folder({
  "😀ä\n": folder({ a: file("1/2\n"), b: symlink("😀"), m: gitlink("1".repeat(40)), empty: folder({}) }),
  a: folder({ "f.c": file("int\n") }),
  "a-b": { is: "file", content: "#!/bin/sh\n", executable: true },
  "a.b": file("bad: taste"),
  z: file(Buffer.from([0xff, 0xfb, 0])),
});

test("each library imports its ABI and not the other", () => {
  for (const module of Object.values(binary)) {
    expect([imports(module, "coppice_v1"), imports(module, "caos_abi_v1")]).toEqual([true, false]);
  }
  for (const module of Object.values(json)) {
    expect([imports(module, "coppice_v1"), imports(module, "caos_abi_v1")]).toEqual([false, true]);
  }
});

test.each([
  ["the fixture wide", fixtures.wide, "file-count", undefined],
  ["the fixture deep", fixtures.deep, "line-count", undefined],
  ["odd names, modes and contents, counted", odd, "byte-count", undefined],
  ["odd names, modes and contents, classified", odd, "language-stats", undefined],
  ["odd names, modes and contents, shown", odd, "showing", undefined],
  ["odd names, modes and contents, of which one fails", odd, "picky", undefined],
  ["folders alone", odd, "showing", "dirs-only"],
  ["a pre that fails", odd, "file-count", "picky"],
  ["a file", file("x\n"), "line-count", undefined],
  ["an image that is none", odd, "nobody", undefined],
] as const)("%s", async (_, node, post, pre) => {
  const through = await folded(binary, node, post, pre);
  expect(through.size).toBeGreaterThan(0);
  expect(through).toEqual(await folded(json, node, post, pre));
});
