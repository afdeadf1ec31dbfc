/** How the command line names things: a PATH or REV:PATH, a WORKER, an object, and the arguments of `coppice run`. */
import { lstatSync, readFileSync, statSync } from "node:fs";
import {
  UnfitWorker,
  isScriptPath,
  oidOfCid,
  parseOid,
  type Arg,
  type Engine,
  type ImportHow,
  type Imported,
  type Oid,
} from "../engine.ts";
import { UsageError } from "./exit.ts";

/** The tree without entries, which every git has: naming it never needs an import. */
const emptyTree = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";

/** The object that an oid or CID names. */
export function objectNamed(engine: Engine, text: string): Oid {
  const name = parseOid(text) ?? oidOfCid(text);
  if (name === undefined)
    throw new UsageError(`${JSON.stringify(text)} is no oid (40 lower-case hex digits) and no CID of a git object`);
  if (name === emptyTree) engine.putTree([]);
  return name;
}

/** Whether PATH|REV:PATH is a path: a symlink counts wherever it points. */
export function isPath(text: string): boolean {
  return text !== "" && lstatSync(text, { throwIfNoEntry: false }) !== undefined;
}

/** What PATH is, if there is such a path, else what REV or REV:PATH is in the repository that the current folder is in: copied, or read from there as jobs need it. */
export async function importNamed(engine: Engine, text: string, how: ImportHow): Promise<Imported> {
  if (text === "") throw new UsageError("an empty text is neither a path nor a revision");
  const take = (path: string, rev?: string) =>
    how === "copying" ? engine.importTree(path, rev) : engine.borrowTree(path, rev);
  if (isPath(text)) return take(text);
  try {
    return await take(".", text);
  } catch (error) {
    const { importFault } = await import("../importing.ts");
    if (importFault(error) !== "usage") throw error;
    const reason = (error as Error).message.replace(/^\. is/, "the current folder is");
    throw new UsageError(`there is no path ${JSON.stringify(text)}, and as a revision: ${reason}`, { cause: error });
  }
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
function jsonObject(text: string, option: string): object {
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
  const { NotARepository, PathNotTracked } = await import("../importing.ts");
  try {
    return { oid: (await engine.borrowTree(path)).oid };
  } catch (error) {
    if (error instanceof NotARepository || error instanceof PathNotTracked) return readFileSync(path);
    throw error;
  }
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}
