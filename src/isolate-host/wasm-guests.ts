/**
 * Runs wasm guests (`coppice-wasm/3`), each execution in an instance that is fresh or can't be told from a fresh one, on the thread that asks. The sandbox is WebAssembly's.
 *
 * Unwinding: a call that can't be answered notes why and raises a real trap in a tiny module of its own. A JavaScript exception would not do: a guest's
 * `catch_all` swallows one, but no trap. From then on the frame is poisoned, every further call traps, and what the guest returned is not looked at.
 */
import { binaryFunctions, binaryModule } from "../abi/binary.ts";
import { parseCall } from "../abi/call.ts";
import { errorAnswer } from "../abi/answer.ts";
import { errorTexts, failureTexts } from "../abi/error-texts.ts";
import { defaultGuestLimits, describePassedLimit, type GuestLimits } from "../abi/limits.ts";
import { NonAnswerError } from "../abi/non-answer.ts";
import { workerName, type RuntimeNode } from "../abi/worker.ts";
import type { FrameEnd, Job } from "../scheduler/settle.ts";
import { HotMap } from "../store/hot-map.ts";
import type { Oid } from "../store/oid.ts";
import { failure, type Outcome } from "../store/outcome.ts";
import { binaryCalls, type BinaryCaller } from "./binary-calls.ts";
import { Frame, GuestFailed, Unwind, type FrameHost } from "./frame.ts";
import { InstancePool, type Guest } from "./instance-pool.ts";
import { serveJson } from "./json-calls.ts";
import { fuelLeft } from "./wasm/meter.ts";
import type { Runtime } from "./runtimes.ts";
import { fittedModule } from "./fitted-modules.ts";
import { fitModule, type FitModule } from "./wasm/module.ts";
import { UnfitModule } from "./wasm/reader.ts";
import { wasiFunctions, wasiImports, wasiModule } from "./wasi.ts";

/** Compiled modules that are kept. */
const modulesMax = 256;

const abiModule = "caos_abi_v1";
const offered = new Map<string, string>([
  [`${abiModule}.call`, "ii:i"],
  [`${abiModule}.read`, "i:"],
  ...Object.entries(binaryFunctions).map(([name, type]) => [`${binaryModule}.${name}`, type] as const),
  ...wasiFunctions,
]);

/** `(module (func (export "trap") unreachable))` */
const trapModule = Uint8Array.of(
  0,
  0x61,
  0x73,
  0x6d,
  1,
  0,
  0,
  0,
  1,
  4,
  1,
  0x60,
  0,
  0,
  3,
  2,
  1,
  0,
  7,
  8,
  1,
  4,
  0x74,
  0x72,
  0x61,
  0x70,
  0,
  0,
  10,
  5,
  1,
  3,
  0,
  0,
  11,
);

interface Live extends BinaryCaller {
  guest: Guest | undefined;
  /** The guest's, once it has been started: calls of a start function find none. */
  memory: WebAssembly.Memory | undefined;
  /** A view of the memory; of length 0 once the memory grew, which detaches it. */
  bytes: Buffer;
  /** The answer to the last call in JSON. */
  answer: Buffer;
  /** Why the frame is poisoned; kept for whoever started it, however the guest ends. */
  poison: { readonly cause: unknown } | undefined;
  /** Calls to the host so far. */
  calls: number;
}
const noBytes = Buffer.alloc(0);

/** What executes a worker's requests. */
interface Runnable {
  readonly pool: InstancePool;
  readonly limits: GuestLimits;
}

/** A compiled module, or why it is none. */
type Prepared = { readonly module: WebAssembly.Module; readonly resettable: readonly string[] | undefined } | Unfit;
interface Unfit {
  readonly outcome: Outcome;
  readonly detail: string;
}

export class WasmGuests implements Runtime {
  readonly #host: FrameHost;
  readonly #modules = new HotMap<Oid, Runnable | Unfit>(modulesMax);
  readonly #imports: Record<string, Record<string, unknown>>;
  readonly #trap: () => never;
  readonly #reusesInstances: boolean;
  /** Innermost last. */
  readonly #live: Live[] = [];

  /** With `reusesInstances` false every execution has a fresh instance: slower, and no guest can tell (a test compares). */
  constructor(host: FrameHost, reusesInstances: boolean = true) {
    this.#host = host;
    this.#reusesInstances = reusesInstances;
    this.#trap = new WebAssembly.Instance(new WebAssembly.Module(trapModule), {}).exports["trap"] as () => never;
    this.#imports = {
      [abiModule]: {
        call: this.#guarded(serveCall),
        read: this.#guarded(serveRead),
      },
      [binaryModule]: Object.fromEntries(
        Object.entries(binaryCalls).map(([name, serve]) => [name, this.#guarded(serve)]),
      ),
      [wasiModule]: wasiImports((serve) => this.#enter(serve)),
    };
  }

  memoryBytes(): number {
    return this.#live.reduce((sum, { memory }) => sum + (memory?.buffer.byteLength ?? 0), 0);
  }

  execute(job: Job, node: RuntimeNode): FrameEnd {
    const runnable = this.#prepare(node);
    if ("outcome" in runnable) {
      return this.#completed(new Frame(this.#host, job, defaultGuestLimits), runnable.outcome, runnable.detail, 0);
    }
    const { pool, limits } = runnable;
    const frame = new Frame(this.#host, job, limits);
    const live: Live = {
      frame,
      guest: undefined,
      memory: undefined,
      bytes: noBytes,
      kept: noBytes,
      answer: noBytes,
      poison: undefined,
      calls: 0,
    };
    this.#live.push(live);
    try {
      live.guest = pool.take();
      live.guest = pool.start(live.guest, () => live.calls > 0);
      live.memory = live.guest.memory;
      live.bytes = live.guest.bytes ?? noBytes;
      live.guest.run();
      if (live.poison !== undefined) throw live.poison.cause;
      const { spent, passed } = fuelLeft(live.guest.fuel, limits.fuel);
      pool.give(live.guest);
      return this.#completed(frame, passed === undefined ? frame.finish() : passedLimit(passed), undefined, spent);
    } catch (error) {
      return this.#end(live, limits, live.poison === undefined ? error : live.poison.cause);
    } finally {
      this.#live.pop();
    }
  }

  /** What a thrown thing means for the frame. What is no guest's doing goes on up. */
  #end({ frame, guest }: Live, limits: GuestLimits, error: unknown): FrameEnd {
    if (error instanceof Unwind) return { how: "missed" };
    const { spent, passed } = guest === undefined ? nothingSpent : fuelLeft(guest.fuel, limits.fuel);
    const completed = (outcome: Outcome, detail: string | undefined) => this.#completed(frame, outcome, detail, spent);
    if (error instanceof GuestFailed) return completed(error.failure, error.detail);
    if (error instanceof WebAssembly.RuntimeError) {
      if (passed !== undefined) {
        return completed(passedLimit(passed), `${this.#nameOf(frame)}: ${describePassedLimit(passed, limits)}`);
      }
      return completed(frame.fail("trap", failureTexts.trapped), this.#describe(frame, error));
    }
    if (error instanceof WebAssembly.Exception) {
      return completed(frame.fail("trap", failureTexts.threw), `an exception left ${this.#nameOf(frame)}`);
    }
    if (error instanceof RangeError && /call stack/.test(error.message)) {
      return { how: "needs-empty-stack", why: `request ${frame.job.request.oid} overflowed the native stack` };
    }
    if (error instanceof RangeError && /memory/i.test(error.message)) {
      throw new NonAnswerError({ kind: "host", message: `no memory for a guest: ${error.message}` }, error);
    }
    throw error;
  }

  #completed(frame: Frame, outcome: Outcome, detail: string | undefined, fuel: number): FrameEnd {
    if (frame.log.length > 0) this.#host.onLog(frame.job, frame.log);
    return { how: "completed", memo: { outcome, detail, fuel, reads: [...frame.reads] } };
  }

  /** For people: V8's words, the function where the name section has one, and the worker. */
  #describe(frame: Frame, error: Error): string {
    // The first frame of the stack that is wasm; names may have spaces and brackets.
    const at = /^ *at (?:(.+) \()?wasm:\/\/wasm\/.*?:wasm-function\[(\d+)\]/m.exec(error.stack ?? "");
    const place = at === null ? "" : ` in ${at[1] === undefined ? `function ${at[2]}` : `function ${at[1]}`}`;
    return `${error.message}${place} of ${this.#nameOf(frame)}`;
  }

  #nameOf({ job }: Frame): string {
    return workerName(this.#host.objects, job.request.std, job.request.image);
  }

  #prepare({ oid: image, module, limits }: RuntimeNode): Runnable | Unfit {
    const known = this.#modules.get(image);
    if (known !== undefined) return known;
    const fit = (bytes: Uint8Array) => fitModule(bytes, offered, limits);
    const prepared = compiled(() => fittedModule(this.#host.objects, module, limits, fit));
    const runnable =
      "outcome" in prepared
        ? prepared
        : {
            pool: new InstancePool(
              prepared.module,
              this.#imports,
              this.#reusesInstances ? prepared.resettable : undefined,
            ),
            limits,
          };
    this.#modules.set(image, runnable);
    return runnable;
  }

  /** The import that serves a call for the innermost frame, its parameters unsigned. Whatever it throws poisons the frame and becomes a trap. */
  #guarded(
    serve: (live: Live, a: number, b: number, c: number) => number,
  ): (a: number, b: number, c: number) => number {
    return (a, b, c) => {
      const live = this.#live.at(-1);
      if (live === undefined) throw new Error("a guest called while none was running");
      if (live.poison !== undefined) return this.#trap();
      live.calls++;
      if (live.bytes.length === 0 && live.memory !== undefined) live.bytes = Buffer.from(live.memory.buffer);
      try {
        return serve(live, a >>> 0, b >>> 0, c >>> 0);
      } catch (cause) {
        live.poison = { cause };
        return this.#trap();
      }
    };
  }

  /** Runs one call for the innermost frame, guarded as all are. */
  #enter(serve: (live: Live) => number): number {
    return this.#guarded(serve)(0, 0, 0);
  }
}

function serveCall(live: Live, at: number, length: number): number {
  live.answer =
    live.memory === undefined || at + length > live.bytes.length
      ? errorAnswer(errorTexts.outOfMemory)
      : serveJson(live.frame, parseCall(live.bytes.subarray(at, at + length)));
  return live.answer.length;
}

function serveRead({ bytes, answer }: Live, to: number): number {
  if (to + answer.length <= bytes.length) bytes.set(answer, to);
  return 0;
}

const nothingSpent = { spent: 0, passed: undefined } as const;

function passedLimit(passed: "fuel" | "depth"): Outcome {
  return failure("limit", passed === "fuel" ? failureTexts.outOfFuel : failureTexts.calledTooDeep);
}

/** Checks, bounds, meters and compiles a module: what `coppice worker add` asks before a run does. */
export function prepareModule(bytes: Uint8Array, limits: GuestLimits = defaultGuestLimits): Prepared {
  return compiled(() => fitModule(bytes, offered, limits));
}

function compiled(fitted: () => FitModule): Prepared {
  try {
    const { bytes, resettable } = fitted();
    return { module: new WebAssembly.Module(bytes), resettable };
  } catch (error) {
    const fault =
      error instanceof UnfitModule ? error.fault : error instanceof WebAssembly.CompileError ? "notWasm" : undefined;
    if (fault === undefined) throw error;
    return {
      outcome: { kind: "failed", code: "module", message: failureTexts[fault] },
      detail: (error as Error).message,
    };
  }
}
