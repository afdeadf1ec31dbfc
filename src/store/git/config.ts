/**
 * Git's configuration files, as far as reading a repository needs them. `include.path` is followed; of conditional
 * includes only the existence is told, since their conditions are git's to judge.
 *
 *   [section] or [section "Sub section"] or [section.sub]
 *     key = value, or `key` alone for true; `#` and `;` start a comment; `\` at a line's end joins lines;
 *     values know "quotes" and \" \\ \n \t \b
 *
 * Keys are `section.key` or `section.Sub section.key`: section and key in lower case, the subsection as it stands.
 */
import { existsSync, readFileSync } from "node:fs";
import { dirname, isAbsolute, join } from "node:path";

export interface Config {
  /** Each key's last value; undefined for a key without `=`, which means true. */
  readonly values: ReadonlyMap<string, string | undefined>;
  /** Whether an `includeIf` stands anywhere: then git may see more than this. */
  readonly conditional: boolean;
}

/** A configuration file that git could not read either. */
export class MalformedConfig extends Error {
  override readonly name = "MalformedConfig";
  readonly file: string;
  readonly line: number;
  constructor(file: string, line: number) {
    super(`line ${line} of ${file} is no git configuration`);
    this.file = file;
    this.line = line;
  }
}

/** Includes of includes are followed this deep, as in git. */
const includeDepthMax = 10;

/** Reads files, later ones winning over earlier ones; files that don't exist say nothing. `home` stands for `~`. */
export function loadConfig(files: readonly string[], home: string | undefined): Config {
  const values = new Map<string, string | undefined>();
  let conditional = false;
  // A stack in place of recursion, so that an include's values land where it stands.
  for (const file of files) {
    const open = [{ file, entries: entriesOf(file), at: 0 }];
    for (let top = open.at(-1); top !== undefined; top = open.at(-1)) {
      const entry = top.entries[top.at++];
      if (entry === undefined) {
        open.pop();
        continue;
      }
      if (entry.key.startsWith("includeif.")) conditional = true;
      values.delete(entry.key);
      values.set(entry.key, entry.value);
      if (entry.key !== "include.path" || entry.value === undefined || open.length > includeDepthMax) continue;
      const included = expandHome(entry.value, home);
      const path = isAbsolute(included) ? included : join(dirname(top.file), included);
      open.push({ file: path, entries: entriesOf(path), at: 0 });
    }
  }
  return { values, conditional };
}

/** A key's text, or undefined when it is unset or has no value. */
export function configText(config: Config, key: string): string | undefined {
  return config.values.get(key);
}

/** A key's truth as git reads it, `unset` when the key is absent. What is neither true nor false counts as true. */
export function configFlag(config: Config, key: string, unset: boolean): boolean {
  if (!config.values.has(key)) return unset;
  const text = config.values.get(key);
  return text === undefined || !/^(?:false|no|off|0*|)$/i.test(text);
}

/** `~/x` in the home folder; anything else as it is. */
export function expandHome(path: string, home: string | undefined): string {
  return path.startsWith("~/") && home !== undefined ? join(home, path.slice(2)) : path;
}

interface ConfigEntry {
  readonly key: string;
  readonly value: string | undefined;
}

function entriesOf(file: string): ConfigEntry[] {
  return existsSync(file) ? parseConfig(readFileSync(file, "utf8"), file) : [];
}

/** The settings of one file's text, in order. Throws MalformedConfig. */
export function parseConfig(text: string, file: string): ConfigEntry[] {
  const entries: ConfigEntry[] = [];
  const lines = text.replace(/^\ufeff/, "").split(/\r?\n/);
  let section = "";
  for (let at = 0; at < lines.length; at++) {
    let rest = (lines[at] as string).trimStart();
    const header = /^\[\s*([A-Za-z0-9.-]+)(?:\s+"((?:[^"\\]|\\.)*)")?\s*\]\s*/.exec(rest);
    if (header !== null) {
      const sub = header[2]?.replaceAll(/\\(.)/g, "$1");
      section = `${(header[1] as string).toLowerCase()}${sub === undefined ? "" : `.${sub}`}.`;
      rest = rest.slice(header[0].length);
    }
    if (rest === "" || rest.startsWith("#") || rest.startsWith(";")) continue;
    const name = /^([A-Za-z][A-Za-z0-9-]*)[ \t]*(=|$|[#;])/.exec(rest);
    if (name === null || section === "") throw new MalformedConfig(file, at + 1);
    const key = section + (name[1] as string).toLowerCase();
    if (name[2] !== "=") {
      entries.push({ key, value: undefined });
      continue;
    }
    let raw = rest.slice(name[0].length);
    const first = at;
    let value = parseValue(raw);
    while (value === "continues" && at + 1 < lines.length) {
      raw = `${raw.slice(0, -1)}${lines[++at]}`;
      value = parseValue(raw);
    }
    if (typeof value === "string") throw new MalformedConfig(file, first + 1);
    entries.push({ key, value: value.text });
  }
  return entries;
}

function parseValue(raw: string): { readonly text: string } | "continues" | "malformed" {
  let text = "";
  let kept = 0; // blanks after this are dropped unless something follows
  let quoted = false;
  for (let at = 0; at < raw.length; at++) {
    const char = raw[at] as string;
    if (char === "\\") {
      if (at === raw.length - 1) return "continues";
      const escaped = escapes.get(raw[++at] as string);
      if (escaped === undefined) return "malformed";
      text += escaped;
      kept = text.length;
    } else if (char === '"') {
      quoted = !quoted;
      kept = text.length;
    } else if (!quoted && (char === "#" || char === ";")) {
      break;
    } else if (!quoted && (char === " " || char === "\t")) {
      if (text !== "") text += char;
    } else {
      text += char;
      kept = text.length;
    }
  }
  return quoted ? "malformed" : { text: text.slice(0, kept) };
}

const escapes: ReadonlyMap<string, string> = new Map([
  ["\\", "\\"],
  ['"', '"'],
  ["n", "\n"],
  ["t", "\t"],
  ["b", "\b"],
]);
