/**
 * Commands of just-bash's as workers: a script that takes a command's arguments (design/wasi.md) and does what the command of the name `argv[0]` does, over the tree. They are what the known WebAssembly modules of the
 * same names are not (design/tools.md).
 */
import type { Job } from "coppice/worker";
import { Bash } from "just-bash";
import { bytesOf, stringsOf, textOf } from "./bytes.ts";
import { justBashCommands } from "./command-names.ts";
import { TreeFiles } from "./files.ts";
import { sedWords } from "./words.ts";

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
      maxSedIterations: stepsMax,
      maxJqIterations: stepsMax,
      maxOutputSize: outputBytesMax,
      maxExecutionTimeMs: Number.MAX_SAFE_INTEGER,
      maxWorkUnits: Number.MAX_SAFE_INTEGER,
    },
  });
  const run: Run = (words) =>
    bash.exec([name, ...words].map(quoted).join(" "), {
      rawScript: true,
      stdin: files.contentOf(job.args.stdin),
      stdinKind: "bytes",
    });
  const { stdout, stderr, exitCode } = await ended(name, argv.slice(1), files, textOf(job.bytes(job.args.cwd)), run);
  return new Map<string, unknown>([
    ["exit", String(exitCode & 255)],
    ["out", files.finish()],
    ["stderr", bytesOf(stderr)],
    ["stdout", files.blobOf(stdout)],
  ]);
}

interface Ended {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number;
}
/** Runs just-bash's command with these words. */
type Run = (words: readonly string[]) => Promise<Ended>;

async function ended(name: string, words: readonly string[], files: TreeFiles, cwd: string, run: Run): Promise<Ended> {
  if (words.includes("--help")) return run(words);
  switch (name) {
    case "sed": {
      const read = sedWords(words);
      if ("refusal" in read) return refused(read);
      if (read.suffix === undefined) return filtered(read.words, read.operands, files, cwd, run);
      return edited(read.words, read.operands, read.suffix, files, cwd, run);
    }
    default:
      return run(words);
  }
}

function refused({ refusal, exit }: { readonly refusal: string; readonly exit: number }): Ended {
  return { stdout: "", stderr: refusal === "" ? "" : `${refusal}\n`, exitCode: exit };
}

/** `sed` over those operands that are files. */
async function filtered(
  words: readonly string[],
  operands: readonly string[],
  files: TreeFiles,
  cwd: string,
  run: Run,
): Promise<Ended> {
  const there: string[] = [];
  let said = "";
  let status = 0;
  for (const operand of operands) {
    const fault = operand === "-" ? undefined : await faultOf(operand, files, cwd);
    if (fault === undefined) there.push(operand);
    else [said, status] = [said + fault.said, Math.max(status, fault.status)];
    if (fault?.isEnd === true) break;
  }
  if (operands.length > 0 && there.length === 0) return { stdout: "", stderr: said, exitCode: status };
  const { stdout, stderr, exitCode } = await run([...words, ...there.map(named)]);
  return { stdout, stderr: said + stderr, exitCode: exitCode === 0 ? status : exitCode };
}

/** `sed -i`: each file by itself, a symlink replaced by a file, and what was there kept under the suffix's name. */
async function edited(
  words: readonly string[],
  operands: readonly string[],
  suffix: string,
  files: TreeFiles,
  cwd: string,
  run: Run,
): Promise<Ended> {
  if (operands.length === 0) return { stdout: "", stderr: "sed: no input files\n", exitCode: 1 };
  let [said, printed, status] = ["", "", 0];
  for (const operand of operands) {
    const fault = await faultOf(operand, files, cwd);
    if (fault !== undefined) {
      [said, status] = [said + fault.said, Math.max(status, fault.status)];
      if (fault.isEnd) break;
      continue;
    }
    const at = files.resolvePath(cwd, operand);
    const target = (await files.lstat(at)).isSymbolicLink ? await files.readlink(at) : undefined;
    const { mode } = await files.stat(at);
    const content = await files.readFile(at);
    if (target !== undefined) {
      await files.rm(at);
      await files.writeFile(at, content);
      await files.chmod(at, mode);
    }
    const { stdout, stderr, exitCode } = await run(["-i", ...words, named(operand)]);
    [said, printed] = [said + stderr, printed + stdout];
    if (exitCode !== 0) {
      // Nothing was written: the symlink stands again, and no other file is edited.
      if (target !== undefined) {
        await files.rm(at);
        await files.symlink(target, at);
      }
      return { stdout: printed, stderr: said, exitCode };
    }
    if (suffix !== "") await backUp(backupOf(at, operand, suffix, files, cwd), content, target, mode, files);
  }
  return { stdout: printed, stderr: said, exitCode: status };
}

/** Where a backup goes: the suffix is put behind the name, or the name into it at each `*`. */
function backupOf(at: string, operand: string, suffix: string, files: TreeFiles, cwd: string): string {
  const base = operand.slice(operand.lastIndexOf("/") + 1);
  const name = suffix.includes("*") ? suffix.replaceAll("*", () => base) : base + suffix;
  return name.includes("/") ? files.resolvePath(cwd, name) : files.resolvePath(at, `../${name}`);
}

async function backUp(
  at: string,
  content: string,
  target: string | undefined,
  mode: number,
  files: TreeFiles,
): Promise<void> {
  await files.rm(at, { force: true });
  if (target !== undefined) return files.symlink(target, at);
  await files.writeFile(at, content);
  await files.chmod(at, mode);
}

/** What keeps sed from reading an operand, and whether it reads no other. */
async function faultOf(
  operand: string,
  files: TreeFiles,
  cwd: string,
): Promise<{ readonly said: string; readonly status: number; readonly isEnd: boolean } | undefined> {
  try {
    const { isDirectory } = await files.stat(files.resolvePath(cwd, operand));
    return isDirectory ? { said: `sed: ${operand}: Is a directory\n`, status: 4, isEnd: true } : undefined;
  } catch {
    return { said: `sed: can't read ${operand}: No such file or directory\n`, status: 2, isEnd: false };
  }
}

/** An operand that looks like an option is one of the current folder. */
function named(operand: string): string {
  return operand.startsWith("-") && operand !== "-" ? `./${operand}` : operand;
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
