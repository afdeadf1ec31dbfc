/** What the devices of /dev answer: `null` is empty and takes all, `zero` and `random` never end, and none has a position. */
import type { RandomStream } from "../../abi/virtual.ts";

export type ByteDevice = "null" | "zero" | "random";

/** Bytes that one call reads of a device without end, and that one write says it took. */
const deviceBytesMax = 1 << 24;

/** Fills parts one after the other; returns how many bytes that were. */
export function readDevice(device: ByteDevice, parts: readonly Uint8Array[], random: RandomStream): number {
  if (device === "null") return 0;
  let read = 0;
  for (const part of parts) {
    const target = part.subarray(0, deviceBytesMax - read);
    if (device === "zero") target.fill(0);
    else random.fill(target);
    read += target.length;
  }
  return read;
}

/** How many bytes a device takes. */
export function writeDevice(parts: readonly Uint8Array[]): number {
  return Math.min(
    deviceBytesMax,
    parts.reduce((sum, part) => sum + part.length, 0),
  );
}
