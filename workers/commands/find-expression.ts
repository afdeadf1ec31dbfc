/** find's expression: what is asked and done of each file, in the order in which it stands. A command that is started is waited for, so an answer may come later. */
import type { OwnEnded, OwnFiles } from "./call.ts";
import { folderOf, listingOf, printOf, type Print } from "./find-format.ts";
import { baseOf, checkRegexType, FindFault, testOf, type Ask, type Found } from "./find-tests.ts";

/** An answer, or what comes to one. */
export type Verdict = boolean | Promise<boolean>;
export type Test = (file: Found) => Verdict;

/** Nothing more is to be asked: -quit. */
export class Quit extends Error {
  override readonly name = "Quit";
}

/** Bytes of one command's arguments that `-exec … +` puts together, as GNU's does. */
const batchBytesMax = 128 * 1024;

/** What an expression does beside answering. */
export interface Effects {
  readonly files: OwnFiles;
  /** Removes a file or an empty folder; what the system says where it can't. */
  readonly remove: (path: string) => Promise<string | undefined>;
  /** Runs a command in a folder. */
  readonly start: (argv: readonly string[], folder: string) => Promise<OwnEnded>;
  readonly print: (text: string) => void;
  readonly say: (text: string) => void;
  /** Something went wrong that the exit status tells. */
  readonly fail: () => void;
  /** The next line of stdin, for `-ok`. */
  readonly answer: () => string;
  /** Nothing below this folder is looked at. */
  readonly prune: (file: Found) => void;
}

/** An expression that was read. */
export interface Expression {
  readonly test: Test;
  readonly depthMin: number;
  readonly depthMax: number;
  /** What is in a folder comes before it. */
  readonly isDepthFirst: boolean;
  readonly follows: boolean;
  /** Does what was put off to the end. */
  readonly finish: () => Promise<void>;
}

/** Reads the words of an expression. Throws FindFault, and RegexFault for an expression of another kind that can't be used. */
export function expressionOf(words: readonly string[], effects: Effects): Expression {
  return new Parser(words, effects).read();
}

class Parser {
  readonly #words: readonly string[];
  readonly #effects: Effects;
  #at = 0;
  #startsToday = false;
  #regexType = "findutils-default";
  #depthMin = 0;
  #depthMax = Infinity;
  #isDepthFirst = false;
  #follows = false;
  /** Whether something is done with what is found, so that nobody need print it. */
  #acts = false;
  readonly #batches: Batch[] = [];
  /** Files that are written, by their paths. */
  readonly #written = new Map<string, string[]>();

  constructor(words: readonly string[], effects: Effects) {
    this.#words = words;
    this.#effects = effects;
  }

  read(): Expression {
    const asked = this.#words.length === 0 ? () => true : this.#list();
    const left = this.#words[this.#at];
    if (left === ")") throw new FindFault("invalid expression; you have too many ')'");
    if (left !== undefined) throw new FindFault(`paths must precede expression: \`${left}'`);
    const test = this.#acts ? asked : every([asked, this.#printing((file) => `${file.path}\n`)]);
    return {
      test,
      depthMin: this.#depthMin,
      depthMax: this.#depthMax,
      isDepthFirst: this.#isDepthFirst,
      follows: this.#follows,
      finish: () => this.#finish(),
    };
  }

  async #finish(): Promise<void> {
    for (const batch of this.#batches) await batch.finish();
    for (const [path, texts] of this.#written) {
      if (this.#effects.files.put(path, texts.join(""))) continue;
      this.#effects.say(`find: '${path}': cannot be written\n`);
      this.#effects.fail();
    }
  }

  /** Expressions between commas: the last one answers. */
  #list(): Test {
    const tests = [this.#either()];
    while (this.#takes(",")) tests.push(this.#either());
    return tests.length === 1 ? (tests[0] as Test) : lastOf(tests);
  }

  #either(): Test {
    const tests = [this.#both()];
    while (this.#takes("-o", "-or")) tests.push(this.#both());
    return tests.length === 1 ? (tests[0] as Test) : some(tests);
  }

  #both(): Test {
    const tests = [this.#one()];
    for (;;) {
      if (this.#takes("-a", "-and")) tests.push(this.#one());
      else if (this.#at < this.#words.length && !/^(?:\)|,|-o|-or)$/.test(this.#words[this.#at] as string))
        tests.push(this.#one());
      else return tests.length === 1 ? (tests[0] as Test) : every(tests);
    }
  }

  #one(): Test {
    const word = this.#words[this.#at++];
    switch (word) {
      case undefined:
        throw new FindFault("invalid expression; an expression is missing at its end");
      case "!":
      case "-not": {
        const inner = this.#one();
        return (file) => {
          const verdict = inner(file);
          return typeof verdict === "boolean" ? !verdict : verdict.then((is) => !is);
        };
      }
      case "(": {
        if (this.#words[this.#at] === ")")
          throw new FindFault("invalid expression; empty parentheses are not allowed.");
        const inner = this.#list();
        if (!this.#takes(")")) throw new FindFault("invalid expression; I was expecting to find a ')' somewhere");
        return inner;
      }
      case ")":
      case ",":
      case "-o":
      case "-or":
      case "-a":
      case "-and":
        throw new FindFault(`invalid expression; '${word}' stands where something is to be asked`);
      default:
        if (!word.startsWith("-")) throw new FindFault(`paths must precede expression: \`${word}'`);
        return this.#named(word.slice(1));
    }
  }

  #takes(...words: readonly string[]): boolean {
    const found = words.includes(this.#words[this.#at] ?? "\0");
    if (found) this.#at++;
    return found;
  }

  #next(name: string): string {
    const word = this.#words[this.#at++];
    if (word === undefined) throw new FindFault(`missing argument to \`-${name}'`);
    return word;
  }

  #named(name: string): Test {
    const next = () => this.#next(name);
    const { files } = this.#effects;
    const surroundings = { files, startsToday: this.#startsToday, regexType: this.#regexType };
    const test: Ask | undefined = testOf(name, next, surroundings);
    return test ?? this.#option(name) ?? this.#action(name);
  }

  /** Options stand anywhere, and hold for all. */
  #option(name: string): Test | undefined {
    switch (name) {
      case "depth":
      case "d":
        this.#isDepthFirst = true;
        break;
      case "maxdepth":
        this.#depthMax = this.#count(name);
        break;
      case "mindepth":
        this.#depthMin = this.#count(name);
        break;
      case "follow":
        this.#follows = true;
        break;
      case "daystart":
        this.#startsToday = true;
        break;
      case "regextype":
        this.#regexType = this.#next(name);
        checkRegexType(this.#regexType);
        break;
      case "mount":
      case "xdev":
      case "noleaf":
      case "warn":
      case "nowarn":
      case "ignore_readdir_race":
      case "noignore_readdir_race":
        break;
      default:
        return undefined;
    }
    return () => true;
  }

  #count(name: string): number {
    const text = this.#next(name);
    if (!/^\d+$/.test(text)) {
      throw new FindFault(`Expected a positive decimal integer argument to -${name}, but got '${text}'`);
    }
    return Number(text);
  }

  #action(name: string): Test {
    const { files, prune } = this.#effects;
    if (name !== "prune" && name !== "quit") this.#acts = true;
    switch (name) {
      case "print":
        return this.#printing((file) => `${file.path}\n`);
      case "print0":
        return this.#printing((file) => `${file.path}\0`);
      case "printf":
        return this.#printing(printOf(this.#next(name), files));
      case "ls":
        return this.#printing(listingOf(files));
      case "fprint":
        return this.#writing(this.#next(name), (file) => `${file.path}\n`);
      case "fprint0":
        return this.#writing(this.#next(name), (file) => `${file.path}\0`);
      case "fprintf": {
        const path = this.#next(name);
        return this.#writing(path, printOf(this.#next(name), files));
      }
      case "fls":
        return this.#writing(this.#next(name), listingOf(files));
      case "prune":
        return (file) => {
          prune(file);
          return true;
        };
      case "quit":
        return () => {
          throw new Quit();
        };
      case "delete":
        this.#isDepthFirst = true;
        return (file) => this.#removed(file);
      case "exec":
      case "execdir":
      case "ok":
      case "okdir":
        return this.#starting(name);
      default:
        throw new FindFault(`unknown predicate \`-${name}'`);
    }
  }

  #printing(print: Print): Test {
    return (file) => {
      this.#effects.print(print(file));
      return true;
    };
  }

  #writing(path: string, print: Print): Test {
    const { files, say } = this.#effects;
    if (path === "/dev/stdout") return this.#printing(print);
    if (path !== "/dev/stderr" && !this.#written.has(path)) {
      // It is there from the beginning, and may be found.
      if (!files.put(path, "")) throw new FindFault(`'${path}': cannot be written`);
      this.#written.set(path, []);
    }
    const texts = this.#written.get(path);
    return (file) => {
      if (texts === undefined) say(print(file));
      else texts.push(print(file));
      return true;
    };
  }

  async #removed({ path, depth }: Found): Promise<boolean> {
    if (depth === 0 && /^(?:\.|\.\/+)$/.test(path)) return true;
    const refusal = await this.#effects.remove(path);
    if (refusal === undefined) return true;
    this.#effects.say(`find: cannot delete '${path}': ${refusal}\n`);
    this.#effects.fail();
    return false;
  }

  #starting(name: string): Test {
    const from = this.#at;
    for (; this.#at < this.#words.length; this.#at++) {
      const word = this.#words[this.#at];
      const isBatch = word === "+" && this.#words[this.#at - 1] === "{}" && name.startsWith("exec");
      if (word !== ";" && !isBatch) continue;
      const argv = this.#words.slice(from, this.#at++);
      if (argv.length === 0) throw new FindFault(`missing argument to \`-${name}'`);
      if (isBatch && argv.slice(0, -1).some((each) => each.includes("{}"))) {
        throw new FindFault(`only one instance of {} is supported with -${name} ... +`);
      }
      if (!isBatch) return (file) => this.#started(name, argv, file);
      const batch = new Batch(argv.slice(0, -1), name === "execdir", this.#effects);
      this.#batches.push(batch);
      return (file) => batch.add(file);
    }
    throw new FindFault(`missing argument to \`-${name}'`);
  }

  async #started(name: string, argv: readonly string[], file: Found): Promise<boolean> {
    const { say, answer } = this.#effects;
    const inFolder = name.endsWith("dir");
    const told = inFolder ? `./${baseOf(file.path)}` : file.path;
    const words = argv.map((word) => word.replaceAll("{}", told));
    if (name.startsWith("ok")) {
      say(`< ${words[0] as string} ... ${file.path} > ? `);
      if (!/^[yY]/.test(answer())) return false;
    }
    return (await run(this.#effects, words, inFolder ? folderOf(file.path) : ".")) === 0;
  }
}

/** Runs a command of find's; its exit status. */
async function run({ start, print, say }: Effects, argv: readonly string[], folder: string): Promise<number> {
  const { stdout, stderr, exitCode } = await start(argv, folder);
  print(stdout);
  say(stderr);
  return exitCode;
}

/** `-exec … {} +`: files of one command, as many as go; with `inFolder` those of one folder. */
class Batch {
  readonly #argv: readonly string[];
  readonly #inFolder: boolean;
  readonly #effects: Effects;
  #files: string[] = [];
  #bytes = 0;
  #folder = ".";

  constructor(argv: readonly string[], inFolder: boolean, effects: Effects) {
    this.#argv = argv;
    this.#inFolder = inFolder;
    this.#effects = effects;
  }

  add({ path }: Found): Verdict {
    const folder = this.#inFolder ? folderOf(path) : ".";
    const told = this.#inFolder ? `./${baseOf(path)}` : path;
    const put = () => {
      this.#folder = folder;
      this.#files.push(told);
      this.#bytes += told.length + 1;
      return true;
    };
    const isFull = folder !== this.#folder || this.#bytes + told.length > batchBytesMax;
    return isFull && this.#files.length > 0 ? this.finish().then(put) : put();
  }

  async finish(): Promise<void> {
    if (this.#files.length === 0) return;
    const files = this.#files;
    [this.#files, this.#bytes] = [[], 0];
    if ((await run(this.#effects, [...this.#argv, ...files], this.#folder)) !== 0) this.#effects.fail();
  }
}

/** Asks on until one answers `ends`. */
function until(tests: readonly Test[], ends: boolean | undefined): Test {
  const from = (at: number, file: Found): Verdict => {
    let is = true;
    for (let each = at; each < tests.length; each++) {
      const verdict = (tests[each] as Test)(file);
      if (typeof verdict !== "boolean") {
        return verdict.then((later) => (later === ends || each + 1 === tests.length ? later : from(each + 1, file)));
      }
      is = verdict;
      if (is === ends) return is;
    }
    return is;
  };
  return (file) => from(0, file);
}

const every = (tests: readonly Test[]) => until(tests, false);
const some = (tests: readonly Test[]) => until(tests, true);
const lastOf = (tests: readonly Test[]) => until(tests, undefined);
