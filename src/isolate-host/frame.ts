/**
 * A frame: one execution of a guest, whatever runs it. Its operations are what guests can do, on typed values; how a guest spells them is its ABI's matter
 * (json-calls.ts, binary-calls.ts), so every ABI has one meaning. It notes what the memo needs (objects read, result, last line).
 *
 * An error that a guest is told of is a number, whatever else an operation throws ends the frame: Unwind, GuestFailed, NonAnswerError, or the store's errors. Absence is
 * never an answer: a missing object throws.
 */
import type { NestedCall } from "../abi/call.ts";
import { errorNumber, errorNumbers, type ErrorNumber } from "../abi/error-numbers.ts";
import { errorTexts, failureTexts } from "../abi/error-texts.ts";
import { defaultGuestLimits, describePassedLimit, type GuestLimitName, type GuestLimits } from "../abi/limits.ts";
import type { Objects } from "../abi/objects.ts";
import { putRequestOf, requestForm, type Request, type RequestForm } from "../abi/request.ts";
import { entryKind, entryOidAt, isTree, orderedTree } from "../abi/tree-bytes.ts";
import { RandomStream, VirtualClock } from "../abi/virtual.ts";
import { bindArgs, resolveImage, type ResolvedImage } from "../abi/worker.ts";
import type { Job } from "../scheduler/settle.ts";
import type { GitObject } from "../store/object.ts";
import { isOidAt, oidBytes, oidFromBytes, type Oid } from "../store/oid.ts";
import { failure, type FailureCode, type Failure, type Outcome, type Result } from "../store/outcome.ts";
import type { Refs } from "./fitted-modules.ts";
import { HotMap } from "../store/hot-map.ts";

/** The longest line that an execution may log; a longer one fails the job, as more log in all than its limit does. */
export const logLineBytesMax = 1 << 16;
/** The largest object that a guest may put. */
export const putBytesMax = 256 << 20;

/** Called after a command has written; `length` bytes are in the stream by now, and `from` gives those from a place on, to be copied. */
export type HearsOutput = (stream: "stdout" | "stderr", length: number, from: (at: number) => Uint8Array) => void;

/** What a frame needs of the executor that it runs on. */
export interface FrameHost {
  readonly objects: Objects & Refs & { near(name: Oid): GitObject | undefined; sizeOf(name: Oid): number };
  settleNested(job: Job, requests: readonly Request[]): readonly Outcome[] | undefined;
  /** Those of the next so many requests of the job's image that will most likely be executed here right after it, and are not among `known`. */
  upcoming(job: Job, countMax: number, known: readonly Oid[]): readonly Request[];
  /** The lines of an execution that completed; one that unwound is not heard, so that its replay says nothing twice. */
  onLog(job: Job, lines: readonly string[]): void;
  /** Whoever wants to hear what the job, a command, writes while it runs: called after each write. */
  outputOf?(job: Job): HearsOutput | undefined;
  /** Told true before what a guest needs is made, which is no time of the guest's, and false when it is. */
  prepares?(isPreparing: boolean): void;
}

/** Thrown by a call that can't be answered now: the frame must unwind, past whatever the guest catches. */
export class Unwind {
  readonly reason = "a nested request is not settled yet";
}

/** Thrown by a call that ends the guest as failed. */
export class GuestFailed {
  readonly failure: Failure;
  /** For people. */
  readonly detail: string | undefined;
  constructor(failed: Failure, detail?: string) {
    this.failure = failed;
    this.detail = detail;
  }
}

export class Frame {
  readonly job: Job;
  readonly reads = new Set<Oid>();
  readonly log: string[] = [];
  /** Which line of the log says why it fails, where that is not the last one. */
  reason: string | undefined;
  readonly #host: FrameHost;
  readonly #limits: GuestLimits;
  // Most frames need none of these three.
  #clock: VirtualClock | undefined;
  #random: RandomStream | undefined;
  /** Bytes written to a standard stream that no newline has ended yet. */
  #openLines: Map<number, Buffer> | undefined;
  /** What was put last. It is here: were it deleted since, what relies on it is not committed (store.md, generation). */
  #lastPut: Result | undefined;
  #result: Result | undefined;
  #calledOutTwice = false;
  #logBytes = 0;
  #nestedRuns = 0;
  /** The image that the last call named, and its args' tree. */
  #nested: NestedImage | undefined;
  #checkedArgs: Uint8Array = noBytes;

  constructor(host: FrameHost, job: Job, limits: GuestLimits) {
    this.#host = host;
    this.job = job;
    this.#limits = limits;
  }

  get clock(): VirtualClock {
    this.#clock ??= new VirtualClock();
    return this.#clock;
  }

  get random(): RandomStream {
    this.#random ??= new RandomStream(this.job.request.oid);
    return this.#random;
  }

  /** A tree's bytes as they are stored, sound ones. */
  tree(name: Oid): Uint8Array | ErrorNumber {
    const { kind, body } = this.#read(name);
    if (kind !== "tree") return errorNumbers.notATree;
    return isTree(body) ? body : errorNumbers.malformedTree;
  }

  /** A blob's bytes. */
  blob(name: Oid): Uint8Array | ErrorNumber {
    const { kind, body } = this.#read(name);
    return kind === "blob" ? body : errorNumbers.notABlob;
  }

  /** An object if having it costs microseconds: it does not count as read. */
  near(name: Oid): GitObject | undefined {
    return this.#host.objects.near(name);
  }

  /** Stores a blob. The bytes are kept, and are not to be written to afterwards. */
  putBlob(bytes: Uint8Array): Oid | ErrorNumber {
    return bytes.length > putBytesMax ? errorNumbers.tooLarge : this.#put("blob", bytes);
  }

  /** Stores a tree, given its entries' bytes in any order; what they name must be of the kind that they say. The bytes are kept, and are not to be written to afterwards. */
  putTree(entries: Uint8Array): Oid | ErrorNumber {
    const bytes = this.#soundTree(entries, noBytes);
    return typeof bytes === "number" ? bytes : this.#put("tree", bytes);
  }

  /** A tree's bytes in git's order, what it names being of the kind that it says; or what is wrong with it. `checked` is a tree of which that is known already: most have an entry in common with the one before. */
  #soundTree(entries: Uint8Array, checked: Uint8Array): Uint8Array | ErrorNumber {
    if (entries.length > putBytesMax) return errorNumbers.tooLarge;
    const bytes = orderedTree(entries);
    if (typeof bytes === "number") return bytes;
    // Entries begin at the same places in both for as long as their modes and names are the same.
    let isAlike = true;
    for (let at = 0; at < bytes.length;) {
      const oidAt = entryOidAt(bytes, at);
      const end = oidAt + oidBytes;
      isAlike = isAlike && isSame(bytes, checked, at, oidAt);
      if (!isAlike || !isSame(bytes, checked, oidAt, end)) {
        const kind = entryKind(bytes, at);
        if (kind !== "commit" && !this.#isA(kind, oidFromBytes(bytes, oidAt))) return errorNumbers.wrongKind;
      }
      at = end;
    }
    return bytes;
  }

  #put(kind: Result["kind"], bytes: Uint8Array): Oid {
    const name = this.#host.objects.put(kind, bytes);
    this.#lastPut = { kind, oid: name };
    return name;
  }

  /** The name that these 20 bytes are. What was put last, as most results were, is known without making its name anew. */
  nameAt(bytes: Uint8Array, at: number): Oid {
    const last = this.#lastPut?.oid;
    return last !== undefined && isOidAt(last, bytes, at) ? last : oidFromBytes(bytes, at);
  }

  /** The outcomes of nested requests, in their order; an error when one is malformed, and then none has started. */
  run(calls: readonly NestedCall[]): readonly Outcome[] | ErrorNumber {
    this.countRuns(calls.length);
    const requests: Request[] = [];
    for (const call of calls) {
      const request = this.request(call);
      if (typeof request === "number") return request;
      requests.push(request);
    }
    return this.settle(requests);
  }

  /** Counts calls before they are looked at: malformed ones count. Throws GuestFailed when they are too many. */
  countRuns(calls: number): void {
    this.#nestedRuns += calls;
    if (this.#nestedRuns > this.#limits.nestedRuns) throw this.#passed("nestedRuns", failureTexts.tooManyRuns);
  }

  /** The request that a call forms, or an error; it has not started. Args are a name, or entries as for `putTree`. */
  request({ image, args: given }: NestedCall): Request | ErrorNumber {
    const { objects } = this.#host;
    let args = given;
    if (typeof args !== "string") {
      const tree = this.#soundTree(args, this.#checkedArgs);
      if (typeof tree === "number") return tree;
      this.#checkedArgs = tree;
      args = this.#put("tree", tree);
    }
    let nested = this.#nested;
    if (nested?.text !== image) {
      const found = nestedImage(objects, image, this.job.request, this.reads);
      if (typeof found === "number") return found;
      this.#nested = nested = found;
    }
    if (nested.bound.size > 0) this.reads.add(args);
    if (args === given && !this.#isA("tree", args)) return errorNumbers.argsNotATree;
    const bound = bindArgs(objects, args, nested.bound);
    return typeof bound === "string" ? putRequestOf(objects, nested.form, bound) : errorNumber(bound.error);
  }

  /** The outcomes of requests that `request` formed, in their order. */
  settle(requests: readonly Request[]): readonly Outcome[] {
    const outcomes = this.#host.settleNested(this.job, requests);
    if (outcomes === undefined) throw new Unwind();
    return outcomes;
  }

  /** Names the result; undefined when that went well. */
  out(kind: Result["kind"], name: Oid): ErrorNumber | undefined {
    const isPut = this.#lastPut?.oid === name && this.#lastPut.kind === kind;
    if (!isPut && !this.#isA(kind, name)) return errorNumbers.wrongKind;
    if (this.#result !== undefined) {
      this.#calledOutTwice = true;
      return errorNumbers.outTwice;
    }
    this.#checkResultBytes(name);
    this.#result = { kind, oid: name };
    return undefined;
  }

  /** The outcome of a guest that returned normally. */
  finish(): Outcome {
    this.endLines();
    if (this.#calledOutTwice) return failure("abi", errorTexts.outTwice);
    return this.#result ?? this.fail("abi", failureTexts.noResult);
  }

  /** A failed outcome of this execution: `reason` of the guest's lines says why, its last one if there is no such, else the fixed text. */
  fail(code: FailureCode, text: string): Failure {
    try {
      this.endLines();
    } catch (error) {
      // The line that is ended here may be the one too many.
      if (error instanceof GuestFailed) return error.failure;
      throw error;
    }
    return failure(code, this.reason ?? this.log.at(-1) ?? text);
  }

  addLine(line: string): void {
    const bytes = Buffer.byteLength(line);
    this.#logBytes += bytes + 1;
    this.checkLineBytes(bytes);
    this.checkLogBytes(this.#logBytes);
    this.log.push(line);
  }

  /** Throws GuestFailed when so many bytes of log are too many. */
  checkLogBytes(bytes: number): void {
    if (bytes > this.#limits.logBytes) throw this.#passed("logBytes", failureTexts.loggedTooMuch);
  }

  checkLineBytes(bytes: number): void {
    if (bytes <= logLineBytesMax) return;
    const detail = `it logged a line of more than ${logLineBytesMax} bytes; shorter lines are the way`;
    throw new GuestFailed(failure("limit", failureTexts.loggedTooMuch), detail);
  }

  /** Text written to a stream becomes lines of the log as newlines come. */
  write(stream: number, bytes: Uint8Array): void {
    this.#openLines ??= new Map();
    let open = Buffer.concat([this.#openLines.get(stream) ?? Buffer.alloc(0), bytes]);
    for (let end = open.indexOf(0x0a); end >= 0; end = open.indexOf(0x0a)) {
      this.addLine(open.toString("utf8", 0, end));
      open = open.subarray(end + 1);
    }
    this.checkLineBytes(open.length);
    this.#openLines.set(stream, open);
  }

  /** Lines that no newline ended, stream by stream. */
  endLines(): void {
    if (this.#openLines === undefined) return;
    for (const [stream, open] of [...this.#openLines].toSorted(([a], [b]) => a - b)) {
      this.#openLines.delete(stream);
      if (open.length > 0) this.addLine(open.toString("utf8"));
    }
  }

  #read(name: Oid): GitObject {
    const object = this.#host.objects.get(name);
    this.reads.add(name);
    return object;
  }

  #checkResultBytes(name: Oid): void {
    const { resultBytes } = this.#limits;
    // No object is larger than the default, so the object is only looked at for workers that want less.
    if (resultBytes === defaultGuestLimits.resultBytes) return;
    if (this.#host.objects.get(name).body.length > resultBytes) {
      throw this.#passed("resultBytes", failureTexts.resultTooLarge);
    }
  }

  #passed(name: GuestLimitName, text: string): GuestFailed {
    return new GuestFailed(failure("limit", text), describePassedLimit(name, this.#limits));
  }

  /** Whether an object is of a kind; one that is not here throws, as reading it would. A no follows from its bytes alone: a header may be damaged. It is noted as read, since nothing else may name it. */
  #isA(kind: GitObject["kind"], name: Oid): boolean {
    return this.#host.objects.kindOf(name) === kind || this.#read(name).kind === kind;
  }
}

const noBytes = new Uint8Array(0);

/** Whether both have the same bytes from `from` to `end`. */
function isSame(a: Uint8Array, b: Uint8Array, from: number, end: number): boolean {
  if (end > b.length) return false;
  for (let each = from; each < end; each++) if (a[each] !== b[each]) return false;
  return true;
}

/** An image that nested requests name: what it comes to, and the form of requests for it. */
interface NestedImage {
  readonly text: string;
  readonly bound: ResolvedImage["bound"];
  /** What was read to unwrap it. */
  readonly reads: readonly Oid[];
  readonly form: RequestForm;
}

/** Images already unwrapped, by std and text: what an oid says never changes. */
const nestedImages = new HotMap<string, NestedImage>(4096);

/** What the requests of `from` for an image have in common; all that their form names is here. Adds to `noted` what its unwrapping reads. */
function nestedImage(objects: Objects, text: string, from: Request, noted: Set<Oid>): NestedImage | ErrorNumber {
  const key = `${from.std ?? ""} ${text}`;
  const known = nestedImages.get(key);
  // Objects can be deleted while this thread lives on, so the one blob that a request alone names is looked for again.
  if (known?.form.around.saltBlob === from.saltBlob && objects.kindOf(known.form.imageBlob) !== undefined) {
    for (const name of known.reads) noted.add(name);
    return known;
  }
  const reads: Oid[] = [];
  const get = (name: Oid) => {
    const object = objects.get(name);
    reads.push(name);
    return object;
  };
  const found = resolveImage({ get }, text, from.std);
  for (const name of reads) noted.add(name);
  if ("error" in found) return errorNumber(found.error);
  const nested = { text, bound: found.bound, reads, form: requestForm(objects, found.node.oid, from) };
  nestedImages.set(key, nested);
  return nested;
}
