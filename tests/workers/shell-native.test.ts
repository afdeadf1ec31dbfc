/**
 * Scripts give in the shell what they give in the system's bash over the same folder: the same bytes, exit status and tree. First with the system's own commands as tools, so that the shell alone is compared; then in an
 * engine, with the tools that people have, where these do what the system's do.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hashObject } from "../../src/store/object.ts";
import { alone } from "./shell-alone.ts";
import { native, type ScriptEnd } from "./shell-folder.ts";
import { openShell, type Shell } from "./shell-room.ts";
import { scripts, type ScriptCase } from "./shell-scripts.ts";
import { putWasmTools } from "./wasm-tools.ts";

const hashing = { put: hashObject };
const seen = ({ stdout, exit, out }: ScriptEnd) => ({ stdout, exit, out });

const made = new Map<ScriptCase, ReturnType<typeof seen>>();

/** What bash makes of a script, but for what is told to differ. */
function wanted(each: ScriptCase) {
  const { script, argv = ["-c", script], stdin = "", differs } = each;
  const bash = made.get(each) ?? seen(native(hashing, argv, stdin));
  made.set(each, bash);
  const { because: _why, ...instead } = { because: "", ...differs };
  return { ...bash, ...instead };
}

describe("with the system's commands the shell does what bash does", () => {
  test.each(scripts)("$script", async (each) => {
    const { script, argv = ["-c", script], stdin = "" } = each;
    expect(seen(await alone(argv, stdin))).toEqual(wanted(each));
  });
});

describe("in an engine, with tools that are WebAssembly", () => {
  let shell: Shell;
  beforeAll(() => {
    shell = openShell(putWasmTools, ["cat", "cut", "grep", "head", "ln", "sed", "sort", "tail", "tr", "uniq", "wc"]);
  });
  afterAll(() => shell[Symbol.asyncDispose]());

  test.each(scripts.filter(({ tool }) => tool === undefined))("$script", async (each) => {
    const { script, argv = ["-c", script], stdin = "" } = each;
    expect(seen(await shell.end(argv, { stdin }))).toEqual(wanted(each));
  });
});
