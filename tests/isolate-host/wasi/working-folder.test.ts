/** Which paths are meant from the root, told by the arguments. */
import { expect, test } from "vitest";
import { encodeStrings } from "../../../src/abi/command.ts";
import { fromRoot } from "../../../src/isolate-host/wasi/working-folder.ts";

test.each([
  // arguments, path, whether it is meant from the root
  [[], "a", false],
  [["a"], "a", false],
  [["/a"], "a", true],
  [["/a/"], "a/b", true],
  [["//a//"], "a", true],
  [["/a"], "ab", false],
  [["/a"], "b", false],
  [["/a/b"], "a", true],
  [["/a/b"], "a/c", false],
  [["/a/b", "."], "a", false],
  [["/a", "a"], "a", false],
  [["/a", "a/b"], "a/b", false],
  [["/a", "a/b"], "a/c", true],
  [["/a/b", "a"], "a/b", true],
  [["/a", "./a"], "a", false],
  [["/"], "a", true],
  [["/"], ".", true],
  [["/", "a"], "a", false],
  [["/", "."], "a", false],
  [["--output=/a"], "a/b", true],
  [["of=/a", "if=b"], "a", true],
  [["of=/a", "if=b"], "b", false],
  [["-n", "s/a/b/", "/c"], "c", true],
  [["/TODO/ {print}", "a"], "a", false],
] as const)("of a command with arguments %j %s: %s", (args, path, is) => {
  expect(fromRoot(encodeStrings(["/command", ...args]))(path)).toBe(is);
});
