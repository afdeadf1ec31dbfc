/** The lines that grep selects in one text, and what it prints of them. Lines are found in the whole text: those that don't match are not looked at one by one. */
import type { Matcher } from "./grep-pattern.ts";

export interface Shown {
  readonly isInverted: boolean;
  readonly onlyMatches: boolean;
  readonly hasNumbers: boolean;
  readonly hasOffsets: boolean;
  readonly inColor: boolean;
  /** Lines of context; undefined where none was asked for, so that nothing stands between groups. */
  readonly before: number | undefined;
  readonly after: number | undefined;
  readonly separator: string | undefined;
  /** A name ends with NUL, and nothing else. */
  readonly endsNames: boolean;
  /** What ends a line. */
  readonly end: "\n" | "\0";
}

interface Line {
  readonly start: number;
  readonly end: number;
}

/** Selected lines, in order. `body` is a text without its last line's end. */
export function* selectedLines(body: string, matcher: Matcher, { isInverted, end }: Shown): Generator<Line> {
  if (!isInverted) {
    yield* matchingLines(body, matcher, end);
    return;
  }
  let at = 0;
  for (const line of matchingLines(body, matcher, end)) {
    for (; at < line.start; at = lineEnd(body, at, end) + 1) yield { start: at, end: lineEnd(body, at, end) };
    at = line.end + 1;
  }
  for (; at <= body.length; at = lineEnd(body, at, end) + 1) yield { start: at, end: lineEnd(body, at, end) };
}

function* matchingLines(body: string, matcher: Matcher, end: string): Generator<Line> {
  for (let at = 0; at <= body.length;) {
    if (end === "\0") {
      const line = { start: at, end: lineEnd(body, at, end) };
      if (matcher.test(body.slice(line.start, line.end))) yield line;
      at = line.end + 1;
      continue;
    }
    const place = matcher.place(body, at);
    if (place < 0) return;
    const line = { start: place === 0 ? 0 : body.lastIndexOf(end, place - 1) + 1, end: lineEnd(body, place, end) };
    yield line;
    at = line.end + 1;
  }
}

function lineEnd(body: string, at: number, end: string): number {
  const found = body.indexOf(end, at);
  return found < 0 ? body.length : found;
}

const colors = { match: "01;31", name: "35", number: "32", mark: "36" } as const;

/** Where a text is from. */
export interface Source {
  /** Shown in front of what is printed. */
  readonly name: string | undefined;
  /** Digits of the largest number in it: numbers have as many places, and a tab stands behind them. Undefined where that was not asked for. */
  readonly places: number | undefined;
}

/** How many lines of a text were selected, at most `most`, which are printed by `put` under the text's name. Whether something was printed before, of another text, is in `state`. */
export function printLines(
  body: string,
  matcher: Matcher,
  shown: Shown,
  { name, places }: Source,
  most: number,
  state: { hasPrinted: boolean },
  put: (text: string) => void,
): number {
  const { before, after, end, separator, inColor } = shown;
  const hasContext = before !== undefined || after !== undefined;
  const color = (kind: keyof typeof colors, text: string) =>
    inColor && text !== "" ? `\x1b[${colors[kind]}m\x1b[K${text}\x1b[m\x1b[K` : text;
  let [counted, number] = [0, 1];
  let [printed, pending, count] = [0, 0, 0];

  const aligned = (place: number) => String(place).padStart(places ?? 0);

  function numberAt(start: number): number {
    for (let found = body.indexOf(end, counted); found >= 0 && found < start; found = body.indexOf(end, found + 1)) {
      number++;
      counted = found + 1;
    }
    return number;
  }

  /** What stands in front of a line, or of a match in it. */
  function head(line: Line, at: number, mark: string): string {
    const sign = color("mark", mark);
    let text = name === undefined ? "" : color("name", name) + (shown.endsNames ? "\0" : sign);
    if (shown.hasNumbers) text += color("number", aligned(numberAt(line.start))) + sign;
    if (shown.hasOffsets) text += color("number", aligned(at)) + sign;
    return places !== undefined && at < line.end && text !== "" ? `${text}\t` : text;
  }

  function matches(line: Line): Line[] {
    const text = body.slice(line.start, line.end);
    const all: Line[] = [];
    for (let from = 0; from < text.length;) {
      const [first = -1, last = -1] = matcher.find(text, from) ?? [];
      if (first < 0 || first >= text.length) break;
      if (last > first) all.push({ start: line.start + first, end: line.start + last });
      from = last > first ? last : first + 1;
    }
    return all;
  }

  function putLine(line: Line, isSelected: boolean): void {
    const mark = isSelected ? ":" : "-";
    const isMatching = isSelected !== shown.isInverted;
    printed = line.end + 1;
    if (shown.onlyMatches) {
      if (!isMatching) return;
      for (const { start, end: last } of matches(line))
        put(head(line, start, mark) + color("match", body.slice(start, last)) + end);
      return;
    }
    put(head(line, line.start, mark));
    let at = line.start;
    for (const match of inColor && isMatching ? matches(line) : []) {
      put(body.slice(at, match.start) + color("match", body.slice(match.start, match.end)));
      at = match.end;
    }
    put(body.slice(at, line.end) + end);
  }

  function putPending(limit: number): void {
    for (; pending > 0 && printed < limit; pending--)
      putLine({ start: printed, end: lineEnd(body, printed, end) }, false);
  }

  function putBefore(line: Line): void {
    let start = line.start;
    for (let left = before ?? 0; left > 0 && start > printed; left--)
      start = start < 2 ? 0 : body.lastIndexOf(end, start - 2) + 1;
    const isApart = count === 0 || start !== printed;
    if (hasContext && state.hasPrinted && isApart && separator !== undefined) put(`${color("mark", separator)}\n`);
    while (start < line.start) {
      const last = lineEnd(body, start, end);
      putLine({ start, end: last }, false);
      start = last + 1;
    }
  }

  for (const line of selectedLines(body, matcher, shown)) {
    if (count >= most) break;
    putPending(line.start);
    putBefore(line);
    putLine(line, true);
    state.hasPrinted = true;
    pending = after ?? 0;
    count++;
  }
  putPending(body.length + 1);
  return count;
}
