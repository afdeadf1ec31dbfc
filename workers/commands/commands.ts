/**
 * Commands of Coppice's own as workers: a script that takes a command's arguments (design/wasi.md) and does what the command of the name `argv[0]` does, over the tree. They give the bytes that the native ones give
 * (design/tools.md), which neither the known WebAssembly modules of these names nor just-bash's do.
 */
import type { Job } from "coppice/worker";
import { awkCommand } from "./awk-command.ts";
import { bytesOf, stringsOf, textOf } from "../shell/bytes.ts";
import { diff } from "./diff.ts";
import { TreeFiles } from "../shell/files.ts";
import { ownCommandNames } from "../shell/command-names.ts";
import type { OwnCall, OwnEnded } from "./call.ts";
import { du } from "./du.ts";
import { expr } from "./expr.ts";
import { find } from "./find.ts";
import { grep } from "./grep.ts";
import { hexdump } from "./hexdump.ts";
import { linked } from "./link.ts";
import { patch } from "./patch.ts";
import { RegexFault } from "./regex.ts";
import { sed } from "./sed.ts";
import { sort } from "./sort.ts";
import { tac } from "./tac.ts";
import { xxd } from "./xxd.ts";
import { tar, type TarTree } from "./tar.ts";
import { filesFrom, removalIn } from "./tree-files.ts";

type Name = (typeof ownCommandNames)[number];

/** Commands that only read, or write single files; they run at once, so that awk can start them. */
const commands = {
  awk: (call: OwnCall) => awkCommand(call, started(call)),
  diff,
  du,
  egrep: grep,
  expr,
  fgrep: grep,
  grep,
  hd: hexdump,
  hexdump,
  sed,
  sort,
  tac,
  xxd,
} as const satisfies Partial<Record<Name, (call: OwnCall) => OwnEnded>>;

export default async function native(
  job: Job<"argv" | "env" | "stdin" | "in" | "cwd">,
): Promise<ReadonlyMap<string, unknown>> {
  const [name = "", ...args] = stringsOf(job.bytes(job.args.argv), "argv");
  const tree = new TreeFiles(job, job.args.in, () => false, job.args.stdin);
  const cwd = textOf(job.bytes(job.args.cwd));
  const env = new Map(
    stringsOf(job.bytes(job.args.env), "env").map((each): [string, string] => {
      const at = each.indexOf("=");
      return [each.slice(0, at), each.slice(at + 1)];
    }),
  );
  const files = filesFrom(tree, cwd);
  const stdin = () => tree.contentOf(job.args.stdin);
  const readPattern = (path: string) => (path === "-" ? stdin() : files.text(path));
  const { stdout, stderr, exitCode } = await endedIn({ name, args, env, files, stdin, readPattern }, tree, cwd);
  return new Map<string, unknown>([
    ["exit", String(exitCode & 255)],
    ["out", tree.finish()],
    ["stderr", bytesOf(stderr)],
    ["stdout", tree.blobOf(stdout)],
  ]);
}

async function endedIn(call: OwnCall, tree: TreeFiles, cwd: string): Promise<OwnEnded> {
  switch (call.name) {
    case "ln":
    case "link":
      return (
        (await linked(call, tree, cwd)) ?? {
          stdout: "",
          stderr: `${call.name}: missing or unknown operand\n`,
          exitCode: 1,
        }
      );
    case "patch":
      return patch(call, {
        makeFile: tarTree(tree, cwd).makeFile,
        remove: (path) => tree.rm(tree.resolvePath(cwd, path)),
      });
    case "tar":
      return tar(call, tarTree(tree, cwd));
    case "find":
      return find(call, {
        remove: removalIn(tree, cwd),
        // A call that starts others is the shell's (workers/shell/commands.ts).
        start: async ([name = ""]) => ({
          stdout: "",
          stderr: `find: '${name}': No such file or directory\n`,
          exitCode: 127,
        }),
      });
    default:
      return ended(call);
  }
}

function tarTree(tree: TreeFiles, cwd: string): TarTree {
  const at = (path: string) => tree.resolvePath(cwd, path);
  /** Makes room for what is no folder. */
  const clear = async (path: string) => {
    await tree.mkdir(tree.resolvePath(path, ".."), { recursive: true });
    await tree.rm(path, { force: true });
  };
  return {
    makeFolder: async (path) => {
      // A symlink to a folder is replaced by the folder, as tar does.
      const found = tree.look(at(path), false);
      if (found !== undefined && !found.isDirectory) await tree.rm(at(path));
      await tree.mkdir(at(path), { recursive: true });
    },
    makeFile: async (path, content, isExecutable) => {
      await clear(at(path));
      await tree.writeFile(at(path), content);
      await tree.chmod(at(path), isExecutable ? 0o755 : 0o644);
    },
    makeLink: async (path, target) => {
      await clear(at(path));
      await tree.symlink(target, at(path));
    },
    copy: async (from, to) => {
      await clear(at(to));
      await tree.link(at(from), at(to));
    },
  };
}

function ended(call: OwnCall): OwnEnded {
  if (!Object.hasOwn(commands, call.name)) throw new Error(`${call.name} is no command of this script`);
  try {
    return commands[call.name as keyof typeof commands](call);
  } catch (error) {
    if (!(error instanceof RegexFault)) throw error;
    return { stdout: "", stderr: `${call.name}: ${error.message}\n`, exitCode: 2 };
  }
}

/** Runs a command line that a command starts: one of those here, or `cat`, with words that may be quoted. Undefined for what it is not. */
function started(call: OwnCall): (line: string, stdin: string) => OwnEnded | undefined {
  return (line, stdin) => {
    const words = wordsOf(line);
    if (words === undefined) return undefined;
    const [name = "", ...args] = words;
    const toStderr = args.findIndex((arg) => arg === "1>&2" || arg === ">&2" || arg === ">/dev/stderr");
    if (toStderr >= 0) args.splice(toStderr, 1);
    const inner: OwnCall = {
      ...call,
      name,
      args,
      stdin: () => stdin,
      readPattern: (path) => (path === "-" ? stdin : call.files.text(path)),
    };
    const done = name === "cat" ? cat(inner) : Object.hasOwn(commands, name) ? ended(inner) : undefined;
    if (done === undefined || toStderr < 0) return done;
    return { stdout: "", stderr: done.stdout + done.stderr, exitCode: done.exitCode };
  };
}

function cat({ args, files, stdin }: OwnCall): OwnEnded | undefined {
  if (args.some((arg) => arg.startsWith("-") && arg !== "-")) return undefined;
  let [stdout, stderr] = ["", ""];
  for (const path of args.length === 0 ? ["-"] : args) {
    const text = path === "-" ? stdin() : files.text(path);
    if (text === undefined) stderr += `cat: ${path}: No such file or directory\n`;
    else stdout += text;
  }
  return { stdout, stderr, exitCode: stderr === "" ? 0 : 1 };
}

/** The words of a simple command; undefined for one that only a shell understands. */
function wordsOf(line: string): string[] | undefined {
  const words: string[] = [];
  const parts = /[ \t\n]*(?:((?:[\w%+,./:=@^~-]|\\[^\n]|'[^']*'|"[^"$`\\]*")+)|((?:1?>&2|> *\/dev\/stderr)))/y;
  const text = line.trim();
  while (parts.lastIndex < text.length) {
    const [, word, target] = parts.exec(text) ?? [];
    if (word === undefined && target === undefined) return undefined;
    if (target !== undefined) words.push(target.replace(" ", ""));
    else
      words.push(
        (word as string).replaceAll(
          /\\([^\n])|'([^']*)'|"([^"]*)"/g,
          (_, a?: string, b?: string, c?: string) => a ?? b ?? c ?? "",
        ),
      );
  }
  return words;
}
