/**
 * What just-bash's interpreter does otherwise than a shell, done as one does. The build puts calls of these functions into its text (workers/bundle-shell.ts); they work on the interpreter's state, which has fields of ours
 * beside its own.
 */
import { refusalOf } from "./files.ts";

interface State {
  groupStdin?: string;
  inCondition: boolean;
  lastExitCode: number;
  env: Map<string, string>;
  /** `exec COMMAND` has run: the shell ends when its redirections are done. */
  coppiceReplaced?: boolean;
  /** The command that runs has an fd 0 of its own, be it empty. */
  coppiceOwnStdin?: boolean;
  cwd: string;
  arrays?: Map<string, { readonly elements: Map<string, string> }>;
  /** What `trap` has set, by signal. */
  coppiceTraps?: Map<string, string>;
  /** Exit statuses of what ran in the background, by process number. */
  coppiceJobs?: Map<number, number>;
  lastBackgroundPid: number;
  nextVirtualPid: number;
  callDepth: number;
  coppicePipes?: { unread: string };
  fileDescriptors?: Map<number, unknown>;
  fdAliases?: Map<number, Set<number>>;
  closedStandardFds?: Set<number>;
}

interface Context {
  readonly state: State;
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

interface Interpreter<Tree> {
  readonly ctx: Context;
  executeScript(script: Tree): Promise<Output>;
}

/** Runs a script, and what it has set to be done at its end. */
export async function coppiceScript<Tree>(
  interpreter: Interpreter<Tree>,
  script: Tree,
  parse: (text: string) => Tree,
): Promise<Output> {
  const { state } = interpreter.ctx;
  const output = await withTraps(interpreter, script, parse);
  if (state.coppicePipes !== undefined) state.coppicePipes.unread = state.groupStdin ?? "";
  return output;
}

async function withTraps<Tree>(
  interpreter: Interpreter<Tree>,
  script: Tree,
  parse: (text: string) => Tree,
): Promise<Output> {
  const { state } = interpreter.ctx;
  let output: Output;
  try {
    output = await interpreter.executeScript(script);
  } catch (error) {
    if ((error as Error).name !== "ExitError") throw error;
    const { stdout, stderr, exitCode } = error as Error & Output;
    output = { stdout, stderr, exitCode, ...environment(state) };
  }
  const action = state.coppiceTraps?.get("EXIT");
  if (action === undefined || action === "") return output;
  state.coppiceTraps?.delete("EXIT");
  state.lastExitCode = output.exitCode;
  state.env.set("?", String(output.exitCode));
  let { exitCode } = output;
  let last: Output;
  try {
    last = await interpreter.executeScript(parse(action));
  } catch (error) {
    if ((error as Error).name !== "ExitError") throw error;
    last = error as Error & Output;
    exitCode = last.exitCode;
  }
  return { ...output, stdout: output.stdout + last.stdout, stderr: output.stderr + last.stderr, exitCode };
}

/** Runs a subshell's commands: traps of the shell above are not its own, and those that it sets end with it. */
export async function coppiceSubshell<Tree>(
  context: Context & { executeScript(script: Tree): Promise<Output> },
  run: () => Promise<Output>,
  parse: (text: string) => Tree,
): Promise<Output> {
  const { state } = context;
  const above = state.coppiceTraps;
  state.coppiceTraps = new Map();
  try {
    const output = await run();
    const action = state.coppiceTraps.get("EXIT");
    if (action === undefined || action === "") return output;
    state.lastExitCode = output.exitCode;
    const last = await context.executeScript(parse(action));
    return { ...output, stdout: output.stdout + last.stdout, stderr: output.stderr + last.stderr };
  } finally {
    if (above === undefined) delete state.coppiceTraps;
    else state.coppiceTraps = above;
  }
}

interface Statement {
  readonly pipelines: readonly { readonly commands: readonly { readonly type: string }[] }[];
}

const failing = new Set(["SimpleCommand", "Subshell", "ArithmeticCommand", "ConditionalCommand"]);

/** What `trap … ERR` does about a statement that has failed where `set -e` would end the shell. In functions nothing: their callers fail, too. */
export async function coppiceError<Tree>(
  interpreter: { readonly ctx: Context; executeScript(script: Tree): Promise<Output> },
  statement: Statement,
  exitCode: number,
  parse: (text: string) => Tree,
): Promise<Output> {
  const { state } = interpreter.ctx;
  const traps = state.coppiceTraps;
  const action = traps?.get("ERR") ?? "";
  const type = statement.pipelines.at(-1)?.commands.at(-1)?.type ?? "";
  if (traps === undefined || action === "" || state.inCondition || state.callDepth > 0 || !failing.has(type))
    return done;
  traps.delete("ERR");
  state.lastExitCode = exitCode;
  state.env.set("?", String(exitCode));
  const output = await interpreter.executeScript(parse(action));
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
export async function coppiceStage<T>(
  state: State,
  { commands, pipeStderr }: Pipeline,
  at: number,
  isSubshell: boolean,
  isolate: Isolate,
  run: () => Promise<T>,
): Promise<T> {
  if (!isSubshell) return run();
  const isRead = at < commands.length - 1;
  const ends = [...(at > 0 ? [0] : []), ...(isRead ? [1] : []), ...(isRead && pipeStderr?.[at] === true ? [2] : [])];
  return isolated(state, ends, isolate, run);
}

/** Runs what a substitution stands for, whose stdout is no more what `exec` has made of it. */
export async function coppiceSubstituted<T>(state: State, isolate: Isolate, run: () => Promise<T>): Promise<T> {
  const isRedirected = state.fileDescriptors?.has(1) === true || state.closedStandardFds?.has(1) === true;
  return isRedirected ? isolated(state, [1], isolate, run) : run();
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
export async function coppiceBackground(state: State, isolate: Isolate, run: () => Promise<Output>): Promise<Output> {
  const pid = state.nextVirtualPid++;
  const restore = isolate(state);
  state.groupStdin = "";
  let output: Output;
  try {
    output = await run();
  } catch (error) {
    if (!/^(?:Errexit|Exit)Error$/.test((error as Error).name)) throw error;
    output = error as Error & Output;
  } finally {
    restore();
  }
  (state.coppiceJobs ??= new Map()).set(pid, output.exitCode);
  state.lastBackgroundPid = pid;
  state.lastExitCode = 0;
  return { stdout: output.stdout, stderr: output.stderr, exitCode: 0 };
}

/** `wait [PID …]`: all is over already. */
export function coppiceWait(state: State, args: readonly string[]): Output {
  const pids = args.filter((arg) => !arg.startsWith("-"));
  const last = pids.at(-1);
  if (last === undefined || last.startsWith("%")) return done;
  return { ...done, exitCode: state.coppiceJobs?.get(Number(last)) ?? 127 };
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
export async function coppiceSubstitute<Tree>(
  context: Context & { executeScript(script: Tree): Promise<Output> },
  text: string,
  parse: (text: string) => Tree,
): Promise<Output> {
  const { state } = context;
  const { env, cwd, arrays } = state;
  state.env = new Map(env);
  if (arrays !== undefined) {
    state.arrays = new Map([...arrays].map(([name, array]) => [name, { ...array, elements: new Map(array.elements) }]));
  }
  try {
    return await context.executeScript(parse(text));
  } catch (error) {
    if ((error as Error).name !== "ExitError") throw error;
    return error as Error & Output;
  } finally {
    state.env = env;
    state.cwd = cwd;
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

/** What a shell of 64 bits makes of two whole numbers where a number of JavaScript's would not; undefined where both are alike. */
export function coppiceArithmetic(left: number, right: number, operator: string): number | undefined {
  if (!Number.isFinite(left) || !Number.isFinite(right)) return undefined;
  const [a, b] = [BigInt(Math.trunc(left)), BigInt(Math.trunc(right))];
  switch (operator) {
    case "+":
      return wide(a + b);
    case "-":
      return wide(a - b);
    case "*":
      return wide(a * b);
    case "**":
      return b < 0n ? undefined : wide(power(a, b));
    case "<<":
      return wide(a << (b & 63n));
    case ">>":
      return wide(BigInt.asIntN(64, a) >> (b & 63n));
    case "&":
      return wide(a & b);
    case "|":
      return wide(a | b);
    case "^":
      return wide(a ^ b);
    default:
      return undefined;
  }
}

function wide(made: bigint): number {
  return Number(BigInt.asIntN(64, made));
}

function power(base: bigint, exponent: bigint): bigint {
  let [made, square] = [1n, base];
  for (let left = exponent; left > 0n; left >>= 1n) {
    if ((left & 1n) === 1n) made = BigInt.asIntN(64, made * square);
    square = BigInt.asIntN(64, square * square);
  }
  return made;
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
