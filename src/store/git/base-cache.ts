/**
 * Objects that were read from packs a short while ago, since the next delta is likely to build on them. Bounded by
 * bytes; the object that was not used for longest goes first.
 */
import type { GitObject } from "../object.ts";

/** All cached bodies together; git's own core.deltaBaseCacheLimit is 96 MiB. */
const cacheBytesMax = 64 * 1024 * 1024;

/** A bigger body would push too many others out. */
const bodyBytesMax = cacheBytesMax / 8;

/** Room for a pack of a tebibyte in the key. */
const offsetSpan = 2 ** 40;

/** An object's cost besides its body. */
const entryBytes = 200;

export class BaseCache {
  readonly #objects = new Map<number, GitObject>();
  #bytes = 0;

  get(pack: number, offset: number): GitObject | undefined {
    const key = pack * offsetSpan + offset;
    const object = this.#objects.get(key);
    if (object === undefined) return undefined;
    this.#objects.delete(key);
    this.#objects.set(key, object);
    return object;
  }

  put(pack: number, offset: number, object: GitObject): void {
    const key = pack * offsetSpan + offset;
    if (object.body.length > bodyBytesMax || this.#objects.has(key)) return;
    this.#objects.set(key, object);
    this.#bytes += object.body.length + entryBytes;
    for (const [oldest, { body }] of this.#objects) {
      if (this.#bytes <= cacheBytesMax) break;
      this.#objects.delete(oldest);
      this.#bytes -= body.length + entryBytes;
    }
  }
}
