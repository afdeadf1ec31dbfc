/** The first script job of a process: called with a task as JSON, prints a line of JSON. It loads the engine that it is told to: what starts a process of one's own is modules that load, which built ones do several times as fast as sources. */
import type { openEngine } from "../../src/engine.ts";
import { measuredApart } from "./apart.ts";
import type { Timed } from "./row.ts";

interface Task {
  /** The engine's module: a URL. */
  readonly engine: string;
  readonly store: string;
  readonly script: string;
}

export interface FirstScript {
  /** From opening the engine: the script is bundled and added, and asked for. */
  readonly whole: Timed;
  /** From asking for it alone. */
  readonly asking: Timed;
}

export function firstScriptApart(engine: string, store: string, script: string): FirstScript {
  return measuredApart("first-script.ts", { engine, store, script } satisfies Task) as FirstScript;
}

async function firstScript({ engine: module, store, script }: Task): Promise<FirstScript> {
  const loaded = (await import(module)) as { readonly openEngine: typeof openEngine };
  const startedMs = performance.now();
  const engine = loaded.openEngine({ store });
  const worker = await engine.addScript(script);
  const askedMs = performance.now();
  const { outcome, jobs } = await engine.run({ worker, args: { in: "first" } });
  const endedMs = performance.now();
  await engine.close();
  const common = { jobs: jobs.executed, oid: outcome.kind === "failed" ? outcome.message : outcome.oid };
  return { whole: { ms: endedMs - startedMs, ...common }, asking: { ms: endedMs - askedMs, ...common } };
}

if (import.meta.main) console.log(JSON.stringify(await firstScript(JSON.parse(process.argv[2] ?? "") as Task)));
