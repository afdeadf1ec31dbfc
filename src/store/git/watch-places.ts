/**
 * Where a change of files can change what an import gives: folders, and the names in each that matter. Only what git tracks is named, so ignored
 * and untracked files cost nothing, however many they are. A file that becomes tracked, or is not any more, changes the index, which is among the places; then they are to be asked for anew.
 *
 * Not among them: settings and attributes that stand outside of the work tree, and objects.
 */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { indexPath, readIndex } from "./index-file.ts";
import { PathNotTracked, repositoryAt, type Repository } from "./repository.ts";

export interface WatchPlace {
  /** An absolute path, in which names that are not UTF-8 stand as in trees. It need not exist. */
  readonly folder: string;
  /** Names in the folder; undefined for all. */
  readonly names: ReadonlySet<string> | undefined;
}

export interface WatchPlaces {
  readonly places: readonly WatchPlace[];
  /** While this file exists, git is at work on the index and, it may be, the files. */
  readonly lock: string;
}

/** The places for what git tracks at `path` (inside of the work tree, slashes, empty for its root). Throws PathNotTracked, MalformedIndex or UnsupportedRepository. */
export function workTreePlaces(repository: Repository, path: string): WatchPlaces {
  const { workTree } = repository;
  if (workTree === undefined) throw new PathNotTracked(path, "the repository has no work tree");
  const absolute = (folder: string) => (folder === "" ? workTree : `${workTree}/${folder}`);
  const namesIn = new Map<string, Set<string>>();
  const places: WatchPlace[] = [];
  const add = (tracked: string): void => {
    for (let at = tracked; at !== "";) {
      const slash = at.lastIndexOf("/");
      const folder = at.slice(0, Math.max(0, slash));
      const names = namesIn.get(folder);
      if (names !== undefined) {
        names.add(at.slice(slash + 1));
        return;
      }
      // Attributes decide how a file is stored, whether they are tracked or not.
      namesIn.set(folder, new Set([at.slice(slash + 1), ".gitattributes"]));
      at = folder;
    }
  };
  add(path);
  const index = indexPath(repository);
  for (const entry of readIndex(index).entries) {
    if (path !== "" && entry.path !== path && !entry.path.startsWith(`${path}/`)) continue;
    add(entry.path);
    if (entry.mode === "160000") places.push(...gitlinkPlaces(absolute(entry.path)));
  }
  for (const [folder, names] of namesIn) places.push({ folder: absolute(folder), names });
  places.push({ folder: repository.gitFolder, names: new Set(["index"]) });
  return { places, lock: `${index}.lock` };
}

/** A gitlink is the commit that its folder's own repository has checked out. Whatever changes that also writes other files beside HEAD. */
function gitlinkPlaces(folder: string): WatchPlace[] {
  const dotGit = { folder, names: new Set([".git"]) };
  const inner = folder.isWellFormed() ? repositoryAt(folder) : undefined;
  if (inner === undefined) return [dotGit];
  inner.objects.close();
  return [dotGit, { folder: inner.gitFolder, names: undefined }];
}

/** The places for revisions: all refs, since a revision may go by way of several. */
export function revisionPlaces(repository: Repository): WatchPlaces {
  const { gitFolder, commonFolder } = repository;
  const refs = [...new Set([gitFolder, commonFolder])].flatMap((folder) => foldersBelow(join(folder, "refs")));
  const places = [
    { folder: gitFolder, names: undefined },
    { folder: commonFolder, names: new Set(["packed-refs"]) },
    ...refs.map((folder) => ({ folder, names: undefined })),
  ];
  return { places, lock: `${indexPath(repository)}.lock` };
}

function foldersBelow(folder: string): string[] {
  if (!existsSync(folder)) return [];
  const inner = readdirSync(folder, { withFileTypes: true, recursive: true }).filter((entry) => entry.isDirectory());
  return [folder, ...inner.map((entry) => join(entry.parentPath, entry.name))];
}
