/** The user's own commands: names in the store for WebAssembly modules that import WASI preview 1. They win over the known ones. */
import type { Engine, Oid } from "../engine.ts";
import { ownToolPrefix as prefix } from "../job-names.ts";

/** Bytes of a command's name, as file systems have it. */
const nameBytesMax = 255;

/** Why a text can't be a command's name; undefined when it can. */
export function toolNameFault(name: string): string | undefined {
  if (name === "") return "it is empty";
  if (Buffer.byteLength(name) > nameBytesMax) return `it is longer than ${nameBytesMax} bytes`;
  // oxlint-disable-next-line no-control-regex
  if (/[\u0000-\u0020/\u007f]/.test(name)) return "it has a space, a slash or a control character";
  if (name.startsWith("-")) return "it starts with a dash";
  return undefined;
}

/** The worker that the user gave that name to. */
export function ownTool(engine: Engine, name: string): Oid | undefined {
  return engine.named(prefix + name);
}

export function setOwnTool(engine: Engine, name: string, worker: Oid): void {
  engine.name(prefix + name, worker);
}

/** Takes the name away; false when it was none. The worker stays in the store, as all that was computed with it. */
export function removeOwnTool(engine: Engine, name: string): boolean {
  return engine.unname(prefix + name);
}

/** Names and workers, in order of names. */
export function ownTools(engine: Engine): ReadonlyMap<string, Oid> {
  return new Map([...engine.names(prefix)].map(([name, worker]) => [name.slice(prefix.length), worker]));
}
