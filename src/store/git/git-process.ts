/**
 * Runs git where git alone knows the answer. The user's environment is kept except for the variables that would point
 * git at another repository, and hooks and monitors are off: asking must not start what a commit would start.
 */
import { errorCode } from "./file-path.ts";

/** Git ran and refused; what it said is in the message. */
export class GitFailed extends Error {
  override readonly name = "GitFailed";
  readonly args: readonly string[];
  readonly said: string;
  /** Its exit status; null when a signal ended it. */
  readonly status: number | null;
  constructor(args: readonly string[], said: string, status: number | null) {
    super(`git ${args[0] ?? ""} failed: ${said === "" ? "it gave no reason" : said}`);
    this.args = args;
    this.said = said;
    this.status = status;
  }
}

export interface GitCall {
  readonly args: readonly string[];
  readonly folder: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Further variables for this call alone. */
  readonly extra: Readonly<Record<string, string>>;
  readonly input: Buffer;
}

/** Most that git may print. */
const outputBytesMax = 1024 * 1024 * 1024;

/** Loaded when git is first run, since it takes 2 ms. */
const processes = () => process.getBuiltinModule("node:child_process");

/** What `git rev-parse --local-env-vars` lists, and what changes how paths are read. */
const local =
  /^GIT_(?:ALTERNATE_OBJECT_DIRECTORIES|DIR|WORK_TREE|OBJECT_DIRECTORY|COMMON_DIR|INDEX_FILE|INDEX_VERSION|PREFIX|NAMESPACE|GRAFT_FILE|NO_REPLACE_OBJECTS|REPLACE_REF_BASE|SHALLOW_FILE|INTERNAL_SUPER_PREFIX|IMPLICIT_WORK_TREE|LITERAL_PATHSPECS|GLOB_PATHSPECS|NOGLOB_PATHSPECS|ICASE_PATHSPECS|TRACE.*)$/;

/** What git prints, or undefined when there is no git to run. Throws GitFailed when it exits with an error. */
export function runGit(call: GitCall): Buffer | undefined {
  const ran = processes().spawnSync("git", argumentsOf(call), { ...optionsOf(call), input: call.input });
  if (ran.error !== undefined) {
    if (errorCode(ran.error) === "ENOENT") return undefined;
    throw ran.error;
  }
  if (ran.status !== 0) throw new GitFailed(call.args, ran.stderr.toString("utf8").trim(), ran.status);
  return ran.stdout;
}

/** What git printed, and what it said of that. */
export interface GitAnswer {
  readonly printed: Buffer;
  readonly said: string;
}

/** As `runGit`, while the caller goes on, and without input. */
export function askGit(call: Omit<GitCall, "input">): Promise<GitAnswer | undefined> {
  return new Promise((resolve, reject) => {
    const options = { ...optionsOf(call), encoding: "buffer" } as const;
    const child = processes().execFile("git", argumentsOf(call), options, (error, printed, said) => {
      if (error === null) resolve({ printed, said: said.toString("utf8") });
      else if (error.code === "ENOENT") resolve(undefined);
      else if (typeof error.code === "number")
        reject(new GitFailed(call.args, said.toString("utf8").trim(), error.code));
      else reject(error);
    });
    child.stdin?.end();
  });
}

function argumentsOf({ args }: Pick<GitCall, "args">): string[] {
  return ["-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "core.splitIndex=false", ...args];
}

function optionsOf({ folder, environment, extra }: Omit<GitCall, "args" | "input">) {
  const kept = Object.entries(environment).filter(([name]) => !local.test(name));
  return {
    cwd: folder,
    env: { ...Object.fromEntries(kept), GIT_OPTIONAL_LOCKS: "0", LC_ALL: "C", ...extra },
    maxBuffer: outputBytesMax,
    windowsHide: true,
  };
}
