/**
 * Nodes: what names in a file system stand for. A node with one name stands where it says; a file or a link may have several.
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
  /** Bytes that count for it and for names that it was given; none once nobody can reach it. */
  counted: number;
}

export interface File extends Common {
  readonly kind: "file";
  /** Names that it has. */
  links: number;
  isExecutable: boolean;
  /** The blob that it is; undefined when its bytes are its own. */
  blob: Oid | undefined;
  /** Bytes of its own, and room to grow. */
  bytes: Buffer;
  /** Its length; undefined while nobody asked for that of its blob. */
  size: number | undefined;
  /** Bytes of its own that count. */
  countedBytes: number;
  /** Descriptors that have it open. */
  opens: number;
  /** Whether it may be something else than what the tree had. */
  isChanged: boolean;
}

export interface Folder extends Common {
  readonly kind: "folder";
  /** The folder that it is in, or was in last; the root's is itself. */
  parent: Folder;
  name: string;
  /** Then nothing can be put into it any more. */
  isRemoved: boolean;
  /** The tree that it was, or the commit that its gitlink names; undefined when it is new. */
  readonly origin: FolderOrigin | undefined;
  /** Descriptors that have it open. */
  opens: number;
  /** Folders that were removed from it and can still be reached: each knows the folder that it was in. */
  removedBelow: number;
  /** Undefined until it is first looked into. */
  entries: Map<string, Node> | undefined;
  /** The entries in their order, once asked for, until names come or go. */
  sorted: Listing | undefined;
  /** Whether names came or went. */
  isChanged: boolean;
}

export interface FolderOrigin {
  readonly mode: "40000" | "160000";
  readonly oid: Oid;
}

export interface Link extends Common {
  readonly kind: "link";
  links: number;
  /** The blob that it is; undefined when it is new. */
  readonly blob: Oid | undefined;
  /** Where it points; undefined until it is first read. */
  text: string | undefined;
}

/** What a tree can have under a name. */
export type Node = File | Folder | Link;

/** What is found in /dev, and is in no tree (unlisted.ts). A number is a descriptor's. */
export interface Device extends Common {
  readonly kind: "device";
  readonly device: "null" | "zero" | "random" | "tty" | number;
}

/** What a listing says of a name. It holds on to no node: what was removed since is gone. */
export interface FolderEntry {
  readonly name: string;
  readonly inode: number;
  readonly kind: Node["kind"];
}

/** A folder's entries sorted by bytes, as they were once. */
export interface Listing {
  readonly entries: readonly FolderEntry[];
  /** Descriptors that read it. */
  readers: number;
}
