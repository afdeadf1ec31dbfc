/** tac, as GNU's: the records of each file from the last to the first. */
import type { OwnCall, OwnEnded } from "./call.ts";
import { OptionFault, readWords, type Known } from "./options.ts";
import { fromEmacs } from "./emacs-regex.ts";
import { regexOf } from "./regex.ts";

const known: Known = {
  flags: "br",
  valued: "s",
  long: { before: "b", regex: "r", "separator=": "s" },
};

/** Where a separator begins and ends. */
type Span = readonly [from: number, to: number];

/** Throws RegexFault. */
export function tac({ args, files, stdin }: OwnCall): OwnEnded {
  try {
    const { operands, has, value } = readWords(args, known);
    const separator = value("s") ?? "\n";
    if (separator === "" && has("r")) throw new OptionFault("separator cannot be empty");
    // Without a separator's bytes it is a NUL, as GNU's has it.
    const spansOf = has("r") ? matchesOf(separator) : placesOf(separator === "" ? "\0" : separator);
    const stdout: string[] = [];
    let stderr = "";
    for (const path of operands.length === 0 ? ["-"] : operands) {
      const text = path === "-" ? stdin() : files.text(path);
      if (text !== undefined) pushReversed(stdout, text, spansOf(text), has("b"));
      else if (files.look(path, true) === undefined)
        stderr += `tac: failed to open '${path}' for reading: No such file or directory\n`;
      else stderr += `tac: ${path}: read error: Is a directory\n`;
    }
    return { stdout: stdout.join(""), stderr, exitCode: stderr === "" ? 0 : 1 };
  } catch (error) {
    if (!(error instanceof OptionFault)) throw error;
    return { stdout: "", stderr: `tac: ${error.message}\n`, exitCode: 1 };
  }
}

/** The separators come from the last to the first. A record ends with its own, or begins with it. */
function pushReversed(out: string[], text: string, spans: Iterable<Span>, isBefore: boolean): void {
  let end = text.length;
  for (const [from, to] of spans) {
    const cut = isBefore ? from : to;
    out.push(text.slice(cut, end));
    end = cut;
  }
  out.push(text.slice(0, end));
}

function placesOf(separator: string): (text: string) => Iterable<Span> {
  return function* spans(text) {
    let end = text.length;
    while (end >= separator.length) {
      const from = text.lastIndexOf(separator, end - separator.length);
      if (from < 0) return;
      yield [from, from + separator.length];
      end = from;
    }
  };
}

/** Looked for from the end: the match that begins last, and of those that begin there the longest that ends in front of the one found before. */
function matchesOf(pattern: string): (text: string) => Iterable<Span> {
  const regex = regexOf(fromEmacs(pattern, false), { isExtended: false, isMultiline: true, brackets: "emacs" });
  return function* spans(text) {
    const begins: number[] = [];
    for (let found = regex.find(text); found !== undefined;) {
      const [from] = found as readonly [number, number];
      begins.push(from);
      found = from + 1 < text.length ? regex.find(text, from + 1) : undefined;
    }
    let end = text.length;
    for (const from of begins.toReversed()) {
      const [begin, to] = (regex.find(text.slice(0, end), from) ?? []) as Partial<Span>;
      if (begin !== from || to === undefined) continue;
      yield [from, to];
      end = from;
    }
  };
}
