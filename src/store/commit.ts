/** How a buffer becomes records: a request's tree, its args' tree and its memo go into one, whatever else is an object or a memo of its own. */
import type { Contents } from "./contents.ts";
import type { ObjectKind } from "./object.ts";
import type { Oid } from "./oid.ts";
import { sameOutcome } from "./outcome.ts";
import { isRequestTree, requestParts, type RequestParts } from "./request-tree.ts";
import { storedMemo, storedOutcome } from "./stored-memo.ts";
import type { BufferedMemo, BufferedObject, WriteBuffer } from "./write-buffer.ts";

/** What a commit came to. */
export interface Committed {
  /** Objects that are here now and stand in no job's record. */
  readonly alone: ReadonlyMap<Oid, ObjectKind>;
  /** The trees of them that were not here before. */
  readonly newTrees: readonly Oid[];
}

/** A memo differs from the one that is here: the transaction is to be rolled back and begun anew with a quarantine (quarantine.ts). */
export class DivergentMemo extends Error {
  override readonly name = "DivergentMemo";
  readonly request: Oid;
  constructor(request: Oid) {
    super(`request ${request} has another memo already`);
    this.request = request;
  }
}

/** Adds to the file what is buffered, neither refused nor here yet, in the transaction under way. Throws DivergentMemo, CollidingObject or CorruptObject. */
export function commitBuffer(contents: Contents, buffer: WriteBuffer): Committed {
  const commit = new Commit(contents, buffer);
  for (const [name, object] of buffer.objects) {
    if (object.parts !== undefined) commit.request(name, object, object.parts);
    else if (isRequest(object)) commit.request(name, object, requestParts(object.body));
  }
  for (const [name, object] of buffer.objects) commit.object(name, object);
  for (const memo of buffer.memos) commit.memo(memo);
  return commit;
}

class Commit implements Committed {
  readonly alone = new Map<Oid, ObjectKind>();
  readonly newTrees: Oid[] = [];
  readonly #contents: Contents;
  readonly #buffer: WriteBuffer;

  constructor(contents: Contents, buffer: WriteBuffer) {
    this.#contents = contents;
    this.#buffer = buffer;
  }

  /** Gives a request a record, with its args' tree and its memo if they are buffered too and not here yet. */
  request(name: Oid, tree: BufferedObject, { args, surroundings }: RequestParts): void {
    // A memo that came without its request has a record, and a request has one record.
    const isAbsent = tree.absentAt === this.#contents.changes || !this.#contents.mayKnow(name);
    if (!isAbsent && (this.#contents.isHere(name, tree) || this.#contents.job(name) !== undefined)) return;
    const argsTree = this.#buffer.objects.get(args);
    const isTaken = argsTree?.kind === "tree" && !argsTree.isPlaced && !isRequest(argsTree);
    const isFresh = isTaken && !this.#contents.isHere(args, argsTree);
    if (isTaken) argsTree.isPlaced = true;
    const buffered = this.#buffer.memoOf(name, tree);
    const memo = buffered?.isRefused === true ? undefined : buffered;
    this.#contents.addRequest(
      name,
      { args, surroundings, argsTree: isFresh ? argsTree.body : undefined },
      memo === undefined ? undefined : storedMemo(memo.memo, memo.run),
    );
    tree.isPlaced = true;
    if (memo !== undefined) memo.isPlaced = true;
  }

  object(name: Oid, object: BufferedObject): void {
    if (object.isPlaced) return;
    this.alone.set(name, object.kind);
    if (this.#contents.isHere(name, object)) return;
    this.#contents.addObject(name, object);
    if (object.kind === "tree") this.newTrees.push(name);
  }

  memo({ request, memo, run, isPlaced, isRefused }: BufferedMemo): void {
    if (isPlaced || isRefused) return;
    const stored = storedMemo(memo, run);
    const found = this.#contents.job(request);
    const known = found?.record.memo;
    if (found === undefined) this.#contents.addMemo(request, stored);
    else if (known === undefined) this.#contents.setMemo(found, stored);
    else if (!sameOutcome(storedOutcome(request, known), memo.outcome)) throw new DivergentMemo(request);
  }
}

/** Whether the tree of a request is buffered, be it in parts or as any other object. */
function isRequest(object: BufferedObject): boolean {
  return object.parts !== undefined || (object.kind === "tree" && isRequestTree(object.body));
}
