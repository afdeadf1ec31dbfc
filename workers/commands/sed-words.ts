/** What a sed script is read from, character by character, and the texts that stand in it between delimiters: expressions, replacements and file names, with GNU's escapes. */

/** Why sed ends, and with what status. */
export class SedFault extends Error {
  override readonly name = "SedFault";
  readonly exit: number;
  constructor(message: string, exit: number) {
    super(message);
    this.exit = exit;
  }
}

/** A piece of a script: an option's value, or a file. */
export interface Source {
  readonly text: string;
  /** Of a file. */
  readonly name?: string;
  /** Which `-e` it is, from 1. */
  readonly number: number;
  at: number;
}

/** What is wrong with a script, told as GNU sed tells it. */
export function faultIn({ text, name, number, at }: Source, why: string, from = at): SedFault {
  if (name === undefined) return new SedFault(`-e expression #${number}, char ${from}: ${why}`, 1);
  return new SedFault(`file ${name} line ${text.slice(0, at).split("\n").length}: ${why}`, 1);
}

/** The next character, which is read; "" at the end. */
export function take(source: Source): string {
  return source.at < source.text.length ? (source.text[source.at++] as string) : "";
}

/** As `take`, behind blanks. */
export function takeNonblank(source: Source): string {
  for (;;) {
    const char = take(source);
    if (char !== " " && char !== "\t") return char;
  }
}

/** Leaves what `take` gave to the next who reads. */
export function putBack(source: Source, char: string): void {
  source.at -= char.length;
}

/** The number that begins with that character; 0 where it is no digit. */
export function takeNumber(source: Source, first: string): number {
  let digits = "";
  let char = first;
  for (; char !== "" && char >= "0" && char <= "9"; char = take(source)) digits += char;
  putBack(source, char);
  return Number(digits);
}

/** All up to the end of the line, which is read, without blanks in front. */
export function takeLine(source: Source): string {
  putBack(source, takeNonblank(source));
  const end = source.text.indexOf("\n", source.at);
  const line = source.text.slice(source.at, end < 0 ? source.text.length : end);
  source.at = end < 0 ? source.text.length : end + 1;
  return line;
}

/** A label: up to a blank, a semicolon or the like, which is left. */
export function takeLabel(source: Source): string {
  putBack(source, takeNonblank(source));
  const [label = ""] = /^[^\s;}]*/.exec(source.text.slice(source.at)) ?? [];
  source.at += label.length;
  return label;
}

/** What stands in front of the next delimiter, of which a backslash makes a character; undefined where it has no end. */
export function takeDelimited(source: Source, delimiter: string, isExpression: boolean): string | undefined {
  let found = "";
  for (;;) {
    const char = take(source);
    if (char === delimiter && char !== "") return found;
    if (char === "" || char === "\n") {
      putBack(source, char);
      return undefined;
    }
    if (char === "[" && isExpression) {
      const bracket = takeBracket(source);
      if (bracket === undefined) return undefined;
      found += bracket;
      continue;
    }
    if (char !== "\\") {
      found += char;
      continue;
    }
    const next = take(source);
    if (next === "") return undefined;
    if (next === delimiter) found += next === "&" && !isExpression ? "\\&" : next;
    else if (next === "n" && isExpression) found += "\n";
    else found += next === "\n" ? next : `\\${next}`;
  }
}

/** A bracket expression, whose first bracket was read. */
function takeBracket(source: Source): string | undefined {
  const [bracket] = /^\^?\]?(?:\[([.:=])[^\n]*?\1\]|[^\]\n])*\]/.exec(source.text.slice(source.at)) ?? [];
  if (bracket === undefined) {
    const end = source.text.indexOf("\n", source.at);
    source.at = end < 0 ? source.text.length : end;
    return undefined;
  }
  source.at += bracket.length;
  return `[${bracket}`;
}

const characters: Readonly<Record<string, string>> = {
  a: "\x07",
  f: "\f",
  n: "\n",
  "\n": "\n",
  r: "\r",
  t: "\t",
  v: "\v",
};
const numbers: Readonly<Record<string, { readonly base: number; readonly digits: RegExp }>> = {
  d: { base: 10, digits: /^\d{1,3}/ },
  o: { base: 8, digits: /^[0-7]{1,3}/ },
  x: { base: 16, digits: /^[0-9A-Fa-f]{1,2}/ },
};

/** What a text is: where a backslash stays in front of what would mean something else, and what becomes of other backslashes. */
export type TextKind = "expression" | "replacement" | "text";

/** A text with its escapes of characters replaced by these. Of a replacement and an expression other backslashes stay. Throws SedFault. */
export function unescaped(source: Source, text: string, kind: TextKind): string {
  if (!text.includes("\\")) return text;
  let made = "";
  for (let at = 0; at < text.length; at++) {
    const char = text[at] as string;
    if (char !== "\\" || at + 1 >= text.length) {
      made += char;
      continue;
    }
    const next = text[++at] as string;
    if (Object.hasOwn(characters, next)) made += characters[next];
    else if (next === "c") {
      const control = text[at + 1];
      if (control === undefined) made += "\\";
      else {
        at++;
        if (control === "\\" && text[++at] !== "\\") throw faultIn(source, "recursive escaping after \\c not allowed");
        made += kept(String.fromCharCode(upper(control).charCodeAt(0) ^ 0x40), kind);
      }
    } else if (Object.hasOwn(numbers, next)) {
      const { base, digits } = numbers[next] as (typeof numbers)[string];
      const [found] = digits.exec(text.slice(at + 1, at + 4)) ?? [];
      if (found === undefined) made += next;
      else {
        at += found.length;
        made += kept(String.fromCharCode(Number.parseInt(found, base) & 255), kind);
      }
    } else made += kind === "text" ? next : `\\${next}`;
  }
  return made;
}

/** A character that was written by its number means itself in a replacement. */
function kept(char: string, kind: TextKind): string {
  return kind === "replacement" && (char === "&" || char === "\\") ? `\\${char}` : char;
}

/** Letters of ASCII alone: a character is a byte. */
export const upper = (text: string) => text.replaceAll(/[a-z]+/g, (letters) => letters.toUpperCase());
export const lower = (text: string) => text.replaceAll(/[A-Z]+/g, (letters) => letters.toLowerCase());
