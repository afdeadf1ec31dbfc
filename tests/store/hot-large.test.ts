import { expect, test } from "vitest";
import { HotLarge } from "../../src/store/hot-large.ts";
import type { GitObject } from "../../src/store/object.ts";
import type { Oid } from "../../src/store/oid.ts";

const object = (bytes: number): GitObject => ({ kind: "blob", body: Buffer.alloc(bytes) });
const megabyte = 1 << 20;

test("eight megabytes are kept, and the one that was asked for longest ago goes first", () => {
  const hot = new HotLarge();
  const names = Array.from("abcdefgh", (name) => name as Oid);
  for (const name of names) hot.set(name, object(megabyte));
  expect(names.every((name) => hot.get(name) !== undefined)).toBe(true);
  hot.get("a" as Oid);
  hot.set("i" as Oid, object(2 * megabyte));
  expect([...names, "i" as Oid].filter((name) => hot.get(name) === undefined)).toEqual(["b", "c"]);
});

test("one that is too large is not kept, and displaces nothing", () => {
  const hot = new HotLarge();
  hot.set("a" as Oid, object(megabyte));
  hot.set("b" as Oid, object(2 * megabyte + 1));
  expect([hot.get("a" as Oid)?.body.length, hot.get("b" as Oid)]).toEqual([megabyte, undefined]);
  hot.clear();
  expect(hot.get("a" as Oid)).toBeUndefined();
});
