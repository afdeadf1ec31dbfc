/**
 * The standard library: the workers that the package brings, as a tree `{name: runtime node}` in a store. A ref remembers it under the digest of
 * what was built, so that a run that finds everything remembered reads no module.
 */
import { hash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { GuestLimits } from "./abi/limits.ts";
import { putRuntimeNode, wasmMarker } from "./abi/worker.ts";
import { packageFolder } from "./package-folder.ts";
import type { Oid } from "./store/oid.ts";
import type { Store } from "./store/store.ts";
import { encodeTree, type TreeEntry } from "./store/tree.ts";

const builtFolder = new URL("build/std/", packageFolder);

/** The workers of the package are not there: a checkout in which they were not built yet. */
export class NoStandardLibrary extends Error {
  override readonly name = "NoStandardLibrary";
  constructor(cause: unknown) {
    super("the standard workers are not built; in a checkout, `npm run build:workers` builds them", { cause });
  }
}

/** Limits other than the defaults. A fold holds some 450 bytes for each entry of its folder, so with 1 GiB one of two million folds. */
const ownLimits: Readonly<Record<string, Partial<GuestLimits>>> = { "fold-wasm": { memoryPages: 16_384 } };

/** The tree of the standard library, stored and committed. Throws NoStandardLibrary. */
export function putStandardLibrary(store: Store): Oid {
  const manifest = readBuilt("manifest.json").toString("utf8");
  const made = [wasmMarker, manifest, JSON.stringify(ownLimits)];
  const ref = `std/${hash("sha256", made.join("\0"), "hex")}`;
  const known = store.ref(ref);
  if (known !== undefined) return known;
  const entries = Object.keys(JSON.parse(manifest) as Record<string, string>).map((name): TreeEntry => {
    const module = store.put("blob", readBuilt(`${name}.wasm`));
    return { mode: "40000", name, oid: putRuntimeNode(store, wasmMarker, module, ownLimits[name]) };
  });
  const library = store.put("tree", encodeTree(entries));
  // People and programs name it by heart, as an argument without entries.
  store.put("tree", encodeTree([]));
  store.setRef(ref, library);
  return library;
}

function readBuilt(name: string): Buffer {
  try {
    return readFileSync(new URL(name, builtFolder));
  } catch (error) {
    throw new NoStandardLibrary(error);
  }
}
