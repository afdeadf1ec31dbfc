/** Corners of du, tac and find of our own beside the native commands, without an engine: the sizes that du takes, and what stands in brackets in the kinds of regular expressions that are not POSIX's. */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import type { OwnCall, OwnEnded } from "../../workers/commands/call.ts";
import { du } from "../../workers/commands/du.ts";
import { find } from "../../workers/commands/find.ts";
import { tac } from "../../workers/commands/tac.ts";
import { filesIn } from "./real-files.ts";

const top = mkdtempSync(join(tmpdir(), "coppice-corners-"));
afterAll(() => rmSync(top, { recursive: true, force: true }));
const [sized, named] = [join(top, "sized"), join(top, "named")];
for (const folder of [sized, named]) mkdirSync(folder);
const sizes = [0, 1, 999, 1000, 1001, 1023, 1024, 1025, 99_999, 999_999, 1_000_000, 1_047_553, 1_100_000, 9_961_473];
for (const bytes of sizes) writeFileSync(join(sized, `b${bytes}`), "x".repeat(bytes));
for (const middle of "abnwxz1A.][-\\^ +?:{=|\n".split("")) writeFileSync(join(named, `a${middle}b`), "");

const callOf = (
  folder: string,
  args: readonly string[],
  stdin: string,
  env: Readonly<Record<string, string>>,
): OwnCall => ({
  name: "",
  args,
  env: new Map(Object.entries(env)),
  files: filesIn(folder),
  stdin: () => stdin,
  readPattern: () => undefined,
});
const said = ({ stdout, exitCode }: OwnEnded) => ({ stdout, exit: exitCode });

function native(
  folder: string,
  [name = "", ...args]: readonly string[],
  input = "",
  env: Readonly<Record<string, string>> = {},
) {
  const { stdout, stderr, status, error } = spawnSync(name, args, {
    cwd: folder,
    input,
    env: { PATH: process.env["PATH"], LC_ALL: "C", ...env },
  });
  // What it does not read, it need not take.
  if (error !== undefined && (error as NodeJS.ErrnoException).code !== "EPIPE") throw error;
  return { stdout: stdout.toString("latin1"), stderr: stderr.toString("latin1"), exit: status };
}

const files = sizes.map((bytes) => `b${bytes}`);
const blocks =
  "-BMB -BkB -BKB -B1K -B1000 -BMiB -BkiB -B1MB -B2kB -B1KiB -Bk -Bm -BG -BE -B1E -BZ -B1Y -BMD -B0 -B0x10 -B010 -B+1 -B-1 -Bx -B1x -BB -B1b -B1c -BKi -BKBB -B1.5K -B'1000 -B'kB -Bhuman -Bsi -Bs -h -k -m -b --si --block-size=human-readable --block-size=si --block-size=h --block-size=x --block-size=1x --block-size=Z -B99999999999999999999 -B18446744073709551616";

test("du counts in blocks as GNU du does", () => {
  const words = blocks.split(" ").map((word) => [word]);
  words.push(["-B", "1000"], ["-B", " 1"], ["-B", ""], ["-k", "--si"], ["--si", "-k"], ["-h", "-BMB"], ["-BMB", "-h"]);
  words.push(["-b", "--si"], ["-b", "-BMB"], ["-chS"], []);
  for (const options of words) {
    const args = ["--apparent-size", ...options, ...files];
    const ended = du(callOf(sized, args, "", {}));
    expect({ ...said(ended), stderr: ended.stderr }, options.join(" ")).toEqual(native(sized, ["du", ...args]));
  }
});

test.each([
  { DU_BLOCK_SIZE: "kB" },
  { BLOCK_SIZE: "1000", BLOCKSIZE: "M" },
  { BLOCKSIZE: "si" },
  { BLOCK_SIZE: "x" },
  { POSIXLY_CORRECT: "1" },
])("du counts in the blocks that %o names as GNU du does", (env) => {
  const words = ["--apparent-size", ...files];
  expect(said(du(callOf(sized, words, "", env)))).toEqual(
    (({ stdout, exit }) => ({ stdout, exit }))(native(sized, ["du", ...words], "", env)),
  );
});

const brackets =
  "[[:space:].] []] [^]] []a] [a-c] [^a-z] [\\] [\\n] [\\.] []\\] [\\]] [[:alpha:]] [^[:alnum:]] [[:digit:]-] [a\\-z] [.] [+?] [a-] [-a] [[] [[.-.]] [[=a=]] [^]a-c[:digit:]] [[:space:]][a-z] [{}] [[:alpha:]]+ [a-c]?[.] [x [[:foo:]] [b-a] [^b-a] [[.a.]-c] [a-[.c.]] [[:space:] [:space:] [[:alpha:]\\] [] [^] \\[a] [a]\\|[b] \\([[:alpha:].]\\)x? []-a] [^-a] [\\w] [[:alpha:][:digit:]] [.[:space:]]+ [[=]=]] [[.].]] [[.space.]]".split(
    " ",
  );
const text = "a.b c]d-e\\f^g[h:i1 2,A\nB{x}y+z?q|(r)\tend\n";

test("tac -r -s divides as GNU tac does, whatever stands in brackets", () => {
  for (const pattern of brackets) {
    for (const options of ["-r", "-rb"]) {
      const args = [options, "-s", pattern];
      const { stdout, exit } = native(top, ["tac", ...args], text);
      // What is no expression the script's caller tells (commands.ts).
      if (exit === 0) expect(said(tac(callOf(top, args, text, {}))), pattern).toEqual({ stdout, exit });
      else expect(() => tac(callOf(top, args, text, {})), pattern).toThrow();
    }
  }
});

const unasked = () => {
  throw new Error("nothing is removed or started");
};
const types =
  "emacs findutils-default posix-basic posix-extended posix-egrep posix-awk gnu-awk awk egrep grep ed sed".split(" ");

test.each(types)("find -regextype %s takes brackets as GNU find does", async (type) => {
  for (const pattern of brackets) {
    const args = [".", "-regextype", type, "-regex", `./a${pattern}b`];
    const wanted = native(named, ["find", ...args]);
    const found = find(callOf(named, args, "", {}), { remove: unasked, start: unasked }).then(
      ({ stdout, exitCode }) => ({ names: stdout.split("\n").toSorted(), exit: exitCode }),
      () => ({ names: [""], exit: 1 }),
    );
    expect(await found, pattern).toEqual({ names: wanted.stdout.split("\n").toSorted(), exit: wanted.exit });
  }
});
