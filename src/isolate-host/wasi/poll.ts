/**
 * poll_oneoff: descriptors are always ready, and a clock never makes anybody wait: when nothing else is ready, the virtual clock goes on to the earliest time that is waited for. Events come in the order of their
 * subscriptions.
 *
 *   subscription, 48 bytes   userdata u64, tag u8 at 8; clock: id u32 at 16, timeout u64 at 24, flags u16 at 40; descriptor: u32 at 16
 *   event, 32 bytes          userdata u64, error u16 at 8, type u8 at 10, bytes u64 at 16, flags u16 at 24
 */
import { errno, Fault, fault, type Errno } from "./errno.ts";
import type { Descriptor } from "./descriptors.ts";
import { rights } from "./functions.ts";
import type { GuestMemory } from "./guest-memory.ts";
import type { Process } from "./process.ts";
import { clockOf } from "./virtual-calls.ts";

const subscriptionBytes = 48;
const eventBytes = 32;
/** Subscriptions of one call. */
const subscriptionsMax = 4096;
const eventTypes = { clock: 0, fdRead: 1, fdWrite: 2 } as const;
const absoluteTime = 1;
const hangup = 1;

interface Subscription {
  readonly userdata: bigint;
  readonly type: number;
  /** When its clock fires, on that clock; undefined for a descriptor. */
  readonly due: { readonly clock: "realtime" | "other"; readonly ns: bigint } | undefined;
  readonly event: { readonly error: Errno; readonly bytes: number; readonly flags: number } | undefined;
}

export function pollOneoff(process: Process, at: number, to: number, count: number, countAt: number): Errno {
  const { memory, clock } = process;
  const subscriptions = count >>> 0;
  if (subscriptions === 0 || subscriptions > subscriptionsMax) throw fault(errno.inval);
  memory.check(at, subscriptions * subscriptionBytes);
  memory.check(to, subscriptions * eventBytes);
  memory.check(countAt, 4);
  const asked = Array.from({ length: subscriptions }, (_, each) =>
    readSubscription(process, (at >>> 0) + each * subscriptionBytes),
  );
  if (asked.every(({ event }) => event === undefined)) {
    const waits = asked.flatMap(({ due }) => (due === undefined ? [] : [due.ns - clock.at(due.clock)]));
    const shortest = waits.reduce((least, each) => (each < least ? each : least));
    if (shortest > 0n) clock.advance(shortest);
  }
  let events = 0;
  for (const { userdata, type, due, event } of asked) {
    const told = event ?? (due !== undefined && clock.at(due.clock) >= due.ns ? fired : undefined);
    if (told === undefined) continue;
    const place = (to >>> 0) + events++ * eventBytes;
    memory.clear(place, eventBytes);
    memory.setU64(place, userdata);
    memory.view.setUint16(place + 8, told.error, true);
    memory.view.setUint8(place + 10, type);
    memory.setU64(place + 16, BigInt(told.bytes));
    memory.view.setUint16(place + 24, told.flags, true);
  }
  memory.setU32(countAt, events);
  return errno.success;
}

const fired = { error: errno.success, bytes: 0, flags: 0 } as const;

function readSubscription(process: Process, at: number): Subscription {
  const { memory } = process;
  const userdata = memory.u64(at);
  const type = memory.u8(at + 8);
  if (type === eventTypes.clock) return { userdata, type, ...readClock(process, memory, at) };
  if (type > eventTypes.fdWrite) throw fault(errno.inval);
  return { userdata, type, due: undefined, event: readiness(process, type, memory.u32(at + 16)) };
}

function readClock(process: Process, memory: GuestMemory, at: number): Pick<Subscription, "due" | "event"> {
  const clock = clockOf(memory.u32(at + 16));
  if (clock === undefined) return { due: undefined, event: { ...fired, error: errno.inval } };
  const timeout = memory.u64(at + 24);
  const isAbsolute = (memory.u16(at + 40) & absoluteTime) !== 0;
  return { due: { clock, ns: isAbsolute ? timeout : process.clock.at(clock) + timeout }, event: undefined };
}

function readiness(process: Process, type: number, number: number): Subscription["event"] {
  let descriptor: Descriptor;
  try {
    descriptor = process.descriptors.at(number, rights.pollFdReadwrite);
  } catch (error) {
    if (error instanceof Fault) return { ...fired, error: error.errno };
    throw error;
  }
  if (type === eventTypes.fdWrite) return fired;
  switch (descriptor.kind) {
    case "input": {
      const bytes = descriptor.stream.left;
      return { ...fired, bytes, flags: bytes === 0 ? hangup : 0 };
    }
    case "file": {
      const { size } = process.files.stat(descriptor.node);
      return { ...fired, bytes: Math.max(0, size - descriptor.position) };
    }
    case "folder":
    case "device":
    case "output":
      return fired;
  }
}
