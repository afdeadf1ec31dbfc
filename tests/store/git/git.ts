/**
 * Temporary folders and the git binary, with an environment in which nothing of the machine's own settings is left.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach } from "vitest";
import { decodeTree, kindOfMode } from "../../../src/store/tree.ts";
import { hashObject, type GitObject, type ObjectKind } from "../../../src/store/object.ts";
import { oid, type Oid } from "../../../src/store/oid.ts";
import type { Host } from "../../../src/store/git/conversion.ts";
import type { ObjectSink } from "../../../src/store/git/object-sink.ts";
import { openRepository, type Repository } from "../../../src/store/git/repository.ts";

const cleanups: (() => void)[] = [];

afterEach(() => {
  for (const clean of cleanups.splice(0)) clean();
});

/** An empty folder that the test's end removes. */
export function temporaryFolder(): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "coppice-git-")));
  cleanups.push(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export const variables: Record<string, string> = {
  PATH: process.env["PATH"] ?? "",
  HOME: "/nonexistent",
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_CONFIG_SYSTEM: "/dev/null",
  GIT_AUTHOR_NAME: "a",
  GIT_AUTHOR_EMAIL: "a@example.org",
  GIT_AUTHOR_DATE: "1000000000 +0000",
  GIT_COMMITTER_NAME: "c",
  GIT_COMMITTER_EMAIL: "c@example.org",
  GIT_COMMITTER_DATE: "1000000000 +0000",
  LC_ALL: "C",
};

export const host: Host = { variables, home: undefined };

/** What git prints, trimmed. */
export function git(folder: string, args: readonly string[], input?: string | Buffer): string {
  const output = execFileSync("git", ["-c", "protocol.file.allow=always", ...args], {
    cwd: folder,
    env: variables,
    input: input ?? "",
    stdio: ["pipe", "pipe", "pipe"],
    maxBuffer: 1 << 28,
  });
  return output.toString("utf8").trim();
}

export function gitOid(folder: string, args: readonly string[], input?: string | Buffer): Oid {
  return oid(git(folder, args, input));
}

/** A repository with the given files, committed. */
export function repositoryWith(files: Readonly<Record<string, string>>): string {
  const folder = temporaryFolder();
  git(folder, ["init", "-q", "-b", "main"]);
  for (const [path, text] of Object.entries(files)) put(folder, path, text);
  git(folder, ["add", "-A"]);
  git(folder, ["commit", "-q", "--allow-empty", "-m", "first"]);
  return folder;
}

/** Writes a file and the folders on its way. */
export function put(folder: string, path: string, text: string | Buffer): void {
  execFileSync("mkdir", ["-p", join(folder, path, "..")]);
  writeFileSync(join(folder, path), text);
}

/** Opens a repository that is closed at the test's end. */
export function opened(path: string): Repository {
  const repository = openRepository(path);
  cleanups.push(() => repository.objects.close());
  return repository;
}

/** A sink in memory that checks what the contract of ObjectSink asks of whoever puts. */
export class MapSink implements ObjectSink {
  readonly objects = new Map<Oid, GitObject>();

  kindOf(name: Oid): ObjectKind | undefined {
    return this.objects.get(name)?.kind;
  }

  get(name: Oid): GitObject {
    const object = this.objects.get(name);
    if (object === undefined) throw new Error(`no object ${name}`);
    return object;
  }

  putChecked(name: Oid, kind: ObjectKind, body: Uint8Array): void {
    if (hashObject(kind, body) !== name) throw new Error(`${name} is not the name of these bytes`);
    if (this.objects.has(name)) throw new Error(`${name} was put twice`);
    if (kind === "tree") {
      for (const entry of decodeTree(body)) {
        const wanted = kindOfMode(entry.mode);
        if (wanted !== "commit" && this.kindOf(entry.oid) !== wanted)
          throw new Error(`${name} was put before its child`);
      }
    }
    this.objects.set(name, { kind, body: Uint8Array.from(body) });
  }
}

/** A seeded generator of numbers below `bound` (mulberry32). */
export function numbersFrom(seed: number): (bound: number) => number {
  let state = seed;
  return (bound) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % bound;
  };
}
