/** The expressions of an awk program: each becomes a function that gives its value. */
import { builtinCall } from "./awk-calls.ts";
import { commandReader, fileReader, nextRecord, readRecord } from "./awk-input.ts";
import {
  compared,
  countTurn,
  exits,
  global,
  Leave,
  matcherOf,
  nextFiles,
  nexts,
  regexFor,
  textOf,
  type AwkFunction,
  type Expression,
} from "./awk-machine.ts";
import { expect, fault, isKeyword, isMark, nested, next, skipLines, take, within, type Parser } from "./awk-parser.ts";
import { bounded } from "./awk-text.ts";
import { field, fieldsOf, setField, setFieldCount, setLine, wholeLine } from "./awk-record.ts";
import {
  assignTo,
  Input,
  isTrue,
  Loan,
  numberOf,
  scalar,
  tableOf,
  type Cell,
  type Table,
  type Value,
} from "./awk-values.ts";
import { AwkFault, regexAt, wordAt } from "./awk-words.ts";

/** Calls of functions within each other. */
export const callDepthMax = 1000;

const valued = (get: () => Value): Expression => ({ get });

const counted = (get: () => number): Expression => ({ get });

const decided = (get: () => boolean): Expression => ({ get: () => (get() ? 1 : 0) });

const changed = (sign: string, a: number, b: number): number => {
  switch (sign) {
    case "+":
      return a + b;
    case "-":
      return a - b;
    case "*":
      return a * b;
    case "/":
      return a / b;
    case "%":
      return a % b;
    default:
      return a ** b;
  }
};

export function expressions(parser: Parser, closing: string): Expression[] {
  const all: Expression[] = [];
  skipLines(parser);
  while (!isMark(parser, closing)) {
    all.push(expression(parser));
    skipLines(parser);
    if (!take(parser, ",")) break;
    skipLines(parser);
  }
  return all;
}

export function expression(parser: Parser): Expression {
  return nested(parser, () => conditional(parser));
}

function conditional(parser: Parser): Expression {
  const condition = either(parser);
  if (!isMark(parser, "?")) return condition;
  next(parser);
  skipLines(parser);
  const yes = within(parser, () => expression(parser));
  skipLines(parser);
  expect(parser, ":");
  skipLines(parser);
  const no = expression(parser);
  return valued(() => (isTrue(condition.get()) ? yes.get() : no.get()));
}

function either(parser: Parser): Expression {
  let left = both(parser);
  while (isMark(parser, "||")) {
    next(parser);
    skipLines(parser);
    const [a, b] = [left, both(parser)];
    left = decided(() => isTrue(a.get()) || isTrue(b.get()));
  }
  return left;
}

function both(parser: Parser): Expression {
  let left = membership(parser);
  while (isMark(parser, "&&")) {
    next(parser);
    skipLines(parser);
    const [a, b] = [left, membership(parser)];
    left = decided(() => isTrue(a.get()) && isTrue(b.get()));
  }
  return left;
}

function membership(parser: Parser): Expression {
  let left = matching(parser);
  while (isKeyword(parser, "in")) {
    next(parser);
    const table = tableNamed(parser);
    const key = keyOf(parser, left.list ?? [left]);
    left = decided(() => table().has(key()));
  }
  return left;
}

export function keyOf(parser: Parser, list: readonly Expression[]): () => string {
  const { machine } = parser;
  const [first] = list;
  if (list.length === 1 && first !== undefined) return () => textOf(machine, first.get());
  return () => list.map((each) => textOf(machine, each.get())).join(textOf(machine, scalar(machine.subsep)));
}

export function tableNamed(parser: Parser): () => Table {
  if (parser.word.is !== "name") throw fault(parser);
  const cell = cellNamed(parser, next(parser).text);
  return () => tableOf(cell());
}

export function cellNamed(parser: Parser, name: string): () => Cell {
  const { machine } = parser;
  const local = parser.locals.indexOf(name);
  if (local >= 0) return () => machine.frame[local] as Cell;
  const cell = global(machine, name);
  return () => cell;
}

function matching(parser: Parser): Expression {
  const { machine } = parser;
  let left = comparison(parser);
  while (isMark(parser, "~", "!~")) {
    const isNot = next(parser).text === "!~";
    const text = left;
    const regex = matcherOf(machine, comparison(parser));
    left = decided(() => regex().test(textOf(machine, text.get())) !== isNot);
  }
  return left;
}

function comparison(parser: Parser): Expression {
  const { machine } = parser;
  const left = piped(parser);
  if (!isMark(parser, "<", "<=", "==", "!=", ">", ">=") || (isMark(parser, ">") && parser.noGreater)) return left;
  const sign = next(parser).text;
  const right = piped(parser);
  const order = () => compared(machine, left.get(), right.get());
  switch (sign) {
    case "<":
      return decided(() => order() < 0);
    case "<=":
      return decided(() => order() <= 0);
    case "==":
      return decided(() => order() === 0);
    case "!=":
      return decided(() => order() !== 0);
    case ">":
      return decided(() => order() > 0);
    default:
      return decided(() => order() >= 0);
  }
}

/** `COMMAND | getline`. */
function piped(parser: Parser): Expression {
  const { machine } = parser;
  let left = concatenation(parser);
  while (isMark(parser, "|") && wordAt(parser.program, parser.word.end).text === "getline") {
    next(parser);
    next(parser);
    const command = left;
    const target = getlineTarget(parser);
    left = counted(() => {
      const record = readRecord(machine, commandReader(machine, textOf(machine, command.get())));
      if (record === undefined) return 0;
      machine.nr.value = numberOf(scalar(machine.nr)) + 1;
      if (target === undefined) setLine(machine, record);
      else target.set?.(new Input(record));
      return 1;
    });
  }
  return left;
}

function getlineTarget(parser: Parser): Expression | undefined {
  if (!isMark(parser, "$") && parser.word.is !== "name") return undefined;
  return primary(parser, false);
}

/** Whether what comes next can be joined to what was there. */
function startsOperand(parser: Parser): boolean {
  if (
    parser.word.is === "number" ||
    parser.word.is === "string" ||
    parser.word.is === "name" ||
    parser.word.is === "call" ||
    parser.word.is === "builtin"
  )
    return true;
  return isMark(parser, "$", "(", "-", "+", "!", "++", "--") && !isMark(parser, "-", "+");
}

export function concatenation(parser: Parser): Expression {
  const { machine } = parser;
  let left = sum(parser);
  while (startsOperand(parser) && !isKeyword(parser, "in")) {
    const [a, b] = [left, sum(parser)];
    left = valued(() => {
      const first = textOf(machine, a.get());
      return bounded(first + textOf(machine, b.get()));
    });
  }
  return left;
}

function sum(parser: Parser): Expression {
  let left = product(parser);
  while (isMark(parser, "+", "-")) {
    const isPlus = next(parser).text === "+";
    const [a, b] = [left, product(parser)];
    left = counted(isPlus ? () => numberOf(a.get()) + numberOf(b.get()) : () => numberOf(a.get()) - numberOf(b.get()));
  }
  return left;
}

function product(parser: Parser): Expression {
  let left = signed(parser);
  while (isMark(parser, "*", "/", "%")) {
    const sign = next(parser).text;
    const [a, b] = [left, signed(parser)];
    left = counted(() => {
      const first = numberOf(a.get());
      const second = numberOf(b.get());
      return sign === "*" ? first * second : sign === "/" ? first / second : first % second;
    });
  }
  return left;
}

function signed(parser: Parser): Expression {
  if (isMark(parser, "!")) {
    next(parser);
    const of = signed(parser);
    return decided(() => !isTrue(of.get()));
  }
  if (isMark(parser, "-", "+")) {
    const isMinus = next(parser).text === "-";
    const of = signed(parser);
    return counted(isMinus ? () => -numberOf(of.get()) : () => numberOf(of.get()));
  }
  return power(parser);
}

function power(parser: Parser): Expression {
  const base = primary(parser, true);
  if (!isMark(parser, "^")) return base;
  next(parser);
  const exponent = isMark(parser, "-", "+", "!") ? signed(parser) : power(parser);
  return counted(() => numberOf(base.get()) ** numberOf(exponent.get()));
}

/** An operand; with `isWhole`, with `++` behind it, or what is assigned to it. */
export function primary(parser: Parser, isWhole: boolean): Expression {
  const made = operandExpression(parser);
  if (!isWhole || made.set === undefined) return made;
  const { get, set } = made;
  if (isMark(parser, "++", "--")) {
    const by = next(parser).text === "++" ? 1 : -1;
    return counted(() => {
      const before = numberOf(get());
      set(before + by);
      return before;
    });
  }
  if (!isMark(parser, "=", "+=", "-=", "*=", "/=", "%=", "^=")) return made;
  const sign = next(parser).text;
  skipLines(parser);
  const right = expression(parser);
  if (sign === "=") {
    return valued(() => {
      const given = right.get();
      set(given);
      return given;
    });
  }
  return counted(() => {
    const given = numberOf(right.get());
    const result = changed(sign.slice(0, -1), numberOf(get()), given);
    set(result);
    return result;
  });
}

function operandExpression(parser: Parser): Expression {
  const { is, text } = parser.word;
  switch (is) {
    case "number": {
      next(parser);
      const constant = Number(text);
      return counted(() => constant);
    }
    case "string":
      next(parser);
      return valued(() => text);
    case "call":
      return userCall(parser, next(parser).text);
    case "builtin":
      return builtin(parser, next(parser).text);
    case "name":
      next(parser);
      return variable(parser, text);
    case "keyword":
      if (text === "getline") return getline(parser);
      throw fault(parser);
    case "mark":
      return marked(parser, text);
    case "newline":
    case "end":
      throw fault(parser);
  }
}

function marked(parser: Parser, text: string): Expression {
  const { machine } = parser;
  if (text === "(") {
    next(parser);
    const list = within(parser, () => expressions(parser, ")"));
    expect(parser, ")");
    const [first] = list;
    if (first === undefined) throw fault(parser, "() holds nothing");
    if (list.length > 1) return { get: () => textOf(machine, first.get()), list };
    // What is in parentheses is assigned nothing, and stands for no table.
    return first.regex === undefined ? valued(first.get) : first;
  }
  if (text === "/" || text === "/=") {
    const { text: pattern, end } = regexAt(parser.program, parser.word.at);
    parser.word = wordAt(parser.program, end);
    const regex = regexFor(machine, pattern);
    return { get: () => (regex.test(wholeLine(machine)) ? 1 : 0), regex };
  }
  if (text === "$") {
    next(parser);
    const of = isMark(parser, "-", "+", "!")
      ? signed(parser)
      : isMark(parser, "++", "--")
        ? operandExpression(parser)
        : primary(parser, false);
    return {
      get: () => field(machine, numberOf(of.get())),
      set: (given) => setField(machine, numberOf(of.get()), given),
    };
  }
  if (text === "++" || text === "--") {
    next(parser);
    const { get, set } = primary(parser, false);
    if (set === undefined) throw fault(parser);
    const by = text === "++" ? 1 : -1;
    return counted(() => {
      const after = numberOf(get()) + by;
      set(after);
      return after;
    });
  }
  if (text === "-" || text === "+" || text === "!") return signed(parser);
  throw fault(parser);
}

export function variable(parser: Parser, name: string): Expression {
  const { machine } = parser;
  if (isMark(parser, "[")) {
    const cell = cellNamed(parser, name);
    next(parser);
    const key = keyOf(
      parser,
      within(parser, () => expressions(parser, "]")),
    );
    expect(parser, "]");
    return {
      get: () => {
        const table = tableOf(cell());
        const at = key();
        const found = table.get(at);
        if (found === undefined && !table.has(at)) table.set(at, undefined);
        return found;
      },
      set: (given) => {
        tableOf(cell()).set(key(), given);
      },
    };
  }
  if (name === "NF" && !parser.locals.includes(name))
    return { get: () => fieldsOf(machine).length, set: (given) => setFieldCount(machine, numberOf(given)) };
  const local = parser.locals.indexOf(name);
  if (local >= 0) {
    const cell = () => machine.frame[local] as Cell;
    return { get: () => scalar(cell()), set: (given) => assignTo(cell(), given), cell };
  }
  const cell = global(machine, name);
  return { get: () => scalar(cell), set: (given) => assignTo(cell, given), cell: () => cell };
}

function builtin(parser: Parser, name: string): Expression {
  const hasParentheses = isMark(parser, "(");
  if (!hasParentheses && name !== "length") throw fault(parser, `${name} takes its arguments in parentheses`);
  let given: readonly Expression[] = [];
  if (hasParentheses) {
    next(parser);
    given = within(parser, () => expressions(parser, ")"));
    expect(parser, ")");
  }
  const made = builtinCall(parser.machine, name, given);
  if (made === undefined) throw fault(parser, `wrong arguments in call to ${name}`);
  return made;
}

/** `getline`, `getline NAME`, `getline < FILE`. */
function getline(parser: Parser): Expression {
  const { machine } = parser;
  next(parser);
  const target = getlineTarget(parser);
  const put = (record: string) => {
    if (target === undefined) setLine(machine, record);
    else target.set?.(new Input(record));
  };
  if (!isMark(parser, "<")) {
    return counted(() => {
      const record = nextRecord(machine);
      if (record === undefined) return 0;
      put(record);
      return 1;
    });
  }
  next(parser);
  const from = primary(parser, false);
  return counted(() => {
    const reader = fileReader(machine, textOf(machine, from.get()));
    if (reader === undefined) return -1;
    const record = readRecord(machine, reader);
    if (record === undefined) return 0;
    put(record);
    return 1;
  });
}

function userCall(parser: Parser, name: string): Expression {
  const { machine } = parser;
  const { at } = parser.word;
  expect(parser, "(");
  const given = within(parser, () => expressions(parser, ")"));
  expect(parser, ")");
  parser.called.push({ name, at, count: given.length });
  return valued(() => {
    const target = machine.functions.get(name) as AwkFunction;
    const cells = target.parameters.map((_, place): Cell => {
      const each = given[place];
      if (each === undefined) return { value: undefined };
      const cell = each.cell?.();
      if (cell === undefined) return { value: each.get() };
      if (cell.value instanceof Map) return { value: cell.value };
      return { value: cell.value === undefined || cell.value instanceof Loan ? new Loan(cell) : cell.value };
    });
    countTurn(machine);
    if (++machine.depth > callDepthMax) throw new AwkFault(`functions call each other more than ${callDepthMax} deep`);
    const before = machine.frame;
    machine.frame = cells;
    machine.returned = undefined;
    const how = target.body();
    machine.frame = before;
    machine.depth--;
    if (how === nexts || how === nextFiles || how === exits) throw new Leave(how);
    const result = machine.returned;
    machine.returned = undefined;
    return result;
  });
}
