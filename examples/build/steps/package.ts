/**
 * One package: `manifest` (its name, and the packages that it imports), `modules` (of src, compiled, by path) and `tests` (the same of `*.test.ts`, wherever they are). Three objects, since other steps need one and
 * not the other: an edit of a test bundles nothing anew.
 */
import type { Entry, Job } from "coppice/worker";
import type { Compiled } from "./compile.ts";
import { placedIn } from "./placed.ts";

export interface Manifest {
  readonly name: string;
  readonly imports: readonly string[];
}

/** Compiled files by path, in git's order. `inside` says which file of the package an import means, where it is one that was compiled. */
export type Modules = Readonly<Record<string, Compiled & { readonly inside: Readonly<Record<string, string>> }>>;

const isTest = (path: string) => path.endsWith(".test.ts");
const isSource = (path: string) => isTest(path) || /^src\/.*(?<!\.d)\.ts$/.test(path);

export default async (job: Job<"in" | "compile">) => {
  const files = new Map(filesBelow(job, job.args.in, ""));
  const compiled = await Promise.all(
    [...files]
      .filter(([path]) => isSource(path))
      .map(async ([path, file]) => {
        const result = job.json(await job.run(job.args.compile, { in: file }).catch(placedIn(`${path}:`))) as Compiled;
        return [path, { ...result, inside: insideOf(path, result.imports, files) }] as const;
      }),
  );
  const modules = compiled.filter(([path]) => !isTest(path));
  const outside = modules.flatMap(([, { imports }]) => imports.filter((each) => !each.startsWith(".")));
  const described = files.get("package.json");
  const { name } = described === undefined ? {} : (job.json(described) as { readonly name?: string });
  if (name === undefined) throw new Error("package.json: it has no name");
  return new Map<string, object>([
    ["manifest", { name, imports: [...new Set(outside)].toSorted() } satisfies Manifest],
    ["modules", Object.fromEntries(modules)],
    ["tests", Object.fromEntries(compiled.filter(([path]) => isTest(path)))],
  ]);
};

function filesBelow(job: Job, folder: Entry, above: string): (readonly [path: string, file: Entry])[] {
  return job
    .tree(folder)
    .flatMap((entry) =>
      entry.kind === "blob"
        ? [[`${above}${entry.name}`, entry] as const]
        : filesBelow(job, entry, `${above}${entry.name}/`),
    );
}

/** Finds relative imports as written, or as TypeScript does. Throws for one that leads nowhere. */
function insideOf(path: string, imports: readonly string[], files: ReadonlyMap<string, Entry>): Record<string, string> {
  const inside: Record<string, string> = {};
  for (const specifier of imports.filter((each) => each.startsWith("."))) {
    const wanted = joined(path, specifier);
    const stem = wanted.replace(/\.jsx?$/, "");
    const found = [wanted, `${stem}.ts`, `${stem}.tsx`, `${wanted}/index.ts`].find((each) => files.has(each));
    if (found === undefined) throw new Error(`${path}: there is no ${JSON.stringify(specifier)}, which it imports`);
    if (isSource(found)) inside[specifier] = found;
  }
  return inside;
}

function joined(from: string, specifier: string): string {
  const parts = from.split("/").slice(0, -1);
  for (const part of specifier.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== ".") parts.push(part);
  }
  return parts.join("/");
}
