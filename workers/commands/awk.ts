/**
 * awk, as POSIX has it, with what mawk, gawk and the one true awk all add: `RS` that is a regular expression, `FS=""`, `**`, `delete ARRAY`, `nextfile`, `fflush`, `length ARRAY`, `func`, `/dev/stdout`, `/dev/stderr`, and of
 * gawk's gensub, strftime, systime, mktime and the functions of bits. A text is bytes, in the C locale.
 *
 * A program becomes functions that call each other (awk-statements.ts, awk-expressions.ts) over one machine's state (awk-machine.ts). What it starts (`print | COMMAND`, `COMMAND | getline`, system) is one of the commands
 * that `run` knows, or its end.
 */
import { sow } from "./awk-calls.ts";
import { nextRecord } from "./awk-input.ts";
import {
  exits,
  goesOn,
  Leave,
  machineFor,
  nextFiles,
  typedValue,
  type AwkFiles,
  type Ended,
  type Machine,
  type Statement,
} from "./awk-machine.ts";
import { close, flushOut } from "./awk-output.ts";
import { isKeyword, skipEnds, type Parser } from "./awk-parser.ts";
import { setLine, setNamed } from "./awk-record.ts";
import { functionItem, inOrder, rule, type Rule } from "./awk-statements.ts";
import { AwkFault, faultAt, unescaped, wordAt } from "./awk-words.ts";
import { RegexFault } from "./regex.ts";

export interface AwkCall {
  readonly program: string;
  readonly operands: readonly string[];
  /** In order: name and value as they were typed. */
  readonly variables: readonly (readonly [name: string, value: string])[];
  readonly separator: string | undefined;
  readonly env: ReadonlyMap<string, string>;
}

/** Runs a program. Throws AwkFault for one that is none. */
export function awk({ program, operands, variables, separator, env }: AwkCall, files: AwkFiles): Ended {
  const machine = machineFor(operands, env, files);
  sow(machine, 0);
  let rules: readonly Rule[];
  try {
    rules = rulesOf(machine, program);
  } catch (error) {
    throw new AwkFault(faultOf(error), { cause: error });
  }
  if (separator !== undefined) machine.fs.value = unescaped(separator);
  for (const [name, given] of variables) setNamed(machine, name, typedValue(given));
  try {
    run(machine, rules);
    for (const name of Array.from(machine.outputs.keys())) close(machine, name);
    flushOut(machine);
  } catch (error) {
    const why = faultOf(error);
    flushOut(machine);
    return { stdout: machine.out.text(), stderr: `${machine.stderr}awk: ${why}\n`, exitCode: 2 };
  }
  return { stdout: machine.out.text(), stderr: machine.stderr, exitCode: machine.exitCode & 255 };
}

/** What an error tells of the program. Throws it where it is none of its faults. */
function faultOf(error: unknown): string {
  if (error instanceof AwkFault || error instanceof RegexFault) return error.message;
  throw error;
}

/** A program's rules; its functions the machine knows then. */
function rulesOf(machine: Machine, program: string): readonly Rule[] {
  const parser: Parser = {
    machine,
    program,
    word: wordAt(program, 0),
    locals: [],
    isInFunction: false,
    loops: 0,
    noGreater: false,
    nested: 0,
    called: [],
  };
  const rules: Rule[] = [];
  for (skipEnds(parser); parser.word.is !== "end"; skipEnds(parser)) {
    if (isKeyword(parser, "function")) functionItem(parser);
    else rules.push(rule(parser));
  }
  for (const { name, at, count } of parser.called) {
    const target = machine.functions.get(name);
    if (target === undefined) throw faultAt(program, at, `function ${name} never defined`);
    if (count > target.parameters.length) throw faultAt(program, at, `function ${name} takes fewer arguments`);
  }
  return rules;
}

/** How a rule ended, in whatever function it did. */
function ending(machine: Machine, body: Statement): number {
  try {
    return body();
  } catch (error) {
    if (!(error instanceof Leave)) throw error;
    machine.frame = [];
    machine.depth = 0;
    return error.how;
  }
}

function run(machine: Machine, rules: readonly Rule[]): void {
  const bodies = (is: Rule["is"]) => rules.filter((each) => each.is === is);
  const atEnd = () => void bodies("END").some(({ body }) => ending(machine, body) === exits);
  if (bodies("BEGIN").some(({ body }) => ending(machine, body) === exits)) return atEnd();
  if (rules.every(({ is }) => is === "BEGIN")) return;
  const each = inOrder(
    bodies("each").map(
      ({ matches, body }) =>
        () =>
          matches() ? body() : goesOn,
    ),
  );
  for (;;) {
    const record = nextRecord(machine);
    if (record === undefined) break;
    setLine(machine, record);
    const how = ending(machine, each);
    if (how === exits) break;
    if (how === nextFiles) machine.current = undefined;
  }
  atEnd();
}
