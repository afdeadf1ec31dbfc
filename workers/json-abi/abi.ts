/**
 * sdk/abi.ts over `caos_abi_v1`: the same surface, so that a test can compile the same workers for both ABIs and compare what they do.
 * Messages are JSON, bytes travel as base64. An `{"error"}` that the operation has no place for ends the
 * job with that text.
 */
import { call, read } from "./caos_abi_v1";
import { JsonReader, JsonWriter } from "../sdk/json";
import { encodeUtf8 } from "../sdk/utf8";
import { Answer, Entry, Kind, Mode, Oid, Request, hex, oidBytes } from "../sdk/values";

const brace: u8 = 0x7b;
const bracket: u8 = 0x5b;

// Created by the first call, not by a start function: a module without one can be reset by laying its first
// memory back.
let writer: JsonWriter | null = null;
let answerAt: usize = 0;
let answerCapacity: i32 = 0;
const answerBytesMin = 1024;

/** This job's args, in git order. */
export function jobArgs(): Entry[] {
  return tree(oidAnswer(begin('{"op":"job"}'), "args"));
}

/** The entries of a tree, in git order. */
export function tree(oid: Oid): Entry[] {
  const request = begin('{"op":"tree","hash":');
  request.string(hex(oid));
  request.raw("}");
  const answer = open(request);
  const entries: Entry[] = [];
  while (answer.member()) {
    if (answer.keyIs("entries")) {
      answer.enter(bracket);
      while (answer.item()) entries.push(readEntry(answer));
    } else unexpected(answer);
  }
  answer.finish();
  return entries;
}

/** A blob's bytes. */
export function bytes(oid: Oid): Uint8Array {
  const request = getRequest(oid);
  const length = call(request.start, request.length);
  // Read into memory of its own and decoded there, so a big blob is held once and not twice.
  const buffer = changetype<ArrayBuffer>(__new(length, idof<ArrayBuffer>()));
  const at = changetype<usize>(buffer);
  read(at);
  const answer = new JsonReader(at, length);
  answer.enter(brace);
  let found: Uint8Array | null = null;
  while (answer.member()) {
    if (answer.keyIs("bytes_b64")) {
      const size = answer.base64();
      found = Uint8Array.wrap(buffer, <i32>(answer.bytesAt - at), size);
    } else unexpected(answer);
  }
  answer.finish();
  if (found == null) missing("bytes_b64");
  return found!;
}

/** A blob's length in bytes. */
export function size(oid: Oid): u64 {
  const answer = open(getRequest(oid));
  let length = -1;
  while (answer.member()) {
    if (answer.keyIs("bytes_b64")) length = answer.base64Length();
    else unexpected(answer);
  }
  answer.finish();
  if (length < 0) missing("bytes_b64");
  return length;
}

/** Stores `length` bytes at `at` as a blob. */
export function putBytes(at: usize, length: i32): Oid {
  const request = begin('{"op":"put_blob","bytes_b64":');
  request.base64(at, length);
  request.raw("}");
  return oidAnswer(request, "hash");
}

/** Stores a tree of entries in any order. */
export function putTree(entries: Entry[]): Oid {
  const request = begin('{"op":"put_tree","entries":[');
  for (let index = 0; index < entries.length; index++) {
    const entry = entries[index];
    request.raw(index == 0 ? '{"name":' : ',{"name":');
    request.string(entry.name);
    request.raw(entry.isTree ? ',"kind":"tree","hash":' : ',"kind":"blob","hash":');
    request.string(hex(entry.oid));
    if (entry.mode == Mode.Executable) request.raw(',"mode":"100755"');
    else if (entry.mode == Mode.Symlink) request.raw(',"mode":"120000"');
    else if (entry.mode == Mode.Gitlink) request.raw(',"mode":"160000"');
    request.raw("}");
  }
  request.raw("]}");
  return oidAnswer(request, "hash");
}

/** Makes one nested request. */
export function run(nested: Request): Answer {
  const args = putTree(nested.args);
  const request = begin('{"op":"run",');
  writeRequest(request, nested.image, args);
  const response = ask(request);
  const answer = readAnswer(response);
  response.finish();
  return answer;
}

/** Makes nested requests at once; the answers come in the order of the requests. None asks the host nothing. */
export function runMany(nested: Request[]): Answer[] {
  if (nested.length == 0) return [];
  const args = new Array<Oid>(nested.length);
  for (let index = 0; index < nested.length; index++) args[index] = putTree(nested[index].args);
  const request = begin('{"op":"run_many","reqs":[');
  for (let index = 0; index < nested.length; index++) {
    request.raw(index == 0 ? "{" : ",{");
    writeRequest(request, nested[index].image, args[index]);
  }
  request.raw("]}");
  const response = open(request);
  const answers: Answer[] = [];
  while (response.member()) {
    if (response.keyIs("results")) {
      response.enter(bracket);
      while (response.item()) answers.push(readAnswer(response));
    } else unexpected(response);
  }
  response.finish();
  if (answers.length != nested.length) fail("the host answered another number of requests");
  return answers;
}

/** Names the job's result. */
export function out(kind: Kind, oid: Oid): void {
  const request = begin(kind == Kind.Tree ? '{"op":"out","kind":"tree","hash":' : '{"op":"out","kind":"blob","hash":');
  request.string(hex(oid));
  request.raw("}");
  const answer = open(request);
  while (answer.member()) unexpected(answer);
  answer.finish();
}

/** A line for people. */
export function log(message: string): void {
  const request = begin('{"op":"log","msg":');
  request.string(message);
  request.raw("}");
  // What the host says to it is not looked at: `fail` comes this way too, and must end.
  call(request.start, request.length);
}

/** Ends the job as failed, with `message` as its reason. */
export function fail(message: string): void {
  log(message);
  unreachable();
}

/** What the compiler calls for `throw` and for failed checks of its own. */
export function trapped(message: string | null, file: string | null, line: u32, _column: u32): void {
  let reason = message == null ? "trapped" : message;
  if (file != null) reason += " (" + file + ":" + line.toString() + ")";
  fail(reason);
}

function begin(text: string): JsonWriter {
  let request = writer;
  if (request == null) {
    request = new JsonWriter();
    writer = request;
  }
  request.clear();
  request.raw(text);
  return request;
}

/** Sends a request; the answer stands until the next one is sent. */
function ask(request: JsonWriter): JsonReader {
  const length = call(request.start, request.length);
  if (length > answerCapacity) {
    answerCapacity = max(length, max(answerBytesMin, answerCapacity * 2));
    if (answerAt != 0) heap.free(answerAt);
    answerAt = heap.alloc(answerCapacity);
  }
  read(answerAt);
  return new JsonReader(answerAt, length);
}

/** Sends a request whose answer is an object, and enters it. */
function open(request: JsonWriter): JsonReader {
  const answer = ask(request);
  answer.enter(brace);
  return answer;
}

/** Sends a request whose answer holds an oid `key`. */
function oidAnswer(request: JsonWriter, key: string): Oid {
  const answer = open(request);
  let text: string | null = null;
  while (answer.member()) {
    if (answer.keyIs(key)) text = answer.string();
    else unexpected(answer);
  }
  answer.finish();
  if (text == null) missing(key);
  return oidOf(text!);
}

/** The 20 bytes of an oid that the host spelt. */
function oidOf(text: string): Oid {
  const oid = heap.alloc(oidBytes);
  for (let index = 0; index < oidBytes; index++) {
    store<u8>(oid + index, (digit(text.charCodeAt(2 * index)) << 4) | digit(text.charCodeAt(2 * index + 1)));
  }
  return oid;
}

function digit(unit: i32): i32 {
  return unit < 0x3a ? unit - 0x30 : unit - 0x57;
}

function getRequest(oid: Oid): JsonWriter {
  const request = begin('{"op":"get","hash":');
  request.string(hex(oid));
  request.raw("}");
  return request;
}

function writeRequest(to: JsonWriter, image: string, args: Oid): void {
  to.raw('"image":');
  to.string(image);
  to.raw(',"args":');
  to.string(hex(args));
  to.raw("}");
}

function readEntry(from: JsonReader): Entry {
  let name: string | null = null;
  let oid: string | null = null;
  let mode = "";
  from.enter(brace);
  while (from.member()) {
    if (from.keyIs("name")) name = from.string();
    else if (from.keyIs("hash")) oid = from.string();
    else if (from.keyIs("mode")) mode = from.string();
    else from.skip();
  }
  if (name == null || oid == null) missing("name or hash");
  const bytes = encodeUtf8(name!);
  return new Entry(bytes.dataStart, bytes.length, modeOf(mode), oidOf(oid!));
}

function modeOf(text: string): Mode {
  if (text == "100644") return Mode.File;
  if (text == "40000") return Mode.Folder;
  if (text == "100755") return Mode.Executable;
  if (text == "120000") return Mode.Symlink;
  if (text == "160000") return Mode.Gitlink;
  fail("the host gave an unknown mode: " + text);
  return Mode.File;
}

function readAnswer(from: JsonReader): Answer {
  let kind: string | null = null;
  let oid: string | null = null;
  let error: string | null = null;
  from.enter(brace);
  while (from.member()) {
    if (from.keyIs("kind")) kind = from.string();
    else if (from.keyIs("hash")) oid = from.string();
    else if (from.keyIs("error")) error = from.string();
    else from.skip();
  }
  if (error != null) return new Answer(false, Kind.Blob, 0, error);
  if (kind == null || oid == null) missing("kind or hash");
  return new Answer(true, kind! == "tree" ? Kind.Tree : Kind.Blob, oidOf(oid!), "");
}

/** A member that the operation does not know: an error ends the job, the rest is passed over. */
function unexpected(answer: JsonReader): void {
  if (answer.keyIs("error")) fail(answer.string());
  answer.skip();
}

function missing(key: string): void {
  fail("the host's answer has no " + key);
}
