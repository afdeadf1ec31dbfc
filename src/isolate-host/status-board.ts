/**
 * Memory that an executor writes and the engine's thread reads while a guest runs and no message can come: how many frames have started or ended (at
 * a runaway guest this stands still), what is on the stack, whether the run is cancelled, how often the engine's thread has answered what the executor waits for, whether what it waits for in a process of scripts is no guest on the stack, whether it only prepares to run the innermost one, and whether it waits for its process at all.
 *
 * Layout: u32 turns, u32 depth, u32 cancelled, u32 answers, u32 hearsOut, u32 prepares, u32 waits; then 256 bytes for each level of the stack: request (20), image (20), length of the args tree (u16 LE;
 * 0 when it does not fit), the args tree's bytes. They are here in full because what the executor has not committed dies with it.
 * One thread writes each word, and a torn reading is of no consequence: it is shown to a person, or read again.
 */
import type { Request } from "../abi/request.ts";
import { oidBytes, oidFromBytes, type Oid } from "../store/oid.ts";

const words = { turns: 0, depth: 1, cancelled: 2, answers: 3, hearsOut: 4, prepares: 5, waits: 6 } as const;
const headBytes = 28;
const levelBytes = 256;
const argsAt = 2 * oidBytes + 2;
/** Levels that are shown; deeper ones are counted, not named. */
const levelsMax = 64;

/** A frame as the board shows it. */
export interface ShownFrame {
  readonly request: Oid;
  readonly image: Oid;
  /** Bytes of the args tree; empty when they were too long to show. */
  readonly args: Uint8Array;
}

export class StatusBoard {
  readonly shared: SharedArrayBuffer;
  readonly #words: Uint32Array;
  readonly #answers: Int32Array;
  readonly #bytes: Buffer;
  /** Whose image stands at each level: mostly that of the frame before. */
  readonly #images: (Oid | undefined)[] = [];

  constructor(shared = new SharedArrayBuffer(headBytes + levelsMax * levelBytes)) {
    this.shared = shared;
    this.#words = new Uint32Array(shared, 0, headBytes / 4);
    this.#answers = new Int32Array(shared, 4 * words.answers, 1);
    this.#bytes = Buffer.from(shared);
  }

  /** A frame of `request` starts at this depth. */
  enter(depth: number, request: Request, args: Uint8Array): void {
    if (depth < levelsMax) {
      const at = headBytes + depth * levelBytes;
      this.#bytes.write(request.oid, at, "hex");
      if (this.#images[depth] !== request.image) this.#bytes.write(request.image, at + oidBytes, "hex");
      this.#images[depth] = request.image;
      const shown = args.length <= levelBytes - argsAt ? args.length : 0;
      this.#bytes.writeUInt16LE(shown, at + argsAt - 2);
      if (shown > 0) this.#bytes.set(args, at + argsAt);
    }
    this.#words[words.depth] = depth + 1;
    this.#countTurn();
  }

  /** The frame at this depth is gone. */
  leave(depth: number): void {
    this.#words[words.depth] = depth;
    this.#countTurn();
  }

  #countTurn(): void {
    this.#words[words.turns] = (this.#words[words.turns] as number) + 1;
  }

  /** Changes whenever a frame starts or ends. */
  get turns(): number {
    return Atomics.load(this.#words, words.turns);
  }

  /** Frames on the stack. */
  get depth(): number {
    return Atomics.load(this.#words, words.depth);
  }

  /** Frames on the stack, outermost first, as far as they are shown. */
  stack(): ShownFrame[] {
    const depth = Math.min(this.depth, levelsMax);
    return Array.from({ length: depth }, (_, level) => {
      const at = headBytes + level * levelBytes;
      const length = this.#bytes.readUInt16LE(at + argsAt - 2);
      return {
        request: oidFromBytes(this.#bytes, at),
        image: oidFromBytes(this.#bytes, at + oidBytes),
        args: Uint8Array.from(this.#bytes.subarray(at + argsAt, at + argsAt + length)),
      };
    });
  }

  /** How often the engine's thread has answered. */
  get answers(): number {
    return Atomics.load(this.#answers, 0);
  }

  /** For the engine's thread, once an answer is on its way. */
  countAnswer(): void {
    Atomics.add(this.#answers, 0, 1);
    Atomics.notify(this.#answers, 0);
  }

  /** For the executor's thread: waits until there is an answer more than `seen`. */
  awaitAnswer(seen: number): void {
    Atomics.wait(this.#answers, 0, seen);
  }

  /** Whether the executor waits for scripts that nobody asks for any more. */
  get hearsOut(): boolean {
    return Atomics.load(this.#words, words.hearsOut) !== 0;
  }

  set hearsOut(value: boolean) {
    Atomics.store(this.#words, words.hearsOut, value ? 1 : 0);
  }

  /** Whether the executor makes what the innermost guest needs, which has not begun: its module is compiled, or its process starts. */
  get prepares(): boolean {
    return Atomics.load(this.#words, words.prepares) !== 0;
  }

  /** Coming to the end of it counts as a turn. */
  set prepares(value: boolean) {
    if (!value) this.#countTurn();
    Atomics.store(this.#words, words.prepares, value ? 1 : 0);
  }

  /** Whether the executor waits for its process, which runs the innermost guest: then that one's end brings it back. */
  get waits(): boolean {
    return Atomics.load(this.#words, words.waits) !== 0;
  }

  set waits(value: boolean) {
    this.#words[words.waits] = value ? 1 : 0;
  }

  get cancelled(): boolean {
    return Atomics.load(this.#words, words.cancelled) !== 0;
  }

  set cancelled(value: boolean) {
    Atomics.store(this.#words, words.cancelled, value ? 1 : 0);
  }
}
