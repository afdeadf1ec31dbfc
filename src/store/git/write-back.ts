/**
 * Writes what changed between two trees into the folder that the first was read from. Guarantees: a path that both trees have alike is not touched; nothing is overwritten or
 * removed that is not what the first tree has there, which is looked at for all paths before anything is written; no symlink is followed, so nothing outside of the folder
 * is written; a file is written whole under another name and then renamed, so that nobody sees half of it.
 *
 * A file that git stores in another form than the folder has it was read in git's form. Where that differs by line ends alone (each LF there is CRLF here) they are kept; a file that a filter, `ident` or an
 * encoding converts is not written over or removed, since git's form need not have all that the file has, and nothing else is written then.
 *
 * What can't be written (the disk is full) ends it in the middle: what was written is complete, and the second tree has all.
 */
import { randomBytes } from "node:crypto";
import {
  chmodSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  rmdirSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { hashObject, type ObjectKind } from "../object.ts";
import type { Oid } from "../oid.ts";
import { decodeName, decodeTree, type TreeEntry } from "../tree.ts";
import { refuseUnsafe } from "./checkout.ts";
import { errorCode, filePath, lstatOf, type FilePath } from "./file-path.ts";

interface ObjectSource {
  get(name: Oid): { readonly kind: ObjectKind; readonly body: Uint8Array };
}

/** Paths that are not as they were when the folder was read; nothing was written. */
export class ChangedMeanwhile extends Error {
  override readonly name = "ChangedMeanwhile";
  readonly paths: readonly string[];
  constructor(paths: readonly string[]) {
    const shown = paths.slice(0, 3).map((path) => JSON.stringify(path));
    const more = paths.length > 3 ? ` and ${paths.length - 3} more` : "";
    super(
      `nothing was written: ${shown.join(", ")}${more} changed meanwhile, or ${paths.length === 1 ? "is" : "are"} there and not part of what was read`,
    );
    this.paths = paths;
  }
}

/** Paths of files that git stores in another form; nothing was written. */
export class ConvertedFile extends Error {
  override readonly name = "ConvertedFile";
  readonly paths: readonly string[];
  constructor(paths: readonly string[]) {
    const shown = paths.slice(0, 3).map((path) => JSON.stringify(path));
    const more = paths.length > 3 ? ` and ${paths.length - 3} more` : "";
    super(
      `nothing was written: git stores ${shown.join(", ")}${more} in another form than the folder has (by a filter, \`ident\` or an encoding), and the command saw that form`,
    );
    this.paths = paths;
  }
}

/** Submodules that the command put something into, moved or removed; nothing was written. */
export class SubmoduleChanged extends Error {
  override readonly name = "SubmoduleChanged";
  readonly paths: readonly string[];
  constructor(paths: readonly string[]) {
    const shown = paths.slice(0, 3).map((path) => JSON.stringify(path));
    const more = paths.length > 3 ? ` and ${paths.length - 3} more` : "";
    super(
      `nothing was written: ${shown.join(", ")}${more} ${paths.length === 1 ? "is a submodule" : "are submodules"}, an empty folder to the command, into which it can put nothing, and which it can't move or remove while something is in it`,
    );
    this.paths = paths;
  }
}

/** Paths that were written, by what happened to them. */
export interface WriteBackCounts {
  readonly created: number;
  readonly changed: number;
  readonly deleted: number;
}

interface Step {
  readonly path: string;
  readonly before: TreeEntry | undefined;
  readonly after: TreeEntry | undefined;
}

/**
 * Brings the folder from `before` to `after`; `now` is the tree of the folder as it is at present, read as `before` was. Throws ChangedMeanwhile, ConvertedFile, SubmoduleChanged, UnsafeName, or what the
 * file system says.
 */
export function writeBack(
  source: ObjectSource,
  folder: string,
  { before, after, now }: { readonly before: Oid; readonly after: Oid; readonly now: Oid },
): WriteBackCounts {
  const steps = [...differences(source, before, after)];
  refuseSubmodules(folder, steps);
  refuseChanged(source, folder, steps, now);
  const withCrlf = refuseConverted(source, folder, steps);
  // What goes, deepest first, makes place for what comes, folders before what is in them.
  for (const step of steps.toReversed()) remove(folder, step);
  for (const step of steps) create(source, folder, step, withCrlf.has(step.path));
  const files = steps.filter((step) => isKept(step.before) || isKept(step.after));
  return {
    created: files.filter((step) => !isKept(step.before)).length,
    changed: files.filter((step) => isKept(step.before) && isKept(step.after)).length,
    deleted: files.filter((step) => !isKept(step.after)).length,
  };
}

/** A file or symlink: what is counted. */
function isKept(entry: TreeEntry | undefined): boolean {
  return entry !== undefined && !isFolder(entry);
}

/** A gitlink is a folder whose content is not ours. */
function isFolder(entry: TreeEntry | undefined): boolean {
  return entry?.mode === "40000" || isGitlink(entry);
}

function isGitlink(entry: TreeEntry | undefined): boolean {
  return entry?.mode === "160000";
}

/** Paths that differ, a folder before what is in it; a folder that both have is none. */
function* differences(
  source: ObjectSource,
  before: Oid | undefined,
  after: Oid | undefined,
  prefix = "",
): Generator<Step> {
  if (before === after) return;
  const old = entriesOf(source, before);
  const next = entriesOf(source, after);
  for (const name of new Set([...old.keys(), ...next.keys()])) {
    const [from, to] = [old.get(name), next.get(name)];
    if (from?.oid === to?.oid && from?.mode === to?.mode) continue;
    const path = prefix + name;
    if (from?.mode !== "40000" || to?.mode !== "40000") {
      refuseUnsafe(name, path);
      yield { path, before: from, after: to };
    }
    yield* differences(source, treeOf(from), treeOf(to), `${path}/`);
  }
}

function treeOf(entry: TreeEntry | undefined): Oid | undefined {
  return entry?.mode === "40000" ? entry.oid : undefined;
}

function entriesOf(source: ObjectSource, tree: Oid | undefined): ReadonlyMap<string, TreeEntry> {
  if (tree === undefined) return new Map();
  return new Map(decodeTree(source.get(tree).body).map((entry) => [entry.name, entry]));
}

/** What can't be done to a gitlink: git would record nothing of what is put into it, what is in its folder was not read, and a folder that git does not know becomes none. */
function refuseSubmodules(folder: string, steps: readonly Step[]): void {
  const paths = steps.filter(
    ({ path, before, after }) =>
      isGitlink(after) || (isGitlink(before) && (isFolder(after) || isFilledFolder(filePath(folder, path)))),
  );
  if (paths.length > 0) throw new SubmoduleChanged(paths.map(({ path }) => path));
}

function isFilledFolder(place: FilePath): boolean {
  return lstatOf(place)?.isDirectory() === true && readdirSync(place).length > 0;
}

function refuseChanged(source: ObjectSource, folder: string, steps: readonly Step[], now: Oid): void {
  const present = (path: string): TreeEntry | undefined => {
    let tree: Oid | undefined = now;
    let entry: TreeEntry | undefined;
    for (const part of path.split("/")) {
      entry = entriesOf(source, tree).get(part);
      tree = treeOf(entry);
    }
    return entry;
  };
  const stepped = new Set(steps.map(({ path }) => path));
  const folders = new Map<string, boolean>();
  /** Whether the folders that a path is in, those that a step makes excepted, are folders still. */
  const isReachable = (path: string): boolean => {
    const slash = path.lastIndexOf("/");
    if (slash < 0) return true;
    const above = path.slice(0, slash);
    const known = folders.get(above);
    if (known !== undefined) return known;
    const isHere = stepped.has(above) || lstatOf(filePath(folder, above))?.isDirectory() === true;
    const is = isReachable(above) && isHere;
    folders.set(above, is);
    return is;
  };
  const replaced = new Set(steps.filter(({ before }) => isKept(before)).map(({ path }) => path));
  const isReplaced = (path: string): boolean =>
    path.split("/").some((_part, count, parts) => replaced.has(parts.slice(0, count).join("/")));
  const isAsRead = ({ path, before, after }: Step): boolean => {
    if (!isReachable(path)) return false;
    const found = present(path);
    if (isFolder(before)) {
      if (found !== undefined && found.mode !== before?.mode) return false;
      return !isKept(after) || !holdsOther(source, folder, path, before);
    }
    if (before !== undefined) return found?.oid === before.oid && found.mode === before.mode;
    if (found !== undefined) return false;
    // What is in the way goes, and nothing is behind it; where it leads, if it is a symlink, is not looked at.
    if (isReplaced(path)) return true;
    // What was not read, as git ignores it: a folder may be there already, where a folder is wanted.
    const stat = lstatOf(filePath(folder, path));
    return stat === undefined || (stat.isDirectory() && isFolder(after));
  };
  const paths = steps.filter((step) => !isAsRead(step)).map(({ path }) => path);
  if (paths.length > 0) throw new ChangedMeanwhile(paths);
}

/** The paths whose files have CRLF where git has LF. */
function refuseConverted(source: ObjectSource, folder: string, steps: readonly Step[]): ReadonlySet<string> {
  const withCrlf = new Set<string>();
  const converted: string[] = [];
  for (const { path, before } of steps) {
    if (before === undefined || isFolder(before) || before.mode === "120000") continue;
    const here = readFileSync(filePath(folder, path));
    if (hashObject("blob", here) === before.oid) continue;
    const { body } = source.get(before.oid);
    if (isText(body) && here.equals(crlf(body))) withCrlf.add(path);
    else converted.push(path);
  }
  if (converted.length > 0) throw new ConvertedFile(converted);
  return withCrlf;
}

/** Whether bytes are lines that each end in LF, with no other thing in them that conversions of line ends look at. */
function isText(body: Uint8Array): boolean {
  return !body.includes(0) && !body.includes(0x0d);
}

function crlf(body: Uint8Array): Buffer {
  return Buffer.from(Buffer.from(body).toString("latin1").replaceAll("\n", "\r\n"), "latin1");
}

/** Whether a folder that is to become a file holds something that was not read, and that would be lost. */
function holdsOther(source: ObjectSource, folder: string, path: string, entry: TreeEntry | undefined): boolean {
  const place = filePath(folder, path);
  if (lstatOf(place)?.isDirectory() !== true) return false;
  const known = entriesOf(source, treeOf(entry));
  return readdirSync(place, { encoding: "buffer" }).some((bytes) => {
    const name = decodeName(bytes);
    const inner = known.get(name);
    return inner === undefined || (isFolder(inner) && holdsOther(source, folder, `${path}/${name}`, inner));
  });
}

/** Takes away what is to be gone, or to be of another kind. A folder stays while something is in it that was not read. */
function remove(folder: string, { path, before, after }: Step): void {
  if (before === undefined) return;
  if (!isFolder(before)) {
    // A file that another file replaces is renamed over.
    if (after === undefined || isFolder(after)) unlinkSync(filePath(folder, path));
    return;
  }
  if (isFolder(after)) return;
  try {
    rmdirSync(filePath(folder, path));
  } catch (error) {
    const code = errorCode(error);
    if (code !== "ENOTEMPTY" && code !== "EEXIST" && code !== "ENOENT") throw error;
    if (after !== undefined) throw error;
  }
}

function create(source: ObjectSource, folder: string, { path, after }: Step, hadCrlf: boolean): void {
  if (after === undefined) return;
  const place = filePath(folder, path);
  if (isFolder(after)) {
    if (lstatOf(place) === undefined) mkdirSync(place);
    return;
  }
  const { body: left } = source.get(after.oid);
  const body = hadCrlf && after.mode !== "120000" && isText(left) ? crlf(left) : left;
  // Beside it, and of a length of its own: a name may be as long as names can be.
  const temporary = filePath(folder, `${path.slice(0, path.lastIndexOf("/") + 1)}.${randomBytes(6).toString("hex")}~`);
  try {
    if (after.mode === "120000") symlinkSync(Buffer.from(body), temporary);
    else {
      const old = lstatOf(place);
      // What the person forbade others stays forbidden, at no time otherwise.
      const kept = old?.isFile() === true ? Number(old.mode & 0o666n) | executable(after, old.mode) : undefined;
      writeFileSync(temporary, body, { flag: "wx", mode: kept ?? (after.mode === "100755" ? 0o777 : 0o666) });
      if (kept !== undefined) chmodSync(temporary, kept);
    }
    renameSync(temporary, place);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

/** Whoever may read a program may run it. */
function executable(after: TreeEntry, mode: bigint): number {
  return after.mode === "100755" ? Number((mode & 0o444n) >> 2n) : 0;
}
