/**
 * Regular expressions as POSIX has them, over texts of one character a byte in the C locale: basic and extended ones with GNU's additions (`\+ \? \|` in basic ones, `\w \W \s \S \b \B \< \> \` \'`). Of all matches the
 * leftmost is found, and of these the longest.
 *
 * Searching takes time linear in the text from each place at which a match may begin: a deterministic automaton is made as far as a text asks for it. Only groups that come again (`\1`) are tried one way after another,
 * and then for at most `stepsMax` steps a place.
 */

/** Steps in which a match with groups that come again is looked for at one place. */
export const stepsMax = 20_000_000;
/** Instructions of one expression, counts written out. */
export const instructionsMax = 100_000;
/** States of an automaton that are kept; then it is made anew. */
const statesMax = 4000;
/** The largest count in `{n,m}`, as the C library has it. */
const countMax = 32_767;

/** An expression that can't be used, with what is wrong with it. */
export class RegexFault extends Error {
  override readonly name = "RegexFault";
}

export interface RegexSyntax {
  readonly isExtended: boolean;
  readonly ignoresCase?: boolean;
  /** `^` and `$` match at each line, too, and neither `.` nor `[^...]` matches a newline. */
  readonly isMultiline?: boolean;
  /** The byte between lines; a newline, unless it says otherwise. */
  readonly between?: "\0";
  /** The texts are lines, each of which is a text by itself: nothing matches a newline, and the edges of a text are those of a line. */
  readonly isLines?: boolean;
  /**
   * Who reads it, where that makes a difference. To awk `\n`, `\t` and the like are characters, and in brackets all that a backslash stands before means itself. In an extended expression what counts nothing is passed by by grep, refused by
   * sed, and else means itself; a bracket that nothing opens and a brace that counts nothing are refused by sed. To grep and sed `[:space:]` without its second brackets is refused.
   */
  readonly reader?: "awk" | "grep" | "sed";
  /**
   * What stands in brackets, where that is not as POSIX has it. Emacs' kind has no classes (`[:alpha:]` is seven characters), in a range that goes backwards nothing, and there `[^...]` matches a newline where lines are told apart, too; in find's kinds for awk a backslash
   * stands before a character that means itself.
   */
  readonly brackets?: "emacs" | "quoting";
  /** The match is whole words, or the whole text. */
  readonly within?: "words" | "text";
}

/** Where a match begins and ends, and its groups after it; -1 for one that took no part. */
export type Spans = readonly number[];

export interface Regex {
  readonly groups: number;
  /** Whether there is a match at `from` or behind it. */
  readonly test: (text: string, from?: number) => boolean;
  /** The leftmost longest match at `from` or behind it. What stands before `from` counts for `^`, `\b` and the like. */
  readonly find: (text: string, from?: number) => Spans | undefined;
  /** Of a text of lines: a place in the first line with a match, at `from` or behind it, where a line begins; -1 where there is none. */
  readonly place: (text: string, from: number) => number;
  /** As `find`, with the groups. */
  readonly groupsOf: (text: string, from?: number) => Spans | undefined;
}

type Edge =
  | "lineStart"
  | "lineEnd"
  | "textStart"
  | "textEnd"
  | "wordStart"
  | "wordEnd"
  | "edge"
  | "noEdge"
  | "before"
  | "after";
type Node =
  | { readonly is: "set"; readonly set: Uint8Array }
  | { readonly is: "all"; readonly of: readonly Node[] }
  | { readonly is: "one"; readonly of: readonly Node[] }
  | { readonly is: "times"; readonly of: Node; readonly min: number; readonly max: number }
  | { readonly is: "group"; readonly of: Node; readonly number: number }
  | { readonly is: "again"; readonly number: number }
  | { readonly is: "edge"; readonly edge: Edge };

/** The expression of that text. Throws RegexFault. */
export function regexOf(pattern: string, syntax: RegexSyntax): Regex {
  const { node, groups, comesAgain } = parsed(pattern, syntax);
  return matcherOf(node, groups, comesAgain, syntax);
}

const isWordByte = (byte: number) =>
  (byte >= 48 && byte <= 57) || (byte >= 65 && byte <= 90) || byte === 95 || (byte >= 97 && byte <= 122);
const setWhere = (has: (byte: number) => boolean): Uint8Array =>
  Uint8Array.from({ length: 256 }, (_, byte) => (has(byte) ? 1 : 0));
const any = setWhere(() => true);
const anyButNewline = setWhere((byte) => byte !== 10);
const classes: Readonly<Record<string, (byte: number) => boolean>> = {
  alnum: (byte) => isWordByte(byte) && byte !== 95,
  alpha: (byte) => isWordByte(byte) && byte !== 95 && byte > 57,
  blank: (byte) => byte === 32 || byte === 9,
  cntrl: (byte) => byte < 32 || byte === 127,
  digit: (byte) => byte >= 48 && byte <= 57,
  graph: (byte) => byte > 32 && byte < 127,
  lower: (byte) => byte >= 97 && byte <= 122,
  print: (byte) => byte >= 32 && byte < 127,
  punct: (byte) => byte > 32 && byte < 127 && (!isWordByte(byte) || byte === 95),
  space: (byte) => byte === 32 || (byte >= 9 && byte <= 13),
  upper: (byte) => byte >= 65 && byte <= 90,
  xdigit: (byte) => /[0-9A-Fa-f]/.test(String.fromCharCode(byte)),
};

function inLines(set: Uint8Array, { isLines }: RegexSyntax): Uint8Array {
  if (isLines === true) set[10] = 0;
  return set;
}

function cased(set: Uint8Array, { ignoresCase }: RegexSyntax): Uint8Array {
  if (ignoresCase !== true) return set;
  const out = set.slice();
  for (let byte = 65; byte <= 90; byte++) {
    if (set[byte] === 1) out[byte + 32] = 1;
    if (set[byte + 32] === 1) out[byte] = 1;
  }
  return out;
}

function literal(byte: number, syntax: RegexSyntax): Node {
  const set = new Uint8Array(256);
  set[byte & 255] = 1;
  return { is: "set", set: cased(set, syntax) };
}

function matchAt(expression: RegExp, text: string, at: number): RegExpExecArray | null {
  expression.lastIndex = at;
  return expression.exec(text);
}

/** Characters that a backslash and a letter stand for. */
const escaped: Readonly<Record<string, number>> = { a: 7, f: 12, n: 10, r: 13, t: 9, v: 11 };

/** The character that a backslash before `at` begins in awk, and where it ends; undefined when it begins none. */
function escapeAt(pattern: string, at: number): { readonly byte: number; readonly end: number } | undefined {
  const char = pattern[at] ?? "";
  const digits = /^[0-7]{1,3}/.exec(pattern.slice(at, at + 3))?.[0];
  if (digits !== undefined) return { byte: Number.parseInt(digits, 8) & 255, end: at + digits.length };
  if (char === "b") return { byte: 8, end: at + 1 };
  const byte = Object.hasOwn(escaped, char) ? escaped[char] : undefined;
  return byte === undefined ? undefined : { byte, end: at + 1 };
}

const edges: Readonly<Record<string, Edge>> = {
  "<": "wordStart",
  ">": "wordEnd",
  b: "edge",
  B: "noEdge",
  "`": "textStart",
  "'": "textEnd",
};

function parsed(
  pattern: string,
  syntax: RegexSyntax,
): { readonly node: Node; readonly groups: number; readonly comesAgain: boolean } {
  const { isExtended, reader, brackets } = syntax;
  const isEmacs = brackets === "emacs";
  const [isAwk, isSed] = [reader === "awk", reader === "sed"];
  /** What a newline is no part of where lines are told apart. */
  const butNewline = syntax.isLines === true || syntax.isMultiline === true;
  let at = 0;
  let groups = 0;
  let depth = 0;
  let comesAgain = false;
  const closed = new Set<number>();

  const isAt = (text: string) => pattern.startsWith(text, at);
  const bar = isExtended ? "|" : "\\|";
  const close = isExtended ? ")" : "\\)";

  function alternatives(): Node {
    const of = [sequence()];
    while (isAt(bar)) {
      at += bar.length;
      of.push(sequence());
    }
    return of.length === 1 ? (of[0] as Node) : { is: "one", of };
  }

  function sequence(): Node {
    const of: Node[] = [];
    const start = at;
    for (;;) {
      if (at >= pattern.length || isAt(bar) || (isAt(close) && (depth > 0 || !isExtended || isSed))) break;
      // What would repeat nothing means itself.
      const isFirst = at === start || (!isExtended && at === start + 1 && pattern[start] === "^" && of.length === 1);
      let node = atom(isFirst, at === start);
      for (let count = counted(node, isFirst); count !== undefined; count = counted(node, false)) node = count;
      of.push(node);
    }
    if (depth === 0 && isAt(close) && (!isExtended || isSed)) throw new RegexFault("Unmatched ) or \\)");
    return of.length === 1 ? (of[0] as Node) : { is: "all", of };
  }

  function counted(node: Node, isFirst: boolean): Node | undefined {
    // A star behind an anchor at the start of a basic expression is a character.
    if (!isExtended && isFirst && node.is === "edge" && node.edge === "lineStart") return undefined;
    const times = (min: number, max: number, length: number): Node => {
      at += length;
      if (node.is === "edge") {
        if (isSed && isExtended && node.edge === "lineStart")
          throw new RegexFault("Invalid preceding regular expression");
        return min === 0 ? { is: "all", of: [] } : node;
      }
      return { is: "times", of: node, min, max };
    };
    if (isAt("*")) return times(0, Infinity, 1);
    if (isAt(isExtended ? "+" : "\\+")) return times(1, Infinity, isExtended ? 1 : 2);
    if (isAt(isExtended ? "?" : "\\?")) return times(0, 1, isExtended ? 1 : 2);
    if (!isAt(isExtended ? "{" : "\\{")) return undefined;
    const [whole, min = "", comma, max = ""] =
      matchAt(isExtended ? /\{(\d*)(,?)(\d*)\}/y : /\\\{(\d*)(,?)(\d*)\\\}/y, pattern, at) ?? [];
    if (whole === undefined || (min === "" && comma === "")) {
      if (isExtended && !isSed) return undefined;
      const isOpen = matchAt(/\\?\{\d*,?\d*$/y, pattern, at) !== null;
      throw new RegexFault(isOpen ? "Unmatched \\{" : "Invalid content of \\{\\}");
    }
    const least = min === "" ? 0 : Number(min);
    const most = comma === "" ? least : max === "" ? Infinity : Number(max);
    if (least > most) throw new RegexFault("Invalid content of \\{\\}");
    if (Math.max(least, most === Infinity ? 0 : most) > countMax) throw new RegexFault("Regular expression too big");
    return times(least, most, whole.length);
  }

  function atom(isFirst: boolean, isStart: boolean): Node {
    const char = pattern[at++] as string;
    switch (char) {
      case "\\":
        return backslashed();
      case "[":
        return bracket();
      case ".":
        return { is: "set", set: butNewline ? anyButNewline : any };
      case "^":
        if (isExtended || isStart) return { is: "edge", edge: "lineStart" };
        break;
      case "$":
        if (isExtended || at === pattern.length || isAt(bar) || isAt(close)) return { is: "edge", edge: "lineEnd" };
        break;
      case "(":
        if (isExtended) return group();
        break;
      case "*":
      case "+":
      case "?":
        if (isSed && isExtended) throw new RegexFault("Invalid preceding regular expression");
        if (!isExtended || (isFirst && reader !== "grep") || (!isFirst && char !== "*")) break;
        return { is: "all", of: [] };
      case "{": {
        if (isSed && isExtended) throw new RegexFault("Invalid preceding regular expression");
        const [count] = matchAt(/(?:\d+,?\d*|,\d+)\}/y, pattern, at) ?? [];
        if (!isExtended || !isFirst || reader !== "grep" || count === undefined) break;
        at += count.length;
        return { is: "all", of: [] };
      }
      default:
    }
    return literal(char.charCodeAt(0), syntax);
  }

  function group(): Node {
    const number = ++groups;
    depth++;
    const of = alternatives();
    if (!isAt(close)) throw new RegexFault("Unmatched ( or \\(");
    at += close.length;
    depth--;
    closed.add(number);
    return { is: "group", of, number };
  }

  function backslashed(): Node {
    if (at >= pattern.length) throw new RegexFault("Trailing backslash");
    const char = pattern[at] as string;
    if (!isExtended && char === "(") {
      at++;
      return group();
    }
    if (!isExtended && char === "{") throw new RegexFault("Invalid preceding regular expression");
    if (/[1-9]/.test(char) && !isAwk) {
      at++;
      if (!closed.has(Number(char))) throw new RegexFault("Invalid back reference");
      comesAgain = true;
      return { is: "again", number: Number(char) };
    }
    const escape = isAwk ? escapeAt(pattern, at) : undefined;
    if (escape !== undefined) {
      at = escape.end;
      return literal(escape.byte, syntax);
    }
    at++;
    if (isAwk && char === "y") return { is: "edge", edge: "edge" };
    const edge = Object.hasOwn(edges, char) ? edges[char] : undefined;
    if (edge !== undefined) return { is: "edge", edge };
    switch (char) {
      case "w":
        return { is: "set", set: setWhere(isWordByte) };
      case "W":
        return {
          is: "set",
          set: inLines(
            setWhere((byte) => !isWordByte(byte)),
            syntax,
          ),
        };
      case "s":
        return { is: "set", set: inLines(setWhere(classes["space"] as (byte: number) => boolean), syntax) };
      case "S":
        return {
          is: "set",
          set: inLines(
            setWhere((byte) => !classes["space"]?.(byte)),
            syntax,
          ),
        };
      default:
        return literal(char.charCodeAt(0), syntax);
    }
  }

  function bracket(): Node {
    if ((isSed || reader === "grep") && matchAt(/:[^\][:-]+:\]/y, pattern, at) !== null)
      throw new RegexFault("character class syntax is [[:space:]], not [:space:]");
    const isNegated = isAt("^");
    if (isNegated) at++;
    const set = new Uint8Array(256);
    for (let isFirst = true; ; isFirst = false) {
      if (at >= pattern.length) throw new RegexFault("Unmatched [, [^, [:, [., or [=");
      if (isAt("]") && !isFirst) break;
      const [named, name = ""] = (isEmacs ? undefined : matchAt(/\[:([a-z]+):\]/y, pattern, at)) ?? [];
      if (named !== undefined) {
        const has = Object.hasOwn(classes, name) ? classes[name] : undefined;
        if (has === undefined) throw new RegexFault("Invalid character class name");
        for (let byte = 0; byte < 256; byte++) if (has(byte)) set[byte] = 1;
        at += named.length;
        continue;
      }
      const from = member();
      let to = from;
      if (isAt("-") && at + 1 < pattern.length && pattern[at + 1] !== "]") {
        at++;
        to = member();
        if (to < from && isEmacs) continue;
        if (to < from) throw new RegexFault("Invalid range end");
      }
      set.fill(1, from, to + 1);
    }
    at++;
    const inAll = cased(set, syntax);
    const found = inLines(isNegated ? inAll.map((has) => 1 - has) : inAll, syntax);
    if (isNegated && butNewline && !isEmacs) found[10] = 0;
    return { is: "set", set: found };
  }

  /** One character of a bracket expression. */
  function member(): number {
    const [collated, , char = ""] = matchAt(/\[([.=])(.*?)\1\]/sy, pattern, at) ?? [];
    if (collated !== undefined) {
      if (char.length !== 1) throw new RegexFault("Invalid collation character");
      at += collated.length;
      return char.charCodeAt(0) & 255;
    }
    if (isAt("\\") && isAwk) {
      const escape = escapeAt(pattern, at + 1);
      if (escape !== undefined) {
        at = escape.end;
        return escape.byte;
      }
      if (at + 1 < pattern.length) at++;
    }
    if (isAt("\\") && brackets === "quoting" && ++at >= pattern.length)
      throw new RegexFault("Unmatched [, [^, [:, [., or [=");
    return pattern.charCodeAt(at++) & 255;
  }

  const node = alternatives();
  if (at < pattern.length) throw new RegexFault("Unmatched ) or \\)");
  return { node, groups, comesAgain };
}

const op = { set: 0, split: 1, save: 2, edge: 3, again: 4, mark: 5, moved: 6, match: 7, jump: 8 } as const;

/** One step of a program; which fields count follows from `op`. */
interface Instruction {
  readonly op: number;
  readonly set: Uint8Array;
  /** Of a group, a place in the spans, or a mark. */
  readonly number: number;
  readonly edge: Edge;
  next: number;
  /** Where a split goes when `next` comes to nothing. */
  other: number;
}

interface Program {
  readonly steps: readonly Instruction[];
  readonly start: number;
  /** As `start`, behind any number of characters. */
  readonly searching: number;
  readonly marks: number;
  readonly hasEdges: boolean;
}

const isSet = (node: Node) => node.is === "set";

function isNullable(node: Node): boolean {
  switch (node.is) {
    case "set":
      return false;
    case "all":
      return node.of.every(isNullable);
    case "one":
      return node.of.some(isNullable);
    case "times":
      return node.min === 0 || isNullable(node.of);
    case "group":
      return isNullable(node.of);
    case "again":
    case "edge":
      return true;
  }
}

/** Instructions are made from the end, each with the one that follows it. */
function programOf(node: Node, groups: number): Program {
  const steps: Instruction[] = [];
  let marks = 0;
  let hasEdges = false;
  const add = (name: keyof typeof op, next: number, more: Partial<Instruction> = {}): number => {
    if (steps.length >= instructionsMax) throw new RegexFault("Regular expression too big");
    return steps.push({ op: op[name], set: any, number: 0, edge: "edge", other: -1, ...more, next }) - 1;
  };
  const put = (each: Node, next: number): number => {
    switch (each.is) {
      case "set":
        return add("set", next, { set: each.set });
      case "all":
        return each.of.reduceRight((behind, one) => put(one, behind), next);
      case "one":
        return each.of.map((one) => put(one, next)).reduceRight((other, first) => add("split", first, { other }));
      case "group":
        return add("save", put(each.of, add("save", next, { number: 2 * each.number + 1 })), {
          number: 2 * each.number,
        });
      case "again":
        return add("again", next, { number: each.number });
      case "edge":
        hasEdges = true;
        return add("edge", next, { edge: each.edge });
      case "times": {
        let at = next;
        if (each.max === Infinity) {
          const split = add("split", -1, { other: next });
          const body = steps[split] as Instruction;
          if (isNullable(each.of)) {
            const number = marks++;
            body.next = add("mark", put(each.of, add("moved", split, { number, other: next })), { number });
          } else body.next = put(each.of, split);
          at = split;
          // Of x+ the loop is behind an x.
          for (let count = 0; count < each.min; count++) at = put(each.of, at);
          return at;
        }
        for (let count = each.min; count < each.max; count++) at = add("split", put(each.of, at), { other: next });
        for (let count = 0; count < each.min; count++) at = put(each.of, at);
        return at;
      }
    }
  };
  const start = put(node, add("match", -1));
  const searching = add("split", start);
  (steps[searching] as Instruction).other = add("set", searching);
  return { steps, start, searching, marks: marks + 2 * (groups + 1), hasEdges };
}

/** What is next to a place: nothing, the end of a line, a byte of a word, another. */
const [nothing, newline, wordy, other] = [0, 1, 2, 3];
const contextsBetween = (between: number) =>
  Uint8Array.from({ length: 257 }, (_, byte) =>
    byte === 256 ? nothing : byte === between ? newline : isWordByte(byte) ? wordy : other,
  );
const [contextsOfLines, contextsOfRecords] = [contextsBetween(10), contextsBetween(0)];
const contextsIn = ({ between }: RegexSyntax) => (between === undefined ? contextsOfLines : contextsOfRecords);

function holds(edge: Edge, before: number, after: number, { isMultiline, isLines }: RegexSyntax): boolean {
  switch (edge) {
    case "lineStart":
      return before === nothing || ((isMultiline ?? isLines ?? false) && before === newline);
    case "lineEnd":
      return after === nothing || ((isMultiline ?? isLines ?? false) && after === newline);
    case "textStart":
      return before === nothing || (isLines === true && before === newline);
    case "textEnd":
      return after === nothing || (isLines === true && after === newline);
    case "wordStart":
      return before !== wordy && after === wordy;
    case "wordEnd":
      return before === wordy && after !== wordy;
    case "edge":
      return (before === wordy) !== (after === wordy);
    case "noEdge":
      return (before === wordy) === (after === wordy);
    case "before":
      return before !== wordy;
    case "after":
      return after !== wordy;
  }
}

/** A state of the automaton: where the program may be, and what came before. */
interface State {
  readonly places: readonly number[];
  readonly before: number;
  /** By the next byte, 256 for the end: the state that follows times two, and one more when there is a match here; -1 when it is not known yet. */
  readonly next: Int32Array;
}

function matcherOf(bare: Node, groups: number, comesAgain: boolean, syntax: RegexSyntax): Regex {
  const [first, last]: readonly [Edge, Edge] =
    syntax.within === "text" ? ["textStart", "textEnd"] : ["before", "after"];
  const node: Node =
    syntax.within === undefined
      ? bare
      : { is: "all", of: [{ is: "edge", edge: first }, bare, { is: "edge", edge: last }] };
  const program = programOf(node, groups);
  const { steps, hasEdges } = program;
  const contexts = contextsIn(syntax);
  const needed = neededIn(node);
  const isLiteral =
    needed !== "" &&
    groups === 0 &&
    (node.is === "set" || (node.is === "all" && node.of.length === needed.length && node.of.every(isSet)));

  let states: State[] = [];
  let known = new Map<string, number>();
  const seen = new Uint32Array(steps.length);
  let round = 0;
  /** The states in which a search and a match begin, by what stands before. */
  const starts = new Int32Array(8).fill(-1);

  function stateOf(places: readonly number[], before: number): number {
    const key = `${before}:${places.join()}`;
    const at = known.get(key);
    if (at !== undefined) return at;
    states.push({ places, before, next: new Int32Array(257).fill(-1) });
    known.set(key, states.length - 1);
    return states.length - 1;
  }

  function forget(): void {
    if (states.length < statesMax) return;
    states = [];
    known = new Map();
    starts.fill(-1);
    stateOf([], other); // state 0, from which nothing matches
  }
  stateOf([], other);

  const contextBefore = (text: string, at: number) =>
    at === 0 || !hasEdges ? nothing : (contexts[text.charCodeAt(at - 1) & 255] as number);

  function advance(state: State, byte: number): number {
    const after = contexts[byte] as number;
    round++;
    const found: number[] = [];
    let isMatch = 0;
    const stack = [...state.places];
    while (stack.length > 0) {
      const at = stack.pop() as number;
      if (seen[at] === round) continue;
      seen[at] = round;
      const step = steps[at] as Instruction;
      switch (step.op) {
        case op.match:
          isMatch = 1;
          break;
        case op.set:
          if (byte < 256 && step.set[byte] === 1) found.push(step.next);
          break;
        case op.edge:
          if (holds(step.edge, state.before, after, syntax)) stack.push(step.next);
          break;
        case op.split:
        case op.moved:
          stack.push(step.next, step.other);
          break;
        default:
          stack.push(step.next);
      }
    }
    const places = [...new Set(found)].toSorted((a, b) => a - b);
    const target = places.length === 0 ? 0 : stateOf(places, hasEdges ? after : nothing);
    return (state.next[byte] = target * 2 + isMatch);
  }

  /** Where the longest match from `start` ends, or with `isAny` the first of any place behind it; -1 when there is none. */
  function run(text: string, start: number, isAny: boolean): number {
    forget();
    const before = contextBefore(text, start);
    const slot = isAny ? before + 4 : before;
    if ((starts[slot] as number) < 0) starts[slot] = stateOf([isAny ? program.searching : program.start], before);
    let state = states[starts[slot] as number] as State;
    let end = -1;
    for (let at = start; ; at++) {
      const byte = at < text.length ? text.charCodeAt(at) & 255 : 256;
      let next = state.next[byte] as number;
      if (next < 0) next = advance(state, byte);
      if ((next & 1) === 1) {
        end = at;
        if (isAny) return end;
      }
      if (next < 2 || byte === 256) return end;
      state = states[next >> 1] as State;
    }
  }

  /** Bytes with which a match can begin; undefined when it may be empty. */
  const firsts = isNullable(node) || comesAgain ? undefined : firstBytes(program);

  function find(text: string, from = 0): Spans | undefined {
    if (isLiteral) {
      const start = text.indexOf(needed, from);
      return start < 0 ? undefined : [start, start + needed.length];
    }
    if (needed !== "" && !text.includes(needed, from)) return undefined;
    if (comesAgain) {
      for (let start = from; start <= text.length; start++) {
        const found = tried(program, groups, text, start, undefined, syntax);
        if (found !== undefined) return found;
      }
      return undefined;
    }
    const limit = run(text, from, true);
    for (let start = from; start <= limit; start++) {
      if (firsts !== undefined && firsts[text.charCodeAt(start) & 255] === 0) continue;
      const end = run(text, start, false);
      if (end >= 0) return [start, end];
    }
    return undefined;
  }

  function test(text: string, from = 0): boolean {
    if (isLiteral) return text.includes(needed, from);
    if (comesAgain) return find(text, from) !== undefined;
    return (needed === "" || text.includes(needed, from)) && run(text, from, true) >= 0;
  }

  function place(text: string, from: number): number {
    if (isLiteral) return text.indexOf(needed, from);
    if (needed === "") return comesAgain ? (find(text, from)?.[0] ?? -1) : run(text, from, true);
    for (let at = text.indexOf(needed, from); at >= 0;) {
      const start = at === 0 ? 0 : text.lastIndexOf("\n", at - 1) + 1;
      const end = text.indexOf("\n", at);
      if (test(end < 0 ? text.slice(start) : text.slice(start, end))) return at;
      if (end < 0) break;
      at = text.indexOf(needed, end + 1);
    }
    return -1;
  }

  return {
    groups,
    test,
    find,
    place,
    groupsOf: (text, from = 0) => {
      const found = find(text, from);
      if (found === undefined || groups === 0 || comesAgain) return found;
      return tried(program, groups, text, found[0] as number, found[1], syntax) ?? found;
    },
  };
}

/** The longest text that stands in every match, as far as that is easily seen. */
function neededIn(node: Node): string {
  if (node.is === "group") return neededIn(node.of);
  if (node.is === "times") return node.min > 0 ? neededIn(node.of) : "";
  if (node.is !== "all") return neededIn({ is: "all", of: [node] });
  let [best, run] = ["", ""];
  for (const each of [...node.of, undefined]) {
    const byte = each?.is === "set" ? onlyByte(each.set) : undefined;
    if (byte !== undefined) {
      run += String.fromCharCode(byte);
      continue;
    }
    const inner = each?.is === "all" || each?.is === "group" || each?.is === "times" ? neededIn(each) : "";
    for (const candidate of [run, inner]) if (candidate.length > best.length) best = candidate;
    run = "";
  }
  return best;
}

function onlyByte(set: Uint8Array): number | undefined {
  const first = set.indexOf(1);
  return first >= 0 && first === set.lastIndexOf(1) ? first : undefined;
}

function firstBytes({ steps, start }: Program): Uint8Array {
  const bytes = new Uint8Array(256);
  const seen = new Set<number>();
  const stack = [start];
  while (stack.length > 0) {
    const at = stack.pop() as number;
    if (seen.has(at)) continue;
    seen.add(at);
    const step = steps[at] as Instruction;
    if (step.op === op.set)
      for (let byte = 0; byte < 256; byte++) bytes[byte] = (bytes[byte] as number) | (step.set[byte] as number);
    else if (step.op !== op.match) {
      stack.push(step.next);
      if (step.other >= 0) stack.push(step.other);
    }
  }
  return bytes;
}

/** Tries a program at one place, a way after another: the first way that comes to `wanted`, or without it the longest match. */
function tried(
  { steps, start: first, marks }: Program,
  groups: number,
  text: string,
  start: number,
  wanted: number | undefined,
  syntax: RegexSyntax,
): Spans | undefined {
  const size = 2 * (groups + 1);
  const spans = new Int32Array(marks).fill(-1);
  // With an end that is known, a step at a place needs to be tried once.
  const width = wanted === undefined ? 0 : wanted - start + 1;
  const seen = new Set<number>();
  const stack: number[] = [first, start, -1];
  let best: number[] | undefined;
  let left = stepsMax;
  const contexts = contextsIn(syntax);
  const beside = (at: number) =>
    at < 0 || at >= text.length ? nothing : (contexts[text.charCodeAt(at) & 255] as number);
  while (stack.length > 0) {
    const slot = stack.pop() as number;
    let at = stack.pop() as number;
    let place = stack.pop() as number;
    if (slot >= 0) {
      spans[slot] = at;
      continue;
    }
    for (;;) {
      if (--left < 0) throw new RegexFault("the regular expression takes too many steps");
      if (width > 0) {
        const key = place * width + at - start;
        if (seen.has(key)) break;
        seen.add(key);
      }
      const step = steps[place] as Instruction;
      place = step.next;
      if (step.op === op.set) {
        if (at >= (wanted ?? text.length) || step.set[text.charCodeAt(at) & 255] === 0) break;
        at++;
      } else if (step.op === op.split) stack.push(step.other, at, -1);
      else if (step.op === op.save || step.op === op.mark) {
        const number = step.op === op.save ? step.number : size + step.number;
        stack.push(0, spans[number] as number, number);
        spans[number] = at;
      } else if (step.op === op.moved) {
        if (spans[size + step.number] === at) place = step.other;
      } else if (step.op === op.edge) {
        if (!holds(step.edge, beside(at - 1), beside(at), syntax)) break;
      } else if (step.op === op.again) {
        const [from = -1, to = -1] = [spans[2 * step.number], spans[2 * step.number + 1]];
        if (from < 0 || to < 0) break;
        const [again, here] = [text.slice(from, to), text.slice(at, at + to - from)];
        if (again !== here && !(syntax.ignoresCase === true && again.toLowerCase() === here.toLowerCase())) break;
        at += to - from;
      } else if (step.op === op.match) {
        if (wanted === undefined ? best === undefined || at > (best[1] as number) : at === wanted) {
          best = [...spans.subarray(0, size)];
          [best[0], best[1]] = [start, at];
          if (wanted !== undefined) return best;
        }
        break;
      }
    }
  }
  return best;
}
