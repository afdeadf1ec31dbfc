/**
 * Git's object format: an object is hashed as `KIND SP LENGTH NUL BODY`, and its SHA-1 names it.
 * Source: git's Documentation, "Git Internals - Git Objects".
 */
import { createHash, hash } from "node:crypto";
import { FrontViews } from "./front-views.ts";
import { oid, type Oid } from "./oid.ts";

export type ObjectKind = "blob" | "tree" | "commit" | "tag";

/** An object's kind and its body (without git's header). The body is not to be written to. */
export interface GitObject {
  readonly kind: ObjectKind;
  readonly body: Uint8Array;
}

/** An object under its name, which was computed from it. */
export interface NamedObject extends GitObject {
  readonly name: Oid;
}

/** Below this a copy behind the header costs less than a streaming hash object (measured: 0.5 against 1.6 µs). */
const oneShotBytesMax = 16 * 1024;
/** Header and body of the object that is being hashed: a buffer for each would be garbage at once. */
const scratch = Buffer.alloc(oneShotBytesMax + 32);
const scratchViews = new FrontViews(scratch);

/** The name of the object of that kind and body. */
export function hashObject(kind: ObjectKind, body: Uint8Array): Oid {
  const end = writeWhole(kind, body);
  if (end > 0) return hash("sha1", scratchViews.of(end), "hex") as Oid;
  return createHash("sha1").update(`${kind} ${body.length}\0`, "latin1").update(body).digest("hex") as Oid;
}

/** SHA-256 over the same bytes: the second digest, by which two objects of one name are told apart. */
export function digestObject(kind: ObjectKind, body: Uint8Array): Buffer {
  const end = writeWhole(kind, body);
  if (end > 0) return hash("sha256", scratchViews.of(end), "buffer");
  return createHash("sha256").update(`${kind} ${body.length}\0`, "latin1").update(body).digest();
}

/** Fills `scratch` and says how far; 0 when the object is too large for it. */
function writeWhole(kind: ObjectKind, body: Uint8Array): number {
  if (body.length > oneShotBytesMax) return 0;
  let end = 0;
  for (; end < kind.length; end++) scratch[end] = kind.charCodeAt(end);
  scratch[end++] = 0x20;
  let scale = 1;
  while (scale * 10 <= body.length) scale *= 10;
  for (; scale >= 1; scale = Math.floor(scale / 10)) scratch[end++] = 0x30 + (Math.floor(body.length / scale) % 10);
  scratch[end++] = 0;
  scratch.set(body, end);
  return end + body.length;
}

/** The oid of the blob with no bytes. */
export const emptyBlob = oid("e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
/** The oid of the tree with no entries. */
export const emptyTree = oid("4b825dc642cb6eb9a060e54bf8d69288fbee4904");
