/** Trees that folds are tested and measured on: the spec's fixtures (section 6), and synthetic ones of any size with distinct contents. */
import type { Oid, TreeEntry } from "../../src/engine.ts";

/** Where trees are put: an engine, or a store. */
export interface Target {
  putBlob(bytes: Uint8Array): Oid;
  putTree(entries: readonly TreeEntry[]): Oid;
}

const text = (target: Target, content: string): Oid => target.putBlob(Buffer.from(content, "utf8"));

function folder(
  target: Target,
  path: string,
  depth: number,
  files: number,
  folders: number,
  more: TreeEntry[] = [],
): Oid {
  const entries = [...more];
  for (let each = 1; each <= files; each++) {
    const name = `f${each}.txt`;
    entries.push({ mode: "100644", name, oid: text(target, `${path}/${name}\n`) });
  }
  for (let each = 1; each <= (depth > 0 ? folders : 0); each++) {
    const name = `d${each}`;
    entries.push({ mode: "40000", name, oid: folder(target, `${path}/${name}`, depth - 1, files, folders) });
  }
  return target.putTree(entries);
}

/** Folders to depth 3, two files and two folders a level, and a symlink at the root: 31 files. */
export function wideFixture(target: Target): Oid {
  return folder(target, "wide", 3, 2, 2, [{ mode: "120000", name: "link-to-file", oid: text(target, "f1.txt") }]);
}

/** A chain of 24 folders with a file each. */
export function deepFixture(target: Target): Oid {
  let below: Oid | undefined;
  for (let level = 24; level >= 1; level--) {
    const entries: TreeEntry[] = [{ mode: "100644", name: "f.txt", oid: text(target, `level ${level}\n`) }];
    if (below !== undefined) entries.push({ mode: "40000", name: "d", oid: below });
    below = target.putTree(entries);
  }
  return below as Oid;
}

/** 40 folders and 120 files. */
export function benchFixture(target: Target): Oid {
  return folder(target, "tree", 3, 3, 3);
}

const filesPerFolder = 50;
const foldersPerGroup = 100;

/** A few lines, no two alike. */
export function syntheticContent(file: number): string {
  return `file ${file}\n${"a line\n".repeat(file % 7)}`;
}

/** Jobs of a fold over `syntheticTree`: a visitor's for each node, and a fold's for each folder. */
export function syntheticJobs(files: number): number {
  const folders = Math.ceil(files / filesPerFolder);
  return files + 2 * (folders + Math.ceil(folders / foldersPerGroup) + 1);
}

/** Jobs after an edit of one of its files: the file's, and two for each of the three folders above it. */
export const editJobs = 7;

/** A tree of `files` files of a few lines, no two alike, fifty to a folder, a hundred folders to a folder above; so that a fold has 1.04 jobs a file and a few more. */
export function syntheticTree(target: Target, files: number): Oid {
  const folders: TreeEntry[] = [];
  for (let first = 0; first < files; first += filesPerFolder) {
    const entries: TreeEntry[] = [];
    for (let file = first; file < Math.min(files, first + filesPerFolder); file++) {
      entries.push({ mode: "100644", name: `f${file}.txt`, oid: text(target, syntheticContent(file)) });
    }
    folders.push({ mode: "40000", name: `d${first / filesPerFolder}`, oid: target.putTree(entries) });
  }
  const groups: TreeEntry[] = [];
  for (let first = 0; first < folders.length; first += foldersPerGroup) {
    groups.push({
      mode: "40000",
      name: `g${first / foldersPerGroup}`,
      oid: target.putTree(folders.slice(first, first + foldersPerGroup)),
    });
  }
  return target.putTree(groups);
}
