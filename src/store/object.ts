/**
 * Git's object format: an object is hashed as `KIND SP LENGTH NUL BODY`, and its SHA-1 names it.
 * Source: git's Documentation, "Git Internals - Git Objects".
 */
import { createHash, hash } from "node:crypto";
import { oid, type Oid } from "./oid.ts";

export type ObjectKind = "blob" | "tree" | "commit" | "tag";

/** An object's kind and its body (without git's header). The body is not to be written to. */
export interface GitObject {
  readonly kind: ObjectKind;
  readonly body: Uint8Array;
}

/** Below this a copy behind the header costs less than a streaming hash object (measured: 0.5 against 1.6 µs). */
const oneShotBytesMax = 16 * 1024;

/** The name of the object of that kind and body. */
export function hashObject(kind: ObjectKind, body: Uint8Array): Oid {
  const header = `${kind} ${body.length}\0`;
  if (body.length <= oneShotBytesMax) {
    const whole = Buffer.allocUnsafe(header.length + body.length);
    whole.write(header, 0, "latin1");
    whole.set(body, header.length);
    return hash("sha1", whole, "hex") as Oid;
  }
  return createHash("sha1").update(header, "latin1").update(body).digest("hex") as Oid;
}

/** The oid of the blob with no bytes. */
export const emptyBlob = oid("e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
/** The oid of the tree with no entries. */
export const emptyTree = oid("4b825dc642cb6eb9a060e54bf8d69288fbee4904");
