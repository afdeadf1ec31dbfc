/** What an awk program writes: stdout, stderr, files and the stdin of commands, each kept until it is closed or somebody reads. */
import type { Ended, Machine } from "./awk-machine.ts";
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
  for (const text of machine.unflushed) machine.out.push(text);
  machine.unflushed = [];
}

/** What is written to files stands in them before anybody reads. */
export function flushFiles({ files, outputs }: Machine): void {
  for (const [name, { kind, chunks }] of outputs) {
    if (kind !== "file") continue;
    const content = chunks.join("");
    chunks.splice(0, chunks.length, content);
    if (!files.write(name, content)) throw new AwkFault(`${name} can't be written`);
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
    outputs.set(name, (output = { kind: how === "|" ? "pipe" : "file", chunks: [before] }));
  }
  weigh(machine, text);
  output.chunks.push(text);
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
  const ended = commandEnds(machine, name, output.chunks.join(""));
  out.push(ended.stdout);
  return ended.exitCode;
}
