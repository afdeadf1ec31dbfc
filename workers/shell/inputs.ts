/**
 * What is known of tools without running them: whether they read their stdin, and whether they see nothing but it. Both are about the well-known commands of these names, and only say yes where the arguments leave no
 * doubt.
 */

/** How a command's operands are counted: options that take a value, options that stand for the first operand, and how many operands come before files. */
interface Usage {
  readonly values: string;
  readonly instead?: RegExp;
  readonly before: number;
}

const usages: Readonly<Record<string, Usage>> = {
  awk: { values: "Fvf", instead: /^-f/, before: 1 },
  base64: { values: "w", before: 0 },
  cat: { values: "", before: 0 },
  cksum: { values: "", before: 0 },
  comm: { values: "", before: 0 },
  cut: { values: "bcdf", before: 0 },
  expand: { values: "t", before: 0 },
  fmt: { values: "gpw", before: 0 },
  fold: { values: "w", before: 0 },
  gawk: { values: "Fvf", instead: /^-f/, before: 1 },
  grep: { values: "efmABCdD", instead: /^-[a-zA-Z]*[ef]/, before: 1 },
  hd: { values: "ns", before: 0 },
  head: { values: "cn", before: 0 },
  hexdump: { values: "ns", before: 0 },
  jq: { values: "fL", instead: /^-f/, before: 1 },
  md5sum: { values: "", before: 0 },
  nl: { values: "bdfhilnsvw", before: 0 },
  od: { values: "AjNStw", before: 0 },
  paste: { values: "d", before: 0 },
  // Its first operand is what it changes, the second one the patch.
  patch: { values: "BDFVYdgioprz", before: 1 },
  rev: { values: "", before: 0 },
  sed: { values: "efl", instead: /^-[a-zA-Z]*[ef]/, before: 1 },
  sha1sum: { values: "", before: 0 },
  sha256sum: { values: "", before: 0 },
  sha512sum: { values: "", before: 0 },
  sort: { values: "kotST", before: 0 },
  split: { values: "abCln", before: 0 },
  tac: { values: "s", before: 0 },
  tail: { values: "cns", before: 0 },
  unexpand: { values: "t", before: 0 },
  uniq: { values: "fsw", before: 0 },
  wc: { values: "", before: 0 },
  xxd: { values: "cglnos", before: 0 },
};
for (const [name, like] of [
  ["egrep", "grep"],
  ["fgrep", "grep"],
] as const) {
  (usages as Record<string, Usage>)[name] = usages[like] as Usage;
}

/** Commands that never read their stdin. */
const deaf = new Set(
  "arch basename chmod chown cp date dirname du echo expr factor false file find hostname id link ln ls mkdir mktemp mv nproc printenv printf pwd readlink realpath rm rmdir seq stat test touch true uname unlink which whoami [".split(
    " ",
  ),
);

/** A well-known filter that does nothing but read stdin and write stdout when it has no files. */
const filters = new Set(
  "base64 cat cksum cut egrep expand fgrep fmt fold gawk awk grep hd head hexdump md5sum nl od rev sed sha1sum sha256sum sha512sum sort tac tail tr unexpand uniq wc xxd".split(
    " ",
  ),
);

/** Long options of grep and sed whose value is the next word. */
const longWithValue =
  /^--(?:regexp|expression|file|max-count|(?:after-|before-)?context|include|exclude|exclude-dir|exclude-from|label|group-separator|directories|devices|binary-files)$/;

/** The operands, and whether an option stands for the first of them. */
function operandsOf(args: readonly string[], { values, instead }: Usage): { operands: string[]; given: boolean } {
  const operands: string[] = [];
  let given = false;
  for (let at = 0; at < args.length; at++) {
    const arg = args[at] as string;
    if (arg === "--") return { operands: [...operands, ...args.slice(at + 1)], given };
    if (!arg.startsWith("-") || arg === "-") {
      operands.push(arg);
      continue;
    }
    if (instead?.test(arg) === true || /^--(regexp|expression|file)\b/.test(arg)) given = true;
    if (longWithValue.test(arg)) at++;
    // Of `-n5` the value is there, of `-n 5` it comes next, and so it does for the last letter of `-rn 5`.
    let first = 1;
    while (first < arg.length && !values.includes(arg.charAt(first))) first++;
    if (!arg.startsWith("--") && first === arg.length - 1) at++;
  }
  return { operands, given };
}

/**
 * Whether a command may read its stdin. `own` says that a pipe or redirection gives it to this command alone: then one that is not known may. Of a stdin that is shared with others, as in a loop, it is thought to
 * take nothing when it has operands and none of them is `-`.
 */
export function readsStdin(name: string, args: readonly string[], own: boolean): boolean {
  if (deaf.has(name)) return false;
  if (own && args.some((arg) => arg === "-" || arg.endsWith("/dev/stdin"))) return true;
  if (name === "patch" && args.some((arg) => /^(?:-[a-zA-Z]*i|--input)/.test(arg))) return args.includes("-");
  if (name === "dd") return !args.some((arg) => arg.startsWith("if=") && arg !== "if=/dev/stdin");
  const usage = usages[name];
  if (usage === undefined)
    return own || name === "tr" || name === "tee" || args.includes("-") || args.every((arg) => arg.startsWith("-"));
  const { operands, given } = operandsOf(args, usage);
  const files = operands.slice(given ? 0 : usage.before);
  const walks = usage === usages["grep"] && args.some((arg) => /^-[a-zA-Z]*[rR]|^--(dereference-)?recursive/.test(arg));
  return files.includes("-") || files.includes("/dev/stdin") || (files.length === 0 && !walks);
}

/** Whether a command sees nothing but its arguments, its environment and its stdin, and so has the same result over the empty tree. */
export function isFilter(name: string, args: readonly string[]): boolean {
  if (!filters.has(name)) return false;
  if (name === "tr") return true;
  const usage = usages[name] as Usage;
  const { operands, given } = operandsOf(args, usage);
  if (operands.length > (given ? 0 : usage.before)) return false;
  // Options that name files, in any spelling that they have.
  if (args.some((arg) => /^--[a-z-]*(file|from|dir|output|recursive|include|in-place|check)/.test(arg))) return false;
  const letters = args.filter((arg) => /^-[^-]/.test(arg)).join("");
  switch (name) {
    case "sort":
      return !/[oT]/.test(letters);
    case "grep":
    case "egrep":
    case "fgrep":
      return !/[frRd]/.test(letters);
    case "sed":
      return args.every(isPlainEdit);
    case "awk":
    case "gawk":
      return args.every((arg) => !/^-[^Fv]|^--|getline|system|ARG|[>|@]/.test(arg));
    case "md5sum":
    case "sha1sum":
    case "sha256sum":
    case "sha512sum":
    case "cksum":
      return !/c/.test(letters);
    default:
      return true;
  }
}

/** A sed script of substitutions, `p`, `d` and `q` with numbers before them: none that could name a file. */
function isPlainEdit(arg: string): boolean {
  if (/^-[nErsuz]+$/.test(arg) || arg === "-e") return true;
  return arg
    .split(";")
    .every((one) =>
      /^ *(?:\d+|\$)?(?:,(?:\d+|\$))?(?:[pdq]|s([/|#,])(?:(?!\1)[^\\]|\\.)*\1(?:(?!\1)[^\\]|\\.)*\1[gipI0-9]*) *$/.test(
        one,
      ),
    );
}
