/** What a watched task depends on, as the command line names it, and where in the file system that can change. */
import { realpathSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { UnfitScript, isScriptPath, type Engine, type WatchPlace } from "../engine.ts";
import type { Watchable } from "./folder-changes.ts";
import { argumentPath, isPath, isSurelyPath, isWorkerFile } from "./naming.ts";

/** What is run again, as the command line names it. */
export type WatchTask =
  | { readonly how: "fold"; readonly in: string; readonly post: string; readonly pre: string | undefined }
  | { readonly how: "run"; readonly worker: string; readonly args: readonly string[] };

/** A PATH or REV:PATH of the command line. */
export interface Source {
  /** The argument that it is, `in` for what is folded. */
  readonly name: string;
  /** As it was given. */
  readonly label: string;
  /** As it is imported: a path is spelled so that no revision can be meant, even once nothing is there. */
  readonly text: string;
  readonly isPath: boolean;
}

/** A task whose sources are known, and spelled in it as they are imported. */
export interface NamedTask {
  readonly task: WatchTask;
  readonly sources: readonly Source[];
  /** Each text that names a WORKER. */
  readonly workers: readonly string[];
  /** The files that each script was last made of: when one of them is broken, nobody can tell what it imports. */
  readonly scripts: Map<string, readonly string[]>;
}

/** Finds out which of a task's texts are paths: once, so that a path stays one when nothing is there any more. */
export function nameSources(task: WatchTask): NamedTask {
  if (task.how === "fold") {
    const workers = task.pre === undefined ? [task.post] : [task.post, task.pre];
    return { task, sources: [sourceOf("in", task.in)], workers, scripts: new Map() };
  }
  const sources: Source[] = [];
  const args = task.args.map((text) => {
    const named = argumentPath(text);
    if (named === undefined) return text;
    const source = sourceOf(named.name, named.path);
    sources.push(source);
    return `--${named.name}:@=${source.text}`;
  });
  return { task: { ...task, args }, sources, workers: [task.worker], scripts: new Map() };
}

function sourceOf(name: string, label: string): Source {
  const isThere = isPath(label);
  const text = !isThere || isSurelyPath(label) ? label : `./${label}`;
  return { name, label, text, isPath: isThere };
}

/** Where changes can change what a look finds. What is wrong with a source is for the look to tell. */
export async function watchable(engine: Engine, named: NamedTask): Promise<Watchable> {
  const { sources, workers } = named;
  const { NoWorkTree, NotARepository, PathNotTracked } = await import("../importing.ts");
  const places: WatchPlace[] = [];
  const locks: string[] = [];
  let isAll = true;
  for (const { text, isPath: isFound } of sources) {
    const isFolder = isFound && statSync(text, { throwIfNoEntry: false })?.isDirectory() === true;
    // A file is an argument whether git tracks it or not.
    const isFile = isFound && !isFolder;
    if (isFile) places.push(...filePlaces(text));
    try {
      const tracked = await (isFound ? engine.watchPlaces(text) : engine.watchPlaces(".", text));
      places.push(...tracked.places);
      locks.push(tracked.lock);
    } catch (error) {
      if (![NotARepository, PathNotTracked, NoWorkTree].some((each) => error instanceof each)) throw error;
      isAll &&= isFile;
    }
  }
  for (const worker of workers) {
    if (!isWorkerFile(engine, worker)) continue;
    for (const file of await workerFiles(engine, named, worker)) places.push(...filePlaces(file));
  }
  return { places, locks, isAll };
}

/** The files that a worker's file is made of: a script's imports, too. Of a script that can't be a worker they are those of which it was one last. */
async function workerFiles(engine: Engine, { scripts }: NamedTask, path: string): Promise<readonly string[]> {
  if (!isScriptPath(path) || statSync(path, { throwIfNoEntry: false })?.isFile() !== true) return [path];
  try {
    const files = await engine.scriptFiles(path);
    scripts.set(path, files);
    return files;
  } catch (error) {
    if (error instanceof UnfitScript) return scripts.get(path) ?? [path];
    throw error;
  }
}

/** Where a file stands; where it is a symlink, what that points at, too. */
function filePlaces(path: string): WatchPlace[] {
  const isThere = statSync(path, { throwIfNoEntry: false }) !== undefined;
  const files = isThere ? [resolve(path), realpathSync(path)] : [resolve(path)];
  return files.map((file) => ({ folder: dirname(file), names: new Set([basename(file)]) }));
}

/** A path in a source, as the command line would name it. */
export function placeIn({ label, isPath: isFound }: Source, path: string): string {
  if (isFound) return join(label, path);
  if (path === ".") return label;
  if (!label.includes(":")) return `${label}:${path}`;
  return label.endsWith(":") || label.endsWith("/") ? `${label}${path}` : `${label}/${path}`;
}
