/**
 * Commits and annotated tags, as far as finding a tree needs them.
 *
 *   commit:  `tree OID LF`, `parent OID LF` any number of times, author, committer ..., an empty line, the message
 *   tag:     `object OID LF`, `type KIND LF`, `tag NAME LF` ..., an empty line, the message
 */
import type { ObjectKind } from "../object.ts";
import { oid, type Oid } from "../oid.ts";

export interface Commit {
  readonly tree: Oid;
  readonly parents: readonly Oid[];
}

export interface Tag {
  readonly object: Oid;
  readonly kind: ObjectKind;
}

/** A commit's tree and parents; undefined when the body is no commit's. */
export function parseCommit(body: Uint8Array): Commit | undefined {
  const match = /^tree ([0-9a-f]{40})\n((?:parent [0-9a-f]{40}\n)*)/.exec(headOf(body));
  if (match === null) return undefined;
  const parents = (match[2] as string).matchAll(/[0-9a-f]{40}/g);
  return { tree: oid(match[1] as string), parents: Array.from(parents, ([name]) => oid(name)) };
}

/** What a tag points at; undefined when the body is no tag's. */
export function parseTag(body: Uint8Array): Tag | undefined {
  const match = /^object ([0-9a-f]{40})\ntype (blob|tree|commit|tag)\n/.exec(headOf(body));
  return match === null ? undefined : { object: oid(match[1] as string), kind: match[2] as ObjectKind };
}

/** The header's text; what follows the first empty line can be in any encoding. */
function headOf(body: Uint8Array): string {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.length);
  const end = bytes.indexOf("\n\n");
  return bytes.toString("latin1", 0, end < 0 ? bytes.length : end + 1);
}
