/** Files that were damaged behind the store's back, at random places: each operation gives a typed error or what was stored, and nothing else. */
import { copyFileSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import type { Oid } from "../../src/store/oid.ts";
import { oid } from "../../src/store/oid.ts";
import { failure, type Memo, type Outcome } from "../../src/store/outcome.ts";
import {
  CollidingObject,
  CorruptObject,
  MissingObject,
  QuarantinedMemo,
  StaleStore,
  StoreFailure,
  openStore,
  type Store,
} from "../../src/store/store.ts";
import { encodeTree } from "../../src/store/tree.ts";
import { dice, type Dice } from "../scheduler/seeded.ts";
import { temporaryFiles } from "./temporary.ts";

const file = temporaryFiles();
const typed = [StoreFailure, MissingObject, CorruptObject, QuarantinedMemo, CollidingObject, StaleStore];

interface Contents {
  readonly objects: ReadonlyMap<Oid, { readonly kind: string; readonly body: Uint8Array }>;
  readonly memos: ReadonlyMap<Oid, Outcome>;
  readonly run: number;
}

const remembered = (outcome: Outcome, reads: readonly Oid[]): Memo => ({
  outcome,
  detail: "a detail",
  fuel: 5,
  reads,
  children: reads,
});

/** A store of several hundred rows, inner pages and overflow pages included; from `from` on, so that two parts differ. */
function fill(store: Store, from: number): Contents {
  const objects = new Map<Oid, { kind: string; body: Uint8Array }>();
  const memos = new Map<Oid, Outcome>();
  const put = (kind: "blob" | "tree", body: Uint8Array) => {
    const name = store.put(kind, body);
    objects.set(name, { kind, body });
    return name;
  };
  for (let at = from; at < from + 120; at++) {
    const blob = put("blob", Buffer.alloc(at % 40 === 0 ? 20_000 : 20 + at, `${at} `));
    const tree = put("tree", encodeTree([{ mode: "100644", name: `${at}`, oid: blob }]));
    const outcome = at % 3 === 0 ? failure("trap", `message ${at}`) : ({ kind: "tree", oid: tree } as const);
    store.remember(blob, remembered(outcome, [blob, tree]), 1);
    memos.set(blob, outcome);
  }
  const [first] = objects.keys();
  store.setRef("ref", first as Oid);
  const run = store.beginRun(first as Oid, 1);
  store.addTrace(run, Buffer.alloc(480));
  store.flush();
  return { objects, memos, run };
}

type Damage = (bytes: Buffer, random: Dice) => Buffer;
const damages: readonly (readonly [what: string, damage: Damage])[] = [
  [
    "one bit turned",
    (bytes, random) => {
      const at = random.below(bytes.length);
      bytes[at] = (bytes[at] as number) ^ (1 << random.below(8));
      return bytes;
    },
  ],
  [
    "a few bytes written over",
    (bytes, random) => {
      const at = random.below(bytes.length);
      for (let count = random.below(64); count >= 0; count--) bytes[(at + count) % bytes.length] = random.below(256);
      return bytes;
    },
  ],
  ["cut short", (bytes, random) => bytes.subarray(0, random.below(bytes.length))],
  [
    "a page of zeros",
    (bytes, random) => {
      const page = random.below(Math.ceil(bytes.length / 4096)) * 4096;
      return bytes.fill(0, page, Math.min(page + 4096, bytes.length));
    },
  ],
  [
    "two pages swapped",
    (bytes, random) => {
      const pages = Math.floor(bytes.length / 4096);
      const [a, b] = [random.below(pages) * 4096, random.below(pages) * 4096];
      const kept = Buffer.from(bytes.subarray(a, a + 4096));
      bytes.copyWithin(a, b, b + 4096);
      kept.copy(bytes, b);
      return bytes;
    },
  ],
];

const sound = file();
const made = openStore(sound);
const soundContents = fill(made, 0);
made.close();

/** The same with a write-ahead log that was never taken into the database: what a killed process leaves. */
const logged = file();
const writer = openStore(logged);
const loggedContents = fill(writer, 0);
const left = file();
copyFileSync(logged, left);
copyFileSync(`${logged}-wal`, `${left}-wal`);
writer.close();

interface Finding {
  /** Errors that are none of the store's own. */
  readonly untyped: string[];
  readonly wrongObjects: string[];
  readonly wrongMemos: string[];
}

/** Tries every operation on a damaged copy. */
function tryAll(path: string, { objects, memos, run }: Contents, finding: Finding, label: string): void {
  const attempt = <T>(what: string, work: () => T): T | undefined => {
    try {
      return work();
    } catch (error) {
      if (!typed.some((each) => error instanceof each)) finding.untyped.push(`${label}: ${what}: ${String(error)}`);
      return undefined;
    }
  };
  const store = attempt("open", () => openStore(path));
  if (store === undefined) return;
  for (const [name, { kind, body }] of objects) {
    attempt("kindOf", () => store.kindOf(name));
    const size = attempt("sizeOf", () => store.sizeOf(name));
    if (size !== undefined && size !== body.length) finding.wrongObjects.push(`${label}: size of ${name}`);
    const found = attempt("get", () => store.get(name));
    if (found !== undefined && (found.kind !== kind || Buffer.compare(found.body, body) !== 0)) {
      finding.wrongObjects.push(`${label}: ${name}`);
    }
  }
  for (const [request, outcome] of memos) {
    const found = attempt("outcome", () => store.outcome(request));
    attempt("memo", () => store.memo(request));
    if (found !== undefined && JSON.stringify(found) !== JSON.stringify(outcome)) {
      finding.wrongMemos.push(`${label}: ${request}`);
    }
  }
  const [first] = objects.keys();
  const name = first as Oid;
  const fresh = oid("e".repeat(40));
  attempt("ref", () => store.ref("ref"));
  attempt("lastRun", () => store.lastRun());
  attempt("trace", () => store.trace(run));
  attempt("stats", () => store.stats());
  attempt("refresh", () => store.refresh());
  attempt("beginRun", () => store.beginRun(name, 1));
  attempt("endRun", () => store.endRun(run, { micros: 1, executed: 1, frames: 1, memoized: 1, ending: "result" }));
  attempt("addTrace", () => store.addTrace(run, Buffer.alloc(48)));
  attempt("put", () => store.put("blob", Buffer.from("fresh")));
  attempt("put again", () => store.put("tree", encodeTree([{ mode: "100644", name: "0", oid: name }])));
  attempt("remember", () => store.remember(fresh, remembered(failure("trap", "x"), [name]), 1));
  attempt("remember again", () => store.remember(name, remembered(failure("exit", "y"), [name]), 1));
  attempt("flush", () => store.flush());
  attempt("setRef", () => store.setRef("ref", name));
  attempt("forget", () => store.forget(name));
  attempt("close", () => store.close());
}

/** Damages copies of a file, each by its own seed, and says what was found. */
function campaign(damage: Damage, rounds: number, part: "" | "-wal"): Finding {
  const finding: Finding = { untyped: [], wrongObjects: [], wrongMemos: [] };
  const source = part === "" ? sound : left;
  const path = file();
  for (let seed = 1; seed <= rounds; seed++) {
    for (const suffix of ["", "-wal", "-shm"]) rmSync(path + suffix, { force: true });
    copyFileSync(source, path);
    if (existsSync(`${source}-wal`)) copyFileSync(`${source}-wal`, `${path}-wal`);
    writeFileSync(path + part, damage(readFileSync(path + part), dice(seed)));
    tryAll(path, part === "" ? soundContents : loggedContents, finding, `seed ${seed}`);
  }
  return finding;
}

/** Copies that are damaged in each way. */
const rounds = 30;
for (const part of ["", "-wal"] as const) {
  describe(part === "" ? "a damaged database" : "a damaged write-ahead log", () => {
    describe.each(damages)("%s", (_, damage) => {
      let finding: Finding;
      beforeAll(() => {
        finding = campaign(damage, rounds, part);
      });
      test("gives no error but the store's own", () => expect(finding.untyped).toEqual([]));
      test("gives no object that was not stored", () => expect(finding.wrongObjects).toEqual([]));
      test("gives no outcome that was not remembered", () => expect(finding.wrongMemos).toEqual([]));
    });
  });
}

test("undamaged, the same operations find everything", () => {
  for (const [source, contents] of [
    [sound, soundContents],
    [left, loggedContents],
  ] as const) {
    const path = file();
    copyFileSync(source, path);
    if (existsSync(`${source}-wal`)) copyFileSync(`${source}-wal`, `${path}-wal`);
    const store = openStore(path);
    for (const [name, { kind, body }] of contents.objects) {
      expect(store.kindOf(name)).toBe(kind);
      expect(store.sizeOf(name)).toBe(body.length);
    }
    for (const [request, outcome] of contents.memos) expect(store.outcome(request)).toEqual(outcome);
    store.close();
  }
});
