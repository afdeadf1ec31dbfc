/**
 * What can go wrong with a store, a class for each thing that a caller handles differently; and how the errors of SQLite and damage that is found on the way become one of them.
 */
import { existsSync } from "node:fs";
import Database from "better-sqlite3";
import { Damage, DamagedIndex } from "./damage.ts";
import type { Oid } from "./oid.ts";

/** The largest object. SQLite's own bound for a row is set by better-sqlite3, to the length of the longest string of V8: 24 bytes less than 512 MiB. */
export const objectBytesMax = (512 << 20) - (1 << 12);

/** Neither the store nor a repository that it reads from has an object of that name. */
export class MissingObject extends Error {
  override readonly name = "MissingObject";
  readonly oid: Oid;
  /** Object folders of the repositories. */
  readonly sources: readonly string[];
  constructor(name: Oid, sources: readonly string[] = []) {
    super(`no object ${name} in the store${andSources(sources)}`);
    this.oid = name;
    this.sources = sources;
  }
}

/** For people: where else an object was looked for. */
export function andSources(sources: readonly string[]): string {
  const [first, ...others] = sources;
  if (first === undefined) return "";
  const gone = existsSync(first) ? "" : " (the folder is gone)";
  return ` or in ${first}${gone}${others.length === 0 ? "" : ` and ${others.length} more`}, from which it reads`;
}

/** The reason of a CorruptObject whose name is not its content's. */
export const otherHash = "its bytes have another hash";

/** What the store holds under that name is not what was put there. */
export class CorruptObject extends Error {
  override readonly name = "CorruptObject";
  readonly oid: Oid;
  readonly reason: string;
  constructor(name: Oid, reason: string, cause?: unknown) {
    super(`object ${name} in the store is corrupt: ${reason}`, { cause });
    this.oid = name;
    this.reason = reason;
  }
}

/** Two contents of one name: a SHA-1 collision, refused. */
export class CollidingObject extends Error {
  override readonly name = "CollidingObject";
  readonly oid: Oid;
  constructor(name: Oid) {
    super(`two different objects have the SHA-1 name ${name}; the second was refused`);
    this.oid = name;
  }
}

/** The memo is not to be believed: two executions of the request differed, or of one that it consumed. */
export class QuarantinedMemo extends Error {
  override readonly name = "QuarantinedMemo";
  readonly request: Oid;
  /** The request whose executions differed. */
  readonly origin: Oid;
  constructor(request: Oid, origin: Oid = request) {
    super(describeQuarantine(request, origin));
    this.request = request;
    this.origin = origin;
  }
}

/** For people: why there is no answer, and what settles it. */
export function describeQuarantine(request: Oid, origin: Oid): string {
  const settles = `\`coppice verify --resolve ${origin}\` shows and settles it`;
  return request === origin
    ? `two executions of request ${request} differed, so its memo is quarantined (both outcomes are kept; ${settles})`
    : `two executions of request ${origin} differed, so what consumed it is quarantined, request ${request} too (${settles})`;
}

/** A quarantine was settled while the run went on, which may have consumed what is not true; the buffer was dropped. Running again computes it anew. */
export class StaleRun extends Error {
  override readonly name = "StaleRun";
  readonly path: string;
  constructor(path: string) {
    super(`${path}: a quarantine was settled while this ran; run again`);
    this.path = path;
  }
}

/** Objects that buffered work relies on were deleted by someone else; the buffer was dropped, and running again computes it anew. */
export class StaleStore extends Error {
  override readonly name = "StaleStore";
  readonly path: string;
  readonly oid: Oid;
  constructor(path: string, missing: Oid) {
    super(`${path}: object ${missing} was deleted while it was in use; run again`);
    this.path = path;
    this.oid = missing;
  }
}

/** An object larger than the store takes. */
export class OversizeObject extends Error {
  override readonly name = "OversizeObject";
  readonly bytes: number;
  constructor(bytes: number) {
    super(`an object of ${bytes} bytes is larger than the store takes (${objectBytesMax})`);
    this.bytes = bytes;
  }
}

/** The file can't serve as a store: the disk is full, the file is damaged, not ours, or written by a newer version. */
export class StoreFailure extends Error {
  override readonly name = "StoreFailure";
  readonly path: string;
  readonly fault: StoreFault;
  constructor(path: string, fault: StoreFault, detail: string, cause?: unknown) {
    super(`store ${path}: ${faultTexts[fault]}${detail === "" ? "" : ` (${detail})`}`, { cause });
    this.path = path;
    this.fault = fault;
  }
}
type StoreFault = "full" | "damaged" | "foreign" | "newer" | "older" | "locked" | "unusable";
const faultTexts = {
  full: "the disk is full; nothing that was stored is lost",
  damaged: "the file is damaged; move it away, and what it held is computed again",
  foreign: "the file is not a Coppice store",
  newer: "the file was written by a newer version of Coppice",
  older: "the file was written by an older version of Coppice; move it away, and what it held is computed again",
  locked: "another process holds its write lock",
  unusable: "the file can't be used",
} as const satisfies Record<StoreFault, string>;

/** What an SQLite error means to a person. */
function faultOf(code: string): StoreFault {
  // The second is how a full disk shows when the index of the write-ahead log is made.
  if (code.startsWith("SQLITE_FULL") || code === "SQLITE_IOERR_SHMSIZE") return "full";
  if (code.startsWith("SQLITE_CORRUPT") || code.startsWith("SQLITE_NOTADB")) return "damaged";
  if (code.startsWith("SQLITE_BUSY") || code.startsWith("SQLITE_LOCKED")) return "locked";
  return "unusable";
}

/** Runs `work`; what it throws becomes an error for callers. */
export function guarded<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw asStoreError(error, path);
  }
}

/** `guarded` for each step of a walk. */
export function* guardedEach<T>(path: string, all: Iterable<T>): Iterable<T> {
  const walk = all[Symbol.iterator]();
  for (;;) {
    const { done, value } = guarded(path, () => walk.next());
    if (done === true) return;
    yield value;
  }
}

/**
 * The error that callers get for one that was thrown: an SQLite error is a StoreFailure that says what a person can do, damage found on the way to a name is
 * that name's, other damage (the index's always) is the file's. All else stays what it is.
 */
export function asStoreError(error: unknown, path: string, name?: Oid): unknown {
  if (error instanceof Database.SqliteError) return new StoreFailure(path, faultOf(error.code), error.message, error);
  if (!(error instanceof Damage)) return error;
  if (name !== undefined && !(error instanceof DamagedIndex)) return new CorruptObject(name, error.message);
  return new StoreFailure(path, "damaged", error.message, error);
}
