/** A command while it runs: its files, descriptors, streams, arguments and clock, all that calls of preview 1 work on. */
import type { RandomStream, VirtualClock } from "../../abi/virtual.ts";
import { objectBytesMax } from "../../store/errors.ts";
import type { HearsOutput } from "../frame.ts";
import { Descriptors, untouched, type Descriptor, type OpenFolder } from "./descriptors.ts";
import { errno, Fault, fault } from "./errno.ts";
import { FilesTooLarge, type Device, type FileBounds, type Files, type Folder, type Node } from "./files.ts";
import { GuestMemory } from "./guest-memory.ts";
import { Output, type Input } from "./streams.ts";
import { fromRoot } from "./working-folder.ts";

/** Thrown by a call that ends the command. */
export class CommandExit {
  /** What its parent sees: eight bits. */
  readonly status: number;
  constructor(code: number) {
    this.status = code & 0xff;
  }
}

export interface ProcessStart {
  /** Strings that each end in NUL. */
  readonly argv: Uint8Array;
  readonly variables: Uint8Array;
  readonly stdin: Input;
  /** Given the room that its streams leave. */
  readonly files: (bounds: FileBounds) => Files;
  /** The folder that it runs in, from its root. Throws the fault that says why it can't. */
  readonly cwd: (files: Files) => Folder;
  readonly clock: VirtualClock;
  readonly random: RandomStream;
  /** Bytes of files that it changes and of its output, together. */
  readonly fileBytesMax: number;
  /** Entries of folders that it looks into. */
  readonly entriesMax: number;
  readonly onWrite: HearsOutput | undefined;
}

export class Process {
  readonly memory = new GuestMemory();
  readonly stdout = new Output();
  readonly stderr = new Output();
  readonly argv: Uint8Array;
  readonly variables: Uint8Array;
  readonly files: Files;
  readonly cwd: Folder;
  readonly descriptors: Descriptors;
  readonly clock: VirtualClock;
  readonly random: RandomStream;
  readonly #fileBytesMax: number;
  readonly #onWrite: HearsOutput | undefined;
  /** The preopen by which relative paths come, where it is not the root. */
  readonly #relative: OpenFolder | undefined;
  readonly #isFromRoot: (path: string) => boolean;

  constructor(start: ProcessStart) {
    const { argv, variables, stdin, files, cwd, clock, random, fileBytesMax, entriesMax, onWrite } = start;
    this.argv = argv;
    this.variables = variables;
    this.clock = clock;
    this.random = random;
    this.#fileBytesMax = fileBytesMax;
    this.#onWrite = onWrite;
    const room = (): number => fileBytesMax - this.stdout.length - this.stderr.length;
    this.files = files({
      get bytesMax() {
        return room();
      },
      entriesMax,
    });
    this.cwd = cwd(this.files);
    this.descriptors = new Descriptors(this.files);
    this.descriptors.add({ ...untouched, kind: "input", stream: stdin });
    this.descriptors.add({ ...untouched, kind: "output", stream: this.stdout });
    this.descriptors.add({ ...untouched, kind: "output", stream: this.stderr });
    this.#preopen(this.files.root, "/");
    this.#relative = this.cwd === this.files.root ? undefined : this.#preopen(this.cwd, ".");
    this.#isFromRoot = this.#relative === undefined ? () => false : fromRoot(argv);
  }

  /** The folder that a path starts from, which was asked for by a descriptor. Throws the faults of a descriptor that is not open, is no folder, or lacks a right. */
  baseOf(fd: number, needed: bigint, path: string): Folder {
    const opened = this.descriptors.folderAt(fd, needed);
    return opened === this.#relative && this.#isFromRoot(path) ? this.files.root : opened.node;
  }

  /** What /dev/fd has under a number. Throws the fault ENOENT when nothing is open there. */
  openedAt(number: number): Descriptor {
    try {
      return this.descriptors.at(number);
    } catch (error) {
      throw error instanceof Fault ? fault(errno.noent) : error;
    }
  }

  /** The node that is meant by one that was found: of one in /dev/fd that of what is open there, unless it is a stream. */
  nodeOf(found: Node | Device): Node | Device {
    if (found.kind !== "device" || typeof found.device !== "number") return found;
    const opened = this.openedAt(found.device);
    return opened.kind === "input" || opened.kind === "output" ? found : opened.node;
  }

  /** Appends a part of the memory, which was looked at, to a stream. Throws FilesTooLarge when it has written too much, or more to one stream than an object can hold. */
  write(stream: Output, from: number, length: number): void {
    const held = this.files.bytesHeld + this.stdout.length + this.stderr.length;
    const isTooMuch = held + length > this.#fileBytesMax || stream.length + length > objectBytesMax;
    if (isTooMuch) throw new FilesTooLarge(this.#fileBytesMax);
    this.memory.appendTo(stream, from, length);
    this.#onWrite?.(stream === this.stdout ? "stdout" : "stderr", stream.length, (at) => stream.bytes().subarray(at));
  }

  #preopen(node: Folder, name: string): OpenFolder {
    const preopen = Buffer.from(name, "latin1");
    const opened: OpenFolder = { ...untouched, kind: "folder", node, preopen, listing: undefined };
    this.files.openAgain(node, { truncate: false });
    this.descriptors.add(opened);
    return opened;
  }
}
