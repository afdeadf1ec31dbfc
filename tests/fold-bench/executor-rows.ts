/** One executor against all of them, in turn: where the engine itself is what a job costs, and where the visitor is. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { compileWorker, readSources } from "../../workers/build.ts";
import { onCopy, withFolder } from "./apart.ts";
import { syntheticJobs } from "./fixtures.ts";
import { foldedApart, foldedDirectlyApart, madeApart } from "./repository.ts";
import { jobRows, mustBe, ratioRow, timedRow, type Row, type TimedFold } from "./row.ts";

export interface ExecutorSizes {
  readonly plainFiles: number;
  readonly busyFiles: number;
  readonly runs: number;
}

export function executorRows({ plainFiles, busyFiles, runs }: ExecutorSizes): Promise<Row[]> {
  return withFolder(async (folder) => {
    const busy = join(folder, "busy.wasm");
    writeFileSync(busy, await compileWorker("busy", "test-guests/busy.ts", readSources(["test-guests"])));
    return [...rowsOf(folder, "line-count", plainFiles, runs), ...rowsOf(folder, "busy", busyFiles, runs, busy)];
  });
}

function rowsOf(folder: string, leaf: "line-count" | "busy", files: number, runs: number, module?: string): Row[] {
  const made = join(folder, `${leaf}.sqlite`);
  const { tree, worker } = madeApart({ store: made, files, ...(module === undefined ? {} : { module }) });
  const post = worker ?? leaf;
  const one: TimedFold[] = [];
  const all: TimedFold[] = [];
  for (let run = 0; run < runs; run++) {
    one.push(onCopy(made, (store) => foldedApart({ store, tree, post, executors: 1 })).cold);
    all.push(onCopy(made, (store) => foldedApart({ store, tree, post })).cold);
  }
  const direct = onCopy(made, (store) => foldedDirectlyApart({ store, tree, leaf })).cold;
  const name = `${files} files, ${leaf}`;
  mustBe(name, [...one, ...all], { oid: direct.oid, jobs: syntheticJobs(files) });
  return [
    timedRow(`${name}, one executor`, one),
    ...jobRows(`${name}, one executor`, one),
    timedRow(`${name}, all executors`, all),
    ...jobRows(`${name}, all executors`, all),
    ratioRow(`${name}, one executor to all`, one, all),
  ];
}
