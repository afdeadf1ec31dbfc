/**
 * The nodes of a git tree, made when they are first seen: a folder's tree is decoded when somebody first looks into it, a symlink's blob read when it is first followed. What a tree names wrongly
 * (a blob where its mode says tree, bytes that are no tree) is EIO: it follows from the tree's own bytes, so every execution sees it.
 *
 * What a folder's entries take in memory (300 to 650 bytes each) is bounded by counting them: a few small trees that name each other often are a tree of any size.
 *
 * A gitlink is an empty folder. What is there beside the tree (unlisted.ts) is found under names that a folder has not.
 */
import { realtimeStartNs } from "../../abi/virtual.ts";
import type { GitObject } from "../../store/object.ts";
import { oidBytes, type Oid } from "../../store/oid.ts";
import { MalformedTree, decodeName, decodeTree, encodeName, type TreeEntry } from "../../store/tree.ts";
import { errno, fault, Fault } from "./errno.ts";
import type { Device, File, Folder, FolderOrigin, Link, Node, Times } from "./nodes.ts";
import { Unlisted, type UnlistedName } from "./unlisted.ts";

/** The longest name that can be looked for or made, as on Linux. */
const nameBytesMax = 255;
/** The longest text of a symlink, as on Linux; a blob may be any length. */
const linkBytesMax = 4095;
/** A longer text of a symlink that came with the tree is read each time: many links can't hold much. */
const keptLinkBytes = 255;

/** What came with the tree is as old as the realtime clock. */
const originTimes: Times = {
  accessedNs: realtimeStartNs,
  modifiedNs: realtimeStartNs,
  changedNs: realtimeStartNs,
};
const noBytes = Buffer.alloc(0);

/** Thrown when a folder is looked into whose entries, with those of all that were looked into before, are more than there may be; they were not made. */
export class TooManyEntries extends Error {
  override readonly name = "TooManyEntries";
  readonly entriesMax: number;
  constructor(entriesMax: number) {
    super(`folders that were looked into have more than ${entriesMax} entries`);
    this.entriesMax = entriesMax;
  }
}

export class LazyTree {
  readonly root: Folder;
  readonly unlisted: Unlisted;
  readonly #objects: { get(name: Oid): GitObject };
  readonly #entriesMax: number;
  /** Entries of trees that were looked into, each folder's once, wherever it stands. Nothing is ever taken off. */
  #entries = 0;
  #inodes = 0;
  /** Where the path went that was walked last, up to its last name; undefined when it was over links, or names have come or gone since. */
  #way: { readonly base: Folder; readonly text: string; readonly folder: Folder } | undefined;

  constructor(
    objects: { get(name: Oid): GitObject },
    root: Oid,
    entriesMax: number,
    unlisted: readonly UnlistedName[],
  ) {
    this.#objects = objects;
    this.#entriesMax = entriesMax;
    this.unlisted = new Unlisted(this, unlisted);
    this.root = this.folder(undefined, "", { mode: "40000", oid: root }, originTimes);
  }

  /** The node of that name in a folder; undefined when there is none. */
  lookUp(folder: Folder, name: string): Node | Device | Fault | undefined {
    // As on Linux, before the name is looked at.
    if (folder.isRemoved) return undefined;
    if (name.length > nameBytesMax) return fault(errno.nametoolong);
    const entries = this.entriesOf(folder);
    return entries instanceof Fault ? entries : (entries.get(name) ?? this.unlisted.lookUp(folder, name));
  }

  /** The folder to which a path's text before its last name leads, if the path before it began with the same: most commands ask for one entry of a folder after the other, and several things of each. */
  knownFolder(base: Folder, path: string, lastName: number): Folder | undefined {
    const way = this.#way;
    return way?.base === base && way.text.length === lastName && path.startsWith(way.text) ? way.folder : undefined;
  }

  /** Notes what `knownFolder` answers. `text` leads there from `base` over no links. */
  keepWay(base: Folder, text: string, folder: Folder): void {
    // What stands in no tree may be another folder the next time.
    if (!this.unlisted.has(folder)) this.#way = { base, text, folder };
  }

  /** To be called when names have come or gone. */
  forgetWay(): void {
    this.#way = undefined;
  }

  /** What is in the way of a new node of that name: an empty folder that stands in no tree is not. */
  inTheWay(folder: Folder, name: string): Node | Device | Fault | undefined {
    const node = this.lookUp(folder, name);
    if (node === undefined || node instanceof Fault || node.kind !== "folder") return node;
    return node.entries?.size === 0 && this.unlisted.has(node) ? undefined : node;
  }

  /** Throws TooManyEntries. */
  entriesOf(folder: Folder): Map<string, Node> | Fault {
    if (folder.entries !== undefined) return folder.entries;
    const listed = this.#entriesOf(folder.origin);
    if (listed instanceof Fault) return listed;
    const entries = new Map<string, Node>();
    for (const entry of listed) {
      const name = binaryName(entry.name);
      entries.set(name, this.#node(folder, name, entry));
    }
    this.#entries += entries.size;
    folder.entries = entries;
    return entries;
  }

  #entriesOf(origin: FolderOrigin | undefined): readonly TreeEntry[] | Fault {
    if (origin === undefined || origin.mode === "160000") return [];
    const { kind, body } = this.#objects.get(origin.oid);
    if (kind !== "tree") return fault(errno.io);
    // Before it is decoded: one tree may have millions.
    if (this.#entries + entryCount(body) > this.#entriesMax) throw new TooManyEntries(this.#entriesMax);
    try {
      return decodeTree(body);
    } catch (error) {
      if (error instanceof MalformedTree) return fault(errno.io);
      throw error;
    }
  }

  #node(parent: Folder, name: string, { mode, oid }: TreeEntry): Node {
    switch (mode) {
      case "40000":
      case "160000":
        return this.folder(parent, name, { mode, oid }, originTimes);
      case "120000":
        return this.link(oid, undefined, originTimes);
      case "100644":
      case "100755":
        return this.file(oid, mode === "100755", originTimes);
    }
  }

  /** Where a link points; ENAMETOOLONG for a blob that is longer than any symlink. */
  textOf(link: Link): string | Fault {
    if (link.text !== undefined) return link.text;
    const { kind, body } = this.#objects.get(link.blob as Oid);
    if (kind !== "blob") return fault(errno.io);
    if (body.length > linkBytesMax) return fault(errno.nametoolong);
    const text = Buffer.from(body.buffer, body.byteOffset, body.length).toString("latin1");
    if (text.length <= keptLinkBytes) link.text = text;
    return text;
  }

  /** A file that has one name; an empty one of its own when there is no blob. */
  file(blob: Oid | undefined, isExecutable: boolean, times: Times): File {
    const size = blob === undefined ? 0 : undefined;
    const isChanged = blob === undefined;
    const inode = ++this.#inodes;
    const [bytes, counted, countedBytes, opens] = [noBytes, 0, 0, 0];
    return {
      kind: "file",
      inode,
      times,
      counted,
      links: 1,
      isExecutable,
      blob,
      bytes,
      size,
      countedBytes,
      opens,
      isChanged,
    };
  }

  /** A folder in another; the root when that is undefined. Without an origin it is empty. */
  folder(parent: Folder | undefined, name: string, origin: FolderOrigin | undefined, times: Times): Folder {
    const folder = {
      kind: "folder" as const,
      inode: ++this.#inodes,
      times,
      counted: 0,
      parent: parent as Folder,
      name,
      isRemoved: false,
      origin,
      opens: 0,
      removedBelow: 0,
      entries: origin === undefined ? new Map<string, Node>() : undefined,
      sorted: undefined,
      isChanged: false,
    };
    folder.parent ??= folder;
    return folder;
  }

  emptyFolder(parent: Folder, name: string): Folder {
    return this.folder(parent, name, undefined, originTimes);
  }

  device(device: Device["device"]): Device {
    return { kind: "device", inode: ++this.#inodes, times: originTimes, counted: 0, device };
  }

  /** A link that has one name, and says what its blob does, or the text. */
  link(blob: Oid | undefined, text: string | undefined, times: Times): Link {
    return { kind: "link", inode: ++this.#inodes, times, counted: 0, links: 1, blob, text };
  }
}

/** How many entries a tree's bytes have; of what is no tree, how many it seems to have. */
function entryCount(body: Uint8Array): number {
  let count = 0;
  for (let nul = body.indexOf(0); nul >= 0; nul = body.indexOf(0, nul + 1 + oidBytes)) count++;
  return count;
}

/** A tree's name (see store/tree.ts) as bytes. */
function binaryName(name: string): string {
  // UTF-8 is longer than UTF-16 unless all is ASCII, which has one spelling in all three.
  return Buffer.byteLength(name) === name.length ? name : encodeName(name).toString("latin1");
}

/** Bytes as a tree's name. */
export function treeName(binary: string): string {
  return Buffer.byteLength(binary) === binary.length ? binary : decodeName(Buffer.from(binary, "latin1"));
}
