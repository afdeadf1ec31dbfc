/**
 * Where a script failed, as it stands in a memo's detail (for people, never compared): `LINE:COLUMN of module OID`, both from 1; or where nothing tells the place `[TEXT, ]in WORKER of module OID`. Whoever has the
 * module's source map can tell the author's file from it.
 */
import { oid, type Oid } from "../store/oid.ts";

const placed = /^(\d+):(\d+) of module ([0-9a-f]{40})$/;
const unplaced = /^(.*, )?in [^,]+ of module ([0-9a-f]{40})$/s;

export interface ModulePlace {
  readonly module: Oid;
  /** Undefined when no more than the module is known. */
  readonly at: { readonly line: number; readonly column: number } | undefined;
  /** What else is said, with what parts it from the place; may be empty. */
  readonly said: string;
}

/** The detail for what a script's process says of its failure: a place `LINE:COLUMN`, or anything. */
export function placeInModule(said: string, worker: string, module: Oid): string {
  if (/^\d+:\d+$/.test(said)) return `${said} of module ${module}`;
  return `${said === "" ? "" : `${said}, `}in ${worker} of module ${module}`;
}

/** The place that a detail is; undefined when it is something else. */
export function readModulePlace(detail: string): ModulePlace | undefined {
  const [, line, column, exact] = placed.exec(detail) ?? [];
  if (exact !== undefined) return { module: oid(exact), at: { line: Number(line), column: Number(column) }, said: "" };
  const [, said = "", module] = unplaced.exec(detail) ?? [];
  return module === undefined ? undefined : { module: oid(module), at: undefined, said };
}
