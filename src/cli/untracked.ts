/** What an import leaves out because git does not track it, told to people. */
import type { Engine } from "../engine.ts";
import { kindOfError } from "./exit.ts";
import { printNote, shortList, type Printer } from "./output.ts";

/** Asks git, which takes as long as a warm fold does; the answer is taken up when there is nothing else left to do. */
export function askUntracked(engine: Engine, path: string): Promise<readonly string[] | undefined> {
  const untracked = untrackedOf(engine, path);
  // Importing the same path tells better what is wrong with it, and nobody may be left to hear of it here.
  untracked.catch(() => undefined);
  return untracked;
}

/** Tells of files that were left out. */
export async function noteUntracked(
  printer: Printer,
  untracked: Promise<readonly string[] | undefined>,
): Promise<void> {
  const paths = await untracked;
  if (paths === undefined) printNote(printer, "untracked files, if any, are left out");
  else if (paths.length > 0) printNote(printer, untrackedNote(paths));
}

/** Tells of paths that are left out because git does not track them. */
export function untrackedNote(paths: readonly string[]): string {
  return `left out, since git does not track them: ${shortList(paths)}`;
}

/** Undefined when git can't say: none is installed, or it refuses (a repository of another user). The import itself asked no git. */
async function untrackedOf(engine: Engine, path: string): Promise<readonly string[] | undefined> {
  try {
    return await engine.untracked(path);
  } catch (error) {
    if ((await kindOfError(error)) === "host") return undefined;
    throw error;
  }
}
