/** The build's steps as workers, and the build as a run of the first of them. */
import { join } from "node:path";
import type { Engine, Oid, Run } from "../../src/engine.ts";
import type { Workers } from "../rounds.ts";

const stepNames = ["build", "bundle", "compile", "order", "package", "size", "test"];

/** Bundles the steps' sources. That of `compile` has a whole compiler in it, and takes a second. */
export async function addSteps(engine: Engine): Promise<Workers> {
  const added = stepNames.map(async (name) => [
    name,
    await engine.addScript(join(import.meta.dirname, "steps", `${name}.ts`)),
  ]);
  return Object.fromEntries(await Promise.all(added)) as Workers;
}

/** Builds a tree of packages: what `steps/build.ts` says. */
export function build(engine: Engine, steps: Workers, tree: Oid): Run {
  const entries = Object.entries(steps).map(([name, oid]) => ({ name, mode: "40000" as const, oid }));
  return engine.run({
    worker: steps["build"] ?? "",
    args: { in: { oid: tree }, steps: { oid: engine.putTree(entries) } },
  });
}
