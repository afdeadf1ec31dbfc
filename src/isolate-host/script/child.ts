/**
 * The program of a script child: a process that hosts one sealed isolate and does what it is told over its standard input and output (protocol.ts), until the input ends. Everything is synchronous: a guest's call
 * of the host is a call of `exchange`, which writes and then reads.
 *
 * Arguments: the file of isolated-vm's native code, the isolate's heap in megabytes, the time of a turn in milliseconds. It is started by script-child.ts, which says with what permissions.
 *
 * Node starts without its snapshot here, and so without compiled code for its own modules: each one that is loaded takes milliseconds, so what few jobs need is loaded when one does.
 */
import { readFileSync, readSync, writeSync } from "node:fs";
import { dirname, extname, join } from "node:path";
import { setFlagsFromString } from "node:v8";
import type ivm from "isolated-vm";
import { endLengthAt, halfBytes, windowBytes } from "./guest/ports.ts";
import { fromChild, fromHost, headerBytes, MessageReader, readNumber, writeNumber } from "./protocol.ts";

const [addonFile, heapMb, turnMs] = process.argv.slice(2) as [string, string, string];
const timed = { timeout: Number(turnMs) };
const addon = { exports: {} as { readonly ivm: typeof ivm } };
process.dlopen(addon, addonFile);
const { Callback, ExternalCopy, Isolate } = addon.exports.ivm;

/** V8's own default. */
const guestStackKb = 984;
/** Name of guests' scripts in the positions of errors. */
const moduleName = "worker.js";
const wrapperHead = "(function (module, exports, globalThis) {";

const shared = new SharedArrayBuffer(windowBytes);
const inHalf = Buffer.from(shared, 0, halfBytes);
const outHalf = Buffer.from(shared, halfBytes, halfBytes);
const endLength = Buffer.from(shared, endLengthAt);

/** What was read and not received yet. */
const pending = Buffer.alloc(1 << 16);
let pendingFrom = 0;
let pendingTo = 0;

function send(length: number): void {
  for (let sent = 0; sent < length;) sent += writeSync(1, outHalf, sent, length - sent);
}

/** Reads at most that much to where it belongs, and answers how far that is filled now. Ends the process when the input ends. */
function readMore(into: Uint8Array, from: number, most: number): number {
  const got = readSync(0, into, from, most, null);
  if (got === 0) process.exit(0);
  return from + got;
}

/** Reads until so many bytes are pending. */
function fill(length: number): void {
  if (pendingTo - pendingFrom >= length) return;
  if (pendingFrom > 0) {
    pending.copyWithin(0, pendingFrom, pendingTo);
    pendingTo -= pendingFrom;
    pendingFrom = 0;
  }
  while (pendingTo < length) pendingTo = readMore(pending, pendingTo, pending.length - pendingTo);
}

/** Reads one message: its length when it stands in the in half, else its bytes. */
function receive(): number | ArrayBuffer {
  fill(headerBytes);
  const length = 4 + readNumber(pending, pendingFrom);
  const into = length <= halfBytes ? inHalf : new Uint8Array(length);
  if (length <= pending.length) fill(length);
  const here = Math.min(length, pendingTo - pendingFrom);
  pending.copy(into, 0, pendingFrom, pendingFrom + here);
  pendingFrom += here;
  for (let have = here; have < length;) have = readMore(into, have, length - have);
  return into === inHalf ? length : (into.buffer as ArrayBuffer);
}

function transfer(message: number | ArrayBuffer): number | ivm.Copy<ArrayBuffer> {
  if (typeof message === "number") return message;
  return new ExternalCopy(message, { transferOut: true }).copyInto({ release: true, transferIn: true });
}

/** Messages that came before an answer that was waited for: what is to be run ahead, and dropped. */
const early: (Buffer | ArrayBuffer)[] = [];

/** Says something, and reads the answer to it. */
function exchange(length: number): number | ArrayBuffer {
  send(length);
  for (;;) {
    const message = receive();
    const bytes = typeof message === "number" ? inHalf : new Uint8Array(message);
    if (bytes[headerBytes - 1] === fromHost.answer) return message;
    early.push(typeof message === "number" ? Buffer.from(inHalf.subarray(0, message)) : message);
  }
}

/** The next message that begins a turn. */
function nextMessage(): number | ArrayBuffer {
  const message = early.shift();
  if (message === undefined) return receive();
  if (message instanceof ArrayBuffer) return message;
  inHalf.set(message);
  return message.length;
}

/** 9 ms when it is first asked for. */
const crypto = () => process.getBuiltinModule("node:crypto");

function nameBlob(at: number, length: number): void {
  const digest = crypto().createHash("sha1").update(`blob ${length}\0`, "latin1");
  digest
    .update(outHalf.subarray(at, at + length))
    .digest()
    .copy(inHalf);
}

const randomDomain = Buffer.from("coppice-random/1\0", "latin1");

function randomBlocks(first: number, count: number): void {
  const counter = Buffer.alloc(8);
  const request = Buffer.from(inHalf.subarray(0, 20));
  for (let block = 0; block < count; block++) {
    counter.writeBigUInt64LE(BigInt(first + block));
    crypto()
      .createHash("sha256")
      .update(randomDomain)
      .update(request)
      .update(counter)
      .digest()
      .copy(inHalf, block * 32);
  }
}

// Guests' stack ends before this program's does, whose code runs on top of theirs: it was started with more, and what is made from here on gets less.
setFlagsFromString(`--stack-size=${guestStackKb}`);
const isolate = new Isolate({ memoryLimit: Number(heapMb) });
const context = isolate.createContextSync();
const glue = loadGuest("guest/jobs");
const begin = glue.getSync("begin", { reference: true });
const endTurn = glue.getSync("endTurn", { reference: true });
const drain = glue.getSync("drain", { reference: true });

glue
  .getSync("open", { reference: true })
  .applySync(undefined, [
    new ExternalCopy(shared).copyInto(),
    new Callback(send),
    new Callback((length: number) => transfer(exchange(length))),
    new Callback(nameBlob),
    new Callback(randomBlocks),
    moduleName,
  ]);

/** Functions of ours inside the isolate. What they are given is whatever crosses. */
type Guest = ivm.Reference<Record<string, (...given: unknown[]) => unknown>>;

/** The namespace of a module of ours that runs inside the isolate, linked with what it imports. */
function loadGuest(name: string): Guest {
  // A bundle lies among built modules.
  const extension = extname(import.meta.filename) === ".ts" ? ".ts" : ".js";
  const files = new Map<ivm.Module, string>();
  const loaded = new Map<string, ivm.Module>();
  const load = (file: string): ivm.Module => {
    const known = loaded.get(file);
    if (known !== undefined) return known;
    const text = readFileSync(file, "utf8");
    const plain = extension === ".ts" ? process.getBuiltinModule("node:module").stripTypeScriptTypes(text) : text;
    const module = isolate.compileModuleSync(plain);
    loaded.set(file, module);
    files.set(module, file);
    return module;
  };
  const module = load(join(import.meta.dirname, `${name}${extension}`));
  module.instantiateSync(context, (specifier, from) => load(join(dirname(files.get(from) as string), specifier)));
  module.evaluateSync();
  return module.namespace as Guest;
}

/**
 * What a module's text makes, or what is wrong with it. The text stands in a function, so it must be a whole program by itself: else it could close the function and declare something that other jobs see.
 */
function compile(text: string): ivm.Reference<unknown> | string {
  try {
    isolate.compileScriptSync(text, { filename: moduleName }).release();
    const script = isolate.compileScriptSync(`${wrapperHead}${text}\n})`, {
      filename: moduleName,
      columnOffset: -wrapperHead.length,
    });
    const factory = script.runSync(context, { reference: true }) as ivm.Reference<unknown>;
    script.release();
    return factory;
  } catch (error) {
    if (isolate.isDisposed) throw error;
    return error instanceof Error ? error.message : String(error);
  }
}

/** Calls into the isolate. A guest's promise that was rejected and is not handled comes as an exception, after code of the guest's may have spelled it: what that queued runs before anything else. */
function enter<T>(call: () => T): T | undefined {
  let answer: T | undefined;
  let again = false;
  try {
    answer = call();
  } catch (error) {
    dieOf(error);
    again = true;
  }
  while (again) {
    again = false;
    try {
      drain.applySync(undefined, [], timed);
    } catch (error) {
      dieOf(error);
      again = true;
    }
  }
  return answer;
}

/** A run message with its module taken out. */
function takeModule(message: number | ArrayBuffer): {
  readonly message: number | ArrayBuffer;
  readonly module: ivm.Reference<unknown> | string | undefined;
} {
  const bytes = typeof message === "number" ? inHalf.subarray(0, message) : new Uint8Array(message);
  if (bytes[headerBytes - 1] !== fromHost.run) return { message, module: undefined };
  const reader = new MessageReader(bytes, headerBytes + 4 + 3 * 20);
  reader.lengthAndBytes();
  reader.lengthAndBytes();
  for (let objects = reader.number(); objects > 0; objects--) {
    reader.byte();
    reader.oid();
    reader.lengthAndBytes();
  }
  reader.oid();
  const end = reader.at;
  const text = reader.lengthAndBytes();
  if (text.length === 0) return { message, module: undefined };
  const without = typeof message === "number" ? end : message.slice(0, end);
  return { message: without, module: compile(Buffer.from(text).toString("utf8")) };
}

/** Runs the turn that a message begins. */
function turn(received: number | ArrayBuffer): void {
  const { message, module } = takeModule(received);
  const given = transfer(message);
  enter(() => begin.applySync(undefined, [given, typeof module === "object" ? module.derefInto() : module], timed));
  let length: unknown = readNumber(endLength, 0);
  // An exception took the answer with it; nothing was said then, and it is asked again.
  while (length === 0 || length === undefined) length = enter(() => endTurn.applySync(undefined, [], timed));
  if (length === -2) die();
  if ((length as number) > 0) send(length as number);
}

/** Ends the process when the isolate is of no more use: what was thrown is not a guest's then. */
function dieOf(error: unknown): void {
  if (isolate.isDisposed || (error instanceof Error && error.message === "Script execution timed out.")) die();
}

/** Ends the process at once: the host finds the end of the pipe. */
function die(): never {
  process.kill(process.pid, "SIGKILL");
  throw new Error("killed");
}

writeNumber(outHalf, 0, 1);
outHalf[4] = fromChild.ready;
// All that a guest can call has been called once when the first one runs.
send(headerBytes);
for (;;) turn(nextMessage());
