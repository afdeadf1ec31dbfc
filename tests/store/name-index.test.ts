import Database from "better-sqlite3";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { DamagedIndex } from "../../src/store/damage.ts";
import { NameIndex, StaleIndex } from "../../src/store/name-index.ts";
import { hashObject } from "../../src/store/object.ts";
import type { Oid } from "../../src/store/oid.ts";
import { schema } from "../../src/store/schema.ts";

const folder = mkdtempSync(join(tmpdir(), "coppice-test-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const indexOf = (database: Database.Database) => new NameIndex(database, () => {});
const nameOf = (at: number) => hashObject("blob", Buffer.from(String(at)));

function commit(database: Database.Database, index: NameIndex, entries: readonly (readonly [Oid, number])[]): void {
  database.transaction(() => {
    index.catchUp();
    for (const [name, place] of entries) index.stage(name, place);
    index.write();
  })();
  index.settle();
}

function look(database: Database.Database, index: NameIndex): void {
  database.transaction(() => index.catchUp())();
}

it("finds every name through merges and splits, in the handle that wrote, in another, and in one opened later", () => {
  const path = join(folder, "index.sqlite");
  const database = new Database(path);
  database.pragma("journal_mode = WAL");
  database.exec(schema);
  const other = new Database(path);
  const [a, b] = [indexOf(database), indexOf(other)];
  const count = 300_000;
  const step = 7919;
  for (let first = 0; first < count; first += step) {
    const names = Array.from(
      { length: Math.min(step, count - first) },
      (_, at) => [nameOf(first + at), first + at + 1] as const,
    );
    // Both write, in turn; the second sees what the first did before it adds to it.
    if ((first / step) % 2 === 0) commit(database, a, names);
    else commit(other, b, names);
  }
  const buckets = database.prepare("SELECT count(*) FROM buckets").pluck().get() as number;
  expect(buckets).toBeGreaterThanOrEqual(128);
  const late = indexOf(database);
  for (const [handle, index] of [
    [database, a],
    [other, b],
    [database, late],
  ] as const) {
    look(handle, index);
    for (let at = 0; at < count; at += 13) expect(index.find(nameOf(at))).toEqual([at + 1]);
    for (let at = 0; at < 1000; at++) expect(index.find(nameOf(count + at))).toEqual([]);
  }
  other.close();
  database.close();
});

it("gives all places of names that begin alike, however far it has been merged", () => {
  const database = new Database(":memory:");
  database.exec(schema);
  const index = indexOf(database);
  const alike = ["a", "b", "c"].map((digit) => `0123456789ab${digit.repeat(28)}` as Oid);
  const near = `0123456789ac${"0".repeat(28)}` as Oid;
  const last = "f".repeat(40) as Oid;
  const far = 2 ** 47 + 5;
  commit(database, index, [...alike.map((name, at) => [name, far + at] as const), [near, 7], [last, 9]]);
  const expected = () => {
    for (const name of alike) expect(index.find(name).toSorted((x, y) => x - y)).toEqual([far, far + 1, far + 2]);
    expect(index.find(near)).toEqual([7]);
    expect(index.find(last)).toEqual([9]);
  };
  expected();
  commit(
    database,
    index,
    Array.from({ length: 70_000 }, (_, at) => [nameOf(at), at + 100] as const),
  );
  expect(database.prepare("SELECT count(*) FROM recent").pluck().get()).toBe(0);
  expected();
  commit(database, index, [["0123456789ab".padEnd(40, "d") as Oid, 11]]);
  expect(index.find(alike[0] as Oid).toSorted((x, y) => x - y)).toEqual([11, far, far + 1, far + 2]);
  database.close();
});

it("keeps nothing of a transaction that was rolled back, a merge included", () => {
  const database = new Database(":memory:");
  database.exec(schema);
  const index = indexOf(database);
  for (const [first, count] of [
    [0, 10],
    [10, 70_000],
  ] as const) {
    const names = Array.from({ length: count }, (_, at) => [nameOf(first + at), at + 1] as const);
    expect(() =>
      database.transaction(() => {
        index.catchUp();
        for (const [name, place] of names) index.stage(name, place);
        index.write();
        throw new Error("disk full");
      })(),
    ).toThrow("disk full");
    index.discard();
    index.cool();
    look(database, index);
    expect(index.find(nameOf(first))).toEqual([]);
    commit(database, index, names);
    expect(index.find(nameOf(first))).toEqual([1]);
  }
  database.close();
});

it("tells a handle that looks in buckets which somebody rewrote", () => {
  const path = join(folder, "stale.sqlite");
  const database = new Database(path);
  database.pragma("journal_mode = WAL");
  database.exec(schema);
  const other = new Database(path);
  const [a, b] = [indexOf(database), indexOf(other)];
  const names = (first: number) =>
    Array.from({ length: 70_000 }, (_, at) => [nameOf(first + at), first + at + 1] as const);
  commit(database, a, names(0));
  look(other, b);
  commit(database, a, names(70_000));
  expect(() => b.find(nameOf(5))).toThrow(StaleIndex);
  look(other, b);
  expect(b.find(nameOf(5))).toEqual([6]);
  expect(b.find(nameOf(70_005))).toEqual([70_006]);
  other.close();
  database.close();
});

it("tells a bucket in which any byte changed, that stands in another's place, or that is gone", () => {
  const database = new Database(":memory:");
  database.exec(schema);
  const count = 70_000;
  commit(
    database,
    indexOf(database),
    Array.from({ length: count }, (_, at) => [nameOf(at), at + 1] as const),
  );
  const read = database.prepare("SELECT id, entries, checksum FROM buckets ORDER BY id LIMIT 2");
  type Bucket = { readonly id: number; readonly entries: Buffer; readonly checksum: number };
  const [first, second] = read.all() as [Bucket, Bucket];
  const write = database.prepare("UPDATE buckets SET entries = ?, checksum = ? WHERE id = ?");
  const find = () => {
    const index = indexOf(database);
    look(database, index);
    return index.find(`00${"0".repeat(38)}` as Oid);
  };
  expect(find()).toEqual([]);
  for (let at = 0; at < first.entries.length; at++) {
    const changed = Buffer.from(first.entries);
    changed[at] = (changed[at] as number) ^ (1 << (at % 8));
    write.run(changed, first.checksum, first.id);
    expect(find).toThrow(DamagedIndex);
  }
  write.run(second.entries, second.checksum, first.id);
  expect(find).toThrow(DamagedIndex);
  database.prepare("DELETE FROM buckets WHERE id = ?").run(first.id);
  expect(find).toThrow(DamagedIndex);
  database.close();
});

it.each(["UPDATE recent SET at = at + 1", "UPDATE counters SET value = 99 WHERE name = 'index_depth'"])(
  "tells rows that do not follow one another, and figures that no index has: %s",
  (sql) => {
    const database = new Database(":memory:");
    database.exec(schema);
    commit(database, indexOf(database), [[nameOf(1), 1]]);
    database.exec(sql);
    expect(() => look(database, indexOf(database))).toThrow(DamagedIndex);
    database.close();
  },
);
