/** What a handle was given and has not committed yet: objects in the order in which they came, and memos. */
import type { GitObject, NamedObject, ObjectKind } from "./object.ts";
import { monotonicMs } from "./monotonic.ts";
import { oidBytes, type Oid } from "./oid.ts";
import type { Memo } from "./outcome.ts";
import { requestBytes, requestWith, type RequestParts } from "./request-tree.ts";
import { decodeTree, kindOfMode } from "./tree.ts";

/** Rows, bytes and milliseconds after which a buffer is to be flushed: large enough to amortize a transaction (130 µs), small enough to lose little. */
const rowsMax = 40_000;
const bytesMax = 32 << 20;
const msMax = 100;
/** Objects that may be few. */
const fewObjectsMax = 64;

/** What is buffered carries a mark for the commit under way: a set of the names costs 1 µs a job. */
interface Placeable {
  /** It stands in a record already. */
  isPlaced: boolean;
}

export interface BufferedObject extends GitObject, Placeable {
  /** Of a request that came in parts. */
  readonly parts: RequestParts | undefined;
  /** Of the request whose tree this is, if it was remembered after that was put: looking in one map for both saves 0.3 µs a job. */
  memo: BufferedMemo | undefined;
  /** When it was surely not in the file: `changes` of the contents then. */
  absentAt: number | undefined;
}

/** A request that came in parts: few ask for its bytes, which are made then. */
class BufferedRequest implements BufferedObject {
  readonly kind = "tree";
  readonly parts: RequestParts;
  isPlaced = false;
  memo: BufferedMemo | undefined = undefined;
  absentAt: number | undefined = undefined;

  constructor(parts: RequestParts) {
    this.parts = parts;
  }

  get body(): Uint8Array {
    return requestWith(this.parts.args, this.parts.surroundings);
  }
}

export interface BufferedMemo extends Placeable {
  readonly request: Oid;
  readonly memo: Memo;
  /** Its number; where the run's record is added by the commit that takes the memo, it is known there, and 0 till then. */
  run: number;
  /** Not to be committed: a quarantine stands against it. */
  isRefused: boolean;
}

export class WriteBuffer {
  readonly #objects = new Map<Oid, BufferedObject>();
  readonly #memos: BufferedMemo[] = [];
  /** Those whose requests' trees are not in the buffer, or came later. */
  readonly #loneMemos = new Map<Oid, BufferedMemo>();
  #bytes = 0;
  #sinceMs = 0;

  get objects(): ReadonlyMap<Oid, BufferedObject> {
    return this.#objects;
  }

  /** In the order in which they came. */
  get memos(): readonly BufferedMemo[] {
    return this.#memos;
  }

  /** The memo of a request, given what is buffered under its name. */
  memoOf(request: Oid, tree: BufferedObject | undefined): BufferedMemo | undefined {
    return tree?.memo ?? (this.#loneMemos.size === 0 ? undefined : this.#loneMemos.get(request));
  }

  get isEmpty(): boolean {
    return this.#objects.size === 0 && this.#memos.length === 0;
  }

  /** True when it is large or old enough to be flushed. */
  get isDue(): boolean {
    return (
      this.#objects.size + this.#memos.length >= rowsMax ||
      this.#bytes >= bytesMax ||
      monotonicMs() - this.#sinceMs >= msMax
    );
  }

  addObject(name: Oid, kind: ObjectKind, body: Uint8Array): void {
    this.#begin();
    this.#objects.set(name, { kind, body, parts: undefined, isPlaced: false, memo: undefined, absentAt: undefined });
    this.#bytes += body.length;
  }

  addRequest(name: Oid, parts: RequestParts): void {
    this.#begin();
    this.#objects.set(name, new BufferedRequest(parts));
    this.#bytes += requestBytes;
  }

  addMemo(request: Oid, memo: Memo, run: number): BufferedMemo {
    this.#begin();
    const buffered: BufferedMemo = { request, memo, run, isPlaced: false, isRefused: false };
    const tree = this.#objects.get(request);
    if (tree === undefined) this.#loneMemos.set(request, buffered);
    else tree.memo = buffered;
    this.#memos.push(buffered);
    this.#bytes += (memo.reads.length + memo.children.length) * oidBytes;
    return buffered;
  }

  /** Takes out the memo that came last. */
  removeLastMemo(): void {
    const memo = this.#memos.pop();
    if (memo === undefined) return;
    this.#loneMemos.delete(memo.request);
    const tree = this.#objects.get(memo.request);
    if (tree !== undefined) tree.memo = undefined;
  }

  /** All that is buffered, where that is objects alone, of at most so many bytes. */
  fewObjects(ofBytes: number): NamedObject[] | undefined {
    if (this.#memos.length > 0 || this.#bytes > ofBytes || this.#objects.size > fewObjectsMax) return undefined;
    // Copies, since what crosses to another thread takes along all of the memory that a view is of.
    return Array.from(this.#objects, ([name, { kind, body }]) => ({ name, kind, body: new Uint8Array(body) }));
  }

  /** Takes out an object without a memo. */
  remove(name: Oid): void {
    const object = this.#objects.get(name);
    if (object === undefined || object.memo !== undefined) return;
    this.#objects.delete(name);
    this.#bytes -= object.parts === undefined ? object.body.length : requestBytes;
  }

  /** Takes the marks of a commit off: nothing of it is in the file. */
  unplace(): void {
    for (const object of this.#objects.values()) object.isPlaced = false;
    for (const memo of this.#memos) memo.isPlaced = memo.isRefused = false;
  }

  clear(): void {
    this.#objects.clear();
    this.#memos.length = 0;
    this.#loneMemos.clear();
    this.#bytes = 0;
  }

  /** The objects, here or in the file, without which what is buffered would not be true. */
  *needs(): Iterable<Oid> {
    for (const { kind, body } of this.#objects.values()) {
      if (kind !== "tree") continue;
      for (const entry of decodeTree(body)) if (kindOfMode(entry.mode) !== "commit") yield entry.oid;
    }
    for (const { memo } of this.#memos) if (memo.outcome.kind !== "failed") yield memo.outcome.oid;
  }

  #begin(): void {
    if (this.isEmpty) this.#sinceMs = monotonicMs();
  }
}
