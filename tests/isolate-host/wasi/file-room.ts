/** Files over objects in memory. */
import { Files, type FileObjects } from "../../../src/isolate-host/wasi/files.ts";
import type { Oid } from "../../../src/store/oid.ts";
import { MemoryObjects } from "../../abi/memory-objects.ts";

/** Objects in memory, with notes of which were read and which were asked for their size. */
export class RoomObjects extends MemoryObjects implements FileObjects {
  readonly sized: Oid[] = [];

  sizeOf(name: Oid): number {
    this.sized.push(name);
    return this.get(name).body.length;
  }
}

export interface FileRoom {
  readonly objects: RoomObjects;
  readonly root: Oid;
  readonly files: Files;
  readonly bounds: { bytesMax: number; entriesMax: number };
  readonly clock: { nowNs: bigint };
}

/** Files over the tree that `make` puts. `entriesMax` holds from the start. */
export function fileRoom(make: (objects: RoomObjects) => Oid, entriesMax = 1 << 20): FileRoom {
  const objects = new RoomObjects();
  const root = make(objects);
  const bounds = { bytesMax: 1 << 30, entriesMax };
  const clock = { nowNs: 2_000_000_000n * 1_000_000_000n };
  return { objects, root, bounds, clock, files: new Files(objects, root, bounds, () => clock.nowNs) };
}
