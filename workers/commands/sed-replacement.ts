/** What stands in the place of a match of sed's `s`: texts, groups, and the case of their letters. */
import { lower, upper } from "./sed-words.ts";
import type { Spans } from "./regex.ts";

type Case = "U" | "L" | undefined;

/** A text and the group behind it, -1 for none. */
interface Piece {
  readonly text: string;
  readonly group: number;
  readonly all: Case;
  /** Of the first letter. */
  readonly first: "u" | "l" | undefined;
}

export interface Replacement {
  readonly pieces: readonly Piece[];
  /** The text where it is nothing else. */
  readonly plain: string | undefined;
  /** The highest group in it; 0 without. */
  readonly groups: number;
}

/** The replacement of that text, whose escapes of characters were replaced. */
export function replacementOf(text: string): Replacement {
  const pieces: Piece[] = [];
  let [all, first]: [Case, Piece["first"]] = [undefined, undefined];
  let before = "";
  // The case of one letter is that of the piece alone.
  const end = (group: number) => {
    pieces.push({ text: before, group, all, first });
    [before, first] = ["", undefined];
  };
  for (let at = 0; at < text.length; at++) {
    const char = text[at] as string;
    if (char === "&") end(0);
    else if (char !== "\\" || at + 1 >= text.length) before += char;
    else {
      const next = text[++at] as string;
      if (next >= "0" && next <= "9") end(Number(next));
      else if ("LUElu".includes(next)) {
        end(-1);
        if (next === "u" || next === "l") first = next;
        else all = next === "E" ? undefined : (next as Case);
      } else before += next;
    }
  }
  end(-1);
  const isPlain = pieces.every((piece) => piece.group < 0 && piece.all === undefined && piece.first === undefined);
  return {
    pieces: pieces.filter((piece) => piece.text !== "" || piece.group >= 0),
    plain: isPlain ? pieces.map((piece) => piece.text).join("") : undefined,
    groups: Math.max(0, ...pieces.map(({ group }) => group)),
  };
}

function cased(text: string, all: Case, first: Piece["first"]): string {
  if (all === undefined && first === undefined) return text;
  const rest = all === "U" ? upper(text) : all === "L" ? lower(text) : text;
  if (first === undefined) return rest;
  return (first === "u" ? upper : lower)(text.slice(0, 1)) + rest.slice(1);
}

/** What a match is replaced by. The case of a letter that an empty group was to have is that of the next piece. */
export function expanded({ pieces, plain }: Replacement, text: string, spans: Spans): string {
  if (plain !== undefined) return plain;
  let made = "";
  let later: Piece["first"];
  for (const piece of pieces) {
    let first = piece.first ?? later;
    later = undefined;
    if (piece.text !== "") {
      made += cased(piece.text, piece.all, first);
      first = undefined;
    }
    if (piece.group < 0) continue;
    const [start = -1, end = -1] = [spans[2 * piece.group], spans[2 * piece.group + 1]];
    if (start < end) made += cased(text.slice(start, end), piece.all, first);
    else if (piece.first !== undefined) later = first;
  }
  return made;
}
