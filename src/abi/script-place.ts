/**
 * A place in a script's module, as it stands in a memo's detail (for people, never compared): `LINE:COLUMN of module OID`, both from 1. Whoever has the module's source map can tell the author's file from it.
 */
import { oid, type Oid } from "../store/oid.ts";

const shape = /^(\d+):(\d+) of module ([0-9a-f]{40})$/;

export interface ModulePlace {
  readonly line: number;
  readonly column: number;
  readonly module: Oid;
}

/** The detail for a place `LINE:COLUMN`. */
export function placeInModule(place: string, module: Oid): string {
  return `${place} of module ${module}`;
}

/** The place that a detail is; undefined when it is something else. */
export function readModulePlace(detail: string): ModulePlace | undefined {
  const [, line, column, module] = shape.exec(detail) ?? [];
  return module === undefined ? undefined : { line: Number(line), column: Number(column), module: oid(module) };
}
