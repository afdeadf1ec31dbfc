import { expect, test } from "vitest";
import { readsStdin } from "../../workers/shell/inputs.ts";

test.each([
  ["patch a", true],
  ["patch -p1", true],
  ["patch -p1 -d sub", true],
  ["patch a a.diff", false],
  ["patch -i a.diff a", false],
  ["patch -Ni a.diff", false],
  ["patch -i - a", true],
  ["patch --input=a.diff", false],
  ["grep x", true],
  ["grep x file", false],
  ["cat - file", true],
  ["date", false],
] as const)("whether `%s` takes of a stdin that it shares with others: %s", (line, reads) => {
  const [name = "", ...args] = line.split(" ");
  expect(readsStdin(name, args, false)).toBe(reads);
});
