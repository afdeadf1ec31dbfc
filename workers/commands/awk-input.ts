/** What an awk program reads: its operands, stdin, files and what commands print, record by record. */
import { regexFor, textOf, typedValue, type Machine, type Reader } from "./awk-machine.ts";
import { commandEnds, flushFiles, flushOut } from "./awk-output.ts";
import { setNamed } from "./awk-record.ts";
import { numberOf, scalar } from "./awk-values.ts";
import { AwkFault } from "./awk-words.ts";

/** The next record of a reader, as RS says; undefined at its end. */
export function readRecord(machine: Machine, reader: Reader): string | undefined {
  const by = textOf(machine, scalar(machine.rs));
  const { text } = reader;
  if (by === "") {
    while (text[reader.at] === "\n") reader.at++;
    if (reader.at >= text.length) return undefined;
    const end = text.indexOf("\n\n", reader.at);
    const record = text.slice(reader.at, end < 0 ? (text.endsWith("\n") ? -1 : text.length) : end);
    reader.at = end < 0 ? text.length : end + 2;
    return record;
  }
  if (reader.at >= text.length) return undefined;
  let [start, end] = [-1, -1];
  if (by.length === 1) {
    start = text.indexOf(by, reader.at);
    end = start + 1;
  } else {
    const regex = regexFor(machine, by);
    for (let at = reader.at; at <= text.length; at = start + 1) {
      [start = -1, end = -1] = regex.find(text, at) ?? [];
      if (start < 0 || end > start) break;
    }
  }
  const from = reader.at;
  reader.at = start < 0 ? text.length : end;
  return text.slice(from, start < 0 ? text.length : start);
}

function stdin(machine: Machine): Reader {
  return (machine.stdinReader ??= { text: machine.files.stdin, at: 0 });
}

function readerOf(machine: Machine, path: string): Reader | undefined {
  if (path === "-" || path === "/dev/stdin") return stdin(machine);
  flushFiles(machine);
  const text = machine.files.read(path);
  return text === undefined ? undefined : { text, at: 0 };
}

/** What a command reads that nothing is written to: stdin, unless that was read. */
export function inherited(machine: Machine): string {
  if (machine.stdinReader !== undefined) return "";
  machine.stdinReader = { text: "", at: 0 };
  return machine.files.stdin;
}

/** The reader of a file that is open, or now is; undefined where it can't be read. */
export function fileReader(machine: Machine, name: string): Reader | undefined {
  const open = machine.readers.get(name);
  if (open !== undefined) return open;
  const reader = readerOf(machine, name);
  if (reader !== undefined) machine.readers.set(name, reader);
  return reader;
}

/** The reader of what a command prints, which is run when it is first asked for. */
export function commandReader(machine: Machine, name: string): Reader {
  let reader = machine.readers.get(name);
  if (reader !== undefined) return reader;
  flushOut(machine);
  flushFiles(machine);
  reader = { text: commandEnds(machine, name, inherited(machine)).stdout, at: 0 };
  machine.readers.set(name, reader);
  return reader;
}

/** Whether an operand was an assignment, which was made. */
function assigned(machine: Machine, text: string): boolean {
  const [whole, name = "", value = ""] = /^([A-Za-z_]\w*)=([^]*)$/.exec(text) ?? [];
  if (whole === undefined || machine.functions.has(name)) return false;
  setNamed(machine, name, typedValue(value));
  return true;
}

/** The next of the operands that is a file, or stdin where there is none; undefined at their end. */
function nextFile(machine: Machine): Reader | undefined {
  const count = numberOf(scalar(machine.argc));
  for (machine.operand++; machine.operand < count; machine.operand++) {
    const text = textOf(machine, machine.argv.get(String(machine.operand)));
    if (text === "" || assigned(machine, text)) continue;
    machine.wasFile = true;
    const reader = readerOf(machine, text);
    if (reader === undefined) {
      // As mawk, which ends there; others go on.
      throw new AwkFault(`cannot open ${text} (No such file or directory)`);
    }
    machine.filename.value = text;
    machine.fnr.value = 0;
    return reader;
  }
  if (machine.wasFile) return undefined;
  machine.wasFile = true;
  return stdin(machine);
}

/** The next record of all operands, counted; undefined at their end. */
export function nextRecord(machine: Machine): string | undefined {
  for (;;) {
    machine.current ??= nextFile(machine);
    if (machine.current === undefined) return undefined;
    const record = readRecord(machine, machine.current);
    if (record !== undefined) {
      machine.nr.value = numberOf(scalar(machine.nr)) + 1;
      machine.fnr.value = numberOf(scalar(machine.fnr)) + 1;
      return record;
    }
    machine.current = undefined;
  }
}
