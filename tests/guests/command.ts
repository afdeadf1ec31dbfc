/** Commands run in an engine, as tests have them: a tree from plain files, and what a run comes to in plain bytes. */
import { encodeEnvironment, encodeStrings, readCommandResult } from "../../src/abi/command.ts";
import type { Engine, RunOptions, RunResult } from "../../src/engine.ts";
import type { Oid } from "../../src/store/oid.ts";
import { decodeTree, type Mode, type TreeEntry } from "../../src/store/tree.ts";

/** A folder: files by their text, symlinks by where they point, programs by their text. */
export interface Layout {
  readonly [name: string]: string | Uint8Array | Layout | { readonly link: string } | { readonly program: string };
}

export interface Given {
  readonly argv?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string | Uint8Array;
  readonly in?: Layout | Oid;
  readonly cwd?: string;
}

export interface Told {
  readonly exit: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly out: Oid;
}

/** Stores a folder. */
export function putLayout(engine: Engine, layout: Layout): Oid {
  const entries = Object.entries(layout).map(([name, what]): TreeEntry => {
    if (typeof what === "string" || what instanceof Uint8Array) {
      return { mode: "100644", name, oid: engine.putBlob(Buffer.from(what)) };
    }
    if ("link" in what && typeof what.link === "string") {
      return { mode: "120000", name, oid: engine.putBlob(Buffer.from(what.link)) };
    }
    if ("program" in what && typeof what.program === "string") {
      return { mode: "100755", name, oid: engine.putBlob(Buffer.from(what.program)) };
    }
    return { mode: "40000", name, oid: putLayout(engine, what) };
  });
  return engine.putTree(entries);
}

/** Every entry below a tree: its path, with a slash behind a folder's, to its mode and text. */
export function listed(engine: Engine, tree: Oid, below = ""): Record<string, readonly [Mode, string]> {
  const found: Record<string, readonly [Mode, string]> = {};
  for (const { mode, name, oid } of decodeTree(engine.get(tree).body)) {
    const path = `${below}${name}`;
    if (mode === "40000") Object.assign(found, { [`${path}/`]: [mode, ""] }, listed(engine, oid, `${path}/`));
    else found[path] = [mode, mode === "160000" ? oid : textOf(engine, oid)];
  }
  return found;
}

/** Runs a worker with a command's args. */
export function startCommand(engine: Engine, worker: Oid, given: Given, options: RunOptions = {}): Promise<RunResult> {
  const { argv = ["command"], env = {}, stdin = "", in: tree = {}, cwd = "/" } = given;
  const args = {
    argv: encodeStrings(argv),
    cwd,
    env: encodeEnvironment(env),
    in: { oid: typeof tree === "string" ? tree : putLayout(engine, tree) },
    stdin,
  };
  return engine.run({ worker, args, ...options });
}

/** What a command tells. Throws when it failed. */
export async function runCommand(engine: Engine, worker: Oid, given: Given, options: RunOptions = {}): Promise<Told> {
  const { outcome } = await startCommand(engine, worker, given, options);
  if (outcome.kind === "failed") throw new Error(`the command failed: ${outcome.code}: ${outcome.message}`);
  const result = readCommandResult(engine, outcome.oid);
  if (result === undefined) throw new Error("the result is no command's");
  const { exit, stdout, stderr, out } = result;
  return { exit, stdout: textOf(engine, stdout), stderr: textOf(engine, stderr), out };
}

function textOf(engine: Engine, blob: Oid): string {
  return Buffer.from(engine.get(blob).body).toString("utf8");
}
