/**
 * Brings what git names into a store: a path in a work tree with its uncommitted edits, or a path in a revision. The object's name is git's own.
 */
import type { Oid } from "./store/oid.ts";
import type { Store } from "./store/store.ts";
import { MalformedTree, type Mode } from "./store/tree.ts";
import { FolderInUse, UnsafeName } from "./store/git/checkout.ts";
import { MalformedConfig } from "./store/git/config.ts";
import type { Host } from "./store/git/conversion.ts";
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
import { revisionPlaces, workTreePlaces, type WatchPlaces } from "./store/git/watch-places.ts";
import { DeletedPath, UnmergedPath, UnstorableFile, readWorkTree } from "./store/git/work-tree.ts";

export { checkoutTree } from "./store/git/checkout.ts";
export { NoWorkTree, NotARepository, PathNotTracked } from "./store/git/repository.ts";
export { DeletedPath } from "./store/git/work-tree.ts";

/** What was imported. A gitlink comes as the blob of its commit's 40 hex digits. */
export interface Imported {
  readonly kind: "blob" | "tree";
  readonly oid: Oid;
  /** Objects that the store did not have, and their bytes. */
  readonly objects: number;
  readonly bytes: number;
}

/** Copies all, or only what git has not (edits): the rest is read from the repository when it is first needed. */
export type ImportHow = "copying" | "borrowing";

/** Imports `path`, or with `rev` (`REV` or `REV:PATH`) what that names in the repository that `path` is in. Committed when this returns. */
export function importInto(store: Store, path: string, rev: string | undefined, how: ImportHow, host: Host): Imported {
  return withRepository(path, (repository) => {
    if (how === "borrowing") store.addSource(objectsFolderOf(repository));
    const sink = how === "borrowing" ? store : store.copying;
    const imported =
      rev === undefined
        ? readWorkTree(repository, insideWorkTree(repository, path), sink, host)
        : importRevision(sink, repository, rev);
    const { objects, bytes } = imported;
    const found = rootOf(store, imported.mode, imported.oid);
    store.flush();
    return { ...found, objects, bytes };
  });
}

/** Paths at or below `path` that git does not track and does not ignore; undefined when there is no git to ask, none where there is no work tree. */
export async function untrackedBelow(path: string, host: Host): Promise<readonly string[] | undefined> {
  return withRepository(path, (repository) =>
    repository.workTree === undefined ? [] : untrackedPaths(repository, insideWorkTree(repository, path), host),
  );
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
  if (mode === "160000") return { mode, oid, objects: 0, bytes: 0 };
  const kind = mode === "40000" ? "tree" : "blob";
  return { mode, oid, ...importObjects(repository.objects, [{ kind, oid, path: "" }], sink) };
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
