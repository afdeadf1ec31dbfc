/** What a command is called with that the shell does itself (commands.ts), and what it comes to. */
import type { OwnEnded } from "../commands/call.ts";
import type { TreeFiles } from "./files.ts";

/** Starts a command as a shell would: `argv`, the exported variables, the folder, what stands in its stdin. `asTool` passes what the shell does itself by. */
export type Spawn = (
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
  cwd: string,
  stdin: string,
  asTool?: boolean,
) => Promise<Ended>;

export type Ended = OwnEnded;

/** A command with its arguments, what it inherits, and how it starts another one. */
export interface Call {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly stdin: string;
  readonly spawn: Spawn;
  readonly files: TreeFiles;
}

export function ended(stdout: string, stderr = "", exitCode = 0): Ended {
  return { stdout, stderr, exitCode };
}
