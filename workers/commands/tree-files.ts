/** The tree of a script (workers/shell/files.ts) as commands see it that are written here. */
import { refusalOf, type TreeFiles } from "../shell/files.ts";
import type { OwnFiles } from "./call.ts";

export function filesFrom(tree: TreeFiles, cwd: string): OwnFiles {
  const at = (path: string) => tree.resolvePath(cwd, path);
  /** A name with a slash behind it is a folder's. */
  const isFit = (path: string) =>
    path !== "" && (!path.endsWith("/") || tree.look(at(path), true)?.isDirectory === true);
  return {
    look: (path, follows) => (isFit(path) ? tree.look(at(path), follows || path.endsWith("/")) : undefined),
    text: (path) => (isFit(path) ? tree.text(at(path)) : undefined),
    put: (path, content) => path !== "" && !path.endsWith("/") && tree.put(at(path), content),
    replace: (path, content, isExecutable) =>
      path !== "" && !path.endsWith("/") && tree.replaceFile(at(path), content, isExecutable),
    move: (from, to) => to !== "" && !to.endsWith("/") && tree.move(at(from), at(to)),
    names: (path) => tree.names(at(path)),
    real: (path) => (tree.look(at(path), true) === undefined ? undefined : tree.realPath(at(path))),
    target: (path) => tree.targetOf(at(path)),
  };
}

/** Removes a file or an empty folder, and tells what the system says where it can't. */
export function removalIn(tree: TreeFiles, cwd: string): (path: string) => Promise<string | undefined> {
  return async (path) => {
    try {
      await tree.rm(tree.resolvePath(cwd, path));
      return undefined;
    } catch (error) {
      const refusal = refusalOf(error);
      if (refusal === undefined) throw error;
      return refusal;
    }
  };
}
