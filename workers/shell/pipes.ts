/**
 * What a tool prints goes to the tool behind it in the pipeline by its blob's name, and what the script's last command prints goes so into the result: the bytes come into the shell only where something there looks at them.
 *
 * The build puts calls of these functions into the interpreter's text (workers/bundle-shell.ts). A pipeline hands a blob to its next stage (`coppiceHand`) where that is a simple command without a redirection of its stdin; the
 * command takes it (`coppiceTake`) and gives it to a tool (`coppiceGive`, `coppiceCalled`), while a builtin, a function or a script is given the text. A tool's output has `piped` in place of `stdout` only if it was
 * called with `takes`: then its way back to the pipeline has no redirection, and nobody who would add to it.
 *
 * With commands that are scripts themselves (command.ts) there are no pipes, and nothing here changes anything.
 */
import type { Entry } from "coppice/worker";

/** What a shell's interpreter knows of its pipes. */
export interface Pipes {
  /** A blob's content. */
  readonly textOf: (blob: Entry) => string;
  /** The script's last command, if it is a simple one; null where there is none, undefined before the script is known. */
  last: Command | null | undefined;
  /** For the command that begins next. */
  handed: Handed | undefined;
  /** For the tool that is called next. */
  called: Called | undefined;
  /** What `last` has printed. */
  tail: Entry | undefined;
  /** When the script has ended: what is left of its stdin. */
  unread: string;
}

/** What a tool is called with beside its text. */
export interface Called {
  /** Its stdin, in place of the text. */
  readonly piped: Entry | undefined;
  /** Whether it may answer a blob in place of a text. */
  readonly takes: boolean;
}

interface Handed extends Called {
  readonly command: Command;
}

interface Command {
  readonly type: string;
  readonly redirections?: readonly {
    readonly operator: string;
    readonly fd?: number | null;
    readonly fdVariable?: unknown;
  }[];
}

interface Pipeline {
  readonly commands: readonly Command[];
  readonly pipeStderr?: readonly boolean[];
}

interface Script {
  readonly statements: readonly {
    readonly pipelines: readonly Pipeline[];
    readonly background?: boolean;
  }[];
}

interface State {
  readonly coppicePipes?: Pipes;
  readonly coppiceTraps?: ReadonlyMap<string, string> | undefined;
  readonly coppiceShown?: ReadonlyMap<string, string> | undefined;
  readonly functions: ReadonlyMap<string, unknown>;
  readonly shoptOptions: { readonly expand_aliases: boolean };
  readonly fileDescriptors?: ReadonlyMap<number, unknown>;
  readonly closedStandardFds?: ReadonlySet<number>;
}

interface Output {
  readonly stdout: string;
  readonly piped?: Entry;
}

/** Notes the last command of a script, whose output nothing follows. Scripts that it starts have none. */
export function coppiceLast<Tree extends Script>({ coppicePipes: pipes }: State, script: Tree): Tree {
  if (pipes?.last !== undefined) return script;
  const statement = script.statements.at(-1);
  const command = statement?.background === true ? undefined : statement?.pipelines.at(-1)?.commands.at(-1);
  if (pipes !== undefined) pipes.last = command?.type === "SimpleCommand" ? command : null;
  return script;
}

/** Before a stage of a pipeline runs: the text of its stdin, empty where its command is handed the blob. */
export function coppiceHand(
  state: State,
  { commands, pipeStderr }: Pipeline,
  at: number,
  stdin: string | Entry,
): string {
  const pipes = state.coppicePipes;
  const command = commands[at];
  if (pipes === undefined || command === undefined) return stdin as string;
  pipes.handed = undefined;
  // An alias may become anything.
  if (command.type !== "SimpleCommand" || state.shoptOptions.expand_aliases) return textFor(pipes, stdin);
  const redirections = command.redirections ?? [];
  const isRead = at < commands.length - 1 ? pipeStderr?.[at] !== true : command === pipes.last && !hasTraps(state);
  const takes = isRead && !isRedirected(state, 1) && redirections.every(isOfStderr);
  const piped = typeof stdin === "object" && redirections.every(isOfOutput) ? stdin : undefined;
  if (takes || piped !== undefined) pipes.handed = { command, piped, takes };
  return piped === undefined ? textFor(pipes, stdin) : "";
}

function textFor(pipes: Pipes, stdin: string | Entry): string {
  return typeof stdin === "string" ? stdin : pipes.textOf(stdin);
}

/** What is done at the script's end may print behind its last command. */
function hasTraps({ coppiceTraps, coppiceShown }: State): boolean {
  return (coppiceTraps?.size ?? 0) > 0 || (coppiceShown?.size ?? 0) > 0;
}

function isRedirected({ fileDescriptors, closedStandardFds }: State, fd: number): boolean {
  return fileDescriptors?.has(fd) === true || closedStandardFds?.has(fd) === true;
}

type Redirection = NonNullable<Command["redirections"]>[number];

function isOfOutput({ operator, fd, fdVariable }: Redirection): boolean {
  return /^(?:>|>>|>\||>&|&>|&>>)$/.test(operator) && fd !== 0 && !fdVariable;
}

function isOfStderr({ operator, fd, fdVariable }: Redirection): boolean {
  return /^(?:>|>>|>\|)$/.test(operator) && fd === 2 && !fdVariable;
}

/** At the beginning of a command: what was handed to it. */
export function coppiceTake({ coppicePipes: pipes }: State, command: Command): Handed | undefined {
  const handed = pipes?.handed;
  if (pipes !== undefined) pipes.handed = undefined;
  return handed?.command === command ? handed : undefined;
}

/** Before a command of that name is called with a text as its stdin: the text that it is called with. What was handed to it waits for the tool, where it is one. */
export function coppiceGive(
  { coppicePipes: pipes, functions }: State,
  handed: Handed | undefined,
  name: string,
  isBuiltin: boolean,
  stdin: string,
): string {
  if (pipes === undefined || handed === undefined) return stdin;
  if (isBuiltin || functions.has(name)) return handed.piped === undefined ? stdin : pipes.textOf(handed.piped);
  pipes.called = handed;
  return stdin;
}

/** What the command that is called now has been given. */
export function coppiceCalled({ coppicePipes: pipes }: State): Called | undefined {
  const called = pipes?.called;
  if (pipes !== undefined) pipes.called = undefined;
  return called;
}

/** The text that is the stdin of what is no tool after all. */
export function coppicePiped({ coppicePipes: pipes }: State, called: Called | undefined, stdin: string): string {
  return pipes === undefined || called?.piped === undefined ? stdin : pipes.textOf(called.piped);
}

/** An output to which something is added. */
export function coppiceWhole<T extends Output>({ coppicePipes: pipes }: State, output: T): T {
  if (pipes === undefined || output.piped === undefined) return output;
  const { piped, ...rest } = output;
  return { ...rest, stdout: pipes.textOf(piped) + output.stdout } as T;
}

/** A stage's output as the next one's stdin; `textOf` knows that of one that is text. */
export function coppicePrinted<T extends Output>(
  state: State,
  output: T,
  textOf: (output: T) => string,
): string | Entry {
  return output.piped !== undefined && output.stdout === "" ? output.piped : textOf(coppiceWhole(state, output));
}

/** The output of a pipeline's last stage. */
export function coppiceEnd<T extends Output>(state: State, output: T): T {
  const pipes = state.coppicePipes;
  if (pipes === undefined || output.piped === undefined) return output;
  if (output.stdout !== "") return coppiceWhole(state, output);
  pipes.tail = output.piped;
  return output;
}
