/**
 * One package: `manifest` (its name, and the packages that it imports), `modules` and `tests` (compiled files by path). Three objects, since each is needed by other steps: an edit of a test bundles nothing anew.
 */
import type { Entry, Job } from "coppice/worker";
import type { Compiled } from "./compile.ts";
import { placedIn } from "./placed.ts";

export interface Manifest {
  readonly name: string;
  readonly imports: readonly string[];
}

/** A package's compiled files by their path in it, in git's order; `imports` by specifier: a path in the package, or undefined for what is not of it. */
export type Modules = Readonly<Record<string, Compiled & { readonly inside: Readonly<Record<string, string>> }>>;

export default async (job: Job<"in" | "compile">) => {
  const files = new Map(sourcesBelow(job, job.args.in, ""));
  const compiled = await Promise.all(
    [...files].map(async ([path, file]) => {
      const result = await job.run(job.args.compile, { in: file }).catch(placedIn(`${path}:`));
      return [path, job.json(result) as Compiled] as const;
    }),
  );
  const modules = compiled.map(([path, each]) => [path, { ...each, inside: insideOf(path, each, files) }] as const);
  const [own, tests] = [false, true].map((isTest) => modules.filter(([path]) => path.endsWith(".test.ts") === isTest));
  const outside = (own ?? []).flatMap(([, { imports, inside }]) => imports.filter((each) => !(each in inside)));
  const described = job.tree(job.args.in).find(({ name }) => name === "package.json");
  const { name } = described === undefined ? {} : (job.json(described) as { name?: string });
  if (name === undefined) throw new Error("package.json: there is none with a name");
  return new Map<string, object>([
    ["manifest", { name, imports: [...new Set(outside)].toSorted() }],
    ["modules", Object.fromEntries(own ?? [])],
    ["tests", Object.fromEntries(tests ?? [])],
  ]);
};

/** The `.ts` files below a folder, declarations excepted. */
function sourcesBelow(job: Job, folder: Entry, above: string): [path: string, file: Entry][] {
  return job.tree(folder).flatMap((entry) => {
    if (entry.kind === "tree")
      return entry.name === "node_modules" ? [] : sourcesBelow(job, entry, `${above}${entry.name}/`);
    return /(?<!\.d)\.ts$/.test(entry.name) ? [[`${above}${entry.name}`, entry] as [string, Entry]] : [];
  });
}

/** Which file each relative import means, as written or as TypeScript finds it. Throws for one that leads nowhere. */
function insideOf(path: string, { imports }: Compiled, files: ReadonlyMap<string, Entry>): Record<string, string> {
  const relative = imports.filter((specifier) => specifier.startsWith("."));
  return Object.fromEntries(
    relative.map((specifier) => {
      const wanted = joined(path, specifier);
      const stem = wanted.replace(/\.js$/, "");
      const found = [wanted, `${stem}.ts`, `${wanted}/index.ts`].find((each) => files.has(each));
      if (found === undefined) throw new Error(`${path}: there is no ${JSON.stringify(specifier)}, which it imports`);
      return [specifier, found];
    }),
  );
}

function joined(from: string, specifier: string): string {
  const parts = from.split("/").slice(0, -1);
  for (const part of specifier.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== ".") parts.push(part);
  }
  return parts.join("/");
}
