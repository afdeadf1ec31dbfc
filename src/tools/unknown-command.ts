/**
 * What is said of a command that is none: a sentence that names what to write instead, where that can be known. As in a shell, a file that is there and can't be started is another fault than one that is not there.
 */
import { posix } from "node:path";
import type { Engine, Oid } from "../engine.ts";
import { entryAt } from "../store/tree.ts";
import { scriptTools, shellNames, knownTools } from "./known-tools.ts";
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

/** Bytes of a file that are looked at for what starts it. */
const headBytes = 200;

/** What a file is, as far as starting it goes. */
function startedBy(head: Buffer): "module" | "program" | { readonly interpreter: string } | undefined {
  const text = head.toString("latin1", 0, headBytes);
  if (text.startsWith("\0asm")) return "module";
  if (/^(?:\x7fELF|MZ|[\xcf\xce]\xfa\xed\xfe|\xca\xfe\xba\xbe)/.test(text)) return "program";
  const [, path = "", rest = ""] = /^#![ \t]*(\S+)[ \t]*(.*)/.exec(text) ?? [];
  const words = rest.split(/[ \t]+/).filter((word) => word !== "" && !word.startsWith("-") && !word.includes("="));
  const base = posix.basename(path);
  if (path !== "") return { interpreter: base === "env" ? posix.basename(words[0] ?? "env") : base };
  return text.includes("\0") ? undefined : { interpreter: "sh" };
}

/** The fault of a call whose command is not known by its name. `call` is where a name with a slash is looked for. */
export function unknownCommand(
  engine: Engine,
  name: string,
  call: { readonly argv: readonly string[]; readonly in: Oid; readonly cwd: string } | undefined,
): CommandNotFound | UnstartableFile {
  const entry =
    call === undefined || !name.includes("/") ? undefined : entryOf(engine, posix.resolve(call.cwd, name), call.in);
  if (entry !== undefined) return new UnstartableFile(name, fileHint(engine, name, entry));
  const words = call?.argv.slice(1) ?? [];
  return new CommandNotFound(name, `command not found; ${hint(name, words)}`);
}

function entryOf(engine: Engine, path: string, tree: Oid): ReturnType<typeof entryAt> {
  return entryAt((each) => engine.list(each), tree, path);
}

function fileHint(engine: Engine, name: string, { mode, oid }: { readonly mode: string; readonly oid: Oid }): string {
  if (mode === "40000" || mode === "160000") return "it is a folder";
  const kind = mode === "120000" ? { interpreter: "sh" } : startedBy(Buffer.from(engine.get(oid).body));
  if (kind === "module")
    return `a WebAssembly module of a tree is no command until it is added: coppice tool add ${posix.basename(name, ".wasm")} ${name}`;
  if (kind === "program") return "it is a program for one kind of machine, and commands here are WebAssembly modules";
  if (kind === undefined) return "it is no script and no program";
  const { interpreter } = kind;
  const known = otherNames.get(interpreter) ?? interpreter;
  if (!isKnown(known)) return `it is a script for ${interpreter}, which is none of the commands that there are`;
  const option = known === "awk" || known === "sed" || known === "jq" ? " -f" : "";
  return `a file of the tree is started by what it is written for: coppice exec -- ${known}${option} ${name}`;
}

function hint(name: string, words: readonly string[]): string {
  const known = otherNames.get(name) ?? name;
  const program = /^\/(?:usr\/)?bin\/([^/]+)$/.exec(name)?.[1];
  if (shellCommands.has(name))
    return `a shell has it: coppice exec -- sh -c ${JSON.stringify([name, ...words].join(" "))}`;
  if (/\s/.test(name)) return `a line is for a shell: coppice exec -- sh -c ${JSON.stringify(name)}`;
  if (program !== undefined && isKnown(program)) return `commands go by their names alone: coppice exec -- ${program}`;
  if (known !== name) return `there is ${known}`;
  if (name.includes("/")) return "the tree has no such file";
  return "`coppice tool list` shows those that are known, `coppice tool add NAME FILE.wasm` adds one";
}

function isKnown(name: string): boolean {
  return shellNames.has(name) || scriptTools.has(name) || Object.hasOwn(knownTools, name);
}
