/** awk, diff, du, expr, find -ls, grep, sort and the regular expressions of our own beside the native commands: what they print and how they end, over tables and random texts, without an engine. */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import { awkCommand } from "../../workers/commands/awk-command.ts";
import { formatted } from "../../workers/commands/c-format.ts";
import { diff } from "../../workers/commands/diff.ts";
import { du } from "../../workers/commands/du.ts";
import { expr, nestedMax } from "../../workers/commands/expr.ts";
import { find } from "../../workers/commands/find.ts";
import { grep } from "../../workers/commands/grep.ts";
import type { OwnCall, OwnEnded, OwnFiles } from "../../workers/commands/call.ts";
import { regexOf, RegexFault } from "../../workers/commands/regex.ts";
import { sort } from "../../workers/commands/sort.ts";
import { tar } from "../../workers/commands/tar.ts";
import { filesIn } from "./real-files.ts";

const folder = mkdtempSync(join(tmpdir(), "coppice-text-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const env = { PATH: process.env["PATH"], LC_ALL: "C", TZ: "UTC", HOME: "/h" };
const runs = Number(process.env["COPPICE_TEXT_RUNS"] ?? 60);
// The same texts each time, unless somebody asks for others: native commands have corners of their own.
fc.configureGlobal({ seed: Number(process.env["COPPICE_TEXT_SEED"] ?? 1) });

const files = filesIn(folder);

function ours(own: (call: OwnCall) => OwnEnded, [name = "", ...args]: readonly string[], stdin = "") {
  const readPattern = (path: string) => (path === "-" ? stdin : files.text(path));
  const { stdout, exitCode } = own({
    name,
    args,
    env: new Map([["HOME", "/h"]]),
    files,
    stdin: () => stdin,
    readPattern,
  });
  return { stdout, exit: exitCode };
}

function native([name = "", ...args]: readonly string[], input = "") {
  const { stdout, status, error } = spawnSync(name, args, { cwd: folder, input, env });
  // What it does not read, it need not take.
  if (error !== undefined && (error as NodeJS.ErrnoException).code !== "EPIPE") throw error;
  return { stdout: stdout.toString("latin1"), exit: status };
}

function put(name: string, text: string): void {
  writeFileSync(join(folder, name), text, "latin1");
  utimesSync(join(folder, name), 1_000_000_000, 1_000_000_000);
}

// awk. The table's programs mean the same to mawk, gawk and the one true awk.
const awk = (call: OwnCall) =>
  awkCommand(call, (line, stdin) => {
    const { stdout, status } = spawnSync("sh", ["-c", line], { cwd: folder, input: stdin, env });
    return { stdout: stdout.toString("latin1"), stderr: "", exitCode: status ?? 1 };
  });
const table = "pear 3 x\napple 100 y\nfig 20 z\napple 7 w\n\nBanana 1.50 q\n10 9 8\n";
const programs: readonly (readonly [program: string, input?: string])[] = [
  ["{print $1}"],
  ["{print $NF, NF, NR}"],
  ["NR>2"],
  ["$2>10{print $1}"],
  ["{s+=$2}END{print s, s/NR}"],
  ["!seen[$1]++"],
  ['{n[$1]++}END{print n["apple"]; print length(n)}'],
  [
    'BEGIN{s="hello"; gsub(/l*/,"-",s); print s; t="abc"; gsub("","-",t); print t; u="aaa"; print gsub(/a/,"\\&x&",u), u; gsub(/x/,"\\\\&",u); print u}',
  ],
  [
    'BEGIN{s="x"; gsub(/x/,"\\\\",s); print s; s="x"; gsub(/x/,"a\\\\\\\\b",s); print s;  s="x"; gsub(/x/,"\\q",s); print s; s="x";gsub(/x/,"\\\\q",s); print s; s="x"; gsub(/x/,"\\\\\\&",s); print s}',
  ],
  ['BEGIN{print "a\\qb\\/c\\"d\\052e\\x41"; print length("\\\\.")}'],
  ['BEGIN{x["a"]=1; delete x; print length(x); $0="a b c"; $5="e"; print; print NF; $2=""; print; NF=7; print $0 "|"}'],
  ["{$1=$1}1"],
  ["BEGIN{while(i<3){i++; if(i==2)continue; print i}; do {j++} while(j<5); print j; for(;;){if(k++>3)break}; print k}"],
  ["function g(n){return n<2?n:g(n-1)+g(n-2)} BEGIN{print g(15)}"],
  ['NR==1,NR==2{print NR": "$0} /fig/,/Ban/'],
  ['function f(a,i){a["x"]=1; i=5; return i*2} BEGIN{print f(z), z["x"], i}'],
  ['BEGIN{print -"3x", +"4", !"", !"0", !0, !"a"; print (1>2)?"y":"n"}'],
  ['BEGIN{a="10"; b=9; print (a<b), ("10"<9); $0="10 9 abc 1e1"; print ($1<$2), ($3<$2), ($1==$4)}'],
  ['BEGIN { OFS="-"; print 1,2; $0="a b"; print $1,$2; $1=$1; print; print 1e3, 1E-2, .5, 011, 1.0, 3.0 "" , 1e100}'],
  [
    'BEGIN{RS=""}{print NR": "$1"-"$2"-"NF; for(i=1;i<=NF;i++)printf "[%s]",$i; print ""}',
    "\n\na b\nc\n\n\nd e\nf\n\n",
  ],
  ['BEGIN{RS="[0-9]+"}{print "<" $0 ">"}', "a1b22c\n"],
  ['BEGIN{FS=""}{print NF,$1,$2}', "hey\n"],
  ['BEGIN{RS=";"}{print NR, $0}', "a;b;c\n"],
  [
    'BEGIN{printf "%s %5.2s|%-5s|%05d|%+d|% d|%#x|%#o|%e|%G|%.3g|%10.3e|%%\\n", 1e6, "abc","ab",42,5,5,255,8,12345.678,1e-10,1234567,0.00012345}',
  ],
  [
    'BEGIN{print 7.25; printf "%.1f %.0f %.0f %.2e %.6g\\n", 7.25,0.5,1.5,1.125,1000005; OFMT="%.2f"; print 3.14159, 3.14159 ""; CONVFMT="%.3f"; print 3.14159 ""}',
  ],
  [
    'BEGIN{print split("",a,","), split("a,b,,c",a,","), a[3] "|" split("abc",b,""), b[1], split(" a  b ",c), c[1], split("aXXbXc",d,/X+/), d[3]}',
  ],
  ['BEGIN{print "first"; print "b\\na" | "sort"; close("sort"); print "last"; print "z\\ny" | "sort"; print "end"}'],
  ['{print $2 | "sort -n"} END{print "total"}'],
  ['BEGIN{getline; print "got:" $0; getline z; print z, NR}'],
  ['BEGIN{exit 3} END{print "end"}'],
  ["{exit 1} END {exit}"],
  [
    'BEGIN{print substr("hello",2,3), substr("hello",2), substr("hello",4,100) "|" substr("hello", 7) "|", substr("hello",2.5,2)}',
  ],
  [
    'BEGIN{print index("abcabc","ca"); x=match("xaab",/a+b$/); print x,RSTART,RLENGTH; print match("abc","z"), RSTART, RLENGTH; print toupper("aBc1") tolower("AbC")}',
  ],
  [
    'BEGIN { if (!("a" in x)) print "no"; x["a"]; if ("a" in x) print "yes"; print length(x); x[1,2]=3; if ((1,2) in x) print "multi"; for (k in x) { n=split(k,p,SUBSEP); t+=n } print t }',
  ],
  ["END{print NR, $0}"],
  ['BEGIN{print length "x" ; print 1==1, 2 < 10, "2" < "10", "abc" ~ "b" , "a.c" ~ /a\\.c/}'],
  ['{ if ($2 > 5) { print "big", $1 } else if ($2 == "") print "none"; else print "small" }'],
  ['BEGIN { x = "A"; y = x++; print x, y; z = "3abc"; print z + 1; print 2^10, 7%3, -7%3, 1/4, 1e6*1e3/10 }'],
  ["/apple/ && $2 < 50 || /fig/ { print NR }"],
  ['{ $2 = ""; print }'],
  ["{ print length($0), length }"],
  ['BEGIN{a["x"]=1;a["y"]=2; for(k in a) s+=a[k]; print s; delete a["x"]; print ("x" in a), ("y" in a)}'],
  ["{ line[NR] = $0 } END { for (i = NR; i > 0; i--) print line[i] }"],
  ["{ $3 = $1 * 2; print $3; print $0 }"],
  [
    'BEGIN{print 1 " " -1; print 1 -1; print 2 * 3 "x"; print "a" > "/dev/stderr"; x = y = 3; print x y; print x == 3 && y != 2}',
  ],
  [
    'BEGIN { n = split("3 1 2", a); for (i=1;i<=n;i++) for(j=i+1;j<=n;j++) if (a[j]<a[i]) {t=a[i];a[i]=a[j];a[j]=t}; for(i=1;i<=n;i++) printf "%s ", a[i]; print "" }',
  ],
  ['# comment\nBEGIN { # c\n  x = 1 ; \n\n if (x)\n print "one"\n else\n print "two" ; y = \\\n 5\n print y }'],
  ['{ sub(/a/, "[&]"); print }'],
  ['{ gsub(/[aeiou]/, "<&>"); print }'],
  ['{ gsub("p+", "P"); print $1 }'],
  ['BEGIN { $0 = "a:b:c"; FS=":"; print $1; $0 = "a:b:c"; print $1 }'],
  ['BEGIN{FS=","} {print $1}', "a,b\n c , d\n"],
  ['BEGIN{FS="|"} {print $2}', "a|b|c\n"],
  ['BEGIN{FS="\\t"} {print $2}', "a b\tc d\n"],
  ['BEGIN{FS="[ ]"} {print NF}', "a  b\n"],
  ['BEGIN{FS=" +"} {print NF, $1}', " a  b\n"],
  ['BEGIN{OFS=":"; ORS="\\n--\\n"} {$1=$1; print}'],
  ["NF"],
  ["NR%2"],
  ["END{print $1}"],
  ['{a=a $1 ","} END{print a}'],
  ['function p(s) { print "<" s ">" } { p($1) }'],
  ["function fill(arr, n,  i) { for (i=0;i<n;i++) arr[i]=i*i } BEGIN { fill(q, 4); print q[3], length(q) }"],
  ['BEGIN { print substr("hello", 2) substr("x", 1, 1); print 10 % 3 * 2, 2 ^ 3 ^ 2, -2 ^ 2 }'],
  ["BEGIN { print !x + 1, !(x + 1), x++ + ++x }"],
  ['BEGIN { print "a" "b" == "ab", 1 + 1 "2" }'],
  ['{ print > "/dev/stdout" }'],
  ['BEGIN { printf("%s-%s\\n", "a", "b"); print("x", "y"); print ("x")("y") }'],
  ['BEGIN { if (1) ; else print "no"; for (i = 0; i < 3; i++) ; print i }'],
  ["BEGIN { do print i++; while (i < 3) }"],
  ["$1 ~ /^a/ { next } { print $1 }"],
  ['$1 ~ "^[A-Z]"'],
  ["!/a/"],
  ['$2 ~ /^[0-9]+$/ { t += $2 } END { printf "%d\\n", t }'],
  ["BEGIN { print length() }"],
  ['BEGIN { print substr("abc", 0) }'],
  [
    'BEGIN{printf "%5d|%-5d|%05.1f|%x|%X|%o|%c|%10s|%-10s|\\n", 42, 42, 3.14159, 255, 255, 8, "hello", "right", "left"}',
  ],
  ['BEGIN { print int(3.9), int(-3.9), int("4x"), sqrt(16), exp(0), log(1), sin(0), cos(0), atan2(0,1) }'],
  ["BEGIN { a = 5; a += 2; a -= 1; a *= 3; a /= 2; a %= 5; a ^= 2; print a }"],
  ["{ c += length($0) + 1; w += NF } END { print NR, w, c }"],
  ["length > 7"],
  ['{ print NR ": " $0 }'],
  ['{ printf "%-8s|%5.2f\\n", $1, NR / 3 }'],
  ["BEGIN { while (i++ < 3) print i; print i }"],
  ["{ if (NR == 2) nextfile; print }"],
  ['BEGIN { print 1==1.0, "1"==1, "1.0"==1, 1=="1" }'],
  ['{print $1 == 10, $1 == "10"}'],
  ["{ $0 = tolower($0); print $1 }"],
  ['{ n = NF; while (n > 0) printf "%s%s", $n, (--n ? OFS : ORS) }'],
  ["{ sum = 0; for (i = 1; i <= NF; i++) sum += $i; print sum }"],
  ['BEGIN { s = sprintf("%s=%d", "k", 3); print s; print substr(s, index(s, "=") + 1) }'],
  ['BEGIN { x["a"] = 1; f(x); print x["a"] } function f(t) { t["a"]++ }'],
  ['{ print $1, $2 > "/dev/null" } END { print "done" }'],
  ['BEGIN { regex = "^fi"; } $0 ~ regex'],
  ["BEGIN { IGNORECASE = 1 } /banana/"],
  ["/\\//{print}", "a/b\nab\n"],
  ["/[/]/{print}", "a/b\nab\n"],
  ['{ print /a/ ? "y" : "n" }'],
  ["{ x = x /a/ 1 } END { print x }"],
  ["BEGIN{a=4;b=2;print a/b/2}"],
];
test.each(programs.map(([program, input = table]) => [program, input] as const))("awk %j", (program, input) => {
  expect(ours(awk, ["awk", program], input)).toEqual(native(["awk", program], input));
});

test("awk takes its words as native ones do", () => {
  put("a.txt", "a:b\nc:d\n");
  put("p.awk", "{ print FILENAME, $1 }\n");
  for (const argv of [
    ["awk", "-F:", "{ print $2 }", "a.txt"],
    ["awk", "-F", ":", "-v", "x=a\\tb", "{ print x, $1 }", "a.txt"],
    ["awk", "-f", "p.awk", "a.txt", "FS=:", "a.txt"],
    ["awk", "--", "END { print NR }", "a.txt", "a.txt"],
    ["awk", "{ print n, $0 }", "n=1", "a.txt", "n=2", "a.txt"],
    ["awk", 'BEGIN { while ((getline line < "a.txt") > 0) n++; print n, getline, $0 }', "a.txt"],
    ["awk", 'BEGIN { print (getline line < "nowhere") }'],
    ["awk", "NR == FNR { n++; next } { print n, FNR }", "a.txt", "a.txt"],
    ["awk", "-F\\t", "{ print NF }", "a.txt"],
    ["awk", "-F.", "{ print NF }", "a.txt"],
    ["awk", "1", "nowhere"],
    ["awk"],
  ].filter(([, ...args]) => args.length > 0)) {
    expect(ours(awk, argv), argv.join(" ")).toEqual(native(argv));
  }
});

test("where awks differ, awk does as POSIX says, or as gawk", () => {
  for (const [program, input, wanted] of [
    // mawk 1.3.4 of 2020 knows no counts in braces.
    ["/^a{2}$/", "aa\na{2}\n", "aa\n"],
    // In it, 0x is a number, and what does not fit in 32 bits is none for %d.
    ['BEGIN { print "0x1A" + 0, 2 ^ 31, 2 ^ 53 }', "", "0 2147483648 9007199254740992\n"],
    ['BEGIN { printf "%d\\n", 2 ^ 40 }', "", "1099511627776\n"],
    ['BEGIN { print substr("hello", 0, 2), substr("hello", -1, 3) }', "", "h h\n"],
    // A line's end always ends a field of a paragraph.
    ['BEGIN { RS = ""; FS = ":" } { print NF, $2 }', "a:b\nc\n\nd\n", "3 b\n1 \n"],
    [
      'BEGIN { print gensub(/(a)(b)/, "\\\\2\\\\1", "g", "abab"), strftime("%F", 0), and(6, 3) }',
      "",
      "baba 1970-01-01 2\n",
    ],
    // The order of a table is that in which its elements came.
    ["{ n[$1]++ } END { for (key in n) print key, n[key] }", "z\na\n10\n9\na\n", "z 1\na 2\n10 1\n9 1\n"],
  ] as const) {
    expect(ours(awk, ["awk", program], input).stdout, program).toBe(wanted);
  }
});

test("awk ends with a sentence where it is to run what it can't", () => {
  const refused = awkCommand(
    {
      name: "awk",
      args: ['BEGIN { "date" | getline x }'],
      env: new Map(),
      files,
      stdin: () => "",
      readPattern: files.text,
    },
    () => undefined,
  );
  expect(refused).toEqual({
    stdout: "",
    exitCode: 2,
    stderr: expect.stringContaining('the command "date" can\'t be run') as string,
  });
});

test("awk ends with a sentence where functions call each other without end, or more is printed than anybody reads", () => {
  for (const program of [
    "function f() { f() } BEGIN { f() }",
    'BEGIN { x = sprintf("%1000000s", ""); for (;;) print x }',
  ]) {
    const read = { args: [program], env: new Map(), files, stdin: () => "", readPattern: files.text };
    const ended = awkCommand({ name: "awk", ...read }, () => undefined);
    expect(ended).toMatchObject({ exitCode: 2, stderr: expect.stringMatching(/^awk: .*more than \d+/) as string });
  }
});

test("numbers are written as C writes them", () => {
  const numbers = [
    0,
    0.5,
    1.5,
    2.5,
    7.25,
    1.125,
    0.045,
    9.995,
    1000005,
    99999.5,
    1e21,
    1.5e300,
    1e-5,
    0.1,
    1 / 3,
    2 ** 53,
  ];
  const formats = [
    "%.0f",
    "%.1f",
    "%.2f",
    "%.10e",
    "%.0e",
    "%.2e",
    "%g",
    "%.3g",
    "%.17g",
    "%#g",
    "%+.3f",
    "%010.2f",
    "%-12.1f|",
    "% d",
    "%x",
    "%5d",
    "%-8.3d|",
    "%a",
    "%.2a",
  ];
  for (const format of formats) {
    for (const number of numbers) {
      const isWhole = /[dx]/.test(format);
      const by = spawnSync(
        "sh",
        [
          "-c",
          'printf "$1" "$2"',
          "sh",
          format,
          isWhole ? String(BigInt(Math.trunc(Math.min(number, 2 ** 53)))) : number.toPrecision(17),
        ],
        { env },
      );
      // A shell's printf counts in long double, and writes %a otherwise.
      if (format.endsWith("a")) continue;
      const value = isWhole ? Math.trunc(Math.min(number, 2 ** 53)) : number;
      if (!Number.isSafeInteger(value * 2 ** 10) && /f|\.17/.test(format)) continue;
      expect(formatted(format, { number: () => value, text: () => "", char: () => "" }), `${format} ${number}`).toBe(
        by.stdout.toString(),
      );
    }
  }
});

// diff.
const diffLine = fc.constantFrom(
  "a",
  "b",
  "c",
  "d",
  "",
  "  a",
  "a ",
  "A",
  "\tb",
  "x y",
  "x  y",
  "{",
  "}",
  "return 0;",
  "int main()",
);
const lines = fc.oneof(
  fc.array(diffLine, { maxLength: 14 }),
  fc.array(fc.constantFrom("a", "b", "c"), { maxLength: 40 }),
);
const textOfLines = fc
  .tuple(lines, fc.boolean())
  .map(([all, isEnded]) => all.join("\n") + (isEnded && all.length > 0 ? "\n" : ""));
const diffOptions = fc.constantFrom(
  ...[
    "",
    "-u",
    "-c",
    "-U 1",
    "-C1",
    "-U0",
    "-e",
    "-n",
    "-y",
    "-q",
    "-w",
    "-b",
    "-i",
    "-B",
    "-bu",
    "-Bu",
    "-up",
    "-y -W 60",
    "-y --suppress-common-lines",
    "-ut",
    "-d",
    "-uZ",
    "-uT",
    "-E",
    "-cT",
    "-wB",
    "-s",
  ].map((each) => each.split(" ").filter((word) => word !== "")),
);

test("diff gives GNU diff's bytes for any two texts", () => {
  fc.assert(
    fc.property(textOfLines, textOfLines, diffOptions, (left, right, options) => {
      put("left", left);
      put("right", right);
      const argv = ["diff", ...options, "left", "right"];
      expect(ours(diff, argv)).toEqual(native(argv));
    }),
    { numRuns: runs * 3 },
  );
});

test("diff of long texts with much in common chooses the same changes as GNU diff", () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.tuple(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 0, max: 9 }), fc.integer({ min: 0, max: 20 })),
        { minLength: 100, maxLength: 500 },
      ),
      (all) => {
        put("left", all.map(([line]) => `l${line}\n`).join(""));
        put(
          "right",
          all
            .map(([line, what, other]) =>
              what === 0 ? "" : what === 1 ? `l${line}\nl${other}\n` : what === 2 ? `l${other}\n` : `l${line}\n`,
            )
            .join(""),
        );
        expect(ours(diff, ["diff", "left", "right"])).toEqual(native(["diff", "left", "right"]));
      },
    ),
    { numRuns: runs / 2 },
  );
});

test("diff of folders tells what GNU diff tells", () => {
  for (const path of ["d", "d/s", "d/only", "e", "e/s", "e/as-file"]) mkdirSync(join(folder, path));
  for (const [path, text] of Object.entries({
    "d/same": "same\n",
    "e/same": "same\n",
    "d/two words": "1\n",
    "e/two words": "2\n",
    "d/binary": "x\0",
    "e/binary": "y\0",
    "d/as-file": "f\n",
    "d/unended": "no",
    "e/unended": "no\n",
    "d/only/file": "z\n",
    "e/s/new": "n\n",
    "d/empty": "",
    "e/empty": "e\n",
    'd/q"t': "1\n",
    'e/q"t': "2\n",
  }))
    put(path, text);
  symlinkSync("..", join(folder, "d/up"));
  symlinkSync("..", join(folder, "e/up"));
  for (const words of [
    "d e",
    "-r d e",
    "-ruN d e",
    "-rq d e",
    "-rs d e",
    "-c d/s e/s",
    "d/same e",
    "d nowhere",
    "-rN -x s* -x *y d e",
    "-rP d e",
    "--no-dereference -r d e",
    "-a d/binary e/binary",
    "-q d/binary e/binary",
    "-u --label L1 --label L2 d/unended e/unended",
    "-N d/nothing e/empty",
    "-r d/ e/",
    "-qs d/same e/same",
    "d/same",
    "--bogus d e",
    "-U x d e",
  ]) {
    const argv = ["diff", ...words.split(" ")];
    expect(ours(diff, argv), words).toEqual(native(argv));
  }
});

const unasked = () => Promise.reject(new Error("it was not asked to"));

/** What is no regular expression is told by whoever calls. */
function exprOrFault(call: OwnCall): OwnEnded {
  try {
    return expr(call);
  } catch (error) {
    if (!(error instanceof RegexFault)) throw error;
    return { stdout: "", stderr: "", exitCode: 2 };
  }
}

/** What stands in front in a listing is the machine's: a number, whose it is, its time. */
function listedNames(listing: string): readonly string[] {
  return listing
    .split("\n")
    .map((line) => line.replace(/^.*?(?= odd)/, ""))
    .toSorted();
}

test("find -ls writes odd characters in names and targets as GNU find does", async () => {
  const characters = Array.from({ length: 127 }, (_, code) => String.fromCharCode(code + 1)).filter(
    (char) => char !== "/",
  );
  mkdirSync(join(folder, "odd"));
  for (const char of characters) put(join("odd", `a${char}b`), "");
  symlinkSync(`to ${characters.join("")}`, join(folder, "odd/link"));
  const argv = ["find", "odd", "-type", "f,l", "-ls"];
  const call = {
    name: "find",
    args: argv.slice(1),
    env: new Map(),
    files,
    stdin: () => "",
    readPattern: () => undefined,
  };
  const { stdout } = await find(call, { remove: unasked, start: unasked });
  expect(listedNames(stdout)).toEqual(listedNames(native(argv).stdout));
});

const ofFiles = ({ stdout }: { readonly stdout: string }) =>
  stdout
    .split("\n")
    .filter((line) => !/\tdu(?:\/a|\/a\/b|\/e)?$/.test(line))
    .toSorted();

// du. What folders take differs from one file system to the next, so of these it is written down; of files it is asked.
test("du counts what files and folders take, once each, as GNU du does", () => {
  for (const path of ["du", "du/a", "du/a/b", "du/e"]) mkdirSync(join(folder, path));
  for (const [path, bytes] of Object.entries({
    "a/five": 5000,
    "a/b/one": 1,
    "e/big": 3_000_000,
    "e/empty": 0,
    "z z": 9999,
  }))
    put(join("du", path), "x".repeat(bytes));
  symlinkSync("a", join(folder, "du/link"));
  const look: OwnFiles["look"] = (path, follows) => {
    const found = files.look(path, follows);
    return found?.isDirectory === true ? { ...found, size: 4096 } : found;
  };
  const told = (words: string) =>
    du({
      name: "du",
      args: words.split(" "),
      env: new Map(),
      files: { ...files, look },
      stdin: () => "",
      readPattern: () => undefined,
    });
  expect(told("du").stdout).toBe("8\tdu/a/b\n20\tdu/a\n2936\tdu/e\n2972\tdu\n");
  expect(told("-S du").stdout).toBe("8\tdu/a/b\n12\tdu/a\n2936\tdu/e\n16\tdu\n");
  expect(told("-hd1 du").stdout).toBe("20K\tdu/a\n2.9M\tdu/e\n3.0M\tdu\n");
  expect(told("-csm du/a du").stdout).toBe("1\tdu/a\n3\tdu\n3\ttotal\n");
  expect(told("-s --exclude=b --exclude=e/* du").stdout).toBe("32\tdu\n");
  expect(told("-sD du/link none")).toEqual({
    stdout: "20\tdu/link\n",
    stderr: "du: cannot access 'none': No such file or directory\n",
    exitCode: 1,
  });
  for (const options of ["-a", "-ab", "-ah --apparent-size", "-a --apparent-size", "-aB 1", "-aBK", "-aB 512", "-am"]) {
    const argv = ["du", ...options.split(" "), "du"];
    expect(ofFiles(ours(du, argv)), options).toEqual(ofFiles(native(argv)));
  }
  for (const options of ["-as", "-d x", "-Z", "-B x", "--bogus"])
    expect(ours(du, ["du", ...options.split(" ")]), options).toEqual(native(["du", ...options.split(" ")]));
});

// expr.
test.each(
  String.raw`
abc : a\(.\)
abc : b
abc : a.
abc : \(x\)
abc : ^ab
abc : x*
abc : \(x*\)
a : a\|b
aa : \(a\)\1
a*c : a*c
abc : \(a\)\(b\)
abc : a\{1,2\}
abc : *a
a^b : a^b
foo.c : \(.*\)\.c
/usr/lib : .*/\(.*\)
length abc
length
length ( abc )
+ length : l
+
length + length
1 + 2
1 + x
5 / 0
7 / -2
-7 % 3
3 * 4 + 2
2 + 3 * 4
( 2 + 3 ) * 4
( 2
( 2 + 3 x
)
1 | 1 / 0
0 & 1 / 0
1 / 0 | 1
a & b
a & 0
0 | 0
10 < 9
a10 < a9
a = a
a == b
a != b
01 = 1
1 >= 1 < 2
a < b & c
3 - 2 - 1
substr abcdef 2 3
substr abc 0 2
substr abc 2 x
substr abc 2 99
substr 1 2
index abcdef xdc
index abc z
match abc ab
match abc \(b\)
1 2
1 +
-- 1 + 1
--
-1
0
00
-0
007
99999999999999999999 * 99999999999999999999
1.5 + 1
+1 + 1
abc : [
|
`
    .trim()
    .split("\n"),
)("expr %s", (words) => {
  const argv = ["expr", ...words.split(" ")];
  expect(ours(exprOrFault, argv)).toEqual(native(argv));
});

test("expr takes empty texts, lines and bytes as GNU expr does, and ends where parts stand too deep in each other", () => {
  for (const words of [
    [],
    [""],
    ["", "|", ""],
    ["", "|", "x"],
    ["a\nb", ":", "a.b"],
    ["a\nb", ":", ".*"],
    [" 1", "+", "1"],
  ]) {
    const argv = ["expr", ...words];
    expect(ours(exprOrFault, argv), JSON.stringify(words)).toEqual(native(argv));
  }
  expect(ours(expr, ["expr", ...Array<string>(2 * nestedMax).fill("length"), "x"])).toEqual({ stdout: "", exit: 2 });
});

// sort.
const sortWord = fc.constantFrom(
  ..."pear Apple apple 10 9 -3 1.5 0010 1K 2M 1e3 Jan feb a-b a_b file1.txt file10.txt file2.txt 1.2.3 1.10 ~ a~ .5 -0 foo.tar.gz v1.0-rc1 zz inf nan B b 3G .. .hid".split(
    " ",
  ),
  "",
  " x",
  "x y",
);
const sortOptions = fc.constantFrom(
  ...[
    "",
    "-r",
    "-n",
    "-nr",
    "-u",
    "-f",
    "-fu",
    "-d",
    "-i",
    "-g",
    "-h",
    "-hr",
    "-M",
    "-V",
    "-Vr",
    "-b",
    "-s -f",
    "-k2",
    "-k2,2n",
    "-k1,1 -k2n",
    "-k2,2nr -k1,1",
    "-t, -k2",
    "-t, -k2,2n -k3r",
    "-k1.2",
    "-k1.2,1.3",
    "-k2b,2",
    "-nu",
    "-k2,2 -s",
    "-k2,2 -u",
    "-c",
    "-cu",
    "-C",
    "-cr",
    "-cn",
    "-z",
    "-t, -k1,1f -k2,2M",
    "-bf",
    "-df",
    "-k2.2b,3.1b",
    "-rs -k1,1",
    "-k3,3 -k1",
    "-ru",
    "-gu",
    "-t, -nk2",
    "-rk2,2n",
  ].map((each) => each.split(" ").filter((word) => word !== "")),
);

test("sort orders and checks as GNU sort", () => {
  fc.assert(
    fc.property(
      fc.array(fc.array(sortWord, { minLength: 1, maxLength: 3 }), { maxLength: 9 }),
      fc.constantFrom(" ", ","),
      sortOptions,
      (all, between, options) => {
        put("unsorted", all.map((words) => `${words.join(between)}\n`).join(""));
        const argv = ["sort", ...options, "unsorted"];
        expect(ours(sort, argv)).toEqual(native(argv));
      },
    ),
    { numRuns: runs * 3 },
  );
});

// Regular expressions.
const extendedAtom = fc.constantFrom(
  "a",
  "b",
  "c",
  ".",
  "[ab]",
  "[^a]",
  "(a|b)",
  "(ab|a)",
  "(b*)",
  "x",
  "\\w",
  "\\<a",
  "[[:digit:]]",
  "1",
  "_",
  " ",
);
const basicAtom = fc.constantFrom(
  "a",
  "b",
  "c",
  ".",
  "[ab]",
  "[^a]",
  "\\(a\\|b\\)",
  "\\(ab\\|a\\)",
  "\\(b*\\)",
  "x",
  "\\w",
  "\\<a",
  "1",
  "*",
);
const expressionOf = (atom: fc.Arbitrary<string>, counts: readonly string[]) =>
  fc
    .array(fc.tuple(atom, fc.constantFrom("", "", "", ...counts)), { minLength: 1, maxLength: 4 })
    .map((all) => all.map((each) => each.join("")).join(""));
const kinds = fc.oneof(
  fc.tuple(fc.constant(true), expressionOf(extendedAtom, ["*", "+", "?", "{2}", "{1,2}"])),
  fc.tuple(fc.constant(false), expressionOf(basicAtom, ["*", "\\+", "\\?", "\\{2\\}", "\\{1,2\\}"])),
);

test("a regular expression matches where grep -o says", () => {
  const text = fc.array(
    fc.string({ unit: fc.constantFrom("a", "a", "b", "c", "x", "A", "B", "1", " ", "_"), maxLength: 9 }),
    { minLength: 1, maxLength: 5 },
  );
  fc.assert(
    fc.property(
      kinds,
      fc.constantFrom("", "", "-w", "-x"),
      fc.boolean(),
      text,
      ([isExtended, pattern], edge, ignoresCase, all) => {
        const argv = [
          "grep",
          "-no",
          isExtended ? "-E" : "-G",
          ...(edge === "" ? [] : [edge]),
          ...(ignoresCase ? ["-i"] : []),
          "-e",
          pattern,
        ];
        const wanted = native(argv, all.map((each) => `${each}\n`).join(""));
        let found = "";
        let exit = 1;
        try {
          const within = edge === "" ? {} : { within: edge === "-w" ? ("words" as const) : ("text" as const) };
          const regex = regexOf(pattern, { isExtended, ignoresCase, ...within });
          for (const [at, each] of all.entries()) {
            if (regex.test(each)) exit = 0;
            for (let from = 0; from < each.length;) {
              const [start = -1, end = -1] = regex.find(each, from) ?? [];
              if (start < 0) break;
              if (end > start) found += `${at + 1}:${each.slice(start, end)}\n`;
              from = end > start ? end : start + 1;
            }
          }
        } catch (error) {
          if (!(error instanceof RegexFault)) throw error;
          exit = 2;
        }
        expect({ stdout: found, exit }).toEqual(wanted);
      },
    ),
    { numRuns: runs * 3 },
  );
});

// What would be a JavaScript error, or the end of the process.
test.each([
  ['BEGIN{s="x";while(1)s=s s}', "a text is longer than"],
  ['BEGIN{while(1)s=s sprintf("%1000000d",1)}', "a text is longer than"],
  ["BEGIN{print and(log(-1),1)}", "has no bits"],
  ['BEGIN{print strftime("%Y",1e300)}', "is no time"],
  [`BEGIN{print ${"(".repeat(50_000)}1${")".repeat(50_000)}}`, "nested too deeply"],
  [`BEGIN${"{".repeat(50_000)}${"}".repeat(50_000)}`, "nested too deeply"],
])("awk ends what is too large, too deep or no number in a sentence: %#", (program, sentence) => {
  const { stderr, exitCode } = awk({
    name: "awk",
    args: [program],
    env: new Map(),
    files,
    stdin: () => "",
    readPattern: () => undefined,
  });
  expect([exitCode, stderr]).toEqual([2, expect.stringContaining(sentence)]);
});

test("awk stores a file once for all that was written between two looks", () => {
  let puts = 0;
  const counting: OwnFiles = { ...files, text: () => undefined, put: () => ++puts > 0 };
  const program = 'BEGIN{print 1 > "g"; for(i=0;i<100;i++) getline x < ("none" i); print 2 > "g"}';
  awkCommand(
    { name: "awk", args: [program], env: new Map(), files: counting, stdin: () => "", readPattern: () => undefined },
    () => undefined,
  );
  expect(puts).toBe(2);
});

test.each([["--parallel=4"], ["--batch-size=2"], ["-k 2"], ["-k", " 2,  3"], ["-r"], ["-ru"], ["-u"]])(
  "sort %s %s is as native",
  (...options) => {
    put("plain", "b 2\na 10\nB 1\nb 2\n\na 2\nc");
    const call = ["sort", ...options, "plain"];
    expect(ours(sort, call)).toEqual(native(call));
  },
);

test.each(["[[:alpha:]]", "[!f]*", "[^f]*", "[z-a]", "[", "[a", "*.o", "?", "\\f", "f**", "[]f]", "g"])(
  "diff leaves out the names of %s as native",
  (pattern) => {
    for (const side of ["left", "right"]) {
      mkdirSync(join(folder, "globs", side), { recursive: true });
      for (const name of ["f", "g", "ff", "x.o", "["]) put(`globs/${side}/${name}`, side);
    }
    const call = ["diff", "-rq", "-x", pattern, "globs/left", "globs/right"];
    expect(ours(diff, call)).toEqual(native(call));
  },
);

test("diff -p of many changes looks at each line once for the function", () => {
  const numbered = Array.from({ length: 60_000 }, (_, at) => ` ${at}`);
  put("few", `${numbered.join("\n")}\n`);
  put("other", `${numbered.map((line, at) => (at % 9 === 0 ? `${line}x` : line)).join("\n")}\n`);
  put("functions", `int a()\n${numbered.slice(0, 30).join("\n")}\nint b()\n${numbered.slice(30, 60).join("\n")}\n`);
  put(
    "changed",
    `int a()\n${numbered.slice(0, 29).join("\n")}\nnew\nint b()\n${numbered.slice(30, 59).join("\n")}\nend\n`,
  );
  for (const call of [
    ["diff", "-U1", "-p", "few", "other"],
    ["diff", "-U1", "-p", "functions", "changed"],
  ])
    expect(ours(diff, call)).toEqual(native(call));
});

const archive = (call: readonly string[], texts: ReadonlyMap<string, string>) =>
  tar(
    {
      name: "tar",
      args: call,
      env: new Map(),
      files: { ...files, text: (path) => texts.get(path) ?? files.text(path) },
      stdin: () => "",
      readPattern: () => undefined,
    },
    {
      makeFolder: async () => {},
      makeFile: async () => {},
      makeLink: async () => {},
      copy: async () => {},
    },
  );

/** A header of another type and size. */
const retyped = (block: string, letter: string, size: number) => {
  const bare = `${block.slice(0, 124)}${size.toString(8).padStart(11, "0")}\0${block.slice(136, 148)}        ${letter}${block.slice(157)}`;
  const sum = Array.from(bare).reduce((total, char) => total + char.charCodeAt(0), 0);
  return `${bare.slice(0, 148)}${sum.toString(8).padStart(6, "0")}\0 ${bare.slice(156)}`;
};

test("tar takes any pattern, and lists members of any time", async () => {
  put("member", "text");
  const { stdout: made } = await archive(["-cf", "-", "--exclude=[", "--exclude=[z-a]*", "member"], new Map());
  const record = "26 mtime=9999999999999999\n";
  const head = made.slice(0, 512);
  const strange = retyped(head, "x", record.length) + record.padEnd(512, "\0") + made;
  const listed = await archive(["-tvf", "strange"], new Map([["strange", strange]]));
  expect(listed).toMatchObject({ exitCode: 0, stdout: "-rw-r--r-- root/root         4 1970-01-01 00:00 member\n" });
});

test("tar answers a broken archive in a sentence", async () => {
  put("member", "text".repeat(300));
  for (const mode of ["-cf", "-czf"]) {
    const { stdout: made } = await archive([mode, "-", "member"], new Map());
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(Math.min(made.length - 1, 1500)), fc.nat(255)), { minLength: 1, maxLength: 6 }),
        fc.nat(made.length),
        async (changes, length) => {
          const bytes = Array.from(made.slice(0, length));
          for (const [at, byte] of changes) if (at < length) bytes[at] = String.fromCharCode(byte);
          const { exitCode, stderr } = await archive(["-tvf", "broken"], new Map([["broken", bytes.join("")]]));
          if (exitCode !== 0) expect(stderr).toMatch(/^tar: /);
        },
      ),
      { numRuns: runs * 5, seed: 7 },
    );
  }
});

test("what is no program of awk's, and no list of options, ends in a sentence", () => {
  const piece = fc.constantFrom(
    ...'{ } ( ) [ ] ; \n , $ + - ++ -- ! ~ !~ = == += ^= ? : && || | > >> < / % ^ " \\ x NF $1 $0 1 2.5 "a" /b+/ BEGIN END if else while for in do break continue next exit return delete getline print printf function f( length substr( split( sub( gsub( match( sprintf( and( lshift( close( a[ -1 1e400'.split(
      " ",
    ),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 14 }), (pieces) => {
      const program = `{${pieces.join(" ")}}`;
      const ended = awkCommand(
        {
          name: "awk",
          args: [program.replaceAll(/\b(?:while|for|do)\b/g, "if")],
          env: new Map(),
          files: { ...files, put: () => true },
          stdin: () => "a b\nc\n",
          readPattern: () => undefined,
        },
        () => undefined,
      );
      if (ended.exitCode === 2) expect(ended.stderr).toMatch(/^awk: /);
    }),
    { numRuns: runs * 30, seed: 11 },
  );
  const option = fc.oneof(
    fc.string({ unit: "binary-ascii", maxLength: 4 }).map((text) => `-${text}`),
    fc.constantFrom(
      "--help",
      "--k",
      "-k",
      "2n",
      "-t",
      ",",
      "--sort=x",
      "-U",
      "-x",
      "[",
      "-I",
      "(",
      "-F",
      "\\(",
      "-W",
      "0",
    ),
  );
  put("some", "b\na\n");
  fc.assert(
    fc.property(fc.array(option, { maxLength: 4 }), (options) => {
      for (const [own, name] of [
        [sort, "sort"],
        [diff, "diff"],
        [awk, "awk"],
      ] as const) {
        try {
          ours(own, [name, ...options, "some", "some"]);
        } catch (error) {
          // commands.ts makes a sentence of it.
          if (!(error instanceof RegexFault)) throw error;
        }
      }
    }),
    { numRuns: runs * 10, seed: 13 },
  );
});
// grep.
test("grep says what GNU grep says of files, folders and stdin", () => {
  for (const path of ["g", "g/lib", "g/lib/deep", "g/none"]) mkdirSync(join(folder, path));
  for (const [path, text] of Object.entries({
    "g/a.txt": "one\ntwo\nthree\nTODO: four\nfive\n\nfoo_bar foo bar\nabab cdcd\n",
    "g/b.txt": "one\n2\nthree\nfour TODO\nfive\nsix",
    "g/lib/main.c": "int main(void) {\n\treturn 0; // TODO\n}\n",
    "g/lib/deep/x.c": "TODO one\n".repeat(3),
    "g/lib/deep/-odd": "TODO odd\n",
    "g/binary": "TODO x\0TODO y\nx\nTODO\n",
    "g/late": `${"TODO 4567\n".repeat(12_000)}\0TODO\n`,
    "g/zeros": "one\ntwo\0two\nthree\0\0four",
    "g/crlf": "one\r\ntwo\r\n",
    "g/bytes": "\xff\xfeone\n\xc3\xa9\n",
    "g/empty": "",
    "g/patterns": "one\nfour\n",
    "g/blank": "\n",
    "g/globs": "*.c\n# no\n\nb*\n",
  }))
    put(path, text);
  symlinkSync("lib", join(folder, "g/link"));
  symlinkSync("..", join(folder, "g/lib/up"));
  symlinkSync("nowhere", join(folder, "g/dangling"));
  symlinkSync("a.txt", join(folder, "g/file-link"));
  const calls = [
    ..."TODO g/a.txt|-n TODO g/a.txt g/b.txt|-c o g/a.txt|-c o g/a.txt g/b.txt|-l TODO g/a.txt g/crlf g/b.txt|-L TODO g/a.txt g/crlf g/b.txt|-L zz g/a.txt".split(
      "|",
    ),
    ..."-q one g/a.txt|-q one nowhere g/a.txt|-q one g/a.txt nowhere|-q zz nowhere|-s one nowhere g/a.txt|one nowhere|-o o. g/a.txt|-on o. g/a.txt g/b.txt|-ob o. g/a.txt|-b o g/a.txt|-bn o g/a.txt".split(
      "|",
    ),
    ..."-H one g/a.txt|-h one g/a.txt g/b.txt|-hH one g/a.txt|-Hh one g/a.txt|-m1 o g/a.txt|-m 2 -c o g/a.txt|-m0 one g/a.txt|-m0 -L one g/a.txt|-m-1 one g/a.txt|-m1 -A3 o g/a.txt|-m x one g/a.txt".split(
      "|",
    ),
    ..."-A1 two g/a.txt|-B1 two g/a.txt|-C1 e g/b.txt|-1 e g/b.txt|-n1 two g/a.txt|-12 two g/a.txt|-1 -2 two g/a.txt|-A0 e g/a.txt|-A1 one g/a.txt g/b.txt|-B9 five g/a.txt g/b.txt|-nA1 two g/a.txt g/b.txt".split(
      "|",
    ),
    ..."-A1 --group-separator=XX -e one -e five g/a.txt|-A1 --no-group-separator -e one -e five g/a.txt|-A1 -v e g/a.txt|-ov e g/a.txt|-oA1 two g/a.txt|-ovA1 two g/a.txt|-vc e g/a.txt|-vn e g/b.txt|-A x e g/a.txt|-A -1 e g/a.txt".split(
      "|",
    ),
    ..."-r TODO g/lib|-rn TODO g/lib/deep|-rc TODO g/lib|-rl TODO g|-rL TODO g/lib g/none|-rh TODO g/lib|-r TODO g/a.txt|-rH TODO g/a.txt|-r TODO g/link|-r TODO g/lib/|-R TODO g/lib/deep|-Rl TODO g/link|-R nothing g|-r zz g|-ro T. g/lib".split(
      "|",
    ),
    ..."-r --include=*.c TODO g|-r --exclude=*.c TODO g|-r --exclude-dir=deep TODO g|-r --include *.txt --exclude b* TODO g|-r --exclude b* --include *.txt TODO g|--include=*.c TODO g/a.txt g/lib/main.c|--exclude=a.txt TODO g/a.txt g/b.txt".split(
      "|",
    ),
    ..."-r --exclude-from=g/globs TODO g|-r --exclude-dir=lib TODO g/lib|-r --exclude-dir=lib/ TODO g|-r --exclude-dir=g TODO g|-d skip TODO g g/a.txt|-d recurse TODO g/lib|TODO g|TODO g g/a.txt|-s TODO g g/a.txt|-c TODO g g/a.txt|-L TODO g g/a.txt".split(
      "|",
    ),
    ..."TODO g/binary|-c TODO g/binary|-c . g/binary|-v TODO g/binary|-l TODO g/binary|-o TODO g/binary|-a TODO g/binary|-ac TODO g/binary|-I TODO g/binary g/a.txt|-cI TODO g/binary|-LI TODO g/binary|--binary-files=text x g/binary|--binary-files=without-match x g/binary".split(
      "|",
    ),
    ..."--binary-files=what x g/binary|-z two g/zeros|-zc o g/zeros|-zo t.* g/zeros|-zv two g/zeros|-z ^two g/zeros|-z e$ g/zeros|-zx two g/zeros|-zn e.t g/zeros|-Zl TODO g/a.txt g/b.txt|-Z TODO g/a.txt g/b.txt|-Zc TODO g/a.txt g/b.txt|-Zn TODO g/a.txt g/b.txt".split(
      "|",
    ),
    ..."-T one g/a.txt|-nT one g/a.txt|-nTH o g/a.txt|-bTo o g/a.txt|-HTc o g/a.txt|-T one|-nTb one - g/a.txt|-T ^$ g/a.txt|-TA1 four g/a.txt|-U one g/crlf|one$ g/crlf|-x one g/a.txt|-w foo g/a.txt|-wo foo g/a.txt|-w fo g/a.txt|-xF one g/a.txt|-wF foo g/a.txt|-wi TODO g/a.txt".split(
      "|",
    ),
    ..."-f g/patterns g/a.txt|-f g/empty g/a.txt|-vf g/empty g/a.txt|-f g/blank -c g/a.txt|-f nowhere g/a.txt|-f g/patterns -e two g/a.txt|-F -f g/patterns g/b.txt|-e one -e two -on g/a.txt|-y TODO g/a.txt|-i --no-ignore-case todo g/a.txt|--no-ignore-case -i todo g/a.txt".split(
      "|",
    ),
    ..."--color=always o g/a.txt|--color=always -n o g/a.txt g/b.txt|--color=always -A1 two g/a.txt g/b.txt|--color=always -v o g/a.txt|--color=always -o o g/a.txt|--color=always -c o g/a.txt g/b.txt|--color=always -l o g/a.txt|--color=never o g/a.txt|--color=auto o g/a.txt|--colour o g/a.txt|--color=always -nT o g/a.txt|--color=always -vA1 two g/a.txt".split(
      "|",
    ),
    ..."--regexp one g/a.txt|--regexp=one g/a.txt|--count one g/a.txt|--files-with one g/a.txt|--files one g/a.txt|--line-n one g/a.txt|--no one g/a.txt|--bogus one g/a.txt|-k one g/a.txt|one g/a.txt -n|-- -n g/a.txt|one -- g/a.txt -n|-e|--label=in one -|--label=in -H one -".split(
      "|",
    ),
    ..."one|-|-c one|-H one|one - -|one - g/a.txt|-l one -|-r one -|-E (a|b)|-E a{2}|-E (ab)\\1|\\(ab\\)\\1 g/a.txt|-E (ab)\\1|(cd)\\1 g/a.txt|-oE (.)(.)\\1\\2 g/a.txt|-E a) g/a.txt|-E (a g/a.txt|[a g/a.txt|a\\ g/a.txt|a\\{1 g/a.txt|-E a{1 g/a.txt|*a g/a.txt|-E *a g/a.txt|-E +a g/a.txt|-E ^*b g/a.txt|-E {1}a g/a.txt|-E o|{,2}a g/a.txt|-E (|a)b g/a.txt|a** g/a.txt".split(
      "|",
    ),
    ..."\\<foo\\> g/a.txt|-oE \\<. g/a.txt|\\bfoo\\b g/a.txt|-o \\w* g/a.txt|-c ^ g/a.txt|-c $ g/a.txt|-c ^$ g/a.txt|-n ^$ g/a.txt g/empty|-o ^ g/a.txt|-c x* g/a.txt|[[:upper:]] g/a.txt|[:space:] g/a.txt|[[:foo:]] g/a.txt|[b-a] g/a.txt|-c . g/bytes|-o . g/bytes|-F a.b g/a.txt|-F [ g/a.txt|-E one|five g/a.txt".split(
      "|",
    ),
    ..."-P \\d+ g/b.txt|-oP o\\K\\w g/a.txt|-oP (?<=o)\\w g/a.txt|-P ^(?!.*e) g/a.txt|-nP t(?=w) g/a.txt|-oP \\bfoo\\b g/a.txt|-P [[:upper:]]{2} g/a.txt|-iP todo g/a.txt|-wP foo g/a.txt|-xP one g/a.txt|-oP .*?o g/a.txt|-oP (?i)todo g/a.txt|-oP (..)\\1 g/a.txt|-cP \\S\\s\\S g/a.txt|-P -E a g/a.txt|-oP \\Qa\\E. g/a.txt|-P (a g/a.txt|-vP e g/a.txt|-P -e a -e b g/a.txt".split(
      "|",
    ),
  ].map((words) => words.split(" ").filter((word) => word !== ""));
  calls.push(
    ["-e", "", "-c", "g/a.txt"],
    ["one\nfive", "g/a.txt"],
    ["", "g/a.txt"],
    ["-w", "", "g/a.txt"],
    ["-x", "", "g/a.txt"],
    ["-e", "a\n", "-c", "g/a.txt"],
    ["one", ""],
    ["-r", "one", ""],
    ["-F", "o b", "g/a.txt"],
    [],
  );
  const stdin = "one\ntwo\n";
  const [found, wanted]: [unknown[], unknown[]] = [[], []];
  for (const words of calls) {
    for (const name of /^-E|^-F/.test(words[0] ?? "") ? [words[0] === "-E" ? "egrep" : "fgrep", "grep"] : ["grep"]) {
      const argv = [name, ...(name === "grep" ? words : words.slice(1))];
      const [own, its] = [ours(grep, argv, stdin), native(argv, stdin)];
      const isRecursive = words.some((word) => /^-[rRd]/.test(word));
      const inOrder = (text: string) => (isRecursive ? text.split("\n").toSorted().join("\n") : text);
      found.push([argv.join(" "), { ...own, stdout: inOrder(own.stdout) }]);
      wanted.push([argv.join(" "), { ...its, stdout: inOrder(its.stdout) }]);
    }
  }
  expect(found).toEqual(wanted);
});

test("grep finds what GNU grep finds, whatever the patterns, the options and the text", () => {
  const text = fc
    .tuple(
      fc.array(fc.string({ unit: fc.constantFrom(...Array.from("aaabcxAB1 _\r\xe9")), maxLength: 9 }), {
        maxLength: 12,
      }),
      fc.boolean(),
    )
    .map(([all, isEnded]) => all.join("\n") + (isEnded && all.length > 0 ? "\n" : ""));
  const option = fc.constantFrom(
    // No colours: where a whole word or line is sought, GNU grep paints one match, or the line's end.
    ..."-i -v -w -x -c -l -L -q -o -b -n -H -h -m1 -m2 -A1 -B1 -C2 -1 -z -Z -a -T -s".split(" "),
  );
  const fixed = fc.string({ unit: fc.constantFrom(...Array.from("aabcxA.*[ _")), maxLength: 3 });
  const sought = fc.oneof(
    kinds.chain(([isExtended, first]) =>
      fc
        .array(expressionOf(isExtended ? extendedAtom : basicAtom, ["*"]), { maxLength: 2 })
        .map((rest) => [isExtended ? "-E" : "-G", ...[first, ...rest].flatMap((each) => ["-e", each])]),
    ),
    fc.array(fixed, { minLength: 1, maxLength: 3 }).map((all) => ["-F", ...all.flatMap((each) => ["-e", each])]),
    fc.constantFrom("\\(.\\)\\1", "^\\(a*\\)b\\1", "\\(a\\|b\\)x*\\1").map((each) => ["-e", each]),
  );
  fc.assert(
    fc.property(
      sought,
      fc.array(option, { maxLength: 4 }),
      text,
      text,
      fc.boolean(),
      (patterns, options, a, b, isOne) => {
        put("searched", a);
        put("also", b);
        const argv = ["grep", ...options, ...patterns, "searched", ...(isOne ? [] : ["also"])];
        expect(ours(grep, argv)).toEqual(native(argv));
      },
    ),
    { numRuns: runs * 5 },
  );
});

test("grep ends with a sentence where more is printed than anybody reads, or an expression is not to be had", () => {
  const said = (...args: readonly string[]) =>
    grep({ name: "grep", args, env: new Map(), files, stdin: () => "a\n".repeat(300), readPattern: files.text });
  expect(said("-H", "--label", "x".repeat(1_000_000), "a", "-")).toEqual({
    stdout: "",
    exitCode: 2,
    stderr: "grep: it prints more than 268435456 bytes\n",
  });
  for (const pattern of ["a++", "(?>a)", "\\p{L}", "(a\\K)", "(?R)", "\\Ga", "a\\Kb\\1"]) {
    expect(said("-P", pattern), pattern).toEqual({
      stdout: "",
      exitCode: 2,
      stderr: expect.stringMatching(/^grep: this part of a Perl expression is not known here: /) as string,
    });
  }
});
