/** expr, as GNU's in the C locale: whole numbers of any length, texts of one character a byte, and basic regular expressions. */
import type { OwnCall, OwnEnded } from "./call.ts";
import { regexOf } from "./regex.ts";

/** Parentheses and words like `length` within each other. */
export const nestedMax = 1000;

/** What is wrong with an expression, which ends it with status 2. */
class ExprFault extends Error {
  override readonly name = "ExprFault";
}

/** Status 0 where the value is neither empty nor 0, 1 where it is, 2 for what is no expression. Throws RegexFault. */
export function expr({ args }: OwnCall): OwnEnded {
  if (args.length === 1 && (args[0] === "--help" || args[0] === "--version"))
    return { stdout: args[0] === "--help" ? "Usage: expr EXPRESSION\n" : "expr (Coppice)\n", stderr: "", exitCode: 0 };
  const words = args[0] === "--" ? args.slice(1) : args;
  try {
    if (words.length === 0) throw new ExprFault("missing operand\nTry 'expr --help' for more information.");
    const value = new Reader(words).whole();
    return { stdout: `${value}\n`, stderr: "", exitCode: isNull(value) ? 1 : 0 };
  } catch (error) {
    if (!(error instanceof ExprFault)) throw error;
    return { stdout: "", stderr: `expr: ${error.message}\n`, exitCode: 2 };
  }
}

function isNull(value: string): boolean {
  return /^(?:-?0+)?$/.test(value);
}

const isNumber = (value: string) => /^-?\d+$/.test(value);

function numberOf(value: string): bigint {
  if (!isNumber(value)) throw new ExprFault("non-integer argument");
  return BigInt(value);
}

/** Operators of two operands, those that bind least first. */
const levels: readonly (readonly string[])[] = [
  ["|"],
  ["&"],
  ["<", "<=", "=", "==", "!=", ">=", ">"],
  ["+", "-"],
  ["*", "/", "%"],
  [":"],
];

class Reader {
  readonly #words: readonly string[];
  #at = 0;
  #depth = 0;

  constructor(words: readonly string[]) {
    this.#words = words;
  }

  whole(): string {
    const value = this.#binary(0, true);
    const left = this.#words[this.#at];
    if (left !== undefined) throw new ExprFault(`syntax error: unexpected argument '${left}'`);
    return value;
  }

  /** What does not count, since `|` or `&` has been settled before it, is read and not computed. */
  #binary(level: number, counts: boolean): string {
    const operators = levels[level];
    if (operators === undefined) return this.#operand(counts);
    let value = this.#binary(level + 1, counts);
    for (
      let word = this.#words[this.#at];
      word !== undefined && operators.includes(word);
      word = this.#words[this.#at]
    ) {
      this.#at++;
      const isSettled = word === "|" ? !isNull(value) : word === "&" && isNull(value);
      const other = this.#binary(level + 1, counts && !isSettled);
      if (counts) value = computed(word, value, other);
    }
    return value;
  }

  #operand(counts: boolean): string {
    if (++this.#depth > nestedMax) throw new ExprFault(`more than ${nestedMax} parts within each other`);
    try {
      const word = this.#next();
      switch (word) {
        case "+":
          return this.#next();
        case "length":
          return String(this.#operand(counts).length);
        case "match": {
          const [text, pattern] = [this.#operand(counts), this.#operand(counts)];
          return counts ? matched(text, pattern) : "";
        }
        case "index": {
          const [text, set] = [this.#operand(counts), this.#operand(counts)];
          return String(Array.from(text).findIndex((char) => set.includes(char)) + 1);
        }
        case "substr": {
          const [text, from, length] = [this.#operand(counts), this.#operand(counts), this.#operand(counts)];
          return part(text, from, length);
        }
        case "(": {
          const value = this.#binary(0, counts);
          const end = this.#words[this.#at];
          if (end === undefined)
            throw new ExprFault(`syntax error: expecting ')' after '${this.#words[this.#at - 1] ?? ""}'`);
          if (end !== ")") throw new ExprFault(`syntax error: expecting ')' instead of '${end}'`);
          this.#at++;
          return value;
        }
        case ")":
          throw new ExprFault("syntax error: unexpected ')'");
        default:
          return word;
      }
    } finally {
      this.#depth--;
    }
  }

  #next(): string {
    const word = this.#words[this.#at];
    if (word === undefined)
      throw new ExprFault(`syntax error: missing argument after '${this.#words[this.#at - 1] ?? ""}'`);
    this.#at++;
    return word;
  }
}

function computed(operator: string, left: string, right: string): string {
  switch (operator) {
    case "|":
      return isNull(left) ? (isNull(right) ? "0" : right) : left;
    case "&":
      return isNull(left) || isNull(right) ? "0" : left;
    case ":":
      return matched(left, right);
    case "+":
      return String(numberOf(left) + numberOf(right));
    case "-":
      return String(numberOf(left) - numberOf(right));
    case "*":
      return String(numberOf(left) * numberOf(right));
    case "/":
    case "%": {
      const [a, b] = [numberOf(left), numberOf(right)];
      if (b === 0n) throw new ExprFault("division by zero");
      return String(operator === "/" ? a / b : a % b);
    }
    default:
      return isOrdered(operator, left, right) ? "1" : "0";
  }
}

function isOrdered(operator: string, left: string, right: string): boolean {
  const [a, b] = isNumber(left) && isNumber(right) ? [BigInt(left), BigInt(right)] : [left, right];
  switch (operator) {
    case "<":
      return a < b;
    case "<=":
      return a <= b;
    case ">":
      return a > b;
    case ">=":
      return a >= b;
    default:
      return (a === b) === (operator !== "!=");
  }
}

/** The first group of a match at the text's beginning, or how long the match is; of none an empty text, or 0. */
function matched(text: string, pattern: string): string {
  const regex = regexOf(pattern, { isExtended: false });
  const spans = regex.groupsOf(text);
  if (spans === undefined || spans[0] !== 0) return regex.groups > 0 ? "" : "0";
  if (regex.groups === 0) return String(spans[1]);
  const [, , from = -1, to = -1] = spans;
  return from < 0 ? "" : text.slice(from, to);
}

function part(text: string, from: string, length: string): string {
  if (!isNumber(from) || !isNumber(length)) return "";
  const [first, count] = [Number(from), Number(length)];
  return first < 1 || count < 1 ? "" : text.slice(first - 1, first - 1 + count);
}
