/**
 * Names of objects. An oid is the SHA-1 of a git object, kept as 40 lower-case hex digits; a value of
 * type `Oid` is always well formed, because only this file makes one out of a string.
 */

declare const brand: unique symbol;

/** 40 lower-case hex digits that name a git object. */
export type Oid = string & { readonly [brand]: "oid" };

/** Length of an oid in bytes. */
export const oidBytes = 20;

const shape = /^[0-9a-f]{40}$/;

/** The oid that `text` spells, or undefined when it is anything but 40 lower-case hex digits. */
export function parseOid(text: string): Oid | undefined {
  return shape.test(text) ? (text as Oid) : undefined;
}

/** An oid known to be well formed, for literals. Throws a RangeError otherwise. */
export function oid(text: string): Oid {
  const parsed = parseOid(text);
  if (parsed === undefined) throw new RangeError(`not an oid: ${JSON.stringify(text)}`);
  return parsed;
}

/** Reads 20 bytes at `offset` as an oid. Throws a RangeError when there are fewer. */
export function oidFromBytes(bytes: Uint8Array, offset = 0): Oid {
  if (offset < 0 || offset + oidBytes > bytes.length) throw new RangeError("an oid is 20 bytes long");
  const buffer = bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  return buffer.toString("hex", offset, offset + oidBytes) as Oid;
}

/** The 20 bytes that an oid stands for. */
export function oidToBytes(name: Oid): Buffer {
  return Buffer.from(name, "hex");
}
