/** `coppice watch` as a user meets it. Each test waits for what is printed; nothing here waits for time. */
import { appendFileSync, chmodSync, mkdirSync, renameSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { ChildProcessWithoutNullStreams } from "node:child_process";
import { afterEach, describe, expect, it } from "vitest";
import { hashObject } from "../../src/store/object.ts";
import { guest } from "../guests/assemble.ts";
import { commandFile, sharedRoom, smallRepository, type JsonError, type JsonResult } from "./room.ts";

const room = sharedRoom();
let repositories = 0;
let stores = 0;
const repository = (files: Readonly<Record<string, string | Uint8Array>> = smallRepository) =>
  room.makeRepository(`watched-${repositories++}`, files);

const children: ChildProcessWithoutNullStreams[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
});

type JsonLine = (JsonResult | JsonError) & {
  readonly changed: {
    readonly count: number;
    readonly paths: readonly { readonly status: string; readonly path: string }[];
  };
  readonly ran: readonly { readonly worker: string; readonly path?: string }[];
};

/** A `coppice watch` that goes on, with a store of its own. */
class Watching {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #ended: Promise<number | null>;
  #out = "";
  #err = "";
  /** What of them was asked for. */
  #outRead = 0;
  #errRead = 0;
  #news = Promise.withResolvers<void>();

  constructor(cwd: string, ...args: readonly string[]) {
    const environment = { COPPICE_STORE: room.path(`watching-${stores++}.sqlite`) };
    this.#child = room.start({ cwd, environment }, process.execPath, commandFile, "watch", ...args);
    children.push(this.#child);
    this.#child.stdout.on("data", (chunk: Buffer) => this.#tell(() => (this.#out += chunk.toString("utf8"))));
    this.#child.stderr.on("data", (chunk: Buffer) => this.#tell(() => (this.#err += chunk.toString("utf8"))));
    this.#ended = new Promise((resolve) => {
      this.#child.on("close", (status) => this.#tell(() => resolve(status)));
    });
  }

  #tell(what: () => void): void {
    what();
    this.#news.resolve();
    this.#news = Promise.withResolvers();
  }

  /** What stderr says next, up to and with the first line that matches. */
  async said(pattern: RegExp): Promise<string> {
    for (;;) {
      const lines = this.#err.slice(this.#errRead).split("\n").slice(0, -1);
      const at = lines.findIndex((line) => pattern.test(line));
      if (at >= 0) {
        const text = `${lines.slice(0, at + 1).join("\n")}\n`;
        this.#errRead += text.length;
        return room.masked({ status: 0, out: "", err: text }).err;
      }
      await this.#more();
    }
  }

  /** The next line of stdout. */
  async line(): Promise<string> {
    for (;;) {
      const end = this.#out.indexOf("\n", this.#outRead);
      if (end >= 0) {
        const line = this.#out.slice(this.#outRead, end);
        this.#outRead = end + 1;
        return line;
      }
      await this.#more();
    }
  }

  /** The next line of stdout, with names that differ from build to build left out. */
  async json(): Promise<JsonLine> {
    return JSON.parse(await this.line()) as JsonLine;
  }

  async #more(): Promise<void> {
    const status = await Promise.race([this.#news.promise, this.#ended]);
    if (typeof status === "number") throw new Error(`it has ended with ${status}: ${this.#out}${this.#err}`);
  }

  /** What was printed since it was asked for last, and the status, once it has ended by this signal. */
  async end(signal: NodeJS.Signals = "SIGINT"): Promise<{ status: number | null; out: string; err: string }> {
    this.#child.kill(signal);
    const status = await this.#ended;
    return { status, out: this.#out.slice(this.#outRead), err: this.#err.slice(this.#errRead) };
  }

  async ended(): Promise<{ status: number | null; out: string; err: string }> {
    return { status: await this.#ended, out: this.#out, err: this.#err };
  }

  closeStdout(): void {
    this.#child.stdout.destroy();
  }
}

const paths = ({ changed }: JsonLine) => changed.paths.map(({ status, path }) => `${status} ${path}`);
const ran = (line: JsonLine) => line.ran.map(({ worker, path }) => `${worker} at ${path}`);
const waits = /^watching for changes/;
const executed = (line: JsonLine) => ("jobs" in line ? line.jobs.executed : undefined);

const many = (text: string) =>
  Object.fromEntries(Array.from({ length: 1500 }, (_, at) => [`d${at % 40}/f${at}`, `${text} ${at}\n`]));

describe("watch fold", () => {
  it("folds, waits, and after an edit tells what changed, the result, and what ran", async () => {
    const folder = repository();
    writeFileSync(join(folder, "new"), "x\n");
    const watching = new Watching(folder, "fold", ".", "--post", "line-count");
    expect(await watching.said(waits)).toMatchInlineSnapshot(`
      "11 jobs executed, 0 remembered, _ ms (_ jobs/s); request <request>; blob 7ed6ff82de6bcc2a78243fc9c54d3ef5ac14da69
      ran: line-count at sub/deep/c.txt, line-count at sub/b.txt, line-count at sub/deep and 8 more
      left out, since git does not track them: new
      watching for changes; Ctrl-C ends it
      "
    `);
    expect(await watching.line()).toBe("5");
    appendFileSync(join(folder, "sub/b.txt"), "three\n");
    expect(await watching.said(/^ran/)).toMatchInlineSnapshot(`
      "changed: modified sub/b.txt
      5 jobs executed, 4 remembered, _ ms (_ jobs/s); request <request>; blob 1e8b314962144c26d5e0e50fd29d2ca327864913
      ran: line-count at sub/b.txt, line-count at sub, line-count at . and 2 more
      "
    `);
    expect(await watching.line()).toBe("6");
    expect(await watching.end()).toEqual({ status: 130, out: "", err: "" });
  });

  it("--json is a line for each run, with what changed and what ran", async () => {
    const folder = repository();
    const watching = new Watching(folder, "fold", "sub", "--post", "byte-count", "--json");
    const first = await watching.json();
    expect(first).toMatchObject({ changed: { count: 0, paths: [] } });
    appendFileSync(join(folder, "sub/deep/c.txt"), "more\n");
    const second = await watching.json();
    expect(Object.keys(second)).toEqual(["request", "kind", "oid", "cid", "jobs", "ms", "ran", "changed"]);
    expect(second.changed).toEqual({ count: 1, paths: [{ status: "modified", path: "sub/deep/c.txt" }] });
    expect(ran(second)).toEqual([
      "byte-count at sub/deep/c.txt",
      "byte-count at sub/deep",
      "byte-count at sub",
      "fold-wasm at sub/deep",
      "fold-wasm at sub",
    ]);
    expect(executed(second)).toBe(5);
    expect(await watching.end()).toEqual({ status: 130, out: "", err: "" });
  });

  it("is told of all that changes what git tracks there: files added, deleted, renamed, saved by renaming, made executable, whole folders", async () => {
    const folder = repository();
    const watching = new Watching(folder, "fold", ".", "--post", "line-count", "--json");
    const next = async (change: () => void) => {
      change();
      return paths(await watching.json());
    };
    await watching.json();
    const write = (path: string, text: string) => {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), text);
    };
    write("fresh/er/d.txt", "d\n");
    expect(await next(() => room.git(folder, "add", "fresh"))).toEqual(["added fresh/er/d.txt"]);
    expect(await next(() => write("fresh/er/d.txt", "d\nd\n"))).toEqual(["modified fresh/er/d.txt"]);
    expect(await next(() => chmodSync(join(folder, "a.txt"), 0o755))).toEqual(["modified a.txt"]);
    expect(await next(() => rmSync(join(folder, "a.txt")))).toEqual(["deleted a.txt"]);
    expect(await next(() => room.git(folder, "mv", "sub/b.txt", "sub/e.txt"))).toEqual([
      "deleted sub/b.txt",
      "added sub/e.txt",
    ]);
    write("sub/e.txt~", "saved\n");
    expect(await next(() => renameSync(join(folder, "sub/e.txt~"), join(folder, "sub/e.txt")))).toEqual([
      "modified sub/e.txt",
    ]);
    expect(await next(() => renameSync(join(folder, "sub"), join(folder, "away")))).toEqual([
      "deleted sub/deep/c.txt",
      "deleted sub/e.txt",
    ]);
    expect(await next(() => renameSync(join(folder, "away"), join(folder, "sub")))).toEqual([
      "added sub/deep/c.txt",
      "added sub/e.txt",
    ]);
    expect(await next(() => write("sub/deep/c.txt", "again\n"))).toEqual(["modified sub/deep/c.txt"]);
    rmSync(join(folder, "sub"), { recursive: true });
    const gone: string[] = [];
    // One after the other: on a busy machine the first may be told alone.
    while (gone.length < 2) gone.push(...paths(await watching.json()));
    expect(gone.toSorted()).toEqual(["deleted sub/deep/c.txt", "deleted sub/e.txt"]);
    expect(await next(() => write("sub/deep/c.txt", "back\n"))).toEqual(["added sub/deep/c.txt"]);
    expect(await next(() => write("sub/deep/c.txt", "back again\n"))).toEqual(["modified sub/deep/c.txt"]);
    expect(await next(() => room.git(folder, "rm", "-r", "-f", "--quiet", "--cached", "fresh"))).toEqual([
      "deleted fresh/er/d.txt",
    ]);
  });

  it("runs for a checkout of many files, and not for what leaves the tree as it is", async () => {
    const folder = repository({ ...many("one"), ".gitignore": "/ignored\n" });
    room.git(folder, "checkout", "--quiet", "-b", "other");
    for (const [path, text] of Object.entries(many("two\n"))) writeFileSync(join(folder, path), text);
    room.git(folder, "commit", "--quiet", "--all", "--message=two");
    room.git(folder, "checkout", "--quiet", "main");
    const watching = new Watching(folder, "fold", ".", "--post", "line-count", "--json");
    await watching.json();
    /** Runs until one comes to so many lines: git's work in one, but on a busy machine git may be seen in its midst. */
    const until = async (lines: number) => {
      const runs = [await watching.json()];
      const isThere = (line: JsonLine | undefined) =>
        line === undefined || !("oid" in line) || line.oid === hashObject("blob", Buffer.from(`${lines}\n`));
      while (!isThere(runs.at(-1))) runs.push(await watching.json());
      return runs.map(({ changed }) => changed);
    };
    // None of these is a run: the next line is the checkout's.
    utimesSync(join(folder, "d0/f0"), 1, 1);
    mkdirSync(join(folder, "ignored"));
    writeFileSync(join(folder, "ignored/file"), "x");
    writeFileSync(join(folder, "d1/untracked"), "x");
    room.git(folder, "commit", "--quiet", "--allow-empty", "--message=nothing");
    room.git(folder, "gc", "--quiet");
    room.git(folder, "checkout", "--quiet", "other");
    const checkedOut = await until(3001);
    expect(checkedOut.reduce((sum, { count }) => sum + count, 0)).toBeGreaterThanOrEqual(1500);
    expect(Math.max(...checkedOut.map(({ paths: shown }) => shown.length))).toBe(256);
    writeFileSync(join(folder, "new"), "new\n");
    room.git(folder, "add", "new");
    room.git(folder, "commit", "--quiet", "--message=new");
    expect(paths(await watching.json())).toEqual(["added new"]);
    room.git(folder, "rebase", "--quiet", "--onto", "main", "HEAD~1");
    expect((await until(1502)).at(-1)?.count).toBeGreaterThan(0);
    writeFileSync(join(folder, "new"), "newer\n");
    expect(paths(await watching.json())).toEqual(["modified new"]);
  });

  it("of a single file, and of one below another folder than the current one", async () => {
    const folder = repository();
    const watching = new Watching(join(folder, "sub"), "fold", "../a.txt", "--post", "line-count");
    await watching.said(waits);
    writeFileSync(join(folder, "sub/b.txt"), "not this\n");
    appendFileSync(join(folder, "a.txt"), "beta\n");
    expect(await watching.said(/^ran/)).toMatchInlineSnapshot(`
      "changed: modified ../a.txt
      2 jobs executed, 0 remembered, _ ms (_ jobs/s); request <request>; blob 0cfbf08886fca9a91cb753ec8734c84fcbe52c9f
      ran: line-count at ../a.txt, fold-wasm at ../a.txt
      "
    `);
  });

  it("of a revision follows the branch, and not the work tree", async () => {
    const folder = repository();
    const watching = new Watching(folder, "fold", "HEAD:sub", "--post", "line-count", "--json");
    await watching.json();
    appendFileSync(join(folder, "sub/b.txt"), "three\n");
    appendFileSync(join(folder, "a.txt"), "not this\n");
    room.git(folder, "commit", "--quiet", "--all", "--message=more");
    const line = await watching.json();
    expect(paths(line)).toEqual(["modified HEAD:sub/b.txt"]);
    expect(ran(line)[0]).toBe("line-count at HEAD:sub/b.txt");
    room.git(folder, "reset", "--quiet", "--soft", "HEAD~1");
    expect(paths(await watching.json())).toEqual(["modified HEAD:sub/b.txt"]);
  });

  it("--poll looks every second, and finds the same", async () => {
    const folder = repository();
    const watching = new Watching(folder, "fold", ".", "--post", "line-count", "--json", "--poll");
    await watching.json();
    appendFileSync(join(folder, "sub/b.txt"), "three\n");
    expect(paths(await watching.json())).toEqual(["modified sub/b.txt"]);
  });
});

describe("watch run", () => {
  it("watches a script, and what it imports", async () => {
    const folder = repository();
    const part = room.write("part.ts", "export const mark = '!';");
    const worker = room.write(
      "watched.ts",
      'import { mark } from "./part.ts";\nexport default (job: any) => { throw new Error(job.text(job.args.in) + mark); };',
    );
    const watching = new Watching(folder, "run", worker, "--in=x", "--json");
    const message = async () => ((await watching.json()) as unknown as { error?: { message: string } }).error?.message;
    expect(await message()).toMatch(/failed: Error: x! \(watched\.ts:2:/);
    writeFileSync(part, "export const mark = '?';");
    const edited = await watching.json();
    expect([edited, paths(edited)]).toMatchObject([
      { error: { message: expect.stringMatching(/failed: Error: x\? /) as string } },
      [`modified ${part}`],
    ]);
    writeFileSync(part, "export const mark = ;");
    expect(await message()).toMatch(/^part\.ts:1:21: /);
    writeFileSync(part, "export const mark = '.';");
    expect(await message()).toMatch(/failed: Error: x\. /);
    writeFileSync(worker, "export default () => { throw new Error('alone'); };");
    expect(paths(await watching.json())).toEqual([`modified ${worker}`]);
  });

  it("watches arguments that git does not track, and the worker's file", async () => {
    const folder = repository();
    const file = room.write("argument.txt", "one\n");
    const worker = room.write("watched.wasm", guest("unreachable"));
    const command = ["run", worker, `--in:@=${file}`, "--text=fixed", "--json"];
    const watching = new Watching(folder, ...command);
    expect(await watching.json()).toMatchObject({ error: { kind: "failed" }, ran: [{ worker }] });
    appendFileSync(file, "two\n");
    expect(paths(await watching.json())).toEqual([`modified ${file}`]);
    writeFileSync(worker, guest("(nop) unreachable"));
    expect(paths(await watching.json())).toEqual([`modified ${worker}`]);
    writeFileSync(worker, "no module");
    expect(await watching.json()).toMatchObject({ error: { kind: "usage" } });
    writeFileSync(worker, guest("(nop) (nop) unreachable"));
    expect(paths(await watching.json())).toEqual([`modified ${worker}`]);
  });

  it("tells a failure and goes on; a change ends a guest that never returns", async () => {
    const folder = repository();
    const worker = room.write("slow.wasm", guest("unreachable"));
    const watching = new Watching(folder, "run", worker, "--in:@=sub");
    await watching.said(/^error: request .* failed/);
    await watching.said(waits);
    writeFileSync(worker, guest("(loop $again (br $again))"));
    await watching.said(/^changed: modified .*slow\.wasm$/);
    writeFileSync(worker, guest("(nop) unreachable"));
    expect(await watching.said(/^changed/)).toMatch(/^changed: modified .*slow\.wasm\n$/);
    await watching.said(/^error: request .* failed/);
  });

  it("Ctrl-C ends a run that goes on, and says that it was cancelled", async () => {
    const folder = repository();
    const worker = room.write("endless.wasm", guest("unreachable"));
    const watching = new Watching(folder, "run", worker);
    await watching.said(waits);
    writeFileSync(worker, guest("(loop $again (br $again))"));
    await watching.said(/^changed/);
    expect(await watching.end()).toEqual({
      status: 130,
      out: "",
      err: "error: cancelled; what was computed is kept, and the same command goes on from there\n",
    });
  });
});

describe("mistakes", () => {
  const cases = [
    ["a path that is not there", ["fold", "nowhere", "--post", "line-count"], /there is no path "nowhere"/],
    ["a worker that is not there", ["fold", ".", "--post", "nobody"], /unknown worker "nobody"/],
    ["no worker", ["fold", "."], /required option '--post <WORKER>' not specified/],
    ["an argument that is none", ["run", "line-count", "-x"], /"-x" is no option and no argument/],
    ["an option of a single run", ["fold", ".", "--post", "line-count", "--rerun"], /unknown option '--rerun'/],
  ] as const;
  for (const [what, args, message] of cases) {
    it(`at the start end it: ${what}`, async () => {
      const { status, out, err } = await new Watching(repository(), ...args).ended();
      expect({ status, out }).toEqual({ status: 2, out: "" });
      expect(err).toMatch(message);
    });
  }

  it("that come later are told once, and are over when they are mended", async () => {
    const folder = repository();
    const watching = new Watching(folder, "fold", "sub", "--post", "line-count", "--json");
    await watching.json();
    renameSync(join(folder, "sub"), room.path("away"));
    expect(await watching.json()).toMatchObject({ error: { kind: "usage" }, ran: [] });
    room.git(folder, "checkout", "--quiet", "--", "sub");
    expect(await watching.json()).toMatchObject({ changed: { count: 0 }, jobs: { executed: 0, memoized: 1 } });
  });
});

it("ends when nobody reads what it prints any more", async () => {
  const folder = repository();
  const watching = new Watching(folder, "fold", ".", "--post", "line-count");
  await watching.said(waits);
  watching.closeStdout();
  appendFileSync(join(folder, "sub/b.txt"), "three\n");
  expect((await watching.ended()).status).toBe(0);
});
