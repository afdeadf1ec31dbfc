/** Called at each file and each folder, children first: the lines of it, those marked TODO, and the same of its folders. */
import type { Job } from "coppice/worker";

type Report = { lines: number; todo: number; folders?: Record<string, Report> };

export default (job: Job<"in" | "children">): Report => {
  if (job.args.in.kind === "blob") {
    const lines = new TextDecoder().decode(job.bytes(job.args.in)).split("\n");
    return { lines: lines.length - 1, todo: lines.filter((line) => /\bTODO\b/.test(line)).length };
  }
  const below = job.tree(job.args.children).map((child) => [child.name, job.json(child) as Report] as const);
  const sum = (of: "lines" | "todo") => below.reduce((total, [, report]) => total + report[of], 0);
  const folders = Object.fromEntries(below.filter(([, report]) => report.folders !== undefined));
  return { lines: sum("lines"), todo: sum("todo"), folders };
};
