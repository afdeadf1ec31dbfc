/**
 * A file system over a git tree, for one execution: what a command sees as `/`. It behaves as Linux does for a user who may do everything, since native tools are what commands are compared with.
 *
 * Guarantees:
 * - Nothing outside of the tree can be named, by whatever path or symlink.
 * - A folder's tree is read when somebody first looks into it, a blob when a byte of it is first wanted; what it answers does not depend on what was read before.
 * - What it holds in memory for its guest is counted, and bounded.
 * - `finish` of a tree that nobody changed is that tree.
 *
 * It differs from a file system on a disk: a folder has one link and no size; names that no git tree can hold (`.git`) are EINVAL where they would be made; times of access are set, never taken;
 * a file has at most as many bytes as a blob that a guest may put (EFBIG).
 *
 * How it is built: nodes (nodes.ts), made as they are seen (lazy-tree.ts), found by walking (walk.ts), with bytes (file-bytes.ts), and written at the end (written-tree.ts).
 */
import type { GitObject, ObjectKind } from "../../store/object.ts";
import type { Oid } from "../../store/oid.ts";
import { nameFault } from "../../store/tree.ts";
import { errno, fault, Fault } from "./errno.ts";
import { FileBytes, nameBytes } from "./file-bytes.ts";
import { LazyTree } from "./lazy-tree.ts";
import type { Device, File, Folder, FolderEntry, Listing, Node, Times } from "./nodes.ts";
import type { UnlistedName } from "./unlisted.ts";
import { Walk, pathFault, type Last } from "./walk.ts";
import { writeTree } from "./written-tree.ts";

export { FilesTooLarge } from "./file-bytes.ts";
export { TooManyEntries } from "./lazy-tree.ts";
export type { Device, File, Folder, FolderEntry, Link, Listing, Node } from "./nodes.ts";

/** What may be held for a guest. */
export interface FileBounds {
  /** Of files that are not blobs any more, and what names and listings take. Read at each growth, so what it says may change. */
  readonly bytesMax: number;
  /** Of the tree's folders that are looked into, all together. */
  readonly entriesMax: number;
}

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
  /** With `create`: what exists is EEXIST. */
  readonly exclusive: boolean;
  /** Only a folder will do. */
  readonly folder: boolean;
  /** A file loses its bytes; a folder is EISDIR. */
  readonly truncate: boolean;
  /** A folder is EISDIR. */
  readonly write?: boolean;
}

export interface FileStat {
  readonly kind: (Node | Device)["kind"];
  readonly inode: number;
  /** Names that it has; of a folder 1. */
  readonly links: number;
  /** Bytes; of a folder 0. */
  readonly size: number;
  readonly isExecutable: boolean;
  readonly accessedNs: bigint;
  readonly modifiedNs: bigint;
  readonly changedNs: bigint;
}

/** What an entry of a listing takes in memory beside its name. */
const listedBytes = 64;

/** Where a name can be put. */
interface Place {
  readonly folder: Folder;
  readonly name: string;
}

/**
 * Paths and names are "binary" strings, a char a byte. A path is relative to `base` unless it begins with a slash. A node that was unlinked lives for as long as somebody has it.
 * Whatever makes a name, grows a file or begins a listing throws FilesTooLarge when that is too much, and has done nothing then; whatever looks into a folder TooManyEntries.
 */
export class Files {
  readonly root: Folder;
  readonly #objects: FileObjects;
  readonly #tree: LazyTree;
  readonly #bytes: FileBytes;
  readonly #nowNs: () => bigint;
  #isChanged = false;

  /** `root` is a tree. `nowNs` tells the time of what is written. `unlisted` is what is there beside the tree. */
  constructor(
    objects: FileObjects,
    root: Oid,
    bounds: FileBounds,
    nowNs: () => bigint,
    unlisted: readonly UnlistedName[] = [],
  ) {
    this.#objects = objects;
    this.#tree = new LazyTree(objects, root, bounds.entriesMax, unlisted);
    this.#bytes = new FileBytes(objects, bounds);
    this.#nowNs = nowNs;
    this.root = this.#tree.root;
  }

  /** What `bytesMax` bounds. */
  get bytesHeld(): number {
    return this.#bytes.held;
  }

  /** The node that a path names. `follow`: also a symlink at its end, as a slash behind it says, too. */
  find(base: Folder, path: string, follow: boolean): Node | Device | Fault {
    return new Walk(this.#tree).find(base, path, follow);
  }

  /** The node that a path names, or a new file. A file or folder is open until `close`. */
  open(base: Folder, path: string, how: OpenHow): File | Folder | Device | Fault {
    const { create, exclusive, truncate } = how;
    if (create && how.folder) return fault(errno.inval);
    const found = this.#openNode(base, path, how);
    if (found instanceof Fault) return found;
    const { node, isNew, mustBeFolder } = found;
    if (!isNew && create && exclusive) return fault(errno.exist);
    if (node.kind === "folder" && (create || truncate || how.write === true)) return fault(errno.isdir);
    if (node.kind !== "folder" && (mustBeFolder || how.folder)) return fault(errno.notdir);
    if (node.kind === "link") return fault(errno.loop);
    if (node.kind === "device") return node;
    return this.openAgain(node, { truncate: truncate && !isNew }) ?? node;
  }

  #openNode(
    base: Folder,
    path: string,
    how: OpenHow,
  ): { readonly node: Node | Device; readonly isNew: boolean; readonly mustBeFolder: boolean } | Fault {
    const walk = new Walk(this.#tree);
    const follow = how.follow && !(how.create && how.exclusive);
    let from = base;
    let text = path;
    let mustBeFolder = false;
    for (;;) {
      const last = walk.toLast(from, text);
      if (last instanceof Fault) return last;
      if (last.step !== "name") return { node: last.folder, isNew: false, mustBeFolder };
      if (last.isSlashed && how.create) return fault(errno.isdir);
      mustBeFolder ||= last.isSlashed;
      const node = how.create ? this.#tree.inTheWay(last.folder, last.name) : this.#tree.lookUp(last.folder, last.name);
      if (node instanceof Fault) return node;
      if (node === undefined) {
        if (!how.create) return fault(errno.noent);
        const place = freePlace(last);
        if (place instanceof Fault) return place;
        const file = this.#tree.file(undefined, false, this.#times());
        this.#add(place, file);
        return { node: file, isNew: true, mustBeFolder };
      }
      if (node.kind !== "link" || !(follow || mustBeFolder)) return { node, isNew: false, mustBeFolder };
      const target = walk.follow(node);
      if (target instanceof Fault) return target;
      from = last.folder;
      text = target;
    }
  }

  /** Opens what was found, or is open, once more. A folder is never truncated. */
  openAgain(node: File | Folder, { truncate }: Pick<OpenHow, "truncate">): Fault | undefined {
    const bad = truncate && node.kind === "file" ? this.resize(node, 0) : undefined;
    if (bad === undefined) node.opens++;
    return bad;
  }

  /** Call it once for each `open` of a file or folder. What has neither a name nor is open counts no more. */
  close(node: Node | Device): void {
    if (node.kind !== "file" && node.kind !== "folder") return;
    node.opens--;
    if (node.kind === "folder") this.#releaseRemoved(node);
    else if (node.opens === 0 && node.links === 0) this.#bytes.release(node);
  }

  /** Counts a removed folder no more once nobody can reach it: then neither by it the one that it was in. */
  #releaseRemoved(removed: Folder): void {
    for (let folder = removed; isGone(folder); folder = folder.parent) {
      this.#bytes.release(folder);
      folder.parent.removedBelow--;
    }
  }

  /** What there is to say of a node, without reading its blob where the store can. */
  stat(node: Node | Device): FileStat {
    const { kind } = node;
    const { accessedNs, modifiedNs, changedNs } = node.times;
    return {
      kind,
      inode: node.inode,
      links: kind === "folder" ? (node.isRemoved ? 0 : 1) : kind === "device" ? 1 : node.links,
      size: this.#sizeOf(node),
      isExecutable: kind === "file" && node.isExecutable,
      accessedNs,
      modifiedNs,
      changedNs,
    };
  }

  #sizeOf(node: Node | Device): number {
    if (node.kind === "folder" || node.kind === "device") return 0;
    if (node.kind === "file") return this.#bytes.sizeOf(node);
    return node.text?.length ?? this.#objects.sizeOf(node.blob as Oid);
  }

  /** Copies what a file has at `at` into `target`; returns how much: less than fits at its end, 0 behind it. */
  read(file: File, at: number, target: Uint8Array): number | Fault {
    return this.#bytes.read(file, at, target);
  }

  /** Writes all the bytes, which are copied; behind the file's end, zeros come between. */
  write(file: File, at: number, bytes: Uint8Array): number | Fault {
    const written = this.#bytes.write(file, at, bytes);
    if (typeof written === "number" && written > 0) this.#modified(file);
    return written;
  }

  /** Cuts a file or appends zeros to it. */
  resize(file: File, size: number): Fault | undefined {
    const bad = this.#bytes.resize(file, size);
    if (bad === undefined) this.#modified(file);
    return bad;
  }

  /** What is in a folder, sorted by bytes, without `.` and `..`. EIO when its tree is none. */
  list(folder: Folder): readonly FolderEntry[] | Fault {
    const listing = this.#listingOf(folder);
    return listing instanceof Fault ? listing : listing.entries;
  }

  /** The same, to be read until `closeListing`, whatever comes and goes. Shared by all who begin one while the folder stays as it is: a thousand descriptors hold no thousand lists. */
  openListing(folder: Folder): Listing | Fault {
    const listing = this.#listingOf(folder);
    if (listing instanceof Fault) return listing;
    if (listing.readers === 0) this.#bytes.hold(listingBytes(listing));
    listing.readers++;
    return listing;
  }

  /** Call it once for each `openListing`. */
  closeListing(listing: Listing): void {
    listing.readers--;
    if (listing.readers === 0) this.#bytes.hold(-listingBytes(listing));
  }

  #listingOf(folder: Folder): Listing | Fault {
    if (folder.sorted !== undefined) return folder.sorted;
    const entries = this.#tree.entriesOf(folder);
    if (entries instanceof Fault) return entries;
    const listed = Array.from(entries, ([name, { inode, kind }]) => ({ name, inode, kind }));
    folder.sorted = { entries: listed.toSorted((a, b) => (a.name < b.name ? -1 : 1)), readers: 0 };
    return folder.sorted;
  }

  makeFolder(base: Folder, path: string): Fault | undefined {
    const place = this.#newPlace(base, path, true);
    if (place instanceof Fault) return place;
    const name = ownCopy(place.name);
    this.#add({ ...place, name }, this.#tree.folder(place.folder, name, undefined, this.#times()));
    return undefined;
  }

  removeFolder(base: Folder, path: string): Fault | undefined {
    const last = new Walk(this.#tree).toLast(base, path);
    if (last instanceof Fault) return last;
    if (last.step === ".") return fault(errno.inval);
    if (last.step === "..") return fault(errno.notempty);
    if (last.step === "/") return fault(errno.busy);
    const node = this.#tree.lookUp(last.folder, last.name) ?? fault(errno.noent);
    if (node instanceof Fault) return node;
    if (node.kind !== "folder") return fault(errno.notdir);
    if (this.#tree.unlisted.has(node)) return fault(errno.busy);
    const full = this.#fullFault(node);
    if (full !== undefined) return full;
    this.#remove(last, node);
    return undefined;
  }

  #fullFault(folder: Folder): Fault | undefined {
    const entries = this.#tree.entriesOf(folder);
    if (entries instanceof Fault) return entries;
    return entries.size > 0 ? fault(errno.notempty) : undefined;
  }

  unlink(base: Folder, path: string): Fault | undefined {
    const last = new Walk(this.#tree).toLast(base, path);
    if (last instanceof Fault) return last;
    if (last.step !== "name") return fault(errno.isdir);
    const node = this.#tree.lookUp(last.folder, last.name) ?? fault(errno.noent);
    if (node instanceof Fault) return node;
    if (node.kind === "folder") return fault(errno.isdir);
    if (last.isSlashed) return fault(errno.notdir);
    if (node.kind === "device") return fault(errno.busy);
    this.#remove(last, node);
    return undefined;
  }

  /** Puts what `from` names in the place of what `to` names. Two names of one node stay both, as POSIX has it. */
  rename(base: Folder, from: string, toBase: Folder, to: string): Fault | undefined {
    const old = new Walk(this.#tree).toLast(base, from);
    if (old instanceof Fault) return old;
    const wanted = new Walk(this.#tree).toLast(toBase, to);
    if (wanted instanceof Fault) return wanted;
    if (old.step !== "name" || wanted.step !== "name") return fault(errno.busy);
    const node = this.#tree.lookUp(old.folder, old.name) ?? fault(errno.noent);
    if (node instanceof Fault) return node;
    const replaced = this.#tree.inTheWay(wanted.folder, wanted.name);
    if (replaced instanceof Fault) return replaced;
    if (node.kind === "device" || replaced?.kind === "device") return fault(errno.busy);
    if (this.#tree.unlisted.has(node)) return fault(errno.busy);
    const bad = this.#renameFault(old, node, wanted, replaced);
    if (bad !== undefined) return bad;
    if (node === replaced) return undefined;
    if (replaced === undefined) {
      const place = freePlace(wanted);
      if (place instanceof Fault) return place;
    } else this.#remove(wanted, replaced);
    old.folder.entries?.delete(old.name);
    const name = ownCopy(wanted.name);
    wanted.folder.entries?.set(name, node);
    if (node.kind === "folder") [node.parent, node.name] = [wanted.folder, name];
    this.#renamed(old.folder);
    this.#renamed(wanted.folder);
    this.#changed(node);
    return undefined;
  }

  /** Why a node can't come to where another is, or nothing. In the order in which Linux looks. */
  #renameFault(old: Last, node: Node, wanted: Last, replaced: Node | undefined): Fault | undefined {
    if (node.kind !== "folder" && (old.isSlashed || wanted.isSlashed)) return fault(errno.notdir);
    if (old.folder !== wanted.folder) {
      if (node.kind === "folder" && isIn(wanted.folder, node)) return fault(errno.inval);
      if (replaced?.kind === "folder" && isIn(old.folder, replaced)) return fault(errno.notempty);
    }
    if (replaced === undefined || replaced === node) return undefined;
    if (node.kind === "folder" && replaced.kind !== "folder") return fault(errno.notdir);
    if (replaced.kind !== "folder") return undefined;
    return node.kind === "folder" ? this.#fullFault(replaced) : fault(errno.isdir);
  }

  /** Gives a file or a symlink another name. `follow`: what a symlink at the end of `from` names. */
  link(base: Folder, from: string, follow: boolean, toBase: Folder, to: string): Fault | undefined {
    const node = this.find(base, from, follow);
    if (node instanceof Fault) return node;
    const place = this.#newPlace(toBase, to, false);
    if (place instanceof Fault) return place;
    if (node.kind === "folder" || node.kind === "device") return fault(errno.perm);
    this.#add(place, node);
    node.links++;
    this.#changed(node);
    return undefined;
  }

  symlink(text: string, base: Folder, path: string): Fault | undefined {
    const bad = pathFault(text);
    if (bad !== undefined) return bad;
    const place = this.#newPlace(base, path, false);
    if (place instanceof Fault) return place;
    this.#add(place, this.#tree.link(undefined, text, this.#times()), text.length);
    return undefined;
  }

  /** Where a symlink points. */
  readLink(base: Folder, path: string): string | Fault {
    const node = this.find(base, path, false);
    if (node instanceof Fault) return node;
    return node.kind === "link" ? this.#tree.textOf(node) : fault(errno.inval);
  }

  /** Sets what is given. */
  setTimes(node: Node | Device, accessedNs: bigint | undefined, modifiedNs: bigint | undefined): void {
    const { times } = node;
    node.times = {
      accessedNs: accessedNs ?? times.accessedNs,
      modifiedNs: modifiedNs ?? times.modifiedNs,
      changedNs: this.#nowNs(),
    };
  }

  setExecutable(file: File, is: boolean): void {
    if (file.isExecutable !== is) file.isChanged = true;
    file.isExecutable = is;
    this.#changed(file);
  }

  /** The folder that it is in, or was in last; the root's is itself. */
  parent(folder: Folder): Folder {
    return folder.parent;
  }

  /** The way to a folder from the root; to one that was removed, the way that it had. */
  pathOf(folder: Folder): string {
    const names: string[] = [];
    for (let at = folder; at !== at.parent; at = at.parent) names.push(at.name);
    return `/${names.toReversed().join("/")}`;
  }

  /** Puts what changed, and names the tree of the root. Call it once, and nothing afterwards. */
  finish(): Oid {
    this.#tree.unlisted.settle();
    const { origin } = this.root;
    if (!this.#isChanged && origin !== undefined) return origin.oid;
    return writeTree(this.#objects, this.root, (file) => this.#bytes.take(file));
  }

  /** Where a path wants something new. Its last symlink is not followed. */
  #newPlace(base: Folder, path: string, isFolder: boolean): Place | Fault {
    const last = new Walk(this.#tree).toLast(base, path);
    if (last instanceof Fault) return last;
    if (last.step !== "name") return fault(errno.exist);
    const node = this.#tree.inTheWay(last.folder, last.name);
    if (node !== undefined) return node instanceof Fault ? node : fault(errno.exist);
    return last.isSlashed && !isFolder ? fault(errno.noent) : freePlace(last);
  }

  /** Gives a node a name in a folder that has none such. */
  #add({ folder, name }: Place, node: Node, textBytes = 0): void {
    this.#bytes.count(node, nameBytes + textBytes);
    folder.entries?.set(ownCopy(name), node);
    this.#renamed(folder);
  }

  /** Takes a node's name from a folder. */
  #remove({ folder, name }: Place, node: Node): void {
    folder.entries?.delete(name);
    this.#renamed(folder);
    this.#changed(node);
    if (node.kind === "folder") {
      node.isRemoved = true;
      node.parent.removedBelow++;
      this.#releaseRemoved(node);
      return;
    }
    this.#bytes.uncountName(node);
    node.links--;
    if (node.links === 0 && !(node.kind === "file" && node.opens > 0)) this.#bytes.release(node);
  }

  /** Names came or went in a folder. */
  #renamed(folder: Folder): void {
    folder.isChanged = true;
    folder.sorted = undefined;
    this.#tree.forgetWay();
    this.#modified(folder);
  }

  #modified(node: Node): void {
    this.#isChanged = true;
    const now = this.#nowNs();
    node.times = { accessedNs: node.times.accessedNs, modifiedNs: now, changedNs: now };
  }

  #changed(node: Node): void {
    this.#isChanged = true;
    node.times = { ...node.times, changedNs: this.#nowNs() };
  }

  /** Those of something new. */
  #times(): Times {
    const now = this.#nowNs();
    return { accessedNs: now, modifiedNs: now, changedNs: now };
  }
}

/** Where a path that names nothing ends, if a name can come there. */
function freePlace({ folder, name }: Last): Place | Fault {
  if (folder.isRemoved) return fault(errno.noent);
  return nameFault(name) === undefined ? { folder, name } : fault(errno.inval);
}

/** Whether nobody can reach a folder: by a name, a descriptor, or what was in it. */
function isGone({ isRemoved, opens, removedBelow }: Folder): boolean {
  return isRemoved && opens === 0 && removedBelow === 0;
}

/** About what a listing takes in memory that the folder itself has no more. */
function listingBytes({ entries }: Listing): number {
  return entries.reduce((bytes, { name }) => bytes + listedBytes + name.length, 0);
}

/** A name that is kept without the path that it is a part of, which an engine's strings would share. */
function ownCopy(name: string): string {
  return Buffer.from(name, "latin1").toString("latin1");
}

/** Whether a folder is another, or somewhere in it. */
function isIn(folder: Folder, other: Folder): boolean {
  let at = folder;
  while (at !== other && at !== at.parent) at = at.parent;
  return at === other;
}
