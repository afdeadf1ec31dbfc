/**
 * The trace: one event for each lookup and each execution of a request, cheap enough to be always on (64 bytes, no allocation).
 *
 * Bytes of an event: request (20), parent (20; zeros for the top request), how (1: 0 hit, 1 run, 2 suspended, 3 ended), executor (1: its number, from 0), 2 zero bytes,
 * microseconds (u32 little-endian, saturating; children included), fuel that the execution spent (u64 little-endian; 0 unless it ran to an outcome; children not included), start (f64
 * little-endian, microseconds since 1970; 0 for a hit, for which no clock is read). The worker is the request's image, so it isn't repeated here.
 */
import { oidBytes, oidFromBytes, type Oid } from "../store/oid.ts";

export const eventBytes = 64;
const howAt = 2 * oidBytes;
const microsAt = howAt + 4;
const fuelAt = microsAt + 4;
const startAt = fuelAt + 8;
/** Events held before `take`; beyond them the oldest buffer is handed out in parts by growing. */
const firstEvents = 1024;

const hows = ["hit", "run", "suspended", "ended"] as const;

/** What became of a request at this point: answered by a memo, executed to an outcome, unwound for later, or ended without an answer. */
export type How = (typeof hows)[number];

export interface TraceEvent {
  readonly request: Oid;
  readonly parent: Oid | undefined;
  readonly how: How;
  /** Measured, waiting for nested jobs included; 0 for a hit, which is not measured. */
  readonly micros: number;
  /** What the execution cost: deterministic, other than `micros`. */
  readonly fuel: number;
  /** Microseconds since 1970, by the executor's clock; undefined for a hit. */
  readonly startMicros: number | undefined;
  /** Which of the engine's executors, from 0: the one that ran it, or that looked it up. */
  readonly executor: number;
}

/** Collects events until they are taken. */
export class TraceBuffer {
  #bytes = Buffer.alloc(firstEvents * eventBytes);
  #end = 0;
  readonly #executor: number;

  /** For the events of an executor of that number, at most 255. */
  constructor(executor = 0) {
    this.#executor = executor;
  }

  /** An answer from a memo. */
  addHit(request: Oid, parent: Oid | undefined): void {
    this.#add(request, parent, "hit", 0, 0, 0);
  }

  /** A frame that ended. The times are of this thread's `performance.now`. */
  add(request: Oid, parent: Oid | undefined, how: How, startedMs: number, endedMs: number, fuel: number): void {
    const start = Math.round((performance.timeOrigin + startedMs) * 1000);
    this.#add(request, parent, how, Math.round((endedMs - startedMs) * 1000), fuel, start);
  }

  #add(request: Oid, parent: Oid | undefined, how: How, micros: number, fuel: number, start: number): void {
    if (this.#end === this.#bytes.length) this.#bytes = Buffer.concat([this.#bytes, Buffer.alloc(this.#bytes.length)]);
    const at = this.#end;
    this.#bytes.write(request, at, "hex");
    if (parent === undefined) this.#bytes.fill(0, at + oidBytes, at + howAt);
    else this.#bytes.write(parent, at + oidBytes, "hex");
    this.#bytes.writeUInt32LE(hows.indexOf(how) | (this.#executor << 8), at + howAt);
    this.#bytes.writeUInt32LE(Math.min(micros, 0xffff_ffff), at + microsAt);
    this.#bytes.writeUInt32LE(fuel % 2 ** 32, at + fuelAt);
    this.#bytes.writeUInt32LE(Math.floor(fuel / 2 ** 32), at + fuelAt + 4);
    this.#bytes.writeDoubleLE(start, at + startAt);
    this.#end += eventBytes;
  }

  get length(): number {
    return this.#end / eventBytes;
  }

  /** The events so far, encoded; the buffer is empty afterwards. */
  take(): Buffer {
    const taken = Buffer.from(this.#bytes.subarray(0, this.#end));
    this.#end = 0;
    return taken;
  }
}

/** Events in the order in which they ended. Throws a RangeError for bytes that `take` did not give. */
export function decodeTrace(bytes: Uint8Array): TraceEvent[] {
  if (bytes.length % eventBytes !== 0) throw new RangeError("a trace is a whole number of events");
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const events: TraceEvent[] = [];
  for (let at = 0; at < buffer.length; at += eventBytes) events.push(decodeEvent(buffer, at));
  return events;
}

/** The event that begins there. Throws a RangeError when none does. */
export function decodeEvent(buffer: Buffer, at: number): TraceEvent {
  const how = hows[buffer.readUInt8(at + howAt)];
  if (how === undefined || buffer.readUInt16LE(at + howAt + 2) !== 0)
    throw new RangeError("a trace's event ended in no known way");
  const parent = oidFromBytes(buffer, at + oidBytes);
  const start = buffer.readDoubleLE(at + startAt);
  return {
    request: oidFromBytes(buffer, at),
    parent: parent === noParent ? undefined : parent,
    how,
    micros: buffer.readUInt32LE(at + microsAt),
    fuel: buffer.readUInt32LE(at + fuelAt) + buffer.readUInt32LE(at + fuelAt + 4) * 2 ** 32,
    startMicros: start === 0 ? undefined : start,
    executor: buffer.readUInt8(at + howAt + 1),
  };
}

const noParent = "0".repeat(2 * oidBytes);
