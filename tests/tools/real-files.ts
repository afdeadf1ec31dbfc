/** A real folder as commands see it that are written here (workers/commands/call.ts): what native ones work on as well. */
import {
  chmodSync,
  lstatSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join, resolve } from "node:path";
import type { OwnFiles } from "../../workers/commands/call.ts";

/** Undefined where it throws. */
export function orNone<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
const isDone = (change: () => void) =>
  orNone(() => {
    change();
    return true;
  }) === true;

export const filesIn = (folder: string): OwnFiles => ({
  look: (path, follows) =>
    orNone(() => {
      if (path === "") return undefined;
      const stat = (follows ? statSync : lstatSync)(resolve(folder, path));
      return {
        isFile: stat.isFile(),
        isDirectory: stat.isDirectory(),
        isSymbolicLink: stat.isSymbolicLink(),
        mode: stat.mode & 0o777,
        size: stat.size,
      };
    }),
  text: (path) => orNone(() => readFileSync(resolve(folder, path), "latin1")),
  put: (path, content) => isDone(() => writeFileSync(resolve(folder, path), content, "latin1")),
  replace: (path, content, isExecutable) =>
    isDone(() => {
      const fresh = join(folder, ".fresh");
      writeFileSync(fresh, content, "latin1");
      chmodSync(fresh, isExecutable ? 0o755 : 0o644);
      renameSync(fresh, resolve(folder, path));
    }),
  move: (from, to) => isDone(() => renameSync(resolve(folder, from), to.endsWith("/") ? "" : resolve(folder, to))),
  names: (path) => readdirSync(resolve(folder, path)).toSorted(),
  real: (path) => orNone(() => realpathSync(resolve(folder, path))),
  target: (path) => orNone(() => readlinkSync(resolve(folder, path))),
});
