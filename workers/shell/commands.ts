/** Options of the commands that start others, which the shell does itself: a tool can't start anything. */
import { find as walked } from "../commands/find.ts";
import { filesFrom, removalIn } from "../commands/tree-files.ts";
import { startsCommands } from "../../src/tools/starting-call.ts";
import { ended, type Call, type Ended } from "./call.ts";
import { env } from "./env.ts";

type Own = (call: Call) => Promise<Ended> | Ended;

/** Commands that are done here, by name. */
export const ownCommands: Readonly<Record<string, Own>> = {
  bg: () => ended("", "bash: bg: no job control\n", 1),
  env,
  fg: () => ended("", "bash: fg: no job control\n", 1),
  find,
  history: () => ended(""),
  jobs: () => ended(""),
  kill: ({ args }) =>
    args[0] === "-l" ? ended("") : ended("", `bash: kill: (${args.at(-1) ?? ""}) - No such process\n`, 1),
  nice: (call) => afterOptions(call, "nice", { n: 1 }, 0),
  nohup: (call) => afterOptions(call, "nohup", {}, 0),
  setsid: (call) => afterOptions(call, "setsid", {}, 0),
  sleep: () => ended(""),
  stdbuf: (call) => afterOptions(call, "stdbuf", { i: 1, o: 1, e: 1 }, 0),
  times: () => ended("0m0.000s 0m0.000s\n0m0.000s 0m0.000s\n"),
  timeout: (call) => afterOptions(call, "timeout", { k: 1, s: 1 }, 1, intervalFault),
  ulimit: () => ended("unlimited\n"),
  xargs,
  yes,
};

/** Those of them that never read their stdin. */
export const deafCommands: ReadonlySet<string> = new Set(
  "bg fg find history jobs kill sleep times ulimit yes".split(" "),
);

/** Bytes that `yes` writes. */
const yesBytesMax = 1024 * 1024;
/** Bytes of one command's arguments that xargs puts together, as GNU's does. */
const xargsBytesMax = 128 * 1024;

/** Every command here runs at once and takes no time, so a reader that stops early can't be told from one that does not: `yes` is ended as if its reader had gone. */
function yes({ args }: Call): Ended {
  const line = `${args.length === 0 ? "y" : args.join(" ")}\n`;
  const why = "yes: ended after 1 MiB, since each command of a pipeline runs to its end before the next one begins\n";
  return ended(line.repeat(Math.ceil(yesBytesMax / line.length)), why, 141);
}

/** What is wrong with a time that `timeout` is given. No command takes time, so none is ended by it. */
function intervalFault(text: string): string | undefined {
  return /^(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?[smhd]?$/i.test(text) ? undefined : `invalid time interval '${text}'`;
}

/** `timeout 5 COMMAND …` and the like: COMMAND, after options and `operands` other operands, none with a fault. `values` are options that take one. */
async function afterOptions(
  call: Call,
  name: string,
  values: Readonly<Record<string, number>>,
  operands: number,
  faultOf: (operand: string) => string | undefined = () => undefined,
): Promise<Ended> {
  let at = 0;
  for (; at < call.args.length; at++) {
    const arg = call.args[at] as string;
    if (arg === "--") {
      at++;
      break;
    }
    if (!arg.startsWith("-") || arg === "-") break;
    if (!arg.startsWith("--") && arg.length === 2 && values[arg.slice(1)] !== undefined) at++;
  }
  const argv = call.args.slice(at + operands);
  if (argv.length === 0) return ended("", `${name}: missing operand\n`, 125);
  const fault = call.args
    .slice(at, at + operands)
    .map(faultOf)
    .find((each) => each !== undefined);
  if (fault !== undefined) return ended("", `${name}: ${fault}\n`, 125);
  return call.spawn(argv, call.env, call.cwd, call.stdin);
}

/** find is a tool, and one that can't start commands: where it is to, it is done here, so that each command finds what the ones before it left. */
async function find({ args, env: variables, cwd, stdin, spawn, files }: Call): Promise<Ended> {
  if (!startsCommands(args)) return spawn(["find", ...args], variables, cwd, stdin, true);
  const call = {
    name: "find",
    args,
    env: new Map(Object.entries(variables)),
    files: filesFrom(files, cwd),
    stdin: () => stdin,
    readPattern: () => undefined,
  };
  return walked(call, {
    remove: removalIn(files, cwd),
    start: (argv, folder) => spawn(argv, variables, files.resolvePath(cwd, folder), ""),
  });
}

interface XargsOptions {
  readonly argv: readonly string[];
  readonly replace: string | undefined;
  readonly delimiter: string | undefined;
  readonly each: number;
  readonly lines: number;
  readonly isTold: boolean;
  readonly skipsEmpty: boolean;
}

async function xargs(call: Call): Promise<Ended> {
  const options = xargsOptions(call.args);
  if (typeof options === "string") return ended("", `xargs: ${options}\n`, 1);
  const items = xargsItems(call.stdin, options);
  if (typeof items === "string") return ended("", `xargs: ${items}\n`, 1);
  let stdout = "";
  let stderr = "";
  let exitCode = 0;
  for (const argv of xargsBatches(items, options)) {
    if (options.isTold) stderr += `${argv.join(" ")}\n`;
    const one = await call.spawn(argv, call.env, call.cwd, "");
    stdout += one.stdout;
    stderr += one.stderr;
    if (one.exitCode === 126 || one.exitCode === 127) return ended(stdout, stderr, one.exitCode);
    if (one.exitCode === 255) {
      return ended(stdout, `${stderr}xargs: ${argv[0] as string}: exited with status 255; aborting\n`, 124);
    }
    if (one.exitCode !== 0) exitCode = 123;
  }
  return ended(stdout, stderr, exitCode);
}

/** The options, or what is wrong with them. */
function xargsOptions(args: readonly string[]): XargsOptions | string {
  const found = { replace: undefined as string | undefined, delimiter: undefined as string | undefined };
  let [each, lines, isTold, skipsEmpty] = [Infinity, Infinity, false, false];
  const long: Readonly<Record<string, string>> = {
    "--null": "-0",
    "--no-run-if-empty": "-r",
    "--verbose": "-t",
    "--max-args": "-n",
    "--max-procs": "-P",
    "--max-lines": "-L",
    "--delimiter": "-d",
    "--replace": "-I",
  };
  let at = 0;
  for (; at < args.length; at++) {
    let arg = args[at] as string;
    if (arg === "--") {
      at++;
      break;
    }
    if (!arg.startsWith("-") || arg === "-") break;
    if (arg.startsWith("--")) {
      const [name = "", value] = arg.split(/=(.*)/s);
      const short = long[name];
      if (short === undefined) return `unrecognized option '${arg}'`;
      arg = short + (value ?? (short === "-I" ? "{}" : ""));
    }
    for (let letter = 1; letter < arg.length; letter++) {
      const option = arg[letter] as string;
      if (option === "0") found.delimiter = "\0";
      else if (option === "r") skipsEmpty = true;
      else if (option === "t") isTold = true;
      else if (option === "x") continue;
      else if ("InLPdsE".includes(option)) {
        const value = letter + 1 < arg.length ? arg.slice(letter + 1) : args[++at];
        if (value === undefined) return `option requires an argument -- '${option}'`;
        if (option === "I") found.replace = value;
        else if (option === "d") found.delimiter = unescaped(value);
        else if ("nLP".includes(option)) {
          if (!/^\d+$/.test(value) || (value === "0" && option !== "P"))
            return `invalid number "${value}" for -${option} option`;
          if (option === "n") each = Number(value);
          if (option === "L") lines = Number(value);
        }
        break;
      } else return `invalid option -- '${option}'`;
    }
  }
  const argv = args.slice(at);
  return { ...found, argv: argv.length === 0 ? ["echo"] : argv, each, lines, isTold, skipsEmpty };
}

function unescaped(delimiter: string): string {
  const known: Readonly<Record<string, string>> = { "\\n": "\n", "\\t": "\t", "\\0": "\0", "\\\\": "\\", "\\r": "\r" };
  return known[delimiter] ?? delimiter;
}

/** The input's items, each with the number of its line; or what is wrong with it. */
function xargsItems(input: string, { delimiter, replace }: XargsOptions): { text: string; line: number }[] | string {
  if (delimiter !== undefined) {
    const parts = input.split(delimiter);
    if (parts.at(-1) === "") parts.pop();
    return parts.map((text, line) => ({ text, line }));
  }
  const items: { text: string; line: number }[] = [];
  for (const [line, text] of input.split("\n").entries()) {
    let item: string | undefined;
    let quote = "";
    for (let at = 0; at < text.length; at++) {
      const char = text[at] as string;
      if (quote !== "") {
        if (char === quote) quote = "";
        else item += char;
      } else if (char === "'" || char === '"') {
        quote = char;
        item ??= "";
      } else if (char === "\\" && at + 1 < text.length) item = (item ?? "") + (text[++at] as string);
      else if (/[ \t\v\f\r]/.test(char) && (replace === undefined || item === undefined)) {
        if (item !== undefined) items.push({ text: item, line });
        item = undefined;
      } else item = (item ?? "") + char;
    }
    if (quote !== "")
      return `unmatched ${quote === "'" ? "single" : "double"} quote; by default quotes are special to xargs unless you use the -0 option`;
    if (item !== undefined) items.push({ text: item, line });
  }
  return items;
}

function xargsBatches(items: readonly { text: string; line: number }[], options: XargsOptions): string[][] {
  const { argv, replace, each, lines, skipsEmpty } = options;
  if (replace !== undefined) return items.map(({ text }) => argv.map((arg) => arg.replaceAll(replace, text)));
  const batches: string[][] = [];
  let batch: string[] = [];
  let bytes = 0;
  const seen = new Set<number>();
  for (const { text, line } of items) {
    const isNewLine = !seen.has(line);
    if (
      batch.length > 0 &&
      (batch.length >= each || (isNewLine && seen.size >= lines) || bytes + text.length > xargsBytesMax)
    ) {
      batches.push([...argv, ...batch]);
      batch = [];
      bytes = 0;
      seen.clear();
    }
    batch.push(text);
    bytes += text.length + 1;
    seen.add(line);
  }
  if (batch.length > 0) batches.push([...argv, ...batch]);
  return batches.length === 0 && !skipsEmpty ? [[...argv]] : batches;
}
