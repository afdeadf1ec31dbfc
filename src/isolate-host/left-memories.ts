/**
 * Memories of instances that serve no more, as most commands leave one of a megabyte or two. By itself V8 begins to collect the whole heap for every ten of them or so, since much has come beside the heap since it last did: a third
 * of a short command's processor time. So it is told to count what is beside the heap as it counts the heap, by which it begins far more seldom, and is asked to collect here, where the bytes have come to a bound and it has not
 * collected by itself meanwhile (design/hot-path.md).
 *
 * Flags are the process's, and these are set when the first memory was left: one that runs no commands keeps V8's own ways, by which large folds peak lower.
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** Bytes of memories that wait to be collected. */
const leftBytesMax = 128 << 20;

export class LeftMemories {
  #bytes = 0;
  #isCounted = false;
  /** Told of an object that nobody holds, and so when V8 has collected the whole heap, and with it the memories that were left before. */
  readonly #collections = new FinalizationRegistry<undefined>(() => {
    this.#bytes = 0;
    this.#awaitCollection();
  });
  #collectAll: (() => void) | undefined;

  /** Counts a memory that nothing will use again. */
  add(memory: WebAssembly.Memory): void {
    this.#bytes += memory.buffer.byteLength;
  }

  /** Collects them if they are many, which takes 10 ms or so: to be called when there is nothing else to do. */
  collect(): void {
    if (this.#bytes > 0 && !this.#isCounted) {
      setFlagsFromString("--external-memory-accounted-in-global-limit");
      this.#isCounted = true;
      this.#awaitCollection();
    }
    if (this.#bytes >= leftBytesMax) this.#collectNow();
  }

  /** Collects them if they have become far too many, as where commands follow on each other without a pause. */
  collectOverdue(): void {
    if (this.#isCounted && this.#bytes >= 2 * leftBytesMax) this.#collectNow();
  }

  #awaitCollection(): void {
    this.#collections.register({}, undefined);
  }

  #collectNow(): void {
    this.#collectAll ??= collector();
    if (this.#collectAll === undefined) return;
    this.#bytes = 0;
    this.#collectAll();
  }
}

/** Undefined where another thread took the flag away meanwhile: flags are the process's. */
function collector(): (() => void) | undefined {
  setFlagsFromString("--expose-gc");
  const collectAll = runInNewContext("globalThis.gc") as (() => void) | undefined;
  setFlagsFromString("--no-expose-gc");
  return collectAll;
}
