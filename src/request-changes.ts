/**
 * How two requests differ, for people: by worker, salt, standard library and arguments, down to the path inside a tree, in that order. Reads trees only where they differ; one that is not to be
 * had any more is told as a whole.
 */
import { isUtf8 } from "node:buffer";
import type { ObjectReader } from "./abi/objects.ts";
import { resolveImage, type ResolvedImage } from "./abi/worker.ts";
import { entriesOf } from "./folded-path.ts";
import { typedText } from "./abi/command.ts";
import { stringsIn, type JobNames, type Subject } from "./job-names.ts";
import { parseOid, type Oid } from "./store/oid.ts";
import { MissingObject } from "./store/store.ts";
import type { TreeEntry } from "./store/tree.ts";
import { treeChanges, type TreeChange } from "./store/tree-changes.ts";

/** RequestDifferences that are told; further ones are counted. */
const differencesToldMax = 256;
/** RequestDifferences that are counted. */
const differencesCountedMax = 100_000;
/** Bytes of an argument that is shown as text. */
const shownTextBytesMax = 60;

/** What differs of a worker: what its marker says, its module, its limits, or arguments that are bound to it. */
export type WorkerPart = "runtime" | "module" | "limits" | "bound arguments" | "worker";

export type RequestDifference =
  | {
      readonly what: "worker";
      /** `worker`, or `args/NAME` where an argument names a worker that is to be called. */
      readonly path: string;
      /** Names in a standard library, files of scripts that were bundled here, else `worker OID`. */
      readonly before: string;
      readonly after: string;
      readonly changed: readonly WorkerPart[];
    }
  | { readonly what: "salt"; readonly path: "salt"; readonly before: string; readonly after: string }
  | {
      readonly what: "std" | "argument";
      /** `std/NAME`, or from `args/` on. */
      readonly path: string;
      readonly status: TreeChange["status"];
      /** Of an argument that is a short line of text; of a command's arguments (`args/argv`) and variables (`args/env/NAME`), as they would be typed. */
      readonly before?: string;
      readonly after?: string;
    };

/** The first differences, and how many there are. */
export interface RequestDifferences {
  readonly first: readonly RequestDifference[];
  /** At most 100,000. */
  readonly count: number;
}

/** Reads objects, and knows what they are called. */
export interface Reading {
  readonly objects: ObjectReader;
  readonly names: JobNames;
}

/** RequestDifferences from one request to another. */
export function requestDifferences(reading: Reading, before: Subject, after: Subject): RequestDifferences {
  const first: RequestDifference[] = [];
  let count = 0;
  for (const difference of differences(reading, before, after)) {
    if (count < differencesToldMax) first.push(difference);
    if (++count === differencesCountedMax) break;
  }
  return { first, count };
}

function* differences(reading: Reading, before: Subject, after: Subject): Generator<RequestDifference> {
  const [old, now] = [before.request, after.request];
  if (old.image !== now.image) yield workerDifference(reading, "worker", [old.image, old.std], [now.image, now.std]);
  if (old.salt !== now.salt) yield { what: "salt", path: "salt", before: old.salt, after: now.salt };
  if (old.std !== now.std) {
    for (const [name, from, to] of pairs(entriesAt(reading, old.std), entriesAt(reading, now.std))) {
      yield { what: "std", path: `std/${name}`, status: statusOf(from, to) };
    }
  }
  const isCommand = [before, after].every((each) => reading.names.argvOf(each) !== undefined);
  for (const [name, from, to] of pairs(before.args, after.args)) {
    const strings = isCommand ? stringsDifferences(reading, name, from, to) : undefined;
    if (strings !== undefined) {
      yield* strings;
      continue;
    }
    yield* argumentDifferences(reading, name, [from, old.std], [to, now.std]);
  }
}

/** How a command's arguments, or the variables of its environment, differ; undefined for anything else. */
function stringsDifferences(
  { objects }: Reading,
  name: string,
  from: TreeEntry | undefined,
  to: TreeEntry | undefined,
): readonly RequestDifference[] | undefined {
  if (from === undefined || to === undefined || (name !== "argv" && name !== "env")) return undefined;
  const [before, after] = [stringsIn(objects, from.oid), stringsIn(objects, to.oid)];
  if (before === undefined || after === undefined) return undefined;
  const what = "argument";
  if (name === "argv")
    return [{ what, path: "args/argv", status: "modified", before: typedText(before), after: typedText(after) }];
  const [old, now] = [variables(before), variables(after)];
  return [...new Set([...old.keys(), ...now.keys()])].flatMap((key): RequestDifference[] => {
    const [value, next] = [old.get(key), now.get(key)];
    const path = `args/env/${key}`;
    if (value === next) return [];
    if (value === undefined) return [{ what, path, status: "added" }];
    if (next === undefined) return [{ what, path, status: "deleted" }];
    return [{ what, path, status: "modified", before: typedText([value]), after: typedText([next]) }];
  });
}

function variables(texts: readonly string[]): ReadonlyMap<string, string> {
  return new Map(texts.map((text) => [text.slice(0, text.indexOf("=")), text.slice(text.indexOf("=") + 1)]));
}

type InLibrary<T> = readonly [T, std: Oid | undefined];

function* argumentDifferences(
  reading: Reading,
  name: string,
  [from, oldStd]: InLibrary<TreeEntry | undefined>,
  [to, nowStd]: InLibrary<TreeEntry | undefined>,
): Generator<RequestDifference> {
  const path = `args/${name}`;
  if (from?.mode === "40000" && to?.mode === "40000") {
    yield* treeDifferences(reading, path, from.oid, to.oid);
    return;
  }
  const status = statusOf(from, to);
  const [before, after] = [textOf(reading, from), textOf(reading, to)];
  if (before !== undefined && after !== undefined && namesWorker(before) && namesWorker(after)) {
    yield workerDifference(reading, path, [before, oldStd], [after, nowStd]);
    return;
  }
  const texts = status === "modified" && before !== undefined && after !== undefined ? { before, after } : {};
  yield { what: "argument", path, status, ...texts };
}

function* treeDifferences({ objects }: Reading, path: string, before: Oid, after: Oid): Generator<RequestDifference> {
  let isTold = false;
  try {
    for (const change of treeChanges(before, after, (tree) => entriesOf(objects.get(tree).body) ?? [])) {
      isTold = true;
      yield { what: "argument", path: `${path}/${change.path}`, status: change.status };
    }
  } catch (error) {
    if (!(error instanceof MissingObject)) throw error;
    if (!isTold) yield { what: "argument", path, status: "modified" };
    return;
  }
  // Equal but for what git does not tell, an empty folder say.
  if (!isTold) yield { what: "argument", path, status: "modified" };
}

/** Entries of one name that are not the same, in order of names. */
function* pairs(
  before: readonly TreeEntry[],
  after: readonly TreeEntry[],
): Generator<readonly [name: string, before: TreeEntry | undefined, after: TreeEntry | undefined]> {
  const old = new Map(before.map((entry) => [entry.name, entry]));
  const now = new Map(after.map((entry) => [entry.name, entry]));
  for (const name of [...new Set([...old.keys(), ...now.keys()])].toSorted()) {
    const [from, to] = [old.get(name), now.get(name)];
    if (from?.oid !== to?.oid || from?.mode !== to?.mode) yield [name, from, to];
  }
}

function statusOf(before: TreeEntry | undefined, after: TreeEntry | undefined): TreeChange["status"] {
  if (before === undefined) return "added";
  if (after === undefined) return "deleted";
  return before.mode === after.mode ? "modified" : "typechange";
}

function entriesAt({ objects }: Reading, tree: Oid | undefined): readonly TreeEntry[] {
  const found = tree === undefined ? undefined : here(() => objects.get(tree));
  return found === undefined ? [] : (entriesOf(found.body) ?? []);
}

/** What a blob says if it is short, one line, and can be shown. */
function textOf({ objects }: Reading, entry: TreeEntry | undefined): string | undefined {
  if (entry === undefined || entry.mode === "40000") return undefined;
  const object = here(() => objects.get(entry.oid));
  if (object?.kind !== "blob" || object.body.length > shownTextBytesMax || !isUtf8(object.body)) return undefined;
  const text = Buffer.from(object.body).toString("utf8");
  return /^[^\p{Cc}\p{Cf}]*$/u.test(text) ? text : undefined;
}

/** An oid, or a name in a standard library. */
function namesWorker(text: string): boolean {
  return parseOid(text) !== undefined || text.startsWith("/cas/std/");
}

function workerDifference(
  reading: Reading,
  path: string,
  [before, oldStd]: InLibrary<string>,
  [after, nowStd]: InLibrary<string>,
): RequestDifference {
  const [old, now] = [resolved(reading, before, oldStd), resolved(reading, after, nowStd)];
  const named = (text: string, image: ResolvedImage | undefined, std: Oid | undefined) =>
    image === undefined ? text : reading.names.workerName(image.node.oid, std);
  return {
    what: "worker",
    path,
    before: named(before, old, oldStd),
    after: named(after, now, nowStd),
    changed: old === undefined || now === undefined ? ["worker"] : changedParts(old, now),
  };
}

function changedParts(before: ResolvedImage, after: ResolvedImage): readonly WorkerPart[] {
  const [old, now] = [before.node, after.node];
  const bound = [...pairs([...before.bound.values()], [...after.bound.values()])];
  const parts: readonly (readonly [WorkerPart, boolean])[] = [
    ["runtime", old.marker !== now.marker],
    ["module", old.module !== now.module],
    ["limits", JSON.stringify(old.limits) !== JSON.stringify(now.limits)],
    ["bound arguments", bound.length > 0],
  ];
  const changed = parts.flatMap(([part, isChanged]) => (isChanged ? [part] : []));
  // Two spellings of one worker, or a node with entries that are not ours to read.
  return changed.length === 0 ? ["worker"] : changed;
}

function resolved({ objects }: Reading, image: string, std: Oid | undefined): ResolvedImage | undefined {
  const found = here(() => resolveImage(objects, image, std));
  return found === undefined || "error" in found ? undefined : found;
}

function here<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof MissingObject) return undefined;
    throw error;
  }
}
