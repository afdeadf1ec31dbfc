/**
 * Git's tree bytes as guests read and write them: looked at in place, and taken apart only where something about them is out of the ordinary.
 *
 * Bytes: entries `MODE SP NAME NUL OID(20 bytes)`, see store/tree.ts. A guest may hand entries over in any order; what is stored is in git's.
 */
import { oidBytes, oidFromBytes } from "../store/oid.ts";
import {
  MalformedTree,
  decodeName,
  decodeTree,
  encodeTree,
  nameFault,
  type Mode,
  type TreeEntry,
} from "../store/tree.ts";
import { errorNumbers, type ErrorNumber } from "./error-numbers.ts";

/** What an entry's mode says of its object. */
export type EntryKind = "blob" | "tree" | "commit";

const slash = 0x2f;
const dot = 0x2e;

/**
 * True for a tree that git itself would write today: canonical modes, sound names, git's order, no name twice. It may say false of such a tree in one rare case (a folder behind
 * names that begin with its own), so false means: look closer. One pass, nothing allocated.
 */
function isPlain(bytes: Uint8Array): boolean {
  let lastName = 0;
  let lastEnd = 0;
  let lastIsFolder = false;
  for (let at = 0; at < bytes.length;) {
    const name = at + modeLength(bytes, at) + 1;
    if (name === at + 1) return false;
    let end = name;
    for (; end < bytes.length && bytes[end] !== 0; end++) if (bytes[end] === slash) return false;
    if (end + 1 + oidBytes > bytes.length || isReserved(bytes, name, end)) return false;
    if (at > 0 && !follows(bytes, lastName, lastEnd, lastIsFolder, name, end)) return false;
    lastName = name;
    lastEnd = end;
    lastIsFolder = bytes[at] === 0x34;
    at = end + 1 + oidBytes;
  }
  return true;
}

/** Length of the canonical mode at `at` that a space follows, or 0. */
function modeLength(bytes: Uint8Array, at: number): number {
  const isZero = (from: number, to: number) => {
    for (let each = from; each < to; each++) if (bytes[each] !== 0x30) return false;
    return true;
  };
  if (bytes[at] === 0x34) return isZero(at + 1, at + 5) && bytes[at + 5] === 0x20 ? 5 : 0;
  if (bytes[at] !== 0x31 || bytes[at + 6] !== 0x20) return 0;
  if (bytes[at + 1] !== 0x30) {
    return (bytes[at + 1] === 0x32 || bytes[at + 1] === 0x36) && isZero(at + 2, at + 6) ? 6 : 0;
  }
  if (bytes[at + 2] !== 0x30) return 0;
  const isFile = bytes[at + 3] === 0x36 && bytes[at + 4] === 0x34 && bytes[at + 5] === 0x34;
  const isExecutable = bytes[at + 3] === 0x37 && bytes[at + 4] === 0x35 && bytes[at + 5] === 0x35;
  return isFile || isExecutable ? 6 : 0;
}

/** Empty, `.`, `..` or `.git`. */
function isReserved(bytes: Uint8Array, from: number, end: number): boolean {
  if (from === end) return true;
  if (bytes[from] !== dot) return false;
  const length = end - from;
  if (length === 1 || (length === 2 && bytes[from + 1] === dot)) return true;
  return length === 4 && bytes[from + 1] === 0x67 && bytes[from + 2] === 0x69 && bytes[from + 3] === 0x74;
}

/** Whether b comes behind a in git's order, and can't be a second entry of a name that stands before it. */
function follows(bytes: Uint8Array, a: number, aEnd: number, aIsFolder: boolean, b: number, bEnd: number): boolean {
  const common = Math.min(aEnd - a, bEnd - b);
  for (let at = 0; at < common; at++) {
    const difference = (bytes[a + at] as number) - (bytes[b + at] as number);
    if (difference !== 0) return difference < 0;
  }
  // The same name, or `x-y` and then the folder `x`: only behind such a one can a folder be the second of its name.
  if (bEnd - b === common) return false;
  return !aIsFolder || slash < (bytes[b + common] as number);
}

/** Whether these bytes are a tree that guests may see, whatever its age. */
export function isTree(bytes: Uint8Array): boolean {
  if (isPlain(bytes)) return true;
  try {
    decodeTree(bytes);
    return true;
  } catch (error) {
    if (error instanceof MalformedTree) return false;
    throw error;
  }
}

/** A tree's bytes in git's order, given its entries' in any; or what is wrong with them. The bytes themselves when they are in order. */
export function orderedTree(bytes: Uint8Array): Uint8Array | ErrorNumber {
  if (isPlain(bytes)) return bytes;
  const entries = looseEntries(bytes);
  return typeof entries === "number" ? entries : encodeTree(entries);
}

const modes: ReadonlySet<string> = new Set<Mode>(["40000", "100644", "100755", "120000", "160000"]);

/** Entries in any order. Modes are canonical, and no name stands twice. */
function looseEntries(body: Uint8Array): TreeEntry[] | ErrorNumber {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.length);
  const entries: TreeEntry[] = [];
  const names = new Set<string>();
  for (let at = 0; at < bytes.length;) {
    const space = bytes.indexOf(0x20, at);
    const end = space < 0 ? -1 : bytes.indexOf(0, space);
    if (end < 0 || end + 1 + oidBytes > bytes.length) return errorNumbers.malformedTree;
    const mode = bytes.toString("latin1", at, space);
    if (!modes.has(mode)) return errorNumbers.badMode;
    const name = decodeName(bytes.subarray(space + 1, end));
    if (nameFault(name) !== undefined) return errorNumbers.reservedName;
    if (names.has(name)) return errorNumbers.duplicateName;
    names.add(name);
    entries.push({ mode: mode as Mode, name, oid: oidFromBytes(bytes, end + 1) });
    at = end + 1 + oidBytes;
  }
  return entries;
}

/** Where the oid of the entry at `at` stands, in a tree of canonical modes; the next entry is `oidBytes` behind. */
export function entryOidAt(bytes: Uint8Array, at: number): number {
  return bytes.indexOf(0, at) + 1;
}

/** What the entry at `at` points at, in a tree of canonical modes. */
export function entryKind(bytes: Uint8Array, at: number): EntryKind {
  if (bytes[at] === 0x34) return "tree";
  return bytes[at + 1] === 0x36 ? "commit" : "blob";
}
