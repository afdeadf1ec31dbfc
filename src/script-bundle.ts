/**
 * Bundles a worker written in TypeScript or JavaScript, npm packages included, into one self-contained classic script.
 *
 * The script is a CommonJS module, `module.exports=` and the worker's default export, which the runtime evaluates afresh for each job. It binds no global name, imports nothing and is
 * UTF-8. Its bytes follow from the modules' text, the package.json files beside them and this version of Coppice alone: not from the folder they are in, the current folder, symlinks, a tsconfig.json, the
 * environment or comments. design/scripts-bundling.md has the decisions.
 */
import { builtinModules } from "node:module";
import { readFileSync, realpathSync } from "node:fs";
import { basename, dirname, extname, isAbsolute, join, relative, resolve } from "node:path";
import { Script } from "node:vm";
import { UnfitScript, isScriptPath, scriptExtensions, type ScriptFault } from "./unfit-script.ts";
import { decode, encode } from "@jridgewell/sourcemap-codec";
import {
  build,
  transform,
  type BuildFailure,
  type BuildOptions,
  type Message,
  type Metafile,
  type Plugin,
} from "esbuild";
import type { SourcePosition } from "./script-position.ts";

/** A worker's script. */
export interface ScriptBundle {
  /** The script, UTF-8. What a worker's name is made of. */
  readonly code: Uint8Array;
  /** JSON of its source map (version 3, without the sources' texts), for `positionOf` of script-position.ts. `sources` are relative to the worker's folder, or start with a package's name; its `file` is the worker's. Not a part of the worker's name. */
  readonly map: string;
  /** Absolute paths of the files that were read for it, sorted: what to watch. */
  readonly files: readonly string[];
}

/** Bundles the worker in `file`. Runs nothing of it. Throws UnfitScript, or the system's error for a file that can't be read. */
export async function bundleScript(file: string): Promise<ScriptBundle> {
  if (!isScriptPath(file)) {
    throw new UnfitScript("extension", basename(file), `a worker's name ends in one of ${scriptExtensions.join(", ")}`);
  }
  const entry = realpathSync(file);
  const sources = sourcesFrom(dirname(entry));
  const source = readFileSync(entry, "utf8");
  let built = await attempt(entry, sources, []);
  // A `require` in a `try` of what is not there is left to fail at run time, as its author meant. What else wants a module of Node's is bundled again, with something in its place.
  const wanted = built.errors.filter(isOfBuiltin);
  if (wanted.length > 0 && wanted.length === built.errors.length) built = await attempt(entry, sources, wanted);
  const error = built.errors.find((each) => !isOfBuiltin(each)) ?? built.errors[0];
  if (error !== undefined) throw unfit(error, entry, sources);
  const [warning] = built.warnings.filter(
    ({ id, location }) => id in warningFaults && location !== null && sources.isOwn(sources.path(location.file)),
  );
  if (warning !== undefined) throw unfit(warning, entry, sources);
  const { metafile, code, map } = built;
  await refuseImports(metafile, entry, sources);
  await refuseDefaultExport(metafile, source, entry, sources);
  const bundle = withoutPaths(code, map, metafile, sources);
  await refuseSloppySyntax(bundle.code, bundle.map);
  const { code: text, map: lines } = asModule(bundle.code, bundle.map, basename(entry));
  return { code: Buffer.from(text, "utf8"), map: lines, files: filesOf(metafile, sources) };
}

/** The script as a CommonJS module, which is what the runtime of scripts evaluates; its map one line further down, with the worker's file. */
function asModule(code: string, map: string, file: string): { readonly code: string; readonly map: string } {
  const { mappings, ...rest } = JSON.parse(map) as { mappings: string };
  return {
    code: `module.exports=\n${code.trimEnd()}()\n`,
    map: JSON.stringify({ ...rest, file, mappings: `;${mappings}` }),
  };
}

function filesOf(metafile: Metafile, sources: Sources): readonly string[] {
  const inputs = Object.keys(metafile.inputs).filter((input) => !isVirtual(input));
  // A file that is imported as text, say, is listed with the import's attributes.
  const files = inputs.map((input) => sources.path(input.replace(/ with \{.*\}$/, "")));
  return [...new Set(files)].toSorted();
}

/** What the bundle assigns the default export to: free in the program that imports the worker, bound in the function around it. */
const binding = "coppiceWorker";
const entryName = "<worker>";
const sealedNamespace = "sealed";
const typesNamespace = "types";

interface Built {
  readonly errors: readonly Message[];
  readonly warnings: readonly Message[];
  readonly metafile: Metafile;
  readonly code: string;
  readonly map: string;
}

/** One build. The modules of Node's that `wanted` names get something put in their place. */
async function attempt(entry: string, sources: Sources, wanted: readonly Message[]): Promise<Built> {
  try {
    const built = await build({ ...optionsFor(entry), plugins: [ownKinds, inPlaceOfBuiltins(wanted, sources)] });
    const text = (suffix: string) => built.outputFiles.find(({ path }) => path.endsWith(suffix))?.text ?? "";
    return { ...built, code: text(".js"), map: text(".map") };
  } catch (error) {
    return { errors: messagesOf(error), warnings: [], metafile: { inputs: {}, outputs: {} }, code: "", map: "" };
  }
}

function messagesOf(error: unknown): readonly Message[] {
  if (error instanceof Error && "errors" in error) return (error as BuildFailure).errors;
  throw error;
}

/** What packages ask by that name; nothing here reads it, which is what a search for readers of the environment should find. */
const nodeEnv = ["process", "env", "NODE_ENV"].join(".");

/** All that decides on the bytes. Nothing is left to a default that a file or a variable could set. */
function optionsFor(entry: string) {
  const folder = dirname(entry);
  return {
    stdin: {
      contents: `import worker from ${JSON.stringify(`./${basename(entry)}`)};\n${binding} = worker;`,
      loader: "js",
      resolveDir: folder,
      sourcefile: entryName,
    },
    absWorkingDir: folder,
    outfile: join(folder, "worker.js"),
    write: false,
    bundle: true,
    metafile: true,
    format: "iife",
    banner: { js: `(()=>{"use strict";var ${binding};` },
    footer: { js: `return ${binding}})` },
    target: "node24",
    // For `browser` in package.json, by which packages say what they need no Node for.
    platform: "browser",
    mainFields: ["browser", "module", "main"],
    conditions: ["worker", "module", "production"],
    resolveExtensions: [".ts", ".tsx", ".js", ".jsx", ".json"],
    nodePaths: [],
    preserveSymlinks: false,
    define: { [nodeEnv]: '"production"', global: "globalThis" },
    jsx: "automatic",
    jsxDev: false,
    tsconfigRaw: {
      compilerOptions: { useDefineForClassFields: true, experimentalDecorators: false, verbatimModuleSyntax: false },
    },
    // White space and comments go. Names stay, since they show in messages and in `constructor.name`.
    minifyWhitespace: true,
    minifyIdentifiers: false,
    minifySyntax: false,
    legalComments: "none",
    charset: "utf8",
    sourcemap: "external",
    sourcesContent: false,
    logLevel: "silent",
    logLimit: 0,
    logOverride: {
      "unsupported-dynamic-import": "warning",
      "unsupported-require-call": "warning",
      "indirect-require": "warning",
      "empty-import-meta": "warning",
    },
  } as const satisfies BuildOptions;
}

/** `coppice/worker` has types only, and is there without being installed. A style sheet, for which the bundler would write a second file, is a file like any other. */
const ownKinds: Plugin = {
  name: "own-kinds",
  setup(bundler) {
    bundler.onResolve({ filter: /^coppice\/worker$/ }, ({ path }) => ({
      path,
      namespace: typesNamespace,
      sideEffects: false,
    }));
    bundler.onLoad({ filter: /^/, namespace: typesNamespace }, () => ({ contents: "export {}", loader: "js" }));
    bundler.onLoad({ filter: /\.css$/ }, ({ path, with: { type } }) =>
      type === undefined ? { errors: [{ text: `No loader is configured for ".css" files: ${path}` }] } : undefined,
    );
  },
};

/**
 * Puts something in the place of Node's modules that `wanted` names: a module that can be required and kept, and says what it is not once it is used, so that packages stay usable of which a worker needs
 * a part that needs no Node. Whether an `import` statement of one was shaken off with what used it is seen in the outcome.
 */
function inPlaceOfBuiltins(wanted: readonly Message[], sources: Sources): Plugin {
  const keys = new Set(
    wanted.map(({ location, text }) => keyOf(sources.path(location?.file ?? ""), unresolved.exec(text)?.[1] ?? "")),
  );
  return {
    name: "in-place-of-built-ins",
    setup(bundler) {
      if (keys.size === 0) return;
      bundler.onResolve({ filter: /^/ }, ({ path, importer }) =>
        keys.has(keyOf(importer, path))
          ? // The importer's name keeps the modules apart, which say different things.
            {
              path: `${sources.name(importer)}/${path}`,
              namespace: sealedNamespace,
              sideEffects: false,
              pluginData: path,
            }
          : undefined,
      );
      bundler.onLoad({ filter: /^/, namespace: sealedNamespace }, ({ path, pluginData }) => {
        const specifier = String(pluginData);
        const importer = path.slice(0, -specifier.length - 1);
        return { contents: absentModule(`${importer} uses ${specifier}: ${sealed}`), loader: "js" };
      });
    },
  };
}

function keyOf(importer: string, specifier: string): string {
  return `${importer}\0${specifier}`;
}

const sealed = "a worker is sealed, and has none of Node's modules";

/** `__esModule` and `default` are what compiled programs ask of every module that they keep; `then` is what a promise asks. */
function absentModule(sentence: string): string {
  return `const absent = function () { throw new Error(${JSON.stringify(sentence)}) };
const get = (_, key) => key === "__esModule" ? true : key === "default" ? module.exports : key === "then" || typeof key === "symbol" ? undefined : absent();
module.exports = new Proxy(absent, { get, set: absent, has: absent, deleteProperty: absent, ownKeys: absent, defineProperty: absent, getOwnPropertyDescriptor: absent, apply: absent, construct: absent });`;
}

const unresolved = /^Could not resolve "(.*)"$/;
const builtins = new Set(builtinModules);

function isBuiltin(specifier: string): boolean {
  return specifier.startsWith("node:") || builtins.has(specifier);
}

function isOfBuiltin({ text, location }: Message): boolean {
  const specifier = unresolved.exec(text)?.[1];
  return specifier !== undefined && location !== null && isBuiltin(specifier);
}

/** Warnings of the bundler's about what can't be done here; said of packages they are left to run time, where it may never come to that. */
const warningFaults = {
  "unsupported-dynamic-import": "dynamic-import",
  "unsupported-require-call": "dynamic-import",
  "indirect-require": "dynamic-import",
  "empty-import-meta": "import-meta",
} as const satisfies Record<string, ScriptFault>;

/** What a message of the bundler's says to a worker's author. */
function unfit({ id, text, location, notes }: Message, entry: string, sources: Sources): UnfitScript {
  if (location === null) return new UnfitScript("syntax", basename(entry), text);
  const place = sources.position(location);
  const [, specifier = ""] = unresolved.exec(text) ?? [];
  const missing = /^No matching export in "(.*)" for import "(.*)"$/.exec(text);
  if (location.file === entryName && missing !== null) return noDefault(entry);
  if (id in warningFaults) {
    const fault = warningFaults[id as keyof typeof warningFaults];
    if (fault === "import-meta") return new UnfitScript(fault, place, "a worker has no import.meta");
    return new UnfitScript(
      fault,
      place,
      "what it imports is known only when it runs; a bundle holds what is named by a literal",
    );
  }
  if (text.startsWith("Top-level await")) {
    return new UnfitScript(
      "top-level-await",
      place,
      "modules of a worker can't await outside of functions, since they are evaluated before there is a job",
    );
  }
  if (text.startsWith("No loader is configured")) return new UnfitScript("file-kind", place, fileKindReason(text));
  if (specifier !== "") {
    const detail = notes.find(
      (note) => /^The (?:path|module|package) "/.test(note.text) && !/built into node|mark/.test(note.text),
    );
    const alias = /^[@~][^/]*\//.test(specifier) || specifier.startsWith("#");
    const reason = [
      `can't find ${JSON.stringify(specifier)}`,
      ...(detail === undefined ? [] : [detail.text.replace(/[.:]$/, "")]),
      ...(alias ? ["`paths` of a tsconfig.json are not read, `imports` of package.json are"] : []),
    ].join("; ");
    return new UnfitScript("unresolved", place, reason);
  }
  if (missing !== null) {
    const [, module = "", name = ""] = missing;
    const from = module.startsWith(`${typesNamespace}:`)
      ? "coppice/worker, which has types only"
      : sources.name(sources.path(module));
    return new UnfitScript("unresolved", place, `there is no export ${JSON.stringify(name)} in ${from}`);
  }
  return new UnfitScript("syntax", place, text);
}

function fileKindReason(text: string): string {
  const [, path = "the file"] = /files: (.*)$/.exec(text) ?? [];
  return `${basename(path)} is no script; import it with { type: "text" } or with { type: "bytes" }`;
}

function noDefault(entry: string): UnfitScript {
  const reason = "it has no default export; a worker is a module with one, `export default async (job) => result`";
  return new UnfitScript("no-default", basename(entry), reason);
}

/** Refuses what the bundle would have to import at run time, and modules of Node's that are certainly used. */
async function refuseImports(metafile: Metafile, entry: string, sources: Sources): Promise<void> {
  const [output] = Object.values(metafile.outputs).filter(({ entryPoint }) => entryPoint !== undefined);
  const remaining = new Set(output?.imports.map(({ path }) => path));
  const isKept = (input: string) => (output?.inputs[input]?.bytesInOutput ?? 0) > 0;
  const isRefused = (importer: string, { path, kind, external, original }: ImportRecord) => {
    if (path === "<runtime>") return false;
    const isOwn = sources.isOwn(sources.path(importer));
    // Imports of types are listed too, and are in no output.
    if (external === true) return remaining.has(path) && (kind === "import-statement" || (isOwn && isBuiltin(path)));
    if (!path.startsWith(`${sealedNamespace}:`)) return false;
    return isOwn ? isBuiltin(original ?? "") : kind === "import-statement" && isKept(path);
  };
  for (const { inputs, importer, record } of walk(metafile, basename(entry))) {
    if (!isRefused(importer, record)) continue;
    const specifier = record.original ?? record.path;
    const steps = [...inputs.map((input) => ({ input, file: sources.path(input) })), { input: specifier, file: "" }];
    const chain = steps.map(({ input, file }) => (file === "" ? input : sources.name(file)));
    // The last of the author's own files is where something can be done about it.
    const last = inputs.findLastIndex((input) => sources.isOwn(sources.path(input)));
    const next = metafile.inputs[inputs[last] ?? ""]?.imports.find(
      ({ path }) => path === (inputs[last + 1] ?? record.path),
    );
    const place = await placeOf(inputs[last] ?? basename(entry), next?.original ?? specifier, entry, sources);
    const fault = isBuiltin(specifier) ? "built-in" : "unresolved";
    const why = fault === "built-in" ? sealed : "a worker is sealed, and can't load it";
    throw new UnfitScript(fault, place, `${chain.join(" imports ")}: ${why}`, chain);
  }
}

type ImportRecord = Metafile["inputs"][string]["imports"][number];

/** Every import of every module, those nearest to the worker's file first, with the modules on the shortest way there. */
function* walk(
  metafile: Metafile,
  first: string,
): Generator<{ inputs: readonly string[]; importer: string; record: ImportRecord }> {
  const seen = new Set([first]);
  const waiting: (readonly string[])[] = [[first]];
  for (const inputs of waiting) {
    const importer = inputs.at(-1) ?? first;
    for (const record of metafile.inputs[importer]?.imports ?? []) {
      yield { inputs, importer, record };
      if (seen.has(record.path)) continue;
      seen.add(record.path);
      waiting.push([...inputs, record.path]);
    }
  }
}

/** Where a module imports `specifier`, which only the bundler's errors tell: so it is made one. */
async function placeOf(
  input: string,
  specifier: string,
  entry: string,
  sources: Sources,
): Promise<SourcePosition | string> {
  const importer = sources.path(input);
  const sought: Plugin = {
    name: "sought",
    setup(bundler) {
      bundler.onResolve({ filter: /^/ }, (args) =>
        args.importer === importer && args.path === specifier ? { errors: [{ text: "here" }] } : undefined,
      );
    },
  };
  try {
    await build({ ...optionsFor(entry), plugins: [sought] });
  } catch (error) {
    const found = messagesOf(error).find(({ pluginName }) => pluginName === sought.name);
    if (found?.location) return sources.position(found.location);
  }
  return sources.name(importer);
}

/**
 * Refuses a default export that can be seen to be no function. The module is printed anew, without template literals, so that a line that starts with `export default` is the export.
 */
async function refuseDefaultExport(metafile: Metafile, source: string, entry: string, sources: Sources): Promise<void> {
  if (metafile.inputs[basename(entry)]?.format === undefined) throw noDefault(entry);
  const { code, map } = await printed(source, entry, sources);
  const found = /^export default (?:\/\*.*?\*\/ )?([[{"'/\d-]|(?:class|true|false|null|void|new)\b)/m.exec(code);
  if (found === null) return;
  const [, start = ""] = found;
  const what = { "[": "an array", "{": "an object", class: "a class", new: "an object" }[start] ?? "a plain value";
  const line = code.slice(0, found.index).split("\n").length;
  const { positionOf } = await import("./script-position.ts");
  const place = positionOf(map, line, "export default ".length + 1);
  const at = place === undefined ? basename(entry) : { ...place, file: sources.name(entry) };
  throw new UnfitScript(
    "not-a-function",
    at,
    `its default export is ${what}; a worker's is a function, \`async (job) => result\``,
  );
}

async function printed(source: string, entry: string, sources: Sources) {
  try {
    return await transform(source, {
      loader: loaderOf(entry),
      sourcefile: basename(entry),
      target: "node24",
      legalComments: "none",
      supported: { "template-literal": false },
      sourcemap: "external",
      sourcesContent: false,
      logLevel: "silent",
      tsconfigRaw: optionsFor(entry).tsconfigRaw,
    });
  } catch (error) {
    const [message] = messagesOf(error);
    throw message === undefined ? error : unfit(message, entry, sources);
  }
}

function loaderOf(entry: string) {
  const extension = extname(entry);
  if (extension === ".tsx" || extension === ".jsx") return extension === ".tsx" ? "tsx" : "jsx";
  return extension.endsWith("ts") ? "ts" : "js";
}

/**
 * The bundle without the paths that name CommonJS modules in it (`__commonJS({"../node_modules/x/index.js"(exports, module) {`), which say where a machine keeps its packages and are only for
 * profilers; and its map, with columns moved accordingly and sources named as people know them.
 */
function withoutPaths(code: string, map: string, metafile: Metafile, sources: Sources): { code: string; map: string } {
  const isKey = (key: string) => Object.hasOwn(metafile.inputs, key.slice(1, -1).replaceAll(/\\(.)/g, "$1"));
  const keys = Array.from(code.matchAll(wrappedModule), ({ index, 0: whole, 1: start = "", 2: key = "" }) => ({
    from: index + start.length,
    until: index + whole.length - 1,
    key,
  })).filter(({ key }) => isKey(key));
  const parsed = JSON.parse(map) as { sources: string[]; mappings: string };
  const named = parsed.sources.map((source) => {
    const input = decodeURIComponent(source);
    return isVirtual(input) ? "" : sources.name(sources.path(input));
  });
  if (keys.length === 0) return { code, map: JSON.stringify({ ...parsed, sources: named }) };
  const kept = keys.map(({ from }, at) => `${code.slice(keys[at - 1]?.until ?? 0, from)}""`);
  const shorter = `${kept.join("")}${code.slice(keys.at(-1)?.until)}`;
  const mappings = movedBack(parsed.mappings, code, keys);
  return { code: shorter, map: JSON.stringify({ ...parsed, sources: named, mappings }) };
}

const wrappedModule = /(__(?:commonJS|esm)\d*\(\{)("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`)\(/g;

/** The mappings of a text in which each of `cuts` (in order) became `""`. */
function movedBack(mappings: string, code: string, cuts: readonly { from: number; until: number }[]): string {
  const lines = decode(mappings);
  let lineStart = 0;
  let next = 0;
  for (const segments of lines) {
    const found = code.indexOf("\n", lineStart);
    const lineEnd = found === -1 ? code.length : found;
    let moved = 0;
    for (const segment of segments) {
      for (let cut = cuts[next]; cut !== undefined && cut.until <= lineStart + segment[0]; cut = cuts[++next]) {
        moved += cut.until - cut.from - 2;
      }
      segment[0] -= moved;
    }
    while ((cuts[next]?.from ?? Infinity) < lineEnd) next++;
    lineStart = lineEnd + 1;
  }
  return encode(lines);
}

/** Refuses what strict code may not say and a package of another age does (`with`, say). */
async function refuseSloppySyntax(code: string, map: string): Promise<void> {
  try {
    return void new Script(code, { filename: "bundle" });
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    // `bundle:LINE`, the line itself, and a line that underlines the place.
    const [head = "", , marks = ""] = (error.stack ?? "").split("\n");
    const { positionOf } = await import("./script-position.ts");
    const place = positionOf(map, Number(/:(\d+)$/.exec(head)?.[1] ?? 1), Math.max(marks.indexOf("^"), 0) + 1);
    throw new UnfitScript("syntax", place ?? "bundle", `${error.message} (a worker's modules are strict code)`);
  }
}

function isVirtual(input: string): boolean {
  return (
    input === entryName || new RegExp(`^(?:${sealedNamespace}|${typesNamespace}|dataurl|\\(disabled\\)):`).test(input)
  );
}

/** The sources of one worker: where they are, how they are called, and whose they are. */
interface Sources {
  /** The absolute path of what the bundler calls `input`, relative to the worker's folder. */
  path(input: string): string;
  /** Relative to the worker's folder; for a file of a package, the package's name and the path in it. With slashes on every machine. */
  name(path: string): string;
  /** Whether the file is the author's, rather than a package's. */
  isOwn(path: string): boolean;
  /** A place as the bundler tells it, whose columns count bytes from 0. */
  position(location: Location): SourcePosition;
}

type Location = NonNullable<Message["location"]>;

/** A folder whose package.json has a name. */
interface Package {
  readonly folder: string;
  readonly name: string;
}

/** `folder`: the worker's own, absolute and without symlinks. */
function sourcesFrom(folder: string): Sources {
  const nearest = new Map<string, Package | undefined>();
  const local = (path: string) => slashed(relative(folder, path));
  const packageOf = (within: string): Package | undefined => {
    if (!nearest.has(within)) {
      const name = packageName(join(within, "package.json"));
      const above = dirname(within);
      const further = above === within ? undefined : packageOf(above);
      nearest.set(within, name === undefined ? further : { folder: within, name });
    }
    return nearest.get(within);
  };
  /** The package that a file outside of any node_modules belongs to when the worker does not: one that is linked. */
  const linkedPackage = (path: string) => {
    const found = packageOf(dirname(path));
    return found === undefined || isWithin(found.folder, folder) ? undefined : found;
  };
  const path = (input: string) => resolve(folder, input);
  const name = (file: string) => {
    const [, packaged] = /^(?:.*\/)?node_modules\/(.+)$/.exec(local(file)) ?? [];
    if (packaged !== undefined) return packaged;
    const linked = linkedPackage(file);
    if (linked !== undefined) return `${linked.name}/${slashed(relative(linked.folder, file))}`;
    return isAbsolute(local(file)) ? basename(file) : local(file);
  };
  return {
    path,
    name,
    isOwn: (file) => !local(file).split("/").includes("node_modules") && linkedPackage(file) === undefined,
    position: ({ file, line, column, lineText }) => {
      const before = Buffer.from(lineText, "utf8").subarray(0, column).toString("utf8");
      return { file: name(path(file)), line, column: before.length + 1 };
    },
  };
}

function isWithin(folder: string, path: string): boolean {
  const down = relative(folder, path);
  return down === "" || (!down.startsWith("..") && !isAbsolute(down));
}

function packageName(file: string): string | undefined {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch {
    return undefined; // most folders have none
  }
  try {
    const { name } = JSON.parse(text) as { name?: unknown };
    return typeof name === "string" && name !== "" ? name : undefined;
  } catch {
    return undefined; // the bundler says what is wrong with it, where it matters
  }
}

function slashed(path: string): string {
  return path.replaceAll("\\", "/");
}
