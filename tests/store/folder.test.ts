import { existsSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { makeFolder } from "../../src/store/folder.ts";
import { temporaryFolder } from "./git/git.ts";

it("a folder is made with those that it is in, and the first that was missing is told", () => {
  const root = temporaryFolder();
  expect(makeFolder(join(root, "a", "b", "c"))).toBe(join(root, "a"));
  expect(makeFolder(join(root, "a", "b", "d"))).toBe(join(root, "a", "b", "d"));
  expect(makeFolder(join(root, "a", "b", "c"))).toBeUndefined();
});

it("a symlink to a folder is one; a file, also on the way, and a symlink to nowhere can't be", () => {
  const root = temporaryFolder();
  mkdirSync(join(root, "folder"));
  symlinkSync("folder", join(root, "link"));
  symlinkSync("nowhere", join(root, "dangling"));
  writeFileSync(join(root, "file"), "");
  expect(makeFolder(join(root, "link"))).toBeUndefined();
  expect(() => makeFolder(join(root, "file"))).toThrow("EEXIST");
  expect(() => makeFolder(join(root, "file", "below"))).toThrow("EEXIST");
  expect(() => makeFolder(join(root, "dangling"))).toThrow("EEXIST");
});

it.skipIf(!existsSync("/proc/self"))("where the file system takes no folders, that is an error and not endless", () => {
  expect(() => makeFolder("/proc/nowhere/deep")).toThrow("ENOENT");
});
