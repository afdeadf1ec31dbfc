/** A history as folds: one for each tree, and a chart of them all. */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import type { Engine, Oid, RunResult } from "../../src/engine.ts";
import { Unusable, resultOf, type Workers } from "../rounds.ts";

export interface History {
  readonly folds: readonly RunResult[];
  /** An SVG. */
  readonly chart: RunResult;
}

/** The newest commits along the first parents, the oldest first. Throws Unusable with what git says. */
export function newestCommits(path: string, commitsMax: number): readonly string[] {
  const log = ["-C", path, "log", "--first-parent", "--format=%H", `--max-count=${commitsMax}`];
  try {
    const commits = execFileSync("git", log, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
    return commits.trim().split("\n").toReversed();
  } catch (error) {
    const said = (error as { stderr?: string }).stderr ?? (error as Error).message;
    const [line = ""] = said.split("\n");
    throw new Unusable(`${path} has no history that git can read: ${line.replace(/^fatal: /, "")}`, { cause: error });
  }
}

export async function addHistoryWorkers(engine: Engine): Promise<Workers> {
  const added = ["visitor", "chart"].map(
    async (name) => [name, await engine.addScript(join(import.meta.dirname, `${name}.ts`))] as const,
  );
  return Object.fromEntries(await Promise.all(added));
}

/** Folds trees, one after the other, so that each executes only what none before it has. Throws what a failed fold says. */
export async function foldHistory(engine: Engine, workers: Workers, trees: readonly Oid[]): Promise<History> {
  const { visitor = "", chart = "" } = workers;
  const folds: RunResult[] = [];
  for (const tree of trees) folds.push(await engine.fold({ in: tree, post: visitor }));
  const points = folds.map((fold, at) => ({
    name: String(at).padStart(6, "0"),
    mode: "100644" as const,
    oid: resultOf(fold),
  }));
  return { folds, chart: await engine.run({ worker: chart, args: { points: { oid: engine.putTree(points) } } }) };
}
