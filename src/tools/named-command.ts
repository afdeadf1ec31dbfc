/**
 * A command by its name, ready to be run over a tree: the worker that its call is for, the variables that every command has, and what it brings along laid over the tree and taken away again.
 */
import type { CommandResult, Engine, Oid, Run, RunOptions } from "../engine.ts";
import { findTool, type ToolCall } from "./find-tool.ts";
import { laidOver, takenAway } from "./overlay.ts";
import { UnfitTool } from "./tool-errors.ts";

/**
 * All that a command knows of where it is, beside PWD and what its caller adds: the same everywhere, so that equal calls are equal requests. Where programs say that they look for others, a home, UTF-8 without a
 * language, and UTC.
 */
const everywhere = { HOME: "/", LANG: "C.UTF-8", PATH: "/bin", TZ: "UTC" } as const;

export interface CommandCall extends ToolCall {
  /** Variables beside those that every command has, or in place of them. */
  readonly env: Readonly<Record<string, string>>;
}

export interface NamedCommand {
  /** Rejects as `Engine.exec` does. */
  readonly run: (options: RunOptions) => Run;
  /** What a run came to, from the oid of its result. Throws UnfitTool for what is no command's. */
  readonly resultOf: (result: Oid) => CommandResult;
}

/** The command that `argv` begins with; packages are looked for as `findTool` does. Throws CommandNotFound, UnstartableFile or UnfitTool. */
export function namedCommand(engine: Engine, folders: readonly string[], call: CommandCall): NamedCommand {
  const { cwd, env, stdin = new Uint8Array() } = call;
  const name = call.argv[0] as string;
  const { worker, overlay, argv = call.argv } = findTool(engine, name, folders, { ...call, path: env["PATH"] });
  const input = {
    worker,
    argv,
    cwd,
    in: laidOver(engine, name, call.in, overlay),
    env: { ...everywhere, PWD: cwd, ...env },
    stdin: typeof stdin === "string" ? { oid: stdin } : stdin,
  };
  return {
    run: (options) => engine.exec({ ...options, ...input }),
    resultOf: (result) => {
      const said = engine.commandResult(result);
      if (said === undefined)
        throw new UnfitTool(`${JSON.stringify(name)} is no command: its result is none of a command's`);
      return { ...said, out: takenAway(engine, name, said.out, overlay) };
    },
  };
}
