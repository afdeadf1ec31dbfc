/**
 * Instances of one module. A frame borrows one and gives it back; where the module allows it (FitModule.resettable) and the execution left it whole, the instance is used again, reset when it is taken or before
 * (`prepare`), which costs a tenth of a fresh one. A reset instance can't be told from a fresh one: its memory holds the bytes that it held after instantiation, and so do its
 * globals; nothing else can have changed.
 *
 * An instance is given up after a trap or an unwinding (its stack pointer may be anywhere, and that is a global like any other, but a trap in the host's call leaves V8's state to V8), and after its memory grew.
 */

import { fuelExport, startExport, type EntryName } from "./wasm/module.ts";

/** Memory beyond which zeroing costs more than a fresh instance. */
const resetBytesMax = 1 << 21;
/** Idle instances that are kept, each with the address space of a memory. */
const idleMax = 64;

export interface Guest {
  readonly memory: WebAssembly.Memory;
  readonly run: () => void;
  /** What is left of its fuel. */
  readonly fuel: WebAssembly.Global;
  /** A view of its memory, where there is one already. Detached, and so of length 0, once the memory grew. */
  readonly bytes: Buffer | undefined;
}

interface Resettable extends Guest {
  readonly bytes: Buffer;
  readonly globals: readonly WebAssembly.Global[];
  /** Whether it is as it was when it had been started. */
  isReset: boolean;
}

/** An instance that was not started yet: none of its code has run. */
interface Fresh extends Guest {
  readonly exports: Readonly<Record<string, unknown>>;
}

/** What an instance is right after it was started. */
interface Image {
  /** The memory up to its last byte that is not zero. */
  readonly bytes: Uint8Array;
  readonly memoryBytes: number;
  readonly globals: readonly (number | bigint)[];
}

export class InstancePool {
  readonly #module: WebAssembly.Module;
  readonly #imports: Record<string, Record<string, unknown>>;
  readonly #entry: EntryName;
  /** Names of the globals to be reset; undefined when an instance serves once. */
  #resettable: readonly string[] | undefined;
  #image: Image | undefined;
  readonly #idle: Resettable[] = [];
  /** Made ahead of its execution. */
  #ahead: Fresh | undefined;

  constructor(
    module: WebAssembly.Module,
    imports: Record<string, Record<string, unknown>>,
    entry: EntryName,
    resettable: readonly string[] | undefined,
  ) {
    this.#module = module;
    this.#entry = entry;
    this.#imports = imports;
    this.#resettable = resettable;
  }

  /** An instance as if fresh. One that is new has to be started: see `start`. */
  take(): Guest {
    const idle = this.#idle.pop();
    if (idle !== undefined) return this.#reset(idle);
    const ahead = this.#ahead;
    this.#ahead = undefined;
    return ahead ?? this.#fresh();
  }

  /** Resets or makes an instance now, so that the next `take` need not. Where there is no memory for one it is left to `take`: there may be then. */
  prepare(): void {
    const idle = this.#idle.at(-1);
    if (idle !== undefined) {
      this.#reset(idle);
      return;
    }
    try {
      this.#ahead ??= this.#fresh();
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
    }
  }

  #fresh(): Fresh {
    const { exports } = new WebAssembly.Instance(this.#module, this.#imports);
    return {
      memory: exports["memory"] as WebAssembly.Memory,
      run: exports[this.#entry] as () => void,
      fuel: exports[fuelExport] as WebAssembly.Global,
      bytes: undefined,
      exports,
    };
  }

  /**
   * Runs the start function of an instance that `take` made, once, and returns the guest to be run and given back. `didCallHost` is asked then whether it called the host; what it throws goes on up, and
   * the instance is not to be used.
   */
  start(guest: Guest, didCallHost: () => boolean): Guest {
    if (!isFresh(guest)) return guest;
    const { memory, run, fuel, exports } = guest;
    const start = exports[startExport] as (() => void) | undefined;
    start?.();
    if (didCallHost()) this.#resettable = undefined;
    if (this.#resettable === undefined) return { memory, run, fuel, bytes: undefined };
    const globals = this.#resettable.map((name) => exports[name] as WebAssembly.Global);
    const started: Resettable = { memory, run, fuel, bytes: Buffer.from(memory.buffer), globals, isReset: false };
    this.#image ??= imageOf(started);
    if (this.#image === undefined) this.#resettable = undefined;
    return started;
  }

  /** Takes back an instance whose execution returned normally; false where it can't serve again. */
  give(guest: Guest): boolean {
    const image = this.#image;
    if (this.#resettable === undefined || image === undefined || !isResettable(guest)) return false;
    if (this.#idle.length >= idleMax || guest.bytes.length !== image.memoryBytes) return false;
    guest.isReset = false;
    this.#idle.push(guest);
    return true;
  }

  #reset(guest: Resettable): Guest {
    const image = this.#image;
    if (guest.isReset || image === undefined) return guest;
    guest.bytes.fill(0, image.bytes.length);
    guest.bytes.set(image.bytes);
    for (const [at, global] of guest.globals.entries()) global.value = image.globals[at] as number | bigint;
    guest.isReset = true;
    return guest;
  }
}

function isFresh(guest: Guest): guest is Fresh {
  return "exports" in guest;
}

function isResettable(guest: Guest): guest is Resettable {
  return "globals" in guest;
}

/** Undefined for an instance that can't be reset exactly. */
function imageOf({ bytes, globals }: Resettable): Image | undefined {
  if (bytes.length > resetBytesMax) return undefined;
  const values = globals.map((global) => global.value);
  // A NaN's bits do not survive JavaScript.
  if (values.some((value) => Number.isNaN(value))) return undefined;
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end--;
  return { bytes: Uint8Array.from(bytes.subarray(0, end)), memoryBytes: bytes.length, globals: values };
}
