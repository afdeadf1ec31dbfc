/** A package, with all that it needs, as one CommonJS script. `name` is its folder; `packages` are trees of `manifest` and `modules` by folder. */
import type { Job } from "coppice/worker";
import { linked } from "./linked.ts";

export default (job: Job<"name" | "packages">): string =>
  `${linked(job, job.args.packages)}module.exports = load(mains[${JSON.stringify(job.text(job.args.name))}]);\n`;
