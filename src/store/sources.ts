/**
 * The git repositories that a store reads from: what it names and does not hold is looked for in their object folders. Guarantees: what is read hashes to its name; a repository that is gone,
 * repacked or damaged is an object that is missing or corrupt, never another one.
 *
 * Rows of `sources`: an object folder's absolute path each. A row is only dropped when its folder is gone and another one comes, so a store that has read from a repository always has a row: it
 * may hold trees without all that they name.
 */
import type Database from "better-sqlite3";
import { existsSync } from "node:fs";
import { CorruptObject } from "./errors.ts";
import { HotMap } from "./hot-map.ts";
import type { GitObject, ObjectKind } from "./object.ts";
import type { Oid } from "./oid.ts";
import { CorruptGitObject, ObjectDatabase } from "./git/object-database.ts";

/** Kinds in memory (0.1 KB each); the map holds up to twice as many. */
const hotKindsMax = 50_000;

interface Source {
  readonly path: string;
  /** Opened when it is first read. */
  objects: ObjectDatabase | undefined;
}

export class Sources {
  readonly #sql: ReturnType<typeof prepareStatements>;
  readonly #kinds = new HotMap<Oid, ObjectKind>(hotKindsMax);
  #sources: readonly Source[] = [];
  #asOf = Number.NaN;

  constructor(database: Database.Database) {
    this.#sql = prepareStatements(database);
  }

  /** The changes of the store's file up to which the rows are known. */
  get asOf(): number {
    return this.#asOf;
  }

  get isEmpty(): boolean {
    return this.#sources.length === 0;
  }

  /** Takes note of rows that came and went. */
  catchUp(changes: number): void {
    const known = new Map(this.#sources.map((source) => [source.path, source]));
    const paths = this.#sql.paths.all() as string[];
    this.#sources = paths.map((path) => known.get(path) ?? { path, objects: undefined });
    for (const source of known.values()) if (!this.#sources.includes(source)) source.objects?.close();
    this.#asOf = changes;
  }

  /** Newest first. */
  get paths(): readonly string[] {
    return this.#sources.map(({ path }) => path);
  }

  /** The object of that name, checked against it, or undefined when no repository has it. Throws CorruptObject. */
  read(name: Oid): GitObject | undefined {
    return this.#first(name, (objects) => objects.read(name));
  }

  /**
   * The kind of the object of that name, or undefined. It is what a header says, unchecked: who is told another kind than he wants has to read the object to be sure. Throws CorruptObject when
   * there is no sense in the header.
   */
  kindOf(name: Oid): ObjectKind | undefined {
    const known = this.#kinds.get(name);
    if (known !== undefined) return known;
    const kind = this.#first(name, (objects) => objects.kindOf(name));
    if (kind !== undefined) this.#kinds.set(name, kind);
    return kind;
  }

  /** Adds an object folder, in the transaction under way. Folders that are gone are dropped. */
  add(path: string): void {
    for (const known of this.#sql.paths.all() as string[]) if (!existsSync(known)) this.#sql.drop.run(known);
    this.#sql.add.run(path);
  }

  /** Forgets what was seen to be there. */
  cool(): void {
    this.#kinds.clear();
  }

  close(): void {
    for (const { objects } of this.#sources) objects?.close();
  }

  /** What the first repository says that can say anything; damage counts only where nobody else has the object. */
  #first<T>(name: Oid, look: (objects: ObjectDatabase) => T | undefined): T | undefined {
    let damage: CorruptObject | undefined;
    for (const source of this.#sources) {
      try {
        source.objects ??= new ObjectDatabase(source.path);
        const found = look(source.objects);
        if (found !== undefined) return found;
      } catch (error) {
        if (!(error instanceof CorruptGitObject)) throw error;
        damage ??= new CorruptObject(name, `${error.reason} (in ${source.path})`, error);
      }
    }
    if (damage !== undefined) throw damage;
    return undefined;
  }
}

function prepareStatements(database: Database.Database) {
  return {
    paths: database.prepare("SELECT path FROM sources ORDER BY id DESC").pluck(),
    add: database.prepare("INSERT INTO sources (path) VALUES (?) ON CONFLICT DO NOTHING"),
    drop: database.prepare("DELETE FROM sources WHERE path = ?"),
  };
}
