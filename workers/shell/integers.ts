/**
 * Integers of 64 bits in two's complement, as bash has them. A safe integer is a number, which is fast, and any other a bigint: so two are equal where `===` says so, and `<` compares them. Nothing else is ever made here,
 * but for NaN, which stands for text that is no integer.
 */
export type Integer = number | bigint;

const [smallest, largest, largestUnsigned] = [-(2n ** 63n), 2n ** 63n - 1n, 2n ** 64n - 1n];

function narrow(made: bigint): Integer {
  const number = Number(made);
  return Number.isSafeInteger(number) ? number : made;
}

function wrapped(made: bigint): Integer {
  return narrow(BigInt.asIntN(64, made));
}

/** What an operator makes of two integers; undefined where it has no answer: what is divided by zero, and exponents below zero. */
export function coppiceArithmetic(left: Integer, right: Integer, operator: string): Integer | undefined {
  if (typeof left === "number" && typeof right === "number") {
    const made = ofNumbers(left, right, operator);
    // A sum or product that a number rounded is not safe; -0 is 0.
    if (made !== undefined && Number.isSafeInteger(made)) return made + 0;
  }
  switch (operator) {
    case "<":
      return Number(left < right);
    case "<=":
      return Number(left <= right);
    case ">":
      return Number(left > right);
    case ">=":
      return Number(left >= right);
    case "==":
      return Number(left === right);
    case "!=":
      return Number(left !== right);
    case ",":
      return right;
  }
  const [a, b] = [BigInt(left), BigInt(right)];
  switch (operator) {
    case "+":
      return wrapped(a + b);
    case "-":
      return wrapped(a - b);
    case "*":
      return wrapped(a * b);
    case "/":
      return b === 0n ? undefined : wrapped(a / b);
    case "%":
      return b === 0n ? undefined : wrapped(a % b);
    case "**":
      return b < 0n ? undefined : wrapped(power(a, b));
    case "<<":
      return wrapped(a << (b & 63n));
    case ">>":
      return wrapped(a >> (b & 63n));
    case "&":
      return wrapped(a & b);
    case "|":
      return wrapped(a | b);
    case "^":
      return wrapped(a ^ b);
    default:
      throw new Error(`arithmetic has no operator ${operator}`);
  }
}

/** What most scripts ask for, fast. Undefined, or no safe integer, where bigints must say. */
function ofNumbers(left: number, right: number, operator: string): number | undefined {
  switch (operator) {
    case "+":
      return left + right;
    case "-":
      return left - right;
    case "*":
      return left * right;
    case "/":
      return right === 0 ? undefined : Math.trunc(left / right);
    case "%":
      return right === 0 ? undefined : left % right;
    default:
      return undefined;
  }
}

function power(base: bigint, exponent: bigint): bigint {
  let [made, square] = [1n, base];
  for (let left = exponent; left > 0n; left >>= 1n) {
    if ((left & 1n) === 1n) made = BigInt.asIntN(64, made * square);
    square = BigInt.asIntN(64, square * square);
  }
  return made;
}

/** What a unary operator makes of an integer. */
export function coppiceUnary(of: Integer, operator: string): Integer {
  switch (operator) {
    case "-":
      return wrapped(-BigInt(of));
    case "~":
      return wrapped(~BigInt(of));
    case "!":
      return of === 0 ? 1 : 0;
    default:
      return of;
  }
}

/** A literal: decimal, octal after 0, hexadecimal after 0x, of another base after that and #. What is too great wraps. NaN where a digit is none of its base's. */
export function coppiceLiteral(text: string): Integer {
  if (/^(?:0|[1-9]\d{0,14})$/.test(text)) return Number(text);
  if (/^0[xX][\da-fA-F]*$/.test(text)) return wrapped(text.length === 2 ? 0n : BigInt(text));
  const [, given, digits = ""] = /^(\d+)#([\da-zA-Z@_]+)$/.exec(text) ?? [];
  if (given !== undefined) return ofBase(digits, Number(given));
  if (/^0[0-7]*$/.test(text)) return wrapped(BigInt(`0o0${text}`));
  return /^[1-9]\d*$/.test(text) ? wrapped(BigInt(text)) : Number.NaN;
}

function ofBase(digits: string, base: number): Integer {
  if (base < 2 || base > 64) return Number.NaN;
  const known = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ@_";
  let made = 0n;
  for (const digit of digits) {
    let worth = known.indexOf(digit);
    if (base <= 36 && worth >= 36 && worth < 62) worth -= 26;
    if (worth < 0 || worth >= base) return Number.NaN;
    made = BigInt.asIntN(64, made * BigInt(base) + BigInt(worth));
  }
  return narrow(made);
}

/** Text that is a decimal integer and nothing else, octal ones not among them; NaN for other text, which is an expression or none. */
export function coppicePlain(text: string): Integer {
  const [, sign = "", digits] = /^\s*(-?)(0|[1-9]\d*)\s*$/.exec(text) ?? [];
  if (digits === undefined) return Number.NaN;
  const made = coppiceLiteral(digits);
  return sign === "" ? made : coppiceUnary(made, "-");
}

/** An operand of `[ A -eq B ]`: decimal, and no expression. */
export function coppiceOperand(text: string): { readonly value: Integer; readonly valid: boolean } {
  const [, sign = "", digits] = /^\s*([+-]?)(\d+)\s*$/.exec(text) ?? [];
  const made = digits === undefined ? largestUnsigned : BigInt(digits) * (sign === "-" ? -1n : 1n);
  const valid = made >= smallest && made <= largest;
  return { value: valid ? narrow(made) : 0, valid };
}

/** An array's index. Arrays know indices below 2^53, and `refusal` is thrown for one beyond; what counts back from the end may be any. */
export function coppiceIndex(of: Integer, refusal: (message: string) => Error): number {
  if (typeof of === "bigint" && of > 0n) throw refusal(`${of}: this shell's arrays have no index beyond 2^53`);
  return Number(of);
}

/** An integer that printf is given for `conversion`, as C's functions read it: a prefix of the text counts, and what is too great is the greatest there is, with a warning. */
export function coppicePrintfInteger(
  text: string,
  conversion: string,
): { readonly value: Integer; readonly error: boolean; readonly message: string } {
  if (/^["']./s.test(text)) return { value: text.charCodeAt(1), error: false, message: "" };
  const [whole = "", sign = "", hex, octal, decimal = "0"] =
    /^\s*([+-]?)(?:0[xX]([\da-fA-F]+)|(0[0-7]*)|([1-9]\d*))/.exec(text) ?? [];
  const size = BigInt(hex !== undefined ? `0x${hex}` : octal !== undefined ? `0o0${octal}` : decimal);
  const made = sign === "-" ? -size : size;
  const error = whole.length < text.length;
  const signed = conversion === "d" || conversion === "i";
  const tooGreat = signed ? made > largest || made < smallest : size > largestUnsigned;
  const greatest = !signed ? largestUnsigned : made < 0n ? smallest : largest;
  return {
    value: narrow(tooGreat ? greatest : signed ? made : BigInt.asUintN(64, made)),
    error,
    message: error
      ? `printf: ${text}: invalid number\n`
      : tooGreat
        ? `printf: warning: ${text}: Numerical result out of range\n`
        : "",
  };
}
