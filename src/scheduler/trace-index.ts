/**
 * A run's trace, asked by name: what became of a request, and what a request asked for. Only the events that are asked for are decoded. An index takes 3 ms and 8 bytes an event of a trace of
 * 300,000 events, and is made when it is first needed.
 */
import { oidBytes, oidToBytes, type Oid } from "../store/oid.ts";
import { decodeEvent, eventBytes, type TraceEvent } from "./trace.ts";

/** Where the events with the same few bytes of a name stand: the first of each, and after each the next. */
interface Chains {
  readonly heads: Int32Array;
  readonly next: Int32Array;
}

export class TraceIndex {
  readonly #bytes: Buffer;
  #byRequest: Chains | undefined;
  #byParent: Chains | undefined;

  /** Of the bytes that the events were encoded as. Throws a RangeError for what is none. */
  constructor(bytes: Buffer) {
    if (bytes.length % eventBytes !== 0) throw new RangeError("a trace is a whole number of events");
    this.#bytes = bytes;
  }

  get length(): number {
    return this.#bytes.length / eventBytes;
  }

  /** The event at that place, in the order in which they were told, from 0. Throws a RangeError for what is none. */
  at(place: number): TraceEvent {
    return decodeEvent(this.#bytes, place * eventBytes);
  }

  /** Whether there is an event of that request. Makes no index: a look through the bytes is faster for one question. */
  knows(request: Oid): boolean {
    const name = oidToBytes(request);
    for (let at = this.#bytes.indexOf(name); at >= 0; at = this.#bytes.indexOf(name, at + 1)) {
      if (at % eventBytes === 0) return true;
    }
    return false;
  }

  /** What became of a request, in the order in which it was told. */
  eventsOf(request: Oid): readonly TraceEvent[] {
    this.#byRequest ??= chains(this.#bytes, 0);
    return this.#named(this.#byRequest, oidToBytes(request), 0);
  }

  /** Events of what a request asked for, in the order in which they were told. */
  eventsBelow(parent: Oid): readonly TraceEvent[] {
    this.#byParent ??= chains(this.#bytes, oidBytes);
    return this.#named(this.#byParent, oidToBytes(parent), oidBytes);
  }

  #named({ heads, next }: Chains, name: Buffer, offset: number): TraceEvent[] {
    const found: TraceEvent[] = [];
    for (let place = heads[keyOf(name, 0, heads)] as number; place >= 0; place = next[place] as number) {
      const at = place * eventBytes;
      if (this.#bytes.compare(name, 0, oidBytes, at + offset, at + offset + oidBytes) === 0) found.push(this.at(place));
    }
    return found;
  }
}

function chains(bytes: Buffer, offset: number): Chains {
  const count = bytes.length / eventBytes;
  const heads = new Int32Array(2 ** Math.ceil(Math.log2(count + 1))).fill(-1);
  const next = new Int32Array(count);
  // From the end, so that each chain is in order.
  for (let place = count - 1; place >= 0; place--) {
    const key = keyOf(bytes, place * eventBytes + offset, heads);
    next[place] = heads[key] as number;
    heads[key] = place;
  }
  return { heads, next };
}

function keyOf(bytes: Buffer, at: number, { length }: Int32Array): number {
  return bytes.readUInt32LE(at) & (length - 1);
}
