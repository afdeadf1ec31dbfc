/**
 * Revisions: what a person writes to name an object. Known: `HEAD`, `@`, refs in full and short (tags before
 * branches before remote branches, as git looks), oids in full or from 4 digits on, then any of `~N`, `^N`, `^{commit}`,
 * `^{tree}`, `^{blob}`, `^{tag}`, `^{}`, and `:PATH` at the end. Not known: reflogs (`@{1}`), searches (`:/text`),
 * the index (`:PATH` alone). An abbreviation is never guessed: two objects that share it are refused.
 */
import { decodeTree, kindOfMode, type Mode } from "../tree.ts";
import type { GitObject, ObjectKind } from "../object.ts";
import { parseOid, type Oid } from "../oid.ts";
import { parseCommit, parseTag } from "./commit.ts";
import { CorruptGitObject } from "./object-database.ts";
import { readRef } from "./refs.ts";
import { PathNotTracked, type Repository } from "./repository.ts";

/** A revision that names nothing in the repository. */
export class UnknownRevision extends Error {
  override readonly name = "UnknownRevision";
  readonly rev: string;
  readonly reason: string;
  constructor(rev: string, reason: string) {
    super(`the revision ${rev} is unknown: ${reason}`);
    this.rev = rev;
    this.reason = reason;
  }
}

/** An abbreviated oid that several objects share. */
export class AmbiguousRevision extends Error {
  override readonly name = "AmbiguousRevision";
  readonly rev: string;
  readonly candidates: readonly Oid[];
  constructor(rev: string, candidates: readonly Oid[]) {
    super(`the revision ${rev} is ambiguous, it may be ${candidates.join(", ")}`);
    this.rev = rev;
    this.candidates = candidates;
  }
}

/** An object that a repository should have and has not. */
export class MissingGitObject extends Error {
  override readonly name = "MissingGitObject";
  readonly oid: Oid;
  constructor(name: Oid) {
    super(`the repository lacks git object ${name} (is it a shallow or partial clone?)`);
    this.oid = name;
  }
}

/** What a revision names. `mode` is that of the entry for `REV:PATH`, else 40000 for a tree and 100644 for a blob. */
export interface Named {
  readonly mode: Mode;
  readonly oid: Oid;
}

/** Steps after the base of a revision, a named limit for text from outside. */
const stepsMax = 10_000;

/** Most oids that are listed for an ambiguous abbreviation. */
const candidatesMax = 8;

/** A chain of tags that point at tags is followed this far. */
const tagDepthMax = 1000;

/** The object that `rev` (without `:PATH`) names, not peeled. Throws UnknownRevision or AmbiguousRevision. */
export function resolveRevision(repository: Repository, rev: string): { readonly oid: Oid; readonly kind: ObjectKind } {
  const end = rev.search(/[\^~]/);
  const base = end < 0 ? rev : rev.slice(0, end);
  let name = resolveBase(repository, base, rev);
  let rest = end < 0 ? "" : rev.slice(end);
  for (let steps = 0; rest !== ""; steps++) {
    const step = /^(?:\^\{(\w*)\}|([~^])(\d*))/.exec(rest);
    if (step === null || steps === stepsMax) throw new UnknownRevision(rev, "it can't be read as a revision");
    rest = rest.slice(step[0].length);
    if (step[1] !== undefined) {
      name = peel(repository, name, step[1], rev);
    } else {
      const count = step[3] === "" ? 1 : Number(step[3]);
      name = step[2] === "~" ? ancestor(repository, name, count, rev) : parent(repository, name, count, rev);
    }
  }
  return { oid: name, kind: objectOf(repository, name).kind };
}

/** The tree or blob that `spec` (`REV` or `REV:PATH`) names; tags and commits are peeled to their tree. */
export function resolveTree(repository: Repository, spec: string): Named {
  const colon = spec.indexOf(":");
  if (colon === 0) throw new UnknownRevision(spec, "it names no commit before the colon");
  const rev = colon < 0 ? spec : spec.slice(0, colon);
  const { oid: start } = resolveRevision(repository, rev);
  const object = peelTags(repository, start, rev);
  if (colon < 0 && object.kind === "blob") return { mode: "100644", oid: object.oid };
  const tree = peel(repository, object.oid, "tree", rev);
  return colon < 0 ? { mode: "40000", oid: tree } : entryAt(repository, tree, spec.slice(colon + 1));
}

/** The entry at `path` (slashes between its parts; empty for the tree itself). Throws PathNotTracked. */
export function entryAt(repository: Repository, tree: Oid, path: string): Named {
  let at: Named = { mode: "40000", oid: tree };
  const done: string[] = [];
  for (const part of path.replace(/\/$/, "").split("/")) {
    if (path === "") break;
    if (kindOfMode(at.mode) !== "tree") throw new PathNotTracked(path, `${done.join("/")} is no folder`);
    const { kind, body } = objectOf(repository, at.oid);
    if (kind !== "tree") throw new CorruptGitObject(at.oid, `a tree was expected and it is a ${kind}`);
    const entry = decodeTree(body).find(({ name }) => name === part);
    if (entry === undefined) throw new PathNotTracked(path, "the revision's tree has no such path");
    at = { mode: entry.mode, oid: entry.oid };
    done.push(part);
  }
  return at;
}

/** Where a short ref name is looked for, in git's order. */
const refPlaces = ["", "refs/", "refs/tags/", "refs/heads/", "refs/remotes/"] as const;

function resolveBase(repository: Repository, base: string, rev: string): Oid {
  const full = parseOid(base.toLowerCase());
  if (full !== undefined) {
    if (!repository.objects.has(full)) throw new UnknownRevision(rev, "the repository has no such object");
    return full;
  }
  if (base === "") throw new UnknownRevision(rev, "it is empty");
  if (base.includes("@{")) throw new UnknownRevision(rev, "reflogs and upstreams are not read here");
  const name = base === "@" ? "HEAD" : base;
  for (const place of refPlaces) {
    const found = readRef(repository, place + name);
    if (found !== undefined) return found;
  }
  const remote = readRef(repository, `refs/remotes/${name}/HEAD`);
  if (remote !== undefined) return remote;
  if (/^[0-9a-f]{4,39}$/i.test(name)) {
    const candidates = repository.objects.named(name.toLowerCase(), candidatesMax);
    if (candidates.length > 1) throw new AmbiguousRevision(rev, candidates);
    if (candidates[0] !== undefined) return candidates[0];
  }
  throw new UnknownRevision(rev, name === "HEAD" ? "there is no commit yet" : "no branch, tag or object has that name");
}

function ancestor(repository: Repository, start: Oid, count: number, rev: string): Oid {
  let at = peel(repository, start, "commit", rev);
  for (let i = 0; i < count; i++) at = parent(repository, at, 1, rev);
  return at;
}

function parent(repository: Repository, start: Oid, which: number, rev: string): Oid {
  const at = peel(repository, start, "commit", rev);
  if (which === 0) return at;
  const found = commitOf(repository, at).parents[which - 1];
  if (found === undefined) throw new UnknownRevision(rev, `commit ${at} has no parent number ${which}`);
  return found;
}

/** What `^{wanted}` makes of an object. */
function peel(repository: Repository, start: Oid, wanted: string, rev: string): Oid {
  if (wanted === "object") return start;
  if (objectOf(repository, start).kind === wanted) return start;
  const object = peelTags(repository, start, rev);
  if (wanted === "" || object.kind === wanted) return object.oid;
  if (wanted === "tree" && object.kind === "commit") return commitOf(repository, object.oid).tree;
  throw new UnknownRevision(rev, `it is a ${object.kind} and no ${wanted}`);
}

function peelTags(repository: Repository, start: Oid, rev: string): { readonly oid: Oid; readonly kind: ObjectKind } {
  let at = start;
  for (let depth = 0; depth < tagDepthMax; depth++) {
    const { kind, body } = objectOf(repository, at);
    if (kind !== "tag") return { oid: at, kind };
    const tag = parseTag(body);
    if (tag === undefined) throw new CorruptGitObject(at, "it is no tag");
    at = tag.object;
  }
  throw new UnknownRevision(rev, "its tags point at tags without end");
}

function commitOf(repository: Repository, name: Oid): ReturnType<typeof parseCommit> & object {
  const commit = parseCommit(objectOf(repository, name).body);
  if (commit === undefined) throw new CorruptGitObject(name, "it is no commit");
  return commit;
}

function objectOf(repository: Repository, name: Oid): GitObject {
  const object = repository.objects.read(name);
  if (object === undefined) throw new MissingGitObject(name);
  return object;
}
