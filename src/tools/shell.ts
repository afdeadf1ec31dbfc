/**
 * The worker `sh` with the tools that its scripts may run. A ref remembers its script under what it was built from, so that the second time nothing of it is read.
 */
import { readFileSync } from "node:fs";
import { putCurry, putRuntimeNode, scriptMarker } from "../abi/worker.ts";
import { packageFolder } from "../package-folder.ts";
import type { Oid } from "../store/oid.ts";
import type { Store } from "../store/store.ts";
import { encodeTree } from "../store/tree.ts";

const builtFolder = new URL("build/std/", packageFolder);

/** The shell is not there: a checkout in which the workers were not built yet. */
export class NoShell extends Error {
  override readonly name = "NoShell";
  constructor(cause: unknown) {
    super("the shell is not built; in a checkout, `npm run build:workers` builds it", { cause });
  }
}

/**
 * The shell as a worker that takes a command's arguments: a script worker with `tools` bound, workers by the names of the commands. Equal tools give the same worker. `known` are those of the names whose tools are the
 * well-known commands of these names: where such a one only reads its stdin it is run over the empty tree, so that what it gives does not depend on the folder (design/shell.md). Default: none. Throws NoShell.
 */
export function shellWorker(
  store: Store,
  tools: Readonly<Record<string, Oid>>,
  known: ReadonlySet<string> = new Set(),
): Oid {
  const names = Object.keys(tools).toSorted();
  const bound = store.put("tree", encodeTree(names.map((name) => ({ mode: "40000", name, oid: tools[name] as Oid }))));
  const list = names.filter((name) => known.has(name)).map((name) => `${name}\0`);
  return putCurry(store, putShell(store), [
    { mode: "100644", name: "known", oid: store.put("blob", Buffer.from(list.join(""), "utf8")) },
    { mode: "40000", name: "tools", oid: bound },
  ]);
}

/** The shell itself, a runtime node. */
function putShell(store: Store): Oid {
  const { sources } = JSON.parse(readBuilt("shell.json").toString("utf8")) as { sources: string };
  const ref = `shell/${sources}/${scriptMarker.replaceAll(" ", "-")}`;
  const known = store.ref(ref);
  if (known !== undefined) return known;
  const node = putRuntimeNode(store, scriptMarker, store.put("blob", readBuilt("shell.js")));
  store.setRef(ref, node);
  return node;
}

function readBuilt(name: string): Buffer {
  try {
    return readFileSync(new URL(name, builtFolder));
  } catch (error) {
    throw new NoShell(error);
  }
}
