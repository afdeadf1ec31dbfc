/**
 * Finds the worker of a command by its name: the user's own (own-tools.ts), else a known one, read from its npm package where the user or Coppice has it installed. A path, and a name that PATH has in the tree, is a file of the tree, which
 * the shell starts.
 *
 * A known tool's file is pinned by its SHA-256, and so is the ref under which its worker is remembered: where the ref is there, what it names was checked once and is in the store, and no file is
 * looked at any more, let alone hashed. So a remembered call works after the package is gone, too.
 */
import { hash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, posix } from "node:path";
import { fileURLToPath } from "node:url";
import type { Engine, Mode, Oid } from "../engine.ts";
import { entryAt } from "../store/tree.ts";
import { packageFolder } from "../package-folder.ts";
import { wasiMarker } from "../abi/worker.ts";
import { programOf } from "./file-start.ts";
import { MalformedContainer, readContained } from "./package-container.ts";
import { knownTools, plainTools, scriptTools, shellNames, type KnownTool, type PinnedFile } from "./known-tools.ts";
import { ownTool, ownTools } from "./own-tools.ts";
import { isPlainName, isPlainText, plainCall } from "./plain-call.ts";
import { CommandNotFound, UnfitTool } from "./tool-errors.ts";
import { putScript, shellWorker, toolStore } from "./shell.ts";
import { isForShell } from "./starting-call.ts";
import { MalformedTar, putTar } from "./tar-tree.ts";
import { fileOfTree, isKnown, startsInShell, unknownCommand } from "./unknown-command.ts";

export interface FoundTool {
  readonly worker: Oid;
  /** A tree that the command wants to find at that name in the root. */
  readonly overlay?: { readonly at: string; readonly tree: Oid };
  /** The words that the worker is called with, where they are others than the call's. */
  readonly argv?: readonly string[];
}

/** What a command is about to be called with. */
export interface ToolCall {
  readonly argv: readonly string[];
  readonly in: Oid;
  /** An absolute path. */
  readonly cwd: string;
  /** Folders in which a name is looked for, as PATH has them. Default: /bin, where the commands are. */
  readonly path?: string | undefined;
  /** Default: nothing. */
  readonly stdin?: Uint8Array | Oid;
}

/** Bytes of a file beyond which nobody looks whether it is plain: the call is none. */
const plainBytesMax = 64 << 20;

/** Folders that are looked through for symlinks, which the fast `find` follows, and for names that are no ASCII, of which it counts characters, not bytes; in a tree of more the script of that name searches. */
const searchedFoldersMax = 2000;

/** Where packages are looked for: from the user's folder upwards, then from Coppice's own. */
export function toolFolders(folder: string): readonly string[] {
  return [folder, fileURLToPath(packageFolder)];
}

/**
 * The worker for a command; given the call, the one that is quickest at it. Packages are looked for in `node_modules` of these folders and those above each, in order. Throws CommandNotFound, UnstartableFile or UnfitTool.
 */
export function findTool(engine: Engine, name: string, folders: readonly string[], call?: ToolCall): FoundTool {
  const own = ownTool(engine, name);
  if (call !== undefined) {
    const file = fileOfTree(engine, name, call, own !== undefined || isForShell([name]) || isKnown(name));
    if (file !== undefined) return startedFile(engine, file, folders, call);
  }
  if (own !== undefined) return { worker: own };
  if (isForShell(call?.argv ?? [name])) return { worker: shellOf(engine, folders) };
  const script = scriptTools.get(name);
  if (script !== undefined) {
    const plain = call !== undefined && isPlain(engine, call) ? plainWorker(engine, name, folders) : undefined;
    return { worker: plain ?? putScript(toolStore(engine), script) };
  }
  if (shellNames.has(name)) return { worker: shellOf(engine, folders) };
  const known = Object.hasOwn(knownTools, name) ? knownTools[name] : undefined;
  if (known === undefined) throw unknownCommand(engine, name, call);
  const worker = knownWorker(engine, name, known, folders);
  const { overlay } = known;
  if (overlay === undefined) return { worker };
  const tree = remembered(engine, `tool/tree/${overlay.sha256}`, () => {
    try {
      return putTar(engine, readPinned(name, overlay, folders));
    } catch (error) {
      if (!(error instanceof MalformedTar)) throw error;
      throw new UnfitTool(`${name} of ${packageText(overlay)} can't be run: ${error.message}`, { cause: error });
    }
  });
  return { worker, overlay: { at: overlay.at, tree } };
}

/** Throws UnstartableFile for a file that the shell would not start. */
function startedFile(engine: Engine, file: string, folders: readonly string[], call: ToolCall): FoundTool {
  if (!startsInShell(engine, file, call)) throw unknownCommand(engine, file, call);
  // The shell takes what stands in /bin and /usr/bin for its commands, whatever the tree has there.
  const spelt = programOf(file) === file ? file : `/.${file}`;
  const worker = shellOf(engine, folders);
  return spelt === call.argv[0] ? { worker } : { worker, argv: [spelt, ...call.argv.slice(1)] };
}

function plainWorker(engine: Engine, name: string, folders: readonly string[]): Oid | undefined {
  const tool = Object.hasOwn(plainTools, name) ? plainTools[name] : undefined;
  if (tool === undefined || !isInstalled(engine, tool, folders)) return undefined;
  return orNone(() => knownWorker(engine, name, tool, folders));
}

/** The worker of a known tool, whatever else is called so. Throws CommandNotFound or UnfitTool. */
function knownWorker(engine: Engine, name: string, tool: KnownTool, folders: readonly string[]): Oid {
  return remembered(engine, workerRef(tool), () => engine.putCommand(readPinned(name, tool, folders), tool.limits));
}

/** Undefined for a tool whose package is another version, or damaged: who does not name it has to do without. */
function orNone(find: () => Oid): Oid | undefined {
  try {
    return find();
  } catch (error) {
    if (error instanceof UnfitTool) return undefined;
    throw error;
  }
}

/** Whether the WebAssembly build answers a call as the native command does: by what stands in it, and by what it names and reads, no symlinks among them. */
function isPlain(engine: Engine, { argv, in: tree, cwd, stdin }: ToolCall): boolean {
  const plain = plainCall(argv);
  if (plain === undefined) return false;
  const list = (each: Oid) => engine.list(each);
  const entries = plain.paths.map((path) => entryAt(list, tree, posix.resolve(cwd, path)));
  if (!plain.readsText) {
    let folders = 0;
    const isPlainFolder = (folder: Oid): boolean =>
      ++folders <= searchedFoldersMax &&
      engine
        .list(folder)
        .every(
          ({ mode, name, oid }) => mode !== "120000" && isPlainName(name) && (mode !== "40000" || isPlainFolder(oid)),
        );
    return entries.every((entry) => isFile(entry?.mode) || (entry?.mode === "40000" && isPlainFolder(entry.oid)));
  }
  if (entries.length === 0) return stdin === undefined || isPlainBlob(engine, stdin);
  return entries.every((entry) => entry !== undefined && isFile(entry.mode) && isPlainBlob(engine, entry.oid));
}

function isFile(mode: Mode | undefined): boolean {
  return mode === "100644" || mode === "100755";
}

function isPlainBlob(engine: Engine, given: Uint8Array | Oid): boolean {
  if (typeof given === "string" && engine.kindOf(given) === undefined) return false;
  const { buffer, byteOffset, length } = typeof given === "string" ? engine.get(given).body : given;
  return length <= plainBytesMax && isPlainText(Buffer.from(buffer, byteOffset, length).toString("latin1"));
}

/** The shell with every command that is to be had and brings no tree of its own, the user's own in place of known ones. Looked up together: one by one the hundred names took 2.5 ms. */
function shellOf(engine: Engine, folders: readonly string[]): Oid {
  const there = engine.names(knownPrefix);
  const looked = new Map<PinnedFile, Oid | undefined>();
  const workerOf = (name: string, tool: KnownTool): Oid | undefined => {
    if (looked.has(tool)) return looked.get(tool);
    const isOnDisk = () => placesOf(tool, folders).some((place) => existsSync(place));
    const worker =
      there.get(workerRef(tool)) ?? (isOnDisk() ? orNone(() => knownWorker(engine, name, tool, folders)) : undefined);
    looked.set(tool, worker);
    return worker;
  };
  const tools = new Map<string, Oid>();
  for (const [name, tool] of Object.entries(knownTools)) {
    const worker = tool.overlay === undefined ? workerOf(name, tool) : undefined;
    if (worker !== undefined) tools.set(name, worker);
  }
  const scripts = new Map([...new Set(scriptTools.values())].map((each) => [each, putScript(toolStore(engine), each)]));
  for (const [name, script] of scriptTools) tools.set(name, scripts.get(script) as Oid);
  const own = ownTools(engine);
  for (const [name, worker] of own) tools.set(name, worker);
  const known = new Set([...tools.keys()].filter((name) => !own.has(name)));
  const plain = new Map<string, Oid>();
  for (const [name, tool] of Object.entries(plainTools)) {
    const worker = own.has(name) ? undefined : workerOf(name, tool);
    if (worker !== undefined) plain.set(name, worker);
  }
  return shellWorker(toolStore(engine), Object.fromEntries(tools), known, Object.fromEntries(plain));
}

/** Whether a known tool is in the store, or its package is where `findTool` looks. */
export function isInstalled(engine: Engine, tool: KnownTool, folders: readonly string[]): boolean {
  return engine.named(workerRef(tool)) !== undefined || placesOf(tool, folders).some((place) => existsSync(place));
}

const knownPrefix = "tool/known/";

function workerRef({ sha256, limits }: KnownTool): string {
  return `${knownPrefix}${wasiMarker}/${sha256}${limits === undefined ? "" : `/${hash("sha1", JSON.stringify(limits), "hex")}`}`;
}

function remembered(engine: Engine, ref: string, make: () => Oid): Oid {
  const known = engine.named(ref);
  if (known !== undefined) return known;
  const made = make();
  engine.name(ref, made);
  return made;
}

/** The first file in place that is the pinned one. Throws CommandNotFound where there is none, UnfitTool where all are others. */
function readPinned(name: string, pinned: PinnedFile, folders: readonly string[]): Buffer {
  let other: string | undefined;
  for (const place of placesOf(pinned, folders)) {
    const bytes = readAt(place, pinned.within);
    if (bytes === undefined) continue;
    if (hash("sha256", bytes, "hex") === pinned.sha256) return bytes;
    other ??= place;
  }
  if (other === undefined) {
    throw new CommandNotFound(
      name,
      `it comes from the npm package ${pinned.package.name}, which is not installed: npm install ${packageText(pinned)}`,
    );
  }
  throw new UnfitTool(
    `${name}: ${other} is not the file of ${packageText(pinned)} (its SHA-256 is another); npm install ${packageText(pinned)}`,
  );
}

function packageText({ package: { name, version } }: PinnedFile): string {
  return `${name}@${version}`;
}

function readAt(place: string, within: string | undefined): Buffer | undefined {
  try {
    if (within === undefined) return readFileSync(place);
    return readContained(place, within);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    if (error instanceof MalformedContainer) throw new UnfitTool(`${place}: ${error.message}`, { cause: error });
    throw error;
  }
}

/** Where a package's file may lie, nearest first. */
function placesOf(pinned: PinnedFile, folders: readonly string[]): readonly string[] {
  return [...new Set(folders.flatMap(upwards))].map((each) =>
    join(each, "node_modules", pinned.package.name, pinned.file),
  );
}

function upwards(folder: string): readonly string[] {
  const above = dirname(folder);
  return above === folder ? [folder] : [folder, ...upwards(above)];
}
