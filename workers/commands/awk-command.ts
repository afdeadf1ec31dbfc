/** The words of awk's command line. */
import { awk } from "./awk.ts";
import { AwkFault } from "./awk-words.ts";
import type { OwnCall, OwnEnded } from "./call.ts";

const usage = "usage: awk [-F SEPARATOR] [-v NAME=VALUE] [PROGRAM | -f FILE] [FILE | NAME=VALUE ...]";

const refused = (text: string): OwnEnded => ({ stdout: "", stderr: `awk: ${text}\n`, exitCode: 2 });

/** `run` runs what a program starts. */
export function awkCommand(
  { args, env, files, stdin, readPattern }: OwnCall,
  run: (line: string, stdin: string) => OwnEnded | undefined,
): OwnEnded {
  const programs: string[] = [];
  const variables: (readonly [string, string])[] = [];
  let separator: string | undefined;
  let at = 0;
  for (; at < args.length; at++) {
    const word = args[at] as string;
    if (word === "--") {
      at++;
      break;
    }
    if (!word.startsWith("-") || word === "-") break;
    if (word === "--version" || word === "-V") return { stdout: "awk of Coppice\n", stderr: "", exitCode: 0 };
    if (word === "--help") return { stdout: `${usage}\n`, stderr: "", exitCode: 0 };
    if (/^--?(?:posix|traditional|re-interval|sandbox|lint)$/.test(word)) continue;
    const [, long, given] = /^--(field-separator|assign|file)(?:=([^]*))?$/.exec(word) ?? [];
    const letter = long === undefined ? word[1] : { "field-separator": "F", assign: "v", file: "f" }[long];
    const own = long === undefined ? (word.length > 2 ? word.slice(2) : undefined) : given;
    if (letter === undefined || !"Fvf".includes(letter)) return refused(`not an option: ${word}\n${usage}`);
    const value = own ?? args[++at];
    if (value === undefined) return refused(`-${letter} lacks its value\n${usage}`);
    if (letter === "F") separator = value;
    else if (letter === "v") {
      const [whole, name = "", text = ""] = /^([A-Za-z_]\w*)=([^]*)$/.exec(value) ?? [];
      if (whole === undefined) return refused(`improper assignment: -v ${value}`);
      variables.push([name, text]);
    } else {
      const program = readPattern(value);
      if (program === undefined) return refused(`couldn't open file ${value}`);
      programs.push(program);
    }
  }
  const operands = args.slice(at);
  if (programs.length === 0) {
    const program = operands.shift();
    if (program === undefined) return refused(usage);
    programs.push(program);
  }
  try {
    return awk(
      { program: programs.join("\n"), operands, variables, separator, env },
      { read: files.text, write: files.put, stdin: stdin(), run },
    );
  } catch (error) {
    if (error instanceof AwkFault) return refused(error.message);
    throw error;
  }
}
