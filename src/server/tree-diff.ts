/**
 * What differs between two trees as text, as `git diff --no-renames --full-index --binary` heads it: `git apply` takes it, unless a file was not compared by line, which it says.
 *
 * Deterministic: lines are compared by an edit script of bounded length, never by a clock.
 */
import { isUtf8 } from "node:buffer";
import { setImmediate as breathe } from "node:timers/promises";
import { structuredPatch } from "diff";
import { NonAnswerError, type Engine, type Mode, type Oid, type TreeChange } from "../engine.ts";
import { UsageError } from "../cli/exit.ts";
import { quotedName } from "../cli/output.ts";
import { placeIn, type Place } from "./tree-path.ts";

/** Files whose contents are compared; further ones are counted. */
const diffedFilesMax = 1_000;
/** Of a file that is compared by line. */
const diffedBytesMax = 2 << 20;
/** Lines taken out and put in, up to which the shortest way from one file to the other is looked for; beyond it all of it is taken out and put in. */
const diffEditsMax = 1_000;
/** Text after which no further file is compared. */
const diffTextBytesMax = 8 << 20;

export interface TreeDiff {
  readonly text: string;
  readonly changes: readonly TreeChange[];
  /** Paths that differ. */
  readonly count: number;
}

interface Side {
  readonly mode: Mode;
  readonly oid: Oid;
}

/** From one object at `path` to another; undefined where nothing stands. A file takes up to a second; in between others have their turn. Rejects with MissingObject, or NonAnswerError when it is aborted. */
export async function diffOf(
  engine: Engine,
  before: Place | undefined,
  after: Place | undefined,
  signal?: AbortSignal,
): Promise<TreeDiff> {
  const parts: string[] = [];
  const changes: TreeChange[] = [];
  let count = 0;
  let length = 0;
  for (const change of changesOf(engine, before, after)) {
    count++;
    if (changes.length === diffedFilesMax || length > diffTextBytesMax) continue;
    await breathe();
    if (signal?.aborted === true) throw new NonAnswerError({ kind: "cancelled" });
    changes.push(change);
    const text = fileDiff(engine, change, sideAt(engine, before, change.path), sideAt(engine, after, change.path));
    parts.push(text);
    length += text.length;
  }
  if (count > changes.length) parts.push(`[... ${count - changes.length} more paths differ ...]\n`);
  return { text: parts.join(""), changes, count };
}

function* changesOf(engine: Engine, before: Place | undefined, after: Place | undefined): Iterable<TreeChange> {
  const [old, now] = [treeOf(before), treeOf(after)];
  if (isLeaf(before) || isLeaf(after)) {
    const { path } = (before ?? after) as Place;
    if (before?.oid === after?.oid && before?.mode === after?.mode) return;
    // A folder in place of a file: the file goes, and all that is in the folder comes, or the other way round.
    if (isLeaf(before) && isLeaf(after)) yield { status: "modified", path };
    else if (isLeaf(before)) yield { status: "deleted", path };
    if (old !== undefined || now !== undefined) yield* within(engine, path, old, now);
    if (isLeaf(after) && !isLeaf(before)) yield { status: "added", path };
    return;
  }
  yield* within(engine, (before ?? after)?.path ?? "", old, now);
}

function* within(engine: Engine, path: string, old: Oid | undefined, now: Oid | undefined): Iterable<TreeChange> {
  const empty = engine.putTree([]);
  for (const change of engine.changes(old ?? empty, now ?? empty))
    yield path === "" ? change : { ...change, path: `${path}/${change.path}` };
}

function treeOf(place: Place | undefined): Oid | undefined {
  return place?.mode === "40000" ? place.oid : undefined;
}

function isLeaf(place: Place | undefined): boolean {
  return place !== undefined && place.mode !== "40000";
}

/** What stands at a path that lies in `root`. */
function sideAt(engine: Engine, root: Place | undefined, path: string): Side | undefined {
  if (root === undefined) return undefined;
  if (path === root.path) return root.mode === "40000" ? undefined : root;
  let side: Side = root;
  for (const name of path.slice(root.path === "" ? 0 : root.path.length + 1).split("/")) {
    const entry = side.mode === "40000" ? engine.list(side.oid).find((each) => each.name === name) : undefined;
    if (entry === undefined) return undefined;
    side = entry;
  }
  return side.mode === "40000" ? undefined : side;
}

function fileDiff(engine: Engine, { path }: TreeChange, old: Side | undefined, now: Side | undefined): string {
  // Of another kind: git takes the one out and puts the other in.
  if (old !== undefined && now !== undefined && fileKind(old.mode) !== fileKind(now.mode))
    return headAndBody(engine, path, old, undefined) + headAndBody(engine, path, undefined, now);
  return headAndBody(engine, path, old, now);
}

function fileKind(mode: Mode): Mode {
  return mode === "100755" ? "100644" : mode;
}

function headAndBody(engine: Engine, path: string, old: Side | undefined, now: Side | undefined): string {
  const [a, b] = [quotedName(`a/${path}`), quotedName(`b/${path}`)];
  const head = [`diff --git ${a} ${b}`];
  if (old === undefined) head.push(`new file mode ${now?.mode}`);
  else if (now === undefined) head.push(`deleted file mode ${old.mode}`);
  else if (old.mode !== now.mode) head.push(`old mode ${old.mode}`, `new mode ${now.mode}`);
  const sameMode = old?.mode === now?.mode ? ` ${now?.mode}` : "";
  if (old?.oid !== now?.oid) head.push(`index ${old?.oid ?? noObject}..${now?.oid ?? noObject}${sameMode}`);
  return `${head.join("\n")}\n${bodyOf(engine, old, now, [old ? a : "/dev/null", now ? b : "/dev/null"])}`;
}
const noObject = "0".repeat(40);

function bodyOf(
  engine: Engine,
  old: Side | undefined,
  now: Side | undefined,
  names: readonly [string, string],
): string {
  if (old?.oid === now?.oid) return "";
  const [before, after] = [bytesOf(engine, old), bytesOf(engine, now)];
  const sizes = `${before.length} bytes, ${after.length} bytes`;
  if (before.includes(0) || after.includes(0) || !isUtf8(before) || !isUtf8(after))
    return `Binary files ${names.join(" and ")} differ (${sizes})\n`;
  if (before.length > diffedBytesMax || after.length > diffedBytesMax)
    return `Files ${names.join(" and ")} differ, and are too large to be compared by line (${sizes})\n`;
  const [from, to] = [before.toString("utf8"), after.toString("utf8")];
  const hunks = hunksOf(from, to);
  // A file without contents comes or goes by its head alone.
  if (hunks.length === 0) return "";
  return `--- ${endedName(names[0])}\n+++ ${endedName(names[1])}\n${hunks.join("")}`;
}

/** A tab ends a name that has a space in it. */
function endedName(name: string): string {
  return name.includes(" ") ? `${name}\t` : name;
}

/** A blob's bytes, or what git shows of a gitlink. */
function bytesOf(engine: Engine, side: Side | undefined): Buffer {
  if (side === undefined) return Buffer.alloc(0);
  if (side.mode === "160000") return Buffer.from(`Subproject commit ${side.oid}\n`, "latin1");
  const { body } = engine.get(side.oid);
  return Buffer.from(body.buffer, body.byteOffset, body.length);
}

function hunksOf(from: string, to: string): readonly string[] {
  const patch = structuredPatch("", "", from, to, "", "", { context: 3, maxEditLength: diffEditsMax });
  if (patch === undefined) return [wholeHunk(from, to)];
  return patch.hunks.map(({ oldStart, oldLines, newStart, newLines, lines }) => {
    const ranges = `-${rangeOf(oldStart, oldLines)} +${rangeOf(newStart, newLines)}`;
    return `@@ ${ranges} @@\n${lines.join("\n")}\n`;
  });
}

/** As git writes it: one line has no count, and none stands behind the line before. */
function rangeOf(start: number, lines: number): string {
  if (lines === 0) return `${Math.max(start - 1, 0)},0`;
  return lines === 1 ? `${start}` : `${start},${lines}`;
}

/** All lines taken out, and all put in. */
function wholeHunk(from: string, to: string): string {
  const [old, now] = [signed(from, "-"), signed(to, "+")];
  return `@@ -${rangeOf(1, old.count)} +${rangeOf(1, now.count)} @@\n${old.body}${now.body}`;
}

/** Each line of a text behind a sign. */
function signed(text: string, sign: string): { readonly count: number; readonly body: string } {
  const lines = text.split("\n");
  const isOpen = lines.at(-1) !== "";
  if (!isOpen) lines.pop();
  const body = lines.map((line) => `${sign}${line}\n`).join("");
  return { count: lines.length, body: isOpen ? `${body}\\ No newline at end of file\n` : body };
}

/** What stands at `path` in both trees. Throws UsageError where it stands in neither. */
export function placesIn(engine: Engine, from: Oid, to: Oid, path: string): readonly (Place | undefined)[] {
  const look = (tree: Oid) => {
    try {
      return placeIn(engine, tree, path);
    } catch (error) {
      if (error instanceof UsageError) return error;
      throw error;
    }
  };
  const [before, after] = [look(from), look(to)];
  if (before instanceof UsageError && after instanceof UsageError) throw before;
  return [before, after].map((each) => (each instanceof UsageError ? undefined : each));
}
