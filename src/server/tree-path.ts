/** Places in a tree, as clients name them: `src/main.ts`, `/src/main.ts` and `./src//main.ts` are one, `..` goes up and never beyond the tree. Symlinks are not followed. */
import { parseOid, type Engine, type Mode, type Oid } from "../engine.ts";
import { UsageError } from "../cli/exit.ts";
import { oneLine } from "../cli/output.ts";

export interface Place {
  /** With slashes, empty for the tree itself. */
  readonly path: string;
  readonly mode: Mode;
  readonly oid: Oid;
}

/** The tree of that oid. Throws UsageError where the store has none. */
export function treeNamed(engine: Engine, text: string): Oid {
  return objectNamed(engine, text, "tree");
}

/** The object of that oid and kind. Throws UsageError where the store has none. */
export function objectNamed(engine: Engine, text: string, wanted: "tree" | "blob" | "object"): Oid {
  const name = parseOid(text);
  if (name === undefined) throw new UsageError(`${quoted(text)} is no oid, which is 40 lower-case hex digits`);
  const kind = engine.kindOf(name);
  if (kind === undefined)
    throw new UsageError(`the store has no object ${name}; oids come from import and from earlier answers`);
  if (wanted !== "object" && kind !== wanted) throw new UsageError(`${name} is a ${kind}, and a ${wanted} is wanted`);
  return name;
}

/** What stands at a path in a tree. Throws UsageError where nothing does. */
export function placeIn(engine: Engine, tree: Oid, path: string): Place {
  const steps = stepsOf(path);
  let place: Place = { path: "", mode: "40000", oid: tree };
  for (const [at, name] of steps.entries()) {
    if (place.mode !== "40000")
      throw new UsageError(`${quoted(place.path)} is ${wordOf(place.mode)}, so nothing is in it`);
    const entry = engine.list(place.oid).find((each) => each.name === name);
    const below = steps.slice(0, at + 1).join("/");
    if (entry === undefined) throw new UsageError(`there is no ${quoted(below)} in tree ${tree}`);
    place = { path: below, mode: entry.mode, oid: entry.oid };
  }
  return place;
}

/** What a mode stands for, for people. */
export function wordOf(mode: Mode): string {
  switch (mode) {
    case "40000":
      return "a folder";
    case "100644":
    case "100755":
      return "a file";
    case "120000":
      return "a symlink";
    case "160000":
      return "a submodule";
  }
}

/** A text from a client in a sentence: short, and on one line. */
export function quoted(text: string): string {
  return JSON.stringify(oneLine(text.length > 200 ? `${text.slice(0, 200)}...` : text));
}

function stepsOf(path: string): readonly string[] {
  const steps: string[] = [];
  for (const step of path.split("/")) {
    if (step === "" || step === ".") continue;
    if (step !== "..") steps.push(step);
    else if (steps.pop() === undefined) throw new UsageError(`${quoted(path)} leads out of the tree`);
  }
  return steps;
}
