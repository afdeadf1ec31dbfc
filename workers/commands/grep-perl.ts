/** Perl's regular expressions, as far as JavaScript's mean the same: anything else is refused by a sentence. */
import type { Matcher, Wanted } from "./grep-pattern.ts";
import { RegexFault } from "./regex.ts";

const posix: Readonly<Record<string, string>> = {
  alnum: "0-9A-Za-z",
  alpha: "A-Za-z",
  blank: " \\t",
  cntrl: "\\0-\\x1f\\x7f",
  digit: "0-9",
  graph: "!-~",
  lower: "a-z",
  print: " -~",
  punct: "!-\\/:-@\\[-`{-~",
  space: "\\t-\\r ",
  upper: "A-Z",
  word: "\\w",
  xdigit: "0-9A-Fa-f",
};

/** Escapes of one letter outside of brackets, and what they are in JavaScript. */
const outside: Readonly<Record<string, string>> = {
  A: "^",
  B: "\\B",
  D: "\\D",
  H: "[^ \\t]",
  N: "[^\\n]",
  S: "[^\\t-\\r ]",
  W: "\\W",
  Z: "$",
  a: "\\x07",
  b: "\\b",
  d: "\\d",
  e: "\\x1b",
  f: "\\f",
  h: "[ \\t]",
  n: "\\n",
  r: "\\r",
  s: "[\\t-\\r ]",
  t: "\\t",
  w: "\\w",
  z: "$",
};
const inside: Readonly<Record<string, string>> = {
  D: "\\D",
  W: "\\W",
  a: "\\x07",
  b: "\\b",
  d: "\\d",
  e: "\\x1b",
  f: "\\f",
  h: " \\t",
  n: "\\n",
  r: "\\r",
  s: "\\t-\\r ",
  t: "\\t",
  w: "\\w",
};

/** The first parts of an expression that mean what they are to JavaScript, or something that it has, too. */
const parts =
  /(?<quoted>\\Q(?<text>[^]*?)(?:\\E|$))|(?<keep>\\K)|\\x(?<hex>[0-9a-fA-F]{2})|\\x\{(?<braced>[0-9a-fA-F]{1,2})\}|(?<again>\\[1-9])(?!\d)|\\(?<letter>[A-Za-z])|(?<escaped>\\[^0-9A-Za-z])|\[(?<not>\^?)(?<items>\]?(?:\[:\^?\w+:\]|\\[^]|[^\]\\])*)\]|(?<open>\((?:\?(?:[:=!]|<[=!]|<[A-Za-z_]\w*>))?(?![?*]))|(?<count>(?:[*+?]|\{\d+(?:,\d*)?\})\??(?!\+))|(?<any>\.)|(?<plain>[^\\[(*+?])/y;

interface Translated {
  readonly source: string;
  /** What stands before `\K`, which is no part of the match. */
  readonly kept: string | undefined;
}

function refusal(what: string): RegexFault {
  return new RegexFault(`this part of a Perl expression is not known here: ${what}`);
}

function translated(pattern: string): Translated {
  let [source, depth] = ["", 0];
  let kept: string | undefined;
  const named = /\\[1-9]|\||\(\?<[A-Za-z_]/;
  parts.lastIndex = 0;
  while (parts.lastIndex < pattern.length) {
    const at = parts.lastIndex;
    const found = parts.exec(pattern)?.groups;
    if (found === undefined) throw refusal(pattern.slice(at, at + 6));
    const { text, keep, hex = found["braced"], again, letter, escaped, not, items, open, count, any, plain } = found;
    if (found["quoted"] !== undefined) source += (text ?? "").replaceAll(/[^\w\x80-\xff]/g, inHex);
    else if (keep !== undefined) {
      if (depth > 0 || kept !== undefined || named.test(pattern)) throw refusal(keep);
      [kept, source] = [source, ""];
    } else if (hex !== undefined) source += `\\x${hex.padStart(2, "0")}`;
    else if (letter !== undefined) source += lettered(outside, letter);
    else if (escaped !== undefined) source += inHex(escaped.slice(1));
    else if (items !== undefined) source += bracket(items, not === "^");
    else if (any !== undefined) source += "[^\\n]";
    else {
      if (open !== undefined) depth++;
      if (plain === ")") depth--;
      source += again ?? open ?? count ?? plain ?? "";
    }
  }
  return { source, kept };
}

function lettered(known: Readonly<Record<string, string>>, letter: string): string {
  const meant = Object.hasOwn(known, letter) ? known[letter] : undefined;
  if (meant === undefined) throw refusal(`\\${letter}`);
  return meant;
}

function bracket(items: string, isNegated: boolean): string {
  const inner = items.replaceAll(
    /\[:(\^?)(\w+):\]|\\x([0-9a-fA-F]{2})|\\([A-Za-z])|\\([^])|([[\]^])/g,
    (whole, not?: string, name?: string, hex?: string, letter?: string, escaped?: string, mark?: string) => {
      if (name !== undefined) {
        const set = not === "" && Object.hasOwn(posix, name) ? posix[name] : undefined;
        if (set === undefined) throw refusal(whole);
        return set;
      }
      if (hex !== undefined) return whole;
      if (letter !== undefined) return lettered(inside, letter);
      if (escaped !== undefined && /\d/.test(escaped)) throw refusal(whole);
      return inHex(escaped ?? mark ?? "");
    },
  );
  return `[${isNegated ? "^" : ""}${inner}]`;
}

function inHex(char: string): string {
  return `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`;
}

function compiled(source: string, flags: string): RegExp {
  try {
    return new RegExp(source, flags);
  } catch (error) {
    throw new RegexFault(error instanceof Error ? error.message : String(error));
  }
}

/** Throws RegexFault. */
export function perlMatcher(patterns: readonly string[], { ignoresCase, within, isLines }: Wanted): Matcher {
  const [pattern] = patterns;
  if (pattern === undefined) return { test: () => false, find: () => undefined, place: () => -1 };
  if (patterns.length > 1) throw new RegexFault("the -P option only supports a single pattern");
  const [whole, flag] = pattern.startsWith("(?i)") ? [pattern.slice(4), "i"] : [pattern, ignoresCase ? "i" : ""];
  if (flag !== "" && /[\x80-\xff]/.test(whole)) throw refusal("a byte beyond ASCII where case is ignored");
  const { source, kept } = translated(whole);
  if (kept !== undefined && within !== undefined) throw refusal("\\K");
  const [before, after] =
    within === "words" ? ["(?<!\\w)(?:", ")(?!\\w)"] : within === "text" ? ["^(?:", ")$"] : ["", ""];
  const expression = compiled(kept === undefined ? before + source + after : `(${kept})(?:${source})`, `g${flag}`);
  const find = (line: string, from: number) => {
    expression.lastIndex = from;
    const found = expression.exec(line);
    if (found === null) return undefined;
    return [found.index + (kept === undefined ? 0 : (found[1] ?? "").length), found.index + found[0].length];
  };
  const test = (line: string) => find(line, 0) !== undefined;
  return {
    test,
    find,
    place: (text, from) => {
      if (!isLines) return -1;
      for (let at = from; at <= text.length;) {
        const end = text.indexOf("\n", at);
        if (test(end < 0 ? text.slice(at) : text.slice(at, end))) return at;
        if (end < 0) break;
        at = end + 1;
      }
      return -1;
    },
  };
}
