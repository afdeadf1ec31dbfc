/**
 * The file system of a shell: a git tree, read when it is looked at and copied where it is changed. What was not changed keeps its objects, so a tree that nobody touched is the tree that was given.
 *
 * Paths are absolute, names and contents one character a byte. Modes are git's: a file is executable or not. Times are the clock's start, and can't be changed. An empty folder stays. A submodule is an empty
 * folder, and stays one for as long as nothing is put into it.
 *
 * Three things are there without standing in the tree: `/dev/null`; the programs in /bin and /usr/bin that `isCommand` knows; and scratch, which is `/tmp` and `/dev/fd`: made where they are missing when something
 * is put there, and not in the result. A script that changes into `/tmp` makes it, too.
 */
import type { Entry, Job, TreeEntry } from "coppice/worker";
import type { FsStat, IFileSystem } from "just-bash";
import { bytesOf, nameBytes, nameOf, textOf } from "./bytes.ts";

/** Symlinks that are followed on the way of one path, as in Linux. */
const linksMax = 40;
const startMs = 1_000_000_000_000;
/** The empty blob. What is known by its name alone need not be asked for. */
export const emptyOid = "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391";

interface File {
  readonly kind: "file";
  /** Its blob; undefined while only `content` has it. */
  blob: Entry | undefined;
  content: string | undefined;
  isExecutable: boolean;
}
interface Link {
  readonly kind: "link";
  /** The blob of its target; undefined while only `target` has it. */
  blob: Entry | undefined;
  target: string | undefined;
}
interface Folder {
  readonly kind: "folder";
  /** The tree that it is, or was read from; undefined once it was changed. */
  tree: Entry | undefined;
  /** What it is when it is a submodule. */
  readonly submodule: TreeEntry | undefined;
  nodes: Map<string, Node> | undefined;
  readonly parent: Folder | undefined;
  readonly name: string;
  /** One of its names is no UTF-8, and so can't be written by the SDK. */
  isUnspeakable: boolean;
}
type Node = File | Link | Folder;

/** A call of the file system that fails as the system's would: `code` is its errno's name. */
class FileFault extends Error {
  readonly code: string;
  constructor(code: keyof typeof sentences, path: string) {
    super(`${code}: ${sentences[code]}, '${path}'`);
    this.code = code;
  }
}

const sentences = {
  ENOENT: "no such file or directory",
  ENOTDIR: "not a directory",
  EISDIR: "illegal operation on a directory",
  EEXIST: "file already exists",
  ENOTEMPTY: "directory not empty",
  ELOOP: "too many levels of symbolic links",
  EINVAL: "invalid argument",
  EILSEQ: "the name is not UTF-8",
} as const;

/** What the system says of a file that it does not open, by errno. */
const refusals: Readonly<Record<string, string>> = {
  ENOTEMPTY: "Directory not empty",
  ENOENT: "No such file or directory",
  ENOTDIR: "Not a directory",
  EISDIR: "Is a directory",
  EEXIST: "File exists",
  ELOOP: "Too many levels of symbolic links",
  EINVAL: "Invalid argument",
  EILSEQ: "Invalid or incomplete multibyte or wide character",
};

/** What the system says of that error of the file system; undefined for any other. */
export function refusalOf(error: unknown): string | undefined {
  const { code } = error as { readonly code?: unknown };
  return typeof code === "string" && Object.hasOwn(refusals, code) ? refusals[code] : undefined;
}

/** What the file system needs of a job. */
export type FileObjects = Pick<Job, "tree" | "bytes" | "putBlob" | "putTree" | "entry">;

export class TreeFiles implements IFileSystem {
  readonly #objects: FileObjects;
  readonly #isCommand: (name: string) => boolean;
  readonly #stdin: Entry | undefined;
  readonly #given: Entry;
  #root: Folder;
  /** The last contents that were read or stored, by which a pipe's bytes keep their blob. */
  #lately: { readonly content: string; readonly blob: Entry }[] = [];

  /** With `stdin` there is a /dev/stdin, which is that blob. */
  constructor(objects: FileObjects, tree: Entry, isCommand: (name: string) => boolean, stdin?: Entry) {
    this.#stdin = stdin;
    this.#objects = objects;
    this.#isCommand = isCommand;
    this.#given = tree;
    this.#root = folderOf(tree);
  }

  /** Whether the tree that was given has something else than a file at its root under that name. */
  #hadFolder(name: string): boolean {
    return this.#objects.tree(this.#given).some((entry) => entry.name === name && !entry.mode.startsWith("100"));
  }

  /** The tree as it is now, stored. */
  tree(): Entry {
    return this.#stored(this.#root);
  }

  /** The tree without scratch, stored. */
  finish(): Entry {
    // Most scripts change nothing, and many look at nothing.
    if (this.#root.tree?.oid === this.#given.oid) return this.#given;
    for (const name of ["tmp", "dev"]) {
      const node = this.#nodes(this.#root).get(name);
      if (node?.kind !== "folder" || this.#hadFolder(name)) continue;
      if (name === "dev") this.#dropEmptyDev();
      else this.#put(this.#root, name, undefined);
    }
    return this.tree();
  }

  /** Goes on with another tree, which a command left behind. */
  replace(tree: Entry): void {
    if (this.#root.tree?.oid !== tree.oid) this.#root = folderOf(tree);
  }

  /** Makes `/tmp` when it is missing. */
  makeScratch(): void {
    if (!this.#nodes(this.#root).has("tmp")) this.#put(this.#root, "tmp", emptyFolder(this.#root, "tmp"));
  }

  /** What a regular file has: its blob, or the content that it was given since. Throws where there is none. */
  fileAt(path: string): Entry | string {
    const { node } = this.#find(path, false);
    if (node.kind !== "file") throw new FileFault("EINVAL", path);
    return node.blob ?? (node.content as string);
  }

  /** A blob's content. */
  contentOf(blob: Entry): string {
    if (blob.oid === emptyOid) return "";
    const known = this.#lately.find((each) => each.blob.oid === blob.oid);
    if (known !== undefined) return known.content;
    const content = textOf(this.#objects.bytes(blob));
    this.#note(content, blob);
    return content;
  }

  /** Whether a blob's content is at hand. */
  holds(blob: Entry): boolean {
    return blob.oid === emptyOid || this.#lately.some((each) => each.blob.oid === blob.oid);
  }

  /** The blob of a content, stored. */
  blobOf(content: string): Entry {
    const known = this.#lately.find((each) => each.content === content);
    if (known !== undefined) return known.blob;
    const blob = this.#objects.putBlob(bytesOf(content));
    this.#note(content, blob);
    return blob;
  }

  #note(content: string, blob: Entry): void {
    this.#lately = [{ content, blob }, ...this.#lately.slice(0, 3)];
  }

  // For commands of our own (workers/commands), which run at once.

  /** What is at a path; undefined where nothing is. */
  look(path: string, follows: boolean): FsStat | undefined {
    try {
      return this.#stat(path, follows);
    } catch (error) {
      if (error instanceof FileFault) return undefined;
      throw error;
    }
  }

  /** A file's bytes; undefined for what is no file. Not kept: of many large files each is read once, and all of them would not fit. */
  text(path: string): string | undefined {
    try {
      const device = this.#deviceContent(path);
      if (device !== undefined) return device;
      const { node } = this.#find(path, true);
      return node.kind === "file" ? (node.content ?? this.contentOf(node.blob as Entry)) : undefined;
    } catch (error) {
      if (error instanceof FileFault) return undefined;
      throw error;
    }
  }

  /** Writes a file, and says whether it could be written. */
  put(path: string, content: string): boolean {
    return this.#unlessFault(() => this.#write(path, content, false));
  }

  /** Writes a file in the place of what is there, a symlink too, and says whether it could. */
  replaceFile(path: string, content: string, isExecutable: boolean): boolean {
    return this.#unlessFault(() => {
      const { folder, name } = this.#place(path, false);
      this.#notFolder(folder, name, path);
      this.#put(folder, name, { kind: "file", blob: undefined, content, isExecutable });
    });
  }

  /** Renames what is no folder, in the place of what is none either, and says whether it could. */
  move(from: string, to: string): boolean {
    return this.#unlessFault(() => {
      const [source, target] = [this.#place(from, false), this.#place(to, false)];
      const node = this.#nodes(source.folder).get(source.name);
      if (node === undefined) throw new FileFault("ENOENT", from);
      this.#notFolder(source.folder, source.name, from);
      this.#notFolder(target.folder, target.name, to);
      this.#put(source.folder, source.name, undefined);
      this.#put(target.folder, target.name, node);
    });
  }

  #notFolder(folder: Folder, name: string, path: string): void {
    if (name === "" || this.#nodes(folder).get(name)?.kind === "folder") throw new FileFault("EISDIR", path);
  }

  #unlessFault(change: () => void): boolean {
    try {
      change();
      return true;
    } catch (error) {
      if (error instanceof FileFault) return false;
      throw error;
    }
  }

  /** Where a symlink leads; undefined for what is none. */
  targetOf(path: string): string | undefined {
    if (this.look(path, false)?.isSymbolicLink !== true) return undefined;
    return this.#target(this.#find(path, false).node as Link);
  }

  /** The names in a folder, in the order of their bytes. Throws for what is none. */
  names(path: string): string[] {
    return [...this.#nodes(this.#folder(path)).keys()].toSorted(byBytes);
  }

  // just-bash's interface. It is asynchronous, these are not.

  async readFile(path: string): Promise<string> {
    return this.#read(path);
  }

  async readFileBytes(path: string): Promise<never> {
    // A text of bytes under another type.
    return this.#read(path) as never;
  }

  async readFileBuffer(path: string): Promise<Uint8Array> {
    return bytesOf(this.#read(path));
  }

  async writeFile(path: string, content: string | Uint8Array): Promise<void> {
    this.#write(path, content, false);
  }

  async appendFile(path: string, content: string | Uint8Array): Promise<void> {
    this.#write(path, content, true);
  }

  async exists(path: string): Promise<boolean> {
    if (this.#deviceContent(path) !== undefined || this.#isProgram(path)) return true;
    try {
      this.#find(path, true);
      return true;
    } catch {
      return false;
    }
  }

  async stat(path: string): Promise<FsStat> {
    return this.#stat(path, true);
  }

  async lstat(path: string): Promise<FsStat> {
    return this.#stat(path, false);
  }

  async mkdir(path: string, options?: { recursive?: boolean }): Promise<void> {
    if (options?.recursive === true) {
      const above = this.resolvePath(path, "..");
      if (above !== "/") await this.mkdir(above, options);
      if (this.#folderAt(path) !== undefined) return;
    }
    const { folder, name } = this.#place(path, false);
    if (name === "" || this.#nodes(folder).has(name)) throw new FileFault("EEXIST", path);
    this.#put(folder, name, emptyFolder(folder, name));
  }

  async readdir(path: string): Promise<string[]> {
    return this.names(path);
  }

  async readdirWithFileTypes(path: string) {
    const folder = this.#folder(path);
    const nodes = [...this.#nodes(folder)].toSorted(([a], [b]) => byBytes(a, b));
    return nodes.map(([name, { kind }]) => ({
      name,
      isFile: kind === "file",
      isDirectory: kind === "folder",
      isSymbolicLink: kind === "link",
    }));
  }

  async rm(path: string, options?: { recursive?: boolean; force?: boolean }): Promise<void> {
    const { folder, name } = this.#place(path, false);
    const node = this.#nodes(folder).get(name);
    if (node === undefined) {
      if (options?.force === true) return;
      throw new FileFault("ENOENT", path);
    }
    if (node.kind === "folder" && options?.recursive !== true) {
      if (this.#nodes(node).size > 0) throw new FileFault("ENOTEMPTY", path);
    }
    this.#put(folder, name, undefined);
    if (path.startsWith("/dev/fd/") && !this.#hadFolder("dev")) this.#dropEmptyDev();
  }

  async cp(): Promise<void> {
    throw new Error("the shell copies nothing itself");
  }

  async mv(): Promise<void> {
    throw new Error("the shell moves nothing itself");
  }

  resolvePath(base: string, path: string): string {
    const parts: string[] = [];
    for (const part of (path.startsWith("/") ? path : `${base}/${path}`).split("/")) {
      if (part === "..") parts.pop();
      else if (part !== "" && part !== ".") parts.push(part);
    }
    return `/${parts.join("/")}`;
  }

  getAllPaths(): string[] {
    return [];
  }

  async chmod(path: string, mode: number): Promise<void> {
    const node = this.#find(path, true).node;
    if (node.kind !== "file") return;
    const { folder, name } = this.#place(path, true);
    this.#put(folder, name, { ...node, isExecutable: (mode & 0o100) !== 0 });
  }

  async symlink(target: string, path: string): Promise<void> {
    const { folder, name } = this.#place(path, false);
    if (this.#nodes(folder).has(name)) throw new FileFault("EEXIST", path);
    this.#put(folder, name, { kind: "link", blob: undefined, target });
  }

  async link(from: string, to: string): Promise<void> {
    const { node } = this.#find(from, false);
    const { folder, name } = this.#place(to, false);
    if (this.#nodes(folder).has(name)) throw new FileFault("EEXIST", to);
    if (node.kind === "folder") throw new FileFault("EINVAL", from);
    this.#put(folder, name, { ...node });
  }

  async readlink(path: string): Promise<string> {
    const { node } = this.#find(path, false);
    if (node.kind !== "link") throw new FileFault("EINVAL", path);
    return this.#target(node);
  }

  async realpath(path: string): Promise<string> {
    return this.realPath(path);
  }

  async utimes(path: string): Promise<void> {
    this.#find(path, true);
  }

  /** The path without symlinks of what is there. */
  realPath(path: string): string {
    return this.#find(path, true).path;
  }

  #target(link: Link): string {
    link.target ??= textOf(this.#objects.bytes(link.blob as Entry));
    return link.target;
  }

  /** What is a folder at that path, symlinks followed; undefined for anything else. */
  #folderAt(path: string): Folder | undefined {
    try {
      const { node } = this.#find(path, true);
      return node.kind === "folder" ? node : undefined;
    } catch {
      return undefined;
    }
  }

  #folder(path: string): Folder {
    const { node } = this.#find(path, true);
    if (node.kind !== "folder") throw new FileFault("ENOTDIR", path);
    return node;
  }

  /** What a device has to be read; undefined for what is none. */
  #deviceContent(path: string): string | undefined {
    if (path === "/dev/null") return "";
    return path === "/dev/stdin" && this.#stdin !== undefined ? this.contentOf(this.#stdin) : undefined;
  }

  #isProgram(path: string): boolean {
    const [, name] = /^(?:\/usr)?\/bin\/([^/]+)$/.exec(path) ?? [];
    return name !== undefined && this.#isCommand(name);
  }

  #read(path: string): string {
    const device = this.#deviceContent(path);
    if (device !== undefined) return device;
    const { node } = this.#find(path, true);
    if (node.kind !== "file") throw new FileFault("EISDIR", path);
    node.content ??= this.contentOf(node.blob as Entry);
    return node.content;
  }

  #write(path: string, given: string | Uint8Array, appends: boolean): void {
    if (path === "/dev/null") return;
    if (path.startsWith("/tmp/")) this.makeScratch();
    if (path.startsWith("/dev/fd/")) this.#makeDevices();
    const content = typeof given === "string" ? given : textOf(given);
    const { folder, name } = this.#place(path, true);
    const before = this.#nodes(folder).get(name);
    if (name === "" || before?.kind === "folder") throw new FileFault("EISDIR", path);
    const isExecutable = before?.kind === "file" && before.isExecutable;
    const old = appends && before?.kind === "file" ? (before.content ?? this.contentOf(before.blob as Entry)) : "";
    if (appends && content === "" && before !== undefined) return;
    this.#put(folder, name, { kind: "file", blob: undefined, content: old + content, isExecutable });
  }

  #stat(path: string, follow: boolean): FsStat {
    const times = { mtime: new Date(startMs) };
    const device = this.#deviceContent(path);
    if (device !== undefined)
      return { ...plain, ...times, isFile: path !== "/dev/null", mode: 0o666, size: device.length };
    if (this.#isProgram(path)) return { ...plain, ...times, isFile: true, mode: 0o755, size: 0 };
    const { node } = this.#find(path, follow);
    switch (node.kind) {
      case "file": {
        const { blob, content } = node;
        const sizeOf = () => (content ?? this.contentOf(blob as Entry)).length;
        const mode = node.isExecutable ? 0o755 : 0o644;
        // Most who ask do not look at the size, for which the content is read.
        return {
          ...plain,
          ...times,
          isFile: true,
          mode,
          get size() {
            return sizeOf();
          },
        };
      }
      case "link":
        return { ...plain, ...times, isSymbolicLink: true, mode: 0o777, size: this.#target(node).length };
      case "folder":
        return { ...plain, ...times, isDirectory: true, mode: 0o755, size: 4096 };
    }
  }

  /** What is at a path, and the path of it without symlinks. */
  #find(path: string, follow: boolean): { readonly node: Node; readonly path: string } {
    let folder = this.#root;
    const todo = path.split("/").filter(isPart).toReversed();
    let links = 0;
    for (let part = todo.pop(); part !== undefined; part = todo.pop()) {
      if (part === "..") {
        folder = folder.parent ?? folder;
        continue;
      }
      const node = this.#nodes(folder).get(part);
      if (node === undefined) throw new FileFault("ENOENT", path);
      if (node.kind === "link" && (follow || todo.length > 0)) {
        if (++links > linksMax) throw new FileFault("ELOOP", path);
        const target = this.#target(node);
        if (target.startsWith("/")) folder = this.#root;
        todo.push(...target.split("/").filter(isPart).toReversed());
        continue;
      }
      if (node.kind === "folder") {
        folder = node;
        continue;
      }
      if (todo.length > 0) throw new FileFault("ENOTDIR", path);
      return { node, path: below(pathOf(folder), part) };
    }
    return { node: folder, path: pathOf(folder) };
  }

  /** The folder in which a path's last name stands or would stand, and that name. With `follow`, a symlink there leads on to where its target would stand. */
  #place(path: string, follow: boolean): { readonly folder: Folder; readonly name: string } {
    let at = path;
    for (let links = 0; links <= linksMax; links++) {
      const parts = at.split("/").filter(isPart);
      const name = parts.pop() ?? "";
      const folder = this.#folder(`/${parts.join("/")}`);
      if (name === "..") return this.#place(this.#find(at, true).path, follow);
      const node = this.#nodes(folder).get(name);
      if (!follow || node?.kind !== "link") {
        if (name === ".git") throw new FileFault("EINVAL", path);
        if (nameOf(name) === undefined && node === undefined) throw new FileFault("EILSEQ", path);
        return { folder, name };
      }
      const target = this.#target(node);
      at = target.startsWith("/") ? target : below(pathOf(folder), target);
    }
    throw new FileFault("ELOOP", path);
  }

  #makeDevices(): void {
    for (const path of ["/dev", "/dev/fd"]) {
      if (this.#folderAt(path) !== undefined) continue;
      const { folder, name } = this.#place(path, true);
      this.#put(folder, name, emptyFolder(folder, name));
    }
  }

  #dropEmptyDev(): void {
    for (const [path, name] of [
      ["/dev", "fd"],
      ["/", "dev"],
    ] as const) {
      const folder = this.#folderAt(path);
      const node = folder === undefined ? undefined : this.#nodes(folder).get(name);
      if (folder === undefined || node?.kind !== "folder" || this.#nodes(node).size > 0) return;
      this.#put(folder, name, undefined);
    }
  }

  /** A folder's nodes by name, read when first asked for. */
  #nodes(folder: Folder): Map<string, Node> {
    if (folder.nodes !== undefined) return folder.nodes;
    const nodes = new Map<string, Node>();
    folder.nodes = nodes;
    if (folder.tree === undefined) return nodes;
    for (const entry of this.#objects.tree(folder.tree)) {
      if (entry.name.includes("\ufffd")) folder.isUnspeakable = true;
      const name = nameBytes(entry.name);
      nodes.set(name, this.#node(entry, folder, name));
    }
    return nodes;
  }

  #node(entry: TreeEntry, parent: Folder, name: string): Node {
    switch (entry.mode) {
      case "40000":
        return { ...folderOf(entry), parent, name };
      case "160000":
        return { ...emptyFolder(parent, name), submodule: entry };
      case "120000":
        return { kind: "link", blob: entry, target: undefined };
      case "100644":
      case "100755":
        return { kind: "file", blob: entry, content: undefined, isExecutable: entry.mode === "100755" };
    }
  }

  #put(folder: Folder, name: string, node: Node | undefined): void {
    const nodes = this.#nodes(folder);
    if (node === undefined) nodes.delete(name);
    else nodes.set(name, node);
    for (let each: Folder | undefined = folder; each !== undefined; each = each.parent) each.tree = undefined;
  }

  #stored(folder: Folder): Entry {
    if (folder.tree !== undefined) return folder.tree;
    if (folder.isUnspeakable)
      throw new Error(`a name in ${pathOf(folder)} is not UTF-8, so the folder can't be changed`);
    const entries = new Map<string, Entry>();
    for (const [name, node] of this.#nodes(folder)) entries.set(nameOf(name) as string, this.#entry(node));
    folder.tree = this.#objects.putTree(entries);
    return folder.tree;
  }

  #entry(node: Node): Entry {
    switch (node.kind) {
      case "file": {
        node.blob ??= this.blobOf(node.content as string);
        return this.#objects.entry("blob", node.blob.oid, node.isExecutable ? "100755" : "100644");
      }
      case "link":
        node.blob ??= this.#objects.putBlob(bytesOf(node.target as string));
        return this.#objects.entry("blob", node.blob.oid, "120000");
      case "folder":
        return node.submodule !== undefined && this.#nodes(node).size === 0 ? node.submodule : this.#stored(node);
    }
  }
}

const plain = { isFile: false, isDirectory: false, isSymbolicLink: false };

function folderOf(tree: Entry): Folder {
  return {
    kind: "folder",
    tree,
    submodule: undefined,
    nodes: undefined,
    parent: undefined,
    name: "",
    isUnspeakable: false,
  };
}

function emptyFolder(parent: Folder, name: string): Folder {
  return {
    kind: "folder",
    tree: undefined,
    submodule: undefined,
    nodes: new Map(),
    parent,
    name,
    isUnspeakable: false,
  };
}

function isPart(part: string): boolean {
  return part !== "" && part !== ".";
}

function pathOf(folder: Folder): string {
  return folder.parent === undefined ? "/" : below(pathOf(folder.parent), folder.name);
}

function below(folder: string, name: string): string {
  return folder === "/" ? `/${name}` : `${folder}/${name}`;
}

function byBytes(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
