/**
 * `trap` and `kill`, as bash has them where nothing runs beside the shell: a signal comes only from a script that sends one to itself, be it from a subshell. It is held until the pipeline has ended that the shell stands in, and
 * taken then: a trap prints where the shell does, and a shell that has none ends. The build puts calls of these functions into the interpreter's text (workers/bundle-shell.ts).
 */

import type { Ended } from "./call.ts";
import { clockOf, jobOf, type JobState } from "./jobs.ts";

/** A signal that is on its way to a shell. */
interface Pending {
  readonly pid: number;
  readonly signal: string;
  /** Seconds of the shell's clock. */
  readonly at: number;
  /** The job that has sent it. */
  readonly from: number | undefined;
  /** Whether the shell has sent it to itself. */
  readonly isOwn: boolean;
}

export interface SignalState extends JobState {
  lastExitCode: number;
  readonly env: Map<string, string>;
  readonly arrays?: Map<string, { readonly elements: Map<string, string> }>;
  /** What `trap` has set, by signal without SIG. */
  coppiceTraps?: Map<string, string> | undefined;
  /** In a subshell that has set none: the traps of the shell above, which `trap` tells. */
  coppiceShown?: ReadonlyMap<string, string> | undefined;
  coppicePending?: readonly Pending[];
  /** Process numbers of the subshells that are active. */
  coppiceShells?: readonly number[] | undefined;
  /** The job in the background that runs. */
  coppiceJob?: number | undefined;
  /** A signal has ended the shell: `$?` at that time. */
  coppiceDied?: number | undefined;
  /** While the EXIT trap runs: what the shell ends with. */
  coppiceLeaving?: number | undefined;
  coppiceMask?: number | undefined;
  /** What `$$` is, `$PPID`, and what `$BASHPID` is. */
  readonly virtualPid: number;
  readonly virtualPpid: number;
  readonly bashPid: number;
}

/** The interpreter's error that ends a shell. */
export type Exit = new (code: number, stdout: string, stderr: string) => Error;

interface Script {
  readonly statements: readonly object[];
}

export interface Context {
  readonly state: SignalState;
  executeScript(script: Script): Promise<Ended>;
  executeCommand(command: object, stdin: string): Promise<Ended>;
}

export type Parse = (text: string) => Script;

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
/** What a job in the background does not hear. */
const unheard = ["INT", "QUIT"] as const;
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

const trapUsage = "trap: usage: trap [-lp] [[arg] signal_spec ...]\n";

/** `trap [-lp] [ACTION] SIGNAL …`. */
export function coppiceTrap(state: SignalState, args: readonly string[]): Ended {
  const [option = ""] = args;
  const isOption = /^-./.test(option);
  if (isOption && !/^-(?:[lp]+|-)$/.test(option)) return misused(`bash: trap: ${option.slice(0, 2)}: invalid option\n`);
  if (isOption && option.includes("l")) return { stdout: listing(), stderr: "", exitCode: 0 };
  const given = isOption ? args.slice(1) : args;
  const isAsked = given.length === 0 || option === "-p";
  const [first = ""] = given;
  const isAlone = !isAsked && given.length === 1;
  if (isAlone && signalOf(first) === undefined) return misused("");
  // A number in place of an action is a signal, too.
  const isSignal = /^\d/.test(first) && signalOf(first) !== undefined;
  const words = isAsked || isAlone || isSignal ? given : given.slice(1);
  const isReset = isAlone || isSignal || first === "-";
  let stderr = "";
  const asked: string[] = [];
  for (const word of words) {
    const signal = signalOf(word);
    if (signal === undefined) stderr += `bash: trap: ${word}: invalid signal specification\n`;
    else if (isAsked) asked.push(signal);
    else if (!isReset && (signal === "DEBUG" || signal === "RETURN"))
      stderr += `bash: trap: ${signal}: this shell never comes to it\n`;
    else {
      state.coppiceShown = undefined;
      const traps = (state.coppiceTraps ??= new Map<string, string>());
      if (isReset) traps.delete(signal);
      else traps.set(signal, first);
    }
  }
  const traps = state.coppiceShown ?? state.coppiceTraps;
  const set = isAsked && words.length === 0 ? names.filter((name) => traps?.has(name)) : asked;
  const lines = set.map((signal) => {
    const action = traps?.get(signal);
    return action === undefined ? "" : `trap -- '${action.replaceAll("'", "'\\''")}' ${shown(signal)}\n`;
  });
  return { stdout: lines.join(""), stderr, exitCode: stderr === "" ? 0 : 1 };
}

function misused(message: string): Ended {
  return { stdout: "", stderr: `${message}${trapUsage}`, exitCode: 2 };
}

const usage = "kill: usage: kill [-s sigspec | -n signum | -sigspec] pid | jobspec ... or kill -l [sigspec]\n";

/** `kill [-SIGNAL] PROCESS …`: of the processes the shells are there that are active, and what ran in the background. */
export function coppiceKill(state: SignalState, args: readonly string[]): Ended {
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
  let stderr = "";
  let exitCode = 0;
  for (const target of targets) {
    const said = signalled(state, signal, target);
    exitCode = said === undefined ? 0 : 1;
    if (said !== undefined) stderr += refused(said).stderr;
  }
  return { stdout: "", stderr, exitCode };
}

/** Sends a signal, "0" for none, or tells what is wrong with its target. */
function signalled(state: SignalState, signal: string, target: string): string | undefined {
  const job = jobOf(state, target);
  if (job === undefined && target.startsWith("%")) return `${target}: no such job`;
  if (job === undefined && !/^-?\d+$/.test(target)) return `${target}: arguments must be process or job IDs`;
  const pid = job?.pid ?? Number(target);
  const active = new Set([state.virtualPid, ...(state.coppiceShells ?? []), state.bashPid]);
  const shells = pid === 0 ? [...active] : active.has(pid) ? [pid] : [];
  if (shells.length > 0) {
    if (signal === "0") return undefined;
    const isTrapped = state.bashPid === pid && actionOf(state, signal) !== undefined;
    if (stopping.has(signal) && !isTrapped) return `${shown(signal)}: nothing would let the shell go on`;
    const sent = shells.map((to): Pending => {
      return { pid: to, signal, at: clockOf(state), from: state.coppiceJob, isOwn: to === state.bashPid };
    });
    state.coppicePending = [...(state.coppicePending ?? []), ...sent];
    return undefined;
  }
  if (job !== undefined && job.endsAt >= clockOf(state)) {
    if (["0", ...unheard, ...passed, ...stopping].includes(signal)) return undefined;
    // What it did is done, but it comes no further.
    if (job.endsAt > clockOf(state)) job.status = 128 + names.indexOf(signal);
    job.endsAt = clockOf(state);
    state.coppicePending = (state.coppicePending ?? []).filter(({ at, from }) => from !== pid || at <= job.endsAt);
    return undefined;
  }
  if (pid !== state.virtualPpid) return `(${pid}) - No such process`;
  return signal === "0" ? undefined : `(${pid}) - a shell can't signal what has started it`;
}

function actionOf({ coppiceTraps }: SignalState, signal: string): string | undefined {
  return signal === "KILL" || signal === "STOP" ? undefined : coppiceTraps?.get(signal);
}

function isDeadly(state: SignalState, signal: string): boolean {
  // A shell never ends by SIGQUIT, but its subshells do.
  const isPassed = passed.has(signal) || (signal === "QUIT" && state.bashPid === state.virtualPid);
  return actionOf(state, signal) === undefined && !isPassed && !stopping.has(signal);
}

function isDue(state: SignalState, { pid, at }: Pending): boolean {
  return pid === state.bashPid && at <= clockOf(state);
}

function die(state: SignalState, { signal, isOwn }: Pending, before: number, Exit: Exit): never {
  if (signal === "KILL") state.coppiceTraps?.clear();
  state.coppiceDied = isOwn ? state.lastExitCode : before;
  throw new Exit(128 + names.indexOf(signal), "", "");
}

/** After a pipeline: takes the signals that have come to this shell meanwhile, in the order of their numbers. `before` is what `$?` was before it. */
export async function coppiceDeliver(context: Context, before: number, parse: Parse, Exit: Exit): Promise<Ended> {
  const { state } = context;
  const due = (state.coppicePending ?? []).filter((each) => isDue(state, each));
  const status = state.lastExitCode;
  const statuses = state.arrays?.get("PIPESTATUS");
  const kept = statuses && { ...statuses, elements: new Map(statuses.elements) };
  let [stdout, stderr] = ["", ""];
  if (due.length > 0) state.coppicePending = (state.coppicePending ?? []).filter((each) => !due.includes(each));
  const bySignal = new Map(due.map((each) => [each.signal, each]));
  for (const each of [...bySignal.values()].toSorted((a, b) => names.indexOf(a.signal) - names.indexOf(b.signal))) {
    const action = actionOf(state, each.signal) ?? "";
    try {
      if (isDeadly(state, each.signal)) die(state, each, before, Exit);
      if (action === "") continue;
      // As a group, which hands on what `return`, `break` and `set -e` throw.
      const group = { type: "Group", body: parse(action).statements, redirections: [] };
      const said = await context.executeCommand(group, "");
      stdout += said.stdout;
      stderr += said.stderr;
    } catch (error) {
      throw printedBefore(error, stdout, stderr);
    }
    state.lastExitCode = status;
    state.env.set("?", String(status));
    if (kept !== undefined) state.arrays?.set("PIPESTATUS", kept);
  }
  return { stdout, stderr, exitCode: status };
}

/** An error of the interpreter's, which carries what was printed till then. */
export function printedBefore(error: unknown, stdout: string, stderr: string): unknown {
  (error as { prependOutput?(stdout: string, stderr: string): void }).prependOutput?.(stdout, stderr);
  return error;
}

/** Between a command's words and the command: the end of a shell that a substitution among them has sent a signal that it has no trap for. */
export function coppiceDoomed(state: SignalState, Exit: Exit): void {
  const deadly = state.coppicePending?.find((each) => isDue(state, each) && isDeadly(state, each.signal));
  if (deadly === undefined) return;
  state.coppicePending = (state.coppicePending ?? []).filter((each) => each !== deadly);
  die(state, deadly, state.lastExitCode, Exit);
}

/** The first signal that comes to this shell while it waits until then, and for which it has a trap or none that would ignore it. */
export function interruptOf(
  state: SignalState,
  until: number,
): { readonly at: number; readonly status: number } | undefined {
  const coming = (state.coppicePending ?? [])
    .filter(({ pid, signal, at }) => pid === state.bashPid && at <= until && !isIgnored(state, signal))
    .toSorted((a, b) => a.at - b.at);
  const [{ at, signal } = { at: 0, signal: "" }] = coming;
  return signal === "" ? undefined : { at, status: 128 + names.indexOf(signal) };
}

function isIgnored(state: SignalState, signal: string): boolean {
  return actionOf(state, signal) === "" || (!isDeadly(state, signal) && actionOf(state, signal) === undefined);
}

/** The arguments of `exit`: in an EXIT trap one without any keeps what the shell was to end with. */
export function coppiceExit({ coppiceLeaving }: SignalState, args: readonly string[]): readonly string[] {
  return args.length === 0 && coppiceLeaving !== undefined ? [String(coppiceLeaving)] : args;
}

/** Runs a shell's commands, and what is set to be done at its end. */
export async function withTraps(context: Context, run: () => Promise<Ended>, parse: Parse): Promise<Ended> {
  const { state } = context;
  let output: Ended;
  try {
    output = await run();
  } catch (error) {
    output = endOf(error);
  }
  const died = state.coppiceDied;
  state.coppiceDied = undefined;
  const action = state.coppiceTraps?.get("EXIT");
  if (action === undefined || action === "") return output;
  state.coppiceTraps?.delete("EXIT");
  state.lastExitCode = died ?? output.exitCode;
  state.env.set("?", String(state.lastExitCode));
  state.coppiceLeaving = output.exitCode;
  let { exitCode } = output;
  let last: Ended;
  try {
    last = await context.executeScript(parse(action));
  } catch (error) {
    last = endOf(error);
    // What a signal has ended stays so, whatever its trap says.
    if (died === undefined) ({ exitCode } = last);
  }
  return { ...output, stdout: output.stdout + last.stdout, stderr: output.stderr + last.stderr, exitCode };
}

function endOf(error: unknown): Ended {
  if (!/^(?:Errexit|Exit)Error$/.test((error as Error).name)) throw error;
  const { stdout, stderr, exitCode } = error as Error & Ended;
  return { stdout, stderr, exitCode };
}

/** Runs a subshell's commands: of the traps above it keeps what is ignored, and those that it sets end with it, as its mask does. In the background it does not hear what ends those in the foreground. */
export async function coppiceSubshell(
  context: Context,
  run: () => Promise<Ended>,
  parse: Parse,
  isBackground = false,
): Promise<Ended> {
  const { state } = context;
  const { coppiceTraps, coppiceShown, coppiceShells, coppiceLeaving, coppiceMask } = state;
  state.coppiceTraps = new Map([...(coppiceTraps ?? [])].filter(([, action]) => action === ""));
  if (isBackground) for (const signal of unheard) state.coppiceTraps.set(signal, "");
  state.coppiceShown = coppiceShown ?? coppiceTraps;
  state.coppiceShells = [...(coppiceShells ?? []), state.bashPid];
  state.coppiceLeaving = undefined;
  try {
    return await withTraps(context, () => run().catch(leftOf), parse);
  } finally {
    Object.assign(state, { coppiceTraps, coppiceShown, coppiceShells, coppiceLeaving, coppiceMask });
  }
}

/** What a subshell comes to that `return`, `break` or `continue` leave: nothing around it is left by them. */
function leftOf(error: unknown): Ended {
  if (!/^(?:Return|Break|Continue)Error$/.test((error as Error).name)) throw error;
  const { stdout, stderr, exitCode = 0 } = error as Error & Partial<Ended> & Pick<Ended, "stdout" | "stderr">;
  return { stdout, stderr, exitCode };
}

/** What a shell that is started inherits beside its environment. */
export interface Inherited {
  readonly mask: number | undefined;
  /** Signals that are ignored. */
  readonly ignored: readonly string[];
}

export function coppiceInherited({ coppiceMask, coppiceTraps }: SignalState): Inherited {
  const ignored = [...(coppiceTraps ?? [])].filter(([signal, action]) => action === "" && !pseudo.has(signal));
  return { mask: coppiceMask, ignored: ignored.map(([signal]) => signal) };
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
