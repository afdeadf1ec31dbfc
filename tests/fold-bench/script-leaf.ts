/** A script of a line, for the benchmark. */
import type { Job } from "coppice/worker";

export default (job: Job<"in">) => job.text(job.args.in).toUpperCase();
