/** The store on real files: what one handle does, and what others see of it. */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { hashObject } from "../../src/store/object.ts";
import { oid, oidToBytes, type Oid } from "../../src/store/oid.ts";
import { packedBodyBytesMax } from "../../src/store/packed-objects.ts";
import { failure, type Memo, type Outcome } from "../../src/store/outcome.ts";
import { schemaVersion } from "../../src/store/schema.ts";
import {
  CollidingObject,
  CorruptObject,
  MissingObject,
  OversizeObject,
  QuarantinedMemo,
  StaleStore,
  StoreFailure,
  objectBytesMax,
  openStore,
  traceBytesMax,
  type Store,
} from "../../src/store/store.ts";
import { encodeTree } from "../../src/store/tree.ts";
import { changeBytes, collect, edit, sealBytes, sealed, stored } from "./surgery.ts";
import { temporaryFiles } from "./temporary.ts";

const file = temporaryFiles();
const absent = oid("f".repeat(40));
const request = oid("1".repeat(40));
const bytes = (text: string) => Buffer.from(text, "utf8");
const memo = (outcome: Outcome, more: Partial<Memo> = {}): Memo => ({
  outcome,
  detail: undefined,
  fuel: 0,
  reads: [],
  children: [],
  ...more,
});
const blob = (name: Oid): Outcome => ({ kind: "blob", oid: name });
const folder = (name: Oid) => encodeTree([{ mode: "100644", name: "a", oid: name }]);

const divergences = (path: string) =>
  edit(path, (database) => database.prepare("SELECT count(*) FROM divergences").pluck().get());
function reopened<T>(path: string, work: (store: Store) => T): T {
  const store = openStore(path);
  try {
    return work(store);
  } finally {
    store.close();
  }
}
function thrown(work: () => unknown): unknown {
  try {
    work();
    return undefined;
  } catch (error) {
    return error;
  }
}

describe("an object", () => {
  test("of each kind is had again by its name: buffered, flushed, and from another handle", () => {
    const path = file();
    const store = openStore(path);
    const objects = [
      ["blob", bytes("hello")],
      ["blob", Buffer.alloc(0)],
      ["blob", Buffer.alloc(100_000, 3)],
      ["tree", encodeTree([])],
      ["commit", bytes("a commit")],
      ["tag", bytes("a tag")],
    ] as const;
    const names = objects.map(([kind, body]) => store.put(kind, body));
    const check = (handle: Store) => {
      for (const [at, [kind, body]] of objects.entries()) {
        const name = names[at] as Oid;
        expect(name).toBe(hashObject(kind, body));
        expect(handle.kindOf(name)).toBe(kind);
        expect(handle.sizeOf(name)).toBe(body.length);
        const object = handle.get(name);
        expect(object.kind).toBe(kind);
        expect(Buffer.compare(object.body, body)).toBe(0);
      }
    };
    check(store);
    store.flush();
    check(store);
    reopened(path, check);
    store.close();
  });

  test("put twice is stored once", () => {
    const path = file();
    const store = openStore(path);
    for (let times = 0; times < 3; times++) {
      expect(store.put("blob", bytes("x"))).toBe(hashObject("blob", bytes("x")));
      store.flush();
    }
    store.close();
    reopened(path, (other) => other.put("blob", bytes("x")));
    expect(stored(path)).toEqual([1, 0]);
  });

  test("that is not here is missing, and has no kind", () => {
    const store = openStore(":memory:");
    expect(store.kindOf(absent)).toBeUndefined();
    expect(() => store.get(absent)).toThrow(new MissingObject(absent));
    expect(() => store.sizeOf(absent)).toThrow(new MissingObject(absent));
    expect(thrown(() => store.get(absent))).toMatchObject({ name: "MissingObject", oid: absent });
    store.close();
  });

  test("is seen by another handle once it is flushed, and not before", () => {
    const path = file();
    const [one, other] = [openStore(path), openStore(path)];
    const name = one.put("blob", bytes("x"));
    expect(other.kindOf(name)).toBeUndefined();
    expect(() => other.get(name)).toThrow(MissingObject);
    one.flush();
    expect(other.kindOf(name)).toBe("blob");
    expect(Buffer.compare(other.get(name).body, bytes("x"))).toBe(0);
    one.close();
    other.close();
  });

  test("that is large has a size that was checked: what a row says is not believed", () => {
    const path = file();
    const name = reopened(path, (store) => store.put("blob", Buffer.alloc(100_000, 3)));
    const store = openStore(path);
    edit(path, (database) => database.prepare("UPDATE objects SET body = ?").run(Buffer.alloc(99_999, 3)));
    expect(() => store.sizeOf(name)).toThrow(CorruptObject);
    edit(path, (database) => database.prepare("UPDATE objects SET body = ?").run(Buffer.alloc(100_000, 3)));
    expect(store.sizeOf(name)).toBe(100_000);
    // Known once and for all, until somebody deletes.
    edit(path, (database) => database.prepare("UPDATE objects SET body = ?").run(Buffer.alloc(99_999, 3)));
    expect(store.sizeOf(name)).toBe(100_000);
    edit(path, (database) => database.exec("UPDATE counters SET value = value + 1 WHERE name = 'generation'"));
    store.refresh();
    expect(() => store.sizeOf(name)).toThrow(CorruptObject);
    store.close();
  });

  test("is flushed by closing", () => {
    const path = file();
    const name = reopened(path, (store) => store.put("blob", bytes("x")));
    reopened(path, (store) => expect(store.kindOf(name)).toBe("blob"));
  });

  test("larger than the store takes is refused, and nothing of it is kept", () => {
    const store = openStore(":memory:");
    expect(() => store.putChecked(absent, "blob", new Uint8Array(objectBytesMax + 1))).toThrow(
      new OversizeObject(objectBytesMax + 1),
    );
    expect(store.kindOf(absent)).toBeUndefined();
    store.close();
  });

  test.each([
    ["bytes", 20, 21, "its bytes have another hash"],
    ["kind", -1, 1, "its bytes have another hash"],
    ["unknown kind", -1, 9, "an object is of no known kind"],
  ])("whose %s changed on the disk is corrupt, and never served", (_, offset, byte, reason) => {
    const path = file();
    const name = reopened(path, (store) => store.put("blob", Buffer.of(20)));
    // Kind, name, body.
    const record = Buffer.concat([Buffer.of(0), oidToBytes(name), Buffer.of(20)]);
    const changed = Buffer.from(record);
    changed[1 + offset] = byte;
    changeBytes(path, record, changed);
    reopened(path, (store) => {
      for (let times = 0; times < 2; times++) expect(() => store.get(name)).toThrow(new CorruptObject(name, reason));
    });
  });

  test.each([
    ["bytes", "UPDATE objects SET body = x'00' WHERE oid = ?", "its bytes have another hash"],
    ["kind", "UPDATE objects SET kind = 2 WHERE oid = ?", "its bytes have another hash"],
    ["unknown kind", "UPDATE objects SET kind = 9 WHERE oid = ?", "unknown kind 9"],
  ])("that is large and whose %s changed on the disk is corrupt, and never served", (_, sql, reason) => {
    const path = file();
    const name = reopened(path, (store) => store.put("blob", new Uint8Array(packedBodyBytesMax + 1)));
    edit(path, (database) => database.prepare(sql).run(oidToBytes(name)));
    reopened(path, (store) => {
      for (let times = 0; times < 2; times++) expect(() => store.get(name)).toThrow(new CorruptObject(name, reason));
    });
  });

  test("that is large, of a known name with another digest, is a collision: refused, and the first one stays", () => {
    const path = file();
    const large = new Uint8Array(packedBodyBytesMax + 1);
    const name = reopened(path, (store) => store.put("blob", large));
    edit(path, (database) => database.exec("UPDATE objects SET digest = zeroblob(32)"));
    const store = openStore(path);
    store.put("blob", large);
    expect(() => store.flush()).toThrow(new CollidingObject(name));
    // What can never be committed does not stand in the way of what comes after it.
    const later = store.put("blob", bytes("y"));
    store.close();
    reopened(path, (other) => {
      expect(Buffer.compare(other.get(name).body, large)).toBe(0);
      expect(other.kindOf(later)).toBe("blob");
    });
  });

  test("that comes again leaves the file as it is, and one more that is new is written with it", () => {
    const path = file("again");
    const commitsOf = () =>
      edit(path, (database) => database.prepare("SELECT value FROM counters WHERE name = 'commits'").pluck().get());
    const name = reopened(path, (store) => store.put("blob", bytes("a")));
    const commits = commitsOf();
    reopened(path, (store) => store.put("blob", bytes("a")));
    expect(commitsOf()).toBe(commits);
    const other = reopened(path, (store) => {
      store.put("blob", bytes("a"));
      return store.put("tree", folder(name));
    });
    expect(commitsOf()).not.toBe(commits);
    reopened(path, (store) => expect([store.kindOf(name), store.kindOf(other)]).toEqual(["blob", "tree"]));
  });
});

describe("a memo", () => {
  test("is had again whole: buffered, flushed, and from another handle", () => {
    const path = file();
    const store = openStore(path);
    const result = store.put("tree", folder(store.put("blob", bytes("x"))));
    const memos: readonly (readonly [Oid, Memo])[] = [
      [request, memo({ kind: "tree", oid: result }, { fuel: 2 ** 40, reads: [result, absent], children: [absent] })],
      [absent, memo(failure("trap", 'a "message" é'), { detail: "V8 said so" })],
      [result, memo(blob(store.put("blob", Buffer.alloc(0))))],
    ];
    for (const [name, each] of memos) store.remember(name, each, 7);
    const check = (handle: Store) => {
      for (const [name, each] of memos) {
        expect(handle.outcome(name)).toEqual(each.outcome);
        expect(handle.memo(name)).toEqual(each);
      }
    };
    check(store);
    store.flush();
    check(store);
    reopened(path, check);
    store.close();
  });

  test("of a request never settled is undefined", () => {
    const store = openStore(":memory:");
    expect([store.outcome(request), store.memo(request)]).toEqual([undefined, undefined]);
    store.close();
  });

  test("is refused when its result is not here, or is of another kind", () => {
    const store = openStore(":memory:");
    const name = store.put("blob", bytes("x"));
    expect(() => store.remember(request, memo(blob(absent)), 1)).toThrow(new MissingObject(absent));
    expect(() => store.remember(request, memo({ kind: "tree", oid: name }), 1)).toThrow(MissingObject);
    expect(store.outcome(request)).toBeUndefined();
    store.close();
  });

  test("equal to the one that is here changes nothing, whoever remembers it", () => {
    const path = file();
    reopened(path, (store) => {
      const name = store.put("blob", bytes("x"));
      store.remember(request, memo(blob(name), { fuel: 1 }), 1);
      store.remember(request, memo(blob(name), { fuel: 2 }), 1);
      store.flush();
      store.remember(request, memo(blob(name), { fuel: 3 }), 2);
    });
    reopened(path, (store) => {
      store.remember(request, memo(blob(hashObject("blob", bytes("x"))), { fuel: 4 }), 3);
      store.flush();
      expect(store.memo(request)?.fuel).toBe(1);
    });
    expect([stored(path)[1], divergences(path)]).toEqual([1, 0]);
  });

  const differing = (store: Store) => {
    const [a, b, tree] = [
      store.put("blob", bytes("a")),
      store.put("blob", bytes("b")),
      store.put("tree", encodeTree([])),
    ];
    return {
      "another blob": [blob(a), blob(b)],
      "another kind": [blob(a), { kind: "tree", oid: tree }],
      "a failure": [blob(a), failure("trap", "x")],
      "another message": [failure("trap", "x"), failure("trap", "y")],
      "another code": [failure("trap", "x"), failure("exit", "x")],
    } as const satisfies Record<string, readonly [Outcome, Outcome]>;
  };
  test.each(["another blob", "another kind", "a failure", "another message", "another code"] as const)(
    "that differs is kept as evidence, and the memo quarantined and served to nobody any more: %s",
    (how) => {
      const path = file();
      const [one, other] = [openStore(path), openStore(path)];
      const [first, second] = differing(one)[how];
      differing(other);
      one.remember(request, memo(first), 1);
      one.flush();
      // What is buffered long enough is flushed when more is.
      expect(() => {
        other.remember(request, memo(second), 2);
        other.flush();
      }).toThrow(new QuarantinedMemo(request));
      one.refresh();
      for (const handle of [one, other]) {
        expect(() => handle.outcome(request)).toThrow(new QuarantinedMemo(request));
        expect(() => handle.memo(request)).toThrow(new QuarantinedMemo(request));
      }
      one.close();
      other.close();
      expect([stored(path)[1], divergences(path)]).toEqual([1, 1]);
      reopened(path, (store) => {
        expect(() => store.outcome(request)).toThrow(QuarantinedMemo);
        expect(store.stats().quarantined).toBe(1);
        // Forgetting clears the evidence too, and the request can be settled again.
        expect(store.forget(request)).toBe(true);
        expect(store.outcome(request)).toBeUndefined();
        store.remember(request, memo(second), 3);
        store.flush();
        expect(store.outcome(request)).toEqual(second);
      });
      expect(divergences(path)).toBe(0);
    },
  );

  test("that differs within one handle's buffer is found as well, and what else was buffered is kept", () => {
    const path = file();
    const store = openStore(path);
    const [a, b] = [store.put("blob", bytes("a")), store.put("blob", bytes("b"))];
    store.remember(request, memo(blob(a)), 1);
    store.remember(a, memo(blob(b)), 1);
    const error = thrown(() => {
      store.remember(request, memo(blob(b)), 1);
      store.flush();
    });
    expect(error).toEqual(new QuarantinedMemo(request));
    expect(() => store.outcome(request)).toThrow(QuarantinedMemo);
    expect(store.outcome(a)).toEqual(blob(b));
    store.flush();
    store.close();
  });

  test("a quarantined memo stays so when an equal outcome is remembered", () => {
    const path = file();
    const store = openStore(path);
    store.remember(request, memo(failure("trap", "x")), 1);
    store.flush();
    store.remember(request, memo(failure("trap", "y")), 2);
    expect(() => store.flush()).toThrow(QuarantinedMemo);
    const error = thrown(() => {
      store.remember(request, memo(failure("trap", "x")), 3);
      store.flush();
    });
    expect(error === undefined || error instanceof QuarantinedMemo).toBe(true);
    expect(() => store.outcome(request)).toThrow(QuarantinedMemo);
    store.close();
    reopened(path, (other) => expect(() => other.outcome(request)).toThrow(QuarantinedMemo));
  });

  test("that is forgotten is gone for other handles too, once they look", () => {
    const path = file();
    const [one, other] = [openStore(path), openStore(path)];
    one.remember(request, memo(failure("trap", "x")), 1);
    one.flush();
    expect(other.outcome(request)).toEqual(failure("trap", "x"));
    expect(one.forget(request)).toBe(true);
    expect(one.forget(request)).toBe(false);
    expect(one.outcome(request)).toBeUndefined();
    other.refresh();
    expect(other.outcome(request)).toBeUndefined();
    one.close();
    other.close();
  });

  test("that is only buffered can be forgotten as well", () => {
    const store = openStore(":memory:");
    store.remember(request, memo(failure("trap", "x")), 1);
    expect(store.forget(request)).toBe(true);
    expect(store.outcome(request)).toBeUndefined();
    store.close();
  });

  /** The record of a memo of `request` that is a blob, with one object read: flags, request, run, fuel, outcome, length of reads, reads, length of children. */
  const recordOf = (name: Oid) => {
    const result = oidToBytes(name);
    return Buffer.concat([
      Buffer.of(1),
      oidToBytes(request),
      Buffer.of(1, 0),
      result,
      Buffer.of(20),
      result,
      Buffer.of(0),
    ]);
  };
  /** A store with that memo alone, whose record is then changed. */
  const changedRecord = (change: (record: Buffer) => readonly [from: Buffer, to: Buffer]) => {
    const path = file();
    const name = reopened(path, (store) => {
      const result = store.put("blob", bytes("x"));
      store.remember(request, memo(blob(result), { reads: [result] }), 1);
      return result;
    });
    changeBytes(path, ...change(sealed(recordOf(name))));
    return path;
  };
  const expectCorrupt = (path: string) =>
    reopened(path, (store) => {
      expect(thrown(() => store.memo(request))).toBeInstanceOf(CorruptObject);
      expect(thrown(() => store.outcome(request))).toBeInstanceOf(CorruptObject);
    });

  test("of which any byte changed on the disk is corrupt, and never served", () => {
    const length = sealed(recordOf(request)).length;
    expect(length).toBe(82);
    for (let at = 0; at < length; at++) {
      for (const bit of [1, 0x80]) {
        expectCorrupt(
          changedRecord((record) => {
            const changed = Buffer.from(record);
            changed[at] = (changed[at] as number) ^ bit;
            return [record, changed];
          }),
        );
      }
    }
  });

  test.each([
    ["a failure that is no JSON", 0, 3],
    ["an unknown part", 0, 1 + 16],
    ["reads that are no whole number of oids", 43, 19],
    ["children cut short", 64, 20],
  ])("with %s is corrupt, though it be what was written: a typed error", (_, at, byte) => {
    expectCorrupt(
      changedRecord((record) => {
        const changed = Buffer.from(record.subarray(1, -sealBytes));
        changed[at] = byte;
        return [record, sealed(changed)];
      }),
    );
  });
});

test("a memo whose outcome changed on the disk is corrupt, and never served", () => {
  const path = file();
  const [right, other] = reopened(path, (store) => {
    const name = store.put("blob", bytes("right"));
    store.remember(request, memo(blob(name)), 1);
    store.remember(absent, memo(failure("trap", "right")), 1);
    return [name, store.put("blob", bytes("wrong"))] as const;
  });
  const outcomeIs = (name: Oid) => Buffer.concat([oidToBytes(request), Buffer.of(1, 0), oidToBytes(name)]);
  changeBytes(path, outcomeIs(right), outcomeIs(other));
  changeBytes(path, bytes('{"code":"trap","message":"right"}'), bytes('{"code":"trap","message":"wrong"}'));
  reopened(path, (store) => {
    for (const name of [request, absent]) expect(thrown(() => store.outcome(name))).toBeInstanceOf(CorruptObject);
  });
});

describe("when somebody else deletes", () => {
  test("a buffered tree whose entry is gone is dropped whole, StaleStore says so, and nothing of it is in the file", () => {
    const path = file();
    const store = openStore(path);
    const name = store.put("blob", bytes("x"));
    store.flush();
    collect(path, name);
    store.put("blob", bytes("y"));
    const tree = store.put("tree", folder(name));
    store.remember(request, memo({ kind: "tree", oid: tree }), 1);
    expect(() => store.flush()).toThrow(new StaleStore(path, name));
    expect(stored(path)).toEqual([0, 0]);
    // Running again computes it anew, on the same handle.
    expect([store.kindOf(name), store.kindOf(tree), store.outcome(request)]).toEqual([undefined, undefined, undefined]);
    expect(store.put("tree", folder(store.put("blob", bytes("x"))))).toBe(tree);
    store.remember(request, memo({ kind: "tree", oid: tree }), 1);
    store.flush();
    expect(stored(path)).toEqual([2, 1]);
    store.close();
  });

  test("a buffered memo whose result is gone is dropped", () => {
    const path = file();
    const store = openStore(path);
    const name = store.put("blob", bytes("x"));
    store.flush();
    collect(path, name);
    store.remember(request, memo(blob(name)), 1);
    expect(() => store.flush()).toThrow(new StaleStore(path, name));
    expect(stored(path)[1]).toBe(0);
    store.close();
  });

  test("what relies only on what is still here, or is buffered itself, is committed", () => {
    const path = file();
    const store = openStore(path);
    const [kept, gone] = [store.put("blob", bytes("kept")), store.put("blob", bytes("gone"))];
    store.flush();
    collect(path, gone);
    const tree = store.put(
      "tree",
      encodeTree([
        { mode: "100644", name: "a", oid: kept },
        { mode: "100644", name: "b", oid: store.put("blob", bytes("new")) },
        { mode: "160000", name: "c", oid: absent },
      ]),
    );
    store.remember(request, memo({ kind: "tree", oid: tree }), 1);
    store.flush();
    expect(stored(path)).toEqual([3, 1]);
    expect(store.kindOf(gone)).toBeUndefined();
    store.close();
  });

  test("a handle that refreshes stores the deleted object again", () => {
    const path = file();
    const store = openStore(path);
    const name = store.put("blob", bytes("x"));
    store.flush();
    collect(path, name);
    store.refresh();
    expect(store.kindOf(name)).toBeUndefined();
    expect(() => store.get(name)).toThrow(MissingObject);
    store.put("blob", bytes("x"));
    store.flush();
    expect(stored(path)).toEqual([1, 0]);
    store.close();
  });

  test("a ref is never pointed at what is gone", () => {
    const path = file();
    const store = openStore(path);
    const name = store.put("blob", bytes("x"));
    store.flush();
    collect(path, name);
    const error = thrown(() => store.setRef("a", name));
    expect(error instanceof MissingObject || error instanceof StaleStore).toBe(true);
    expect(store.ref("a")).toBeUndefined();
    store.close();
  });
});

describe("refs, runs, traces and figures", () => {
  test("a ref points at what is here, and can be moved", () => {
    const path = file();
    reopened(path, (store) => {
      const [a, b] = [store.put("blob", bytes("a")), store.put("tree", encodeTree([]))];
      expect(store.ref("name")).toBeUndefined();
      store.setRef("name", a);
      expect(store.ref("name")).toBe(a);
      store.setRef("name", b);
      expect(() => store.setRef("name", absent)).toThrow(new MissingObject(absent));
      reopened(path, (other) => {
        expect(other.ref("name")).toBe(b);
        expect(other.kindOf(b)).toBe("tree");
      });
    });
  });

  test("runs are numbered upwards, and the newest is the last", () => {
    const store = openStore(":memory:");
    expect(store.lastRun()).toBeUndefined();
    const first = store.beginRun(request, 1000);
    store.endRun(first, { micros: 12.5, executed: 1, frames: 2, memoized: 3, ending: "result" });
    const second = store.beginRun(absent, 2000);
    expect(second).toBeGreaterThan(first);
    expect(store.lastRun()).toEqual({ id: second, request: absent, startedMs: 2000 });
    store.close();
  });

  test("a run's record is committed with all that was buffered before it, and its end with the next flush", () => {
    const path = file();
    const store = openStore(path);
    const name = store.put("blob", bytes("argument"));
    const run = store.beginRun(request, 1);
    reopened(path, (other) => {
      expect(other.kindOf(name)).toBe("blob");
      expect(other.lastRun()).toEqual({ id: run, request, startedMs: 1 });
    });
    const totals = { micros: 5, executed: 1, frames: 1, memoized: 0, ending: "result" };
    store.endRun(run, totals);
    // Whoever asks for it is told at once, and others once it is committed.
    reopened(path, (other) => expect(other.lastRun()?.totals).toBeUndefined());
    expect(store.lastRun()?.totals).toEqual(totals);
    reopened(path, (other) => expect(other.lastRun()?.totals).toEqual(totals));
    store.close();
  });

  test("how a run ended is committed without what else is buffered, so that what can't be stands in the way of neither", () => {
    const path = file();
    const store = openStore(path);
    const name = store.put("blob", bytes("x"));
    const run = store.beginRun(request, 1);
    collect(path, name);
    const tree = store.put("tree", folder(name));
    const totals = { micros: 5, executed: 1, frames: 1, memoized: 0, ending: "result" };
    store.endRun(run, totals);
    store.flushEnds();
    reopened(path, (other) => {
      expect(other.lastRun()?.totals).toEqual(totals);
      expect(other.kindOf(tree)).toBeUndefined();
    });
    expect(() => store.flush()).toThrow(new StaleStore(path, name));
    store.close();
  });

  test("a trace comes back in order, run by run, from any handle", () => {
    const path = file();
    const store = openStore(path);
    const [one, other] = [store.beginRun(request, 1), store.beginRun(request, 2)];
    store.addTrace(one, bytes("a"));
    store.addTrace(other, bytes("x"));
    store.addTrace(one, bytes("b"));
    store.addTrace(one, Buffer.alloc(0));
    store.flush();
    store.addTrace(one, bytes("c"));
    store.flush();
    reopened(path, (handle) => {
      expect(handle.trace(one).toString()).toBe("abc");
      expect(handle.trace(other).toString()).toBe("x");
      expect(handle.trace(99).length).toBe(0);
    });
    store.close();
  });

  test("a trace is bounded in bytes: what comes first is kept, without holes", () => {
    const store = openStore(":memory:");
    const run = store.beginRun(request, 1);
    const half = traceBytesMax / 2;
    store.addTrace(run, Buffer.alloc(half, "a"));
    store.addTrace(run, Buffer.alloc(half + 1, "b"));
    store.addTrace(run, Buffer.alloc(48, "c"));
    store.flush();
    const kept = store.trace(run);
    expect(kept.length).toBe(half);
    expect(kept.includes("c")).toBe(false);
    store.close();
  });

  test("traces of runs long past are dropped, those of the last ones kept", () => {
    const store = openStore(":memory:");
    const runs = Array.from({ length: 40 }, () => {
      const run = store.beginRun(request, 1);
      store.addTrace(run, bytes("x"));
      store.flush();
      return run;
    });
    const kept = runs.filter((run) => store.trace(run).length > 0);
    expect(kept).toEqual(runs.slice(-16));
    store.close();
  });

  test("figures count what is stored and buffered", () => {
    const store = openStore(file());
    expect(store.stats()).toMatchObject({ objects: { blob: 0, tree: 0, commit: 0, tag: 0 }, memos: 0, runs: 0 });
    const name = store.put("blob", bytes("x"));
    store.put("tree", folder(name));
    store.put("commit", bytes("c"));
    store.remember(request, memo(blob(name)), 1);
    store.remember(absent, memo(failure("trap", "x")), 1);
    store.beginRun(request, 1);
    const { bytes: size, ...figures } = store.stats();
    expect(figures).toEqual({
      objects: { blob: 1, tree: 1, commit: 1, tag: 0 },
      memos: 2,
      failed: 1,
      quarantined: 0,
      divergent: 0,
      runs: 1,
      sources: [],
    });
    expect(size).toBeGreaterThan(4096);
    store.close();
  });
});

describe("opening", () => {
  const failureOf = (path: string) => {
    const error = thrown(() => openStore(path).close());
    if (!(error instanceof StoreFailure)) throw new Error(`not a StoreFailure: ${String(error)}`);
    return error;
  };

  test("makes the file and the folders above it", () => {
    const path = join(file("folder"), "deeper", "store.sqlite");
    openStore(path).close();
    expect(existsSync(path)).toBe(true);
  });

  test("makes a store of an empty file", () => {
    const path = file();
    writeFileSync(path, "");
    reopened(path, (store) => expect(store.stats().memos).toBe(0));
  });

  test("a store in memory is nobody else's", () => {
    const [one, other] = [openStore(":memory:"), openStore(":memory:")];
    const name = one.put("blob", bytes("x"));
    one.flush();
    expect(other.kindOf(name)).toBeUndefined();
    one.close();
    other.close();
  });

  test("a file that is no database is refused", () => {
    const path = file();
    writeFileSync(path, "no database at all, but long enough to be looked at as one".repeat(20));
    const { fault, message } = failureOf(path);
    expect(fault).toBe("foreign");
    expect(message).toBe(`store ${path}: the file is not a Coppice store (file is not a database)`);
  });

  test("somebody else's database is refused, and left as it was", () => {
    const path = file();
    edit(path, (database) => database.exec("CREATE TABLE theirs (a)"));
    const { fault, message } = failureOf(path);
    expect(fault).toBe("foreign");
    expect(message).toBe(`store ${path}: the file is not a Coppice store`);
    edit(path, (database) => {
      expect(database.prepare("SELECT name FROM sqlite_schema").pluck().all()).toEqual(["theirs"]);
      expect(database.pragma("journal_mode", { simple: true })).toBe("delete");
    });
  });

  test("a store of a newer version is refused, with both versions named", () => {
    const path = file();
    openStore(path).close();
    edit(path, (database) => database.pragma("user_version = 99"));
    const { fault, message } = failureOf(path);
    expect(fault).toBe("newer");
    expect(message).toBe(
      `store ${path}: the file was written by a newer version of Coppice (its schema is version 99, this one knows ${schemaVersion})`,
    );
  });

  test("a folder can't be a store, and a file can't be a folder", () => {
    const folderPath = file("folder");
    mkdirSync(folderPath);
    expect(failureOf(folderPath).fault).toBe("unusable");
    const plain = file("plain");
    writeFileSync(plain, "");
    const below = failureOf(join(plain, "store.sqlite"));
    expect(below.fault).toBe("unusable");
    expect(below.message).toContain("the file can't be used");
    expect(dirname(below.path)).toBe(plain);
  });

  test("closing twice is closing once", () => {
    const store = openStore(file());
    store.close();
    store.close();
    expect(() => store.stats()).toThrow();
  });
});
