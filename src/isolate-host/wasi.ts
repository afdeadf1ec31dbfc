/**
 * WASI preview 1 for plain guests: pinned, and as far as a language's start-up needs it. No files, no arguments, no environment; standard output and
 * error go to the log; clocks and random bytes are virtual. What is not offered answers ENOSYS, a descriptor that can't be open EBADF.
 *
 * Source of names, types and errno: the snapshot_preview1 witx files of WebAssembly/WASI.
 */
import { GuestFailed, type Frame } from "./frame.ts";
import { failureTexts } from "../abi/error-texts.ts";
import { errno } from "./wasi/errno.ts";
import { functionTypes, rights, vectorsMax } from "./wasi/functions.ts";
import { fits, serveClock, serveClockResolution, serveRandom, storeU32 } from "./wasi/virtual-calls.ts";

export { wasiFunctions, wasiModule } from "./wasi/functions.ts";
const characterDevice = 2;

/** The frame that calls, and its memory; undefined before the guest's memory exists. */
export interface WasiCaller {
  readonly frame: Frame;
  readonly memory: WebAssembly.Memory | undefined;
}

type Offered = (...args: never[]) => number | void;

/** The functions for an import object. `enter` runs a call for whoever is running now, and turns what is thrown into an unwinding trap. */
export function wasiImports(enter: (serve: (caller: WasiCaller) => number) => number): Record<string, Offered> {
  const onMemory = (serve: (view: DataView, frame: Frame) => number) =>
    enter(({ frame, memory }) => (memory === undefined ? errno.fault : serve(new DataView(memory.buffer), frame)));
  const bare: Record<string, Offered> = Object.fromEntries(
    Object.keys(functionTypes).map((name) => [name, () => (name.startsWith("fd_") ? errno.badf : errno.nosys)]),
  );
  return {
    ...bare,
    args_get: () => errno.success,
    environ_get: () => errno.success,
    args_sizes_get: (count: number, bytes: number) => onMemory((view) => storeZeros(view, count, bytes)),
    environ_sizes_get: (count: number, bytes: number) => onMemory((view) => storeZeros(view, count, bytes)),
    clock_res_get: (id: number, at: number) => onMemory((view) => serveClockResolution(view, id, at)),
    clock_time_get: (id: number, _precision: bigint, at: number) =>
      onMemory((view, frame) => serveClock(view, frame.clock, id, at)),
    random_get: (at: number, length: number) => onMemory((view, frame) => serveRandom(view, frame.random, at, length)),
    fd_write: (fd: number, vectors: number, count: number, written: number) =>
      onMemory((view, frame) => write(view, frame, fd, vectors >>> 0, count >>> 0, written)),
    fd_fdstat_get: (fd: number, at: number) =>
      onMemory((view) => {
        if (!isOpen(fd)) return errno.badf;
        if (!fits(view, at, 24)) return errno.fault;
        const base = at >>> 0;
        new Uint8Array(view.buffer, base, 24).fill(0);
        view.setUint8(base, characterDevice);
        view.setBigUint64(base + 8, fd === 0 ? 0n : rights.fdWrite, true);
        return errno.success;
      }),
    fd_read: (fd: number, _vectors: number, _count: number, read: number) =>
      onMemory((view) => (fd === 0 ? storeU32(view, read, 0) : errno.badf)),
    fd_seek: (fd: number) => (isOpen(fd) ? errno.spipe : errno.badf),
    fd_tell: (fd: number) => (isOpen(fd) ? errno.spipe : errno.badf),
    fd_close: (fd: number) => (isOpen(fd) ? errno.success : errno.badf),
    sched_yield: () => errno.success,
    proc_exit: () => {
      enter(({ frame }) => {
        throw new GuestFailed(frame.fail("exit", failureTexts.exited));
      });
    },
  };
}

const isOpen = (fd: number) => fd >= 0 && fd <= 2;

function storeZeros(view: DataView, first: number, second: number): number {
  if (!fits(view, first, 4) || !fits(view, second, 4)) return errno.fault;
  storeU32(view, first, 0);
  return storeU32(view, second, 0);
}

function write(view: DataView, frame: Frame, fd: number, vectors: number, count: number, written: number): number {
  if (fd !== 1 && fd !== 2) return errno.badf;
  if (count > vectorsMax) return errno.inval;
  if (!fits(view, vectors, count * 8) || !fits(view, written, 4)) return errno.fault;
  const parts: Uint8Array[] = [];
  let total = 0;
  for (let each = 0; each < count; each++) {
    const at = view.getUint32(vectors + each * 8, true);
    const length = view.getUint32(vectors + each * 8 + 4, true);
    if (!fits(view, at, length)) return errno.fault;
    parts.push(new Uint8Array(view.buffer, at, length));
    total += length;
  }
  // Before anything is copied: vectors may overlap, and together name far more than there is memory.
  frame.checkLogBytes(total);
  const bytes = Buffer.concat(parts);
  frame.write(fd, bytes);
  return storeU32(view, written, bytes.length);
}
