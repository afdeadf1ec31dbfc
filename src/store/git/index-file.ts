/**
 * Git's index, versions 2, 3 and 4: what git tracks, and how each file looked when git last read it. Guarantees: paths
 * stay inside of the work tree (no `..`, no `.git`), are in git's order, and the checksum holds unless it is all zero
 * (index.skipHash).
 *
 *   'DIRC'  u32 version  u32 count
 *   entries: u32 ctime s, ns, mtime s, ns, dev, ino, mode, uid, gid, size; 20-byte oid;
 *            u16 flags: assume-valid 8000, extended 4000, stage 3000, path length 0FFF
 *            [extended: u16: skip-worktree 4000, intent-to-add 2000]
 *            version 2, 3: path, then 1 to 8 NUL up to a multiple of 8
 *            version 4: how many bytes to drop from the last path's end (a number as in ofs-deltas), the rest, NUL
 *   extensions: 4-byte name, u32 length, data; only names that begin with a capital may be passed over
 *     TREE: path NUL, count SP subtrees LF, and, unless the count is -1, an oid; folders before what is in them
 *   20-byte SHA-1 of all before
 * Source: git's Documentation/gitformat-index.txt.
 */
import { hash } from "node:crypto";
import { closeSync, fstatSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { oidBytes, oidFromBytes, type Oid } from "../oid.ts";
import { decodeName, type Mode } from "../tree.ts";
import { isAbsent } from "./file-path.ts";
import { UnsupportedRepository, type Repository } from "./repository.ts";

export interface IndexEntry {
  /** From the work tree's root, with slashes. */
  readonly path: string;
  readonly mode: Exclude<Mode, "40000">;
  readonly oid: Oid;
  /** Seconds and nanoseconds, and the low 32 bits of inode and size, as they were when git last read the file. */
  readonly ctime: number;
  readonly ctimeNs: number;
  readonly mtime: number;
  readonly mtimeNs: number;
  readonly inode: number;
  readonly size: number;
  /** 0, or 1 to 3 for the sides of a conflict. */
  readonly stage: number;
  /** The person said that the file need not be looked at. */
  readonly assumeValid: boolean;
  readonly skipWorkTree: boolean;
  /** Tracked, but its content is not yet in the index. */
  readonly intentToAdd: boolean;
}

/** A folder whose tree git had already written: the tree, and how many entries it covers. */
export interface CachedTree {
  readonly oid: Oid;
  readonly entries: number;
}

export interface Index {
  /** In the order of the paths' bytes. */
  readonly entries: readonly IndexEntry[];
  /** By folder, the root being empty. */
  readonly cachedTrees: ReadonlyMap<string, CachedTree>;
  /** When the file was written, in seconds; a file that changed in that second or later may differ unseen. */
  readonly written: number;
}

/** An index that git would not read either. */
export class MalformedIndex extends Error {
  override readonly name = "MalformedIndex";
  readonly file: string;
  readonly reason: string;
  constructor(file: string, reason: string) {
    super(`the index ${file} is damaged: ${reason}`);
    this.file = file;
    this.reason = reason;
  }
}

const headerBytes = 12;
const statBytes = 40;

/** Where a repository's index is. */
export function indexPath(repository: Pick<Repository, "gitFolder">): string {
  return join(repository.gitFolder, "index");
}

/** Reads an index file; a file that is not there is an empty index. Throws MalformedIndex or UnsupportedRepository. */
export function readIndex(file: string): Index {
  let fd: number;
  try {
    fd = openSync(file, "r");
  } catch (error) {
    if (isAbsent(error)) return { entries: [], cachedTrees: new Map(), written: 0 };
    throw error;
  }
  try {
    const written = Math.floor(fstatSync(fd).mtimeMs / 1000);
    return parseIndex(readFileSync(fd), file, written);
  } finally {
    closeSync(fd);
  }
}

/** Takes an index's bytes; `written` is the file's time in seconds. Throws MalformedIndex or UnsupportedRepository naming `file`. */
export function parseIndex(bytes: Buffer, file: string, written: number): Index {
  const end = bytes.length - oidBytes;
  if (end < headerBytes || bytes.toString("latin1", 0, 4) !== "DIRC") throw new MalformedIndex(file, "it is no index");
  const trailer = bytes.subarray(end);
  if (trailer.some((byte) => byte !== 0) && hash("sha1", bytes.subarray(0, end), "hex") !== trailer.toString("hex")) {
    throw new MalformedIndex(file, "its checksum is wrong");
  }
  const version = bytes.readUInt32BE(4);
  if (version < 2 || version > 4) throw new UnsupportedRepository(file, `its index has version ${version}`);
  const count = bytes.readUInt32BE(8);
  const entries: IndexEntry[] = [];
  // Its methods are the engine's own, while those of Buffer are JavaScript, which is slow in a process as young as a command's.
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let at = headerBytes;
  let last: { readonly path: Buffer; readonly stage: number } | undefined;
  for (let i = 0; i < count; i++) {
    const next = readEntry(bytes, view, at, end, version, last?.path ?? noBytes, file);
    const order = last === undefined ? 1 : Buffer.compare(next.path, last.path) || next.entry.stage - last.stage;
    if (order <= 0) throw new MalformedIndex(file, "its paths are out of order");
    entries.push(next.entry);
    last = { path: next.path, stage: next.entry.stage };
    at = next.end;
  }
  const cachedTrees = new Map<string, CachedTree>();
  while (at < end) {
    if (at + 8 > end) throw new MalformedIndex(file, "it is cut short");
    const name = bytes.toString("latin1", at, at + 4);
    const next = at + 8 + bytes.readUInt32BE(at + 4);
    if (next > end) throw new MalformedIndex(file, "it is cut short");
    if (name === "TREE") readCachedTrees(bytes.subarray(at + 8, next), cachedTrees, file);
    else refuseRequired(name, file);
    at = next;
  }
  return { entries, cachedTrees, written };
}

const noBytes = Buffer.alloc(0);

function refuseRequired(extension: string, file: string): void {
  if (/^[A-Z]/.test(extension)) return;
  if (extension === "link") throw splitIndex(file);
  if (extension === "sdir") throw sparseIndex(file);
  throw new UnsupportedRepository(file, `its index uses the extension ${JSON.stringify(extension)}`);
}

function splitIndex(file: string): UnsupportedRepository {
  return new UnsupportedRepository(file, "its index is split; `git update-index --no-split-index` joins it");
}

function sparseIndex(file: string): UnsupportedRepository {
  const way = "`git sparse-checkout reapply --no-sparse-index` makes it full";
  return new UnsupportedRepository(file, `its index is sparse; ${way}`);
}

interface ReadEntry {
  readonly entry: IndexEntry;
  readonly path: Buffer;
  readonly end: number;
}

function readEntry(
  bytes: Buffer,
  view: DataView,
  start: number,
  end: number,
  version: number,
  before: Buffer,
  file: string,
): ReadEntry {
  const flagsAt = start + statBytes + oidBytes;
  if (flagsAt + 4 > end) throw new MalformedIndex(file, "it is cut short");
  const flags = view.getUint16(flagsAt);
  const isExtended = (flags & 0x4000) !== 0;
  if (isExtended && version < 3) throw new MalformedIndex(file, "an entry has flags that its version does not know");
  const extended = isExtended ? view.getUint16(flagsAt + 2) : 0;
  const pathAt = flagsAt + (isExtended ? 4 : 2);
  const { path, next } =
    version === 4 ? readShortPath(bytes, pathAt, end, before, file) : readPath(bytes, start, pathAt, end, file);
  // The extensions that announce these two come after the entries.
  const modeNumber = view.getUint32(start + 24);
  if (path.length === 0) throw splitIndex(file);
  if (modeNumber === 0o40000) throw sparseIndex(file);
  const mode = indexModes.get(modeNumber);
  if (mode === undefined) throw new MalformedIndex(file, "an entry has an unknown mode");
  const text = decodeName(path);
  if (unsafePath.test(text)) throw new MalformedIndex(file, `${JSON.stringify(text)} is no path of a work tree`);
  const entry = {
    path: text,
    mode,
    oid: oidFromBytes(bytes, start + statBytes),
    ctime: view.getUint32(start),
    ctimeNs: view.getUint32(start + 4),
    mtime: view.getUint32(start + 8),
    mtimeNs: view.getUint32(start + 12),
    inode: view.getUint32(start + 20),
    size: view.getUint32(start + 36),
    stage: (flags >> 12) & 3,
    assumeValid: (flags & 0x8000) !== 0,
    skipWorkTree: (extended & 0x4000) !== 0,
    intentToAdd: (extended & 0x2000) !== 0,
  };
  return { entry, path, end: next };
}

/** An empty part, `.`, `..` or `.git` would lead out of the work tree or into the repository. */
const unsafePath = /(?:^|\/)(?:|\.|\.\.|\.git)(?:\/|$)/i;

const indexModes: ReadonlyMap<number, IndexEntry["mode"]> = new Map([
  [0o100644, "100644"],
  [0o100755, "100755"],
  [0o120000, "120000"],
  [0o160000, "160000"],
]);

interface ReadPath {
  readonly path: Buffer;
  readonly next: number;
}

function readPath(bytes: Buffer, start: number, pathAt: number, end: number, file: string): ReadPath {
  const nul = bytes.indexOf(0, pathAt);
  const next = start + (Math.floor((nul - start) / 8) + 1) * 8;
  if (nul < 0 || next > end) throw new MalformedIndex(file, "it is cut short");
  return { path: bytes.subarray(pathAt, nul), next };
}

function readShortPath(bytes: Buffer, pathAt: number, end: number, before: Buffer, file: string): ReadPath {
  let at = pathAt;
  let byte = bytes[at++] as number;
  let dropped = byte & 0x7f;
  while (byte >= 0x80 && at < end && dropped <= before.length) {
    byte = bytes[at++] as number;
    dropped = (dropped + 1) * 128 + (byte & 0x7f);
  }
  const nul = bytes.indexOf(0, at);
  if (nul < 0 || nul >= end) throw new MalformedIndex(file, "it is cut short");
  if (dropped > before.length) throw new MalformedIndex(file, "a path drops more than the path before it has");
  return { path: Buffer.concat([before.subarray(0, before.length - dropped), bytes.subarray(at, nul)]), next: nul + 1 };
}

function readCachedTrees(bytes: Buffer, trees: Map<string, CachedTree>, file: string): void {
  // Folders whose subtrees are still to come, in place of recursion.
  const open: { readonly prefix: string; left: number }[] = [];
  let at = 0;
  while (at < bytes.length) {
    const nul = bytes.indexOf(0, at);
    const lf = nul < 0 ? -1 : bytes.indexOf(0x0a, nul);
    const counts = lf < 0 ? null : /^(-?\d{1,10}) (\d{1,10})$/.exec(bytes.toString("latin1", nul + 1, lf));
    if (counts === null) throw new MalformedIndex(file, "its cached trees can't be read");
    const entries = Number(counts[1]);
    const above = open.at(-1);
    const path = above === undefined ? "" : above.prefix + decodeName(bytes.subarray(at, nul));
    at = lf + 1;
    if (entries >= 0) {
      if (at + oidBytes > bytes.length) throw new MalformedIndex(file, "its cached trees are cut short");
      trees.set(path, { oid: oidFromBytes(bytes, at), entries });
      at += oidBytes;
    }
    if (above !== undefined) above.left--;
    open.push({ prefix: path === "" ? "" : `${path}/`, left: Number(counts[2]) });
    while (open.at(-1)?.left === 0) open.pop();
    if (open.length === 0 && at < bytes.length) throw new MalformedIndex(file, "its cached trees do not end");
  }
}
