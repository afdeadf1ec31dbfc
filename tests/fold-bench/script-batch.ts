/** Asks for `count` runs of `leaf` in one batch, for the benchmark. */
import type { Job } from "coppice/worker";

export default async (job: Job<"count" | "leaf">) => {
  const worker = job.text(job.args.leaf);
  const requests = Array.from({ length: Number(job.text(job.args.count)) }, (_, at) => ({
    worker,
    args: { in: `x${at}` },
  }));
  const entries = await job.runMany(requests);
  return job.putTree(new Map(entries.map((entry, at) => [`x${at}`, entry])));
};
