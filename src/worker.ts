/**
 * What a worker written in TypeScript is given and may return: `import type { Job } from "coppice/worker"`. Types only, so a bundle holds nothing of it.
 *
 * A worker is a module whose default export is a function from a job to its result. It runs sealed: it sees its arguments, what they reach and its nested runs, and neither clock, network, files nor
 * Node. What it returns follows from its arguments, and is remembered.
 *
 *     import type { Job } from "coppice/worker";
 *
 *     export default async (job: Job<"in">) => `${job.text(job.args.in).split("\n").length - 1}\n`;
 */

/** An object's name: 40 lower-case hex digits, as git names it. */
export type Oid = string;

/** How git stores an entry: a folder, a file, an executable file, a symbolic link (a blob of its target), a submodule. */
export type Mode = "40000" | "100644" | "100755" | "120000" | "160000";

declare const handedOut: unique symbol;

/** An object that a job was given or has put. Frozen. Only the engine makes one, which is how a result that is one is told from a plain object of the same look. */
export interface Entry {
  readonly kind: "blob" | "tree";
  readonly oid: Oid;
  readonly [handedOut]: true;
}

/** An entry of a tree. */
export interface TreeEntry extends Entry {
  readonly name: string;
  readonly mode: Mode;
}

/** What names an object: its oid, or an entry. */
export type Named = Oid | Entry;

/** Bytes as the language has them. NaNs in arrays of floats get one pattern. */
export type Bytes = ArrayBuffer | ArrayBufferView;

/** What an argument or an entry of a tree is made of: text (as UTF-8) and bytes become blobs, a Map becomes a tree, an entry is the object that it names, and any other value becomes a blob of its canonical JSON. An oid alone is text like any other. */
export type Value = string | Bytes | Entry | ReadonlyMap<string, Value> | object | number | boolean | null;

/** A tree's entries by name. An entry of another tree keeps its mode; else a tree is a folder and a blob is a file. Order does not matter: git's is used. */
export type Entries = Readonly<Record<string, Value>> | ReadonlyMap<string, Value>;

/** Arguments by name. */
export type Args = Entries;

/** Who is to run: a standard worker's name, or a worker's oid. */
export type WorkerName = Named;

/** A nested run that is asked for. */
export interface RunRequest {
  readonly worker: WorkerName;
  readonly args?: Args;
}

/**
 * What a worker returns: bytes and text become a blob, a Map of entries becomes a tree, an entry is the object it names, and any other plain value becomes a blob of its canonical JSON
 * (RFC 8785: keys sorted, no white space, no newline at the end). What JSON can't say (undefined, NaN, a Date) is refused with its place. An oid that is known as text only: `job.entry(kind, oid)`.
 */
export type Result = Value;

/** A nested run failed: its outcome, which follows from its request like a result. `name` is "WorkerFailed", by which it is known: there is no class to compare with. */
export interface WorkerFailed extends Error {
  readonly name: "WorkerFailed";
  /** What ended it: `trap` (it threw), `limit`, `abi`, `module` or `exit`. */
  readonly code: string;
  /** Which of the requests of a `runMany`; 0 for `run`. */
  readonly index: number;
}

/**
 * One execution of a worker. `ArgName` are the arguments that it relies on: `Job<"in" | "children">`.
 *
 * Reading and putting return at once. They throw an Error for what is wrong with the call itself: no oid, a tree where a blob is wanted, a name that no entry may have. That an object is not here yet is never
 * seen: the job waits for it.
 */
export interface Job<ArgName extends string = string> {
  /** The arguments by name, frozen and without a prototype. */
  readonly args: Readonly<Record<ArgName, Entry>>;
  /** The tree of the arguments. */
  readonly argsTree: Entry;
  /** The standard library, and the text that separates this run from others. Both pass unchanged into nested runs. */
  readonly std: Entry | undefined;
  readonly salt: string;
  /** The request's own name. */
  readonly request: Oid;

  /** A tree's entries in git's order. */
  tree(of: Named): readonly TreeEntry[];
  /** A blob's bytes, the caller's own. */
  bytes(of: Named): Uint8Array;
  /** A blob's text. Throws when it is not UTF-8. */
  text(of: Named): string;
  /** A blob's text as JSON. Throws when it is none. */
  json(of: Named): unknown;
  /** The object of that name, which must be of that kind where it is used. `mode` is how it stands in a tree: of a blob, a file unless it says otherwise. */
  entry(kind: "blob" | "tree", oid: Oid, mode?: "40000" | "100644" | "100755" | "120000"): Entry;

  /** Stores a blob. */
  putBlob(content: string | Bytes): Entry;
  /** Stores a tree. What its entries name must be here. */
  putTree(entries: Entries): Entry;

  /** Runs a worker, or remembers its result. Rejects with WorkerFailed. Runs that are asked for before something is awaited go side by side; they settle in the order in which they were asked for. */
  run(worker: WorkerName, args?: Args): Promise<Entry>;
  /** Results in the order of the requests, like Promise.all: rejects with the first failure in that order. For each by itself: Promise.allSettled over `run`. */
  runMany(requests: readonly RunRequest[]): Promise<readonly Entry[]>;

  /** A line for people, no part of the result. */
  log(...values: readonly unknown[]): void;
}

/** A worker's default export: `export default (async (job) => …) satisfies Worker<"in">`. */
export type Worker<ArgName extends string = string> = (job: Job<ArgName>) => Result | Promise<Result>;
