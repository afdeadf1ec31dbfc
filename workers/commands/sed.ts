/**
 * sed, as GNU's 4.9 in the C locale: scripts (sed-parser.ts), run over lines (sed-machine.ts). It starts no commands: `e` is refused.
 *
 * Status 1: the script or the options can't be used; 2: an operand could not be read; 4: a file could not be opened or edited; else what `q` says.
 */
import type { OwnCall, OwnEnded, OwnFiles } from "./call.ts";
import { OptionFault, readWords, type Given, type Known } from "./options.ts";
import { readable, readerOf, type LineReader } from "./sed-input.ts";
import { beginRanges, runScript, type Editing } from "./sed-machine.ts";
import { newSink, outputTo, type Output, type Sink } from "./sed-output.ts";
import { endScript, newScript, readScript, type Opened, type Script } from "./sed-parser.ts";
import { faultIn, SedFault, type Source } from "./sed-words.ts";

const known: Known = {
  flags: "nErsuzb",
  valued: "efl",
  optional: "i",
  long: {
    quiet: "n",
    silent: "n",
    debug: "debug",
    "expression=": "e",
    "file=": "f",
    "follow-symlinks": "follow",
    "in-place?": "i",
    "line-length=": "l",
    posix: "posix",
    "regexp-extended": "E",
    separate: "s",
    sandbox: "sandbox",
    unbuffered: "u",
    "null-data": "z",
    "zero-terminated": "z",
    binary: "b",
    help: "help",
    version: "version",
  },
};

const usage = "Usage: sed [OPTION]... {script-only-if-no-other-script} [input-file]...";

export function sed(call: OwnCall): OwnEnded {
  const written: Written = { stdout: newSink(), stderr: newSink(), files: new Map() };
  try {
    const { options, operands, has } = readWords(call.args, known);
    if (has("help")) return { stdout: `${usage}\n`, stderr: "", exitCode: 0 };
    if (has("version")) return { stdout: "sed (Coppice), as GNU sed 4.9\n", stderr: "", exitCode: 0 };
    if (has("debug")) throw new OptionFault("option '--debug' is not known here");
    return run(call, options, [...operands], written);
  } catch (error) {
    if (error instanceof OptionFault) return { stdout: "", stderr: `sed: ${error.message}\n${usage}\n`, exitCode: 1 };
    if (!(error instanceof SedFault)) throw error;
    return { stdout: "", stderr: `sed: ${error.message}\n`, exitCode: error.exit };
  } finally {
    for (const [path, { written: text }] of written.files) call.files.put(path, text.text());
  }
}

/** What is written beside the files that are edited. */
interface Written {
  readonly stdout: Sink;
  readonly stderr: Sink;
  readonly files: Map<string, Sink>;
}

function run(call: OwnCall, options: readonly Given[], operands: string[], written: Written): OwnEnded {
  const stdin = readerOf(call.stdin);
  const script = newScript(opening(call.files, stdin, written));
  const has = (letter: string) => options.some((each) => each.letter === letter);
  if (!readPieces(call.files, stdin, script, options, operands))
    return { stdout: "", stderr: `${usage}\n`, exitCode: 1 };
  endScript(script);
  beginRanges(script.commands);
  const editing = editingOf(options);
  if (editing !== undefined && operands.length === 0) throw new SedFault("no input files", 4);
  const { stderr, status } = runScript({
    commands: script.commands,
    operands: operands.length === 0 ? ["-"] : operands,
    isQuiet: has("n") || script.isQuiet,
    isPosix: has("posix"),
    isSeparate: has("s") || editing !== undefined,
    editing,
    end: has("z") ? "\0" : "\n",
    width: widthOf(options),
    files: call.files,
    stdin,
    stdout: outputTo(written.stdout),
    faultOf: (why) => faultIn(script.source as Source, why, 0),
  });
  return { stdout: written.stdout.written.text(), stderr: written.stderr.written.text() + stderr, exitCode: status };
}

/** Reads the pieces of the script, each by the options in front of it, or the first operand, which is taken away; false where there is none. */
function readPieces(
  files: OwnFiles,
  stdin: LineReader,
  script: Script,
  options: readonly Given[],
  operands: string[],
): boolean {
  const reading = { isExtended: false, isPosix: false, isSandboxed: false, isNul: false };
  let [pieces, values] = [0, 0];
  for (const { letter, value = "" } of options) {
    if (letter === "E" || letter === "r") reading.isExtended = true;
    else if (letter === "z") reading.isNul = true;
    else if (letter === "posix") reading.isPosix = true;
    else if (letter === "sandbox") reading.isSandboxed = true;
    else if (letter === "e") readScript(script, { text: value, number: ++values, at: 0 }, reading, pieces++ === 0);
    else if (letter === "f") {
      const text = textOfScript(files, stdin, value);
      readScript(script, { text, name: value, number: values, at: 0 }, reading, pieces++ === 0);
    }
  }
  if (pieces > 0) return true;
  const text = operands.shift();
  if (text === undefined) return false;
  readScript(script, { text, number: 1, at: 0 }, reading, true);
  return true;
}

function textOfScript(files: OwnFiles, stdin: LineReader, path: string): string {
  if (path === "-" || path === "/dev/stdin") {
    const text = stdin.text().slice(stdin.at);
    stdin.at += text.length;
    return text;
  }
  const text = files.text(path);
  if (text !== undefined) return text;
  if (files.look(path, true)?.isDirectory === true) return "";
  throw new SedFault(`couldn't open file ${path}: No such file or directory`, 4);
}

/** What scripts read and write: a file once, whoever names it, and the streams of the call. A file that is written is empty from then on until sed ends. */
function opening(files: OwnFiles, stdin: LineReader, written: Written): Opened {
  const outputs = new Map<string, Output>();
  const readers = new Map<string, LineReader>();
  return {
    output: (path, isPosix) => {
      const open = outputs.get(path);
      if (open !== undefined) return open;
      const stream = isPosix ? undefined : { "/dev/stdout": written.stdout, "/dev/stderr": written.stderr }[path];
      const sink = stream ?? newSink();
      if (stream === undefined) {
        if (!files.put(path, "")) throw new SedFault(`couldn't open file ${path}: ${whyUnwritten(files, path)}`, 4);
        written.files.set(path, sink);
      }
      const output = outputTo(sink);
      outputs.set(path, output);
      return output;
    },
    reader: (path, isPosix) => {
      if (path === "/dev/stdin" && !isPosix) return stdin;
      const reader = readers.get(path) ?? readerOf(() => readable(files, path));
      readers.set(path, reader);
      return reader;
    },
  };
}

function whyUnwritten(files: OwnFiles, path: string): string {
  return files.look(path, true)?.isDirectory === true ? "Is a directory" : "No such file or directory";
}

function editingOf(options: readonly Given[]): Editing | undefined {
  const given = options.filter(({ letter }) => letter === "i");
  if (given.length === 0) return undefined;
  const suffix = given.findLast(({ value }) => value !== undefined)?.value ?? "";
  return { suffix, follows: options.some(({ letter }) => letter === "follow") };
}

/** As C's atoi reads it; without, lines of 70. */
function widthOf(options: readonly Given[]): number {
  const value = options.findLast(({ letter }) => letter === "l")?.value;
  return value === undefined ? 70 : Number(/^\s*\+?(\d+)/.exec(value)?.[1] ?? 0);
}
