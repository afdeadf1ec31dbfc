/**
 * Calls that the WebAssembly builds of grep, sed and find answer as the native ones do. These builds are fast and know little: what they don't know they partly get wrong without a word, so a call is plain only where all of it
 * stands in a list here, and only over plain text: these builds drop the CR of a line, end with 1 at the first byte that is no UTF-8, or trap there (tests/tools/plain-call.test.ts compares random plain calls with the native commands). All others are for the script of the same name (known-tools.ts).
 */

export interface PlainCall {
  /** Operands, as they stand in argv; the call is plain only if each is there. */
  readonly paths: readonly string[];
  /** Whether they, or stdin where there are none, are read: then they must be regular files of plain text. Of a folder these builds say nothing. Else they are searched, and no symlink and no name but plain ones may be in them. */
  readonly readsText: boolean;
}

/** Whether bytes, a char each, are text of which nothing can be read in two ways: printable ASCII in lines that are each ended. */
export function isPlainText(text: string): boolean {
  return (text === "" || text.endsWith("\n")) && !/[^\t\n -~]/.test(text);
}

/** Whether a name is of characters that are a byte each. */
export function isPlainName(name: string): boolean {
  return printable.test(name);
}

const counts = /^-?\d{1,9}$/;

/** Whether a call that is plain, and reads plain text, prints plain text: names of files are printed, and what sed puts in. */
export function printsPlain([name, ...words]: readonly string[]): boolean {
  return name === "sort" || (name !== "find" && words.every((each) => printable.test(each)));
}

/** Whether a call of the well-known command of that name reads its stdin alone, and prints plain text where that is plain text. */
export function passesPlain([name, ...words]: readonly string[]): boolean {
  switch (name ?? "") {
    case "cat":
      return words.length === 0;
    case "uniq":
      return words.every((each) => /^-[cdui]+$/.test(each));
    case "head":
    case "tail":
      if (words.length === 2) return words[0] === "-n" && counts.test(words[1] as string);
      return words.length === 0 || (words.length === 1 && /^-n?\d{1,9}$/.test(words[0] as string));
    default:
      return false;
  }
}

/** What a call needs of the tree to be plain; undefined when it is not, whatever the tree holds. */
export function plainCall(argv: readonly string[]): PlainCall | undefined {
  const [name, ...words] = argv;
  switch (name ?? "") {
    case "grep":
    case "egrep":
    case "fgrep":
      return plainGrep(name as string, words);
    case "sed":
      return plainSed(words);
    case "find":
      return plainFind(words);
    case "sort":
      return plainSort(words);
    default:
      return undefined;
  }
}

/** Characters that mean themselves in regular expressions of every kind. */
const literal = String.raw`[\w ,:;=<>"'@#%&~!/-]`;
const anchored = new RegExp(`^\\^?${literal}*\\$?$`);
const printable = /^[ -~]*$/;
const word = /^\w+$/;
const grepFlags = /^-[cinqvwxEF]+$/;

function plainGrep(name: string, words: readonly string[]): PlainCall | undefined {
  const patterns: string[] = [];
  const operands: string[] = [];
  let flags = name === "fgrep" ? "F" : name === "egrep" ? "E" : "";
  for (let at = 0; at < words.length; at++) {
    const each = words[at] as string;
    if (each === "--") {
      operands.push(...words.slice(at + 1));
      break;
    }
    if (grepFlags.test(each)) flags += each.slice(1);
    else if (each === "-e" && at + 1 < words.length) patterns.push(words[++at] as string);
    else if (each === "-m" && /^[1-9]\d{0,8}$/.test(words[at + 1] ?? "")) at++;
    else if (each.startsWith("-")) return undefined;
    else operands.push(each);
  }
  if (patterns.length === 0) {
    const first = operands.shift();
    if (first === undefined) return undefined;
    patterns.push(first);
  }
  const has = (...both: readonly string[]) => both.every((flag) => flags.includes(flag));
  // Lines are matched as words alone then, and patterns of two kinds are an error.
  if (has("w", "x") || has("E", "F")) return undefined;
  const shape = flags.includes("w") ? word : flags.includes("F") ? printable : anchored;
  if (!patterns.every((each) => shape.test(each))) return undefined;
  return { paths: operands, readsText: true };
}

/** A regular expression of the basic kind without what only one of its kinds knows: no escapes, groups, counts or alternatives. */
const atom = String.raw`(?:[\w ,:;=<>"'@#%&~!-]|\.|\[\^?[\w ]+\])`;
const expression = String.raw`\^?(?:${atom}\*?)*\$?`;
const address = String.raw`(?:[1-9]\d{0,8}|\$|/${literal.replace("/", "")}+/)`;
/** Flags of a substitution in any order, each once: which match, whether it is printed, and case. */
const flagOrders = ["WPI", "WIP", "PWI", "PIW", "IWP", "IPW"]
  .map((order) => order.replace("W", "(?:g|[1-9])?").replace("P", "p?").replace("I", "I?"))
  .join("|");
const substitution = ["/", ",", "#"]
  .map(
    (mark) => `s${mark}(?!${mark})${expression.replaceAll(mark, "")}${mark}[^\\\\\n${mark}]*${mark}(?:${flagOrders})`,
  )
  .join("|");
/** Commands that take a range, and those that take one line. */
const ofRange = new RegExp(`^ *(?:${address}(?:,${address})?)? *(?:[pd]|${substitution}) *$`);
const ofLine = new RegExp(`^ *(?:${address})? *[q=] *$`);

const printing = /[p=]\w* *$/;

function plainSed(words: readonly string[]): PlainCall | undefined {
  const scripts: string[] = [];
  const operands: string[] = [];
  let isQuiet = false;
  let isExtended = false;
  for (let at = 0; at < words.length; at++) {
    const each = words[at] as string;
    if (each === "-n") isQuiet = true;
    else if ((each === "-E" || each === "-r") && !isExtended) isExtended = true;
    else if (each === "-e" && at + 1 < words.length) scripts.push(words[++at] as string);
    else if (each.startsWith("-")) return undefined;
    else operands.push(each);
  }
  if (scripts.length === 0) {
    const first = operands.shift();
    if (first === undefined) return undefined;
    scripts.push(first);
  }
  // A semicolon within a substitution splits it, and then neither half is a command.
  const commands = scripts.flatMap((script) => script.split(";"));
  const isSingle = commands.length === 1;
  if (!commands.every((each) => ofRange.test(each) || (isSingle && ofLine.test(each)))) return undefined;
  // A last line that nothing ends is printed wrong the second time, and so is what follows it from another file.
  const printsOnce = commands.every((each) => !printing.test(each)) || (isQuiet && isSingle);
  return printsOnce && operands.length < 2 ? { paths: operands, readsText: true } : undefined;
}

/** Options of sort: one letter's order, or keys with orders of their own. */
const sortFlags = /^-(?:[nr]{1,2}|[ru]{1,2}|s|f|b)$/;
/** From the first field to the line's end nothing is reversed. */
const sortKey = /^(?!1n?r$)[1-9]\d?(?:,[1-9]\d?)?n?r?$/;

function plainSort(words: readonly string[]): PlainCall | undefined {
  const operands: string[] = [];
  for (let at = 0; at < words.length; at++) {
    const each = words[at] as string;
    const key = /^-k(.*)$/.exec(each)?.[1];
    const mark = /^-t(.*)$/.exec(each)?.[1];
    if (key !== undefined) {
      if (!sortKey.test(key === "" ? (words[++at] ?? "") : key)) return undefined;
    } else if (mark !== undefined) {
      if (!/^[,:;|/ ]$/.test(mark === "" ? (words[++at] ?? "") : mark)) return undefined;
    } else if (each.startsWith("-")) {
      if (!sortFlags.test(each)) return undefined;
    } else operands.push(each);
  }
  return { paths: operands, readsText: true };
}

const glob = /^(?:[\w .*?,:=@#%&~-]|\[(?:\w-\w|\w)+\])+$/;

/** Whether a glob is one of which all is known here. The builds pass over the folder `.` that they start from, so it must match no name of one character that may be that. */
function isPlainGlob(text: string): boolean {
  const withoutStars = text.replaceAll("*", "");
  return glob.test(text) && !["", ".", "?"].includes(withoutStars);
}

function plainFind(words: readonly string[]): PlainCall | undefined {
  const start = words.findIndex((each) => /^[-!(]/.test(each));
  const operands = start < 0 ? words : words.slice(0, start);
  if (operands.some((each) => each.endsWith("/") || each === "" || !isPlainName(each))) return undefined;
  const tests = start < 0 ? [] : words.slice(start);
  for (let at = 0; at < tests.length; at++) {
    switch (tests[at] as string) {
      case "-name":
      case "-iname":
        if (!isPlainGlob(tests[++at] ?? "")) return undefined;
        break;
      case "-type":
        if (!/^[dfl]$/.test(tests[++at] ?? "")) return undefined;
        break;
      case "-maxdepth":
      case "-mindepth":
        // Anywhere but in front, native ones apply it to all that stands before.
        if (!/^\d{1,4}$/.test(tests[at + 1] ?? "") || at > 2) return undefined;
        at++;
        break;
      case "-print":
        if (at !== tests.length - 1) return undefined;
        break;
      default:
        return undefined;
    }
  }
  return { paths: operands.length === 0 ? ["."] : operands, readsText: false };
}
