/**
 * Visitor: files, lines and bytes by language.
 *
 * A folder's result is a report: JSON, one line a language in byte order of their names, so that a person
 * reads it and git's diff of two reports shows just the languages that changed.
 *
 *     {
 *     "C": {"files":2,"lines":30,"bytes":400},
 *     "Go": {"files":1,"lines":5,"bytes":60}
 *     }
 *
 * A file's result is a record, since a visitor does not see its own name, and only the folder above can tell
 * the language; `interpreter` (of a `#!` line, without version) may be empty:
 *
 *     {"lines":30,"bytes":400,"binary":false,"interpreter":"python"}
 *
 * Both end in a newline and have one spelling. A line ends with a newline, as for line-count. A file with a NUL
 * in its first 8000 bytes is binary, as for git: it counts as "Binary", whatever its name, and has no lines.
 * Text of no known language is "Other". Symlinks and gitlinks have content elsewhere, so they count as files of
 * "Symlink" and "Submodule" with no lines and no bytes.
 */
import { Entry, Kind, Lookup, Mode, bytes, fail, hex, job, out, putBlob, tree } from "../sdk/guest";
import { JsonReader, JsonWriter } from "../sdk/json";
import { newlines } from "../sdk/lines";
import { children, isLeaf } from "../sdk/visit";
import { languageOf } from "./languages";

/** How far git looks for a NUL. */
const binaryProbeBytes = 8000;
/** A longer first line names no interpreter. */
const interpreterLineBytesMax = 256;

export function caos_run(): void {
  const json = new JsonWriter();
  if (isLeaf()) writeRecord(json, bytes(job.arg("in").oid));
  else writeReport(json, tallyChildren());
  out(Kind.Blob, putBlob(json.bytes()));
}

class Tally {
  files: u64 = 0;
  lines: u64 = 0;
  bytes: u64 = 0;
  constructor(readonly language: string) {}

  add(files: u64, lines: u64, bytes: u64): void {
    this.files += files;
    this.lines += lines;
    this.bytes += bytes;
  }
}

/** Tallies in byte order of their languages. There are some eighty at most, so a plain list serves. */
class Report {
  readonly tallies: Tally[] = [];

  of(language: string): Tally {
    let at = 0;
    while (at < this.tallies.length && this.tallies[at].language < language) at++;
    if (at < this.tallies.length && this.tallies[at].language == language) return this.tallies[at];
    const tally = new Tally(language);
    this.tallies.push(tally);
    for (let index = this.tallies.length - 1; index > at; index--) this.tallies[index] = this.tallies[index - 1];
    this.tallies[at] = tally;
    return tally;
  }
}

function tallyChildren(): Report {
  const report = new Report();
  const node = job.arg("in");
  const entries = new Lookup(node.isTree ? tree(node.oid) : []);
  const results = children();
  for (let index = 0; index < results.length; index++) {
    const result = results[index];
    // A `pre` may make children that stand nowhere in `in`: those are plain files or folders.
    const entry = entries.find(result);
    if (entry != null && entry.mode == Mode.Symlink) report.of("Symlink").add(1, 0, 0);
    else if (entry != null && entry.mode == Mode.Gitlink) report.of("Submodule").add(1, 0, 0);
    else addResult(report, result);
  }
  return report;
}

/** Adds a child's result; members that are objects make a report, plain ones a record. */
function addResult(report: Report, result: Entry): void {
  const content = bytes(result.oid);
  const json = new JsonReader(content.dataStart, content.length);
  let isRecord = false;
  let lines: u64 = 0;
  let size: u64 = 0;
  let binary: bool = false;
  let interpreter = "";
  json.enter(0x7b);
  while (json.member()) {
    const key = json.key();
    if (json.ahead() == 0x7b) {
      readTally(json, report.of(key));
      continue;
    }
    isRecord = true;
    if (key == "lines") lines = json.number();
    else if (key == "bytes") size = json.number();
    else if (key == "binary") binary = json.boolean();
    else if (key == "interpreter") interpreter = json.string();
    else fail("not a report of language-stats: " + hex(result.oid));
  }
  json.finish();
  if (isRecord) report.of(binary ? "Binary" : languageOf(result.name, interpreter)).add(1, lines, size);
}

function readTally(json: JsonReader, into: Tally): void {
  let files: u64 = 0;
  let lines: u64 = 0;
  let size: u64 = 0;
  json.enter(0x7b);
  while (json.member()) {
    if (json.keyIs("files")) files = json.number();
    else if (json.keyIs("lines")) lines = json.number();
    else if (json.keyIs("bytes")) size = json.number();
    else json.skip();
  }
  into.add(files, lines, size);
}

function writeReport(json: JsonWriter, report: Report): void {
  json.raw("{");
  for (let index = 0; index < report.tallies.length; index++) {
    const tally = report.tallies[index];
    json.raw(index == 0 ? "\n" : ",\n");
    json.string(tally.language);
    json.raw(': {"files":');
    json.number(tally.files);
    json.raw(',"lines":');
    json.number(tally.lines);
    json.raw(',"bytes":');
    json.number(tally.bytes);
    json.raw("}");
  }
  json.raw("\n}\n");
}

function writeRecord(json: JsonWriter, content: Uint8Array): void {
  const binary = isBinary(content);
  json.raw('{"lines":');
  json.number(binary ? 0 : newlines(content));
  json.raw(',"bytes":');
  json.number(content.length);
  json.raw(binary ? ',"binary":true,"interpreter":' : ',"binary":false,"interpreter":');
  json.string(binary ? "" : interpreterOf(content));
  json.raw("}\n");
}

function isBinary(content: Uint8Array): bool {
  const end = min(content.length, binaryProbeBytes);
  for (let index = 0; index < end; index++) {
    if (content[index] == 0) return true;
  }
  return false;
}

/** The program that a `#!` line names, by its last path part, without version; behind `env`, what env is to start. */
function interpreterOf(content: Uint8Array): string {
  if (content.length < 2 || content[0] != 0x23 || content[1] != 0x21) return "";
  let line = "";
  for (let index = 2; index < content.length && content[index] != 0x0a; index++) {
    const byte = content[index];
    if (index == interpreterLineBytesMax || byte > 0x7e) return "";
    line += String.fromCharCode(byte < 0x20 ? 0x20 : byte);
  }
  const words = line.split(" ");
  let viaEnv = false;
  for (let index = 0; index < words.length; index++) {
    const word = words[index];
    if (word.length == 0 || (viaEnv && (word.startsWith("-") || word.includes("=")))) continue;
    const program = word.substring(word.lastIndexOf("/") + 1);
    if (viaEnv || program != "env") return withoutVersion(program);
    viaEnv = true;
  }
  return "";
}

function withoutVersion(program: string): string {
  let end = program.length;
  while (end > 0) {
    const unit = program.charCodeAt(end - 1);
    if (unit != 0x2e && (unit < 0x30 || unit > 0x39)) break;
    end--;
  }
  return program.substring(0, end);
}
