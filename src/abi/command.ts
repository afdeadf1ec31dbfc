/**
 * Commands: what a worker of the runtime `coppice-wasi/1` is given, and what it comes to; any worker that takes such args and has such results is one.
 *
 *   args     {argv: blob, cwd: blob, env: blob, in: tree, stdin: blob}
 *   result   {exit: blob, out: tree, stderr: blob, stdout: blob}
 *
 * `argv`: strings that each end in NUL, at least one; the first is the command's name.
 * `env`: strings `KEY=VALUE` that each end in NUL, sorted by their bytes, no key empty and none twice, so that equal environments are equal bytes.
 * `cwd`: an absolute path in `in`, which is `/`, of at most 4,095 bytes: no newline, no NUL, no part that is empty, `.` or `..`; so no slash at its end, but for `/` itself.
 * `exit`: 0 to 255 as decimal text. Any exit status is a result; `out` is `in` where nothing was changed.
 *
 * `argv` and `env` have each at most `argumentsMax` strings and `argumentBytesMax` bytes.
 *
 * Strings are bytes in the end: those that are not UTF-8 stand as names do (store/tree.ts), without loss.
 */
import type { ObjectKind } from "../store/object.ts";
import type { Oid } from "../store/oid.ts";
import {
  MalformedTree,
  decodeName,
  decodeTree,
  encodeName,
  encodeTree,
  kindOfMode,
  type TreeEntry,
} from "../store/tree.ts";
import type { commandTexts } from "./error-texts.ts";
import type { ObjectReader, Objects } from "./objects.ts";

/** A command's args, as a caller gives them. */
export interface Command {
  /** At least the command's name. */
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly stdin: Oid;
  readonly in: Oid;
  readonly cwd: string;
}

/** A command's args as a runtime reads them: `argv` and `env` are well-formed bytes. */
export interface CommandArgs {
  readonly argv: Uint8Array;
  readonly env: Uint8Array;
  readonly stdin: Oid;
  readonly in: Oid;
  /** A char a byte. Whether it is a folder of `in` is yet to be seen. */
  readonly cwd: string;
}

export interface CommandResult {
  readonly exit: number;
  readonly stdout: Oid;
  readonly stderr: Oid;
  readonly out: Oid;
}

/** A command that no args can spell; `reason` is a sentence for a person. */
export class MalformedCommand extends Error {
  override readonly name = "MalformedCommand";
  readonly reason: string;
  constructor(reason: string) {
    super(`malformed command: ${reason}`);
    this.reason = reason;
  }
}

/** Which text says what is wrong with args. */
export type CommandFault = Extract<
  keyof typeof commandTexts,
  "notACommand" | "badArgv" | "badEnv" | "badCwd" | "tooManyArguments"
>;

/** Strings of argv, and of env: whoever runs the command holds each of them. Linux has room for some 100,000 in 2 MiB. */
const argumentsMax = 1 << 20;
/** Bytes of argv, and of env. */
const argumentBytesMax = 64 << 20;
/** Bytes of cwd, as a path may have. */
const cwdBytesMax = 4095;

/** Strings that each end in NUL. Throws MalformedCommand for one that holds a NUL or is not well-formed. */
export function encodeStrings(list: readonly string[]): Buffer {
  return Buffer.concat(list.flatMap((each) => [stringBytes(each), nul]));
}

/** The strings of such bytes; undefined when the last one does not end in NUL. */
export function decodeStrings(bytes: Uint8Array): string[] | undefined {
  if (bytes.length > 0 && bytes.at(-1) !== 0) return undefined;
  const strings: string[] = [];
  for (let start = 0; start < bytes.length;) {
    const end = bytes.indexOf(0, start);
    strings.push(decodeName(bytes.subarray(start, end)));
    start = end + 1;
  }
  return strings;
}

/** An environment's one spelling. Throws MalformedCommand for a key that is empty or has an equals sign, and for a NUL. */
export function encodeEnvironment(env: Readonly<Record<string, string>>): Buffer {
  const entries = Object.entries(env).map(([key, value]) => {
    if (key === "" || key.includes("=")) {
      throw new MalformedCommand(`${JSON.stringify(key)} can't be the name of an environment variable`);
    }
    return Buffer.concat([stringBytes(`${key}=${value}`), nul]);
  });
  return Buffer.concat(entries.toSorted((a, b) => Buffer.compare(a, b)));
}

/** The environment that such bytes spell; undefined when they are not what `encodeEnvironment` writes. */
export function decodeEnvironment(bytes: Uint8Array): Record<string, string> | undefined {
  const strings = isEnvironment(bytes) ? decodeStrings(bytes) : undefined;
  return (
    strings &&
    Object.fromEntries(strings.map((each) => [each.slice(0, each.indexOf("=")), each.slice(each.indexOf("=") + 1)]))
  );
}

/** Stores a command's args, and returns their tree. Throws MalformedCommand. */
export function putCommandArgs(objects: Objects, { argv, env, stdin, in: tree, cwd }: Command): Oid {
  if (argv.length === 0) throw new MalformedCommand("argv is empty, and the command's name is its first");
  const cwdBytes = stringBytes(cwd);
  if (!isCwd(cwdBytes.toString("latin1"))) {
    throw new MalformedCommand(`${JSON.stringify(cwd)} can't be the folder that a command runs in`);
  }
  const blob = (name: string, bytes: Uint8Array): TreeEntry => ({
    mode: "100644",
    name,
    oid: objects.put("blob", bytes),
  });
  const [argvBytes, envBytes] = [encodeStrings(argv), encodeEnvironment(env)];
  for (const [name, bytes] of [
    ["argv", argvBytes],
    ["env", envBytes],
  ] as const) {
    if (isTooMuch(bytes))
      throw new MalformedCommand(`${name} has more than ${argumentsMax} strings, or ${argumentBytesMax} bytes`);
  }
  return objects.put(
    "tree",
    encodeTree([
      blob("argv", argvBytes),
      blob("cwd", cwdBytes),
      blob("env", envBytes),
      { mode: "40000", name: "in", oid: tree },
      { mode: "100644", name: "stdin", oid: stdin },
    ]),
  );
}

/** What an args tree says, or what is wrong with it. Throws MissingObject. */
export function readCommandArgs(objects: ObjectReader, args: Oid): CommandArgs | CommandFault {
  const entries = namedEntries(objects, args, ["argv", "cwd", "env", "in", "stdin"], ["in"]);
  if (entries === undefined) return "notACommand";
  const bytesOf = (name: string) => blobBytes(objects, entries.get(name) as Oid);
  const [argv, env, cwd] = [bytesOf("argv"), bytesOf("env"), bytesOf("cwd")];
  if (argv === undefined || env === undefined || cwd === undefined) return "notACommand";
  if (isTooMuch(argv) || isTooMuch(env)) return "tooManyArguments";
  if (argv.at(-1) !== 0) return "badArgv";
  if (!isEnvironment(env)) return "badEnv";
  const path = Buffer.from(cwd).toString("latin1");
  if (!isCwd(path)) return "badCwd";
  return { argv, env, cwd: path, stdin: entries.get("stdin") as Oid, in: entries.get("in") as Oid };
}

/** Stores a command's result. */
export function putCommandResult(put: Objects["put"], { exit, stdout, stderr, out }: CommandResult): Oid {
  const status = put("blob", Buffer.from(String(exit), "latin1"));
  return put(
    "tree",
    encodeTree([
      { mode: "100644", name: "exit", oid: status },
      { mode: "40000", name: "out", oid: out },
      { mode: "100644", name: "stderr", oid: stderr },
      { mode: "100644", name: "stdout", oid: stdout },
    ]),
  );
}

/** The result that a tree spells; undefined when it spells none. Throws MissingObject. */
export function readCommandResult(objects: ObjectReader, result: Oid): CommandResult | undefined {
  const entries = namedEntries(objects, result, ["exit", "out", "stderr", "stdout"], ["out"]);
  const status = entries && blobBytes(objects, entries.get("exit") as Oid);
  if (entries === undefined || status === undefined || status.length > 3) return undefined;
  const text = Buffer.from(status).toString("latin1");
  const exit = Number(text);
  if (!/^(0|[1-9][0-9]*)$/.test(text) || exit >= exitStatuses) return undefined;
  const [stdout, stderr, out] = ["stdout", "stderr", "out"].map((name) => entries.get(name) as Oid) as [Oid, Oid, Oid];
  return { exit, stdout, stderr, out };
}

/** A parent sees eight bits of an exit status. */
const exitStatuses = 256;
const nul = Buffer.of(0);

function stringBytes(text: string): Buffer {
  let bytes: Buffer;
  try {
    bytes = encodeName(text);
  } catch (error) {
    if (!(error instanceof MalformedTree)) throw error;
    throw new MalformedCommand(`${JSON.stringify(text)} is not well-formed`);
  }
  if (bytes.includes(0)) throw new MalformedCommand(`${JSON.stringify(text)} holds a NUL`);
  return bytes;
}

/** Objects of a tree that has exactly these names, in git's order, of which `folders` are trees and the others blobs. */
function namedEntries(
  objects: ObjectReader,
  tree: Oid,
  names: readonly string[],
  folders: readonly string[],
): ReadonlyMap<string, Oid> | undefined {
  const { kind, body } = objects.get(tree);
  const entries = kind === "tree" ? soundTree(body) : undefined;
  if (entries === undefined || entries.length !== names.length) return undefined;
  const isNamed = ({ name, mode }: TreeEntry, at: number) => {
    const wanted: ObjectKind = folders.includes(name) ? "tree" : "blob";
    return name === names[at] && kindOfMode(mode) === wanted;
  };
  return entries.every(isNamed) ? new Map(entries.map(({ name, oid }) => [name, oid])) : undefined;
}

function soundTree(body: Uint8Array): TreeEntry[] | undefined {
  try {
    return decodeTree(body);
  } catch (error) {
    if (error instanceof MalformedTree) return undefined;
    throw error;
  }
}

function blobBytes(objects: ObjectReader, name: Oid): Uint8Array | undefined {
  const { kind, body } = objects.get(name);
  return kind === "blob" ? body : undefined;
}

function isTooMuch(strings: Uint8Array): boolean {
  if (strings.length > argumentBytesMax) return true;
  if (strings.length <= argumentsMax) return false;
  let count = 0;
  for (const byte of strings) if (byte === 0) count++;
  return count > argumentsMax;
}

function isEnvironment(bytes: Uint8Array): boolean {
  if (bytes.length > 0 && bytes.at(-1) !== 0) return false;
  let last: Buffer | undefined;
  let lastKey: Buffer | undefined;
  for (let start = 0; start < bytes.length;) {
    const end = bytes.indexOf(0, start);
    const each = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start);
    const equals = each.indexOf(0x3d);
    if (equals < 1) return false;
    // Equal keys stand side by side: all between them would begin with the key and its equals sign, too.
    const key = each.subarray(0, equals);
    if (last !== undefined && Buffer.compare(last, each) >= 0) return false;
    if (lastKey?.equals(key) === true) return false;
    last = each;
    lastKey = key;
    start = end + 1;
  }
  return true;
}

function isCwd(path: string): boolean {
  if (path === "/") return true;
  if (path.length > cwdBytesMax) return false;
  if (!path.startsWith("/") || path.includes("\n") || path.includes("\0")) return false;
  return path
    .slice(1)
    .split("/")
    .every((part) => part !== "" && part !== "." && part !== "..");
}

/** Characters of a command that are shown. */
const typedTextMax = 120;

/** A command as it would be typed: quoted where a shell would take it apart, cut where it is long. */
export function typedText(argv: readonly string[]): string {
  const text = argv
    .map((each) => (/^[\w@%+=:,./-]+$/.test(each) ? each : `'${each.replaceAll("'", "'\\''")}'`))
    .join(" ");
  return text.length <= typedTextMax ? text : `${text.slice(0, typedTextMax)}…`;
}
