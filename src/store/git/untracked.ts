/**
 * Files that git neither tracks nor ignores. What is ignored is git's to say, so git is asked, unless nothing stands there but what is tracked: to look takes
 * 2 ms in a small repository, to ask git 8.
 */
import { readdirSync, type Dirent } from "node:fs";
import { decodeName } from "../tree.ts";
import type { Host } from "./conversion.ts";
import { isAbsent, lstatOf } from "./file-path.ts";
import { askGit } from "./git-process.ts";
import { MalformedIndex, indexPath, readIndex, type IndexEntry } from "./index-file.ts";
import { UnsupportedRepository, type Repository } from "./repository.ts";

/** With a larger index (of some 10,000 files) git is asked at once, since it looks while we do other things. */
const lookedAtIndexBytesMax = 1024 * 1024;

/**
 * Untracked paths at or below `path` (inside of the work tree, empty for its root): folders with a slash at the end and not what is in them, or each file (then a folder is a repository of
 * its own). `unread` is told the folders that git may not look into, which are left out. Undefined when there is no git to ask or no work tree. Rejects with GitFailed.
 */
export async function untrackedPaths(
  repository: Repository,
  path: string,
  host: Host,
  as: "folders" | "files" = "folders",
  unread: (folder: string) => void = () => undefined,
): Promise<string[] | undefined> {
  if (repository.workTree === undefined) return undefined;
  if (isAllTracked(repository, repository.workTree, path)) return [];
  const answer = await askGit({
    args: [
      "--literal-pathspecs",
      "ls-files",
      "-z",
      "--others",
      "--exclude-standard",
      ...(as === "folders" ? ["--directory"] : []),
      "--",
      path || ".",
    ],
    folder: repository.workTree,
    environment: host.variables,
    extra: {},
  });
  if (answer === undefined) return undefined;
  const { printed, said } = answer;
  for (const [, folder] of said.matchAll(/^warning: could not open directory '(.*?)\/?': /gm)) unread(folder as string);
  const paths: string[] = [];
  for (let at = 0; at < printed.length;) {
    const nul = printed.indexOf(0, at);
    const end = nul < 0 ? printed.length : nul;
    paths.push(decodeName(printed.subarray(at, end)));
    at = end + 1;
  }
  return paths;
}

/** Names in a folder; true for folders and gitlinks. */
type Names = Map<string, boolean>;

/** True when all that stands in the folder `path` and below is tracked, as the file or folder that it is. False says nothing. */
function isAllTracked(repository: Repository, workTree: string, path: string): boolean {
  const entries = smallIndex(repository);
  if (entries === undefined) return false;
  const folders = trackedFolders(entries);
  if (!folders.has(path)) return false;
  for (const [folder, names] of folders) {
    if (folder !== path && path !== "" && !folder.startsWith(`${path}/`)) continue;
    if (!folder.isWellFormed()) return false;
    for (const entry of entriesOf(workTree, folder)) {
      const { name } = entry;
      if (folder === "" && name === ".git") continue;
      // Bytes that are not UTF-8 are read as this character too.
      if (names.get(name) !== entry.isDirectory() || name.includes("\ufffd")) return false;
    }
  }
  return true;
}

/** The index's entries, unless it is large, or importing will say what is wrong with it. */
function smallIndex(repository: Repository): readonly IndexEntry[] | undefined {
  const file = indexPath(repository);
  if ((lstatOf(file)?.size ?? 0n) > lookedAtIndexBytesMax) return undefined;
  try {
    return readIndex(file).entries;
  } catch (error) {
    if (error instanceof MalformedIndex || error instanceof UnsupportedRepository) return undefined;
    throw error;
  }
}

/** Every folder that holds something tracked, by its path. */
function trackedFolders(entries: readonly IndexEntry[]): ReadonlyMap<string, Names> {
  const folders = new Map<string, Names>([["", new Map()]]);
  const add = (path: string, isFolder: boolean): void => {
    const slash = path.lastIndexOf("/");
    const folder = path.slice(0, Math.max(0, slash));
    let names = folders.get(folder);
    if (names === undefined) {
      names = new Map();
      folders.set(folder, names);
      add(folder, true);
    }
    names.set(path.slice(slash + 1), isFolder);
  };
  for (const { path, mode } of entries) add(path, mode === "160000");
  return folders;
}

function entriesOf(workTree: string, folder: string): readonly Dirent[] {
  try {
    return readdirSync(`${workTree}/${folder}`, { withFileTypes: true });
  } catch (error) {
    // What is gone is not untracked.
    if (isAbsent(error)) return [];
    throw error;
  }
}
