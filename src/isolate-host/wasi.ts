/**
 * WASI preview 1 for plain guests: pinned, and as far as a language's start-up needs it. No files, no arguments, no environment; standard output and
 * error go to the log; clocks and random bytes are virtual. What is not offered answers ENOSYS, a descriptor that can't be open EBADF.
 *
 * Source of names, types and errno: the snapshot_preview1 witx files of WebAssembly/WASI.
 */
import { GuestFailed, type Frame } from "./frame.ts";
import { failureTexts } from "../abi/error-texts.ts";
import type { OfferedFunctions } from "./wasm/module.ts";

export const wasiModule = "wasi_snapshot_preview1";

const errno = { success: 0, badf: 8, fault: 21, inval: 28, nosys: 52, spipe: 70 } as const;
const clockIds = { realtime: 0, monotonic: 1, processCpu: 2, threadCpu: 3 } as const;
/** Resolution that every clock claims, in nanoseconds: one step of the virtual clock. */
const resolutionNs = 1000n;
const characterDevice = 2;
const rightFdWrite = 1n << 6n;
/** Scatter-gather elements of one call. */
const vectorsMax = 1024;
/** Random bytes of one call. */
const randomBytesMax = 1 << 24;

/** Type of every function of preview 1: parameters, then results (see OfferedFunctions). */
const types: Readonly<Record<string, string>> = {
  args_get: "ii:i",
  args_sizes_get: "ii:i",
  environ_get: "ii:i",
  environ_sizes_get: "ii:i",
  clock_res_get: "ii:i",
  clock_time_get: "iIi:i",
  fd_advise: "iIIi:i",
  fd_allocate: "iII:i",
  fd_close: "i:i",
  fd_datasync: "i:i",
  fd_fdstat_get: "ii:i",
  fd_fdstat_set_flags: "ii:i",
  fd_fdstat_set_rights: "iII:i",
  fd_filestat_get: "ii:i",
  fd_filestat_set_size: "iI:i",
  fd_filestat_set_times: "iIIi:i",
  fd_pread: "iiiIi:i",
  fd_prestat_get: "ii:i",
  fd_prestat_dir_name: "iii:i",
  fd_pwrite: "iiiIi:i",
  fd_read: "iiii:i",
  fd_readdir: "iiiIi:i",
  fd_renumber: "ii:i",
  fd_seek: "iIii:i",
  fd_sync: "i:i",
  fd_tell: "ii:i",
  fd_write: "iiii:i",
  path_create_directory: "iii:i",
  path_filestat_get: "iiiii:i",
  path_filestat_set_times: "iiiiIIi:i",
  path_link: "iiiiiii:i",
  path_open: "iiiiiIIii:i",
  path_readlink: "iiiiii:i",
  path_remove_directory: "iii:i",
  path_rename: "iiiiii:i",
  path_symlink: "iiiii:i",
  path_unlink_file: "iii:i",
  poll_oneoff: "iiii:i",
  proc_exit: "i:",
  proc_raise: "i:i",
  random_get: "ii:i",
  sched_yield: ":i",
  sock_accept: "iii:i",
  sock_recv: "iiiiii:i",
  sock_send: "iiiii:i",
  sock_shutdown: "ii:i",
};

/** What a guest may import of WASI. */
export const wasiFunctions: OfferedFunctions = new Map(
  Object.entries(types).map(([name, type]) => [`${wasiModule}.${name}`, type]),
);

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
    Object.keys(types).map((name) => [name, () => (name.startsWith("fd_") ? errno.badf : errno.nosys)]),
  );
  return {
    ...bare,
    args_get: () => errno.success,
    environ_get: () => errno.success,
    args_sizes_get: (count: number, bytes: number) => onMemory((view) => storeZeros(view, count, bytes)),
    environ_sizes_get: (count: number, bytes: number) => onMemory((view) => storeZeros(view, count, bytes)),
    clock_res_get: (id: number, at: number) =>
      onMemory((view) => (isClock(id) ? storeU64(view, at, resolutionNs) : errno.inval)),
    clock_time_get: (id: number, _precision: bigint, at: number) =>
      onMemory((view, frame) => {
        if (!isClock(id)) return errno.inval;
        if (!fits(view, at, 8)) return errno.fault;
        return storeU64(view, at, frame.clock.read(id === clockIds.realtime ? "realtime" : "other"));
      }),
    random_get: (at: number, length: number) =>
      onMemory((view, frame) => {
        const bytes = length >>> 0;
        if (bytes > randomBytesMax) return errno.inval;
        if (!fits(view, at, bytes)) return errno.fault;
        frame.random.fill(new Uint8Array(view.buffer, at >>> 0, bytes));
        return errno.success;
      }),
    fd_write: (fd: number, vectors: number, count: number, written: number) =>
      onMemory((view, frame) => write(view, frame, fd, vectors >>> 0, count >>> 0, written)),
    fd_fdstat_get: (fd: number, at: number) =>
      onMemory((view) => {
        if (!isOpen(fd)) return errno.badf;
        if (!fits(view, at, 24)) return errno.fault;
        const base = at >>> 0;
        new Uint8Array(view.buffer, base, 24).fill(0);
        view.setUint8(base, characterDevice);
        view.setBigUint64(base + 8, fd === 0 ? 0n : rightFdWrite, true);
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
const isClock = (id: number) => id >= clockIds.realtime && id <= clockIds.threadCpu;

function fits(view: DataView, at: number, length: number): boolean {
  return (at >>> 0) + length <= view.byteLength;
}

function storeU32(view: DataView, at: number, value: number): number {
  if (!fits(view, at, 4)) return errno.fault;
  view.setUint32(at >>> 0, value, true);
  return errno.success;
}

function storeU64(view: DataView, at: number, value: bigint): number {
  if (!fits(view, at, 8)) return errno.fault;
  view.setBigUint64(at >>> 0, value, true);
  return errno.success;
}

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
