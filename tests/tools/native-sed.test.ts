/** sed beside the native one: what it prints and says, how it ends and what it leaves, over tables and random scripts and texts, without an engine. */
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import * as fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import { sed } from "../../workers/commands/sed.ts";
import { filesIn } from "./real-files.ts";

const top = mkdtempSync(join(tmpdir(), "coppice-sed-"));
afterAll(() => rmSync(top, { recursive: true, force: true }));
const env = { PATH: process.env["PATH"], LC_ALL: "C" };
const runs = Number(process.env["COPPICE_TEXT_RUNS"] ?? 60);
fc.configureGlobal({ seed: Number(process.env["COPPICE_TEXT_SEED"] ?? 1) });

type Layout = Readonly<Record<string, string>>;

const layout: Layout = {
  "a.txt": "one\ntwo\nthree\nfour five\n",
  "b.txt": "x\ny\nz",
  end: "no newline",
  empty: "",
  ten: "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n",
  words: "hello world\nfoo bar foo\n\n  indented\ta\\b\nHELLO 42\n",
  nul: "a\nb\0c\0d\ne",
  script: "#n\n/o/{\np\ns/o/0/w out\n}\n",
  unended: "s/o/0/;a x\\",
  bytes: "\x01\x7f\xff\xe9 caf\xc3\xa9\n",
};

function makeFolder(folder: string, files: Layout): void {
  mkdirSync(folder);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text, "latin1");
  mkdirSync(join(folder, "dir"));
  symlinkSync("a.txt", join(folder, "link"));
  if ("b.txt" in files) chmodSync(join(folder, "b.txt"), 0o755);
}

/** What stands in a folder and was not laid there: files with their bits, and where symlinks lead. */
function changesIn(folder: string, files: Layout): readonly string[] {
  const entries = readdirSync(folder, { recursive: true, encoding: "utf8" }).toSorted();
  return entries.map((name) => {
    const [path, stat] = [join(folder, name), lstatSync(join(folder, name))];
    if (stat.isSymbolicLink()) return `${name} -> ${readlinkSync(path)}`;
    if (stat.isDirectory()) return `${name}/`;
    const text = readFileSync(path, "latin1");
    return (stat.mode & 0o100) === 0 && files[name] === text ? name : `${name} ${stat.mode & 0o100} ${text}`;
  });
}

interface Call {
  readonly args: readonly string[];
  readonly stdin: string;
}

const quoted = (word: string) => `'${word.replaceAll("'", "'\\''")}'`;

let folders = 0;
/** What each of the calls does in a folder of its own, and what the native one does. One shell starts them all. */
function compared(
  calls: readonly Call[],
  files: Layout,
  isRandom = false,
): readonly (readonly [ours: unknown, native: unknown])[] {
  const room = join(top, String(++folders));
  mkdirSync(room);
  const at = (name: string, number: number) => join(room, `${name}${number}`);
  const lines = calls.map(({ args, stdin }, number) => {
    writeFileSync(at("in", number), stdin, "latin1");
    for (const name of ["own", "native"]) makeFolder(at(name, number), files);
    return `cd native${number}
      ${isRandom ? "timeout 2 " : ""}sed ${args.map(quoted).join(" ")} <../in${number} >../out${number} 2>../err${number}
      echo $? >../status${number}; cd ..`;
  });
  const { status } = spawnSync("sh", { cwd: room, env, input: lines.join("\n") });
  expect(status).toBe(0);
  const read = (name: string, number: number) => readFileSync(at(name, number), "latin1");
  const both = calls.map(({ args, stdin }, number) => {
    // One that goes on for ever is none that can be compared.
    if (read("status", number) === "124\n") return ["endless", "endless"] as const;
    const { stdout, stderr, exitCode } = sed({
      name: "sed",
      args: args.map((arg) => Buffer.from(arg, "utf8").toString("latin1")),
      env: new Map(),
      files: filesIn(at("own", number)),
      stdin: () => stdin,
      readPattern: () => undefined,
    });
    const ours = { stdout, stderr: firstLine(stderr), exit: exitCode, files: changesIn(at("own", number), files) };
    const native = {
      stdout: read("out", number),
      stderr: firstLine(read("err", number)),
      exit: Number(read("status", number)),
      files: changesIn(at("native", number), files),
    };
    return [ours, native] as const;
  });
  rmSync(room, { recursive: true });
  return both;
}

/** How the options are used is said otherwise. */
const firstLine = (text: string) => (text.includes("\n\n") || text.includes("Usage") ? text.split("\n", 1)[0] : text);

/** A script a line, with options in front of it. */
const overTen = readFileSync(new URL("native-sed.txt", import.meta.url), "utf8");
const stdinTen = "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n";

/** Words of a row: options, and what is left as one script, or options alone. */
function wordsOf(row: string): string[] {
  const [options = ""] = /^(?:-[nsuzbE]+ |--(?:posix|sandbox|line-length=\d) |-l \S+ )*/.exec(row) ?? [];
  const rest = row.slice(options.length);
  return [...options.split(" ").filter((word) => word !== ""), ...(rest.startsWith("-") ? rest.split(" ") : [rest])];
}

/** Those of the calls in which the two differ. */
function differences(calls: readonly (readonly [args: readonly string[], stdin?: string])[]) {
  const all = calls.map(([args, stdin = stdinTen]) => ({ args, stdin }));
  return compared(all, layout).flatMap(([ours, native], number) =>
    isDeepStrictEqual(ours, native) ? [] : [JSON.stringify({ ...all[number], ours, native }, undefined, 1)],
  );
}

test("sed does with lines what GNU sed does, and says so", () => {
  const rows = overTen.trimEnd().split("\n");
  expect(rows.length).toBeGreaterThan(300);
  expect(differences(rows.map((row) => [wordsOf(row)]))).toEqual([]);
}, 240_000);

const lines = "hello world\nfoo bar foo\n\n  indented\ta\\b\nHELLO 42\n";
test("sed's expressions and replacements mean what they mean to GNU sed", () => {
  const scripts = readFileSync(new URL("native-sed-words.txt", import.meta.url), "utf8")
    .trimEnd()
    .split("\n");
  expect(scripts.length).toBeGreaterThan(100);
  expect(differences(scripts.map((script) => [wordsOf(script), lines]))).toEqual([]);
}, 240_000);

test("sed reads and writes the files that GNU sed does", () => {
  const calls: readonly (readonly [args: readonly string[], stdin?: string])[] = [
    [["p", "nowhere"]],
    [["p", "dir"]],
    [["p", "end", "dir", "a.txt"]],
    [["$p", "end", "dir"]],
    [["p", "end", "b.txt"]],
    [["-s", "p", "end", "b.txt"]],
    [["p", "end", "-", "b.txt"]],
    [["$p", "end", "empty", "nowhere"]],
    [["$F;F;$!F", "end", "nowhere", "b.txt"]],
    [["F", "nowhere"]],
    [["-n", "$=", "end", "b.txt", "empty"]],
    [["-s", "-n", "$=", "end", "b.txt", "empty"]],
    [["-s", "-n", "1p;$p", "end", "b.txt"]],
    [["N;l", "end", "b.txt"]],
    [["N", "end", "b.txt", "end"]],
    [["-s", "N", "end", "b.txt"]],
    [["-s", "n;n;l", "b.txt", "ten"]],
    [["-s", "H;$!d;x;l", "b.txt", "a.txt"]],
    [["-s", "0,/y/s/^/</", "end", "b.txt", "ten"]],
    [["-s", "2,3s/^/</", "end", "b.txt", "ten"]],
    [["-s", "2,/z/s/^/</", "b.txt", "ten", "b.txt"]],
    [["1,2s/^/</", "end", "b.txt"]],
    [["-s", "2q", "end", "b.txt", "ten"]],
    [["5q3", "nowhere"]],
    [["q3", "nowhere", "end"]],
    [["q3", "end", "nowhere"]],
    [["r end", "b.txt"]],
    [["R b.txt", "ten"]],
    [["R end", "a.txt"]],
    [["R ten", "b.txt", "a.txt"]],
    [["r dir", "b.txt"]],
    [["R dir", "b.txt"]],
    [["w dir", "b.txt"]],
    [["w none/x", "b.txt"]],
    [["r ten\n$d", "b.txt"]],
    [["2{r end\nN\n}", "b.txt"]],
    [["w out", "b.txt", "a.txt"]],
    [["w out\ns/y/q/w out\nW out2\nr out", "b.txt"]],
    [["-n", "/two/w out\n/three/w out2", "a.txt"]],
    [["1~2{w odd\n};2~2w even", "ten"]],
    [["-n", "s/o/0/gw out", "a.txt"]],
    [["N;W out", "a.txt"]],
    [["w out", "nowhere"]],
    [["w a.txt", "a.txt"]],
    [["-n", "w /dev/stdout", "end", "a.txt"]],
    [["w /dev/stdout", "end"]],
    [["s/x/y/w", "a.txt"]],
    [["-i", "s/one/ONE/", "a.txt", "b.txt"]],
    [["-i", "p", "link"]],
    [["--follow-symlinks", "-i", "p", "link"]],
    [["-i.bak", "p", "link", "b.txt"]],
    [["--in-place=.orig", "p", "b.txt"]],
    [["--in-place", "p", "b.txt"]],
    [["-idir/*.x", "p", "a.txt"]],
    [["-i*_", "p", "a.txt"]],
    [["-ib_*_*", "p", "a.txt"]],
    [["-idir/", "p", "a.txt"]],
    [["-i", "p", "a.txt", "dir", "b.txt"]],
    [["-i", "p", "a.txt", "nowhere", "b.txt"]],
    [["-i", "p", "-"]],
    [["-i", "2q5", "a.txt", "b.txt"]],
    [["-i", "2Q", "a.txt", "b.txt"]],
    [["-n", "-i", "2p", "a.txt", "b.txt"]],
    [["-i", "w /dev/stdout", "a.txt", "b.txt"]],
    [["-i", "w out", "a.txt", "b.txt"]],
    [["-i", "1i x\n$a y", "a.txt", "b.txt"]],
    [["-i", "=;F;l;r end", "b.txt"]],
    [["-i", "$!N;1q", "b.txt"]],
    [["-i", "H;$!d;x", "a.txt", "b.txt"]],
    [["-i", "s/x/", "a.txt"]],
    [["-i", "s//x/", "a.txt"]],
    [["-i", "d", "empty", "a.txt"]],
    [["-i", "-E", "s/(o)/<\\1>/", "a.txt"]],
    [["-Ei", "s/(o)/<\\1>/", "a.txt"]],
    [["-iE", "s/(o)/<\\1>/", "a.txt"]],
    [["-ni.x", "p", "a.txt"]],
    [["-n", "-f", "script", "a.txt"]],
    [["-f", "script", "a.txt"]],
    [["-f", "unended", "a.txt"]],
    [["-f", "unended", "-e", "more", "a.txt"]],
    [["-e", "a\\", "-f", "end", "a.txt"]],
    [["-f", "script", "-e", "s/o/1/", "a.txt"]],
    [["-e", "s/o/1/", "-f", "script", "a.txt"]],
    [["-f", "nowhere", "a.txt"]],
    [["-f", "dir", "a.txt"]],
    [["-f", "ten", "a.txt"]],
    [["-f", "-", "a.txt"], "s/o/0/\np\n"],
    [["-f", "-", "a.txt"], "p\n\nk\n"],
    [["-f", "-"], "p"],
    [["--file=script", "--quiet", "a.txt"]],
    [["-z", "s/^/<\n/;s/$/>/", "nul"]],
    [["-z", "s/\\n/,/g", "nul"]],
    [["-zn", "$=;p;l", "nul"]],
    [["-z", "N;N;s/^/x/mg;s/$/y/mg", "nul"]],
    [["-z", "N;s/^./X/mg;s/.$/Y/mg", "nul"]],
    [["-z", "$!N;P;D", "nul"]],
    [["-z", "G;H;x", "nul"]],
    [["-z", "a x\ni y", "nul"]],
    [["-z", "1R b.txt\nr end", "nul"]],
    [["-s", "-z", "$=", "nul", "end"]],
    [["-n", "l", "bytes"]],
    [["-n", "l 5", "bytes"]],
    [["-n", "l", "words"]],
    [["s/./X/g", "bytes"]],
    [["s/\\xc3\\xa9/e/;s/[^ -~]/?/g", "bytes"]],
    [["y/\\xe9\\x01/E1/", "bytes"]],
    [["s/caf/\\U&/;s/\xc3/\\l&/", "bytes"]],
    [["-n", "2{p;q}", "a.txt", "nowhere"]],
    [["$!N;$!D", "ten"]],
    [["$!{h;d};x;G", "ten"]],
    [["-n", "$!{h;d}\nH;x;s/\\n/+/p", "ten"]],
    [["", "b.txt"]],
    [["a\\\n  two\\\n\\  three\\\tx\n2d", "b.txt"]],
    [["a\\\n\\x41\\ttab", "b.txt"]],
    [["a\\  \nx", "b.txt"]],
    [["a\\ \\\nx", "b.txt"]],
    [["a x\\\n  y\\\nz\np", "b.txt"]],
    [["a\np", "b.txt"]],
    [["$a\\\n", "b.txt"]],
    [["a\\\n\nb", "b.txt"]],
    [["i\\\nx\np", "b.txt"]],
    [["1{a\\\nx\n}", "b.txt"]],
    [["2c\\\nx\\\ny", "b.txt"]],
    [["s/x/a\\\nb/", "b.txt"]],
    [["s/x/a\nb/", "b.txt"]],
    [["s/x\n/b/", "b.txt"]],
    [["N;s/x\\\ny/b/", "b.txt"]],
    [["y/x/\\\n/", "b.txt"]],
    [["y/x/\n/", "b.txt"]],
    [["s/x/y/\r\np", "b.txt"]],
    [["b\np", "b.txt"]],
    [["t a\n:a\np", "b.txt"]],
    [["r end\np", "b.txt"]],
    [["p\n\n\n# x\n  p", "b.txt"]],
    [["{\np\n}\n", "b.txt"]],
    [["/x/,/y/{\n  /x/n\n  s/./&&/\n}", "b.txt"]],
    [["-e", "i\\", "-e", "  x", "b.txt"]],
    [["-e", "1{", "-e", "a x", "-e", "}", "b.txt"]],
    [["-e", "p;k", "-e", "p", "b.txt"]],
    [["-e", "p", "-e", "p;k", "b.txt"]],
    [["-e", "s//x/", "-e", "p", "b.txt"]],
    [["-e", "{", "-e", "p", "b.txt"]],
    [["p", "--", "b.txt"]],
    [["--", "p", "b.txt"]],
    [["b.txt", "-e", "p"]],
    [["p", "b.txt", "-n"]],
    [["-l", "5", "l", "words"]],
    [["--line-length", "9", "-n", "l", "words"]],
    [["-x", "p"]],
    [["-e"]],
    [["--bogus", "p"]],
    [["--in"]],
    [["--null", "p", "nul"]],
    [["-E", "--regexp-extended", "-r", "s/(x)/\\1\\1/", "b.txt"]],
    [["s/a*/x/g", "words"]],
    [["-n", "/start/,/end/p"], "a\nstart\nb\nend\nc\nstart\nd\n"],
    [["/^$/d;s/^[ \\t]*//;s/[ \\t]*$//", "words"]],
    [["-n", "/foo/{n;p}", "words"]],
    [["-n", "$!{N;P;D};$p", "ten"]],
    [["s/[^,]*,//2"], "a,b,c,d\n"],
    [["-E", "s/^(.*)\\n(.*)$/\\2\\n\\1/;N;s/^(.*)\\n(.*)$/\\2\\n\\1/"], "1\n2\n3\n4\n"],
    [["-n", "1!G;h;$p", "ten"]],
    [["/\\n/!G;s/\\(.\\)\\(.*\\n\\)/&\\2\\1/;//D;s/.//", "words"]],
    [[":a;s/\\([0-9]\\)\\([0-9]\\{3\\}\\)\\($\\|,\\)/\\1,\\2\\3/;ta"], "1234567\n12\n1000\n"],
    [["-n", "x;n;x;G;p", "ten"]],
    [["$!N;/^\\(.*\\)\\n\\1$/!P;D"], "a\na\nb\nb\nb\nc\n"],
  ];
  expect(differences(calls)).toEqual([]);
}, 240_000);

// Random scripts.
const expression = fc
  .array(
    fc.tuple(
      fc.constantFrom("a", "b", ".", "[ab]", "[^a]", "\\(a\\)", "\\(b*\\)", "\\(a\\|b\\)", "\\w", "\\n", "x"),
      fc.constantFrom("", "", "", "*", "\\?", "\\{1,2\\}"),
    ),
    { minLength: 1, maxLength: 3 },
  )
  .chain((parts) => fc.constantFrom("", "^", "\\b").map((start) => start + parts.map((part) => part.join("")).join("")))
  .chain((text) => fc.constantFrom("", "$", "\\>").map((end) => text + end));
const replacement = fc
  .array(fc.constantFrom("x", "&", "\\n", "\\U", "\\L", "\\u", "\\l", "\\E", "\\0", "b", "A", " ", "\\&", "\\x41"), {
    maxLength: 5,
  })
  .map((parts) => parts.join(""));
const address = fc.oneof(
  fc.constantFrom("", "", "", "1", "2", "3", "$", "0~2", "2~3"),
  expression.chain((text) => fc.constantFrom("", "I", "M").map((flag) => `/${text}/${flag}`)),
);
const range = fc.oneof(
  address,
  fc
    .tuple(address, fc.oneof(address, fc.constantFrom("+1", "+2", "~2", "~3")))
    .filter(([from, to]) => from !== "" && to !== "")
    .map((both) => both.join(",")),
);
const action = fc.oneof(
  fc.constantFrom(..."p d D g G h H n N P x z = l F".split(" ")),
  fc.constantFrom("n", "N", "D", "P", "G", "x", "$!N", "b", "t", "T", "tz", "bz", "Tz"),
  fc
    .tuple(expression, replacement, fc.constantFrom("", "g", "p", "2", "2g", "I", "M", "gM", "w out", "gpI"))
    .map(([pattern, by, flags]) => `s/${pattern}/${by}/${flags}`),
  fc.constantFrom("s//<&>/", "y/abx/bxa/", "a q", "i r", "c s", "r end", "R ten", "w out", "W out", "2q", "$Q", "q3"),
);
const command = fc
  .tuple(range, fc.constantFrom("", "", "!"), action)
  .map(([where, not, what]) =>
    /^(?:[$2][!qQ]|q)/.test(what) && where !== "" ? `${where}${not}p` : where + not + what,
  );
const anyScript = fc
  .array(
    fc.oneof(
      { weight: 4, arbitrary: command },
      {
        weight: 1,
        arbitrary: fc
          .tuple(range, fc.array(command, { maxLength: 3 }))
          .map(([where, inner]) => `${where}{\n${inner.join("\n")}\n}`),
      },
    ),
    { minLength: 1, maxLength: 4 },
  )
  .map((commands) => [...commands, ":z"].join("\n"));
const text = fc
  .tuple(
    fc.array(fc.string({ unit: fc.constantFrom(...Array.from("aabbxAB ")), maxLength: 5 }), { maxLength: 7 }),
    fc.boolean(),
  )
  .map(([all, isEnded]) => all.join("\n") + (isEnded && all.length > 0 ? "\n" : ""));

test("sed does what GNU sed does, whatever the script, the options and the texts", () => {
  const options = fc.subarray(["-n", "-s", "-z", "-i"]).filter((all) => !(all.includes("-i") && all.includes("-s")));
  const round = fc.array(fc.tuple(options, anyScript), { minLength: 20, maxLength: 20 });
  fc.assert(
    fc.property(round, text, text, (scripts, one, two) => {
      const files = { one, two, end: "no newline", ten: layout["ten"] as string };
      const calls = scripts.map(([flags, program]) => ({ args: [...flags, program, "one", "two"], stdin: "" }));
      const both = compared(calls, files, true);
      for (const [number, [ours, native]] of both.entries())
        expect(ours, calls[number]?.args.join(" ")).toEqual(native);
    }),
    { numRuns: Math.ceil(runs / 4) },
  );
}, 240_000);

test("sed ends with a sentence where a line is never done with, or more is written than anybody reads", () => {
  const said = (script: string, stdin: string) =>
    sed({
      name: "sed",
      args: [script],
      env: new Map(),
      files: filesIn(top),
      stdin: () => stdin,
      readPattern: () => undefined,
    });
  for (const [script, why] of [
    [":a;ba", "it runs more than 20000000 commands for a line"],
    ["G;D", "it runs more than 20000000 commands for a line"],
    [":a;p;ba", "it prints more than 268435456 bytes"],
  ] as const) {
    expect(said(script, `${"x".repeat(why.startsWith("it runs") ? 1 : 100_000)}\n`), script).toMatchObject({
      exitCode: 4,
      stderr: `sed: ${why}\n`,
    });
  }
}, 120_000);

test("sed starts no commands, and says so", () => {
  for (const script of ["e", "e ls", "s/a/b/e"]) {
    const { stdout, stderr, exitCode } = sed({
      name: "sed",
      args: [script],
      env: new Map(),
      files: filesIn(top),
      stdin: () => "a\n",
      readPattern: () => undefined,
    });
    expect({ stdout, exitCode }).toEqual({ stdout: "", exitCode: 1 });
    expect(stderr).toMatch(/^sed: -e expression #1, char \d+: no command is run here\n$/);
  }
});
