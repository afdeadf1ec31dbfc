/**
 * What a second thread can gain on this machine when it does what engines do, with nothing of the engine in it: the bound on what a second executor can.
 *
 *     node tests/fold-bench/two-threads.ts
 *
 * Prints for each kind of work how many times as much two threads do in the time of one.
 */
import { hash } from "node:crypto";
import { Worker, isMainThread, workerData } from "node:worker_threads";

const works = {
  /** Nothing but registers. */
  multiply: () => {
    let product = 1;
    for (let turn = 0; turn < 4e8; turn++) product = (product * 31 + turn) | 0;
    return product;
  },
  hash: () => {
    const bytes = Buffer.alloc(200);
    for (let turn = 0; turn < 1e6; turn++) {
      bytes.writeUInt32LE(turn, 0);
      hash("sha1", bytes, "buffer");
    }
  },
  /** Objects that die young, and a map that outgrows the caches. */
  remember: () => {
    const map = new Map<string, { readonly turn: number }>();
    for (let turn = 0; turn < 4e6; turn++) {
      map.set(`k${turn}`, { turn });
      if (map.size > 100_000) map.clear();
    }
  },
} as const;

if (isMainThread) {
  for (const work of Object.keys(works)) {
    const ratios: number[] = [];
    for (let run = 0; run < 5; run++) {
      const one = await inThreads(work, 1);
      ratios.push((2 * one) / (await inThreads(work, 2)));
    }
    console.log(`${work}: ${ratios.toSorted((a, b) => a - b)[2]?.toFixed(2)} times`);
  }
} else works[workerData as keyof typeof works]();

async function inThreads(work: string, threads: number): Promise<number> {
  const startedMs = performance.now();
  await Promise.all(
    Array.from(
      { length: threads },
      () =>
        new Promise((resolve, reject) => {
          new Worker(new URL(import.meta.url), { workerData: work }).on("exit", resolve).on("error", reject);
        }),
    ),
  );
  return performance.now() - startedMs;
}
