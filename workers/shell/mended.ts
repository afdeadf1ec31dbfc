/**
 * What just-bash's interpreter does otherwise than a shell, done as one does. The build puts calls of these functions into its text (workers/bundle-shell.ts); they work on the interpreter's state, which has fields of ours
 * beside its own.
 */
import { refusalOf } from "./files.ts";
import { clockOf, jobOf, listedJobs, noteJob, type BackgroundJob } from "./jobs.ts";
import {
  coppiceSubshell,
  coppiceDeliver,
  interruptOf,
  printedBefore,
  withTraps,
  type Exit,
  type Parse,
  type SignalState,
} from "./signals.ts";

interface State extends SignalState {
  groupStdin?: string;
  inCondition: boolean;
  env: Map<string, string>;
  /** `exec COMMAND` has run: the shell ends when its redirections are done. */
  coppiceReplaced?: boolean;
  /** The command that runs has an fd 0 of its own, be it empty. */
  coppiceOwnStdin?: boolean;
  cwd: string;
  arrays?: Map<string, { readonly elements: Map<string, string> }>;
  bashPid: number;
  nextVirtualPid: number;
  callDepth: number;
  coppicePipes?: { unread: string };
  fileDescriptors?: Map<number, unknown>;
  fdAliases?: Map<number, Set<number>>;
  closedStandardFds?: Set<number>;
}

interface Context {
  readonly state: State;
  executeScript(script: ReturnType<Parse>): Promise<Output>;
  executeCommand(command: object, stdin: string): Promise<Output>;
}

interface Output {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number;
}

const done: Output = { stdout: "", stderr: "", exitCode: 0 };

/** The stdin of a command that is no builtin: what comes through its pipe or redirection, else what is left of the shell's. */
export function coppiceStdin(own: string, state: State): string {
  return own === "" && state.coppiceOwnStdin !== true ? (state.groupStdin ?? "") : own;
}

/** A command that reads the shell's stdin reads all of it. */
export function coppiceDrain(own: string, state: State): void {
  coppiceLeave(own, state, "");
}

/** What a command that may have read the shell's stdin leaves of it. */
export function coppiceLeave(own: string, state: State, unread: string): void {
  if (own === "" && state.coppiceOwnStdin !== true && state.groupStdin !== undefined) state.groupStdin = unread;
}

/** After a simple command and its redirections: the end of the shell when it was `exec`. */
export function coppiceAfter(
  state: State,
  Exit: new (code: number, stdout: string, stderr: string) => Error,
): (output: Output) => Output {
  return (output) => {
    if (state.coppiceReplaced !== true) return output;
    state.coppiceReplaced = false;
    throw new Exit(output.exitCode, output.stdout, output.stderr);
  };
}

/** Runs a script, and what it has set to be done at its end. */
export async function coppiceScript(
  { ctx }: { readonly ctx: Context },
  script: ReturnType<Parse>,
  parse: Parse,
): Promise<Output> {
  const { state } = ctx;
  const output = await withTraps(ctx, () => ctx.executeScript(script), parse);
  if (state.coppicePipes !== undefined) state.coppicePipes.unread = state.groupStdin ?? "";
  return { ...environment(state), ...output };
}

interface Statement {
  readonly pipelines: readonly { readonly commands: readonly { readonly type: string }[] }[];
}

const failing = new Set(["SimpleCommand", "Subshell", "ArithmeticCommand", "ConditionalCommand"]);

/** What `trap … ERR` does about a statement that has failed where `set -e` would end the shell. In functions nothing: their callers fail, too. */
export async function coppiceError(
  { ctx }: { readonly ctx: Context },
  statement: Statement,
  exitCode: number,
  parse: Parse,
): Promise<Output> {
  const { state } = ctx;
  const traps = state.coppiceTraps;
  const action = traps?.get("ERR") ?? "";
  const type = statement.pipelines.at(-1)?.commands.at(-1)?.type ?? "";
  if (traps === undefined || action === "" || state.inCondition || state.callDepth > 0 || !failing.has(type))
    return done;
  traps.delete("ERR");
  state.lastExitCode = exitCode;
  state.env.set("?", String(exitCode));
  const output = await ctx.executeScript(parse(action));
  traps.set("ERR", action);
  state.lastExitCode = exitCode;
  state.env.set("?", String(exitCode));
  return output;
}

/** Makes a copy of the shell's state the one in effect, and returns what goes back to the one before. */
type Isolate = (state: State) => () => void;

interface Pipeline {
  readonly commands: readonly { readonly type: string }[];
  readonly pipeStderr?: readonly boolean[];
}

/** Runs a stage of a pipeline; one in a subshell leaves nothing behind but how much of the shell's stdin it has read. Its ends that are pipes are no more what `exec` has made of them. */
export async function coppiceStage(
  context: Context,
  { commands, pipeStderr }: Pipeline,
  at: number,
  isSubshell: boolean,
  isolate: Isolate,
  run: () => Promise<Output>,
  parse: Parse,
  Exit: Exit,
): Promise<Output> {
  if (!isSubshell) return run();
  const { state } = context;
  const isRead = at < commands.length - 1;
  const ends = [...(at > 0 ? [0] : []), ...(isRead ? [1] : []), ...(isRead && pipeStderr?.[at] === true ? [2] : [])];
  return isolated(state, ends, isolate, () => {
    state.bashPid = state.nextVirtualPid++;
    // A stage that is a simple command is no pipeline of its own, after which signals would be taken.
    const before = state.lastExitCode;
    const taking = async () => delivered(context, await run(), before, parse, Exit);
    return coppiceSubshell(context, taking, parse);
  });
}

/** Runs what a substitution stands for, whose stdout is no more what `exec` has made of it. */
export async function coppiceSubstituted(
  context: Context,
  isolate: Isolate,
  run: () => Promise<Output>,
  parse: Parse,
): Promise<Output> {
  const { state } = context;
  const isRedirected = state.fileDescriptors?.has(1) === true || state.closedStandardFds?.has(1) === true;
  const substituted = () => coppiceSubshell(context, run, parse);
  return isRedirected ? isolated(state, [1], isolate, substituted) : substituted();
}

async function isolated<T>(state: State, ends: readonly number[], isolate: Isolate, run: () => Promise<T>): Promise<T> {
  const restore = isolate(state);
  for (const fd of ends) {
    state.fileDescriptors?.delete(fd);
    state.closedStandardFds?.delete(fd);
    state.fdAliases?.get(fd)?.delete(fd);
    state.fdAliases?.delete(fd);
  }
  try {
    return await run();
  } finally {
    const { groupStdin } = state;
    restore();
    if (groupStdin === undefined) delete state.groupStdin;
    else state.groupStdin = groupStdin;
  }
}

/** Gives a stage's stdin to what stands in it, where it is a compound command that the interpreter calls without one. */
export function coppiceWithin(state: State, { commands }: Pipeline, at: number, stdin: string): string {
  if (at > 0 && /^(?:If|For|CStyleFor|Case)$/.test(commands[at]?.type ?? "")) state.groupStdin = stdin;
  return stdin;
}

/** `COMMAND &`: a subshell without stdin that runs at once. Its status is kept for `wait`. */
export async function coppiceBackground(
  context: Context,
  isolate: Isolate,
  run: () => Promise<Output>,
  parse: Parse,
  Exit: Exit,
): Promise<Output> {
  const { state } = context;
  const pid = state.nextVirtualPid++;
  const { coppiceJob: above } = state;
  const clock = clockOf(state);
  const restore = isolate(state);
  state.groupStdin = "";
  state.bashPid = pid;
  state.coppiceJob = pid;
  let output: Output;
  let endsAt: number;
  try {
    output = await coppiceSubshell(context, run, parse, true);
  } finally {
    endsAt = clockOf(state);
    restore();
    state.coppiceClock = clock;
    state.coppiceJob = above;
  }
  noteJob(state, pid, output.exitCode, endsAt);
  const before = state.lastExitCode;
  state.lastExitCode = 0;
  return delivered(context, { ...output, exitCode: 0 }, before, parse, Exit);
}

/** What was printed, and behind it what the signals print that came meanwhile. */
async function delivered(context: Context, output: Output, before: number, parse: Parse, Exit: Exit): Promise<Output> {
  const { state } = context;
  if (state.coppicePending === undefined) return output;
  state.lastExitCode = output.exitCode;
  try {
    const said = await coppiceDeliver(context, before, parse, Exit);
    return { ...output, stdout: output.stdout + said.stdout, stderr: output.stderr + said.stderr };
  } catch (error) {
    throw printedBefore(error, output.stdout, output.stderr);
  }
}

/** `wait [-n] [JOB or PID …]`: all is over already, but the shell's clock goes on to where it was. */
export function coppiceWait(state: State, args: readonly string[]): Output {
  const words = args.filter((arg) => !arg.startsWith("-"));
  const listed = words.length === 0 ? listedJobs(state) : [];
  if (words.length === 0 && args.includes("-n")) {
    const [next] = listed.toSorted((a, b) => a.endsAt - b.endsAt);
    return { ...done, exitCode: next === undefined ? 127 : (interrupted(state, next) ?? next.status) };
  }
  for (const job of listed) {
    const exitCode = interrupted(state, job);
    if (exitCode !== undefined) return { ...done, exitCode };
  }
  if (words.length === 0) state.coppiceJobs?.clear();
  let [stderr, last] = ["", 0];
  for (const word of words) {
    const job = jobOf(state, word);
    const exitCode = job && interrupted(state, job);
    if (exitCode !== undefined) return { ...done, stderr, exitCode };
    const isJob = word.startsWith("%");
    if (job !== undefined) last = job.status;
    else if (isJob || /^\d+$/.test(word)) {
      stderr += `bash: wait: ${isJob ? `${word}: no such job` : `pid ${word} is not a child of this shell`}\n`;
      last = 127;
    } else {
      stderr += `bash: wait: \`${word}': not a pid or valid job spec\n`;
      last = 1;
    }
  }
  return { ...done, stderr, exitCode: last };
}

/** Waits for a job, which is listed no more then, or till a signal comes: the status that tells of that. */
function interrupted(state: State, job: BackgroundJob): number | undefined {
  const interrupt = interruptOf(state, job.endsAt);
  state.coppiceClock = Math.max(clockOf(state), interrupt?.at ?? job.endsAt);
  if (interrupt === undefined) job.isListed = false;
  return interrupt?.status;
}

function environment(state: State): { readonly env: Readonly<Record<string, string>> } {
  return { env: Object.fromEntries(state.env) };
}

/** The positional parameters. */
export function coppiceParameters({ env }: State): string[] {
  return Array.from({ length: Number(env.get("#") ?? 0) }, (_, at) => env.get(String(at + 1)) ?? "");
}

interface Globbing {
  readonly cwd: string;
  readonly fs: {
    resolvePath(base: string, path: string): string;
    stat(path: string): Promise<{ readonly isDirectory: boolean }>;
  };
  expand(pattern: string): Promise<string[]>;
}

/** What a pattern with slashes at its end matches: folders, with these slashes. */
export async function coppiceFolders(globbing: Globbing, pattern: string): Promise<string[]> {
  const [, head = "", slashes = ""] = /^(.*?)(\/+)$/s.exec(pattern) ?? [];
  const folders: string[] = [];
  for (const path of await globbing.expand(head)) {
    const { isDirectory } = await globbing.fs.stat(globbing.fs.resolvePath(globbing.cwd, path)).catch(() => missing);
    if (isDirectory) folders.push(path + slashes);
  }
  return folders;
}

const missing = { isDirectory: false };

/** A command substitution: its output, and nothing that it changes stays. */
export async function coppiceSubstitute(context: Context, text: string, parse: Parse): Promise<Output> {
  const { state } = context;
  const { env, cwd, arrays, bashPid } = state;
  state.env = new Map(env);
  if (arrays !== undefined) {
    state.arrays = new Map([...arrays].map(([name, array]) => [name, { ...array, elements: new Map(array.elements) }]));
  }
  state.bashPid = state.nextVirtualPid++;
  try {
    return await coppiceSubshell(context, () => context.executeScript(parse(text)), parse);
  } finally {
    state.env = env;
    state.cwd = cwd;
    state.bashPid = bashPid;
    if (arrays !== undefined) state.arrays = arrays;
  }
}

/** Runs one of a list of pipelines; a failure of one that is listed before && or || does not end the shell. */
export async function coppiceListed<T>(state: State, isListed: boolean, run: () => Promise<T>): Promise<T> {
  if (!isListed) return run();
  const before = state.inCondition;
  state.inCondition = true;
  try {
    return await run();
  } finally {
    state.inCondition = before;
  }
}

/** The bracket expression that begins at a pattern's `[`, as a regular expression, and where its `]` stands; undefined when there is none. */
export function coppiceBracket(
  pattern: string,
  at: number,
): { readonly regex: string; readonly end: number } | undefined {
  const isNegated = pattern[at + 1] === "!" || pattern[at + 1] === "^";
  const start = at + (isNegated ? 2 : 1);
  let body = "";
  for (let place = start; place < pattern.length; place++) {
    const char = pattern.charAt(place);
    if (char === "]" && place > start) return { regex: `[${isNegated ? "^" : ""}${body}]`, end: place };
    const [, named] = /^(\[:[a-z]+:\])/.exec(pattern.slice(place)) ?? [];
    if (named !== undefined) {
      body += named;
      place += named.length - 1;
    } else if (char === "\\" && place + 1 < pattern.length) body += literal(pattern.charAt(++place));
    else body += char === "-" ? char : literal(char);
  }
  return undefined;
}

function literal(char: string): string {
  return /[\\[\]^&~-]/.test(char) ? `\\${char}` : char;
}

/** Whether what `((` opens is closed by `))`, as arithmetic is, and not by one parenthesis and then another, as subshells in one another are. */
export function coppiceCloses(text: string, from: number): boolean {
  const at = coppiceClosing(text, from);
  return at >= text.length - 1 || text[at + 1] === ")";
}

/** Where the parenthesis is closed within which `from` is; the last character where nothing closes it. */
export function coppiceClosing(text: string, from: number): number {
  let [depth, quote] = [0, ""];
  for (let at = from; at < text.length; at++) {
    const char = text[at] ?? "";
    if (char === "\\" && quote !== "'") at++;
    else if (quote !== "") quote = char === quote ? "" : quote;
    else if (char === "'" || char === '"') quote = char;
    else if (char === "(") depth++;
    else if (char === ")" && depth-- === 0) return at;
  }
  return text.length - 1;
}

/** Whether a substitution is an expression for itself, with no operator around it that would take a part of what is substituted: `$(( ($(f)) * 2 ))`. */
export function coppiceAlone(expression: string, from: number, to: number): boolean {
  return /(?:^|[(,[]|[^=<>!]=)\s*$/.test(expression.slice(0, from)) && /^\s*(?:$|[),\]])/.test(expression.slice(to));
}

/** What a substitution gives within arithmetic: a value, where bash puts the text. It is refused where that would be something else. */
export function coppiceValue(text: string, alone: boolean, refusal: (message: string) => Error): string {
  if (alone || /^\s*[+-]?[\w#@]*\s*$/.test(text)) return text;
  throw refusal(`${text}: this shell puts no expression between operators; parentheses around it would do`);
}

/** An arithmetic expression whose tokens have spaces between them, with its assignments in one piece. */
export function coppiceJoined(expression: string): string {
  return expression.trim().replace(/(<<|>>|[|&^*/%+-]) +=(?!=)/g, "$1=");
}

/** An object that is made when it is first asked for something. */
export function coppiceLazy<T extends object>(make: () => T): T {
  let made: T | undefined;
  return new Proxy({} as T, { get: (_, name) => Reflect.get((made ??= make()), name) as unknown });
}

/** The message of a redirection that the file system refused. What else went wrong is thrown on. */
export function coppiceRefused(target: string, error: unknown): string {
  const refusal = refusalOf(error);
  if (refusal === undefined) throw error;
  return `bash: ${target}: ${refusal}\n`;
}

/** The message for a target that names no file, be it there or not; null for others. */
export function coppiceMistyped(target: string): string | null {
  if (target === "") return coppiceRefused(target, { code: "ENOENT" });
  return target.endsWith("/") ? coppiceRefused(target, { code: "EISDIR" }) : null;
}

/** Reads the target of a redirection, which with a slash at its end must not be a file. */
export async function coppiceOpened<T>(target: string, read: () => Promise<T>): Promise<T> {
  if (target === "") throw Object.assign(new Error("no name"), { code: "ENOENT" });
  const content = await read();
  if (target.endsWith("/")) throw Object.assign(new Error("a file"), { code: "ENOTDIR" });
  return content;
}

/** Writes to a file that was opened before, and may be out of reach by now. */
export async function coppiceWritten(write: () => Promise<void>): Promise<void> {
  try {
    await write();
  } catch (error) {
    if (refusalOf(error) === undefined) throw error;
  }
}
