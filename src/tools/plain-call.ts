/**
 * Calls that the WebAssembly builds of grep and sed answer as the native ones do. These builds are fast and know little: what they don't know they partly get wrong without a word, so a call is plain only where all of it
 * stands in a list here (tests/tools/plain-call.test.ts compares random plain calls with the native commands). All others are for the script of the same name (known-tools.ts).
 */

export interface PlainCall {
  /**
   * Operands, as they stand in argv; without any the command reads stdin. The call is plain only if each is a regular file, since of a folder these builds say nothing, and if no NUL is in what is read, since they know
   * no binary files.
   */
  readonly paths: readonly string[];
}

/** What a call needs of the tree to be plain; undefined when it is not, whatever the tree holds. */
export function plainCall(argv: readonly string[]): PlainCall | undefined {
  const [name, ...words] = argv;
  switch (name ?? "") {
    case "grep":
    case "egrep":
    case "fgrep":
      return plainGrep(words, name === "fgrep");
    case "sed":
      return plainSed(words);
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

function plainGrep(words: readonly string[], isFixed: boolean): PlainCall | undefined {
  const patterns: string[] = [];
  const operands: string[] = [];
  let flags = isFixed ? "F" : "";
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
  const shape = flags.includes("w") ? word : flags.includes("F") ? printable : anchored;
  if (!patterns.every((each) => shape.test(each))) return undefined;
  return { paths: operands };
}

/** A regular expression of the basic kind without what only one of its kinds knows: no escapes, groups, counts or alternatives. */
const atom = String.raw`(?:[\w ,:;=<>"'@#%&~!-]|\.|\[\^?[\w ]+\])`;
const expression = String.raw`\^?(?:${atom}\*?)*\$?`;
const address = String.raw`(?:[1-9]\d{0,8}|\$|/${literal.replace("/", "")}+/)`;
const substitution = ["/", ",", "#"]
  .map((mark) => `s${mark}(?!${mark})${expression.replaceAll(mark, "")}${mark}[^\\\\\n${mark}]*${mark}(?:[gpI]|[1-9])*`)
  .join("|");
/** Commands that take a range, and those that take one line. */
const ofRange = new RegExp(`^ *(?:${address}(?:,${address})?)? *(?:[pd]|${substitution}) *$`);
const ofLine = new RegExp(`^ *(?:${address})? *[q=] *$`);

const printing = /[p=]\w* *$/;

function plainSed(words: readonly string[]): PlainCall | undefined {
  const scripts: string[] = [];
  const operands: string[] = [];
  let isQuiet = false;
  for (let at = 0; at < words.length; at++) {
    const each = words[at] as string;
    if (each === "-n") isQuiet = true;
    else if (each === "-E" || each === "-r") continue;
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
  return printsOnce && operands.length < 2 ? { paths: operands } : undefined;
}
