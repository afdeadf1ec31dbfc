/** Clocks and random bytes of preview 1, which every guest of it has: virtual (abi/virtual.ts), never the machine's. */
import { clockStepNs, type RandomStream, type VirtualClock } from "../../abi/virtual.ts";
import { errno, type Errno } from "./errno.ts";

const clockIds = { realtime: 0, monotonic: 1, processCpu: 2, threadCpu: 3 } as const;
/** Random bytes of one call. */
const randomBytesMax = 1 << 24;

/** What a clock's number names; undefined when there is no such clock. */
export function clockOf(id: number): "realtime" | "other" | undefined {
  if (id < clockIds.realtime || id > clockIds.threadCpu) return undefined;
  return id === clockIds.realtime ? "realtime" : "other";
}

/** Resolution that every clock claims: one step of the virtual clock. */
export function serveClockResolution(view: DataView, id: number, at: number): Errno {
  return clockOf(id) === undefined ? errno.inval : storeU64(view, at, clockStepNs);
}

export function serveClock(view: DataView, clock: VirtualClock, id: number, at: number): Errno {
  const which = clockOf(id);
  if (which === undefined) return errno.inval;
  if (!fits(view, at, 8)) return errno.fault;
  return storeU64(view, at, clock.read(which));
}

export function serveRandom(view: DataView, random: RandomStream, at: number, length: number): Errno {
  const bytes = length >>> 0;
  if (bytes > randomBytesMax) return errno.inval;
  if (!fits(view, at, bytes)) return errno.fault;
  random.fill(new Uint8Array(view.buffer, at >>> 0, bytes));
  return errno.success;
}

/** Whether so many bytes from an address on lie in memory. */
export function fits(view: DataView, at: number, length: number): boolean {
  return (at >>> 0) + length <= view.byteLength;
}

export function storeU32(view: DataView, at: number, value: number): Errno {
  if (!fits(view, at, 4)) return errno.fault;
  view.setUint32(at >>> 0, value, true);
  return errno.success;
}

function storeU64(view: DataView, at: number, value: bigint): Errno {
  if (!fits(view, at, 8)) return errno.fault;
  view.setBigUint64(at >>> 0, value, true);
  return errno.success;
}
