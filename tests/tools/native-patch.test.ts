/** patch of our own beside GNU patch: what it prints, how it ends and the folder that it leaves, without an engine. Whether a machine has GNU patch it says itself; what counts most is written down as well. */
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { patch } from "../../workers/commands/patch.ts";
import { filesIn } from "./real-files.ts";

const top = mkdtempSync(join(tmpdir(), "coppice-patch-"));
afterAll(() => rmSync(top, { recursive: true, force: true }));
const env = { PATH: process.env["PATH"], LC_ALL: "C", TZ: "UTC" };

interface Case {
  readonly what: string;
  readonly patch: string;
  /** By their names; an executable one's ends with `*`. */
  readonly files?: Readonly<Record<string, string>>;
  readonly args?: string;
}

interface Said {
  readonly exit: number | null;
  readonly stdout: string;
  readonly files: Readonly<Record<string, string>>;
}

/** What of a machine is asked, if it is there. */
const gnuPatch: string = "patch";
let folders = 0;
function folderOf({ files = { f: text } }: Case): string {
  const folder = join(top, String(++folders));
  mkdirSync(folder);
  for (const [name, content] of Object.entries(files)) {
    const path = join(folder, name.replace("*", ""));
    writeFileSync(path, content, "latin1");
    chmodSync(path, name.endsWith("*") ? 0o755 : 0o644);
  }
  return folder;
}

const filesOf = (folder: string) =>
  Object.fromEntries(
    readdirSync(folder)
      .toSorted()
      .map((name) => {
        const path = join(folder, name);
        return [(statSync(path).mode & 0o100) === 0 ? name : `${name}*`, readFileSync(path, "latin1")];
      }),
  );
const argsOf = ({ args = "" }: Case) => args.split(" ").filter((word) => word !== "");

function native(each: Case): Said {
  const folder = folderOf(each);
  const { status, stdout, error } = spawnSync(gnuPatch, argsOf(each), {
    cwd: folder,
    input: Buffer.from(each.patch, "latin1"),
    env,
  });
  // What it does not read, it need not take.
  if (error !== undefined && (error as NodeJS.ErrnoException).code !== "EPIPE") throw error;
  return { exit: status, stdout: stdout.toString("latin1"), files: filesOf(folder) };
}

async function ours(each: Case): Promise<Said & { readonly stderr: string }> {
  const folder = folderOf(each);
  const call = {
    name: "patch",
    args: argsOf(each),
    env: new Map(),
    files: filesIn(folder),
    stdin: () => each.patch,
    readPattern: () => undefined,
  };
  const { stdout, stderr, exitCode } = await patch(call, {
    makeFile: async (path, content, isExecutable) => {
      writeFileSync(join(folder, path), content, "latin1");
      chmodSync(join(folder, path), isExecutable ? 0o755 : 0o644);
    },
    remove: async (path) => rmSync(join(folder, path)),
  });
  return { exit: exitCode, stdout, stderr, files: filesOf(folder) };
}

const text = "one\ntwo\nthree\n";
const crlf = (lines: string) => lines.replaceAll("\n", "\r\n");
const body = "@@ -1,3 +1,3 @@\n one\n-two\n+zwei\n three\n";
const plain = `--- f\n+++ f\n${body}`;
const ofGit = (lines: string, name = "f") =>
  `diff --git a/${name} b/${name}\n${lines}--- a/${name}\n+++ b/${name}\n${body}`;
const removal = "--- f\n+++ /dev/null\n@@ -1,3 +0,0 @@\n-one\n-two\n-three\n";
const gitRemoval = (mode: string) =>
  `diff --git a/f b/f\ndeleted file mode ${mode}\nindex 1234567..0000000\n${removal.replace("--- f", "--- a/f")}`;
const made = (mode: string) =>
  `diff --git a/n b/n\nnew file mode ${mode}\nindex 0000000..1234567\n--- /dev/null\n+++ b/n\n@@ -0,0 +1,2 @@\n+x\n+y\n`;
const turned = (name = "f") => `diff --git a/${name} b/${name}\nold mode 100644\nnew mode 100755\n`;
const more = "old mode 100644\nnew mode 100755\nindex 1234567..89abcde\n";
const less = "old mode 100755\nnew mode 100644\nindex 1234567..89abcde\n";
const zwei = text.replace("two", "zwei");
const emptyMade = (mode: string) => `diff --git a/n b/n\nnew file mode ${mode}\nindex 0000000..e69de29\n`;
const emptyGone = "diff --git a/n b/n\ndeleted file mode 100644\nindex e69de29..0000000\n";
const binary = "diff --git a/f b/f\nindex 1234567..89abcde 100644\nGIT binary patch\nliteral 3\nKcmZ?\n\n";

const cases: readonly Case[] = [
  { what: "carriage returns, of a file without", patch: crlf(plain) },
  { what: "carriage returns, of a file without", patch: crlf(plain), args: "--binary" },
  { what: "carriage returns, of a file with them", patch: crlf(plain), files: { f: crlf(text) } },
  { what: "carriage returns, of a file with them", patch: crlf(plain), files: { f: crlf(text) }, args: "--binary" },
  {
    what: "carriage returns in hunks alone, of a file with them",
    patch: `--- f\n+++ f\n${crlf(body)}`,
    files: { f: crlf(text) },
  },
  { what: "carriage returns in hunks alone", patch: `--- f\n+++ f\n${crlf(body)}` },
  { what: "no carriage returns, of a file with them", patch: plain, files: { f: crlf(text) } },
  { what: "a carriage return in its first line", patch: plain.replace("\n", "\r\n") },
  { what: "a carriage return in its second line", patch: plain.replace("+++ f", "+++ f\r") },
  { what: "carriage returns behind its first line", patch: crlf(plain).replace("\r", "") },
  { what: "carriage returns but in its second line", patch: crlf(plain).replace("+++ f\r", "+++ f") },
  { what: "carriage returns but in one line", patch: crlf(plain).replace("-two\r", "-two") },
  ...["-s", "--dry-run", "-R", "-b", "f"].map((args): Case => ({ what: "carriage returns", patch: crlf(plain), args })),
  {
    what: "carriage returns that fits with less around it",
    patch: crlf(plain),
    files: { f: text.replace("one", "One") },
  },
  { what: "carriage returns that fits nowhere", patch: crlf(plain), files: { f: "1\n2\n3\n" } },
  { what: "carriage returns that fits nowhere", patch: crlf(plain), files: { f: "1\n2\n3\n" }, args: "--binary f" },
  ...[crlf(plain) + plain.replaceAll(" f\n", " g\n"), plain + crlf(plain.replaceAll(" f\n", " g\n"))].map(
    (both): Case => ({ what: "carriage returns for one of two files", patch: both, files: { f: text, g: text } }),
  ),
  { what: "carriage returns that makes a file", patch: crlf(made("100644")), files: {}, args: "-p1" },
  { what: "carriage returns that removes a file", patch: crlf(removal) },
  { what: "carriage returns of git", patch: crlf(ofGit(more)), args: "-p1" },
  {
    what: "carriage returns and no newline at the end",
    patch: crlf(`${plain}\\ No newline at end of file\n`),
    files: { f: text.trimEnd() },
  },
  {
    what: "carriage returns and an empty line",
    patch: crlf(plain.replace(" one", "")),
    files: { f: "\ntwo\nthree\n" },
  },
  { what: "carriage returns and a time", patch: crlf(plain.replace("--- f", "--- f\t2020-01-01 00:00:00.0 +0000")) },
  {
    what: "two hunks, of a file with carriage returns further down",
    patch: `${plain}@@ -7,3 +7,3 @@\n a\n-b\n+c\n d\n`,
    files: { f: `${text}x\nx\nx\na\r\nb\r\nd\r\n` },
  },
  {
    what: "a title at its hunk, which fits nowhere",
    patch: plain.replace("@@\n", "@@ int main()\n"),
    files: { f: "1\n" },
  },
  { what: "a title with carriage returns", patch: crlf(plain.replace("@@\n", "@@ x\n")), args: "--binary" },
  { what: "a hunk a line further up", patch: "--- f\n+++ f\n@@ -3 +3,2 @@\n two\n+zwei\n", files: { f: "one\ntwo\n" } },
  {
    what: "a hunk that fails behind one that takes a line",
    patch: "--- f\n+++ f\n@@ -1 +0,0 @@\n-one\n@@ -6,2 +5,2 @@ e\n-x\n-y\n+z\n+z\n",
    files: { f: `${text}a\nb\nc\nd\n` },
  },
  {
    what: "a hunk that ends the file, with less around it",
    patch: "--- f\n+++ f\n@@ -4,4 +4,3 @@ e\n d\n d\n d\n-b\n",
    files: { f: "c\ne\ny\nd\ny\n" },
  },
  ...["-p1", "-p1 -t", "-p1 -R"].flatMap((args): readonly Case[] => [
    {
      what: "carriage returns that removes a file which is not there",
      patch: crlf(gitRemoval("100755")),
      files: {},
      args,
    },
    { what: "carriage returns that removes a file", patch: crlf(gitRemoval("100755")), args },
  ]),
  { what: "an executable file", patch: plain, files: { "f*": text } },
  { what: "an executable file", patch: plain, files: { "f*": `zero\n${text}` }, args: "-b" },
  {
    what: "an executable file of git",
    patch: ofGit("index 1234567..89abcde 100755\n"),
    files: { "f*": text },
    args: "-p1",
  },
  {
    what: "a file that is executable without git's knowing",
    patch: ofGit("index 1234567..89abcde 100644\n"),
    files: { "f*": text },
    args: "-p1",
  },
  { what: "a file whose exec bit only git has", patch: ofGit("index 1234567..89abcde 100755\n"), args: "-p1" },
  { what: "an exec bit more", patch: ofGit(more), args: "-p1" },
  { what: "an exec bit more", patch: ofGit(more), args: "-p1 -b" },
  { what: "an exec bit less", patch: ofGit(less), files: { "f*": text }, args: "-p1" },
  { what: "an exec bit more, the other way round", patch: ofGit(more), files: { "f*": zwei }, args: "-p1 -R" },
  { what: "an exec bit less, the other way round", patch: ofGit(less), files: { f: zwei }, args: "-p1 -R" },
  {
    what: "an exec bit more, and a hunk that fits nowhere",
    patch: ofGit(more),
    files: { f: "1\n2\n3\n" },
    args: "-p1",
  },
  {
    what: "an exec bit for the first of two files",
    patch: ofGit(more) + plain.replaceAll(" f\n", " b/g\n"),
    files: { f: text, g: text },
    args: "-p1",
  },
  ...["-p1", "-p1 -R", "f", "-p1 --dry-run", "-p1 -s", "-p1 -b", ""].map((args): Case => ({
    what: "an exec bit alone",
    patch: turned(),
    args,
  })),
  { what: "an exec bit alone, of a file that has it", patch: turned(), files: { "f*": text }, args: "-p1" },
  {
    what: "an exec bit alone, and another file",
    patch: turned() + ofGit("", "g"),
    files: { f: text, g: text },
    args: "-p1",
  },
  {
    what: "another file, and an exec bit alone",
    patch: ofGit("", "g") + turned(),
    files: { f: text, g: text },
    args: "-p1",
  },
  { what: "an executable file that is made", patch: made("100755"), files: {}, args: "-p1" },
  { what: "a file that is made", patch: made("100644"), files: {}, args: "-p1" },
  {
    what: "an executable file that is made, of another content",
    patch: made("100755"),
    files: { n: "q\n" },
    args: "-p1",
  },
  ...["100644", "100755"].map((mode): Case => ({
    what: "an empty file that is made",
    patch: emptyMade(mode),
    files: {},
    args: "-p1",
  })),
  { what: "an empty file that is there", patch: emptyMade("100644"), files: { n: "q\n" }, args: "-p1" },
  { what: "an empty file that is removed", patch: emptyGone, files: { n: "" }, args: "-p1" },
  { what: "a file that is no longer empty", patch: emptyGone, files: { n: "q\n" }, args: "-p1" },
  ...["", "-N", "-f", "-t", "-s", "-b", "-E", "-R"].flatMap((args): readonly Case[] => [
    { what: "a file that is removed", patch: removal, args },
    { what: "a file that is removed, and has a line more", patch: removal, files: { f: `${text}four\n` }, args },
    {
      what: "a file that is removed, and has another line",
      patch: removal,
      files: { f: text.replace("two", "Z") },
      args,
    },
    { what: "a file that is removed, and has a line less", patch: removal, files: { f: "one\ntwo\n" }, args },
    { what: "a file that is removed, and has carriage returns", patch: removal, files: { f: crlf(text) }, args },
    { what: "a file that is removed, and is empty", patch: removal, files: { f: "" }, args },
    { what: "a file that is removed, and is not there", patch: removal, files: {}, args },
    {
      what: "an executable file of git that is removed",
      patch: gitRemoval("100755"),
      files: { "f*": text },
      args: `-p1 ${args}`,
    },
    {
      what: "an executable file of git that is removed, and is not there",
      patch: gitRemoval("100755"),
      files: {},
      args: `-p1 ${args}`,
    },
    {
      what: "an executable file of git that is made, and is there",
      patch: made("100755"),
      files: { "n*": "x\ny\n" },
      args: `-p1 ${args}`,
    },
    {
      what: "a line less and nothing around it, which is not there",
      patch: "--- f\n+++ f\n@@ -2 +1,0 @@\n-zwei\n",
      args,
    },
    { what: "a line less and nothing around it, far behind", patch: "--- f\n+++ f\n@@ -20 +19,0 @@\n-zwei\n", args },
    { what: "a line more and nothing around it", patch: "--- f\n+++ f\n@@ -2,0 +3 @@\n+zwei\n", args },
    { what: "a line more and nothing around it, far behind", patch: "--- f\n+++ f\n@@ -20,0 +21 @@\n+zwei\n", args },
    { what: "a line more in front of all", patch: "--- f\n+++ f\n@@ -0,0 +1 @@\n+zero\n", args },
    {
      what: "a binary file, and another one",
      patch: binary + ofGit("", "g"),
      files: { f: text, g: text },
      args: `-p1 ${args}`,
    },
  ]),
];

const isThere = spawnSync(gnuPatch, ["--version"], { stdio: "ignore" }).error === undefined;

test("patch does what GNU patch does, to a letter", async () => {
  for (const each of isThere ? cases : []) {
    const { stderr, ...said } = await ours(each);
    expect({ ...said, stderr }, `${each.what} [${each.args ?? ""}]`).toEqual({ ...native(each), stderr: "" });
  }
});

const stripping = "(Stripping trailing CRs from patch; use --binary to disable.)\n";

test("patch takes carriage returns from a patch that has them in its head, and leaves them with --binary", async () => {
  const [stripped, kept] = [
    await ours({ what: "", patch: crlf(plain) }),
    { what: "", patch: crlf(plain), args: "--binary" },
  ];
  expect(stripped).toEqual({ exit: 0, stdout: `${stripping}patching file f\n`, stderr: "", files: { f: zwei } });
  expect((await ours(kept)).stdout).toContain("Hunk #1 FAILED at 1 (different line endings).\n");
  expect(await ours({ ...kept, files: { f: crlf(text) } })).toMatchObject({ exit: 0, files: { f: crlf(zwei) } });
});

test("patch keeps, gives and takes exec bits, without a hunk too", async () => {
  const left = async (each: Omit<Case, "what">) => (await ours({ what: "", args: "-p1", ...each })).files;
  expect(await left({ patch: ofGit(""), files: { "f*": text } })).toEqual({ "f*": zwei });
  expect(await left({ patch: ofGit(more) })).toEqual({ "f*": zwei });
  expect(await left({ patch: turned() })).toEqual({ "f*": text });
  expect(await left({ patch: turned(), files: { "f*": text }, args: "-p1 -R" })).toEqual({ f: text });
  expect(await left({ patch: gitRemoval("100755"), files: {}, args: "-p1 -R" })).toEqual({ "f*": text });
});

test("patch refuses a file that was renamed or copied before it changes any", async () => {
  for (const what of ["rename", "copy"]) {
    const lines = `similarity index 80%\n${what} from f\n${what} to g\n`;
    const moved = `diff --git a/f b/g\n${lines}--- a/f\n+++ b/g\n${body}`;
    const files = { f: text, h: text };
    expect(await ours({ what, patch: ofGit("", "h") + moved, files, args: "-p1" })).toEqual({
      exit: 2,
      stdout: "",
      stderr:
        "patch: `git diff` of a file that was renamed or copied is not known; `git diff --no-renames` tells of two files\n",
      files,
    });
  }
});
