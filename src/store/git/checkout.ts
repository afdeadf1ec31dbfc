/**
 * Writes a tree to a folder. Guarantees: nothing that was there before is changed or removed, and nothing is written
 * outside of the folder, whatever the tree's names and symlinks say: every folder on the way is one that was made here, and every
 * file is made anew, so that no symlink is ever followed. When it fails, what it made is taken away again.
 *
 * Exec bits and symlinks are kept, names keep their bytes, a gitlink becomes an empty folder. A name that git or a file
 * system could take for `.git` is refused, as git does.
 */
import { mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import type { GitObject } from "../object.ts";
import type { Oid } from "../oid.ts";
import { makeFolder } from "../folder.ts";
import { decodeTree, type TreeEntry } from "../tree.ts";
import { CorruptGitObject } from "./object-database.ts";
import { errorCode, filePath } from "./file-path.ts";

/** Where the objects come from; `get` throws when it has none of that name. */
export interface ObjectSource {
  get(name: Oid): GitObject;
}

/** The folder to write to holds something already, or is no folder. */
export class FolderInUse extends Error {
  override readonly name = "FolderInUse";
  readonly path: string;
  constructor(path: string) {
    super(`${path} is there already and is no empty folder`);
    this.path = path;
  }
}

/** A name in a tree that must not or can't be written to this file system. */
export class UnsafeName extends Error {
  override readonly name = "UnsafeName";
  readonly path: string;
  readonly reason: string;
  constructor(path: string, reason: string) {
    super(`can't write ${JSON.stringify(path)}: ${reason}`);
    this.path = path;
    this.reason = reason;
  }
}

/** What was written. */
export interface CheckoutCounts {
  readonly files: number;
  readonly folders: number;
}

/** Writes `tree` to `folder`, which must not exist or be empty. Throws FolderInUse, UnsafeName, and what `source` throws. */
export function checkoutTree(source: ObjectSource, tree: Oid, folder: string): CheckoutCounts {
  const root = resolve(folder);
  const entries = entriesOf(source, tree);
  const made = makeRoot(root, folder);
  try {
    return write(source, entries, root);
  } catch (error) {
    // The folder was empty, so all that is in it came from here.
    for (const name of readdirSync(root, { encoding: "buffer" })) {
      rmSync(Buffer.concat([Buffer.from(`${root}/`), name]), { recursive: true, force: true });
    }
    if (made !== undefined) rmSync(made, { recursive: true });
    throw error;
  }
}

/** Makes the folder and returns the first one that was missing; undefined when an empty folder is there. */
function makeRoot(root: string, folder: string): string | undefined {
  try {
    const made = makeFolder(root);
    if (made === undefined && readdirSync(root).length > 0) throw new FolderInUse(folder);
    return made;
  } catch (error) {
    const code = errorCode(error);
    if (code === "EEXIST" || code === "ENOTDIR") throw new FolderInUse(folder);
    throw error;
  }
}

function write(source: ObjectSource, top: readonly TreeEntry[], root: string): CheckoutCounts {
  const pending = [{ inside: "", entries: top }];
  let files = 0;
  let folders = 0;
  for (let folder = pending.pop(); folder !== undefined; folder = pending.pop()) {
    for (const entry of folder.entries) {
      const inside = folder.inside === "" ? entry.name : `${folder.inside}/${entry.name}`;
      refuseUnsafe(entry.name, inside);
      make(inside, () => writeEntry(source, entry, filePath(root, inside)));
      if (entry.mode === "40000") pending.push({ inside, entries: entriesOf(source, entry.oid) });
      if (entry.mode === "40000" || entry.mode === "160000") folders++;
      else files++;
    }
  }
  return { files, folders };
}

/** Two names that the file system can't tell apart meet here, since nothing else was in the folder. */
function make(inside: string, act: () => void): void {
  try {
    act();
  } catch (error) {
    if (errorCode(error) !== "EEXIST") throw error;
    throw new UnsafeName(inside, "the file system does not tell it from another name of the tree");
  }
}

function writeEntry(source: ObjectSource, entry: TreeEntry, path: string | Buffer): void {
  switch (entry.mode) {
    case "40000":
    case "160000":
      mkdirSync(path);
      return;
    case "120000":
      symlinkSync(Buffer.from(blobOf(source, entry.oid)), path);
      return;
    case "100644":
    case "100755":
      writeFileSync(path, blobOf(source, entry.oid), { flag: "wx", mode: entry.mode === "100755" ? 0o777 : 0o666 });
      return;
  }
}

function blobOf(source: ObjectSource, name: Oid): Uint8Array {
  const { kind, body } = source.get(name);
  if (kind !== "blob") throw new CorruptGitObject(name, `a blob was expected and it is a ${kind}`);
  return body;
}

function entriesOf(source: ObjectSource, name: Oid): TreeEntry[] {
  const { kind, body } = source.get(name);
  if (kind !== "tree") throw new CorruptGitObject(name, `a tree was expected and it is a ${kind}`);
  return decodeTree(body);
}

/** What macOS's file system drops from a name before it compares. */
const ignoredByHfs = /[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]/g;

/** `.git` or its short name on Windows, with what Windows drops from a name's end. */
const dotGit = /^(?:\.git|git~1)[ .]*(?::.*)?$/is;

/** Names of devices on Windows, with any ending. */
const windowsDevice = /^(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?$/i;

/** Throws UnsafeName when a name must not be written on this platform. */
export function refuseUnsafe(name: string, inside: string): void {
  // Both rules hold everywhere, as in git: what is written here may be copied there.
  if (dotGit.test(name.replaceAll(ignoredByHfs, "")) || dotGit.test(name.split("\\", 1)[0] as string)) {
    throw new UnsafeName(inside, "it could be taken for .git");
  }
  if (process.platform !== "win32") return;
  // oxlint-disable-next-line no-control-regex
  if (/[\\:*?"<>|\u0000-\u001f]|[ .]$/.test(name) || windowsDevice.test(name)) {
    throw new UnsafeName(inside, "Windows has no such file name");
  }
}
