/**
 * patch, as GNU's, of unified differences, `git diff`'s among them: files are made, changed and removed. A hunk is looked for near its place, and with up to two lines less of what is around it. What can't be placed goes to FILE.rej, and
 * what was placed elsewhere leaves FILE.orig behind.
 */
import type { OwnCall, OwnEnded, OwnFiles } from "./call.ts";
import { OptionFault, readWords, type Known } from "./options.ts";

/** What patch does to the tree, by paths as they were typed. */
export interface PatchTree {
  readonly makeFile: (path: string, content: string, isExecutable: boolean) => Promise<void>;
  readonly remove: (path: string) => Promise<void>;
}

const known: Known = {
  flags: "RNEbfstulv",
  valued: "pidoFrBzY",
  long: {
    "strip=": "p",
    "input=": "i",
    "directory=": "d",
    "output=": "o",
    "fuzz=": "F",
    reverse: "R",
    forward: "N",
    "remove-empty-files": "E",
    force: "f",
    batch: "t",
    silent: "s",
    quiet: "s",
    unified: "u",
    "dry-run": "dry",
    "no-backup-if-mismatch": "bare",
    binary: "binary",
  },
};

interface Hunk {
  readonly from: number;
  readonly to: number;
  /** What stands behind the places, a function's name say, with the space in front of it. */
  readonly title: string;
  /** Lines with what they are: ` `, `-` or `+`, the end of the line included where it has one. */
  readonly lines: readonly (readonly [sign: string, text: string])[];
}

/** Whether there is nothing on a side of a difference: no, perhaps an empty file, or no file. */
type Emptiness = "no" | "perhaps" | "file";

interface FilePatch {
  readonly old: string;
  readonly now: string;
  /** Its first two lines, as they stand; of one without hunks, as they would. */
  readonly heads: readonly [old: string, now: string];
  readonly isGit: boolean;
  /** What the lines of `git diff` say of each side. */
  readonly told: readonly [old: Emptiness, now: Emptiness];
  /** Exec bits as the lines of `git diff` have them. */
  readonly modes: readonly [old: boolean | undefined, now: boolean | undefined];
  /** A carriage return was taken from the end of each of its lines. */
  readonly isStripped: boolean;
  readonly isBinary: boolean;
  readonly hunks: readonly Hunk[];
}

/** Status 1: a hunk could not be placed; 2: something else is wrong. */
export async function patch(call: OwnCall, tree: PatchTree): Promise<OwnEnded> {
  try {
    return await run(call, tree);
  } catch (error) {
    if (!(error instanceof OptionFault)) throw error;
    return { stdout: "", stderr: `patch: ${error.message}\n`, exitCode: 2 };
  }
}

async function run({ args, files, stdin }: OwnCall, tree: PatchTree): Promise<OwnEnded> {
  const { operands, has, value } = readWords(args, known);
  for (const letter of ["o", "r", "B", "z", "Y", "l"])
    if (has(letter)) throw new OptionFault(`-${letter} is not known`);
  const [target, patchFile, ...more] = operands;
  if (more.length > 0) throw new OptionFault("more than a file and a patch are named");
  const input = value("i") ?? patchFile ?? "-";
  const text = input === "-" ? stdin() : files.text(input);
  if (text === undefined) throw new OptionFault(`Can't open patch file ${input} : No such file or directory`);
  const folder = value("d");
  const at = (path: string) =>
    folder === undefined || path.startsWith("/") ? path : `${folder.replace(/\/+$/, "")}/${path}`;
  const patches = patchesIn(text, has("binary"));
  if (patches.length === 0) {
    if (text.trim() === "") return { stdout: "", stderr: "", exitCode: 0 };
    throw new OptionFault("**** Only garbage was found in the patch input.");
  }
  const given = value("p");
  const strip = given === undefined ? undefined : Number(given);
  const fuzzMax = value("F") === undefined ? 2 : Number(value("F"));
  let stdout = "";
  let isWhole = true;
  for (const filePatch of patches) {
    let each = has("R") ? reversed(filePatch) : filePatch;
    let isMismatch = false;
    const stripping =
      each.isStripped && !has("s") ? "(Stripping trailing CRs from patch; use --binary to disable.)\n" : "";
    /** Of a patch without hunks nothing is told to be ignored. */
    const ignored = (what = "") =>
      each.hunks.length === 0 ? "" : `${hunksOf(each.hunks.length, each)} ignored${what}\n`;
    const path = target ?? pathOf(each, strip, (name) => files.look(at(name), true)?.isFile === true);
    if (path === undefined) {
      isWhole = false;
      stdout += `${stripping}can't find file to patch; -p says how many parts of its name are to be left out\nSkipping patch.\n${ignored()}`;
      continue;
    }
    if (each.isBinary) {
      isWhole = false;
      stdout += `File ${path}: git binary diffs are not supported.\n`;
      continue;
    }
    const place = at(path);
    const saved = has("dry") ? "" : ` -- saving rejects to file ${path}.rej`;
    const before = files.text(place) ?? "";
    const odd = oddity(each, has("R"), path, files.look(place, true) === undefined ? undefined : before);
    const first = odd === undefined ? undefined : answered(odd, has);
    stdout += first?.told ?? "";
    if (first?.answer === "skip") {
      isWhole = false;
      stdout += ignored();
      continue;
    }
    stdout += stripping;
    stdout += has("s") ? "" : `${has("dry") ? "checking" : "patching"} file ${path}\n`;
    if (first?.answer === "reverse") each = reversed(each);
    else if (first === undefined && !has("f") && looksReversed(before, each, fuzzMax)) {
      const which = has("R") ? "Unreversed" : "Reversed (or previously applied)";
      const { answer, told } = answered(`${which} patch detected!`, has);
      stdout += told;
      if (answer === "skip") {
        isWhole = false;
        stdout += ignored(saved);
        if (!has("dry")) await tree.makeFile(`${place}.rej`, rejectsOf(each, each.hunks, strip), false);
        continue;
      }
      each = reversed(each);
      isMismatch = true;
    }
    const done = patched(before, each, fuzzMax);
    if (!has("s")) stdout += done.told.map((told) => `${told}\n`).join("");
    const failed = each.hunks.flatMap((hunk, number) => {
      const added = done.failed.get(number);
      return added === undefined ? [] : [{ ...hunk, from: hunk.from + added, to: hunk.to + added }];
    });
    const isRemoval = emptiness(each, "now") === "file";
    if (isRemoval && done.text !== "") {
      isWhole = false;
      stdout += has("s") ? "" : `Not deleting file ${path} as content differs from patch\n`;
    }
    if (failed.length > 0) {
      isWhole = false;
      stdout += `${hunksOf(failed.length, each)} FAILED${saved}\n`;
    }
    if (has("dry")) continue;
    const keeps = has("b") || ((isMismatch || done.isInexact) && !has("bare"));
    if (keeps) await tree.makeFile(`${place}.orig`, before, isExecutable(files, place));
    if (failed.length > 0) await tree.makeFile(`${place}.rej`, rejectsOf(each, failed, strip), false);
    const isThere = files.look(place, true) !== undefined;
    if (done.text === "" && (isRemoval || (has("E") && failed.length === 0))) {
      if (isThere) await tree.remove(place);
    } else {
      const [oldMode, mode] = each.modes;
      const setsMode = mode !== undefined && mode !== oldMode;
      if (done.text !== before || setsMode || (failed.length === 0 && !isThere))
        await tree.makeFile(place, done.text, setsMode ? mode : isExecutable(files, place));
    }
  }
  return { stdout, stderr: "", exitCode: isWhole ? 0 : 1 };
}

function hunksOf(count: number, { hunks }: FilePatch): string {
  return `${count} out of ${hunks.length} hunk${hunks.length === 1 ? "" : "s"}`;
}

/** What is odd about a patch that makes a file which is there, or removes one that is not; `content` is the file's. */
function oddity(given: FilePatch, isReversed: boolean, path: string, content: string | undefined): string | undefined {
  const isEmpty = content === undefined || content === "";
  const [old, now] = [emptiness(given, "old"), emptiness(given, "now")];
  if (isEmpty ? now === "no" : old !== "file") return undefined;
  // An empty file that is made or removed, as the names of contents in a patch of git's say.
  if (content === undefined ? now === "perhaps" && old === "file" : isEmpty && old === "perhaps" && now === "file")
    return undefined;
  const [does, is] =
    content === undefined
      ? ["delete", "does not exist"]
      : isEmpty
        ? ["empty out", "is already empty"]
        : ["create", "already exists"];
  return `The next patch${isReversed ? ", when reversed," : ""} would ${does} the file ${path},\nwhich ${is}!`;
}

function emptiness({ hunks, heads, old, now, told }: FilePatch, side: "old" | "now"): Emptiness {
  const [first] = hunks;
  if (first === undefined || (side === "old" ? first.from : first.to) !== 0) return told[side === "old" ? 0 : 1];
  return (side === "old" ? isNothing(old, heads[0]) : isNothing(now, heads[1])) ? "file" : "perhaps";
}

/** Whether the first hunk fits nowhere as it is, but the other way round. */
function looksReversed(before: string, given: FilePatch, fuzzMax: number): boolean {
  const lines = linesOf(before);
  const [hunk] = given.hunks;
  const [other] = reversed(given).hunks;
  if (hunk === undefined || other === undefined) return false;
  for (let fuzz = 0; fuzz <= Math.min(fuzzMax, aroundOf(hunk).context); fuzz++) {
    if (placedWith(lines, hunk, 0, 0, fuzz) !== undefined) return false;
    if (placedWith(lines, other, 0, 0, fuzz) !== undefined) return true;
  }
  return false;
}

/** What is done about a patch that looks reversed, and what is told. Nobody can be asked, which is a no to each question. */
function answered(
  fault: string,
  has: (flag: string) => boolean,
): { readonly answer: "skip" | "reverse" | "apply"; readonly told: string } {
  if (has("N")) return { answer: "skip", told: `${fault}  Skipping patch.\n` };
  if (has("f")) return { answer: "apply", told: has("s") ? "" : `${fault}  Applying it anyway.\n` };
  const reversal = has("R") ? ["Ignoring -R", "Ignore -R"] : ["Assuming -R", "Assume -R"];
  if (has("t")) return { answer: "reverse", told: `${fault}  ${reversal[0]}.\n` };
  const asked = `${fault}  ${reversal[1]}? [n] \nApply anyway? [n] \n`;
  return { answer: "skip", told: has("s") ? asked : `${asked}Skipping patch.\n` };
}

function isExecutable(files: OwnFiles, path: string): boolean {
  return ((files.look(path, true)?.mode ?? 0) & 0o100) !== 0;
}

/** Whether a side of a difference is no file: diff -N gives it the first time that there is. */
function isNothing(name: string, head: string): boolean {
  return name === "/dev/null" || /\t(?:1970-01-01|1969-12-31) /.test(head);
}

/** The first of the names that is there; else the one of the file that is made. Without `strip` the folders are left out. */
function pathOf(
  { old, now, heads, told }: FilePatch,
  strip: number | undefined,
  isThere: (path: string) => boolean,
): string | undefined {
  const [from, to] = [stripped(old, strip), stripped(now, strip)];
  const there = [from, to].find((name) => name !== undefined && isThere(name));
  if (there !== undefined) return there;
  if (told[0] === "file" || isNothing(old, heads[0])) return to;
  return told[1] === "file" || isNothing(now, heads[1]) ? from : undefined;
}

function stripped(name: string, strip: number | undefined): string | undefined {
  if (name === "/dev/null") return undefined;
  const parts = name.split(/\/+/);
  if (strip === undefined) return parts.at(-1);
  return strip < parts.length ? parts.slice(strip).join("/") : undefined;
}

function reversed(given: FilePatch): FilePatch {
  const { old, now, heads, told, modes, hunks } = given;
  const sign: Readonly<Record<string, string>> = { "+": "-", "-": "+", " ": " " };
  return {
    ...given,
    old: now,
    now: old,
    heads: [heads[1].replace(/^\+\+\+/, "---"), heads[0].replace(/^---/, "+++")],
    told: [told[1], told[0]],
    modes: [modes[1], modes[0]],
    hunks: hunks.map(({ from, to, title, lines }) => ({
      from: to,
      to: from,
      title,
      lines: oldFirst(lines.map(([each, text]) => [sign[each] as string, text] as const)),
    })),
  };
}

/** A hunk's lines with what is taken in front of what is put there. */
function oldFirst(lines: Hunk["lines"]): Hunk["lines"] {
  const ordered: Hunk["lines"][number][] = [];
  let put: Hunk["lines"][number][] = [];
  for (const each of lines) {
    if (each[0] === "+") put.push(each);
    else if (each[0] === "-") ordered.push(each);
    else {
      ordered.push(...put, each);
      put = [];
    }
  }
  return [...ordered, ...put];
}

const hunkHead = /^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@/;
const unquoted = (name: string) => name.replaceAll(/^"|"$/g, "");
const nameOf = (line: string) =>
  unquoted(/^[-+]{3} ("(?:[^"\\]|\\.)*"|[^\t\n]*?)(?:\t.*| \d{4}-\d\d-\d\d .*)?$/.exec(line)?.[1] ?? "");

/** What the lines of `git diff` in front of a file's hunks say of it. */
interface GitHead {
  readonly names: readonly [old: string, now: string] | undefined;
  readonly told: [old: Emptiness, now: Emptiness];
  readonly modes: [old: boolean | undefined, now: boolean | undefined];
  /** Something is said that is done without a hunk. */
  isExtended: boolean;
}

/** Takes one more line of `git diff` into account. Throws OptionFault for what is not done here. */
function readGitLine(git: GitHead, line: string): void {
  const renamed = /^(?:rename|copy) (?:from|to) /.exec(line)?.[0];
  if (renamed !== undefined)
    throw new OptionFault(
      `\`git diff\` of a file that was renamed or copied is not known; \`git diff --no-renames\` tells of two files`,
    );
  const [, what, mode] = /^(old|new|deleted file|new file) mode 100(\d{3})/.exec(line) ?? [];
  if (what === undefined) {
    const [, ...names] = /^index ([\da-f]+)\.\.([\da-f]+)/.exec(line) ?? [];
    if (names.length === 0) return;
    git.isExtended = true;
    for (const side of [0, 1] as const) {
      const name = names[side] as string;
      git.told[side] = /^0+$/.test(name) ? "file" : emptyBlob.startsWith(name) ? "perhaps" : "no";
    }
    return;
  }
  git.isExtended = true;
  const isNew = what.startsWith("new");
  git.modes[isNew ? 1 : 0] = mode === "755";
  if (what.endsWith("file")) git.told[isNew ? 0 : 1] = "file";
}

/** What git calls an empty file's content. */
const emptyBlob = "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391";
const noGit = { told: ["no", "no"], modes: [undefined, undefined] } as const;
const isCrLf = (line: string | undefined) => line?.endsWith("\r\n") === true;

/**
 * The files of a patch. A carriage return at the end of a file's last line in front of its hunks is no part of the file, and then the same is taken from the end of each line of them, but not with `keepsCrs`. Throws OptionFault for a hunk
 * that is cut short.
 */
function patchesIn(text: string, keepsCrs: boolean): FilePatch[] {
  const lines = text.split(/(?<=\n)/);
  const bare = (at: number) => (lines[at] ?? "").replace(/\r*\n$/, "");
  const patches: FilePatch[] = [];
  let git: GitHead | undefined;
  /** What `git diff` tells of a file that it has no hunks of. */
  const endGit = (isBinary = false) => {
    if (git?.names !== undefined && (git.isExtended || isBinary)) {
      const [old, now] = git.names;
      const { told, modes } = git;
      const heads = [`--- ${old}`, `+++ ${now}`] as const;
      patches.push({ old, now, heads, isGit: true, told, modes, isStripped: false, isBinary, hunks: [] });
    }
    git = undefined;
  };
  for (let at = 0; at < lines.length;) {
    const line = bare(at);
    if (line.startsWith("diff --git ")) {
      endGit();
      const [, old, now] = /^diff --git ("(?:[^"\\]|\\.)*"|\S+) ("(?:[^"\\]|\\.)*"|\S+)\s*$/.exec(line) ?? [];
      git = {
        names: old === undefined || now === undefined ? undefined : [unquoted(old), unquoted(now)],
        told: ["no", "no"],
        modes: [undefined, undefined],
        isExtended: false,
      };
    } else if (git !== undefined) readGitLine(git, line);
    if (line === "GIT binary patch") endGit(true);
    if (!line.startsWith("--- ") || !bare(at + 1).startsWith("+++ ")) {
      at++;
      continue;
    }
    const heads = [line, bare(at + 1)] as const;
    const [old, now] = [nameOf(heads[0]), nameOf(heads[1])];
    const isStripped = isCrLf(lines[at + 1]) && !keepsCrs;
    const lineAt = (place: number) => (isStripped ? lines[place]?.replace(/\r\n$/, "\n") : lines[place]);
    at += 2;
    const hunks: Hunk[] = [];
    for (let head = hunkHead.exec(bare(at)); head !== null; head = hunkHead.exec(bare(at))) {
      const [whole, from, fromCount = "1", to, toCount = "1"] = head;
      const title = /^ [^\n]*/.exec((lineAt(at) ?? "").slice(whole.length))?.[0] ?? "";
      let [olds, news] = [Number(fromCount), Number(toCount)];
      const body: [string, string][] = [];
      at++;
      while (olds > 0 || news > 0) {
        const next = lineAt(at);
        if (next === undefined) throw new OptionFault(`**** malformed patch at line ${at}: its last hunk is cut short`);
        const sign = next === "\n" ? " " : (next[0] as string);
        if (!" +-\\".includes(sign)) throw new OptionFault(`**** malformed patch at line ${at + 1}: ${next.trimEnd()}`);
        at++;
        if (sign === "\\") continue;
        body.push([sign, next === "\n" ? next : next.slice(1)]);
        if (sign !== "+") olds--;
        if (sign !== "-") news--;
        if (lines[at]?.startsWith("\\") === true) body.push([sign, (body.pop()?.[1] ?? "").replace(/\n$/, "")]);
      }
      if (lines[at]?.startsWith("\\") === true) at++;
      hunks.push({ from: Number(from), to: Number(to), title, lines: body });
    }
    const { told, modes } = git ?? noGit;
    patches.push({ old, now, heads, isGit: git !== undefined, told, modes, isStripped, isBinary: false, hunks });
    git = undefined;
  }
  endGit();
  return patches;
}

interface Patched {
  readonly text: string;
  readonly told: readonly string[];
  /** By the hunk's number from 0, how many lines more there were at its place by then. */
  readonly failed: ReadonlyMap<number, number>;
  readonly isInexact: boolean;
}

function patched(before: string, given: FilePatch, fuzzMax: number): Patched {
  const { hunks } = given;
  const lines = linesOf(before);
  /** What makes a file is put in front of nothing. */
  const isMade = lines.length > 0 && emptiness(given, "old") === "file";
  const out: string[] = [];
  const told: string[] = [];
  const failed = new Map<number, number>();
  let isInexact = false;
  let [done, shift] = [0, 0];
  for (const [number, hunk] of hunks.entries()) {
    const found = placed(lines, hunk, done, shift, fuzzMax);
    if (found === undefined || (isMade && found.at === 0)) {
      const added = addedIn(out, done);
      failed.set(number, added);
      isInexact = true;
      const place = firstOf(hunk) + 1 + added;
      const differs = hasOtherEnds(lines, hunk, place) ? " (different line endings)" : "";
      told.push(`Hunk #${number + 1} FAILED at ${place}${differs}.`);
      continue;
    }
    const { at, fuzz, head, tail } = found;
    const wanted = firstOf(hunk) + head;
    const offset = at - wanted;
    if (fuzz > 0 || offset !== shift || offset !== 0) {
      const far = offset === 0 ? "" : ` (offset ${offset} line${offset === 1 ? "" : "s"})`;
      const how = fuzz === 0 ? "" : ` with fuzz ${fuzz}`;
      told.push(`Hunk #${number + 1} succeeded at ${at - head + 1 + addedIn(out, done)}${how}${far}.`);
      isInexact = true;
    }
    shift = offset;
    out.push(...lines.slice(done, at));
    let from = at;
    for (const [sign, text] of hunk.lines.slice(head, hunk.lines.length - tail)) {
      if (sign === "+") out.push(text);
      else if (sign === "-") from++;
      else out.push(lines[from++] as string);
    }
    done = from;
  }
  return { text: out.concat(lines.slice(done)).join(""), told, failed, isInexact };
}

function linesOf(text: string): readonly string[] {
  return text === "" ? [] : text.split(/(?<=\n)/);
}

/** How many lines more were put out than were taken. */
const addedIn = (out: readonly string[], done: number) => out.length - done;

/** The line that a hunk begins at, from 0; one that takes none stands behind that line. */
function firstOf(hunk: Hunk): number {
  return takesNothing(hunk) ? hunk.from : hunk.from - 1;
}

const takesNothing = ({ lines }: Hunk) => lines.every(([sign]) => sign === "+");

/** Whether a hunk's first line has a carriage return at its end, and the file's at that place none, or the other way round. */
function hasOtherEnds(lines: readonly string[], { lines: body }: Hunk, place: number): boolean {
  const first = body.find(([sign]) => sign !== "+")?.[1];
  const there = lines[Math.min(place, lines.length) - 1];
  return there !== undefined && isCrLf(first) !== isCrLf(there);
}

const isContext = ([sign]: readonly [string, string]) => sign === " ";

/** How many lines of context a hunk begins and ends with. */
function aroundOf({ lines }: Hunk): { readonly before: number; readonly after: number; readonly context: number } {
  const leading = lines.findIndex((each) => !isContext(each));
  const before = leading < 0 ? lines.length : leading;
  const after = lines.length - 1 - lines.findLastIndex((each) => !isContext(each));
  return { before, after, context: Math.max(before, after) };
}

interface Place {
  /** From 0. */
  readonly at: number;
  readonly fuzz: number;
  /** Lines of the hunk that are left out at its ends. */
  readonly head: number;
  readonly tail: number;
}

/** Where a hunk fits, nearest to its place, with as few lines left out around it as it takes. */
function placed(lines: readonly string[], hunk: Hunk, done: number, shift: number, fuzzMax: number): Place | undefined {
  for (let fuzz = 0; fuzz <= Math.min(fuzzMax, aroundOf(hunk).context); fuzz++) {
    const place = placedWith(lines, hunk, done, shift, fuzz);
    if (place !== undefined) return place;
  }
  return undefined;
}

function placedWith(
  lines: readonly string[],
  hunk: Hunk,
  done: number,
  shift: number,
  fuzz: number,
): Place | undefined {
  const { before, after, context } = aroundOf(hunk);
  const guess = firstOf(hunk) + shift;
  // What takes nothing fits wherever it says, at the end where there is nothing.
  if (takesNothing(hunk)) return guess >= done ? { at: guess, fuzz, head: 0, tail: 0 } : undefined;
  const pattern = hunk.lines.filter(([sign]) => sign !== "+");
  // Less than none is left out at an end that has less around it than the other: there the file begins, or ends.
  const [head, tail] = [fuzz + before - context, fuzz + after - context];
  const left = { head: Math.max(0, head), tail: Math.max(0, tail) };
  const placeAt = (where: number): Place | undefined => {
    const wanted = pattern.slice(left.head, pattern.length - left.tail);
    const at = where + left.head;
    return wanted.every(([, text], next) => lines[at + next] === text) ? { at, fuzz, ...left } : undefined;
  };
  const last = lines.length - (pattern.length - tail);
  if (head < 0 && hunk.from <= 1) return done <= before && last >= 0 ? placeAt(0) : undefined;
  if (tail < 0) {
    const where = lines.length - pattern.length;
    return where >= done ? placeAt(where) : undefined;
  }
  for (let away = Math.max(0, guess - last, done - guess); away <= Math.max(last - guess, guess - done); away++) {
    const place =
      (guess + away <= last ? placeAt(guess + away) : undefined) ??
      (guess - away >= done ? placeAt(guess - away) : undefined);
    if (place !== undefined) return place;
  }
  return undefined;
}

const count = (lines: Hunk["lines"], sign: string) => lines.filter(([each]) => each !== sign).length;
const range = (from: number, lines: number) => (lines === 1 ? String(from) : `${from},${lines}`);

function rejectsOf(given: FilePatch, hunks: readonly Hunk[], strip: number | undefined): string {
  const { old, now, heads, isGit } = given;
  const names = [old, now].map((name, at) => {
    // GNU patch has both names of such a patch from its first line.
    const shown = isGit && name === "/dev/null" ? (at === 0 ? now : old) : name;
    return (heads[at] as string).replace(name, () => stripped(shown, strip) ?? shown);
  });
  const texts = hunks.map(({ from, to, title, lines }) => {
    const head = `@@ -${range(from, count(lines, "+"))} +${range(to, count(lines, "-"))} @@${title}\n`;
    return (
      head +
      lines
        .map(([sign, text]) => (text.endsWith("\n") ? sign + text : `${sign}${text}\n\\ No newline at end of file\n`))
        .join("")
    );
  });
  return `${names.join("\n")}\n${texts.join("")}`;
}
