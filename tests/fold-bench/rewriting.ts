/** Has every module that is compiled in this process rewritten first, for programs that know nothing of it: what npm packages do with their modules, before and after. */
import { defaultGuestLimits } from "../../src/abi/limits.ts";
import type { Metering } from "../../src/isolate-host/wasm/meter.ts";
import { fuelExport, rewriteModule } from "../../src/isolate-host/wasm/module.ts";

export interface Rewriting {
  /** What is left in the instance that was made last; undefined where none is counted. */
  readonly fuel: () => bigint | undefined;
  /** Milliseconds that rewriting took, and the bytes of the last module. */
  readonly seen: () => { readonly rewriteMs: number; readonly bytes: readonly [before: number, after: number] };
  /** Gives WebAssembly back as it was. */
  readonly end: () => void;
}

/** With `metering` undefined modules stay as they are. */
export function rewriteAll(metering: Metering | undefined, fuelMax: number): Rewriting {
  const real = { ...WebAssembly, Module: WebAssembly.Module, Instance: WebAssembly.Instance };
  const before = Object.getOwnPropertyDescriptors(WebAssembly);
  let fuel: WebAssembly.Global | undefined;
  let rewriteMs = 0;
  let bytes: readonly [number, number] = [0, 0];
  const compile = (module: Uint8Array | ArrayBuffer): WebAssembly.Module => {
    const given = module instanceof Uint8Array ? module : new Uint8Array(module);
    if (metering === undefined) return new real.Module(given);
    const startedMs = performance.now();
    const limits = { depth: defaultGuestLimits.depth, fuel: fuelMax, memoryPages: defaultGuestLimits.memoryPages };
    const fit = rewriteModule(given, undefined, limits, metering, false);
    rewriteMs += performance.now() - startedMs;
    bytes = [given.length, fit.bytes.length];
    return new real.Module(fit.bytes);
  };
  const start = (module: WebAssembly.Module, imports: Record<string, Record<string, unknown>>) => {
    const instance = new real.Instance(module, imports);
    fuel = instance.exports[fuelExport] as WebAssembly.Global | undefined;
    return instance;
  };
  Object.assign(WebAssembly, {
    Module: new Proxy(real.Module, { construct: (_, [module]) => compile(module as Uint8Array) }),
    Instance: new Proxy(real.Instance, {
      construct: (_, [module, imports]) =>
        start(module as WebAssembly.Module, imports as Record<string, Record<string, unknown>>),
    }),
    compile: (source: Uint8Array) => Promise.resolve(compile(source)),
    instantiate: async (
      source: Uint8Array | WebAssembly.Module,
      imports: Record<string, Record<string, unknown>>,
    ): Promise<unknown> => {
      if (source instanceof real.Module) return await Promise.resolve(start(source, imports));
      const module = compile(source);
      return await Promise.resolve({ module, instance: start(module, imports) });
    },
    instantiateStreaming: undefined,
  });
  return {
    fuel: () => (fuel === undefined ? undefined : BigInt(fuel.value)),
    seen: () => ({ rewriteMs, bytes }),
    end: () => Object.defineProperties(WebAssembly, before),
  };
}
