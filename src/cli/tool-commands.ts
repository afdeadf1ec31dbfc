/** `coppice tool`: the commands that `exec` knows, and those that the user adds. */
import { readFileSync, statSync } from "node:fs";
import { UnfitWorker, commandLimitNames } from "../engine.ts";
import { addCommand, cidOption, examplesText, type Commands } from "./command.ts";
import { UsageError } from "./exit.ts";
import { jsonObject } from "./naming.ts";
import { nameOf, write } from "./output.ts";
import type { CommonOptions, Session } from "./session.ts";

const addExamples = ["tool add hello hello.wasm", `tool add hello hello.wasm --limits '{"fuel":1000000}'`];
const listExamples = ["tool list", "tool list --json"];
const removeExamples = ["tool remove hello"];

/** By their first word. */
export const toolCommands: Commands = {
  tool: (session, parent) => {
    const tool = parent
      .command("tool")
      .description("commands for `exec` (see `coppice tool add --help`)")
      .addHelpText("after", examplesText([...addExamples, ...listExamples, ...removeExamples]));
    cidOption(
      addCommand(
        tool,
        "add",
        "add a command of your own, and print its worker's oid; it wins over a known one",
        addExamples,
      ),
      "print the CID in place of the oid",
    )
      .argument("<NAME>", "what it is called by")
      .argument("<FILE>", "a .wasm module that exports `memory` and `_start` and imports wasi_snapshot_preview1")
      .option(
        "--limits <JSON>",
        `other limits than the defaults: an object with some of ${commandLimitNames.join(", ")}`,
      )
      .action((name: string, file: string, options: CommonOptions & { readonly limits?: string }) =>
        add(session, name, file, options),
      );
    addCommand(tool, "list", "list the commands by name and where they come from", listExamples)
      .option("--json", "as one JSON array")
      .action((options: CommonOptions & { readonly json?: true }) => list(session, options));
    addCommand(tool, "remove", "take away a command of your own; what it computed stays", removeExamples)
      .argument("<NAME>", "what it was added as")
      .action((name: string, options: CommonOptions) =>
        session.withStore(options, async (engine) => {
          const { removeOwnTool } = await import("../tools/own-tools.ts");
          if (!removeOwnTool(engine, name)) throw new UsageError(`no command ${JSON.stringify(name)} was added`);
        }),
      );
  },
};

async function add(
  session: Session,
  name: string,
  file: string,
  options: CommonOptions & { readonly limits?: string },
): Promise<void> {
  const { setOwnTool, toolNameFault } = await import("../tools/own-tools.ts");
  const fault = toolNameFault(name);
  if (fault !== undefined) throw new UsageError(`${JSON.stringify(name)} can't be a command's name: ${fault}`);
  const limits = options.limits === undefined ? undefined : jsonObject(options.limits, "--limits");
  // Told apart before reading, which would wait at a pipe.
  if (!statSync(file).isFile()) throw new UsageError(`${file} can't be a command: it is no file`);
  await session.withEngine(options, async (engine) => {
    try {
      const worker = await engine.addCommand(readFileSync(file), limits);
      setOwnTool(engine, name, worker);
      await write(session.printer.out, `${nameOf(session.printer, worker)}\n`);
    } catch (error) {
      if (!(error instanceof UnfitWorker)) throw error;
      throw new UsageError(`${file} can't be a command: ${error.message}`, { cause: error });
    }
  });
}

async function list(session: Session, options: CommonOptions & { readonly json?: true }): Promise<void> {
  const { toolFolders } = await import("../tools/find-tool.ts");
  const { toolsKnown } = await import("../tools/tool-list.ts");
  await session.withEngine(options, async (engine) => {
    const tools = toolsKnown(engine, toolFolders(process.cwd()));
    if (options.json) {
      await write(session.printer.out, `${JSON.stringify(tools)}\n`);
      return;
    }
    const widest = Math.max(...tools.map(({ name }) => name.length));
    const lines = tools.map(({ name, from, isInstalled }) => {
      const note = isInstalled ? "" : `   not installed: npm install ${from}`;
      return `${name.padEnd(widest)}  ${from}${note}`;
    });
    await write(session.printer.out, `${lines.join("\n")}\n`);
  });
}
