/**
 * The worker `sh`: a shell script as a job. It takes a command's arguments (design/wasi.md) and `tools`, a tree {name: worker}, and gives a command's result. With it may come `plain`, a tree of workers for the plain calls of their
 * names (src/tools/plain-call.ts), `plain-text`, the worker of workers/plain-text, `empty`, the empty tree, and `known`, names in `tools` that are what these names are known for.
 *
 * The shell's own commands are done here. Every other command is a nested run of the worker that `tools` has under its name, which takes the same arguments: the tree as it is then, the exported variables, and what
 * comes through the pipe. So each stage of a pipeline is a request with a memo of its own. design/shell.md has what follows from that.
 */
import type { Entry, Job, WorkerFailed } from "coppice/worker";
import { listOf, nameBytes, bytesOf, stringsOf, textOf } from "./bytes.ts";
import type { Ended, Spawn } from "./call.ts";
import { hardLinks } from "../commands/hard-link.ts";
import { deafCommands, ownCommands } from "./commands.ts";
import { emptyOid, refusalOf, TreeFiles } from "./files.ts";
import { isFilter, readsStdin } from "./inputs.ts";
import { plainPipeline } from "./pipeline.ts";
import type { Called, Pipes } from "./pipes.ts";
import type { Inherited } from "./signals.ts";
import { fileStart, programOf } from "../../src/tools/file-start.ts";
import { endingTail } from "../../src/tools/starting-call.ts";
import { isPlainText, passesPlain, plainCall, printsPlain } from "../../src/tools/plain-call.ts";

/** Commands that a script may run, those of the shells that it starts included. */
export const commandsMax = 100_000;
/** Turns of one loop. */
export const loopTurnsMax = 1_000_000;
/** Shell functions that may be active at once. */
export const callDepthMax = 500;
/** Shells that may be active at once, each started by the one before it. */
export const shellDepthMax = 30;
/** Shells that one job may start, be it one after the other. */
export const shellsMax = 10_000;
/** Bytes that the shell itself holds of one output. */
export const outputBytesMax = 256 * 1024 * 1024;

/** The last status that says nothing of signals, nor of commands that can't be run. */
const lastUsualStatus = 125;
/** What a pipeline that is done without the interpreter may say on stderr. */
const usualStderrBytesMax = 1 << 16;
/** Blobs of which it is remembered that they are plain text: mostly the next stage's stdin is looked at, or the same file again. */
const plainBlobsMax = 16;
/** The blob of "0", which is how most commands end. */
const zeroOid = "c227083464fb9af8955c90d2924774ee50abb547";

/** What `--version` prints: a line that says what this is. */
const versionLine = "bash of Coppice: just-bash in a sealed job, much of GNU bash, version 5, without job control\n";

/** The shell's names, and what each calls itself. */
const shells = new Set(["sh", "bash", "dash"]);
/** Commands of the shell that are no builtins of just-bash's, and stay what they are whatever `tools` holds. */
const builtins = ["echo", "printf", "pwd", "true", "false", "alias", "unalias", "which"] as const;
const always = new Set<string>([...builtins, "test", "[", ":"]);

type ShellJob = Job<"argv" | "env" | "stdin" | "in" | "cwd" | "tools">;

type Repeated = "cwd" | "env" | "exit" | "stderr";

/** What all shells of one job share. */
interface World {
  readonly job: ShellJob;
  readonly files: TreeFiles;
  readonly tools: ReadonlyMap<string, Entry>;
  /** Workers for the plain calls of their names. */
  readonly plain: ReadonlyMap<string, Entry>;
  /** Names in `tools` that are what these names are known for. */
  readonly known: ReadonlySet<string>;
  /** The worker that knows whether a blob is plain text. */
  readonly plainText: Entry | undefined;
  /** Names of blobs that are plain text, the last few. */
  readonly plainBlobs: string[];
  /** Where none was bound, made when a command is first run over it. */
  emptyTree: Entry | undefined;
  /** What most commands are called with as the one before them was, or come to. */
  readonly lately: Map<Repeated, { readonly text: string; readonly blob: Entry }>;
  /** Shells that were started. */
  shells: number;
  /** For a shell that is started next. */
  inherited: Inherited;
}

/** The interpreter's commands, by name. */
type Commands = Pick<Map<string, object>, "get" | "has" | "keys">;

/** A part of the interpreter's state. */
interface Started {
  readonly env: Map<string, string>;
  readonly exportedVars: Set<string>;
  coppicePipes?: Pipes;
  coppiceFile?: (path: string) => object;
  coppiceMask?: number | undefined;
  coppiceTraps?: Map<string, string>;
}

/** What a command came to; `stdout` is the blob of what a tool printed until somebody looks at it. */
interface Finished {
  readonly stdout: string | Entry;
  readonly stderr: string;
  readonly exitCode: number;
  /** Of a shell: what it has not read of its stdin. */
  readonly unread?: string;
}

/** How a shell is started: options in effect, the script or where it is read, and its parameters. */
interface Start {
  readonly options: readonly string[];
  readonly script: { readonly text: string } | { readonly path: string } | "stdin" | "version";
  readonly name: string;
  readonly parameters: readonly string[];
}

export default async function shell(job: ShellJob): Promise<ReadonlyMap<string, unknown>> {
  const argv = stringsOf(job.bytes(job.args.argv), "argv");
  const env = environmentOf(stringsOf(job.bytes(job.args.env), "env"));
  const cwd = textOf(job.bytes(job.args.cwd));
  const tools = new Map(job.tree(job.args.tools).map((entry) => [nameBytes(entry.name), entry]));
  const { empty, known, plain, "plain-text": plainText } = job.args as Readonly<Record<string, Entry | undefined>>;
  const isCommand = (name: string) => always.has(name) || shells.has(name) || name in ownCommands || tools.has(name);
  const files = new TreeFiles(job, job.args.in, isCommand);
  const world: World = {
    job,
    files,
    tools,
    plain: new Map(plain === undefined ? [] : job.tree(plain).map((entry) => [nameBytes(entry.name), entry])),
    known: new Set(known === undefined ? [] : stringsOf(job.bytes(known), "known")),
    plainText,
    plainBlobs: [],
    emptyTree: empty,
    lately: new Map(),
    shells: 0,
    inherited: { mask: undefined, ignored: [] },
  };
  // By another name than a shell's it is called for a command that starts others.
  const ended = isShell(argv[0] ?? "sh")
    ? ((await runPipeline(world, argv, env, cwd)) ?? (await runShell(world, argv, env, cwd, job.args.stdin, 1)))
    : await startCommand(world, 0, argv, env, cwd, job.args.stdin);
  return new Map<string, unknown>([
    ["exit", repeated(world, "exit", String(ended.exitCode))],
    ["out", files.finish()],
    ["stderr", repeated(world, "stderr", ended.stderr)],
    ["stdout", blobOf(files, ended.stdout)],
  ]);
}

/** Does a script that is a plain pipeline, with what the interpreter would make of it; undefined for any other, and where something is out of the ordinary: what was done till then is remembered, and done again by the interpreter. */
async function runPipeline(
  world: World,
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
  cwd: string,
): Promise<Finished | undefined> {
  const { job, files, known, tools } = world;
  const start = startOf(argv);
  if (
    typeof start === "string" ||
    start.options.length > 0 ||
    typeof start.script === "string" ||
    !("text" in start.script)
  )
    return undefined;
  // Scratch is made by what only looks as if it asked for it, and commands come from where the shell has them.
  const isUsual =
    job.args.stdin.oid === emptyOid &&
    env["PWD"] === cwd &&
    /^(?:\/usr)?\/bin(?::|$)/.test(env["PATH"] ?? "") &&
    !("SHELLOPTS" in env || "BASHOPTS" in env) &&
    !`${cwd}/${start.script.text}`.includes("/tmp");
  const stages = isUsual ? plainPipeline(start.script.text) : undefined;
  if (stages?.every(([name = ""]) => known.has(name) && tools.has(name)) !== true) return undefined;
  let stdout: string | Entry = "";
  let stderr = "";
  let exitCode = 0;
  for (const stage of stages) {
    const [name = "", ...args] = stage;
    const stdin: string | Entry = mayRead(name, args, stdout !== "") ? stdout : "";
    const ended: Finished = await startCommand(world, 1, stage, env, cwd, stdin);
    ({ stdout, exitCode } = ended);
    stderr += ended.stderr;
    if (exitCode > lastUsualStatus || stderr.length > usualStderrBytesMax) {
      files.replace(job.args.in);
      return undefined;
    }
  }
  return { stdout, stderr, exitCode };
}

function blobOf(files: TreeFiles, output: string | Entry): Entry {
  return typeof output === "string" ? files.blobOf(output) : output;
}

function textFrom(files: TreeFiles, output: string | Entry): string {
  return typeof output === "string" ? output : files.contentOf(output);
}

function environmentOf(strings: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    strings.map((each): [string, string] => {
      const at = each.indexOf("=", 1);
      if (at === -1) throw new Error("env has a string without =");
      return [each.slice(0, at), each.slice(at + 1)];
    }),
  );
}

/** Runs a shell with these arguments; `depth` counts the shells that are active. */
async function runShell(
  world: World,
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
  cwd: string,
  given: string | Entry,
  depth: number,
): Promise<Finished> {
  const [name = "sh"] = argv;
  if (depth > shellDepthMax) return failed(name, `more than ${shellDepthMax} shells are active`, 126);
  if (++world.shells > shellsMax) return failed(name, `more than ${shellsMax} shells were started`, 126);
  const start = startOf(argv);
  if (typeof start === "string") return failed(name, start, 2);
  if (start.script === "version") return { stdout: versionLine, stderr: "", exitCode: 0 };
  const stdin = textFrom(world.files, given);
  let script = "";
  let input = stdin;
  if (start.script === "stdin") {
    script = stdin;
    input = "";
  } else if ("text" in start.script) script = start.script.text;
  else {
    const { path } = start.script;
    try {
      script = await world.files.readFile(world.files.resolvePath(cwd, path));
    } catch (error) {
      const refusal = refusalOf(error);
      if (refusal === undefined) throw error;
      const { code } = error as { readonly code?: unknown };
      // bash calls itself by a script that it has found.
      return failed(code === "EISDIR" ? path : name, `${path}: ${refusal}`, code === "ENOENT" ? 127 : 126);
    }
    if (["module", "program", "binary"].includes(fileStart(script) as string))
      return failed(path, `${path}: cannot execute binary file`, 126);
  }
  const { Bash } = await import("./interpreter.ts");
  const bash = new Bash({
    fs: world.files,
    cwd,
    env,
    commands: [...builtins],
    defenseInDepth: false,
    // Positional parameters that are not there must not be found in the environment.
    processInfo: { pid: depth + 1, ppid: depth, uid: 0, gid: 0 },
    executionLimits: {
      maxCommandCount: commandsMax,
      maxLoopIterations: loopTurnsMax,
      maxCallDepth: callDepthMax,
      maxOutputSize: outputBytesMax,
      maxExecutionTimeMs: Number.MAX_SAFE_INTEGER,
      maxWorkUnits: Number.MAX_SAFE_INTEGER,
    },
  });
  // Of what just-bash takes for granted a shell has only what it was given.
  const inside = bash as unknown as { readonly state: Started; commands: Commands };
  const { state } = inside;
  inside.commands = commandsOf(world, depth, inside.commands);
  const pipes: Pipes = {
    textOf: (blob) => world.files.contentOf(blob),
    last: undefined,
    handed: undefined,
    called: undefined,
    tail: undefined,
    unread: "",
  };
  state.coppicePipes = pipes;
  state.coppiceFile = (path) => commandOf(world, depth, path);
  const { inherited } = world;
  state.coppiceMask = inherited.mask;
  if (inherited.ignored.length > 0) state.coppiceTraps = new Map(inherited.ignored.map((signal) => [signal, ""]));
  for (const variable of ["HOME", "OLDPWD"]) {
    if (Object.hasOwn(env, variable)) continue;
    state.env.delete(variable);
    state.exportedVars.delete(variable);
  }
  const set = start.options.length === 0 ? "" : `set ${start.options.join(" ")};`;
  const parameters: Record<string, string> = {
    "0": start.name,
    "#": String(start.parameters.length),
    "@": start.parameters.join(" "),
    "*": start.parameters.join(" "),
  };
  for (const [at, value] of start.parameters.entries()) parameters[String(at + 1)] = value;
  const result = await bash.exec(set + script, {
    rawScript: true,
    env: { ...parameters, PWD: cwd },
    stdin: input,
    stdinKind: "bytes",
  });
  world.inherited = inherited;
  const { tail } = pipes;
  const stdout =
    tail === undefined || result.stdout === "" ? (tail ?? result.stdout) : result.stdout + world.files.contentOf(tail);
  return { stdout, stderr: result.stderr, exitCode: result.exitCode & 255, unread: pipes.unread };
}

function failed(self: string, message: string, exitCode: number): Finished {
  return { stdout: "", stderr: `${self}: ${message}\n`, exitCode };
}

/** `sh [-euxo OPTION …] [-c SCRIPT | FILE] [NAME or ARGUMENT …]`, or what is wrong with it. */
function startOf([self = "sh", ...args]: readonly string[]): Start | string {
  const options: string[] = [];
  let isScript = false;
  let fromStdin = false;
  let at = 0;
  for (; at < args.length; at++) {
    const arg = args[at] as string;
    if (arg === "--" || arg === "-") {
      at++;
      break;
    }
    if (arg === "--version") return { options, script: "version", name: self, parameters: [] };
    if (/^--(login|norc|noprofile|posix|noediting)$/.test(arg)) continue;
    if (arg.startsWith("--")) return `${arg}: invalid option`;
    if (!/^[-+]./.test(arg)) break;
    for (const letter of arg.slice(1)) {
      const sign = arg[0] as string;
      if (letter === "c" && sign === "-") isScript = true;
      else if (letter === "s" && sign === "-") fromStdin = true;
      else if (letter === "l" || letter === "i") continue;
      else if (letter === "o" || letter === "O") {
        const option = args[++at];
        if (option === undefined || !/^[a-z_]+$/.test(option)) return `${arg}: it takes an option's name`;
        options.push(`${sign}o`, option);
      } else if (/[abefhkmnptuvxBCEHPT]/.test(letter)) options.push(`${sign}${letter}`);
      else return `${sign}${letter}: invalid option`;
    }
  }
  const rest = args.slice(at);
  if (isScript) {
    const [text, name = self, ...parameters] = rest;
    if (text === undefined) return "-c: option requires an argument";
    return { options, script: { text }, name, parameters };
  }
  const [path, ...parameters] = rest;
  if (fromStdin || path === undefined) return { options, script: "stdin", name: self, parameters: rest };
  return { options, script: { path }, name: path, parameters };
}

/** The interpreter's builtins, and what is started here: made when it is called, since there are a hundred. */
function commandsOf(world: World, depth: number, builtin: Commands): Commands {
  const isStarted = (name: string) => !always.has(name) && isStartable(world, name);
  return {
    get: (name) => builtin.get(name) ?? (isStarted(name) ? commandOf(world, depth, name) : undefined),
    has: (name) => builtin.has(name) || isStarted(name),
    keys: () => new Set([...builtin.keys(), ...shells, ...Object.keys(ownCommands), ...world.tools.keys()]).keys(),
  };
}

/** A command as the interpreter has those that it does not bring itself, or a file's path in place of its name. */
function commandOf(world: World, depth: number, name: string) {
  return {
    name,
    internalIsExtension: true,
    execute: async (
      args: readonly string[],
      context: {
        readonly cwd: string;
        readonly exportedEnv?: Record<string, string>;
        readonly stdin: unknown;
        readonly called?: Called;
        readonly inherited: Inherited;
        readonly ownStdin: boolean;
        readonly leave: (unread: string) => void;
      },
    ) => {
      const { piped, takes } = context.called ?? { piped: undefined, takes: false };
      world.inherited = context.inherited;
      // Asking for it empties it, so a command that does not read leaves it to the next.
      const stdin = mayRead(name, args, context.ownStdin) ? (piped ?? (context.stdin as string)) : "";
      const { stdout, unread, ...ended } = await startCommand(
        world,
        depth,
        [name, ...args],
        { ...context.exportedEnv },
        context.cwd,
        stdin,
      );
      if (unread !== undefined && piped === undefined) context.leave(unread);
      const output =
        takes && typeof stdout === "object" ? { stdout: "", piped: stdout } : { stdout: textFrom(world.files, stdout) };
      return { ...ended, ...output, stdoutKind: "bytes" as const };
    },
  };
}

function mayRead(name: string, args: readonly string[], ownStdin: boolean): boolean {
  const base = programOf(name);
  if (shells.has(base) || base.includes("/")) return true;
  if (deafCommands.has(base)) return false;
  if (Object.hasOwn(ownCommands, base)) return true;
  return readsStdin(base, args, ownStdin);
}

function isShell(name: string): boolean {
  return shells.has(programOf(name));
}

/** `Spawn` with a blob in place of a text: its stdin may be one, and so may what it printed. */
async function startCommand(
  world: World,
  depth: number,
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
  cwd: string,
  stdin: string | Entry,
  asTool = false,
): Promise<Finished> {
  const [name = "", ...args] = argv;
  const base = programOf(name);
  if (shells.has(base)) return runShell(world, argv, env, cwd, stdin, depth + 1);
  const own = Object.hasOwn(ownCommands, base) && !asTool ? ownCommands[base] : undefined;
  if (own !== undefined) {
    return own({
      args,
      env,
      cwd,
      stdin: textFrom(world.files, stdin),
      spawn: spawnFrom(world, depth),
      files: world.files,
    });
  }
  const tool = world.tools.get(base);
  if (tool !== undefined) {
    if (world.known.has(base)) {
      const tail = base === "tail" ? endingTail(args) : undefined;
      if (tail !== undefined) {
        const ended = await startCommand(world, depth, [name, ...tail.args], env, cwd, stdin);
        return tail.waits && (ended.exitCode === 0 || ended.stdout !== "")
          ? { ...ended, stderr: `${ended.stderr}${tailNote}` }
          : ended;
      }
      const links = base === "ln" ? await hardLinksInstead(world, args, cwd) : undefined;
      if (links !== undefined) return links;
    }
    const plain = (await isPlain(world, argv, base, cwd, stdin)) ? world.plain.get(base) : undefined;
    const ended = await runTool(world, plain ?? tool, base, [base, ...args], env, cwd, stdin);
    const isPlainly =
      plain === undefined
        ? world.known.has(base) && isKnownPlain(world, stdin) && passesPlain([base, ...args])
        : printsPlain([base, ...args]);
    // Then the next stage need not have it looked at.
    if (isPlainly && typeof ended.stdout === "object") notePlain(world, ended.stdout);
    return ended;
  }
  if (name.includes("/")) return startFile(world, depth, argv, env, cwd, stdin);
  if (asTool) return { stdout: "", stderr: `${name}: command not found\n`, exitCode: 127 };
  return runShell(world, ["sh", "-c", argv.map(quoted).join(" ")], env, cwd, stdin, depth + 1);
}

/** Starts a file by its path, as Linux and bash do: what its first line names, a command that is found in /bin and /usr/bin, else a shell. */
async function startFile(
  world: World,
  depth: number,
  [path = "", ...args]: readonly string[],
  env: Readonly<Record<string, string>>,
  cwd: string,
  stdin: string | Entry,
): Promise<Finished> {
  const { files } = world;
  const refused = (message: string, exitCode: number) => failed("bash", `${path}: ${message}`, exitCode);
  // A first line may lead back to its file.
  if (depth > shellDepthMax) return refused(`more than ${shellDepthMax} files start each other`, 126);
  const place = files.resolvePath(cwd, path);
  let content: string | undefined;
  try {
    const found = await files.stat(place);
    if (found.isDirectory) return refused("Is a directory", 126);
    if (path.endsWith("/")) return refused("Not a directory", 126);
    if ((found.mode & 0o100) === 0) return refused("Permission denied", 126);
    content = files.text(place);
  } catch (error) {
    const refusal = refusalOf(error);
    if (refusal === undefined) throw error;
    return refused(refusal, (error as { readonly code?: unknown }).code === "ENOENT" ? 127 : 126);
  }
  // A program that is known by its name, of which the tree has nothing.
  if (content === undefined) return refused("No such file or directory", 127);
  const start = fileStart(content);
  if (start === "script") return runShell(world, ["sh", "--", path, ...args], env, cwd, stdin, depth + 1);
  if (typeof start === "string") return refused("cannot execute binary file: Exec format error", 126);
  const { interpreter, argument } = start;
  const program = programOf(interpreter);
  if (program === interpreter || !isStartable(world, program)) {
    return refused("cannot execute: required file not found", 127);
  }
  const words = argument === undefined ? [program] : [program, argument];
  return startCommand(world, depth + 1, [...words, path, ...args], env, cwd, stdin);
}

function isStartable({ tools }: World, program: string): boolean {
  return shells.has(program) || Object.hasOwn(ownCommands, program) || tools.has(program);
}

function spawnFrom(world: World, depth: number): Spawn {
  return async (argv, env, cwd, stdin, asTool) => {
    const { stdout, unread: _, ...ended } = await startCommand(world, depth, argv, env, cwd, stdin, asTool);
    return { ...ended, stdout: textFrom(world.files, stdout) };
  };
}

const tailNote = "tail: -f ends here, since nothing is appended to a file while a command runs\n";

/** What is done in place of a well-known ln without -s, which can't do it. */
async function hardLinksInstead({ files }: World, args: readonly string[], cwd: string): Promise<Ended | undefined> {
  if (args.some((arg) => arg.includes("/tmp"))) files.makeScratch();
  return hardLinks(files, cwd, args);
}

/** Whether a call is plain, by what stands in it, and by what it names and reads. */
async function isPlain(
  world: World,
  argv: readonly string[],
  name: string,
  cwd: string,
  stdin: string | Entry,
): Promise<boolean> {
  const { files, plain } = world;
  const call = plain.has(name) ? plainCall([name, ...argv.slice(1)]) : undefined;
  // A folder would have to be looked through for symlinks first.
  if (call === undefined || !call.readsText) return false;
  if (call.paths.length === 0) return isPlainContent(world, stdin);
  for (const path of call.paths) {
    try {
      if (!(await isPlainContent(world, files.fileAt(files.resolvePath(cwd, path))))) return false;
    } catch {
      return false; // what is not there is for a tool that says so
    }
  }
  return true;
}

async function isPlainContent(world: World, content: string | Entry): Promise<boolean> {
  const { job, files, plainText } = world;
  if (typeof content === "string") return isPlainText(content);
  if (isKnownPlain(world, content)) return true;
  const isText =
    plainText === undefined || files.holds(content)
      ? isPlainText(files.contentOf(content))
      : (await job.run(plainText, { blob: content })).oid === emptyOid;
  if (isText) notePlain(world, content);
  return isText;
}

function isKnownPlain({ plainBlobs }: World, content: string | Entry): boolean {
  return typeof content === "object" && plainBlobs.includes(content.oid);
}

function notePlain({ plainBlobs }: World, { oid }: Entry): void {
  plainBlobs.push(oid);
  if (plainBlobs.length > plainBlobsMax) plainBlobs.shift();
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

/** Runs a tool as a request of its own, and goes on with the tree that it leaves. */
async function runTool(
  world: World,
  tool: Entry,
  name: string,
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
  cwd: string,
  stdin: string | Entry,
): Promise<Finished> {
  const { job, files } = world;
  const isInScratch = cwd === "/tmp" || cwd.startsWith("/tmp/");
  if (isInScratch || name === "mktemp" || argv.some((arg) => arg.includes("/tmp"))) files.makeScratch();
  // Of its folder a program learns by PWD, which `env -C` and `find -execdir` leave as it was.
  const placed = (env["PWD"] ?? "/") === cwd ? env : { ...env, PWD: cwd };
  const common = {
    argv: listOf(argv),
    env: repeated(
      world,
      "env",
      Object.entries(placed)
        .map(([key, value]) => `${key}=${value}\0`)
        .toSorted()
        .join(""),
    ),
    stdin: blobOf(files, stdin),
  };
  try {
    if (world.known.has(name) && isFilter(name, argv.slice(1))) {
      const empty = (world.emptyTree ??= job.putTree({}));
      const result = namedIn(job, await job.run(tool, { ...common, in: empty, cwd: repeated(world, "cwd", "/") }));
      // One that wrote something is no filter after all.
      if (result.get("out")?.oid === empty.oid) return endedBy(world, result);
    }
    let folder: string;
    try {
      folder = files.realPath(cwd);
    } catch {
      return { stdout: "", stderr: `${name}: the current folder is gone\n`, exitCode: 126 };
    }
    const result = namedIn(
      job,
      await job.run(tool, { ...common, in: files.tree(), cwd: repeated(world, "cwd", folder) }),
    );
    files.replace(result.get("out") as Entry);
    return endedBy(world, result);
  } catch (error) {
    if ((error as Error).name !== "WorkerFailed") throw error;
    const { code, message } = error as WorkerFailed;
    // As the shell tells of a command that a signal ended: it was aborted, or killed for what it used.
    return { stdout: "", stderr: `${name}: ${bytesText(message)}\n`, exitCode: code === "limit" ? 137 : 134 };
  }
}

/** A text's blob, stored unless the last one of the name was the same. */
function repeated({ job, lately }: World, name: Repeated, text: string): Entry {
  const last = lately.get(name);
  if (last?.text === text) return last.blob;
  const blob = job.putBlob(bytesOf(text));
  lately.set(name, { text, blob });
  return blob;
}

function bytesText(message: string): string {
  return nameBytes(message);
}

function namedIn(job: ShellJob, result: Entry): ReadonlyMap<string, Entry> {
  return new Map(job.tree(result).map((entry) => [entry.name, entry]));
}

function endedBy({ files, job, lately }: World, result: ReadonlyMap<string, Entry>): Finished {
  const part = (name: string) => result.get(name) as Entry;
  const [exit, stderr, stdout] = [part("exit"), part("stderr"), part("stdout")];
  if (exit.oid === zeroOid) lately.set("exit", { text: "0", blob: exit });
  if (stderr.oid === emptyOid) lately.set("stderr", { text: "", blob: stderr });
  return {
    stdout: stdout.oid === emptyOid ? "" : stdout,
    stderr: files.contentOf(stderr),
    exitCode: exit.oid === zeroOid ? 0 : Number(job.text(exit)),
  };
}
