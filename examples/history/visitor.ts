/** Called at each file and each folder, children first: a file's lines; a folder's lines by the extension of the files below it. */
import type { Job } from "coppice/worker";

/** Lines by extension, without the dot. */
export type Lines = Readonly<Record<string, number>>;

const newline = 10;

export default (job: Job<"in" | "children">): Lines | number => {
  if (job.args.in.kind === "blob") {
    const bytes = job.bytes(job.args.in);
    // Like git: what has a NUL near its beginning is no text.
    if (bytes.subarray(0, 8000).includes(0)) return 0;
    let lines = 0;
    for (let at = bytes.indexOf(newline); at >= 0; at = bytes.indexOf(newline, at + 1)) lines++;
    return lines;
  }
  const lines = new Map<string, number>();
  const add = (extension: string, count: number) => lines.set(extension, (lines.get(extension) ?? 0) + count);
  for (const child of job.tree(job.args.children)) {
    const below = job.json(child) as Lines | number;
    if (typeof below === "number") add(/[^.]\.([^.]+)$/.exec(child.name)?.[1] ?? "", below);
    else for (const [extension, count] of Object.entries(below)) add(extension, count);
  }
  return Object.fromEntries(lines);
};
