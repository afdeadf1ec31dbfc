/**
 * Places: where the store's index says that a name stands. A number below 2^48: `(row * 64 + slot) * 8 + role`.
 *
 *   role 0..3   an object's row (blob, tree, commit, tag); slot 0
 *   role 4      a request's tree, and its memo if there is one: row of job_packs, and which of its records
 *   role 5      the tree of args that stands in that record
 *   role 6      a memo alone: its request's tree stands elsewhere, or nowhere
 *   role 7      a small object: row of object_packs, and which of its records
 */
import type { ObjectKind } from "./object.ts";

export const roles = {
  blob: 0,
  tree: 1,
  commit: 2,
  tag: 3,
  request: 4,
  args: 5,
  memo: 6,
  packed: 7,
} as const satisfies Record<ObjectKind | "request" | "args" | "memo" | "packed", number>;

const slots = 64;
const rolesMax = 8;

export function placeOf(row: number, slot: number, role: number): number {
  return (row * slots + slot) * rolesMax + role;
}

/** The kind of object that has a role of its own; undefined for the other roles. */
export function kindOfRole(role: number): ObjectKind | undefined {
  return (["blob", "tree", "commit", "tag"] as const)[role];
}

export const roleOf = (place: number): number => place % rolesMax;
export const slotOf = (place: number): number => Math.floor(place / rolesMax) % slots;
export const rowOf = (place: number): number => Math.floor(place / (slots * rolesMax));
