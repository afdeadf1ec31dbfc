/** How commands are declared: what each has in common in its help and options. */
import type { Command } from "commander";
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
