/**
 * Paths of files whose names come from git. A name that is not UTF-8 keeps its bytes on the way to the file system
 * (see ../tree.ts for how such names are written as strings).
 */
import { lstatSync, type BigIntStats } from "node:fs";
import { encodeName } from "../tree.ts";

/** A path for node:fs. */
export type FilePath = string | Buffer;

/** The path of `inside` (slashes between its parts, empty for the folder itself) in `folder`. */
export function filePath(folder: string, inside: string): FilePath {
  const path = inside === "" ? folder : `${folder}/${inside}`;
  return path.isWellFormed() ? path : encodeName(path);
}

/** Whether an error of node:fs says that there is no such file. */
export function isAbsent(error: unknown): boolean {
  const code = errorCode(error);
  return code === "ENOENT" || code === "ENOTDIR";
}

/** The code of an error of node:fs or child_process. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
}

/** What stands at a path, symlinks not followed; undefined when nothing does. */
export function lstatOf(path: FilePath): BigIntStats | undefined {
  try {
    return lstatSync(path, { bigint: true }); // milliseconds as a number would lose the nanoseconds
  } catch (error) {
    if (isAbsent(error)) return undefined; // lstatSync's throwIfNoEntry lets ENOTDIR through
    throw error;
  }
}
