/** The command as a user meets it: a child process, with a home, a store and git repositories of its own in a temporary folder. */
import { spawn, spawnSync, type ChildProcessWithoutNullStreams } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import Database from "better-sqlite3";
import { afterAll, beforeAll } from "vitest";
import { openEngine, type Engine, type Oid } from "../../src/engine.ts";
import { oid } from "../../src/store/oid.ts";

export const commandFile = fileURLToPath(new URL("../../bin/coppice.js", import.meta.url));

export const emptyTree = oid("4b825dc642cb6eb9a060e54bf8d69288fbee4904");
/** An oid that no store of these tests has. */
export const absent = oid("1111111111111111111111111111111111111111");

export interface Said {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}

export interface Surroundings {
  /** Default: the room's repository. */
  readonly cwd?: string;
  /** Beside PATH, HOME and COPPICE_STORE. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** A room for all tests of the file that calls this. */
export function sharedRoom(): Room {
  const room = new Room();
  beforeAll(() => room.open());
  afterAll(() => room.close());
  return room;
}

export class Room {
  #folder = "";

  open(): void {
    this.#folder = realpathSync(mkdtempSync(join(tmpdir(), "coppice-cli-")));
    mkdirSync(this.path("home"));
  }

  close(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  path(...parts: readonly string[]): string {
    return join(this.#folder, ...parts);
  }

  /** The repository that commands are called in. */
  get repository(): string {
    return this.path("repository");
  }

  get store(): string {
    return this.path("store.sqlite");
  }

  get environment(): Record<string, string> {
    return { PATH: process.env["PATH"] ?? "", HOME: this.path("home"), COPPICE_STORE: this.store };
  }

  /** Calls `coppice` with these arguments. */
  call(...args: readonly string[]): Promise<Said> {
    return this.callIn({}, ...args);
  }

  callIn(surroundings: Surroundings, ...args: readonly string[]): Promise<Said> {
    return ended(this.start(surroundings, process.execPath, commandFile, ...args));
  }

  /** Runs a line of the shell in which `coppice` is the command. */
  shell(line: string, surroundings: Surroundings = {}): Promise<Said> {
    const command = `coppice() { ${quoted(process.execPath)} ${quoted(commandFile)} "$@"; }\n${line}`;
    return ended(this.start(surroundings, "bash", "-c", command));
  }

  start({ cwd, environment }: Surroundings, file: string, ...args: readonly string[]): ChildProcessWithoutNullStreams {
    return spawn(file, args, { cwd: cwd ?? this.repository, env: { ...this.environment, ...environment } });
  }

  /** What was printed, without what differs from machine to machine and build to build: folder, times, and requests (the workers' bytes are in their names). */
  masked({ status, out, err }: Said): Said {
    const mask = (text: string) =>
      text
        .replaceAll(this.#folder, "<room>")
        .replaceAll(/\d+\.\d+ ms/g, "_ ms")
        .replaceAll(/\(\d+ jobs\/s\)/g, "(_ jobs/s)")
        .replaceAll(/request [0-9a-f]{40}/g, "request <request>");
    return { status, out: mask(out), err: mask(err) };
  }

  /** Makes a git repository; each path with its content, `-> target` for a symlink, and all of it committed. */
  makeRepository(name: string, files: Readonly<Record<string, string | Uint8Array>>): string {
    const folder = this.path(name);
    for (const [path, content] of Object.entries(files)) {
      const file = join(folder, path);
      mkdirSync(dirname(file), { recursive: true });
      if (typeof content === "string" && content.startsWith("-> ")) symlinkSync(content.slice(3), file);
      else writeFileSync(file, content);
      if (path.endsWith(".sh")) chmodSync(file, 0o755);
    }
    this.git(folder, "init", "--quiet", "--initial-branch=main");
    this.git(folder, "add", "--all");
    this.git(folder, "commit", "--quiet", "--message=first");
    return folder;
  }

  git(folder: string, ...args: readonly string[]): string {
    const person = { NAME: "A Person", EMAIL: "person@example.org", DATE: "2001-02-03T04:05:06Z" };
    const identity = Object.entries(person).flatMap(([key, value]) => [
      [`GIT_AUTHOR_${key}`, value],
      [`GIT_COMMITTER_${key}`, value],
    ]);
    const environment = { ...this.environment, GIT_CONFIG_NOSYSTEM: "1", ...Object.fromEntries(identity) };
    const { status, stdout, stderr } = spawnSync("git", args, { cwd: folder, env: environment, encoding: "utf8" });
    if (status !== 0) throw new Error(`git ${args.join(" ")}: ${stderr}`);
    return stdout.trim();
  }

  /** Writes a file into the room and returns its path. */
  write(name: string, content: string | Uint8Array): string {
    writeFileSync(this.path(name), content);
    return this.path(name);
  }

  /** Works on the store as a program would. */
  async withEngine<T>(work: (engine: Engine) => T | Promise<T>, store: string = this.store): Promise<T> {
    const engine = openEngine({ store });
    try {
      return await work(engine);
    } finally {
      await engine.close();
    }
  }
}

/** The files of the repository that most tests use: five, with an executable and a symlink. */
export const smallRepository = {
  "a.txt": "alpha\n",
  link: "-> a.txt",
  "run.sh": "#!/bin/sh\n",
  "sub/b.txt": "one\ntwo\n",
  "sub/deep/c.txt": "three\n",
} as const;

/** Runs begun in a store that another process works on; 0 while there is no such store yet. Takes no lock that the other one might wait for. */
export function runsBegun(path: string): number {
  try {
    const database = new Database(path, { readonly: true, fileMustExist: true });
    try {
      return database.prepare("SELECT count(*) FROM runs").pluck().get() as number;
    } finally {
      database.close();
    }
  } catch (error) {
    if (error instanceof Database.SqliteError) return 0;
    throw error;
  }
}

/** Waits for the process and gives what it said. */
export async function ended(child: ChildProcessWithoutNullStreams): Promise<Said> {
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => out.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => err.push(chunk));
  child.stdin.end();
  const status = await new Promise<number | null>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", resolve);
  });
  return { status, out: Buffer.concat(out).toString("utf8"), err: Buffer.concat(err).toString("utf8") };
}

export interface JsonResult {
  readonly request: Oid;
  readonly kind: "blob" | "tree";
  readonly oid: Oid;
  readonly cid: string;
  readonly jobs: { readonly executed: number; readonly memoized: number };
  readonly ms: { readonly import: number; readonly run: number };
  /** Of a fold. */
  readonly leftOut?: number | null;
}

export interface JsonError {
  readonly error: { readonly kind: string; readonly message: string };
}

/** The one object that was printed. Throws unless stdout holds one line of JSON and nothing else. */
function jsonOf({ out }: Said): unknown {
  if (!/^[^\n]+\n$/.test(out)) throw new Error(`one line of JSON was wanted: ${JSON.stringify(out)}`);
  return JSON.parse(out);
}

export function jsonResult(said: Said): JsonResult {
  return jsonOf(said) as JsonResult;
}

export function jsonError(said: Said): JsonError {
  return jsonOf(said) as JsonError;
}

export function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
