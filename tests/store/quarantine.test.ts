/** What is quarantined when two executions differ, for how long, and what a settlement leaves. */
import { copyFileSync, existsSync, readFileSync, truncateSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { Memo, Outcome } from "../../src/store/outcome.ts";
import { oid, type Oid } from "../../src/store/oid.ts";
import { QuarantinedMemo, StaleRun, StoreFailure, openStore, type Store } from "../../src/store/store.ts";
import { edit } from "./surgery.ts";
import { temporaryFiles } from "./temporary.ts";

const file = temporaryFiles();
const bytes = (text: string) => Buffer.from(text, "utf8");
const name = (digit: string): Oid => oid(digit.repeat(40));
/** A leaf, another one, what consumed the leaf, what consumed that, and what consumed both leaves. */
const [leaf, other, parent, top, both] = [name("1"), name("2"), name("3"), name("4"), name("5")];
const family = [leaf, other, parent, top, both] as const;
const memo = (outcome: Outcome, children: readonly Oid[] = []): Memo => ({
  outcome,
  detail: undefined,
  fuel: 7,
  reads: [],
  children,
});
const put = (store: Store, text: string): Outcome => ({ kind: "blob", oid: store.put("blob", bytes(text)) });

/** A store with the family's memos. */
function familyStore(path = file()): Store {
  const store = openStore(path);
  store.remember(leaf, memo(put(store, "leaf")), 1);
  store.remember(other, memo(put(store, "other")), 1);
  store.remember(parent, memo(put(store, "parent"), [leaf]), 1);
  store.remember(top, memo(put(store, "top"), [parent]), 1);
  store.remember(both, memo(put(store, "both"), [other, leaf]), 1);
  store.flush();
  return store;
}

/** Which of the family are served, in its order. */
const served = (store: Store) =>
  family.filter((request) => {
    try {
      return store.outcome(request) !== undefined;
    } catch (error) {
      if (error instanceof QuarantinedMemo) return false;
      throw error;
    }
  });
const gone = (store: Store) => family.filter((request) => store.evidence(request) === undefined);

/** Has another execution of a request come to something else; returns what the flush throws. */
function differ(store: Store, request: Oid, text = "wrong", children: readonly Oid[] = []): unknown {
  try {
    store.remember(request, memo(put(store, text), children), 2);
    store.flush();
    return undefined;
  } catch (error) {
    return error;
  }
}

describe("when two executions differ", () => {
  test("both outcomes are kept, and the memo and whatever consumed it are served to nobody, from any handle, ever after", () => {
    const path = file();
    const store = familyStore(path);
    const reader = openStore(path);
    expect(served(reader)).toEqual([...family]);
    expect(differ(store, leaf)).toEqual(new QuarantinedMemo(leaf));
    expect(served(store)).toEqual([other]);
    reader.refresh();
    expect(served(reader)).toEqual([other]);
    expect(() => reader.memo(top)).toThrow(new QuarantinedMemo(top, leaf));
    expect(reader.evidence(leaf)?.memo.outcome).toEqual(put(store, "leaf"));
    expect(reader.divergences()).toEqual([{ request: leaf, memo: memo(put(store, "wrong")), run: 2, found: "run" }]);
    store.close();
    reader.close();
    const again = openStore(path);
    expect(served(again)).toEqual([other]);
    expect(again.stats()).toMatchObject({ memos: 5, quarantined: 4, divergent: 1 });
    expect([...again.memos()].map(({ request }) => request)).toEqual([other]);
    again.close();
  });

  test("a consumer is found wherever its record stands", () => {
    const store = openStore(file());
    // The records of requests whose memos come later stand before those of what they consumed.
    const chain = Array.from({ length: 6 }, (_, at) => oid((0xa0 + at).toString(16).repeat(20)));
    for (const [at, request] of chain.entries()) {
      store.remember(request, memo(put(store, `${at}`), chain.slice(at + 1, at + 2)), 1);
      store.flush();
    }
    const [first, last] = [chain[0], chain.at(-1)] as [Oid, Oid];
    differ(store, last);
    expect(store.stats()).toMatchObject({ quarantined: 6, divergent: 1 });
    expect(() => store.outcome(first)).toThrow(new QuarantinedMemo(first, last));
    store.close();
  });

  test("what a handle computed from the outcome that it had seen before is refused, and so is what relies on that; all else is committed", () => {
    const path = file();
    const [store, slow] = [familyStore(path), openStore(path)];
    const [late, later, apart] = [name("a"), name("b"), name("c")];
    slow.remember(late, memo(put(slow, "late"), [parent]), 1);
    slow.remember(later, memo(put(slow, "later"), [late]), 1);
    slow.remember(apart, memo(put(slow, "apart"), [other]), 1);
    differ(store, leaf);
    expect(() => slow.flush()).toThrow(new QuarantinedMemo(late, leaf));
    expect([late, later].map((request) => slow.outcome(request))).toEqual([undefined, undefined]);
    expect(slow.outcome(apart)).toEqual(put(slow, "apart"));
    // Another time, and with the request's tree in the same buffer.
    expect(differ(slow, late, "late", [parent])).toEqual(new QuarantinedMemo(late, leaf));
    expect(slow.evidence(late)).toBeUndefined();
    for (const handle of [store, slow]) handle.close();
  });

  test("what consumed the second outcome is refused with it", () => {
    const store = familyStore();
    const late = name("a");
    store.remember(leaf, memo(put(store, "wrong")), 2);
    store.remember(late, memo(put(store, "late"), [leaf]), 2);
    expect(() => store.flush()).toThrow(new QuarantinedMemo(leaf));
    expect(store.evidence(late)).toBeUndefined();
    store.close();
  });

  test("a third execution's outcome is kept too, an equal one once, and none replaces the memo", () => {
    const store = familyStore();
    for (const text of ["wrong", "worse", "wrong", "leaf"]) {
      expect(differ(store, leaf, text)).toEqual(new QuarantinedMemo(leaf));
    }
    expect(store.divergences(leaf).map((each) => each.memo.outcome)).toEqual([
      put(store, "wrong"),
      put(store, "worse"),
    ]);
    expect(store.evidence(leaf)).toMatchObject({ memo: memo(put(store, "leaf")), isQuarantined: true });
    store.close();
  });

  test("other fuel is a divergence to whoever checks, and the consumers are counted", () => {
    const store = familyStore();
    const found = { ...memo(put(store, "leaf")), fuel: 8 };
    expect(store.keepDivergence(leaf, memo(put(store, "leaf")), 0, "checked")).toBeUndefined();
    expect(store.keepDivergence(name("9"), found, 0, "checked")).toBeUndefined();
    expect(store.stats().quarantined).toBe(0);
    expect(store.keepDivergence(leaf, found, 0, "checked")).toBe(3);
    expect(served(store)).toEqual([other]);
    store.close();
  });
});

describe("a settlement", () => {
  test("that keeps the memo serves it and its consumers again", () => {
    const store = familyStore();
    differ(store, leaf);
    expect(store.settleQuarantine(leaf, "memo")).toEqual({ released: 3, forgotten: 0 });
    expect(served(store)).toEqual([...family]);
    expect(store.stats()).toMatchObject({ quarantined: 0, divergent: 0 });
    store.close();
  });

  test("that keeps the other outcome forgets what consumed the memo", () => {
    const path = file();
    const store = familyStore(path);
    differ(store, leaf);
    expect(store.settleQuarantine(leaf, "new")).toEqual({ released: 0, forgotten: 3 });
    expect(served(store)).toEqual([leaf, other]);
    expect(store.memo(leaf)).toEqual(memo(put(store, "wrong")));
    expect(gone(store)).toEqual([parent, top, both]);
    store.close();
    const again = openStore(path);
    expect(served(again)).toEqual([leaf, other]);
    again.close();
  });

  test("that keeps none forgets all of it, as forgetting the cause does", () => {
    for (const settle of [
      (store: Store) => store.settleQuarantine(leaf, "none"),
      (store: Store) => store.forget(leaf),
    ]) {
      const store = familyStore();
      differ(store, leaf);
      settle(store);
      expect([served(store), gone(store)]).toEqual([[other], [leaf, parent, top, both]]);
      expect(store.stats()).toMatchObject({ memos: 1, quarantined: 0, divergent: 0 });
      store.close();
    }
  });

  test("of one cause leaves quarantined what another one stands against", () => {
    const store = familyStore();
    differ(store, leaf);
    differ(store, other);
    expect(store.stats()).toMatchObject({ quarantined: 5, divergent: 2 });
    expect(store.settleQuarantine(leaf, "memo")).toEqual({ released: 2, forgotten: 0 });
    expect(served(store)).toEqual([leaf, parent, top]);
    expect(() => store.outcome(both)).toThrow(new QuarantinedMemo(both, other));
    store.close();
  });

  test("of a cause that consumed another one leaves it quarantined", () => {
    const store = familyStore();
    differ(store, parent, "wrong", [leaf]);
    differ(store, leaf);
    expect(store.settleQuarantine(parent, "new")).toEqual({ released: 0, forgotten: 1 });
    expect(() => store.outcome(parent)).toThrow(new QuarantinedMemo(parent, leaf));
    expect(store.settleQuarantine(leaf, "memo")).toEqual({ released: 2, forgotten: 0 });
    expect(store.outcome(parent)).toEqual(put(store, "wrong"));
    store.close();
  });

  test("of what is no cause is none", () => {
    const store = familyStore();
    differ(store, leaf);
    expect([parent, other, name("9")].map((request) => store.settleQuarantine(request, "none"))).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    expect(served(store)).toEqual([other]);
    store.close();
  });

  test("refuses what runs that were under way have not committed, since they may have consumed what it dropped", () => {
    const path = file();
    const [store, slow] = [familyStore(path), openStore(path)];
    const late = name("a");
    const before = slow.beginRun(late, 1);
    slow.remember(late, memo(put(slow, "late"), [parent]), before);
    differ(store, leaf);
    store.settleQuarantine(leaf, "none");
    expect(() => slow.flush()).toThrow(StaleRun);
    const after = slow.beginRun(late, 1);
    slow.remember(late, memo(put(slow, "late"), []), after);
    slow.flush();
    expect(slow.outcome(late)).toEqual(put(slow, "late"));
    for (const handle of [store, slow]) handle.close();
  });
});

test("forgetting a consumer forgets what consumed it, so that none is released that another cause stands against", () => {
  const store = familyStore();
  differ(store, leaf);
  expect(store.forget(parent)).toBe(true);
  expect(gone(store)).toEqual([parent, top]);
  expect(store.stats()).toMatchObject({ quarantined: 2, divergent: 1 });
  store.close();
});

test("with its log cut anywhere, as a kill leaves it, the file has both the divergence and all flags, or neither", () => {
  const path = file();
  const store = familyStore(path);
  store.close();
  const again = openStore(path);
  const before = existsSync(`${path}-wal`) ? readFileSync(`${path}-wal`).length : 0;
  differ(again, leaf);
  const whole = readFileSync(`${path}-wal`).length;
  expect(whole).toBeGreaterThan(before);
  const found = new Set<string>();
  const lengths = Array.from({ length: Math.ceil((whole - before) / 1024) }, (_, at) => before + at * 1024);
  for (const length of [...lengths, whole]) {
    const copy = file();
    copyFileSync(path, copy);
    copyFileSync(`${path}-wal`, `${copy}-wal`);
    truncateSync(`${copy}-wal`, length);
    const cut = openStore(copy);
    const { quarantined, divergent } = cut.stats();
    found.add(`${divergent} ${quarantined} ${served(cut).length}`);
    cut.close();
  }
  expect([...found].toSorted()).toEqual(["0 0 5", "1 4 1"]);
  again.close();
});

test("damage to a divergence is told when it is read", () => {
  const path = file();
  const store = familyStore(path);
  differ(store, leaf);
  store.close();
  edit(path, (database) => {
    const record = database.prepare("SELECT record FROM divergences").pluck().get() as Buffer;
    record[30] = (record[30] as number) ^ 1;
    database.prepare("UPDATE divergences SET record = ?").run(record);
  });
  const again = openStore(path);
  expect(() => again.divergences()).toThrow(StoreFailure);
  expect(served(again)).toEqual([other]);
  again.close();
});
