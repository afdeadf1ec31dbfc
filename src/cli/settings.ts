/** What the command line takes from its surroundings: read here and nowhere else. */
import { homedir } from "node:os";
import { join, resolve } from "node:path";

export interface Settings {
  /** The store's file, as an absolute path, when no `--store` names another. */
  readonly store: string;
}

/** `COPPICE_STORE`, else a file in the user's cache folder as the platform has it. */
export function readSettings(environment: NodeJS.ProcessEnv, platform: NodeJS.Platform): Settings {
  const named = environment["COPPICE_STORE"];
  const store =
    named === undefined || named === ""
      ? join(cacheFolder(environment, platform), "coppice", "store.sqlite")
      : resolve(named);
  return { store };
}

/** Whether colours may be used where there is a terminal. */
export function isColourful(environment: NodeJS.ProcessEnv): boolean {
  const noColour = environment["NO_COLOR"];
  return noColour === undefined || noColour === "";
}

/** XDG Base Directory Specification on Unix, Apple's and Microsoft's folders elsewhere. */
function cacheFolder(environment: NodeJS.ProcessEnv, platform: NodeJS.Platform): string {
  const home = homedir();
  if (platform === "darwin") return join(home, "Library", "Caches");
  if (platform === "win32") return environment["LOCALAPPDATA"] ?? join(home, "AppData", "Local");
  const xdg = environment["XDG_CACHE_HOME"];
  // The specification says that a relative path is to be ignored.
  return xdg?.startsWith("/") === true ? xdg : join(home, ".cache");
}
