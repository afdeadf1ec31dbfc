/** What a sed script is made of, once it was read: commands in their order, with what says for which lines they are. */
import type { Regex } from "./regex.ts";
import type { Replacement } from "./sed-replacement.ts";
import type { Output } from "./sed-output.ts";
import type { LineReader } from "./sed-input.ts";

/** An expression; undefined is the one that was used last. */
export interface Expression {
  readonly regex: Regex | undefined;
}

export type Address =
  | { readonly is: "line"; readonly line: number }
  | { readonly is: "step"; readonly line: number; readonly step: number }
  | { readonly is: "last" }
  | { readonly is: "match"; readonly by: Expression }
  /** Of an end: so many lines behind the first, or up to a line whose number is a multiple. */
  | { readonly is: "more"; readonly count: number }
  | { readonly is: "multiple"; readonly of: number };

export interface Substitution {
  readonly by: Expression;
  readonly replacement: Replacement;
  readonly isGlobal: boolean;
  readonly prints: boolean;
  /** The match from which on; from 1. */
  readonly number: number;
  readonly output: Output | undefined;
}

export type Action =
  | { readonly is: "text"; readonly how: "a" | "i" | "c"; text: string }
  /** `{` jumps behind its `}` where its lines are not meant; the others jump where they are come to. */
  | { readonly is: "jump"; readonly when: "b" | "t" | "T" | "{"; to: number }
  | { readonly is: "exit"; readonly prints: boolean; readonly status: number }
  | { readonly is: "list"; readonly width: number | undefined }
  /** Puts a file behind the line, or in front of the first. */
  | { readonly is: "read"; readonly path: string; readonly isBefore: boolean }
  | { readonly is: "readLine"; readonly reader: LineReader }
  | { readonly is: "write"; readonly output: Output; readonly onlyFirst: boolean }
  | { readonly is: "substitute"; readonly what: Substitution }
  | { readonly is: "translate"; readonly bytes: ReadonlyMap<string, string> }
  | { readonly is: "plain"; readonly letter: PlainLetter };

export const plainLetters = ["=", "d", "D", "F", "g", "G", "h", "H", "n", "N", "p", "P", "x", "z"] as const;
export type PlainLetter = (typeof plainLetters)[number];

export interface Command {
  readonly from: Address | undefined;
  readonly to: Address | undefined;
  readonly isNegated: boolean;
  readonly action: Action;
  /** Of a range: whether its lines are come to; one that a line's number begins is come to once. */
  range: "out" | "in" | "past";
  /** The last line of the range that is come to, where it is known. */
  end: number;
}
