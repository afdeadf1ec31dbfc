import { readFileSync } from "node:fs";

/** Memory that a process holds in the machine's, in bytes; undefined when that is not to be known (it is gone, or this is not Linux). V8 keeps an isolate's bound late, so whoever watches the clock watches this too. */
export function residentBytes(pid: number): number | undefined {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "latin1");
    const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1];
    return kilobytes === undefined ? undefined : Number(kilobytes) * 1024;
  } catch {
    return undefined; // it is gone
  }
}
