/**
 * A tar archive as a tree in the store: files, folders and symlinks of POSIX ustar. Exec bits and symlinks are kept, times and owners are not. What leads out of the archive (absolute paths, `..`) and what
 * no tree can hold is refused.
 */
import type { Engine, Oid, TreeEntry } from "../engine.ts";

const blockBytes = 512;
/** Entries of an archive. */
const tarEntriesMax = 100_000;

/** Bytes that are no archive of the kind that is read here. */
export class MalformedTar extends Error {
  override readonly name = "MalformedTar";
  constructor(reason: string) {
    super(`malformed tar archive: ${reason}`);
  }
}

/** A folder on its way to a tree. */
class Folder {
  readonly entries = new Map<string, TreeEntry | Folder>();

  /** The folder of that name, made where nothing is. */
  below(name: string): Folder {
    const known = this.entries.get(name);
    if (known instanceof Folder) return known;
    if (known !== undefined) throw new MalformedTar("a path leads through a file");
    const made = new Folder();
    this.entries.set(name, made);
    return made;
  }
}

/** Stores what the archive holds. Throws MalformedTar. */
export function putTar(engine: Engine, archive: Buffer): Oid {
  const root = new Folder();
  let entries = 0;
  for (let at = 0; at + blockBytes <= archive.length;) {
    const head = archive.subarray(at, at + blockBytes);
    // Two such blocks end it; nobody else begins with a NUL.
    if (head[0] === 0) break;
    if (++entries > tarEntriesMax) throw new MalformedTar("it has too many entries");
    if (head.toString("latin1", 257, 262) !== "ustar") throw new MalformedTar("an entry is not ustar");
    if (octal(head, 148, 8) !== checksum(head)) throw new MalformedTar("an entry's checksum is another");
    const bytes = octal(head, 124, 12);
    const bodyAt = at + blockBytes;
    if (bodyAt + bytes > archive.length) throw new MalformedTar("it is cut short");
    const type = String.fromCharCode(head[156] as number);
    put(engine, root, head, type, archive.subarray(bodyAt, bodyAt + bytes));
    at = bodyAt + Math.ceil(bytes / blockBytes) * blockBytes;
  }
  return putFolder(engine, root);
}

function put(engine: Engine, root: Folder, head: Buffer, type: string, body: Buffer): void {
  const [name, prefix] = [text(head, 0, 100), text(head, 345, 155)];
  const parts = `${prefix === "" ? "" : `${prefix}/`}${name}`.split("/").filter((part) => part !== "" && part !== ".");
  if (name.startsWith("/") || prefix.startsWith("/") || parts.includes(".."))
    throw new MalformedTar("a path leads out of it");
  const last = parts.pop();
  if (type === "5" && last !== undefined) parts.push(last);
  let folder = root;
  for (const part of parts) folder = folder.below(part);
  if (type === "5") return;
  if (last === undefined) throw new MalformedTar("a file has no name");
  if (folder.entries.has(last)) throw new MalformedTar("a path is there twice");
  const isLink = type === "2";
  if (!isLink && type !== "0" && type !== "\0")
    throw new MalformedTar("an entry is neither file nor folder nor symlink");
  const mode = isLink ? "120000" : (octal(head, 100, 8) & 0o100) === 0 ? "100644" : "100755";
  folder.entries.set(last, {
    mode,
    name: last,
    oid: engine.putBlob(isLink ? Buffer.from(text(head, 157, 100)) : body),
  });
}

function putFolder(engine: Engine, folder: Folder): Oid {
  const entries = [...folder.entries].map(([name, entry]): TreeEntry =>
    entry instanceof Folder ? { mode: "40000", name, oid: putFolder(engine, entry) } : entry,
  );
  return engine.putTree(entries);
}

function text(head: Buffer, at: number, bytes: number): string {
  const end = head.indexOf(0, at);
  return head.toString("utf8", at, end < 0 || end > at + bytes ? at + bytes : end);
}

function octal(head: Buffer, at: number, bytes: number): number {
  const digits = head
    .toString("latin1", at, at + bytes)
    .replaceAll(/[\0 ]+$/g, "")
    .trimStart();
  if (digits === "") return 0;
  if (!/^[0-7]+$/.test(digits)) throw new MalformedTar("a number is not octal");
  return Number.parseInt(digits, 8);
}

/** The sum of a head's bytes, its checksum's own taken for spaces. */
function checksum(head: Buffer): number {
  let sum = 8 * 0x20;
  for (const [at, byte] of head.entries()) if (at < 148 || at >= 156) sum += byte;
  return sum;
}
