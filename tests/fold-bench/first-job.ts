/**
 * A module's first job, each measurement in a process of its own: called with one task as JSON, prints a line of JSON. `whole` is from a request to its result through an engine that has run nothing;
 * `split` executes the same on this thread, and tells reading and rewriting, compiling and running apart.
 */
import { readFileSync } from "node:fs";
import { openEngine } from "../../src/engine.ts";
import { putRequest, putSurroundings } from "../../src/abi/request.ts";
import { putRuntimeNode, wasmMarker } from "../../src/abi/worker.ts";
import { Runtimes } from "../../src/isolate-host/runtimes.ts";
import { WasmGuests } from "../../src/isolate-host/wasm-guests.ts";
import { emptyTree, hashObject } from "../../src/store/object.ts";
import { newJob } from "../../src/scheduler/settle.ts";
import type { Oid } from "../../src/store/oid.ts";
import { openStore } from "../../src/store/store.ts";
import { encodeTree, type TreeEntry } from "../../src/store/tree.ts";
import { unchecked } from "../guests/children.ts";
import { measuredApart } from "./apart.ts";
import type { Target } from "./fixtures.ts";
import type { Timed } from "./row.ts";

/** A module of `dirs-only`, whatever else is in it. */
interface Task {
  readonly store: string;
  readonly module: string;
  readonly how: "whole" | "split";
}

/** The job's result: of what it is given, a folder and a file, the folder. */
export const firstResult = hashObject("tree", encodeTree([folder()]));

export interface Split {
  readonly rewriting: Timed;
  readonly compiling: Timed;
  readonly running: Timed;
}

export function wholeApart(store: string, module: string): Timed {
  return measuredApart("first-job.ts", { store, module, how: "whole" } satisfies Task) as Timed;
}

export function splitApart(store: string, module: string): Split {
  return measuredApart("first-job.ts", { store, module, how: "split" } satisfies Task) as Split;
}

function folder(): TreeEntry {
  return { mode: "40000", name: "folder", oid: emptyTree };
}

function putGiven(target: Target): Oid {
  target.putTree([]);
  const file = target.putBlob(Buffer.from("a line\n"));
  return target.putTree([{ mode: "100644", name: "file", oid: file }, folder()]);
}

async function whole(path: string, module: Uint8Array): Promise<Timed> {
  const engine = openEngine({ store: path, executors: 1 });
  // `addWorker` would compile it in this process.
  const worker = unchecked(engine, module);
  const given = putGiven(engine);
  const startedMs = performance.now();
  const { outcome, jobs } = await engine.run({ worker, args: { in: { oid: given } } });
  const ms = performance.now() - startedMs;
  await engine.close();
  return { ms, jobs: jobs.executed, oid: outcome.kind === "failed" ? outcome.message : outcome.oid };
}

function split(path: string, module: Uint8Array): Split {
  const asking = openStore(path);
  const given = putGiven({
    putBlob: (bytes) => asking.put("blob", bytes),
    putTree: (entries) => asking.put("tree", encodeTree(entries)),
  });
  const image = putRuntimeNode(asking, wasmMarker, asking.put("blob", module));
  const args = asking.put("tree", encodeTree([{ mode: "40000", name: "in", oid: given }]));
  const request = putRequest(asking, image, args, putSurroundings(asking, undefined, ""));
  asking.close();
  // As an executor does it: with a handle of its own.
  const store = openStore(path);
  const wasm = new WasmGuests({
    objects: store,
    settleNested: () => undefined,
    upcoming: () => [],
    onLog: () => undefined,
  });
  const guests = new Runtimes(store, new Map([[wasmMarker, wasm]]));
  const compiled = { startedMs: 0, endedMs: 0 };
  const { Module } = WebAssembly;
  WebAssembly.Module = new Proxy(Module, {
    construct(_, [bytes]) {
      compiled.startedMs = performance.now();
      const made = new Module(bytes as Uint8Array);
      compiled.endedMs = performance.now();
      return made;
    },
  });
  const job = newJob(request, undefined, undefined);
  const startedMs = performance.now();
  const end = guests.execute(job);
  const endedMs = performance.now();
  store.close();
  const outcome = end.how === "completed" ? end.memo.outcome : undefined;
  const oid = outcome === undefined || outcome.kind === "failed" ? `no result: ${outcome?.message}` : outcome.oid;
  const part = (fromMs: number, toMs: number): Timed => ({ ms: toMs - fromMs, jobs: 1, oid });
  return {
    rewriting: part(startedMs, compiled.startedMs),
    compiling: part(compiled.startedMs, compiled.endedMs),
    running: part(compiled.endedMs, endedMs),
  };
}

if (import.meta.main) {
  const { store, module, how } = JSON.parse(process.argv[2] ?? "") as Task;
  const bytes = readFileSync(module);
  console.log(JSON.stringify(how === "whole" ? await whole(store, bytes) : split(store, bytes)));
}
