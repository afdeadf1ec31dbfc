/**
 * Finds and opens a git repository from any path inside it: a work tree, a linked work tree or a submodule (whose
 * `.git` is a file `gitdir: PATH`), a bare repository. The environment is not read: GIT_DIR says nothing here.
 *
 * A folder is a repository when it has `HEAD`, `objects` and `refs` (the latter two in the folder that `commondir`
 * names, in a linked work tree). What this reader would misread is refused by name when it is opened.
 */
import { existsSync, readFileSync, realpathSync, statSync } from "node:fs";
import { basename, dirname, join, relative, resolve, sep } from "node:path";
import { configFlag, configText, loadConfig, type Config } from "./config.ts";
import { lstatOf } from "./file-path.ts";
import { ObjectDatabase } from "./object-database.ts";

export interface Repository {
  /** The repository's own folder: HEAD, index. */
  readonly gitFolder: string;
  /** What linked work trees share: objects, refs, config. The same folder otherwise. */
  readonly commonFolder: string;
  /** The folder of the files; undefined in a bare repository. */
  readonly workTree: string | undefined;
  /** The repository's own settings, without the user's and the system's. */
  readonly config: Config;
  /** To be closed by whoever opened the repository. */
  readonly objects: ObjectDatabase;
}

/** Where a repository keeps its objects. */
export function objectsFolderOf({ commonFolder }: Pick<Repository, "commonFolder">): string {
  return join(commonFolder, "objects");
}

/** Nothing at or above a path is a git repository. */
export class NotARepository extends Error {
  override readonly name = "NotARepository";
  readonly path: string;
  constructor(path: string) {
    super(`${path} is in no git repository`);
    this.path = path;
  }
}

/** A repository that uses what this reader doesn't know; the reason is a sentence that says what to do, if anything can be done. */
export class UnsupportedRepository extends Error {
  override readonly name = "UnsupportedRepository";
  readonly path: string;
  readonly reason: string;
  constructor(path: string, reason: string) {
    super(`can't read the git repository ${path}: ${reason}`);
    this.path = path;
    this.reason = reason;
  }
}

/** A path that git does not track in its work tree, or a tree that has no such entry. */
export class PathNotTracked extends Error {
  override readonly name = "PathNotTracked";
  readonly path: string;
  readonly reason: string;
  constructor(path: string, reason: string) {
    super(`${path === "" ? "." : path}: ${reason}`);
    this.path = path;
    this.reason = reason;
  }
}

/** A path where there are no files of a work tree: a bare repository, or a repository's own folder. */
export class NoWorkTree extends Error {
  override readonly name = "NoWorkTree";
  readonly path: string;
  constructor(path: string) {
    super(`${path === "" ? "." : path}: the repository has no work tree; HEAD: names what is committed`);
    this.path = path;
  }
}

interface Found {
  readonly gitFolder: string;
  readonly workTree: string | undefined;
}

/**
 * Opens the repository that `path` is in; the path need not exist. Throws NotARepository or UnsupportedRepository.
 * The caller closes `objects`.
 */
export function openRepository(path: string): Repository {
  const real = realPath(path);
  const found = find(real) ?? (isSymlink(real) ? find(realpathSync(real)) : undefined);
  if (found === undefined) throw new NotARepository(path);
  return open(found);
}

/** Opens the repository whose work tree is exactly `folder`, as a submodule's is; undefined when there is none. */
export function repositoryAt(folder: string): Repository | undefined {
  const found = candidate(folder);
  return found?.workTree === undefined ? undefined : open(found);
}

/** Whether a folder is where a repository, a linked work tree or a submodule begins: `openRepository` of it looks at nothing above. */
export function isRepositoryTop(folder: string): boolean {
  return candidate(folder) !== undefined;
}

/**
 * Where `path` is in the work tree, with slashes, empty for the work tree itself. A symlink at the path's end is not
 * followed unless it points here from outside. Throws NoWorkTree, or PathNotTracked when the path is outside of the work tree.
 */
export function insideWorkTree(repository: Repository, path: string): string {
  if (repository.workTree === undefined) throw new NoWorkTree(path);
  const real = realPath(path);
  const places = isSymlink(real) ? [real, realpathSync(real)] : [real];
  for (const place of places) {
    const inside = relative(repository.workTree, place);
    if (inside === "" || (!inside.startsWith(`..${sep}`) && inside !== ".." && resolve(inside) !== inside)) {
      return sep === "/" ? inside : inside.replaceAll(sep, "/");
    }
  }
  throw new PathNotTracked(path, "it is not in the work tree");
}

/** The path with all symlinks followed but the last, as far as it exists. */
function realPath(path: string): string {
  const whole = resolve(path);
  const missing: string[] = [];
  for (let at = whole; ; at = dirname(at)) {
    const parent = dirname(at);
    if (parent === at) return join(at, ...missing);
    missing.unshift(basename(at));
    if (existsSync(parent)) return join(realpathSync(parent), ...missing);
  }
}

function isSymlink(path: string): boolean {
  return lstatOf(path)?.isSymbolicLink() === true && existsSync(path);
}

function find(path: string): Found | undefined {
  for (let at = path; ; at = dirname(at)) {
    const found = candidate(at);
    if (found !== undefined) return found;
    if (dirname(at) === at) return undefined;
  }
}

function candidate(folder: string): Found | undefined {
  const dotGit = join(folder, ".git");
  const stat = statSync(dotGit, { throwIfNoEntry: false });
  if (stat?.isDirectory() === true && isRepository(dotGit))
    return { gitFolder: realpathSync(dotGit), workTree: folder };
  if (stat?.isFile() === true) return { gitFolder: followGitFile(dotGit), workTree: folder };
  return isRepository(folder) ? { gitFolder: folder, workTree: undefined } : undefined;
}

function followGitFile(file: string): string {
  const match = /^gitdir: (.+?)[\r\n]*$/s.exec(readFileSync(file, "utf8"));
  if (match === null)
    throw new UnsupportedRepository(dirname(file), "its .git file does not say where the repository is");
  const folder = resolve(dirname(file), match[1] as string);
  if (!isRepository(folder)) {
    throw new UnsupportedRepository(dirname(file), `its .git file points at ${folder}, which is no repository`);
  }
  return realpathSync(folder);
}

function isRepository(folder: string): boolean {
  // HEAD may be a symlink that points nowhere yet, in repositories made by a very old git.
  if (lstatOf(join(folder, "HEAD")) === undefined) return false;
  const common = commonFolderOf(folder);
  return isFolder(join(common, "objects")) && isFolder(join(common, "refs"));
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

function commonFolderOf(gitFolder: string): string {
  const file = join(gitFolder, "commondir");
  if (!existsSync(file)) return gitFolder;
  return resolve(gitFolder, readFileSync(file, "utf8").trimEnd());
}

function open({ gitFolder, workTree }: Found): Repository {
  const common = commonFolderOf(gitFolder);
  const commonFolder = common === gitFolder ? gitFolder : realpathSync(common);
  const files = [join(commonFolder, "config")];
  const shared = loadConfig(files, undefined);
  const perWorkTree = configFlag(shared, "extensions.worktreeconfig", false);
  if (perWorkTree) files.push(join(gitFolder, "config.worktree"));
  const config = perWorkTree ? loadConfig(files, undefined) : shared;
  refuseUnsupported(config, workTree ?? gitFolder);
  const own = commonFolder === gitFolder ? config : loadConfig(files.slice(1), undefined);
  return {
    gitFolder,
    commonFolder,
    workTree: workTreeOf(own, gitFolder, workTree),
    config,
    objects: new ObjectDatabase(objectsFolderOf({ commonFolder })),
  };
}

/** In a linked work tree the shared core.bare and core.worktree speak of the main one, so `config` leaves them out there. */
function workTreeOf(config: Config, gitFolder: string, found: string | undefined): string | undefined {
  const configured = configText(config, "core.worktree");
  if (found !== undefined && configured !== undefined) {
    const folder = resolve(gitFolder, configured);
    return existsSync(folder) ? realpathSync(folder) : folder;
  }
  return configFlag(config, "core.bare", false) ? undefined : found;
}

/** Extensions that change nothing about what is read here. */
const harmlessExtensions = new Set([
  "noop",
  "noop-v1",
  "preciousobjects",
  "partialclone",
  "worktreeconfig",
  "relativeworktrees",
]);

function refuseUnsupported(config: Config, path: string): void {
  const version = configText(config, "core.repositoryformatversion") ?? "0";
  if (version !== "0" && version !== "1") throw new UnsupportedRepository(path, `its format version is ${version}`);
  for (const [key, value] of config.values) {
    if (!key.startsWith("extensions.")) continue;
    const extension = key.slice("extensions.".length);
    if (harmlessExtensions.has(extension)) continue;
    if (extension === "objectformat") {
      if (value === "sha1") continue;
      throw new UnsupportedRepository(
        path,
        `its objects are named by ${value ?? "an unknown hash"}, and Coppice knows only sha1`,
      );
    }
    if (extension === "refstorage") {
      if (value === "files") continue;
      throw new UnsupportedRepository(
        path,
        `its refs are stored as ${value}; \`git refs migrate --ref-format=files\` changes that`,
      );
    }
    // Version 0 repositories may carry any extension, which git itself then leaves unread.
    if (version === "1") throw new UnsupportedRepository(path, `it uses git's extension ${extension}`);
  }
}
