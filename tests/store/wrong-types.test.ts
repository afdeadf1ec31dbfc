/**
 * Rows whose columns are of other types than they were stored with. In a damaged file SQLite hands out whatever a record says, the schema notwithstanding; here the schema
 * itself is loosened, so that each column can be spoiled by name. (damage.test.ts found these at random: with 400 swaps of pages, about one in each column.)
 */
import { describe, expect, test } from "vitest";
import { emptyBlob, emptyTree, hashObject } from "../../src/store/object.ts";
import { oidToBytes, type Oid } from "../../src/store/oid.ts";
import { packedBodyBytesMax } from "../../src/store/packed-objects.ts";
import { encodeRequest } from "../../src/store/request-tree.ts";
import { CorruptObject, StoreFailure, openStore, type Store } from "../../src/store/store.ts";
import { changeBytes, edit } from "./surgery.ts";
import { temporaryFiles } from "./temporary.ts";

const file = temporaryFiles();
const name = hashObject("blob", Buffer.from("x"));
const largeBody = Buffer.alloc(packedBodyBytesMax + 1);
const large = hashObject("blob", largeBody);
const requestTree = encodeRequest(emptyTree, emptyBlob, emptyBlob, emptyBlob);
const request = hashObject("tree", requestTree);
const memo = {
  outcome: { kind: "blob", oid: name },
  detail: undefined,
  fuel: 0,
  reads: [name],
  children: [] as Oid[],
} as const;

function filled(): string {
  const path = file();
  const store = openStore(path);
  store.put("blob", Buffer.from("x"));
  store.put("blob", Buffer.alloc(0));
  store.put("blob", largeBody);
  store.put("tree", Buffer.alloc(0));
  store.put("tree", requestTree);
  store.remember(request, memo, 1);
  store.setRef("ref", name);
  const run = store.beginRun(request, 1);
  store.addTrace(run, Buffer.alloc(48));
  store.close();
  return path;
}

/** A store in which `column` of every row of `table` is now this SQL value. */
function spoiled(table: string, column: string, value: string): string {
  const path = filled();
  edit(path, (database) => {
    database.unsafeMode(true);
    database.pragma("writable_schema = ON");
    database.exec(
      "UPDATE sqlite_schema SET sql = replace(replace(sql, ' NOT NULL', ''), 'STRICT', '') WHERE sql LIKE '%STRICT%'",
    );
    database.exec("UPDATE sqlite_schema SET sql = replace(sql, ') , WITHOUT', ') WITHOUT') WHERE sql LIKE '%WITHOUT%'");
  });
  edit(path, (database) => database.exec(`UPDATE ${table} SET ${column} = ${value}`));
  return path;
}

const operations: Readonly<Record<string, (store: Store) => unknown>> = {
  get: (store) => store.get(name),
  "get a large object": (store) => store.get(large),
  "get a request": (store) => store.get(request),
  kindOf: (store) => store.kindOf(name),
  outcome: (store) => store.outcome(request),
  memo: (store) => store.memo(request),
  lastRun: (store) => store.lastRun(),
  trace: (store) => store.trace(1),
  ref: (store) => store.ref("ref"),
};

const cases = [
  ["objects", "oid", "get a large object"],
  ["objects", "body", "get a large object"],
  ["objects", "kind", "get a large object"],
  ["object_packs", "records", "get"],
  ["object_packs", "records", "kindOf"],
  ["job_packs", "records", "outcome"],
  ["job_packs", "records", "memo"],
  ["job_packs", "records", "get a request"],
  ["surroundings", "bytes", "get a request"],
  ["recent", "entries", "get"],
  ["recent", "entries", "outcome"],
  ["recent", "checksum", "outcome"],
  ["refs", "oid", "ref"],
  ["runs", "request", "lastRun"],
  ["trace", "events", "trace"],
] as const;

describe.each(["NULL", "7", "0.5", "'text'", "x'00'"])("a value that is now %s gives a typed error", (value) => {
  test.each(cases)("in %s.%s, on %s", (table, column, operation) => {
    // Bytes are what a trace is.
    if (table === "trace" && value === "x'00'") return;
    const path = spoiled(table, column, value);
    let error: unknown;
    try {
      // The index is read when the file is opened, the rest when it is asked for.
      const store = openStore(path);
      try {
        operations[operation]?.(store);
      } finally {
        store.close();
      }
    } catch (thrown) {
      error = thrown;
    }
    expect(error instanceof CorruptObject || error instanceof StoreFailure, String(error)).toBe(true);
  });
});

/** Run, fuel and outcome of a memo, and how long its reads are. */
const outcomeIs = (result: Oid) => Buffer.concat([Buffer.of(1, 0), oidToBytes(result), Buffer.of(20)]);

test("an equal outcome remembered over a damaged one is no divergence, but a typed error", () => {
  const path = filled();
  changeBytes(path, outcomeIs(name), outcomeIs(emptyBlob));
  const store = openStore(path);
  store.remember(request, memo, 2);
  expect(() => store.flush()).toThrow(CorruptObject);
  store.close();
  changeBytes(path, outcomeIs(emptyBlob), outcomeIs(name));
  const repaired = openStore(path);
  expect(repaired.outcome(request)).toEqual(memo.outcome);
  expect(repaired.stats().quarantined).toBe(0);
  repaired.close();
});
