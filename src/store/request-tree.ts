/**
 * The one shape of tree that the store knows: a request's (spec, section 1). It writes such a tree as part of a job's record and makes it again when asked.
 *
 * Bytes: `40000 args` NUL oid, `100644 image` NUL oid, `100644 salt` NUL oid, `100644 std` NUL oid, in that order and nothing else. What follows args' oid is
 * the *surroundings*: the same bytes in all requests of a run for one worker.
 */
import { hash } from "node:crypto";
import { oidBytes, oidFromBytes, writeOid, type Oid } from "./oid.ts";

const names = ["args", "image", "salt", "std"] as const;
const slots = names.map((name) => Buffer.from(`${name === "args" ? "40000" : "100644"} ${name}\0`, "latin1"));
const slotOffsets = slots.map((_, at) =>
  slots.slice(0, at + 1).reduce((sum, slot) => sum + slot.length, at * oidBytes),
);
const template = Buffer.concat(slots.flatMap((slot) => [slot, Buffer.alloc(oidBytes)]));
const [argsAt] = slotOffsets as [number];
const surroundingsAt = argsAt + oidBytes;
/** Length of a request's tree. */
export const requestBytes = template.length;
/** Length of a request's surroundings. */
export const surroundingsBytes = template.length - surroundingsAt;
/** Where the template's bytes are the same in all requests. */
const fixedAt = slots.flatMap((slot, at) =>
  Array.from(slot, (_, byte) => (slotOffsets[at] as number) - slot.length + byte),
);

/** What a request's tree is made of. */
export interface RequestParts {
  readonly args: Oid;
  readonly surroundings: Uint8Array;
}

/** The bytes of a request's tree, given the oids of its four entries. */
export function encodeRequest(args: Oid, imageBlob: Oid, saltBlob: Oid, stdBlob: Oid): Buffer {
  const bytes = Buffer.allocUnsafe(template.length);
  bytes.set(template);
  for (const [at, name] of [args, imageBlob, saltBlob, stdBlob].entries()) {
    writeOid(name, bytes, slotOffsets[at] as number);
  }
  return bytes;
}

/** The same, where the last three stand in another request's surroundings. */
export function requestWith(args: Oid, surroundings: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(template.length);
  bytes.set(slots[0] as Buffer);
  writeOid(args, bytes, argsAt);
  bytes.set(surroundings, surroundingsAt);
  return bytes;
}

/** Git's header and a request's bytes. */
const whole = Buffer.concat([Buffer.from(`tree ${template.length}\0`, "latin1"), template]);
const wholeAt = whole.length - template.length;

/** The name of the request with these args and surroundings. */
export function hashRequest(args: Oid, surroundings: Uint8Array): Oid {
  if (surroundings.length !== surroundingsBytes) throw new RangeError("a request's surroundings have one length");
  writeOid(args, whole, wholeAt + argsAt);
  whole.set(surroundings, wholeAt + surroundingsAt);
  return hash("sha1", whole, "hex") as Oid;
}

/** True for the bytes of a request's tree. */
export function isRequestTree(body: Uint8Array): boolean {
  if (body.length !== template.length) return false;
  for (const at of fixedAt) if (body[at] !== template[at]) return false;
  return true;
}

/** The oids of args, image, salt and std in the bytes of a request's tree. */
export function requestEntries(body: Uint8Array): [args: Oid, imageBlob: Oid, saltBlob: Oid, stdBlob: Oid] {
  return slotOffsets.map((at) => oidFromBytes(body, at)) as [Oid, Oid, Oid, Oid];
}

/** The parts of a request, given its tree's bytes; the surroundings are a view of them. */
export function requestParts(body: Uint8Array): RequestParts {
  return { args: oidFromBytes(body, argsAt), surroundings: requestSurroundings(body) };
}

/** A request's surroundings, a view of its bytes. */
export function requestSurroundings(body: Uint8Array): Uint8Array {
  return body.subarray(surroundingsAt);
}
