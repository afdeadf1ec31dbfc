/**
 * Commands that are scripts of Coppice's own package: the worker `sh` with the tools that its scripts may run, and the commands of workers/shell/just-bash.ts and workers/commands. A ref remembers each script under what it was built from, so that the second time nothing but that is read.
 */
import { readFileSync } from "node:fs";
import { putCurry, putRuntimeNode, scriptMarker, wasmMarker } from "../abi/worker.ts";
import { builtPrefix } from "../job-names.ts";
import { packageFolder } from "../package-folder.ts";
import type { Oid } from "../store/oid.ts";
import type { ObjectKind } from "../store/object.ts";
import { decodeTree, encodeTree } from "../store/tree.ts";
import type { Engine } from "../engine.ts";
import type { ScriptName } from "./known-tools.ts";

const builtFolder = new URL("build/std/", packageFolder);

/** What is needed of a store, or an engine (`toolStore`). */
export interface ToolStore {
  put(kind: ObjectKind, body: Uint8Array): Oid;
  ref(name: string): Oid | undefined;
  setRef(name: string, target: Oid): void;
}

/** Objects go into the engine's store, and refs are names there. */
export function toolStore(engine: Engine): ToolStore {
  return {
    put: (kind, body) => (kind === "blob" ? engine.putBlob(body) : engine.putTree(decodeTree(body))),
    ref: (name) => engine.named(name),
    setRef: (name, target) => engine.name(name, target),
  };
}

/** The shell is not there: a checkout in which the workers were not built yet. */
export class NoShell extends Error {
  override readonly name = "NoShell";
  constructor(cause: unknown) {
    super("the shell is not built; in a checkout, `npm run build:workers` builds it", { cause });
  }
}

/**
 * The shell as a worker that takes a command's arguments: a script worker with `tools` bound, workers by the names of the commands. Equal tools give the same worker. `known` are those of the names whose tools are the
 * well-known commands of these names: where such a one only reads its stdin it is run over the empty tree, so that what it gives does not depend on the folder (design/shell.md). `plain` are workers that take the plain calls
 * of their names (plain-call.ts) in place of those in `tools`. Default: none of either. Throws NoShell.
 */
export function shellWorker(
  store: ToolStore,
  tools: Readonly<Record<string, Oid>>,
  known: ReadonlySet<string> = new Set(),
  plain: Readonly<Record<string, Oid>> = {},
): Oid {
  const treeOf = (workers: Readonly<Record<string, Oid>>) =>
    store.put("tree", encodeTree(Object.entries(workers).map(([name, oid]) => ({ mode: "40000", name, oid }))));
  const list = Object.keys(tools)
    .toSorted()
    .filter((name) => known.has(name))
    .map((name) => `${name}\0`);
  return putCurry(store, putScript(store, "shell"), [
    { mode: "40000", name: "empty", oid: treeOf({}) },
    { mode: "100644", name: "known", oid: store.put("blob", Buffer.from(list.join(""), "utf8")) },
    { mode: "40000", name: "plain", oid: treeOf(plain) },
    { mode: "40000", name: "plain-text", oid: putBuilt(store, "plain-text", "wasm", wasmMarker) },
    { mode: "40000", name: "tools", oid: treeOf(tools) },
  ]);
}

/** The worker of a script that is built into the package, a runtime node. Throws NoShell. */
export function putScript(store: ToolStore, name: "shell" | ScriptName): Oid {
  return putBuilt(store, name, "js", scriptMarker);
}

/** The worker of a module that is built into the package, a runtime node. */
function putBuilt(store: ToolStore, name: string, extension: "js" | "wasm", marker: string): Oid {
  const { sources } = JSON.parse(readBuilt(`${name}.json`).toString("utf8")) as { sources: string };
  const ref = `${builtPrefix}${name}/${sources}/${marker.replaceAll(" ", "-")}`;
  const known = store.ref(ref);
  if (known !== undefined) return known;
  const node = putRuntimeNode(store, marker, store.put("blob", readBuilt(`${name}.${extension}`)));
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
