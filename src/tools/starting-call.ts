/** Calls of commands that start other commands, which a tool can't: the shell does them (workers/shell/commands.ts). */

/** Commands that are done by the shell alone. */
export const startingCommands: ReadonlySet<string> = new Set([
  "env",
  "nice",
  "nohup",
  "setsid",
  "stdbuf",
  "timeout",
  "xargs",
]);

/** Whether find's arguments have it start commands. */
export function startsCommands(args: readonly string[]): boolean {
  return args.some((arg) => /^-(?:exec|execdir|ok|okdir)$/.test(arg));
}

/** Whether a call is for the shell, though it does not name it. */
export function isForShell([name = "", ...args]: readonly string[]): boolean {
  return startingCommands.has(name) || (name === "find" && startsCommands(args));
}
