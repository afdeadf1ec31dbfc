/** A thread that looks at script children and kills those that take too much, as an engine's first thread does: the thread that runs a child waits in a read. */
import { workerData } from "node:worker_threads";
import { residentBytes } from "../../../src/isolate-host/script/resident-bytes.ts";

/** Given to the thread: the child that is watched (0: none), and how often it was looked at since. */
const watched = workerData as { readonly shared: Int32Array; readonly bytesMost: number; readonly looksMost: number };

setInterval(() => {
  const pid = Atomics.load(watched.shared, 0);
  if (pid === 0) return;
  const looks = Atomics.add(watched.shared, 1, 1);
  if (looks < watched.looksMost && (residentBytes(pid) ?? 0) < watched.bytesMost) return;
  if (Atomics.compareExchange(watched.shared, 0, pid, 0) === pid) process.kill(pid, "SIGKILL");
}, 20);
