/** Everyday tools of the packages that Coppice finds them in, as workers of a store. */
import { readFileSync, readdirSync } from "node:fs";
import { putRuntimeNode, wasiMarker } from "../../src/abi/worker.ts";
import type { Oid } from "../../src/store/oid.ts";
import type { Store } from "../../src/store/store.ts";

const packages = ["coreutils", "diffutils", "findutils", "gawk", "grep", "sed"];

export function putWasmTools(store: Store): Readonly<Record<string, Oid>> {
  const tools: Record<string, Oid> = {};
  for (const name of packages) {
    const folder = new URL(`../../node_modules/@rivet-dev/agent-os-${name}/wasm/`, import.meta.url);
    for (const tool of readdirSync(folder)) {
      tools[tool] = putRuntimeNode(store, wasiMarker, store.put("blob", readFileSync(new URL(tool, folder))));
    }
  }
  return tools;
}
