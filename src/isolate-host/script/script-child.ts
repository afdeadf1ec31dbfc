/**
 * The host's end of a script child: a process that runs scripts' jobs (child.ts). An executor owns it and speaks with it by blocking reads and writes, so that a guest's operation is a call and nothing here is asynchronous.
 *
 * Pipes are two FIFOs, since what Node makes for a child are sockets that can't be read blocking. They are gone from the folder as soon as they are open. A child that is dead, killed by whatever thread, is the end
 * of its pipe: ScriptChildDied. After that, and after ScriptChildBroken, the child is of no use; everything that waited in it is lost, and is replayed.
 *
 * Waking a sleeping core takes longer than a small job, so jobs that will probably be asked for next are sent ahead: the child runs them one after another, and what it says of each is read once it is asked for. One that is
 * not asked for after all is told to stop where it asks for something, and nothing it said is heard: it has left no trace.
 */
import type { ChildProcess } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readSync, realpathSync, rmSync, writeSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { NestedCall } from "../../abi/call.ts";
import { errorText, type ErrorNumber } from "../../abi/error-numbers.ts";
import { NonAnswerError } from "../../abi/non-answer.ts";
import type { Request } from "../../abi/request.ts";
import { oidBytes, oidFromBytes, oidToBytes, writeOid, type Oid } from "../../store/oid.ts";
import type { FailureCode, Outcome } from "../../store/outcome.ts";
import {
  answerStatus,
  fromChild,
  fromHost,
  headerBytes,
  MalformedMessage,
  MessageReader,
  messageBytesMax,
  readNumber,
  writeNumber,
} from "./protocol.ts";

/** What a job may do, as `Frame` has it. Whatever a function throws ends the job: its guest is told nothing, and the turn throws the same. */
export interface ScriptFrame {
  tree(name: Oid): Uint8Array | ErrorNumber;
  blob(name: Oid): Uint8Array | ErrorNumber;
  putBlob(bytes: Uint8Array): Oid | ErrorNumber;
  putTree(entries: Uint8Array): Oid | ErrorNumber;
  addLine(line: string): void;
}

export interface ScriptJob {
  readonly request: Request;
  /** The args' tree, as it is stored and sound. */
  readonly args: Uint8Array;
  /** Blobs that the job may want and that cost nothing to have: it need not ask for them. */
  readonly near: readonly { readonly oid: Oid; readonly bytes: Uint8Array }[];
  readonly module: Oid;
  /** The module's text, asked for when this child has not had it. */
  readonly moduleBytes: () => Uint8Array;
}

/** How a turn of a job ended. */
export type ScriptTurn =
  /** It goes on when all of these are settled (`settle`), or is dropped. */
  | { readonly how: "waits"; readonly calls: readonly NestedCall[] }
  | { readonly how: "completed"; readonly result: { readonly kind: "blob" | "tree"; readonly oid: Oid } }
  /** The result is a blob of these bytes, which nobody has put. */
  | { readonly how: "returned"; readonly bytes: Uint8Array }
  /** A failed outcome; the detail, a line and a column of the module, is for people. */
  | { readonly how: "failed"; readonly code: FailureCode; readonly message: string; readonly detail: string }
  /** A non-answer: the stack, or memory. */
  | { readonly how: "exhausted"; readonly message: string };

/** The process is gone: it crashed, ran out of memory, or was killed. */
export class ScriptChildDied extends Error {
  override readonly name = "ScriptChildDied";
  constructor(cause?: unknown) {
    super("the process that ran the script is gone", { cause });
  }
}

/** It said what no child of ours says. It has been killed. */
export class ScriptChildBroken extends Error {
  override readonly name = "ScriptChildBroken";
  constructor(cause?: unknown) {
    super("the process that ran the script broke the protocol", { cause });
  }
}

export interface ScriptChildOptions {
  /** Bound of the isolate's heap. All jobs of a child share it. */
  readonly heapMb: number;
  /**
   * Milliseconds after which the process ends itself in a turn, as far as V8 lets itself be interrupted. It is for children whose engine is gone: an engine that is there watches the clock, and kills. The default is ten minutes.
   */
  readonly turnMs?: number;
  /** Flags of V8 for the process. No outcome may depend on them. Default: none. */
  readonly flags?: readonly string[];
}

/** Heap of an executor's child, which all of its jobs share. */
export const scriptHeapMbMax = 512;
/** Memory that a process of scripts may take, all told: who watches it ends one that takes more. */
export const childBytesMax = 1 << 30;
/** See `turnMs`. */
export const defaultTurnMsMax = 600_000;

const readBytes = 1 << 16;
/** What is kept of the buffer of messages that are sent: those of usual jobs ahead, and more. */
const outgoingBytes = 1 << 16;
/** Jobs ahead that wait in the pipe: what a pipe takes, four times over, so that writing them never waits for a child that is writing itself. */
const aheadBytesMax = 1 << 14;
/** Stack of the child's own code; guests have 984 of it. */
const hostStackKb = 1400;

/** A process that was started, and the ends of its pipes: plain values, which another thread may take over. */
export interface OpenedChild {
  /** Undefined when it could not be started, which its pipe's end tells too. */
  readonly pid: number | undefined;
  readonly toChild: number;
  readonly fromChild: number;
}

/** Processes that this thread started, and of whose end it was not told yet. */
const started = new Set<ChildProcess>();

/** Keeps the thread until all processes that it started have ended: once it is gone nobody can wait for them, and they stay in the system's table as long as this process lives. */
export function outliveProcesses(): void {
  for (const child of started) child.ref();
}

/** Loaded when a process is started: every executor has this file, and most run no script. */
const processes = () => process.getBuiltinModule("node:child_process");

/** Starts a process; it is ready a tenth of a second later. Throws NonAnswerError where its pipes can't be made. */
export function openScriptChild(options: ScriptChildOptions): OpenedChild {
  try {
    return openWithPipes(options);
  } catch (error) {
    const { message } = error as Error;
    throw new NonAnswerError({ kind: "host", message: `no process for scripts can be started: ${message}` }, error);
  }
}

function openWithPipes({ heapMb, turnMs = defaultTurnMsMax, flags = [] }: ScriptChildOptions): OpenedChild {
  const folder = mkdtempSync(join(tmpdir(), "coppice-script-"));
  try {
    const [input, output] = [join(folder, "in"), join(folder, "out")];
    processes().execFileSync("mkfifo", ["-m", "600", input, output]);
    // While both directions are open here, opening one end waits for nobody.
    const held = [openSync(input, "r+"), openSync(output, "r+")];
    const ends = [openSync(input, "r"), openSync(output, "w")] as const;
    const ours = { toChild: openSync(input, "w"), fromChild: openSync(output, "r") };
    const { pid } = start(ends, flags, [heapMb, turnMs]);
    // The child alone has its ends now, so that its death is the end of the pipe.
    for (const each of [...held, ...ends]) closeSync(each);
    return { pid, ...ours };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Closes a process's pipes: an idle one ends by itself. For the thread that opened them. */
export function closeChildEnds({ toChild, fromChild: ours }: OpenedChild): void {
  closeSync(toChild);
  closeSync(ours);
}

/** How a child is used by the thread that has it. */
export interface ScriptChildUse {
  readonly onHearing?: (isHearing: boolean) => void;
  readonly closeEnds?: () => void;
}

export class ScriptChild {
  /** For whoever kills a child that runs too long; undefined when it could not be started. */
  readonly pid: number | undefined;
  readonly #toChild: number;
  readonly #fromChild: number;
  readonly #out = new Outgoing();
  #buffer = Buffer.allocUnsafe(readBytes);
  #have = 0;
  readonly #modules = new Set<Oid>();
  #nextJob = 1;
  #isOpen = true;
  /** Sent ahead and neither asked for nor given up, in their order. */
  #ahead: { readonly job: number; readonly request: Oid; readonly bytes: number }[] = [];
  /** Sent ahead and given up; their turns have not ended yet. */
  readonly #unwanted = new Set<number>();

  readonly #onHearing: (isHearing: boolean) => void;
  readonly #closeEnds: () => void;

  /**
   * Takes over a process, whose pipes `closeEnds` closes, or starts one; `awaitReady`, or the first turn, waits for it. `onHearing` is told true while
   * nothing is waited for but the ends of jobs that nobody asks for any more, and false after that.
   */
  constructor(from: OpenedChild | ScriptChildOptions, { onHearing = () => undefined, closeEnds }: ScriptChildUse = {}) {
    this.#onHearing = onHearing;
    const opened = "toChild" in from ? from : openScriptChild(from);
    this.#closeEnds = closeEnds ?? (() => closeChildEnds(opened));
    this.pid = opened.pid;
    this.#toChild = opened.toChild;
    this.#fromChild = opened.fromChild;
  }

  /** False once a turn has thrown ScriptChildDied or ScriptChildBroken, or it was closed. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Runs a job's first turn: `start`, and then `turn`. */
  run(job: ScriptJob, frame: ScriptFrame): { readonly job: number; readonly turn: ScriptTurn } {
    const number = this.start(job);
    return { job: number, turn: this.turn(number, frame) };
  }

  /** Starts a job, whose first turn is to be waited for next. The number names the job until it has ended. Throws ScriptChildDied or ScriptChildBroken. */
  start(job: ScriptJob): number {
    this.#giveUp(this.#ahead.length);
    this.#hearOut();
    const number = this.#nextJob++;
    const module = this.#modules.has(job.module) ? noBytes : job.moduleBytes();
    this.#modules.add(job.module);
    this.#addJob(fromHost.run, number, job, module);
    this.#send();
    return number;
  }

  /**
   * Sends jobs that are to follow the one that was started last, in this order. Their module is one that the child has had. Those that would be too much for the pipe, and all after them, are left out. Throws
   * ScriptChildDied.
   */
  sendAhead(jobs: readonly ScriptJob[]): void {
    let sum = this.#ahead.reduce((bytes, each) => bytes + each.bytes, 0);
    for (const job of jobs) {
      const number = this.#nextJob++;
      const bytes = this.#addJob(fromHost.ahead, number, job, noBytes);
      sum += bytes;
      if (sum > aheadBytesMax) {
        this.#out.takeBack();
        break;
      }
      this.#ahead.push({ job: number, request: job.request.oid, bytes });
    }
    this.#send();
  }

  /** Adds a `run` or `run ahead` to what is sent next; its bytes. */
  #addJob(type: number, number: number, { request, args, near, module }: ScriptJob, moduleBytes: Uint8Array): number {
    const out = this.#out;
    out.begin(type);
    out.number(number);
    out.oid(request.oid);
    out.oid(request.args);
    out.oid(request.std ?? noOid);
    out.text(request.salt);
    out.counted(args);
    out.number(near.length);
    for (const { oid, bytes } of near) {
      out.oid(oid);
      out.counted(bytes);
    }
    out.oid(module);
    out.counted(moduleBytes);
    return out.end();
  }

  /** Requests of jobs that were sent ahead and are neither asked for nor given up, in their order. */
  get ahead(): readonly Oid[] {
    return this.#ahead.map(({ request }) => request);
  }

  /** The job that was sent ahead for a request, whose first turn is to be waited for next; undefined when there is none. Those that were to come before it are given up. Throws as `start`. */
  takeUp(request: Oid): number | undefined {
    const at = this.#ahead.findIndex((each) => each.request === request);
    if (at < 0) return undefined;
    this.#giveUp(at);
    this.#hearOut();
    // A job that was given up may have ended so that the child forgot all that was to follow.
    return this.#ahead.shift()?.job;
  }

  #giveUp(count: number): void {
    for (const { job } of this.#ahead.splice(0, count)) this.#unwanted.add(job);
  }

  /** Reads until the turns of all jobs that were given up have ended. */
  #hearOut(): void {
    if (this.#unwanted.size === 0) return;
    this.#onHearing(true);
    try {
      this.awaitReady();
      while (this.#unwanted.size > 0) this.#hearUnwanted();
    } catch (error) {
      if (error instanceof MalformedMessage) this.#break(error);
      throw error;
    } finally {
      this.#onHearing(false);
    }
  }

  #hearUnwanted(): void {
    const { type, reader } = this.#receive();
    const job = reader.number();
    if (!this.#unwanted.has(job) || !(isEnd(type) || isAsking(type) || isTelling(type))) throw new MalformedMessage();
    if (isAsking(type)) this.#answer(undefined);
    if (!isEnd(type)) return;
    this.#unwanted.delete(job);
    if (type === fromChild.wait) this.drop(job);
    this.#followUp(type);
  }

  /** The child forgets jobs ahead behind one that is not done. */
  #followUp(type: number): void {
    if (type !== fromChild.wait && type !== fromChild.exhausted) return;
    this.#ahead = [];
    this.#unwanted.clear();
  }

  /** Goes on with a job that waits: the outcomes of its calls, in their order. Throws as `turn`. */
  settle(job: number, outcomes: readonly Outcome[], frame: ScriptFrame): ScriptTurn {
    this.#giveUp(this.#ahead.length);
    this.#hearOut();
    const out = this.#out;
    out.begin(fromHost.settled);
    out.number(job);
    out.number(outcomes.length);
    for (const outcome of outcomes) {
      if (outcome.kind === "failed") {
        out.byte(2);
        out.text(outcome.code);
        out.text(outcome.message);
      } else {
        out.byte(outcome.kind === "tree" ? 1 : 0);
        out.oid(outcome.oid);
      }
    }
    out.end();
    this.#send();
    return this.turn(job, frame);
  }

  /** Forgets a job that waits. */
  drop(job: number): void {
    if (!this.#isOpen) return;
    try {
      this.#out.begin(fromHost.drop);
      this.#out.number(job);
      this.#out.end();
      this.#send();
    } catch (error) {
      // With its process gone the job is forgotten, too; whoever runs the next one is told.
      if (!(error instanceof ScriptChildDied)) throw error;
    }
  }

  /** Ends the process, whatever it does. Jobs that wait in it are lost. */
  kill(): void {
    this.#close();
    if (this.pid !== undefined) killProcess(this.pid);
  }

  /** Lets an idle process end by itself. */
  close(): void {
    this.#close();
  }

  #close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#closeEnds();
  }

  /** Whether it has been given no job yet. */
  get isNew(): boolean {
    return this.#nextJob === 1;
  }

  /** Whether the child has said that it can take a job, and that was read. */
  get isReady(): boolean {
    return this.#isReady;
  }

  /** Waits until the child can take a job. */
  awaitReady(): void {
    if (this.#isReady) return;
    const { type, reader } = this.#receive();
    if (type !== fromChild.ready) this.#break();
    reader.end();
    this.#isReady = true;
  }
  #isReady = false;

  /** Reads a job's turn to its end, and does what the job asks for. Throws what the frame throws, ScriptChildDied, or ScriptChildBroken. */
  turn(job: number, frame: ScriptFrame): ScriptTurn {
    this.awaitReady();
    /** Why the job is over; the child is told when it asks next. */
    let over: { readonly error: unknown } | undefined;
    for (;;) {
      const { type, reader } = this.#receive();
      try {
        if (reader.number() !== job) throw new MalformedMessage();
        if (isEnd(type)) {
          this.#followUp(type);
          const turn = readEnd(type, reader);
          reader.end();
          if (over !== undefined && turn?.how === "waits") this.drop(job);
          if (over !== undefined) throw new FrameThrew(over.error);
          if (turn === undefined) throw new MalformedMessage();
          return turn;
        }
        let answer: Uint8Array | ErrorNumber = noBytes;
        if (over === undefined) {
          try {
            answer = serve(type, reader, frame);
          } catch (error) {
            if (error instanceof MalformedMessage) throw error;
            over = { error };
          }
        }
        if (isAsking(type)) this.#answer(over === undefined ? answer : undefined);
      } catch (error) {
        if (error instanceof FrameThrew) throw error.error;
        if (error instanceof MalformedMessage) this.#break(error);
        throw error;
      }
    }
  }

  /** Undefined: the job is abandoned. */
  #answer(answer: Uint8Array | ErrorNumber | undefined): void {
    const { abandon, error, ok } = answerStatus;
    this.#out.begin(fromHost.answer);
    this.#out.byte(answer === undefined ? abandon : typeof answer === "number" ? error : ok);
    if (typeof answer === "number") this.#out.text(errorText(answer));
    else this.#out.counted(answer ?? noBytes);
    this.#out.end();
    this.#send();
  }

  #break(cause?: unknown): never {
    this.kill();
    throw new ScriptChildBroken(cause);
  }

  #send(): void {
    const bytes = this.#out.take();
    if (bytes.length === 0) return;
    if (!this.#isOpen) throw new ScriptChildDied();
    try {
      for (let sent = 0; sent < bytes.length;) sent += writeSync(this.#toChild, bytes, sent);
    } catch (error) {
      this.#close();
      throw new ScriptChildDied(error);
    }
  }

  /** The next message, in place until the one after it is read. */
  #receive(): { readonly type: number; readonly reader: MessageReader } {
    this.#skip();
    this.#fill(headerBytes);
    const length = 4 + readNumber(this.#buffer, 0);
    if (length < headerBytes || length > messageBytesMax + 4) this.#break();
    this.#fill(length);
    this.#message = length;
    const bytes = this.#buffer.subarray(0, length);
    return { type: bytes[4] as number, reader: new MessageReader(bytes, headerBytes) };
  }
  /** Length of the message that was given out last. */
  #message = 0;

  #skip(): void {
    this.#have -= this.#message;
    // What is kept for later may lie in what was given out, so a large buffer is not kept, and a small one is written to only when the message is done with.
    if (this.#buffer.length > readBytes) {
      const left = this.#buffer.subarray(this.#message, this.#message + this.#have);
      this.#buffer = Buffer.allocUnsafe(Math.max(readBytes, left.length));
      this.#buffer.set(left);
    } else if (this.#have > 0) this.#buffer.copy(this.#buffer, 0, this.#message, this.#message + this.#have);
    this.#message = 0;
  }

  #fill(length: number): void {
    if (!this.#isOpen) throw new ScriptChildDied();
    if (length > this.#buffer.length) {
      const larger = Buffer.allocUnsafe(length);
      this.#buffer.copy(larger, 0, 0, this.#have);
      this.#buffer = larger;
    }
    while (this.#have < length) {
      let got = 0;
      try {
        got = readSync(this.#fromChild, this.#buffer, this.#have, this.#buffer.length - this.#have, null);
      } catch (error) {
        this.#close();
        throw new ScriptChildDied(error);
      }
      if (got === 0) {
        this.#close();
        throw new ScriptChildDied();
      }
      this.#have += got;
    }
  }
}

/** Carries what a frame threw past what catches malformed messages. */
class FrameThrew {
  readonly error: unknown;
  constructor(error: unknown) {
    this.error = error;
  }
}

const noBytes = Buffer.alloc(0);
const noOid = "0".repeat(2 * oidBytes) as Oid;

/** Messages on their way to the child, one behind the other. Fields are written in place: a buffer for each costs more than what is in it. */
class Outgoing {
  #bytes = Buffer.allocUnsafe(outgoingBytes);
  #length = 0;
  /** Where the message that was begun last begins. */
  #begun = 0;

  begin(type: number): void {
    this.#begun = this.#length;
    const at = this.#take(headerBytes);
    this.#bytes[at + headerBytes - 1] = type;
  }

  byte(value: number): void {
    const at = this.#take(1);
    this.#bytes[at] = value;
  }

  number(value: number): void {
    const at = this.#take(4);
    writeNumber(this.#bytes, at, value);
  }

  oid(name: Oid): void {
    const at = this.#take(oidBytes);
    writeOid(name, this.#bytes, at);
  }

  counted(bytes: Uint8Array): void {
    this.number(bytes.length);
    const at = this.#take(bytes.length);
    this.#bytes.set(bytes, at);
  }

  text(text: string): void {
    if (text === "") this.number(0);
    else this.counted(Buffer.from(text, "utf8"));
  }

  /** Ends the message that was begun last; its bytes. */
  end(): number {
    const length = this.#length - this.#begun;
    writeNumber(this.#bytes, this.#begun, length - 4);
    return length;
  }

  /** Takes back the message that was ended last. */
  takeBack(): void {
    this.#length = this.#begun;
  }

  /** All messages, to be written before the next one is begun. */
  take(): Buffer {
    const messages = this.#bytes.subarray(0, this.#length);
    this.#length = 0;
    if (this.#bytes.length > outgoingBytes) this.#bytes = Buffer.allocUnsafe(outgoingBytes);
    return messages;
  }

  #take(length: number): number {
    const at = this.#length;
    this.#length += length;
    if (this.#length > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(2 * this.#length);
      this.#bytes.copy(larger, 0, 0, at);
      this.#bytes = larger;
    }
    return at;
  }
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8");
}

/** Whether a message that is no end is answered. */
function isAsking(type: number): boolean {
  return type >= fromChild.get && type <= fromChild.putTree;
}

/** Whether a message is neither an end nor answered. */
function isTelling(type: number): boolean {
  return type >= fromChild.log && type <= fromChild.read;
}

function isEnd(type: number): boolean {
  return type >= fromChild.wait && type <= fromChild.exhausted;
}

/** Undefined for a job that was abandoned. */
function readEnd(type: number, reader: MessageReader): ScriptTurn | undefined {
  switch (type) {
    case fromChild.wait:
      return { how: "waits", calls: readCalls(reader) };
    case fromChild.completed: {
      const kind = reader.byte();
      const bytes = reader.lengthAndBytes();
      if (kind === 2) return { how: "returned", bytes: Buffer.from(bytes) };
      if (kind > 2 || bytes.length !== oidBytes) throw new MalformedMessage();
      return { how: "completed", result: { kind: kind === 1 ? "tree" : "blob", oid: oidFromBytes(bytes, 0) } };
    }
    case fromChild.failed: {
      const code = (["trap", "abi", "module"] as const)[reader.byte()];
      if (code === undefined) throw new MalformedMessage();
      return { how: "failed", code, message: textOf(reader.lengthAndBytes()), detail: textOf(reader.lengthAndBytes()) };
    }
    case fromChild.exhausted:
      return { how: "exhausted", message: textOf(reader.lengthAndBytes()) };
    default:
      return undefined;
  }
}

function readCalls(reader: MessageReader): NestedCall[] {
  const calls: NestedCall[] = [];
  for (let left = reader.number(); left > 0; left--) {
    const image = textOf(reader.lengthAndBytes());
    const kind = reader.byte();
    const bytes = reader.lengthAndBytes();
    if (kind === 1) calls.push({ image, args: Buffer.from(bytes) });
    else if (bytes.length === oidBytes) calls.push({ image, args: oidFromBytes(bytes, 0) });
    else throw new MalformedMessage();
  }
  return calls;
}

/** The bytes of a name, or why there is none. */
function named(given: Oid | ErrorNumber): Uint8Array | ErrorNumber {
  return typeof given === "number" ? given : oidToBytes(given);
}

function serve(type: number, reader: MessageReader, frame: ScriptFrame): Uint8Array | ErrorNumber {
  // Bytes that are kept are copied out of the buffer that is read into.
  const bytes = () => {
    const given = Buffer.from(reader.lengthAndBytes());
    reader.end();
    return given;
  };
  switch (type) {
    case fromChild.get:
    case fromChild.read:
    case fromChild.tree: {
      const name = oidFromBytes(reader.oid(), 0);
      reader.end();
      return type === fromChild.tree ? frame.tree(name) : frame.blob(name);
    }
    case fromChild.putBlob:
    case fromChild.putSmall:
      return named(frame.putBlob(bytes()));
    case fromChild.putTree:
      return named(frame.putTree(bytes()));
    case fromChild.log:
      frame.addLine(textOf(bytes()));
      return noBytes;
    default:
      throw new MalformedMessage();
  }
}

/** Ends a process, if it has not ended by itself. */
export function killProcess(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** Starts the process on those ends of the pipes, with nothing of this one's environment, and leave to read its own files alone. */
function start(
  [input, output]: readonly [number, number],
  flags: readonly string[],
  numbers: readonly number[],
): ChildProcess {
  const extension = extname(import.meta.url);
  // Beside this file as a source and as a built module; a bundle lies above the built modules.
  const place = extension === ".cjs" ? "./isolate-host/script/" : "./";
  const here = realpathSync(fileURLToPath(new URL(place, import.meta.url)));
  const program = join(here, `child${extension === ".ts" ? ".ts" : ".cjs"}`);
  const addon = addonFile();
  const readable = [here, join(here, "..", "..", "abi"), addon];
  const child = processes().spawn(
    process.execPath,
    [
      "--no-node-snapshot",
      // Nobody reads them, and to say that addons are allowed takes a tenth of the start.
      "--no-warnings",
      "--no-flush-bytecode",
      `--stack-size=${hostStackKb}`,
      ...flags,
      "--permission",
      "--allow-addons",
      ...readable.map((folder) => `--allow-fs-read=${folder}`),
      program,
      addon,
      ...numbers.map(String),
    ],
    { stdio: [input, output, "ignore"], env: { TZ: "UTC", LC_ALL: "C" } },
  );
  // A process that can't be started is the end of its pipe, too.
  child.on("error", () => {});
  child.unref();
  started.add(child);
  child.once("exit", () => started.delete(child));
  return child;
}

/** Where isolated-vm's native code for this machine is: the child loads that file and nothing around it, so that it need not be let read any package. */
function addonFile(): string {
  const requireHere = createRequire(import.meta.url);
  const main = requireHere.resolve("isolated-vm");
  const { path } = createRequire(main)("node-gyp-build") as { path: (folder: string) => string };
  return realpathSync(path(dirname(main)));
}
