/**
 * What a guest sees instead of the machine: a clock that only reading advances, and random bytes that its request keys (spec, section 4).
 * Both start afresh with every execution.
 */
import { createHash } from "node:crypto";
import { oidToBytes, type Oid } from "../store/oid.ts";

/** Nanoseconds: where the realtime clock starts, how far a reading advances every clock, and the resolution that clocks claim. */
export const realtimeStartNs = 1_000_000_000n * 1_000_000_000n;
export const clockStepNs = 1000n;

/** Readings so far are all that a virtual clock is. */
export class VirtualClock {
  #elapsedNs = 0n;

  /** The time before this reading; the next one is later by a step, on whichever clock. */
  read(clock: "realtime" | "other"): bigint {
    const now = this.at(clock);
    this.#elapsedNs += clockStepNs;
    return now;
  }

  /** The time without reading the clock: nothing advances. */
  at(clock: "realtime" | "other"): bigint {
    return (clock === "realtime" ? realtimeStartNs : 0n) + this.#elapsedNs;
  }

  /** Sleeps: every clock is later by so much. */
  advance(ns: bigint): void {
    this.#elapsedNs += ns;
  }
}

const domain = Buffer.from("coppice-random/1\0", "latin1");
const blockBytes = 32;

/** The random stream of a request: SHA-256(domain, the request's 20 bytes, 64-bit little-endian block counter), block after block. */
export class RandomStream {
  readonly #seed: Buffer;
  #counter = 0n;
  #block = Buffer.alloc(0);

  constructor(request: Oid) {
    this.#seed = Buffer.concat([domain, oidToBytes(request), Buffer.alloc(8)]);
  }

  /** Fills `target` with the next bytes. */
  fill(target: Uint8Array): void {
    let at = 0;
    while (at < target.length) {
      if (this.#block.length === 0) {
        this.#seed.writeBigUInt64LE(this.#counter++, this.#seed.length - 8);
        this.#block = createHash("sha256").update(this.#seed).digest();
      }
      const taken = this.#block.subarray(0, Math.min(blockBytes, target.length - at));
      target.set(taken, at);
      this.#block = this.#block.subarray(taken.length);
      at += taken.length;
    }
  }
}
