/**
 * Small objects, in packs: most objects are small, and what is put together is read together.
 *
 * Record (pack.ts): kind (0 blob, 1 tree, 2 commit, 3 tag), name, body. It carries no second digest: the body itself is compared when the object comes again.
 */
import type Database from "better-sqlite3";
import { Damage } from "./damage.ts";
import { mustBeginAlike } from "./name-index.ts";
import { hashObject, type GitObject, type ObjectKind } from "./object.ts";
import type { Oid } from "./oid.ts";
import { PackTable } from "./pack-table.ts";
import { deletedName, type RecordReader } from "./pack.ts";
import { roles } from "./place.ts";

/** The largest body that goes into a pack; a larger one is read faster from a row of its own. */
export const packedBodyBytesMax = 4096;
/** A pack of objects: two pages. Reading one costs 8 µs, and a fold reads each once. */
const packBytesMax = 16_000;

const kinds: readonly ObjectKind[] = ["blob", "tree", "commit", "tag"];

export class PackedObjects {
  readonly #table: PackTable;

  constructor(database: Database.Database) {
    this.#table = new PackTable(database, "object_packs", packBytesMax);
  }

  /**
   * The object at a place where the index says that the name may stand; undefined when it is another's, or was deleted. Its body, a view of the pack, is
   * not checked. Throws Damage.
   */
  of(name: Oid, place: number): GitObject | undefined {
    const found = decode(this.#table.record(place));
    if (found.name === name) return found.object;
    if (found.name === deletedName) return undefined;
    mustBeginAlike(found.name, name);
    const { kind, body } = found.object;
    if (hashObject(kind, body) !== found.name) throw new Damage("its record is not what was stored");
    return undefined;
  }

  /** Adds an object in the transaction under way; returns its place. */
  append(name: Oid, { kind, body }: GitObject): number {
    return this.#table.append((writer) => {
      writer.begin(kinds.indexOf(kind), name);
      writer.bytes(body);
    }, roles.packed);
  }

  /** Writes what was appended. Call it in the transaction, and afterwards `settle` or `discard`. */
  write(): void {
    this.#table.write();
  }

  settle(): void {
    this.#table.settle();
  }

  discard(): void {
    this.#table.discard();
  }

  /** Forgets what was read of packs. */
  cool(): void {
    this.#table.cool();
  }

  /** The kind of every object. Throws Damage. */
  *kinds(): Iterable<ObjectKind> {
    for (const record of this.#table.records()) {
      const kind = decodeKind(record);
      if (record.oid() !== deletedName) yield kind;
    }
  }

  /** Every object, in the order in which they came. Throws Damage. */
  *all(): Iterable<{ readonly name: Oid; readonly object: GitObject }> {
    for (const record of this.#table.records()) {
      const decoded = decode(record);
      if (decoded.name !== deletedName) yield decoded;
    }
  }
}

function decode(record: RecordReader): { readonly name: Oid; readonly object: GitObject } {
  const kind = decodeKind(record);
  const name = record.oid();
  return { name, object: { kind, body: record.rest() } };
}

function decodeKind(record: RecordReader): ObjectKind {
  const kind = kinds[record.byte()];
  if (kind === undefined) throw new Damage("an object is of no known kind");
  return kind;
}
