/**
 * Which objects a script will most likely ask for next: it reads a folder's files, or goes through folders, in the order of their tree, and each question costs two wakings of a core. So an answer brings along what
 * stands behind what was asked for, more of it each time, as long as at least half of what came along was read.
 *
 * It is a guess and no more: what comes along counts as read when the script reads it, and nobody can tell whether it did.
 */
import { isTree } from "../../abi/tree-bytes.ts";
import type { GitObject } from "../../store/object.ts";
import { oidBytes, oidFromBytes, oidToBytes, type Oid } from "../../store/oid.ts";
import type { Outcome, Result } from "../../store/outcome.ts";

type Kind = Result["kind"];

/** An object that comes to a script before it asks. */
export interface AlongObject {
  readonly oid: Oid;
  readonly kind: Kind;
  readonly bytes: Uint8Array;
}

/** Objects that an answer brings along at first, and at most. */
const firstAlong = 4;
const alongObjectsMax = 64;
/** Their bytes at most: what a pipe takes. */
const alongBytesMax = 1 << 16;
/** A result that comes with its outcome is at most so long. */
const resultBytesMax = 1024;
/** Trees in which what is asked for next may stand, and their bytes in all: each question looks through them. */
const treesMax = 16;
const treesBytesMax = 1 << 18;
/** Questions in a row after which a script is taken for one that goes its own way. */
const strayMax = 32;

/** A tree that the script has read, and how far it has come in it. */
interface Walk {
  readonly tree: Buffer;
  readonly steps: Readonly<Record<Kind, Step>>;
}

interface Step {
  /** Behind the entry that was asked for last, or that came along last; 0 before any was asked for. */
  at: number;
  /** What came along last time, and how much of that was read. */
  along: number;
  used: number;
}

function newStep(): Step {
  return { at: 0, along: 0, used: 0 };
}

/** What follows in trees that one job has read. */
export class ReadAhead {
  #walks: Walk[] = [];
  /** Whose entries came along last. */
  #last: Step | undefined;
  /** Questions since something that came along was read. */
  #strays = 0;

  /** The job has read this sound tree. The bytes are kept. */
  noteTree(tree: Uint8Array): void {
    if (this.#strays > strayMax || tree.length === 0) return;
    let sum = tree.length;
    const others = this.#walks.slice(0, treesMax - 1).filter((walk) => (sum += walk.tree.length) <= treesBytesMax);
    if (tree.length > treesBytesMax) return;
    const bytes = Buffer.from(tree.buffer, tree.byteOffset, tree.length);
    this.#walks = [{ tree: bytes, steps: { blob: newStep(), tree: newStep() } }, ...others];
  }

  /** The job has read something that came along. */
  noteUse(): void {
    if (this.#last === undefined) return;
    this.#last.used++;
    this.#strays = 0;
  }

  /** What is to come along with the object that the job asks for; `near` knows an object if having it costs microseconds. */
  following(kind: Kind, name: Oid, near: (name: Oid) => GitObject | undefined): readonly AlongObject[] {
    if (this.#walks.length === 0 || ++this.#strays > strayMax) return [];
    const oid = oidToBytes(name);
    for (const { tree, steps } of this.#walks) {
      const step = steps[kind];
      let at = tree.indexOf(oid, step.at);
      // A script that reads one file of a folder is left alone, and so is what begins anew.
      const isFirst = step.at === 0 || at < 0;
      if (at < 0 && step.at > 0) at = tree.indexOf(oid);
      if (at < 0) continue;
      const wanted = step.along === 0 ? firstAlong : 2 * step.used >= step.along ? 2 * step.along : 0;
      step.at = at + oidBytes;
      step.along = 0;
      step.used = 0;
      const found = isFirst ? [] : entriesAlong(tree, step, kind, Math.min(wanted, alongObjectsMax), near);
      step.along = found.length;
      this.#last = step;
      return found;
    }
    return [];
  }
}

/** Results of nested requests that are small and at hand: most are looked at at once. Trees that are not sound are left to be asked for, and to be refused. */
export function alongResults(outcomes: readonly Outcome[], near: (name: Oid) => GitObject | undefined): AlongObject[] {
  const along: AlongObject[] = [];
  let sum = 0;
  for (const outcome of outcomes.slice(0, alongObjectsMax)) {
    if (outcome.kind === "failed") continue;
    const object = near(outcome.oid);
    if (object?.kind !== outcome.kind || object.body.length > resultBytesMax) continue;
    sum += object.body.length;
    if (sum > alongBytesMax) break;
    if (object.kind === "blob" || isTree(object.body))
      along.push({ oid: outcome.oid, kind: object.kind, bytes: object.body });
  }
  return along;
}

/** The next so many objects of a kind that are at hand; moves the step behind them. */
function entriesAlong(
  tree: Buffer,
  step: Step,
  kind: Kind,
  countMax: number,
  near: (name: Oid) => GitObject | undefined,
): AlongObject[] {
  const found: AlongObject[] = [];
  let sum = 0;
  let at = step.at;
  for (let looked = 0; found.length < countMax && looked < 2 * countMax && at < tree.length; looked++) {
    const isWanted = kind === kindAt(tree, at);
    const end = tree.indexOf(0, at) + 1;
    at = end + oidBytes;
    // Bytes that were taken for a name may have been in the midst of something else.
    if (end === 0 || at > tree.length) break;
    if (!isWanted) continue;
    const oid = oidFromBytes(tree, end);
    const object = near(oid);
    if (object?.kind !== kind) break;
    sum += object.body.length;
    if (sum > alongBytesMax || (kind === "tree" && !isTree(object.body))) break;
    found.push({ oid, kind, bytes: object.body });
    step.at = at;
  }
  return found;
}

/** By the first digits of an entry's mode; a submodule is neither. */
function kindAt(tree: Uint8Array, at: number): Kind | undefined {
  if (tree[at] === 0x34) return "tree";
  return tree[at] === 0x31 && tree[at + 1] !== 0x36 ? "blob" : undefined;
}
