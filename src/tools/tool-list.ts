/** The commands that there are, for people. */
import type { Engine } from "../engine.ts";
import { isInstalled } from "./find-tool.ts";
import { knownTools, scriptTools, shellNames } from "./known-tools.ts";
import { ownTools } from "./own-tools.ts";
import { startingCommands } from "./starting-call.ts";

export interface ListedTool {
  readonly name: string;
  /** An npm package with its version, `coppice` for its own package, or `worker OID` of one that the user added. */
  readonly from: string;
  /** Whether it is in the store, or its package where it is looked for. */
  readonly isInstalled: boolean;
}

/** In order of names; the user's own in place of known ones. `folders` is where packages are looked for, as `findTool` does. */
export function toolsKnown(engine: Engine, folders: readonly string[]): readonly ListedTool[] {
  const known = Object.entries(knownTools).map(([name, tool]): [string, ListedTool] => {
    const from = `${tool.package.name}@${tool.package.version}`;
    return [name, { name, from, isInstalled: isInstalled(engine, tool, folders) }];
  });
  const scripts = [...scriptTools.keys(), ...startingCommands, ...shellNames].map((name): [string, ListedTool] => [
    name,
    { name, from: "coppice", isInstalled: true },
  ]);
  const own = [...ownTools(engine)].map(([name, worker]): [string, ListedTool] => [
    name,
    { name, from: `worker ${worker}`, isInstalled: true },
  ]);
  return [...new Map([...known, ...scripts, ...own]).values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
}
