/** What is out of the way before a fold is measured. */
import { availableParallelism } from "node:os";
import type { Engine } from "../../src/engine.ts";

/** Starts executors, as many as the engine may have, and has each compile the modules: that many runs at once, of which nothing that is measured is remembered. */
export async function warmUp(engine: Engine, post: string, executors: number = availableParallelism()): Promise<void> {
  const nothing = engine.putTree([]);
  const salts = Array.from({ length: executors }, (_, at) => `warm-up ${at}`);
  await Promise.all(salts.map((salt) => engine.fold({ in: nothing, post, salt })));
}
