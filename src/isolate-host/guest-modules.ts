/**
 * Modules of one kind of wasm guest: checked, bounded, metered and compiled once for each runtime node that names them, with a pool of instances each.
 */
import { failureTexts } from "../abi/error-texts.ts";
import type { RuntimeNode } from "../abi/worker.ts";
import { HotMap } from "../store/hot-map.ts";
import type { Oid } from "../store/oid.ts";
import type { Outcome } from "../store/outcome.ts";
import { fittedModule } from "./fitted-modules.ts";
import type { FrameHost } from "./frame.ts";
import { InstancePool } from "./instance-pool.ts";
import { fitModule, type EntryName, type FitModule, type ModuleLimits, type OfferedFunctions } from "./wasm/module.ts";
import { UnfitModule } from "./wasm/reader.ts";

/** Compiled modules that are kept. */
const modulesMax = 256;

/** What a kind of guest must export and may import. */
export interface GuestKind {
  readonly entry: EntryName;
  readonly offered: OfferedFunctions;
  /** What is said of a module that lacks its memory or its entry. */
  readonly noEntry: string;
}

/** Why a module is no guest. */
export interface Unfit {
  readonly outcome: Outcome;
  readonly detail: string;
}

/** A compiled module, or why it is none. */
export type Prepared =
  | { readonly module: WebAssembly.Module; readonly resettable: readonly string[] | undefined }
  | Unfit;

export class GuestModules {
  readonly #host: Pick<FrameHost, "objects" | "prepares">;
  readonly #kind: GuestKind;
  readonly #imports: Record<string, Record<string, unknown>>;
  readonly #reusesInstances: boolean;
  readonly #pools = new HotMap<Oid, InstancePool | Unfit>(modulesMax);

  constructor(
    host: Pick<FrameHost, "objects" | "prepares">,
    kind: GuestKind,
    imports: Record<string, Record<string, unknown>>,
    reusesInstances: boolean,
  ) {
    this.#host = host;
    this.#kind = kind;
    this.#imports = imports;
    this.#reusesInstances = reusesInstances;
  }

  /** Throws MissingObject for a module that is not here. */
  poolOf(node: RuntimeNode): InstancePool | Unfit {
    const known = this.#pools.get(node.oid);
    if (known !== undefined) return known;
    this.#host.prepares?.(true);
    try {
      const pool = this.#made(node);
      this.#pools.set(node.oid, pool);
      return pool;
    } finally {
      this.#host.prepares?.(false);
    }
  }

  #made({ module, limits }: RuntimeNode): InstancePool | Unfit {
    const { entry, offered } = this.#kind;
    const fit = (bytes: Uint8Array) => fitModule(bytes, offered, limits, entry);
    const made = compiled(this.#kind, () => fittedModule(this.#host.objects, module, limits, fit, entry));
    return "outcome" in made
      ? made
      : new InstancePool(made.module, this.#imports, entry, this.#reusesInstances ? made.resettable : undefined);
  }
}

/** Checks, bounds, meters and compiles a module. */
export function prepared(kind: GuestKind, bytes: Uint8Array, limits: ModuleLimits): Prepared {
  return compiled(kind, () => fitModule(bytes, kind.offered, limits, kind.entry));
}

function compiled(kind: GuestKind, fitted: () => FitModule): Prepared {
  try {
    const { bytes, resettable } = fitted();
    return { module: new WebAssembly.Module(bytes), resettable };
  } catch (error) {
    const fault =
      error instanceof UnfitModule ? error.fault : error instanceof WebAssembly.CompileError ? "notWasm" : undefined;
    if (fault === undefined) throw error;
    const message = fault === "noEntry" ? kind.noEntry : failureTexts[fault];
    return { outcome: { kind: "failed", code: "module", message }, detail: (error as Error).message };
  }
}
