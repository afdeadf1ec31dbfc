/** What a worker's source file is, and what is wrong with one that can't be a worker. Apart from script-bundle.ts, which loads the bundler. */
import { extname } from "node:path";
import type { SourcePosition } from "./script-position.ts";

/**
 * What is wrong with a worker's source:
 * - `extension`: the file's name does not end as a script's does;
 * - `built-in`: it wants a module of Node's;
 * - `unresolved`: an import that leads nowhere, or to something that its module does not export;
 * - `file-kind`: an import of a file that is no script, without a word on how to read it;
 * - `syntax`: no JavaScript or TypeScript;
 * - `top-level-await`; `dynamic-import`, of what is known at run time only; `import-meta`: what a sealed classic script can't do;
 * - `no-default`, `not-a-function`: the default export is missing, or is visibly no function.
 */
export type ScriptFault =
  | "extension"
  | "built-in"
  | "unresolved"
  | "file-kind"
  | "syntax"
  | "top-level-await"
  | "dynamic-import"
  | "import-meta"
  | "no-default"
  | "not-a-function";

/** A file that can't be a worker: `FILE:LINE:COLUMN: ` and one clause for its author. */
export class UnfitScript extends Error {
  override readonly name = "UnfitScript";
  readonly fault: ScriptFault;
  readonly file: string;
  /** Where in the file; undefined when it is the file as a whole. */
  readonly position: SourcePosition | undefined;
  /** Modules from the worker's file to what it may not have, each imported by the one before; empty where imports are not the matter. */
  readonly chain: readonly string[];
  constructor(fault: ScriptFault, place: string | SourcePosition, reason: string, chain: readonly string[] = []) {
    super(typeof place === "string" ? `${place}: ${reason}` : `${place.file}:${place.line}:${place.column}: ${reason}`);
    this.fault = fault;
    this.file = typeof place === "string" ? place : place.file;
    this.position = typeof place === "string" ? undefined : place;
    this.chain = chain;
  }
}

/** How the names of workers' sources end. */
export const scriptExtensions = [".ts", ".mts", ".cts", ".tsx", ".js", ".mjs", ".cjs", ".jsx"];

/** Whether a path's name ends as a worker's source does: `.ts`, `.js`, `.mjs`, … */
export function isScriptPath(path: string): boolean {
  return scriptExtensions.includes(extname(path));
}
