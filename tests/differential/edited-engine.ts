/**
 * Engines that differ from this one in a few words of their sources: a copy in a temporary folder, edited, with the packages and the standard library of this one. So what can't be had by a flag
 * or an option needs no switch in the engine. What was built is what is copied, where it is not older than a source; but its bundles are left out, and the programs that they hold run a module a file.
 */
import { cpSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createRequire, stripTypeScriptTypes } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** `find` stands in `src/FILE` once, and is replaced. */
export interface Edit {
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

/** Where an engine's modules are, and what their names end in. */
export interface EngineModules {
  readonly folder: string;
  readonly extension: ".ts" | ".js";
}

const packageFolder = fileURLToPath(new URL("../../", import.meta.url));
const { isFresh } = createRequire(import.meta.url)("../../bin/bundle.js") as {
  readonly isFresh: (root: string) => boolean;
};
const isBuilt = isFresh(packageFolder);
const [folderName, extension] = isBuilt ? (["dist", ".js"] as const) : (["src", ".ts"] as const);
const ownModules: EngineModules = { folder: join(packageFolder, folderName), extension };

/** Runs `work` with the modules of an engine; of this one, when there are no edits. Throws when an edit does not find its place. */
export async function withEngine<T>(edits: readonly Edit[], work: (modules: EngineModules) => Promise<T>): Promise<T> {
  if (edits.length === 0) return work(ownModules);
  // By its real name: the script child may read what it is told, and not what that is a link to.
  const root = realpathSync(mkdtempSync(join(tmpdir(), "coppice-edited-")));
  try {
    const folder = join(root, folderName);
    cpSync(ownModules.folder, folder, { recursive: true, filter: (name) => !name.endsWith(".cjs") });
    for (const name of ["build", "node_modules"])
      symlinkSync(realpathSync(join(packageFolder, name)), join(root, name));
    cpSync(join(packageFolder, "package.json"), join(root, "package.json"));
    if (isBuilt) {
      writeFileSync(join(folder, "executor.cjs"), 'import("./isolate-host/executor.js");');
      writeFileSync(join(folder, "isolate-host", "script", "child.cjs"), 'import("./child.js");');
    }
    const edited = new Map<string, string>();
    for (const { file, find, replace } of edits) {
      const text = edited.get(file) ?? readFileSync(join(packageFolder, "src", file), "utf8");
      const [before, after, ...more] = text.split(find);
      if (before === undefined || after === undefined || more.length > 0) {
        throw new Error(`${file} has not once, but ${more.length === 0 ? "never" : "several times"}: ${find}`);
      }
      edited.set(file, `${before}${replace}${after}`);
    }
    for (const [file, text] of edited) {
      if (isBuilt) writeFileSync(join(folder, file.replace(/\.ts$/, ".js")), builtOf(text));
      else writeFileSync(join(folder, file), text);
    }
    return await work({ folder, extension });
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

/** A source as a built module. */
function builtOf(text: string): string {
  return stripTypeScriptTypes(text).replaceAll(/"(\.{1,2}\/[^"\n]+)\.ts"/g, '"$1.js"');
}
