/** Every text that the contract fixes is told to some guest: as the answer to its own call, or to the one that runs a failing child. */
import { describe, expect, test } from "vitest";
import { errorTexts, failureTexts } from "../../src/abi/error-texts.ts";
import { curryLevelsMax, putCurry } from "../../src/abi/worker.ts";
import { emptyBlob, emptyTree } from "../../src/store/object.ts";
import type { Oid } from "../../src/store/oid.ts";
import { openStore } from "../../src/store/store.ts";
import { assemble, guest } from "../guests/assemble.ts";
import { exiting, failing, run, runMany, silent, trapping, unchecked } from "../guests/children.ts";
import { sharedRoom, type Room } from "../guests/room.ts";
import { json, script, type Step } from "../guests/script.ts";

const room = sharedRoom();

const texts = { ...errorTexts, ...failureTexts };
type TextName = keyof typeof texts;

const zeros = "0".repeat(40);
const entry = (fields: object) =>
  json({ op: "put_tree", entries: [{ name: "a", kind: "blob", hash: emptyBlob, ...fields }] });
const child = (module: Uint8Array) => (at: Room) => [run(at.engine.addWorker(module))];
const unfit = (module: Uint8Array) => (at: Room) => [run(unchecked(at.engine, module))];
const refusedItem = `{"image":"","args":"${emptyTree}"}`;

/** Steps whose last answer is the text. */
const cases: Record<TextName, (at: Room) => readonly Step[]> = {
  outOfMemory: () => [{ wat: "(call $ask (i32.const -1) (i32.const 1))" }],
  tooLong: () => [
    {
      wat: "(drop (memory.grow (i32.const 1024))) (call $ask (i32.const 0) (i32.add (i32.const 1) (i32.const 0x4000000)))",
    },
  ],
  notUtf8: () => [Uint8Array.of(0x22, 0xff, 0x22)],
  notJson: () => ["{"],
  tooDeep: () => ["[".repeat(65) + "]".repeat(65)],
  notAnObject: () => ["[]"],
  unknownOp: () => [json({ op: "fetch" })],
  badOp: () => ["{}"],
  badHash: () => [json({ op: "get" })],
  malformedOid: () => [json({ op: "get", hash: "0" })],
  badBytes: () => [json({ op: "put_blob" })],
  malformedBase64: () => [json({ op: "put_blob", bytes_b64: "A" })],
  badMsg: () => [json({ op: "log" })],
  badKind: () => [entry({ kind: "commit" })],
  badEntries: () => [json({ op: "put_tree" })],
  badEntry: () => [json({ op: "put_tree", entries: [0] })],
  badName: () => [entry({ name: 0 })],
  badMode: () => [entry({ mode: "100664" })],
  badImage: () => [json({ op: "run", args: emptyTree })],
  badArgs: () => [json({ op: "run", image: zeros })],
  badReqs: () => [json({ op: "run_many" })],
  badReq: () => [json({ op: "run_many", reqs: [0] })],
  tooMany: () => [{ head: '{"op":"run_many","reqs":[', item: "0,", times: 1 << 20, tail: "0]}" }],
  notABlob: () => [json({ op: "get", hash: emptyTree })],
  notATree: () => [json({ op: "tree", hash: emptyBlob })],
  malformedTree: (at) => [json({ op: "tree", hash: strayTree(at.storePath) })],
  nameNotUtf8: (at) => [
    json({ op: "tree", hash: at.engine.putTree([{ mode: "100644", name: "\udcff", oid: at.blob("") }]) }),
  ],
  reservedName: () => [entry({ name: ".git" })],
  duplicateName: () => {
    const twice = { name: "a", kind: "blob", hash: emptyBlob };
    return [json({ op: "put_tree", entries: [twice, twice] })];
  },
  wrongKind: () => [entry({ kind: "tree" })],
  // An answer that no guest's memory could hold; what a guest can put is bounded by the length of a request already.
  tooLarge: (at) => {
    const item = `{"image":"${at.engine.addWorker(failing("x".repeat(5000)))}","args":"${emptyTree}"}`;
    return [{ head: '{"op":"run_many","reqs":[', item: `${item},`, times: 140_000, tail: `${item}]}` }];
  },
  argsNotATree: (at) => [run(at.engine.addWorker(silent), emptyBlob)],
  notAnImage: () => [run("fold-wasm")],
  noSuchWorker: () => [run("/cas/std/no-such-worker")],
  notAWorker: () => [run(emptyTree)],
  curriedTooDeep: (at) => [run(curried(at, curryLevelsMax + 1))],
  outTwice: () => [
    json({ op: "out", kind: "blob", hash: emptyBlob }),
    json({ op: "out", kind: "blob", hash: emptyBlob }),
  ],
  trapped: child(trapping),
  threw: child(
    assemble(`(module (memory (export "memory") 1) (tag $t) (func (export "caos_run") (throw $t)))`, "exceptions"),
  ),
  exited: child(exiting),
  noResult: child(guest("")),
  notWasm: unfit(Buffer.from("#!/bin/sh\n")),
  unknownImport: unfit(
    assemble(`(module (import "env" "now" (func)) (memory (export "memory") 1) (func (export "caos_run")))`),
  ),
  noEntry: unfit(assemble(`(module (memory (export "memory") 1))`)),
  memoryTooLarge: unfit(assemble(`(module (memory (export "memory") 4097) (func (export "caos_run")))`)),
  tooManyRuns: child(
    script([
      ...Array.from({ length: 64 }, () => ({
        head: '{"op":"run_many","reqs":[',
        item: `${refusedItem},`,
        times: 65_535,
        tail: `${refusedItem}]}`,
        isQuiet: true,
      })),
      run(""),
    ]),
  ),
  loggedTooMuch: child(script([{ head: '{"op":"log","msg":"', item: "x", times: 65_537, tail: '"}' }])),
  outOfFuel: (at) => [run(at.engine.addWorker(guest("(loop $on (br $on))"), { fuel: 1000 }))],
  calledTooDeep: child(guest("(call $main)")),
  resultTooLarge: (at) => [run(at.engine.addWorker(script(["{}"]), { resultBytes: 1 }))],
};

describe("a guest can be told", () => {
  test.each(Object.entries(cases) as [TextName, (typeof cases)[TextName]][])("%s", async (name, steps) => {
    const told = script(steps(room), { finish: name !== "outTwice" });
    if (name !== "outTwice") {
      const { outcome } = await room.run(told);
      expect(outcome.kind).toBe("blob");
      const text = outcome.kind === "failed" ? "" : Buffer.from(room.engine.get(outcome.oid).body).toString("utf8");
      expect(text.split("\n").at(-2)).toBe(`{"error":"${texts[name]}"}`);
      return;
    }
    // Who calls out twice has no result to show; the job fails with the same text.
    expect((await room.run(told)).outcome).toEqual({ kind: "failed", code: "abi", message: texts[name] });
  });
});

test("no two texts are the same", () => {
  expect(new Set(Object.values(texts)).size).toBe(Object.keys(texts).length);
});

test("every text has a guest that is told it", () => {
  expect(Object.keys(cases).toSorted()).toEqual([...Object.keys(errorTexts), ...Object.keys(failureTexts)].toSorted());
});

test("requests at the limits are refused for nothing but what is wrong with them", async () => {
  const full = { head: '{"op":"run_many","reqs":[', item: "0,", times: (1 << 20) - 1, tail: "0]}" };
  expect(await room.answer(full)).toBe(`{"error":"${errorTexts.badReq}"}`);
  expect(await room.answer(runMany())).toBe('{"results":[]}');
});

/** A tree that git would not write, put past all checks by another handle. */
function strayTree(storePath: string): Oid {
  const store = openStore(storePath);
  try {
    const blob = store.put("blob", Buffer.alloc(0));
    return store.put("tree", Buffer.concat([Buffer.from("100644 .git\0", "latin1"), Buffer.from(blob, "hex")]));
  } finally {
    store.close();
  }
}

/** A worker under so many curries, each of which binds one name. */
function curried(at: Room, levels: number): Oid {
  const store = openStore(at.storePath);
  try {
    let image = at.engine.addWorker(silent);
    const bound = store.put("blob", Buffer.from("bound"));
    for (let level = 0; level < levels; level++) {
      image = putCurry(store, image, [{ mode: "100644", name: `level-${level}`, oid: bound }]);
    }
    return image;
  } finally {
    store.close();
  }
}
