/**
 * A frame: one execution of a guest, whatever runs it. It serves the guest's calls against the store and the settler, and notes what
 * the memo needs (objects read, result, last line). Absence is never an answer: a missing object throws through the frame.
 */
import {
  blobAnswer,
  emptyAnswer,
  errorAnswer,
  hashAnswer,
  jobAnswer,
  outcomeAnswer,
  outcomesAnswer,
  treeAnswer,
} from "../abi/answer.ts";
import type { GuestCall, NestedCall } from "../abi/call.ts";
import { errorTexts, failureTexts, type ErrorText } from "../abi/error-texts.ts";
import { defaultGuestLimits, describePassedLimit, type GuestLimitName, type GuestLimits } from "../abi/limits.ts";
import type { Objects } from "../abi/objects.ts";
import { putRequest, type Request } from "../abi/request.ts";
import { RandomStream, VirtualClock } from "../abi/virtual.ts";
import { bindArgs, resolveImage, type ResolvedImage } from "../abi/worker.ts";
import type { Job } from "../scheduler/settle.ts";
import type { GitObject } from "../store/object.ts";
import type { Oid } from "../store/oid.ts";
import { failure, type FailureCode, type Failure, type Outcome, type Result } from "../store/outcome.ts";
import { MalformedTree, decodeTree, encodeTree, kindOfMode, type TreeEntry } from "../store/tree.ts";
import { HotMap } from "../store/hot-map.ts";

/** The longest line that an execution may log; a longer one fails the job, as more log in all than its limit does. */
export const logLineBytesMax = 1 << 16;
/** The largest object that a guest may put. */
export const putBytesMax = 256 << 20;

/** What a frame needs of the executor that it runs on. */
export interface FrameHost {
  readonly objects: Objects;
  settleNested(job: Job, requests: readonly Request[]): readonly Outcome[] | undefined;
  /** The lines of an execution that completed; one that unwound is not heard, so that its replay says nothing twice. */
  onLog(job: Job, lines: readonly string[]): void;
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
  readonly clock = new VirtualClock();
  readonly reads = new Set<Oid>();
  readonly log: string[] = [];
  readonly #host: FrameHost;
  readonly #limits: GuestLimits;
  #random: RandomStream | undefined;
  #result: Result | undefined;
  #calledOutTwice = false;
  #logBytes = 0;
  #nestedRuns = 0;
  /** Bytes written to a standard stream that no newline has ended yet. */
  readonly #openLines = new Map<number, Buffer>();

  constructor(host: FrameHost, job: Job, limits: GuestLimits) {
    this.#host = host;
    this.job = job;
    this.#limits = limits;
  }

  get random(): RandomStream {
    this.#random ??= new RandomStream(this.job.request.oid);
    return this.#random;
  }

  /** Answers a call; an error text becomes an `{"error"}`. Throws Unwind, GuestFailed, NonAnswerError, or the store's errors. */
  serve(call: GuestCall | ErrorText): Buffer {
    if (typeof call === "string") return errorAnswer(call);
    switch (call.op) {
      case "job":
        return jobAnswer(this.job.request);
      case "tree":
        return this.#tree(call.hash);
      case "get": {
        const { kind, body } = this.#read(call.hash);
        return kind === "blob" ? blobAnswer(body) : errorAnswer(errorTexts.notABlob);
      }
      case "put_blob":
        if (call.bytes.length > putBytesMax) return errorAnswer(errorTexts.tooLarge);
        return hashAnswer(this.#host.objects.put("blob", call.bytes));
      case "put_tree":
        return this.#putTree(call.entries);
      case "run": {
        const outcomes = this.#run([call.call]);
        return typeof outcomes === "string" ? errorAnswer(outcomes) : outcomeAnswer(outcomes[0] as Outcome);
      }
      case "run_many": {
        const outcomes = this.#run(call.calls);
        return typeof outcomes === "string" ? errorAnswer(outcomes) : outcomesAnswer(outcomes);
      }
      case "out":
        return this.#out({ kind: call.kind, oid: call.hash });
      case "log":
        this.addLine(call.msg);
        return emptyAnswer;
    }
  }

  /** The outcome of a guest that returned normally. */
  finish(): Outcome {
    this.endLines();
    if (this.#calledOutTwice) return failure("abi", errorTexts.outTwice);
    return this.#result ?? this.fail("abi", failureTexts.noResult);
  }

  /** A failed outcome of this execution: the guest's last line says why, else the fixed text. */
  fail(code: FailureCode, text: string): Failure {
    try {
      this.endLines();
    } catch (error) {
      // The line that is ended here may be the one too many.
      if (error instanceof GuestFailed) return error.failure;
      throw error;
    }
    return failure(code, this.log.at(-1) ?? text);
  }

  addLine(line: string): void {
    this.#logBytes += Buffer.byteLength(line) + 1;
    this.checkLineBytes(Buffer.byteLength(line));
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

  #tree(name: Oid): Buffer {
    const { kind, body } = this.#read(name);
    if (kind !== "tree") return errorAnswer(errorTexts.notATree);
    try {
      return treeAnswer(decodeTree(body));
    } catch (error) {
      if (error instanceof MalformedTree) return errorAnswer(errorTexts.malformedTree);
      throw error;
    }
  }

  #putTree(entries: readonly TreeEntry[]): Buffer {
    for (const entry of entries) {
      const kind = kindOfMode(entry.mode);
      if (kind !== "commit" && this.#kindOf(entry.oid) !== kind) return errorAnswer(errorTexts.wrongKind);
    }
    const bytes = encodeTree(entries);
    if (bytes.length > putBytesMax) return errorAnswer(errorTexts.tooLarge);
    return hashAnswer(this.#host.objects.put("tree", bytes));
  }

  #out(result: Result): Buffer {
    if (this.#kindOf(result.oid) !== result.kind) return errorAnswer(errorTexts.wrongKind);
    if (this.#result !== undefined) {
      this.#calledOutTwice = true;
      return errorAnswer(errorTexts.outTwice);
    }
    this.#checkResultBytes(result.oid);
    this.#result = result;
    return emptyAnswer;
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

  /** An object's kind; one that is not here throws, as reading it would. */
  #kindOf(name: Oid): GitObject["kind"] {
    return this.#host.objects.kindOf(name) ?? this.#host.objects.get(name).kind;
  }

  #run(calls: readonly NestedCall[]): readonly Outcome[] | ErrorText {
    this.#nestedRuns += calls.length;
    if (this.#nestedRuns > this.#limits.nestedRuns) throw this.#passed("nestedRuns", failureTexts.tooManyRuns);
    const requests: Request[] = [];
    for (const call of calls) {
      const request = formRequest(this.#host.objects, this.job.request, call, this.reads);
      if (typeof request === "string") return request;
      requests.push(request);
    }
    const outcomes = this.#host.settleNested(this.job, requests);
    if (outcomes === undefined) throw new Unwind();
    return outcomes;
  }
}

/** Images already unwrapped, by std and image: what an oid says never changes. */
const resolvedImages = new HotMap<string, { readonly image: ResolvedImage; readonly reads: readonly Oid[] }>(4096);

/** The request that a nested call means, stored; or the text of why there is none. */
function formRequest(objects: Objects, from: Request, call: NestedCall, noted: Set<Oid>): Request | ErrorText {
  const key = `${from.std ?? ""} ${call.image}`;
  let known = resolvedImages.get(key);
  if (known === undefined) {
    const reads: Oid[] = [];
    const get = (name: Oid) => {
      const object = objects.get(name);
      reads.push(name);
      return object;
    };
    const found = resolveImage({ get }, call.image, from.std);
    if ("error" in found) {
      for (const name of reads) noted.add(name);
      return found.error;
    }
    known = { image: found, reads };
    resolvedImages.set(key, known);
  }
  const { image, reads } = known;
  for (const name of reads) noted.add(name);
  if (image.bound.size > 0) noted.add(call.args);
  const kind = objects.kindOf(call.args) ?? objects.get(call.args).kind;
  if (kind !== "tree") return errorTexts.argsNotATree;
  const args = bindArgs(objects, call.args, image.bound);
  return typeof args === "string" ? putRequest(objects, image.node.oid, args, from) : args.error;
}
