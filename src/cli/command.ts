/** How commands are declared: what each has in common in its help and options. */
import type { Command } from "commander";
import { UsageError } from "./exit.ts";
import type { Session } from "./session.ts";

/** Commands by their first word: each adds itself to the parser. */
export type Commands = Readonly<Record<string, (session: Session, parent: Command) => void>>;

/** A command with the help that is shown of it and the option that all have. */
export function addCommand(parent: Command, name: string, description: string, example: readonly string[]): Command {
  return parent
    .command(name)
    .description(description)
    .addHelpText("after", examplesText(example))
    .option(
      "--store <FILE>",
      "the store's file (else COPPICE_STORE, else coppice/store.sqlite in the user's cache folder)",
    );
}

/** For what prints names. With --json they stay as they are, and the result's CID stands beside its oid. */
export function cidOption(command: Command, what: string): Command {
  return command.option("--cid", what);
}

/** Lines of help. */
export function examplesText(examples: readonly string[]): string {
  return `\nExamples:\n${examples.map((example) => `  $ coppice ${example}`).join("\n")}`;
}

/** What `--timeout` takes: a day. */
const timeoutSecondsMax = 86_400;

/** Of every command that runs something. */
export const timeoutOption = [
  "--timeout <SECONDS>",
  "how long a job may run on its own before it is stopped (else 60); no result depends on it",
  timeoutSeconds,
] as const;

/** What `--timeout` says. Throws UsageError. */
function timeoutSeconds(text: string): number {
  const seconds = Number(text);
  if (/^\d+(?:\.\d+)?$/.test(text) && seconds > 0 && seconds <= timeoutSecondsMax) return seconds;
  throw new UsageError(
    `--timeout wants seconds, more than 0 and at most ${timeoutSecondsMax}, not ${JSON.stringify(text)}`,
  );
}
