/**
 * Where JavaScript alone lets a machine show: each of these is seen to differ between two processes of plain Node, in other time zones and locales, and not between two script children started there. What scripts have not
 * (WeakRef, SharedArrayBuffer, …), the text of stacks and the bits of NaNs are in seal.test.ts; the order in which promises settle is in script-child.test.ts.
 */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { endText, jobOf, MemoryFrame, runToEnd } from "./memory-frame.ts";
import { OwnChild } from "./own-child.ts";

const places = [
  { TZ: "Asia/Tokyo", LC_ALL: "de_DE.UTF-8", LANG: "de_DE.UTF-8" },
  { TZ: "America/New_York", LC_ALL: "en_US.UTF-8", LANG: "en_US.UTF-8" },
] as const;

const expressions: Readonly<Record<string, string>> = {
  "the time": "Date.now()",
  "a precise time": "performance.now()",
  "random numbers": "Math.random()",
  "random bytes": "crypto.getRandomValues(new Uint8Array(8)).join()",
  "the time zone": "new Date(2020, 0, 1).toISOString()",
  "the time zone by name": "new Intl.DateTimeFormat().resolvedOptions().timeZone",
  "the locale": "(1234.5).toLocaleString() + new Date(0).toLocaleDateString(undefined, {timeZone: 'UTC'})",
};
const all = `JSON.stringify([${Object.values(expressions).join(", ")}])`;

async function onPlainNode(place: (typeof places)[number]): Promise<unknown[]> {
  const { stdout } = await promisify(execFile)(process.execPath, ["-p", all], { env: { ...process.env, ...place } });
  return JSON.parse(stdout) as unknown[];
}

/** The same, in a script child started where these variables are set. */
function inChild(place: (typeof places)[number]): unknown[] {
  const before = Object.fromEntries(Object.keys(place).map((name) => [name, process.env[name]]));
  Object.assign(process.env, place);
  const child = new OwnChild({ heapMb: 64 });
  try {
    const frame = new MemoryFrame();
    const job = jobOf(frame, `"use strict";exports.default = async () => ${all};`);
    return JSON.parse(endText(runToEnd(child, frame, job))) as unknown[];
  } finally {
    child.close();
    for (const [name, value] of Object.entries(before)) {
      if (value === undefined) Reflect.deleteProperty(process.env, name);
      else process.env[name] = value;
    }
  }
}

test("time, zone, locale and random numbers differ between processes of plain Node, and not between executions of a script", async () => {
  const [first = [], second = []] = await Promise.all(places.map((place) => onPlainNode(place)));
  const same = Object.keys(expressions).filter((_, index) => first[index] === second[index]);
  expect(same).toEqual([]);
  const [here, there] = places.map((place) => inChild(place));
  expect(here).toHaveLength(Object.keys(expressions).length);
  expect(there).toEqual(here);
});
