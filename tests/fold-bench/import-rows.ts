/** A packed repository of small files: into a new store, then again, when the tree is here; and the first fold over what was imported. Then the same borrowed. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { openEngine, type Oid } from "../../src/engine.ts";
import { hashObject } from "../../src/store/object.ts";
import { onCopy, withFolder } from "./apart.ts";
import { syntheticJobs } from "./fixtures.ts";
import { makePackedRepository } from "./packed-repository.ts";
import { foldedApart } from "./repository.ts";
import { jobRows, mustBe, timedRow, type Row, type Timed } from "./row.ts";

export function importRows(files: number, runs: number): Promise<Row[]> {
  return withFolder(async (folder) => {
    const repository = join(folder, "repository");
    makePackedRepository(repository, files);
    const store = join(folder, "imported.sqlite");
    const first: Timed[] = [];
    const again: Timed[] = [];
    for (let run = 0; run < runs; run++) {
      rmSync(store, { force: true });
      const engine = openEngine({ store });
      for (const samples of [first, again]) {
        const startedMs = performance.now();
        const { oid } = await engine.importTree(repository, "main");
        samples.push({ ms: performance.now() - startedMs, jobs: 0, oid });
      }
      await engine.close();
    }
    const name = `import of ${files} packed files`;
    const imports = timedRow(name, first);
    mustBe(name, again, { oid: imports.oid ?? "", jobs: 0 });
    const folds = foldRows(store, imports.oid as Oid, files, Math.min(runs, 3));
    return [
      imports,
      timedRow(`${name}, again`, again),
      ...folds,
      ...(await borrowedRows(repository, imports.oid as Oid, files, runs, folder)),
    ];
  });
}

/** Nothing is copied before a job needs it, and `file-count` needs no file. */
async function borrowedRows(
  repository: string,
  tree: Oid,
  files: number,
  runs: number,
  folder: string,
): Promise<Row[]> {
  const borrowed: Timed[] = [];
  const store = join(folder, "borrowed.sqlite");
  for (let run = 0; run < runs; run++) {
    rmSync(store, { force: true });
    const engine = openEngine({ store });
    const startedMs = performance.now();
    const { oid } = await engine.borrowTree(repository, "main");
    borrowed.push({ ms: performance.now() - startedMs, jobs: 0, oid });
    await engine.close();
  }
  const name = `${files} packed files borrowed`;
  mustBe(name, borrowed, { oid: tree, jobs: 0 });
  return [timedRow(name, borrowed), ...foldRows(store, tree, files, Math.min(runs, 3), "borrowed")];
}

function foldRows(imported: string, tree: Oid, files: number, runs: number, how = "imported"): Row[] {
  const cold = Array.from(
    { length: runs },
    () => onCopy(imported, (store) => foldedApart({ store, tree, post: "file-count" })).cold,
  );
  const name = `${files} ${how} files, file-count`;
  mustBe(name, cold, { oid: hashObject("blob", Buffer.from(`${files}\n`)), jobs: syntheticJobs(files) });
  return [timedRow(name, cold), ...jobRows(name, cold)];
}
