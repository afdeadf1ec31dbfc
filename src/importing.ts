/**
 * Brings what git names into a store: a path in a work tree with its uncommitted edits, or a path in a revision. The object's name is git's own.
 */
import { resolve } from "node:path";
import type { Oid } from "./store/oid.ts";
import type { Store } from "./store/store.ts";
import { MalformedTree, encodeTree, type Mode } from "./store/tree.ts";
import { FolderInUse, UnsafeName } from "./store/git/checkout.ts";
import { MalformedConfig } from "./store/git/config.ts";
import type { Host } from "./store/git/conversion.ts";
import { putFilesInto, putFolder } from "./store/git/folder-files.ts";
import { GitFailed } from "./store/git/git-process.ts";
import { UnimportableObject, importObjects } from "./store/git/import-tree.ts";
import { MalformedIndex } from "./store/git/index-file.ts";
import type { ObjectSink } from "./store/git/object-sink.ts";
import { CorruptGitObject } from "./store/git/object-database.ts";
import { MalformedPack } from "./store/git/pack-index.ts";
import {
  NoWorkTree,
  NotARepository,
  PathNotTracked,
  UnsupportedRepository,
  insideWorkTree,
  objectsFolderOf,
  openRepository,
  type Repository,
} from "./store/git/repository.ts";
import { AmbiguousRevision, MissingGitObject, UnknownRevision, resolveTree } from "./store/git/revision.ts";
import { untrackedPaths } from "./store/git/untracked.ts";
import { submodulesOf } from "./store/git/submodules.ts";
import { ChangedMeanwhile, ConvertedFile, SubmoduleChanged } from "./store/git/write-back.ts";
import { revisionPlaces, workTreePlaces, type WatchPlaces } from "./store/git/watch-places.ts";
import {
  DeletedPath,
  UnmergedPath,
  UnstorableFile,
  readWorkTree,
  type Look,
  type WorkTreeResult,
} from "./store/git/work-tree.ts";

export { checkoutTree } from "./store/git/checkout.ts";
export { writeBack, type WriteBackCounts } from "./store/git/write-back.ts";
export { NoWorkTree, NotARepository, PathNotTracked } from "./store/git/repository.ts";
export { DeletedPath } from "./store/git/work-tree.ts";

/** What was imported. A gitlink comes as the blob of its commit's 40 hex digits. */
export interface Imported {
  readonly kind: "blob" | "tree";
  readonly oid: Oid;
  /** Objects that the store did not have, and their bytes. */
  readonly objects: number;
  readonly bytes: number;
  /** Paths of submodules in it, from the root of the work tree or revision: their contents are not there. */
  readonly submodules: readonly string[];
}

/** Copies all, or only what git has not (edits): the rest is read from the repository when it is first needed. */
export type ImportHow = "copying" | "borrowing";

/** Imports `path`, or with `rev` (`REV` or `REV:PATH`) what that names in the repository that `path` is in. Committed when this returns. */
export function importInto(store: Store, path: string, rev: string | undefined, how: ImportHow, host: Host): Imported {
  return withRepository(path, (repository) => {
    // Before its objects can be read: what only looks like a repository (a tree may hold one's files) names any folder of the machine.
    const inside = rev === undefined ? insideWorkTree(repository, path) : undefined;
    if (how === "borrowing") store.addSource(objectsFolderOf(repository));
    const sink = how === "borrowing" ? store : store.copying;
    const imported =
      rev === undefined
        ? readWorkTree(repository, inside as string, sink, host)
        : importRevision(sink, repository, rev);
    const { objects, bytes, submodules } = imported;
    const found = rootOf(store, imported.mode, imported.oid);
    store.flush();
    return { ...found, objects, bytes, submodules };
  });
}

/** Paths at or below `path` that git does not track and does not ignore; undefined when there is no git to ask, none where there is no work tree. */
export async function untrackedBelow(path: string, host: Host): Promise<readonly string[] | undefined> {
  return withRepository(path, (repository) =>
    repository.workTree === undefined ? [] : untrackedPaths(repository, insideWorkTree(repository, path), host),
  );
}

/** A folder as a command is to see it. */
export interface ImportedFolder {
  readonly oid: Oid;
  /** Whether git said what belongs to it; else all that stands there does. */
  readonly how: "work tree" | "whole";
  /** Whether git could be asked for files that it does not track: without them, only tracked ones are there. */
  readonly isComplete: boolean;
  /** Paths of what no tree can hold, from the folder: pipes, sockets, devices. They are left out. */
  readonly unstorable: readonly string[];
  /** Folders that git may not look into, from the work tree's root: what is there and not tracked is left out. */
  readonly unread: readonly string[];
  /** What git does not know, from the work tree's root, with a slash at the end, and is left out: empty folders, and other repositories. */
  readonly unknown: readonly string[];
  /** Paths of submodules, from the work tree's root: their contents are not there. */
  readonly submodules: readonly string[];
}

/**
 * Stores a folder as it stands: in a git work tree what git tracks there, with its edits, and what it neither tracks nor ignores; anywhere else, and where git tracks and knows nothing (an ignored folder), all
 * that is in it. What git has is borrowed. Committed when this returns. With `look` "at all", what git is told not to look at stands in it as it is in the folder, too.
 */
export async function importFolderInto(store: Store, path: string, host: Host, look?: Look): Promise<ImportedFolder> {
  let repository: Repository;
  try {
    repository = openRepository(path);
  } catch (error) {
    if (!(error instanceof NotARepository)) throw error;
    return wholeFolder(store, path);
  }
  try {
    const { workTree } = repository;
    const inside = insideWorkTree(repository, path);
    if (workTree === undefined) throw new NoWorkTree(path);
    store.addSource(objectsFolderOf(repository));
    const tracked = trackedTree(store, repository, inside, host, look);
    const prefix = inside === "" ? "" : `${inside}/`;
    const [unstorable, unread, unknown]: [string[], string[], string[]] = [[], [], []];
    const untracked = await untrackedPaths(repository, inside, host, "files", {
      unread: (each) => unread.push(each),
      empty: (each) => unknown.push(`${each}/`),
    });
    const below = (untracked ?? []).filter((each) => each.startsWith(prefix));
    unknown.push(...below.filter((each) => each.endsWith("/")));
    const paths = below.map((each) => each.slice(prefix.length));
    if (tracked === undefined && paths.length === 0) return wholeFolder(store, path);
    const folder = inside === "" ? workTree : `${workTree}/${inside}`;
    const { oid: start, submodules } = tracked ?? { oid: store.put("tree", encodeTree([])), submodules: [] };
    const oid = putFilesInto(store, start, folder, paths, (each) => unstorable.push(each));
    store.flush();
    return { oid, how: "work tree", isComplete: untracked !== undefined, unstorable, unread, unknown, submodules };
  } finally {
    repository.objects.close();
  }
}

function wholeFolder(store: Store, path: string): ImportedFolder {
  const unstorable: string[] = [];
  const oid = putFolder(store, resolve(path), (each) => unstorable.push(each));
  store.flush();
  return { oid, how: "whole", isComplete: true, unstorable, unread: [], unknown: [], submodules: [] };
}

/** Undefined where git tracks nothing, or nothing of it is left. */
function trackedTree(
  store: Store,
  repository: Repository,
  inside: string,
  host: Host,
  look?: Look,
): WorkTreeResult | undefined {
  try {
    const tracked = readWorkTree(repository, inside, store, host, look);
    return tracked.mode === "40000" ? tracked : undefined;
  } catch (error) {
    if (error instanceof PathNotTracked || error instanceof DeletedPath) return undefined;
    throw error;
  }
}

/** Where a change can change what `importInto` of the same path and revision gives. */
export function watchPlaces(path: string, rev: string | undefined): WatchPlaces {
  return withRepository(path, (repository) =>
    rev === undefined ? workTreePlaces(repository, insideWorkTree(repository, path)) : revisionPlaces(repository),
  );
}

function withRepository<T>(path: string, work: (repository: Repository) => T): T {
  const repository = openRepository(path);
  try {
    return work(repository);
  } finally {
    repository.objects.close();
  }
}

function importRevision(sink: ObjectSink, repository: Repository, rev: string) {
  const { mode, oid } = resolveTree(repository, rev);
  if (mode === "160000") return { mode, oid, objects: 0, bytes: 0, submodules: [] };
  const kind = mode === "40000" ? "tree" : "blob";
  const counts = importObjects(repository.objects, [{ kind, oid, path: "" }], sink);
  return { mode, oid, ...counts, submodules: kind === "tree" ? submodulesOf(repository, rev) : [] };
}

function rootOf(store: Store, mode: Mode, oid: Oid): Pick<Imported, "kind" | "oid"> {
  if (mode === "40000") return { kind: "tree", oid };
  return { kind: "blob", oid: mode === "160000" ? store.put("blob", Buffer.from(oid, "latin1")) : oid };
}

const usageFaults = [
  NotARepository,
  UnsupportedRepository,
  PathNotTracked,
  NoWorkTree,
  DeletedPath,
  UnknownRevision,
  AmbiguousRevision,
  UnmergedPath,
  UnstorableFile,
  FolderInUse,
  UnsafeName,
  ChangedMeanwhile,
  ConvertedFile,
  SubmoduleChanged,
  MalformedConfig,
] as const;
const hostFaults = [
  MalformedTree,
  CorruptGitObject,
  MissingGitObject,
  UnimportableObject,
  MalformedIndex,
  MalformedPack,
  GitFailed,
] as const;

/** Whether an error of importing or checking out is the user's to mend ("usage") or the repository's state ("host"); undefined for any other error. */
export function importFault(error: unknown): "usage" | "host" | undefined {
  if (usageFaults.some((each) => error instanceof each)) return "usage";
  return hostFaults.some((each) => error instanceof each) ? "host" : undefined;
}
