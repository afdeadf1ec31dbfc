/**
 * Runs wasm guests (`coppice-wasm/3`), each execution in an instance that is fresh or can't be told from a fresh one, on the thread that asks. The sandbox is WebAssembly's.
 *
 * Unwinding: a call that can't be answered notes why and raises a real trap (unwinding-trap.ts). From then on the frame is poisoned, every further call traps, and what the guest returned is not looked at.
 */
import { binaryFunctions, binaryModule } from "../abi/binary.ts";
import { parseCall } from "../abi/call.ts";
import { errorAnswer } from "../abi/answer.ts";
import { errorTexts, failureTexts } from "../abi/error-texts.ts";
import { defaultGuestLimits, describePassedLimit, type GuestLimits } from "../abi/limits.ts";
import type { RuntimeNode } from "../abi/worker.ts";
import type { FrameEnd, Job } from "../scheduler/settle.ts";
import { binaryCalls, type BinaryCaller } from "./binary-calls.ts";
import { Frame, type FrameHost } from "./frame.ts";
import { completed, endedBy, nothingSpent, passedLimit } from "./guest-ends.ts";
import { GuestModules, prepared, type GuestKind, type Prepared } from "./guest-modules.ts";
import type { Guest } from "./instance-pool.ts";
import { serveJson } from "./json-calls.ts";
import { fuelLeft } from "./wasm/meter.ts";
import type { Runtime } from "./runtimes.ts";
import { unwindingTrap } from "./unwinding-trap.ts";
import type { OfferedFunctions } from "./wasm/module.ts";
import { wasiFunctions, wasiImports, wasiModule } from "./wasi.ts";

const abiModule = "caos_abi_v1";
const offered: OfferedFunctions = new Map<string, string>([
  [`${abiModule}.call`, "ii:i"],
  [`${abiModule}.read`, "i:"],
  ...Object.entries(binaryFunctions).map(([name, type]) => [`${binaryModule}.${name}`, type] as const),
  ...wasiFunctions,
]);
const wasmGuest: GuestKind = { entry: "caos_run", offered, noEntry: failureTexts.noEntry };

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

export class WasmGuests implements Runtime {
  readonly #host: FrameHost;
  readonly #modules: GuestModules;
  readonly #trap = unwindingTrap();
  /** Innermost last. */
  readonly #live: Live[] = [];

  /** With `reusesInstances` false every execution has a fresh instance: slower, and no guest can tell (a test compares). */
  constructor(host: FrameHost, reusesInstances: boolean = true) {
    this.#host = host;
    const imports = {
      [abiModule]: {
        call: this.#guarded(serveCall),
        read: this.#guarded(serveRead),
      },
      [binaryModule]: Object.fromEntries(
        Object.entries(binaryCalls).map(([name, serve]) => [name, this.#guarded(serve)]),
      ),
      [wasiModule]: wasiImports((serve) => this.#enter(serve)),
    };
    this.#modules = new GuestModules(host, wasmGuest, imports, reusesInstances);
  }

  memoryBytes(): number {
    return this.#live.reduce((sum, { memory }) => sum + (memory?.buffer.byteLength ?? 0), 0);
  }

  execute(job: Job, node: RuntimeNode): FrameEnd {
    const { limits } = node;
    const frame = new Frame(this.#host, job, limits);
    const pool = this.#modules.poolOf(node);
    if ("outcome" in pool) return completed(this.#host, frame, pool.outcome, pool.detail, 0);
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
      const outcome = passed === undefined ? frame.finish() : passedLimit(passed);
      return completed(this.#host, frame, outcome, undefined, spent);
    } catch (error) {
      const cause = live.poison === undefined ? error : live.poison.cause;
      const spending = live.guest === undefined ? nothingSpent : fuelLeft(live.guest.fuel, limits.fuel);
      return endedBy(this.#host, frame, cause, spending, (passed) => describePassedLimit(passed, limits));
    } finally {
      this.#live.pop();
    }
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

/** Checks, bounds, meters and compiles a module: what `coppice worker add` asks before a run does. */
export function prepareModule(bytes: Uint8Array, limits: GuestLimits = defaultGuestLimits): Prepared {
  return prepared(wasmGuest, bytes, limits);
}
