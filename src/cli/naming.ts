/** How the command line names things: a PATH or REV:PATH, a WORKER, an object, and the arguments of `coppice run`. */
import { lstatSync, readFileSync, statSync } from "node:fs";
import { isAbsolute } from "node:path";
import {
  UnfitWorker,
  isScriptPath,
  oidOfCid,
  parseOid,
  type Arg,
  type Engine,
  type ImportHow,
  type Imported,
  type ImportedFolder,
  type Oid,
} from "../engine.ts";
import { isRequestTree } from "../store/request-tree.ts";
import { UsageError } from "./exit.ts";
import { shortList } from "./output.ts";
import { untrackedNote } from "./untracked.ts";

/** The tree without entries, which every git has: naming it never needs an import. */
const emptyTree = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";

const revisionHint = "; `coppice import REV:PATH` prints the oid of what a revision names, as `git rev-parse` does";

/** The object that an oid or CID names. */
export function objectNamed(engine: Engine, text: string): Oid {
  const name = parseOid(text) ?? oidOfCid(text);
  if (name === undefined) {
    const hint = /^[0-9a-f]+$/i.test(text) || /^b[a-z2-7]{30,}$/.test(text) ? "" : revisionHint;
    throw new UsageError(
      `${JSON.stringify(text)} is no oid (40 lower-case hex digits) and no CID of a git object${hint}`,
    );
  }
  if (name === emptyTree) engine.putTree([]);
  return name;
}

/** Whether a text is an oid or CID. */
export function namesObject(text: string): boolean {
  return (parseOid(text) ?? oidOfCid(text)) !== undefined;
}

/** The request that an oid or CID names: one that ran or was to run in this store, be it remembered or not. */
export function requestNamed(engine: Engine, text: string): Oid {
  const name = objectNamed(engine, text);
  const kind = engine.kindOf(name);
  if (kind === undefined) throw new UsageError(`nothing is known of request ${name}: it never ran in this store`);
  if (kind !== "tree" || !isRequestTree(engine.get(name).body))
    throw new UsageError(`${name} is a ${kind}, and no request`);
  return name;
}

/** Whether PATH|REV:PATH is a path: a symlink counts wherever it points. */
export function isPath(text: string): boolean {
  return text !== "" && lstatSync(text, { throwIfNoEntry: false }) !== undefined;
}

/** Whether a folder is there. */
export function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

/**
 * What a text names, copied or read from its repository as jobs need it. A path wins; to borrow, an oid or CID of an object that the store has is that object; all else is REV or REV:PATH in the
 * repository that the current folder is in.
 */
export async function importNamed(engine: Engine, text: string, how: ImportHow): Promise<Imported> {
  if (text === "") throw new UsageError("an empty text is neither a path nor a revision");
  const take = (path: string, rev?: string) =>
    how === "copying" ? engine.importTree(path, rev) : engine.borrowTree(path, rev);
  if (isPath(text)) return pathNamed(text, take);
  const stored = how === "copying" ? undefined : storedNamed(engine, text);
  return stored ?? revisionNamed(text, take);
}

type Take = (path: string, rev?: string) => Promise<Imported>;

/** A path that is there. In a bare repository's folder, as in `.git`, HEAD is a file, and who names it means the revision. */
async function pathNamed(text: string, take: Take): Promise<Imported> {
  try {
    return await take(text);
  } catch (error) {
    const { NoWorkTree, importFault } = await import("../importing.ts");
    if (!(error instanceof NoWorkTree) || isSurelyPath(text)) throw error;
    try {
      return await take(".", text);
    } catch (fault) {
      if (importFault(fault) !== "usage") throw fault;
      throw new UsageError(`${error.message}; as a revision: ${(fault as Error).message}`, { cause: fault });
    }
  }
}

/** A tree or blob of the store: what else has an oid is a revision. */
function storedNamed(engine: Engine, text: string): Imported | undefined {
  const name = parseOid(text) ?? oidOfCid(text);
  const kind = name === undefined ? undefined : engine.kindOf(name);
  if (name === undefined || (kind !== "blob" && kind !== "tree")) return undefined;
  return { kind, oid: name, objects: 0, bytes: 0, submodules: [] };
}

/** What no path is there for: a revision, or what git tracks and the work tree lacks (by intent, in a sparse one). */
async function revisionNamed(text: string, take: Take): Promise<Imported> {
  const { DeletedPath, importFault } = await import("../importing.ts");
  let fault: Error | undefined;
  try {
    if (!isSurelyPath(text)) return await take(".", text);
  } catch (error) {
    if (importFault(error) !== "usage") throw error;
    fault = error as Error;
  }
  try {
    if (!text.includes(":")) return await take(text);
  } catch (error) {
    if (error instanceof DeletedPath || importFault(error) !== "usage") throw error;
  }
  const nor = parseOid(text) === undefined ? "" : ", no such object in the store";
  const reason = fault?.message.replace(/^\. is/, "the current folder is");
  const asRevision = reason === undefined ? "" : `, and as a revision: ${reason}`;
  throw new UsageError(`there is no path ${JSON.stringify(text)}${nor}${asRevision}`, { cause: fault });
}

/** Whether a text is a path and can be no revision, whatever is there. */
export function isSurelyPath(text: string): boolean {
  return isAbsolute(text) || /^\.\.?(?:[/\\]|$)/.test(text);
}

/** A worker's name for the engine: a standard name, an oid, or the oid of a file's worker, which is stored. */
export async function workerNamed(engine: Engine, text: string): Promise<string> {
  const name = parseOid(text) ?? oidOfCid(text);
  if (name !== undefined) return name;
  const known = engine.workers();
  if (known.includes(text)) return text;
  const entry = statSync(text, { throwIfNoEntry: false });
  if (entry !== undefined) return addWorkerFile(engine, text);
  throw new UsageError(
    `unknown worker ${JSON.stringify(text)}: there is no such file, and the standard workers are ${known.join(", ")}`,
  );
}

/** Whether a worker's name can only be that of a file. */
export function isWorkerFile(engine: Engine, text: string): boolean {
  return parseOid(text) === undefined && oidOfCid(text) === undefined && !engine.workers().includes(text);
}

/** Stores the worker that a file holds, a module or a script, with the limits that a JSON object gives, and returns the worker's oid. */
export async function addWorkerFile(engine: Engine, path: string, limitsText?: string): Promise<Oid> {
  const limits = limitsText === undefined ? undefined : jsonObject(limitsText, "--limits");
  // Told apart before reading, which would wait at a pipe and fail in other words at a folder.
  if (statSync(path).isDirectory())
    throw new UsageError(`${path} can't be a worker: it is a folder, and a .wasm, .ts or .js file is wanted`);
  try {
    return isScriptPath(path) ? await engine.addScript(path, limits) : engine.addWorker(readFileSync(path), limits);
  } catch (error) {
    if (error instanceof UnfitWorker)
      throw new UsageError(`${path} can't be a worker: ${error.message}`, { cause: error });
    throw error;
  }
}

/** What it holds is for whoever takes it to look at. */
export function jsonObject(text: string, option: string): object {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new UsageError(`${option} takes a JSON object, and this is no JSON: ${text}`, { cause: error });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new UsageError(`${option} takes a JSON object, and this is none: ${text}`);
  }
  return value;
}

/** `--NAME=TEXT`, `--NAME:@=PATH`, `--NAME:hash=OID`; and `--NAME:text=TEXT`, for names that are options of the command. */
const argumentShape = /^--([^=:]+)(?::(@|hash|text))?=(.*)$/s;

/** The worker and the arguments of a run: the one text that is no argument names the worker. */
export function workerAndArguments(texts: readonly string[]): { readonly worker: string; readonly args: string[] } {
  const at = texts.findIndex((text) => !text.startsWith("-"));
  const worker = texts[at];
  if (worker === undefined) throw new UsageError("no worker is named: write `coppice run WORKER --NAME=TEXT`");
  return { worker, args: texts.toSpliced(at, 1) };
}

/** The name and the PATH or REV:PATH of an argument `--NAME:@=PATH`; undefined for any other. */
export function argumentPath(text: string): { readonly name: string; readonly path: string } | undefined {
  const [, name, how, path] = argumentShape.exec(text) ?? [];
  return how === "@" && name !== undefined && path !== undefined ? { name, path } : undefined;
}

/** The arguments of a run. */
export async function argumentsNamed(engine: Engine, texts: readonly string[]): Promise<Record<string, Arg>> {
  const args = new Map<string, Arg>();
  for (const text of texts) {
    const [, name, how, value] = argumentShape.exec(text) ?? [];
    if (name === undefined || value === undefined) {
      throw new UsageError(
        `${JSON.stringify(text)} is no option and no argument; write --NAME=TEXT, --NAME:@=PATH or --NAME:hash=OID`,
      );
    }
    if (args.has(name)) throw new UsageError(`argument ${JSON.stringify(name)} is given twice`);
    args.set(name, await argument(engine, how, value));
  }
  return Object.fromEntries(args);
}

async function argument(engine: Engine, how: string | undefined, value: string): Promise<Arg> {
  if (how === "hash") return { oid: objectNamed(engine, value) };
  if (how !== "@") return value;
  return isFile(value) ? fileNamed(engine, value) : { oid: (await importNamed(engine, value, "borrowing")).oid };
}

/** A file that git tracks comes as git stores it, any other as it is. */
async function fileNamed(engine: Engine, path: string): Promise<Arg> {
  const { NoWorkTree, NotARepository, PathNotTracked } = await import("../importing.ts");
  try {
    return { oid: (await engine.borrowTree(path)).oid };
  } catch (error) {
    if ([NotARepository, PathNotTracked, NoWorkTree].some((each) => error instanceof each)) return readFileSync(path);
    throw error;
  }
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}

/** What of a folder is not in the tree that was made of it, in a sentence each. */
export function leftOutNotes({ isComplete, unstorable, unread, unknown, submodules }: ImportedFolder): string[] {
  return [
    ...(isComplete ? [] : ["there is no git to ask: files that git does not track, if any, are left out"]),
    ...(unread.length === 0
      ? []
      : [`git may not look into ${shortList(unread)}: what it does not track there is left out`]),
    ...(unknown.length === 0 ? [] : [untrackedNote(unknown)]),
    ...(unstorable.length === 0
      ? []
      : [`left out, since no tree can hold a pipe, a socket or a device: ${shortList(unstorable)}`]),
    ...submoduleNotes(submodules),
  ];
}

/** That submodules are empty folders in a tree, in a sentence; none where there are no submodules. */
export function submoduleNotes(submodules: readonly string[]): string[] {
  if (submodules.length === 0) return [];
  const folders = shortList(submodules.map((path) => `${path}/`));
  return [`left out, since submodules are empty folders here: what is in ${folders}`];
}
