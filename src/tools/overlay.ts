/**
 * What a command brings along, as a compiler its headers: a tree that stands in the root of what the command sees, and is no part of what it leaves. It is part of the request like everything else that the command
 * sees. The name must be free in the user's tree, and what stands there must not be changed by the command: else nobody could say whose it is.
 */
import type { Engine, Oid } from "../engine.ts";
import { UnfitTool } from "./tool-errors.ts";

export interface Overlay {
  readonly at: string;
  readonly tree: Oid;
}

/** The tree with the overlay in it. Throws UnfitTool where something else has its name. */
export function laidOver(engine: Engine, command: string, root: Oid, overlay: Overlay | undefined): Oid {
  if (overlay === undefined) return root;
  const entries = engine.list(root);
  if (entries.some(({ name }) => name === overlay.at))
    throw new UnfitTool(`${command} brings a folder ${overlay.at} of its own, and the tree has one`);
  return engine.putTree([...entries, { mode: "40000", name: overlay.at, oid: overlay.tree }]);
}

/** The tree without it. Throws UnfitTool where it is not as it was. */
export function takenAway(engine: Engine, command: string, root: Oid, overlay: Overlay | undefined): Oid {
  if (overlay === undefined) return root;
  const entries = engine.list(root);
  if (entries.find(({ name }) => name === overlay.at)?.oid !== overlay.tree)
    throw new UnfitTool(
      `${command} changed the folder ${overlay.at} that it brings, so what it left is not to be told apart`,
    );
  return engine.putTree(entries.filter(({ name }) => name !== overlay.at));
}
