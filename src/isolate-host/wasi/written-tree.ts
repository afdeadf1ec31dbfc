/**
 * A file system back to a git tree. Guarantees: what did not change is the object that it was, byte for byte, whatever git would write today; what changed is put, what a tree names before the tree. An empty
 * folder is an empty tree (git itself drops those), a gitlink into which nothing was put stays one. Depth costs no stack.
 */
import type { GitObject, ObjectKind } from "../../store/object.ts";
import type { Oid } from "../../store/oid.ts";
import { decodeTree, encodeTree, type TreeEntry } from "../../store/tree.ts";
import { treeName } from "./lazy-tree.ts";
import type { File, Folder, Link, Node } from "./nodes.ts";

interface ObjectWriter {
  get(name: Oid): GitObject;
  put(kind: ObjectKind, body: Uint8Array): Oid;
}

/** A folder whose entries are being written. */
interface Writing {
  readonly folder: Folder;
  readonly left: Iterator<[string, Node]>;
  readonly written: TreeEntry[];
  differs: boolean;
}

/** Puts what changed below a folder, and names its tree. `take` gives a file's own bytes, to be kept. */
export function writeTree(objects: ObjectWriter, root: Folder, take: (file: File) => Uint8Array): Oid {
  // What is above all: the root is its only entry.
  const top: TreeEntry[] = [];
  const open: Writing[] = [];
  const add = (into: TreeEntry[], name: string, node: Node): boolean => {
    if (node.kind === "file") {
      const oid = (node.blob ??= objects.put("blob", take(node)));
      into.push({ mode: node.isExecutable ? "100755" : "100644", name: treeName(name), oid });
      return node.isChanged;
    }
    if (node.kind === "link") {
      into.push({ mode: "120000", name: treeName(name), oid: linkBlob(objects, node) });
      return node.blob === undefined;
    }
    const { origin, entries } = node;
    if (origin !== undefined && (entries === undefined || (origin.mode === "160000" && entries.size === 0))) {
      into.push({ ...origin, name: treeName(name) });
      return false;
    }
    const left = (entries ?? new Map<string, Node>()).entries();
    open.push({ folder: node, left, written: [], differs: node.isChanged || origin === undefined });
    return false;
  };
  add(top, "", root);
  for (let writing = open.at(-1); writing !== undefined; writing = open.at(-1)) {
    const { folder, left, written } = writing;
    const next = left.next();
    if (next.done !== true) {
      const differs = add(written, ...next.value);
      writing.differs ||= differs;
      continue;
    }
    open.pop();
    const oid = writing.differs ? put(objects, writing) : (folder.origin as { oid: Oid }).oid;
    const above = open.at(-1);
    (above?.written ?? top).push({ mode: "40000", name: treeName(folder.name), oid });
    if (above !== undefined && oid !== folder.origin?.oid) above.differs = true;
  }
  return (top[0] as TreeEntry).oid;
}

function put(objects: ObjectWriter, { folder: { origin }, written }: Writing): Oid {
  const body = encodeTree(written);
  // Old trees spell modes as git does no more: what is as it was stays what it was.
  if (origin?.mode === "40000" && encodeTree(decodeTree(objects.get(origin.oid).body)).equals(body)) return origin.oid;
  return objects.put("tree", body);
}

function linkBlob(objects: ObjectWriter, link: Link): Oid {
  return link.blob ?? objects.put("blob", Buffer.from(link.text as string, "latin1"));
}
