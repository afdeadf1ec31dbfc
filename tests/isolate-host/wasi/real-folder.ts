/**
 * The oracle: the same operations on a folder of the machine's own file system. Its errors are Linux's; paths and names are "binary" strings, as in Files.
 *
 * The folder stands for the root: an absolute path begins there, and so does a symlink's absolute text, which says so on the disk. `..` of the folder itself would leave it, so whoever uses this asks
 * `leaves` first. Not compared: what permissions forbid (tests may run as a user who may do everything), times, and a folder's size and links.
 */
import {
  chmodSync,
  closeSync,
  constants,
  ftruncateSync,
  linkSync,
  lstatSync,
  fstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmdirSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeSync,
  type Dirent,
  type Stats,
} from "node:fs";
import { errno, fault, Fault } from "../../../src/isolate-host/wasi/errno.ts";
import type { OpenHow } from "../../../src/isolate-host/wasi/files.ts";
import { treeName } from "../../../src/isolate-host/wasi/lazy-tree.ts";
import type { ObjectKind } from "../../../src/store/object.ts";
import type { Oid } from "../../../src/store/oid.ts";
import { encodeTree, type TreeEntry } from "../../../src/store/tree.ts";

/** What is compared of a stat. */
export interface Seen {
  readonly kind: "file" | "folder" | "link";
  readonly size: number;
  readonly links: number;
  readonly isExecutable: boolean;
}

type Put = (kind: ObjectKind, body: Uint8Array) => Oid;

export class RealFolder {
  readonly #root: string;

  /** `root` is an absolute path without symlinks. */
  constructor(root: string) {
    this.#root = root;
  }

  /** A descriptor of the folder itself. */
  openRoot(): number {
    return openSync(this.#root, constants.O_RDONLY | constants.O_DIRECTORY);
  }

  open(base: number, path: string, how: OpenHow): number | Fault {
    let flags = how.write === true ? constants.O_RDWR : constants.O_RDONLY;
    if (!how.follow) flags |= constants.O_NOFOLLOW;
    if (how.create) flags |= constants.O_CREAT;
    if (how.exclusive) flags |= constants.O_EXCL;
    if (how.folder) flags |= constants.O_DIRECTORY;
    if (how.truncate) flags |= constants.O_TRUNC;
    return this.#at(base, () => openSync(this.#path(path), flags, 0o644));
  }

  close(fd: number): void {
    closeSync(fd);
  }

  stat(base: number, path: string, follow: boolean): Seen | Fault {
    return this.#at(base, () => {
      const real = this.#path(path);
      const stats = follow ? statSync(real) : lstatSync(real);
      return this.#seen(stats, () => readlinkSync(real, "latin1"));
    });
  }

  statOpen(fd: number): Seen | Fault {
    return this.#seen(fstatSync(fd), () => "");
  }

  read(fd: number, at: number, length: number): Buffer | Fault {
    const target = Buffer.alloc(length);
    return attempt(() => target.subarray(0, readSync(fd, target, 0, length, at)));
  }

  write(fd: number, at: number, written: Uint8Array): number | Fault {
    return attempt(() => writeSync(fd, written, 0, written.length, at));
  }

  resize(fd: number, size: number): Fault | undefined {
    return faultOf(attempt(() => ftruncateSync(fd, size)));
  }

  /** Names with what they are, sorted by bytes. */
  list(base: number, path: string): readonly string[] | Fault {
    return this.#at(base, () => {
      const entries = readdirSync(this.#path(path), { encoding: "latin1", withFileTypes: true });
      return entries.map((entry) => `${entry.name} ${kindOf(entry)}`).toSorted();
    });
  }

  makeFolder(base: number, path: string): Fault | undefined {
    return this.#doneAt(base, () => mkdirSync(this.#path(path), 0o755));
  }

  removeFolder(base: number, path: string): Fault | undefined {
    return this.#doneAt(base, () => rmdirSync(this.#path(path)));
  }

  unlink(base: number, path: string): Fault | undefined {
    return this.#doneAt(base, () => unlinkSync(this.#path(path)));
  }

  rename(base: number, from: string, toBase: number, to: string): Fault | undefined {
    return this.#doneAt(base, () => renameSync(this.#path(from), this.#pathAt(base, toBase, to)));
  }

  link(base: number, from: string, follow: boolean, toBase: number, to: string): Fault | undefined {
    return this.#doneAt(base, () => {
      const real = this.#path(from);
      // link(2) does not follow, and what it is asked to follow is looked for before anything else.
      const source = follow ? realpathSync.native(real, "buffer") : real;
      linkSync(source, this.#pathAt(base, toBase, to));
    });
  }

  symlink(text: string, base: number, path: string): Fault | undefined {
    return this.#doneAt(base, () => symlinkSync(this.#path(text), this.#path(path)));
  }

  readLink(base: number, path: string): string | Fault {
    return this.#at(base, () => this.#textOf(readlinkSync(this.#path(path), "latin1")));
  }

  setExecutable(base: number, path: string, is: boolean): Fault | undefined {
    return this.#doneAt(base, () => chmodSync(this.#path(path), is ? 0o755 : 0o644));
  }

  /** The git tree that the folder is; an empty folder is an empty tree, or left out as git does it. Absolute symlinks begin at the root, or say what they do on the disk. */
  tree(put: Put, { isPruned, isMapped }: { readonly isPruned: boolean; readonly isMapped: boolean }): Oid {
    const treeOf = (folder: string): { readonly oid: Oid; readonly isEmpty: boolean } => {
      const entries: TreeEntry[] = [];
      for (const binary of readdirSync(bytes(folder), "latin1")) {
        const path = `${folder}/${binary}`;
        const name = treeName(binary);
        const stats = lstatSync(bytes(path));
        if (stats.isDirectory()) {
          const below = treeOf(path);
          if (!isPruned || !below.isEmpty) entries.push({ mode: "40000", name, oid: below.oid });
        } else if (stats.isSymbolicLink()) {
          const text = readlinkSync(bytes(path), "latin1");
          entries.push({ mode: "120000", name, oid: put("blob", bytes(isMapped ? this.#textOf(text) : text)) });
        } else {
          const mode = (stats.mode & 0o100) === 0 ? "100644" : "100755";
          entries.push({ mode, name, oid: put("blob", readFileSync(bytes(path))) });
        }
      }
      return { oid: put("tree", encodeTree(entries)), isEmpty: entries.length === 0 };
    };
    return treeOf(this.#root).oid;
  }

  #seen(stats: Stats, text: () => string): Seen {
    if (stats.isDirectory()) return { kind: "folder", size: 0, links: 1, isExecutable: false };
    const { nlink: links } = stats;
    if (stats.isSymbolicLink()) {
      return { kind: "link", size: this.#textOf(text()).length, links, isExecutable: false };
    }
    return { kind: "file", size: stats.size, links, isExecutable: (stats.mode & 0o100) !== 0 };
  }

  #textOf(text: string): string {
    return text.startsWith(`${this.#root}/`) ? text.slice(this.#root.length) : text;
  }

  /** An operation whose relative paths begin at an open folder, a removed one perhaps. */
  #at<T>(base: number, operate: () => T): T | Fault {
    const before = process.cwd();
    process.chdir(`/proc/self/fd/${base}`);
    try {
      return attempt(operate);
    } finally {
      process.chdir(before);
    }
  }

  #doneAt(base: number, operate: () => void): Fault | undefined {
    return faultOf(this.#at(base, operate));
  }

  #path(path: string): Buffer {
    return bytes(path.startsWith("/") ? this.#root + path : path);
  }

  #pathAt(base: number, toBase: number, path: string): Buffer {
    if (path === "" || path.startsWith("/") || toBase === base) return this.#path(path);
    return bytes(`/proc/self/fd/${toBase}/${path}`);
  }
}

function kindOf(entry: Dirent): Seen["kind"] {
  if (entry.isDirectory()) return "folder";
  return entry.isSymbolicLink() ? "link" : "file";
}

function bytes(binary: string): Buffer {
  return Buffer.from(binary, "latin1");
}

function faultOf(answer: Fault | void): Fault | undefined {
  return answer instanceof Fault ? answer : undefined;
}

function attempt<T>(operate: () => T): T | Fault {
  try {
    return operate();
  } catch (error) {
    const name = (error as NodeJS.ErrnoException).code?.slice(1).toLowerCase();
    if (name === undefined || !(name in errno)) throw error;
    return fault(errno[name as keyof typeof errno]);
  }
}
