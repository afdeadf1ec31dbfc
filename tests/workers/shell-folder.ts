/** A folder with what scripts work on, a real folder as a tree, and what a native shell makes of it. */
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import type { Objects } from "../../src/abi/objects.ts";
import type { Oid } from "../../src/store/oid.ts";
import { encodeTree, type TreeEntry } from "../../src/store/tree.ts";

/** The environment of both shells. */
export const environment = { HOME: "/", LANG: "C", LC_ALL: "C", PATH: "/usr/bin:/bin", TZ: "UTC" };

const files: Readonly<Record<string, string>> = {
  "a.txt": "alpha\nbeta\ngamma\nalpha\n",
  "b.txt": "beta\ndelta\n",
  "colons.txt": "one:1\ntwo:2\nthree:3\n",
  "copy.me": "",
  empty: "",
  "lib.sh": 'LIB=loaded\ngreet() { echo "hello $1"; }\n',
  "numbers.txt": "10\n9\n100\n1\n",
  "pairs.txt": "a 1\nb 2\nc 3 4\n",
  "run.sh": '#!/bin/sh\necho "run $# $1 $0"\n',
  "src/main.c": "int main(void) { return 0; } /* TODO */\n",
  "src/util.c": "/* TODO one */\n/* TODO two */\n",
  "src/lib/x.py": "print('x')\n",
};

/** Makes the folder, and gives its path. Whoever asks removes it. */
export function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "coppice-shell-"));
  mkdirSync(join(folder, "src", "lib"), { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  writeFileSync(join(folder, "binary"), Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)));
  chmodSync(join(folder, "run.sh"), 0o755);
  symlinkSync("a.txt", join(folder, "link.txt"));
  return folder;
}

/** A folder as a tree, empty folders included. */
export function treeOf(objects: Pick<Objects, "put">, folder: string): Oid {
  const entries = readdirSync(folder).map((name): TreeEntry => {
    const path = join(folder, name);
    const stat = lstatSync(path);
    if (stat.isDirectory()) return { mode: "40000", name, oid: treeOf(objects, path) };
    if (stat.isSymbolicLink()) {
      return { mode: "120000", name, oid: objects.put("blob", readlinkSync(path, "buffer")) };
    }
    return {
      mode: (stat.mode & 0o100) === 0 ? "100644" : "100755",
      name,
      oid: objects.put("blob", readFileSync(path)),
    };
  });
  return objects.put("tree", encodeTree(entries));
}

/** What came of a script, in a form that two shells can be compared by. */
export interface ScriptEnd {
  readonly stdout: string;
  readonly stderr: string;
  readonly exit: number | null;
  readonly out: Oid;
}

/** Runs the system's bash over a fresh folder. */
export function native(objects: Pick<Objects, "put">, argv: readonly string[], stdin: string): ScriptEnd {
  const folder = makeFolder();
  try {
    const run = spawnSync("bash", argv, {
      cwd: folder,
      env: { ...environment, PWD: folder },
      input: stdin,
      encoding: "latin1",
    });
    return {
      // Its root is another one.
      stdout: run.stdout.replaceAll(folder, "/").replaceAll("//", "/"),
      stderr: run.stderr.replaceAll(folder, "/"),
      // As a shell tells of a signal.
      exit: run.signal === null ? run.status : 128 + constants.signals[run.signal],
      out: treeOf(objects, folder),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
