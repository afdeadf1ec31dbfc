/** What an awk program writes: stdout, stderr, files and the stdin of commands, each kept until it is closed or somebody reads. */
import type { Ended, Machine } from "./awk-machine.ts";
import { Written } from "./awk-text.ts";
import { AwkFault } from "./awk-words.ts";

/** Bytes that are printed. */
export const printedBytesMax = 256 * 1024 * 1024;

function weigh(machine: Machine, text: string): void {
  machine.printedBytes += text.length;
  if (machine.printedBytes > printedBytesMax) throw new AwkFault(`it prints more than ${printedBytesMax} bytes`);
}

export function print(machine: Machine, text: string): void {
  weigh(machine, text);
  (machine.outputs.size > 0 ? machine.unflushed : machine.out).push(text);
}

export function flushOut(machine: Machine): void {
  machine.out.push(machine.unflushed.text());
  machine.unflushed = new Written();
}

/** What is written to files stands in them before anybody reads. */
export function flushFiles({ files, outputs }: Machine): void {
  for (const [name, output] of outputs) {
    if (output.kind !== "file" || output.isStored) continue;
    output.isStored = true;
    if (!files.write(name, output.written.text())) throw new AwkFault(`${name} can't be written`);
  }
}

/** Runs a command to its end. Throws AwkFault for one that can't be run. */
export function commandEnds(machine: Machine, command: string, input: string): Ended {
  const ended = machine.files.run(command, input);
  if (ended === undefined)
    throw new AwkFault(
      `the command ${JSON.stringify(command)} can't be run: a command starts no others here but sort, cat and the like`,
    );
  machine.stderr += ended.stderr;
  return ended;
}

/** Writes behind `>`, `>>` or `|`. */
export function write(machine: Machine, name: string, how: string, text: string): void {
  const { files, outputs } = machine;
  if (how !== "|") {
    if (name === "/dev/stdout" || name === "-") return print(machine, text);
    if (name === "/dev/stderr") {
      machine.stderr += text;
      return;
    }
  }
  let output = outputs.get(name);
  if (output === undefined) {
    flushOut(machine);
    const before = how === ">>" ? (files.read(name) ?? "") : "";
    outputs.set(name, (output = { kind: how === "|" ? "pipe" : "file", written: new Written(), isStored: false }));
    output.written.push(before);
  }
  weigh(machine, text);
  output.written.push(text);
  output.isStored = false;
}

/** Closes what is read or written by that name; a command runs now. -1 for what is not open. */
export function close(machine: Machine, name: string): number {
  const { outputs, out } = machine;
  const isRead = machine.readers.delete(name);
  const output = outputs.get(name);
  if (output === undefined) return isRead ? 0 : -1;
  if (output.kind === "file") flushFiles(machine);
  outputs.delete(name);
  if (output.kind === "file") return 0;
  const ended = commandEnds(machine, name, output.written.text());
  out.push(ended.stdout);
  return ended.exitCode;
}
