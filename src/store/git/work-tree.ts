/**
 * The tree of a path in a work tree: what git tracks there, with its uncommitted edits. Guarantees: the oid is what
 * `git add -u && git write-tree` would give, and the user's repository is not written to.
 *
 * A file is read only when its stat data differ from the index's, as git compares them: modification time, size,
 * type and mode, change time unless core.trustctime is false, inode; with core.checkStat=minimal only seconds and
 * size. (Owner and device are not compared: they change without the file, and all that they could cause is reading.)
 * A file as young as the index itself is read too, since it may have changed after git looked. Entries that the
 * person said not to look at (assume-valid, skip-worktree) keep the index's content, unless all is asked for: then they
 * are what stands there, byte for byte.
 *
 * Files are read one after the other, so that one file's bytes are in memory at a time. Measured on 40,000 files of 470
 * bytes in the page cache: 27 µs a file; with promises 57 µs at 4 at once, 31 µs at 16.
 */
import { readFileSync, readlinkSync, type BigIntStats } from "node:fs";
import { emptyBlob, hashObject } from "../object.ts";
import type { Oid } from "../oid.ts";
import { encodeTree, type Mode, type TreeEntry } from "../tree.ts";
import { cleanFiles } from "./clean.ts";
import { configFlag, configText, type Config } from "./config.ts";
import { effectiveConfig, mayConvert, type Host } from "./conversion.ts";
import { filePath, lstatOf } from "./file-path.ts";
import { importObjects, type Root } from "./import-tree.ts";
import { indexPath, readIndex, type CachedTree, type Index, type IndexEntry } from "./index-file.ts";
import { objectBytesMax } from "./inflate.ts";
import type { ObjectSink } from "./object-sink.ts";
import { readRef } from "./refs.ts";
import { NoWorkTree, PathNotTracked, repositoryAt, type Repository } from "./repository.ts";

/** A path that git tracks and of which nothing is left in the work tree. */
export class DeletedPath extends Error {
  override readonly name = "DeletedPath";
  readonly path: string;
  constructor(path: string) {
    super(`${path}: deleted in the work tree; HEAD:${path} names it as it was committed`);
    this.path = path;
  }
}

/** A path with a conflict that is not resolved yet. */
export class UnmergedPath extends Error {
  override readonly name = "UnmergedPath";
  readonly path: string;
  constructor(path: string) {
    super(`${path} has a merge conflict that is not resolved`);
    this.path = path;
  }
}

/** A changed file that can't be stored as git would store it. */
export class UnstorableFile extends Error {
  override readonly name = "UnstorableFile";
  readonly path: string;
  readonly reason: string;
  constructor(path: string, reason: string) {
    super(`${path} can't be stored: ${reason}`);
    this.path = path;
    this.reason = reason;
  }
}

/** What a path is, and how much of it the sink did not have. */
export interface WorkTreeResult {
  /** 40000 for a folder, else the file's, symlink's or gitlink's mode. */
  readonly mode: Mode;
  readonly oid: Oid;
  readonly objects: number;
  readonly bytes: number;
  /** Paths of gitlinks in it, from the work tree's root. */
  readonly submodules: readonly string[];
}

/** What stands at a tracked path: a blob or gitlink by mode and oid, or nothing. */
interface Present {
  readonly path: string;
  readonly mode: Mode;
  readonly oid: Oid;
}

/** Which entries are looked at: those that git looks at, or all. */
export type Look = "as git does" | "at all";

/**
 * Puts what git tracks at `path` (inside of the work tree, slashes, empty for its root) into the sink, with its edits.
 * Throws PathNotTracked, NoWorkTree, DeletedPath, UnmergedPath, UnstorableFile, UnimportableObject, MalformedIndex, UnsupportedRepository or GitFailed.
 */
export function readWorkTree(
  repository: Repository,
  path: string,
  sink: ObjectSink,
  host: Host,
  look: Look = "as git does",
): WorkTreeResult {
  if (repository.workTree === undefined) throw new NoWorkTree(path);
  const index = readIndex(indexPath(repository));
  const entries = entriesUnder(index, path);
  const scan = new Scan(repository, index, host, sink, look);
  const present = scan.presentEntries(entries);
  const file = present.find((entry) => entry.path === path);
  if (file === undefined && present.length === 0 && path !== "") {
    throw new DeletedPath(path);
  }
  const roots: Root[] = [];
  const trees: { readonly oid: Oid; readonly body: Buffer }[] = [];
  const keep = (entry: Present): void => {
    if (entry.mode !== "160000") roots.push({ kind: "blob", oid: entry.oid, path: entry.path });
  };
  let oid: Oid;
  if (file === undefined) {
    const cached = (folder: string): CachedTree | undefined => scan.cachedTree(folder);
    oid = buildTree(path, present, cached, keep, roots, trees);
  } else {
    keep(file);
    oid = file.oid;
  }
  const imported = importObjects(repository.objects, roots, sink);
  for (const tree of trees) scan.put(tree.oid, "tree", tree.body);
  return {
    mode: file?.mode ?? "40000",
    oid,
    objects: imported.objects + scan.objects,
    bytes: imported.bytes + scan.bytes,
    submodules: file === undefined ? present.filter((each) => each.mode === "160000").map((each) => each.path) : [],
  };
}

function entriesUnder(index: Index, path: string): IndexEntry[] {
  const prefix = path === "" ? "" : `${path}/`;
  const entries = index.entries.filter((entry) => entry.path.startsWith(prefix) || entry.path === path);
  if (entries.length === 0 && path !== "") throw new PathNotTracked(path, "git tracks nothing there");
  const unmerged = entries.find(({ stage }) => stage !== 0);
  if (unmerged !== undefined) throw new UnmergedPath(unmerged.path);
  return entries;
}

/** One look at a work tree: what it found changed decides which of git's cached trees still hold. */
class Scan {
  objects = 0;
  bytes = 0;
  readonly #repository: Repository;
  readonly #workTree: string;
  readonly #index: Index;
  readonly #host: Host;
  readonly #sink: ObjectSink;
  readonly #config: Config;
  readonly #look: Look;
  /** Folders below which something differs from the index. */
  readonly #changed = new Set<string>();
  /** Folders by whether they are folders in the work tree, and not symlinks to one. */
  readonly #folders = new Map<string, boolean>();

  constructor(repository: Repository, index: Index, host: Host, sink: ObjectSink, look: Look) {
    this.#repository = repository;
    this.#workTree = repository.workTree as string;
    this.#index = index;
    this.#host = host;
    this.#sink = sink;
    this.#look = look;
    this.#config = effectiveConfig(repository, host);
  }

  /** The entries with the work tree's content, in the same order, without those that are gone. New blobs are put. */
  presentEntries(entries: readonly IndexEntry[]): Present[] {
    const settled = new Map<IndexEntry, Present | undefined>();
    const modified: { readonly entry: IndexEntry; readonly mode: Mode }[] = [];
    for (const entry of entries) {
      const stat = isHidden(entry) && this.#look !== "at all" ? "unchanged" : this.#compare(entry);
      if (stat === "unchanged") settled.set(entry, entry);
      else if (stat === "gone") settled.set(entry, undefined);
      // Git would give the index's content for it, so it is not asked.
      else if ("unread" in stat && isHidden(entry)) settled.set(entry, this.#asItStands(entry, stat.unread));
      else if ("unread" in stat) modified.push({ entry, mode: stat.unread });
      else settled.set(entry, stat);
    }
    const gone = entries.filter(
      (entry) => isAttributes(entry.path) && settled.has(entry) && !settled.get(entry) && !isHidden(entry),
    );
    this.#settleFiles(modified, gone, settled);
    const present: Present[] = [];
    for (const entry of entries) {
      const now = settled.get(entry);
      if (now?.oid !== entry.oid || now.mode !== entry.mode || entry.intentToAdd) this.#markChanged(entry.path);
      if (now !== undefined) present.push(now);
    }
    return present;
  }

  /** Git's cached tree of a folder, when nothing below changed and the tree is really there. */
  cachedTree(folder: string): CachedTree | undefined {
    if (this.#changed.has(folder)) return undefined;
    const cached = this.#index.cachedTrees.get(folder);
    if (cached === undefined) return undefined;
    const isHere = this.#sink.kindOf(cached.oid) === "tree" || this.#repository.objects.has(cached.oid);
    return isHere ? cached : undefined;
  }

  /** Puts what the sink does not have yet. */
  put(name: Oid, kind: "blob" | "tree", body: Uint8Array): void {
    if (this.#sink.kindOf(name) !== undefined) return;
    this.#sink.putChecked(name, kind, body);
    this.objects++;
    this.bytes += body.length;
  }

  /** What an entry's file is now; a regular file that has to be read is given as its mode alone. */
  #compare(entry: IndexEntry): "unchanged" | "gone" | Present | { readonly unread: Mode } {
    const file = filePath(this.#workTree, entry.path);
    const stat = this.#isFolder(folderOf(entry.path)) ? lstatOf(file) : undefined;
    if (stat === undefined) return "gone";
    if (stat.isDirectory()) return this.#compareFolder(entry);
    const mode = this.#modeOf(entry, stat);
    if (mode === undefined) throw new UnstorableFile(entry.path, "it is neither a file nor a symlink nor a folder");
    if (mode === entry.mode && !entry.intentToAdd && this.#looksUnchanged(entry, stat)) return "unchanged";
    if (!stat.isSymbolicLink()) {
      if (stat.size > objectBytesMax) throw new UnstorableFile(entry.path, "it is larger than any object may be");
      return { unread: mode };
    }
    const text = readlinkSync(file, "buffer");
    const oid = hashObject("blob", text);
    this.put(oid, "blob", text);
    return { path: entry.path, mode, oid };
  }

  /** A folder where a gitlink is tracked, or where a file was: another repository is a gitlink, anything else untracked. */
  #compareFolder(entry: IndexEntry): "unchanged" | "gone" | Present {
    const folder = filePath(this.#workTree, entry.path);
    const head = typeof folder === "string" ? headAt(folder) : undefined;
    if (head !== undefined) return { path: entry.path, mode: "160000", oid: head };
    return entry.mode === "160000" ? "unchanged" : "gone";
  }

  #modeOf(entry: IndexEntry, stat: BigIntStats): Mode | undefined {
    if (stat.isSymbolicLink()) return "120000";
    if (!stat.isFile()) return undefined;
    if (entry.mode === "120000" && !configFlag(this.#config, "core.symlinks", true)) return "120000";
    if (configFlag(this.#config, "core.filemode", true)) return (stat.mode & 0o100n) === 0n ? "100644" : "100755";
    return entry.mode === "100755" ? "100755" : "100644";
  }

  #looksUnchanged(entry: IndexEntry, stat: BigIntStats): boolean {
    const minimal = configText(this.#config, "core.checkstat") === "minimal";
    const mtime = Number(BigInt.asUintN(32, stat.mtimeNs / second));
    if (mtime !== entry.mtime || Number(BigInt.asUintN(32, stat.size)) !== entry.size) return false;
    // Git writes size 0 for an entry that it could not tell from a changed one.
    if (entry.size === 0 && entry.oid !== emptyBlob) return false;
    if (mtime >= this.#index.written) return false;
    if (minimal) return true;
    if (Number(stat.mtimeNs % second) !== entry.mtimeNs) return false;
    if (Number(BigInt.asUintN(32, stat.ino)) !== entry.inode) return false;
    if (!configFlag(this.#config, "core.trustctime", true)) return true;
    const ctime = Number(BigInt.asUintN(32, stat.ctimeNs / second));
    return ctime === entry.ctime && Number(stat.ctimeNs % second) === entry.ctimeNs;
  }

  /**
   * Reads regular files, or has git read them when it might convert one. Git also has to be told which attribute files
   * are gone, or it would go on reading them in the index.
   */
  #settleFiles(
    modified: readonly { readonly entry: IndexEntry; readonly mode: Mode }[],
    goneAttributes: readonly IndexEntry[],
    settled: Map<IndexEntry, Present | undefined>,
  ): void {
    const [first] = modified;
    if (first === undefined) return;
    if (this.#mayConvert(modified.map(({ entry }) => entry))) {
      const byPath = new Map(modified.map(({ entry }) => [entry.path, entry]));
      const paths = [...goneAttributes.map(({ path }) => path), ...byPath.keys()];
      const asked = cleanFiles(this.#repository, this.#host, paths, this.#index.written, (clean) => {
        const entry = byPath.get(clean.path);
        if (entry === undefined) return;
        this.put(clean.oid, "blob", clean.object.body);
        settled.set(entry, { path: clean.path, mode: clean.mode, oid: clean.oid });
      });
      if (asked) return;
      throw new UnstorableFile(first.entry.path, "git might convert it, and there is no git here to ask");
    }
    for (const { entry, mode } of modified) settled.set(entry, this.#asItStands(entry, mode));
  }

  #asItStands({ path }: IndexEntry, mode: Mode): Present {
    const body = readFileSync(filePath(this.#workTree, path));
    const oid = hashObject("blob", body);
    this.put(oid, "blob", body);
    return { path, mode, oid };
  }

  #mayConvert(entries: readonly IndexEntry[]): boolean {
    const folders = new Set(entries.map(({ path }) => folderOf(path)));
    const attributes = new Map<string, Oid>();
    for (const { path, oid } of this.#index.entries) {
      if (isAttributes(path)) attributes.set(path, oid);
    }
    return mayConvert(this.#repository, this.#config, this.#host, folders, (path) => attributes.get(path));
  }

  /** Whether all of a path's folders are folders: git tracks nothing behind a symlink. */
  #isFolder(folder: string): boolean {
    if (folder === "") return true;
    const known = this.#folders.get(folder);
    if (known !== undefined) return known;
    // From the top down, so that no symlink on the way is followed; each folder is looked at once.
    let is = true;
    for (let slash = folder.indexOf("/"); is; slash = folder.indexOf("/", slash + 1)) {
      const at = slash < 0 ? folder : folder.slice(0, slash);
      is = this.#folders.get(at) ?? lstatOf(filePath(this.#workTree, at))?.isDirectory() === true;
      this.#folders.set(at, is);
      if (slash < 0) break;
    }
    this.#folders.set(folder, is);
    return is;
  }

  #markChanged(path: string): void {
    for (let at = folderOf(path); !this.#changed.has(at); at = folderOf(at)) {
      this.#changed.add(at);
      if (at === "") break;
    }
  }
}

const second = 1_000_000_000n;

/** Whether the person told git not to look at it. */
function isHidden({ assumeValid, skipWorkTree }: IndexEntry): boolean {
  return assumeValid || skipWorkTree;
}

function isAttributes(path: string): boolean {
  return path === ".gitattributes" || path.endsWith("/.gitattributes");
}

function folderOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf("/")));
}

/** The commit that is checked out in the repository at exactly `folder`, if there is one. */
function headAt(folder: string): Oid | undefined {
  const inner = repositoryAt(folder);
  if (inner === undefined) return undefined;
  inner.objects.close();
  return readRef(inner, "HEAD");
}

interface OpenFolder {
  readonly above: OpenFolder | undefined;
  readonly prefix: string;
  readonly name: string;
  readonly entries: TreeEntry[];
}

/**
 * The tree of `present` (in index order, all under `path`). Folders that `cached` knows become roots to import; the
 * other trees are added to `trees`, children first; `keep` is told each entry that stands in one of those.
 */
function buildTree(
  path: string,
  present: readonly Present[],
  cached: (folder: string) => CachedTree | undefined,
  keep: (entry: Present) => void,
  roots: Root[],
  trees: { readonly oid: Oid; readonly body: Buffer }[],
): Oid {
  const top: OpenFolder = { above: undefined, prefix: path === "" ? "" : `${path}/`, name: "", entries: [] };
  const whole = spanOf(path, top.prefix, present, 0, cached);
  if (whole !== undefined && whole.entries === present.length) {
    roots.push({ kind: "tree", oid: whole.oid, path });
    return whole.oid;
  }
  const close = (folder: OpenFolder): Oid => {
    const body = encodeTree(folder.entries);
    const oid = hashObject("tree", body);
    trees.push({ oid, body });
    folder.above?.entries.push({ mode: "40000", name: folder.name, oid });
    return oid;
  };
  let folder = top;
  for (let at = 0; at < present.length;) {
    const entry = present[at] as Present;
    while (folder.above !== undefined && !entry.path.startsWith(folder.prefix)) {
      close(folder);
      folder = folder.above;
    }
    const slash = entry.path.indexOf("/", folder.prefix.length);
    if (slash < 0) {
      folder.entries.push({ mode: entry.mode, name: entry.path.slice(folder.prefix.length), oid: entry.oid });
      keep(entry);
      at++;
      continue;
    }
    const inner = entry.path.slice(0, slash);
    const name = inner.slice(folder.prefix.length);
    const span = spanOf(inner, `${inner}/`, present, at, cached);
    if (span === undefined) {
      folder = { above: folder, prefix: `${inner}/`, name, entries: [] };
    } else {
      roots.push({ kind: "tree", oid: span.oid, path: inner });
      folder.entries.push({ mode: "40000", name, oid: span.oid });
      at += span.entries;
    }
  }
  for (; folder.above !== undefined; folder = folder.above) close(folder);
  return close(top);
}

/** The cached tree of a folder, if it covers exactly the entries from `start` on that are below the folder. */
function spanOf(
  folder: string,
  prefix: string,
  present: readonly Present[],
  start: number,
  cached: (folder: string) => CachedTree | undefined,
): CachedTree | undefined {
  const tree = cached(folder);
  if (tree === undefined || tree.entries === 0) return undefined;
  const last = present[start + tree.entries - 1];
  const after = present[start + tree.entries];
  const covers = last?.path.startsWith(prefix) === true && after?.path.startsWith(prefix) !== true;
  return covers ? tree : undefined;
}
