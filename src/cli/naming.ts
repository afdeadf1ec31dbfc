/** How the command line names things: a PATH or REV:PATH, a WORKER, an object, and the arguments of `coppice run`. */
import { existsSync, readFileSync, statSync } from "node:fs";
import { oidOfCid, parseOid, type Arg, type Engine, type Imported, type Oid } from "../engine.ts";
import { UsageError } from "./exit.ts";

/** The object that an oid or CID names. */
export function objectNamed(text: string): Oid {
  const name = parseOid(text) ?? oidOfCid(text);
  if (name === undefined)
    throw new UsageError(`${JSON.stringify(text)} is no oid (40 lower-case hex digits) and no CID of a git object`);
  return name;
}

/** Imports PATH, if there is such a path, else REV or REV:PATH of the repository that the current folder is in. */
export async function importNamed(engine: Engine, text: string): Promise<Imported & { readonly isWorkTree: boolean }> {
  if (text === "") throw new UsageError("an empty text is neither a path nor a revision");
  if (existsSync(text)) return { ...(await engine.importTree(text)), isWorkTree: true };
  return { ...(await engine.importTree(".", text)), isWorkTree: false };
}

/** A worker's name for the engine: a standard name, an oid, or the oid of a file's module, which is stored. */
export function workerNamed(engine: Engine, text: string): string {
  const name = parseOid(text) ?? oidOfCid(text);
  if (name !== undefined) return name;
  if (engine.workers().includes(text)) return text;
  // What is neither is for the engine to refuse: it knows the names that there are.
  return isFile(text) ? engine.addWorker(readFileSync(text)) : text;
}

/** `--NAME=TEXT`, `--NAME:@=PATH`, `--NAME:hash=OID`; and `--NAME:text=TEXT`, for names that are options of the command. */
const argumentShape = /^--([^=:]+)(?::(@|hash|text))?=(.*)$/s;

/** The arguments of a run. */
export async function argumentsNamed(engine: Engine, texts: readonly string[]): Promise<Record<string, Arg>> {
  const args = new Map<string, Arg>();
  for (const text of texts) {
    const [, name, how, value] = argumentShape.exec(text) ?? [];
    if (name === undefined || value === undefined) {
      throw new UsageError(
        `${JSON.stringify(text)} is no argument; write --NAME=TEXT, --NAME:@=PATH or --NAME:hash=OID`,
      );
    }
    if (args.has(name)) throw new UsageError(`argument ${JSON.stringify(name)} is given twice`);
    args.set(name, await argument(engine, how, value));
  }
  return Object.fromEntries(args);
}

async function argument(engine: Engine, how: string | undefined, value: string): Promise<Arg> {
  if (how === "hash") return { oid: objectNamed(value) };
  if (how !== "@") return value;
  return isFile(value) ? fileNamed(engine, value) : { oid: (await importNamed(engine, value)).oid };
}

/** A file that git tracks comes as git stores it, any other as it is. */
async function fileNamed(engine: Engine, path: string): Promise<Arg> {
  const { NotARepository, PathNotTracked } = await import("../importing.ts");
  try {
    return { oid: (await engine.importTree(path)).oid };
  } catch (error) {
    if (error instanceof NotARepository || error instanceof PathNotTracked) return readFileSync(path);
    throw error;
  }
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}
