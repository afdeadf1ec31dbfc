/**
 * Which objects are *whole*: here, with all that they name (gitlinks excepted), once what is buffered is committed. In a store that reads from repositories (sources.ts) a tree may be here without what it
 * names, as the trees are that a job read or was given; a result never is, nor what a ref names.
 *
 * Nobody is taken for whole who isn't; who is may not be known to be, and then he is walked again. Trees that stand alone in the file are whole unless they are rows of `partial_trees`; of a tree in a
 * job's record nothing is known.
 */
import type Database from "better-sqlite3";
import type { Contents } from "./contents.ts";
import { HotMap } from "./hot-map.ts";
import type { GitObject } from "./object.ts";
import { oidToBytes, type Oid } from "./oid.ts";
import { decodeTree, kindOfMode } from "./tree.ts";
import type { WriteBuffer } from "./write-buffer.ts";

/** Whole trees in memory (0.1 KB each); the map holds up to twice as many. */
const hotWholesMax = 50_000;

/** A tree whose entries are being walked. */
interface Walked {
  readonly name: Oid;
  readonly below: readonly Oid[];
  next: number;
}

export class Wholes {
  readonly #contents: Contents;
  readonly #buffer: WriteBuffer;
  readonly #hot = new HotMap<Oid, true>(hotWholesMax);
  /** Trees that became whole since the last commit. */
  readonly #completed = new Set<Oid>();
  readonly #sql: ReturnType<typeof prepareStatements>;

  constructor(database: Database.Database, contents: Contents, buffer: WriteBuffer) {
    this.#contents = contents;
    this.#buffer = buffer;
    this.#sql = prepareStatements(database);
  }

  /** Whether something is to be written. */
  get hasWaiting(): boolean {
    return this.#completed.size > 0;
  }

  isWhole(name: Oid): boolean {
    if (this.#hot.get(name) === true) return true;
    const kind = this.#buffer.objects.get(name)?.kind;
    if (kind !== undefined) return kind !== "tree";
    const kindInFile = this.#contents.kindAlone(name);
    if (kindInFile !== "tree") return kindInFile !== undefined;
    if (this.#sql.isPartial.get(oidToBytes(name)) !== undefined) return false;
    this.#hot.set(name, true);
    return true;
  }

  /** Makes an object whole: `bring` gives each that is not, buffered or in the file by then. Depth costs no stack. */
  complete(root: Oid, bring: (name: Oid) => GitObject): void {
    const open: Walked[] = [];
    const enter = (name: Oid): void => {
      if (this.isWhole(name)) return;
      const { kind, body } = bring(name);
      if (kind !== "tree") return;
      const entries = decodeTree(body).filter(({ mode }) => kindOfMode(mode) !== "commit");
      open.push({ name, below: entries.map(({ oid }) => oid), next: 0 });
    };
    enter(root);
    for (let top = open.at(-1); top !== undefined; top = open.at(-1)) {
      const below = top.below[top.next++];
      if (below !== undefined) {
        enter(below);
        continue;
      }
      this.mark(top.name);
      open.pop();
    }
  }

  /** Takes the caller's word that a tree and all that it names is here or buffered. */
  mark(tree: Oid): void {
    this.#hot.set(tree, true);
    this.#completed.add(tree);
  }

  /** Notes which trees are partial, in the transaction that brings `newTrees`; afterwards `settle` or `discard`. */
  write(newTrees: readonly Oid[]): void {
    for (const name of newTrees)
      if (!this.#completed.has(name) && this.#hot.get(name) !== true) this.#sql.add.run(oidToBytes(name));
    for (const name of this.#completed) this.#sql.drop.run(oidToBytes(name));
  }

  settle(): void {
    this.#completed.clear();
  }

  /** What was buffered is gone, or somebody deleted: nothing is known. */
  discard(): void {
    this.#completed.clear();
    this.#hot.clear();
  }
}

function prepareStatements(database: Database.Database) {
  return {
    isPartial: database.prepare("SELECT 1 FROM partial_trees WHERE oid = ?").pluck(),
    add: database.prepare("INSERT INTO partial_trees (oid) VALUES (?) ON CONFLICT DO NOTHING"),
    drop: database.prepare("DELETE FROM partial_trees WHERE oid = ?"),
  };
}
