/** Folders made on the way to a file. */
import { mkdirSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";

/**
 * Makes a folder and those that it is in, as far as they are missing, and returns the first that was; undefined when it was there already. Throws what the file system says, EEXIST for what is no
 * folder. Node's own recursive `mkdir` never ends where a folder can't be made though all above it are there, as below /proc.
 */
export function makeFolder(path: string): string | undefined {
  const missing: string[] = [];
  // The top is tried too: a drive that is not there is its own parent.
  for (let at = resolve(path); !isFolder(at) && missing.at(-1) !== at; at = dirname(at)) missing.push(at);
  let first: string | undefined;
  for (const folder of missing.toReversed()) {
    try {
      mkdirSync(folder);
      first ??= folder;
    } catch (error) {
      // Another process may have made it meanwhile.
      if (!isFolder(folder)) throw error;
    }
  }
  return first;
}

/** Whether a folder stands there; something else does not count as missing, and making a folder there fails. */
function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}
