/** How a buffer becomes records: a request's tree, its args' tree and its memo go into one, whatever else is an object or a memo of its own. */
import type { Contents } from "./contents.ts";
import type { ObjectKind } from "./object.ts";
import type { Oid } from "./oid.ts";
import { sameOutcome } from "./outcome.ts";
import { isArgsOf, isRequestTree, requestArgs } from "./request-tree.ts";
import { storedMemo, storedOutcome } from "./stored-memo.ts";
import type { BufferedMemo, BufferedObject, WriteBuffer } from "./write-buffer.ts";

/** What a commit came to. */
export interface Committed {
  /** Objects that are here now and stand in no job's record. */
  readonly alone: ReadonlyMap<Oid, ObjectKind>;
  /** Requests that were remembered with another outcome: their memos are quarantined. */
  readonly divergent: readonly Oid[];
}

/** Adds to the file what is buffered and not here yet, in the transaction under way. Throws CollidingObject or CorruptObject. */
export function commitBuffer(contents: Contents, buffer: WriteBuffer): Committed {
  const commit = new Commit(contents, buffer);
  let before: Oid | undefined;
  for (const [name, object] of buffer.objects) {
    if (object.kind === "tree" && isRequestTree(object.body)) commit.request(name, object, before);
    before = name;
  }
  for (const [name, object] of buffer.objects) commit.object(name, object);
  for (const memo of buffer.memos) commit.memo(memo);
  if (commit.divergent.length > 0) contents.bumpGeneration();
  return commit;
}

class Commit implements Committed {
  readonly alone = new Map<Oid, ObjectKind>();
  readonly divergent: Oid[] = [];
  readonly #contents: Contents;
  readonly #buffer: WriteBuffer;

  constructor(contents: Contents, buffer: WriteBuffer) {
    this.#contents = contents;
    this.#buffer = buffer;
  }

  /**
   * Gives a request a record, with its args' tree and its memo if they are buffered too and not here yet. `before` is the object that was put before it, mostly
   * its args' tree: a name that is known is looked up faster than one that is made of bytes.
   */
  request(name: Oid, tree: BufferedObject, before: Oid | undefined): void {
    // A memo that came without its request has a record, and a request has one record.
    const isAbsent = tree.absentAt === this.#contents.changes || !this.#contents.mayKnow(name);
    if (!isAbsent && (this.#contents.isHere(name, tree) || this.#contents.job(name) !== undefined)) return;
    const argsName = before !== undefined && isArgsOf(before, tree.body) ? before : requestArgs(tree.body);
    const args = this.#buffer.objects.get(argsName);
    const isTaken = args?.kind === "tree" && !args.isPlaced && !isRequestTree(args.body);
    const isFresh = isTaken && !this.#contents.isHere(argsName, args);
    if (isTaken) args.isPlaced = true;
    const memo = this.#buffer.memoOf(name, tree);
    this.#contents.addRequest(
      name,
      { body: tree.body, argsName, args: isFresh ? args.body : undefined },
      memo === undefined ? undefined : storedMemo(memo.memo, memo.run),
    );
    tree.isPlaced = true;
    if (memo !== undefined) memo.isPlaced = true;
  }

  object(name: Oid, object: BufferedObject): void {
    if (object.isPlaced) return;
    this.alone.set(name, object.kind);
    if (!this.#contents.isHere(name, object)) this.#contents.addObject(name, object);
  }

  memo({ request, memo, run, isPlaced }: BufferedMemo): void {
    if (isPlaced) return;
    const stored = storedMemo(memo, run);
    const found = this.#contents.job(request);
    const known = found?.record.memo;
    if (found === undefined) this.#contents.addMemo(request, stored);
    else if (known === undefined) this.#contents.setMemo(found, stored);
    else if (!sameOutcome(storedOutcome(request, known), memo.outcome)) {
      this.#contents.addDivergence(request, stored.kind, memo.outcome, run);
      this.#contents.setMemo(found, { ...known, quarantined: true });
      this.divergent.push(request);
    }
  }
}
