/**
 * Commands: each over a tree in an engine that has run it before, not remembered (under a salt of its own) and remembered, against the machine's own command on the same files.
 *
 * Native times are two: as a small program of Node's gets the command's output, which is what would be done otherwise, and a ratio is to that; and of one call in a loop of a small shell, the least that a process takes.
 * What both define is compared byte for byte; rows of commands whose packages are not installed, or that the machine lacks, are left out.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { openEngine, type Engine, type Oid } from "../../src/engine.ts";
import { findTool, toolFolders } from "../../src/tools/find-tool.ts";
import { CommandNotFound } from "../../src/tools/tool-errors.ts";
import { putLayout, type Layout } from "../guests/command.ts";
import { withFolder } from "./apart.ts";
import { median, row, timedRow, type Row, type Timed } from "./row.ts";

interface Call {
  readonly name: string;
  readonly argv: readonly string[];
  /** Why what it prints is its own, where it is. */
  readonly differs?: string;
}

const calls: readonly Call[] = [
  { name: "true", argv: ["true"] },
  { name: "echo", argv: ["echo", "hello"] },
  { name: "pwd", argv: ["pwd"], differs: "the folder is the tree's root" },
  { name: "ls, 100 entries", argv: ["ls", "hundred"] },
  { name: "cat, 128 KB", argv: ["cat", "a.txt"] },
  { name: "wc, 128 KB", argv: ["wc", "a.txt"] },
  { name: "sort, 128 KB", argv: ["sort", "a.txt"] },
  { name: "sha256sum, 128 KB", argv: ["sha256sum", "a.txt"] },
  { name: "grep, 128 KB", argv: ["grep", "-n", "TODO now", "a.txt"] },
  { name: "sed, 128 KB", argv: ["sed", "s/TODO/DONE/", "a.txt"] },
  { name: "find, 1,000 files", argv: ["find", "thousand", "-name", "f1*"], differs: "the order of entries" },
  { name: "tar, 100 files", argv: ["tar", "-cf", "-", "hundred"], differs: "owners and times" },
  { name: "gzip, 128 KB", argv: ["gzip", "-c", "a.txt"], differs: "another deflater" },
  { name: "jq, 70 KB", argv: ["jq", "-c", ".[].id", "a.json"] },
  {
    name: "a pipeline of four",
    argv: ["sh", "-c", "grep TODO a.txt | sort | uniq -c | head -n 5"],
  },
];
export interface ToolSizes {
  readonly rounds: number;
  /** Calls of a round, ours and native. */
  readonly calls: number;
  /** Calls after which V8 has compiled what runs. */
  readonly warmUp: number;
  /** Rows of these names alone. Default: all. */
  readonly names?: readonly string[];
}

export function toolRows(sizes: ToolSizes): Promise<Row[]> {
  return withFolder(async (folder) => {
    const files = join(folder, "files");
    const layout = layoutOf();
    writeLayout(files, layout);
    const engine = openEngine({ store: join(folder, "tools.sqlite") });
    try {
      const tree = putLayout(engine, layout);
      const rows: Row[] = [];
      const wanted = calls.filter(({ name }) => sizes.names?.includes(name) ?? true);
      for (const call of wanted) rows.push(...(await rowsOf(engine, tree, files, call, sizes)));
      return rows;
    } finally {
      await engine.close();
    }
  });
}

async function rowsOf(engine: Engine, tree: Oid, files: string, call: Call, sizes: ToolSizes): Promise<Row[]> {
  const worker = workerOf(engine, tree, call);
  if (worker === undefined) return [];
  const cold: Timed[] = [];
  const remembered: Timed[] = [];
  const native: number[] = [];
  const inLoop: number[] = [];
  const hasNative = spawnSync("sh", ["-c", `command -v ${call.argv[0]}`]).status === 0;
  const own = hasNative ? outputOf(files, call.argv) : undefined;
  const env = { HOME: "/", LANG: "C.UTF-8", PATH: "/bin", PWD: "/", TZ: "UTC" };
  for (let round = -1; round < sizes.rounds; round++) {
    for (const samples of [cold, remembered]) {
      const count = round < 0 ? sizes.warmUp : sizes.calls;
      for (let at = 0; at < count; at++) {
        const startedMs = performance.now();
        const { outcome, jobs } = await engine.exec({ worker, argv: call.argv, in: tree, env, salt: `${round} ${at}` });
        const ms = performance.now() - startedMs;
        if (outcome.kind === "failed") throw new Error(`${call.name}: ${outcome.message}`);
        if (at === 0 && own !== undefined && call.differs === undefined) mustPrint(engine, call, outcome.oid, own);
        if (round >= 0) samples.push({ ms, jobs: jobs.executed, oid: outcome.oid });
      }
    }
    if (round < 0 || !hasNative) continue;
    native.push(nativeMs(files, call.argv, sizes.calls));
    inLoop.push(loopMs(files, call.argv, sizes.calls));
  }
  const coldRow = timedRow(`${call.name}, not remembered`, cold);
  const ratio = native.length === 0 ? {} : { ratioToDirect: coldRow.value / median(native) };
  return [
    { ...coldRow, ...ratio },
    timedRow(`${call.name}, remembered`, remembered),
    ...(native.length === 0
      ? []
      : [row(`${call.name}, native`, "ms", native), row(`${call.name}, native, in a shell's loop`, "ms", inLoop)]),
  ];
}

function workerOf(engine: Engine, tree: Oid, { argv }: Call): Oid | undefined {
  try {
    return findTool(engine, argv[0] as string, toolFolders(process.cwd()), { argv, in: tree, cwd: "/" }).worker;
  } catch (error) {
    if (error instanceof CommandNotFound) return undefined;
    throw error;
  }
}

function mustPrint(engine: Engine, { name }: Call, result: Oid, own: Buffer): void {
  const said = engine.commandResult(result);
  const printed = said === undefined ? undefined : Buffer.from(engine.get(said.stdout).body);
  if (printed?.equals(own) !== true) throw new Error(`${name}: it prints something else than the native command`);
}

const nativeCalls = fileURLToPath(new URL("./native-calls.ts", import.meta.url));
const nativeEnvironment = { PATH: process.env["PATH"], LC_ALL: "C", TZ: "UTC" };

function outputOf(folder: string, [name, ...args]: readonly string[]): Buffer {
  return execFileSync(name as string, args, { cwd: folder, env: nativeEnvironment });
}

function nativeMs(folder: string, argv: readonly string[], count: number): number {
  const times = execFileSync(process.execPath, [nativeCalls, folder, String(count), ...argv], {
    encoding: "utf8",
  });
  return median(JSON.parse(times) as number[]);
}

function loopMs(folder: string, [name, ...args]: readonly string[], count: number): number {
  const loop = (body: string) => {
    const text = `i=0; while [ $i -lt ${count} ]; do ${body}; i=$((i+1)); done`;
    const startedMs = performance.now();
    execFileSync("sh", ["-c", text], { cwd: folder, env: nativeEnvironment });
    return performance.now() - startedMs;
  };
  // By its path, since a shell has some built in.
  const path = execFileSync("which", [name as string], { encoding: "utf8" }).trim();
  const words = [path, ...args.map((each) => `'${each}'`)].join(" ");
  return (loop(`${words} > ../out`) - loop(":")) / count;
}

function layoutOf(): Layout {
  const text = Array.from({ length: 5000 }, (_, at) => textLine(at))
    .join("")
    .slice(0, 131_071);
  const json = Array.from({ length: 1600 }, (_, at) => ({ id: at, name: `n${at}`, of: [at, at * 2] }));
  return {
    "a.txt": `${text}\n`,
    "a.json": JSON.stringify(json),
    hundred: numbered(100, (at) => `${at}\n`, "f"),
    thousand: numbered(10, (folder) => numbered(100, (at) => `${folder} ${at}\n`, "f"), "d"),
  };
}

function textLine(at: number): string {
  return `line ${(at * 7919) % 3200} of some text with TODO${at % 17 === 0 ? " now" : ""}\n`;
}

/** Entries by a prefix and their numbers. */
function numbered(count: number, of: (at: number) => string | Layout, prefix: string): Layout {
  return Object.fromEntries(Array.from({ length: count }, (_, at) => [`${prefix}${at}`, of(at)]));
}

function writeLayout(folder: string, layout: Layout): void {
  mkdirSync(folder);
  for (const [name, what] of Object.entries(layout)) {
    if (typeof what === "string") writeFileSync(join(folder, name), what);
    else writeLayout(join(folder, name), what as Layout);
  }
}
