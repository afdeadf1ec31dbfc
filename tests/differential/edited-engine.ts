/**
 * Engines that differ from this one in a few words of their sources: a copy of `src` in a temporary folder, edited, with the packages and the standard library of this one. So what can't be had by a flag
 * or an option needs no switch in the engine.
 */
import { cpSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** `find` stands in `src/FILE` once, and is replaced. */
export interface Edit {
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

const packageFolder = fileURLToPath(new URL("../../", import.meta.url));
/** Where this engine's sources are. */
export const ownSource = join(packageFolder, "src");

/** Runs `work` with the folder of an engine's sources; of this one, when there are no edits. Throws when an edit does not find its place. */
export async function withEngineSource<T>(edits: readonly Edit[], work: (source: string) => Promise<T>): Promise<T> {
  if (edits.length === 0) return work(ownSource);
  // By its real name: the script child may read what it is told, and not what that is a link to.
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "coppice-edited-")));
  try {
    const source = join(folder, "src");
    cpSync(ownSource, source, { recursive: true });
    for (const name of ["build", "node_modules"])
      symlinkSync(realpathSync(join(packageFolder, name)), join(folder, name));
    cpSync(join(packageFolder, "package.json"), join(folder, "package.json"));
    for (const { file, find, replace } of edits) {
      const path = join(source, file);
      const text = readFileSync(path, "utf8");
      const [before, after, ...more] = text.split(find);
      if (before === undefined || after === undefined || more.length > 0) {
        throw new Error(`${file} has not once, but ${more.length === 0 ? "never" : "several times"}: ${find}`);
      }
      writeFileSync(path, `${before}${replace}${after}`);
    }
    return await work(source);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
