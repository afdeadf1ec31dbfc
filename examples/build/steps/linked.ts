/** Compiled packages as one script. */
import type { Entry, Job } from "coppice/worker";
import type { Manifest, Modules } from "./package.ts";

interface Part {
  readonly folder: string;
  readonly modules: Modules;
}

const load = `const loaded = {};
const load = (path) => {
  if (path in loaded) return loaded[path].exports;
  const [paths, evaluate] = modules[path];
  const module = (loaded[path] = { exports: {} });
  evaluate(module, module.exports, (specifier) => (specifier in paths ? load(paths[specifier]) : require(specifier)));
  return module.exports;
};
`;

/**
 * A script that defines `load`, which evaluates a module, "FOLDER/PATH", once and gives its exports, and `mains`, the modules that packages' names stand for, by folder. What is in no package it asks a `require`
 * for that is there where it runs. `packages` are trees of `manifest` and `modules` by folder; `more` are further modules of one of them.
 */
export function linked(job: Job, packages: Entry, more: readonly Part[] = []): string {
  const parts = job.tree(packages).map((each) => {
    const [manifest, modules] = job.tree(each).map((part) => job.json(part)) as [Manifest, Modules];
    return { folder: each.name, name: manifest.name, modules, main: `${each.name}/${mainOf(modules)}` };
  });
  const names = new Map(parts.map(({ name, main }) => [name, main]));
  const defined = [...parts, ...more].flatMap(({ folder, modules }) =>
    Object.entries(modules).map(([path, { code, imports, inside }]) => {
      const paths = imports.map((specifier) => {
        const own = inside[specifier];
        return [specifier, own === undefined ? names.get(specifier) : `${folder}/${own}`];
      });
      const known = JSON.stringify(Object.fromEntries(paths));
      return `${JSON.stringify(`${folder}/${path}`)}: [${known}, (module, exports, require) => {\n${code}}],`;
    }),
  );
  const mains = JSON.stringify(Object.fromEntries(parts.map(({ folder, main }) => [folder, main])));
  return [`const mains = ${mains};`, "const modules = {", ...defined, "};", load].join("\n");
}

function mainOf(modules: Modules): string {
  return ["src/index.ts", "index.ts", ...Object.keys(modules)].find((path) => path in modules) ?? "src/index.ts";
}
