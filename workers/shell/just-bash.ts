/**
 * Commands of just-bash's as workers: a script that takes a command's arguments (design/wasi.md) and does what the command of the name `argv[0]` does, over the tree. They are what the known WebAssembly modules of the
 * same names are not (design/tools.md).
 */
import type { Job } from "coppice/worker";
import { Bash } from "just-bash";
import { bytesOf, stringsOf, textOf } from "./bytes.ts";
import { justBashCommands } from "./command-names.ts";
import { TreeFiles } from "./files.ts";

/** Bytes of one output. */
export const outputBytesMax = 256 * 1024 * 1024;
/** Entries of folders that are looked at, lines, and other steps of one command. */
export const stepsMax = 100_000_000;

export default async function command(
  job: Job<"argv" | "env" | "stdin" | "in" | "cwd">,
): Promise<ReadonlyMap<string, unknown>> {
  const argv = stringsOf(job.bytes(job.args.argv), "argv");
  const env = new Map(
    stringsOf(job.bytes(job.args.env), "env").map((each): [string, string] => {
      const at = each.indexOf("=");
      return [each.slice(0, at), each.slice(at + 1)];
    }),
  );
  const files = new TreeFiles(job, job.args.in, () => false, job.args.stdin);
  const [name = ""] = argv;
  if (!(justBashCommands as readonly string[]).includes(name)) throw new Error(`${name} is no command of this script`);
  const bash = new Bash({
    fs: files,
    cwd: textOf(job.bytes(job.args.cwd)),
    env: Object.fromEntries(env),
    commands: [name] as never,
    defenseInDepth: false,
    processInfo: { pid: 2, ppid: 1, uid: 0, gid: 0 },
    executionLimits: {
      maxCommandCount: 10,
      maxLoopIterations: stepsMax,
      maxAwkIterations: stepsMax,
      maxJqIterations: stepsMax,
      maxOutputSize: outputBytesMax,
      maxExecutionTimeMs: Number.MAX_SAFE_INTEGER,
      maxWorkUnits: Number.MAX_SAFE_INTEGER,
    },
  });
  const { stdout, stderr, exitCode } = await bash.exec(argv.map(quoted).join(" "), {
    rawScript: true,
    stdin: files.contentOf(job.args.stdin),
    stdinKind: "bytes",
  });
  return new Map<string, unknown>([
    ["exit", String(exitCode & 255)],
    ["out", files.finish()],
    ["stderr", bytesOf(stderr)],
    ["stdout", files.blobOf(stdout)],
  ]);
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
