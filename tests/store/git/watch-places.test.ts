import { join } from "node:path";
import { expect, test } from "vitest";
import { revisionPlaces, workTreePlaces, type WatchPlaces } from "../../../src/store/git/watch-places.ts";
import { git, opened, put, repositoryWith } from "./git.ts";

/** Folders relative to the repository, with the names that matter in them. */
function told(folder: string, { places }: WatchPlaces): Record<string, readonly string[] | undefined> {
  return Object.fromEntries(
    places.map((place) => [
      place.folder.slice(folder.length + 1) || ".",
      place.names && [...place.names].filter((name) => name !== ".gitattributes").toSorted(),
    ]),
  );
}

const files = { "a.txt": "a", "src/b.ts": "b", "src/deep/er/c.ts": "c", ".gitignore": "/node_modules\n" };

test("the places of a work tree are the folders of what git tracks, and the index; ignored and untracked folders are none", () => {
  const folder = repositoryWith(files);
  put(folder, "node_modules/package/file.js", "x");
  put(folder, "src/untracked/file.ts", "x");
  const places = workTreePlaces(opened(folder), "");
  expect(told(folder, places)).toEqual({
    ".": [".gitignore", "a.txt", "src"],
    src: ["b.ts", "deep"],
    "src/deep": ["er"],
    "src/deep/er": ["c.ts"],
    ".git": ["index"],
  });
  expect(places.lock).toBe(join(folder, ".git", "index.lock"));
  for (const { names } of places.places.slice(0, -1)) expect(names).toContain(".gitattributes");
  git(folder, ["add", "src/untracked"]);
  expect(told(folder, workTreePlaces(opened(folder), ""))).toMatchObject({ "src/untracked": ["file.ts"] });
});

test("those of a path are the way to it, and what is below", () => {
  const folder = repositoryWith(files);
  expect(told(folder, workTreePlaces(opened(folder), "src/deep"))).toEqual({
    ".": ["src"],
    src: ["deep"],
    "src/deep": ["er"],
    "src/deep/er": ["c.ts"],
    ".git": ["index"],
  });
  expect(told(folder, workTreePlaces(opened(folder), "a.txt"))).toEqual({ ".": ["a.txt"], ".git": ["index"] });
});

test("a gitlink's are where its repository keeps what is checked out", () => {
  const inner = repositoryWith(files);
  const folder = repositoryWith({ "a.txt": "a" });
  git(folder, ["submodule", "--quiet", "add", inner, "module"]);
  expect(told(folder, workTreePlaces(opened(folder), ""))).toEqual({
    ".": [".gitmodules", "a.txt", "module"],
    module: [".git"],
    ".git/modules/module": undefined,
    ".git": ["index"],
  });
});

test("those of revisions are HEAD's folder and all folders of refs, of a linked work tree too", () => {
  const folder = repositoryWith(files);
  git(folder, ["branch", "topic/one"]);
  const refs = { ".git/refs": undefined, ".git/refs/heads": undefined, ".git/refs/heads/topic": undefined };
  const main = told(folder, revisionPlaces(opened(folder)));
  expect(main).toMatchObject(refs);
  expect(Object.keys(main)).toContain(".git");
  git(folder, ["worktree", "add", "--quiet", "linked"]);
  const linked = revisionPlaces(opened(join(folder, "linked")));
  expect(told(folder, linked)).toMatchObject({ ...refs, ".git/worktrees/linked": undefined, ".git": ["packed-refs"] });
});
