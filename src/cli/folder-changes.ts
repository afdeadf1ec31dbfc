/**
 * Changes of files, as the system tells them: of the places that matter (src/store/git/watch-places.ts), and no others.
 *
 * Linux watches one folder at a time, so the folders of what is tracked are watched, and ignored ones cost nothing. macOS and Windows watch
 * whole trees at the cost of one, so there each topmost folder is, and what does not matter is passed over. Where the system can't watch (its watches are used up), all is looked
 * at every `pollMs`; so it is while a place can't be watched whose coming nobody would tell.
 */
import { existsSync, statSync, watch } from "node:fs";
import { basename, dirname, join, sep } from "node:path";
import type { WatchPlace } from "../engine.ts";
import { errorCode, filePath, isAbsent } from "../store/git/file-path.ts";
import { decodeName } from "../store/tree.ts";
import type { Changes, Clock } from "./watch-loop.ts";

/** How often one looks where nothing tells of changes. */
export const pollMs = 1000;
/** On systems that watch whole trees, changes may go unnoticed until the watch has begun, a little after it was asked for. */
const beginningMs = 500;

/** Starts to watch one folder, or with `recursive` a tree; tells the name of what changed in it, if the system knows. */
export type WatchFolder = (
  folder: string,
  options: { readonly recursive: boolean },
  onChange: (event: "rename" | "change", name: string | undefined) => void,
  onError: (error: Error) => void,
) => { close(): void };

/** What is to be watched. */
export interface Watchable {
  readonly places: readonly WatchPlace[];
  /** Files that exist while git is in the midst of something. */
  readonly locks: readonly string[];
  /** Whether changes of all that matters are told there. */
  readonly isAll: boolean;
}

export interface FolderChangesOptions {
  /** What is to be watched now. */
  readonly watchable: () => Promise<Watchable>;
  readonly clock: Clock;
  readonly platform: NodeJS.Platform;
  /** Look every `pollMs` from the start. */
  readonly isPolling: boolean;
  /** Is told, once, why it looks every `pollMs` although it was to watch. */
  readonly onPolling: (reason: string) => void;
  readonly watchFolder: WatchFolder;
}

/** By folder, the names in it that matter; undefined for all. */
type Wanted = Map<string, Set<string> | undefined>;

interface Watch {
  /** Device and inode: what is at the path now may be another folder. */
  readonly identity: string;
  close(): void;
}

/** Watches by node:fs. */
export const watchFolder: WatchFolder = (folder, { recursive }, onChange, onError) => {
  // Where trees are watched names are Unicode; elsewhere they are bytes.
  const watcher = recursive
    ? watch(folder, { recursive }, (event, name) => onChange(event, name ?? undefined))
    : watch(filePath(folder, ""), { encoding: "buffer" }, (event, name) =>
        onChange(event, name === null ? undefined : decodeName(name)),
      );
  watcher.on("error", onError);
  return watcher;
};

export class FolderChanges implements Changes {
  readonly #options: FolderChangesOptions;
  readonly #isRecursive: boolean;
  readonly #watches = new Map<string, Watch>();
  #wanted: Wanted = new Map();
  #locks: readonly string[] = [];
  #onChange: () => void = () => undefined;
  #isPolling: boolean;
  #cancelTimer: (() => void) | undefined;

  constructor(options: FolderChangesOptions) {
    this.#options = options;
    this.#isPolling = options.isPolling;
    this.#isRecursive = options.platform === "darwin" || options.platform === "win32";
  }

  async renew(onChange: () => void): Promise<void> {
    this.#onChange = onChange;
    // Unless all is found to be watched, it looks again.
    this.#lookAfter(pollMs);
    const { places, locks, isAll } = await this.#options.watchable();
    this.#locks = locks;
    if (this.#isPolling) return;
    this.#wanted = merged(places, this.#isRecursive ? folded : (text) => text);
    const folders = new Set(places.map(({ folder }) => folder));
    const isComplete = this.#watchThese(this.#isRecursive ? topmost(folders) : folders, folders);
    if (isComplete && isAll) this.#lookAfter(undefined);
  }

  isUnsettled(): boolean {
    return this.#locks.some((lock) => existsSync(lock));
  }

  close(): void {
    this.#lookAfter(undefined);
    for (const folder of this.#watches.keys()) this.#drop(folder);
  }

  /** The number of watches that are open. */
  get watchCount(): number {
    return this.#watches.size;
  }

  /** Watches these folders and no others. False when one is missing that nobody would tell the return of, or nothing can be watched. */
  #watchThese(roots: ReadonlySet<string>, told: ReadonlySet<string>): boolean {
    for (const folder of this.#watches.keys()) if (!roots.has(folder)) this.#drop(folder);
    let isComplete = true;
    let isNew = false;
    for (const folder of roots) {
      const identity = identityOf(folder);
      if (identity !== undefined && this.#watches.get(folder)?.identity === identity) continue;
      this.#drop(folder);
      const isWatched = identity !== undefined && this.#watch(folder, identity);
      if (this.#isPolling) return false;
      if (isWatched) isNew = true;
      else if (this.#isRecursive || !told.has(dirname(folder))) isComplete = false;
    }
    if (isNew && this.#isRecursive) this.#lookAfter(beginningMs);
    return isComplete && !(isNew && this.#isRecursive);
  }

  /** False when the folder is gone, or nothing can be watched any more. */
  #watch(folder: string, identity: string): boolean {
    try {
      const watcher = this.#open(folder);
      this.#watches.set(folder, { identity, close: () => watcher.close() });
      return true;
    } catch (error) {
      if (isAbsent(error)) return false;
      this.#failed(error);
      return false;
    }
  }

  #open(folder: string): { close(): void } {
    return this.#options.watchFolder(
      folder,
      { recursive: this.#isRecursive },
      (event, name) => {
        // The folder itself was deleted or moved; a watch stays with what it was.
        if (event === "rename" && name === basename(folder)) this.#drop(folder);
        if (name === undefined || this.#isWanted(folder, name)) this.#onChange();
      },
      (error) => {
        this.#drop(folder);
        if (isAbsent(error) || errorCode(error) === "EPERM") this.#onChange();
        else this.#failed(error);
      },
    );
  }

  #isWanted(folder: string, name: string): boolean {
    if (!this.#isRecursive) {
      const names = this.#wanted.get(folder);
      return names === undefined || names.has(name) || name === basename(folder);
    }
    const path = folded(join(folder, name));
    const parent = dirname(path);
    if (!this.#wanted.has(parent)) return this.#wanted.has(path);
    const names = this.#wanted.get(parent);
    return names === undefined || names.has(basename(path));
  }

  #failed(error: unknown): void {
    if (this.#isPolling) return;
    this.#isPolling = true;
    for (const folder of this.#watches.keys()) this.#drop(folder);
    this.#lookAfter(pollMs);
    this.#options.onPolling(reasonOf(error));
  }

  #drop(folder: string): void {
    this.#watches.get(folder)?.close();
    this.#watches.delete(folder);
  }

  #lookAfter(ms: number | undefined): void {
    this.#cancelTimer?.();
    this.#cancelTimer = ms === undefined ? undefined : this.#options.clock.after(ms, () => this.#onChange());
  }
}

/** Names as systems compare them that don't tell upper from lower case, or spell accents in their own way. Too much is alike in it, which costs a look. */
function folded(text: string): string {
  return text.normalize("NFC").toLowerCase();
}

function merged(places: readonly WatchPlace[], spelling: (text: string) => string): Wanted {
  const wanted: Wanted = new Map();
  for (const { folder, names } of places) {
    const at = spelling(folder);
    const known = wanted.get(at);
    if (names === undefined || (wanted.has(at) && known === undefined)) wanted.set(at, undefined);
    else if (known === undefined) wanted.set(at, new Set(Array.from(names, spelling)));
    else for (const name of names) known.add(spelling(name));
  }
  return wanted;
}

/** The folders that are in no other one of them. */
function topmost(folders: ReadonlySet<string>): Set<string> {
  const isBelow = (folder: string): boolean => {
    for (let at = dirname(folder); ; at = dirname(at)) {
      if (folders.has(at)) return true;
      if (dirname(at) === at) return false;
    }
  };
  const native = new Set(Array.from(folders, (folder) => (sep === "/" ? folder : folder.replaceAll("/", sep))));
  return new Set([...native].filter((folder) => !isBelow(folder)));
}

function identityOf(folder: string): string | undefined {
  try {
    const { dev, ino } = statSync(filePath(folder, ""), { bigint: true });
    return `${dev}:${ino}`;
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

function reasonOf(error: unknown): string {
  const code = errorCode(error);
  if (code === "ENOSPC" || code === "EMFILE") {
    return "the system has no more watches to give (on Linux `sysctl fs.inotify` shows how many there are)";
  }
  return `the system can't watch these folders (${code ?? String(error)})`;
}
