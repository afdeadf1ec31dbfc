/**
 * Which folders of the machine a client may name. Whoever starts the server says so; a client names paths below, and no `..`, absolute path or symlink leads out of them.
 *
 * Symlinks count as they stand when a call begins: whoever else writes in such a folder meanwhile has the machine's rights already.
 */
import { lstatSync, realpathSync } from "node:fs";
import { isAbsolute, join, relative, resolve, sep } from "node:path";
import { UsageError } from "../cli/exit.ts";
import { isRepositoryTop } from "../store/git/repository.ts";
import { quoted } from "./tree-path.ts";

export interface Folders {
  /** What `import` may read. */
  readonly root: string | undefined;
  /** Below which `checkout` may write. */
  readonly checkoutRoot: string | undefined;
}

/** No folder of the machine. */
export const noFolders: Folders = { root: undefined, checkoutRoot: undefined };

/** A path to read, which may not be there. Throws UsageError where it is not below the root. */
export function pathToRead({ root }: Folders, path: string): string {
  const wanted = below(given(root, "import reads no folder: the server was started without --root DIR"), path);
  const real = lstatSync(wanted, { throwIfNoEntry: false }) === undefined ? undefined : realpathSync(wanted);
  if (real !== undefined && !isBelow(realpathSync(root as string), real)) throw leadsOut(path);
  if (real === undefined) refuseSymlinks(root as string, wanted, path);
  return wanted;
}

/** The root, to read revisions of its repository. Throws UsageError where the root is only a part of one, since a revision names all of it. */
export function repositoryToRead({ root }: Folders): string {
  const folder = given(root, "import reads no repository: the server was started without --root DIR");
  if (!isRepositoryTop(folder))
    throw new UsageError(
      "the server's --root is no repository's top folder, so it reads no revision; import a path below it",
    );
  return folder;
}

/** A folder to write, which may not be there. Throws UsageError where it is not below the folder for checkouts, or the way to it has a symlink. */
export function folderToWrite({ checkoutRoot }: Folders, folder: string): string {
  const root = given(checkoutRoot, "checkout writes nowhere: the server was started without --checkout-root DIR");
  const wanted = below(root, folder);
  refuseSymlinks(root, wanted, folder);
  return wanted;
}

function given(root: string | undefined, refusal: string): string {
  if (root === undefined) throw new UsageError(refusal);
  return root;
}

function below(root: string, path: string): string {
  const wanted = resolve(root, path);
  if (path.includes("\0") || isAbsolute(path) || !isBelow(root, wanted)) throw leadsOut(path);
  return wanted;
}

function isBelow(root: string, path: string): boolean {
  const inside = relative(root, path);
  return !isAbsolute(inside) && inside !== ".." && !inside.startsWith(`..${sep}`);
}

function refuseSymlinks(root: string, wanted: string, path: string): void {
  let at = root;
  for (const step of relative(root, wanted).split(sep)) {
    at = join(at, step);
    if (lstatSync(at, { throwIfNoEntry: false })?.isSymbolicLink() === true)
      throw new UsageError(`${quoted(path)} leads through a symlink, which the server does not follow`);
  }
}

function leadsOut(path: string): UsageError {
  return new UsageError(`${quoted(path)} leads out of the folder that the server was given; name a path below it`);
}
