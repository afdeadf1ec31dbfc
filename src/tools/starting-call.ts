/** Calls that a tool can't do, and the shell does (workers/shell): of commands that start other commands, and of a tail that would wait for more. */

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

/** What is left of a call of tail's that asks it to wait for what is appended: nothing is, so it ends where it would wait. Undefined for any other call. */
export function endingTail(
  args: readonly string[],
): { readonly args: readonly string[]; readonly waits: boolean } | undefined {
  const kept: string[] = [];
  let [follows, operands] = [false, 0];
  for (let at = 0; at < args.length; at++) {
    const arg = args[at] as string;
    if (arg === "--") {
      kept.push(...args.slice(at));
      operands += args.length - at - 1;
      break;
    }
    if (/^--f(?:o|ol|oll|ollo|ollow)?(?:=|$)/.test(arg)) follows = true;
    else if (/^--(?:retry|(?:pid|sleep-interval|max-unchanged-stats)=.*)$/s.test(arg)) continue;
    else if (/^--(?:pid|sleep-interval|max-unchanged-stats)$/.test(arg)) at++;
    else if (/^--(?:bytes|lines)$/.test(arg)) kept.push(arg, ...args.slice(++at, at + 1));
    else if (arg.startsWith("--") || arg === "-" || !arg.startsWith("-")) {
      if (!arg.startsWith("--")) operands++;
      kept.push(arg);
    } else {
      const [, flags = "", valued = "", value = ""] = /^-([^cns]*)([cns]?)(.*)$/s.exec(arg) ?? [];
      follows ||= /[fF]/.test(flags);
      const [lines] = /\d+/.exec(flags) ?? [];
      if (lines !== undefined) kept.push("-n", lines);
      const left = flags.replace(/[fF\d]/g, "") + (valued === "s" ? "" : valued + value);
      const next = valued !== "" && value === "" ? args.slice(++at, at + 1) : [];
      if (left !== "") kept.push(`-${left}`);
      if (valued !== "s") kept.push(...next);
    }
  }
  return follows ? { args: kept, waits: operands > 0 } : undefined;
}

/** Whether a call is for the shell, though it does not name it. */
export function isForShell([name = "", ...args]: readonly string[]): boolean {
  return (
    startingCommands.has(name) ||
    (name === "find" && startsCommands(args)) ||
    (name === "tail" && endingTail(args) !== undefined)
  );
}
