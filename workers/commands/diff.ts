/**
 * diff, as GNU's: which lines differ (diff-lines.ts), and the ways of writing that: normal, unified, context, ed, RCS, side by side, and whether at all; over files, folders, and folders within folders.
 *
 * A file's time is the one that every file has. What is not known here is refused by its name.
 */
import { changesBetween } from "./diff-lines.ts";
import { escapedInC } from "../shell/bytes.ts";
import { globRegex } from "./glob.ts";
import { OptionFault, readWords, type Given, type Known } from "./options.ts";
import { regexOf, type Regex } from "./regex.ts";
import type { OwnCall, OwnEnded, OwnFiles } from "./call.ts";

/** Folders within folders. */
export const foldersMax = 1000;

const known: Known = {
  flags: "qsruNabwBiEZtTdpyeclnH0123456789PvW",
  valued: "xXLUCFIWS",
  long: {
    brief: "q",
    "report-identical-files": "s",
    recursive: "r",
    "new-file": "N",
    "unidirectional-new-file": "P",
    text: "a",
    "ignore-space-change": "b",
    "ignore-all-space": "w",
    "ignore-blank-lines": "B",
    "ignore-case": "i",
    "ignore-tab-expansion": "E",
    "ignore-trailing-space": "Z",
    "ignore-matching-lines=": "I",
    "strip-trailing-cr": "strip-cr",
    "expand-tabs": "t",
    "initial-tab": "T",
    minimal: "d",
    "speed-large-files": "H",
    "show-c-function": "p",
    "show-function-line=": "F",
    "side-by-side": "y",
    "width=": "W",
    "suppress-common-lines": "suppress",
    "left-column": "left-column",
    ed: "e",
    rcs: "n",
    normal: "normal",
    "unified?": "U",
    "context?": "C",
    "label=": "L",
    "exclude=": "x",
    "exclude-from=": "X",
    "starting-file=": "S",
    "no-dereference": "no-dereference",
    "color?": "color",
    "horizon-lines=": "horizon",
    "tabsize=": "tabsize",
  },
};

type Style = "normal" | "unified" | "context" | "ed" | "rcs" | "columns";

interface Asked {
  readonly style: Style;
  readonly context: number;
  readonly isRecursive: boolean;
  readonly isBrief: boolean;
  readonly tellsEqual: boolean;
  readonly newFiles: boolean;
  readonly newSecondFiles: boolean;
  readonly isText: boolean;
  readonly isMinimal: boolean;
  readonly labels: readonly string[];
  readonly excluded: readonly Regex[];
  readonly ignoredLines: Regex | undefined;
  readonly ignoresBlank: boolean;
  readonly functionLine: Regex | undefined;
  readonly keyOf: (line: string) => string;
  readonly ignoresEnd: boolean;
  readonly expandsTabs: boolean;
  readonly initialTab: boolean;
  readonly stripsCr: boolean;
  readonly width: number;
  readonly tabSize: number;
  readonly suppressesCommon: boolean;
  readonly leftColumn: boolean;
  readonly horizon: number;
  readonly follows: boolean;
  /** The options as they were typed, for the line above a file of a folder. */
  readonly typed: string;
}

/** Status 1: they differ; 2: something is wrong. */
export function diff(call: OwnCall): OwnEnded {
  try {
    return run(call);
  } catch (error) {
    if (!(error instanceof OptionFault)) throw error;
    return { stdout: "", stderr: `diff: ${error.message}\n`, exitCode: 2 };
  }
}

function run({ args, files, stdin, readPattern }: OwnCall): OwnEnded {
  const { options, operands } = readWords(args, { ...known, flags: known.flags.replace("W", "") });
  const asked = askedBy(options, readPattern);
  const [left, right, ...more] = operands;
  if (left === undefined || right === undefined) throw new OptionFault("missing operand");
  if (more.length > 0) throw new OptionFault(`extra operand '${more[0] as string}'`);
  const out: string[] = [];
  const state: Comparison = { asked, files, stdin, out, err: [], status: 0 };
  compareOperands(state, left, right);
  return { stdout: out.join(""), stderr: state.err.join(""), exitCode: state.status };
}

interface Comparison {
  readonly asked: Asked;
  readonly files: OwnFiles;
  readonly stdin: () => string;
  readonly out: string[];
  readonly err: string[];
  status: number;
}

function whole(value: string | undefined, what: string): number {
  if (value === undefined || !/^\d{1,9}$/.test(value)) throw new OptionFault(`invalid ${what} '${value ?? ""}'`);
  return Number(value);
}

function askedBy(options: readonly Given[], readPattern: (path: string) => string | undefined): Asked {
  const has = (letter: string) => options.some((each) => each.letter === letter);
  const value = (letter: string) => options.findLast((each) => each.letter === letter)?.value;
  const styles = new Set<Style>();
  let context = 3;
  let digits = "";
  for (const { letter, value: given } of options) {
    if (letter === "u" || letter === "U") styles.add("unified");
    if (letter === "c" || letter === "C") styles.add("context");
    if (letter === "e") styles.add("ed");
    if (letter === "n") styles.add("rcs");
    if (letter === "y") styles.add("columns");
    if (letter === "normal") styles.add("normal");
    if ((letter === "U" || letter === "C") && given !== undefined) context = whole(given, "context length");
    if (/^\d$/.test(letter)) digits += letter;
  }
  if (digits !== "") context = Number(digits);
  if (styles.size > 1) throw new OptionFault("conflicting output style options");
  if (has("p") && styles.size === 0) styles.add("context");
  const [style = "normal"] = styles;
  for (const letter of ["S", "l"]) if (has(letter)) throw new OptionFault(`-${letter} is not known`);
  if (has("color") && !/^(?:never|auto)$/.test(value("color") ?? "auto"))
    throw new OptionFault("colours are not known");
  const excluded = options.flatMap(({ letter, value: given = "" }) => {
    if (letter === "x") return [globRegex(given)];
    if (letter !== "X") return [];
    const text = readPattern(given);
    if (text === undefined) throw new OptionFault(`${given}: No such file or directory`);
    return text
      .split("\n")
      .filter((each) => each !== "")
      .map((each) => globRegex(each));
  });
  const ignored = options.flatMap(({ letter, value: given = "" }) => (letter === "I" ? [`\\(${given}\\)`] : []));
  const shown = has("p") ? "^[[:alpha:]$_]" : value("F");
  return {
    style,
    context,
    isRecursive: has("r"),
    isBrief: has("q"),
    tellsEqual: has("s"),
    newFiles: has("N"),
    newSecondFiles: has("P"),
    isText: has("a"),
    isMinimal: has("d"),
    labels: options.flatMap(({ letter, value: given = "" }) => (letter === "L" ? [given] : [])),
    excluded,
    ignoredLines: ignored.length === 0 ? undefined : regexOf(ignored.join("\\|"), { isExtended: false }),
    ignoresBlank: has("B"),
    functionLine: shown === undefined ? undefined : regexOf(shown, { isExtended: false }),
    keyOf: keyFrom(has),
    ignoresEnd: has("b") || has("w") || has("Z"),
    expandsTabs: has("t"),
    initialTab: has("T"),
    stripsCr: has("strip-cr"),
    width: has("W") ? whole(value("W"), "width") : 130,
    tabSize: has("tabsize") ? whole(value("tabsize"), "tabsize") : 8,
    suppressesCommon: has("suppress"),
    leftColumn: has("left-column"),
    horizon: Math.max(
      style === "unified" || style === "context" ? context : 0,
      has("horizon") ? whole(value("horizon"), "horizon length") : 0,
    ),
    follows: !has("no-dereference"),
    typed: options
      .flatMap(({ words }) => words)
      .map((word) => ` ${/^[\w%+,./:=@-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`}`)
      .join(""),
  };
}

/** What is compared of a line. */
function keyFrom(has: (letter: string) => boolean): (line: string) => string {
  const steps: ((line: string) => string)[] = [];
  if (has("i")) steps.push((line) => line.replaceAll(/[A-Z]+/g, (letters) => letters.toLowerCase()));
  if (has("w")) steps.push((line) => line.replaceAll(/[ \t\v\f\r\n]+/g, ""));
  else if (has("b")) steps.push((line) => line.replaceAll(/[ \t\v\f\r\n]+/g, " ").replace(/ $/, ""));
  else {
    if (has("E")) steps.push(expanded);
    if (has("Z")) steps.push((line) => line.replace(/[ \t\v\f\r\n]+$/, ""));
  }
  return (line) => steps.reduce((text, step) => step(text), line);
}

function expanded(line: string): string {
  let out = "";
  for (const char of line) out += char === "\t" ? " ".repeat(8 - (out.length % 8)) : char;
  return out;
}

interface Side {
  /** As it is shown. */
  readonly name: string;
  readonly is: "file" | "folder" | "link" | "missing";
}

function sideOf({ files, asked }: Comparison, name: string): Side {
  if (name === "-") return { name, is: "file" };
  const found = files.look(name, asked.follows);
  if (found === undefined) return { name, is: "missing" };
  return { name, is: found.isDirectory ? "folder" : found.isFile || name === "/dev/null" ? "file" : "link" };
}

function below(folder: string, name: string): string {
  return folder.endsWith("/") ? folder + name : `${folder}/${name}`;
}

const baseOf = (name: string) => name.replace(/\/+$/, "").replace(/^.*\//s, "");

function compareOperands(state: Comparison, leftName: string, rightName: string): void {
  const left = sideOf(state, leftName);
  const right = sideOf(state, rightName);
  // Of a folder and a file, the file of that name in the folder is meant.
  if (left.is === "folder" && right.is === "file" && rightName !== "-")
    return compareSides(state, sideOf(state, below(leftName, baseOf(rightName))), right, []);
  if (right.is === "folder" && left.is === "file" && leftName !== "-")
    return compareSides(state, left, sideOf(state, below(rightName, baseOf(leftName))), []);
  compareSides(state, left, right, []);
}

function trouble(state: Comparison, text: string): void {
  state.err.push(`diff: ${text}\n`);
  state.status = 2;
}

function differ(state: Comparison): void {
  state.status = Math.max(state.status, 1);
}

const kindOf = ({ is }: Side) => (is === "folder" ? "directory" : is === "link" ? "symbolic link" : "regular file");

/** The folders that one is in, from what was named: the left and the right one, without symlinks. */
type Above = readonly (readonly [string | undefined, string | undefined])[];

/** Compares two of the same name. */
function compareSides(state: Comparison, left: Side, right: Side, above: Above): void {
  const { asked, out } = state;
  const depth = above.length;
  const isNew = (side: Side) => side.is === "missing" && (asked.newFiles || (asked.newSecondFiles && side === left));
  if (left.is === "missing" || right.is === "missing") {
    if (left.is === right.is || !(isNew(left) || isNew(right))) {
      for (const side of [left, right])
        if (side.is === "missing") trouble(state, `${side.name}: No such file or directory`);
      return;
    }
  }
  const kinds = [left.is, right.is].filter((is) => is !== "missing");
  if (kinds.every((is) => is === "folder")) {
    if (kinds.length === 2 && state.files.real(left.name) === state.files.real(right.name)) return;
    if (depth > 0 && !asked.isRecursive) {
      out.push(`Common subdirectories: ${left.name} and ${right.name}\n`);
      return;
    }
    return compareFolders(state, left, right, above);
  }
  if (kinds.includes("link") && kinds.every((is) => is === "link")) {
    if (state.files.target(left.name) === state.files.target(right.name)) return;
    out.push(`Symbolic links ${left.name} and ${right.name} differ\n`);
    return differ(state);
  }
  if (new Set(kinds).size > 1) {
    const kind = (side: Side) =>
      side.is === "file" && textOf(state, side) === "" ? "regular empty file" : kindOf(side);
    out.push(`File ${left.name} is a ${kind(left)} while file ${right.name} is a ${kind(right)}\n`);
    return differ(state);
  }
  compareFiles(state, left, right, depth);
}

function compareFolders(state: Comparison, left: Side, right: Side, above: Above): void {
  const { asked, files, out } = state;
  if (above.length > foldersMax) return trouble(state, `${left.name}: folders are too deep within each other`);
  const real = [left, right].map((side) =>
    side.is === "folder" ? files.real(side.name) : undefined,
  ) as unknown as Above[number];
  for (const [at, side] of [left, right].entries()) {
    if (real[at] !== undefined && above.some((each) => each[at] === real[at]))
      return trouble(state, `${side.name}: recursive directory loop`);
  }
  const inner: Above = [...above, real];
  const namesIn = (side: Side) =>
    side.is === "folder"
      ? files.names(side.name).filter((name) => !asked.excluded.some((each) => each.test(name)))
      : [];
  const [leftNames, rightNames] = [new Set(namesIn(left)), new Set(namesIn(right))];
  const all = [...new Set([...leftNames, ...rightNames])].toSorted((a, b) => (a < b ? -1 : 1));
  for (const name of all) {
    const inLeft = leftNames.has(name);
    if (inLeft && rightNames.has(name)) {
      compareSides(state, sideOf(state, below(left.name, name)), sideOf(state, below(right.name, name)), inner);
      continue;
    }
    const missing = (side: Side): Side => ({ name: below(side.name, name), is: "missing" });
    const there = sideOf(state, below(inLeft ? left.name : right.name, name));
    const isShown = asked.newFiles || (asked.newSecondFiles && !inLeft);
    if (!isShown) {
      out.push(`Only in ${inLeft ? left.name : right.name}: ${name}\n`);
      differ(state);
      continue;
    }
    compareSides(state, inLeft ? there : missing(left), inLeft ? missing(right) : there, inner);
  }
}

function textOf(state: Comparison, side: Side): string {
  if (side.is === "missing") return "";
  if (side.name === "-") return state.stdin();
  return state.files.text(side.name) ?? "";
}

function compareFiles(state: Comparison, left: Side, right: Side, depth: number): void {
  const { asked, out } = state;
  const same = () => {
    if (asked.tellsEqual) out.push(`Files ${left.name} and ${right.name} are identical\n`);
  };
  const texts = [textOf(state, left), textOf(state, right)].map((text) =>
    asked.stripsCr ? text.replaceAll("\r\n", "\n") : text,
  );
  const [leftText = "", rightText = ""] = texts;
  // As native ones, which look at the first piece that they read.
  const isBinary = !asked.isText && texts.some((text) => text.slice(0, 4096).includes("\0"));
  if (leftText === rightText && !(asked.style === "columns" && !asked.isBrief)) return same();
  if (isBinary) {
    out.push(`${asked.isBrief ? "Files" : "Binary files"} ${left.name} and ${right.name} differ\n`);
    return differ(state);
  }
  // A script for ed can't tell of a missing newline.
  const ended = (text: string) => (asked.style === "ed" && text !== "" && !text.endsWith("\n") ? `${text}\n` : text);
  const sides = [linesOf(ended(leftText)), linesOf(ended(rightText))] as const;
  const hunks = hunksOf(sides[0], sides[1], asked);
  const isSame = hunks.every((hunk) => hunk.isIgnored);
  if (asked.isBrief) {
    if (isSame) return same();
    out.push(`Files ${left.name} and ${right.name} differ\n`);
    return differ(state);
  }
  if (asked.style === "ed" && !asked.isBrief)
    for (const [side, bare] of [
      [left, leftText],
      [right, rightText],
    ] as const)
      if (ended(bare) !== bare) trouble(state, `${side.name}: No newline at end of file\n`);
  if (isSame && asked.style !== "columns") return same();
  if (depth > 0) out.push(`diff${asked.typed} ${shownName(left.name)} ${shownName(right.name)}\n`);
  if (!isSame) differ(state);
  const text = { left: sides[0], right: sides[1], hunks, asked };
  switch (asked.style) {
    case "unified":
      out.push(heading(["---", "+++"], [left, right], asked, "2001-09-09 01:46:40.000000000 +0000"));
      return unified(text, out);
    case "context":
      out.push(heading(["***", "---"], [left, right], asked, "Sun Sep  9 01:46:40 2001"));
      return inContext(text, out);
    case "ed":
      return edScript(text, out);
    case "rcs":
      return rcsScript(text, out);
    case "columns":
      return inColumns(text, out);
    case "normal":
      return normal(text, out);
  }
}

function heading(marks: readonly [string, string], sides: readonly [Side, Side], asked: Asked, time: string): string {
  const never = time.startsWith("2001") ? "1970-01-01 00:00:00.000000000 +0000" : "Thu Jan  1 00:00:00 1970";
  return sides
    .map(({ name, is }, at) => {
      const label = asked.labels[at];
      return `${marks[at] as string} ${label ?? `${shownName(name)}\t${is === "missing" ? never : time}`}\n`;
    })
    .join("");
}

/** A name as it stands in what patch reads. */
function shownName(name: string): string {
  // oxlint-disable-next-line no-control-regex
  if (!/[\u0000-\u0020"\\\u007f]/.test(name)) return name;
  // oxlint-disable-next-line no-control-regex
  const inner = name.replaceAll(/[\u0000-\u001f"\\\u007f]/g, escapedInC);
  return `"${inner}"`;
}

interface Lines {
  readonly all: readonly string[];
  /** The last one ends without a newline. */
  readonly isUnended: boolean;
}

function linesOf(text: string): Lines {
  const all = text.split("\n");
  const isUnended = all.at(-1) !== "";
  if (!isUnended) all.pop();
  return { all, isUnended };
}

/** Lines of the left that lines of the right stand for, counted from 0, the ends not included. */
interface Hunk {
  readonly left: readonly [from: number, to: number];
  readonly right: readonly [from: number, to: number];
  readonly isIgnored: boolean;
}

const rawIn =
  ({ all, isUnended }: Lines) =>
  (at: number) =>
    isUnended && at === all.length - 1 ? (all[at] as string) : `${all[at] as string}\n`;

function hunksOf(left: Lines, right: Lines, asked: Asked): Hunk[] {
  const [leftRaw, rightRaw] = [rawIn(left), rawIn(right)];
  const shorter = Math.min(left.all.length, right.all.length);
  let start = 0;
  while (start < shorter && leftRaw(start) === rightRaw(start)) start++;
  start = Math.max(0, start - asked.horizon);
  let end = 0;
  const [leftCount, rightCount] = [left.all.length, right.all.length];
  while (end < shorter - start && leftRaw(leftCount - 1 - end) === rightRaw(rightCount - 1 - end)) end++;
  end = Math.max(0, end - asked.horizon);
  const classes = new Map<string, number>();
  const classesOf = (lines: Lines, text: (at: number) => string) =>
    Int32Array.from({ length: lines.all.length - start - end }, (_, at) => {
      const key = asked.keyOf(asked.ignoresEnd ? (lines.all[start + at] as string) : text(start + at));
      let number = classes.get(key);
      if (number === undefined) classes.set(key, (number = classes.size));
      return number;
    });
  const changes = changesBetween(classesOf(left, leftRaw), classesOf(right, rightRaw), asked.isMinimal);
  const hunks: Hunk[] = [];
  let [a, b] = [0, 0];
  while (a < changes.left.length || b < changes.right.length) {
    const [aFrom, bFrom] = [a, b];
    while (changes.left[a] === 1) a++;
    while (changes.right[b] === 1) b++;
    if (a > aFrom || b > bFrom) {
      const [leftSpan, rightSpan] = [
        [aFrom + start, a + start],
        [bFrom + start, b + start],
      ] as const;
      hunks.push({
        left: leftSpan,
        right: rightSpan,
        isIgnored: isIgnored(left, leftSpan, asked) && isIgnored(right, rightSpan, asked),
      });
    }
    a++;
    b++;
  }
  return hunks;
}

function isIgnored(
  { all }: Lines,
  [from, to]: readonly [number, number],
  { ignoresBlank, ignoredLines, keyOf, ignoresEnd }: Asked,
): boolean {
  if (!ignoresBlank && ignoredLines === undefined) return false;
  return all.slice(from, to).every((line) => {
    const isBlank = ignoresBlank && (line === "" || (ignoresEnd && keyOf(line).trim() === ""));
    return isBlank || ignoredLines?.test(line) === true;
  });
}

interface Compared {
  readonly left: Lines;
  readonly right: Lines;
  readonly hunks: readonly Hunk[];
  readonly asked: Asked;
}

function put(
  out: string[],
  mark: string,
  lines: Lines,
  from: number,
  to: number,
  { expandsTabs, initialTab }: Asked,
): void {
  for (let at = from; at < to; at++) {
    const text = lines.all[at] as string;
    const lead = !initialTab ? mark : mark === " " ? "\t" : `${mark[0] as string}\t`;
    out.push(lead + (expandsTabs ? expanded(text) : text), "\n");
    if (lines.isUnended && at === lines.all.length - 1) out.push("\\ No newline at end of file\n");
  }
}

function range(from: number, to: number): string {
  return to > from + 1 ? `${from + 1},${to}` : String(to);
}

/** What formats without context tell of, each with the letter of ed for it: lines are added, deleted or changed. */
function letteredHunks(hunks: readonly Hunk[]) {
  return hunks
    .filter((hunk) => !hunk.isIgnored)
    .map(({ left: [a, aEnd], right: [b, bEnd] }) => {
      return { a, aEnd, b, bEnd, letter: a === aEnd ? "a" : b === bEnd ? "d" : "c" } as const;
    });
}

function normal({ left, right, hunks, asked }: Compared, out: string[]): void {
  for (const { a, aEnd, b, bEnd, letter } of letteredHunks(hunks)) {
    out.push(`${a === aEnd ? a : range(a, aEnd)}${letter}${b === bEnd ? b : range(b, bEnd)}\n`);
    put(out, "< ", left, a, aEnd, asked);
    if (letter === "c") out.push("---\n");
    put(out, "> ", right, b, bEnd, asked);
  }
}

function edScript({ right, hunks }: Compared, out: string[]): void {
  for (const { a, aEnd, b, bEnd, letter } of letteredHunks(hunks).toReversed()) {
    out.push(`${a === aEnd ? a : range(a, aEnd)}${letter}\n`);
    if (letter === "d") continue;
    let isOpen = true;
    for (const line of right.all.slice(b, bEnd)) {
      if (!isOpen) out.push("a\n");
      isOpen = true;
      // A dot alone would end the text.
      if (line === ".") {
        out.push("..\n.\ns/.//\n");
        isOpen = false;
      } else out.push(line, "\n");
    }
    if (isOpen) out.push(".\n");
  }
}

function rcsScript({ right, hunks }: Compared, out: string[]): void {
  for (const { a, aEnd, b, bEnd } of letteredHunks(hunks)) {
    if (aEnd > a) out.push(`d${a + 1} ${aEnd - a}\n`);
    if (bEnd > b) {
      out.push(`a${aEnd} ${bEnd - b}\n`);
      for (let at = b; at < bEnd; at++)
        out.push(right.all[at] as string, right.isUnended && at === right.all.length - 1 ? "" : "\n");
    }
  }
}

/** Hunks whose contexts touch, together, with their context. */
function groups({ left, right, hunks, asked: { context } }: Compared) {
  const grouped: Hunk[][] = [];
  for (const hunk of hunks) {
    const last = grouped.at(-1)?.at(-1);
    const between = last === undefined ? Infinity : hunk.left[0] - last.left[1];
    const isNear = between <= (hunk.isIgnored ? context : 2 * context);
    if (last !== undefined && isNear) grouped.at(-1)?.push(hunk);
    else grouped.push([hunk]);
  }
  return grouped
    .filter((all) => !all.every((each) => each.isIgnored))
    .map((all) => {
      const [first] = all as [Hunk, ...Hunk[]];
      const last = all.at(-1) ?? first;
      return {
        all,
        left: [Math.max(0, first.left[0] - context), Math.min(left.all.length, last.left[1] + context)] as const,
        right: [Math.max(0, first.right[0] - context), Math.min(right.all.length, last.right[1] + context)] as const,
      };
    });
}

/** Of each place, asked in order, the last line before it that tells where one is. */
function functionTexts({ left, asked: { functionLine } }: Compared): (before: number) => string {
  let [seen, last] = [0, ""];
  return (before) => {
    if (functionLine === undefined) return "";
    for (let at = before - 1; at >= seen; at--) {
      const line = left.all[at] as string;
      if (!functionLine.test(line)) continue;
      last = ` ${line
        .replace(/^[ \t]+/, "")
        .slice(0, 40)
        .trimEnd()}`;
      break;
    }
    // What was looked through once has no other.
    seen = Math.max(seen, before);
    return last;
  };
}

const spanOf = ([from, to]: readonly [number, number]) =>
  to - from === 1 ? String(to) : to === from ? `${from},0` : `${from + 1},${to - from}`;

function unified(compared: Compared, out: string[]): void {
  const { left, right, asked } = compared;
  const functionText = functionTexts(compared);
  for (const group of groups(compared)) {
    out.push(`@@ -${spanOf(group.left)} +${spanOf(group.right)} @@${functionText(group.left[0])}\n`);
    let at = group.left[0];
    for (const {
      left: [a, aEnd],
      right: [b, bEnd],
    } of group.all) {
      put(out, " ", left, at, a, asked);
      put(out, "-", left, a, aEnd, asked);
      put(out, "+", right, b, bEnd, asked);
      at = aEnd;
    }
    put(out, " ", left, at, group.left[1], asked);
  }
}

const starSpan = ([from, to]: readonly [number, number]) => (to <= from + 1 ? String(to) : `${from + 1},${to}`);

function inContext(compared: Compared, out: string[]): void {
  const { left, right, asked } = compared;
  const functionText = functionTexts(compared);
  for (const group of groups(compared)) {
    out.push(`***************${functionText(group.left[0])}\n*** ${starSpan(group.left)} ****\n`);
    const half = (lines: Lines, side: "left" | "right", mark: string, other: "left" | "right") => {
      if (group.all.every((hunk) => hunk[side][0] === hunk[side][1])) return;
      let at = group[side][0];
      for (const hunk of group.all) {
        const [from, to] = hunk[side];
        put(out, "  ", lines, at, from, asked);
        put(out, hunk[other][0] === hunk[other][1] ? `${mark} ` : "! ", lines, from, to, asked);
        at = to;
      }
      put(out, "  ", lines, at, group[side][1], asked);
    };
    half(left, "left", "-", "right");
    out.push(`--- ${starSpan(group.right)} ----\n`);
    half(right, "right", "+", "left");
  }
}

const isEnded = (lines: Lines, place: number) => !(lines.isUnended && place === lines.all.length - 1);

function inColumns({ left, right, hunks, asked }: Compared, out: string[]): void {
  const { width, tabSize, expandsTabs } = asked;
  const unit = expandsTabs ? 1 : tabSize;
  const column = Math.floor((width + unit + 3) / (2 * unit)) * unit;
  const half = Math.max(0, Math.min(column - 3, width - column));
  const second = half > 0 ? column : width;
  const blank = (from: number, to: number): string => {
    let [text, at] = ["", from];
    if (!expandsTabs) {
      for (let tab = at + tabSize - (at % tabSize); tab <= to; tab += tabSize) [text, at] = [`${text}\t`, tab];
    }
    return text + " ".repeat(Math.max(0, to - at));
  };
  /** As much of a line as there is room for, and the column behind it. */
  const cut = (line: string, indent: number): { readonly text: string; readonly at: number } => {
    let [text, seen, at] = ["", 0, 0];
    for (const char of line) {
      if (char === "\t") {
        const spaces = tabSize - (seen % tabSize);
        if (seen === at) {
          const stop = at + spaces;
          if (expandsTabs) {
            const end = Math.min(stop, half);
            text += " ".repeat(Math.max(0, end - at));
            at = Math.max(at, end);
          } else if (stop < half) [text, at] = [text + char, stop];
        }
        seen += spaces;
      } else if (char === "\r") [text, seen, at] = [text + char + blank(0, indent), 0, 0];
      else if (char === "\b") {
        if (seen > 0 && --seen < half) {
          if (at <= seen) while (at < seen) [text, at] = [`${text} `, at + 1];
          else [text, at] = [text + char, seen];
        }
      } else if (char === "\f" || char === "\v" || char < " " || char > "~") {
        if (seen < half) text += char;
      } else if (seen++ < half) [text, at] = [text + char, seen];
    }
    return { text, at };
  };
  const show = (a: number | undefined, mark: string, b: number | undefined): void => {
    let [text, at, ended] = ["", 0, false];
    let sign = mark;
    if (a !== undefined) {
      ended ||= isEnded(left, a);
      ({ text, at } = cut(left.all[a] as string, 0));
    }
    if (sign !== " ") {
      const place = Math.floor((half + second - 1) / 2);
      text += blank(at, place);
      at = place + 1;
      if (sign === "|" && b !== undefined && ended !== isEnded(right, b)) sign = ended ? "/" : "\\";
      text += sign;
    }
    if (b !== undefined) {
      ended ||= isEnded(right, b);
      const line = right.all[b] as string;
      if (line !== "" || !isEnded(right, b)) text += blank(at, second) + cut(line, second).text;
    }
    out.push(ended ? `${text}\n` : text);
  };
  let [a, b] = [0, 0];
  const common = (to: number): void => {
    for (; a < to; a++, b++) {
      if (asked.suppressesCommon) continue;
      if (asked.leftColumn) show(a, "(", undefined);
      else show(a, " ", b);
    }
  };
  for (const hunk of hunks) {
    common(hunk.left[0]);
    for (; a < hunk.left[1] && b < hunk.right[1]; a++, b++) show(a, hunk.isIgnored ? " " : "|", b);
    for (; b < hunk.right[1]; b++) show(undefined, ">", b);
    for (; a < hunk.left[1]; a++) show(a, "<", undefined);
  }
  common(left.all.length);
}
