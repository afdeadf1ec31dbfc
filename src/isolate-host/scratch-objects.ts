/**
 * Objects as a frame that is executed again sees them: what it puts stays in memory, over a store from which all else is read, so that verifying writes nothing. What a rewritten module was is not
 * taken from the store either: it is rewritten anew.
 */
import { hashObject, type GitObject, type ObjectKind } from "../store/object.ts";
import type { Oid } from "../store/oid.ts";
import type { Result } from "../store/outcome.ts";
import { hashRequest, requestWith, type RequestParts } from "../store/request-tree.ts";
import type { Store } from "../store/store.ts";
import { decodeTree, kindOfMode } from "../store/tree.ts";
import type { FrameHost } from "./frame.ts";

type ScratchedObjects = FrameHost["objects"];

/** Bytes that are held; what is put beyond them goes into the store, which mostly has it. */
const heldBytesMax = 64 << 20;

export class ScratchObjects implements ScratchedObjects {
  readonly #store: Store;
  readonly #objects = new Map<Oid, GitObject>();
  readonly #requests = new Map<Oid, RequestParts>();
  #bytes = 0;

  constructor(store: Store) {
    this.#store = store;
  }

  /** Throws what the store's `get` throws. */
  get(name: Oid): GitObject {
    return this.#held(name) ?? this.#store.get(name);
  }

  /** Throws what the store's `get` throws. */
  sizeOf(name: Oid): number {
    return this.#held(name)?.body.length ?? this.#store.sizeOf(name);
  }

  kindOf(name: Oid): ObjectKind | undefined {
    if (this.#requests.has(name)) return "tree";
    return this.#objects.get(name)?.kind ?? this.#store.kindOf(name);
  }

  near(name: Oid): GitObject | undefined {
    return this.#objects.get(name) ?? this.#store.near(name);
  }

  /** Names an object and holds it. The bytes are kept. */
  put(kind: ObjectKind, body: Uint8Array): Oid {
    const name = hashObject(kind, body);
    if (this.#bytes + body.length > heldBytesMax) this.#store.putChecked(name, kind, body);
    else if (!this.#objects.has(name)) {
      this.#objects.set(name, { kind, body });
      this.#bytes += body.length;
    }
    return name;
  }

  putRequest(args: Oid, surroundings: Uint8Array): Oid {
    const name = hashRequest(args, surroundings);
    this.#requests.set(name, { args, surroundings });
    return name;
  }

  ref(): undefined {
    return undefined;
  }

  /** Nothing outlives the frame. */
  setRef(): void {}

  /** Commits a result with all that it needs. */
  keep({ oid }: Result): void {
    const kept = new Set<Oid>();
    const open: { readonly name: Oid; readonly isEntered: boolean }[] = [{ name: oid, isEntered: false }];
    // What a tree names comes before it.
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      const { name, isEntered } = next;
      const object = this.#held(name);
      if (object === undefined || (kept.has(name) && !isEntered)) continue;
      kept.add(name);
      if (isEntered || object.kind !== "tree") {
        this.#store.putChecked(name, object.kind, object.body);
        continue;
      }
      open.push({ name, isEntered: true });
      for (const entry of decodeTree(object.body)) {
        if (kindOfMode(entry.mode) !== "commit") open.push({ name: entry.oid, isEntered: false });
      }
    }
    this.#store.flush();
  }

  /** Forgets what was put. */
  clear(): void {
    this.#objects.clear();
    this.#requests.clear();
    this.#bytes = 0;
  }

  #held(name: Oid): GitObject | undefined {
    const object = this.#objects.get(name);
    if (object !== undefined) return object;
    const parts = this.#requests.get(name);
    return parts && { kind: "tree", body: requestWith(parts.args, parts.surroundings) };
  }
}
