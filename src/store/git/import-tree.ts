/**
 * Copies what trees reach from a git repository into the store, byte for byte. Guarantees: an object is put after
 * everything that it names (gitlinks excepted, which are not followed), so a crash never leaves a tree without
 * its closure; a tree that the store has is skipped unread, with all below it; depth costs no stack.
 *
 * Trees are walked depth first, and a walked tree waits with the blobs that it needs. When enough wait, the blobs are read
 * in the order in which the repository stores them, then the trees follow, children first. Measured on a repository of
 * 40,000 objects in one pack: storage order against tree order is the design note's 1.3 times faster, since deltas find their bases
 * in the cache.
 */
import { decodeTree, kindOfMode, MalformedTree } from "../tree.ts";
import type { GitObject, ObjectKind } from "../object.ts";
import type { Oid } from "../oid.ts";
import type { ImportCounts, ObjectSink } from "./object-sink.ts";

/** What an import needs of a repository; `ObjectDatabase` is one. */
export interface ObjectReader {
  /** The object, its bytes checked against its name, or undefined when there is none. */
  read(name: Oid): GitObject | undefined;
  /** The same names in the order in which reading them is fastest. */
  inStorageOrder(names: readonly Oid[]): Oid[];
}

/** An object to import, and where it stands for messages. */
export interface Root {
  readonly kind: "blob" | "tree";
  readonly oid: Oid;
  readonly path: string;
}

/** A tree or blob of the repository that can't be imported; `path` is inside the imported tree, `cause` says more. */
export class UnimportableObject extends Error {
  override readonly name = "UnimportableObject";
  readonly path: string;
  readonly oid: Oid;
  readonly reason: string;
  constructor(path: string, name: Oid, reason: string, cause?: unknown) {
    super(`can't import ${path === "" ? "." : path} (git object ${name}): ${reason}`, { cause });
    this.path = path;
    this.oid = name;
    this.reason = reason;
  }
}

/** Objects or bytes of trees that wait at most, before they are put. */
const waitingObjectsMax = 20_000;
const waitingTreeBytesMax = 32 * 1024 * 1024;

/** How often `onProgress` is called, in objects put. */
const progressStep = 1000;

interface Frame {
  readonly oid: Oid;
  /** The entry's name below the frame before; paths are only put together for messages. */
  readonly name: string;
  readonly body: Uint8Array;
  readonly subtrees: readonly { readonly name: string; readonly oid: Oid }[];
  next: number;
}

/** Imports everything that `roots` reach. `onProgress` is told the number of objects put so far. Throws UnimportableObject. */
export function importObjects(
  reader: ObjectReader,
  roots: readonly Root[],
  sink: ObjectSink,
  onProgress: (objects: number) => void = () => undefined,
): ImportCounts {
  const blobs = new Map<Oid, string>();
  const trees = new Map<Oid, Uint8Array>();
  let treeBytes = 0;
  let objects = 0;
  let bytes = 0;

  const put = (name: Oid, kind: ObjectKind, body: Uint8Array): void => {
    sink.putChecked(name, kind, body);
    bytes += body.length;
    if (++objects % progressStep === 0) onProgress(objects);
  };
  const flush = (): void => {
    for (const name of reader.inStorageOrder([...blobs.keys()])) {
      put(name, "blob", readAs(reader, name, "blob", blobs.get(name) as string));
    }
    for (const [name, body] of trees) put(name, "tree", body);
    blobs.clear();
    trees.clear();
    treeBytes = 0;
  };
  const wantBlob = (name: Oid, path: () => string): void => {
    if (blobs.has(name) || isHere(sink, name, "blob", path)) return;
    blobs.set(name, path());
  };

  for (const root of roots) {
    if (root.kind === "blob") {
      wantBlob(root.oid, () => root.path);
      if (blobs.size >= waitingObjectsMax) flush();
      continue;
    }
    const open: Frame[] = [];
    const enter = (name: Oid, entry: string): void => {
      const path = (): string => joinPath([...open.map((frame) => frame.name), entry]);
      if (trees.has(name) || isHere(sink, name, "tree", path)) return;
      const body = readAs(reader, name, "tree", path());
      const subtrees: { name: string; oid: Oid }[] = [];
      for (const child of entriesOf(name, body, path)) {
        const kind = kindOfMode(child.mode);
        if (kind === "tree") subtrees.push(child);
        else if (kind === "blob") wantBlob(child.oid, () => joinPath([path(), child.name]));
      }
      open.push({ oid: name, name: entry, body, subtrees, next: 0 });
    };
    enter(root.oid, root.path);
    for (let top = open.at(-1); top !== undefined; top = open.at(-1)) {
      const child = top.subtrees[top.next++];
      if (child !== undefined) {
        enter(child.oid, child.name);
        continue;
      }
      open.pop();
      if (trees.has(top.oid)) continue;
      trees.set(top.oid, top.body);
      treeBytes += top.body.length;
      if (blobs.size + trees.size >= waitingObjectsMax || treeBytes >= waitingTreeBytesMax) flush();
    }
  }
  flush();
  onProgress(objects);
  return { objects, bytes };
}

/** Imports one tree with all that it reaches. */
export function importTree(
  reader: ObjectReader,
  tree: Oid,
  sink: ObjectSink,
  onProgress?: (objects: number) => void,
): ImportCounts {
  return importObjects(reader, [{ kind: "tree", oid: tree, path: "" }], sink, onProgress);
}

function isHere(sink: ObjectSink, name: Oid, kind: "blob" | "tree", path: () => string): boolean {
  const here = sink.kindOf(name);
  if (here === undefined) return false;
  if (here !== kind) throw new UnimportableObject(path(), name, `a ${kind} was expected and it is a ${here}`);
  return true;
}

function readAs(reader: ObjectReader, name: Oid, kind: "blob" | "tree", path: string): Uint8Array {
  const object = reader.read(name);
  if (object === undefined) {
    throw new UnimportableObject(path, name, "the repository lacks it (is it a shallow or partial clone?)");
  }
  if (object.kind === kind) return object.body;
  throw new UnimportableObject(path, name, `a ${kind} was expected and it is a ${object.kind}`);
}

function entriesOf(name: Oid, body: Uint8Array, path: () => string): ReturnType<typeof decodeTree> {
  try {
    return decodeTree(body);
  } catch (error) {
    if (error instanceof MalformedTree) throw new UnimportableObject(path(), name, error.message, error);
    throw error;
  }
}

function joinPath(parts: readonly string[]): string {
  return parts.filter((part) => part !== "").join("/");
}
