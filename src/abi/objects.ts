/** What the contract needs of a store: to read an object and to name a new one. Both throw the store's typed errors. */
import type { GitObject, ObjectKind } from "../store/object.ts";
import type { Oid } from "../store/oid.ts";

export interface ObjectReader {
  /** Throws MissingObject when it is not here. */
  get(name: Oid): GitObject;
}

export interface Objects extends ObjectReader {
  kindOf(name: Oid): ObjectKind | undefined;
  put(kind: ObjectKind, body: Uint8Array): Oid;
  /** Puts the request of these args and surroundings (store/request-tree.ts), which are kept: don't write to them afterwards. */
  putRequest(args: Oid, surroundings: Uint8Array): Oid;
}
