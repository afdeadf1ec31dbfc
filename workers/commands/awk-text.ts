/** What awk's functions do to texts by regular expressions: parts and replacements. */
import { AwkFault } from "./awk-words.ts";
import type { Regex } from "./regex.ts";

/** Bytes of one text. */
export const textBytesMax = 128 * 1024 * 1024;

/** A text that is no longer than one may be. Throws AwkFault. */
export function bounded(text: string): string {
  if (text.length > textBytesMax) throw new AwkFault(`a text is longer than ${textBytesMax} bytes`);
  return text;
}

/** Texts behind each other. Many short ones are joined as they come: a list of what is printed byte by byte would weigh ten times as much. */
export class Written {
  #long: string[] = [];
  #short: string[] = [];

  push(text: string): void {
    this.#short.push(text);
    if (this.#short.length < 4096) return;
    this.#long.push(this.#short.join(""));
    this.#short = [];
  }

  text(): string {
    const text = this.#long.join("") + this.#short.join("");
    [this.#long, this.#short] = [[text], []];
    return text;
  }
}

/** A text's parts between matches that are not empty. */
export function splitBy(text: string, regex: Regex): string[] {
  const parts: string[] = [];
  let start = 0;
  for (let at = 0; at <= text.length;) {
    const [from = -1, to = -1] = regex.find(text, at) ?? [];
    if (from < 0) break;
    if (from === to) {
      at = from + 1;
      continue;
    }
    parts.push(text.slice(start, from));
    at = start = to;
  }
  parts.push(text.slice(start));
  return parts;
}

/** What takes the place of a match: `&` and, of gensub, `\1` are what matched. */
function replaced(by: string, text: string, spans: readonly number[], hasGroups: boolean): string {
  const [start = 0, end = 0] = spans;
  if (!/[\\&]/.test(by)) return by;
  return by.replaceAll(/\\([\\&0-9])|&/g, (whole: string, char?: string) => {
    if (char === undefined) return text.slice(start, end);
    if (char === "\\" || char === "&") return char;
    if (!hasGroups) return whole;
    const [from = -1, to = -1] = [spans[2 * Number(char)], spans[2 * Number(char) + 1]];
    return from < 0 ? "" : text.slice(from, to);
  });
}

/** The text with its `wanted`th match replaced, or with 0 every one, and how many were. */
export function substituted(
  text: string,
  regex: Regex,
  by: string,
  wanted: number,
  hasGroups = false,
): { readonly text: string; readonly count: number } {
  let [made, at, behind, count, done] = ["", 0, -1, 0, 0];
  while (at <= text.length) {
    const spans = hasGroups ? regex.groupsOf(text, at) : regex.find(text, at);
    if (spans === undefined) break;
    const [start = 0, end = 0] = spans;
    made += text.slice(at, start);
    const isEmpty = start === end;
    if (!isEmpty || start !== behind) {
      if (++count === wanted || wanted === 0) {
        made += replaced(by, text, spans, hasGroups);
        done++;
      } else made += text.slice(start, end);
    }
    if (isEmpty) made += text.slice(end, end + 1);
    at = isEmpty ? end + 1 : end;
    behind = end;
    bounded(made);
    if (wanted > 0 && count >= wanted) break;
  }
  return { text: made + text.slice(at), count: done };
}
