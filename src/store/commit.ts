/** How a buffer becomes records: a request's tree, its args' tree and its memo go into one, whatever else is an object or a memo of its own. */
import type { Contents } from "./contents.ts";
import type { GitObject, ObjectKind } from "./object.ts";
import type { Oid } from "./oid.ts";
import { sameOutcome } from "./outcome.ts";
import { isRequestTree, requestArgs } from "./request-tree.ts";
import { storedMemo, storedOutcome } from "./stored-memo.ts";
import type { BufferedMemo, WriteBuffer } from "./write-buffer.ts";

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
  for (const [name, object] of buffer.objects) {
    if (object.kind === "tree" && isRequestTree(object.body)) commit.request(name, object);
  }
  for (const [name, object] of buffer.objects) commit.object(name, object);
  for (const memo of buffer.memos.values()) commit.memo(memo);
  if (commit.divergent.length > 0) contents.bumpGeneration();
  return commit;
}

class Commit implements Committed {
  readonly alone = new Map<Oid, ObjectKind>();
  readonly divergent: Oid[] = [];
  readonly #contents: Contents;
  readonly #buffer: WriteBuffer;
  /** Trees that stand in a record of this commit, or that are here already. */
  readonly #placed = new Set<Oid>();
  /** Requests whose memos do. */
  readonly #remembered = new Set<Oid>();

  constructor(contents: Contents, buffer: WriteBuffer) {
    this.#contents = contents;
    this.#buffer = buffer;
  }

  /** Gives a request a record, with its args' tree and its memo if they are buffered too and not here yet. */
  request(name: Oid, tree: GitObject): void {
    // A memo that came without its request has a record, and a request has one record.
    if (this.#contents.mayKnow(name) && (this.#contents.isHere(name, tree) || this.#contents.job(name) !== undefined))
      return;
    const argsName = requestArgs(tree.body);
    const args = this.#buffer.objects.get(argsName);
    const isTaken = args?.kind === "tree" && !this.#placed.has(argsName) && !isRequestTree(args.body);
    const isFresh = isTaken && !this.#contents.isHere(argsName, args);
    if (isTaken) this.#placed.add(argsName);
    const memo = this.#buffer.memos.get(name);
    this.#contents.addRequest(
      name,
      { body: tree.body, argsName, args: isFresh ? args.body : undefined },
      memo === undefined ? undefined : storedMemo(memo.memo, memo.run),
    );
    this.#placed.add(name);
    if (memo !== undefined) this.#remembered.add(name);
  }

  object(name: Oid, object: GitObject): void {
    if (this.#placed.has(name)) return;
    this.alone.set(name, object.kind);
    if (!this.#contents.isHere(name, object)) this.#contents.addObject(name, object);
  }

  memo({ request, memo, run }: BufferedMemo): void {
    if (this.#remembered.has(request)) return;
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
