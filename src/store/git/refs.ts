/**
 * References: loose files, `packed-refs` and symbolic refs. A name that git would not accept is never made a path,
 * so a revision from outside can't read other files.
 *
 * packed-refs: lines `OID SP NAME`; `^OID` after an annotated tag gives what it peels to; `#` starts the header.
 */
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { parseOid, type Oid } from "../oid.ts";
import type { Repository } from "./repository.ts";

/** The two folders in which refs live. */
export type RefFolders = Pick<Repository, "gitFolder" | "commonFolder">;

/** Symbolic refs are followed this often, as in git. */
const symbolicDepthMax = 5;

/** A loose ref or a pseudo-ref like FETCH_HEAD is short where it matters. */
const refPattern = /^(?:ref:\s*(\S+)\s*$|([0-9a-f]{40})(?:\s|$))/;

/** What a full ref name (`HEAD`, `refs/heads/main`) points at, or undefined when there is no such ref or it is unborn. */
export function readRef(folders: RefFolders, name: string): Oid | undefined {
  let at = name;
  for (let depth = 0; depth <= symbolicDepthMax; depth++) {
    if (!isRefName(at)) return undefined;
    const text = looseText(folders, at);
    if (text === undefined) return packedRef(folders, at);
    const match = refPattern.exec(text);
    if (match === null) return undefined;
    if (match[2] !== undefined) return parseOid(match[2]);
    at = match[1] as string;
  }
  return undefined;
}

/** Whether git accepts the name: `git check-ref-format`, and outside of refs/ only names like HEAD. */
export function isRefName(name: string): boolean {
  if (!/^(?:refs\/.+|[A-Z_-]+)$/.test(name)) return false;
  // oxlint-disable-next-line no-control-regex
  if (/[\u0000-\u0020\u007f~^:?*[\\]|\.\.|@\{|\/\/|\/$|\.$/.test(name)) return false;
  return name.split("/").every((part) => !part.startsWith(".") && !part.endsWith(".lock"));
}

/** Refs that each linked work tree has of its own. */
const ownRef = /^(?:[A-Z_-]+$|refs\/(?:bisect|worktree|rewritten)\/)/;

function looseText(folders: RefFolders, name: string): string | undefined {
  const file = join(ownRef.test(name) ? folders.gitFolder : folders.commonFolder, name);
  if (statSync(file, { throwIfNoEntry: false })?.isFile() !== true) return undefined;
  return readFileSync(file, "utf8");
}

function packedRef(folders: RefFolders, name: string): Oid | undefined {
  const file = join(folders.commonFolder, "packed-refs");
  if (!existsSync(file)) return undefined;
  const text = `\n${readFileSync(file, "utf8")}`;
  for (const end of ["\n", "\r\n"]) {
    const at = text.indexOf(` ${name}${end}`);
    if (at >= 41 && text[at - 41] === "\n") return parseOid(text.slice(at - 40, at));
  }
  return undefined;
}
