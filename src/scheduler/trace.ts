/**
 * The trace: one event for each lookup and each execution of a request, cheap enough to be always on (56 bytes, no allocation).
 *
 * Bytes of an event: request (20), parent (20; zeros for the top request), how (1: 0 hit, 1 run, 2 suspended, 3 ended), 3 zero bytes,
 * microseconds (u32 little-endian, saturating; children included), fuel that the execution spent (u64 little-endian; 0 unless it ran to an outcome; children not included). The worker is the request's image, so it isn't repeated here.
 */
import { oidBytes, oidFromBytes, type Oid } from "../store/oid.ts";

const eventBytes = 56;
const howAt = 2 * oidBytes;
const microsAt = howAt + 4;
const fuelAt = microsAt + 4;
/** Events held before `take`; beyond them the oldest buffer is handed out in parts by growing. */
const firstEvents = 1024;

const hows = ["hit", "run", "suspended", "ended"] as const;

/** What became of a request at this point: answered by a memo, executed to an outcome, unwound for later, or ended without an answer. */
export type How = (typeof hows)[number];

export interface TraceEvent {
  readonly request: Oid;
  readonly parent: Oid | undefined;
  readonly how: How;
  readonly micros: number;
  /** What the execution cost: deterministic, other than `micros`. */
  readonly fuel: number;
}

/** Collects events until they are taken. */
export class TraceBuffer {
  #bytes = Buffer.alloc(firstEvents * eventBytes);
  #end = 0;

  add(request: Oid, parent: Oid | undefined, how: How, micros: number, fuel: number): void {
    if (this.#end === this.#bytes.length) this.#bytes = Buffer.concat([this.#bytes, Buffer.alloc(this.#bytes.length)]);
    const at = this.#end;
    this.#bytes.write(request, at, "hex");
    if (parent === undefined) this.#bytes.fill(0, at + oidBytes, at + howAt);
    else this.#bytes.write(parent, at + oidBytes, "hex");
    this.#bytes.writeUInt32LE(hows.indexOf(how), at + howAt);
    this.#bytes.writeUInt32LE(Math.min(Math.round(micros), 0xffff_ffff), at + microsAt);
    this.#bytes.writeUInt32LE(fuel % 2 ** 32, at + fuelAt);
    this.#bytes.writeUInt32LE(Math.floor(fuel / 2 ** 32), at + fuelAt + 4);
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
  for (let at = 0; at < buffer.length; at += eventBytes) {
    const how = hows[buffer.readUInt32LE(at + howAt)];
    if (how === undefined) throw new RangeError("a trace's event ended in no known way");
    const parent = oidFromBytes(buffer, at + oidBytes);
    events.push({
      request: oidFromBytes(buffer, at),
      parent: /^0*$/.test(parent) ? undefined : parent,
      how,
      micros: buffer.readUInt32LE(at + microsAt),
      fuel: buffer.readUInt32LE(at + fuelAt) + buffer.readUInt32LE(at + fuelAt + 4) * 2 ** 32,
    });
  }
  return events;
}
