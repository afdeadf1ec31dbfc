/** Which of its two programs the command is in a checkout: the bundle, or the sources. */
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const root = join(import.meta.dirname, "..", "..");
let folder = "";
beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), "coppice-start-")));
  cpSync(join(root, "bin"), join(folder, "bin"), { recursive: true });
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Writes a file that was last changed so many seconds after a moment that is long past. */
function write(path: string, text: string, seconds: number): void {
  mkdirSync(join(folder, path, ".."), { recursive: true });
  writeFileSync(join(folder, path), text);
  utimesSync(join(folder, path), 1e9 + seconds, 1e9 + seconds);
}

function said(...args: readonly string[]): string {
  const { stdout, stderr } = spawnSync(process.execPath, [join(folder, "bin", "coppice.js"), ...args], {
    encoding: "utf8",
  });
  return `${stdout}${stderr}`;
}

/** Folders are made when a test begins, and would be newer than anything in them. */
function age(...folders: readonly string[]): void {
  for (const each of folders) utimesSync(join(folder, each), 1e9, 1e9);
}

const bundle = 'exports.main = async () => { process.stdout.write("the bundle\\n"); return 0; };';
const source = 'export async function main() { process.stdout.write("the sources\\n"); return 0; }';

describe("in a checkout", () => {
  it("the bundle runs as long as nothing that it was made from is newer", () => {
    write("src/cli/main.ts", source, 1);
    write("package.json", "{}", 2);
    write("rolldown.config.ts", "", 3);
    write("dist/command.cjs", bundle, 4);
    age("src", "src/cli");
    expect(said()).toBe("the bundle\n");
    for (const [path, text] of [
      ["src/cli/main.ts", source],
      ["package.json", "{}"],
      ["rolldown.config.ts", ""],
    ] as const) {
      write(path, text, 5);
      expect(said(), path).toBe("the sources\n");
      write(path, text, 4);
      expect(said(), path).toBe("the bundle\n");
    }
    // As when a file in it was deleted.
    utimesSync(join(folder, "src", "cli"), 1e9 + 5, 1e9 + 5);
    expect(said()).toBe("the sources\n");
  });

  it("the very sources of this one run where nothing was built", () => {
    for (const name of ["src", "node_modules", "build"])
      symlinkSync(realpathSync(join(root, name)), join(folder, name));
    cpSync(join(root, "package.json"), join(folder, "package.json"));
    expect(said("--help")).toContain("Usage: coppice");
  });
});

it("where there are no sources, the bundle runs whatever the times say", () => {
  write("dist/command.cjs", bundle, 1);
  write("package.json", "{}", 2);
  expect(said()).toBe("the bundle\n");
});
