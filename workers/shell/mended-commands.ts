/** What just-bash's sed and jq do otherwise than native ones, done as these do. The build puts calls of these functions into their text (workers/bundle-shell.ts). */

/**
 * `\<` and `\>` as `\b`, which is the same where a word must begin after the one and end before the other. Throws where that is not sure.
 */
export function coppiceWordEdges(pattern: string): string {
  if (!/\\[<>]/.test(pattern)) return pattern;
  let out = "";
  for (let at = 0; at < pattern.length; at++) {
    const char = pattern[at] as string;
    if (char === "[") {
      // As far as the bracket that ends it: classes have brackets of their own.
      const [bracket = char] = /^\[\^?\]?(?:\[:\w+:\]|\\[^]|[^\]])*\]/.exec(pattern.slice(at)) ?? [];
      out += bracket;
      at += bracket.length - 1;
      continue;
    }
    if (char !== "\\") {
      out += char;
      continue;
    }
    const next = pattern[++at] ?? "";
    const rest = pattern.slice(at + 1);
    if (next === "<" && !/^(?:\w|\\w|\(|\[[^^])/.test(rest)) throw new Error("\\< is known in front of a word alone");
    if (next === ">" && /(?:^|[|(^])$/.test(out)) throw new Error("\\> is known behind a word alone");
    out += next === "<" || next === ">" ? "\\b" : char + next;
  }
  return out;
}

const upper = (text: string) => text.replaceAll(/[a-z]/g, (letter) => String.fromCharCode(letter.charCodeAt(0) - 32));
const lower = (text: string) => text.replaceAll(/[A-Z]/g, (letter) => String.fromCharCode(letter.charCodeAt(0) + 32));

/** What stands in the place of a match of sed's `s`: groups, `&`, and the case of ASCII letters by \U, \L, \u, \l and \E. */
export function coppiceReplacement(text: string, match: string, groups: readonly (string | undefined)[]): string {
  let out = "";
  let all: string | undefined;
  let one: string | undefined;
  const put = (piece: string) => {
    if (piece === "") return;
    const cased = all === "U" ? upper(piece) : all === "L" ? lower(piece) : piece;
    const [first, rest] = [cased.slice(0, 1), cased.slice(1)];
    out += one === "u" ? upper(first) + rest : one === "l" ? lower(first) + rest : cased;
    one = undefined;
  };
  for (let at = 0; at < text.length; at++) {
    const char = text[at] as string;
    if (char === "&") put(match);
    else if (char !== "\\" || at + 1 >= text.length) put(char);
    else {
      const next = text[++at] as string;
      if (next === "U" || next === "L") [all, one] = [next, undefined];
      else if (next === "E") [all, one] = [undefined, undefined];
      else if (next === "u" || next === "l") one = next;
      else if (next === "0") put(match);
      else if (next === "x" && /^[0-9a-fA-F]{2}/.test(text.slice(at + 1))) {
        put(String.fromCharCode(Number.parseInt(text.slice(at + 1, at + 3), 16)));
        at += 2;
      } else if (/[1-9]/.test(next)) put(groups[Number(next) - 1] ?? "");
      else put({ n: "\n", t: "\t", r: "\r", f: "\f", v: "\v", a: "\x07" }[next] ?? next);
    }
  }
  return out;
}

/** What jq's `@sh` makes of what is no text: an array's items, each a word. */
export function coppiceQuoted(value: unknown): string {
  return (Array.isArray(value) ? (value as unknown[]) : [value])
    .map((each) => {
      if (typeof each === "object" && each !== null) throw new Error("an object or array can't be a word of a shell");
      return typeof each === "string" ? `'${each.replaceAll("'", String.raw`'\\''`)}'` : String(each);
    })
    .join(" ");
}

interface SedState {
  quit: boolean;
  deleted: boolean;
  exitCode?: number | undefined;
  errorMessage?: string | undefined;
}

/** A regular expression that can't be used ends sed: to match nothing would be wrong without a word. */
export function coppiceNoPattern(state: SedState | undefined, pattern: string, error: unknown): false {
  if (state === undefined) throw error;
  const why = error instanceof Error ? error.message : String(error);
  state.quit = true;
  state.deleted = true;
  state.exitCode = 1;
  state.errorMessage = `sed: the regular expression ${pattern} can't be used: ${why}`;
  return false;
}

/** Whether `c` prints its text at this line: of a range only at the last one. */
export function coppiceChanges(
  address: { readonly start?: unknown; readonly end?: unknown; readonly negated?: boolean } | undefined,
  line: number,
  lines: number,
  isActive: boolean,
): boolean {
  if (address?.end === undefined || address.negated === true) return true;
  if (line === lines) return true;
  const { start, end } = address;
  if (typeof start === "number" && typeof end === "number") return line >= end;
  if (end === "$" && (typeof start === "number" || start === "$")) return false;
  return !isActive;
}

/** What `a`, `i` or `c` puts out, from where its letter stands in a script, and where the command ends. */
export function coppiceText(script: string, from: number): { readonly text: string; readonly end: number } {
  let at = from;
  const skipBlanks = () => {
    while (script[at] === " " || script[at] === "\t") at++;
  };
  skipBlanks();
  if (script[at] === "\\") {
    const behind = ++at;
    skipBlanks();
    if (script[at] === "\n") at++;
    else at = behind;
  }
  let text = "";
  for (; at < script.length && script[at] !== "\n"; at++) {
    if (script[at] !== "\\") {
      text += script[at];
      continue;
    }
    const next = script[++at] ?? "";
    text += { t: "\t", f: "\f", v: "\v", a: "\x07" }[next] ?? next;
  }
  return { text, end: at };
}
