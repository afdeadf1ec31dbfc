/**
 * Damage: the file holds what no store wrote. Whoever reads rows checks them, since SQLite hands out whatever a damaged page says, the schema's types
 * notwithstanding; `Store` turns what is thrown here into an error for its callers.
 */
import { oidBytes, oidFromBytes, type Oid } from "./oid.ts";

/** What was read is not what was written; the message says what it is. */
export class Damage extends Error {
  override readonly name: string = "Damage";
}

/** A part of the index is not what was written. */
export class DamagedIndex extends Damage {
  override readonly name = "DamagedIndex";
  constructor() {
    super("a part of its index is not what was written");
  }
}

/** The value of a column that holds bytes. Throws Damage. */
export function bytesOf(value: unknown, what: string): Buffer {
  if (!Buffer.isBuffer(value)) throw new Damage(`${what} is missing, or no bytes`);
  return value;
}

/** The value of a column that holds an oid. Throws Damage. */
export function storedOid(value: unknown, what: string): Oid {
  const bytes = bytesOf(value, what);
  if (bytes.length !== oidBytes) throw new Damage(`${what} is no oid`);
  return oidFromBytes(bytes);
}
