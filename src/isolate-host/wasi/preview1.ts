/**
 * WASI preview 1 for commands, all of it, over a file system in memory. It answers as Linux does where preview 1 leaves room, since the tools that call it are compared with native ones (design/wasi.md).
 * Nothing waits, nothing reaches the machine: what a call answers follows from the request and the calls before it.
 *
 * Source of names, layouts and numbers: the snapshot_preview1 witx files of WebAssembly/WASI.
 */
import { readDevice, writeDevice } from "./devices.ts";
import { rightsOf, untouched, type Descriptor, type OpenFile, type OpenFolder } from "./descriptors.ts";
import { errno, fault, Fault, type Errno } from "./errno.ts";
import type { Device, FileStat, Folder, FolderEntry, Node } from "./files.ts";
import { rights, type functionTypes } from "./functions.ts";
import { pollOneoff } from "./poll.ts";
import { CommandExit, type Process } from "./process.ts";
import { serveClock, serveClockResolution, serveRandom } from "./virtual-calls.ts";

/** Serves a call with its parameters as they come: i32 signed, i64 signed. What it throws is a Fault, which is its answer, or ends the command. */
export type Serve = (process: Process, ...args: never[]) => Errno;

const fileTypes = { unknown: 0, device: 2, folder: 3, file: 4, link: 7 } as const;
const followsSymlinks = 1;
const openFlags = { create: 1, folder: 2, exclusive: 4, truncate: 8 } as const;
const everyOpenFlag = 15;
const flags = { append: 1 } as const;
const everyFlag = 31;
const timeFlags = { accessed: 1, accessedNow: 2, modified: 4, modifiedNow: 8 } as const;
const everyTimeFlag = 15;
const adviceCount = 6;
const whence = { set: 0, current: 1, end: 2 } as const;
const statBytes = 64;
const direntBytes = 24;
/** Node's own copy of so short a name takes longer than a loop. */
const loopCharsMax = 32;
/** What tells files from standard streams. */
const devices = { streams: 0, files: 1 } as const;

/** What preview 1 offers a command, by its function's name. */
export const preview1: Readonly<Record<keyof typeof functionTypes, Serve>> = {
  args_get: (process: Process, to: number, bytesTo: number) => giveStrings(process, process.argv, to, bytesTo),
  args_sizes_get: (process: Process, countTo: number, bytesTo: number) =>
    giveSizes(process, process.argv, countTo, bytesTo),
  environ_get: (process: Process, to: number, bytesTo: number) => giveStrings(process, process.variables, to, bytesTo),
  environ_sizes_get: (process: Process, countTo: number, bytesTo: number) =>
    giveSizes(process, process.variables, countTo, bytesTo),
  clock_res_get: ({ memory }: Process, id: number, to: number) => serveClockResolution(memory.view, id, to),
  clock_time_get: ({ memory, clock }: Process, id: number, _precision: bigint, to: number) =>
    serveClock(memory.view, clock, id, to),
  random_get: ({ memory, random }: Process, to: number, length: number) => serveRandom(memory.view, random, to, length),
  sched_yield: () => errno.success,
  proc_exit: (_process: Process, code: number) => {
    throw new CommandExit(code);
  },
  // Nothing can be signalled.
  proc_raise: () => errno.nosys,
  poll_oneoff: pollOneoff,
  sock_accept: noSocket,
  sock_recv: noSocket,
  sock_send: noSocket,
  sock_shutdown: noSocket,

  fd_advise: ({ descriptors }: Process, fd: number, _from: bigint, _length: bigint, advice: number) => {
    if (descriptors.at(fd).kind !== "device") descriptors.fileAt(fd, rights.fdAdvise, errno.badf);
    return advice >>> 0 < adviceCount ? errno.success : errno.inval;
  },
  fd_allocate: ({ descriptors, files }: Process, fd: number, from: bigint, length: bigint) => {
    const { node, writes } = descriptors.fileAt(fd, rights.fdAllocate, errno.badf);
    if (!writes) return errno.badf;
    const [start, count] = [from, length].map(unsigned) as [bigint, bigint];
    if (count === 0n) return errno.inval;
    const end = safeNumber(start + count);
    if (end === undefined) return errno.fbig;
    return files.stat(node).size < end ? answer(files.resize(node, end)) : errno.success;
  },
  fd_close: ({ descriptors }: Process, fd: number) => {
    descriptors.close(fd);
    return errno.success;
  },
  fd_datasync: synced(rights.fdDatasync),
  fd_sync: synced(rights.fdSync),
  fd_fdstat_get: ({ descriptors, memory }: Process, fd: number, to: number) => {
    const descriptor = descriptors.at(fd);
    memory.clear(to, 24);
    const { own, below } = rightsOf(descriptor);
    memory.view.setUint8(to >>> 0, fileTypeOf(descriptor));
    memory.view.setUint16((to >>> 0) + 2, descriptor.flags, true);
    memory.setU64(to + 8, own);
    memory.setU64(to + 16, below);
    return errno.success;
  },
  fd_fdstat_set_flags: ({ descriptors }: Process, fd: number, wanted: number) => {
    const descriptor = descriptors.at(fd, rights.fdSetFlags);
    if (wanted >>> 0 > everyFlag) return errno.inval;
    descriptor.flags = wanted;
    return errno.success;
  },
  fd_fdstat_set_rights: ({ descriptors }: Process, fd: number, own: bigint, below: bigint) => {
    const descriptor = descriptors.at(fd);
    const had = rightsOf(descriptor);
    const [keeps, keepsBelow] = [own, below].map(unsigned) as [bigint, bigint];
    if ((keeps & ~had.own) !== 0n || (keepsBelow & ~had.below) !== 0n) return errno.notcapable;
    descriptor.denied |= had.own & ~keeps;
    descriptor.deniedBelow |= had.below & ~keepsBelow;
    return errno.success;
  },
  fd_filestat_get: (process: Process, fd: number, to: number) => {
    const descriptor = process.descriptors.at(fd, rights.fdFilestatGet);
    const isStream = descriptor.kind === "input" || descriptor.kind === "output";
    if (!isStream) return giveStat(process, descriptor.node, to);
    process.memory.clear(to, statBytes);
    process.memory.setWhole(to, devices.streams);
    process.memory.setWhole(to + 8, fd >>> 0);
    process.memory.setWhole(to + 24, 1);
    return errno.success;
  },
  fd_filestat_set_size: ({ descriptors, files }: Process, fd: number, size: bigint) => {
    const descriptor = descriptors.at(fd, rights.fdFilestatSetSize);
    if (descriptor.kind !== "file" || !descriptor.writes) return errno.inval;
    const wanted = safeNumber(unsigned(size));
    return wanted === undefined ? errno.fbig : answer(files.resize(descriptor.node, wanted));
  },
  fd_filestat_set_times: (process: Process, fd: number, accessed: bigint, modified: bigint, which: number) => {
    const descriptor = process.descriptors.at(fd, rights.fdFilestatSetTimes);
    const node = descriptor.kind === "input" || descriptor.kind === "output" ? undefined : descriptor.node;
    return setTimes(process, () => node, accessed, modified, which);
  },
  fd_read: (process: Process, fd: number, at: number, count: number, readTo: number) =>
    readOn(process, process.descriptors.at(fd, rights.fdRead), at, count, readTo),
  fd_pread: (process: Process, fd: number, at: number, count: number, from: bigint, readTo: number) => {
    const { descriptors, memory, files } = process;
    const descriptor = descriptors.at(fd, rights.fdRead | rights.fdSeek);
    if (descriptor.kind === "input" || descriptor.kind === "output") return errno.spipe;
    // Whatever the place: it has none.
    if (descriptor.kind === "device") return readOn(process, descriptor, at, count, readTo);
    const { node } = readable(descriptor);
    const start = position(unsigned(from));
    memory.check(readTo, 4);
    const parts = memory.vectors(at, count);
    memory.setU32(
      readTo,
      readParts(parts, (part, done) => sound(files.read(node, start + done, part))),
    );
    return errno.success;
  },
  fd_write: (process: Process, fd: number, at: number, count: number, writtenTo: number) =>
    writeOn(process, process.descriptors.at(fd, rights.fdWrite), at, count, writtenTo),
  fd_pwrite: (process: Process, fd: number, at: number, count: number, from: bigint, writtenTo: number) => {
    const { descriptors, memory, files } = process;
    const descriptor = descriptors.at(fd, rights.fdWrite | rights.fdSeek);
    if (descriptor.kind === "input" || descriptor.kind === "output") return errno.spipe;
    if (descriptor.kind === "device") return writeOn(process, descriptor, at, count, writtenTo);
    const file = writable(descriptor);
    const given = position(unsigned(from));
    memory.check(writtenTo, 4);
    const parts = memory.vectors(at, count);
    // Linux appends here, too, against POSIX.
    const start = (file.flags & flags.append) === 0 ? given : files.stat(file.node).size;
    memory.setU32(
      writtenTo,
      writeParts(parts, (part, done) => files.write(file.node, start + done, part)),
    );
    return errno.success;
  },
  fd_prestat_get: ({ descriptors, memory }: Process, fd: number, to: number) => {
    const name = preopenName(descriptors.at(fd));
    memory.clear(to, 8);
    memory.setU32(to + 4, name.length);
    return errno.success;
  },
  fd_prestat_dir_name: ({ descriptors, memory }: Process, fd: number, to: number, length: number) => {
    const name = preopenName(descriptors.at(fd));
    if (length >>> 0 < name.length) return errno.nametoolong;
    memory.part(to, name.length).set(name);
    return errno.success;
  },
  fd_readdir: (process: Process, fd: number, to: number, length: number, cookie: bigint, usedTo: number) => {
    const { descriptors, memory } = process;
    const folder = descriptors.folderAt(fd, rights.fdReaddir);
    memory.check(usedTo, 4);
    const target = memory.part(to, length);
    memory.setU32(usedTo, giveEntries(process, folder, unsigned(cookie), target));
    return errno.success;
  },
  fd_renumber: ({ descriptors }: Process, from: number, to: number) => {
    descriptors.move(from, to);
    return errno.success;
  },
  fd_seek: ({ descriptors, memory, files }: Process, fd: number, offset: bigint, from: number, to: number) => {
    if (descriptors.at(fd, rights.fdSeek).kind === "device") {
      memory.setWhole(to, 0);
      return errno.success;
    }
    const file = descriptors.fileAt(fd, rights.fdSeek, errno.badf);
    memory.check(to, 8);
    const base = seekBase(file, from, () => files.stat(file.node).size);
    const wanted = base === undefined ? undefined : safeNumber(BigInt(base) + offset);
    if (wanted === undefined || wanted < 0) return errno.inval;
    file.position = wanted;
    memory.setWhole(to, wanted);
    return errno.success;
  },
  fd_tell: ({ descriptors, memory }: Process, fd: number, to: number) => {
    const isDevice = descriptors.at(fd, rights.fdTell).kind === "device";
    memory.setWhole(to, isDevice ? 0 : descriptors.fileAt(fd, rights.fdTell, errno.badf).position);
    return errno.success;
  },

  path_create_directory: (process: Process, fd: number, at: number, length: number) => {
    const { base, path } = placed(process, fd, rights.pathCreateDirectory, at, length);
    return answer(process.files.makeFolder(base, path));
  },
  path_filestat_get: (process: Process, fd: number, follow: number, at: number, length: number, to: number) => {
    const { base, path } = placed(process, fd, rights.pathFilestatGet, at, length);
    process.memory.check(to, statBytes);
    return giveStat(process, sound(process.files.find(base, path, (follow & followsSymlinks) !== 0)), to);
  },
  path_filestat_set_times: (
    process: Process,
    fd: number,
    follow: number,
    at: number,
    length: number,
    accessed: bigint,
    modified: bigint,
    which: number,
  ) => {
    const { base, path } = placed(process, fd, rights.pathFilestatSetTimes, at, length);
    const find = () => process.nodeOf(sound(process.files.find(base, path, (follow & followsSymlinks) !== 0)));
    return setTimes(process, find, accessed, modified, which);
  },
  path_link: (
    process: Process,
    fd: number,
    follow: number,
    at: number,
    length: number,
    toFd: number,
    toAt: number,
    toLength: number,
  ) => {
    const from = placed(process, fd, rights.pathLinkSource, at, length);
    const to = placed(process, toFd, rights.pathLinkTarget, toAt, toLength);
    const isFollowed = (follow & followsSymlinks) !== 0;
    return answer(process.files.link(from.base, from.path, isFollowed, to.base, to.path));
  },
  path_open: (
    process: Process,
    fd: number,
    follow: number,
    at: number,
    length: number,
    how: number,
    own: bigint,
    below: bigint,
    withFlags: number,
    to: number,
  ) => {
    const { descriptors, memory } = process;
    memory.check(to, 4);
    const path = memory.path(at, length);
    if (how >>> 0 > everyOpenFlag || withFlags >>> 0 > everyFlag) return errno.inval;
    const asked = { follow, how, own: unsigned(own), below: unsigned(below), flags: withFlags };
    // Before anything is made.
    descriptors.checkRoom();
    memory.setU32(to, descriptors.add(openPath(process, fd, path, asked)));
    return errno.success;
  },
  path_readlink: (
    process: Process,
    fd: number,
    at: number,
    length: number,
    to: number,
    room: number,
    usedTo: number,
  ) => {
    const { base, path } = placed(process, fd, rights.pathReadlink, at, length);
    const { memory, files } = process;
    memory.check(usedTo, 4);
    const target = memory.part(to, room);
    const text = Buffer.from(sound(files.readLink(base, path)), "latin1");
    const used = Math.min(text.length, target.length);
    target.set(text.subarray(0, used));
    memory.setU32(usedTo, used);
    return errno.success;
  },
  path_remove_directory: (process: Process, fd: number, at: number, length: number) => {
    const { base, path } = placed(process, fd, rights.pathRemoveDirectory, at, length);
    return answer(process.files.removeFolder(base, path));
  },
  path_rename: (
    process: Process,
    fd: number,
    at: number,
    length: number,
    toFd: number,
    toAt: number,
    toLength: number,
  ) => {
    const from = placed(process, fd, rights.pathRenameSource, at, length);
    const to = placed(process, toFd, rights.pathRenameTarget, toAt, toLength);
    return answer(process.files.rename(from.base, from.path, to.base, to.path));
  },
  path_symlink: (process: Process, at: number, length: number, fd: number, toAt: number, toLength: number) => {
    const { base, path } = placed(process, fd, rights.pathSymlink, toAt, toLength);
    return answer(process.files.symlink(process.memory.path(at, length), base, path));
  },
  path_unlink_file: (process: Process, fd: number, at: number, length: number) => {
    const { base, path } = placed(process, fd, rights.pathUnlinkFile, at, length);
    return answer(process.files.unlink(base, path));
  },
};

/** A path in the guest's memory, and the folder that it starts from. */
function placed(
  process: Process,
  fd: number,
  needed: bigint,
  at: number,
  length: number,
): { readonly base: Folder; readonly path: string } {
  // A descriptor that is none is told before a place that is none.
  process.descriptors.folderAt(fd, needed);
  const path = process.memory.path(at, length);
  return { base: process.baseOf(fd, needed, path), path };
}

/** The value; a fault is thrown. */
export function sound<T>(value: T | Fault): T {
  if (value instanceof Fault) throw value;
  return value;
}

/** The errno of an operation that has no other value. */
export function answer(done: Fault | undefined): Errno {
  return done === undefined ? errno.success : done.errno;
}

const unsigned = (value: bigint) => BigInt.asUintN(64, value);

/** Undefined beyond what a number counts exactly. */
function safeNumber(value: bigint): number | undefined {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : undefined;
}

/** A place in a file. Throws the fault EINVAL for one that no file has. */
function position(value: bigint): number {
  const place = safeNumber(value);
  if (place === undefined) throw fault(errno.inval);
  return place;
}

function noSocket({ descriptors }: Process, fd: number): Errno {
  descriptors.at(fd);
  return errno.notsup;
}

function synced(right: bigint): Serve {
  return ({ descriptors }: Process, fd: number) => {
    const descriptor = descriptors.at(fd, right);
    return descriptor.kind === "file" || descriptor.kind === "folder" ? errno.success : errno.inval;
  };
}

function giveSizes({ memory }: Process, strings: Uint8Array, countTo: number, bytesTo: number): Errno {
  memory.check(bytesTo, 4);
  let count = 0;
  for (const byte of strings) if (byte === 0) count++;
  memory.setU32(countTo, count);
  memory.setU32(bytesTo, strings.length);
  return errno.success;
}

function giveStrings({ memory }: Process, strings: Uint8Array, to: number, bytesTo: number): Errno {
  const target = memory.part(bytesTo, strings.length);
  const starts: number[] = [];
  for (let start = 0; start < strings.length; start = strings.indexOf(0, start) + 1) starts.push(start);
  memory.check(to, starts.length * 4);
  for (const [each, start] of starts.entries()) memory.setU32(to + each * 4, (bytesTo >>> 0) + start);
  target.set(strings);
  return errno.success;
}

function fileTypeOf(descriptor: Descriptor): number {
  // Preview 1 has no word for a pipe; a character device would be taken for a terminal.
  return descriptor.kind === "input" || descriptor.kind === "output" ? fileTypes.unknown : fileTypes[descriptor.kind];
}

function preopenName(descriptor: Descriptor): Uint8Array {
  if (descriptor.kind !== "folder" || descriptor.preopen === undefined) throw fault(errno.badf);
  return descriptor.preopen;
}

function giveStat(process: Process, found: Node | Device, to: number): Errno {
  const { memory, files } = process;
  memory.check(to, statBytes);
  const node = process.nodeOf(found);
  const stat: FileStat = files.stat(node);
  memory.setWhole(to, devices.files);
  memory.setWhole(to + 8, stat.inode);
  // A byte, and what fills it up.
  memory.setWhole(to + 16, fileTypes[stat.kind]);
  memory.setWhole(to + 24, stat.links);
  memory.setWhole(to + 32, stat.size);
  memory.setU64(to + 40, stat.accessedNs);
  memory.setU64(to + 48, stat.modifiedNs);
  memory.setU64(to + 56, stat.changedNs);
  return errno.success;
}

/** `find` gives the node; undefined for a stream, whose times nobody sees. */
function setTimes(
  { files, clock }: Process,
  find: () => Node | Device | undefined,
  accessed: bigint,
  modified: bigint,
  which: number,
): Errno {
  const both = (given: number, now: number) => (which & given) !== 0 && (which & now) !== 0;
  const isContrary = both(timeFlags.accessed, timeFlags.accessedNow) || both(timeFlags.modified, timeFlags.modifiedNow);
  if (which >>> 0 > everyTimeFlag || isContrary) return errno.inval;
  const node = find();
  if (node === undefined) return errno.success;
  const now = clock.at("realtime");
  const timeOf = (value: bigint, given: number, asNow: number) => {
    if ((which & given) !== 0) return unsigned(value);
    return (which & asNow) === 0 ? undefined : now;
  };
  files.setTimes(
    node,
    timeOf(accessed, timeFlags.accessed, timeFlags.accessedNow),
    timeOf(modified, timeFlags.modified, timeFlags.modifiedNow),
  );
  return errno.success;
}

/** A file that is open for reading. Throws the fault EISDIR for a folder, EBADF for what is open for writing alone. */
function readable(descriptor: Descriptor): OpenFile {
  if (descriptor.kind === "folder") throw fault(errno.isdir);
  if (descriptor.kind !== "file" || !descriptor.reads) throw fault(errno.badf);
  return descriptor;
}

function writable(descriptor: Descriptor): OpenFile {
  if (descriptor.kind !== "file" || !descriptor.writes) throw fault(errno.badf);
  return descriptor;
}

/** Reads from where a descriptor stands, and moves it on. */
function readOn(process: Process, descriptor: Descriptor, at: number, count: number, readTo: number): Errno {
  const { memory, files, random } = process;
  memory.check(readTo, 4);
  const parts = memory.vectors(at, count);
  let read = 0;
  if (descriptor.kind === "input") {
    for (const part of parts) read += descriptor.stream.read(part);
  } else if (descriptor.kind === "device") {
    if (!descriptor.reads) return errno.badf;
    read = readDevice(descriptor.device, parts, random);
  } else {
    const file = readable(descriptor);
    read = readParts(parts, (part, done) => sound(files.read(file.node, file.position + done, part)));
    file.position += read;
  }
  memory.setU32(readTo, read);
  return errno.success;
}

/** Writes to where a descriptor stands, or to its file's end, and moves it on. */
function writeOn(process: Process, descriptor: Descriptor, at: number, count: number, writtenTo: number): Errno {
  const { memory, files } = process;
  memory.check(writtenTo, 4);
  let written = 0;
  if (descriptor.kind === "output") {
    memory.checkVectors(at, count);
    for (let each = 0; each < count; each++) {
      const length = memory.vectorBytes(at, each);
      process.write(descriptor.stream, memory.vectorFrom(at, each), length);
      written += length;
    }
    memory.setU32(writtenTo, written);
    return errno.success;
  }
  const parts = memory.vectors(at, count);
  if (descriptor.kind === "device") {
    if (!descriptor.writes) return errno.badf;
    written = writeDevice(parts);
  } else {
    const file = writable(descriptor);
    const start = (file.flags & flags.append) === 0 ? file.position : files.stat(file.node).size;
    written = writeParts(parts, (part, done) => files.write(file.node, start + done, part));
    file.position = start + written;
  }
  memory.setU32(writtenTo, written);
  return errno.success;
}

/** Fills parts one after the other until one is not filled; returns how many bytes that were. */
function readParts(parts: readonly Uint8Array[], read: (part: Uint8Array, done: number) => number): number {
  let done = 0;
  for (const part of parts) {
    const length = part.length === 0 ? 0 : read(part, done);
    done += length;
    if (length < part.length) break;
  }
  return done;
}

/** Writes parts one after the other. What was written before a fault stays, and the fault is told if nothing was. */
function writeParts(parts: readonly Uint8Array[], write: (part: Uint8Array, done: number) => number | Fault): number {
  let done = 0;
  for (const part of parts) {
    if (part.length === 0) continue;
    const written = write(part, done);
    if (written instanceof Fault) {
      if (done > 0) return done;
      throw written;
    }
    done += written;
  }
  return done;
}

function seekBase(file: OpenFile, from: number, size: () => number): number | undefined {
  switch (from) {
    case whence.set:
      return 0;
    case whence.current:
      return file.position;
    case whence.end:
      return size();
    default:
      return undefined;
  }
}

/** Writes entries from a cookie on until the room is full, the last one cut where it ends; returns how much was used. */
function giveEntries({ files }: Process, folder: OpenFolder, cookie: bigint, target: Uint8Array): number {
  const { node: listed } = folder;
  if (cookie === 0n || folder.listing === undefined) {
    const begun = sound(files.openListing(listed));
    if (folder.listing !== undefined) files.closeListing(folder.listing);
    folder.listing = begun;
  }
  const { entries } = folder.listing;
  const dots = [listed, files.parent(listed)];
  const room = Buffer.from(target.buffer, target.byteOffset, target.length);
  let used = 0;
  for (let next = safeNumber(cookie) ?? Infinity; next < entries.length + 2 && used < room.length; next++) {
    const dot = dots[next];
    const { name, inode, kind } =
      dot === undefined
        ? (entries[next - 2] as FolderEntry)
        : { name: ".".repeat(next + 1), inode: dot.inode, kind: dot.kind };
    const length = direntBytes + name.length;
    if (length <= room.length - used) {
      writeEntry(room, used, next + 1, inode, name, kind);
      used += length;
      continue;
    }
    const cut = Buffer.alloc(length);
    writeEntry(cut, 0, next + 1, inode, name, kind);
    used += cut.copy(room, used);
  }
  return used;
}

/** A `dirent` with its name; `cookie` is where the next one begins. */
function writeEntry(to: Buffer, at: number, cookie: number, inode: number, name: string, kind: Node["kind"]): void {
  // Numbers, and no BigInts, since these take longer than all the rest; neither comes near 2^48.
  to.writeUIntLE(cookie, at, 6);
  to.writeUInt16LE(0, at + 6);
  to.writeUIntLE(inode, at + 8, 6);
  to.writeUInt16LE(0, at + 14);
  to.writeUInt32LE(name.length, at + 16);
  to.writeUInt32LE(fileTypes[kind], at + 20);
  const nameAt = at + direntBytes;
  if (name.length > loopCharsMax) to.write(name, nameAt, "latin1");
  else for (let each = 0; each < name.length; each++) to[nameAt + each] = name.charCodeAt(each);
}

interface Asked {
  readonly follow: number;
  readonly how: number;
  readonly own: bigint;
  readonly below: bigint;
  readonly flags: number;
}

function openPath(process: Process, fd: number, path: string, asked: Asked): Descriptor {
  const { how, own, below } = asked;
  const has = (flag: number) => (how & flag) !== 0;
  const needed =
    rights.pathOpen |
    (has(openFlags.create) ? rights.pathCreateFile : 0n) |
    (has(openFlags.truncate) ? rights.pathFilestatSetSize : 0n);
  const { deniedBelow } = process.descriptors.folderAt(fd, needed);
  if (((own | below) & deniedBelow) !== 0n) throw fault(errno.notcapable);
  const writes = (own & rights.fdWrite) !== 0n;
  const node = sound(
    process.files.open(process.baseOf(fd, needed, path), path, {
      follow: (asked.follow & followsSymlinks) !== 0,
      create: has(openFlags.create),
      exclusive: has(openFlags.exclusive),
      folder: has(openFlags.folder),
      truncate: has(openFlags.truncate),
      write: writes,
    }),
  );
  const common = { ...untouched, flags: asked.flags, denied: deniedBelow, deniedBelow };
  const uses = { reads: (own & rights.fdRead) !== 0n, writes };
  if (node.kind === "folder") return { ...common, kind: "folder", node, preopen: undefined, listing: undefined };
  if (node.kind === "file") return { ...common, ...uses, kind: "file", node, position: 0 };
  const { device } = node;
  if (device === "tty") throw fault(errno.nxio);
  if (typeof device !== "number") return { ...common, ...uses, kind: "device", node, device };
  const opened = process.openedAt(device);
  if (opened.kind === "folder" && writes) throw fault(errno.isdir);
  if (opened.kind === "file" || opened.kind === "folder") {
    const bad = process.files.openAgain(opened.node, { truncate: has(openFlags.truncate) });
    if (bad !== undefined) throw bad;
  }
  if (opened.kind === "folder") return { ...opened, ...common, preopen: undefined, listing: undefined };
  return opened.kind === "file" ? { ...opened, ...common, ...uses, position: 0 } : { ...opened, ...common };
}
