/** design/limits.md is the one inventory of limits: each constant in src that is named as one stands there with its file and value, and the table of guests' limits is the source's. */
import { readFileSync, readdirSync } from "node:fs";
import { expect, test } from "vitest";
import { commandLimitNames, defaultCommandLimits, maximalCommandLimits } from "../src/abi/limits.ts";

const page = readFileSync(new URL("../design/limits.md", import.meta.url), "utf8");
const source = new URL("../src/", import.meta.url);

test("every constant whose name ends in Max is in the inventory, with its value, and nothing else is", () => {
  const files = readdirSync(source, { recursive: true, encoding: "utf8" })
    .map((file) => file.replaceAll("\\", "/"))
    .filter((file) => file.endsWith(".ts"));
  expect(files.length).toBeGreaterThan(40);
  const found = files.flatMap((file) => {
    const text = readFileSync(new URL(file, source), "utf8");
    // Constants of modules stand at the start of a line; what functions name so inside is one of these or an argument.
    const constants = text.matchAll(/^(?:export )?const (\w+(?:Max|MAX))\b[^=]*= ([^;]+);/gm);
    return Array.from(constants, ([, name, value]) => `${name} | ${file} | ${value}`);
  });
  const listed = Array.from(
    page.matchAll(/^\| `(\w+)` \| `([\w./-]+\.ts)` \| `([^`]+)` \| ([^|]+) \| ([^|]+) \|$/gm),
    ([, name, file, value]) => `${name} | ${file} | ${value}`,
  );
  expect(listed.toSorted()).toEqual(found.toSorted());
});

test("the limits of a guest and of a command stand there with their defaults and maxima", () => {
  const rows = Array.from(page.matchAll(/^\| `(\w+)` \| (\d+) \| (\d+) \|/gm), ([, name, least, most]) => [
    name,
    Number(least),
    Number(most),
  ]);
  expect(rows).toEqual(commandLimitNames.map((name) => [name, defaultCommandLimits[name], maximalCommandLimits[name]]));
});
