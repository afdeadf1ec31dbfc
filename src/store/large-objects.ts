/**
 * Large objects, a row each. Beside the oid stands a second digest (object.ts), by which an object that comes again is compared without reading its body.
 */
import type Database from "better-sqlite3";
import { Damage, bytesOf, storedOid } from "./damage.ts";
import { mustBeginAlike } from "./name-index.ts";
import { digestObject, hashObject, type GitObject, type ObjectKind } from "./object.ts";
import { isOidAt, oidBytes, oidToBytes, type Oid } from "./oid.ts";
import { placeOf, roles, rowOf } from "./place.ts";

const kindCodes = { blob: 1, tree: 2, commit: 3, tag: 4 } as const satisfies Record<ObjectKind, number>;
const kindNames: readonly (ObjectKind | undefined)[] = [undefined, "blob", "tree", "commit", "tag"];

/** A row as SQLite gives it: nothing is sure of its columns. */
type Row = readonly [oid: unknown, kind: unknown, body: unknown];

export class LargeObjects {
  readonly #sql: ReturnType<typeof prepareStatements>;

  constructor(database: Database.Database) {
    this.#sql = prepareStatements(database);
  }

  /** The object at a place where the index says that the name may stand; undefined when it is another's. Its body is not checked. Throws Damage. */
  of(name: Oid, place: number): GitObject | undefined {
    const row = this.#sql.object.get(rowOf(place)) as Row | undefined;
    if (row === undefined) throw new Damage("its row is missing");
    const found = decode(row);
    if (found.name === name) return found.object;
    mustBeginAlike(found.name, name);
    if (hashObject(found.object.kind, found.object.body) !== found.name)
      throw new Damage("its row is not what was stored");
    return undefined;
  }

  /** True when the place is that of the name, as far as its oid tells. Throws Damage. */
  isAt(name: Oid, place: number): boolean {
    const oid = bytesOf(this.#sql.oid.get(rowOf(place)), "its oid");
    return (oid.length === oidBytes && isOidAt(name, oid, 0)) || this.of(name, place) !== undefined;
  }

  /** True when the object at a place is this one, as far as its digest tells. Throws Damage. */
  isSame(place: number, { kind, body }: GitObject): boolean {
    return digestObject(kind, body).equals(bytesOf(this.#sql.digest.get(rowOf(place)), "its digest"));
  }

  /** Adds an object in the transaction under way; returns its place. */
  append(name: Oid, { kind, body }: GitObject): number {
    const { lastInsertRowid } = this.#sql.insert.run(oidToBytes(name), kindCodes[kind], digestObject(kind, body), body);
    return placeOf(Number(lastInsertRowid), 0, roles[kind]);
  }

  /** Every object, in the order in which they came. Throws Damage. */
  *all(): Iterable<{ readonly name: Oid; readonly object: GitObject }> {
    for (const row of this.#sql.all.iterate() as Iterable<Row>) yield decode(row);
  }

  /** How many there are of a kind. */
  count(kind: ObjectKind): number {
    return this.#sql.count.get(kindCodes[kind]) as number;
  }
}

function decode([oid, code, body]: Row): { readonly name: Oid; readonly object: GitObject } {
  const kind = typeof code === "number" ? kindNames[code] : undefined;
  if (kind === undefined) throw new Damage(`unknown kind ${String(code)}`);
  return { name: storedOid(oid, "its name"), object: { kind, body: bytesOf(body, "its body") } };
}

function prepareStatements(database: Database.Database) {
  const sql = (text: string) => database.prepare(text);
  return {
    oid: sql("SELECT oid FROM objects WHERE id = ?").pluck(),
    object: sql("SELECT oid, kind, body FROM objects WHERE id = ?").raw(),
    digest: sql("SELECT digest FROM objects WHERE id = ?").pluck(),
    insert: sql("INSERT INTO objects (oid, kind, digest, body) VALUES (?, ?, ?, ?)"),
    all: sql("SELECT oid, kind, body FROM objects ORDER BY id").raw(),
    count: sql("SELECT count(*) FROM objects WHERE kind = ?").pluck(),
  };
}
