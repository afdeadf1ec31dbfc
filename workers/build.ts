/**
 * Builds the guest programs: every folder of workers/ with a worker.ts becomes build/std/NAME.wasm, workers/shell becomes build/std/shell.js and just-bash.js, workers/commands becomes build/std/commands.js, and workers/plain-text what the shell asks about texts.
 *
 * The bytes follow from the sources and the compiler alone: the compiler sees each worker under names
 * relative to workers/, and nothing but the worker's own folder and the SDK, so neither the place of the
 * checkout nor another worker can show in a module. build/std/manifest.json maps each worker to a digest of
 * these sources, the compiler's version and its options; a worker whose digest stands there is up to date.
 */
import { createHash, randomUUID } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { bundleShell, shellSources } from "./bundle-shell.ts";
import { justBashCommands } from "./shell/command-names.ts";

const sourceRoot = import.meta.dirname;
const sdk = "sdk";
const entry = "worker.ts";

/** Where the modules of the standard library are built to. */
export const stdFolder = join(sourceRoot, "..", "build", "std");

/**
 * Speed with an eye on size: -O3 alone is as fast and 20 % larger, -Oz saves another 2 % and takes 15 % longer
 * over a file of 30 MB (85 against 74 ms, base64 and all); on small jobs none can be told from the others.
 * `--debug` keeps the names of functions (12 % of the bytes), so that a trap can be told; no source map is
 * written. The runtime never frees: an instance serves one job.
 */
const options = [
  ...["--runtime", "stub"],
  ...["--optimizeLevel", "3", "--shrinkLevel", "1"],
  ...["--use", `abort=${sdk}/abi/trapped`],
  "--debug",
];

/** The compiler refused a worker; `messages` are its own words. */
export class WorkerBuildError extends Error {
  override readonly name = "WorkerBuildError";
  readonly worker: string;
  readonly messages: string;
  constructor(worker: string, messages: string) {
    super(`worker ${worker} does not compile\n${messages}`);
    this.worker = worker;
    this.messages = messages;
  }
}

/** Sources by their names relative to workers/, `/` between the parts. */
export type Sources = ReadonlyMap<string, string>;

/** The SDK's sources, with those of the folders named. */
export function readSources(folders: readonly string[]): Map<string, string> {
  const sources = new Map<string, string>();
  for (const folder of [sdk, ...folders]) {
    for (const file of readdirSync(join(sourceRoot, folder)).toSorted()) {
      if (file.endsWith(".ts")) sources.set(`${folder}/${file}`, readFileSync(join(sourceRoot, folder, file), "utf8"));
    }
  }
  return sources;
}

/** Compiles the worker whose entry file is `entryName`, one of `sources`. Throws a WorkerBuildError. */
export async function compileWorker(name: string, entryName: string, sources: Sources): Promise<Uint8Array> {
  // Loaded late: it takes longer than a build that finds all up to date.
  const { default: asc } = await import("assemblyscript/asc");
  let module: Uint8Array | undefined;
  const messages = asc.createMemoryStream();
  const { error } = await asc.main([entryName, "--outFile", "out.wasm", ...options], {
    stdout: asc.createMemoryStream(),
    stderr: messages,
    readFile: (path) => sources.get(path.replaceAll("\\", "/").replace(/^\.\//, "")) ?? null,
    writeFile: (path, contents) => {
      if (path === "out.wasm" && typeof contents !== "string") module = Uint8Array.from(contents);
    },
    listFiles: () => [],
  });
  if (error !== null || module === undefined) {
    throw new WorkerBuildError(name, messages.toString() || String(error));
  }
  return module;
}

/** One worker of a finished build. */
export interface BuiltWorker {
  readonly name: string;
  /** In the folder that is built to. */
  readonly file: string;
  readonly bytes: number;
  /** Milliseconds that it took, or undefined when it was up to date. */
  readonly builtInMs: number | undefined;
}

/** Names of all workers, in order. */
export function workerNames(): string[] {
  const isWorker = (name: string): boolean => exists(join(sourceRoot, name, entry));
  return readdirSync(sourceRoot).filter(isWorker).toSorted();
}

/** Brings build/std up to date, modules of workers that are gone included, and calls `tell` for each worker. Throws a WorkerBuildError at the first that fails. */
export async function buildWorkers(
  tell: (worker: BuiltWorker) => void = () => {},
  folder: string = stdFolder,
): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const names = workerNames();
  const before = readManifest(folder);
  const after: Record<string, string> = {};
  for (const name of names) {
    const target = join(folder, `${name}.wasm`);
    const sources = readSources([name]);
    const digest = digestOf(sources);
    const current = before[name] === digest && exists(target);
    const start = performance.now();
    if (!current) replaceFile(target, await compileWorker(name, `${name}/${entry}`, sources));
    after[name] = digest;
    const builtInMs = current ? undefined : performance.now() - start;
    // Also after each: a build that fails halfway keeps what it did.
    if (!current) replaceFile(join(folder, "manifest.json"), manifestText({ ...before, ...after }));
    tell({ name, file: `${name}.wasm`, bytes: statSync(target).size, builtInMs });
  }
  for (const gone of Object.keys(before).filter((name) => !names.includes(name))) {
    rmSync(join(folder, `${gone}.wasm`), { force: true });
  }
  if (manifestText(before) !== manifestText(after)) replaceFile(join(folder, "manifest.json"), manifestText(after));
  tell(await buildCheck(folder));
  for (const script of bundledScripts) tell(await buildScript(folder, script));
}

/** A script that is bundled of workers/shell, workers/commands and just-bash, and the commands of just-bash's that are in it. */
interface BundledScript {
  readonly name: string;
  /** Relative to workers/. */
  readonly entry: string;
  readonly commands?: readonly string[];
}

const bundledScripts: readonly BundledScript[] = [
  { name: "shell", entry: "shell/shell.ts" },
  { name: "just-bash", entry: "shell/just-bash.ts", commands: justBashCommands },
  { name: "commands", entry: "commands/commands.ts", commands: [] },
];

/** A guest that the shell asks, and which is no worker of the standard library either. `NAME.json` says what it was built from. */
const checkName = "plain-text";

async function buildCheck(folder: string): Promise<BuiltWorker> {
  const target = join(folder, `${checkName}.wasm`);
  const manifest = join(folder, `${checkName}.json`);
  const sources = readSources([checkName]);
  const text = builtFrom(digestOf(sources));
  const start = performance.now();
  const current = exists(target) && exists(manifest) && readFileSync(manifest, "utf8") === text;
  if (!current) {
    replaceFile(target, await compileWorker(checkName, `${checkName}/check.ts`, sources));
    replaceFile(manifest, text);
  }
  const builtInMs = current ? undefined : performance.now() - start;
  return { name: checkName, file: `${checkName}.wasm`, bytes: statSync(target).size, builtInMs };
}

function builtFrom(sources: string): string {
  return `${JSON.stringify({ sources })}\n`;
}

/** These are no workers of the standard library, whose name they would change: they are found by src/tools. `NAME.json` says what each was built from. */
async function buildScript(folder: string, { name, entry, commands }: BundledScript): Promise<BuiltWorker> {
  const target = join(folder, `${name}.js`);
  const manifest = join(folder, `${name}.json`);
  const built = JSON.stringify([shellSources(), commands]);
  const text = builtFrom(createHash("sha256").update(built).digest("hex"));
  const start = performance.now();
  const current = exists(target) && exists(manifest) && readFileSync(manifest, "utf8") === text;
  if (!current) {
    const { code, licences } = await bundleShell(entry, commands);
    replaceFile(target, code);
    replaceFile(join(folder, `${name}-licences.txt`), licences);
    replaceFile(manifest, text);
  }
  return {
    name,
    file: `${name}.js`,
    bytes: statSync(target).size,
    builtInMs: current ? undefined : performance.now() - start,
  };
}

function digestOf(sources: Sources): string {
  const version = (createRequire(import.meta.url)("assemblyscript/package.json") as { version: string }).version;
  const whole = JSON.stringify([version, options, [...sources]]);
  return createHash("sha256").update(whole).digest("hex");
}

function readManifest(folder: string): Record<string, string> {
  const path = join(folder, "manifest.json");
  return exists(path) ? (JSON.parse(readFileSync(path, "utf8")) as Record<string, string>) : {};
}

function manifestText(manifest: Record<string, string>): string {
  const sorted = Object.entries(manifest).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `${JSON.stringify(Object.fromEntries(sorted), null, 2)}\n`;
}

/** Whoever reads the file meanwhile (a test that runs beside a build) sees the old bytes or the new ones. */
function replaceFile(path: string, content: string | Uint8Array): void {
  const fresh = `${path}.${randomUUID()}`;
  writeFileSync(fresh, content);
  renameSync(fresh, path);
}

function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}

if (import.meta.main) {
  try {
    await buildWorkers(({ file, bytes, builtInMs }) => {
      if (builtInMs !== undefined) console.log(`${file}  ${bytes} bytes  ${Math.round(builtInMs)} ms`);
    });
  } catch (error) {
    if (!(error instanceof WorkerBuildError)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  }
}
