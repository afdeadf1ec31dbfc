/**
 * Files that git neither tracks nor ignores. What is ignored is git's to say, so git is asked, unless nothing stands there but what is tracked: to look takes
 * 2 ms in a small repository, to ask git 8.
 *
 * Git passes pipes, sockets and devices by without a word. Who is told what was left out is to hear of them, so they are looked for while git looks for files, and git is asked a second time where there are some.
 */
import { readdirSync, type Dirent } from "node:fs";
import { decodeName } from "../tree.ts";
import type { Host } from "./conversion.ts";
import { errorCode, isAbsent, lstatOf } from "./file-path.ts";
import { GitFailed, askGit, runGit } from "./git-process.ts";
import { MalformedIndex, indexPath, readIndex, type IndexEntry } from "./index-file.ts";
import { UnsupportedRepository, type Repository } from "./repository.ts";

/** With a larger index (of some 10,000 files) git is asked at once, since it looks while we do other things. */
const lookedAtIndexBytesMax = 1024 * 1024;

/** Each is called with a folder, from the work tree's root. */
export interface Told {
  /** Git may not look into it. */
  readonly unread?: (folder: string) => void;
  /** It has no file in it nor below, and git does not ignore it; of such folders within each other the outermost. When each file is asked for. */
  readonly empty?: (folder: string) => void;
}

/**
 * Untracked paths at or below `path` (inside of the work tree, empty for its root), pipes, sockets and devices last: folders with a slash at the end and not what is in them, or each file (then a folder is a repository of
 * its own). `told` hears of what is left out beside it. Undefined when there is no git to ask or no work tree. Rejects with GitFailed.
 */
export async function untrackedPaths(
  repository: Repository,
  path: string,
  host: Host,
  as: "folders" | "files" = "folders",
  told: Told = {},
): Promise<string[] | undefined> {
  if (repository.workTree === undefined) return undefined;
  const small = isSmall(repository) ? trackedIn(repository) : undefined;
  if (small !== undefined && isAllTracked(small, repository.workTree, path)) return [];
  const asked = askGit({
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
  // It is waited for below; until then nobody may be left to hear of a refusal.
  asked.catch(() => undefined);
  const looked = specialPaths(repository.workTree, [path], small ?? trackedIn(repository) ?? new Map());
  const answer = await asked;
  if (answer === undefined) return undefined;
  const { printed, said } = answer;
  for (const [, folder] of said.matchAll(/^warning: could not open directory '(.*?)\/?': /gm))
    told.unread?.(folder as string);
  const paths: string[] = [];
  for (let at = 0; at < printed.length;) {
    const nul = printed.indexOf(0, at);
    const end = nul < 0 ? printed.length : nul;
    paths.push(decodeName(printed.subarray(at, end)));
    at = end + 1;
  }
  const listed = as === "files" ? foldersOf(paths) : new Set<string>();
  const below = specialPaths(
    repository.workTree,
    looked.passed.filter((folder) => listed.has(folder)),
    new Map([...listed].map((folder) => [folder, new Map()])),
  );
  const whole = paths.filter((each) => each.endsWith("/"));
  const found = new Set([...looked.found, ...below.found]);
  const alone = [...found].toSorted().filter((each) => !whole.some((folder) => each.startsWith(folder)));
  const empty =
    as === "files" && told.empty !== undefined ? [...looked.empty, ...below.empty].map((each) => `${each}/`) : [];
  const kept = new Set(withoutIgnored([...alone, ...empty], repository.workTree, host));
  for (const each of empty.toSorted()) if (kept.has(each)) told.empty?.(each.slice(0, -1));
  return [...paths, ...alone.filter((each) => kept.has(each))];
}

/** The folders that paths are in. */
function foldersOf(paths: readonly string[]): ReadonlySet<string> {
  const folders = new Set<string>();
  for (const path of paths) {
    for (let at = path.lastIndexOf("/"); at > 0; at = path.lastIndexOf("/", at - 1)) {
      const folder = path.slice(0, at);
      if (folders.has(folder)) break;
      folders.add(folder);
    }
  }
  return folders;
}

/** The paths that git does not ignore. Throws GitFailed. */
function withoutIgnored(paths: readonly string[], folder: string, host: Host): readonly string[] {
  if (paths.length === 0) return paths;
  const args = ["check-ignore", "-z", "--stdin"];
  const input = Buffer.from(paths.map((each) => `${each}\0`).join(""), "utf8");
  try {
    const ignored = runGit({ args, folder, environment: host.variables, extra: {}, input });
    const names = new Set(ignored?.toString("utf8").split("\0"));
    return paths.filter((each) => !names.has(each));
  } catch (error) {
    // Its way of saying that none is.
    if (error instanceof GitFailed && error.status === 1) return paths;
    throw error;
  }
}

/**
 * Pipes, sockets and devices in these folders and below them. A folder that is not among the `known` ones is looked into, and left when a file is in it: it may be an ignored one, with very much in it. These are `passed`. A name that
 * is not UTF-8 counts as not there. `empty` are the outermost folders below these in which nothing is but folders; a known one is none.
 */
function specialPaths(
  workTree: string,
  folders: readonly string[],
  known: ReadonlyMap<string, Names>,
): { readonly found: readonly string[]; readonly passed: readonly string[]; readonly empty: readonly string[] } {
  const found: string[] = [];
  const passed: string[] = [];
  const seen: string[] = [];
  const filled = new Set<string>(folders);
  const fill = (folder: string) => {
    for (let at = folder; !filled.has(at); at = at.slice(0, Math.max(0, at.lastIndexOf("/")))) filled.add(at);
  };
  const open = [...folders];
  for (let folder = open.pop(); folder !== undefined; folder = open.pop()) {
    const names = known.get(folder);
    const all = readableEntries(workTree, folder);
    const entries = (all ?? []).filter(({ name }) => !name.includes("\ufffd"));
    const isRepository = entries.some(({ name }) => name === ".git");
    seen.push(folder);
    if (names !== undefined || entries.length !== all?.length || entries.some((entry) => !entry.isDirectory()))
      fill(folder);
    if (isRepository && folder !== "") {
      fill(folder);
      continue;
    }
    const at = (entry: Dirent) => (folder === "" ? entry.name : `${folder}/${entry.name}`);
    for (const entry of entries) {
      if (!isStored(entry) && !entry.isDirectory() && names?.has(entry.name) !== true) found.push(at(entry));
      // What is tracked as a folder, and has nothing tracked in it, is a submodule.
      if (entry.isDirectory() && names?.get(entry.name) === true) fill(at(entry));
    }
    if (names === undefined && entries.some(isStored)) passed.push(folder);
    else open.push(...entries.filter((entry) => entry.isDirectory() && entry.name !== ".git").map(at));
  }
  const isOutermost = (folder: string) => filled.has(folder.slice(0, Math.max(0, folder.lastIndexOf("/"))));
  return { found, passed, empty: seen.filter((folder) => !filled.has(folder) && isOutermost(folder)) };
}

/** Names in a folder; true for folders and gitlinks. */
type Names = Map<string, boolean>;

/** True when all that stands in the folder `path` and below is tracked, as the file or folder that it is. False says nothing. */
function isAllTracked(folders: ReadonlyMap<string, Names>, workTree: string, path: string): boolean {
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

function isSmall(repository: Repository): boolean {
  return (lstatOf(indexPath(repository))?.size ?? 0n) <= lookedAtIndexBytesMax;
}

/** Undefined for an index of which importing will say what is wrong with it. */
function trackedIn(repository: Repository): ReadonlyMap<string, Names> | undefined {
  try {
    return trackedFolders(readIndex(indexPath(repository)).entries);
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

function isStored(entry: Dirent): boolean {
  return entry.isFile() || entry.isSymbolicLink();
}

/** Undefined for a folder that may not be read: git tells of it. */
function readableEntries(workTree: string, folder: string): readonly Dirent[] | undefined {
  try {
    return entriesOf(workTree, folder);
  } catch (error) {
    if (errorCode(error) === "EACCES" || errorCode(error) === "EPERM") return undefined;
    throw error;
  }
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
