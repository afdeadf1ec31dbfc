/**
 * Transcripts: the calls of a server and what they came to, one JSON object a line, and beside them the objects that came from outside. Guarantees: what stands in a line can be called again wherever the objects are; a line is
 * written after the objects that it needs, so a server that is killed leaves at most a last line, or a last object, cut short, which whoever opens the transcript next takes away.
 *
 *   FILE       {"coppice":"transcript","version":1}
 *              {"tool":NAME,"arguments":ARGUMENTS,"answer":FACTS}      the facts as the client got them (`structuredContent`)
 *              {"tool":NAME,"arguments":ARGUMENTS,"fault":{"kind":KIND,"message":TEXT}}
 *              {"tool":NAME,"arguments":ARGUMENTS,"fault":{"kind":"failed","message":TEXT,"failed":{"request":OID,"code":CODE,"message":TEXT}}}      a run that failed
 *   FILE.car   a CAR file (store/car.ts) whose root is the blob "coppice transcript objects 1\n", its first block; then objects, each after those that it names
 *
 * Of objects there are those that calls name and that no call before came to, with all that they name: imported trees above all. What calls came to is computed again. One server at a time writes a transcript.
 */
import {
  closeSync,
  existsSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
  statSync,
  writeSync,
  writevSync,
} from "node:fs";
import type { Engine, Oid } from "../engine.ts";
import { UsageError } from "../cli/exit.ts";
import { CarReader, MalformedCar, carBlock, carHeader, type CarBlock } from "../store/car.ts";
import { hashObject, type GitObject } from "../store/object.ts";
import { decodeTree, kindOfMode } from "../store/tree.ts";
import { ToolFault, type Answer, type Common, type FailedRun } from "./answer.ts";
import type { Call } from "./calls.ts";
import { namesIn } from "./tools.ts";

/** Bytes of a line: a message from a client and an answer fit in. */
const lineBytesMax = 256 << 20;
/** What is read at a time. */
const windowBytes = 1 << 20;

const version = 1;
const head = JSON.stringify({ coppice: "transcript", version });
const rootBlob: GitObject = { kind: "blob", body: Buffer.from("coppice transcript objects 1\n", "latin1") };
const root = hashObject("blob", rootBlob.body);

/** The facts of an answer, as they were written. */
export type RecordedFacts = Common & Readonly<Record<string, unknown>>;

export interface RecordedFault {
  readonly kind: ToolFault["kind"];
  readonly message: string;
  readonly failed?: FailedRun | undefined;
}

export interface RecordedCall extends Call {
  /** One of the two. */
  readonly answer?: RecordedFacts;
  readonly fault?: RecordedFault;
}

/** Where the objects of a transcript are. */
export function objectsFile(file: string): string {
  return `${file}.car`;
}

/** The calls of a transcript in their order. Throws UsageError for what is none. */
export function* readTranscript(file: string): Generator<RecordedCall, undefined> {
  let number = 0;
  for (const { text } of linesOf(file)) {
    number++;
    if (number === 1) checkHead(file, text);
    else yield parseLine(file, number, text);
  }
  if (number === 0) throw unfit(file, "it is empty");
  return undefined;
}

/** The objects of a transcript, each after those that it names; none where the file is not there. Throws UsageError. */
export function* readObjects(file: string): Generator<CarBlock, undefined> {
  const path = objectsFile(file);
  if (!existsSync(path)) return undefined;
  const car = refusing(path, () => new CarReader(path));
  try {
    if (car.root !== root) throw unfit(path, "it holds no objects of a transcript");
    for (;;) {
      const block = refusing(path, () => car.next());
      if (block === undefined) return undefined;
      yield block;
    }
  } finally {
    car.close();
  }
}

/** Appends calls to a transcript. */
export class TranscriptWriter {
  readonly #engine: Engine;
  readonly #lines: number;
  readonly #objects: number;
  /** Objects that are in the file. */
  readonly #written: Set<Oid>;
  /** Those of the call that is being written. */
  #added: Oid[] = [];
  /** Names of what calls came to. */
  readonly #known: Set<Oid>;

  /** Opens a transcript, or begins one where nothing is. Throws UsageError for a file that is none, or what the file system says. To be closed. */
  constructor(engine: Engine, file: string) {
    this.#engine = engine;
    const { known, end } = takeUp(file);
    const { written, objectsEnd } = takeUpObjects(file);
    this.#known = known;
    this.#written = written;
    this.#lines = openAt(file, end);
    this.#objects = openAt(objectsFile(file), objectsEnd);
    if (end === 0) writeSync(this.#lines, `${head}\n`);
    if (objectsEnd === 0) {
      writeSync(this.#objects, carHeader(root));
      this.#writeObject(root, rootBlob);
    }
  }

  /** Writes a call and what it came to. Throws MissingObject for an object that is gone, or what the file system says; then the transcript is as it was. */
  record(call: Call, answer: Answer | ToolFault): void {
    const before = [this.#lines, this.#objects].map((file) => ({ file, size: fstatSync(file).size }));
    this.#added = [];
    try {
      this.#record(call, answer);
    } catch (error) {
      for (const { file, size } of before) ftruncateSync(file, size);
      for (const name of this.#added) this.#written.delete(name);
      throw error;
    }
  }

  #record(call: Call, answer: Answer | ToolFault): void {
    const imported = call.tool === "import" && !(answer instanceof ToolFault) ? namesIn(answer.facts["result"]) : [];
    for (const name of [...namesIn(call.arguments), ...imported]) if (!this.#known.has(name)) this.#writeWhole(name);
    const came =
      answer instanceof ToolFault
        ? { fault: { kind: answer.kind, message: answer.message, ...(answer.failed && { failed: answer.failed }) } }
        : { answer: answer.facts };
    writeAll(this.#lines, Buffer.from(`${JSON.stringify({ tool: call.tool, arguments: call.arguments, ...came })}\n`));
    if (!(answer instanceof ToolFault)) for (const name of madeBy(call, answer.facts)) this.#known.add(name);
  }

  close(): void {
    closeSync(this.#lines);
    closeSync(this.#objects);
  }

  /** An object with all that it names; nothing where the store has none of that name, or a commit, which no call takes. */
  #writeWhole(top: Oid): void {
    const kind = this.#engine.kindOf(top);
    if (kind !== "blob" && kind !== "tree") return;
    const open = [{ name: top, isReady: false }];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      const { name, isReady } = next;
      if (this.#written.has(name)) continue;
      const object = this.#engine.get(name);
      if (object.kind !== "tree" || isReady) {
        this.#writeObject(name, object);
        continue;
      }
      open.push({ name, isReady: true });
      for (const { mode, oid } of decodeTree(object.body))
        if (kindOfMode(mode) !== "commit") open.push({ name: oid, isReady: false });
    }
  }

  #writeObject(name: Oid, object: GitObject): void {
    const [start, body] = carBlock(name, object);
    const all = start.length + body.length;
    const written = writevSync(this.#objects, [start, body]);
    if (written < all) writeAll(this.#objects, Buffer.concat([start, body]).subarray(written));
    this.#written.add(name);
    this.#added.push(name);
  }
}

/** Names of what a run came to, which the same run comes to again. What a call only looked at came from elsewhere, and what it tells of the store may never be told again. */
function madeBy({ tool, arguments: given }: Call, facts: RecordedFacts): readonly Oid[] {
  if (facts.request === null || tool === "explain") return [];
  const named = new Set(namesIn(given));
  return namesBeside(facts).filter((name) => !named.has(name));
}

/** Names in facts, those left out that stand in texts by chance. */
function namesBeside(facts: object): readonly Oid[] {
  return Object.entries(facts).flatMap(([key, value]) => {
    if (key === "text") return [];
    return typeof value === "object" && value !== null ? namesBeside(value as object) : namesIn(value);
  });
}

/** What a transcript's lines say that is there already, and where the last whole one ends. */
function takeUp(file: string): { readonly known: Set<Oid>; readonly end: number } {
  const known = new Set<Oid>();
  let end = 0;
  if (!existsSync(file)) return { known, end };
  for (const line of linesOf(file)) {
    if (end === 0) checkHead(file, line.text);
    else {
      const call = parseLine(file, 0, line.text);
      for (const name of call.answer === undefined ? [] : madeBy(call, call.answer)) known.add(name);
    }
    end = line.end;
  }
  return { known, end };
}

function takeUpObjects(file: string): { readonly written: Set<Oid>; readonly objectsEnd: number } {
  const path = objectsFile(file);
  const written = new Set<Oid>();
  if (!existsSync(path)) return { written, objectsEnd: 0 };
  let car: CarReader | undefined;
  try {
    car = new CarReader(path);
    if (car.root !== root) throw unfit(path, "it holds no objects of a transcript");
    for (let block = car.next(); block !== undefined; block = car.next()) written.add(block.name);
    return { written, objectsEnd: car.size };
  } catch (error) {
    if (!(error instanceof MalformedCar)) throw error;
    if (error.reason !== "it is cut short") throw unfit(path, error.message);
    return { written, objectsEnd: error.at };
  } finally {
    car?.close();
  }
}

function openAt(path: string, end: number): number {
  const file = openSync(path, "a");
  ftruncateSync(file, end);
  return file;
}

function writeAll(file: number, bytes: Buffer): void {
  for (let at = 0; at < bytes.length;) at += writeSync(file, bytes, at);
}

/** Whether the last line is cut short, as a server that was killed leaves it; then it is no call. */
export function isCutShort(file: string): boolean {
  let end = 0;
  for (const line of linesOf(file)) end = line.end;
  return statSync(file).size > end;
}

/** Whole lines, and where each ends; a last one that is cut short is none. */
function* linesOf(file: string): Generator<{ readonly text: string; readonly end: number }, undefined> {
  const fd = openSync(file, "r");
  try {
    const window = Buffer.allocUnsafe(windowBytes);
    let pieces: Buffer[] = [];
    let length = 0;
    let end = 0;
    for (let read = readSync(fd, window); read > 0; read = readSync(fd, window)) {
      const bytes = Buffer.from(window.subarray(0, read));
      let at = 0;
      for (let stop = bytes.indexOf(0x0a); stop >= 0; stop = bytes.indexOf(0x0a, at)) {
        pieces.push(bytes.subarray(at, stop));
        end += length + stop - at + 1;
        yield { text: Buffer.concat(pieces).toString("utf8"), end };
        pieces = [];
        length = 0;
        at = stop + 1;
      }
      pieces.push(bytes.subarray(at));
      length += bytes.length - at;
      if (length > lineBytesMax) throw unfit(file, "a line is too long");
    }
    return undefined;
  } finally {
    closeSync(fd);
  }
}

function checkHead(file: string, text: string): void {
  const said = jsonOf(text);
  if (said?.["coppice"] !== "transcript") throw unfit(file, "its first line is not that of a transcript");
  if (said["version"] !== version)
    throw unfit(file, `its version is ${JSON.stringify(said["version"])}, and this Coppice reads version ${version}`);
}

function parseLine(file: string, number: number, text: string): RecordedCall {
  const said = jsonOf(text);
  const { tool, answer, fault } = said ?? {};
  const isWhole = [answer, fault].filter((each) => typeof each === "object" && each !== null).length === 1;
  if (typeof tool !== "string" || !isWhole) throw unfit(file, `line ${number} is no call with its answer`);
  return said as unknown as RecordedCall;
}

function jsonOf(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function refusing<T>(file: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof MalformedCar) throw unfit(file, error.message);
    throw error;
  }
}

function unfit(file: string, reason: string): UsageError {
  return new UsageError(`${file} is no transcript that can be read: ${reason}`);
}
