/**
 * Nodes: what names in a file system stand for. A node knows nothing of its names; of folders, which have one name at a time, it is kept here where they stand.
 *
 * Names are "binary" strings, a char a byte, since git's names are bytes: comparing them as strings is comparing bytes.
 */
import type { Oid } from "../../store/oid.ts";

/** Nanoseconds since 1970. */
export interface Times {
  readonly accessedNs: bigint;
  readonly modifiedNs: bigint;
  readonly changedNs: bigint;
}

interface Common {
  /** Given in the order in which nodes are first seen; the root has 1. */
  readonly inode: number;
  times: Times;
}

export interface File extends Common {
  readonly kind: "file";
  /** Names that it has. */
  links: number;
  isExecutable: boolean;
  /** The blob that it is; undefined once its bytes are its own. */
  blob: Oid | undefined;
  /** Bytes of its own: `size` of them, and room to grow. */
  bytes: Buffer;
  /** Length of `bytes` that counts. Means nothing while it is a blob. */
  size: number;
  /** Descriptors that have it open. */
  opens: number;
  /** Bytes that it stands for in what the file system holds. */
  counted: number;
}

export interface Folder extends Common {
  readonly kind: "folder";
  /** The folder that it is or last was in; the root's is itself. */
  parent: Folder;
  name: string;
  /** Removed: nothing can be put into it. */
  isRemoved: boolean;
  /** The tree that it was, or the commit that a gitlink names; undefined for a new one. */
  readonly origin: { readonly mode: "40000" | "160000"; readonly oid: Oid } | undefined;
  /** Undefined until it is first looked into. */
  entries: Map<string, Node> | undefined;
  /** Its entries in their order, while that is known. */
  sorted: readonly FolderEntry[] | undefined;
  /** Whether names came or went. */
  isChanged: boolean;
}

export interface Link extends Common {
  readonly kind: "link";
  links: number;
  readonly blob: Oid | undefined;
  /** Where it points; undefined until it is first read. */
  text: string | undefined;
}

export type Node = File | Folder | Link;

export interface FolderEntry {
  readonly name: string;
  readonly node: Node;
}
