/** The words of an awk program. A slash is a division here: where it begins a regular expression, the parser asks for that. */
import { controlCharacters } from "../shell/bytes.ts";

export interface Word {
  readonly is: "number" | "string" | "name" | "call" | "builtin" | "keyword" | "mark" | "newline" | "end";
  readonly text: string;
  /** Where it begins and ends. */
  readonly at: number;
  readonly end: number;
}

/** What is wrong with a program, and the line on which it is. */
export class AwkFault extends Error {
  override readonly name = "AwkFault";
}

const keywords = new Set(
  "BEGIN END function func if else while for do break continue next nextfile exit return delete in getline print printf".split(
    " ",
  ),
);
export const builtins: ReadonlySet<string> = new Set(
  "length substr index split sub gsub gensub match sprintf sin cos atan2 exp log sqrt int rand srand tolower toupper system close fflush systime strftime mktime and or xor compl lshift rshift".split(
    " ",
  ),
);
const marks = /(?:\*\*=|\|\||&&|\+\+|--|\+=|-=|\*=|\/=|%=|\^=|\*\*|==|<=|>=|!=|!~|>>|[{}()[\];,+\-*/%^!<>|?:~$=])/y;
const numbers = /(?:\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?)/y;
const names = /[A-Za-z_]\w*/y;
const blanks = /(?:[ \t\r\f\v]|\\\r?\n|#[^\n]*)+/y;

function end(expression: RegExp, text: string, at: number): number {
  expression.lastIndex = at;
  return expression.test(text) ? expression.lastIndex : at;
}

/** The word at a place, or the first behind it. Throws AwkFault. */
export function wordAt(program: string, from: number): Word {
  const at = end(blanks, program, from);
  if (at >= program.length) return { is: "end", text: "the end", at, end: at };
  const word = (is: Word["is"], to: number, text = program.slice(at, to)): Word => ({ is, text, at, end: to });
  const char = program[at] as string;
  if (char === "\n") return word("newline", at + 1);
  if (char === '"') {
    let to = at + 1;
    while (program[to] !== '"') {
      if (to >= program.length || program[to] === "\n") throw faultAt(program, at, "a text has no end");
      to += program[to] === "\\" ? 2 : 1;
    }
    return word("string", to + 1, unescaped(program.slice(at + 1, to)));
  }
  const number = end(numbers, program, at);
  if (number > at) return word("number", number);
  const name = end(names, program, at);
  if (name > at) {
    const text = program.slice(at, name);
    if (keywords.has(text)) return word("keyword", name, text === "func" ? "function" : text);
    if (builtins.has(text)) return word("builtin", name);
    return word(program[name] === "(" ? "call" : "name", name);
  }
  const mark = end(marks, program, at);
  if (mark > at) return word("mark", mark, program.slice(at, mark).replace("**", "^"));
  throw faultAt(program, at, `${char} has no meaning`);
}

/** The regular expression whose first slash stands at `at`, its text and its end. Throws AwkFault. */
export function regexAt(program: string, at: number): { readonly text: string; readonly end: number } {
  let text = "";
  let isBracket = false;
  for (let to = at + 1; to < program.length && program[to] !== "\n"; to++) {
    const char = program[to] as string;
    if (char === "\\") {
      const next = program[++to] ?? "";
      text += next === "/" ? "/" : char + next;
      continue;
    }
    if (char === "/" && !isBracket) return { text, end: to + 1 };
    if (isBracket && char === "[" && /[:.=]/.test(program[to + 1] ?? "")) {
      const closing = program.indexOf(`${program[to + 1] as string}]`, to + 2);
      if (closing > 0) {
        text += program.slice(to, closing + 2);
        to = closing + 1;
        continue;
      }
    }
    if (char === "[" && !isBracket) {
      isBracket = true;
      const [first = ""] = /^\^?\]?/.exec(program.slice(to + 1, to + 3)) ?? [];
      text += char + first;
      to += first.length;
      continue;
    }
    if (char === "]") isBracket = false;
    text += char;
  }
  throw faultAt(program, at, "a regular expression has no end");
}

export function faultAt(program: string, at: number, what: string): AwkFault {
  return new AwkFault(`line ${program.slice(0, at).split("\n").length}: ${what}`);
}

/** A text with its escapes made characters. What is no escape stays, backslash and all. */
export function unescaped(text: string): string {
  if (!text.includes("\\")) return text;
  const known: Readonly<Record<string, string>> = { ...controlCharacters, '"': '"', "\\": "\\", "\n": "" };
  return text.replaceAll(
    /\\(?:([0-7]{1,3})|x([0-9a-fA-F]{1,2})|([^]))/g,
    (whole: string, octal?: string, hex?: string, char?: string) => {
      if (octal !== undefined) return String.fromCharCode(Number.parseInt(octal, 8) & 255);
      if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16));
      return known[char as string] ?? whole;
    },
  );
}
