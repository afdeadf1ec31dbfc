/**
 * Trees for tests, as plain values: the fixtures of spec section 6, and how any of them is stored and folded.
 */
import { oid, type Oid } from "../../src/store/oid.ts";
import type { Outcome } from "../../src/store/outcome.ts";
import type { TreeEntry } from "../../src/store/tree.ts";
import type { ModelHost } from "./model-host.ts";

/** What stands at a node: a file's content, a symlink's target, a submodule's commit, or a folder. */
export type Node =
  | { readonly is: "file"; readonly content: string | Uint8Array; readonly executable?: boolean }
  | { readonly is: "symlink"; readonly target: string }
  | { readonly is: "gitlink"; readonly commit: Oid }
  | Folder;
export interface Folder {
  readonly is: "folder";
  readonly nodes: Readonly<Record<string, Node>>;
}

export const file = (content: string | Uint8Array): Node => ({ is: "file", content });
export const symlink = (target: string): Node => ({ is: "symlink", target });
export const gitlink = (commit: string): Node => ({ is: "gitlink", commit: oid(commit) });
export const folder = (nodes: Readonly<Record<string, Node>>): Folder => ({ is: "folder", nodes });

/** Folders to `depth` below this one, each with `width` files and, above the deepest, `width` folders. */
function branching(path: string, width: number, depth: number): Folder {
  const nodes: Record<string, Node> = {};
  for (let index = 1; index <= width; index++) {
    nodes[`f${index}.txt`] = file(`${path}/f${index}.txt\n`);
    if (depth > 0) nodes[`d${index}`] = branching(`${path}/d${index}`, width, depth - 1);
  }
  return folder(nodes);
}

function chain(level: number, levels: number): Folder {
  const content = file(`level ${level}\n`);
  return folder(level === levels ? { "f.txt": content } : { "f.txt": content, d: chain(level + 1, levels) });
}

export const fixtures = {
  wide: folder({ ...branching("wide", 2, 3).nodes, "link-to-file": symlink("f1.txt") }),
  deep: chain(1, 24),
  bench: branching("tree", 3, 3),
};

/** Stores a node as a work tree's git would, and returns its entry under `name`. */
export function plant(host: ModelHost, node: Node, name: string): TreeEntry {
  switch (node.is) {
    case "file":
      return { mode: node.executable === true ? "100755" : "100644", name, oid: host.putBlob(node.content) };
    case "symlink":
      return { mode: "120000", name, oid: host.putBlob(node.target) };
    case "gitlink":
      return { mode: "160000", name, oid: node.commit };
    case "folder": {
      const entries = Object.entries(node.nodes).map(([child, below]) => plant(host, below, child));
      return { mode: "40000", name, oid: host.putTree(entries) };
    }
  }
}

/** Folds a node with `/cas/std/fold-wasm`. `post` and `pre` are images: `/cas/std/NAME` or an oid. */
export function fold(host: ModelHost, node: Node, post: string, pre?: string): Outcome {
  const planted = plant(host, node, "in");
  const entries: TreeEntry[] = [
    node.is === "gitlink"
      ? { mode: "100644", name: "in", oid: host.putBlob(node.commit) }
      : { mode: node.is === "folder" ? "40000" : "100644", name: "in", oid: planted.oid },
    { mode: "100644", name: "post", oid: host.putBlob(post) },
  ];
  if (pre !== undefined) entries.push({ mode: "100644", name: "pre", oid: host.putBlob(pre) });
  return host.settle(host.request("/cas/std/fold-wasm", host.putTree(entries)));
}

/** The text of a fold's result. Throws with the message of a failed one. */
export function foldText(host: ModelHost, node: Node, post: string, pre?: string): string {
  const outcome = fold(host, node, post, pre);
  if (outcome.kind === "failed") throw new Error(`the fold failed: ${outcome.message}`);
  return Buffer.from(host.objects.get(outcome.oid)?.body ?? []).toString("utf8");
}
