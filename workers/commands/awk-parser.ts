/** Where a parser is in an awk program, and what it has seen around that place. */
import type { Machine } from "./awk-machine.ts";
import { faultAt, wordAt, type AwkFault, type Word } from "./awk-words.ts";

export interface Parser {
  readonly machine: Machine;
  readonly program: string;
  word: Word;
  /** The parameters of the function that the place is in. */
  locals: readonly string[];
  isInFunction: boolean;
  /** Loops around the place. */
  loops: number;
  /** `>` is where output goes. */
  noGreater: boolean;
  /** Expressions and statements that the place is in. */
  nested: number;
  /** Calls of functions, which may be defined further on. */
  readonly called: { readonly name: string; readonly at: number; readonly count: number }[];
}

/** Expressions and statements within each other. Counted, and never found out by the end of the stack, which is V8's to place. */
export const nestedMax = 150;

/** Parses what stands within what is parsed already. */
export function nested<T>(parser: Parser, parse: () => T): T {
  if (++parser.nested > nestedMax) throw fault(parser, "it is nested too deeply");
  const made = parse();
  parser.nested--;
  return made;
}

export function fault(
  { program, word }: Parser,
  what = `unexpected ${word.is === "newline" ? "end of line" : word.text}`,
): AwkFault {
  return faultAt(program, word.at, what);
}

/** The word at the place, which is behind it then. */
export function next(parser: Parser): Word {
  const was = parser.word;
  parser.word = wordAt(parser.program, was.end);
  return was;
}

export function isMark({ word }: Parser, ...texts: readonly string[]): boolean {
  return word.is === "mark" && texts.includes(word.text);
}

export function isKeyword({ word }: Parser, text: string): boolean {
  return word.is === "keyword" && word.text === text;
}

/** Whether that mark stood there; then the place is behind it. */
export function take(parser: Parser, text: string): boolean {
  if (!isMark(parser, text)) return false;
  next(parser);
  return true;
}

export function expect(parser: Parser, text: string): void {
  if (!take(parser, text)) throw fault(parser);
}

export function skipLines(parser: Parser): void {
  while (parser.word.is === "newline") next(parser);
}

export function skipEnds(parser: Parser): void {
  while (parser.word.is === "newline" || isMark(parser, ";")) next(parser);
}

/** Parses what stands in brackets of its own, where `>` compares. */
export function within<T>(parser: Parser, parse: () => T): T {
  const before = parser.noGreater;
  parser.noGreater = false;
  const made = parse();
  parser.noGreater = before;
  return made;
}
