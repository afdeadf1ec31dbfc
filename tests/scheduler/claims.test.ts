import { expect, test } from "vitest";
import { Claims, claimTable, type Claim } from "../../src/scheduler/claims.ts";
import { oid } from "../../src/store/oid.ts";

const request = oid("a".repeat(40));

function shared() {
  const table = claimTable(2);
  return { one: new Claims(table, 0), other: new Claims(table, 1), engine: new Claims(table, 2) };
}

test("what an executor left is had by nobody until the engine's thread gives it back, which tells whether somebody wanted it", () => {
  const { one, other, engine } = shared();
  expect(one.complete(one.claim(request) as Claim)).toBe(false);
  one.leaveDone();
  expect(one.giveBackDone()).toBe(false);
  expect(other.claim(request)).toBeUndefined();
  const { epoch } = engine;
  expect(engine.giveBackLeft(0, request)).toBe(true);
  expect(engine.epoch).not.toBe(epoch);
  expect(other.claim(request)).toBeDefined();
});

test("only what that executor has completed is given back for it", () => {
  const { one, other, engine } = shared();
  const claim = one.claim(request) as Claim;
  // It runs still.
  expect(engine.giveBackLeft(0, request)).toBe(false);
  one.giveBack(claim);
  expect(engine.giveBackLeft(0, request)).toBe(false);
  other.complete(other.claim(request) as Claim);
  expect(engine.giveBackLeft(0, request)).toBe(false);
  expect(one.claim(request)).toBeUndefined();
  other.giveBackDone();
  expect(one.claim(request)).toBeDefined();
});

test("a claim whose executor runs the request again is not given back for the first time", () => {
  const { one, engine } = shared();
  one.complete(one.claim(request) as Claim);
  one.leaveDone();
  const again = one.claim(request) as Claim;
  expect(engine.giveBackLeft(0, request)).toBe(false);
  one.complete(again);
  expect(engine.giveBackLeft(0, request)).toBe(false);
  one.giveBackDone();
  expect(one.claim(request)).toBeDefined();
});
