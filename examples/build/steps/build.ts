/**
 * A tree of TypeScript packages, `packages/*`, compiled, bundled and tested: `bundles` by folder, `tests` (a summary of each) and `sizes`. It only asks for steps: what an edit leaves as it was is remembered.
 *
 * Each package goes its own way up to its compiled files. From there on a step is given what it needs and nothing else, so that it is asked for just the same when that has not changed.
 */
import type { Entry, Job, TreeEntry } from "coppice/worker";
import type { Ordered } from "./order.ts";
import { placedIn } from "./placed.ts";
import type { Summary } from "./test.ts";

type Step = "package" | "compile" | "order" | "bundle" | "test" | "size";
type Parts = Readonly<Record<"manifest" | "modules" | "tests", TreeEntry>>;

/** `steps` is a tree of workers. Fails where a step does and for a test that fails, and says in which file and line. */
export default async (job: Job<"in" | "steps">) => {
  const steps = byName(job, job.args.steps) as Record<Step, TreeEntry>;
  const { packages } = byName(job, job.args.in);
  if (packages?.kind !== "tree") throw new Error("there is no folder packages");
  const folders = job.tree(packages).filter((each) => each.kind === "tree" && "package.json" in byName(job, each));

  const parts = new Map(
    await Promise.all(
      folders.map(async (folder) => {
        const compiled = job.run(steps.package, { in: folder, compile: steps.compile });
        const result = await compiled.catch(placedIn(`packages/${folder.name}/`));
        return [folder.name, byName(job, result) as Parts] as const;
      }),
    ),
  );
  const manifests = new Map([...parts].map(([folder, { manifest }]) => [folder, manifest]));
  const order = job.json(await job.run(steps.order, { manifests })) as readonly Ordered[];

  const librariesOf = (names: Iterable<string>) => {
    const libraries = Array.from(names, (folder) => {
      const { manifest, modules } = parts.get(folder) as Parts;
      return [folder, new Map(Object.entries({ manifest, modules }))] as const;
    });
    return job.putTree(new Map(libraries));
  };
  const built = await Promise.all(
    order.map(async ({ folder, needs }) => {
      const given = { name: folder, packages: librariesOf([...needs, folder]) };
      const { tests } = parts.get(folder) as Parts;
      const [bundle, tested] = await Promise.all([
        job.run(steps.bundle, given),
        job.run(steps.test, { ...given, tests }).catch(placedIn(`packages/${folder}: `)),
      ]);
      const summary = job.json(tested) as Summary;
      for (const { file, test, message } of summary.failed) {
        const path = `packages/${folder}/${file}`;
        throw new Error(`${path}:${lineOf(job, path, test)}: ${JSON.stringify(test)} failed: ${message}`);
      }
      return { folder, bundle, summary };
    }),
  );
  const bundles = new Map(built.map(({ folder, bundle }) => [folder, bundle]));
  const sizes = await job.run(steps.size, { packages: librariesOf(parts.keys()), bundles });
  const tests = Object.fromEntries(built.map(({ folder, summary }) => [folder, summary]));
  return new Map<string, object>(Object.entries({ bundles, sizes, tests }));
};

function byName(job: Job, tree: Entry): Record<string, TreeEntry> {
  return Object.fromEntries(job.tree(tree).map((entry) => [entry.name, entry]));
}

/** The line of a text in a file, 1 if it is not found: compiled files have no lines of their author's, so it is looked for when it is wanted. */
function lineOf(job: Job<"in">, path: string, wanted: string): number {
  const file = path.split("/").reduce<Entry>((at, name) => byName(job, at)[name] as Entry, job.args.in);
  const text = job.text(file);
  return text.slice(0, Math.max(0, text.indexOf(wanted))).split("\n").length;
}
