/** Commands that put things into the store, look at them, and take them out: no job runs. */
import { guestLimitNames, type Engine } from "../engine.ts";
import { addCommand, cidOption, examplesText, type Commands } from "./command.ts";
import { UsageError } from "./exit.ts";
import { addWorkerFile, importNamed, isPath, objectNamed, requestNamed } from "./naming.ts";
import { listing, nameOf, printObject, shortList, write, type Printer } from "./output.ts";
import type { CommonOptions } from "./session.ts";
import { askUntracked, noteUntracked } from "./untracked.ts";

const importExamples = ["import .", "import HEAD", "import HEAD:src"];
const catExamples = ["cat 4b825dc642cb6eb9a060e54bf8d69288fbee4904", "cat OID > FILE"];
const lsExamples = ["ls OID", "ls OID --cid"];
const checkoutExamples = ["checkout OID DIR"];
const workerExamples = ["worker add worker.wasm", `worker add worker.wasm --limits '{"fuel":1000000}'`];
const forgetExamples = ["forget REQUEST"];
const statsExamples = ["stats", "stats --json"];

/** By their first word. */
export const storeCommands: Commands = {
  import: (session, parent) => {
    cidOption(
      addCommand(parent, "import", "copy a path or revision whole into the store, and print its oid", importExamples),
      "print the CID in place of the oid",
    )
      .argument("<PATH|REV>", "a path in a git work tree, or a revision, or REV:PATH")
      .action((text: string, options: CommonOptions) =>
        session.withEngine(options, async (engine) => {
          const untracked = isPath(text) ? askUntracked(engine, text) : undefined;
          const { oid } = await importNamed(engine, text, "copying");
          await write(session.printer.out, `${nameOf(session.printer, oid)}\n`);
          if (untracked !== undefined) await noteUntracked(session.printer, untracked);
        }),
      );
  },
  cat: (session, parent) => {
    cidOption(
      addCommand(parent, "cat", "print a blob's bytes, or a tree's listing", catExamples),
      "list CIDs in place of oids",
    )
      .argument("<OID>", "a blob or tree of the store, by oid or CID")
      .action((text: string, options: CommonOptions) =>
        session.withStore(options, (engine) => printObject(session.printer, engine, objectNamed(engine, text))),
      );
  },
  ls: (session, parent) => {
    cidOption(addCommand(parent, "ls", "list a tree, as `git ls-tree` does", lsExamples), "list CIDs in place of oids")
      .argument("<OID>", "a tree of the store, by oid or CID")
      .action((text: string, options: CommonOptions) =>
        session.withStore(options, (engine) =>
          write(session.printer.out, listing(session.printer, engine.list(objectNamed(engine, text)))),
        ),
      );
  },
  checkout: (session, parent) => {
    addCommand(parent, "checkout", "write a tree to a folder", checkoutExamples)
      .argument("<OID>", "a tree of the store, by oid or CID")
      .argument("<DIR>", "a folder that is empty or not there yet")
      .action((text: string, folder: string, options: CommonOptions) =>
        session.withStore(options, async (engine) => {
          await engine.checkout(objectNamed(engine, text), folder);
        }),
      );
  },
  worker: (session, parent) => {
    const worker = parent
      .command("worker")
      .description("store workers (see `coppice worker add --help`)")
      .addHelpText("after", examplesText(workerExamples));
    cidOption(
      addCommand(
        worker,
        "add",
        "store a script or a WebAssembly module as a worker, and print the worker's oid",
        workerExamples,
      ),
      "print the CID in place of the oid",
    )
      .argument(
        "<FILE>",
        "a .ts, .js or .mjs file whose default export is `async (job) => result`, or a .wasm module that exports `memory` and `caos_run`",
      )
      .option("--limits <JSON>", `other limits than the defaults: an object with some of ${guestLimitNames.join(", ")}`)
      .action((file: string, options: CommonOptions & { readonly limits?: string }) =>
        session.withEngine(options, async (engine) => {
          const added = await addWorkerFile(engine, file, options.limits);
          await write(session.printer.out, `${nameOf(session.printer, added)}\n`);
        }),
      );
  },
  forget: (session, parent) => {
    addCommand(parent, "forget", "drop what is remembered of requests, failures included", forgetExamples)
      .argument("<REQUEST...>", "requests by oid or CID, as `run` and `fold` print them")
      .action((texts: string[], options: CommonOptions) =>
        session.withStore(options, (engine) => {
          const requests = new Set(texts.map((text) => requestNamed(engine, text)));
          const unknown = [...requests].filter((request) => !engine.forget(request));
          if (unknown.length > 0) throw new UsageError(`nothing is remembered of request ${shortList(unknown)}`);
        }),
      );
  },
  stats: (session, parent) => {
    addCommand(parent, "stats", "print the store's figures", statsExamples)
      .option("--json", "as one JSON object")
      .action((options: CommonOptions & { readonly json?: true }) =>
        session.withStore(options, (engine) => stats(session.printer, engine, options.json === true)),
      );
  },
};

async function stats(printer: Printer, engine: Engine, isJson: boolean): Promise<void> {
  const { objects, memos, failed, quarantined, divergent, runs, bytes, sources } = engine.stats();
  if (isJson) {
    const figures = { objects, memos, failed, quarantined, divergent, runs, bytes, sources };
    await write(printer.out, `${JSON.stringify(figures)}\n`);
    return;
  }
  const lines = [
    `objects  ${objects.blob} blobs, ${objects.tree} trees`,
    `memos    ${memos} (${failed} failed, ${quarantined} quarantined)`,
    ...(divergent === 0
      ? []
      : [`differed ${divergent} request${divergent === 1 ? "" : "s"} (\`coppice verify --resolve\` lists them)`]),
    `runs     ${runs}`,
    `size     ${(bytes / 1e6).toFixed(1)} MB`,
    ...sources.map((source) => `reads    ${source}`),
  ];
  await write(printer.out, `${lines.join("\n")}\n`);
}
