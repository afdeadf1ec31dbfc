/**
 * Bundles the command, the program of executors and that of script children out of src/ into dist/**.cjs, packages and all, since what a warm fold, a thread's and a process's start wait for is mostly
 * modules being found, linked and compiled: design/figures.md has what it saves. The library stays a module a file, as
 * tsc emits it, and starts the same executors. What is loaded by `import()` becomes a file of its own.
 */
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { OutputOptions, Plugin, RolldownOptions } from "rolldown";

/** The licences of the packages that a bundle contains, which their authors want beside every copy. */
const licences: Plugin = {
  name: "licences",
  generateBundle(_options, bundle) {
    const folders = new Set<string>();
    for (const file of Object.values(bundle)) {
      if (file.type !== "chunk") continue;
      for (const id of file.moduleIds) {
        const [folder] = /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(id.replaceAll("\\", "/")) ?? [];
        if (folder !== undefined) folders.add(folder);
      }
    }
    const texts = [...folders].toSorted().map((folder) => {
      const { name, version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Record<
        string,
        string
      >;
      const files = readdirSync(folder).filter((file) => /^licen[cs]e/i.test(file));
      if (files.length === 0) throw new Error(`${name} is bundled and has no licence`);
      return [`${name} ${version}`, ...files.map((file) => readFileSync(join(folder, file), "utf8"))].join("\n\n");
    });
    this.emitFile({ type: "asset", fileName: "bundled-licences.txt", source: texts.join("\n\n") });
  },
};

/**
 * better-sqlite3 looks for its binary from its own file, which in a bundle is another one. (Its 15 files on their own take 3 ms.) The folder is looked for
 * as Node does, and by Node only where that fails: reading what a package exports takes 1.5 ms the first time.
 */
const binary: Plugin = {
  name: "binary",
  transform(code, id) {
    if (!/[\\/]better-sqlite3[\\/]lib[\\/]binding\.js$/.test(id)) return undefined;
    const found = code.replaceAll("path.join(__dirname, '..'", "path.join(ownFolder()");
    if (found === code) throw new Error("better-sqlite3 finds its binary in another way than it did");
    return `${found}
function ownFolder() {
  const folders = require.resolve.paths('better-sqlite3').map((folder) => path.join(folder, 'better-sqlite3'));
  return folders.find((folder) => fs.existsSync(folder)) ?? path.dirname(require.resolve('better-sqlite3/package.json'));
}
`;
  },
};

/** commander loads what starts processes, for commands that are files of their own. Coppice has none, and a warm fold may start no process. */
const processes: Plugin = {
  name: "processes",
  transform(code, id) {
    if (!/[\\/]commander[\\/]lib[\\/]command\.js$/.test(id)) return undefined;
    const lazy = code
      .replace(/^import childProcess from .node:child_process.;$/m, "")
      .replaceAll("childProcess.spawn(", "process.getBuiltinModule('node:child_process').spawn(");
    if (/childProcess/.test(lazy) || lazy === code)
      throw new Error("commander starts processes in another way than it did");
    return lazy;
  },
};

/** The bundles, written to that folder: the command with its executors, and apart from it the program of a script child, which may read no folder but its own. */
export function bundlesIn(dir: string): (RolldownOptions & { readonly output: OutputOptions })[] {
  const output: OutputOptions = {
    dir,
    format: "cjs",
    entryFileNames: "[name].cjs",
    chunkFileNames: "[name].cjs",
    // Names stay, so that the stack in a report of a bug says something.
    minify: { compress: false, mangle: false, codegen: { removeWhitespace: true } },
  };
  return [
    {
      input: { command: "src/cli/main.ts", executor: "src/isolate-host/executor.ts" },
      platform: "node",
      // It finds its program beside its own package.
      external: ["esbuild"],
      plugins: [binary, processes, licences],
      output,
    },
    { input: { "isolate-host/script/child": "src/isolate-host/script/child.ts" }, platform: "node", output },
  ];
}

export default bundlesIn("dist");
