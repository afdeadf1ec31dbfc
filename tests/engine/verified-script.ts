import type { Job } from "../../src/worker.ts";

/** Nests a run of its own, reads the virtual clock and random numbers, and logs. */
export default async (job: Job<"in">) => {
  const lines = await job.run("line-count", { in: job.args.in, children: new Map() });
  const failed = await job.run("line-count", { in: job.args.in }).catch((error: Error) => error.message);
  job.log("counted");
  return { lines: job.text(lines), failed, at: Date.now(), random: Math.random(), root: Math.sqrt(2) ** 0.3 };
};
