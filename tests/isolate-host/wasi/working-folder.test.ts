/** Which paths are meant from the root, told by the arguments. */
import * as fc from "fast-check";
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
  [["/a/b", "/a-b"], "a", true],
  [["/a-b", "/a0"], "a", false],
  [["/a/b/c", "a/b"], "a/b/c/d", true],
  [["/a/b", "a/b/c"], "a/b/c/d", false],
] as const)("of a command with arguments %j %s: %s", (args, path, is) => {
  expect(fromRoot(encodeStrings(["/command", ...args]))(path)).toBe(is);
});

const atOrBelow = (path: string, above: string) => above === "" || path === above || path.startsWith(`${above}/`);

test("is the same as comparing with each argument, whatever they are", () => {
  /** What is meant, by looking through all. */
  const compared = (all: readonly string[], asked: string) => {
    const names = all.map((arg) => ({ path: arg.replace(/^\//, ""), isAbsolute: arg.startsWith("/") }));
    if (!names.some(({ isAbsolute }) => isAbsolute)) return false;
    const most = (isAbsolute: boolean) =>
      Math.max(
        -1,
        ...names.filter((e) => e.isAbsolute === isAbsolute && atOrBelow(asked, e.path)).map((e) => e.path.length),
      );
    if (most(true) >= 0 || most(false) >= 0) return most(true) > most(false);
    return names.some(({ isAbsolute, path }) => isAbsolute && atOrBelow(path, asked));
  };
  const path = fc
    .array(fc.constantFrom("a", "b", "a-", "a0", "ab"), { minLength: 1, maxLength: 4 })
    .map((p) => p.join("/"));
  const arg = fc.tuple(fc.constantFrom("", "/"), path).map((parts) => parts.join(""));
  fc.assert(
    fc.property(fc.array(arg, { maxLength: 8 }), path, (args, asked) => {
      expect(fromRoot(encodeStrings(["command", ...args]))(asked)).toBe(compared(args, asked));
    }),
    { numRuns: 2000 },
  );
});
