/**
 * `trap` and `kill`, as bash has them where nothing runs beside the shell: a signal comes only from a script that sends one to itself. The build puts calls of these functions into the interpreter's text (workers/bundle-shell.ts).
 */

import type { Ended } from "./call.ts";

interface State {
  lastExitCode: number;
  readonly env: Map<string, string>;
  /** What `trap` has set, by signal without SIG. */
  coppiceTraps?: Map<string, string>;
  /** Exit statuses of what ran in the background, by process number. */
  readonly coppiceJobs?: ReadonlyMap<number, number>;
  /** What `$$` is, and what it would be if a subshell had one of its own. */
  readonly virtualPid: number;
  readonly bashPid: number;
}

const names = (
  "EXIT HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS" +
  `  ${["", ...numbers(15).map((each) => `+${each + 1}`)].map((each) => ` RTMIN${each}`).join("")}` +
  `${[...numbers(14).map((each) => `-${14 - each}`), ""].map((each) => ` RTMAX${each}`).join("")} DEBUG ERR RETURN`
).split(" ");

function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, at) => at);
}

const pseudo = new Set(["EXIT", "DEBUG", "ERR", "RETURN"]);
/** What a shell passes by that has no trap for it. */
const passed = new Set(["CHLD", "CONT", "URG", "WINCH"]);
const stopping = new Set(["STOP", "TSTP", "TTIN", "TTOU"]);

/** A signal's name, by its name with or without SIG, or by its number. */
function signalOf(text: string): string | undefined {
  if (/^\d+$/.test(text)) return names[Number(text)] || undefined;
  const name = text.replace(/[a-z]+/g, (letters) => letters.toUpperCase()).replace(/^SIG/, "");
  return name !== "" && names.includes(name) ? name : undefined;
}

function shown(signal: string): string {
  return pseudo.has(signal) ? signal : `SIG${signal}`;
}

/** All signals with their numbers, five in a line, the last of which is not full. */
function listing(): string {
  const all = names.flatMap((name, at) =>
    name === "" || pseudo.has(name) ? [] : [`${String(at).padStart(2)}) ${shown(name)}`],
  );
  return `${all.map((each, at) => each + (at % 5 === 4 ? "\n" : "\t")).join("")}\n`;
}

/** `trap [-lp] [ACTION] SIGNAL …`. */
export function coppiceTrap(state: State, args: readonly string[]): Ended {
  const traps = (state.coppiceTraps ??= new Map<string, string>());
  if (args[0] === "-l") return { stdout: listing(), stderr: "", exitCode: 0 };
  const isAsked = args.length === 0 || args[0] === "-p";
  const given = args[0] === "--" || args[0] === "-p" ? args.slice(1) : args;
  const [first = "", ...others] = given;
  const isReset = others.length === 0 || first === "-" || /^\d+$/.test(first);
  const words = isAsked || others.length === 0 || /^\d+$/.test(first) ? given : others;
  let stderr = "";
  const asked: string[] = [];
  for (const word of words) {
    const signal = signalOf(word);
    if (signal === undefined) stderr += `bash: trap: ${word}: invalid signal specification\n`;
    else if (isAsked) asked.push(signal);
    else if (isReset) traps.delete(signal);
    else if (signal === "DEBUG" || signal === "RETURN")
      stderr += `bash: trap: ${signal}: this shell never comes to it\n`;
    else traps.set(signal, first);
  }
  const set = isAsked && words.length === 0 ? names.filter((name) => traps.has(name)) : asked;
  const lines = set.map((signal) => {
    const action = traps.get(signal);
    return action === undefined ? "" : `trap -- '${action.replaceAll("'", "'\\''")}' ${shown(signal)}\n`;
  });
  return { stdout: lines.join(""), stderr, exitCode: stderr === "" ? 0 : 1 };
}

const usage = "kill: usage: kill [-s sigspec | -n signum | -sigspec] pid | jobspec ... or kill -l [sigspec]\n";

/** `kill [-SIGNAL] PROCESS …`: of the processes the shell itself is there, and what ran in the background, which has ended. */
export async function coppiceKill<Tree>(
  context: { readonly state: State; executeScript(script: Tree): Promise<Ended> },
  args: readonly string[],
  parse: (text: string) => Tree,
  Exit: new (code: number, stdout: string, stderr: string) => Error,
): Promise<Ended> {
  const { state } = context;
  const [first = ""] = args;
  if (first === "-l" || first === "-L") return listed(args.slice(1));
  const [, given] = /^-(?![sn]$|-$)(.+)$/s.exec(first) ?? [];
  const isApart = first === "-s" || first === "-n";
  const spec = given ?? (isApart ? args[1] : "TERM");
  const rest = given !== undefined ? args.slice(1) : isApart ? args.slice(2) : args;
  const targets = rest[0] === "--" ? rest.slice(1) : rest;
  if (spec === undefined || targets.length === 0) return { stdout: "", stderr: usage, exitCode: 2 };
  const signal = spec === "0" ? "0" : signalOf(spec);
  if (signal === undefined || pseudo.has(signal)) return refused(`${spec}: invalid signal specification`);
  let [stdout, stderr, exitCode] = ["", "", 0];
  for (const target of targets) {
    const isSelf = Number(target) === state.bashPid || target === "0";
    let said: Ended | undefined;
    if (!/^-?\d+$/.test(target)) {
      said = refused(
        target.startsWith("%") ? `${target}: no such job` : `${target}: arguments must be process or job IDs`,
      );
    } else if (!isSelf && Number(target) === state.virtualPid && signal !== "0")
      said = refused(`(${target}) - a subshell can't signal the shell that it is in`);
    else if (!isSelf && Number(target) !== state.virtualPid && state.coppiceJobs?.has(Number(target)) !== true)
      said = refused(`(${target}) - No such process`);
    else if (isSelf && signal !== "0") {
      const action = signal === "KILL" ? undefined : state.coppiceTraps?.get(signal);
      if (action === undefined && stopping.has(signal))
        said = refused(`${shown(signal)}: nothing would let the shell go on`);
      else if (action === undefined && !passed.has(signal)) {
        if (signal === "KILL") state.coppiceTraps?.clear();
        throw new Exit(128 + names.indexOf(signal), stdout, stderr);
      } else if (action !== undefined && action !== "")
        said = { ...(await context.executeScript(parse(action))), exitCode: 0 };
    }
    stdout += said?.stdout ?? "";
    stderr += said?.stderr ?? "";
    exitCode = said?.exitCode ?? exitCode;
  }
  state.lastExitCode = exitCode;
  return { stdout, stderr, exitCode };
}

function refused(message: string): Ended {
  return { stdout: "", stderr: `bash: kill: ${message}\n`, exitCode: 1 };
}

/** `kill -l [SIGNAL or STATUS …]`: names of numbers, and numbers of names. */
function listed(words: readonly string[]): Ended {
  if (words.length === 0) return { stdout: listing(), stderr: "", exitCode: 0 };
  let [stdout, stderr] = ["", ""];
  for (const word of words) {
    const number = /^\d+$/.test(word) ? Number(word) : undefined;
    const signal = signalOf(number !== undefined && number > 128 ? String(number - 128) : word);
    if (signal === undefined) stderr += `bash: kill: ${word}: invalid signal specification\n`;
    else stdout += `${number === undefined ? names.indexOf(signal) : signal}\n`;
  }
  return { stdout, stderr, exitCode: stderr === "" ? 0 : 1 };
}
