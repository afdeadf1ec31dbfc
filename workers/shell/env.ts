/** `env`: another environment, folder or command line for a command, as GNU's does it, `-S` for first lines of scripts included. */
import { ended, type Call, type Ended } from "./call.ts";

/** What `-S` makes of a letter after a backslash, outside of single quotes. */
const escapes: ReadonlyMap<string, string> = new Map([
  ["f", "\f"],
  ["n", "\n"],
  ["r", "\r"],
  ["t", "\t"],
  ["v", "\v"],
  ...["#", "$", '"', "'", "\\"].map((char): [string, string] => [char, char]),
]);

/** `env [-i] [-0] [-u NAME] [-C DIR] [-S TEXT] [NAME=VALUE …] [COMMAND …]`. */
export async function env({ args, env: inherited, cwd, stdin, spawn, files }: Call): Promise<Ended> {
  const left = [...args];
  const unset: string[] = [];
  let isEmptied = false;
  let end = "\n";
  let folder: string | undefined;
  for (let arg = left[0]; arg !== undefined && arg.startsWith("-"); arg = left[0]) {
    left.shift();
    if (arg === "--") break;
    if (arg === "-") isEmptied = true;
    const option = arg === "-" ? undefined : optionOf(arg, left);
    if (typeof option === "string") return misused(option);
    for (const { letter, value } of option ?? []) {
      if (letter === "i") isEmptied = true;
      else if (letter === "0") end = "\0";
      else if (letter === "u") unset.push(value);
      else if (letter === "C") folder = value;
      else if (letter === "S") {
        const words = splitWords(value, inherited);
        if (typeof words === "string") return failed(words);
        left.unshift(...words);
      }
    }
  }
  const variables: Record<string, string> = isEmptied ? {} : { ...inherited };
  for (const name of unset) delete variables[name];
  for (let assignment = left[0]; assignment?.includes("="); assignment = left[0]) {
    const at = assignment.indexOf("=");
    variables[assignment.slice(0, at)] = assignment.slice(at + 1);
    left.shift();
  }
  if (left.length > 0) {
    if (end === "\0") return misused("cannot specify --null (-0) with command");
    const place = files.resolvePath(cwd, folder ?? "");
    if (folder !== undefined && files.look(place, true)?.isDirectory !== true) {
      const refusal = files.look(place, true) === undefined ? "No such file or directory" : "Not a directory";
      return failed(`cannot change directory to '${folder}': ${refusal}`);
    }
    return spawn(left, variables, place, stdin);
  }
  if (folder !== undefined) return misused("must specify command with --chdir (-C)");
  return ended(
    Object.entries(variables)
      .map(([name, value]) => `${name}=${value}${end}`)
      .join(""),
  );
}

function failed(message: string): Ended {
  return ended("", `env: ${message}\n`, 125);
}

function misused(message: string): Ended {
  return failed(`${message}\nTry 'env --help' for more information.`);
}

interface Option {
  readonly letter: string;
  readonly value: string;
}

const longOptions: Readonly<Record<string, string>> = {
  "ignore-environment": "i",
  null: "0",
  unset: "u",
  chdir: "C",
  "split-string": "S",
  debug: "v",
};

/** The options of an argument, values taken from `left` where they are the next one; or what is wrong with it. */
function optionOf(arg: string, left: string[]): readonly Option[] | string {
  if (arg.startsWith("--")) {
    const [name = "", given] = arg.slice(2).split(/=(.*)/s);
    const [known, other] = Object.keys(longOptions).filter((each) => each === name || each.startsWith(name));
    const letter = known === undefined || other !== undefined ? undefined : longOptions[known];
    if (letter === undefined) return `unrecognized option '${arg}'`;
    if (!"uCS".includes(letter)) return [{ letter, value: "" }];
    const value = given ?? left.shift();
    return value === undefined ? `option '--${known}' requires an argument` : [{ letter, value }];
  }
  const options: Option[] = [];
  for (let at = 1; at < arg.length; at++) {
    const letter = arg.charAt(at);
    if (!"i0vuCS".includes(letter)) return `invalid option -- '${letter}'`;
    if (!"uCS".includes(letter)) options.push({ letter, value: "" });
    else {
      const value = at + 1 < arg.length ? arg.slice(at + 1) : left.shift();
      if (value === undefined) return `option requires an argument -- '${letter}'`;
      return [...options, { letter, value }];
    }
  }
  return options;
}

/** The words of a text as `-S` splits it, or what is wrong with it: quotes hold words together, `${NAME}` is a variable, `#` begins a comment. */
function splitWords(text: string, variables: Readonly<Record<string, string>>): string[] | string {
  const words: string[] = [];
  let word: string | undefined;
  let quote = "";
  for (let at = 0; at < text.length; at++) {
    const char = text.charAt(at);
    if (quote === "'") {
      if (char === "'") quote = "";
      else if (char === "\\" && /[\\']/.test(text.charAt(at + 1))) word = (word ?? "") + text.charAt(++at);
      else word = (word ?? "") + char;
    } else if (char === quote) quote = "";
    else if (quote === "" && /['"]/.test(char)) {
      quote = char;
      word ??= "";
    } else if (quote === "" && /[ \t\n\v\f\r]/.test(char)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if (quote === "" && char === "#" && word === undefined) break;
    else if (char === "\\") {
      const next = text.charAt(++at);
      if (next === "c" && quote === "") break;
      if (next === "_" && quote === "") {
        if (word !== undefined) words.push(word);
        word = undefined;
      } else {
        const known = next === "_" ? " " : escapes.get(next);
        if (next === "") return "invalid backslash at end of string in -S";
        if (known === undefined)
          return next === "c"
            ? String.raw`'\c' must not appear in double-quoted -S string`
            : `invalid sequence '\\${next}' in -S`;
        word = (word ?? "") + known;
      }
    } else if (char === "$") {
      const [whole, name = ""] = /^\$\{([A-Za-z_]\w*)\}/.exec(text.slice(at)) ?? [];
      if (whole === undefined) return `only \${VARNAME} expansion is supported, error at: ${text.slice(at)}`;
      word = (word ?? "") + (variables[name] ?? "");
      at += whole.length - 1;
    } else word = (word ?? "") + char;
  }
  if (quote !== "") return "no terminating quote in -S string";
  if (word !== undefined) words.push(word);
  return words;
}
