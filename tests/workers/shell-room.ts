/** A store with a shell in it, its tools, and the folder that scripts work on; and what running a script there takes. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openEngine, type Engine, type RunResult } from "../../src/engine.ts";
import { encodeEnvironment, encodeStrings } from "../../src/abi/command.ts";
import { putRuntimeNode, scriptMarker } from "../../src/abi/worker.ts";
import { readRequest } from "../../src/abi/request.ts";
import { openStore, type Store } from "../../src/store/store.ts";
import type { Oid } from "../../src/store/oid.ts";
import { decodeTree } from "../../src/store/tree.ts";
import { shellWorker } from "../../src/tools/shell.ts";
import { environment, makeFolder, treeOf, type ScriptEnd } from "./shell-folder.ts";

/** A tool that is a script: `body` sees `argv`, `stdin` and `job`, and may set `stdout`, `stderr`, `exit` and `out`. */
export function standIn(store: Store, body: string): Oid {
  const text = `module.exports = (job) => {
    const strings = (name) => job.text(job.args[name]).split("\\0").slice(0, -1);
    const argv = strings("argv"), stdin = job.text(job.args.stdin);
    let stdout = "", stderr = "", exit = 0, out = job.args.in;
    ${body}
    return new Map([["exit", String(exit)], ["out", out], ["stderr", stderr], ["stdout", stdout]]);
  };`;
  return putRuntimeNode(store, scriptMarker, store.put("blob", Buffer.from(text)));
}

export interface Shell extends AsyncDisposable {
  readonly engine: Engine;
  readonly worker: Oid;
  /** The folder's tree. */
  readonly folder: Oid;
  run(argv: readonly string[], how?: { stdin?: string; in?: Oid; cwd?: string; rerun?: boolean }): Promise<RunResult>;
  /** The end of a script, which must be a result. */
  end(argv: readonly string[], how?: { stdin?: string; in?: Oid; cwd?: string; rerun?: boolean }): Promise<ScriptEnd>;
  /** The commands that a run executed, in no particular order, the shell itself not among them. */
  commands(result: RunResult): readonly string[];
  /** How many blobs the guest looked at that says whether one is plain text. */
  looks(result: RunResult): number;
  /** The objects that the shell itself has read in a run. */
  reads(result: RunResult): readonly Oid[];
}

/** A shell with the tools that `put` puts, of which `known` are what their names say, and those that `putPlain` puts for plain calls. */
export function openShell(
  put: (store: Store) => Readonly<Record<string, Oid>>,
  known: readonly string[] = [],
  putPlain: (store: Store) => Readonly<Record<string, Oid>> = () => ({}),
): Shell {
  const place = mkdtempSync(join(tmpdir(), "coppice-shells-"));
  const storePath = join(place, "store.db");
  const store = openStore(storePath);
  const real = makeFolder();
  const folder = treeOf(store, real);
  rmSync(real, { recursive: true });
  const worker = shellWorker(store, put(store), new Set(known), putPlain(store));
  store.close();
  const engine = openEngine({ store: storePath });
  const run: Shell["run"] = (argv, { stdin = "", in: tree = folder, cwd = "/", rerun = false } = {}) =>
    engine.run({
      worker,
      rerun,
      args: {
        argv: encodeStrings(["bash", ...argv]),
        env: encodeEnvironment(environment),
        stdin: Buffer.from(stdin, "utf8"),
        in: { oid: tree },
        cwd,
      },
    });
  /** What the jobs that a run executed were given under that name. */
  const argsIn = (result: RunResult, argument: string) =>
    engine
      .executedJobs(result, 1000)
      .flatMap(({ request }) => decodeTree(engine.get(readRequest(engine, request).args).body))
      .flatMap(({ name, oid }) => (name === argument ? [oid] : []));
  return {
    engine,
    worker,
    folder,
    run,
    async end(argv, how) {
      const { outcome, detail } = await run(argv, how);
      if (outcome.kind === "failed") throw new Error(`failed: ${outcome.message} (${detail})`);
      return endOf(engine, outcome.oid);
    },
    commands(result) {
      const lines = argsIn(result, "argv").map((argv) =>
        Buffer.from(engine.get(argv).body).toString("utf8").split("\0").slice(0, -1).join(" "),
      );
      return lines.filter((line) => !line.startsWith("bash "));
    },
    looks: (result) => argsIn(result, "blob").length,
    reads({ request }) {
      const committed = openStore(storePath);
      try {
        return committed.memo(request)?.reads ?? [];
      } finally {
        committed.close();
      }
    },
    async [Symbol.asyncDispose]() {
      await engine.close();
      rmSync(place, { recursive: true, force: true });
    },
  };
}

function endOf(engine: Engine, result: Oid): ScriptEnd {
  const parts = new Map(decodeTree(engine.get(result).body).map(({ name, oid }) => [name, oid]));
  const text = (name: string) => Buffer.from(engine.get(parts.get(name) as Oid).body).toString("latin1");
  return { stdout: text("stdout"), stderr: text("stderr"), exit: Number(text("exit")), out: parts.get("out") as Oid };
}
