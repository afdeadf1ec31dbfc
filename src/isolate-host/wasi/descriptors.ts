/**
 * Descriptors: numbers, and what they have open. The lowest free number is given, as POSIX has it. Numbers that were made by duplicating share one descriptor, its position included.
 */
import { errno, fault } from "./errno.ts";
import type { ByteDevice } from "./devices.ts";
import type { Device, File, Files, Folder, Listing } from "./files.ts";
import { rights } from "./functions.ts";
import type { Input, Output } from "./streams.ts";

/** Descriptors that may be open at a time. */
const descriptorsMax = 1024;

/** The first preopen's number, and another one of its own. Newer public tool builds look for preopens there, out of the way of numbers that programs choose; they start in the folder that $PWD names, and so need the root alone. */
const rootNumber = 3;
const rootNumberAgain = 0x4000_0003;

interface Common {
  /** Flags as fd_fdstat_set_flags has them. */
  flags: number;
  /** Rights that the guest gave away; what lacks one is ENOTCAPABLE. */
  denied: bigint;
  /** Rights that what is opened through it can't have. */
  deniedBelow: bigint;
  /** Numbers that stand for it. */
  numbers: number;
}

export interface OpenFile extends Common {
  readonly kind: "file";
  readonly node: File;
  readonly reads: boolean;
  readonly writes: boolean;
  position: number;
}

export interface OpenFolder extends Common {
  readonly kind: "folder";
  readonly node: Folder;
  /** The name by which a preopened one is known. */
  readonly preopen: Buffer | undefined;
  /** What is being listed: kept from the listing's start, so that its cookies stay good whatever comes and goes. */
  listing: Listing | undefined;
}

export interface OpenDevice extends Common {
  readonly kind: "device";
  readonly node: Device;
  readonly device: ByteDevice;
  readonly reads: boolean;
  readonly writes: boolean;
}

export interface OpenInput extends Common {
  readonly kind: "input";
  readonly stream: Input;
}

export interface OpenOutput extends Common {
  readonly kind: "output";
  readonly stream: Output;
}

export type Descriptor = OpenFile | OpenFolder | OpenDevice | OpenInput | OpenOutput;

/** What a descriptor has before anything was done with it. */
export const untouched = { flags: 0, denied: 0n, deniedBelow: 0n, numbers: 0 } as const;

const common = rights.fdFilestatGet | rights.fdSetFlags | rights.pollFdReadwrite;
const ofFiles =
  common |
  rights.fdAdvise |
  rights.fdAllocate |
  rights.fdDatasync |
  rights.fdFilestatSetSize |
  rights.fdFilestatSetTimes |
  rights.fdRead |
  rights.fdSeek |
  rights.fdSync |
  rights.fdTell |
  rights.fdWrite;
const ofWriting = rights.fdAllocate | rights.fdDatasync | rights.fdFilestatSetSize | rights.fdWrite;
const ofFolders =
  Object.values(rights).reduce((all, each) => all | each, 0n) &
  ~(
    rights.fdAdvise |
    rights.fdAllocate |
    rights.fdFilestatSetSize |
    rights.fdRead |
    rights.fdSeek |
    rights.fdTell |
    rights.fdWrite
  );

/** What can be done with a descriptor, and with what is opened through it. */
export function rightsOf(descriptor: Descriptor): { readonly own: bigint; readonly below: bigint } {
  const below = descriptor.kind === "folder" ? (ofFolders | ofFiles) & ~descriptor.deniedBelow : 0n;
  return { own: possible(descriptor) & ~descriptor.denied, below };
}

function possible(descriptor: Descriptor): bigint {
  switch (descriptor.kind) {
    case "file":
      return ofFiles & ~(descriptor.reads ? 0n : rights.fdRead) & ~(descriptor.writes ? 0n : ofWriting);
    case "folder":
      return ofFolders;
    // What can be sought in is no terminal to a C library.
    case "device":
      return (
        common |
        rights.fdSeek |
        rights.fdTell |
        (descriptor.reads ? rights.fdRead : 0n) |
        (descriptor.writes ? rights.fdWrite : 0n)
      );
    case "input":
      return common | rights.fdRead;
    case "output":
      return common | rights.fdWrite;
  }
}

export class Descriptors {
  readonly #files: Files;
  readonly #open: (Descriptor | undefined)[] = [];
  /** No lower number is free. */
  #freeFrom = 0;

  constructor(files: Files) {
    this.#files = files;
  }

  /** What a number stands for. Throws the fault EBADF; ENOTCAPABLE when it lacks a right that it once had. */
  at(number: number, needed: bigint = 0n): Descriptor {
    const descriptor = this.#open[number] ?? (number === rootNumberAgain ? this.#root() : undefined);
    if (descriptor === undefined) throw fault(errno.badf);
    if (descriptor.denied !== 0n && (descriptor.denied & needed) !== 0n) throw fault(errno.notcapable);
    return descriptor;
  }

  #root(): Descriptor | undefined {
    const descriptor = this.#open[rootNumber];
    return descriptor?.kind === "folder" && descriptor.preopen !== undefined ? descriptor : undefined;
  }

  folderAt(number: number, needed: bigint): OpenFolder {
    const descriptor = this.at(number, needed);
    if (descriptor.kind !== "folder") throw fault(errno.notdir);
    return descriptor;
  }

  /** A regular file. What has no position, a stream, is ESPIPE; a folder is what `forFolder` says. */
  fileAt(number: number, needed: bigint, forFolder: Parameters<typeof fault>[0]): OpenFile {
    const descriptor = this.at(number, needed);
    if (descriptor.kind === "file") return descriptor;
    throw fault(descriptor.kind === "folder" ? forFolder : errno.spipe);
  }

  /** Throws the fault EMFILE when no number is free. */
  checkRoom(): void {
    while (this.#open[this.#freeFrom] !== undefined) this.#freeFrom++;
    if (this.#freeFrom >= descriptorsMax) throw fault(errno.mfile);
  }

  /** Gives a descriptor the lowest free number. */
  add(descriptor: Descriptor): number {
    this.checkRoom();
    descriptor.numbers++;
    this.#open[this.#freeFrom] = descriptor;
    return this.#freeFrom;
  }

  close(number: number): void {
    this.#drop(this.#own(number));
    this.#open[number] = undefined;
    if (number < this.#freeFrom) this.#freeFrom = number;
  }

  /** Gives the descriptor of a number another one, which is open and is closed by it; its own becomes free. */
  move(from: number, to: number): void {
    const descriptor = this.#own(from);
    const replaced = this.#own(to);
    if (from === to) return;
    this.#drop(replaced);
    this.#open[to] = descriptor;
    this.#open[from] = undefined;
    if (from < this.#freeFrom) this.#freeFrom = from;
  }

  /** Gives a descriptor one more number, which is closed by it if it is open. */
  share(from: number, to: number): void {
    const descriptor = this.at(from);
    if (to >>> 0 >= descriptorsMax) throw fault(errno.badf);
    if (from === to) return;
    const replaced = this.#open[to];
    if (replaced !== undefined) this.#drop(replaced);
    // No hole is left in the list: an engine's arrays with holes are slow.
    while (this.#open.length < to) this.#open.push(undefined);
    descriptor.numbers++;
    this.#open[to] = descriptor;
  }

  /** What is open under this very number. */
  #own(number: number): Descriptor {
    const descriptor = this.#open[number];
    if (descriptor === undefined) throw fault(errno.badf);
    return descriptor;
  }

  #drop(descriptor: Descriptor): void {
    descriptor.numbers--;
    if (descriptor.numbers > 0 || (descriptor.kind !== "file" && descriptor.kind !== "folder")) return;
    if (descriptor.kind === "folder" && descriptor.listing !== undefined) {
      this.#files.closeListing(descriptor.listing);
      descriptor.listing = undefined;
    }
    this.#files.close(descriptor.node);
  }
}
