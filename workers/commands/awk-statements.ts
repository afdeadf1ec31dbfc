/** The statements and rules of an awk program: each becomes a function that says how it ended. */
import { sprintf } from "./awk-calls.ts";
import { concatenation, expression, expressions, keyOf, tableNamed, variable } from "./awk-expressions.ts";
import {
  breaks,
  continues,
  countTurn,
  exits,
  goesOn,
  nextFiles,
  nexts,
  numberText,
  returns,
  textOf,
  type AwkFunction,
  type Expression,
  type Statement,
} from "./awk-machine.ts";
import { print, write } from "./awk-output.ts";
import {
  expect,
  fault,
  isKeyword,
  isMark,
  nested,
  next,
  skipEnds,
  skipLines,
  take,
  within,
  type Parser,
} from "./awk-parser.ts";
import { wholeLine } from "./awk-record.ts";
import { Input, isTrue, numberOf, scalar, type Table, type Value } from "./awk-values.ts";

export interface Rule {
  readonly is: "BEGIN" | "END" | "each";
  readonly matches: () => boolean;
  readonly body: Statement;
}

const always = () => true;

function block(parser: Parser): Statement {
  expect(parser, "{");
  const all: Statement[] = [];
  skipEnds(parser);
  while (!isMark(parser, "}")) {
    if (parser.word.is === "end") throw fault(parser, "a } is missing");
    all.push(statement(parser));
    skipEnds(parser);
  }
  next(parser);
  return inOrder(all);
}

/** Statements as one. */
export function inOrder(all: readonly Statement[]): Statement {
  const [first] = all;
  if (all.length === 1 && first !== undefined) return first;
  return () => {
    for (const each of all) {
      const how = each();
      if (how !== goesOn) return how;
    }
    return goesOn;
  };
}

function endSimple(parser: Parser): void {
  if (isMark(parser, ";") || parser.word.is === "newline") next(parser);
  else if (!isMark(parser, "}") && parser.word.is !== "end") throw fault(parser);
}

/** A statement behind `if (…)`, `while (…)` and the like. */
function inner(parser: Parser): Statement {
  if (take(parser, ";")) return () => goesOn;
  skipLines(parser);
  return statement(parser);
}

/** The body of a loop, which counts its turns. */
function looped(parser: Parser, parse: () => Statement): Statement {
  const { machine } = parser;
  parser.loops++;
  const made = parse();
  parser.loops--;
  return () => {
    countTurn(machine);
    return made();
  };
}

function statement(parser: Parser): Statement {
  return nested(parser, () => anyStatement(parser));
}

function anyStatement(parser: Parser): Statement {
  if (isMark(parser, "{")) return block(parser);
  if (parser.word.is === "keyword") {
    switch (parser.word.text) {
      case "if":
        return ifStatement(parser);
      case "while":
        return whileStatement(parser);
      case "do":
        return doStatement(parser);
      case "for":
        return forStatement(parser);
      default:
    }
  }
  if (take(parser, ";")) return () => goesOn;
  const made = simple(parser);
  endSimple(parser);
  return made;
}

function inParentheses(parser: Parser): Expression {
  expect(parser, "(");
  const made = within(parser, () => expression(parser));
  expect(parser, ")");
  return made;
}

function ifStatement(parser: Parser): Statement {
  next(parser);
  const condition = inParentheses(parser);
  const yes = inner(parser);
  const behind = parser.word;
  skipEnds(parser);
  if (!isKeyword(parser, "else")) {
    parser.word = behind;
    return () => (isTrue(condition.get()) ? yes() : goesOn);
  }
  next(parser);
  const no = inner(parser);
  return () => (isTrue(condition.get()) ? yes() : no());
}

function whileStatement(parser: Parser): Statement {
  next(parser);
  const condition = inParentheses(parser);
  const body = looped(parser, () => inner(parser));
  return () => {
    while (isTrue(condition.get())) {
      const how = body();
      if (how === breaks) break;
      if (how > continues) return how;
    }
    return goesOn;
  };
}

function doStatement(parser: Parser): Statement {
  next(parser);
  const body = looped(parser, () => inner(parser));
  skipEnds(parser);
  if (!isKeyword(parser, "while")) throw fault(parser);
  next(parser);
  const condition = inParentheses(parser);
  endSimple(parser);
  return () => {
    do {
      const how = body();
      if (how === breaks) break;
      if (how > continues) return how;
    } while (isTrue(condition.get()));
    return goesOn;
  };
}

/** The loop over a table's keys; undefined, and the place where it was, when it is another loop. */
function forIn(parser: Parser): Statement | undefined {
  const before = parser.word;
  const isParenthesised = take(parser, "(");
  const name = parser.word;
  if (name.is === "name") {
    next(parser);
    if ((!isParenthesised || take(parser, ")")) && isKeyword(parser, "in")) {
      next(parser);
      if (parser.word.is === "name") {
        const table = tableNamed(parser);
        if (take(parser, ")")) return overKeys(parser, name.text, table);
      }
    }
  }
  parser.word = before;
  return undefined;
}

function overKeys(parser: Parser, name: string, table: () => Table): Statement {
  const { set } = variable(parser, name);
  const body = looped(parser, () => inner(parser));
  return () => {
    for (const key of Array.from(table().keys())) {
      set?.(new Input(key));
      const how = body();
      if (how === breaks) break;
      if (how > continues) return how;
    }
    return goesOn;
  };
}

function forStatement(parser: Parser): Statement {
  next(parser);
  expect(parser, "(");
  const over = forIn(parser);
  if (over !== undefined) return over;
  const start = isMark(parser, ";") ? undefined : simple(parser);
  expect(parser, ";");
  skipLines(parser);
  const condition = isMark(parser, ";") ? undefined : expression(parser);
  expect(parser, ";");
  skipLines(parser);
  const step = isMark(parser, ")") ? undefined : simple(parser);
  expect(parser, ")");
  const body = looped(parser, () => inner(parser));
  return () => {
    start?.();
    for (; ; step?.()) {
      if (condition !== undefined && !isTrue(condition.get())) break;
      const how = body();
      if (how === breaks) break;
      if (how > continues) return how;
    }
    return goesOn;
  };
}

function simple(parser: Parser): Statement {
  const { machine } = parser;
  if (parser.word.is !== "keyword") return evaluated(parser);
  const isEnd = () => isMark(parser, ";", "}") || parser.word.is === "newline" || parser.word.is === "end";
  switch (parser.word.text) {
    case "print":
    case "printf":
      return printing(parser);
    case "next":
      next(parser);
      return () => nexts;
    case "nextfile":
      next(parser);
      return () => nextFiles;
    case "break":
      if (parser.loops === 0) throw fault(parser, "break outside of a loop");
      next(parser);
      return () => breaks;
    case "continue":
      if (parser.loops === 0) throw fault(parser, "continue outside of a loop");
      next(parser);
      return () => continues;
    case "exit": {
      next(parser);
      const status = isEnd() ? undefined : expression(parser);
      return () => {
        if (status !== undefined) machine.exitCode = Math.trunc(numberOf(status.get()));
        return exits;
      };
    }
    case "return": {
      if (!parser.isInFunction) throw fault(parser, "return outside of a function");
      next(parser);
      const result = isEnd() ? undefined : expression(parser);
      return () => {
        machine.returned = result?.get();
        return returns;
      };
    }
    case "delete":
      return deletion(parser);
    default:
      return evaluated(parser);
  }
}

function deletion(parser: Parser): Statement {
  next(parser);
  const table = tableNamed(parser);
  if (!take(parser, "[")) {
    return () => {
      table().clear();
      return goesOn;
    };
  }
  const key = keyOf(
    parser,
    within(parser, () => expressions(parser, "]")),
  );
  expect(parser, "]");
  return () => {
    table().delete(key());
    return goesOn;
  };
}

function evaluated(parser: Parser): Statement {
  const { get } = expression(parser);
  return () => {
    get();
    return goesOn;
  };
}

function printing(parser: Parser): Statement {
  const { machine } = parser;
  const isFormat = next(parser).text === "printf";
  parser.noGreater = true;
  const given: Expression[] = [];
  const isEnd = () =>
    isMark(parser, ";", "}", ">", ">>", "|") || parser.word.is === "newline" || parser.word.is === "end";
  if (!isEnd()) {
    do {
      skipLines(parser);
      given.push(expression(parser));
    } while (take(parser, ","));
  }
  parser.noGreater = false;
  const [only] = given;
  const all = given.length === 1 && only?.list !== undefined ? only.list : given;
  if (isFormat && all.length === 0) throw fault(parser, "printf without a format");
  let put: (text: string) => void = (text) => print(machine, text);
  if (isMark(parser, ">", ">>", "|")) {
    const how = next(parser).text;
    parser.noGreater = true;
    const target = concatenation(parser);
    parser.noGreater = false;
    put = (text) => write(machine, textOf(machine, target.get()), how, text);
  }
  if (isFormat) {
    const [format, ...others] = all as readonly [Expression, ...Expression[]];
    return () => {
      put(sprintf(machine, textOf(machine, format.get()), others));
      return goesOn;
    };
  }
  const shown = (each: Value) =>
    typeof each === "number" ? numberText(machine, each, machine.ofmt) : textOf(machine, each);
  return () => {
    const text =
      all.length === 0
        ? wholeLine(machine)
        : all.map((each) => shown(each.get())).join(textOf(machine, scalar(machine.ofs)));
    put(text + textOf(machine, scalar(machine.ors)));
    return goesOn;
  };
}

/** `function NAME(PARAMETER, ...) { ... }`, which the machine knows then. */
export function functionItem(parser: Parser): void {
  const { machine } = parser;
  next(parser);
  if (parser.word.is !== "name" && parser.word.is !== "call") throw fault(parser);
  const { text: name } = next(parser);
  expect(parser, "(");
  const parameters: string[] = [];
  while (!isMark(parser, ")")) {
    skipLines(parser);
    if (parser.word.is !== "name") throw fault(parser);
    parameters.push(next(parser).text);
    skipLines(parser);
    if (!take(parser, ",")) break;
  }
  expect(parser, ")");
  skipLines(parser);
  if (machine.functions.has(name)) throw fault(parser, `the function ${name} is there twice`);
  const made: AwkFunction = { parameters, body: () => goesOn };
  machine.functions.set(name, made);
  [parser.locals, parser.isInFunction] = [parameters, true];
  made.body = block(parser);
  [parser.locals, parser.isInFunction] = [[], false];
}

/** A pattern, what is done where it matches, or both. */
export function rule(parser: Parser): Rule {
  const { machine } = parser;
  if (isKeyword(parser, "BEGIN") || isKeyword(parser, "END")) {
    const is = next(parser).text as "BEGIN" | "END";
    if (!isMark(parser, "{")) throw fault(parser, `${is} wants a {`);
    return { is, matches: always, body: block(parser) };
  }
  let matches = always;
  if (!isMark(parser, "{")) {
    const first = expression(parser);
    matches = () => isTrue(first.get());
    if (take(parser, ",")) {
      skipLines(parser);
      const last = expression(parser);
      let isOn = false;
      matches = () => {
        if (!isOn && !isTrue(first.get())) return false;
        isOn = !isTrue(last.get());
        return true;
      };
    }
  }
  if (isMark(parser, "{")) return { is: "each", matches, body: block(parser) };
  return {
    is: "each",
    matches,
    body: () => {
      print(machine, wholeLine(machine) + textOf(machine, scalar(machine.ors)));
      return goesOn;
    },
  };
}
