/**
 * Sequences of operations (operations.ts), each run on Files and on a real folder (real-folder.ts): every answer must be the same, and so must the tree that is left, and what is counted must be what there is.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Fault, errno, type Errno } from "../../../src/isolate-host/wasi/errno.ts";
import { Files, type Device, type File, type Folder, type Node } from "../../../src/isolate-host/wasi/files.ts";
import { hashObject } from "../../../src/store/object.ts";
import type { Oid } from "../../../src/store/oid.ts";
import { RoomObjects } from "./file-room.ts";
import type { Operation, Scenario } from "./operations.ts";
import { RealFolder, type Seen } from "./real-folder.ts";

/** How often each operation came to what, as "rename notempty". */
export type Tally = Map<string, number>;

interface Open {
  readonly node: File | Folder;
  readonly fd: number;
  readonly isForWriting: boolean;
}

/** Both sides of a comparison, and what is open in both. */
interface Pair {
  readonly files: Files;
  readonly real: RealFolder;
  readonly open: Open[];
  readonly tally: Tally;
}

/** Descriptors of one sequence. */
const opensMax = 12;

export interface ComparisonOptions {
  readonly tally: Tally;
  /** Git names the folder's tree, too, which takes as long as all else. */
  readonly isGitAsked: boolean;
  /** Where real folders are made. */
  readonly scratch: string;
}

/** In memory where there is such a folder: making and removing files on a disk takes longer than all else. */
export const defaultScratch = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();

/** Runs a scenario on both sides, and throws where they differ. */
export function compare({ start, operations }: Scenario, { tally, isGitAsked, scratch }: ComparisonOptions): void {
  const outer = realpathSync(mkdtempSync(join(scratch, "coppice-files-")));
  try {
    // So deep that a path which is wrongly thought to stay inside finds nothing but empty folders.
    const folder = join(outer, "x/".repeat(12), "in");
    mkdirSync(folder, { recursive: true });
    const objects = new RoomObjects();
    const put = objects.put.bind(objects);
    const real = new RealFolder(folder);
    const first = real.tree(put, { isPruned: false, isMapped: true });
    // The start is made by the same operations, so that neither side has to be trusted to make it.
    const made = runAll(objects, first, real, start, new Map());
    const root = real.tree(put, { isPruned: false, isMapped: true });
    same("the start", made, root);
    const left = runAll(objects, root, real, operations, tally);
    same("the tree that is left", left, real.tree(put, { isPruned: false, isMapped: true }));
    if (isGitAsked) {
      same("git's tree", real.tree(hashObject, { isPruned: true, isMapped: false }), gitTree(outer, folder));
    }
  } finally {
    rmSync(outer, { recursive: true, force: true });
  }
}

function runAll(
  objects: RoomObjects,
  root: Oid,
  real: RealFolder,
  operations: readonly Operation[],
  tally: Tally,
): Oid {
  const files = new Files(
    objects,
    root,
    { bytesMax: Number.MAX_SAFE_INTEGER, entriesMax: Number.MAX_SAFE_INTEGER },
    () => 0n,
  );
  const open: Open[] = [{ node: files.root, fd: real.openRoot(), isForWriting: false }];
  const pair: Pair = { files, real, open, tally };
  try {
    operations.forEach((each, at) => {
      step(pair, each, `operation ${at}, ${JSON.stringify(each)}`);
    });
    same("bytes that are counted", files.bytesHeld, countedBytes(pair));
  } finally {
    for (const { fd } of open) real.close(fd);
  }
  return files.finish();
}

function step(pair: Pair, operation: Operation, what: string): void {
  const { files, real, open, tally } = pair;
  const note = (answer: unknown) => {
    const number = answer instanceof Fault ? answer.errno : 0;
    const key = `${operation.op} ${nameOf(number)}`;
    tally.set(key, (tally.get(key) ?? 0) + 1);
  };
  const both = (ours: unknown, theirs: unknown) => {
    note(theirs);
    same(what, ours, theirs);
  };
  if ("file" in operation) {
    const opened = open[operation.file % open.length] as Open;
    const { node, fd } = opened;
    switch (operation.op) {
      case "close":
        if (node === files.root) return;
        files.close(node);
        real.close(fd);
        open.splice(open.indexOf(opened), 1);
        return;
      case "statOpen":
        both(seen(files, node), real.statOpen(fd));
        return;
      case "read": {
        if (node.kind === "folder") return;
        const target = new Uint8Array(operation.length);
        const read = files.read(node, operation.at, target);
        both(
          read instanceof Fault ? read : Buffer.from(target.subarray(0, read)),
          real.read(fd, operation.at, operation.length),
        );
        return;
      }
      case "write": {
        if (node.kind === "folder" || !opened.isForWriting) return;
        const bytes = new Uint8Array(operation.length).fill(operation.fill);
        both(files.write(node, operation.at, bytes), real.write(fd, operation.at, bytes));
        return;
      }
      case "resize":
        if (node.kind === "folder" || !opened.isForWriting) return;
        both(files.resize(node, operation.size), real.resize(fd, operation.size));
        return;
    }
  }
  const folders = open.filter((each): each is Open & { readonly node: Folder } => each.node.kind === "folder");
  const base = folders[operation.base % folders.length] as (typeof folders)[number];
  const { path } = operation;
  if (leaves(files, base.node, path)) return;
  switch (operation.op) {
    case "open": {
      if (open.length === opensMax) return;
      const ours = files.open(base.node, path, operation.how);
      const theirs = real.open(base.fd, path, operation.how);
      if (!(theirs instanceof Fault || ours instanceof Fault || ours.kind === "device")) {
        note(0);
        open.push({ node: ours, fd: theirs, isForWriting: operation.how.write === true });
        same(what, seen(files, ours), real.statOpen(theirs));
        return;
      }
      if (!(theirs instanceof Fault)) real.close(theirs);
      both(ours instanceof Fault ? ours : "opened", theirs instanceof Fault ? theirs : "opened");
      return;
    }
    case "stat": {
      const node = files.find(base.node, path, operation.follow);
      both(node instanceof Fault ? node : seen(files, node), real.stat(base.fd, path, operation.follow));
      return;
    }
    case "list":
      both(listed(files, base.node, path), real.list(base.fd, path));
      return;
    case "makeFolder":
      both(files.makeFolder(base.node, path), real.makeFolder(base.fd, path));
      return;
    case "removeFolder":
      both(files.removeFolder(base.node, path), real.removeFolder(base.fd, path));
      return;
    case "unlink":
      both(files.unlink(base.node, path), real.unlink(base.fd, path));
      return;
    case "rename":
    case "link": {
      const { to } = operation;
      const toBase = folders[operation.toBase % folders.length] as (typeof folders)[number];
      if (leaves(files, toBase.node, to)) return;
      if (operation.op === "rename") {
        both(files.rename(base.node, path, toBase.node, to), real.rename(base.fd, path, toBase.fd, to));
      } else {
        const { follow } = operation;
        both(files.link(base.node, path, follow, toBase.node, to), real.link(base.fd, path, follow, toBase.fd, to));
      }
      return;
    }
    case "symlink":
      both(files.symlink(operation.text, base.node, path), real.symlink(operation.text, base.fd, path));
      return;
    case "readLink":
      both(files.readLink(base.node, path), real.readLink(base.fd, path));
      return;
    case "setExecutable": {
      const node = files.find(base.node, path, true);
      if (!(node instanceof Fault) && node.kind !== "file") return;
      if (!(node instanceof Fault)) files.setExecutable(node, operation.is);
      both(node instanceof Fault ? node : undefined, real.setExecutable(base.fd, path, operation.is));
      return;
    }
  }
}

function seen(files: Files, node: Node | Device): Seen {
  const { kind, size, links, isExecutable } = files.stat(node);
  if (kind === "device") throw new Error("a device where none is shown");
  return { kind, size, links: kind === "folder" ? 1 : links, isExecutable };
}

function listed(files: Files, base: Folder, path: string): readonly string[] | Fault {
  const node = files.find(base, path, true);
  if (node instanceof Fault) return node;
  if (node.kind !== "folder") return files.find(base, `${path}/`, true) as Fault;
  const entries = files.list(node);
  if (entries instanceof Fault) return entries;
  const names = entries.map((entry) => entry.name);
  same("the order of a list", names, names.toSorted());
  return entries.map((entry) => `${entry.name} ${entry.kind}`).toSorted();
}

/** Whether a path goes above the root: a real folder has something there. Steps one at a time, so that what is under test does not decide. */
function leaves(files: Files, base: Folder, path: string): boolean {
  let at = path.startsWith("/") ? files.root : base;
  const steps = path.split("/");
  for (let links = 0; links < 200;) {
    const name = steps.shift();
    if (name === undefined) return false;
    if (name === "" || name === ".") continue;
    if (name === "..") {
      if (at === files.root) return true;
      at = files.parent(at);
      continue;
    }
    const node = files.find(at, name, false);
    if (node instanceof Fault || node.kind === "file") return false;
    if (node.kind === "folder") {
      at = node;
      continue;
    }
    links++;
    const text = files.readLink(at, name) as string;
    if (text.startsWith("/")) at = files.root;
    steps.unshift(...text.split("/"));
  }
  return false;
}

/** What counts, by what there is: all that a name or a descriptor leads to. */
function countedBytes({ files, open }: Pair): number {
  const nodes = new Set<Node>();
  const waiting: Node[] = [files.root, ...open.map(({ node }) => node)];
  for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
    if (nodes.has(node)) continue;
    nodes.add(node);
    if (node.kind === "folder") waiting.push(...(node.entries?.values() ?? []));
  }
  let bytes = 0;
  for (const node of nodes) {
    bytes += node.counted;
    if (node.kind !== "file" || node.blob !== undefined) continue;
    bytes += node.countedBytes;
    same("what counts of a file", node.countedBytes, node.size);
  }
  return bytes;
}

function gitTree(outer: string, folder: string): string {
  const env = {
    PATH: process.env["PATH"] ?? "",
    HOME: "/nonexistent",
    GIT_CONFIG_GLOBAL: "/dev/null",
    GIT_CONFIG_SYSTEM: "/dev/null",
    GIT_DIR: join(outer, "git"),
    GIT_WORK_TREE: folder,
  };
  const git = (...args: readonly string[]) =>
    execFileSync("git", args, { cwd: folder, env, stdio: "pipe", encoding: "utf8" });
  git("init", "--quiet");
  git("add", "--all");
  return git("write-tree").trim();
}

function same(what: string, ours: unknown, theirs: unknown): void {
  const [left, right] = [shown(ours), shown(theirs)];
  if (left !== right) throw new Error(`${what}: Files say ${left}, the real folder ${right}`);
}

function shown(value: unknown): string {
  if (value instanceof Fault) return nameOf(value.errno);
  if (Buffer.isBuffer(value)) return value.toString("hex");
  return JSON.stringify(value) ?? "done";
}

function nameOf(code: Errno): string {
  return (Object.keys(errno) as (keyof typeof errno)[]).find((each) => errno[each] === code) ?? "";
}
