/** How the store writes things down: whatever stands in which record, it answers as a plain map would. */
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import * as fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { emptyBlob, emptyTree, hashObject, type GitObject, type ObjectKind } from "../../src/store/object.ts";
import { oid, type Oid } from "../../src/store/oid.ts";
import { failure, type Memo } from "../../src/store/outcome.ts";
import { encodeRequest, requestParts, requestSurroundings } from "../../src/store/request-tree.ts";
import { applicationId } from "../../src/store/schema.ts";
import {
  CollidingObject,
  CorruptObject,
  MissingObject,
  QuarantinedMemo,
  Store,
  StoreFailure,
  openStore,
} from "../../src/store/store.ts";
import { decodeTree, encodeTree, kindOfMode } from "../../src/store/tree.ts";

const folder = mkdtempSync(join(tmpdir(), "coppice-test-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let files = 0;
const freshPath = () => join(folder, `${++files}.sqlite`);

function thrownOr(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    return error;
  }
}
const unknown = (seed: number) => hashObject("blob", Buffer.from(`never put ${seed}`));
const memoOf = (result: Oid, more: Partial<Memo> = {}): Memo => ({
  outcome: { kind: "blob", oid: result },
  detail: undefined,
  fuel: 0,
  reads: [],
  children: [],
  ...more,
});

/** Puts a blob for the result, a tree of args and a request. */
function putJob(store: Store, text: string): { args: Oid; request: Oid; result: Oid } {
  const result = store.put("blob", Buffer.from(text));
  const empty = store.put("blob", Buffer.alloc(0));
  const args = store.put("tree", encodeTree([{ mode: "100644", name: "in", oid: result }]));
  const request = store.put("tree", encodeRequest(args, empty, empty, empty));
  return { args, request, result };
}

describe("a store answers as a map does", () => {
  type Step =
    | { readonly do: "blob"; readonly seed: number; readonly bytes: number }
    | { readonly do: "tree" | "request" | "remember" | "ask" | "forget"; readonly seed: number }
    | { readonly do: "flush" | "reopen" | "switch" };
  const seed = fc.nat(40);
  const step: fc.Arbitrary<Step> = fc.oneof(
    // Sizes around the bounds: packed or a row, and lengths that take one, two or three bytes.
    fc.record({ do: fc.constant("blob" as const), seed, bytes: fc.constantFrom(0, 20, 100, 107, 4095, 4097, 20_000) }),
    fc.record({ do: fc.constantFrom("tree" as const, "request" as const, "remember" as const), seed }),
    fc.record({ do: fc.constantFrom("request" as const, "remember" as const, "ask" as const), seed }),
    fc.record({ do: fc.constant("forget" as const), seed }),
    fc.record({ do: fc.constantFrom("flush" as const, "reopen" as const, "switch" as const) }),
  );

  it("for any sequence of putting, remembering, forgetting, flushing and reopening, with two handles", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const path = freshPath();
        const objects = new Map<Oid, GitObject>();
        const requests: Oid[] = [unknown(1)];
        const memos = new Map<Oid, Memo>();
        let handles: [Store, Store] = [openStore(path), openStore(path)];
        const put = (kind: ObjectKind, body: Buffer) => {
          const name = handles[0].put(kind, body);
          expect(name).toBe(hashObject(kind, body));
          objects.set(name, { kind, body });
          return name;
        };
        const pick = (at: number) => [...objects.keys()][at % objects.size] as Oid;
        put("tree", Buffer.alloc(0));
        put("blob", Buffer.alloc(0));
        for (const each of steps) {
          switch (each.do) {
            case "blob":
              put("blob", Buffer.alloc(each.bytes, `${each.seed} `));
              break;
            case "tree": {
              const name = pick(each.seed);
              const mode = objects.get(name)?.kind === "tree" ? "40000" : "100644";
              put("tree", encodeTree([{ mode, name: `n${each.seed % 3}`, oid: name }]));
              break;
            }
            case "request": {
              const trees = [...objects].filter(([, { kind }]) => kind === "tree").map(([name]) => name);
              const args = trees[each.seed % trees.length] as Oid;
              const tree = encodeRequest(args, emptyBlob, emptyBlob, emptyBlob);
              if (each.seed % 2 === 1) {
                const inParts = handles[0].putRequest(args, requestSurroundings(tree));
                expect(Buffer.compare(handles[0].get(inParts).body, tree)).toBe(0);
              }
              requests.push(put("tree", tree));
              break;
            }
            case "remember": {
              const request = requests[each.seed % requests.length] as Oid;
              const result = pick(each.seed);
              const kind = objects.get(result)?.kind === "tree" ? "tree" : "blob";
              const memo = memos.get(request) ?? {
                outcome:
                  each.seed % 5 === 0
                    ? ({ kind: "failed", code: "trap", message: `m${each.seed}` } as const)
                    : { kind, oid: result },
                detail: each.seed % 3 === 0 ? "for people" : undefined,
                fuel: each.seed * 1e13,
                reads: [...objects.keys()].slice(0, each.seed),
                children: requests.slice(0, each.seed % 4),
              };
              handles[0].remember(request, memo, 1);
              memos.set(request, memo);
              break;
            }
            case "ask": {
              const request = requests[each.seed % requests.length] as Oid;
              const tree = objects.get(request)?.body;
              // As executors do it: what names a request is put before its memo is looked for.
              if (tree !== undefined && each.seed % 4 !== 0) {
                const { args, surroundings } = requestParts(tree);
                if (each.seed % 4 !== 1) put("tree", objects.get(args)?.body as Buffer);
                handles[0].putRequest(args, surroundings);
              }
              expect(handles[0].outcome(request)).toEqual(memos.get(request)?.outcome);
              expect(handles[0].kindOf(pick(each.seed))).toBe(objects.get(pick(each.seed))?.kind);
              break;
            }
            case "forget": {
              const request = requests[each.seed % requests.length] as Oid;
              expect(handles[0].forget(request)).toBe(memos.delete(request));
              handles[1].refresh();
              break;
            }
            case "flush":
              handles[0].flush();
              break;
            case "reopen":
              handles[0].close();
              handles[0] = openStore(path);
              break;
            case "switch":
              handles[0].flush();
              handles = [handles[1], handles[0]];
              break;
          }
        }
        handles[0].flush();
        for (const store of [...handles, openStore(path)]) {
          for (const [name, { kind, body }] of objects) {
            expect(store.kindOf(name)).toBe(kind);
            expect(Buffer.compare(store.get(name).body, body)).toBe(0);
          }
          for (const request of requests) expect(store.memo(request)).toEqual(memos.get(request));
          expect(store.kindOf(unknown(2))).toBeUndefined();
          expect(() => store.get(unknown(2))).toThrow(MissingObject);
          const kinds = [...objects.values()].map(({ kind }) => kind);
          expect(store.stats()).toMatchObject({
            objects: {
              blob: kinds.filter((kind) => kind === "blob").length,
              tree: kinds.filter((kind) => kind === "tree").length,
            },
            memos: memos.size,
          });
          expect(new Set(Array.from(store.objects(), ({ name }) => name))).toEqual(new Set(objects.keys()));
          expect(new Map(Array.from(store.memos(), ({ request, memo }) => [request, memo]))).toEqual(memos);
          store.close();
        }
        for (const suffix of ["", "-wal", "-shm"]) rmSync(path + suffix, { force: true });
      }),
      { numRuns: 60 },
    );
  });
});

describe("a request's record", () => {
  it("gets its memo later than its tree, and is read by whoever opened the file before", () => {
    const path = freshPath();
    const [a, b] = [openStore(path), openStore(path)];
    const { request, result } = putJob(a, "late");
    a.flush();
    expect(b.get(request).kind).toBe("tree");
    expect(b.outcome(request)).toBeUndefined();
    a.remember(request, memoOf(result), 1);
    a.flush();
    expect(b.outcome(request)).toEqual({ kind: "blob", oid: result });
    a.close();
    b.close();
  });

  it("may come after its memo", () => {
    const path = freshPath();
    const a = openStore(path);
    const empty = a.put("blob", Buffer.alloc(0));
    a.put("tree", Buffer.alloc(0));
    const tree = encodeRequest(emptyTree, empty, empty, empty);
    const request = hashObject("tree", tree);
    a.remember(request, memoOf(empty), 1);
    a.flush();
    expect(a.kindOf(request)).toBeUndefined();
    a.put("tree", tree);
    a.close();
    const b = openStore(path);
    expect(Buffer.compare(b.get(request).body, tree)).toBe(0);
    expect(b.outcome(request)).toEqual({ kind: "blob", oid: empty });
    expect(b.stats()).toMatchObject({ objects: { blob: 1, tree: 2 }, memos: 1 });
    b.close();
  });

  it("is written whole by the flush after one that failed", () => {
    const store = openStore(freshPath());
    const { args, request, result } = putJob(store, "twice");
    store.remember(request, memoOf(result), 1);
    const database = new Database(store.path);
    database.exec("CREATE TRIGGER refusing BEFORE UPDATE ON counters BEGIN SELECT RAISE(ABORT, 'not now'); END");
    for (let attempt = 0; attempt < 2; attempt++) expect(() => store.flush()).toThrow(StoreFailure);
    database.exec("DROP TRIGGER refusing");
    database.close();
    store.close();
    const again = openStore(store.path);
    for (const name of [args, request]) expect(again.get(name).kind).toBe("tree");
    expect(again.memo(request)).toEqual(memoOf(result));
    again.close();
  });

  it("keeps its trees when its memo is forgotten", () => {
    const store = openStore(freshPath());
    const { args, request, result } = putJob(store, "forgotten");
    store.remember(request, memoOf(result, { children: [request] }), 1);
    expect(store.forget(request)).toBe(true);
    expect(store.forget(request)).toBe(false);
    expect(store.memo(request)).toBeUndefined();
    store.close();
    const again = openStore(store.path);
    expect([args, request].map((name) => again.get(name).kind)).toEqual(["tree", "tree"]);
    again.remember(request, memoOf(result), 2);
    again.flush();
    expect(again.memo(request)).toEqual(memoOf(result));
    again.close();
  });

  it("is the only one when another handle commits the same request between the look and the flush", () => {
    const path = freshPath();
    const [a, b] = [openStore(path), openStore(path)];
    for (const store of [a, b]) {
      const { request, result } = putJob(store, "both");
      expect(store.seenOutcome(request)).toBeUndefined();
      store.remember(request, memoOf(result), 1);
    }
    for (const store of [a, b]) store.close();
    const again = openStore(path);
    expect(again.stats()).toMatchObject({ objects: { blob: 2, tree: 2 }, memos: 1, quarantined: 0 });
    expect([...again.memos()]).toHaveLength(1);
    again.close();
  });

  it("is quarantined when another handle remembers something else, and both outcomes are kept", () => {
    const path = freshPath();
    const [a, b] = [openStore(path), openStore(path)];
    const { request, result } = putJob(a, "one");
    const other = a.put("blob", Buffer.from("two"));
    a.flush();
    expect(b.outcome(request)).toBeUndefined();
    a.remember(request, memoOf(result), 1);
    b.remember(request, memoOf(other), 2);
    a.flush();
    expect(() => b.flush()).toThrow(QuarantinedMemo);
    expect(() => b.memo(request)).toThrow(QuarantinedMemo);
    expect(() => a.memo(request)).toThrow(QuarantinedMemo);
    expect(a.stats()).toMatchObject({ memos: 1, quarantined: 1 });
    expect(a.divergences(request)).toMatchObject([{ memo: { outcome: { kind: "blob", oid: other } }, run: 2 }]);
    a.close();
    b.close();
  });
});

describe("a damaged file", () => {
  /** A flushed job whose bytes in a table are then changed. */
  function damaged(
    table: "object_packs" | "job_packs" | "surroundings",
    find: (job: ReturnType<typeof putJob>) => Buffer,
  ) {
    const path = freshPath();
    const store = openStore(path);
    const job = putJob(store, "a result to be damaged");
    store.remember(job.request, memoOf(job.result), 1);
    store.close();
    const database = new Database(path);
    const column = table === "surroundings" ? "bytes" : "records";
    const bytes = database.prepare(`SELECT ${column} FROM ${table}`).pluck().get() as Buffer;
    const at = bytes.indexOf(find(job));
    expect(at).toBeGreaterThanOrEqual(0);
    bytes[at] = (bytes[at] as number) ^ 1;
    database.prepare(`UPDATE ${table} SET ${column} = ?`).run(bytes);
    database.close();
    return { store: openStore(path), job };
  }

  it.each([
    ["object_packs", "result", () => Buffer.from("a result")],
    ["job_packs", "args", () => Buffer.from("100644 in\0")],
    ["job_packs", "request", () => Buffer.from("100644 in\0")],
    ["surroundings", "request", () => Buffer.from(" salt")],
  ] as const)("is told from a sound one: %s, read for its %s", (table, what, find) => {
    const { store, job } = damaged(table, find);
    expect(() => store.get(job[what])).toThrow(CorruptObject);
    store.close();
  });

  it.each([
    ["object_packs", "records"],
    ["job_packs", "records"],
    ["surroundings", "bytes"],
    ["recent", "entries"],
  ])("gives what was stored or a typed error, and never less, whichever byte of %s changed", (table, column) => {
    const path = freshPath();
    const store = openStore(path);
    const jobs = ["a", "b"].map((text) => putJob(store, text));
    for (const { request, args, result } of jobs) store.remember(request, memoOf(result, { reads: [args] }), 1);
    const failed = unknown(3);
    store.remember(failed, memoOf(failed, { outcome: failure("trap", "a message"), detail: "a detail" }), 1);
    store.close();
    const expected = answers(openStore(path));
    const database = new Database(path);
    const sound = database.prepare(`SELECT ${column} FROM ${table}`).pluck().all() as Buffer[];
    expect(sound.length).toBe(1);
    const [bytes] = sound as [Buffer];
    expect(bytes.length).toBeGreaterThan(50);
    for (let at = 0; at < bytes.length; at++) {
      for (const bit of [1, 0x80]) {
        const changed = Buffer.from(bytes);
        changed[at] = (changed[at] as number) ^ bit;
        database.prepare(`UPDATE ${table} SET ${column} = ?`).run(changed);
        const given = thrownOr(() => openStore(path));
        if (!(given instanceof Store)) expect(given).toBeInstanceOf(StoreFailure);
        else expect(answers(given).map((answer, which) => answer ?? expected[which])).toEqual(expected);
      }
    }
    database.close();

    /** What the store has to say of everything in it; undefined where it says that it is damaged. Closes it. */
    function answers(handle: Store): unknown[] {
      const said = [failed, ...jobs.map(({ request }) => request)].flatMap((name) => [
        thrownOr(() => [handle.outcome(name)]),
        thrownOr(() => [handle.memo(name)]),
      ]);
      for (const name of jobs.flatMap(({ args, request, result }) => [args, request, result])) {
        said.push(
          thrownOr(() => [handle.kindOf(name)]),
          thrownOr(() => [handle.get(name)]),
        );
      }
      handle.close();
      return said.map((each) => (each instanceof CorruptObject || each instanceof StoreFailure ? undefined : each));
    }
  });

  it.each([
    ["object_packs", "records", 2000],
    ["job_packs", "records", 2],
    ["objects", "body", 5000],
    ["objects", "oid", 5000],
  ])("whose rows of %s exchanged their %s says so of each name that stood there", (table, column, bytes) => {
    const path = freshPath();
    const store = openStore(path);
    const jobs = Array.from({ length: 60 }, (_, at) => putJob(store, `${at} `.padEnd(bytes)));
    for (const { request, result } of jobs) store.remember(request, memoOf(result), 1);
    store.close();
    const database = new Database(path);
    const row = database.prepare(`SELECT id, ${column} AS value FROM ${table} ORDER BY id LIMIT 2`);
    const [first, second] = row.all() as { readonly id: number; readonly value: Buffer }[];
    const write = database.prepare(`UPDATE ${table} SET ${column} = ? WHERE id = ?`);
    write.run(second?.value, first?.id);
    write.run(first?.value, second?.id);
    database.close();
    const again = openStore(path);
    const said = jobs.flatMap(({ request, args, result }) => [
      thrownOr(() => again.outcome(request)),
      ...[request, args, result].map((name) => thrownOr(() => again.get(name))),
    ]);
    const errors = said.filter((each) => each instanceof Error);
    expect(errors.length).toBeGreaterThan(1);
    expect(errors.every((each) => each instanceof CorruptObject)).toBe(true);
    expect(said).not.toContain(undefined);
    again.close();
  });

  it("whose pack is no pack says so", () => {
    const path = freshPath();
    const store = openStore(path);
    const { result } = putJob(store, "cut");
    store.close();
    const database = new Database(path);
    database.exec("UPDATE object_packs SET records = x'ffff'");
    database.close();
    const again = openStore(path);
    expect(() => again.get(result)).toThrow(new CorruptObject(result, "a record is cut short"));
    expect(() => again.stats()).toThrow(StoreFailure);
    again.close();
  });

  it("of version 1 is refused with what to do", () => {
    const path = freshPath();
    const database = new Database(path);
    database.exec(`CREATE TABLE objects (id INTEGER PRIMARY KEY)`);
    database.pragma(`application_id = ${applicationId}`);
    database.pragma("user_version = 1");
    database.close();
    expect(() => openStore(path)).toThrow(
      "the file was written by an older version of Coppice; move it away, and what it held is computed again (its schema is version 1, this one writes 4)",
    );
  });
});

/** Everything that a store promises of its content; returns what is remembered. */
function checkPromises(path: string): Set<Oid> {
  const database = new Database(path);
  expect(database.pragma("integrity_check", { simple: true })).toBe("ok");
  database.close();
  const store = openStore(path);
  const objects = new Map(Array.from(store.objects(), ({ name, object }) => [name, object]));
  for (const [name, { kind, body }] of objects) {
    expect(store.kindOf(name)).toBe(kind);
    if (kind !== "tree") continue;
    for (const entry of decodeTree(body)) expect(objects.get(entry.oid)?.kind).toBe(kindOfMode(entry.mode));
  }
  const memos = new Set<Oid>();
  for (const { request, memo } of store.memos()) {
    memos.add(request);
    expect(store.memo(request)).toEqual(memo);
    if (memo.outcome.kind !== "failed") expect(objects.get(memo.outcome.oid)?.kind).toBe(memo.outcome.kind);
    for (const name of [request, ...memo.reads, ...memo.children]) expect(objects.has(name)).toBe(true);
  }
  store.close();
  return memos;
}

it.each([20, 5000])("two objects of one name are told apart, at %i bytes, and what was there stays", (bytes) => {
  const store = openStore(freshPath());
  const body = Buffer.alloc(bytes, "a");
  const name = store.put("blob", body);
  store.close();
  const again = openStore(store.path);
  again.putChecked(name, "blob", Buffer.alloc(bytes, "b"));
  const innocent = again.put("blob", Buffer.from("innocent"));
  expect(() => again.flush()).toThrow(CollidingObject);
  const other = openStore(store.path);
  expect(Buffer.compare(other.get(name).body, body)).toBe(0);
  expect(other.kindOf(innocent)).toBeUndefined();
  other.close();
  again.close();
});

describe("after a crash", () => {
  it("at any moment, and with a log cut anywhere, the file holds a prefix of what was flushed and keeps every promise", () => {
    const path = freshPath();
    const store = openStore(path);
    const flushed: ReadonlySet<Oid>[] = [new Set()];
    const remembered = new Set<Oid>();
    let random = 7;
    const below = (bound: number) => (random = (random * 48_271) % 0x7fffffff) % bound;
    const crashed = join(folder, "crashed.sqlite");
    for (let round = 0; round < 24; round++) {
      for (let job = 0; job < 40; job++) {
        const { args, request, result } = putJob(store, `${round} ${below(1000)} ${job}`);
        if (below(3) === 0) store.flush();
        store.remember(request, memoOf(result, { reads: [args, result], children: [...remembered].slice(-3) }), round);
        remembered.add(request);
        if (below(8) === 0) store.put("blob", Buffer.alloc(below(9000), `${round}`));
        if (below(10) !== 0) continue;
        store.flush();
        flushed.push(new Set(remembered));
      }
      for (const cut of [false, true]) {
        for (const suffix of ["-shm", "-wal"]) rmSync(crashed + suffix, { force: true });
        copyFileSync(path, crashed);
        if (existsSync(`${path}-wal`)) {
          writeFileSync(`${crashed}-wal`, readFileSync(`${path}-wal`));
          if (cut) truncateSync(`${crashed}-wal`, below(readFileSync(`${path}-wal`).length));
        }
        const found = checkPromises(crashed);
        // Flushes happen on their own too, and jobs are remembered in order: what is found is a prefix.
        expect([...remembered].slice(0, found.size).every((request) => found.has(request))).toBe(true);
        if (!cut) expect(found.size).toBeGreaterThanOrEqual(flushed.at(-1)?.size ?? 0);
      }
    }
    store.close();
    expect(checkPromises(path)).toEqual(remembered);
  });
});

it("an oid that nobody put is not found beside one that begins alike", () => {
  const store = openStore(freshPath());
  const { request } = putJob(store, "alike");
  store.flush();
  const alike = oid(`${request.slice(0, 12)}${"0".repeat(28)}`);
  expect(store.kindOf(alike)).toBeUndefined();
  expect(store.outcome(alike)).toBeUndefined();
  expect(() => store.get(alike)).toThrow(MissingObject);
  store.close();
});
