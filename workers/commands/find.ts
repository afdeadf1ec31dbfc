/** find, as GNU's: a walk through folders, and an expression that is asked of each file (find-expression.ts). Names come in the order of their bytes. */
import type { OwnCall, OwnEnded, OwnFiles } from "./call.ts";
import { expressionOf, Quit, type Effects, type Expression } from "./find-expression.ts";
import { FindFault, kindAt, type Found } from "./find-tests.ts";
import { RegexFault } from "./regex.ts";

/** What find does that a command that only reads does not. */
export type FindEffects = Pick<Effects, "remove" | "start">;

export async function find(call: OwnCall, effects: FindEffects): Promise<OwnEnded> {
  const { links, starts, words } = wordsOf(call.args);
  if (call.args.includes("--help")) return { stdout: usage, stderr: "", exitCode: 0 };
  if (call.args.includes("--version")) return { stdout: "find (Coppice)\n", stderr: "", exitCode: 0 };
  const walk = new Walk(call, effects);
  try {
    await walk.all(starts, expressionOf(words, walk.effects), links);
  } catch (error) {
    if (!(error instanceof FindFault || error instanceof RegexFault)) throw error;
    walk.effects.say(`find: ${error.message}\n`);
    walk.effects.fail();
  }
  return walk.ended();
}

const usage = "Usage: find [-H] [-L] [-P] [path...] [expression]\n";

/** Which symlinks are followed: none, those that are named, or all. */
type Links = "P" | "H" | "L";

function wordsOf(args: readonly string[]): { links: Links; starts: readonly string[]; words: readonly string[] } {
  let at = 0;
  let links: Links = "P";
  for (; at < args.length; at++) {
    const arg = args[at] as string;
    if (/^-[HLP]$/.test(arg)) links = arg[1] as Links;
    else if (arg === "-D") at++;
    else if (!/^-O\d?$/.test(arg)) break;
  }
  if (args[at] === "--") at++;
  const from = at;
  while (at < args.length && !/^(?:-.|[()!,]$)/s.test(args[at] as string)) at++;
  const starts = args.slice(from, at);
  return { links, starts: starts.length === 0 ? ["."] : starts, words: args.slice(at) };
}

/** A folder whose names are gone through. */
interface Open {
  readonly file: Found;
  readonly names: readonly string[];
  /** Where it is, symlinks followed: known where they are. */
  readonly place: string | undefined;
  at: number;
}

class Walk {
  readonly effects: Effects;
  readonly #files: OwnFiles;
  readonly #stdout: string[] = [];
  readonly #stderr: string[] = [];
  #exitCode = 0;
  #pruned: Found | undefined;
  #answers: string[] | undefined;

  constructor({ files, stdin }: OwnCall, effects: FindEffects) {
    this.#files = files;
    this.effects = {
      ...effects,
      files,
      print: (text) => void this.#stdout.push(text),
      say: (text) => void this.#stderr.push(text),
      fail: () => (this.#exitCode = 1),
      answer: () => (this.#answers ??= stdin().split("\n")).shift() ?? "",
      prune: (file) => (this.#pruned = file),
    };
  }

  ended(): OwnEnded {
    return { stdout: this.#stdout.join(""), stderr: this.#stderr.join(""), exitCode: this.#exitCode };
  }

  async all(starts: readonly string[], expression: Expression, links: Links): Promise<void> {
    const all = links === "L" || expression.follows;
    try {
      for (const start of starts) {
        const first = this.#found(start, start, 0, all || links === "H", all);
        if (first === undefined) this.#fault(`'${start}': No such file or directory`);
        else await this.#from(first, expression, all);
      }
    } catch (error) {
      if (!(error instanceof Quit)) throw error;
    }
    await expression.finish();
  }

  async #from(first: Found, { test, depthMin, depthMax, isDepthFirst }: Expression, follows: boolean): Promise<void> {
    const open: Open[] = [];
    const ask = (file: Found) => (file.depth < depthMin ? false : test(file));
    const enter = async (file: Found): Promise<void> => {
      const place = follows && file.kind === "d" ? this.#files.real(file.path) : undefined;
      const above = place === undefined ? undefined : open.find((each) => each.place === place);
      if (above !== undefined) {
        this.#fault(
          `File system loop detected; '${file.path}' is part of the same file system loop as '${above.file.path}'.`,
        );
        return;
      }
      if (!isDepthFirst) {
        const verdict = ask(file);
        if (typeof verdict !== "boolean") await verdict;
      }
      const descends = file.kind === "d" && file.depth < depthMax && this.#pruned !== file;
      // What was run meanwhile may have taken it away.
      if (descends && this.#files.look(file.path, true)?.isDirectory === true) {
        open.push({ file, names: this.#files.names(file.path), place, at: 0 });
      } else if (isDepthFirst) await ask(file);
    };
    await enter(first);
    for (let top = open.at(-1); top !== undefined; top = open.at(-1)) {
      const name = top.names[top.at++];
      if (name === undefined) {
        open.pop();
        if (isDepthFirst) await ask(top.file);
        continue;
      }
      const { path, start, depth } = top.file;
      const below = path.endsWith("/") ? path + name : `${path}/${name}`;
      const file = this.#found(below, start, depth + 1, follows, follows);
      if (file === undefined) this.#fault(`'${below}': No such file or directory`);
      else if (file.kind === "d" || isDepthFirst) await enter(file);
      else {
        const verdict = ask(file);
        if (typeof verdict !== "boolean") await verdict;
      }
    }
  }

  /** What is at a path. A symlink to nothing is a symlink, though they are followed. */
  #found(path: string, start: string, depth: number, looksThrough: boolean, follows: boolean): Found | undefined {
    const through = looksThrough ? kindAt(this.#files, path, true) : undefined;
    const kind = through ?? kindAt(this.#files, path, false);
    return kind === undefined ? undefined : { path, start, depth, kind, follows: follows || through !== undefined };
  }

  #fault(message: string): void {
    this.effects.say(`find: ${message}\n`);
    this.effects.fail();
  }
}
