/** Modules from small to large: from a request to the first result of an executor that has run nothing, and how much of it is rewriting, compiling and running. */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stdFolder } from "../../workers/build.ts";
import { withFolder } from "./apart.ts";
import { firstResult, splitApart, wholeApart } from "./first-job.ts";
import { paddedModule } from "./padded-module.ts";
import { mustBe, timedRow, type Row } from "./row.ts";

const sizes = [
  ["5 KB", 5_000],
  ["150 KB", 150_000],
  ["1 MB", 1_000_000],
] as const;

export function moduleRows(runs: number): Promise<Row[]> {
  return withFolder((folder) => {
    const path = join(folder, "guest.wasm");
    // The smallest.
    const worker = readFileSync(join(stdFolder, "dirs-only.wasm"));
    return sizes.flatMap(([size, bytes]) => {
      writeFileSync(path, paddedModule(worker, bytes));
      return rowsOf(`module of ${size}`, folder, path, runs);
    });
  });
}

function rowsOf(name: string, folder: string, module: string, runs: number): Row[] {
  const store = join(folder, "first.sqlite");
  const inNewStore = <T>(work: () => T): T => {
    const done = work();
    rmSync(store);
    return done;
  };
  const measured = Array.from({ length: runs }, () => ({
    whole: inNewStore(() => wholeApart(store, module)),
    split: inNewStore(() => splitApart(store, module)),
  }));
  const whole = measured.map((each) => each.whole);
  mustBe(name, [...whole, ...measured.map(({ split }) => split.running)], { oid: firstResult, jobs: 1 });
  const part = (of: "rewriting" | "compiling" | "running") =>
    timedRow(
      `${name}, ${of === "rewriting" ? "reading and rewriting" : of}`,
      measured.map(({ split }) => split[of]),
    );
  return [timedRow(`${name}, first result`, whole), part("rewriting"), part("compiling"), part("running")];
}
