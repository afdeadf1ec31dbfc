/**
 * Objects that were read from packs a short while ago, since the next delta is likely to build on them. Bounded by bytes: two generations, of which the
 * older is dropped when the younger is full. (Deleting the oldest entries one by one from a single Map took a sixth of an import: the Map's
 * iterator walks over everything that was deleted before.)
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
  #young = new Map<number, GitObject>();
  #old = new Map<number, GitObject>();
  #youngBytes = 0;

  get(pack: number, offset: number): GitObject | undefined {
    const key = pack * offsetSpan + offset;
    const young = this.#young.get(key);
    if (young !== undefined) return young;
    const old = this.#old.get(key);
    if (old !== undefined) this.#add(key, old);
    return old;
  }

  put(pack: number, offset: number, object: GitObject): void {
    const key = pack * offsetSpan + offset;
    if (object.body.length <= bodyBytesMax && !this.#young.has(key)) this.#add(key, object);
  }

  #add(key: number, object: GitObject): void {
    const bytes = object.body.length + entryBytes;
    if (this.#youngBytes + bytes > cacheBytesMax / 2) {
      this.#old = this.#young;
      this.#young = new Map();
      this.#youngBytes = 0;
    }
    this.#young.set(key, object);
    this.#youngBytes += bytes;
  }
}
