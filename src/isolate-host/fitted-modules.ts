/**
 * Rewritten modules, kept in the store, so that a process needs not rewrite again what an earlier one did: 20 to 150 ms a megabyte, against 3 to read it. Small modules are rewritten in less time than
 * a commit takes.
 *
 * One is a blob: JSON text `{"resettable": names or null}`, a newline, the module's bytes. A ref names it: `fitted/VERSION/MODULE/DEPTH-FUEL-PAGES`, with `/_start` behind that when it was fitted as a command, since what fits as one kind of
 * guest need not as another. Nothing but these decides the bytes, and no outcome depends on whether it is here.
 */
import type { Objects } from "../abi/objects.ts";
import type { Oid } from "../store/oid.ts";
import type { EntryName, FitModule, ModuleLimits } from "./wasm/module.ts";

/** To be raised whenever the same module would be rewritten into other bytes; a test holds the digest of some. */
export const fittingVersion = 2;
/** Bytes of a module from which on it is kept. */
const keptBytesMin = 64 << 10;

/** Names for objects, which outlive the process. */
export interface Refs {
  ref(name: string): Oid | undefined;
  /** Commits before it returns. */
  setRef(name: string, target: Oid): void;
}

/** The module as `fit` rewrites it, or as it did for an earlier process. Throws what `fit` throws. */
export function fittedModule(
  store: Objects & Refs,
  name: Oid,
  limits: ModuleLimits,
  fit: (bytes: Uint8Array) => FitModule,
  entry: EntryName = "caos_run",
): FitModule {
  const { depth, fuel, memoryPages } = limits;
  const kind = entry === "caos_run" ? "" : `/${entry}`;
  const ref = `fitted/${fittingVersion}/${name}/${depth}-${fuel}-${memoryPages}${kind}`;
  const known = store.ref(ref);
  if (known !== undefined) return decode(store.get(known).body);
  const bytes = store.get(name).body;
  const fitted = fit(bytes);
  if (bytes.length >= keptBytesMin) store.setRef(ref, store.put("blob", encode(fitted)));
  return fitted;
}

function encode({ bytes, resettable }: FitModule): Buffer {
  return Buffer.concat([Buffer.from(`${JSON.stringify({ resettable: resettable ?? null })}\n`, "utf8"), bytes]);
}

function decode(body: Uint8Array): FitModule {
  const end = body.indexOf(0x0a);
  const { resettable } = JSON.parse(Buffer.from(body.subarray(0, end)).toString("utf8")) as {
    readonly resettable: readonly string[] | null;
  };
  return { bytes: body.subarray(end + 1), resettable: resettable ?? undefined };
}
