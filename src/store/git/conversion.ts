/**
 * Whether git might store other bytes than a file holds: line ends (core.autocrlf, the attributes text, eol, crlf),
 * clean filters, ident, working-tree-encoding. It errs towards yes; a yes costs one git process (see ./clean.ts),
 * a no is final. What git itself would be told is read here: the repository's, the user's and the system's files.
 *
 * The whole of git's answer is not computed here: rules, macros and filters are git's to apply.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Oid } from "../oid.ts";
import { configFlag, configText, expandHome, loadConfig, type Config } from "./config.ts";
import { filePath, lstatOf } from "./file-path.ts";
import type { Repository } from "./repository.ts";

/** What the edge says about the machine; nothing here reads the process's environment. */
export interface Host {
  /** The environment for git processes, where HOME, XDG_CONFIG_HOME and GIT_CONFIG_* are looked up as git does. */
  readonly variables: Readonly<Record<string, string | undefined>>;
  /** The user's home folder, when HOME does not say. */
  readonly home: string | undefined;
}

/** Folders that may hold the system's gitconfig and gitattributes, by the prefix that git was built with. */
const systemFolders = ["/etc", "/usr/local/etc", "/opt/homebrew/etc"];

/** Attributes that make git convert; a macro's definition mentions them too. */
const converting = /(?:^|[\s!-])(?:text|eol|crlf|filter|ident|working-tree-encoding)(?:[\s=]|$)/m;

/** The settings that git would see for the repository: the system's, the user's and its own. */
export function effectiveConfig(repository: Repository, host: Host): Config {
  const { variables } = host;
  const home = homeOf(host);
  const files: string[] = [];
  if (!isOn(variables["GIT_CONFIG_NOSYSTEM"])) {
    const system = variables["GIT_CONFIG_SYSTEM"];
    files.push(...(system === undefined ? systemFolders.map((folder) => join(folder, "gitconfig")) : [system]));
  }
  const own = variables["GIT_CONFIG_GLOBAL"];
  if (own !== undefined) files.push(own);
  else {
    const xdg = xdgFolder(host);
    if (xdg !== undefined) files.push(join(xdg, "config"));
    if (home !== undefined) files.push(join(home, ".gitconfig"));
  }
  files.push(join(repository.commonFolder, "config"));
  if (configFlag(repository.config, "extensions.worktreeconfig", false)) {
    files.push(join(repository.gitFolder, "config.worktree"));
  }
  return loadConfig(
    files.filter((file) => file !== ""),
    home,
  );
}

/**
 * Whether git might convert a file in one of `folders` (inside of the work tree). `indexed` gives the oid of a tracked
 * path: git reads a .gitattributes that is not in the work tree from the index.
 */
export function mayConvert(
  repository: Repository,
  config: Config,
  host: Host,
  folders: ReadonlySet<string>,
  indexed: (path: string) => Oid | undefined,
): boolean {
  // Git for Windows keeps its system configuration where only git knows, and sets core.autocrlf there.
  if (process.platform === "win32" || config.conditional || configFlag(config, "core.autocrlf", false)) return true;
  if (Object.keys(host.variables).some((name) => /^GIT_CONFIG_(?:COUNT|PARAMETERS)$/.test(name))) return true;
  if (attributeFiles(repository, config, host).some((file) => fileConverts(file))) return true;
  const checked = new Set<string>();
  for (const folder of folders) {
    for (let at: string | undefined = folder; at !== undefined && !checked.has(at); at = above(at)) {
      checked.add(at);
      if (folderConverts(repository, at, indexed)) return true;
    }
  }
  return false;
}

function folderConverts(repository: Repository, folder: string, indexed: (path: string) => Oid | undefined): boolean {
  const path = folder === "" ? ".gitattributes" : `${folder}/.gitattributes`;
  const file = filePath(repository.workTree as string, path);
  if (lstatOf(file)?.isFile() === true) {
    return converting.test(readFileSync(file, "latin1"));
  }
  const name = indexed(path);
  const object = name === undefined ? undefined : repository.objects.read(name);
  return object !== undefined && converting.test(Buffer.from(object.body).toString("latin1"));
}

function attributeFiles(repository: Repository, config: Config, host: Host): string[] {
  const files = [join(repository.commonFolder, "info", "attributes")];
  if (!isOn(host.variables["GIT_ATTR_NOSYSTEM"])) {
    files.push(...systemFolders.map((folder) => join(folder, "gitattributes")));
  }
  const configured = configText(config, "core.attributesfile");
  const xdg = xdgFolder(host);
  if (configured !== undefined) files.push(expandHome(configured, homeOf(host)));
  else if (xdg !== undefined) files.push(join(xdg, "attributes"));
  return files;
}

function fileConverts(file: string): boolean {
  return existsSync(file) && converting.test(readFileSync(file, "latin1"));
}

function isOn(variable: string | undefined): boolean {
  return variable !== undefined && !/^(?:0|false|no|off|)$/i.test(variable);
}

function homeOf(host: Host): string | undefined {
  return host.variables["HOME"] ?? host.home;
}

function xdgFolder(host: Host): string | undefined {
  const xdg = host.variables["XDG_CONFIG_HOME"];
  if (xdg !== undefined && xdg !== "") return join(xdg, "git");
  const home = homeOf(host);
  return home === undefined ? undefined : join(home, ".config", "git");
}

function above(folder: string): string | undefined {
  if (folder === "") return undefined;
  return folder.slice(0, Math.max(0, folder.lastIndexOf("/")));
}
