/**
 * A file system over a git tree, for one execution: what a command sees as `/`. It behaves as Linux does, since native tools are what commands are compared with.
 */
import type { GitObject, ObjectKind } from "../../store/object.ts";
import type { Oid } from "../../store/oid.ts";
import { Fault } from "./errno.ts";
import type { File, Folder, FolderEntry, Node } from "./nodes.ts";

export type { File, Folder, FolderEntry, Link, Node } from "./nodes.ts";

/** What a file system needs of a store. All throw the store's typed errors. */
export interface FileObjects {
  get(name: Oid): GitObject;
  put(kind: ObjectKind, body: Uint8Array): Oid;
  /** Length of an object's body, without reading it where the store can. */
  sizeOf(name: Oid): number;
}

/** How a path is opened. */
export interface OpenHow {
  /** A symlink at its end is followed; else it is ELOOP. */
  readonly follow: boolean;
  readonly create: boolean;
  readonly exclusive: boolean;
  /** Only a folder will do. */
  readonly folder: boolean;
  readonly truncate: boolean;
  /** For writing: a folder is EISDIR. */
  readonly write?: boolean;
}

export interface FileStat {
  readonly kind: Node["kind"];
  readonly inode: bigint;
  readonly links: number;
  readonly size: number;
  readonly isExecutable: boolean;
  readonly accessedNs: bigint;
  readonly modifiedNs: bigint;
  readonly changedNs: bigint;
}

/** Thrown when files hold more than they may. */
export class FilesTooLarge extends Error {
  override readonly name = "FilesTooLarge";
  readonly bytesMax: number;
  constructor(bytesMax: number) {
    super(`files hold more than ${bytesMax} bytes`);
    this.bytesMax = bytesMax;
  }
}

const missing = (): never => {
  throw new Error("not written yet");
};

/** Paths and names are "binary" strings, a char a byte. A path is relative to `base` unless it begins with a slash. */
export class Files {
  readonly root: Folder;
  /** What `bytesMax` bounds: bytes of files that changed, and what new names cost. */
  bytesHeld = 0;

  /** `bounds` is read again at each growth, so what it says may change. */
  constructor(objects: FileObjects, root: Oid, bounds: { readonly bytesMax: number }, nowNs: () => bigint) {
    this.root = missing();
    void [objects, root, bounds, nowNs];
  }

  find(_base: Folder, _path: string, _follow: boolean): Node | Fault {
    return missing();
  }
  /** What it opens is open until `close`. */
  open(_base: Folder, _path: string, _how: OpenHow): Node | Fault {
    return missing();
  }
  /** Call it once for each `open`. What has neither a name nor is open counts no more; it can still be used. */
  close(_node: Node): void {
    missing();
  }
  stat(_node: Node): FileStat {
    return missing();
  }
  read(_file: File, _at: number, _target: Uint8Array): number | Fault {
    return missing();
  }
  write(_file: File, _at: number, _bytes: Uint8Array): number | Fault {
    return missing();
  }
  resize(_file: File, _size: number): Fault | undefined {
    return missing();
  }
  list(_folder: Folder): readonly FolderEntry[] | Fault {
    return missing();
  }
  makeFolder(_base: Folder, _path: string): Fault | undefined {
    return missing();
  }
  removeFolder(_base: Folder, _path: string): Fault | undefined {
    return missing();
  }
  unlink(_base: Folder, _path: string): Fault | undefined {
    return missing();
  }
  rename(_base: Folder, _from: string, _toBase: Folder, _to: string): Fault | undefined {
    return missing();
  }
  link(_base: Folder, _from: string, _follow: boolean, _toBase: Folder, _to: string): Fault | undefined {
    return missing();
  }
  symlink(_text: string, _base: Folder, _path: string): Fault | undefined {
    return missing();
  }
  readLink(_base: Folder, _path: string): string | Fault {
    return missing();
  }
  setTimes(_node: Node, _accessedNs: bigint | undefined, _modifiedNs: bigint | undefined): void {
    missing();
  }
  setExecutable(_file: File, _is: boolean): void {
    missing();
  }
  parent(folder: Folder): Folder {
    return folder.parent;
  }
  pathOf(_folder: Folder): string {
    return missing();
  }
  finish(): Oid {
    return missing();
  }
}
