/**
 * The tree of a folder as it stands, or of some of its files. Guarantees: nothing is written there, no symlink is followed, and what no tree can hold (a pipe, a socket, a
 * device) is left out, as git leaves it out, and told by its path. What may not be read is an error, since a command that does not see it would answer wrongly. Bytes enter as they are, since outside of what git tracks nobody says how git would convert them; empty folders stay; a folder's own repository
 * (`.git`) is left out.
 *
 * Bounds: a file has at most `objectBytesMax` bytes; one file's bytes are in memory at a time. Folders may be nested 4,000 deep, which paths of the system are shorter than.
 */
import { readFileSync, readdirSync, readlinkSync, type BigIntStats } from "node:fs";
import type { ObjectKind } from "../object.ts";
import type { Oid } from "../oid.ts";
import { decodeName, decodeTree, encodeTree, type Mode, type TreeEntry } from "../tree.ts";
import { filePath, lstatOf } from "./file-path.ts";
import { objectBytesMax } from "./inflate.ts";
import { UnstorableFile } from "./work-tree.ts";

/** Where the objects go. */
interface Objects {
  get(name: Oid): { readonly kind: ObjectKind; readonly body: Uint8Array };
  put(kind: "blob" | "tree", body: Uint8Array): Oid;
}

/** Told the paths of what no tree can hold. */
type LeavesOut = (path: string) => void;

/** Stores the folder with all that is in it, but its `.git`. Throws UnstorableFile, or what the file system says. */
export function putFolder(objects: Objects, folder: string, leaveOut: LeavesOut = () => undefined): Oid {
  return putBelow(objects, folder, "", leaveOut);
}

function putBelow(objects: Objects, root: string, inside: string, leaveOut: LeavesOut): Oid {
  const entries: TreeEntry[] = [];
  for (const bytes of readdirSync(filePath(root, inside), { encoding: "buffer" })) {
    const name = decodeName(bytes);
    if (name === ".git") continue;
    const path = inside === "" ? name : `${inside}/${name}`;
    const entry = putPath(objects, root, path, name, leaveOut);
    if (entry !== undefined) entries.push(entry);
  }
  return objects.put("tree", encodeTree(entries));
}

/** Undefined for what is left out, and for what is gone since the folder was listed. */
function putPath(
  objects: Objects,
  root: string,
  path: string,
  name: string,
  leaveOut: LeavesOut,
): TreeEntry | undefined {
  const file = filePath(root, path);
  const stat = lstatOf(file);
  if (stat === undefined) return undefined;
  if (stat.isDirectory()) return { mode: "40000", name, oid: putBelow(objects, root, path, leaveOut) };
  const mode = modeOf(stat);
  if (mode === undefined) {
    leaveOut(path);
    return undefined;
  }
  if (stat.size > objectBytesMax) throw new UnstorableFile(path, "it is larger than any object may be");
  const body = mode === "120000" ? readlinkSync(file, "buffer") : readFileSync(file);
  return { mode, name, oid: objects.put("blob", body) };
}

function modeOf(stat: BigIntStats): Mode | undefined {
  if (stat.isSymbolicLink()) return "120000";
  if (!stat.isFile()) return undefined;
  return (stat.mode & 0o100n) === 0n ? "100644" : "100755";
}

/** Stores a tree with these files of a folder in it, whatever the tree has at their paths. Paths are from the folder, with slashes; what is gone by now, and folders, count as not there. Throws as `putFolder`. */
export function putFilesInto(
  objects: Objects,
  tree: Oid,
  folder: string,
  paths: readonly string[],
  leaveOut: LeavesOut,
): Oid {
  const added = new Level();
  for (const path of paths) {
    const stat = lstatOf(filePath(folder, path));
    if (stat === undefined || stat.isDirectory()) continue;
    const slash = path.lastIndexOf("/");
    const entry = putPath(objects, folder, path, path.slice(slash + 1), leaveOut);
    if (entry === undefined) continue;
    let level = added;
    for (const part of slash < 0 ? [] : path.slice(0, slash).split("/")) level = level.below(part);
    level.entries.push(entry);
  }
  return merge(objects, tree, added);
}

/** What is added to a folder of a tree. */
class Level {
  readonly entries: TreeEntry[] = [];
  readonly folders = new Map<string, Level>();

  below(name: string): Level {
    const known = this.folders.get(name);
    if (known !== undefined) return known;
    const level = new Level();
    this.folders.set(name, level);
    return level;
  }
}

function merge(objects: Objects, tree: Oid | undefined, added: Level): Oid {
  if (tree !== undefined && added.entries.length === 0 && added.folders.size === 0) return tree;
  const old = tree === undefined ? [] : decodeTree(objects.get(tree).body);
  const named = new Map(old.map((entry) => [entry.name, entry]));
  for (const entry of added.entries) named.set(entry.name, entry);
  for (const [name, level] of added.folders) {
    const before = named.get(name);
    const below = before?.mode === "40000" ? before.oid : undefined;
    named.set(name, { mode: "40000", name, oid: merge(objects, below, level) });
  }
  return objects.put("tree", encodeTree([...named.values()]));
}
