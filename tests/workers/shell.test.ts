/** The worker `sh`: what its nested runs are, what it sees, what it does at its limits, and that scripts do what they do in the system's bash. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { emptyTree } from "../../src/store/object.ts";
import { parseOid, type Oid } from "../../src/store/oid.ts";
import type { Store } from "../../src/store/store.ts";
import { decodeTree, type TreeEntry } from "../../src/store/tree.ts";
import { openShell, standIn, type Shell } from "./shell-room.ts";

/** Tools that are scripts, for what does not depend on what a tool does. */
const tools = (store: Store) => ({
  // Files of the root, or stdin.
  cat: standIn(
    store,
    `const names = new Map(job.tree(job.args.in).map((entry) => [entry.name, entry]));
     if (argv.length === 1) stdout = stdin;
     for (const name of argv.slice(1)) {
       if (names.has(name)) stdout += job.text(names.get(name));
       else { stderr += "cat: " + name + ": No such file or directory\\n"; exit = 1; }
     }`,
  ),
  env: standIn(store, "stdout = 'not asked'"),
  printenv: standIn(store, "stdout = strings('env').join('\\n') + '\\n'"),
  put: standIn(
    store,
    `const entries = new Map(job.tree(job.args.in).map((entry) => [entry.name, entry]));
     entries.set(argv[1], argv[2]);
     out = job.putTree(entries);`,
  ),
  sort: standIn(store, "stdout = stdin.split('\\n').slice(0, -1).toSorted().map((line) => line + '\\n').join('')"),
  "sort-too": standIn(
    store,
    "stdout = stdin.split('\\n').slice(0, -1).toSorted().map((line) => line + '\\n').join('')",
  ),
  trap: standIn(store, "stdout = 'not asked'"),
  tail: standIn(store, "stdout = stdin"),
  traps: standIn(store, "throw new Error('it fell over')"),
  up: standIn(store, "stdout = stdin.toUpperCase()"),
  where: standIn(store, "stdout = job.text(job.args.cwd) + '\\n'"),
});

let shell: Shell;
beforeAll(() => {
  shell = openShell(tools, ["cat", "sort", "tail"]);
});
afterAll(() => shell[Symbol.asyncDispose]());

const text = async (script: string) => (await shell.end(["-c", script])).stdout;

/** The folder with another file in it. */
function withFile(name: string, content: string | Uint8Array, mode: TreeEntry["mode"] = "100644"): Oid {
  const entries = decodeTree(shell.engine.get(shell.folder).body).filter((entry) => entry.name !== name);
  return shell.engine.putTree([...entries, { mode, name, oid: shell.engine.putBlob(Buffer.from(content)) }]);
}

describe("what is remembered", () => {
  test("each stage of a pipeline is a request of its own, and a changed last stage runs alone", async () => {
    const first = await shell.run(["-c", "cat b.txt | sort-too | up | cat"]);
    expect(shell.commands(first).toSorted()).toEqual(["cat", "cat b.txt", "sort-too", "up"]);
    const second = await shell.run(["-c", "cat b.txt | sort-too | up | sort"]);
    expect(shell.commands(second)).toEqual(["sort"]);
    const third = await shell.run(["-c", "x=1; cat b.txt | sort-too | up | sort"]);
    expect(shell.commands(third)).toEqual([]);
  });

  test("a known command that reads nothing but its stdin does not run again when the folder changes", async () => {
    await shell.run(["-c", "cat a.txt | sort | up"]);
    const changed = withFile("other", "other\n");
    const again = await shell.run(["-c", "cat a.txt | sort | up"], { in: changed });
    expect(shell.commands(again).toSorted()).toEqual(["cat a.txt", "up"]);
  });

  test("a pipeline over equal bytes of another folder is remembered from there on", async () => {
    await shell.run(["-c", "cat a.txt | sort -r"]);
    const again = await shell.run(["-c", "cat copied | sort -r"], {
      in: withFile("copied", "alpha\nbeta\ngamma\nalpha\n"),
    });
    expect(shell.commands(again)).toEqual(["cat copied"]);
  });

  test("what stages print goes from one to the next and into the result unread, and is read where the shell looks at it", async () => {
    const blobs = (...contents: string[]) => contents.map((each) => shell.engine.putBlob(Buffer.from(each)));
    const printed = blobs("alpha\nbeta\ngamma\nalpha\n", "alpha\nalpha\nbeta\ngamma\n", "ALPHA\nALPHA\nBETA\nGAMMA\n");
    const readOf = async (script: string) => {
      const reads = shell.reads(await shell.run(["-c", script]));
      return printed.map((oid) => reads.includes(oid));
    };
    expect(await readOf("cat a.txt | sort 2> said | up")).toEqual([false, false, false]);
    expect(await readOf("cat a.txt | sort | { up; }")).toEqual([false, true, true]);
    expect(await readOf("cat a.txt | while read -r x; do :; done; cat a.txt | sort | x=1 up")).toEqual([
      true,
      false,
      false,
    ]);
    expect(await readOf("cat a.txt | sort > sorted; echo | up")).toEqual([false, true, false]);
    expect(await readOf("echo before; cat a.txt | sort | up")).toEqual([false, false, true]);
  });

  test("a text is looked at once: what plain calls and filters of lines print of plain text need not be", async () => {
    const sorting = 'stdout = stdin.split("\\n").slice(0, -1).sort().map((line) => line + "\\n").join("")';
    const stages = (store: Store) => ({
      grep: standIn(store, 'stdout = stdin === "" ? "alpha\\nalpha\\n" : stdin'),
      head: standIn(store, "stdout = stdin"),
      sort: standIn(store, sorting),
      up: standIn(store, "stdout = stdin.toUpperCase()"),
    });
    await using plainly = openShell(stages, ["grep", "head", "sort"], stages);
    const looks = async (script: string) => plainly.looks(await plainly.run(["-c", script]));
    expect(await looks("grep a a.txt | sort | head -n 3 | sort -r")).toBe(1);
    // Another job asks, and is answered by a memo.
    expect(await looks("grep a a.txt; grep b a.txt | sort")).toBe(0);
    expect(await looks("grep a b.txt | up | sort")).toBe(2);
    expect(await looks("grep -n \u00e9 a.txt | sort")).toBe(1);
  });

  test("a file whose first line leads back to it ends in a sentence", async () => {
    const oid = shell.engine.putBlob(Buffer.from("#!/usr/bin/env -S ./again\n"));
    const folder = shell.engine.putTree([{ mode: "100755", name: "again", oid }]);
    const { exit, stderr } = await shell.end(["-c", "./again"], { in: folder });
    expect([exit, stderr]).toEqual([126, "bash: ./again: more than 30 files start each other\n"]);
  });

  test("time, random numbers and process numbers are the request's", async () => {
    const script =
      "echo $RANDOM $RANDOM $SECONDS $$ $PPID $BASHPID; date() { printf '%(%Y)T\\n' -1; }; date; sleep 100";
    const first = await shell.run(["-c", script]);
    const second = await shell.run(["-c", script], { rerun: true });
    expect(first.outcome).toEqual(second.outcome);
    expect(await text(script)).not.toBe(await text(`${script} `));
  });
});

describe("the tree", () => {
  test("what a tool leaves is what the next command sees", async () => {
    const { stdout, out } = await shell.end([
      "-c",
      "put made 'by a tool'; read -r line < made; echo \"$line\"; echo more > made; cat made",
    ]);
    expect(stdout).toBe("by a tool\nmore\n");
    expect(decodeTree(shell.engine.get(out).body).map(({ name }) => name)).toContain("made");
  });

  test("a script that changes nothing gives the tree that it was given", async () => {
    const { out } = await shell.end([
      "-c",
      "cat a.txt > /dev/null; echo x > b; cd src; [ -f main.c ]; echo * > ../c; cd ..; : > /tmp/scratch; echo > /dev/null",
    ]);
    const names = decodeTree(shell.engine.get(out).body).map(({ name }) => name);
    expect(names).toContain("c");
    expect(names).not.toContain("tmp");
    expect((await shell.end(["-c", "cat a.txt; echo $(< b.txt); for f in */*; do :; done"])).out).toBe(shell.folder);
  });

  test("a script may go to /tmp, where its commands and those after them find what is left, and nobody after the script", async () => {
    const { out, stdout } = await shell.end([
      "-c",
      "cd /tmp && echo hi > x; pwd; echo $(< x); cd /; echo $(< /tmp/x); echo a > tmp/y",
    ]);
    expect([stdout, out]).toEqual(["/tmp\nhi\nhi\n", shell.folder]);
  });

  test("exec bits, symlinks, submodules, empty folders and names that are no UTF-8 stay", async () => {
    const { engine } = shell;
    const blob = (content: string) => engine.putBlob(Buffer.from(content));
    const odd = engine.putTree([{ mode: "100644", name: "\udcff", oid: blob("odd") }]);
    const before = engine.putTree([
      { mode: "40000", name: "empty", oid: emptyTree },
      { mode: "100755", name: "exec", oid: blob("#!/bin/sh\n") },
      { mode: "120000", name: "link", oid: blob("exec") },
      { mode: "160000", name: "module", oid: parseOid("1".repeat(40)) as Oid },
      { mode: "40000", name: "odd", oid: odd },
    ]);
    const { stdout, out } = await shell.end(
      [
        "-c",
        "for f in *; do [ -L $f ] && echo link $f; [ -x $f ] && [ -f $f ] && echo exec $f; [ -d $f ] && echo folder $f; done; echo x > empty.too; echo more >> exec",
      ],
      { in: before },
    );
    expect(stdout).toBe("folder empty\nexec exec\nlink link\nexec link\nfolder module\nfolder odd\n");
    const entries = decodeTree(engine.get(out).body);
    expect(entries.map(({ mode, name }) => `${mode} ${name}`)).toEqual([
      "100644 empty.too",
      "40000 empty",
      "100755 exec",
      "120000 link",
      "160000 module",
      "40000 odd",
    ]);
    expect(entries.find(({ name }) => name === "odd")?.oid).toBe(odd);
  });

  test("bytes that are no text pass through variables, pipes and files unchanged", async () => {
    const bytes = Buffer.from(Array.from({ length: 255 }, (_, at) => at + 1));
    const tree = withFile("bytes", bytes);
    const { stdout } = await shell.end(
      ["-c", 'cat() { while IFS= read -r l || [ -n "$l" ]; do printf \'%s\\n\' "$l"; done; }; cat < bytes'],
      { in: tree },
    );
    expect(Buffer.from(stdout, "latin1")).toEqual(Buffer.concat([bytes, Buffer.from("\n")]));
  });

  test("the current folder of a tool is the script's, without symlinks", async () => {
    const tree = shell.engine.putTree([
      ...decodeTree(shell.engine.get(shell.folder).body),
      { mode: "120000", name: "way", oid: shell.engine.putBlob(Buffer.from("src/lib")) },
    ]);
    expect(
      (await shell.end(["-c", "where; cd way; pwd; where; (cd ..; pwd; where); pwd -P"], { in: tree })).stdout,
    ).toBe("/\n/way\n/src/lib\n/\n/\n/src/lib\n");
    expect((await shell.end(["-c", "pwd; where"], { cwd: "/src" })).stdout).toBe("/src\n/src\n");
  });
});

describe("what a script sees", () => {
  test.each([
    [
      "cd ../../../..; pwd; echo *",
      "/\na.txt b.txt binary colons.txt copy.me empty lib.sh link.txt numbers.txt pairs.txt run.sh src\n",
    ],
    [
      "echo /*/main.c; [ -e /etc/passwd ] || echo none; [ -e /proc/self ] || echo none; [ -e /../etc ] || echo none",
      "/src/main.c\nnone\nnone\nnone\n",
    ],
    ["read x < /etc/hostname || echo refused; . /etc/profile; echo $?", "refused\n1\n"],
    ["printenv", "HOME=/\nLANG=C\nLC_ALL=C\nPATH=/usr/bin:/bin\nPWD=/\nTZ=UTC\n"],
    ["eval 'globalThis.process'; curl x; node -e 1; python3 -c 1; js-exec -c 1; sqlite3; echo $?", "127\n"],
    [
      "ls /bin; command -v cat; [ -x /usr/bin/sort ] && echo there; which up nothing",
      "/usr/bin/cat\nthere\n/usr/bin/up\n",
    ],
  ])("%s", async (script, stdout) => {
    expect(await text(script)).toBe(stdout);
  });

  test("symlinks out of the tree lead to its root", async () => {
    const tree = withFile("out", "../../../../../b.txt", "120000");
    expect((await shell.end(["-c", "read -r x < out; echo $x; echo changed > out"], { in: tree })).stdout).toBe(
      "beta\n",
    );
  });
});

describe("how a script ends", () => {
  test.each(["python", "python3", "sqlite3", "tar", "xan", "yq"])("%s that is no tool is not found", async (name) => {
    const { stderr, exit } = await shell.end(["-c", `${name} -c 1`]);
    expect({ stderr, exit }).toEqual({ stderr: `bash: ${name}: command not found\n`, exit: 127 });
  });

  test("--version is a line that says what the shell is", async () => {
    const { stdout, exit } = await shell.end(["--version"]);
    expect({ stdout, exit }).toEqual({
      stdout: "bash of Coppice: just-bash in a sealed job, much of GNU bash, version 5, without job control\n",
      exit: 0,
    });
  });

  test("yes says where it was ended, and why", async () => {
    const { stdout, stderr } = await shell.end([
      "-c",
      "yes > all; IFS= read -rd '' x < all; echo ${#x}; yes long words | cat | up > /dev/null",
    ]);
    expect(stdout).toBe(`${1024 * 1024}\n`);
    expect(stderr).toBe(
      "yes: ended after 1 MiB, since each command of a pipeline runs to its end before the next one begins\n".repeat(2),
    );
  });

  test.each([
    ["tail -f a.txt & kill $!", ["tail", "a.txt"]],
    ["tail -n 2 -F a.txt b.txt", ["tail", "-n", "2", "a.txt", "b.txt"]],
    ["tail -2f a.txt", ["tail", "-n", "2", "a.txt"]],
    ["tail -qfn3 --retry --pid 7 -s 1 --sleep-interval=1 -- a.txt", ["tail", "-qn3", "--", "a.txt"]],
    ["timeout 1 tail --follow=name -c +2 a.txt", ["tail", "-c", "+2", "a.txt"]],
  ])("%s ends where it would wait for more, and says so", async (script, argv) => {
    const result = await shell.run(["-c", `: ${argv.length}; ${script}`], { rerun: true });
    expect(shell.commands(result)).toEqual([argv.join(" ")]);
    const { stderr } = await shell.end(["-c", script]);
    expect(stderr).toContain("tail: -f ends here, since nothing is appended to a file while a command runs\n");
  });

  test.each(["tail -n 2 f -- -f", "tail -n -f", "tail -nf", "tail --lines -f", "cat a.txt | tail -f", "cat -f"])(
    "%s waits for nothing, and nothing is said",
    async (script) => {
      expect((await shell.end(["-c", script])).stderr).not.toContain("tail: -f ends here");
    },
  );

  test("a redirection that is refused fails its command, with what the system says, and keeps the script's edits", async () => {
    const script =
      "echo kept > k; echo a > nodir/x; echo $?; echo a > src; echo a > a.txt/x; x=$(< none); { :; } >> nodir/y";
    const { stdout, stderr, exit, out } = await shell.end(["-c", script]);
    expect({ stdout, exit, stderr }).toEqual({
      stdout: "1\n",
      exit: 1,
      stderr: [
        "bash: nodir/x: No such file or directory\n",
        "bash: src: Is a directory\n",
        "bash: a.txt/x: Not a directory\n",
        "bash: none: No such file or directory\n",
        "bash: nodir/y: No such file or directory\n",
      ].join(""),
    });
    expect(decodeTree(shell.engine.get(out).body).map(({ name }) => name)).toContain("k");
  });

  test.each([
    ["echo 'unclosed", 2, /unexpected EOF|matching/],
    ["if then", 2, /syntax error/],
    ["no-such", 127, /no-such: command not found/],
    ["echo a; if true; then select x in a; do :; done; fi", 2, /this shell has no select/],
    ["f() { coproc cat; }; f", 2, /this shell has no coproc/],
    ["trap : DEBUG", 1, /^bash: trap: DEBUG: this shell never comes to it\n$/],
    ["trap : EXIT RETURN", 1, /^bash: trap: RETURN: this shell never comes to it\n$/],
    ["(kill $$)", 143, /^$/],
    ["kill $PPID", 1, /^bash: kill: \(1\) - a shell can't signal what has started it\n$/],
    ["sh -c 'kill $PPID'", 1, /^bash: kill: \(2\) - a shell can't signal what has started it\n$/],
    ["(kill -STOP $$)", 1, /^bash: kill: SIGSTOP: nothing would let the shell go on\n$/],
    ["disown", 1, /^bash: disown: current: no such job\n$/],
    ["umask 077", 0, /^$/],
    [
      "umask 0177",
      0,
      /^bash: umask: 0177: what commands make executable stays so, since they don't learn of the mask\n$/,
    ],
    ["trap 'echo x'", 2, /^trap: usage: trap \[-lp\] \[\[arg\] signal_spec \.\.\.\]\n$/],
    ["kill -STOP $$", 1, /^bash: kill: SIGSTOP: nothing would let the shell go on\n$/],
    ["fg", 1, /^bash: fg: no job control\n$/],
    ["./a.txt", 126, /Permission denied/],
    ["traps; echo $?; exit 3", 3, /^traps: .*it fell over/],
    ["while :; do :; done", 126, /too many commands executed/],
    ["f() { f; }; f", 126, /maximum recursion depth/],
    ['f() { sh -c "$1" "$1"; }; export x=\'sh -c "$x"\'; sh -c "$x"', 126, /shells are active/],
    [":(){ :|:& };:", 126, /recursion|too many/],
  ])("%s", async (script, exit, stderr) => {
    const end = await shell.end(["-c", script]);
    expect(end.exit).toBe(exit);
    expect(end.stderr).toMatch(stderr);
  });

  test.each([
    [["-z"], "bash: -z: invalid option\n"],
    [["-c"], "bash: -c: option requires an argument\n"],
    [["--what"], "bash: --what: invalid option\n"],
    [["-o"], "bash: -o: it takes an option's name\n"],
    [["none.sh"], "bash: none.sh: No such file or directory\n"],
    [["src"], "src: src: Is a directory\n"],
  ])("started with %j it says what is wrong", async (argv, stderr) => {
    expect((await shell.end(argv)).stderr).toBe(stderr);
  });

  test("arguments that are none are a failed outcome", async () => {
    const { outcome } = await shell.engine.run({ worker: shell.worker, args: { argv: "no end" } });
    expect(outcome.kind).toBe("failed");
  });

  test("tools do not stand in for what the shell does itself", async () => {
    expect(await text("env | while read -r x; do case $x in HOME=*) echo $x;; esac; done; trap 'echo bye' EXIT")).toBe(
      "HOME=/\nbye\n",
    );
  });
});
