/** Plain pipelines, which the shell does without its interpreter: they come to what the interpreter makes of them, by the same requests. A command in front of one that does nothing has the interpreter do it. */
import * as fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Store } from "../../src/store/store.ts";
import { plainPipeline } from "../../workers/shell/pipeline.ts";
import { openShell, standIn, type Shell } from "./shell-room.ts";

/** Each tells what it was called with, and then does what its arguments say. */
const body = `
  stdout = JSON.stringify([argv, strings("env"), stdin, job.args.in.oid, job.text(job.args.cwd)]) + "\\n";
  if (argv.includes("silent")) stdout = "";
  if (argv.includes("lines")) stdout = "b\\na\\nb\\n";
  if (argv.includes("says")) stderr = argv[0] + " says\\n";
  for (const each of argv) if (/^\\d+$/.test(each)) exit = Number(each);
  if (argv.includes("writes")) out = job.putTree({ [argv[0]]: "written\\n" });
  if (argv.includes("shouts")) stderr = "x".repeat(70000);
  if (argv.includes("falls")) throw new Error("it fell");
`;
const names = ["cat", "grep", "sort", "head", "wc", "ls", "sed", "tail", "tr", "uniq", "comm", "stat"];
const tools = (store: Store) => {
  const each = standIn(store, body);
  return Object.fromEntries(names.map((name) => [name, each]));
};
const plain = (store: Store) => {
  const each = standIn(store, `${body} if (!argv.includes("silent")) stdout = "plain\\n"`);
  return { grep: each, sort: each, sed: each };
};

let shell: Shell;
beforeAll(() => {
  shell = openShell(tools, names, plain);
});
afterAll(() => shell[Symbol.asyncDispose]());

type How = NonNullable<Parameters<Shell["run"]>[1]>;

/** What both come to, and what is executed once the interpreter was through. */
async function both(script: string, how: How = {}) {
  const interpreted = await shell.run(["-c", `:; ${script}`], how);
  const done = await shell.run(["-c", script], how);
  return { interpreted: interpreted.outcome, done: done.outcome, executed: shell.commands(done) };
}

async function mustAgree(script: string, how: How = {}): Promise<void> {
  const { interpreted, done, executed } = await both(script, how);
  expect([script, done, executed]).toEqual([script, interpreted, []]);
}

test.each([
  "cat a.txt",
  "cat a.txt | sort",
  "grep 'a b' a.txt|sort -r\t|  head -n 5 \n",
  `grep -e "x'y" 'a"b'"c d"e=f a.txt | wc -l`,
  "grep '' a.txt | sort",
  "cat silent | sort says 3 | head says 4",
  "cat says 3 | sort silent | wc",
  "cat writes | ls | sort writes | ls",
  "cat writes 126 | ls",
  "cat writes | ls 200 says | head",
  "cat writes | ls falls | head",
  "cat shouts | ls writes | ls",
  "cat lines | sort | sort -r | uniq -c | head -n 2",
  "ls a=b | stat - | tail -f x | head",
  "cat a.txt | tail -f",
  "cat /tmp/x | ls",
  "cat 'a*' | ls './[a-z]' '~' '$HOME' \"{a,b}\"",
])("%j is what the interpreter makes of it", (script) => mustAgree(script));

test.each<How>([{ stdin: "something\n" }, { cwd: "/sub" }, { cwd: "/nowhere" }])("so it is with %j", async (how) => {
  for (const script of ["cat a.txt | sort | ls", "sort | head -n 1"]) await mustAgree(script, how);
});

const safe = (text: string) => text.replaceAll(/[^\w./:,+@%=-]/g, "");

test("random pipelines, quoted in any way, are what the interpreter makes of them", async () => {
  const char = fc.constantFrom(...Array.from("ab1./:,+@%=-_ *?[]{}()<>;&#!~^$`\\\"'|"));
  const word = fc
    .array(fc.tuple(fc.constantFrom("", "'", '"'), fc.string({ unit: char, maxLength: 4 })), {
      minLength: 1,
      maxLength: 3,
    })
    .map((parts) =>
      parts
        .map(([quote, text]) =>
          quote === ""
            ? safe(text)
            : quote === "'"
              ? `'${text.replaceAll("'", "")}'`
              : `"${text.replaceAll(/[$`\\"!]/g, "")}"`,
        )
        .join(""),
    );
  const act = fc.constantFrom("silent", "lines", "says", "3", "writes", "-n 2", "127");
  const stage = fc
    .tuple(fc.constantFrom(...names), fc.array(fc.oneof({ weight: 3, arbitrary: word }, act), { maxLength: 4 }))
    .map(([name, args]) => [name, ...args].join(" "));
  let plainOnes = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(stage, { minLength: 1, maxLength: 4 }),
      fc.constantFrom("|", " | ", "|\t"),
      async (stages, bar) => {
        const script = stages.join(bar);
        if (plainPipeline(script) !== undefined) plainOnes++;
        await mustAgree(script);
      },
    ),
    { numRuns: 60 },
  );
  expect(plainOnes).toBeGreaterThan(20);
});

test.each([
  [
    "cat a | sort -k2",
    [
      ["cat", "a"],
      ["sort", "-k2"],
    ],
  ],
  ["cat 'a b'\"c\"d ''", [["cat", "a bcd", ""]]],
  ["cat\n", [["cat"]]],
])("%j is one, of these words", (script, stages) => {
  expect(plainPipeline(script)).toEqual(stages);
});

test.each([
  "",
  " ",
  "|",
  "cat |",
  "| cat",
  "cat | | sort",
  "cat || sort",
  "cat |& sort",
  "cat; sort",
  "cat & sort",
  "cat a\nsort",
  "cat $x",
  "cat `x`",
  'cat "$x"',
  'cat "a\\"b"',
  "cat a\\ b",
  "cat *.txt",
  "cat [ab]",
  "cat a?",
  "cat {a,b}",
  "cat ~",
  "cat < a",
  "cat > a",
  "cat 2>&1",
  "cat # a",
  "! cat",
  "x=1 cat",
  "time cat",
  "echo a",
  "sh -c x",
  "find .",
  "xargs cat",
  "'cat' 'a",
  "cat \u00e9",
  "cat 'a\nb'",
  "if cat",
  "( cat )",
  "ln a b",
  `cat ${"a".repeat(5000)}`,
  Array.from({ length: 33 }, () => "cat").join("|"),
])("%j is none", (script) => {
  expect(plainPipeline(script)).toBeUndefined();
});
