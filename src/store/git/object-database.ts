/**
 * A repository's objects: packs, loose files and alternates. Guarantees: what `read` returns hashes to its name;
 * bytes that don't are a CorruptGitObject and never a wrong answer. Grafts and replace refs are not followed: an oid
 * means its own object. Nothing is ever written.
 *
 * Every pack's .idx is used; multi-pack indexes only speed git up and are left alone. The order of lookup is
 * the pack of the last hit, the other packs, loose files, and the same in each alternate.
 */
import { existsSync, readdirSync, readFileSync, realpathSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { hashObject, type GitObject, type ObjectKind } from "../object.ts";
import { oidToBytes, parseOid, type Oid } from "../oid.ts";
import { BaseCache } from "./base-cache.ts";
import { BadDelta } from "./delta.ts";
import { isAbsent } from "./file-path.ts";
import { BadStream } from "./inflate.ts";
import { readLoose, readLooseKind } from "./loose.ts";
import { MalformedPack, oidsStartingWith } from "./pack-index.ts";
import { Pack } from "./pack.ts";

/** An object whose bytes are damaged on disk; `cause` says where. */
export class CorruptGitObject extends Error {
  override readonly name = "CorruptGitObject";
  readonly oid: Oid;
  readonly reason: string;
  constructor(name: Oid, reason: string, cause?: unknown) {
    super(`git object ${name} is damaged: ${reason}`, { cause });
    this.oid = name;
    this.reason = reason;
  }
}

/** Alternates of alternates are followed this deep, as in git. */
const alternatesDepthMax = 5;
/** Alternates in all. */
const alternatesMax = 1000;

interface Folder {
  readonly path: string;
  packs: readonly Pack[];
  /** When the list of packs last changed, so that a miss after a `git gc` looks again. */
  listed: number;
}

/** Where an object stands; loose objects come after all packs. */
interface Place {
  readonly pack: Pack;
  readonly offset: number;
}

export class ObjectDatabase {
  readonly #folders: readonly Folder[];
  readonly #cache = new BaseCache();
  #packs: readonly Pack[] = [];
  #packIds = 0;
  #last: Pack | undefined;

  /** `path` is an `objects` folder. Files are opened when they are first needed; `close` closes them. */
  constructor(path: string) {
    this.#folders = alternatesOf(path).map((folder) => ({ path: folder, packs: [], listed: Number.NaN }));
    this.#list();
  }

  /** The object of that name, or undefined when the repository has none. Throws CorruptGitObject. */
  read(name: Oid): GitObject | undefined {
    const object = this.#look(name, ({ pack, offset }) => pack.read(offset), readLoose);
    if (object !== undefined && hashObject(object.kind, object.body) !== name) {
      throw new CorruptGitObject(name, "its bytes don't hash to its name");
    }
    return object;
  }

  /** What the object's header says of its kind, or undefined when there is none of that name; its bytes are not looked at. Throws CorruptGitObject. */
  kindOf(name: Oid): ObjectKind | undefined {
    return this.#look(name, ({ pack, offset }) => pack.kindOf(offset), readLooseKind);
  }

  /** Whether there is an object of that name; its bytes are not looked at. */
  has(name: Oid): boolean {
    if (this.#place(name) !== undefined || this.#looseFile(name) !== undefined) return true;
    return this.#list() && this.#place(name) !== undefined;
  }

  /** The same names in the order in which reading them is fastest: pack by pack, then by offset, then loose ones. */
  inStorageOrder(names: readonly Oid[]): Oid[] {
    const rank = new Map(this.#packs.map((pack, at) => [pack, at]));
    const placed = names.map((name) => {
      const place = this.#place(name);
      if (place === undefined) return { name, pack: this.#packs.length, offset: 0 };
      return { name, pack: rank.get(place.pack) as number, offset: place.offset };
    });
    placed.sort((a, b) => a.pack - b.pack || a.offset - b.offset);
    return placed.map(({ name }) => name);
  }

  /** Distinct oids whose hex begins with `prefix` (lower case, at least 2 digits), sorted, at most `limit`. */
  named(prefix: string, limit: number): Oid[] {
    const found = new Set<Oid>();
    for (const pack of this.#packs) {
      for (const name of oidsStartingWith(pack.index, prefix, limit)) found.add(name);
    }
    for (const { path } of this.#folders) {
      for (const file of entriesOf(join(path, prefix.slice(0, 2)))) {
        const name = parseOid(prefix.slice(0, 2) + file);
        if (name?.startsWith(prefix) === true) found.add(name);
      }
    }
    return [...found].toSorted().slice(0, limit);
  }

  /** Closes all files. The database can be used again; it opens what it needs. */
  close(): void {
    for (const pack of this.#packs) pack.close();
  }

  /** Asks the packs, then the loose files; and again when packs have come or gone meanwhile. */
  #look<T>(name: Oid, inPack: (place: Place) => T, inFile: (file: string) => T | undefined): T | undefined {
    for (;;) {
      try {
        const place = this.#place(name);
        if (place !== undefined) return inPack(place);
        const file = this.#looseFile(name);
        const loose = file === undefined ? undefined : inFile(file);
        if (loose !== undefined || !this.#list()) return loose;
      } catch (error) {
        // A pack that was listed and is gone before it was opened: git packed anew.
        if (isAbsent(error) && this.#list()) continue;
        if (error instanceof MalformedPack || error instanceof BadDelta || error instanceof BadStream) {
          throw new CorruptGitObject(name, error.message, error);
        }
        throw error;
      }
    }
  }

  #place(name: Oid): Place | undefined {
    const bytes = oidToBytes(name);
    const last = this.#last?.find(bytes);
    if (last !== undefined) return { pack: this.#last as Pack, offset: last };
    for (const pack of this.#packs) {
      if (pack === this.#last) continue;
      const offset = pack.find(bytes);
      if (offset === undefined) continue;
      this.#last = pack;
      return { pack, offset };
    }
    return undefined;
  }

  #looseFile(name: Oid): string | undefined {
    for (const { path } of this.#folders) {
      const file = `${path}/${name.slice(0, 2)}/${name.slice(2)}`;
      if (existsSync(file)) return file;
    }
    return undefined;
  }

  /** Lists the packs of folders that changed since they were last listed; true when there was one. */
  #list(): boolean {
    let changed = false;
    for (const folder of this.#folders) {
      const packFolder = join(folder.path, "pack");
      const time = statSync(packFolder, { throwIfNoEntry: false })?.mtimeMs ?? 0;
      if (time === folder.listed) continue;
      const known = new Map(folder.packs.map((pack) => [pack.file, pack]));
      const names = new Set(entriesOf(packFolder));
      folder.packs = [...names]
        .filter((name) => name.endsWith(".pack") && names.has(name.replace(/\.pack$/, ".idx")))
        .toSorted()
        .map((name) => join(packFolder, name))
        .map((file) => known.get(file) ?? new Pack(file, this.#packIds++, this.#cache));
      for (const gone of known.values()) if (!folder.packs.includes(gone)) gone.close();
      folder.listed = time;
      changed = true;
    }
    if (changed) {
      this.#packs = this.#folders.flatMap(({ packs }) => packs);
      this.#last = undefined;
    }
    return changed;
  }
}

/** `path` and all its alternates, each once. */
function alternatesOf(path: string): string[] {
  const folders: string[] = [];
  const seen = new Set<string>();
  let level = [path];
  for (let depth = 0; depth <= alternatesDepthMax && level.length > 0; depth++) {
    const next: string[] = [];
    for (const folder of level) {
      // A folder that is gone is no reason to stop, as in git: objects that only it had are missing objects.
      if (!existsSync(folder) || !statSync(folder).isDirectory()) continue;
      const real = realpathSync(folder);
      if (seen.has(real) || folders.length === alternatesMax) continue;
      seen.add(real);
      folders.push(folder);
      next.push(...alternatesIn(folder));
    }
    level = next;
  }
  return folders;
}

/** `info/alternates`: a path a line, relative ones to the objects folder; `#` starts a comment; C quotes if it begins with one. */
function alternatesIn(folder: string): string[] {
  const file = join(folder, "info", "alternates");
  if (!existsSync(file)) return [];
  return readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => resolve(folder, unquote(line)));
}

/** Undoes git's C-style quoting of paths, the escapes `\"`, `\\` and `\n` of it; a bare line is a path as it is. */
function unquote(line: string): string {
  if (!line.startsWith('"') || !line.endsWith('"')) return line;
  return line.slice(1, -1).replaceAll(/\\(.)/g, (_, escaped: string) => (escaped === "n" ? "\n" : escaped));
}

function entriesOf(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (isAbsent(error)) return [];
    throw error;
  }
}
