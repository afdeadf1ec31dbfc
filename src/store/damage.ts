/**
 * Damage: the file holds what no store wrote. Whoever reads rows checks them, since SQLite hands out whatever a damaged page says, the schema's types
 * notwithstanding; `Store` turns what is thrown here into an error for its callers.
 */

/** What was read is not what was written; the message says what it is. */
export class Damage extends Error {
  override readonly name: string = "Damage";
}

/** The value of a column that holds bytes. Throws Damage. */
export function bytesOf(value: unknown, what: string): Buffer {
  if (!Buffer.isBuffer(value)) throw new Damage(`${what} is missing, or no bytes`);
  return value;
}
