/**
 * The host's operations as functions: all that a worker's side of `coppice_v1` consists of. Trees travel as git's own bytes, and entries point into
 * them. An error that the operation has no place for ends the job with its text.
 */
import * as host from "./coppice_v1";
import { Answer, Entry, Kind, Mode, Oid, Request, oidBytes } from "./values";
import { decodeUtf8, encodeUtf8 } from "./utf8";

const itemBytes = 16;
const answerBytes = 24;
const failed: u32 = 2;

/** This job's args, in git order. */
export function jobArgs(): Entry[] {
  return keptEntries(host.args());
}

/** The entries of a tree, in git order. */
export function tree(oid: Oid): Entry[] {
  return keptEntries(host.tree(oid));
}

/** A blob's bytes. */
export function bytes(oid: Oid): Uint8Array {
  const length = checked(host.blob(oid));
  const buffer = changetype<ArrayBuffer>(__new(length, idof<ArrayBuffer>()));
  host.read(changetype<usize>(buffer), 0, length);
  return Uint8Array.wrap(buffer, 0, length);
}

/** A blob's length in bytes. */
export function size(oid: Oid): u64 {
  return checked(host.blob(oid));
}

/** Stores `length` bytes at `at` as a blob. */
export function putBytes(at: usize, length: i32): Oid {
  const oid = heap.alloc(oidBytes);
  checked(host.put_blob(at, length, oid));
  return oid;
}

/** Stores a tree of entries in any order. */
export function putTree(entries: Entry[]): Oid {
  const oid = heap.alloc(oidBytes);
  const length = treeBytes(entries);
  const at = heap.alloc(length);
  writeTree(at, entries);
  checked(host.put_tree(at, length, oid));
  heap.free(at);
  return oid;
}

/** Makes one nested request. Also what is wrong with it comes back as an answer. */
export function run(nested: Request): Answer {
  const answers = heap.alloc(answerBytes);
  const length = ask([nested], answers);
  if (length < 0) return new Answer(false, Kind.Blob, 0, errorText(length));
  return readAnswers(answers, 1, length)[0];
}

/** Makes nested requests at once; the answers come in the order of the requests. None asks the host nothing. */
export function runMany(nested: Request[]): Answer[] {
  if (nested.length == 0) return [];
  const answers = heap.alloc(answerBytes * nested.length);
  return readAnswers(answers, nested.length, checked(ask(nested, answers)));
}

/** Names the job's result. */
export function out(kind: Kind, oid: Oid): void {
  checked(host.out(kind, oid));
}

/** A line for people. */
export function log(message: string): void {
  const text = encodeUtf8(message);
  // What the host says to it is not looked at: `fail` comes this way too, and must end.
  host.log(text.dataStart, text.length);
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

/** Passes on an answer that is no error. */
function checked(answer: i32): i32 {
  if (answer < 0) fail(errorText(answer));
  return answer;
}

function errorText(error: i32): string {
  const length = host.error_text(error);
  const at = kept(length);
  return decodeUtf8(at, length)!;
}

/** Where a copy of what the host keeps stands. */
function kept(length: i32): usize {
  const at = heap.alloc(length);
  host.read(at, 0, length);
  return at;
}

/** The entries of the tree that the host keeps; they point into a copy of it. */
function keptEntries(answer: i32): Entry[] {
  const length = checked(answer);
  let at = kept(length);
  const end = at + length;
  let count = 0;
  for (let from = at; from < end; count++) from = nameEnd(from) + 1 + oidBytes;
  const entries = new Array<Entry>(count);
  for (let index = 0; index < count; index++) {
    let mode: u32 = 0;
    let digit: u32 = load<u8>(at);
    for (; digit != 0x20; digit = load<u8>(++at)) mode = (mode << 3) | (digit - 0x30);
    const name = at + 1;
    const nul = nameEnd(name);
    entries[index] = new Entry(name, <i32>(nul - name), modeOf(mode), nul + 1);
    at = nul + 1 + oidBytes;
  }
  return entries;
}

function nameEnd(at: usize): usize {
  while (load<u8>(at) != 0) at++;
  return at;
}

/** What git reads in a mode, an old tree's too. */
function modeOf(mode: u32): Mode {
  switch (mode >> 12) {
    case 0o04:
      return Mode.Folder;
    case 0o12:
      return Mode.Symlink;
    case 0o16:
      return Mode.Gitlink;
    default:
      return (mode & 0o100) == 0 ? Mode.File : Mode.Executable;
  }
}

function treeBytes(entries: Entry[]): i32 {
  let length = 0;
  for (let index = 0; index < entries.length; index++) {
    const entry = entries[index];
    length += (entry.isTree ? 7 : 8) + entry.nameLength + oidBytes;
  }
  return length;
}

/** Writes entries as git does, in the order given; returns where they end. */
function writeTree(to: usize, entries: Entry[]): usize {
  for (let index = 0; index < entries.length; index++) {
    const entry = entries[index];
    if (entry.mode == Mode.Folder) {
      store<u32>(to, 0x30303034); // "4000"
      store<u16>(to, 0x2030, 4); // "0 "
      to += 6;
    } else {
      if (entry.mode == Mode.File || entry.mode == Mode.Executable) {
        store<u32>(to, entry.mode == Mode.File ? 0x36303031 : 0x37303031); // "1006", "1007"
        store<u16>(to, entry.mode == Mode.File ? 0x3434 : 0x3535, 4); // "44", "55"
      } else {
        store<u32>(to, entry.mode == Mode.Symlink ? 0x30303231 : 0x30303631); // "1200", "1600"
        store<u16>(to, 0x3030, 4); // "00"
      }
      store<u8>(to, 0x20, 6);
      to += 7;
    }
    memory.copy(to, entry.nameAt, entry.nameLength);
    to += entry.nameLength;
    store<u8>(to, 0);
    memory.copy(to + 1, entry.oid, oidBytes);
    to += 1 + oidBytes;
  }
  return to;
}

/** Hands requests over; returns the host's answer. */
function ask(nested: Request[], answers: usize): i32 {
  let length = itemBytes * nested.length;
  for (let index = 0; index < nested.length; index++) length += treeBytes(nested[index].args);
  const items = heap.alloc(length);
  let to = items + itemBytes * nested.length;
  let image = "";
  let imageAt: usize = 0;
  let imageLength = 0;
  for (let index = 0; index < nested.length; index++) {
    const request = nested[index];
    if (changetype<usize>(request.image) != changetype<usize>(image)) {
      image = request.image;
      const text = encodeUtf8(image);
      imageAt = text.dataStart;
      imageLength = text.length;
    }
    const item = items + itemBytes * index;
    const end = writeTree(to, request.args);
    store<u32>(item, <u32>imageAt);
    store<u32>(item, imageLength, 4);
    store<u32>(item, <u32>to, 8);
    store<u32>(item, <u32>(end - to), 12);
    to = end;
  }
  return host.run_many(items, nested.length, answers);
}

/** The answers at `at`; the host keeps the messages of those that failed, `length` bytes together. */
function readAnswers(at: usize, count: i32, length: i32): Answer[] {
  const messages = length == 0 ? 0 : kept(length);
  const answers = new Array<Answer>(count);
  for (let index = 0; index < count; index++, at += answerBytes) {
    const kind = load<u32>(at);
    answers[index] =
      kind == failed
        ? new Answer(false, Kind.Blob, 0, decodeUtf8(messages + load<u32>(at, 4), load<u32>(at, 8))!)
        : new Answer(true, kind == 1 ? Kind.Tree : Kind.Blob, at + 4, "");
  }
  return answers;
}
