/**
 * What is said of a command that is none: a sentence that names what to write instead, where that can be known. As in a shell, a file that is there and can't be started is another fault than one that is not there.
 */
import { posix } from "node:path";
import type { Engine, Oid } from "../engine.ts";
import { entryBehind, type entryAt } from "../store/tree.ts";
import { fileStart, headBytes, programOf, type Interpreter } from "./file-start.ts";
import { scriptTools, shellNames, knownTools } from "./known-tools.ts";
import { ownTool } from "./own-tools.ts";
import { CommandNotFound, UnstartableFile } from "./tool-errors.ts";

/** What the shell does itself and nothing else can: it changes the shell, or is a word of its language. */
const shellCommands = new Set(
  ". : alias cd command eval exec exit export read set source time trap type ulimit umask unset which".split(" "),
);

/** Other names of commands that there are. */
const otherNames: ReadonlyMap<string, string> = new Map([
  ...["dash", "ksh", "zsh"].map((name): [string, string] => [name, "sh"]),
  ...["gawk", "mawk", "nawk"].map((name): [string, string] => [name, "awk"]),
  ...["sed", "grep", "tar", "diff"].map((name): [string, string] => [`g${name}`, name]),
  ["less", "cat"],
  ["ripgrep", "rg"],
]);

/** Commands that there are not, and those that do what they do. */
const instead: ReadonlyMap<string, string> = new Map([
  ["csplit", "awk and split divide files"],
  ["file", "head -c and xxd show what a file begins with"],
  ["install", "cp, mkdir -p and chmod do what it does"],
  ["pr", "fmt, nl and column lay out texts"],
  ["tree", "find and ls -R list what is in folders"],
]);

type Call = {
  readonly argv: readonly string[];
  readonly in: Oid;
  readonly cwd: string;
  readonly path?: string | undefined;
};
type FoundEntry = NonNullable<ReturnType<typeof entryAt>>;

/**
 * The path of a file of the tree that is meant by a command's name: the name itself, where it has a slash and something is there, else the first executable file of that name in the folders of PATH. In /bin and /usr/bin the commands stand in
 * front of what the tree has there. Undefined where a command is meant, or nothing that there is.
 */
export function fileOfTree(engine: Engine, name: string, call: Call, isCommand: boolean): string | undefined {
  if (name.includes("/")) return entryNamed(engine, name, call) === undefined ? undefined : name;
  for (const folder of (call.path ?? "/bin").split(":")) {
    if (isCommand && /^(?:\/usr)?\/bin\/*$/.test(folder)) return undefined;
    const path = `${folder === "" ? "." : folder.replace(/\/+$/, "")}/${name}`;
    if (name !== "" && entryNamed(engine, path, call)?.mode === "100755") return path;
  }
  return undefined;
}

/** Whether a command's name is the path of a file that the shell starts as any shell would: it may be executed, and is a shell's script or one for a command that there is. */
export function startsInShell(engine: Engine, name: string, call: Call): boolean {
  const entry = entryNamed(engine, name, call);
  if (entry?.mode !== "100755") return false;
  const start = fileStart(contentOf(engine, entry));
  if (typeof start === "string") return start === "script";
  const program = programOf(start.interpreter);
  const started = interpreterOf(start);
  return (
    program !== start.interpreter && (started === "dash" || isKnown(started) || ownTool(engine, started) !== undefined)
  );
}

/** The fault of a call whose command is not known by its name. `call` is where a name with a slash is looked for. */
export function unknownCommand(
  engine: Engine,
  name: string,
  call: Call | undefined,
): CommandNotFound | UnstartableFile {
  const entry = call === undefined ? undefined : entryNamed(engine, name, call);
  if (entry !== undefined) return new UnstartableFile(name, fileHint(engine, name, entry));
  const words = call?.argv.slice(1) ?? [];
  return new CommandNotFound(name, `command not found; ${hint(name, words)}`);
}

/** What a name with a slash is the path of, symlinks followed. */
function entryNamed(engine: Engine, name: string, { cwd, in: tree }: Call): FoundEntry | undefined {
  if (!name.includes("/")) return undefined;
  const textOf = (oid: Oid) => Buffer.from(engine.get(oid).body).toString("utf8");
  return entryBehind((each) => engine.list(each), textOf, tree, posix.resolve(cwd, name));
}

function contentOf(engine: Engine, { oid }: FoundEntry): string {
  return Buffer.from(engine.get(oid).body.subarray(0, headBytes)).toString("latin1");
}

/** The name of the command that runs such a script in the end. */
function interpreterOf({ interpreter, argument = "" }: Interpreter): string {
  const base = posix.basename(interpreter);
  const words = argument.split(/[ \t]+/).filter((word) => word !== "" && !word.startsWith("-") && !word.includes("="));
  return base === "env" ? posix.basename(words[0] ?? "env") : base;
}

function fileHint(engine: Engine, name: string, entry: FoundEntry): string {
  if (entry.mode === "40000" || entry.mode === "160000") return "it is a folder";
  const start = fileStart(contentOf(engine, entry));
  if (start === "module")
    return `a WebAssembly module of a tree is no command until it is added: coppice tool add ${posix.basename(name, ".wasm")} ${name}`;
  if (start === "program") return "it is a program for one kind of machine, and commands here are WebAssembly modules";
  if (start === "binary") return "it is no script and no program";
  const interpreter = start === "script" ? "sh" : interpreterOf(start);
  if (interpreter.endsWith("\r"))
    return "its first line ends with CR, which is taken for a part of the interpreter's name";
  const known = otherNames.get(interpreter) ?? interpreter;
  if (!isKnown(known)) return `it is a script for ${interpreter}, which is none of the commands that there are`;
  const option = known === "awk" || known === "sed" || known === "jq" ? " -f" : "";
  const call = `coppice exec -- ${known}${option} ${name}`;
  if (entry.mode !== "100755")
    return `permission denied, since it has no exec bit (chmod +x ${name}); without one: ${call}`;
  return `a file of the tree is started by what it is written for: ${call}`;
}

function hint(name: string, words: readonly string[]): string {
  const known = otherNames.get(name) ?? name;
  const program = programOf(name);
  if (shellCommands.has(name))
    return `a shell has it: coppice exec -- sh -c ${JSON.stringify([name, ...words].join(" "))}`;
  if (/\s/.test(name)) return `a line is for a shell: coppice exec -- sh -c ${JSON.stringify(name)}`;
  if (program !== name && isKnown(program)) return `commands go by their names alone: coppice exec -- ${program}`;
  if (known !== name) return `there is ${known}`;
  if (name.includes("/")) return "the tree has no such file";
  const other = instead.get(name);
  if (other !== undefined) return other;
  return "`coppice tool list` shows those that are known, `coppice tool add NAME FILE.wasm` adds one";
}

/** Whether a name is a known command's, or the shell's. */
export function isKnown(name: string): boolean {
  return shellNames.has(name) || scriptTools.has(name) || Object.hasOwn(knownTools, name);
}
