/** Synthetic repositories of several sizes, folded with `line-count` by all executors: cold, warm, after one file's edit, against `direct`, and what grows from size to size. */
import { join } from "node:path";
import { onCopy, withFolder } from "./apart.ts";
import { editJobs, syntheticJobs } from "./fixtures.ts";
import { foldedApart, foldedDirectlyApart, madeApart, type Folded, type FoldedDirectly } from "./repository.ts";
import { jobRows, mustBe, row, timedRow, type Row } from "./row.ts";

export interface Size {
  readonly files: number;
  readonly runs: number;
}

/** The sizes from small to large. */
export async function sizeRows(sizes: readonly Size[]): Promise<Row[]> {
  const rows: Row[] = [];
  let before: { readonly files: number; readonly job: Row } | undefined;
  for (const { files, runs } of sizes) {
    const { job, all } = await rowsOf(files, runs);
    rows.push(...all);
    if (before !== undefined) {
      const { value, oid = "" } = job;
      rows.push(
        row(`${files} files, cold, a job, to ${before.files} files`, "times", [value / before.job.value], { oid }),
      );
    }
    before = { files, job };
  }
  return rows;
}

async function rowsOf(files: number, runs: number): Promise<{ job: Row; all: Row[] }> {
  const name = `${files} files`;
  const { folded, directly } = await measured(files, runs);
  const cold = folded.map((each) => each.cold);
  const warm = folded.map((each) => each.warm);
  const edited = folded.map((each) => each.edited);
  const direct = timedRow(
    `${name}, direct`,
    directly.map((each) => each.cold),
  );
  const editedDirect = timedRow(
    name,
    directly.map((each) => each.edited),
  );
  const oid = direct.oid ?? "";
  mustBe(`${name}, cold`, cold, { oid, jobs: syntheticJobs(files) });
  mustBe(`${name}, warm`, warm, { oid, jobs: 0 });
  mustBe(`${name}, one file edited`, edited, { oid: editedDirect.oid ?? "", jobs: editJobs });
  const whole = timedRow(`${name}, cold`, cold);
  const [job, ...rates] = jobRows(`${name}, cold`, cold);
  const peaks = folded.map(({ peakBytes }) => peakBytes / 1e6);
  const stores = folded.map(({ storeBytes }) => storeBytes / 1e6);
  const ratioToDirect = whole.value / direct.value;
  const all = [
    { ...whole, ratioToDirect },
    { ...job, ratioToDirect },
    ...rates,
    direct,
    timedRow(`${name}, warm`, warm),
    timedRow(`${name}, one file edited`, edited),
    row(`${name}, peak memory`, "MB", peaks, { oid }),
    row(`${name}, store`, "MB", stores, { oid }),
  ];
  return { job, all };
}

/** The engine and `direct` in turn, each on its own copy of a store that holds the files alone. */
function measured(files: number, runs: number): Promise<{ folded: Folded[]; directly: FoldedDirectly[] }> {
  return withFolder((folder) => {
    const made = join(folder, "made.sqlite");
    const { tree } = madeApart({ store: made, files });
    const folded: Folded[] = [];
    const directly: FoldedDirectly[] = [];
    for (let run = 0; run < runs; run++) {
      folded.push(onCopy(made, (store) => foldedApart({ store, tree, post: "line-count" })));
      directly.push(onCopy(made, (store) => foldedDirectlyApart({ store, tree, leaf: "line-count" })));
    }
    return { folded, directly };
  });
}
