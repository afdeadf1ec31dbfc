/**
 * Changed files as git would store them. Git itself is asked, since its attributes, line ends and filters are its
 * own to judge: `git update-index` on a copy of the index, which (unlike `git hash-object`) also knows that a file
 * committed with CRLF keeps it under `text=auto`. The copy and all new objects are in a temporary folder: the user's
 * repository is not written to. (A clean filter may write where it likes, as it does at every `git add`.)
 */
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { GitObject } from "../object.ts";
import type { Oid } from "../oid.ts";
import { encodeName, type Mode } from "../tree.ts";
import type { Host } from "./conversion.ts";
import { runGit } from "./git-process.ts";
import { indexPath, readIndex } from "./index-file.ts";
import { ObjectDatabase } from "./object-database.ts";
import { MissingGitObject } from "./revision.ts";
import { objectsFolderOf, type Repository } from "./repository.ts";

/** A file as git stores it. */
export interface CleanFile {
  readonly path: string;
  readonly mode: Mode;
  readonly oid: Oid;
  readonly object: GitObject;
}

/**
 * Gives `take` each of `paths` (tracked, in the work tree) as git would store it; a path that is gone by now is left
 * out. False when there is no git to ask. `written` is the time of the index file that `paths` were compared with.
 * Throws GitFailed when git refuses a file or a filter fails.
 */
export function cleanFiles(
  repository: Repository,
  host: Host,
  paths: readonly string[],
  written: number,
  take: (file: CleanFile) => void,
): boolean {
  const folder = mkdtempSync(join(tmpdir(), "coppice-clean-"));
  const index = join(folder, "index");
  const objects = join(folder, "objects");
  try {
    mkdirSync(join(objects, "info"), { recursive: true });
    writeFileSync(join(objects, "info", "alternates"), `${objectsFolderOf(repository)}\n`);
    copyFileSync(indexPath(repository), index);
    // The copy must not look younger than what it says, or git would trust the times of files that changed since.
    utimesSync(index, written, written);
    const answer = runGit({
      args: ["update-index", "--remove", "-z", "--stdin"],
      folder: repository.workTree as string,
      environment: host.variables,
      extra: { GIT_INDEX_FILE: index, GIT_OBJECT_DIRECTORY: objects },
      input: Buffer.concat(paths.flatMap((path) => [encodeName(path), nul])),
    });
    if (answer === undefined) return false;
    readBack(index, objects, new Set(paths), take);
    return true;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const nul = Buffer.of(0);

function readBack(index: string, objects: string, paths: ReadonlySet<string>, take: (file: CleanFile) => void): void {
  const database = new ObjectDatabase(objects);
  try {
    for (const { path, mode, oid } of readIndex(index).entries) {
      if (!paths.has(path)) continue;
      const object = database.read(oid);
      if (object === undefined) throw new MissingGitObject(oid);
      take({ path, mode, oid, object });
    }
  } finally {
    database.close();
  }
}
