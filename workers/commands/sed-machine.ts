/** Runs sed scripts: a cycle a line, the commands in their order. What is put behind a line waits until the cycle ends, or the next line is read. */
import { escapedInC } from "../shell/bytes.ts";
import type { OwnFiles } from "./call.ts";
import { textBytesMax } from "./awk-text.ts";
import { RegexFault, type Regex } from "./regex.ts";
import type { Action, Address, Command, Expression, Substitution } from "./sed-commands.ts";
import { isRead, nextLine, readable, readerOf, type LineReader } from "./sed-input.ts";
import { outputTo, newSink, writeLine, writeText, type Output } from "./sed-output.ts";
import { expanded } from "./sed-replacement.ts";
import { SedFault } from "./sed-words.ts";

/** Commands of a script that are run without a line being read, so that a loop ends. */
const stepsMax = 20_000_000;

/** How files are edited in place. */
export interface Editing {
  readonly suffix: string;
  /** Whether what a symlink leads to is edited, and not the symlink replaced. */
  readonly follows: boolean;
}

/** What a script is run with. */
export interface Asked {
  readonly commands: readonly Command[];
  readonly operands: readonly string[];
  readonly isQuiet: boolean;
  readonly isPosix: boolean;
  /** Each file's lines have their own numbers and their own end. */
  readonly isSeparate: boolean;
  readonly editing: Editing | undefined;
  /** What ends a line. */
  readonly end: "\n" | "\0";
  /** Of what `l` prints. */
  readonly width: number;
  readonly files: OwnFiles;
  readonly stdin: LineReader;
  readonly stdout: Output;
  /** What is wrong with the script, where that is seen only when it runs. */
  readonly faultOf: (why: string) => SedFault;
}

/** A file that is being read, and edited. */
interface Open {
  readonly name: string;
  readonly reader: LineReader;
  /** A folder can be opened, and not read. */
  readonly isFolder: boolean;
}

type Waiting = { readonly text: string } | { readonly path: string };

interface Machine {
  readonly asked: Asked;
  /** Stdout, or the file that is edited. */
  output: Output;
  open: Open | undefined;
  name: string;
  nextOperand: number;
  /** Whether a file was read to its end and the next one begins anew. */
  begins: boolean;
  line: number;
  space: string;
  isEnded: boolean;
  hold: string;
  isHoldEnded: boolean;
  hasReplaced: boolean;
  waiting: Waiting[];
  lastRegex: Regex | undefined;
  steps: number;
  stderr: string;
  hasFailed: boolean;
}

export interface Ran {
  readonly stderr: string;
  readonly status: number;
}

/** Runs a script over its operands. What it wrote before it failed stays. */
export function runScript(asked: Asked): Ran {
  const machine: Machine = {
    asked,
    output: asked.stdout,
    open: undefined,
    name: "-",
    nextOperand: 0,
    begins: true,
    line: 0,
    space: "",
    isEnded: true,
    hold: "",
    isHoldEnded: true,
    hasReplaced: false,
    waiting: [],
    lastRegex: undefined,
    steps: 0,
    stderr: "",
    hasFailed: false,
  };
  try {
    const status = cycles(machine);
    return { stderr: machine.stderr, status: machine.hasFailed ? 2 : status };
  } catch (error) {
    if (!(error instanceof SedFault || error instanceof RegexFault)) throw error;
    const status = error instanceof SedFault ? error.exit : 4;
    return { stderr: `${machine.stderr}sed: ${error.message}\n`, status };
  }
}

function cycles(machine: Machine): number {
  const { commands } = machine.asked;
  let isAgain = false;
  while (isAgain || readSpace(machine, false)) {
    isAgain = false;
    for (let at = 0; ;) {
      const command = commands[at];
      if (command === undefined) {
        endCycle(machine);
        break;
      }
      const next = isMeant(machine, command) ? act(machine, command, at + 1) : passed(command, at + 1);
      if (next >= 0) {
        at = next;
        continue;
      }
      if (next === quits) {
        close(machine);
        return (command.action as Extract<Action, { is: "exit" }>).status;
      }
      isAgain = next === restarts;
      if (next === ends) endCycle(machine);
      else if (next === drops) flushWaiting(machine);
      break;
    }
  }
  close(machine);
  return 0;
}

/** What a command says instead of the one that follows: the cycle ends as it always does, or without the line being printed, or begins again without another line; or all ends. */
const [ends, drops, restarts, quits] = [-1, -2, -3, -4];

function passed({ action }: Command, next: number): number {
  return action.is === "jump" && action.when === "{" ? action.to : next;
}

function endCycle(machine: Machine): void {
  if (!machine.asked.isQuiet) printSpace(machine);
  flushWaiting(machine);
}

function printSpace(machine: Machine, output = machine.output): void {
  writeLine(output, machine.space, machine.asked.end, machine.isEnded);
}

/** Writes what was put behind the line. */
function flushWaiting(machine: Machine): void {
  if (machine.waiting.length === 0) return;
  const { asked, output, waiting } = machine;
  machine.waiting = [];
  for (const each of waiting) {
    // What can't be read is nothing.
    const text = "text" in each ? each.text : textAt(asked, each.path);
    writeText(output, text, asked.end);
  }
}

/** A file that `r` names. Throws SedFault for a folder. */
function textAt({ files, stdin, isPosix }: Asked, path: string): string {
  if (path !== "/dev/stdin" || isPosix) return readable(files, path);
  const text = stdin.text();
  const rest = text.slice(stdin.at);
  stdin.at = text.length;
  return rest;
}

// Input.

/** Reads the next line into the pattern space, or behind what is in it; false where there is none. */
function readSpace(machine: Machine, appends: boolean): boolean {
  flushWaiting(machine);
  machine.hasReplaced = false;
  const { asked } = machine;
  for (;;) {
    const { open } = machine;
    if (open?.isFolder === true) readable(asked.files, open.name);
    const found = open === undefined ? undefined : nextLine(open.reader, asked.end);
    if (found !== undefined) {
      machine.space = appends ? spaceOf(machine.space + asked.end + found.text) : found.text;
      machine.isEnded = found.isEnded;
      machine.line++;
      machine.steps = 0;
      return true;
    }
    close(machine);
    if (!openNext(machine)) return false;
  }
}

function spaceOf(text: string): string {
  if (text.length > textBytesMax) throw new SedFault(`a text is longer than ${textBytesMax} bytes`, 4);
  return text;
}

/** Whether no line follows. Of a stream of several files, those without lines are passed by. */
function isAtEnd(machine: Machine): boolean {
  if (hasLines(machine)) return false;
  if (machine.asked.isSeparate) return true;
  do machine.open = undefined;
  while (openNext(machine) && !hasLines(machine));
  return machine.open === undefined;
}

const hasLines = ({ open }: Machine): boolean => open !== undefined && !isRead(open.reader);

/** Opens the next operand; false where there is none. What can't be opened is told. */
function openNext(machine: Machine): boolean {
  const { operands, files, stdin, editing, isSeparate } = machine.asked;
  const name = operands[machine.nextOperand];
  if (name === undefined) return false;
  machine.nextOperand++;
  machine.name = name;
  machine.open = undefined;
  if (isSeparate && machine.begins) beginFile(machine);
  machine.begins = false;
  if (name === "-" && editing === undefined) {
    machine.open = { name, reader: stdin, isFolder: false };
    return true;
  }
  const path = editing?.follows === true ? (files.real(name) ?? name) : name;
  const found = files.look(path, true);
  if (found === undefined) {
    machine.stderr += `sed: can't read ${name}: No such file or directory\n`;
    machine.hasFailed = true;
    return true;
  }
  if (editing !== undefined && !found.isFile) throw new SedFault(`couldn't edit ${name}: not a regular file`, 4);
  machine.open = { name: path, reader: readerOf(() => files.text(path) ?? ""), isFolder: found.isDirectory };
  if (editing !== undefined) machine.output = outputTo(newSink());
  return true;
}

/** Numbers, ranges and the hold space of a file of its own. What `R` reads begins again, too. */
function beginFile(machine: Machine): void {
  const { commands, stdin } = machine.asked;
  for (const { action } of commands) if (action.is === "readLine" && action.reader !== stdin) action.reader.at = 0;
  machine.line = 0;
  [machine.hold, machine.isHoldEnded] = ["", true];
  beginRanges(commands);
}

/** Ranges as they are in front of the first line: one from line 0 is come to. */
export function beginRanges(commands: readonly Command[]): void {
  for (const command of commands) command.range = command.from?.is === "line" && command.from.line === 0 ? "in" : "out";
}

/** Ends a file, which is written if it was edited. */
function close(machine: Machine): void {
  const { open, asked } = machine;
  machine.open = undefined;
  if (open === undefined) return;
  machine.begins = true;
  const { editing, files } = asked;
  if (editing === undefined) return;
  const { output } = machine;
  machine.output = asked.stdout;
  const isExecutable = ((files.look(open.name, true)?.mode ?? 0) & 0o100) !== 0;
  if (editing.suffix !== "" && !files.move(open.name, backupOf(open.name, editing.suffix)))
    throw new SedFault(`cannot rename ${open.name}: Not a directory`, 4);
  if (!files.replace(open.name, output.sink.written.text(), isExecutable))
    throw new SedFault(`couldn't open file ${open.name}: No such file or directory`, 4);
}

/** Where a backup goes: the suffix is put behind the name, or the name into it at each `*`. */
function backupOf(path: string, suffix: string): string {
  const slash = path.lastIndexOf("/") + 1;
  const base = path.slice(slash);
  const name = suffix.includes("*") ? suffix.replaceAll("*", () => base) : base + suffix;
  return name.includes("/") ? name : path.slice(0, slash) + name;
}

// Addresses.

function isMeant(machine: Machine, command: Command): boolean {
  const { from } = command;
  if (from === undefined) return !command.isNegated;
  const isIn = command.to === undefined ? isAt(machine, from) : isInRange(machine, command, from, command.to);
  return isIn !== command.isNegated;
}

function isAt(machine: Machine, address: Address): boolean {
  switch (address.is) {
    case "line":
      return machine.line === address.line;
    case "step":
      return machine.line >= address.line && (machine.line - address.line) % address.step === 0;
    case "last":
      return isAtEnd(machine);
    case "match":
      return regexFor(machine, address.by).test(machine.space);
    case "more":
    case "multiple":
      return false;
  }
}

function isInRange(machine: Machine, command: Command, from: Address, to: Address): boolean {
  const { line } = machine;
  if (command.range === "in") {
    if (to.is === "match" || to.is === "last" || to.is === "step") {
      if (isAt(machine, to)) command.range = "past";
      return true;
    }
    if (line >= command.end) command.range = "past";
    return to.is !== "line" || line <= command.end;
  }
  if (from.is === "line") {
    // A line that was skipped begins its range, too, at the first that is come to.
    if (command.range === "past" || line < from.line) return false;
    if (to.is === "line" && line >= to.line) {
      command.range = "past";
      return line === from.line || line === to.line;
    }
  } else if (!isAt(machine, from)) return false;
  command.end = endOf(to, line);
  command.range = line >= command.end || (to.is === "step" && isAt(machine, to)) ? "past" : "in";
  return true;
}

/** The last line of a range that begins here. */
function endOf(to: Address, line: number): number {
  switch (to.is) {
    case "more":
      return line + to.count;
    case "multiple":
      return to.of === 0 ? line : (Math.floor(line / to.of) + 1) * to.of;
    case "line":
      return to.line;
    case "step":
    case "last":
    case "match":
      return Infinity;
  }
}

function regexFor(machine: Machine, { regex }: Expression): Regex {
  const found = regex ?? machine.lastRegex;
  if (found === undefined) throw machine.asked.faultOf("no previous regular expression");
  machine.lastRegex = found;
  return found;
}

// Commands.

/** Does what a command does, and says which one is next, or how the cycle ends. */
function act(machine: Machine, command: Command, next: number): number {
  const { asked, output } = machine;
  const { action } = command;
  switch (action.is) {
    case "substitute":
      substitute(machine, action.what);
      return next;
    case "jump":
      return jumped(machine, action, next);
    case "plain":
      return plainActions[action.letter](machine, next);
    case "text":
      if (action.how === "a") machine.waiting.push({ text: action.text });
      else if (action.how === "i" || command.to === undefined || command.range !== "in")
        writeText(output, action.text.replace(/\n$/, asked.end), asked.end);
      return action.how === "c" ? drops : next;
    case "exit":
      if (action.prints) {
        endCycle(machine);
        writeText(output, "", asked.end);
      }
      return quits;
    case "list":
      writeText(output, listed(machine.space, action.width ?? asked.width, asked.end), asked.end);
      return next;
    case "read":
      if (action.isBefore) writeText(output, textAt(asked, action.path), asked.end);
      else machine.waiting.push({ path: action.path });
      return next;
    case "readLine": {
      const line = nextLine(action.reader, asked.end);
      if (line !== undefined) machine.waiting.push({ text: line.isEnded ? line.text + asked.end : line.text });
      return next;
    }
    case "write":
      if (action.onlyFirst) printFirst(machine, action.output);
      else printSpace(machine, action.output);
      return next;
    case "translate":
      machine.space = machine.space.replaceAll(/[^]/g, (char) => action.bytes.get(char) ?? char);
      return next;
  }
}

function jumped(machine: Machine, { when, to }: Extract<Action, { is: "jump" }>, next: number): number {
  if (when === "{") return next;
  const has = machine.hasReplaced;
  if (when !== "b") machine.hasReplaced = false;
  if (when !== "b" && has !== (when === "t")) return next;
  if (to < next) step(machine, next - to);
  return to;
}

/** Counts commands that are run again without another line. Throws SedFault where they are too many. */
function step(machine: Machine, count: number): void {
  machine.steps += count;
  if (machine.steps > stepsMax) throw new SedFault(`it runs more than ${stepsMax} commands for a line`, 4);
}

function printFirst(machine: Machine, output: Output): void {
  const { space, asked } = machine;
  const at = space.indexOf(asked.end);
  if (at < 0) printSpace(machine, output);
  else writeLine(output, space.slice(0, at), asked.end, true);
}

const plainActions = {
  "=": (machine, next) => {
    writeText(machine.output, machine.line + machine.asked.end, machine.asked.end);
    return next;
  },
  d: () => drops,
  D: (machine) => {
    const at = machine.space.indexOf(machine.asked.end);
    if (at < 0) return drops;
    machine.space = machine.space.slice(at + 1);
    step(machine, machine.asked.commands.length + 1);
    return restarts;
  },
  F: (machine, next) => {
    writeText(machine.output, machine.name + machine.asked.end, machine.asked.end);
    return next;
  },
  g: (machine, next) => {
    [machine.space, machine.isEnded] = [machine.hold, machine.isHoldEnded];
    return next;
  },
  G: (machine, next) => {
    machine.space = spaceOf(machine.space + machine.asked.end + machine.hold);
    machine.isEnded = machine.isHoldEnded;
    return next;
  },
  h: (machine, next) => {
    [machine.hold, machine.isHoldEnded] = [machine.space, machine.isEnded];
    return next;
  },
  H: (machine, next) => {
    machine.hold = spaceOf(machine.hold + machine.asked.end + machine.space);
    machine.isHoldEnded = machine.isEnded;
    return next;
  },
  n: (machine, next) => {
    if (isAtEnd(machine)) return ends;
    if (!machine.asked.isQuiet) printSpace(machine);
    return readSpace(machine, false) ? next : drops;
  },
  N: (machine, next) => {
    if (isAtEnd(machine)) return machine.asked.isPosix ? drops : ends;
    return readSpace(machine, true) ? next : ends;
  },
  p: (machine, next) => {
    printSpace(machine);
    return next;
  },
  P: (machine, next) => {
    printFirst(machine, machine.output);
    return next;
  },
  x: (machine, next) => {
    [machine.space, machine.hold] = [machine.hold, machine.space];
    [machine.isEnded, machine.isHoldEnded] = [machine.isHoldEnded, machine.isEnded];
    return next;
  },
  z: (machine, next) => {
    machine.space = "";
    return next;
  },
} as const satisfies Readonly<Record<string, (machine: Machine, next: number) => number>>;

/** A text as `l` shows it, in lines of that width; 0 is no limit. */
function listed(text: string, width: number, end: string): string {
  let [made, column] = ["", 0];
  for (const char of text) {
    const shown = char >= " " && char <= "~" && char !== "\\" ? char : escapedInC(char);
    if (width > 0 && column + shown.length > width - 1) {
      made += `\\${end}`;
      column = 0;
    }
    made += shown;
    column += shown.length;
  }
  return `${made}$${end}`;
}

function substitute(machine: Machine, what: Substitution): void {
  const regex = regexFor(machine, what.by);
  if (what.replacement.groups > regex.groups)
    throw machine.asked.faultOf(`invalid reference \\${what.replacement.groups} on \`s' command's RHS`);
  const made = substituted(machine.space, regex, what);
  if (made === undefined) return;
  machine.space = spaceOf(made);
  machine.hasReplaced = true;
  if (what.prints) printSpace(machine);
  if (what.output !== undefined) printSpace(machine, what.output);
}

/** The text with the matches replaced that are wanted; undefined where there are none. An empty match right behind another is none. */
function substituted(text: string, regex: Regex, what: Substitution): string | undefined {
  const { replacement, number, isGlobal } = what;
  const find = replacement.groups > 0 ? regex.groupsOf : regex.find;
  let [made, at, behind, count] = ["", 0, -1, 0];
  let isMade = false;
  while (at <= text.length) {
    const spans = find(text, at);
    if (spans === undefined) break;
    const [start = 0, end = 0] = spans;
    const isEmpty = start === end;
    made += text.slice(at, start);
    if (!isEmpty || start !== behind) {
      if (++count >= number) {
        made += expanded(replacement, text, spans);
        isMade = true;
      } else made += text.slice(start, end);
    }
    at = behind = end;
    if (isMade && !isGlobal) break;
    if (!isEmpty) continue;
    made += text.slice(end, end + 1);
    at = end + 1;
  }
  return isMade ? made + text.slice(at) : undefined;
}
