/**
 * The first difference between two outcomes that a person can read: a path in both trees, a byte in both blobs, or both texts. Pure: objects are read through an argument, and what can't be read is told as such.
 */
import type { GitObject } from "./store/object.ts";
import type { Oid } from "./store/oid.ts";
import type { Outcome } from "./store/outcome.ts";
import { compareEntries, decodeTree, type TreeEntry } from "./store/tree.ts";

/** An outcome, and the fuel of the execution that came to it. */
export interface Execution {
  readonly outcome: Outcome;
  readonly fuel: number;
}

/** `remembered` and `found` are for people: what stands there in either, in few words. */
export interface Difference {
  readonly how:
    /** One is a failure, or both are: their texts. Or they are of two kinds. */
    | "outcome"
    /** Two blobs, from the byte `at` on. */
    | "bytes"
    /** An entry that only one tree has, or that has another mode or kind; or two commits of submodules. */
    | "entry"
    /** The same outcome, at another cost. */
    | "fuel"
    /** Something that both name can't be read. */
    | "unreadable"
    | "none";
  /** From the result's root, with slashes; "." for that itself. */
  readonly path: string;
  readonly at?: number;
  readonly remembered: string;
  readonly found: string;
}

/** Bytes that are shown before and behind the first that differs. */
const contextBytes = 16;

/** The first difference, in git's order of entries. `read` may throw, which is told. */
export function firstDifference(remembered: Execution, found: Execution, read: (name: Oid) => GitObject): Difference {
  const [a, b] = [remembered.outcome, found.outcome];
  const root = { path: ".", remembered: describeOutcome(a), found: describeOutcome(b) };
  if (a.kind === "failed" || b.kind === "failed") {
    if (root.remembered !== root.found) return { how: "outcome", ...root };
  } else {
    if (a.kind !== b.kind) return { how: "outcome", ...root };
    if (a.oid !== b.oid) return objectDifference(a.oid, b.oid, read);
  }
  const [remembers, finds] = [`fuel ${remembered.fuel}`, `fuel ${found.fuel}`];
  return { how: remembers === finds ? "none" : "fuel", path: ".", remembered: remembers, found: finds };
}

/** Goes down where both have a tree of one name. */
function objectDifference(first: Oid, second: Oid, read: (name: Oid) => GitObject): Difference {
  let [a, b] = [first, second];
  const names: string[] = [];
  for (;;) {
    const path = names.length === 0 ? "." : names.join("/");
    let one: GitObject;
    let other: GitObject;
    try {
      [one, other] = [read(a), read(b)];
      if (one.kind !== "tree" || other.kind !== "tree") return { path, ...bytesDifference(one.body, other.body) };
      const pair = differingEntries(decodeTree(one.body), decodeTree(other.body));
      // Two trees of the same entries have the same name.
      if (pair === undefined) return { how: "none", path, remembered: a, found: b };
      const [old, now] = pair;
      names.push((old ?? now)?.name ?? "");
      if (old === undefined || now === undefined || old.mode !== now.mode || old.mode === "160000") {
        return { how: "entry", path: names.join("/"), remembered: describeEntry(old), found: describeEntry(now) };
      }
      [a, b] = [old.oid, now.oid];
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      return { how: "unreadable", path, remembered: a, found: `${b}: ${reason}` };
    }
  }
}

function differingEntries(
  before: readonly TreeEntry[],
  after: readonly TreeEntry[],
): readonly [TreeEntry | undefined, TreeEntry | undefined] | undefined {
  for (let at = 0; at < Math.max(before.length, after.length); at++) {
    const [old, now] = [before[at], after[at]];
    if (old === undefined || now === undefined) return [old, now];
    if (old.name !== now.name) return compareEntries(old, now) < 0 ? [old, undefined] : [undefined, now];
    if (old.mode !== now.mode || old.oid !== now.oid) return [old, now];
  }
  return undefined;
}

/** Where two blobs begin to differ, and some bytes of each around. */
export function bytesDifference(a: Uint8Array, b: Uint8Array): Omit<Difference, "path"> {
  let at = 0;
  while (at < a.length && at < b.length && a[at] === b[at]) at++;
  const how = at === a.length && at === b.length ? "none" : "bytes";
  return { how, at, remembered: excerpt(a, at), found: excerpt(b, at) };
}

/** Bytes around a place: quoted where all are text, else in hex. */
function excerpt(bytes: Uint8Array, at: number): string {
  const start = Math.max(0, at - contextBytes);
  const shown = bytes.subarray(start, at + contextBytes);
  const isText = shown.every(
    (byte) => (byte >= 0x20 && byte < 0x7f) || byte === 0x09 || byte === 0x0a || byte === 0x0d,
  );
  const text = isText ? JSON.stringify(Buffer.from(shown).toString("latin1")) : Buffer.from(shown).toString("hex");
  const [before, behind] = [start > 0 ? "…" : "", at + contextBytes < bytes.length ? "…" : " (end)"];
  return `${before}${text}${behind}`;
}

function describeEntry(entry: TreeEntry | undefined): string {
  return entry === undefined ? "no such entry" : `${entry.mode} ${entry.oid}`;
}

/** An outcome in one line. */
export function describeOutcome(outcome: Outcome): string {
  return outcome.kind === "failed" ? `failed (${outcome.code}): ${outcome.message}` : `${outcome.kind} ${outcome.oid}`;
}

/** One sentence for a person. */
export function describeDifference({ how, path, at, remembered, found }: Difference): string {
  const where = path === "." ? "" : ` in ${path}`;
  switch (how) {
    case "outcome":
      return `remembered: ${remembered}; found: ${found}`;
    case "bytes":
      return `first difference at byte ${at}${where}: remembered ${remembered}, found ${found}`;
    case "entry":
      return `first difference${where}: remembered ${remembered}, found ${found}`;
    case "fuel":
      return `the same outcome at another cost: remembered ${remembered}, found ${found}`;
    case "unreadable":
      return `the first difference can't be shown${where}: remembered ${remembered}, found ${found}`;
    case "none":
      return "no difference that can be shown";
  }
}
