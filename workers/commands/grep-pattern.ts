/** What grep looks for: patterns of every kind as one matcher of lines. */
import { perlMatcher } from "./grep-perl.ts";
import { regexOf, type Regex, type RegexSyntax, type Spans } from "./regex.ts";

/** Basic and extended expressions, strings, and Perl's expressions. */
export type PatternKind = "G" | "E" | "F" | "P";

export interface Matcher {
  readonly test: (line: string) => boolean;
  /** The leftmost longest match in a line, at `from` or behind it. */
  readonly find: (line: string, from: number) => Spans | undefined;
  /** A place in the first line of a text that matches, at `from` or behind it, where a line begins; -1 where there is none. Only where lines end with a newline. */
  readonly place: (text: string, from: number) => number;
}

export interface Wanted {
  readonly kind: PatternKind;
  readonly ignoresCase: boolean;
  readonly within: "words" | "text" | undefined;
  /** Lines end with a newline, which no pattern matches; else with NUL. */
  readonly isLines: boolean;
}

/** Throws RegexFault. Without patterns nothing matches. */
export function matcherOf(patterns: readonly string[], wanted: Wanted): Matcher {
  const { kind, ignoresCase, within, isLines } = wanted;
  if (kind === "P") return perlMatcher(patterns, wanted);
  const syntax: RegexSyntax = {
    isExtended: kind !== "G",
    reader: "grep",
    ignoresCase,
    ...(isLines ? { isLines } : {}),
    ...(within === undefined ? {} : { within }),
  };
  const all = new Set(kind === "F" ? patterns.map(spelled) : patterns);
  return anyOf(grouped([...all], syntax).map((each) => regexOf(each, syntax)));
}

function spelled(text: string): string {
  return text.replaceAll(/[\\[\](){}.*+?^$|]/g, "\\$&");
}

/** Patterns joined to one, but for those with groups that come again: these count their own groups. */
function grouped(patterns: readonly string[], syntax: RegexSyntax): string[] {
  if (patterns.length < 2) return [...patterns];
  // What is wrong by itself is not to be made right by what stands next to it.
  for (const each of patterns) regexOf(each, syntax);
  const alone = patterns.filter((each) => /\\[1-9]/.test(each));
  const joined = patterns.filter((each) => !alone.includes(each));
  return joined.length === 0 ? alone : [joined.join(syntax.isExtended ? "|" : "\\|"), ...alone];
}

function anyOf(regexes: readonly Regex[]): Matcher {
  const [only] = regexes;
  if (only !== undefined && regexes.length === 1) return only;
  return {
    test: (line) => regexes.some((each) => each.test(line)),
    find: (line, from) =>
      regexes
        .flatMap((each) => [each.find(line, from) ?? []])
        .filter((spans) => spans.length > 0)
        .toSorted(([a = 0, b = 0], [c = 0, d = 0]) => a - c || d - b)[0],
    place: (text, from) => {
      const places = regexes.map((each) => each.place(text, from)).filter((each) => each >= 0);
      return places.length === 0 ? -1 : Math.min(...places);
    },
  };
}
