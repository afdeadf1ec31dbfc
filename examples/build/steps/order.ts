/** The packages' order: each after those that it imports, with all that it needs. Takes manifests alone, so it is asked again only when a name or an import changes. */
import type { Job } from "coppice/worker";
import type { Manifest } from "./package.ts";

export interface Ordered {
  readonly folder: string;
  /** Folders of the packages that it imports, and those that they do, each before whoever imports it. */
  readonly needs: readonly string[];
}

/** Fails for packages that import each other in a circle. */
export default (job: Job<"manifests">): readonly Ordered[] => {
  const manifests = job.tree(job.args.manifests).map((each) => [each.name, job.json(each) as Manifest] as const);
  const folders = new Map(manifests.map(([folder, { name }]) => [name, folder]));
  const imports = new Map(
    manifests.map(([folder, each]) => [folder, each.imports.flatMap((specifier) => folders.get(specifier) ?? [])]),
  );
  const ordered = new Map<string, Ordered>();
  const visit = (folder: string, above: readonly string[]): readonly string[] => {
    if (above.includes(folder)) {
      throw new Error(
        `packages import each other: ${[...above.slice(above.indexOf(folder)), folder].join(" imports ")}`,
      );
    }
    const known = ordered.get(folder);
    if (known !== undefined) return [...known.needs, folder];
    const needs = new Set((imports.get(folder) ?? []).flatMap((each) => visit(each, [...above, folder])));
    ordered.set(folder, { folder, needs: [...needs] });
    return [...needs, folder];
  };
  for (const folder of imports.keys()) visit(folder, []);
  return [...ordered.values()];
};
