import { execFileSync } from "node:child_process";
import { cpSync, readFileSync, readdirSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { binaryFunctions, binaryModule } from "../../src/abi/binary.ts";
import { WorkerBuildError, buildWorkers, compileWorker, readSources, workerNames } from "../../workers/build.ts";
import { standardLibrary, withTemporaryFolder } from "./standard-library.ts";

const root = join(import.meta.dirname, "..", "..");
let std: Record<string, Uint8Array>;
beforeAll(async () => {
  std = await standardLibrary();
});

describe("each module", () => {
  test("imports the ABI and exports what it asks for, nothing else", () => {
    // Left out of the project's own declaration of WebAssembly, which is for the isolate host.
    const api = WebAssembly.Module as unknown as {
      imports(module: WebAssembly.Module): { module: string; name: string; kind: string }[];
      exports(module: WebAssembly.Module): { name: string; kind: string }[];
      customSections(module: WebAssembly.Module, name: string): ArrayBuffer[];
    };
    expect(Object.keys(std)).toEqual([
      "byte-count",
      "dirs-only",
      "file-count",
      "fold-wasm",
      "language-stats",
      "line-count",
    ]);
    for (const bytes of Object.values(std)) {
      const module = new WebAssembly.Module(bytes);
      const imports = api.imports(module);
      for (const { module: from, name, kind } of imports) {
        expect({ from, kind, isOffered: name in binaryFunctions }).toEqual({
          from: binaryModule,
          kind: "function",
          isOffered: true,
        });
      }
      expect(api.exports(module).toSorted((a, b) => (a.name < b.name ? -1 : 1))).toEqual([
        { name: "caos_run", kind: "function" },
        { name: "memory", kind: "memory" },
      ]);
      expect(api.customSections(module, "name").length).toBe(1);
      expect(api.customSections(module, "sourceMappingURL").length).toBe(0);
      const instance = new WebAssembly.Instance(module, {
        [binaryModule]: Object.fromEntries(imports.map(({ name }) => [name, () => 0])),
      });
      expect((instance.exports["memory"] as WebAssembly.Memory).buffer.byteLength).toBe(65536);
    }
  });
});

describe("the build", () => {
  test("gives the same bytes in another folder and from another cwd", async () => {
    await withTemporaryFolder(async (folder) => {
      cpSync(join(root, "workers"), join(folder, "workers"), { recursive: true });
      cpSync(join(root, "package.json"), join(folder, "package.json"));
      for (const file of ["file-start.ts", "plain-call.ts", "starting-call.ts"])
        cpSync(join(root, "src", "tools", file), join(folder, "src", "tools", file));
      symlinkSync(join(root, "node_modules"), join(folder, "node_modules"), "dir");
      const script = join(folder, "workers", "build.ts");
      const told = execFileSync(process.execPath, [script], { cwd: join(folder, "workers"), encoding: "utf8" });
      expect(told.trim().split("\n").length).toBe(workerNames().length + 4);
      const built = join(folder, "build", "std");
      for (const [name, bytes] of Object.entries(std)) {
        expect(readFileSync(join(built, `${name}.wasm`)).equals(bytes), name).toBe(true);
      }
      for (const name of ["shell", "just-bash", "commands"].flatMap((each) => [
        `${each}.js`,
        `${each}.json`,
        `${each}-licences.txt`,
      ])) {
        expect(readFileSync(join(built, name)).equals(readFileSync(join(root, "build", "std", name))), name).toBe(true);
      }
      const manifest = readFileSync(join(built, "manifest.json"), "utf8");
      expect(manifest).toBe(readFileSync(join(root, "build", "std", "manifest.json"), "utf8"));

      // What is up to date is left alone; what was changed, alone, is built.
      expect(execFileSync(process.execPath, [script], { cwd: "/", encoding: "utf8" })).toBe("");
      const worker = join(folder, "workers", "dirs-only", "worker.ts");
      writeFileSync(worker, `${readFileSync(worker, "utf8")}// changed\n`);
      expect(execFileSync(process.execPath, [script], { encoding: "utf8" })).toMatch(/^dirs-only\.wasm .*\n$/);

      // A worker that is gone takes its module along.
      const sources = (name: string): string => join(folder, "workers", name);
      renameSync(sources("line-count"), sources("lines"));
      expect(execFileSync(process.execPath, [script], { encoding: "utf8" })).toMatch(/^lines\.wasm .*\n$/);
      renameSync(sources("lines"), sources("line-count"));
      expect(execFileSync(process.execPath, [script], { encoding: "utf8" })).toMatch(/^line-count\.wasm .*\n$/);
      expect(readdirSync(built).toSorted()).toEqual(
        [
          ...workerNames().map((name) => `${name}.wasm`),
          "manifest.json",
          "commands-licences.txt",
          "commands.js",
          "commands.json",
          "just-bash-licences.txt",
          "just-bash.js",
          "just-bash.json",
          "plain-text.json",
          "plain-text.wasm",
          "shell-licences.txt",
          "shell.js",
          "shell.json",
        ].toSorted(),
      );
    });
  });

  test("tells what is up to date too, to whoever calls it", async () => {
    const told: string[] = [];
    await buildWorkers(({ file, builtInMs }) => told.push(`${file} ${builtInMs}`));
    expect(told).toEqual([
      ...Object.keys(std).map((name) => `${name}.wasm undefined`),
      "plain-text.wasm undefined",
      "shell.js undefined",
      "just-bash.js undefined",
      "commands.js undefined",
    ]);
  });

  test("fails with the compiler's own words", async () => {
    const sources = readSources([]);
    sources.set("broken/worker.ts", "export function caos_run(): void { nonsense(); }\n");
    const failure = await compileWorker("broken", "broken/worker.ts", sources).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(WorkerBuildError);
    expect((failure as WorkerBuildError).message).toContain("Cannot find name 'nonsense'");
    expect((failure as WorkerBuildError).worker).toBe("broken");
  });

  test("lets no worker see another's sources", async () => {
    const sources = readSources(["dirs-only"]);
    sources.set("dirs-only/worker.ts", 'export { caos_run } from "../file-count/worker";\n');
    await expect(compileWorker("dirs-only", "dirs-only/worker.ts", sources)).rejects.toThrow(/file-count\/worker/);
  });
});
