/**
 * Where imported objects go; the store implements it, and tests keep a Map.
 */
import type { ObjectKind } from "../object.ts";
import type { Oid } from "../oid.ts";

export interface ObjectSink {
  /** Kind of an object that need not be put, nor what it reaches (gitlinks excepted); undefined of any other. */
  kindOf(name: Oid): ObjectKind | undefined;
  /** Takes an object whose name was already checked against its bytes. Children are put before the tree that names them. */
  putChecked(name: Oid, kind: ObjectKind, body: Uint8Array): void;
}

/** What an import put; what was there already is not counted. */
export interface ImportCounts {
  readonly objects: number;
  /** The bodies' bytes. */
  readonly bytes: number;
}
