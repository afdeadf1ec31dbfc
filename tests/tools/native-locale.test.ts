/**
 * Which commands take a character for a byte, and which for one of UTF-8, beside the native ones in the locale C and in C.UTF-8, which is what the environment of every command says. design/tools.md tells of it; where one of these changes, that does.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openEngine, type Engine, type Oid } from "../../src/engine.ts";
import { namedCommand } from "../../src/tools/named-command.ts";

const top = mkdtempSync(join(tmpdir(), "coppice-locale-"));
const folder = join(top, "tree");
const repository = join(import.meta.dirname, "../..");
let engine: Engine;
let tree: Oid;

beforeAll(async () => {
  mkdirSync(folder);
  writeFileSync(join(folder, "u.txt"), "naïve café\nπ ≈ 3.14159\nÉCOLE Straße\n日本語 text\nplain ascii\n");
  writeFileSync(join(folder, "v.txt"), "naïve cafe\nplain\n");
  writeFileSync(join(folder, "é.md"), "");
  engine = openEngine({ store: join(top, "store.sqlite") });
  tree = (await engine.importFolder(folder)).oid;
}, 60_000);
afterAll(async () => {
  await engine.close();
  rmSync(top, { recursive: true, force: true });
});

async function ours(argv: readonly string[]): Promise<string> {
  const command = namedCommand(engine, [repository], { argv, in: tree, cwd: "/", env: {} });
  const { outcome } = await command.run({});
  if (outcome.kind === "failed") throw new Error(outcome.message);
  return Buffer.from(engine.get(command.resultOf(outcome.oid).stdout).body).toString("latin1");
}

function native([name = "", ...args]: readonly string[], locale: string): string {
  const env = { PATH: process.env["PATH"], LC_ALL: locale, TZ: "UTC", HOME: "/" };
  const { stdout, error } = spawnSync(name, args, { cwd: folder, env });
  if (error !== undefined) throw error;
  return stdout.toString("latin1");
}

test.each([
  ["grep", "-o", ".", "u.txt"],
  ["grep", "-i", "école", "u.txt"],
  ["grep", "-oE", "[[:alpha:]]+", "u.txt"],
  ["grep", "-w", "caf", "u.txt"],
  ["egrep", "-o", "...$", "u.txt"],
  ["fgrep", "-i", "É", "u.txt"],
  ["sed", "s/./x/g", "u.txt"],
  ["sed", "s/.$//", "u.txt"],
  ["sed", "y/é/ee/", "u.txt"],
  ["expr", "length", "é"],
  ["expr", "é", ":", "\\(.\\)"],
  ["diff", "-y", "u.txt", "v.txt"],
  ["tac", "-r", "-s", ".", "u.txt"],
  ["find", ".", "-name", "?.md"],
  ["find", ".", "-name", "?.md", "-size", "-9c"],
  ["find", ".", "-regex", "./..md"],
])("to %s %s %s a character is a byte", async (...argv) => {
  const wanted = native(argv, "C");
  expect(wanted).not.toBe(native(argv, "C.UTF-8"));
  expect(await ours(argv)).toBe(wanted);
});

test.each([
  ["wc", "-m", "u.txt"],
  ["wc", "-L", "u.txt"],
  ["printf", "%d\\n", "'é"],
  ["printf", "%b\\n", "\\u00e9"],
  ["stat", "-c", "%N", "é.md"],
])("to %s %s %s a character is one of UTF-8", async (...argv) => {
  const wanted = native(argv, "C.UTF-8");
  expect(wanted).not.toBe(native(argv, "C"));
  expect(await ours(argv)).toBe(wanted);
});

test("to awk a character is a byte, as to mawk", async () => {
  const program = '{ print length($1), substr($1, 3, 1), index($0, " "), toupper($1) }';
  expect((await ours(["awk", program, "u.txt"])).split("\n")[0]).toBe("6 \u00c3 7 NA\u00c3\u00afVE");
});

test.each([
  ["cut", "-c1-4", "u.txt"],
  ["expand", "-t4", "u.txt"],
  ["sort", "-f", "u.txt"],
  ["uniq", "-w3", "u.txt"],
  ["head", "-c", "3", "u.txt"],
  ["od", "-c", "u.txt"],
])("%s %s is the same in both locales", async (...argv) => {
  const wanted = native(argv, "C");
  expect(native(argv, "C.UTF-8")).toBe(wanted);
  expect(await ours(argv)).toBe(wanted);
});
