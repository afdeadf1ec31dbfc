/** What awk's functions do to texts by regular expressions: parts and replacements. */
import type { Regex } from "./regex.ts";

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
    if (wanted > 0 && count >= wanted) break;
  }
  return { text: made + text.slice(at), count: done };
}
