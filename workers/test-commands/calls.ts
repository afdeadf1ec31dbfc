/** Preview 1 with strings. What answers a number answers `-errno` where the call failed; the rest answers the errno. */
// What the compiler calls where a guest of its own fails.
import "../sdk/abi";
import * as wasi from "./wasi_snapshot_preview1";

export const success = 0;
export const badf = 8;
export const exist = 20;
export const inval = 28;
export const isdir = 31;
export const loop = 32;
export const noent = 44;
export const notdir = 54;
export const notempty = 55;

export const create = 1;
export const folder = 2;
export const exclusive = 4;
export const truncate = 8;
export const append = 1;

export const root = 3;
const readRight: u64 = 1 << 1;
const writeRight: u64 = 1 << 6;
export const both: u64 = readRight | writeRight;
export const reading: u64 = readRight;

const numberAt: usize = memory.data(16);
const vectorAt: usize = memory.data(16);
const statAt: usize = memory.data(64);

function at(buffer: ArrayBuffer): usize {
  return changetype<usize>(buffer);
}

let asserted: i32 = 0;

/** Ends the guest, with the assertion's number as its exit status, unless it holds. They are counted from 1. */
export function holds(condition: bool): void {
  asserted++;
  if (!condition) wasi.proc_exit(asserted);
}

export function equal(got: i64, wanted: i64): void {
  holds(got == wanted);
}

export function same(got: string, wanted: string): void {
  holds(got == wanted);
}

/** The word that the guest was given. */
export function given(): string {
  wasi.args_sizes_get(numberAt, numberAt + 8);
  const places = new ArrayBuffer(load<i32>(numberAt) * 4);
  wasi.args_get(at(places), at(new ArrayBuffer(load<i32>(numberAt + 8))));
  return String.UTF8.decodeUnsafe(load<u32>(at(places) + 4), 64, true);
}

export function open(
  path: string,
  how: i32 = 0,
  rights: u64 = both,
  flags: i32 = 0,
  base: i32 = root,
  follow: i32 = 1,
): i32 {
  const bytes = String.UTF8.encode(path);
  const errno = wasi.path_open(base, follow, at(bytes), bytes.byteLength, how, rights, 0, flags, numberAt);
  return errno == 0 ? load<i32>(numberAt) : -errno;
}

/** A folder, open. */
export function enter(path: string): i32 {
  return open(path, folder, 0);
}

export function close(fd: i32): i32 {
  return wasi.fd_close(fd);
}

/** How many bytes were written. */
export function write(fd: i32, text: string): i64 {
  const bytes = String.UTF8.encode(text);
  store<u32>(vectorAt, at(bytes));
  store<u32>(vectorAt, bytes.byteLength, 4);
  const errno = wasi.fd_write(fd, vectorAt, 1, numberAt);
  return errno == 0 ? load<u32>(numberAt) : -errno;
}

export function writeAt(fd: i32, text: string, from: u64): i64 {
  const bytes = String.UTF8.encode(text);
  store<u32>(vectorAt, at(bytes));
  store<u32>(vectorAt, bytes.byteLength, 4);
  const errno = wasi.fd_pwrite(fd, vectorAt, 1, from, numberAt);
  return errno == 0 ? load<u32>(numberAt) : -errno;
}

/** At most so many bytes as text, each NUL as a dot; `!` and the errno where it failed. */
export function read(fd: i32, length: i32): string {
  const bytes = new ArrayBuffer(length);
  store<u32>(vectorAt, at(bytes));
  store<u32>(vectorAt, length, 4);
  return told(wasi.fd_read(fd, vectorAt, 1, numberAt), bytes);
}

export function readAt(fd: i32, length: i32, from: u64): string {
  const bytes = new ArrayBuffer(length);
  store<u32>(vectorAt, at(bytes));
  store<u32>(vectorAt, length, 4);
  return told(wasi.fd_pread(fd, vectorAt, 1, from, numberAt), bytes);
}

/** As `read`, into parts of these lengths, told apart by bars. */
export function readParts(fd: i32, lengths: i32[]): string {
  const vectors = new ArrayBuffer(lengths.length * 8);
  const parts: ArrayBuffer[] = [];
  for (let each = 0; each < lengths.length; each++) {
    const part = new ArrayBuffer(lengths[each]);
    parts.push(part);
    store<u32>(at(vectors) + each * 8, at(part));
    store<u32>(at(vectors) + each * 8, lengths[each], 4);
  }
  const errno = wasi.fd_read(fd, at(vectors), lengths.length, numberAt);
  if (errno != 0) return `!${errno}`;
  const texts: string[] = [];
  for (let each = 0; each < parts.length; each++) texts.push(shown(parts[each], parts[each].byteLength));
  return `${load<u32>(numberAt)}:${texts.join("|")}`;
}

function told(errno: i32, bytes: ArrayBuffer): string {
  return errno == 0 ? shown(bytes, load<i32>(numberAt)) : `!${errno}`;
}

function shown(bytes: ArrayBuffer, length: i32): string {
  let text = "";
  for (let each = 0; each < length; each++) {
    const byte = load<u8>(at(bytes) + each);
    text += byte == 0 ? "." : String.fromCharCode(byte);
  }
  return text;
}

/** All of a file. */
export function content(path: string): string {
  const fd = open(path, 0, reading);
  if (fd < 0) return `!${-fd}`;
  const text = read(fd, 4096);
  close(fd);
  return text;
}

/** A file with this text and nothing else. */
export function put(path: string, text: string): void {
  const fd = open(path, create | truncate);
  holds(fd >= 0);
  equal(write(fd, text), text.length);
  close(fd);
}

export function seek(fd: i32, offset: i64, whence: i32): i64 {
  const errno = wasi.fd_seek(fd, offset, whence, numberAt);
  return errno == 0 ? load<i64>(numberAt) : -errno;
}

export function tell(fd: i32): i64 {
  const errno = wasi.fd_tell(fd, numberAt);
  return errno == 0 ? load<i64>(numberAt) : -errno;
}

export function resize(fd: i32, size: u64): i32 {
  return wasi.fd_filestat_set_size(fd, size);
}

/** What a stat says that was asked for last. */
export namespace stat {
  export function opened(fd: i32): i32 {
    return wasi.fd_filestat_get(fd, statAt);
  }
  export function path(name: string, follow: i32 = 1, base: i32 = root): i32 {
    const bytes = String.UTF8.encode(name);
    return wasi.path_filestat_get(base, follow, at(bytes), bytes.byteLength, statAt);
  }
  export function inode(): i64 {
    return load<i64>(statAt, 8);
  }
  export function type(): i32 {
    return load<u8>(statAt, 16);
  }
  export function links(): i64 {
    return load<i64>(statAt, 24);
  }
  export function size(): i64 {
    return load<i64>(statAt, 32);
  }
}

export function makeFolder(path: string, base: i32 = root): i32 {
  const bytes = String.UTF8.encode(path);
  return wasi.path_create_directory(base, at(bytes), bytes.byteLength);
}

export function removeFolder(path: string, base: i32 = root): i32 {
  const bytes = String.UTF8.encode(path);
  return wasi.path_remove_directory(base, at(bytes), bytes.byteLength);
}

export function unlink(path: string, base: i32 = root): i32 {
  const bytes = String.UTF8.encode(path);
  return wasi.path_unlink_file(base, at(bytes), bytes.byteLength);
}

export function rename(from: string, to: string, base: i32 = root, toBase: i32 = root): i32 {
  const old = String.UTF8.encode(from);
  const wanted = String.UTF8.encode(to);
  return wasi.path_rename(base, at(old), old.byteLength, toBase, at(wanted), wanted.byteLength);
}

export function link(from: string, to: string, follow: i32 = 0): i32 {
  const old = String.UTF8.encode(from);
  const wanted = String.UTF8.encode(to);
  return wasi.path_link(root, follow, at(old), old.byteLength, root, at(wanted), wanted.byteLength);
}

export function symlink(text: string, path: string): i32 {
  const said = String.UTF8.encode(text);
  const bytes = String.UTF8.encode(path);
  return wasi.path_symlink(at(said), said.byteLength, root, at(bytes), bytes.byteLength);
}

/** At most so many bytes of where it points. */
export function readLink(path: string, room: i32 = 256): string {
  const bytes = String.UTF8.encode(path);
  const target = new ArrayBuffer(room);
  return told(wasi.path_readlink(root, at(bytes), bytes.byteLength, at(target), room, numberAt), target);
}

export function renumber(from: i32, to: i32): i32 {
  return wasi.fd_renumber(from, to);
}

export function isPreopened(fd: i32): bool {
  return wasi.fd_prestat_get(fd, numberAt) == 0;
}

export function now(clock: i32): u64 {
  wasi.clock_time_get(clock, 0, numberAt);
  return load<u64>(numberAt);
}

/** Names that one call of fd_readdir gives, whole ones alone. */
export class Listing {
  names: string[] = [];
  /** Behind the last of them. */
  cookie: u64 = 0;
  /** Nothing comes behind them. */
  isEnd: bool = false;

  constructor(fd: i32, room: i32, cookie: u64) {
    const bytes = new ArrayBuffer(room);
    holds(wasi.fd_readdir(fd, at(bytes), room, cookie, numberAt) == 0);
    const used = load<i32>(numberAt);
    this.cookie = cookie;
    this.isEnd = used < room;
    let place = 0;
    while (place + 24 <= used) {
      const length = load<i32>(at(bytes) + place, 16);
      if (place + 24 + length > used) break;
      this.names.push(String.UTF8.decodeUnsafe(at(bytes) + place + 24, length));
      this.cookie = load<u64>(at(bytes) + place);
      place += 24 + length;
    }
  }
}

/** Subscriptions of one poll_oneoff, and the events that it gives. */
export class Poll {
  subscriptions: ArrayBuffer = new ArrayBuffer(48 * 16);
  events: ArrayBuffer = new ArrayBuffer(32 * 16);
  count: i32 = 0;
  fired: i32 = 0;

  clock(id: i32, timeout: u64, isAbsolute: bool, userdata: u64): this {
    const place = this.next(userdata, 0);
    store<i32>(place, id, 16);
    store<u64>(place, timeout, 24);
    store<u16>(place, isAbsolute ? 1 : 0, 40);
    return this;
  }

  descriptor(fd: i32, isWrite: bool, userdata: u64): this {
    store<i32>(this.next(userdata, isWrite ? 2 : 1), fd, 16);
    return this;
  }

  wait(): i32 {
    const errno = wasi.poll_oneoff(at(this.subscriptions), at(this.events), this.count, numberAt);
    this.fired = load<i32>(numberAt);
    return errno;
  }

  userdata(event: i32): i64 {
    return load<i64>(at(this.events) + event * 32);
  }

  errno(event: i32): i32 {
    return load<u16>(at(this.events) + event * 32, 8);
  }

  type(event: i32): i32 {
    return load<u8>(at(this.events) + event * 32, 10);
  }

  bytes(event: i32): i64 {
    return load<i64>(at(this.events) + event * 32, 16);
  }

  private next(userdata: u64, type: u8): usize {
    const place = at(this.subscriptions) + this.count++ * 48;
    store<u64>(place, userdata);
    store<u8>(place, type, 8);
    return place;
  }
}
