/** Large objects that were read or looked at lately, so that a command that reads the file that the one before it read need not have it checked again. At most `hotLargeBytesMax` of them; the one that was asked for longest ago goes first. */
import type { GitObject } from "./object.ts";
import type { Oid } from "./oid.ts";

/** Bytes of all bodies that are kept. */
const hotLargeBytesMax = 8 << 20;
/** Bytes of a body that is kept. */
const hotLargeBodyBytesMax = 2 << 20;

export class HotLarge {
  readonly #objects = new Map<Oid, GitObject>();
  #bytes = 0;

  get(name: Oid): GitObject | undefined {
    const object = this.#objects.get(name);
    if (object === undefined) return undefined;
    this.#objects.delete(name);
    this.#objects.set(name, object);
    return object;
  }

  set(name: Oid, object: GitObject): void {
    if (object.body.length > hotLargeBodyBytesMax || this.#objects.has(name)) return;
    this.#objects.set(name, object);
    this.#bytes += object.body.length;
    for (const [oldest, { body }] of this.#objects) {
      if (this.#bytes <= hotLargeBytesMax) return;
      this.#objects.delete(oldest);
      this.#bytes -= body.length;
    }
  }

  clear(): void {
    this.#objects.clear();
    this.#bytes = 0;
  }
}
