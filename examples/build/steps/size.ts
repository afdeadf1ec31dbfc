/** What each package weighs: bytes of its modules and of its bundle, a line each. Takes the same `packages` as a bundle, and `bundles` by folder. */
import type { Job } from "coppice/worker";
import type { Modules } from "./package.ts";

export default (job: Job<"packages" | "bundles">): string => {
  const bundles = new Map(job.tree(job.args.bundles).map((each) => [each.name, job.bytes(each).length]));
  const lines = job.tree(job.args.packages).map((each) => {
    const [, modules] = job.tree(each).map((part) => job.json(part)) as [unknown, Modules];
    const bytes = Object.values(modules).reduce((sum, { code }) => sum + new TextEncoder().encode(code).length, 0);
    const columns = [Object.keys(modules).length, bytes, bundles.get(each.name)];
    return `${each.name.padEnd(16)}${columns.map((column) => String(column).padStart(9)).join("")}\n`;
  });
  return `${"package".padEnd(16)}${"modules".padStart(9)}${"bytes".padStart(9)}${"bundle".padStart(9)}\n${lines.join("")}`;
};
