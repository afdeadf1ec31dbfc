/**
 * What toolchains beyond preview 1 import: the modules `host_fs`, `host_user`, `host_process`, `host_net` and `host_tty` of the public wasm builds of coreutils and others. Preview 1 can't say some things that such tools
 * ask (the executable bit, whether a descriptor is a terminal); the rest is there so that they link. All of it follows from the request: one user, 0; one process, 1; nothing to start, no terminal, no network.
 *
 * An import is chosen by its name and its type: where a function has gone through versions, the number of its parameters tells which one is meant.
 */
import { errno, Fault, type Errno } from "./errno.ts";
import type { Device, Folder, Link, Node } from "./files.ts";
import { preview1, sound } from "./preview1.ts";
import type { Process } from "./process.ts";

type ServeHost = (process: Process, ...args: never[]) => number | bigint;

interface HostCall {
  /** As OfferedFunctions has it. */
  readonly type: string;
  readonly serve: ServeHost;
}

/** A device's is a plain file's: the builds that ask read it with Rust's library, which knows no character device, and refuse what they can't tell (`cat /dev/null`). */
const modes = {
  folder: 0o40755,
  file: 0o100644,
  executable: 0o100755,
  link: 0o120777,
  pipe: 0o10600,
  device: 0o100666,
} as const;
const fileType = 0o170000;
const ownerExecutes = 0o100;
const user = 0;
const process = 1;
/** A size that is none. */
const noSize = -1n;

const absent = (type: string): HostCall => ({ type, serve: () => errno.nosys });
const failing = (type: string, number: Errno): HostCall => ({ type, serve: () => number });

/** By `module.name`. */
export const hostCalls: Readonly<Record<string, HostCall>> = {
  // (folder?, path, length, mode): errno
  "host_fs.chmod": {
    type: "iii:i|iiii:i",
    serve: (at: Process, ...args: number[]) => {
      const { base, text, last: mode } = placed(at, args, 3);
      const itself = sound(at.files.find(base, text, false));
      // A mode that copying hands on may be a symlink's, and a symlink's can't be set.
      if (itself.kind === "link" && isOfLink(itself, mode)) return errno.success;
      const node = sound(at.files.find(base, text, true));
      if (node.kind === "file") at.files.setExecutable(node, (mode & ownerExecutes) !== 0);
      return errno.success;
    },
  },
  // (descriptor): mode, or 0
  "host_fs.fd_mode": {
    type: "i:i",
    serve: (at: Process, fd: number) =>
      orElse(0, () => {
        const descriptor = at.descriptors.at(fd);
        return descriptor.kind === "input" || descriptor.kind === "output" ? modes.pipe : modeOf(descriptor.node);
      }),
  },
  // (folder?, path, length, follows): mode, or 0
  "host_fs.path_mode": {
    type: "iii:i|iiii:i",
    serve: (at: Process, ...args: number[]) => orElse(0, () => modeOf(named(at, args, 3))),
  },
  "host_fs.fd_size": {
    type: "i:I",
    serve: (at: Process, fd: number) =>
      orElse(noSize, () => {
        const descriptor = at.descriptors.at(fd);
        const isStream = descriptor.kind === "input" || descriptor.kind === "output";
        return isStream ? 0n : BigInt(at.files.stat(descriptor.node).size);
      }),
  },
  // (folder, path, length, follows): size
  "host_fs.path_size": {
    type: "iiii:I",
    serve: (at: Process, ...args: number[]) => orElse(noSize, () => BigInt(at.files.stat(named(at, args, 3)).size)),
  },
  "host_fs.path_rdev": { type: "iiii:I", serve: () => 0n },
  // (folder, path, length, follows, user, group): errno
  "host_fs.path_owner": {
    type: "iiiiii:i",
    serve: (
      at: Process,
      fd: number,
      path: number,
      length: number,
      follows: number,
      userTo: number,
      groupTo: number,
    ) => {
      named(at, [fd, path, length, follows], 3);
      at.memory.setU32(userTo, user);
      at.memory.setU32(groupTo, user);
      return errno.success;
    },
  },
  // (folder, path, length, user, group, follows): errno
  "host_fs.path_chown": {
    type: "iiiiii:i",
    serve: (at: Process, fd: number, path: number, length: number, owner: number, group: number, follows: number) => {
      named(at, [fd, path, length, follows], 3);
      // -1 leaves what is.
      return [owner, group].every((each) => each === user || each === -1) ? errno.success : errno.perm;
    },
  },
  "host_fs.ftruncate": { type: "iI:i", serve: preview1.fd_filestat_set_size },
  "host_fs.set_open_mode": { type: "i:i", serve: () => errno.success },
  "host_fs.path_statfs": absent("iiiiiiii:i"),
  "host_fs.remount": absent("iiii:i"),

  // (descriptor, answer): errno
  "host_user.isatty": {
    type: "ii:i",
    serve: ({ descriptors, memory }: Process, fd: number, to: number) => {
      descriptors.at(fd);
      memory.setU32(to, 0);
      return errno.success;
    },
  },
  "host_user.getuid": telling(user),
  "host_user.geteuid": telling(user),
  "host_user.getgid": telling(user),
  "host_user.getegid": telling(user),
  "host_user.setuid": becoming(),
  "host_user.setgid": becoming(),
  "host_user.setgroups": failing("ii:i", errno.perm),
  "host_user.getgroups": absent("iii:i"),
  "host_user.getpwuid": failing("iiii:i", errno.noent),
  "host_user.getpwnam": failing("iiiii:i", errno.noent),
  "host_user.getpwent": failing("iiii:i", errno.noent),
  "host_user.getgrgid": failing("iiii:i", errno.noent),
  "host_user.getgrnam": failing("iiiii:i", errno.noent),
  "host_user.getgrent": failing("iiii:i", errno.noent),

  "host_process.proc_getpid": telling(process),
  "host_process.proc_getppid": telling(0),
  // (milliseconds): errno
  "host_process.sleep_ms": {
    type: "i:i",
    serve: ({ clock }: Process, milliseconds: number) => {
      clock.advance(BigInt(milliseconds >>> 0) * 1_000_000n);
      return errno.success;
    },
  },
  // (descriptor, its new number): errno
  "host_process.fd_dup": {
    type: "ii:i",
    serve: ({ descriptors, memory }: Process, fd: number, to: number) => {
      memory.check(to, 4);
      memory.setU32(to, descriptors.add(descriptors.at(fd)));
      return errno.success;
    },
  },
  "host_process.fd_dup2": {
    type: "ii:i",
    serve: ({ descriptors }: Process, from: number, to: number) => {
      descriptors.share(from, to);
      return errno.success;
    },
  },
  "host_process.fd_setfd": {
    type: "ii:i",
    serve: ({ descriptors }: Process, fd: number) => {
      descriptors.at(fd);
      return errno.success;
    },
  },
  "host_process.fd_pipe": absent("ii:i"),
  "host_process.proc_exec": absent("iiiiiiii:i"),
  "host_process.proc_kill": absent("ii:i"),
  "host_process.proc_signal_mask_v2": absent("iiiii:i"),
  "host_process.proc_spawn": absent("iiiiiiiiii:i"),
  "host_process.proc_spawn_v3": absent("iiiiiiiiiiiiiiiii:i"),
  "host_process.proc_waitpid": absent("iii:i|iiii:i"),
  "host_process.proc_waitpid_v2": absent("iiiiii:i"),
  "host_process.umask": absent("iii:i"),

  "host_net.net_recv": failing("iiiii:i", errno.notsock),
  "host_net.net_send": failing("iiiii:i", errno.notsock),
  "host_tty.read": failing("iii:i", errno.notty),
  "host_tty.set_raw_mode": failing("i:i", errno.notty),
};

/** A call that writes a number to where it is told to. */
function telling(number: number): HostCall {
  return {
    type: "i:i",
    serve: ({ memory }: Process, to: number) => {
      memory.setU32(to, number);
      return errno.success;
    },
  };
}

function becoming(): HostCall {
  return { type: "i:i", serve: (_at: Process, wanted: number) => (wanted === user ? errno.success : errno.perm) };
}

/** Whether a mode that is given to a symlink was another symlink's: it says so, or it has all the bits that every symlink has, and the command itself has made this one. */
function isOfLink(link: Link, mode: number): boolean {
  const type = mode & fileType;
  if (type !== 0) return type === (modes.link & fileType);
  return link.blob === undefined && mode === (modes.link & ~fileType);
}

interface Placed {
  readonly base: Folder;
  readonly text: string;
  readonly last: number;
}

/** Parameters that are a path and one more: those that are `fewest` begin with the path, which is then the caller's own and relative to its folder; one more is a folder's descriptor. */
function placed(at: Process, args: readonly number[], fewest: number): Placed {
  const isBare = args.length === fewest;
  const [path, length, last] = (isBare ? args : args.slice(1)) as [number, number, number];
  if (isBare) return { base: at.cwd, text: at.memory.path(path, length), last };
  const fd = args[0] as number;
  // A descriptor that is none is told before a place that is none.
  at.descriptors.folderAt(fd, 0n);
  const text = at.memory.path(path, length);
  return { base: at.baseOf(fd, 0n, text), text, last };
}

/** The node that such parameters name, of which the last one says whether symlinks are followed. */
function named(at: Process, args: readonly number[], fewest: number): Node | Device {
  const { base, text, last } = placed(at, args, fewest);
  return at.nodeOf(sound(at.files.find(base, text, last !== 0)));
}

function modeOf(node: Node | Device): number {
  if (node.kind === "file" && node.isExecutable) return modes.executable;
  return modes[node.kind];
}

/** What a call answers that has no errno to tell. */
function orElse<T>(without: T, serve: () => T): T {
  try {
    return serve();
  } catch (error) {
    if (error instanceof Fault) return without;
    throw error;
  }
}
