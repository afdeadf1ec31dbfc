/**
 * The known commands beside the native ones: over the same tree the same stdout, exit status and tree. What stderr says is worded otherwise by each implementation and not compared. Where a
 * command does otherwise than the native one, that stands in the table with the reason, and what it does is compared with what stands there.
 *
 * The native folder's times are those that a command sees (1,000,000,000 s), its locale is C, its time zone UTC.
 */
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  lutimesSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openEngine, type Engine, type Oid } from "../../src/engine.ts";
import { findTool } from "../../src/tools/find-tool.ts";

const top = mkdtempSync(join(tmpdir(), "coppice-native-"));
const repository = join(import.meta.dirname, "../..");
let engine: Engine;
let tree: Oid;

const json = { name: "coppice", tags: ["a", "b"], size: { lines: 3, bytes: 1e3 }, none: null };
const files: Readonly<Record<string, string | Buffer>> = {
  "a.txt": "one\ntwo\nthree\nTODO: four\nfive\n",
  "b.txt": "one\n2\nthree\nfour TODO\nfive\nsix",
  "names.txt": "pear\napple\nfig\napple\nBanana\n10\n9\nfig\n",
  "table.csv": "id,name,count\n1,pear,3\n2,fig,20\n3,apple,100\n",
  "data.json": `${JSON.stringify(json, undefined, 2)}\n`,
  "lines.json": `{"n":1,"s":"x"}\n{"n":2,"s":"y"}\n`,
  "empty.txt": "",
  "binary.bin": Buffer.from([0, 1, 2, 255, 254, 10, 65, 0, 66, 10, 200]),
  "src/main.c": "int main(void) {\n\treturn 0; // TODO\n}\n",
  "src/lib/deep.c": "int deep;\n",
  "src/lib/notes.md": "# Notes\n\nTODO write\n",
  "folder/file": "TODO in a folder that leads up\n",
  "src/.hidden": "TODO hidden\n",
  "src/zeros": "TODO\nx\0y\nTODO again\n",
  "utf8.txt": "naïve café\nπ ≈ 3.14159\n",
};

function makeFolder(folder: string): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  writeFileSync(join(folder, "run.sh"), "#!/bin/sh\necho hi\n");
  chmodSync(join(folder, "run.sh"), 0o755);
  symlinkSync("a.txt", join(folder, "link"));
  symlinkSync("nowhere", join(folder, "dangling"));
  symlinkSync("src", join(folder, "srclink"));
  symlinkSync("..", join(folder, "folder", "up"));
  for (const path of ["", ...readdirSync(folder, { recursive: true, encoding: "utf8" })])
    lutimesSync(join(folder, path), 1_000_000_000, 1_000_000_000);
}

const native = { PATH: process.env["PATH"], LC_ALL: "C", TZ: "UTC", HOME: "/nonexistent" };

function git(folder: string, args: readonly string[]): string {
  const { stdout, status, stderr } = spawnSync("git", args, {
    cwd: folder,
    encoding: "utf8",
    env: { ...native, GIT_DIR: `${folder}.git`, GIT_WORK_TREE: folder, GIT_CONFIG_GLOBAL: "/dev/null" },
  });
  if (status !== 0) throw new Error(stderr);
  return stdout.trim();
}

/** The folder as git would store it. */
function treeOf(folder: string): string {
  git(folder, ["init", "-q"]);
  git(folder, ["add", "-A", "-f"]);
  const written = git(folder, ["write-tree"]);
  rmSync(`${folder}.git`, { recursive: true });
  return written;
}

interface Said {
  readonly exit: number | null;
  readonly stdout: string;
  readonly tree: string;
}

/** Without empty folders, which git does not store. */
function pruned(name: Oid): Oid | undefined {
  const entries = engine.list(name).flatMap((entry) => {
    if (entry.mode !== "40000") return [entry];
    const kept = pruned(entry.oid);
    return kept === undefined ? [] : [{ ...entry, oid: kept }];
  });
  return entries.length === 0 ? undefined : engine.putTree(entries);
}

let folders = 0;
function runNative({ argv, stdin = "" }: Case): Said {
  const folder = join(top, `native-${++folders}`);
  mkdirSync(folder);
  makeFolder(folder);
  const { status, stdout, error } = spawnSync(argv[0] as string, argv.slice(1), {
    cwd: folder,
    input: stdin,
    env: native,
  });
  if (error !== undefined) throw error;
  const said = { exit: status, stdout: stdout.toString("latin1"), tree: treeOf(folder) };
  rmSync(folder, { recursive: true });
  return said;
}

async function runOurs({ argv, stdin = "" }: Case, over = tree): Promise<Said & { readonly stderr: string }> {
  const { worker } = findTool(engine, argv[0] as string, [repository], {
    argv,
    in: over,
    cwd: "/",
    stdin: Buffer.from(stdin, "latin1"),
  });
  const env = { HOME: "/", LANG: "C.UTF-8", PATH: "/bin", PWD: "/", TZ: "UTC" };
  const { outcome } = await engine.exec({ worker, argv, in: over, env, stdin: Buffer.from(stdin, "latin1") });
  if (outcome.kind === "failed") return { exit: null, stdout: "", stderr: outcome.message, tree: over };
  const result = engine.commandResult(outcome.oid);
  if (result === undefined) throw new Error("no command's result");
  const text = (name: Oid) => Buffer.from(engine.get(name).body).toString("latin1");
  return {
    exit: result.exit,
    stdout: text(result.stdout),
    stderr: text(result.stderr),
    tree: pruned(result.out) ?? engine.putTree([]),
  };
}

interface Case {
  readonly argv: readonly string[];
  readonly stdin?: string;
  /** The order of lines is that of the folder's entries, which no file system promises: ours is that of their names' bytes. */
  readonly isUnordered?: true;
  /** Why it does otherwise than the native command, and what it does, as far as that is not the same. */
  readonly but?: { readonly reason: string } & Partial<Pick<Said, "exit" | "stdout">>;
}

/** Packages of their own, which not every machine has. */
/** A patch whose change the file has already, and another one after it. */
const appliedPatch = "--- a.txt\n+++ a.txt\n@@ -1,3 +1,3 @@\n one\n-zwei\n+two\n three\n@@ -4 +4 @@\n-x\n+y\n";

const isThere = (name: string) => !["xxd", "hexdump", "hd", "patch"].includes(name) || hasNative(name);

function hasNative(name: string): boolean {
  return spawnSync(name, ["--help"], { stdio: "ignore" }).error === undefined;
}

/** A line as one would type it without quotes or spaces inside of words. */
const line = (text: string, more: Omit<Case, "argv"> = {}): Case => ({ argv: text.split(" "), ...more });
const argv = (...words: readonly string[]): Case => ({ argv: words });
const unordered = (...words: readonly string[]): Case => ({ argv: words, isUnordered: true });

/** Whose files are in an archive, by whomever this is run. */
const asRoot = "--owner=root:0 --group=root:0";

const cases: readonly Case[] = [
  line("ls"),
  line("ls -a"),
  line("ls -R src"),
  line("ls -1 src a.txt"),
  line("ls nowhere"),
  line("cat a.txt b.txt"),
  line("cat -n a.txt"),
  line("cat binary.bin"),
  line("cat - a.txt", { stdin: "from stdin\n" }),
  line("cat", { stdin: "only stdin\n" }),
  line("cat nowhere a.txt"),
  line("cat link"),
  line("head -n 2 a.txt b.txt"),
  line("head -c 5 a.txt"),
  line("head -n -2 a.txt"),
  line("head -n 1", { stdin: "1\n2\n" }),
  line("tail -n 2 a.txt"),
  line("tail -n +3 a.txt"),
  line("tail -c 4 b.txt"),
  line("tail -n 1", { stdin: "1\n2\n" }),
  line("wc a.txt b.txt"),
  line("wc -l a.txt"),
  line("wc -c binary.bin"),
  line("wc", { stdin: "one two\nthree\n" }),
  line("sort names.txt"),
  line("sort -r names.txt"),
  line("sort -n names.txt"),
  line("sort -u names.txt"),
  line("sort -t, -k3,3n table.csv"),
  line("sort -o sorted.txt names.txt"),
  line("sort -c names.txt"),
  line("sort -C names.txt"),
  line("sort -c empty.txt"),
  line("sort", { stdin: "b\na\n" }),
  line("uniq", { stdin: "a\na\nb\n" }),
  line("uniq -c", { stdin: "a\na\nb\n" }),
  line("uniq -d", { stdin: "a\na\nb\n" }),
  line("uniq a.txt out.txt"),
  line("cut -d, -f2 table.csv"),
  line("cut -c1-3 a.txt"),
  line("cut -d, -f1,3 --output-delimiter=; table.csv"),
  line("tr a-z A-Z", { stdin: "hello\n" }),
  line("tr -d aeiou", { stdin: "education\n" }),
  line("tr -s l", { stdin: "hellllo\n" }),
  line("sha256sum a.txt b.txt"),
  line("sha256sum", { stdin: "x" }),
  line("sha256sum nowhere"),
  line("cp a.txt c.txt"),
  line("cp -r src copy"),
  line("cp -P link link2"),
  line("cp run.sh other.sh"),
  line("cp -p run.sh other.sh"),
  line("cp -p a.txt run.sh"),
  line("cp -a src link run.sh new"),
  line("cp -a src copy"),
  line("cp -d link link2"),
  line("cp /dev/null a.txt"),
  line("cp a.txt b.txt src"),
  line("cp nowhere c.txt"),
  line("mv a.txt moved.txt"),
  line("mv src other"),
  line("mv a.txt b.txt src"),
  line("mv nowhere x"),
  line("chmod +x a.txt"),
  line("chmod 644 run.sh"),
  line("chmod 755 link"),
  line("chmod -R +x src"),
  line("mkdir -p new/deep"),
  line("mkdir src"),
  line("mkdir x y"),
  line("rm a.txt"),
  line("rm -r src"),
  line("rm src"),
  line("rm -f nowhere"),
  line("rm nowhere"),
  line("rm link"),
  line("touch new.txt a.txt"),
  line("touch -c nowhere"),
  unordered("find", "src", "-name", "*.c"),
  unordered("find", ".", "-type", "f", "-name", "*.txt", "-size", "0"),
  unordered("find", "src", "-type", "d"),
  unordered("find", "src", "-maxdepth", "1", "-type", "f"),
  unordered("find", ".", "-type", "l"),
  unordered("find", "src", "-name", "*.md", "-delete"),
  line("find nowhere"),
  unordered("find", "."),
  unordered("find", ".", "-type", "f"),
  unordered("find", ".", "-type", "d"),
  unordered("find", ".", "-type", "f", "-name", "*.c"),
  line("find srclink"),
  unordered("find", "srclink/", "-name", "*.c"),
  line("find dangling"),
  // What size a folder has is the file system's.
  unordered("find", ".", "!", "-type", "d", "-size", "-1k"),
  unordered("find", ".", "!", "-type", "d", "-size", "1k"),
  unordered("find", ".", "-name", "*l*", "-printf", "%p %y\\n"),
  unordered("find", "-L", ".", "-name", "*.c"),
  unordered("find", "-L", "."),
  unordered("find", "-H", "srclink", "-type", "f"),
  unordered("find", "-P", "srclink", "folder"),
  unordered("find", "./", "-maxdepth", "1"),
  unordered("find", ".", "-mindepth", "2", "-type", "f,l"),
  unordered("find", ".", "-name", "src", "-prune", "-o", "-type", "f", "-print"),
  unordered("find", ".", "-path", "./src/lib", "-prune", "-o", "-name", "*.c", "-print0"),
  unordered("find", ".", "!", "-name", "*.*", "-not", "-type", "d"),
  unordered("find", ".", "(", "-name", "*.c", "-o", "-iname", "A*.TXT", ")", "-a", "-print"),
  unordered("find", ".", "-type", "f", "-name", "*.txt", ",", "-type", "l", "-printf", "link %P\\n"),
  unordered("find", ".", "-false", "-o", "-true"),
  unordered("find", ".", "-regex", ".*/[a-z]+\\.\\(c\\|md\\)"),
  ...[
    String.raw`.*/\(a+?\|run\)\.[^.]*`,
    "*./run.sh",
    String.raw`./\(*\|run\).sh`,
    "./r+*un?.sh",
    String.raw`./[]r]u\{1\}n.sh`,
    String.raw`.*\+.*`,
  ].flatMap((pattern) =>
    ["emacs", "findutils-default"].map((type) => unordered("find", ".", "-regextype", type, "-regex", pattern)),
  ),
  unordered("find", ".", "-regextype", "posix-extended", "-iregex", ".*/[A-Z]{4}\\.(c|md)"),
  unordered("find", ".", "-xtype", "f"),
  unordered("find", "-L", ".", "-xtype", "l"),
  unordered("find", ".", "-lname", "a*"),
  unordered("find", ".", "-samefile", "a.txt"),
  unordered("find", "-L", ".", "-samefile", "a.txt"),
  unordered("find", ".", "-perm", "644"),
  unordered("find", ".", "-perm", "/u=x,g=x", "-type", "f"),
  unordered("find", ".", "-perm", "-a+x"),
  unordered("find", ".", "-executable", "-readable", "-writable"),
  unordered("find", ".", "-empty"),
  unordered("find", ".", "-size", "+10c", "-size", "-20c"),
  unordered("find", ".", "-newer", "a.txt"),
  unordered("find", ".", "-newermt", "2001-01-01", "!", "-newermt", "2002-01-01"),
  unordered("find", ".", "-user", "root", "-uid", "0", "-links", "1", "-type", "f"),
  unordered("find", ".", "-printf", "%f|%h|%P|%H|%m|%M|%d|%l|%y|%Y|%u|%U\\n"),
  unordered("find", ".", "!", "-type", "d", "-printf", "%p|%s|%k|%b\\n"),
  unordered("find", "src", "folder/", "-printf", "%10f|%-12h|%03d|%TY-%Tm-%Td %TH:%TM|%T@|%t\\n"),
  unordered("find", ".", "-name", "*.c", "-printf", "\\101\\t%%%p\\n\\cnever"),
  unordered("find", ".", "-depth", "-name", "lib", "-o", "-depth", "-path", "*lib*"),
  unordered("find", ".", "-name", "a*", "-fprint", "out.lst", "-type", "f", "-fprintf", "other.lst", "%f\\n"),
  unordered("find", ".", "-name", "*.c", "-exec", "grep", "-n", "TODO", "{}", "+"),
  unordered("find", ".", "-name", "*.c", "-exec", "grep", "-q", "TODO", "{}", ";", "-print"),
  unordered("find", ".", "-type", "f", "-name", "*.txt", "-exec", "wc", "-l", "{}", ";"),
  unordered("find", ".", "-name", "*.txt", "-exec", "sh", "-c", 'echo "$1" has $(wc -l < "$1")', "_", "{}", ";"),
  unordered("find", "src", "-type", "f", "-execdir", "echo", "in:{}", ";"),
  unordered("find", "src", "-name", "*.md", "-execdir", "echo", "{}", "+"),
  unordered("find", ".", "-name", "*.c", "-exec", "cp", "{}", "{}.bak", ";", "-exec", "rm", "{}", ";"),
  unordered("find", ".", "-name", "*.txt", "-exec", "false", "{}", "+"),
  { ...unordered("find", ".", "-name", "*.c", "-ok", "rm", "{}", ";"), stdin: "n\nn\n" },
  unordered("find", "src", "-delete"),
  unordered("find", "src", "-name", "lib", "-delete"),
  line("find src -name main.c -print -quit"),
  line("find a.txt nowhere b.txt"),
  line("find . -nonsense"),
  line("find . -name"),
  line("find . ( -name a"),
  line("find . -type q"),
  line("find . -maxdepth one"),
  line("find . -exec"),
  line("find . -exec echo {} {} +"),
  line("grep TODO a.txt b.txt"),
  line("grep -n TODO a.txt"),
  unordered("grep", "-rn", "TODO", "src"),
  line("grep -c e a.txt"),
  line("grep -i todo a.txt"),
  line("grep -v e a.txt"),
  line("grep -l TODO a.txt b.txt names.txt"),
  line("grep nothing a.txt"),
  line("grep x nowhere"),
  line("grep -q one a.txt"),
  line("grep -w fig names.txt"),
  line("grep -A1 two a.txt"),
  line("grep -o t.. a.txt"),
  argv("grep", "-E", "^(one|two)$", "a.txt"),
  line("grep -F . a.txt"),
  line("grep -Hn -e one -e five a.txt"),
  line("grep -r -l TODO src/lib"),
  line("grep two a.txt /dev/null"),
  line("grep two", { stdin: "one\ntwo\n" }),
  unordered("grep", "-rn", "TODO", "."),
  unordered("grep", "-rn", "TODO"),
  unordered("grep", "-rc", "TODO"),
  unordered("grep", "-rI", "TODO", "."),
  unordered("grep", "-ra", "TODO", "src"),
  unordered("grep", "-rl", "TODO", "srclink"),
  unordered("grep", "-R", "-l", "TODO", "src"),
  unordered("grep", "-rn", "--include", "*.c", "TODO"),
  unordered("grep", "-rn", "--exclude-dir=lib", "TODO", "src"),
  line("grep -r TODO link"),
  line("grep TODO src a.txt"),
  line("grep TODO src/zeros a.txt"),
  line("grep A binary.bin"),
  line("grep -c TODO src/zeros"),
  line("grep -a TODO src/zeros"),
  line("grep -I TODO src/zeros"),
  line("grep -l TODO src/zeros"),
  line("grep x", { stdin: "x\0y\nx\n" }),
  argv("grep", "\\<one\\>", "a.txt"),
  argv("grep", "-oE", "\\<(t|f)", "a.txt"),
  argv("grep", "o\\+", "names.txt"),
  line("grep -nA1 two a.txt"),
  line("grep -ne one a.txt"),
  line("grep -c -m1 e a.txt"),
  line("grep -z TODO src/zeros"),
  line("grep -bZH TODO a.txt"),
  line("grep --color=always -n o a.txt b.txt"),
  argv("grep", "-E", "(.)\\1", "a.txt"),
  argv("grep", "\\<", "a.txt"),
  argv("grep", "-oP", "t\\K\\w+", "a.txt"),
  line("egrep one|two a.txt"),
  line("egrep -c (a|e)+ a.txt b.txt"),
  line("fgrep -c e a.txt b.txt"),
  line("fgrep -n . a.txt"),
  unordered("grep", "-rL", "TODO", "src"),
  line("grep -r TODO a.txt"),
  line("sed s/one/ONE/ a.txt"),
  line("sed -i.bak s/echo/ECHO/ run.sh a.txt"),
  line("sed --in-place=.orig s/one/ONE/ a.txt"),
  line("sed -i s/one/ONE/ link"),
  line("sed -i.bak s/one/ONE/ link"),
  line("sed -i p nowhere a.txt"),
  line("sed -i p src a.txt"),
  line("sed p nowhere a.txt"),
  argv("sed", "1i\\header", "a.txt"),
  argv("sed", "1i\\  header", "a.txt"),
  argv("sed", "/two/c\\changed", "a.txt"),
  argv("sed", "2,3c\\changed", "a.txt"),
  argv("sed", "$a\\last", "a.txt"),
  argv("sed", "-e", "p", "-e", "i one", "-e", "i two", "a.txt"),
  argv("sed", "s/.*/\\U&/", "a.txt"),
  argv("sed", "s/\\(.\\)\\(.*\\)/\\u\\1\\U\\2\\E!/", "a.txt"),
  argv("sed", "s/\\w\\+/\\u&/g;s/T/\\l&/", "a.txt"),
  argv("sed", "s/o/\\\\n/", "a.txt"),
  argv("sed", "s/\\<f/X/g;s/e\\>/Y/", "a.txt"),
  argv("sed", "s/\\</X/g", "a.txt"),
  argv("sed", "s/\\(e\\)\\1/X/", "a.txt"),
  argv("sed", "-n", "s/one/ONE/w /dev/null", "a.txt"),
  argv("sed", "-n", "/o/w with-o\n/e/w with-e", "a.txt", "b.txt"),
  argv("sed", "2r b.txt\n3R src/main.c", "a.txt"),
  line("sed -s -n $p a.txt b.txt"),
  line("sed -s 1F a.txt b.txt"),
  line("sed -z s/\\n/,/g a.txt"),
  line("sed -i.bak s/one/ONE/ link run.sh"),
  line("sed -isrc/*.old s/one/ONE/ a.txt"),
  line("sed --follow-symlinks -i s/one/ONE/ link"),
  line("sed -i d dangling a.txt"),
  line("sed -i 2q5 run.sh b.txt"),
  line("sed q5 a.txt"),
  line("sed k a.txt"),
  line("sed w src a.txt"),
  line("sed s/\\xff/X/ binary.bin"),
  line("sed -f - a.txt", { stdin: "s/one/1/\np\n" }),
  { ...argv("sed", "R /dev/stdin", "a.txt"), stdin: "x\ny\n" },
  line("sed --expression=s/one/ONE/ a.txt"),
  line("sed -ne 2p a.txt"),
  line("sed -s -n 2p a.txt"),
  argv("sed", "/e/,/e/d", "a.txt"),
  argv("sed", "/one/,/three/s/o/0/;/one/,/three/s/e/3/", "a.txt"),
  argv("sed", "-E", "/one|two/d", "a.txt"),
  line("sed -n 2,3p a.txt"),
  line("sed -i s/one/ONE/ a.txt b.txt"),
  argv("sed", "-i", "-e", "s/one/ONE/", "a.txt"),
  line("sed /two/d a.txt"),
  argv("sed", "-E", "s/(t)(.)/\\2\\1/g", "a.txt"),
  argv("sed", "-e", "1i\\", "-e", "first", "a.txt"),
  line("sed $d a.txt"),
  line("sed s/a/b/", { stdin: "a\na\n" }),
  argv("awk", "-F,", "NR > 1 { total += $3 } END { print total }", "table.csv"),
  argv("awk", '{ print NR ": " $1 }', "a.txt"),
  argv("awk", "-v", "x=3", "BEGIN { print x * 2; exit 4 }"),
  argv("awk", '{ n[$1]++ } END { print n["apple"] }', "names.txt"),
  argv("awk", "{ n[$1]++ } END { print length(n) }", "names.txt"),
  argv("awk", 'BEGIN { print "B" } END { print NR }', "a.txt", "b.txt"),
  argv("awk", "NR == FNR { seen[$1]; next } $1 in seen", "a.txt", "b.txt"),
  argv("awk", "length > 4 { print length }", "a.txt"),
  argv("awk", "{ exit 3 } END { print NR }", "a.txt"),
  argv("awk", "-F,", "-v", "OFS=;", "{ $1 = $1; print }", "table.csv"),
  argv("awk", 'BEGIN { printf "%05.2f %+.1f %-6.1f|% d %x\\n", 3.14159, 2, 7.2, 5, 255; print int(-3.7) }'),
  argv("awk", "!seen[$1]++", "names.txt"),
  argv("awk", '{ gsub(/o/, "0"); print }', "a.txt"),
  argv("awk", '/TODO/ { print FILENAME ":" FNR }', "a.txt", "b.txt"),
  argv("awk", '{ printf "%-8s|%5.2f\\n", $1, NR / 3 }', "a.txt"),
  line("diff a.txt names.txt"),
  line("diff a.txt b.txt"),
  line("diff -u a.txt b.txt"),
  line("diff -c a.txt b.txt"),
  line("diff -e a.txt names.txt"),
  line("diff -n a.txt b.txt"),
  line("diff -y a.txt b.txt"),
  line("diff -q a.txt b.txt"),
  line("diff -s a.txt link"),
  line("diff -r src srclink/lib"),
  line("diff -ruN src folder"),
  line("diff -rq src src/lib"),
  line("diff src src/lib"),
  line("diff a.txt src"),
  line("diff a.txt binary.bin"),
  line("diff binary.bin src/zeros"),
  line("diff -u empty.txt a.txt"),
  line("diff -u --label x --label y a.txt b.txt"),
  line("diff - a.txt", { stdin: "one\ntwo\n" }),
  line("diff -w a.txt b.txt"),
  line("diff a.txt"),
  line("diff -u a.txt a.txt"),
  line("diff a.txt nowhere"),
  line("ln a.txt hard"),
  line("ln -f a.txt b.txt"),
  line("ln a.txt b.txt"),
  line("ln a.txt run.sh src"),
  line("ln -s a.txt soft"),
  line("ln -sf a.txt link"),
  line("ln -s ../a.txt src"),
  line("ln -sr a.txt src/soft"),
  line("ln -sfn lib srclink"),
  line("ln -s x a.txt"),
  line("ln -v -s a.txt soft"),
  line("ln nowhere x"),
  line("ln src x"),
  line("link a.txt hard"),
  line("link a.txt b.txt"),
  line("link a.txt"),
  line("tac", { stdin: "a\nb\n" }),
  line("tac a.txt b.txt - binary.bin", { stdin: "a\nb" }),
  line("tac nowhere a.txt src"),
  line("tac -b a.txt b.txt"),
  line("tac --separator=ee a.txt"),
  line("tac -s aa", { stdin: "aaaaab" }),
  line("tac -s  binary.bin"),
  line("tac -r -s [eo]+ a.txt"),
  line("tac -r -s e* a.txt"),
  argv("tac", "-brs", "e.\\|^f\\|x\\?", "a.txt"),
  line("tac -r -s . a.txt"),
  line("tac -r -s ee$ a.txt"),
  line("tac -r -s a\\{2\\}", { stdin: "aaaab" }),
  line("patch a.txt", { stdin: "--- a.txt\n+++ a.txt\n@@ -1,3 +1,4 @@\n one\n-two\n+zwei\n+drei\n three\n" }),
  line("patch -s -p1", { stdin: "--- a/src/lib/deep.c\n+++ b/src/lib/deep.c\n@@ -1 +1 @@\n-int deep;\n+long deep;\n" }),
  line("patch -R -p0", { stdin: "--- a.txt\n+++ a.txt\n@@ -1,2 +1,3 @@\n one\n+two\n three\n" }),
  line("patch --dry-run a.txt", { stdin: "--- a.txt\n+++ a.txt\n@@ -2 +2 @@\n-two\n+2\n" }),
  line("patch a.txt", { stdin: "--- a.txt\n+++ a.txt\n@@ -11,3 +11,3 @@\n two\n-three\n+3\n TODO: four\n" }),
  line("patch a.txt", { stdin: "--- a.txt\n+++ a.txt\n@@ -1,3 +1,3 @@\n none\n-two\n+2\n three\n" }),
  line("patch a.txt", { stdin: "--- a.txt\n+++ a.txt\n@@ -1,2 +1,2 @@\n one\n-2\n+zwei\n" }),
  line("patch -p1", {
    stdin: "--- /dev/null\n+++ b/new/file\n@@ -0,0 +1,2 @@\n+x\n+y\n\\ No newline at end of file\n",
  }),
  line("patch -p1", { stdin: "--- a/src/lib/deep.c\n+++ /dev/null\n@@ -1 +0,0 @@\n-int deep;\n" }),
  line("patch b.txt", {
    stdin: "--- b.txt\n+++ b.txt\n@@ -5,2 +5,2 @@\n five\n-six\n\\ No newline at end of file\n+seven\n",
  }),
  line("patch -p1", { stdin: "no patch\n" }),
  ...["", "-N ", "-t ", "-f ", "-s ", "-N -s ", "-t -s ", "-b ", "--dry-run ", "-t --dry-run "].flatMap((options) => [
    line(`patch ${options}a.txt`, { stdin: appliedPatch }),
    line(`patch ${options}-R a.txt`, { stdin: appliedPatch.replaceAll(/^[+]two$/gm, "+2").replace("-zwei", "-two") }),
    line(`patch ${options}-p1`, { stdin: "--- /dev/null\n+++ b/b.txt\n@@ -0,0 +1 @@\n+new\n" }),
    line(`patch ${options}-p1`, { stdin: "--- a/gone\n+++ /dev/null\n@@ -1,2 +0,0 @@\n-x\n-y\n" }),
    line(`patch ${options}-p1 -R`, { stdin: "--- a/empty.txt\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n" }),
  ]),
  line("xxd a.txt"),
  line("xxd -p binary.bin"),
  line("xxd -g1 -c 8 -u b.txt"),
  line("xxd -b -l 0x10 a.txt"),
  line("xxd -e a.txt"),
  line("xxd -s -5 -o 3 a.txt"),
  line("xxd -i binary.bin"),
  line("xxd -a -c 4", { stdin: `${"\0".repeat(30)}x${"\0".repeat(17)}` }),
  line("xxd -a", { stdin: "\0".repeat(32) }),
  line("xxd a.txt dump.txt"),
  line("xxd -r -p", { stdin: "68 65\n6c zz\n6f" }),
  line("xxd -r - b.txt", { stdin: "00000002: 4142 43  ABC\n00000040: 5a\n" }),
  line("xxd nowhere"),
  line("hexdump a.txt"),
  line("hexdump -C binary.bin a.txt"),
  line("hexdump -C -n 20 -s 3 names.txt"),
  line("hexdump -v", { stdin: "x".repeat(99) }),
  line("hexdump -bC binary.bin"),
  line("hexdump -c utf8.txt"),
  line("hexdump -dox binary.bin"),
  line("hexdump -C nowhere a.txt"),
  line("hexdump -C src"),
  line("hexdump empty.txt"),
  line("hd names.txt"),
  line("hd nowhere"),
  line("tar -tf nowhere.tar"),
  line("tar -tf a.txt"),
  line("tar -tf empty.txt"),
  line("tar -cf out.tar"),
  line(`tar ${asRoot} --sort=name -cf out.tar src run.sh link dangling empty.txt`),
  line(`tar ${asRoot} --sort=name -cvf out.tar folder`),
  line(`tar ${asRoot} --sort=name -cf - src/lib`),
  line(`tar ${asRoot} --sort=name -cvvf out.tar src run.sh link`),
  line(`tar ${asRoot} -cf out.tar -C src main.c lib/notes.md`),
  line(`tar ${asRoot} --sort=name --exclude=*.c -cf out.tar src`),
  line(`tar ${asRoot} --sort=name --no-recursion -cf out.tar src a.txt`),
  line(`tar ${asRoot} -cf out.tar a.txt nowhere`),
  line(`tar ${asRoot} -rf new.tar a.txt`),
  line("gzip -dc nowhere.gz"),
  line("gzip nowhere"),
  line("jq . data.json"),
  line("jq -r .name data.json"),
  line("jq .tags[1] data.json"),
  line("jq -c .size data.json"),
  line("jq -c .n lines.json"),
  line("jq -s length lines.json"),
  line("jq -e .none data.json"),
  argv("jq", '.tags | map(. + "!")', "data.json"),
  argv("jq", "-r", '[.name, 1.5, "a,\\"b", null, true] | @csv', "data.json"),
  argv("jq", "-r", '[.name, "a\\tb\\\\", null] | @tsv', "data.json"),
  argv("jq", "-r", ".tags | @sh", "data.json"),
  // It speaks UTF-8 whatever the locale, and orders by code points.
  ...[
    '"naïve café 😀" | length, utf8bytelength, .[2:3], .[11:], explode, @uri, tojson, test("^.{12}$")',
    '"é😀b" | split(""), ([233,128512] | implode), ltrimstr("é"), gsub("😀"; "-"), ascii_downcase',
    '["", "a", "ab", "abc", "é😀"] | map(@base64), map(@base64 | @base64d)',
    '["b", "A", "a", "B", "_", "é", "￿", "😀"] | sort, (map({k: .}) | sort_by(.k) | map(.k)), min, max',
    '["b", "A", "b", 2, null, 1] | unique, (map({k: .}) | unique_by(.k), group_by(.k))',
    "{b: 1, A: 2, a: 3} | keys, to_entries",
    '"aXbX" | [match("(?<n>x)(y)?"; "gi")], [match("z")], match("x"; "i")',
    '"ab" | [match(""; "g").offset]',
    '"é😀b" | match("b")',
    '"\\u00e9\\ud83d\\ude00"',
    'env.V // "none"',
  ].map((filter) => argv("jq", "-nc", filter)),
  argv("jq", "-nac", '["é", "😀"]'),
  argv("jq", "-nc", "--arg", "x", "ö", "[$x, ($x | length)]"),
  line("jq .a", { stdin: '{"a": 1}' }),
  line("jq .", { stdin: "no json", but: { reason: "since jq 1.7 a parse error is 5", exit: 5 } }),
];

beforeAll(async () => {
  engine = openEngine({ store: join(top, "store.sqlite") });
  makeFolder(join(top, "fixture"));
  tree = (await engine.importFolder(join(top, "fixture"))).oid;
  // All tools are read for it, once.
  findTool(engine, "sh", [repository]);
}, 120_000);
afterAll(async () => {
  await engine.close();
  rmSync(top, { recursive: true, force: true });
});

describe("a command does what the native one does", () => {
  test.each(
    cases.filter(({ argv: [name] }) => isThere(name as string)).map((each) => [each.argv.join(" "), each] as const),
  )("%s", async (_text, each) => {
    const ours = await runOurs(each);
    const { reason: _reason, ...instead } = each.but ?? { reason: "" };
    const wanted = { ...runNative(each), ...instead };
    const ordered = (text: string) => (each.isUnordered ? text.split("\n").toSorted().join("\n") : text);
    wanted.stdout = ordered(wanted.stdout);
    const said = { exit: ours.exit, stdout: ordered(ours.stdout), tree: ours.tree };
    if (ours.exit !== wanted.exit) expect({ ...said, stderr: ours.stderr }).toEqual(wanted);
    expect(said).toEqual(wanted);
  });
});

/** Archives and compressed files say when and by whom they were made, and each implementation compresses in its own way: what is in them is compared. */
describe("what one packs the other unpacks", () => {
  const fixture = join(top, "fixture");
  const shellHere = (script: string, input: Buffer) => {
    const folder = join(top, `unpacked-${++folders}`);
    mkdirSync(folder);
    const { status, stdout, stderr } = spawnSync("sh", ["-c", script], { cwd: folder, input, env: native });
    if (status !== 0) throw new Error(stderr.toString());
    return { folder, stdout };
  };
  const fileIn = (root: string, name: string) =>
    engine.get(engine.list(root as Oid).find((each) => each.name === name)?.oid as Oid).body;
  const withFile = (root: Oid, name: string, bytes: Buffer) =>
    engine.putTree([...engine.list(root), { mode: "100644", name, oid: engine.putBlob(bytes) }]);

  const names = ["src", "link", "run.sh"];
  const archived = (...options: readonly string[]) =>
    spawnSync("tar", ["-cf", "-", ...options, "-C", fixture, ...names], { env: native }).stdout;
  const unpackedTree = () =>
    treeOf(shellHere(`cp -a ${names.map((name) => `${fixture}/${name}`).join(" ")} .`, Buffer.alloc(0)).folder) as Oid;

  test("tar, exec bits and symlinks kept, with gzip and without", async () => {
    for (const options of ["-cf", "-czf"]) {
      const packed = await runOurs(line(`tar ${options} out.tar ${names.join(" ")}`));
      expect(packed.exit).toBe(0);
      const { folder } = shellHere(
        `tar -x${options === "-czf" ? "z" : ""}f -`,
        Buffer.from(fileIn(packed.tree, "out.tar")),
      );
      expect(treeOf(folder)).toBe(unpackedTree());
    }
    for (const options of [[], ["-z"], ["--format=pax"], ["--format=ustar"], ["--format=v7"]]) {
      const archive = archived(...options);
      const unpacked = await runOurs(line("tar -xf in.tar"), withFile(engine.putTree([]), "in.tar", archive));
      const wanted = withFile(
        (
          await engine.importFolder(
            shellHere(`cp -a ${names.map((name) => `${fixture}/${name}`).join(" ")} .`, Buffer.alloc(0)).folder,
          )
        ).oid,
        "in.tar",
        archive,
      );
      expect(unpacked).toMatchObject({ exit: 0, tree: wanted });
    }
  });

  test.each([
    "-tf in.tar",
    "-tvf in.tar",
    "-xf in.tar src/lib",
    "-xvf in.tar --strip-components=1",
    "-xOf in.tar src/main.c",
    "-xf in.tar nowhere",
    "-tf in.tar --wildcards *.c",
    "-xkf in.tar",
    "-xf in.tar -C src",
  ])("tar %s does what the native one does", async (words) => {
    const archive = archived();
    const folder = join(top, `archive-${++folders}`);
    mkdirSync(folder);
    makeFolder(folder);
    writeFileSync(join(folder, "in.tar"), archive);
    const { status, stdout } = spawnSync("tar", words.split(" "), { cwd: folder, env: native });
    const found = await runOurs(line(`tar ${words}`), withFile(tree, "in.tar", archive));
    expect({ exit: found.exit, stdout: found.stdout, tree: found.tree }).toEqual({
      exit: status,
      stdout: stdout.toString("latin1"),
      tree: treeOf(folder),
    });
  });

  test("gzip", async () => {
    const packed = await runOurs(line("gzip -k a.txt"));
    const content = files["a.txt"] as string;
    expect(shellHere("gzip -d", Buffer.from(fileIn(packed.tree, "a.txt.gz"))).stdout.toString()).toBe(content);
    const streamed = await runOurs(line("gzip -c", { stdin: content }));
    expect(shellHere("gzip -d", Buffer.from(streamed.stdout, "latin1")).stdout.toString()).toBe(content);
    const { stdout } = shellHere("gzip -9 -c", Buffer.from(content));
    const unpacked = await runOurs(line("gunzip in.gz"), withFile(tree, "in.gz", stdout));
    expect(Buffer.from(fileIn(unpacked.tree, "in")).toString()).toBe(content);
    expect((await runOurs(line("zcat in.gz"), withFile(tree, "in.gz", stdout))).stdout).toBe(content);
  });
});

test("every command of the table is compared several times", () => {
  const times = Map.groupBy(cases, ({ argv: [name] }) => name as string);
  const wanted =
    "ls cat head tail wc sort uniq cut tr sha256sum cp mv ln link chmod mkdir rm touch find grep egrep fgrep sed awk diff tac patch xxd hexdump hd tar gzip jq";
  expect([...times.keys()].toSorted()).toEqual(wanted.split(" ").toSorted());
  expect(Math.min(...[...times.values()].map((each) => each.length))).toBeGreaterThan(1);
});
