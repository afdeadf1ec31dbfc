/**
 * Workers: runtime nodes and curries (spec, section 3).
 *
 *   runtime node   {.caos-runtime: blob (marker), module: blob, limits?: blob (abi/limits.ts), …}
 *   curry          {.caos-curry: blob "1", base: blob (an image), args: tree}
 */
import type { GitObject } from "../store/object.ts";
import { parseOid, type Oid } from "../store/oid.ts";
import { MalformedTree, decodeTree, encodeTree, type TreeEntry } from "../store/tree.ts";
import { errorTexts, type ErrorText } from "./error-texts.ts";
import {
  defaultCommandLimits,
  defaultGuestLimits,
  formatGuestLimits,
  parseCommandLimits,
  parseGuestLimits,
  type CommandLimits,
  type GuestLimits,
} from "./limits.ts";
import type { ObjectReader, Objects } from "./objects.ts";

/** Levels of currying that are unwrapped. */
export const curryLevelsMax = 64;
/** The runtime of plain wasm guests. Any change that could alter an outcome of such a guest bumps it. */
export const wasmMarker = "coppice-wasm/3";
/** The runtime of commands (abi/command.ts). Any change that could alter an outcome of one bumps it. */
export const wasiMarker = "coppice-wasi/1";

const scriptPrefix = "coppice-script/1 v8/";
/**
 * The runtime of scripts. V8's version is part of it, since what Math and Intl say may change with it: a script's request is executed under its marker's V8 alone.
 */
export const scriptMarker = `${scriptPrefix}${process.versions.v8}`;

/** The version of V8 that a script's marker names; undefined for any other marker. */
export function scriptV8(marker: string): string | undefined {
  return marker.startsWith(scriptPrefix) ? marker.slice(scriptPrefix.length) : undefined;
}

const limitsEntry = "limits";
const runtimeEntry = ".caos-runtime";
const curryEntry = ".caos-curry";
const stdPrefix = "/cas/std/";

/** What runs: a marker that names the runtime and its version, and the module. */
export interface RuntimeNode {
  readonly oid: Oid;
  readonly marker: string;
  readonly module: Oid;
  /** A command's are CommandLimits. */
  readonly limits: GuestLimits | CommandLimits;
}

/** An image with its curries unwrapped; `bound` holds their args, outer ones over inner ones. */
export interface ResolvedImage {
  readonly node: RuntimeNode;
  readonly bound: ReadonlyMap<string, TreeEntry>;
}

/** An answer of this file that is an error which a guest may see. */
export interface Refusal {
  readonly error: ErrorText;
}

/** Stores a runtime node for a module that is here; limits that can be a worker's, or the defaults, which a node does not spell out. */
export function putRuntimeNode(
  objects: Pick<Objects, "put">,
  marker: string,
  module: Oid,
  limits?: Partial<CommandLimits>,
): Oid {
  const put = (name: string, text: string): TreeEntry => ({
    mode: "100644",
    name,
    oid: objects.put("blob", Buffer.from(text, "utf8")),
  });
  const limited = limits === undefined ? [] : [put(limitsEntry, formatGuestLimits(limits))];
  const entries: TreeEntry[] = [put(runtimeEntry, marker), ...limited, { mode: "100644", name: "module", oid: module }];
  return objects.put("tree", encodeTree(entries));
}

/** Stores a curry of `base` (an oid or a std name) with these args bound. */
export function putCurry(objects: Pick<Objects, "put">, base: string, bound: readonly TreeEntry[]): Oid {
  const version = objects.put("blob", Buffer.from("1", "latin1"));
  const baseBlob = objects.put("blob", Buffer.from(base, "utf8"));
  const args = objects.put("tree", encodeTree(bound));
  return objects.put(
    "tree",
    encodeTree([
      { mode: "100644", name: curryEntry, oid: version },
      { mode: "40000", name: "args", oid: args },
      { mode: "100644", name: "base", oid: baseBlob },
    ]),
  );
}

/** Unwraps an image, given as 40 hex digits or as `/cas/std/NAME`. Throws MissingObject for an object that is not here. */
export function resolveImage(objects: ObjectReader, image: string, std: Oid | undefined): ResolvedImage | Refusal {
  const bound = new Map<string, TreeEntry>();
  let text = image;
  for (let level = 0; level <= curryLevelsMax; level++) {
    const found = locate(objects, text, std);
    if (typeof found !== "string") return found;
    const entries = treeEntries(objects.get(found));
    if (entries === undefined) return { error: errorTexts.notAWorker };
    const named = (name: string) => entries.find((entry) => entry.name === name);
    if (named(curryEntry) === undefined) return readNode(objects, found, named, bound);
    const curry = unwrap(objects, named);
    if (curry === undefined) return { error: errorTexts.notAWorker };
    // An outer curry was met first, and wins.
    for (const entry of curry.args) if (!bound.has(entry.name)) bound.set(entry.name, entry);
    text = curry.base;
  }
  return { error: errorTexts.curriedTooDeep };
}

/** The args tree of a request: `args` itself when nothing is bound, else a new tree in which call args win. */
export function bindArgs(objects: Objects, args: Oid, bound: ResolvedImage["bound"]): Oid | Refusal {
  if (bound.size === 0) return args;
  const given = treeEntries(objects.get(args));
  if (given === undefined) return { error: errorTexts.argsNotATree };
  const merged = new Map(bound);
  for (const entry of given) merged.set(entry.name, entry);
  return objects.put("tree", encodeTree([...merged.values()]));
}

/** What to call a worker before people: its name in the library, else its oid. A library that is not here or no tree has no names. */
export function workerName(objects: Objects, std: Oid | undefined, image: Oid): string {
  const library = std !== undefined && objects.kindOf(std) === "tree" ? treeEntries(objects.get(std)) : undefined;
  return library?.find((entry) => entry.oid === image)?.name ?? `worker ${image}`;
}

function locate(objects: ObjectReader, image: string, std: Oid | undefined): Oid | Refusal {
  if (!image.startsWith(stdPrefix)) return parseOid(image) ?? { error: errorTexts.notAnImage };
  if (std === undefined) return { error: errorTexts.noSuchWorker };
  const name = image.slice(stdPrefix.length);
  const entry = treeEntries(objects.get(std))?.find((each) => each.name === name);
  return entry?.oid ?? { error: errorTexts.noSuchWorker };
}

type Named = (name: string) => TreeEntry | undefined;

function readNode(
  objects: ObjectReader,
  found: Oid,
  named: Named,
  bound: ResolvedImage["bound"],
): ResolvedImage | Refusal {
  const marker = blobText(objects, named(runtimeEntry));
  const module = named("module");
  if (marker === undefined || module === undefined || module.mode === "40000" || module.mode === "160000") {
    return { error: errorTexts.notAWorker };
  }
  const limits = readLimits(objects, marker.trim(), named(limitsEntry));
  if (limits === undefined) return { error: errorTexts.notAWorker };
  return { node: { oid: found, marker: marker.trim(), module: module.oid, limits }, bound };
}

/** What an entry of that name means to another runtime is not ours to say. */
function readLimits(objects: ObjectReader, marker: string, entry: TreeEntry | undefined): GuestLimits | undefined {
  const isCommand = marker === wasiMarker;
  if (entry === undefined || !(isCommand || marker === wasmMarker || marker === scriptMarker)) {
    return isCommand ? defaultCommandLimits : defaultGuestLimits;
  }
  const text = blobText(objects, entry);
  if (text === undefined) return undefined;
  return (isCommand ? parseCommandLimits : parseGuestLimits)(Buffer.from(text, "utf8"));
}

function unwrap(objects: ObjectReader, named: Named): { base: string; args: readonly TreeEntry[] } | undefined {
  const version = blobText(objects, named(curryEntry));
  const base = blobText(objects, named("base"));
  const argsEntry = named("args");
  if (version?.trim() !== "1" || base === undefined || argsEntry?.mode !== "40000") return undefined;
  const args = treeEntries(objects.get(argsEntry.oid));
  return args === undefined ? undefined : { base: base.trim(), args };
}

function treeEntries(object: GitObject): TreeEntry[] | undefined {
  if (object.kind !== "tree") return undefined;
  try {
    return decodeTree(object.body);
  } catch (error) {
    if (error instanceof MalformedTree) return undefined;
    throw error;
  }
}

function blobText(objects: ObjectReader, entry: TreeEntry | undefined): string | undefined {
  if (entry === undefined || entry.mode === "40000" || entry.mode === "160000") return undefined;
  const object = objects.get(entry.oid);
  return object.kind === "blob" ? Buffer.from(object.body).toString("utf8") : undefined;
}
